"""im2col: the pixels under every position of a window, side by side as the columns of a matrix; and the way back.

With the columns of an image a convolution is one matrix product, and this is all there is to its speed: products are
what processors are best at, and copying pixels into columns is what they wait for. So the pixels are laid in memory in
such a way that a kernel cell sees one long run of them (`lay`), and columns are made a tile at a time, in memory that
is used again, so that they are still in the cache when they are multiplied (`column_tiles`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyunet.memory import scratch
from tinyunet.ops.layout import channel_rows
from tinyunet.ops.window import Axes, Axis, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, differentiable

TILE_BYTES = 4 << 20  # of columns at a time: they stay in the cache between being copied and being multiplied
TILE_LEAST = 512  # columns, however tall: with fewer, BLAS spends its time on rearranging the other matrix


class Laid(NamedTuple):
    """A batch of images, padded, as `lay` lays them in memory."""

    pixels: Array  # (C, length)
    batch: int
    rows: Axis
    cols: Axis

    @property
    def lead(self) -> int:
        """How far the window of the first output starts before the first pixel."""
        return self.rows.padding * self.cols.pitch + self.cols.padding

    @property
    def grid(self) -> Array:
        """From the first pixel on, with all zeros between rows and between images: (C, N·Q·P)."""
        return self.pixels[:, self.lead : self.lead + self.batch * self.rows.pitch * self.cols.pitch]

    def windows(self, outputs_only: bool = False) -> Array:
        """What every kernel cell sees: a view (C, kh, kw, positions…) of the pixels, nothing copied.

        With stride 1 the positions are all N·Q·P starts of a window: one long run for each kernel cell. The few among
        them that stand on padding (i ≥ Ho or j ≥ Wo) compute numbers that `crop` drops, which costs less than to leave
        them out. With a larger stride, or if asked for, they are (N, Ho, Wo).
        """
        rows, cols, pixel = self.rows, self.cols, self.pixels.itemsize
        Q, P = rows.pitch, cols.pitch
        if rows.stride == cols.stride == 1 and not outputs_only:
            positions: tuple[int, ...] = (self.batch * Q * P,)
            steps: tuple[int, ...] = (pixel,)
        else:
            positions = (self.batch, rows.output, cols.output)
            steps = (Q * P * pixel, rows.stride * P * pixel, cols.stride * pixel)
        return np.lib.stride_tricks.as_strided(
            self.pixels,
            (len(self.pixels), rows.kernel, cols.kernel, *positions),
            (self.pixels.strides[0], rows.dilation * P * pixel, cols.dilation * pixel, *steps),
            writeable=False,
        )

    def crop(self, y: Array) -> Array:
        """From all the positions of `windows`, (O, positions…), those that are outputs: a view (N, O, Ho, Wo)."""
        if y.ndim == 2:
            y = y.reshape(len(y), self.batch, self.rows.pitch, self.cols.pitch)
            y = y[:, :, : self.rows.output, : self.cols.output]
        return y.swapaxes(0, 1)

    def spread(self, y: Array) -> Array:
        """The opposite of `crop`: y (N, O, Ho, Wo) at the positions of `windows`, 0 where no output is."""
        if self.rows.stride > 1 or self.cols.stride > 1:
            return channel_rows(y)
        at = np.zeros((y.shape[1], self.batch * self.rows.pitch * self.cols.pitch), y.dtype)
        self.crop(at)[...] = y
        return at


def lay(x: Array, axes: Axes) -> Laid:
    """Lay the padded images behind one another in a single row of pixels for each channel.

    A row of the image is followed by enough zeros to serve as its right padding and as the left padding of the next
    row, an image by rows of zeros that serve two images. The window at output (n, i, j), stride 1, then starts at
    position (n·Q + i)·P + j of that row, where P and Q count the pixels of a row and the rows of an image with their
    zeros. So *moving the window by one is moving by one in memory*, whichever edge it crosses.
    """
    rows, cols = axes
    N, C, H, W = x.shape
    Q, P = rows.pitch, cols.pitch
    x = x.transpose(1, 0, 2, 3)  # (C, N, H, W)
    past = max(rows.padding * P + cols.padding, (rows.span - 1) * P + cols.span - 1)  # the last window ends there
    if past == 0 and (Q, P) == (H, W):
        return Laid(np.ascontiguousarray(x.reshape(C, N * H * W)), N, rows, cols)  # nothing to pad
    laid = Laid(np.empty((C, N * Q * P + past), x.dtype), N, rows, cols)
    grid = laid.grid.reshape(C, N, Q, P)
    grid[:, :, :H, :W] = x
    grid[:, :, :H, W:] = 0
    grid[:, :, H:] = 0
    laid.pixels[:, : laid.lead] = 0
    laid.pixels[:, laid.lead + N * Q * P :] = 0
    return laid


def column_tiles(windows: Array, groups: int, channels_last: bool = False) -> Iterator[tuple[slice, Array]]:
    """The columns (groups, K, B) of windows (C, kh, kw, positions…), a tile of B positions at a time, and which.

    A column holds the K = C/groups·kh·kw cells of one window, in this order, or with the channels last.
    """
    C, kh, kw, *positions = windows.shape
    cells = windows.reshape(groups, C // groups, kh, kw, *positions)
    if channels_last:
        cells = np.moveaxis(cells, 1, 3)
    K = C // groups * kh * kw
    for where, inside in tiles(tuple(positions), groups * K * cells.itemsize, TILE_LEAST):
        index: Any = (..., *inside)
        tile = cells[index]
        if (kh, kw) != (1, 1):  # the columns of a 1×1 kernel are the pixels themselves
            columns = scratch("columns", tile.shape, tile.dtype)
            np.copyto(columns, tile)  # this copy is im2col
            tile = columns
        yield where, tile.reshape(groups, K, -1)


def tiles(positions: tuple[int, ...], size: int, least: int) -> Iterator[tuple[slice, tuple[slice, ...]]]:
    """Cut the positions, (all) or (N, Ho, Wo), into tiles: where each is in the row of all positions, and its index.

    With `size` bytes for each position a tile has about TILE_BYTES, or `least` positions.
    """
    most = max(least, TILE_BYTES // size)
    if len(positions) == 1:
        step = -(-positions[0] // max(1, -(-positions[0] // most)))  # tiles of one size
        for a in range(0, positions[0], max(1, step)):
            yield slice(a, a + step), (slice(a, a + step),)
        return
    N, Ho, Wo = positions
    rows = max(1, min(Ho, most // max(1, Wo)))
    images = max(1, most // max(1, Ho * Wo)) if rows == Ho else 1
    for n in range(0, N, images):
        for i in range(0, Ho, rows):
            here = min(images, N - n) * min(rows, Ho - i) * Wo
            first = (n * Ho + i) * Wo
            yield slice(first, first + here), (slice(n, n + images), slice(i, i + rows), slice(None))


def im2col(x: Array, axes: Axes) -> Array:
    """What every kernel cell sees: (N, C, H, W) → (C, kh, kw, N, Ho, Wo)."""
    return np.ascontiguousarray(lay(x, axes).windows(outputs_only=True))


def col2im(columns: Array, axes: Axes) -> Array:
    """The gradient of `im2col`: every value goes back to the pixel it was seen at, and adds to what is there."""
    rows, cols = axes
    apart = rows.stride >= rows.span and cols.stride >= cols.span
    C, kh, kw, N, _, _ = columns.shape
    H, W = rows.input, cols.input
    shape = C, N, H + rows.padding + rows.overhang, W + cols.padding + cols.overhang
    filled = apart and all(n == axis.output * axis.kernel for n, axis in zip(shape[2:], axes, strict=True))
    padded = (np.empty if filled else np.zeros)(shape, columns.dtype)
    for u in range(kh):
        for v in range(kw):
            if apart:
                padded[:, :, rows.inputs(u), cols.inputs(v)] = columns[:, u, v]
            else:
                padded[:, :, rows.inputs(u), cols.inputs(v)] += columns[:, u, v]  # += : windows overlap
    x = padded[:, :, rows.padding : rows.padding + H, cols.padding : cols.padding + W]
    return x.transpose(1, 0, 2, 3)  # (N, C, H, W)


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
    return _to_blocks(im2col(input, axes)), lambda dy: col2im(_from_blocks(dy, axes), axes)


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
    y = col2im(_from_blocks(blocks, axes), axes)

    def backward(dy: Array) -> Array:
        return _to_blocks(im2col(dy.reshape(y.shape), axes)).reshape(input.shape)

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
