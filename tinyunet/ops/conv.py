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

How they are computed: `im2col` arranges the pixels under the window as the columns of a matrix, one row for each of the
c·kh·kw cells and one column for each position of the window, and then a convolution is one matrix product

    y (O, positions) = w (O, C·kh·kw) @ columns (C·kh·kw, positions)

which is what processors are best at. The loops of the definition stand in `naive.py`.

Inside this file arrays are channels first, (C, N, H, W): a channel of the whole batch is one row of that matrix.
Results are handed out as a transposed view (N, C, H, W), and the next convolution finds its layout without a copy.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.ops.layout import channel_rows, channel_sums
from tinyunet.ops.window import Axes, Axis, Pair, fit, image_or_batch, pair
from tinyunet.tensor import Array, differentiable

TILE_BYTES = 4 << 20  # of columns at a time: they stay in the cache between being copied and being multiplied


class _Scratch(threading.local):
    """Memory for one tile of columns, used again and again: fresh memory costs more than what is written to it."""

    memory = np.empty(0, np.uint8)

    def array(self, shape: tuple[int, ...], dtype: Any) -> Array:
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if self.memory.size < size:
            self.memory = np.empty(size, np.uint8)
        return self.memory[:size].view(dtype).reshape(shape)


_scratch = _Scratch()


def _flat(x: Array, rows: Axis, cols: Axis) -> Array:
    """Lay the padded images behind one another in a single row of pixels for each channel.

    A row of the image is followed by enough zeros to serve as its right padding and as the left padding of the next
    row, an image by rows of zeros that serve two images. The window at output (n, i, j), stride 1, then starts at
    position (n·Q + i)·P + j of that row, where P and Q count the pixels of a row and the rows of an image with their
    zeros. So *moving the window by one is moving by one in memory*, whichever edge it crosses. Returns (C, length).
    """
    N, C, H, W = x.shape
    Q, P = rows.pitch, cols.pitch
    lead = rows.padding * P + cols.padding  # the window of the first output starts this far before the first pixel
    pixels = N * Q * P
    length = pixels + max(lead, (rows.span - 1) * P + cols.span - 1)
    x = x.transpose(1, 0, 2, 3)  # (C, N, H, W)
    if length == N * H * W:
        return np.ascontiguousarray(x.reshape(C, length))  # nothing to pad
    flat = np.empty((C, length), x.dtype)
    grid = flat[:, lead : lead + pixels].reshape(C, N, Q, P)
    grid[:, :, :H, :W] = x
    grid[:, :, :H, W:] = 0
    grid[:, :, H:] = 0
    flat[:, :lead] = 0
    flat[:, lead + pixels :] = 0
    return flat


def _windows(x: Array, rows: Axis, cols: Axis) -> Array:
    """What every kernel cell sees: a view (C, kh, kw, positions…) of the padded images, nothing copied.

    With stride 1 the positions are all the N·Q·P starts in `_flat`: one long run for each kernel cell. The few among
    them that stand on padding (i ≥ Ho or j ≥ Wo) compute numbers that `_crop` drops, which costs less than to leave
    them out. With a larger stride they are (N, Ho, Wo).
    """
    flat = _flat(x, rows, cols)
    N, Q, P, pixel = len(x), rows.pitch, cols.pitch, flat.itemsize
    if rows.stride == cols.stride == 1:
        positions: tuple[int, ...] = (N * Q * P,)
        steps: tuple[int, ...] = (pixel,)
    else:
        positions = (N, rows.output, cols.output)
        steps = (Q * P * pixel, rows.stride * P * pixel, cols.stride * pixel)
    return np.lib.stride_tricks.as_strided(
        flat,
        (len(flat), rows.kernel, cols.kernel, *positions),
        (flat.strides[0], rows.dilation * P * pixel, cols.dilation * pixel, *steps),
        writeable=False,
    )


def _crop(y: Array, N: int, rows: Axis, cols: Axis) -> Array:
    """From all the positions of `_windows`, (O, positions…), those that are outputs: a view (O, N, Ho, Wo)."""
    if y.ndim == 4:
        return y
    return y.reshape(len(y), N, rows.pitch, cols.pitch)[:, :, : rows.output, : cols.output]


