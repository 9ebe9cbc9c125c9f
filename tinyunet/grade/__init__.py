"""Exercises of the course, checked in words.

    from tinyunet import grade

    grade("conv2d", my_conv2d)      # the verdict: what holds, what does not and on which input, and the mistake
    grade.hint("conv2d")            # a little more each time it is asked
    with grade.mine():              # what is passed stands in for our operations
        model(images)
    tinyunet.solution("conv2d")     # ours, once yours is right

An exercise is a file of `exercises/`; `exercise.py` says what is in it.
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

from tinyunet.grade.desk import check_in, hint, inputs, mine, solution
from tinyunet.grade.result import Result

__all__ = ["Result", "hint", "inputs", "mine", "solution", "steps"]


def steps(number: int) -> int:
    """This many, or a few where the environment variable `TINYUNET_FAST` is set: for trying a program out.

    >>> steps(2)
    2
    """
    return min(number, 3) if os.environ.get("TINYUNET_FAST") else number


class _Grade(types.ModuleType):
    """A module that can be called: `grade("conv2d", my_conv2d)`."""

    def __call__(self, exercise: str, answer: Any) -> Result:
        """Check an answer, print the verdict, and return it.

        Raises:
            ValueError: there is no exercise of this name.
        """
        result = check_in(exercise, answer)
        result.print()
        return result


sys.modules[__name__].__class__ = _Grade
