"""The ladder of hints: which property, which element, which window, which product; then what the exercise says."""

from __future__ import annotations

import textwrap
from typing import Any

from tinyunet.grade import words
from tinyunet.grade.checking import Checked, Failure, explanations
from tinyunet.grade.exercise import Exercise


def ladder(exercise: Exercise, checked: Checked | None) -> list[str]:
    """All hints, the one that gives away the least first; `checked` is the last try, if it failed."""
    rungs = []
    if checked is not None and checked.tried:
        failure = checked.failures[0]
        again = [f'To try it there: {exercise.name}(*grade.inputs("{exercise.name}"))'] if failure.inputs else []
        rungs += [_property(checked), "\n".join(words.element(exercise, failure) + words.mistakes(checked) + again)]
        rungs += _worked(exercise, failure)
    return [*rungs, *(textwrap.fill(hint, 110) for hint in exercise.hints), _last(exercise)]


def _property(checked: Checked) -> str:
    """What holds already, and what to look at."""
    held = ", ".join(of.name for of in checked.held)
    start = f"These hold already: {held}. " if held else "None of the properties holds yet. "
    of = checked.failures[0].of
    return textwrap.fill(f"{start}Look at this one alone: {of.name}. {of.says}", 110)


def _worked(exercise: Exercise, failure: Failure) -> list[str]:
    """The first wrong element: what goes into it, and every product."""
    first = next((d for d in failure.differences if d.index is not None), None)
    explained: dict[str, Any] = explanations(exercise, failure) if first else {}
    if first is None or first.index is None or first.name not in explained:
        return []
    element = explained[first.name].at(*first.index)
    terms = [term for step in element.steps for term in step.terms] if not element.terms else list(element.terms)
    formula, *products = element.text().splitlines()
    into = f"{element.symbol.text} is made of {len(terms)} terms, by this formula:\n{formula}"
    return [into, "\n".join(["Every product in it:", *products])]


def _last(exercise: Exercise) -> str:
    files = ", ".join(f"tinyunet/{file}" for file in exercise.read_on)
    return f"That is all that can be said without writing it for you. The same is done in {files}."
