"""What a transposed convolution makes where its squares overlap, worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Mistake, Property
from tinyunet.ops import im2col
from tinyunet.tensor import Array

X = np.array([[2.0, 1], [3, 4]])
W = np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1]])
STRIDE = 2

STARTER = """\
overlaps = None  # yours: 5 rows of numbers, such as [[1, 2, 3, 4, 5], …]
"""


def laid(x: Array = X, w: Array = W, stride: int = STRIDE) -> Array:
    """The result for this picture and kernel."""
    y: Array = im2col.conv_transpose2d(x[None, None], w[None, None], stride=stride).numpy()
    return y[0, 0]


def squares() -> list[Array]:
    """What each pixel lays down, on a map of its own."""
    return [laid(X * (np.arange(X.size).reshape(X.shape) == k)) for k in range(X.size)]


def covered() -> Array:
    """How many squares lie on each place."""
    return laid(np.ones_like(X), np.ones_like(W))


def overwritten(order: int) -> Array:
    """What is there if each square takes the place of those before it: 1 from the first pixel on, −1 from the last."""
    y = np.zeros((5, 5))
    for k, (i, j) in [*enumerate(np.ndindex(X.shape))][::order]:
        place = (slice(STRIDE * i, STRIDE * i + 3), slice(STRIDE * j, STRIDE * j + 3))
        y[place] = squares()[k][place]
    return y


def by_places() -> Array:
    """Every place asks all pixels and weights who meets there."""
    y = np.zeros((5, 5))
    for (i, j), (u, v) in ((a, b) for a in np.ndindex(2, 2) for b in np.ndindex(3, 3)):
        y[STRIDE * i + u, STRIDE * j + v] += X[i, j] * W[u, v]
    return y


def _by_hand() -> Any:
    from tinyunet import byhand  # only a hint waits for it

    return byhand.conv_transpose2d(X, W, stride=STRIDE)


EXERCISE = Exercise(
    name="overlaps",
    number="07.1",
    asks="Work out the transposed convolution of 2 1, 3 4 with the kernel 1 2 0, 0 1 3, 2 0 1 and stride 2.",
    starter=STARTER,
    values=True,
    properties=(
        Property("overlaps", "Each pixel lays the kernel down, times its value; overlaps add up.", expected=by_places),
    ),
    mistakes=(
        Mistake(
            "the last square stays",
            "Where squares overlap, they are added: here the last one hides the others.",
            overwritten(1),
        ),
        Mistake(
            "the first square stays",
            "Where squares overlap, they are added: here the first one stays.",
            overwritten(-1),
        ),
        Mistake("overlaps averaged", "Where squares overlap, they are added, not averaged.", laid() / covered()),
        Mistake(
            "stride 1",
            "With stride 2 a square begins two places after the one before: here it is one place.",
            laid(stride=1),
        ),
        Mistake(
            "no overlap",
            "With stride 2 a square begins two places after the one before, although it is three places wide.",
            laid(stride=3),
        ),
        Mistake(
            "kernel turned by 180°",
            "The kernel is laid down as it stands: its first weight comes to lie where the square begins.",
            laid(w=W[::-1, ::-1]),
        ),
        Mistake("rows and columns of the kernel exchanged", "Row 0 of the kernel is 1 2 0.", laid(w=W.T)),
        Mistake("rows and columns of the picture exchanged", "Row 0 of the picture is 2 1.", laid(X.T)),
        Mistake("kernel not multiplied", "Each square is the kernel times its pixel.", laid(np.ones_like(X))),
        Mistake("size doubled", "Two pixels make (2 − 1)·2 + 3 = 5 places, not 2·2.", laid()[:4, :4]),
    ),
    solutions=(laid(), sum(squares())),
    differs="Row 2 and column 2 are where squares meet; in the middle all four do.",
    read_on=("ops/loops.py", "ops/conv.py"),
    hints=(
        "The result has 5 rows and 5 columns. Draw it, and frame the four squares of 3×3 that the pixels lay down.",
        "Write the four squares one by one: 2 times the kernel, 1 times, 3 times, 4 times.",
        "Squares begin in rows 0 and 2 and in columns 0 and 2. So row 2 and column 2 belong to more than one.",
    ),
    explain=lambda: {"y": _by_hand()},
)
