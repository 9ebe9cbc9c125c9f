"""Diffusion of digits: handwritten digits that nobody wrote, out of noise, of the kind that is asked for.

Data      two thirds of the digits of scikit-learn, 8×8 pixels
Model     a U-Net that knows the time and the class (`models/conditional.py`): v of a noisy digit
Loss      mean squared error of v, over noise and times; one digit in ten comes without its class
Metric    how often the nearest neighbour tells a digit from those held out: ½ is perfect (see `generation.py`); and
          how often a support vector machine that was fitted to the same digits finds the class that was asked for
Baseline  the normal distribution with mean and covariance of the digits, and one such distribution for each class

The weights that are used are a moving average of those that were trained. Besides what the class was at w = 1 there is
more of it (guidance with w = 2), which makes digits clearer and less various, and w = 0, where none is asked for.

`copies.png` shows that digits are not copied: how far the made ones are from the nearest one that was learnt from, and
how far those are that are held out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyunet import plot
from tinyunet.diffusion import Denoise, Diffusion, cosine, dropped, guided
from tinyunet.models.conditional import Classes, ConditionalUNet
from tinyunet.tasks.generation import TOLD, Gaussian, Generation, squared_distances
from tinyunet.tasks.photographs import digits
from tinyunet.tasks.task import UNET, Batch, Example, Method, library
from tinyunet.tensor import Array

RIGHT = "class right"
GUIDANCE = {UNET: 1.0, f"{UNET}, w = 2": 2.0, f"{UNET}, no class": 0.0}
BY_CLASS = "Gaussian by class"
DRAWN = UNET, f"{UNET}, w = 2", BY_CLASS
ACROSS = 8  # digits of each class in the picture


class DigitDiffusion(Generation):
    """Digits out of noise. Inputs are the noise and the class, 1 for the digit 0; values are from −1 to 1."""

    name = "diffusion"
    shows = "diffusion of digits: new ones, of the kind that is asked for"
    needs = "the digits of scikit-learn"
    no_images = "it learns from the digits of scikit-learn, whose labels are known"
    no_apply = "it makes digits of its own"
    reads, takes = "{:.2f}", "3 minutes"
    steps, fast_steps, n, lr = 2000, 100, 64, 2e-3
    diffusion = Diffusion(cosine())
    sampling, clip = 25, 1.0
    shown = (0,)

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        x, labels = digits(self.name)
        x, classes = 2 * x - 1, labels + 1
        test, train = np.split(np.random.default_rng(0).permutation(len(x)), [len(x) // 3])
        self.x, self.classes = x[train], classes[train]
        self.judge = library("sklearn.svm", self.name).SVC(C=10, gamma=0.02).fit(flat(self.x), self.classes)
        test = test[: 100 if fast else None]
        noise = np.random.default_rng(1000).standard_normal(x[test].shape, np.float32)
        self.held_out = [Example(TOLD, (z, c), y) for z, c, y in zip(noise, classes[test], x[test], strict=True)]

    def model(self, rng: np.random.Generator) -> ConditionalUNet:
        channels, width = ((8, 16), 32) if self.fast else ((32, 64), 64)
        return ConditionalUNet(1, 1, channels, width, condition=Classes(10, width, rng), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        chosen = rng.integers(len(self.x), size=n)
        x, t, target = self.diffusion.examples(self.x[chosen], rng)
        return (x, t, dropped(self.classes[chosen], rng)), target, None

    def denoise(self, model: Any, *condition: Any) -> Denoise:
        """The model, asked for classes and with the weight w of `guided`."""
        classes, w = condition
        return guided(model, classes, float(w))

    def predict(self, model: Any, *inputs: Any) -> Array:
        """Digits from noise (N, 1, 8, 8) and classes (N,), with w = 1 if there is no third."""
        return super().predict(model, *inputs, *[1.0] * (3 - len(inputs)))

    def methods(self, model: Any) -> dict[str, Method]:
        ours = {name: lambda z, c, w=w: self.predict(model, z, c, w) for name, w in GUIDANCE.items()}
        return {**ours, **self.baselines()}

    def baselines(self) -> dict[str, Method]:
        one, each = Gaussian(self.x), {c: Gaussian(self.x[self.classes == c]) for c in range(1, 11)}

        def by_class(noise: Array, classes: Array) -> Array:
            return np.clip(np.concatenate([each[c](z[None]) for z, c in zip(noise, classes, strict=True)]), -1, 1)

        return {"Gaussian": lambda z, c: np.clip(one(z), -1, 1), BY_CLASS: by_class}

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        asked = [example.inputs[1] for example in self.held_out]
        right = self.judge.predict(flat(np.stack(outputs))) == asked
        return {**super().metric(outputs), RIGHT: float(right.mean())}

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """The first digits of each class that are held out, and what was made for them in their place."""
        asked = np.array([example.inputs[1] for example in self.held_out])
        first = [int(k) for c in range(1, 11) for k in np.resize(np.flatnonzero(asked == c), ACROSS)]
        columns: dict[str, Sequence[Array]] = {"real": [example.truth for example in self.held_out]}
        columns |= {self.title(name, outputs[name]): outputs[name] for name in DRAWN if name in outputs}
        return {title: [sheet([self.view(of[k]) for k in first], ACROSS)] for title, of in columns.items()}

    def figures(self, model: Any, outputs: Mapping[str, Sequence[Array]]) -> dict[str, Any]:
        def far(things: Sequence[Array]) -> list[float]:
            return list(np.sqrt(squared_distances(np.stack(things), self.x).min(axis=1)) / 2)  # of values from 0 to 1

        distances = {"digits held out": far([e.truth for e in self.held_out]), "digits made": far(outputs[UNET])}
        label = "distance to the nearest digit that was learnt from"
        return {**super().figures(model, outputs), "copies": plot.distributions(distances, label)}

    def view(self, array: Array) -> Array:
        return np.clip((array + 1) / 2, 0, 1)


def flat(x: Array) -> Array:
    return x.reshape(len(x), -1)


def sheet(pictures: Sequence[Array], across: int, gap: int = 1) -> Array:
    """Pictures (1, H, W) as one, `across` of them in each line, with so many pixels between.

    >>> sheet([np.ones((1, 2, 2))] * 4, across=2)[0]
    array([[1. , 1. , 0.5, 1. , 1. ],
           [1. , 1. , 0.5, 1. , 1. ],
           [0.5, 0.5, 0.5, 0.5, 0.5],
           [1. , 1. , 0.5, 1. , 1. ],
           [1. , 1. , 0.5, 1. , 1. ]])
    """
    framed = np.pad(np.stack(pictures)[:, 0], ((0, 0), (0, gap), (0, gap)), constant_values=0.5)
    N, H, W = framed.shape
    whole = framed.reshape(N // across, across, H, W).transpose(0, 2, 1, 3).reshape(N // across * H, across * W)
    return whole[None, :-gap, :-gap]
