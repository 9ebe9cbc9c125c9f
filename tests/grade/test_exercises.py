"""The law that every exercise keeps: the starter fails, right answers pass, every known mistake is told by its name."""

import dataclasses
import re

import numpy as np
import pytest

from tinyunet.grade import desk, exercises
from tinyunet.grade.checking import check
from tutorials import make

EXERCISES = list(exercises.everything().values())
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]


@pytest.fixture(autouse=True)
def everything_before_is_passed(monkeypatch):
    """So that no exercise waits for another one."""
    monkeypatch.setattr(desk, "_passed", {exercise.name: exercise.solutions[0] for exercise in EXERCISES})
    monkeypatch.setattr(desk, "_tries", {})


def started(exercise):
    """What the untouched starter defines."""
    namespace = {"np": np}
    exec(exercise.starter, namespace)
    return namespace[exercise.name]


@every_exercise
def test_it_has_all_its_parts(exercise):
    assert re.fullmatch(r"\d\d\.\d", exercise.number)
    assert len(exercise.mistakes) >= 6
    names = [of.name for of in (*exercise.properties, *exercise.mistakes)]
    assert len(set(names)) == len(names)
    for sentence in (exercise.asks, exercise.differs, *exercise.hints, *(m.says for m in exercise.mistakes)):
        assert sentence[-1] in ".?)"
    assert all(of.says[-1] == "." for of in exercise.properties)
    assert all((exercises.ROOT / file).exists() for file in exercise.read_on)
    assert (exercise.operation is None) == (exercise.stand_in is None)


def test_their_numbers_are_in_the_order_in_which_the_tutorials_ask_for_them():
    for source in make.sources():
        asked = re.findall(r'^grade\("(\w+)"', source.read_text(encoding="utf-8"), re.MULTILINE)
        numbers = [exercises.load(name).number for name in asked]
        assert numbers == sorted(numbers)
        assert {number.partition(".")[0] for number in numbers} <= {source.stem.partition("_")[0]}


@every_exercise
def test_the_untouched_starter_fails(exercise):
    result = desk.check_in(exercise.name, started(exercise))
    assert not result
    assert result.score < 1


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    "exercise",  # one that may take its time, to train, takes it
    [pytest.param(e, id=e.name, marks=[pytest.mark.slow] * (e.seconds > 10)) for e in EXERCISES],
)
def test_two_solutions_pass(exercise, which):
    result = desk.check_in(exercise.name, exercise.solutions[which])
    assert result.passed, result.message


@every_exercise
def test_the_two_are_written_differently(exercise):
    one, other = exercise.solutions
    assert one is not other


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=lambda part: part.name)
def test_a_mistake_is_refused_with_its_name(exercise, mistake):
    result = desk.check_in(exercise.name, mistake.wrong)
    assert not result
    assert result.mistake == mistake.name
    assert mistake.name in result.message


def endless(*inputs):
    while True:
        pass


def raising(*inputs):
    return 1 / 0


def writing(*inputs):
    for given in inputs:
        if isinstance(given, np.ndarray) and given.size:
            given += 1
    return inputs[0]


JUNK = {
    "None": None,
    "a number": 7,
    "a text": "conv2d",
    "a list": [],
    "a function without arguments": lambda: 0,
    "no end": endless,
    "an error": raising,
    "None returned": lambda *inputs: None,
    "a text returned": lambda *inputs: "done",
    "a number returned": lambda *inputs: 1.5,
    "a function returned": lambda *inputs: raising,
    "rows of different lengths": lambda *inputs: [[1, 2], [3]],
    "nan": lambda *inputs: np.full((2, 2), np.nan),
    "complex numbers": lambda *inputs: np.ones((2, 2)) * 1j,
    "objects": lambda *inputs: np.array([None, {}], dtype=object),
    "nothing in it": lambda *inputs: np.zeros(0),
    "a pair": lambda *inputs: (np.zeros(2), raising),
    "its inputs": lambda *inputs: inputs,
    "a class": dict,
    "exit": lambda *inputs: exit(),
    "a written input": writing,
}


@every_exercise
def test_junk_gets_a_sentence(exercise):
    for what, junk in JUNK.items():
        checked = check(dataclasses.replace(exercise, seconds=0.05), junk)
        assert checked.failures, what
        text = desk.words.failed(exercise, checked)
        assert text.startswith(f"{exercise.name}: "), what
        assert "Traceback" not in text, what
        assert len(text.splitlines()) < 40, what
        assert text.endswith(("each time.", ".")), what


@every_exercise
def test_random_junk_is_never_accepted(exercise):
    rng = np.random.default_rng(0)

    def random(*inputs):
        return rng.standard_normal(rng.integers(0, 4, rng.integers(0, 5)))

    for _ in range(3):
        refuses(exercise, random() if exercise.values else random)


@pytest.mark.parametrize(
    "exercise",
    [  # of those that train a network the right shape takes as long as an answer
        pytest.param(exercise, id=exercise.name, marks=[pytest.mark.slow] * (exercise.seconds > 10))
        for exercise in EXERCISES
        if not exercise.values
    ],
)
def test_junk_of_the_right_shape_is_never_accepted(exercise):
    def ones(*inputs):
        came = exercise.solutions[0](*inputs)
        return tuple(map(np.ones_like, came)) if isinstance(came, tuple) else np.ones_like(came)

    refuses(exercise, ones)


def refuses(exercise, answer):
    checked = check(exercise, answer)
    assert checked.failures
    assert desk.words.failed(exercise, checked)


MUTANTS = {
    "grade.checking:check": [
        (
            "the last property is not checked",
            "in exercise.properties:\n        failure = None",
            "in exercise.properties[:-1]:\n        failure = None",
        ),
        (
            "the first failing input ends everything",
            "                break\n        else:",
            "                return Checked(tuple(held), tuple(failures), tried)\n        else:",
        ),
    ],
    "grade.exercises.conv2d:right": [("the stride is forgotten", "b, stride, padding", "b, 1, padding")],
    "grade.exercises.conv2d_backward:right": [("the padding is forgotten", "stride, padding)", "stride, 0)")],
}
