"use strict";

// The fields are sent as texts, and what comes back is shown. Python reads, computes, checks and writes every number.
(async () => {
  const by = (id) => document.getElementById(id);
  const answered = (response) => response.json().catch(() => ({error: "the lab gave no answer"}));
  const lost = () => ({error: "the lab does not answer; was it stopped?"});
  const {operations, first} = await fetch("/operations").then(answered, lost);

  let view;  // what is shown, and the index of the element in it that is worked out
  let index = [];
  let example;  // that it is of, as a file
  let open = false;  // whether the result is shown, or only what has been answered: the places of elements in the view
  let solved = new Set();
  let edited;  // the field that was written into last
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

  function field(name, kind, symbol, optional) {  // called as in the formula
    const label = document.createElement("label");
    const control = document.createElement(kind);
    control.name = name;
    control.id = `field-${name}`;
    label.append(`${symbol || name} `);
    const remark = [symbol && name, optional].filter(Boolean).join(", ");
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
    const {arrays, settings, symbols} = operations[form.operation];
    const focus = document.activeElement.id;
    by("operation").value = form.operation;
    by("arrays").replaceChildren(...Object.entries(arrays).map(([name, remark]) => {
      const [label, area] = field(name, "textarea", symbols[name], remark === "optional" ? remark : "");
      area.value = form.arrays[name] || "";
      fit(area);
      return label;
    }));
    by("settings").replaceChildren(...Object.entries(settings).map(([name, usual]) => {
      const [label, control] = field(name, Array.isArray(usual) ? "select" : "input", symbols[name], "");
      if (Array.isArray(usual)) options(control, usual, form.settings[name] || usual[0]);
      else control.placeholder = usual;
      if (form.settings[name]) control.value = form.settings[name];
      return label;
    }));
    by("dy").value = form.dy;
    fit(by("dy"));
    options(by("what"), [...new Set(["y", form.what])], form.what);
    by("answer").value = form.answer || "";
    by("map").value = form.map || "";
    by("whole").open ||= Boolean(form.map);
    inquire(form.what, form.at);
    if (focus && document.activeElement.id !== focus && by(focus)) by(focus).focus();
    return work();
  }

  function inquire(name, at) {  // the element that is asked for
    index = at;
    by("element").textContent = at.length ? `${name}[${at.join(", ")}]` : name;
  }

  // An example in a file asks for an element, or for all of it.
  const loaded = ({answer, ...form}) => ({...form, at: form.at || [], [form.at ? "answer" : "map"]: answer});
  const chosen = (operation) => loaded({operation, ...operations[operation].form});

  function fields() {
    const texts = (id) => Object.fromEntries([...by(id).querySelectorAll("[name]")].map((f) => [f.name, f.value]));
    const what = by("what").value;
    return {
      operation: by("operation").value, arrays: texts("arrays"), settings: texts("settings"), what,
      dy: what.startsWith("d") ? by("dy").value : "",
    };
  }

  // ---- the address: it holds what stands in the fields, so that it can be sent; answers stay with this browser

  function address() {
    const {operation, arrays, settings, what} = fields();
    const texts = {operation, ...arrays, dy: by("dy").value, ...settings, what, at: index.join(",")};
    const short = (text) => text.trim().replace(/ *\n */g, "\n").replace(/ +/g, " ");
    const pairs = Object.entries(texts).map(([name, text]) => [name, short(text)]).filter(([, text]) => text);
    return `#${new URLSearchParams(pairs)}`;
  }

  function columns(text) {  // rows of numbers below one another, as they were before the address was made short
    const rows = text.split("\n").map((row) => row.split(" "));
    if (/[^-−\d\s.,/]/.test(text)) return text;
    const width = Math.max(...rows.flat().map((number) => number.length));
    return rows.map((row) => row.map((number) => number && number.padStart(width)).join("  ")).join("\n");
  }

  // A change is a step to come back from, unless it goes on in the same field.
  function note(field = edited) {
    const step = field !== edited && location.hash !== address() ? "pushState" : "replaceState";
    edited = field;
    history[step]({answer: by("answer").value, map: by("map").value}, "", address());
  }

  async function enter() {  // what the address holds
    const {operation = first, dy = "", what = "y", at = "", ...texts} =
      Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (!location.hash) return fill(chosen(first));
    const known = Object.hasOwn(operations, operation);
    const names = known ? Object.keys({...operations[operation].arrays, ...operations[operation].settings}) : [];
    const odd = known ? Object.keys(texts).find((name) => !names.includes(name)) : `the operation ${operation}`;
    if (odd) {
      await fill(chosen(known ? operation : first));
      fail(`the address asks for ${odd}, which this lab does not know: it was cut off, or comes from a newer version`);
      return;
    }
    const index = at ? at.split(",").map(Number) : [];
    const arrays = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, columns(text)]));
    await fill({operation, arrays, settings: texts, dy: columns(dy), what, at: index, ...history.state});
  }

  // ---- what comes back

  function fail(message, field) {
    by("error").textContent = message || "";
    by("error").hidden = !message;
    by("view").classList.toggle("stale", Boolean(message));
    for (const control of by("form").querySelectorAll("[name]")) {
      if (field && control.name === field) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    if (field) by("numbers").open = true;
    if (message) by("error").scrollIntoView({block: "nearest"});
  }

  function judge({error, right, open, text, toml} = {}) {
    forget("/check");
    by("verdict").textContent = text ? `${right ? "✓" : open ? "…" : "✗"} ${text}` : error || "";
    by("verdict").className = right ? "right" : open ? "open" : "";
    if (toml) by("toml").value = toml;
  }

  function outdate() {  // the verdict is about another answer; its place stays, so that nothing moves under the mouse
    forget("/check");
    by("verdict").className = "past";
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
    const is = at.length === shape.length && at.every((k, axis) => k >= 0 && k < shape[axis]);
    return is ? at.reduce((flat, k, axis) => flat * shape[axis] + k, 0) : 0;
  }

  function draw() {
    by("reveal").textContent = open ? "Hide the result" : "Show the result";
    const {name} = view.result;
    by("whole").querySelector("span").textContent = name;
    showView(by("view"), {...(open ? view : hidden()), first: place(index)}, (at) => {
      if (String(at) !== String(index)) outdate();
      inquire(name, at);
      note();
    });
  }

  let timer;  // of the change that is not worked out yet

  async function work() {
    clearTimeout(timer);
    timer = undefined;
    judge();
    by("upstream").hidden = !by("what").value.startsWith("d");
    const found = await ask("/work", fields());
    if (!found) return;
    fail(found.error, found.field);
    if (found.error) return;
    options(by("what"), found.quantities, by("what").value);
    by("toml").value = found.toml;
    view = found.view;
    document.title = `${view.title} · tinyunet lab`;
    if (found.toml !== example) {  // another problem: what was shown of the last one gives nothing of it away
      open = false;
      solved = new Set();
    }
    example = found.toml;
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

  by("form").addEventListener("submit", (event) => event.preventDefault());
  by("form").addEventListener("input", (event) => {
    forget("/load");
    if (event.target.id === "toml") return;
    clearTimeout(timer);
    if (event.target.id === "operation") {
      fill(chosen(event.target.value));
      note({});
      return;
    }
    if (event.target.tagName === "TEXTAREA") fit(event.target);
    note(event.target.tagName === "SELECT" ? {} : event.target);
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
  for (const field of [by("answer"), by("map")]) {
    field.addEventListener("input", () => {
      if (field.id === "map") fit(field);
      outdate();
      note();
    });
  }
  by("reveal").addEventListener("click", async () => {
    const wanted = !open;
    if (timer) await work();  // of the numbers that stand in the fields now
    open = wanted;
    if (view) draw();
  });
  for (const [button, text] of [["link", () => location.href], ["copy", () => by("toml").value]]) {
    by(button).addEventListener("click", async () => {
      await navigator.clipboard.writeText(text());
      by("copied").textContent = "copied";
    });
  }
  by("load").addEventListener("click", async () => {
    const [link] = by("toml").value.match(/#operation=\S+/) || [];  // of a lab on whatever machine and port
    if (link) {
      location.hash = link;
      return;
    }
    const form = await ask("/load", {toml: by("toml").value});
    if (!form) return;
    fail(form.error);
    if (form.error) return;
    fill(loaded(form));
    note({});
  });
  addEventListener("hashchange", () => {
    edited = undefined;
    if (location.hash !== address()) enter();
  });

  if (!operations) {
    fail(lost().error);
    return;
  }
  options(by("operation"), Object.keys(operations), first);
  const wide = matchMedia("(min-width: 60.01rem)");  // on a phone the answer comes first, and the numbers fold up
  const unfold = () => { by("numbers").open ||= wide.matches; };
  wide.addEventListener("change", unfold);
  unfold();
  await enter();
})();
