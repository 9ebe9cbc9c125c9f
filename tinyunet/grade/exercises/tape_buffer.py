"""A tape that writes into an array which two numbers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.grade.exercises.tape_square import average, keep_first, over_all_paths, overwrite, record, walk

STARTER = '''\
def tape_buffer(tape, last, shape):
    """{name: the slopes of the sum of `last`, an array of this shape}. All arrays have the same shape."""
    gradients = {last: np.ones(shape)}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result])):
                if source in gradients:
                    gradients[source] += d
                else:
                    gradients[source] = d
    return gradients
'''


def solution(tape: Sequence[Any], last: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """A sum is a new array: whoever else holds the old one keeps it as it is."""
    gradients = {last: np.ones(shape)}
    for result, sources, backward in reversed(tape):
        if result in gradients:
            for source, d in zip(sources, backward(gradients[result]), strict=True):
                gradients[source] = gradients[source] + d if source in gradients else d
    return gradients


def other_solution(tape: Sequence[Any], last: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Every number owns an array of zeros from the beginning, and everything is added into that."""
    names = {last, *(name for step in tape for name in (step.result, *step.sources))}
    slopes, arrived = {name: np.zeros(shape) for name in names}, {last}
    slopes[last] += 1
    for step in reversed(tape):
        if step.result in arrived:
            for source, d in zip(step.sources, step.backward(slopes[step.result]), strict=True):
                slopes[source] += d
                arrived.add(source)
    return {name: slopes[name] for name in arrived}


def of(names: str, last: str, *lines: str) -> Callable[[np.random.Generator, int], Inputs]:
    """Draws the tape of some lines, with arrays of 1 to 4 numbers."""

    def draw(rng: np.random.Generator, size: int) -> Inputs:
        arrays = {name: whole(rng, 1 + size, low=2, high=9) for name in names}
        return {"tape": record(*lines, **arrays), "last": last, "shape": (1 + size,)}

    return draw


def right(tape: Sequence[Any], last: str, shape: tuple[int, ...]) -> dict[str, Any]:
    return over_all_paths(tape, last, np.ones(shape))


def in_place(gradients: dict[str, Any], source: str, d: Any) -> None:
    if source in gradients:
        gradients[source] += d
    else:
        gradients[source] = d


def in_place_into_the_new(gradients: dict[str, Any], source: str, d: Any) -> None:
    """The sum is written into what has just arrived."""
    if source in gradients:
        d += gradients[source]
    gradients[source] = d


def wrong(**slips: Any) -> Any:
    return lambda tape, last, shape: walk(tape, last, **{"start": np.ones(shape), **slips})


EXERCISE = Exercise(
    name="tape_buffer",
    number="01.5",
    asks="This tape works for numbers and fails for arrays: the backward of a sum hands the same array to both of its "
    "parts, and += writes into it. Repair it.",
    starter=STARTER,
    properties=(
        Property("a product", "Each array is used once.", of("ab", "y", "y = a * b"), right),
        Property(
            "a chain",
            "What arrives at a result is handed on to what it was made of.",
            of("abc", "y", "u = a * b", "y = u * c"),
            right,
        ),
        Property(
            "a sum", "Both parts of a sum get dy, and it may be the very same array.", of("ab", "y", "y = a + b"), right
        ),
        Property(
            "a + a",
            "Two slopes arrive at a. Their sum belongs to a alone: the slope of y stays 1.",
            of("a", "y", "y = a + a"),
            right,
        ),
        Property(
            "a sum, used again",
            "a gets a slope from u and another from y. Adding them changes neither the slope of u nor that of y.",
            of("ab", "y", "u = a + b", "y = u + a"),
            right,
        ),
        Property(
            "products and sums",
            "The slopes of a, b and c do not depend on one another's sums.",
            of("abc", "y", "u = a * b", "v = u + c", "w = v + a", "y = w + c"),
            right,
        ),
    ),
    mistakes=(
        Mistake(
            "+= into an array that others hold",
            "+= writes into the array itself, and all who hold it see that. a + b makes a new one.",
            wrong(put=in_place),
        ),
        Mistake(
            "+= into what arrives",
            "What arrives belongs to others, too: the sum must be a new array.",
            wrong(put=in_place_into_the_new),
        ),
        Mistake(
            "the last use overwrites the others",
            "gradients[source] = d forgets what was there: add to it, as before.",
            wrong(put=overwrite),
        ),
        Mistake("only the first use counts", "What arrives later counts, too.", wrong(put=keep_first)),
        Mistake(
            "mean of the uses",
            "All uses grow together: their slopes are added, not averaged.",
            wrong(put=average),
        ),
        Mistake(
            "slopes added up to one number",
            "Each number of an array has a slope of its own, and nothing is repeated here: no sum over the array.",
            wrong(hand_on=lambda step, dy: tuple(np.full(d.shape, d.sum()) for d in step.backward(dy))),
        ),
        Mistake(
            "from the oldest step to the newest",
            "Slopes travel against the order in which the steps were done: reversed(tape).",
            wrong(order=iter),
        ),
        Mistake(
            "dy not handed on",
            "backward is given the slopes that arrived at the result, not ones.",
            wrong(hand_on=lambda step, dy: step.backward(np.ones_like(dy))),
        ),
    ),
    solutions=(solution, other_solution),
    differs="Ours makes every array read-only before it is handed on, so that a += raises an error instead of "
    "falsifying somebody else's gradient.",
    read_on=("tensor.py",),
    returns=("gradients",),
    hints=(
        "On the tape `y = a + a`: print gradients['y'] before and after the loop. Who changed it?",
        "With d = dy, both names mean one array. What does d += 1 do to dy? And what does d = d + 1 do?",
    ),
    float32=False,
)
