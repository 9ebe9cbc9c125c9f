"""One thread for BLAS while an operation computes, and as many as it had for everybody else.

NumPy leaves products of matrices to a BLAS library, which shares them out among threads of its own. These meet at a
barrier, hundreds of times in a training step, and who comes first spins until the last is there. On a quiet machine the
last comes a microsecond later. But where another program takes its turn on one of the processors, the last is the
thread that lost it, and all the others spin until it has it back: beside two busy programs a training step then takes
ten times as long. So our operations let BLAS compute with one thread, and share their work out themselves, without a
barrier inside of it (`machine/crew.py`).

OpenBLAS with threads of its own, which comes with NumPy from PyPI, has one setting for the process; MKL, and OpenBLAS
with OpenMP, have one for each thread. Others (Accelerate, BLIS) are left as they are. (threadpoolctl, which knows more
of them, lets but one thread of a process set anything.)
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Setting(NamedTuple):
    """How many threads the BLAS of NumPy computes with."""

    get: Callable[[], int]
    put: Callable[[int], Any]
    shared: bool  # whether it is one setting for all threads of the process


@functools.cache
def setting() -> Setting | None:
    """The setting of the BLAS that NumPy uses; None if it is not one of those that we know."""
    for library in _libraries():
        for prefix, suffix in itertools.product(("", "scipy_"), ("", "64_", "_64")):
            get, put, parallel = (
                getattr(library, f"{prefix}openblas_{name}{suffix}", None)
                for name in ("get_num_threads", "set_num_threads", "get_parallel")
            )
            if get and put:
                return Setting(get, put, shared=not parallel or parallel() != OPENMP)
        if exchange := getattr(library, "MKL_Set_Num_Threads_Local", None):  # returns what was set before

            def told(exchange: Callable[[int], int] = exchange) -> int:
                before = exchange(1)
                exchange(before)
                return before

            return Setting(told, exchange, shared=False)
    return None


OPENMP = 2  # what openblas_get_parallel returns for it


def _libraries() -> list[ctypes.CDLL]:
    """NumPy's own library, by which those are found that it was linked with; on Windows those that lie beside it."""
    core = sys.modules["numpy._core._multiarray_umath"].__file__ or ""
    beside = Path(core).parents[2] / "numpy.libs"
    return [ctypes.CDLL(str(file)) for file in ([core] if os.name != "nt" else sorted(beside.glob("*.dll")))]


class _Call:
    """A call that runs now."""

    __slots__ = ("__weakref__",)


_lock = threading.RLock()  # reentrant, for a signal handler may multiply, too
_inside: set[weakref.ref[_Call]] = set()  # in all threads; a call leaves by itself, also one that was broken off
_before: int | None = None  # how many threads BLAS had when the first of them began, until it has them again


def with_one_thread(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function compute its products with one thread of BLAS.

    >>> import numpy as np
    >>> @with_one_thread
    ... def product(a, b):
    ...     return a @ b
    >>> product(np.ones(3), np.ones(3)).item()
    3.0
    """

    @functools.wraps(function)
    def apply(*args: P.args, **kwargs: P.kwargs) -> T:
        global _before
        blas = setting()
        if blas is None:
            return function(*args, **kwargs)
        if not blas.shared:
            before = blas.get()
            try:
                blas.put(1)
                return function(*args, **kwargs)
            finally:
                blas.put(before)
        me: Any = _Call()
        try:
            with _lock:
                _inside.add(weakref.ref(me, _inside.discard))
                if _before is None:
                    _before = blas.get()
                    blas.put(1)
            return function(*args, **kwargs)
        finally:
            me = None  # and the set loses it in the same moment
            with _lock:
                if not _inside and _before is not None:
                    blas.put(_before)
                    _before = None

    return apply


def _in_child() -> None:
    """A forked process has one thread, and whatever the others were in the middle of is not going on in it."""
    global _before, _lock
    _lock = threading.RLock()
    _inside.clear()
    if _before is not None and (blas := setting()):
        blas.put(_before)
        _before = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
