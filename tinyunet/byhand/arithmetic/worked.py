"""A number that was worked out: the steps that lead to it, each with every product in it.

Most numbers here are sums of products. A `Sum` has parts (one for each channel, say), a part has terms, a term has
factors, and a factor knows its value and the cell of the array that it stands in.

A sum over an image has 100,000 terms, of which a text shows 18. So its numbers stay in arrays (`Numbers`), and a term
is made when it is looked at (`Terms`).
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.tensor import Array

T = TypeVar("T")

SHOWN = 24  # terms of a part, and parts of a sum, that a text shows before it leaves some out


class Factor(NamedTuple):
    """A number and where it stands: the name of an array and the index in it.

    Names of what is computed on the way, such as "x̂", are no names of arrays. The zeros (or −∞) around an image have
    the name "padding", and an index below 0 or beyond the end. The index of a single number is ().
    """

    name: str
    at: tuple[int, ...]
    value: float

    @property
    def place(self) -> str:
        """Such as "x[0, 1, 2]"."""
        return f"{self.name}{list(self.at)}" if self.at and self.name != "padding" else self.name


class Term(NamedTuple):
    """A product of factors, mostly two."""

    factors: tuple[Factor, ...]

    @property
    def value(self) -> float:
        """The product."""
        return math.prod([f.value for f in self.factors])

    @property
    def text(self) -> str:
        """Such as "0×(−1)"."""
        first, *others = (write(f.value) for f in self.factors)
        return "×".join([first, *(f"({t})" if t.startswith("−") or "/" in t else t for t in others)])


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers at all places of a grid, row by row, each of which is a factor of one term.

    Attributes:
        grid: along each axis, the indices; () for numbers that stand in no array.
        shape: of the array; what lies beyond it is padding.
        values: as many as the grid has places.
    """

    name: str
    grid: tuple[Sequence[int], ...]
    shape: tuple[int, ...]
    values: Array

    def factor(self, k: int) -> Factor:
        """The k-th."""
        value, at = float(self.values[k]), []
        for indices in reversed(self.grid):
            k, place = divmod(k, len(indices))
            at.append(indices[place])
        at.reverse()
        inside = all(0 <= index < n for index, n in zip(at, self.shape, strict=True))
        return Factor(self.name if inside else "padding", tuple(at), value)


class Terms(Sequence[Term]):
    """Products that are made when they are looked at: of the k-th number of every factor, for all k or those chosen."""

    def __init__(self, *factors: Numbers, chosen: range | None = None) -> None:
        self.factors = factors
        self.chosen = range(len(factors[0].values)) if chosen is None else chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return tuple(self[i] for i in range(len(self))[k])
        return Term(tuple(numbers.factor(self.chosen[k]) for numbers in self.factors))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    @property
    def values(self) -> list[float]:
        """The value of each, without making it."""
        chosen = slice(self.chosen.start, self.chosen.stop)
        return functools.reduce(operator.mul, (numbers.values[chosen] for numbers in self.factors)).tolist()


def values(terms: Sequence[Term]) -> list[float]:
    """The value of each."""
    return terms.values if isinstance(terms, Terms) else [term.value for term in terms]


class Part(NamedTuple):
    """The terms that belong together, such as those of one input channel, and their sum."""

    name: str
    terms: Sequence[Term]

    @property
    def value(self) -> float:
        """The partial sum."""
        return math.fsum(values(self.terms))


class Symbol(NamedTuple):
    """What a quantity is called, in a text and in LaTeX."""

    text: str
    latex: str


def named(name: str, index: tuple[int, ...]) -> Symbol:
    """The symbol of an element of an array; a name "dw" is the gradient ∂L/∂w.

    >>> named("dw", (0, 1))
    Symbol(text='dw[0, 1]', latex='\\\\frac{\\\\partial L}{\\\\partial w_{0,1}}')
    """
    letters = {"running_mean": r"\mu_{\text{running}}", "running_var": r"\sigma^2_{\text{running}}"}
    base = name[1:] if name.startswith("d") else name
    base = {"weight": r"\gamma", "bias": r"\beta"}.get(base, letters.get(base, base))
    latex = f"{base}_{{{','.join(map(str, index))}}}" if index and name not in letters else base
    if name.startswith("d"):
        latex = rf"\frac{{\partial L}}{{\partial {latex}}}"
    return Symbol(f"{name}{list(index)}" if index else name, latex)


