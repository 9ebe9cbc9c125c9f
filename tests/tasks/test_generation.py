"""Sets beside sets: what the nearest neighbour tells, what noise becomes by a Gaussian, and everything at once."""

import numpy as np
import pytest

from tests.strategies import normal
from tinyunet.diffusion import times
from tinyunet.tasks.diffusion import RIGHT, DigitDiffusion, sheet
from tinyunet.tasks.generation import TOLD, Gaussian, squared_distances, told_apart
from tinyunet.tasks.points import Points, spiral
from tinyunet.tasks.task import UNET

pytestmark = pytest.mark.pictures


def test_the_nearest_neighbour_tells_what_it_can():
    a, b = normal(0, 600, 3), normal(1, 600, 3)
    assert told_apart(a, b) == pytest.approx(0.5, abs=0.05)
    assert told_apart(a, b + 10) == 1.0
    assert 0.6 < told_apart(a, 0.3 * b) < 0.95
    assert told_apart(a, a + 1e-3) < 0.01  # copies
    by_hand = np.array([[0.0], [1.0], [5.0]]), np.array([[2.5], [5.5], [5.6]])
    assert told_apart(*by_hand) == pytest.approx(4 / 6)  # 0 and 1 are near each other, 5.5 and 5.6 too


def test_distances_are_those_of_all_pairs():
    a, b = normal(0, 4, 1, 2, 2), normal(1, 3, 1, 2, 2)
    expected = [[((x - y) ** 2).sum() for y in b] for x in a]
    np.testing.assert_allclose(squared_distances(a, b), expected, rtol=1e-12)


