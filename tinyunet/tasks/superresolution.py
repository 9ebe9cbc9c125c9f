"""Super-resolution: a picture twice as high and wide, with the edges that it must have had.

Data      photographs, and the same made half as large: each small pixel is the mean of 2×2
Model     a U-Net on the small grid with four outputs for each pixel, which `pixel_shuffle` lays out as 2×2 pixels. It
          predicts what bicubic interpolation lacks, divided by 0.1; the answer is bicubic + 0.1·model
Loss      mean squared error of that
Metric    PSNR in dB on two pictures that nothing was learnt from
Baseline  bicubic interpolation, and the best linear one: each of the four pixels is a sum of the 7×7 small ones around,
          whose weights are fitted to the photographs to learn from by least squares

To work on the small grid and shuffle at the end is Shi et al. 2016 (ESPCN); to predict the difference from bicubic
interpolation is Kim et al. 2016 (VDSR).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import tinyunet.functional as F
from tinyunet import classical, metrics, nn
from tinyunet.tasks.photographs import NEEDS, details, patches, photographs
from tinyunet.tasks.task import Batch, Example, Method, Task
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet

LACKING = 0.1  # the size of what bicubic interpolation lacks, so that the network predicts numbers around 1


class Enlarger(nn.Module):
    """(N, 1, H, W) → (N, 1, 2H, 2W): a U-Net on the small grid, whose four outputs are 2×2 pixels."""

    def __init__(self, channels: Sequence[int], rng: Any = None) -> None:
        self.unet = UNet(1, 4, channels, rng=rng)
        self.multiple = self.unet.multiple

    def forward(self, x: Any) -> Tensor:
        return F.pixel_shuffle(self.unet(x), 2)


class SuperResolution(Task):
    """Photographs, twice as high and wide."""

    name = "superresolution"
    shows = "super-resolution: photographs twice as high and wide"
    needs, no_images = NEEDS, ""
    reads, takes = "{:.2f} dB", "3 minutes"
    steps, fast_steps, n, lr = 2200, 150, 16, 4e-3
    shown = 0, 1

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.size = 32 if fast else 64
        train, test = photographs(self.name, images, fast)
        if images is None:
            del train["moon"]  # each of its pixels is there twice
        self.train = [even(picture) for picture in train.values()]
        self.held_out = [Example(name, (halved(even(x)),), even(x)) for name, x in test.items()]

    def model(self, rng: np.random.Generator) -> Enlarger:
        return Enlarger((16,) if self.fast else (32, 64), rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        truth = patches(self.train, rng, n, self.size)
        small = halved(truth)
        return (small,), (truth - np.stack([bicubic(x) for x in small])) / LACKING, None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.mse_loss(output, target)

    def predict(self, model: Any, *inputs: Array) -> Array:
        (small,) = inputs
        return np.clip(bicubic(small) + LACKING * super().predict(model, small), 0, 1)

    def score(self, output: Array, truth: Array) -> float:
        return metrics.psnr(output, truth)

    def baselines(self) -> dict[str, Method]:
        linear = classical.best_linear_filter((halved(x), F.pixel_unshuffle(x, 2).numpy()) for x in self.train)
        return {
            "bicubic": lambda small: np.clip(bicubic(small), 0, 1),
            "best linear 7×7": lambda small: np.clip(F.pixel_shuffle(linear(small), 2).numpy(), 0, 1),
        }

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        return details(super().picture(outputs), [self.held_out[k].name for k in self.drawn()], 6)

    def apply(self, model: Any, image: Array) -> Array:
        """A picture in grey or colour, twice as high and wide."""
        return np.concatenate([self.predict(model, channel[None]) for channel in image])


def even(picture: Array) -> Array:
    """A picture without the last row or column where their number is odd."""
    return picture[:, : picture.shape[1] // 2 * 2, : picture.shape[2] // 2 * 2]


def halved(pictures: Array) -> Array:
    """The means of 2×2 pixels: (…, 2H, 2W) → (…, H, W).

    >>> halved(np.array([[[1.0, 2.0], [3.0, 6.0]]]))
    array([[[3.]]])
    """
    *batch, H, W = pictures.shape
    return pictures.reshape(*batch, H // 2, 2, W // 2, 2).mean(axis=(-3, -1))  # (…, H, 2, W, 2) → (…, H, W)


def bicubic(small: Array) -> Array:
    """Bicubic interpolation, (1, H, W) → (1, 2H, 2W), with Keys' kernel of 1981 (a = −½)."""
    _, H, W = small.shape
    return np.asarray(Image.fromarray(small[0]).resize((2 * W, 2 * H), Image.Resampling.BICUBIC))[None]
