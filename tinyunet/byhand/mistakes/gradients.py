"""Gradients of convolutions and linear layers, and what goes wrong in every gradient: signs, sums, dy."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import RARE, TRANSPOSED, Quantities, mistakes, one_by_one, only, usual_and_rare
from tinyunet.byhand.mistakes.window import Window, bordered, framed, of_zeros, resized, strided, turned
from tinyunet.tensor import Array


class Gradient(Window):
    """What a convolution's gradients are made of: its padded image, and images and kernels of other sizes."""

    def prepare(self) -> None:
        super().prepare()
        self.image = self.continued(self.x, self.borders)
        self.zeros = self.borders.sum(1)
        lost = self.span - 1 - self.zeros  # that a result is smaller than its image, if the stride is 1
        self.unstrided_size = self.output + lost if self.name == "conv2d" else self.input - lost

    def dx_of(self, size: Array, **changes: Any) -> Array:
        """dx of an image of another size."""
        return self.dx(x=np.zeros((*self.x.shape[:2], *size)), **changes)

    def dx_by(self, w: Array) -> Array | None:
        """dx by a kernel turned in some way, if it still has the same size."""
        return self.dx(w=w) if w.shape == self.w.shape else None

    def uncropped(self, **changes: Any) -> Array:
        """dx of the padded image."""
        return self.dx(x=self.image, padding=0, **changes)

    def cropped(self, dx: Array) -> Array:
        """The gradient of the image, from that of the padded one."""
        top, left = self.borders[:, 0]
        return resized(dx[:, :, top:, left:], *self.input)

    def dw_of(self, size: Array, padding: Any = 0) -> Array:
        """dw of a kernel of another size, with the stride 1 and no dilation, from the padded image."""
        w = np.zeros((*self.w.shape[:2], *size))
        return self.dw(x=self.image, w=w, stride=1, dilation=1, padding=padding)

    def dw_seen(self, size: Array, **changes: Any) -> Array:
        """dw by other settings, from as much of the padded image as they see."""
        return self.dw(x=resized(self.image, *size), padding=0, **changes)


class Bias(Quantities):
    """dy by what has a bias of its own, channels or outputs of a linear layer: (C, places), image after image."""

    def prepare(self) -> None:
        axis = -1 if self.name in ("linear", "layer_norm") else 1
        self.channels = np.moveaxis(self.dy, axis, 0).reshape(self.dy.shape[axis], -1)


def one_filter(q: Any) -> Iterator[tuple[Array, str]]:
    return ((q.dx(dy=only(q.dy, np.s_[:, o])), f"only filter {o}") for o in one_by_one(q.dy.shape[1]))


INPUTS = "conv2d dx, conv_transpose2d dx, linear dx"
BETAS = "batch_norm dbias, group_norm dbias, layer_norm dbias"
WEIGHTS = "conv2d dw, conv_transpose2d dw, linear dw"

conv_dx, rare_conv_dx = usual_and_rare("conv2d dx", Gradient)
transposed_dx, rare_transposed_dx = usual_and_rare("conv_transpose2d dx", Gradient)
kernel_dw, rare_kernel_dw = usual_and_rare("conv2d dw, conv_transpose2d dw", Quantities)
every_dw, rare_every_dw = usual_and_rare(WEIGHTS, Quantities)
every_db, rare_every_db = usual_and_rare(f"conv2d db, conv_transpose2d db, linear db, {BETAS}", Bias)

