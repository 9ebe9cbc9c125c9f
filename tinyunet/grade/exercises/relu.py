"""ReLU and its backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value, whole
from tinyunet.tensor import Array, Tensor

Both = tuple[Array, Callable[[Array], Array]]

STARTER = '''\
def relu(x):
    """max(x, 0) for every number of an array of any shape."""
    y = x  # yours

    def backward(dy):
        return dy  # yours

    return y, backward
'''


def relu(x: Array) -> Both:
    """As a maximum, and on the way back a choice."""
    return np.maximum(x, 0), lambda dy: np.where(x > 0, dy, 0)


def by_mask(x: Array) -> Both:
    """Copies in which the numbers that are switched off are set to 0."""
    off = x <= 0

    def switched(numbers: Array) -> Array:
        result = numbers.copy()
        result[off] = 0
        return result

    return switched(x), switched


def right(x: Array) -> Array:
    """Ours."""
    y: Array = F.relu(x).numpy()
    return y


def right_dx(x: Array, dy: Array) -> Array:
    """Our gradient."""
    leaf = Tensor(x, requires_grad=True)
    F.relu(leaf).backward(dy)
    return np.asarray(leaf.grad)


SHAPES = ((2,), (3,), (2, 3), (2, 2, 2, 3))


def numbers(rng: np.random.Generator, size: int) -> Inputs:
    """Positive and negative ones."""
    x = whole(rng, *SHAPES[size])
    x.flat[0] = -2
    return {"x": x}


def apart(rng: np.random.Generator, size: int) -> Inputs:
    """Positive and negative ones, without 0, and slopes of either sign."""
    x = whole(rng, *SHAPES[size], low=1) * rng.choice([-1.0, 1.0], SHAPES[size])
    x.flat[0], x.flat[1] = -1, 3
    dy = whole(rng, *SHAPES[size])
    dy.flat[0], dy.flat[1] = 2, -2
    return {"x": x, "dy": dy}


def at_zero(rng: np.random.Generator, size: int) -> Inputs:
    """A 0 among others."""
    inputs = apart(rng, size)
    inputs["x"].flat[0] = 0
    return inputs


def explain(x: Array, dy: Array | None = None) -> Mapping[str, Any]:
    from tinyunet import byhand  # only a hint waits for it

    y = byhand.relu(x)
    return {"y": y} if dy is None else {"dx": y.grad("x", dy)}


def _forward(f: Callable[[Array], Array]) -> Callable[[Array], Both]:
    """Another forward, and the right backward."""
    return lambda x: (f(x), relu(x)[1])


def _backward(f: Callable[[Array, Array], Array]) -> Callable[[Array], Both]:
    """The right forward, and another backward."""
    return lambda x: (relu(x)[0], lambda dy: f(x, dy))


EXERCISE = Exercise(
    name="relu",
    number="05.1",
    asks="Write ReLU, y = max(x, 0), and its backward. The function returns both: y, backward.",
    starter=STARTER,
    properties=(
        Property("forward", "A number below 0 becomes 0, any other stays.", numbers, right, call=value),
        Property(
            "backward",
            "Where x is above 0, dy passes; where x is below 0, nothing does.",
            apart,
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property("at zero", "Where x is 0, the slope is 0.", at_zero, right_dx, call=gradient, returns=("dx",)),
    ),
    mistakes=(
        Mistake("absolute value", "−2 becomes 2. ReLU makes 0 of it.", _forward(np.abs)),
        Mistake("the other side kept", "It keeps what is below 0.", _forward(lambda x: np.minimum(x, 0))),
        Mistake(
            "1 instead of x",
            "What is above 0 becomes 1. It should stay what it is.",
            _forward(lambda x: (x > 0).astype(x.dtype)),
        ),
        Mistake(
            "decided by dy",
            "It is the sign of x that decides what passes, not that of dy.",
            _backward(lambda x, dy: np.maximum(dy, 0)),
        ),
        Mistake(
            "decided by x and by dy",
            "Where x is above 0 every slope passes, a negative one, too.",
            _backward(lambda x, dy: np.where((x > 0) & (dy > 0), dy, 0)),
        ),
        Mistake("dy passes everywhere", "Where x is below 0, y does not move.", _backward(lambda x, dy: dy)),
        Mistake(
            "dy forgotten",
            "1 and 0 are the slopes of ReLU itself. The loss feels dy times as much.",
            _backward(lambda x, dy: (x > 0).astype(x.dtype)),
        ),
        Mistake(
            "times y",
            "The slope where x is above 0 is 1, and not y itself.",
            _backward(lambda x, dy: np.where(x > 0, x * dy, 0)),
        ),
        Mistake(
            "the wrong side passes",
            "dy passes where x is above 0, not where it is below.",
            _backward(lambda x, dy: np.where(x < 0, dy, 0)),
        ),
        Mistake(
            "slope 1 at zero",
            "At the corner the slope is chosen to be 0: compare with > instead of >=.",
            _backward(lambda x, dy: np.where(x >= 0, dy, 0)),
        ),
        Mistake(
            "slope 1/2 at zero",
            "At the corner the slope is chosen to be 0, not half of both sides.",
            _backward(lambda x, dy: np.where(x == 0, dy / 2, np.where(x > 0, dy, 0))),
        ),
    ),
    solutions=(relu, by_mask),
    differs="Ours chooses with np.where. Who multiplies by x > 0 gets nan where dy is infinite: 0·∞ is not 0.",
    read_on=("ops/elementwise.py",),
    hints=(
        "NumPy compares whole arrays: x > 0 is an array of True and False.",
        "np.maximum(a, b) takes the larger of two, element by element; np.where(condition, a, b) chooses.",
        "backward can use x, because it is defined inside the function: where x is above 0 it hands dy on, else 0.",
    ),
    explain=explain,
    operation="relu",
    stand_in=lambda mine, ours: mine,
)
