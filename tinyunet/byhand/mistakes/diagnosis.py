"""What is wrong with an answer: the first wrong element, and the mistakes that would give just this answer.

An answer is compared with what every known mistake (`mistakes/`) would have given. Those that give exactly the answer
explain it, all of them equally; the rare ones are asked only where no usual one does. Failing that, digits cut off, and
a slip in one term if a single element is wrong: left out, taken twice, with the wrong sign, added in place of
multiplied, or a multiplication that is one off. Failing that, the mistakes that give all the elements that are wrong,
and a number that was copied wrongly (`misread.py`). If nothing explains the answer, that is what is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.numbers import EXACT, Given, read, read_array, write
from tinyunet.byhand.arithmetic.worked import Sum, Term, place
from tinyunet.byhand.mistakes.misread import misread
from tinyunet.byhand.mistakes.registry import RARE, TOGETHER, WAYS, Mistake, Ways, wrong_answers
from tinyunet.tensor import Array, Tensor

SLIPS = 3  # that fit, beyond which it is not said which
LONG = 1000  # terms: in a longer sum no slip is looked for


@dataclass(frozen=True, repr=False)
class Verdict:
    """What there is to say about an answer; true if it is right.

    Attributes:
        right: whether it is, to the digits given.
        where: the index of the first wrong element; None if there is none, or the shape is wrong.
        mistakes: those that explain the answer, equally well.
        text: all of it in words, without giving the right answer away.
    """

    right: bool
    text: str
    where: tuple[int, ...] | None = None
    mistakes: tuple[Mistake, ...] = ()

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.text


RIGHT = Verdict(True, "right")
UNEXPLAINED = "none of the mistakes known here explains it"


def _same(a: Array, tolerance: Any, b: Array) -> Any:
    """Where the numbers of an answer are those of b."""
    with np.errstate(invalid="ignore"):
        return np.abs(a - b) <= tolerance + EXACT * np.maximum(1, np.abs(b))


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without leading ones: a single image, channel or row may be given with its brackets or without."""
    return shape if not shape or shape[0] != 1 else squeezed(shape[1:])


class _Found(NamedTuple):
    """The mistakes that give an answer: the whole of it, all that is wrong in it, or only its shape."""

    whole: list[Mistake]
    part: list[Mistake]
    shape: list[Mistake]


def _search(of: Explanation, among: Ways, given: tuple[Array, Array], wrong: Any) -> _Found:
    """Compare an answer, given with its tolerances, with what mistakes lead to; wrong is None if its shape is."""
    found = _Found([], [], [])
    values, tolerances = given
    for mistake, array in wrong_answers(of.operation, of.what, of.dy, among):
        if squeezed(array.shape) != squeezed(values.shape):
            continue
        same = _same(values, tolerances, array.reshape(values.shape))
        if same.all():
            found.whole.append(mistake)
        elif wrong is None:
            found.shape.append(mistake)
        elif same[wrong].all() and values[wrong].any():  # many mistakes leave a 0
            found.part.append(mistake)
    return found


LARGE = 10_000  # numbers: beyond, nobody works by hand, and to try the rare mistakes would take long


def _known(of: Explanation) -> list[Ways]:
    """The mistakes to ask for, the usual ones first."""
    op = of.operation
    return [WAYS, RARE, TOGETHER] if max(op.arrays["x"].size, op.result().size) <= LARGE else [WAYS]


