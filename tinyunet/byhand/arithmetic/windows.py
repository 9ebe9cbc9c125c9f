"""The sliding window by its meaning: which of its cells meet which positions, along rows or along columns.

The sums are found by the equation in `ops/window.py`, and not by the code that computes them fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyunet.byhand.arithmetic.operation import Border, Operation
from tinyunet.ops.window import Axis
from tinyunet.tensor import Array

Pairs = tuple[list[int], list[int]]

SIZE = "(input + 2·padding − dilation·(kernel − 1) − 1) // stride + 1"


def _met(axis: Axis, output: int, cell: int) -> int:
    """The position where an output and a cell of the window meet; below 0 or beyond the input it is padding."""
    return axis.stride * output + axis.dilation * cell - axis.padding


def window(axis: Axis, output: int) -> Pairs:
    """The cells of the window of an output, and the positions under them."""
    return list(range(axis.kernel)), [_met(axis, output, cell) for cell in range(axis.kernel)]


def meetings(axis: Axis, cell: int) -> Pairs:
    """All outputs, and the positions that a cell of the window lies on for each."""
    return list(range(axis.output)), [_met(axis, output, cell) for output in range(axis.output)]


def covering(axis: Axis, position: int) -> Pairs:
    """The windows that cover a position: by which cells, and of which outputs."""
    cells, outputs = [], []
    for cell in range(axis.kernel):
        output, beside = divmod(position + axis.padding - axis.dilation * cell, axis.stride)
        if beside == 0 and 0 <= output < axis.output:
            cells.append(cell)
            outputs.append(output)
    return cells, outputs


class Sliding(Operation):
    """An operation whose window slides over images."""

    slides = True

    @classmethod
    def least_axes(cls, array: str) -> int:
        return 2 if array in ("x", "w") else 1

    def border(self, array: str) -> Border:
        if array != "x":
            return super().border(array)
        rows, cols = ((axis.padding, max(axis.padding, axis.overhang)) for axis in self.axes())
        return rows, cols


def largest(setting: Any) -> int:
    """The largest integer in a setting."""
    several = setting if isinstance(setting, (tuple, list)) else [setting]
    return max((k for k in several if isinstance(k, int)), default=0)


def places(x: Array, kernel: int, settings: Mapping[str, Any], apart: int = 1) -> int:
    """At most so many places of a window, in all images together.

    Args:
        kernel: the longer side of the window.
        apart: how far pixels of x come to lie apart in y.
    """
    N, _, H, W = ((1,) * 4 + x.shape)[-4:]
    more = 2 * largest(settings.get("padding")) + largest(settings.get("output_padding"))
    more += largest(settings.get("dilation", 1)) * kernel
    return N * (apart * H + more) * (apart * W + more)


def images(x: Array) -> tuple[Array, int]:
    """x as a batch (N, C, H, W), and how many axes were added."""
    if not 2 <= x.ndim <= 4:
        raise ValueError(f"x: must be (N, C, H, W), (C, H, W) or (H, W), not {x.shape}")
    return x.reshape((1,) * (4 - x.ndim) + x.shape), 4 - x.ndim
