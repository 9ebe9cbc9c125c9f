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

which is what processors are best at. The loops of the definition stand in `naive.py`.

Inside this file arrays are channels first, (C, N, H, W): a channel of the whole batch is one row of that matrix.
Results are handed out as a transposed view (N, C, H, W), and the next convolution finds its layout without a copy.
Weights are best kept as (C, kh, kw, O) in memory (see `nn.Conv2d`): then all three products find their matrix in place.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from tinyunet.memory import scratch
from tinyunet.ops.columns import Laid, col2im, column_tiles, lay, tiles
from tinyunet.ops.layout import channel_rows, channel_sums
from tinyunet.ops.window import Axes, Axis, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, differentiable


def _multiply(matrix: Array, windows: Array, channels_last: bool = False) -> Array:
    """matrix (groups, M, K) @ columns of windows (C, kh, kw, positions…) → (groups·M, positions…)."""
    G, M, _ = matrix.shape
    positions = windows.shape[3:]
    y = np.empty((G, M, math.prod(positions)), np.result_type(matrix, windows))
    for where, columns in column_tiles(windows, G, channels_last):
        np.matmul(matrix, columns, out=y[:, :, where])
    return y.reshape(G * M, *positions)


def _rows_pay(x: Laid, O: int) -> bool:
    """Where `_row_by_row` is the faster way (measured): not more outputs than inputs, many positions to a weight."""
    rows, cols = x.rows, x.cols
    dense = rows.stride == cols.stride == 1 and rows.kernel > 1
    return dense and len(x.pixels) >= O and x.grid.shape[1] >= 8 * O


