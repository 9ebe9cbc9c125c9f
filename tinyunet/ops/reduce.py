"""Operations that reduce along dimensions: sum, mean, variance, maximum; and softmax, which is built on them.

The derivative of a sum with respect to each of its terms is 1: backward gives every element the gradient of the sum
that it went into. Below, `restore` puts the reduced axes back (as size 1), so that NumPy can broadcast over them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinyunet.ops.dtypes import in_float32
from tinyunet.ops.elementwise import check_floating, neg
from tinyunet.ops.sums import average, centred, total
from tinyunet.tensor import Array, Operand, Tensor, differentiable

Dims = int | tuple[int, ...] | list[int] | None


def normalize_dims(name: str, dim: Dims, ndim: int) -> tuple[int, ...]:
    """The dimensions as non-negative numbers, in order; None, or none named, means all of them.

    A single number has no dimension, and yet, as in PyTorch, one may name its dimension 0 or −1.

    Raises:
        TypeError: dimensions that are not integers.
        ValueError: a dimension that the array does not have, or one named twice.
    """
    if dim is None or dim in ((), []):
        return tuple(range(ndim))
    dims = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    if any(isinstance(d, bool) or not isinstance(d, (int, np.integer)) for d in dims):
        raise TypeError(f"{name}: dim must be an integer or several, not {dim!r}")
    for d in dims:
        if not -(ndim or 1) <= d < (ndim or 1):
            raise ValueError(f"{name}: dim {d} is out of range for an input of {ndim} dimensions")
    positive = [d % (ndim or 1) for d in dims]
    if len(set(positive)) < len(positive):
        raise ValueError(f"{name}: a dimension is named twice in dim={tuple(dims)}")
    return tuple(sorted(positive)) if ndim else ()


def normalize_dim(name: str, dim: int, ndim: int) -> int:
    """The same for the one dimension of an operation that takes no more."""
    if not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{name}: dim must be one integer, not {dim!r}")
    return (*normalize_dims(name, dim, ndim), 0)[0]  # 0 also for a single number


def _restore(dy: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
    return dy if keepdim else np.expand_dims(dy, dims)


@differentiable
def sum(input: Operand, dim: Dims = None, keepdim: bool = False) -> Any:
    """Sum over the dimensions `dim` (all by default).

    >>> sum(np.array([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.], dtype=float64)
    """
    dims = normalize_dims("sum", dim, input.ndim)
    shape = input.shape
    if input.dtype.kind == "f":
        y = total(input, dims, keepdim)
    else:
        y = np.asarray(input.sum(axis=dims, keepdims=keepdim, dtype=np.int64))  # of any integers, as in PyTorch

    def backward(dy: Array) -> Array:
        return np.broadcast_to(_restore(dy, dims, keepdim), shape)

    return y, backward


@differentiable
def mean(input: Operand, dim: Dims = None, keepdim: bool = False) -> Any:
    """Arithmetic mean over the dimensions `dim` (all by default): each of the n elements has the weight 1/n.

    >>> mean(np.array([[1.0, 2.0], [3.0, 6.0]]), dim=1)
    tensor([1.5, 4.5], dtype=float64)
    """
    check_floating("mean", input)
    dims = normalize_dims("mean", dim, input.ndim)
    shape = input.shape
    n = int(np.prod([shape[d] for d in dims]))
    y = average(input, dims, keepdim)

    def backward(dy: Array) -> Array:
        return np.broadcast_to(_restore(dy / n, dims, keepdim), shape)

    return y, backward


@differentiable
@in_float32
def var(
    input: Operand, dim: Dims = None, correction: float = 1, keepdim: bool = False, unbiased: bool | None = None
) -> Any:
    """Variance over `dim`: Σ(x − mean)² / (n − correction); `unbiased` is an older name of correction 1 or 0.

    With c = n − correction, d/dxᵢ Σⱼ(xⱼ − m)²/c = 2(xᵢ − m)/c; the path through m adds −2·(dm/dxᵢ)·Σⱼ(xⱼ − m)/c,
    and the deviations from a mean sum to 0.

    >>> var(np.array([1.0, 2.0, 3.0, 6.0]), correction=0)
    tensor(3.5, dtype=float64)
    """
    check_floating("var", input)
    correction = correction if unbiased is None else int(unbiased)
    dims = normalize_dims("var", dim, input.ndim)
    n = int(np.prod([input.shape[d] for d in dims]))
    deviation = centred(input, dims)
    c = np.maximum(n - correction, 0).astype(input.dtype)
    y = total(deviation * deviation, dims, keepdim) / c

    def backward(dy: Array) -> Array:
        return np.asarray(_restore(dy, dims, keepdim) * (2 / c) * deviation)

    return y, backward


@differentiable
@in_float32
def cumprod(input: Operand, dim: int) -> Any:
    """Products of the first elements along `dim`: y₀ = x₀, yᵢ = yᵢ₋₁·xᵢ.

    yⱼ for j ≥ i has xᵢ as a factor once: dxᵢ = Σ_{j≥i} dyⱼ · Π_{k≤j, k≠i} xₖ, which is multiplied out, because
    yⱼ/xᵢ fails where xᵢ = 0. With n elements along `dim` that takes n² steps.

    >>> cumprod(np.array([1.0, 2.0, 3.0]), dim=0)
    tensor([1., 2., 6.], dtype=float64)
    """
    dim = normalize_dim("cumprod", dim, input.ndim)
    x = np.moveaxis(input, dim, -1) if input.ndim else input[None]
    exact = np.float64 if x.dtype.kind == "f" else np.int64  # each product is rounded once, however many factors it has
    y = np.cumprod(x, axis=-1, dtype=exact)

    def backward(dy: Array) -> Array:
        dy = np.moveaxis(dy, dim, -1) if input.ndim else dy[None]
        dx = np.empty_like(dy)
        for i in range(x.shape[-1]):
            others = x[..., i:].astype(exact)  # all factors of yᵢ, yᵢ₊₁ … but xᵢ
            others[..., 0] = y[..., i - 1] if i else 1
            dx[..., i] = (dy[..., i:] * np.cumprod(others, axis=-1)).sum(axis=-1)
        return np.moveaxis(dx, -1, dim) if input.ndim else dx[0]

    result = y.astype(x.dtype if x.dtype.kind == "f" else exact, copy=False)
    return np.moveaxis(result, -1, dim) if input.ndim else result[0], backward


@differentiable
def _max_all(input: Operand) -> Any:
    """The largest element. Equal largest ones share the gradient, as in PyTorch's `max()` without `dim`."""
    if input.size == 0:
        raise ValueError(f"max: an input of shape {input.shape} has no largest element")
    y = input.max()

    def backward(dy: Array) -> Array:
        largest = np.isnan(input) if np.isnan(y) else input == y
        return np.where(largest, dy / largest.sum(), 0)

    return y, backward


@differentiable
def _max_along(input: Operand, dim: int, keepdim: bool) -> Any:
    """The largest element along `dim` and its index. The first of equals wins, and alone receives the gradient."""
    dim = normalize_dim("max", dim, input.ndim)
    if input.ndim == 0:
        return (input, np.zeros((), np.int64)), lambda dy: dy
    if input.shape[dim] == 0:
        raise ValueError(f"max: dim {dim} of an input of shape {input.shape} is empty")
    index = np.expand_dims(input.argmax(axis=dim), dim)
    y = np.take_along_axis(input, index, dim)

    def backward(dy: Array) -> Array:
        dx = np.zeros(input.shape, dy.dtype)
        np.put_along_axis(dx, index, _restore(dy, (dim,), keepdim), dim)
        return dx

    return ((y, index) if keepdim else (y.squeeze(dim), index.squeeze(dim))), backward


class Max(NamedTuple):
    """What `max(input, dim)` returns: the values, and where they stand along `dim`."""

    values: Tensor
    indices: Tensor


def max(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The largest element of all (a Tensor), or the largest along `dim` (`Max(values, indices)`).

    >>> max(np.array([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0], dtype=int64)
    """
    return _max_all(input) if dim is None else Max(*_max_along(input, dim, keepdim))


class Min(NamedTuple):
    """What `min(input, dim)` returns: the values, and where they stand along `dim`."""

    values: Tensor
    indices: Tensor


def min(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest element of all (a Tensor), or the smallest along `dim` (`Min(values, indices)`).

    It is −max(−x), with the gradient of that; of integers and truth values ~max(~x), which reverses their order, too.

    >>> min(np.array([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([0, 1], dtype=int64)
    """

    def turned(x: Any) -> Any:
        return Tensor(~np.asarray(x)) if np.asarray(x).dtype.kind in "iub" else neg(x)

    shape = np.shape(input)
    if 0 in shape and (dim is None or shape[normalize_dim("min", dim, len(shape))] == 0):
        raise ValueError(f"min: an input of shape {shape} has no smallest element{'' if dim is None else ' along dim'}")
    if dim is None:
        return turned(max(turned(input)))
    normalize_dim("min", dim, len(shape))
    values, indices = max(turned(input), dim, keepdim)
    return Min(turned(values), indices)


def log_softmax_array(x: Array, dim: int) -> Array:
    """x − log Σ eˣ along `dim`. Subtracting the maximum first changes nothing and keeps eˣ from overflowing."""
    shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    return np.asarray(shifted - np.log(total(np.exp(shifted), dim, keepdims=True)))


@differentiable
@in_float32
def softmax(input: Operand, dim: int) -> Any:
    """Softmax along `dim`: yᵢ = e^{xᵢ} / Σⱼ e^{xⱼ}.

    dyᵢ/dxⱼ = yᵢ(δᵢⱼ − yⱼ), hence dxⱼ = Σᵢ dyᵢ·yᵢ(δᵢⱼ − yⱼ) = yⱼ·(dyⱼ − Σᵢ dyᵢ·yᵢ).

    >>> softmax(np.array([0.0, np.log(3.0)]), dim=0)
    tensor([0.25, 0.75], dtype=float64)
    """
    check_floating("softmax", input)
    dim = normalize_dim("softmax", dim, input.ndim)
    y = np.exp(log_softmax_array(input, dim))

    def backward(dy: Array) -> Array:
        return np.asarray(y * (dy - total(dy * y, dim, keepdims=True)))

    return y, backward


@differentiable
@in_float32
def log_softmax(input: Operand, dim: int) -> Any:
    """log softmax along `dim`: yᵢ = xᵢ − log Σⱼ e^{xⱼ}.

    dyᵢ/dxⱼ = δᵢⱼ − softmaxⱼ, hence dxⱼ = dyⱼ − softmaxⱼ·Σᵢ dyᵢ.

    >>> log_softmax(np.array([1000.0, 1000.0]), dim=0)
    tensor([-0.69314718, -0.69314718], dtype=float64)
    """
    check_floating("log_softmax", input)
    dim = normalize_dim("log_softmax", dim, input.ndim)
    y = log_softmax_array(input, dim)

    def backward(dy: Array) -> Array:
        return np.asarray(dy - np.exp(y) * total(dy, dim, keepdims=True))

    return y, backward
