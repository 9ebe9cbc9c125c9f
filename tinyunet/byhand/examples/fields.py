"""Values that people write, each under a key, in a file or in the fields of a page: read within bounds.

What is wrong with a value is an error that knows its key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.grids import DEEPEST
from tinyunet.byhand.arithmetic.numbers import read_answer, read_array
from tinyunet.tensor import Array

LARGEST = 10**12  # number that is given


class FieldError(ValueError):
    """What is wrong with the value of a key; `ask` numbers the question, or another table, that the key belongs to."""

    def __init__(self, message: object, key: str, ask: int | None = None, table: str = "ask") -> None:
        self.key, self.ask, self.table = key, ask, table
        shown = key[:60] if re.fullmatch(r"[\w-]+", key) else repr(key[:60])
        text = f"{shown}: {str(message).removeprefix(f'{key}: ')}"
        super().__init__(text if len(text) <= 300 else f"{text[:200]}…")


@contextmanager
def blaming(key: str, ask: int | None = None) -> Iterator[None]:
    """Errors in here are about this key.

    >>> with blaming("x"):
    ...     numbers([1, "two"])
    Traceback (most recent call last):
    tinyunet.byhand.examples.fields.FieldError: x: 'two' is not a number such as 35, -0.248 or 1/3
    """
    try:
        yield
    except (TypeError, ValueError, IndexError) as error:
        raise FieldError(error, key, ask) from None


def leaves(value: Any, depth: int = 0) -> Iterator[Any]:
    """What stands in nested lists; a ValueError if there are too many brackets in brackets."""
    if not isinstance(value, list):
        yield value
    elif depth == DEEPEST:
        raise ValueError(f"brackets are nested more than {DEEPEST} deep")
    else:
        for item in value:
            yield from leaves(item, depth + 1)


def numbers(value: Any, largest: int = LARGEST, unfinished: bool = False) -> Array:
    """The numbers in nested lists; of an unfinished answer nan for those that are missing.

    Raises:
        ValueError, TypeError: what is no number or too large, no numbers at all, and rows of different lengths.

    >>> numbers([[1, "1/2"], ["0.25", 3]])
    array([[1.  , 0.5 ],
           [0.25, 3.  ]])
    """
    for leaf in leaves(value):
        if not isinstance(leaf, (int, str)):
            kind = "a table" if isinstance(leaf, dict) else "a date or a time"
            raise TypeError(f"a number is needed, or a text such as '1/3', not {kind}")
        if isinstance(leaf, int) and abs(leaf) > largest:  # before anything prints its digits
            raise ValueError(f"a number is larger than {largest:.0e}")
    values = (read_answer if unfinished else read_array)(value).values
    if not values.size:
        raise ValueError(f"there are no numbers in an array of shape {values.shape}")
    if np.abs(values[~np.isnan(values)]).max(initial=0) > largest:
        raise ValueError(f"a number is larger than {largest:.0e}")
    return values
