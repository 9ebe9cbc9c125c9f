"""Real pictures to learn from and to be judged by: those that come with scikit-image and scikit-learn, or a folder's.

Whole pictures are held out, never parts of one that is learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinyunet.data import DataError, find_pictures, random_crop, random_flip, random_quarter_turn, read_image
from tinyunet.tasks.task import library
from tinyunet.tensor import Array

LEARNT_FROM = (
    "astronaut", "brick", "cat", "cell", "china", "clock", "coffee", "flower", "grass", "gravel",
    "immunohistochemistry", "moon", "motorcycle", "page", "rocket",
)  # fmt: skip
HELD_OUT = "camera", "coins"
NEEDS = "pictures: those of scikit-image and scikit-learn, or a folder of yours (--images)"
SMALLEST = 64  # pixels: the squares that are learnt from
DETAILS = {"camera": (0.3, 0.47), "coins": (0.18, 0.18)}  # around which much is to be seen, shares of height and width


def photographs(task: str, folder: str | None, fast: bool = False) -> tuple[dict[str, Array], dict[str, Array]]:
    """Grey pictures (1, H, W) in [0, 1] by name: those to learn from, and those held out.

    Of a folder the last fifth by name is held out, at least one. If `fast`, there is no more of any picture than 64×64
    pixels in its middle.

    Raises:
        DataError: a library that is missing; a folder with fewer than two pictures, or with one that is too small.
    """
    train, test = _bundled(task) if folder is None else _of_a_folder(task, folder)
    if fast:
        train, test = ({name: middle(x, SMALLEST) for name, x in pictures.items()} for pictures in (train, test))
    return train, test


def _bundled(task: str) -> tuple[dict[str, Array], dict[str, Array]]:
    return {name: bundled(name, task) for name in LEARNT_FROM}, {name: bundled(name, task) for name in HELD_OUT}


def _of_a_folder(task: str, folder: str) -> tuple[dict[str, Array], dict[str, Array]]:
    pictures = {name: _grey(read_image(file)) for name, file in find_pictures(folder).items()}
    if len(pictures) < 2:
        raise DataError(f"{folder}: there is one picture in it; {task} needs one to learn from and one to be judged by")
    for name, picture in pictures.items():
        if min(picture.shape[1:]) < SMALLEST:
            size = "×".join(map(str, picture.shape[1:]))
            raise DataError(f"{folder}: {name} is {size}; {task} needs pictures of at least {SMALLEST}×{SMALLEST}")
    names = list(pictures)
    first = len(names) - max(len(names) // 5, 1)
    return {name: pictures[name] for name in names[:first]}, {name: pictures[name] for name in names[first:]}


def bundled(name: str, task: str) -> Array:
    """One of the pictures that come with scikit-image and scikit-learn, grey, float32 (1, H, W) in [0, 1]."""
    if name in ("china", "flower"):
        picture = library("sklearn.datasets", task).load_sample_image(f"{name}.jpg")
    elif name == "motorcycle":
        picture = library("skimage.data", task).stereo_motorcycle()[0]
    else:
        picture = getattr(library("skimage.data", task), name)()
    return _grey(np.atleast_3d(picture).transpose(2, 0, 1).astype(np.float32) / 255)


def _grey(picture: Array) -> Array:
    return picture.mean(axis=0, keepdims=True)


def patches(pictures: Sequence[Array], rng: np.random.Generator, n: int, size: int) -> Array:
    """Random squares of random pictures, mirrored and turned by quarters, (n, C, size, size)."""
    chosen = (pictures[k] for k in rng.integers(len(pictures), size=n))
    return np.stack([_varied(*random_crop(picture, picture[:1], size, rng), rng) for picture in chosen])


def _varied(x: Array, twin: Array, rng: np.random.Generator) -> Array:
    return random_quarter_turn(*random_flip(x, twin, rng), rng)[0]


def middle(picture: Array, size: int) -> Array:
    """The square in the middle of a picture (C, H, W), or as much of it as there is."""
    top, left = (max(n - size, 0) // 2 for n in picture.shape[1:])
    return picture[:, top : top + size, left : left + size]


def details(columns: Mapping[str, Sequence[Array]], names: Sequence[str], part: int) -> dict[str, list[Array]]:
    """Of the pictures (C, H, W) in columns, which have these names, a square where much is to be seen.

    It is a `part`-th as high as the picture; of a picture of yours it is the middle.
    """
    return {key: [_detail(y, name, part) for y, name in zip(of, names, strict=True)] for key, of in columns.items()}


def _detail(picture: Array, name: str, part: int) -> Array:
    side = max(picture.shape[1] // part, 1)
    centre = DETAILS.get(name, (0.5, 0.5))
    top, left = (max(int(share * n) - side // 2, 0) for share, n in zip(centre, picture.shape[1:], strict=True))
    return picture[:, top : top + side, left : left + side]


def digits(task: str) -> tuple[Array, Array]:
    """The handwritten digits of scikit-learn, float32 (1797, 1, 8, 8) in [0, 1], light on dark, and which they are."""
    found = library("sklearn.datasets", task).load_digits()
    return (found.images[:, None] / 16).astype(np.float32), found.target.astype(np.int64)
