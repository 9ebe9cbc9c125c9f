"""A number that was worked out: the steps that lead to it, each with every product in it.

Most numbers here are sums of products. A `Sum` has parts (one for each channel, say), a part has terms, a term has
factors, and a factor knows its value and the cell of the array that it stands in.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

from tinyunet.byhand.numbers import write

SHOWN = 24  # terms of a part, and parts of a sum, that a text shows before it leaves some out


class Factor(NamedTuple):
    """A number and where it stands: the name of an array and the index in it.

    Names of what is computed on the way, such as "x̂", are no names of arrays. `at` is None for what stands in no
    array: the zeros (or −∞) around an image have the name "padding". It is () for a single number.
    """

    name: str
    at: tuple[int, ...] | None
    value: float

    @property
    def place(self) -> str:
        """Such as "x[0, 1, 2]"."""
        return self.name if self.at is None else f"{self.name}{list(self.at)}" if self.at else self.name


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


class Part(NamedTuple):
    """The terms that belong together, such as those of one input channel, and their sum."""

    name: str
    terms: tuple[Term, ...]

    @property
    def value(self) -> float:
        """The partial sum."""
        return math.fsum(term.value for term in self.terms)


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
        return math.fsum(term.value for term in self.terms) / self.divisor


@dataclass(frozen=True)
class Largest:
    """The largest of some numbers; among equals the first."""

    symbol: Symbol
    terms: tuple[Term, ...]

    @functools.cached_property
    def winner(self) -> Term:
        """The term that is the largest."""
        inside = [term for term in self.terms if term.factors[0].name != "padding"] or list(self.terms)
        return max(inside, key=lambda term: term.value)

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
        return self.steps[-1].terms

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
            if isinstance(step, Sum) and any(len(term.factors) > 1 for term in step.terms):
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


def _joined(texts: list[str]) -> str:
    """A sum; what is in the middle of a long one is left out."""
    if len(texts) > SHOWN:
        texts = [*texts[: SHOWN // 2], "…", *texts[-SHOWN // 4 :]]
    return " + ".join([*texts[:1], *(_after_a_sign(text) for text in texts[1:])])


def _lines_of_parts(step: Sum) -> list[Part | None]:
    """The parts that get a line of their own: those with more than one term. None stands for some left out."""
    parts: list[Part | None] = [part for part in step.parts if len(part.terms) > 1 or part.name != "bias"]
    if len(parts) > SHOWN:
        parts = [*parts[: SHOWN // 2], None, *parts[-SHOWN // 4 :]]
    return parts


def _text(step: Step) -> list[str]:
    symbol = step.symbol.text
    if isinstance(step, Formula):
        return [f"  {symbol} = {step.text} = {write(step.value)}"]
    if isinstance(step, Largest):
        numbers = ", ".join(write(term.value) for term in step.terms)
        return [f"  {symbol} = max({numbers}) = {write(step.value)}, from {step.winner.factors[0].place}"]
    by = f" / {write(step.divisor)}" if step.divisor != 1 else ""
    if len(step.parts) == 1:
        inside = _joined([term.text for term in step.terms]) or "0"
        return [f"  {symbol} = {f'({inside}){by}' if by else inside} = {write(step.value)}"]
    lines = []
    for part in _lines_of_parts(step):
        if part is None:
            lines.append("  …")
        else:
            lines.append(f"  {part.name}: {_joined([t.text for t in part.terms]) or '0'} = {write(part.value)}")
    sums = [f"{write(part.value)}{' (bias)' if part.name == 'bias' else ''}" for part in step.parts]
    inside = _joined(sums)
    return [*lines, f"  {symbol} = {f'({inside}){by}' if by else inside} = {write(step.value)}"]


def _table(step: Sum) -> list[str]:
    lines = ["| | | | |", "|---|---|---|---|"]
    for part in _lines_of_parts(step):
        if part is None:
            lines.append("| … | | | |")
            continue
        terms: list[Term | None] = list(part.terms)
        if len(terms) > SHOWN:
            terms = [*terms[: SHOWN // 2], None, *terms[-SHOWN // 4 :]]
        for k, term in enumerate(terms):
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


def _latex_sum(texts: list[str]) -> str:
    if len(texts) > SHOWN:
        texts = [*texts[: SHOWN // 2], r"\dots", *texts[-SHOWN // 4 :]]
    first, *others = texts or ["0"]
    return " + ".join([first, *(f"({t})" if t.startswith("-") else t for t in others)])


def _latex(step: Step) -> list[str]:
    symbol, value = step.symbol.latex, latex_number(step.value)
    if isinstance(step, Formula):
        return [f"{symbol} &= {step.latex} = {value}"]
    if isinstance(step, Largest):
        numbers = ", ".join(latex_number(term.value) for term in step.terms)
        return [rf"{symbol} &= \max({numbers}) = {value}"]
    by = rf"\frac{{1}}{{{latex_number(step.divisor)}}}" if step.divisor != 1 else ""
    if len(step.parts) == 1:
        inside = _latex_sum([_latex_term(term) for term in step.terms])
        return [f"{symbol} &= {f'{by}({inside})' if by else inside} = {value}"]
    rows = []
    for part in _lines_of_parts(step):
        if part is None:
            rows.append(r"&\;\;\vdots")
        else:
            inside = _latex_sum([_latex_term(term) for term in part.terms])
            rows.append(rf"\text{{{part.name}: }} & {inside} = {latex_number(part.value)}")
    inside = _latex_sum([latex_number(part.value) for part in step.parts])
    return [*rows, f"{symbol} &= {f'{by}({inside})' if by else inside} = {value}"]
