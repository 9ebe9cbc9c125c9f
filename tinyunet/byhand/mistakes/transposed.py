"""What only a transposed convolution has: kernels that are laid down and overlap, cropping, zeros inserted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet import functional
from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import Answers, mistake, rare
from tinyunet.byhand.mistakes.window import biased_apart, borders, both, resized, tried, unbiased, weightless
from tinyunet.tensor import Array


def _laid(op: Operation, backwards: bool) -> Array:
    """Every pixel lays its kernel down, over what lies there already."""
    x, w, b = op.arrays["x"], op.arrays["w"], op.arrays["b"]
    whole = op.changed(padding=0, b=None)
    rows, cols = whole.axes()
    y = np.zeros((len(x), whole.result().shape[1], rows.input, cols.input))
    groups = op.settings["groups"]
    outputs = list(np.ndindex(rows.output, cols.output))
    for i, j in outputs[::-1] if backwards else outputs:
        pixel = x[:, :, i, j].reshape(len(x), groups, -1)
        kernels = np.einsum("ngc,gcouv->ngouv", pixel, w.reshape(groups, -1, *w.shape[1:]))
        down = slice(rows.stride * i, rows.stride * i + rows.span, rows.dilation)
        right = slice(cols.stride * j, cols.stride * j + cols.span, cols.dilation)
        y[:, :, down, right] = kernels.reshape(len(x), -1, *w.shape[2:])
    (rows, cols) = op.axes()
    y = y[:, :, rows.padding : rows.padding + rows.input, cols.padding : cols.padding + cols.input]
    return y if b is None else y + b[:, None, None]


@mistake("conv_transpose2d y", "overlaps overwritten", "where kernels that were laid down overlap, they are added")
def _overwritten(op: Operation, dy: Any) -> Answers:
    yield _laid(op, backwards=False), "the last one stays"
    yield _laid(op, backwards=True), "the first one stays"


@mistake(
    "conv_transpose2d y", "padding added instead of cropped", "padding makes the result smaller here: it is cropped"
)
def _padding_adds(op: Operation, dy: Any) -> Answers:
    paddings = borders(op)
    if any(map(any, paddings)):
        whole = op.changed(padding=0)
        yield np.pad(whole.result(), ((0, 0), (0, 0), *paddings)), "zeros around the result"
        x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *paddings))
        yield op.changed(x=x, padding=0).result(), "zeros around the input"


@mistake(
    "conv_transpose2d y", "output_padding as zeros", "output_padding enlarges the result; what is there is computed"
)
def _output_padding(op: Operation, dy: Any) -> Answers:
    down, right = both(op.settings["output_padding"])
    if down or right:
        yield np.pad(op.changed(output_padding=0).result(), ((0, 0), (0, 0), (0, down), (0, right)))


@mistake(
    "conv_transpose2d y", "output_padding forgotten", "output_padding adds rows at the bottom, columns on the right"
)
def _no_output_padding(op: Operation, dy: Any) -> Answers:
    if any(both(op.settings["output_padding"])):
        yield op.changed(output_padding=0).result()


@mistake("conv_transpose2d y", "weight layout swapped", "its weight is (in, out, kh, kw), not (out, in, kh, kw)")
def _layout(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1 and op.settings["groups"] == 1:
        yield weightless(op, lambda w: w.swapaxes(0, 1))


INVERTED = 400  # cells of the largest map for which the inverse is computed


@mistake(
    "conv_transpose2d y", "treated as the inverse", "a transposed convolution undoes the shape of a convolution, not it"
)
def _inverse(op: Operation, dy: Any) -> Answers:
    x, shape = op.arrays["x"], op.shape("y")
    cells = math.prod(shape[1:])
    if cells <= INVERTED:
        ones = np.eye(cells).reshape(cells, *shape[1:])  # a one at every place: dx is the convolution as a matrix
        matrix = op.changed(x=np.zeros((cells, *x.shape[1:]))).result("dx", ones).reshape(cells, -1)
        yield (x.reshape(len(x), -1) @ np.linalg.pinv(matrix)).reshape(shape)


# ---- less usual


@rare("conv_transpose2d y", "plain convolution", "here every pixel of x lays the whole kernel down")
def _plain(op: Operation, dy: Any) -> Answers:
    flipped = all(axis.stride == 1 and 2 * axis.padding == axis.span - 1 for axis in op.axes())
    if op.settings["groups"] == 1 and not flipped:
        x, w, b = op.arrays.values()
        settings = {name: op.settings[name] for name in ("stride", "padding", "dilation")}
        y, _ = functional.conv2d.__wrapped__(x, w.swapaxes(0, 1), b, groups=1, **settings)  # type: ignore[attr-defined]
        yield y


def _whole(op: Operation) -> tuple[Array, Any]:
    """The result before it is cropped, and the bias."""
    return unbiased(op.changed(padding=0, output_padding=0))


@rare("conv_transpose2d y", "cropped on one side only", "padding takes p rows and columns away from every side")
def _cropped(op: Operation, dy: Any) -> Answers:
    (rows, cols), y = op.axes(), op.changed(padding=0).result()
    p, q = rows.padding, cols.padding
    if (p or q) and not any(both(op.settings["output_padding"])):
        end = (y.shape[2] - p, y.shape[3] - q)
        yield y[:, :, p:, q:], "at the top and left"
        yield y[:, :, : end[0], : end[1]], "at the bottom and right"
        yield y[:, :, 2 * p :, 2 * q :], "twice at the top and left"
        yield y[:, :, : end[0] - p, : end[1] - q], "twice at the bottom and right"


@rare("conv_transpose2d y", "padding of another width", "padding p takes p rows and columns away from every side")
def _crop_width(op: Operation, dy: Any) -> Answers:
    here, spans = both(op.settings["padding"]), [axis.span for axis in op.axes()]
    opposite = tuple(span - 1 - p for span, p in zip(spans, here, strict=True))
    for width, detail in (
        (tuple(p + 1 for p in here), "one more"),
        (tuple(2 * p for p in here), "twice as much"),
        (opposite, "k − 1 − p, the width of the zeros around x before a plain convolution"),
    ):
        if width not in (here, (0, 0)) and min(width) >= 0:
            for y in tried(op, padding=width):
                yield y, detail


@rare("conv_transpose2d y", "size as input times stride", "the size is (input − 1)·stride − 2·padding + kernel")
def _times_stride(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    y = op.result()
    height, width = rows.stride * rows.output, cols.stride * cols.output
    if (height, width) != y.shape[2:] and not any(both(op.settings["output_padding"])):
        yield resized(y, height, width)


@rare("conv_transpose2d y", "zeros after the last pixel", "zeros are inserted between pixels, s − 1 of them")
def _zeros_after(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    extra = (rows.stride - 1, cols.stride - 1)
    if any(extra) and extra != both(op.settings["output_padding"]):
        yield op.changed(output_padding=extra).result()


@rare(
    "conv_transpose2d y",
    "output_padding at the beginning",
    "output_padding adds rows at the bottom, columns on the right",
)
def _at_the_beginning(op: Operation, dy: Any) -> Answers:
    (rows, cols), (down, right) = op.axes(), both(op.settings["output_padding"])
    y, b = _whole(op)
    if down or right:
        before = (max(0, down - rows.padding), max(0, right - cols.padding))
        y = np.pad(y, ((0, 0), (0, 0), (before[0], 0), (before[1], 0)))
        top, left = rows.padding - down + before[0], cols.padding - right + before[1]
        yield y[:, :, top : top + rows.input, left : left + cols.input] + b


def _overlaps(op: Operation) -> Array:
    """How many kernels lie on every output."""
    x, w, _ = op.arrays.values()
    one = np.zeros_like(x)
    one[:, :: x.shape[1] // op.settings["groups"]] = 1  # a channel of each group
    return op.changed(x=one, w=np.ones_like(w), b=None).result()


@rare("conv_transpose2d y", "overlaps averaged", "where kernels that were laid down overlap, they are added")
def _overlaps_averaged(op: Operation, dy: Any) -> Answers:
    y, b = unbiased(op)
    yield y / np.maximum(_overlaps(op), 1) + b


@rare("conv_transpose2d y", "bias added per pixel", "the bias is added once to an output")
def _bias_per_pixel(op: Operation, dy: Any) -> Answers:
    if biased := biased_apart(op):
        y, b = biased
        yield y + b * _overlaps(op)


@rare("conv_transpose2d y", "pixels repeated", "between pixels are zeros, which the kernels fill")
def _repeated(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) != (1, 1):
        x = op.arrays["x"].repeat(rows.stride, 2).repeat(cols.stride, 3)
        repeated = op.changed(x=x, stride=1, output_padding=0)
        yield repeated.result(), "before the kernel"
        yield weightless(repeated, lambda w: w[:, :, ::-1, ::-1]), "before a plain convolution"
        if x.shape[:2] == op.shape("y")[:2]:
            yield x, "and no kernel"
