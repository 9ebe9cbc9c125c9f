"""What the grader says: which property, which input, which element, which mistake; and of what cannot be compared."""

import contextlib
import dataclasses
import threading
import time

import numpy as np
import pytest

import tinyunet
from tests.grade.toys import LINE, NUMBERS, right, written_out
from tinyunet import grade
from tinyunet.grade import compare, desk, exercises
from tinyunet.grade.calling import TimeUp, within
from tinyunet.grade.checking import check
from tinyunet.grade.exercise import Mistake, Refused, gradient, pair, part, plain, value


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """A session in which nothing was tried, outside of any course."""
    for name in ("_passed", "_tries", "_rungs"):
        monkeypatch.setattr(desk, name, {})
    toys = {"line": LINE, "numbers": NUMBERS}
    load = exercises.load
    monkeypatch.setattr(exercises, "load", lambda name: toys[name] if name in toys else load(name))
    monkeypatch.chdir(tmp_path)


def result(answer, exercise=LINE):
    return desk.check_in(exercise.name, answer)


def test_right_is_passed():
    for answer in (right, written_out, lambda x, a, b=0: tinyunet.tensor(a * x + b), lambda *all: right(*all).tolist()):
        checked = check(dataclasses.replace(LINE, float32=False, properties=LINE.properties[:2]), answer)
        assert not checked.failures
    passed = result(right)
    assert passed
    assert (passed.passed, passed.score, passed.property, passed.mistake) == (True, 1.0, None, None)
    assert passed.message.startswith("line: passed, all 4 properties hold, on 48 inputs.")
    assert repr(passed) == passed.message


def test_the_verdict_names_property_input_element_and_mistake():
    failed = result(lambda x, a, b=0: a * x)
    assert not failed
    assert (failed.score, failed.property, failed.mistake) == (0.5, "start", "b forgotten")  # 2 of 4: also float32
    assert failed.inputs.keys() == {"x", "a", "b"}
    assert failed.inputs["b"] == 1  # the smallest
    first, second, here, given, element, *_ = failed.message.splitlines()
    assert first == "line: not yet. 2 of 4 properties hold. This one does not:"
    assert second == "  start: It begins at b."
    assert here == "On this input:"
    x = ", ".join(f"{v:g}" for v in failed.inputs["x"])
    assert given == f"  x = [{x}],  a = 2.0,  b = 1.0"
    must, yours = (f"{v:g}".replace("-", "−") for v in (2 * failed.inputs["x"][0] + 1, 2 * failed.inputs["x"][0]))
    assert element == f"y[0] must be {must}, and yours is {yours} (the first of 2 wrong elements, of 2)."
    assert "It is what this mistake gives: b forgotten. Add b." in failed.message


def test_a_law_is_checked_against_the_answer_itself():
    squares = check(dataclasses.replace(LINE, properties=LINE.properties[2:]), lambda x, a: x * x)
    assert [failure.of.name for failure in squares.failures] == ["even steps"]


def test_two_mistakes_that_give_the_same_are_both_told():
    twice = (*LINE.mistakes, dataclasses.replace(LINE.mistakes[0], name="b taken as 0"))
    checked = check(dataclasses.replace(LINE, mistakes=twice), lambda x, a, b=0: a * x)
    assert [m.name for m in checked.mistakes] == ["b forgotten", "b taken as 0"]
    assert "Each of these mistakes gives it" in desk.words.failed(LINE, checked)


def test_of_mistakes_that_fit_where_it_fails_those_are_told_that_fit_everywhere():
    doubled = Mistake("a forgotten, b doubled", "Neither is right.", lambda x, a, b=0: x + 2 * b)
    checked = check(dataclasses.replace(LINE, mistakes=(*LINE.mistakes, doubled)), lambda x, a, b=0: x + b)
    assert [m.name for m in checked.mistakes] == ["a forgotten"]


def test_a_mistake_is_one_only_if_it_explains_the_whole_property():
    def mixed(x, a, b=0):  # a forgotten on the smallest input alone
        return x + b if x.shape == (1, 3) else a * x + b + 1

    assert result(mixed).mistake is None


