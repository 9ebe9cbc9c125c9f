"""Worksheets to print: problems for a pencil, their answers worked out, and answers graded.

A sheet is known by its code, such as conv2d:7:2 or conv2d:7:2:10: topic, seed, level, and how many problems if not six.
The same code draws the same problems, so the code on a sheet is all that is needed to grade it. Problems whose wrong
answers would not tell the mistake are thrown away: two mistakes of a fixed list (`levels.LISTED`) must not lead to the
same wrong answer, and the mistakes that a level is about must change it. Mistakes that tinyunet learns later are named,
too, but draw no other problems.

    sheet = worksheet.sheet("conv2d", seed=7, level=2)
    sheet.save("sheet.pdf"), sheet.save("key.pdf", key=True)
    sheet.check({1: 35, "2a": 7})
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any, NoReturn

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.grids import read_grid
from tinyunet.byhand.arithmetic.numbers import EXACT
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.source import Source, numbers
from tinyunet.byhand.mistakes import Mistake, wrong_answers
from tinyunet.byhand.mistakes.diagnosis import Verdict, squeezed
from tinyunet.byhand.worksheets import paper
from tinyunet.byhand.worksheets.levels import LEVELS, LISTED, TITLES, Kind, Level, gradient
from tinyunet.tensor import Array


def topics() -> str:
    """All topics and their levels, one a line.

    >>> topics().splitlines()[1]
    '  1  one channel: a window of products'
    """
    return "\n".join(
        line
        for topic, levels in LEVELS.items()
        for line in (f"{topic}: {TITLES[topic]}", *(f"  {k}  {level.teaches}" for k, level in enumerate(levels, 1)))
    )


# ---- problems

MOST, USUAL = 100, 6  # problems on a sheet
LARGEST_ANSWER, DENOMINATOR = 100, 12  # for a pencil
ALIKE = 0.06  # answers that are closer may be the same once they are rounded to a digit after the point


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
        return self.explanation.what if self.index is None else f"{self.explanation.what}{list(self.index)}"

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

    def wrong(self) -> Iterator[tuple[Mistake, Array]]:
        """Every mistake that can be made, with the answer that it leads to, which may happen to be right."""
        op, what = self.explanation.operation, self.explanation.what
        shape, left_out = op.shape(what), op.left_out.get(what, 0)
        for mistake, array in self.mistakes:
            alike = array.ndim == len(shape)
            if self.index is None:
                yield mistake, array.reshape(array.shape[left_out:]) if alike else array
            elif alike and (what != "y" or array.shape[:2] == shape[:2]):  # else the index means something else there
                at = (0,) * left_out + self.index
                if all(k < n for k, n in zip(at, array.shape, strict=True)):
                    yield mistake, np.asarray(array[at])

    def tells(self, central: tuple[str, ...]) -> bool:
        """Whether it suits a pencil, listed mistakes give answers of their own, and central ones give wrong answers."""
        known, changes = [("", self.answer)], dict[str, bool]()
        for mistake, answer in self.wrong():
            if mistake.name not in LISTED:
                continue
            wrong = not _same(answer, self.answer, EXACT)
            changes[mistake.name] = changes.get(mistake.name, False) or wrong
            if wrong and any(name != mistake.name and _same(answer, other, ALIKE) for name, other in known):
                return False
            if wrong:
                known.append((mistake.name, answer))
        tested = [changes[name] for name in central if name in changes]
        return _for_a_pencil(self.answer) and bool(tested) and all(tested)


@dataclass(frozen=True)
class Problem:
    """A number of questions about one operation.

    Attributes:
        call: the operation with its settings, as in Python: "y = conv2d(x, w, stride=2)".
    """

    number: int
    call: str
    questions: tuple[Question, ...]

    @property
    def explanation(self) -> Explanation:
        """Of the operation."""
        return self.questions[0].explanation

    @property
    def whole(self) -> bool:
        """Whether all of the result is asked for."""
        return self.questions[0].index is None


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


def _mistakes(explanation: Explanation) -> tuple[tuple[Mistake, Array], ...]:
    """All that can be made, with whole results."""
    op, dy = explanation.operation, explanation.arrays.get("dy")
    return tuple(wrong_answers(op, explanation.what, None if dy is None else dy.reshape(op.shape("y"))))


def _draw(topic: str, kind: Kind, number: int, central: tuple[str, ...], random: Random) -> Problem | None:
    """A problem of this kind; None if it would not tell the mistakes apart."""
    arguments = {name: value(random) if callable(value) else value for name, value in kind.arguments.items()}
    explanation: Explanation = OPERATIONS[topic].call(**arguments)
    if kind.what.startswith("running"):
        explanation = explanation.updated(kind.what)
    elif kind.what != "y":
        explanation = explanation.grad(kind.what[1:], gradient(*explanation.result.shape)(random))
    places = list(np.ndindex(*explanation.result.shape)) if kind.elements else []
    shuffled = [places.pop(int(random.random() * len(places))) for _ in range(len(places))]
    mistakes, asked = _mistakes(explanation), list[Question]()
    for index in shuffled or (None,):
        label = f"{number}{'ab'[len(asked)]}" if kind.elements > 1 else f"{number}"
        question = Question(label, explanation, index, mistakes)
        if question.tells(central):
            asked.append(question)
        if len(asked) == max(kind.elements, 1):
            shown = (name if isinstance(value, np.ndarray) else f"{name}={value}" for name, value in arguments.items())
            return Problem(number, f"y = {topic}({', '.join(shown)})", tuple(asked))
    return None


def problem(topic: str, seed: int, level: int, number: int) -> Problem:
    """One problem of a sheet, whatever the others are.

    Raises:
        ValueError: a topic, level, seed or number that does not exist.

    >>> problem("conv2d", seed=7, level=2, number=1).call
    'y = conv2d(x, w, stride=2)'
    """
    chosen = _level(topic, level)
    if not 0 <= seed < 10**9:
        raise ValueError(f"the seed must be from 0 to 999999999, not {seed}")
    if not 1 <= number <= MOST:
        raise ValueError(f"there is no problem {number}; a sheet has at most {MOST}")
    random = Random(f"{topic}:{seed}:{level}:{number}")
    kind = chosen.kinds[(number - 1) % len(chosen.kinds)]
    while True:
        drawn = _draw(topic, kind, number, chosen.central, random)
        if drawn is not None:
            return drawn


def _level(topic: str, level: int) -> Level:
    if topic not in LEVELS:
        raise ValueError(f"there is no topic {topic!r}; there is {', '.join(LEVELS)}")
    if not 1 <= level <= len(LEVELS[topic]):
        raise ValueError(f"{topic} has the levels 1 to {len(LEVELS[topic])}, not {level}")
    return LEVELS[topic][level - 1]


# ---- sheets


@dataclass(frozen=True)
class Sheet:
    """Some problems of a topic and level.

    Attributes:
        problems: in order. Problem k is the same on every sheet of this code.
    """

    topic: str
    seed: int
    level: int
    problems: tuple[Problem, ...]

    @property
    def code(self) -> str:
        """What all of it follows from: topic, seed, level, and how many problems if not six."""
        count = len(self.problems)
        return f"{self.topic}:{self.seed}:{self.level}{'' if count == USUAL else f':{count}'}"

    @property
    def questions(self) -> dict[str, Question]:
        """All of them, by their labels."""
        return {question.label: question for problem in self.problems for question in problem.questions}

    @property
    def title(self) -> str:
        """Such as "Convolution, level 2: stride"."""
        return f"{TITLES[self.topic]}, level {self.level}: {self.teaches.partition(':')[0]}"

    @property
    def teaches(self) -> str:
        """What the level adds."""
        return LEVELS[self.topic][self.level - 1].teaches

    @property
    def reminder(self) -> str:
        """The rule, in a sentence or two."""
        return LEVELS[self.topic][self.level - 1].reminder

    def markdown(self, key: bool = False) -> str:
        """The sheet, or its key, in Markdown."""
        return paper.markdown(self, key)

    def html(self, key: bool = False) -> str:
        """The sheet, or its key, as a page that prints on A4."""
        return paper.html(self, key)

    def pdf(self, path: str | os.PathLike[str], key: bool = False) -> None:
        """Write the sheet, or its key, as a PDF in A4."""
        paper.pdf(self, path, key)

    def save(self, path: str | os.PathLike[str], key: bool = False) -> None:
        """Write the sheet, or its key; the ending of the name says in which format.

        Raises:
            ValueError: an ending other than .pdf, .html or .md.
        """
        paper.save(self, path, key)

    def check(self, answers: Mapping[Any, Any]) -> dict[str, Verdict]:
        """Grade answers: a dictionary such as {1: 35, "2a": "1/3", 3: [[1, 2], [3, 4]]}.

        Returns:
            A verdict for every question; `MISSING` where no answer is given.

        Raises:
            ValueError: there is no such problem, or an answer that cannot be read.

        >>> verdicts = sheet("conv2d", seed=7, problems=2).check({1: [[0, 0], [0, 0]]})
        >>> verdicts["1"].right, verdicts["2a"]
        (False, no answer yet)
        """
        questions = self.questions
        verdicts = dict.fromkeys(questions, MISSING)
        for label, answer in answers.items():
            label = str(label)
            if label not in questions:
                raise ValueError(f"{label}: there is no such answer on {self.code}; there is {', '.join(questions)}")
            try:
                verdicts[label] = questions[label].check(answer)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{label}: {error}") from None
        return verdicts


def sheet(topic: str, seed: int = 0, level: int = 1, problems: int = USUAL) -> Sheet:
    """Draw a sheet.

    Raises:
        ValueError: a topic, level, seed or number of problems that there is not.

    >>> first = sheet("conv2d", seed=7).problems[0]
    >>> first.call, [question.name for question in first.questions]
    ('y = conv2d(x, w)', ['y'])
    """
    if not 1 <= problems <= MOST:
        raise ValueError(f"a sheet has 1 to {MOST} problems, not {problems}")
    return Sheet(topic, seed, level, tuple(problem(topic, seed, level, k) for k in range(1, problems + 1)))


# ---- grading

CODE = re.compile(r"(\w{1,40}):(\d{1,9}):(\d{1,3})(?::(\d{1,3}))?", re.ASCII)
LINE = re.compile(r"""^[ \t]*["']?([^\s"'=]+)["']?[ \t]*=""", re.MULTILINE)  # the beginning of an answer
MISSING = Verdict(False, "no answer yet")


def read_code(code: str) -> tuple[str, int, int, int]:
    """Topic, seed, level, and how many problems.

    Raises:
        ValueError: a code of another form, or of a topic or level that there is not.

    >>> read_code("conv2d:7:2"), read_code("conv2d:7:2:10")
    (('conv2d', 7, 2, 6), ('conv2d', 7, 2, 10))
    """
    match = CODE.fullmatch(code)
    if not match:
        raise ValueError(
            "the code of a sheet is topic:seed:level, such as conv2d:7:2, or conv2d:7:2:10 for 10 problems, "
            f"not {code[:60]!r}"
        )
    topic, seed, level, problems = match[1], int(match[2]), int(match[3]), int(match[4] or USUAL)
    _level(topic, level)
    return topic, seed, level, problems


def grade(code: str, given: Sequence[str]) -> dict[str, Verdict]:
    """Grade the answers to a sheet of which the code is known.

    Args:
        given: answers such as "1=35", "2a=1/3" and "3=1 2; 3 4" or "3=[[1, 2], [3, 4]]", and names of files with such a
            line for each. Rows may also be lines. What stands behind a # does not count.

    Returns:
        A verdict for every question; `MISSING` where no answer is given.

    Raises:
        ValueError: a code or an answer that cannot be read; in a file it says the line and the label.

    >>> verdicts = grade("conv2d:7:1:2", ["1=0 0; 0 0"])
    >>> verdicts["1"].right, verdicts["2a"]
    (False, no answer yet)
    """
    whole = sheet(*read_code(code))
    verdicts = dict.fromkeys(whole.questions, MISSING)
    for label, text, wrong in _answers(given):
        try:
            if verdicts.get(label) not in (MISSING, None):
                raise ValueError("answered twice")
            answer = read_grid(re.sub("[\"']", "", text))
            numbers(answer)  # bounds what anybody can write
            verdicts[label] = whole.check({label: answer})[label]
        except (TypeError, ValueError) as error:
            wrong(error, label)
    return verdicts


Wrong = Callable[[object, str], NoReturn]  # raises what is wrong with an answer, and says where it is


def _answers(given: Sequence[str]) -> Iterator[tuple[str, str, Wrong]]:
    """Label and text of every answer, without those left empty."""
    for text in given:
        wrong: Wrong = _wrong
        if "=" not in text:
            if not os.path.exists(text):
                raise ValueError(f"{text[:60]!r}: there is no such file; and an answer is given as 1=35")
            file = Source.read(text)
            text, wrong = re.sub("#.*", "", file.text), file.wrong
        first, *parts = LINE.split(text)
        if first.strip():
            wrong("an answer is given as 1 = 35", first.split()[0])
        for label, value in zip(parts[::2], parts[1::2], strict=True):
            if value.strip():
                yield label, value, wrong


def _wrong(error: object, label: str) -> NoReturn:
    message = str(error).removeprefix(f"{label}: ")
    raise ValueError(f"{label[:60]}: {message if len(message) < 400 else f'{message[:300]}…'}") from None