def check(of: Explanation, answer: Any) -> Verdict:
    """Whether a whole result is right, to the digits given; if not, the first wrong element and the mistake.

    Args:
        answer: nested lists of numbers and texts such as "1/3", or an array. It may have the wrong shape.

    >>> from tinyunet import byhand
    >>> y = byhand.conv2d([[1, 2, 3], [4, 5, 6]], [[0, 1], [2, 3]], padding="same")
    >>> y.check(y.result).right
    True
    """
    op, what, dy = of.operation, of.what, of.dy
    values, tolerances = (op.full_array(what, given) for given in read_array(answer))
    truth = op.result(what, dy)
    if values.ndim == 0 and truth.size > 1:
        return Verdict(False, f"not right: one number is given; asked for is all of {what}, in rows of numbers")
    if squeezed(values.shape) != squeezed(truth.shape):
        return _other_shape(of, (values, tolerances))
    if truth.size == 1:
        element = of.at(*op.shown(what, (0,) * truth.ndim))
        return check_element(element, Given(values.item(), tolerances.item()))
    values, tolerances = values.reshape(truth.shape), tolerances.reshape(truth.shape)
    wrong = ~_same(values, tolerances, truth)
    if wrong.any():
        wrong &= (tolerances > 0) | ~_same(values, 0, op.on_paper(what, dy))
    if not wrong.any():
        return RIGHT
    where = tuple(int(k) for k in np.argwhere(wrong)[0])
    shown = op.shown(what, where)
    many = f", the first of {wrong.sum()} wrong elements (of {truth.size})" if wrong.sum() > 1 else ""
    start = f"not right: {place(what, shown)} = {write(values[where])}{many}"
    found = []
    for among in _known(of):
        found.append(_search(of, among, (values, tolerances), wrong))
        if found[-1].whole:
            return _verdict(start, shown, found[-1].whole)
    if all(_cut_off(a, b, t) for a, b, t in zip(values[wrong], truth[wrong], tolerances[wrong], strict=True)):
        return _verdict(start, shown, [CUT_OFF])
    if wrong.sum() == 1:  # a mistake that was made everywhere would show elsewhere
        slip = _slips(start, shown, of.at(*shown), values[where], float(tolerances[where]))
        if slip.mistakes or not found[0].part:
            return slip
    if found[0].part:
        return _verdict(f"{start}. The others are right", shown, found[0].part, THERE)
    if np.array_equal(np.sort(values, None), np.sort(truth, None)):
        return _verdict(start, shown, [EXCHANGED])
    cells = list(misread(of, values, lambda other: _same(values, tolerances, other)))
    if 0 < len(cells) <= SLIPS:
        return _verdict(start, shown, [MISREAD._replace(detail=" or ".join(cells))])
    rare = [m for rest in found[1:2] for m in rest.part]
    if rare and wrong.sum() > 2:  # fewer are soon right by accident
        return _verdict(f"{start}. The others are right", shown, rare, THERE)
    return Verdict(False, f"{start}; {UNEXPLAINED}.", shown)


MISREAD = Mistake("number misread", "one number of the problem was copied wrongly, and the rest is right")
OTHER_ROWS = Mistake("right numbers in another shape", "put them into rows and columns")
EXCHANGED = Mistake("right numbers in other places", "rows, columns or channels are exchanged")


def _other_shape(of: Explanation, given: tuple[Array, Array]) -> Verdict:
    """The mistakes that give an answer of a wrong shape; or only its shape, if they are few."""
    values, truth = given[0], of.result
    start = f"not right: {of.what} does not have the shape {of.operation.written_shape(of.what, values.shape)}"
    alike: list[str] = []
    for among in _known(of):
        found = _search(of, among, given, None)
        if found.whole:
            return _verdict(start, None, found.whole)
        alike = alike or [f"'{m.name}'" for m in _distinct(found.shape)]
    if values.size == truth.size and _same(values.ravel(), given[1].ravel(), truth.ravel()).all():
        return _verdict(start, None, [OTHER_ROWS])
    if 0 < len(alike) <= SLIPS:
        start = f"{start}. {' or '.join(alike)} gives this shape, though not these numbers"
    else:
        start = f"{start}; {UNEXPLAINED}"
    return Verdict(False, f"{start}. The rule: {of.operation.rule(of.what)}.")


def check_element(element: Element, answer: Any) -> Verdict:
    """Whether a number is right, to the digits given; if not, the mistakes that would give it.

    >>> from tinyunet import byhand
    >>> y = byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]])
    >>> print(y.at(0, 0).check(10))
    not right: y[0, 0] = 10. It is what this mistake gives: kernel flipped: the kernel is used as it stands, not \
turned by 180°.
    """
    of, shown = element.explanation, element.index
    index = of.operation.full(of.what, shown)
    if isinstance(answer, (np.ndarray, Tensor)) and np.size(answer.data) == 1:
        answer = read_array(answer)[0].item()
    given = answer if isinstance(answer, Given) else read(answer)
    if given.fits(element.value) or (given.tolerance == 0 and given.fits(of.operation.on_paper(of.what, of.dy)[index])):
        return RIGHT
    start = f"not right: {element.symbol.text} = {write(given.value)}"
    usual = _giving(of, index, WAYS, given)
    if usual:
        return _verdict(start, shown, usual)
    slip = _slips(start, shown, element, given.value, given.tolerance)
    rarer = _distinct(_giving(of, index, RARE, given)) if RARE in _known(of) else []
    if CUT_OFF in slip.mistakes or not 0 < len(rarer) <= SLIPS:  # many: the number does not tell them apart
        return slip
    if not slip.mistakes:
        return _verdict(f"{start}. None of the usual mistakes explains it", shown, rarer)
    also = "\n".join(f"  - {m}" for m in rarer)
    return Verdict(False, f"{slip.text} So would this mistake:\n{also}", shown, (*slip.mistakes, *rarer))


