"""A sum in which one operand is repeated to fit the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value, whole
from tinyunet.ops import elementwise
from tinyunet.tensor import Array

STARTER = '''\
def broadcast_add(a, b):
    """a + b; NumPy repeats an operand where it is too short. Returns y, and backward(dy), which returns da and db."""
    y = a + b

    def backward(dy):
        return dy, dy  # yours: da in the shape of a, db in the shape of b

    return y, backward
'''


def summed(dy: Array, shape: tuple[int, ...]) -> Array:
    """dy, summed over all repetitions of an array of this shape."""
    shape_in_full = (1,) * (dy.ndim - len(shape)) + shape
    for axis, (n, m) in enumerate(zip(shape_in_full, dy.shape, strict=True)):
        if n != m:
            dy = dy.sum(axis, keepdims=True)
    return dy.reshape(shape)


def solution(a: Array, b: Array) -> Any:
    """Where an operand was repeated, its slope is the sum over the repetitions."""
    return a + b, lambda dy: (summed(dy, a.shape), summed(dy, b.shape))


def other_solution(a: Array, b: Array) -> Any:
    """Number by number: each number of dy is added to the two that made it."""
    y = a + b
    places = [np.broadcast_to(np.arange(x.size).reshape(x.shape), y.shape).ravel() for x in (a, b)]

    def backward(dy: Array) -> Any:
        slopes = []
        for x, place in zip((a, b), places, strict=True):
            dx = np.zeros(x.size, dy.dtype)
            np.add.at(dx, place, dy.ravel())
            slopes.append(dx.reshape(x.shape))
        return tuple(slopes)

    return y, backward


def right(a: Array, b: Array) -> Any:
    """Ours."""
    return elementwise.add(a, b).numpy()


def right_gradients(a: Array, b: Array, dy: Array) -> Any:
    """Ours."""
    return elementwise.unbroadcast(dy, a.shape), elementwise.unbroadcast(dy, b.shape)


def of_shapes(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Any:
    """Draws a, b and dy; one pair of shapes for each size."""

    def draw(rng: np.random.Generator, size: int) -> Inputs:
        a, b = shapes[min(size, len(shapes) - 1)]
        dy = whole(rng, *np.broadcast_shapes(a, b), low=1, high=10)
        return {"a": whole(rng, *a), "b": whole(rng, *b), "dy": dy}

    return draw


def sums(rng: np.random.Generator, size: int) -> Inputs:
    inputs = of_shapes(((2,), (2,)), ((2, 2), (2,)), ((2, 3), (2, 1)), ((3, 1), (1, 2)))(rng, size)
    return {"a": inputs["a"], "b": inputs["b"]}


def slopes(name: str, says: str, *shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Property:
    return Property(name, says, of_shapes(*shapes), right_gradients, gradient, returns=("da", "db"))


def made(make: Any) -> Any:
    """A wrong answer: (dy, shape) → the slope of an operand of this shape."""
    return lambda a, b: (a + b, lambda dy: (make(dy, a.shape), make(dy, b.shape)))


def first_of(dy: Array, shape: tuple[int, ...]) -> Array:
    """Of several repetitions, the first."""
    full = dy
    for axis, (n, m) in enumerate(zip((1,) * (dy.ndim - len(shape)) + shape, dy.shape, strict=True)):
        if n != m:
            full = full.take([0], axis)
    return full.reshape(shape)


def mean_of(dy: Array, shape: tuple[int, ...]) -> Array:
    return summed(dy, shape) * (np.prod(shape, dtype=int) / dy.size)


def other_axis(dy: Array, shape: tuple[int, ...]) -> Any:
    """Summed over the axis along which it was not repeated, where there are two."""
    if dy.ndim != 2 or shape == dy.shape:
        return summed(dy, shape)
    return dy.sum(1) if len(shape) == 1 else dy.sum(axis=int(shape[0] == 1), keepdims=True)


EXERCISE = Exercise(
    name="broadcast_add",
    number="01.3",
    asks="Write the backward of a + b where a and b may have different shapes, so that NumPy repeats one of them, or "
    "both: da has the shape of a, and db that of b.",
    starter=STARTER,
    properties=(
        Property("sum", "y is a + b.", sums, right, value),
        slopes("same shapes", "Where nothing is repeated, dy is the slope of both.", ((1,), (1,)), ((2, 2), (2, 2))),
        slopes(
            "a row for all rows",
            "Each number of b is used once in every row: its slope is the sum over the rows.",
            ((2, 1), (1,)),
            ((2, 2), (2,)),
            ((3, 2), (2,)),
        ),
        slopes(
            "a column for all columns",
            "Each number of b is used once in every column: its slope is the sum over the columns.",
            ((1, 2), (1, 1)),
            ((2, 2), (2, 1)),
            ((2, 3), (2, 1)),
        ),
        slopes(
            "a row that is a matrix",
            "A repeated axis of length 1 is still an axis: (1, 3) stays (1, 3).",
            ((2, 2), (1, 2)),
            ((2, 3), (1, 3)),
        ),
        slopes(
            "both are repeated",
            "A column and a row make a table: both are used several times.",
            ((2, 1), (1, 2)),
            ((3, 1), (2,)),
        ),
        slopes(
            "one number for all",
            "A single number is used everywhere: its slope is the sum of all.",
            ((2,), ()),
            ((2, 2), ()),
        ),
        slopes(
            "three axes",
            "With more axes it is the same.",
            ((2, 2, 2), (2, 1)),
            ((2, 3, 2), (3, 1)),
            ((2, 2, 3), (2, 1, 1)),
        ),
    ),
    mistakes=(
        Mistake("not summed", "db must have the shape of b: add up over all repetitions.", made(lambda dy, shape: dy)),
        Mistake(
            "always summed",
            "Where b has as many rows as the result, nothing was repeated, and there is nothing to add up.",
            lambda a, b: (a + b, lambda dy: (dy, dy.sum(0))),
        ),
        Mistake(
            "mean instead of sum",
            "b is used several times, and all of these count: the sum, not the mean.",
            made(mean_of),
        ),
        Mistake(
            "first repetition only",
            "b is used in every row, and all of these count, not just the first.",
            made(first_of),
        ),
        Mistake(
            "everything summed",
            "Add up over the axes that were repeated, and over no other.",
            made(lambda dy, shape: dy if dy.shape == shape else np.full(shape, dy.sum())),
        ),
        Mistake(
            "repetitions counted",
            "How often b is used is not enough: each use has its own slope in dy.",
            made(lambda dy, shape: np.full(shape, dy.size / np.prod(shape, dtype=int))),
        ),
        Mistake(
            "the other axis",
            "Add up over the axis along which b was repeated: over the rows for a row, over the columns for a column.",
            made(other_axis),
        ),
        Mistake(
            "axis lost",
            "An axis of length 1 is part of the shape: keepdims=True keeps it, or reshape brings it back.",
            made(lambda dy, shape: summed(dy, shape).squeeze() if dy.shape != shape else dy),
        ),
        Mistake(
            "b alone is summed",
            "a can be repeated, too: its slope needs the same care.",
            lambda a, b: (a + b, lambda dy: (dy, summed(dy, b.shape))),
        ),
        Mistake(
            "axes in front only",
            "There are two ways to be repeated: an axis that is missing in front, and an axis of length 1.",
            made(lambda dy, shape: dy.sum(tuple(range(dy.ndim - len(shape)))) if dy.ndim > len(shape) else dy),
        ),
        Mistake(
            "sign of a difference",
            "In a + b both grow with y.",
            lambda a, b: (a + b, lambda dy: (summed(dy, a.shape), -summed(dy, b.shape))),
        ),
    ),
    solutions=(solution, other_solution),
    differs="Ours finds all repeated axes first, and adds up over them at once, with a sum that rounds less.",
    read_on=("ops/elementwise.py",),
    hints=(
        "Take a of shape (2, 2) and b of shape (2,): y[0, 0] and y[1, 0] both use b[0]. How much do both grow with it?",
        "NumPy lines shapes up at their right ends. An axis of length 1, or none, is repeated: add up over it.",
        "First sum over axes that b does not have, then over those where it has 1 and dy has more, with keepdims=True.",
    ),
)
