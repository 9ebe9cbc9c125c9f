"""Grids are read as people type and paste them; what could mean more than one thing is refused, not guessed."""

import re

import numpy as np
import pytest

from tinyunet.byhand.arithmetic import numbers
from tinyunet.byhand.arithmetic.grids import read_grid, write_grid

SQUARE = [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # rows, channels, images
        ("1 2\n3 4", SQUARE),
        ("  1   2\r\n  3   4\r\n", SQUARE),
        ("1\u00a02\n3\u20094", SQUARE),  # blanks of other widths
        ("1 2\n\n \n3 4", [[[1, 2]], [[3, 4]]]),
        ("1\n---\n2", [[[[1]]], [[[2]]]]),
        ("1\n\n2\n---\n3\n\n4", [[[[1]], [[2]]], [[[3]], [[4]]]]),
        ("1 2 3", [1, 2, 3]),
        ("1\n2", [[1], [2]]),
        ("-7", -7),
        # tables
        ("1\t2\n3\t4", SQUARE),
        ("1,2\n3,4", SQUARE),
        ("1, 2,\n3 ,4,", SQUARE),
        ("1,2,3", [1, 2, 3]),
        ("1,0,-1\n1,0,-1", [[1, 0, -1]] * 2),
        ("1.5, -2\n3, 4", [[1.5, -2], [3, 4]]),
        # a semicolon ends a row
        ("1 2; 3 4", SQUARE),
        ("1 2;\n3 4;\n", SQUARE),
        ("1, 2; 3, 4", SQUARE),
        ("1,2;\n3,4;", SQUARE),
        ("1,2,3;4,5,6", [[1, 2, 3], [4, 5, 6]]),
        ("1 2; 3 4\n\n5 6; 7 8", [SQUARE, [[5, 6], [7, 8]]]),
        # a comma is that of a decimal beside blanks and tabs
        ("1,5 2,5", [1.5, 2.5]),
        ("1,5\t2\n-0,5\t1e2", [[1.5, 2], [-0.5, 100]]),
        ("1,5 2,5; 3,5 4,5", [[1.5, 2.5], [3.5, 4.5]]),
        ("1,125 0,5", [1.125, 0.5]),
        ("1,5E-03 2", [0.0015, 2]),
        # numbers
        ("−1 –2 -3 +4", [-1, -2, -3, 4]),
        ("1/2 -2/3", [1 / 2, -2 / 3]),
        ("1. .5 1e-3", [1, 0.5, 0.001]),
        # brackets
        ("[[1, 2], [3, 4]]", SQUARE),
        ("[[1,2],[3,4]]", SQUARE),
        ("[\n\t\t[1, 2],\n\t\t[3, 4]\n]", SQUARE),
        ("[[1. 2.]\n [3. 4.]]", SQUARE),
        ("[[1 2]\n [3 4]]", SQUARE),
        ("[[[1 2]]\n\n [[3 4]]]", [[[1, 2]], [[3, 4]]]),
        ("[(1, 2), (3, 4)]", SQUARE),
        ("(1, 2)", [1, 2]),
        ("[1, 2,3]", [1, 2, 3]),
        ("[7]", [7]),
        ("array([[1, 2],\n       [3, 4]], dtype=float32)", SQUARE),
        ("np.array([[1,2],[3,4]])", SQUARE),
        ("tensor([1, 2])", [1, 2]),
        ("tensor([[1., 2.]], device='cuda:0', grad_fn=<AddBackward0>)", [[1, 2]]),
        ("[1 2; 3 4]", SQUARE),
        ("[1,2;3,4];", SQUARE),
        ("[1 2;\n 3 4;]", SQUARE),
        ("[1;2]", [[1], [2]]),
    ],
)
def test_grids_as_they_are_typed_and_pasted(text, expected):
    np.testing.assert_array_equal(numbers.read_array(read_grid(text))[0], expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1, 2,5", "write a decimal with a point"),
        ("1,2,3 4,5,6", "write a decimal with a point"),
        ("1.234,5 2", "write a decimal with a point"),
        ("1,234 5,678", "write a decimal with a point"),  # thousands?
        ("1,5 2, 3", "write a decimal with a point"),
        ("[1,5 2,5]", "write a decimal with a point"),
        ("[[1,5 2,5]\n [3,5 4,5]]", "write a decimal with a point"),
        ("1;2;3", "write a line for each row"),
        ("1;2\n3;4", "write a line for each row"),
        ("1,5;2,5", "write a line for each row"),
        ("1 2;; 3 4", "a row of numbers is missing"),
        ("[1 2\n 3 4]", "end rows with a ;"),
        ("[[1; 2], [3; 4]]", "a ; ends a row in a single pair of brackets"),
        ("[1", "a [ without its ]"),
        ("1]", "a ] without its ["),
        ("[]]", "a ] without its ["),
        ("[1] [2]", "one pair of brackets must hold all"),
        ("array([1]) 2", "one pair of brackets must hold all"),
        ("[" * 99, "nested more than 8 deep"),
        ("1" * 101, "more than 100 characters"),
    ],
)
def test_what_is_unclear_is_refused(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_grid(text)


@pytest.mark.parametrize(
    "shape", [(), (1,), (3,), (1, 1), (1, 3), (2, 3), (1, 2, 3), (2, 1, 1), (2, 2, 1, 2), (1,) * 5]
)
def test_what_is_written_is_read(shape):
    grid = np.arange(np.prod(shape, dtype=int)).astype(str).reshape(shape).tolist()
    assert read_grid(write_grid(grid)) == grid


MUTANTS = {
    "byhand.arithmetic.grids:_lines": [
        ("thousands are decimals", " or all(map(THOUSANDS.fullmatch, words))", ""),
        ("a decimal and a list", "not all(map(DECIMAL.fullmatch, words)) or ", ""),
    ],
    "byhand.arithmetic.grids:_Brackets.values": [
        ("rows of one bracket run together", "rows if len(rows) > 1 else rows[0]", "sum(rows, [])"),
    ],
}
