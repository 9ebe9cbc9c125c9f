"""Guidance: which weight means what, and that it is the same for every kind of prediction."""

import numpy as np
import pytest

from tests.strategies import normal
from tinyunet import tensor
from tinyunet.diffusion import KINDS, Diffusion, cosine, dropped, guided, sample


class Model:
    """Answers that depend on picture, time and condition, and a count of what was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, x, t, condition):
        self.asked.append(len(x))
        condition = condition.reshape(len(x), -1).mean(axis=1)[:, None]
        return tensor(x * 2 + t[:, None] / 100 + np.sin(condition) * x**2)


X, T = normal(0, 3, 4), np.array([5, 6, 7])


@pytest.mark.parametrize("condition", [np.array([3, 1, 2]), np.array([[3, 1], [2, 2], [0, 5]])])
def test_the_weights_0_and_1_are_without_and_with_the_condition(condition):
    model = Model()
    without, given = model(X, T, 0 * condition).numpy(), model(X, T, condition).numpy()
    for w in (0, 1, 1.0, 3, 0.5, -1):
        np.testing.assert_allclose(guided(model, condition, w)(X, T), without + w * (given - without), atol=1e-12)
    assert model.asked == [3, 3, 3, 3, 3, 6, 6, 6]  # one batch, and nothing that is not needed


def test_ho_and_salimans_weight_is_one_less():
    condition, model = np.array([3, 1, 2]), Model()
    without, given = model(X, T, 0 * condition).numpy(), model(X, T, condition).numpy()
    np.testing.assert_allclose(guided(model, condition, 3)(X, T), (1 + 2) * given - 2 * without, rtol=1e-12)


@pytest.mark.parametrize("other", KINDS)
def test_it_is_the_same_for_every_kind_of_prediction(other):
    """Answers of a `v` network, told as those of another kind, guided, and told as v again."""
    condition, model = np.array([3, 1, 2]), Model()
    v, kind = Diffusion(cosine(), "v"), Diffusion(cosine(), other)

    def told(x, t, c):
        return kind.target(*v.parts(model(x, t, c).numpy(), x, t), t)

    one = v.parts(np.asarray(guided(model, condition, 2.5)(X, T)), X, T)
    two = kind.parts(np.asarray(guided(told, condition, 2.5)(X, T)), X, T)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_it_makes_the_condition_more_certain():
    """Numbers of two classes around −1 and 1, all answers exact: guided, they lie further from the other class."""
    diffusion, spread = Diffusion(cosine(), "x0"), 0.6

    def model(x, t, condition):
        alpha, sigma = diffusion.schedule.at(t, x)
        variance = (alpha * spread) ** 2 + sigma**2
        means = [m + alpha * spread**2 * (x - alpha * m) / variance for m in (-1, 1)]
        p = 1 / (1 + np.exp(-2 * alpha * x / variance))  # of the class around 1
        by_condition = np.stack([(1 - p) * means[0] + p * means[1], *means])
        return by_condition[condition, np.arange(len(x))]

    c = np.full(4000, 2)
    y = [sample(diffusion, guided(model, c, w), (4000, 1), np.random.default_rng(1), 50) for w in (0, 1, 4)]
    assert abs(y[0].mean()) < 0.1
    assert y[1].mean() == pytest.approx(1, abs=0.05)
    assert (y[1] < 0).mean() > 0.03
    assert (y[2] < 0).mean() < 0.005


def test_what_is_dropped_is_whole_and_as_often_as_asked():
    words = np.arange(1, 40_001).reshape(10_000, 4)
    found = dropped(words, np.random.default_rng(0), 0.2)
    gone = (found == 0).all(axis=1)
    assert gone.mean() == pytest.approx(0.2, abs=0.02)
    np.testing.assert_array_equal(found[~gone], words[~gone])
    classes = np.ones(1000, int)
    assert dropped(classes, np.random.default_rng(0), 0.5).shape == (1000,)
    assert (dropped(classes, np.random.default_rng(0), 0) == 1).all()


MUTANTS = {
    "diffusion.guidance:guided": [
        ("the sign of the guidance", "without + w * (given - without)", "without + w * (without - given)"),
        ("Ho and Salimans' weight", "without + w *", "given + w *"),
        ("with and without exchanged", "[nothing, condition]", "[condition, nothing]"),
        ("w = 0 is conditional", "condition if w else nothing", "condition"),
        ("the condition of others", "np.zeros_like(condition)", "np.ones_like(condition)"),
    ],
    "diffusion.guidance:dropped": [
        ("kept as often as it should be dropped", "< p", ">= p"),
        ("one for all", "rng.random(len(condition))", "rng.random(1).repeat(len(condition))"),
    ],
}  # fmt: skip
