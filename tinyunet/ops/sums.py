"""Sums that are right to the last digit, along any axes.

A float32 has 24 bits. Adding a million of them one by one rounds a million times, and each time to the 24 bits of a sum
that is by then much larger than what comes next: of 33 million ones only half are counted. NumPy adds in pairs of
pairs, which is exact enough, but only along the axis that is last in memory; along the others it adds one by one. Here
sums are carried in float64 and rounded once, to the dtype of what was added.

That takes four times as long. Where it counts, LONG numbers are added in float32, and what comes of them in float64.
Adding n numbers one by one costs at most n/2²⁴ of the sum of their absolute values, and in truth about as much as
rounding the sum: a processor adds many side by side (16 to 64), and what is lost in one part falls to the other side in
another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.machine.blas import with_one_thread
from tinyunet.machine.crew import share, split, worth
from tinyunet.tensor import Array

LONG = 1024
ONES = np.ones(LONG, np.float32)


def total(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Σ x over `axis` (all by default), in the dtype of x.

    >>> total(np.full((1 << 20, 2), 0.1, np.float32), axis=0)  # one by one: 105891.84
    array([104857.6, 104857.6], dtype=float32)
    """
    return np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=np.float64), x.dtype)


def average(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Σ x / n over `axis`, in the dtype of x; nan for n = 0.

    The sum may be larger than the largest float16, and is not rounded before it is divided.

    >>> average(np.full(70000, 2.0, np.float16))
    array(2., dtype=float16)
    """
    sums = np.asarray(np.sum(x, axis=axis, keepdims=keepdims, dtype=np.float64))
    return np.asarray(sums / (x.size / sums.size if sums.size else 1), x.dtype)


def centred(x: Array, axis: Any) -> Array:
    """x minus its mean over `axis`, twice: the mean was rounded to the dtype of x, and a part of it is left.

    >>> centred(np.array([1e8, 1e8, 1e8 + 8], np.float32), axis=0)  # their mean is no float32
    array([-2.6666667, -2.6666667,  5.333333 ], dtype=float32)
    """
    x = x - average(x, axis, keepdims=True)
    return x - average(x, axis, keepdims=True)


def row_dots(a: Array, b: Array) -> Array:
    """Σ a·b of every row of two matrices (R, m), in float64.

    >>> row_dots(np.ones((2, 1000)), np.ones((2, 1000)))
    array([1000., 1000.])
    """
    (a, left_of_a), (b, left_of_b) = _in_blocks(a), _in_blocks(b)
    sums = _added(np.vecdot(a, b))
    return sums if left_of_a is None else sums + np.vecdot(left_of_a, left_of_b)


def row_sums(rows: Array) -> Array:
    """Σ of every row of a matrix (R, m), in float64.

    >>> row_sums(np.ones((2, 1000)))
    array([1000., 1000.])
    """
    blocks, left = _in_blocks(rows)
    sums = _added(np.vecdot(blocks, ONES[: blocks.shape[2]]))
    return sums if left is None else sums + np.vecdot(left, ONES[: left.shape[1]])


def product(a: Array, b: Array) -> Array:
    """a @ b, with no more than LONG products added in float32 to each entry.

    >>> product(np.ones((1, 5000)), np.ones((5000, 1)))
    array([[5000.]])
    """
    fit = min(a.ndim, b.ndim) > 0 and a.shape[-1] == b.shape[-2:][0]
    pieces = worth(2 * a.size * b.shape[-1]) if fit and b.ndim == 2 <= a.ndim else 1
    if pieces == 1:
        return _product(a, b)
    y = np.empty((*a.shape[:-1], b.shape[-1]), np.result_type(a, b))
    rows, result = a.reshape(-1, a.shape[-1]), y.reshape(-1, b.shape[-1])
    parts = split(len(rows), pieces)

    def work(k: int) -> None:
        result[parts[k]] = _product(rows[parts[k]], b)

    share(work, pieces)
    return y


@with_one_thread
def _product(a: Array, b: Array) -> Array:
    if a.shape[-1:] != b.shape[-2:][:1] or a.shape[-1] <= LONG or a.dtype.kind != "f":
        return np.asarray(np.matmul(a, b))  # or its error, if the shapes do not fit
    y: Any = 0
    for k in range(0, a.shape[-1], LONG):
        part = a[..., k : k + LONG] @ (b[k : k + LONG] if b.ndim == 1 else b[..., k : k + LONG, :])
        y = y + part.astype(np.float64)
    return np.asarray(y, a.dtype)


def _in_blocks(rows: Array) -> tuple[Array, Any]:
    """(R, m) as (R, m // LONG, LONG), and what is left of each row, (R, m % LONG), None if that is nothing."""
    R, m = rows.shape
    if rows.itemsize < 4:  # float16, which would overflow within a block
        rows = rows.astype(np.float32)
    if m % LONG == 0:
        return rows.reshape(R, m // LONG, LONG), None
    size = min(LONG, m)
    whole = m - m % size
    left = rows[:, whole:] if whole < m else None
    return rows[:, :whole].reshape(R, whole // size, size), left


def _added(blocks: Array) -> Any:
    return np.add.reduce(blocks, 1, np.float64)
