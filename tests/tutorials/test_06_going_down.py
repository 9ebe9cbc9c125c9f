"""What the tutorial claims, and measures, holds."""

import runpy

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import byhand
from tutorials import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "06_going_down.py"))


def test_the_largest_keeps_lines_and_the_first_misses_them(tutorial):
    assert tutorial["largest"].max() == tutorial["largest"][:, 5].min() == 1
    assert 0 < tutorial["mean"].max() < 0.3
    assert tutorial["first"].max() == 0


def test_dark_lines_are_erased_by_the_largest(tutorial):
    dark = 1 - tutorial["lines"]
    assert F.max_pool2d(dark[None], 8).numpy().min() == 1
    assert F.avg_pool2d(dark[None], 8).numpy().min() < 1


def test_the_measured_receptive_field_is_that_of_the_table(tutorial):
    assert (tutorial["rows"].min(), tutorial["rows"].max()) == (18, 49)
    assert (tutorial["columns"].min(), tutorial["columns"].max()) == (18, 49)
    assert 10 < tutorial["times"] < 25


def test_140_pixels_and_a_formula_for_any_number_of_levels():
    block = ["conv:1,3,p=1", "conv:1,3,p=1"]
    for levels in range(1, 5):
        chain = byhand.size([*block, "pool:2"] * levels + block, (1, 256, 256))
        assert chain.receptive_field[0] == 9 * 2**levels - 4
    assert 9 * 2**4 - 4 == 140
    assert (9 * 2**6 - 4, 9 * 2**7 - 4) == (572, 1148)
    assert byhand.size(["conv:1,3,p=1"] * 70, (1, 256, 256)).receptive_field[0] == 141
    assert byhand.size(["conv:1,3,p=2,d=2"] * 10, (1, 256, 256)).receptive_field[0] == 41


def test_the_numbers_of_the_exercise_are_those_of_its_chain(tutorial):
    chain = byhand.size("conv:1,5 pool:2 conv:1,3 conv:1,3,stride=2 conv:1,3 pool:2", (1, 96, 96))
    assert tutorial["receptive_field"] == [max(axis.most for axis in field) for field in chain.fields()]


def test_a_move_by_eight_moves_the_deepest_map_by_one(tutorial):
    def pooled(picture):
        return F.max_pool2d(picture[None], 8).numpy()[0]

    picture = tutorial["picture"]
    np.testing.assert_array_equal(pooled(np.roll(picture, 8, axis=1)), np.roll(pooled(picture), 1, axis=1))
    assert (pooled(np.roll(picture, 1, axis=1)) == pooled(picture)).mean() == pytest.approx(0.6, abs=0.05)


def test_the_operations_of_the_learner_make_the_same_maps(tutorial):
    assert len(tutorial["mine"]) == len(tutorial["ours"]) == 2
    for mine, ours in zip(tutorial["mine"], tutorial["ours"], strict=True):
        np.testing.assert_array_equal(mine, ours)
