"""Kinds of problems: the call of an operation, in which some arguments are functions that draw numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

import numpy as np

from tinyunet.tensor import Array

Draw = Callable[[Random], Array]


def numbers(low: int, high: int, *shape: int) -> Draw:
    """Whole numbers from low to high.

    >>> numbers(1, 6, 2, 3)(Random("dice")).shape
    (2, 3)
    """

    def draw(random: Random) -> Array:
        # Of all that Random offers, only random() promises the same numbers in every version of Python.
        count = high - low + 1
        return np.array([low + int(random.random() * count) for _ in range(math.prod(shape))], float).reshape(shape)

    return draw


def distinct(*shape: int) -> Draw:
    """The whole numbers from 1, in any order.

    >>> sorted(distinct(4)(Random(0)).tolist())
    [1.0, 2.0, 3.0, 4.0]
    """
    return lambda random: np.argsort([random.random() for _ in range(math.prod(shape))]).reshape(shape) + 1.0


def even(*shape: int) -> Draw:
    """Channels (N, C, …) with a whole number as mean and a square as variance, so that σ is whole, too.

    >>> x = even(4, 2)(Random(0))
    >>> x.mean(0).tolist(), x.std(0).tolist()
    ([5.0, 5.0], [2.0, 4.0])
    """

    def draw(random: Random) -> Array:
        x = np.empty(shape)
        for c in range(shape[1]):
            channel = x[:, c]
            while True:
                channel[...] = numbers(0, 9, *channel.shape)(random)
                sigma = math.sqrt(channel.var())
                if channel.mean().is_integer() and sigma.is_integer() and sigma:
                    break
        return x

    return draw


image, kernel, gradient = partial(numbers, 0, 6), partial(numbers, -2, 2), partial(numbers, -3, 3)
bias, scale = partial(numbers, 1, 9), partial(numbers, 2, 4)
signed, below, few = partial(numbers, -6, 6), partial(numbers, -9, 1), partial(numbers, 0, 2)  # images, too

# Of two channels.
RUNNING = {"running_mean": numbers(1, 9, 2), "running_var": lambda random: numbers(2, 4, 2)(random) ** 2}
AFFINE = {"weight": scale(2), "bias": bias(2)}


class Kind(NamedTuple):
    """A kind of problem."""

    what: str  # is asked for, such as "y" or "dw"
    elements: int  # of it; 0: all
    arguments: dict[str, Any]


def ask(what: str = "y", elements: int = 0, /, **arguments: Any) -> Kind:
    """A kind of problem: the arguments of the operation, some of them functions that draw numbers."""
    return Kind(what, elements, arguments)
