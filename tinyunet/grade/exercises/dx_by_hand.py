"""The gradient of nine pixels, with a pencil."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Mistake, Property
from tinyunet.grade.exercises import conv2d_backward
from tinyunet.tensor import Array

W = np.array([[2.0, -1], [1, 3]])
DY = np.array([[1.0, 2], [-2, 4]])

STARTER = """\
dx_by_hand = [[0, 0, 0],
              [0, 0, 0],
              [0, 0, 0]]  # yours
"""


# ---- two right answers

PRODUCT_BY_PRODUCT = [
    [1 * 2, 1 * -1 + 2 * 2, 2 * -1],
    [1 * 1 + -2 * 2, 1 * 3 + 2 * 1 + -2 * -1 + 4 * 2, 2 * 3 + 4 * -1],
    [-2 * 1, -2 * 3 + 4 * 1, 4 * 3],
]


def laid_down(w: Array, dy: Array, stride: int = 1) -> Array:
    """Every output lays the kernel, times its slope, onto its window."""
    (Ho, Wo), (kh, kw) = dy.shape, w.shape
    dx = np.zeros((stride * (Ho - 1) + kh, stride * (Wo - 1) + kw))
    for i, j in np.ndindex(Ho, Wo):
        dx[stride * i : stride * i + kh, stride * j : stride * j + kw] += dy[i, j] * w
    return dx


# ---- what must hold


def right() -> Array:
    """Ours."""
    dx, _, _ = conv2d_backward.right(DY[None, None], np.zeros((1, 1, 3, 3)), W[None, None])
    return dx[0, 0]


def _by_hand() -> Mapping[str, Any]:
    from tinyunet import byhand  # only a hint waits for it

    return {"dx": byhand.conv2d(np.zeros((3, 3)), W).grad("x", DY)}


def _last_window_only() -> Array:
    """Of the windows that see a pixel, the last one overwrites the others."""
    dx = np.zeros((3, 3))
    for i, j in np.ndindex(2, 2):
        dx[i : i + 2, j : j + 2] = DY[i, j] * W
    return dx


EXERCISE = Exercise(
    name="dx_by_hand",
    number="04.1",
    asks="Work out the gradients of all nine pixels of a 3×3 picture, from a 2×2 kernel and four slopes dy.",
    starter=STARTER,
    properties=(
        Property(
            "dx",
            "A pixel is seen by several windows: its gradient is the sum of slope × weight over all that see it.",
            expected=right,
            call=lambda answer: answer,
        ),
    ),
    mistakes=(
        Mistake(
            "kernel turned by 180°",
            "Each output lays the kernel onto its window as it stands. "
            "(Seen from a pixel the kernel is turned. Here it is turned once too often, or not at all.)",
            laid_down(W[::-1, ::-1], DY),
        ),
        Mistake(
            "kernel turned left to right only",
            "By 180° is around a point: left and right change places, and above and below, too.",
            laid_down(W[:, ::-1], DY),
        ),
        Mistake(
            "kernel turned upside down only",
            "By 180° is around a point: above and below change places, and left and right, too.",
            laid_down(W[::-1], DY),
        ),
        Mistake(
            "only the last window counts",
            "Windows overlap. A pixel gets something from each window that sees it: add it all up.",
            _last_window_only(),
        ),
        Mistake(
            "only the first window counts",
            "There are four windows, one for each slope: each lays the kernel onto its own place.",
            np.pad(DY[0, 0] * W, [(0, 1), (0, 1)]),
        ),
        Mistake(
            "slopes forgotten",
            "How much an output grows counts times its slope: multiply each weight by dy.",
            laid_down(W, np.ones((2, 2))),
        ),
        Mistake(
            "mean in place of sum",
            "What comes from several windows is added up. It is not divided by how many there are.",
            laid_down(W, DY) / laid_down(np.ones((2, 2)), np.ones((2, 2))),
        ),
        Mistake(
            "a minus lost",
            "Minus times plus is minus: −2 and −1 pull the sums down.",
            laid_down(np.abs(W), np.abs(DY)),
        ),
        Mistake(
            "windows side by side",
            "With stride 1 the windows overlap: the second begins one pixel after the first. So dx is 3×3.",
            laid_down(W, DY, stride=2),
        ),
        Mistake(
            "the middle alone",
            "Without padding the kernel lies on dy only once. Put a border of zeros around dy first: k − 1 wide.",
            np.array([[float((W[::-1, ::-1] * DY).sum())]]),
        ),
        Mistake(
            "rows and columns exchanged",
            "The first number in brackets is the row: it counts from top to bottom.",
            laid_down(W, DY).T,
        ),
    ),
    solutions=(PRODUCT_BY_PRODUCT, laid_down(W, DY)),
    differs="Each row of ours shows its products: slope × weight, one for each window that sees the pixel.",
    read_on=("ops/loops.py", "ops/conv.py"),
    returns=("dx",),
    hints=(
        "Begin with a corner. The pixel in row 0, column 0 is in one window only: in which, and under which weight?",
        "There are four windows, and each output lays all of the kernel, times its slope, onto its own.",
        "Draw four grids of 3×3, one for each window, write the kernel times the slope into each, and add the four up.",
    ),
    explain=_by_hand,
    values=True,
)