@dataclass(frozen=True)
class Sum:
    """A sum of products in parts, divided by `divisor` if it is a mean."""

    symbol: Symbol
    parts: tuple[Part, ...]
    divisor: float = 1

    @functools.cached_property
    def terms(self) -> tuple[Term, ...]:
        """Of all parts, in order."""
        return tuple(term for part in self.parts for term in part.terms)

    @functools.cached_property
    def value(self) -> float:
        """The sum of the parts, divided."""
        return math.fsum(itertools.chain.from_iterable(values(part.terms) for part in self.parts)) / self.divisor


@dataclass(frozen=True)
class Largest:
    """The largest of some numbers; among equals the first."""

    symbol: Symbol
    terms: Sequence[Term]

    @functools.cached_property
    def winner(self) -> Term:
        """The term that is the largest; the −∞ of the padding is not."""
        numbers = values(self.terms)
        return self.terms[numbers.index(max(numbers))]

    @functools.cached_property
    def value(self) -> float:
        """Its value."""
        return self.winner.value


@dataclass(frozen=True)
class Formula:
    """A formula with the numbers put in, in a text and in LaTeX, and the factors that it uses."""

    symbol: Symbol
    text: str
    latex: str
    value: float
    factors: tuple[Factor, ...] = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """Each factor that stands in an array, by itself: what to point at."""
        return tuple(Term((factor,)) for factor in self.factors)


Step = Sum | Largest | Formula


