"""What a convolution adds up: mistakes with kernel, channels and bias, of both convolutions."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import RARE, Quantities, mistakes, one_by_one, only, other_orders
from tinyunet.byhand.mistakes.window import CONVOLUTIONS, Window, turned
from tinyunet.tensor import Array


class Weighted(Quantities):
    """What convolutions and linear layers share: y is sums of products with weights, plus the bias."""

    w: Array
    b: Array
    bias: Any  # as y adds it

    def prepare(self) -> None:
        super().prepare()
        self.bias = (self.b if self.name == "linear" else self.b[:, None, None]) if biased(self) else 0.0

    @functools.cached_property
    def sums(self) -> Array:
        """y without the bias."""
        return self.y(b=None)


class Convolution(Weighted, Window):
    """Kernels of cells (u, v), the channels that they read, and the products that are added up."""

    def prepare(self) -> None:
        super().prepare()
        self.filters = self.op.shape("y")[1]
        self.channels = self.x.shape[1] // self.groups  # that a filter reads
        self.numbers = np.arange(self.x.shape[1]).reshape(self.groups, -1)  # of channels, group by group
        self.reads = 1 if self.name == "conv2d" else 0  # the axis of w that counts them
        self.u, self.v = np.indices(self.w.shape[2:])
        self.channels_last = np.moveaxis(self.x, 1, 3)

    @functools.cached_property
    def products(self) -> Array:
        """Of pixels and weights, (N, groups, filters, channels, Ho, Wo, kh·kw), each filter's its own."""
        seen = self.cells().reshape(len(self.x), self.groups, 1, self.channels, *self.output, self.size)
        return seen * self.laid_w.reshape(self.groups, -1, self.channels, 1, 1, self.size)

    def summed(self, numbers: Array) -> Array:
        """y from other sums of products, (N, groups, filters, Ho, Wo)."""
        return numbers.reshape(self.y().shape) + self.bias

    def averaged(self, count: int) -> list[Array]:
        """y with its sums divided by a number of products, and with the bias divided, too."""
        both = [self.sums / count + self.bias, self.y() / count]
        return both[0 if biased(self) else 1 :] if count > 1 else []

    def apart(self) -> Iterator[tuple[Array, str]]:
        """What every filter makes of every channel, with the filter's bias and without."""
        O, C = self.w.shape[:2]
        maps = self.y(x=np.tile(self.x, (1, O, 1, 1)), w=self.w.reshape(O * C, 1, *self.kernel), b=None, groups=O * C)
        for answer in [maps + self.bias.repeat(C, 0), maps] if biased(self) else [maps]:
            yield answer, "a map for every filter and channel"
            if O == C:
                yield answer[:, :: C + 1], "filter and channel of the same number"

    def without_cells(self, cells: Array) -> Array | None:
        """y without some cells of the kernel; a single weight left out is a slip."""
        return self.y(w=np.where(cells, 0, self.w)) if 1 < cells.sum() < cells.size else None

    def in_turn(self, count: int) -> Array:
        """Numbers dealt out to the groups in turn, such as 0 2 1 3 to two of them."""
        return np.arange(count).reshape(-1, self.groups).T.ravel()

    def filters_in_turn(self) -> Array | None:
        """y of a convolution whose filter o reads group o % groups."""
        turns = self.in_turn(len(self.w))
        return self.y(w=self.w[turns], b=None)[:, np.argsort(turns)] + self.bias if self.name == "conv2d" else None

    def other_filters(self) -> Iterator[tuple[Array, str]]:
        """y with its channels in another order, and the same with the biases as they are."""
        for order in other_orders(self.filters):
            yield self.y()[:, order], listed(order)
            if biased(self):
                yield self.sums[:, order] + self.bias, f"{listed(order)}, but the biases as they are"


def biased(q: Any) -> bool:
    return q.b is not None


def square(q: Convolution) -> bool:
    return q.kernel[0] == q.kernel[1]


def listed(order: list[int]) -> str:
    return ", ".join(map(str, order)) if len(order) < 4 else "reversed"


PLACES = "conv2d y", CONVOLUTIONS

conv2d, both = (mistakes(place, Convolution) for place in PLACES)
weighted = mistakes(f"{CONVOLUTIONS}, linear y", Weighted)

