"""Convolution and pooling along one axis: signals (N, C, L), whose window is a row.

They are images of one row, worked out by the operations on images. The row is shown nowhere: neither in an index nor in
a formula, and a setting is one number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from tinyunet.byhand.arithmetic.borders import Padding
from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.lengths import Length
from tinyunet.byhand.arithmetic.operation import Index
from tinyunet.byhand.arithmetic.operations import convolution, pooling
from tinyunet.byhand.arithmetic.windows import Sliding
from tinyunet.byhand.arithmetic.worked import Symbol
from tinyunet.tensor import Array

Weights = dict[str, Index | None]
OF_A_ROW = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}
PARTS = r"[sdjvkw_·+\-−1()p]*"  # of an index such as s·j+d·v−p
SECOND = re.compile(rf",(?:\\[,;])? ?(?:{PARTS}[jv]{PARTS}(?: ?= ?w)?|w)(?=[\]}},:; ]|$)")


def one_axis(formula: str) -> str:
    """A formula of rows and columns without its columns.

    >>> one_axis("y[n,o,i,j] = Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v")
    'y[n,o,i] = Σ x[n, c, s·i+d·u−p] · w[o,c,u], over c, u'
    """
    formula = SECOND.sub("", formula).replace("kh−1", "k−1").replace("k_h-1", "k-1")
    return formula.replace("turned by 180°", "reversed")


class OneAxis(Sliding):
    """What is different with one row."""

    plane = 1
    axes_needed: ClassVar = {"x": 1, "w": 1}

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        rows = {name: a[..., None, :] if name in ("x", "w") and a.ndim else a for name, a in arrays.items()}
        return super().products(rows, settings)

    @property
    def planar(self) -> dict[str, Any]:
        def both(name: str, value: Any) -> Any:
            if name == "padding" and isinstance(value, tuple):  # left and right
                return (0, 0), value
            return value if value is None or isinstance(value, str) else (OF_A_ROW[name], value)

        return {name: both(name, value) if name in OF_A_ROW else value for name, value in self.settings.items()}

    def lengths(self) -> tuple[Length, ...]:
        return super().lengths()[1:]

    def y_shape(self) -> Index:
        N, C, length = super().y_shape()
        return N, C, 1, length

    def formula(self, what: str) -> Symbol:
        return Symbol(*map(one_axis, super().formula(what)))


class Conv1d(OneAxis, convolution.Conv2d):
    """A window that gathers from x."""

    title = "Convolution along one axis"
    like = "conv2d"

    @staticmethod
    def weights(x: Index, out_channels: int, kernel_size: Any, groups: int, *, bias: bool = True) -> Weights:
        return convolution.Conv2d.weights(x, out_channels, (1, kernel_size), groups, bias=bias)


@Conv1d.called
def conv1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    flip_kernel: bool = False,
) -> Explanation:
    """Explain `F.conv1d`.

    Shapes: x (N, C, L), (C, L) or (L,); w (O, C/groups, k) or (k,); b (O,).

    Args:
        padding: also (left, right), or "SAME"; `padding_mode` and `flip_kernel` as in `conv2d`. With `flip_kernel` and
            padding k − 1 it is `numpy.convolve`.

    >>> print(conv1d([1, 2, 4], [3, 5]).at(1))
    y[n,o,i] = b[o] + Σ x[n, c, s·i+d·u−p] · w[o,c,u], over c, u
      y[1] = 2×3 + 4×5 = 26
    """
    return convolution.explained_by(
        Conv1d, x, w, b, stride, padding, dilation, groups, padding_mode=padding_mode, flip_kernel=flip_kernel
    )


class ConvTranspose1d(OneAxis, convolution.ConvTranspose2d):
    """A window that spreads over y."""

    title = "Transposed convolution along one axis"
    like = "conv_transpose2d"

    @staticmethod
    def weights(x: Index, out_channels: int, kernel_size: Any, groups: int, *, bias: bool = True) -> Weights:
        return convolution.ConvTranspose2d.weights(x, out_channels, (1, kernel_size), groups, bias=bias)


@ConvTranspose1d.called
def conv_transpose1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
) -> Explanation:
    """Explain `F.conv_transpose1d`: x (N, C, L), (C, L) or (L,); w (C, O/groups, k) or (k,); b (O,).

    >>> print(conv_transpose1d([1, 2], [1, 1, 1], stride=2).at(2))
    y[n,o,h] = b[o] + Σ x[n,c,i] · w[c,o,u], over all c and all i with s·i+d·u−p = h
      y[2] = 2×1 + 1×1 = 3
    """
    settings = {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups}
    return convolution.explained_as(ConvTranspose1d, x, w, b, **settings, dilation=dilation)


class MaxPool1d(OneAxis, pooling.MaxPool2d):
    """The largest of a window."""

    title = "Max-pooling along one axis"
    like = "max_pool2d"


@MaxPool1d.called
def max_pool1d(
    x: Any, kernel_size: int, stride: int | None = None, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> Explanation:
    """Explain `F.max_pool1d`.

    >>> print(max_pool1d([1, 3, 2, 4], 2).at(1))
    y[n,c,i] = max x[n, c, s·i+d·u−p], over u; padding never wins
      y[1] = max(2, 4) = 4, from x[3]
    """
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    return pooling.explained_as(MaxPool1d, x, **settings, ceil_mode=ceil_mode)


class AvgPool1d(OneAxis, pooling.AvgPool2d):
    """The mean of a window."""

    title = "Average pooling along one axis"
    like = "avg_pool2d"


@AvgPool1d.called
def avg_pool1d(
    x: Any,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Explanation:
    """Explain `F.avg_pool1d`.

    >>> print(avg_pool1d([1, 3, 2, 4], 2).at(1))
    y[n,c,i] = Σ x[n, c, s·i+u−p] / divisor, over u
      y[1] = (2 + 4) / 2 = 3
    """
    settings = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    return pooling.explained_as(AvgPool1d, x, **settings, count_include_pad=count_include_pad)
