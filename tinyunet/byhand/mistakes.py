"""The mistakes that are made, each as a way to compute the wrong answer.

A mistake is known by an operation, a quantity and a name. Its function takes the operation (and dy, for a gradient) and
yields what somebody who makes the mistake would answer: one array, or one for each way to make it, with a word that
tells them apart. It yields nothing where the mistake cannot be made. `diagnosis.py` compares them with an answer.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.operations import Operation
from tinyunet.ops import conv
from tinyunet.tensor import Array


class Mistake(NamedTuple):
    """What went wrong, and what to do instead."""

    name: str
    hint: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}{f' ({self.detail})' if self.detail else ''}: {self.hint}"


Answers = Iterator[Any]  # arrays, or pairs of an array and a detail
Way = Callable[[Operation, Any], Answers]

MANY = 64  # channels: with more nobody works by hand, and to try each would take minutes

WAYS: dict[tuple[str, str], list[tuple[Mistake, Way]]] = {}


def mistake(where: str, name: str, hint: str) -> Callable[[Way], Way]:
    """Enter a way to be wrong for some quantities, such as "conv2d y, conv2d dx"."""

    def enter(way: Way) -> Way:
        for place in where.split(", "):
            operation, what = place.split()
            WAYS.setdefault((operation, what), []).append((Mistake(name, hint), way))
        return way

    return enter


def wrong_answers(op: Operation, what: str, dy: Array | None) -> Iterator[tuple[Mistake, Array]]:
    """Every mistake that can be made here, with the answer that it leads to."""
    for known, way in WAYS.get((op.name, what), []):
        answers: list[Any] = []
        # A variance of 0, by a wrong formula; and settings that do not fit: the mistake cannot be made here.
        with np.errstate(divide="ignore", invalid="ignore"), contextlib.suppress(ValueError):
            answers.extend(way(op, dy))
        for answer in answers:
            array, detail = answer if isinstance(answer, tuple) else (answer, "")
            if np.all(np.isfinite(array)):
                yield known._replace(detail=detail), np.asarray(array)


def _both(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, (int, np.integer)) else tuple(value)


def _weightless(op: Operation, keep: Callable[[Array], Array]) -> Array:
    """The result with the weight changed by a function."""
    return op.changed(w=keep(op.arrays["w"])).result()


# ---- the sliding kernel

CONVOLUTIONS = "conv2d y, conv_transpose2d y"


@mistake(CONVOLUTIONS, "kernel flipped", "the kernel is used as it stands, not turned by 180°")
def _flipped(op: Operation, dy: Any) -> Answers:
    yield _weightless(op, lambda w: w[:, :, ::-1, ::-1])


@mistake(CONVOLUTIONS, "kernel transposed", "rows of the kernel meet rows of the image: w[u, v], not w[v, u]")
def _transposed(op: Operation, dy: Any) -> Answers:
    if op.arrays["w"].shape[2] == op.arrays["w"].shape[3]:
        yield _weightless(op, lambda w: w.swapaxes(2, 3))


@mistake(
    f"{CONVOLUTIONS}, max_pool2d y, avg_pool2d y",
    "stride forgotten",
    "the window moves by the stride, not by one pixel",
)
def _stride_forgotten(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) != (1, 1):
        extra = {"output_padding": 0} if "output_padding" in op.settings else {}
        y = op.changed(stride=1, **extra).result()
        yield y
        if op.name != "conv_transpose2d":
            yield y[:, :, : rows.output, : cols.output], "and stopped at the right size"


@mistake(
    "conv2d y, max_pool2d y, avg_pool2d y",
    "stride applied twice",
    "output (i, j) starts at pixel (s·i, s·j), and all windows that fit are counted: the stride enters once",
)
def _stride_twice(op: Operation, dy: Any) -> Answers:
    (rows, cols), y = op.axes(), op.result()
    if (rows.stride, cols.stride) != (1, 1):
        yield op.changed(stride=(rows.stride**2, cols.stride**2)).result(), "windows s² apart"
        if op.name == "conv2d":  # a loop over range(0, number of windows, stride)
            yield y[:, :, : -(-rows.output // rows.stride), : -(-cols.output // cols.stride)], "in the bound of a loop"


def _paddings(op: Operation) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros before and after, for rows and columns."""
    if op.name != "conv2d":
        return tuple((p, p) for p in _both(op.settings["padding"]))  # type: ignore[return-value]
    kernel = op.arrays["w"].shape[2:]
    return conv.paddings(op.settings["padding"], kernel, _both(op.settings["stride"]), _both(op.settings["dilation"]))


