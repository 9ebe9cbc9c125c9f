"""An autoencoder: a picture as a small one of other channels, its latent, and back.

    3 × 32 × 32 ──► 48 × 8 × 8 ─► conv ─► blocks ─► conv, tanh ──► 4 × 8 × 8 ─► conv ─► blocks ─► conv ──► 3 × 32 × 32
     picture      4 × 4 pixels as                                   latent                              the same, spread
                    one position

It is the first half of Stable Diffusion (Rombach et al. 2022), made small. All of its work is at the low resolution,
which makes it cheap; `pixel_unshuffle` and `pixel_shuffle` lose nothing on the way there and back.

A latent is to be for diffusion what a picture is: numbers between −1 and 1, not much smaller than the noise. The tanh
sees to the bounds. The size comes by itself if there is noise on the latent while the decoder learns: then what is
large is read more surely, and the encoder uses the whole range. The same noise teaches the decoder that latents come
a little wrong. (Rombach et al. draw the latent from a normal distribution and punish its distance from the standard
one; that has the same two effects, and a weight to be chosen.)
"""

from __future__ import annotations

from typing import Any

import tinyunet.functional as F
from tinyunet import nn
from tinyunet.ops.randomness import generator
from tinyunet.tensor import Tensor


class Block(nn.Module):
    """x + conv(silu(conv(silu(x)))): (N, C, H, W) → (N, C, H, W).

    >>> import numpy as np
    >>> Block(4, rng=0)(np.zeros((1, 4, 6, 6), np.float32)).shape
    (1, 4, 6, 6)
    """

    def __init__(self, channels: int, rng: Any = None) -> None:
        rng = generator(rng)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, rng=rng)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, rng=rng)

    def forward(self, x: Any) -> Tensor:
        return x + self.conv2(F.silu(self.conv1(F.silu(x))))


class Autoencoder(nn.Module):
    """decode(encode(x)), with a latent between −1 and 1.

    Args:
        colours: channels of the picture.
        latent: channels of the latent.
        channels: of the maps in between.
        blocks: so many on each side.
        patch: pixels on each side that become one position of the latent.
        rng: a `numpy.random.Generator` or a seed for the initial weights.

    Raises:
        ValueError: a number that is not positive.

    Shapes: pictures (N, colours, H, W), latents (N, latent, H/patch, W/patch).

    >>> import numpy as np
    >>> autoencoder, x = Autoencoder(rng=0), np.zeros((1, 3, 32, 32), np.float32)
    >>> autoencoder.encode(x).shape, autoencoder(x).shape
    ((1, 4, 8, 8), (1, 3, 32, 32))
    """

    def __init__(
        self, colours: int = 3, latent: int = 4, channels: int = 48, blocks: int = 1, patch: int = 4, rng: Any = None
    ) -> None:
        if min(colours, latent, channels, blocks, patch) < 1:
            raise ValueError(
                "Autoencoder: colours, latent, channels, blocks and patch must be positive, not "
                f"{colours}, {latent}, {channels}, {blocks} and {patch}"
            )
        rng = generator(rng)
        self.patch = patch
        pixels = colours * patch**2

        def side(inputs: int, outputs: int) -> nn.Sequential:
            first = nn.Conv2d(inputs, channels, 3, padding=1, rng=rng)
            between = [Block(channels, rng) for _ in range(blocks)]
            return nn.Sequential(first, *between, nn.SiLU(), nn.Conv2d(channels, outputs, 3, padding=1, rng=rng))

        self.encoder, self.decoder = side(pixels, latent), side(latent, pixels)

    def encode(self, x: Any) -> Tensor:
        """The latents of pictures."""
        return F.tanh(self.encoder(F.pixel_unshuffle(x, self.patch)))

    def decode(self, z: Any) -> Tensor:
        """The pictures of latents."""
        return F.pixel_shuffle(self.decoder(z), self.patch)

    def forward(self, x: Any) -> Tensor:
        return self.decode(self.encode(x))
