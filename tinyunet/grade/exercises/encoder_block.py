"""A level of the encoder: one map to hand down, one to hand across, and what comes back of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, Refused, pair, value, whole
from tinyunet.grade.exercises import max_pool2d
from tinyunet.tensor import Array

STARTER = '''\
def encoder_block(x, conv_block):
    """Returns (pooled, features), backward. conv_block(x) returns features, backward, too."""
    features, back_through_block = conv_block(x)
    pooled = features  # yours

    def backward(dpooled, dfeatures):
        return back_through_block(dfeatures)  # yours

    return (pooled, features), backward
'''


class Times:
    """What stands for a ConvBlock: simple enough to be followed with a pencil."""

    def __init__(self, factor: float, offset: float) -> None:
        self.factor, self.offset = factor, offset

    def __repr__(self) -> str:
        return f"a block with features = {self.factor:g}·x + {self.offset:g} and backward(d) = {self.factor:g}·d"

    def __call__(self, x: Array) -> tuple[Array, Callable[[Array], Array]]:
        return self.factor * x + self.offset, lambda d: self.factor * d


def block(x: Array, conv_block: Any) -> Any:
    """Features once, pooled once; on the way back both slopes meet at the features."""
    features, through_block = conv_block(x)
    pooled, through_pool = max_pool2d.by_windows(features)
    return (pooled, features), lambda dpooled, dfeatures: through_block(through_pool(dpooled) + dfeatures)


def two_ways(x: Array, conv_block: Any) -> Any:
    """The two ways of the slopes walked to the end, one after the other, and added there."""
    features, through_block = conv_block(x)
    pooled, through_pool = max_pool2d.by_positions(features)

    def backward(dpooled: Array, dfeatures: Array) -> Array:
        dx: Array = through_block(dfeatures)
        return dx + through_block(through_pool(dpooled))

    return (pooled, features), backward


def right(x: Array, conv_block: Any) -> tuple[Array, Array]:
    """With our pooling."""
    features, _ = conv_block(x)
    return max_pool2d.right(features), features


def right_dx(x: Array, conv_block: Any, dpooled: Array, dfeatures: Array) -> Array:
    """With our pooling."""
    features, through_block = conv_block(x)
    dx: Array = through_block(max_pool2d.right_dx(features, 2, dpooled) + dfeatures)
    return dx


def gradient(answer: Any, x: Array, conv_block: Any, dpooled: Array, dfeatures: Array) -> Any:
    """What its backward gives."""
    return pair(answer, x, conv_block)[1](dpooled, dfeatures)


def both(k: int) -> Callable[..., Any]:
    """The k-th of the two results."""

    def call(answer: Any, *inputs: Any) -> Any:
        results = value(answer, *inputs)
        if not isinstance(results, (tuple, list)) or len(results) != 2:
            raise Refused("it must return ((pooled, features), backward), two results and a function")
        return results[k]

    return call


def drawn(rng: np.random.Generator, size: int) -> Inputs:
    """A map, and a block."""
    shape = ((1, 1, 2, 2), (1, 1, 2, 4), (1, 2, 2, 4), (2, 2, 4, 4))[size]
    return {"x": max_pool2d.distinct(rng, *shape), "conv_block": Times(float(rng.integers(2, 4)), 1.0)}


def slopes(pooled: bool, features: bool) -> Callable[[np.random.Generator, int], Inputs]:
    """The same, with slopes that come back by one way or by both."""

    def draw(rng: np.random.Generator, size: int) -> Inputs:
        inputs = drawn(rng, size)
        N, C, H, W = inputs["x"].shape
        dpooled, dfeatures = whole(rng, N, C, H // 2, W // 2, low=1), whole(rng, N, C, H, W, low=1)
        return {**inputs, "dpooled": pooled * dpooled, "dfeatures": features * dfeatures}

    return draw


def wrong(
    results: Callable[..., tuple[Any, Any]] = lambda x, pooled, features: (pooled, features),
    slope: Callable[..., Array] = lambda through_pool, dpooled, dfeatures: through_pool(dpooled) + dfeatures,
    through_block: bool = True,
) -> Callable[..., Any]:
    """The block with one thing changed."""

    def encoder_block(x: Array, conv_block: Any) -> Any:
        features, back = conv_block(x)
        pooled, through_pool = max_pool2d.by_windows(features)

        def backward(dpooled: Array, dfeatures: Array) -> Array:
            d = slope(through_pool, dpooled, dfeatures)
            dx: Array = back(d) if through_block else d
            return dx

        return results(x, pooled, features), backward

    return encoder_block


def pooled_first(x: Array, conv_block: Any) -> Any:
    """The pooling in front of the block."""
    y, through_pool = max_pool2d.by_windows(x)
    features, back = conv_block(y)
    return (features, features), lambda dpooled, dfeatures: through_pool(back(dpooled))


EXERCISE = Exercise(
    name="encoder_block",
    number="06.3",
    asks="Write a level of the encoder: conv_block makes features of x, and max-pooling halves them. Return both, "
    "pooled first, and a backward for the slopes that come back to both.",
    starter=STARTER,
    properties=(
        Property(
            "features",
            "The features are what conv_block makes of x.",
            drawn,
            lambda *i: right(*i)[1],
            call=both(1),
            returns=("features",),
        ),
        Property(
            "pooled",
            "The map that goes down is the features, pooled 2×2.",
            drawn,
            lambda *i: right(*i)[0],
            call=both(0),
            returns=("pooled",),
        ),
        Property(
            "slopes of the skip",
            "The slopes of the features go back through the block.",
            slopes(False, True),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property(
            "slopes from below",
            "The slopes of the pooled map go back through the pooling, then through the block.",
            slopes(True, False),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property(
            "both",
            "The features are used twice: what comes back by both ways is added.",
            slopes(True, True),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
    ),
    mistakes=(
        Mistake(
            "order exchanged",
            "The pooled map comes first, the features second.",
            wrong(results=lambda x, pooled, features: (features, pooled)),
        ),
        Mistake(
            "skip from after the pooling",
            "The skip is the map from before pooling, twice as high and wide.",
            wrong(results=lambda x, pooled, features: (pooled, pooled)),
        ),
        Mistake(
            "skip from before the block",
            "The skip is what the block has made, not what it was given.",
            wrong(results=lambda x, pooled, features: (pooled, x)),
        ),
        Mistake("pooled before the block", "First the block, at full size, then the pooling.", pooled_first),
        Mistake(
            "x pooled instead of the features",
            "The pooling takes the features, not x.",
            wrong(results=lambda x, pooled, features: (max_pool2d.by_windows(x)[0], features)),
        ),
        Mistake(
            "not pooled",
            "The map that goes down is half as high and half as wide.",
            wrong(results=lambda x, pooled, features: (features, features)),
        ),
        Mistake(
            "slopes of the skip forgotten",
            "The features went across, too: add dfeatures.",
            wrong(slope=lambda through_pool, dpooled, dfeatures: through_pool(dpooled)),
        ),
        Mistake(
            "slopes from below forgotten",
            "The features went down, too: add what the pooling hands back.",
            wrong(slope=lambda through_pool, dpooled, dfeatures: dfeatures),
        ),
        Mistake(
            "averaged instead of added",
            "A nudge of the features works by both ways at once: add, do not average.",
            wrong(slope=lambda through_pool, dpooled, dfeatures: (through_pool(dpooled) + dfeatures) / 2),
        ),
        Mistake(
            "multiplied instead of added",
            "Where ways meet slopes are added. Along one way they are multiplied.",
            wrong(slope=lambda through_pool, dpooled, dfeatures: through_pool(dpooled) * dfeatures),
        ),
        Mistake(
            "spread over the window",
            "Only the winner of each window receives the slope of the pooled map.",
            wrong(slope=lambda through_pool, dpooled, dfeatures: dpooled.repeat(2, 2).repeat(2, 3) + dfeatures),
        ),
        Mistake(
            "stopped before the block",
            "The slopes of the features still have to go back through the block.",
            wrong(through_block=False),
        ),
    ),
    solutions=(block, two_ways),
    differs="In the package nobody writes this backward: the tape adds up what comes back to the features.",
    read_on=("unet.py", "ops/pool.py"),
    returns=("pooled", "features"),
    hints=(
        "You have a max_pool2d of your own, which returns its result and its backward.",
        "What comes back from the pooling has the shape of the features, and so has dfeatures.",
        "Where a number was used twice its slopes are added; then one call goes back through the block.",
    ),
    needs=("max_pool2d",),
)
