"""Losses: one number that says how wrong a prediction is, and the direction in which it gets less wrong.

Each computes a loss ℓ for every element (pixel), then reduces: "none" keeps them, "sum" adds them, "mean" divides the
sum by the number of elements, or by the sum of their weights where weights are given. Weights are constants: they have
no gradient, and asking for one is an error.

Targets of integers or truth values count as numbers; PyTorch refuses them in some of the losses. A target may have
another dtype than the input, the loss then has the one in which they meet (`dtypes.py`). Weights never decide it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.ops.dtypes import promoted, wide
from tinyunet.ops.elementwise import check_floating, logistic, only, sign
from tinyunet.ops.reduce import log_softmax_array
from tinyunet.ops.sums import total
from tinyunet.tensor import Array, Operand, differentiable


def _reduce(name: str, losses: Array, reduction: str, n: Any, dtype: Any) -> tuple[Array, Callable[[Array], Array]]:
    """The reduced loss, and the function from its gradient to that of every single loss. "mean" divides by n."""
    if reduction == "none":
        return losses.astype(dtype, copy=False), wide
    if reduction == "sum":
        return total(losses).astype(dtype), wide
    if reduction == "mean":
        n = losses.dtype.type(n)
        y = np.asarray(total(losses) / n, dtype)  # the mean of nothing is nan, as in PyTorch
        return y, lambda dy: wide(dy) / n
    raise ValueError(f"{name}: reduction must be 'none', 'sum' or 'mean', not {reduction!r}")


def _meeting(input: Array, target: Array) -> tuple[Array, Array, np.dtype[Any]]:
    """Input and target in the dtype in which they meet, and this dtype; but float16 in float32, to be rounded later."""
    x, t = promoted(input, target)
    return wide(x), wide(t), x.dtype


def _same_shape(name: str, input: Any, target: Any, weight: Any = None) -> None:
    if np.shape(input) != np.shape(target):
        raise ValueError(
            f"{name}: input {np.shape(input)} and target {np.shape(target)} must have the same shape "
            "(nothing is broadcast: (N, 1) against (N,) would compare all with all)"
        )
    if weight is not None and np.shape(weight) != np.shape(input):
        raise ValueError(f"{name}: weight {np.shape(weight)} must have the shape of the input, {np.shape(input)}")


@differentiable
def mse_loss(input: Operand, target: Operand, reduction: str = "mean", weight: Operand | None = None) -> Any:
    """Mean squared error: ℓ = w·(x − t)², dx = 2w·(x − t).

    >>> mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).item()
    2.0
    """
    _same_shape("mse_loss", input, target, weight)
    x, t, dtype = _meeting(input, target)
    check_floating("mse_loss", x)
    w = np.ones((), x.dtype) if weight is None else weight.astype(x.dtype)
    difference = x - t
    n = x.size if weight is None else total(w)
    y, spread = _reduce("mse_loss", w * difference * difference, reduction, n, dtype)

    def backward(dy: Array) -> Any:
        dx = 2 * spread(dy) * w * difference
        return dx, -dx

    return y, backward


@differentiable
def l1_loss(input: Operand, target: Operand, reduction: str = "mean", weight: Operand | None = None) -> Any:
    """Mean absolute error: ℓ = w·|x − t|, dx = w·sign(x − t).

    >>> l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])).item()
    1.0
    """
    _same_shape("l1_loss", input, target, weight)
    x, t, dtype = _meeting(input, target)
    check_floating("l1_loss", x)
    w = np.ones((), x.dtype) if weight is None else weight.astype(x.dtype)
    difference = x - t
    n = x.size if weight is None else total(w)
    y, spread = _reduce("l1_loss", w * np.abs(difference), reduction, n, dtype)

    def backward(dy: Array) -> Any:
        dx = spread(dy) * w * sign(difference)
        return dx, -dx

    return y, backward


@differentiable
def cross_entropy(
    input: Operand,
    target: Any,
    weight: Operand | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross-entropy of softmax(logits) against classes: ℓ = −Σ_c a_c · log p_c.

    a is the target distribution times the class weights: for a class t it is w_t at t and 0 elsewhere, so ℓ = −w_t·log
    p_t. Label smoothing ε moves a little of the target to all C classes: (1 − ε)·target + ε/C (Szegedy et al. 2016).
    Since log p_c = x_c − log Σₖ e^{xₖ}, the gradient is  dx_c = p_c·Σₖ aₖ − a_c:  for one class, p − onehot(t).

    A class with a_c = 0 adds exactly 0, also where its logit is −∞, and a pixel where all are 0 has no gradient, also
    where its logits are nan. (PyTorch gives nan for −∞ against a probability or a weight of 0, and at ignored pixels.)

    Shapes: input (C,), (N, C) or (N, C, H, W), with the classes in dimension 1; target either integer classes, of that
    shape without C, or probabilities, of the shape of the input. weight (C,).

    Args:
        ignore_index: target pixels of this class count neither in the loss nor in the mean.

    Raises:
        ValueError: shapes that do not fit, a class that does not exist, label_smoothing outside [0, 1].

    >>> cross_entropy(np.array([[0.0, np.log(3.0)]]), np.array([1]))         # −log(3/4)
    tensor(0.28768207, dtype=float64)
    """
    name = "cross_entropy"
    x, target = input, np.asarray(target)
    check_floating(name, x)
    if x.ndim < 1:
        raise ValueError(f"{name}: input must be (C,), (N, C) or (N, C, …), not a scalar")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{name}: label_smoothing must be between 0 and 1, not {label_smoothing}")
    of_classes = target.dtype.kind in "iu"
    x, target, dtype = (wide(x), target, x.dtype) if of_classes else _meeting(x, target)
    axis = 0 if x.ndim == 1 else 1
    C = x.shape[axis]
    if weight is not None and weight.shape != (C,):
        raise ValueError(f"{name}: weight of shape {weight.shape} for {C} classes; it must be ({C},)")
    w = np.ones(C, x.dtype) if weight is None else weight.astype(x.dtype)
    w = w.reshape(-1, *[1] * (x.ndim - 1 - axis))  # broadcasts along the class axis

    expected = x.shape[:axis] + x.shape[axis + 1 :] if of_classes else x.shape
    if target.shape != expected:
        raise ValueError(
            f"{name}: target of shape {target.shape} for an input of shape {x.shape}; "
            f"it must be {x.shape[:axis] + x.shape[axis + 1 :]} of integer classes, or {x.shape} of probabilities"
        )
    if of_classes:
        counts = target != ignore_index
        if not np.all((target[counts] >= 0) & (target[counts] < C)):
            wrong = np.setdiff1d(target[counts], np.arange(C))
            raise ValueError(f"{name}: target classes {wrong[:5].tolist()} do not exist, there are {C}: 0 to {C - 1}")
        t = np.expand_dims(np.where(counts, target, 0), axis)
        distribution = np.zeros(x.shape, x.dtype)
        np.put_along_axis(distribution, t, 1, axis)
        counts = np.expand_dims(counts, axis)
        n = total(np.take_along_axis(np.broadcast_to(w, x.shape), t, axis)[counts])
    else:
        distribution, counts, n = target, np.ones((), bool), x.size // C
    a = counts * w * ((1 - label_smoothing) * distribution + label_smoothing / C)

    log_p = log_softmax_array(x, axis)
    y, spread = _reduce(name, -total(only(a * log_p, a != 0), axis), reduction, n, dtype)

    def backward(dy: Array) -> Any:
        dl = np.asarray(spread(dy))
        dl = np.expand_dims(dl, axis) if dl.ndim else dl
        dx = dl * (np.exp(log_p) * total(a, axis, keepdims=True) - a)
        dx = only(dx, (a != 0).any(axis=axis, keepdims=True))
        share = w * (1 - label_smoothing)
        return dx, None if of_classes else np.where(share == 0, 0, -dl * share * log_p)

    return y, backward


