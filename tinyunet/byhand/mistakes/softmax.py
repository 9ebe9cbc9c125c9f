"""Softmax, its logarithm, and cross-entropies."""

import functools
import math
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import Quantities, usual_and_rare
from tinyunet.tensor import Array


def shares(a: Array, axis: int = -1) -> Array:
    """Of every row, the numbers divided by their sum."""
    return a / a.sum(axis, keepdims=True)


def softmax(x: Array, axis: int = -1) -> Array:
    return shares(np.exp(x - x.max()), axis)


def total(a: Array) -> Array:
    """The sum of every row, as a column."""
    return a.sum(-1, keepdims=True)


def several_rows(q: Any) -> bool:
    return q.x.ndim > 1 and len(q.x) > 1


# ---- softmax


class Softmax(Quantities):
    """The powers e^x, their sum Z in every row, and p, the result."""

    def prepare(self) -> None:
        self.powers = np.exp(self.x)
        self.Z = total(self.powers)
        self.p = self.y()

    @functools.cached_property
    def weighted(self) -> Array:
        """Σ dy·softmax(x), whichever the result is."""
        return total(self.dy * softmax(self.x))

    @functools.cached_property
    def dot(self) -> Array:
        """Σ dy·p over the classes of a row."""
        return total(self.dy * self.p)


wrong, rare = usual_and_rare("softmax y", Softmax)
wrong("not normalised", "divide by the sum of the exponentials", lambda q: q.powers)
wrong("exponential forgotten", "it is the exponentials that are divided by their sum", lambda q: shares(q.x))
wrong("wrong axis", "the probabilities of the classes of one row sum to 1", where=lambda q: q.x.ndim > 1)
wrong.way("", lambda q: softmax(q.x, 0))
rare("power of another number", "the powers are those of e ≈ 2.718")
rare.way("of 2", lambda q: softmax(q.x * math.log(2)))
rare.way("of 10", lambda q: softmax(q.x * math.log(10)))
rare.way("of 1/e: the sign of x is reversed", lambda q: softmax(-q.x))
rare("wrong sum", "divide by the sum of the exponentials of the row, all classes of it")
rare.way("the largest in place of the sum", lambda q: q.powers / q.powers.max(-1, keepdims=True))
rare.way("of the other classes alone", lambda q: q.powers / (q.Z - q.powers))
rare.way("of all rows", lambda q: q.powers / q.powers.sum() if several_rows(q) else None)
rare.way("of the logits", lambda q: q.powers / total(q.x))
rare.way("of unshifted powers", lambda q: q.powers / q.powers.max(-1, keepdims=True) / q.Z)
rare("another function", "y = e^x / Σ e^x")
rare.way("log-softmax", lambda q: np.log(q.p))
rare.way("sigmoid", lambda q: 1 / (1 + np.exp(-q.x)))
rare.way("1 for the largest, 0 for the others", lambda q: (q.x == q.x.max(-1, keepdims=True)).astype(float))
rare.way("softmax twice", lambda q: softmax(q.p))
rare.way("squares in place of exponentials", lambda q: shares(q.x**2))
rare.way("divided by its length", lambda q: q.x / np.sqrt(total(q.x**2)))
rare.way("shares of the numbers without their signs", lambda q: shares(np.abs(q.x)))

wrong, rare = usual_and_rare("softmax dx", Softmax)
wrong("other classes forgotten", "each logit moves all probabilities: subtract Σ dy·y over the classes")
wrong.way("y·(1 − y)·dy", lambda q: q.p * (1 - q.p) * q.dy)
wrong.way("y·dy", lambda q: q.p * q.dy)
rare("sum not weighted", "what is subtracted is Σ dy·y, over all classes")
rare.way("Σ dy", lambda q: q.p * (q.dy - total(q.dy)))
rare.way("the mean of dy", lambda q: q.p * (q.dy - q.dy.mean(-1, keepdims=True)))
rare("sum added", "Σ dy·y is subtracted", lambda q: q.p * (q.dy + q.dot))
rare("own class forgotten", "each logit moves its own probability as well: dy is in the bracket")
rare.way("−y·Σ dy·y", lambda q: -q.p * q.dot)
rare.way("only the others in the sum", lambda q: -q.p * (q.dot - q.dy * q.p))
rare("gradient of cross-entropy", "p − onehot is the gradient of softmax and cross-entropy together")
rare.way("", lambda q: q.p - q.dy)
rare("Jacobian instead of gradient", "the matrix ∂y/∂x is multiplied by dy")
rare.way("", lambda q: np.eye(q.p.shape[-1]) * q.p[..., None] - q.p[..., None] * q.p[..., None, :])
rare("y forgotten", "the bracket is multiplied by y", lambda q: q.dy - q.dot)


