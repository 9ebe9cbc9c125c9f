"""Convolution and transposed convolution: one sum, read three ways.

A window slides over an image, and a map has a number for each of its places: at place (i, j), cell (u, v) of the window
lies on pixel (s·i+d·u−p, s·j+d·v−p). A convolution makes a map of an image: a number is what it gathers under a window.
A transposed one makes an image of a map: a number is spread over the pixels under its window. So the gradient dx of
each is the other; and dw of both is a sum over all places of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.lengths import Length, Spread
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.windows import SIZE, Pairs, Sliding, covering, images, meetings, window
from tinyunet.byhand.arithmetic.worked import Numbers, Part, Sum, Terms
from tinyunet.ops import conv
from tinyunet.ops.window import Axes, Axis, Pair, pair
from tinyunet.tensor import Array


class Convolution(Sliding):
    """What both have in common; w is (channels of the map, channels of the image in a group, rows, columns)."""

    leaves = "x", "w", "b"
    linear = True
    to_y: ClassVar[Callable[..., list[Part]]]  # how y comes about
    to_x: ClassVar[Callable[..., list[Part]]]  # and dx: the other way round

    def y(self, *index: int) -> Sum:
        return Sum(self.symbol("y", *index), (*self.to_y("channel", "x", None, *index), *self.bias(index[1])))

    def dx(self, dy: Array, *index: int) -> Sum:
        return Sum(self.symbol("dx", *index), tuple(self.to_x(self.axis_names["y"][1], "dy", dy, *index)))

    def groups(self) -> tuple[int, int]:
        """How many channels of the map are in a group, and how many of the image."""
        w = self.arrays["w"]
        return len(w) // self.settings["groups"], w.shape[1]

    def seen(self, axis: Axis, pairs: Pairs) -> Pairs:
        """Of cells or places and the pixels that they meet, those where there is a pixel; padding counts as one."""
        return pairs

    def gathered(self, kind: str, image: str, dy: Array | None, n: int, o: int, i: int, j: int) -> list[Part]:
        """A number of the map: what is under its window, times the kernel."""
        (rows, cols), (outs, ins) = self.axes(), self.groups()
        cs = range(o // outs * ins, (o // outs + 1) * ins)
        (us, h), (vs, w) = self.seen(rows, window(rows, i)), self.seen(cols, window(cols, j))
        pixels = self.numbers(image, n, cs, h, w, array=dy)
        return _parts(kind, cs, pixels, self.numbers("w", o, range(ins), us, vs))

    def spread(self, kind: str, map: str, dy: Array | None, n: int, c: int, h: int, w: int) -> list[Part]:
        """A pixel of the image: the numbers of all windows over it, times the cells of the kernel that lie on it."""
        (rows, cols), (outs, ins) = self.axes(), self.groups()
        group, place = divmod(c, ins)
        os = range(group * outs, (group + 1) * outs)
        (us, i), (vs, j) = covering(rows, h), covering(cols, w)
        return _parts(kind, os, self.numbers(map, n, os, i, j, array=dy), self.numbers("w", os, place, us, vs))

    def dw(self, dy: Array, o: int, place: int, u: int, v: int) -> Sum:
        (rows, cols), (outs, ins) = self.axes(), self.groups()
        (i, h), (j, w) = self.seen(rows, meetings(rows, u)), self.seen(cols, meetings(cols, v))
        ns, c, image = range(len(dy)), o // outs * ins + place, self.slid_over("dw")
        at = {name: (c, h, w) if name == image else (o, i, j) for name in ("dy", "x")}
        factors = self.numbers("dy", ns, *at["dy"], array=dy), self.numbers("x", ns, *at["x"])
        return Sum(self.symbol("dw", o, place, u, v), tuple(_parts("image", ns, *factors)))

    def db(self, dy: Array, o: int) -> Sum:
        N, _, H, W = dy.shape
        every = self.numbers("dy", range(N), o, range(H), range(W), array=dy)
        return Sum(self.symbol("db", o), tuple(_parts("image", range(N), every)))


def _parts(kind: str, of: Sequence[int], *factors: Numbers) -> list[Part]:
    """The products in equal parts: one for each channel, say, which is the first that their places go through."""
    each = len(factors[0].values) // len(of)
    return [Part(f"{kind} {n}", Terms(*factors, chosen=range(k * each, (k + 1) * each))) for k, n in enumerate(of)]


def _explained(kind: type[Convolution], x: Any, w: Any, b: Any, **settings: Any) -> Explanation:
    x, lacking = images(array("x", x))
    w, single = _kernels(array("w", w))
    b = None if b is None else np.atleast_1d(array("b", b))
    # One image and one kernel without brackets have a result without brackets, too.
    shown = lacking if single or lacking < 2 else 1
    left_out = {"x": lacking, "dx": lacking, "w": single, "dw": single, "y": shown, "dy": shown}
    return explained(kind({"x": x, "w": w, "b": b}, settings, left_out))


def _kernels(w: Array) -> tuple[Array, int]:
    """w with four axes, and how many were added."""
    if w.ndim not in (2, 4):
        raise ValueError(f"w: must have four axes, or be a single kernel (kh, kw), not {w.shape}")
    return w.reshape((1,) * (4 - w.ndim) + w.shape), 4 - w.ndim


class Conv2d(Convolution):
    """A window that gathers from x."""

    to_y, to_x = Convolution.gathered, Convolution.spread
    title = "Convolution"
    size = f"y has the size {SIZE}, and a channel for every filter"
    axis_names: ClassVar = {"w": ("filter", "channel"), "y": ("image", "filter")}
    formulas: ClassVar = {
        "y": (
            "y[n,o,i,j] = b[o] + Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v",
            r"y_{n,o,i,j} = b_o + \sum_{c,u,v} x_{n,\,c,\,si+du-p,\,sj+dv-p}\, w_{o,c,u,v}",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,o,i,j] · w[o,c,u,v], over all o and all windows with s·i+d·u−p = h, s·j+d·v−p = w",
            r"∂x_{n,c,h,w} = \sum ∂y_{n,o,i,j}\, w_{o,c,u,v}",
        ),
        "dw": (
            "dw[o,c,u,v] = Σ dy[n,o,i,j] · x[n, c, s·i+d·u−p, s·j+d·v−p], over n, i, j",
            r"∂w_{o,c,u,v} = \sum_{n,i,j} ∂y_{n,o,i,j}\, x_{n,\,c,\,si+du-p,\,sj+dv-p}",
        ),
        "db": ("db[o] = Σ dy[n,o,i,j], over n, i, j", r"∂b_o = \sum_{n,i,j} ∂y_{n,o,i,j}"),
    }

    @staticmethod
    def weights(
        x: Index, out_channels: int, kernel_size: Pair, groups: int, *, bias: bool = True
    ) -> dict[str, Index | None]:
        kernel = pair("conv2d", "kernel_size", kernel_size, 1)
        return {"w": (out_channels, x[1] // max(groups, 1), *kernel), "b": (out_channels,) if bias else None}

    def axes(self) -> Axes:
        return conv.conv_axes(*self.arrays.values(), **self.settings)

    def channels(self) -> int:
        return len(self.arrays["w"])

    def multiplied(self) -> tuple[Index, Index]:
        return self.y_shape(), self.arrays["w"].shape[1:]

    def slid_over(self, what: str) -> str:
        return "dy" if what in ("dx", "db") else "x"


@Conv2d.called
def conv2d(
    x: Any, w: Any, b: Any = None, stride: Pair = 1, padding: Pair | str = 0, dilation: Pair = 1, groups: int = 1
) -> Explanation:
    """Explain `F.conv2d`.

    Shapes: x (N, C, H, W), (C, H, W) or (H, W); w (O, C/groups, kh, kw) or (kh, kw); b (O,).

    Raises:
        ValueError, TypeError: what `F.conv2d` raises, numbers that cannot be read, axes that are too many.

    >>> x = [[[10, 10, 0, 0]] * 4, [[5] * 4] * 4]
    >>> w = [[[[1, 0, -1]] * 3, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]]]
    >>> print(conv2d(x, w, b=[2]).at(0, 0, 0))
    y[n,o,i,j] = b[o] + Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v
      channel 0: 10×1 + 10×0 + 0×(−1) + 10×1 + 10×0 + 0×(−1) + 10×1 + 10×0 + 0×(−1) = 30
      channel 1: 5×0 + 5×0 + 5×0 + 5×0 + 5×1 + 5×0 + 5×0 + 5×0 + 5×0 = 5
      y[0, 0, 0] = 30 + 5 + 2 (bias) = 37
    """
    return _explained(Conv2d, x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)


class ConvTranspose2d(Convolution):
    """A window that spreads over y; its axes are those of the convolution that it is the transpose of."""

    to_y, to_x = Convolution.spread, Convolution.gathered
    title = "Transposed convolution"
    enlarges = True
    border = Operation.border  # none: the padding crops y
    size = (
        "y has the size (input − 1)·stride − 2·padding + dilation·(kernel − 1) + 1 + output_padding, "
        "and a channel for every output of w, which is (in, out, rows, columns)"
    )
    axis_names: ClassVar = {"w": ("channel", "output channel"), "y": ("image", "output channel")}
    formulas: ClassVar = {
        "y": (
            "y[n,o,h,w] = b[o] + Σ x[n,c,i,j] · w[c,o,u,v], over all c and all i, j with s·i+d·u−p = h, s·j+d·v−p = w",
            r"y_{n,o,h,w} = b_o + \sum_{si+du-p=h,\; sj+dv-p=w} x_{n,c,i,j}\, w_{c,o,u,v}",
        ),
        "dx": (
            "dx[n,c,i,j] = Σ dy[n, o, s·i+d·u−p, s·j+d·v−p] · w[c,o,u,v], over o, u, v",
            r"∂x_{n,c,i,j} = \sum_{o,u,v} ∂y_{n,\,o,\,si+du-p,\,sj+dv-p}\, w_{c,o,u,v}",
        ),
        "dw": (
            "dw[c,o,u,v] = Σ x[n,c,i,j] · dy[n, o, s·i+d·u−p, s·j+d·v−p], over n, i, j",
            r"∂w_{c,o,u,v} = \sum_{n,i,j} x_{n,c,i,j}\, ∂y_{n,\,o,\,si+du-p,\,sj+dv-p}",
        ),
        "db": Conv2d.formulas["db"],
    }

    @staticmethod
    def weights(
        x: Index, out_channels: int, kernel_size: Pair, groups: int, *, bias: bool = True
    ) -> dict[str, Index | None]:
        kernel = pair("conv_transpose2d", "kernel_size", kernel_size, 1)
        return {"w": (x[1], out_channels // max(groups, 1), *kernel), "b": (out_channels,) if bias else None}

    def axes(self) -> Axes:
        return conv.transposed_axes(*self.arrays.values(), **self.settings)

    def lengths(self) -> tuple[Length, ...]:
        more = np.broadcast_to(self.settings["output_padding"], 2).tolist()
        pairs = zip(self.axes(), more, strict=True)
        return tuple(Spread(a.output, a.kernel, a.stride, a.padding, a.padding, a.dilation, m) for a, m in pairs)

    def channels(self) -> int:
        return int(self.arrays["w"].shape[1] * self.settings["groups"])

    def multiplied(self) -> tuple[Index, Index]:
        return self.arrays["x"].shape, self.arrays["w"].shape[1:]

    def seen(self, axis: Axis, pairs: Pairs) -> Pairs:
        kept = [(k, position) for k, position in zip(*pairs, strict=True) if 0 <= position < axis.input]
        return [k for k, _ in kept], [position for _, position in kept]


@ConvTranspose2d.called
def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Explanation:
    """Explain `F.conv_transpose2d`.

    Shapes: x (N, C, H, W), (C, H, W) or (H, W); w (C, O/groups, kh, kw) or (kh, kw); b (O,).

    >>> y = conv_transpose2d([[1, 2], [3, 4]], [[1, 1, 1]] * 3, stride=2)
    >>> print(y.at(2, 2))
    y[n,o,h,w] = b[o] + Σ x[n,c,i,j] · w[c,o,u,v], over all c and all i, j with s·i+d·u−p = h, s·j+d·v−p = w
      y[2, 2] = 4×1 + 3×1 + 2×1 + 1×1 = 10
    """
    settings = {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups}
    return _explained(ConvTranspose2d, x, w, b, **settings, dilation=dilation)
