"""Pictures of a worked element, for a slide: the window on its image, the kernel, the products, the sum and the result.

A picture is first planned as `Grid`s of numbers, then laid out, and only then painted. So all frames of an animation
share one layout, and nothing moves in it but the window.
"""

from __future__ import annotations

import functools
import inspect
import io
import os
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from PIL import Image

from tinyunet.byhand.arithmetic import calls
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.worked import Factor, Formula, Largest, Part, Sum, Term
from tinyunet.files import atomic
from tinyunet.plot import BLUE, ORANGE
from tinyunet.tensor import Array

if TYPE_CHECKING:
    from tinyunet.byhand.arithmetic.explanation import Element, Explanation

FRAMES = 400  # of an animation, at most
CELLS = 10, 7, 5, 3  # rows or columns of an image around the window, the first with which the numbers are legible
SPREAD = 16  # rows or columns of a window that is shown whole all the same
GRIDS = 4  # one below the other, or side by side, at most
TERMS, LETTERS = 12, 90  # that a sum has before some terms are left out
SLIDING = "conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"

Cell = tuple[int, int]
Index = tuple[int, ...]


class Frame(NamedTuple):
    """A thick rectangle around cells of a grid."""

    row: int
    col: int
    height: int
    width: int
    colour: str


@dataclass(frozen=True)
class Grid:
    """Numbers in rows and columns.

    Attributes:
        name: what stands above it.
        texts: the numbers; an empty text is a number that is not known yet.
        looks: of single cells, one of `LOOKS`.
        frames: around some of the cells.
        more: the sides on which there is more than is shown: "north", "south", "west", "east".
    """

    name: str
    texts: list[list[str]]
    looks: dict[Cell, str] = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def size(self) -> Cell:
        """How many rows and columns it has."""
        return len(self.texts), len(self.texts[0])


class Row(NamedTuple):
    """Grids side by side, a sign after each, and what they come to."""

    grids: tuple[Grid, ...]
    signs: str = ""
    value: str = ""


class Picture(NamedTuple):
    """All that is drawn of one element.

    `rests` says what is left out if not all rows are shown, by how many are. The lines are two, a large and a small
    one, or any number of steps.
    """

    title: str
    subtitle: str
    rows: tuple[Row, ...]
    rests: tuple[str, ...]
    output: Grid
    lines: tuple[str, ...]
    steps: bool


# ---- numbers in a grid ----


def _shown(first: int, stop: int, wanted: Iterable[int], most: int) -> range:
    """Of the positions from first to stop, at most so many around those that are wanted."""
    wanted = list(wanted) or [first]
    low, high = min(wanted), max(wanted) + 1
    if high - low <= SPREAD:
        most = max(most, high - low)
    start = low if high - low > most else (low + high - most) // 2
    start = max(first, min(start, stop - most))
    return range(start, min(start + most, stop))


def _frames(cells: set[Cell], colour: str) -> tuple[Frame, ...]:
    """One frame around cells that touch, or one around each if there are gaps between them."""
    if not cells:
        return ()
    rows, cols = zip(*cells, strict=True)
    height, width = max(rows) - min(rows) + 1, max(cols) - min(cols) + 1
    if len(cells) == height * width:
        return (Frame(min(rows), min(cols), height, width, colour),)
    return tuple(Frame(r, c, 1, 1, colour) for r, c in sorted(cells))


