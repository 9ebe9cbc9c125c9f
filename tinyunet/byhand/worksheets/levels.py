"""What worksheets ask: topics and their levels, each of which teaches one more thing.

A level has kinds of problems, which take turns, so that all sheets of a level are equally hard. A kind is the call of
an operation in which some arguments are functions that draw numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

import numpy as np

from tinyunet.tensor import Array

# ---- drawing numbers

Draw = Callable[[Random], Array]


def numbers(low: int, high: int, *shape: int) -> Draw:
    """Whole numbers from low to high.

    >>> numbers(1, 6, 2, 3)(Random("dice")).shape
    (2, 3)
    """

    def draw(random: Random) -> Array:
        # Of all that Random offers, only random() promises the same numbers in every version of Python.
        count = high - low + 1
        return np.array([low + int(random.random() * count) for _ in range(math.prod(shape))], float).reshape(shape)

    return draw


def distinct(*shape: int) -> Draw:
    """The whole numbers from 1, in any order.

    >>> sorted(distinct(4)(Random(0)).tolist())
    [1.0, 2.0, 3.0, 4.0]
    """
    return lambda random: np.argsort([random.random() for _ in range(math.prod(shape))]).reshape(shape) + 1.0


def even(*shape: int) -> Draw:
    """Channels (N, C, …) with a whole number as mean and a square as variance, so that σ is whole, too.

    >>> x = even(4, 2)(Random(0))
    >>> x.mean(0).tolist(), x.std(0).tolist()
    ([5.0, 5.0], [2.0, 4.0])
    """

    def draw(random: Random) -> Array:
        x = np.empty(shape)
        for c in range(shape[1]):
            channel = x[:, c]
            while True:
                channel[...] = numbers(0, 9, *channel.shape)(random)
                sigma = math.sqrt(channel.var())
                if channel.mean().is_integer() and sigma.is_integer() and sigma:
                    break
        return x

    return draw


def squares(count: int) -> Draw:
    """Variances: 4, 9 or 16."""
    return lambda random: numbers(2, 4, count)(random) ** 2


image, kernel, gradient = partial(numbers, 0, 6), partial(numbers, -2, 2), partial(numbers, -3, 3)
bias, scale = partial(numbers, 1, 9), partial(numbers, 2, 4)
signed, below, few = partial(numbers, -6, 6), partial(numbers, -9, 1), partial(numbers, 0, 2)  # images, too


class Kind(NamedTuple):
    """A kind of problem: the arguments of the operation, with functions for what is drawn."""

    arguments: dict[str, Any]
    what: str = "y"
    elements: int = 0  # how many are asked for; 0: all


class Level(NamedTuple):
    """What a level adds, what to remember, the mistakes that it is about, and the kinds of problems, in turn."""

    teaches: str
    reminder: str
    central: tuple[str, ...]
    kinds: tuple[Kind, ...]


# ---- the levels


def _conv(x: tuple[int, ...], w: tuple[int, ...], what: str = "y", elements: int = 0, **settings: Any) -> Kind:
    """A convolution; with a bias, unless image and kernel are single ones."""
    drawn: dict[str, Any] = {"x": image(*x), "w": kernel(*w)}
    if len(w) == 4:
        drawn["b"] = bias(settings.pop("filters", w[0]))
    return Kind(drawn | settings, what, elements)


def _pool(
    x: tuple[int, ...], size: int, what: str = "y", elements: int = 0, of: Callable[..., Draw] = image, **settings: Any
) -> Kind:
    return Kind({"x": of(*x), "kernel_size": size} | settings, what, elements)


def _norm(x: Draw, what: str = "y", elements: int = 0, affine: bool = True, **settings: Any) -> Kind:
    """Two channels; the statistics are drawn if they are used."""
    drawn: dict[str, Any] = {"x": x}
    if not settings.get("training") or what.startswith("running"):
        drawn |= {"running_mean": numbers(1, 9, 2), "running_var": squares(2)}
    if affine:
        drawn |= {"weight": scale(2), "bias": bias(2)}
    return Kind(drawn | settings | {"eps": 0}, what, elements)


def _linear(x: tuple[int, ...], w: tuple[int, ...], what: str = "y", elements: int = 0, biased: bool = True) -> Kind:
    drawn = {"x": image(*x), "w": gradient(*w)} | ({"b": bias(w[0])} if biased else {})
    return Kind(drawn, what, elements)


OVER = "Lay the kernel on the image, multiply the numbers that meet, and add the products up."
DOWN = "Every pixel of x lays the kernel down, times its own value; where kernels overlap, the numbers are added."
LARGEST = "Every output is the largest number under its window."
MEAN = "Every output is the sum of the numbers under its window, divided by how many they are."
BACK = (
    "dy holds ∂L/∂y. The gradient of a number is a sum over all outputs that it has a part in: "
    "of dy there, times what the number was multiplied by."
)
NORMAL = "y = (x − μ) / √(σ² + ε), with mean μ and variance σ² of the channel."
AFFINE = "y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and variance σ² of the channel."

TITLES = {
    "conv2d": "Convolution",
    "conv_transpose2d": "Transposed convolution",
    "max_pool2d": "Max-pooling",
    "avg_pool2d": "Average pooling",
    "batch_norm": "Batch normalisation",
    "relu": "ReLU",
    "linear": "Linear layer",
}

# The mistakes that a problem must tell apart. Which problems are drawn hangs on this list, so a change of it makes
# printed sheets worthless: a mistake that tinyunet learns later is left out.
LISTED = frozenset(
    re.split(
        r";\s+",
        """kernel flipped; kernel transposed; stride forgotten; stride applied twice; padding forgotten; edge padding;
    reflect padding; asymmetric 'same'; output size off by one; dilation off by one; channels kept apart;
    one channel skipped; bias forgotten; bias subtracted; bias added per tap; bias added per channel;
    zero or negative weight skipped; average instead of sum; overlaps overwritten; padding added instead of cropped;
    output_padding as zeros; output_padding forgotten; weight layout swapped; treated as the inverse;
    zero padding in max-pool; ceil for floor; average instead of maximum; divisor at the border;
    maximum instead of average; not divided; weight transposed; one input skipped; ties shared; last of equal numbers;
    gradient to the whole window; col2im that assigns; no rot180; no zeros inserted for the stride;
    not summed over filters; gradient with the wrong sign; upstream gradient forgotten;
    not summed over output channels; not summed over the batch; averaged over the map; gradient transposed;
    dx as dy·γ/σ; without its variance term; without its mean term; gamma forgotten; bias gradient not summed;
    unbiased variance; variance for standard deviation; epsilon forgotten; mean not subtracted; wrong axes;
    gamma or beta forgotten; gamma and beta swapped; statistics of the wrong mode; momentum reversed;
    momentum forgotten; biased variance; x in place of x̂; negative numbers kept; mask from the gradient's sign;
    mask forgotten; zero counted as positive""",
    )
)

# A map of 2×2 or 3×3 outputs with stride 2 is never asked for as a whole: a loop with the stride in its bound, too,
# then gives the same as one row and one column too few. Hence the long images.
LEVELS: dict[str, tuple[Level, ...]] = {
    "conv2d": (
        Level(
            "one channel: a window of products",
            OVER,
            ("kernel flipped",),
            (
                _conv((3, 3), (2, 2)),
                _conv((4, 4), (3, 3), elements=2),
                _conv((3, 4), (2, 2)),
                _conv((5, 5), (3, 3), elements=1),
            ),
        ),
        Level(
            "stride: the window moves by more than a pixel",
            f"{OVER} Then move by the stride s: output (i, j) starts at pixel (s·i, s·j).",
            ("stride forgotten",),
            (
                _conv((6, 6), (2, 2), elements=2, stride=2),
                _conv((3, 8), (2, 2), stride=2),
                _conv((5, 5), (3, 3), elements=1, stride=2),
                _conv((5, 8), (2, 2), stride=3),
            ),
        ),
        Level(
            "padding: a border of zeros",
            f"{OVER} First put a border of zeros around the image, as wide as the padding.",
            ("padding forgotten", "edge padding"),
            (
                _conv((3, 3), (3, 3), elements=2, padding=1),
                _conv((2, 2), (2, 2), padding=1),
                _conv((4, 4), (3, 3), elements=1, padding=1),
                _conv((5, 5), (3, 3), elements=1, stride=2, padding=1),
            ),
        ),
        Level(
            "channels and bias: one sum over all of them",
            f"{OVER} Add the sums of all channels, and the filter's bias b once.",
            ("one channel skipped", "bias forgotten"),
            (
                _conv((2, 3, 3), (1, 2, 2, 2)),
                _conv((2, 4, 4), (1, 2, 3, 3), elements=1),
                _conv((2, 2, 2), (2, 2, 2, 2)),
                _conv((2, 3, 3), (1, 2, 3, 3), elements=1, padding=1),
            ),
        ),
        Level(
            "dilation: a kernel with gaps",
            f"{OVER} With dilation d, neighbouring cells of the kernel lie d pixels apart on the image.",
            ("dilation off by one",),
            (
                _conv((4, 4), (2, 2), dilation=2),
                _conv((5, 5), (3, 3), dilation=2),
                _conv((5, 5), (2, 2), dilation=3),
                _conv((6, 6), (2, 2), elements=2, dilation=2),
            ),
        ),
        Level(
            "gradients: dw, dx and db",
            BACK,
            ("kernel flipped", "no rot180", "bias gradient not summed"),
            (
                _conv((3, 3), (2, 2), "dw"),
                _conv((3, 3), (2, 2), "dx"),
                _conv((1, 3, 3), (2, 1, 2, 2), "db"),
                _conv((5, 5), (3, 3), "dx", 2, stride=2),
            ),
        ),
    ),
    "conv_transpose2d": (
        Level(
            "stride 1: kernels are laid down and added",
            DOWN,
            ("overlaps overwritten",),
            (
                _conv((2, 2), (2, 2)),
                _conv((2, 3), (2, 2), elements=1),
                _conv((3, 3), (2, 2), elements=2),
            ),
        ),
        Level(
            "stride: the places where the kernels go",
            f"{DOWN} The kernel of pixel (i, j) starts at (s·i, s·j), with stride s.",
            ("stride forgotten",),
            (
                _conv((2, 2), (2, 2), stride=2),
                _conv((2, 2), (3, 3), elements=2, stride=2),
                _conv((1, 3), (2, 3), stride=2),
            ),
        ),
        Level(
            "padding: the border is cropped",
            f"{DOWN} At the end, padding p takes p rows and columns away from every side.",
            ("padding forgotten",),
            (
                _conv((2, 2), (3, 3), stride=2, padding=1),
                _conv((3, 3), (3, 3), elements=2, padding=1),
                _conv((2, 2), (4, 4), elements=2, stride=2, padding=1),
            ),
        ),
        Level(
            "channels and bias: one sum over all of them",
            f"{DOWN} All channels add to the same output, and the bias b is added once. w is (in, out, rows, columns).",
            ("one channel skipped", "bias forgotten"),
            (
                _conv((2, 2, 2), (2, 1, 2, 2), filters=1),
                _conv((2, 2, 2), (2, 2, 2, 2), elements=2, filters=2, stride=2),
                _conv((2, 2, 2), (2, 1, 3, 3), elements=1, filters=1, stride=2),
            ),
        ),
        Level(
            "output_padding: one more row and column",
            f"{DOWN} After the crop, output_padding gives back rows and columns at the end.",
            ("output_padding as zeros",),
            (
                _conv((1, 2), (3, 3), stride=2, padding=1, output_padding=1),
                _conv((2, 1), (3, 3), stride=2, padding=1, output_padding=1),
            ),
        ),
        Level(
            "gradients: dx, dw and db",
            BACK,
            ("kernel flipped", "bias gradient not summed"),
            (
                _conv((2, 2), (2, 2), "dx"),
                _conv((2, 2), (2, 2), "dw", stride=2),
                _conv((1, 2, 2), (1, 2, 2, 2), "db", filters=2),
                _conv((2, 2), (3, 3), "dx", 2, stride=2),
            ),
        ),
    ),
    "max_pool2d": (
        Level(
            "windows side by side",
            LARGEST,
            ("stride forgotten", "average instead of maximum"),
            (_pool((4, 8), 2), _pool((6, 6), 2, elements=2), _pool((3, 9), 2)),
        ),
        Level(
            "stride: windows that overlap, or leave pixels out",
            f"{LARGEST} Output (i, j) starts at pixel (s·i, s·j), with stride s; only windows that fit are counted.",
            ("stride forgotten",),
            (_pool((3, 9), 3, stride=2), _pool((6, 6), 3, elements=1, stride=2), _pool((5, 9), 2, stride=3)),
        ),
        Level(
            "padding: a border that never wins",
            f"{LARGEST} The padding is −∞: it never wins, even among negative numbers.",
            ("zero padding in max-pool",),
            (
                _pool((5, 5), 3, elements=1, of=below, stride=2, padding=1),
                _pool((2, 6), 2, of=below, padding=1),
                _pool((4, 4), 2, elements=2, of=below, padding=1),
            ),
        ),
        Level(
            "gradient: it goes to the largest",
            "dy holds ∂L/∂y. Only the largest number of a window moves its output: it receives all of dy.",
            ("gradient to the whole window",),
            (
                _pool((4, 4), 2, "dx", of=distinct),
                _pool((3, 3), 2, "dx", of=distinct, stride=1),
                _pool((5, 5), 3, "dx", 2, of=distinct, stride=2),
            ),
        ),
        Level(
            "ties: the gradient with equal numbers",
            "dy holds ∂L/∂y. Among equal numbers, the first one of the window, row by row, receives all of dy.",
            ("ties shared",),
            (
                _pool((4, 4), 2, "dx", of=few),
                _pool((3, 3), 2, "dx", of=few, stride=1),
            ),
        ),
    ),
    "avg_pool2d": (
        Level(
            "windows side by side",
            MEAN,
            ("stride forgotten", "not divided"),
            (_pool((4, 8), 2), _pool((6, 6), 2, elements=2), _pool((3, 9), 2)),
        ),
        Level(
            "stride: windows that overlap, or leave pixels out",
            f"{MEAN} Output (i, j) starts at pixel (s·i, s·j), with stride s; only windows that fit are counted.",
            ("stride forgotten",),
            (_pool((2, 8), 2, stride=2), _pool((6, 6), 3, elements=1, stride=2), _pool((5, 9), 2, stride=3)),
        ),
        Level(
            "padding: whether its zeros are counted",
            f"{MEAN} The padding is zeros; count_include_pad says whether they are counted.",
            ("divisor at the border",),
            (
                _pool((6, 6), 2, elements=2, padding=1),
                _pool((2, 6), 2, padding=1, count_include_pad=False),
                _pool((4, 4), 3, elements=1, stride=2, padding=1, count_include_pad=False),
            ),
        ),
        Level(
            "gradient: it is shared out",
            "dy holds ∂L/∂y. Every number of a window receives dy divided by the window's divisor.",
            ("not divided",),
            (_pool((4, 4), 2, "dx"), _pool((3, 3), 2, "dx", stride=1), _pool((5, 5), 3, "dx", 2, stride=2)),
        ),
    ),
    "batch_norm": (
        Level(
            "evaluation: with the running statistics",
            f"{NORMAL} In evaluation, μ and σ² are the running ones.",
            ("variance for standard deviation", "mean not subtracted"),
            (_norm(image(3, 2), affine=False), _norm(image(4, 2), elements=2, affine=False)),
        ),
        Level(
            "γ and β: scale and shift",
            f"{AFFINE} In evaluation, μ and σ² are the running ones.",
            ("gamma and beta swapped",),
            (_norm(image(3, 2)), _norm(image(4, 2), elements=2)),
        ),
        Level(
            "training: mean and variance of the batch",
            f"{AFFINE} In training they are those of the batch, and the variance is divided by m.",
            ("unbiased variance", "wrong axes"),
            (_norm(even(4, 2), elements=2, affine=False, training=True), _norm(even(4, 2), training=True)),
        ),
        Level(
            "images: a channel over all images of the batch",
            f"{AFFINE} Mean and variance are those of a channel, over all images and pixels.",
            ("wrong axes",),
            (
                _norm(even(2, 2, 1, 2), elements=2, training=True),
                _norm(even(2, 2, 2, 2), elements=1, affine=False, training=True),
            ),
        ),
        Level(
            "running statistics: a moving mean of those of the batches",
            "running ← (1 − momentum)·running + momentum·batch. The variance kept is divided by m − 1.",
            ("momentum reversed",),
            (
                _norm(even(4, 2), "running_mean", affine=False, training=True, momentum=0.25),
                _norm(even(4, 2), "running_var", affine=False, training=True, momentum=0.25),
            ),
        ),
        Level(
            "gradients: dβ, dγ and dx",
            "dy holds ∂L/∂y. With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy, dγ = Σ dy·x̂, "
            "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)).",
            ("bias gradient not summed", "x in place of x̂", "dx as dy·γ/σ"),
            (
                _norm(even(4, 2), "dbias", training=True),
                _norm(even(4, 2), "dweight", training=True),
                _norm(even(4, 2), "dx", 1, training=True),
            ),
        ),
    ),
    "relu": (
        Level(
            "negative numbers become 0",
            "y = max(0, x).",
            ("negative numbers kept",),
            (Kind({"x": signed(3, 4)}), Kind({"x": signed(2, 5)})),
        ),
        Level(
            "gradient: it passes where x is positive",
            "dy holds ∂L/∂y. dx = dy where x > 0, else 0.",
            ("mask forgotten", "mask from the gradient's sign"),
            (Kind({"x": signed(3, 4)}, "dx"), Kind({"x": signed(2, 5)}, "dx")),
        ),
    ),
    "linear": (
        Level(
            "weights: every row of w makes one output",
            "Output o is the sum of every input times its weight in row o of w.",
            ("one input skipped",),
            (_linear((3,), (3, 3), biased=False), _linear((4,), (2, 4), biased=False)),
        ),
        Level(
            "bias: added once",
            "Output o is the sum of every input times its weight in row o of w, plus the bias b[o].",
            ("bias forgotten",),
            (_linear((3,), (3, 3)), _linear((4,), (4, 4), elements=2)),
        ),
        Level(
            "batch: every row of x by itself",
            "Output o is the sum of every input times its weight in row o of w, plus b[o]; for every row of x.",
            ("one input skipped", "bias forgotten"),
            (_linear((2, 3), (2, 3)), _linear((3, 3), (3, 3), elements=2)),
        ),
        Level(
            "gradients: dx, dw and db",
            BACK,
            ("weight transposed", "not summed over the batch", "bias gradient not summed"),
            (_linear((2, 2), (2, 2), "dx"), _linear((2, 3), (2, 3), "dw"), _linear((3, 2), (2, 2), "db")),
        ),
    ),
}
