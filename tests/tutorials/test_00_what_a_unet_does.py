"""What the tutorial says that one will see is what one sees."""

import runpy

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import data, grade, metrics, optim
from tinyunet.unet import UNet
from tutorials import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "00_what_a_unet_does.py"))


def dice(p, truth):
    return round(metrics.dice(np.squeeze(p) > 0.5, np.squeeze(truth)), 2)


def test_no_threshold_comes_near(tutorial):
    pictures, truth = tutorial["pictures"], tutorial["truth"]
    assert dice(tutorial["by_threshold"], truth) == pytest.approx(0.6, abs=0.03)
    assert max(metrics.dice(pictures > t, truth) for t in np.linspace(0, 1, 101)) < 0.66


def test_it_learns(tutorial):
    scores = [dice(p, tutorial["truth"]) for p in tutorial["moments"].values()]
    assert scores[0] == 0
    assert scores == sorted(scores)
    assert scores[1] > dice(tutorial["by_threshold"], tutorial["truth"]) + 0.1  # after 20 steps
    assert scores[-1] >= 0.98
    losses = tutorial["losses"]
    assert losses[0] - losses[50] > 3 * (losses[50] - losses[300]) / 2  # first steep, then flat


def edges(p):
    """How steep it is where it is steepest, on the average."""
    down, across = np.gradient(p)
    return np.sort(np.hypot(down, across).ravel())[-1000:].mean()


def test_without_the_first_skip_outlines_are_soft_and_without_the_deepest_maps_cells_have_holes(tutorial):
    truth, through, x = tutorial["truth"], tutorial["through"], tutorial["x"]
    whole, soft, holes = through(x), tutorial["detail_off"], tutorial["depth_off"]
    np.testing.assert_array_equal(whole, tutorial["probability"](tutorial["model"], x)[0, 0])
    assert dice(whole, truth) > 0.98
    assert 0.93 < dice(soft, truth) < 0.97
    assert 0.7 < dice(holes, truth) < 0.92
    assert edges(soft) < 0.85 * edges(whole)
    assert edges(holes) > 0.9 * edges(whole)
    inside = truth[0, 0] > 0
    for axis in (0, 1):  # two pixels and more from the outline
        inside = np.logical_and.reduce([np.roll(inside, k, axis) for k in (-2, -1, 0, 1, 2)])
    assert (holes[inside] < 0.5).mean() > 0.05
    assert (soft[inside] < 0.5).mean() < 0.01
    assert (holes[truth[0, 0] == 0] > 0.5).mean() < 0.02


def test_the_encoder_alone_knows_whether_there_is_a_cell(tutorial):
    half, label, answers = tutorial["half"], tutorial["label"], tutorial["answers"]
    assert round(100 * np.mean(label[half:] == 1)) == 84
    assert np.mean(answers[half:] == label[half:]) >= 0.98


def test_both_exercises_are_passed(tutorial):
    for name in ("shapes_down", "shapes_up"):
        assert grade(name, tutorial[name])


def test_what_is_said_of_parts_switched_off_is_true(tutorial):
    truth, through, x = tutorial["truth"], tutorial["through"], tutorial["x"]
    assert dice(through(x, skip2=0), truth) == pytest.approx(0.9, abs=0.03)
    assert dice(through(x, bottleneck=0), truth) == dice(through(x), truth)
    assert dice(through(x, skip1=0, skip2=0, skip3=0), truth) < 0.15
    assert dice(tutorial["probability"](tutorial["model"], tutorial["pictures"]), truth) == 0


@pytest.mark.parametrize(("lr", "count", "expected"), [(0.0002, 64, 0.93), (0.2, 64, 0.94), (0.002, 4, 0.97)])
def test_what_is_said_of_other_trainings_is_true(tutorial, lr, count, expected):
    model = UNet(in_channels=1, out_channels=1, channels=(8, 16, 32), rng=0)
    pictures, masks = data.cells(count, size=64, rng=0)
    batches = data.Batches([*map(data.standardize, pictures)], list(masks), min(8, count), crop=64, rng=0)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    for _ in range(300):
        images, wanted = next(batches)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(images), wanted).backward()
        optimizer.step()
    assert dice(tutorial["probability"](model, tutorial["x"]), tutorial["truth"]) == pytest.approx(expected, abs=0.02)
