"""How large the result of a layer is, or of a chain of layers: its shape alone, with the arithmetic behind it.

A layer is an operation on arrays of which only the shapes are there. What is asked of it (its lengths, its weights, how
often a weight is multiplied) is answered by the operation.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from tinyunet import functional
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.grad_mode import no_grad
from tinyunet.nn import Module
from tinyunet.tensor import Array
from tinyunet.using import using

ALSO = {  # what layers are called, too
    "conv": "conv2d",
    "up": "conv_transpose2d",
    "deconv": "conv_transpose2d",
    "convtranspose": "conv_transpose2d",
    "pool": "max_pool2d",
    "maxpool": "max_pool2d",
    "avgpool": "avg_pool2d",
    "maxpool1d": "max_pool1d",
    "avgpool1d": "avg_pool1d",
    "bn": "batch_norm",
    "gn": "group_norm",
    "ln": "layer_norm",
    "fc": "linear",
    "dense": "linear",
}
LETTERS = {
    "k": "kernel_size",
    "s": "stride",
    "p": "padding",
    "d": "dilation",
    "g": "groups",
    "out": "out_channels",
    "op": "output_padding",
}


class Layer(NamedTuple):
    """An operation in a chain, and the channels and places that it is given and gives."""

    operation: Operation
    given: Index
    gives: Index

    @property
    def name(self) -> str:
        return self.operation.name

    def parameters(self) -> dict[str, Index]:
        """The shapes of its weights, by name."""
        op = self.operation
        shapes = {name: np.shape(op.arrays[name]) for name in op.leaves if op.arrays[name] is not None}
        return {name: _without_row(op, shape) for name, shape in shapes.items() if name not in op.data}

    @property
    def weights(self) -> int:
        """How many parameters it has."""
        return sum(map(math.prod, self.parameters().values()))

    @property
    def multiplications(self) -> int:
        """How many products of a weight and a number its result takes."""
        times = self.operation.multiplied()
        return 0 if times is None else math.prod(times[0]) * math.prod(times[1])


def _without_row(operation: Operation, shape: Index) -> Index:
    """A shape with the axes that a user counts: the row of a signal is not one of them."""
    return shape if operation.plane == 2 or len(shape) < 4 else shape[:2] + shape[3:]


class Field(NamedTuple):
    """How far along one axis a number of a result sees into the image: the least and the most, over all its places."""

    least: int
    most: int
    jump: int | None  # to what the neighbour of a number sees, in pixels; None where that differs


class Size(tuple[int, ...]):
    """The shape of a result, a tuple, and how it was found; `print` shows it.

    Attributes:
        layers: one, or those of a chain.
    """

    layers: tuple[Layer, ...]

    def __new__(cls, layers: Iterable[Layer]) -> Size:
        layers = tuple(layers)
        size = super().__new__(cls, layers[-1].gives)
        size.layers = layers
        return size

    @property
    def parameters(self) -> int:
        """How many weights all layers have."""
        return sum(layer.weights for layer in self.layers)

    @property
    def multiplications(self) -> int:
        """How many products with a weight the result takes."""
        return sum(layer.multiplications for layer in self.layers)

    def fields(self) -> list[tuple[Field, ...] | None]:
        """After every layer, how many rows and columns of the image a number sees; None for all of it, () if not known.

        A number of y sees an interval of the positions before; so we go back from every number, layer by layer.
        """
        found: list[tuple[Field, ...] | None] = []
        operations: list[Operation] = []
        for layer in self.layers:
            operations.append(layer.operation)
            plane = layer.operation.plane if self.layers[0].operation.arrays["x"].ndim == 4 else 0
            if any(operation.name == "linear" for operation in operations):
                found.append(None)
            elif any(_places_unknown(operation) for operation in operations):
                found.append(())
            else:
                axes = max(len(operation.lengths()) for operation in operations) or plane
                found.append(tuple(_field(operations, axis) for axis in range(axes)))
        return found

    @property
    def receptive_field(self) -> tuple[int, ...] | None:
        """How many rows and columns of the image a number of the result can see at most; None for all of it."""
        field = self.fields()[-1]
        return None if field is None else tuple(axis.most for axis in field)

    if TYPE_CHECKING:  # what `byhand/methods.py` ties to it

        def text(self) -> str: ...
        def markdown(self) -> str: ...
        def latex(self) -> str: ...
        def check(self, answer: Any) -> Any: ...


def seen(operations: Sequence[Operation], axis: int, first: Array, last: Array) -> tuple[Array, Array]:
    """The positions of the image, along an axis, that positions first … last of the result depend on."""
    for operation in reversed(operations):
        lengths = operation.lengths()
        if lengths:
            first, last = lengths[axis].seen(first, last)
    return first, last


def _places_unknown(operation: Operation) -> bool:
    """Whether an operation makes images of another size without a rule that says where its numbers come from."""
    x, y = np.shape(operation.arrays["x"]), operation.y_shape()
    return len(x) == len(y) == 4 and x[2:] != y[2:] and not operation.lengths()


def _field(operations: Sequence[Operation], axis: int) -> Field:
    lengths = [operation.lengths() for operation in operations]
    places = np.arange(max([2, *(both[axis].value for both in lengths if both)]))
    first, last = seen(operations, axis, places, places)
    width = last - first + 1
    jumps = set(np.diff(first).tolist())
    return Field(int(width.min()), int(width.max()), jumps.pop() if len(jumps) == 1 else None)


class Cat(Operation):
    """A map that came by another way is put beside x: so many channels more."""

    name = "cat"
    leaves = ("x",)
    array_names = ("x",)
    parameters: ClassVar = {"channels": inspect.Parameter("channels", inspect.Parameter.POSITIONAL_OR_KEYWORD)}

    def y_shape(self) -> Index:
        N, C, *others = self.arrays["x"].shape
        return N, C + int(self.settings["channels"]), *others


LAYERS = {name: kind for name, kind in OPERATIONS.items() if kind.leaves} | {"cat": Cat}  # what gradients pass
IMAGES = "flatten", "batch_norm", "group_norm", "cat"  # of images, though no window slides


def size(layers: Any, input: Any, **settings: Any) -> Size:
    """The size of a result alone: of a layer, a chain of layers or a model, for the size of an image.

    Args:
        layers: the name of an operation, with what PyTorch's layer takes as `settings`; or texts such as
            "conv:16,3,stride=2", where names and arguments may be short (k, s, p, d), in a list or with blanks
            between them; or an `nn.Module`, whose operations are taken down as it calls them.
        input: (C, H, W), (H, W) or (N, C, H, W); one number for a square.

    Raises:
        ValueError, TypeError: no such layer or setting, a setting that is missing, a window that does not fit.

    >>> size("conv2d", (3, 32, 32), out_channels=16, kernel_size=3, stride=2, padding=1) == (16, 16, 16)
    True
    >>> chain = size("conv:64,3 relu conv:64,3 relu pool:2", (1, 572, 572))
    >>> tuple(chain), chain.parameters, chain.receptive_field
    ((64, 284, 284), 37568, (6, 6))
    """
    if isinstance(layers, Module):
        if settings:
            raise TypeError("size: a model has its settings already")
        shape, short = _shape(input, 2)
        return _chain(_recorded(layers, shape), short, 2)
    if isinstance(layers, str):
        layers = [layers] if settings else layers.split()
    if not isinstance(layers, (list, tuple)) or not layers or not all(isinstance(layer, str) for layer in layers):
        raise TypeError(f"size: the name of a layer, a list of layers or a model is needed, not {layers!r}")
    if settings and len(layers) > 1:
        raise TypeError("size: a list of layers has its settings in it, as in 'conv:16,3,stride=2'")
    kinds = [_kind(layer.partition(":")[0]) for layer in layers]
    planes = {kind.plane for kind in kinds if kind.slides} or {2 for kind in kinds if kind.name in IMAGES}
    if len(planes) > 1:
        raise ValueError("size: layers for signals, such as conv1d, and layers for images do not go together")
    plane = max(planes, default=0)
    x, short = _shape(input, plane)
    operations: list[Operation] = []
    for number, (layer, kind) in enumerate(zip(layers, kinds, strict=True), 1):
        try:
            operations.append(_made(kind, x, _written(kind, layer.partition(":")[2]) | _full(settings), short == 2))
            x = operations[-1].y_shape()
        except (ValueError, TypeError) as error:
            raise type(error)(str(error) if len(layers) == 1 else f"layer {number}, {layer}: {error}") from None
    return _chain(operations, short, plane)


def _chain(operations: Sequence[Operation], short: int, plane: int) -> Size:
    """The layers with their sizes as the user counts axes: `short` says how many axes the image lacks."""
    if not operations:
        raise ValueError("size: the model calls no operation that is known here")

    def shown(shape: Index) -> Index:
        if len(shape) < 4:
            return shape[min(short, 1) :]
        shape = shape if plane == 2 else shape[:2] + shape[3:]
        return shape[short if shape[1] == 1 else min(short, 1) :]

    return Size(Layer(op, shown(np.shape(op.arrays["x"])), shown(op.y_shape())) for op in operations)


def _shape(input: Any, plane: int) -> tuple[Index, int]:
    """The shape of x and how many axes were not given: of images, or signals in a row, with all four, else as it is."""
    if isinstance(input, str):
        found = input.lower().replace("×", "x").replace(",", "x").split("x")
        if not all(re.fullmatch(r"\s*\d+\s*", part) for part in found):
            raise ValueError(f"size: an input such as 3x32x32 is needed, not {input!r}")
        input = [int(part) for part in found]
    shape: Index = tuple(input) if isinstance(input, Iterable) else (input,)
    if not shape or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError(f"size: input must be integers such as (3, 32, 32), not {input!r}")
    shape = tuple(map(int, shape)) * (plane if len(shape) == 1 and plane else 1)
    most = 2 + plane if plane else 4
    if min(shape) < 1 or len(shape) > most:
        raise ValueError(f"size: input must be 1 to {most} sizes of at least 1, such as (3, 32, 32), not {input!r}")
    if not plane:
        return shape, 0
    lacking = most - len(shape)
    return (1,) * lacking + shape[:-1] + (1,) * (2 - plane) + shape[-1:], lacking


def _kind(name: str) -> type[Operation]:
    """The operation of this name, or another name of it."""
    name = name.strip().lower()
    known = ALSO.get(name, name)
    if known not in LAYERS:
        near = difflib.get_close_matches(name, [*LAYERS, *ALSO], n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"there is {', '.join([*LAYERS, *ALSO])}"
        raise ValueError(f"size: there is no layer {name!r}; {meant}")
    return LAYERS[known]


def _arguments(kind: type[Operation]) -> dict[str, Any]:
    """What the layer takes, in PyTorch's order, each with its default."""
    own = list(inspect.signature(kind.weights).parameters.values())[1:]
    settings = {name: p.default for name, p in kind.parameters.items() if name not in kind.array_names}
    first = {p.name: p.default for p in own if p.kind is not p.KEYWORD_ONLY and p.name not in settings}
    return first | settings | {p.name: p.default for p in own if p.kind is p.KEYWORD_ONLY}


