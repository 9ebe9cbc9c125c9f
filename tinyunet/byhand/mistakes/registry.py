"""Mistakes as they are entered: by an operation, a quantity and a name, each with a way to compute the wrong answer."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.tensor import Array


class Mistake(NamedTuple):
    """What went wrong, and what to do instead."""

    name: str
    hint: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}{f' ({self.detail})' if self.detail else ''}: {self.hint}"


Answers = Iterator[Any]  # arrays, or pairs of an array and a detail, or of an array and another mistake
Way = Callable[[Operation, Any], Answers]
Ways = dict[tuple[str, str], list[tuple[Mistake, Way]]]

WAYS: Ways = {}
RARE: Ways = {}  # asked for where none of those explains an answer
TOGETHER: Ways = {}  # two at once: asked for where none of the others explains all of an answer


def mistake(where: str, name: str, hint: str, among: Ways = WAYS) -> Callable[[Way], Way]:
    """Enter a way to be wrong for some quantities, such as "conv2d y, conv2d dx"."""

    def enter(way: Way) -> Way:
        for place in where.split(", "):
            operation, what = place.split()
            among.setdefault((operation, what), []).append((Mistake(name, hint), way))
        return way

    return enter


def rare(where: str, name: str, hint: str) -> Callable[[Way], Way]:
    """Enter a way to be wrong that is less usual."""
    return mistake(where, name, hint, RARE)


def wrong_answers(op: Operation, what: str, dy: Array | None, among: Ways = WAYS) -> Iterator[tuple[Mistake, Array]]:
    """Every mistake that can be made here, with the answer that it leads to."""
    for known, way in among.get((op.name, what), []):
        answers: list[Any] = []
        # A variance of 0, by a wrong formula; and settings that do not fit: the mistake cannot be made here.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"), contextlib.suppress(ValueError):
            answers.extend(way(op, dy))
        for answer in answers:
            array, detail = answer if isinstance(answer, tuple) else (answer, "")
            if np.all(np.isfinite(array)):
                yield (detail if isinstance(detail, Mistake) else known._replace(detail=detail)), np.asarray(array)


TRANSPOSED = "right numbers in other places", "the first index counts rows, the second one columns"

MANY = 64  # channels: with more nobody works by hand, and to try each would take minutes


def one_by_one(count: int) -> range:
    """Which of several channels or images to leave out, one after the other; too many are left alone."""
    return range(count if 1 < count <= MANY else 0)


def other_orders(count: int) -> list[list[int]]:
    """All other orders of two or three channels; of more only the reversed one.

    >>> other_orders(2), other_orders(4)
    ([[1, 0]], [[3, 2, 1, 0]])
    """
    if count > 3:
        return [list(range(count))[::-1]]
    return [list(order) for order in itertools.permutations(range(count))][1:]
