"""What worksheets ask: topics and their levels, each of which teaches one more thing.

A level has kinds of problems, which take turns, so that all sheets of a level are equally hard.
"""

from __future__ import annotations

from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.worksheets.kinds import (
    AFFINE,
    RUNNING,
    Kind,
    ask,
    below,
    bias,
    distinct,
    even,
    few,
    gradient,
    image,
    kernel,
    signed,
)


class Level:
    """What a level adds, what to remember, the mistakes that it is about, and the kinds of problems, in turn."""

    def __init__(self, teaches: str, reminder: str, central: tuple[str, ...], *kinds: Kind) -> None:
        self.teaches, self.reminder, self.central, self.kinds = teaches, reminder, central, kinds


def level_of(topic: str, number: int) -> Level:
    """The level of this number, from 1.

    Raises:
        ValueError: a topic or level that there is not.

    >>> level_of("relu", 1).teaches
    'negative numbers become 0'
    """
    if topic not in LEVELS:
        raise ValueError(f"there is no topic {topic!r}; there is {', '.join(LEVELS)}")
    if not 1 <= number <= len(LEVELS[topic]):
        raise ValueError(f"{topic} has the levels 1 to {len(LEVELS[topic])}, not {number}")
    return LEVELS[topic][number - 1]


def topics() -> str:
    """All topics and their levels, one a line.

    >>> topics().splitlines()[1]
    '  1  one channel: a window of products'
    """
    lines = []
    for topic, levels in LEVELS.items():
        lines.append(f"{topic}: {OPERATIONS[topic].title}")
        lines += [f"  {k}  {level.teaches}" for k, level in enumerate(levels, 1)]
    return "\n".join(lines)


OVER = "Lay the kernel on the image, multiply the numbers that meet, and add the products up."
DOWN = "Every pixel of x lays the kernel down, times its own value; where kernels overlap, the numbers are added."
LARGEST = "Every output is the largest number under its window."
MEAN = "Every output is the sum of the numbers under its window, divided by how many they are."
BACK = (
    "dy holds ∂L/∂y. The gradient of a number is a sum over all outputs that it has a part in: "
    "of dy there, times what the number was multiplied by."
)
NORMAL = "y = (x − μ) / √(σ² + ε), with mean μ and variance σ² of the channel."
SCALED = "y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and variance σ² of the channel."

