"""Samplers against what is known: DDPM's posterior, Euler's method, and pictures whose distribution is Gaussian."""

import numpy as np
import pytest

from tests.strategies import normal
from tinyunet import tensor
from tinyunet.diffusion import (
    Diffusion,
    back_and_forth,
    cosine,
    ddim_step,
    ddpm_step,
    denoising,
    edited,
    keeping,
    linear,
    sample,
    straight,
    times,
)

MEAN, SPREAD = 0.3, 0.5  # of the pictures that an ideal network knows: every pixel ~ N(MEAN, SPREAD²)


def ideal(diffusion):
    """The best answer there is for such pictures: by Bayes, E[x₀ | x_t] = m + α·s²·(x_t − α·m)/(α²·s² + σ²)."""

    def denoise(x, t):
        alpha, sigma = diffusion.schedule.at(t, x)
        x0 = MEAN + alpha * SPREAD**2 * (x - alpha * MEAN) / ((alpha * SPREAD) ** 2 + sigma**2)
        return tensor(diffusion.target(x0, (x - alpha * x0) / sigma, t))

    return denoise


def test_steps_are_even():
    assert times(3, 1000) == [1000, 667, 333, 0]
    assert times(1, 7) == [7, 0]
    assert times(5, 5) == [5, 4, 3, 2, 1, 0]
    for steps in (0, 6):
        with pytest.raises(ValueError, match=f"from 5 to 0 there are 1 to 5 steps, not {steps}"):
            times(steps, 5)


def test_a_walk_goes_back_as_often_as_asked():
    assert back_and_forth([4, 2, 0], 1) == [4, 2, 0]
    assert back_and_forth([4, 2, 0], 3) == [4, 2, 4, 2, 4, 2, 0, 2, 0, 2, 0]


def test_on_the_way_back_noise_is_added():
    diffusion, x = Diffusion(cosine()), normal(0, 3, 4)
    _, back = denoising(diffusion, ideal(diffusion), x, [300, 700], np.random.default_rng(5))
    z = np.random.default_rng(5).standard_normal(x.shape)
    np.testing.assert_allclose(back.x, diffusion.schedule.add_more_noise(x, 300, 700, z), atol=1e-7)
    assert back.t == 700


@pytest.mark.parametrize("schedule", [linear(), cosine().shifted(2), straight()])
@pytest.mark.parametrize(("t", "s"), [(700, 400), (2, 1), (1, 0), (1000, 999)])
def test_ddim_with_all_of_its_noise_is_ddpm(schedule, t, s):
    """The same mean and the same variance, and so the same picture from the same draw up to the part of ε̂."""
    diffusion, x, x0 = Diffusion(schedule), normal(0, 3, 4), normal(1, 3, 4)
    mean, variance = schedule.posterior(x0, x, t, s)
    for step in (ddim_step, ddpm_step):
        args = (1.0,) if step is ddim_step else ()
        y = step(diffusion, x, t, s, x0, np.random.default_rng(5), *args)
        z = np.random.default_rng(5).standard_normal(x.shape)
        np.testing.assert_allclose(y, mean + np.sqrt(variance) * z * (s > 0), atol=1e-7)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_any_share_of_new_noise_leaves_the_distribution_as_it_is(eta):
    """If x̂₀ is right, x_s ~ N(α_s·x₀, σ_s²) for every η."""
    diffusion, t, s = Diffusion(cosine()), 700, 300
    x0 = np.full((1, 200_000), 0.6)
    rng = np.random.default_rng(0)
    x = diffusion.schedule.add_noise(x0, t, rng.standard_normal(x0.shape))
    y = ddim_step(diffusion, x, t, s, x0, rng, eta)
    assert y.mean() == pytest.approx(diffusion.schedule.alpha[s] * 0.6, abs=0.005)
    assert y.std() == pytest.approx(diffusion.schedule.sigma[s], rel=0.01)
    by_ratio = np.corrcoef(x[0], y[0])[0, 1]  # the less of ε̂ is kept, the more new noise there is
    u = eta * np.sqrt(diffusion.schedule.posterior(x0[:, :1], x[:, :1], t, s)[1].item())
    assert by_ratio == pytest.approx(np.sqrt(1 - (u / diffusion.schedule.sigma[s]) ** 2), abs=0.01)


