"""What an exercise is: what is asked, what must hold, the mistakes that are known, and the right answer.

Each file of `exercises/` is one exercise, with one object `EXERCISE`. How to write one is in docs/exercises.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.tensor import Array

Inputs = dict[str, Any]  # the arguments of one call by name, in their order
SIZES, DRAWS = (0, 1, 2, 3), 4  # a property is tried on 4 inputs of each size, the smallest first


class Refused(Exception):
    """An answer that cannot be judged, with the sentence that says why: raised by `call` of a property."""


def plain(answer: Any, *inputs: Any) -> Any:
    """What a function returns."""
    return answer(*inputs)


def pair(answer: Any, *inputs: Any) -> tuple[Any, Callable[..., Any]]:
    """What a function returns that must be `(y, backward)`.

    Raises:
        Refused: it is something else.
    """
    both = answer(*inputs)
    if not isinstance(both, tuple) or len(both) != 2 or not callable(both[1]):
        what = "None" if both is None else f"a {type(both).__name__}"
        raise Refused(f"it must return two things, y and the function backward, and it returns {what}")
    return both


def value(answer: Any, *inputs: Any) -> Any:
    """The result of a function that returns `(y, backward)`."""
    return pair(answer, *inputs)[0]


def gradient(answer: Any, *inputs: Any) -> Any:
    """What `backward(dy)` gives, of a function that returns `(y, backward)`; dy is the last of the inputs."""
    return pair(answer, *inputs[:-1])[1](inputs[-1])


def part(name: str, *names: str) -> Callable[..., Any]:
    """One of several things that a function returns, such as dx of dx, dw and db: a `call` of a property.

    >>> part("dw", "dx", "dw", "db")(lambda x: (x, 2 * x, 3 * x), 5)
    10
    """

    def call(answer: Any, *inputs: Any) -> Any:
        came = answer(*inputs)
        if not isinstance(came, (tuple, list)) or len(came) != len(names):
            got = f"{len(came)} things" if isinstance(came, (tuple, list)) else f"one {type(came).__name__}"
            raise Refused(f"it must return {len(names)} things, {', '.join(names)}, and it returns {got}")
        return came[names.index(name)]

    return call


def one_of(names: tuple[str, ...], name: str, right: Callable[..., Any]) -> dict[str, Any]:
    """What makes a property of one of several things that a function returns, where `right` returns all."""
    return {
        "call": part(name, *names),
        "expected": lambda *inputs: right(*inputs)[names.index(name)],
        "returns": (name,),
    }


def nothing(rng: np.random.Generator, size: int) -> Inputs:
    """No inputs: for numbers that are worked out by hand."""
    return {}


@dataclass(frozen=True)
class Property:
    """Something that must hold for every input.

    Attributes:
        name: in a word or two: "stride".
        says: the same as a sentence: "With stride=2 the window moves two pixels at a time."
        draw: (rng, size) → the inputs by name, in the order of the call. Size 0 is the smallest input that can show the
            property, 3 the largest; small whole numbers, as float64, can be followed by hand.
        expected: (*inputs) → what is right: an array, a tuple of them, a dictionary, or a number.
        call: (answer, *inputs) → what is compared with it. `plain` calls the function; `value` and `gradient` are for
            functions that return (y, backward).
        law: in place of `expected` and `call`: (answer, *inputs) → what came, and what it must be, both from the
            answer, such as f(x₁ + x₂) and f(x₁) + f(x₂).
        returns: the names of what is compared; without, those of the exercise.
    """

    name: str
    says: str
    draw: Callable[[np.random.Generator, int], Inputs] = nothing
    expected: Callable[..., Any] | None = None
    call: Callable[..., Any] = plain
    law: Callable[..., tuple[Any, Any]] | None = None
    returns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give: its name, what it does wrong, and the wrong answer itself.

    It is recognised by making it: who gives the same results has made it.
    """

    name: str
    says: str
    wrong: Any


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: of the exercise and of what is to be written: "conv2d".
        number: the tutorial and the place in it: "03.1".
        asks: what is to be written, in a sentence or two.
        starter: source to begin with. It runs, defines `name`, and is wrong.
        properties: what must hold, from the simplest on; the first one that does not is what the learner hears of.
        mistakes: six or more.
        solutions: two right answers, written differently. The first one is shown by `tinyunet.solution`.
        differs: what one sees in it when it is compared with one's own.
        read_on: files of the package that do the same: "ops/im2col.py".
        returns: the names of what is returned: ("y",) or ("dx", "dw", "db").
        hints: sentences, for who does not know how to begin or to go on; the first gives away the least.
        explain: (*inputs) → explanations of `tinyunet.byhand` by the name of what is returned, for the inputs of a
            property that has no `law`. It is asked for the element that is wrong: which window, which products.
        needs: exercises that this one builds on. As long as they are not passed it is not checked.
        values: whether numbers are asked for, not a function. What they must be is then not told.
        float32: whether the function must make float32 of float32.
        updates: inputs that it is asked to write to, such as "running_mean".
        seconds: after which a call counts as one that never ends; all calls together may take ten times as long.
        operation: the operation of `tinyunet.functional` that a passed answer can stand in for,
        stand_in: and how: (answer, operation) → operation; both as ours are written, `(y, backward)` of arrays. The one
            that comes in is ours, or what another exercise has made of it.
    """

    name: str
    number: str
    asks: str
    starter: str
    properties: tuple[Property, ...]
    mistakes: tuple[Mistake, ...]
    solutions: tuple[Any, Any]
    differs: str
    read_on: tuple[str, ...]
    returns: tuple[str, ...] = ("y",)
    hints: tuple[str, ...] = ()
    explain: Callable[..., Mapping[str, Any]] | None = None
    needs: tuple[str, ...] = ()
    values: bool = False
    float32: bool = True
    updates: tuple[str, ...] = ()
    seconds: float = 5.0
    operation: str | None = None
    stand_in: Callable[[Callable[..., Any], Callable[..., Any]], Callable[..., Any]] | None = None

    @property
    def tutorial(self) -> str:
        """The number of its tutorial: "03"."""
        return self.number.partition(".")[0]


def whole(rng: np.random.Generator, *shape: int, low: int = -3, high: int = 4) -> Array:
    """Small whole numbers, as float64, not all of them 0: inputs that can be followed by hand.

    >>> whole(np.random.default_rng(0), 2, 2)
    array([[ 2.,  1.],
           [ 0., -2.]])
    """
    numbers = rng.integers(low, high, shape).astype(np.float64)
    if numbers.size and not numbers.any():
        numbers.flat[0] = high - 1
    return numbers
