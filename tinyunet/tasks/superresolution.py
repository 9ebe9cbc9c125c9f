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
from tinyunet import metrics, nn
from tinyunet.tasks.photographs import NEEDS, detail, middle, patches, photographs
from tinyunet.tasks.task import Batch, Example, Method, Task
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet

LACKING = 0.1  # the size of what bicubic interpolation lacks, so that the network predicts numbers around 1
WINDOW = 7  # of the linear interpolation


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
    needs = NEEDS
    reads, takes = "{:.2f} dB", "3 minutes"
    steps, fast_steps, n, lr = 1000, 150, 16, 4e-3
    shown = 0, 1

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.size = 32 if fast else 64
        train, test = photographs(self.name, images, smallest=64)
        train.pop("moon", None) if images is None else None  # each of its pixels is there twice
        self.train = list(train.values())
        self.held_out = []
        for name, picture in test.items():
            truth = even(middle(picture, 64) if fast else picture)
            self.held_out.append(Example(name, (halved(truth),), truth))

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
        weight = fitted([even(middle(picture, 64) if self.fast else picture) for picture in self.train])
        return {
            "bicubic": lambda small: np.clip(bicubic(small), 0, 1),
            "best linear 7×7": lambda small: np.clip(linear(small, weight), 0, 1),
        }

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        names = [self.held_out[k].name for k in self.shown]
        columns = super().picture(outputs)
        return {key: [detail(y, name, 6) for y, name in zip(of, names, strict=True)] for key, of in columns.items()}

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


def linear(small: Array, weight: Array) -> Array:
    """Each of 2×2 pixels as a sum of the small ones around it: weight (4, 1, k, k), mirrored beyond the edge."""
    border = weight.shape[-1] // 2
    padded = np.pad(small, ((0, 0), (border, border), (border, border)), mode="reflect")
    return F.pixel_shuffle(F.conv2d(padded, weight), 2).numpy()


def fitted(pictures: Sequence[Array]) -> Array:
    """The weights (4, 1, k, k) of `linear` with the smallest squared error on pictures (1, 2H, 2W).

    With the small pixels in rows of X, (pixels, k²), and the large ones in rows of Y, (pixels, 4), they solve
    XᵀX·w = XᵀY; both products are sums over the pictures.
    """
    k = WINDOW
    XX, XY = np.zeros((k * k, k * k)), np.zeros((k * k, 4))
    for truth in pictures:
        windows = np.lib.stride_tricks.sliding_window_view(halved(truth)[0], (k, k))  # (H−k+1, W−k+1, k, k)
        X = windows.reshape(-1, k * k).astype(np.float64)
        inside = np.s_[:, k // 2 : -(k // 2), k // 2 : -(k // 2)]
        Y = F.pixel_unshuffle(truth, 2).numpy()[inside].reshape(4, -1).T.astype(np.float64)  # (pixels, 4)
        XX += X.T @ X
        XY += X.T @ Y
    return np.linalg.solve(XX + 1e-6 * np.eye(k * k), XY).T.reshape(4, 1, k, k).astype(np.float32)
