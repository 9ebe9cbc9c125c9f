"""How many threads our operations compute with."""

from __future__ import annotations

from tinyunet.machine.blas import setting
from tinyunet.machine.processors import processors

_chosen: int | None = None


def threads(n: int | None = None) -> int:
    """How many threads our operations compute with; with `n`: with so many from now on.

    By default as many as there are processors for this process. With 1, the thread that calls an operation does all of
    it. What is computed is the same, bit for bit, with any number.

    Raises:
        TypeError: n is no integer.
        ValueError: n is smaller than 1.

    >>> before = threads()
    >>> threads(1)
    1
    >>> threads(before) == threads() == before
    True
    """
    global _chosen
    if n is not None:
        if isinstance(n, bool) or not hasattr(n, "__index__"):
            raise TypeError(f"threads: n must be an integer, not {n!r}")
        if n < 1:
            raise ValueError(f"threads: n must be at least 1, not {n}")
        _chosen = int(n)
    elif _chosen is None:
        _chosen = processors() if setting() else 1  # a BLAS that cannot be told shares its work out itself
    return _chosen
