"""What is wrong with an answer: the first wrong element, and the mistakes that would give just this answer.

An answer is compared with what every known mistake (`mistakes/`) would have given. Those that give exactly the answer
explain it, all of them equally; the rare ones are asked only where no usual one does. Failing that, a slip: digits cut
off, another number than the largest, or in one term, if a single element is wrong (`slips.py`). Failing that, the
mistakes that give all the elements that are wrong, rows or columns exchanged (`exchanged.py`), a number that was copied
wrongly (`misread.py`), and a slip in each of a few elements. If nothing explains the answer, that is what is said.

What is not answered yet is not wrong: the rest is judged without it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.numbers import DOUBLE, Answer, Given, missing, read, read_answer, write
from tinyunet.byhand.arithmetic.worked import Largest, place
from tinyunet.byhand.mistakes.exchanged import exchanged
from tinyunet.byhand.mistakes.misread import misread
from tinyunet.byhand.mistakes.registry import RARE, TOGETHER, WAYS, Mistake, Ways, wrong_answers
from tinyunet.byhand.mistakes.slips import CUT_OFF, NOT_LARGEST, ONE_TERM, SEVERAL, SLIPS, cut_off, slip
from tinyunet.tensor import Array, Tensor


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
MISSING = Verdict(False, "not answered yet")
UNEXPLAINED = "none of the mistakes known here explains it"

# How a mistake is said to explain an answer: a single one, or each of several.
GIVES = "It is what this mistake gives", "These mistakes would each give it"
RARER = (
    "No usual mistake gives it, but a rarer one does",
    "No usual mistake gives it, but each of these rarer ones does",
)
THERE = (
    "The others are right. This mistake, made only in the wrong places, would give it",
    "The others are right. These mistakes, made only in the wrong places, would each give it",
)


def _same(answer: Answer, b: Array, sizes: Array | None = None) -> Any:
    """Where the numbers of an answer are those of b, or missing; `sizes` are those of the terms that b is made of."""
    a = answer.values
    sizes = np.abs(b).max(initial=0) if sizes is None else np.maximum(sizes, np.abs(b))
    with np.errstate(invalid="ignore"):
        return np.isnan(a) | (np.abs(a - b) <= answer.tolerances + answer.units * sizes)


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without leading ones: a single image, channel or row may be given with its brackets or without."""
    return shape if not shape or shape[0] != 1 else squeezed(shape[1:])


def _completed(answer: Answer, shape: tuple[int, ...]) -> Answer:
    """An unfinished answer with the rest of the numbers missing, if it fits into a shape."""
    given, wanted = squeezed(answer.values.shape), squeezed(shape)
    if given == wanted or len(given) != len(wanted) or any(n > m for n, m in zip(given, wanted, strict=True)):
        return answer
    beyond = [(0, m - n) for n, m in zip(given, wanted, strict=True)]
    values, *others = answer.reshaped(given)
    return Answer(np.pad(values, beyond, constant_values=np.nan), *(np.pad(part, beyond) for part in others))


class _Found(NamedTuple):
    """The mistakes that give an answer: the whole of it, all that is wrong in it, or only its shape."""

    whole: list[Mistake]
    part: list[Mistake]
    shape: list[Mistake]


def _search(of: Explanation, among: Ways, answer: Answer, wrong: Any) -> _Found:
    """Compare an answer with what mistakes lead to; wrong is None if its shape is."""
    found = _Found([], [], [])
    values = answer.values
    for mistake, array in wrong_answers(of.operation, of.what, of.dy, among):
        if squeezed(array.shape) != squeezed(values.shape):
            continue
        same = _same(answer, array.reshape(values.shape), None if wrong is None else of.sizes)
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
    return [WAYS, RARE, TOGETHER] if max(op.arrays[op.data[0]].size, op.result().size) <= LARGE else [WAYS]


