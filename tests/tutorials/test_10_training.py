"""What the tutorial claims of training holds; and a U-Net on nothing but what learners write finds cells."""

import runpy

import numpy as np
import pytest

from tinyunet import metrics, optim
from tinyunet.grade import desk, exercises
from tinyunet.unet import UNet
from tutorials import make

pytestmark = pytest.mark.slow
SOURCE = str(make.FOLDER / "10_training.py")


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(SOURCE)


def test_a_fresh_network_is_a_coin(tutorial):
    p = tutorial["probabilities"](UNet(1, 1, channels=(8, 16, 32), rng=0), tutorial["x_validation"])
    assert 0.3 < p.mean() < 0.7


def test_doing_nothing_is_accurate(tutorial):
    assert metrics.pixel_accuracy(tutorial["nothing"], tutorial["thin"]) == pytest.approx(0.9, abs=0.02)
    assert metrics.dice(tutorial["nothing"], tutorial["thin"]) == 0


def test_learning_rates_too_small_and_too_large_are_seen_in_the_curve(tutorial):
    losses = tutorial["found"]
    last = {lr: np.mean(values[-10:]) for lr, values in losses.items()}
    assert last[0.01] < 0.2 < 0.25 < min(last[1.0], last[10.0])
    assert 0.55 < last[0.0001] < losses[0.0001][0]
    assert max(losses[1.0]) > 1  # out of the picture
    assert max(losses[10.0]) > 1
    assert max(losses[0.01]) < 1


def test_learning_by_heart_is_seen_on_other_pictures(tutorial):
    others = [value for _, value in tutorial["heart_seen"]]
    assert tutorial["heart_losses"][-1] < 0.01
    assert others[-1] > 1.3 * min(others)
    assert np.argmin(others) < 5
    assert tutorial["varied_seen"][-1][1] < 0.5 * others[-1]
    assert tutorial["validation_dice"](tutorial["varied"]) > tutorial["validation_dice"](tutorial["by_heart"]) + 0.05


def test_what_is_said_of_the_changes_is_true(tutorial):
    """Those of "What you should have seen"."""
    pieces, train, test_dice = tutorial["pieces"], tutorial["train"], tutorial["validation_dice"]

    def learned(batches, steps, channels=(8, 16), **settings):
        model = UNet(1, 1, channels, rng=0)
        return model, train(model, batches, steps, **settings)

    found = [test_dice(learned(pieces(64), 100, lr=lr, kind=optim.SGD)[0]) for lr in (0.01, 0.1, 1.0)]
    np.testing.assert_allclose(found, (0.66, 0.85, 0.90), atol=0.04)
    watch = tutorial["validation_loss"]
    model, (_, seen) = learned(pieces(2, flips=False), 200, (8, 16, 32), watch=watch)
    assert seen[-1][1] > 0.9 * min(value for _, value in seen[:5])
    assert test_dice(tutorial["by_heart"]) < test_dice(model) < test_dice(tutorial["varied"])
    model, _ = learned(pieces(2, crop=None, flips=False, batch_size=2), 60, (8, 16, 32))
    assert test_dice(model) == pytest.approx(test_dice(tutorial["by_heart"]), abs=0.03)
    assert test_dice(learned(pieces(64), 150, (8, 16, 32))[0]) == pytest.approx(0.96, abs=0.015)


def test_on_nothing_but_the_operations_of_learners_a_u_net_finds_cells(monkeypatch, capsys):
    """With the answers to all exercises in place of ours."""
    known = exercises.everything()
    monkeypatch.setattr(desk, "_passed", {name: each.solutions[0] for name, each in known.items()})
    operations = {each.name for each in known.values() if each.operation}
    assert {*known["my_unet"].needs} == operations
    tutorial = runpy.run_path(SOURCE)
    assert {*tutorial["yours"]} == operations
    assert metrics.dice(tutorial["marked"], tutorial["masks"]) >= 0.93
    assert "my_unet: passed" in capsys.readouterr().out