def _padded(op: Operation, paddings: Any, **how: Any) -> Array:
    """The result with the image padded in another way."""
    x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *paddings), **how)
    return op.changed(x=x, padding=0).result()


def _fits(op: Operation) -> bool:
    """Whether the kernel fits into the image without padding."""
    return all(axis.span <= axis.input for axis in op.axes())


@mistake(
    "conv2d y, max_pool2d y, avg_pool2d y", "padding forgotten", "the image gets a border before the window slides"
)
def _padding_forgotten(op: Operation, dy: Any) -> Answers:
    if any(map(any, _paddings(op))) and _fits(op):
        yield op.changed(padding=0).result()


@mistake("conv_transpose2d y", "padding forgotten", "padding crops that many rows and columns from every side")
def _crop_forgotten(op: Operation, dy: Any) -> Answers:
    if any(map(any, _paddings(op))):
        yield op.changed(padding=0).result()


@mistake("conv2d y", "edge padding", "the border is zeros, not the pixels at the edge repeated")
def _edge(op: Operation, dy: Any) -> Answers:
    if any(map(any, _paddings(op))):
        yield _padded(op, _paddings(op), mode="edge")


@mistake("conv2d y", "reflect padding", "the border is zeros, not the image mirrored")
def _reflect(op: Operation, dy: Any) -> Answers:
    paddings = _paddings(op)
    if any(map(any, paddings)) and all(max(p) < n for p, n in zip(paddings, op.arrays["x"].shape[2:], strict=True)):
        yield _padded(op, paddings, mode="reflect")


@mistake("conv2d y", "asymmetric 'same'", "the zeros go on both sides alike; only an odd one left over goes to the end")
def _asymmetric(op: Operation, dy: Any) -> Answers:
    paddings = _paddings(op)
    if any(map(any, paddings)):
        yield _padded(op, [(0, sum(p)) for p in paddings]), "all at the end"
        yield _padded(op, [(sum(p), 0) for p in paddings]), "all at the beginning"
        if any(a != b for a, b in paddings):
            yield _padded(op, [(b, a) for a, b in paddings]), "the odd one at the beginning"


@mistake(
    "conv2d y, max_pool2d y, avg_pool2d y",
    "output size off by one",
    "the number of windows is (input + 2·padding − dilation·(kernel − 1) − 1) // stride + 1",
)
def _one_less(op: Operation, dy: Any) -> Answers:
    y = op.result()
    rounded = op.changed(ceil_mode=not op.settings["ceil_mode"]).shape("y") if "ceil_mode" in op.settings else None
    for name, part in (("rows", y[:, :, :-1]), ("columns", y[..., :-1]), ("rows and columns", y[:, :, :-1, :-1])):
        if part.size and part.shape != rounded:  # that has a mistake of its own
            yield part, f"one too few {name}"
    if op.name == "conv2d":
        rows, cols = op.axes()
        (a, b), (c, d) = _paddings(op)
        more = _padded(op, ((a, b + rows.stride), (c, d + cols.stride)))
        yield more, "one too many rows and columns"
        yield more[:, :, :, : cols.output], "one too many rows"
        yield more[:, :, : rows.output], "one too many columns"


@mistake(
    f"{CONVOLUTIONS}, max_pool2d y",
    "dilation off by one",
    "cells of the kernel are `dilation` pixels apart: 1 is an ordinary kernel, 2 leaves one pixel out",
)
def _dilation(op: Operation, dy: Any) -> Answers:
    dilation = _both(op.settings["dilation"])
    for by in (-1, 1):
        changed = tuple(d + by for d in dilation)
        if min(changed) < 1:
            continue
        yield op.changed(dilation=changed).result(), f"{_both_or_one(changed)} for {_both_or_one(dilation)}"