def check(of: Explanation, answer: Any) -> Verdict:
    """Whether a whole result is right, to the digits given; if not, the first wrong element and the mistake.

    Args:
        answer: nested lists of numbers and texts such as "1/3", an array, or a text with rows. It may have the wrong
            shape, and be unfinished: None, nan, "?" and "" are not answered yet, nor is what is left out of a row.

    >>> from tinyunet import byhand
    >>> y = byhand.conv2d([[1, 2, 3], [4, 5, 6]], [[0, 1], [2, 3]], padding="same")
    >>> y.check(y.result).right
    True
    """
    op, what, dy = of.operation, of.what, of.dy
    given = read_answer(answer)
    given = given.reshaped(op.full_array(what, given.values).shape)
    truth = op.result(what, dy)
    gaps = np.isnan(given.values)
    if gaps.all():
        return MISSING
    if given.values.ndim == 0 and truth.size > 1:
        return Verdict(False, f"not right: one number is given; asked for is all of {what}, in rows of numbers")
    if gaps.any():
        given = _completed(given, truth.shape)
    if squeezed(given.values.shape) != squeezed(truth.shape):
        return _other_shape(of, given)
    if truth.size == 1:
        element = of.at(*op.shown(what, (0,) * truth.ndim))
        return check_element(element, Given(*(part.item() for part in given)))
    given = given.reshaped(truth.shape)
    wrong = ~_same(given, truth, of.sizes)
    if wrong.any():
        computed = (given.tolerances > 0) | (given.units > DOUBLE)
        wrong &= computed | ~_same(given, op.on_paper(what, dy), of.sizes)
    return _judged(of, given, truth, wrong)


def _judged(of: Explanation, given: Answer, truth: Array, wrong: Any) -> Verdict:
    """What is wrong with an answer of the right shape."""
    op, what, (values, *_) = of.operation, of.what, given
    gaps = np.isnan(values)
    if not wrong.any():
        return _unfinished(of, gaps) if gaps.any() else RIGHT
    left = f", {gaps.sum()} of them not answered yet" if gaps.any() else ""
    places = [tuple(int(k) for k in index) for index in np.argwhere(wrong)]
    shown = op.shown(what, places[0])
    many = f", the first of {wrong.sum()} wrong elements" if wrong.sum() > 1 else ""
    start = f"not right: {place(what, shown)} = {write(values[places[0]])}{many}"
    start += f" (of {truth.size}{left})" if many or left else ""
    found = []
    for among in _known(of):
        found.append(_search(of, among, given, wrong))
        if found[-1].whole:
            return _verdict(start, shown, found[-1].whole)
    numbers = {index: Given(*(float(part[index]) for part in given)) for index in places}
    if all(cut_off(number, truth[index]) for index, number in numbers.items()):
        return _verdict(start, shown, [CUT_OFF])
    if wrong.sum() == 1 or isinstance(of.at(*shown).steps[-1], Largest):
        slips = [slip(of.at(*op.shown(what, index)), number, of.sizes[index]) for index, number in numbers.items()]
        if wrong.sum() == 1 and slips[0] and slips[0] is not SEVERAL:
            return _verdict(start, shown, [slips[0]])
        if all(each and each.name == NOT_LARGEST.name for each in slips):
            return _verdict(start, shown, [each for each in slips if each])
        if wrong.sum() == 1 and not found[0].part:
            return Verdict(False, f"{start}; {SEVERAL.hint if slips[0] else UNEXPLAINED}.", shown)
    if found[0].part:
        return _verdict(start, shown, found[0].part, THERE)
    order = exchanged(lambda other: _same(given, other), truth, truth.shape) if not gaps.any() else ""
    if order:
        return _verdict(start, shown, [EXCHANGED._replace(detail=order)])
    cells = list(misread(of, values, lambda other: _same(given, other, of.sizes)))
    if 0 < len(cells) <= SLIPS:
        return _verdict(start, shown, [MISREAD._replace(detail=" or ".join(cells))])
    rare = [m for rest in found[1:2] for m in rest.part]
    if rare and wrong.sum() > 2:  # fewer are soon right by accident
        return _verdict(start, shown, rare, THERE)
    return (
        _one_by_one(of, start, numbers) if len(numbers) <= SLIPS else Verdict(False, f"{start}; {UNEXPLAINED}.", shown)
    )


