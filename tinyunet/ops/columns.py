"""im2col: the pixels under every position of a window, side by side as the columns of a matrix; and the way back.

With the columns of an image a convolution is one matrix product, and this is all there is to its speed: products are
what processors are best at, and copying pixels into columns is what they wait for. So what a kernel cell sees is copied
in one long run where that is possible (`_moves`), and columns are made a tile at a time, in memory that is used again,
so that they are still in the cache when they are multiplied (`column_tiles`).

As in `conv.py`, arrays are channels first: images (C, N, H, W), contiguous.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.memory import scratch_matrix
from tinyunet.ops.layout import channels_first
from tinyunet.ops.window import Axes, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, differentiable

TILE_BYTES = 4 << 20  # of columns at a time: they stay in the cache between being copied and being multiplied
TILE_LEAST = 512  # columns, however tall: with fewer, BLAS spends its time on rearranging the other matrix


def fill(columns: Array, x: Array, axes: Axes, images: slice, outputs: slice) -> None:
    """im2col, of some images and some rows of outputs: x (…, N, H, W) → columns (…, kh, kw, images, outputs, Wo)."""
    runs, copies, zeros = _moves(axes, images.start, images.stop, outputs.start, outputs.stop)
    to, pixels = columns, x
    if runs:
        to, pixels = columns.reshape(*columns.shape[:-3], -1), x.reshape(*x.shape[:-3], -1)
    for cell, seen in copies:
        to[cell] = pixels[seen]
    for outside in zeros:
        columns[outside] = 0


@functools.lru_cache(maxsize=1024)
def _moves(axes: Axes, n: int, n_end: int, i: int, i_end: int) -> tuple[bool, list[Any], list[Any]]:
    """What is copied to fill the columns of images n … n_end and of their rows of outputs i … i_end.

    Over all outputs, cell (u, v) of the kernel sees the image moved by d·u − p rows and d·v − p columns, with zeros
    beyond its edges. If the convolution keeps the size, this is to move by (d·u − p)·W + d·v − p in memory: one long
    run is copied, in which pixels that leave a row at one end enter the next at the other, and these are set to 0.

    Returns whether it is long runs, pairs of an index of the columns and the index of the pixels that belong there,
    and indices of the columns that are 0.
    """
    rows, cols = axes
    H, W = rows.input, cols.input
    runs = rows.keeps_size and cols.keeps_size
    copies: list[Any] = []
    zeros: list[Any] = []
    down = [rows.meets(u, i, i_end) for u in range(rows.kernel)]
    across = [cols.meets(v, 0, cols.output) for v in range(cols.kernel)]
    for u, (into_rows, from_rows) in enumerate(down):
        for v, (into_cols, from_cols) in enumerate(across):
            if runs:
                moved = (rows.dilation * u - rows.padding) * W + cols.dilation * v - cols.padding
                begin, end = (n * H + i) * W + moved, ((n_end - 1) * H + i_end) * W + moved
                first, stop = (min(max(0, pixel), n_end * H * W) for pixel in (begin, end))
                copies.append(((..., u, v, slice(first - begin, stop - begin)), (..., slice(first, stop))))
            else:
                into = ..., u, v, slice(None), into_rows, into_cols
                copies.append((into, (..., slice(n, n_end), from_rows, from_cols)))
    for u, (inside, _) in enumerate(down):
        if inside.start > 0:
            zeros.append((..., u, slice(None), slice(None), slice(inside.start), slice(None)))
        if inside.stop < i_end - i:
            zeros.append((..., u, slice(None), slice(None), slice(inside.stop, None), slice(None)))
    for v, (inside, _) in enumerate(across):
        if inside.start > 0:
            zeros.append((..., v, slice(None), slice(None), slice(inside.start)))
        if inside.stop < cols.output:
            zeros.append((..., v, slice(None), slice(None), slice(inside.stop, None)))
    return runs, copies, zeros


def column_tiles(x: Array, axes: Axes, groups: int, turned: bool) -> Iterator[tuple[slice, Array]]:
    """The columns (groups, K, B) of x (C, N, H, W), a tile of B outputs at a time, and which of all N·Ho·Wo they are.

    A column holds the K = C/groups·kh·kw cells of one window, in this order; or, `turned`, those of the kernel turned
    by 180°, with the channels last.
    """
    rows, cols = axes
    C, N = x.shape[:2]
    c, kh, kw = C // groups, rows.kernel, cols.kernel
    x = x.reshape(groups, c, *x.shape[1:])
    for images, outputs, where in tiles(N, rows.output, cols.output, C * kh * kw * x.itemsize, TILE_LEAST):
        if (kh, kw) == (1, 1) and rows.keeps_size and cols.keeps_size:  # the columns are the pixels themselves
            yield where, x.reshape(groups, c, -1)[:, :, where]
            continue
        tile = images.stop - images.start, outputs.stop - outputs.start, cols.output
        columns = scratch_matrix("columns", C * kh * kw, math.prod(tile), x.dtype)
        if turned:
            cells = columns.reshape(groups, kh, kw, c, *tile)[:, ::-1, ::-1].transpose(0, 3, 1, 2, 4, 5, 6)
        else:
            cells = columns.reshape(groups, c, kh, kw, *tile)
        fill(cells, x, axes, images, outputs)
        yield where, columns.reshape(groups, c * kh * kw, -1)


def tiles(N: int, Ho: int, Wo: int, size: int, least: int = 1) -> Iterator[tuple[slice, slice, slice]]:
    """Cut the outputs (N, Ho, Wo) into tiles of several images, or of several rows of one image.

    With `size` bytes for each output a tile has about TILE_BYTES, or `least` outputs. Each tile is given as its images,
    its rows, and its place among all N·Ho·Wo outputs.
    """
    most = max(least, TILE_BYTES // size)
    images, rows = max(1, most // (Ho * Wo)), min(Ho, max(1, most // Wo))
    images, rows = _evenly(N, images), _evenly(Ho, rows)
    for n in range(0, N, images):
        for i in range(0, Ho, rows):
            last, end = min(n + images, N), min(i + rows, Ho)
            yield slice(n, last), slice(i, end), slice((n * Ho + i) * Wo, ((last - 1) * Ho + end) * Wo)


def _evenly(count: int, most: int) -> int:
    """The size of the parts, if `count` things are cut into as few parts of at most `most` as possible, all alike."""
    return max(1, -(-count // max(1, -(-count // most))))


def im2col(x: Array, axes: Axes) -> Array:
    """What every kernel cell sees: (C, N, H, W) → (C, kh, kw, N, Ho, Wo)."""
    rows, cols = axes
    C, N, _, _ = x.shape
    columns = np.empty((C, rows.kernel, cols.kernel, N, rows.output, cols.output), x.dtype)
    fill(columns, x, axes, slice(0, N), slice(0, rows.output))
    return columns


def col2im(columns: Array, axes: Axes) -> Array:
    """The gradient of `im2col`: every value goes back to the pixel it was seen at, and adds to what is there."""
    rows, cols = axes
    C, kh, kw, N, _, _ = columns.shape
    apart = all(axis.stride >= axis.span for axis in axes)
    filled = apart and all(axis.padding == 0 and axis.input == axis.output * axis.kernel for axis in axes)
    x = (np.empty if filled else np.zeros)((C, N, rows.input, cols.input), columns.dtype)
    for u in range(kh):
        i, h = rows.meets(u, 0, rows.output)
        for v in range(kw):
            j, w = cols.meets(v, 0, cols.output)
            if apart:
                x[:, :, h, w] = columns[:, u, v, :, i, j]
            else:
                x[:, :, h, w] += columns[:, u, v, :, i, j]  # += : windows overlap
    return x


@differentiable
@image_or_batch
def unfold(input: Array, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Any:
    """im2col as an operation: the pixels under each window as a column.

    Shapes: (N, C, H, W) → (N, C·kh·kw, positions), positions in row-major order; (C, H, W) → (C·kh·kw, positions).

    >>> unfold(np.arange(9.0).reshape(1, 3, 3), kernel_size=2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]], dtype=float64)
    """
    axes = _unfold_axes("unfold", input.shape[2:], kernel_size, dilation, padding, stride)
    y = _to_blocks(im2col(channels_first(input), axes))
    return y, lambda dy: col2im(_from_blocks(dy, axes), axes).swapaxes(0, 1)


@differentiable
def fold(
    input: Array, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Any:
    """col2im as an operation, the gradient of `unfold`: columns are added back into the image they were taken from.

    Shapes: (N, C·kh·kw, positions) → (N, C, H, W) with output_size (H, W); (C·kh·kw, positions) → (C, H, W).

    Raises:
        ValueError: a number of rows or columns that these settings do not produce.

    >>> fold(np.ones((4, 4)), output_size=3, kernel_size=2)  # how many windows see each pixel
    tensor([[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]], dtype=float64)
    """
    size = pair("fold", "output_size", output_size, 1)
    axes = _unfold_axes("fold", size, kernel_size, dilation, padding, stride)
    cells, positions = axes[0].kernel * axes[1].kernel, axes[0].output * axes[1].output
    if input.ndim not in (2, 3) or input.shape[-2] % cells or input.shape[-1] != positions:
        raise ValueError(
            f"fold: input of shape {input.shape} must be (N, C·{cells}, {positions}) or (C·{cells}, {positions}) "
            f"for output_size={size}, kernel_size={(axes[0].kernel, axes[1].kernel)}"
        )
    blocks = input if input.ndim == 3 else input[None]
    y = col2im(_from_blocks(blocks, axes), axes).swapaxes(0, 1)

    def backward(dy: Array) -> Array:
        return _to_blocks(im2col(channels_first(dy.reshape(y.shape)), axes)).reshape(input.shape)

    return (y if input.ndim == 3 else y[0]), backward


def _unfold_axes(name: str, size: tuple[int, int], kernel: Any, dilation: Any, padding: Any, stride: Any) -> Axes:
    top, left = pair(name, "padding", padding, 0)
    return fit(
        name,
        size,
        pair(name, "kernel_size", kernel, 1),
        pair(name, "stride", stride, 1),
        ((top, top), (left, left)),
        pair(name, "dilation", dilation, 1),
    )


def _to_blocks(columns: Array) -> Array:
    """(C, kh, kw, N, Ho, Wo) → (N, C·kh·kw, Ho·Wo)."""
    C, kh, kw, N, Ho, Wo = columns.shape
    return columns.transpose(3, 0, 1, 2, 4, 5).reshape(N, C * kh * kw, Ho * Wo)


def _from_blocks(blocks: Array, axes: Axes) -> Array:
    """(N, C·kh·kw, Ho·Wo) → (C, kh, kw, N, Ho, Wo)."""
    rows, cols = axes
    N, C = len(blocks), blocks.shape[1] // (rows.kernel * cols.kernel)
    cells = blocks.reshape(N, C, rows.kernel, cols.kernel, rows.output, cols.output)
    return cells.transpose(1, 2, 3, 0, 4, 5)
