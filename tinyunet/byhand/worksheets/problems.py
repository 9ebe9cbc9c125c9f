"""Problems for a pencil, drawn so that a wrong answer tells the mistake.

Problems whose wrong answers would not tell the mistake are thrown away: two mistakes of a fixed list (`LISTED`) must
not lead to the same wrong answer, and the mistakes that a level is about must change it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.grids import read_grid
from tinyunet.byhand.arithmetic.numbers import EXACT
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.fields import numbers
from tinyunet.byhand.mistakes import Mistake, wrong_answers
from tinyunet.byhand.mistakes.diagnosis import Verdict, element_of, squeezed
from tinyunet.byhand.worksheets.kinds import Kind, Level, gradient
from tinyunet.byhand.worksheets.levels import level_of
from tinyunet.tensor import Array

# The mistakes that a problem must tell apart. It decides which problems are drawn, so a sheet that was printed can be
# graded only as long as this list stays what it is. Mistakes that are added later are recognised in answers and stand
# in keys, but not in this list: old codes must draw the same problems.
_NAMES = """kernel flipped; kernel transposed; stride forgotten; stride applied twice; padding forgotten;
edge padding; reflect padding; asymmetric 'same'; output size off by one; dilation off by one; channels kept apart;
one channel skipped; bias forgotten; bias subtracted; bias added per tap; bias added per channel;
zero or negative weight skipped; average instead of sum; overlaps overwritten; padding added instead of cropped;
output_padding as zeros; output_padding forgotten; weight layout swapped; treated as the inverse;
zero padding in max-pool; ceil for floor; average instead of maximum; divisor at the border;
maximum instead of average; not divided; weight transposed; one input skipped; ties shared; last of equal numbers;
gradient to the whole window; col2im that assigns; no rot180; no zeros inserted for the stride;
not summed over filters; gradient with the wrong sign; upstream gradient forgotten; not summed over output channels;
not summed over the batch; averaged over the map; gradient transposed; dx as dy·γ/σ; without its variance term;
without its mean term; gamma forgotten; bias gradient not summed; unbiased variance; variance for standard deviation;
epsilon forgotten; mean not subtracted; wrong axes; gamma or beta forgotten; gamma and beta swapped;
statistics of the wrong mode; momentum reversed; momentum forgotten; biased variance; x in place of x̂;
negative numbers kept; mask from the gradient's sign; mask forgotten; zero counted as positive;
not normalised; exponential forgotten; wrong axis; other classes forgotten; sum for mean; softmax forgotten;
sign forgotten; logarithm to another base; logarithm forgotten; 1 not subtracted at the target;
not divided by the rows; sign reversed; α in place of ᾱ; β in place of 1 − β; sum in place of product;
ᾱ of a neighbouring time; square root forgotten; noise not scaled; picture not scaled; picture and noise exchanged;
noise subtracted; noise added; noise not divided; ε and x exchanged; roots exchanged; steps exchanged;
x_t in place of x̂_0; ε and x̂_0 exchanged; noise not put back; stopped at x̂_0; σ² in place of σ; σ in place of σ²;
σ² not subtracted; new noise forgotten; another convention of w; conditional and unconditional exchanged;
ε_u not subtracted; ε_u not added"""
LISTED = frozenset(re.split(r";\s+", _NAMES))
TRIES = 1000  # of drawing a problem: seldom are more than 20 needed

MOST = 100  # problems on a sheet
LARGEST_ANSWER, DENOMINATOR = 100, 12  # for a pencil
ALIKE = 0.06  # answers that are closer may be the same once they are rounded to a digit after the point
ROUNDED_ALIKE = 0.02  # the same for two digits
SURE = 0.001  # so far from where rounding changes: what steps rounded to four digits leave open


@dataclass(frozen=True)
class Question:
    """What is asked for: all of a result, or one element of it."""

    label: str
    explanation: Explanation
    index: tuple[int, ...] | None
    mistakes: tuple[tuple[Mistake, Array], ...]

    @property
    def name(self) -> str:
        """Such as "y", or "y[0, 1]"."""
        return self.explanation.what if not self.index else f"{self.explanation.what}{list(self.index)}"

    @property
    def answer(self) -> Array:
        """The right one."""
        result = self.explanation.result
        return result if self.index is None else np.asarray(result[self.index])

    def worked(self) -> list[Element]:
        """Every element that is asked for, worked out."""
        return list(self.explanation) if self.index is None else [self.explanation.at(*self.index)]

    def check(self, answer: Any) -> Verdict:
        """Whether an answer is right; if not, the mistakes that would give it."""
        if self.index is None:
            return self.explanation.check(answer)
        if isinstance(answer, (list, tuple)):
            raise ValueError(f"a single number is asked for, {self.name}")
        return self.explanation.at(*self.index).check(answer)

    def read(self, text: str) -> Verdict:
        """The same of an answer as it was written, within bounds."""
        answer = read_grid(text) if self.answer.size > 1 else text.strip()
        numbers(answer, unfinished=True)
        return self.check(answer)

    def wrong(self) -> Iterator[tuple[Mistake, Array]]:
        """Every mistake that can be made, with the answer that it leads to, which may happen to be right."""
        of, op, what = self.explanation, self.explanation.operation, self.explanation.what
        for mistake, array in self.mistakes:
            if self.index is None:
                alike = array.ndim == len(op.shape(what))
                yield mistake, array.reshape(op.shown(what, array.shape)) if alike else array
            elif (value := element_of(of, op.full(what, self.index), array)) is not None:
                yield mistake, np.asarray(value)

    def tells(self, level: Level) -> bool:
        """Whether it suits a pencil, listed mistakes give answers of their own, and central ones give wrong answers."""
        listed = [(mistake.name, answer) for mistake, answer in self.wrong() if mistake.name in LISTED]
        wrong = [(name, answer) for name, answer in listed if not _same(answer, self.answer, EXACT)]
        pairs = itertools.combinations([("", self.answer), *wrong], 2)
        alike = ROUNDED_ALIKE if level.rounded else ALIKE
        if any(name != other and _same(answer, another, alike) for (name, answer), (other, another) in pairs):
            return False
        suits = _rounds_well if level.rounded else _for_a_pencil
        tested = {name for name, _ in listed} & set(level.central)
        return suits(self.answer) and bool(tested) and tested <= {name for name, _ in wrong}


@dataclass(frozen=True)
class Problem:
    """A number of questions about one operation."""

    number: int
    call: str  # the operation with its settings, as in Python: "y = conv2d(x, w, stride=2)"
    questions: tuple[Question, ...]

    @property
    def explanation(self) -> Explanation:
        """Of the operation."""
        return self.questions[0].explanation

    @property
    def whole(self) -> bool:
        """Whether all of the result is asked for."""
        return self.questions[0].index is None

    def same(self, other: Problem) -> bool:
        """Whether both ask the same about the same numbers."""
        ours, theirs = ((p.call, [question.name for question in p.questions]) for p in (self, other))
        arrays = self.explanation.arrays, other.explanation.arrays
        return ours == theirs and all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])


def _same(a: Array, b: Array, within: float) -> bool:
    """Whether two answers are the same, or that close to one another."""
    shape = squeezed(a.shape)
    return shape == squeezed(b.shape) and bool(np.all(np.abs(a.reshape(shape) - b.reshape(shape)) < within))


def _for_a_pencil(answer: Array) -> bool:
    """Whether the numbers are small, and whole or short fractions."""
    return all(
        abs(value) < LARGEST_ANSWER and abs(Fraction(value).limit_denominator(DENOMINATOR) - value) < EXACT
        for value in answer.flat
    )


def _rounds_well(answer: Array) -> bool:
    """Whether two digits after the point say it, whatever was rounded on the way, without being a whole number."""
    to_a_boundary = np.abs(answer * 100 % 1 - 0.5) / 100
    return bool(np.all(to_a_boundary > SURE) and np.all(np.abs(answer - np.round(answer)) > 0.01))


def _draw(topic: str, kind: Kind, number: int, level: Level, random: Random) -> Problem | None:
    """A problem of this kind; None if it would not tell the mistakes apart."""
    arguments = {name: value(random) if callable(value) else value for name, value in kind.arguments.items()}
    explanation: Explanation = OPERATIONS[topic].call(**arguments)
    if kind.what in OPERATIONS[topic].updates:
        explanation = explanation.updated(kind.what)
    elif kind.what != "y":
        shape = explanation.result.shape  # a single number is the loss itself: its gradient is 1
        explanation = explanation.grad(kind.what[1:], gradient(*shape)(random) if shape else None)
    places = list(np.ndindex(*explanation.result.shape)) if kind.elements else []
    shuffled = [places.pop(int(random.random() * len(places))) for _ in range(len(places))]
    mistakes = tuple(wrong_answers(explanation.operation, explanation.what, explanation.dy))
    asked: list[Question] = []
    for index in shuffled or (None,):
        label = f"{number}{'ab'[len(asked)]}" if kind.elements > 1 else f"{number}"
        question = Question(label, explanation, index, mistakes)
        if question.tells(level):
            asked.append(question)
        if len(asked) == max(kind.elements, 1):
            shown = (n if isinstance(value, np.ndarray) else f"{n}={value!r}" for n, value in arguments.items())
            return Problem(number, f"y = {topic}({', '.join(shown)})", tuple(asked))
    return None


def problem(topic: str, seed: int, level: int, number: int, before: Sequence[Problem] = ()) -> Problem:
    """One problem of a sheet, another one than those before it.

    Raises:
        ValueError: a topic, level, seed or number that does not exist; a level of which no problem can be drawn, or
            none but those before.

    >>> problem("conv2d", seed=7, level=2, number=1).call
    'y = conv2d(x, w, stride=2)'
    """
    chosen = level_of(topic, level)
    if not 0 <= seed < 10**9:
        raise ValueError(f"the seed must be from 0 to 999999999, not {seed}")
    if not 1 <= number <= MOST:
        raise ValueError(f"there is no problem {number}; a sheet has at most {MOST}")
    random = Random(f"{topic}:{seed}:{level}:{number}")
    kind = chosen.kinds[(number - 1) % len(chosen.kinds)]
    repeated = False
    for _ in range(TRIES):
        drawn = _draw(topic, kind, number, chosen, random)
        if drawn is not None and not any(drawn.same(other) for other in before):
            return drawn
        repeated |= drawn is not None
    if repeated:
        raise ValueError(f"{topic}, level {level}, has no more than {number - 1} different problems; take fewer")
    raise ValueError(
        f"{topic}, level {level}: none of {TRIES} drawn problems tells the mistakes apart; what the level is about "
        f"({', '.join(chosen.central)}) must be in LISTED and change the answer, and no two listed mistakes may always "
        "give the same one"
    )
