"""Columns in tiles: im2col for a part of the outputs at a time, and col2im, on channel-major images.

A processor multiplies matrices faster than it copies pixels into columns. So what a kernel cell sees is copied in one
long run where that is possible (`_moves`), and columns are made a tile at a time, in memory that is used again, so that
they are still in the cache when they are multiplied (`column_tiles`).

Images are (C, N, H, W), contiguous.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.ops.fast.scratch import scratch
from tinyunet.ops.window import Axes
from tinyunet.tensor import Array

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
    beyond its edges. If the convolution keeps the size, this is to move the whole memory by (d·u − p)·W + d·v − p. So
    one long run is copied, in which some pixels enter from the next row, or from the next image, and are set to 0:

        in memory, rows a b c | d e f, seen one pixel to the left:   ? a b | c d e   →   0 a b | 0 d e

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
        with scratch("columns", C * kh * kw, math.prod(tile), x.dtype) as columns:
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


def col2im(columns: Array, axes: Axes) -> Array:
    """(C, kh, kw, N, Ho, Wo) → (C, N, H, W): every value goes back to the pixel it was seen at, and adds to it."""
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
