"""Tensor: an array that remembers how it was made, so that derivatives can flow back through it.

Every operation on Tensors that want a gradient leaves a `Node` behind: which operation it was, what it was applied to,
and a function `backward` that turns the derivative of the loss with respect to its *result* into the derivatives with
respect to its *arguments*. That is the chain rule, one link at a time:

    y = f(x)        dL/dx = backward(dL/dy)        written  dx = backward(dy)

The nodes, in the order in which they were made, are the tape. `loss.backward()` starts with dL/dL = 1 and visits them
from the newest to the oldest. A result is always newer than what it was made from, so when a node's turn comes,
everything that used its result has already reported. What has arrived is the sum over all its uses (the derivative of a
sum is the sum of the derivatives). At a leaf, a Tensor that no node made, the sum is kept in `.grad`.

    >>> import tinyunet
    >>> x = tinyunet.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x * x).sum()
    >>> loss.backward()
    >>> x.grad                                                        # d(x²)/dx = 2x
    tensor([2., 4., 6.])

This file knows no operation by name: they live in `tinyunet.ops`, and `differentiable`, at the end, records them.
"""

from __future__ import annotations

import functools
import heapq
import inspect
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from tinyunet.methods import Methods  # methods.pyi: the operators and methods that ops/methods.py adds
else:
    Methods = object

P = ParamSpec("P")
Array = np.ndarray[Any, Any]

# In signatures of operations, known by these names (with `from __future__ import annotations`):
Operand: TypeAlias = Any  # a Tensor or an array for who calls the operation, and inside it the array itself
Updated: TypeAlias = Any  # one that the operation writes to: a Tensor then receives the new values as its `.data`

recording: ContextVar[tuple[bool, ...]] = ContextVar("recording", default=(True,))  # see grad_mode.py
stand_ins: ContextVar[Mapping[Any, Any]] = ContextVar("stand_ins", default=MappingProxyType({}))  # see using.py
_serial = itertools.count()
_adding = threading.RLock()  # threads that walk graphs with a leaf in common add to its gradient one by one


