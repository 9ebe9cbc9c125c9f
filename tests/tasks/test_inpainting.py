"""Inpainting photographs: where the strokes are, what is learnt, and what of a picture of one's own is replaced."""

import numpy as np
import pytest

from tinyunet.data import DataError
from tinyunet.tasks.inpainting import LACKING, Retouching, biharmonic, scribbles
from tinyunet.tasks.photographs import patches

pytestmark = pytest.mark.pictures


@pytest.fixture(scope="module")
def task():
    return Retouching(fast=True)


@pytest.fixture(scope="module")
def model(task):
    return task.model(np.random.default_rng(0))


def test_strokes_and_words_hide_a_share_of_the_pixels_and_not_much_more():
    rng = np.random.default_rng(0)
    shares = [scribbles((64, 80), rng).mean() for _ in range(20)]
    assert 0.15 <= min(shares) < max(shares) < 0.35
    first, second = scribbles((64, 80), rng)[0], scribbles((64, 80), rng)[0]
    assert first.shape == (64, 80)
    assert set(np.unique(first)) == {0, 1}
    assert (first != second).any()


def test_the_smoothest_surface_continues_a_plane():
    plane = np.add.outer(np.arange(20), 2 * np.arange(20))[None] / 60
    hole = np.zeros((1, 20, 20), np.float32)
    hole[:, 6:10, 9:14] = 1
    np.testing.assert_allclose(biharmonic(plane * (1 - hole), hole), plane, atol=1e-4)


def test_what_is_learnt_is_what_the_smoothest_surface_lacks(task):
    (seen, hole), target, weight = task.batch(np.random.default_rng(0), 3)
    smooth = seen / 4 + 0.5
    photographs = patches(task.train, np.random.default_rng(0), 3, task.size)  # which are drawn first
    np.testing.assert_allclose(smooth[hole == 0], photographs[hole == 0], atol=1e-6)
    truth = smooth + LACKING * target
    np.testing.assert_array_equal(weight, hole)
    np.testing.assert_allclose(truth[hole == 0], smooth[hole == 0], atol=1e-5)
    for k in range(3):
        np.testing.assert_allclose(smooth[k], biharmonic(truth[k] * (1 - hole[k]), hole[k]), atol=1e-4)


def test_only_what_is_white_is_replaced(task, model):
    image = np.random.default_rng(0).uniform(0.2, 0.6, (3, 24, 30)).astype(np.float32)
    image[:, 8:11, 5:20] = 1
    image[0, 15, 15] = 1  # red is not white
    answer = task.apply(model, image)
    changed = (answer != image).all(axis=0)
    assert changed[8:11, 5:20].all()
    assert changed.sum() == 45
    np.testing.assert_array_equal(answer[0, 15, 15], 1)


@pytest.mark.parametrize(("brightness", "what"), [(0.5, "nothing"), (1.0, "all")])
def test_without_anything_white_or_anything_else_there_is_nothing_to_replace(task, model, brightness, what):
    with pytest.raises(DataError, match=f"{what} of the picture is perfectly white; paint white over"):
        task.apply(model, np.full((1, 20, 20), brightness, np.float32))


MUTANTS = {
    "tasks.inpainting:scribbles": [
        ("half as many as asked for", "< share", "< share / 2"),
    ],
    "tasks.inpainting:biharmonic": [
        ("fills all but the hole", "hole[0] == 1", "hole[0] == 0"),
    ],
    "tasks.inpainting:Retouching.batch": [
        ("on another scale than in use", "scaled(smooth)", "smooth"),
        (
            "the surface knows what it is to fill",
            "zip(x * (1 - hole), hole, strict=True)",
            "zip(x, 0 * hole, strict=True)",
        ),
        ("learns the picture", "(x - smooth) / LACKING", "x"),
    ],
    "tasks.inpainting:Retouching.apply": [
        ("what is bright in any colour is replaced", "np.all", "np.any"),
        ("what is all white goes on to a library that fails", "hole.min() == hole.max()", "not hole.max()"),
    ],
}