def _full(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {LETTERS.get(name, name): value for name, value in settings.items()}


def _written(kind: type[Operation], text: str) -> dict[str, Any]:
    """The arguments of a layer in a text, such as "16,3,stride=2"."""
    takes, found = list(_arguments(kind)), dict[str, Any]()
    for place, part in enumerate(text.split(",") if text else []):
        name, equals, value = part.partition("=")
        if not equals and place >= len(takes):
            raise ValueError(f"{kind.name} takes {len(takes)} arguments: {', '.join(takes)}")
        key = LETTERS.get(name.strip(), name.strip()) if equals else takes[place]
        found[key] = _value(value if equals else name)
    return found


def _value(text: str) -> Any:
    """A setting in a text: 3, 3x5, true, same."""
    text = text.strip()
    if re.fullmatch(r"-?\d+(x-?\d+)*", text):
        numbers = [int(part) for part in text.split("x")]
        return numbers[0] if len(numbers) == 1 else tuple(numbers)
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _made(kind: type[Operation], x: Index, given: dict[str, Any], one: bool) -> Operation:
    """The layer on an x of this shape; with `one`, on an image without channels."""
    takes = _arguments(kind)
    for name in given:
        if name not in takes:
            near = difflib.get_close_matches(name, takes, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(takes) or 'none'}"
            raise ValueError(f"{kind.name} has no setting {name!r}; {meant}")
    if one and "out_channels" in takes:
        given = {"out_channels": 1} | given
    missing = [name for name, value in (takes | given).items() if value is inspect.Parameter.empty]
    if missing:
        raise ValueError(
            f"{kind.name} needs {' and '.join(missing)}, such as {' and '.join(f'{n}=3' for n in missing)}"
        )
    if kind.name == "linear" and len(x) == 4:
        raise ValueError("a linear layer takes a row of numbers, not an image; put flatten before it")
    settings = takes | given
    asked = {name: settings[name] for name in list(inspect.signature(kind.weights).parameters)[1:]}
    shapes = kind.weights(x, **asked)
    arrays = {"x": _empty(x)} | {name: _empty(shapes.get(name)) for name in kind.array_names if name != "x"}
    operation = kind(arrays, {name: settings[name] for name in kind.parameters if name not in kind.array_names}, {})
    if min(operation.y_shape()) < 1:
        raise ValueError(f"{kind.name}: nothing is left of {x[2:]}")
    return operation


def _empty(shape: Index | None) -> Any:
    """An array that has a shape, and one number at all its places."""
    return None if shape is None else np.broadcast_to(np.float64(0), shape)


def _recorded(model: Module, shape: Index) -> list[Operation]:
    """The operations that a model calls on an image of this shape, in order; their results are never computed."""
    found: list[Operation] = []

    def stand_in(kind: type[Operation]) -> Callable[..., Any]:
        takes, arrays_of = list(inspect.signature(getattr(functional, kind.name)).parameters), kind.array_names

        def noted(*args: Any, **kwargs: Any) -> tuple[Array, Any]:
            given = dict(zip(takes, args, strict=False)) | kwargs
            named = (
                given | {kind.aliases.get(name, name): array for name, array in given.items()} | {"x": given[takes[0]]}
            )
            shapes = {name: np.shape(array) if (array := named.get(name)) is not None else None for name in arrays_of}
            arrays = {name: _empty(shape) for name, shape in shapes.items()}
            single = kind.slides and arrays["x"].ndim == 3  # one image, without its batch axis
            if single:
                arrays["x"] = arrays["x"][None]
            settings = {n: given.get(n, p.default) for n, p in kind.parameters.items() if n not in arrays_of}
            operation = kind(arrays, settings, {})
            found.append(operation)
            y = np.broadcast_to(np.float32(0), operation.y_shape())
            return (y[0] if single else y), lambda dy: dy

        return noted

    kinds = {name: kind for name, kind in OPERATIONS.items() if name in functional.__all__ and kind.data == ("x",)}
    modes = [(module, module.training) for _, module in model.named_modules()]
    try:
        model.eval()
        with no_grad(), using(**{name: stand_in(kind) for name, kind in kinds.items()}):
            model(np.broadcast_to(np.float32(0), shape))
    finally:
        for module, training in modes:
            module.training = training
    return found
