"""What was worked out, as a text for a terminal, as Markdown and as LaTeX."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.numbers import write, write_array
from tinyunet.byhand.arithmetic.worked import Formula, Largest, Part, Step, Sum, Term, values

T = TypeVar("T")

SHOWN = 24  # terms of a part, and parts of a sum, that a text shows before it leaves some out


def text(element: Element) -> str:
    """For a terminal: the formula, then every step with its numbers."""
    return "\n".join([element.formula.text, *(line for step in element.steps for line in Text().lines(step))])


def markdown(element: Element) -> str:
    """The formula, a table of every factor with its place, and the sums."""
    found = [f"**{element.symbol.text}**, by {element.formula.text}", ""]
    for step in element.steps:
        if isinstance(step, Sum) and any(len(term.factors) > 1 for part in step.parts for term in part.terms[:1]):
            found += _table(step)
        found += [*(f"- {line.strip()}" for line in Text().lines(step)), ""]
    return "\n".join(found).rstrip() + "\n"


def latex(element: Element) -> str:
    """An `aligned` environment for mathematics mode (amsmath)."""
    rows = " \\\\\n".join(line for step in element.steps for line in Latex().lines(step))
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


def displayed(element: Element) -> str:
    """The same in a notebook."""
    return f"$\\displaystyle {latex(element)}$"


def whole(explanation: Explanation) -> str:
    """All numbers of a result."""
    settings = ", ".join(f"{name}={value!r}" for name, value in explanation.operation.settings.items())
    return f"{explanation.title}({settings})\n{write_array(explanation.result)}"


def latex_number(value: float) -> str:
    r"""A number for LaTeX.

    >>> print(latex_number(-1 / 3), latex_number(1e-5))
    -\tfrac{1}{3} 1 \cdot 10^{-5}
    """
    text = write(value).replace("−", "-").replace("∞", r"\infty")
    text = re.sub(r"e\+?(-?)0*(\d+)$", r" \\cdot 10^{\1\2}", text)
    return re.sub(r"(\d+)/(\d+)", r"\\tfrac{\1}{\2}", text)


def bracketed(text: str) -> str:
    """A number after an operator: a negative one in brackets."""
    return f"({text})" if text[0] in "-−" else text


class Text:
    """How steps are written down in a text."""

    form = "text"  # of the two that a symbol and a formula have
    dots, left_out = "…", "  …"  # in place of terms, and of parts
    number: Callable[[float], str] = staticmethod(write)
    part, bias = "  {}: {} = {}", "{} (bias)"
    mean, largest = "({}) / {}", "max({})"
    equation, winner = "  {} = {} = {}", ", from {}"

    def term(self, term: Term) -> str:
        return term.text

    def added(self, product: str) -> str:
        """After a plus: its first number in brackets if it is negative, as the others already are."""
        return re.sub(r"^−[^×\s]+", r"(\g<0>)", product)

    def each(self, items: Sequence[T], form: Callable[[T], str]) -> list[str]:
        """The texts of those that are shown."""
        return [self.dots if item is None else form(item) for item in _shown(items)]

    def sum(self, items: Sequence[T], form: Callable[[T], str]) -> str:
        first, *others = self.each(items, form) or ["0"]
        return " + ".join([first, *map(self.added, others)])

    def summand(self, part: Part) -> str:
        """What a part comes to."""
        return (self.bias if part.name == "bias" else "{}").format(self.number(part.value))

    def formula(self, step: Formula) -> str:
        """With the numbers put in."""

        def number(found: re.Match[str]) -> str:
            text = self.number(step.numbers[found[2]])
            return bracketed(text) if found[1] else text

        return re.sub(r"(\()?\$(\w+)(?(1)\))", number, getattr(step, self.form))

    def lines(self, step: Step) -> list[str]:
        """A step in an equation; above it, of a sum of several parts, each of them."""
        rows, end = [], ""
        if isinstance(step, Formula):
            inside = self.formula(step)
        elif isinstance(step, Largest):
            inside = self.largest.format(", ".join(self.each(values(step.terms), self.number)))
            end = self.winner.format(step.winner.factors[0].place)
        elif len(step.parts) == 1:
            inside = self.sum(step.parts[0].terms, self.term)
        else:
            inside = self.sum(step.parts, self.summand)
            for part in _shown(_rows(step)):
                if part is None:
                    rows.append(self.left_out)
                else:
                    products = self.sum(part.terms, self.term)
                    rows.append(self.part.format(part.name, products, self.number(part.value)))
        if isinstance(step, Sum) and step.divisor != 1:
            inside = self.mean.format(inside, self.number(step.divisor))
        return [*rows, self.equation.format(getattr(step.symbol, self.form), inside, self.number(step.value)) + end]


class Latex(Text):
    """How steps are written down in mathematics mode, aligned."""

    form = "latex"
    dots, left_out = r"\dots", r"&\;\;\vdots"
    number = staticmethod(latex_number)
    part, bias = r"\text{{{}: }} & {} = {}", "{}"
    mean, largest = r"\frac{{1}}{{{1}}}({0})", r"\max({})"
    equation, winner = "{} &= {} = {}", ""

    def lines(self, step: Step) -> list[str]:
        return [line.replace("−", "-") for line in super().lines(step)]

    def term(self, term: Term) -> str:
        first, *others = (latex_number(factor.value) for factor in term.factors)
        return r" \cdot ".join([first, *map(bracketed, others)])

    def added(self, product: str) -> str:
        return bracketed(product)


def _shown(items: Sequence[T]) -> list[T | None]:
    """All of them; of many the first and the last, with None for those left out."""
    return list(items) if len(items) <= SHOWN else [*items[: SHOWN // 2], None, *items[-SHOWN // 4 :]]


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