def _columns(windows: Array, groups: int) -> Iterator[tuple[slice, Array]]:
    """The columns (groups, C/groups·kh·kw, B), a tile of positions at a time, and which positions they are."""
    each = math.prod(windows.shape[4:])  # positions behind one step of the axis that is cut
    cells = math.prod(windows.shape[:3])
    step = max(1, TILE_BYTES // (cells * each * windows.itemsize or 1))
    for a in range(0, windows.shape[3], step):
        tile = windows[:, :, :, a : a + step]
        if windows.shape[1:3] != (1, 1):  # the columns of a 1×1 kernel are the pixels themselves
            columns = _scratch.array(tile.shape, tile.dtype)
            np.copyto(columns, tile)  # this copy is im2col
            tile = columns
        columns = tile.reshape(groups, cells // groups, -1)
        yield slice(a * each, a * each + columns.shape[2]), columns


def correlate(x: Array, w: Array, axes: Axes, groups: int = 1) -> Array:
    """y = ∂S/∂y: x (N, C, H, W), w (O, C/groups, kh, kw) → (N, O, Ho, Wo)."""
    N, O = len(x), len(w)
    windows = _windows(x, *axes)
    w2 = w.reshape(groups, O // groups, -1)  # (G, O/G, C/G·kh·kw)
    y = np.empty((O, *windows.shape[3:]), np.result_type(x, w))
    y2 = y.reshape(groups, O // groups, -1)  # (G, O/G, positions)
    for where, columns in _columns(windows, groups):
        np.matmul(w2, columns, out=y2[:, :, where])
    return _crop(y, N, *axes).transpose(1, 0, 2, 3)


def weight_gradient(x: Array, y: Array, axes: Axes, groups: int = 1) -> Array:
    """dw = ∂S/∂w: x (N, C, H, W), y (N, O, Ho, Wo) → (O, C/groups, kh, kw)."""
    N, C, O = len(x), x.shape[1], y.shape[1]
    rows, cols = axes
    windows = _windows(x, rows, cols)
    on_positions = np.zeros((O, *windows.shape[3:]), y.dtype)  # 0 where `_crop` drops
    _crop(on_positions, N, rows, cols)[...] = y.transpose(1, 0, 2, 3)
    y2 = on_positions.reshape(groups, O // groups, -1)  # (G, O/G, positions)
    dw = np.zeros((groups, C // groups * rows.kernel * cols.kernel, O // groups), np.result_type(x, y))
    for where, columns in _columns(windows, groups):
        dw += columns @ y2[:, :, where].swapaxes(1, 2)
    dw = dw.reshape(groups, C // groups, rows.kernel, cols.kernel, O // groups)
    return dw.transpose(0, 4, 1, 2, 3).reshape(O, C // groups, rows.kernel, cols.kernel)


def scatter(y: Array, w: Array, axes: Axes, groups: int = 1) -> Array:
    """x = ∂S/∂x: y (N, O, Ho, Wo), w (O, C/groups, kh, kw) → (N, C, H, W)."""
    rows, cols = axes
    O, c, kh, kw = w.shape
    C = c * groups
    by_group = w.reshape(groups, O // groups, c, kh, kw)

    if rows.stride == cols.stride == 1 and rows.padding < rows.span and cols.padding < cols.span:
        # At stride 1, pixel h meets output i = h − d·u + p. Count the cells from the other end, u' = k − 1 − u:
        # i = h + d·u' − (d·(k − 1) − p). That is a correlation over y, with the kernel turned by 180°, its input and
        # output channels exchanged, and the padding d·(k − 1) − p: 10–15 % faster than adding up columns as below.
        turned = by_group.swapaxes(1, 2)[:, :, :, ::-1, ::-1].reshape(C, O // groups, kh, kw)
        back = [a._replace(input=a.output, output=a.input, padding=a.span - 1 - a.padding) for a in axes]
        return correlate(y, turned, (back[0], back[1]), groups)

    N = len(y)
    y2 = y.transpose(1, 0, 2, 3).reshape(groups, O // groups, -1)  # (G, O/G, N·Ho·Wo)
    columns = by_group.reshape(groups, O // groups, -1).swapaxes(1, 2) @ y2  # (G, C/G·kh·kw, N·Ho·Wo)
    return col2im(columns.reshape(C, kh, kw, N, rows.output, cols.output), axes)


def im2col(x: Array, axes: Axes) -> Array:
    """What every kernel cell sees: (N, C, H, W) → (C, kh, kw, N, Ho, Wo)."""
    rows, cols = axes
    N, C, H, W = x.shape
    padded = np.zeros((C, N, H + rows.padding + rows.overhang, W + cols.padding + cols.overhang), x.dtype)
    padded[:, :, rows.padding : rows.padding + H, cols.padding : cols.padding + W] = x.transpose(1, 0, 2, 3)
    columns = np.empty((C, rows.kernel, cols.kernel, N, rows.output, cols.output), x.dtype)
    for u in range(rows.kernel):
        for v in range(cols.kernel):
            columns[:, u, v] = padded[:, :, rows.inputs(u), cols.inputs(v)]
    return columns


def col2im(columns: Array, axes: Axes) -> Array:
    """The gradient of `im2col`: every value goes back to the pixel it was seen at, and adds to what is there."""
    rows, cols = axes
    C, kh, kw, N, _, _ = columns.shape
    H, W = rows.input, cols.input
    padded = np.zeros((C, N, H + rows.padding + rows.overhang, W + cols.padding + cols.overhang), columns.dtype)
    for u in range(kh):
        for v in range(kw):
            padded[:, :, rows.inputs(u), cols.inputs(v)] += columns[:, u, v]  # += : windows overlap
    x = padded[:, :, rows.padding : rows.padding + H, cols.padding : cols.padding + W]
    return x.transpose(1, 0, 2, 3)  # (N, C, H, W)


def _add_bias(y: Array, bias: Any) -> Array:
    """y + b for every channel, in a fresh array without the gaps of `_crop`."""
    by_channel = y.transpose(1, 0, 2, 3)  # (O, N, Ho, Wo)
    if bias is None:
        return np.ascontiguousarray(by_channel).transpose(1, 0, 2, 3)
    return np.add(by_channel, bias.reshape(-1, 1, 1, 1), order="C").transpose(1, 0, 2, 3)


def _bias_gradient(dy: Array) -> Array:
    """The bias is added at every position of every image, so its gradient is the sum over all of them."""
    return channel_sums(channel_rows(dy))


def _paddings(padding: Any, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> Any:
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
    return fit("conv2d", x.shape[2:], w.shape[2:], stride, _paddings(padding, w.shape[2:], stride, dilation), dilation)


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
    x, w, b = input, weight, bias
    axes = conv_axes(x, w, b, stride, padding, dilation, groups)

    y = _add_bias(correlate(x, w, axes, groups), b)

    def backward(dy: Array) -> Any:
        return (
            lambda: scatter(dy, w, axes, groups),
            lambda: weight_gradient(x, dy, axes, groups),
            lambda: _bias_gradient(dy),
        )

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
        return (
            lambda: correlate(dy, w, axes, groups),
            lambda: weight_gradient(dy, x, axes, groups),
            lambda: _bias_gradient(dy),
        )

    return y, backward


@differentiable
@image_or_batch
def unfold(input: Array, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1) -> Any:
    """im2col as an operation: the pixels under each window as a column.

    Shapes: (N, C, H, W) → (N, C·kh·kw, positions), positions in row-major order; (C, H, W) → (C·kh·kw, positions).

    >>> unfold(np.arange(9.0).reshape(1, 3, 3), kernel_size=2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]], dtype=float64)
    """
    axes = _unfold_axes("unfold", input.shape[2:], kernel_size, dilation, padding, stride)
    return _to_blocks(im2col(input, axes)), lambda dy: col2im(_from_blocks(dy, axes), axes)


@differentiable
def fold(
    input: Array, output_size: Pair, kernel_size: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1
) -> Any:
    """col2im as an operation, the gradient of `unfold`: columns are added back into the image they were taken from.

    Shapes: (N, C·kh·kw, positions) → (N, C, H, W) with output_size (H, W); (C·kh·kw, positions) → (C, H, W).

    Raises:
        ValueError: a number of rows or columns that these settings do not produce.

    >>> fold(np.ones((4, 4)), output_size=3, kernel_size=2)  # how many windows see each pixel
    tensor([[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]], dtype=float64)
    """
    size = pair("fold", "output_size", output_size, 1)
    axes = _unfold_axes("fold", size, kernel_size, dilation, padding, stride)
    cells, positions = axes[0].kernel * axes[1].kernel, axes[0].output * axes[1].output
    if input.ndim not in (2, 3) or input.shape[-2] % cells or input.shape[-1] != positions:
        raise ValueError(
            f"fold: input of shape {input.shape} must be (N, C·{cells}, {positions}) or (C·{cells}, {positions}) "
            f"for output_size={size}, kernel_size={(axes[0].kernel, axes[1].kernel)}"
        )
    blocks = input if input.ndim == 3 else input[None]
    y = col2im(_from_blocks(blocks, axes), axes)

    def backward(dy: Array) -> Array:
        return _to_blocks(im2col(dy.reshape(y.shape), axes)).reshape(input.shape)

    return (y if input.ndim == 3 else y[0]), backward


def _unfold_axes(name: str, size: tuple[int, int], kernel: Any, dilation: Any, padding: Any, stride: Any) -> Axes:
    top, left = pair(name, "padding", padding, 0)
    return fit(
        name,
        size,
        pair(name, "kernel_size", kernel, 1),
        pair(name, "stride", stride, 1),
        ((top, top), (left, left)),
        pair(name, "dilation", dilation, 1),
    )


def _to_blocks(columns: Array) -> Array:
    """(C, kh, kw, N, Ho, Wo) → (N, C·kh·kw, Ho·Wo)."""
    C, kh, kw, N, Ho, Wo = columns.shape
    return columns.transpose(3, 0, 1, 2, 4, 5).reshape(N, C * kh * kw, Ho * Wo)


def _from_blocks(blocks: Array, axes: Axes) -> Array:
    """(N, C·kh·kw, Ho·Wo) → (C, kh, kw, N, Ho, Wo)."""
    rows, cols = axes
    N, C = len(blocks), blocks.shape[1] // (rows.kernel * cols.kernel)
    cells = blocks.reshape(N, C, rows.kernel, cols.kernel, rows.output, cols.output)
    return cells.transpose(1, 2, 3, 0, 4, 5)
