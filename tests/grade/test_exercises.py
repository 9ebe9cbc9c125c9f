"""The law that every exercise keeps: the starter fails, right answers pass, every known mistake is told by its name."""

import dataclasses
import re

import numpy as np
import pytest

from tinyunet.grade import desk, exercises
from tinyunet.grade.checking import check

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


@every_exercise
def test_the_untouched_starter_fails(exercise):
    result = desk.check_in(exercise.name, started(exercise))
    assert not result
    assert result.score < 1


@every_exercise
@pytest.mark.parametrize("which", [0, 1])
def test_two_solutions_pass(exercise, which):
    assert desk.check_in(exercise.name, exercise.solutions[which]), desk._tries


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
@pytest.mark.parametrize("junk", JUNK)
def test_junk_gets_a_sentence(exercise, junk):
    checked = check(dataclasses.replace(exercise, seconds=0.2), JUNK[junk])
    assert checked.failures
    text = desk.words.failed(exercise, checked)
    assert text.startswith(exercise.name)
    assert "Traceback" not in text
    assert len(text.splitlines()) < 40
    if "hint" not in text:
        assert text.endswith(".")


@every_exercise
def test_random_junk_is_never_accepted(exercise):
    rng = np.random.default_rng(0)

    def random(*inputs):
        return rng.standard_normal(rng.integers(0, 4, rng.integers(0, 5)))

    def of_the_right_shape(*inputs):
        came = exercise.solutions[0](*inputs)
        return tuple(map(np.ones_like, came)) if isinstance(came, tuple) else np.ones_like(came)

    for answer in (random, random, random, *([] if exercise.values else [of_the_right_shape])):
        checked = check(exercise, random() if exercise.values else answer)
        assert checked.failures
        assert desk.words.failed(exercise, checked)