def _image(
    name: str,
    at: Index,
    array: Array,
    looks: dict[Cell, str],
    framed: dict[str, set[Cell]],
    most: int,
    padding: Sequence[Cell] = ((0, 0), (0, 0)),
    outside: str = "0",
    known: int | None = None,
) -> Grid:
    """The plane `at` of an array.

    Args:
        looks: of the cells that are not plain.
        framed: by colour, the cells to frame, the first colour being the window that is certainly shown.
        most: rows or columns to show.
        padding: the cells before and after the image, in rows and columns, each with the text `outside`.
        known: how many numbers there are so far; None is all.
    """
    plane = array[at].reshape((1, 1, *array.shape)[-2:])  # a vector is a row
    spans = [(-before, n + after) for n, (before, after) in zip(plane.shape, padding, strict=True)]
    window = next(iter(framed.values()))
    rows, cols = (_shown(*span, (cell[k] for cell in window), most) for k, span in enumerate(spans))
    height, width = plane.shape

    def text(r: int, c: int) -> str:
        if not (0 <= r < height and 0 <= c < width):
            return outside
        return write(plane[r, c]) if known is None or r * width + c < known else ""

    def moved(cells: Iterable[Cell]) -> set[Cell]:
        return {(r - rows.start, c - cols.start) for r, c in cells if r in rows and c in cols}

    border = {cell for cell in product(rows, cols) if not (0 <= cell[0] < height and 0 <= cell[1] < width)}
    looks = looks | dict.fromkeys(border, "padding")
    (top, bottom), (left, right) = spans
    cut = {
        "north": rows.start > top,
        "south": rows.stop < bottom,
        "west": cols.start > left,
        "east": cols.stop < right,
    }
    name = _place(name, at)
    if any(cut.values()):  # say which part it is
        slices = f"{max(rows.start, 0)}:{min(rows.stop, height)}", f"{max(cols.start, 0)}:{min(cols.stop, width)}"
        name += f"\n[{', '.join(slices[-array.ndim :])}]"
    return Grid(
        name,
        [[text(r, c) for c in cols] for r in rows],
        {(r - rows.start, c - cols.start): look for (r, c), look in looks.items() if r in rows and c in cols},
        tuple(frame for colour, cells in framed.items() for frame in _frames(moved(cells), colour)),
        tuple(side for side, there in cut.items() if there),
    )


def _block(name: str, values: dict[Cell, float], most: int, products: bool = False) -> Grid:
    """The numbers at the cells of a window, moved together."""
    rows, cols = (sorted({cell[k] for cell in values}) for k in range(2))
    more = tuple(side for side, places in (("south", rows), ("east", cols)) if len(places) > SPREAD)
    rows, cols = (places if len(places) <= SPREAD else places[:most] for places in (rows, cols))
    texts = [[write(values[r, c]) for c in cols] for r in rows]
    if not products:
        return Grid(name, texts, frames=(Frame(0, 0, len(rows), len(cols), BLUE),), more=more)
    looks = {
        (r, c): "zero" if text == "0" else "product" for r, line in enumerate(texts) for c, text in enumerate(line)
    }
    return Grid(name, texts, looks, more=more)


def _place(name: str, at: Index) -> str:
    return f"{name}{list(at)}" if at else name


def _cell(index: Index) -> Cell:
    """Where an element stands in its plane."""
    row, col = (0, 0, *index)[-2:]
    return row, col


# ---- what is drawn of an element ----


def _picture(element: Element, most: int, filling: bool) -> Picture:
    """Plan a picture with so many rows and columns; one that is filling has no elements that come after this one."""
    whole = element.explanation
    operation, here, shape = whole.operation, _cell(element.index), (1, *whole.result.shape)
    known = here[0] * shape[-1] + here[1] + 1 if filling else None
    chosen = {here: "chosen"}
    output = _image(whole.what, element.index[:-2], whole.result, chosen, {ORANGE: {here}}, most, known=known)
    defaults = inspect.signature(getattr(calls, operation.name)).parameters
    changed = [f"{name}={value!r}" for name, value in operation.settings.items() if value != defaults[name].default]
    subtitle = f"{operation.name}({', '.join(changed)})" if changed else operation.name
    sliding = operation.name in SLIDING
    rows, rests = (_channels if sliding else _arrays)(element, most)
    lines = _sum(element) if sliding else _steps(element)
    return Picture(element.symbol.text, subtitle, rows, rests, output, lines, not sliding)


def _parts(element: Element) -> list[Part]:
    """The parts of the sum that are products of a window."""
    last = element.steps[-1]
    parts = last.parts if isinstance(last, Sum) else (Part("window", last.terms),)
    return [part for part in parts if part.name != "bias"]


