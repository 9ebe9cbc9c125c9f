"""How the window slides: mistakes with stride, padding, dilation and size, of convolutions and pooling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import TRANSPOSED, Answers, mistake, rare
from tinyunet.byhand.mistakes.window import (
    CONVOLUTIONS,
    borders,
    both,
    both_or_one,
    fill,
    fits,
    moved,
    padded,
    resized,
    tried,
)

WINDOWS = "conv2d y, max_pool2d y, avg_pool2d y"
ALL = f"{CONVOLUTIONS}, max_pool2d y, avg_pool2d y"


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


@mistake(
    "conv2d y, max_pool2d y, avg_pool2d y", "padding forgotten", "the image gets a border before the window slides"
)
def _padding_forgotten(op: Operation, dy: Any) -> Answers:
    if any(map(any, borders(op))) and fits(op):
        yield op.changed(padding=0).result()


@mistake("conv_transpose2d y", "padding forgotten", "padding crops that many rows and columns from every side")
def _crop_forgotten(op: Operation, dy: Any) -> Answers:
    if any(map(any, borders(op))):
        yield op.changed(padding=0).result()


@mistake("conv2d y", "edge padding", "the border is zeros, not the pixels at the edge repeated")
def _edge(op: Operation, dy: Any) -> Answers:
    if any(map(any, borders(op))):
        yield padded(op, borders(op), mode="edge")


@mistake("conv2d y", "reflect padding", "the border is zeros, not the image mirrored")
def _reflect(op: Operation, dy: Any) -> Answers:
    paddings = borders(op)
    if any(map(any, paddings)) and all(max(p) < n for p, n in zip(paddings, op.arrays["x"].shape[2:], strict=True)):
        yield padded(op, paddings, mode="reflect")


@mistake("conv2d y", "asymmetric 'same'", "the zeros go on both sides alike; only an odd one left over goes to the end")
def _asymmetric(op: Operation, dy: Any) -> Answers:
    paddings = borders(op)
    if any(map(any, paddings)):
        yield padded(op, [(0, sum(p)) for p in paddings]), "all at the end"
        yield padded(op, [(sum(p), 0) for p in paddings]), "all at the beginning"
        if any(a != b for a, b in paddings):
            yield padded(op, [(b, a) for a, b in paddings]), "the odd one at the beginning"


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
        (a, b), (c, d) = borders(op)
        more = padded(op, ((a, b + rows.stride), (c, d + cols.stride)))
        yield more, "one too many rows and columns"
        yield more[:, :, :, : cols.output], "one too many rows"
        yield more[:, :, : rows.output], "one too many columns"


@mistake(
    f"{CONVOLUTIONS}, max_pool2d y",
    "dilation off by one",
    "cells of the kernel are `dilation` pixels apart: 1 is an ordinary kernel, 2 leaves one pixel out",
)
def _dilation(op: Operation, dy: Any) -> Answers:
    dilation = both(op.settings["dilation"])
    for by in (-1, 1):
        changed = tuple(d + by for d in dilation)
        if min(changed) < 1:
            continue
        yield op.changed(dilation=changed).result(), f"{both_or_one(changed)} for {both_or_one(dilation)}"


# ---- less usual

PLAIN = {"stride": 1, "padding": 0, "dilation": 1}


def _pairs(op: Operation) -> Iterator[tuple[str, tuple[int, int]]]:
    """The settings for rows and columns."""
    for name in (*PLAIN, "kernel_size", "output_padding"):
        value = op.settings.get(name)
        if value is not None and not isinstance(value, str):
            yield name, both(value)


@rare(ALL, "rows and columns exchanged", "a pair of settings is meant as (rows, columns)")
def _pair_exchanged(op: Operation, dy: Any) -> Answers:
    for name, (down, right) in _pairs(op):
        if down != right:
            for y in tried(op, **{name: (right, down)}):
                yield y, name


@rare(ALL, "one direction forgotten", "it holds for rows and for columns")
def _one_direction(op: Operation, dy: Any) -> Answers:
    for name, (down, right) in _pairs(op):
        plain = PLAIN.get(name)
        if plain is None or plain in (down, right):
            continue
        for pair, detail in (((down, plain), "rows"), ((plain, right), "columns")):
            for y in tried(op, **{name: pair}):
                yield y, f"{name} in {detail} only"


def _stride_by(op: Operation, by: int) -> Answers:
    """With another stride; 1 has a mistake of its own."""
    rows, cols = op.axes()
    here, there = (rows.stride, cols.stride), (rows.stride + by, cols.stride + by)
    if there != (1, 1):
        for y in tried(op, stride=there):
            yield y, f"{both_or_one(there)} for {both_or_one(here)}"


@rare("conv_transpose2d y", "stride off by one", "with stride s there are s − 1 zeros between pixels")
@rare(WINDOWS, "stride off by one", "the stride is the distance between windows, not the number of pixels skipped")
def _stride_off(op: Operation, dy: Any) -> Answers:
    yield from _stride_by(op, 1)
    yield from _stride_by(op, -1)


@rare(
    f"{CONVOLUTIONS}, max_pool2d y",
    "stride and dilation exchanged",
    "the stride moves the whole window, the dilation spreads its cells",
)
def _stride_for_dilation(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    strides, dilations = (rows.stride, cols.stride), (rows.dilation, cols.dilation)
    if strides != dilations:
        yield op.changed(stride=dilations, dilation=strides).result()


@rare(WINDOWS, "padding of another width", "padding p puts p rows and columns on every side, and 0 none")
def _other_width(op: Operation, dy: Any) -> Answers:
    given, spans = op.settings["padding"], [axis.span for axis in op.axes()]
    here, widths = both(-1 if isinstance(given, str) else given), dict[tuple[int, ...], str]()
    if here != (-1, -1):
        widths |= {tuple(p + by for p in here): "" for by in (1, -1)} | {tuple(2 * p for p in here): ""}
    widths |= {tuple(span // 2 for span in spans): "half the kernel's", tuple(span - 1 for span in spans): "'full'"}
    for width, detail in widths.items():
        if width not in (here, (0, 0)) and min(width) >= 0:
            for y in tried(op, padding=width):
                yield y, detail or f"{both_or_one(width)} for {both_or_one(here)}"


@rare(WINDOWS, "padding on one side only", "the border goes around the image, on all four sides")
def _one_side(op: Operation, dy: Any) -> Answers:
    around = borders(op)
    if any(map(any, around)) and op.settings.get("count_include_pad") is not False:
        rows, cols = op.axes()
        if max(rows.stride, cols.stride, *map(max, around)) > 1:  # else one row and column are missing at the end
            yield padded(op, [(before, 0) for before, _ in around], constant_values=fill(op)), "at the top and left"
        yield padded(op, [(0, after) for _, after in around], constant_values=fill(op)), "at the bottom and right"


@rare("conv2d y", "wrap-around padding", "the border is zeros, not the pixels from the other side of the image")
def _wrapped(op: Operation, dy: Any) -> Answers:
    around = borders(op)
    if any(map(any, around)):
        yield padded(op, around, mode="wrap"), "on all sides"
        x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *((before, 0) for before, _ in around)), mode="wrap")
        x = np.pad(x, ((0, 0), (0, 0), *((0, after) for _, after in around)))
        yield op.changed(x=x, padding=0).result(), "at the top and left, as negative indices do"


@rare(ALL, *TRANSPOSED)
def _result_transposed(op: Operation, dy: Any) -> Answers:
    yield op.result().swapaxes(2, 3), "rows and columns exchanged"


@rare("conv2d y", "padding with other numbers", "the border is zeros")
def _other_numbers(op: Operation, dy: Any) -> Answers:
    around, x = borders(op), op.arrays["x"]
    if any(map(any, around)):
        for number, detail in ((1.0, "ones"), (255.0, "255"), (x.mean(), "the mean"), (x.max(), "the largest number")):
            yield padded(op, around, constant_values=number), detail
        if max(map(max, around)) > 1:  # one row of it is the edge
            yield padded(op, around, mode="symmetric"), "the image mirrored, its edge included"


@rare(
    WINDOWS,
    "windows shifted",
    "output (i, j) starts at pixel (s·i, s·j) of the padded image",
)
def _shifted(op: Operation, dy: Any) -> Answers:
    around = borders(op)
    if op.settings.get("count_include_pad") is not False:
        later = [(before - 1, after + 1) for before, after in around]
        earlier = [(before + 1, after - 1) for before, after in around]
        for border, detail in ((later, "down and right"), (earlier, "up and left")):
            if op.name == "conv2d" and all(min(pair) == 0 for pair in border):
                continue  # all the padding on one side is asymmetric
            yield op.changed(x=moved(op, border), padding=0).result(), detail


@rare(WINDOWS, "places left out", "every place where the window fits makes an output, also at the edge")
def _left_out(op: Operation, dy: Any) -> Answers:
    y, x, (down, right) = op.result(), op.arrays["x"], borders(op)
    height, width = y.shape[2:]
    i, j = np.ogrid[:height, :width]
    yield y * (i < height - 1) * (j < width - 1), "the last row and column are left at 0"
    if any(down) or any(right):
        inside = (i >= down[0]) & (i < height - down[1]) & (j >= right[0]) & (j < width - right[1])
        yield y * inside, "the edge is left at 0"
        if x.shape == y.shape:
            yield np.where(inside, y, x), "the edge is that of the image"
        for unpadded in tried(op, padding=0):
            yield resized(unpadded, height, width), "without padding, the last ones are left at 0"


@rare(f"{CONVOLUTIONS}, max_pool2d y", "dilation forgotten", "cells of the kernel are `dilation` pixels apart")
def _no_dilation(op: Operation, dy: Any) -> Answers:
    if max(axis.dilation for axis in op.axes()) > 2:  # else it is off by one
        yield from tried(op, dilation=1)


@rare("conv2d y", "stride as in pooling", "the stride of a convolution is 1 unless it is given")
def _stride_of_pooling(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if max(rows.kernel - rows.stride, cols.kernel - cols.stride) > 1:  # else it is off by one
        yield from tried(op, stride=(rows.kernel, cols.kernel))


@rare("conv_transpose2d y", "stride forgotten", "the kernel of pixel (i, j) is laid down at (s·i, s·j)")
def _laid_close(op: Operation, dy: Any) -> Answers:
    rows, cols = op.axes()
    if (rows.stride, cols.stride) != (1, 1):
        yield resized(op.changed(stride=1, output_padding=0).result(), rows.input, cols.input), "the rest left at 0"
