"""Noise comes in as the papers say: closed forms, chains of single steps, and densities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import normal
from tinyunet.diffusion import Schedule, cosine, from_betas, linear, straight
from tinyunet.diffusion.schedule import noise_like

SCHEDULES = {"linear": linear(), "cosine": cosine(), "straight": straight(), "shifted": cosine().shifted(0.5)}
schedules = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))
anything = st.sampled_from(list(SCHEDULES.values()))


@schedules
def test_a_schedule_goes_from_the_picture_to_noise(schedule):
    assert schedule.T == 1000
    assert (schedule.alpha[0], schedule.sigma[0]) == (1, 0)
    assert schedule.alpha[-1] < 0.01
    assert schedule.sigma[-1] > 0.99
    assert (np.diff(schedule.alpha) < 0).all()
    assert (np.diff(schedule.sigma) >= 0).all()
    np.testing.assert_allclose(schedule.alpha**schedule.power + schedule.sigma**schedule.power, 1, rtol=1e-12)


def test_linear_is_that_of_ho_et_al():
    beta = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(linear().alpha[1:] ** 2, np.cumprod(1 - beta), rtol=1e-10)
    assert linear(100).alpha[-1] ** 2 == pytest.approx(4e-5, rel=0.8)  # also in fewer steps next to nothing is left


def test_cosine_is_that_of_nichol_and_dhariwal():
    def f(t):
        return np.cos((t / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2

    t = np.arange(1, 998)
    np.testing.assert_allclose(cosine().alpha[t] ** 2, f(t) / f(0), rtol=1e-10)
    assert cosine().alpha[1000] ** 2 == pytest.approx(0.001 * cosine().alpha[999] ** 2)  # the β that is held at 0.999


def test_straight_is_straight():
    np.testing.assert_allclose(straight(4).alpha, [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(straight(4).sigma, [0, 0.25, 0.5, 0.75, 1])


def test_a_shift_moves_log_snr():
    t = np.arange(1, 1000)
    for schedule in (cosine(), linear()):
        before, after = (np.log(s.alpha[t] ** 2 / s.sigma[t] ** 2) for s in (schedule, schedule.shifted(128 / 64)))
        np.testing.assert_allclose(after, before + 2 * np.log(64 / 128), atol=1e-9)
    u = t / 1000
    np.testing.assert_allclose(straight().shifted(3).sigma[t], 3 * u / (1 + 2 * u), rtol=1e-12)


@schedules
def test_the_moments_of_what_noise_makes_of_a_picture(schedule):
    x0 = np.array([[-0.7], [0.4]])
    x0, t = np.tile(x0, (1, 200_000)), np.array([250, 600])
    x = schedule.add_noise(x0, t, noise_like(x0, np.random.default_rng(0)))
    np.testing.assert_allclose(x.mean(axis=1), schedule.alpha[t] * [-0.7, 0.4], atol=0.01)
    np.testing.assert_allclose(x.var(axis=1), schedule.sigma[t] ** 2, rtol=0.02)


def test_many_small_steps_are_one():
    """Ho et al.'s chain, step by step, with the mean and the variance that it has."""
    beta = np.linspace(0.01, 0.3, 20)
    schedule, mean, variance = from_betas(beta), 1.0, 0.0
    for t, b in enumerate(beta, 1):
        mean, variance = np.sqrt(1 - b) * mean, (1 - b) * variance + b
        assert schedule.alpha[t] == pytest.approx(mean, rel=1e-12)
        assert schedule.sigma[t] ** 2 == pytest.approx(variance, rel=1e-12)
        step = schedule.add_more_noise(np.array([2.0]), t - 1, t, np.array([1.0]))
        np.testing.assert_allclose(step, np.sqrt(1 - b) * 2 + np.sqrt(b))


@given(anything, st.integers(1, 998), st.integers(1, 999))
def test_noise_in_two_steps_has_the_moments_of_noise_in_one(schedule, s, more):
    t, one = min(s + more, 1000), np.ones(1)
    at_s = schedule.add_noise(3 * one, s, 0 * one)
    np.testing.assert_allclose(schedule.add_more_noise(at_s, s, t, 0 * one), 3 * schedule.alpha[t], atol=1e-12)
    ratio = schedule.alpha[t] / schedule.alpha[s]
    came_in = schedule.add_more_noise(0 * one, s, t, one)
    np.testing.assert_allclose((ratio * schedule.sigma[s]) ** 2 + came_in**2, schedule.sigma[t] ** 2, rtol=1e-9)


@pytest.mark.parametrize("t", [1, 2, 500, 1000])
def test_the_posterior_is_that_of_ho_et_al(t):
    """Equations 6 and 7, with β, ᾱ and ᾱ of the step before."""
    beta = np.linspace(1e-4, 0.02, 1000)
    bar = np.cumprod(np.concatenate([[1.0], 1 - beta]))
    x0, x, b = normal(0, 3, 2), normal(1, 3, 2), beta[t - 1]
    mean, variance = linear().posterior(x0, x, t, t - 1)
    expected = np.sqrt(bar[t - 1]) * b / (1 - bar[t]) * x0 + np.sqrt(1 - b) * (1 - bar[t - 1]) / (1 - bar[t]) * x
    np.testing.assert_allclose(mean, expected, rtol=1e-8)
    np.testing.assert_allclose(variance, (1 - bar[t - 1]) / (1 - bar[t]) * b, rtol=1e-7, atol=1e-15)