class Tensor(Methods):
    """An array, its gradient, and the node that made it (None for a leaf: data, or a weight).

    The array is read-only: an operation may need its arguments again in the backward pass, and a value changed in
    between would falsify the gradient. Assign a new array to `.data` instead (as an optimizer does); a graph that
    used the old one then refuses to run backward.

    Args:
        data: a number, nested lists, a NumPy array or a Tensor; it is copied.
        dtype: NumPy dtype. By default Python numbers and lists become float32, arrays keep theirs.
        requires_grad: whether operations on this Tensor are recorded, so that `backward()` fills its `.grad`.

    Raises:
        TypeError: for data that is not numeric, or a gradient asked of integers.
    """

    __slots__ = ("_data", "_grad", "requires_grad", "node", "version", "origin", "__weakref__")

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = False) -> None:
        if dtype is None and not isinstance(data, (np.ndarray, np.generic)) and not hasattr(data, "__array__"):
            dtype = np.float32
        try:
            array = np.array(data)
        except (TypeError, ValueError) as error:
            raise TypeError(f"tensor: numbers of one rectangular shape are needed ({error})") from None
        wanted = array.dtype if dtype is None else np.dtype(dtype)
        for kind in (array.dtype, wanted):  # np.array would make nan of None, and a number of "1"
            if kind.kind not in "fiub":
                raise TypeError(f"tensor: real numbers are needed, not {kind}")
        self._data: Array = _sealed(array.astype(wanted, copy=False))
        self._grad: Tensor | None = None
        self.node: Node | None = None
        self.version = 0  # how often .data was replaced
        self.origin: Any = None  # what it is a view of: see `assign` in ops/methods.py
        self.requires_grad_(requires_grad)

    @classmethod
    def _made(cls, array: Any, node: Node | None = None, origin: Tensor | None = None) -> Tensor:
        """The result of an operation: `array` itself, not a copy, from now on read-only."""
        result = cls.__new__(cls)
        result._data, result._grad, result.requires_grad = _sealed(np.asarray(array)), None, node is not None
        result.node, result.version, result.origin = node, 0, origin
        return result

    @property
    def data(self) -> Array:
        """The array itself, read-only. Assigning replaces the values; shape and dtype stay."""
        return self._data

    @data.setter
    def data(self, values: Any) -> None:
        if np.shape(values) != self.shape:
            raise ValueError(f"data: values of shape {np.shape(values)} cannot replace those of shape {self.shape}")
        array = np.empty_like(self._data)  # of the same dtype, and in the same order in memory
        array[...] = values
        self._take(array)

    def _take(self, array: Array) -> None:
        """`array` itself, not a copy, is the data from now on."""
        self._data, self.version = _sealed(array), self.version + 1

    @property
    def grad(self) -> Tensor | None:
        """The derivative of the loss with respect to this leaf, summed over all `backward()` since it was None."""
        return self._grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None and not isinstance(gradient, Tensor):
            raise TypeError(f"grad: must be a Tensor or None, not {type(gradient).__name__}")
        if gradient is not None and (gradient.dtype, gradient.shape) != (self.dtype, self.shape):
            wanted = f"those of its Tensor, {self.dtype} {self.shape}"
            raise ValueError(f"grad: dtype and shape {gradient.dtype} {gradient.shape} must be {wanted}")
        self._grad = gradient

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._data.dtype

    @property
    def is_leaf(self) -> bool:
        """True when no recorded operation made it."""
        return self.node is None

    def numel(self) -> int:
        """Number of elements."""
        return self._data.size

    def numpy(self) -> Array:
        """The array, shared and read-only (`.numpy().copy()` to write to it)."""
        return self._data

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self._data.item()

    def detach(self) -> Tensor:
        """The same array, without the memory of how it was made."""
        return Tensor._made(self._data, origin=self if self.node is None else None)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch recording on or off for this leaf, in place."""
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(f"requires_grad: only floating point has a gradient, this Tensor is {self.dtype}")
        if not requires_grad and self.node is not None:
            raise RuntimeError("requires_grad: a computed Tensor cannot forget its graph in place; use .detach()")
        self.requires_grad = requires_grad
        return self

    def backward(self, gradient: Any = None, retain_graph: bool = False, create_graph: bool = False) -> None:
        """Add the derivative of this Tensor to `.grad` of every leaf with requires_grad that it was computed from.

        Args:
            gradient: the derivative of some loss with respect to this Tensor, of its shape: an array or a Tensor.
                May be left out for a single number, which is then the loss itself (derivative 1).
            retain_graph: keep what the operations saved, so that the same graph can be walked again.

        Raises:
            RuntimeError: no graph, a graph walked before, a leaf changed since, or no gradient for a non-scalar.
            ValueError: a gradient of another shape.
            NotImplementedError: create_graph, which would be a derivative of derivatives.
        """
        if create_graph:
            raise NotImplementedError(
                "backward: create_graph=True is left out on purpose: a gradient has no graph of its own; for a second "
                "derivative take the difference of two gradients, (g(w + h) - g(w - h)) / (2 * h)"
            )
        if not self.requires_grad:
            raise RuntimeError("backward: this Tensor was not computed from one with requires_grad=True")
        if gradient is None and self.numel() != 1:
            raise RuntimeError(
                f"backward: shape {self.shape} is not a single number; pass the gradient of the loss "
                "with respect to it, or reduce it first, as in y.sum().backward()"
            )
        gradient = np.array(np.ones(self.shape) if gradient is None else gradient, dtype=self.dtype)
        if gradient.shape != self.shape:
            raise ValueError(f"backward: gradient of shape {gradient.shape} for a Tensor of shape {self.shape}")
        if self.node is None:
            self._accumulate(gradient)
        else:
            _walk(self.node, gradient, retain_graph)

    def _accumulate(self, gradient: Array) -> None:
        """Add to `.grad`, out of place: the arrays may be somebody else's gradients too."""
        with _adding:
            self._grad = Tensor._made(gradient if self._grad is None else self._grad._data + gradient)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self._data, dtype=dtype, copy=copy)

    def __reduce__(self) -> Any:
        if self.node is not None:
            raise RuntimeError("copy, pickle: only leaves can be copied; use .detach() first")
        return type(self), (self._data, self.dtype, self.requires_grad), (None, {"grad": self._grad})

    def __repr__(self) -> str:
        values = np.array2string(self._data, separator=", ", prefix="tensor(", threshold=200)
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        origin = f", made_by={self.node.name}" if self.node else ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({values}{dtype}{origin})"

    __hash__ = object.__hash__  # by identity, although == compares elements


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A Tensor with a copy of `data`: see `Tensor` for the arguments; `device` can be nothing but the CPU.

    >>> tensor([1, 2])
    tensor([1., 2.])
    """
    if not str(device or "cpu").startswith("cpu"):
        raise ValueError(f"tensor: tinyunet computes on the CPU alone, so there is no {device!r}")
    return Tensor(data, dtype, requires_grad)


class Node:
    """One operation that was done: its name, its backward, and where each of its arguments came from.

    `sources` holds for every argument that wants a gradient: its position; its source, the Node that made it or the
    Tensor itself for a leaf; its shape, dtype and version. Intermediate Tensors are not held: an array that no backward
    needs is freed early.
    """

    __slots__ = ("serial", "name", "backward", "sources", "copies")

    def __init__(self, name: str, backward: Any, inputs: list[tuple[int, Tensor]], copies: bool) -> None:
        self.serial, self.name, self.copies = next(_serial), name, copies
        self.backward: Callable[[Array], Any] | None = backward
        self.sources = [(i, x.node or x, x.shape, x.dtype, x.version) for i, x in inputs]

    def gradients(self, dy: Array) -> Iterator[tuple[Node | Tensor, Array]]:
        """(source, derivative of the loss with respect to it) for every argument that wants one."""
        if self.backward is None:
            raise RuntimeError(
                f"backward: the graph was walked before and what {self.name} saved is freed; "
                "compute the result anew, or call the first backward(retain_graph=True)"
            )
        for _, source, _, _, version in self.sources:
            if isinstance(source, Tensor) and source.version != version:
                raise RuntimeError(
                    f"backward: a Tensor of shape {source.shape} was changed after {self.name} had used it "
                    "(by an optimizer step?); compute the result anew"
                )
        made = self.backward(dy)
        gradients = made if isinstance(made, (tuple, list)) else (made,)
        for i, source, shape, dtype, _ in self.sources:
            dx = gradients[i] if i < len(gradients) else None
            if dx is None:
                raise RuntimeError(f"backward: {self.name} has no derivative with respect to argument {i}")
            dx = dx() if callable(dx) else dx
            dx = np.array(dx, dtype, order="K") if self.copies else np.asarray(dx, dtype)
            if dx.shape != shape:
                raise RuntimeError(
                    f"backward of {self.name}: gradient of shape {dx.shape} for argument {i} of shape {shape}"
                )
            yield source, dx


@np.errstate(all="ignore")  # as in the forward pass
def _walk(last: Node, dy: Array, retain_graph: bool) -> None:
    """Visit every node that `last` was computed from, newest first, handing gradients on.

    Nothing that was handed on is written to again, so several may hold the same array: d(a + b) is dy for both.
    """
    arrived = {last: _sealed(dy)}  # the sum of what each node was handed so far
    queue = [(-last.serial, last)]
    while queue:
        _, node = heapq.heappop(queue)
        for source, dx in node.gradients(arrived.pop(node)):
            if isinstance(source, Tensor):
                source._accumulate(dx)
            elif source in arrived:
                arrived[source] = _sealed(np.asarray(arrived[source] + dx))
            else:
                arrived[source] = _sealed(dx)
                heapq.heappush(queue, (-source.serial, source))
        if not retain_graph:
            node.backward, node.sources = None, []


def _sealed(array: Array) -> Array:
    """The array, to which nobody can write from now on, nor to what it is a view of."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base.setflags(write=False)
        base = base.base
    return array


