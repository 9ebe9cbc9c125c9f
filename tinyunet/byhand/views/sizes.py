"""Sizes and counts with their arithmetic, as a text for a terminal, as Markdown, LaTeX and a table for a notebook."""

from __future__ import annotations

import html as escaping
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tinyunet.byhand.arithmetic.lengths import Gathered, Length
from tinyunet.byhand.arithmetic.size import Field, Layer, Size
from tinyunet.byhand.arithmetic.worked import Formula, Symbol
from tinyunet.byhand.views.text import Latex, Text

AXES = {1: ("length",), 2: ("rows", "columns")}
TITLES = {
    "size": "size",
    "parameters": "parameters: how many numbers are in w and in b",
    "multiplications": "multiplications: how many numbers, times the weights that each meets",
    "sees": "receptive field r: r + (kernel − 1)·dilation·jump, where jump is the product of the strides before",
}


class Row(NamedTuple):
    """What there is to say of a layer: numbers, and the arithmetic of each, None or empty where there is none."""

    label: str
    size: str
    parameters: int
    multiplications: int
    sees: str
    lengths: list[Formula]
    sums: dict[str, str]


def by(shape: Sequence[int]) -> str:
    """A shape as it is said: 3×32×32."""
    return "×".join(map(str, shape))


def label(layer: Layer) -> str:
    """A layer with its kernel and its settings that are not the default."""
    lengths, chosen = layer.operation.lengths(), layer.operation.chosen()
    kernel = f" {by([length.kernel for length in lengths])}" if lengths else ""
    settings = [f"{name}={value!r}" for name, value in chosen.items() if name not in ("kernel_size", "training")]
    return f"{layer.name}{kernel}{''.join(f', {s}' for s in settings)}"


def worked_lengths(layer: Layer) -> list[Formula]:
    """The rule with its numbers along every axis; once, if they are the same along both."""
    lengths = layer.operation.lengths()
    names = AXES[len(lengths)] if lengths else ()
    if len(lengths) == 2 and lengths[0] == lengths[1]:
        return [lengths[0].worked("rows and columns")]
    return [length.worked(name) for length, name in zip(lengths, names, strict=True)]


def rows(size: Size) -> list[Row]:
    """Every layer."""
    found: list[Row] = []
    first = size.layers[0]
    channels = not first.operation.lengths() or len(first.given) > len(first.operation.lengths())  # else none are given
    before: tuple[Field, ...] | None = None
    for layer, field in zip(size.layers, size.fields(), strict=True):
        sums = {}
        shapes = layer.parameters()
        if shapes and channels:
            parts = ["·".join(map(str, shape)) for shape in shapes.values()]
            sums["parameters"] = f"{' + '.join(parts)} = {layer.weights:,}"
        factors = layer.operation.multiplied()
        if factors is not None and channels:
            times, each = ([str(n) for n in shape if n > 1] or ["1"] for shape in factors)
            both = (f"({'·'.join(part)})" if len(part) > 1 else part[0] for part in (times, each))
            sums["multiplications"] = f"{' · '.join(both)} = {layer.multiplications:,}"
        if field and (grown := _grown(layer.operation.lengths(), before)):
            sums["sees"] = f"{grown} = {_sees(field)}"
        found.append(
            Row(
                label(layer),
                by(layer.gives),
                layer.weights if channels else 0,
                layer.multiplications if channels else 0,
                _sees(field),
                worked_lengths(layer),
                sums,
            )
        )
        before = field
    return found


def _sees(field: tuple[Field, ...] | None) -> str:
    if field is None:
        return "all"
    each = [str(f.most) if f.least == f.most else f"{f.least} to {f.most}" for f in field]
    return " × ".join(each) if len(set(each)) > 1 else (each or [""])[0]


def _grown(lengths: Sequence[Length], before: tuple[Field, ...] | None) -> str:
    """How the receptive field comes about; nothing where a layer does not change it, or it differs by place."""
    if not lengths or not all(isinstance(length, Gathered) and length.kernel > 1 for length in lengths):
        return ""
    start = before or tuple(Field(1, 1, 1) for _ in lengths)
    each = []
    for length, field in zip(lengths, start, strict=True):
        if field.jump is None:
            return ""
        each.append(f"{field.most} + ({length.kernel} − 1)·{length.dilation}·{field.jump}")
    return each[0] if len(set(each)) == 1 else " × ".join(f"({part})" for part in each)


def text(size: Size) -> str:
    """For a terminal: of several layers a table; then every number with its arithmetic."""
    layers, given = rows(size), by(size.layers[0].given)
    lines = [f"{layers[0].label}, of {given}"] if len(layers) == 1 else _table(size, layers)
    number = len(str(len(layers)))
    starts = [f"  {k:>{number}} {layer.name}" if len(layers) > 1 else "" for k, layer in enumerate(size.layers, 1)]
    width = max(map(len, starts))
    rules: dict[str, dict[str, None]] = {}
    for layer in size.layers:
        for length in layer.operation.lengths():
            rules.setdefault(length.rule, {})[layer.name] = None
    for key, title in TITLES.items():
        found = []
        for start, row in zip(starts, layers, strict=True):
            if key == "size":
                found += [f"{start:<{width}}{line}" for step in row.lengths for line in Text().lines(step)]
            elif key in row.sums:
                found.append(f"{start:<{width}}  {row.sums[key]}")
        if found:
            of = {rule: f" of {', '.join(names)}" if len(rules) > 1 else "" for rule, names in rules.items()}
            heads = [f"size{of[rule]}: {rule}" for rule in rules]
            lines += ["", *(heads if key == "size" else [title]), *found]
    if len(layers) == 1:
        if "sees" not in layers[0].sums and layers[0].sees not in ("", "1", "all"):
            lines += ["", f"receptive field: {layers[0].sees}, depending on the place"]
        lines += ["", f"y is {layers[0].size}{_keeps(size)}"]
    return "\n".join(lines)


