"""Answers to steps that are made from one another: which of them is the mistake, and which only follow from it.

An answer that is wrong may be what a step makes of the answers before it. So a step is worked out once more with what
was answered in place of what is right there. If that is the answer, no mistake was made here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.chain import Chain
from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import read_answer
from tinyunet.byhand.arithmetic.operation import Index
from tinyunet.byhand.mistakes.diagnosis import MISSING, RIGHT, Verdict, check_element, squeezed
from tinyunet.byhand.mistakes.diagnosis import check as check_whole
from tinyunet.tensor import Array


@dataclass(frozen=True, repr=False)
class Follows(Verdict):
    """What there is to say about an answer that follows rightly from wrong ones."""


class Asked(NamedTuple):
    """An answer: to which step, from 0; to which element of it, None for all."""

    step: int
    answer: Any
    at: tuple[int, ...] | None = None


class Verdicts(tuple[Verdict, ...]):
    """What there is to say about the steps of a chain, one by one; true if all are right."""

    titles: Sequence[str]  # what the steps are called

    def __bool__(self) -> bool:
        return all(self)

    def __repr__(self) -> str:
        return "\n".join(f"{title}: {said}" for title, said in zip(self.titles, self, strict=True))


def check(chain: Chain, answers: Sequence[Any]) -> Verdicts:
    """Whether the steps are right; an answer that follows rightly from a wrong one before it is told so.

    Args:
        answers: one for every step, in order; None, and those that are lacking at the end, are not answered yet.

    Raises:
        ValueError: more answers than steps.
    """
    if len(answers) > len(chain):
        raise ValueError(f"there are {len(answers)} answers to {len(chain)} steps")
    found = dict(enumerate(judged(chain, [Asked(k, answer) for k, answer in enumerate(answers)])))
    said = Verdicts(found.get(k, MISSING) for k in range(len(chain)))
    said.titles = [*map(chain.title, chain)]
    return said


class _Before(NamedTuple):
    """What a later step is made from: an array as it was answered, or as it follows from what was."""

    array: Array
    answered: set[int]  # the steps whose answers it comes from
    mistaken: set[int]  # and those in which mistakes were made


class _Way(NamedTuple):
    """A step worked out from answers; the steps of these, and those in which mistakes were made."""

    step: Explanation
    answered: set[int]
    mistaken: set[int]


def judged(chain: Chain, asked: Sequence[Asked]) -> list[Verdict]:
    """What there is to say about every answer; steps are looked at in the order of the chain."""
    verdicts: dict[int, Verdict] = {}
    known: dict[int, _Before] = {}
    for k, step in enumerate(chain):
        places = {name: chain.steps.index(needed) for name, needed in step.made_from.items()}
        before = {name: known[j] for name, j in places.items() if j in known}
        ways = list(_ways(step, before))
        answers, mistaken = list[tuple[Any, Index | None]](), set[int]()
        for place, (_, answer, at) in enumerate(asked):
            if asked[place].step != k:
                continue
            if answer is None:
                verdicts[place] = MISSING
                continue
            try:
                verdicts[place], those = _judge(chain, k, ways, answer, at)
            except (ValueError, TypeError) as error:
                verdicts[place] = Verdict(False, str(error))
                continue
            answers.append((read_answer(answer).values, at))
            mistaken |= those
        if ways:  # what is not answered follows from what is
            known[k] = _Before(ways[0].step.result, ways[0].answered, ways[0].mistaken)
        if any(not np.isnan(values).all() for values, _ in answers):
            begun = known.get(k, _Before(step.result, set(), set()))
            array = _answered(begun.array, answers)
            whole = any(at is None and not np.isnan(values).any() for values, at in answers)
            known[k] = _Before(array, {k}, mistaken if whole else mistaken | begun.mistaken)
    return [verdicts[place] for place in range(len(asked))]


def _answered(array: Array, answers: Sequence[tuple[Array, Index | None]]) -> Array:
    """What was answered, in place of what was not."""
    array = np.array(array)
    for values, at in answers:
        if at is not None:
            array[at] = array[at] if np.isnan(values).any() else values.item()
        elif squeezed(values.shape) == squeezed(array.shape):
            given = values.reshape(array.shape)
            array = np.where(np.isnan(given), array, given)
        elif not np.isnan(values).any():
            array = values
    return array


def _unfinished(said: Verdict) -> bool:
    """Whether what there is of an answer is right."""
    return not said.right and not said.mistakes and said.text.startswith(MISSING.text)


def _judge(chain: Chain, k: int, ways: Sequence[_Way], answer: Any, at: Index | None) -> tuple[Verdict, set[int]]:
    """What there is to say about an answer, and the steps in which its mistakes were made."""
    straight = _said(chain[k], answer, at)
    if straight.right or _unfinished(straight):
        return straight, set()
    told: tuple[Verdict, set[int]] = straight, {k}
    for number, (followed, answered, mistaken) in enumerate(ways):
        try:
            after = _said(followed, answer, at)
        except (ValueError, TypeError, IndexError):  # as it has another shape
            continue
        source = _named(chain, answered)
        if after.right and not mistaken:  # what was answered before is right, but rounded
            return RIGHT, set()
        if after.right or (_unfinished(after) and mistaken):
            verb = "mistake is" if len(mistaken) == 1 else "mistakes are"
            where = "there" if mistaken == answered else f"in {_named(chain, mistaken)}"
            start = "" if after.right else f"{after.text.partition('. ')[0]}. What is answered "
            text = f"{start}follows rightly from your {source}; the {verb} {where}"
            return Follows(False, text, straight.where), mistaken
        if number == 0 and mistaken and (after.mistakes or not straight.mistakes):
            told = Verdict(False, f"{after.text}\n  (worked out from your {source})", after.where, after.mistakes), {k}
    return told


def _said(of: Explanation, answer: Any, at: Index | None) -> Verdict:
    return check_whole(of, answer) if at is None else check_element(of.at(*at), answer)


def _named(chain: Chain, steps: Iterable[int]) -> str:
    """Such as "step 1" or "step 1 and dx of step 3"."""
    return " and ".join(chain.name(chain[k]) for k in sorted(steps))


def _ways(step: Explanation, before: dict[str, _Before]) -> Iterator[_Way]:
    """The step worked out from what was answered before it: in all of its arrays, or in one of them alone."""
    shapes = step.operation.arrays | {"dy": step.dy}
    other = {name: _fitted(b.array, np.shape(shapes[name])) for name, b in before.items()}
    other = {name: array for name, array in other.items() if not np.array_equal(array, shapes[name])}
    choices = [list(other)] if other else []
    for names in choices + ([[name] for name in other] if len(other) > 1 else []):
        arrays = {name: other[name] for name in names}
        dy = arrays.pop("dy", step.dy)
        with contextlib.suppress(ValueError, TypeError, IndexError), np.errstate(all="ignore"):
            followed = Explanation(step.operation.changed(**arrays), step.what, dy)
            if np.isfinite(followed.result).all():
                answered, mistaken = (set().union(*(before[name][part] for name in names)) for part in (1, 2))
                yield _Way(followed, answered, mistaken)


def _fitted(array: Array, shape: Index) -> Array:
    """An answer with the axes that an operation wants: those of one image may be left out."""
    if squeezed(array.shape) == squeezed(shape):
        return array.reshape(shape)
    return array.reshape((1,) * (len(shape) - array.ndim) + array.shape)
