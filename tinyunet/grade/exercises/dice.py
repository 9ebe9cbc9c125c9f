"""The Dice score of two masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet import metrics
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property
from tinyunet.tensor import Array

STARTER = '''\
def dice(p, t):
    """Dice of the mask p against the true mask t, arrays of 0 and 1 of one shape: 2·both / (marked + true)."""
    return (p == t).mean()  # yours
'''


def dice(p: Array, t: Array) -> Any:
    """Dice of the mask p against the true mask t, arrays of 0 and 1 of one shape: 2·both / (marked + true)."""
    total = p.sum() + t.sum()
    return 2 * (p * t).sum() / total if total else 1.0


def by_errors(p: Array, t: Array) -> Any:
    """The same by what is wrong: 1 less the pixels that differ, over all that are marked in either."""
    wrong, marked = np.count_nonzero(p != t), np.count_nonzero(p) + np.count_nonzero(t)
    return 1 - wrong / (marked or 1)


def _masks(rng: np.random.Generator, size: int) -> Inputs:
    shape = ((1, 3), (1, 4), (2, 3, 4), (3, 1, 5, 5))[size]
    p, t = (rng.integers(0, 2, shape).astype(np.float64) for _ in range(2))
    p.flat[0] = t.flat[0] = t.flat[1] = 1  # something is marked, and something is true
    return {"p": p, "t": t}


def _nothing(rng: np.random.Generator, size: int) -> Inputs:
    return {"p": np.zeros((1, size + 1)), "t": np.zeros((1, size + 1))}


def _apart(rng: np.random.Generator, size: int) -> Inputs:
    p = _masks(rng, size)["p"]
    return {"p": p, "t": np.where(p == 1, 0.0, 1.0)}


def _uneven(rng: np.random.Generator, size: int) -> Inputs:
    """Pictures of which one holds much and another little."""
    t = np.zeros((2, 1, 2, size + 2))
    t[0], t[1, 0, 0, 0] = 1, 1
    p = t.copy()
    p[1, 0, 0, 0], p[1, 0, 1, 1], p[0, 0, 0, 0] = 0, 1, 0
    return {"p": p, "t": t}


def _ratio(a: Any, b: Any) -> float:
    return float(a / b) if b else 1.0


def _both(p: Array, t: Array) -> Any:
    return (p * t).sum()


EXERCISE = Exercise(
    name="dice",
    number="10.2",
    asks="dice(p, t) compares a mask p with the true mask t, both of 0 and 1 and of one shape: "
    "2 · pixels in both / (pixels of p + pixels of t).",
    starter=STARTER,
    properties=(
        Property("overlap", "Dice is 2 · pixels in both / (pixels of p + pixels of t).", _masks, metrics.dice),
        Property("apart", "Masks that have nothing in common have Dice 0.", _apart, metrics.dice),
        Property("pictures", "Of several pictures, all pixels are counted together.", _uneven, metrics.dice),
        Property(
            "nothing",
            "Where nothing is marked and nothing is to be marked, the answer is right: Dice 1.",
            _nothing,
            metrics.dice,
        ),
    ),
    mistakes=(
        Mistake(
            "accuracy",
            "It is the share of pixels that are right: it also counts the background.",
            lambda p, t: (p == t).mean(),
        ),
        Mistake(
            "IoU",
            "It is intersection over union: Dice counts what is in both twice, above and below.",
            lambda p, t: _ratio(_both(p, t), np.maximum(p, t).sum()),
        ),
        Mistake(
            "no factor 2",
            "It leaves out the 2: then a perfect answer would have Dice ½.",
            lambda p, t: _ratio(_both(p, t), p.sum() + t.sum()),
        ),
        Mistake(
            "precision",
            "It is precision, the share of what is marked that is right: it forgives what is missed.",
            lambda p, t: _ratio(_both(p, t), p.sum()),
        ),
        Mistake(
            "recall",
            "It is recall, the share of what is to be marked that was found: it forgives to mark everything.",
            lambda p, t: _ratio(_both(p, t), t.sum()),
        ),
        Mistake(
            "background", "It is the Dice of the background: it takes 0 for 1.", lambda p, t: metrics.dice(1 - p, 1 - t)
        ),
        Mistake(
            "all pixels below",
            "It divides by all pixels of the picture, not by those that are marked or true.",
            lambda p, t: 2 * _both(p, t) / p.size,
        ),
        Mistake(
            "error",
            "It is 1 − Dice, which is a loss: Dice is 1 where all is right.",
            lambda p, t: 1 - metrics.dice(p, t),
        ),
        Mistake(
            "smoothed",
            "It adds 1 above and below. That makes a loss smooth, but a score wrong.",
            lambda p, t: (2 * _both(p, t) + 1) / (p.sum() + t.sum() + 1),
        ),
        Mistake(
            "mean of pictures",
            "It is the mean of the Dice of each picture. One with a single cell would count as much as a full one.",
            lambda p, t: np.mean([metrics.dice(a, b) for a, b in zip(p, t, strict=True)]),
        ),
        Mistake(
            "0 divided by 0",
            "It divides 0 by 0 where nothing is marked and nothing is to be: say what holds then.",
            lambda p, t: 2 * _both(p, t) / (p.sum() + t.sum()),
        ),
        Mistake(
            "nothing is wrong",
            "It gives 0 where nothing is marked and nothing is to be. But then nothing is wrong.",
            lambda p, t: 2 * _both(p, t) / max(p.sum() + t.sum(), 1),
        ),
    ),
    solutions=(dice, by_errors),
    differs="It is also 1 − (pixels that differ) / (pixels of p + pixels of t), and the F1 score of the foreground.",
    read_on=("metrics.py", "ops/loss.py"),
    returns=("dice",),
    hints=(
        "For masks of 0 and 1, p * t is 1 where both are. So what is (p * t).sum()?",
        "One case is left when the sums are right: nothing is marked, and nothing is to be. What do you divide by?",
    ),
    float32=False,
)
