"""A sheet: some problems of one topic and level, known by its code; and its answers, graded.

A code such as conv2d:7:2 or conv2d:7:2:10 is topic, seed, level, and how many problems if not six. The same code draws
the same problems, so the code on a sheet is all that is needed to grade it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.source import Source
from tinyunet.byhand.mistakes.diagnosis import MISSING, Verdict
from tinyunet.byhand.worksheets.levels import level_of
from tinyunet.byhand.worksheets.problems import MOST, Problem, Question, problem

USUAL = 6  # problems on a sheet
CODE = re.compile(r"(\w{1,40}):(\d{1,9}):(\d{1,3})(?::(\d{1,3}))?", re.ASCII)
# The beginning of an answer, such as 1a = 3, "2": 1/2 or Problem 3) 5; what is called something else; other text.
ANSWER = re.compile(
    r"""[\s"'*(>-]*(?:[^\W\d_]+[.\s]\s*)?(\d{1,4}(?: ?[a-zA-Z](?=\W))?)["'*.]*\s*[=:)→](.*)""", re.DOTALL
)
OTHER = re.compile(r"""\s*["']?([^\s"'=]*)["']?\s*=.*\d""", re.DOTALL)
TEXT = re.compile(
    r"\s*(?!none\b|nan\b|null\b|n/?a\b|array\b|tensor\b|np\.|tf\.|c\(|dtype|device|grad)[^\W\d]", re.IGNORECASE
)


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
        (False, not answered yet)
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


class Grades(dict[str, Verdict]):
    """A verdict for every question, by its label; and remarks on lines of a file that answer none."""

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        super().__init__(verdicts)
        self.remarks: list[str] = []


def grade(code: str, given: Sequence[str]) -> Grades:
    """Grade somebody's answers to a sheet of which the code is known.

    Args:
        given: answers such as "1=35", "2a=1/3" and "3=1 2; 3 4" or "3=[[1, 2], [3, 4]]", and names of files with such a
            line for each. Rows may also be lines. What stands behind a # does not count, nor do names and headings.

    Returns:
        A verdict for every question; `MISSING` where no answer is given, and what is wrong with a line of a file.

    Raises:
        ValueError: a code, a file, or an answer outside of files that cannot be read.

    >>> verdicts = grade("conv2d:7:1:2", ["1=0 0; 0 0"])
    >>> verdicts["1"].right, verdicts["2a"]
    (False, not answered yet)
    """
    whole = _handed_out(code)
    grades = Grades(dict.fromkeys(whole.questions, MISSING))
    for text in given:
        inline = "=" in text
        if not inline and not os.path.exists(text):
            raise ValueError(f"{text[:60]!r}: there is no such file; and an answer is given as 1=35")
        for line, label, answer in _answers(text if inline else Source.read(text).text):
            try:
                if label not in grades:
                    raise ValueError(
                        f"there is no such answer on {code}; there is {', '.join(grades)}"
                        if label
                        else "an answer is given as 1 = 35"
                    )
                if answer.strip() and grades[label] is not MISSING:
                    raise ValueError("answered twice")
                grades[label] = whole.questions[label].read(answer) if answer.strip() else grades[label]
            except (TypeError, ValueError) as error:
                message = _short(str(error))
                if inline:
                    raise ValueError(f"{(label or answer)[:60]}: {message}") from None
                if label in grades and grades[label] is MISSING:
                    grades[label] = Verdict(False, f"cannot be read (line {line}): {message}")
                else:
                    grades.remarks.append(f"line {line}: {(label or answer.strip())[:60]}: {message}")
    return grades


@functools.lru_cache(1)  # a class answers the same sheet
def _handed_out(code: str) -> Sheet:
    return sheet(*read_code(code))


def _short(message: str) -> str:
    return message if len(message) < 400 else f"{message[:300]}…"


def _answers(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, label and text of every answer; without a label what stands where an answer should."""
    found: list[tuple[int, str, list[str]]] = []
    rows: list[str] | None = None  # of the answer that goes on
    for number, line in enumerate(re.sub("#.*", "", text).split("\n"), 1):
        if match := ANSWER.match(line):
            rows = [match[2]]
            found.append((number, match[1].replace(" ", "").lower(), rows))
        elif rows is not None and not TEXT.match(line):
            rows.append(line)
        elif other := OTHER.match(line):
            found.append((number, other[1], [line.partition("=")[2]]))
        elif TEXT.match(line):
            rows = None  # a name, or a heading
        elif line.strip():
            found.append((number, "", [line]))
    return ((number, label, "\n".join(rows)) for number, label, rows in found)
