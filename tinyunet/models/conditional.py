"""A U-Net that knows the time, and what is asked for: the network inside diffusion models.

    x ──► conv ─► Level ────────────skip1────────────► cat ─► Level ─► norm, SiLU, conv ──► y
                    │ pool ↓ 2                      ↑ 2 up
                    Level ────────skip2──────► cat ─► Level
                      │ pool ↓ 2            ↑ 2 up
                      └──────► middle ──────┘

It is the U-Net of `unet.py` with three things changed, as in Ho et al. (2020) and Stable Diffusion (Rombach et al.
2022). A level is a residual block: it adds to its input what it finds. Every residual block hears a vector e of the
time, to which a class or the sense of a sentence is added; it scales and shifts the normalised maps by it. And at the
low resolutions every position looks around: at the others (self-attention) and at the words (cross-attention).

The last layer of each part is 0 at first. So a residual block begins as its skip, and the network answers 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import nn
from tinyunet.ops.randomness import generator
from tinyunet.tensor import Array, Tensor


def sinusoidal(t: Any, width: int) -> Array:
    """Times (N,) as vectors (N, width): cosines and sines from fast to slow, like the hands of a clock.

    cos(t·f) and sin(t·f), with f = 10000^(−k/(width/2)) for k = 0 … width/2 − 1 (Vaswani et al. 2017, section 3.5).

    >>> sinusoidal(np.array([0, 1]), 4).round(2)
    array([[1.  , 1.  , 0.  , 0.  ],
           [0.54, 1.  , 0.84, 0.01]])
    """
    angle = np.asarray(t)[:, None] * 10000.0 ** (-np.arange(width // 2) / (width // 2))  # (N, width/2)
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def zero(layer: Any) -> Any:
    """The layer with all its weights 0."""
    for p in layer.parameters():
        p.data = np.zeros_like(p.numpy())
    return layer


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(8, channels), channels)


class ResidualBlock(nn.Module):
    """x + conv(…(conv(x))), told by e: (N, in, H, W) and (N, width) → (N, out, H, W).

    y ← y·(1 + scale) + shift, with scale and shift for each channel from e (Dhariwal and Nichol 2021, "adaptive group
    normalisation").

    >>> ResidualBlock(4, 8, 16, rng=0)(np.zeros((1, 4, 6, 6), np.float32), np.zeros((1, 16), np.float32)).shape
    (1, 8, 6, 6)
    """

    def __init__(self, in_channels: int, out_channels: int, width: int, rng: Any = None) -> None:
        rng = generator(rng)
        self.norm1, self.norm2 = group_norm(in_channels), group_norm(out_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, rng=rng)
        self.told = nn.Linear(width, 2 * out_channels, rng=rng)
        self.conv2 = zero(nn.Conv2d(out_channels, out_channels, 3, padding=1, rng=rng))
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, rng=rng)

    def forward(self, x: Any, e: Any) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.told(e)[:, :, None, None].chunk(2, dim=1)  # (N, out, 1, 1) each
        y = self.norm2(y) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(y))


class Attention(nn.Module):
    """x + what every position finds where it looks: (N, C, H, W) and (N, L, context) → (N, C, H, W).

    A query for every position; keys and values are of the words (cross-attention), or, where `context` is 0, of all
    positions (self-attention). Each head looks with its own C/heads channels.

    >>> Attention(8, context=5, rng=0)(np.zeros((1, 8, 4, 4), np.float32), np.zeros((1, 3, 5), np.float32)).shape
    (1, 8, 4, 4)
    """

    def __init__(self, channels: int, context: int = 0, heads: int = 4, rng: Any = None) -> None:
        if channels % heads:
            raise ValueError(f"Attention: {heads} heads do not divide {channels} channels")
        rng = generator(rng)
        self.context, self.heads, self.norm = context, heads, group_norm(channels)
        self.query = nn.Linear(channels, channels, bias=False, rng=rng)
        self.key = nn.Linear(context or channels, channels, bias=False, rng=rng)
        self.value = nn.Linear(context or channels, channels, bias=False, rng=rng)
        self.out = zero(nn.Linear(channels, channels, rng=rng))

    def forward(self, x: Any, context: Any = None) -> Tensor:
        positions = self.norm(x).flatten(2).transpose(1, 2)  # (N, H·W, C)
        words = context if self.context else positions  # (N, L, context or C)
        q, k, v = self._heads(self.query(positions)), self._heads(self.key(words)), self._heads(self.value(words))
        found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # (N, H·W, C)
        return x + self.out(found).transpose(1, 2).reshape(*np.shape(x))

    def _heads(self, y: Tensor) -> Tensor:
        N, L, C = y.shape
        return y.reshape(N, L, self.heads, C // self.heads).transpose(1, 2)  # (N, heads, L, C/heads)


class Level(nn.Module):
    """A residual block; then, if it `attends`, self-attention, and cross-attention where there are words."""

    def __init__(
        self, in_channels: int, out_channels: int, width: int, attends: bool = False, context: int = 0, rng: Any = None
    ) -> None:
        rng = generator(rng)
        self.block = ResidualBlock(in_channels, out_channels, width, rng)
        looks = [0, context] if context else [0]
        self.attention = nn.ModuleList(Attention(out_channels, c, rng=rng) for c in looks if attends)

    def forward(self, x: Any, e: Any, context: Any = None) -> Tensor:
        x = self.block(x, e)
        for attention in self.attention:
            x = attention(x, context)
        return x


class Classes(nn.Module):
    """A condition: one of n classes, 1 … n, or 0 for none. A vector (N, width) for each, and no words."""

    context = 0

    def __init__(self, n: int, width: int, rng: Any = None) -> None:
        self.table = nn.Embedding(n + 1, width, rng=rng)

    def forward(self, classes: Any) -> tuple[Tensor, None]:
        return self.table(classes), None


class Words(nn.Module):
    """A condition: sentences (N, length) of words 1 … n, and 0 where there is none.

    Each word knows its place, and is worked over by itself; cross-attention looks at them, (N, length, context). Their
    sum, (N, width) by a linear layer, is what the whole sentence says. (Of the mean of ten words, one word is a tenth;
    it takes twice as many steps until the network hears it.)
    """

    def __init__(self, n: int, length: int, context: int, width: int, rng: Any = None) -> None:
        rng = generator(rng)
        self.context = context
        self.words = nn.Embedding(n + 1, context, rng=rng)
        self.places = nn.Embedding(length, context, rng=rng)
        self.work = nn.Sequential(
            nn.Linear(context, 2 * context, rng=rng), nn.SiLU(), nn.Linear(2 * context, context, rng=rng)
        )
        self.sense = nn.Linear(context, width, rng=rng)

    def forward(self, words: Any) -> tuple[Tensor, Tensor]:
        context = self.words(words) + self.places(np.arange(np.shape(words)[1]))  # (N, length, context)
        context = context + self.work(context)
        return self.sense(context.sum(1)), context


class ConditionalUNet(nn.Module):
    """The whole network: model(x, t) or model(x, t, condition), for `tinyunet.diffusion`.

    Args:
        in_channels, out_channels: of the noisy picture and of the answer.
        channels: of every level; each but the last halves the picture.
        width: of the vector e that the residual blocks hear.
        attends: at which levels, counted from 0, and on both sides, positions look around; the middle does always.
        condition: a module such as `Classes` or `Words` that makes a vector (N, width) and words (N, L, context) of
            what is asked for, with the attribute `context`, 0 if there are no words.
        rng: a `numpy.random.Generator` or a seed for the initial weights.

    Raises:
        ValueError: no or non-positive channels; when called, a height or width that cannot be halved so often, and a
            condition where none is expected or none where one is.

    Shapes: x (N, in_channels, H, W), t (N,) → (N, out_channels, H, W).

    >>> model = ConditionalUNet(1, 1, (8, 16), condition=Classes(10, 32, rng=0), width=32, rng=0)
    >>> model(np.zeros((2, 1, 8, 8), np.float32), np.array([1, 1000]), np.array([7, 0])).shape
    (2, 1, 8, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int] = (64, 128),
        width: int = 128,
        attends: Sequence[int] = (),
        condition: Any = None,
        rng: Any = None,
    ) -> None:
        if not channels or min(in_channels, out_channels, width, *channels) < 1:
            raise ValueError(f"ConditionalUNet: channels must be positive, at least one level: {tuple(channels)}")
        rng = generator(rng)
        self.channels, self.width, self.condition = tuple(channels), width, condition
        context = condition.context if condition is not None else 0
        self.time = nn.Sequential(nn.Linear(width, width, rng=rng), nn.SiLU(), nn.Linear(width, width, rng=rng))
        self.input = nn.Conv2d(in_channels, channels[0], 3, padding=1, rng=rng)
        inputs, deepest, looks = (
            [channels[0], *channels[:-1]],
            channels[-1],
            [k in attends for k in range(len(channels))],
        )
        self.down = nn.ModuleList(
            Level(i, o, width, look, context, rng) for i, o, look in zip(inputs, channels, looks, strict=True)
        )
        self.middle = Level(deepest, deepest, width, True, context, rng)
        self.up = nn.ModuleList(
            Level(i + o, o, width, look, context, rng)  # what comes from below, and the skip
            for i, o, look in zip([deepest, *channels[:0:-1]], channels[::-1], looks[::-1], strict=True)
        )
        self.norm = group_norm(channels[0])
        self.output = zero(nn.Conv2d(channels[0], out_channels, 3, padding=1, rng=rng))

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this: 2 for every level but the last."""
        return int(2 ** (len(self.channels) - 1))

    def forward(self, x: Any, t: Any, condition: Any = None) -> Tensor:
        self._check(x, condition)
        e, context = self.time(sinusoidal(t, self.width).astype(x.dtype)), None  # (N, width)
        if condition is not None:
            vector, context = self.condition(condition)
            e = e + vector
        e = F.silu(e)
        x, skips = self.input(x), []
        for k, level in enumerate(self.down):
            x = level(F.avg_pool2d(x, 2) if k else x, e, context)
            skips.append(x)
        x = self.middle(x, e, context)
        for k, level in enumerate(self.up):
            x = level(F.cat([F.interpolate(x, scale_factor=2) if k else x, skips.pop()], dim=1), e, context)
        return self.output(F.silu(self.norm(x)))

    def _check(self, x: Any, condition: Any) -> None:
        if np.ndim(x) != 4 or any(n % self.multiple or not n for n in np.shape(x)[2:]):
            raise ValueError(
                f"ConditionalUNet: input must be (N, C, H, W), height and width multiples of {self.multiple}, "
                f"not {np.shape(x)}"
            )
        if (condition is None) != (self.condition is None):
            raise ValueError(
                "ConditionalUNet: it was made without a condition, and is called with one"
                if self.condition is None
                else "ConditionalUNet: it needs a condition, of 0 where nothing is asked for"
            )
