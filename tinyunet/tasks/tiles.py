"""A picture of any size through a network that takes multiples of 8, say, and whose memory ends somewhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from tinyunet.tensor import Array


def tiled(
    network: Callable[..., Array], inputs: Sequence[Array], multiple: int, tile: int = 512, overlap: int = 64
) -> Array:
    """What a network makes of one picture: inputs (C, H, W), of one height and width → (K, s·H, s·W), float32.

    The inputs are mirrored at their right and bottom edge up to the size that the network needs. What is larger than
    `tile` is cut into tiles that overlap. Where they do, the answers are averaged, weighted by the distance to the edge
    of the tile, since there the network lacks context.

    Args:
        network: a function of arrays (1, C, h, w) that returns one of (1, K, s·h, s·w), for some whole number s.
        multiple: h and w are multiples of this.

    >>> tiled(lambda x: 2 * x, [np.ones((1, 5, 7))], multiple=4).shape
    (1, 5, 7)
    """
    H, W = inputs[0].shape[1:]
    sizes = [min(math.ceil(n / multiple) * multiple, tile) for n in (H, W)]
    padded = [max(n, size) for n, size in zip((H, W), sizes, strict=True)]
    around = ((0, 0), (0, padded[0] - H), (0, padded[1] - W))
    inputs = [np.pad(x, around, mode="reflect")[None] for x in inputs]  # (1, C, H, W)
    total, weights, s = np.zeros(0), np.zeros(0), 1
    for top in starts(padded[0], sizes[0], overlap):
        for left in starts(padded[1], sizes[1], overlap):
            window = np.s_[:, :, top : top + sizes[0], left : left + sizes[1]]
            y = network(*(x[window] for x in inputs))[0]  # (K, s·h, s·w)
            if not total.size:
                s = y.shape[1] // sizes[0]
                total = np.zeros((len(y), s * padded[0], s * padded[1]), np.float32)
                weights = np.zeros(total.shape[1:], np.float32)
                weight = np.minimum.outer(*(_distance_to_the_edge(s * n) for n in sizes))
            where = np.s_[..., s * top : s * top + y.shape[1], s * left : s * left + y.shape[2]]
            total[where] += weight * y
            weights[where] += weight
    return (total / weights)[:, : s * H, : s * W]


def flipped(method: Callable[..., Array], *inputs: Array) -> Array:
    """The mean of the answers to one picture in all eight ways to turn and to mirror it, each turned back.

    >>> x = np.arange(6.0).reshape(1, 2, 3)
    >>> bool((flipped(lambda x: x**2, x) == x**2).all())
    True
    """
    answers = []
    for turns, mirrored in itertools.product(range(4), (1, -1)):
        seen = [np.ascontiguousarray(np.rot90(x[:, :, ::mirrored], turns, axes=(1, 2))) for x in inputs]
        answers.append(np.rot90(method(*seen), -turns, axes=(1, 2))[:, :, ::mirrored])
    return np.mean(answers, axis=0)


def _distance_to_the_edge(n: int) -> Array:
    return np.minimum(np.arange(n) + 1, n - np.arange(n)).astype(np.float32)


def starts(length: int, tile: int, overlap: int) -> Sequence[int]:
    """Where tiles start so that neighbours overlap by at least `overlap`, evenly spread, the last one at the end.

    >>> starts(100, 64, 16)
    [0, 36]
    """
    count = 1 if length <= tile else math.ceil((length - overlap) / (tile - overlap))
    return np.linspace(0, length - tile, count).astype(int).tolist()
