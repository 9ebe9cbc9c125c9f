"""Convolution and transposed convolution: one sum, read in three ways.

Give every output of a convolution a number g, multiply each output by its number, and add all of that up. That is
one sum of products, over all batch members n, output channels o, input channels c, output positions (i, j) and kernel
cells (u, v):

    S(x, w, g) = Σ  g[n, o, i, j] · w[o, c, u, v] · x[n, c, s·i + d·u − p, s·j + d·v − p]

with stride s, dilation d, padding p; x is 0 outside the image. Which pixel meets which weight at which output is the
whole content of "convolution" (in mathematics it is called cross-correlation: the kernel is not turned around).
S is linear in each of x, w and g, so it has three derivatives:

    correlate(x, w)        = ∂S/∂g    the convolution:  y[n,o,i,j] = Σ w[o,c,u,v] · x[n, c, s·i+d·u−p, s·j+d·v−p]
    scatter(g, w)          = ∂S/∂x    every g[n,o,i,j] lays the kernel, times g, onto the pixels under its window
    weight_gradient(x, g)  = ∂S/∂w    every weight sums the products x·g of the pixels and outputs that it joins

and these are all that is needed. A small change of x changes the loss L by Σ ∂L/∂y · (change of y), which is the change
of S with g = dy, the derivative ∂L/∂y. So for y = correlate(x, w) the gradients are dx = scatter(dy, w) and
dw = weight_gradient(x, dy). A transposed convolution *is* scatter: y = scatter(x, w), with its gradients
dx = correlate(dy, w) and dw = weight_gradient(dy, x). With respect to the image, each is the other's gradient.

The two operations below are written with these three sums, and an array of the outputs' shape is called y from here on.
Three files compute the sums, each checked against the one before; read them in this order:

    loops.py     as they are defined, product by product
    im2col.py    as matrix products, one for each image
    fast/        as fast as PyTorch: what `tinyunet.functional.conv2d` runs on

Each of them has a `conv2d` and a `conv_transpose2d`, and a U-Net trains on any of them (`tinyunet.using`). In a
debugger, step through that of `im2col.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any, Concatenate, NamedTuple, ParamSpec

import numpy as np

from tinyunet.machine.blas import with_one_thread
from tinyunet.ops.dtypes import check_same_dtype, in_float32
from tinyunet.ops.layout import channel_rows
from tinyunet.ops.sums import row_sums
from tinyunet.ops.window import Axes, Axis, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, Operand, Tensor, differentiable

P = ParamSpec("P")


class Sums(NamedTuple):
    """The functions that compute the three sums, in one of the three files.

    Shapes: x (N, C, H, W), y (N, O, Ho, Wo), w (O, C/groups, kh, kw), and a bias b, (O,) or (C,), or None for 0.
    The axes say how many positions there are, and which of them meet (`window.py`).
    """

    correlate: Callable[..., Array]  # (x, w, b, axes, groups) → y
    scatter: Callable[..., Array]  # (y, w, b, axes, groups) → x
    weight_gradient: Callable[..., Array]  # (x, y, axes, groups) → w
    # Both gradients of conv2d, and both of conv_transpose2d, where that costs less than one after the other:
    scatter_and_gradient: Callable[..., tuple[Array, Array]] | None = None  # (dy, w, x, axes, groups) → dx, dw
    correlate_and_gradient: Callable[..., tuple[Array, Array]] | None = None  # (dy, w, x, axes, groups) → dx, dw


INPUT, WEIGHT = 0, 1  # positions of arguments, as who calls an operation counts them


def computed_by(sums: Sums, operation: Callable[Concatenate[Sums, P], Any]) -> Callable[P, Tensor]:
    """One of the operations below, computed by these sums: on Tensors, and also on a single image."""
    sums = sums._replace(**{name: with_one_thread(f) for name, f in sums._asdict().items() if f})
    function = functools.partial(operation, sums)
    # The name and the text of the operation; not `functools.wraps`, which would bring its first argument back.
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(function, name, getattr(operation, name))
    return differentiable(in_float32(image_or_batch(function)), selective=True)


def conv2d(
    sums: Sums,
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
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
        padding: pixels of zeros on each side; "valid" is 0, "same" keeps the size (stride 1 only). Whether an infinite
            weight is multiplied by these zeros, to nan, or left out depends on the algorithm, as it does in PyTorch.

    Raises:
        ValueError: shapes that do not fit, a kernel larger than the padded input, settings out of range.
        TypeError: settings that are not integers or pairs of them; arrays of several dtypes, as in PyTorch.

    Source: Dumoulin & Visin 2016, "A guide to convolution arithmetic for deep learning".

    >>> import tinyunet.functional as F
    >>> x = np.stack([np.tile([10.0, 10, 0, 0], (4, 1)), np.full((4, 4), 5.0)])  # two channels, 4×4
    >>> w = np.stack([np.tile([1.0, 0, -1], (3, 1)), [[0, 0, 0], [0, 1, 0], [0, 0, 0]]])[None]
    >>> F.conv2d(x, w)[0, 0, 0].item()                             # 30 from the edge, 5 from the centre
    35.0
    """
    x, w, b = input, weight, bias
    axes = conv_axes(x, w, b, stride, padding, dilation, groups)
    y = sums.correlate(x, w, b, axes, groups)

    def backward(dy: Array, wanted: Collection[int] = ()) -> Any:
        if sums.scatter_and_gradient and INPUT in wanted and WEIGHT in wanted:
            return *sums.scatter_and_gradient(dy, w, x, axes, groups), lambda: _bias_gradient(dy)
        return (
            lambda: sums.scatter(dy, w, None, axes, groups),
            lambda: sums.weight_gradient(x, dy, axes, groups),
            lambda: _bias_gradient(dy),
        )

    return y, backward


