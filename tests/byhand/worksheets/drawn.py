"""Sheets of every level, for the tests."""

import functools

import numpy as np
import pytest

from tinyunet.byhand import worksheets
from tinyunet.byhand.worksheets.levels import LEVELS

ALL = [(topic, level) for topic, found in LEVELS.items() for level in range(1, len(found) + 1)]
every = pytest.mark.parametrize(("topic", "level"), ALL)


sheet = functools.cache(worksheets.sheet)  # for what only looks at a sheet


def questions(sheet):
    return [question for problem in sheet.problems for question in problem.questions]


def sheets(topic, level, seeds=range(3)):
    """Sheets with every kind of problem on them."""
    count = len(LEVELS[topic][level - 1].kinds)
    return [sheet(topic, seed, level, count) for seed in seeds]


def wrong(question):
    """Mistakes with their answers, without those that happen to be right."""
    right = question.answer
    return [(m, a) for m, a in question.wrong() if a.shape != right.shape or not np.allclose(a, right)]
