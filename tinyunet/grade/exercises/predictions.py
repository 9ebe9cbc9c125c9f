"""Predictions for thin and thick things, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet import metrics
from tinyunet.grade.exercise import Exercise, Mistake, Property
from tinyunet.unet import UNet

RIGHT = {"line 1": 0, "line 2": 1 / 2, "line 4": 3 / 4, "square": 19 / 20, "block": 256, "p": 1 / 8}


def _one_beside(height: int, width: int) -> float:
    """Dice of a drawn rectangle and the same, one pixel further to the right."""
    mask, beside = np.zeros((2, 32, 32))
    mask[:height, 4 : 4 + width] = beside[:height, 5 : 5 + width] = 1
    return metrics.dice(beside, mask)


def _cheapest(width: int, places: int) -> float:
    """The probability, in steps of 1/places, that costs least for a line of this width."""
    truth = np.arange(places) < width
    p = np.arange(1, places) / places
    costs = [-np.log(np.where(truth, each, 1 - each)).mean() for each in p]
    return float(p[np.argmin(costs)])


EXPECTED: dict[str, Callable[[], float]] = {
    "line 1": lambda: _one_beside(32, 1),
    "line 2": lambda: _one_beside(32, 2),
    "line 4": lambda: _one_beside(32, 4),
    "square": lambda: _one_beside(20, 20),
    "block": lambda: UNet(1, 1, channels=(1, 1, 1, 1), rng=0).multiple ** 2,
    "p": lambda: _cheapest(2, 16),
}


def _only(*keys: str) -> Callable[[Any], Any]:
    """The answers to these questions, of a dictionary; of anything else, that."""

    def call(answer: Any) -> Any:
        return {key: answer[key] for key in keys if key in answer} if isinstance(answer, dict) else answer

    return call


def _asked(name: str, says: str, *keys: str) -> Property:
    return Property(name, says, expected=lambda: {key: EXPECTED[key]() for key in keys}, call=_only(*keys))


def _other(name: str, says: str, **wrong: float) -> Mistake:
    """Right but for what is given; a line by its width, as in `line_2`."""
    return Mistake(name, says, RIGHT | {key.replace("_", " "): number for key, number in wrong.items()})


STARTER = """\
predictions = {
    "line 1": None,  # yours, and all others
    "line 2": None,
    "line 4": None,
    "square": None,
    "block": None,
    "p": None,
}
"""


def in_other_words() -> dict[str, float]:
    """The same by rules: of w columns w − 1 are in both, and each level halves."""
    dice = {w: 2 * (w - 1) / (w + w) for w in (1, 2, 4, 20)}
    return {
        **{f"line {w}": dice[w] for w in (1, 2, 4)},
        "square": dice[20],
        "block": float((2**4) ** 2),
        "p": 2 / 16,
    }


EXERCISE = Exercise(
    name="predictions",
    number="09.1",
    asks="Six numbers. Dice of lines 1, 2 and 4 pixels wide that are marked one pixel beside where they are; Dice of a "
    "square of 20×20 pixels, marked one pixel too far to the right; how many pixels a position of the smallest map "
    "stands for, in a U-Net with four levels; and the probability for each pixel that costs least, if a line two "
    "pixels wide runs through a block 16 pixels wide, and nothing is known of where.",
    starter=STARTER,
    properties=(
        _asked(
            "lines", "Dice is 2 · pixels in both / (pixels marked + pixels of the mask).", "line 1", "line 2", "line 4"
        ),
        _asked(
            "square", "Of what is moved by one pixel, one column is marked wrongly and another is missed.", "square"
        ),
        _asked("block", "Each level halves the picture in height and in width.", "block"),
        _asked("blur", "Without knowing where, the share of the columns that the line covers costs least.", "p"),
    ),
    mistakes=(
        _other(
            "IoU",
            "It is intersection over union: Dice counts what is in both twice, above and below.",
            line_2=1 / 3,
            line_4=3 / 5,
            square=19 / 21,
        ),
        _other(
            "no factor 2",
            "It leaves out the 2 above: then a perfect answer would have Dice ½.",
            line_2=1 / 4,
            line_4=3 / 8,
            square=19 / 40,
        ),
        _other("per cent", "It is in per cent: Dice goes from 0 to 1.", line_2=50, line_4=75, square=95),
        _other(
            "two columns lost",
            "It takes two columns from what is in both: only one is missed. The other that is wrong "
            "is marked beside it, outside of both.",
            line_2=0,
            line_4=1 / 2,
            square=18 / 20,
        ),
        _other("one level less", "It halves three times: with four levels there are four poolings.", block=64),
        _other("along one side", "It counts along one side: a block has as many rows as columns.", block=16),
        _other(
            "a line one pixel wide", "It is for a line one pixel wide: this one covers two of the columns.", p=1 / 16
        ),
        _other("undecided", "It gives ½ to every pixel, as if half of all pixels were of the line.", p=1 / 2),
        _other(
            "nothing there", "It gives 0 to every pixel. Where the line is, this costs −log 0, which is infinite.", p=0
        ),
        _other(
            "pixels for columns",
            "It divides by the pixels of the whole block: in each of its rows two of 16 are right.",
            p=1 / 128,
        ),
    ),
    solutions=(RIGHT, in_other_words()),
    differs="A line w pixels wide shares w − 1 columns with one that lies a pixel beside it: Dice (w − 1)/w. What is "
    "thin loses most.",
    read_on=("metrics.py", "data/synthetic.py"),
    returns=("predictions",),
    hints=(
        "Draw the line of two pixels on squared paper, and the one marked beside it. Which columns are in both?",
        "Every row of the picture looks alike, so take one: how many of its pixels are in both, how many are marked, "
        "and how many are of the mask?",
        "For the probability: take the four columns of section 5. What was best there, and what was it a share of?",
    ),
    values=True,
)
