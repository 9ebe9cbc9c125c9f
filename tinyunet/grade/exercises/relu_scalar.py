"""ReLU of a single number, and its slope."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value
from tinyunet.ops import elementwise

STARTER = '''\
def relu_scalar(x):
    """y = x if x > 0, else 0, for a single number. Returns y, and backward(dy), which returns dx."""
    y = x  # yours

    def backward(dy):
        return dy  # yours

    return y, backward
'''


def solution(x: Any) -> Any:
    """A slope of 1 where x goes through, and 0 where it does not."""
    y = x if x > 0 else 0.0

    def backward(dy: Any) -> Any:
        return dy if x > 0 else 0.0

    return y, backward


def other_solution(x: Any) -> Any:
    """With a slope that is found on the way forward."""
    slope = float(x > 0)
    return max(x, 0.0), lambda dy: dy * slope


def right(x: float) -> float:
    """Ours."""
    return float(elementwise.relu(np.array(x)).item())


def right_slope(x: float, dy: float) -> float:
    """Ours."""
    _, backward = elementwise.relu.__wrapped__(np.array(x))  # type: ignore[attr-defined]
    return float(backward(np.array(dy)))


def positive(rng: np.random.Generator, size: int) -> Inputs:
    return {"x": float(rng.integers(2, 5 + size))}


def negative(rng: np.random.Generator, size: int) -> Inputs:
    return {"x": -float(rng.integers(2, 5 + size))}


def slope_of(draw: Any, low: int = 2, high: int = 9) -> Any:
    """Inputs with a slope dy that is not 1."""
    return lambda rng, size: {**draw(rng, size), "dy": float(rng.integers(low, high))}


def made(y: Any, dx: Any) -> Any:
    """A wrong answer: y, and dx as a function of x and dy."""
    return lambda x: (y(x), lambda dy: dx(x, dy))


def relu(x: float) -> float:
    return max(x, 0.0)


EXERCISE = Exercise(
    name="relu_scalar",
    number="01.2",
    asks="Write ReLU for a single number, y = x if x is above 0, else 0, and its backward: of dy make dx.",
    starter=STARTER,
    properties=(
        Property("above 0", "A number above 0 comes out as it is.", positive, right, value),
        Property("below 0", "Of a number below 0 it makes 0.", negative, right, value),
        Property(
            "slope above 0",
            "Above 0, y grows as x does: dy goes through.",
            slope_of(positive),
            right_slope,
            gradient,
            returns=("dx",),
        ),
        Property(
            "slope below 0",
            "Below 0, y stays 0 whatever x does: its slope is 0.",
            slope_of(negative),
            right_slope,
            gradient,
            returns=("dx",),
        ),
        Property(
            "negative dy",
            "What decides is whether x is above 0, not whether dy is.",
            slope_of(positive, -8, -1),
            right_slope,
            gradient,
            returns=("dx",),
        ),
        Property(
            "slope at 0",
            "At 0 there is a kink: 1 on its right, 0 on its left. As everybody does, take 0.",
            slope_of(lambda rng, size: {"x": 0.0}),
            right_slope,
            gradient,
            returns=("dx",),
        ),
    ),
    mistakes=(
        Mistake(
            "nothing cut off",
            "Of a number below 0 it makes 0, and then its slope is 0, too.",
            made(lambda x: x, lambda x, dy: dy),
        ),
        Mistake(
            "dy always goes through",
            "Below 0, y does not move when x does: there the slope is 0.",
            made(relu, lambda x, dy: dy),
        ),
        Mistake(
            "dy cut off instead of x",
            "What decides is whether x is above 0. dy may well be negative.",
            made(relu, lambda x, dy: max(dy, 0.0)),
        ),
        Mistake(
            "multiplied by x",
            "Above 0 the slope is 1, however large x is.",
            made(relu, lambda x, dy: dy * max(x, 0.0)),
        ),
        Mistake(
            "dy forgotten",
            "1 and 0 are the slopes of y. Those of the loss are dy times as large.",
            made(relu, lambda x, dy: float(x > 0)),
        ),
        Mistake(
            "slope 1 at 0",
            "At exactly 0 the slope is taken to be 0: x > 0, not x >= 0.",
            made(relu, lambda x, dy: dy if x >= 0 else 0.0),
        ),
        Mistake(
            "the sides exchanged",
            "What goes through is what is above 0.",
            made(lambda x: min(x, 0.0), lambda x, dy: dy if x < 0 else 0.0),
        ),
        Mistake(
            "slope of the sides exchanged",
            "The slope is 1 where x is above 0.",
            made(relu, lambda x, dy: dy if x < 0 else 0.0),
        ),
        Mistake(
            "the size without its sign",
            "Of a number below 0 it makes 0, not its size.",
            made(abs, lambda x, dy: dy * np.sign(x)),
        ),
        Mistake(
            "a step",
            "A number above 0 comes out as it is, not as 1.",
            made(lambda x: float(x > 0), lambda x, dy: 0.0),
        ),
    ),
    solutions=(solution, other_solution),
    differs="Ours does the same for a whole array at once, and chooses by a mask where you asked `if`.",
    read_on=("ops/elementwise.py",),
    hints=(
        "Draw y over x: it lies on 0 up to x = 0, and then climbs. How steep is it on either side?",
        "backward may ask x > 0, as the way forward did: x is still there.",
    ),
    float32=False,
)