def _each(count: int) -> range:
    """Which of several channels or images to leave out, one after the other; too many are left alone."""
    return range(count if 1 < count <= MANY else 0)


def _both_or_one(both: tuple[int, ...]) -> str:
    return str(both[0]) if len(set(both)) == 1 else str(both)


# ---- channels and bias


@mistake(
    "conv2d y", "channels kept apart", "every filter reads all input channels, and their sums are added to one number"
)
def _apart(op: Operation, dy: Any) -> Answers:
    x, w, b = op.arrays["x"], op.arrays["w"], op.arrays["b"]
    O, C = w.shape[:2]
    if op.settings["groups"] != 1 or not _each(C) or not _each(O + 1):
        return
    each = op.changed(x=np.tile(x, (1, O, 1, 1)), w=w.reshape(O * C, 1, *w.shape[2:]), b=None, groups=O * C).result()
    for bias in [None] if b is None else [b, None]:
        maps = each if bias is None else each + np.repeat(bias, C)[:, None, None]
        yield maps, "a map for every filter and channel"
        if O == C:
            yield maps[:, :: C + 1], "filter and channel of the same number"


@mistake(CONVOLUTIONS, "one channel skipped", "every input channel counts")
def _skipped(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    for c in _each(x.shape[1]):
        rest = x.copy()
        rest[:, c] = 0
        yield op.changed(x=rest).result(), f"channel {c}"


def _biased(op: Operation) -> tuple[Array, Array] | None:
    """The result without the bias, and the bias (O, 1, 1), if there is one."""
    b = op.arrays["b"]
    return None if b is None else (op.changed(b=None).result(), b[:, None, None])


@mistake(f"{CONVOLUTIONS}, linear y", "bias forgotten", "add the bias to every output")
def _bias_forgotten(op: Operation, dy: Any) -> Answers:
    if op.arrays["b"] is not None:
        yield op.changed(b=None).result()


@mistake(f"{CONVOLUTIONS}, linear y", "bias subtracted", "the bias is added, with its sign")
def _bias_subtracted(op: Operation, dy: Any) -> Answers:
    if op.arrays["b"] is not None:
        yield op.changed(b=-op.arrays["b"]).result()


@mistake("conv2d y", "bias added per tap", "the bias is added once to an output, not to every product")
def _bias_per_tap(op: Operation, dy: Any) -> Answers:
    if biased := _biased(op):
        y, b = biased
        _, C, kh, kw = op.arrays["w"].shape
        yield y + C * kh * kw * b
        if C > 1:
            yield y + kh * kw * b, "in one channel"


@mistake(CONVOLUTIONS, "bias added per channel", "the bias is added once to an output, not once for each input channel")
def _bias_per_channel(op: Operation, dy: Any) -> Answers:
    channels = op.arrays["x"].shape[1] // op.settings["groups"]
    if channels > 1 and (biased := _biased(op)):
        yield biased[0] + channels * biased[1]


@mistake(CONVOLUTIONS, "zero or negative weight skipped", "every weight takes part, with its sign")
def _weights_skipped(op: Operation, dy: Any) -> Answers:
    yield _weightless(op, lambda w: np.maximum(w, 0)), "negative ones left out"
    yield _weightless(op, np.abs), "the sign left out"
    yield _weightless(op, lambda w: np.where(w == 0, 1, w)), "zeros taken as ones"


@mistake("conv2d y", "average instead of sum", "a convolution adds the products up and does not divide")
def _averaged(op: Operation, dy: Any) -> Answers:
    _, C, kh, kw = op.arrays["w"].shape
    for taps, detail in ((C * kh * kw, "over all products"), (kh * kw, "over the kernel's cells")):
        if taps > 1:
            if biased := _biased(op):
                yield biased[0] / taps + biased[1], detail
            yield op.result() / taps, detail


# ---- transposed convolution


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
    paddings = _paddings(op)
    if any(map(any, paddings)):
        whole = op.changed(padding=0)
        yield np.pad(whole.result(), ((0, 0), (0, 0), *paddings)), "zeros around the result"
        x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *paddings))
        yield op.changed(x=x, padding=0).result(), "zeros around the input"


