"""What a convolution adds up: mistakes with kernel, channels and bias, of both convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import (
    RARE,
    TOGETHER,
    WAYS,
    Answers,
    Mistake,
    mistake,
    one_by_one,
    other_orders,
    rare,
    wrong_answers,
)
from tinyunet.byhand.mistakes.window import CONVOLUTIONS, biased_apart, borders, image_of, tried, unbiased, weightless
from tinyunet.tensor import Array

FLIPPED = "kernel flipped", "the kernel is used as it stands, not turned by 180°"
LAID_FLIPPED = (
    "kernel flipped",
    "the kernel is laid down as it stands; it is turned by 180° only where zeros are put between the pixels, and a "
    "window slides over them",
)


@mistake("conv2d y", *FLIPPED)
@mistake("conv_transpose2d y", *LAID_FLIPPED)
def _flipped(op: Operation, dy: Any) -> Answers:
    yield weightless(op, lambda w: w[:, :, ::-1, ::-1])


@mistake(CONVOLUTIONS, "kernel transposed", "rows of the kernel meet rows of the image: w[u, v], not w[v, u]")
def _transposed(op: Operation, dy: Any) -> Answers:
    if op.arrays["w"].shape[2] == op.arrays["w"].shape[3]:
        yield weightless(op, lambda w: w.swapaxes(2, 3))


@mistake(
    "conv2d y", "channels kept apart", "every filter reads all input channels, and their sums are added to one number"
)
def _apart(op: Operation, dy: Any) -> Answers:
    x, w, b = op.arrays["x"], op.arrays["w"], op.arrays["b"]
    O, C = w.shape[:2]
    if op.settings["groups"] != 1 or not one_by_one(C) or not one_by_one(O + 1):
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
    for c in one_by_one(x.shape[1]):
        rest = x.copy()
        rest[:, c] = 0
        yield op.changed(x=rest).result(), f"channel {c}"


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
    if biased := biased_apart(op):
        y, b = biased
        _, C, kh, kw = op.arrays["w"].shape
        yield y + C * kh * kw * b
        if C > 1:
            yield y + kh * kw * b, "in one channel"


@mistake(CONVOLUTIONS, "bias added per channel", "the bias is added once to an output, not once for each input channel")
def _bias_per_channel(op: Operation, dy: Any) -> Answers:
    channels = op.arrays["x"].shape[1] // op.settings["groups"]
    if channels > 1 and (biased := biased_apart(op)):
        yield biased[0] + channels * biased[1]


@mistake(CONVOLUTIONS, "zero or negative weight skipped", "every weight takes part, with its sign")
def _weights_skipped(op: Operation, dy: Any) -> Answers:
    yield weightless(op, lambda w: np.maximum(w, 0)), "negative ones left out"
    yield weightless(op, np.abs), "the sign left out"
    yield weightless(op, lambda w: np.where(w == 0, 1, w)), "zeros taken as ones"


@mistake("conv2d y", "average instead of sum", "a convolution adds the products up and does not divide")
def _averaged(op: Operation, dy: Any) -> Answers:
    _, C, kh, kw = op.arrays["w"].shape
    for taps, detail in ((C * kh * kw, "over all products"), (kh * kw, "over the kernel's cells")):
        if taps > 1:
            if biased := biased_apart(op):
                yield biased[0] / taps + biased[1], detail
            yield op.result() / taps, detail


# ---- less usual: the kernel


@rare(CONVOLUTIONS, "kernel mirrored", "the kernel is used as it stands, neither its rows nor its columns reversed")
def _mirrored(op: Operation, dy: Any) -> Answers:
    yield weightless(op, lambda w: w[:, :, :, ::-1]), "left and right exchanged"
    yield weightless(op, lambda w: w[:, :, ::-1]), "top and bottom exchanged"


@rare(CONVOLUTIONS, "kernel turned by 90°", "the kernel is used as it stands")
def _quarter_turn(op: Operation, dy: Any) -> Answers:
    if op.arrays["w"].shape[2] == op.arrays["w"].shape[3]:
        yield weightless(op, lambda w: np.rot90(w, 1, (2, 3))), "to the left"
        yield weightless(op, lambda w: np.rot90(w, -1, (2, 3))), "to the right"


@rare(CONVOLUTIONS, "read column by column", "window and kernel are both read row by row")
def _column_by_column(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[2] != w.shape[3]:  # else the kernel is transposed
        yield op.changed(w=w.swapaxes(2, 3).reshape(w.shape)).result()


@rare(CONVOLUTIONS, "edge of the kernel left out", "every row and column of the kernel takes part, the last one, too")
def _edge_left_out(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    row, column = np.ogrid[: w.shape[2], : w.shape[3]]
    last_row, last_column = row == w.shape[2] - 1, column == w.shape[3] - 1
    edges = {
        "last row": last_row | (column < 0),
        "last column": last_column | (row < 0),
        "last row and column": last_row | last_column,
        "first row": (row == 0) | (column < 0),
        "first column": (column == 0) | (row < 0),
    }
    for detail, edge in edges.items():
        if 1 < edge.sum() < edge.size:  # a single weight left out is a slip
            yield op.changed(w=np.where(edge, 0, w)).result(), detail


@rare(CONVOLUTIONS, "kernel divided by its sum", "the weights are used as they are; they need not add up to 1")
def _kernel_normalised(op: Operation, dy: Any) -> Answers:
    yield weightless(op, lambda w: w / w.sum((2, 3), keepdims=True)), "of its weights"
    yield weightless(op, lambda w: w / np.abs(w).sum((2, 3), keepdims=True)), "of the weights without their signs"


def _products(op: Operation) -> Array:
    """All products of a pixel and a weight, (N, groups, filters, channels, Ho, Wo, kh, kw), each filter's its own."""
    (rows, cols), x, w, G = op.axes(), image_of(op, borders(op)), op.arrays["w"], op.settings["groups"]
    cells = [x[:, :, rows.inputs(u), cols.inputs(v)] for u in range(rows.kernel) for v in range(cols.kernel)]
    seen = np.stack(cells, -1).reshape(len(x), G, 1, -1, rows.output, cols.output, rows.kernel, cols.kernel)
    return seen * w.reshape(G, -1, w.shape[1], 1, 1, *w.shape[2:])


