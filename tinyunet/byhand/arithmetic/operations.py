"""The operations, worked out: for every element of a result or gradient, the steps that lead to it.

Every class here knows one operation of `tinyunet.ops`: how to run it (`run`), and for each quantity, the result "y" or
a gradient such as "dw", how one element of it comes about (a method of that name). The sums are found by the meaning of
the sliding window (`ops/window.py`), along rows and along columns, and not by the code that computes them fast.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinyunet import functional
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.worked import (
    Factor,
    Formula,
    Largest,
    Numbers,
    Part,
    Sum,
    Symbol,
    Term,
    Terms,
    Worked,
    latex_number,
    named,
)
from tinyunet.ops import conv, elementwise, linear, loss, norm, pool, reduce
from tinyunet.ops.window import Axes, Axis
from tinyunet.tensor import Array

Index = tuple[int, ...]
Call = TypeVar("Call", bound=Callable[..., Any])


def _met(axis: Axis, output: int, cell: int) -> int:
    """The position where an output and a cell of the window meet; below 0 or beyond the input it is padding."""
    return axis.stride * output + axis.dilation * cell - axis.padding


def window(axis: Axis, output: int) -> list[int]:
    """The positions under the cells of the window of an output."""
    return [_met(axis, output, cell) for cell in range(axis.kernel)]


def covering(axis: Axis, position: int) -> tuple[list[int], list[int]]:
    """The windows that cover a position: by which cells, and of which outputs."""
    cells, outputs = [], []
    for cell in range(axis.kernel):
        output, beside = divmod(position + axis.padding - axis.dilation * cell, axis.stride)
        if beside == 0 and 0 <= output < axis.output:
            cells.append(cell)
            outputs.append(output)
    return cells, outputs


def meetings(axis: Axis, cell: int) -> list[int]:
    """The positions that a cell of the window lies on, for all outputs."""
    return [_met(axis, output, cell) for output in range(axis.output)]


def uncropped(axis: Axis, positions: list[int]) -> tuple[list[int], list[int]]:
    """Of some positions those in the input, after their numbers: a transposed convolution crops the others."""
    kept = [k for k, position in enumerate(positions) if 0 <= position < axis.input]
    return kept, [positions[k] for k in kept]


def _plain(operation: Any) -> Any:
    """The NumPy function under `@differentiable`."""
    return operation.__wrapped__


OPERATIONS: dict[str, type[Operation]] = {}  # by name


class Operation:
    """An operation with its arrays and settings.

    Attributes:
        arrays: by name, in the order of the operation's arguments; those of images always with their batch axis, as
            float64. An optional one may be None.
        settings: the other arguments.
        left_out: by name, how many leading axes of an array are not the user's: 1 for the batch axis of one image.
    """

    # What a user calls, its arguments by name, and which of them are arrays: set by `called`.
    name: ClassVar[str]
    call: ClassVar[Callable[..., Any]]
    parameters: ClassVar[Mapping[str, inspect.Parameter]]
    array_names: ClassVar[tuple[str, ...]]

    title: ClassVar[str]  # in a heading
    formulas: ClassVar[dict[str, tuple[str, str]]]  # of every quantity, in a text and in LaTeX
    leaves: ClassVar[tuple[str, ...]]  # the arrays that have gradients
    updates: ClassVar[tuple[str, ...]] = ()  # the arrays that it overwrites
    data: ClassVar[tuple[str, ...]] = ("x",)  # the arrays that are no parameters
    size: ClassVar[str | None] = None  # the rule for the size of y, in words; None if it has the shape of x
    linear: ClassVar[bool] = False  # in each of its arrays, while the others stay as they are
    slides: ClassVar[bool] = False  # a window over images
    outside: ClassVar[float] = 0.0  # what lies around an image
    read_off: ClassVar[bool] = False  # y is among the numbers of x, or 0: there is nothing to calculate
    axis_names: ClassVar[dict[str, tuple[str, str]]] = {}  # in front of rows and columns, if not image and channel
    captions: ClassVar[dict[tuple[str, int], str]] = {}  # of an array with so many axes, if not its name alone
    aliases: ClassVar[dict[str, str]] = {"input": "x"}  # words in its errors, and the arguments that they mean

    def __init__(self, arrays: dict[str, Any], settings: dict[str, Any], left_out: dict[str, int]) -> None:
        self.arrays, self.settings, self.left_out = arrays, settings, left_out

    @classmethod
    def called(cls, call: Call) -> Call:
        """Decorate the function that a user calls: arrays are its arguments that may be anything, `Any`."""
        cls.name, cls.call = call.__name__, staticmethod(call)
        OPERATIONS[cls.name] = cls
        cls.parameters = inspect.signature(call).parameters
        cls.array_names = tuple(name for name, p in cls.parameters.items() if p.annotation == "Any")
        return call

    @classmethod
    def least_axes(cls, array: str) -> int:
        """How many axes an array has at least."""
        return 1

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        """At most so many products make the result: known before anything is computed."""
        return arrays["x"].size

    def chosen(self) -> dict[str, Any]:
        """The settings that are not the default."""
        return {name: value for name, value in self.settings.items() if value != self.parameters[name].default}

    def border(self, array: str) -> tuple[tuple[int, int], tuple[int, int]]:
        """How far a window reaches beyond an array: before and after it, for rows and columns."""
        return (0, 0), (0, 0)

    def slid_over(self, what: str) -> str:
        """The array on which the window lies while a quantity is worked out."""
        return "x" if what == "y" else "dy"

    def comparisons(self, what: str) -> int:
        """How many numbers are compared for each term."""
        return 0

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        """Cells that an element depends on, although no factor in its steps stands there: arrays, and indices."""
        return []

    def changed(self, **changes: Any) -> Operation:
        """The same with other arrays or settings."""
        arrays = {name: changes.pop(name, array) for name, array in self.arrays.items()}
        return type(self)(arrays, self.settings | changes, self.left_out)

    def run(self) -> tuple[Any, Any]:
        """Result and backward of the operation itself."""
        raise NotImplementedError

    def axes(self) -> Axes:
        """How the window slides, for operations that have one."""
        raise NotImplementedError

    @functools.cached_property
    def ran(self) -> tuple[Any, Any]:
        """Result and backward, of the only run."""
        return self.run()

    def shape(self, what: str) -> tuple[int, ...]:
        """Of a quantity: a gradient has that of its array."""
        return np.shape(self.ran[0] if what == "y" else self.arrays[what.removeprefix("d")])

    def result(self, what: str = "y", dy: Array | None = None) -> Array:
        """The whole of a quantity, computed by the operation and its backward; dy is 1 everywhere by default."""
        y, backward = self.ran
        if what == "y":
            return np.asarray(y)
        gradients = backward(np.ones_like(y) if dy is None else dy)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        wanted = gradients[list(self.arrays).index(what[1:])]
        return np.asarray(wanted() if callable(wanted) else wanted)

    def on_paper(self, what: str, dy: Array | None) -> Array:
        """The whole of a quantity as it is worked out with a pencil, where that is as good as the result."""
        return self.result(what, dy)

    def quantities(self) -> list[str]:
        """What can be worked out: "y", and the gradients of the arrays that are there."""
        return ["y", *(f"d{name}" for name in self.leaves if self.arrays[name] is not None)]

    def work_out(self, what: str, index: Index, dy: Array | None) -> Worked:
        """The steps to one element of a quantity."""
        steps = getattr(self, what)(*index) if what == "y" else getattr(self, what)(dy, *index)
        return Worked(Symbol(*self.formulas[what]), steps)

    def symbol(self, what: str, *index: int) -> Symbol:
        """The name of an element, with the index that the user sees."""
        return named(what, index[self.left_out.get(what, 0) :])

    def factor(self, name: str, at: Index, array: Array | None = None) -> Factor:
        """An element of an array."""
        array = self.arrays[name] if array is None else array
        return Factor(name, at[self.left_out.get(name, 0) :], float(array[at]))

    def numbers(self, name: str, *at: int | Sequence[int], array: Array | None = None, outside: float = 0.0) -> Numbers:
        """Elements of an array: along each axis one index, or several; beyond the array lies the padding."""
        array = self.arrays[name] if array is None else array
        grid = [[k] if isinstance(k, int) else k for k in at]
        indices = [np.array(k, int) for k in grid]
        inside = [(k >= 0) & (k < n) for k, n in zip(indices, array.shape, strict=True)]
        values = np.full([len(k) for k in grid], outside)
        values[np.ix_(*inside)] = array[np.ix_(*(k[there] for k, there in zip(indices, inside, strict=True)))]
        first = self.left_out.get(name, 0)
        return Numbers(name, tuple(grid[first:]), array.shape[first:], values.ravel())

    def bias(self, o: int) -> list[Part]:
        """What is added to a sum, if there is a bias."""
        return [] if self.arrays["b"] is None else [Part("bias", (Term((self.factor("b", (o,)),)),))]


WINDOWS = "(input + 2·padding − dilation·(kernel − 1) − 1) // stride + 1"


class Sliding(Operation):
    """An operation whose window slides over images."""

    slides = True

    def border(self, array: str) -> tuple[tuple[int, int], tuple[int, int]]:
        if array != "x":
            return super().border(array)
        rows, cols = ((axis.padding, max(axis.padding, axis.overhang)) for axis in self.axes())
        return rows, cols

    @classmethod
    def least_axes(cls, array: str) -> int:
        return 2 if array in ("x", "w") else 1

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        N, C, H, W = ((1,) * 4 + arrays["x"].shape)[-4:]
        kernel = max(arrays["w"].shape[-2:], default=1) if "w" in arrays else _largest(settings["kernel_size"])
        cells = arrays["w"].size if "w" in arrays else C * kernel**2
        more = 2 * _largest(settings.get("padding")) + _largest(settings.get("output_padding"))
        more += _largest(settings.get("dilation", 1)) * kernel
        return N * (H * cls.spread(settings) + more) * (W * cls.spread(settings) + more) * cells

    @classmethod
    def spread(cls, settings: Mapping[str, Any]) -> int:
        """How many times as many rows and columns y has, at most."""
        return 1


def _largest(setting: Any) -> int:
    """The largest integer in a setting."""
    several = setting if isinstance(setting, (tuple, list)) else [setting]
    return max((k for k in several if isinstance(k, int)), default=0)


def _parts(kind: str, of: Sequence[int], *factors: Numbers) -> list[Part]:
    """The products in equal parts: one for each channel, say, which is the first that their places go through."""
    each = len(factors[0].values) // len(of)
    return [Part(f"{kind} {n}", Terms(*factors, chosen=range(k * each, (k + 1) * each))) for k, n in enumerate(of)]


class Conv2d(Sliding):
    """`tinyunet.ops.conv.conv2d`."""

    title = "Convolution"
    size = f"y has the size {WINDOWS}, and a channel for every filter"
    linear = True
    axis_names: ClassVar = {"w": ("filter", "channel"), "y": ("image", "filter")}
    aliases: ClassVar = {"input": "x", "weight": "w", "bias": "b", "kernel": "w"}
    leaves = "x", "w", "b"
    formulas: ClassVar = {
        "y": (
            "y[n,o,i,j] = b[o] + Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v",
            r"y_{n,o,i,j} = b_o + \sum_{c,u,v} x_{n,\,c,\,si+du-p,\,sj+dv-p}\, w_{o,c,u,v}",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,o,i,j] · w[o,c,u,v], over all o and all windows with s·i+d·u−p = h, s·j+d·v−p = w",
            r"\frac{\partial L}{\partial x_{n,c,h,w}} = \sum \frac{\partial L}{\partial y_{n,o,i,j}}\, w_{o,c,u,v}",
        ),
        "dw": (
            "dw[o,c,u,v] = Σ dy[n,o,i,j] · x[n, c, s·i+d·u−p, s·j+d·v−p], over n, i, j",
            r"\frac{\partial L}{\partial w_{o,c,u,v}} = \sum_{n,i,j} \frac{\partial L}{\partial y_{n,o,i,j}}\, "
            r"x_{n,\,c,\,si+du-p,\,sj+dv-p}",
        ),
        "db": (
            "db[o] = Σ dy[n,o,i,j], over n, i, j",
            r"\frac{\partial L}{\partial b_o} = \sum_{n,i,j} \frac{\partial L}{\partial y_{n,o,i,j}}",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        x, w, b = self.arrays.values()
        return _plain(functional.conv2d)(x, w, b, **self.settings)

    def axes(self) -> Axes:
        x, w, b = self.arrays.values()
        return conv.conv_axes(x, w, b, **self.settings)

    def slid_over(self, what: str) -> str:
        return "dy" if what in ("dx", "db") else "x"

    def groups(self) -> tuple[int, int]:
        """How many filters and how many channels are in a group."""
        G = self.settings["groups"]
        return len(self.arrays["w"]) // G, self.arrays["x"].shape[1] // G

    def y(self, n: int, o: int, i: int, j: int) -> tuple[Sum]:
        filters, channels = self.groups()
        rows, cols = self.axes()
        first = o // filters * channels
        cs = range(first, first + channels)
        x = self.numbers("x", n, cs, window(rows, i), window(cols, j))
        w = self.numbers("w", o, range(channels), range(rows.kernel), range(cols.kernel))
        return (Sum(self.symbol("y", n, o, i, j), (*_parts("channel", cs, x, w), *self.bias(o))),)

    def dx(self, dy: Array, n: int, c: int, h: int, w: int) -> tuple[Sum]:
        filters, channels = self.groups()
        rows, cols = self.axes()
        group, place = divmod(c, channels)
        os = range(group * filters, (group + 1) * filters)
        (us, i), (vs, j) = covering(rows, h), covering(cols, w)
        parts = _parts("filter", os, self.numbers("dy", n, os, i, j, array=dy), self.numbers("w", os, place, us, vs))
        return (Sum(self.symbol("dx", n, c, h, w), tuple(parts)),)

    def dw(self, dy: Array, o: int, place: int, u: int, v: int) -> tuple[Sum]:
        filters, channels = self.groups()
        rows, cols = self.axes()
        ns, c = range(len(dy)), o // filters * channels + place
        x = self.numbers("x", ns, c, meetings(rows, u), meetings(cols, v))
        parts = _parts("image", ns, _over_images(self, dy, o), x)
        return (Sum(self.symbol("dw", o, place, u, v), tuple(parts)),)

    def db(self, dy: Array, o: int) -> tuple[Sum]:
        return (_sum_over_images(self, dy, o),)


def _over_images(op: Operation, dy: Array, o: int) -> Numbers:
    """A channel of dy, in all images."""
    N, _, H, W = dy.shape
    return op.numbers("dy", range(N), o, range(H), range(W), array=dy)


def _sum_over_images(op: Operation, dy: Array, o: int) -> Sum:
    """The gradient of a bias: of all that it was added to."""
    return Sum(op.symbol("db", o), tuple(_parts("image", range(len(dy)), _over_images(op, dy, o))))


class ConvTranspose2d(Sliding):
    """`tinyunet.ops.conv.conv_transpose2d`, whose axes are those of the convolution that it is the transpose of."""

    title = "Transposed convolution"
    size = (
        "y has the size (input − 1)·stride − 2·padding + dilation·(kernel − 1) + 1 + output_padding, "
        "and a channel for every output of w, which is (in, out, rows, columns)"
    )
    linear = True
    axis_names: ClassVar = {"w": ("channel", "output channel"), "y": ("image", "output channel")}
    aliases = Conv2d.aliases
    leaves = "x", "w", "b"
    formulas: ClassVar = {
        "y": (
            "y[n,o,h,w] = b[o] + Σ x[n,c,i,j] · w[c,o,u,v], over all c and all i, j with s·i+d·u−p = h, s·j+d·v−p = w",
            r"y_{n,o,h,w} = b_o + \sum_{si+du-p=h,\; sj+dv-p=w} x_{n,c,i,j}\, w_{c,o,u,v}",
        ),
        "dx": (
            "dx[n,c,i,j] = Σ dy[n, o, s·i+d·u−p, s·j+d·v−p] · w[c,o,u,v], over o, u, v",
            r"\frac{\partial L}{\partial x_{n,c,i,j}} = \sum_{o,u,v} "
            r"\frac{\partial L}{\partial y_{n,\,o,\,si+du-p,\,sj+dv-p}}\, w_{c,o,u,v}",
        ),
        "dw": (
            "dw[c,o,u,v] = Σ x[n,c,i,j] · dy[n, o, s·i+d·u−p, s·j+d·v−p], over n, i, j",
            r"\frac{\partial L}{\partial w_{c,o,u,v}} = \sum_{n,i,j} x_{n,c,i,j}\, "
            r"\frac{\partial L}{\partial y_{n,\,o,\,si+du-p,\,sj+dv-p}}",
        ),
        "db": Conv2d.formulas["db"],
    }

    def run(self) -> tuple[Any, Any]:
        x, w, b = self.arrays.values()
        return _plain(functional.conv_transpose2d)(x, w, b, **self.settings)

    def axes(self) -> Axes:
        x, w, b = self.arrays.values()
        return conv.transposed_axes(x, w, b, **self.settings)

    def border(self, array: str) -> tuple[tuple[int, int], tuple[int, int]]:
        return (0, 0), (0, 0)  # the padding crops y

    @classmethod
    def spread(cls, settings: Mapping[str, Any]) -> int:
        return _largest(settings.get("stride", 1))

    def groups(self) -> tuple[int, int]:
        """How many output and how many input channels are in a group."""
        return self.arrays["w"].shape[1], self.arrays["x"].shape[1] // self.settings["groups"]

    def y(self, n: int, o: int, h: int, w: int) -> tuple[Sum]:
        outs, channels = self.groups()
        rows, cols = self.axes()
        group, place = divmod(o, outs)
        cs = range(group * channels, (group + 1) * channels)
        (us, i), (vs, j) = covering(rows, h), covering(cols, w)
        parts = _parts("channel", cs, self.numbers("x", n, cs, i, j), self.numbers("w", cs, place, us, vs))
        return (Sum(self.symbol("y", n, o, h, w), (*parts, *self.bias(o))),)

    def dx(self, dy: Array, n: int, c: int, i: int, j: int) -> tuple[Sum]:
        outs, channels = self.groups()
        rows, cols = self.axes()
        first = c // channels * outs
        os = range(first, first + outs)
        (us, h), (vs, w) = uncropped(rows, window(rows, i)), uncropped(cols, window(cols, j))
        seen, kernel = self.numbers("dy", n, os, h, w, array=dy), self.numbers("w", c, range(outs), us, vs)
        return (Sum(self.symbol("dx", n, c, i, j), tuple(_parts("output channel", os, seen, kernel))),)

    def dw(self, dy: Array, c: int, place: int, u: int, v: int) -> tuple[Sum]:
        outs, channels = self.groups()
        rows, cols = self.axes()
        ns, o = range(len(dy)), c // channels * outs + place
        (i, h), (j, w) = uncropped(rows, meetings(rows, u)), uncropped(cols, meetings(cols, v))
        parts = _parts("image", ns, self.numbers("dy", ns, o, h, w, array=dy), self.numbers("x", ns, c, i, j))
        return (Sum(self.symbol("dw", c, place, u, v), tuple(parts)),)

    def db(self, dy: Array, o: int) -> tuple[Sum]:
        return (_sum_over_images(self, dy, o),)


class MaxPool2d(Sliding):
    """`tinyunet.ops.pool.max_pool2d`."""

    title = "Max-pooling"
    size = f"y has the size {WINDOWS}, and the channels of x"
    outside = -math.inf
    read_off = True
    aliases: ClassVar = {"input": "x", "window": "kernel_size"}
    leaves = ("x",)
    formulas: ClassVar = {
        "y": (
            "y[n,c,i,j] = max x[n, c, s·i+d·u−p, s·j+d·v−p], over u, v; padding never wins",
            r"y_{n,c,i,j} = \max_{u,v} x_{n,\,c,\,si+du-p,\,sj+dv-p}",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,c,i,j], over the windows whose maximum x[n,c,h,w] is (the first, among equals)",
            r"\frac{\partial L}{\partial x_{n,c,h,w}} = \sum_{\text{windows won}} "
            r"\frac{\partial L}{\partial y_{n,c,i,j}}",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(pool.max_pool2d)(self.arrays["x"], **self.settings)

    def axes(self) -> Axes:
        s = self.settings
        size = self.arrays["x"].shape[2:]
        return pool.pool_axes(
            self.name, size, s["kernel_size"], s["stride"], s["padding"], s["dilation"], s["ceil_mode"]
        )

    def comparisons(self, what: str) -> int:
        rows, cols = self.axes()  # the maximum of every window that covers a pixel must be found
        return rows.kernel * cols.kernel if what == "dx" else 0

    def y(self, n: int, c: int, i: int, j: int) -> tuple[Largest]:
        rows, cols = self.axes()
        x = self.numbers("x", n, c, window(rows, i), window(cols, j), outside=self.outside)
        return (Largest(self.symbol("y", n, c, i, j), Terms(x)),)

    def dx(self, dy: Array, n: int, c: int, h: int, w: int) -> tuple[Sum]:
        here = self.factor("x", (n, c, h, w))
        (_, i), (_, j) = (covering(*at) for at in zip(self.axes(), (h, w), strict=True))
        won = [self.y(n, c, *output)[0].winner.factors[0] == here for output in itertools.product(i, j)]
        terms = Terms(self.numbers("dy", n, c, i, j, array=dy), Numbers("won", (), (), np.array(won, float)))
        return (Sum(self.symbol("dx", n, c, h, w), (Part("windows", terms),)),)


class AvgPool2d(Sliding):
    """`tinyunet.ops.pool.avg_pool2d`."""

    title = "Average pooling"
    size = "y has the size (input + 2·padding − kernel) // stride + 1, and the channels of x"
    linear = True
    aliases = MaxPool2d.aliases
    leaves = ("x",)
    formulas: ClassVar = {
        "y": (
            "y[n,c,i,j] = Σ x[n, c, s·i+u−p, s·j+v−p] / divisor, over u, v",
            r"y_{n,c,i,j} = \frac{1}{\text{divisor}} \sum_{u,v} x_{n,\,c,\,si+u-p,\,sj+v-p}",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,c,i,j] / divisor, over all windows that cover x[n,c,h,w]",
            r"\frac{\partial L}{\partial x_{n,c,h,w}} = \sum \frac{1}{\text{divisor}} "
            r"\frac{\partial L}{\partial y_{n,c,i,j}}",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(pool.avg_pool2d)(self.arrays["x"], **self.settings)

    def axes(self) -> Axes:
        s = self.settings
        size = self.arrays["x"].shape[2:]
        return pool.pool_axes(self.name, size, s["kernel_size"], s["stride"], s["padding"], 1, s["ceil_mode"])

    def divisor(self, i: int, j: int) -> int:
        """What the sum of the window of output (i, j) is divided by."""
        if self.settings["divisor_override"] is not None:
            return int(self.settings["divisor_override"])
        seen = 1
        for axis, output in zip(self.axes(), (i, j), strict=True):
            first = axis.stride * output - axis.padding
            last = min(first + axis.kernel, axis.input + axis.padding)  # what hangs over the padding never counts
            if not self.settings["count_include_pad"]:
                first, last = max(first, 0), min(last, axis.input)
            seen *= last - first
        return seen

    def y(self, n: int, c: int, i: int, j: int) -> tuple[Sum]:
        rows, cols = self.axes()
        terms = Terms(self.numbers("x", n, c, window(rows, i), window(cols, j)))
        return (Sum(self.symbol("y", n, c, i, j), (Part("window", terms),), self.divisor(i, j)),)

    def dx(self, dy: Array, n: int, c: int, h: int, w: int) -> tuple[Sum]:
        (_, i), (_, j) = (covering(*at) for at in zip(self.axes(), (h, w), strict=True))
        shares = np.array([1 / self.divisor(*output) for output in itertools.product(i, j)], float)
        terms = Terms(self.numbers("dy", n, c, i, j, array=dy), Numbers("1/divisor", (), (), shares))
        return (Sum(self.symbol("dx", n, c, h, w), (Part("windows", terms),)),)


class ReLU(Operation):
    """`tinyunet.ops.elementwise.relu`."""

    title = "ReLU"
    read_off = True
    leaves = ("x",)
    formulas: ClassVar = {
        "y": ("y = max(0, x)", r"y = \max(0, x)"),
        "dx": (
            "dx = dy·[x > 0], where [x > 0] is 1 for a positive x, else 0",
            r"\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y}\,[x > 0]",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(elementwise.relu)(self.arrays["x"])

    def y(self, *index: int) -> tuple[Formula]:
        x = self.factor("x", index)
        text, latex = f"max(0, {write(x.value)})", rf"\max(0, {latex_number(x.value)})"
        return (Formula(self.symbol("y", *index), text, latex, max(0.0, x.value), (x,)),)

    def dx(self, dy: Array, *index: int) -> tuple[Formula]:
        x, d = self.factor("x", index), self.factor("dy", index, dy)
        slope = 1 if x.value > 0 else 0
        text = f"{write(d.value)}×[{write(x.value)} > 0]"
        latex = rf"{latex_number(d.value)} \cdot [{latex_number(x.value)} > 0]"
        return (Formula(self.symbol("dx", *index), text, latex, d.value * slope, (d, x)),)


class Linear(Operation):
    """`tinyunet.ops.linear.linear`."""

    title = "Linear layer"
    size = "a row of y has a number for every row of w"
    linear = True
    captions: ClassVar = {("w", 2): "w (rows: outputs)", ("x", 2): "x (rows: examples)"}
    aliases: ClassVar = {"input": "x", "weight": "w", "bias": "b"}
    leaves = "x", "w", "b"
    formulas: ClassVar = {
        "y": ("y[n,o] = b[o] + Σ x[n,k] · w[o,k], over k", r"y_{n,o} = b_o + \sum_k x_{n,k}\, w_{o,k}"),
        "dx": (
            "dx[n,k] = Σ dy[n,o] · w[o,k], over o",
            r"\frac{\partial L}{\partial x_{n,k}} = \sum_o \frac{\partial L}{\partial y_{n,o}}\, w_{o,k}",
        ),
        "dw": (
            "dw[o,k] = Σ dy[n,o] · x[n,k], over n",
            r"\frac{\partial L}{\partial w_{o,k}} = \sum_n \frac{\partial L}{\partial y_{n,o}}\, x_{n,k}",
        ),
        "db": (
            "db[o] = Σ dy[n,o], over n",
            r"\frac{\partial L}{\partial b_o} = \sum_n \frac{\partial L}{\partial y_{n,o}}",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(linear.linear)(*self.arrays.values())

    @classmethod
    def least_axes(cls, array: str) -> int:
        return 2 if array == "w" else 1

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        return arrays["x"].size * len(np.atleast_1d(arrays["w"]))

    def y(self, *index: int) -> tuple[Sum]:
        *lead, o = index
        ks = range(self.arrays["w"].shape[1])
        inputs = Part("inputs", Terms(self.numbers("x", *lead, ks), self.numbers("w", o, ks)))
        return (Sum(self.symbol("y", *index), (inputs, *self.bias(o))),)

    def dx(self, dy: Array, *index: int) -> tuple[Sum]:
        *lead, k = index
        os = range(len(self.arrays["w"]))
        terms = Terms(self.numbers("dy", *lead, os, array=dy), self.numbers("w", os, k))
        return (Sum(self.symbol("dx", *index), (Part("outputs", terms),)),)

    def dw(self, dy: Array, o: int, k: int) -> tuple[Sum]:
        lead = [range(n) for n in dy.shape[:-1]]
        terms = Terms(self.numbers("dy", *lead, o, array=dy), self.numbers("x", *lead, k))
        return (Sum(self.symbol("dw", o, k), (Part("rows", terms),)),)

    def db(self, dy: Array, o: int) -> tuple[Sum]:
        terms = Terms(self.numbers("dy", *(range(n) for n in dy.shape[:-1]), o, array=dy))
        return (Sum(self.symbol("db", o), (Part("rows", terms),)),)


def _exponentials(op: Operation, lead: Index) -> Sum:
    """Z = Σ e^{x_k} of one row of logits; the terms are the exponentials."""
    x = op.numbers("x", *lead, range(op.arrays["x"].shape[-1]))
    at = f"[{', '.join(map(str, lead))}]" if lead else ""
    low = f"_{{{','.join(map(str, lead))}}}" if lead else ""
    terms = Terms(replace(x, name="e^x", values=np.array([math.exp(value) for value in x.values.tolist()])))
    return Sum(Symbol(f"Z{at} = Σ e^x", f"Z{low} = \\sum_k e^{{x_k}}"), (Part("classes", terms),))


class Softmax(Operation):
    """`tinyunet.ops.reduce.softmax` along the last dimension."""

    title = "Softmax"
    leaves = ("x",)
    formulas: ClassVar = {
        "y": ("y_k = e^x_k / Z, with Z = Σ e^x_j over all classes j", r"y_k = \frac{e^{x_k}}{\sum_j e^{x_j}}"),
        "dx": (
            "dx_k = y_k · (dy_k − Σ dy_j·y_j)",
            r"\frac{\partial L}{\partial x_k} = y_k \Big(\frac{\partial L}{\partial y_k} - "
            r"\sum_j \frac{\partial L}{\partial y_j} y_j\Big)",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(reduce.softmax)(self.arrays["x"], -1)

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        row = [("x", (*index[:-1], k)) for k in range(self.arrays["x"].shape[-1])]  # Z is a sum over all classes
        return row if what == "y" else []

    def y(self, *index: int) -> tuple[Sum, Formula]:
        total = _exponentials(self, index[:-1])
        top = self.factor("x", index)
        text = f"e^{write(top.value)} / {write(total.value)}"
        latex = rf"\frac{{e^{{{latex_number(top.value)}}}}}{{{latex_number(total.value)}}}"
        value = math.exp(top.value) / total.value
        return total, Formula(self.symbol("y", *index), text, latex, value, (top,))

    def dx(self, dy: Array, *index: int) -> tuple[Sum, Formula]:
        *lead, _ = index
        y, ks = self.result(), range(dy.shape[-1])
        terms = Terms(self.numbers("dy", *lead, ks, array=dy), self.numbers("y", *lead, ks, array=y))
        dot = Sum(Symbol("Σ dy·y", r"\sum_j \frac{\partial L}{\partial y_j} y_j"), (Part("classes", terms),))
        d, p = self.factor("dy", index, dy), float(y[index])
        text = f"{write(p)}·({write(d.value)} − {_bracketed(dot.value)})"
        latex = rf"{latex_number(p)} \cdot ({latex_number(d.value)} - {_bracketed(dot.value, latex_number)})"
        return dot, Formula(self.symbol("dx", *index), text, latex, p * (d.value - dot.value), (d,))


def _bracketed(value: float, form: Callable[[float], str] = write) -> str:
    """A number after an operator."""
    text = form(value)
    return f"({text})" if text[0] in "-−" else text


class CrossEntropy(Operation):
    """`tinyunet.ops.loss.cross_entropy` of one row of logits, or a batch of them, with whole classes as targets."""

    title = "Cross-entropy"
    data = "x", "target"
    size = "y is one number, or with the reduction 'none' one for every row"
    leaves = ("x",)
    formulas: ClassVar = {
        "y": (
            "ℓ = −log softmax(x)[target] = log Z − x[target], with Z = Σ e^x over the classes",
            r"\ell = -\log \frac{e^{x_t}}{\sum_k e^{x_k}} = \log Z - x_t",
        ),
        "dx": (
            "dx_k = (p_k − 1 if k is the target, else p_k) · dy, divided by the number of rows for a mean",
            r"\frac{\partial L}{\partial x_k} = (p_k - [k = t])\, \frac{\partial L}{\partial \ell}",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(loss.cross_entropy)(self.arrays["x"], self.arrays["target"], **self.settings)

    @classmethod
    def least_axes(cls, array: str) -> int:
        return 0 if array == "target" else 1

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        rows = [index[:1]] if index[: self.arrays["target"].ndim] else self._rows()
        classes = range(self.arrays["x"].shape[-1])  # Z is a sum over all of them
        return [("x", (*row, k)) for row in rows for k in classes] + [("target", row) for row in rows]

    def quantities(self) -> list[str]:
        return ["y", "dx"]

    def _rows(self) -> list[Index]:
        return [(n,) for n in range(len(self.arrays["x"]))] if self.arrays["x"].ndim == 2 else [()]

    def _share(self) -> int:
        return len(self._rows()) if self.settings["reduction"] == "mean" else 1

    def _loss(self, lead: Index, symbol: Symbol) -> tuple[Sum, Formula]:
        total = _exponentials(self, lead)
        t = self.factor("x", (*lead, int(self.arrays["target"][lead])))
        text = f"log {write(total.value)} − {_bracketed(t.value)}"
        latex = rf"\log {latex_number(total.value)} - {_bracketed(t.value, latex_number)}"
        return total, Formula(symbol, text, latex, math.log(total.value) - t.value, (t,))

    def y(self, *index: int) -> tuple[Any, ...]:
        rows, symbol = self._rows(), self.symbol("y", *index)
        if self.settings["reduction"] == "none" or len(rows) == 1:
            return self._loss(index or rows[0], symbol)
        steps = [self._loss(lead, Symbol(f"ℓ{list(lead)}", f"\\ell_{{{lead[0]}}}")) for lead in rows]
        terms = tuple(Term((Factor(loss.symbol.text, (), loss.value),)) for _, loss in steps)
        return (*(step for pair in steps for step in pair), Sum(symbol, (Part("rows", terms),), self._share()))

    def dx(self, dy: Array, *index: int) -> tuple[Sum, Formula]:
        *lead, k = index
        total = _exponentials(self, tuple(lead))
        x = self.factor("x", index)
        hit = int(self.arrays["target"][tuple(lead)]) == k
        d = float(dy[tuple(lead)] if dy.ndim else dy)
        p = math.exp(x.value) / total.value
        by, over = ("", "") if self._share() == 1 else (f" / {self._share()}", rf" / {self._share()}")
        times, dot = ("", "") if d == 1 else (f" · {_bracketed(d)}", rf" \cdot {_bracketed(d, latex_number)}")
        text = f"(e^{write(x.value)} / {write(total.value)} − {int(hit)}){times}{by}"
        latex = (
            rf"\Big(\frac{{e^{{{latex_number(x.value)}}}}}{{{latex_number(total.value)}}} - {int(hit)}\Big){dot}{over}"
        )
        return total, Formula(self.symbol("dx", *index), text, latex, (p - hit) * d / self._share(), (x,))


class BatchNorm(Operation):
    """`tinyunet.ops.norm.batch_norm`, in training and in evaluation."""

    title = "Batch normalisation"
    updates = "running_mean", "running_var"
    captions: ClassVar = {("weight", 1): "γ = weight", ("bias", 1): "β = bias", ("x", 2): "x (columns: channels)"}
    leaves = "x", "weight", "bias"
    formulas: ClassVar = {
        "y": (
            "y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of the channel",
            r"y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
        ),
        "dx": (
            "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)), with x̂ = (x − μ)/√(σ² + ε); "
            "in evaluation γ/√(σ² + ε) · dy",
            r"\frac{\partial L}{\partial x} = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}} \Big(\frac{\partial L}"
            r"{\partial y} - \overline{\frac{\partial L}{\partial y}} - "
            r"\hat{x}\, \overline{\frac{\partial L}{\partial y} \hat{x}}\Big)",
        ),
        "dweight": (
            "dγ = Σ dy·x̂, over the channel",
            r"\frac{\partial L}{\partial \gamma} = \sum \frac{\partial L}{\partial y}\, \hat{x}",
        ),
        "dbias": (
            "dβ = Σ dy, over the channel",
            r"\frac{\partial L}{\partial \beta} = \sum \frac{\partial L}{\partial y}",
        ),
        "running_mean": (
            "running ← (1 − momentum)·running + momentum·μ",
            r"\mu_{\text{running}} \leftarrow (1 - m)\, \mu_{\text{running}} + m\, \mu",
        ),
        "running_var": (
            "running ← (1 − momentum)·running + momentum·Σ(x − μ)²/(m − 1): the unbiased variance is kept",
            r"\sigma^2_{\text{running}} \leftarrow (1 - m)\, \sigma^2_{\text{running}} + m\, "
            r"\frac{\sum (x-\mu)^2}{M - 1}",
        ),
    }

    def run(self) -> tuple[Any, Any]:
        return _plain(norm.batch_norm)(self.arrays["x"], *self._copies(), **self._settings())

    def _copies(self) -> tuple[Any, Any]:
        """The running statistics, which training overwrites."""
        mean, var = self.arrays["running_mean"], self.arrays["running_var"]
        return (None if mean is None else mean.copy()), (None if var is None else var.copy())

    def _settings(self) -> dict[str, Any]:
        return {"weight": self.arrays["weight"], "bias": self.arrays["bias"], **self.settings}

    def quantities(self) -> list[str]:
        updated = ["running_mean", "running_var"] if self.settings["training"] else []
        return [*super().quantities(), *(name for name in updated if self.arrays[name] is not None)]

    def result(self, what: str = "y", dy: Array | None = None) -> Array:
        if not what.startswith("running"):
            return super().result(what, dy)
        copies = self._copies()
        _plain(norm.batch_norm)(self.arrays["x"], *copies, **self._settings())
        return copies[what == "running_var"]

    def on_paper(self, what: str, dy: Array | None) -> Array:
        """Without ε, where it changes less than 1/10000: −1 for (1 − 2)/√(1 + 0.00001)."""
        y = self.result(what, dy)
        with np.errstate(divide="ignore", invalid="ignore"):
            without = self.changed(eps=0.0).result(what, dy)
        return np.where(np.abs(without - y) <= 1e-4 * np.abs(y), without, y)

    def work_out(self, what: str, index: Index, dy: Array | None) -> Worked:
        if what.startswith("running"):
            return Worked(Symbol(*self.formulas[what]), self._running(what, *index))
        return super().work_out(what, index, dy)

    def _channel(self, name: str, array: Array, c: int) -> Numbers:
        """The numbers of a channel, in order."""
        N, _, *positions = array.shape
        return self.numbers(name, range(N), c, *map(range, positions), array=array)

    def _mean(self, symbol: Symbol, count: int, *factors: Numbers) -> Sum:
        """The sum of products of the channel's numbers, divided."""
        return Sum(symbol, (Part("values", Terms(*factors)),), count)

    def _statistics(self, c: int, unbiased: bool = False) -> tuple[Sum, Sum]:
        """The mean and the variance of a channel in the batch."""
        x = self._channel("x", self.arrays["x"], c)
        count = len(x.values)
        mean = self._mean(Symbol("μ", r"\mu"), count, x)
        off = replace(x, name="x − μ", values=x.values - mean.value)
        return mean, self._mean(Symbol("σ²", r"\sigma^2"), count - unbiased, off, off)

    def _scale(self, c: int) -> tuple[tuple[Any, ...], float, float]:
        """The steps to mean and variance, and both; in evaluation they are given."""
        if self.settings["training"]:
            steps = self._statistics(c)
            return steps, steps[0].value, steps[1].value
        mean, var = self.factor("running_mean", (c,)), self.factor("running_var", (c,))
        given = (
            Formula(Symbol("μ", r"\mu"), "running mean", r"\mu_{\text{running}}", mean.value, (mean,)),
            Formula(Symbol("σ²", r"\sigma^2"), "running variance", r"\sigma^2_{\text{running}}", var.value, (var,)),
        )
        return given, mean.value, var.value

    def _affine(self, c: int) -> tuple[float, float]:
        gamma, beta = self.arrays["weight"], self.arrays["bias"]
        return (1.0 if gamma is None else float(gamma[c])), (0.0 if beta is None else float(beta[c]))

    def _root(self, var: float) -> tuple[str, str]:
        eps = self.settings["eps"]
        return f"√({write(var)} + {write(eps)})", rf"\sqrt{{{latex_number(var)} + {latex_number(eps)}}}"

    def y(self, n: int, c: int, *at: int) -> tuple[Any, ...]:
        steps, mean, var = self._scale(c)
        gamma, beta = self._affine(c)
        x = self.factor("x", (n, c, *at))
        root, latex_root = self._root(var)
        value = gamma * (x.value - mean) / math.sqrt(var + self.settings["eps"]) + beta
        times, plus = self.arrays["weight"] is not None, self.arrays["bias"] is not None
        text = f"({write(x.value)} − {_bracketed(mean)}) / {root}"
        latex = rf"\frac{{{latex_number(x.value)} - {_bracketed(mean, latex_number)}}}{{{latex_root}}}"
        if times:
            text, latex = f"{write(gamma)}·{text}", rf"{latex_number(gamma)} \cdot {latex}"
        if plus:
            text, latex = f"{text} + {_bracketed(beta)}", f"{latex} + {_bracketed(beta, latex_number)}"
        vectors = [self.factor(name, (c,)) for name in ("weight", "bias") if self.arrays[name] is not None]
        return (*steps, Formula(self.symbol("y", n, c, *at), text, latex, value, (x, *vectors)))

    def _normal(self, c: int, mean: float, var: float) -> Numbers:
        """x̂ at every place of a channel."""
        x = self._channel("x", self.arrays["x"], c)
        return replace(x, name="x̂", values=(x.values - mean) / math.sqrt(var + self.settings["eps"]))

    def dx(self, dy: Array, n: int, c: int, *at: int) -> tuple[Any, ...]:
        steps, mean, var = self._scale(c)
        gamma, _ = self._affine(c)
        here, (root, latex_root) = (n, c, *at), self._root(var)
        d = self.factor("dy", here, dy)
        scale, latex_scale = f"{write(gamma)}/{root}", rf"\frac{{{latex_number(gamma)}}}{{{latex_root}}}"
        value = gamma / math.sqrt(var + self.settings["eps"])
        symbol, x = self.symbol("dx", *here), self.factor("x", here)
        weight = () if self.arrays["weight"] is None else (self.factor("weight", (c,)),)
        if not self.settings["training"]:
            text, latex = (
                f"{scale} · {_bracketed(d.value)}",
                rf"{latex_scale} \cdot {_bracketed(d.value, latex_number)}",
            )
            return (*steps, Formula(symbol, text, latex, value * d.value, (d, *weight)))
        ds, normals = self._channel("dy", dy, c), self._normal(c, mean, var)
        symbols = (
            Symbol("mean(dy)", r"\overline{\tfrac{\partial L}{\partial y}}"),
            Symbol("mean(dy·x̂)", r"\overline{\tfrac{\partial L}{\partial y} \hat{x}}"),
        )
        mean_dy = self._mean(symbols[0], len(ds.values), ds)
        mean_product = self._mean(symbols[1], len(ds.values), ds, normals)
        normal = (x.value - mean) / math.sqrt(var + self.settings["eps"])
        a, b = mean_dy.value, mean_product.value
        text = f"{scale} · ({write(d.value)} − {_bracketed(a)} − {_bracketed(normal)}·{_bracketed(b)})"
        latex = (
            rf"{latex_scale} \Big({latex_number(d.value)} - {_bracketed(a, latex_number)} - "
            rf"{_bracketed(normal, latex_number)} \cdot {_bracketed(b, latex_number)}\Big)"
        )
        whole = Formula(symbol, text, latex, value * (d.value - a - normal * b), (d, x, *weight))
        return (*steps, mean_dy, mean_product, whole)

    def dweight(self, dy: Array, c: int) -> tuple[Any, ...]:
        steps, mean, var = self._scale(c)
        d = self._channel("dy", dy, c)
        return (*steps, self._mean(self.symbol("dweight", c), 1, d, self._normal(c, mean, var)))

    def dbias(self, dy: Array, c: int) -> tuple[Sum]:
        return (self._mean(self.symbol("dbias", c), 1, self._channel("dy", dy, c)),)

    def _running(self, what: str, c: int) -> tuple[Any, ...]:
        mean, var = self._statistics(c, unbiased=True)
        batch = (var if what == "running_var" else mean).value
        old, momentum = self.factor(what, (c,)), self.settings["momentum"]
        text = f"(1 − {write(momentum)})·{_bracketed(old.value)} + {write(momentum)}·{_bracketed(batch)}"
        latex = (
            rf"(1 - {latex_number(momentum)}) \cdot {_bracketed(old.value, latex_number)} + "
            rf"{latex_number(momentum)} \cdot {_bracketed(batch, latex_number)}"
        )
        value = (1 - momentum) * old.value + momentum * batch
        steps = (mean, var) if what == "running_var" else (mean,)
        return (*steps, Formula(self.symbol(what, c), text, latex, value, (old,)))
