"""Pooling and its gradients."""

import functools
import math
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.gradients import COL2IM, DY_FORGOTTEN
from tinyunet.byhand.mistakes.registry import TRANSPOSED, only, usual_and_rare
from tinyunet.byhand.mistakes.window import Window, counted
from tinyunet.tensor import Array


class Pooling(Window):
    """The cells of every window, and what each of them receives of dy, both (N, C, Ho, Wo, kh·kw)."""

    divisor_override: int | None

    @functools.cached_property
    def seen(self) -> Array:
        """The cells, where padding never wins."""
        return self.cells(-math.inf)

    @functools.cached_property
    def largest(self) -> Array:
        """Which cells hold the maximum of their window."""
        return self.seen == self.seen.max(-1, keepdims=True)

    @functools.cached_property
    def winner(self) -> Array:
        """Which cell receives the gradient of the maximum: the first of the largest."""
        return self.cell(self.seen.argmax(-1))

    @functools.cached_property
    def positions(self) -> Array:
        """Of the winners in their image, counted row by row."""
        return self.y(return_indices=True)[1].astype(int)

    def cell(self, number: Any) -> Array:
        """Which cell has this number, in its window."""
        return np.arange(self.size) == np.expand_dims(number, -1)

    def shares(self, part: Any) -> Array:
        """What cells receive, if it is this part of dy."""
        return self.dy[..., None] * np.broadcast_to(part, (*self.dy.shape, self.size))

    def back(self, part: Any) -> Array:
        """dx, if every cell receives this part of dy."""
        return self.spread(self.shares(part))

    def last_winner(self) -> Array:
        """dx, if a number that wins several windows receives dy of the last one alone."""
        dx, winners = np.zeros((*self.x.shape[:2], self.input.prod())), self.positions.reshape(*self.x.shape[:2], -1)
        np.put_along_axis(dx, winners, self.dy.reshape(winners.shape), -1)
        return dx.reshape(self.x.shape)

    def divided(self, numbers: Array, divisor: int) -> Array | None:
        """By a number of cells that is not that of all, nor of one."""
        return numbers / divisor if 1 < divisor < self.size else None

    def pooled(self, numbers: Array, axis: Any, **how: Any) -> Array:
        """The maximum or the mean, of other numbers than those of a window."""
        return (numbers.max if self.name == "max_pool2d" else numbers.mean)(axis, **how)


def overhangs(q: Pooling) -> bool:
    """Whether windows reach beyond the image and its padding."""
    return bool(q.ceil_mode and (q.reach[:, 1] > q.reach[:, 0]).any() and q.divisor_override is None)


max_y, rare_max_y = usual_and_rare("max_pool2d y", Pooling)
avg_y, rare_avg_y = usual_and_rare("avg_pool2d y", Pooling)
both_y, rare_both_y = usual_and_rare("max_pool2d y, avg_pool2d y", Pooling)
max_dx, rare_max_dx = usual_and_rare("max_pool2d dx", Pooling)
avg_dx, rare_avg_dx = usual_and_rare("avg_pool2d dx", Pooling)
_, rare_both_dx = usual_and_rare("max_pool2d dx, avg_pool2d dx", Pooling)

max_y("zero padding in max-pool", "the padding is −∞ and never wins, even among negative numbers")
max_y.way("", lambda q: q.padded(constant_values=0))
avg_y(
    "divisor at the border",
    "count_include_pad says whether zeros of the padding are counted; what ceil_mode adds beyond them is left out",
)
avg_y.way("", lambda q: q.y(count_include_pad=not q.count_include_pad))
avg_y.way("the whole kernel, also where it hangs over", lambda q: q.cells().sum(-1) / q.size if overhangs(q) else None)
both_y("ceil for floor", "the size is rounded down, except with ceil_mode", lambda q: q.y(ceil_mode=not q.ceil_mode))
max_y("average instead of maximum", "max-pooling takes the largest number of the window", lambda q: q.cells().mean(-1))
avg_y("maximum instead of average", "average pooling takes the mean of the window", lambda q: q.seen.max(-1))
avg_y("not divided", "divide the sum by the number of cells in the window", lambda q: q.cells().sum(-1))
max_dx(*COL2IM, lambda q: q.spread(q.shares(q.winner), assign=True))
avg_dx(*COL2IM, lambda q: q.spread(q.shares(1 / q.size), assign=True), where=lambda q: counted(q) and not overhangs(q))
FIRST = "among equals the first of the window, row by row, receives all of the gradient, as in PyTorch"
max_dx("ties shared", FIRST)
max_dx.way("each of them receives it", lambda q: q.back(q.largest))
max_dx.way("divided among them", lambda q: q.back(q.largest / q.largest.sum(-1, keepdims=True)))
max_dx("last of equal numbers", FIRST)
max_dx.way("", lambda q: q.back(q.cell(q.size - 1 - q.largest[..., ::-1].argmax(-1))))
max_dx("gradient to the whole window", "only the largest number moves the output")
max_dx.way("in full", lambda q: q.back(1))
max_dx.way("in equal parts", lambda q: q.back(1 / q.size))
avg_dx("not divided", "every pixel of the window receives dy divided by the divisor", lambda q: q.back(1))
avg_dx("divisor at the border", "the divisor is that of the forward pass")
avg_dx.way("", lambda q: q.dx(count_include_pad=not q.count_include_pad))
avg_dx.way("the whole kernel, also where it hangs over", lambda q: q.back(1 / q.size) if overhangs(q) else None)

