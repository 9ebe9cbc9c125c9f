"""Convolution and transposed convolution: one sum, read in three ways.

Everything in this file is about one sum of products, over all batch members n, output channels o, input channels c,
output positions (i, j) and kernel cells (u, v):

    S(x, w, y) = Σ  y[n, o, i, j] · w[o, c, u, v] · x[n, c, s·i + d·u − p, s·j + d·v − p]

with stride s, dilation d, padding p; x is 0 outside the image. Which pixel meets which weight at which output is the
whole content of "convolution" (in mathematics it is called cross-correlation: the kernel is not turned around).
S is linear in each of x, w and y, so it has three derivatives:

    correlate(x, w)        = ∂S/∂y    conv2d itself:  y[n,o,i,j] = Σ w[o,c,u,v] · x[n, c, s·i+d·u−p, s·j+d·v−p]
    scatter(y, w)          = ∂S/∂x    every y[n,o,i,j] lays its kernel, times y, onto the pixels it was made from
    weight_gradient(x, y)  = ∂S/∂w    every weight sums the products of the pixels and outputs that it has joined

and these are all that is needed. If L is the loss and dy = ∂L/∂y, then for y = correlate(x, w) the chain rule gives
dx = scatter(dy, w) and dw = weight_gradient(x, dy). A transposed convolution *is* scatter: y = scatter(x, w), and its
gradients are dx = correlate(dy, w) and dw = weight_gradient(dy, x). Each is the other's gradient.

How they are computed: im2col (`columns.py`) makes the pixels under each window a column of a matrix, one row for
each of the c·kh·kw cells and one column for each position of the window, and then a convolution is one matrix product

    y (O, positions) = w (O, C·kh·kw) @ columns (C·kh·kw, positions)

which is what processors are best at, and so is each of the other two (`products.py`, with what makes them fast). The
loops of the definition stand in `naive.py`.

Inside this file arrays are channels first, (C, N, H, W): a channel of the whole batch is one row of that matrix.
Results are handed out as a transposed view (N, C, H, W), and the next convolution finds its layout without a copy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from tinyunet.ops.columns import col2im
from tinyunet.ops.layout import channel_sums, channels_first
from tinyunet.ops.products import products, scattered
from tinyunet.ops.window import Axes, Axis, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, differentiable


@functools.lru_cache(maxsize=256)
def turned(axes: Axes) -> Axes | None:
    """The windows over y that collect dx, if dx is itself a correlation: at stride 1, and padding within the kernel.

    At stride 1, pixel h meets output i = h − d·u + p. Count the cells from the other end, u' = k − 1 − u:
    i = h + d·u' − (d·(k − 1) − p). That is a correlation over y, with the kernel turned by 180°, its input and output
    channels exchanged, and the padding d·(k − 1) − p: adding up columns instead
    makes a training step 1.2–1.7 times as long.
    """
    if any(a.stride > 1 or a.padding >= a.span for a in axes):
        return None
    rows, cols = (replace(a, input=a.output, output=a.input, padding=a.span - 1 - a.padding) for a in axes)
    return rows, cols


def correlate(x: Array, w: Array, bias: Any, axes: Axes, groups: int) -> Array:
    """y = ∂S/∂y, plus the bias: x (C, N, H, W), w (O, C/G, kh, kw) → (O, N, Ho, Wo)."""
    return products(x, w, bias=bias, axes=axes, groups=groups)[0]


def weight_gradient(x: Array, y: Array, axes: Axes, groups: int) -> Array:
    """dw = ∂S/∂w: x (C, N, H, W), y (O, N, Ho, Wo) → (O, C/G, kh, kw)."""
    return products(x, y=y, axes=axes, groups=groups)[1]


def scatter(y: Array, w: Array, bias: Any, axes: Axes, groups: int) -> Array:
    """x = ∂S/∂x, plus a bias: y (O, N, Ho, Wo), w (O, C/G, kh, kw) → (C, N, H, W)."""
    back = turned(axes)
    if back:
        return products(y, w, bias=bias, axes=back, groups=groups, turned=True)[0]
    x = col2im(scattered(y, w, groups), axes)
    return x if bias is None else x + bias.reshape(-1, 1, 1, 1)


def _both(wanted: Collection[int]) -> bool:
    """Whether dx and dw are both wanted: then they come from the same columns of dy, which are made once."""
    return 0 in wanted and 1 in wanted


def _bias_gradient(dy: Array) -> Array:
    """The bias is added at every position of every image, so its gradient is the sum over all of them."""
    return channel_sums(dy.reshape(len(dy), math.prod(dy.shape[1:])))


def paddings(padding: Any, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """Padding as ((top, bottom), (left, right)); "same" keeps the size, with the odd pixel at the end."""
    if padding == "valid":
        padding = 0
    if padding != "same":
        if isinstance(padding, str):
            raise ValueError(f"conv2d: padding must be 'same', 'valid', an integer or a pair, not {padding!r}")
        top, left = pair("conv2d", "padding", padding, 0)
        return (top, top), (left, left)
    if stride != (1, 1):
        raise ValueError(f"conv2d: padding='same' needs stride 1, not {stride}")
    total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return tuple((t // 2, t - t // 2) for t in total)


def _check_weight(name: str, x: Array, w: Any, b: Any, groups: Any, transposed: bool) -> None:
    layout = "(in, out/groups, kh, kw)" if transposed else "(out, in/groups, kh, kw)"
    if not isinstance(w, np.ndarray) or w.ndim != 4 or 0 in w.shape:
        raise ValueError(f"{name}: weight must be {layout}, not of shape {np.shape(w)}")
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive integer, not {groups!r}")
    channels, expected = x.shape[1], w.shape[0] if transposed else w.shape[1] * groups
    if channels != expected:
        raise ValueError(
            f"{name}: input has {channels} channels but weight {w.shape} expects {expected} (groups={groups}); "
            f"the weight layout is {layout}"
        )
    if w.shape[0] % groups:
        raise ValueError(f"{name}: groups={groups} does not divide the {w.shape[0]} channels of weight {w.shape}")
    out = w.shape[1] * groups if transposed else w.shape[0]
    if b is not None and np.shape(b) != (out,):
        raise ValueError(f"{name}: bias of shape {np.shape(b)} for {out} output channels; it must be ({out},)")


def conv_axes(x: Array, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Axes:
    """Check the arguments of `conv2d`, and say where its kernel meets its input."""
    _check_weight("conv2d", x, w, b, groups, transposed=False)
    stride, dilation = pair("conv2d", "stride", stride, 1), pair("conv2d", "dilation", dilation, 1)
    return fit("conv2d", x.shape[2:], w.shape[2:], stride, paddings(padding, w.shape[2:], stride, dilation), dilation)


def transposed_axes(
    x: Array, w: Any, b: Any, stride: Any, padding: Any, output_padding: Any, groups: Any, dilation: Any
) -> Axes:
    """The same for `conv_transpose2d`: the axes of the convolution that it is the transpose of.

    The *output* of that convolution is our input, and its input is our output.
    """
    name = "conv_transpose2d"
    _check_weight(name, x, w, b, groups, transposed=True)
    settings = zip(
        x.shape[2:],
        w.shape[2:],
        pair(name, "stride", stride, 1),
        pair(name, "padding", padding, 0),
        pair(name, "output_padding", output_padding, 0),
        pair(name, "dilation", dilation, 1),
        strict=True,
    )
    axes = []
    for n, k, s, p, extra, d in settings:
        if extra >= max(s, d):
            raise ValueError(
                f"{name}: output_padding must be smaller than stride or dilation, not {output_padding} "
                f"for stride={stride}, dilation={dilation}"
            )
        result = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        if result < 1:
            raise ValueError(f"{name}: input {x.shape} with weight {w.shape} and padding={padding} leaves nothing")
        axes.append(Axis(input=result, output=n, kernel=k, stride=s, padding=p, dilation=d))
    return axes[0], axes[1]


@differentiable(selective=True)
@image_or_batch
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Any:
    """2-D convolution: y[n,o,i,j] = b[o] + Σ_{c,u,v} w[o,c,u,v] · x[n, c, s·i + d·u − p, s·j + d·v − p].

    With `groups` > 1 the channels are split into that many parts, each convolved by its own part of the filters.

    Shapes: input (N, C, H, W) or (C, H, W), weight (O, C/groups, kh, kw), bias (O,)
    → (N, O, Ho, Wo), Ho = (H + 2·padding − dilation·(kh − 1) − 1) // stride + 1.

    Args:
        padding: pixels of zeros on each side; "valid" is 0, "same" keeps the size (stride 1 only).

    Raises:
        ValueError: shapes that do not fit, a kernel larger than the padded input, settings out of range.
        TypeError: settings that are not integers or pairs of them.

    Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning".

    >>> x = np.stack([np.tile([10.0, 10, 0, 0], (4, 1)), np.full((4, 4), 5.0)])  # two channels, 4×4
    >>> w = np.stack([np.tile([1.0, 0, -1], (3, 1)), [[0, 0, 0], [0, 1, 0], [0, 0, 0]]])[None]
    >>> conv2d(x, w)[0, 0, 0].item()                               # 30 from the edge, 5 from the centre
    35.0
    """
    w, b = weight, bias
    axes = conv_axes(input, w, b, stride, padding, dilation, groups)
    x = channels_first(input)
    y = correlate(x, w, b, axes, groups)

    def backward(dy: Array, wanted: Collection[int] = ()) -> Any:
        dy, back = channels_first(dy), turned(axes)
        if back and _both(wanted):
            dx, dw = products(dy, w, x, axes=back, groups=groups, turned=True)
            return dx.swapaxes(0, 1), dw, lambda: _bias_gradient(dy)
        return (
            lambda: scatter(dy, w, None, axes, groups).swapaxes(0, 1),
            lambda: weight_gradient(x, dy, axes, groups),
            lambda: _bias_gradient(dy),
        )

    return y.swapaxes(0, 1), backward


@differentiable(selective=True)
@image_or_batch
def conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Any:
    """Transposed convolution, the gradient of `conv2d` with respect to its input, used to make images larger.

    Every pixel lays the kernel, times its value, onto the output, `stride` pixels apart; where they overlap they add.
    It undoes the *shape* of a convolution with the same settings, not its values.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O/groups, kh, kw), bias (O,)
    → (N, O, Ho, Wo), Ho = (H − 1)·stride − 2·padding + dilation·(kh − 1) + output_padding + 1.

    Args:
        padding: rows and columns *cropped* from each side of the result: the convolution that it undoes had them added.
        output_padding: rows and columns computed in addition at the end: with a stride, inputs of several sizes are
            convolved to the same size, and this says which of them to return to.

    Raises:
        ValueError: shapes that do not fit, an empty result, settings out of range.
        TypeError: settings that are not integers or pairs of them.

    Source: Dumoulin & Visin 2016, section 4.

    >>> conv_transpose2d(np.array([[[1.0, 2], [3, 4]]]), np.ones((1, 1, 2, 2)), stride=2)
    tensor([[[1., 1., 2., 2.],
             [1., 1., 2., 2.],
             [3., 3., 4., 4.],
             [3., 3., 4., 4.]]], dtype=float64)
    """
    w, b = weight, bias
    axes = transposed_axes(input, w, b, stride, padding, output_padding, groups, dilation)
    x = channels_first(input)
    y = scatter(x, w, b, axes, groups)

    def backward(dy: Array, wanted: Collection[int] = ()) -> Any:
        dy = channels_first(dy)
        if _both(wanted):
            dx, dw = products(dy, w, x, axes=axes, groups=groups)
            return dx.swapaxes(0, 1), dw, lambda: _bias_gradient(dy)
        return (
            lambda: correlate(dy, w, None, axes, groups).swapaxes(0, 1),
            lambda: weight_gradient(dy, x, axes, groups),
            lambda: _bias_gradient(dy),
        )

    return y.swapaxes(0, 1), backward
