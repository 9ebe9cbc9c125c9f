"""The exercises, one in each file, with one object `EXERCISE`."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from pathlib import Path

from tinyunet.grade.exercise import Exercise

ROOT = Path(__file__).parents[2]  # of the package, where `read_on` begins


def names() -> list[str]:
    """Of all exercises, as files are sorted: this loads none of them."""
    return [module.name for module in pkgutil.iter_modules(__path__)]


@functools.cache
def everything() -> dict[str, Exercise]:
    """All exercises by name, in the order of the course."""
    return {e.name: e for e in sorted(map(load, names()), key=lambda exercise: exercise.number)}


def load(name: str) -> Exercise:
    """The exercise of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names())}"
        raise ValueError(f"there is no exercise {name!r}; {meant}")
    return importlib.import_module(f"{__name__}.{name}").EXERCISE
