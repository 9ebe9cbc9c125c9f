"""Worked examples as files: an operation, its numbers, and what is asked of it, in TOML.

    title = "Two channels, one filter"
    operation = "conv2d"                # any operation of `byhand`, with its arrays and settings by name
    x = [[1, 2, 3], [4, 5, 6]]
    w = [[0, 1], ["1/2", 0.25]]         # whole numbers, decimals, fractions as texts
    stride = 1
    dy = [[1, -1]]                      # the gradient that reaches y; without it 1 everywhere

    [[ask]]
    at = [0, 1]                         # one element; without it the whole array
    answer = 7                          # what somebody says it is, if anybody does

    [[ask]]
    grad = "w"                          # of a gradient; or updated = "running_mean"; without both of y
    at = [0, 0]

Title, settings, dy and asks may be left out. `tinyunet check FILE` says whether the answers are right, or what went
wrong. Whatever is wrong with a file is said in one message, with the line and the key.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.numbers import DENOMINATOR, write_array
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.source import LARGEST, MOST_NUMBERS, Digits, Source, leaves, numbers
from tinyunet.byhand.mistakes.diagnosis import Verdict
from tinyunet.tensor import Array

MOST_PRODUCTS = 10**7  # in all that is asked, estimated from above
# What the operations call our arrays in their errors.
ALIASES = {"input": "x", "weight": "w", "bias": "b", "kernel": "w", "window": "kernel_size"}


@dataclass(frozen=True)
class Ask:
    """What is asked, and what somebody answered.

    Attributes:
        of: the result, gradient or updated array that is asked about.
        at: the index of one element of it; None asks for all of it.
        answer: a number, a text such as "1/3", or nested lists of them; None if there is no answer yet.
    """

    of: Explanation
    at: tuple[int, ...] | None = None
    answer: Any = None

    @property
    def subject(self) -> Element | Explanation:
        """What an answer is about."""
        return self.of if self.at is None else self.of.at(*self.at)

    @property
    def heading(self) -> str:
        """Such as "y[0, 1, 1]"."""
        subject = self.subject
        return subject.symbol.text if isinstance(subject, Element) else subject.what

    def check(self) -> Verdict:
        """Whether the answer is right, or the mistake that leads to it. No answer is not right."""
        return Verdict(False, "no answer yet") if self.answer is None else self.subject.check(self.answer)


@dataclass(frozen=True)
class Example:
    """An operation on some numbers, and what is asked of it.

    Attributes:
        explanation: of the result y.
        asks: in their order.
        title: one line.
        dy: the gradient that reaches y; None is 1 everywhere.
    """

    explanation: Explanation
    asks: tuple[Ask, ...] = ()
    title: str = ""
    dy: Array | None = None

    def of(self, grad: str | None = None, updated: str | None = None) -> Explanation:
        """The result y, a gradient, or an updated array.

        Raises:
            ValueError: there is none of that name.
        """
        if grad is not None:
            return self.explanation.grad(grad, self.dy)
        return self.explanation if updated is None else self.explanation.updated(updated)

    def elements(self, grad: str | None = None, at: Sequence[int] | None = None) -> list[Element]:
        """What to work out: the elements asked for, or of a gradient, or the one with this index; else the first.

        Raises:
            ValueError: there is no such gradient.
            IndexError: there is no such element.

        >>> [element.symbol.text for element in built_in("weight-gradient").elements()]
        ['dw[0, 0]', 'dw[1, 1]']
        """
        asked = [(ask.of, ask.at) for ask in self.asks if grad is None or ask.of.what == f"d{grad}"]
        if at is not None or not asked:
            asked = [(self.of(grad), None if at is None else tuple(at))]
        found: dict[str, Element] = {}
        for of, index in sorted(asked, key=lambda pair: pair[1] is None):
            # Of a whole array its first element is worked out, unless another one was asked for.
            if index is not None or of.what not in {element.explanation.what for element in found.values()}:
                element = of.at(*((0,) * of.result.ndim if index is None else index))
                found[element.symbol.text] = element
        return list(found.values())

    def text(self, elements: Sequence[Element]) -> str:
        """All the numbers, and elements worked out; a gradient is shown whole before its first element."""
        lines, shown = [str(self)], {"y"}
        for element in elements:
            whole = element.explanation
            if whole.what not in shown:
                lines.append(_grid(whole.what, whole.result))
                shown.add(whole.what)
            lines.append(element.text())
        return "\n\n".join(lines)

    def __str__(self) -> str:
        operation = self.explanation.operation
        settings = ", ".join(f"{name}={value!r}" for name, value in operation.settings.items() if value is not None)
        arrays = self.explanation.arrays | ({} if self.dy is None else {"dy": self.dy})
        grids = (_grid(name, array) for name, array in [*arrays.items(), ("y", self.explanation.result)])
        return "\n".join([*([self.title, ""] if self.title else []), f"{operation.name}({settings})", *grids])


def _grid(name: str, array: Array) -> str:
    """Such as "x = [[1 2] …", in columns."""
    return f"{name} = {write_array(array, prefix=f'{name} = ')}"


# ---- writing


def dump(example: Example) -> str:
    """An example as TOML: `load` makes the same of it.

    Raises:
        ValueError: gradients are asked for with different dy; a file has one.

    >>> from tinyunet import byhand
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
    defaults = {name: p.default for name, p in parameters(operation.name).items()}
    keys: dict[str, Any] = {"title": example.title} if example.title else {}
    keys |= {"operation": operation.name} | example.explanation.arrays
    keys |= {name: value for name, value in operation.settings.items() if value != defaults[name]}
    if example.dy is not None:
        keys["dy"] = example.dy
    tables = [pairs(keys)]
    for ask in example.asks:
        if ask.of.what.startswith("d"):
            expected = example.of(grad=ask.of.what[1:]).arrays["dy"]
            if not np.array_equal(ask.of.arrays["dy"], expected):
                raise ValueError(f"{ask.heading} is asked for another dy than that of the example")
        wanted = {"grad": ask.of.what[1:]} if ask.of.what.startswith("d") else {"updated": ask.of.what}
        table: dict[str, Any] = {} if ask.of.what == "y" else wanted
        table |= {name: value for name, value in (("at", ask.at), ("answer", ask.answer)) if value is not None}
        tables.append(f"[[ask]]\n{pairs(table)}")
    return "\n".join(tables)


