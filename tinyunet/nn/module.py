"""Modules: what a network is made of. They find their Parameters by themselves, save them and load them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import numpy as np

from tinyunet.everyday.machine import asked_dtype
from tinyunet.grad_mode import no_grad
from tinyunet.tensor import Array, Tensor


def forget_gradients(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """`zero_grad` of a Module and of an Optimizer; with gradients of 0 an optimizer still moves, by its momentum."""
    for p in parameters:
        p.grad = None if set_to_none or p.grad is None else Tensor(np.zeros_like(p.grad.numpy()))


class Parameter(Tensor):
    """A Tensor that is learned: a Module that has it as an attribute lists it in `parameters()`."""

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = True) -> None:
        super().__init__(data, dtype, requires_grad)


T = TypeVar("T")


def _each_once(named: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """What has several names, under its first one."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


class Module:
    """Something with parameters and a `forward`. Modules and Parameters set as attributes are found by themselves.

    Another Tensor that a module keeps is saved and converted with it only if it is registered: see `register_buffer`.

    >>> class Twice(Module):
    ...     def __init__(self):
    ...         self.scale = Parameter(2.0)
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> Twice()(Tensor([1.0, 2.0])).numpy()
    array([2., 4.], dtype=float32)
    >>> [name for name, _ in Twice().named_parameters()]
    ['scale']
    """

    training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define forward(self, …)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep a Tensor that is not learned, such as a running mean, as the attribute `name`; `to` converts it.

        Args:
            persistent: whether `state_dict` has it, so that it is saved and loaded.

        Raises:
            TypeError: a name that is no text, or what is no Tensor.
            KeyError: a name that is empty, has a dot, or is taken.

        >>> layer = Module()
        >>> layer.register_buffer("steps", Tensor([1.0, 2.0]))
        >>> layer.state_dict()
        {'steps': array([1., 2.], dtype=float32)}
        """
        persistences = self.__dict__.setdefault("_persistent", {})
        self._check_name(name, name in persistences)
        if not isinstance(tensor, Tensor | None):
            raise TypeError(f"register_buffer: {name!r} must be a Tensor or None, not {type(tensor).__name__}")
        persistences[name] = persistent  # by name: whoever assigns another Tensor to the attribute replaces the buffer
        setattr(self, name, tensor)

    def __setattr__(self, name: str, value: Any) -> None:
        """A parameter or a buffer is replaced by its like: by anything else it would silently no longer be learned."""
        kind = Parameter if isinstance(vars(self).get(name), Parameter) else Tensor
        if (kind is Parameter or name in vars(self).get("_persistent", ())) and not isinstance(value, kind | None):
            raise TypeError(
                f"{type(self).__name__}: {name} is a {kind.__name__} of the module and cannot become a "
                f"{type(value).__name__}; for other values write {name}.data = …"
            )
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        vars(self).get("_persistent", {}).pop(name, None)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as `self.name = param`, for names that are made up."""
        self._check_name(name, isinstance(vars(self).get(name), Parameter))
        if not isinstance(param, Parameter | None):
            raise TypeError(f"register_parameter: {name!r} must be a Parameter or None, not {type(param).__name__}")
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as `self.name = module`, for names that are made up: `add_module(f"block{i}", …)`."""
        self._check_name(name, isinstance(vars(self).get(name), Module))
        if not isinstance(module, Module | None):  # it would be no child, and silently left out
            raise TypeError(f"{type(self).__name__}: element {name} is not a Module but {module!r}")
        setattr(self, name, module)

    def _check_name(self, name: Any, known: bool) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: the name must be a text, not {name!r}")
        if not name or "." in name:
            raise KeyError(f"{type(self).__name__}: the name {name!r} must not be empty or have a dot")
        if hasattr(self, name) and not known:
            raise KeyError(f"{type(self).__name__}: there is an attribute {name!r} already")

    def _children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, in the order in which they were set."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def _places(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, with dotted names; one that is used in two places has two."""
        yield prefix, self
        for name, child in self._children():
            yield from child._places(f"{prefix}.{name}" if prefix else name)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, in the order in which they were set, each once."""
        return _each_once(self._children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with dotted names, each once."""
        return _each_once(self._places())

    def children(self) -> Iterator[Module]:
        """The modules that are attributes of this one."""
        return (child for _, child in self.named_children())

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn` with every module below this one and then with this one, as in `model.apply(init_weights)`."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _kept(self, persistent: bool = False) -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers by name, from every place where they are; only persistent buffers, if so wanted."""
        for prefix, module in self._places():
            tensors = {name: value for name, value in vars(module).items() if isinstance(value, Tensor)}
            buffers = vars(module).get("_persistent", {})
            names = [name for name, value in tensors.items() if isinstance(value, Parameter)]
            names += [name for name in buffers if name in tensors and (buffers[name] or not persistent)]
            yield from ((f"{prefix}.{name}" if prefix else name, tensors[name]) for name in dict.fromkeys(names))

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters, with dotted names; one that is used in two places is listed once."""
        return _each_once((name, value) for name, value in self._kept() if isinstance(value, Parameter))

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, for an optimizer."""
        return (value for _, value in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """All registered buffers, with dotted names, each once."""
        return _each_once((name, value) for name, value in self._kept() if not isinstance(value, Parameter))

    def buffers(self) -> Iterator[Tensor]:
        """All registered buffers."""
        return (value for _, value in self.named_buffers())

    def state_dict(self) -> dict[str, Array]:
        """Parameters and persistent buffers by name, as copies: what has to be saved."""
        return {name: value.numpy().copy() for name, value in self._kept(persistent=True)}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters and persistent buffers by name; arrays, Tensors and PyTorch's tensors are taken.

        Nothing is changed unless everything fits.

        Args:
            strict: whether missing and unexpected names are an error.

        Raises:
            KeyError: with `strict`, listing all missing and unexpected names.
            ValueError: listing all values whose shape differs.
        """
        own = dict(self._kept(persistent=True))
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and (missing or unexpected):
            raise KeyError(
                f"load_state_dict: {type(self).__name__} does not match; "
                f"missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(unexpected) or 'none'}"
            )
        values = {name: np.asarray(state_dict[name]) for name in own if name in state_dict}
        differing = [
            f"{name} is {value.shape} and should be {own[name].shape}"
            for name, value in values.items()
            if value.shape != own[name].shape
        ]
        if differing:
            raise ValueError(f"load_state_dict: {'; '.join(differing)}")
        for name, value in values.items():
            own[name].data = value

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training (batch statistics, dropout) or evaluation."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: `train(False)`."""
        return self.train(False)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside the `with`: evaluation, nothing recorded. Afterwards every module is in the mode that it had.

        >>> from tinyunet.nn import Dropout
        >>> model = Dropout(0.5)
        >>> with model.evaluating():
        ...     model(Tensor([1.0, 2.0]))
        tensor([1., 2.])
        >>> model.training
        True
        """
        before = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            with no_grad():
                yield
        finally:
            for module, training in before:
                module.training = training

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters learn, or none: `requires_grad_(False)` freezes the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to 0."""
        forget_gradients(self.parameters(), set_to_none)

    def to(self, *wishes: Any, dtype: Any = None, device: Any = None, **hints: Any) -> Self:
        """Convert the floating-point parameters and buffers, in place: `model.to(np.float64)`.

        A device may be named, too: there is the CPU.
        """
        wanted = asked_dtype(*wishes, dtype, device)
        if wanted is not None and wanted.kind != "f":
            raise TypeError(f"to: weights are floating point, they cannot be {wanted}")
        for _, value in self._kept():
            if wanted is not None and value.dtype.kind == "f":
                value._take(value.numpy().astype(wanted))
                value.grad = None if value.grad is None else Tensor(value.grad, wanted)
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def cpu(self) -> Self:
        """The module itself."""
        return self

    def extra_repr(self) -> str:
        """The settings that `repr` shows in the brackets."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n  ".join([f"{type(self).__name__}({self.extra_repr()}", *lines]) + "\n)"


class _Numbered(Module):
    """Modules by number: what `Sequential` and `ModuleList` have in common."""

    def append(self, module: Module) -> Self:
        """Add one at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several at the end."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(list(self._children()))

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._children())

    def __getitem__(self, index: Any) -> Any:
        """One module; for a slice a container of the same kind."""
        if not isinstance(index, slice):
            return list(self)[index]
        return (Sequential() if isinstance(self, Sequential) else ModuleList()).extend(list(self)[index])

    def __setitem__(self, index: int, module: Module) -> None:
        name = [name for name, _ in self._children()][index]
        self.add_module(name, module)


class Sequential(_Numbered):
    """Modules applied one after the other; an `OrderedDict` of them gives them names.

    >>> from tinyunet import nn
    >>> nn.Sequential(nn.ReLU(), nn.Tanh())(Tensor([-1.0, 0.0]))
    tensor([0., 0.])
    """

    def __init__(self, *modules: Any) -> None:
        named = modules[0] if len(modules) == 1 and isinstance(modules[0], dict) else dict(enumerate(modules))
        for name, module in named.items():
            self.add_module(str(name), module)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x


class ModuleList(_Numbered):
    """A list of modules whose parameters are found.

    >>> from tinyunet import nn
    >>> len(nn.ModuleList([nn.ReLU(), nn.Tanh()]))
    2
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)