conv2d(
    "kernel flipped",
    "the kernel is used as it stands, not turned by 180°, as in PyTorch, cv2.filter2D and scipy.signal.correlate2d "
    "(scipy.signal.convolve2d, np.convolve and MATLAB's conv2 do turn it)",
    lambda q: q.y(w=turned(q.w)),
    where=lambda q: not q.flip_kernel,
)
conv2d("kernel not turned", "a true convolution turns the kernel by 180° first", where=lambda q: q.flip_kernel)
conv2d.way("", lambda q: q.y(flip_kernel=False))
mistakes("conv_transpose2d y", Convolution)(
    "kernel flipped",
    "the kernel is laid down as it stands; it is turned by 180° only where zeros are put between the pixels, and a "
    "window slides over them",
    lambda q: q.y(w=turned(q.w)),
)
both("kernel transposed", "rows of the kernel meet rows of the image: w[u, v], not w[v, u]", where=square)
both.way("", lambda q: q.y(w=q.w.swapaxes(2, 3)))
conv2d(
    "channels kept apart",
    "every filter reads all input channels, and their sums are added to one number",
    where=lambda q: q.groups == 1 and one_by_one(q.channels) and one_by_one(len(q.w) + 1),
)
conv2d.way("", lambda q: q.apart())
both("one channel skipped", "every input channel counts")
both.way("", lambda q: ((q.y(x=q.x - only(q.x, np.s_[:, c])), f"channel {c}") for c in one_by_one(q.x.shape[1])))
weighted("bias forgotten", "add the bias to every output", lambda q: q.sums, where=biased)
weighted("bias subtracted", "the bias is added, with its sign", lambda q: q.y(b=-q.b), where=biased)
conv2d("bias added per tap", "the bias is added once to an output, not to every product", where=biased)
conv2d.way("", lambda q: q.sums + q.channels * q.size * q.bias)
conv2d.way("in one channel", lambda q: q.sums + q.size * q.bias if q.channels > 1 else None)
both(
    "bias added per channel",
    "the bias is added once to an output, not once for each input channel",
    where=lambda q: biased(q) and q.channels > 1,
)
both.way("", lambda q: q.sums + q.channels * q.bias)
both("zero or negative weight skipped", "every weight takes part, with its sign")
both.way("negative ones left out", lambda q: q.y(w=np.maximum(q.w, 0)))
both.way("the sign left out", lambda q: q.y(w=np.abs(q.w)))
both.way("zeros taken as ones", lambda q: q.y(w=np.where(q.w == 0, 1, q.w)))
conv2d("average instead of sum", "a convolution adds the products up and does not divide")
conv2d.way("over all products", lambda q: q.averaged(q.channels * q.size))
conv2d.way("over the kernel's cells", lambda q: q.averaged(q.size))

# ---- less usual: the kernel

conv2d, both = (mistakes(place, Convolution, RARE) for place in PLACES)
weighted = mistakes(f"{CONVOLUTIONS}, linear y", Weighted, RARE)

both("kernel mirrored", "the kernel is used as it stands, neither its rows nor its columns reversed")
both.way("left and right exchanged", lambda q: q.y(w=q.w[..., ::-1]))
both.way("top and bottom exchanged", lambda q: q.y(w=q.w[..., ::-1, :]))
both("kernel turned by 90°", "the kernel is used as it stands", where=square)
both.way("to the left", lambda q: q.y(w=np.rot90(q.w, 1, (2, 3))))
both.way("to the right", lambda q: q.y(w=np.rot90(q.w, -1, (2, 3))))
both("read column by column", "window and kernel are both read row by row")
both.way("", lambda q: q.y(w=q.w.swapaxes(2, 3).reshape(q.w.shape)))
both("edge of the kernel left out", "every row and column of the kernel takes part, the last one, too")
both.way("last row", lambda q: q.without_cells(q.u == q.u.max()))
both.way("last column", lambda q: q.without_cells(q.v == q.v.max()))
both.way("last row and column", lambda q: q.without_cells((q.u == q.u.max()) | (q.v == q.v.max())))
both.way("first row", lambda q: q.without_cells(q.u == 0))
both.way("first column", lambda q: q.without_cells(q.v == 0))
both("kernel divided by its sum", "the weights are used as they are; they need not add up to 1")
both.way("of its weights", lambda q: q.y(w=q.w / q.w.sum((2, 3), keepdims=True)))
both.way("of the weights without their signs", lambda q: q.y(w=q.w / np.abs(q.w).sum((2, 3), keepdims=True)))
conv2d("maximum instead of sum", "a convolution adds the products up; the largest is what max-pooling takes")
conv2d.way("", lambda q: q.summed(q.products.max((3, 6))))
conv2d.way("in each channel", lambda q: q.summed(q.products.max(6).sum(3)) if q.channels > 1 else None)
conv2d("matrix product", "window and kernel are multiplied cell by cell, not as matrices", where=square)
# They are the sums of each column of the window times the sum of that row of the kernel.
conv2d.way("its numbers added up", lambda q: q.y(w=np.broadcast_to(q.w.sum(3)[:, :, None], q.w.shape)))
conv2d.way("only products on the diagonal", lambda q: q.y(w=q.w * (q.u == q.v)))
conv2d("products overwritten", "every product is added to the sum so far: +=, not =")
conv2d.way("only the last one is left", lambda q: q.summed(q.products[:, :, :, -1, ..., -1]))
conv2d.way(
    "only the last one of each channel is left",
    lambda q: q.summed(q.products[..., -1].sum(3)) if q.channels > 1 else None,
)

