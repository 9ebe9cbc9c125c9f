"""Let your own operation stand in for the library's: the whole U-Net then runs on it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinyunet import functional
from tinyunet.tensor import Tensor, differentiable, stand_ins


@contextmanager
def using(**operations: Callable[..., Any]) -> Iterator[None]:
    """Inside the `with`, these functions are called in place of the operations of their names in `tinyunet.functional`.

    >>> import numpy as np
    >>> import tinyunet
    >>> def leaking_relu(x):
    ...     slope = np.where(x > 0, 1, 0.5).astype(x.dtype)
    ...     return x * slope, lambda dy: dy * slope
    >>> layer = tinyunet.nn.ReLU()
    >>> with using(relu=leaking_relu):
    ...     layer(tinyunet.tensor([-4.0, 4.0]))
    tensor([-2.,  4.])

    A stand-in is written as ours are (arrays in, `(result, backward)` out) and called with the same arguments; a
    setting that it does not take is left out as long as it has its default value. Inside it, the name means the
    library's operation again.

    Raises:
        ValueError: a name that is no operation.
        TypeError (when called): a setting that the model needs and the function does not take.
    """
    for name in operations:
        if name not in functional.__all__:
            known = ", ".join(sorted(functional.__all__))
            raise ValueError(f"using: there is no operation {name!r}; there are {known}")
    own = {getattr(functional, name): _standing_in(name, function) for name, function in operations.items()}
    token = stand_ins.set({**stand_ins.get(), **own})
    try:
        yield
    finally:
        stand_ins.reset(token)


def _standing_in(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as it is called in place of the operation `name`."""
    operation = getattr(functional, name)
    function = function if hasattr(function, "differentiable") else differentiable(function)
    takes = inspect.signature(function).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    defaults: dict[str, Any] = {key: p.default for key, p in inspect.signature(operation).parameters.items()}

    def call(*args: Any, **kwargs: Any) -> Any:
        for key in [] if takes_all else [key for key in kwargs if key not in takes]:
            value = kwargs.pop(key)
            if isinstance(value, Tensor) or value != defaults.get(key):
                raise TypeError(f"using: your {name} takes no {key!r}, but it is called with {key}={value!r}")
        token = stand_ins.set({of: own for of, own in stand_ins.get().items() if of is not operation})
        try:
            return function(*args, **kwargs)
        finally:
            stand_ins.reset(token)

    return call
