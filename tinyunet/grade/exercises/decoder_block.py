"""One level of the way up: grow, put the skip beside, convolve."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.tensor import Array

STARTER = '''\
def decoder_block(x, skip, up, conv_block):
    """x: (N, C, H, W), skip: (N, S, 2H, 2W). up and conv_block are functions. Returns y: (N, O, 2H, 2W)."""
    return None  # yours
'''


class Up:
    """Stands for an up-convolution: every pixel four times."""

    def __call__(self, x: Array) -> Array:
        return x.repeat(2, axis=2).repeat(2, axis=3)

    def __repr__(self) -> str:
        return "a function: each pixel becomes 2×2"


class Block:
    """Stands for a ConvBlock: 1 times channel 0, plus 2 times channel 1, and so on, plus 1."""

    def __call__(self, x: Array) -> Array:
        weights = np.arange(1, x.shape[1] + 1, dtype=x.dtype)
        y: Array = np.einsum("nchw,c->nhw", x, weights)[:, None] + x.dtype.type(1)
        return y

    def __repr__(self) -> str:
        return "a function: 1·channel 0 + 2·channel 1 + 3·channel 2 + … + 1"


# ---- two right answers


def concatenated(x: Array, skip: Array, up: Any, conv_block: Any) -> Array:
    """As the network has it: up, concatenate along the channels, convolve."""
    grown = up(x)  # (N, C, 2H, 2W)
    both = np.concatenate([grown, skip], axis=1)  # (N, C + S, 2H, 2W)
    y: Array = conv_block(both)
    return y


def written_into(x: Array, skip: Array, up: Any, conv_block: Any) -> Array:
    """Room for all channels, and each map written into its part."""
    C, (N, S, H, W) = x.shape[1], skip.shape
    both = np.empty((N, C + S, H, W), x.dtype)
    both[:, :C] = up(x)
    both[:, C:] = skip
    y: Array = conv_block(both)
    return y


# ---- what must hold


def right(x: Array, skip: Array, up: Any, conv_block: Any) -> Array:
    """Our block, with these two functions in place of its layers."""
    from tinyunet.unet import DecoderBlock  # not needed to load the exercise

    block = DecoderBlock(x.shape[1], skip.shape[1], 1, rng=0)
    vars(block).update(up=up, conv=conv_block)
    return np.asarray(block.forward(x, skip))


def draw(rng: np.random.Generator, size: int, N: int = 1, C: int = 1, S: int = 1) -> Inputs:
    H, W = ((1, 1), (1, 2), (2, 1), (2, 2))[size]
    x, skip = whole(rng, N, C, H, W, low=1, high=9), whole(rng, N, S, 2 * H, 2 * W, low=1, high=9)
    return {"x": x, "skip": skip, "up": Up(), "conv_block": Block()}


def one_channel(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, size)


def channels(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, size, C=2 + (size > 1), S=2)


def uneven(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, size, C=1 + size % 2, S=3)


def images(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, size, N=2 + (size > 1), C=1 + (size > 1), S=1)


EXERCISE = Exercise(
    name="decoder_block",
    number="08.2",
    asks="Write one level of the way up: x grows, the skip joins it as further channels, a ConvBlock combines both.",
    starter=STARTER,
    properties=(
        Property("one channel", "The grown map and the skip become two channels for conv_block.", one_channel, right),
        Property("channels", "All grown channels come first, then all channels of the skip.", channels, right),
        Property("other numbers of channels", "x and skip need not have equally many channels.", uneven, right),
        Property("several images", "Each image of a batch gets its own skip.", images, right),
    ),
    mistakes=(
        Mistake(
            "skip first",
            "The grown map comes first in the concatenation, the skip second: the weights after it count on that.",
            lambda x, skip, up, conv_block: conv_block(np.concatenate([skip, up(x)], axis=1)),
        ),
        Mistake(
            "skip forgotten", "The skip goes into conv_block, too.", lambda x, skip, up, conv_block: conv_block(up(x))
        ),
        Mistake(
            "only the skip",
            "What comes from below goes into conv_block, too.",
            lambda x, skip, up, conv_block: conv_block(skip),
        ),
        Mistake(
            "skip added",
            "The skip is put beside the grown map as further channels, not added to it.",
            lambda x, skip, up, conv_block: conv_block(up(x) + skip),
        ),
        Mistake(
            "concatenated along the images",
            "Axis 0 counts the images. Channels are axis 1.",
            lambda x, skip, up, conv_block: conv_block(np.concatenate([up(x), skip], axis=0)),
        ),
        Mistake(
            "concatenated along the rows",
            "Axis 2 counts the rows. Channels are axis 1.",
            lambda x, skip, up, conv_block: conv_block(np.concatenate([up(x), skip], axis=2)),
        ),
        Mistake(
            "conv_block forgotten",
            "After the concatenation, conv_block combines both.",
            lambda x, skip, up, conv_block: np.concatenate([up(x), skip], axis=1),
        ),
        Mistake(
            "conv_block before the concatenation",
            "conv_block must see the skip as well: concatenate first.",
            lambda x, skip, up, conv_block: np.concatenate([conv_block(up(x)), skip], axis=1),
        ),
        Mistake(
            "conv_block twice",
            "There is one ConvBlock on each level.",
            lambda x, skip, up, conv_block: conv_block(conv_block(np.concatenate([up(x), skip], axis=1))),
        ),
        Mistake(
            "skip made small",
            "x grows to the size of the skip; the skip keeps its pixels.",
            lambda x, skip, up, conv_block: conv_block(np.concatenate([x, skip[:, :, ::2, ::2]], axis=1)),
        ),
    ),
    solutions=(concatenated, written_into),
    differs="Ours is three lines: up, concatenate, convolve. The grown map comes first in the concatenation: the "
    "weights of the next convolution count on that order.",
    read_on=("unet.py", "ops/shape.py"),
    hints=(
        "There are three steps, and each is one line.",
        "After up(x), rows and columns of both maps are equal. Only the numbers of channels differ.",
        "np.concatenate([a, b], axis=1) puts the channels of b behind those of a.",
    ),
)
