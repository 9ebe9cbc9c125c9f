"""Where answers are handed in: what was tried last, and what is passed, in this session."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinyunet import functional
from tinyunet.grade import exercises, hints, words
from tinyunet.grade.checking import NOT_ANSWERED, Checked, check, number_of_properties
from tinyunet.grade.exercise import Exercise
from tinyunet.grade.result import Result
from tinyunet.using import using

_passed: dict[str, Any] = {}
_tries: dict[str, Checked] = {}  # the last one, if it failed
_rungs: dict[str, int] = {}  # of the ladder of hints, that were read


def check_in(name: str, answer: Any) -> Result:
    """Check an answer, and remember it."""
    exercise = exercises.load(name)
    if lacking := [other for other in exercise.needs if other not in _passed]:
        return _not_checked(exercise, lacking)
    checked = check(exercise, answer)
    if not checked.failures:
        _passed[name] = answer
        _tries.pop(name, None)
        _rungs.pop(name, None)
        return Result(name, True, 1.0, None, None, words.passed(exercise, checked))
    before, _tries[name] = _tries.get(name), checked
    failure = checked.failures[0]
    if before is None or before.failures[0].of is not failure.of:
        _rungs.pop(name, None)
    mistake = failure.kind or (checked.mistakes[0].name if checked.mistakes else None)
    score = len(checked.held) / number_of_properties(exercise)
    tried = failure.of.name if checked.tried else None
    message = words.failed(exercise, checked)
    return Result(name, False, score, tried, mistake, message, failure.kind != NOT_ANSWERED, failure.inputs)


def _not_checked(exercise: Exercise, lacking: list[str]) -> Result:
    first = ", ".join(f"{other} (tutorial {exercises.load(other).tutorial})" for other in lacking)
    message = f"{exercise.name}: not checked yet. It builds on {first}: pass that first."
    return Result(exercise.name, False, 0.0, None, None, message, checked=False)


def hint(name: str) -> None:
    """Print the next hint for an exercise; the first ones give away the least, and none is the solution.

    Raises:
        ValueError: there is no exercise of this name.
    """
    exercise = exercises.load(name)
    if name in _passed and name not in _tries:
        print(f'{name}: passed. Ours, to compare it with: tinyunet.solution("{name}")')
        return
    ladder = hints.ladder(exercise, _tries.get(name))
    rung = min(_rungs.get(name, 0), len(ladder) - 1)
    _rungs[name] = rung + 1
    print(f"{name}, hint {rung + 1} of {len(ladder)}\n{ladder[rung]}")


def solution(name: str) -> None:
    """Print our answer to an exercise that is passed, what to look at in it, and where to read on.

    Raises:
        ValueError: there is no exercise of this name.
    """
    exercise = exercises.load(name)
    if name not in _passed:
        print(f'{name}: our solution is shown when yours is right. grade.hint("{name}") helps until then.')
        return
    ours = exercise.solutions[0]
    print(textwrap.dedent(inspect.getsource(ours)) if callable(ours) else ours)
    print("\n".join(textwrap.wrap(exercise.differs, 110)))
    print("Where to read on: " + ", ".join(f"tinyunet/{file}" for file in exercise.read_on))


@contextmanager
def mine() -> Iterator[list[str]]:
    """Inside the `with`, what is passed stands in for our operations, in every network.

    Gives the names of the exercises that do.
    """
    operations: dict[str, Callable[..., Any]] = {}
    theirs = []
    for exercise in exercises.everything().values():
        if exercise.operation and exercise.stand_in and exercise.name in _passed:
            ours = getattr(functional, exercise.operation).__wrapped__
            so_far = operations.get(exercise.operation, ours)
            operations[exercise.operation] = exercise.stand_in(_passed[exercise.name], so_far)
            theirs.append(exercise.name)
    with using(**operations):
        yield theirs
