"""Which dtype a result has: PyTorch's rules, which are not NumPy's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from tinyunet.tensor import Array

P = ParamSpec("P")

KINDS = {"b": 0, "i": 1, "u": 1, "f": 2}
HALF = np.dtype(np.float16)


def result_dtype(*operands: Any) -> np.dtype[Any]:
    """The dtype in which arrays and Python numbers meet: of the highest kind among them, bool < integer < floating.

    Of that kind the arrays with dimensions decide; where there are none, 0-d arrays; where there are none either, the
    numbers, which count as int64 and float32. How wide those of a lower kind are does not matter: int64 and float32
    meet in float32, and so do int64 and 0.1 (in NumPy: in float64).

    >>> result_dtype(np.zeros(3, np.int64), np.zeros(3, np.float32)), result_dtype(np.zeros(3, np.int64), 0.1)
    (dtype('float32'), dtype('float32'))
    >>> result_dtype(np.zeros(3, np.float32), np.array(0.1)), result_dtype(np.zeros(3, np.uint8), np.zeros(3, np.int8))
    (dtype('float32'), dtype('int16'))
    """
    return _deciding(*[(x.dtype, 1 + (x.ndim > 0)) if isinstance(x, np.ndarray) else (_of(x), 0) for x in operands])


def _of(number: float) -> np.dtype[Any]:
    return np.dtype(bool if isinstance(number, bool) else np.int64 if isinstance(number, int) else np.float32)


@functools.lru_cache(maxsize=1024)
def _deciding(*operands: tuple[np.dtype[Any], int]) -> np.dtype[Any]:
    """The same of dtypes and what they count: 2 those of arrays with dimensions, 1 of 0-d arrays, 0 of numbers."""
    ranks = [(KINDS[dtype.kind], rank) for dtype, rank in operands]
    among = [dtype for (dtype, _), rank in zip(operands, ranks, strict=True) if rank == max(ranks)]
    return functools.reduce(np.promote_types, among)


def promoted(*operands: Any) -> list[Array]:
    """All operands as arrays of the dtype in which they meet; numbers as 0-d arrays."""
    dtype = result_dtype(*operands)
    return [np.asarray(x).astype(dtype, copy=False) for x in operands]


def floating(x: Array) -> Array:
    """x itself, or as float32 if it is of integers or truth values, which cannot hold what is made of them.

    >>> floating(np.array([1, 2]))
    array([1., 2.], dtype=float32)
    """
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def check_numbers(name: str, x: Any) -> None:
    """Raises a TypeError for truth values, which are no numbers here, as in PyTorch."""
    if x.dtype.kind == "b":
        raise TypeError(f"{name}: numbers are needed, not bool")


def check_same_dtype(name: str, **arrays: Any) -> None:
    """Raises a TypeError where products would mix dtypes, as in PyTorch.

    NumPy's random numbers are float64. Given to a model of float32 they would make all that follows float64, silently,
    and half as fast.
    """
    dtypes = [x.dtype for x in arrays.values() if x is not None]
    if dtypes[0].kind != "b" and dtypes.count(dtypes[0]) == len(dtypes):
        return
    (what, x), *others = ((what, x) for what, x in arrays.items() if x is not None)
    check_numbers(name, x)
    for other, y in others:
        if y.dtype != x.dtype:
            model = f", or the model with model.to(np.{x.dtype})" if x.dtype.kind == "f" else ""
            raise TypeError(
                f"{name}: {what} is {x.dtype} but {other} is {y.dtype}; both must be of one dtype: "
                f"convert the data with x.astype(np.{y.dtype}){model}"
            )


def wide(x: Any) -> Any:
    """x as float32 if it is an array of float16, else x itself."""
    return x.astype(np.float32) if isinstance(x, np.ndarray) and x.dtype == HALF else x


def in_float32(operation: Callable[P, Any]) -> Callable[P, Any]:
    """Let an operation compute float16 in float32 and round its result once, as PyTorch does (the tape, gradients).

    A float16 has 11 bits and ends at 65504: what is added up on the way needs more.
    """

    run: Callable[..., Any] = operation

    @functools.wraps(operation)
    def apply(*args: P.args, **kwargs: P.kwargs) -> Any:
        for x in (*args, *kwargs.values()):
            if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.dtype != HALF:
                return operation(*args, **kwargs)  # no float16, or several dtypes, which it may refuse
        if not any(isinstance(x, np.ndarray) and x.dtype == HALF for x in (*args, *kwargs.values())):
            return operation(*args, **kwargs)
        y, backward = run(*map(wide, args), **{key: wide(x) for key, x in kwargs.items()})
        value, *others = y if isinstance(y, tuple) else (y,)
        value = value.astype(np.float16)
        return (value, *others) if others else value, lambda dy, **options: backward(wide(dy), **options)

    return apply