@mistake(
    "conv_transpose2d y", "output_padding as zeros", "output_padding enlarges the result; what is there is computed"
)
def _output_padding(op: Operation, dy: Any) -> Answers:
    down, right = _both(op.settings["output_padding"])
    if down or right:
        yield np.pad(op.changed(output_padding=0).result(), ((0, 0), (0, 0), (0, down), (0, right)))


@mistake(
    "conv_transpose2d y", "output_padding forgotten", "output_padding adds rows at the bottom, columns on the right"
)
def _no_output_padding(op: Operation, dy: Any) -> Answers:
    if any(_both(op.settings["output_padding"])):
        yield op.changed(output_padding=0).result()


@mistake("conv_transpose2d y", "weight layout swapped", "its weight is (in, out, kh, kw), not (out, in, kh, kw)")
def _layout(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1 and op.settings["groups"] == 1:
        yield _weightless(op, lambda w: w.swapaxes(0, 1))


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


# ---- pooling


@mistake("max_pool2d y", "zero padding in max-pool", "the padding is −∞ and never wins, even among negative numbers")
def _zeros_win(op: Operation, dy: Any) -> Answers:
    if any(map(any, _paddings(op))):
        yield _padded(op, _paddings(op))


@mistake("avg_pool2d y", "divisor at the border", "count_include_pad says whether zeros of the padding are counted")
def _divisor(op: Operation, dy: Any) -> Answers:
    yield op.changed(count_include_pad=not op.settings["count_include_pad"]).result()


@mistake("max_pool2d y, avg_pool2d y", "ceil for floor", "the size is rounded down, except with ceil_mode")
def _rounded(op: Operation, dy: Any) -> Answers:
    yield op.changed(ceil_mode=not op.settings["ceil_mode"]).result()


def _windows(op: Operation, fill: float) -> Array:
    """The pixels under every window, (N, C, Ho, Wo, kh·kw), where every window lies inside the padding."""
    rows, cols = op.axes()
    border = ((0, 0), (0, 0), (rows.padding, rows.overhang), (cols.padding, cols.overhang))
    x = np.pad(op.arrays["x"], border, constant_values=fill)
    cells = [x[:, :, rows.inputs(u), cols.inputs(v)] for u in range(rows.kernel) for v in range(cols.kernel)]
    return np.stack(cells, -1)


@mistake("max_pool2d y", "average instead of maximum", "max-pooling takes the largest number of the window")
def _mean_for_max(op: Operation, dy: Any) -> Answers:
    yield _windows(op, 0.0).mean(-1)


@mistake("avg_pool2d y", "maximum instead of average", "average pooling takes the mean of the window")
def _max_for_mean(op: Operation, dy: Any) -> Answers:
    yield _windows(op, -math.inf).max(-1)


@mistake("avg_pool2d y", "not divided", "divide the sum by the number of cells in the window")
def _sum_for_mean(op: Operation, dy: Any) -> Answers:
    yield _windows(op, 0.0).sum(-1)


def _spread(op: Operation, shares: Array, assign: bool = False) -> Array:
    """What every cell of every window gives back, (N, C, Ho, Wo, kh·kw), added up (or written over) at its pixel."""
    rows, cols = op.axes()
    N, C, H, W = op.arrays["x"].shape
    dx = np.zeros((N, C, H + rows.padding + rows.overhang, W + cols.padding + cols.overhang))
    for k, (u, v) in enumerate(np.ndindex(rows.kernel, cols.kernel)):
        seen = (..., rows.inputs(u), cols.inputs(v))
        dx[seen] = shares[..., k] if assign else dx[seen] + shares[..., k]
    return dx[:, :, rows.padding : rows.padding + H, cols.padding : cols.padding + W]


@mistake("max_pool2d dx", "ties shared", "among equals the first alone receives the gradient")
def _ties(op: Operation, dy: Any) -> Answers:
    cells = _windows(op, -math.inf)
    best = cells == cells.max(-1, keepdims=True)
    yield _spread(op, dy[..., None] * best), "each of them receives it"
    yield _spread(op, dy[..., None] * best / best.sum(-1, keepdims=True)), "divided among them"


@mistake("max_pool2d dx", "last of equal numbers", "among equals the first alone receives the gradient")
def _last(op: Operation, dy: Any) -> Answers:
    cells = _windows(op, -math.inf)
    last = cells.shape[-1] - 1 - cells[..., ::-1].argmax(-1)
    yield _spread(op, dy[..., None] * (np.arange(cells.shape[-1]) == last[..., None]))


@mistake("max_pool2d dx", "gradient to the whole window", "only the largest number moves the output")
def _to_all(op: Operation, dy: Any) -> Answers:
    cells = _windows(op, 0.0)
    yield _spread(op, dy[..., None] * np.ones_like(cells)), "in full"
    yield _spread(op, dy[..., None] * np.ones_like(cells) / cells.shape[-1]), "in equal parts"


@mistake("avg_pool2d dx", "not divided", "every pixel of the window receives dy divided by the divisor")
def _gradient_not_divided(op: Operation, dy: Any) -> Answers:
    yield _spread(op, dy[..., None] * np.ones_like(_windows(op, 0.0)))


@mistake("avg_pool2d dx", "divisor at the border", "the divisor is that of the forward pass")
def _gradient_divisor(op: Operation, dy: Any) -> Answers:
    yield op.changed(count_include_pad=not op.settings["count_include_pad"]).result("dx", dy)


# ---- gradients of convolutions


@mistake("conv2d dx", "no rot180", "the window that looks back from a pixel meets the kernel from its other end")
def _not_turned(op: Operation, dy: Any) -> Answers:
    yield op.changed(w=op.arrays["w"][:, :, ::-1, ::-1]).result("dx", dy)


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
    (a, b), (c, d) = _paddings(op)
    N, C, H, W = op.arrays["x"].shape
    h, w = rows.output + rows.span - 1 - a - b, cols.output + cols.span - 1 - c - d
    if min(h, w) < 1:
        return
    small = op.changed(x=np.zeros((N, C, h, w)), stride=1).result("dx", dy)
    yield small, "too small"
    if h <= H and w <= W:
        yield np.pad(small, ((0, 0), (0, 0), (0, H - h), (0, W - w))), "zeros at the end"


@mistake("conv2d dx", "not summed over filters", "a pixel is read by every filter; their gradients add up")
def _one_filter(op: Operation, dy: Any) -> Answers:
    for o in _each(dy.shape[1]):
        one = np.zeros_like(dy)
        one[:, o] = dy[:, o]
        yield op.result("dx", one), f"only filter {o}"


@mistake("conv_transpose2d dx", "not summed over output channels", "a pixel goes into every output channel")
def _one_output_channel(op: Operation, dy: Any) -> Answers:
    yield from _one_filter(op, dy)


@mistake("conv2d dw, conv_transpose2d dw, linear dw", "not summed over the batch", "all images use the same weights")
def _one_image(op: Operation, dy: Any) -> Answers:
    if dy.ndim in (2, 4) and len(dy) > 1:
        for n in _each(len(dy)):
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
        cells = _windows(op, -math.inf)
        if op.name == "max_pool2d":
            first = np.arange(cells.shape[-1]) == cells.argmax(-1)[..., None]
            shares = dy[..., None] * first
        else:
            ones = op.result("dx", np.ones_like(dy))  # only to see whether the divisor varies
            if op.settings["count_include_pad"] is False or np.isnan(ones).any():
                return
            shares = np.repeat(dy[..., None] / cells.shape[-1], cells.shape[-1], -1)
    yield _spread(op, shares, assign=True)


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


# ---- batch normalisation


def _normalised(
    op: Operation, axes: tuple[int, ...], ddof: int = 0, power: float = 0.5, eps: float | None = None
) -> Array:
    """x normalised over some axes, by (variance + ε) to some power; with γ and β."""
    x = op.arrays["x"]
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=ddof)
    return _affine(op, (x - mean) / (var + (op.settings["eps"] if eps is None else eps)) ** power)


