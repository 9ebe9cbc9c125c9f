"""A sheet: some problems of one topic and level, known by its code.

A code such as conv2d:7:2 or conv2d:7:2:10 is topic, seed, level, and how many problems if not six. The same code draws
the same problems, so the code on a sheet is all that is needed to grade it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.example import MISSING
from tinyunet.byhand.mistakes.diagnosis import Verdict
from tinyunet.byhand.worksheets.levels import level_of
from tinyunet.byhand.worksheets.problems import MOST, Problem, Question, problem

USUAL = 6  # problems on a sheet
CODE = re.compile(r"(\w{1,40}):(\d{1,9}):(\d{1,3})(?::(\d{1,3}))?", re.ASCII)


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
    return Sheet(topic, seed, level, tuple(problem(topic, seed, level, k) for k in range(1, problems + 1)))


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
