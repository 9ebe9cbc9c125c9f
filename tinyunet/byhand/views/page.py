"""An explanation as one HTML page, which works offline: point at an element, and see where its number comes from.

Python works everything out and writes every number; the page (`static/view.js`) only shows it. What it gets is the
`view`: every text once, and lists of numbers that refer to texts and to cells.
"""

import functools
import itertools
import json
import math
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.operation import Border, Index, Operation
from tinyunet.byhand.arithmetic.worked import Factor, Formula, Largest, Part, Step, Terms, place
from tinyunet.byhand.views.text import Text

MOST = 100_000  # products, and cells, in one page: some megabytes


def asset(name: str, room: str = "views") -> str:
    """A file that the pages of a room are made of."""
    return files("tinyunet.byhand").joinpath(room, "static", name).read_text(encoding="utf-8")


def html(explanation: Explanation, at: Index = (), title: str = "") -> str:
    """A page to explore it in a browser, offline: point at an element, and see where its number comes from.

    Args:
        at: the element that is shown first.
        title: its heading; by default that of the explanation.

    Raises:
        ValueError: there is too much for a page.

    >>> from tinyunet import byhand
    >>> page = byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]]).html()
    >>> page[:15], "https:" in page
    ('<!doctype html>', False)
    """
    shape = explanation.result.shape
    title = title or explanation.title
    data = view(explanation) | {
        "title": title,
        "first": int(np.ravel_multi_index(at or (0,) * len(shape), shape)) if shape else 0,
    }
    safe = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")  # no </script> inside
    parts = {"style": asset("view.css"), "script": asset("view.js"), "data": safe}
    return Template(asset("page.html")).substitute(parts, title=_escaped(title))


def frame(explanation: Explanation, title: str = "") -> str:
    """The page in a frame of its own, for a notebook: several do not disturb one another.

    The frame has no sandbox, so that the page can make it as high as it needs.
    """
    try:
        page = html(explanation, title=title)
    except ValueError as error:
        return f"<p>{_escaped(str(error))}</p>"
    title, style = _escaped(title or explanation.title), "display: block; width: 100%; height: 32em; border: 0"
    return f'<iframe title="{title}" style="{style}" srcdoc="{_escaped(page)}"></iframe>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@dataclass
class _Drawn:
    """An array as it is drawn: x with its padding around it. Its cells are numbered on from `first`."""

    name: str
    shape: Index
    plane: int  # how many axes at the end are rows and columns
    first: int = 0
    border: Border = ((0, 0), (0, 0))

    @functools.cached_property
    def axes(self) -> list[tuple[int, int]]:
        """Along each axis, how many cells there are with padding, and how many of it come first."""
        sides = self.border[2 - self.plane :]
        borders = [*[(0, 0)] * len(self.shape), *sides][self.plane :]
        return [(n + sum(border), border[0]) for n, border in zip(self.shape, borders, strict=True)]

    @property
    def count(self) -> int:
        """How many cells there are."""
        return math.prod(n for n, _ in self.axes)

    def cell(self, at: Index) -> int:
        """The number of a cell; an index below 0, or beyond the end, lies in the padding."""
        number = 0
        for k, (n, before) in zip(at, self.axes, strict=True):
            number = number * n + before + k
        return self.first + number

    def described(self, cells: list[int]) -> dict[str, Any]:
        """Name, geometry and texts for the page, which shows at least rows and columns."""
        sizes = [n for n, _ in self.axes]
        lead, plane = sizes[: -self.plane], sizes[-self.plane :]
        rows, columns = [1] * (2 - len(plane)) + plane
        before, after = zip(*self.border, strict=True)
        return {
            "name": self.name,
            "shape": self.shape,
            "lead": lead,
            "plane": self.plane,
            "rows": rows,
            "columns": columns,
            "first": self.first,
            "before": before,
            "after": after,
            "cells": cells,
        }


