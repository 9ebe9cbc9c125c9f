"""An operation on numbers of your own, and every number in it explained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyunet.byhand.arithmetic.numbers import read_array, write_array
from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.arithmetic.worked import Worked
from tinyunet.byhand.mistakes.diagnosis import Verdict, check_element, check_map
from tinyunet.byhand.views import page
from tinyunet.tensor import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Element(Worked):
    """One element of a result, worked out, which can check an answer."""

    explanation: Explanation
    index: tuple[int, ...]

    __repr__ = Worked.text

    def check(self, answer: Any) -> Verdict:
        """Whether a number is right, to the digits given; if not, the mistakes that would give it.

        >>> from tinyunet import byhand
        >>> y = byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]])
        >>> print(y.at(0, 0).check(10))
        not right: y[0, 0] = 10. It is what this mistake gives: kernel flipped: the kernel is used as it stands, not \
turned by 180°.
        """
        whole = self.explanation
        full = whole._full(self.index)
        return check_element(whole.operation, whole.what, whole.dy, full, self, answer)

    def html(self) -> str:
        """The page of the whole result, which shows this element first: see `Explanation.html`."""
        return page.html(self.explanation, self.index)

    def figure(self) -> Figure:
        """The window, the kernel, the products and the sum as a picture of 16:9: see `tinyunet.byhand.figure.draw`.

        >>> from tinyunet import byhand
        >>> byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]]).at(0, 0).figure()
        <Figure size 1280x720 with 1 Axes>
        """
        from tinyunet.byhand.views import figure  # which loads Matplotlib, and not everybody draws

        return figure.draw(self)


class Explanation:
    """A result, or a gradient, of which every element can be worked out.

    Attributes:
        operation: the operation with its arrays and settings.
        what: "y", or a gradient such as "dw".
        dy: the gradient ∂L/∂y that reaches a gradient, as the operation takes it: with its batch axis.
        result: the whole quantity, as the operation computes it, in float64.
    """

    def __init__(self, operation: Operation, what: str = "y", dy: Array | None = None) -> None:
        self.operation, self.what, self.dy = operation, what, dy
        self._left_out = operation.left_out.get(what, 0)
        self._whole: Array | None = None

    @property
    def result(self) -> Array:
        """All elements."""
        if self._whole is None:
            self._whole = self.operation.result(self.what, self.dy)
        return self._whole.reshape(self._whole.shape[self._left_out :])

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that it is made from, by name, as they were given: also dy, for a gradient."""
        found = dict(self.operation.arrays)
        if self.dy is not None:
            found["dy"] = self.dy
        left_out = self.operation.left_out
        return {
            name: np.asarray(a).reshape(np.shape(a)[left_out.get(name, 0) :])
            for name, a in found.items()
            if a is not None
        }

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
        shape = self.operation.shape(self.what)[self._left_out :]
        wrong = len(index) != len(shape) or any(
            isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not -n <= k < n
            for k, n in zip(index, shape, strict=False)
        )
        if wrong:
            raise IndexError(f"{self.what} has the shape {shape}; there is no element {index} in it")
        index = tuple(int(k) % n for k, n in zip(index, shape, strict=True))
        worked = self.operation.work_out(self.what, self._full(index), self.dy)
        return Element(worked.formula, worked.steps, self, index)

    def _full(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """The index with the axes that the user did not give."""
        return (0,) * self._left_out + index

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
            raise ValueError(f"there is no gradient of {of} with respect to {name!r}; there is {', '.join(known)}")
        y = self.operation.result()
        if dy is None:
            full = np.ones_like(y)
        else:
            full = read_array(dy)[0]
            shape = y.shape[self._left_out :]
            if full.shape not in (shape, y.shape):
                raise ValueError(f"dy has the shape {full.shape}; it must have that of y, {shape}")
            full = full.reshape(y.shape)
        return Explanation(self.operation, f"d{name}", full)

    def updated(self, name: str) -> Explanation:
        """What the operation leaves in one of its arrays: batch_norm in "running_mean" and "running_var".

        Raises:
            ValueError: an array that is not updated.
        """
        known = [what for what in self.operation.quantities() if what.startswith("running")]
        if name not in known:
            raise ValueError(
                f"{self.operation.name} does not update {name!r} here; it updates {', '.join(known) or 'none'}"
            )
        return Explanation(self.operation, name)

    def check(self, answer: Any) -> Verdict:
        """Whether a whole result is right, to the digits given; if not, the first wrong element and the mistake.

        Args:
            answer: nested lists of numbers and texts such as "1/3", or an array. It may have the wrong shape.

        >>> from tinyunet import byhand
        >>> y = byhand.conv2d([[1, 2, 3], [4, 5, 6]], [[0, 1], [2, 3]], padding="same")
        >>> y.check(y.result).right
        True
        """
        return check_map(self.operation, self.what, self.dy, answer, self.at)

    def animate(self, path: str | os.PathLike[str], milliseconds: int = 700) -> None:
        """Write a GIF of the window sliding over the image: see `tinyunet.byhand.figure.animate`.

        Raises:
            ValueError: a path that does not end in .gif, frames shorter than 20 ms, or more than 400 of them.
        """
        from tinyunet.byhand.views import figure

        figure.animate(self, path, milliseconds)

    def html(self) -> str:
        """A page to explore it in a browser, offline: point at an element, and see where its number comes from.

        Raises:
            ValueError: there is too much for a page.

        >>> from tinyunet import byhand
        >>> byhand.relu([-3, 2]).html().startswith("<!doctype html>")
        True
        """
        return page.html(self)

    def _repr_html_(self) -> str:
        return page.frame(self)

    def __iter__(self) -> Iterator[Element]:
        """All elements, in order."""
        return (self.at(*index) for index in np.ndindex(*self.result.shape))

    def __str__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in self.operation.settings.items())
        return f"{self.what} of {self.operation.name}({settings})\n{write_array(self.result)}"

    __repr__ = __str__
