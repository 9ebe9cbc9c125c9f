"""What the tutorial claims of skips holds, on every seed."""

import runpy

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import data, metrics
from tinyunet.unet import UNet
from tutorials import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "09_what_skips_are_for.py"))


def test_thin_structures_lose_a_tenth_of_dice_and_more_on_every_seed(tutorial):
    assert len(tutorial["fall"]) == 3
    assert min(tutorial["fall"]) >= 0.1
    assert tutorial["score"](tutorial["p_with"], tutorial["masks"]) > 0.85


def test_one_network_differs_less_from_seed_to_seed_than_the_two_do(tutorial):
    assert np.ptp(tutorial["fall"]) < min(tutorial["fall"])


def test_more_weights_are_no_substitute(tutorial):
    wider, p = tutorial["wider"], tutorial["probabilities"](tutorial["wider"], tutorial["images"])
    assert tutorial["size"](wider) > 1.9 * tutorial["size"](tutorial["with_skips"])
    assert tutorial["score"](p, tutorial["masks"]) < tutorial["score"](tutorial["p_with"], tutorial["masks"]) - 0.1


def test_a_moved_mask_is_nearly_right_for_cells_alone(tutorial):
    cell_masks, masks = tutorial["cell_masks"], tutorial["masks"]
    assert metrics.dice(np.roll(cell_masks, 2, axis=3), cell_masks) > 0.8
    assert metrics.dice(np.roll(masks, 2, axis=3), masks) < 0.45


def test_a_threshold_is_far_behind(tutorial):
    assert metrics.dice(tutorial["otsu"], tutorial["masks"]) < 0.4


def test_blurred_is_right_by_blocks_and_wrong_by_pixels_and_never_reaches_a_half(tutorial):
    p, masks, correlation = tutorial["p_without"], tutorial["masks"], tutorial["correlation"]
    blocks = tutorial["blocks"]
    assert p.max() < 0.5
    assert correlation(blocks(p), blocks(masks)) > 0.8
    assert correlation(p, masks) < 0.6
    assert correlation(tutorial["p_with"], masks) > 0.85


def test_a_quarter_costs_least():
    p = np.linspace(0.01, 0.99, 99)
    assert p[np.argmin(-np.log(p) - 3 * np.log(1 - p))] == pytest.approx(0.25)


def test_the_deeper_the_blinder(tutorial):
    scores = [tutorial["score"](tutorial["drawn"][levels], tutorial["masks"]) for levels in (1, 2, 3)]
    assert 0.8 < scores[0] < 0.87
    assert scores[0] > scores[1] + 0.05
    assert scores[1] > scores[2] + 0.1


def test_the_finest_skip_matters_most_and_the_bottleneck_not_at_all(tutorial):
    damaged, masks = tutorial["damaged"], tutorial["masks"]
    scores = [tutorial["score"](p, masks) for p in damaged.values()]
    nothing, one, two, three, bottleneck, both = scores
    assert one < two - 0.1 < two < nothing - 0.03
    assert abs(three - nothing) < 0.02
    assert abs(bottleneck - nothing) < 0.02
    assert abs(both - nothing) < 0.02


def test_gradients_come_back_both_ways_and_add_up(tutorial):
    for whole, across, below in zip(tutorial["whole"], tutorial["across"], tutorial["below"], strict=True):
        np.testing.assert_allclose(whole, across + below, atol=1e-5)
    length = tutorial["length"]
    assert length(tutorial["across"][0]) > 20 * length(tutorial["below"][0])
    assert 0.3 < length(tutorial["alone"][0]) / length(tutorial["whole"][0]) < 3


def test_the_way_through_the_bottleneck_is_weak_because_the_skips_are_larger(tutorial):
    sizes = tutorial["below_and_skip"]
    assert len(sizes) == 3
    assert all(0.25 < below / skip < 1 / 3 for below, skip in sizes)
    fresh, length = tutorial["fresh"], tutorial["length"]
    for block in fresh.decoder:  # as large as the skip: then it is not weak
        block.up.weight.data = block.up.weight.data * np.float32(3.4)
        block.up.bias.data = block.up.bias.data * np.float32(3.4)
    below = tutorial["gradients"](fresh, skip=lambda level, features: features.detach())
    assert length(below[0]) > 10 * length(tutorial["below"][0])


def test_cells_hide_bad_edges_behind_a_good_dice(tutorial):
    p, masks = tutorial["p_cells"], tutorial["cell_masks"]
    assert tutorial["score"](p[True], masks) > 0.95
    assert 0.9 < tutorial["score"](p[False], masks) < tutorial["score"](p[True], masks) - 0.03
    assert tutorial["edge_error"](p[False], masks) > 2 * tutorial["edge_error"](p[True], masks)


def test_adding_does_nearly_as_well_with_fewer_weights(tutorial):
    score, masks, size = tutorial["score"], tutorial["masks"], tutorial["size"]
    assert score(tutorial["p_added"], masks) > score(tutorial["p_with"], masks) - 0.04
    assert size(tutorial["added"]) == size(tutorial["without_skips"]) < 0.9 * size(tutorial["with_skips"])


def test_what_is_said_of_the_changes_is_true(tutorial):
    """Those of "What you should have seen"."""
    masks, score, model = tutorial["masks"], tutorial["score"], tutorial["with_skips"]
    assert metrics.dice(tutorial["p_without"] > 0.3, masks) == pytest.approx(0.52, abs=0.04)
    cut = {
        levels: F.sigmoid(
            tutorial["passing"](model, tutorial["x"], skip=lambda level, a, out=levels: a * 0 if level in out else a)
        ).numpy()
        for levels in ((1, 2), (2, 3))
    }
    assert score(cut[1, 2], masks) < 0.05
    assert score(cut[2, 3], masks) == pytest.approx(0.82, abs=0.04)
    assert metrics.dice(np.roll(masks, 1, axis=2), masks) == pytest.approx(0.67, abs=0.02)

    def halved(model, x):
        x, skips = model.encoder(x)
        x = model.bottleneck(x)
        for block in model.decoder:
            x = block.conv(block.up(x) + 0.5 * skips.pop())
        return model.output(x)

    half = tutorial["learn"](UNet(1, 1, (8, 16, 32), skips=False, rng=0), forward=halved)
    assert score(tutorial["probabilities"](half, tutorial["images"], forward=halved), masks) > 0.83


def test_given_five_times_as_long_it_marks_some(tutorial, monkeypatch):
    monkeypatch.setitem(tutorial["learn"].__globals__, "steps", lambda number: 5 * number)
    model = tutorial["learn"](UNet(1, 1, (8, 16, 32), skips=False, rng=0), data.filaments)
    p = tutorial["probabilities"](model, tutorial["images"])
    assert (
        0.6 < tutorial["score"](p, tutorial["masks"]) < tutorial["score"](tutorial["p_with"], tutorial["masks"]) - 0.1
    )
