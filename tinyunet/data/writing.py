"""Results as files that appear whole or not at all."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from tinyunet.data._checks import some
from tinyunet.data.masks import Meaning
from tinyunet.files import atomic


def write_mask(path: str | os.PathLike[str], mask: np.ndarray) -> None:
    """Write a mask (1, H, W) of 0 and 1 as an 8-bit PNG of 0 and 255. The file appears whole or not at all.

    Raises ValueError for another shape, other values, or a name that does not end in .png.
    """
    mask = np.asarray(mask)
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(f"write_mask: a mask holds 0 and 1, but here are values {some(np.unique(mask))}")
    _save_png(path, np.where(mask, 255, 0).astype(np.uint8), "write_mask")


def write_probability(path: str | os.PathLike[str], p: np.ndarray) -> None:
    """Write probabilities (1, H, W) as a 16-bit PNG, round(65535·p). The file appears whole or not at all.

    `read_image` gives them back to within 1 / 131070, half a step.
    Raises ValueError for another shape, values outside [0, 1], or a name that does not end in .png.
    """
    p = np.asarray(p, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"write_probability: p must lie in [0, 1], but ranges from {p.min()} to {p.max()}")
    _save_png(path, np.rint(65535 * p).astype(np.uint16), "write_probability")


def write_picture(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write a picture (1, H, W) or (3, H, W) with values from 0 to 1 as an 8-bit PNG. It appears whole or not at all.

    Values are rounded to the nearest of 256. Raises ValueError for another shape, values outside [0, 1], or a name that
    does not end in .png.
    """
    image = np.asarray(image)
    if not ((image >= 0) & (image <= 1)).all():
        raise ValueError(f"write_picture: values must lie in [0, 1], but range from {image.min()} to {image.max()}")
    _save_png(path, np.rint(255 * image).astype(np.uint8), "write_picture")


def write_classes(path: str | os.PathLike[str], classes: np.ndarray, meaning: Meaning) -> None:
    """Write classes (1, H, W) as a palette PNG in the colours of `meaning`. The file appears whole or not at all.

    Raises ValueError for another shape, numbers that are no class, or a name that does not end in .png.
    """
    classes = np.asarray(classes)
    if not np.isin(classes, range(meaning.classes)).all():
        numbers = some(np.unique(classes))
        raise ValueError(f"write_classes: classes are 0 to {meaning.classes - 1}, but here are {numbers}")
    _save_png(path, classes.astype(np.uint8), "write_classes", np.ravel(meaning.colours).tolist())


def _save_png(path: str | os.PathLike[str], array: np.ndarray, caller: str, palette: list[int] | None = None) -> None:
    """Write (1, H, W) as a grey PNG, or as one with a palette, or (3, H, W) of 8 bits as one in colour."""
    path = Path(path)
    channels = (1, 3) if caller == "write_picture" else (1,)
    if array.ndim != 3 or len(array) not in channels:
        wanted = " or ".join(f"({c}, H, W)" for c in channels)
        raise ValueError(f"{caller}: an array {wanted} is needed, but this is {array.shape}")
    if path.suffix.lower() != ".png":
        raise ValueError(f"{caller}: writes PNG, so the name must end in .png, not {path.name}")
    picture = Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))
    if palette is not None:
        picture.putpalette(palette)
    with atomic(path) as part:
        picture.save(part, format="PNG")
