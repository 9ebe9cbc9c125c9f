"""What a size, an image and its mask must look like: the checks that every room of `tinyunet.data` shares."""

import operator
from collections.abc import Iterable
from typing import Literal, get_args

Size = int | tuple[int, int]
Foreground = Literal["light", "dark"]


class DataError(ValueError):
    """A file or folder that cannot be used. The message, one line, names it, the fault and the remedy."""


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


def check_pair(image: tuple[int, ...], mask: tuple[int, ...], caller: str) -> None:
    """Raise ValueError unless the shapes are (C, H, W) of an image and (1, H, W) of a mask, of the same H and W."""
    if len(image) != 3 or mask != (1, *image[1:]):
        raise ValueError(
            f"{caller}: an image (C, H, W) needs a mask (1, H, W), but the image is {image} and the mask is {mask}"
        )


def check_crop(image: tuple[int, ...], crop: tuple[int, int], what: str) -> None:
    """Raise ValueError if an image of shape (C, H, W) is smaller than `crop`."""
    height, width = image[1:]
    if height < crop[0] or width < crop[1]:
        raise ValueError(f"{what} is {height} by {width}, smaller than the crop of {crop[0]} by {crop[1]}; crop less")


def check_foreground(foreground: str) -> None:
    """Raise ValueError unless `foreground` is "light" or "dark"."""
    if foreground not in get_args(Foreground):
        raise ValueError(f"foreground must be 'light' or 'dark', not {foreground!r}")


def some(things: Iterable[object]) -> str:
    """The first five things, and how many there are if more.

    >>> some(range(9))
    '0, 1, 2, 3, 4, … (9 in all)'
    """
    texts = [str(thing) for thing in things]
    return ", ".join(texts) if len(texts) <= 5 else ", ".join(texts[:5]) + f", … ({len(texts)} in all)"