def conv_transpose2d(
    sums: Sums,
    input: Operand,
    weight: Operand,
    bias: Operand | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Any:
    """Transposed convolution, the gradient of `conv2d` with respect to its input, used to make images larger.

    Every pixel lays the kernel, times its value, onto the output, `stride` pixels apart; where they overlap they add.
    A convolution with the same settings turns an image of the output's size into one of the input's size. So the
    transposed convolution gives the size back, but not the values.

    Shapes: input (N, C, H, W) or (C, H, W), weight (C, O/groups, kh, kw), bias (O,)
    → (N, O, Ho, Wo), Ho = (H − 1)·stride − 2·padding + dilation·(kh − 1) + output_padding + 1.

    Args:
        padding: rows and columns *cropped* from each side of the result: the convolution that it reverses added them.
        output_padding: rows and columns computed in addition at the end: with a stride, inputs of several sizes are
            convolved to the same size, and this says which of them to return to.

    Raises:
        ValueError: shapes that do not fit, an empty result, settings out of range.
        TypeError: settings that are not integers or pairs of them; arrays of several dtypes, as in PyTorch.

    Source: Dumoulin & Visin 2016, section 4.

    >>> import tinyunet.functional as F
    >>> F.conv_transpose2d(np.array([[[1.0, 2], [3, 4]]]), np.ones((1, 1, 2, 2)), stride=2)
    tensor([[[1., 1., 2., 2.],
             [1., 1., 2., 2.],
             [3., 3., 4., 4.],
             [3., 3., 4., 4.]]], dtype=float64)
    """
    x, w, b = input, weight, bias
    axes = transposed_axes(x, w, b, stride, padding, output_padding, groups, dilation)
    y = sums.scatter(x, w, b, axes, groups)

    def backward(dy: Array, wanted: Collection[int] = ()) -> Any:
        if sums.correlate_and_gradient and INPUT in wanted and WEIGHT in wanted:
            return *sums.correlate_and_gradient(dy, w, x, axes, groups), lambda: _bias_gradient(dy)
        return (
            lambda: sums.correlate(dy, w, None, axes, groups),
            lambda: sums.weight_gradient(dy, x, axes, groups),
            lambda: _bias_gradient(dy),
        )

    return y, backward


def _bias_gradient(dy: Array) -> Array:
    """The bias is added at every position of every image, so its gradient is the sum over all of them."""
    return row_sums(channel_rows(dy))


# ---- the arguments


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
    check_same_dtype(name, input=x, weight=w, bias=b)


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
