"""Inpainting: what stood where something is missing?

Data      handwritten digits of 8×8 pixels with a hole of 3×3; photographs over which somebody scribbled and wrote, with
          new holes for every batch
Model     a U-Net of two inputs: the picture without what is missing, and the hole, 1 where that is. Of a digit it
          predicts the pixels; of a photograph what the biharmonic filling lacks, divided by 0.1
Loss      mean squared error in the holes
Metric    PSNR in dB of the pixels in the holes of pictures that nothing was learnt from
Baseline  biharmonic inpainting: the smoothest surface, with Δ²u = 0 in the hole, that continues what is around

A surface knows that pictures are smooth. What the stroke of a 3 looks like, or the edge of a coat, must be learnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tinyunet.functional as F
from tinyunet import metrics
from tinyunet.data import DataError
from tinyunet.tasks.photographs import NEEDS, details, digits, patches, photographs
from tinyunet.tasks.task import UNET, Batch, Example, Method, SideBySide, Task, library, scaled
from tinyunet.tasks.tiles import flipped
from tinyunet.tensor import Array, Tensor

LACKING = 0.1  # the size of what a biharmonic filling lacks, so that the network predicts numbers around 1


class Inpainting(Task):
    """Pictures with holes. Inputs are the picture, 0 in the hole, and the hole; a truth is both as one (2, H, W)."""

    reads = "{:.2f} dB"

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        hole = np.asarray(weight)
        return (F.mse_loss(output, target, reduction="none") * hole).sum() / float(hole.sum())

    def score(self, output: Array, truth: Array) -> float:
        """PSNR in the hole, which is the second channel of the truth; answers have it, too, as it was given."""
        hole = truth[1] == 1
        return metrics.psnr(output[0][hole], truth[0][hole])

    def baselines(self) -> dict[str, Method]:
        return {"biharmonic": lambda x, hole: answer(biharmonic(x, hole), x, hole)}

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """As of every task, with the holes marked in the inputs."""
        holed = [self.held_out[k].inputs for k in self.drawn()]
        return {**super().picture(outputs), "input": [self.marked(x, hole) for x, hole in holed]}

    def marked(self, x: Array, hole: Array) -> Array:
        """A picture with its hole grey."""
        return x + 0.5 * hole

    def view(self, array: Array) -> Array:
        return np.clip(array[:1], 0, 1)


class DigitInpainting(Inpainting):
    """Digits with a hole."""

    name = "inpainting"
    shows = "inpainting: handwritten digits with a hole in them"
    needs = "scikit-learn, for its digits, and scikit-image, for the method that it is compared with"
    no_images = "it learns from the digits of scikit-learn"
    no_apply = "it fills holes in digits of 8×8 pixels, and a picture does not tell where its hole is"
    takes = "1 minute"
    steps, fast_steps, n, lr = 1500, 100, 64, 2e-3
    shown = 0, 1, 3, 4

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        library("skimage.restoration", self.name)  # of the baseline: missed now, not after the training
        x, _ = digits(self.name)
        test, self.train = np.split(x[np.random.default_rng(0).permutation(len(x))], [len(x) // 3])
        rng = np.random.default_rng(1000)
        self.held_out = [with_hole("digits", x, square_hole(rng)) for x in test[: 60 if fast else None]]

    def model(self, rng: np.random.Generator) -> SideBySide:
        return SideBySide(2, 1, (8, 16) if self.fast else (32, 64), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        x = self.train[rng.integers(len(self.train), size=n)]
        hole = np.stack([square_hole(rng) for _ in range(n)])
        return (x * (1 - hole), hole), x, hole

    def predict(self, model: Any, *inputs: Array) -> Array:
        return answer(super().predict(model, *inputs), *inputs)

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        """Of all holes together, as one picture: a hole that is all paper could be filled without any error."""
        truths = np.stack([example.truth for example in self.held_out], axis=2)  # (2, 8, N, 8)
        return {"digits": self.score(np.stack(outputs, axis=2), truths)}


class Retouching(Inpainting):
    """Photographs over which somebody scribbled and wrote."""

    name = "retouching"
    shows = "inpainting: photographs without the strokes and words over them"
    needs, no_images = NEEDS, ""
    takes = "3 minutes"
    steps, fast_steps, lr = 1400, 200, 4e-3
    shown = 0, 1

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.size = 32 if fast else 64
        train, test = photographs(self.name, images, fast)
        self.train = list(train.values())
        rng = np.random.default_rng(1000)
        self.held_out = [with_hole(name, x, scribbles(x.shape[1:], rng)) for name, x in test.items()]

    def model(self, rng: np.random.Generator) -> SideBySide:
        return SideBySide(2, 1, (8, 16) if self.fast else (16, 32, 64), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        x = patches(self.train, rng, n, self.size)
        hole = np.stack([scribbles(x.shape[2:], rng) for _ in range(n)])
        smooth = np.stack([biharmonic(*both) for both in zip(x * (1 - hole), hole, strict=True)])
        return (scaled(smooth), hole), (x - smooth) / LACKING, hole

    def predict(self, model: Any, *inputs: Array) -> Array:
        x, hole = inputs
        smooth = biharmonic(x, hole)
        return answer(smooth + LACKING * super().predict(model, scaled(smooth), hole), x, hole)

    def methods(self, model: Any) -> dict[str, Method]:
        eight = partial(flipped, partial(self.predict, model))
        return super().methods(model) | {f"{UNET}, mean of 8 flips": eight}

    def marked(self, x: Array, hole: Array) -> Array:
        """A picture with its hole white, as what was laid over it."""
        return x + hole

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        return details(super().picture(outputs), [self.held_out[k].name for k in self.drawn()], 3)

    def apply(self, model: Any, image: Array) -> Array:
        """A picture in grey or colour with all replaced that is perfectly white in it.

        Raises DataError where nothing is white, and where nothing else is.
        """
        hole = np.all(image >= 1, axis=0, keepdims=True).astype(np.float32)
        if hole.min() == hole.max():
            what = "all" if hole.all() else "nothing"
            raise DataError(f"{what} of the picture is perfectly white; paint white over what you want to lose")
        return np.concatenate([self.predict(model, x[None] * (1 - hole), hole)[:1] for x in image])


def with_hole(name: str, x: Array, hole: Array) -> Example:
    """A picture (1, H, W) as an example, with a hole (1, H, W)."""
    return Example(name, (x * (1 - hole), hole), np.concatenate([x, hole]))


def answer(found: Array, x: Array, hole: Array) -> Array:
    """What was found in the hole and the picture around it, over the hole: (2, H, W)."""
    return np.concatenate([np.where(hole == 1, np.clip(found, 0, 1), x), hole])


def biharmonic(x: Array, hole: Array) -> Array:
    """A picture (1, H, W) with the smoothest surface in its hole, from 0 to 1."""
    inpaint = library("skimage.restoration", "inpainting").inpaint_biharmonic
    return np.clip(inpaint(x[0], hole[0] == 1)[None], 0, 1).astype(np.float32)


def square_hole(rng: np.random.Generator) -> Array:
    """A hole of 3×3 in a digit, not at its edge, (1, 8, 8)."""
    hole = np.zeros((1, 8, 8), np.float32)
    top, left = rng.integers(1, 5, size=2)
    hole[:, top : top + 3, left : left + 3] = 1
    return hole


def scribbles(shape: Sequence[int], rng: np.random.Generator, share: float = 0.15) -> Array:
    """Strokes and words of random letters over a share of the pixels of (H, W), 1 where they are, (1, H, W)."""
    import matplotlib  # for the font that comes with it

    font = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans-Bold.ttf"))
    height, width = shape
    image = Image.new("1", (width, height))
    draw = ImageDraw.Draw(image)
    while np.asarray(image).mean() < share:
        if rng.random() < 0.5:
            points = rng.uniform((0, 0), (width, height)) + np.cumsum(rng.normal(0, 12, (4, 2)), axis=0)
            draw.line([(float(x), float(y)) for x, y in points], fill=1, width=int(rng.integers(2, 6)), joint="curve")
        else:
            word = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(3, 9)))
            x, y = rng.uniform((-10, -10), (width, height))
            draw.text((float(x), float(y)), word, fill=1, font=ImageFont.truetype(font, int(rng.integers(12, 28))))
    return np.asarray(image, np.float32)[None]
