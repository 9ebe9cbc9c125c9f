"use strict";

// The fields are sent as texts, and what comes back is shown. Python reads, computes, checks and writes every number.
(async () => {
  const by = (id) => document.getElementById(id);
  const answered = (response) => response.json().catch(() => ({error: "the lab gave no answer"}));
  const lost = () => ({error: "the lab does not answer; was it stopped?"});
  const {operations, first} = await fetch("/operations").then(answered, lost);

  let view;  // what is shown, and the index of the element in it that is worked out
  let index = [];
  let open = false;  // whether the result is shown, or only what has been answered: the places of elements in the view
  let solved = new Set();
  const last = {};  // the last question at each address

  // The answer; none to a question that was followed by another, or forgotten.
  async function ask(path, data) {
    const mine = last[path] = {};
    const answer = await fetch(path, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(data),
    }).then(answered, lost);
    return last[path] === mine ? answer : undefined;
  }

  const forget = (path) => delete last[path];

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

  function judge({error, right, text, toml} = {}) {
    forget("/check");
    by("verdict").textContent = text ? `${right ? "✓" : "✗"} ${text}` : error || "";
    by("verdict").className = right ? "right" : "";
    if (toml) by("toml").value = toml;
  }

  // The view with a ? for all that was computed, but of solved elements: nothing that is hidden is in the page.
  function hidden() {
    const {steps, derived, elements, result} = view;
    const texts = [...view.texts, "?"];
    const unknown = view.texts.length;
    const known = (term) => term.length === 2 && term[0] >= 0;  // a given number
    const blank = (step) => ({
      kind: step.kind,
      line: texts.push(`${texts[step.line].split(" = ")[0]} = ?`) - 1,
      parts: step.parts.map((part) => ({
        ...part,
        sum: step.parts.length > 1 && part.terms.length === 1 && known(part.terms[0]) ? part.sum : unknown,  // the bias
        terms: part.terms.map((term) => known(term) ? term
          : [...term.slice(0, -1).map((factor) => factor < 0 ? factor - derived.length : factor), unknown]),
      })),
    });
    return {
      ...view,
      texts,
      result: {...result, cells: result.cells.map((cell, k) => solved.has(k) ? cell : unknown)},
      derived: [...derived, ...derived.map(([name]) => [name, unknown])],
      elements: elements.map((own, k) => solved.has(k) ? own : own.map((s) => s + steps.length)),
      steps: [...steps, ...steps.map(blank)],
    };
  }

  function place(at) {  // of an element in the view; 0 if there is none
    const {shape} = view.result;
    const is = at.length === shape.length && at.every((k, axis) => k < shape[axis]);
    return is ? at.reduce((flat, k, axis) => flat * shape[axis] + k, 0) : 0;
  }

  function draw() {
    by("reveal").textContent = open ? "Hide the result" : "Show the result";
    const {name} = view.result;
    by("whole").textContent = name;
    showView(by("view"), {...(open ? view : hidden()), first: place(index)}, (at) => {
      if (String(at) !== String(index)) {
        forget("/check");
        by("verdict").className = "past";  // its place stays, so that nothing moves under the mouse
      }
      index = at;
      by("element").textContent = at.length ? `${name}[${at.join(", ")}]` : name;
    });
  }

  async function work() {
    judge();
    by("upstream").hidden = !by("what").value.startsWith("d");
    const found = await ask("/work", fields());
    if (!found) return;
    fail(found.error);
    if (found.error) return;
    options(by("what"), found.quantities, by("what").value);
    by("toml").value = found.toml;
    view = found.view;
    solved = new Set();
    draw();
  }

  async function check(at, answer) {
    const verdict = await ask("/check", {...fields(), at, answer});
    if (!verdict) return;
    judge(verdict);
    if (!verdict.right) return;
    for (const k of at ? [place(at)] : view.elements.keys()) solved.add(k);
    draw();
  }

  // ---- events

  let timer;
  by("form").addEventListener("submit", (event) => event.preventDefault());
  by("form").addEventListener("input", (event) => {
    forget("/load");
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
  by("reveal").addEventListener("click", () => {
    open = !open;
    if (view) draw();
  });
  by("copy").addEventListener("click", async () => {
    by("toml").select();
    await navigator.clipboard.writeText(by("toml").value);
    by("copied").textContent = "copied";
  });
  by("load").addEventListener("click", async () => {
    const form = await ask("/load", {toml: by("toml").value});
    if (!form) return;
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
