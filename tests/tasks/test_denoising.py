"""Denoising: the noise, its estimate, and baselines that are tuned on what is learnt from, in their best mode."""

import numpy as np
import pytest

from tinyunet.tasks import denoising
from tinyunet.tasks.denoising import SIGMAS, Denoising, estimated_noise, noisy

pytestmark = pytest.mark.pictures


@pytest.fixture(scope="module")
def task():
    return Denoising(fast=True)


@pytest.mark.parametrize("sigma", [0.05, 0.25])
def test_noise_has_the_deviation_that_the_map_says(sigma):
    truth = np.full((2, 1, 200, 200), 0.5, np.float32)
    x, level = noisy(truth, sigma, np.random.default_rng(0))
    assert x.dtype == level.dtype == np.float32
    assert (level == np.float32(sigma)).all()
    assert abs((x - truth).std() / sigma - 1) < 0.02
    assert abs((x - truth).mean()) < 0.02 * sigma


def test_the_target_is_the_noise_over_sigma_for_each_picture_of_a_batch(task):
    (x, level), target, weight = task.batch(np.random.default_rng(0), 16)
    assert weight is None
    assert ((level >= 0.05) & (level <= 0.25)).all()
    assert len(np.unique(level)) == 16
    np.testing.assert_allclose(target.std(axis=(1, 2, 3)), 1, atol=0.12)
    truth = x - level * target
    assert -1e-6 < truth.min() < truth.max() < 1 + 1e-6


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.2])
def test_the_noise_is_estimated_in_spite_of_edges_and_slopes(sigma):
    y, x = np.mgrid[:120, :150] / 150
    picture = 0.2 + 0.4 * x + 0.2 * y + 0.3 * (((x + y) * 4).astype(int) % 2)
    picture = picture + np.random.default_rng(0).normal(0, sigma, picture.shape)
    assert abs(estimated_noise(picture) / sigma - 1) < 0.08


def test_a_picture_of_yours_is_denoised_by_the_noise_that_it_has(task):
    levels = []

    class Model:
        multiple = 4

        def evaluating(self):
            return np.errstate()

        def __call__(self, x, level):
            levels.append(float(level.mean()))
            return self

        def numpy(self):
            return np.zeros((1, 1, 40, 40), np.float32)

    rng = np.random.default_rng(0)
    image = np.stack([0.5 + rng.normal(0, sigma, (40, 40)) for sigma in (0.06, 0.15)]).astype(np.float32)
    assert task.apply(Model(), image).shape == image.shape
    np.testing.assert_allclose(levels, np.repeat([0.06, 0.15], 8), rtol=0.15)


def test_baselines_are_tuned_on_what_is_learnt_from_and_in_the_best_mode(task, monkeypatch):
    import skimage.restoration

    seen, modes = [], set()
    real = skimage.restoration.denoise_nl_means

    def spy(x, **settings):
        seen.append(x)
        modes.add(settings["fast_mode"])
        return real(x, **settings)

    monkeypatch.setattr(skimage.restoration, "denoise_nl_means", spy)
    method = task.baselines()["non-local means"]
    assert modes == {False}
    tuned_on, seen = seen, []
    learnt_from = [denoising.middle(picture, 32)[0] for picture in task.train]
    for x in tuned_on:  # every one is a picture that is learnt from, with noise
        assert min(np.abs(x - truth).mean() for truth in learnt_from) < 0.8 * max(SIGMAS) * 1.05
    assert all(np.abs(x - e.truth[0, 16:48, 16:48]).mean() > 0.2 for x in tuned_on for e in task.held_out)
    monkeypatch.undo()
    assert method(*task.held_out[0].inputs).shape == task.held_out[0].truth.shape


def test_the_best_of_a_grid_is_taken_for_each_noise(task):
    def blend(x, sigma, share):  # with the mean of the picture: the more noise, the more
        return share * x.mean() + (1 - share) * x

    grid = [{"share": share} for share in np.linspace(0, 1, 21)]
    method = task.tuned(blend, grid)
    shares = []
    for sigma in SIGMAS:
        x = np.random.default_rng(0).normal(0.5, 0.1, (1, 40, 40)).astype(np.float32)
        y = method(x, np.full_like(x, sigma))
        shares.append(1 - (y - x.mean()).std() / x.std())
    assert 0.05 < shares[0] < shares[1] < 0.6


MUTANTS = {
    "tasks.denoising:noisy": [
        ("the variance for the deviation", "level * rng", "level**2 * rng"),
    ],
    "tasks.denoising:Denoising.batch": [
        ("one σ for the whole batch", "(n, 1, 1, 1)", "(1, 1, 1, 1)"),
        ("the noise itself", "(x - truth) / level", "x - truth"),
    ],
    "tasks.denoising:estimated_noise": [
        ("the deviation, into which edges go", "np.median(np.abs(diagonal)) / 0.6745", "diagonal.std()"),
        ("twice as much", "channel[1::2, 1::2]) / 2", "channel[1::2, 1::2])"),
    ],
    "tasks.denoising:Denoising.apply": [
        ("the noise of the first channel for all", "estimated_noise(channel)", "estimated_noise(image[0])"),
    ],
    "tasks.denoising:Denoising.baselines": [
        ("the fast mode of non-local means", "fast_mode=False", "fast_mode=True"),
    ],
    "tasks.denoising:Denoising.tuned": [
        ("tuned on what is held out", "in self.train[::", "in [e.truth for e in self.held_out][::"),
        ("one setting for all σ", "best[sigma])", "best[SIGMAS[0]])"),
        ("the worst of the grid", "max(grid", "min(grid"),
    ],
}
