"""Other shapes for the same elements, in terms of `reshape`, `expand` and indexing, whose gradients they have."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.ops.reduce import normalize_dim, normalize_dims
from tinyunet.ops.shape import expand, getitem, reshape
from tinyunet.tensor import Tensor


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """One dimension in place of those from start_dim to end_dim.

    >>> flatten(np.zeros((2, 3, 4)), 1).shape
    (2, 12)
    """
    shape = np.shape(input) or (1,)
    first, last = (normalize_dim("flatten", d, len(shape)) for d in (start_dim, end_dim))
    if first > last:
        raise ValueError(f"flatten: start_dim={start_dim} stands after end_dim={end_dim} in shape {shape}")
    return reshape(input, *shape[:first], int(np.prod(shape[first : last + 1])), *shape[last + 1 :])


def squeeze(input: Any, dim: Any = None) -> Tensor:
    """Without the dimensions of size 1: all, or of `dim` those that have it.

    >>> squeeze(np.zeros((1, 3, 1)), 0).shape
    (3, 1)
    """
    shape = np.shape(input)
    dims = normalize_dims("squeeze", dim, len(shape)) if shape else ()
    return reshape(input, tuple(n for d, n in enumerate(shape) if n != 1 or d not in dims))


def unsqueeze(input: Any, dim: int) -> Tensor:
    """With a new dimension of size 1, which becomes dimension `dim`.

    >>> unsqueeze(np.zeros((2, 3)), -1).shape
    (2, 3, 1)
    """
    shape = np.shape(input)
    d = normalize_dim("unsqueeze", dim, len(shape) + 1)
    return reshape(input, (*shape[:d], 1, *shape[d:]))


def repeat(input: Any, *sizes: Any) -> Tensor:
    """Copies side by side, `sizes` of them along each dimension; more sizes than dimensions add some in front.

    >>> repeat(np.array([1.0, 2.0]), 2, 2)
    tensor([[1., 2., 1., 2.],
            [1., 2., 1., 2.]], dtype=float64)
    """
    times = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    new = len(times) - np.ndim(input)
    if new < 0:
        raise ValueError(f"repeat: {times} must have a number for each dimension of shape {np.shape(input)}")
    shape = (1,) * new + np.shape(input)
    each = reshape(input, tuple(k for n in shape for k in (1, n)))
    copies = expand(each, tuple(k for pair in zip(times, shape, strict=True) for k in pair))
    return reshape(copies, tuple(k * n for k, n in zip(times, shape, strict=True)))


def split(input: Any, split_size_or_sections: int | list[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of this size along `dim`, the last one perhaps smaller, or of these sizes.

    >>> [piece.shape for piece in split(np.zeros(5), 2)]
    [(2,), (2,), (1,)]
    """
    size = split_size_or_sections
    d = normalize_dim("split", dim, np.ndim(input))
    n = np.shape(input)[d]
    if isinstance(size, int):
        if size < 1:
            raise ValueError(f"split: pieces must have a size of at least 1, not {size}")
        size = [min(size, n - start) for start in range(0, n, size)] or [0]
    if sum(size) != n or any(k < 0 for k in size):
        raise ValueError(f"split: sizes {list(size)} do not add up to {n}, the size of dim {dim}")
    ends = np.cumsum(size).tolist()
    before = (slice(None),) * d
    return tuple(getitem(input, (*before, slice(end - k, end))) for k, end in zip(size, ends, strict=True))


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunks` pieces along `dim`, or fewer, of ⌈n/chunks⌉ each, the last one perhaps smaller.

    >>> [piece.shape for piece in chunk(np.zeros(5), 3)]
    [(2,), (2,), (1,)]
    """
    if chunks < 1:
        raise ValueError(f"chunk: at least 1 piece is needed, not {chunks}")
    d = normalize_dim("chunk", dim, np.ndim(input))
    n = np.shape(input)[d]
    return split(input, -(-n // chunks), d) if n else split(input, [0] * chunks, d)


def gather(input: Any, dim: int, index: Any) -> Tensor:
    """Elements picked along `dim`: y[i, j, k] = x[i, index[i, j, k], k] for dim = 1.

    >>> gather(np.array([[1.0, 2.0], [3.0, 4.0]]), 1, np.array([[0], [1]]))
    tensor([[1.],
            [4.]], dtype=float64)
    """
    d, picked = normalize_dim("gather", dim, np.ndim(input)), np.asarray(index)
    if picked.dtype.kind not in "iu":
        raise TypeError(f"gather: the index must be integers, not {picked.dtype}")
    sizes = zip(picked.shape, np.shape(input), strict=False)
    if picked.ndim != np.ndim(input) or any(k > n for axis, (k, n) in enumerate(sizes) if axis != d):
        raise ValueError(f"gather: an index of shape {picked.shape} for an input of shape {np.shape(input)}")
    if picked.size and not (picked.min() >= 0 and picked.max() < np.shape(input)[d]):
        raise IndexError(f"gather: indices from {picked.min()} to {picked.max()} along {np.shape(input)[d]} elements")
    where = list(np.ix_(*[np.arange(k) for k in picked.shape]))
    where[d] = picked
    return getitem(input, tuple(where))