def _vector(v: Array | None, x: Array, default: float) -> Any:
    return default if v is None else v.reshape(1, -1, *[1] * (x.ndim - 2))


def _affine(op: Operation, normal: Array) -> Array:
    gamma, beta = (op.arrays[name] for name in ("weight", "bias"))
    return normal * _vector(gamma, normal, 1.0) + _vector(beta, normal, 0.0)


def _batch_axes(op: Operation) -> tuple[int, ...]:
    return tuple(axis for axis in range(op.arrays["x"].ndim) if axis != 1)


@mistake(
    "batch_norm y",
    "unbiased variance",
    "the batch is normalised with the biased variance, divided by m and not by m − 1",
)
def _unbiased(op: Operation, dy: Any) -> Answers:
    if op.settings["training"]:
        yield _normalised(op, _batch_axes(op), ddof=1)


def _moments(op: Operation) -> tuple[Array, Array]:
    """μ and σ² that the operation uses, shaped for broadcasting."""
    x = op.arrays["x"]
    if op.settings["training"]:
        axes = _batch_axes(op)
        return x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return tuple(_vector(op.arrays[name], x, 0.0) for name in ("running_mean", "running_var"))


@mistake("batch_norm y", "variance for standard deviation", "divide by the square root √(σ² + ε)")
def _no_root(op: Operation, dy: Any) -> Answers:
    mean, var = _moments(op)
    yield _affine(op, (op.arrays["x"] - mean) / (var + op.settings["eps"]))


