"""What worksheets ask: topics and their levels, each of which teaches one more thing.

A level has kinds of problems, which take turns, so that all sheets of a level are equally hard.
"""

from __future__ import annotations

from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.reading import hint
from tinyunet.byhand.worksheets.diffusion import DIFFUSION
from tinyunet.byhand.worksheets.kinds import (
    AFFINE,
    RUNNING,
    Kind,
    Level,
    below,
    bias,
    distinct,
    even,
    few,
    gradient,
    image,
    kernel,
    logits,
    signed,
    targets,
)


def level_of(topic: str, number: int) -> Level:
    """The level of this number, from 1; a ValueError if there is no such topic or level.

    >>> level_of("relu", 1).teaches
    'negative numbers become 0'
    """
    if topic not in LEVELS:
        raise ValueError(f"there is no topic {topic!r}; {hint(topic, LEVELS)}")
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
NORMAL = "y = (x − μ) / √(σ² + ε), with mean μ and variance σ² of the channel."
FITTING = "Output (i, j) starts at pixel (s·i, s·j), with stride s; only windows that fit are counted."
GIVEN = "dy holds ∂L/∂y."
BACK = (
    f"{GIVEN} The gradient of a number is a sum over all outputs that it has a part in: "
    "of dy there, times what the number was multiplied by."
)
ROW = "Output o is the sum of every input times its weight in row o of w"
POWERS = "e^−2 ≈ 0.1353, e^−1 ≈ 0.3679, e^0 = 1, e^1 ≈ 2.718, e^2 ≈ 7.389, e^3 ≈ 20.09".replace(" ≈ ", "\u00a0≈\u00a0")
POWERS += ". Round answers to two digits after the point."
SHARES = "Softmax makes probabilities of a row of logits: y_k = e^x_k / Z, where Z is the sum of e^x over the row"
LOSS = "The loss of a row is ℓ = −log p[target] = log Z − x[target], where p = softmax(x) and Z = Σ e^x"
NATURAL = "Classes are counted from 0. log is the natural logarithm, on a calculator ln. "
SCALED = "y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and variance σ² of the channel."