@dataclass
class _View:
    """The view under construction."""

    explanation: Explanation
    drawn: dict[str, _Drawn] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    derived: dict[tuple[int, int], int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)  # each once: all elements of a channel share its mean
    used: dict[str, None] = field(default_factory=dict)
    terms: int = 0

    def text(self, text: str) -> int:
        """Its number."""
        return self.texts.setdefault(text, len(self.texts))

    def check(self, count: int, of: str) -> None:
        """Refuse what would make a page too large."""
        if count > MOST:
            raise ValueError(
                f"{self.explanation.title} needs more than {MOST:,} {of}, too many for a page; work out single "
                "elements with .at(...), or take smaller arrays"
            )

    def factor(self, factor: Factor) -> int:
        """The number of its cell, or below 0 that of a derived number."""
        name = "x" if factor.name == "padding" else factor.name
        if name in self.drawn:
            self.used[name] = None
            return self.drawn[name].cell(factor.at)
        key = self.text(factor.place), self.text(write(factor.value))
        return -1 - self.derived.setdefault(key, len(self.derived))

    def part(self, part: Part) -> dict[str, Any]:
        """The terms, as lists of their factors and their value, and how many of them make a row."""
        self.terms += len(part.terms)
        self.check(self.terms, "products")
        self.check(self.terms * self.explanation.operation.comparisons(self.explanation.what), "comparisons")
        plane = self.explanation.operation.plane
        part = part._replace(terms=tuple(part.terms))  # each is made once
        places = [[factor.at for factor in term.factors] for term in part.terms]
        terms = [[*map(self.factor, term.factors), self.text(write(term.value))] for term in part.terms]
        return {
            "name": self.text(part.name),
            "heads": [self.text(_head(part, places, k, plane)) for k in range(len(places[0]) if places else 0)],
            "columns": _columns(places),
            "terms": terms,
            "sum": self.text(write(part.value)),
        }

    def step(self, step: Step) -> int:
        """The number of a step."""
        kind = "formula" if isinstance(step, Formula) else "max" if isinstance(step, Largest) else "sum"
        parts = (Part("", step.terms),) if isinstance(step, (Formula, Largest)) else step.parts
        found = {
            "kind": kind,
            "line": self.text(Text().lines(step)[-1].strip()),
            "parts": [self.part(even) for part in parts for even in _even(part)],
        }
        if isinstance(step, Largest):
            found["winner"] = step.terms.index(step.winner)
        return self.steps.setdefault(json.dumps(found), len(self.steps))

    def build(self) -> dict[str, Any]:
        """All of it."""
        explanation, op, what = self.explanation, self.explanation.operation, self.explanation.what
        first, elements, values = 0, [], []
        for name, array in explanation.arrays.items():
            self.drawn[name] = _Drawn(name, array.shape, op.plane, first, op.border(name))
            first += self.drawn[name].count
        self.check(first + explanation.result.size, "cells")
        for element in explanation:
            elements.append([self.step(step) for step in element.steps])
            values.append(self.text(write(element.value)))
        always = op.data if what == "y" or not op.linear else ()  # else gradients do not need the numbers of x
        arrays = [self.array(self.drawn[name], explanation.arrays[name]) for name in self.used | dict.fromkeys(always)]
        return {
            "title": explanation.title,
            "settings": [_setting(op, k, value) for k, value in op.settings.items() if value is not None],
            "formula": op.formula(what).text,
            "arrays": arrays,
            "result": _Drawn(what, explanation.result.shape, op.plane).described(values),
            "elements": elements,
            "steps": [json.loads(step) for step in self.steps],
            "derived": [list(key) for key in self.derived],
            "texts": list(self.texts),
        }

    def array(self, drawn: _Drawn, values: Any) -> dict[str, Any]:
        """An array with its numbers as texts; in its border, what is seen there, and which pixels they are."""
        op = self.explanation.operation
        cells, seen = [0] * drawn.count, [0] * drawn.count
        for cell in np.ndindex(*(n for n, _ in drawn.axes)):
            at = tuple(k - before for k, (_, before) in zip(cell, drawn.axes, strict=True))
            k = drawn.cell(at) - drawn.first
            if all(0 <= i < n for i, n in zip(at, drawn.shape, strict=True)):
                cells[k] = self.text(write(values[at]))
            else:
                factor = op.numbers(drawn.name, *op.full(drawn.name, at)).factor(0)
                cells[k], seen[k] = self.text(write(factor.value)), self.text(factor.seen)
        return drawn.described(cells) | ({"seen": seen} if op.seen_as and any(seen) else {})


def _setting(operation: Operation, name: str, value: Any) -> str:
    """Such as "padding p = 1 × 2", with the letter of the formula; "w = 3", where the name is the letter."""
    texts = [write(v) if isinstance(v, float) else str(v) for v in (value if isinstance(value, tuple) else (value,))]
    text = str(value).lower() if isinstance(value, bool) else " × ".join(texts)
    letter = f" {operation.symbols[name]}" if name in operation.symbols else ""
    return f"{name}{letter} = {text}" if letter or len(name) == 1 else f"{name} {text}"


def _even(part: Part) -> list[Part]:
    """A part as it is laid out: terms of as many factors stand together, with its name at the first of them."""
    if isinstance(part.terms, Terms) or not part.terms:
        return [part]
    groups = [tuple(terms) for _, terms in itertools.groupby(part.terms, lambda t: len(t.factors))]
    return [Part("" if k else part.name, terms) for k, terms in enumerate(groups)]


def _head(part: Part, places: list[list[Index]], k: int, plane: int) -> str:
    """What a column of factors is called: the image or kernel that all of them are in."""
    names = (t.factors[k].name.split("[")[0] for t in part.terms if t.factors[k].name != "padding")
    name = ", ".join(dict.fromkeys(names)) or "x"
    leads = {at[k][:-plane] for at in places if at[k]}
    return place(name, leads.pop() if len(leads) == 1 else ())


def _columns(places: list[list[Index]]) -> int:
    """How many terms make a row, if they are laid out as in an array that they stand in."""
    for column in zip(*places, strict=True):
        if all(column):
            width = len({at[-1] for at in column})
            if len(column) % width == 0:
                return width
    return max(len(places), 1)


def view(explanation: Explanation) -> dict[str, Any]:
    """What a page shows of an explanation, ready for JSON.

    Numbers stand for texts (`texts[k]`), for cells (the arrays number theirs on from `first`), or, below 0, for
    numbers that stand in no array (`derived[-1 - k]`: what it is called, and its value). A term is the list of its
    factors, with the text of its value at the end.

    Raises:
        ValueError: there is too much to show.
    """
    return _View(explanation).build()
