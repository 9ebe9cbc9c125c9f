"use strict";

// Shows what Python worked out (see page.py). Nothing is computed here: numbers and sums arrive as texts.
// `chosen(index)` is called whenever another element is chosen.
function showView(root, data, chosen = () => {}) {
  const text = (k) => data.texts[k];
  const result = data.result;

  function make(tag, className = "", content = "") {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (content !== "") node.textContent = content;
    return node;
  }

  // ---- arrays: a table for every image or kernel, those of one row side by side

  const cells = [];  // by the number of the cell: its td
  const labels = [];  // and what it is called, such as x[0, 1, 2]
  const outputs = [];  // the cells of the result
  const longest = (texts) => texts.reduce((most, t) => Math.max(most, t.length), 1);

  const isFine = (chars, columns) => chars > 5 || columns > 16;

  function table(rows, columns, texts, caption, chars, fine) {
    const node = make("table", fine ? "grid fine" : "grid");
    node.style.setProperty("--chars", chars);  // all columns are as wide as the longest number
    if (caption) node.append(make("caption", "", caption));
    const body = node.createTBody();
    const found = [];
    for (let r = 0; r < rows; r++) {
      const line = body.insertRow();
      for (let c = 0; c < columns && found.length < texts.length; c++) {
        const cell = line.insertCell();
        cell.textContent = texts[found.length];
        found.push(cell);
      }
    }
    return [node, found];
  }

  function draw(array, isResult) {
    const box = make("section", isResult ? "array result" : "array");
    const title = make("h2", "", array.name);
    title.append(make("small", "", array.shape.join(" × ")));
    const scroll = make("div", "scroll");
    box.append(title, scroll);
    const {rows, columns, lead, before, after} = array;
    const side = lead.length ? lead[lead.length - 1] : 1;
    const size = rows * columns;
    const texts = array.cells.map(text);
    const panels = texts.length / size;
    const chars = longest(texts);
    const fine = isFine(chars, columns);
    let images;
    for (let p = 0; p < panels; p++) {
      if (p % side === 0) scroll.append(images = make("div", "images"));
      const at = [];  // the index of the panel, from its number
      for (let axis = lead.length - 1, rest = p; axis >= 0; axis--) {
        at.unshift(rest % lead[axis]);
        rest = Math.floor(rest / lead[axis]);
      }
      const name = at.length ? `${array.name}[${at.join(", ")}]` : "";
      const here = texts.slice(p * size, (p + 1) * size);
      const [grid, found] = table(rows, columns, here, name, chars, fine);
      images.append(grid);
      if (isResult) {
        grid.setAttribute("role", "grid");
        grid.setAttribute("aria-label", name || array.name);
      }
      found.forEach((cell, k) => {
        const r = Math.floor(k / columns) - before[0];
        const c = k % columns - before[1];
        const outside = r < 0 || c < 0 || r >= rows - before[0] - after[0] || c >= columns - before[1] - after[1];
        const index = (array.plane === 1 ? [...at, c] : [...at, r, c]).slice(lead.length + array.plane - array.shape.length);
        const label = index.length ? `${array.name}[${index.join(", ")}]` : array.name;
        if (isResult) {
          cell.tabIndex = -1;
          cell.setAttribute("aria-label", `${label} = ${cell.textContent}`);
          cell.dataset.output = outputs.length;
          outputs.push({cell, index, panel: p, row: r, column: c});
        } else {
          if (outside) cell.classList.add("padding");
          cell.dataset.cell = array.first + p * size + k;
          cells[array.first + p * size + k] = cell;
          labels[array.first + p * size + k] = !outside ? label
            : array.seen ? text(array.seen[k + p * size]) : `padding of ${array.name}`;
        }
      });
    }
    return box;
  }

  const value = (factor) => factor < 0 ? text(data.derived[-1 - factor][1]) : cells[factor].textContent;
  const label = (factor) => factor < 0 ? text(data.derived[-1 - factor][0]) : labels[factor];

  // ---- the element that is worked out

  const view = make("div", "view");
  const line = make("p", "line");
  line.setAttribute("aria-live", "polite");
  const pointing = make("p", "pointing");
  const working = make("div", "steps");
  let pinned = 0;  // the element that was clicked or has the focus
  let shown = -1;  // the element that is worked out: the one under the mouse, or the pinned one
  let terms = [];  // its terms: their factors, and the cells that show them

  function outline(used) {
    // The sides of every used cell beyond which there is no used one.
    for (const cell of used) {
      const row = cell.parentNode;
      const next = {
        n: row.previousSibling && row.previousSibling.cells[cell.cellIndex],
        s: row.nextSibling && row.nextSibling.cells[cell.cellIndex],
        w: cell.previousSibling,
        e: cell.nextSibling,
      };
      for (const [side, other] of Object.entries(next)) {
        cell.classList.toggle(side, !other || !other.classList.contains("used"));
      }
    }
  }

  function mark(steps) {
    for (const cell of cells) if (cell) cell.classList.remove("used", "second", "winner", "n", "e", "s", "w");
    const used = new Set();
    for (const step of steps) {
      for (const part of step.parts) {
        part.terms.forEach((term, t) => {
          term.slice(0, -1).forEach((factor, k) => {
            if (factor < 0) return;
            // The formula at the end singles out some of the numbers that went into its sums.
            const second = k > 0 || (step.kind === "formula" && used.has(cells[factor]));
            cells[factor].classList.add("used");
            cells[factor].classList.toggle("second", second);
            cells[factor].classList.toggle("winner", step.winner === t);
            used.add(cells[factor]);
          });
        });
      }
    }
    outline(used);
    // Arrays that are too wide scroll in a box of their own: bring what is used into sight.
    for (const box of view.querySelectorAll(".array .scroll")) {
      const cell = box.querySelector(".used");
      if (!cell) continue;
      const here = cell.getBoundingClientRect();
      const seen = box.getBoundingClientRect();
      if (here.left < seen.left || here.right > seen.right) box.scrollLeft += here.left - seen.left - seen.width / 3;
    }
  }

  function partRow(step, part) {
    const here = part.terms.map(remember);
    const row = make("div", "part");
    const grids = make("div", "grids");
    if (text(part.name)) row.append(make("span", "name", text(part.name)));
    const columns = part.heads.map((head, k) => [text(head), (term) => value(term.factors[k])]);
    if (columns.length > 1) columns.push(["products", (term) => term.value]);
    const fine = isFine(longest(columns.flatMap(([, of]) => here.map(of))), part.columns);
    const rows = Math.ceil(here.length / part.columns);
    columns.forEach(([head, of], k) => {
      if (k) grids.append(make("span", "sign", k < part.heads.length ? "×" : "="));
      const texts = here.map(of);
      const [grid, found] = table(rows, part.columns, texts, head, longest(texts), fine);
      found.forEach((cell, t) => {
        const factor = here[t].factors[k];
        cell.classList.toggle("zero", texts[t] === "0");
        cell.classList.toggle("used", k < part.heads.length);
        cell.classList.toggle("second", k === 1 && part.heads.length > 1);
        cell.classList.toggle("padding", factor >= 0 && cells[factor].classList.contains("padding"));
        cell.classList.toggle("winner", step.winner === t);
        cell.dataset.term = here[t].number;
        here[t].on.push(cell);
      });
      outline(found.filter((cell) => cell.classList.contains("used")));
      const scroll = make("div", k < part.heads.length ? "scroll" : "scroll products");
      scroll.append(grid);
      grids.append(scroll);
    });
    const sum = make("span", "sum", step.kind === "max" ? "largest " : here.length > 1 ? "sum " : "");
    const best = here[step.winner];
    sum.append(make("b", "", best ? best.value : text(part.sum)));
    row.append(grids, sum);
    return row;
  }

  function remember(term) {
    const known = {number: terms.length, factors: term.slice(0, -1), value: text(term[term.length - 1]), on: []};
    terms.push(known);
    return known;
  }

  function work(k) {
    if (k === shown) return;
    shown = k;
    outputs.forEach(({cell}, j) => {
      cell.classList.toggle("chosen", j === k);
      cell.setAttribute("aria-selected", j === pinned);
    });
    terms = [];
    const steps = data.elements[k].map((s) => data.steps[s]);
    mark(steps);
    line.textContent = text(steps[steps.length - 1].line);
    working.replaceChildren();
    steps.forEach((step, s) => {
      if (steps.length > 1 && (s < steps.length - 1 || step.kind !== "formula")) {
        working.append(make("h3", "", text(step.line)));
      }
      if (step.kind === "formula") {
        step.parts[0].terms.forEach(remember);
      } else {
        working.append(...step.parts.map((part) => partRow(step, part)));
      }
    });
    point([]);
  }

  function pin(k, focus) {
    outputs[pinned].cell.tabIndex = -1;
    pinned = k;
    outputs[k].cell.tabIndex = 0;
    shown = -1;
    work(k);
    if (focus) outputs[k].cell.focus();
    chosen(outputs[k].index);
  }

  // ---- pointing: at a term, or at a cell of an array and so at all terms that it is in

  let pointed = [];
  let reached;  // by cell: the elements that it is a factor of

  function reach(cell) {
    if (!reached) {
      reached = new Map();
      data.elements.forEach((steps, k) => {
        for (const s of steps) {
          for (const part of data.steps[s].parts) {
            for (const term of part.terms) {
              for (const factor of term.slice(0, -1)) {
                if (factor < 0) continue;
                if (!reached.has(factor)) reached.set(factor, new Set());
                reached.get(factor).add(k);
              }
            }
          }
        }
      });
    }
    return reached.get(cell) || new Set();
  }

  function point(which, cell = -1) {
    for (const node of pointed) node.classList.remove("pointed", "reached");
    pointed = [];
    const add = (node, className = "pointed") => {
      node.classList.add(className);
      pointed.push(node);
    };
    for (const term of which) {
      term.on.forEach((node) => add(node));
      for (const factor of term.factors) if (factor >= 0) add(cells[factor]);
    }
    pointing.textContent = "";
    if (cell >= 0) {
      add(cells[cell]);
      const elements = reach(cell);
      for (const k of elements) add(outputs[k].cell, "reached");
      pointing.textContent = `${labels[cell]} = ${value(cell)} goes into ${elements.size} of ${outputs.length} ` +
        `element${outputs.length === 1 ? "" : "s"} of ${result.name}`;
    } else if (which.length === 1) {
      const [term] = which;
      pointing.textContent = term.factors.length === 1 ? `${label(term.factors[0])} = ${term.value}`
        : `${term.factors.map(label).join(" × ")} = ${term.factors.map(value).join(" × ")} = ${term.value}`;
    }
  }

  function pointAt(target) {
    const cell = target.closest("td");
    if (cell && cell.dataset.term) {
      point([terms[cell.dataset.term]]);
    } else if (cell && cell.dataset.cell) {
      const number = Number(cell.dataset.cell);
      point(terms.filter((term) => term.factors.includes(number)), number);
    } else {
      point([]);
    }
  }

  view.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;  // a tap is a click
    const cell = event.target.closest("td");
    const output = cell && cell.dataset.output;
    work(output ? Number(output) : pinned);
    pointAt(event.target);
  });
  view.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "touch") return;
    work(pinned);
    point([]);
  });
  view.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell && cell.dataset.output) pin(Number(cell.dataset.output), true);
    else pointAt(event.target);
  });
  view.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!cell || !cell.dataset.output || event.altKey || event.metaKey) return;
    const {rows, columns} = result;
    const here = outputs[pinned];
    let {panel, row, column} = here;
    const edge = event.ctrlKey;
    switch (event.key) {
      case "ArrowLeft": column--; break;
      case "ArrowRight": column++; break;
      case "ArrowUp": row--; break;
      case "ArrowDown": row++; break;
      case "Home": column = 0; if (edge) row = 0; break;
      case "End": column = columns - 1; if (edge) row = rows - 1; break;
      case "[": case "PageUp": panel--; break;
      case "]": case "PageDown": panel++; break;
      default: return;
    }
    event.preventDefault();
    const panels = outputs.length / (rows * columns);
    if (row < 0 || column < 0 || panel < 0 || row >= rows || column >= columns || panel >= panels) return;
    pin((panel * rows + row) * columns + column, true);
  });

  // ---- all of it

  view.append(make("h1", "", data.title));
  if (data.settings.length) {
    const settings = make("p", "settings");
    data.settings.forEach((setting, k) => settings.append(k ? ", " : "", make("span", "", setting)));
    view.append(settings);
  }
  view.append(make("p", "formula", data.formula));
  const arrays = make("div", "arrays");
  for (const array of data.arrays) arrays.append(draw(array, false));
  arrays.append(draw(result, true));
  const worked = make("section", "worked");
  worked.append(line, pointing, working);
  const keys = make("p", "keys");
  const panels = outputs.at(-1).panel ? ", <kbd>[</kbd> <kbd>]</kbd> change the channel" : "";
  keys.innerHTML = "Point at a number, or tap it, to see where it comes from and where it goes." + (outputs.length > 1
    ? " <span>A click keeps an element of the result; from there <kbd>← ↑ → ↓</kbd> <kbd>Home</kbd> <kbd>End</kbd> " +
      `move${panels}.</span>` : "");
  view.append(arrays, worked, keys);
  const focused = root.contains(document.activeElement);  // it stays in what takes the place of the old view
  root.replaceChildren(view);
  pin(data.first || 0, false);
  if (focused) outputs[pinned].cell.focus({preventScroll: true});
}
