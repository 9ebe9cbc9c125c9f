"use strict";

// The fields are sent as texts, and what comes back is shown. Python reads, computes, checks and writes every number.
(async () => {
  const by = (id) => document.getElementById(id);
  const answered = (response) => response.json().catch(() => ({error: "the lab gave no answer"}));
  const lost = () => ({error: "the lab does not answer; was it stopped?"});
  const ask = (path, data) => fetch(path, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(data),
  }).then(answered, lost);
  const {operations, first} = await fetch("/operations").then(answered, lost);

  let view;  // what is shown, and the index of the element in it that is worked out
  let index = [];
  let turn = 0;  // answers to earlier questions than the last are not shown

  // ---- the fields

  function field(name, kind, remark) {
    const label = document.createElement("label");
    const control = document.createElement(kind);
    control.name = name;
    control.id = `field-${name}`;
    label.append(name);
    if (remark) {
      const small = document.createElement("small");
      small.textContent = remark;
      label.append(small);
    }
    label.append(control);
    return [label, control];
  }

  function options(select, values, chosen) {
    select.replaceChildren(...values.map((value) => new Option(value, value, false, value === chosen)));
  }

  function fit(area) {  // as high as what stands in it
    area.rows = Math.min(14, Math.max(area.id === "map" ? 4 : 1, area.value.split("\n").length));
  }

  function fill(form) {
    const {arrays, settings} = operations[form.operation];
    by("operation").value = form.operation;
    by("arrays").replaceChildren(...Object.entries(arrays).map(([name, remark]) => {
      const [label, area] = field(name, "textarea", remark === "optional" ? remark : "");
      area.value = form.arrays[name] || "";
      fit(area);
      return label;
    }));
    by("settings").replaceChildren(...Object.entries(settings).map(([name, usual]) => {
      const [label, control] = field(name, Array.isArray(usual) ? "select" : "input", "");
      if (Array.isArray(usual)) options(control, usual, form.settings[name] || usual[0]);
      else control.placeholder = usual;
      if (form.settings[name]) control.value = form.settings[name];
      return label;
    }));
    by("dy").value = form.dy;
    fit(by("dy"));
    options(by("what"), [form.what], form.what);
    by("answer").value = form.at && form.answer || "";
    by("map").value = form.at ? "" : form.answer || "";
    index = form.at || [];
    work();
  }

  function fields() {
    const texts = (id) => Object.fromEntries([...by(id).querySelectorAll("[name]")].map((f) => [f.name, f.value]));
    const what = by("what").value;
    return {
      operation: by("operation").value, arrays: texts("arrays"), settings: texts("settings"), what,
      dy: what.startsWith("d") ? by("dy").value : "",
    };
  }

  // ---- what comes back

  function fail(message) {
    by("error").textContent = message || "";
    by("error").hidden = !message;
    by("view").classList.toggle("stale", Boolean(message));
    if (message) by("error").scrollIntoView({block: "nearest"});
  }

  function judge({error, right, text, toml}) {
    by("verdict").textContent = error || `${right ? "✓" : "✗"} ${text}`;
    by("verdict").classList.toggle("right", Boolean(right));
    if (toml) by("toml").value = toml;
  }

  async function work() {
    const mine = ++turn;
    by("verdict").textContent = "";
    by("upstream").hidden = !by("what").value.startsWith("d");
    const {error, view: data, quantities, toml} = await ask("/work", fields());
    if (mine !== turn) return;
    fail(error);
    if (error) return;
    options(by("what"), quantities, by("what").value);
    by("toml").value = toml;
    const {name, shape} = data.result;
    by("whole").textContent = name;
    const wanted = index;
    view = showView(by("view"), data, (at) => {
      if (String(at) !== String(index)) by("verdict").textContent = "";
      index = at;
      by("element").textContent = at.length ? `${name}[${at.join(", ")}]` : name;
    });
    if (wanted.length === shape.length && wanted.every((k, axis) => k < shape[axis])) {
      view.choose(wanted.reduce((flat, k, axis) => flat * shape[axis] + k, 0));
    }
  }

  async function check(at, answer) {
    const mine = turn;
    const verdict = await ask("/check", {...fields(), at, answer});
    if (mine === turn) judge(verdict);
  }

  // ---- events

  let timer;
  by("form").addEventListener("submit", (event) => event.preventDefault());
  by("form").addEventListener("input", (event) => {
    if (event.target.id === "toml") return;
    if (event.target.id === "operation") {
      fill({operation: event.target.value, ...operations[event.target.value].form});
      return;
    }
    if (event.target.tagName === "TEXTAREA") fit(event.target);
    clearTimeout(timer);
    timer = setTimeout(work, 250);
  });
  by("one").addEventListener("submit", (event) => {
    event.preventDefault();
    check(index, by("answer").value);
  });
  by("all").addEventListener("submit", (event) => {
    event.preventDefault();
    check(null, by("map").value);
  });
  by("map").addEventListener("input", (event) => fit(event.target));
  by("hide").addEventListener("change", (event) => by("view").classList.toggle("hide", event.target.checked));
  by("copy").addEventListener("click", async () => {
    by("toml").select();
    await navigator.clipboard.writeText(by("toml").value);
    by("copied").textContent = "copied";
  });
  by("load").addEventListener("click", async () => {
    const form = await ask("/load", {toml: by("toml").value});
    fail(form.error);
    if (!form.error) fill(form);
  });

  if (!operations) {
    fail(lost().error);
    return;
  }
  options(by("operation"), Object.keys(operations), first);
  fill({operation: first, ...operations[first].form});
})();
