"""Random squares of the pictures, cut out, turned and varied: what a step learns from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from tinyunet import data
from tinyunet.data.batches import variation
from tinyunet.tasks.segmentation.dataset import Dataset, Facts, shares
from tinyunet.tensor import Array

RARE = 0.05  # a class with a smaller share of the pixels is aimed at


class Squares(Iterator[tuple[Array, Array]]):
    """Batches without end: x (N, C, crop, crop) and y (N, 1, crop, crop).

    Every square is cut out at random, flipped, and turned by quarters. A picture that is smaller than the square
    goes on mirrored at its right and bottom edge, as in prediction.

    Args:
        elastic: bend the pictures, too.
        jitter: vary brightness and contrast by up to this.
        aim: the classes to aim at: every second square is laid around a pixel of one of them. Pictures at random hardly
            show what is rare.
        facts: of the pictures.
    """

    def __init__(
        self,
        dataset: Dataset,
        facts: Sequence[Facts],
        batch: int,
        crop: int,
        rng: np.random.Generator,
        elastic: bool = False,
        jitter: float = 0.0,
        aim: Sequence[int] = (),
    ) -> None:
        self.dataset, self.batch, self.crop, self.rng = dataset, batch, crop, rng
        self.elastic, self.jitter = elastic, jitter
        where = {of: [k for k, f in enumerate(facts) if f.counts[of]] for of in aim}
        self.where = {of: pictures for of, pictures in where.items() if pictures}

    def __next__(self) -> tuple[Array, Array]:
        chosen = self.rng.integers(len(self.dataset.names), size=self.batch)
        samples = [self._aimed() if self.where and i % 2 else self._square(int(k)) for i, k in enumerate(chosen)]
        x, y = zip(*samples, strict=True)
        return np.stack(x), np.stack(y)  # (N, C, crop, crop), (N, 1, crop, crop)

    def _aimed(self) -> tuple[Array, Array]:
        """A square around a random pixel of a random class that is aimed at."""
        of = list(self.where)[self.rng.integers(len(self.where))]
        return self._square(self.where[of][self.rng.integers(len(self.where[of]))], of)

    def _square(self, k: int, of: int | None = None) -> tuple[Array, Array]:
        """A square of the k-th picture, around a pixel of this class, if any."""
        images, masks = self.dataset.images, self.dataset.masks
        image, mask = variation(images, masks, k, partial(self._cut, of), self.rng, flips=True, elastic=self.elastic)
        return self._varied(image), mask

    def _cut(self, of: int | None, image: Array, mask: Array) -> tuple[Array, Array]:
        image, mask = self._grown(image), self._grown(mask)
        there = np.zeros(0, int) if of is None else np.flatnonzero(mask == of)
        if there.size:
            return self._around(int(there[self.rng.integers(there.size)]), image, mask)
        return data.random_crop(image, mask, self.crop, self.rng)

    def _grown(self, x: Array) -> Array:
        """A picture (C, H, W), mirrored until it is at least as large as the square."""
        missing = [max(self.crop - n, 0) for n in x.shape[1:]]
        return np.pad(x, ((0, 0), *((0, n) for n in missing)), mode="reflect") if any(missing) else x

    def _around(self, pixel: int, image: Array, mask: Array) -> tuple[Array, Array]:
        """The square in which this pixel, a position in the flattened mask, has a random place, but for the edges."""
        corner = []
        for at, n in zip(np.unravel_index(pixel, mask.shape[1:]), mask.shape[1:], strict=True):
            corner.append(int(np.clip(at - self.rng.integers(self.crop), 0, n - self.crop)))
        window = np.s_[:, corner[0] : corner[0] + self.crop, corner[1] : corner[1] + self.crop]
        return image[window], mask[window]

    def _varied(self, image: Array) -> Array:
        """Another brightness and contrast: (x − mean)·(1 + c) + mean + b, with c and b up to `jitter`."""
        if not self.jitter:
            return image
        contrast, brightness = self.rng.uniform(-self.jitter, self.jitter, size=2).astype(np.float32)
        mean = image.mean()
        return (image - mean) * (1 + contrast) + mean + brightness


def rare_classes(facts: Sequence[Facts]) -> list[int]:
    """The classes that are there, but have a small share of the pixels."""
    return [k for k, share in enumerate(shares(facts)) if 0 < share < RARE]
