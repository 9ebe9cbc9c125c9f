"""Denoising: what would the picture be without its noise?

Data      squares of photographs with Gaussian noise, whose standard deviation σ lies between 0.05 and 0.25
Model     a U-Net of two inputs: the noisy picture x, and a map that holds σ at every pixel. It predicts the noise
          divided by σ, which has variance 1 for every σ; the answer is x − σ·model(x, σ)
Loss      mean squared error of this noise
Metric    PSNR in dB on two pictures that nothing was learnt from, at σ = 0.1 and 0.2
Baseline  total variation, and non-local means (its exact mode), each tuned for both σ on photographs to learn from

To predict the noise and not the picture is the residual learning of Zhang et al. 2017 (DnCNN); the map of σ beside the
picture is theirs of 2018 (FFDNet).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import metrics
from tinyunet.tasks.photographs import NEEDS, details, middle, patches, photographs
from tinyunet.tasks.task import UNET, Batch, Example, Method, SideBySide, Task, library
from tinyunet.tasks.tiles import flipped
from tinyunet.tensor import Array, Tensor

SIGMAS = 0.1, 0.2  # to be judged at
TV_GRID = [{"weight": w} for w in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4)]  # times σ
NLM_GRID = [
    {"h": h, "patch_size": p, "patch_distance": d}
    for h, p, d in itertools.product((0.6, 0.8, 1.0), (5, 7, 9), (6, 11))  # h times σ
]


class Denoising(Task):
    """Photographs without their noise."""

    name = "denoising"
    shows = "denoising: photographs without their noise, whose strength is known"
    needs, no_images = NEEDS, ""
    reads, takes = "{:.2f} dB", "3 minutes"
    steps, fast_steps, n, lr = 3400, 100, 4, 4e-3
    shown = 1, 3  # both pictures at the larger σ

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.size = 32 if fast else 64
        train, test = photographs(self.name, images, fast)
        self.train = list(train.values())
        rng = np.random.default_rng(1000)
        self.held_out = [
            Example(f"{name}, σ {sigma}", noisy(truth, sigma, rng), truth)
            for (name, truth), sigma in itertools.product(test.items(), SIGMAS)
        ]

    def model(self, rng: np.random.Generator) -> SideBySide:
        return SideBySide(2, 1, (8, 16) if self.fast else (16, 32, 64), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        truth = patches(self.train, rng, n, self.size)
        x, level = noisy(truth, rng.uniform(0.05, 0.25, (n, 1, 1, 1)), rng)
        return (x, level), (x - truth) / level, None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.mse_loss(output, target)

    def predict(self, model: Any, *inputs: Array) -> Array:
        x, level = inputs
        return np.clip(x - level * super().predict(model, x, level), 0, 1)

    def score(self, output: Array, truth: Array) -> float:
        return metrics.psnr(output, truth)

    def methods(self, model: Any) -> dict[str, Method]:
        return super().methods(model) | {f"{UNET}, mean of 8 flips": partial(self.predict_flipped, model)}

    def predict_flipped(self, model: Any, x: Array, level: Array) -> Array:
        """The mean of the answers to the picture in all eight ways to turn and to mirror it, each turned back."""
        return flipped(partial(self.predict, model), x, level)

    def baselines(self) -> dict[str, Method]:
        restoration = library("skimage.restoration", self.name)

        def total_variation(x: Array, sigma: float, weight: float) -> Array:
            return restoration.denoise_tv_chambolle(x, weight * sigma, max_num_iter=500)

        def non_local_means(x: Array, sigma: float, h: float, **sizes: int) -> Array:
            return restoration.denoise_nl_means(x, h=h * sigma, sigma=sigma, fast_mode=False, **sizes)

        return {
            "total variation": self.tuned(total_variation, TV_GRID),
            "non-local means": self.tuned(non_local_means, NLM_GRID[::6] if self.fast else NLM_GRID),
        }

    def tuned(self, method: Callable[..., Array], grid: Iterable[dict[str, Any]]) -> Method:
        """A method with those settings of a grid that are best, for each σ, on pictures to learn from."""

        def answer(x: Array, sigma: float, settings: dict[str, Any]) -> Array:
            return np.clip(method(x[0], sigma, **settings)[None], 0, 1)

        def mean_score(sigma: float, settings: dict[str, Any]) -> float:
            return float(np.mean([self.score(answer(x, sigma, settings), truth) for x, truth in tuning[sigma]]))

        pictures = [middle(picture, 32 if self.fast else 96) for picture in self.train[:: 6 if self.fast else 3]]
        rng = np.random.default_rng(2000)
        tuning = {sigma: [(noisy(truth, sigma, rng)[0], truth) for truth in pictures] for sigma in SIGMAS}
        best = {sigma: max(grid, key=lambda settings: mean_score(sigma, settings)) for sigma in SIGMAS}

        def method_with_the_best(x: Array, level: Array) -> Array:
            sigma = min(SIGMAS, key=lambda s: abs(s - level.mean()))
            return answer(x, sigma, best[sigma])

        return method_with_the_best

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        names = [self.held_out[k].name.split(",")[0] for k in self.drawn()]
        return details(super().picture(outputs), names, 4)

    def apply(self, model: Any, image: Array) -> Array:
        """A picture in grey or colour without its noise, whose strength is estimated in each channel."""
        sigmas = [np.clip(estimated_noise(channel), 0.02, 0.25) for channel in image]
        levels = [np.full_like(channel, sigma) for channel, sigma in zip(image, sigmas, strict=True)]
        answers = [self.predict_flipped(model, x[None], level[None]) for x, level in zip(image, levels, strict=True)]
        return np.concatenate(answers)


def noisy(truth: Array, sigma: Any, rng: np.random.Generator) -> tuple[Array, Array]:
    """Pictures with Gaussian noise of standard deviation σ, and the map that holds σ at every pixel, float32."""
    level = np.broadcast_to(np.float32(sigma), truth.shape)
    return truth + level * rng.standard_normal(truth.shape, np.float32), level


def estimated_noise(channel: Array) -> float:
    """The standard deviation σ of the noise in a picture (H, W), by the differences along diagonals of 2×2 pixels.

    (a − b − c + d) / 2 has the deviation σ where the picture itself changes evenly, and the median of its absolute
    value is 0.6745·σ, whatever a few edges add (Donoho & Johnstone 1994).

    >>> round(estimated_noise(np.random.default_rng(0).normal(0.5, 0.1, (200, 200))), 2)
    0.1
    """
    diagonal = (channel[:-1:2, :-1:2] - channel[1::2, :-1:2] - channel[:-1:2, 1::2] + channel[1::2, 1::2]) / 2
    return float(np.median(np.abs(diagonal)) / 0.6745)
