"""Modules: what a network is made of. They find their Parameters by themselves, save them and load them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyunet.grad_mode import no_grad
from tinyunet.tensor import Array, Tensor


class Parameter(Tensor):
    """A Tensor that is learned: a Module that has it as an attribute lists it in `parameters()`."""

    def __init__(self, data: Any, dtype: Any = None, requires_grad: bool = True) -> None:
        super().__init__(data, dtype, requires_grad)


class Module:
    """Something with parameters and a `forward`. Modules and Parameters set as attributes are found by themselves.

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

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, in the order in which they were set."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it, with dotted names."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def _named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Parameters and buffers: what `state_dict` holds."""
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Tensor):
                    yield f"{prefix}.{name}" if prefix else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters, with dotted names; one that is used in two places is listed once."""
        seen: set[int] = set()
        for name, value in self._named_tensors():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, for an optimizer."""
        return (value for _, value in self.named_parameters())

    def state_dict(self) -> dict[str, Array]:
        """Parameters and running statistics by name, as copies: what has to be saved."""
        return {name: value.numpy().copy() for name, value in self._named_tensors()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters and running statistics by name; arrays, Tensors and PyTorch's tensors are taken.

        Nothing is changed unless everything fits.

        Args:
            strict: whether missing and unexpected names are an error.

        Raises:
            KeyError: with `strict`, listing all missing and unexpected names.
            ValueError: listing all values whose shape differs.
        """
        own = dict(self._named_tensors())
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

    def train(self, mode: bool = True) -> Module:
        """Switch this module and all below it to training (batch statistics, dropout) or evaluation."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
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
        before = [(module, module.training) for _, module in self.named_modules()]
        self.eval()
        try:
            with no_grad():
                yield
        finally:
            for module, training in before:
                module.training = training

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, dtype: Any) -> Module:
        """Convert the floating-point parameters and statistics, in place: `model.to(np.float64)`."""
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"to: weights are floating point, they cannot be {np.dtype(dtype)}")
        for _, value in self._named_tensors():
            if value.dtype.kind == "f":
                value._convert(dtype)
        return self

    def extra_repr(self) -> str:
        """The settings that `repr` shows in the brackets."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        return "\n  ".join([f"{type(self).__name__}({self.extra_repr()}", *lines]) + "\n)"


def _set_module(container: Module, i: int, module: Any) -> None:
    if not isinstance(module, Module):  # it would be no child, and silently left out
        raise TypeError(f"{type(container).__name__}: element {i} is not a Module but {module!r}")
    setattr(container, str(i), module)


class Sequential(Module):
    """Modules applied one after the other.

    >>> from tinyunet import nn
    >>> nn.Sequential(nn.ReLU(), nn.Tanh())(Tensor([-1.0, 0.0]))
    tensor([0., 0.])
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            _set_module(self, i, module)

    def forward(self, x: Any) -> Any:
        for _, module in self.named_children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Module:
        return [module for _, module in self.named_children()][index]


class ModuleList(Module):
    """A list of modules whose parameters are found.

    >>> from tinyunet import nn
    >>> len(nn.ModuleList([nn.ReLU(), nn.Tanh()]))
    2
    """

    def __init__(self, modules: Any = ()) -> None:
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        _set_module(self, len(self), module)

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def __len__(self) -> int:
        return len(list(self.named_children()))

    def __getitem__(self, index: int) -> Module:
        return list(self)[index]
