"""How a mistake is stated: its name, what is right instead, and the formula of the wrong answer.

    wrong = mistakes("relu dx", Quantities)
    wrong("mask forgotten", "where x ≤ 0 the output does not move, and the gradient is 0", lambda q: q.dy)
    wrong("upstream gradient forgotten", "dx = dy·[x > 0]")
    wrong.way("the mask alone", lambda q: q.dx(dy=np.ones_like(q.dy)))
    wrong.way("ReLU of x", lambda q: q.y())

A way to make the mistake is a formula of named quantities. It gives the wrong answer, or None where the mistake cannot
be made; a ValueError, because settings do not fit, means the same. Where it changes nothing it explains nothing, and
where a rare mistake gives what a usual one does it is not asked for: neither needs a condition. Where channels or
images are left out one by one, it gives several answers: arrays, or pairs of an array and a detail.
"""

import contextlib
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.tensor import Array


class Mistake(NamedTuple):
    """What went wrong, and what to do instead."""

    name: str
    hint: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}{f' ({self.detail})' if self.detail else ''}: {self.hint}"


class Quantities:
    """What formulas of wrong answers are made of: dy, and the arrays and settings by their names, as q.x and q.stride.

    q.y, q.dx and q.dw are the operation and its gradients, with other arrays or settings, or another dy: q.y(b=None) is
    the result without the bias. q.asked is the one of them that is asked for.
    """

    x: Array

    def __init__(self, op: Operation, dy: Any, what: str) -> None:
        self.op, self.name, self.dy, self.what = op, op.like or op.name, dy, what
        vars(self).update(op.arrays | op.settings)
        self.prepare()

    def prepare(self) -> None:
        """Add what else formulas are made of."""

    def result(self, what: str, dy: Array | None = None, **changes: Any) -> Array:
        """Any quantity: "y", a gradient such as "db", or a running statistic."""
        op = self.op.changed(**changes) if changes else self.op
        return op.result(what, self.dy if dy is None else dy)

    def asked(self, dy: Array | None = None, **changes: Any) -> Array:
        return self.result(self.what, dy, **changes)

    def y(self, **changes: Any) -> Array:
        return self.result("y", **changes)

    def dx(self, dy: Array | None = None, **changes: Any) -> Array:
        return self.result("dx", dy, **changes)

    def dw(self, dy: Array | None = None, **changes: Any) -> Array:
        return self.result("dw", dy, **changes)


Way = Callable[[Any], Any]


class Stated(NamedTuple):
    """The formulas of a mistake, the quantities that they are made of, and where it can be made."""

    quantities: Callable[[Operation, Any, str], Any]
    ways: list[Way]
    where: Way

    def answers(self, q: Any) -> list[tuple[Any, Any]]:
        """All wrong answers that are finite, each with its detail."""
        found: list[tuple[Any, Any]] = []
        for answer in self.ways if self.where(q) else ():
            with contextlib.suppress(ValueError):
                found.extend(_each(answer(q)))
        return [(np.asarray(array), detail) for array, detail in found if np.all(np.isfinite(array))]


def _each(given: Any) -> Iterator[tuple[Any, Any]]:
    """What a way gives, one by one: nothing, one answer, or several."""
    several: Iterable[Any] = [given] if isinstance(given, (np.ndarray, np.generic)) else given or ()
    for answer in several:
        yield answer if isinstance(answer, tuple) else (answer, "")


Ways = dict[tuple[str, str], list[tuple[Mistake, Stated]]]

WAYS: Ways = {}
RARE: Ways = {}  # asked for where none of the usual ones explains an answer
TOGETHER: Ways = {}  # two at once: asked for where none of the others explains all of an answer


class Wrong:
    """What states mistakes of some operations and quantities, one after the other."""

    def __init__(self, places: str, quantities: Callable[[Operation, Any, str], Any], among: Ways) -> None:
        self.places = [tuple(place.split()) for place in places.split(", ")]
        self.quantities, self.among = quantities, among

    def __call__(self, name: str, hint: str, answer: Way | None = None, where: Way = lambda q: True) -> None:
        """State a mistake: its name, what is right instead, how it is made, and where, if that is not everywhere."""
        self.last = Stated(self.quantities, [] if answer is None else [answer], where)
        for operation, what in self.places:
            self.among.setdefault((operation, what), []).append((Mistake(name, hint), self.last))

    def way(self, detail: str, answer: Way) -> None:
        """A way to make the mistake that was stated last, with what tells it apart, unless the answers say that."""
        self.last.ways.append(lambda q: ((array, detail or own) for array, own in _each(answer(q))))


