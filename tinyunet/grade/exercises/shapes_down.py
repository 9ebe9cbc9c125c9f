"""The shapes on a U-Net's way down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Mistake, Property, Refused
from tinyunet.tensor import Array

Shapes = list[tuple[int, ...]]

RIGHT: Shapes = [(2, 16, 48, 80), (2, 32, 24, 40), (2, 64, 12, 20), (2, 64, 12, 20)]  # as UNet.trace says
STAGES = ("enc1", "enc2", "enc3", "bottleneck")


def shapes(stages: Sequence[str], right: Shapes, says: Sequence[str]) -> tuple[Property, ...]:
    """For every stage: its shape is right."""

    def stage(k: int) -> Callable[..., Array]:
        def shape(answer: Any) -> Array:
            if not isinstance(answer, (list, tuple, np.ndarray)) or len(answer) != len(stages):
                raise Refused(f"it must be a list of {len(stages)} shapes, those of {', '.join(stages)}")
            return np.asarray(answer[k])

        return shape

    return tuple(
        Property(name, sentence, expected=lambda right=right[k]: np.array(right), call=stage(k), returns=(name,))
        for k, (name, sentence) in enumerate(zip(stages, says, strict=True))
    )


EXERCISE = Exercise(
    name="shapes_down",
    number="00.1",
    asks="Two colour pictures of 96 rows and 160 columns go into UNet(3, 4, channels=(16, 32, 64)). Write the shapes "
    "(N, C, H, W) of what enc1, enc2 and enc3 hand down, after pooling, and of the bottleneck.",
    starter="""\
shapes_down = [
    (2, 3, 96, 160),  # enc1
    (2, 3, 96, 160),  # enc2
    (2, 3, 96, 160),  # enc3
    (2, 3, 96, 160),  # bottleneck
]
""",
    properties=shapes(
        STAGES,
        RIGHT,
        (
            "The first level makes its channels of the picture's, and hands them down at half the size.",
            "The second level begins with what the first one handed down.",
            "The third level begins with what the second one handed down.",
            "The bottleneck keeps the size and the number of channels of what it is given.",
        ),
    ),
    mistakes=(
        Mistake(
            "skips instead of what is handed down",
            "These are the maps from before pooling, which become skips. What goes down is half as high and wide.",
            [(2, 16, 96, 160), (2, 32, 48, 80), (2, 64, 24, 40), (2, 64, 12, 20)],
        ),
        Mistake(
            "pooled below the last level, too",
            "Only the three levels of the encoder pool. The bottleneck keeps the size.",
            [*RIGHT[:3], (2, 64, 6, 10)],
        ),
        Mistake(
            "channels doubled in the bottleneck",
            "In this U-Net the bottleneck keeps the channels. (In the article of 2015 it doubles them once more.)",
            [*RIGHT[:3], (2, 128, 12, 20)],
        ),
        Mistake(
            "height and width exchanged",
            "The order is (N, C, H, W): 96 rows are the height, and come first.",
            [(n, c, w, h) for n, c, h, w in RIGHT],
        ),
        Mistake(
            "channels last",
            "The order is (N, C, H, W): the channels come second.",
            [(n, h, w, c) for n, c, h, w in RIGHT],
        ),
        Mistake(
            "channels doubled from those of the picture",
            "How many channels a level makes is told by channels=(16, 32, 64), whatever it is given.",
            [(2, 6, 48, 80), (2, 12, 24, 40), (2, 24, 12, 20), (2, 24, 12, 20)],
        ),
        Mistake(
            "channels kept",
            "Every level makes its own number of channels: channels=(16, 32, 64).",
            [(n, 3, h, w) for n, _, h, w in RIGHT],
        ),
        Mistake(
            "one picture instead of two",
            "N is the number of pictures, and stays 2 all the way.",
            [(1, *shape[1:]) for shape in RIGHT],
        ),
        Mistake(
            "number of pictures left out",
            "A shape has four numbers, (N, C, H, W), and N is 2.",
            [shape[1:] for shape in RIGHT],
        ),
        Mistake(
            "only the height is halved",
            "Pooling takes 2×2 numbers: height and width are halved.",
            [(n, c, h, 160) for n, c, h, _ in RIGHT],
        ),
    ),
    solutions=(RIGHT, np.array(RIGHT)),
    differs="The numbers are those of UNet(3, 4, channels=(16, 32, 64)).trace((2, 3, 96, 160)).",
    read_on=("unet.py", "trace.py"),
    hints=(
        "N never changes. C is what the level has; H and W are halved once for each level.",
        "enc1 is given (2, 3, 96, 160). Its ConvBlock makes 16 channels of the 3; then pooling halves 96 and 160.",
    ),
    values=True,
)