@mistake("batch_norm y", "epsilon forgotten", "ε is added to the variance, under the root")
def _no_epsilon(op: Operation, dy: Any) -> Answers:
    mean, var = _moments(op)
    if np.all(var > 0):
        yield _affine(op, (op.arrays["x"] - mean) / np.sqrt(var))
        yield _affine(op, (op.arrays["x"] - mean) / (np.sqrt(var) + op.settings["eps"])), "added after the root"


@mistake("batch_norm y", "mean not subtracted", "x − μ is divided, not x")
def _no_mean(op: Operation, dy: Any) -> Answers:
    _, var = _moments(op)
    yield _affine(op, op.arrays["x"] / np.sqrt(var + op.settings["eps"]))


@mistake("batch_norm y", "wrong axes", "mean and variance are taken channel by channel, over batch, height and width")
def _wrong_axes(op: Operation, dy: Any) -> Answers:
    if not op.settings["training"]:
        return
    x = op.arrays["x"]
    everything = tuple(range(x.ndim))
    choices = [
        (everything, "over everything"),
        (everything[1:], "image by image"),
        (everything[2:], "image by image and channel by channel"),
        ((0,), "place by place"),
        ((1,), "over the channels"),
    ]
    for axes, detail in choices:
        if axes and axes != _batch_axes(op):
            yield _normalised(op, axes), detail


@mistake("batch_norm y", "gamma or beta forgotten", "y = γ·x̂ + β")
def _no_affine(op: Operation, dy: Any) -> Answers:
    for left_out, detail in ((("weight",), "gamma"), (("bias",), "beta"), (("weight", "bias"), "both")):
        if all(op.arrays[name] is not None for name in left_out):
            yield op.changed(**dict.fromkeys(left_out)).result(), detail


@mistake("batch_norm y", "gamma and beta swapped", "γ multiplies, β is added")
def _swapped(op: Operation, dy: Any) -> Answers:
    gamma, beta = op.arrays["weight"], op.arrays["bias"]
    if gamma is not None and beta is not None:
        yield op.changed(weight=beta, bias=gamma).result()


@mistake(
    "batch_norm y",
    "statistics of the wrong mode",
    "training uses the batch's mean and variance, evaluation the running ones",
)
def _other_mode(op: Operation, dy: Any) -> Answers:
    there = op.arrays["running_mean"] is not None and op.arrays["running_var"] is not None
    x = op.arrays["x"]
    if op.settings["training"] and there:
        yield op.changed(training=False).result(), "the running ones in training"
    elif not op.settings["training"] and x.size > x.shape[1]:
        yield op.changed(training=True).result(), "the batch's in evaluation"


