"""Pooling, which makes images smaller, and interpolation, which makes them larger without weights.

A pooling window slides like a convolution's (see `window.py`), each channel by itself. Instead of gathering the window
of every output, the loops here run over the cells (u, v) of the window: `x[:, :, rows.inputs(u), cols.inputs(v)]` is
what cell (u, v) sees at all outputs at once, and a 2×2 window takes four such steps however large the image is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.machine.blas import with_one_thread
from tinyunet.ops.dtypes import check_numbers, in_float32
from tinyunet.ops.elementwise import check_floating, only
from tinyunet.ops.window import Axes, Axis, Pair, image_or_batch, pair, windows_fill, windows_lie_apart
from tinyunet.tensor import Array, Operand, differentiable


def pool_axes(
    name: str, size: tuple[int, int], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Axes:
    """The axes of a pooling window. `ceil_mode` also counts a last window that hangs over the end, if it starts inside.

    Raises:
        ValueError: a padding of more than half the kernel (a window could lie outside the image), or no output.
    """
    kernel = pair(name, "kernel_size", kernel, 1)
    stride = kernel if stride in (None, (), []) else pair(name, "stride", stride, 1)
    padding = pair(name, "padding", padding, 0)
    dilation = pair(name, "dilation", dilation, 1)
    axes = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        if 2 * p > k:
            raise ValueError(f"{name}: padding {padding} must be at most half of the kernel {kernel}")
        room = n + 2 * p - (d * (k - 1) + 1)
        output = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (output - 1) * s >= n + p:
            output -= 1
        if output < 1:
            raise ValueError(f"{name}: a window of {kernel} (dilation {dilation}) does not fit an input of {size}")
        axes.append(Axis(n, output, k, s, p, d))
    return axes[0], axes[1]


def _padded(x: Array, axes: Axes, value: float) -> Array:
    """x with a border of `value` wherever a window reaches beyond it; x itself if none does."""
    rows, cols = axes
    border = ((0, 0), (0, 0), (rows.padding, rows.overhang), (cols.padding, cols.overhang))
    return np.pad(x, border, constant_values=value) if any(map(any, border)) else x


def _cells(axes: Axes) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Every cell (u, v) of the window in row-major order, with the index of the padded pixels that it sees."""
    rows, cols = axes
    for u in range(rows.kernel):
        for v in range(cols.kernel):
            yield u, v, (..., rows.inputs(u), cols.inputs(v))


def _spread(x: Array, axes: Axes, shares: Iterator[tuple[tuple[Any, ...], Array]], dtype: Any) -> Array:
    """The gradient of x without its padding: for each cell of the window, the pixels `seen` receive their share of dy.

    Windows that do not overlap write every pixel once; what others write is added up.
    """
    rows, cols = axes
    apart = windows_lie_apart(axes)
    dx = (np.empty_like if windows_fill(axes) else np.zeros_like)(x, dtype)
    for seen, share in shares:
        if apart:
            dx[seen] = share
        else:
            dx[seen] += share
    return dx[:, :, rows.padding : rows.padding + rows.input, cols.padding : cols.padding + cols.input]