def _giving(of: Explanation, index: tuple[int, ...], among: Ways, given: Given) -> list[Mistake]:
    """The mistakes that give an element."""
    wrong = wrong_answers(of.operation, of.what, of.dy, among)
    values = ((known, element_of(of, index, array)) for known, array in wrong)
    return [known for known, value in values if value is not None and given.fits(value)]


def element_of(of: Explanation, index: tuple[int, ...], wrong: Array) -> float | None:
    """The element of a wrong answer; `index` counts all axes. None if it means something else there."""
    shape = of.operation.shape(of.what)
    if wrong.ndim != len(shape) or not all(k < n for k, n in zip(index, wrong.shape, strict=True)):
        return None
    other_channels = of.what == "y" and wrong.shape[:2] != shape[:2]
    return None if other_channels else float(wrong[index])


def _distinct(mistakes: list[Mistake]) -> list[Mistake]:
    """Each name once, with all its details."""
    by_name: dict[str, list[Mistake]] = {}
    for mistake in mistakes:
        by_name.setdefault(mistake.name, []).append(mistake)
    return [same[0]._replace(detail=" or ".join(dict.fromkeys(m.detail for m in same))) for same in by_name.values()]


THERE = "This mistake, made only in the wrong places, would give it"


def _verdict(
    start: str, where: tuple[int, ...] | None, mistakes: list[Mistake], gives: str = "It is what this mistake gives"
) -> Verdict:
    known = tuple(_distinct(mistakes))
    if len(known) == 1:
        text = f"{start}. {gives}: {known[0]}."
    else:
        text = "\n".join([f"{start}. These mistakes would each give it:", *(f"  - {m}" for m in known)])
    return Verdict(False, text, where, known)


CUT_OFF = Mistake("digits cut off", "round to the nearest: 2/3 is 0.667, not 0.666")


def _cut_off(answer: float, value: float, tolerance: float) -> bool:
    return answer * value >= 0 and abs(answer) < abs(value) < abs(answer) + 2 * tolerance


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


def _slips(start: str, where: tuple[int, ...], element: Element, answer: float, tolerance: float) -> Verdict:
    """A slip of arithmetic: digits cut off, or one term."""
    if _cut_off(answer, element.value, tolerance):
        return _verdict(start, where, [CUT_OFF])
    last = element.steps[-1]
    found: dict[tuple[str, str], list[Term]] = {}
    if isinstance(last, Sum) and sum(len(part.terms) for part in last.parts) <= LONG:
        off = (answer - element.value) * last.divisor
        allowed = tolerance * last.divisor + EXACT * max(1.0, abs(element.value * last.divisor))
        for ways in (_whole_terms, _wrong_products):  # the simpler explanation first
            for term in last.terms if not found else ():
                for slip, difference in ways(term):
                    if difference and abs(difference - off) <= allowed:
                        found.setdefault((term.text, slip), []).append(term)
    if not found or len(found) > SLIPS:
        several = "it could be one of several slips in one term; work it out again" if found else UNEXPLAINED
        return Verdict(False, f"{start}; {several}.", where)
    slips = []
    for (text, slip), terms in found.items():
        places = " or ".join("·".join(f.place for f in term.factors) for term in terms[:SLIPS])
        slips.append(f"{text} {slip} ({places})")
    mistake = Mistake("slip in one term", "check the products again", " or ".join(slips))
    return Verdict(False, f"{start}. A slip in one term would give it: {mistake.detail}.", where, (mistake,))
