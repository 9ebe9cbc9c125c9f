"""Losses as layers: `criterion = nn.MSELoss()`, then `criterion(prediction, target)`."""

from __future__ import annotations

from typing import Any

import tinyunet.functional as F
from tinyunet.nn.module import Module
from tinyunet.tensor import Tensor


class MSELoss(Module):
    """The mean of (x − t)², see `F.mse_loss`.

    >>> MSELoss()(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Module):
    """The mean of |x − t|, see `F.l1_loss`.

    >>> L1Loss()(Tensor([1.0, 2.0]), Tensor([1.0, 4.0]))
    tensor(1.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(Module):
    """Cross-entropy of softmax(logits) against classes, see `F.cross_entropy`; the weights are a buffer.

    >>> CrossEntropyLoss()(Tensor([[0.0, 0.0]]), Tensor([1], dtype=int))
    tensor(0.6931472)
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction, self.label_smoothing = ignore_index, reduction, label_smoothing

    def forward(self, input: Any, target: Any) -> Tensor:
        settings = {k: getattr(self, k) for k in ("weight", "ignore_index", "reduction", "label_smoothing")}
        return F.cross_entropy(input, target, **settings)


class BCEWithLogitsLoss(Module):
    """Cross-entropy of σ(logit), see `F.binary_cross_entropy_with_logits`; the weights are buffers.

    >>> BCEWithLogitsLoss()(Tensor([0.0]), Tensor([1.0]))
    tensor(0.6931472)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> Tensor:
        settings = {k: getattr(self, k) for k in ("weight", "reduction", "pos_weight")}
        return F.binary_cross_entropy_with_logits(input, target, **settings)
