"""The endless stream of random batches that training drinks from."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tinyunet.data._checks import Size, check_crop, check_pair, size_pair
from tinyunet.data.augment import elastic_deform, random_crop, random_flip, random_quarter_turn
from tinyunet.data.keeping import Stored

Arrays = Sequence[np.ndarray] | np.ndarray | Stored
Pair = tuple[np.ndarray, np.ndarray]  # an image and its mask


class Batches(Iterator[Pair]):
    """Random training batches without end: x float32 (N, C, crop, crop) and y float32 (N, 1, crop, crop).

    Each sample is an image drawn with replacement, bent if `elastic`, cropped at random, then flipped and
    turned by quarters if `flips`. `images` is a list of (C, H, W) of any sizes, one array (N, C, H, W), or
    `Pictures`, which are converted crop by crop; `masks` likewise with one channel, y of classes being int64.
    `crop` is an int or (H, W), or None for whole images, which must then have one size.

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
        images: Arrays,
        masks: Arrays,
        batch_size: int,
        crop: Size | None,
        rng: int | np.random.Generator,
        flips: bool = True,
        elastic: bool = False,
    ) -> None:
        self.images = images
        self.masks = masks
        self.batch_size = batch_size
        self.crop = None if crop is None else size_pair(crop, "Batches: crop")
        self.rng = np.random.default_rng(rng)
        self.flips = flips
        self.elastic = elastic
        self._check()

    def __next__(self) -> Pair:
        chosen = self.rng.integers(len(self.images), size=self.batch_size)
        try:
            samples = [self._sample(int(k)) for k in chosen]
            x, y = zip(*samples, strict=True)
            return np.stack(x), np.stack(y)  # (N, C, H, W), (N, 1, H, W)
        except MemoryError:
            raise MemoryError(
                f"a batch of {self.batch_size} does not fit into memory; make the batch or the crop smaller"
            ) from None

    def _sample(self, k: int) -> Pair:
        return variation(self.images, self.masks, k, self._cut, self.rng, self.flips, self.elastic)

    def _cut(self, image: np.ndarray, mask: np.ndarray) -> Pair:
        return (image, mask) if self.crop is None else random_crop(image, mask, self.crop, self.rng)

    def _check(self) -> None:
        """Refuse what could not make a batch, now rather than in the middle of training."""
        if self.batch_size < 1:
            raise ValueError(f"Batches: batch_size must be at least 1, but is {self.batch_size}")
        if not len(self.images) or len(self.images) != len(self.masks):
            raise ValueError(
                f"Batches: needs as many masks as images and at least one, "
                f"but got {len(self.images)} images and {len(self.masks)} masks"
            )
        images, masks = _shapes(self.images), _shapes(self.masks)
        first = images[0]
        for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
            check_pair(image, mask, f"Batches: image {k}")
            if image[0] != first[0]:
                raise ValueError(
                    f"Batches: image {k} has {image[0]} channels but image 0 has {first[0]}; "
                    "make them all grey or all colour"
                )
            if self.crop is None and image != first:
                raise ValueError(
                    f"Batches: image {k} is {image} but image 0 is {first}; images of several sizes need a crop"
                )
            if self.crop is not None:
                check_crop(image, self.crop, f"Batches: image {k}")


def variation(
    images: Arrays,
    masks: Arrays,
    k: int,
    cut: Callable[[np.ndarray, np.ndarray], Pair],
    rng: np.random.Generator,
    flips: bool,
    elastic: bool,
) -> Pair:
    """One random variation of the k-th image and its mask: bent if `elastic`, `cut`, flipped and turned if `flips`.

    It is cut from what is stored before that is converted, unless it must be converted to be bent.
    """
    image, mask = _stored(images, k), _stored(masks, k)
    if elastic:
        image, mask = elastic_deform(_converted(images, image), _converted(masks, mask), rng)
    image, mask = cut(image, mask)
    if flips:
        image, mask = random_flip(image, mask, rng)
        image, mask = random_quarter_turn(image, mask, rng)
    return (image, mask) if elastic else (_converted(images, image), _converted(masks, mask))


def _shapes(arrays: Arrays) -> list[tuple[int, ...]]:
    """The shapes of all, of which none is read for it."""
    return list(arrays.shapes) if isinstance(arrays, Stored) else [np.shape(array) for array in arrays]


def _stored(arrays: Arrays, k: int) -> np.ndarray:
    """An array in as few bytes as it has."""
    return arrays.stored(k) if isinstance(arrays, Stored) else np.asarray(arrays[k])


def _converted(arrays: Arrays, part: np.ndarray) -> np.ndarray:
    """What is computed with, of (a part of) what is stored."""
    return arrays.converted(part) if isinstance(arrays, Stored) else np.asarray(part, np.float32)