@differentiable
def binary_cross_entropy_with_logits(
    input: Operand,
    target: Operand,
    weight: Operand | None = None,
    reduction: str = "mean",
    pos_weight: Operand | None = None,
) -> Any:
    """Cross-entropy of σ(logit) against a target in [0, 1]: ℓ = −w·(q·t·log σ(x) + (1 − t)·log(1 − σ(x))).

    With softplus(z) = log(1 + eᶻ): −log σ(x) = softplus(−x) and −log(1 − σ(x)) = softplus(x) = x + softplus(−x). So

        ℓ = w·((1 − t)·x + (1 + (q − 1)·t)·softplus(−x)),     softplus(−x) = max(−x, 0) + log(1 + e^−|x|)

    which no x can overflow. As softplus′ = σ:  dx = w·((1 − t) − (1 + (q − 1)·t)·σ(−x)),  for q = w = 1 just σ(x) − t.

    Shapes: input and target alike; weight and pos_weight broadcast to them.

    Args:
        weight: w, a factor for each element; the mean still divides by the number of elements, as in PyTorch.
        pos_weight: q, a factor for the positive part: (C, 1, 1) weighs classes of (N, C, H, W).

    >>> x = np.array([0.0, 1000.0])
    >>> binary_cross_entropy_with_logits(x, np.array([1.0, 1.0]), reduction="none")
    tensor([0.69314718, 0.        ], dtype=float64)
    """
    name = "binary_cross_entropy_with_logits"
    check_floating(name, input)
    _same_shape(name, input, target)
    x, t, dtype = _meeting(input, target)
    for what, value in (("weight", weight), ("pos_weight", pos_weight)):
        try:
            np.broadcast_to(0 if value is None else value, x.shape)
        except ValueError:
            shape = np.shape(value)  # type: ignore[arg-type]  # not None, which does broadcast
            raise ValueError(f"{name}: {what} {shape} does not broadcast to {x.shape}") from None
    w, q = (1 if each is None else each.astype(x.dtype) for each in (weight, pos_weight))
    positive = 1 if pos_weight is None else 1 + (q - 1) * t
    softplus = np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))  # softplus(−x)
    y, spread = _reduce(name, w * ((1 - t) * x + positive * softplus), reduction, x.size, dtype)

    def backward(dy: Array) -> Any:
        dl = spread(dy) * w
        return (
            lambda: dl * ((1 - t) - positive * logistic(-x)),
            lambda: dl * (-x if pos_weight is None else (q - 1) * softplus - x),
        )

    return y, backward


