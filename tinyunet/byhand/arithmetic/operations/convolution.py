"""Convolution and transposed convolution: one sum, read three ways.

A window slides over an image, and a map has a number for each of its places: at place (i, j), cell (u, v) of the window
lies on pixel (s·i+d·u−p, s·j+d·v−p). A convolution makes a map of an image: a number is what it gathers under a window.
A transposed one makes an image of a map: a number is spread over the pixels under its window. So the gradient dx of
each is the other; and dw of both is a sum over all places of the window.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.borders import Padding, framed, widths
from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.lengths import Length, Spread
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Border, Index, Operation
from tinyunet.byhand.arithmetic.windows import SIZE, Pairs, Sliding, covering, images, meetings, window
from tinyunet.byhand.arithmetic.worked import Numbers, Part, Sum, Symbol, Terms
from tinyunet.ops import conv
from tinyunet.ops.window import Axes, Axis, Pair, fit, pair
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

    def in_w(self, axis: Axis, cells: list[int]) -> list[int]:
        """Where cells of the window stand in w: turned by 180° in a true convolution."""
        return [axis.kernel - 1 - cell for cell in cells] if self.settings.get("flip_kernel") else cells

    def gathered(self, kind: str, image: str, dy: Array | None, n: int, o: int, i: int, j: int) -> list[Part]:
        """A number of the map: what is under its window, times the kernel."""
        (rows, cols), (outs, ins) = self.axes(), self.groups()
        cs = range(o // outs * ins, (o // outs + 1) * ins)
        (us, h), (vs, w) = self.seen(rows, window(rows, i)), self.seen(cols, window(cols, j))
        pixels = self.numbers(image, n, cs, h, w, array=dy)
        weights = self.numbers("w", o, range(ins), self.in_w(rows, us), self.in_w(cols, vs))
        return _parts(kind, cs, pixels, weights)

    def spread(self, kind: str, map: str, dy: Array | None, n: int, c: int, h: int, w: int) -> list[Part]:
        """A pixel of the image: the numbers of all windows over it, times the cells of the kernel that lie on it."""
        (rows, cols), (outs, ins) = self.axes(), self.groups()
        group, place = divmod(c, ins)
        os = range(group * outs, (group + 1) * outs)
        found = []
        for at in itertools.product(self.showing(2, h), self.showing(3, w)):  # in the border, too
            (us, i), (vs, j) = (covering(axis, k) for axis, k in zip((rows, cols), at, strict=True))
            weights = self.numbers("w", os, place, self.in_w(rows, us), self.in_w(cols, vs))
            where = "" if at == (h, w) else f", {self.seen_as} at {list(at[2 - self.plane :])}".replace("-", "−")
            if not where or (i and j):
                found += _parts(kind, os, self.numbers(map, n, os, i, j, array=dy), weights, where=where)
        return found

    def dw(self, dy: Array, o: int, place: int, u: int, v: int) -> Sum:
        (rows, cols), (outs, ins) = self.axes(), self.groups()
        (u0,), (v0,) = self.in_w(rows, [u]), self.in_w(cols, [v])
        (i, h), (j, w) = self.seen(rows, meetings(rows, u0)), self.seen(cols, meetings(cols, v0))
        ns, c, image = range(len(dy)), o // outs * ins + place, self.slid_over("dw")
        at = {name: (c, h, w) if name == image else (o, i, j) for name in ("dy", "x")}
        factors = self.numbers("dy", ns, *at["dy"], array=dy), self.numbers("x", ns, *at["x"])
        return Sum(self.symbol("dw", o, place, u, v), tuple(_parts("image", ns, *factors)))

    def db(self, dy: Array, o: int) -> Sum:
        N, _, H, W = dy.shape
        every = self.numbers("dy", range(N), o, range(H), range(W), array=dy)
        return Sum(self.symbol("db", o), tuple(_parts("image", range(N), every)))


def _parts(kind: str, of: Sequence[int], *factors: Numbers, where: str = "") -> list[Part]:
    """The products in equal parts: one for each channel, say, which is the first that their places go through."""
    each = len(factors[0].values) // len(of)
    return [
        Part(f"{kind} {n}{where}", Terms(*factors, chosen=range(k * each, (k + 1) * each))) for k, n in enumerate(of)
    ]


def explained_as(kind: type[Convolution], x: Any, w: Any, b: Any, **settings: Any) -> Explanation:
    """A convolution of either kind, with the axes that were left out."""
    x, lacking = images(array("x", x), kind.plane)
    w, single = _kernels(array("w", w), kind.plane)
    b = None if b is None else np.atleast_1d(array("b", b))
    # One image and one kernel without brackets have a result without brackets, too.
    shown = lacking if single or lacking < 2 else 1
    left_out = {"x": lacking, "dx": lacking, "w": single, "dw": single, "y": shown, "dy": shown}
    return explained(kind({"x": x, "w": w, "b": b}, settings, left_out))


def _kernels(w: Array, plane: int) -> tuple[Array, int]:
    """w with four axes, and how many were added."""
    if w.ndim not in (plane, 2 + plane):
        forms = "four axes, or be a single kernel (kh, kw)" if plane == 2 else "three axes, or be a single kernel (k,)"
        raise ValueError(f"w: must have {forms}, not {w.shape}")
    single = 2 + plane - w.ndim
    return w.reshape((1,) * single + w.shape[:-1] + (1,) * (2 - plane) + w.shape[-1:]), single


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
        size, kernel, stride, dilation = self._sizes()
        wide = kernel[0] * dilation[0], kernel[1] * dilation[1]
        x, w, b = self.arrays.values()
        conv.conv_axes(x, w, b, stride, wide, dilation, self.settings["groups"])  # whether w fits x and b
        return fit(self.name, size, kernel, stride, self.padded(), dilation)

    def padded(self) -> Border:
        return widths(self.name, self.planar["padding"], *self._sizes(), self.settings.get("padding_mode", "zeros"))

    def _sizes(self) -> tuple[Any, Any, Any, Any]:
        """Of the image and the kernel, and stride and dilation."""
        stride, dilation = (pair(self.name, name, self.planar[name], 1) for name in ("stride", "dilation"))
        return self.arrays["x"].shape[2:], self.arrays["w"].shape[2:], stride, dilation

    def run(self) -> tuple[Any, Any]:
        """The plain operation, with w turned if need be, on an image that has its border already."""
        (x, w, b), s = self.arrays.values(), self.planar
        self.axes()  # which know how large the image was, if the kernel does not fit
        turn = np.s_[:, :, ::-1, ::-1] if s.get("flip_kernel") else np.s_[:]
        image, back = framed(x, self.padded(), self.beyond)
        y, backward = self.plain(image, w[turn], b, s["stride"], 0, s["dilation"], s["groups"])

        def of_all(dy: Array) -> tuple[Any, ...]:
            dx, dw, db = backward(dy)
            return lambda: back(dx()), lambda: dw()[turn], db

        return y, of_all

    def formula(self, what: str) -> Symbol:
        """Also with w turned, and with what is in the border."""
        text, latex = super().formula(what)
        if self.settings.get("flip_kernel") and what == "dw":
            text = text.replace("d·u", "d·(kh−1−u)").replace("d·v", "d·(kw−1−v)")
            latex = latex.replace("+du", "+d(k_h-1-u)").replace("+dv", "+d(k_w-1-v)")
        elif self.settings.get("flip_kernel"):
            text = text.replace("w[o,c,u,v]", "w[o, c, kh−1−u, kw−1−v]").replace("c, u, v", "c, u, v: w turned by 180°")
            latex = latex.replace("w_{o,c,u,v}", r"w_{o,\,c,\,k_h-1-u,\,k_w-1-v}")
        if self.beyond and what == "dx":
            text += "; also where x[n,c,h,w] is seen in the border"
        elif self.beyond and what != "db":
            text += f"; in the border x is seen {self.beyond.word}"
        if self.settings["padding"] == "SAME" and what == "y":
            text += f"; zeros added: {', '.join(map(self._reason, range(2 - self.plane, 2)))}"
        return Symbol(text, latex)

    def _reason(self, k: int) -> str:
        """The arithmetic of SAME."""
        axis, (before, after) = self.axes()[k], self.padded()[k]
        n, s = axis.input, axis.stride
        of = ("rows ", "columns ")[k] if self.plane == 2 else ""
        total = f"max((⌈{n}/{s}⌉ − 1)·{s} + {axis.span} − {n}, 0) = {before + after}"
        return f"{of}{total} ({before} before, {after} after)"

    def rule(self, what: str) -> str:
        if self.settings["padding"] == "SAME":
            return super().rule(what).replace(SIZE, "⌈input / stride⌉")
        lopsided = any(before != after for before, after in self.padded())
        return super().rule(what).replace("2·padding", "padding before and after" if lopsided else "2·padding")

    def channels(self) -> int:
        return len(self.arrays["w"])

    def multiplied(self) -> tuple[Index, Index]:
        return self.y_shape(), self.arrays["w"].shape[1:]

    def slid_over(self, what: str) -> str:
        return "dy" if what in ("dx", "db") else "x"


@Conv2d.called
def conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    flip_kernel: bool = False,
) -> Explanation:
    """Explain `F.conv2d`, and what other libraries call a convolution.

    Shapes: x (N, C, H, W), (C, H, W) or (H, W); w (O, C/groups, kh, kw) or (kh, kw); b (O,).

    Args:
        padding: as in `F.conv2d`; or ((top, bottom), (left, right)); or "SAME", TensorFlow's, which goes with any
            stride and adds more at the end.
        padding_mode: "zeros", "reflect", "replicate" or "circular", as in `torch.nn.Conv2d`.
        flip_kernel: w is turned by 180° first, as in mathematics, in `scipy.signal.convolve2d` and MATLAB's `conv2`.

    Raises:
        ValueError, TypeError: what `F.conv2d` raises, numbers that cannot be read, axes that are too many, a border
            wider than what is seen in it.

    >>> x = [[[10, 10, 0, 0]] * 4, [[5] * 4] * 4]
    >>> w = [[[[1, 0, -1]] * 3, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]]]
    >>> print(conv2d(x, w, b=[2]).at(0, 0, 0))
    y[n,o,i,j] = b[o] + Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v
      channel 0: 10×1 + 10×0 + 0×(−1) + 10×1 + 10×0 + 0×(−1) + 10×1 + 10×0 + 0×(−1) = 30
      channel 1: 5×0 + 5×0 + 5×0 + 5×0 + 5×1 + 5×0 + 5×0 + 5×0 + 5×0 = 5
      y[0, 0, 0] = 30 + 5 + 2 (bias) = 37
    """
    return explained_by(Conv2d, x, w, b, stride, padding, dilation, groups, padding_mode, flip_kernel)


def explained_by(
    kind: type[Conv2d],
    x: Any,
    w: Any,
    b: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    padding_mode: str,
    flip_kernel: bool,
) -> Explanation:
    """A convolution; settings that few have are kept only where they are not the default."""
    if isinstance(padding, (list, tuple)):
        padding = tuple(tuple(side) if isinstance(side, list) else side for side in padding)
    given = {"padding_mode": (padding_mode, "zeros"), "flip_kernel": (bool(flip_kernel), False)}
    unusual = {name: value for name, (value, default) in given.items() if value != default}
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return explained_as(kind, x, w, b, **settings, **unusual)


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
        return conv.transposed_axes(*self.arrays.values(), **self.planar)

    def lengths(self) -> tuple[Length, ...]:
        more = np.broadcast_to(self.planar["output_padding"], 2).tolist()
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
    return explained_as(ConvTranspose2d, x, w, b, **settings, dilation=dilation)
