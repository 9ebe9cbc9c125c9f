"""What can be written on a Tensor itself: `a + b` is `add(a, b)`, `x.sum()` is `sum(x)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.ops import elementwise, linear, reduce, shape
from tinyunet.ops.dtypes import promoted
from tinyunet.tensor import Array, Tensor, recording

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


def operator_methods(operation: Any) -> tuple[Any, Any]:
    """The method for `a ∘ b`, and the one for `b ∘ a` where only the right operand is a Tensor."""

    def forward(self: Tensor, other: Any) -> Any:
        return operation(self, other) if isinstance(other, _OPERANDS) else NotImplemented

    def reflected(self: Tensor, other: Any) -> Any:
        return operation(other, self) if isinstance(other, _OPERANDS) else NotImplemented

    return forward, reflected


def _in_place(symbol: str, operation: Any) -> Any:
    """The method for `a ∘= b`: the values of `a` change where nothing is recorded, as a loop over weights does it.

    Where `a` or `b` is part of a graph, `a ∘= b` is `a = a ∘ b`: a new Tensor takes over the name, and gradients are
    right. A leaf that wants a gradient would be lost by that, and is an error, as in PyTorch.
    """

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        if recording.get()[-1] and (self.requires_grad or getattr(other, "requires_grad", False)):
            if self.requires_grad and self.is_leaf:
                raise RuntimeError(
                    f"{symbol}: a leaf with requires_grad=True (shape {self.shape}) changes only inside "
                    "`with no_grad():`; for a result of it write a new name, as in y = x + 1"
                )
            return operation(self, other)
        values = operation(self, other).numpy()
        if values.shape != self.shape:
            raise ValueError(f"{symbol}: a Tensor of shape {self.shape} cannot take a result of shape {values.shape}")
        if not np.can_cast(values.dtype, self.dtype, "same_kind"):
            raise TypeError(f"{symbol}: a Tensor of {self.dtype} cannot take a result of {values.dtype}")
        assign(self, values)
        return self

    return method


def assign(x: Tensor, values: Any) -> None:
    """New values for x, and for what it is a view of: a row of a weight, or the weight without its graph (`detach`).

    As in PyTorch; but views that were made before keep the old values.

    Raises:
        RuntimeError: a view of a Tensor that has other values by now.
    """
    origin = x.origin
    if origin is not None:
        parent, places, version = origin if isinstance(origin, tuple) else (origin, *_places(x, origin))
        if parent.version != version:
            raise RuntimeError("in place: what this Tensor is a view of has changed since; make the view anew")
        changed = parent.numpy().flatten()
        changed[places] = values
        assign(parent, changed.reshape(parent.shape))
        origin = parent, places, parent.version
    x.data = values
    x.origin = origin


def _places(x: Tensor, parent: Tensor) -> tuple[Array, int]:
    """Which elements of a Tensor a view sees, and the version that it sees them of (−1 if that is gone)."""
    view, array = x.numpy(), parent.numpy()
    if not np.shares_memory(view, array) and view.size:
        return np.empty(0, int), -1
    where = _addresses(array).ravel()
    order = where.argsort()
    return order[where.searchsorted(_addresses(view), sorter=order)], parent.version


def _addresses(array: Array) -> Array:
    """Where in memory each element lies."""
    steps = np.ix_(*(stride * np.arange(n) for stride, n in zip(array.strides, array.shape, strict=True)))
    return np.asarray(sum(steps, np.full(array.shape, array.ctypes.data)))


def _setitem(self: Tensor, index: Any, values: Any) -> None:
    """`x[index] = values`, where nothing is recorded."""
    if recording.get()[-1] and (self.requires_grad or getattr(values, "requires_grad", False)):
        raise RuntimeError(
            "x[…] = …: not where a gradient is wanted; make a new Tensor with tinyunet.where(mask, values, x), or by "
            "concatenation, or write to it inside `with no_grad():`"
        )
    places, _ = shape.getitem.__wrapped__(np.arange(self.numel()).reshape(self.shape), index)  # type: ignore[attr-defined]
    changed = self.numpy().flatten()
    changed[places] = values.numpy() if isinstance(values, Tensor) else values
    assign(self, changed.reshape(self.shape))


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
    """NumPy asks here for `array + x` and `np.float32(2) * x`, and for `np.exp(x)`, which would lose the gradient."""
    if ufunc in OF_UFUNCS and method == "__call__" and not settings:
        return OF_UFUNCS[ufunc](*inputs)
    if "out" in settings:
        raise TypeError(
            f"np.{ufunc.__name__}: an array is not changed in place by a Tensor; for the values of a weight p write "
            "`p -= lr * p.grad` inside `with no_grad():`"
        )
    raise TypeError(
        f"np.{ufunc.__name__} takes no Tensor, whose gradient it would lose: use a function or method of tinyunet, or "
        "x.numpy() where no gradient is wanted"
    )


def _array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """NumPy's functions take a Tensor as its array, unless the result would have had a gradient, which they lose."""
    lost = []

    def plain(x: Any) -> Any:
        if isinstance(x, (tuple, list)):
            return [plain(each) for each in x]
        if not isinstance(x, Tensor):
            return x
        lost.append(x.requires_grad and recording.get()[-1])
        return x.numpy()

    made = function(*map(plain, args), **{key: plain(x) for key, x in kwargs.items()})
    results = made if isinstance(made, (tuple, list)) else [made]
    if any(lost) and any(isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f" for x in results):
        raise TypeError(
            f"np.{function.__name__} would lose the gradient of a Tensor: use a function or method of tinyunet, or "
            "x.detach() where no gradient is wanted"
        )
    return made


def _comparison(compare: Any) -> Any:
    """Elementwise, a constant Tensor of booleans."""
    return lambda self, other: _compared(compare)(self, other) if isinstance(other, _OPERANDS) else NotImplemented


def _compared(compare: Any) -> Any:
    """Arrays are compared in the dtype in which they meet, and numbers as what they are: no uint8 is 300."""

    def compared(*operands: Any) -> Any:
        plain = [x.numpy() if isinstance(x, Tensor) else x.item() if isinstance(x, np.generic) else x for x in operands]
        return Tensor(compare(*(promoted(*plain) if all(isinstance(x, np.ndarray) for x in plain) else plain)))

    return compared


for _name, _operation in _OPERATORS.items():
    _forward, _reflected = operator_methods(_operation)
    setattr(Tensor, _name, _forward)
    setattr(Tensor, _name.replace("__", "__r", 1), _reflected)
for _symbol, _name in {"+=": "add", "-=": "sub", "*=": "mul", "/=": "truediv", "**=": "pow"}.items():
    setattr(Tensor, f"__i{_name}__", _in_place(_symbol, _OPERATORS[f"__{_name}__"]))
OF_UFUNCS: dict[Any, Any] = {
    np.add: elementwise.add,
    np.subtract: elementwise.sub,
    np.multiply: elementwise.mul,
    np.true_divide: elementwise.div,
    np.power: elementwise.pow,
    np.matmul: linear.matmul,
    **{compare: _compared(compare) for compare in _COMPARISONS.values()},
}
for _name, _operation in (_METHODS | _CONVERSIONS).items():
    setattr(Tensor, _name, _operation)
for _name, _compare in _COMPARISONS.items():
    setattr(Tensor, _name, _comparison(_compare))
setattr(Tensor, "__setitem__", _setitem)  # noqa: B010
setattr(Tensor, "__array_function__", _array_function)  # noqa: B010
setattr(Tensor, "__array_ufunc__", _array_ufunc)  # noqa: B010
setattr(Tensor, "T", property(lambda self: shape.permute(self, tuple(reversed(range(self.ndim))))))  # noqa: B010