# ---- log-softmax

wrong, rare = usual_and_rare("log_softmax y", Softmax)
wrong("logarithm forgotten", "it is the logarithm of the probability", lambda q: np.exp(q.y()))
wrong("softmax forgotten", "log-softmax is x less log Z, not the logarithm of x", lambda q: np.log(q.x))
wrong("sign forgotten", "the logarithm of a probability is negative; −log p is the loss", lambda q: -q.y())
wrong("logarithm of Z forgotten", "x − log Z, not x − Z", lambda q: q.x - q.Z)
wrong("logarithm to another base", "log is the natural logarithm")
wrong.way("base 2", lambda q: q.y() / math.log(2))
wrong.way("base 10", lambda q: q.y() / math.log(10))
wrong("wrong axis", "the probabilities of the classes of one row sum to 1", where=lambda q: q.x.ndim > 1)
wrong.way("", lambda q: np.log(softmax(q.x, 0)))
rare("sum of the logits", "Z is the sum of the exponentials", lambda q: q.x - np.log(total(q.x)))

wrong, rare = usual_and_rare("log_softmax dx", Softmax)
wrong("other classes forgotten", "each logit is in Z of all classes: subtract p·Σ dy")
wrong.way("dy alone", lambda q: q.dy)
wrong.way("(1 − p)·dy", lambda q: (1 - np.exp(q.y())) * q.dy)
wrong("gradient of softmax", "log-softmax has dx = dy − p·Σ dy", lambda q: np.exp(q.y()) * (q.dy - q.weighted))
rare("sum weighted", "what p is multiplied by is Σ dy, without p in it", lambda q: q.dy - q.weighted)
rare("p forgotten", "Σ dy is multiplied by p", lambda q: q.dy - total(q.dy))


# ---- cross-entropy


class CrossEntropy(Quantities):
    """The probabilities p of the classes, and those of the targets, as they enter the loss and its gradient."""

    target: Array
    reduction: str

    def prepare(self) -> None:
        self.classes = self.x.shape[-1]
        self.onehot = (np.arange(self.classes) == np.expand_dims(self.target, -1)).astype(float)
        self.p = softmax(self.x)
        self.x_target, self.p_target = self.of_target(self.x), self.of_target(self.p)
        self.rows = len(self.x) if self.x.ndim == 2 and self.reduction == "mean" else 1

    def of_target(self, table: Array) -> Array:
        """Of every row, the number of the target class."""
        return np.take_along_axis(table, np.expand_dims(self.target, -1), -1)[..., 0]

    def reduced(self, losses: Array) -> Array:
        """The losses of the rows, as the operation reduces them."""
        return losses if self.reduction == "none" else np.asarray(getattr(losses, self.reduction)())

    def shared(self, gradient: Array) -> Array:
        """The gradient of a row's logits, times dy, and divided by the number of rows for a mean."""
        return gradient * np.expand_dims(self.dy, -1) / self.rows


def is_mean(q: Any) -> bool:
    return q.reduction == "mean"


_, rare = usual_and_rare("cross_entropy y, cross_entropy dx", CrossEntropy)
rare("target off by one", "classes are counted from 0")
rare.way("one too low", lambda q: q.asked(target=(q.target - 1) % q.classes))
rare.way("one too high", lambda q: q.asked(target=(q.target + 1) % q.classes))
BY_CLASSES = "divided by the classes", "the mean divides by the number of rows, not of classes"

