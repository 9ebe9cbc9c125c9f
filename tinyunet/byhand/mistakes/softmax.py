"""Softmax and cross-entropy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import Answers, mistake, rare
from tinyunet.tensor import Array


@mistake("softmax y", "not normalised", "divide by the sum of the exponentials")
def _not_divided(op: Operation, dy: Any) -> Answers:
    yield np.exp(op.arrays["x"])


@mistake("softmax y", "exponential forgotten", "it is the exponentials that are divided by their sum")
def _no_exponential(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    total = x.sum(-1, keepdims=True)
    if np.all(total != 0):
        yield x / total


@mistake("softmax y", "wrong axis", "the probabilities of the classes of one row sum to 1")
def _softmax_axis(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    if x.ndim > 1:
        yield np.exp(x) / np.exp(x).sum(0)


@mistake(
    "softmax dx", "other classes forgotten", "each logit moves all probabilities: subtract Σ dy·y over the classes"
)
def _diagonal(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield y * (1 - y) * dy, "y·(1 − y)·dy"
    yield y * dy, "y·dy"


@mistake("cross_entropy y", "sum for mean", "the mean divides by the number of rows")
def _summed(op: Operation, dy: Any) -> Answers:
    other = {"mean": "sum", "sum": "mean"}.get(op.settings["reduction"])
    if other:
        yield op.changed(reduction=other).result()


@mistake(
    "cross_entropy y",
    "softmax forgotten",
    "the logits become probabilities by softmax; the loss is −log of one of them",
)
def _no_softmax(op: Operation, dy: Any) -> Answers:
    x, target = op.arrays["x"], op.arrays["target"]
    chosen = np.take_along_axis(x, np.expand_dims(target, -1), -1)[..., 0]
    reduce: Any = {"none": np.asarray, "mean": np.mean, "sum": np.sum}[op.settings["reduction"]]
    yield reduce(-chosen), "minus the logit"
    if np.all(chosen > 0):
        yield reduce(-np.log(chosen)), "−log of the logit"


@mistake("cross_entropy y", "sign forgotten", "the loss is minus the logarithm of the probability, and positive")
def _negative(op: Operation, dy: Any) -> Answers:
    yield -op.result()


@mistake("cross_entropy y", "logarithm to another base", "log is the natural logarithm")
def _base(op: Operation, dy: Any) -> Answers:
    yield op.result() / math.log(2), "base 2"
    yield op.result() / math.log(10), "base 10"


@mistake("cross_entropy y", "logarithm forgotten", "the loss is −log p, not the probability p of the target")
def _no_logarithm(op: Operation, dy: Any) -> Answers:
    losses = op.changed(reduction="none").result()
    p = np.exp(-losses)
    yield p if op.settings["reduction"] == "none" else p.mean() if op.settings["reduction"] == "mean" else p.sum()


@mistake("cross_entropy dx", "1 not subtracted at the target", "the gradient is p − 1 at the target class")
def _only_p(op: Operation, dy: Any) -> Answers:
    p = np.exp(op.arrays["x"])
    p = p / p.sum(-1, keepdims=True)
    rows = len(p) if p.ndim == 2 and op.settings["reduction"] == "mean" else 1
    yield p * np.expand_dims(dy, -1) / rows


@mistake("cross_entropy dx", "not divided by the rows", "the mean over the rows divides their gradients, too")
def _not_averaged(op: Operation, dy: Any) -> Answers:
    if op.settings["reduction"] == "mean":
        yield op.changed(reduction="sum").result("dx", dy)


@mistake("cross_entropy dx", "sign reversed", "p − onehot, not onehot − p")
def _reversed(op: Operation, dy: Any) -> Answers:
    yield -op.result("dx", dy)


# ---- less usual


def _softmax(x: Array, axis: int = -1) -> Array:
    powers = np.exp(x - x.max())
    return powers / powers.sum(axis, keepdims=True)


def _reduced(op: Operation, losses: Array) -> Array:
    """The losses of the rows, as the operation reduces them."""
    reduce: Any = {"none": np.asarray, "mean": np.mean, "sum": np.sum}[op.settings["reduction"]]
    return reduce(losses)


def _of_target(op: Operation, table: Array) -> Array:
    """Of every row, the number of the target class."""
    return np.take_along_axis(table, np.expand_dims(op.arrays["target"], -1), -1)[..., 0]


def _one_hot(op: Operation) -> Array:
    classes = np.arange(op.arrays["x"].shape[-1])
    return (classes == np.expand_dims(op.arrays["target"], -1)).astype(float)


@rare("softmax y", "power of another number", "the powers are those of e = 2.718…")
def _other_base(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    yield _softmax(x * math.log(2)), "of 2"
    yield _softmax(x * math.log(10)), "of 10"
    yield _softmax(-x), "of 1/e: the sign of x is reversed"


@rare("softmax y", "wrong sum", "divide by the sum of the exponentials of the row, all classes of it")
def _other_sum(op: Operation, dy: Any) -> Answers:
    powers = np.exp(op.arrays["x"])
    rest = powers.sum(-1, keepdims=True) - powers
    yield powers / powers.max(-1, keepdims=True), "the largest in place of the sum"
    if powers.shape[-1] > 1:
        yield powers / rest, "of the other classes alone"
    if powers.ndim > 1 and len(powers) > 1:
        yield powers / powers.sum(), "of all rows"
    yield powers / op.arrays["x"].sum(-1, keepdims=True), "of the logits"
    yield powers / np.exp(op.arrays["x"].max(-1, keepdims=True)) / powers.sum(-1, keepdims=True), "of unshifted powers"


@rare("softmax y", "another function", "y = e^x / Σ e^x")
def _other_function(op: Operation, dy: Any) -> Answers:
    x, y = op.arrays["x"], op.result()
    yield np.log(y), "log-softmax"
    yield 1 / (1 + np.exp(-x)), "sigmoid"
    yield (x == x.max(-1, keepdims=True)).astype(float), "1 for the largest, 0 for the others"
    yield _softmax(y), "softmax twice"
    yield x**2 / (x**2).sum(-1, keepdims=True), "squares in place of exponentials"
    yield x / np.sqrt((x**2).sum(-1, keepdims=True)), "divided by its length"
    yield np.abs(x) / np.abs(x).sum(-1, keepdims=True), "shares of the numbers without their signs"


@rare("softmax dx", "sum not weighted", "what is subtracted is Σ dy·y, over all classes")
def _unweighted(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield y * (dy - dy.sum(-1, keepdims=True)), "Σ dy"
    yield y * (dy - dy.mean(-1, keepdims=True)), "the mean of dy"


@rare("softmax dx", "sum added", "Σ dy·y is subtracted")
def _sum_added(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield y * (dy + (dy * y).sum(-1, keepdims=True))


@rare("softmax dx", "own class forgotten", "each logit moves its own probability as well: dy is in the bracket")
def _own_class(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield -y * (dy * y).sum(-1, keepdims=True), "−y·Σ dy·y"
    yield -y * ((dy * y).sum(-1, keepdims=True) - dy * y), "only the others in the sum"


@rare("softmax dx", "gradient of cross-entropy", "p − onehot is the gradient of softmax and cross-entropy together")
def _together(op: Operation, dy: Any) -> Answers:
    yield op.result() - dy


@rare("softmax dx", "Jacobian instead of gradient", "the matrix ∂y/∂x is multiplied by dy")
def _jacobian(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield np.eye(y.shape[-1]) * y[..., None] - y[..., None] * y[..., None, :]


@rare("softmax dx", "y forgotten", "the bracket is multiplied by y")
def _without_y(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield dy - (dy * y).sum(-1, keepdims=True)


@rare("cross_entropy y", "target off by one", "classes are counted from 0")
def _off_by_one(op: Operation, dy: Any) -> Answers:
    target, classes = op.arrays["target"], op.arrays["x"].shape[-1]
    yield op.changed(target=(target - 1) % classes).result(), "one too low"
    yield op.changed(target=(target + 1) % classes).result(), "one too high"


@rare("cross_entropy y", "softmax twice", "cross-entropy takes the logits; softmax is part of it")
def _twice(op: Operation, dy: Any) -> Answers:
    yield op.changed(x=_softmax(op.arrays["x"])).result()


@rare("cross_entropy y", "wrong axis", "the probabilities of the classes of one row sum to 1")
def _loss_axis(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    if x.ndim > 1 and len(x) > 1:
        yield _reduced(op, -np.log(_of_target(op, _softmax(x, 0))))


@rare("cross_entropy y", "divided by the classes", "the mean divides by the number of rows, not of classes")
def _over_classes(op: Operation, dy: Any) -> Answers:
    classes = op.arrays["x"].shape[-1]
    if op.settings["reduction"] == "mean":
        yield op.changed(reduction="sum").result() / classes, "in place of the rows"
    yield op.result() / classes, "as well"


@rare("cross_entropy y", "mean before the logarithm", "the mean is that of the losses −log p, not of the p")
def _early_mean(op: Operation, dy: Any) -> Answers:
    losses = op.changed(reduction="none").result()
    if op.settings["reduction"] == "mean" and losses.size > 1:
        yield -np.log(np.exp(-losses).mean())


@rare("cross_entropy y", "other classes counted", "only the probability of the target is in the loss")
def _all_classes(op: Operation, dy: Any) -> Answers:
    p, hot = _softmax(op.arrays["x"]), _one_hot(op)
    yield _reduced(op, -np.log(p).sum(-1)), "−log p of all"
    yield _reduced(op, -np.where(hot == 1, np.log(p), np.log(1 - p)).sum(-1)), "−log(1 − p) of the others"
    yield _reduced(op, -(p * np.log(p)).sum(-1)), "the entropy of p"


@rare("cross_entropy y", "sigmoid in place of softmax", "the classes of a row share one sum of exponentials")
def _sigmoid(op: Operation, dy: Any) -> Answers:
    yield _reduced(op, np.log1p(np.exp(-_of_target(op, op.arrays["x"]))))


@rare("cross_entropy y", "another loss", "the loss is −log p")
def _other_loss(op: Operation, dy: Any) -> Answers:
    p, hot = _softmax(op.arrays["x"]), _one_hot(op)
    yield _reduced(op, 1 - _of_target(op, p)), "1 − p"
    yield _reduced(op, ((p - hot) ** 2).sum(-1)), "the squares of p − onehot, added up"
    yield _reduced(op, ((p - hot) ** 2).mean(-1)), "the mean square of p − onehot"
    yield _reduced(op, -np.log(1 - _of_target(op, p))), "−log(1 − p)"
    yield (
        _reduced(op, np.maximum(0, op.arrays["x"] - _of_target(op, op.arrays["x"])[..., None] + 1).sum(-1) - 1),
        "hinge",
    )
    yield _reduced(op, -p.max(-1)), "minus the largest p"
    yield _reduced(op, -np.log(p.max(-1))), "−log of the largest p"


@rare("cross_entropy y", "exponential forgotten", "it is the exponentials that are divided by their sum")
def _shares(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    yield _reduced(op, -np.log(_of_target(op, x / x.sum(-1, keepdims=True))))


@rare("cross_entropy y", "part of log Z − x forgotten", "the loss is log Z − x[target], with all classes in Z")
def _part(op: Operation, dy: Any) -> Answers:
    x, hot = op.arrays["x"], _one_hot(op)
    rest = (np.exp(x) * (1 - hot)).sum(-1)
    yield _reduced(op, np.log(np.exp(x).sum(-1))), "log Z alone"
    yield _reduced(op, np.log(rest) - _of_target(op, x)), "the target is not in Z"
    yield _reduced(op, np.exp(x).sum(-1) - _of_target(op, x)), "Z for log Z"


@rare("cross_entropy dx", "target off by one", "classes are counted from 0")
def _dx_off_by_one(op: Operation, dy: Any) -> Answers:
    target, classes = op.arrays["target"], op.arrays["x"].shape[-1]
    yield op.changed(target=(target - 1) % classes).result("dx", dy), "one too low"
    yield op.changed(target=(target + 1) % classes).result("dx", dy), "one too high"


@rare("cross_entropy dx", "other classes forgotten", "every logit is in Z: elsewhere the gradient is p")
def _only_target(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", dy) * _one_hot(op)


@rare("cross_entropy dx", "1 subtracted everywhere", "1 is subtracted at the target class alone")
def _everywhere(op: Operation, dy: Any) -> Answers:
    p = _softmax(op.arrays["x"])
    yield (p - 1) * np.expand_dims(dy, -1) / _rows(op)


@rare("cross_entropy dx", "softmax forgotten", "the gradient is p − onehot, with p = softmax(x)")
def _dx_of_logits(op: Operation, dy: Any) -> Answers:
    yield (op.arrays["x"] - _one_hot(op)) * np.expand_dims(dy, -1) / _rows(op)


@rare("cross_entropy dx", "gradient with respect to p", "asked for is the gradient of the logits: p − onehot")
def _by_p(op: Operation, dy: Any) -> Answers:
    yield -_one_hot(op) / _softmax(op.arrays["x"]) * np.expand_dims(dy, -1) / _rows(op)


@rare("cross_entropy dx", "divided by the classes", "the mean divides by the number of rows, not of classes")
def _dx_over_classes(op: Operation, dy: Any) -> Answers:
    dx = op.result("dx", dy)
    yield dx / dx.shape[-1], "as well"
    if op.settings["reduction"] == "mean":
        yield op.changed(reduction="sum").result("dx", dy) / dx.shape[-1], "in place of the rows"


@rare("cross_entropy dx", "divided by the rows", "a sum over the rows is not divided")
def _divided(op: Operation, dy: Any) -> Answers:
    if op.settings["reduction"] != "mean" and op.arrays["x"].ndim == 2:
        yield op.result("dx", dy) / len(op.arrays["x"])


@rare("cross_entropy dx", "sign reversed", "p − onehot, not onehot − p, and divided by the rows for a mean")
def _sign_and_rows(op: Operation, dy: Any) -> Answers:
    if op.settings["reduction"] == "mean":
        yield -op.changed(reduction="sum").result("dx", dy), "and not divided by the rows"


@rare("cross_entropy dx", "slope of a sigmoid multiplied in", "p·(1 − p) cancels out: what is left is p − onehot")
def _sigmoid_slope(op: Operation, dy: Any) -> Answers:
    p = _softmax(op.arrays["x"])
    yield op.result("dx", dy) * p * (1 - p)


@rare("cross_entropy y", "softmax forgotten", "the loss is −log of a probability, which softmax makes of the logits")
def _of_logits(op: Operation, dy: Any) -> Answers:
    chosen = _of_target(op, op.arrays["x"])
    yield _reduced(op, np.log(chosen)), "log of the logit, without minus"
    yield _reduced(op, chosen), "the logit"


@rare("cross_entropy dx", "upstream gradient forgotten", "every gradient is multiplied by that of the loss, dy")
def _loss_without_dy(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", np.ones_like(dy))


def _rows(op: Operation) -> int:
    """What the gradients of a mean are divided by."""
    x = op.arrays["x"]
    return len(x) if x.ndim == 2 and op.settings["reduction"] == "mean" else 1