def mistakes(places: str, quantities: Callable[[Operation, Any, str], Any], among: Ways = WAYS) -> Wrong:
    """What states mistakes of some operations and quantities, such as "conv2d y, linear y"."""
    return Wrong(places, quantities, among)


def usual_and_rare(places: str, quantities: Callable[[Operation, Any, str], Any]) -> tuple[Wrong, Wrong]:
    """What states the usual mistakes, and what states the rare ones."""
    return mistakes(places, quantities), mistakes(places, quantities, RARE)


def wrong_answers(op: Operation, what: str, dy: Array | None, among: Ways = WAYS) -> Iterator[tuple[Mistake, Array]]:
    """Every mistake that can be made here, with the answer that it leads to."""
    made = functools.cache(lambda quantities: quantities(op, dy, what))
    for known, stated in among.get((op.like or op.name, what), []):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a variance of 0, by a wrong formula
            answers = stated.answers(made(stated.quantities))
        for array, detail in answers:
            if op.plane == 1 and array.shape[2:-1] not in ((), (1,)):  # it would have rows
                continue
            mistake = detail if isinstance(detail, Mistake) else known._replace(detail=detail)
            if op.plane == 2 or not any(name in mistake.name for name in OF_TWO_AXES):
                yield (Mistake(*map(_in_a_row, mistake)) if op.plane == 1 else mistake), array


OF_TWO_AXES = (  # which nobody makes in a single row, or which are another mistake there
    "rows and columns exchanged",
    "one direction forgotten",
    "before, after",
    "kernel transposed",
    "kernel mirrored",
    "kernel turned",
    "read column by column",
    "pixels taken in a row",
)
IN_A_ROW = {  # words for rows and columns, and those for a single row
    "rows at the bottom, columns on the right": "numbers at the end",
    "every row and column": "every number",
    "rows, columns": "numbers",
    " rows and columns": " numbers",
    "rows and columns": "numbers",
    "row and column are": "number is",
    "row and column": "number",
    "columns": "numbers",
    "column": "number",
    "top and left": "beginning",
    "bottom and right": "end",
    "top, left": "beginning",
    "down and right": "towards the end",
    "up and left": "towards the beginning",
    "on all four sides": "on both sides",
    "every side": "both sides",
    ", row by row,": "",
    "PyTorch, cv2.filter2D and scipy.signal.correlate2d": "PyTorch and np.correlate",
    "scipy.signal.convolve2d, np.convolve and MATLAB's conv2 do turn it": "np.convolve and MATLAB's conv do reverse it",
    "turned by 180°": "reversed",
    "turns the kernel by 180°": "reverses the kernel",
    "not turned": "not reversed",
    "height and width": "places",
    "the image": "x",
    "pixels": "numbers",
    "pixel": "number",
    "(s·i, s·j)": "s·i",
    "(i, j)": "i",
    "[u, v]": "[u]",
    "an image": "a signal",
    "image": "signal",
}


def _in_a_row(text: str) -> str:
    """A text about images, about signals."""
    for of_images, of_signals in IN_A_ROW.items():
        text = text.replace(of_images, of_signals)
    return text


TRANSPOSED = "right numbers in other places", "the first index counts rows, the second one columns"

MANY = 64  # channels: with more nobody works by hand, and to try each would take minutes


def one_by_one(count: int) -> range:
    """Which of several channels or images to leave out, one after the other; too many are left alone."""
    return range(count if 1 < count <= MANY else 0)


def other_orders(count: int) -> list[list[int]]:
    """All other orders of two or three channels; of more only the reversed one.

    >>> other_orders(2), other_orders(4)
    ([[1, 0]], [[3, 2, 1, 0]])
    """
    if count > 3:
        return [list(range(count))[::-1]]
    return [list(order) for order in itertools.permutations(range(count))][1:]


def only(array: Array, at: Any) -> Array:
    """A part of an array, and zeros elsewhere.

    >>> only(np.array([[1, 2], [3, 4]]), np.s_[:, 1])
    array([[0, 2],
           [0, 4]])
    """
    part = np.zeros_like(array)
    part[at] = array[at]
    return part
