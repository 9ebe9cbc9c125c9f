"""Convolution as a matrix product: each of the three sums of `conv.py` is one product for each image.

im2col makes the pixels under each position of the window a column of a matrix. The matrix has a row for each of the
C·kh·kw cells of the window and a column for each of the Ho·Wo positions. The weights are a matrix as well, a filter a
row, and the convolution of an image is

    y (O, Ho·Wo) = w (O, C·kh·kw) @ columns (C·kh·kw, Ho·Wo)

The derivatives of a product y = w @ columns are products: dw = dy @ columnsᵀ, and dcolumns = wᵀ @ dy. What arrives at
the columns goes back to the pixels that were copied there, which is col2im; a pixel under several windows gets the sum.

Groups are independent convolutions, each with its own channels and filters: one more axis in front of the matrices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.ops import conv
from tinyunet.ops.window import Axes
from tinyunet.tensor import Array


def im2col(x: Array, axes: Axes) -> Array:
    """What each cell (u, v) of the window sees at every position: x (N, C, H, W) → (N, C, kh, kw, Ho, Wo).

    Reshaped to (N, C·kh·kw, Ho·Wo) these are the columns of every image.
    """
    rows, cols = axes
    x = np.pad(x, ((0, 0), (0, 0), (rows.padding, rows.overhang), (cols.padding, cols.overhang)))
    columns = np.empty((*x.shape[:2], rows.kernel, cols.kernel, rows.output, cols.output), x.dtype)
    for u, v in np.ndindex(rows.kernel, cols.kernel):
        columns[:, :, u, v] = x[:, :, rows.inputs(u), cols.inputs(v)]
    return columns


def col2im(columns: Array, axes: Axes) -> Array:
    """The way back, (N, C, kh, kw, Ho, Wo) → (N, C, H, W): what a cell saw is added to the pixel where it saw it."""
    rows, cols = axes
    H, W = (axis.padding + axis.input + axis.overhang for axis in axes)
    x = np.zeros((*columns.shape[:2], H, W), columns.dtype)
    for u, v in np.ndindex(rows.kernel, cols.kernel):
        x[:, :, rows.inputs(u), cols.inputs(v)] += columns[:, :, u, v]  # +=, because windows overlap
    return x[:, :, rows.padding : rows.padding + rows.input, cols.padding : cols.padding + cols.input]


def correlate(x: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """y = ∂S/∂y, plus the bias: x (N, C, H, W), w (O, C/G, kh, kw) → (N, O, Ho, Wo)."""
    (N, *_), (O, *_), (rows, cols) = x.shape, w.shape, axes
    columns = im2col(x, axes).reshape(N, groups, w[0].size, rows.output * cols.output)  # (N, G, C/G·kh·kw, Ho·Wo)
    y = w.reshape(groups, O // groups, w[0].size) @ columns  # (N, G, O/G, Ho·Wo)
    return _plus(y.reshape(N, O, rows.output, cols.output), b)


def scatter(y: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """x = ∂S/∂x, plus a bias: y (N, O, Ho, Wo), w (O, C/G, kh, kw) → (N, C, H, W)."""
    N, O, Ho, Wo = y.shape
    matrices = w.reshape(groups, O // groups, w[0].size).swapaxes(1, 2)  # (G, C/G·kh·kw, O/G)
    columns = matrices @ y.reshape(N, groups, O // groups, Ho * Wo)  # (N, G, C/G·kh·kw, Ho·Wo)
    return _plus(col2im(columns.reshape(N, groups * w.shape[1], *w.shape[2:], Ho, Wo), axes), b)


def weight_gradient(x: Array, y: Array, axes: Axes, groups: int) -> Array:
    """dw = ∂S/∂w: x (N, C, H, W), y (N, O, Ho, Wo) → (O, C/G, kh, kw)."""
    (N, C, *_), (_, O, Ho, Wo), (rows, cols) = x.shape, y.shape, axes
    K = C // groups * rows.kernel * cols.kernel
    columns = im2col(x, axes).reshape(N, groups, K, Ho * Wo)  # (N, G, C/G·kh·kw, Ho·Wo)
    dw = y.reshape(N, groups, O // groups, Ho * Wo) @ columns.swapaxes(2, 3)  # (N, G, O/G, C/G·kh·kw)
    return np.asarray(dw.sum(axis=0).reshape(O, C // groups, rows.kernel, cols.kernel))


def _plus(y: Array, b: Any) -> Array:
    return y if b is None else y + b[:, None, None]


SUMS = conv.Sums(correlate, scatter, weight_gradient)
conv2d = conv.computed_by(SUMS, conv.conv2d)
conv_transpose2d = conv.computed_by(SUMS, conv.conv_transpose2d)
