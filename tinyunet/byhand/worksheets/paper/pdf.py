"""A sheet, or its key, as a PDF, drawn on pages of A4: in millimetres from the top left corner of the page."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.paper.content import Grid
from tinyunet.byhand.worksheets.problems import Problem
from tinyunet.byhand.worksheets.sheets import Sheet
from tinyunet.files import atomic

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 210.0, 297.0, 17.5, 13.0, 278.5
INNER, ROOM = WIDTH - 2 * LEFT, BOTTOM - TOP
CELL, SQUARE, BOX = 6.5, 5.0, 18.0
ABOVE = 8.5  # a grid: its caption and the numbers of its columns
SIZE = 10.0  # of a letter in points: nothing on paper is smaller
ENOUGH = 74.0  # room beside the grids for the work
MOST_MORE = 12  # squares that a problem gets from what is left of its page
GREY, LINE, SQUARED = "#666666", "#9a9a9a", "#c3d0dc"


def pdf(sheet: Sheet, path: str | os.PathLike[str], key: bool = False) -> None:
    """Write the pages; without the date, so that the same sheet is the same file."""
    title = f"{content.title(sheet, key)}, sheet {sheet.code}"
    with atomic(path) as part, PdfPages(part, metadata={"Title": title, "CreationDate": None}) as file:
        for page in pages(sheet, key):
            file.savefig(page)


def pages(sheet: Sheet, key: bool) -> list[Figure]:
    """The pages, each an A4 figure."""
    if key:
        groups = [[row] for row in [*_grid_rows(content.answers(sheet))[0], GAP]]
        groups += [group for problem, steps in content.solutions(sheet) for group in _solution(problem, steps)]
    else:
        groups = [_problem(problem) for problem in sheet.problems]
    groups[0] = _header(sheet, key) + groups[0]
    laid = _laid(groups, ROOM) if key else _evenly(groups)
    return [_page(sheet, _full(page), f"{k} / {len(laid)}") for k, page in enumerate(laid, 1)]


# ---- blocks

Draw = Callable[[Any, float], object]  # on axes, at a y


class Block(NamedTuple):
    """Something of a height, and how it is drawn; squared paper can have more rows."""

    height: float
    draw: Draw = lambda axes, y: None
    more: Callable[[int], Block] | None = None


GAP = Block(4)


def _height(blocks: list[Block]) -> float:
    return sum(block.height for block in blocks)


def _write(x: float, text: str, size: float = SIZE, va: str = "top", **style: Any) -> Draw:
    return lambda axes, y: axes.text(x, y, text, fontsize=size, va=va, parse_math=False, **style)


def _text(text: str, size: float = SIZE, after: float = 1.2, indent: str = "", **style: Any) -> list[Block]:
    """Lines of text, wrapped."""
    letter = 0.2124 if style else 0.195  # mm for a point; monospaced and bold ones are wider
    lines = textwrap.wrap(text, int(INNER / (size * letter)), subsequent_indent=indent)
    last = len(lines) - 1
    return [Block(size * 0.47 + after * (k == last), _write(LEFT, line, size, **style)) for k, line in enumerate(lines)]


def _cell(grid: Grid) -> float:
    """The width of a cell."""
    return max(CELL, 2.25 * max(len(text) for row in grid.texts for text in row) + 2)


def _draw_lines(axes: Any, x: float, y: float, cells: tuple[int, int], size: tuple[float, float], **style: Any) -> None:
    """The lines between and around cells."""
    (rows, columns), (height, width) = cells, size
    axes.hlines([y + i * height for i in range(rows + 1)], x, x + columns * width, **style)
    axes.vlines([x + j * width for j in range(columns + 1)], y, y + rows * height, **style)


def _draw_grids(row: list[tuple[Grid, float]], axes: Any, y: float) -> None:
    """Of each, from its x: the caption, the numbers of rows and columns, light lines, and the numbers."""
    for grid, x in row:
        cell, top = _cell(grid), y + ABOVE
        centres = [x + (j + 0.5) * cell for j in range(len(grid.columns))]
        middles = [top + (i + 0.5) * CELL for i in range(len(grid.rows))]
        _write(x, grid.caption, color="#333333")(axes, y)
        for centre, text in zip(centres, grid.columns, strict=True):
            _write(centre, text, va="bottom", ha="center", color=GREY)(axes, top - 0.7)
        for middle, text in zip(middles, grid.rows, strict=True):
            _write(x - 1, text, va="center_baseline", ha="right", color=GREY)(axes, middle)
        _draw_lines(axes, x, top, (len(middles), len(centres)), (CELL, cell), colors=LINE, linewidth=0.6)
        for middle, texts in zip(middles, grid.texts, strict=True):
            for centre, text in zip(centres, texts, strict=True):
                _write(centre, text, va="center_baseline", ha="center")(axes, middle)


def _grid_rows(grids: list[Grid]) -> tuple[list[Block], float]:
    """Grids beside one another, as many as fit; and the room to their right."""
    rows: list[list[tuple[Grid, float]]] = [[]]
    x = used = 0.0
    for grid in grids:
        width = max(len(grid.texts[0]) * _cell(grid), 1.8 * len(grid.caption)) + 7
        if rows[-1] and x + width > INNER:
            rows.append([])
            x = 0.0
        rows[-1].append((grid, LEFT + x + 3.5))
        x += width
        used = max(used, x)
    heights = [ABOVE + CELL * max(len(grid.texts) for grid, _ in row) + 3 for row in rows]
    return [Block(height, partial(_draw_grids, row)) for height, row in zip(heights, rows, strict=True)], INNER - used


# ---- the sheet and its key, in blocks


def _header(sheet: Sheet, key: bool) -> list[Block]:
    def line(axes: Any, y: float) -> None:
        _write(LEFT, "Name", va="bottom")(axes, y + 4)
        _write(LEFT + 115, "Date", va="bottom")(axes, y + 4)
        axes.hlines([y + 4, y + 4], [LEFT + 12, LEFT + 126], [LEFT + 105, LEFT + INNER], colors=GREY, linewidth=0.7)

    title = _text(content.title(sheet, key), 15, after=2, weight="bold")
    below = _text(sheet.reminder, after=0) + _text(content.counting(sheet), after=5)
    return [*title, *([] if key else [Block(9, line)]), *below]


def _heading(problem: Problem) -> list[Block]:
    return _text(f"{problem.number}.  {problem.call}", 11, indent="     ", weight="bold")


def _asked(problem: Problem) -> list[Block]:
    """What is asked, on the line of the call if it fits there."""
    head, task = _heading(problem), content.task(problem)
    after = 2.25 * len(f"{problem.number}.  {problem.call}") + 6
    if after + 1.9 * len(task) > INNER:
        return head + _text(task)
    return [Block(0, head[0].draw), Block(head[0].height, _write(LEFT + after, task))]


def _work(problem: Problem, x: float, least: float, more: int = 0) -> Block:
    """Where to write, from x to the right margin, at least so high: boxes for single numbers, and squared paper."""
    columns = int((WIDTH - LEFT - x) // SQUARE)
    x = WIDTH - LEFT - columns * SQUARE
    wide = 14 + 1.9 * max(len(question.name) for question in problem.questions)
    right, down = (columns * SQUARE / 2, 0) if 2 * (wide + BOX) < columns * SQUARE else (0, 9)  # of a second box
    high = 8 if problem.whole else 10 + down * (len(problem.questions) - 1)
    rows = max(content.squares(problem, columns), int((least - high) / SQUARE)) + more

    def draw(axes: Any, y: float) -> None:
        for k, question in enumerate(problem.questions):
            left, middle = x + k * right, y + k * down + 4
            _write(left, f"{question.label}:  {question.name} =", va="center")(axes, middle)
            if not problem.whole:
                axes.add_patch(Rectangle((left + wide, middle - 4), BOX, 8, fill=False, edgecolor="#333333"))
        _draw_lines(axes, x, y + high, (rows, columns), (SQUARE, SQUARE), colors=SQUARED, linewidth=0.5)

    return Block(high + SQUARE * rows, draw, partial(_work, problem, x, least))


def _beside(problem: Problem, given: list[Block], room: float, more: int = 0) -> Block:
    """Grids below one another, and to their right, where there is room, the work."""
    work = _work(problem, WIDTH - LEFT - room, _height(given), more)

    def draw(axes: Any, y: float) -> None:
        work.draw(axes, y)
        for block in given:
            block.draw(axes, y)
            y += block.height

    return Block(max(work.height, _height(given)), draw, partial(_beside, problem, given, room))


def _problem(problem: Problem) -> list[Block]:
    """A problem, with room for the work."""
    given, room = _grid_rows(content.given(problem))
    below = [_beside(problem, given, room)] if room >= ENOUGH else [*given, _work(problem, LEFT, 0)]
    return [*_asked(problem), *below, GAP]


def _solution(problem: Problem, steps: list[str]) -> Iterator[list[Block]]:
    """Groups of blocks that stay together: the steps, and rows of wrong answers."""
    mono: dict[str, Any] = {"family": ["monospace", "sans-serif"], "after": 0.3}  # which has ℓ
    head = _heading(problem)
    for line in steps:
        yield [*head, *_text(line, indent="    ", **mono)]
        head = []
    for question in problem.questions:
        head = [Block(2), *_text(f"If you see, for {question.name}:")]
        for row in content.warnings(question):
            yield [*head, *(block for line in row for block in _text(line, **mono) or [Block(1.5)])]
            head = []
    yield [GAP]


# ---- pages


def _laid(groups: list[list[Block]], room: float) -> list[list[Block]]:
    """On pages with so much room, as few as possible."""
    laid: list[list[Block]] = [[]]
    for group in groups:
        if laid[-1] and _height(laid[-1] + group) > room:
            laid.append([])
        laid[-1] += group
    return laid


def _evenly(groups: list[list[Block]]) -> list[list[Block]]:
    """On as few pages as possible, about as much on each: with less room, as long as that takes no more pages."""
    laid, room = _laid(groups, ROOM), ROOM
    while len(laid) < len(groups) and len(closer := _laid(groups, room := room - SQUARE)) == len(laid):
        laid = closer
    return laid


def _full(page: list[Block]) -> list[Block]:
    """What is left of the page becomes squared paper."""
    growing = sum(block.more is not None for block in page)
    rows = min(int((ROOM - _height(page)) / SQUARE / growing), MOST_MORE) if growing else 0
    return [block.more(rows) if block.more else block for block in page]


def _page(sheet: Sheet, page: list[Block], number: str) -> Figure:
    figure = Figure(figsize=(WIDTH / 25.4, HEIGHT / 25.4))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    axes.set_axis_off()
    y = TOP
    for block in page:
        block.draw(axes, y)
        y += block.height
    foot = content.name(sheet), f"To check:  {content.command(sheet)}", f"{content.FILE}."
    for k, line in enumerate(foot):
        _write(LEFT, line, color=GREY)(axes, BOTTOM + 2 + 3.9 * k)
    _write(WIDTH - LEFT, number, color=GREY, ha="right")(axes, BOTTOM + 2)
    return figure
