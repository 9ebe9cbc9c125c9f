"""Right numbers in other places: rows, columns or channels that changed places as a whole.

Of numbers that stand one by one anywhere nothing is said: any order of them would fit.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinyunet.tensor import Array

AXES = "columns", "rows", "channels", "images", "outermost axis"  # from the last one


def exchanged(same: Callable[[Array], Any], truth: Array, shape: tuple[int, ...]) -> str:
    """What changed places, such as "rows in another order"; "" if that explains nothing.

    Args:
        same: where the numbers of an answer are those of another array.
        shape: that of the answer.

    >>> exchanged(lambda other: other == np.array([[3, 4], [1, 2]]), np.array([[1, 2], [3, 4]]), (2, 2))
    'rows in another order'
    >>> exchanged(lambda other: other == np.array([[4, 2], [3, 1]]), np.array([[1, 2], [3, 4]]), (2, 2))
    ''
    """
    found = (what for what, other in _orders(same, truth, shape) if other.shape == shape and np.all(same(other)))
    return next(found, "")


def _orders(same: Callable[[Array], Any], truth: Array, shape: tuple[int, ...]) -> Iterator[tuple[str, Array]]:
    """Other arrangements of an array, each with what it is called."""
    for axis, count in enumerate(truth.shape) if truth.shape == shape else ():
        if 1 < count < truth.size:  # otherwise every slice is a single number
            order = _order(same, truth, axis)
            if sorted(order) == list(range(count)):
                yield f"{AXES[truth.ndim - axis - 1]} in another order", truth.take(order, axis)
    if truth.ndim > 1:
        yield "rows and columns exchanged", truth.swapaxes(-1, -2)
        yield "turned by 180°", truth[..., ::-1, ::-1]


def _order(same: Callable[[Array], Any], truth: Array, axis: int) -> list[int]:
    """Which slice of an array stands in the place of each, where all of them do."""
    count, others = truth.shape[axis], tuple(k for k in range(truth.ndim) if k != axis)
    order = [-1] * count
    for k in range(count):
        fits = np.all(same(truth.take([k] * count, axis)), axis=others)
        free = [place for place in np.flatnonzero(fits) if order[place] < 0]
        if free:
            order[free[0]] = k
    return order
