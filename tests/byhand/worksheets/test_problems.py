"""Problems have numbers for a pencil, and wrong answers that tell the mistake."""

import re

import numpy as np
import pytest

from tests.byhand.worksheets.drawn import ALL, every, questions, sheets, wrong
from tinyunet.byhand import mistakes, worksheets
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.worksheets.levels import LEVELS
from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.problems import LISTED


@every
def test_the_numbers_suit_a_pencil(topic, level):
    for sheet in sheets(topic, level, range(6)):
        for question in questions(sheet):
            for array in question.explanation.arrays.values():
                assert np.all(array == np.round(array))
                assert np.all(np.abs(array) <= 25)
            assert np.all(np.abs(question.answer) < 100)
            assert all(len(write(value)) <= 6 for value in question.answer.flat)
            assert question.answer.size <= 20
            text = "\n".join(element.text() for element in question.worked())
            assert text.count("×") + text.count(" + ") <= 120


@every
def test_right_answers_are_right_and_every_mistake_is_named(topic, level):
    central = set(LEVELS[topic][level - 1].central)
    for sheet in sheets(topic, level):
        for question in questions(sheet):
            assert question.check(question.answer if question.index is None else float(question.answer))
            names = set()
            for mistake, answer in wrong(question):
                verdict = question.check(answer if answer.ndim else float(answer))
                assert not verdict
                named = {m.name for m in verdict.mistakes}
                assert mistake.name in named
                assert mistake.name not in LISTED or named & LISTED == {mistake.name}
                names.add(mistake.name)
            assert names & central, "the level is about something that makes no difference"


def test_the_mistakes_that_levels_are_about_are_known():
    for topic, found in LEVELS.items():
        names = {known.name for (name, _), ways in mistakes.WAYS.items() if name == topic for known, _ in ways}
        for level in found:
            assert set(level.central) <= names & LISTED
    assert {known.name for ways in mistakes.WAYS.values() for known, _ in ways} >= LISTED


def test_every_mistake_of_a_forward_pass_is_on_some_sheet():
    """What these sheets cannot ask for is known; nothing else is left out by accident."""
    for topic in LEVELS:
        met = {
            m.name
            for level in range(1, len(LEVELS[topic]) + 1)
            for sheet in sheets(topic, level, range(2))
            for question in questions(sheet)
            if question.explanation.what == "y"
            for m, _ in wrong(question)
        }
        # ε is 0, so that roots are whole numbers.
        never = {"epsilon forgotten"} if topic == "batch_norm" else set()
        assert {m.name for m, _ in mistakes.WAYS[topic, "y"]} - met == never


def test_elements_are_asked_for_once_and_maps_only_where_the_mistakes_differ():
    for topic, level in ALL:
        for sheet in sheets(topic, level, range(3)):
            for problem in sheet.problems:
                assert len({q.index for q in problem.questions}) == len(problem.questions)
                labels = [q.label for q in problem.questions]
                assert labels in ([f"{problem.number}"], [f"{problem.number}a", f"{problem.number}b"])


def test_mistakes_that_are_learned_later_draw_no_other_problems(monkeypatch):
    before = [q.name for q in questions(worksheets.sheet("conv2d", 7, 2))]

    late = {}
    wrong = mistakes.mistakes("conv2d y", mistakes.Quantities, late)
    wrong("late", "a hint", lambda q: q.y() + 1)
    wrong.way("", lambda q: np.full_like(q.y(), -3))  # in the first question the same as a stride forgotten
    place = "conv2d", "y"
    monkeypatch.setitem(mistakes.WAYS, place, mistakes.WAYS[place] + late[place])
    sheet = worksheets.sheet("conv2d", 7, 2)
    assert [q.name for q in questions(sheet)] == before
    question = questions(sheet)[0]
    assert [m.name for m in question.check(float(question.answer) + 1).mistakes] == ["late"]
    assert [m.name for m in question.check(-3).mistakes] == ["stride forgotten", "late"]
    shown = [line for row in content.warnings(question) for line in row]
    assert len(re.findall(r"\d  late\b|or late\b", "\n".join(shown))) == 2


def test_a_level_whose_problems_cannot_tell_its_mistakes_is_an_error(monkeypatch):
    monkeypatch.setattr(LEVELS["relu"][0], "central", ("kernel flipped",))
    with pytest.raises(ValueError, match=r"relu, level 1: none of .* drawn problems tells the mistakes apart"):
        worksheets.problem("relu", 0, 1, 1)


MUTANTS = {
    "byhand.worksheets.problems:Question.tells": [
        ("mistakes that coincide", "if any(name != other and", "if any(False and"),
        ("a stride that makes no difference", "bool(tested) and tested <= {name for name, _ in wrong}", "bool(tested)"),
        ("a later mistake draws", "if mistake.name in LISTED]", "if mistake.name in LISTED | {'late'}]"),
    ],
}
