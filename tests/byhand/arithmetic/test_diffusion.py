"""Steps of diffusion: every element worked out is what the formulas say, and the steps fit together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.byhand.arithmetic.test_operations import agree
from tests.strategies import normal, seeds
from tinyunet import byhand, diffusion
from tinyunet.byhand.views.text import Text


@st.composite
def problems(draw):
    """ᾱ of all times, two times, and arrays of one shape."""
    seed, shape = draw(seeds), draw(st.sampled_from([(4,), (2, 3), (1, 2, 2), (2, 1, 2, 2)]))
    rng = np.random.default_rng(seed)
    bars = np.concatenate([[1.0], np.cumprod(1 - rng.uniform(0.05, 0.4, 5))])
    s = draw(st.integers(0, 4))
    return rng, bars, draw(st.integers(s + 1, 5)), s, *(normal(seed + k, *shape) for k in range(3))


@given(problems(), st.sampled_from([0.0, 0.3, 1.0]))
def test_every_step_is_what_the_formulas_say(problem, eta):
    rng, bars, t, s, x, noise, z = problem
    beta = 1 - bars[1:] / bars[:-1]
    agree(byhand.alpha_bar(beta), bars, rng)
    noisy = bars[t] ** 0.5 * x + (1 - bars[t]) ** 0.5 * noise
    agree(byhand.add_noise(x, t, noise, bars), noisy, rng)
    agree(byhand.predict_x0(noisy, t, noise, bars), x, rng)
    variance = eta**2 * (1 - bars[s]) / (1 - bars[t]) * (1 - bars[t] / bars[s])
    earlier = bars[s] ** 0.5 * x + (1 - bars[s] - variance) ** 0.5 * noise + variance**0.5 * z
    agree(byhand.ddim_step(noisy, t, s, noise, bars, eta, z), earlier, rng)
    agree(byhand.guided(x, noise, 3 * eta), (1 - 3 * eta) * x + 3 * eta * noise, rng)


class Drawn:
    """A random generator whose numbers are known."""

    def __init__(self, z):
        self.z = z

    def standard_normal(self, shape, dtype):
        assert (shape, dtype) == (self.z.shape, self.z.dtype)
        return self.z


@given(problems(), st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([0, 1, -2, 0.25, 7.5]))
def test_every_step_is_that_of_diffusion(problem, eta, w):
    """The formulas stand there a second time, for arrays as a whole."""
    rng, bars, t, s, x, eps, z = problem
    schedule = diffusion.from_betas(1 - bars[1:] / bars[:-1])
    agree(byhand.alpha_bar(1 - bars[1:] / bars[:-1]), schedule.alpha**2, rng)
    agree(byhand.add_noise(x, t, eps, bars), schedule.add_noise(x, t, eps), rng)
    network = diffusion.Diffusion(schedule, "eps")
    x0, _ = network.parts(eps, x, t)
    agree(byhand.predict_x0(x, t, eps, bars), x0, rng)
    step = diffusion.ddim_step(network, x, t, s, x0, Drawn(z), eta)
    agree(byhand.ddim_step(x, t, s, eps, bars, eta, z), step, rng)
    answers = np.stack([x, eps])  # to no condition, and to condition 1
    denoise = diffusion.guided(lambda x, t, condition: answers[condition], np.array([1]), w)
    (guided,) = denoise(z[None], np.array([t]))
    agree(byhand.guided(x, eps, w), guided, rng)


@given(problems())
def test_a_whole_step_of_ddpm_is_the_posterior(problem):
    """η = 1: mean and variance of q(x_s | x_t, x₀), equations 6 and 7 of Ho et al. (2020)."""
    _, bars, t, _, x, eps, z = problem
    s = t - 1
    alpha = bars[t] / bars[s]
    x0 = byhand.predict_x0(x, t, eps, bars).result
    mean = (bars[s] ** 0.5 * (1 - alpha) * x0 + alpha**0.5 * (1 - bars[s]) * x) / (1 - bars[t])
    variance = (1 - bars[s]) / (1 - bars[t]) * (1 - alpha)
    found = byhand.ddim_step(x, t, s, eps, bars, 1.0, z).result
    np.testing.assert_allclose(found, mean + variance**0.5 * z, rtol=1e-9, atol=1e-9)


@given(problems())
def test_with_the_true_noise_a_step_leads_where_adding_noise_leads(problem):
    _, bars, t, s, x, noise, _ = problem
    step = byhand.ddim_step(byhand.add_noise(x, t, noise, bars), t, s, noise, bars)
    np.testing.assert_allclose(step.result, byhand.add_noise(x, s, noise, bars).result, rtol=1e-9, atol=1e-9)
    assert [of.operation.name for of in byhand.chain(step)] == ["add_noise", "ddim_step"]


@given(problems())
def test_rounding_is_allowed_for_by_the_terms(problem):
    """Answers in single precision are right, though the terms may nearly cancel."""
    _, bars, t, s, x, noise, z = problem
    for whole in (
        byhand.add_noise(x, t, noise, bars),
        byhand.predict_x0(x, t, noise, bars),
        byhand.ddim_step(x, t, s, noise, bars, 0.5, z),
        byhand.guided(x, noise, 7.5),
    ):
        arrays = {name: None if a is None else np.float32(a) for name, a in whole.operation.arrays.items()}
        assert whole.check(np.float32(whole.operation.changed(**arrays).result()))


def test_a_step_in_words():
    y = byhand.ddim_step([6], 2, 1, [3], [1, 0.64, 0.36], 0.5, [-1])
    lines = y.at(0).text().splitlines()[4:]
    assert lines == [
        "  σ = 0.5·√((1 − 0.64)/(1 − 0.36)·(1 − 0.36/0.64)) = 0.248",
        "  √ᾱ_1 = √0.64 = 0.8",
        "  √(1 − ᾱ_1 − σ²) = √(1 − 0.64 − 0.06152) = 0.5463",
        "  y[0] = 0.8×6 + 0.5463×3 + 0.248×(−1) = 6.191",
    ]
    first, *_ = byhand.alpha_bar([0.5]).at(0).steps
    assert Text().lines(first) == ["  y[0] = no step yet = 1"]


def test_there_is_no_gradient():
    y = byhand.guided([1], [2])
    with pytest.raises(ValueError, match="no gradient of guided's y with respect to 'conditional'; there is none"):
        y.grad("conditional")
    with pytest.raises(ValueError, match="there is none"):
        byhand.chain(y).back()
    with pytest.raises(ValueError, match="there is no layer 'guided'"):
        byhand.size("guided", (3, 8, 8))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: byhand.alpha_bar([0.1, 1]), "beta: must be a row of numbers between 0 and 1"),
        (lambda: byhand.alpha_bar([[0.1]]), "beta: must be a row"),
        (lambda: byhand.add_noise([1, 2], 0, [1], [1]), r"noise: must have the shape of x, \(2,\), not \(1,\)"),
        (lambda: byhand.add_noise(1, 0, 1, [1]), "x: must have 1 to 4 axes"),
        (lambda: byhand.add_noise([1], 2, [1], [1, 0.5]), "t: alpha_bar has the times 0 to 1, not 2"),
        (lambda: byhand.add_noise([1], 0, [1], [1, 0]), "alpha_bar: must be a row of falling numbers"),
        (lambda: byhand.add_noise([1], 0, [1], [0.5, 0.6]), "alpha_bar: must be a row of falling numbers"),
        (lambda: byhand.ddim_step([1], 1, 1, [1], [1, 0.5]), "s: a step goes to an earlier time than t = 1, not to 1"),
        (lambda: byhand.ddim_step([1], 1, 0, [1], [1, 1]), "alpha_bar: is the same at the times 1 and 0"),
        (lambda: byhand.ddim_step([1], 1, 0, [1], [1, 0.5], 0.5), "z: missing; with eta = 0.5 there is new noise"),
        (lambda: byhand.ddim_step([1], 1, 0, [1], [1, 0.5], 2.0, [1]), "eta: must be from 0 to 1, not 2"),
        (lambda: byhand.ddim_step([1], 1, 0, [1], [1, 0.5], 0.5, [1, 2]), "z: must have the shape of x"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_times_are_whole_numbers():
    with pytest.raises(TypeError, match=r"^t: a time is a whole number, not 0.5"):
        byhand.add_noise([1], 0.5, [1], [1])


MUTANTS = {
    "byhand.arithmetic.operations.diffusion:AlphaBar.y": [
        ("the factor of the step before", "(t - 1,)", "(max(t - 2, 0),)"),
    ],
    "byhand.arithmetic.operations.diffusion:AddNoise.mixture": [
        ("ᾱ for its root", "(np.sqrt(bar),)", "(bar,)"),
    ],
    "byhand.arithmetic.operations.diffusion:Mixture.picture": [
        ("noise is added", "(x.value - noisy.value", "(x.value + noisy.value"),
    ],
    "byhand.arithmetic.operations.diffusion:Mixture.sizes": [
        ("terms that cancel", "[abs(w) *", "[1e-9 * abs(w) *"),
    ],
    "byhand.arithmetic.operations.diffusion:DDIMStep.deviation": [
        ("η is forgotten", "eta * np.sqrt", "np.sqrt"),
        ("times are exchanged", "(1 - bar_s) / (1 - bar_t)", "(1 - bar_t) / (1 - bar_s)"),
    ],
    "byhand.arithmetic.operations.diffusion:DDIMStep.y": [
        ("σ for σ²", "1 - bars[1].value - sigma**2", "1 - bars[1].value - sigma"),
    ],
    "byhand.arithmetic.operations.diffusion:AlphaBar.run": [
        ("the step itself for all of them", "np.cumprod(1 - self.arrays", "(1 - self.arrays"),
    ],
    "byhand.arithmetic.operations.diffusion:PredictX0.mixture": [
        ("the noise is not enlarged", "-np.sqrt(1 - bar) / np.sqrt(bar)", "-np.sqrt(1 - bar)"),
    ],
    "byhand.arithmetic.operations.diffusion:DDIMStep.mixture": [
        ("the noise of time t stays in", "-kept * np.sqrt(1 - bar_t)", "-kept * np.sqrt(1 - bar_s)"),
        ("σ² is not taken from ε", "1 - bar_s - sigma**2", "1 - bar_s"),
    ],
    "byhand.arithmetic.operations.diffusion:Guided.mixture": [
        ("w less 1", '"conditional": (w,)', '"conditional": (w - 1,)'),
    ],
}