# A map of 2×2 or 3×3 outputs with stride 2 is never asked for as a whole: a loop with the stride in its bound, too,
# then gives the same as one row and one column too few. Hence the long images.
LEVELS: dict[str, tuple[Level, ...]] = {
    "conv2d": (
        Level("one channel: a window of products", "kernel flipped").asks(
            OVER,
            Kind(x=image(3, 3), w=kernel(2, 2)),
            Kind("y", 2, x=image(4, 4), w=kernel(3, 3)),
            Kind(x=image(3, 4), w=kernel(2, 2)),
            Kind("y", 1, x=image(5, 5), w=kernel(3, 3)),
        ),
        Level("stride: the window moves by more than a pixel", "stride forgotten").asks(
            f"{OVER} Then move by the stride s: output (i, j) starts at pixel (s·i, s·j).",
            Kind("y", 2, x=image(6, 6), w=kernel(2, 2), stride=2),
            Kind(x=image(3, 8), w=kernel(2, 2), stride=2),
            Kind("y", 1, x=image(5, 5), w=kernel(3, 3), stride=2),
            Kind(x=image(5, 8), w=kernel(2, 2), stride=3),
        ),
        Level("padding: a border of zeros", "padding forgotten", "edge padding").asks(
            f"{OVER} First put a border of zeros around the image, as wide as the padding.",
            Kind("y", 2, x=image(3, 3), w=kernel(3, 3), padding=1),
            Kind(x=image(2, 2), w=kernel(2, 2), padding=1),
            Kind("y", 1, x=image(4, 4), w=kernel(3, 3), padding=1),
            Kind("y", 1, x=image(5, 5), w=kernel(3, 3), stride=2, padding=1),
        ),
        Level("channels and bias: one sum over all of them", "one channel skipped", "bias forgotten").asks(
            f"{OVER} Add the sums of all channels, and the filter's bias b once.",
            Kind(x=image(2, 3, 3), w=kernel(1, 2, 2, 2), b=bias(1)),
            Kind("y", 1, x=image(2, 4, 4), w=kernel(1, 2, 3, 3), b=bias(1)),
            Kind(x=image(2, 2, 2), w=kernel(2, 2, 2, 2), b=bias(2)),
            Kind("y", 1, x=image(2, 3, 3), w=kernel(1, 2, 3, 3), b=bias(1), padding=1),
        ),
        Level("dilation: a kernel with gaps", "dilation off by one").asks(
            f"{OVER} With dilation d, neighbouring cells of the kernel lie d pixels apart on the image.",
            Kind(x=image(4, 4), w=kernel(2, 2), dilation=2),
            Kind(x=image(5, 5), w=kernel(3, 3), dilation=2),
            Kind(x=image(5, 5), w=kernel(2, 2), dilation=3),
            Kind("y", 2, x=image(6, 6), w=kernel(2, 2), dilation=2),
        ),
        Level("gradients: dw, dx and db", "kernel flipped", "no rot180", "bias gradient not summed").asks(
            BACK,
            Kind("dw", x=image(3, 3), w=kernel(2, 2)),
            Kind("dx", x=image(3, 3), w=kernel(2, 2)),
            Kind("db", x=image(1, 3, 3), w=kernel(2, 1, 2, 2), b=bias(2)),
            Kind("dx", 2, x=image(5, 5), w=kernel(3, 3), stride=2),
        ),
    ),
    "conv_transpose2d": (
        Level("stride 1: kernels are laid down and added", "overlaps overwritten").asks(
            DOWN,
            Kind(x=image(2, 2), w=kernel(2, 2)),
            Kind("y", 1, x=image(2, 3), w=kernel(2, 2)),
            Kind("y", 2, x=image(3, 3), w=kernel(2, 2)),
        ),
        Level("stride: the places where the kernels go", "stride forgotten").asks(
            f"{DOWN} The kernel of pixel (i, j) starts at (s·i, s·j), with stride s.",
            Kind(x=image(2, 2), w=kernel(2, 2), stride=2),
            Kind("y", 2, x=image(2, 2), w=kernel(3, 3), stride=2),
            Kind(x=image(1, 3), w=kernel(2, 3), stride=2),
        ),
        Level("padding: the border is cropped", "padding forgotten").asks(
            f"{DOWN} At the end, padding p takes p rows and columns away from every side.",
            Kind(x=image(2, 2), w=kernel(3, 3), stride=2, padding=1),
            Kind("y", 2, x=image(3, 3), w=kernel(3, 3), padding=1),
            Kind("y", 2, x=image(2, 2), w=kernel(4, 4), stride=2, padding=1),
        ),
        Level("channels and bias: one sum over all of them", "one channel skipped", "bias forgotten").asks(
            f"{DOWN} All channels add to the same output, and the bias b is added once. w is (in, out, rows, columns).",
            Kind(x=image(2, 2, 2), w=kernel(2, 1, 2, 2), b=bias(1)),
            Kind("y", 2, x=image(2, 2, 2), w=kernel(2, 2, 2, 2), b=bias(2), stride=2),
            Kind("y", 1, x=image(2, 2, 2), w=kernel(2, 1, 3, 3), b=bias(1), stride=2),
        ),
        Level("output_padding: one more row and column", "output_padding as zeros").asks(
            f"{DOWN} After the crop, output_padding gives back rows and columns at the end.",
            Kind(x=image(1, 2), w=kernel(3, 3), stride=2, padding=1, output_padding=1),
            Kind(x=image(2, 1), w=kernel(3, 3), stride=2, padding=1, output_padding=1),
        ),
        Level("gradients: dx, dw and db", "kernel flipped", "bias gradient not summed").asks(
            BACK,
            Kind("dx", x=image(2, 2), w=kernel(2, 2)),
            Kind("dw", x=image(2, 2), w=kernel(2, 2), stride=2),
            Kind("db", x=image(1, 2, 2), w=kernel(1, 2, 2, 2), b=bias(2)),
            Kind("dx", 2, x=image(2, 2), w=kernel(3, 3), stride=2),
        ),
    ),
    "max_pool2d": (
        Level("windows side by side", "stride forgotten", "average instead of maximum").asks(
            LARGEST,
            Kind(x=image(4, 8), kernel_size=2),
            Kind("y", 2, x=image(6, 6), kernel_size=2),
            Kind(x=image(3, 9), kernel_size=2),
        ),
        Level("stride: windows that overlap, or leave pixels out", "stride forgotten").asks(
            f"{LARGEST} {FITTING}",
            Kind(x=image(3, 9), kernel_size=3, stride=2),
            Kind("y", 1, x=image(6, 6), kernel_size=3, stride=2),
            Kind(x=image(5, 9), kernel_size=2, stride=3),
        ),
        Level("padding: a border that never wins", "zero padding in max-pool").asks(
            f"{LARGEST} The padding is −∞: it never wins, even among negative numbers.",
            Kind("y", 1, x=below(5, 5), kernel_size=3, stride=2, padding=1),
            Kind(x=below(2, 6), kernel_size=2, padding=1),
            Kind("y", 2, x=below(4, 4), kernel_size=2, padding=1),
        ),
        Level("gradient: it goes to the largest", "gradient to the whole window").asks(
            f"{GIVEN} Only the largest number of a window moves its output: it receives all of dy.",
            Kind("dx", x=distinct(4, 4), kernel_size=2),
            Kind("dx", x=distinct(3, 3), kernel_size=2, stride=1),
            Kind("dx", 2, x=distinct(5, 5), kernel_size=3, stride=2),
        ),
        Level("ties: the gradient with equal numbers", "ties shared").asks(
            f"{GIVEN} Among equal numbers, the first one of the window, row by row, receives all of dy.",
            Kind("dx", x=few(4, 4), kernel_size=2),
            Kind("dx", x=few(3, 3), kernel_size=2, stride=1),
        ),
    ),
    "avg_pool2d": (
        Level("windows side by side", "stride forgotten", "not divided").asks(
            MEAN,
            Kind(x=image(4, 8), kernel_size=2),
            Kind("y", 2, x=image(6, 6), kernel_size=2),
            Kind(x=image(3, 9), kernel_size=2),
        ),
        Level("stride: windows that overlap, or leave pixels out", "stride forgotten").asks(
            f"{MEAN} {FITTING}",
            Kind(x=image(2, 8), kernel_size=2, stride=2),
            Kind("y", 1, x=image(6, 6), kernel_size=3, stride=2),
            Kind(x=image(5, 9), kernel_size=2, stride=3),
        ),
        Level("padding: whether its zeros are counted", "divisor at the border").asks(
            f"{MEAN} The padding is zeros; count_include_pad says whether they are counted.",
            Kind("y", 2, x=image(6, 6), kernel_size=2, padding=1),
            Kind(x=image(2, 6), kernel_size=2, padding=1, count_include_pad=False),
            Kind("y", 1, x=image(4, 4), kernel_size=3, stride=2, padding=1, count_include_pad=False),
        ),
        Level("gradient: it is shared out", "not divided").asks(
            f"{GIVEN} Every number of a window receives dy divided by the window's divisor.",
            Kind("dx", x=image(4, 4), kernel_size=2),
            Kind("dx", x=image(3, 3), kernel_size=2, stride=1),
            Kind("dx", 2, x=image(5, 5), kernel_size=3, stride=2),
        ),
    ),
    "batch_norm": (
        Level("evaluation: with the running statistics", "variance for standard deviation", "mean not subtracted").asks(
            f"{NORMAL} In evaluation, μ and σ² are the running ones.",
            Kind(x=image(3, 2), **RUNNING, eps=0),
            Kind("y", 2, x=image(4, 2), **RUNNING, eps=0),
        ),
        Level("γ and β: scale and shift", "gamma and beta swapped").asks(
            f"{SCALED} In evaluation, μ and σ² are the running ones.",
            Kind(x=image(3, 2), **RUNNING, **AFFINE, eps=0),
            Kind("y", 2, x=image(4, 2), **RUNNING, **AFFINE, eps=0),
        ),
        Level("training: mean and variance of the batch", "unbiased variance", "wrong axes").asks(
            f"{SCALED} In training they are those of the batch, and the variance is divided by m.",
            Kind("y", 2, x=even(4, 2), training=True, eps=0),
            Kind(x=even(4, 2), **AFFINE, training=True, eps=0),
        ),
        Level("images: a channel over all images of the batch", "wrong axes").asks(
            f"{SCALED} Mean and variance are those of a channel, over all images and pixels.",
            Kind("y", 2, x=even(2, 2, 1, 2), **AFFINE, training=True, eps=0),
            Kind("y", 1, x=even(2, 2, 2, 2), training=True, eps=0),
        ),
        Level("running statistics: a moving mean of those of the batches", "momentum reversed").asks(
            "running ← (1 − momentum)·running + momentum·batch. The variance kept is divided by m − 1.",
            Kind("running_mean", x=even(4, 2), **RUNNING, training=True, momentum=0.25, eps=0),
            Kind("running_var", x=even(4, 2), **RUNNING, training=True, momentum=0.25, eps=0),
        ),
        Level("gradients: dβ, dγ and dx", "bias gradient not summed", "x in place of x̂", "dx as dy·γ/σ").asks(
            f"{GIVEN} With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy, dγ = Σ dy·x̂, "
            "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)).",
            Kind("dbias", x=even(4, 2), **AFFINE, training=True, eps=0),
            Kind("dweight", x=even(4, 2), **AFFINE, training=True, eps=0),
            Kind("dx", 1, x=even(4, 2), **AFFINE, training=True, eps=0),
        ),
    ),
    "relu": (
        Level("negative numbers become 0", "negative numbers kept").asks(
            "y = max(0, x).",
            Kind(x=signed(3, 4)),
            Kind(x=signed(2, 5)),
        ),
        Level("gradient: it passes where x is positive", "mask forgotten", "mask from the gradient's sign").asks(
            f"{GIVEN} dx = dy where x > 0, else 0.",
            Kind("dx", x=signed(3, 4)),
            Kind("dx", x=signed(2, 5)),
        ),
    ),
    "linear": (
        Level("weights: every row of w makes one output", "one input skipped").asks(
            f"{ROW}.",
            Kind(x=image(3), w=gradient(3, 3)),
            Kind(x=image(4), w=gradient(2, 4)),
        ),
        Level("bias: added once", "bias forgotten").asks(
            f"{ROW}, plus the bias b[o].",
            Kind(x=image(3), w=gradient(3, 3), b=bias(3)),
            Kind("y", 2, x=image(4), w=gradient(4, 4), b=bias(4)),
        ),
        Level("batch: every row of x by itself", "one input skipped", "bias forgotten").asks(
            f"{ROW}, plus b[o]; for every row of x.",
            Kind(x=image(2, 3), w=gradient(2, 3), b=bias(2)),
            Kind("y", 2, x=image(3, 3), w=gradient(3, 3), b=bias(3)),
        ),
        Level(
            "gradients: dx, dw and db", "weight transposed", "not summed over the batch", "bias gradient not summed"
        ).asks(
            BACK,
            Kind("dx", x=image(2, 2), w=gradient(2, 2), b=bias(2)),
            Kind("dw", x=image(2, 3), w=gradient(2, 3), b=bias(2)),
            Kind("db", x=image(3, 2), w=gradient(2, 2), b=bias(2)),
        ),
    ),
    "softmax": (
        Level("one row: shares of the exponentials", "not normalised", "exponential forgotten").asks(
            f"{SHARES}. {POWERS}",
            Kind(x=logits(3)),
            Kind("y", 2, x=logits(4)),
            Kind(x=logits(4)),
            rounded=True,
        ),
        Level("batch: every row by itself", "wrong axis").asks(
            f"{SHARES}, for every row by itself. {POWERS}",
            Kind(x=logits(2, 2)),
            Kind("y", 2, x=logits(3, 3)),
            Kind(x=logits(2, 3)),
            rounded=True,
        ),
        Level("gradient: a logit moves all probabilities", "other classes forgotten").asks(
            f"{GIVEN} First work y = softmax(x) out; then dx_k = y_k · (dy_k − Σ dy_j·y_j). {POWERS}",
            Kind("dx", x=logits(2)),
            Kind("dx", 2, x=logits(3)),
            Kind("dx", x=logits(3)),
            rounded=True,
        ),
    ),
    "cross_entropy": (
        Level("one row: how surprising the target is", "softmax forgotten", "logarithm forgotten").asks(
            f"{LOSS}. {NATURAL}{POWERS}",
            Kind("y", 1, x=logits(3), target=targets(3)),
            Kind("y", 1, x=logits(4), target=targets(4)),
            rounded=True,
        ),
        Level("batch: the mean over the rows, or their sum", "sum for mean").asks(
            f"{LOSS}. Of several rows, y is the mean of their losses, or what reduction says. {NATURAL}{POWERS}",
            Kind("y", 1, x=logits(2, 3), target=targets(3, 2)),
            Kind("y", 1, x=logits(3, 3), target=targets(3, 3)),
            Kind("y", 1, x=logits(3, 2), target=targets(2, 3), reduction="sum"),
            rounded=True,
        ),
        Level("gradient: p, and p − 1 at the target", "1 not subtracted at the target").asks(
            f"The gradient of a logit is p = softmax(x) of its class, minus 1 if that is the target. {POWERS}",
            Kind("dx", x=logits(3), target=targets(3)),
            Kind("dx", x=logits(4), target=targets(4)),
            rounded=True,
        ),
        Level("gradients of a batch: divided by the rows", "not divided by the rows").asks(
            "The gradient of a logit is p = softmax(x) of its class, minus 1 if that is the target; of the mean over "
            f"the rows, this is divided by the number of rows. {POWERS}",
            Kind("dx", x=logits(2, 2), target=targets(2, 2)),
            Kind("dx", 2, x=logits(3, 3), target=targets(3, 3)),
            Kind("dx", x=logits(2, 3), target=targets(3, 2)),
            rounded=True,
        ),
    ),
    **DIFFUSION,
}
