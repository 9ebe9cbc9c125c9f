"""Check an answer against all properties of an exercise, and find the mistake that explains it.

A property is tried on small inputs first, so the first input on which it fails is the one to look at. A known mistake
explains an answer if it gives the same result on every input that was tried: also where that is right by accident.
"""

from __future__ import annotations

import inspect
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyunet.grade.calling import ARGUMENTS, NO_END, RAISES, Outcome, copied, outcome
from tinyunet.grade.compare import Difference, array_of, differences, same
from tinyunet.grade.exercise import DRAWS, SIZES, Exercise, Inputs, Mistake, Property, nothing, plain

FLOAT32 = "float32"
NOT_ANSWERED = "not answered yet"


@dataclass(frozen=True)
class Failure:
    """The smallest input on which a property does not hold.

    Attributes:
        differences: what is wrong with each array; empty if nothing came that could be compared.
        kind: the name of what went wrong, if it is no matter of numbers: "raises an error".
        words: the same as a sentence, without its subject.
    """

    of: Property
    inputs: Inputs
    outcome: Outcome
    differences: tuple[Difference, ...] = ()
    kind: str = ""
    words: str = ""


@dataclass(frozen=True)
class Checked:
    """What holds and what does not."""

    held: tuple[Property, ...]
    failures: tuple[Failure, ...]
    tried: int  # inputs
    mistakes: tuple[Mistake, ...] = ()


def drawn(exercise: Exercise, of: Property) -> Iterator[Inputs]:
    """The inputs that a property is tried on, the same every time, the smallest first."""
    if of.draw is nothing:
        yield {}
        return
    rng = np.random.default_rng(zlib.crc32(f"{exercise.name}: {of.name}".encode()))
    for size in SIZES:
        for _ in range(DRAWS):
            yield of.draw(rng, size)


def check(exercise: Exercise, answer: Any) -> Checked:
    """Try all properties. After what takes too long the others are not tried."""
    if words := _unusable(exercise, answer):
        kind = NOT_ANSWERED if answer is None else "not a function" if not callable(answer) else ARGUMENTS
        return Checked((), (Failure(exercise.properties[0], {}, Outcome(), kind=kind, words=words),), 0)
    held, failures, tried = [], [], 0
    end = time.monotonic() + 10 * exercise.seconds
    for of in exercise.properties:
        failure = None
        for inputs in drawn(exercise, of):
            tried += 1
            if time.monotonic() > end:
                words = f"is slow: {tried} calls on small inputs took {10 * exercise.seconds:g} seconds"
                failure = Failure(of, inputs, Outcome(), kind=NO_END, words=words)
            if failure := failure or _failure(exercise, of, answer, inputs):
                failures.append(failure)
                break
        else:
            held.append(of)
        if failure and failure.kind == NO_END:
            break
    if not failures and exercise.float32 and not exercise.values:
        failure = next(filter(None, (_in_float32(exercise, of, answer) for of in exercise.properties)), None)
        failures += [failure] if failure else []
        held += [] if failure else [SAME_DTYPE]
    mistakes = _made(exercise, answer, failures[0]) if failures else ()
    return Checked(tuple(held), tuple(failures), tried, mistakes)


def number_of_properties(exercise: Exercise) -> int:
    """With the one that all functions have in common."""
    return len(exercise.properties) + (exercise.float32 and not exercise.values)


def _unusable(exercise: Exercise, answer: Any) -> str:
    """Why something cannot be an answer, before it is tried."""
    if answer is None:
        return "not answered yet: this is None"
    if exercise.values:
        return "asked for are numbers, and this is a function" if callable(answer) else ""
    if not callable(answer):
        return (
            f"asked for is a function, and this is of the type {type(answer).__name__}. Give the function itself, "
            f'without brackets: grade("{exercise.name}", {exercise.name})'
        )
    of = next((of for of in exercise.properties if of.call is plain and of.law is None), None)
    if of is None:
        return ""
    for inputs in drawn(exercise, of):
        try:
            inspect.signature(answer).bind(*inputs.values())
        except TypeError:
            takes = ", ".join(inspect.signature(answer).parameters) or "nothing"
            return f"it is called with {len(inputs)} arguments, ({', '.join(inputs)}), and yours takes ({takes})"
        except ValueError:  # NumPy's own functions do not tell
            return ""
    return ""


def _failure(exercise: Exercise, of: Property, answer: Any, inputs: Inputs) -> Failure | None:
    result = outcome(exercise, of, answer, inputs)
    if result.kind:
        return Failure(of, inputs, result, kind=result.kind, words=result.words)
    expected = _expected(of, inputs, result)
    if result.came is None and expected is not None:
        return Failure(
            of, inputs, result, kind=NOTHING, words="returns None: the `return` is missing, or not written yet"
        )
    wrong = differences(result.came, expected, of.returns or exercise.returns)
    return Failure(of, inputs, result, tuple(wrong)) if wrong else None


