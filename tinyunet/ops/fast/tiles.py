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
from typing import Any, NamedTuple

from tinyunet.machine.crew import split
from tinyunet.ops.fast.scratch import scratch
from tinyunet.ops.window import Axes, Axis, windows_lie_apart
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


class Piece(NamedTuple):
    """A part of the outputs, for one of those who share the work, and the tiles by which it is done."""

    images: slice
    outputs: slice  # rows of the outputs of these images
    tiles: list[tuple[slice, slice, slice]]  # images, rows, and their place among all rows, in pixels


def column_tiles(x: Array, axes: Axes, groups: int, turned: bool, piece: Piece) -> Iterator[tuple[slice, Array]]:
    """The columns (groups, K, B) of x (C, N, H, W) for a piece of its outputs, a tile of B at a time, and which of
    all N·Ho·Wo they are.

    A column holds the K = C/groups·kw·kh cells of one window, in this order, that of weights in memory; or, `turned`,
    those of the kernel turned by 180°, with the channels last.
    """
    rows, cols = axes
    C, kh, kw = len(x), rows.kernel, cols.kernel
    c = C // groups
    x = x.reshape(groups, c, *x.shape[1:])
    for images, outputs, where in piece.tiles:
        if (kh, kw) == (1, 1) and rows.keeps_size and cols.keeps_size:  # the columns are the pixels themselves
            yield where, x.reshape(groups, c, -1)[:, :, where]
            continue
        tile = images.stop - images.start, outputs.stop - outputs.start, cols.output
        with scratch("columns", C * kh * kw, math.prod(tile), x.dtype) as columns:
            if turned:
                cells = columns.reshape(groups, kw, kh, c, *tile)[:, ::-1, ::-1].transpose(0, 3, 2, 1, 4, 5, 6)
            else:
                cells = columns.reshape(groups, c, kw, kh, *tile).swapaxes(2, 3)
            fill(cells, x, axes, images, outputs)
            yield where, columns.reshape(groups, c * kw * kh, -1)


def fitting(size: int, least: int = 1) -> int:
    """How many outputs a tile has, with `size` bytes for each of them: about TILE_BYTES in all, or `least` outputs."""
    return max(least, TILE_BYTES // size)


@functools.lru_cache(maxsize=1024)
def pieces(count: int, N: int, axes: Axes, most: int, by_pixels: bool = False) -> list[Piece]:
    """The outputs (N, Ho, Wo) in at most `count` pieces: of several images, or of several rows of one image.

    Each is cut into tiles of several images, or of several rows of one image: at most `most` outputs, or a row.
    `by_pixels` tiles are of the rows of pixels that the outputs see.
    """
    rows, cols = axes
    parts = split(rows.output, max(1, min(rows.output, count // max(N, 1))))
    found = []
    for images in split(N, max(1, min(N, count))):
        for outputs in parts:
            seen, high = outputs, rows.output
            if by_pixels:
                first, last = (rows.stride * i - rows.padding for i in (outputs.start, outputs.stop - 1))
                seen, high = slice(max(0, first), min(rows.input, last + rows.span)), rows.input
            found.append(Piece(images, outputs, _tiles(images, seen, high, cols.output, most)))
    return found


def _tiles(images: slice, rows: slice, high: int, wide: int, most: int) -> list[tuple[slice, slice, slice]]:
    N, H = images.stop - images.start, max(0, rows.stop - rows.start)
    n, h = (_evenly(count, max(1, most // max(1, each))) for count, each in ((N, H * wide), (H, wide)))
    return [
        (slice(a, a_end), slice(b, b_end), slice((a * high + b) * wide, ((a_end - 1) * high + b_end) * wide))
        for a, a_end in [(a, min(a + n, images.stop)) for a in range(images.start, images.stop, n)]
        for b, b_end in [(b, min(b + h, rows.stop)) for b in range(rows.start, rows.stop, h)]
    ]


@functools.lru_cache(maxsize=1024)
def reached(rows: Axis, i: int, i_end: int, h: int, h_end: int) -> list[tuple[int, slice, slice]]:
    """At stride 1: of rows i … i_end of the outputs, those that see rows h … h_end of the pixels.

    For every row u of the kernel that does: u, which of these pixels it sees, and at which outputs.
    """
    found = []
    for u in range(rows.kernel):
        shift = rows.dilation * u - rows.padding  # row u of output i is on pixel row i + shift
        first, stop = max(i, h - shift), min(i_end, h_end - shift)
        if first < stop:
            found.append((u, slice(first + shift - h, stop + shift - h), slice(first, stop)))
    return found


def _evenly(count: int, most: int) -> int:
    """The size of the parts, if `count` things are cut into as few parts of at most `most` as possible, all alike."""
    return max(1, -(-count // max(1, -(-count // most))))


def lay(columns: Array, x: Array, axes: Axes, piece: Piece) -> None:
    """col2im: every value of columns (C, kh, kw, n, h, Wo) adds to the pixel of x (C, N, H, W) at which it was seen."""
    apart = windows_lie_apart(axes)
    images = x[:, piece.images]
    for cell, seen in _places(axes, piece.outputs.start, piece.outputs.stop):
        if apart:
            images[seen] = columns[cell]
        else:
            images[seen] += columns[cell]  # += : windows overlap


@functools.lru_cache(maxsize=1024)
def _places(axes: Axes, i: int, i_end: int) -> list[tuple[Any, Any]]:
    """For each cell of the kernel, over rows i … i_end of the outputs: its index in columns, and that of its pixels."""
    rows, cols = axes
    down = [rows.meets(u, i, i_end) for u in range(rows.kernel)]
    across = [cols.meets(v, 0, cols.output) for v in range(cols.kernel)]
    return [
        ((slice(None), u, v, slice(None), i, j), (..., h, w))
        for u, (i, h) in enumerate(down)
        for v, (j, w) in enumerate(across)
    ]
