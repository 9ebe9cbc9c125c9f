"""A picture, painted with Matplotlib."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyunet.byhand.views.figure.grids import Grid
from tinyunet.byhand.views.figure.layout import (
    DOTS,
    FONT,
    GAP,
    HEIGHT,
    LABEL,
    LINE,
    MARGIN,
    NAME,
    NUMBER,
    POINTS,
    SIGN,
    SMALL,
    TITLE,
    TOP,
    VALUE,
    WIDTH,
    Layout,
    fitting,
    lines,
    long,
)
from tinyunet.byhand.views.figure.plan import Picture

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
        _box(figure, x, y, wide, high, **({"edgecolor": LINES, "linewidth": 0.8} | LOOKS[look]))
        colour = LIGHT_GREY if look in ("padding", "zero") else "black"
        weight = "bold" if look == "chosen" else "normal"
        _text(figure, x + wide / 2, y + 0.52 * high, text, NUMBER * high, color=colour, weight=weight)
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
            x += width + SIGN
        _text(figure, x, y, row.value, VALUE, ha="left", weight="bold")
    _text(figure, left, top + layout.shown * pitch + SMALL, rest, SMALL, ha="left", color=GREY)
    x = left + layout.width - layout.widths[-1]
    y = top + (layout.shown * pitch - GAP + layout.names) / 2
    _text(figure, x - SIGN / 2, y, "→", VALUE)
    _paint_grid(figure, picture.output, (x + layout.widths[-1] / 2, y), layout.cell, layout.wides[-1])
    y = HEIGHT - MARGIN / 2 - layout.lines
    x, side = (MARGIN, "left") if picture.steps else (WIDTH / 2, "center")
    for text, size in lines(picture, layout.letters):
        _text(figure, x, y + LINE * size / 2, text, size, ha=side)
        y += LINE * size
    return figure
