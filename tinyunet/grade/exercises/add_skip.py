"""A skip that adds instead of concatenating."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value, whole
from tinyunet.tensor import Array

STARTER = '''\
def add_skip(up, skip):
    """up and skip, both (N, C, H, W), added. Returns y and backward(dy) → dup, dskip."""
    y = up.copy()  # yours

    def backward(dy):
        return dy, np.zeros_like(dy)  # yours

    return y, backward
'''


def add_skip(up: Array, skip: Array) -> Any:
    """up and skip, both (N, C, H, W), added. Returns y and backward(dy) → dup, dskip."""
    y = up + skip

    def backward(dy: Array) -> tuple[Array, Array]:
        return dy, dy  # each input moves y by as much as it moves itself

    return y, backward


def summed(up: Array, skip: Array) -> Any:
    """The same as a sum over a new axis, whose gradient is repeated along it."""
    both = np.stack([up, skip])
    return both.sum(axis=0), lambda dy: tuple(np.broadcast_to(dy, both.shape).copy())


def _maps(rng: np.random.Generator, size: int) -> Inputs:
    shape = ((1, 1, 1, 2), (1, 2, 2, 2), (2, 3, 2, 4), (2, 4, 4, 4))[size]
    return {"up": whole(rng, *shape), "skip": whole(rng, *shape)}


def _with_gradient(rng: np.random.Generator, size: int) -> Inputs:
    inputs = _maps(rng, size)
    return {**inputs, "dy": whole(rng, *inputs["up"].shape)}


def _wrong(y: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """Both from the two inputs, backward also from dy."""
    return lambda up, skip: (y(up, skip), lambda dy: backward(up, skip, dy))


def _both(up: Array, skip: Array, dy: Array) -> tuple[Array, Array]:
    return dy, dy


EXERCISE = Exercise(
    name="add_skip",
    number="09.2",
    asks="add_skip(up, skip) adds the map from below and the skip, both (N, C, H, W). It returns y and "
    "backward(dy) → dup, dskip.",
    starter=STARTER,
    properties=(
        Property("sum", "y is up + skip, pixel by pixel and channel by channel.", _maps, np.add, value, returns=("y",)),
        Property(
            "gradients",
            "Both inputs get the whole gradient.",
            _with_gradient,
            _both,
            gradient,
            returns=("dup", "dskip"),
        ),
    ),
    mistakes=(
        Mistake(
            "concatenated",
            "It concatenates: then there are twice as many channels. Here they are added.",
            lambda up, skip: (np.concatenate([up, skip], axis=1), lambda dy: np.split(dy, 2, axis=1)),
        ),
        Mistake(
            "mean",
            "It takes the mean of both, not the sum.",
            _wrong(lambda a, b: (a + b) / 2, lambda a, b, dy: (dy / 2, dy / 2)),
        ),
        Mistake("difference", "It subtracts the skip.", _wrong(lambda a, b: a - b, lambda a, b, dy: (dy, -dy))),
        Mistake(
            "product",
            "It multiplies: a skip of 0 would then wipe out what comes from below.",
            _wrong(lambda a, b: a * b, lambda a, b, dy: (dy * b, dy * a)),
        ),
        Mistake(
            "skip left out",
            "It returns up alone: the skip is not added.",
            _wrong(lambda a, b: a.copy(), lambda a, b, dy: (dy, 0 * dy)),
        ),
        Mistake(
            "skip without gradient",
            "It gives the skip no gradient: the way down would not learn through it.",
            _wrong(np.add, lambda a, b, dy: (dy, 0 * dy)),
        ),
        Mistake(
            "gradient shared out",
            "It halves the gradient. It is not shared out: when one input grows by 1, so does y.",
            _wrong(np.add, lambda a, b, dy: (dy / 2, dy / 2)),
        ),
        Mistake(
            "gradient of a product",
            "It multiplies the gradient by the other input, as the gradient of a product is.",
            _wrong(np.add, lambda a, b, dy: (dy * b, dy * a)),
        ),
        Mistake(
            "gradient of ones",
            "It returns ones: y has a slope of 1, but it counts times dy, by the chain rule.",
            _wrong(np.add, lambda a, b, dy: (np.ones_like(dy), np.ones_like(dy))),
        ),
        Mistake(
            "one gradient",
            "It returns one gradient: there are two inputs, and each wants its own.",
            _wrong(np.add, lambda a, b, dy: dy),
        ),
    ),
    solutions=(add_skip, summed),
    differs="backward hands on dy itself, twice. No copy is needed, because here nobody writes to a gradient that was "
    "handed on; in a library where somebody does, this is a classic bug.",
    read_on=("ops/elementwise.py", "unet.py"),
    hints=(
        "Forward is one sign. For backward ask: if one element of skip grows by 1, by how much does y grow, and where?",
        "dy says what y is worth, element by element. up and skip are worth the same.",
    ),
)