def test_a_mistake_among_others_is_still_told():
    def two(x, a, b=0):
        return a * x if b == 0 else a * x + 17 * b + x[0]

    assert result(two).mistake is None

    def wrong_in_both(x, a, b=0):  # the slope as one mistake has it, and a start that no mistake has
        return x + b if b == 0 else a * x + 7 * b

    assert result(wrong_in_both).mistake == "a forgotten"


@pytest.mark.parametrize(
    ("answer", "mistake", "said"),
    [
        (None, "not answered yet", "not answered yet: this is None."),
        (7, "not a function", "asked for is a function, and this is of the type int."),
        (np.ones(3), "not a function", "this is of the type ndarray"),
        (lambda x: x, "other arguments", "called with 2 arguments, (x, a), and yours takes (x)."),
        (lambda x, a, b, c: x, "other arguments", "and yours takes (x, a, b, c)."),
        (lambda x, a, b: x, "other arguments", "called with 2 arguments, (x, a), and yours takes (x, a, b)."),
        (lambda x, a, b=0: None, "nothing returned", "your line returns None"),
        (lambda x, a, b=0: 1 / 0, "raises an error", "your line raises ZeroDivisionError: division by zero, in line"),
        (lambda x, a, b=0: exit(), "raises an error", "ends the whole program with exit()"),
        (lambda x, a, b=0: "y", None, "y is a str, not an array of numbers."),
        (lambda x, a, b=0: {1, 2}, None, "y is a set, not an array of numbers."),
        (lambda x, a, b=0: [[1], [2, 3]], None, "y is made of rows of different lengths"),
        (lambda x, a, b=0: x * 1j, None, "y has complex numbers."),
        (lambda x, a, b=0: np.array([None]), None, "y is an array of object, not of numbers."),
        (lambda x, a, b=0: right, None, "y is a function, not an array."),
        (lambda x, a, b=0: (a * x, x), None, "must return y alone, and returns 2 things."),
        (lambda x, a, b=0: (a * x + b).sum(), None, "y must have the shape (1, 3), and yours has ()."),
        (lambda x, a, b=0: (a * x + b).T, None, "the axes stand in another order: .transpose(1, 0) puts them right."),
        (lambda x, a, b=0: (a * x + b).ravel(), None, "The numbers are right and in order, in another shape."),
        (lambda x, a, b=0: x * np.nan, None, "All that is wrong in y is nan or infinite"),
        (lambda x, a, b=0: 0 * x, None, "All of y is 0."),
        (lambda x, a, b=0: 2 * (a * x + b), None, "All of y is 2 times what it must be."),
        (lambda x, a, b=0: a * x + b - 0.5, None, "All of y is 0.5 too small."),
        (lambda x, a, b=0: (a * x + b).astype(np.float64), "another dtype", "makes float64 of float32"),
    ],
)
def test_everything_gets_a_sentence(answer, mistake, said):
    verdict = result(answer)
    assert not verdict
    assert verdict.mistake == mistake
    assert said in " ".join(verdict.message.split())
    assert verdict.checked == (answer is not None)


def test_an_input_may_not_be_written_to_unless_it_is_asked_for():
    def add_in_place(x, a, b=0):
        y = np.array(a * x + b)
        x += 1
        return y

    verdict = result(add_in_place)
    assert verdict.mistake == "writes to its input"
    assert "work on a copy, x.copy()" in " ".join(verdict.message.split())
    assert not check(dataclasses.replace(LINE, updates=("x",)), add_in_place).failures


def test_what_never_ends_is_stopped_and_the_rest_not_tried():
    calls = []

    def endless(x, a, b=0):
        calls.append(1)
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(0.001)

    before = threading.active_count()
    checked = check(dataclasses.replace(LINE, seconds=0.1), lambda x, a, b=0: loop())
    assert [failure.kind for failure in checked.failures] == ["does not end"]
    assert threading.active_count() == before  # nothing goes on in the background
    assert "is not ready after 0.1 seconds" in desk.words.failed(LINE, checked)
    start = time.monotonic()
    check(dataclasses.replace(LINE, seconds=0.05), endless)  # catches everything: it is left alone
    assert time.monotonic() - start < 3
    assert len(calls) == 1