wrong, rare = usual_and_rare("cross_entropy y", CrossEntropy)
wrong("sum for mean", "the mean divides by the number of rows", where=lambda q: q.reduction != "none")
wrong.way("", lambda q: q.y(reduction="sum" if q.reduction == "mean" else "mean"))
wrong("softmax forgotten", "the logits become probabilities by softmax; the loss is −log of one of them")
wrong.way("minus the logit", lambda q: q.reduced(-q.x_target))
wrong.way("−log of the logit", lambda q: q.reduced(-np.log(q.x_target)))
wrong("sign forgotten", "the loss is minus the logarithm of the probability, and positive", lambda q: -q.y())
wrong("logarithm to another base", "log is the natural logarithm")
wrong.way("base 2", lambda q: q.y() / math.log(2))
wrong.way("base 10", lambda q: q.y() / math.log(10))
wrong("logarithm forgotten", "the loss is −log p, not the probability p of the target", lambda q: q.reduced(q.p_target))
rare("softmax twice", "cross-entropy takes the logits; softmax is part of it", lambda q: q.y(x=q.p))
rare("wrong axis", "the probabilities of the classes of one row sum to 1", where=several_rows)
rare.way("", lambda q: q.reduced(-np.log(q.of_target(softmax(q.x, 0)))))
rare(*BY_CLASSES)
rare.way("in place of the rows", lambda q: q.y(reduction="sum") / q.classes if is_mean(q) else None)
rare.way("as well", lambda q: q.y() / q.classes)
rare("mean before the logarithm", "the mean is that of the losses −log p, not of the p", where=is_mean)
rare.way("", lambda q: -np.log(q.p_target.mean()))
rare("other classes counted", "only the probability of the target is in the loss")
rare.way("−log p of all", lambda q: q.reduced(-np.log(q.p).sum(-1)))
rare.way("−log(1 − p) of the others", lambda q: q.reduced(-np.log(np.where(q.onehot, q.p, 1 - q.p)).sum(-1)))
rare.way("the entropy of p", lambda q: q.reduced(-(q.p * np.log(q.p)).sum(-1)))
rare("sigmoid in place of softmax", "the classes of a row share one sum of exponentials")
rare.way("", lambda q: q.reduced(np.log1p(np.exp(-q.x_target))))
rare("another loss", "the loss is −log p")
rare.way("1 − p", lambda q: q.reduced(1 - q.p_target))
rare.way("the squares of p − onehot, added up", lambda q: q.reduced(((q.p - q.onehot) ** 2).sum(-1)))
rare.way("the mean square of p − onehot", lambda q: q.reduced(((q.p - q.onehot) ** 2).mean(-1)))
rare.way("−log(1 − p)", lambda q: q.reduced(-np.log(1 - q.p_target)))
rare.way("hinge", lambda q: q.reduced(np.maximum(0, q.x - q.x_target[..., None] + 1).sum(-1) - 1))
rare.way("minus the largest p", lambda q: q.reduced(-q.p.max(-1)))
rare.way("−log of the largest p", lambda q: q.reduced(-np.log(q.p.max(-1))))
rare("exponential forgotten", "it is the exponentials that are divided by their sum")
rare.way("", lambda q: q.reduced(-np.log(q.of_target(shares(q.x)))))
rare("part of log Z − x forgotten", "the loss is log Z − x[target], with all classes in Z")
rare.way("log Z alone", lambda q: q.reduced(np.log(np.exp(q.x).sum(-1))))
rare.way("the target is not in Z", lambda q: q.reduced(np.log((np.exp(q.x) * (1 - q.onehot)).sum(-1)) - q.x_target))
rare.way("Z for log Z", lambda q: q.reduced(np.exp(q.x).sum(-1) - q.x_target))
rare("softmax forgotten", "the loss is −log of a probability, which softmax makes of the logits")
rare.way("log of the logit, without minus", lambda q: q.reduced(np.log(q.x_target)))
rare.way("the logit", lambda q: q.reduced(q.x_target))

wrong, rare = usual_and_rare("cross_entropy dx", CrossEntropy)
wrong("1 not subtracted at the target", "the gradient is p − 1 at the target class", lambda q: q.shared(q.p))
wrong("not divided by the rows", "the mean over the rows divides their gradients, too", where=is_mean)
wrong.way("", lambda q: q.dx(reduction="sum"))
wrong("sign reversed", "p − onehot, not onehot − p", lambda q: -q.dx())
rare("other classes forgotten", "every logit is in Z: elsewhere the gradient is p", lambda q: q.dx() * q.onehot)
rare("1 subtracted everywhere", "1 is subtracted at the target class alone", lambda q: q.shared(q.p - 1))
rare("softmax forgotten", "the gradient is p − onehot, with p = softmax(x)", lambda q: q.shared(q.x - q.onehot))
rare("gradient with respect to p", "asked for is the gradient of the logits: p − onehot")
rare.way("", lambda q: q.shared(-q.onehot / q.p))
rare(*BY_CLASSES)
rare.way("as well", lambda q: q.dx() / q.classes)
rare.way("in place of the rows", lambda q: q.dx(reduction="sum") / q.classes if is_mean(q) else None)
rare("divided by the rows", "a sum over the rows is not divided", where=lambda q: not is_mean(q) and q.x.ndim == 2)
rare.way("", lambda q: q.dx() / len(q.x))
rare("sign reversed", "p − onehot, not onehot − p, and divided by the rows for a mean", where=is_mean)
rare.way("and not divided by the rows", lambda q: -q.dx(reduction="sum"))
rare("slope of a sigmoid multiplied in", "p·(1 − p) cancels out: what is left is p − onehot")
rare.way("", lambda q: q.dx() * q.p * (1 - q.p))
rare("upstream gradient forgotten", "every gradient is multiplied by that of the loss, dy")
rare.way("", lambda q: q.dx(dy=np.ones_like(q.dy)))


