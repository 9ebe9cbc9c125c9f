"""What there is to say about an answer."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from tinyunet.grade.exercise import Inputs


@dataclass(frozen=True, repr=False)
class Result:
    """A verdict; true if the exercise is passed. Its text is its `repr`.

    Attributes:
        exercise: the name of the exercise.
        passed: whether everything holds.
        score: the part of the properties that hold, from 0 to 1.
        property: the first one that does not hold, by name; None if all hold, or none could be tried.
        mistake: the name of the mistake that gives just these results, if it is known.
        message: all of it in words.
        checked: whether it could be checked: False as long as an exercise that it builds on is not passed.
        inputs: on which it failed, by name: `answer(*result.inputs.values())` does it again.
    """

    exercise: str
    passed: bool
    score: float
    property: str | None
    mistake: str | None
    message: str
    checked: bool = True
    inputs: Inputs = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return self.message

    def _ipython_display_(self) -> None:
        """In a notebook, the cell that has printed it does not show it once more."""
        if (id(self), _cell()) != _printed[-1]:
            print(self.message)

    def print(self) -> None:
        """Print it, and remember in which cell."""
        _printed[:] = [(id(self), _cell())]
        print(self.message)


_printed: list[Any] = [None]  # which result was printed last, and in which cell


def _cell() -> Any:
    """The number of the cell that runs, in a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return None if shell is None else shell.execution_count
