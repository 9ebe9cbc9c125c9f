"""The sliding window by its meaning: which of its cells meet which positions, along rows or along columns.

The sums are found by the equation in `ops/window.py`, and not by the code that computes them fast.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.borders import BEYOND, Beyond
from tinyunet.byhand.arithmetic.lengths import Gathered, Length
from tinyunet.byhand.arithmetic.operation import Border, Operation
from tinyunet.ops.window import Axis
from tinyunet.tensor import Array

Pairs = tuple[list[int], list[int]]

SIZE = "(input + 2·padding − dilation·(kernel − 1) − 1) // stride + 1"
CEILED = Gathered(1, 1, ceil=True).rule  # with ceil_mode


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
    enlarges: ClassVar[bool] = False  # whether y has more rows and columns than x, by the stride
    axes_needed: ClassVar = {"x": 2, "w": 2}
    symbols: ClassVar = {"stride": "s", "padding": "p", "dilation": "d"}

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        N, C, H, W = ((1,) * 4 + arrays["x"].shape)[-4:]
        w = arrays.get("w")
        kernel = _largest(settings["kernel_size"] if w is None else w.shape[-2:])
        cells = C * kernel**2 if w is None else w.size
        more = 2 * _largest(settings.get("padding")) + _largest(settings.get("output_padding"))
        more += _largest(settings.get("dilation", 1)) * kernel
        apart = _largest(settings.get("stride", 1)) if cls.enlarges else 1
        return N * (apart * H + more) * (apart * W + more) * cells

    @property
    def planar(self) -> dict[str, Any]:
        """The settings, for rows and columns."""
        return self.settings

    def run(self) -> tuple[Any, Any]:
        return self.plain(*self.arrays.values(), **self.planar)

    def padded(self) -> Border:
        """The rows above and below, and the columns left and right."""
        rows, cols = ((axis.padding, axis.padding) for axis in self.axes())
        return rows, cols

    def lengths(self) -> tuple[Length, ...]:
        ceil = bool(self.settings.get("ceil_mode"))
        pairs = zip(self.axes(), self.padded(), strict=True)
        return tuple(Gathered(a.input, a.kernel, a.stride, *around, a.dilation, ceil) for a, around in pairs)

    def channels(self) -> int:
        """How many channels y has."""
        return int(self.arrays["x"].shape[1])

    def y_shape(self) -> tuple[int, ...]:
        return len(self.arrays["x"]), self.channels(), *(length.value for length in self.lengths())

    def rule(self, what: str) -> str:
        ceiled = what == "y" and self.settings.get("ceil_mode")
        return f"y has the size {CEILED}; its channels are those of x" if ceiled else super().rule(what)

    def border(self, array: str) -> Border:
        both = zip(self.padded(), self.axes(), strict=True)
        rows, cols = ((before, max(after, axis.overhang)) for (before, after), axis in both)
        return (rows, cols) if array == "x" else super().border(array)

    @property
    def beyond(self) -> Beyond | None:
        """What there is beyond x; None for zeros, or −∞."""
        return BEYOND.get(self.settings.get("padding_mode", "zeros"))

    def sources(self, name: str, axis: int, positions: Array) -> Array:
        """Rows and columns beyond x show pixels of x."""
        seen = self.beyond if name == "x" and axis >= 2 else None
        return seen.source(positions, self.arrays["x"].shape[axis]) if seen else positions

    @property
    def seen_as(self) -> str:
        return self.beyond.word if self.beyond else ""

    def showing(self, axis: int, position: int) -> list[int]:
        """The rows, or columns, where one of x is seen: first itself, then in the border."""
        before, after = self.padded()[axis - 2]
        n = self.arrays["x"].shape[axis]
        border = [*range(-before, 0), *range(n, n + after)] if self.beyond else []
        return [position, *(k for k in border if self.sources("x", axis, np.array(k)) == position)]


def _largest(setting: Any) -> int:
    """The largest integer in a setting."""
    several = setting if isinstance(setting, (tuple, list)) else [setting]
    return max((k for k in several if isinstance(k, int)), default=0)


def images(x: Array, plane: int = 2) -> tuple[Array, int]:
    """x as a batch (N, C, H, W), and how many axes were added; signals have one axis, and get a row."""
    if not plane <= x.ndim <= 2 + plane:
        forms = "(N, C, H, W), (C, H, W) or (H, W)" if plane == 2 else "(N, C, L), (C, L) or (L,)"
        raise ValueError(f"x: must be {forms}, not {x.shape}")
    lacking = 2 + plane - x.ndim
    return x.reshape((1,) * lacking + x.shape[:-1] + (1,) * (2 - plane) + x.shape[-1:]), lacking
