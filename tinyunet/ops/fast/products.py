"""The two products with the columns of an image that a convolution and its gradients are made of.

With the columns of x, the sum S(x, w, y) at the top of `conv.py` has the derivatives

    ∂S/∂y (O, positions) = w (O, C·kh·kw) @ columns          ∂S/∂w (O, C·kh·kw) = y (O, positions) @ columnsᵀ

as in `im2col.py`, but over the positions in all images at once, and a tile of columns at a time (`tiles.py`).

At stride 1, scatter is a correlation, in which x and y change places (`turned_axes` in `__init__.py`). So the array
that columns are made of is called `seen` here, and the one that is multiplied by them for ∂S/∂w is called `other`.
Arrays are channel-major, (C, N, H, W).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.ops.fast.scratch import scratch
from tinyunet.ops.fast.tiles import column_tiles, fill, tiles
from tinyunet.ops.window import Axes, Axis
from tinyunet.tensor import Array


def multiply(
    seen: Array,
    w: Any = None,
    other: Any = None,
    bias: Any = None,
    *,
    axes: Axes,
    groups: int = 1,
    turned: bool = False,
) -> tuple[Any, Any]:
    """(w @ columns, plus the bias, if w is given, else None; other @ columnsᵀ if other is given, else None).

    The columns are those of `seen`, and made once. In terms of S these are (∂S/∂y, ∂S/∂w) with seen = x and other = y;
    or, `turned`, (∂S/∂x, ∂S/∂w) with seen = y and other = x: then the columns are multiplied by the kernel turned by
    180°. w and ∂S/∂w are those of the convolution in either case.

    Shapes: seen (C, N, H, W), other and the first result (O, N, Ho, Wo), bias (O,), w and ∂S/∂w (O, C/groups, kh, kw)
    or, turned, (C, O/groups, kh, kw). That they fit was checked by the operation (`conv.py`).

    Large maps go row by row (`_row_by_row`), all others in tiles of whole columns, as follows.
    """
    rows, cols = axes
    kernel, size = (rows.kernel, cols.kernel), (seen.shape[1], rows.output, cols.output)
    made: Any = None
    dw: Any = None
    if w is not None and groups == 1 and _rows_pay(seen, w.shape[1 if turned else 0], axes):
        made, dw = _row_by_row(seen, _turn(w) if turned else w, other, bias, axes)
        return made, _turn(dw) if turned and dw is not None else dw
    if w is not None:
        matrices = _matrices(w, groups, turned)
        made = np.empty((groups, matrices.shape[1], math.prod(size)), seen.dtype)
    if other is not None:
        other = other.reshape(groups, len(other) // groups, math.prod(size))
        M, K = other.shape[1], len(seen) // groups * math.prod(kernel)
        dw = np.empty((groups, M, K) if turned else (K, groups, M), seen.dtype)
        dw = dw if turned else dw.transpose(1, 2, 0)  # (K, G, M) in memory, so that `_weights` copies nothing
        if not other.size:
            dw[...] = 0
    for where, columns in column_tiles(seen, axes, groups, turned):
        if made is not None:
            part = np.matmul(matrices, columns, out=made[:, :, where])
            if bias is not None:
                part += bias.reshape(groups, -1, 1)
        if dw is not None:
            first = where.start == 0
            part = np.matmul(other[:, :, where], columns.swapaxes(1, 2), out=dw if first else np.empty_like(dw))
            if not first:
                dw += part
    if made is not None:
        made = made.reshape(groups * made.shape[1], *size)
    return made, None if dw is None else _weights(dw, kernel, turned)


def _matrices(w: Array, groups: int, turned: bool) -> Array:
    """The weights (O, C/G, kh, kw) as the matrices (G, M, K) by which columns are multiplied.

    In memory weights are (C/G, kh, kw, O). With G = 1 that is the matrix (C·kh·kw, O)ᵀ, and it is the matrix
    (C, kh·kw·O) for columns that are turned: nothing is copied.
    """
    O, c, kh, kw = w.shape
    w = w.transpose(1, 2, 3, 0)
    if turned:
        return w.reshape(c, kh * kw, groups, O // groups).transpose(2, 0, 1, 3).reshape(groups, c, -1)
    return w.reshape(c * kh * kw, groups, O // groups).transpose(1, 2, 0)


def _weights(matrices: Array, kernel: tuple[int, int], turned: bool) -> Array:
    """The way back from `_matrices`."""
    G, M, _ = matrices.shape
    if turned:
        w = matrices.reshape(G, M, *kernel, -1).transpose(1, 2, 3, 0, 4).reshape(M, *kernel, -1)
    else:
        w = matrices.transpose(2, 0, 1).reshape(-1, *kernel, G * M)
    return w.transpose(3, 0, 1, 2)


def column_products(y: Array, w: Array, groups: int) -> Array:
    """What every output adds to the pixels of its window, wᵀ @ y: (O, N, Ho, Wo) → columns (C, kh, kw, N, Ho, Wo)."""
    (O, c, kh, kw), size = w.shape, y.shape[1:]
    matrices = _matrices(w, groups, turned=False).swapaxes(1, 2)
    columns = np.matmul(matrices, y.reshape(groups, O // groups, math.prod(size)))
    return columns.reshape(groups * c, kh, kw, *size)


def _turn(w: Array) -> Array:
    """The kernel turned by 180°, its input and output channels exchanged: (O, C, kh, kw) → (C, O, kh, kw)."""
    return w.swapaxes(0, 1)[:, :, ::-1, ::-1]


def _rows_pay(seen: Array, O: int, axes: Axes) -> bool:
    """Where `_row_by_row` is the faster way (measured): many positions, and not many more channels out than in."""
    rows, cols = axes
    C, N = seen.shape[:2]
    positions = N * rows.output * cols.output
    return rows.stride == 1 and rows.kernel > 1 and O <= 2 * C and positions >= 8 * O * max(1, O // C)


def _row_by_row(seen: Array, w: Array, other: Any, bias: Any, axes: Axes) -> tuple[Array, Any]:
    """`multiply` with each row of the kernel as a kernel of its own, at stride 1.

    ∂S/∂y[i] = Σ_u z_u[i + d·u − p] with z_u the correlation with row u alone. All z_u come from one product, whose
    columns hold C·kw cells in place of C·kh·kw. Fewer cells are copied and the matrix is taller, for kh additions of
    what is in the cache. ∂S/∂w likewise: its row u is a product of the same columns with `other`, moved as far.
    """
    rows, cols = axes
    O, C, kh, kw = w.shape
    N, H = seen.shape[1:3]
    in_rows = Axis(input=H, output=H, kernel=1, stride=1, padding=0, dilation=1), cols
    matrix = w.transpose(2, 0, 1, 3).reshape(kh * O, C * kw)
    bias = (np.zeros(O, seen.dtype) if bias is None else bias).reshape(-1, 1, 1, 1)
    made = np.empty((O, N, rows.output, cols.output), seen.dtype)
    # Row 0 of the kernel is the first to reach an output, and sets it to its part plus the bias (below). These outputs
    # it does not reach:
    made[:, :, : rows.padding] = made[:, :, H + rows.padding :] = bias
    dw = None if other is None else np.zeros((kh, C * kw, O), seen.dtype)
    size = max(C * kw, kh * O // 2) * seen.itemsize  # of a position's column, or half of what comes of it
    for images, pixels, _ in tiles(N, H, cols.output, size):
        n, h = images.stop - images.start, pixels.stop - pixels.start
        with (
            scratch("columns", C * kw, n * h * cols.output, seen.dtype) as columns,
            scratch("product", kh * O, n * h * cols.output, seen.dtype) as z,
        ):
            fill(columns.reshape(C, 1, kw, n, h, cols.output), seen, in_rows, images, pixels)
            np.matmul(matrix, columns, out=z)
            for u in range(kh):
                shift = rows.dilation * u - rows.padding  # row u of output i is on pixel row i + shift
                first, stop = max(0, pixels.start - shift), min(rows.output, pixels.stop - shift)
                if first >= stop:
                    continue
                met = slice(first + shift - pixels.start, stop + shift - pixels.start)
                part, sums = z.reshape(kh, O, n, h, cols.output)[u, :, :, met], made[:, images, first:stop]
                np.add(part, bias if u == 0 else sums, out=sums)
                if dw is not None:  # image by image: between them are rows that row u of the kernel does not meet
                    cells = columns.reshape(C * kw, n, h, cols.output)[:, :, met].reshape(C * kw, n, -1)
                    others = other[:, images, first:stop].reshape(O, n, -1)
                    dw[u] += np.matmul(cells.transpose(1, 0, 2), others.transpose(1, 2, 0)).sum(axis=0)
    if dw is None:
        return made, None
    dw = np.ascontiguousarray(dw.reshape(kh, C, kw, O).transpose(1, 0, 2, 3))  # (C, kh, kw, O), as the weights are
    return made, dw.transpose(3, 0, 1, 2)