def _expected(of: Property, inputs: Inputs, result: Outcome) -> Any:
    return of.expected(*copied(inputs).values()) if of.law is None and of.expected else result.expected


NOTHING = "nothing returned"
SAME_DTYPE = Property(
    FLOAT32,
    "Of float32 numbers it makes float32 numbers: a network computes with them, and the two kinds do not mix.",
)


def _in_float32(exercise: Exercise, of: Property, answer: Any) -> Failure | None:
    """Whether the smallest input in float32 gives float32, wherever ours does."""
    inputs = {name: _single(given) for name, given in next(drawn(exercise, of)).items()}
    if failure := _failure(exercise, of, answer, inputs):
        return replace(failure, of=SAME_DTYPE)
    result = outcome(exercise, of, answer, inputs)
    pairs = zip(_leaves(result.came), _leaves(_expected(of, inputs, result)), strict=False)
    for came, expected in pairs:
        if expected.dtype == np.float32 != came.dtype:
            words = (
                f"makes {came.dtype} of float32: np.zeros and its like make float64, "
                "if they are not told another dtype, as in np.zeros(shape, dtype=x.dtype)"
            )
            return Failure(SAME_DTYPE, inputs, result, kind="another dtype", words=words)
    return None


def _single(given: Any) -> Any:
    return given.astype(np.float32) if isinstance(given, np.ndarray) and given.dtype == np.float64 else given


def _leaves(came: Any) -> list[Any]:
    """The arrays in a result."""
    if isinstance(came, dict):
        came = tuple(came.values())
    if isinstance(came, tuple):
        return [leaf for part in came for leaf in _leaves(part)]
    array = array_of(came)
    return [] if isinstance(array, str) else [array]


def _made(exercise: Exercise, answer: Any, failure: Failure) -> tuple[Mistake, ...]:
    """The known mistakes that give the same results: on all inputs, or else on all of the property that fails."""
    if failure.kind not in ("", NOTHING, RAISES) or failure.of is SAME_DTYPE:
        return ()
    known = [
        m for m in exercise.mistakes if _alike(failure.outcome, outcome(exercise, failure.of, m.wrong, failure.inputs))
    ]
    here = _agreeing(exercise, failure.of, answer, known)
    everywhere = here
    for of in exercise.properties if len(here) > 1 else ():
        everywhere = _agreeing(exercise, of, answer, everywhere)
    return tuple(everywhere or here) or _by_hand(exercise, answer, failure.of)


def _agreeing(exercise: Exercise, of: Property, answer: Any, known: list[Mistake]) -> list[Mistake]:
    """Those that give the same as the answer on every input of a property."""
    for inputs in drawn(exercise, of) if known else ():
        result = outcome(exercise, of, answer, inputs)
        known = [m for m in known if _alike(result, outcome(exercise, of, m.wrong, inputs))]
    return known


def _alike(a: Outcome, b: Outcome) -> bool:
    if a.kind or b.kind:
        return a.kind == b.kind == RAISES and a.words.partition(", in line")[0] == b.words.partition(", in line")[0]
    return same(a.came, b.came)


def explanations(exercise: Exercise, failure: Failure) -> dict[str, Any]:
    """What `byhand` can work out of the input on which an answer fails, by the names of what is returned."""
    if exercise.explain is None or failure.of.law is not None:
        return {}
    try:
        inspect.signature(exercise.explain).bind(**failure.inputs)
    except TypeError:  # a property with other inputs
        return {}
    return dict(exercise.explain(**copied(failure.inputs)))


def _by_hand(exercise: Exercise, answer: Any, of: Property) -> tuple[Mistake, ...]:
    """The mistakes that `byhand` knows in the first array that is wrong, if they explain every input that fails."""
    common: dict[str, Mistake] | None = None
    for inputs in drawn(exercise, of):
        if failure := _failure(exercise, of, answer, inputs):
            found = {m.name: Mistake(m.name, f"{m.hint}.", None) for m in _known_by_hand(exercise, failure)}
            common = found if common is None else {name: m for name, m in common.items() if name in found}
            if not common:
                return ()
    return tuple((common or {}).values())


def _known_by_hand(exercise: Exercise, failure: Failure) -> Iterable[Any]:
    explained = explanations(exercise, failure) if failure.differences else {}
    first, names = failure.differences[0].name if explained else "", failure.of.returns or exercise.returns
    if first not in explained or first not in names:
        return ()
    came = array_of(failure.outcome.came[names.index(first)] if len(names) > 1 else failure.outcome.came)
    if isinstance(came, str) or not came.size or not np.isfinite(came).all():
        return ()
    mistakes: Iterable[Any] = explained[first].check(came).mistakes
    return mistakes
