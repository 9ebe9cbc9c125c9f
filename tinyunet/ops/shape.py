"""Operations that move elements and compute nothing: reshape, permute, indexing, cat, pad …

Each sends an element of the input to one or more places of the output; its backward reads the gradients at those places
and adds them up. Moved once, the gradient moves back; copied twice (`expand`, a repeated index), the gradients add.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.ops.dtypes import promoted
from tinyunet.ops.elementwise import unbroadcast
from tinyunet.ops.reduce import normalize_dim, normalize_dims
from tinyunet.tensor import Array, Operand, Tensor, differentiable


def _sizes(name: str, args: tuple[Any, ...]) -> tuple[int, ...]:
    """`f(2, 3)` and `f((2, 3))` mean the same, as in PyTorch."""
    sizes = tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    if not all(isinstance(n, (int, np.integer)) for n in sizes):
        raise TypeError(f"{name}: integers are needed, not {sizes}")
    return sizes


def _sequence(name: str, tensors: Any) -> Sequence[Any]:
    if not isinstance(tensors, (tuple, list)) or not all(isinstance(x, (Tensor, np.ndarray)) for x in tensors):
        kinds = ", ".join(type(x).__name__ for x in tensors) if isinstance(tensors, (tuple, list)) else ""
        raise TypeError(f"{name}: needs a list or tuple of Tensors or arrays, not {type(tensors).__name__}({kinds})")
    return tensors


@differentiable
def reshape(input: Operand, *shape: Any) -> Any:
    """The same elements in row-major order, in another shape; one size may be −1.

    >>> reshape(np.arange(6.0), 2, -1).shape
    (2, 3)
    """
    sizes = _sizes("reshape", shape)
    try:
        y = input.reshape(sizes)
    except ValueError:
        raise ValueError(f"reshape: shape {sizes} is invalid for an input of shape {input.shape}") from None
    return y, lambda dy: dy.reshape(input.shape)


@differentiable
def permute(input: Operand, *dims: Any) -> Any:
    """Dimension i of the result is dimension dims[i] of the input.

    >>> permute(np.zeros((2, 3, 4)), 2, 0, 1).shape
    (4, 2, 3)
    """
    order = _sizes("permute", dims)
    if len(order) != input.ndim or len(normalize_dims("permute", order, input.ndim)) != input.ndim:
        raise ValueError(f"permute: dims {order} must name each dimension of an input of shape {input.shape} once")
    order = tuple(d % input.ndim for d in order)
    return input.transpose(order), lambda dy: dy.transpose(np.argsort(order))


@differentiable
def transpose(input: Operand, dim0: int, dim1: int) -> Any:
    """Swap two dimensions.

    >>> transpose(np.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    dim0, dim1 = (normalize_dim("transpose", d, input.ndim) for d in (dim0, dim1))
    if dim0 == dim1:  # also of a single number
        return input, lambda dy: dy
    return input.swapaxes(dim0, dim1), lambda dy: dy.swapaxes(dim0, dim1)


@differentiable
def expand(input: Operand, *sizes: Any) -> Any:
    """Repeat dimensions of size 1 (a view, no copy); −1 keeps a size, new dimensions may be added in front.

    >>> expand(np.array([[1.0], [2.0]]), -1, 3)
    tensor([[1., 1., 1.],
            [2., 2., 2.]], dtype=float64)
    """
    wanted = _sizes("expand", sizes)
    new = len(wanted) - input.ndim
    full = tuple(input.shape[i - new] if n == -1 and i >= new else n for i, n in enumerate(wanted))
    try:
        y = np.broadcast_to(input, full)
    except ValueError:
        raise ValueError(f"expand: an input of shape {input.shape} cannot be repeated to {wanted}") from None
    shape = input.shape  # all that backward needs: the array can go
    return y, lambda dy: unbroadcast(dy, shape)


@differentiable
def getitem(input: Operand, index: Any) -> Any:
    """NumPy indexing: integers, slices, `...`, None, and whatever is an array of integers or of truth values.

    An element that is picked twice receives both gradients: `np.add.at` adds, where `dx[index] = dy` would keep one.

    Raises:
        IndexError: an element that the input does not have, or what is no index.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x[[0, 2, 2]].sum().backward()
    >>> x.grad
    tensor([1., 0., 2.])
    """
    shape = input.shape
    try:
        parts = tuple(_part_of_index(i) for i in (index if isinstance(index, tuple) else (index,)))
        y = input[parts]
        y = y if isinstance(y, np.ndarray) else input[(*parts, ...)]  # a single number is seen where it stands, too
    except (IndexError, ValueError, TypeError) as error:
        raise IndexError(f"indexing an input of shape {shape}: {error}") from None

    def backward(dy: Array) -> Array:
        dx = np.zeros(shape)  # float64, because one element may be picked a million times
        if any(isinstance(i, np.ndarray) for i in parts):
            np.add.at(dx, parts, dy.astype(np.float64))
        else:
            dx[parts] = dy  # slices and single indices pick nothing twice
        return dx.astype(dy.dtype, copy=False)

    return y, backward


def _part_of_index(i: Any) -> Any:
    """What picks nothing twice as it is; anything else as an array, which is ours and does not change."""
    if i is None or i is ... or isinstance(i, (int, np.integer, slice)):
        return i
    if not isinstance(i, np.ndarray) and np.size(i) == 0:
        return np.zeros(np.shape(i), int)  # np.array([]) would be of floats
    return np.array(i)


def pixel_shuffle(input: Operand, upscale_factor: int) -> Tensor:
    """Channels become pixels, r times as many in each direction, r = upscale_factor:

        y[n, c, r·i + u, r·j + v] = x[n, c·r² + r·u + v, i, j]

    A network that works on the small grid can so draw a picture r times as large (Shi et al. 2016, equation 4).

    Shapes: (…, C·r², H, W) → (…, C, r·H, r·W).

    Raises:
        ValueError: fewer than three dimensions, a factor below 1, channels that r² does not divide.

    >>> pixel_shuffle(np.array([[[1.0]], [[2.0]], [[3.0]], [[4.0]]]), 2)
    tensor([[[1., 2.],
             [3., 4.]]], dtype=float64)
    """
    *batch, C, H, W = _at_least_three("pixel_shuffle", input)
    r = _factor("pixel_shuffle", "upscale_factor", upscale_factor)
    if C % r**2:
        raise ValueError(
            f"pixel_shuffle: upscale_factor={r} needs a multiple of {r**2} channels, not {tuple(input.shape)}"
        )
    n = len(batch)
    x = reshape(input, (*batch, C // r**2, r, r, H, W))  # (…, C, u, v, i, j)
    x = permute(x, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))  # (…, C, i, u, j, v)
    return reshape(x, (*batch, C // r**2, r * H, r * W))  # (…, C, r·H, r·W)


def pixel_unshuffle(input: Operand, downscale_factor: int) -> Tensor:
    """Squares of r×r pixels become r² channels, r = downscale_factor: what `pixel_shuffle` undoes.

        y[n, c·r² + r·u + v, i, j] = x[n, c, r·i + u, r·j + v]

    Shapes: (…, C, r·H, r·W) → (…, C·r², H, W).

    Raises:
        ValueError: fewer than three dimensions, a factor below 1, a height or width that r does not divide.

    >>> pixel_unshuffle(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 2).shape
    (4, 1, 1)
    """
    *batch, C, H, W = _at_least_three("pixel_unshuffle", input)
    r = _factor("pixel_unshuffle", "downscale_factor", downscale_factor)
    if H % r or W % r:
        raise ValueError(
            f"pixel_unshuffle: downscale_factor={r} does not divide height and width of {tuple(input.shape)}"
        )
    n = len(batch)
    x = reshape(input, (*batch, C, H // r, r, W // r, r))  # (…, C, i, u, j, v)
    x = permute(x, (*range(n + 1), n + 2, n + 4, n + 1, n + 3))  # (…, C, u, v, i, j)
    return reshape(x, (*batch, C * r**2, H // r, W // r))  # (…, C·r², H, W)


def _at_least_three(name: str, input: Any) -> tuple[int, ...]:
    if not isinstance(input, (Tensor, np.ndarray)):
        raise TypeError(f"{name}: input must be a Tensor or an array, not {type(input).__name__}")
    if input.ndim < 3:
        raise ValueError(f"{name}: input must be (…, C, H, W), not {tuple(input.shape)}")
    return tuple(input.shape)


def _factor(name: str, what: str, r: Any) -> int:
    if not isinstance(r, (int, np.integer)) or isinstance(r, bool):
        raise TypeError(f"{name}: {what} must be an integer, not {r!r}")
    if r < 1:
        raise ValueError(f"{name}: {what} must be at least 1, not {r}")
    return int(r)


@differentiable
def _cat(*tensors: Any, dim: int) -> Any:
    arrays = promoted(*tensors)
    dim = normalize_dim("cat", dim, arrays[0].ndim)
    ends = np.cumsum([x.shape[dim] for x in arrays])
    return np.concatenate(arrays, axis=dim), lambda dy: tuple(np.split(dy, ends[:-1], axis=dim))


def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """Concatenate along an existing dimension. The U-Net's skip connection is `cat([up, skip], dim=1)`.

    Backward cuts the gradient at the same places and hands each input its piece.

    Raises:
        ValueError: nothing to concatenate, or sizes that differ outside `dim`.

    >>> cat([np.ones((1, 2, 4, 4)), np.zeros((1, 3, 4, 4))], dim=1).shape
    (1, 5, 4, 4)
    """
    shapes = [np.shape(x) for x in _sequence("cat", tensors)]
    if not shapes or not shapes[0]:
        raise ValueError("cat: needs at least one input, of at least one dimension")
    d = normalize_dim("cat", dim, len(shapes[0]))
    if len({shape[:d] + shape[d + 1 :] for shape in shapes}) > 1 or len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"cat: shapes {', '.join(map(str, shapes))} must be equal but for dim {dim}")
    return _cat(*tensors, dim=dim)


def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """Join inputs of one shape along a new dimension.

    >>> stack([np.zeros((2, 3)), np.ones((2, 3))], dim=1).shape
    (2, 2, 3)
    """
    shapes = {np.shape(x) for x in _sequence("stack", tensors)}
    if len(shapes) != 1:
        raise ValueError(f"stack: needs inputs of one shape, got {sorted(shapes) or 'none'}")
    (shape,) = shapes
    d = normalize_dim("stack", dim, len(shape) + 1)
    return _cat(*[reshape(x, (*shape[:d], 1, *shape[d:])) for x in tensors], dim=d)


@differentiable
def pad(input: Operand, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:
    """Add a border: `pad` = (left, right, top, bottom, …), the last dimension first, as in PyTorch.

    mode "constant" fills with `value` (0 by default); "reflect" mirrors without repeating the edge, so a border must be
    narrower than the dimension; "replicate" repeats the edge; "circular" goes on at the other end. Negative numbers
    crop. An element that is seen in several places receives the gradients of all of them.

    The borders that are made of the input can be put on any dimensions (in PyTorch on the last one, two or three).

    Raises:
        ValueError: an odd number of widths, more than the input has dimensions, too wide for the mode, unknown mode.

    >>> pad(np.array([1.0, 2.0, 3.0]), (2, 1), mode="reflect")
    tensor([3., 2., 1., 2., 3., 2.], dtype=float64)
    """
    if not isinstance(pad, (tuple, list)) or not all(isinstance(n, (int, np.integer)) for n in pad):
        raise TypeError(f"pad: widths must be integers, (left, right, top, bottom, …), not {pad!r}")
    widths = [(pad[i], pad[i + 1]) for i in range(0, len(pad) - 1, 2)]
    if len(pad) % 2 or len(widths) > input.ndim:
        raise ValueError(f"pad: {tuple(pad)} must be pairs, at most one for each dimension of shape {input.shape}")
    widths = [(0, 0)] * (input.ndim - len(widths)) + widths[::-1]
    if any(n + low + high < 0 for n, (low, high) in zip(input.shape, widths, strict=True)):
        raise ValueError(f"pad: {tuple(pad)} crops more than there is of an input of shape {input.shape}")
    if mode in ("reflect", "replicate", "circular"):
        if value:
            raise ValueError(f"pad: mode {mode!r} takes no value")
        return _pad_with_itself(input, widths, mode)
    if mode != "constant":
        raise ValueError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', not {mode!r}")
    # where the input lands in the output, and which part of it (all, unless a negative width crops)
    low = [a for a, _ in widths]
    shape = [n + a + b for n, (a, b) in zip(input.shape, widths, strict=True)]
    inside = tuple(slice(max(a, 0), m - max(b, 0)) for m, (a, b) in zip(shape, widths, strict=True))
    kept = tuple(slice(s.start - a, s.stop - a) for s, a in zip(inside, low, strict=True))
    y = np.full_like(input, 0 if value is None else value, shape=shape)
    y[inside] = input[kept]
    before = input.shape

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(dy, shape=before)
        dx[kept] = dy[inside]
        return dx

    return y, backward


def _source(n: int, low: int, high: int, mode: str) -> Array:
    """Along an axis of n, with a border of `low` and `high`: which position of the input each of the output shows."""
    i = np.arange(-low, n + high)
    if mode == "reflect":
        return n - 1 - np.abs(n - 1 - np.abs(i))
    if mode == "replicate":
        return np.clip(i, 0, n - 1)
    kept = i[(i >= 0) & (i < n)]  # what is cropped goes round no more
    return kept[(i - kept[0]) % len(kept)]


def _pad_with_itself(input: Array, widths: list[tuple[int, int]], mode: str) -> Any:
    for n, (low, high) in zip(input.shape, widths, strict=True):
        kept = n + min(low, 0) + min(high, 0)
        most = {"reflect": n - 1, "replicate": float("inf"), "circular": max(kept, 0)}[mode]
        if (low or high) and (n + low + high < 1 or n < 1 or max(low, high) > most):
            raise ValueError(
                f"pad: mode {mode!r} cannot make a border of {(low, high)} from a dimension of {n}: "
                f"at most {most} at each end, and the result must not be empty"
            )
    sources = [_source(n, *w, mode) if any(w) else np.arange(n) for n, w in zip(input.shape, widths, strict=True)]
    where, before = np.ix_(*sources), input.shape

    def backward(dy: Array) -> Array:
        dx = np.zeros(before)
        np.add.at(dx, where, dy.astype(np.float64))
        return dx.astype(dy.dtype, copy=False)

    return input[where], backward