conv_dx(
    "no rot180",
    "the window that looks back from a pixel meets the kernel from its other end",
    where=lambda q: not q.flip_kernel,
)
conv_dx.way("", lambda q: q.dx(w=turned(q.w)))
conv_dx(
    "kernel turned twice",
    "the kernel was turned already; the window that looks back from a pixel meets it as it stands",
    where=lambda q: q.flip_kernel,
)
conv_dx.way("", lambda q: q.dx(w=turned(q.w)))
conv_dx("border left out", "a pixel that is seen in the border gets the gradient from there, too")
conv_dx.way("", lambda q: None if of_zeros(q) else q.dx(padding_mode="zeros"))
conv_dx(
    "no zeros inserted for the stride",
    "outputs are `stride` pixels apart: with zeros between them",
    where=lambda q: strided(q) and min(q.unstrided_size) > 0,
)
conv_dx.way("too small", lambda q: q.dx_of(q.unstrided_size, stride=1))
conv_dx.way("zeros at the end", lambda q: resized(q.dx_of(q.unstrided_size, stride=1), *q.input))
conv_dx("not summed over filters", "a pixel is read by every filter; their gradients add up", one_filter)
transposed_dx("kernel flipped", "dx is a plain convolution of dy with the kernel as it stands")
transposed_dx.way("", lambda q: q.dx(w=turned(q.w)))
transposed_dx("not summed over output channels", "a pixel goes into every output channel", one_filter)
kernel_dw("kernel flipped", "dw[u, v] belongs to the same cell as w[u, v]", lambda q: turned(q.dw()))
every_dw("not summed over the batch", "all images use the same weights", where=lambda q: q.dy.ndim in (2, 4))
every_dw.way(
    "",
    lambda q: (
        (q.dw(dy=only(q.dy, n)), f"only {'image' if q.dy.ndim == 4 else 'row'} {n}") for n in one_by_one(len(q.dy))
    ),
)
every_dw.way("averaged", lambda q: q.dw() / len(q.dy))
kernel_dw("averaged over the map", "a weight is used in all places, and their gradients add up")
kernel_dw.way("in each image", lambda q: q.dw() / q.dy[0, 0].size)
kernel_dw.way("and over the batch", lambda q: q.dw() / q.dy[:, 0].size)

OTHERS = "batch_norm dx, group_norm dx, layer_norm dx, softmax dx, log_softmax dx"
SIGN_REVERSED = "gradient with the wrong sign", "∂L/∂x says how L grows with x; the minus comes with the step downhill"
DY_FORGOTTEN = "upstream gradient forgotten", "every product of a gradient has an element of dy in it"
mistakes(f"{INPUTS}, {WEIGHTS}, {OTHERS}", Quantities)(*SIGN_REVERSED, lambda q: -q.asked())
mistakes(f"{INPUTS}, {WEIGHTS}", Quantities)(*DY_FORGOTTEN, lambda q: q.asked(np.ones_like(q.dy)))

COL2IM = "col2im that assigns", "where windows overlap, gradients add up"
conv_dx(*COL2IM, lambda q: q.spread(q.laid(q.dy), assign=True), where=of_zeros)
every_db(
    "bias gradient not summed",
    "the bias is added at every place of every image, so its gradient is the sum over all of them",
    where=lambda q: q.channels.shape[1] > 1,
)
every_db.way("dy itself", lambda q: q.dy)
every_db.way("the mean", lambda q: q.channels.mean(1))
every_db.way("only image 0", lambda q: np.split(q.channels, len(q.dy), 1)[0].sum(1) if q.dy.ndim > 2 else None)
every_db.way("only over the batch", lambda q: q.dy.sum(0) if q.dy.ndim > 2 and q.dy[0, 0].size > 1 else None)
every_db.way("only the first place", lambda q: q.channels[:, 0])

# ---- less usual

