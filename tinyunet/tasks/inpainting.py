"""Inpainting: what stood where something is missing?

Data      handwritten digits of 8×8 pixels with a hole of 3×3, new ones for every batch
Model     a U-Net of two inputs: the digit without what is missing, and the hole, 1 where that is
Loss      mean squared error in the holes
Metric    PSNR in dB of the pixels in the holes of digits that nothing was learnt from
Baseline  biharmonic inpainting: the smoothest surface, with Δ²u = 0 in the hole, that continues what is around

A surface knows that pictures are smooth. What the stroke of a 3 looks like must be learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import metrics
from tinyunet.tasks.photographs import digits
from tinyunet.tasks.task import Batch, Example, Method, SideBySide, Task, library
from tinyunet.tensor import Array, Tensor


class Inpainting(Task):
    """Digits with a hole. Inputs are the digit, 0 in the hole, and the hole; a truth is both as one (2, 8, 8)."""

    name = "inpainting"
    shows = "inpainting: handwritten digits with a hole in them"
    needs = "scikit-learn, for its digits, and scikit-image, for the method that it is compared with"
    no_images = "it learns from the digits of scikit-learn"
    no_apply = "it fills holes in digits of 8×8 pixels, and a picture does not tell where its hole is"
    reads, takes = "{:.2f} dB", "1 minute"
    steps, fast_steps, n, lr = 1500, 100, 64, 2e-3
    shown = 0, 1, 3, 4

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        library("skimage.restoration", self.name)  # of the baseline: missed now, not after the training
        x, _ = digits(self.name)
        test, self.train = np.split(x[np.random.default_rng(0).permutation(len(x))], [len(x) // 3])
        rng = np.random.default_rng(1000)
        self.held_out = [with_hole(x, square_hole(rng)) for x in test[: 60 if fast else None]]

    def model(self, rng: np.random.Generator) -> SideBySide:
        return SideBySide(2, 1, (8, 16) if self.fast else (32, 64), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        x = self.train[rng.integers(len(self.train), size=n)]
        hole = np.stack([square_hole(rng) for _ in range(n)])
        return (x * (1 - hole), hole), x, hole

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        hole = np.asarray(weight)
        return (F.mse_loss(output, target, reduction="none") * hole).sum() / float(hole.sum())

    def predict(self, model: Any, *inputs: Array) -> Array:
        return answer(super().predict(model, *inputs), *inputs)

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        """Of all holes together, as one picture: a hole that is all paper could be filled without any error."""
        truths = np.stack([example.truth for example in self.held_out], axis=2)  # (2, 8, N, 8)
        return {"digits": self.score(np.stack(outputs, axis=2), truths)}

    def score(self, output: Array, truth: Array) -> float:
        """PSNR in the hole, which is the second channel of the truth; answers have it, too, as it was given."""
        hole = truth[1] == 1
        return metrics.psnr(output[0][hole], truth[0][hole])

    def baselines(self) -> dict[str, Method]:
        inpaint = library("skimage.restoration", self.name).inpaint_biharmonic

        def biharmonic(x: Array, hole: Array) -> Array:
            return answer(inpaint(x[0], hole[0] == 1)[None].astype(np.float32), x, hole)

        return {"biharmonic": biharmonic}

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """As of every task, with the holes grey in the inputs."""
        holed = [self.held_out[k].inputs for k in self.drawn()]
        return {**super().picture(outputs), "input": [x + 0.5 * hole for x, hole in holed]}

    def view(self, array: Array) -> Array:
        return np.clip(array[:1], 0, 1)


def with_hole(x: Array, hole: Array) -> Example:
    """A picture (1, H, W) as an example, with a hole (1, H, W)."""
    return Example("digits", (x * (1 - hole), hole), np.concatenate([x, hole]))


def answer(found: Array, x: Array, hole: Array) -> Array:
    """What was found in the hole and the picture around it, over the hole: (2, H, W)."""
    return np.concatenate([np.where(hole == 1, np.clip(found, 0, 1), x), hole])


def square_hole(rng: np.random.Generator) -> Array:
    """A hole of 3×3 in a digit, not at its edge, (1, 8, 8)."""
    hole = np.zeros((1, 8, 8), np.float32)
    top, left = rng.integers(1, 5, size=2)
    hole[:, top : top + 3, left : left + 3] = 1
    return hole
