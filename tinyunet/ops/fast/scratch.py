"""Scratch: memory for arrays that live no longer than one product, the same at every call.

With malloc's keeping of freed memory (`machine/memory.py`) it saves little time; without it, a training step that
allocates its columns anew takes up to 1.2 times as long.
"""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np


class _Scratch:
    """The scratch arrays of one thread; they go when it ends."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}


_thread = threading.local()
_everyones: weakref.WeakSet[_Scratch] = weakref.WeakSet()


def scratch(name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """An array with anything in it: the same memory at every call with this name, in this thread.

    >>> a = scratch("columns", (2, 3), np.float32)
    >>> b = scratch("columns", (3,), np.float32)
    >>> np.shares_memory(a, b)
    True
    """
    mine = getattr(_thread, "scratch", None)
    if mine is None:
        mine = _thread.scratch = _Scratch()
        _everyones.add(mine)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    array = mine.arrays.get(name)
    if array is None or array.size < size:
        array = mine.arrays[name] = np.empty(size, np.uint8)
    return array[:size].view(dtype).reshape(shape)


def scratch_matrix(name: str, rows: int, columns: int, dtype: Any) -> np.ndarray[Any, Any]:
    """Scratch for a matrix whose rows lie 64 bytes further apart than they are long.

    The sizes of images are powers of two, and so would be the distance from row to row; then all rows compete for the
    same few places of the cache, and a training step takes 1.01 to 1.11 times as long.
    """
    return scratch(name, (rows, columns + 64 // np.dtype(dtype).itemsize), dtype)[:, :columns]


def scratch_bytes() -> int:
    """How much memory is held as scratch, in all threads."""
    return sum(array.size for mine in list(_everyones) for array in list(mine.arrays.values()))


def forget() -> None:
    """Give up all scratch, in all threads."""
    for mine in list(_everyones):
        mine.arrays.clear()