conv2d_dw = mistakes("conv2d dw", Gradient, RARE)
both_dx = mistakes("conv2d dx, conv_transpose2d dx", Gradient, RARE)
linear_dx = mistakes("linear dx", Quantities, RARE)
rare_every_db(*DY_FORGOTTEN, lambda q: q.asked(np.ones_like(q.dy)))
rare_every_db(*SIGN_REVERSED, lambda q: -q.asked())
conv2d_dw("stride or dilation forgotten", "the pixels that a weight has met are those of the forward pass")
conv2d_dw.way("stride", lambda q: q.dw_seen(q.output - 1 + q.span, stride=1))
conv2d_dw.way("dilation", lambda q: q.dw_seen(q.stride * (q.output - 1) + q.kernel, dilation=1))
conv2d_dw("zeros in the border", "the pixels that a weight has met are those of the forward pass")
conv2d_dw.way("", lambda q: None if of_zeros(q) else q.dw(padding_mode="zeros"))
conv2d_dw("padding forgotten", "the pixels that a weight has met are those of the padded image", where=bordered)
conv2d_dw.way("", lambda q: q.dw(x=framed(q.x, [(0, n) for n in q.zeros]), padding=0))
conv2d_dw("dy not spread", "outputs are `stride` pixels apart, and dw has the shape of w", where=strided)
conv2d_dw.way("", lambda q: q.dw_of(q.image.shape[2:] - q.output + 1))
conv2d_dw("'full' instead of 'valid'", "dw has the shape of w: dy stays inside the padded image")
conv2d_dw.way("", lambda q: q.dw_of(q.image.shape[2:] + q.output - 1, padding=q.output - 1))
conv2d_dw("dy flipped", "dw is a correlation of x with dy, which is used as it stands", lambda q: q.dw(dy=turned(q.dy)))
rare_every_dw("step instead of gradient", "w − rate·dw is the next step")
rare_every_dw.way("", lambda q: ((q.w - rate * q.dw(), f"with the rate {rate}") for rate in (1, 0.1, 0.01)))
rare_kernel_dw("not summed over the map", "a weight is used in all places, which add up")
rare_kernel_dw.way("only the first place", lambda q: q.dw(dy=only(q.dy, np.s_[:, :, 0, 0])))
rare_kernel_dw.way("only the last place", lambda q: q.dw(dy=only(q.dy, np.s_[:, :, -1, -1])))
rare_kernel_dw("gradient transposed", "dw has the shape and the layout of w")
rare_kernel_dw.way("input and output channels", lambda q: q.dw().swapaxes(0, 1))
rare_kernel_dw.way("rows and columns", lambda q: q.dw().swapaxes(2, 3))
both_dx(*TRANSPOSED)
both_dx.way("rows and columns exchanged", lambda q: q.dx().swapaxes(2, 3))
both_dx("kernel turned in another way", "the kernel is turned by 180°, or not at all")
both_dx.way("left and right exchanged", lambda q: q.dx_by(q.w[..., ::-1]))
both_dx.way("top and bottom exchanged", lambda q: q.dx_by(q.w[:, :, ::-1]))
both_dx.way("transposed", lambda q: q.dx_by(q.w.swapaxes(2, 3)))
both_dx.way("transposed, and turned by 180°", lambda q: q.dx_by(turned(q.w.swapaxes(2, 3))))
both_dx.way("by 90°", lambda q: q.dx_by(np.rot90(q.w, 1, (2, 3))))
both_dx.way("by −90°", lambda q: q.dx_by(np.rot90(q.w, -1, (2, 3))))
rare_conv_dx("padding not cropped", "the gradient of the padding is cut off: dx has the shape of x", where=bordered)
rare_conv_dx.way("all of it is there", lambda q: q.uncropped())
rare_conv_dx.way("cut off only at the end", lambda q: resized(q.uncropped(), *q.input))
rare_conv_dx.way("cut off only at the beginning", lambda q: q.uncropped()[:, :, -q.input[0] :, -q.input[1] :])
BORDER = "dy needs a border of zeros, as wide as the kernel less one"
rare_conv_dx("'valid' instead of 'full'", BORDER, where=lambda q: not strided(q) and min(q.output - q.span) >= 0)
rare_conv_dx.way("", lambda q: framed(q.uncropped(), [(1 - s, 1 - s) for s in q.span]))
rare_conv_dx.way(
    "and the kernel is not turned", lambda q: framed(q.uncropped(w=turned(q.w)), [(1 - s, 1 - s) for s in q.span])
)
rare_conv_dx("'same' instead of 'full'", BORDER, where=lambda q: not strided(q) and not bordered(q))
rare_conv_dx.way("", lambda q: framed(q.dx(), [(-(s // 2), -((s - 1) // 2)) for s in q.span]))
rare_conv_dx("dilation forgotten", "cells of the kernel are `dilation` pixels apart here, too")
rare_conv_dx.way("", lambda q: q.cropped(q.dx_of(q.stride * (q.output - 1) + q.kernel, padding=0, dilation=1)))
rare_conv_dx(*COL2IM, where=of_zeros)
rare_conv_dx.way("window after window", lambda q: q.overwritten(q.laid(q.dy)))
rare_transposed_dx("stride forgotten", "dx is a convolution of dy with the same stride", where=strided)
rare_transposed_dx.way("all places", lambda q: q.dx_of(q.unstrided_size, stride=1, output_padding=0))
rare_transposed_dx.way(
    "and stopped at the right size", lambda q: resized(q.dx_of(q.unstrided_size, stride=1, output_padding=0), *q.output)
)
linear_dx("not summed over the outputs", "an input goes into every output; their gradients add up")
linear_dx.way(
    "", lambda q: ((q.dx(dy=only(q.dy, np.s_[..., o])), f"only output {o}") for o in one_by_one(q.dy.shape[-1]))
)
