"""Text to picture: a conditional U-Net for pictures of 32×32 pixels, and the diffusion that it is made for.

Two things make it quick. Four neighbouring pixels become one with four times the channels (`pixel_unshuffle`), so that
there are four times fewer positions to work on; nothing is lost. And the network is told where each position is, by
sines and cosines: what stands at the top left could otherwise be found out only from the border.

The network predicts the picture x₀ itself. Drawn pictures are few and plain, noise is anything: to answer with noise,
as ε and v demand, the network would have to keep every number of it, and that takes longer to learn (as Li and He 2025
found for large patches).

The schedule is shifted towards noise. Large areas of one colour are seen through a lot of it: at σ/α = 3 it is still
plain where a thing is, and only there is decided what it is. That is where most of the learning is to happen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import nn
from tinyunet.data.sentences import LENGTH, WORDS
from tinyunet.diffusion import Diffusion, cosine
from tinyunet.models.conditional import ConditionalUNet, Words
from tinyunet.ops.randomness import generator
from tinyunet.tensor import Array, Tensor

DIFFUSION = Diffusion(cosine().shifted(2.5), predicts="x0")
MOST = 10.0  # at which the weight of an error ends
PATCH = 2  # pixels on each side that become one position
STEPS, GUIDANCE = 20, 1.5  # of sampling
WAVES = 4  # of sines and cosines, along each axis


class Painter(nn.Module):
    """model(x, t, words): the picture x₀ behind noisy ones of sentences; words as `data.sentences.tokens`.

    Args:
        colours: channels of a picture.
        patch: pixels on each side that become one position.

    Shapes: x (N, colours, H, W), t (N,), words (N, LENGTH) → (N, colours, H, W).

    >>> x, words = np.zeros((1, 3, 32, 32), np.float32), np.zeros((1, LENGTH), int)
    >>> Painter((8, 16), width=16, context=8, rng=0)(x, np.array([1000]), words).shape
    (1, 3, 32, 32)
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 96),
        width: int = 128,
        context: int = 64,
        colours: int = 3,
        patch: int = PATCH,
        rng: Any = None,
    ) -> None:
        rng = generator(rng)
        self.patch = patch
        words = Words(len(WORDS) - 1, LENGTH, context, width, rng=rng)
        pixels = colours * patch**2
        attends = range(1, len(channels))
        self.unet = ConditionalUNet(
            pixels + 4 * WAVES, pixels, channels, width=width, attends=attends, condition=words, rng=rng
        )

    def forward(self, x: Any, t: Any, words: Any) -> Tensor:
        x = F.pixel_unshuffle(x, self.patch)
        N, _, H, W = x.shape
        x = F.cat([x, np.broadcast_to(waves(H, W), (N, 4 * WAVES, H, W))], dim=1)
        return F.pixel_shuffle(self.unet(x, t, words), self.patch)


def waves(H: int, W: int) -> Array:
    """Where each position is: sines and cosines of its height and of its place from the left, (4·WAVES, H, W).

    >>> waves(2, 2)[0].round(2)                                           # sin(π/4), sin(3π/4): alike at both sides
    array([[0.71, 0.71],
           [0.71, 0.71]], dtype=float32)
    """

    def along(n: int) -> Array:
        angle = (np.arange(n) + 0.5) / n * np.pi * np.arange(1, WAVES + 1)[:, None]
        return np.stack([np.sin(angle), np.cos(angle)], axis=1).reshape(2 * WAVES, n)

    down = np.broadcast_to(along(H)[:, :, None], (2 * WAVES, H, W))
    right = np.broadcast_to(along(W)[:, None, :], (2 * WAVES, H, W))
    return np.concatenate([down, right]).astype(np.float32)


def as_picture(x: Array) -> Array:
    """Values from −1 to 1, as the network knows them, as values from 0 to 1."""
    return np.clip((x + 1) / 2, 0, 1)


def importance(t: Array, diffusion: Diffusion = DIFFUSION) -> Array:
    """How much an error of x₀ counts at times t ≥ 1: 1/σ², so that it is the error of v, but never more than MOST.

    >>> importance(np.array([1000])).round(2)
    array([1.], dtype=float32)
    """
    return np.asarray(np.minimum(diffusion.schedule.sigma[t] ** -2.0, MOST), np.float32)
