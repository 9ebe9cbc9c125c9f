"""A product and its two slopes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value, whole
from tinyunet.ops import elementwise
from tinyunet.tensor import Array

STARTER = '''\
def multiply(a, b):
    """y = a · b, element by element. Returns y, and backward(dy), which returns da and db."""
    y = a * b

    def backward(dy):
        return dy, dy  # yours

    return y, backward
'''


def solution(a: Any, b: Any) -> Any:
    """If a grows by 1, y grows by b."""
    y = a * b

    def backward(dy: Any) -> Any:
        return dy * b, dy * a

    return y, backward


def other_solution(a: Any, b: Any) -> Any:
    """The same in one line."""
    return np.multiply(a, b), lambda dy: tuple(np.multiply(dy, other) for other in (b, a))


def right(a: Array, b: Array) -> Any:
    """Ours."""
    return elementwise.mul(a, b).numpy()


def right_gradients(a: Array, b: Array, dy: Array) -> Any:
    """Ours."""
    _, backward = elementwise.mul.__wrapped__(a, b)  # type: ignore[attr-defined]
    da, db = backward(dy)
    return da(), db()


def factors(rng: np.random.Generator, size: int) -> Inputs:
    shape = ((1,), (2,), (3,), (2, 3))[size]
    return {"a": whole(rng, *shape, low=2, high=6), "b": whole(rng, *shape, low=-5, high=-1)}


def with_slope_1(rng: np.random.Generator, size: int) -> Inputs:
    inputs = factors(rng, size)
    return {**inputs, "dy": np.ones(inputs["a"].shape)}


def with_slope(rng: np.random.Generator, size: int) -> Inputs:
    inputs = factors(rng, size)
    return {**inputs, "dy": whole(rng, *inputs["a"].shape, low=3, high=9)}


def made(y: Any, da: Any, db: Any) -> Any:
    """A wrong answer: y, da and db as functions of a, b and dy."""
    return lambda a, b: (y(a, b), lambda dy: (da(a, b, dy), db(a, b, dy)))


def product(a: Any, b: Any) -> Any:
    return a * b


EXERCISE = Exercise(
    name="multiply",
    number="01.1",
    asks="Write the backward of a product, element by element: of dy, the slope of the loss for y, make the slopes da "
    "and db for a and b.",
    starter=STARTER,
    properties=(
        Property("product", "y is a · b.", factors, right, value),
        Property(
            "slopes",
            "Where dy is 1: if a grows by 1, y grows by b.",
            with_slope_1,
            right_gradients,
            gradient,
            returns=("da", "db"),
        ),
        Property(
            "chain rule",
            "If the loss grows by dy when y grows by 1, everything that makes y grow counts dy times.",
            with_slope,
            right_gradients,
            gradient,
            returns=("da", "db"),
        ),
    ),
    mistakes=(
        Mistake(
            "slopes of a sum",
            "In a sum each part passes dy on as it is. In a product the other factor says how much a step counts.",
            made(product, lambda a, b, dy: dy, lambda a, b, dy: dy),
        ),
        Mistake(
            "the factors exchanged",
            "If a grows by 1, y grows by b: da is dy · b, and db is dy · a. backward returns da first.",
            made(product, lambda a, b, dy: dy * a, lambda a, b, dy: dy * b),
        ),
        Mistake(
            "dy forgotten",
            "b and a are the slopes of y. Those of the loss are dy times as large.",
            made(product, lambda a, b, dy: b, lambda a, b, dy: a),
        ),
        Mistake(
            "dy added",
            "Along a chain slopes are multiplied: dy times the slope of y.",
            made(product, lambda a, b, dy: dy + b, lambda a, b, dy: dy + a),
        ),
        Mistake(
            "the product itself",
            "The slope of y for a is b alone, not a · b.",
            made(product, lambda a, b, dy: dy * a * b, lambda a, b, dy: dy * a * b),
        ),
        Mistake(
            "slopes of a quotient",
            "1 / b and −a / b² belong to a / b.",
            made(product, lambda a, b, dy: dy / b, lambda a, b, dy: -dy * a / b**2),
        ),
        Mistake(
            "divided instead of multiplied",
            "The other factor multiplies dy.",
            made(product, lambda a, b, dy: dy / b, lambda a, b, dy: dy / a),
        ),
        Mistake(
            "a sum",
            "y is the product of a and b.",
            made(lambda a, b: a + b, lambda a, b, dy: dy, lambda a, b, dy: dy),
        ),
    ),
    solutions=(solution, other_solution),
    differs="Ours also works where an operand is repeated to fit the other, which is the third exercise here.",
    read_on=("ops/elementwise.py",),
    hints=(
        "Take a = 2 and b = 3, so y = 6. Let a grow by 1. By how much does y grow?",
        "It grows by b. So da is b, times what one more y is worth to the loss.",
    ),
)
