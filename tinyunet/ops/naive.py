"""The definitions: convolution, transposed convolution and pooling as plain loops, slow on purpose.

Each takes the same arguments as its fast twin and gives the same numbers, and its backward is the same loops again:
wherever forward has a product w·x in a sum, backward adds w·dy to dx and x·dy to dw. Nothing here is clever, so that
this is where to look when in doubt, and what to change to see what happens:

    with tinyunet.using(conv2d=tinyunet.ops.naive.conv2d):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from tinyunet.ops import conv, pool
from tinyunet.ops.window import Axes, Pair, image_or_batch, pair
from tinyunet.tensor import Array, differentiable


def _meetings(axes: Axes) -> Iterator[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Every output (i, j), the kernel cell (u, v) and the input pixel (h, w) that meet: pixels outside are left out."""
    rows, cols = axes
    for i, j, u, v in product(range(rows.output), range(cols.output), range(rows.kernel), range(cols.kernel)):
        h = rows.stride * i + rows.dilation * u - rows.padding
        w = cols.stride * j + cols.dilation * v - cols.padding
        if 0 <= h < rows.input and 0 <= w < cols.input:
            yield (i, j), (u, v), (h, w)


def _channel_pairs(out: int, inside: int, groups: int) -> Iterator[tuple[int, int, int]]:
    """Every output channel o with the channels c that it reads, and c's place within its group."""
    for o, place in product(range(out), range(inside)):
        group = o // (out // groups)
        yield o, group * inside + place, place


@differentiable
@image_or_batch
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Any:
    """2-D convolution, see `tinyunet.ops.conv.conv2d`.

    >>> conv2d(np.ones((1, 3, 3)), np.ones((1, 1, 2, 2)))
    tensor([[[4., 4.],
             [4., 4.]]], dtype=float64)
    """
    axes = conv.conv_axes(input, weight, bias, stride, padding, dilation, groups)
    N, (O, c, _, _) = len(input), weight.shape
    y = np.zeros((N, O, axes[0].output, axes[1].output), np.result_type(input, weight))
    for n, (o, channel, place) in product(range(N), list(_channel_pairs(O, c, groups))):
        for (i, j), (u, v), (h, w) in _meetings(axes):
            y[n, o, i, j] += weight[o, place, u, v] * input[n, channel, h, w]
    if bias is not None:
        for o in range(O):
            y[:, o] += bias[o]

    def backward(dy: Array) -> Any:
        dx, dw, db = np.zeros_like(input), np.zeros_like(weight), np.zeros(O, dy.dtype)
        for n, (o, channel, place) in product(range(N), list(_channel_pairs(O, c, groups))):
            for (i, j), (u, v), (h, w) in _meetings(axes):
                dx[n, channel, h, w] += weight[o, place, u, v] * dy[n, o, i, j]
                dw[o, place, u, v] += input[n, channel, h, w] * dy[n, o, i, j]
        for o in range(O):
            db[o] = dy[:, o].sum()
        return dx, dw, db

    return y, backward


@differentiable
@image_or_batch
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Any:
    """Transposed convolution, see `tinyunet.ops.conv.conv_transpose2d`: conv2d with input and output exchanged.

    >>> conv_transpose2d(np.array([[[1.0, 2.0]]]), np.ones((1, 1, 2, 2)), stride=2)
    tensor([[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]], dtype=float64)
    """
    axes = conv.transposed_axes(input, weight, bias, stride, padding, output_padding, groups, dilation)
    N, (C, o_each, _, _) = len(input), weight.shape
    O = o_each * groups
    y = np.zeros((N, O, axes[0].input, axes[1].input), np.result_type(input, weight))
    for n, (c, channel, place) in product(range(N), list(_channel_pairs(C, o_each, groups))):
        for (i, j), (u, v), (h, w) in _meetings(axes):
            y[n, channel, h, w] += weight[c, place, u, v] * input[n, c, i, j]
    if bias is not None:
        for o in range(O):
            y[:, o] += bias[o]

    def backward(dy: Array) -> Any:
        dx, dw, db = np.zeros_like(input), np.zeros_like(weight), np.zeros(O, dy.dtype)
        for n, (c, channel, place) in product(range(N), list(_channel_pairs(C, o_each, groups))):
            for (i, j), (u, v), (h, w) in _meetings(axes):
                dx[n, c, i, j] += weight[c, place, u, v] * dy[n, channel, h, w]
                dw[c, place, u, v] += input[n, c, i, j] * dy[n, channel, h, w]
        for o in range(O):
            db[o] = dy[:, o].sum()
        return dx, dw, db

    return y, backward


@differentiable
@image_or_batch
def max_pool2d(
    input: Array,
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
        for (i, j), _, (h, w) in _meetings(axes):
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
    input: Array,
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
    for (i, j), _, (h, w) in _meetings(axes):
        y[:, :, i, j] += input[:, :, h, w] / divisor[i, j]

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(input)
        for (i, j), _, (h, w) in _meetings(axes):
            dx[:, :, h, w] += dy[:, :, i, j] / divisor[i, j]
        return dx

    return y, backward
