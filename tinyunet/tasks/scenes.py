"""Semantic segmentation: what is each pixel a part of, a disc, a square, a triangle, a cross, a ring, or the ground?

Data      drawn scenes of things that differ by shape and by texture and hide each other, see `data/scene.py`
Model     a U-Net with three levels and six output channels: the logits of the classes
Loss      cross-entropy
Metric    IoU = |P ∩ T| / |P ∪ T| of each class over all pixels held out; the mean of these six
Baseline  the class whose mean colour is nearest; and thresholds with rules of shape: what has much contrast is a thing,
          things that touch are cut apart at their waists, and a tree of thresholds on shape, texture and colour of a
          part names its class. All its numbers are tuned on scenes to learn from
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import data, metrics
from tinyunet.data import SCENE_CLASSES
from tinyunet.tasks.task import UNET, Batch, Example, Method, Task, library, scaled
from tinyunet.tasks.tiles import flipped
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet

# Told apart with any colour vision (Okabe & Ito 2008); the ground is dark.
COLOURS = np.array([[40, 40, 40], [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [204, 121, 167]]) / 255
# What the baseline tries: over how many pixels contrast is measured, how much of it makes a thing, how many pixels the
# middles of two things lie apart at least, and how many thresholds follow each other.
PARTS_GRID = list(itertools.product((1.0, 1.5, 2.0), (0.12, 0.16, 0.2), (6,)))
DEPTHS = 4, 6, 8


class Scenes(Task):
    """The class of every pixel of a drawn scene."""

    name = "scenes"
    shows = "semantic segmentation: of which thing is each pixel a part, in drawn scenes"
    needs = "scikit-image and scikit-learn, for the method that it is compared with"
    reads, takes = "mean IoU {:.3f}", "3 minutes"
    steps, fast_steps, lr = 2200, 120, 4e-3

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        for module in ("skimage.measure", "sklearn.tree"):  # of the baseline: missed now, not after the training
            _library(module)
        self.size = 32 if fast else 64
        self.train = data.scenes(20 if fast else 300, size=128, rng=0)
        pictures, classes = data.scenes(6 if fast else 64, size=128, rng=3000)
        self.held_out = [Example("scenes", (x,), y[None]) for x, y in zip(pictures, classes, strict=True)]

    def model(self, rng: np.random.Generator) -> UNet:
        return UNet(3, len(SCENE_CLASSES), (8, 16) if self.fast else (16, 32, 64), rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        chosen = rng.integers(len(self.train[0]), size=n)
        samples = [self.varied(self.train[0][k], self.train[1][k][None], rng) for k in chosen]
        x, y = (np.stack(arrays) for arrays in zip(*samples, strict=True))
        return (scaled(x),), y[:, 0], None

    def varied(self, x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """A random square of a picture and of its classes, mirrored and turned."""
        x, y = data.random_crop(x, y, self.size, rng)
        return data.random_quarter_turn(*data.random_flip(x, y, rng), rng)

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.cross_entropy(output, target)

    def logits(self, model: Any, x: Array) -> Array:
        return super().predict(model, scaled(x))

    def predict(self, model: Any, *inputs: Array) -> Array:
        """The class of every pixel, (1, H, W)."""
        return self.logits(model, *inputs).argmax(axis=0, keepdims=True)

    def methods(self, model: Any) -> dict[str, Method]:
        def in_eight_ways(x: Array) -> Array:
            return flipped(partial(self.logits, model), x).argmax(axis=0, keepdims=True)

        return super().methods(model) | {f"{UNET}, mean of 8 flips": in_eight_ways}

    def baselines(self) -> dict[str, Method]:
        pictures, classes = (a[: 12 if self.fast else 60] for a in self.train)
        means = np.stack([pictures.transpose(1, 0, 2, 3)[:, classes == k].mean(axis=1) for k in range(len(COLOURS))])

        def nearest_colour(x: Array) -> Array:
            return np.square(x - means[:, :, None, None]).sum(axis=1).argmin(axis=0)[None]

        rules = ShapeRules(pictures, classes, PARTS_GRID[:2] if self.fast else PARTS_GRID)
        return {"nearest mean colour": nearest_colour, "thresholds and rules of shape": rules}

    def score(self, output: Array, truth: Array) -> float:
        return float(np.nanmean(metrics.class_ious(output, truth, len(SCENE_CLASSES))))

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        """The score of all pictures taken together, since one alone may lack a class."""
        return {"scenes": self.score(np.stack(outputs), np.stack([example.truth for example in self.held_out]))}

    def view(self, array: Array) -> Array:
        """A picture as it is; classes as colours."""
        return COLOURS[array[0]].transpose(2, 0, 1) if array.dtype.kind == "i" else super().view(array)

    def apply(self, model: Any, image: Array) -> Array:
        """The classes of a scene in colours."""
        return self.view(self.predict(model, np.broadcast_to(image, (3, *image.shape[1:]))))


_library = partial(library, task=Scenes.name)


class ShapeRules:
    """Parts of a picture by contrast and waists, and a tree of thresholds that names the class of each."""

    def __init__(self, pictures: Array, classes: Array, grid: Sequence[tuple[float, float, int]]) -> None:
        """Tuned on two thirds of the pictures (N, 3, H, W) with their classes (N, H, W), chosen by the others."""
        first = len(pictures) * 2 // 3
        best = -1.0
        for self.cut in grid:
            table = [self.described(x) for x in pictures]
            for depth in DEPTHS:
                self.tree = _tree(table[:first], classes[:first], depth)
                answers = np.stack([self.named(*row) for row in table[first:]])
                score = np.nanmean(metrics.class_ious(answers, classes[first:], len(SCENE_CLASSES)))
                if score > best:
                    best, settings = score, (self.cut, depth)
        self.cut, depth = settings
        self.tree = _tree([self.described(x) for x in pictures], classes, depth)

    def __call__(self, x: Array) -> Array:
        return self.named(*self.described(x))[None]

    def named(self, parts: Array, features: Array) -> Array:
        """The class of every pixel, (H, W)."""
        names = self.tree.predict(features) if len(features) else np.zeros(0, int)
        return np.concatenate([[0], names])[parts]

    def described(self, x: Array) -> tuple[Array, Array]:
        """The number of the part that every pixel (H, W) belongs to, 0 for the ground; features of each part."""
        sigma, threshold, apart = self.cut
        gaussian, measure = _library("skimage.filters").gaussian, _library("skimage.measure")
        grey = x.mean(axis=0)
        mean = gaussian(grey, sigma)
        contrast = np.sqrt(np.maximum(gaussian(grey**2, sigma) - mean**2, 0)) / (mean + 1e-3)
        parts = _cut_at_waists(contrast > threshold, apart)
        dy, dx = np.gradient(gaussian(grey, 0.7))
        seen = np.stack([*x, grey, dy * dy, dx * dx, dy * dx], axis=-1)  # (H, W, 7)
        features = [_features(region) for region in measure.regionprops(parts, intensity_image=seen)]
        return parts, np.array(features)


def _tree(table: Sequence[tuple[Array, Array]], classes: Array, depth: int) -> Any:
    """Thresholds in a tree, learnt from the features of parts and the class that most pixels of each part have."""
    features = np.concatenate([features for _, features in table if len(features)])
    truth = [np.bincount(y[parts == k]).argmax() for (parts, _), y in zip(table, classes, strict=True)
             for k in range(1, parts.max() + 1)]  # fmt: skip
    tree = _library("sklearn.tree").DecisionTreeClassifier
    return tree(max_depth=depth, min_samples_leaf=5, random_state=0).fit(features, truth)


def _cut_at_waists(things: Array, apart: int) -> Array:
    """Number the parts of a mask (H, W): one for each place that is farthest from the outside."""
    depth = _library("scipy.ndimage").distance_transform_edt(things)
    depth = _library("skimage.filters").gaussian(depth, 1)
    pieces = _library("skimage.measure").label(things)
    tops = _library("skimage.feature").peak_local_max(depth, min_distance=apart, labels=pieces)
    markers = np.zeros(things.shape, int)
    markers[tuple(tops.T)] = 1 + np.arange(len(tops))
    return _library("skimage.segmentation").watershed(-depth, markers, mask=things)


def _features(part: Any) -> list[float]:
    """Shape, colour, contrast, and whether the changes of brightness have one direction, of a part."""
    seen = part.image_intensity[part.image]  # (pixels, 7)
    grey, (yy, xx, yx) = seen[:, 3], seen[:, 4:].mean(axis=0)
    one_direction = np.hypot(yy - xx, 2 * yx) / (yy + xx + 1e-9)
    shape = [part.area, part.solidity, part.extent, part.eccentricity, part.euler_number, part.perimeter**2 / part.area]
    texture = [grey.std() / grey.mean(), (grey < grey.mean()).mean(), one_direction, (yy + xx) / (grey.var() + 1e-9)]
    return [*shape, *seen[:, :3].mean(axis=0) / grey.mean(), *texture]
