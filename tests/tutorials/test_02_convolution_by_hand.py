"""The exercises of the convolution by hand know right from wrong."""

import runpy

import nbformat
import numpy as np
import pytest

from tutorials import make

SOURCE = make.FOLDER / "02_convolution_by_hand.py"


@pytest.fixture(scope="module")
def convolution():
    return runpy.run_path(str(SOURCE))


EXERCISES = {
    "exercise_1": ((1, 0), 4),
    "exercise_2": (None, [[8, -2], [9, 1]]),
    "exercise_3": (None, [[4, 14], [6, 9]]),
    "exercise_4": ((0, 0, 0), 12),
    "exercise_5": (None, [[-2, 5], [4, 3]]),
}


def asked(exercise, at):
    return exercise if at is None else exercise.at(*at)


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_knows_right_from_none(convolution, name, capsys):
    at, right = EXERCISES[name]
    convolution["check"](asked(convolution[name], at), right)
    convolution["check"](asked(convolution[name], at), None)
    assert capsys.readouterr().out == "right\nnot answered yet\n"


def test_the_notebook_gives_no_answer_away(convolution):
    notebook = nbformat.read(make.stored(SOURCE), as_version=4)
    cells = [cell for cell in notebook.cells if "answer = " in cell.source]
    for (name, (at, _)), cell in zip(EXERCISES.items(), cells, strict=True):
        assert "answer = None  # yours" in cell.source
        assert f"check({name}{f'.at({str(at)[1:-1]})' if at else ''}, answer)" in cell.source
        assert [output.text for output in cell.outputs] == ["not answered yet\n"]


@pytest.mark.parametrize(
    ("number", "wrong", "mistake"),
    [
        (1, 1 * 0 - 1 * 5 + 1 * 4 + 3 * 2, "kernel flipped"),
        (1, 3 * 1 - 1 * 5 + 1 * 4 + 0 * 2, "kernel transposed"),
        (1, 3 * 1 + 1 * 5 + 1 * 4 + 0 * 2, "zero or negative weight skipped"),
        (2, [[8, 3, -2], [0, 12, 6], [9, -3, 1]], "stride forgotten"),
        (2, [[6, 0], [2, 9]], "kernel flipped"),
        (3, [[15, 18], [21, 24]], "edge padding"),
        (3, [[9, 1], [12, 6]], "kernel flipped"),
        (4, 12 - 3, "bias forgotten"),
        (4, 12 + 3, "bias added per channel"),
        (4, 15 + 3, "one channel skipped"),
        (5, [[-2, 3, 9], [8, 8, 7], [2, 4, 1]], "dilation off by one"),
        (5, [[-2, 11, 5, 3], [-1, -3, 14, 15], [4, 7, 3, 7], [6, 10, 7, 5]], "stride forgotten"),
        (5, [[-3]], "padding forgotten"),
        (5, [[2, 5], [6, 2]], "kernel flipped"),
    ],
)
def test_a_wrong_answer_gets_its_mistake_named(convolution, number, wrong, mistake):
    at, _ = EXERCISES[f"exercise_{number}"]
    verdict = asked(convolution[f"exercise_{number}"], at).check(wrong)
    assert not verdict
    assert [m.name for m in verdict.mistakes] == [mistake]


def test_the_example_is_the_one_that_is_worked_everywhere(convolution):
    image, w = convolution["x"], convolution["w"]
    np.testing.assert_array_equal(image[0], [[10, 10, 0, 0]] * 4)
    np.testing.assert_array_equal(image[1], np.full((4, 4), 5))
    np.testing.assert_array_equal(w[0, 0], [[1, 0, -1]] * 3)
    assert w[0, 1].sum() == w[0, 1, 1, 1] == 1


def test_what_is_said_of_the_changes_is_true(convolution):
    """Those of "What you should have seen" that are numbers."""
    byhand, edge, address = convolution["byhand"], convolution["edge"], convolution["address"]
    nine_fives = np.stack([edge, np.ones((3, 3))])[None]
    np.testing.assert_array_equal(byhand.conv2d(convolution["x"], nine_fives).result, np.full((1, 2, 2), 75))
    assert byhand.conv2d(np.triu(np.full((5, 5), 9)), edge).result.min() == -18
    moved = byhand.conv2d(address, [[0, 0, 0], [1, 0, 0], [0, 0, 0]], padding=1).result
    np.testing.assert_array_equal(moved, np.pad(address, [(0, 0), (1, 0)])[:, :-1])
    assert convolution["size"](6, 5, p=2) == 6
    assert {convolution["size"](6, 2, p=p) for p in (0, 1)} == {5, 7}
