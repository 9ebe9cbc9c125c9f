"""Every prediction becomes every other, and the examples to learn from are what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import normal, seeds
from tinyunet import tensor
from tinyunet.diffusion import KINDS, Diffusion, cosine, linear, straight

SCHEDULES = [cosine(), linear(), cosine().shifted(2), straight().shifted(0.5)]
kinds = st.sampled_from(list(KINDS))


def test_what_is_predicted_is_as_in_the_papers():
    x0, eps, t = normal(0, 2, 3), normal(1, 2, 3), np.array([100, 900])
    alpha, sigma = cosine().alpha[t, None], cosine().sigma[t, None]
    expected = {"eps": eps, "x0": x0, "v": alpha * eps - sigma * x0, "flow": eps - x0}
    assert expected.keys() == KINDS.keys()
    for kind, y in expected.items():
        np.testing.assert_allclose(Diffusion(cosine(), kind).target(x0, eps, t), y, rtol=1e-12, err_msg=kind)


@given(seeds, st.sampled_from(SCHEDULES), kinds, st.integers(1, 999), st.integers(1, 999))
def test_picture_and_noise_come_back_from_any_prediction(seed, schedule, kind, t, u):
    diffusion, times = Diffusion(schedule, kind if schedule.alpha[-1] or kind != "eps" else "v"), np.array([t, u])
    x0, eps = normal(seed, 2, 5), normal(seed + 1, 2, 5)
    x = schedule.add_noise(x0, times, eps)
    found = diffusion.parts(diffusion.target(x0, eps, times), x, times)
    np.testing.assert_allclose(found[0], x0, atol=1e-10)
    np.testing.assert_allclose(found[1], eps, atol=1e-10)


@given(seeds, st.sampled_from(SCHEDULES[:3]), kinds, kinds, st.integers(1, 999))
def test_any_answer_means_the_same_in_any_other_kind(seed, schedule, one, other, t):
    """Also a wrong one: x_t = α·x̂₀ + σ·ε̂ holds, and there and back is where it was."""
    a, b = Diffusion(schedule, one), Diffusion(schedule, other)
    x, y = normal(seed, 1, 5), normal(seed + 1, 1, 5)
    x0, eps = a.parts(y, x, t)
    np.testing.assert_allclose(schedule.alpha[t] * x0 + schedule.sigma[t] * eps, x, atol=1e-7 * np.abs(x0).max())
    back = a.target(*b.parts(b.target(x0, eps, t), x, t), t)
    np.testing.assert_allclose(back, y, atol=1e-7 * max(np.abs(x0).max(), np.abs(eps).max(), 1))


def test_the_velocity_of_the_straight_way_is_its_slope():
    x0, eps = normal(0, 2, 3), normal(1, 2, 3)
    slope = (straight().add_noise(x0, 501, eps) - straight().add_noise(x0, 499, eps)) / (2 / 1000)
    np.testing.assert_allclose(Diffusion(straight(), "flow").target(x0, eps, 500), slope, rtol=1e-9)


def test_examples_are_pictures_with_noise_at_times_spread_over_all():
    diffusion, x0 = Diffusion(cosine(), "eps"), normal(0, 8, 1, 4, 4).astype(np.float32)
    seen = []
    for seed in range(200):
        x, t, target = diffusion.examples(x0, np.random.default_rng(seed))
        assert (np.arange(8) * 125 <= t - 1).all()
        assert (t - 1 < np.arange(1, 9) * 125).all()
        seen += list(t)
        np.testing.assert_allclose(x, diffusion.schedule.add_noise(x0, t, target), atol=1e-6)
        assert x.dtype == target.dtype == np.float32
    assert len(set(seen)) > 600
    assert np.std(target) == pytest.approx(1, abs=0.2)
    again = diffusion.examples(x0, np.random.default_rng(199))
    for a, b in zip((x, t, target), again, strict=True):
        np.testing.assert_array_equal(a, b)
    ends = {int(u) for seed in range(4000) for u in diffusion.examples(x0[:1], np.random.default_rng(seed))[1]}
    assert (min(ends), max(ends)) == (1, 1000)


def test_the_loss_is_that_of_the_target_and_passes_the_condition_on():
    diffusion, x0 = Diffusion(cosine(), "v"), normal(0, 4, 2)
    x, t, target = diffusion.examples(x0, np.random.default_rng(3))

    def model(seen, times, condition):
        np.testing.assert_array_equal(seen, x)
        np.testing.assert_array_equal(times, t)
        return tensor(target + condition)

    assert diffusion.loss(model, x0, np.random.default_rng(3), 0.5).item() == pytest.approx(0.25)


def test_what_cannot_be_predicted_is_refused():
    with pytest.raises(ValueError, match="a network predicts eps, x0, v, flow, not 'noise'"):
        Diffusion(cosine(), "noise")
    with pytest.raises(ValueError, match="at the end of this schedule α = 0, where ε says nothing of x₀"):
        Diffusion(straight(), "eps")


MUTANTS = {
    "diffusion.prediction:KINDS": [
        ("ε and x₀ exchanged in v", "(-sigma, alpha)", "(alpha, -sigma)"),
        ("the velocity from noise to picture", "(-1, 1)", "(1, -1)"),
    ],
    "diffusion.prediction:Diffusion.target": [
        ("picture and noise exchanged", "a * x0 + b * eps", "a * eps + b * x0"),
    ],
    "diffusion.prediction:Diffusion.parts": [
        ("the determinant with the other sign", "b * alpha - a * sigma", "a * sigma - b * alpha"),
        ("noise for the picture", "return (b * x - sigma * y) / D,", "return (alpha * y - a * x) / D,"),
    ],
    "diffusion.prediction:Diffusion.examples": [
        ("another noise than that of the target", "self.target(x0, eps, t)", "self.target(x0, noise_like(x0, rng), t)"),
    ],
    "diffusion.prediction:Diffusion.times": [
        ("one time for all", "(np.arange(N) + rng.random()) / N", "rng.random(1).repeat(N)"),
        ("from 0 to T − 1", "return 1 + (", "return ("),
    ],
    "diffusion.prediction:Diffusion.loss": [
        ("without the condition", "model(x, t, *condition)", "model(x, t, 0)"),
    ],
}  # fmt: skip