@mistake(
    "batch_norm running_mean, batch_norm running_var",
    "momentum reversed",
    "running ← (1 − momentum)·running + momentum·batch",
)
def _momentum(op: Operation, dy: Any) -> Answers:
    other = op.changed(momentum=1 - op.settings["momentum"])
    for what in ("running_mean", "running_var"):
        yield other.result(what)


RUNNING = "momentum forgotten", "running ← (1 − momentum)·running + momentum·batch"


def _not_mixed(op: Operation, what: str) -> Answers:
    """The batch's value alone, and added to the old one."""
    old, momentum = op.arrays[what], op.settings["momentum"]
    batch = (op.result(what) - (1 - momentum) * old) / momentum if momentum else old
    yield batch, "the batch alone"
    yield old + momentum * batch, "the old value in full"


@mistake("batch_norm running_mean", *RUNNING)
def _mean_not_mixed(op: Operation, dy: Any) -> Answers:
    yield from _not_mixed(op, "running_mean")


@mistake("batch_norm running_var", *RUNNING)
def _var_not_mixed(op: Operation, dy: Any) -> Answers:
    yield from _not_mixed(op, "running_var")


@mistake("batch_norm running_var", "biased variance", "what is kept is divided by m − 1")
def _biased_kept(op: Operation, dy: Any) -> Answers:
    momentum = op.settings["momentum"]
    biased = op.arrays["x"].var(_batch_axes(op))
    yield (1 - momentum) * op.arrays["running_var"] + momentum * biased


def _normal(op: Operation) -> tuple[Array, Array, Any]:
    """x̂, the root √(σ² + ε), and γ, shaped for broadcasting."""
    mean, var = _moments(op)
    x = op.arrays["x"]
    root = np.sqrt(var + op.settings["eps"])
    return (x - mean) / root, root, _vector(op.arrays["weight"], x, 1.0)


@mistake("batch_norm dx", "dx as dy·γ/σ", "mean and variance depend on x, too: two more terms")
def _direct(op: Operation, dy: Any) -> Answers:
    _, root, gamma = _normal(op)
    yield dy * gamma / root


@mistake("batch_norm dx", "without its variance term", "subtract x̂·mean(dy·x̂) as well")
def _no_variance_term(op: Operation, dy: Any) -> Answers:
    _, root, gamma = _normal(op)
    yield gamma / root * (dy - dy.mean(_batch_axes(op), keepdims=True))


@mistake("batch_norm dx", "without its mean term", "subtract mean(dy) as well")
def _no_mean_term(op: Operation, dy: Any) -> Answers:
    normal, root, gamma = _normal(op)
    yield gamma / root * (dy - normal * (dy * normal).mean(_batch_axes(op), keepdims=True))


@mistake("batch_norm dx", "gamma forgotten", "dx̂ = γ·dy")
def _gamma_forgotten(op: Operation, dy: Any) -> Answers:
    yield op.changed(weight=None).result("dx", dy)


@mistake("batch_norm dweight", "x in place of x̂", "γ was multiplied by the normalised x̂")
def _not_normalised(op: Operation, dy: Any) -> Answers:
    yield (dy * op.arrays["x"]).sum(_batch_axes(op))


# ---- the rest


@mistake("relu y", "negative numbers kept", "max(0, x) is 0 for negative x")
def _kept(op: Operation, dy: Any) -> Answers:
    yield op.arrays["x"], "as they are"
    yield np.abs(op.arrays["x"]), "without their sign"


@mistake("relu dx", "mask from the gradient's sign", "the gradient passes where x > 0, whatever its own sign")
def _mask_of_dy(op: Operation, dy: Any) -> Answers:
    yield np.maximum(dy, 0)


@mistake("relu dx", "mask forgotten", "where x ≤ 0 the output does not move, and the gradient is 0")
def _no_mask(op: Operation, dy: Any) -> Answers:
    yield dy


@mistake("relu dx", "zero counted as positive", "at x = 0 the gradient is 0 by convention, as in PyTorch")
def _at_zero(op: Operation, dy: Any) -> Answers:
    yield dy * (op.arrays["x"] >= 0)