# ---- less usual

LARGEST = "max-pooling takes the largest number of the window, with its sign"
rare_max_y("minimum instead of maximum", LARGEST, lambda q: q.cells(math.inf).min(-1))
rare_max_y("sum instead of maximum", LARGEST, lambda q: q.cells().sum(-1))
rare_max_y("sign ignored", LARGEST)
rare_max_y.way(
    "the number furthest from 0", lambda q: q.cells()[q.cell(np.abs(q.cells()).argmax(-1))].reshape(q.y().shape)
)
rare_max_y.way("the number furthest from 0, without its sign", lambda q: np.abs(q.cells()).max(-1))
rare_max_y("position instead of value", "the output is the largest number, not where it stands")
rare_max_y.way("in the window", lambda q: q.seen.argmax(-1))
rare_max_y.way("in the image", lambda q: q.positions)
rare_both_y(
    "median", "the window is not sorted: pooling takes its maximum, or its mean", lambda q: np.median(q.cells(), -1)
)
rare_both_y("channels pooled together", "every channel is pooled by itself", where=lambda q: q.x.shape[1] > 1)
rare_both_y.way("into one", lambda q: q.pooled(q.y(), 1, keepdims=True))
rare_both_y.way("into one, for each of them", lambda q: np.broadcast_to(q.pooled(q.y(), 1, keepdims=True), q.y().shape))
rare_both_y(
    "whole image pooled", "every window makes a number of its own", lambda q: q.pooled(q.x, (2, 3), keepdims=True)
)
rare_avg_y("mean cut to a whole number", "a mean is seldom a whole number")
rare_avg_y.way("rounded down", lambda q: np.floor(q.y()))
rare_avg_y.way("digits cut off", lambda q: np.trunc(q.y()))
rare_avg_y.way("rounded", lambda q: np.floor(q.y() + 0.5))
rare_avg_y("divisor_override left out", "the sum is divided by divisor_override, whatever the window holds")
rare_avg_y.way("", lambda q: q.y(divisor_override=None))
rare_avg_y("wrong divisor", "divide by the number of cells in the window, kh·kw")
rare_avg_y.way("its height", lambda q: q.divided(q.cells().sum(-1), q.kernel[0]))
rare_avg_y.way("its width", lambda q: q.divided(q.cells().sum(-1), q.kernel[1]))
rare_avg_y.way("one less", lambda q: q.divided(q.cells().sum(-1), q.size - 1))
rare_avg_y.way(
    "zeros are not counted",
    lambda q: None if q.x.all() else q.cells().sum(-1) / np.maximum(1, np.count_nonzero(q.cells(), -1)),
)
rare_max_dx("gradient to the wrong cell", "only the largest number moves the output, wherever it stands")
rare_max_dx.way("the first of the window", lambda q: q.back(q.cell(0)))
rare_max_dx.way("the smallest", lambda q: q.back(q.cell(q.cells(math.inf).argmin(-1))))
rare_max_dx(*COL2IM)
rare_max_dx.way("window after window", lambda q: q.overwritten(q.shares(q.winner)))
rare_max_dx.way("winner after winner", lambda q: q.last_winner())
rare_avg_dx(*COL2IM, where=lambda q: q.count_include_pad and not q.reach[:, 1].any())  # one divisor for all
rare_avg_dx.way("window after window", lambda q: q.overwritten(q.shares(1 / q.size)))
rare_max_dx("value instead of gradient", "the largest number says where dy goes; what goes there is dy")
rare_max_dx.way("the output itself", lambda q: q.spread(q.winner * q.y()[..., None]))
rare_max_dx.way("dy times the output", lambda q: q.back(q.winner * q.y()[..., None]))
rare_both_dx(*DY_FORGOTTEN, lambda q: q.dx(np.ones_like(q.dy)))
rare_both_dx(*TRANSPOSED)
rare_both_dx.way("rows and columns exchanged", lambda q: q.dx().swapaxes(2, 3))
rare_both_y("pixels taken in a row", "a window is kh rows of kw pixels, side by side")
rare_both_y.way("", lambda q: q.pooled(q.x.reshape(*q.y().shape, q.size), -1))
rare_avg_y("root of the squares", "the numbers themselves are added, not their squares")
rare_avg_y.way("of their sum", lambda q: np.sqrt((q.cells() ** 2).sum(-1)))
rare_avg_y.way("of their mean", lambda q: np.sqrt((q.cells() ** 2).mean(-1)))
rare_avg_dx("wrong divisor", "every pixel receives dy divided by the number of cells, kh·kw")
rare_avg_dx.way("the window's height", lambda q: q.divided(q.back(1), q.kernel[0]))
rare_avg_dx.way("the window's width", lambda q: q.divided(q.back(1), q.kernel[1]))
rare_avg_dx("value instead of gradient", "x is not in the gradient of a mean")
rare_avg_dx.way("dy times x", lambda q: q.dx() * q.x)
rare_both_dx("gradient not given back", "dx has the shape of x: dy goes back to the pixels", lambda q: q.dy)
rare_both_dx("only one window counted", "every window gives its part of dy back")
rare_both_dx.way("the first", lambda q: q.dx(only(q.dy, np.s_[:, :, 0, 0])))
rare_both_dx.way("the last", lambda q: q.dx(only(q.dy, np.s_[:, :, -1, -1])))
