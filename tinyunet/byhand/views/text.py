"""What was worked out, as a text for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import bracketed, latex_number, write, write_array
from tinyunet.byhand.arithmetic.worked import Formula, Largest, Part, Step, Sum, Term, Worked, values

T = TypeVar("T")

SHOWN = 24  # terms of a part, and parts of a sum, that a text shows before it leaves some out


def text(worked: Worked) -> str:
    """For a terminal: the formula, then every step with its numbers."""
    return "\n".join([worked.formula.text, *(line for step in worked.steps for line in lines(step))])


def markdown(worked: Worked) -> str:
    """The formula, a table of every factor with its place, and the sums."""
    found = [f"**{worked.symbol.text}**, by {worked.formula.text}", ""]
    for step in worked.steps:
        if isinstance(step, Sum) and any(len(term.factors) > 1 for part in step.parts for term in part.terms[:1]):
            found += _table(step)
        found += [*(f"- {line.strip()}" for line in lines(step)), ""]
    return "\n".join(found).rstrip() + "\n"


def latex(worked: Worked) -> str:
    """An `aligned` environment for mathematics mode (amsmath)."""
    rows = " \\\\\n".join(line for step in worked.steps for line in lines(step, LATEX))
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def displayed(worked: Worked) -> str:
    """The same in a notebook."""
    return f"$\\displaystyle {latex(worked)}$"


def whole(explanation: Explanation) -> str:
    """All numbers of a result."""
    operation = explanation.operation
    settings = ", ".join(f"{name}={value!r}" for name, value in operation.settings.items())
    return f"{explanation.what} of {operation.name}({settings})\n{write_array(explanation.result)}"


class Notation(NamedTuple):
    """How steps are written down: numbers, terms, what follows a plus, and forms to be filled in."""

    name: str  # of what a symbol and a formula have of it
    number: Callable[[float], str]
    term: Callable[[Term], str]
    added: Callable[[str], str]
    dots: str  # for terms that are left out
    parts: str  # for parts that are left out
    part: str
    bias: str
    mean: str
    largest: str
    equation: str
    winner: str


def _first_bracketed(text: str) -> str:
    """A product with its first number in brackets if it is negative; the others already are."""
    first, times, others = text.partition("×")
    return bracketed(first) + times + others


def _latex_term(term: Term) -> str:
    first, *others = (latex_number(factor.value) for factor in term.factors)
    return r" \cdot ".join([first, *map(bracketed, others)])


TEXT = Notation(
    name="text",
    number=write,
    term=lambda term: term.text,
    added=_first_bracketed,
    dots="…",
    parts="  …",
    part="  {}: {} = {}",
    bias="{} (bias)",
    mean="({}) / {}",
    largest="max({})",
    equation="  {} = {} = {}",
    winner=", from {}",
)
LATEX = Notation(
    name="latex",
    number=latex_number,
    term=_latex_term,
    added=bracketed,
    dots=r"\dots",
    parts=r"&\;\;\vdots",
    part=r"\text{{{}: }} & {} = {}",
    bias="{}",
    mean=r"\frac{{1}}{{{1}}}({0})",
    largest=r"\max({})",
    equation="{} &= {} = {}",
    winner="",
)


def lines(step: Step, notation: Notation = TEXT) -> list[str]:
    """A step in an equation; above it, of a sum of several parts, each of them."""
    rows, number, end = [], notation.number, ""
    if isinstance(step, Formula):
        inside = getattr(step, notation.name)
    elif isinstance(step, Largest):
        inside = notation.largest.format(", ".join(_written(values(step.terms), number, notation)))
        end = notation.winner.format(step.winner.factors[0].place)
    elif len(step.parts) == 1:
        inside = _added(step.parts[0].terms, notation.term, notation)
    else:
        inside = _added(step.parts, lambda part: _summand(part, notation), notation)
        for part in _shown(_rows(step)):
            if part is None:
                rows.append(notation.parts)
            else:
                products = _added(part.terms, notation.term, notation)
                rows.append(notation.part.format(part.name, products, number(part.value)))
    if isinstance(step, Sum) and step.divisor != 1:
        inside = notation.mean.format(inside, number(step.divisor))
    return [*rows, notation.equation.format(getattr(step.symbol, notation.name), inside, number(step.value)) + end]


def _shown(items: Sequence[T]) -> list[T | None]:
    """All of them; of many the first and the last, with None for those left out."""
    return list(items) if len(items) <= SHOWN else [*items[: SHOWN // 2], None, *items[-SHOWN // 4 :]]


def _written(items: Sequence[T], form: Callable[[T], str], notation: Notation) -> list[str]:
    """The texts of those that are shown."""
    return [notation.dots if item is None else form(item) for item in _shown(items)]


def _added(items: Sequence[T], form: Callable[[T], str], notation: Notation) -> str:
    """A sum."""
    first, *others = _written(items, form, notation) or ["0"]
    return " + ".join([first, *map(notation.added, others)])


def _summand(part: Part, notation: Notation) -> str:
    """What a part comes to."""
    return (notation.bias if part.name == "bias" else "{}").format(notation.number(part.value))


def _rows(step: Sum) -> list[Part]:
    """The parts that get a line of their own: all but a bias that is a single number."""
    return [part for part in step.parts if len(part.terms) > 1 or part.name != "bias"]


def _table(step: Sum) -> list[str]:
    rows = ["| | | | |", "|---|---|---|---|"]
    for part in _shown(_rows(step)):
        if part is None:
            rows.append("| … | | | |")
            continue
        for k, term in enumerate(_shown(part.terms)):
            if term is None:
                rows.append("| | … | | |")
            else:
                places = " × ".join(factor.place for factor in term.factors)
                rows.append(f"| {'' if k else part.name} | {places} | {term.text} | {write(term.value)} |")
    return [*rows, ""]
