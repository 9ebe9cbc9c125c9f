"""Examples as TOML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.numbers import DENOMINATOR
from tinyunet.byhand.examples.example import Example
from tinyunet.byhand.examples.source import Digits


def dump(example: Example) -> str:
    """An example as TOML: `load` makes the same of it.

    Raises:
        ValueError: gradients are asked for with different dy; a file has one.

    >>> from tinyunet import byhand
    >>> from tinyunet.byhand.examples import Ask
    >>> y = byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]], stride=2)
    >>> print(dump(Example(y, (Ask(y, at=(0, 0), answer="20"),), title="One window")))
    title = "One window"
    operation = "conv2d"
    x = [[1, 2], [3, 4]]
    w = [[0, 1], [2, 3]]
    stride = 2
    <BLANKLINE>
    [[ask]]
    at = [0, 0]
    answer = "20"
    <BLANKLINE>
    """
    operation = example.explanation.operation
    keys: dict[str, Any] = {"title": example.title} if example.title else {}
    keys |= {"operation": operation.name} | example.explanation.arrays | operation.chosen()
    if example.dy is not None:
        keys["dy"] = example.dy
    tables = [_pairs(keys)]
    for ask in example.asks:
        what, table = ask.of.what, dict[str, Any]()
        if what.startswith("d"):
            if not np.array_equal(ask.of.arrays["dy"], example.of(what).arrays["dy"]):
                raise ValueError(f"{ask.heading} is asked for another dy than that of the example")
            table["grad"] = what[1:]
        elif what != "y":
            table["updated"] = what
        table |= {name: value for name, value in (("at", ask.at), ("answer", ask.answer)) if value is not None}
        tables.append(f"[[ask]]\n{_pairs(table)}")
    return "\n".join(tables)


def _pairs(table: Mapping[str, Any]) -> str:
    """Keys and values in TOML.

    >>> print(_pairs({"x": [[1, "1/2"], [0.25, Digits("0.250")]], "ceil_mode": True}), end="")
    x = [[1, "1/2"], [0.25, 0.250]]
    ceil_mode = true
    """
    return "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: Any, indent: str = "") -> str:
    """A value; lists that are too long for a line get a line for each row."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, (bool, str, Fraction)):  # JSON's escapes are TOML's, which also escapes DEL
        text = json.dumps(value if isinstance(value, bool) else str(value), ensure_ascii=False)
        return text.replace("\x7f", "\\u007f")
    if isinstance(value, float):
        if value.is_integer():
            return str(int(value))
        fraction = Fraction(value).limit_denominator(DENOMINATOR)
        return f'"{fraction}"' if len(repr(value)) > 8 and float(fraction) == value else repr(value)
    if not isinstance(value, (list, tuple)):
        return str(value)
    line = f"[{', '.join(_toml(item) for item in value)}]"
    if len(line) <= 60 or not any(isinstance(item, (list, tuple)) for item in value):
        return line
    inner = indent + "  "
    return "[\n" + "".join(f"{inner}{_toml(item, inner)},\n" for item in value) + indent + "]"
