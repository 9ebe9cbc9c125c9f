"""What everyday PyTorch writes on a Tensor: `x.view(-1)`, `x.long()`, `~mask`, `f"{loss:.3f}"`."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from tinyunet import functional as F
from tinyunet.everyday import shapes
from tinyunet.everyday.machine import DTYPES, asked_dtype, device
from tinyunet.grad_mode import is_grad_enabled
from tinyunet.ops.elementwise import cast
from tinyunet.ops.methods import OF_UFUNCS, assign, operator_methods
from tinyunet.ops.reduce import normalize_dim, normalize_dims
from tinyunet.ops.shape import expand
from tinyunet.tensor import Tensor

# Constants: no gradient flows through these


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the largest element stands, the first of equals: along `dim`, or in all elements one after the other.

    >>> argmax(np.array([[1.0, 5.0], [7.0, 2.0]])), argmax(np.array([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    (tensor(2, dtype=int64), tensor([1, 0], dtype=int64))
    """
    return _position("argmax", np.argmax, input, dim, keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the smallest element stands: see `argmax`."""
    return _position("argmin", np.argmin, input, dim, keepdim)


def _position(name: str, find: Any, input: Any, dim: int | None, keepdim: bool) -> Tensor:
    x = np.asarray(input)
    if x.size == 0 and (dim is None or x.shape[normalize_dim(name, dim, x.ndim)] == 0):
        raise ValueError(f"{name}: there is no element in an input of shape {x.shape}")
    axis = None if dim is None or x.ndim == 0 else normalize_dim(name, dim, x.ndim)
    return Tensor(np.asarray(find(x, axis=axis, keepdims=keepdim), np.int64))


def any(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether some element is not 0: of all, or along `dim`."""
    return Tensor(np.any(np.asarray(input), axis=normalize_dims("any", dim, np.ndim(input)), keepdims=keepdim))


def all(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether no element is 0: of all, or along `dim`."""
    return Tensor(np.all(np.asarray(input), axis=normalize_dims("all", dim, np.ndim(input)), keepdims=keepdim))


def _bitwise(symbol: str, operation: Any) -> Any:
    """`&`, `|` and `^` of truth values or integers, elementwise."""

    def of(*operands: Any) -> Tensor:
        arrays = [x.numpy() if isinstance(x, Tensor) else x for x in operands]
        for x in map(np.asarray, arrays):
            if x.dtype.kind not in "iub":
                raise TypeError(f"{symbol}: truth values or integers are needed, not {x.dtype}")
        return Tensor(operation(*arrays))

    return of


def _invert(self: Tensor) -> Tensor:
    if self.dtype.kind not in "iub":
        raise TypeError(f"~: truth values or integers are needed, not {self.dtype}")
    return Tensor(~self.numpy())


def _index(self: Tensor) -> int:
    if self.dtype.kind not in "iub" or self.numel() != 1:
        raise TypeError(f"an index must be one integer, not a Tensor of {self.dtype} of shape {self.shape}")
    return int(self.item())


def _format(self: Tensor, spec: str) -> str:
    """One number as a number; a Tensor with dimensions as `print` shows it, and no other way."""
    return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)


def numel(input: Any) -> int:
    """How many elements there are."""
    return builtins.int(np.size(np.asarray(input)))


def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the size of one dimension."""
    return self.shape if dim is None else self.shape[normalize_dim("size", dim, self.ndim)]


# With the gradients of the operations that they are made of


def to(self: Tensor, *wishes: Any, dtype: Any = None, device: Any = None, **hints: Any) -> Tensor:
    """The Tensor in another dtype: `x.to(np.float64)`. `x.to("cpu")` is x itself, and there is no other device."""
    wanted = asked_dtype(*wishes, dtype, device)
    if wanted is None or wanted == self.dtype:
        return self
    if wanted.kind == "f":
        return cast(self, wanted)
    with np.errstate(invalid="ignore"):  # nan has no integer
        return Tensor(self.numpy().astype(wanted))


def clone(input: Tensor) -> Tensor:
    """A copy, through which the gradient flows back."""
    return cast(input, input.dtype) if input.dtype.kind == "f" else Tensor(input)


def std(input: Any, dim: Any = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Standard deviation, √var: its slope is infinite where all are equal, and taken as 0, as in PyTorch."""
    v = F.var(input, dim, correction, keepdim)
    none = np.asarray(v.numpy() == 0)
    return F.where(none, v, F.sqrt(F.where(none, 1.0, v)))


# In place, where nothing is recorded


def _in_place(name: str, operation: Any) -> Any:
    """`x.add_(…)` gives x new values. As it cannot give the name x to a new Tensor, it never records."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        parts = (self, *args, *kwargs.values())
        if is_grad_enabled() and builtins.any(isinstance(x, Tensor) and x.requires_grad for x in parts):
            raise RuntimeError(
                f"{name}: not where a gradient is wanted; change a Tensor inside `with no_grad():`, or make a new one, "
                "as in y = x + 1"
            )
        assign(self, operation(self, *args, **kwargs).numpy())
        return self

    return method


def _filled(self: Tensor, value: Any) -> Tensor:
    return expand(value if isinstance(value, Tensor) else Tensor(value), self.shape)


_IN_PLACE: dict[str, Any] = {
    "add_": lambda self, other, alpha=1: self + (other if alpha == 1 else other * alpha),
    "sub_": lambda self, other, alpha=1: self - (other if alpha == 1 else other * alpha),
    "mul_": F.mul,
    "div_": F.div,
    "clamp_": F.clamp,
    "copy_": _filled,
    "fill_": _filled,
    "zero_": lambda self: _filled(self, 0),
    "lerp_": lambda self, end, weight: self + (end - self) * weight,
}

_FUNCTIONS = {
    "all": all,
    "any": any,
    "argmax": argmax,
    "argmin": argmin,
    "chunk": shapes.chunk,
    "clone": clone,
    "flatten": shapes.flatten,
    "gather": shapes.gather,
    "repeat": shapes.repeat,
    "size": size,
    "split": shapes.split,
    "squeeze": shapes.squeeze,
    "std": std,
    "to": to,
    "type": to,
    "unsqueeze": shapes.unsqueeze,
    "view": F.reshape,
    **{name: getattr(F, name) for name in ("add", "sub", "mul", "div", "pow", "neg", "matmul")},
    **{name: getattr(F, name) for name in ("clamp", "cos", "cumprod", "min", "sin", "silu")},
}
_SHORT: dict[str, Any] = {
    "contiguous": lambda self: self,  # an array may lie in memory as it likes
    "cpu": lambda self: self,
    "dim": lambda self: self.ndim,
    "tolist": lambda self: self.numpy().tolist(),
    "view_as": lambda self, other: F.reshape(self, other.shape),
    "__format__": _format,
    "__index__": _index,
    "__invert__": _invert,
}
for _name, _function in (_FUNCTIONS | _SHORT).items():
    setattr(Tensor, _name, _function)
for _name, _function in _IN_PLACE.items():
    setattr(Tensor, _name, _in_place(_name, _function))
for _name in ("half", "float", "double", "int", "long", "bool"):
    setattr(Tensor, _name, lambda self, dtype=DTYPES[_name]: to(self, dtype))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, _name, lambda self, other, name=_name: getattr(operator, name)(self, other))
for _name, _symbol in (("and", "&"), ("or", "|"), ("xor", "^")):
    OF_UFUNCS[getattr(np, f"bitwise_{_name}")] = _operation = _bitwise(_symbol, getattr(np, f"bitwise_{_name}"))
    for _side, _method in zip(("", "r"), operator_methods(_operation), strict=True):
        setattr(Tensor, f"__{_side}{_name}__", _method)
setattr(Tensor, "device", property(lambda self: device()))  # noqa: B010
