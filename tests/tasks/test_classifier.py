"""The classifier: two sets held out, digits varied, a digit cut out of a picture, baselines tuned."""

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import DataError
from tinyunet.tasks.classifier import Digits, cut_out, varied
from tinyunet.tasks.photographs import digits

pytestmark = pytest.mark.pictures


@pytest.fixture(scope="module")
def task():
    return Digits(fast=True)


def test_no_digit_is_in_two_sets_and_other_writers_are_the_last_third():
    task = Digits()
    x, _ = digits("classifier")
    sets = {"learnt": [a.tobytes() for a in task.x]}
    for example in task.held_out:
        sets.setdefault(example.name, []).append(example.inputs[0].tobytes())
    assert {name: len(those) for name, those in sets.items()} == {
        "learnt": 799, "random third": 399, "other writers": 599,
    }  # fmt: skip
    assert not set(sets["learnt"]) & {*sets["random third"], *sets["other writers"]}
    assert sets["other writers"] == [a.tobytes() for a in x[1198:]]


def test_digits_are_varied_around_their_middle():
    x = np.zeros((500, 1, 8, 8), np.float32)
    x[:, :, 3:5, 3:5] = 1
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(varied(x, rng, 0, 0, 0), x, atol=1e-6)
    moved = varied(x, rng)
    assert moved.dtype == np.float32
    mass = moved.sum(axis=(0, 1))
    places = np.arange(8) - 3.5
    assert abs((mass.sum(axis=1) * places).sum() / mass.sum()) < 0.1
    assert abs((mass.sum(axis=0) * places).sum() / mass.sum()) < 0.1
    assert (np.abs(moved - x).max(axis=(1, 2, 3)) > 0.05).mean() > 0.9


def test_turning_is_by_at_most_so_much_and_both_ways():
    x = np.zeros((400, 1, 8, 8), np.float32)
    x[:, :, 3:5, :] = 1  # a bar
    turned = varied(x, np.random.default_rng(0), 0.25, 0, 0)
    right, left = turned[:, 0, :, 6], turned[:, 0, :, 1]
    rise = (right - left) @ np.arange(8) / 2 / 5  # rows between both ends over columns between both ends
    assert 0.2 < rise.max() < 0.3
    assert -0.3 < rise.min() < -0.2


@pytest.mark.parametrize("dark_on_light", [False, True])
@pytest.mark.parametrize("size", [(120, 90), (64, 200)])
def test_a_digit_is_cut_out_whatever_is_around_it(dark_on_light, size):
    x, _ = digits("classifier")
    three = x[3, 0]
    drawn = three[:, three.max(axis=0) > 0.4] / three.max()
    large = np.asarray(Image.fromarray(drawn).resize((4 * drawn.shape[1], 32), Image.Resampling.NEAREST))
    picture = np.zeros(size, np.float32)
    picture[20:52, 30 : 30 + large.shape[1]] = large
    found = cut_out(1 - 0.9 * picture if dark_on_light else 0.1 + 0.8 * picture)
    assert found.shape == (8, 8)
    assert found.dtype == np.float32
    around = (8 - drawn.shape[1]) // 2
    np.testing.assert_allclose(found[:, around : around + drawn.shape[1]], drawn, atol=0.02)
    assert found.sum() == pytest.approx(drawn.sum(), rel=0.02)


def test_an_empty_sheet_is_refused_in_a_sentence(task):
    with pytest.raises(DataError, match="there is nothing drawn on this picture, it is the same everywhere"):
        task.apply(task.model(np.random.default_rng(0)), np.full((3, 40, 40), 0.7, np.float32))


def test_what_is_said_of_a_picture(task):
    class Sure:
        def evaluating(self):
            return np.errstate()

        def __call__(self, x):
            assert x.shape == (1, 1, 8, 8)
            return np.array([[0, 0, 0, 9.0, 0, 0, 0, 0, 0, 0]])

    picture = np.zeros((1, 20, 20), np.float32)
    picture[0, 5:15, 8:10] = 1
    assert task.apply(Sure(), picture) == "It is a 3, by a probability of 100%."


def test_settings_are_chosen_on_the_last_quarter_of_what_is_learnt(task):
    fits, scored = [], []

    class Kind:
        def __init__(self, C):
            self.C = C

        def fit(self, x, labels):
            fits.append((self.C, len(x)))
            assert any(np.array_equal(x[0], y.ravel()) for y in task.x[:1])
            return self

        def score(self, x, labels):
            scored.append((self.C, len(x)))
            np.testing.assert_array_equal(labels, task.labels[len(task.x) * 3 // 4 :])
            return -abs(self.C - 2)

        def predict(self, x):
            return [self.C]

    method = task.tuned(Kind, [{"C": c} for c in (1, 2, 3)])
    n = len(task.x)
    assert fits == [(1, n * 3 // 4), (2, n * 3 // 4), (3, n * 3 // 4), (2, n)]
    assert scored == [(c, n - n * 3 // 4) for c in (1, 2, 3)]
    assert method(task.x[0]) == 2


MUTANTS = {
    "tasks.classifier:Digits.__init__": [
        ("the random third is learnt from, too", "self.labels = x[learnt]", "self.labels = x[:others]"),
        ("other writers at random", "permutation(others), [", "permutation(len(x))[:others], ["),
    ],
    "tasks.classifier:varied": [
        ("turned about the corner", "places = np.array", "places = 0 * np.array"),
        ("never turned", "rng.uniform(-turn, turn, N)", "0 * rng.uniform(-turn, turn, N)"),
        ("moved to one side", "rng.uniform(-move, move, (2, N, 1))", "rng.uniform(0, move, (2, N, 1))"),
        ("pixels next to those meant", "down, right, k = y - top, z - left", "down, right, k = z - left, y - top"),
    ],
    "tasks.classifier:cut_out": [
        ("always taken for light on dark", "else 1 - grey", "else grey"),
        ("stretched to a square", "max(round(8 * n / max(box.shape)), 1) for n", "8 for n"),
        ("in the corner", "((8 - n) // 2, 8 - n - (8 - n) // 2)", "(0, 8 - n)"),
        ("not as bright as the digits", "(box - light.min()) / (light.max() - light.min())", "box - light.min()"),
    ],
    "tasks.classifier:Digits.tuned": [
        ("the first of the grid", "max(grid, key=share)", "grid[0]"),
        ("not fitted again to all", "fit(x, labels)", "fit(x[:first], labels[:first])"),
        ("judged by what it was fitted to", "score(x[first:], labels[first:])", "score(x[:first], labels[:first])"),
    ],
}
