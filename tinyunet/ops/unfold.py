"""im2col and col2im as operations: windows taken out of an image, and added back into one."""

from __future__ import annotations

from typing import Any

from tinyunet.ops.dtypes import in_float32
from tinyunet.ops.im2col import col2im, im2col
from tinyunet.ops.window import Axes, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, Operand, differentiable


@differentiable
@in_float32
@image_or_batch
def unfold(input: Operand, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Any:
    """im2col as an operation: the pixels under each window as a column.

    Shapes: (N, C, H, W) → (N, C·kh·kw, positions), positions in row-major order; (C, H, W) → (C·kh·kw, positions).

    >>> import numpy as np
    >>> unfold(np.arange(9.0).reshape(1, 3, 3), kernel_size=2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]], dtype=float64)
    """
    axes = _unfold_axes("unfold", input.shape[2:], kernel_size, dilation, padding, stride)
    y = _to_blocks(im2col(input, axes))
    return y, lambda dy: col2im(_from_blocks(dy, axes), axes)


@differentiable
@in_float32
def fold(
    input: Operand, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Any:
    """col2im as an operation, the gradient of `unfold`: columns are added back into the image they were taken from.

    Shapes: (N, C·kh·kw, positions) → (N, C, H, W) with output_size (H, W); (C·kh·kw, positions) → (C, H, W).

    Raises:
        ValueError: a number of rows or columns that these settings do not produce.

    >>> import numpy as np
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
    image, columns = y.shape, input.shape

    def backward(dy: Array) -> Array:
        return _to_blocks(im2col(dy.reshape(image), axes)).reshape(columns)

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
    """(N, C, kh, kw, Ho, Wo) → (N, C·kh·kw, Ho·Wo)."""
    N, C, kh, kw, Ho, Wo = columns.shape
    return columns.reshape(N, C * kh * kw, Ho * Wo)


def _from_blocks(blocks: Array, axes: Axes) -> Array:
    """(N, C·kh·kw, Ho·Wo) → (N, C, kh, kw, Ho, Wo)."""
    rows, cols = axes
    N, C = len(blocks), blocks.shape[1] // (rows.kernel * cols.kernel)
    return blocks.reshape(N, C, rows.kernel, cols.kernel, rows.output, cols.output)
