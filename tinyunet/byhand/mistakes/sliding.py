"""How the window slides: mistakes with stride, padding, dilation and size, of convolutions and pooling."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.windows import CEILED, SIZE
from tinyunet.byhand.mistakes.registry import RARE, TRANSPOSED, mistakes
from tinyunet.byhand.mistakes.window import (
    CONVOLUTIONS,
    Window,
    bordered,
    counted,
    framed,
    of_zeros,
    resized,
    strided,
    tried,
)
from tinyunet.tensor import Array

PLACES = (
    f"{CONVOLUTIONS}, max_pool2d y, avg_pool2d y",
    "conv2d y, max_pool2d y, avg_pool2d y",  # whose window slides over x
    f"{CONVOLUTIONS}, max_pool2d y",
    "conv2d y",
    "conv_transpose2d y",
)


def lopsided(q: Window) -> bool:
    return bool(np.ptp(q.borders, 1).any())


def written(setting: Array) -> str:
    """A setting for every axis: one number if it is the same.

    >>> written(np.array([2, 2])), written(np.array([1, 2])), written(np.array([2]))
    ('2', '(1, 2)', '2')
    """
    numbers = setting.tolist()
    return str(numbers[0]) if len({*numbers}) == 1 else str(tuple(numbers))


class Sliding(Window):
    """What comes out where the window slides a little differently."""

    def other(self, *pairs: Array) -> str:
        """A setting instead of the given one, such as "3 for 2"."""
        return " for ".join(written(self.seen(pair)) for pair in pairs)

    def seen(self, pair: Any) -> Any:
        """Of a setting for rows and columns what a signal has of it."""
        return pair[-self.op.plane :]

    def instead(self, setting: str, *values: Array) -> Iterator[tuple[Array, str]]:
        """y with other values of a setting, each with its detail, such as "3 for 2"."""
        for value in values:
            yield self.y(**{setting: value}), self.other(value, getattr(self, setting))

    def fewer(self, *less: int) -> Array | None:
        """y without its last row or column; a size that ceil_mode explains is another mistake."""
        y = resized(self.y(), *self.output - less)
        explained = self.name != "conv2d" and y.shape == self.op.changed(ceil_mode=not self.ceil_mode).shape("y")
        return y if y.size and not explained else None

    def more(self, *more: int) -> Array | None:
        """y of a convolution with another row or column of windows after the last one."""
        longer = self.framed(self.borders + np.outer(self.stride, (0, 1)))
        return resized(longer, *self.output + np.array(more)) if self.name == "conv2d" else None

    def one_direction(self) -> Iterator[tuple[Array, str]]:
        """y with a setting for rows or for columns alone, if it changes something in both."""
        for setting, nothing in (("stride", 1), ("padding", 0), ("dilation", 1)):
            down, right = self.pairs.get(setting, (nothing, nothing))
            if min(down, right) > nothing:
                for direction, pair in (("rows", (down, nothing)), ("columns", (nothing, right))):
                    for y in tried(self, **{setting: pair}):
                        yield y, f"{setting} in {direction} only"

    def both_sides(self) -> Array | None:
        """y where both numbers of the padding are put, or cropped, before and after, along rows and columns alike."""
        pair = self.pairs.get("padding")
        if pair is None or pair[0] == pair[1]:
            return None
        if self.name == "conv_transpose2d":
            return framed(self.y(padding=0), -np.array([pair, pair]))
        return self.framed([pair, pair]) if counted(self) else None

    def stride_off(self) -> Iterator[tuple[Array, str]]:
        """y with strides that are off by one; 1 is a stride forgotten."""
        return self.instead("stride", *(s for s in (self.stride + 1, self.stride - 1) if max(s) > 1))

    def other_widths(self) -> Iterator[tuple[Array, str]]:
        """y with a padding that is near the given one, or that another kind of convolution has."""
        given, widths = self.pairs.get("padding"), dict[tuple[int, ...], str]()
        if given is not None:
            widths = {tuple(p): self.other(p, given) for p in (given + 1, given - 1, 2 * given)}
        widths |= {tuple(self.span // 2): "half the kernel's", tuple(self.span - 1): "'full'"}
        for width, detail in widths.items():
            if min(self.seen(width)) >= 0 and any(width) and (given is None or any(given != width)):
                for y in tried(self, padding=width):
                    yield y, detail

    def shifted(self, by: int) -> Array | None:
        """y where windows start so many pixels earlier; a convolution padded on one side alone is asymmetric 'same'."""
        borders = self.borders + np.array((by, -by))
        return None if self.name == "conv2d" and not borders.min(1).any() else self.framed(borders)

    def edged(self, borders: Any, edge: Any = 0.0) -> Array:
        """y with other numbers in its border."""
        (top, bottom), (left, right) = borders
        (height, width), (i, j) = self.output, np.indices(self.y().shape[2:])
        inside = (i >= top) & (i < height - bottom) & (j >= left) & (j < width - right)
        return np.where(inside, self.y(), edge)


all_windows, forward, dilated, conv2d, conv_transpose2d = (mistakes(place, Sliding) for place in PLACES)

STRIDE_FORGOTTEN = "stride forgotten", "the window moves by the stride, not by one pixel"
conv_transpose2d(*STRIDE_FORGOTTEN, lambda q: q.y(stride=1, output_padding=0), where=strided)
forward(*STRIDE_FORGOTTEN, where=strided)
forward.way("", lambda q: q.y(stride=1))
forward.way("and stopped at the right size", lambda q: resized(q.y(stride=1), *q.output))
forward(
    "stride applied twice",
    "output (i, j) starts at pixel (s·i, s·j), and all windows that fit are counted: the stride enters once",
    where=strided,
)
forward.way("windows s² apart", lambda q: q.y(stride=q.stride**2))
forward.way(
    "in the bound of a loop", lambda q: resized(q.y(), *-(-q.output // q.stride)) if q.name == "conv2d" else None
)
forward("padding forgotten", "the image gets a border before the window slides", lambda q: q.y(padding=0), bordered)
conv_transpose2d("padding forgotten", "padding crops that many rows and columns from every side", where=bordered)
conv_transpose2d.way("", lambda q: q.y(padding=0))
conv2d("edge padding", "the border is zeros, not the pixels at the edge repeated", where=of_zeros)
conv2d.way("", lambda q: q.padded(mode="edge"))
conv2d(
    "reflect padding",
    "the border is zeros, not the image mirrored",
    where=lambda q: of_zeros(q) and all(q.borders.max(1) < q.input),
)
conv2d.way("", lambda q: q.padded(mode="reflect"))
conv2d("another border", "padding_mode says what is seen in the border", where=lambda q: not of_zeros(q))
conv2d.way("zeros", lambda q: q.padded(constant_values=0))
conv2d.way("the edge repeated", lambda q: q.padded(mode="edge"))
conv2d.way("mirrored", lambda q: q.padded(mode="reflect"))
conv2d.way("mirrored, the edge included", lambda q: q.padded(mode="symmetric"))
conv2d.way("from the other side", lambda q: q.padded(mode="wrap"))
conv2d("padding alike on both sides", "the padding before the image and after it differ", where=lopsided)
conv2d.way("the wider one", lambda q: q.padded([(max(both), max(both)) for both in q.borders]))
conv2d.way("the narrower one", lambda q: q.framed([(min(both), min(both)) for both in q.borders]))
conv2d("asymmetric 'same'", "the zeros go on both sides alike; only an odd one left over goes to the end")
conv2d.way("all at the end", lambda q: q.padded([(0, sum(both)) for both in q.borders]))
conv2d.way("all at the beginning", lambda q: q.padded([(sum(both), 0) for both in q.borders]))
conv2d.way("the odd one at the beginning", lambda q: q.padded(q.borders[:, ::-1]) if lopsided(q) else None)
for rule, rounded in ((SIZE, lambda q: not q.ceil_mode), (CEILED, lambda q: q.ceil_mode)):
    forward("output size off by one", f"the number of windows is {rule}", where=rounded)
    forward.way("one too few rows", lambda q: q.fewer(1, 0))
    forward.way("one too few columns", lambda q: q.fewer(0, 1))
    forward.way("one too few rows and columns", lambda q: q.fewer(1, 1))
    forward.way("one too many rows and columns", lambda q: q.more(1, 1))
    forward.way("one too many rows", lambda q: q.more(1, 0))
    forward.way("one too many columns", lambda q: q.more(0, 1))
dilated(
    "dilation off by one",
    "cells of the kernel are `dilation` pixels apart: 1 is an ordinary kernel, 2 leaves one pixel out",
)
dilated.way("", lambda q: q.instead("dilation", *(d for d in (q.dilation - 1, q.dilation + 1) if min(q.seen(d)) > 0)))

# ---- less usual

all_windows, forward, dilated, conv2d, conv_transpose2d = (mistakes(place, Sliding, RARE) for place in PLACES)
all_windows("rows and columns exchanged", "a pair of settings is meant as (rows, columns)")
all_windows.way("", lambda q: ((y, s) for s, pair in q.pairs.items() for y in tried(q, **{s: pair[::-1]})))
forward("pair read as (before, after)", "a pair is (rows, columns), each of them before and after alike")
forward.way("padding", lambda q: q.both_sides())
conv_transpose2d("pair read as (before, after)", "a pair is (rows, columns), each of them before and after alike")
conv_transpose2d.way("padding", lambda q: q.both_sides())
all_windows("one direction forgotten", "it holds for rows and for columns", lambda q: q.one_direction())

conv_transpose2d("stride off by one", "with stride s there are s − 1 zeros between pixels", lambda q: q.stride_off())
forward("stride off by one", "the stride is the distance between windows, not how many pixels are skipped")
forward.way("", lambda q: q.stride_off())
dilated("stride and dilation exchanged", "the stride moves the whole window, the dilation spreads its cells")
dilated.way("", lambda q: q.y(stride=q.dilation, dilation=q.stride))
forward("padding of another width", "padding p puts p rows and columns on every side, and 0 none")
forward.way("", lambda q: q.other_widths())
forward("padding on one side only", "the border goes around the image, on all four sides", where=counted)
forward.way("at the top and left", lambda q: q.padded(q.borders * (1, 0)))
forward.way("at the bottom and right", lambda q: q.padded(q.borders * (0, 1)))
conv2d("wrap-around padding", "the border is zeros, not the pixels from the other side of the image", where=of_zeros)
conv2d.way("on all sides", lambda q: q.padded(mode="wrap"))
conv2d.way(
    "at the top and left, as negative indices do",
    lambda q: q.padded(q.borders * (0, 1), x=framed(q.x, q.borders * (1, 0), mode="wrap")),
)
all_windows(*TRANSPOSED)
all_windows.way("rows and columns exchanged", lambda q: q.y().swapaxes(2, 3))
conv2d("padding with other numbers", "the border is zeros", where=of_zeros)
conv2d.way("ones", lambda q: q.padded(constant_values=1))
conv2d.way("255", lambda q: q.padded(constant_values=255))
conv2d.way("the mean", lambda q: q.padded(constant_values=q.x.mean()))
conv2d.way("the largest number", lambda q: q.padded(constant_values=q.x.max()))
conv2d.way("the image mirrored, its edge included", lambda q: q.padded(mode="symmetric"))
forward("windows shifted", "output (i, j) starts at pixel (s·i, s·j) of the padded image", where=counted)
forward.way("down and right", lambda q: q.shifted(-1))
forward.way("up and left", lambda q: q.shifted(1))
forward("places left out", "every place where the window fits makes an output, also at the edge")
forward.way("the last row and column are left at 0", lambda q: q.edged(((0, 1), (0, 1))))
forward.way("the edge is left at 0", lambda q: q.edged(q.borders) if bordered(q) else None)
forward.way(
    "the edge is that of the image",
    lambda q: q.edged(q.borders, q.x) if bordered(q) and q.x.shape == q.y().shape else None,
)
forward.way(
    "without padding, the last ones are left at 0",
    lambda q: resized(q.y(padding=0), *q.output) if bordered(q) else None,
)
# Of a dilation of 2, it is a dilation off by one.
dilated("dilation forgotten", "cells of the kernel are `dilation` pixels apart", where=lambda q: max(q.dilation) > 2)
dilated.way("", lambda q: q.y(dilation=1))
# Of a kernel one larger than the stride, it is a stride off by one.
conv2d(
    "stride as in pooling",
    "the stride of a convolution is 1 unless it is given",
    where=lambda q: max(q.kernel - q.stride) > 1,
)
conv2d.way("", lambda q: q.y(stride=q.kernel))
conv_transpose2d("stride forgotten", "the kernel of pixel (i, j) is laid down at (s·i, s·j)", where=strided)
conv_transpose2d.way("the rest left at 0", lambda q: resized(q.y(stride=1, output_padding=0), *q.input))
