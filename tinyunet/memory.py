"""Use memory again: fresh memory costs more than what is computed in it.

A training step allocates and frees the same few dozen arrays. By default the C library's malloc hands large ones back
to the operating system, which has to find, zero and map the pages anew the next time, 4 KiB at a time: a training step
takes 1.0 to 1.4 times as long. `import tinyunet` therefore tells malloc to keep it. The process stays as large as it
was at its peak; `release()` gives back what is free. This is possible with glibc, the C library of most Linux systems;
elsewhere nothing is done.

For arrays that live no longer than one product there is `scratch`, the same memory every time. Where malloc keeps
memory it earns next to nothing any more; where it does not, a step without it takes up to 1.2 times as long again.
"""

from __future__ import annotations

import ctypes
import math
import sys
import threading
import weakref
from typing import Any

import numpy as np

# from <malloc.h>
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def _libc() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def keep() -> bool:
    """Tell malloc to serve arrays below 1 GiB from memory that it keeps. Returns whether it could be told."""
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1))


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


def release() -> None:
    """Forget all scratch, and give memory that is free now back to the operating system."""
    for mine in list(_everyones):
        mine.arrays.clear()
    malloc_trim = getattr(_libc(), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
