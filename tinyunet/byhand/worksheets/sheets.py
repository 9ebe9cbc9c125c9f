"""A sheet: some problems of one topic and level, known by its code; and its answers, graded.

A code such as conv2d:7:2 or conv2d:7:2:10 is topic, seed, level, and how many problems if not six. The same code draws
the same problems, so the code on a sheet is all that is needed to grade it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyunet.byhand.arithmetic.grids import read_grid
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.example import MISSING
from tinyunet.byhand.examples.fields import FieldError, numbers
from tinyunet.byhand.examples.source import Source
from tinyunet.byhand.mistakes.diagnosis import Verdict
from tinyunet.byhand.worksheets.levels import level_of
from tinyunet.byhand.worksheets.problems import MOST, Problem, Question, problem

USUAL = 6  # problems on a sheet
CODE = re.compile(r"(\w{1,40}):(\d{1,9}):(\d{1,3})(?::(\d{1,3}))?", re.ASCII)
LINE = re.compile(r"""^[ \t]*["']?([^\s"'=]+)["']?[ \t]*=""", re.MULTILINE)  # the beginning of an answer


@dataclass(frozen=True)
class Sheet:
    """Some problems of a topic and level."""

    topic: str
    seed: int
    level: int
    problems: tuple[Problem, ...]  # in order; problem k is the same on every sheet of this topic, seed and level

    @property
    def code(self) -> str:
        """What all of it follows from."""
        count = len(self.problems)
        return f"{self.topic}:{self.seed}:{self.level}{'' if count == USUAL else f':{count}'}"

    @property
    def questions(self) -> dict[str, Question]:
        """All of them, by their labels."""
        return {question.label: question for problem in self.problems for question in problem.questions}

    @property
    def title(self) -> str:
        """Such as "Convolution, level 2: stride"."""
        teaches = level_of(self.topic, self.level).teaches
        return f"{OPERATIONS[self.topic].title}, level {self.level}: {teaches.partition(':')[0]}"

    @property
    def reminder(self) -> str:
        """The rule, in a sentence or two."""
        return level_of(self.topic, self.level).reminder

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

    if TYPE_CHECKING:  # tied on in `__init__.py`

        def markdown(self, key: bool = False) -> str: ...
        def html(self, key: bool = False) -> str: ...
        def pdf(self, path: str | os.PathLike[str], key: bool = False) -> None: ...
        def save(self, path: str | os.PathLike[str], key: bool = False) -> None: ...


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
    drawn: list[Problem] = []
    for number in range(1, problems + 1):
        drawn.append(problem(topic, seed, level, number, drawn))
    return Sheet(topic, seed, level, tuple(drawn))


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
    level_of(topic, level)
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
    for label, text, file in _answers(given):
        try:
            if verdicts.get(label) not in (MISSING, None):
                raise ValueError("answered twice")
            answer = read_grid(re.sub("[\"']", "", text))
            numbers(answer)  # bounds what anybody can write
            verdicts[label] = whole.check({label: answer})[label]
        except (TypeError, ValueError) as error:
            raise _wrong(error, label, file) from None
    return verdicts


def _answers(given: Sequence[str]) -> Iterator[tuple[str, str, Source | None]]:
    """Label and text of every answer, without those left empty, and the file that it stands in."""
    for text in given:
        file = None
        if "=" not in text:
            if not os.path.exists(text):
                raise ValueError(f"{text[:60]!r}: there is no such file; and an answer is given as 1=35")
            file = Source.read(text)
            text = re.sub("#.*", "", file.text)
        first, *parts = LINE.split(text)
        if first.strip():
            raise _wrong("an answer is given as 1 = 35", first.split()[0], file)
        for label, value in zip(parts[::2], parts[1::2], strict=True):
            if value.strip():
                yield label, value, file


def _wrong(error: object, label: str, file: Source | None) -> ValueError:
    """What is wrong with an answer; in a file with its line."""
    if file is not None:
        return file.wrong(FieldError(error, label))
    message = str(error).removeprefix(f"{label}: ")
    return ValueError(f"{label[:60]}: {message if len(message) < 400 else f'{message[:300]}…'}")
