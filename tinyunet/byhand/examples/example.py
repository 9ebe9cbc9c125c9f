"""A worked example, and what is asked of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.numbers import write_array
from tinyunet.byhand.mistakes.diagnosis import MISSING, Verdict
from tinyunet.tensor import Array


@dataclass(frozen=True)
class Ask:
    """What is asked, and what somebody answered.

    Attributes:
        of: the result, gradient or updated array that is asked about.
        at: the index of one element of it; None asks for all of it.
        answer: a number, a text such as "1/3", or nested lists of them; None if it is not answered yet.
    """

    of: Explanation
    at: tuple[int, ...] | None = None
    answer: Any = None

    @property
    def subject(self) -> Element | Explanation:
        """What an answer is about."""
        return self.of if self.at is None else self.of.at(*self.at)

    @property
    def heading(self) -> str:
        """Such as "y[0, 1, 1]"."""
        return self.of.what if self.at is None else self.of.at(*self.at).symbol.text

    def check(self) -> Verdict:
        """Whether the answer is right, or the mistake that leads to it. No answer is not right."""
        return MISSING if self.answer is None else self.subject.check(self.answer)


@dataclass(frozen=True)
class Example:
    """An operation on some numbers, and what is asked of it.

    Attributes:
        explanation: of the result y.
        asks: in their order.
        title: one line.
        dy: the gradient that reaches y; None is 1 everywhere.
    """

    explanation: Explanation
    asks: tuple[Ask, ...] = ()
    title: str = ""
    dy: Array | None = None

    def of(self, what: str = "y") -> Explanation:
        """The result y, a gradient such as "dw", or an updated array.

        Raises:
            ValueError: there is none of that name.
        """
        if what.startswith("d"):
            return self.explanation.grad(what[1:], self.dy)
        return self.explanation if what == "y" else self.explanation.updated(what)

    def elements(self, grad: str | None = None, at: Sequence[int] | None = None) -> list[Element]:
        """What to work out: the elements asked for, or of a gradient, or the one with this index; else the first.

        Raises:
            ValueError: there is no such gradient.
            IndexError: there is no such element.

        >>> from tinyunet.byhand.examples import built_in
        >>> [element.symbol.text for element in built_in("weight-gradient").elements()]
        ['dw[0, 0]', 'dw[1, 1]']
        """
        asked = [(ask.of, ask.at) for ask in self.asks if grad is None or ask.of.what == f"d{grad}"]
        if at is not None or not asked:
            asked = [(self.of("y" if grad is None else f"d{grad}"), None if at is None else tuple(at))]
        found: dict[str, Element] = {}
        for of, index in sorted(asked, key=lambda pair: pair[1] is None):
            # Of a whole array its first element is worked out, unless another one was asked for.
            if index is not None or of.what not in {element.explanation.what for element in found.values()}:
                element = of.at(*((0,) * of.result.ndim if index is None else index))
                found[element.symbol.text] = element
        return list(found.values())

    @property
    def call(self) -> str:
        """The operation with its settings, such as "relu()"."""
        operation = self.explanation.operation
        settings = (f"{name}={value!r}" for name, value in operation.settings.items() if value is not None)
        return f"{operation.name}({', '.join(settings)})"

    def arrays(self) -> list[tuple[str, Array]]:
        """All that is given, and y."""
        dy = [] if self.dy is None else [("dy", self.dy)]
        return [*self.explanation.arrays.items(), *dy, ("y", self.explanation.result)]

    def text(self, elements: Sequence[Element]) -> str:
        """All the numbers, and elements worked out; a gradient is shown whole before its first element."""
        lines, shown = [str(self)], {"y"}
        for element in elements:
            whole = element.explanation
            if whole.what not in shown:
                lines.append(grid(whole.what, whole.result))
                shown.add(whole.what)
            lines.append(element.text())
        return "\n\n".join(lines)

    def __str__(self) -> str:
        grids = (grid(name, array) for name, array in self.arrays())
        return "\n".join([*([self.title, ""] if self.title else []), self.call, *grids])

    if TYPE_CHECKING:  # tied on in `__init__.py`

        def markdown(self, elements: Sequence[Element] | None = None) -> str: ...
        def latex(self, elements: Sequence[Element] | None = None) -> str: ...
        def html(self, elements: Sequence[Element] | None = None) -> str: ...
        def save(self, path: str | os.PathLike[str], elements: Sequence[Element] | None = None) -> None: ...


def grid(name: str, array: Array) -> str:
    """Such as "x = [[1 2] …", in columns."""
    return f"{name} = {write_array(array, prefix=f'{name} = ')}"