def _from_products(op: Operation, y: Array) -> Array:
    """Channels (N, groups, filters, Ho, Wo) as a result, with the bias."""
    return y.reshape(op.shape("y")) + unbiased(op)[1]


@rare("conv2d y", "maximum instead of sum", "a convolution adds the products up; the largest is what max-pooling takes")
def _largest_product(op: Operation, dy: Any) -> Answers:
    products = _products(op)
    yield _from_products(op, products.max((3, 6, 7)))
    if products.shape[3] > 1:
        yield _from_products(op, products.max((6, 7)).sum(3)), "in each channel"


@rare("conv2d y", "matrix product", "window and kernel are multiplied cell by cell, not as matrices")
def _matrix_product(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[2] == w.shape[3] > 1:
        # The sum over a matrix product P·w is that of each column of P times the sum of that row of w.
        sums = np.broadcast_to(w.sum(3)[:, :, None], w.shape)
        yield op.changed(w=sums).result(), "its numbers added up"
        yield op.changed(w=w * np.eye(len(w[0, 0]))).result(), "or only products on the diagonal"


@rare("conv2d y", "products overwritten", "every product is added to the sum so far: +=, not =")
def _only_last(op: Operation, dy: Any) -> Answers:
    products = _products(op)
    yield _from_products(op, products[:, :, :, -1, ..., -1, -1]), "only the last one is left"
    if products.shape[3] > 1:
        yield _from_products(op, products[..., -1, -1].sum(3)), "only the last one of each channel is left"


# ---- less usual: channels, filters and groups


@rare(CONVOLUTIONS, "only one channel counted", "every input channel counts")
def _only_one(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    if x.shape[1] > 2:  # with two of them the other one is skipped
        for c in one_by_one(x.shape[1]):
            one = np.zeros_like(x)
            one[:, c] = x[:, c]
            yield op.changed(x=one).result(), f"channel {c}"


@rare(CONVOLUTIONS, "channels in another order", "channel c of the image meets channel c of the kernel")
def _channel_order(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    for order in other_orders(x.shape[1]):
        yield op.changed(x=x[:, order]).result(), _listed(order)


@rare(CONVOLUTIONS, "filters in another order", "output channel o is what filter o makes")
def _filter_order(op: Operation, dy: Any) -> Answers:
    y, b = unbiased(op)
    for order in other_orders(y.shape[1]):
        yield op.result()[:, order], _listed(order)
        if op.arrays["b"] is not None:
            yield y[:, order] + b, f"{_listed(order)}, but the biases as they are"


@rare(CONVOLUTIONS, "bias of another filter", "output channel o gets bias b[o]")
def _bias_order(op: Operation, dy: Any) -> Answers:
    if biased := biased_apart(op):
        y, b = biased
        for order in other_orders(len(b)):
            yield y + b[order], _listed(order)
        for o in one_by_one(len(b)):
            yield y + b[o], f"b[{o}] everywhere"


def _listed(order: list[int]) -> str:
    return ", ".join(map(str, order)) if len(order) < 4 else "reversed"


@rare(f"{CONVOLUTIONS}, linear y", "bias added twice", "the bias is added once to an output")
def _bias_twice(op: Operation, dy: Any) -> Answers:
    b = op.arrays["b"]
    per_channel = op.name != "linear" and op.arrays["x"].shape[1] == 2 * op.settings["groups"]
    if b is not None and not per_channel:
        yield op.changed(b=2 * b).result()


@rare(CONVOLUTIONS, "groups mixed up", "the first filters read the first channels: each group has its own, in a row")
def _groups_mixed(op: Operation, dy: Any) -> Answers:
    x, G = op.arrays["x"], op.settings["groups"]
    if not one_by_one(G):
        return
    apart = x.reshape(len(x), G, -1, *x.shape[2:])
    yield op.changed(x=np.broadcast_to(apart[:, :1], apart.shape).reshape(x.shape)).result(), "all read the first one"
    if x.shape[1] > G:  # else the channels are in another order
        yield op.changed(x=apart[:, ::-1].reshape(x.shape)).result(), "in reversed order"
    taken = x.reshape(len(x), -1, G, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)
    yield op.changed(x=taken).result(), "channels dealt out in turn"
    if op.name == "conv2d":
        w = op.arrays["w"]
        turns = np.arange(len(w)).reshape(-1, G).T.ravel()  # filter o reads group o % G
        bias = op.arrays["b"]
        y = op.changed(w=w[turns], b=None if bias is None else bias[turns]).result()
        yield y[:, np.argsort(turns)], "filters dealt out in turn"


@rare("conv2d y", "channels not added", "the sums of all channels are added to one number")
def _not_added(op: Operation, dy: Any) -> Answers:
    maps = _products(op).sum((6, 7))
    if maps.shape[3] > 1:
        yield _from_products(op, maps.mean(3)), "their mean is taken"
        yield _from_products(op, maps.max(3)), "the largest one is taken"
        yield _from_products(op, maps.prod(3)), "they are multiplied"


@rare(CONVOLUTIONS, "kernel of one channel for all", "every channel of the image meets its own channel of the kernel")
def _one_kernel(op: Operation, dy: Any) -> Answers:
    w, axis = op.arrays["w"], 1 if op.name == "conv2d" else 0
    if op.settings["groups"] == 1:
        for c in one_by_one(w.shape[axis]):
            yield op.changed(w=np.broadcast_to(w.take([c], axis), w.shape)).result(), f"channel {c}"


@rare(CONVOLUTIONS, "filters not kept apart", "every filter makes an output channel of its own")
def _filters_mixed(op: Operation, dy: Any) -> Answers:
    y = op.result()
    if y.shape[1] > 1:
        yield y.sum(1, keepdims=True), "added up"
        for o in one_by_one(y.shape[1]):
            yield np.broadcast_to(y[:, [o]], y.shape), f"filter {o} everywhere"


@rare(CONVOLUTIONS, "image read in another layout", "an image is (channels, rows, columns)")
def _other_layout(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    N, C, H, W = x.shape
    if C > 1:
        yield op.changed(x=x.reshape(N, H, W, C).transpose(0, 3, 1, 2)).result(), "as (rows, columns, channels)"
        yield op.changed(x=x.transpose(0, 2, 3, 1).reshape(x.shape)).result(), "(rows, columns, channels), reshaped"


@rare(f"{CONVOLUTIONS}, linear y", "bias multiplied", "the bias is added")
def _bias_multiplied(op: Operation, dy: Any) -> Answers:
    b = op.arrays["b"]
    if b is not None:
        yield op.changed(b=None).result() * (b if op.name == "linear" else b[:, None, None])


@rare(
    f"{CONVOLUTIONS}, linear y",
    "weights ignored",
    "every number is multiplied by its weight",
)
def _ignored(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    yield op.changed(w=np.ones_like(w)).result(), "all taken as 1"
    yield op.changed(w=(w != 0).astype(float)).result(), "all but zeros taken as 1"
    yield op.changed(w=np.sign(w)).result(), "all but their signs"


@rare("conv2d y, linear y", "added instead of multiplied", "products are added, not sums")
def _added(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    total = w.sum(tuple(range(1, w.ndim)))
    y = op.changed(w=np.ones_like(w)).result()
    yield y + (total if op.name == "linear" else total[:, None, None])


@rare("conv2d y", "sums multiplied", "every pixel is multiplied by its own weight, before anything is added")
def _sums_multiplied(op: Operation, dy: Any) -> Answers:
    yield weightless(op, lambda w: np.broadcast_to(w.sum((2, 3), keepdims=True), w.shape))


@rare(CONVOLUTIONS, "cut to the range of pixels", "a result may be negative, or larger than 255")
def _pixel_range(op: Operation, dy: Any) -> Answers:
    y = op.result()
    if y.max() > 255:
        yield np.clip(y, 0, 255), "0 … 255"
    yield y % 256, "the remainder by 256"


@rare(f"{CONVOLUTIONS}, linear y", "sign reversed", "the products keep their signs")
def _negated(op: Operation, dy: Any) -> Answers:
    yield op.changed(w=-op.arrays["w"]).result(), "of the products"
    if op.arrays["b"] is not None:
        yield -op.result(), "of the result"


# ---- two mistakes at once

CHANGES: dict[str, Callable[[Operation], dict[str, Any]]] = {  # the first of them
    "kernel flipped": lambda op: {"w": op.arrays["w"][:, :, ::-1, ::-1]},
    "kernel transposed": lambda op: {"w": op.arrays["w"].swapaxes(2, 3)},
    "bias forgotten": lambda op: {"b": None},
    "stride forgotten": lambda op: {"stride": 1},
    "padding forgotten": lambda op: {"padding": 0},
}


@mistake(f"{CONVOLUTIONS}, linear y", "two mistakes", "one after the other", TOGETHER)
def _two(op: Operation, dy: Any) -> Answers:
    place = op.name, "y"
    usual = {known.name: known for known, _ in WAYS[place]}
    wider = [entry for entry in RARE.get(place, []) if entry[0].name == "padding of another width"]
    firsts = [name for name in CHANGES if name in usual]
    for k, name in enumerate(firsts):
        changes = CHANGES[name](op)
        if any(not np.array_equal(y, op.result()) for y in tried(op, **changes)):
            for other, y in wrong_answers(op.changed(**changes), "y", None, {place: [*WAYS[place], *wider]}):
                if other.name not in firsts[: k + 1]:
                    hint = f"{usual[name].hint}; {other.hint}"
                    yield y, Mistake(f"{name}, and {other.name}", hint, other.detail)
