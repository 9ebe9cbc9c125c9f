"""Whether operations are recorded: `no_grad`, `enable_grad` and `set_grad_enabled`, in this thread.

`recording` holds True or False for every `with` that is open, the innermost last. So leaving one needs to remember
nothing: it takes the last one off.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, ClassVar, TypeVar

from tinyunet.tensor import recording

C = TypeVar("C", bound=Callable[..., Any])


def is_grad_enabled() -> bool:
    """Whether operations are recorded here and now."""
    return recording.get()[-1]


class no_grad:
    """Inside `with no_grad():`, or in a function decorated `@no_grad()`, nothing is recorded (in this thread).

    A generator that is decorated runs so between its `yield`s, and its caller does not.

    >>> from tinyunet.tensor import tensor
    >>> w = tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     print((w * 3).requires_grad)
    False

    Raises:
        TypeError: for a coroutine, of which other code runs in between.
    """

    mode: ClassVar[bool] = False

    def __new__(cls, function: C | None = None) -> Any:
        """`@no_grad` is `@no_grad()`."""
        made = super().__new__(cls)
        return made if function is None else made(function)

    def __enter__(self) -> None:
        recording.set((*recording.get(), self.mode))

    def __exit__(self, *error: object) -> None:
        recording.set(recording.get()[:-1])

    def __call__(self, function: C) -> C:
        name = f"@{type(self).__name__}"
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"{name}: decorate a function, not {function!r}")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name}: not for a coroutine; write `with` around what it computes between its awaits")

        @functools.wraps(function)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        @functools.wraps(function)
        def steps(*args: Any, **kwargs: Any) -> Any:
            return (yield from _Steps(function(*args, **kwargs), self))

        return steps if inspect.isgeneratorfunction(function) else decorated  # type: ignore[return-value]


class enable_grad(no_grad):
    """Inside `with enable_grad():`, or in a function decorated `@enable_grad()`, operations are recorded again."""

    mode = True


class set_grad_enabled:
    """Record from now on, or no longer: as a statement for good, as `with set_grad_enabled(training):` until its end.

    Inside a `with no_grad():` or the like, "for good" is until the end of that. `@set_grad_enabled(False)` is
    `@no_grad()`.

    >>> with set_grad_enabled(False):
    ...     print(is_grad_enabled())
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode, self.before = bool(mode), recording.get()
        recording.set((*self.before[:-1], self.mode))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        recording.set(self.before)

    def __call__(self, function: C) -> C:
        recording.set(self.before)
        decorate = enable_grad() if self.mode else no_grad()
        return decorate(function)


class _Steps(Generator[Any, Any, Any]):
    """A generator whose every step runs inside `mode`."""

    def __init__(self, generator: Generator[Any, Any, Any], mode: no_grad) -> None:
        self.generator, self.mode = generator, mode

    def send(self, value: Any) -> Any:
        with self.mode:
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        with self.mode:
            return self.generator.throw(*error)
