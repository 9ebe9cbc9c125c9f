"""How good a model is on pictures with masks, and what can be had without learning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyunet import classical, metrics
from tinyunet.data.masks import IGNORE
from tinyunet.tasks.segmentation.dataset import Dataset
from tinyunet.tasks.segmentation.network import marked, predict
from tinyunet.tensor import Array
from tinyunet.unet import UNet


class Score(NamedTuple):
    """How good a prediction is, over the pixels of all pictures together."""

    dice: float
    iou: float
    precision: float
    recall: float
    accuracy: float
    auc: float


class ClassScore(NamedTuple):
    """How good a prediction of one of several classes is, over the pixels of all pictures together; nan: not there."""

    dice: float
    iou: float
    precision: float
    recall: float


class Validation:
    """A function of a model that measures it on pictures held out: what decides which weights are the best comes first.

    That is Dice, or the mean IoU of several classes. It is nan where the masks show one class alone: then Dice is 1 as
    soon as nothing is marked, and says nothing about what is found.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __call__(self, model: UNet) -> dict[str, float]:
        counted = confusion(dataset=self.dataset, predicted=(marked(predict(model, x)) for x in self.dataset.images))
        each = class_scores(counted)
        one = np.count_nonzero(counted.sum(axis=1)) < 2  # class in all masks
        if self.dataset.meaning.classes == 1:
            return {"dice": float("nan") if one else each[1].dice, **_rounded(each[1])}
        ious, dices = ([getattr(s, of) for s in each] for of in ("iou", "dice"))
        return {"mean IoU": float("nan") if one else float(np.nanmean(ious)), "mean Dice": float(np.nanmean(dices))}


def _rounded(score: ClassScore) -> dict[str, float]:
    return {"precision": score.precision, "recall": score.recall}


def confusion(dataset: Dataset, predicted: Iterable[Array]) -> Array:
    """The confusion matrix of the classes predicted for all pictures and of their masks, of the pixels that count."""
    total = np.zeros((dataset.classes, dataset.classes), np.int64)
    for p, mask in zip(predicted, dataset.masks, strict=True):
        truth, counts = _counted(mask, dataset)
        total += metrics.confusion_matrix(p[counts], truth[counts], dataset.classes)
    return total


def _counted(mask: Array, dataset: Dataset) -> tuple[Array, Array]:
    """The classes of a mask, and which pixels count."""
    truth = np.asarray(mask).astype(np.int64)
    return truth, truth != IGNORE if dataset.meaning.classes > 1 else np.ones(truth.shape, bool)


def class_scores(confusion: Array) -> list[ClassScore]:
    """The scores of each class of a confusion matrix.

    >>> [class_scores(np.array([[3, 1], [0, 4]]))[1].recall]
    [1.0]
    """
    right, there, taken = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    ious = metrics.ious_of(confusion)
    precision, recall = (_ratio(right, of) for of in (taken, there))
    return [ClassScore(*map(float, row)) for row in zip(2 * ious / (1 + ious), ious, precision, recall, strict=True)]


def _ratio(part: Array, of: Array) -> Array:
    return np.divide(part, of, out=np.full(len(of), np.nan), where=of > 0)


def score(model: UNet, dataset: Dataset) -> Score:
    """The scores of a model on pictures with masks of two values."""
    return score_of([predict(model, image) for image in dataset.images], dataset.masks)


def score_of(predictions: Sequence[Array], masks: Sequence[Array]) -> Score:
    """The scores of probabilities, or of masks, which are certain probabilities."""
    p = np.concatenate([np.ravel(a) for a in predictions])
    truth = np.concatenate([np.ravel(a) for a in masks])
    positive = p > 0.5
    return Score(
        metrics.dice(positive, truth),
        metrics.iou(positive, truth),
        metrics.precision(positive, truth),
        metrics.recall(positive, truth),
        metrics.pixel_accuracy(positive, truth),
        metrics.roc_auc(p, truth),
    )


def baselines(dataset: Dataset) -> dict[str, Score]:
    """What can be had without learning, at its best: the light or the dark side of the pictures, whichever fits."""
    sides: Any = ("light", "dark")
    otsu = [score_of([classical.otsu(image, side) for image in dataset.images], dataset.masks) for side in sides]
    tuned = [(classical.tuned_local_threshold(dataset.images, dataset.masks, side), side) for side in sides]
    best, side = max(tuned, key=lambda found: found[0].dice)
    local = [classical.local_threshold(image, best.window, best.offset, side, best.smooth) for image in dataset.images]
    return {
        "Otsu's threshold": max(otsu, key=lambda s: s.dice),
        "local threshold, tuned here": score_of(local, dataset.masks),
    }


def evaluate(model: UNet, dataset: Dataset) -> list[tuple[str, Score]]:
    """The scores for every picture by name, for all together, and of the baselines; for masks of two values."""
    predictions = [predict(model, image) for image in dataset.images]
    each = zip(dataset.names, predictions, dataset.masks, strict=True)
    return [
        *((name, score_of([p], [mask])) for name, p, mask in each),
        (f"U-Net, all {len(dataset.names)}", score_of(predictions, dataset.masks)),
        *baselines(dataset).items(),
    ]


def evaluate_classes(model: UNet, dataset: Dataset) -> Iterator[tuple[str, Array]]:
    """The confusion matrix of every picture by name; their sum is that of all."""
    for k, name in enumerate(dataset.names):
        one = dataset.only([k])
        yield name, confusion(one, [marked(predict(model, one.images[0]))])
