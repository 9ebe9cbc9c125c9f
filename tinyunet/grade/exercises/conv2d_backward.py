"""The three gradients of a convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, one_of, whole
from tinyunet.grade.exercises import conv2d
from tinyunet.ops import im2col
from tinyunet.ops.window import Pair
from tinyunet.tensor import Array, Tensor

Gradients = tuple[Array, Array, Array]

STARTER = '''\
def conv2d_backward(dy, x, w, stride=1, padding=0):
    """dy has the shape of y. Returns dx, dw, db, in the shapes of x, w and b."""
    dx = np.zeros_like(x)  # yours
    dw = np.zeros_like(w)  # yours
    db = np.zeros(len(w), x.dtype)  # yours
    return dx, dw, db
'''


# ---- two right answers


def by_windows(dy: Array, x: Array, w: Array, stride: int = 1, padding: int = 0) -> Gradients:
    """Through all windows once more: each lays dy times the kernel back onto the pixels that it had seen."""
    kh, kw = w.shape[2:]
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            rows, cols = slice(stride * i, stride * i + kh), slice(stride * j, stride * j + kw)
            here = dy[:, :, i, j]  # (N, O)
            dx[:, :, rows, cols] += np.tensordot(here, w, axes=(1, 0))  # (N, C, kh, kw)
            dw += np.tensordot(here, x[:, :, rows, cols], axes=(0, 0))  # (O, C, kh, kw)
    inside = (slice(None), slice(None), slice(padding, dx.shape[2] - padding), slice(padding, dx.shape[3] - padding))
    return dx[inside], dw, dy.sum((0, 2, 3))


def by_cells(dy: Array, x: Array, w: Array, stride: int = 1, padding: int = 0) -> Gradients:
    """One cell of the kernel after the other, for all windows at once: which pixels does it meet?"""
    Ho, Wo = dy.shape[2:]
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for u in range(w.shape[2]):
        for v in range(w.shape[3]):
            met = (..., slice(u, u + stride * Ho, stride), slice(v, v + stride * Wo, stride))  # (N, C, Ho, Wo)
            dw[:, :, u, v] = np.einsum("noij,ncij->oc", dy, x[met])
            dx[met] += np.einsum("noij,oc->ncij", dy, w[:, :, u, v])
    H, W = x.shape[2:]
    return dx[:, :, padding : H - padding, padding : W - padding], dw, np.einsum("noij->o", dy)


# ---- what must hold


def right(dy: Array, x: Array, w: Array, stride: int = 1, padding: int = 0) -> Gradients:
    """Ours."""
    leaves = [Tensor(a, requires_grad=True) for a in (x, w, np.zeros(len(w), w.dtype))]
    im2col.conv2d(leaves[0], leaves[1], leaves[2], stride, padding).backward(dy)
    dx, dw, db = (np.asarray(leaf.grad) for leaf in leaves)
    return dx, dw, db


NAMES = ("dx", "dw", "db")


def only(name: str) -> dict[str, Any]:
    """A property of one of the three gradients."""
    return one_of(NAMES, name, right)


def with_dy(draw: Callable[[np.random.Generator, int], Inputs]) -> Callable[[np.random.Generator, int], Inputs]:
    """The inputs of a convolution with a dy in place of the bias."""

    def drawn(rng: np.random.Generator, size: int) -> Inputs:
        inputs = draw(rng, size)
        shape = conv2d.right(**inputs).shape
        del inputs["b"]
        return {"dy": whole(rng, *shape), **inputs}

    return drawn


def general(rng: np.random.Generator, size: int) -> Inputs:
    """Everything at once."""
    return conv2d.draw(
        rng,
        N=1 + (size > 1),
        C=1 + (size > 0),
        O=1 + (size > 0),
        kernel=((1, 2), (2, 2), (3, 2), (3, 3))[size],
        extra=((0, 1), (1, 2), (2, 2), (3, 2))[size],
        stride=1 + (size > 1),
        padding=size % 2,
    )


EXERCISE = Exercise(
    name="conv2d_backward",
    number="04.2",
    asks="Given the slopes dy at all outputs of a convolution, give those at its pixels, weights and biases.",
    starter=STARTER,
    properties=(
        Property(
            "db",
            "A bias is added to every number of its map, in every image: db is the sum of dy over all of them.",
            with_dy(conv2d.images),
            **only("db"),
        ),
        Property(
            "dw in one window",
            "Where there is one window, the slope of a weight is dy times the pixel under it.",
            with_dy(conv2d.one_window),
            **only("dw"),
        ),
        Property(
            "dw",
            "A weight works in every window: its slope is the sum of dy × pixel over all of them.",
            with_dy(conv2d.moving),
            **only("dw"),
        ),
        Property(
            "dx in one window",
            "Where there is one window, the slope of a pixel is dy times the weight on it.",
            with_dy(conv2d.one_window),
            **only("dx"),
        ),
        Property(
            "dx",
            "A pixel is seen by several windows: its slope is the sum of dy × weight over all that see it.",
            with_dy(conv2d.moving),
            **only("dx"),
        ),
        Property("channels", "It holds with several channels and filters.", with_dy(conv2d.channels), right),
        Property("several images", "The slopes of a weight add up over the images.", with_dy(conv2d.images), right),
        Property("stride", "The windows stand where they stood in the convolution.", with_dy(conv2d.strided), right),
        Property("padding", "dx is as large as x: the border belongs to nobody.", with_dy(conv2d.padded), right),
        Property("all together", "It holds with everything at once.", with_dy(general), right),
    ),
    mistakes=(
        Mistake(
            "kernel turned for dx",
            "The window lays weight (u, v) onto the pixel that it was multiplied by, and no other one. "
            "(As a convolution of dy the kernel is turned. Here it is turned once too often, or not at all.)",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding), dx=by_windows(dy, x, w[..., ::-1, ::-1], stride, padding)[0]
            ),
        ),
        Mistake(
            "dx assigned instead of added",
            "Windows overlap, and a pixel gets something from each that sees it: add with +=.",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding), dx=_assigned(dy, x, w, stride, padding)
            ),
        ),
        Mistake(
            "dw of the last window only",
            "A weight works in every window: add up its slopes with +=.",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding), dw=by_windows(_last(dy), x, w, stride, padding)[1]
            ),
        ),
        Mistake(
            "dy forgotten in dw",
            "Each pixel counts as much as the loss feels its output: times dy.",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding), dw=by_windows(np.ones_like(dy), x, w, stride, padding)[1]
            ),
        ),
        Mistake(
            "dw turned by 180°",
            "The slope of the first weight comes from the first pixel of each window: here it stands last.",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding), dw=by_windows(dy, x, w, stride, padding)[1][..., ::-1, ::-1]
            ),
        ),
        Mistake(
            "dw averaged over the images",
            "The loss already says how the images are weighted. The slopes are added, not averaged.",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding), dw=by_windows(dy, x, w, stride, padding)[1] / len(x)
            ),
        ),
        Mistake(
            "db not summed over the images",
            "The bias is the same in all images: add up over them, too.",
            lambda dy, x, w, stride=1, padding=0: _with(by_windows(dy, x, w, stride, padding), db=dy.sum((2, 3))[0]),
        ),
        Mistake(
            "db averaged",
            "The bias is added to every output: the slopes are added, not averaged.",
            lambda dy, x, w, stride=1, padding=0: _with(by_windows(dy, x, w, stride, padding), db=dy.mean((0, 2, 3))),
        ),
        Mistake(
            "border left on dx",
            "The border of zeros was added by the convolution itself. dx has the shape of x: cut it off.",
            lambda dy, x, w, stride=1, padding=0: _with(
                by_windows(dy, x, w, stride, padding),
                dx=by_windows(dy, np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))), w, stride)[0],
            ),
        ),
        Mistake(
            "stride forgotten",
            "The windows of the convolution stood stride pixels apart; here they stand one pixel apart.",
            lambda dy, x, w, stride=1, padding=0: by_windows(dy, x, w, 1, padding),
        ),
    ),
    solutions=(by_windows, by_cells),
    differs="Ours goes through the windows once, and takes dx and dw from the same pair of slices.",
    read_on=("ops/conv.py", "ops/loops.py", "ops/im2col.py"),
    returns=NAMES,
    hints=(
        "Begin with db: if a bias grows by 1, by how much does every number of its map grow?",
        "For dw take one weight. In each window it is multiplied by one pixel: which one?",
        "For dx take one window. If one of its pixels grows by 1, by how much does its output grow?",
        "The loop of the convolution does for all three: the same windows, and += in place of the sum.",
        "With padding, work on the padded x and cut the border off dx at the end.",
    ),
    explain=lambda dy, x, w, stride=1, padding=0: {
        f"d{a}": _by_hand(x, w, stride, padding).grad(a, dy) for a in ("x", "w", "b")
    },
    operation="conv2d",
    stand_in=lambda mine, ours: backward(mine, ours),
)


def _with(gradients: Gradients, **wrong: Array) -> Gradients:
    """These gradients with a wrong one among them."""
    dx, dw, db = gradients
    return wrong.get("dx", dx), wrong.get("dw", dw), wrong.get("db", db)


def _last(dy: Array) -> Array:
    """dy in the last window alone."""
    last = np.zeros_like(dy)
    last[:, :, -1, -1] = dy[:, :, -1, -1]
    return last


def _assigned(dy: Array, x: Array, w: Array, stride: int, padding: int) -> Array:
    """dx, where each window overwrites what the ones before it have laid down."""
    kh, kw = w.shape[2:]
    dx = np.zeros_like(np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding))))
    for i in range(dy.shape[2]):
        for j in range(dy.shape[3]):
            window = (..., slice(stride * i, stride * i + kh), slice(stride * j, stride * j + kw))
            dx[window] = np.tensordot(dy[:, :, i, j], w, axes=(1, 0))
    return dx[:, :, padding : dx.shape[2] - padding, padding : dx.shape[3] - padding]


def _by_hand(x: Array, w: Array, stride: int, padding: int) -> Any:
    from tinyunet import byhand  # only a hint waits for it

    return byhand.conv2d(x, w, np.zeros(len(w)), stride=stride, padding=padding)


def backward(mine: Callable[..., Gradients], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with this backward, and the forward that it has."""

    def with_mine(input: Array, weight: Array, bias: Array | None = None, stride: Pair = 1, padding: Pair = 0) -> Any:
        y, _ = operation(input, weight, bias, stride, padding)
        return y, lambda dy: mine(dy, input, weight, stride, padding)

    return with_mine
