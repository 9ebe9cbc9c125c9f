"""Worksheets on paper: the same problems in Markdown, as a page that prints well, and as a PDF drawn on A4."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyunet.byhand.numbers import write
from tinyunet.files import atomic
from tinyunet.tensor import Array

if TYPE_CHECKING:
    from tinyunet.byhand.worksheet import Problem, Question, Sheet

# ---- what stands on a sheet, in any format

# What the axes in front of rows and columns are.
AXES = {
    ("conv2d", "w"): ("filter", "channel"),
    ("conv2d", "y"): ("image", "filter"),
    ("conv_transpose2d", "w"): ("channel", "output channel"),
    ("conv_transpose2d", "y"): ("image", "output channel"),
}
# What an array is called that is not just its name, if it has so many axes.
CAPTIONS = {
    ("batch_norm", "weight", 1): "γ = weight",
    ("batch_norm", "bias", 1): "β = bias",
    ("batch_norm", "x", 2): "x (columns: channels)",
    ("linear", "w", 2): "w (rows: outputs)",
    ("linear", "x", 2): "x (rows: examples)",
}
SAME = "batch_norm", "relu"  # whose result has the shape of x


class Grid(NamedTuple):
    """Numbers in rows and columns, or in a row alone, which has no number."""

    caption: str
    texts: list[list[str]]
    flat: bool


def _axes(topic: str, name: str, count: int) -> tuple[str, ...]:
    """The names of so many axes in front of the rows."""
    name = name.removeprefix("d")
    return AXES.get((topic, name), ("image", "channel"))[2 - count :]


def grids(topic: str, name: str, array: Array) -> list[Grid]:
    """An array as grids, one for every image, channel or filter.

    >>> [grid.caption for grid in grids("conv2d", "w", np.zeros((1, 2, 3, 3)))]
    ['w, filter 0, channel 0', 'w, filter 0, channel 1']
    """
    rows = np.atleast_2d(array)
    caption = CAPTIONS.get((topic, name, array.ndim), name)
    found = []
    for index in np.ndindex(*rows.shape[:-2]):
        places = (f"{axis} {k}" for axis, k in zip(_axes(topic, name, len(index)), index, strict=True))
        texts = [[write(value) for value in row] for row in rows[index]]
        found.append(Grid(", ".join([caption, *places]), texts, array.ndim == 1))
    return found


def written(array: Array) -> str:
    """An answer as it is given to be graded.

    >>> written(np.array([[1, 2], [3, 1 / 3]]))
    '[[1, 2], [3, 1/3]]'
    """
    return write(float(array)) if array.ndim == 0 else f"[{', '.join(map(written, array))}]"


def _given(problem: Problem) -> list[Grid]:
    """All numbers of a problem."""
    whole = problem.explanation
    return [grid for name, a in whole.arrays.items() for grid in grids(whole.operation.name, name, a)]


def _task(problem: Problem) -> str:
    what = problem.explanation.what
    if not problem.whole:
        names = " and ".join(question.name for question in problem.questions)
    else:
        more = "; find its shape first" if what == "y" and problem.explanation.operation.name not in SAME else ""
        names = f"all of {what}{', as this step leaves it' if what.startswith('running') else more}"
    of = f", where {what} = ∂L/∂{what[1:]}" if what.startswith("d") else ""
    return f"Work out {names}{of}."


def _counting(sheet: Sheet) -> str:
    """What an index means."""
    longest = max((q for p in sheet.problems for q in p.questions), key=lambda q: len(q.index or ()))
    start = "Rows and columns are counted from 0"
    if not longest.index or len(longest.index) == 1:
        return f"{start}."
    lead = _axes(sheet.topic, longest.explanation.what, len(longest.index) - 2)
    places = ", ".join(f"{axis} {k}" for axis, k in zip((*lead, "row", "column"), longest.index, strict=True))
    return f"{start}: {longest.name} is {places}."


def _command(sheet: Sheet) -> str:
    return f"tinyunet check --sheet {sheet.code} answers.toml"


FILE = 'answers.toml has a line for every answer, such as  1 = 7  or  2a = "1/2"  or  3 = [[1, 2], [3, 4]].'


def _steps(problem: Problem) -> list[str]:
    """The formula and all products of all answers; mean and variance of a channel once."""
    elements = [element for question in problem.questions for element in question.worked()]
    steps = [elements[0].formula.text]
    for line in (line.strip() for element in elements for line in element.text().splitlines()[1:]):
        if not (line.startswith(("μ", "σ²")) and line in steps):
            steps.append(line)
    return steps


def _warnings(question: Question) -> list[str]:
    """Which mistake leads to which wrong answer."""
    found: dict[str, tuple[str, list[str]]] = {}  # a wrong answer has the name of one mistake, maybe several details
    for mistake, answer in question.wrong():
        if answer.shape != question.answer.shape or not np.allclose(answer, question.answer):
            found.setdefault(written(answer), (mistake.name, []))[1].append(mistake.detail)
    ways = ((answer, name, " or ".join(filter(None, details))) for answer, (name, details) in found.items())
    return [f"{answer}: {name} ({way})" if way else f"{answer}: {name}" for answer, name, way in ways]


# ---- Markdown


def _table(grid: Grid) -> list[str]:
    columns = range(len(grid.texts[0]))
    head = [f"| {grid.caption} | {' | '.join(map(str, columns))} |", "|" + "---|" * (len(columns) + 1)]
    return [*head, *(f"| {'' if grid.flat else k} | {' | '.join(row)} |" for k, row in enumerate(grid.texts)), ""]


def markdown(sheet: Sheet, key: bool) -> str:
    """A sheet or its key, with the grids as tables."""
    lines = [f"# {sheet.title}{' (key)' if key else ''}", ""]
    lines += [] if key else ["Name: ____________________  Date: ____________", ""]
    lines += [sheet.reminder, "", _counting(sheet), ""]
    for problem in sheet.problems:
        lines += [f"## {problem.number}. `{problem.call}`", "", _task(problem), ""]
        lines += [line for grid in _given(problem) for line in _table(grid)]
        if key:
            for question in problem.questions:
                lines += [f"**{question.label}: {question.name} = {written(question.answer)}**", ""]
            lines += ["```text", *_steps(problem), "```", ""]
            for question in problem.questions:
                lines += [f"If you see, for {question.name}:", "", *(f"- {w}" for w in _warnings(question)), ""]
        else:
            lines += [line for question in problem.questions for line in (f"{question.label}: {question.name} =", "")]
    lines += ["---", "", f"Sheet {sheet.code}. To check the answers: `{_command(sheet)}`, where {FILE}"]
    return "\n".join(lines) + "\n"


# ---- HTML

STYLE = """
@page { size: A4; margin: 16mm 18mm 18mm;
  @bottom-left { content: "CODE"; font: 9px sans-serif; color: #555 }
  @bottom-right { content: counter(page) " / " counter(pages); font: 9px sans-serif; color: #555 } }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact }
body { font: 14px/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 46em; margin: 2em auto;
  padding: 0 1em }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 11.5px } }
h1 { font-size: 1.5em; margin: 0 0 .4em }
h2 { font-size: 1em; margin: 1.6em 0 .3em; break-after: avoid }
h2 + p { break-after: avoid; margin: .3em 0 }
section { break-inside: avoid }
.key section { break-inside: auto }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace }
pre { font-size: .82em; white-space: pre-wrap; background: #f6f6f4; padding: .6em .8em }
.line { display: flex; gap: 2em; margin-bottom: 1em }
.line span { flex: 1; border-bottom: 1px solid #888 }
.line span:last-child { flex: 0 0 30% }
.grids { display: flex; flex-wrap: wrap; gap: .8em 2em; align-items: flex-start; margin: .6em 0 }
figure { margin: 0; break-inside: avoid }
figcaption { font-size: .85em; color: #333; padding: 0 0 .2em 1.5em }
table { border-collapse: collapse }
th { font-weight: normal; font-size: .72em; color: #666; padding: 0 .4em }
td { border: 1px solid #aaa; min-width: 2.1em; height: 2em; padding: 0 .35em; text-align: center }
.answer { display: inline-flex; align-items: center; gap: .5em; margin-right: 2.5em }
.answer i { display: inline-block; width: 6em; height: 2.2em; border: 1.5px solid #333 }
.paper { margin-top: .6em; border: 1px solid #c3d0dc; background-image:
  linear-gradient(#c3d0dc 1px, transparent 1px), linear-gradient(90deg, #c3d0dc 1px, transparent 1px);
  background-size: 5mm 5mm; background-position: -1px -1px }
.key li { font-size: .9em }
footer { margin-top: 2em; font-size: .85em; color: #444 }
"""


def _html_table(grid: Grid) -> str:
    head = "".join(f"<th>{k}</th>" for k in range(len(grid.texts[0])))
    rows = (
        f"<tr><th>{'' if grid.flat else k}</th>{''.join(f'<td>{t}</td>' for t in row)}</tr>"
        for k, row in enumerate(grid.texts)
    )
    caption = escape(grid.caption)
    table = f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"
    return f"<figure><figcaption>{caption}</figcaption>{table}</figure>"


def _html_answers(problem: Problem, key: bool) -> Iterator[str]:
    """Room for the answers, or the answers."""
    for question in problem.questions if key else ():
        yield f"<p><b>{question.label}: {question.name} = {written(question.answer)}</b></p>"
    if key:
        yield f"<pre>{escape(chr(10).join(_steps(problem)))}</pre>"
        for question in problem.questions:
            items = "".join(f"<li>{escape(warning)}</li>" for warning in _warnings(question))
            yield f"<p>If you see, for {question.name}:</p><ul>{items}</ul>"
        return
    for question in problem.questions:
        yield f'<span class="answer">{question.label}: {question.name} ={"" if problem.whole else " <i></i>"}</span>'
    yield f'<div class="paper" style="height: {5 * _squares(problem, 30)}mm"></div>'


def html(sheet: Sheet, key: bool) -> str:
    """A page without anything outside itself, which prints on A4."""
    title = f"{sheet.title}{' (key)' if key else ''}"
    body = [f"<h1>{escape(title)}</h1>"]
    body += [] if key else ['<div class="line"><span>Name</span><span>Date</span></div>']
    body.append(f"<p>{escape(sheet.reminder)}<br>{escape(_counting(sheet))}</p>")
    for problem in sheet.problems:
        tables = "".join(map(_html_table, _given(problem)))
        heading = f"<h2>{problem.number}. <code>{escape(problem.call)}</code></h2>"
        task = f'<p>{escape(_task(problem))}</p><div class="grids">{tables}</div>'
        body += ["<section>", heading, task, *_html_answers(problem, key), "</section>"]
    check = f"To check the answers: <code>{_command(sheet)}</code>, where {escape(FILE)}"
    body.append(f"<footer>Sheet {sheet.code}. {check}</footer>")
    style = STYLE.replace("CODE", sheet.code)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<style>{style}</style>\n<body class="{"key" if key else "sheet"}">\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


# ---- PDF, in millimetres from the top left corner of the page

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 210.0, 297.0, 17.5, 16.0, 279.0
INNER = WIDTH - 2 * LEFT
CELL, SQUARE, BOX = 6.5, 5.0, 18.0
ENOUGH = 75.0  # room beside the grids for the work
GREY, LINE, SQUARED = "#666666", "#9a9a9a", "#c3d0dc"


class Block(NamedTuple):
    """Something of a height, which is drawn at a y."""

    height: float
    draw: Callable[[Any, float], None]


GAP = Block(7, lambda axes, y: None)


def _squares(problem: Problem, columns: int) -> int:
    """How many rows of squared paper the work takes: two squares for three characters of it, and some to spare."""
    return min(max(4, len("".join(_steps(problem)[1:])) * 2 // (3 * columns) + 3), 8)


def _text(text: str, size: float = 9.5, after: float = 1.2, indent: str = "", **style: Any) -> list[Block]:
    """Lines of text, wrapped."""
    letter = 0.21 if style.get("family") == "monospace" else 0.23 if style.get("weight") == "bold" else 0.195
    lines = textwrap.wrap(text, int(INNER / (size * letter)), subsequent_indent=indent)  # letter: mm for a point
    height = size * 0.47

    def block(line: str, last: bool) -> Block:
        def draw(axes: Any, y: float) -> None:
            axes.text(LEFT, y, line, fontsize=size, va="top", parse_math=False, **style)

        return Block(height + (after if last else 0), draw)

    return [block(line, k == len(lines) - 1) for k, line in enumerate(lines)]


def _cell(grid: Grid) -> float:
    """The width of a cell."""
    return max(CELL, 1.9 * max(len(text) for row in grid.texts for text in row) + 2)


def _draw_grid(axes: Any, grid: Grid, x: float, y: float) -> None:
    """The caption, the numbers of rows and columns, light lines, and the numbers."""
    cell, rows, cols = _cell(grid), len(grid.texts), len(grid.texts[0])
    axes.text(x + 3.5, y, grid.caption, fontsize=8, va="top", color="#333333", parse_math=False)
    x, y = x + 3.5, y + 8
    for j in range(cols):
        axes.text(x + (j + 0.5) * cell, y - 0.7, str(j), fontsize=6, ha="center", va="bottom", color=GREY)
    for i in range(0 if grid.flat else rows):
        axes.text(x - 1, y + (i + 0.5) * CELL, str(i), fontsize=6, ha="right", va="center", color=GREY)
    axes.hlines([y + i * CELL for i in range(rows + 1)], x, x + cols * cell, colors=LINE, linewidth=0.6)
    axes.vlines([x + j * cell for j in range(cols + 1)], y, y + rows * CELL, colors=LINE, linewidth=0.6)
    for i, row in enumerate(grid.texts):
        for j, text in enumerate(row):
            at = x + (j + 0.5) * cell, y + (i + 0.5) * CELL
            axes.text(*at, text, fontsize=9.5, ha="center", va="center_baseline", parse_math=False)


def _grid_rows(found: list[Grid]) -> tuple[list[Block], float]:
    """Grids beside one another, as many as fit; and the room to their right."""
    rows: list[list[tuple[Grid, float]]] = [[]]
    x = used = 0.0
    for grid in found:
        width = max(len(grid.texts[0]) * _cell(grid), 1.6 * len(grid.caption)) + 9
        if rows[-1] and x + width > INNER:
            rows.append([])
            x = 0.0
        rows[-1].append((grid, x))
        x += width
        used = max(used, x)

    def block(row: list[tuple[Grid, float]]) -> Block:
        def draw(axes: Any, y: float) -> None:
            for grid, x in row:
                _draw_grid(axes, grid, LEFT + x, y)

        return Block(8 + CELL * max(len(grid.texts) for grid, _ in row) + 3, draw)

    return [block(row) for row in rows], INNER - used


def _work(problem: Problem, x: float) -> Block:
    """Where to write, from x to the right margin: boxes for single numbers, and squared paper."""
    columns = int((WIDTH - LEFT - x) // SQUARE)
    x = WIDTH - LEFT - columns * SQUARE
    rows = _squares(problem, columns)
    wide = 14 + 1.8 * max(len(question.name) for question in problem.questions)
    right, down = (columns * SQUARE / 2, 0) if 2 * (wide + BOX) < columns * SQUARE else (0, 9)  # of a second box
    high = 10 + down * (len(problem.questions) - 1)

    def draw(axes: Any, y: float) -> None:
        for k, question in enumerate(problem.questions):
            left, middle = x + k * right, y + k * down + 4
            name = f"{question.label}:  {question.name} ="
            axes.text(left, middle, name, fontsize=9.5, va="center", parse_math=False)
            if not problem.whole:
                axes.add_patch(Rectangle((left + wide, middle - 4), BOX, 8, fill=False, edgecolor="#333333"))
        y += high
        across, along = np.arange(rows + 1) * SQUARE + y, np.arange(columns + 1) * SQUARE + x
        axes.hlines(across, along[0], along[-1], colors=SQUARED, linewidth=0.5)
        axes.vlines(along, across[0], across[-1], colors=SQUARED, linewidth=0.5)

    return Block(high + SQUARE * rows, draw)


def _beside(blocks: list[Block], other: Block) -> Block:
    """Blocks below one another, and another block beside them."""

    def draw(axes: Any, y: float) -> None:
        other.draw(axes, y)
        for block in blocks:
            block.draw(axes, y)
            y += block.height

    return Block(max(other.height, sum(block.height for block in blocks)), draw)


def _problem(problem: Problem, key: bool) -> Iterator[list[Block]]:
    """Groups of blocks that stay together."""
    head = _text(f"{problem.number}.  {problem.call}", 10, indent="     ", weight="bold") + _text(_task(problem))
    found, room = _grid_rows(_given(problem))
    if not key:
        beside = room >= ENOUGH
        work = _work(problem, WIDTH - LEFT - room if beside else LEFT)
        yield [*head, *([_beside(found, work)] if beside else [*found, work]), GAP]
        return
    head += found
    for question in problem.questions:
        head += _text(f"{question.label}:  {question.name} = {written(question.answer)}", indent="     ", weight="bold")
    yield head
    mono: dict[str, Any] = {"family": "monospace", "size": 7.5, "after": 0.3, "indent": "    "}
    for line in _steps(problem):
        yield _text(line, **mono)
    for question in problem.questions:
        first, *others = _warnings(question)
        yield [Block(2, lambda axes, y: None), *_text(f"If you see, for {question.name}:", 8.5), *_text(first, **mono)]
        for warning in others:
            yield _text(warning, **mono)
    yield [GAP]


def _header(sheet: Sheet, key: bool) -> list[Block]:
    def line(axes: Any, y: float) -> None:
        axes.text(LEFT, y + 4, "Name", fontsize=9.5, va="bottom")
        axes.text(LEFT + 115, y + 4, "Date", fontsize=9.5, va="bottom")
        axes.hlines([y + 4, y + 4], [LEFT + 12, LEFT + 126], [LEFT + 105, LEFT + INNER], colors=GREY, linewidth=0.7)

    title = _text(f"{sheet.title}{' (key)' if key else ''}", 15, after=2, weight="bold")
    below = _text(sheet.reminder, after=0) + _text(_counting(sheet), after=5)
    return [*title, *([] if key else [Block(9, line)]), *below]


def pages(sheet: Sheet, key: bool) -> list[Figure]:
    """The pages, each an A4 figure."""
    groups = [_header(sheet, key), *(group for problem in sheet.problems for group in _problem(problem, key))]
    laid: list[list[tuple[Block, float]]] = [[]]
    y = TOP
    for group in groups:
        if laid[-1] and y + sum(block.height for block in group) > BOTTOM:
            laid.append([])
            y = TOP
        for block in group:
            laid[-1].append((block, y))
            y += block.height
    return [_page(sheet, page, f"{k} / {len(laid)}") for k, page in enumerate(laid, 1)]


def _page(sheet: Sheet, page: list[tuple[Block, float]], number: str) -> Figure:
    figure = Figure(figsize=(WIDTH / 25.4, HEIGHT / 25.4))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    for block, y in page:
        block.draw(axes, y)
    style: dict[str, Any] = {"fontsize": 7.5, "va": "top", "color": GREY, "parse_math": False}
    axes.text(LEFT, BOTTOM + 4, f"Sheet {sheet.code}. To check the answers:  {_command(sheet)}", **style)
    axes.text(LEFT, BOTTOM + 7.6, FILE, **style)
    axes.text(WIDTH - LEFT, BOTTOM + 4, number, ha="right", **style)
    return figure


def pdf(sheet: Sheet, path: str | os.PathLike[str], key: bool) -> None:
    """Write the pages; without the date, so that the same sheet is the same file."""
    from matplotlib.backends.backend_pdf import PdfPages  # takes a quarter of a second, which other commands need not

    title = f"{sheet.title}{' (key)' if key else ''}, sheet {sheet.code}"
    with atomic(path) as part, PdfPages(part, metadata={"Title": title, "CreationDate": None}) as file:
        for page in pages(sheet, key):
            file.savefig(page)


def save(sheet: Sheet, path: str | os.PathLike[str], key: bool) -> None:
    """Write a sheet or its key in the format that the ending of the name says."""
    suffix = Path(path).suffix.lower()
    if suffix == ".pdf":
        pdf(sheet, path, key)
        return
    if suffix not in (".html", ".md"):
        raise ValueError(f"{path}: a worksheet is written as .pdf, .html or .md")
    with atomic(path) as part:
        part.write_text(html(sheet, key) if suffix == ".html" else markdown(sheet, key), encoding="utf-8", newline="\n")
