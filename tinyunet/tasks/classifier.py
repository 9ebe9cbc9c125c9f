"""Classification: which digit is it? A label needs no decoder, so half of the U is enough.

Data      the handwritten digits of scikit-learn, 8×8 pixels, a little turned, moved and stretched
Model     the encoder of a U-Net, and a linear layer on its deepest map: ten logits
Loss      cross-entropy
Metric    share of the digits that are told right, on two sets that nothing was learnt from: those of other writers, the
          last third, and a random third of the rest
Baseline  logistic regression, and a support vector machine with Gaussian kernel (scikit-learn's), their settings tuned
          on the last quarter of the digits to learn from, then fitted to all of them

The digits come in the order in which people wrote them, so the last third is by others than the first two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

import tinyunet.functional as F
from tinyunet import classical, nn
from tinyunet.data import DataError
from tinyunet.tasks.photographs import digits
from tinyunet.tasks.task import Batch, Example, Method, Task, library
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import Encoder

LOGISTIC_GRID = [{"C": c} for c in (0.001, 0.01, 0.1, 1.0, 10.0)]
SVM_GRID = [{"C": c, "gamma": g} for c in (1.0, 10.0, 100.0) for g in (0.2, 0.5, 1.0, 2.0)]


class Classifier(nn.Module):
    """(N, 1, 8, 8) → (N, 10): an encoder, and a linear layer on its deepest map."""

    def __init__(self, channels: Sequence[int], rng: Any = None) -> None:
        self.encoder = Encoder(1, channels, rng=rng)
        side = 8 // 2 ** len(channels)
        self.head = nn.Linear(channels[-1] * side**2, 10, rng=rng)

    def forward(self, x: Any) -> Tensor:
        deepest, _ = self.encoder(x)
        return self.head(deepest.flatten(1))


class Digits(Task):
    """Handwritten digits, told apart."""

    name = "classifier"
    shows = "classification with the encoder alone: which digit is it"
    needs = "the digits of scikit-learn"
    no_images = "it learns from the digits of scikit-learn, whose labels are known"
    reads, takes = "{:.1%} right", "half a minute"
    steps, fast_steps, n, lr = 1500, 60, 32, 4e-3

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        x, labels = digits(self.name)
        others = len(x) * 2 // 3  # from here on by other writers
        random_third, learnt = np.split(np.random.default_rng(1000).permutation(others), [others // 3])
        self.x, self.labels = x[learnt], labels[learnt]
        sets = {"random third": random_third, "other writers": np.arange(others, len(x))}
        sets = {name: those[: 100 if fast else None] for name, those in sets.items()}
        self.means = np.stack([x[learnt][labels[learnt] == digit].mean(axis=0) for digit in range(10)])
        self.held_out = [Example(name, (x[k],), labels[k]) for name, those in sets.items() for k in those]

    def model(self, rng: np.random.Generator) -> Classifier:
        return Classifier((16, 32) if self.fast else (32, 64), rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        chosen = rng.integers(len(self.x), size=n)
        return (varied(self.x[chosen], rng),), self.labels[chosen], None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.cross_entropy(output, target)

    def predict(self, model: Any, *inputs: Array) -> Array:
        """The digit, a single number."""
        with model.evaluating():
            return model(inputs[0][None]).numpy()[0].argmax()

    def score(self, output: Array, truth: Array) -> float:
        return float(output == truth)

    def baselines(self) -> dict[str, Method]:
        logistic = library("sklearn.linear_model", self.name).LogisticRegression
        svm = library("sklearn.svm", self.name).SVC
        return {
            "logistic regression": self.tuned(lambda **s: logistic(max_iter=2000, **s), LOGISTIC_GRID),
            "support vectors": self.tuned(svm, SVM_GRID),
        }

    def tuned(self, kind: Any, grid: Sequence[dict[str, float]]) -> Method:
        """A method of scikit-learn with the settings of a grid that are best on the last quarter of what is learnt."""
        x, labels, first = self.x.reshape(len(self.x), -1), self.labels, len(self.x) * 3 // 4

        def share(settings: dict[str, float]) -> float:
            return float(kind(**settings).fit(x[:first], labels[:first]).score(x[first:], labels[first:]))

        best = kind(**max(grid, key=share)).fit(x, labels)
        return lambda digit: best.predict(digit.reshape(1, -1))[0]

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """Digits that the best of the baselines gets wrong."""
        best, _ = self.drawn_methods(outputs).values()
        wrong = [k for k, (y, example) in enumerate(zip(best, self.held_out, strict=True)) if y != example.truth]
        self.shown = tuple([*wrong, *range(3)][:3])
        return super().picture(outputs)

    def view(self, array: Array) -> Array:
        """A digit as it is; an answer as the mean of all digits of this kind."""
        return array if np.ndim(array) else self.means[array]

    def apply(self, model: Any, image: Array) -> str:
        """The digit in somebody's picture, dark on light or light on dark, and how sure the network is."""
        with model.evaluating():
            logits = model(cut_out(image.mean(axis=0))[None, None])
        p = F.softmax(logits, dim=1).numpy()[0]
        return f"It is a {p.argmax()}, by a probability of {p.max():.0%}."


def varied(x: Array, rng: np.random.Generator, turn: float = 0.25, stretch: float = 0.2, move: float = 0.9) -> Array:
    """Pictures (N, 1, H, W), each turned (radians), stretched and moved (pixels) at random, at most by so much.

    A pixel of the result is what stood at A·(its place from the middle) + b, by bilinear interpolation.
    """
    N, _, H, W = x.shape
    angle, across = rng.uniform(-turn, turn, N), rng.uniform(-stretch, stretch, (2, N))
    cos, sin = np.cos(angle), np.sin(angle)
    A = np.array([[cos, -sin], [sin, cos]]) * (1 + across)  # (2, 2, N)
    middle = np.array([(H - 1) / 2, (W - 1) / 2])[:, None, None]
    places = np.array(np.mgrid[:H, :W]).reshape(2, 1, H * W) - middle  # (2, 1, H·W)
    y, z = np.einsum("ijn,jmp->inp", A, places) + middle + rng.uniform(-move, move, (2, N, 1))  # (N, H·W) each
    padded = np.pad(x[:, 0], ((0, 0), (2, 3), (2, 3)))
    y, z = (np.clip(a + 2, 0, n + 3) for a, n in ((y, H), (z, W)))
    top, left = y.astype(int), z.astype(int)
    down, right, k = y - top, z - left, np.arange(N)[:, None]
    upper = (1 - right) * padded[k, top, left] + right * padded[k, top, left + 1]
    lower = (1 - right) * padded[k, top + 1, left] + right * padded[k, top + 1, left + 1]
    return ((1 - down) * upper + down * lower).reshape(x.shape).astype(np.float32)


def cut_out(grey: Array) -> Array:
    """What is drawn on a picture (H, W), light on dark, as high or as wide as 8×8 pixels and in their middle."""
    light = grey if np.median(grey) < (grey.min() + grey.max()) / 2 else 1 - grey
    drawn = classical.otsu(light[None])[0] > 0
    if not drawn.any():
        raise DataError("there is nothing drawn on this picture, it is the same everywhere")
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    box = light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = (box - light.min()) / (light.max() - light.min())
    size = [max(round(8 * n / max(box.shape)), 1) for n in box.shape]
    small = np.asarray(Image.fromarray(box.astype(np.float32)).resize(size[::-1], Image.Resampling.BOX))
    around = [((8 - n) // 2, 8 - n - (8 - n) // 2) for n in size]
    return np.pad(small, around).astype(np.float32)
