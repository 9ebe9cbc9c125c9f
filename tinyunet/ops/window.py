"""How a window slides over an image: the arithmetic that convolution and pooling share.

Along one axis, output position i and cell u of the window meet at input position

    h = stride·i + dilation·u − padding          0 ≤ i < output,  0 ≤ u < kernel

Everything else follows. A window of `kernel` cells, `dilation` apart, spans dilation·(kernel − 1) + 1 pixels; the
number of places where it fits into the padded input is  (input + paddings − span) // stride + 1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec

import numpy as np

P = ParamSpec("P")
Pair = int | tuple[int, int]


def pair(name: str, setting: str, value: Any, least: int) -> tuple[int, int]:
    """A setting for (rows, columns): one integer, or a sequence of one, means both.

    Raises:
        TypeError: not an integer or a pair of integers.
        ValueError: smaller than `least`.

    >>> pair("conv2d", "stride", 2, least=1)
    (2, 2)
    """
    if type(value) is int and value >= least:  # nearly always
        return value, value
    both = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    both *= 2 if len(both) == 1 else 1
    if len(both) != 2 or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in both):
        raise TypeError(f"{name}: {setting} must be an integer or a pair of integers, not {value!r}")
    if min(both) < least:
        raise ValueError(f"{name}: {setting} must be at least {least}, not {value!r}")
    return int(both[0]), int(both[1])


class Axis(NamedTuple):
    """One axis of a sliding window: see the equation at the top of this file.

    `padding` is the one at the top, or at the left. At the other end only what windows reach counts: `overhang`.
    """

    input: int
    output: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def span(self) -> int:
        """How many pixels the window covers, from its first to its last cell."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def overhang(self) -> int:
        """How many pixels the last window reaches beyond the end of the input (0 if it does not)."""
        return max(0, self.stride * (self.output - 1) + self.span - self.padding - self.input)

    @property
    def keeps_size(self) -> bool:
        """Whether there is one output for each pixel, in its place."""
        return self.stride == 1 and self.output == self.input

    def meets(self, u: int, first: int, stop: int) -> tuple[slice, slice]:
        """Two slices: the outputs from first to stop whose cell u lies on the input, and the pixels that it sees there.

        Outputs are numbered from `first`.

        >>> Axis(input=5, output=5, kernel=3, stride=1, padding=1, dilation=1).meets(0, 0, 5)
        (slice(1, 5, None), slice(0, 4, 1))
        """
        before = self.padding - self.dilation * u  # h = stride·i − before
        least = max(first, -(-before // self.stride))  # before / stride, rounded up
        most = max(least, min(stop, (self.input - 1 + before) // self.stride + 1))
        h = self.stride * least - before
        return slice(least - first, most - first), slice(h, h + self.stride * (most - least), self.stride)

    def inputs(self, u: int) -> slice:
        """The positions of the padded input that cell `u` meets, over all output positions."""
        first = self.dilation * u
        return slice(first, first + self.stride * (self.output - 1) + 1, self.stride)


Axes = tuple[Axis, Axis]


def windows_lie_apart(axes: Axes) -> bool:
    """Whether no pixel is in two windows."""
    return all(axis.stride >= axis.span for axis in axes)


def windows_fill(axes: Axes) -> bool:
    """Whether every pixel is in one window."""
    side_by_side = all(a.stride == a.kernel and a.dilation == 1 for a in axes)
    return side_by_side and all(a.padding == 0 and a.input == a.output * a.kernel for a in axes)


@functools.lru_cache(maxsize=256)  # a network asks for the same few again and again
def fit(
    name: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    paddings: tuple[tuple[int, int], tuple[int, int]],
    dilation: tuple[int, int],
) -> Axes:
    """The two axes of a window over an image of `size`, at every place where it fits.

    Raises:
        ValueError: it fits nowhere.
    """
    axes = []
    for n, k, s, (before, after), d in zip(size, kernel, stride, paddings, dilation, strict=True):
        room = n + before + after - (d * (k - 1) + 1)
        if room < 0:
            raise ValueError(
                f"{name}: a kernel of {kernel} (dilation {dilation}) spans more than the input of {size} "
                f"with its padding {paddings}"
            )
        axes.append(Axis(n, room // s + 1, k, s, before, d))
    return axes[0], axes[1]


def image_or_batch(operation: Callable[P, Any]) -> Callable[P, Any]:
    """Let an operation on batches (N, C, H, W) take a single image (C, H, W) too, as a batch of one.

    Raises:
        TypeError: an input that is no array.
        ValueError: an input of another number of dimensions.
    """
    name = operation.__name__
    of_batches: Callable[..., Any] = operation

    @functools.wraps(operation)
    def apply_to_batch(input: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input, np.ndarray):
            raise TypeError(f"{name}: input must be a Tensor or an array, not {type(input).__name__}")
        if input.ndim == 4:
            return of_batches(input, *args, **kwargs)
        if input.ndim != 3:
            raise ValueError(f"{name}: input must be (N, C, H, W), or one image (C, H, W), not {input.shape}")
        y, backward = of_batches(input[None], *args, **kwargs)

        def backward_image(dy: Any, **options: Any) -> Any:
            gradients = backward(dy[None], **options)
            dx, *others = gradients if isinstance(gradients, tuple) else (gradients,)
            return (lambda: (dx() if callable(dx) else dx)[0], *others)

        return (tuple(part[0] for part in y) if isinstance(y, tuple) else y[0]), backward_image

    return apply_to_batch  # type: ignore[return-value]
