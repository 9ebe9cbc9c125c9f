"""Scores are of all pixels together, and of those that count."""

import math

import numpy as np
import pytest

from tinyunet import data, metrics
from tinyunet.data.masks import Meaning
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import Dataset, PictureUNet
from tinyunet.tasks.segmentation.scores import Validation, class_scores, confusion

CLASSES = Meaning("classes", ((0, 0), (1, 1), (2, 2)), 255)


def test_scores_are_of_all_pixels_together():
    p = [np.array([[[0.9, 0.2]]]), np.array([[[0.6, 0.4, 0.1, 0.3]]])]
    t = [np.array([[[1.0, 1.0]]]), np.array([[[1.0, 0.0, 0.0, 0.0]]])]
    score = segmentation.score_of(p, t)
    assert score.dice == pytest.approx(2 * 2 / (2 + 3))
    assert score.iou == pytest.approx(2 / 3)
    assert (score.precision, score.recall) == (1, pytest.approx(2 / 3))
    assert score.accuracy == pytest.approx(5 / 6)
    assert score.auc == metrics.roc_auc([0.9, 0.2, 0.6, 0.4, 0.1, 0.3], [1, 1, 1, 0, 0, 0])


def test_of_classes_what_is_ignored_is_left_out():
    truth = np.array([[[0, 1, 2, 255]]])
    dataset = Dataset(["a", "b"], [None, None], [truth, truth], CLASSES)
    counted = confusion(dataset, [np.array([[[0, 1, 2, 1]]]), np.array([[[1, 1, 2, 0]]])])
    assert counted.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 2]]
    scores = class_scores(counted)
    assert [s.iou for s in scores] == [0.5, pytest.approx(2 / 3), 1]
    assert [s.dice for s in scores] == [pytest.approx(2 / 3), pytest.approx(0.8), 1]
    assert [s.precision for s in scores] == [1, pytest.approx(2 / 3), 1]
    assert [s.recall for s in scores] == [0.5, 1, 1]


class Fixed(PictureUNet):
    """Predicts the picture itself: the logit is 20·x − 10 of one class, 20·x of several channels."""

    def forward(self, x):
        return segmentation.network.F.mul(x, 20.0) - (10.0 if x.shape[1] == 1 else 0.0)


def test_validation_is_dice_and_nan_where_it_says_nothing():
    truth = np.zeros((1, 16, 16))
    truth[:, :4] = 1
    image = np.zeros((1, 16, 16))
    image[:, 2:6] = 1
    model = Fixed(1, 1, (4,))
    numbers = Validation(Dataset(["a"], [image], [truth]))(model)
    assert list(numbers.items()) == [("dice", 0.5), ("precision", 0.5), ("recall", 0.5)]
    for alone in (np.zeros((1, 16, 16)), np.ones((1, 16, 16))):
        assert math.isnan(Validation(Dataset(["a"], [image], [alone]))(model)["dice"])


def test_validation_of_classes_is_mean_iou():
    truth = np.arange(256).reshape(1, 16, 16) % 3
    image = np.stack([truth[0] == k for k in range(3)]).astype(float)
    model = Fixed(3, 3, (4,))
    assert Validation(Dataset(["a"], [image], [truth], CLASSES))(model) == {"mean IoU": 1, "mean Dice": 1}
    one = np.zeros((1, 16, 16), int)
    assert math.isnan(Validation(Dataset(["a"], [image], [one], CLASSES))(model)["mean IoU"])


@pytest.mark.parametrize("inverted", [False, True])
def test_baselines_look_at_both_sides_of_the_picture(inverted):
    images, masks = data.cells(3, size=48, rng=0)
    images = 1 - images if inverted else images
    otsu, local = segmentation.baselines(Dataset(["a", "b", "c"], list(images), list(masks))).values()
    assert 0.4 < otsu.dice < 0.85
    assert otsu.dice < local.dice


MUTANTS = {
    "tasks.segmentation.scores:Validation.__call__": [
        ("empty masks are a perfect score", 'float("nan") if one else each[1].dice', "each[1].dice"),
        (
            "one class in all masks is a perfect score",
            'float("nan") if one else float(np.nanmean(ious))',
            "float(np.nanmean(ious))",
        ),
    ],
    "tasks.segmentation.scores:_counted": [
        ("what is ignored counts", "truth != IGNORE if dataset.meaning.classes > 1 else ", ""),
    ],
    "tasks.segmentation.scores:class_scores": [
        ("precision and recall exchanged", "for of in (taken, there)", "for of in (there, taken)"),
    ],
}
