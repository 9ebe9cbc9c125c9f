"""One call of a learner's function, whatever it does: it may raise, never end, or write to what it was given."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import ctypes
import io
import linecache
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Property, Refused, plain


class TimeUp(BaseException):
    """Raised inside a function that takes too long. No `Exception`, which the function might catch."""


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """What a function returns, or raises, if it ends in time.

    It runs in a thread of its own, so that the caller can go on when it never ends, and Ctrl-C works meanwhile.

    Raises:
        TimeUp: it does not.
    """
    came: list[Any] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            came.append(function())
        except BaseException as error:  # also what is no Exception: it is raised again, outside of the thread
            raised.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    thread.start()
    end = time.monotonic() + seconds
    try:
        while thread.is_alive() and time.monotonic() < end:
            thread.join(0.05)  # in short turns: on Windows, Ctrl-C waits for the end of one
    finally:
        _stop(thread)
    if came:
        return came[0]
    raise raised[0] if raised else TimeUp


def _stop(thread: threading.Thread) -> None:
    """Raise TimeUp in a thread, again if it is caught. What waits outside of Python is left alone."""
    for _ in range(10):
        if thread.is_alive() and thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp))
            thread.join(0.05)


@dataclass(frozen=True)
class Outcome:
    """What came of one call, or why nothing came.

    Attributes:
        expected: what a law says that it must be.
        kind: what went wrong, in a word or two, as the name of a mistake; "" if nothing did.
        words: the same as a sentence, without what it is that did it: "raises ZeroDivisionError: …".
        printed: what was printed meanwhile.
    """

    came: Any = None
    expected: Any = None
    kind: str = ""
    words: str = ""
    printed: str = ""


NO_END, RAISES, WRITES, ARGUMENTS = "does not end", "raises an error", "writes to its input", "other arguments"


def copied(inputs: Inputs) -> Inputs:
    """Arrays that may be written to."""
    return {name: copy.deepcopy(given) for name, given in inputs.items()}


def outcome(exercise: Exercise, of: Property, answer: Any, inputs: Inputs) -> Outcome:
    """Call an answer once, on copies of the inputs. What it prints is kept: it is called often."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        found = _called(exercise, of, answer, inputs)
    return replace(found, printed=printed.getvalue())


def _called(exercise: Exercise, of: Property, answer: Any, inputs: Inputs) -> Outcome:
    given = copied(inputs)
    try:
        came, law_says = within(exercise.seconds, lambda: _answered(exercise, of, answer, given))
    except TimeUp:
        return Outcome(
            kind=NO_END,
            words=f"is not ready after {exercise.seconds:g} seconds, on a small input: does a loop never end?",
        )
    except Refused as refused:
        return Outcome(kind="returns something else", words=f"cannot be checked: {refused}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if exercise.values:
            return Outcome(kind="another form", words=f"does not have the form that is asked for: {error}")
        return _raised(answer, error)
    written = [
        name
        for name, before in inputs.items()
        if name not in exercise.updates and isinstance(before, np.ndarray) and not _same_bits(before, given[name])
    ]
    if written:
        return Outcome(
            kind=WRITES,
            words=f"writes to its input {written[0]}, which is not its own: work on a copy, {written[0]}.copy()",
        )
    return Outcome(came, law_says)


def _answered(exercise: Exercise, of: Property, answer: Any, given: Inputs) -> tuple[Any, Any]:
    """What came, and what a law says it must be."""
    with np.errstate(all="ignore"):
        if of.law is not None:
            return of.law(answer, *given.values())
        if exercise.values and of.call is plain:
            return answer, None
        return of.call(answer, *given.values()), None


def _same_bits(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _raised(answer: Any, error: BaseException) -> Outcome:
    """What a learner's function raises, and where in its own source."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    text = text if len(text) <= 300 else f"{text[:300]}…"
    if isinstance(error, SystemExit):
        return Outcome(kind=RAISES, words="ends the whole program with exit(): a function returns its result")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file_of(answer)]
    if not own:
        if isinstance(error, TypeError) and "argument" in str(error):
            return Outcome(kind=ARGUMENTS, words=f"takes other arguments than it is called with: {error}")
        return Outcome(kind=RAISES, words=f"raises {text}")
    line = linecache.getline(own[-1].filename, own[-1].lineno or 0).strip()
    return Outcome(kind=RAISES, words=f"raises {text}, in line {own[-1].lineno}" + (f": {line}" if line else ""))


def file_of(answer: Any) -> str | None:
    """The file, or the cell, that a function or class stands in."""
    for part in (answer, *vars(answer).values()) if isinstance(answer, type) else (answer,):
        code = getattr(getattr(part, "__wrapped__", part), "__code__", None)
        if code is not None:
            return code.co_filename
    return None
