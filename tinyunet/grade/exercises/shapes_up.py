"""The shapes on a U-Net's way up."""

from __future__ import annotations

import numpy as np

from tinyunet.grade.exercise import Exercise, Mistake
from tinyunet.grade.exercises.shapes_down import Shapes, shapes

RIGHT: Shapes = [(2, 32, 24, 40), (2, 16, 48, 80), (2, 16, 96, 160), (2, 4, 96, 160)]  # as UNet.trace says
STAGES = ("dec3", "dec2", "dec1", "output")

EXERCISE = Exercise(
    name="shapes_up",
    number="00.2",
    asks="The same pictures, and the same UNet(3, 4, channels=(16, 32, 64)), on the way up: write the shapes "
    "(N, C, H, W) of dec3, dec2 and dec1, and of the output.",
    starter="""\
shapes_up = [
    (2, 64, 12, 20),  # dec3
    (2, 64, 12, 20),  # dec2
    (2, 64, 12, 20),  # dec1
    (2, 64, 12, 20),  # output
]
""",
    properties=shapes(
        STAGES,
        RIGHT,
        (
            "The deepest level of the decoder doubles the size of the bottleneck, and makes the channels of level 2.",
            "The next level doubles the size again, and makes the channels of level 1.",
            "The last level is as large as the picture. No level is above it, and it keeps the channels of level 1.",
            "The output has the size of the picture, and as many channels as were asked for.",
        ),
    ),
    mistakes=(
        Mistake(
            "before the ConvBlock",
            "These are the maps with the skips beside them. The ConvBlock of the level still combines them into fewer.",
            [(2, 128, 24, 40), (2, 64, 48, 80), (2, 32, 96, 160), RIGHT[3]],
        ),
        Mistake(
            "the shapes of the skips",
            "Each level makes as many channels as the level above it has: 32 in dec3, then 16.",
            [(2, 64, 24, 40), (2, 32, 48, 80), (2, 16, 96, 160), RIGHT[3]],
        ),
        Mistake(
            "channels halved once more at the top",
            "There is no level above the first: dec1 has the channels of level 1, which are 16.",
            [*RIGHT[:2], (2, 8, 96, 160), RIGHT[3]],
        ),
        Mistake(
            "as many channels out as in",
            "How many channels come out is the second number in UNet(3, 4, …): one logit for each of 4 classes.",
            [*RIGHT[:3], (2, 3, 96, 160)],
        ),
        Mistake(
            "the output has the channels of dec1",
            "After dec1 comes a 1×1 convolution, which makes the 4 channels that were asked for.",
            [*RIGHT[:3], (2, 16, 96, 160)],
        ),
        Mistake(
            "one doubling late",
            "Every level of the decoder begins by doubling the size: dec3 is already twice as large as the bottleneck.",
            [(2, 32, 12, 20), (2, 16, 24, 40), (2, 16, 48, 80), (2, 4, 48, 80)],
        ),
        Mistake(
            "from the top down",
            "On the way up the deepest level comes first: dec3, dec2, dec1.",
            [RIGHT[2], RIGHT[1], RIGHT[0], RIGHT[3]],
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
            "number of pictures left out",
            "A shape has four numbers, (N, C, H, W), and N is 2.",
            [shape[1:] for shape in RIGHT],
        ),
    ),
    solutions=(RIGHT, np.array(RIGHT)),
    differs="The numbers are those of UNet(3, 4, channels=(16, 32, 64)).trace((2, 3, 96, 160)).",
    read_on=("unet.py", "trace.py"),
    hints=(
        "Begin with the bottleneck, (2, 64, 12, 20). Every level of the decoder doubles height and width.",
        "The channels of dec3 are those of level 2, those of dec2 the channels of level 1. What has level 1 above it?",
        "In the table of section 4 the levels have 8, 16 and 32 channels; dec3 has 16, dec2 8, dec1 8.",
    ),
    values=True,
)