# ---- binary cross-entropy


class BinaryCrossEntropy(Quantities):
    """p = σ(x), and what the losses and their gradients are reduced to."""

    target: Array
    reduction: str

    def prepare(self) -> None:
        self.p = 1 / (1 + np.exp(-self.x))
        self.count = self.x.size if self.reduction == "mean" else 1

    def reduced(self, losses: Array) -> Array:
        """The losses of the logits, as the operation reduces them."""
        return losses if self.reduction == "none" else np.asarray(getattr(losses, self.reduction)())

    def of(self, p: Array) -> Array:
        """y by other probabilities."""
        return self.reduced(-self.target * np.log(p) - (1 - self.target) * np.log(1 - p))

    def shared(self, gradient: Array) -> Array:
        """The gradient of the logits, times dy, and divided by their number for a mean."""
        return gradient * self.dy / self.count


wrong, rare = usual_and_rare("binary_cross_entropy_with_logits y", BinaryCrossEntropy)
wrong("sum for mean", "the mean divides by the number of logits", where=lambda q: q.reduction != "none")
wrong.way("", lambda q: q.y(reduction="sum" if q.reduction == "mean" else "mean"))
wrong("sigmoid twice", "the loss takes the logits; the sigmoid is part of it", lambda q: q.y(x=q.p))
wrong("sigmoid forgotten", "the logits become probabilities by the sigmoid", lambda q: q.of(q.x))
wrong("only the positive part", "where the target is 0 the loss is −log(1 − p)")
wrong.way("−t·log p", lambda q: q.reduced(-q.target * np.log(q.p)))
wrong.way("−log p, whatever the target", lambda q: q.reduced(-np.log(q.p)))
wrong("targets exchanged", "p is the probability of 1", lambda q: q.y(target=1 - q.target))
wrong("sign forgotten", "the loss is minus the logarithm of the probability, and positive", lambda q: -q.y())
wrong("logarithm to another base", "log is the natural logarithm")
wrong.way("base 2", lambda q: q.y() / math.log(2))
wrong.way("base 10", lambda q: q.y() / math.log(10))
wrong("softmax in place of sigmoid", "every logit is a question of its own, yes or no", where=lambda q: q.x.ndim > 0)
wrong.way("", lambda q: q.of(softmax(q.x)) if q.x.shape[-1] > 1 else None)
rare("another loss", "the loss is −log p, or −log(1 − p)")
rare.way("the square of p − t", lambda q: q.reduced((q.p - q.target) ** 2))
rare.way("|p − t|", lambda q: q.reduced(np.abs(q.p - q.target)))
rare("mean over the batch alone", "the mean divides by the number of logits", where=is_mean)
rare.way("", lambda q: q.y(reduction="sum") / len(q.x) if q.x.ndim > 1 else None)

wrong, rare = usual_and_rare("binary_cross_entropy_with_logits dx", BinaryCrossEntropy)
wrong("target not subtracted", "the gradient is p − t", lambda q: q.shared(q.p))
wrong("not divided by the logits", "the mean divides the gradients, too", where=is_mean)
wrong.way("", lambda q: q.dx(reduction="sum"))
wrong("sign reversed", "p − t, not t − p", lambda q: -q.dx())
wrong("slope of the sigmoid multiplied in", "p·(1 − p) cancels out: what is left is p − t")
wrong.way("", lambda q: q.dx() * q.p * (1 - q.p))
rare("sigmoid forgotten", "the gradient is p − t, with p = σ(x)", lambda q: q.shared(q.x - q.target))
rare("gradient with respect to p", "asked for is the gradient of the logits: p − t")
rare.way("", lambda q: q.shared((q.p - q.target) / (q.p * (1 - q.p))))
rare("upstream gradient forgotten", "every gradient is multiplied by that of the loss, dy")
rare.way("", lambda q: q.dx(dy=np.ones_like(q.dy)))