def _channels(element: Element, most: int) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """A row for each of the first channels, and what the others come to."""
    parts = _parts(element)
    rests = []
    for shown in range(GRIDS + 1):
        others = parts[shown:]  # of one kind, such as "channel 3"
        kind = others[0].name.rsplit(" ", 1)[0] + "s" * (len(others) > 1) if others else ""
        rests.append(f"… and {len(others)} more {kind}: {write(sum(p.value for p in others))}" if others else "")
    return tuple(_channel(element, part, most) for part in parts[:GRIDS]), tuple(rests)


def _channel(element: Element, part: Part, most: int) -> Row:
    """The window on its image × the kernel = the products."""
    whole, last = element.explanation, element.steps[-1]
    name, at = _source(element, part)
    met = _met(element, part)
    padding: Any = ((0, 0), (0, 0))
    if name == "x" and whole.operation.name != "conv_transpose2d":
        padding = [(axis.padding, max(axis.padding, axis.overhang)) for axis in whole.operation.axes()]
    looks, framed = dict.fromkeys(met, "used"), {BLUE: set(met)}
    if isinstance(last, Largest):
        winner = {cell for cell, term in met.items() if term == last.winner}
        looks, framed = looks | dict.fromkeys(winner, "chosen"), framed | {ORANGE: winner}
        image = _image(name, at, whole.arrays[name], looks, framed, most, padding, "−∞")
        return Row((image,), "", f"max = {write(last.value)}")
    image = _image(name, at, whole.arrays[name], looks, framed, most, padding)
    if not met or len(next(iter(met.values())).factors) == 1:
        return Row((image,), "", f"Σ = {write(part.value)}")
    kernel = {cell: term.factors[1] for cell, term in met.items()}
    factors = _block(_kernel_name(whole, kernel), {cell: factor.value for cell, factor in kernel.items()}, most)
    products = _block("products", {cell: term.value for cell, term in met.items()}, most, products=True)
    return Row((image, factors, products), "×==", write(part.value))


def _source(element: Element, part: Part) -> tuple[str, Index]:
    """The array that the window lies on, and which plane of it."""
    whole = element.explanation
    operation, what = whole.operation, whole.what
    name = "x" if what == "y" or (operation.name, what) == ("conv2d", "dw") else "dy"
    first, second = (0, 0, *element.index)[-4:][:2]
    number = int(part.name.split()[-1]) if part.name[-1].isdigit() else 0  # of an image or a channel
    at = first, number
    if operation.name.endswith("pool2d"):
        at = first, second
    elif what == "db":
        at = number, element.index[0]
    elif what == "dw":  # w is (O, C/groups, …) or, transposed, (C, O/groups, …)
        groups = operation.settings["groups"]
        before, after = len(operation.arrays["w"]) // groups, operation.arrays["w"].shape[1]
        at = number, first // before * after + second
    return name, at[4 - whole.arrays[name].ndim :]


def _met(element: Element, part: Part) -> dict[Cell, Term]:
    """The terms by where the window meets them, row by row; the first factor of each is what the window lies on."""
    whole = element.explanation
    swapped = (whole.operation.name, whole.what) == ("conv2d", "dw")
    terms = [Term(term.factors[::-1]) if swapped else term for term in part.terms]
    return dict(sorted((_cell(term.factors[0].at), term) for term in terms))


def _kernel_name(whole: Explanation, kernel: dict[Cell, Factor]) -> str:
    """What the numbers of a kernel are, in the order in which the window meets them."""
    first, last = kernel[min(kernel)], kernel[max(kernel)]
    if not first.at or not last.at:
        return first.name
    name = _place(first.name, first.at[:-2])
    if len(kernel) < np.prod(whole.arrays[first.name].shape[-2:]):
        name = f"part of {name}"
    return f"{name},\nturned by 180°" if first.at > last.at else name


def _short(texts: Sequence[str]) -> Sequence[str]:
    """Of many or long ones, the beginning and the end."""
    few = [*texts[:4], "…", *texts[-2:]]
    long = len(texts) > TERMS or len(" + ".join(texts)) > LETTERS
    return few if long and len(texts) > len(few) else texts


