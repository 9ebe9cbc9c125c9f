"""Editing by instruction: a picture and "make the circle green".

Data      pictures of one to three things, 32×32 pixels, instructions, and all that is right (`data/instructions.py`)
Model     a U-Net that sees the picture, knows the time and the words (`Editor`)
Loss      mean squared error of the picture x₀, by its time
Metric    how often everything is right that is read from the result, to the pixel: for instructions that were learnt
          from, for others, and for a change that a shape was never learnt to make. And the distance to the nearest
          picture that is right (PSNR): where that is as before, and, of what is right, where it is not; and the same
          of what was moved, which alone leaves something open
Baseline  what became of the most similar picture among 2,000 with an instruction that was learnt from

A thing may be moved to several positions. Who answers by the mean of all of them, as a regression does, answers with a
blur. So the new picture is made out of noise, with the old one in sight.

The instructions are held out, and judged with pictures of two or three things. Of these, none is likely to have been
learnt from: there are millions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
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
from tinyunet.diffusion import Denoise, Diffusion, cosine
from tinyunet.metrics import psnr
from tinyunet.models.conditional import ConditionalUNet, Words
from tinyunet.nn import Module
from tinyunet.ops.randomness import generator
from tinyunet.optim import Muon, Optimizer
from tinyunet.tasks.generation import squared_distances
from tinyunet.tasks.painter import WAVES, as_picture, importance, waves
from tinyunet.tasks.painting import Painting
from tinyunet.tasks.task import UNET, Batch, Example, Method
from tinyunet.tensor import Array, Tensor

DIFFUSION = Diffusion(cosine().shifted(4), predicts="x0")
PATCH = 4  # pixels on each side that become one position
APART = 0.3  # from the ground: a pixel that belongs to a thing, at least to its edge
NO_AREA = 1e-20  # of a mask in pixels, by which may be divided
LEARNT = 2000  # changes, of which the most similar is looked up
KEPT, CHANGED, MOVED = "kept, in dB", "changed, in dB", "moved, in dB"
IN_ONE_STEP = f"{UNET}, in one step"


class Editor(nn.Module):
    """model(x, t, before, words): the picture x₀ that `before` becomes, behind noisy ones x.

    It answers as somebody works who edits: two colours are laid over the old picture, one after the other, say that of
    the ground where a thing was, and then another where a thing is to be. With masks m from 0 to 1,

        x ← before;      x ← x + m₁·(c₁ − x);      x₀ = x + m₂·(c₂ − x)

    A mask has a number for each pixel, a colour is one for the picture: the mean of what the positions under its mask
    say. What is kept is sharp from the beginning, and what is painted needs nothing but a sharp mask.

    And it is told where there are things at all (`figure`). A circle is a circle in any colour on any ground, which a
    network that sees colours has to find out for every pair of them; told so, it learns sooner.

    Shapes: x, before (N, 3, H, W), t (N,), words (N, LENGTH) → (N, 3, H, W).

    >>> x, words = np.zeros((1, 3, 32, 32), np.float32), np.zeros((1, LENGTH), int)
    >>> Editor((8, 16), width=16, context=8, rng=0)(x, np.array([1000]), x, words).shape
    (1, 3, 32, 32)
    """

    def __init__(
        self, channels: Sequence[int] = (64, 96), width: int = 128, context: int = 64, rng: Any = None
    ) -> None:
        rng = generator(rng)
        told = Words(len(WORDS) - 1, LENGTH, context, width, rng=rng)
        inputs, outputs = 7 * PATCH**2 + 4 * WAVES, 2 * PATCH**2 + 6
        attends = range(1, len(channels))
        self.unet = ConditionalUNet(inputs, outputs, channels, width=width, attends=attends, condition=told, rng=rng)

    def forward(self, x: Any, t: Any, before: Any, words: Any) -> Tensor:
        alpha, _ = DIFFUSION.schedule.at(t, x)  # where it is small, x says little
        seen = F.pixel_unshuffle(np.concatenate([alpha * x, before, figure(before)], axis=1), PATCH)
        N, _, H, W = seen.shape
        y = self.unet(F.cat([seen, np.broadcast_to(waves(H, W), (N, 4 * WAVES, H, W))], dim=1), t, words)
        masks = F.sigmoid(F.pixel_shuffle(y[:, :-6], PATCH)).split(1, dim=1)  # (N, 1, H, W) each
        colours = F.interpolate(y[:, -6:], scale_factor=PATCH).split(3, dim=1)  # (N, 3, H, W) each
        painted: Any = before
        for mask, colour in zip(masks, colours, strict=True):
            area = mask.sum((2, 3), keepdim=True).clamp(min=NO_AREA)
            flat = (mask * colour).sum((2, 3), keepdim=True) / area  # (N, 3, 1, 1)
            painted = painted + mask * (flat - painted)
        return painted


def figure(pictures: Array) -> Array:
    """1 where a picture is not as most of it, (N, 3, H, W) → (N, 1, H, W).

    >>> from tinyunet.data.things import Placed
    >>> figure(pictured(Drawn((Placed(0, "red"),), "white"))[None])[0, 0, 8, :14].astype(int)   # a small circle
    array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    """
    ground = np.median(pictures, axis=(2, 3), keepdims=True)
    distance = np.sqrt(np.square(pictures - ground).sum(axis=1, keepdims=True))
    return (distance > APART).astype(pictures.dtype)


class Edit(Painting):
    """Pictures out of noise, another picture and an instruction. Inputs are all three."""

    name = "edit"
    shows = 'editing by instruction: "make the circle green", and nothing else changes'
    no_apply = "tinyunet edit  does that, with an instruction"
    takes = "11 to 14 minutes"
    steps, fast_steps, n, lr = 4500, 400, 32, 3e-3
    average = 0.998
    diffusion = DIFFUSION
    shown = 0, 1, 2

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
            Example(
                name,
                (
                    rng.standard_normal(self.shape, np.float32),
                    pictured(each.before),
                    tokens([each.instruction])[0],
                ),
                pictured(each.after[0]),
            )
            for name, each in self.asked
        ]

    def model(self, rng: np.random.Generator) -> Module:
        return Editor((16, 32), 32, 16, rng=rng) if self.fast else Editor(rng=rng)

    def optimizer(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Muon: what the words mean is a rare direction at first. By Adam, the same takes more than twice the steps."""
        return Muon(parameters, self.lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw", betas=self.betas)

    def some(self, rng: np.random.Generator, n: int) -> list[Change]:
        """Changes to learn from."""
        return [change(rng, some_instruction(rng, self.learnt)) for _ in range(n)]

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        changes = self.some(rng, n)
        before = np.stack([pictured(each.before) for each in changes])
        after = np.stack([pictured(each.after[rng.integers(len(each.after))]) for each in changes])
        x, t, target = self.diffusion.examples(after, rng)
        return (x, t, before, tokens([each.instruction for each in changes])), target, importance(t, self.diffusion)

    def denoise(self, model: Any, *condition: Any) -> Denoise:
        """The model, for pictures and instructions."""
        return lambda x, t: model(x, t, *condition)

    def baselines(self) -> dict[str, Method]:
        rng = np.random.default_rng(2000)
        learnt = self.some(rng, LEARNT)
        told = tokens([each.instruction for each in learnt])
        before = np.stack([pictured(each.before) for each in learnt])

        def most_similar(noise: Array, pictures: Array, words: Array) -> Array:
            """What became of the nearest picture, among those with the most words in common."""
            alike = (told == words[:, None]).sum(axis=2)  # (N, LEARNT)
            distance = squared_distances(pictures, before)
            best = np.where(alike == alike.max(axis=1, keepdims=True), distance, np.inf).argmin(axis=1)
            return np.stack([pictured(learnt[k].after[0]) for k in best])

        return {"most similar": most_similar}

    def methods(self, model: Any) -> dict[str, Method]:
        """The baselines, and the network in a single step: the mean of all that may be right, as a regression gives."""

        def at_once(*inputs: Array) -> Array:
            one = copy.copy(self)
            one.sampling = 1
            return one.predict(model, *inputs)

        return {**super().methods(model), IN_ONE_STEP: at_once}

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
                pictures = self.held_out[k].inputs[1], outputs[UNET][k], self.held_out[k].truth
                columns[title] = [self.view(x) for x in pictures]
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
