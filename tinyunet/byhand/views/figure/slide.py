"""A picture on a slide: the largest cells with which all of it fits, and where everything is painted."""

import functools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.textpath import text_to_path

from tinyunet.byhand.arithmetic.explanation import Element
from tinyunet.byhand.views.figure import chart
from tinyunet.byhand.views.figure.grids import Grid
from tinyunet.byhand.views.figure.plan import Picture, plan
from tinyunet.plot import BLUE

WIDTH, HEIGHT, MARGIN = 16.0, 9.0, 0.5  # of a picture, in units
POINTS = 57.6  # in a unit: a picture is 12.8 inches wide
TITLE, SUM, SMALL, NAME, VALUE = 0.6, 0.6, 0.36, 0.3, 0.48  # sizes of letters
NUMBER, LETTER = 0.56, 0.27  # the same in a cell, by its height: of its number, and of a letter in its corner
TOP, SIGN, BESIDE, GAP, LINE = (
    1.15,
    0.8,
    0.45,
    0.25,
    1.4,
)  # below the title; for a sign, or none; between rows and lines
FRAME = 0.08  # around a number beyond its margin: lines of frames are as thick in small cells
DOTS, LABEL = 0.3, 1.4  # for what is left out on a side of a grid; what its name may need, if it is wider than the grid
LEGIBLE = 0.31  # rather than smaller cells there are fewer of them
CELLS = 10, 7, 5, 3  # rows or columns of an image around the window, the first with which the numbers are legible
FONT = {weight: FontProperties(family="DejaVu Sans", weight=weight) for weight in ("normal", "bold")}


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in units: the same for all frames of an animation."""

    cell: float  # the height of a cell
    wides: tuple[float, ...]  # its width, in each column of grids; the last column is the output
    shown: int  # how many rows there are
    widths: tuple[float, ...]  # of these columns
    height: float  # of a row of grids without their names
    names: float  # of the names above the grids, and of dots
    value: float  # the width of what a row comes to
    letters: float  # the size of the letters in steps
    lines: float  # the height of the lines below
    chart: float  # the scale of the chart; 0 without one
    beside: float  # between the grids of a row

    @property
    def width(self) -> float:
        """From the first grid to the output."""
        drawn = chart.WIDTH * self.chart + SIGN if self.chart else 0
        value = BESIDE + self.value if self.value else 0
        return sum(self.widths) + self.beside * (len(self.widths) - 2) + SIGN + value + drawn


@functools.lru_cache(4096)
def long(text: str, weight: str = "normal") -> float:
    """How wide a text is, in sizes of its letters."""
    widths = (text_to_path.get_text_width_height_descent(line, FONT[weight], False)[0] for line in text.split("\n"))
    return max(widths) / FONT[weight].get_size_in_points()


def _longest(grid: Grid) -> float:
    """How wide its widest number is."""
    cells = np.ndenumerate(np.array(grid.texts, dtype=object))
    return max(long(text, "bold" if grid.looks.get(cell) == "chosen" else "normal") for cell, text in cells)


def fitting(text: str, size: float, room: float = WIDTH - 2 * MARGIN) -> float:
    """The size of letters with which a text fits."""
    return min(size, room / max(long(text), 1))


def lines(picture: Picture, letters: float) -> list[tuple[str, float]]:
    """The lines below with the size of their letters: two that are made to fit, or steps that are wrapped."""
    if not picture.steps:
        return [(text, fitting(text, size)) for text, size in zip(picture.lines, (SUM, SMALL), strict=True)]
    most = int((WIDTH - 2 * MARGIN) / (0.56 * letters))
    wrapped = (textwrap.wrap(line, most, subsequent_indent="      ") for line in picture.lines)
    return [(text, fitting(text, letters)) for texts in wrapped for text in texts]


def _layout(pictures: Sequence[Picture]) -> Layout:
    """The largest cells with which all the pictures fit."""

    def below(letters: float) -> float:
        return max(sum(LINE * size for _, size in lines(picture, letters)) for picture in pictures)

    charted = any(picture.chart for picture in pictures)
    letters = next((size for size in (0.42, 0.36, 0.3, 0.25) if below(size) < (3.6 if charted else 4.5)), 0.2)
    rows = [row for picture in pictures for row in picture.rows]
    columns = [[row.grids[k] for row in rows if k < len(row.grids)] for k in range(max(len(row.grids) for row in rows))]
    inputs, outputs = [grid for column in columns for grid in column], [picture.output for picture in pictures]
    columns.append(outputs)
    high, tall = (max(grid.size[0] for grid in grids) for grids in (inputs, outputs))
    longest = [max(map(_longest, grids)) for grids in columns]
    names = NAME * LINE * max(1 + grid.name.count("\n") for grid in inputs + outputs)
    names += DOTS * sum(any(side in grid.more for grid in inputs + outputs) for side in ("north", "south"))
    value = VALUE * max(long(row.value, "bold") for row in rows)
    beside = SIGN if any(row.signs for row in rows) else BESIDE
    height = below(letters)
    room = HEIGHT - TOP - height - MARGIN

    def width(grid: Grid, cell: float) -> float:
        dots = 2 * DOTS if {"west", "east"} & set(grid.more) else 0
        return max(cell * grid.size[1] + dots, min(NAME * long(grid.name), LABEL))

    def largest(shown: int) -> Layout:
        """With so many rows."""
        for cell in np.arange(0.9, 0.05, -0.01).tolist():
            wides = tuple(max(cell, cell * (NUMBER * long + 0.25) + FRAME) for long in longest)
            widths = tuple(max(width(g, w) for g in grids) for grids, w in zip(columns, wides, strict=True))
            scale = min(1.0, room / chart.HEIGHT, max(cell / LEGIBLE, 0.65)) if charted else 0.0
            found = Layout(cell, wides, shown, widths, high * cell, names, value, letters, height, scale, beside)
            rest = 2 * SMALL if any(picture.rests[shown] for picture in pictures) else 0
            most = max(shown * (names + found.height + GAP) + rest, names + tall * cell)
            if found.width <= WIDTH - 2 * MARGIN and most <= room:
                break
        return found

    single = largest(1)
    several = (largest(shown) for shown in range(len(pictures[0].rows), 1, -1))
    return next((layout for layout in several if layout.cell >= min(LEGIBLE, single.cell)), single)


def plan_all(elements: Sequence[Element], filling: bool) -> tuple[list[Picture], Layout]:
    """Pictures that show as much around the window as is legible; if that is not all, rather another channel."""
    for most in CELLS:
        pictures = [plan(element, most, filling) for element in elements]
        layout = _layout(pictures)
        rows = [row for picture in pictures for row in picture.rows]
        whole = not any(row.grids[0].more for row in rows)
        if layout.cell >= LEGIBLE and (whole or layout.shown > 1 or len(rows) == len(pictures)):
            break
    return pictures, layout


# ---- painting

LIGHT_BLUE, LIGHT_ORANGE, GREY, LIGHT_GREY, LINES = "#D6E8F5", "#FBE3D4", "#666666", "#999999", "#BBBBBB"
LOOKS: dict[str, dict[str, Any]] = {
    "plain": {"facecolor": "white"},
    "used": {"facecolor": LIGHT_BLUE},
    "chosen": {"facecolor": LIGHT_ORANGE},
    "product": {"facecolor": LIGHT_ORANGE},
    "zero": {"facecolor": "white"},
    "padding": {"facecolor": "#F7F7F7", "linestyle": (0, (2, 2))},
}


def _text(figure: Figure, x: float, y: float, text: str, size: float, **style: Any) -> None:
    """A text at a place from the upper left corner, all in units."""
    font = FONT[style.pop("weight", "normal")]
    style = {"va": "center", "ha": "center", "color": "black"} | style  # whatever the style of the user's plots
    figure.text(x / WIDTH, 1 - y / HEIGHT, text, fontproperties=font, fontsize=size * POINTS, **style)


def _box(figure: Figure, x: float, y: float, width: float, height: float, **style: Any) -> None:
    corner = x / WIDTH, 1 - (y + height) / HEIGHT
    figure.add_artist(Rectangle(corner, width / WIDTH, height / HEIGHT, transform=figure.transFigure, **style))


def _paint_grid(figure: Figure, grid: Grid, middle: tuple[float, float], high: float, wide: float) -> None:
    """A grid around its middle, with cells of this height and width."""
    rows, cols = grid.size
    left, top = middle[0] - cols * wide / 2, middle[1] - rows * high / 2
    for (r, c), text in np.ndenumerate(np.array(grid.texts, dtype=object)):
        look = grid.looks.get((r, c), "plain")
        x, y = left + c * wide, top + r * high
        _box(figure, x, y, wide, high, **({"edgecolor": LINES, "linewidth": 0.8, "gid": "cell"} | LOOKS[look]))
        colour = LIGHT_GREY if look in ("padding", "zero") else "black"
        weight = "bold" if look == "chosen" else "normal"
        middle_of_it = 0.62 if grid.letters else 0.52  # room for a letter above it
        _text(figure, x + wide / 2, y + middle_of_it * high, text, NUMBER * high, color=colour, weight=weight)
        letter = grid.letters.get((r, c), "")
        _text(figure, x + 0.12 * high + FRAME / 2, y + 0.18 * high, letter, LETTER * high, color=BLUE)
    for row, col, height, width, colour in grid.frames:
        x, y = left + col * wide, top + row * high
        style = {"edgecolor": colour, "linewidth": 3, "fill": False, "zorder": 3, "gid": f"frame in {grid.name}"}
        _box(figure, x, y, width * wide, height * high, **style)
    sides = {
        "north": (middle[0], top - 0.2, "⋮"),
        "south": (middle[0], top + rows * high + 0.2, "⋮"),
        "west": (left - 0.18, middle[1], "⋯"),
        "east": (left + cols * wide + 0.18, middle[1], "⋯"),
    }
    for side in grid.more:
        _text(figure, *sides[side], NAME, color=GREY)
    above = 0.12 + (DOTS if "north" in grid.more else 0)
    size = fitting(grid.name, NAME, max(cols * wide, LABEL))
    _text(figure, middle[0], top - above, grid.name, size, va="bottom", color=GREY)


def _paint_chart(figure: Figure, shapes: Sequence[chart.Shape], left: float, top: float, scale: float) -> None:
    """A chart from its upper left corner."""
    style: dict[str, Any]
    for shape in shapes:
        x, y = left + scale * np.array(shape.x), top + scale * np.array(shape.y)
        if isinstance(shape, chart.Label):
            style = {"color": shape.colour, "weight": shape.weight, "zorder": 4}
            _text(figure, float(x), float(y), shape.text, scale * chart.LETTERS, **style)
        elif isinstance(shape, chart.Bar):
            style = {"facecolor": shape.colour, "edgecolor": shape.edge, "linewidth": 0.8}
            _box(figure, float(x), float(y), scale * shape.width, scale * shape.height, **style)
        elif isinstance(shape, chart.Line):
            style = {"color": shape.colour, "linewidth": shape.width, "linestyle": "--" if shape.dashed else "-"}
            figure.add_artist(Line2D(x / WIDTH, 1 - y / HEIGHT, marker="none", **style))
        else:
            size, face = 2 * scale * shape.radius, "white" if shape.hollow else shape.colour
            style = {"facecolor": face, "edgecolor": shape.colour, "linewidth": 1.5, "zorder": 3}
            middle = float(x / WIDTH), float(1 - y / HEIGHT)
            figure.add_artist(Ellipse(middle, size / WIDTH, size / HEIGHT, transform=figure.transFigure, **style))


def paint(picture: Picture, layout: Layout) -> Figure:
    """A picture where the layout says."""
    figure = Figure(figsize=(WIDTH * POINTS / 72, HEIGHT * POINTS / 72))
    figure.add_axes((0, 0, 1, 1)).set_axis_off()  # a notebook shows no figure without axes
    _box(figure, 0, 0, WIDTH, HEIGHT, facecolor="white", zorder=-1)
    _text(figure, MARGIN, 0.7, picture.title, TITLE, ha="left", weight="bold")
    room = WIDTH - 3 * MARGIN - TITLE * long(picture.title, "bold")
    size = fitting(picture.subtitle, SMALL, room)
    _text(figure, WIDTH - MARGIN, 0.72, picture.subtitle, size, ha="right", color=GREY)
    rest = picture.rests[layout.shown]
    pitch = layout.names + layout.height + GAP
    centre = (TOP + HEIGHT - MARGIN - layout.lines) / 2
    top = centre - (layout.shown * pitch + (2 * SMALL if rest else 0)) / 2
    left = (WIDTH - layout.width) / 2
    for k, row in enumerate(picture.rows[: layout.shown]):
        x, y = left, top + k * pitch + layout.names + layout.height / 2
        for grid, width, wide, sign in zip_longest(row.grids, layout.widths[:-1], layout.wides[:-1], row.signs):
            if grid:
                _paint_grid(figure, grid, (x + width / 2, y), layout.cell, wide)
                _text(figure, x + width + SIGN / 2, y, sign or "", VALUE)
            x += width + layout.beside
        _text(figure, x - layout.beside + BESIDE, y, row.value, VALUE, ha="left", weight="bold")
    _text(figure, left, top + layout.shown * pitch + SMALL, rest, SMALL, ha="left", color=GREY)
    x = left + layout.width - layout.widths[-1]
    y = top + (layout.shown * pitch - GAP + layout.names) / 2
    if layout.chart:
        width, height = chart.WIDTH * layout.chart, chart.HEIGHT * layout.chart
        middle = min(max(y, TOP + height / 2), HEIGHT - MARGIN - layout.lines - height / 2)
        _paint_chart(figure, picture.chart, x - SIGN - width, middle - height / 2, layout.chart)
        _text(figure, x - 1.5 * SIGN - width, y, "→", VALUE)
    _text(figure, x - SIGN / 2, y, "→", VALUE)
    _paint_grid(figure, picture.output, (x + layout.widths[-1] / 2, y), layout.cell, layout.wides[-1])
    y = HEIGHT - MARGIN / 2 - layout.lines
    x, side = (MARGIN, "left") if picture.steps else (WIDTH / 2, "center")
    for text, size in lines(picture, layout.letters):
        _text(figure, x, y + LINE * size / 2, text, size, ha=side)
        y += LINE * size
    return figure
