"""A tape that forgets one of two uses; and what all three tapes to repair are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property


class Step(NamedTuple):
    """One step of a tape: what was made, of what, and backward(dy) → one slope for each source.

    >>> tape = record("u = x * a", "y = u + x", x=3.0, a=2.0)
    >>> tape
    [u = x * a  (x = 3, a = 2), y = u + x]
    >>> tape[0].backward(10.0)
    (20.0, 30.0)
    """

    result: str
    sources: tuple[str, str]
    backward: Callable[[Any], tuple[Any, Any]]

    def __repr__(self) -> str:
        return getattr(self.backward, "text", f"{self.result} made of {', '.join(self.sources)}")

    def __deepcopy__(self, memo: Any) -> Step:
        return self


def record(*lines: str, **values: Any) -> list[Any]:
    """The tape of some lines `result = source * source` or `result = source + source`, for these first values."""
    tape, told = [], set()
    for line in lines:
        result, _, a, sign, b = line.split()
        first = [name for name in dict.fromkeys((a, b)) if sign == "*" and name not in told]
        told |= {*first}
        numbers = ", ".join(f"{name} = {_short(values[name])}" for name in first)
        values[result], backward = (_product if sign == "*" else _sum)(values[a], values[b])
        backward.text = f"{line}  ({numbers})" if first else line
        tape.append(Step(result, (a, b), backward))
    return tape


def _short(value: Any) -> str:
    return f"{value:g}" if np.ndim(value) == 0 else str(np.asarray(value).tolist())


def _product(a: Any, b: Any) -> Any:
    return a * b, lambda dy: (dy * b, dy * a)


def _sum(a: Any, b: Any) -> Any:
    return a + b, lambda dy: (dy, dy)  # the very same array twice, which is allowed: nobody may write to it


def over_all_paths(tape: Sequence[Any], last: str, start: Any = 1.0) -> dict[str, Any]:
    """The definition: a slope is the sum, over all paths to `last`, of the product of the slopes along each."""
    made = {step.result: step for step in tape}
    gradients: dict[str, Any] = {}

    def arrive(name: str, dy: Any) -> None:
        gradients[name] = gradients.get(name, 0.0) + dy
        if name in made:
            for source, d in zip(made[name].sources, made[name].backward(dy), strict=True):
                arrive(source, d)

    arrive(last, start)
    return gradients


def walk(
    tape: Sequence[Any],
    last: str,
    start: Any = 1.0,
    put: Callable[[dict[str, Any], str, Any], None] | None = None,
    order: Callable[[Sequence[Any]], Any] = reversed,
    hand_on: Callable[[Any, Any], Any] = lambda step, dy: step.backward(dy),
) -> dict[str, Any]:
    """From the newest step to the oldest: the right way, with places where mistakes can be put in."""
    gradients = {last: start}
    for step in order(tape):
        if step.result in gradients:
            for source, d in zip(step.sources, hand_on(step, gradients[step.result]), strict=True):
                (put or add)(gradients, source, d)
    return gradients


def add(gradients: dict[str, Any], source: str, d: Any) -> None:
    gradients[source] = gradients[source] + d if source in gradients else d


def overwrite(gradients: dict[str, Any], source: str, d: Any) -> None:
    gradients[source] = d


def keep_first(gradients: dict[str, Any], source: str, d: Any) -> None:
    gradients.setdefault(source, d)


def average(gradients: dict[str, Any], source: str, d: Any) -> None:
    gradients[source] = (gradients[source] + d) / 2 if source in gradients else d


def multiplied(gradients: dict[str, Any], source: str, d: Any) -> None:
    gradients[source] = gradients[source] * d if source in gradients else d


STARTER = '''\
def tape_square(tape, last):
    """{name: by how much `last` grows when that number grows by 1}. A step is (result, sources, backward)."""
    gradients = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in gradients:  # else `last` does not depend on it
            for source, d in zip(sources, backward(gradients[result])):
                gradients[source] = d
    return gradients
'''


def solution(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """What arrives is added to what is there."""
    gradients = {last: 1.0}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result]), strict=True):
                gradients[source] = gradients.get(source, 0.0) + d
    return gradients


def other_solution(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """All that arrives is kept in lists, which are added up when it is a step's turn."""
    arrived: dict[str, list[Any]] = {last: [1.0]}
    for step in tape[::-1]:
        if step.result in arrived:
            da, db = step.backward(sum(arrived[step.result]))
            arrived.setdefault(step.sources[0], []).append(da)
            arrived.setdefault(step.sources[1], []).append(db)
    return {name: sum(slopes) for name, slopes in arrived.items()}


