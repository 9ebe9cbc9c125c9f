"""What a level is made of: kinds of problems, and how their numbers are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

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
        for channel in np.moveaxis(x, 1, 0):
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
logits = partial(numbers, -2, 3)


def multiples(of: int, low: int, high: int, *shape: int) -> Draw:
    """So many times a number, from low to high times."""
    return lambda random: of * numbers(low, high, *shape)(random)


def shares(*shape: int) -> Draw:
    """Halves, thirds, quarters and fifths, between 0 and 1.

    >>> shares(3)(Random(1))
    array([0.5, 0.4, 0.4])
    """

    def draw(random: Random) -> Array:
        parts = numbers(2, 5, *shape)(random)
        return np.array([numbers(1, int(n) - 1)(random) / n for n in parts.flat]).reshape(shape)

    return draw


def targets(classes: int, *rows: int) -> Draw:
    """The number of the right class of every row."""
    return numbers(0, classes - 1, *rows)


# Of two channels.
RUNNING = {"running_mean": numbers(1, 9, 2), "running_var": lambda random: numbers(2, 4, 2)(random) ** 2}
AFFINE = {"weight": scale(2), "bias": bias(2)}


class Kind:
    """What is asked for, how many elements of it (0: all), and the arguments, some of which are functions that draw."""

    def __init__(self, what: str = "y", elements: int = 0, /, **arguments: Any) -> None:
        self.what, self.elements, self.arguments = what, elements, arguments


class Level:
    """What a level teaches, and the mistakes that it is about.

    Answers are whole numbers or short fractions; where they are `rounded`, two digits after the point are asked for.
    """

    def __init__(self, teaches: str, *central: str) -> None:
        self.teaches, self.central = teaches, central

    def asks(self, reminder: str, *kinds: Kind, rounded: bool = False) -> Level:
        """What to remember, and the kinds of problems, in turn."""
        self.reminder, self.kinds, self.rounded = reminder, kinds, rounded
        return self
