"""Pooling: the largest number under a window, or the mean of all."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.windows import SIZE, Sliding, covering, images, window
from tinyunet.byhand.arithmetic.worked import Largest, Numbers, Part, Sum, Terms
from tinyunet.ops import pool
from tinyunet.ops.window import Axes, Pair
from tinyunet.tensor import Array


class Pooling(Sliding):
    """What both have in common: every channel by itself."""

    leaves = ("x",)

    def axes(self) -> Axes:
        names = "kernel_size", "stride", "padding", "dilation", "ceil_mode"
        settings = (({"dilation": 1} | self.planar)[name] for name in names)
        return pool.pool_axes(self.name, self.arrays["x"].shape[2:], *settings)

    def seen(self, n: int, c: int, i: int, j: int) -> Terms:
        """The numbers under a window."""
        rows, cols = self.axes()
        return Terms(self.numbers("x", n, c, window(rows, i)[1], window(cols, j)[1]))

    def over(self, h: int, w: int) -> tuple[list[int], list[int]]:
        """The rows and columns of the windows that cover a pixel."""
        rows, cols = self.axes()
        return covering(rows, h)[1], covering(cols, w)[1]


def explained_as(kind: type[Pooling], x: Any, **settings: Any) -> Explanation:
    """A pooling, with the axes that were left out."""
    x, lacking = images(array("x", x), kind.plane)
    return explained(kind({"x": x}, settings, dict.fromkeys(("x", "y", "dx", "dy"), lacking)))


class MaxPool2d(Pooling):
    """The largest of a window, which alone receives the gradient."""

    title = "Max-pooling"
    size = f"y has the size {SIZE}, and the channels of x"
    outside = -math.inf
    read_off = True
    formulas: ClassVar = {
        "y": (
            "y[n,c,i,j] = max x[n, c, s·i+d·u−p, s·j+d·v−p], over u, v; padding never wins",
            r"y_{n,c,i,j} = \max_{u,v} x_{n,\,c,\,si+du-p,\,sj+dv-p}",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,c,i,j], over the windows whose maximum x[n,c,h,w] is (the first, among equals)",
            r"∂x_{n,c,h,w} = \sum_{\text{windows won}} ∂y_{n,c,i,j}",
        ),
    }

    def comparisons(self, what: str) -> int:
        rows, cols = self.axes()  # the maximum of every window that covers a pixel must be found
        return rows.kernel * cols.kernel if what == "dx" else 0

    def y(self, *index: int) -> Largest:
        return Largest(self.symbol("y", *index), self.seen(*index))

    def dx(self, dy: Array, n: int, c: int, h: int, w: int) -> Sum:
        here, (i, j) = self.factor("x", (n, c, h, w)), self.over(h, w)
        won = [self.y(n, c, *output).winner.factors[0] == here for output in itertools.product(i, j)]
        terms = Terms(self.numbers("dy", n, c, i, j, array=dy), Numbers("won", (), (), (), np.array(won, float)))
        return Sum(self.symbol("dx", n, c, h, w), (Part("windows", terms),))


@MaxPool2d.called
def max_pool2d(
    x: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Explanation:
    """Explain `F.max_pool2d`.

    >>> print(max_pool2d([[1, 2], [4, 3]], 2).at(0, 0))
    y[n,c,i,j] = max x[n, c, s·i+d·u−p, s·j+d·v−p], over u, v; padding never wins
      y[0, 0] = max(1, 2, 4, 3) = 4, from x[1, 0]
    """
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    return explained_as(MaxPool2d, x, **settings, ceil_mode=ceil_mode)


class AvgPool2d(Pooling):
    """The mean of a window; what its sum is divided by may change at the border."""

    title = "Average pooling"
    size = "y has the size (input + 2·padding − kernel) // stride + 1, and the channels of x"
    linear = True
    formulas: ClassVar = {
        "y": (
            "y[n,c,i,j] = Σ x[n, c, s·i+u−p, s·j+v−p] / divisor, over u, v",
            r"y_{n,c,i,j} = \frac{1}{\text{divisor}} \sum_{u,v} x_{n,\,c,\,si+u-p,\,sj+v-p}",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,c,i,j] / divisor, over all windows that cover x[n,c,h,w]",
            r"∂x_{n,c,h,w} = \sum \frac{1}{\text{divisor}} ∂y_{n,c,i,j}",
        ),
    }

    def divisor(self, i: int, j: int) -> int:
        """What the sum of the window of output (i, j) is divided by."""
        if self.settings.get("divisor_override") is not None:
            return int(self.settings["divisor_override"])
        seen = 1
        for axis, output in zip(self.axes(), (i, j), strict=True):
            first = axis.stride * output - axis.padding
            last = min(first + axis.kernel, axis.input + axis.padding)  # what hangs over the padding never counts
            if not self.settings["count_include_pad"]:
                first, last = max(first, 0), min(last, axis.input)
            seen *= last - first
        return seen

    def y(self, n: int, c: int, i: int, j: int) -> Sum:
        return Sum(self.symbol("y", n, c, i, j), (Part("window", self.seen(n, c, i, j)),), self.divisor(i, j))

    def dx(self, dy: Array, n: int, c: int, h: int, w: int) -> Sum:
        i, j = self.over(h, w)
        shares = np.array([1 / self.divisor(*output) for output in itertools.product(i, j)], float)
        terms = Terms(self.numbers("dy", n, c, i, j, array=dy), Numbers("1/divisor", (), (), (), shares))
        return Sum(self.symbol("dx", n, c, h, w), (Part("windows", terms),))


@AvgPool2d.called
def avg_pool2d(
    x: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Explanation:
    """Explain `F.avg_pool2d`.

    >>> print(avg_pool2d([[1, 2], [4, 3]], 2).at(0, 0))
    y[n,c,i,j] = Σ x[n, c, s·i+u−p, s·j+v−p] / divisor, over u, v
      y[0, 0] = (1 + 2 + 4 + 3) / 4 = 2.5
    """
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    counted = {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    return explained_as(AvgPool2d, x, **settings, **counted)