def numbers(rng: np.random.Generator, names: str) -> dict[str, float]:
    """Different numbers from 2 to 9 by name."""
    return dict(zip(names, map(float, rng.choice(np.arange(2, 10), len(names), replace=False)), strict=True))


def of(names: str, last: str, *lines: str) -> Callable[[np.random.Generator, int], Inputs]:
    """Draws the tape of some lines, with other numbers every time."""
    return lambda rng, size: {"tape": record(*lines, **numbers(rng, names)), "last": last}


def each_source_once(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """x · x taken for a step with one source."""
    gradients: dict[str, Any] = {last: 1.0}
    for step in reversed(tape):
        if step.result in gradients:
            slopes = dict(zip(step.sources, step.backward(gradients[step.result]), strict=True))
            for source, d in slopes.items():
                add(gradients, source, d)
    return gradients


def every_step(tape: Sequence[Any], last: str) -> dict[str, Any]:
    """As if `last` depended on all of them."""
    gradients: dict[str, Any] = {last: 1.0}
    for step in reversed(tape):
        for source, d in zip(step.sources, step.backward(gradients[step.result]), strict=True):
            add(gradients, source, d)
    return gradients


EXERCISE = Exercise(
    name="tape_square",
    number="01.4",
    asks="This tape gives x · x the slope of x instead of 2 · x. Repair it. A tape is a list of steps, (result, "
    "sources, backward), in the order in which they were done; the results and sources are names.",
    starter=STARTER,
    properties=(
        Property("a product", "Each number is used once.", of("ab", "y", "y = a * b"), over_all_paths),
        Property(
            "a chain",
            "What arrives at a result is handed on to what it was made of.",
            of("abc", "y", "u = a * b", "y = u * c"),
            over_all_paths,
        ),
        Property(
            "x · x", "x is used twice in one step, and both uses count.", of("x", "y", "y = x * x"), over_all_paths
        ),
        Property(
            "in two steps",
            "x is used in two steps, and both uses count.",
            of("xab", "y", "u = x * a", "v = x * b", "y = u + v"),
            over_all_paths,
        ),
        Property(
            "more often",
            "However often it is used, every use counts.",
            of("x", "y", "u = x * x", "v = u * x", "y = v + x"),
            over_all_paths,
        ),
        Property(
            "a step aside",
            "What `last` does not depend on has no slope, and is left out.",
            of("xab", "y", "u = x * a", "v = x * b", "y = u * x"),
            over_all_paths,
        ),
    ),
    mistakes=(
        Mistake(
            "the last use overwrites the others",
            "gradients[source] = d forgets what was there: add to it.",
            lambda tape, last: walk(tape, last, put=overwrite),
        ),
        Mistake(
            "only the first use counts",
            "What arrives later counts, too: add it to what is there.",
            lambda tape, last: walk(tape, last, put=keep_first),
        ),
        Mistake(
            "x · x counted once",
            "In x · x both factors are x, and each of them has a slope. A dictionary holds a name only once.",
            each_source_once,
        ),
        Mistake(
            "mean of the uses",
            "If x grows, all its uses grow with it: their slopes are added, not averaged.",
            lambda tape, last: walk(tape, last, put=average),
        ),
        Mistake(
            "uses multiplied",
            "Slopes are multiplied along a path, and added where paths meet.",
            lambda tape, last: walk(tape, last, put=multiplied),
        ),
        Mistake(
            "from the oldest step to the newest",
            "Slopes travel against the order in which the steps were done: reversed(tape).",
            lambda tape, last: walk(tape, last, order=iter),
        ),
        Mistake(
            "dy not handed on",
            "backward is given the slope that arrived at the result, not 1.",
            lambda tape, last: walk(tape, last, hand_on=lambda step, dy: step.backward(1.0)),
        ),
        Mistake(
            "every step walked",
            "`last` need not depend on every step: ask first whether a slope has arrived at its result.",
            every_step,
        ),
        Mistake(
            "begins with 0",
            "If `last` grows by 1, it grows by 1: the first slope is 1.",
            lambda tape, last: walk(tape, last, start=0.0),
        ),
    ),
    solutions=(solution, other_solution),
    differs="Ours keeps what has arrived for each step until its turn, and takes the newest step first, as you do.",
    read_on=("tensor.py",),
    returns=("gradients",),
    hints=(
        "On the tape `y = x * x` the inner loop runs twice, both times for x. What is in gradients['x'] then?",
        "If x grows by 1, the first factor makes y grow by x, and the second one by x, too.",
        "gradients.get(source, 0.0) is what has arrived there so far.",
    ),
    float32=False,
)
