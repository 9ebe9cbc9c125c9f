"""What the tutorial claims, and measures, holds."""

import runpy

import numpy as np
import pytest

import tinyunet
from tutorials import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "05_the_conv_block.py"))


def dice(predicted, truth):
    return 2 * (predicted * truth).sum() / (predicted.sum() + truth.sum())


def test_each_part_earns_its_place(tutorial):
    last = {name: np.mean(losses[-20:]) for name, losses in tutorial["losses"].items()}
    assert last["ConvBlock"] < 0.2 < 0.28 < last["without ReLU"] < 0.45 < 0.55 < last["without batch norm"]
    scores = {name: dice(answer, tutorial["truth"]) for name, answer in tutorial["answers"].items()}
    assert scores["ConvBlock"] > 0.85
    assert 0.6 < scores["without ReLU"] < 0.83
    assert scores["without batch norm"] < 0.1


def test_without_relu_all_convolutions_are_one(tutorial):
    """In evaluation the whole network is then a sum of products and a constant."""
    model, x = tutorial["models"]["without ReLU"], tutorial["unseen"][:3]
    with tinyunet.using(relu=tutorial["nothing"]), tinyunet.no_grad():
        a, b, c = (model(x[k : k + 1]).numpy() for k in range(3))
        both = model(x[:1] + x[1:2] - x[2:3]).numpy()
    np.testing.assert_allclose(both, a + b - c, atol=1e-3)


def test_ten_layers_of_half_the_weights_make_1024_times_less(tutorial):
    plain = tutorial["plain"]
    assert plain["weights × 1"][-1] / plain["weights × 0.5"][-1] == pytest.approx(1024, rel=1e-6)
    one, *others = tutorial["cured"].values()
    for other in others:
        np.testing.assert_allclose(one, other)


def test_the_trap(tutorial):
    np.testing.assert_array_equal(tutorial["alone"], tutorial["together"])
    assert (tutorial["wrong_alone"] != tutorial["wrong_together"]).sum() > 100
    assert np.abs(tutorial["before"] - tutorial["after"]).max() > 0.001


def test_about_half_of_the_numbers_are_zeros_after_relu(tutorial):
    assert 0.4 < (tutorial["stages"]["ReLU"] == 0).mean() < 0.6


def test_the_operations_of_the_learner_train_the_same_network(tutorial):
    assert tutorial["difference"] < 1e-3


def test_larger_weights_let_it_begin_without_batch_norm(tutorial):
    found = {}
    for factor in (2.4, 4):
        model = tutorial["network"](norm=None)
        for w in model.parameters():
            if w.ndim == 4:
                w.data = w.data * factor
        found[factor] = np.mean(tutorial["train"](model, 300)[-20:])
    assert found[2.4] < 0.5 < 0.6 < found[4]


def test_evaluation_after_a_few_steps_finds_nothing(tutorial):
    model, pictures, truth = tutorial["network"](), tutorial["unseen"], tutorial["truth"]
    tutorial["train"](model, 10)
    model.eval()
    assert tutorial["predict"](model, pictures).mean() < 0.01
    model.train()
    assert dice(tutorial["predict"](model, pictures), truth) > 0.5
