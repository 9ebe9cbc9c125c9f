"""Pooling and its gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.gradients import DY_FORGOTTEN
from tinyunet.byhand.mistakes.registry import TRANSPOSED, Answers, mistake, rare
from tinyunet.byhand.mistakes.window import borders, padded, spread, spread_in_order, windows
from tinyunet.tensor import Array


@mistake("max_pool2d y", "zero padding in max-pool", "the padding is −∞ and never wins, even among negative numbers")
def _zeros_win(op: Operation, dy: Any) -> Answers:
    if any(map(any, borders(op))):
        yield padded(op, borders(op))


@mistake("avg_pool2d y", "divisor at the border", "count_include_pad says whether zeros of the padding are counted")
def _divisor(op: Operation, dy: Any) -> Answers:
    yield op.changed(count_include_pad=not op.settings["count_include_pad"]).result()


@mistake("max_pool2d y, avg_pool2d y", "ceil for floor", "the size is rounded down, except with ceil_mode")
def _rounded(op: Operation, dy: Any) -> Answers:
    yield op.changed(ceil_mode=not op.settings["ceil_mode"]).result()


@mistake("max_pool2d y", "average instead of maximum", "max-pooling takes the largest number of the window")
def _mean_for_max(op: Operation, dy: Any) -> Answers:
    yield windows(op, 0.0).mean(-1)


@mistake("avg_pool2d y", "maximum instead of average", "average pooling takes the mean of the window")
def _max_for_mean(op: Operation, dy: Any) -> Answers:
    yield windows(op, -math.inf).max(-1)


@mistake("avg_pool2d y", "not divided", "divide the sum by the number of cells in the window")
def _sum_for_mean(op: Operation, dy: Any) -> Answers:
    yield windows(op, 0.0).sum(-1)


@mistake("max_pool2d dx", "ties shared", "among equals the first alone receives the gradient")
def _ties(op: Operation, dy: Any) -> Answers:
    cells = windows(op, -math.inf)
    best = cells == cells.max(-1, keepdims=True)
    yield spread(op, dy[..., None] * best), "each of them receives it"
    yield spread(op, dy[..., None] * best / best.sum(-1, keepdims=True)), "divided among them"


@mistake("max_pool2d dx", "last of equal numbers", "among equals the first alone receives the gradient")
def _last(op: Operation, dy: Any) -> Answers:
    cells = windows(op, -math.inf)
    last = cells.shape[-1] - 1 - cells[..., ::-1].argmax(-1)
    yield spread(op, dy[..., None] * (np.arange(cells.shape[-1]) == last[..., None]))


@mistake("max_pool2d dx", "gradient to the whole window", "only the largest number moves the output")
def _to_all(op: Operation, dy: Any) -> Answers:
    cells = windows(op, 0.0)
    yield spread(op, dy[..., None] * np.ones_like(cells)), "in full"
    yield spread(op, dy[..., None] * np.ones_like(cells) / cells.shape[-1]), "in equal parts"


@mistake("avg_pool2d dx", "not divided", "every pixel of the window receives dy divided by the divisor")
def _gradient_not_divided(op: Operation, dy: Any) -> Answers:
    yield spread(op, dy[..., None] * np.ones_like(windows(op, 0.0)))


@mistake("avg_pool2d dx", "divisor at the border", "the divisor is that of the forward pass")
def _gradient_divisor(op: Operation, dy: Any) -> Answers:
    yield op.changed(count_include_pad=not op.settings["count_include_pad"]).result("dx", dy)


# ---- less usual

LARGEST = "max-pooling takes the largest number of the window, with its sign"


@rare("max_pool2d y", "minimum instead of maximum", LARGEST)
def _min_for_max(op: Operation, dy: Any) -> Answers:
    yield windows(op, math.inf).min(-1)


@rare("max_pool2d y", "sum instead of maximum", LARGEST)
def _sum_for_max(op: Operation, dy: Any) -> Answers:
    yield windows(op, 0.0).sum(-1)


@rare("max_pool2d y", "sign ignored", LARGEST)
def _largest_size(op: Operation, dy: Any) -> Answers:
    cells = windows(op, 0.0)
    furthest = np.abs(cells).argmax(-1)[..., None]
    yield np.take_along_axis(cells, furthest, -1)[..., 0], "the number furthest from 0"
    yield np.abs(cells).max(-1), "the number furthest from 0, without its sign"


def _winners(op: Operation) -> tuple[Array, Array, Array]:
    """Where the maximum of every window stands: in the window, and its row and column in the image."""
    winner, (rows, cols) = windows(op, -math.inf).argmax(-1), op.axes()
    u, v = np.unravel_index(winner, (rows.kernel, cols.kernel))
    i, j = np.ogrid[: rows.output, : cols.output]
    return (
        winner,
        rows.stride * i + rows.dilation * u - rows.padding,
        cols.stride * j + cols.dilation * v - cols.padding,
    )


@rare("max_pool2d y", "position instead of value", "the output is the largest number, not where it stands")
def _position(op: Operation, dy: Any) -> Answers:
    winner, row, column = _winners(op)
    yield winner, "in the window"
    yield row * op.arrays["x"].shape[3] + column, "in the image"


@rare("max_pool2d y, avg_pool2d y", "median", "the window is not sorted: pooling takes its maximum, or its mean")
def _median(op: Operation, dy: Any) -> Answers:
    yield np.median(windows(op, 0.0), -1)


@rare("max_pool2d y, avg_pool2d y", "channels pooled together", "every channel is pooled by itself")
def _across(op: Operation, dy: Any) -> Answers:
    y = op.result()
    if y.shape[1] > 1:
        over = y.max if op.name == "max_pool2d" else y.mean
        yield over(1, keepdims=True), "into one"
        yield np.broadcast_to(over(1, keepdims=True), y.shape), "into one, for each of them"


@rare("max_pool2d y, avg_pool2d y", "whole image pooled", "every window makes a number of its own")
def _global(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    over = x.max if op.name == "max_pool2d" else x.mean
    yield over((2, 3), keepdims=True)


@rare("avg_pool2d y", "mean cut to a whole number", "a mean is seldom a whole number")
def _whole_numbers(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield np.floor(y), "rounded down"
    yield np.trunc(y), "digits cut off"
    yield np.floor(y + 0.5), "rounded"


@rare("avg_pool2d y", "wrong divisor", "divide by the number of cells in the window, kh·kw")
def _wrong_divisor(op: Operation, dy: Any) -> Answers:
    (rows, cols), cells = op.axes(), windows(op, 0.0)
    for divisor, detail in ((rows.kernel, "its height"), (cols.kernel, "its width"), (cells.shape[-1] - 1, "one less")):
        if 1 < divisor < cells.shape[-1]:
            yield cells.sum(-1) / divisor, detail
    if not op.arrays["x"].all():
        yield cells.sum(-1) / np.maximum(1, np.count_nonzero(cells, -1)), "zeros are not counted"


@rare("max_pool2d dx", "gradient to the wrong cell", "only the largest number moves the output, wherever it stands")
def _wrong_cell(op: Operation, dy: Any) -> Answers:
    cells = windows(op, -math.inf)
    at = np.arange(cells.shape[-1])
    yield spread(op, dy[..., None] * (at == 0)), "the first of the window"
    yield spread(op, dy[..., None] * (at == windows(op, math.inf).argmin(-1)[..., None])), "the smallest"


@rare("max_pool2d dx, avg_pool2d dx", "col2im that assigns", "where windows overlap, gradients add up")
def _assigned_in_order(op: Operation, dy: Any) -> Answers:
    cells = windows(op, -math.inf)
    if op.name == "max_pool2d":
        first = np.arange(cells.shape[-1]) == cells.argmax(-1)[..., None]
        yield spread_in_order(op, dy[..., None] * first), "window after window"
        yield _last_winner(op, dy), "winner after winner"
    elif op.settings["count_include_pad"] and not any(axis.overhang for axis in op.axes()):
        yield spread_in_order(op, dy[..., None] * np.ones_like(cells) / cells.shape[-1]), "window after window"


def _last_winner(op: Operation, dy: Array) -> Array:
    """Where a number wins several windows, the last of them counts."""
    (_, row, column), dx = _winners(op), np.zeros(op.arrays["x"].shape)
    n, c = np.ogrid[: dx.shape[0], : dx.shape[1]]
    for i, j in np.ndindex(*dy.shape[2:]):
        dx[n, c, row[:, :, i, j], column[:, :, i, j]] = dy[:, :, i, j]
    return dx


@rare("max_pool2d dx", "value instead of gradient", "the largest number says where dy goes; what goes there is dy")
def _value(op: Operation, dy: Any) -> Answers:
    cells = windows(op, -math.inf)
    first = np.arange(cells.shape[-1]) == cells.argmax(-1)[..., None]
    yield spread(op, first * op.result()[..., None]), "the output itself"
    yield spread(op, first * (dy * op.result())[..., None]), "dy times the output"


@rare(
    "max_pool2d dx, avg_pool2d dx",
    *DY_FORGOTTEN,
)
def _pool_without_dy(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", np.ones_like(dy))


@rare("max_pool2d dx, avg_pool2d dx", *TRANSPOSED)
def _dx_transposed(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", dy).swapaxes(2, 3), "rows and columns exchanged"


@rare("max_pool2d y, avg_pool2d y", "pixels taken in a row", "a window is kh rows of kw pixels, side by side")
def _in_a_row(op: Operation, dy: Any) -> Answers:
    x, y = op.arrays["x"], op.result()
    N, C, Ho, Wo = y.shape
    if y.size and x[0, 0].size == Ho * Wo * _windows_size(op):
        cells = x.reshape(N, C, Ho, Wo, -1)
        yield cells.max(-1) if op.name == "max_pool2d" else cells.mean(-1)


def _windows_size(op: Operation) -> int:
    rows, cols = op.axes()
    return rows.kernel * cols.kernel


@rare("avg_pool2d y", "root of the squares", "the numbers themselves are added, not their squares")
def _squares(op: Operation, dy: Any) -> Answers:
    squares = windows(op, 0.0) ** 2
    yield np.sqrt(squares.sum(-1)), "of their sum"
    yield np.sqrt(squares.mean(-1)), "of their mean"


@rare("avg_pool2d dx", "wrong divisor", "every pixel receives dy divided by the number of cells, kh·kw")
def _dx_divisor(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    shares = dy[..., None] * np.ones_like(windows(op, 0.0))
    for divisor, detail in ((rows.kernel, "the window's height"), (cols.kernel, "the window's width")):
        if 1 < divisor < rows.kernel * cols.kernel:
            yield spread(op, shares / divisor), detail


@rare("avg_pool2d dx", "value instead of gradient", "x is not in the gradient of a mean")
def _times_x(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", dy) * op.arrays["x"], "dy times x"


@rare("max_pool2d dx, avg_pool2d dx", "gradient not given back", "dx has the shape of x: dy goes back to the pixels")
def _not_given_back(op: Operation, dy: Any) -> Answers:
    yield dy


@rare("max_pool2d dx, avg_pool2d dx", "only one window counted", "every window gives its part of dy back")
def _one_window(op: Operation, dy: Any) -> Answers:
    for at, detail in ((0, "the first"), (-1, "the last")):
        one = np.zeros_like(dy)
        one[:, :, at, at] = dy[:, :, at, at]
        yield op.result("dx", one), detail