def _plus(values: Iterable[float]) -> str:
    """A sum written out."""
    first, *others = map(write, values)
    return " + ".join(_short([first, *(f"({text})" if text.startswith("−") else text for text in others)]))


def _sum(element: Element) -> tuple[str, str]:
    """The last step in numbers, and in words."""
    last, whole = element.steps[-1], element.explanation
    terms = list(_met(element, _parts(element)[0]).values())
    if not last.terms:
        return f"{element.symbol.text} = 0", "there is nothing to add"
    values = [term.value for term in terms]
    if not isinstance(last, Sum):
        numbers, words = f"max({', '.join(_short([write(value) for value in values]))})", "the largest of the window"
    elif len(last.parts) > 1:
        names = [part.name for part in last.parts]
        words = " + ".join(names if len(names) <= GRIDS else [*names[:2], "…", names[-1]])
        numbers = _plus(part.value for part in last.parts)
    elif len(terms[0].factors) > 1:
        numbers, words = terms[0].text if len(terms) == 1 else _plus(values), "the sum of the products"
    else:
        numbers, words = _plus(values), "the sum of dy" if whole.what == "db" else "the sum of the window"
    if isinstance(last, Sum) and last.divisor != 1:
        numbers, words = f"({numbers}) / {write(last.divisor)}", f"{words} / {write(last.divisor)}"
    return f"{numbers} = {write(element.value)}", f"{words} = {element.symbol.text}"


def _arrays(element: Element, most: int) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The arrays side by side, with what is used of them, and framed what the last step uses."""
    whole, last = element.explanation, element.steps[-1]
    here = {(f.name, f.at) for f in last.factors} if isinstance(last, Formula) else set()
    planes: dict[tuple[str, Index], tuple[set[Cell], set[Cell]]] = {}
    factors = (f for step in element.steps for term in step.terms for f in term.factors)
    for factor in (f for f in factors if f.at and f.name in whole.arrays):
        used, framed = planes.setdefault((factor.name, factor.at[:-2]), (set(), set()))
        row, col = _cell(factor.at)
        if whole.operation.name in ("softmax", "cross_entropy") and factor.name == "x":
            used |= {(row, k) for k in range(whole.arrays["x"].shape[-1])}  # Z is a sum over all classes
        used.add((row, col))
        if (factor.name, factor.at) in here:
            framed.add((row, col))
    if "target" in whole.arrays:
        rows = {_cell((k,)) for k in range(whole.arrays["target"].size) if element.index[:1] in ((), (k,))}
        planes["target", ()] = rows, rows
    grids = [
        _image(name, at, whole.arrays[name], dict.fromkeys(used, "used"), {BLUE: framed or used}, most)
        for (name, at), (used, framed) in planes.items()
    ]
    rest = f"… and {len(grids) - GRIDS} more" if len(grids) > GRIDS else ""
    return (Row(tuple(grids[:GRIDS])),), ("", rest)


def _steps(element: Element) -> tuple[str, ...]:
    """The formula and the steps; of many, and of long sums, the beginning and the end."""
    lines = [" + ".join(_short(line.strip().split(" + "))) for line in element.text().splitlines()]
    return tuple(lines if len(lines) <= TERMS else [*lines[: TERMS - 4], "…", *lines[-3:]])


# ---- where it stands ----

WIDTH, HEIGHT, MARGIN = 16.0, 9.0, 0.5  # of a picture, in units
POINTS = 57.6  # in a unit: a picture is 12.8 inches wide
TITLE, SUM, SMALL, NAME, VALUE, NUMBER = 0.6, 0.6, 0.36, 0.3, 0.48, 0.56  # sizes of letters; a number's in its cell
TOP, SIGN, GAP, LINE = 1.15, 0.8, 0.25, 1.4  # below the title; for a sign; between rows; from line to line, in letters
DOTS, LABEL = 0.3, 2.2  # for what is left out on a side of a grid; what its name may need, if it is wider than the grid
LEGIBLE = 0.31  # rather than smaller cells there are fewer of them
FONT = {weight: FontProperties(family="DejaVu Sans", weight=weight) for weight in ("normal", "bold")}


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in units: the same for all frames of an animation.

    Attributes:
        cell: the height of a cell.
        wides: its width, in each column of grids; the last column is the output.
        shown: how many rows there are.
        widths: of these columns.
        height: of a row of grids without their names.
        names: of the names above the grids, and of dots.
        value: the width of what a row comes to.
        letters: the size of the letters in steps.
        lines: the height of the lines below.
    """

    cell: float
    wides: tuple[float, ...]
    shown: int
    widths: tuple[float, ...]
    height: float
    names: float
    value: float
    letters: float
    lines: float

    @property
    def width(self) -> float:
        """From the first grid to the output."""
        return sum(self.widths) + SIGN * (len(self.widths) - 1) + (self.value + SIGN if self.value else 0)