def _open(array: Any) -> bool:
    """Whether somebody can write to the array, or to what it is a view of."""
    return isinstance(array, np.ndarray) and (array.flags.writeable or _open(array.base))


def differentiable(operation: Callable[P, Any], selective: bool = False) -> Callable[P, Tensor]:
    """Turn a NumPy function that returns `(result, backward)` into an operation on Tensors.

    >>> @differentiable
    ... def multiply(a, b):
    ...     y = a * b
    ...     def backward(dy):
    ...         return dy * b, dy * a
    ...     return y, backward
    >>> a = tensor([2.0], requires_grad=True)
    >>> multiply(a, tensor([3.0])).backward()
    >>> a.grad
    tensor([3.])

    The function gets arrays, the decorated one takes Tensors (or arrays and numbers, which count as constants) and
    returns a Tensor. `backward(dy)` must not write to `dy`. It returns one gradient per argument, in their order, each
    of its argument's shape; None for one that has none, and trailing ones may be left out. A gradient that takes long
    to compute may be given as a function without arguments: it is called only if the gradient is wanted. If the result
    is a tuple, its first element is the differentiable one, and the others are constants.

    An argument annotated `Operand` or `Updated` must be an array or a Tensor (with `| None`: or None), else a TypeError
    says so. The undecorated function stays available as `multiply.__wrapped__`.

    Args:
        selective: whether backward is told of which arguments the gradients are wanted, by their positions, as
            `backward(dy, wanted={0, 1})`: for those that are cheaper together than one by one.
    """
    name = operation.__name__
    parameters = inspect.signature(operation).parameters
    position = {key: i for i, key in enumerate(parameters)}
    annotations = [str(p.annotation) for p in parameters.values()]
    checked = {i: text for i, text in enumerate(annotations) if text.startswith(("Operand", "Updated"))}
    copies = not f"{operation.__module__}".startswith("tinyunet.ops.")  # others may keep what they return
    updated_positions = {i for i, text in checked.items() if text.startswith("Updated")}

    @functools.wraps(operation)
    def apply(*args: Any, **kwargs: Any) -> Any:
        if own := stand_ins.get().get(apply):  # inside `with tinyunet.using(…)`
            return own(*args, **kwargs)
        inputs: list[tuple[int, Tensor]] = []
        updated: list[tuple[Tensor, Array, Array]] = []

        def array_of(i: int, x: Any) -> Any:
            if isinstance(x, Tensor):
                if i in updated_positions:
                    updated.append((x, x._data, x._data.copy()))
                    return updated[-1][2]
                if x.requires_grad and recording.get()[-1]:
                    inputs.append((i, x))
                return x._data
            if isinstance(x, np.ndarray):
                x = np.asarray(x)  # no np.matrix, whose * is another product
                # the caller may write to it, and change it or a result that is a view of it
                return x.copy("K") if i not in updated_positions and _open(x) else x
            if i in checked and not (x is None and "None" in checked[i]):
                raise TypeError(f"{name}: {list(parameters)[i]} must be a Tensor or an array, not {type(x).__name__}")
            return x.item() if isinstance(x, np.generic) else x  # np.float64(2) does not make float32 float64

        values = [array_of(i, x) for i, x in enumerate(args)]
        for key, x in kwargs.items():
            if isinstance(x, Tensor) and key not in position:
                raise TypeError(f"{name}: a Tensor is passed as {key!r}, which is none of {', '.join(position)}")
        kwargs = {key: array_of(position.get(key, -1), x) for key, x in kwargs.items()}
        with np.errstate(all="ignore"):  # 1/0 is inf and log(−1) nan, as in PyTorch: values, not warnings
            made = operation(*values, **kwargs)
        if not (isinstance(made, tuple) and len(made) == 2 and callable(made[1])):
            raise TypeError(f"{name}: an operation returns (result, backward), not {type(made).__name__}")
        y, backward = made
        for x, before, array in updated:
            if array.tobytes() != before.tobytes():  # in evaluation nothing is written, not even the same values
                x._take(array)
        if selective:
            backward = functools.partial(backward, wanted={i for i, _ in inputs})
        node = Node(name, backward, inputs, copies) if inputs else None
        if isinstance(y, tuple):
            return (Tensor._made(y[0], node), *map(Tensor._made, y[1:]))
        for x in args if node is None and y.base is not None else ():
            if isinstance(x, Tensor) and x.node is None and (y.base is x._data or y.base is x._data.base):
                return Tensor._made(y, origin=x)  # a view of a leaf (of others, no graph is to be held)
        return Tensor._made(y, node)

    apply.differentiable = True  # type: ignore[attr-defined]  # `using` has nothing to add to it
    return apply
