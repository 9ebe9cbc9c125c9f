"""The U-Net of Ronneberger, Fischer and Brox (2015), in the variant that keeps the size of the image.

    image ──► ConvBlock ───────────────skip1──────────────► cat ─► ConvBlock ──► 1×1 conv ──► output
                 │ pool ↓ 2                            ↑ 2 up
                 ConvBlock ──────────skip2────────► cat ─► ConvBlock
                     │ pool ↓ 2                 ↑ 2 up
                     ⋮                          ⋮
                     └──────► bottleneck ───────┘

Going down, the image shrinks and the channels grow: a position of the bottleneck has seen a large part of the image and
knows *what* is there, but has lost *where* exactly. Going up, every level gets the map from before pooling beside it,
which knows *where* but has no context. The convolutions after the concatenation combine both.

Different from the paper: convolutions are padded, so that the output has the size of the input, and are followed by
batchnorm; the bottleneck does not double the channels once more; the up-convolution keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import nn
from tinyunet.ops.randomness import generator
from tinyunet.tensor import Tensor
from tinyunet.trace import Trace, trace


def _norm(kind: str | None, channels: int) -> list[nn.Module]:
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "group":
        return [nn.GroupNorm(next(g for g in (8, 4, 2, 1) if channels % g == 0), channels)]
    if kind in (None, "none"):
        return []
    raise ValueError(f"UNet: norm must be 'batch', 'group' or None, not {kind!r}")


class ConvBlock(nn.Sequential):
    """(Conv 3×3 → norm → ReLU) twice: (N, in, H, W) → (N, out, H, W).

    >>> ConvBlock(3, 8, rng=0)(Tensor(np.zeros((1, 3, 16, 16)), np.float32)).shape
    (1, 8, 16, 16)
    """

    def __init__(self, in_channels: int, out_channels: int, norm: str | None = "batch", rng: Any = None) -> None:
        rng = generator(rng)
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, rng=rng),
            *_norm(norm, out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, rng=rng),
            *_norm(norm, out_channels),
            nn.ReLU(),
        )


class EncoderBlock(nn.Module):
    """ConvBlock, then 2×2 max-pool. Returns both: (pooled map for the next level, features for the skip).

    The features are used twice, so on the way back their gradient has two parts: one through the pooling, one through
    the skip. They meet at the operation that made the features, where they are added.

    >>> pooled, features = EncoderBlock(64, 128, rng=0)(Tensor(np.zeros((1, 64, 64, 64)), np.float32))
    >>> pooled.shape, features.shape
    ((1, 128, 32, 32), (1, 128, 64, 64))
    """

    def __init__(self, in_channels: int, out_channels: int, norm: str | None = "batch", rng: Any = None) -> None:
        self.conv = ConvBlock(in_channels, out_channels, norm, rng)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Any) -> tuple[Tensor, Tensor]:
        features = self.conv(x)  # (N, out, H, W)
        return self.pool(features), features  # (N, out, H/2, W/2)


class DecoderBlock(nn.Module):
    """Up-convolution, concatenation with the skip, ConvBlock.

    The transposed convolution doubles the size and keeps the channels; the upsampled map comes first in the
    concatenation, the skip second. With `skip_channels=0` it takes no notice of a skip.

    >>> up = DecoderBlock(512, 512, 256, rng=0)
    >>> up(Tensor(np.zeros((1, 512, 8, 8)), np.float32), Tensor(np.zeros((1, 512, 16, 16)), np.float32)).shape
    (1, 256, 16, 16)
    """

    def __init__(
        self,
        in_channels: int,
        skip_channels: int,
        out_channels: int,
        norm: str | None = "batch",
        rng: Any = None,
    ) -> None:
        rng = generator(rng)
        self.skip_channels = skip_channels
        self.up = nn.ConvTranspose2d(in_channels, in_channels, kernel_size=2, stride=2, rng=rng)
        self.conv = ConvBlock(in_channels + skip_channels, out_channels, norm, rng)

    def forward(self, x: Any, skip: Any = None) -> Tensor:
        x = self.up(x)  # (N, in, 2H, 2W)
        if self.skip_channels:
            x = F.cat([x, skip], dim=1)  # (N, in + skip, 2H, 2W)
        return self.conv(x)  # (N, out, 2H, 2W)


class Encoder(nn.Module):
    """The way down: one EncoderBlock per level. Returns the deepest map and the skips, largest first.

    Who wants a label for the whole image, and no image, needs nothing but this and a layer on the deepest map.

    >>> deepest, skips = Encoder(1, (4, 8), rng=0)(Tensor(np.zeros((1, 1, 16, 16)), np.float32))
    >>> deepest.shape, [skip.shape for skip in skips]
    ((1, 8, 4, 4), [(1, 4, 16, 16), (1, 8, 8, 8)])
    """

    def __init__(self, in_channels: int, channels: Sequence[int], norm: str | None = "batch", rng: Any = None) -> None:
        rng = generator(rng)
        inputs = [in_channels, *channels[:-1]]
        self.levels = nn.ModuleList(EncoderBlock(i, o, norm, rng) for i, o in zip(inputs, channels, strict=True))

    def forward(self, x: Any) -> tuple[Tensor, list[Tensor]]:
        skips = []
        for level in self.levels:
            x, features = level(x)
            skips.append(features)
        return x, skips


class UNet(nn.Module):
    """The whole network: encoder, bottleneck, decoder, and a 1×1 convolution to the output channels.

    Args:
        in_channels, out_channels: of the image and of the output (1 logit for two classes, or one per class).
        channels: of every level on the way down; each level halves the image.
        skips: whether the decoder sees the encoder's maps. Without, the output is blurred: try it.
        norm: "batch", "group" or None.
        pad: take images of any size: zeros are added at the right and bottom, and the output is cropped again.
            Otherwise height and width must be multiples of 2^levels.
        rng: a `numpy.random.Generator` or a seed for the initial weights.

    Raises:
        ValueError: no or non-positive channels, an unknown norm; when called, an input of other channels or size.

    Shapes: (N, in_channels, H, W) → (N, out_channels, H, W).

    >>> model = UNet(3, 3)
    >>> sum(p.numel() for p in model.parameters())
    14789059
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int] = (64, 128, 256, 512),
        skips: bool = True,
        norm: str | None = "batch",
        pad: bool = False,
        rng: Any = None,
    ) -> None:
        if not channels or min(in_channels, out_channels, *channels) < 1:
            raise ValueError(
                f"UNet: channels must be positive, at least one level: in_channels={in_channels}, "
                f"out_channels={out_channels}, channels={tuple(channels)}"
            )
        rng = generator(rng)
        self.in_channels, self.out_channels, self.channels = in_channels, out_channels, tuple(channels)
        self.skips, self.norm, self.pad = skips, norm, pad
        self.encoder = Encoder(in_channels, self.channels, norm, rng)
        self.bottleneck = ConvBlock(self.channels[-1], self.channels[-1], norm, rng)
        upwards = self.channels[::-1]  # the decoder's level above gets as many channels as its skip has
        self.decoder = nn.ModuleList(
            DecoderBlock(i, i if skips else 0, o, norm, rng)
            for i, o in zip(upwards, [*upwards[1:], upwards[-1]], strict=True)
        )
        self.output = nn.Conv2d(self.channels[0], out_channels, 1, rng=rng)

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this: 2 for every level."""
        return 2 ** len(self.channels)

    def forward(self, x: Any) -> Tensor:
        x, H, W = self._padded(x)
        x, skips = self.encoder(x)  # the deepest map, and every level's from before pooling
        x = self.bottleneck(x)
        for level in self.decoder:
            x = level(x, skips.pop())  # the deepest skip first
        x = self.output(x)
        return x[:, :, :H, :W] if self.pad else x

    def _padded(self, x: Any) -> tuple[Any, int, int]:
        """The images at a size that every level can halve, and the height and width that they came with."""
        shape = np.shape(x)
        if len(shape) != 4 or shape[1] != self.in_channels:
            raise ValueError(f"UNet: input must be (N, {self.in_channels}, H, W), not {shape}")
        H, W = shape[2:]
        bottom, right = -H % self.multiple, -W % self.multiple
        if not H or not W or ((bottom or right) and not self.pad):
            raise ValueError(
                f"UNet: {len(self.channels)} levels halve the image as many times, so height and width must be "
                f"multiples of {self.multiple}, not {H}×{W}; UNet(…, pad=True) pads to "
                f"{H + bottom}×{W + right} and crops the output"
            )
        return F.pad(x, (0, right, 0, bottom)) if bottom or right else x, H, W

    def trace(self, shape: Sequence[int]) -> Trace:
        """Run zeros of this shape through the network and report every stage. The model stays as it is.

        >>> print(UNet(1, 1, channels=(4, 8)).trace((1, 1, 16, 16)).drawing())
        input (1, 1, 16, 16)                                      output (1, 1, 16, 16)
          enc1 (1, 4, 16, 16)  ──── skip1 (1, 4, 16, 16) ────►  dec1 (1, 4, 16, 16)
            ↓ pool (1, 4, 8, 8)                                 ↑ up
            enc2 (1, 8, 8, 8)  ──── skip2 (1, 8, 8, 8) ────►  dec2 (1, 4, 8, 8)
              ↓ pool (1, 8, 4, 4)                             ↑ up
              bottleneck (1, 8, 4, 4)
        """
        return trace(self, shape)
