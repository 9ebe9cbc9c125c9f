"""Pictures of things, 32×32 pixels: drawn from what is said of them, and read back.

A word leaves a little open: at each place a thing lies in one of four positions. Still there are only 3,680 pictures of
one thing, so that a picture can be compared with all of them: it is read as the nearest one.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyunet.data.sentences import COLOURS, GROUNDS, PLACES, SHAPES, SIZES, Scene, Thing

SIDE = 32  # pixels
RADII = {"small": 4.5, "large": 7.0}  # pixels
CENTRES = dict(zip(PLACES, ((8, 8), (8, 25), (25, 8), (25, 25), (16, 16)), strict=True))  # from the top, the left
ASIDE = (-1, 0)  # pixels
RGB = {
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.7, 0.2),
    "blue": (0.1, 0.3, 0.9),
    "yellow": (1.0, 0.9, 0.1),
    "purple": (0.6, 0.1, 0.7),
    "orange": (1.0, 0.5, 0.0),
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "grey": (0.5, 0.5, 0.5),
}
READABLE = 0.08  # so far may a picture be from the nearest drawn one, root mean square
PLAIN = 0.5  # and its things have three quarters of their contrast: see `Reading`
MOST = 3  # things in a picture that is edited
FINE = 8  # points along one side of a pixel, of which the share that lies in a shape is counted


class Outline(NamedTuple):
    """Where exactly a thing lies, with the words for it: its radius and its centre in pixels."""

    size: str
    shape: str
    place: str
    radius: float
    y: int
    x: int


@functools.cache
def outlines() -> tuple[Outline, ...]:
    """All there are, 160: 2 sizes, 4 shapes, 5 places of 4 positions."""
    return tuple(
        Outline(size, shape, place, RADII[size], CENTRES[place][0] + down, CENTRES[place][1] + right)
        for size in SIZES
        for shape in SHAPES
        for place in PLACES
        for down in ASIDE
        for right in ASIDE
    )


@functools.cache
def masks() -> np.ndarray:
    """The share of each pixel that lies inside, for all outlines, float32 (160, 32, 32); read-only."""
    all_masks = np.zeros((len(outlines()), SIDE, SIDE), np.float32)
    for mask, outline in zip(all_masks, outlines(), strict=True):
        half = int(np.ceil(outline.radius))
        mask[outline.y - half : outline.y + half, outline.x - half : outline.x + half] = _inside(
            outline.shape, outline.radius, half
        )
    all_masks.flags.writeable = False
    return all_masks


@functools.cache
def _inside(shape: str, radius: float, half: int) -> np.ndarray:
    """The share of each pixel inside a shape, (2·half, 2·half), its centre in the middle."""
    points = ((np.arange(2 * half * FINE) + 0.5) / FINE - half) / radius
    v, u = np.meshgrid(points, points, indexing="ij")
    return _FORMULAS[shape](v, u).reshape(2 * half, FINE, 2 * half, FINE).mean(axis=(1, 3))


# Which points lie inside, in units of the radius: v downwards, u to the right.
_FORMULAS = {
    "circle": lambda v, u: np.hypot(v, u) < 1,
    "square": lambda v, u: np.maximum(abs(v), abs(u)) < 0.95,
    "triangle": lambda v, u: (v < 0.9) & (2 * abs(u) < v + 1),
    "cross": lambda v, u: (np.minimum(abs(v), abs(u)) < 0.35) & (np.maximum(abs(v), abs(u)) < 1),
}


class Placed(NamedTuple):
    """A thing in its place: the number of its outline among all `outlines`, and its colour."""

    outline: int
    colour: str

    @property
    def thing(self) -> Thing:
        """The words for it."""
        size, shape, place, *_ = outlines()[self.outline]
        return Thing(size, self.colour, shape, place)


def draw(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """A picture of a scene, float32 (3, 32, 32) from 0 to 1.

    >>> from tinyunet.data.sentences import understand
    >>> draw(understand("a small red circle at the top left, on blue"), np.random.default_rng(0))[:, 8, 8]
    array([0.9, 0.1, 0.1], dtype=float32)
    """
    return paint(arranged(scene.things, rng), scene.ground)


def arranged(things: Sequence[Thing], rng: np.random.Generator, tries: int = 100) -> tuple[Placed, ...]:
    """Things where their words say, with what the words leave open drawn from `rng`, so that they do not touch.

    Raises:
        ValueError: things that touch wherever they are placed.
    """
    for _ in range(tries):
        placed = tuple(Placed(int(rng.choice(outlines_of(t.size, t.shape, t.place))), t.colour) for t in things)
        if apart(placed):
            return placed
    raise ValueError(f"there is no room for all of these things: {things}")


@functools.cache
def outlines_of(size: str, shape: str, place: str) -> tuple[int, ...]:
    """The numbers of the four outlines that these words leave open."""
    return tuple(k for k, outline in enumerate(outlines()) if outline[:3] == (size, shape, place))


def apart(placed: Sequence[Placed]) -> bool:
    """Whether no two things touch."""
    return not any(_touching()[a.outline, b.outline] for a, b in itertools.combinations(placed, 2))


@functools.cache
def _touching() -> np.ndarray:
    """Which outlines have a pixel in common, (160, 160)."""
    inside = (masks() > 0).reshape(len(outlines()), -1).astype(np.float32)
    return inside @ inside.T > 0


def paint(placed: Sequence[Placed], ground: str) -> np.ndarray:
    """A picture of things on their ground, float32 (3, 32, 32)."""
    picture = np.empty((3, SIDE, SIDE), np.float32)
    picture[:] = np.reshape(RGB[ground], (3, 1, 1))
    for outline, colour in placed:
        mask = masks()[outline]
        picture = picture * (1 - mask) + np.reshape(RGB[colour], (3, 1, 1)).astype(np.float32) * mask
    return picture


class Drawn(NamedTuple):
    """All there is to a drawn picture: things in their places, in any order, and the ground that they are on."""

    placed: tuple[Placed, ...]
    ground: str

    def same(self, other: Drawn) -> bool:
        """Whether the pictures are alike."""
        return set(self.placed) == set(other.placed) and self.ground == other.ground


class Reading(NamedTuple):
    """What was read from a picture, how far it is from the drawn picture of that, and how plain the things are.

    Attributes:
        distance: root mean square.
        plain: what the thing explains that explains least, as a part of what it would explain if it were drawn: 1 for
            a drawn one, 0 for one of half the contrast, −1 for one that is not there.
    """

    drawn: Drawn
    distance: float
    plain: float

    @property
    def scene(self) -> Scene:
        """In words, whether or not the picture is `readable`."""
        return Scene(tuple(p.thing for p in self.drawn.placed), self.drawn.ground)

    @property
    def readable(self) -> bool:
        """Whether the picture is near enough to a drawn one to say what it shows."""
        return self.distance <= READABLE and self.plain >= PLAIN


def read(picture: np.ndarray, things: int = 1, least: int = 1) -> Reading:
    """The nearest drawn picture with so many things, at most, and at least so many.

    With the ground g, the colour c and the mask m of a thing, a picture x differs from the drawn one by

        ‖x − (g + (c − g)·m)‖² = ‖x − g‖² − (2·(c − g)·Σ m·(x − g) − ‖c − g‖²·Σ m²)

    The bracket is what the thing explains. What things explain that do not touch adds up, and so the one that explains
    most is taken first, and then others beside it, as long as they explain anything.

    Shapes: picture (3, 32, 32).

    >>> from tinyunet.data.sentences import sentence, understand
    >>> picture = draw(understand("a large yellow cross at the centre, on grey"), np.random.default_rng(0))
    >>> sentence(read(picture).scene)
    'a large yellow cross at the centre, on grey'
    """
    if picture.shape != (3, SIDE, SIDE):
        raise ValueError(f"read: a picture is (3, {SIDE}, {SIDE}), not {picture.shape}")
    return min((_read_on(ground, picture, things, least) for ground in GROUNDS), key=lambda reading: reading.distance)


def _read_on(ground: str, picture: np.ndarray, things: int, least: int) -> Reading:
    """The nearest picture on this ground."""
    flat = masks().reshape(-1, SIDE * SIDE)
    colours = [colour for colour in COLOURS if colour != ground]
    contrast = np.array([RGB[colour] for colour in colours]) - RGB[ground]  # (colours, 3)
    differences = picture.reshape(3, -1).T - np.asarray(RGB[ground], np.float32)  # (pixels, 3)
    squares = np.square(flat).sum(axis=1, keepdims=True)  # Σ m²
    whole = squares * np.square(contrast).sum(axis=1)  # what each would explain, (outlines, colours)
    explained = 2 * (flat @ differences) @ contrast.T - whole
    placed: list[Placed] = []
    plain = 1.0
    while len(placed) < things:
        outline, colour = np.unravel_index(explained.argmax(), explained.shape)
        if len(placed) >= least and explained[outline, colour] <= 0:
            break
        placed.append(Placed(int(outline), colours[colour]))
        plain = min(plain, float(explained[outline, colour] / whole[outline, colour]))
        explained[_touching()[outline]] = -np.inf  # what would touch it
    distance = float(np.sqrt(np.square(picture - paint(placed, ground)).mean()))
    return Reading(Drawn(tuple(placed), ground), distance, plain)
