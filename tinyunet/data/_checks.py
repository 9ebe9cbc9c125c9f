"""What a size, an image and its mask must look like: the checks that every room of `tinyunet.data` shares."""

import operator
from typing import Literal, get_args

import numpy as np

Size = int | tuple[int, int]
Foreground = Literal["light", "dark"]


def size_pair(size: Size, caller: str) -> tuple[int, int]:
    """(H, W) from one int, a square, or from a pair; both at least 1.

    >>> size_pair(64, "cells"), size_pair((17, 23), "cells")
    ((64, 64), (17, 23))
    """
    try:
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
        pair = operator.index(height), operator.index(width)
    except (TypeError, ValueError):
        raise TypeError(f"{caller}: a size is an int or a pair (H, W) of ints, not {size!r}") from None
    if min(pair) < 1:
        raise ValueError(f"{caller}: a size is at least 1 by 1 pixels, not {size!r}")
    return pair


def check_pair(image: np.ndarray, mask: np.ndarray, caller: str) -> None:
    """Raise ValueError unless `image` is (C, H, W) and `mask` is (1, H, W) of the same H and W."""
    if image.ndim != 3 or mask.shape != (1, *image.shape[1:]):
        raise ValueError(
            f"{caller}: an image (C, H, W) needs a mask (1, H, W), but the image is {image.shape} "
            f"and the mask is {mask.shape}"
        )


def check_crop(image: np.ndarray, crop: tuple[int, int], what: str) -> None:
    """Raise ValueError if `image` (C, H, W) is smaller than `crop`."""
    height, width = image.shape[1:]
    if height < crop[0] or width < crop[1]:
        raise ValueError(f"{what} is {height} by {width}, smaller than the crop of {crop[0]} by {crop[1]}; crop less")


def check_foreground(foreground: str) -> None:
    """Raise ValueError unless `foreground` is "light" or "dark"."""
    if foreground not in get_args(Foreground):
        raise ValueError(f"foreground must be 'light' or 'dark', not {foreground!r}")
