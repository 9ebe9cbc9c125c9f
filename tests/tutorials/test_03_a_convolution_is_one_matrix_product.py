"""What the tutorial claims, and measures, holds."""

import runpy

import numpy as np
import pytest

import tinyunet.functional as F
from tutorials import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "03_a_convolution_is_one_matrix_product.py"))


def test_the_matrix_product_is_faster_by_hundreds(tutorial):
    at_64 = tutorial["at_64"]
    assert at_64["loops"] > 100 * at_64["im2col"]
    assert at_64["loops"] > 100 * at_64["engine"]


def test_the_loops_take_four_times_as_long_for_four_times_the_pixels(tutorial):
    loops = tutorial["measured"]["loops"]
    assert 2.5 < loops[3] / loops[2] < 6.5


def test_a_loop_does_a_few_million_multiplications_in_a_second(tutorial):
    assert 5e5 < 8 * 8 * 9 * 64 * 64 / tutorial["at_64"]["loops"] < 2e7


def test_the_function_of_the_solution_is_a_convolution(tutorial):
    rng = np.random.default_rng(1)
    x, w, b = rng.normal(size=(2, 3, 8, 9)), rng.normal(size=(4, 3, 2, 3)), rng.normal(size=4)
    y = tutorial["conv2d"](x, w, b, stride=2, padding=1)
    np.testing.assert_allclose(y, F.conv2d(x, w, b, stride=2, padding=1).numpy(), atol=1e-12)


def test_the_arithmetic_of_the_exercise(tutorial):
    assert tutorial["right"] == 64 * 570 * 570 * 9


def test_what_is_said_of_the_article_is_true():
    """Its second layer: 64 channels of 570×570, without padding."""
    assert round(64 * 570 * 570 * 4 / 1e6) == 83
    assert round(64 * 9 * 568 * 568 * 4 / 1e6) == 743


def test_another_way_to_make_columns(tutorial):
    x = np.random.default_rng(2).normal(size=(2, 3, 6, 7))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    assert windows.shape == (2, 3, 4, 5, 3, 3)
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(2, 27, 20)
    np.testing.assert_array_equal(columns, tutorial["im2col"](x, 3))
