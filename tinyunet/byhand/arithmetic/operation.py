"""What an operation is: how it is run, how each of its numbers comes about, and what else is true of it.

A subclass knows, for each quantity of one operation, the result "y" or a gradient such as "dw", how one element of it
comes about: by a method of that name. Whoever shows, draws, checks or prints operations asks them for the rest: what a
user calls, what the arrays and their axes are called, how large y is.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinyunet import functional
from tinyunet.byhand.arithmetic.lengths import Length
from tinyunet.byhand.arithmetic.worked import Factor, Numbers, Part, Step, Symbol, Term, place
from tinyunet.ops.window import Axes
from tinyunet.tensor import Array

Index = tuple[int, ...]
Border = tuple[tuple[int, int], tuple[int, int]]  # before and after: rows and columns
Call = TypeVar("Call", bound=Callable[..., Any])


def in_full(latex: str) -> str:
    r"""LaTeX in which ∂x stood for ∂L/∂x.

    >>> print(in_full("∂b_o"))
    \frac{\partial L}{\partial b_o}
    """
    return re.sub(r"∂(\\?[a-zA-Z]+(_\{[^}]*\}|_\w)?)", r"\\frac{\\partial L}{\\partial \1}", latex)


class Operation:
    """An operation with its arrays and settings.

    Attributes:
        arrays: by name, in the order of the operation's arguments; those of images always with their batch axis, as
            float64. An optional one may be None.
        settings: the other arguments.
        left_out: by name, how many leading axes of an array are not the user's: 1 for the batch axis of one image.
    """

    # What a user calls, its arguments by name, and which of them are arrays: set by `called`.
    name: ClassVar[str]
    call: ClassVar[Callable[..., Any]]
    parameters: ClassVar[Mapping[str, inspect.Parameter]]
    array_names: ClassVar[tuple[str, ...]]

    like: ClassVar[str] = ""  # the operation that it is a kind of: it runs that, and shares its mistakes
    title: ClassVar[str]  # what it is called in a heading
    formulas: ClassVar[dict[str, tuple[str, str]]]  # of every quantity, in a text and in LaTeX, with ∂x for ∂L/∂x
    leaves: ClassVar[tuple[str, ...]]  # the arrays that have gradients
    updates: ClassVar[tuple[str, ...]] = ()  # the arrays that it overwrites
    data: ClassVar[tuple[str, ...]] = ("x",)  # the arrays that are no parameters; y is made from the first
    size: ClassVar[str | None] = None  # the rule for the size of y, in words; None if it has the shape of x
    linear: ClassVar[bool] = False  # whether y is linear in each of the arrays, while the others stay as they are
    plane: ClassVar[int] = 2  # how many axes at the end are drawn as a grid: rows and columns
    slides: ClassVar[bool] = False  # whether a window slides over images
    outside: ClassVar[float] = 0.0  # what the padding around an image holds
    elementwise: ClassVar[bool] = False  # whether a number of y comes from the one at its place in x, and no other
    read_off: ClassVar[bool] = False  # whether y holds numbers of x, and zeros: there is nothing to calculate
    letters: ClassVar[dict[str, str]] = {}  # what arrays are called in LaTeX, if not by their names
    symbols: ClassVar[dict[str, str]] = {}  # what arguments are called in the formulas, if not by their names
    captions: ClassVar[dict[tuple[str, int], str]] = {}  # what an array with so many axes is headed, if not by its name
    axes_needed: ClassVar[dict[str, int]] = {}  # how many axes an array has at least, if not 1
    axis_names: ClassVar[dict[str, tuple[str, str]]] = {}  # the axes before rows and columns, if not image and channel
    weights: ClassVar[Callable[..., dict[str, Index | None]]] = staticmethod(lambda x: {})  # see `size.py`
    aliases: ClassVar = {"input": "x", "weight": "w", "bias": "b", "kernel": "w", "window": "kernel_size"}  # in errors

    def __init__(self, arrays: dict[str, Any], settings: dict[str, Any], left_out: dict[str, int]) -> None:
        self.arrays, self.settings, self.left_out = arrays, settings, left_out

    @classmethod
    def called(cls, call: Call) -> Call:
        """Decorate the function that a user calls; its arguments that may be anything, `Any`, are the arrays."""
        OPERATIONS[call.__name__] = cls
        given = inspect.signature(call)

        @functools.wraps(call)
        def linked(*args: Any, **kwargs: Any) -> Any:
            """The same; and the result remembers which arrays are results themselves."""
            y = call(*args, **kwargs)
            arguments = given.bind(*args, **kwargs).arguments
            y.made_from = {name: array for name, array in arguments.items() if isinstance(array, type(y))}
            return y

        cls.name, cls.call = call.__name__, staticmethod(linked)
        cls.formulas = {what: (text, in_full(latex)) for what, (text, latex) in cls.formulas.items()}
        cls.parameters = {name: p.replace(annotation=_text(p.annotation)) for name, p in given.parameters.items()}
        cls.array_names = tuple(name for name, p in cls.parameters.items() if p.annotation == "Any")
        return linked  # type: ignore[return-value]

    @classmethod
    def least_axes(cls, array: str) -> int:
        """How many axes an array has at least."""
        return cls.axes_needed.get(array, 1)

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        """At most so many products make the result: known before anything is computed."""
        return arrays[cls.data[0]].size

    # ---- the whole of it

    def run(self) -> tuple[Any, Any]:
        """Result and backward of the operation itself."""
        return self.plain(*self.arrays.values(), **self.settings)

    @property
    def plain(self) -> Callable[..., Any]:
        """The operation itself, a NumPy function under `@differentiable`."""
        return getattr(functional, self.like or self.name).__wrapped__

    def axes(self) -> Axes:
        """How the window slides, for operations that have one."""
        raise NotImplementedError

    @functools.cached_property
    def ran(self) -> tuple[Any, Any]:
        """Result and backward, of the only run."""
        return self.run()

    def changed(self, **changes: Any) -> Operation:
        """The same with other arrays or settings."""
        arrays = {name: changes.pop(name, array) for name, array in self.arrays.items()}
        return type(self)(arrays, self.settings | changes, self.left_out)

    def chosen(self) -> dict[str, Any]:
        """The settings that are not the default."""
        return {name: value for name, value in self.settings.items() if value != self.parameters[name].default}

    def formula(self, what: str) -> Symbol:
        """Of a quantity."""
        return Symbol(*self.formulas[what])

    def quantities(self) -> list[str]:
        """What can be worked out: "y", and the gradients of the arrays that are there."""
        return ["y", *(f"d{name}" for name in self.leaves if self.arrays[name] is not None)]

    def shape(self, what: str) -> tuple[int, ...]:
        """Of a quantity: a gradient has that of its array."""
        return np.shape(self.ran[0] if what == "y" else self.arrays[what.removeprefix("d")])

    def rule(self, what: str) -> str:
        """How the shape of a quantity is found, in words."""
        rule = self.size or f"y has the shape of {self.data[0]}"
        return rule if what == "y" else f"{what} has the shape of {what.removeprefix('d')}"

    def result(self, what: str = "y", dy: Array | None = None) -> Array:
        """The whole of a quantity, computed by the operation and its backward; dy is 1 everywhere by default."""
        y, backward = self.ran
        if what == "y":
            return np.asarray(y)
        gradients = backward(np.ones_like(y) if dy is None else dy)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        wanted = gradients[list(self.arrays).index(what[1:])]
        return np.asarray(wanted() if callable(wanted) else wanted)

    def on_paper(self, what: str, dy: Array | None) -> Array:
        """The whole of a quantity as it is worked out with a pencil, where that is as good as the result."""
        return self.result(what, dy)

    # ---- how large it is, which the shapes of its arrays say without their numbers

    def lengths(self) -> tuple[Length, ...]:
        """The last axes of y, if they are not those of x."""
        return ()

    def y_shape(self) -> tuple[int, ...]:
        """The shape of y, without computing it."""
        return np.shape(self.arrays[self.data[0]])

    def multiplied(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """How many times, and how many products each time, as factors; None where no weights are multiplied."""
        return None

    def sizes(self, what: str, dy: Array | None) -> Array:
        """How large the terms are that make each number of a quantity: rounding them moves it by a part of that."""
        dy = None if dy is None else np.abs(dy)
        if not self.linear:
            return np.abs(self.result(what, dy))
        arrays = {name: None if array is None else np.abs(array) for name, array in self.arrays.items()}
        return self.changed(**arrays).result(what, dy)

    # ---- one element of it

    def work_out(self, what: str, index: Index, dy: Array | None) -> tuple[Step, ...]:
        """The steps to one element of a quantity."""
        steps = getattr(self, what)(*index) if what == "y" else getattr(self, what)(dy, *index)
        return steps if isinstance(steps, tuple) else (steps,)

    def shown(self, name: str, index: Sequence[Any]) -> tuple[Any, ...]:
        """An index as the user sees it; an image of a single axis has no rows."""
        index = (*index[:2], *index[3:]) if self.plane == 1 and len(index) == 4 else index
        return tuple(index[self.left_out.get(name, 0) :])

    def full(self, name: str, index: Index) -> Index:
        """An index of the user, with the axes that they did not give."""
        index = (0,) * self.left_out.get(name, 0) + index
        return (*index[:2], 0, *index[2:]) if self.plane == 1 and len(index) == 3 else index

    def full_array(self, what: str, array: Array) -> Array:
        """An array of the user's with the row that signals do not show, as far as its axes go."""
        shape = self.shape(what)
        if self.plane == 2 or len(shape) < 4 or array.ndim < 2:
            return array
        full = array[..., None, :]
        return array if array.ndim == 4 and array.shape[2] == 1 and full.shape != (1, *shape) else full

    def written_shape(self, what: str, shape: Index) -> Index:
        """The other way round."""
        row = self.plane == 1 and len(shape) > 2 and len(self.shape(what)) == 4
        return (*shape[:-2], *shape[-1:]) if row else shape

    def symbol(self, what: str, *index: int) -> Symbol:
        """The name of an element; "dw" is the gradient ∂L/∂w."""
        shown, name = self.shown(what, index), what.removeprefix("d")
        latex = self.letters.get(name, name)
        if shown and "_" not in latex:
            latex = f"{latex}_{{{','.join(map(str, shown))}}}"
        return Symbol(place(what, shown), latex if name == what else in_full(f"∂{latex}"))

    def factor(self, name: str, at: Index, array: Array | None = None) -> Factor:
        """An element of an array."""
        array = self.arrays[name] if array is None else array
        return Factor(name, self.shown(name, at), float(array[at]))

    def numbers(self, name: str, *at: int | Sequence[int], array: Array | None = None) -> Numbers:
        """Elements of an array: along each axis one index, or several; beyond the array lies the padding."""
        array = self.arrays[name] if array is None else array
        grid = [[k] if isinstance(k, int) else k for k in at]
        indices = [self.sources(name, axis, np.array(k, int)) for axis, k in enumerate(grid)]
        inside = [(k >= 0) & (k < n) for k, n in zip(indices, array.shape, strict=True)]
        values = np.full([len(k) for k in grid], self.outside)
        values[np.ix_(*inside)] = array[np.ix_(*(k[there] for k, there in zip(indices, inside, strict=True)))]
        places, shape, sources = (self.shown(name, axes) for axes in (grid, array.shape, indices))
        return Numbers(name, places, shape, sources, values.ravel(), self.seen_as)

    def sources(self, name: str, axis: int, positions: Array) -> Array:
        """What is seen at positions along an axis of an array: themselves, if nothing is seen beyond it."""
        return positions

    @property
    def seen_as(self) -> str:
        """What a number is called that is seen beyond its array."""
        return ""

    def bias(self, o: int) -> list[Part]:
        """What is added to a sum, if there is a bias."""
        return [] if self.arrays["b"] is None else [Part("bias", (Term((self.factor("b", (o,)),)),))]

    # ---- where its numbers lie

    def border(self, array: str) -> Border:
        """How many rows and columns the window reaches beyond an array."""
        return (0, 0), (0, 0)

    def slid_over(self, what: str) -> str:
        """The array on which the window lies while a quantity is worked out."""
        return "x" if what == "y" else "dy"

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        """Cells that an element depends on, though they are no factors of its steps: names of arrays, and indices."""
        return []

    def comparisons(self, what: str) -> int:
        """How many numbers are compared for each term."""
        return 0


def _text(annotation: Any) -> str:
    """An annotation as it is written; `from __future__ import annotations` leaves it so."""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


OPERATIONS: dict[str, type[Operation]] = {}  # by name
