"""Worksheets on paper: the same problems in Markdown, as a page that prints well, and as a PDF drawn on A4."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyunet import __version__
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.mistakes.diagnosis import squeezed
from tinyunet.files import atomic
from tinyunet.tensor import Array

if TYPE_CHECKING:
    from tinyunet.byhand.worksheets.sheets import Problem, Question, Sheet

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
    """Numbers in rows and columns, with a number for each row and column that an index counts."""

    caption: str
    texts: list[list[str]]
    rows: list[str]
    columns: list[str]


def _axes(topic: str, name: str, count: int) -> tuple[str, ...]:
    """The names of so many axes in front of the rows."""
    name = name.removeprefix("d")
    return AXES.get((topic, name), ("image", "channel"))[2 - count :]


def grids(topic: str, name: str, array: Array, caption: str = "") -> list[Grid]:
    """An array as grids, one for every image, channel or filter; a single one is not numbered.

    >>> [grid.caption for grid in grids("conv2d", "w", np.zeros((1, 2, 3, 3)))]
    ['w, channel 0', 'w, channel 1']
    """
    maps = np.atleast_2d(array)
    *lead, rows, columns = maps.shape
    caption = caption or CAPTIONS.get((topic, name, array.ndim), name)
    numbers = [[str(k) if array.ndim > axis else "" for k in range(n)] for axis, n in ((1, rows), (0, columns))]
    found = []
    for index in np.ndindex(*lead):
        counted = zip(_axes(topic, name, len(lead)), index, lead, strict=True)
        places = (f"{axis} {k}" for axis, k, many in counted if many > 1)
        texts = [[write(value) for value in row] for row in maps[index]]
        found.append(Grid(", ".join([caption, *places]), texts, *numbers))
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


def _answers(sheet: Sheet) -> list[Grid]:
    """All answers."""
    return [
        grid
        for label, question in sheet.questions.items()
        for grid in grids(sheet.topic, question.explanation.what, question.answer, f"{label}: {question.name}")
    ]


def _name(sheet: Sheet) -> str:
    return f"Sheet {sheet.code} (tinyunet {__version__})."


def _command(sheet: Sheet) -> str:
    return f"tinyunet check --sheet {sheet.code} answers.txt"


FILE = "answers.txt has a line for every answer, such as  1 = -7  or  2a = 1/2  or, in rows,  3 = 1 2; 3 4"


def _steps(problem: Problem) -> list[str]:
    """The formula and all products of all answers; mean and variance of a channel once."""
    elements = [element for question in problem.questions for element in question.worked()]
    steps = [elements[0].formula.text]
    for line in (line.strip() for element in elements for line in element.text().splitlines()[1:]):
        if not (line.startswith(("μ", "σ²")) and line in steps):
            steps.append(line)
    return steps


def _solutions(sheet: Sheet) -> Iterator[tuple[Problem, list[str]]]:
    """The steps of every problem; a formula only where it is another one."""
    formula = ""
    for problem in sheet.problems:
        first, *steps = _steps(problem)
        yield problem, steps if first == formula else [first, *steps]
        formula = first


WIDE, MANY = 104, 30  # characters in a line of wrong answers; numbers in one, beyond which its shape says enough


def _rows(array: Array) -> list[str]:
    """A wrong answer as lines of numbers that stand in columns; images, channels or filters are side by side.

    >>> _rows(np.array([[[10, 1 / 3]], [[-1, 0]]]))
    [' 10 1/3 |  −1   0']
    """
    maps = np.atleast_2d(array.reshape(squeezed(array.shape)))
    if array.size > MANY:
        return [f"shape {maps.shape}"]
    width = max(len(write(value)) for value in maps.flat)
    return [
        " | ".join(" ".join(write(value).rjust(width) for value in row) for row in rows)
        for rows in np.moveaxis(maps.reshape(-1, *maps.shape[-2:]), 0, 1)
    ]


def _warnings(question: Question) -> list[list[str]]:
    """Which mistakes lead to which wrong answers: two beside one another, in a few lines, for every such row."""
    found: dict[str, tuple[Array, dict[str, list[str]]]] = {}
    for mistake, answer in question.wrong():
        if answer.shape != question.answer.shape or not np.allclose(answer, question.answer):
            _, names = found.setdefault(written(answer), (answer, {}))
            names.setdefault(mistake.name, []).append(mistake.detail)
    cards = []
    for answer, names in sorted(found.values(), key=lambda f: (squeezed(f[0].shape), *f[0].flat)):  # to be looked up
        ways = ((name, " or ".join(filter(None, details))) for name, details in names.items())
        cards.append((_rows(answer), "; or ".join(f"{name} ({way})" if way else name for name, way in ways)))
    lines = []
    for _, group in groupby(sorted(cards, key=lambda card: len(card[0])), key=lambda card: len(card[0])):
        alike = list(group)
        left = max(len(rows[0]) for rows, _ in alike)
        columns = 2 if left < WIDE // 4 else 1
        width = WIDE // columns
        for k in range(0, len(alike), columns):
            beside = [
                [f"{row:>{left}}  {part}".ljust(width) for row, part in zip_longest(rows, wrapped, fillvalue="")]
                for rows, text in alike[k : k + columns]
                for wrapped in [textwrap.wrap(text, width - left - 4)]
            ]
            row = ["".join(parts).rstrip() for parts in zip_longest(*beside, fillvalue=" " * width)]
            lines.append(row if question.index else [*row, ""])
    return lines


# ---- Markdown


def _table(grid: Grid) -> list[str]:
    head = [f"| {grid.caption} | {' | '.join(grid.columns)} |", "|" + "---|" * (len(grid.columns) + 1)]
    return [*head, *(f"| {k} | {' | '.join(row)} |" for k, row in zip(grid.rows, grid.texts, strict=True)), ""]


def markdown(sheet: Sheet, key: bool) -> str:
    """A sheet or its key, with the grids as tables."""
    lines = [f"# {sheet.title}{' (key)' if key else ''}", ""]
    lines += [] if key else ["Name: ____________________  Date: ____________", ""]
    lines += [sheet.reminder, "", _counting(sheet), ""]
    if key:
        lines += ["| | | |", "|---|---|---|"]
        lines += [f"| **{label}** | {q.name} | {written(q.answer)} |" for label, q in sheet.questions.items()]
        for problem, steps in _solutions(sheet):
            lines += ["", f"## {problem.number}. `{problem.call}`", "", "```text", *steps, "```"]
            for question in problem.questions:
                shown = (line for row in _warnings(question) for line in row)
                lines += ["", f"If you see, for {question.name}:", "", "```text", *shown, "```"]
        lines.append("")
    for problem in sheet.problems if not key else ():
        lines += [f"## {problem.number}. `{problem.call}`", "", _task(problem), ""]
        lines += [line for grid in _given(problem) for line in _table(grid)]
        lines += [line for question in problem.questions for line in (f"{question.label}: {question.name} =", "")]
    lines += ["---", "", f"{_name(sheet)} To check the answers: `{_command(sheet)}`, where {FILE}."]
    return "\n".join(lines) + "\n"


# ---- HTML

STYLE = """
@page { size: A4; margin: 16mm 18mm 18mm;
  @bottom-left { content: "CODE"; font: 9px sans-serif; color: #555 }
  @bottom-right { content: counter(page) " / " counter(pages); font: 9px sans-serif; color: #555 } }
* { box-sizing: border-box; print-color-adjust: exact; -webkit-print-color-adjust: exact }
body { font: 14px/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 52em; margin: 2em auto;
  padding: 0 1em }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 11.5px } }
h1 { font-size: 1.5em; margin: 0 0 .4em }
h2 { font-size: 1em; margin: 1.4em 0 .3em; break-after: avoid }
h2 span { font-weight: normal; margin-left: 1em }
section { break-inside: avoid }
.key section { break-inside: auto }
.key h2 ~ p { break-after: avoid }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace }
pre { font-size: .75em; white-space: pre-wrap; background: #f6f6f4; padding: .6em .8em }
.line { display: flex; gap: 2em; margin-bottom: 1em }
.line span { flex: 1; border-bottom: 1px solid #888 }
.line span:last-child { flex: 0 0 30% }
.row { display: flex; flex-wrap: wrap; gap: .3em 2em }
.grids { display: flex; flex-wrap: wrap; gap: .8em 2em; place-content: flex-start; align-items: flex-start;
  margin: .3em 0 }
.work { flex: 1; min-width: 75mm; display: flex; flex-direction: column }
figure { margin: 0; break-inside: avoid }
figcaption { font-size: .85em; color: #333; padding: 0 0 .2em 1.5em }
table { border-collapse: collapse }
th { font-weight: normal; font-size: .72em; color: #666; padding: 0 .4em }
td { border: 1px solid #aaa; min-width: 2.1em; height: 2em; padding: 0 .35em; text-align: center }
.answer { display: inline-flex; align-items: center; gap: .5em; margin-right: 2.5em }
.answer i { display: inline-block; width: 6em; height: 2.2em; border: 1.5px solid #333 }
.paper { flex: 1; margin-top: .5em; border: 1px solid #c3d0dc; background-image:
  linear-gradient(#c3d0dc 1px, transparent 1px), linear-gradient(90deg, #c3d0dc 1px, transparent 1px);
  background-size: 5mm 5mm; background-position: -1px -1px }
.key td { font-weight: bold }
footer { margin-top: 2em; font-size: .85em; color: #444 }
"""


def _html_tables(found: list[Grid]) -> str:
    tables = []
    for grid in found:
        head = "".join(f"<th>{k}</th>" for k in ["", *grid.columns])
        rows = (
            f"<tr><th>{k}</th>{''.join(f'<td>{text}</td>' for text in row)}</tr>"
            for k, row in zip(grid.rows, grid.texts, strict=True)
        )
        table = f"<table><tr>{head}</tr>{''.join(rows)}</table>"
        tables.append(f"<figure><figcaption>{escape(grid.caption)}</figcaption>{table}</figure>")
    return f'<div class="grids">{"".join(tables)}</div>'


def _html_solution(problem: Problem, steps: list[str]) -> Iterator[str]:
    yield f"<pre>{escape(chr(10).join(steps))}</pre>"
    for question in problem.questions:
        shown = "\n".join(line for row in _warnings(question) for line in row)
        yield f"<p>If you see, for {question.name}:</p><pre>{escape(shown.rstrip())}</pre>"


def _html_problem(problem: Problem) -> Iterator[str]:
    """What is given, and beside it, where there is room, the answers and the work."""
    yield f'<div class="row">{_html_tables(_given(problem))}<div class="work"><div>'
    for question in problem.questions:
        yield f'<span class="answer">{question.label}: {question.name} ={"" if problem.whole else " <i></i>"}</span>'
    yield f'</div><div class="paper" style="min-height: {5 * _squares(problem, 20)}mm"></div></div></div>'


def html(sheet: Sheet, key: bool) -> str:
    """A page without anything outside itself, which prints on A4."""
    title = f"{sheet.title}{' (key)' if key else ''}"
    body = [f"<h1>{escape(title)}</h1>"]
    body += [] if key else ['<div class="line"><span>Name</span><span>Date</span></div>']
    body.append(f"<p>{escape(sheet.reminder)}<br>{escape(_counting(sheet))}</p>")
    body += [_html_tables(_answers(sheet))] if key else []
    for problem, steps in _solutions(sheet):
        task = "" if key else f"<span>{escape(_task(problem))}</span>"
        heading = f"<h2>{problem.number}. <code>{escape(problem.call)}</code>{task}</h2>"
        inside = _html_solution(problem, steps) if key else _html_problem(problem)
        body += ["<section>", heading, *inside, "</section>"]
    check = f"To check the answers: <code>{_command(sheet)}</code>, where {escape(FILE)}."
    body.append(f"<footer>{_name(sheet)} {check}</footer>")
    style = STYLE.replace("CODE", sheet.code)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<style>{style}</style>\n<body class="{"key" if key else "sheet"}">\n'
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


# ---- PDF, in millimetres from the top left corner of the page

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 210.0, 297.0, 17.5, 15.0, 280.0
INNER = WIDTH - 2 * LEFT
CELL, SQUARE, BOX = 6.5, 5.0, 18.0
ENOUGH = 75.0  # room beside the grids for the work
MOST_MORE = 8  # squares that a problem gets from what is left of its page
GREY, LINE, SQUARED = "#666666", "#9a9a9a", "#c3d0dc"


class Block(NamedTuple):
    """Something of a height, which is drawn at a y; squared paper can have more rows."""

    height: float
    draw: Callable[[Any, float], None]
    more: Callable[[int], Block] | None = None


GAP = Block(5, lambda axes, y: None)
READ_OFF = "relu", "max_pool2d"  # where there is nothing to work out on paper


def _squares(problem: Problem, columns: int) -> int:
    """How many rows of squared paper are needed: for the answer, and two squares for three characters of the work."""
    answer = len(_rows(problem.questions[0].answer)) if problem.whole else 0
    if problem.explanation.operation.name in READ_OFF:
        return answer + 1
    work = len("".join(_steps(problem)[1:])) * 2 // (3 * columns)
    return min(answer + work + 2, 180 // columns)


def _text(text: str, size: float = 9.5, after: float = 1.2, indent: str = "", **style: Any) -> list[Block]:
    """Lines of text, wrapped."""
    letter = 0.21 if style.get("family") == "monospace" else 0.21 if style.get("weight") == "bold" else 0.195
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
    axes.text(x + 3.5, y, grid.caption, fontsize=7, va="top", color="#333333", parse_math=False)
    x, y = x + 3.5, y + 8
    for j, text in enumerate(grid.columns):
        axes.text(x + (j + 0.5) * cell, y - 0.7, text, fontsize=6, ha="center", va="bottom", color=GREY)
    for i, text in enumerate(grid.rows):
        axes.text(x - 1, y + (i + 0.5) * CELL, text, fontsize=6, ha="right", va="center", color=GREY)
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
        width = max(len(grid.texts[0]) * _cell(grid), 1.27 * len(grid.caption)) + 7
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


def _work(problem: Problem, x: float, least: float, more: int = 0) -> Block:
    """Where to write, from x to the right margin, at least so high: boxes for single numbers, and squared paper."""
    columns = int((WIDTH - LEFT - x) // SQUARE)
    x = WIDTH - LEFT - columns * SQUARE
    wide = 14 + 1.8 * max(len(question.name) for question in problem.questions)
    right, down = (columns * SQUARE / 2, 0) if 2 * (wide + BOX) < columns * SQUARE else (0, 9)  # of a second box
    high = 8 if problem.whole else 10 + down * (len(problem.questions) - 1)
    rows = max(_squares(problem, columns), int((least - high) / SQUARE)) + more

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

    return Block(high + SQUARE * rows, draw, partial(_work, problem, x, least))


def _height(blocks: list[Block]) -> float:
    return sum(block.height for block in blocks)


def _beside(problem: Problem, found: list[Block], room: float, more: int = 0) -> Block:
    """Grids below one another, and to their right, where there is room, the work."""
    work = _work(problem, WIDTH - LEFT - room, _height(found), more)

    def draw(axes: Any, y: float) -> None:
        work.draw(axes, y)
        for block in found:
            block.draw(axes, y)
            y += block.height

    return Block(max(work.height, _height(found)), draw, partial(_beside, problem, found, room))


def _head(problem: Problem) -> list[Block]:
    """What is asked, on the line of the call if it fits there."""
    call, task = f"{problem.number}.  {problem.call}", _task(problem)
    head, below = _text(call, 10, indent="     ", weight="bold"), _text(task)
    after = 2.05 * len(call) + 6
    if after + 1.8 * len(task) > INNER:
        return head + below

    def draw(axes: Any, y: float) -> None:
        head[0].draw(axes, y)
        axes.text(LEFT + after, y, task, fontsize=9.5, va="top", parse_math=False)

    return [Block(head[0].height, draw)]


def _problem(problem: Problem) -> list[Block]:
    """A problem, with room for the work."""
    found, room = _grid_rows(_given(problem))
    if room >= ENOUGH:
        return [*_head(problem), _beside(problem, found, room), GAP]
    return [*_head(problem), *found, _work(problem, LEFT, 0), GAP]


def _solution(problem: Problem, steps: list[str]) -> Iterator[list[Block]]:
    """Groups of blocks that stay together: the steps, and rows of wrong answers."""
    mono: dict[str, Any] = {"family": "monospace", "size": 7.5, "after": 0.3}
    head = _text(f"{problem.number}.  {problem.call}", 10, indent="     ", weight="bold")
    for line in steps:
        yield [*head, *_text(line, indent="    ", **mono)]
        head = []
    for question in problem.questions:
        head = [Block(2, lambda axes, y: None), *_text(f"If you see, for {question.name}:", 8.5)]
        for row in _warnings(question):
            yield [*head, *(block for line in row for block in _text(line, **mono) or [Block(1.5, GAP.draw)])]
            head = []
    yield [GAP]


def _header(sheet: Sheet, key: bool) -> list[Block]:
    def line(axes: Any, y: float) -> None:
        axes.text(LEFT, y + 4, "Name", fontsize=9.5, va="bottom")
        axes.text(LEFT + 115, y + 4, "Date", fontsize=9.5, va="bottom")
        axes.hlines([y + 4, y + 4], [LEFT + 12, LEFT + 126], [LEFT + 105, LEFT + INNER], colors=GREY, linewidth=0.7)

    title = _text(f"{sheet.title}{' (key)' if key else ''}", 15, after=2, weight="bold")
    below = _text(sheet.reminder, after=0) + _text(_counting(sheet), after=5)
    return [*title, *([] if key else [Block(9, line)]), *below]


def _full(page: list[Block]) -> list[Block]:
    """What is left of the page becomes squared paper."""
    growing = sum(block.more is not None for block in page)
    rows = min(int((BOTTOM - TOP - _height(page)) / SQUARE / growing), MOST_MORE) if growing else 0
    return [block.more(rows) if block.more else block for block in page]


def _laid(groups: list[list[Block]], room: float) -> list[list[Block]]:
    """On pages with so much room, as few as possible."""
    laid: list[list[Block]] = [[]]
    for group in groups:
        if laid[-1] and _height(laid[-1] + group) > room:
            laid.append([])
        laid[-1] += group
    return laid


def pages(sheet: Sheet, key: bool) -> list[Figure]:
    """The pages, each an A4 figure."""
    if key:
        groups = [[row] for row in [*_grid_rows(_answers(sheet))[0], GAP]]
        groups += [group for problem, steps in _solutions(sheet) for group in _solution(problem, steps)]
    else:
        groups = [_problem(problem) for problem in sheet.problems]
    groups[0] = _header(sheet, key) + groups[0]
    room = BOTTOM - TOP
    laid = _laid(groups, room)
    while not key and len(evenly := _laid(groups, room := room - SQUARE)) == len(laid):
        laid = evenly
    return [_page(sheet, _full(page), f"{k} / {len(laid)}") for k, page in enumerate(laid, 1)]


def _page(sheet: Sheet, page: list[Block], number: str) -> Figure:
    figure = Figure(figsize=(WIDTH / 25.4, HEIGHT / 25.4))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    y = TOP
    for block in page:
        block.draw(axes, y)
        y += block.height
    style: dict[str, Any] = {"fontsize": 7.5, "va": "top", "color": GREY, "parse_math": False}
    axes.text(LEFT, BOTTOM + 4, f"{_name(sheet)} To check:  {_command(sheet)}", **style)
    axes.text(LEFT, BOTTOM + 7.6, f"{FILE}.", **style)
    axes.text(WIDTH - LEFT, BOTTOM + 7.6, number, ha="right", **style)
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
