"""Normalisation: give a group of activations mean 0 and variance 1, then let the network choose scale and shift.

With the mean μ and the biased variance σ² = Σ(x − μ)²/m of a group of m numbers,

    x̂ = (x − μ) / √(σ² + ε)        y = γ·x̂ + β

Batchnorm's group is one channel over the whole batch, groupnorm's a few channels of one image.

The gradient: write s = √(σ² + ε), and let dx̂ = γ·dy. Three paths lead from xᵢ to the loss.

    directly           ∂x̂ᵢ/∂xᵢ = 1/s                                           gives  dx̂ᵢ / s
    through μ          ∂μ/∂xᵢ = 1/m, and ∂x̂ⱼ/∂μ = −1/s for every j             gives  −(1/s) · mean(dx̂)
    through σ²         ∂σ²/∂xᵢ = 2(xᵢ − μ)/m, ∂x̂ⱼ/∂σ² = −(xⱼ − μ)/(2s³)        gives  −(1/s) · x̂ᵢ · mean(dx̂·x̂)

(σ² contains μ, too. But the deviations from the mean add up to 0, so that way through μ gives nothing.)

Together  dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂)) / s.  The two subtracted terms take out of the gradient what
normalisation makes impossible: to change the mean of x̂, or its scale. In evaluation μ and σ² are constants, only the
direct path is left, and dx = dx̂/s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.ops.dtypes import check_same_dtype, wide
from tinyunet.ops.elementwise import add, cast, check_floating, div, mul, sqrt, sub
from tinyunet.ops.layout import channel_rows, from_rows
from tinyunet.ops.reduce import mean
from tinyunet.ops.sums import row_dots, row_sums, total
from tinyunet.tensor import Array, Operand, Tensor, Updated, differentiable


def _check_affine(name: str, x: Array, **vectors: Any) -> None:
    channels = x.shape[1]
    for what, value in vectors.items():
        if value is None:
            continue
        if value.shape != (channels,):
            raise ValueError(f"{name}: {what} of shape {value.shape} for {channels} channels; must be ({channels},)")
        if value.dtype != x.dtype:
            _check_dtype(name, x, what, value)


def _check_dtype(name: str, x: Any, what: str, value: Any) -> None:
    """Raises a TypeError for two dtypes; but float16 goes together with float32, as in PyTorch."""
    if value is not None and value.dtype != x.dtype and (x.dtype, value.dtype) != (np.float16, np.float32):
        check_same_dtype(name, input=x, **{what: value})


def _by_channel(vector: Any, x: Array) -> Any:
    """A vector (C,) shaped so that it broadcasts over (N, C, …)."""
    return vector.reshape(1, -1, *[1] * (x.ndim - 2))


@differentiable
def batch_norm(
    input: Operand,
    running_mean: Updated | None,
    running_var: Updated | None,
    weight: Operand | None = None,
    bias: Operand | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Batch normalisation: y = γ·(x − μ)/√(σ² + ε) + β, channel by channel (Ioffe & Szegedy 2015).

    In training, μ and σ² are those of the batch, and the running statistics move towards them by the fraction
    `momentum`: running ← (1 − momentum)·running + momentum·batch. The batch is normalised with the biased variance
    Σ(x − μ)²/m, and the unbiased Σ(x − μ)²/(m − 1) is what is stored, as in PyTorch. In evaluation μ and σ² are the
    running ones, and y is an affine function of x.

    Shapes: input (N, C, …), all vectors (C,).

    Args:
        running_mean, running_var: updated in place in training; may be None there.
        weight, bias: γ and β; None for 1 and 0.

    Raises:
        ValueError: fewer than two values per channel in training, no statistics in evaluation, shapes that do not fit.

    >>> x = np.array([1.0, 2.0, 3.0, 6.0]).reshape(4, 1)
    >>> batch_norm(x, None, None, training=True).numpy().ravel().round(3)
    array([-1.069, -0.535,  0.   ,  1.604])
    """
    x = input
    check_floating("batch_norm", x)
    if x.ndim < 2:
        raise ValueError(f"batch_norm: input must be (N, C, …), not {x.shape}")
    _check_affine("batch_norm", x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    shape, rows = x.shape, wide(channel_rows(x))  # (C, m)
    m, dtype = rows.shape[1], rows.dtype

    def column(vector: Array) -> Array:  # statistics are float64, as sums are, until they meet the pixels
        return vector.astype(dtype)[:, None]

    if training:
        if m == 1:
            raise ValueError(f"batch_norm: training needs more than one value per channel, input has shape {x.shape}")
        mean = row_sums(rows) / max(m, 1)
        kept = rows - column(mean)
        left = mean - mean.astype(dtype)  # what rounding left of the mean: x̂ = (kept − left)/s
        variance = row_dots(kept, kept) / max(m, 1) - left * left
        if m and running_mean is not None:
            running_mean += momentum * (mean - running_mean)
        if m and running_var is not None:
            running_var += momentum * (variance * (m / (m - 1)) - running_var)
    else:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: evaluation needs running_mean and running_var")
        mean, variance = running_mean.astype(np.float64), running_var.astype(np.float64)
        kept = rows

    inverse = 1 / np.sqrt(variance + eps)  # 1/s
    scale = inverse if weight is None else weight * inverse
    by_pixel = column(scale)
    y = kept * by_pixel  # kept is for backward, which needs the input no more
    y += column((0 if bias is None else bias) - (left if training else mean) * scale)

    def backward(dy: Array) -> Any:
        dy = wide(channel_rows(dy))
        dbias = row_sums(dy)  # Σ dy
        deviations = row_dots(dy, kept) - left * dbias if training else row_dots(dy, kept - column(mean))
        dweight = deviations * inverse  # Σ dy·x̂

        def dx() -> Array:
            if not training:
                return from_rows(dy * by_pixel, shape)
            # γ/s · (dy − mean(dy) − x̂·mean(dy·x̂)), with x̂ = (kept − left)/s, mean(dy·x̂) = dweight/m and mean(dy) =
            # dbias/m. In place, because it takes as long as it reads and writes memory.
            slope = dweight * inverse / -m
            gradient = kept * column(slope)
            gradient += dy
            gradient -= column(dbias / m + left * slope)
            gradient *= by_pixel
            return from_rows(gradient, shape)

        return dx, None, None, dweight, dbias

    return from_rows(y.astype(input.dtype, copy=False), shape), backward


@differentiable
def group_norm(
    input: Operand, num_groups: int, weight: Operand | None = None, bias: Operand | None = None, eps: float = 1e-5
) -> Any:
    """Group normalisation (Wu & He 2018): the same within each image, over C/num_groups channels at a time.

    It does not look at the rest of the batch, so training and evaluation are alike, and a batch may be of one.

    Shapes: input (N, C, …), weight and bias (C,).

    Raises:
        ValueError: num_groups that does not divide C, one value per group, shapes that do not fit.

    >>> group_norm(np.array([[[1.0], [3.0], [10.0], [30.0]]]), num_groups=2).numpy().ravel().round(3)
    array([-1.,  1., -1.,  1.])
    """
    x = input
    check_floating("group_norm", x)
    if isinstance(num_groups, bool) or not isinstance(num_groups, (int, np.integer)):
        raise TypeError(f"group_norm: num_groups must be an integer, not {num_groups!r}")
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"group_norm: {num_groups} groups do not divide the channels of an input of shape {x.shape}")
    if x.size == num_groups:
        raise ValueError(f"group_norm: needs more than one value, {num_groups} groups of {x.shape} have one each")
    _check_affine("group_norm", x, weight=weight, bias=bias)
    M = math.prod(x.shape[1:]) // num_groups
    rows = wide(x).reshape(len(x) * num_groups, M)  # (N·G, C/G·H·W)

    def column(vector: Array) -> Array:
        return vector.astype(rows.dtype)[:, None]

    centred = rows - column(row_sums(rows) / M)
    inverse = 1 / np.sqrt(row_dots(centred, centred) / M + eps)
    scale = np.repeat(inverse, x.shape[1] // num_groups).reshape(x.shape[:2])  # γ/s, for each channel of each image
    scale = (scale if weight is None else scale * weight).astype(rows.dtype)
    y = centred.reshape(x.shape) * scale.reshape(*x.shape[:2], *[1] * (x.ndim - 2))
    if bias is not None:
        y += _by_channel(bias, x)
    axes = (0, *range(2, x.ndim))

    def backward(dy: Array) -> Any:
        dy = wide(dy)
        normal = centred * column(inverse)  # x̂

        def dx() -> Array:
            dn = (dy if weight is None else dy * _by_channel(weight, x)).reshape(rows.shape)  # dx̂
            dn = dn - column(row_sums(dn) / M) - normal * column(row_dots(dn, normal) / M)
            return np.asarray((dn * column(inverse)).reshape(x.shape))

        return dx, None, lambda: total(dy * normal.reshape(x.shape), axes), lambda: total(dy, axes)

    return y.astype(x.dtype, copy=False), backward


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Tensor:
    """Layer normalisation (Ba et al. 2016): the last dimensions, of sizes normalized_shape, are one group.

    Written in terms of other operations, so that its gradient needs no derivation of its own.

    Shapes: input (…, *normalized_shape), weight and bias normalized_shape.

    Raises:
        ValueError: an input that does not end in normalized_shape; weight or bias of another shape.

    >>> layer_norm(np.array([[1.0, 3.0], [10.0, 30.0]]), (2,)).numpy().round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    shape, x = tuple(normalized_shape), input if isinstance(input, Tensor) else Tensor(input)
    if not shape or np.shape(x)[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: an input of shape {np.shape(x)} must end in normalized_shape={shape}")
    for what, value in (("weight", weight), ("bias", bias)):
        if value is not None and np.shape(value) != shape:
            raise ValueError(f"layer_norm: {what} of shape {np.shape(value)} must have normalized_shape={shape}")
        _check_dtype("layer_norm", x, what, value)
    half = x.dtype == np.float16  # in which squares of more than 256 have no place
    x = cast(x, np.float32) if half else x
    dims = tuple(range(-len(shape), 0))
    centred = sub(x, mean(x, dims, keepdim=True))
    y = div(centred, sqrt(add(mean(mul(centred, centred), dims, keepdim=True), eps)))
    y = y if weight is None else mul(y, weight)
    y = y if bias is None else add(y, bias)
    return cast(y, np.float16) if half else y