def test_on_the_straight_schedule_a_step_is_eulers():
    diffusion, x, y = Diffusion(straight(), "flow"), normal(0, 2, 3), normal(1, 2, 3)
    x0, _ = diffusion.parts(y, x, 800)
    np.testing.assert_allclose(ddim_step(diffusion, x, 800, 500, x0), x + (0.5 - 0.8) * y, rtol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "kind", "eta", "steps"),
    [
        (cosine(), "v", 0.0, 50), (cosine(), "eps", 0.0, 50), (cosine(), "x0", 0.5, 50), (linear(), "v", 1.0, 400),
        (straight(), "flow", 0.0, 50), (straight(), "v", 1.0, 200), (cosine().shifted(2), "flow", 0.0, 100),
    ],
)  # fmt: skip
def test_an_ideal_network_gives_pictures_of_their_distribution(schedule, kind, eta, steps):
    diffusion = Diffusion(schedule, kind)
    y = sample(diffusion, ideal(diffusion), (2, 100, 100), np.random.default_rng(0), steps, eta)
    assert y.shape == (2, 100, 100)
    assert y.dtype == np.float32
    assert y.mean() == pytest.approx(MEAN, abs=0.03)
    assert y.std() == pytest.approx(SPREAD, rel=0.05)


def test_same_seed_same_picture_and_every_step_is_seen():
    diffusion = Diffusion(cosine())
    a, b, other = (
        sample(diffusion, ideal(diffusion), (2, 3), np.random.default_rng(seed), 5, 0.5) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - other).min() > 0
    rng = np.random.default_rng(0)
    states = list(
        denoising(diffusion, ideal(diffusion), rng.standard_normal((2, 3), np.float32), times(5, 1000), rng, 0.5)
    )
    assert [state.t for state in states] == [1000, 800, 600, 400, 200, 0]
    np.testing.assert_array_equal(states[-1].x, a)
    np.testing.assert_allclose(states[-1].x0, a, rtol=1e-6)
    assert np.abs(states[2].x0 - states[2].x).min() > 0


def test_times_are_those_of_all_pictures_and_nothing_is_recorded():
    diffusion, seen = Diffusion(cosine(), "x0"), []
    weight = tensor(np.float32(0.5), requires_grad=True)

    def denoise(x, t):
        seen.append(t)
        y = x * weight
        assert not y.requires_grad
        return y

    sample(diffusion, denoise, (3, 2), np.random.default_rng(0), 4)
    assert [list(t) for t in seen] == [[t] * 3 for t in (1000, 750, 500, 250)]


def test_values_are_kept_in_their_range():
    diffusion = Diffusion(cosine(), "x0")
    y = sample(diffusion, lambda x, t: 5 * np.sign(x), (4, 4), np.random.default_rng(0), 10, clip=1.0)
    np.testing.assert_allclose(np.abs(y), 1, rtol=1e-6)


def test_what_is_edited_keeps_the_more_of_itself_the_less_noise_it_gets():
    diffusion = Diffusion(cosine())
    picture = MEAN + SPREAD * normal(0, 1, 40, 40)
    kept = []
    for start in (50, 400, 1000):
        y = edited(diffusion, ideal(diffusion), picture, start, np.random.default_rng(1), steps=20)
        kept.append(np.corrcoef(y.ravel(), picture.ravel())[0, 1])
        assert y.std() == pytest.approx(SPREAD, rel=0.1)
    assert kept[0] > 0.98
    assert 0.5 < kept[1] < 0.95
    assert abs(kept[2]) < 0.1


