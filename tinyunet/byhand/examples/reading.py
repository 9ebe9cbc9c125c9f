"""Examples from their keys and values, as a TOML file or the fields of a page give them.

Every error names the key; in a file it says the line, too.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.operations import OPERATIONS, Operation
from tinyunet.byhand.examples.example import Ask, Example
from tinyunet.byhand.examples.fields import LARGEST, FieldError, blaming, leaves, numbers
from tinyunet.byhand.examples.source import Digits, Source
from tinyunet.tensor import Array

MOST_NUMBERS = 100_000  # in an example
MOST_PRODUCTS = 10**7  # in all that is asked, estimated from above


def load(text: str, name: str = "the example") -> Example:
    """Read an example from a text.

    Args:
        name: what errors call it.

    Raises:
        ValueError: whatever is wrong with it, with the line and the key.

    >>> example = load('operation = "linear"\\nx = [1, 2]\\nw = [[3, "1/2"]]\\n[[ask]]\\nat = [0]\\nanswer = 4')
    >>> [(ask.heading, ask.check().right) for ask in example.asks]
    [('y[0]', True)]
    >>> load('operation = "linear"\\nx = [1, 2]\\nv = [[3, 4]]', "my.toml")
    Traceback (most recent call last):
    ValueError: my.toml, line 3: v: no such key; there is title, operation, dy, ask, x, w, b
    """
    return from_source(Source(text, name))


def read(path: str | Path) -> Example:
    """Read an example from a file; errors as those of `load`."""
    return from_source(Source.read(path))


def from_source(source: Source) -> Example:
    """Read an example from the text of a file; errors as those of `load`."""
    try:
        return from_keys(source.keys)
    except FieldError as error:
        raise source.wrong(error) from None


def from_keys(given: Mapping[str, Any]) -> Example:
    """The example that keys and values say, as lists, numbers and texts.

    Raises:
        FieldError: whatever is wrong with it, with the key.

    >>> print(from_keys({"operation": "relu", "x": [-3, "1/2"]}).explanation.result)
    [0.  0.5]
    """
    only(given, ("title", "operation", "dy", "ask", *operation_of(given).parameters))
    title, dy, asks = given.get("title", ""), given.get("dy"), given.get("ask", [])
    if not isinstance(title, str) or isinstance(title, Digits):
        raise FieldError("must be a text in quotes", "title")
    if not isinstance(asks, list) or not all(isinstance(table, dict) for table in asks):
        raise FieldError("must be tables, each under [[ask]]", "ask")
    within_bounds(given, asks)
    explanation = explanation_of(given, len(asks))
    example = Example(explanation, (), title, None if dy is None else upstream(explanation, dy))
    return replace(example, asks=tuple(_asks(example, asks)))


def operation_of(given: Mapping[str, Any]) -> type[Operation]:
    """The operation that is named."""
    operation = given.get("operation")
    if not isinstance(operation, str):
        wrong = "missing" if operation is None else "must be a name in quotes"
        raise FieldError(f"{wrong}; there is {', '.join(OPERATIONS)}", "operation")
    if operation not in OPERATIONS:
        raise FieldError(f"there is no {operation!r}; {hint(operation, OPERATIONS)}", "operation")
    return OPERATIONS[operation]


def upstream(explanation: Explanation, dy: Any) -> Array:
    """The gradient that reaches y, checked and reshaped as for any gradient."""
    with blaming("dy"):
        return explanation.grad("x", numbers(dy)).arrays["dy"]


def hint(name: str, known: Iterable[str]) -> str:
    """What may be meant by a name that is none."""
    known = list(known)
    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"


def only(given: Mapping[str, Any], allowed: Sequence[str], ask: int | None = None) -> None:
    """Keys that mean nothing are mistakes, mostly of spelling."""
    for key in given:
        if key not in allowed:
            raise FieldError(f"no such key; {hint(key, allowed)}", key, ask)


def within_bounds(given: Mapping[str, Any], asks: list[dict[str, Any]]) -> None:
    """Too many numbers are an error before anything is done with them."""
    count = 0
    for k, table in [(None, given), *enumerate(asks)]:
        for key, value in table.items():
            with blaming(key, k):
                count += 1 if key == "ask" else sum(1 for _ in leaves(value))
                if count > MOST_NUMBERS:
                    raise ValueError(f"there are more than {MOST_NUMBERS:,} numbers in the file")


def _setting(value: Any, kind: str) -> Any:
    """A setting of a kind, as the operation annotates it; the operation checks the rest."""
    if kind == "bool" and not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    if kind.startswith("int") and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"must be an integer, not {value!r}")
    if kind == "float":
        values = numbers(value)
        if values.ndim:
            raise ValueError(f"must be a number, not {value!r}")
        return float(values)
    if not isinstance(value, (bool, str)):
        numbers(value)
    return tuple(value) if isinstance(value, list) else value


def explanation_of(given: Mapping[str, Any], asks: int, x: Explanation | None = None) -> Explanation:
    """The operation, run on its numbers; `x` is the result that it works on, if it is not given."""
    operation = operation_of(given)
    arrays, settings = {}, {}
    for name, parameter in operation.parameters.items():
        with blaming(name):
            if name == "x" and x is not None:
                arrays[name] = x.result
            elif name in given and name in operation.array_names:
                arrays[name] = numbers(given[name])
            elif name in given:
                settings[name] = _setting(given[name], parameter.annotation)
            elif parameter.default is parameter.empty:
                raise ValueError(f"missing; {operation.name} needs it")
    if operation.products(arrays, settings) * max(asks, 1) > MOST_PRODUCTS:
        raise FieldError("too much to work out by hand; take smaller arrays and settings, and ask less", "operation")
    # As they were written, not as float64: the numbers of classes must be integers.
    arguments = {name: given.get(name, x) for name in arrays} | settings
    try:
        return operation.call(**arguments)
    except (TypeError, ValueError) as error:
        words = [name for word in re.findall(r"\w+", str(error)) for name in (word, operation.aliases.get(word))]
        raise FieldError(error, next((word for word in words if word in arguments), "operation")) from None


def _asks(example: Example, tables: list[Any]) -> Iterator[Ask]:
    """What is asked, in order."""
    gradient = functools.cache(lambda name: example.of(f"d{name}"))  # each is computed once
    updated = functools.cache(example.explanation.updated)
    for k, table in enumerate(tables):
        only(table, ("at", "grad", "updated", "answer"), k)
        if "grad" in table and "updated" in table:
            raise FieldError("either grad or updated, not both", "updated", k)
        of, at, answer = example.explanation, table.get("at"), table.get("answer")
        for key, wanted in (("grad", gradient), ("updated", updated)):
            with blaming(key, k):
                if key in table:
                    if not isinstance(table[key], str):
                        raise TypeError("must be the name of an array, in quotes")
                    of = wanted(table[key])
        with blaming("at", k):
            if at is not None:
                if not isinstance(at, list) or not all(isinstance(i, int) and abs(i) <= LARGEST for i in at):
                    raise TypeError("must be a list of integers, such as [0, 1, 1]")
                at = of.at(*at).index
        with blaming("answer", k):
            if (
                answer is not None and numbers(answer, LARGEST**4, unfinished=True).ndim and at is not None
            ):  # products get larger
                raise ValueError("must be one number; an answer for the whole array has no at")
        yield Ask(of, at, answer)
