"""A number of the problem that was copied wrongly: one cell of an array, which changes several numbers of the result.

A convolution, a linear layer and a mean, and their gradients, are linear in each of their arrays. So when one cell is
off by δ, the result is off by δ times what it gains when that cell grows by 1, and δ follows from any wrong number.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import EXACT, write
from tinyunet.tensor import Array

FEWEST = 2  # wrong numbers that it takes to tell which cell it was
MOST = 200  # cells that are tried
WRITTEN = 12  # digits after the point, at most


def misread(of: Explanation, answer: Array, same: Callable[[Array], Any]) -> Iterator[str]:
    """The cells that may have been read as another number, such as "w[0, 1] read as 3".

    Args:
        same: where the numbers of the answer are those of another array.
    """
    op = of.operation
    truth = op.result(of.what, of.dy)
    arrays = {name: array for name, array in (op.arrays | {"dy": of.dy}).items() if array is not None}
    if not op.linear or np.sum(~same(truth)) < FEWEST or sum(a.size for a in arrays.values()) > MOST:
        return
    for name, array in arrays.items():
        digits = next((d for d in range(WRITTEN) if np.all(np.abs(array - np.round(array, d)) < EXACT)), WRITTEN)
        for index in np.ndindex(*array.shape):
            gain = np.where(np.isnan(answer), 0, _with(of, name, index) - truth)
            most = np.unravel_index(np.abs(gain).argmax(), gain.shape)
            if abs(gain[most]) < EXACT:
                continue
            off = (answer - truth)[most] / gain[most]
            read = round(float(array[index] + off), digits)  # with as many digits as the others
            if read != array[index] and same(truth + (read - array[index]) * gain).all():
                yield f"{op.symbol(name, *index).text} read as {write(read)}"


def _with(of: Explanation, name: str, index: tuple[int, ...]) -> Array:
    """The result with a cell of an array larger by 1."""
    op = of.operation
    array = np.array(of.dy if name == "dy" else op.arrays[name])
    array[index] += 1
    return op.result(of.what, array) if name == "dy" else op.changed(**{name: array}).result(of.what, of.dy)
