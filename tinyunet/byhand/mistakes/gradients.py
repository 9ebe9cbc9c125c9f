"""Gradients of convolutions and linear layers, and what goes wrong in every gradient: signs, sums, dy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import TRANSPOSED, Answers, mistake, one_by_one, rare
from tinyunet.byhand.mistakes.window import borders, resized, spread, spread_in_order, windows
from tinyunet.tensor import Array


@mistake("conv2d dx", "no rot180", "the window that looks back from a pixel meets the kernel from its other end")
@mistake("conv_transpose2d dx", "kernel flipped", "dx is a plain convolution of dy with the kernel as it stands")
def _turned(op: Operation, dy: Any) -> Answers:
    yield op.changed(w=op.arrays["w"][:, :, ::-1, ::-1]).result("dx", dy)


@mistake("conv2d dw, conv_transpose2d dw", "kernel flipped", "dw[u, v] belongs to the same cell as w[u, v]")
def _dw_turned(op: Operation, dy: Any) -> Answers:
    yield op.result("dw", dy)[:, :, ::-1, ::-1]


@mistake("conv2d dx", "no zeros inserted for the stride", "outputs are `stride` pixels apart: with zeros between them")
def _not_spread(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) == (1, 1):
        return
    (a, b), (c, d) = borders(op)
    N, C, H, W = op.arrays["x"].shape
    h, w = rows.output + rows.span - 1 - a - b, cols.output + cols.span - 1 - c - d
    if min(h, w) < 1:
        return
    small = op.changed(x=np.zeros((N, C, h, w)), stride=1).result("dx", dy)
    yield small, "too small"
    if h <= H and w <= W:
        yield np.pad(small, ((0, 0), (0, 0), (0, H - h), (0, W - w))), "zeros at the end"


@mistake("conv_transpose2d dx", "not summed over output channels", "a pixel goes into every output channel")
@mistake("conv2d dx", "not summed over filters", "a pixel is read by every filter; their gradients add up")
def _one_filter(op: Operation, dy: Any) -> Answers:
    for o in one_by_one(dy.shape[1]):
        one = np.zeros_like(dy)
        one[:, o] = dy[:, o]
        yield op.result("dx", one), f"only filter {o}"


@mistake("conv2d dw, conv_transpose2d dw, linear dw", "not summed over the batch", "all images use the same weights")
def _one_image(op: Operation, dy: Any) -> Answers:
    if dy.ndim in (2, 4) and len(dy) > 1:
        for n in one_by_one(len(dy)):
            one = np.zeros_like(dy)
            one[n] = dy[n]
            yield op.result("dw", one), f"only image {n}" if dy.ndim == 4 else f"only row {n}"
        yield op.result("dw", dy) / len(dy), "averaged"


@mistake(
    "conv2d dw, conv_transpose2d dw",
    "averaged over the map",
    "a weight is used in all places, and their gradients add up",
)
def _dw_averaged(op: Operation, dy: Any) -> Answers:
    places = math.prod(dy.shape[2:])
    yield op.result("dw", dy) / places, "in each image"
    yield op.result("dw", dy) / (places * len(dy)), "and over the batch"


SIGN_REVERSED = "gradient with the wrong sign", "∂L/∂x says how L grows with x; the minus comes with the step downhill"


@mistake("conv2d dw, conv_transpose2d dw, linear dw", *SIGN_REVERSED)
def _dw_negative(op: Operation, dy: Any) -> Answers:
    yield -op.result("dw", dy)


@mistake("conv2d dx, conv_transpose2d dx, linear dx, batch_norm dx, softmax dx", *SIGN_REVERSED)
def _dx_negative(op: Operation, dy: Any) -> Answers:
    yield -op.result("dx", dy)


DY_FORGOTTEN = "upstream gradient forgotten", "every product of a gradient has an element of dy in it"


@mistake("conv2d dw, conv_transpose2d dw, linear dw", *DY_FORGOTTEN)
def _dw_without_dy(op: Operation, dy: Any) -> Answers:
    yield op.result("dw", np.ones_like(dy))


@mistake("conv2d dx, conv_transpose2d dx, linear dx", *DY_FORGOTTEN)
def _dx_without_dy(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", np.ones_like(dy))


@mistake("conv2d dx, max_pool2d dx, avg_pool2d dx", "col2im that assigns", "where windows overlap, gradients add up")
def _assigned(op: Operation, dy: Any) -> Answers:
    if op.name == "conv2d":
        w, G = op.arrays["w"], op.settings["groups"]
        kernels, outputs = w.reshape(G, -1, *w.shape[1:]), dy.reshape(len(dy), G, -1, *dy.shape[2:])
        shares = np.einsum("gocuv,ngoij->ngcijuv", kernels, outputs).reshape(
            *op.arrays["x"].shape[:2], *dy.shape[2:], -1
        )
    else:
        cells = windows(op, -math.inf)
        if op.name == "max_pool2d":
            first = np.arange(cells.shape[-1]) == cells.argmax(-1)[..., None]
            shares = dy[..., None] * first
        else:
            ones = op.result("dx", np.ones_like(dy))  # only to see whether the divisor varies
            if op.settings["count_include_pad"] is False or np.isnan(ones).any():
                return
            shares = np.repeat(dy[..., None] / cells.shape[-1], cells.shape[-1], -1)
    yield spread(op, shares, assign=True)


@mistake(
    "conv2d db, conv_transpose2d db, linear db, batch_norm dbias",
    "bias gradient not summed",
    "the bias is added at every place of every image, so its gradient is the sum over all of them",
)
def _bias_not_summed(op: Operation, dy: Any) -> Answers:
    channel = dy.ndim - 1 if op.name == "linear" else 1
    others = tuple(axis for axis in range(dy.ndim) if axis != channel)
    if not others or math.prod(dy.shape[axis] for axis in others) == 1:
        return
    yield dy, "dy itself"
    yield dy.mean(others), "the mean"
    if len(others) > 1:
        yield dy[0].sum(tuple(axis - 1 for axis in others if axis)), "only image 0"
        yield dy.sum(0), "only over the batch"
    first = tuple(0 if axis != channel else slice(None) for axis in range(dy.ndim))
    yield dy[first], "only the first place"


# ---- less usual


@rare("conv2d db, conv_transpose2d db, linear db, batch_norm dbias", *DY_FORGOTTEN)
def _db_without_dy(op: Operation, dy: Any) -> Answers:
    yield op.result("dbias" if op.name == "batch_norm" else "db", np.ones_like(dy))


@rare("conv2d db, conv_transpose2d db, linear db, batch_norm dbias", *SIGN_REVERSED)
def _db_negative(op: Operation, dy: Any) -> Answers:
    yield -op.result("dbias" if op.name == "batch_norm" else "db", dy)


def _small(op: Operation, dy: Array, **settings: Any) -> Array:
    """dw by other settings, from as much of the padded image as they see."""
    rows, cols = op.changed(**settings).axes()
    x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *borders(op)))
    height, width = (a.stride * (n - 1) + a.span for a, n in zip((rows, cols), dy.shape[2:], strict=True))
    return op.changed(x=resized(x, height, width), padding=0, **settings).result("dw", dy)


@rare("conv2d dw", "stride or dilation forgotten", "the pixels that a weight has met are those of the forward pass")
def _dw_unstrided(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) != (1, 1):
        yield _small(op, dy, stride=1), "stride"
    if (rows.dilation, cols.dilation) != (1, 1):
        yield _small(op, dy, dilation=1), "dilation"


@rare("conv2d dw", "padding forgotten", "the pixels that a weight has met are those of the padded image")
def _dw_unpadded(op: Operation, dy: Any) -> Answers:
    around = borders(op)
    if any(map(any, around)):
        x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *((0, sum(both)) for both in around)))
        yield op.changed(x=x, padding=0).result("dw", dy)


@rare("conv2d dw", "dy not spread", "outputs are `stride` pixels apart, and dw has the shape of w")
def _dw_uncropped(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) != (1, 1):
        x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *borders(op)))
        size = tuple(n - m + 1 for n, m in zip(x.shape[2:], dy.shape[2:], strict=True))
        w = np.zeros((*op.arrays["w"].shape[:2], *size))
        yield op.changed(x=x, w=w, stride=1, dilation=1, padding=0).result("dw", dy)


@rare("conv2d dw", "'full' instead of 'valid'", "dw has the shape of w: dy stays inside the padded image")
def _dw_full(op: Operation, dy: Any) -> Answers:
    x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *borders(op)))
    wider = tuple(n - 1 for n in dy.shape[2:])
    size = tuple(n + m for n, m in zip(x.shape[2:], wider, strict=True))
    w = np.zeros((*op.arrays["w"].shape[:2], *size))
    yield op.changed(x=x, w=w, stride=1, dilation=1, padding=wider).result("dw", dy)


@rare("conv2d dw", "dy flipped", "dw is a correlation of x with dy, which is used as it stands")
def _dy_flipped(op: Operation, dy: Any) -> Answers:
    yield op.result("dw", dy[:, :, ::-1, ::-1])


@rare("conv2d dw, conv_transpose2d dw, linear dw", "step instead of gradient", "w − rate·dw is the next step")
def _step(op: Operation, dy: Any) -> Answers:
    for rate in (1, 0.1, 0.01):
        yield op.arrays["w"] - rate * op.result("dw", dy), f"with the rate {rate}"


@rare(
    "conv2d dw, conv_transpose2d dw",
    "not summed over the map",
    "a weight is used in all places, which add up",
)
def _one_place(op: Operation, dy: Any) -> Answers:
    if math.prod(dy.shape[2:]) > 1:
        for at, detail in ((0, "only the first place"), (-1, "only the last place")):
            one = np.zeros_like(dy)
            one[:, :, at, at] = dy[:, :, at, at]
            yield op.result("dw", one), detail


@rare("conv2d dw, conv_transpose2d dw", "gradient transposed", "dw has the shape and the layout of w")
def _dw_layout(op: Operation, dy: Any) -> Answers:
    dw = op.result("dw", dy)
    yield dw.swapaxes(0, 1), "input and output channels"
    yield dw.swapaxes(2, 3), "rows and columns"


@rare("conv2d dx, conv_transpose2d dx", *TRANSPOSED)
def _dx_layout(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", dy).swapaxes(2, 3), "rows and columns exchanged"


@rare("conv2d dx, conv_transpose2d dx", "kernel turned in another way", "the kernel is turned by 180°, or not at all")
def _dx_kernel(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    turned = {"left and right exchanged": w[..., ::-1], "top and bottom exchanged": w[:, :, ::-1]}
    if w.shape[2] == w.shape[3]:
        across = w.swapaxes(2, 3)
        turned |= {"transposed": across, "transposed, and turned by 180°": across[:, :, ::-1, ::-1]}
        turned |= {"by 90°": np.rot90(w, 1, (2, 3)), "by −90°": np.rot90(w, -1, (2, 3))}
    for detail, kernel in turned.items():
        yield op.changed(w=kernel).result("dx", dy), detail


@rare("conv2d dx", "padding not cropped", "the gradient of the padding is cut off: dx has the shape of x")
def _uncropped(op: Operation, dy: Any) -> Answers:
    around = borders(op)
    if any(map(any, around)):
        x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *around))
        dx = op.changed(x=x, padding=0).result("dx", dy)
        yield dx, "all of it is there"
        H, W = op.arrays["x"].shape[2:]
        yield dx[:, :, :H, :W], "cut off only at the end"
        yield dx[:, :, -H:, -W:], "cut off only at the beginning"


@rare("conv2d dx", "'valid' instead of 'full'", "dy needs a border of zeros, as wide as the kernel less one")
def _valid(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    inside = (dy.shape[2] - rows.span + 1, dy.shape[3] - cols.span + 1)
    if min(inside) > 0 and (rows.stride, cols.stride) == (1, 1):
        x = np.zeros((*op.arrays["x"].shape[:2], *dy.shape[2:]))
        full = op.changed(x=x, padding=(rows.span - 1, cols.span - 1))
        big = np.pad(dy, ((0, 0), (0, 0), (0, rows.span - 1), (0, cols.span - 1)))
        yield full.result("dx", big)[:, :, : inside[0], : inside[1]]
        flipped = full.changed(w=op.arrays["w"][:, :, ::-1, ::-1])
        yield flipped.result("dx", big)[:, :, : inside[0], : inside[1]], "and the kernel is not turned"


@rare("conv2d dx", "'same' instead of 'full'", "dy needs a border of zeros, as wide as the kernel less one")
def _same_size(op: Operation, dy: Any) -> Answers:
    (rows, cols), around = op.axes(), borders(op)
    if (rows.stride, cols.stride) == (1, 1) and not any(map(any, around)):
        top, left = rows.span // 2, cols.span // 2
        yield op.result("dx", dy)[:, :, top : top + rows.output, left : left + cols.output]


@rare("conv2d dx", "dilation forgotten", "cells of the kernel are `dilation` pixels apart here, too")
def _dx_undilated(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.dilation, cols.dilation) != (1, 1):
        around, (H, W) = borders(op), op.arrays["x"].shape[2:]
        size = (a.stride * (a.output - 1) + a.kernel for a in (rows, cols))
        x = np.zeros((*op.arrays["x"].shape[:2], *size))
        dx = op.changed(x=x, padding=0, dilation=1).result("dx", dy)
        yield resized(dx[:, :, around[0][0] :, around[1][0] :], H, W)


@rare("conv2d dx", "col2im that assigns", "where windows overlap, gradients add up")
def _assigned_in_order(op: Operation, dy: Any) -> Answers:
    w, G = op.arrays["w"], op.settings["groups"]
    kernels, outputs = w.reshape(G, -1, *w.shape[1:]), dy.reshape(len(dy), G, -1, *dy.shape[2:])
    shares = np.einsum("gocuv,ngoij->ngcijuv", kernels, outputs)
    yield spread_in_order(op, shares.reshape(*op.arrays["x"].shape[:2], *dy.shape[2:], -1)), "window after window"


@rare("conv_transpose2d dx", "stride forgotten", "dx is a convolution of dy with the same stride")
def _dx_unstrided(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) != (1, 1):
        sizes = (a.input + 2 * a.padding - a.span + 1 for a in (rows, cols))
        x = np.zeros((*op.arrays["x"].shape[:2], *sizes))
        dx = op.changed(x=x, stride=1, output_padding=0).result("dx", dy)
        yield dx, "all places"
        yield dx[:, :, : rows.output, : cols.output], "and stopped at the right size"


@rare("linear dx", "not summed over the outputs", "an input goes into every output; their gradients add up")
def _one_output(op: Operation, dy: Any) -> Answers:
    for o in one_by_one(dy.shape[-1]):
        one = np.zeros_like(dy)
        one[..., o] = dy[..., o]
        yield op.result("dx", one), f"only output {o}"
