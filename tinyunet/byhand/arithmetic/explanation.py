"""An operation on numbers of your own, and every number in it explained."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyunet.byhand.arithmetic.numbers import read_array
from tinyunet.byhand.arithmetic.operation import Operation
from tinyunet.byhand.arithmetic.worked import Part, Step, Sum, Symbol, Term
from tinyunet.tensor import Array


@dataclass(frozen=True, repr=False)
class Element:
    """One element of a result, worked out, which can check an answer."""

    formula: Symbol  # of the quantity
    steps: tuple[Step, ...]  # the last one gives the value
    explanation: Explanation  # the result
    index: tuple[int, ...]  # where it stands there

    @property
    def symbol(self) -> Symbol:
        """What was worked out, such as y[0, 1, 1]."""
        return self.steps[-1].symbol

    @property
    def value(self) -> float:
        """The number itself."""
        return self.steps[-1].value

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the last step, in order."""
        return tuple(self.steps[-1].terms)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The partial sums of the last step, if it is a sum."""
        last = self.steps[-1]
        return last.parts if isinstance(last, Sum) else ()

    if TYPE_CHECKING:  # what `byhand/methods.py` ties to it

        def text(self) -> str: ...
        def markdown(self) -> str: ...
        def latex(self) -> str: ...
        def check(self, answer: Any) -> Any: ...
        def html(self) -> str: ...
        def figure(self) -> Any: ...


class Explanation:
    """A result, or a gradient, of which every element can be worked out.

    Attributes:
        operation: the operation with its arrays and settings.
        what: "y", or a gradient such as "dw".
        dy: the gradient ∂L/∂y that reaches a gradient, as the operation takes it: with its batch axis.
        made_from: those of its arrays that are results themselves, by name; see `chain.py`.
    """

    def __init__(self, operation: Operation, what: str = "y", dy: Array | None = None) -> None:
        self.operation, self.what, self.dy = operation, what, dy
        self.made_from: dict[str, Explanation] = {}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Its numbers: so it can be an array of the next operation."""
        return np.array(self.result, dtype)

    @property
    def title(self) -> str:
        """Such as "dw of conv2d"."""
        return f"{self.what} of {self.operation.name}"

    @functools.cached_property
    def result(self) -> Array:
        """All of it, as the operation computes it, in float64."""
        whole = self.operation.result(self.what, self.dy)
        return whole.reshape(self.operation.shown(self.what, whole.shape))

    @functools.cached_property
    def sizes(self) -> Array:
        """How large the terms are that each of its numbers is made of, with all axes: what rounding them depends on."""
        return self.operation.sizes(self.what, self.dy)

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that it is made from, by name, as they were given: also dy, for a gradient."""
        found, shown = self.operation.arrays | {"dy": self.dy}, self.operation.shown
        return {name: np.reshape(a, shown(name, np.shape(a))) for name, a in found.items() if a is not None}

    def at(self, *index: int) -> Element:
        """Work one element out.

        Raises:
            IndexError: there is no such element.

        >>> from tinyunet import byhand
        >>> print(byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]], b=[10]).at(0, 0))
        y[n,o,i,j] = b[o] + Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v
          channel 0: 1×0 + 2×1 + 3×2 + 4×3 = 20
          y[0, 0] = 20 + 10 (bias) = 30
        """
        operation = self.operation
        shape = operation.shown(self.what, operation.shape(self.what))
        wrong = len(index) != len(shape) or any(
            isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not -n <= k < n
            for k, n in zip(index, shape, strict=False)
        )
        if wrong:
            raise IndexError(f"{self.what} has the shape {shape}; there is no element {index} in it")
        index = tuple(int(k) % n for k, n in zip(index, shape, strict=True))
        steps = operation.work_out(self.what, operation.full(self.what, index), self.dy)
        return Element(operation.formula(self.what), steps, self, index)

    def grad(self, name: str, dy: Any = None) -> Explanation:
        """The gradient ∂L/∂name of a loss L, for ∂L/∂y = dy; without dy it is 1 everywhere, as for L = Σ y.

        Raises:
            ValueError: an array that is not there, or a dy of another shape than y.

        >>> from tinyunet import byhand
        >>> y = byhand.conv2d([[1, 2, 3], [4, 5, 6]], [[0, 1], [2, 3]])
        >>> print(y.grad("w", dy=[[1, -1]]).at(0, 1))
        dw[o,c,u,v] = Σ dy[n,o,i,j] · x[n, c, s·i+d·u−p, s·j+d·v−p], over n, i, j
          dw[0, 1] = 1×2 + (−1)×3 = −1
        """
        known = [what[1:] for what in self.operation.quantities() if what.startswith("d")]
        if self.what != "y" or name not in known:
            of = f"{self.operation.name}'s {self.what}"
            there = ", ".join(known) or "none"
            raise ValueError(f"there is no gradient of {of} with respect to {name!r}; there is {there}")
        y = self.operation.result()
        full, shape = np.ones_like(y) if dy is None else read_array(dy).values, self.operation.shown("y", y.shape)
        if full.shape not in (shape, y.shape):
            raise ValueError(f"dy has the shape {full.shape}; it must have that of y, {shape}")
        gradient = Explanation(self.operation, f"d{name}", full.reshape(y.shape))
        gradient.made_from = self.made_from | ({"dy": dy} if isinstance(dy, Explanation) else {})
        return gradient

    def updated(self, name: str) -> Explanation:
        """What the operation leaves in one of its arrays: batch_norm in "running_mean" and "running_var".

        Raises:
            ValueError: an array that is not updated.
        """
        known = [what for what in self.operation.quantities() if what in self.operation.updates]
        if name not in known:
            raise ValueError(
                f"{self.operation.name} does not update {name!r} here; it updates {', '.join(known) or 'none'}"
            )
        kept = Explanation(self.operation, name)
        kept.made_from = self.made_from
        return kept

    def __iter__(self) -> Iterator[Element]:
        """All elements, in order."""
        return (self.at(*index) for index in np.ndindex(*self.result.shape))

    if TYPE_CHECKING:  # what `byhand/methods.py` ties to it

        def check(self, answer: Any) -> Any: ...
        def html(self) -> str: ...
        def animation(self, milliseconds: int = 700) -> Any: ...
        def animate(self, path: Any, milliseconds: int = 700) -> None: ...


def explained(operation: Operation) -> Explanation:
    """Run an operation.

    Raises:
        ValueError, TypeError: what the operation itself raises, and a result that is not finite.
    """
    with np.errstate(all="ignore"):
        y, _ = operation.ran
    if not np.all(np.isfinite(y)):
        raise ValueError(f"{operation.name}: the result is not finite; a variance of 0 needs an eps above 0")
    return Explanation(operation)
