"""Pictures with their masks, read from folders, and what is known of each: what it shows, how large, which classes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyunet.data.folder import find_pairs
from tinyunet.data.keeping import Masks, Pictures, load_pairs
from tinyunet.data.masks import IGNORE, Meaning
from tinyunet.tensor import Array


class Dataset(NamedTuple):
    """Pictures (C, H, W) with their masks (1, H, W), the names of both, what the masks mean, and what was left out."""

    names: Sequence[str]
    images: Sequence[Array]
    masks: Sequence[Array]
    meaning: Meaning = Meaning()
    left_out: Sequence[str] = ()

    def only(self, chosen: Iterable[int]) -> Dataset:
        """The pictures at these positions."""
        chosen = list(chosen)
        names = [self.names[k] for k in chosen]
        return Dataset(names, _only(self.images, chosen), _only(self.masks, chosen), self.meaning)

    @property
    def classes(self) -> int:
        """How many classes the masks tell apart: at least 2."""
        return max(self.meaning.classes, 2)


def _only(arrays: Sequence[Array], chosen: Sequence[int]) -> Sequence[Array]:
    return arrays.only(chosen) if isinstance(arrays, Pictures | Masks) else [arrays[k] for k in chosen]


class Facts(NamedTuple):
    """What is known of a picture and its mask."""

    content: str  # what the picture is known by, wherever it lies and whatever it is called: a hash of its pixels
    shape: tuple[int, int, int]  # (C, H, W)
    mean: Array  # (C,)
    variance: Array  # (C,)
    counts: Array  # pixels of each class, without those that count for nothing


def survey(dataset: Dataset) -> list[Facts]:
    """The facts of every picture."""
    images, masks, classes = dataset.images, dataset.masks, dataset.classes
    if isinstance(images, Pictures) and isinstance(masks, Masks):
        counted = zip(images.facts, masks.counts[:, :classes], strict=True)
        return [Facts(f.digest, f.shape, f.mean, f.variance, counts) for f, counts in counted]
    return [_facts(np.asarray(x), np.asarray(y), classes) for x, y in zip(images, masks, strict=True)]


def _facts(image: Array, mask: Array, classes: int) -> Facts:
    content = hashlib.blake2b(f"{image.shape}".encode() + image.astype(np.float32).tobytes(), digest_size=16)
    values = image.reshape(len(image), -1).astype(np.float64)  # (C, H·W)
    counts = np.bincount(mask.ravel().astype(int), minlength=IGNORE + 1)[:classes]
    return Facts(content.hexdigest(), image.shape, values.mean(1), values.var(1), counts)


def scale(facts: Sequence[Facts]) -> tuple[Array, Array]:
    """Mean and deviation of each channel, (C,), over all pixels of these pictures: σ² = mean of σₖ² + (μₖ − μ)²."""
    pixels = [f.shape[1] * f.shape[2] for f in facts]
    means, variances = (np.stack([getattr(f, of) for f in facts]) for of in ("mean", "variance"))  # (pictures, C)
    mean = np.average(means, axis=0, weights=pixels)
    return mean, np.sqrt(np.average(variances + (means - mean) ** 2, axis=0, weights=pixels))


def shares(facts: Sequence[Facts]) -> Array:
    """Of all pixels with a class, the share of each class, (K,)."""
    counts = np.sum([f.counts for f in facts], axis=0)
    return counts / max(counts.sum(), 1)


def read(images: Any, masks: Any, foreground: Any = "light", suffix: str = "", **how: Any) -> Dataset:
    """All pairs of two folders, sorted by name. Raises DataError naming the file that cannot be used.

    Args:
        suffix: what the names of masks have more than those of pictures, such as `_mask`.
        how: what masks mean, as `load_pairs` takes it.
    """
    pairs = find_pairs(images, masks, suffix)
    pictures, drawn = load_pairs(pairs, foreground, **how)
    return Dataset([pair.name for pair in pairs], pictures, drawn, drawn.meaning, pairs.left_out)
