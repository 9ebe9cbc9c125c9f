"""How many numbers each stage of a U-Net learns, by arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property

Ledger = dict[str, int]

STARTER = '''\
def ledger(in_channels, out_channels, channels):
    """How many numbers each stage learns: {"enc1": …, "bottleneck": …, "dec1": …, "output": …}."""
    lines = {}
    return lines  # yours
'''


# ---- two right answers


def by_formulas(in_channels: int, out_channels: int, channels: tuple[int, ...]) -> Ledger:
    """A formula for a ConvBlock and one for an up-convolution; the rest is who comes after whom."""

    def conv_block(a: int, b: int) -> int:
        return (9 * a * b + b) + 2 * b + (9 * b * b + b) + 2 * b

    lines, before = {}, in_channels
    for level, c in enumerate(channels, 1):
        lines[f"enc{level}"] = conv_block(before, c)
        before = c
    lines["bottleneck"] = conv_block(before, before)
    for level in range(len(channels), 0, -1):
        c = channels[level - 1]
        above = channels[max(level - 2, 0)]
        lines[f"dec{level}"] = (4 * c * c + c) + conv_block(2 * c, above)
    return {**lines, "output": channels[0] * out_channels + out_channels}


def by_shapes(
    in_channels: int,
    out_channels: int,
    channels: tuple[int, ...],
    bias: int = 1,
    norm: int = 2,
    up: int = 4,
    skip: int = 1,
    last: int = 1,
    first_twice: bool = False,
    convs: int = 2,
    deeper: int = 1,
    halved: bool = False,
) -> Ledger:
    """The numbers of every layer, from the shapes of its arrays. The other settings are for mistakes."""

    def conv(a: int, b: int, cells: int) -> int:
        return a * b * cells + bias * b

    def block(a: int, b: int) -> int:
        second = conv(a if first_twice else b, b, 9) + norm * b
        return conv(a, b, 9) + norm * b + second * (convs - 1)

    inputs = [in_channels, *channels]
    lines = {f"enc{k}": block(a, b) for k, (a, b) in enumerate(zip(inputs, channels, strict=False), 1)}
    deepest = channels[-1]
    lines["bottleneck"] = block(deepest, deeper * deepest)
    above = [channels[0], *channels]
    for k in range(len(channels), 0, -1):
        c, given = channels[k - 1], channels[k - 1] * (deeper if k == len(channels) else 1)
        grown = given // 2 if halved else given
        lines[f"dec{k}"] = conv(given, grown, up) + block(grown + skip * c, above[k - 1])
    return {**lines, "output": conv(channels[0], out_channels, last)}


# ---- what must hold


def right(in_channels: int, out_channels: int, channels: tuple[int, ...]) -> Ledger:
    """Counted in our own U-Net."""
    from tinyunet.unet import UNet  # not needed to load the exercise

    model = UNet(in_channels, out_channels, channels, rng=0)
    stages = {f"enc{k}": level for k, level in enumerate(model.encoder.levels, 1)}
    stages["bottleneck"] = model.bottleneck
    stages |= {f"dec{len(channels) - k}": level for k, level in enumerate(model.decoder)}
    stages["output"] = model.output
    return {name: sum(p.numel() for p in stage.parameters()) for name, stage in stages.items()}


def drawn(levels: int, grow: bool = False) -> Callable[[np.random.Generator, int], Inputs]:
    """A U-Net of so many levels, and one more for the larger sizes if asked."""

    def draw(rng: np.random.Generator, size: int) -> Inputs:
        count = levels + (size // 2 if grow else 0)
        channels = tuple(2 * int(c) for c in np.sort(rng.permutation(np.arange(1, 6 + size))[:count]))
        return {"in_channels": int(rng.integers(1, 5)), "out_channels": int(rng.integers(1, 5)), "channels": channels}

    return draw


def only(*names: str) -> dict[str, Any]:
    """A property of these stages alone; a stage that is missing is told."""
    return {"expected": lambda *inputs: {name: right(*inputs)[name] for name in names}}


def wrong(**settings: Any) -> Callable[..., Ledger]:
    """The ledger with this mistake."""
    return lambda in_channels, out_channels, channels: by_shapes(in_channels, out_channels, channels, **settings)


EXERCISE = Exercise(
    name="ledger",
    number="08.1",
    asks="How many numbers does each stage of a U-Net learn? Work it out from its channels, without building it.",
    starter=STARTER,
    properties=(
        Property("encoder", "A ConvBlock has two 3×3 convolutions and two BatchNorms.", drawn(1), **only("enc1")),
        Property("bottleneck", "It is a ConvBlock with as many channels as come in.", drawn(1), **only("bottleneck")),
        Property(
            "decoder",
            "An up-convolution of 2×2 keeps the channels; a ConvBlock takes these and the skip's.",
            drawn(1),
            **only("dec1"),
        ),
        Property("output", "The last convolution is 1×1.", drawn(1), **only("output")),
        Property("levels", "Each level gets what the one before hands on.", drawn(2, grow=True), right),
    ),
    mistakes=(
        Mistake("biases forgotten", "Each convolution has a bias for each of its output channels.", wrong(bias=0)),
        Mistake("BatchNorm forgotten", "Each BatchNorm learns two numbers for each channel.", wrong(norm=0)),
        Mistake(
            "running statistics counted",
            "The running mean and variance of a BatchNorm are measured, not learned: it learns two numbers a channel.",
            wrong(norm=4),
        ),
        Mistake("one convolution in a block", "A ConvBlock has two convolutions and two BatchNorms.", wrong(convs=1)),
        Mistake(
            "both convolutions alike",
            "The second convolution of a block takes the channels that the first one makes.",
            wrong(first_twice=True),
        ),
        Mistake("skip forgotten", "The decoder's ConvBlock takes the skip's channels as well.", wrong(skip=0)),
        Mistake("up-convolution 3×3", "The kernels of the up-convolution are 2×2.", wrong(up=9)),
        Mistake("output 3×3", "The last convolution is 1×1.", wrong(last=9)),
        Mistake(
            "up-convolution halves the channels", "Here the up-convolution keeps the channels.", wrong(halved=True)
        ),
        Mistake(
            "bottleneck doubles the channels",
            "In the paper it does; here the bottleneck makes as many channels as it is given.",
            wrong(deeper=2),
        ),
    ),
    solutions=(by_formulas, by_shapes),
    differs="Ours has one formula for a ConvBlock: 9·a·b + 9·b·b + 6·b, for a channels in and b out.",
    read_on=("unet.py", "byhand/arithmetic/size.py"),
    float32=False,
    returns=("ledger",),
    hints=(
        "Write a small function for a ConvBlock with a channels in and b out. Everything else calls it.",
        "A 3×3 convolution from a to b channels has 9·a·b weights and b biases; a BatchNorm has 2·b numbers.",
        "An up-convolution from c to c channels has 4·c·c weights and c biases. After it, 2·c channels come together.",
        "The decoder of level k makes as many channels as level k − 1 has; that of level 1 as many as level 1 has.",
    ),
)