def test_a_gaussian_has_the_mean_and_the_covariance():
    things = normal(0, 5000, 3) @ normal(1, 3, 3) + [1, 2, 3]
    made = Gaussian(things.reshape(-1, 1, 3, 1))(normal(2, 20_000, 1, 3, 1))
    assert made.shape == (20_000, 1, 3, 1)
    np.testing.assert_allclose(made.mean(axis=(0, 1, 3)), things.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(np.cov(made.reshape(-1, 3).T), np.cov(things.T), rtol=0.05, atol=0.1)


@pytest.mark.parametrize("kind", [Points, DigitDiffusion])
def test_answers_are_made_at_once_from_the_noise_of_each(kind):
    task = kind(fast=True)
    model = task.model(np.random.default_rng(0))
    methods = task.methods(model)
    for name, method in methods.items():
        answers = task.answers(method)
        assert len(answers) == len(task.held_out), name
        assert np.shape(answers[3]) == task.held_out[3].truth.shape
        alone = method(*(x[None] for x in task.held_out[3].inputs))
        np.testing.assert_allclose(alone[0], answers[3], atol=1e-4, err_msg=name)  # same noise, same thing
    assert np.std(np.stack(task.answers(methods[UNET]))) > 0


def test_the_way_is_seen_from_noise_to_the_picture():
    task = DigitDiffusion(fast=True)
    noise, classes = (np.stack([e.inputs[k] for e in task.held_out[:4]]) for k in (0, 1))
    model = task.model(np.random.default_rng(0))
    model.train()
    way = task.way(model, noise, classes, 1.0)
    assert [state.t for state in way] == times(task.sampling, 1000)
    np.testing.assert_array_equal(way[0].x, noise)
    np.testing.assert_array_equal(way[-1].x, task.predict(model, noise, classes))
    assert np.abs(way[-1].x).max() <= 1
    assert model.training


def test_digits_that_are_held_out_are_not_learnt_from_and_told_from_them_by_chance():
    task = DigitDiffusion()
    held_out = np.stack([e.truth for e in task.held_out])
    assert squared_distances(held_out, task.x).min() > 0.1
    assert len(held_out) == 599
    bound = [told_apart(task.x[k::2], held_out) for k in range(2)]
    assert np.mean(bound) == pytest.approx(0.5, abs=0.03)
    gaussian, by_class = (task.metric(task.answers(method)) for method in task.baselines().values())
    assert gaussian[TOLD] == pytest.approx(0.9, abs=0.05)
    assert by_class[TOLD] < gaussian[TOLD]
    assert by_class[RIGHT] > 0.9
    assert gaussian[RIGHT] < 0.2
    assert task.metric([e.truth for e in task.held_out])[RIGHT] > 0.97


def test_batches_are_of_noisy_digits_some_of_them_without_their_class():
    task = DigitDiffusion(fast=True)
    (x, t, classes), target, _ = task.batch(np.random.default_rng(0), 400)
    assert set(classes) == set(range(11))
    assert (classes == 0).mean() == pytest.approx(0.1, abs=0.04)
    x0, _ = task.diffusion.parts(target, x, t)
    given = classes > 0
    assert (task.judge.predict(x0.reshape(400, -1))[given] == classes[given]).mean() > 0.97
    assert squared_distances(x0, task.x).min(axis=1).max() < 1e-3


def test_guidance_is_asked_for_by_its_weight():
    task = DigitDiffusion(fast=True)

    class Model:
        def __call__(self, x, t, c):
            return c.reshape(-1, 1, 1, 1) * np.ones_like(x)

    x, classes = np.zeros((2, 1, 8, 8)), np.array([3, 4])
    for w in (0.0, 1.0, 2.0):
        y = np.asarray(task.denoise(Model(), classes, w)(x, np.array([5, 5])))
        np.testing.assert_array_equal(y[:, 0, 0, 0], w * classes)


def test_the_spiral_is_a_line_about_as_large_as_noise():
    x = spiral(20_000, np.random.default_rng(0))
    assert x.dtype == np.float32
    assert x.std() == pytest.approx(0.85, abs=0.15)
    assert np.abs(x.mean(axis=0)).max() < 0.4
    alone = np.sort(squared_distances(x[:300], x)[:, :], axis=1)[:, 20]
    assert alone.max() < 0.02  # everywhere close to others


def test_a_sheet_has_its_pictures_in_lines():
    pictures = np.arange(6).reshape(6, 1, 1, 1) * np.ones((1, 1, 2, 3))
    whole = sheet(list(pictures), across=3)
    assert whole.shape == (1, 5, 11)
    np.testing.assert_array_equal(whole[0, ::3, ::4], [[0, 1, 2], [3, 4, 5]])


MUTANTS = {
    "tasks.generation:told_apart": [
        ("each is its own neighbour", "np.fill_diagonal(distance, np.inf)", "pass"),
        ("the furthest of all", "argmin(axis=1)", "argmax(axis=1)"),
    ],
    "tasks.generation:squared_distances": [
        ("half of the product", "2 * a @ b.T", "a @ b.T"),
    ],
    "tasks.generation:Gaussian": [
        ("variances for standard deviations", "np.sqrt(np.maximum(values, 0))", "np.maximum(values, 0)"),
        ("around 0", "self.mean + noise", "noise"),
        ("turned the other way", "@ self.root.T", "@ self.root"),
    ],
    "tasks.generation:Generation.way": [
        ("values beyond their range", "clip=self.clip", "clip=None"),
        ("it stays in evaluation", "with model.evaluating():", "if model.eval():"),
    ],
    "tasks.diffusion:DigitDiffusion": [
        ("learns from what is held out", "= x[train], classes[train]", "= x, classes"),
        ("always with its class", "dropped(self.classes[chosen], rng)", "self.classes[chosen]"),
        ("the class of another digit", "dropped(self.classes[chosen]", "dropped(self.classes[chosen][::-1]"),
        ("another weight than asked for", "float(w))", "1.0)"),
    ],
    "tasks.diffusion:sheet": [
        ("columns for lines", ".transpose(0, 2, 1, 3)", ".transpose(1, 2, 0, 3)"),
    ],
    "tasks.points:spiral": [
        ("denser inside", "np.sqrt(rng.uniform(0.05, 1, n))", "rng.uniform(0.05, 1, n) ** 2"),
    ],
}  # fmt: skip
