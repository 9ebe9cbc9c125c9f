"""The verdict in a teacher's words: which property fails, on which input, what was expected and what came, and why."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np

from tinyunet.grade.checking import Checked, Failure, number_of_properties
from tinyunet.grade.exercise import Exercise, Inputs
from tinyunet.tensor import Tensor

LARGE = 120  # numbers: beyond, an input is shown by its shape


def passed(exercise: Exercise, checked: Checked) -> str:
    """What holds, and where to go from here."""
    on = "" if exercise.values else f", on {checked.tried} inputs"
    held = len(checked.held)
    many = f"all {held} properties hold" if held > 1 else "it is right"
    return f'{exercise.name}: passed, {many}{on}.\nOurs, to compare it with: tinyunet.solution("{exercise.name}")'


def failed(exercise: Exercise, checked: Checked) -> str:
    """Why it is not passed."""
    failure, of_all = checked.failures[0], number_of_properties(exercise)
    if not checked.tried:
        return f"{exercise.name}: {failure.words}."
    start = f"{exercise.name}: not yet."
    if of_all > 1:
        start += f" {len(checked.held)} of {of_all} properties hold. This one does not:"
    lines = [start, *_wrapped(f"{failure.of.name}: {failure.of.says}", "  ")]
    lines += element(exercise, failure)
    lines += mistakes(checked)
    lines += [f'To go on: grade.hint("{exercise.name}") tells a little more each time.']
    return "\n".join(lines)


def element(exercise: Exercise, failure: Failure) -> list[str]:
    """The input, what was expected there, and what came."""
    shown = inputs(failure.inputs)
    lines = ["On this input:", *shown] if shown else []
    if failure.words:
        subject = "it" if exercise.values else f"your {exercise.name}"
        lines += _wrapped(f"{subject} {failure.words}{'' if failure.words.endswith('?') else '.'}")
    for difference in failure.differences[:3]:
        said = difference.hidden if exercise.values else difference.words
        lines += _wrapped(f"{said if difference.name else f'it {said}'}.")
    printed = failure.outcome.printed.splitlines()
    lines += ["It printed:", *(f"  {line[:110]}" for line in printed[:10])] if printed else []
    return lines + ["  …"] * (len(printed) > 10)


def mistakes(checked: Checked) -> list[str]:
    """The known mistakes that explain it; or else what all wrong elements share."""
    if len(checked.mistakes) == 1:
        known = checked.mistakes[0]
        return _wrapped(f"It is what this mistake gives: {known.name}. {known.says}")
    if checked.mistakes:
        known_ones = [line for m in checked.mistakes[:3] for line in _wrapped(f"{m.name}: {m.says}", "  - ")]
        return ["Each of these mistakes gives it:", *known_ones]
    patterns = [d.pattern for d in checked.failures[0].differences if d.pattern]
    return _wrapped(f"{patterns[0]}.") if patterns else []


def inputs(of: Inputs) -> list[str]:
    """The arguments of a call, as Python would write them; those with few numbers in one line."""
    lines, short = [], []
    for name, given in of.items():
        text = _argument(given)
        if "\n" in text:
            lines += textwrap.indent(
                f"{name} = {textwrap.indent(text, ' ' * (len(name) + 3)).lstrip()}", "  "
            ).splitlines()
        else:
            short.append(f"{name} = {text}")
    return lines + ([f"  {',  '.join(short)}"] if short else [])


def _argument(given: Any) -> str:
    if isinstance(given, Tensor):
        given = given.numpy()
    if not isinstance(given, np.ndarray):
        return repr(given)
    dtype = "" if given.dtype == np.float64 else f" ({given.dtype})"
    if given.size > LARGE:
        return f"an array of shape {given.shape}{dtype}"
    number: Any = {"float_kind": lambda v: f"{v:.6g}"}
    text = np.array2string(given, separator=", ", formatter=number, max_line_width=100)
    return re.sub(r"\n\n+", "\n", text) + dtype


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=False)