@dataclass(frozen=True)
class Worked:
    """One element of a result, worked out. The last step gives its value."""

    formula: Symbol
    steps: tuple[Step, ...]

    @property
    def symbol(self) -> Symbol:
        """What was worked out, such as y[0, 1, 1]."""
        return self.steps[-1].symbol

    @property
    def value(self) -> float:
        """The number itself."""
        return self.steps[-1].value

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the last step, in order."""
        return tuple(self.steps[-1].terms)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The partial sums of the last step, if it is a sum."""
        last = self.steps[-1]
        return last.parts if isinstance(last, Sum) else ()

    def text(self) -> str:
        """For a terminal: the formula, then every step with its numbers."""
        return "\n".join([self.formula.text, *(line for step in self.steps for line in _text(step))])

    def markdown(self) -> str:
        """The formula, a table of every factor with its place, and the sums."""
        lines = [f"**{self.symbol.text}**, by {self.formula.text}", ""]
        for step in self.steps:
            if isinstance(step, Sum) and any(len(term.factors) > 1 for part in step.parts for term in part.terms[:1]):
                lines += _table(step)
            lines += [f"- {line.strip()}" for line in _text(step)]
            lines.append("")
        return "\n".join(lines).rstrip() + "\n"

    def latex(self) -> str:
        """An `aligned` environment for mathematics mode (amsmath)."""
        rows = [line for step in self.steps for line in _latex(step)]
        body = " \\\\\n".join(rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    __str__ = text

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def _after_a_sign(text: str) -> str:
    """A number or product, its first number in brackets if it is negative."""
    first, times, others = text.partition("×")
    return f"({first}){times}{others}" if first.startswith("−") else text


def _shown(items: Sequence[T]) -> list[T | None]:
    """All of them; of many the first and the last, with None for those left out."""
    return list(items) if len(items) <= SHOWN else [*items[: SHOWN // 2], None, *items[-SHOWN // 4 :]]


def _written(items: Sequence[T], form: Callable[[T], str], dots: str = "…") -> list[str]:
    """The texts of those that are shown."""
    return [dots if item is None else form(item) for item in _shown(items)]


def _joined(texts: list[str]) -> str:
    """A sum."""
    return " + ".join([*texts[:1], *map(_after_a_sign, texts[1:])])


def _products(part: Part) -> str:
    """The terms of a part, as a sum."""
    return _joined(_written(part.terms, lambda term: term.text)) or "0"


def _partial(part: Part) -> str:
    return f"{write(part.value)}{' (bias)' if part.name == 'bias' else ''}"


def _lines_of_parts(step: Sum) -> list[Part | None]:
    """The parts that get a line of their own: those with more than one term. None stands for some left out."""
    return _shown([part for part in step.parts if len(part.terms) > 1 or part.name != "bias"])


def _text(step: Step) -> list[str]:
    symbol = step.symbol.text
    if isinstance(step, Formula):
        return [f"  {symbol} = {step.text} = {write(step.value)}"]
    if isinstance(step, Largest):
        numbers = ", ".join(_written(values(step.terms), write))
        return [f"  {symbol} = max({numbers}) = {write(step.value)}, from {step.winner.factors[0].place}"]
    by = f" / {write(step.divisor)}" if step.divisor != 1 else ""
    if len(step.parts) == 1:
        inside = _products(step.parts[0])
        return [f"  {symbol} = {f'({inside}){by}' if by else inside} = {write(step.value)}"]
    lines = []
    for part in _lines_of_parts(step):
        if part is None:
            lines.append("  …")
        else:
            lines.append(f"  {part.name}: {_products(part)} = {write(part.value)}")
    inside = _joined(_written(step.parts, _partial))
    return [*lines, f"  {symbol} = {f'({inside}){by}' if by else inside} = {write(step.value)}"]


def _table(step: Sum) -> list[str]:
    lines = ["| | | | |", "|---|---|---|---|"]
    for part in _lines_of_parts(step):
        if part is None:
            lines.append("| … | | | |")
            continue
        for k, term in enumerate(_shown(part.terms)):
            name = part.name if k == 0 else ""
            if term is None:
                lines.append("| | … | | |")
            else:
                places = " × ".join(f.place for f in term.factors)
                lines.append(f"| {name} | {places} | {term.text} | {write(term.value)} |")
    return [*lines, ""]


def latex_number(value: float) -> str:
    r"""A number for LaTeX.

    >>> print(latex_number(-1 / 3))
    -\tfrac{1}{3}
    """
    text = write(value).replace("−", "-").replace("∞", r"\infty")
    if "/" in text:
        top, bottom = text.split("/")
        sign, top = ("-", top[1:]) if top.startswith("-") else ("", top)
        return rf"{sign}\tfrac{{{top}}}{{{bottom}}}"
    return text


def _latex_term(term: Term) -> str:
    first, *others = (latex_number(f.value) for f in term.factors)
    return r" \cdot ".join([first, *(f"({t})" if t.startswith("-") else t for t in others)])


def _latex_sum(items: Sequence[T], form: Callable[[T], str]) -> str:
    first, *others = _written(items, form, r"\dots") or ["0"]
    return " + ".join([first, *(f"({t})" if t.startswith("-") else t for t in others)])


def _latex(step: Step) -> list[str]:
    symbol, value = step.symbol.latex, latex_number(step.value)
    if isinstance(step, Formula):
        return [f"{symbol} &= {step.latex} = {value}"]
    if isinstance(step, Largest):
        numbers = ", ".join(_written(values(step.terms), latex_number, r"\dots"))
        return [rf"{symbol} &= \max({numbers}) = {value}"]
    by = rf"\frac{{1}}{{{latex_number(step.divisor)}}}" if step.divisor != 1 else ""
    if len(step.parts) == 1:
        inside = _latex_sum(step.parts[0].terms, _latex_term)
        return [f"{symbol} &= {f'{by}({inside})' if by else inside} = {value}"]
    rows = []
    for part in _lines_of_parts(step):
        if part is None:
            rows.append(r"&\;\;\vdots")
        else:
            inside = _latex_sum(part.terms, _latex_term)
            rows.append(rf"\text{{{part.name}: }} & {inside} = {latex_number(part.value)}")
    inside = _latex_sum(step.parts, lambda part: latex_number(part.value))
    return [*rows, f"{symbol} &= {f'{by}({inside})' if by else inside} = {value}"]