def loop():
    while True:
        pass


def test_many_slow_calls_are_stopped_as_well():
    def slow(x, a, b=0):
        time.sleep(0.02)
        return a * x + b

    checked = check(dataclasses.replace(LINE, seconds=0.025), slow)
    assert [failure.kind for failure in checked.failures] == ["does not end"]
    assert "is slow" in checked.failures[0].words


def test_within_gives_and_raises_what_the_function_does():
    assert within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
    with pytest.raises(TimeUp):
        within(0.05, loop)


def test_a_context_is_the_same_inside():
    def recording(x, a, b=0):
        return a * x + b if not tinyunet.is_grad_enabled() else x * np.nan

    with tinyunet.no_grad():
        assert result(recording)
    assert not result(recording)


def test_what_is_printed_is_shown_for_the_input_that_fails_alone(capsys):
    def talking(x, a, b=0):
        print("b is", b)
        return a * x

    verdict = result(talking)
    assert capsys.readouterr().out == ""
    assert "It printed:\n  b is 1.0\n" in verdict.message
    assert verdict.message.count("b is") == 1


def test_it_is_printed_once_and_returned(capsys):
    verdict = grade("line", right)
    assert capsys.readouterr().out == f"{verdict.message}\n"
    verdict._ipython_display_()  # in the cell that printed it
    assert capsys.readouterr().out == ""
    other = desk.check_in("line", right)
    other._ipython_display_()
    assert capsys.readouterr().out == f"{other.message}\n"


# Numbers by hand


def test_numbers_are_not_told():
    assert result([1, 4, 9], NUMBERS)
    verdict = result([1, 4, 8], NUMBERS)
    assert verdict.score == 0.5
    assert "y[2] = 8 is not right." in verdict.message
    assert "9" not in verdict.message
    assert result([2, 4, 6], NUMBERS).mistake == "doubled"
    assert "function" in result(right, NUMBERS).message
    assert result(5, NUMBERS).mistake == "another form"
    assert result("149", NUMBERS).mistake is None
    assert not result(None, NUMBERS).checked
    assert "y has the shape (2,)" in result([1, 4], NUMBERS).message


# What depends on another exercise


def test_what_builds_on_something_open_is_not_checked(monkeypatch):
    monkeypatch.setattr(exercises, "load", lambda name: dataclasses.replace(LINE, name=name, needs=needs[name]))
    needs = {"line": (), "curve": ("line",)}
    waiting = desk.check_in("curve", lambda x, a, b=0: 1 / 0)
    assert (waiting.passed, waiting.checked, waiting.score, waiting.property) == (False, False, 0.0, None)
    assert waiting.message == "curve: not checked yet. It builds on line (tutorial 99): pass that first."
    assert desk.check_in("line", right)
    assert not desk.check_in("curve", lambda x, a, b=0: 1 / 0).passed
    assert desk.check_in("curve", right)


def test_an_exercise_that_there_is_not():
    with pytest.raises(ValueError, match="there is no exercise 'conv2'; did you mean 'conv2d'"):
        grade("conv2", right)
    with pytest.raises(ValueError, match=r"there is no exercise 'xyz'; there are .*conv2d"):
        grade.hint("xyz")


# Hints


def rungs(capsys, times, name="line"):
    said = []
    for _ in range(times):
        grade.hint(name)
        said.append(capsys.readouterr().out)
    return said


def test_hints_before_a_try_are_those_of_the_exercise(capsys):
    said = rungs(capsys, 4)
    assert said[0] == "line, hint 1 of 3\nMultiply first.\n"
    assert said[1].endswith("Then add.\n")
    assert "tinyunet/ops/elementwise.py" in said[2]
    assert said[3] == said[2]


def test_hints_after_a_try_lead_from_the_property_to_the_element(capsys):
    result(lambda x, a, b=0: a * x)
    first, second, *_ = rungs(capsys, 2)
    assert "These hold already: slope, even steps." in first
    assert "must be" in second
    assert 'line(*grade.inputs("line"))' in second
    _, a, b = grade.inputs("line")
    assert (a, b) == (2, 1)
    result(lambda x, a, b=0: a * x)  # the same again: the ladder goes on
    assert "hint 3" in rungs(capsys, 1)[0]
    result(lambda x, a, b=0: x)  # something else: from the start
    assert "hint 1" in rungs(capsys, 1)[0]
    result(right)
    assert "passed" in rungs(capsys, 1)[0]


