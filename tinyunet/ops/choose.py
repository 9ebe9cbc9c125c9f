"""Operations that choose: where, clamp. What is not chosen counts nothing, whatever it is: no mask times inf is nan."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.ops.dtypes import check_numbers, promoted
from tinyunet.ops.elementwise import _operands, unbroadcast
from tinyunet.tensor import Array, Operand, differentiable


@differentiable
def where(condition: Operand, input: Any, other: Any) -> Any:
    """`input` where the condition is true, else `other`, with broadcasting; the gradient goes the same way.

    Raises:
        TypeError: a condition that is not boolean.
        ValueError: shapes that do not broadcast.

    >>> where(np.array([True, False]), np.array([1.0, 2.0]), 0.5)
    tensor([1. , 0.5], dtype=float64)
    """
    if condition.dtype != bool:
        raise TypeError(f"where: the condition must be boolean, not {condition.dtype}; write x != 0")
    a, b = _operands("where", input, other)
    try:
        y = np.where(condition, a, b)
    except ValueError:
        raise ValueError(
            f"where: condition {condition.shape}, input {np.shape(a)} and other {np.shape(b)} do not broadcast"
        ) from None

    def backward(dy: Array) -> Any:
        return (
            None,
            lambda: unbroadcast(np.where(condition, dy, 0), np.shape(a)),
            lambda: unbroadcast(np.where(condition, 0, dy), np.shape(b)),
        )

    return y, backward


@differentiable
def clamp(input: Operand, min: float | None = None, max: float | None = None) -> Any:
    """The nearest number between min and max: dx = dy within (the ends count as well), 0 outside.

    Raises:
        TypeError: bounds that are no numbers; booleans.
        ValueError: no bound at all.

    >>> clamp(np.array([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1. ,  0.5,  1. ], dtype=float64)
    """
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    if not all(bound is None or isinstance(bound, (int, float)) for bound in (min, max)):
        raise TypeError(f"clamp: min and max must be numbers, not {min!r} and {max!r}")
    check_numbers("clamp", input)
    x, *_ = promoted(input, *(bound for bound in (min, max) if bound is not None))
    y = np.clip(x, min, max)

    def backward(dy: Array) -> Array:
        above = True if min is None else np.greater_equal(input, min)
        below = True if max is None else np.less_equal(input, max)
        return np.where(above & below, dy, 0)

    return y, backward
