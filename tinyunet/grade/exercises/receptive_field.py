"""How far a number sees, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Mistake, Property, Refused

LAYERS = (
    "convolution 5×5",
    "pooling 2×2",
    "convolution 3×3",
    "convolution 3×3, stride 2",
    "convolution 3×3 again",
    "pooling 2×2 again",
)
RIGHT = [5, 6, 10, 14, 22, 26]  # as byhand.size says


def layer(k: int) -> Callable[[Any], Any]:
    """What an answer says of a layer."""

    def call(answer: Any) -> Any:
        if not isinstance(answer, (list, tuple, np.ndarray)) or len(answer) != len(RIGHT):
            raise Refused(f"it must be a list of {len(RIGHT)} numbers, one for each layer")
        return answer[k]

    return call


SAYS = (
    "A number behind one convolution sees its kernel.",
    "A pooling of 2×2 sees one neighbour more.",
    "Behind a pooling neighbours lie two pixels apart.",
    "A layer's own stride changes nothing for itself.",
    "Behind a stride of 2 neighbours lie twice as far apart as before.",
    "The pooling sees one neighbour more, as far away as neighbours are here.",
)

EXERCISE = Exercise(
    name="receptive_field",
    number="06.2",
    asks="How many pixels of the picture, in one direction, does a number see behind each of these six layers? A 5×5 "
    "convolution, 2×2 pooling, a 3×3 convolution, a 3×3 convolution with stride 2, a 3×3 convolution, 2×2 pooling.",
    starter="""\
receptive_field = [
    1,  # convolution 5×5
    1,  # pooling 2×2
    1,  # convolution 3×3
    1,  # convolution 3×3, stride 2
    1,  # convolution 3×3
    1,  # pooling 2×2
]
""",
    properties=tuple(
        Property(name, SAYS[k], expected=lambda k=k: RIGHT[k], call=layer(k), returns=(name,))
        for k, name in enumerate(LAYERS)
    ),
    mistakes=(
        Mistake(
            "distance forgotten",
            "Each kernel adds its size less one, but behind a pooling its cells lie two pixels apart.",
            [5, 6, 8, 10, 12, 13],
        ),
        Mistake(
            "whole kernels added",
            "One cell of the kernel lies on what was there before: it adds its size less one.",
            [5, 7, 13, 19, 31, 39],
        ),
        Mistake(
            "own stride counted",
            "The stride moves the next window away. What this window sees does not change.",
            [5, 7, 11, 19, 27, 35],
        ),
        Mistake(
            "pooling doubles the field",
            "Two neighbours of a pooling see nearly the same pixels: it adds one distance, and doubles the distance.",
            [5, 10, 12, 14, 16, 32],
        ),
        Mistake(
            "stride of the convolution forgotten",
            "The convolution with stride 2 doubles the distance between neighbours, too.",
            [5, 6, 10, 14, 18, 20],
        ),
        Mistake(
            "pooling adds nothing",
            "A pooling of 2×2 is a window, too: it sees one neighbour more.",
            [5, 5, 9, 13, 21, 21],
        ),
        Mistake(
            "kernels multiplied",
            "Windows of neighbours overlap: sizes are added, not multiplied.",
            [5, 10, 30, 90, 270, 540],
        ),
        Mistake(
            "kernels alone",
            "That is what each layer sees of the layer before it, not of the picture.",
            [5, 2, 3, 3, 3, 2],
        ),
    ),
    solutions=(RIGHT, np.array(RIGHT)),
    differs='The numbers are those of byhand.size("conv:1,5 pool:2 conv:1,3 conv:1,3,stride=2 conv:1,3 pool:2", …).',
    read_on=("byhand/arithmetic/size.py",),
    hints=(
        "Write two columns: what a number sees, and how far apart neighbours are. They begin with 1 and 1.",
        "A layer adds (kernel − 1) · distance to what is seen. Only then is the distance multiplied by its stride.",
    ),
    values=True,
)
