"""The three gradients of a transposed convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, one_of, whole
from tinyunet.grade.exercises import conv_transpose2d as going_up
from tinyunet.ops import im2col
from tinyunet.ops.window import Pair
from tinyunet.tensor import Array, Tensor

Gradients = tuple[Array, Array, Array]

STARTER = '''\
def conv_transpose2d_backward(dy, x, w, stride=2):
    """dy has the shape of y. Returns dx, dw, db, in the shapes of x, w and b."""
    dx = np.zeros_like(x)  # yours
    dw = np.zeros_like(w)  # yours
    db = np.zeros(w.shape[1], x.dtype)  # yours
    return dx, dw, db
'''


# ---- two right answers


def by_cells(dy: Array, x: Array, w: Array, stride: int = 2) -> Gradients:
    """One cell of the kernel after the other: what came to lie where all pixels laid it down."""
    (N, C, H, W), O = x.shape, w.shape[1]
    pixels = x.reshape(N, C, H * W)
    dx, dw = np.zeros_like(pixels), np.zeros_like(w)
    for u in range(w.shape[2]):
        for v in range(w.shape[3]):
            met = dy[:, :, u : u + stride * H : stride, v : v + stride * W : stride].reshape(N, O, H * W)
            dx += w[:, :, u, v] @ met  # (N, C, H·W)
            dw[:, :, u, v] = (pixels @ met.swapaxes(1, 2)).sum(0)  # (C, O)
    return dx.reshape(x.shape), dw, dy.sum((0, 2, 3))


def by_pixels(dy: Array, x: Array, w: Array, stride: int = 2) -> Gradients:
    """One pixel after the other looks at the slopes under its square."""
    kh, kw = w.shape[2:]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            square = dy[:, :, stride * i : stride * i + kh, stride * j : stride * j + kw]  # (N, O, kh, kw)
            dx[:, :, i, j] = np.tensordot(square, w, axes=([1, 2, 3], [1, 2, 3]))  # (N, C)
            dw += np.tensordot(x[:, :, i, j], square, axes=(0, 0))  # (C, O, kh, kw)
    return dx, dw, dy.sum((0, 2, 3))


# ---- what must hold


def right(dy: Array, x: Array, w: Array, stride: int = 2) -> Gradients:
    """Ours."""
    leaves = [Tensor(a, requires_grad=True) for a in (x, w, np.zeros(w.shape[1], w.dtype))]
    operation: Any = im2col.conv_transpose2d
    operation(*leaves, stride).backward(dy)
    dx, dw, db = (leaf.grad.numpy() for leaf in leaves)  # type: ignore[union-attr]
    return dx, dw, db


def only(name: str) -> dict[str, Any]:
    """A property of one of the three gradients."""
    return one_of(("dx", "dw", "db"), name, right)


def with_dy(draw: Callable[[np.random.Generator, int], Inputs]) -> Callable[[np.random.Generator, int], Inputs]:
    """The inputs of a transposed convolution with a dy in place of the bias."""

    def drawn(rng: np.random.Generator, size: int) -> Inputs:
        inputs = draw(rng, size)
        shape = going_up.right(**inputs).shape
        del inputs["b"]
        return {"dy": whole(rng, *shape), **inputs}

    return drawn


def general(rng: np.random.Generator, size: int) -> Inputs:
    """Everything at once, with a map that is not as high as it is wide."""
    C, O = ((1, 1), (1, 2), (2, 3), (3, 2))[size]
    return going_up.draw(rng, N=1 + (size > 0), C=C, O=O, pixels=(2, 1 + size), kernel=(3, 2), stride=1 + (size > 1))


def with_wrong(**wrongs: Callable[..., Any]) -> Callable[..., Gradients]:
    """The right gradients with a wrong one among them."""

    def wrong(dy: Array, x: Array, w: Array, stride: int = 2) -> Gradients:
        gradients = dict(zip(("dx", "dw", "db"), by_pixels(dy, x, w, stride), strict=True))
        dx, dw, db = {**gradients, **{name: of(dy, x, w, stride) for name, of in wrongs.items()}}.values()
        return dx, dw, db

    return wrong


def _last(x: Array) -> Array:
    """x with its last pixel alone."""
    last = np.zeros_like(x)
    last[:, :, -1, -1] = x[:, :, -1, -1]
    return last


EXERCISE = Exercise(
    name="conv_transpose2d_backward",
    number="07.3",
    asks="Given dy, the slope of the loss at every place of a transposed convolution, give the slopes at its pixels, "
    "weights and biases.",
    starter=STARTER,
    properties=(
        Property(
            "db",
            "A bias is added to every place of its map, in every image: db is the sum of dy over all of them.",
            with_dy(going_up.images),
            **only("db"),
        ),
        Property(
            "dx of one pixel",
            "The slope of a pixel is the sum of dy × weight over the square that it laid down.",
            with_dy(going_up.one_pixel),
            **only("dx"),
        ),
        Property(
            "dx",
            "Each pixel looks at its own square, also where squares overlap.",
            with_dy(going_up.overlapping),
            **only("dx"),
        ),
        Property(
            "dw of one pixel",
            "Where there is one pixel, the slope of a weight is the pixel times dy at the weight's place.",
            with_dy(going_up.one_pixel),
            **only("dw"),
        ),
        Property(
            "dw",
            "Every pixel lays the weight down: its slope is the sum of pixel × dy over all of them.",
            with_dy(going_up.overlapping),
            **only("dw"),
        ),
        Property(
            "input channels", "Each input channel has slopes of its own.", with_dy(going_up.input_channels), right
        ),
        Property("output channels", "A pixel works in all output channels.", with_dy(going_up.output_channels), right),
        Property("several images", "The slopes of a weight add up over the images.", with_dy(going_up.images), right),
        Property("stride", "The squares lie where they were laid down.", with_dy(going_up.strides), right),
        Property("all together", "It holds with everything at once.", with_dy(general), right),
    ),
    mistakes=(
        Mistake(
            "kernel turned for dx",
            "The slope at a place counts times the weight that was laid down there, not the one opposite.",
            with_wrong(dx=lambda dy, x, w, stride: by_pixels(dy, x, w[..., ::-1, ::-1], stride)[0]),
        ),
        Mistake(
            "stride forgotten",
            "The squares were laid down stride places apart: here they are looked for one place apart.",
            lambda dy, x, w, stride=2: by_pixels(dy, x, w, 1),
        ),
        Mistake(
            "weights forgotten in dx",
            "How much a pixel counts at a place is the weight there: multiply dy by it.",
            with_wrong(dx=lambda dy, x, w, stride: by_pixels(dy, x, np.ones_like(w), stride)[0]),
        ),
        Mistake(
            "pixels forgotten in dw",
            "How much a weight counts at a place is the pixel that laid it down: multiply dy by it.",
            with_wrong(dw=lambda dy, x, w, stride: by_pixels(dy, np.ones_like(x), w, stride)[1]),
        ),
        Mistake(
            "dw of the last pixel only",
            "Every pixel lays the weight down: add up with +=.",
            with_wrong(dw=lambda dy, x, w, stride: by_pixels(dy, _last(x), w, stride)[1]),
        ),
        Mistake(
            "dw turned by 180°",
            "The slope of weight (0, 0) comes from the places where squares begin: here it stands last.",
            with_wrong(dw=lambda dy, x, w, stride: by_pixels(dy, x, w, stride)[1][..., ::-1, ::-1]),
        ),
        Mistake(
            "dw averaged over the images",
            "The loss already says how the images are weighted. The slopes are added, not averaged.",
            with_wrong(dw=lambda dy, x, w, stride: by_pixels(dy, x, w, stride)[1] / len(x)),
        ),
        Mistake(
            "dw with its channels exchanged",
            "dw has the layout of w: (input channels, output channels, rows, columns).",
            with_wrong(dw=lambda dy, x, w, stride: by_pixels(dy, x, w, stride)[1].swapaxes(0, 1)),
        ),
        Mistake(
            "db not summed over the images",
            "The bias is the same in all images: add up over them, too.",
            with_wrong(db=lambda dy, x, w, stride: dy.sum((2, 3))[0]),
        ),
        Mistake(
            "db averaged",
            "The bias is added to every place: the slopes are added, not averaged.",
            with_wrong(db=lambda dy, x, w, stride: dy.mean((0, 2, 3))),
        ),
        Mistake(
            "dx of the first output channel only",
            "A pixel lays something down in every output channel: add up over all of them.",
            with_wrong(dx=lambda dy, x, w, stride: by_pixels(dy[:, :1], x, w[:, :1], stride)[0]),
        ),
        Mistake(
            "dx averaged over the square",
            "The loss feels every place of the square: the products are added, not averaged.",
            with_wrong(dx=lambda dy, x, w, stride: by_pixels(dy, x, w, stride)[0] / w[0, 0].size),
        ),
    ),
    solutions=(by_cells, by_pixels),
    differs="Ours goes through the cells of the kernel, and takes dx and dw from the same slice of dy.",
    read_on=("ops/conv.py", "ops/loops.py", "ops/im2col.py"),
    returns=("dx", "dw", "db"),
    hints=(
        "Begin with db: if a bias grows by 1, by how much does every place of its map grow?",
        "For dx take one pixel. If it grows by 1, its square grows by the kernel. How much does the loss grow by that?",
        "For dw take one weight. It came to lie in one place for each pixel, times that pixel.",
        "The same slices as in the forward, but of dy: they are read now, where the forward wrote.",
        "dx is a convolution of dy with stride, with the kernel as it stands.",
    ),
    explain=lambda dy, x, w, stride=2: {
        f"d{a}": going_up.by_hand(x, w, np.zeros(w.shape[1]), stride).grad(a, dy) for a in ("x", "w", "b")
    },
    operation="conv_transpose2d",
    stand_in=lambda mine, ours: backward(mine, ours),
)


def backward(mine: Callable[..., Gradients], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with this backward, and the forward that it has."""

    def with_mine(input: Array, weight: Array, bias: Array | None = None, stride: Pair = 1) -> Any:
        y, _ = operation(input, weight, bias, stride)
        return y, lambda dy: mine(dy, input, weight, stride)

    return with_mine
