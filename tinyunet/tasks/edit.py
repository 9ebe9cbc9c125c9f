"""Editing by instruction: a picture and "make the circle green".

Data      pictures of one to three things, 32×32 pixels, instructions, and all that is right (`data/instructions.py`)
Model     a U-Net that sees the picture and knows the words (`Editor`)
Loss      mean squared error to the nearest picture that is right
Metric    how often everything is right that is read from the result, to the pixel: for instructions that were learnt
          from, for others, and for a change that a shape was never learnt to make. And the distance to the nearest
          picture that is right (PSNR): where that is as before, and, of what is right, where it is not; and the same
          of what was moved, which alone leaves something open
Baseline  what became of the most similar picture among 2,000 with an instruction that was learnt from

A thing may be moved to several positions. A network that must give the one that was drawn answers with the mean of all,
a blur. Diffusion is a way out where nobody can say what else would have been right, as for photographs. Here everything
that is right is known. So the network may choose, and the error is that of its choice.

The instructions are held out, and judged with pictures of two or three things. Of these, none is likely to have been
learnt from: there are millions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import nn
from tinyunet.data.instructions import (
    LENGTH,
    WORDS,
    Change,
    change,
    grouped,
    some_instruction,
    split_instructions,
    tokens,
)
from tinyunet.data.things import MOST, Drawn, paint, read
from tinyunet.metrics import psnr
from tinyunet.models.conditional import ConditionalUNet, Words
from tinyunet.nn import Module
from tinyunet.ops.randomness import generator
from tinyunet.tasks.painter import WAVES, as_picture, waves
from tinyunet.tasks.task import UNET, Batch, Example, Method, Task
from tinyunet.tensor import Array, Tensor

PATCH = 2  # pixels on each side that become one position
APART = 0.3  # from the ground: a pixel that belongs to a thing, at least to its edge
NO_AREA = 1e-20  # of a mask in pixels, by which may be divided
LEARNT = 2000  # changes, of which the most similar is looked up
KEPT, CHANGED, MOVED = "kept, in dB", "changed, in dB", "moved, in dB"


class Editor(nn.Module):
    """model(before, words): the picture that `before` becomes.

    It answers as somebody works who edits: two colours are laid over the old picture, one after the other, say that of
    the ground where a thing was, and then another where a thing is to be. With masks m from 0 to 1,

        x ← before;      x ← x + m₁·(c₁ − x);      x ← x + m₂·(c₂ − x)

    A mask has a number for each pixel, a colour is one for the picture: the mean of what the positions under its mask
    say. What is kept is sharp from the beginning, and what is painted needs nothing but a sharp mask.

    And it is told where there are things at all (`figure`). A circle is a circle in any colour on any ground, which a
    network that sees colours has to find out for every pair of them; told so, it learns sooner.

    Shapes: before (N, 3, H, W), words (N, LENGTH) → (N, 3, H, W).

    >>> before, words = np.zeros((1, 3, 32, 32), np.float32), np.zeros((1, LENGTH), int)
    >>> Editor((8, 16), width=16, context=8, rng=0)(before, words).shape
    (1, 3, 32, 32)
    """

    def __init__(
        self, channels: Sequence[int] = (32, 64), width: int = 128, context: int = 64, rng: Any = None
    ) -> None:
        rng = generator(rng)
        told = Words(len(WORDS) - 1, LENGTH, context, width, rng=rng)
        inputs, outputs = 4 * PATCH**2 + 4 * WAVES, 2 * PATCH**2 + 6
        attends = range(1, len(channels))
        self.unet = ConditionalUNet(inputs, outputs, channels, width=width, attends=attends, condition=told, rng=rng)

    def forward(self, before: Any, words: Any) -> Tensor:
        seen = F.pixel_unshuffle(np.concatenate([before, figure(before)], axis=1), PATCH)
        N, _, H, W = seen.shape
        seen = F.cat([seen, np.broadcast_to(waves(H, W), (N, 4 * WAVES, H, W))], dim=1)
        y = self.unet(seen, np.zeros(N), words)  # at time 0, because there is no noise
        masks = F.sigmoid(F.pixel_shuffle(y[:, :-6], PATCH)).split(1, dim=1)  # (N, 1, H, W) each
        colours = F.interpolate(y[:, -6:], scale_factor=PATCH).split(3, dim=1)  # (N, 3, H, W) each
        x: Any = before
        for mask, colour in zip(masks, colours, strict=True):
            area = mask.sum((2, 3), keepdim=True).clamp(min=NO_AREA)
            flat = (mask * colour).sum((2, 3), keepdim=True) / area  # (N, 3, 1, 1)
            x = x + mask * (flat - x)
        return x


def figure(pictures: Array) -> Array:
    """1 where a picture is not as most of it, (N, 3, H, W) → (N, 1, H, W).

    >>> from tinyunet.data.things import Placed
    >>> figure(pictured(Drawn((Placed(0, "red"),), "white"))[None])[0, 0, 8, :14].astype(int)   # a small circle
    array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    """
    ground = np.median(pictures, axis=(2, 3), keepdims=True)
    distance = np.sqrt(np.square(pictures - ground).sum(axis=1, keepdims=True))
    return (distance > APART).astype(pictures.dtype)


class Edit(Task):
    """Pictures out of other pictures and instructions. Values are from −1 to 1."""

    name = "edit"
    shows = 'editing by instruction: "make the circle green", and nothing else changes'
    no_images = "it learns from pictures of which it is known what they show"
    no_apply = "tinyunet edit  does that, with an instruction"
    reads, takes = "{:.2f} right", "10 minutes"
    steps, fast_steps, n, lr = 2500, 400, 32, 3e-3
    betas, warmup, muon = (0.9, 0.99), 100, True

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.n = 8 if fast else self.n
        rng, count = np.random.default_rng(1000), 16 if fast else 160
        parts = split_instructions()._asdict()
        if fast:
            parts = {"seen": tuple(each for each in parts["seen"] if each.what == "ground")}
        self.learnt = grouped(parts["seen"])
        asked = [(name, part[k]) for name, part in parts.items() for k in in_turn(len(part), count, rng)]
        self.asked = [(name, change(rng, instruction, (2, 3))) for name, instruction in asked]
        self.held_out = [
            Example(name, (pictured(each.before), tokens([each.instruction])[0]), pictured(each.after[0]))
            for name, each in self.asked
        ]

    def model(self, rng: np.random.Generator) -> Module:
        return Editor((16, 32), 32, 16, rng=rng) if self.fast else Editor(rng=rng)

    def some(self, rng: np.random.Generator, n: int) -> list[Change]:
        """Changes to learn from."""
        return [change(rng, some_instruction(rng, self.learnt)) for _ in range(n)]

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        """The target is all that is right, (N, A, 3, H, W): the last again where others have more."""
        changes = self.some(rng, n)
        before = np.stack([pictured(each.before) for each in changes])
        most = max(len(each.after) for each in changes)
        right = [[pictured(each.after[min(k, len(each.after) - 1)]) for k in range(most)] for each in changes]
        return (before, tokens([each.instruction for each in changes])), np.array(right), None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        """The mean squared error to the nearest that is right."""
        distance = np.square(output.numpy()[:, None] - target).sum(axis=(2, 3, 4))  # (N, A)
        return F.mse_loss(output, target[np.arange(len(target)), distance.argmin(axis=1)])

    def predict(self, model: Any, *inputs: Array) -> Array:
        with model.evaluating():
            return model(*(x[None] for x in inputs)).numpy()[0]

    def baselines(self) -> dict[str, Method]:
        learnt = self.some(np.random.default_rng(2000), LEARNT)
        told = tokens([each.instruction for each in learnt])
        before = np.stack([pictured(each.before) for each in learnt])

        def most_similar(picture: Array, words: Array) -> Array:
            """What became of the nearest picture, among those with the most words in common."""
            alike = (told == words).sum(axis=1)  # (LEARNT,)
            distance = np.square(before - picture).sum(axis=(1, 2, 3))
            return pictured(learnt[np.where(alike == alike.max(), distance, np.inf).argmin()].after[0])

        return {"most similar": most_similar}

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        right: dict[str, list[bool]] = {}
        kinds = {asked.instruction.what for _, asked in self.asked}
        pixels: dict[str, list[tuple[Array, Array]]] = {KEPT: [], CHANGED: []}
        pixels |= {MOVED: []} if "place" in kinds else {}
        for (name, asked), output in zip(self.asked, outputs, strict=True):
            picture = as_picture(output)
            right.setdefault(name, []).append(followed(asked, picture))
            nearest, same = nearest_right(asked, picture)
            pixels[KEPT].append((picture[:, same], nearest[:, same]))
            if right[name][-1]:
                pixels[CHANGED].append((picture[:, ~same], nearest[:, ~same]))
            if right[name][-1] and asked.instruction.what == "place":
                pixels[MOVED].append(pixels[CHANGED][-1])
        shares = {name: float(np.mean(of)) for name, of in right.items()}
        return {**shares, **{name: over_all(pairs) for name, pairs in pixels.items()}}

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """A column for each of two instructions of a kind: a picture, what the network made of it, what is right."""
        columns = {}
        for group in dict.fromkeys(name for name, _ in self.asked):
            for k in [k for k, (name, _) in enumerate(self.asked) if name == group][:2]:
                title = f"{group}:\n{fill(str(self.asked[k][1].instruction), 14)}"
                before, after = as_picture(self.held_out[k].inputs[0]), as_picture(outputs[UNET][k])
                columns[title] = [before, after, nearest_right(self.asked[k][1], after)[0]]
        return columns


def pictured(drawn: Drawn) -> Array:
    """The picture, values from −1 to 1."""
    return 2 * paint(*drawn) - 1


def followed(asked: Change, picture: Array) -> bool:
    """Whether a picture, values from 0 to 1, shows what was asked for, every thing to the pixel where it is to be."""
    reading = read(picture, MOST, least=0)
    return reading.readable and any(reading.drawn.same(right) for right in asked.after)


def nearest_right(asked: Change, picture: Array) -> tuple[Array, Array]:
    """The nearest picture that is right, (3, H, W), and where it is the one before, (H, W); values from 0 to 1."""
    before, *rights = (paint(*drawn) for drawn in (asked.before, *asked.after))
    nearest = min(rights, key=lambda right: float(np.square(picture - right).sum()))
    return nearest, (nearest == before).all(axis=0)


def over_all(pairs: Sequence[tuple[Array, Array]]) -> float:
    """The PSNR over the pixels (3, …) of all pairs; 0 for none."""
    return psnr(*(np.concatenate(side, axis=1) for side in zip(*pairs, strict=True))) if pairs else 0.0


def in_turn(n: int, count: int, rng: np.random.Generator) -> Array:
    """So many of the numbers below n, each as often as the others, up to one.

    >>> in_turn(2, 3, np.random.default_rng(0)).tolist()
    [0, 1, 0]
    """
    return np.concatenate([rng.permutation(n) for _ in range(-(-count // n))])[:count]
