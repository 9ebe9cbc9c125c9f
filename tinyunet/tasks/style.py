"""Style: a photograph as a drawing with pen and ink, or as a poster printed in four inks, learnt from examples.

Data      squares of photographs, and the same in the style. The pen learns from fourteen pairs, the poster from one
Model     a U-Net with three levels that sees the photograph and answers with the picture in the style
Loss      mean squared error
Metric    PSNR in dB on three photographs that nothing was learnt from
Baseline  the best linear filter: each answer is a constant and a sum of the 7×7 pixels around, fitted to the same pairs
          by least squares

Who made the pairs is a formula here, `pen` and `poster`, so that the truth is known for every photograph; the network
knows nothing of it. The poster's network goes without batchnorm: its inks tell how bright a place is, and normalising
by the other pictures of a batch would blur just that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet import metrics
from tinyunet.tasks.photographs import NEEDS, middle, patches, photographs
from tinyunet.tasks.task import Batch, Example, Method, Task, library
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet

WINDOW = 7  # of the linear filter
INKS = np.array([[0, 48, 80], [215, 25, 33], [112, 150, 158], [252, 228, 168]]) / 255  # from dark to bright
CUTS = 0.22, 0.42, 0.66  # how bright a place is where the next ink begins


class Style(Task):
    """Photographs in a style; a subclass says which."""

    needs = NEEDS
    reads = "{:.2f} dB"
    colours: ClassVar[int]
    norm: ClassVar[str | None]
    one_pair: ClassVar[bool] = False

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.size = 32 if fast else 64
        train, test = photographs(self.name, images, smallest=64)
        if images is None:
            test = {"cat": train.pop("cat"), **test}
        learnt_from = list(train.values())[: 1 if self.one_pair else None]
        self.pairs = [np.concatenate([x, self.styled(x)]) for x in learnt_from]
        small = {name: middle(x, 96) if fast else x for name, x in test.items()}
        self.held_out = [Example(name, (x,), self.styled(x)) for name, x in small.items()]

    def styled(self, x: Array) -> Array:
        """A photograph (1, H, W) in the style, (colours, H, W)."""
        raise NotImplementedError

    def model(self, rng: np.random.Generator) -> UNet:
        return UNet(1, self.colours, (8, 16) if self.fast else (16, 32, 64), norm=self.norm, rng=rng)

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
        weight, constant = fitted([middle(pair, 64) if self.fast else pair for pair in self.pairs])
        return {"best linear 7×7": lambda x: np.clip(filtered(x, weight, constant), 0, 1)}


class Pen(Style):
    """Drawn with pen and ink."""

    name = "pen"
    shows = "style: photographs drawn with pen and ink"
    takes = "2 minutes"
    steps, fast_steps, lr = 1000, 250, 4e-3
    colours, norm = 1, "batch"

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
    takes = "2 minutes"
    steps, fast_steps, lr = 800, 250, 2e-3
    colours, norm, one_pair = 3, None, True

    def styled(self, x: Array) -> Array:
        """The ink for how bright a place is, blurred by two pixels; around a cut one ink passes over into the next."""
        brightness = blurred(x, 2.0)
        poster = np.broadcast_to(INKS[0][:, None, None], (3, *x.shape[1:]))
        for ink, following, cut in zip(INKS, INKS[1:], CUTS, strict=False):
            share = 0.5 + 0.5 * np.tanh(30 * (brightness - cut))  # (1, H, W)
            poster = poster + (following - ink)[:, None, None] * share
        return np.clip(poster, 0, 1).astype(np.float32)


def scaled(x: Array) -> Array:
    """Values from 0 to 1 as values from −2 to 2, the same for all pictures."""
    return (x - 0.5) * 4


def blurred(x: Array, sigma: float) -> Array:
    """A picture (1, H, W) blurred by a Gaussian of so many pixels."""
    return library("skimage.filters", "style").gaussian(x[0], sigma)[None]


def filtered(x: Array, weight: Array, constant: Array) -> Array:
    """The linear filter weight (K, 1, k, k) on a picture (1, H, W), mirrored beyond the edge, and constants (K,)."""
    border = weight.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (border, border), (border, border)), mode="reflect")
    return F.conv2d(padded, weight, constant).numpy()


def fitted(pairs: Sequence[Array]) -> tuple[Array, Array]:
    """The weights (K, 1, k, k) and constants (K,) of `filtered` with the smallest squared error on pairs (1 + K, H, W).

    With the windows and a one in the rows of X, (pixels, k² + 1), and the answers in the rows of Y, they solve
    XᵀX·w = XᵀY; both products are sums over the pictures.
    """
    k = WINDOW
    XX, XY = np.zeros((k * k + 1, k * k + 1)), np.zeros((k * k + 1, len(pairs[0]) - 1))
    for pair in pairs:
        windows = np.lib.stride_tricks.sliding_window_view(pair[0], (k, k)).reshape(-1, k * k)
        X = np.column_stack([windows, np.ones(len(windows))]).astype(np.float64)
        inside = pair[1:, k // 2 : -(k // 2), k // 2 : -(k // 2)]
        XX += X.T @ X
        XY += X.T @ inside.reshape(len(inside), -1).T.astype(np.float64)
    w = np.linalg.solve(XX + 1e-6 * np.eye(len(XX)), XY).T.astype(np.float32)  # (K, k² + 1)
    return w[:, :-1].reshape(-1, 1, k, k), w[:, -1]
