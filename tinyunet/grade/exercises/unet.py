"""The whole U-Net, from blocks that are given."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.tensor import Array

STARTER = '''\
def unet(image, encoders, bottleneck, decoders, output):
    """encoders, from the top down, give (pooled, features); decoders, from the bottom up, take (x, skip)."""
    return None  # yours
'''


class Step:
    """Stands for a block, and says in its name what it does with numbers."""

    def __init__(self, does: str) -> None:
        self.does = does

    def __call__(self, *arrays: Array) -> Any:
        return eval(self.does, {"x": arrays[0], "skip": arrays[-1]})

    def __repr__(self) -> str:
        return f"({'x, skip' if 'skip' in self.does else 'x'} → {self.does})"


# ---- two right answers


def with_a_stack(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    """The skips lie on a stack: what was put there last is taken first."""
    x, skips = image, []
    for encoder in encoders:
        x, features = encoder(x)
        skips.append(features)
    x = bottleneck(x)
    for decoder in decoders:
        x = decoder(x, skips.pop())
    return output(x)


def from_inside(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    """A U-Net is a level around a smaller U: each level calls the one below it."""

    def u(x: Any, level: int) -> Any:
        if level == len(encoders):
            return bottleneck(x)
        pooled, features = encoders[level](x)
        return decoders[-1 - level](u(pooled, level + 1), features)

    return output(u(image, 0))


# ---- what must hold


def by_one_line(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    """For up to three levels, written out without a loop."""
    e, d = [*encoders], [*decoders][::-1]  # d[0] belongs to e[0]
    down = [e[0](image)]
    for encoder in e[1:]:
        down.append(encoder(down[-1][0]))
    deep = bottleneck(down[-1][0])
    if len(e) == 1:
        return output(d[0](deep, down[0][1]))
    if len(e) == 2:
        return output(d[0](d[1](deep, down[1][1]), down[0][1]))
    return output(d[0](d[1](d[2](deep, down[2][1]), down[1][1]), down[0][1]))


def steps(rng: np.random.Generator, size: int, levels: int) -> Inputs:
    """Blocks that count with single numbers, so that each step can be followed."""
    a = rng.integers(1, 4, (2, levels))
    return {
        "image": whole(rng, 1, 1, 1, 1 + size, low=1, high=5),
        "encoders": [Step(f"(2 * x, x + {10 * (k + 1) + int(n)})") for k, n in enumerate(a[0])],
        "bottleneck": Step("x + 100"),
        "decoders": [Step(f"{k + 2} * x + {int(n)} * skip") for k, n in enumerate(a[1])],
        "output": Step("x - 1"),
    }


def one_level(rng: np.random.Generator, size: int) -> Inputs:
    return steps(rng, size, 1)


def levels(rng: np.random.Generator, size: int) -> Inputs:
    return steps(rng, size, 2 + (size > 1))


def real(rng: np.random.Generator, size: int) -> Inputs:
    """The blocks of a small U-Net of ours."""
    from tinyunet.unet import UNet  # not needed to load the exercise

    model = UNet(1, 2, channels=(2, 3, 4)[: 1 + (size + 1) // 2], norm=None, rng=rng).to(np.float64)
    side = model.multiple
    return {
        "image": whole(rng, 1, 1, side, side),
        "encoders": [*model.encoder.levels],
        "bottleneck": model.bottleneck,
        "decoders": [*model.decoder],
        "output": model.output,
    }


def ours(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    """Our own network, with these blocks put in."""
    from tinyunet import nn
    from tinyunet.unet import UNet

    model = UNet(1, 2, channels=(1,) * len(encoders))
    model.encoder.levels, model.decoder = nn.ModuleList(encoders), nn.ModuleList(decoders)
    model.bottleneck, model.output = bottleneck, output
    return model(image).numpy()


def _down(image: Any, encoders: Any) -> tuple[Any, list[Any], list[Any]]:
    """The deepest map, all features and all pooled maps."""
    x, skips, pooled = image, [], []
    for encoder in encoders:
        x, features = encoder(x)
        skips.append(features)
        pooled.append(x)
    return x, skips, pooled


def _up(x: Any, decoders: Any, skips: Any, output: Any) -> Any:
    for decoder, skip in zip(decoders, skips, strict=True):
        x = decoder(x, skip)
    return output(x)


def pooled_as_skips(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    x, _, pooled = _down(image, encoders)
    return _up(bottleneck(x), decoders, pooled[::-1], output)


def features_handed_down(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    return with_a_stack(image, [lambda x, e=e: e(x)[::-1] for e in encoders], bottleneck, decoders, output)


def same_order(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    x, skips, _ = _down(image, encoders)
    return _up(bottleneck(x), decoders, skips, output)


def last_skip_for_all(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    x, skips, _ = _down(image, encoders)
    return _up(bottleneck(x), decoders, skips[-1:] * len(skips), output)


def every_encoder_on_the_image(image: Any, encoders: Any, bottleneck: Any, decoders: Any, output: Any) -> Any:
    return with_a_stack(image, [lambda _, e=e: e(image) for e in encoders], bottleneck, decoders, output)


EXERCISE = Exercise(
    name="unet",
    number="08.3",
    asks="Write the whole U-Net from its blocks: down, bottleneck, up with the skips, output.",
    starter=STARTER,
    properties=(
        Property(
            "one level", "Encoder, bottleneck, decoder with the encoder's features, output.", one_level, by_one_line
        ),
        Property(
            "levels", "The decoder at the bottom gets the skip of the last encoder, and so on up.", levels, by_one_line
        ),
        Property("a real U-Net", "With the blocks of our U-Net it gives what our U-Net gives.", real, ours),
    ),
    mistakes=(
        Mistake(
            "pooled maps as skips",
            "An encoder gives (pooled, features). The skip is the features, which are twice as large.",
            pooled_as_skips,
        ),
        Mistake(
            "features handed down",
            "An encoder gives (pooled, features): the first of them goes down, the second is the skip.",
            features_handed_down,
        ),
        Mistake(
            "skips in the order of the way down",
            "The first decoder stands at the bottom: it needs the skip that was made last.",
            same_order,
        ),
        Mistake("one skip for all", "Each decoder has a skip of its own.", last_skip_for_all),
        Mistake(
            "decoders in the wrong order",
            "The list begins with the decoder at the bottom: take it as it stands.",
            lambda image, encoders, bottleneck, decoders, output: with_a_stack(
                image, encoders, bottleneck, decoders[::-1], output
            ),
        ),
        Mistake(
            "bottleneck forgotten",
            "Between the way down and the way up stands the bottleneck.",
            lambda image, encoders, bottleneck, decoders, output: with_a_stack(
                image, encoders, lambda x: x, decoders, output
            ),
        ),
        Mistake(
            "output forgotten",
            "After the last decoder comes the 1×1 convolution, output.",
            lambda image, encoders, bottleneck, decoders, output: with_a_stack(
                image, encoders, bottleneck, decoders, lambda x: x
            ),
        ),
        Mistake(
            "every encoder on the image",
            "Each encoder goes on with what the one before has handed down.",
            every_encoder_on_the_image,
        ),
        Mistake(
            "bottleneck on every level",
            "There is one bottleneck, below the last encoder.",
            lambda image, encoders, bottleneck, decoders, output: with_a_stack(
                image, [lambda x, e=e: (bottleneck(e(x)[0]), e(x)[1]) for e in encoders], lambda x: x, decoders, output
            ),
        ),
    ),
    solutions=(with_a_stack, from_inside),
    differs="Ours keeps the skips in a list and takes the last one first. The drawing can be read off its eight lines.",
    read_on=("unet.py", "trace.py"),
    float32=False,
    hints=(
        "Draw the U with two levels, and write on each arrow what goes along it.",
        "On the way down keep the features of every encoder in a list.",
        "On the way up the skip that was made last is needed first: a list's pop() gives it.",
    ),
)
