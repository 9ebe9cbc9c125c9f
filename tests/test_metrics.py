"""Metrics against their definitions, spelled as sets and as loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyunet.metrics import (
    class_ious,
    confusion_matrix,
    dice,
    edge_distance,
    iou,
    ious_of,
    pixel_accuracy,
    precision,
    psnr,
    recall,
    roc_auc,
)

binary_pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12)


@given(binary_pairs)
def test_overlaps_are_those_of_the_sets_of_pixels(pixels):
    p = {k for k, (in_p, _) in enumerate(pixels) if in_p}
    t = {k for k, (_, in_t) in enumerate(pixels) if in_t}
    prediction, truth = np.array([*pixels]).reshape(-1, 2).T
    assert dice(prediction, truth) == (2 * len(p & t) / (len(p) + len(t)) if p | t else 1.0)
    assert iou(prediction, truth) == (len(p & t) / len(p | t) if p | t else 1.0)
    agreeing = len(pixels) - len(p ^ t)
    assert pixel_accuracy(prediction, truth) == (agreeing / len(pixels) if pixels else 1.0)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize(("metric", "value"), [(dice, 2 / 3), (iou, 1 / 2), (pixel_accuracy, 3 / 4), (roc_auc, 5 / 6)])
def test_every_dtype_gives_the_same_plain_float(metric, value, dtype):
    result = metric(np.array([[1, 1], [0, 0]], dtype), np.array([[1, 0], [0, 0]], dtype))
    assert type(result) is float
    assert result == pytest.approx(value)


def test_many_pixels_do_not_overflow_a_small_integer():
    ones = np.ones(300, np.uint8)
    assert dice(ones, ones) == iou(ones, ones) == pixel_accuracy(ones, ones) == 1


@pytest.mark.filterwarnings("error")
@given(st.lists(st.tuples(st.integers(-2, 2), st.booleans()), max_size=12))
def test_auc_is_the_share_of_pairs_in_the_right_order(samples):
    positives = [score for score, truth in samples if truth]
    negatives = [score for score, truth in samples if not truth]
    result = roc_auc([score for score, _ in samples], [truth for _, truth in samples])
    if not positives or not negatives:
        assert math.isnan(result)
        return
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    assert result == wins / (len(positives) * len(negatives))


def test_auc_of_pictures_is_that_of_their_pixels():
    rng = np.random.default_rng(0)
    truth = rng.random((2, 1, 20, 30)) < 0.3
    score = rng.normal(size=truth.shape) + truth
    wins = score[truth][:, None] > score[~truth]
    assert roc_auc(score, truth) == pytest.approx(wins.mean(), abs=1e-12)
    assert roc_auc(-score, truth) == pytest.approx(1 - wins.mean(), abs=1e-12)
    assert roc_auc(np.exp(score), truth) == roc_auc(score, truth)  # only the order counts


def test_auc_takes_infinite_scores():
    assert roc_auc([-np.inf, 0.0, np.inf], [0, 1, 1]) == 1


masks = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(
        *[st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])] * 2
    ).map(lambda pair: [np.reshape(flat, shape) for flat in pair])
)


def edge_pixels(mask):
    """Pixels of 1 with a neighbour of 0, by the definition."""
    ones = {(int(i), int(j)) for i, j in np.argwhere(mask)}
    zeros = {(int(i), int(j)) for i, j in np.argwhere(~mask)}
    return [(i, j) for i, j in ones if zeros & {(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)}]


@given(masks)
def test_edges_are_as_far_apart_as_their_nearest_pixels(pair):
    p, t = map(edge_pixels, pair)
    result = edge_distance(*pair)
    if not p or not t:
        assert result == (0 if not p and not t else math.inf)
        return
    distances = [min(math.dist(a, b) for b in t) for a in p] + [min(math.dist(a, b) for a in p) for b in t]
    assert result == pytest.approx(sum(distances) / len(distances))


def test_the_inside_of_a_mask_and_the_border_of_the_picture_are_no_edges():
    mask = np.zeros((8, 9), int)
    mask[:, 2:7] = 1  # a band from top to bottom: two edges
    moved = np.roll(mask, 1, axis=1)
    assert edge_distance(mask, moved) == 1
    assert edge_distance(mask, np.ones_like(mask)) == math.inf


def test_edges_are_those_of_one_picture():
    with pytest.raises(ValueError, match=r"a mask is \(H, W\), not \(2, 1, 8, 8\)"):
        edge_distance(np.zeros((2, 1, 8, 8)), np.zeros((2, 1, 8, 8)))


@pytest.mark.parametrize("metric", [dice, edge_distance, iou, pixel_accuracy, roc_auc])
def test_two_shapes_are_refused_and_not_broadcast(metric):
    with pytest.raises(ValueError, match=r"\(1, 3\).*\(2, 3\)"):
        metric(np.ones((1, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("metric", [dice, edge_distance, iou, pixel_accuracy])
@pytest.mark.parametrize("wrong", [0.37, 2, 255, np.nan, -1])
def test_values_besides_0_and_1_are_refused(metric, wrong):
    with pytest.raises(ValueError, match=f"prediction must hold 0 and 1 only, but holds {wrong}"):
        metric(np.array([0, wrong]), [0, 1])
    with pytest.raises(ValueError, match=f"truth must hold 0 and 1 only, but holds {wrong}"):
        metric([0, 1], np.array([0, wrong]))


@pytest.mark.parametrize(
    ("score", "truth", "error", "message"),
    [
        ([0.1, np.nan], [0, 1], ValueError, "1 of 2 scores are nan"),
        ([0.1, 0.2], [0, 255], ValueError, "truth must hold 0 and 1 only, but holds 255"),
        (["a", "b"], [0, 1], TypeError, "score must be an array of numbers"),
        ([0.1, 0.2], [None, 1], TypeError, "truth must be an array of numbers"),
        ([0.1j, 0.2], [0, 1], TypeError, "complex"),
    ],
)
def test_refusals_of_auc(score, truth, error, message):
    with pytest.raises(error, match=message):
        roc_auc(score, truth)


def test_psnr_counts_tenths_of_the_mean_squared_error():
    truth = np.full((2, 3), 100, np.uint8)
    assert psnr(truth + np.uint8(100), truth) == pytest.approx(-40)  # also of bytes, in which 100² is 16
    assert psnr(truth, truth + np.uint8(100)) == pytest.approx(-40)  # and 100 − 200 is 156
    assert psnr([0.1, 0.0], [0.0, 0.0]) == pytest.approx(-10 * math.log10(0.005))
    assert psnr([0.3], [0.3]) == math.inf
    with pytest.raises(ValueError, match="no pixels"):
        psnr([], [])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_the_iou_of_each_class_is_that_of_its_mask(pixels):
    prediction, truth = np.array([*pixels], np.uint8).reshape(-1, 2).T
    expected = [iou(prediction == k, truth == k) for k in range(4)]
    there = [k in prediction or k in truth for k in range(4)]
    np.testing.assert_array_equal(class_ious(prediction, truth, 4), np.where(there, expected, np.nan))


@pytest.mark.parametrize(
    ("prediction", "truth", "error", "message"),
    [
        ([0, 3], [0, 1], ValueError, "prediction must hold classes from 0 to 2, but goes from 0 to 3"),
        ([0, 1], [-1, 1], ValueError, "truth must hold classes from 0 to 2, but goes from -1 to 1"),
        ([0, 1], [0.0, 1.0], TypeError, "truth must hold integers, but its dtype is float64"),
        ([0, 1], [0, 1, 2], ValueError, "must have the same shape"),
    ],
)
def test_refusals_of_the_iou_of_each_class(prediction, truth, error, message):
    with pytest.raises(error, match=message):
        class_ious(prediction, truth, 3)


def test_precision_and_recall_are_what_dice_is_the_mean_of():
    rng = np.random.default_rng(0)
    p, t = rng.random(200) < 0.3, rng.random(200) < 0.6
    a, b = precision(p, t), recall(p, t)
    assert a == pytest.approx((p & t).sum() / p.sum())
    assert b == pytest.approx((p & t).sum() / t.sum())
    assert dice(p, t) == pytest.approx(2 * a * b / (a + b))
    nothing = np.zeros(200)
    assert np.isnan([precision(nothing, t), recall(p, nothing)]).all()
    assert (precision(p, nothing), recall(nothing, t)) == (0, 0)


def test_the_confusion_matrix_says_what_is_taken_for_what():
    rng = np.random.default_rng(0)
    p, t = rng.integers(3, size=(2, 50, 4))
    counted = confusion_matrix(p, t, 3)
    for i in range(3):
        for j in range(3):
            assert counted[i, j] == ((t == i) & (p == j)).sum()
    np.testing.assert_array_equal(ious_of(counted), class_ious(p, t, 3))
    parts = sum(confusion_matrix(p[k], t[k], 3) for k in range(50))
    np.testing.assert_array_equal(parts, counted)


MUTANTS = {
    "metrics:psnr": [
        ("whole numbers overflow", "np.asarray(p, np.float64)", "np.asarray(p)"),
        ("the sum of the errors", ".mean()", ".sum()"),
    ],
    "metrics:ious_of": [
        ("a class that is nowhere is missed", "np.full(len(confusion), np.nan)", "np.zeros(len(confusion))"),
        ("of the truth alone", "confusion.sum(axis=0) + confusion.sum(axis=1) - both", "confusion.sum(axis=1)"),
    ],
    "metrics:_confusion": [
        ("turned around", "t.astype(int) * classes + p", "p.astype(int) * classes + t"),
    ],
    "metrics:precision": [
        ("recall", "/ np.count_nonzero(p)", "/ np.count_nonzero(t)"),
    ],
    "metrics:recall": [
        ("precision", "/ np.count_nonzero(t)", "/ np.count_nonzero(p)"),
    ],
    "metrics:edge_distance": [
        ("from the prediction to the truth alone", "[apart.min(axis=1), apart.min(axis=0)]", "[apart.min(axis=1)]"),
        ("the farthest pixel", "apart.min(axis=1)", "apart.max(axis=1)"),
        ("one edge against none is no distance", 'if len(a) == len(b) else float("inf")', ""),
    ],
    "metrics:_edge_pixels": [
        ("all pixels are edges", "mask & ~inside", "mask"),
        ("the border of the picture is an edge", 'mode="edge"', 'mode="constant"'),
        ("nothing is compared below", " & around[2:, 1:-1]", ""),
    ],
}