def test_what_is_kept_is_kept_and_the_rest_is_painted_to_fit():
    """Two pixels that are always alike: the one that is known tells the other."""
    diffusion, shift = Diffusion(cosine(), "x0"), 0.8

    def denoise(x, t):
        alpha, sigma = diffusion.schedule.at(t, x)
        both = (x.mean(axis=1, keepdims=True) * alpha / (alpha**2 + sigma**2 / 2)) * np.ones_like(x)
        return both  # of pictures (z, z) with z ~ N(0, 1)

    picture, mask = np.tile(np.array([[shift, 0.0]]), (500, 1)), np.array([[0, 1]])
    errors = []
    for again in (1, 5):
        rng = np.random.default_rng(0)
        walk = back_and_forth(times(50, 1000), again)
        keep = keeping(diffusion, picture, mask, rng)
        *_, last = denoising(diffusion, denoise, rng.standard_normal(picture.shape), walk, rng, 1.0, keep=keep)
        np.testing.assert_array_equal(last.x[:, 0], shift)
        errors.append(np.abs(last.x[:, 1].mean() - shift))
    assert errors[1] < errors[0] / 2  # RePaint's walk back makes it fit
    assert errors[1] < 0.1


def test_what_is_kept_is_as_noisy_as_the_rest():
    diffusion, picture = Diffusion(cosine()), np.full((1, 100_000), 0.5)
    keep = keeping(diffusion, picture, np.zeros_like(picture), np.random.default_rng(0))
    x = keep(np.zeros_like(picture), 600)
    assert x.mean() == pytest.approx(0.5 * diffusion.schedule.alpha[600], abs=0.01)
    assert x.std() == pytest.approx(diffusion.schedule.sigma[600], rel=0.01)


def test_where_noise_is_needed_a_generator_is_asked_for():
    diffusion, x = Diffusion(cosine()), np.zeros((1, 2))
    with pytest.raises(TypeError, match=r"with eta=1\.0 new noise is drawn, from a Generator"):
        ddim_step(diffusion, x, 500, 400, x, eta=1.0)
    with pytest.raises(TypeError, match="from 400 to 500 noise is added, from a Generator"):
        list(denoising(diffusion, ideal(diffusion), x, [500, 400, 500]))


MUTANTS = {
    "diffusion.sampling:times": [
        ("rounded down", "round(start * k / steps)", "start * k // steps"),
        ("not down to the picture", "range(steps, -1, -1)", "range(steps, 0, -1)"),
    ],
    "diffusion.sampling:back_and_forth": [
        ("once more than asked", "(again - 1)", "again"),
    ],
    "diffusion.sampling:ddim_step": [
        ("σ for σ²", "np.maximum(sigma_s**2 - u**2, 0)", "np.maximum(sigma_s - u, 0) ** 2"),
        ("new noise on top of the old", "sigma_s**2 - u**2", "sigma_s**2"),
        ("η for η²", "u = eta * np.sqrt(", "u = np.sqrt(eta * "),
        ("the noise of t", "return alpha_s * x0 + sigma_s * eps", "return alpha_s * x0 + sigma * eps"),
        ("x_t for ε", "eps = (x - alpha * x0) / sigma", "eps = x - alpha * x0"),
    ],
    "diffusion.sampling:ddpm_step": [
        ("variance for standard deviation", "np.sqrt(variance) * noise", "variance * noise"),
        ("twice the noise", "np.sqrt(variance)", "2 * np.sqrt(variance)"),
    ],
    "diffusion.sampling:denoising": [
        ("everything is recorded", "with no_grad():", "if True:"),
        ("one time for all", "np.full(len(x), t)", "np.full(1, t)"),
        ("values beyond the range", "x0 if clip is None else np.clip(x0, -clip, clip)", "x0"),
        ("the way back without noise", "noise_like(x, rng))", "0 * x)"),
        ("nothing is kept", "x if keep is None else keep(x, s)", "x"),
        ("what is kept has the noise of t", "keep(x, s)", "keep(x, t)"),
    ],
    "diffusion.sampling:edited": [
        ("without noise", "noise_like(picture, rng))", "0 * picture)"),
        ("from the end", "times(steps, start)", "times(steps, diffusion.schedule.T)"),
    ],
    "diffusion.sampling:keeping": [
        ("the other side is kept", "np.where(mask, x, known)", "np.where(mask, known, x)"),
        ("without noise", "diffusion.schedule.add_noise(picture, t, noise_like(picture, rng))", "picture"),
    ],
}  # fmt: skip
