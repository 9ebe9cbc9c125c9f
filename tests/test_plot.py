"""Figures show what they are given."""

import numpy as np
import pytest
from PIL import Image

from tinyunet import plot


def test_running_mean_against_a_loop():
    values = np.random.default_rng(0).random(30)
    by_loop = [values[max(0, i - 3) : i + 4].mean() for i in range(30)]
    np.testing.assert_allclose(plot.running_mean(values, 7), by_loop)


def test_the_training_curve_shows_every_loss_and_score():
    figure = plot.training_curve([3.0, 2.0, 1.0], [(2, {"dice": 0.4}), (3, {"dice": 0.6})])
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [3.0, 2.0, 1.0])
    np.testing.assert_array_equal(right.lines[0].get_xydata(), [[2, 0.4], [3, 0.6]])
    assert "dice" in right.get_ylabel()
    assert right.texts[0].get_text() == "0.600"


def test_without_scores_there_is_one_scale():
    assert len(plot.training_curve([1.0], []).axes) == 1


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("b.jpg", "JPEG")])
def test_save(tmp_path, name, kind):
    plot.save(plot.training_curve([1.0, 2.0], []), tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind
        assert picture.size == (1050, 600)
    assert [file.name for file in tmp_path.iterdir()] == [name]
