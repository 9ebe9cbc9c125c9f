"""Where answers are handed in: what was tried last, and what is passed, in this session and in the course's folder."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinyunet import functional
from tinyunet.grade import exercises, folder, hints, words
from tinyunet.grade.calling import copied
from tinyunet.grade.checking import NOT_ANSWERED, Checked, check, number_of_properties
from tinyunet.grade.exercise import Exercise
from tinyunet.grade.keeping import compared
from tinyunet.grade.progress import operations_of
from tinyunet.grade.result import Result
from tinyunet.using import using

_passed: dict[str, Any] = {}  # in this session, with the answer
_tries: dict[str, Checked] = {}  # the last one, if it failed
_rungs: dict[str, int] = {}  # of the ladder of hints, that were read


def passed() -> set[str]:
    """The names of the exercises that are passed."""
    return {*_passed, *folder.passed()}


def check_in(name: str, answer: Any) -> Result:
    """Check an answer, and remember it.

    Raises:
        ValueError: there is no exercise of this name.
    """
    exercise = exercises.load(name)
    if lacking := [other for other in exercise.needs if other not in passed()]:
        return _not_checked(exercise, lacking)
    checked = check(exercise, answer)
    return _failed(exercise, checked) if checked.failures else _succeeded(exercise, checked, answer)


def _not_checked(exercise: Exercise, lacking: list[str]) -> Result:
    first = ", ".join(f"{other} (tutorial {exercises.load(other).tutorial})" for other in lacking)
    message = f"{exercise.name}: not checked yet. It builds on {first}: pass that first."
    return Result(exercise.name, False, 0.0, None, None, message, checked=False)


def _succeeded(exercise: Exercise, checked: Checked, answer: Any) -> Result:
    name = exercise.name
    _passed[name] = answer
    _tries.pop(name, None)
    _rungs.pop(name, None)
    lines = [words.passed(exercise, checked), folder.keep(name, answer)]
    lines += [operations_of(passed())] if exercise.operation else []
    return Result(name, True, 1.0, None, None, "\n".join(filter(None, lines)))


def _failed(exercise: Exercise, checked: Checked) -> Result:
    name, failure = exercise.name, checked.failures[0]
    before, _tries[name] = _tries.get(name), checked
    if before is None or before.failures[0].of is not failure.of:
        _rungs.pop(name, None)
    return Result(
        name,
        False,
        len(checked.held) / number_of_properties(exercise),
        failure.of.name if checked.tried else None,
        checked.mistakes[0].name if checked.mistakes else failure.kind or None,
        words.failed(exercise, checked),
        failure.kind != NOT_ANSWERED,
        failure.inputs,
    )


def inputs(name: str) -> tuple[Any, ...]:
    """The inputs on which the last answer failed, to try it there: `conv2d(*grade.inputs("conv2d"))`.

    Raises:
        ValueError: there is no exercise of this name, or no input on which an answer has failed.
    """
    exercises.load(name)
    if name not in _tries or not _tries[name].failures[0].inputs:
        raise ValueError(f"{name}: there is no input on which an answer has failed")
    return tuple(copied(_tries[name].failures[0].inputs).values())


def hint(name: str) -> None:
    """Print the next hint for an exercise; the first ones give away the least, and none is the solution.

    Raises:
        ValueError: there is no exercise of this name.
    """
    exercise = exercises.load(name)
    if name in passed() and name not in _tries:
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
    if name not in passed():
        print(f'{name}: our solution is shown when yours is right. grade.hint("{name}") helps until then.')
        return
    ours = exercise.solutions[0]
    print(textwrap.dedent(inspect.getsource(ours)) if callable(ours) else ours)
    for text in (compared(name, ours, _answer(name)), exercise.differs):
        print("\n".join(textwrap.wrap(text, 110)))
    print("Where to read on: " + ", ".join(f"tinyunet/{file}" for file in exercise.read_on))


def _answer(name: str) -> Any:
    """The answer that has passed; None if it was not kept."""
    return _passed[name] if name in _passed else folder.load(name)


@contextmanager
def mine() -> Iterator[list[str]]:
    """Inside the `with`, what is passed stands in for our operations, in every network.

    Gives the names of the exercises that do.

    >>> from tinyunet import grade
    >>> with grade.mine() as names:  # nothing is passed yet
    ...     names
    []
    """
    operations: dict[str, Callable[..., Any]] = {}
    theirs = []
    for name in sorted(passed(), key=list(exercises.everything()).index):
        exercise = exercises.load(name)
        if exercise.operation is None or exercise.stand_in is None:
            continue
        if (answer := _answer(name)) is not None:
            ours = getattr(functional, exercise.operation).__wrapped__
            so_far = operations.get(exercise.operation, ours)
            operations[exercise.operation] = exercise.stand_in(answer, so_far)
            theirs.append(name)
    with using(**operations):
        yield theirs
