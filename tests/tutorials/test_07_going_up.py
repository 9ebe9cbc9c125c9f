"""What tutorial 7 claims of its numbers."""

import runpy
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results():
    return runpy.run_path(str(Path(__file__).parents[2] / "tutorials" / "07_going_up.py"))


def test_the_learned_kernels_are_nearest_and_a_hill(results):
    two, four, six = (results["learned"][k] for k in (2, 4, 6))
    np.testing.assert_allclose(two, 1, atol=0.01)
    assert four[1:3, 1:3].min() > 0.7 > 0.2 > four[0].max()
    assert six[2:4, 2:4].min() > 0.8
    assert six[0, 1:5].max() < 0


def test_learned_is_a_little_better_than_fixed(results):
    errors = results["errors"]
    order = ["nearest", "bilinear", "learned 4×4", "learned 6×6"]
    assert sorted(order, key=errors.get, reverse=True) == order
    assert errors["learned 2×2"] == pytest.approx(errors["nearest"], abs=1e-3)


def test_only_a_kernel_that_the_stride_does_not_divide_draws_a_checkerboard(results):
    spread = {k: np.ptp(results["grow"](results["flat"], results["equal"](k))[0, 9:-9, 9:-9]) for k in (2, 3, 4)}
    assert spread[2] == spread[4] == 0
    assert spread[3] > 1
    for times, ratio in ((1, 4), (2, 9), (3, 25)):
        grown = results["grow"](np.ones((1, 12, 12)), results["equal"](3), times=times)[0]
        inside = grown[len(grown) // 3 : -len(grown) // 3, len(grown) // 3 : -len(grown) // 3]
        assert inside.max() / inside.min() == pytest.approx(ratio)
    np.testing.assert_allclose(results["smooth"], 1)
    assert np.ptp(results["up"]) > 0.5