# A map of 2×2 or 3×3 outputs with stride 2 is never asked for as a whole: a loop with the stride in its bound, too,
# then gives the same as one row and one column too few. Hence the long images.
LEVELS: dict[str, tuple[Level, ...]] = {
    "conv2d": (
        Level(
            "one channel: a window of products",
            OVER,
            ("kernel flipped",),
            ask(x=image(3, 3), w=kernel(2, 2)),
            ask("y", 2, x=image(4, 4), w=kernel(3, 3)),
            ask(x=image(3, 4), w=kernel(2, 2)),
            ask("y", 1, x=image(5, 5), w=kernel(3, 3)),
        ),
        Level(
            "stride: the window moves by more than a pixel",
            f"{OVER} Then move by the stride s: output (i, j) starts at pixel (s·i, s·j).",
            ("stride forgotten",),
            ask("y", 2, x=image(6, 6), w=kernel(2, 2), stride=2),
            ask(x=image(3, 8), w=kernel(2, 2), stride=2),
            ask("y", 1, x=image(5, 5), w=kernel(3, 3), stride=2),
            ask(x=image(5, 8), w=kernel(2, 2), stride=3),
        ),
        Level(
            "padding: a border of zeros",
            f"{OVER} First put a border of zeros around the image, as wide as the padding.",
            ("padding forgotten", "edge padding"),
            ask("y", 2, x=image(3, 3), w=kernel(3, 3), padding=1),
            ask(x=image(2, 2), w=kernel(2, 2), padding=1),
            ask("y", 1, x=image(4, 4), w=kernel(3, 3), padding=1),
            ask("y", 1, x=image(5, 5), w=kernel(3, 3), stride=2, padding=1),
        ),
        Level(
            "channels and bias: one sum over all of them",
            f"{OVER} Add the sums of all channels, and the filter's bias b once.",
            ("one channel skipped", "bias forgotten"),
            ask(x=image(2, 3, 3), w=kernel(1, 2, 2, 2), b=bias(1)),
            ask("y", 1, x=image(2, 4, 4), w=kernel(1, 2, 3, 3), b=bias(1)),
            ask(x=image(2, 2, 2), w=kernel(2, 2, 2, 2), b=bias(2)),
            ask("y", 1, x=image(2, 3, 3), w=kernel(1, 2, 3, 3), b=bias(1), padding=1),
        ),
        Level(
            "dilation: a kernel with gaps",
            f"{OVER} With dilation d, neighbouring cells of the kernel lie d pixels apart on the image.",
            ("dilation off by one",),
            ask(x=image(4, 4), w=kernel(2, 2), dilation=2),
            ask(x=image(5, 5), w=kernel(3, 3), dilation=2),
            ask(x=image(5, 5), w=kernel(2, 2), dilation=3),
            ask("y", 2, x=image(6, 6), w=kernel(2, 2), dilation=2),
        ),
        Level(
            "gradients: dw, dx and db",
            BACK,
            ("kernel flipped", "no rot180", "bias gradient not summed"),
            ask("dw", x=image(3, 3), w=kernel(2, 2)),
            ask("dx", x=image(3, 3), w=kernel(2, 2)),
            ask("db", x=image(1, 3, 3), w=kernel(2, 1, 2, 2), b=bias(2)),
            ask("dx", 2, x=image(5, 5), w=kernel(3, 3), stride=2),
        ),
    ),
    "conv_transpose2d": (
        Level(
            "stride 1: kernels are laid down and added",
            DOWN,
            ("overlaps overwritten",),
            ask(x=image(2, 2), w=kernel(2, 2)),
            ask("y", 1, x=image(2, 3), w=kernel(2, 2)),
            ask("y", 2, x=image(3, 3), w=kernel(2, 2)),
        ),
        Level(
            "stride: the places where the kernels go",
            f"{DOWN} The kernel of pixel (i, j) starts at (s·i, s·j), with stride s.",
            ("stride forgotten",),
            ask(x=image(2, 2), w=kernel(2, 2), stride=2),
            ask("y", 2, x=image(2, 2), w=kernel(3, 3), stride=2),
            ask(x=image(1, 3), w=kernel(2, 3), stride=2),
        ),
        Level(
            "padding: the border is cropped",
            f"{DOWN} At the end, padding p takes p rows and columns away from every side.",
            ("padding forgotten",),
            ask(x=image(2, 2), w=kernel(3, 3), stride=2, padding=1),
            ask("y", 2, x=image(3, 3), w=kernel(3, 3), padding=1),
            ask("y", 2, x=image(2, 2), w=kernel(4, 4), stride=2, padding=1),
        ),
        Level(
            "channels and bias: one sum over all of them",
            f"{DOWN} All channels add to the same output, and the bias b is added once. w is (in, out, rows, columns).",
            ("one channel skipped", "bias forgotten"),
            ask(x=image(2, 2, 2), w=kernel(2, 1, 2, 2), b=bias(1)),
            ask("y", 2, x=image(2, 2, 2), w=kernel(2, 2, 2, 2), b=bias(2), stride=2),
            ask("y", 1, x=image(2, 2, 2), w=kernel(2, 1, 3, 3), b=bias(1), stride=2),
        ),
        Level(
            "output_padding: one more row and column",
            f"{DOWN} After the crop, output_padding gives back rows and columns at the end.",
            ("output_padding as zeros",),
            ask(x=image(1, 2), w=kernel(3, 3), stride=2, padding=1, output_padding=1),
            ask(x=image(2, 1), w=kernel(3, 3), stride=2, padding=1, output_padding=1),
        ),
        Level(
            "gradients: dx, dw and db",
            BACK,
            ("kernel flipped", "bias gradient not summed"),
            ask("dx", x=image(2, 2), w=kernel(2, 2)),
            ask("dw", x=image(2, 2), w=kernel(2, 2), stride=2),
            ask("db", x=image(1, 2, 2), w=kernel(1, 2, 2, 2), b=bias(2)),
            ask("dx", 2, x=image(2, 2), w=kernel(3, 3), stride=2),
        ),
    ),
    "max_pool2d": (
        Level(
            "windows side by side",
            LARGEST,
            ("stride forgotten", "average instead of maximum"),
            ask(x=image(4, 8), kernel_size=2),
            ask("y", 2, x=image(6, 6), kernel_size=2),
            ask(x=image(3, 9), kernel_size=2),
        ),
        Level(
            "stride: windows that overlap, or leave pixels out",
            f"{LARGEST} Output (i, j) starts at pixel (s·i, s·j), with stride s; only windows that fit are counted.",
            ("stride forgotten",),
            ask(x=image(3, 9), kernel_size=3, stride=2),
            ask("y", 1, x=image(6, 6), kernel_size=3, stride=2),
            ask(x=image(5, 9), kernel_size=2, stride=3),
        ),
        Level(
            "padding: a border that never wins",
            f"{LARGEST} The padding is −∞: it never wins, even among negative numbers.",
            ("zero padding in max-pool",),
            ask("y", 1, x=below(5, 5), kernel_size=3, stride=2, padding=1),
            ask(x=below(2, 6), kernel_size=2, padding=1),
            ask("y", 2, x=below(4, 4), kernel_size=2, padding=1),
        ),
        Level(
            "gradient: it goes to the largest",
            "dy holds ∂L/∂y. Only the largest number of a window moves its output: it receives all of dy.",
            ("gradient to the whole window",),
            ask("dx", x=distinct(4, 4), kernel_size=2),
            ask("dx", x=distinct(3, 3), kernel_size=2, stride=1),
            ask("dx", 2, x=distinct(5, 5), kernel_size=3, stride=2),
        ),
        Level(
            "ties: the gradient with equal numbers",
            "dy holds ∂L/∂y. Among equal numbers, the first one of the window, row by row, receives all of dy.",
            ("ties shared",),
            ask("dx", x=few(4, 4), kernel_size=2),
            ask("dx", x=few(3, 3), kernel_size=2, stride=1),
        ),
    ),
    "avg_pool2d": (
        Level(
            "windows side by side",
            MEAN,
            ("stride forgotten", "not divided"),
            ask(x=image(4, 8), kernel_size=2),
            ask("y", 2, x=image(6, 6), kernel_size=2),
            ask(x=image(3, 9), kernel_size=2),
        ),
        Level(
            "stride: windows that overlap, or leave pixels out",
            f"{MEAN} Output (i, j) starts at pixel (s·i, s·j), with stride s; only windows that fit are counted.",
            ("stride forgotten",),
            ask(x=image(2, 8), kernel_size=2, stride=2),
            ask("y", 1, x=image(6, 6), kernel_size=3, stride=2),
            ask(x=image(5, 9), kernel_size=2, stride=3),
        ),
        Level(
            "padding: whether its zeros are counted",
            f"{MEAN} The padding is zeros; count_include_pad says whether they are counted.",
            ("divisor at the border",),
            ask("y", 2, x=image(6, 6), kernel_size=2, padding=1),
            ask(x=image(2, 6), kernel_size=2, padding=1, count_include_pad=False),
            ask("y", 1, x=image(4, 4), kernel_size=3, stride=2, padding=1, count_include_pad=False),
        ),
        Level(
            "gradient: it is shared out",
            "dy holds ∂L/∂y. Every number of a window receives dy divided by the window's divisor.",
            ("not divided",),
            ask("dx", x=image(4, 4), kernel_size=2),
            ask("dx", x=image(3, 3), kernel_size=2, stride=1),
            ask("dx", 2, x=image(5, 5), kernel_size=3, stride=2),
        ),
    ),
    "batch_norm": (
        Level(
            "evaluation: with the running statistics",
            f"{NORMAL} In evaluation, μ and σ² are the running ones.",
            ("variance for standard deviation", "mean not subtracted"),
            ask(x=image(3, 2), **RUNNING, eps=0),
            ask("y", 2, x=image(4, 2), **RUNNING, eps=0),
        ),
        Level(
            "γ and β: scale and shift",
            f"{SCALED} In evaluation, μ and σ² are the running ones.",
            ("gamma and beta swapped",),
            ask(x=image(3, 2), **RUNNING, **AFFINE, eps=0),
            ask("y", 2, x=image(4, 2), **RUNNING, **AFFINE, eps=0),
        ),
        Level(
            "training: mean and variance of the batch",
            f"{SCALED} In training they are those of the batch, and the variance is divided by m.",
            ("unbiased variance", "wrong axes"),
            ask("y", 2, x=even(4, 2), training=True, eps=0),
            ask(x=even(4, 2), **AFFINE, training=True, eps=0),
        ),
        Level(
            "images: a channel over all images of the batch",
            f"{SCALED} Mean and variance are those of a channel, over all images and pixels.",
            ("wrong axes",),
            ask("y", 2, x=even(2, 2, 1, 2), **AFFINE, training=True, eps=0),
            ask("y", 1, x=even(2, 2, 2, 2), training=True, eps=0),
        ),
        Level(
            "running statistics: a moving mean of those of the batches",
            "running ← (1 − momentum)·running + momentum·batch. The variance kept is divided by m − 1.",
            ("momentum reversed",),
            ask("running_mean", x=even(4, 2), **RUNNING, training=True, momentum=0.25, eps=0),
            ask("running_var", x=even(4, 2), **RUNNING, training=True, momentum=0.25, eps=0),
        ),
        Level(
            "gradients: dβ, dγ and dx",
            "dy holds ∂L/∂y. With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy, dγ = Σ dy·x̂, "
            "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)).",
            ("bias gradient not summed", "x in place of x̂", "dx as dy·γ/σ"),
            ask("dbias", x=even(4, 2), **AFFINE, training=True, eps=0),
            ask("dweight", x=even(4, 2), **AFFINE, training=True, eps=0),
            ask("dx", 1, x=even(4, 2), **AFFINE, training=True, eps=0),
        ),
    ),
    "relu": (
        Level(
            "negative numbers become 0",
            "y = max(0, x).",
            ("negative numbers kept",),
            ask(x=signed(3, 4)),
            ask(x=signed(2, 5)),
        ),
        Level(
            "gradient: it passes where x is positive",
            "dy holds ∂L/∂y. dx = dy where x > 0, else 0.",
            ("mask forgotten", "mask from the gradient's sign"),
            ask("dx", x=signed(3, 4)),
            ask("dx", x=signed(2, 5)),
        ),
    ),
    "linear": (
        Level(
            "weights: every row of w makes one output",
            "Output o is the sum of every input times its weight in row o of w.",
            ("one input skipped",),
            ask(x=image(3), w=gradient(3, 3)),
            ask(x=image(4), w=gradient(2, 4)),
        ),
        Level(
            "bias: added once",
            "Output o is the sum of every input times its weight in row o of w, plus the bias b[o].",
            ("bias forgotten",),
            ask(x=image(3), w=gradient(3, 3), b=bias(3)),
            ask("y", 2, x=image(4), w=gradient(4, 4), b=bias(4)),
        ),
        Level(
            "batch: every row of x by itself",
            "Output o is the sum of every input times its weight in row o of w, plus b[o]; for every row of x.",
            ("one input skipped", "bias forgotten"),
            ask(x=image(2, 3), w=gradient(2, 3), b=bias(2)),
            ask("y", 2, x=image(3, 3), w=gradient(3, 3), b=bias(3)),
        ),
        Level(
            "gradients: dx, dw and db",
            BACK,
            ("weight transposed", "not summed over the batch", "bias gradient not summed"),
            ask("dx", x=image(2, 2), w=gradient(2, 2), b=bias(2)),
            ask("dw", x=image(2, 3), w=gradient(2, 3), b=bias(2)),
            ask("db", x=image(3, 2), w=gradient(2, 2), b=bias(2)),
        ),
    ),
}
