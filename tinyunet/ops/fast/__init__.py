"""The three sums of `conv.py` as fast as PyTorch: what `im2col.py` does, and what makes it twice as fast.

What each step adds, and how much longer a training step of a U-Net takes without it, from small maps to large ones
(three sizes, docs/measurements.md):

 1. `layout.py` A channel of the whole batch is a row of one matrix, so there is one product for all images, and
    batch normalisation reads and writes the same rows.
 2. `turned` At stride 1 the gradient of the image is a convolution itself, with the kernel turned by 180°: nothing
    is added back into an image (1.2–1.7).
 3. `tiles.py` Columns are kh·kw times as large as the image. They are made a tile at a time and multiplied while they
    are in the cache (1.02–1.11), copied in long runs and never padded; the tile's memory is used again (`scratch.py`).
 4. `multiply` The gradients of image and weights come from the same columns of dy, so that those of x are not made
    again (1.02–1.08).
 5. `_row_by_row` Where maps are large, columns for the width of the kernel only, a third as many (1.13–1.19).
 6. The weights lie in memory as (C, kh, kw, O), which is the matrix of either product as it stands (1.00–1.28).

Each is checked against `im2col.py` and `loops.py`.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from tinyunet.ops import conv
from tinyunet.ops.fast.products import multiply, scattered
from tinyunet.ops.fast.tiles import col2im
from tinyunet.ops.layout import channels_first
from tinyunet.ops.window import Axes
from tinyunet.tensor import Array


@functools.lru_cache(maxsize=256)
def turned(axes: Axes) -> Axes | None:
    """The windows over y that collect x, if scatter is a correlation: at stride 1, with padding within the kernel.

    At stride 1, pixel h meets output i = h − d·u + p. Count the cells from the other end, u' = k − 1 − u:
    i = h + d·u' − (d·(k − 1) − p). That is a correlation over y, with the kernel turned by 180°, its input and output
    channels exchanged, and the padding d·(k − 1) − p.
    """
    if any(a.stride > 1 or a.padding >= a.span for a in axes):
        return None
    rows, cols = (replace(a, input=a.output, output=a.input, padding=a.span - 1 - a.padding) for a in axes)
    return rows, cols


def correlate(x: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """y = ∂S/∂y, plus the bias: x (N, C, H, W), w (O, C/G, kh, kw) → (N, O, Ho, Wo)."""
    y, _ = multiply(channels_first(x), w, bias=b, axes=axes, groups=groups)
    return y.swapaxes(0, 1)  # (O, N, Ho, Wo) → (N, O, Ho, Wo)


def scatter(y: Array, w: Array, b: Array | None, axes: Axes, groups: int) -> Array:
    """x = ∂S/∂x, plus a bias: y (N, O, Ho, Wo), w (O, C/G, kh, kw) → (N, C, H, W)."""
    y, back = channels_first(y), turned(axes)
    if back:
        x, _ = multiply(y, w, bias=b, axes=back, groups=groups, turned=True)
    else:
        x = col2im(scattered(y, w, groups), axes)
        x = x if b is None else x + b.reshape(-1, 1, 1, 1)
    return x.swapaxes(0, 1)  # (C, N, H, W) → (N, C, H, W)


def weight_gradient(x: Array, y: Array, axes: Axes, groups: int) -> Array:
    """dw = ∂S/∂w: x (N, C, H, W), y (N, O, Ho, Wo) → (O, C/G, kh, kw)."""
    _, dw = multiply(channels_first(x), y=channels_first(y), axes=axes, groups=groups)
    return dw


def scatter_and_gradient(dy: Array, w: Array, x: Array, axes: Axes, groups: int) -> tuple[Array, Array]:
    """dx and dw of a convolution, from the same columns of dy where dx is a correlation."""
    back = turned(axes)
    if not back:
        return scatter(dy, w, None, axes, groups), weight_gradient(x, dy, axes, groups)
    dx, dw = multiply(channels_first(dy), w, channels_first(x), axes=back, groups=groups, turned=True)
    return dx.swapaxes(0, 1), dw


def correlate_and_gradient(dy: Array, w: Array, x: Array, axes: Axes, groups: int) -> tuple[Array, Array]:
    """dx and dw of a transposed convolution, from the same columns of dy."""
    dx, dw = multiply(channels_first(dy), w, channels_first(x), axes=axes, groups=groups)
    return dx.swapaxes(0, 1), dw


SUMS = conv.Sums(correlate, scatter, weight_gradient, scatter_and_gradient, correlate_and_gradient)
conv2d = conv.computed_by(SUMS, conv.conv2d)
conv_transpose2d = conv.computed_by(SUMS, conv.conv_transpose2d)