def test_hints_show_the_window_and_its_products(capsys):
    def wrong(x, w, b, stride=1, padding=0):
        y = np.array(exercises.load("conv2d").solutions[0](x, w, b, stride, padding))
        y[..., -1] += 0.25
        return y

    desk.check_in("conv2d", wrong)
    _, _, into, products, *_ = rungs(capsys, 4, "conv2d")
    assert "is made of 3 terms, by this formula:\ny[n,o,i,j] = " in into
    x, _, _ = grade.inputs("conv2d")
    assert "Every product in it:" in products
    assert f"{x[0, 0, 0, 0]:g}×".replace("-", "−") in products.replace("(", "").replace(")", "")


def test_byhand_knows_more_mistakes():
    ours = exercises.load("conv2d").solutions[0]

    def transposed(x, w, b, stride=1, padding=0):
        square = w.transpose(0, 1, 3, 2) if w.shape[2] == w.shape[3] else w
        return ours(x, square, b, stride, padding)

    verdict = desk.check_in("conv2d", transposed)
    assert verdict.mistake == "kernel transposed"


def test_inputs_of_what_has_not_failed():
    with pytest.raises(ValueError, match="line: there is no input on which an answer has failed"):
        grade.inputs("line")


# The solution


def test_the_solution_is_shown_when_it_is_passed(capsys):
    tinyunet.solution("line")
    assert "when yours is right" in capsys.readouterr().out
    result(written_out)
    tinyunet.solution("line")
    out = capsys.readouterr().out
    assert "return a * x + b" in out
    assert "Ours has no loop." in out
    assert "tinyunet/ops/elementwise.py" in out


# Calls and comparisons


def square(x):
    return x * x, lambda dy: 2 * x * dy


def test_functions_that_return_their_backward():
    assert value(square, 3) == 9
    assert gradient(square, 3, 10) == 60
    assert part("b", "a", "b")(lambda x: [x, -x], 3) == -3
    assert plain(square, 3)[0] == 9
    for wrong, said in [(plain, "a int"), (lambda f, x: None, "None"), (lambda f, x: (1, 2), "a tuple")]:
        with pytest.raises(Refused, match=f"y and the function backward, and it returns {said}"):
            pair(wrong, lambda x: x, 1)
    with pytest.raises(Refused, match="must return 2 things, a, b, and it returns one int"):
        part("b", "a", "b")(lambda x: x, 3)


@pytest.mark.parametrize(
    ("came", "expected", "names", "words"),
    [
        ((1, 2), (1, 2), ("a", "b"), []),
        ([1, 2], (1, 3), ("a", "b"), ["b must be 3, and yours is 2"]),
        ((1,), (1, 3), ("a", "b"), ["must return 2 things, a, b, and returns 1 things"]),
        (None, (1, 3), ("a", "b"), ["must return 2 things, a, b, and returns one NoneType"]),
        ({"a": 1}, {"a": 1, "b": 2}, (), ["has no 'b'"]),
        ({"a": 1, "b": 3}, {"a": 1, "b": 2}, (), ["b must be 2, and yours is 3"]),
        (3, {"a": 1}, (), ["must be a dictionary with the keys 'a'"]),
        ("yes", "yes", ("y",), []),
        ("no", "yes", ("y",), ["y must be 'yes', and yours is 'no'"]),
        (1, True, ("y",), ["y must be True, and yours is 1"]),
        (1 + 1e-9, 1.0, ("y",), []),
        (1 + 1e-6, 1.0, ("y",), ["y must be 1, and yours is 1"]),
        (np.float32(1 + 1e-6), 1.0, ("y",), []),
        (np.nan, 1.0, ("y",), ["y must be 1, and yours is nan"]),
        (np.nan, np.nan, ("y",), []),
        (np.inf, np.inf, ("y",), []),
        (-np.inf, np.inf, ("y",), ["y must be inf, and yours is −inf"]),
        (np.zeros((0, 3)), np.zeros((0, 3)), ("y",), []),
    ],
)
def test_differences(came, expected, names, words):
    assert [d.words for d in compare.differences(came, expected, names)] == words


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda y: np.flip(y, (2, 3)), "Every map of y is turned by 180°"),
        (lambda y: np.flip(y, 2), "Every map of y is upside down"),
        (lambda y: np.flip(y, 3), "Every map of y is mirrored, left to right"),
        (lambda y: -y, "All of y is −1 times what it must be"),
        (lambda y: np.where(np.arange(4)[:, None, None] == 2, y + y**2, y), "All wrong elements stand in channel 2"),
        (
            lambda y: y + np.pad(np.zeros((1, 4, 3, 3)), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1),
            "All wrong elements stand at the border",
        ),
        (lambda y: np.where(np.arange(4)[:, None, None] >= 2, y + y**2, y), ""),
        (lambda y: y + np.arange(y.size).reshape(y.shape), ""),
    ],
)
def test_what_wrong_elements_share(change, pattern):
    y = np.random.default_rng(0).integers(1, 100, (1, 4, 5, 5)).astype(float)
    (difference,) = compare.differences(change(y), y, ("y",))
    assert difference.pattern == pattern


