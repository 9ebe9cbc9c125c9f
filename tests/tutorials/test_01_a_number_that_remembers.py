"""What the tutorial says that one will see is what one sees."""

import runpy
import timeit
from functools import partial

import numpy as np
import pytest

import tinyunet
from tinyunet import grade
from tinyunet.grade.exercises.tape_square import record
from tutorials import make


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "01_a_number_that_remembers.py"))


EXERCISES = ["multiply", "relu_scalar", "broadcast_add", "tape_square", "tape_buffer", "tape_diamond"]


@pytest.mark.parametrize("name", [name for name in EXERCISES if name != "multiply"])
def test_the_solutions_pass(tutorial, name):
    assert grade(name, tutorial[name])


def test_the_tape_finds_what_tinyunet_finds(tutorial):
    Number, tape, slopes = tutorial["Number"], tutorial["tape"], tutorial["slopes"]
    rng = np.random.default_rng(0)
    for _ in range(20):
        tape.clear()
        values = {name: rng.normal(size=shape) for name, shape in {"a": (2, 3), "b": (3,), "c": (2, 1)}.items()}
        ours = {name: Number(value, name) for name, value in values.items()}
        theirs = {name: tinyunet.tensor(value, requires_grad=True) for name, value in values.items()}

        def both(numbers):
            a, b, c = numbers.values()
            return a * b + c * (a + c) * b + b * b

        last = tutorial["total"](both(ours))
        both(theirs).sum().backward()
        found = slopes(tape, last)
        for name in values:
            np.testing.assert_allclose(found[ours[name]], theirs[name].grad, rtol=1e-12)


def fitted(tutorial, factor, steps=30):
    """The losses of section 6 with other steps."""
    Number, tape, total = tutorial["Number"], tutorial["tape"], tutorial["total"]
    w, b = Number(np.zeros(1), "w"), Number(np.zeros(1), "b")
    losses = []
    for _ in range(steps):
        tape.clear()
        distance = w * tutorial["x"] + b + tutorial["minus_points"]
        loss = total(distance * distance) * tutorial["one_in_20"]
        gradient = tutorial["slopes"](tape, loss)
        w.value, b.value = w.value + factor * gradient[w], b.value + factor * gradient[b]
        losses.append(loss.value)
    return losses


def test_the_line_comes_to_the_points(tutorial):
    x = tutorial["x"].value
    best = np.polyval(np.polyfit(x, tutorial["points"], 1), x)
    np.testing.assert_allclose(tutorial["lines"][100], best, atol=0.01)


def test_what_is_said_of_the_changes_is_true(tutorial):
    assert fitted(tutorial, -0.1)[-1] < 0.1
    for factor in (0.1, -1.5):
        losses = fitted(tutorial, factor)
        assert losses == sorted(losses)
        assert losses[-1] > 100
    tape = [("u", "ab", lambda dy: (3 * dy, 2 * dy)), ("y", "uc", lambda dy: (dy, dy))]  # y = a·b + c at 2, 3, 4
    assert tutorial["slopes"](tape, "y") == {"y": 1, "u": 1, "c": 1, "a": 3, "b": 2}
    assert tutorial["slopes"](tape[::-1], "y") == {"y": 1, "u": 1, "c": 1}
    y = tinyunet.tensor(2.0, requires_grad=True) * 3
    y.backward()
    with pytest.raises(RuntimeError, match="walked before"):
        y.backward()


@pytest.mark.slow
def test_each_doubling_doubles_the_paths(tutorial):
    from tinyunet.grade.exercises.tape_diamond import starter

    times = []
    for n in (14, 17):
        tape = record(*(f"x{k + 1} = x{k} + x{k}" for k in range(n)), x0=1.0)
        times.append(min(timeit.repeat(partial(starter, tape, f"x{n}"), number=1, repeat=5)))
    assert 4 < times[1] / times[0] < 16
    assert (
        tutorial["tape_diamond"](record(*(f"x{k + 1} = x{k} + x{k}" for k in range(24)), x0=1.0), "x24")["x0"] == 2**24
    )
