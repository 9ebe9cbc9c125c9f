"""Use memory again: fresh memory costs more than what is computed in it.

A training step allocates and frees the same few dozen arrays. By default the C library's malloc hands large ones back
to the operating system, which has to find, zero and map the pages anew the next time, 4 KiB at a time: a training step
takes 1.0 to 1.4 times as long. `import tinyunet` therefore tells malloc to keep it. The process stays as large as it
was at its peak; `release()` gives back what is free. This is possible with glibc, the C library of most Linux systems;
elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from tinyunet.ops.fast import scratch

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


def release() -> None:
    """Forget all scratch, and give memory that is free now back to the operating system."""
    scratch.forget()
    malloc_trim = getattr(_libc(), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
