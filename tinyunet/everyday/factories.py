"""Tensors from nothing: zeros, numbers in order, random numbers. float32 unless `dtype` says otherwise.

What draws takes `generator`, a `numpy.random.Generator` or a seed; without one, see `manual_seed`. All take `device`,
which can only be the CPU, and `requires_grad`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.everyday.machine import device as cpu
from tinyunet.ops.randomness import generator as drawing_from
from tinyunet.tensor import Array, Tensor


def _made(array: Any, dtype: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    if device is not None:
        cpu(device)  # refuses what is no CPU
    return Tensor(array, dtype, requires_grad)


def _sizes(name: str, sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """`zeros(2, 3)` and `zeros((2, 3))` mean the same."""
    sizes = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    if not all(isinstance(n, int | np.integer) for n in sizes):
        raise TypeError(f"{name}: sizes must be integers, not {sizes}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"{name}: sizes must not be negative, as in {sizes}")
    return sizes


def full(size: Any, fill_value: float, *, dtype: Any = None, **settings: Any) -> Tensor:
    """`fill_value` everywhere; by default float32, int64 or bool as the value is.

    >>> full((2,), 7)
    tensor([7, 7], dtype=int64)
    """
    kinds = {bool: np.bool_, int: np.int64}
    return _made(
        np.full(_sizes("full", (size,)), fill_value), dtype or kinds.get(type(fill_value), np.float32), **settings
    )


def zeros(*size: Any, dtype: Any = np.float32, **settings: Any) -> Tensor:
    """Zeros.

    >>> zeros(2, 3).shape
    (2, 3)
    """
    return _made(np.zeros(_sizes("zeros", size)), dtype or np.float32, **settings)


def ones(*size: Any, dtype: Any = np.float32, **settings: Any) -> Tensor:
    """Ones.

    >>> ones(2)
    tensor([1., 1.])
    """
    return _made(np.ones(_sizes("ones", size)), dtype or np.float32, **settings)


def full_like(input: Any, fill_value: float, *, dtype: Any = None, **settings: Any) -> Tensor:
    """`fill_value` in the shape and dtype of another Tensor."""
    return _made(np.full(np.shape(input), fill_value), dtype or input.dtype, **settings)


def zeros_like(input: Any, *, dtype: Any = None, **settings: Any) -> Tensor:
    """Zeros in the shape and dtype of another Tensor."""
    return full_like(input, 0, dtype=dtype, **settings)


def ones_like(input: Any, *, dtype: Any = None, **settings: Any) -> Tensor:
    """Ones in the shape and dtype of another Tensor."""
    return full_like(input, 1, dtype=dtype, **settings)


def arange(start: float, end: float | None = None, step: float = 1, *, dtype: Any = None, **settings: Any) -> Tensor:
    """start, start + step, … below `end`; `arange(end)` begins at 0. int64 if all are integers, else float32.

    >>> arange(3), arange(0, 1, 0.5)
    (tensor([0, 1, 2], dtype=int64), tensor([0. , 0.5]))
    """
    start, end = (0, start) if end is None else (start, end)
    numbers = [x.item() if isinstance(x, Tensor | np.generic) else x for x in (start, end, step)]
    if step == 0 or (numbers[1] - numbers[0]) / numbers[2] < 0:
        raise ValueError(f"arange: steps of {step} do not lead from {start} to {end}")
    of_integers = all(isinstance(x, int) for x in numbers)
    return _made(np.arange(*numbers), dtype or (np.int64 if of_integers else np.float32), **settings)


def linspace(start: float, end: float, steps: int, *, dtype: Any = np.float32, **settings: Any) -> Tensor:
    """`steps` numbers at equal distances, from `start` to `end`, which both count.

    >>> linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ])
    """
    return _made(np.linspace(start, end, steps), dtype or np.float32, **settings)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` itself if it is a Tensor of this dtype, else a Tensor of it (always a copy: PyTorch may share memory)."""
    if isinstance(data, Tensor) and dtype in (None, data.dtype):
        return data
    return _made(data, dtype, device)


def from_numpy(array: Array) -> Tensor:
    """A Tensor of the array's dtype; a copy, where PyTorch's shares memory."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: an array is needed, not {type(array).__name__}")
    return Tensor(array)


# Random numbers


def rand(*size: Any, generator: Any = None, dtype: Any = np.float32, **settings: Any) -> Tensor:
    """Uniform in [0, 1).

    >>> rand(2, generator=0).shape
    (2,)
    """
    return _made(drawing_from(generator).random(_sizes("rand", size), dtype or np.float32), dtype, **settings)


def randn(*size: Any, generator: Any = None, dtype: Any = np.float32, **settings: Any) -> Tensor:
    """Normal, of mean 0 and variance 1.

    >>> randn(2, 3, generator=0).shape
    (2, 3)
    """
    return _made(drawing_from(generator).standard_normal(_sizes("randn", size), dtype or np.float32), dtype, **settings)


def rand_like(input: Any, *, dtype: Any = None, **settings: Any) -> Tensor:
    """Uniform in [0, 1), in the shape and dtype of another Tensor."""
    return rand(np.shape(input), dtype=dtype or input.dtype, **settings)


def randn_like(input: Any, *, dtype: Any = None, **settings: Any) -> Tensor:
    """Normal, in the shape and dtype of another Tensor."""
    return randn(np.shape(input), dtype=dtype or input.dtype, **settings)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = np.int64, **settings: Any
) -> Tensor:
    """Integers from `low` on and below `high`; `randint(high, size)` begins at 0.

    >>> randint(5, 6, (3,))
    tensor([5, 5, 5], dtype=int64)
    """
    if size is None:
        high, size = None, high
    low, high = (0, low) if high is None else (low, high)
    if size is None:
        raise TypeError("randint: write randint(high, size) or randint(low, high, size)")
    if not low < high:
        raise ValueError(f"randint: there is no integer from {low} on and below {high}")
    return _made(drawing_from(generator).integers(low, high, _sizes("randint", (size,))), dtype or np.int64, **settings)


def randperm(n: int, *, generator: Any = None, dtype: Any = np.int64, **settings: Any) -> Tensor:
    """The integers below n in random order.

    >>> sorted(randperm(3).tolist())
    [0, 1, 2]
    """
    return _made(drawing_from(generator).permutation(n), dtype or np.int64, **settings)
