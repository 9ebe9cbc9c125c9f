"""Scratch: memory for arrays that live no longer than one product, the same at every call.

With malloc's keeping of freed memory (`machine/memory.py`) it saves little time; without it, a training step that
allocates its columns anew takes up to 1.2 times as long.

Who needs scratch takes it out of a pool and puts it back. What is taken is nobody else's: not another thread's, and not
that of a signal handler which convolves while a convolution is interrupted. Each finds something else in the pool, or
gets new memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.tensor import Array

KEPT = 4  # of a name: as many as processors of a small machine use at a time; what more were in use are freed
_pool: dict[str, list[Array]] = {}


class scratch:
    """An array with anything in it, until the `with` ends; then its memory is for the next one of this name.

    >>> with scratch("columns", (2, 3), np.float32) as a:
    ...     pass
    >>> with scratch("columns", (3,), np.float32) as b:
    ...     np.shares_memory(a, b)
    True
    """

    __slots__ = ("shape", "dtype", "free", "memory")

    def __init__(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.free = _pool.setdefault(name, [])

    def __enter__(self) -> Array:
        size = math.prod(self.shape) * self.dtype.itemsize
        try:
            memory = self.free.pop()  # one step, which no thread and no signal comes between; `if self.free` were two
        except IndexError:
            memory = np.empty(size, np.uint8)
        self.memory = memory if memory.size >= size else np.empty(size, np.uint8)
        return self.memory[:size].view(self.dtype).reshape(self.shape)

    def __exit__(self, *error: object) -> None:
        if len(self.free) < KEPT:
            self.free.append(self.memory)


class scratch_matrix(scratch):
    """Scratch for a matrix whose rows lie 64 bytes further apart than they are long.

    The sizes of images are powers of two, and so would be the distance from row to row; then all rows compete for the
    same few places of the cache, and a training step takes 1.01 to 1.11 times as long.
    """

    __slots__ = ("columns",)

    def __init__(self, name: str, rows: int, columns: int, dtype: Any) -> None:
        self.columns = columns
        super().__init__(name, (rows, columns + 64 // np.dtype(dtype).itemsize), dtype)

    def __enter__(self) -> Array:
        return super().__enter__()[:, : self.columns]


def scratch_bytes() -> int:
    """How much memory is kept as scratch."""
    return sum(memory.size for free in list(_pool.values()) for memory in list(free))


def forget() -> None:
    """Give up all scratch that is not in use."""
    for free in list(_pool.values()):
        free.clear()