def pairs(table: Mapping[str, Any]) -> str:
    """Keys and values in TOML.

    >>> print(pairs({"x": [[1, "1/2"], [0.25, Digits("0.250")]], "ceil_mode": True}), end="")
    x = [[1, "1/2"], [0.25, 0.250]]
    ceil_mode = true
    """
    return "".join(
        f"{key if re.fullmatch('[A-Za-z0-9_-]+', key) else _toml(key)} = {_toml(value)}\n"
        for key, value in table.items()
    )


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


# ---- reading


def parameters(operation: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of an operation of `byhand`."""
    return inspect.signature(OPERATIONS[operation].call).parameters


def is_array(parameter: inspect.Parameter) -> bool:
    """Arrays may be given as anything (`Any`); settings have a type."""
    return parameter.annotation == "Any"


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


def _most(setting: Any) -> int:
    """The largest integer in a setting."""
    return max((leaf for leaf in leaves(setting) if isinstance(leaf, int)), default=0)


def _products(operation: str, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
    """At most so many products make the result: known before anything is computed."""
    x, w = arrays["x"], arrays.get("w")
    if operation == "linear" and w is not None:
        return x.size * len(np.atleast_1d(w))
    N, C, H, W = ((1,) * 4 + x.shape)[-4:]
    kernel = max(w.shape[-2:], default=1) if w is not None else _most(settings.get("kernel_size", 1))
    cells = C * kernel**2 if w is None else w.size
    more = 2 * _most(settings.get("padding", 0)) + _most(settings.get("output_padding", 0))
    more += _most(settings.get("dilation", 1)) * kernel
    spread = _most(settings.get("stride", 1)) if operation == "conv_transpose2d" else 1
    return N * (H * spread + more) * (W * spread + more) * cells


def _explanation(source: Source, given: dict[str, Any], asks: int) -> Explanation:
    """The operation of a file, run on its numbers."""
    operation = given["operation"]
    arrays, settings = {}, {}
    for name, parameter in parameters(operation).items():
        if name not in given:
            if parameter.default is inspect.Parameter.empty:
                source.wrong(f"missing; {operation} needs it", name)
            continue
        with source.blaming(name):
            if is_array(parameter):
                arrays[name] = numbers(given[name])
            else:
                settings[name] = _setting(given[name], parameter.annotation)
    if _products(operation, arrays, settings) * max(asks, 1) > MOST_PRODUCTS:
        source.wrong("too much to work out by hand; take smaller arrays and settings, and ask less", "operation")
    # As they were written, not as float64: the numbers of classes must be integers.
    arguments = {name: given[name] for name in arrays} | settings
    try:
        return OPERATIONS[operation].call(**arguments)
    except (TypeError, ValueError) as error:
        words = [name for word in re.findall(r"\w+", str(error)) for name in (word, ALIASES.get(word))]
        source.wrong(error, next((word for word in words if word in arguments), "operation"))


def _hint(name: str, known: Iterable[str]) -> str:
    """What may be meant by a name that is none."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"


def _only(source: Source, given: dict[str, Any], allowed: Sequence[str], ask: int | None = None) -> None:
    """Keys that mean nothing are mistakes, mostly of spelling."""
    for key in given:
        if key not in allowed:
            source.wrong(f"no such key; {_hint(key, allowed)}", key, ask)


def _asks(source: Source, example: Example, tables: list[Any]) -> Iterator[Ask]:
    """What a file asks, in order."""
    known: dict[tuple[str | None, str | None], Explanation] = {}  # each is computed once
    for k, table in enumerate(tables):
        _only(source, table, ("at", "grad", "updated", "answer"), k)
        grad, updated, at, answer = (table.get(key) for key in ("grad", "updated", "at", "answer"))
        if grad is not None and updated is not None:
            source.wrong("either grad or updated, not both", "updated", k)
        with source.blaming("grad" if updated is None else "updated", k):
            if not all(name is None or isinstance(name, str) for name in (grad, updated)):
                raise TypeError("must be the name of an array, in quotes")
            if (grad, updated) not in known:
                known[grad, updated] = example.of(grad, updated)
            of = known[grad, updated]
        with source.blaming("at", k):
            if at is not None:
                if not isinstance(at, list) or not all(isinstance(i, int) and abs(i) <= LARGEST for i in at):
                    raise TypeError("must be a list of integers, such as [0, 1, 1]")
                at = of.at(*at).index
        with source.blaming("answer", k):
            if answer is not None and numbers(answer, LARGEST**4).ndim and at is not None:  # products get larger
                raise ValueError("must be one number; an answer for the whole array has no at")
        yield Ask(of, at, answer)


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
    return _example(Source(text, name))


def read(path: str | Path) -> Example:
    """Read an example from a file.

    Raises:
        ValueError: whatever is wrong with it, with the line and the key.
    """
    return _example(Source.read(path))


def _example(source: Source) -> Example:
    given = source.parse()
    operation = given.get("operation")
    if not isinstance(operation, str):
        wrong = "missing" if operation is None else "must be a name in quotes"
        source.wrong(f"{wrong}; there is {', '.join(OPERATIONS)}", "operation")
    if operation not in OPERATIONS:
        source.wrong(f"there is no {operation!r}; {_hint(operation, OPERATIONS)}", "operation")
    _only(source, given, ("title", "operation", "dy", "ask", *parameters(operation)))
    title, dy, asks = given.get("title", ""), given.get("dy"), given.get("ask", [])
    if not isinstance(title, str) or isinstance(title, Digits):
        source.wrong("must be a text in quotes", "title")
    if not isinstance(asks, list) or not all(isinstance(table, dict) for table in asks):
        source.wrong("must be tables, each under [[ask]]", "ask")
    _count(source, given, asks)
    explanation = _explanation(source, given, len(asks))
    with source.blaming("dy"):
        if dy is not None:  # it is checked, and reshaped, as for any gradient
            dy = explanation.grad("x", numbers(dy)).arrays["dy"]
    example = Example(explanation, (), title, dy)
    return replace(example, asks=tuple(_asks(source, example, asks)))


def _count(source: Source, given: dict[str, Any], asks: list[dict[str, Any]]) -> None:
    """Too many numbers are an error before anything is done with them."""
    count = 0
    for k, table in [(None, given), *enumerate(asks)]:
        for key, value in table.items():
            with source.blaming(key, k):
                count += 1 if key == "ask" else sum(1 for _ in leaves(value))
                if count > MOST_NUMBERS:
                    raise ValueError(f"there are more than {MOST_NUMBERS:,} numbers in the file")


# ---- the built-in examples

FOLDER = resources.files("tinyunet.byhand.examples")


def names() -> list[str]:
    """The names of the built-in examples.

    >>> names()[:4]
    ['avgpool', 'batchnorm', 'conv3x3', 'conv3x3-padded']
    """
    return sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml"))


def built_in(name: str) -> Example:
    """A built-in example.

    Raises:
        ValueError: there is none of that name.

    >>> print(built_in("transposed-overlap").explanation.result)
    [[ 1.  1.  3.  2.  2.]
     [ 1.  1.  3.  2.  2.]
     [ 4.  4. 10.  6.  6.]
     [ 3.  3.  7.  4.  4.]
     [ 3.  3.  7.  4.  4.]]
    """
    if name not in names():
        raise ValueError(f"there is no built-in example {name!r}; {_hint(name, names())}")
    return load((FOLDER / f"{name}.toml").read_text(encoding="utf-8"), name)


def find(name: str) -> Example:
    """The built-in example of this name, or else the file."""
    return read(name) if name not in names() and (Path(name).suffix or Path(name).exists()) else built_in(name)


def answered(path: str | Path) -> tuple[Ask, ...]:
    """What a file asks, if it answers any of it.

    Raises:
        ValueError: there is no answer, and whatever `read` raises.
    """
    asks = read(path).asks
    if all(ask.answer is None for ask in asks):
        Source.read(path).wrong("there is no answer to check; write  answer = …  under an [[ask]]", "ask")
    return asks
