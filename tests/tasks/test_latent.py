"""Text to picture in a latent: what its loss sums up, which gradient goes where, what is decoded and drawn."""

import numpy as np
import pytest

from tinyunet import cli
from tinyunet.data.sentences import FORM, tokens, understand
from tinyunet.tasks import sampling
from tinyunet.tasks.latent import ALONE, BLUR, LATENT, NOISE, Latent
from tinyunet.tasks.painter import importance
from tinyunet.tasks.task import UNET
from tinyunet.tasks.text import Text


@pytest.fixture(scope="module")
def task():
    return Latent(fast=True)


@pytest.fixture(scope="module")
def model(task):
    """One none of whose layers is 0."""
    model = task.model(np.random.default_rng(0))
    for p in model.parameters():
        p.data = p.numpy() + np.random.default_rng(p.numel()).normal(0, 0.05, p.shape).astype(np.float32)
    return model


def test_the_loss_is_that_of_both_and_each_has_a_gradient_of_its_own(task, model):
    (x, t, noise, words), target, weight = task.batch(np.random.default_rng(0), 8)
    assert noise.shape == (8, *LATENT)
    np.testing.assert_array_equal(x, target)
    np.testing.assert_array_equal(weight, importance(t, task.diffusion))
    z = model.autoencoder.encode(x).numpy()
    decoded = model.autoencoder.decode(z + NOISE * noise).numpy()
    sigma = task.diffusion.schedule.sigma[t].reshape(-1, 1, 1, 1)
    noisy = (np.sqrt(1 - sigma**2) * z + sigma * noise).astype(np.float32)
    painted = model.painter(noisy, t, words).numpy()
    weights = np.minimum(sigma**-2, 10) * np.ones_like(z)
    expected = ((decoded - x) ** 2).mean(), np.average((painted - z) ** 2, weights=weights)
    output = model(x, t, noise, words)
    assert task.loss(output, target, weight).item() == pytest.approx(sum(expected), rel=1e-4)

    for other in (model.autoencoder, model.painter):  # from what is painted, no gradient goes into the autoencoder
        other.zero_grad()
    Text.loss(task, output[2], output[1], weight).backward()
    assert all(p.grad is None for p in model.autoencoder.parameters())
    assert all(p.grad is not None for p in model.painter.parameters())


def test_pictures_are_decoded_of_latents_that_words_have_guided(task, model):
    example = task.held_out[0]
    noise, words = (x[None] for x in example.inputs)
    assert noise.shape == (1, *LATENT)
    made = task.way(model, noise, words)[-1].x
    assert made.shape == noise.shape
    assert np.abs(made).max() <= 1
    picture = task.predict(model, noise, words)
    assert np.abs(task.decoded(model, 100 * made)).max() == 1
    np.testing.assert_allclose(picture, np.clip(model.autoencoder.decode(made).numpy(), -1, 1), atol=1e-6)
    given, other = (np.asarray(task.denoise(model, words, w)(noise, np.array([900]))) for w in (1.0, 3.0))
    assert np.abs(given - other).max() > 1e-4


def test_the_autoencoder_alone_is_asked_for_pictures_of_the_same_words(task, model):
    seen = {}

    class Nothing:
        """An autoencoder that changes nothing."""

        def encode(self, x):
            seen["pictures"] = x
            return np.asarray(x)

    perfect = type("Perfect", (), {"autoencoder": Nothing(), "evaluating": model.evaluating})()
    task_of = Latent(fast=True)
    task_of.decoded = lambda model, x: x
    numbers = task_of.metric(task_of.answers(task_of.methods(perfect)[ALONE]))
    assert numbers.pop(BLUR) == pytest.approx(0, abs=1e-4)
    assert set(numbers.values()) == {1.0}
    assert seen["pictures"].shape == (len(task_of.held_out), 3, 32, 32)
    assert next(iter(task_of.methods(perfect))) == UNET


def test_blur_is_how_far_a_picture_is_from_the_nearest(task):
    truths = [example.truth for example in task.held_out]
    grain = np.where(np.indices((32, 32)).sum(0) % 2, 0.1, -0.1)  # half as much, for values from 0 to 1
    darker = [np.clip(truth, -0.8, 0.8) + grain for truth in truths]
    assert task.metric(truths)[BLUR] == pytest.approx(0, abs=1e-4)
    assert 4 < task.metric(darker)[BLUR] < 15


def test_a_run_is_resumed_draws_its_latents_and_draws_sentences(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "latent", "--fast", "--steps=2"]) == 0
    assert ALONE in capsys.readouterr().out
    assert (tmp_path / "runs/latent/latent.png").stat().st_size > 1000
    assert cli.main(["sample", FORM, "--run=runs/latent", "--steps=2", "-o", "out.png"]) == 0
    task, model = sampling.trained("runs/latent", Text, Latent)
    assert type(task) is Latent
    states = sampling.way(task, model, tokens([understand(FORM)] * 2), count=2, steps=2)
    assert [state.shape for state in states] == [(2, 3, 32, 32)] * 3
    assert 0 <= states[-1].min() <= states[-1].max() <= 1
    rng = np.random.default_rng([0, 1])
    noise = rng.standard_normal(LATENT, np.float32)[None]
    task.sampling = 2
    expected = task.predict(model, noise, tokens([understand(FORM)]))[0]
    np.testing.assert_allclose(states[-1][1], (expected + 1) / 2, atol=1e-5)


MUTANTS = {
    "tasks.latent:LatentPainter.forward": [
        ("no noise for the decoder", "latent + NOISE * noise", "latent"),
        ("one loss through both", "fixed = latent.numpy()", "fixed = latent"),
        ("the painter sees no noise", "add_noise(fixed, t, noise)", "add_noise(fixed, 0 * t, noise)"),
    ],
    "tasks.latent:Latent.batch": [
        ("the weights of another schedule", "importance(t, self.diffusion)", "importance(t)"),
    ],
    "tasks.latent:Latent.loss": [
        ("nobody learns to decode", "F.mse_loss(picture, target) + super()", "super()"),
    ],
    "tasks.latent:Latent.decoded": [
        ("beyond black and white", "return np.clip(", "return np.clip(100 * "),
    ],
    "tasks.latent:Latent.metric": [
        ("in parts of one", "100 * float", "float"),
    ],
    "tasks.sampling:way": [
        ("what is a latent is shown as picture", "task.decoded(model, state.x0)", "state.x0"),
    ],
}  # fmt: skip
