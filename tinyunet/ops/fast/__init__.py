"""The three sums of `conv.py`, as fast as PyTorch computes them: `im2col.py`, and seven steps that make it faster.

 1. Channel-major maps (`ops/layout.py`). A channel of the whole batch is a row of one matrix, so there is one product
    for all images, and batch normalisation reads and writes the same rows.
 2. dx as a convolution (`turned_axes`, below). At stride 1 the gradient of the image is a correlation of dy with the
    kernel turned by 180°: nothing is added back into an image.
 3. Tiles (`tiles.py`). Columns are kh·kw times as large as the image. They are made a tile at a time, in memory that is
    used again (`scratch.py`), and multiplied while they are in the cache. Pixels are copied in long runs, never padded.
 4. Shared columns (`multiply` in `products.py`). dx and dw come from the same columns of dy, those of x are not needed.
 5. Rows of the kernel (`_row_by_row` in `products.py`). Where maps are large, columns for one row of the kernel at a
    time: 1/kh as many pixels are copied.
 6. Weights as matrices (`nn/layers.py`). They lie in memory as (C, kw, kh, O), the matrix of either product as it is.

How much longer a training step of a U-Net takes without one of them, for small, medium and large networks
(R2, R3, R4 in docs/measurements.md; measured by tests/benchmarks/without.py):

    step                       R2      R3      R4
    1 channel-major maps      1.19    1.14    1.01
    2 dx as a convolution     1.33    1.22    1.40
    3 tiles of 4 MiB, not 1   1.08    1.03    1.04
    4 shared columns          1.14    1.13    1.06
    5 rows of the kernel      1.13    1.10    1.04
    6 weights as matrices     0.97    1.16    1.46
    all: im2col.py instead    2.54    2.48    2.75

 7. A crew (`machine/crew.py`). Tiles do not depend on each other, so several threads take them, one after the other.
    Threads of a BLAS share each product, and meet at a barrier at its end, hundreds of times in a training step: where
    another program has taken a processor, all wait there for the one that lost it. Here nobody waits but at the end of
    an operation, and there for no more than a tile. So BLAS computes with one thread (`machine/blas.py`). What that is
    worth beside other programs is measured by tests/benchmarks/load.py, and drawn in docs/load.png.

The three functions below are checked against those of `im2col.py`, which are checked against those of `loops.py`.
"""

from __future__ import annotations

import functools
import math

from tinyunet.ops import conv
from tinyunet.ops.fast.products import multiply, scattered
from tinyunet.ops.layout import channel_major
from tinyunet.ops.window import Axes
from tinyunet.tensor import Array


@functools.lru_cache(maxsize=256)
def turned_axes(axes: Axes) -> Axes | None:
    """The windows over y that collect x, if scatter is a correlation: at stride 1, with padding within the kernel.

    At stride 1, pixel h meets output i = h − d·u + p. Count the cells from the other end, u' = k − 1 − u:
    i = h + d·u' − (d·(k − 1) − p). That is a correlation over y, with the kernel turned by 180°, its input and output
    channels exchanged, and the padding d·(k − 1) − p.
    """
    if any(a.stride > 1 or a.padding >= a.span for a in axes):
        return None
    rows, cols = (a._replace(input=a.output, output=a.input, padding=a.span - 1 - a.padding) for a in axes)
    return rows, cols


def _finite(factor: Array, product: Array) -> bool:
    """Whether a factor is finite: for sure if its product is, so the smaller of both is looked at.

    Of numbers whose squares are too large it is not sure, either; then what is done takes longer, and is as right.
    """
    smaller = (factor if factor.size < product.size else product).ravel("K")
    return math.isfinite(smaller @ smaller)


def correlate(x: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """y = ∂S/∂y, plus the bias: x (N, C, H, W), w (O, C/G, kh, kw) → (N, O, Ho, Wo)."""
    y, _ = multiply(channel_major(x), w, bias=b, axes=axes, groups=groups)
    return y.swapaxes(0, 1)  # (O, N, Ho, Wo) → (N, O, Ho, Wo)


def scatter(y: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """x = ∂S/∂x, plus a bias: y (N, O, Ho, Wo), w (O, C/G, kh, kw) → (N, C, H, W)."""
    y, back = channel_major(y), turned_axes(axes)
    if back:
        x, _ = multiply(y, w, bias=b, axes=back, groups=groups, turned=True)
        if _finite(w, x):  # else an infinite weight may have met the zeros around y: 0·inf is nan
            return x.swapaxes(0, 1)  # (C, N, H, W) → (N, C, H, W)
    x = scattered(y, w, axes, groups)
    x = x if b is None else x + b.reshape(-1, 1, 1, 1)
    return x.swapaxes(0, 1)


def weight_gradient(x: Array, y: Array, axes: Axes, groups: int) -> Array:
    """dw = ∂S/∂w: x (N, C, H, W), y (N, O, Ho, Wo) → (O, C/G, kh, kw)."""
    _, dw = multiply(channel_major(x), other=channel_major(y), axes=axes, groups=groups)
    return dw


def scatter_and_gradient(dy: Array, w: Array, x: Array, axes: Axes, groups: int) -> tuple[Array, Array]:
    """dx and dw of a convolution, from the same columns of dy where dx is a correlation."""
    back = turned_axes(axes)
    if back:  # from the columns of dy: dx = turned w @ columns, dw = x @ columnsᵀ
        dx, dw = multiply(channel_major(dy), w, channel_major(x), axes=back, groups=groups, turned=True)
        if _finite(w, dx) and _finite(x, dw):  # else an infinite weight or pixel may have met the zeros around dy
            return dx.swapaxes(0, 1), dw
    return scatter(dy, w, None, axes, groups), weight_gradient(x, dy, axes, groups)


def correlate_and_gradient(dy: Array, w: Array, x: Array, axes: Axes, groups: int) -> tuple[Array, Array]:
    """dx and dw of a transposed convolution, from the same columns of dy."""
    # from the columns of dy: dx = w @ columns, dw = x @ columnsᵀ
    dx, dw = multiply(channel_major(dy), w, channel_major(x), axes=axes, groups=groups)
    return dx.swapaxes(0, 1), dw


SUMS = conv.Sums(correlate, scatter, weight_gradient, scatter_and_gradient, correlate_and_gradient)
conv2d = conv.computed_by(SUMS, conv.conv2d)
conv_transpose2d = conv.computed_by(SUMS, conv.conv_transpose2d)
