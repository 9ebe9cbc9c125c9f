"""Max-pooling and its backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value, whole
from tinyunet.tensor import Array, Tensor

Both = tuple[Array, Callable[[Array], Array]]

STARTER = '''\
def max_pool2d(x, kernel_size=2, stride=None):
    """The largest number of each window of x (N, C, H, W); without a stride the windows stand side by side."""
    stride = stride or kernel_size
    y = x  # yours

    def backward(dy):
        return np.zeros_like(x)  # yours

    return y, backward
'''


def windows(
    x: Array,
    kernel_size: int,
    stride: int,
    largest: Callable[[Array], Array] = lambda seen: seen.max(-1),
    shares: Callable[[Array], Array] = lambda seen: np.arange(seen.shape[-1]) == seen.argmax(-1)[..., None],
    add: bool = True,
) -> Both:
    """One window after the other; `shares` says how much of dy each number of a window (…, k·k) receives."""
    N, C, H, W = x.shape
    k = kernel_size
    places = [
        (i, j, (slice(None), slice(None), slice(stride * i, stride * i + k), slice(stride * j, stride * j + k)))
        for i in range((H - k) // stride + 1)
        for j in range((W - k) // stride + 1)
    ]
    y = np.zeros((N, C, (H - k) // stride + 1, (W - k) // stride + 1), x.dtype)
    for i, j, window in places:
        y[:, :, i, j] = largest(x[window].reshape(N, C, k * k))

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(x)
        for i, j, window in places:
            part = (dy[:, :, i, j, None] * shares(x[window].reshape(N, C, k * k))).reshape(N, C, k, k)
            dx[window] = dx[window] + part if add else np.where(part != 0, part, dx[window])
        return dx

    return y, backward


def by_windows(x: Array, kernel_size: int = 2, stride: int | None = None) -> Both:
    """One window after the other, of all channels and pictures at once."""
    return windows(x, kernel_size, stride or kernel_size)


def by_positions(x: Array, kernel_size: int = 2, stride: int | None = None) -> Both:
    """All windows at once: where in its map does each winner stand?"""
    stride = stride or kernel_size
    seen = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), axis=(2, 3))
    seen = seen[:, :, ::stride, ::stride].reshape(*seen[:, :, ::stride, ::stride].shape[:4], -1)  # (N, C, Ho, Wo, k·k)
    u, v = np.divmod(seen.argmax(-1), kernel_size)
    n, c, i, j = np.indices(u.shape)

    def backward(dy: Array) -> Array:
        dx = np.zeros_like(x)
        np.add.at(dx, (n, c, stride * i + u, stride * j + v), dy)
        return dx

    return seen.max(-1), backward


# ---- what must hold


def right(x: Array, kernel_size: int = 2, stride: int | None = None) -> Array:
    """Ours."""
    y: Array = F.max_pool2d(x, kernel_size, stride).numpy()
    return y


def right_dx(x: Array, *settings_and_dy: Any) -> Array:
    """Our gradient."""
    leaf = Tensor(x, requires_grad=True)
    F.max_pool2d(leaf, *settings_and_dy[:-1]).backward(settings_and_dy[-1])
    return np.asarray(leaf.grad)


def distinct(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers of which no two are equal, some below 0."""
    count = int(np.prod(shape))
    return (rng.permutation(count) - count // 3).astype(float).reshape(shape)


def one_window(rng: np.random.Generator, size: int) -> Inputs:
    """A single window of 2×2."""
    return {"x": distinct(rng, 1, 1, 2, 2), "kernel_size": 2}


def below_zero(rng: np.random.Generator, size: int) -> Inputs:
    """Nothing but negative numbers."""
    return {"x": -1 - abs(distinct(rng, 1, 1, 2, 2 + 2 * (size > 1))), "kernel_size": 2}


def side_by_side(rng: np.random.Generator, size: int) -> Inputs:
    """Windows that fill a map."""
    return {"x": distinct(rng, 1, 1, *((2, 4), (4, 2), (4, 4), (4, 6))[size]), "kernel_size": 2}


def odd(rng: np.random.Generator, size: int) -> Inputs:
    """A row or a column too many."""
    return {"x": distinct(rng, 1, 1, *((2, 3), (3, 2), (3, 5), (5, 5))[size]), "kernel_size": 2}


def several(rng: np.random.Generator, size: int) -> Inputs:
    """Several channels and pictures."""
    return {"x": distinct(rng, 1 + size % 2, 2, 2, 2 + 2 * (size > 1)), "kernel_size": 2}


def overlapping(rng: np.random.Generator, size: int) -> Inputs:
    """Windows that overlap."""
    shape, kernel_size, stride = (((2, 3), 2, 1), ((3, 3), 2, 1), ((3, 5), 3, 2), ((5, 5), 3, 2))[size]
    return {"x": distinct(rng, 1, 1, *shape), "kernel_size": kernel_size, "stride": stride}


def tied(rng: np.random.Generator, size: int) -> Inputs:
    """In every window the largest number comes twice or more."""
    x = whole(rng, 1, 1, 2, 2 + 2 * (size > 1), low=0, high=2)
    x[:, :, :, 1::2], x[:, :, 1, ::2] = 2, 2
    return {"x": x, "kernel_size": 2}


def with_dy(draw: Callable[[np.random.Generator, int], Inputs]) -> Callable[[np.random.Generator, int], Inputs]:
    """The same with slopes."""

    def drawn(rng: np.random.Generator, size: int) -> Inputs:
        inputs = draw(rng, size)
        shape = right(**inputs).shape
        return {**inputs, "dy": whole(rng, *shape, low=1) * rng.choice([-1.0, 1.0], shape)}

    return drawn


def explain(x: Array, kernel_size: int, stride: int | None = None, dy: Array | None = None) -> Mapping[str, Any]:
    from tinyunet import byhand  # only a hint waits for it

    y = byhand.max_pool2d(x, kernel_size, stride)
    return {"y": y} if dy is None else {"dx": y.grad("x", dy)}


# ---- what goes wrong


def instead(**changed: Any) -> Callable[..., Both]:
    """Windows with something changed."""
    return lambda x, kernel_size=2, stride=None: windows(x, kernel_size, stride or kernel_size, **changed)


def backward_of(f: Callable[[Array], Array]) -> dict[str, Any]:
    """The shares of a window that are changed."""
    return {"shares": f}


def padded_out(x: Array, kernel_size: int = 2, stride: int | None = None) -> Both:
    """With windows that hang over the end."""
    stride, (H, W) = stride or kernel_size, x.shape[2:]
    more = [-(n - kernel_size) % stride for n in (H, W)]
    full = np.pad(x, ((0, 0), (0, 0), (0, more[0]), (0, more[1])), constant_values=-np.inf)
    y, backward = windows(full, kernel_size, stride)
    return y, lambda dy: backward(dy)[:, :, :H, :W]


def _tied(seen: Array) -> Array:
    """Which numbers of a window are as large as the largest."""
    return seen == seen.max(-1, keepdims=True)


EXERCISE = Exercise(
    name="max_pool2d",
    number="06.1",
    asks="Write max-pooling, the largest number of each window, and its backward. The function returns both.",
    starter=STARTER,
    properties=(
        Property("one window", "Of 2×2 numbers the largest remains.", one_window, right, call=value),
        Property("below zero", "Where all are below 0, the largest is below 0.", below_zero, right, call=value),
        Property("side by side", "Without a stride the windows stand side by side.", side_by_side, right, call=value),
        Property(
            "odd sizes",
            "Only whole windows count: a row or column that is left over is not seen.",
            odd,
            right,
            call=value,
        ),
        Property("channels and pictures", "Each map is pooled by itself.", several, right, call=value),
        Property("stride", "With a stride the windows begin that many pixels apart.", overlapping, right, call=value),
        Property(
            "backward",
            "The winner of a window alone moves its output, and receives all of dy.",
            with_dy(side_by_side),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property(
            "backward with odd sizes",
            "dx has the shape of x, and is 0 where no window looks.",
            with_dy(odd),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property(
            "backward of channels and pictures",
            "Each map gets its own slopes back.",
            with_dy(several),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property(
            "ties",
            "Among equals the first one wins, row by row, and receives all of dy.",
            with_dy(tied),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
        Property(
            "overlapping windows",
            "Who wins in several windows receives the sum of their dy.",
            with_dy(overlapping),
            right_dx,
            call=gradient,
            returns=("dx",),
        ),
    ),
    mistakes=(
        Mistake(
            "average instead of maximum",
            "Of each window the largest number remains, not the mean.",
            instead(largest=lambda seen: seen.mean(-1)),
        ),
        Mistake(
            "smallest instead of largest",
            "Of each window the largest number remains.",
            instead(largest=lambda seen: seen.min(-1)),
        ),
        Mistake(
            "first instead of largest",
            "It takes the first number of each window, whatever the others are.",
            instead(largest=lambda seen: seen[..., 0]),
        ),
        Mistake(
            "largest without its sign",
            "−3 is less than 2: compare the numbers, not their absolute values.",
            instead(largest=lambda seen: np.abs(seen).max(-1)),
        ),
        Mistake(
            "maximum begun at 0",
            "Where all numbers are below 0, so is the largest: begin with one of them.",
            instead(largest=lambda seen: np.maximum(seen.max(-1), 0)),
        ),
        Mistake(
            "stride forgotten",
            "The windows move by one pixel. Without a stride they move by their own size.",
            lambda x, kernel_size=2, stride=None: windows(x, kernel_size, stride or 1),
        ),
        Mistake(
            "stride ignored",
            "The windows always stand side by side, also where a stride is given.",
            lambda x, kernel_size=2, stride=None: windows(x, kernel_size, kernel_size),
        ),
        Mistake("windows over the end", "A window must fit: what is left over at the end is not seen.", padded_out),
        Mistake(
            "gradient to the whole window",
            "Only the winner moves the output: the others receive nothing.",
            instead(**backward_of(np.ones_like)),
        ),
        Mistake(
            "gradient shared by the window",
            "That is the gradient of the mean. Of a maximum the winner gets all.",
            instead(**backward_of(lambda seen: np.ones_like(seen) / seen.shape[-1])),
        ),
        Mistake(
            "gradient to the first of the window",
            "dy goes where the largest number stood.",
            instead(**backward_of(lambda seen: np.arange(seen.shape[-1]) == 0 * seen)),
        ),
        Mistake(
            "winner times dy",
            "The winner is passed on as it is, times 1: its slope is dy.",
            instead(**backward_of(lambda seen: (np.arange(seen.shape[-1]) == seen.argmax(-1)[..., None]) * seen)),
        ),
        Mistake(
            "all of dy to every tie",
            "Among equals only one may win, or the slopes add up to more than dy.",
            instead(**backward_of(_tied)),
        ),
        Mistake(
            "ties shared",
            "Among equals the first one receives all of dy, as in PyTorch.",
            instead(**backward_of(lambda seen: _tied(seen) / _tied(seen).sum(-1, keepdims=True))),
        ),
        Mistake(
            "the last of ties",
            "Among equals the first one wins, not the last.",
            instead(
                **backward_of(lambda seen: np.arange(seen.shape[-1])[::-1] == seen[..., ::-1].argmax(-1)[..., None])
            ),
        ),
        Mistake(
            "overlaps overwritten", "Who wins in several windows receives all of it: add with +=.", instead(add=False)
        ),
    ),
    solutions=(by_windows, by_positions),
    differs="Ours goes through the cells of a window instead: the first cell of all windows at once, then the second. "
    "For 2×2 that is four steps, however large the map is.",
    read_on=("ops/pool.py",),
    hints=(
        "Begin with the loop of the convolution: for each output (i, j), which slice of x is its window?",
        "window.max(axis=(2, 3)) is the largest of each channel and picture.",
        "For the backward you need to know where the largest stood: argmax of the window, its last two axes made one.",
        "np.divmod(position, kernel_size) makes a row and a column of such a place. argmax takes the first of equals.",
    ),
    explain=explain,
    operation="max_pool2d",
    stand_in=lambda mine, ours: pooled(mine, ours),
)


DEFAULTS = {"padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False}


def pooled(mine: Callable[..., Both], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation as this answer does it; settings that the exercise does not ask for are left to ours."""

    def with_mine(input: Array, kernel_size: Any, stride: Any = None, *others: Any, **settings: Any) -> Any:
        asked = input.ndim == 4 and isinstance(kernel_size, int) and isinstance(stride, int | None)
        given = dict(zip(DEFAULTS, others, strict=False)) | settings
        if not asked or DEFAULTS | given != DEFAULTS:
            return operation(input, kernel_size, stride, *others, **settings)
        return mine(input, kernel_size, stride)

    return with_mine