@differentiable
def dice_loss(
    input: Operand, target: Operand, weight: Operand | None = None, smooth: float = 1.0, reduction: str = "mean"
) -> Any:
    """One minus the soft Dice coefficient of probabilities p and truth t: ℓ = 1 − D, D = (2Σpt + ε)/(Σp + Σt + ε).

    The sums run over the pixels of one image and class: ℓ has the shape (N, C). By the quotient rule, with the
    denominator B = Σp + Σt + ε,  ∂D/∂pᵢ = (2tᵢ·B − (2Σpt + ε))/B² = (2tᵢ − D)/B.

    Unlike cross-entropy it weighs a small object as much as a large one (Milletari et al. 2016, there with squares in
    the denominator). PyTorch has no such loss.

    Shapes: input (probabilities, after sigmoid or softmax) and target (N, C, …), weight (C,).

    Args:
        smooth: ε, which defines the Dice coefficient of nothing against nothing as 1.

    >>> p = np.array([[[0.5, 1.0]]])
    >>> dice_loss(p, np.array([[[0.0, 1.0]]]), smooth=0.0)              # 1 − 2·1/(1.5 + 1)
    tensor(0.2, dtype=float64)
    """
    name = "dice_loss"
    check_floating(name, input)
    _same_shape(name, input, target)
    p, t, dtype = _meeting(input, target)
    if p.ndim < 3:
        raise ValueError(f"{name}: input must be (N, C, pixels…), not {p.shape}")
    if weight is not None and weight.shape != (p.shape[1],):
        raise ValueError(f"{name}: weight of shape {weight.shape} for {p.shape[1]} classes")
    axes = tuple(range(2, p.ndim))
    B = total(p, axes) + total(t, axes) + smooth  # (N, C)
    D = (2 * total(p * t, axes) + smooth) / B
    w = np.broadcast_to(np.ones(1, D.dtype) if weight is None else weight.astype(D.dtype), D.shape)
    y, spread = _reduce(name, w * (1 - D), reduction, total(w), dtype)

    def backward(dy: Array) -> Any:
        dD, D_, B_ = (a.reshape(*a.shape, *[1] * len(axes)) for a in (-spread(dy) * w, D, B))
        return lambda: dD * (2 * t - D_) / B_, lambda: dD * (2 * p - D_) / B_

    return y, backward
