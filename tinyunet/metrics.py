"""How good is a prediction?

Of masks: overlap (Dice, IoU), precision and recall, correct pixels, distance of edges, ranking of scores (ROC AUC). Of
classes: who is taken for whom (the confusion matrix), and the IoU of each. Of pictures: PSNR.
"""

import numpy as np
from numpy.typing import ArrayLike


def dice(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Dice coefficient of two 0/1 arrays P and T of equal shape: 2·|P ∩ T| / (|P| + |T|).

    1 is perfect and 0 is disjoint; two empty masks agree, which is 1. It is the F1 score of the positive
    class. Raises ValueError for other values than 0 and 1 or for two shapes (Dice 1945).

    >>> dice([1, 1, 0, 0], [1, 0, 0, 0])
    0.6666666666666666
    """
    p, t = _binary_pair(prediction, truth, "dice")
    total = np.count_nonzero(p) + np.count_nonzero(t)
    return float(2 * np.count_nonzero(p & t) / total) if total else 1.0


def iou(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Intersection over union, the Jaccard index, of two 0/1 arrays of equal shape: |P ∩ T| / |P ∪ T|.

    Two empty masks give 1. It orders predictions as Dice does: IoU = Dice / (2 − Dice).
    Raises ValueError for other values than 0 and 1 or for two shapes (Jaccard 1912).

    >>> iou([1, 1, 0, 0], [1, 0, 0, 0])
    0.5
    """
    p, t = _binary_pair(prediction, truth, "iou")
    union = np.count_nonzero(p | t)
    return float(np.count_nonzero(p & t) / union) if union else 1.0


def precision(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Of what is marked, how much is right? |P ∩ T| / |P| of two 0/1 arrays of one shape; nan if nothing is marked.

    Raises ValueError for other values than 0 and 1 or for two shapes.

    >>> precision([1, 1, 0, 0], [1, 0, 0, 0])
    0.5
    """
    p, t = _binary_pair(prediction, truth, "precision")
    return float(np.count_nonzero(p & t) / np.count_nonzero(p)) if p.any() else float("nan")


def recall(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Of what is there, how much is marked? |P ∩ T| / |T| of two 0/1 arrays of one shape; nan if nothing is there.

    Dice is the harmonic mean of both. Raises ValueError for other values than 0 and 1 or for two shapes.

    >>> recall([1, 0, 0, 0], [1, 1, 1, 1])
    0.25
    """
    p, t = _binary_pair(prediction, truth, "recall")
    return float(np.count_nonzero(p & t) / np.count_nonzero(t)) if t.any() else float("nan")


def confusion_matrix(prediction: ArrayLike, truth: ArrayLike, classes: int) -> np.ndarray:
    """How often is which class taken for which? M[t, p] = |T = t and P = p|, (classes, classes), of numbers from 0.

    Its diagonal is what is right. Matrices of several pictures add up. Raises ValueError for two shapes or a number
    that is no class, TypeError for numbers that are not integers.

    >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=2)
    array([[1, 0],
           [1, 2]])
    """
    return _confusion(prediction, truth, classes, "confusion_matrix")


def _confusion(prediction: ArrayLike, truth: ArrayLike, classes: int, caller: str) -> np.ndarray:
    p, t = _real_pair(prediction, truth, caller, names=("prediction", "truth"))
    for name, array in (("prediction", p), ("truth", t)):
        if array.dtype.kind not in "ui":
            raise TypeError(f"{caller}: {name} must hold integers, but its dtype is {array.dtype}")
        if array.size and not (array.min() >= 0 and array.max() < classes):
            raise ValueError(
                f"{caller}: {name} must hold classes from 0 to {classes - 1}, "
                f"but goes from {array.min()} to {array.max()}"
            )
    return np.bincount(np.ravel(t.astype(int) * classes + p), minlength=classes**2).reshape(classes, classes)


def class_ious(prediction: ArrayLike, truth: ArrayLike, classes: int) -> np.ndarray:
    """IoU of each class, (classes,), of two arrays of equal shape that hold the numbers of classes from 0.

        IoU[k] = |P = k and T = k| / |P = k or T = k|

    nan for a class that neither holds, so that `np.nanmean` is the mean IoU of those that are there. Raises ValueError
    for two shapes or a number that is no class, TypeError for numbers that are not integers (Everingham et al. 2015).

    >>> class_ious([0, 0, 1, 1], [0, 1, 1, 1], classes=3)
    array([0.5       , 0.66666667,        nan])
    """
    return ious_of(_confusion(prediction, truth, classes, "class_ious"))


def ious_of(confusion: np.ndarray) -> np.ndarray:
    """The `class_ious` of what a confusion matrix counts.

    >>> ious_of(np.array([[3, 1], [0, 2]]))
    array([0.75      , 0.66666667])
    """
    both = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    return np.divide(both, either, out=np.full(len(confusion), np.nan), where=either > 0)


def pixel_accuracy(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Share of the pixels where two 0/1 arrays of equal shape agree: |{i : Pᵢ = Tᵢ}| / n; 1 for n = 0.

    Beware of rare classes: where 2 % of the pixels are foreground, predicting none of them scores 0.98.
    Raises ValueError for other values than 0 and 1 or for two shapes.

    >>> pixel_accuracy([1, 1, 0, 0], [1, 0, 0, 0])
    0.75
    """
    p, t = _binary_pair(prediction, truth, "pixel_accuracy")
    return float(np.count_nonzero(p == t) / p.size) if p.size else 1.0


def edge_distance(prediction: ArrayLike, truth: ArrayLike) -> float:
    """How many pixels the edges of two 0/1 masks (H, W) lie apart, on average.

    An edge pixel is a 1 beside a 0, to its left, right, top or bottom; beyond the picture nothing is an edge. From each
    edge pixel of P to the nearest one of T, and from each one of T to the nearest one of P: the mean of all these
    distances, the "average symmetric surface distance" of Heimann et al. 2009. 0 if neither mask has an edge, ∞ if only
    one has. Raises ValueError for other values than 0 and 1, for two shapes, or for another number of dimensions.

    >>> edge_distance([[0, 1, 0, 0, 0]], [[0, 0, 0, 1, 0]])
    2.0
    """
    p, t = _binary_pair(prediction, truth, "edge_distance")
    if p.ndim != 2:
        raise ValueError(f"edge_distance: a mask is (H, W), not {p.shape}; give one picture and channel at a time")
    a, b = _edge_pixels(p), _edge_pixels(t)
    if not len(a) or not len(b):
        return 0.0 if len(a) == len(b) else float("inf")
    apart = np.hypot(*(a[:, None] - b).transpose(2, 0, 1))  # (edge pixels of P, of T)
    return float(np.concatenate([apart.min(axis=1), apart.min(axis=0)]).mean())


def _edge_pixels(mask: np.ndarray) -> np.ndarray:
    """Row and column of each edge pixel of a mask (H, W), (n, 2)."""
    around = np.pad(mask, 1, mode="edge")
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return np.argwhere(mask & ~inside)


def roc_auc(score: ArrayLike, truth: ArrayLike) -> float:
    """Area under the ROC curve: the probability that a random positive scores above a random negative.

        AUC = (#{(p, n) : sₚ > sₙ} + ½·#{(p, n) : sₚ = sₙ}) / (#positives · #negatives)

    Needs no threshold. Exact: a sort finds for each positive how many negatives lie below it and how many
    tie. `score` is any array of real numbers, `truth` 0/1 of the same shape; nan when either class is
    missing. Raises ValueError for two shapes, a score that is nan, or a truth besides 0 and 1 (Hanley &
    McNeil 1982).

    >>> roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    """
    s, t = _real_pair(score, truth, "roc_auc", names=("score", "truth"))
    if np.isnan(s).any():
        raise ValueError(f"roc_auc: {np.count_nonzero(np.isnan(s))} of {s.size} scores are nan, which has no rank")
    t = _as_bool(t, "roc_auc: truth")
    positives, negatives = np.sort(s[t]), np.sort(s[~t])
    if not positives.size or not negatives.size:
        return float("nan")
    below = np.searchsorted(negatives, positives, side="left")
    below_or_tied = np.searchsorted(negatives, positives, side="right")
    return float((below + below_or_tied).sum() / (2 * positives.size * negatives.size))


def psnr(prediction: ArrayLike, truth: ArrayLike) -> float:
    """Peak signal-to-noise ratio of two pictures with values from 0 to 1, in dB: −10·log₁₀ of the mean squared error.

    10 dB more is a tenth of the error; ∞ is equality. Raises ValueError for two shapes, or no pixels.

    >>> psnr([0.5, 0.4, 0.5, 0.6], [0.5, 0.5, 0.5, 0.5])
    23.010299956639813
    """
    p, t = _real_pair(prediction, truth, "psnr", names=("prediction", "truth"))
    if not p.size:
        raise ValueError(f"psnr: pictures {p.shape} have no pixels")
    error = np.square(np.asarray(p, np.float64) - t).mean()
    return float(-10 * np.log10(error)) if error else float("inf")


def _binary_pair(prediction: ArrayLike, truth: ArrayLike, caller: str) -> tuple[np.ndarray, np.ndarray]:
    """Both as boolean arrays of one shape."""
    p, t = _real_pair(prediction, truth, caller, names=("prediction", "truth"))
    return _as_bool(p, f"{caller}: prediction"), _as_bool(t, f"{caller}: truth")


def _real_pair(
    first: ArrayLike, second: ArrayLike, caller: str, names: tuple[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of real numbers (or booleans) of one shape."""
    a, b = np.asarray(first), np.asarray(second)
    for name, array in zip(names, (a, b), strict=True):
        if array.dtype.kind not in "buif":
            raise TypeError(f"{caller}: {name} must be an array of numbers, but its dtype is {array.dtype}")
    if a.shape != b.shape:
        raise ValueError(f"{caller}: {names[0]} {a.shape} and {names[1]} {b.shape} must have the same shape")
    return a, b


def _as_bool(array: np.ndarray, what: str) -> np.ndarray:
    """A 0/1 array as booleans."""
    positive = array == 1
    strange = ~(positive | (array == 0))
    if strange.any():
        raise ValueError(f"{what} must hold 0 and 1 only, but holds {array[strange][0]}; threshold it first")
    return positive