# ---- less usual: channels, filters and groups

both("only one channel counted", "every input channel counts")
both.way("", lambda q: ((q.y(x=only(q.x, np.s_[:, c])), f"channel {c}") for c in one_by_one(q.x.shape[1])))
both("channels in another order", "channel c of the image meets channel c of the kernel")
both.way("", lambda q: ((q.y(x=q.x[:, order]), listed(order)) for order in other_orders(q.x.shape[1])))
both("filters in another order", "output channel o is what filter o makes", lambda q: q.other_filters())
both("bias of another filter", "output channel o gets bias b[o]", where=biased)
both.way("", lambda q: ((q.sums + q.bias[order], listed(order)) for order in other_orders(len(q.b))))
both.way("", lambda q: ((q.sums + q.bias[o], f"b[{o}] everywhere") for o in one_by_one(len(q.b))))
weighted("bias added twice", "the bias is added once to an output", lambda q: q.y(b=2 * q.b), where=biased)
both(
    "groups mixed up",
    "the first filters read the first channels: each group has its own, in a row",
    where=lambda q: one_by_one(q.groups),
)
both.way("all read the first one", lambda q: q.y(x=q.x[:, np.tile(q.numbers[0], q.groups)]))
both.way("in reversed order", lambda q: q.y(x=q.x[:, q.numbers[::-1].ravel()]) if q.channels > 1 else None)
both.way("channels dealt out in turn", lambda q: q.y(x=q.x[:, q.in_turn(q.x.shape[1])]))
both.way("filters dealt out in turn", lambda q: q.filters_in_turn())
conv2d("channels not added", "the sums of all channels are added to one number", where=lambda q: q.channels > 1)
conv2d.way("their mean is taken", lambda q: q.summed(q.products.sum(6).mean(3)))
conv2d.way("the largest one is taken", lambda q: q.summed(q.products.sum(6).max(3)))
conv2d.way("they are multiplied", lambda q: q.summed(q.products.sum(6).prod(3)))
both(
    "kernel of one channel for all",
    "every channel of the image meets its own channel of the kernel",
    where=lambda q: q.groups == 1,
)
both.way("", lambda q: ((q.y(w=q.w.take([c] * q.channels, q.reads)), f"channel {c}") for c in one_by_one(q.channels)))
both("filters not kept apart", "every filter makes an output channel of its own")
both.way("added up", lambda q: q.y().sum(1, keepdims=True) if q.filters > 1 else None)
both.way("", lambda q: ((q.y()[:, [o] * q.filters], f"filter {o} everywhere") for o in one_by_one(q.filters)))
both("image read in another layout", "an image is (channels, rows, columns)", where=lambda q: q.x.shape[1] > 1)
both.way("as (rows, columns, channels)", lambda q: q.y(x=np.moveaxis(q.x.reshape(q.channels_last.shape), 3, 1)))
both.way("(rows, columns, channels), reshaped", lambda q: q.y(x=q.channels_last.reshape(q.x.shape)))
weighted("bias multiplied", "the bias is added", lambda q: q.sums * q.bias, where=biased)
weighted("weights ignored", "every number is multiplied by its weight")
weighted.way("all taken as 1", lambda q: q.y(w=np.ones_like(q.w)))
weighted.way("all but zeros taken as 1", lambda q: q.y(w=(q.w != 0).astype(float)))
weighted.way("all but their signs", lambda q: q.y(w=np.sign(q.w)))
mistakes("conv2d y, linear y", Weighted, RARE)(
    "added instead of multiplied",
    "products are added, not sums",
    lambda q: q.y(w=np.ones_like(q.w), b=q.w.reshape(len(q.w), -1).sum(1)) + q.bias,
)
conv2d("sums multiplied", "every pixel is multiplied by its own weight, before anything is added")
conv2d.way("", lambda q: q.y(w=np.broadcast_to(q.w.sum((2, 3), keepdims=True), q.w.shape)))
both("cut to the range of pixels", "a result may be negative, or larger than 255")
both.way("0 … 255", lambda q: np.clip(q.y(), 0, 255) if q.y().max() > 255 else None)
both.way("the remainder by 256", lambda q: q.y() % 256)
weighted("sign reversed", "the products keep their signs")
weighted.way("of the products", lambda q: q.y(w=-q.w))
weighted.way("of the result", lambda q: -q.y() if biased(q) else None)
