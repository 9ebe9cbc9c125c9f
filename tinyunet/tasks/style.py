"""Style: a photograph as a drawing with pen and ink, or as a poster printed in four inks, learnt from examples.

Data      squares of photographs, and the same in the style. The pen learns from fourteen pairs, the poster from one
Model     a U-Net with three levels that sees the photograph and answers with the picture in the style
Loss      mean squared error
Metric    PSNR in dB on three photographs that nothing was learnt from
Baseline  the best linear filter: each answer is a constant and a sum of the 7×7 pixels around, fitted to the same pairs
          by least squares

Who made the pairs is a formula here, `pen` and `poster`, so that the truth is known for every photograph; the network
knows nothing of it. The network goes without batchnorm: ink tells how bright a place is, and normalising by the other
squares of a batch would blur just that.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet import classical, metrics
from tinyunet.tasks.photographs import NEEDS, patches, photographs
from tinyunet.tasks.task import Batch, Example, Method, Task, library, scaled
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet

INKS = np.array([[0, 48, 80], [215, 25, 33], [112, 150, 158], [252, 228, 168]]) / 255  # from dark to bright
CUTS = 0.22, 0.42, 0.66  # how bright a place is where the next ink begins


class Style(Task):
    """Photographs in a style; a subclass says which."""

    needs, no_images = NEEDS, ""
    reads = "{:.2f} dB"
    colours: ClassVar[int]
    one_pair: ClassVar[bool] = False

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.size = 32 if fast else 64
        train, test = photographs(self.name, images, fast)
        if images is None:
            test = {"cat": train.pop("cat"), **test}
        learnt_from = list(train.values())[: 1 if self.one_pair else None]
        self.pairs = [np.concatenate([x, self.styled(x)]) for x in learnt_from]
        self.held_out = [Example(name, (x,), self.styled(x)) for name, x in test.items()]

    def styled(self, x: Array) -> Array:
        """A photograph (1, H, W) in the style, (colours, H, W)."""
        raise NotImplementedError

    def model(self, rng: np.random.Generator) -> UNet:
        return UNet(1, self.colours, (8,) if self.fast else (16, 32, 64), norm=None, rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        both = patches(self.pairs, rng, n, self.size)
        return (scaled(both[:, :1]),), np.ascontiguousarray(both[:, 1:]), None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.mse_loss(output, target)

    def predict(self, model: Any, *inputs: Array) -> Array:
        return np.clip(super().predict(model, *(scaled(x) for x in inputs)), 0, 1)

    def score(self, output: Array, truth: Array) -> float:
        return metrics.psnr(output, truth)

    def baselines(self) -> dict[str, Method]:
        linear = classical.best_linear_filter((pair[:1], pair[1:]) for pair in self.pairs)
        return {"best linear 7×7": lambda x: np.clip(linear(x), 0, 1)}


class Pen(Style):
    """Drawn with pen and ink."""

    name = "pen"
    shows = "style: photographs drawn with pen and ink"
    takes = "3 minutes"
    steps, fast_steps, lr = 2000, 300, 2e-3
    colours = 1

    def styled(self, x: Array) -> Array:
        """Ink where it is dark, or darker than around.

        With D = 13·G₁ − 12·G₁.₆, where G is the photograph blurred by so many pixels, paper is white where D > 0.4, and
        else as bright as 1 + tanh(8·(D − 0.4)): the extended difference of Gaussians (Winnemöller, Kyprianidis & Olsen
        2012).
        """
        difference = 13 * blurred(x, 1.0) - 12 * blurred(x, 1.6)
        return np.where(difference > 0.4, 1, 1 + np.tanh(8 * (difference - 0.4))).astype(np.float32)


class Poster(Style):
    """Printed in four inks."""

    name = "poster"
    shows = "style: photographs as posters in four inks, learnt from a single pair"
    takes = "1 minute"
    steps, fast_steps, lr = 800, 200, 2e-3
    colours, one_pair = 3, True

    def styled(self, x: Array) -> Array:
        """The ink for how bright a place is, blurred by two pixels; around a cut one ink passes over into the next."""
        brightness = blurred(x, 2.0)
        poster = np.broadcast_to(INKS[0][:, None, None], (3, *x.shape[1:]))
        for ink, following, cut in zip(INKS, INKS[1:], CUTS, strict=False):
            share = 0.5 + 0.5 * np.tanh(30 * (brightness - cut))  # (1, H, W)
            poster = poster + (following - ink)[:, None, None] * share
        return np.clip(poster, 0, 1).astype(np.float32)


def blurred(x: Array, sigma: float) -> Array:
    """A picture (1, H, W) blurred by a Gaussian of so many pixels."""
    return library("skimage.filters", "style").gaussian(x[0], sigma)[None]
