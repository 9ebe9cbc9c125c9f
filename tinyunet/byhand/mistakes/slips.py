"""A slip in one element: digits cut off, one term of a sum, or another number of the window than the largest."""

import math
from collections.abc import Iterator

from tinyunet.byhand.arithmetic.explanation import Element
from tinyunet.byhand.arithmetic.numbers import Given, write
from tinyunet.byhand.arithmetic.worked import Largest, Sum, Term
from tinyunet.byhand.mistakes.registry import Mistake

SLIPS = 3  # that fit, beyond which it is not said which
LONG = 1000  # terms: in a longer sum no slip is looked for

CUT_OFF = Mistake("digits cut off", "round to the nearest: 2/3 is 0.667, not 0.666")
NOT_LARGEST = Mistake("not the largest number of the window", "compare all of its numbers, with their signs")
ONE_TERM = Mistake("slip in one term", "check the products again")
SEVERAL = Mistake("several slips", "it could be one of several slips in one term; work it out again")


def cut_off(given: Given, value: float) -> bool:
    """Whether digits of a value were left out, not rounded."""
    answer = given.value
    return answer * value >= 0 and abs(answer) < abs(value) < abs(answer) + 2 * given.tolerance


def slip(element: Element, given: Given, size: float) -> Mistake | None:
    """The slip that gives a number in place of an element, or `SEVERAL`; `size` is that of its terms."""
    last = element.steps[-1]
    if cut_off(given, element.value):
        return CUT_OFF
    if isinstance(last, Largest):
        places = [term.factors[0].place for term in last.terms if math.isfinite(term.value) and given.fits(term.value)]
        return NOT_LARGEST._replace(detail=" or ".join(places[:SLIPS])) if places else None
    if not isinstance(last, Sum) or sum(len(part.terms) for part in last.parts) > LONG:
        return None
    off = Given((given.value - element.value) * last.divisor, given.tolerance * last.divisor, given.unit)
    found: dict[tuple[str, str], list[Term]] = {}
    for ways in (_whole_terms, _wrong_products):  # the simpler explanation first
        for term in last.terms if not found else ():
            for what, difference in ways(term):
                if difference and off.fits(difference, size * last.divisor):
                    found.setdefault((term.text, what), []).append(term)
    if not found or len(found) > SLIPS:
        return SEVERAL if found else None
    slips = []
    for (text, what), terms in found.items():
        cells = " or ".join("·".join(factor.place for factor in term.factors) for term in terms[:SLIPS])
        told = any(factor.value == element.value and not factor.at for term in terms for factor in term.factors)
        slips.append(f"{cells} {what}" if told else f"{text} {what} ({cells})")  # no number that says what is right
    return ONE_TERM._replace(detail=" or ".join(slips))


def _whole_terms(term: Term) -> Iterator[tuple[str, float]]:
    """What a slip with a whole term adds to the sum."""
    yield "left out", -term.value
    yield "taken twice", term.value
    yield "taken with the wrong sign", -2 * term.value


def _wrong_products(term: Term) -> Iterator[tuple[str, float]]:
    """What a slip in multiplying adds to the sum: only where there is something to multiply."""
    factors = [f.value for f in term.factors]
    if len(factors) == 2 and min(map(abs, factors)) > 1:
        a, b = factors
        yield "added instead of multiplied", a + b - a * b
        for by in {a, -a, b, -b}:  # one row off in the multiplication table
            yield f"multiplied to {write(a * b + by)}", by
