"""Super-resolution: pictures made small, bicubic interpolation, and the best linear one."""

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet.tasks.superresolution import LACKING, SuperResolution, bicubic, even, halved

pytestmark = pytest.mark.pictures


@pytest.fixture(scope="module")
def task():
    return SuperResolution(fast=True)


def keys(x):
    """The kernel of Keys 1981, equation 4, with a = −½, between neighbours, and up to two pixels away."""
    x = abs(x)
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2


def test_bicubic_interpolation_is_that_of_keys():
    small = np.random.default_rng(0).random((1, 9, 8)).astype(np.float32)
    # The middles of the pixels 2i and 2i + 1 of the large picture lie ¼ before and behind that of the small pixel i.
    A = np.zeros((18, 9))
    for i in range(9):
        for at, k in ((2 * i, i - 0.25), (2 * i + 1, i + 0.25)):
            for j in range(i - 2, i + 3):
                if 0 <= j < 9 and abs(k - j) < 2:
                    A[at, j] = keys(k - j)
    expected = A @ small[0].astype(np.float64) @ A[:16, :8].T
    np.testing.assert_allclose(bicubic(small)[0, 4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-6)


def test_what_is_learnt_is_what_bicubic_interpolation_lacks(task):
    (small,), target, weight = task.batch(np.random.default_rng(0), 4)
    assert weight is None
    assert small.shape == (4, 1, 16, 16)
    truth = target * LACKING + np.stack([bicubic(x) for x in small])
    np.testing.assert_allclose(halved(truth), small, atol=1e-6)


def test_the_best_linear_filter_is_better_than_bicubic_on_what_it_was_fitted_to(task):
    methods = task.baselines()
    errors = {key: np.mean([np.square(f(halved(x)) - x).mean() for x in task.train]) for key, f in methods.items()}
    assert errors["best linear 7×7"] < 0.95 * errors["bicubic"]


def test_the_best_linear_filter_knows_only_what_is_learnt_from(task, monkeypatch):
    before = task.baselines()["best linear 7×7"](task.held_out[0].inputs[0])
    monkeypatch.setattr(task, "held_out", [])
    after = task.baselines()["best linear 7×7"](SuperResolution(fast=True).held_out[0].inputs[0])
    np.testing.assert_array_equal(before, after)


def test_odd_rows_and_columns_are_left_out():
    x = np.arange(5.0 * 7).reshape(1, 5, 7)
    np.testing.assert_array_equal(even(x), x[:, :4, :6])
    np.testing.assert_allclose(halved(x[:, :2, :2]), [[[4.0]]])
    np.testing.assert_allclose(halved(even(x)), F.avg_pool2d(x[None, :, :4, :6], 2).numpy()[0])


def test_colours_are_enlarged_one_by_one(task):
    image = np.random.default_rng(0).random((3, 16, 16)).astype(np.float32)
    model = task.model(np.random.default_rng(0))
    np.testing.assert_allclose(task.apply(model, image)[1:2], task.predict(model, image[1:2]))


MUTANTS = {
    "tasks.superresolution:bicubic": [
        ("bilinear", "BICUBIC", "BILINEAR"),
        ("Lanczos", "BICUBIC", "LANCZOS"),
    ],
    "tasks.superresolution:halved": [
        ("each second pixel", ".mean(axis=(-3, -1))", "[..., 0, :, 0]"),
    ],
    "tasks.superresolution:even": [
        ("height for width", "picture.shape[2] // 2", "picture.shape[1] // 2"),
    ],
    "tasks.superresolution:SuperResolution.batch": [
        ("not divided by the size of what is lacking", ") / LACKING", ")"),
    ],
    "tasks.superresolution:SuperResolution.baselines": [
        (
            "fitted to another order of the pixels",
            "F.pixel_unshuffle(x, 2).numpy()",
            "F.pixel_unshuffle(x, 2).numpy()[::-1]",
        ),
        ("fitted to what is held out", "for x in self.train)", "for x in [e.truth for e in self.held_out])"),
    ],
    "tasks.superresolution:SuperResolution.apply": [
        ("the first channel for all", "channel[None]", "image[:1]"),
    ],
}