def _keeps(size: Size) -> str:
    """Which padding would keep the size, where none does."""
    lengths = size.layers[0].operation.lengths()
    if not lengths or any(not isinstance(n, Gathered) or n.stride > 1 or n.value == n.input for n in lengths):
        return ""
    pads = [n.span - 1 for n in lengths]
    if any(pad % 2 for pad in pads):
        return (
            f"; no padding that is the same on both sides keeps the size, as {pads[0]} is odd"
            if len(set(pads)) == 1
            else ""
        )
    halves = [pad // 2 for pad in pads]
    shown = str(halves[0]) if len(set(halves)) == 1 else str(tuple(halves))
    return f"; padding={shown}, which is dilation·(kernel − 1)/2, keeps the size"


def _table(size: Size, layers: list[Row]) -> list[str]:
    """The numbers of all layers, in columns."""
    head = ["", "layer", "size", "parameters", "multiplications", "sees"]
    cells = [["", "input", by(size.layers[0].given), "", "", ""]]
    cells += [
        [str(k), row.label, row.size, f"{row.parameters:,}", f"{row.multiplications:,}", row.sees]
        for k, row in enumerate(layers, 1)
    ]
    total = [
        f"{sum(counts):,}" for counts in zip(*((row.parameters, row.multiplications) for row in layers), strict=True)
    ]
    if any(count != "0" for count in total):
        cells.append(["", "all", "", *total, ""])
    cells = [[cell if cell != "0" else "" for cell in row] for row in cells]
    widths = [max(len(row[k]) for row in [head, *cells]) for k in range(len(head))]
    right = (0, 3, 4)
    lines = []
    for row in [head, *cells]:
        columns = (c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(columns).rstrip())
    rule, end = "─" * max(map(len, lines)), len(layers) + 2  # there the sums stand
    return [lines[0], rule, *lines[1:end], rule, *lines[end:]]


def _cells(size: Size, layers: list[Row]) -> list[list[tuple[str, str]]]:
    """For a table with the arithmetic in it: every number, and how it comes about."""
    found = [[("input", ""), (by(size.layers[0].given), ""), ("", ""), ("", ""), ("", "")]]
    for row in layers:
        lengths = "; ".join(line.strip() for step in row.lengths for line in Text().lines(step))
        counts = [f"{n:,}" if n else "" for n in (row.parameters, row.multiplications)]
        sums = [row.sums.get(key, "").partition(" = ")[0] for key in ("parameters", "multiplications", "sees")]
        found.append(
            [
                (row.label, ""),
                (row.size, lengths),
                (counts[0], sums[0]),
                (counts[1], sums[1]),
                (row.sees, sums[2]),
            ]
        )
    if len(layers) > 1:
        found.append([("all", ""), ("", ""), (f"{size.parameters:,}", ""), (f"{size.multiplications:,}", ""), ("", "")])
    return found


COLUMNS = "layer", "size", "parameters", "multiplications", "sees"


def markdown(size: Size) -> str:
    """A table with the arithmetic in it."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in _cells(size, rows(size)):
        cells = [f"{how} = {number}" if how and "=" not in how else how or number for number, how in row]
        cells[1] = f"{row[1][0]}: {row[1][1]}" if row[1][1] else row[1][0]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def html(size: Size) -> str:
    """The same for a notebook."""
    head = "".join(f"<th style='text-align:left'>{title}</th>" for title in COLUMNS)
    body = ""
    for row in _cells(size, rows(size)):
        cells = (
            f"<td style='text-align:left;vertical-align:top'>{escaping.escape(number)}"
            + (f"<br><small>{escaping.escape(how)}</small>" if how else "")
            + "</td>"
            for number, how in row
        )
        body += f"<tr>{''.join(cells)}</tr>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def latex(size: Size) -> str:
    """An `aligned` environment for mathematics mode (amsmath)."""
    lines = []
    for k, row in enumerate(rows(size), 1):
        for step in row.lengths:
            name = f"{step.symbol.text}, {size.layers[k - 1].name}".replace("_", r"\_")
            named = replace(step, symbol=Symbol(name, rf"\text{{{name}}}"))
            lines += Latex().lines(named)
        for key, sum in row.sums.items():
            written = sum.replace("·", r" \cdot ").replace("−", "-").replace("×", r"\times").replace(",", "{,}")
            left, _, right = written.rpartition(" = ")
            name = "receptive field" if key == "sees" else key
            lines.append(rf"\text{{{name}}} &= {left} = \text{{{right}}}")
    joined = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}"