MUTANTS = {
    "grade.calling:within": [
        ("what is raised is lost", "raise raised[0] if raised else TimeUp", "raise TimeUp"),
        ("it runs in another context", "contextvars.copy_context().run, args=(work,)", "work"),
    ],
    "grade.calling:_stop": [("it goes on in the background", "range(10)", "range(0)")],
    "grade.calling:_called": [
        ("inputs may be written to", "not _same_bits(before, given[name])", "False"),
        ("what may be written may not", "name not in exercise.updates and ", ""),
        ("the program ends", "except BaseException as error", "except Exception as error"),
    ],
    "grade.calling:outcome": [("what is printed is printed", "redirect_stdout(printed)", "nullcontext()")],
    "grade.checking:_made": [
        ("of several mistakes that fit here, all are told", "tuple(everywhere or here)", "tuple(here)"),
        (
            "mistakes are not compared on the whole property",
            "here = _agreeing(exercise, failure.of, answer, known)",
            "here = known",
        ),
    ],
    "grade.checking:_failure": [("None is compared", "result.came is None and", "False and")],
    "grade.checking:_in_float32": [("float64 is let through", "np.float32 != came.dtype", "np.float32 == came.dtype")],
    "grade.checking:_by_hand": [("one input decides", "if name in found", "if True")],
    "grade.checking:_unusable": [("a class of numbers is called", "if not callable(answer):", "if False:")],
    "grade.compare:close_to": [
        ("nan is close to anything", "np.isnan(a) & np.isnan(b)", "np.isnan(a) | np.isnan(b)"),
        (
            "float32 is held to float64",
            "max(CLOSE.get(a.dtype, CLOSE_ELSE), CLOSE.get(b.dtype, CLOSE_ELSE))",
            "CLOSE_ELSE",
        ),
    ],
    "grade.compare:_only": [("any few are one", "len(places) == 1", "len(places) >= 1")],
    "grade.compare:_rearranged": [
        ("shapes are not compared", "turned.shape == b.shape and ", "turned.size == b.size and ")
    ],
    "grade.words:element": [
        ("numbers by hand are told", "difference.hidden if exercise.values", "difference.words if exercise.values")
    ],
    "grade.desk:_failed": [
        ("hints go on with another failure", "before.failures[0].of is not failure.of", "before.failures is None")
    ],
    "grade.desk:check_in": [("what it builds on does not matter", "if other not in passed()", "if False")],
    "grade.desk:solution": [("it is shown at once", "if name not in passed():", "if False:")],
    "grade.desk:hint": [("the same hint again", "_rungs[name] = rung + 1", "_rungs[name] = rung")],
    "grade.result:Result._ipython_display_": [("shown twice", "if (id(self), _cell()) != _printed[-1]:", "if True:")],
}
