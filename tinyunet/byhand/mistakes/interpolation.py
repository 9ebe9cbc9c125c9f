"""Resizing images: where the pixels of the result lie, and what they are given by."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import TRANSPOSED, Quantities, usual_and_rare
from tinyunet.tensor import Array


class Interpolation(Quantities):
    """The sizes before and after, and what other places make of the image."""

    mode: str
    align_corners: bool | None

    def prepare(self) -> None:
        self.before, self.after = (np.array(shape[2:]) for shape in (self.x.shape, self.op.shape("y")))
        self.times = self.after // self.before
        self.whole = bool(np.all(self.times * self.before == self.after) and max(self.times) > 1)
        self.bilinear = self.mode == "bilinear"

    def at(self, places: Callable[[Array, int, int], Array], inside: bool = True) -> Array:
        """y, where output i of m lies at another place of n pixels; between pixels both count."""
        rows, cols = (_weights(places(np.arange(m), n, m), n, inside) for n, m in self.sizes())
        return rows @ self.x @ cols.T

    def sizes(self) -> Any:
        return zip(self.before.tolist(), self.after.tolist(), strict=True)

    def spaced(self) -> Array | None:
        """The pixels as they are, and zeros between them."""
        y = np.zeros(self.op.shape("y"))
        y[:, :, :: self.times[0], :: self.times[1]] = self.x
        return y


def _weights(places: Array, n: int, inside: bool) -> Array:
    """The weight of every pixel at every place; beyond the edge, the edge's or, if not `inside`, a line through it."""
    places = np.clip(places, 0, n - 1) if inside else places
    left = np.clip(np.floor(places), 0, max(n - 2, 0)).astype(int)
    share, i, weights = places - left, np.arange(len(places)), np.zeros((len(places), n))
    weights[i, left] += 1 - share
    weights[i, np.minimum(left + 1, n - 1)] += share
    return weights


def smooth(q: Interpolation) -> bool:
    return q.bilinear


def in_blocks(q: Interpolation) -> bool:
    return not q.bilinear


wrong, rare = usual_and_rare("interpolate y", Interpolation)
wrong("corners aligned", "align_corners says whether corner pixels lie on one another", where=smooth)
wrong.way("and should not be", lambda q: None if q.align_corners else q.y(align_corners=True))
wrong.way("not, but should be", lambda q: q.y(align_corners=False) if q.align_corners else None)
wrong("half a pixel forgotten", "a pixel is a square: its middle lies at i + 0.5", where=smooth)
wrong.way("", lambda q: q.at(lambda i, n, m: i * n / m))
wrong("another mode", "nearest takes one pixel, and bilinear mixes the pixels on both sides")
wrong.way("nearest", lambda q: q.y(mode="nearest", align_corners=None) if q.bilinear else None)
wrong.way("bilinear", lambda q: None if q.bilinear else q.y(mode="bilinear"))
wrong.way("bilinear, corners aligned", lambda q: None if q.bilinear else q.y(mode="bilinear", align_corners=True))
wrong("zeros between pixels", "nearest repeats every pixel", where=lambda q: in_blocks(q) and q.whole)
wrong.way("", lambda q: q.spaced())
rare("beyond the edge", "beyond the middle of the last pixel its value stays", where=smooth)
rare.way("a line goes on", lambda q: q.at(lambda i, n, m: (i + 0.5) * n / m - 0.5, inside=False))
rare("rounded to the nearest middle", "mode 'nearest' rounds i·in/out down", where=in_blocks)
rare.way("", lambda q: q.at(lambda i, n, m: np.floor((i + 0.5) * n / m)))
rare("image repeated", "every pixel is repeated, not the image", where=lambda q: q.whole)
rare.way("", lambda q: np.tile(q.x, (1, 1, *q.times)))
rare(*TRANSPOSED)
rare.way("rows and columns exchanged", lambda q: q.y().swapaxes(2, 3))

wrong, rare = usual_and_rare("interpolate dx", Interpolation)
wrong("mean for sum", "what all outputs give back to a pixel is added", where=lambda q: q.whole)
wrong.way("", lambda q: q.dx() / np.prod(q.times))
wrong("only one output counted", "a pixel has a part in several outputs, and gets something from each")
wrong.way("the first", lambda q: q.dy[:, :, :: q.times[0], :: q.times[1]] if q.whole else None)
wrong("another mode", "a pixel gets from an output as much as it gave to it")
wrong.way("nearest", lambda q: q.dx(mode="nearest", align_corners=None) if q.bilinear else None)
wrong.way("bilinear", lambda q: None if q.bilinear else q.dx(mode="bilinear"))
wrong("corners aligned", "the weights are those of the forward pass", where=smooth)
wrong.way("", lambda q: q.dx(align_corners=not q.align_corners))
wrong("gradient with the wrong sign", "∂L/∂x says how L grows with x", lambda q: -q.dx())
rare("upstream gradient forgotten", "every output gives its dy", lambda q: q.dx(dy=np.ones_like(q.dy)))
rare("gradient not given back", "dx has the shape of x: dy goes back to the pixels", lambda q: q.dy)