def _unfinished(of: Explanation, gaps: Any) -> Verdict:
    first = of.operation.shown(of.what, tuple(int(k) for k in np.argwhere(gaps)[0]))
    many = f", the first of {gaps.sum()} (of {gaps.size})" if gaps.sum() > 1 else ""
    return Verdict(False, f"not answered yet: {place(of.what, first)}{many}. The others are right.")


def _one_by_one(of: Explanation, start: str, numbers: dict[tuple[int, ...], Given]) -> Verdict:
    """The slips in a few elements that have nothing to do with one another, or a usual mistake in each of them."""
    op, what = of.operation, of.what
    lines, named = [], []
    for index, number in numbers.items():
        element = of.at(*op.shown(what, index))
        known = slip(element, number, of.sizes[index]) if number.value else None  # a 0 stands for many mistakes
        mistakes = [known] if known and known is not SEVERAL else []
        if number.value and not known:
            mistakes = _distinct(_giving(of, index, WAYS, number))
        said = SEVERAL.hint if known is SEVERAL else UNEXPLAINED
        if 0 < len(mistakes) <= SLIPS:
            said = _told(mistakes[:1]) if len(mistakes) == 1 else f"{GIVES[1]}: {'; '.join(map(str, mistakes))}"
            named += mistakes
        lines.append(f"  - {element.symbol.text} = {write(number.value)}: {said[0].lower()}{said[1:].rstrip('.')}.")
    shown = op.shown(what, next(iter(numbers)))
    if not named:
        return Verdict(False, f"{start}; {UNEXPLAINED}.", shown)
    return Verdict(False, "\n".join([f"{start}. One by one:", *lines]), shown, tuple(_distinct(named)))


MISREAD = Mistake("number misread", "one number of the problem was copied wrongly, and the rest is right")
OTHER_ROWS = Mistake("right numbers in another shape", "put them into rows and columns")
EXCHANGED = Mistake("right numbers in other places", "each belongs to its own row, column and channel")


def _other_shape(of: Explanation, given: Answer) -> Verdict:
    """The mistakes that give an answer of a wrong shape; or only its shape, if they are few."""
    values, truth = given.values, of.result
    start = f"not right: {of.what} does not have the shape {of.operation.written_shape(of.what, values.shape)}"
    alike: list[str] = []
    for among in _known(of) if values.size and not np.isnan(values).any() else ():
        found = _search(of, among, given, None)
        if found.whole:
            return _verdict(start, None, found.whole)
        alike = alike or [f"'{m.name}'" for m in _distinct(found.shape)]
    if values.size == truth.size and _same(given.reshaped((-1,)), truth.ravel()).all():
        return _verdict(start, None, [OTHER_ROWS])
    if order := exchanged(lambda other: _same(given, other), truth, values.shape):
        return _verdict(start, None, [EXCHANGED._replace(detail=order)])
    if 0 < len(alike) <= SLIPS:
        start = f"{start}. {' or '.join(alike)} gives this shape, though not these numbers"
    else:
        start = f"{start}; {UNEXPLAINED}"
    return Verdict(False, f"{start}. The rule: {of.operation.rule(of.what)}.")


