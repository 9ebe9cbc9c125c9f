"""Pictures and masks of a folder, kept as the bytes they have, and read again where there are too many to keep.

`load_pairs` looks at every file once: whatever is wrong with any is said before the training, and what the training
must know of all (sizes, mean and deviation, shares of the classes) is found on the way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np

from tinyunet.data._checks import DataError, Foreground, some
from tinyunet.data.folder import Pair
from tinyunet.data.masks import IGNORE, Meaning, Value, classes_of, marks
from tinyunet.data.meaning import Ignored, meaning_of
from tinyunet.data.reading import Source, as_floats, fitting, stored_image, turned

KEPT = 1 << 30  # bytes of pictures and masks at most, and no more than an eighth of the machine's memory


def share_of_memory() -> int:
    """How many bytes of pictures are kept: an eighth of the memory that the process may have, at most 1 GiB."""
    memory = [8 * KEPT]
    with suppress(AttributeError, ValueError, OSError):  # where nobody says
        memory.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ValueError, OSError):  # in a container
        memory.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(memory) // 8


Read = Callable[[], np.ndarray]


class Store:
    """What was read, as much of it as fits into so many bytes."""

    def __init__(self, size: int) -> None:
        self.left = size
        self._kept: dict[Read, np.ndarray] = {}

    def put(self, read: Read, array: np.ndarray) -> None:
        """Keep what was read, if there is room."""
        if array.nbytes <= self.left:
            self.left -= array.nbytes
            self._kept[read] = array

    def get(self, read: Read) -> np.ndarray:
        """What was read, or is read now."""
        array = self._kept.get(read)
        return read() if array is None else array


class Facts(NamedTuple):
    """What is known of a picture without reading it again."""

    shape: tuple[int, int, int]  # (C, H, W)
    mean: np.ndarray  # (C,) of the values from 0 to 1
    variance: np.ndarray  # (C,)
    digest: str  # the same for the same content, whatever the name and the format


class Stored(Sequence[np.ndarray]):
    """Arrays (C, H, W) that are read when they are asked for, or kept in the bytes that they have on disk.

    `self[k]` is what is computed with; `self.stored(k)` is the same in fewer bytes, and `self.converted` makes the one
    of the other, also for a crop of it.
    """

    def __init__(self, read: Sequence[Read], shapes: Sequence[tuple[int, int, int]], store: Store):
        self._read, self.shapes, self._store = list(read), list(shapes), store

    def stored(self, k: int) -> np.ndarray:
        """The k-th array, read-only, uint8, uint16 or float32."""
        array = self._store.get(self._read[k])
        array.setflags(write=False)
        return array

    def converted(self, stored: np.ndarray) -> np.ndarray:
        """What is computed with, of what is stored."""
        return stored

    def __len__(self) -> int:
        return len(self._read)

    @overload
    def __getitem__(self, k: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, k: slice) -> Stored: ...
    def __getitem__(self, k: int | slice) -> np.ndarray | Stored:
        if isinstance(k, slice):
            return self.only(range(len(self))[k])
        return self.converted(self.stored(k))

    def only(self, chosen: Iterable[int]) -> Stored:
        """Those at these positions, from the same store."""
        raise NotImplementedError


class Pictures(Stored):
    """Pictures, float32 (C, H, W), from 0 to 1.

    Attributes:
        shapes: (C, H, W) of each.
        facts: of each its shape, the mean and variance of its channels, and a digest of its content.
    """

    def __init__(self, read: Sequence[Read], facts: Sequence[Facts], store: Store) -> None:
        super().__init__(read, [each.shape for each in facts], store)
        self.facts = list(facts)

    def converted(self, stored: np.ndarray) -> np.ndarray:
        return as_floats(stored)

    def only(self, chosen: Iterable[int]) -> Pictures:
        chosen = list(chosen)
        return Pictures([self._read[k] for k in chosen], [self.facts[k] for k in chosen], self._store)


class Masks(Stored):
    """Masks (1, H, W): float32 of 0 and 1, or int64 of classes, 255 (`IGNORE`) for what counts for nothing.

    Attributes:
        meaning: what their values mean.
        counts: (masks, 256), how many pixels of each mask are 0, 1, …; [:, 255] count for nothing in classes.
    """

    def __init__(
        self,
        read: Sequence[Read],
        shapes: Sequence[tuple[int, int, int]],
        store: Store,
        meaning: Meaning,
        counts: np.ndarray,
    ) -> None:
        super().__init__(read, shapes, store)
        self.meaning, self.counts = meaning, counts

    def converted(self, stored: np.ndarray) -> np.ndarray:
        return stored.astype(np.int64 if self.meaning.kind == "classes" else np.float32)

    def only(self, chosen: Iterable[int]) -> Masks:
        chosen = list(chosen)
        return Masks(
            [self._read[k] for k in chosen],
            [self.shapes[k] for k in chosen],
            self._store,
            self.meaning,
            self.counts[chosen],
        )


def load_pairs(
    pairs: Sequence[Pair],
    foreground: Foreground = "light",
    threshold: float | None = None,
    table: Mapping[Value, int] | None = None,
    ignore: Ignored = "auto",
    meaning: Meaning | None = None,
    keep: int | None = None,
) -> tuple[Pictures, Masks]:
    """Look at all pairs: their pictures (C, H, W) and their masks (1, H, W), in the order of `pairs`.

    Every file is read once, now; up to `keep` bytes of them are kept (`share_of_memory()` by default), the others are
    read again when they are asked for. Sizes may differ from pair to pair. What the masks mean is found as by
    `meaning_of`, or given as `meaning`, such as that of a training.

    Where only one of a pair says by EXIF how it must be turned, its size tells whether the other one was drawn before
    or after turning. Raises DataError where it does not tell; for a picture of another size than its mask; for pictures
    of several numbers of channels; and as `read_image` and `meaning_of` do.
    """
    if meaning is None:
        meaning = meaning_of([pair.mask for pair in pairs], foreground, threshold, table, ignore)
    store = Store(share_of_memory() if keep is None else keep)
    read_images, read_masks, facts, counts = [], [], [], []
    for pair in pairs:
        with fitting(pair.image):
            image, classes, turns = _look(pair, meaning)
            facts.append(_facts(image))
        read_images.append(partial(_image, pair.image, turns[0]))
        read_masks.append(partial(_classes, pair.mask, turns[1], meaning))
        store.put(read_images[-1], image)
        store.put(read_masks[-1], classes)
        counts.append(np.bincount(classes.ravel(), minlength=IGNORE + 1))
    _check_channels(pairs, facts)
    mask_shapes = [(1, *each.shape[1:]) for each in facts]
    return Pictures(read_images, facts, store), Masks(read_masks, mask_shapes, store, meaning, np.array(counts))


def _look(pair: Pair, meaning: Meaning) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """The picture and the classes of a pair as they belong together, and how each had to be turned for it."""
    image, orientation = stored_image(pair.image)
    drawn = marks(pair.mask)
    classes = classes_of(drawn, meaning, pair.mask)[None]  # (1, H, W)
    if (orientation == 1) == (drawn.orientation == 1):
        turns = [(1, 1)]  # as both say, or as neither says
    else:  # the other was drawn on what is shown, or on what is stored and must be turned as well
        turns = [(1, 1), (1, orientation) if orientation > 1 else (drawn.orientation, 1)]
    ways = {turn: (turned(image, turn[0]), turned(classes, turn[1])) for turn in turns}
    fitting = {turn: both for turn, both in ways.items() if both[0].shape[1:] == both[1].shape[1:]}
    if not fitting:
        raise DataError(
            f"{pair.name}: the image {pair.image} is (H, W) = {image.shape[1:]} but the mask {pair.mask} "
            f"is {classes.shape[1:]}; they must have the same size"
        )
    (turn, (image, classes)), *others = fitting.items()
    for _, other in others:
        if not (np.array_equal(image, other[0]) and np.array_equal(classes, other[1])):
            tagged, plain = (pair.image, pair.mask) if orientation > 1 else (pair.mask, pair.image)
            said = max(orientation, drawn.orientation)
            raise DataError(
                f"{pair.name}: {tagged} says that it must be turned (EXIF orientation {said}), "
                f"{plain} does not, and fits both ways; if they belong together as viewers show them, save {tagged} "
                f"upright (PIL.ImageOps.exif_transpose), else take the orientation out (exiftool -Orientation= FILE)"
            )
    return image, classes, turn


def _image(source: Source, turn: int) -> np.ndarray:
    return turned(stored_image(source)[0], turn)


def _classes(source: Source, turn: int, meaning: Meaning) -> np.ndarray:
    return turned(classes_of(marks(source), meaning, source)[None], turn)


def _facts(stored: np.ndarray) -> Facts:
    values = as_floats(stored).reshape(len(stored), -1)  # (C, H·W)
    content = hashlib.blake2b(f"{stored.dtype.name} {stored.shape}".encode(), digest_size=16)
    content.update(stored.data)
    return Facts(stored.shape, values.mean(1, np.float64), values.var(1, np.float64), content.hexdigest())


def _check_channels(pairs: Sequence[Pair], facts: Sequence[Facts]) -> None:
    """Refuse pictures of several numbers of channels."""
    names_of: dict[int, list[str]] = {}
    for pair, each in zip(pairs, facts, strict=True):
        names_of.setdefault(each.shape[0], []).append(pair.name)
    if len(names_of) > 1:
        kinds = {1: "grey", 3: "colour"}
        listing = ", ".join(f"{kinds.get(c, f'{c} channels')}: {some(names)}" for c, names in sorted(names_of.items()))
        raise DataError(f"grey and colour images are mixed ({listing}); save them all as grey or all as RGB")


def standardize(image: np.ndarray) -> np.ndarray:
    """One image (C, H, W) at zero mean and unit variance over all its values: (x − mean) / std, float32.

    The statistics are the image's own, so that training and prediction need share nothing. A constant image,
    whose deviation is 0, becomes zeros.

    >>> standardize(np.array([[[1.0, 3.0]]]))
    array([[[-1.,  1.]]], dtype=float32)
    """
    x = np.asarray(image, np.float64)
    if x.size == 0 or x.min() == x.max():  # not x.std() == 0: rounding may leave a constant with 1e-17
        return np.zeros(x.shape, np.float32)
    return ((x - x.mean()) / x.std()).astype(np.float32)
