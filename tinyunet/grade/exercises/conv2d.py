"""A convolution, from windows to maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.ops import im2col
from tinyunet.ops.window import Pair
from tinyunet.tensor import Array

STARTER = '''\
def conv2d(x, w, b, stride=1, padding=0):
    """x: (N, C, H, W), w: (O, C, kh, kw), b: (O,). Returns y: (N, O, Ho, Wo)."""
    return None  # yours
'''


# ---- two right answers


def by_windows(x: Array, w: Array, b: Array, stride: int = 1, padding: int = 0) -> Array:
    """One output position after the other: all filters at once on the window that lies there."""
    N, (O, _, kh, kw) = len(x), w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    Ho, Wo = (x.shape[2] - kh) // stride + 1, (x.shape[3] - kw) // stride + 1
    y = np.zeros((N, O, Ho, Wo), x.dtype)
    for i in range(Ho):
        for j in range(Wo):
            window = x[:, :, stride * i : stride * i + kh, stride * j : stride * j + kw]  # (N, C, kh, kw)
            y[:, :, i, j] = np.tensordot(window, w, axes=([1, 2, 3], [1, 2, 3])) + b  # (N, O)
    return y


def as_matrix_product(x: Array, w: Array, b: Array, stride: int = 1, padding: int = 0) -> Array:
    """Every window in a column, every filter in a row, and one product of two matrices."""
    O, C, kh, kw = w.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    N, _, Ho, Wo = windows.shape[:4]
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(N, C * kh * kw, Ho * Wo)  # (N, C·kh·kw, Ho·Wo)
    y = w.reshape(O, C * kh * kw) @ columns + b[:, None]  # (N, O, Ho·Wo)
    return y.reshape(N, O, Ho, Wo)


# ---- what must hold


def right(x: Array, w: Array, b: Array, stride: int = 1, padding: int = 0) -> Array:
    """Ours."""
    y: Array = im2col.conv2d(x, w, b, stride, padding).numpy()
    return y


def draw(
    rng: np.random.Generator,
    N: int = 1,
    C: int = 1,
    O: int = 1,
    kernel: Any = (2, 2),
    extra: Any = (1, 1),
    **settings: int,
) -> Inputs:
    """An image a few pixels larger than the kernel."""
    (kh, kw), (down, across) = kernel, extra
    x, w = whole(rng, N, C, kh + down, kw + across), whole(rng, O, C, kh, kw)
    return {"x": x, "w": w, "b": np.zeros(O), **settings}


def one_window(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, kernel=((1, 2), (2, 2), (2, 3), (3, 3))[size], extra=(0, 0))


def moving(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, kernel=((1, 2), (2, 2), (3, 2), (3, 3))[size], extra=(1, 2) if size else (0, 1))


def channels(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, C=2 + (size > 1), O=1 + size, kernel=(2, 2) if size else (1, 2), extra=(1, 1) if size else (0, 0))


def images(rng: np.random.Generator, size: int) -> Inputs:
    return draw(rng, N=2 + (size > 1), C=1 + size, O=1 + (size > 0), kernel=(1, 2), extra=(1, 1) if size else (0, 0))


def with_bias(rng: np.random.Generator, size: int) -> Inputs:
    inputs = draw(rng, C=2, O=1 + size, kernel=(1, 2), extra=(1, 1) if size else (0, 0))
    return {**inputs, "b": whole(rng, 1 + size, low=1, high=6)}


def strided(rng: np.random.Generator, size: int) -> Inputs:
    extra = ((0, 2), (2, 3), (3, 4), (6, 4))[size]
    return draw(rng, kernel=(1, 2) if size < 2 else (3, 2), extra=extra, stride=2 if size < 3 else 3, padding=0)


def padded(rng: np.random.Generator, size: int) -> Inputs:
    padding, kernel = (1, 1, 2, 1)[size], ((1, 2), (2, 2), (3, 3), (3, 3))[size]
    return draw(rng, C=1 + (size > 2), kernel=kernel, extra=(1, 1), stride=1 + (size > 2), padding=padding)


EXERCISE = Exercise(
    name="conv2d",
    number="03.1",
    asks="Write a convolution: for every filter, the sum of weight × pixel in every window, plus the filter's bias.",
    starter=STARTER,
    properties=(
        Property(
            "one window",
            "Where the kernel just fits, there is one sum of weight × pixel.",
            one_window,
            right,
        ),
        Property("whole map", "Each place where the kernel fits gives one output.", moving, right),
        Property("channels", "Each filter adds up all channels, and each filter makes one map.", channels, right),
        Property("several images", "The images of a batch have nothing to do with one another.", images, right),
        Property("bias", "The bias of a filter is added once to each number of its map.", with_bias, right),
        Property("stride", "With stride s a window begins s pixels after the one before.", strided, right),
        Property("padding", "With padding p the picture first gets a border of zeros, p pixels wide.", padded, right),
    ),
    mistakes=(
        Mistake(
            "kernel turned by 180°",
            "The first weight belongs to the first pixel of the window: here the last one does.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w[:, :, ::-1, ::-1], b, stride, padding),
        ),
        Mistake(
            "bias forgotten",
            "Add b[o] to every number of map o.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w, 0 * b, stride, padding),
        ),
        Mistake(
            "bias added for each product",
            "The bias is added once for each output: after the sum, not inside it.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w, b * w[0].size, stride, padding),
        ),
        Mistake(
            "bias added for each channel",
            "The bias is added once for each output, after the channels have been added up.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w, b * w.shape[1], stride, padding),
        ),
        Mistake(
            "stride forgotten",
            "The windows stand one pixel apart, whatever stride says.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w, b, 1, padding),
        ),
        Mistake(
            "padding forgotten",
            "No border of zeros was put around the picture.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w, b, stride, 0),
        ),
        Mistake(
            "padding on one side only",
            "The border belongs to the right and at the bottom as well as to the left and at the top.",
            lambda x, w, b, stride=1, padding=0: by_windows(
                np.pad(x, ((0, 0), (0, 0), (padding, 0), (padding, 0))), w, b, stride
            ),
        ),
        Mistake(
            "last window forgotten",
            "n pixels hold (n − k) // stride + 1 windows: here the + 1 is missing.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, w, b, stride, padding)[:, :, :-1, :-1],
        ),
        Mistake(
            "first channel only",
            "Every channel has its own kernel, and all channels are added up.",
            lambda x, w, b, stride=1, padding=0: by_windows(x[:, :1], w[:, :1], b, stride, padding),
        ),
        Mistake(
            "one filter for all",
            "Map o is made by filter o: here all maps are made by the first one.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, 0 * w + w[:1], b, stride, padding),
        ),
        Mistake(
            "weights not multiplied",
            "Each pixel is multiplied by its weight before the sum.",
            lambda x, w, b, stride=1, padding=0: by_windows(x, 0 * w + 1, b, stride, padding),
        ),
    ),
    solutions=(as_matrix_product, by_windows),
    differs="Ours has no loop: a view of all windows, laid out as columns, makes it one matrix product.",
    read_on=("ops/im2col.py", "ops/loops.py", "ops/conv.py"),
    hints=(
        "Begin with one window in one channel: multiply two small arrays element by element, and add everything up.",
        "How many windows are there? Count the places where the kernel fits, in rows and in columns, with a pencil.",
        "Output (i, j) belongs to the window that begins in row stride·i and column stride·j of the padded picture.",
        "np.pad makes the border. A slice x[:, :, a:b, c:d] takes the same window from all images and channels.",
    ),
    explain=lambda x, w, b, stride=1, padding=0: {"y": _by_hand(x, w, b, stride, padding)},
    operation="conv2d",
    stand_in=lambda mine, ours: forward(mine, ours),
)


def _by_hand(x: Array, w: Array, b: Array, stride: int, padding: int) -> Any:
    from tinyunet import byhand  # only a hint waits for it

    return byhand.conv2d(x, w, b, stride=stride, padding=padding)


def forward(mine: Callable[..., Array], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with this forward, and the backward that it has."""

    def conv2d(input: Array, weight: Array, bias: Array | None = None, stride: Pair = 1, padding: Pair = 0) -> Any:
        b = np.zeros(len(weight), weight.dtype) if bias is None else bias
        y = mine(input, weight, b, stride, padding)
        return y, lambda dy: operation(input, weight, bias, stride, padding)[1](dy)

    return conv2d
