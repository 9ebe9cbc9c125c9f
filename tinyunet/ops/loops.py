"""The definitions: convolution, transposed convolution and pooling as plain loops, slow on purpose.

The three sums of `conv.py` go through the same products; each adds them into a different array, y, x or w. Nothing here
is clever: this is where to look when in doubt, and what to change to see what happens:

    with tinyunet.using(conv2d=tinyunet.ops.loops.conv2d):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tinyunet.ops import conv, pool
from tinyunet.ops.window import Axes, Pair, image_or_batch, pair
from tinyunet.tensor import Array, Operand, differentiable

Index = tuple[int, int, int, int]


def cells(axes: Axes) -> Iterator[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Every output (i, j), the window's cell (u, v) and the pixel (h, w) that meet; what lies outside is left out."""
    rows, cols = axes
    for i, j, u, v in product(range(rows.output), range(cols.output), range(rows.kernel), range(cols.kernel)):
        h = rows.stride * i + rows.dilation * u - rows.padding
        w = cols.stride * j + cols.dilation * v - cols.padding
        if 0 <= h < rows.input and 0 <= w < cols.input:
            yield (i, j), (u, v), (h, w)


def meetings(N: int, shape: tuple[int, ...], axes: Axes, groups: int) -> Iterator[tuple[Index, Index, Index]]:
    """The indices in y, w and x of every product of S, for N images and a w of this shape (O, C/groups, kh, kw)."""
    O, channels = shape[:2]
    for n, o, c in product(range(N), range(O), range(channels)):
        group = o // (O // groups)  # its channels stand together, one group after the other
        for (i, j), (u, v), (h, w) in cells(axes):
            yield (n, o, i, j), (o, c, u, v), (n, group * channels + c, h, w)


def correlate(x: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """y = ∂S/∂y, plus the bias."""
    y = np.zeros((len(x), len(w), axes[0].output, axes[1].output), x.dtype)
    for in_y, in_w, in_x in meetings(len(x), w.shape, axes, groups):
        y[in_y] += w[in_w] * x[in_x]
    return y if b is None else y + b[:, None, None]


def scatter(y: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """x = ∂S/∂x, plus a bias."""
    x = np.zeros((len(y), w.shape[1] * groups, axes[0].input, axes[1].input), y.dtype)
    for in_y, in_w, in_x in meetings(len(y), w.shape, axes, groups):
        x[in_x] += w[in_w] * y[in_y]
    return x if b is None else x + b[:, None, None]


def weight_gradient(x: Array, y: Array, axes: Axes, groups: int) -> Array:
    """dw = ∂S/∂w."""
    w = np.zeros((y.shape[1], x.shape[1] // groups, axes[0].kernel, axes[1].kernel), x.dtype)
    for in_y, in_w, in_x in meetings(len(x), w.shape, axes, groups):
        w[in_w] += x[in_x] * y[in_y]
    return w


SUMS = conv.Sums(correlate, scatter, weight_gradient)
conv2d = conv.computed_by(SUMS, conv.conv2d)
conv_transpose2d = conv.computed_by(SUMS, conv.conv_transpose2d)


@differentiable
@image_or_batch
def max_pool2d(
    input: Operand,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value in each window, see `tinyunet.ops.pool.max_pool2d`.

    >>> max_pool2d(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 2)
    tensor([[[4.]]], dtype=float64)
    """
    axes = pool.pool_axes("max_pool2d", input.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    N, C, H, W = input.shape
    y = np.empty((N, C, axes[0].output, axes[1].output), input.dtype)
    index = np.full(y.shape, -1)
    for n, c in product(range(N), range(C)):
        for (i, j), _, (h, w) in cells(axes):
            value, best = input[n, c, h, w], y[n, c, i, j]
            if index[n, c, i, j] < 0 or value > best or (np.isnan(value) and not np.isnan(best)):
                y[n, c, i, j] = value
                index[n, c, i, j] = h * W + w

    def backward(dy: Array) -> Array:
        dx = np.zeros((N, C, H * W), dy.dtype)
        for n, c, i, j in np.ndindex(y.shape):
            dx[n, c, index[n, c, i, j]] += dy[n, c, i, j]
        return dx.reshape(input.shape)

    return ((y, index) if return_indices else y), backward


@differentiable
@image_or_batch
def avg_pool2d(
    input: Operand,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window, see `tinyunet.ops.pool.avg_pool2d`.

    >>> avg_pool2d(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 2)
    tensor([[[2.5]]], dtype=float64)
    """
    axes = pool.pool_axes("avg_pool2d", input.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    rows, cols = axes
    edge_h, edge_w = pair("avg_pool2d", "padding", padding, 0) if count_include_pad else (0, 0)
    divisor = np.zeros((rows.output, cols.output), input.dtype)
    for i, j, u, v in product(range(rows.output), range(cols.output), range(rows.kernel), range(cols.kernel)):
        h, w = rows.stride * i + u - rows.padding, cols.stride * j + v - cols.padding
        divisor[i, j] += -edge_h <= h < rows.input + edge_h and -edge_w <= w < cols.input + edge_w
    if divisor_override:
        divisor[:] = divisor_override
    y = np.zeros((*input.shape[:2], rows.output, cols.output), input.dtype)
    for (i, j), _, (h, w) in cells(axes):
        y[:, :, i, j] += input[:, :, h, w] / divisor[i, j]

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(input)
        for (i, j), _, (h, w) in cells(axes):
            dx[:, :, h, w] += dy[:, :, i, j] / divisor[i, j]
        return dx

    return y, backward