def check_element(element: Element, answer: Any) -> Verdict:
    """Whether a number is right, to the digits given; if not, the mistakes that would give it.

    >>> from tinyunet import byhand
    >>> y = byhand.avg_pool2d([[1, 2], [3, 4]], 2)
    >>> print(y.at(0, 0).check(10))
    not right: y[0, 0] = 10. It is what this mistake gives: not divided: divide the sum by the number of cells in the \
window.
    """
    of, shown = element.explanation, element.index
    index = of.operation.full(of.what, shown)
    if isinstance(answer, (np.ndarray, Tensor)) and np.size(answer.data) == 1:
        answer = Given(*(part.item() for part in read_answer(answer)))
    given = answer if isinstance(answer, Given) else Given(np.nan, 0) if missing(answer) else read(answer)
    if np.isnan(given.value):
        return MISSING
    size = of.sizes[index]
    computed = given.tolerance > 0 or given.unit > DOUBLE
    if given.fits(element.value, size) or (
        not computed and given.fits(of.operation.on_paper(of.what, of.dy)[index], size)
    ):
        return RIGHT
    start = f"not right: {element.symbol.text} = {write(given.value)}"
    usual = _giving(of, index, WAYS, given)
    if usual:
        return _verdict(start, shown, usual)
    known = slip(element, given, size)
    rarer = _distinct(_giving(of, index, RARE, given)) if RARE in _known(of) else []
    if known is CUT_OFF or not 0 < len(rarer) <= SLIPS:  # many: the number does not tell them apart
        rarer = []
    if known and known is not SEVERAL:
        verdict = _verdict(start, shown, [known])
    elif rarer and not known:
        return _verdict(start, shown, rarer, RARER)
    else:
        verdict = Verdict(False, f"{start}; {SEVERAL.hint if known else UNEXPLAINED}.", shown)
    if not rarer:
        return verdict
    also = "\n".join(
        [f" So would {'this mistake' if len(rarer) == 1 else 'these mistakes'}:", *map("  - {}".format, rarer)]
    )
    return Verdict(False, verdict.text + also, shown, (*verdict.mistakes, *rarer))


def _giving(of: Explanation, index: tuple[int, ...], among: Ways, given: Given) -> list[Mistake]:
    """The mistakes that give an element."""
    wrong = wrong_answers(of.operation, of.what, of.dy, among)
    values = ((known, element_of(of, index, array)) for known, array in wrong)
    return [known for known, value in values if value is not None and given.fits(value, of.sizes[index])]


def element_of(of: Explanation, index: tuple[int, ...], wrong: Array) -> float | None:
    """The element of a wrong answer; `index` counts all axes. None if it means something else there."""
    shape = of.operation.shape(of.what)
    if wrong.ndim != len(shape) or not all(k < n for k, n in zip(index, wrong.shape, strict=True)):
        return None
    other_channels = of.what == "y" and wrong.shape[:2] != shape[:2]
    return None if other_channels else float(wrong[index])


def _distinct(mistakes: list[Mistake]) -> list[Mistake]:
    """Each name once, with all its details, unless it needs none."""
    by_name: dict[str, list[str]] = {}
    first = {mistake.name: mistake for mistake in reversed(mistakes)}
    for mistake in mistakes:
        by_name.setdefault(mistake.name, []).append(mistake.detail)
    joined = {name: " or ".join(dict.fromkeys(details)) if all(details) else "" for name, details in by_name.items()}
    return [first[name]._replace(detail=detail) for name, detail in joined.items()]


def _told(mistakes: list[Mistake], gives: tuple[str, str] = GIVES) -> str:
    """That mistakes explain an answer, in a sentence or a list."""
    if len(mistakes) > 1:
        return "\n".join([f"{gives[1]}:", *(f"  - {m}" for m in mistakes)])
    (known,) = mistakes
    return (
        f"A slip in one term would give it: {known.detail}." if known.name == ONE_TERM.name else f"{gives[0]}: {known}."
    )


def _verdict(
    start: str, where: tuple[int, ...] | None, mistakes: list[Mistake], gives: tuple[str, str] = GIVES
) -> Verdict:
    known = tuple(_distinct(mistakes))
    return Verdict(False, f"{start}. {_told(list(known), gives)}", where, known)
