"""Flattening: all numbers of an image in one row, channel by channel, row by row; what stands before a linear layer."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.worked import Formula
from tinyunet.tensor import Array


class Flatten(Operation):
    """Nothing is calculated: a number has another place."""

    title = "Flattening"
    leaves = ("x",)
    size = "y has as many numbers as x has for each image"
    linear = True
    read_off = True
    formulas: ClassVar = {
        "y": ("y[n,k] = x[n,c,i,j] with k = (c·H + i)·W + j", r"y_{n,\,(cH+i)W+j} = x_{n,c,i,j}"),
        "dx": ("dx[n,c,i,j] = dy[n,k] with k = (c·H + i)·W + j", r"∂x_{n,c,i,j} = ∂y_{n,\,(cH+i)W+j}"),
    }

    def run(self) -> tuple[Any, Any]:
        x = self.arrays["x"]
        return x.reshape(self.y_shape()), lambda dy: dy.reshape(x.shape)

    def y_shape(self) -> Index:
        N, *others = self.arrays["x"].shape
        return N, math.prod(others)

    def y(self, n: int, k: int) -> Formula:
        return self._moved("y", (n, k), "x", (n, *np.unravel_index(k, self.arrays["x"].shape[1:])), None)

    def dx(self, dy: Array, n: int, *at: int) -> Formula:
        k = np.ravel_multi_index(at, self.arrays["x"].shape[1:])
        return self._moved("dx", (n, *at), "dy", (n, k), dy)

    def _moved(self, what: str, to: Index, name: str, place: tuple[Any, ...], array: Array | None) -> Formula:
        """An element that is another one."""
        there = tuple(map(int, place))
        factor, symbol = self.factor(name, there, array), self.symbol(name, *there)
        return Formula(self.symbol(what, *to), symbol.text, symbol.latex, factor.value, (factor,))


@Flatten.called
def flatten(x: Any) -> Explanation:
    """Explain `nn.Flatten`: images (N, C, H, W) become rows (N, C·H·W), and one image (C, H, W) or (H, W) a row.

    >>> print(flatten([[1, 2], [3, 4]]).at(2))
    y[n,k] = x[n,c,i,j] with k = (c·H + i)·W + j
      y[2] = x[1, 0] = 3
    """
    x = array("x", x)
    single = x.ndim < 4
    return explained(Flatten({"x": x[None] if single else x}, {}, dict.fromkeys(("x", "y", "dx", "dy"), int(single))))
