"""Numbers in rows and columns, as much of them as a slide has room for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.operation import Border, Index
from tinyunet.byhand.arithmetic.worked import place
from tinyunet.plot import BLUE, ORANGE
from tinyunet.tensor import Array

SPREAD = 16  # rows or columns of a window that is shown whole, however few others are

FRAMES = {"used": BLUE, "chosen": ORANGE}  # the colours of frames around cells that look so

Cell = tuple[int, int]


class Frame(NamedTuple):
    """A thick rectangle around cells of a grid."""

    row: int
    col: int
    height: int
    width: int
    colour: str


@dataclass(frozen=True)
class Grid:
    """Numbers in rows and columns."""

    name: str  # what stands above it
    texts: list[list[str]]  # an empty one is a number that is not known yet
    looks: dict[Cell, str] = field(default_factory=dict)  # of single cells, one of `slide.LOOKS`
    frames: tuple[Frame, ...] = ()  # around some of the cells
    letters: dict[Cell, str] = field(default_factory=dict)  # in corners of cells, the same for numbers that meet
    more: tuple[str, ...] = ()  # the sides on which there is more than is shown: "north", "south", "west", "east"

    @property
    def size(self) -> Cell:
        """How many rows and columns it has."""
        return len(self.texts), len(self.texts[0])


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


def image(
    name: str,
    at: Index,
    array: Array,
    marked: dict[str, set[Cell]],
    most: int,
    padding: Border = ((0, 0), (0, 0)),
    outside: Callable[[int, int], str] = lambda row, column: "",
    framed: set[Cell] | None = None,
    known: int | None = None,
    letters: dict[Cell, str] | None = None,
) -> Grid:
    """The plane `at` of an array.

    Args:
        marked: by their look, the cells to mark and to frame; the first ones are certainly shown.
        most: rows or columns to show.
        padding: the cells before and after the image, in rows and columns; `outside` gives what stands in them.
        framed: of the marked cells those to frame, if there are any, in place of all.
        known: how many numbers there are so far; None is all.
        letters: in the corners of cells.
    """
    plane = array[at]
    axes = plane.ndim
    plane = plane.reshape((1, 1, *plane.shape)[-2:])  # a vector is a row
    (height, width), frames = plane.shape, {look: framed or cells for look, cells in marked.items()}
    spans = [(-before, n + after) for n, (before, after) in zip(plane.shape, padding, strict=True)]
    window = next(iter(frames.values()))
    rows, cols = (_shown(*span, (cell[k] for cell in window), most) for k, span in enumerate(spans))

    def inside(r: int, c: int) -> bool:
        return 0 <= r < height and 0 <= c < width

    def text(r: int, c: int) -> str:
        if not inside(r, c):
            return outside(r, c)
        return write(plane[r, c]) if known is None or r * width + c < known else ""

    def moved(cells: Iterable[Cell]) -> list[Cell]:
        return [(r - rows.start, c - cols.start) for r, c in cells if r in rows and c in cols]

    looks = marked | {"padding": {cell for cell in product(rows, cols) if not inside(*cell)}}
    (top, bottom), (left, right) = spans
    cut = rows.start > top, rows.stop < bottom, cols.start > left, cols.stop < right
    name = place(name, at)
    if any(cut):  # say which part it is
        slices = f"{max(rows.start, 0)}:{min(rows.stop, height)}", f"{max(cols.start, 0)}:{min(cols.stop, width)}"
        name += f"\n[{', '.join(slices[-axes:])}]"
    return Grid(
        name,
        [[text(r, c) for c in cols] for r in rows],
        {cell: look for look, cells in looks.items() for cell in moved(cells)},
        tuple(frame for look, cells in frames.items() for frame in _frames(set(moved(cells)), FRAMES[look])),
        {moved([cell])[0]: letter for cell, letter in (letters or {}).items() if moved([cell])},
        tuple(side for side, there in zip(("north", "south", "west", "east"), cut, strict=True) if there),
    )


def block(
    name: str, values: dict[Cell, float], most: int, products: bool = False, letters: dict[Cell, str] | None = None
) -> Grid:
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
    corners = {(rows.index(r), cols.index(c)): text for (r, c), text in (letters or {}).items()}
    return Grid(name, texts, looks, letters=corners, more=more)


def cell_of(index: Index, plane: int) -> Cell:
    """Where an element stands in its plane, of so many axes."""
    row, col = (0, 0, *index[-plane:])[-2:]
    return row, col
