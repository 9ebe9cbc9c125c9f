"""The endless stream of random batches that training drinks from."""

from collections.abc import Iterator, Sequence

import numpy as np

from tinyunet.data._checks import Size, check_crop, check_pair, size_pair
from tinyunet.data.augment import elastic_deform, random_crop, random_flip, random_quarter_turn


class Batches(Iterator[tuple[np.ndarray, np.ndarray]]):
    """Random training batches without end: x float32 (N, C, crop, crop) and y float32 (N, 1, crop, crop).

    Each sample is an image drawn with replacement, bent if `elastic`, cropped at random, then flipped and
    turned by quarters if `flips`. `images` is a list of (C, H, W) of any sizes, or one array (N, C, H, W);
    `masks` likewise with one channel. `crop` is an int or (H, W), or None for whole images, which must then
    have one size.

    The generator `.rng` is the only state: put `rng.bit_generator.state` back, and the stream goes on bit
    for bit. Raises ValueError for no images, another number of masks, a mask of another size than its
    image, images of differing channels, and images smaller than the crop.

    >>> images, masks = np.zeros((4, 1, 32, 48)), np.zeros((4, 1, 32, 48))
    >>> x, y = next(Batches(images, masks, batch_size=8, crop=16, rng=0))
    >>> x.shape, y.shape, x.dtype
    ((8, 1, 16, 16), (8, 1, 16, 16), dtype('float32'))
    """

    def __init__(
        self,
        images: Sequence[np.ndarray] | np.ndarray,
        masks: Sequence[np.ndarray] | np.ndarray,
        batch_size: int,
        crop: Size | None,
        rng: int | np.random.Generator,
        flips: bool = True,
        elastic: bool = False,
    ) -> None:
        self.images = [np.asarray(image, np.float32) for image in images]
        self.masks = [np.asarray(mask, np.float32) for mask in masks]
        self.batch_size = batch_size
        self.crop = None if crop is None else size_pair(crop, "Batches: crop")
        self.rng = np.random.default_rng(rng)
        self.flips = flips
        self.elastic = elastic
        self._check()

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.rng.integers(len(self.images), size=self.batch_size)
        samples = [self._sample(self.images[i], self.masks[i]) for i in chosen]
        x, y = zip(*samples, strict=True)
        return np.stack(x), np.stack(y)  # (N, C, H, W), (N, 1, H, W)

    def _sample(self, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One random variation of an image and its mask."""
        if self.elastic:
            image, mask = elastic_deform(image, mask, self.rng)
        if self.crop is not None:
            image, mask = random_crop(image, mask, self.crop, self.rng)
        if self.flips:
            image, mask = random_flip(image, mask, self.rng)
            image, mask = random_quarter_turn(image, mask, self.rng)
        return image, mask

    def _check(self) -> None:
        """Refuse what could not make a batch, now rather than in the middle of training."""
        if self.batch_size < 1:
            raise ValueError(f"Batches: batch_size must be at least 1, but is {self.batch_size}")
        if not self.images or len(self.images) != len(self.masks):
            raise ValueError(
                f"Batches: needs as many masks as images and at least one, "
                f"but got {len(self.images)} images and {len(self.masks)} masks"
            )
        first = self.images[0].shape
        for k, (image, mask) in enumerate(zip(self.images, self.masks, strict=True)):
            check_pair(image, mask, f"Batches: image {k}")
            if len(image) != first[0]:
                raise ValueError(
                    f"Batches: image {k} has {len(image)} channels but image 0 has {first[0]}; "
                    "make them all grey or all colour"
                )
            if self.crop is None and image.shape != first:
                raise ValueError(
                    f"Batches: image {k} is {image.shape} but image 0 is {first}; images of several sizes need a crop"
                )
            if self.crop is not None:
                check_crop(image, self.crop, f"Batches: image {k}")
