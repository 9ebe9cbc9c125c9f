"""Problems have numbers for a pencil, and wrong answers that tell the mistake."""

import itertools
import math
import re

import numpy as np
import pytest

from tests.byhand.worksheets.drawn import ALL, every, questions, sheets, wrong
from tinyunet.byhand import mistakes, worksheets
from tinyunet.byhand.arithmetic.numbers import read, write
from tinyunet.byhand.worksheets import kinds
from tinyunet.byhand.worksheets.levels import LEVELS
from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.problems import LISTED, _rounds_well


@every
def test_the_numbers_suit_a_pencil(topic, level):
    for sheet in sheets(topic, level, range(6)):
        for question in questions(sheet):
            for array in question.explanation.arrays.values():
                assert all(len(write(value)) <= 4 for value in array.flat)
                assert np.allclose([read(write(value)).value for value in array.flat], array.ravel(), rtol=1e-12)
                assert np.all(np.abs(array) <= 25)
            assert np.all(np.abs(question.answer) < 100)
            assert LEVELS[topic][level - 1].rounded or all(len(write(value)) <= 6 for value in question.answer.flat)
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


POWERS = [(t, k) for t, k in ALL if "e^1" in LEVELS[t][k - 1].reminder]


@pytest.mark.parametrize(("topic", "level"), POWERS)
def test_answers_that_are_rounded_come_out_with_the_powers_on_the_sheet(topic, level):
    """Each in a way of its own: with the powers of e of the reminder, and every step rounded to four digits."""
    powers = {k: float(f"{math.exp(k):.4g}") for k in range(-2, 4)}
    reminder = LEVELS[topic][level - 1].reminder.replace("\u00a0≈\u00a0", " = ").replace("−", "-")
    assert all(f"e^{k} = {power:g}" in reminder for k, power in powers.items())
    for question in [q for sheet in sheets(topic, level, range(6)) for q in questions(sheet)]:
        arrays, what = question.explanation.arrays, question.explanation.what
        e = np.vectorize(powers.get)(arrays["x"])
        p = np.vectorize(lambda share: float(f"{share:.4g}"))(e / e.sum(-1, keepdims=True))
        if topic == "softmax":
            dy = arrays.get("dy")
            found = p if what == "y" else p * (dy - (p * dy).sum(-1, keepdims=True))
        else:
            target = arrays["target"][..., None].astype(int)
            losses = np.log(e.sum(-1)) - np.take_along_axis(arrays["x"], target, -1)[..., 0]
            mean = question.explanation.operation.settings["reduction"] == "mean"
            hit = np.arange(e.shape[-1]) == target
            found = (losses.mean() if mean else losses.sum()) if what == "y" else (p - hit) / max(1, losses.size)
        found = np.asarray(found if question.index is None else found[question.index])
        assert question.check(np.vectorize("{:.2f}".format)(found).tolist())


@pytest.mark.parametrize(("answer", "well"), [(0.333, True), (0.3346, False), (0.3355, False), (0.998, False)])
def test_answers_on_the_edge_of_rounding_or_of_a_whole_number_are_not_asked_for(answer, well):
    assert _rounds_well(np.array([0.25, answer])) == well
    assert _rounds_well(np.array(-answer)) == well


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
        # ε is 0, so that roots are whole numbers; borders are of zeros, and kernels are not turned.
        never = {"batch_norm": {"epsilon forgotten"}}
        never |= {"conv2d": {"another border", "kernel not turned", "padding alike on both sides"}}
        assert {m.name for m, _ in mistakes.WAYS[topic, "y"]} - met == never.get(topic, set())


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


def test_no_problem_comes_twice_on_a_sheet(monkeypatch):
    for problems in (worksheets.sheet(topic, 0, 1, 40).problems for topic in ("softmax", "cross_entropy", "relu")):
        assert not any(a.same(b) for a, b in itertools.combinations(problems, 2))
    first = worksheets.problem("softmax", 0, 1, 1)
    assert first.same(worksheets.problem("softmax", 0, 1, 1))
    assert not first.same(worksheets.problem("softmax", 0, 1, 1, [first]))
    few = kinds.Level("few", "negative numbers kept").asks("", kinds.Kind(x=kinds.numbers(-2, 2, 1)))
    monkeypatch.setitem(LEVELS, "relu", (few,))
    assert len(worksheets.sheet("relu", 0, 1, 2).problems) == 2
    with pytest.raises(ValueError, match="relu, level 1, has no more than 2 different problems; take fewer"):
        worksheets.sheet("relu", 0, 1, 6)


def test_a_level_whose_problems_cannot_tell_its_mistakes_is_an_error(monkeypatch):
    monkeypatch.setattr(LEVELS["relu"][0], "central", ("kernel flipped",))
    with pytest.raises(ValueError, match=r"relu, level 1: none of .* drawn problems tells the mistakes apart"):
        worksheets.problem("relu", 0, 1, 1)


MUTANTS = {
    "byhand.worksheets.problems:Question.tells": [
        ("mistakes that coincide", "if any(name != other and", "if any(False and"),
        ("a stride that makes no difference", "bool(tested) and tested <= {name for name, _ in wrong}", "bool(tested)"),
        ("a later mistake draws", "if mistake.name in LISTED]", "if mistake.name in LISTED | {'late'}]"),
        ("answers that are rounded must be fractions", "_rounds_well if level.rounded else", "_for_a_pencil or"),
    ],
    "byhand.worksheets.problems:_rounds_well": [
        ("answers on the edge of rounding", "np.all(to_a_boundary > SURE)", "True"),
        ("answers that round to whole numbers", "np.all(np.abs(answer - np.round(answer)) > 0.01)", "True"),
    ],
    "byhand.worksheets.problems:problem": [
        ("a problem comes twice", "not any(drawn.same(other) for other in before)", "True"),
    ],
}