def _row_by_row(x: Laid, w: Array) -> Array:
    """The positions (O, N·Q·P) of `correlate`, with each row of the kernel as a kernel of its own.

    y[i] = Σ_u z_u[i + d·u] with z_u the correlation with row u alone. All z_u come from one product, whose columns hold
    C·kw cells in place of C·kh·kw, and a row further down is d·P further on in memory. Fewer cells are copied and the
    matrix is taller, for kh additions of what is in the cache: 1.3–2 times faster with C = 2·O, 1.0–1.3 with C = O.
    """
    O, C, kh, kw = w.shape
    matrix = w.transpose(2, 0, 1, 3).reshape(kh * O, C * kw)
    down = x.rows.dilation * x.cols.pitch
    cells = x.windows()[:, 0]  # (C, kw, positions): of the kernel's first row, as if it were all
    y = np.empty((O, cells.shape[2]), np.result_type(x.pixels, w))
    further = (kh - 1) * down
    cells = np.lib.stride_tricks.as_strided(cells, (C, kw, cells.shape[2] + further), cells.strides, writeable=False)
    # Twice the usual tile: `further` positions of it are computed again with the next.
    for where, _ in tiles(y.shape[1:], kw * C * y.itemsize // 2, least=4 * further):
        a, b = where.start, min(where.stop, y.shape[1])
        columns = scratch("columns", (C, kw, b - a + further), cells.dtype)
        np.copyto(columns, cells[:, :, a : b + further])
        z = scratch("product", (kh, O, b - a + further), y.dtype)
        np.matmul(matrix, columns.reshape(C * kw, -1), out=z.reshape(kh * O, -1))
        np.add(z[0, :, : b - a], z[1, :, down : down + b - a], out=y[:, a:b])
        for u in range(2, kh):
            y[:, a:b] += z[u, :, u * down : u * down + b - a]
    return y


def correlate(x: Laid, w: Array, groups: int = 1) -> Array:
    """y = ∂S/∂y: x, laid, and w (O, C/G, kh, kw) → (N, O, Ho, Wo)."""
    O, c, kh, kw = w.shape
    if groups == 1 and _rows_pay(x, O):
        return x.crop(_row_by_row(x, w))
    matrix = w.transpose(1, 2, 3, 0).reshape(c * kh * kw, groups, O // groups).transpose(1, 2, 0)  # (G, O/G, K)
    return x.crop(_multiply(matrix, x.windows()))


def weight_gradient(x: Laid, y: Array, groups: int = 1) -> Array:
    """dw = ∂S/∂w: x, laid, and y (O, positions…) → (O, C/G, kh, kw)."""
    windows = x.windows()
    C, kh, kw = windows.shape[:3]
    y = y.reshape(groups, len(y) // groups, -1)  # (G, O/G, positions)
    dw = np.empty((C // groups * kh * kw, groups, y.shape[1]), np.result_type(windows, y))
    by_group = dw.transpose(1, 0, 2)  # (G, K, O/G)
    if not y.size:
        dw[...] = 0
    for where, columns in column_tiles(windows, groups):
        if where.start == 0:
            np.matmul(columns, y[:, :, where].swapaxes(1, 2), out=by_group)
        else:
            product = scratch("product", by_group.shape, dw.dtype)
            by_group += np.matmul(columns, y[:, :, where].swapaxes(1, 2), out=product)
    return dw.reshape(C // groups, kh, kw, -1).transpose(3, 0, 1, 2)


@functools.lru_cache(maxsize=256)
def turned(axes: Axes) -> Axes | None:
    """The windows over y that collect dx, if dx is itself a correlation: at stride 1, and padding within the kernel.

    At stride 1, pixel h meets output i = h − d·u + p. Count the cells from the other end, u' = k − 1 − u:
    i = h + d·u' − (d·(k − 1) − p). That is a correlation over y, with the kernel turned by 180°, its input and output
    channels exchanged, and the padding d·(k − 1) − p: adding up columns instead makes
    a training step 1.1–1.5 times as long.
    """
    if any(a.stride > 1 or a.padding >= a.span for a in axes):
        return None
    rows, cols = (replace(a, input=a.output, output=a.input, padding=a.span - 1 - a.padding) for a in axes)
    return rows, cols


def correlate_turned(y: Laid, w: Array, groups: int = 1) -> Array:
    """x = ∂S/∂x: y, laid for `turned` axes, and w (O, C/G, kh, kw) → (N, C, H, W)."""
    O, c, kh, kw = w.shape
    if groups == 1 and _rows_pay(y, c):
        return y.crop(_row_by_row(y, w.swapaxes(0, 1)[:, :, ::-1, ::-1]))
    matrix = w.transpose(1, 2, 3, 0).reshape(c, kh, kw, groups, O // groups).transpose(3, 0, 1, 2, 4)
    around = y.windows()[:, ::-1, ::-1]
    return y.crop(_multiply(matrix.reshape(groups, c, -1), around, channels_last=True))


def scatter(y: Array, w: Array, axes: Axes, groups: int = 1) -> Array:
    """x = ∂S/∂x: y (N, O, Ho, Wo), w (O, C/G, kh, kw) → (N, C, H, W)."""
    back = turned(axes)
    if back:
        return correlate_turned(lay(y, back), w, groups)
    rows, cols = axes
    O, c, kh, kw = w.shape
    matrix = w.transpose(1, 2, 3, 0).reshape(c * kh * kw, groups, O // groups).transpose(1, 0, 2)  # (G, K, O/G)
    y2 = channel_rows(y).reshape(groups, O // groups, -1)  # (G, O/G, N·Ho·Wo)
    return col2im(np.matmul(matrix, y2).reshape(c * groups, kh, kw, len(y), rows.output, cols.output), axes)


def _pixels(size: tuple[int, ...]) -> Axes:
    """The axes of a 1×1 kernel on an image of this size."""
    rows, cols = (Axis(input=n, output=n, kernel=1, stride=1, padding=0, dilation=1) for n in size)
    return rows, cols


def _add_bias(y: Array, bias: Any) -> Array:
    """y + b for every channel, in a fresh array without the gaps of `crop`."""
    by_channel = y.transpose(1, 0, 2, 3)  # (O, N, Ho, Wo)
    if bias is None:
        return np.ascontiguousarray(by_channel).transpose(1, 0, 2, 3)
    return np.add(by_channel, bias.reshape(-1, 1, 1, 1), order="C").transpose(1, 0, 2, 3)


def _bias_gradient(dy: Array) -> Array:
    """The bias is added at every position of every image, so its gradient is the sum over all of them."""
    return channel_sums(channel_rows(dy))


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


@differentiable
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
    x = lay(input, axes)  # kept for dw

    y = _add_bias(correlate(x, w, groups), b)

    def backward(dy: Array) -> Any:
        back = turned(axes)
        if back:  # dx and dw share the padded dy
            laid = lay(dy, back)
            dx, positions = (lambda: correlate_turned(laid, w, groups)), laid.grid
        else:
            dx, positions = (lambda: scatter(dy, w, axes, groups)), x.spread(dy)
        return dx, lambda: weight_gradient(x, positions, groups), lambda: _bias_gradient(dy)

    return y, backward


@differentiable
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
    x, w, b = input, weight, bias
    axes = transposed_axes(x, w, b, stride, padding, output_padding, groups, dilation)

    y = _add_bias(scatter(x, w, axes, groups), b)

    def backward(dy: Array) -> Any:
        laid, kernel = lay(dy, axes), w
        if not turned(axes):  # dx and dw share the columns of dy: a convolution is a 1×1 convolution of its columns
            columns = np.ascontiguousarray(laid.windows(outputs_only=True))  # (C, kh, kw, N, Ho, Wo)
            cells = columns.reshape(math.prod(columns.shape[:3]), *columns.shape[3:])
            laid = lay(cells.swapaxes(0, 1), _pixels(columns.shape[4:]))
            kernel = w.reshape(len(w), math.prod(w.shape[1:]), 1, 1)
        return (
            lambda: correlate(laid, kernel, groups),
            lambda: weight_gradient(laid, laid.spread(x), groups).reshape(w.shape),
            lambda: _bias_gradient(dy),
        )

    return y, backward
