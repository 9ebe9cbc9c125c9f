"""The two products with the columns of an image that a convolution and its gradients are made of.

With the columns of x, the sum S(x, w, y) at the top of `conv.py` has the derivatives

    ∂S/∂y (O, positions) = w (O, C·kh·kw) @ columns          ∂S/∂w (O, C·kh·kw) = y (O, positions) @ columnsᵀ

as in `im2col.py`, but over the positions in all images at once, and a tile of columns at a time (`tiles.py`).

At stride 1, scatter is a correlation, in which x and y change places (`turned_axes` in `__init__.py`). So the array
that columns are made of is called `seen` here, and the one that is multiplied by them for ∂S/∂w is called `other`.
Arrays are channel-major, (C, N, H, W).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinyunet.machine.crew import share, split, worth
from tinyunet.ops.fast.scratch import scratch
from tinyunet.ops.fast.tiles import TILE_LEAST, column_tiles, fill, fitting, lay, pieces, reached
from tinyunet.ops.window import Axes, Axis, windows_fill, windows_lie_apart
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

    Large maps go row by row (`_row_by_row`), all others in tiles of whole columns, as follows. The crew shares outputs,
    or where these are few, the rows of both matrices.
    """
    rows, cols = axes
    kernel, size = (rows.kernel, cols.kernel), (seen.shape[1], rows.output, cols.output)
    made: Any
    dw: Any
    if w is not None and groups == 1 and _rows_pay(seen, w.shape[1 if turned else 0], axes, other is not None):
        made, dw = _row_by_row(seen, _turn(w) if turned else w, other, bias, axes)
        return made, _turn(dw) if turned and dw is not None else dw
    K, positions = len(seen) // groups * math.prod(kernel), math.prod(size)
    O = M = 0
    matrices: Any = None
    made = None
    if w is not None:
        matrices = _matrices(w, groups, turned)
        O = matrices.shape[1]
        made = np.empty((groups, O, positions), seen.dtype)
        bias = None if bias is None else bias.reshape(groups, O, 1)
    if other is not None:
        M = len(other) // groups
        other = other.reshape(groups, M, positions)

    def products(where: slice, columns: Array, dw: Any, first: bool, some: Any = None, others: Any = None) -> None:
        """Both products with a tile of columns; or `some` rows of the first, and `others` of the second."""
        factor, result, added, lines, part = (matrices, made, bias, other, dw)
        if some is not None:
            factor, result, added, lines, part = (
                array if array is None else array[:, rows]
                for array, rows in ((factor, some), (result, some), (added, some), (lines, others), (part, others))
            )
        to: Any
        if result is not None:
            sums = np.matmul(factor, columns, out=result[:, :, where])
            if added is not None:
                sums += added
        if part is not None:
            to = part if first else np.empty_like(part)
            np.matmul(lines[:, :, where], columns.swapaxes(1, 2), out=to)
            if not first:
                part += to

    def gradient() -> Any:
        if other is None:
            return None
        make = np.empty if other.size else np.zeros
        # (K, G, M) in memory, so that `_weights` copies nothing; but turned (G, M, K)
        return make((groups, M, K), seen.dtype) if turned else make((K, groups, M), seen.dtype).transpose(1, 2, 0)

    count = worth(2 * groups * (O + M) * K * positions)
    most = fitting(K * groups * seen.itemsize, TILE_LEAST)
    if matrices is not None and other is not None and _unpacked(max(O, M), K) >= TILE_LEAST:
        most = min(most, _unpacked(max(O, M), K))
    shared = pieces(max(1, min(count, positions // TILE_LEAST)), size[0], axes, most)
    gradients = [gradient() for _ in shared]

    def by_outputs(i: int) -> None:
        for k, (where, columns) in enumerate(column_tiles(seen, axes, groups, turned, shared[i])):
            products(where, columns, gradients[i], k == 0)

    def by_rows(where: slice, columns: Array, first: bool, j: int) -> None:
        products(where, columns, gradients[0], first, split(O, count)[j], split(M, count)[j])

    if len(shared) > 1 or count == 1:
        share(by_outputs, len(shared))
    else:
        for k, (where, columns) in enumerate(column_tiles(seen, axes, groups, turned, shared[0])):
            share(functools.partial(by_rows, where, columns, k == 0), count)
    dw = _sum(gradients)
    if made is not None:
        made = made.reshape(groups * O, *size)
    return made, None if dw is None else _weights(dw, kernel, turned)


def _sum(parts: list[Any]) -> Any:
    """Of arrays, in their order, in the first of them; or None, if they are None."""
    for part in parts[1:] if parts[0] is not None else []:
        parts[0] += part
    return parts[0]


def _matrices(w: Array, groups: int, turned: bool) -> Array:
    """The weights (O, C/G, kh, kw) as the matrices (G, M, K) by which columns are multiplied.

    In memory weights are (C/G, kw, kh, O). With G = 1 that is the matrix (C·kw·kh, O)ᵀ, and it is the matrix
    (C, kw·kh·O) for columns that are turned: nothing is copied.
    """
    O, c, kh, kw = w.shape
    w = w.transpose(1, 3, 2, 0)
    if turned:
        return w.reshape(c, kw * kh, groups, O // groups).transpose(2, 0, 1, 3).reshape(groups, c, -1)
    return w.reshape(c * kw * kh, groups, O // groups).transpose(1, 2, 0)


def _weights(matrices: Array, kernel: tuple[int, int], turned: bool) -> Array:
    """The way back from `_matrices`."""
    G, M, _ = matrices.shape
    kh, kw = kernel
    if turned:
        w = matrices.reshape(G, M, kw, kh, -1).transpose(1, 2, 3, 0, 4).reshape(M, kw, kh, -1)
    else:
        w = matrices.transpose(2, 0, 1).reshape(-1, kw, kh, G * M)
    return w.transpose(3, 0, 2, 1)


def scattered(y: Array, w: Array, axes: Axes, groups: int) -> Array:
    """What every output adds to the pixels of its window, wᵀ @ y, laid there: y (O, N, Ho, Wo) → x (C, N, H, W)."""
    (O, c, kh, kw), (_, N, Ho, Wo), (rows, cols) = w.shape, y.shape, axes
    matrices = _matrices(w, groups, turned=False).swapaxes(1, 2)
    x = (np.empty if windows_fill(axes) else np.zeros)((groups * c, N, rows.input, cols.input), y.dtype)
    count = worth(2 * w.size * N * Ho * Wo)
    # where windows overlap, two pieces of one image would add to the same pixels
    shared = pieces(count if windows_lie_apart(axes) else min(count, N), N, axes, N * Ho * Wo)

    def work(k: int) -> None:
        part = y[:, shared[k].images, shared[k].outputs]
        columns = np.matmul(matrices, part.reshape(groups, O // groups, -1))
        lay(columns.reshape(groups * c, kw, kh, *part.shape[1:]).swapaxes(1, 2), x, axes, shared[k])

    share(work, len(shared))
    return x


def _turn(w: Array) -> Array:
    """The kernel turned by 180°, its input and output channels exchanged: (O, C, kh, kw) → (C, O, kh, kw)."""
    return w.swapaxes(0, 1)[:, :, ::-1, ::-1]


def _unpacked(rows: int, K: int) -> int:
    """How many columns a matrix (rows, K) is multiplied by as they are.

    A BLAS rearranges both matrices first, but not where the product is small. OpenBLAS with AVX-512 draws the line at a
    million multiply-adds (measured): with 8 channels, tiles below it are 1.2 to 1.6 times as fast as large ones. With
    AVX2 it always does, and tiles of this size are as fast as others.
    """
    return 10**6 // (rows * K)


def _rows_pay(seen: Array, O: int, axes: Axes, both: bool) -> bool:
    """Where `_row_by_row` is the faster way (measured): many positions, and not many more channels out than in.

    Where `both` products are wanted, maps must be large, too: the second is one product for each image. And channels
    must be more than a few, or else tiles are so small that their columns need no rearranging.
    """
    rows, cols = axes
    C, N = seen.shape[:2]
    pixels = rows.output * cols.output
    if rows.stride > 1 or rows.kernel == 1 or (2 * C if both else C) < O:
        return False
    if both and (pixels < 4 * O or _unpacked(O, C * rows.kernel * cols.kernel) >= TILE_LEAST):
        return False
    return N * pixels >= 8 * O * max(1, O // C)


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
    matrix = w.transpose(2, 0, 1, 3).reshape(kh * O, C * kw)  # of weights that are not turned, as they lie in memory
    bias = (np.zeros(O, seen.dtype) if bias is None else bias).reshape(-1, 1, 1, 1)
    made = np.empty((O, N, rows.output, cols.output), seen.dtype)
    # Row 0 of the kernel is the first to reach an output, and sets it to its part plus the bias (below). These outputs
    # it does not reach:
    made[:, :, : rows.padding] = made[:, :, H + rows.padding :] = bias
    size = max(C * kw, kh * O // 2) * seen.itemsize  # of a position's column, or half of what comes of it
    count = worth(2 * (1 if other is None else 2) * kh * O * C * kw * N * rows.output * cols.output)
    shared = pieces(count, N, axes, fitting(size), by_pixels=True)
    gradients: list[Any] = [None if other is None else np.zeros((C * kw, kh, O), seen.dtype) for _ in shared]

    def work(k: int) -> None:
        _, outputs, tiles = shared[k]
        for images, pixels, _ in tiles:
            size = images.stop - images.start, pixels.stop - pixels.start, cols.output
            with scratch("columns", C * kw + kh * O, math.prod(size), seen.dtype) as both:
                columns, z = both[: C * kw].reshape(C, 1, kw, *size), both[C * kw :]
                fill(columns, seen, in_rows, images, pixels)
                np.matmul(matrix, both[: C * kw], out=z)
                columns, z = columns.reshape(C * kw, *size), z.reshape(kh, O, *size)
                for u, met, there in reached(rows, outputs.start, outputs.stop, pixels.start, pixels.stop):
                    sums = made[:, images, there]
                    np.add(z[u, :, :, met], bias if u == 0 else sums, out=sums)
                    if other is not None:  # image by image: between them are rows that row u does not meet
                        cells = columns[:, :, met].reshape(C * kw, size[0], -1)
                        others = other[:, images, there].reshape(O, size[0], -1)
                        gradients[k][:, u] += np.add.reduce(
                            np.matmul(cells.transpose(1, 0, 2), others.transpose(1, 2, 0))
                        )

    share(work, len(shared))
    dw = _sum(gradients)
    return made, None if dw is None else dw.reshape(C, kw, kh, O).transpose(3, 0, 2, 1)  # in memory as weights are
