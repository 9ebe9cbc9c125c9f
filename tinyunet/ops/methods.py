"""What can be written on a Tensor itself: `a + b` is `add(a, b)`, `x.sum()` is `sum(x)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.ops import elementwise, linear, reduce, shape
from tinyunet.tensor import Tensor

_OPERATORS: dict[str, Any] = {
    "__add__": elementwise.add,
    "__sub__": elementwise.sub,
    "__mul__": elementwise.mul,
    "__truediv__": elementwise.div,
    "__pow__": elementwise.pow,
    "__matmul__": linear.matmul,
}
_METHODS: dict[str, Any] = {
    "__neg__": elementwise.neg,
    "__abs__": elementwise.abs,
    "__getitem__": shape.getitem,
    "sum": reduce.sum,
    "mean": reduce.mean,
    "var": reduce.var,
    "max": reduce.max,
    "exp": elementwise.exp,
    "log": elementwise.log,
    "sqrt": elementwise.sqrt,
    "abs": elementwise.abs,
    "relu": elementwise.relu,
    "sigmoid": elementwise.sigmoid,
    "tanh": elementwise.tanh,
    "softmax": reduce.softmax,
    "log_softmax": reduce.log_softmax,
    "reshape": shape.reshape,
    "permute": shape.permute,
    "transpose": shape.transpose,
    "expand": shape.expand,
}
_COMPARISONS = {
    "__eq__": np.equal,
    "__ne__": np.not_equal,
    "__lt__": np.less,
    "__le__": np.less_equal,
    "__gt__": np.greater,
    "__ge__": np.greater_equal,
}
_CONVERSIONS: dict[str, Any] = {
    "__len__": lambda self: len(self.numpy()),
    "__iter__": lambda self: (self[i] for i in range(len(self))),
    "__bool__": lambda self: bool(self.numpy()),
    "__float__": lambda self: float(self.item()),
    "__int__": lambda self: int(self.item()),
}
_OPERANDS = (Tensor, np.ndarray, np.generic, int, float)  # anything else: Python raises its own TypeError


def _operator(operation: Any) -> tuple[Any, Any]:
    """The method for `a ∘ b`, and the one for `b ∘ a` where only the right operand is a Tensor."""

    def forward(self: Tensor, other: Any) -> Any:
        return operation(self, other) if isinstance(other, _OPERANDS) else NotImplemented

    def reflected(self: Tensor, other: Any) -> Any:
        return operation(other, self) if isinstance(other, _OPERANDS) else NotImplemented

    return forward, reflected


def _comparison(compare: Any) -> Any:
    """Elementwise, a constant Tensor of booleans."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return Tensor(compare(self.numpy(), other.numpy() if isinstance(other, Tensor) else other))

    return method


for _name, _operation in _OPERATORS.items():
    _forward, _reflected = _operator(_operation)
    setattr(Tensor, _name, _forward)
    setattr(Tensor, _name.replace("__", "__r", 1), _reflected)
for _name, _operation in (_METHODS | _CONVERSIONS).items():
    setattr(Tensor, _name, _operation)
for _name, _compare in _COMPARISONS.items():
    setattr(Tensor, _name, _comparison(_compare))
setattr(Tensor, "T", property(lambda self: shape.permute(self, tuple(reversed(range(self.ndim))))))  # noqa: B010
