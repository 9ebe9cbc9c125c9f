"""What is wrong with an answer: the first wrong element, and the mistakes that would give just this answer.

An answer is compared with what every known mistake (`mistakes.py`) would have given. Those that give exactly the answer
explain it, all of them equally. Failing that, digits cut off, and a slip in one term if a single element is wrong: left
out, taken twice, with the wrong sign, added in place of multiplied, or a multiplication that is one off. Failing that,
the mistakes that give all the elements that are wrong. If nothing explains the answer, that is what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes import Mistake, wrong_answers
from tinyunet.byhand.numbers import EXACT, read, read_array, write
from tinyunet.byhand.operations import Operation
from tinyunet.byhand.worked import Sum, Term, Worked, named
from tinyunet.tensor import Array, Tensor

SLIPS = 3  # that fit, beyond which it is not said which


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


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without leading ones: a single image, channel or row may be given with its brackets or without."""
    return shape if not shape or shape[0] != 1 else _squeezed(shape[1:])


def check_map(op: Operation, what: str, dy: Array | None, answer: Any, worked: Callable[..., Worked]) -> Verdict:
    """Check a whole result or gradient.

    Raises:
        ValueError, TypeError: an answer that is no array of finite numbers.
    """
    values, tolerances = read_array(answer)
    truth = op.result(what, dy)
    if values.ndim == 0 and truth.size > 1:
        return Verdict(False, f"not right: one number is given; asked for is all of {what}, in rows of numbers")
    shape = _squeezed(truth.shape)
    fits = _squeezed(values.shape) == shape
    if fits:
        values, tolerances = values.reshape(truth.shape), tolerances.reshape(truth.shape)
        wrong = ~_same(values, tolerances, truth)
        if not wrong.any():
            return RIGHT
    found: dict[str, list[Mistake]] = {"whole": [], "part": [], "shape": []}
    for mistake, array in wrong_answers(op, what, dy):
        if _squeezed(array.shape) != _squeezed(values.shape):
            continue
        candidate = array.reshape(values.shape)
        same = _same(values, tolerances, candidate)
        if same.all():
            found["whole"].append(mistake)
        elif fits and same[wrong].all():
            found["part"].append(mistake)
        elif not fits:
            found["shape"].append(mistake)
    left_out = op.left_out.get(what, 0)
    if not fits:
        start = f"not right: {what} does not have the shape {values.shape}"
        if found["whole"]:
            return _verdict(start, None, found["whole"])
        known = tuple(_distinct(found["shape"]))
        if known:
            names = " or ".join(f"'{m.name}'" for m in known)
            return Verdict(False, f"{start}. {names} gives this shape, though not these numbers.", None, ())
        return Verdict(False, f"{start}; {UNEXPLAINED}.")
    where = tuple(int(k) for k in np.argwhere(wrong)[0])
    shown = where[left_out:]
    many = f", the first of {wrong.sum()} wrong elements (of {truth.size})" if wrong.sum() > 1 else ""
    start = f"not right: {named(what, shown).text} = {write(values[where])}{many}"
    if found["whole"]:
        return _verdict(start, shown, found["whole"])
    cut = [_cut_off(a, b, t) for a, b, t in zip(values[wrong], truth[wrong], tolerances[wrong], strict=True)]
    if all(cut):
        return _verdict(start, shown, [CUT_OFF])
    if wrong.sum() == 1:  # a mistake that was made everywhere would show elsewhere
        slip = _slips(start, shown, worked(*shown), values[where], float(tolerances[where]))
        if slip.mistakes or not found["part"]:
            return slip
    if found["part"]:
        return _verdict(f"{start}. The others are right", shown, found["part"])
    if np.array_equal(np.sort(values, None), np.sort(truth, None)):
        return _verdict(
            start, shown, [Mistake("right numbers in other places", "rows, columns or channels are exchanged")]
        )
    return Verdict(False, f"{start}; {UNEXPLAINED}.", shown)


def check_element(
    op: Operation, what: str, dy: Array | None, index: tuple[int, ...], worked: Worked, answer: Any
) -> Verdict:
    """Check one element; `index` counts all axes.

    Raises:
        ValueError, TypeError: an answer that is no finite number.
    """
    if isinstance(answer, (np.ndarray, Tensor)) and np.size(answer.data) == 1:
        answer = read_array(answer)[0].item()
    given = read(answer)
    if given.fits(worked.value):
        return RIGHT
    mistakes = []
    truth = op.result(what, dy)
    for mistake, array in wrong_answers(op, what, dy):
        if array.ndim == truth.ndim and all(k < n for k, n in zip(index, array.shape, strict=True)):
            if array.shape[:2] != truth.shape[:2] and what == "y":
                continue  # other channels: the index means something else there
            if given.fits(float(array[index])):
                mistakes.append(mistake)
    shown = index[op.left_out.get(what, 0) :]
    start = f"not right: {worked.symbol.text} = {write(given.value)}"
    if mistakes:
        return _verdict(start, shown, mistakes)
    return _slips(start, shown, worked, given.value, given.tolerance)


def _distinct(mistakes: list[Mistake]) -> list[Mistake]:
    """Each name once, with what its details have in common."""
    by_name: dict[str, Mistake] = {}
    for mistake in mistakes:
        known = by_name.get(mistake.name)
        if known is not None and mistake.detail not in known.detail.split(" or "):
            mistake = mistake._replace(detail=f"{known.detail} or {mistake.detail}")
        by_name[mistake.name] = mistake
    return list(by_name.values())


def _verdict(start: str, where: tuple[int, ...] | None, mistakes: list[Mistake]) -> Verdict:
    known = tuple(_distinct(mistakes))
    if len(known) == 1:
        text = f"{start}. It is what this mistake gives: {known[0]}."
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


def _slips(start: str, where: tuple[int, ...], worked: Worked, answer: float, tolerance: float) -> Verdict:
    """A slip of arithmetic: digits cut off, or one term."""
    if _cut_off(answer, worked.value, tolerance):
        return _verdict(start, where, [CUT_OFF])
    last = worked.steps[-1]
    found: dict[tuple[str, str], list[Term]] = {}
    if isinstance(last, Sum):
        off = (answer - worked.value) * last.divisor
        allowed = tolerance * last.divisor + EXACT * max(1.0, abs(worked.value * last.divisor))
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
