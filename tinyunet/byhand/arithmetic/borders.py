"""What lies around an image: how wide the padding is on each side, and which pixels are seen in it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.operation import Border
from tinyunet.ops import conv
from tinyunet.ops.window import Pair, pair
from tinyunet.tensor import Array

Padding = Pair | str | tuple[tuple[int, int], tuple[int, int]]


class Beyond(NamedTuple):
    """How an image goes on beyond its edge, if not by zeros."""

    word: str  # for a pixel that is seen there
    source: Callable[[Any, int], Any]  # which pixel is seen at a position, of so many in a row
    widest: Callable[[int], float]  # border of so many


BEYOND = {
    "reflect": Beyond("mirrored", lambda k, n: n - 1 - np.abs(n - 1 - np.abs(k)), lambda n: n - 1),
    "replicate": Beyond("repeated", lambda k, n: np.clip(k, 0, n - 1), lambda n: np.inf),
    "circular": Beyond("from the other side", lambda k, n: k % n, lambda n: n),
}


def same(n: int, span: int, stride: int) -> int:
    """How many rows or columns TensorFlow's SAME adds, so that a window with this span has ⌈n/stride⌉ places.

    >>> same(5, 3, 2), same(4, 3, 2), same(4, 1, 2)
    (2, 1, 0)
    """
    return max((-(-n // stride) - 1) * stride + span - n, 0)


def widths(name: str, padding: Any, size: Any, kernel: Any, stride: Any, dilation: Any, mode: str) -> Border:
    """How wide the padding is before and after the image, in rows and columns.

    Raises:
        ValueError, TypeError: settings that are none, and a border wider than what is seen in it.

    >>> widths("conv2d", ((1, 0), (0, 2)), (4, 4), (3, 3), (1, 1), (1, 1), "zeros")
    ((1, 0), (0, 2))
    >>> widths("conv2d", "SAME", (4, 4), (3, 3), (2, 2), (1, 1), "zeros")  # the odd one comes after the image
    ((0, 1), (0, 1))
    """
    if padding == "SAME":
        spans = (d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
        totals = [same(*axis) for axis in zip(size, spans, stride, strict=True)]
        rows, cols = ((total // 2, total - total // 2) for total in totals)
    elif isinstance(padding, tuple) and len(padding) == 2 and all(isinstance(side, tuple) for side in padding):
        rows, cols = (pair(name, "padding (before, after)", side, 0) for side in padding)
    else:
        rows, cols = conv.paddings(padding, kernel, stride, dilation)
    if mode not in ("zeros", *BEYOND):
        raise ValueError(f"{name}: padding_mode must be 'zeros', {', '.join(map(repr, BEYOND))}, not {mode!r}")
    for n, sides in zip(size, (rows, cols), strict=True):
        if mode in BEYOND and max(sides) > BEYOND[mode].widest(n):
            most = BEYOND[mode].widest(n)
            raise ValueError(f"{name}: of {n} in a row, padding_mode {mode!r} shows {most} beyond, not {max(sides)}")
    return rows, cols


def framed(x: Array, border: Border, beyond: Beyond | None) -> tuple[Array, Callable[[Array], Array]]:
    """Images with their border, and what takes a gradient back: a pixel gets those of all places where it is seen.

    >>> image, back = framed(np.array([[[[1.0, 2.0, 4.0]]]]), ((0, 0), (2, 1)), BEYOND["reflect"])
    >>> image, back(np.ones_like(image))
    (array([[[[4., 2., 1., 2., 4., 2.]]]]), array([[[[1., 3., 2.]]]]))
    """
    shown, pixels, size = [], [], list(x.shape)
    for axis, (before, after) in enumerate(border, 2):
        n = x.shape[axis]
        at = np.arange(-before, n + after)
        source = beyond.source(at, n) if beyond else at  # the pixel that is seen there, if there is one
        shown.append(np.flatnonzero((source >= 0) & (source < n)))
        pixels.append(source[shown[-1]])
        size[axis] = len(at)
    (i, j), (h, w) = np.ix_(*shown), np.ix_(*pixels)
    image = np.zeros(size, x.dtype)
    seen: Any = np.s_[:, :, h, w]
    image[:, :, i, j] = x[seen]

    def back(gradient: Array) -> Array:
        dx = np.zeros_like(x)
        np.add.at(dx, seen, gradient[:, :, i, j])  # += would lose what is seen in several places
        return dx

    return image, back
