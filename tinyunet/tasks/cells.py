"""Medical segmentation: which pixels of a microscope's picture belong to a cell?

Data      drawn cells in uneven light, between bright debris, new ones for every batch
Model     a U-Net with three levels and one output channel: the logit of "belongs to a cell"
Loss      binary cross-entropy with logits
Metric    Dice = 2·|P ∩ T| / (|P| + |T|) of the pixels with probability above ½, mean over the pictures
Baseline  Otsu's threshold, and a local threshold with its window, offset and smoothing tuned on 64 other pictures

The same with pictures of your own and their masks, in two folders, is `tinyunet train`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import classical, data, metrics
from tinyunet.tasks.task import Batch, Example, Method, Task
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet


class Cells(Task):
    """Cells, apart from what is as bright as they are."""

    name = "cells"
    shows = "medical segmentation: which pixels belong to a cell"
    no_images = "its cells are drawn; to learn from pictures and masks of yours there is  tinyunet train"
    reads, takes = "Dice {:.3f}", "half a minute"
    steps, fast_steps, lr = 400, 40, 0.01

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        pictures, masks = data.cells(8 if fast else 64, size=64, rng=1000)
        self.held_out = [Example("cells", (x,), mask) for x, mask in zip(pictures, masks, strict=True)]

    def model(self, rng: np.random.Generator) -> UNet:
        return UNet(1, 1, (8, 16) if self.fast else (8, 16, 32), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        pictures, masks = data.cells(n, size=32 if self.fast else 64, rng=rng)
        return (np.stack([data.standardize(x) for x in pictures]),), masks, None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.binary_cross_entropy_with_logits(output, target)

    def predict(self, model: Any, *inputs: Array) -> Array:
        """The probability of every pixel."""
        logits = super().predict(model, *(data.standardize(x) for x in inputs))
        return F.sigmoid(logits).numpy()

    def baselines(self) -> dict[str, Method]:
        pictures, masks = data.cells(4 if self.fast else 64, size=64, rng=2000)
        best = classical.tuned_local_threshold(list(pictures), list(masks))
        tuned = partial(classical.local_threshold, window=best.window, offset=best.offset, smooth=best.smooth)
        return {"Otsu's threshold": classical.otsu, "local threshold": tuned}

    def score(self, output: Array, truth: Array) -> float:
        return metrics.dice(output > 0.5, truth)
