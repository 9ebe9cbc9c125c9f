"""A transposed convolution: every pixel lays the kernel down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.ops import im2col
from tinyunet.ops.window import Pair
from tinyunet.tensor import Array

STARTER = '''\
def conv_transpose2d(x, w, b, stride=2):
    """x: (N, C, H, W), w: (C, O, kh, kw), b: (O,). Returns y: (N, O, Ho, Wo)."""
    return None  # yours
'''


# ---- two right answers


def by_cells(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
    """One cell of the kernel after the other: what all pixels lay down with it, in one matrix product."""
    (N, C, H, W), (_, O, kh, kw) = x.shape, w.shape
    y = np.zeros((N, O, (H - 1) * stride + kh, (W - 1) * stride + kw), x.dtype)
    pixels = x.reshape(N, C, H * W)
    for u in range(kh):
        for v in range(kw):
            laid = (w[:, :, u, v].T @ pixels).reshape(N, O, H, W)
            y[:, :, u : u + stride * H : stride, v : v + stride * W : stride] += laid
    return y + b[:, None, None]


def by_pixels(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
    """One pixel after the other lays its square down, in all images and channels."""
    (N, _, H, W), (_, O, kh, kw) = x.shape, w.shape
    y = np.zeros((N, O, (H - 1) * stride + kh, (W - 1) * stride + kw), x.dtype)
    for i in range(H):
        for j in range(W):
            square = np.tensordot(x[:, :, i, j], w, axes=1)  # (N, O, kh, kw)
            y[:, :, stride * i : stride * i + kh, stride * j : stride * j + kw] += square
    return y + b[:, None, None]


# ---- what must hold


def right(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
    """Ours."""
    y: Array = im2col.conv_transpose2d(x, w, b, stride).numpy()
    return y


def draw(
    rng: np.random.Generator,
    N: int = 1,
    C: int = 1,
    O: int = 1,
    pixels: tuple[int, int] = (1, 1),
    kernel: tuple[int, int] = (2, 2),
    stride: int = 2,
) -> Inputs:
    """A picture of a few pixels, none of them 0, and a kernel; no bias."""
    x = whole(rng, N, C, *pixels, low=1, high=5)
    return {"x": x, "w": whole(rng, C, O, *kernel), "b": np.zeros(O), "stride": stride}


def one_pixel(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, kernel=((1, 2), (2, 2), (2, 3), (3, 3))[size])


def side_by_side(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, pixels=((1, 2), (2, 2), (2, 3), (3, 2))[size], kernel=(2, 2))


def overlapping(rng: np.random.Generator, size: int) -> Inputs:
    kernel = ((2, 3), (3, 3), (4, 3), (4, 4))[size]
    return draw(rng, pixels=((1, 2), (2, 2), (2, 3), (3, 2))[size], kernel=kernel)


def input_channels(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, C=2 + (size > 1), pixels=(1, 1 + (size > 0)), kernel=(1, 2) if size == 0 else (2, 2))


def output_channels(rng: np.random.Generator, size: int) -> Inputs:
    C = 1 + (size > 0)
    return draw(rng, C=C, O=2 + (size > 2), pixels=(1, 1 + (size > 0)), kernel=(1, 2) if size == 0 else (2, 2))


def images(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, N=2 + (size > 1), C=1 + (size > 0), pixels=(1, 1 + size), kernel=(2, 2))


def with_bias(rng: np.random.Generator, size: int) -> Inputs:
    inputs = draw(rng, C=1 + (size > 1), O=1 + (size > 0), pixels=(1, 2), kernel=(2, 3))
    return {**inputs, "b": whole(rng, 1 + (size > 0), low=1, high=6)}


def strides(rng: np.random.Generator, size: int) -> Inputs:
    """Closer than the kernel is wide, and with gaps."""
    stride, kernel = ((1, (1, 2)), (3, (2, 2)), (1, (3, 3)), (3, (4, 2)))[size]
    inputs = draw(rng, pixels=(1, 2) if size == 0 else (2, 2), kernel=kernel, stride=stride)
    return {**inputs, "b": whole(rng, 1, low=1, high=6)}


def made(**changes: Callable[..., Any]) -> Callable[..., Array]:
    """The right function on wrong inputs: each changed one is worked out of all four."""

    def wrong(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
        given: Inputs = {"x": x, "w": w, "b": b, "stride": stride}
        return by_cells(**{**given, **{name: change(**given) for name, change in changes.items()}})

    return wrong


def overwritten(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
    """Each square takes the place of those before it."""
    y = by_cells(0 * x, w, 0 * b, stride)
    kh, kw = w.shape[2:]
    for i, j in np.ndindex(x.shape[2:]):
        square = np.tensordot(x[:, :, i, j], w, axes=1)
        y[:, :, stride * i : stride * i + kh, stride * j : stride * j + kw] = square
    return y + b[:, None, None]


def covered(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
    """How many squares lie on each place."""
    return by_cells(np.ones_like(x[:, :1]), np.ones_like(w[:1]), 0 * b, stride)


def with_swapped_layout(x: Array, w: Array, b: Array, stride: int = 2) -> Array:
    """The weights read as (output channels, input channels, rows, columns)."""
    maps = [
        sum(by_cells(x[:, [c]], w[[[o]], [[c]]], 0 * b[:1], stride) for c in range(w.shape[1]))
        for o in range(w.shape[0])
    ]
    return np.concatenate(maps, axis=1) + b[:, None, None]


EXERCISE = Exercise(
    name="conv_transpose2d",
    number="07.2",
    asks="Write a transposed convolution: every pixel lays the kernel down, times its value, stride places apart.",
    starter=STARTER,
    properties=(
        Property("one pixel", "One pixel lays the kernel down, times its value.", one_pixel, right),
        Property("side by side", "With a kernel as wide as the stride, squares lie side by side.", side_by_side, right),
        Property("overlaps", "Where squares overlap, they are added.", overlapping, right),
        Property("input channels", "What all input channels lay down is added.", input_channels, right),
        Property("output channels", "Each output channel has kernels of its own, w[:, o].", output_channels, right),
        Property("several images", "The images of a batch have nothing to do with one another.", images, right),
        Property("bias", "The bias of a channel is added once to every place of its map.", with_bias, right),
        Property(
            "stride", "With stride s a square begins s places after the one before; gaps hold the bias.", strides, right
        ),
    ),
    mistakes=(
        Mistake("the last square stays", "Where squares overlap, they are added: += instead of =.", overwritten),
        Mistake(
            "kernel turned by 180°",
            "The kernel is laid down as it stands: weight (0, 0) comes to lie where the square begins.",
            made(w=lambda w, **_: w[:, :, ::-1, ::-1]),
        ),
        Mistake("bias forgotten", "Add b[o] to every place of map o.", made(b=lambda b, **_: 0 * b)),
        Mistake(
            "bias in every square",
            "The bias is added once to each place, after all squares have been laid down: "
            "where they overlap it comes several times here, and in gaps not at all.",
            lambda x, w, b, stride=2: by_cells(x, w, 0 * b, stride) + covered(x, w, b, stride) * b[:, None, None],
        ),
        Mistake(
            "weight layout swapped",
            "The weights are (input channels, output channels, rows, columns): the input comes first here.",
            with_swapped_layout,
        ),
        Mistake("stride forgotten", "Squares begin one place apart, whatever stride says.", made(stride=lambda **_: 1)),
        Mistake(
            "squares never overlap",
            "A square begins stride places after the one before: here it begins where the one before ends.",
            made(stride=lambda w, **_: w.shape[3]),
        ),
        Mistake(
            "size times stride",
            "n pixels make (n − 1)·stride + k places: here there are n·stride, and the last squares are cut off.",
            lambda x, w, b, stride=2: by_cells(x, w, b, stride)[:, :, : x.shape[2] * stride, : x.shape[3] * stride],
        ),
        Mistake(
            "first channel only",
            "Every input channel lays its kernel down, and all of it is added.",
            made(x=lambda x, **_: x[:, :1], w=lambda w, **_: w[:1]),
        ),
        Mistake(
            "one map for all",
            "Map o is made by the kernels w[:, o]: here all maps are made by the first ones.",
            made(w=lambda w, **_: 0 * w + w[:, :1]),
        ),
        Mistake(
            "overlaps averaged",
            "Where squares overlap, they are added, not averaged.",
            lambda x, w, b, stride=2: (
                by_cells(x, w, 0 * b, stride) / np.maximum(covered(x, w, b, stride), 1) + b[:, None, None]
            ),
        ),
        Mistake(
            "pixels repeated",
            "Each pixel is multiplied by the weights of the kernel, not only written down several times.",
            made(w=lambda w, **_: np.ones_like(w)),
        ),
        Mistake(
            "rows and columns of the kernel exchanged",
            "The first axis of the kernel runs down, as in the picture.",
            made(w=lambda w, **_: w.swapaxes(2, 3)),
        ),
    ),
    solutions=(by_cells, by_pixels),
    differs="Ours has a loop over the cells of the kernel, not over the pixels: of a 2×2 kernel there are only four.",
    read_on=("ops/loops.py", "ops/im2col.py", "ops/conv.py"),
    hints=(
        "Begin with one picture and one channel: make an array of zeros in the size of the result.",
        "n pixels make (n − 1)·stride + k places, in rows and in columns.",
        "The square of pixel (i, j) begins in row stride·i and column stride·j of the result.",
        "For all channels at once: x[:, :, i, j] is (N, C), w is (C, O, kh, kw). What sums over C? np.tensordot does.",
        "Add the bias at the end, when all squares are laid down.",
    ),
    explain=lambda x, w, b, stride=2: {"y": by_hand(x, w, b, stride)},
    operation="conv_transpose2d",
    stand_in=lambda mine, ours: forward(mine, ours),
)


def by_hand(x: Array, w: Array, b: Array, stride: int) -> Any:
    """The same in `tinyunet.byhand`, which can explain every number."""
    from tinyunet import byhand  # only a hint waits for it

    return byhand.conv_transpose2d(x, w, b, stride=stride)


def forward(mine: Callable[..., Array], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with this forward, and the backward that it has."""

    def conv_transpose2d(input: Array, weight: Array, bias: Array | None = None, stride: Pair = 1) -> Any:
        b = np.zeros(weight.shape[1], weight.dtype) if bias is None else bias
        y = mine(input, weight, b, stride)
        return y, lambda dy: operation(input, weight, bias, stride)[1](dy)

    return conv_transpose2d