@functools.lru_cache(4096)
def _long(text: str, weight: str = "normal") -> float:
    """How wide a text is, in sizes of its letters."""
    widths = (text_to_path.get_text_width_height_descent(line, FONT[weight], False)[0] for line in text.split("\n"))
    return max(widths) / FONT[weight].get_size_in_points()


def _fitting(text: str, size: float, room: float = WIDTH - 2 * MARGIN) -> float:
    """The size of letters with which a text fits."""
    return min(size, room / max(_long(text), 1))


def _lines(picture: Picture, letters: float) -> list[tuple[str, float]]:
    """The lines below with the size of their letters: two that are made to fit, or steps that are wrapped."""
    if not picture.steps:
        return [(text, _fitting(text, size)) for text, size in zip(picture.lines, (SUM, SMALL), strict=True)]
    most = int((WIDTH - 2 * MARGIN) / (0.56 * letters))
    wrapped = (textwrap.wrap(line, most, subsequent_indent="      ") for line in picture.lines)
    return [(text, _fitting(text, letters)) for texts in wrapped for text in texts]


def _layout(pictures: Sequence[Picture]) -> Layout:
    """The largest cells with which all the pictures fit."""

    def below(letters: float) -> float:
        return max(sum(LINE * size for _, size in _lines(picture, letters)) for picture in pictures)

    letters = next((size for size in (0.42, 0.36, 0.3, 0.25) if below(size) < 4.5), 0.2)
    rows = [row for picture in pictures for row in picture.rows]
    columns = [[row.grids[k] for row in rows if k < len(row.grids)] for k in range(max(len(row.grids) for row in rows))]
    inputs, outputs = [grid for column in columns for grid in column], [picture.output for picture in pictures]
    columns.append(outputs)
    high, tall = (max(grid.size[0] for grid in grids) for grids in (inputs, outputs))
    longest = [max(_long(text, "bold") for grid in grids for line in grid.texts for text in line) for grids in columns]
    names = NAME * LINE * max(1 + grid.name.count("\n") for grid in inputs + outputs)
    names += DOTS * sum(any(side in grid.more for grid in inputs + outputs) for side in ("north", "south"))
    value = VALUE * max(_long(row.value, "bold") for row in rows)
    lines = below(letters)
    room = HEIGHT - TOP - lines - MARGIN

    def width(grid: Grid, cell: float) -> float:
        dots = 2 * DOTS if {"west", "east"} & set(grid.more) else 0
        return max(cell * grid.size[1] + dots, min(NAME * _long(grid.name), LABEL))

    def largest(shown: int) -> Layout:
        """With so many rows."""
        for cell in np.arange(0.9, 0.05, -0.01).tolist():
            wides = tuple(cell * max(1.0, NUMBER * long + 0.12) for long in longest)
            widths = tuple(max(width(g, w) for g in grids) for grids, w in zip(columns, wides, strict=True))
            found = Layout(cell, wides, shown, widths, high * cell, names, value, letters, lines)
            rest = 2 * SMALL if any(picture.rests[shown] for picture in pictures) else 0
            most = max(shown * (names + found.height + GAP) + rest, names + tall * cell)
            if found.width <= WIDTH - 2 * MARGIN and most <= room:
                break
        return found

    single = largest(1)
    several = (largest(shown) for shown in range(len(pictures[0].rows), 1, -1))
    return next((layout for layout in several if layout.cell >= min(LEGIBLE, single.cell)), single)