@differentiable
@in_float32
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
    """The largest value in each window. Padding is −∞: it never wins. A nan always does.

    Only the winner moves the output, so it alone receives the gradient; among equals it is the first in row-major
    order (also among nans, of which PyTorch chooses the last). A pixel that wins in several overlapping windows
    receives the sum.

    Shapes: (N, C, H, W) or (C, H, W) → (N, C, Ho, Wo), Ho = (H + 2·padding − dilation·(kernel − 1) − 1) // stride + 1.

    Args:
        stride: the kernel size by default.
        ceil_mode: round the output size up, so that the last pixels are not left out.
        return_indices: also return the position h·W + w of every winner in its channel.

    Raises:
        ValueError: a padding of more than half the kernel, a window that does not fit.

    >>> max_pool2d(np.array([[[1.0, 2, 5, 6], [3, 4, 7, 8]]]), 2)
    tensor([[[4., 8.]]], dtype=float64)
    """
    axes = rows, cols = pool_axes("max_pool2d", input.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    check_numbers("max_pool2d", input)
    lowest = -np.inf if input.dtype.kind == "f" else np.iinfo(input.dtype).min
    x = _padded(input, axes, lowest)
    y = None
    for _, _, seen in _cells(axes):
        y = x[seen].copy("K") if y is None else np.maximum(y, x[seen], out=y)

    def winners() -> Iterator[tuple[int, int, tuple[Any, ...], Array]]:
        """For every cell of the window, where it is the first that equals the maximum. Found anew, rather than kept."""
        undecided = np.ones_like(y, bool)
        any_nan = bool(np.isnan(y).any())  # type: ignore[arg-type]
        inside = None if x is input else _padded(np.ones((1, 1, *input.shape[2:]), bool), axes, False)
        last = rows.kernel - 1, cols.kernel - 1
        for u, v, seen in _cells(axes):
            if (u, v) == last and inside is None:  # every window has a winner
                yield u, v, seen, undecided
                return
            wins = x[seen] == y
            if any_nan:  # nan is passed on, as in PyTorch
                wins |= np.isnan(x[seen])
            if inside is not None:
                wins &= inside[seen]  # where the whole image is −∞, padding does not win either
            wins &= undecided
            undecided ^= wins
            yield u, v, seen, wins

    def backward(dy: Array) -> Array:
        return _spread(x, axes, ((seen, only(dy, wins)) for _, _, seen, wins in winners()), dy.dtype)

    if not return_indices:
        return y, backward
    index = np.zeros(y.shape, np.int64)  # type: ignore[union-attr]
    for u, v, _, wins in winners():
        h = np.arange(rows.output)[:, None] * rows.stride + u * rows.dilation - rows.padding
        w = np.arange(cols.output)[None, :] * cols.stride + v * cols.dilation - cols.padding
        index += wins * (h * cols.input + w)
    return (y, index), backward


@differentiable
@in_float32
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
    """The mean of each window: y = Σ x / divisor, so that every pixel of a window receives dy / divisor.

    The divisor is the number of cells in the window that lie in the image or on its padding; what `ceil_mode` lets hang
    over beyond the padding never counts.

    Shapes: as `max_pool2d`.

    Args:
        count_include_pad: whether zeros of the padding count in the divisor.
        divisor_override: a divisor to use everywhere instead.

    Raises:
        ValueError: a padding of more than half the kernel, a window that does not fit, a divisor of 0.
        TypeError: integers. (PyTorch takes int64 and rounds the means to 0.)

    >>> avg_pool2d(np.array([[[1.0, 2, 5, 6], [3, 4, 7, 8]]]), 2)
    tensor([[[2.5, 6.5]]], dtype=float64)
    """
    if divisor_override is not None and (
        isinstance(divisor_override, bool) or not isinstance(divisor_override, (int, np.integer))
    ):
        raise TypeError(f"avg_pool2d: divisor_override must be an integer, not {divisor_override!r}")
    if divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    axes = pool_axes("avg_pool2d", input.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    check_floating("avg_pool2d", input)
    counted = [_counted(axis, count_include_pad) for axis in axes]
    divisor = np.asarray(divisor_override or np.outer(*counted), input.dtype)
    x = _padded(input, axes, 0)
    total = None
    for _, _, seen in _cells(axes):
        total = x[seen].copy("K") if total is None else np.add(total, x[seen], out=total)

    def backward(dy: Array) -> Array:
        share = dy / divisor
        return _spread(x, axes, ((seen, share) for _, _, seen in _cells(axes)), dy.dtype)

    return total / divisor, backward


def _counted(axis: Axis, count_include_pad: bool) -> Array:
    """For each output, how many cells of the window stand on the image (or on its padding, if that counts)."""
    first = np.arange(axis.output) * axis.stride - axis.padding
    low, high = (-axis.padding, axis.input + axis.padding) if count_include_pad else (0, axis.input)
    return np.minimum(first + axis.kernel, high) - np.maximum(first, low)


@differentiable
@in_float32
def interpolate(
    input: Operand,
    size: Pair | None = None,
    scale_factor: float | tuple[float, float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
) -> Any:
    """Resize images to `size`, or by `scale_factor`.

    Along an axis every output pixel is a weighted mean of input pixels, the same for all columns, so the resized image
    is R·x·Cᵀ with a small matrix for the rows and one for the columns; backward is Rᵀ·dy·C. Pixels are little squares:
    output i has its centre at (i + ½)·(in/out) − ½ in units of input pixels. "nearest" takes the input pixel at
    ⌊i·in/out⌋, "bilinear" the two neighbours of the centre, weighted by nearness. With `align_corners` the centres of
    the corner pixels coincide instead: i·(in − 1)/(out − 1).

    Shapes: (N, C, H, W) → (N, C, Ho, Wo), with scale_factor Ho = ⌊H·scale_factor⌋.

    Args:
        recompute_scale_factor: whether in/out is that of these whole numbers, as it is where a size is given, and not
            1/scale_factor.

    Raises:
        ValueError: both or none of size and scale_factor, another mode, align_corners with "nearest",
            recompute_scale_factor with a size.

    >>> interpolate(np.array([[[[1.0, 3.0]]]]), scale_factor=2, mode="bilinear")
    tensor([[[[1. , 1.5, 2.5, 3. ],
              [1. , 1.5, 2.5, 3. ]]]], dtype=float64)
    """
    name = "interpolate"
    if input.ndim != 4:
        raise ValueError(f"{name}: input must be (N, C, H, W), not {input.shape}")
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"{name}: mode must be 'nearest' or 'bilinear', not {mode!r}")
    if align_corners is not None and mode == "nearest":
        raise ValueError(f"{name}: align_corners has no meaning with mode='nearest'")
    if (size is None) == (scale_factor is None):
        raise ValueError(f"{name}: give size or scale_factor, and not both")
    if mode == "bilinear":
        check_floating(name, input)
    before = input.shape[2:]
    if 0 in before:
        raise ValueError(f"{name}: an image of {before} has no pixels")
    if size is not None:
        after = pair(name, "size", size, 1)
        if recompute_scale_factor:
            raise ValueError(f"{name}: recompute_scale_factor has no meaning with a size")
    else:
        factors: Any = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        if len(factors) != 2 or not all(isinstance(f, (int, float)) for f in factors):
            raise TypeError(f"{name}: scale_factor must be a number or a pair of numbers, not {scale_factor!r}")
        after = tuple(math.floor(n * f) for n, f in zip(before, factors, strict=True))
        if min(after) < 1:
            raise ValueError(f"{name}: scale_factor={scale_factor} leaves nothing of {before}")
    given = scale_factor is not None and not recompute_scale_factor
    scales = [1 / f for f in factors] if given else [n / m for n, m in zip(before, after, strict=True)]
    make = _nearest if mode == "nearest" else _bilinear
    rows, cols = (make(n, m, s, bool(align_corners)) for n, m, s in zip(before, after, scales, strict=True))
    R, C = (_matrix(seen, n, input.dtype) for seen, n in zip((rows, cols), before, strict=True))

    # In a product of matrices 0·inf would spread nan over rows and columns: what is not finite is added up one by one.
    shares: Any = [(np.outer(a, b), (..., h[:, None], w)) for (h, a), (w, b) in itertools.product(rows, cols)]
    finite = np.isfinite(input).all()
    y = _resized(R, input, C.T) if finite else sum(a.astype(input.dtype) * input[seen] for a, seen in shares)

    def backward(dy: Array) -> Array:
        dx = _resized(R.T, dy, C)
        if not np.isfinite(dx).all():
            dx = np.zeros(input.shape, dy.dtype)
            for a, seen in shares:
                np.add.at(dx, seen, a.astype(dy.dtype) * dy)
        return dx

    return y, backward


@with_one_thread
def _resized(rows: Array, x: Array, columns: Array) -> Array:
    return rows @ x @ columns


Seen = list[tuple[Array, Array]]  # along an axis: the pixels that the outputs see, and their weights


def _matrix(seen: Seen, n: int, dtype: Any) -> Array:
    """The (outputs, n) matrix of the weights."""
    R = np.zeros((len(seen[0][0]), n), dtype)
    for pixels, weights in seen:
        R[np.arange(len(R)), pixels] += weights.astype(dtype)
    return R


def _nearest(n: int, m: int, scale: float, align_corners: bool) -> Seen:
    """Output i of m sees pixel ⌊i·scale⌋ of n.

    As in PyTorch, in float32, which decides on which side of a whole number i·scale comes to lie; and a `scale_factor`
    that happens to keep or to double the size does just that.
    """
    if m in (n, 2 * n):
        scale = n / m
    source = np.floor(np.arange(m, dtype=np.float32) * np.float32(scale)).astype(int)
    return [(np.minimum(source, n - 1), np.ones(m))]


def _bilinear(n: int, m: int, scale: float, align_corners: bool) -> Seen:
    """Output i of m sees the two neighbours of its centre.

    One that stands exactly on a pixel sees the next one, too, with the weight 0. As in PyTorch, 0·inf is nan there.
    """
    i = np.arange(m)
    if m == n:
        return [(i, np.ones(m)), (i, np.zeros(m))]  # also with a scale_factor that is not quite 1, as in PyTorch
    corners = i * ((n - 1) / max(m - 1, 1))
    centre = corners if align_corners else np.maximum((i + 0.5) * scale - 0.5, 0)
    left = np.minimum(np.floor(centre).astype(int), n - 1)
    weight = centre - left
    return [(left, 1 - weight), (np.minimum(left + 1, n - 1), weight)]