@mistake("linear y", "weight transposed", "y = x·Wᵀ: every row of W makes one output")
def _linear_transposed(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1:
        yield op.changed(w=w.T).result()


@mistake("linear dx", "weight transposed", "dx = dy·W")
def _linear_dx_transposed(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1:
        yield op.changed(w=w.T).result("dx", dy)


@mistake("linear dw", "gradient transposed", "dw has the shape of the weight, (out, in)")
def _linear_dw_transposed(op: Operation, dy: Any) -> Answers:
    yield op.result("dw", dy).T


@mistake("linear y", "one input skipped", "every input counts")
def _input_skipped(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    for k in _each(x.shape[-1]):
        rest = x.copy()
        rest[..., k] = 0
        yield op.changed(x=rest).result(), f"input {k}"


@mistake("softmax y", "not normalised", "divide by the sum of the exponentials")
def _not_divided(op: Operation, dy: Any) -> Answers:
    yield np.exp(op.arrays["x"])


@mistake("softmax y", "exponential forgotten", "it is the exponentials that are divided by their sum")
def _no_exponential(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    total = x.sum(-1, keepdims=True)
    if np.all(total != 0):
        yield x / total


@mistake("softmax y", "wrong axis", "the probabilities of the classes of one row sum to 1")
def _softmax_axis(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    if x.ndim > 1:
        yield np.exp(x) / np.exp(x).sum(0)


@mistake(
    "softmax dx", "other classes forgotten", "each logit moves all probabilities: subtract Σ dy·y over the classes"
)
def _diagonal(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield y * (1 - y) * dy, "y·(1 − y)·dy"
    yield y * dy, "y·dy"


@mistake("cross_entropy y", "sum for mean", "the mean divides by the number of rows")
def _summed(op: Operation, dy: Any) -> Answers:
    other = {"mean": "sum", "sum": "mean"}.get(op.settings["reduction"])
    if other:
        yield op.changed(reduction=other).result()


@mistake(
    "cross_entropy y",
    "softmax forgotten",
    "the logits become probabilities by softmax; the loss is −log of one of them",
)
def _no_softmax(op: Operation, dy: Any) -> Answers:
    x, target = op.arrays["x"], op.arrays["target"]
    chosen = np.take_along_axis(x, np.expand_dims(target, -1), -1)[..., 0]
    reduce: Any = {"none": np.asarray, "mean": np.mean, "sum": np.sum}[op.settings["reduction"]]
    yield reduce(-chosen), "minus the logit"
    if np.all(chosen > 0):
        yield reduce(-np.log(chosen)), "−log of the logit"


@mistake("cross_entropy y", "sign forgotten", "the loss is minus the logarithm of the probability, and positive")
def _negative(op: Operation, dy: Any) -> Answers:
    yield -op.result()


@mistake("cross_entropy y", "logarithm to another base", "log is the natural logarithm")
def _base(op: Operation, dy: Any) -> Answers:
    yield op.result() / math.log(2), "base 2"
    yield op.result() / math.log(10), "base 10"


@mistake("cross_entropy y", "logarithm forgotten", "the loss is −log p, not the probability p of the target")
def _no_logarithm(op: Operation, dy: Any) -> Answers:
    losses = op.changed(reduction="none").result()
    p = np.exp(-losses)
    yield p if op.settings["reduction"] == "none" else p.mean() if op.settings["reduction"] == "mean" else p.sum()


@mistake("cross_entropy dx", "1 not subtracted at the target", "the gradient is p − 1 at the target class")
def _only_p(op: Operation, dy: Any) -> Answers:
    p = np.exp(op.arrays["x"])
    p = p / p.sum(-1, keepdims=True)
    rows = len(p) if p.ndim == 2 and op.settings["reduction"] == "mean" else 1
    yield p * np.expand_dims(dy, -1) / rows


@mistake("cross_entropy dx", "not divided by the rows", "the mean over the rows divides their gradients, too")
def _not_averaged(op: Operation, dy: Any) -> Answers:
    if op.settings["reduction"] == "mean":
        yield op.changed(reduction="sum").result("dx", dy)


@mistake("cross_entropy dx", "sign reversed", "p − onehot, not onehot − p")
def _reversed(op: Operation, dy: Any) -> Answers:
    yield -op.result("dx", dy)