def _plan(elements: Sequence[Element], filling: bool) -> tuple[list[Picture], Layout]:
    """Pictures that show as much around the window as is legible; if that is not all, rather another channel."""
    for most in CELLS:
        pictures = [_picture(element, most, filling) for element in elements]
        layout = _layout(pictures)
        rows = [row for picture in pictures for row in picture.rows]
        whole = not any(row.grids[0].more for row in rows)
        if layout.cell >= LEGIBLE and (whole or layout.shown > 1 or len(rows) == len(pictures)):
            break
    return pictures, layout


# ---- painting ----

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
    size = _fitting(grid.name, NAME, max(cols * wide, LABEL))
    _text(figure, middle[0], top - above, grid.name, size, va="bottom", color=GREY)


def _paint(picture: Picture, layout: Layout) -> Figure:
    """A picture where the layout says."""
    figure = Figure(figsize=(WIDTH * POINTS / 72, HEIGHT * POINTS / 72))
    figure.add_axes((0, 0, 1, 1)).set_axis_off()  # a notebook shows no figure without axes
    _box(figure, 0, 0, WIDTH, HEIGHT, facecolor="white", zorder=-1)
    _text(figure, MARGIN, 0.7, picture.title, TITLE, ha="left", weight="bold")
    room = WIDTH - 3 * MARGIN - TITLE * _long(picture.title, "bold")
    size = _fitting(picture.subtitle, SMALL, room)
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
    for text, size in _lines(picture, layout.letters):
        _text(figure, x, y + LINE * size / 2, text, size, ha=side)
        y += LINE * size
    return figure


def draw(element: Element) -> Figure:
    """The window, the kernel, the products and the sum of one element, as a picture of 16:9 for a slide.

    Of large arrays it shows the neighbourhood of the window, and of many channels the first few.

    >>> from tinyunet import byhand
    >>> figure = draw(byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]], b=[10]).at(0, 0))
    >>> [text.get_text() for text in figure.texts][-2:]
    ['20 + 10 = 30', 'channel 0 + bias = y[0, 0]']
    """
    (picture,), layout = _plan([element], filling=False)
    return _paint(picture, layout)


def animate(explanation: Explanation, path: str | os.PathLike[str], milliseconds: int = 700) -> None:
    """Write a GIF in which the window slides over the first image and channel, and the result fills up.

    Args:
        milliseconds: for each element.

    Raises:
        ValueError: a path that does not end in .gif, frames shorter than 20 ms, or more than 400 of them.
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"an animation is a GIF; {str(path)!r} must end in .gif")
    if milliseconds < 20:  # browsers show them slower
        raise ValueError(f"milliseconds: a frame takes at least 20, not {milliseconds}")
    shape = explanation.result.shape
    plane, lead = shape[-2:], (0,) * len(shape[:-2])
    if np.prod(plane) > FRAMES:
        raise ValueError(
            f"one frame for each element of {plane} would be {np.prod(plane)}; at most {FRAMES} are written: "
            "animate a smaller input"
        )
    pictures, layout = _plan([explanation.at(*lead, *index) for index in np.ndindex(*plane)], filling=True)
    images = [_pixels(_paint(picture, layout)) for picture in pictures]
    palette = images[-1].quantize(64, method=Image.Quantize.MAXCOVERAGE)  # one for all frames keeps the file small
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    pauses = [milliseconds] * (len(frames) - 1) + [3 * milliseconds]  # time to look at the whole
    with atomic(path) as part:
        frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0)


def _pixels(figure: Figure) -> Image.Image:
    """A figure as an image of 960×540 pixels."""
    raw = io.BytesIO()
    figure.savefig(raw, format="rgba", dpi=75, bbox_inches=figure.bbox_inches)
    return Image.frombytes("RGBA", (960, 540), raw.getvalue()).convert("RGB")