@given(anything, st.integers(1, 900), st.integers(1, 99))
def test_the_posterior_is_the_normalised_product_of_both_densities(schedule, s, more):
    """Bayes: q(x_s | x_t, x₀) ∝ q(x_t | x_s)·q(x_s | x₀), on a grid of x_s."""
    t, x0, x = s + more, np.array([0.6]), np.array([-0.2])
    mean, variance = (float(np.squeeze(of)) for of in schedule.posterior(x0, x, t, s))
    ratio = schedule.alpha[t] / schedule.alpha[s]
    v = schedule.sigma[t] ** 2 - (ratio * schedule.sigma[s]) ** 2
    grid = mean + np.sqrt(variance) * np.linspace(-8, 8, 2001)
    log = -((x - ratio * grid) ** 2) / (2 * v) - (grid - schedule.alpha[s] * x0) ** 2 / (2 * schedule.sigma[s] ** 2)
    p = np.exp(log - log.max())
    p /= p.sum()
    found = float((p * grid).sum())
    assert found == pytest.approx(mean, abs=1e-6 * np.sqrt(variance) + 1e-9)
    assert float((p * (grid - found) ** 2).sum()) == pytest.approx(variance, rel=1e-5)


def test_each_picture_has_its_time_and_its_dtype():
    schedule, x0 = cosine(), normal(0, 3, 1, 2, 2).astype(np.float32)
    noise = normal(1, *x0.shape).astype(np.float32)
    together = schedule.add_noise(x0, np.array([1, 500, 1000]), noise)
    assert together.dtype == np.float32
    assert schedule.add_more_noise(x0, 2, np.array([3, 500, 1000]), noise).dtype == np.float32
    for k, t in enumerate((1, 500, 1000)):
        np.testing.assert_array_equal(together[k], schedule.add_noise(x0[k], t, noise[k]))
    assert [noise_like(x, np.random.default_rng(0)).dtype for x in (x0, x0.astype(float))] == [np.float32, np.float64]


def test_wrong_times_and_variances_are_named():
    x = np.zeros((2, 3))
    for t, error, message in (
        (1001, ValueError, "whole numbers from 0 to 1000, not from 1001 to 1001"),
        (-1, ValueError, "from 0 to 1000, not from -1"),
        (0.5, TypeError, "whole numbers from 0 to 1000, not float64"),
        ([1, 2, 3], ValueError, r"times of shape \(3,\) for an x of shape \(2, 3\): one for all, or \(2,\)"),
    ):
        with pytest.raises(error, match=message):
            cosine().add_noise(x, t, x)
    for beta in ([], [0.0, 0.1], [0.5, 1.0], 0.5):
        with pytest.raises(ValueError, match="the variances β of the steps must be a row of numbers between 0 and 1"):
            from_betas(beta)
    with pytest.raises(ValueError, match="the factor must be positive, not 0"):
        cosine().shifted(0)
    assert isinstance(cosine(), Schedule)


MUTANTS = {
    "diffusion.schedule:Schedule.add_noise": [
        ("variance for standard deviation", "sigma * noise", "sigma**2 * noise"),
        ("ᾱ for √ᾱ", "alpha * x0", "alpha**2 * x0"),
    ],
    "diffusion.schedule:Schedule.add_more_noise": [
        ("the picture keeps its size", "ratio * x +", "x +"),
        ("variance for standard deviation", "np.sqrt(variance)", "variance"),
    ],
    "diffusion.schedule:Schedule.posterior": [
        ("x₀ and x_t exchanged", "alpha_s * x0 + sigma_s**2 * ratio * x)", "alpha_s * x + sigma_s**2 * ratio * x0)"),
        ("β for the posterior's variance", "return mean, sigma_s**2 * variance / sigma_t**2", "return mean, variance"),
        ("x_t not scaled", "sigma_s**2 * ratio * x)", "sigma_s**2 * x)"),
    ],
    "diffusion.schedule:Schedule._between": [
        ("the noise of s is not scaled", "(ratio * sigma_s) ** 2", "sigma_s**2"),
        ("half of the digits are lost", "(1,) * (x.ndim - 1))", "(1,) * (x.ndim - 1), np.float16)"),
    ],
    "diffusion.schedule:Schedule.shifted": [
        ("less noise for larger pictures", "factor * self.sigma", "self.sigma / factor"),
        ("variance is not kept", "self.alpha / size, sigma / size", "self.alpha, sigma"),
        ("the square root on the straight line, too", "** (1 / self.power)", "** 0.5"),
    ],
    "diffusion.schedule:linear": [
        ("β of 1000 steps in any number", " * 1000 / T", ""),
    ],
    "diffusion.schedule:cosine": [
        ("cos, not squared", "/ 1.008) ** 2", "/ 1.008)"),
        ("without s", "+ 0.008", ""),
    ],
    "diffusion.schedule:from_betas": [
        ("a step late", "[[0.0], np.cumsum(np.log1p(-beta))]", "[[0.0, 0.0], np.cumsum(np.log1p(-beta[:-1]))]"),
    ],
    "diffusion.schedule:straight": [
        ("the way back", "Schedule(1 - sigma, sigma", "Schedule(sigma, 1 - sigma"),
    ],
}  # fmt: skip
