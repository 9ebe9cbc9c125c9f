"""What stands on a sheet and on its key, in any format."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby, zip_longest
from typing import NamedTuple

import numpy as np

from tinyunet import __version__
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.diagnosis import squeezed
from tinyunet.byhand.worksheets.problems import Problem, Question
from tinyunet.byhand.worksheets.sheets import Sheet
from tinyunet.tensor import Array

FILE = "answers.txt has a line for every answer, such as  1 = -7  or  2a = 1/2  or, in rows,  3 = 1 2; 3 4"


def title(sheet: Sheet, key: bool) -> str:
    """The heading of all."""
    return f"{sheet.title}{' (key)' if key else ''}"


def name(sheet: Sheet) -> str:
    """What it is called at its foot."""
    return f"Sheet {sheet.code} (tinyunet {__version__})."


def command(sheet: Sheet) -> str:
    """What grades it."""
    return f"tinyunet check --sheet {sheet.code} answers.txt"


# ---- numbers


class Grid(NamedTuple):
    """Numbers in rows and columns, with a number for each row and column that an index counts."""

    caption: str
    texts: list[list[str]]
    rows: list[str]
    columns: list[str]


def _axes(operation: Operation, name: str, count: int) -> tuple[str, ...]:
    """The names of so many axes in front of the rows."""
    return operation.axis_names.get(name.removeprefix("d"), ("image", "channel"))[2 - count :]


def grids(operation: Operation, name: str, array: Array, caption: str = "") -> list[Grid]:
    """An array as grids, one for every image, channel or filter; a single one is not numbered.

    >>> from tinyunet import byhand
    >>> y = byhand.conv2d(np.zeros((2, 3, 3)), np.zeros((1, 2, 3, 3)))
    >>> [grid.caption for grid in grids(y.operation, "w", y.arrays["w"])]
    ['w, channel 0', 'w, channel 1']
    """
    maps = np.atleast_2d(array)
    *lead, rows, columns = maps.shape
    caption = caption or operation.captions.get((name, array.ndim), name)
    numbers = [[str(k) if array.ndim > axis else "" for k in range(n)] for axis, n in ((1, rows), (0, columns))]
    found = []
    for index in np.ndindex(*lead):
        counted = zip(_axes(operation, name, len(lead)), index, lead, strict=True)
        places = (f"{axis} {k}" for axis, k, many in counted if many > 1)
        texts = [[write(value) for value in row] for row in maps[index]]
        found.append(Grid(", ".join([caption, *places]), texts, *numbers))
    return found


def written(array: Array) -> str:
    """An answer as it is given to be graded.

    >>> written(np.array([[1, 2], [3, 1 / 3]]))
    '[[1, 2], [3, 1/3]]'
    """
    return write(float(array)) if array.ndim == 0 else f"[{', '.join(map(written, array))}]"


def counting(sheet: Sheet) -> str:
    """What an index means."""
    longest = max(sheet.questions.values(), key=lambda q: len(q.index or ()))
    start = "Rows and columns are counted from 0"
    if not longest.index or len(longest.index) == 1:
        return f"{start}."
    of = longest.explanation
    axes = *_axes(of.operation, of.what, len(longest.index) - 2), "row", "column"
    places = ", ".join(f"{axis} {k}" for axis, k in zip(axes, longest.index, strict=True))
    return f"{start}: {longest.name} is {places}."


# ---- problems


def given(problem: Problem) -> list[Grid]:
    """All its numbers."""
    whole = problem.explanation
    return [grid for name, a in whole.arrays.items() for grid in grids(whole.operation, name, a)]


def task(problem: Problem) -> str:
    """What is asked."""
    operation, what = problem.explanation.operation, problem.explanation.what
    text = f"all of {what}" if problem.whole else " and ".join(question.name for question in problem.questions)
    if problem.whole and what == "y" and operation.size is not None:
        text += "; find its shape first"
    if what in operation.updates:
        text += ", as this step leaves it"
    if what.startswith("d"):
        text += f", where {what} = ∂L/∂{what[1:]}"
    return f"Work out {text}."


def squares(problem: Problem, columns: int) -> int:
    """How many rows of squared paper are needed: for the answer, and two squares for three characters of the work."""
    rows = len(lines(problem.questions[0].answer)) if problem.whole else 0
    if problem.explanation.operation.read_off:
        return rows + 1
    work = len("".join(_steps(problem)[1:])) * 2 // (3 * columns)
    return min(rows + work + 2, 180 // columns)


# ---- answers


def answers(sheet: Sheet) -> list[Grid]:
    """All that are right."""
    return [
        grid
        for q in sheet.questions.values()
        for grid in grids(q.explanation.operation, q.explanation.what, q.answer, f"{q.label}: {q.name}")
    ]


def _steps(problem: Problem) -> list[str]:
    """The formula and all products of all answers; once what several of them share, such as the mean of a channel."""
    elements = [element for question in problem.questions for element in question.worked()]
    steps = [elements[0].formula.text]
    for line in (line.strip() for element in elements for line in element.text().splitlines()[1:]):
        if not (line.startswith(("μ", "σ", "Z", "Σ", "√")) and line in steps):
            steps.append(line)
    return steps


def solutions(sheet: Sheet) -> Iterator[tuple[Problem, list[str]]]:
    """The steps of every problem; a formula only where it is another one."""
    formula = ""
    for problem in sheet.problems:
        first, *steps = _steps(problem)
        yield problem, steps if first == formula else [first, *steps]
        formula = first


WIDE, MANY = 80, 30  # characters in a line of wrong answers; numbers in one, beyond which its shape says enough


def lines(array: Array) -> list[str]:
    """A wrong answer as lines of numbers that stand in columns; images, channels or filters are side by side.

    >>> lines(np.array([[[10, 1 / 3]], [[-1, 0]]]))
    [' 10 1/3 |  −1   0']
    """
    maps = np.atleast_2d(array.reshape(squeezed(array.shape)))
    if array.size > MANY:
        return [f"shape {maps.shape}"]
    width = max(len(write(value)) for value in maps.flat)
    return [
        " | ".join(" ".join(write(value).rjust(width) for value in row) for row in rows)
        for rows in np.moveaxis(maps.reshape(-1, *maps.shape[-2:]), 0, 1)
    ]


def warnings(question: Question) -> list[list[str]]:
    """Which mistakes lead to which wrong answers: two beside one another, in a few lines, for every such row."""
    found: dict[str, tuple[Array, dict[str, list[str]]]] = {}
    for mistake, answer in question.wrong():
        if answer.shape != question.answer.shape or not np.allclose(answer, question.answer):
            _, names = found.setdefault(written(answer), (answer, {}))
            names.setdefault(mistake.name, []).append(mistake.detail)
    cards = []
    for answer, names in sorted(found.values(), key=lambda f: (squeezed(f[0].shape), *f[0].flat)):  # to be looked up
        ways = ((name, " or ".join(filter(None, details))) for name, details in names.items())
        cards.append((lines(answer), "; or ".join(f"{name} ({way})" if way else name for name, way in ways)))
    shown = []
    for _, group in groupby(sorted(cards, key=lambda card: len(card[0])), key=lambda card: len(card[0])):
        alike = list(group)
        left = max(len(rows[0]) for rows, _ in alike)
        columns = 2 if left < WIDE // 4 else 1
        width = WIDE // columns
        for k in range(0, len(alike), columns):
            beside = [
                [f"{row:>{left}}  {part}".ljust(width) for row, part in zip_longest(rows, wrapped, fillvalue="")]
                for rows, text in alike[k : k + columns]
                for wrapped in [textwrap.wrap(text, width - left - 4)]
            ]
            row = ["".join(parts).rstrip() for parts in zip_longest(*beside, fillvalue=" " * width)]
            shown.append(row if question.index else [*row, ""])
    return shown
