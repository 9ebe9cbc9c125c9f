"""Resizing images: every pixel of the result is a weighted mean of the pixels that it lies between.

Along an axis the result's position i lies at a position of x. The pixels on its two sides share it: the nearer one is,
the more it counts. A pixel counts by its row and by its column, so its weight is a product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.lengths import Interval, Length
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.windows import images
from tinyunet.byhand.arithmetic.worked import Formula, Numbers, Part, Step, Sum, Symbol, Terms
from tinyunet.ops.window import Pair
from tinyunet.tensor import Array

Scale = float | tuple[float, float]


class Place(NamedTuple):
    """Where an output lies along an axis: the step to it, and the pixels on its sides with their weights."""

    step: Formula
    pixels: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Resized(Length):
    """An axis that gets another length; `kernel` pixels have a part in an output, the first of them at places[i]."""

    output: int = 0
    places: tuple[int, ...] = ()

    words = "the given size, or ⌊input·scale_factor⌋"

    @property
    def value(self) -> int:
        return self.output

    def worked(self, name: str) -> Formula:
        return self._formula(name, "$n·$factor", r"$n \cdot $factor", factor=self.output / self.input)

    def seen(self, first: Array, last: Array) -> Interval:
        places = np.array(self.places)
        low, high = (places[np.clip(k, 0, self.output - 1)] for k in (first, last))
        return low, np.minimum(high + self.kernel, self.input) - 1


class Interpolate(Operation):
    """Bilinear or nearest; its window lies on the pixels that an output lies between."""

    title = "Resizing"
    leaves = ("x",)
    slides = True
    linear = True
    axes_needed: ClassVar = {"x": 2}
    size = "y has the given size, or ⌊input·scale_factor⌋, and the channels of x"
    formulas: ClassVar = {
        "y": (
            "y[n,c,i,j] = Σ x[n,c,h,w] · weight(h) · weight(w), over the rows and columns that (i, j) lies between",
            r"y_{n,c,i,j} = \sum_{h,w} x_{n,c,h,w}\, (1 - |h_i - h|)\, (1 - |w_j - w|)",
        ),
        "dx": (
            "dx[n,c,h,w] = Σ dy[n,c,i,j] · weight(h) · weight(w), over all (i, j) in which x[n,c,h,w] has a part",
            r"∂x_{n,c,h,w} = \sum_{i,j} ∂y_{n,c,i,j}\, (1 - |h_i - h|)\, (1 - |w_j - w|)",
        ),
    }

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        size, scale = settings.get("size"), settings.get("scale_factor")
        if size is not None:
            return int(4 * arrays["x"].size * np.prod(np.broadcast_to(size, 2), dtype=float))
        return int(4 * arrays["x"].size * max(1.0, float(np.max(array("scale_factor", scale or 1)))) ** 2)

    def lengths(self) -> tuple[Length, ...]:
        pixels = 2 if self.settings["mode"] == "bilinear" else 1
        sizes = enumerate(zip(self.arrays["x"].shape[2:], self.y_shape()[2:], strict=True))
        first = (tuple(self.place(axis, i).pixels[0] for i in range(m)) for axis, (_, m) in sizes)
        pairs = zip(self.arrays["x"].shape[2:], self.y_shape()[2:], first, strict=True)
        return tuple(Resized(n, pixels, output=m, places=places) for n, m, places in pairs)

    def y_shape(self) -> Index:
        return np.shape(self.ran[0])

    def place(self, axis: int, i: int) -> Place:
        """Where output i lies along the rows (0) or the columns (1)."""
        n, m = self.arrays["x"].shape[2 + axis], self.shape("y")[2 + axis]
        factor = self.settings["scale_factor"]
        ratio = n / m if factor is None else 1 / (factor[axis] if isinstance(factor, tuple) else factor)
        name, numbers = "hw"[axis], {"i": float(i), "n": float(n), "m": float(m), "ratio": ratio}
        symbol = Symbol(f"{name}_{i}", f"{name}_{{{i}}}")
        if self.settings["mode"] == "nearest":
            ratio = n / m if m in (n, 2 * n) else ratio
            at = min(int(np.floor(np.float32(i) * np.float32(ratio))), n - 1)
            step = Formula(
                symbol, "⌊$i·$ratio⌋", r"\lfloor $i \cdot $ratio \rfloor", at, (), numbers | {"ratio": ratio}
            )
            return Place(step, [at], [1.0])
        if self.settings["align_corners"]:
            centre = i * (n - 1) / max(m - 1, 1)
            forms = "$i·($n − 1)/($m − 1)", r"$i \cdot \frac{$n - 1}{$m - 1}"
        elif n == m:
            centre, forms = float(i), ("$i", "$i")
        else:
            centre = (i + 0.5) * ratio - 0.5
            forms = "($i + 0.5)·$ratio − 0.5", r"($i + 0.5) \cdot $ratio - 0.5"
        if centre < 0:
            centre, forms = 0.0, (f"max(0, {forms[0]})", rf"\max(0, {forms[1]})")
        left = min(math.floor(centre), n - 1)
        weights = {left: 1 - (centre - left)}
        if left + 1 < n and centre > left:
            weights[left + 1] = centre - left
        elif left + 1 == n:
            weights = {left: 1.0}
        return Place(Formula(symbol, *forms, centre, (), numbers), list(weights), list(weights.values()))

    def y(self, n: int, c: int, i: int, j: int) -> tuple[Step, ...]:
        rows, cols = self.place(0, i), self.place(1, j)
        pixels = self.numbers("x", n, c, rows.pixels, cols.pixels)
        terms = self._weighted(pixels, rows.weights, cols.weights)
        return rows.step, cols.step, Sum(self.symbol("y", n, c, i, j), (Part("window", terms),))

    def dx(self, dy: Array, n: int, c: int, h: int, w: int) -> Sum:
        found: list[dict[int, float]] = []
        for axis, pixel in enumerate((h, w)):
            places = [self.place(axis, i) for i in range(dy.shape[2 + axis])]
            shares = {i: dict(zip(p.pixels, p.weights, strict=True)).get(pixel, 0.0) for i, p in enumerate(places)}
            found.append({i: share for i, share in shares.items() if share})
        rows, cols = found
        outputs = self.numbers("dy", n, c, list(rows), list(cols), array=dy)
        terms = self._weighted(outputs, list(rows.values()), list(cols.values()))
        return Sum(self.symbol("dx", n, c, h, w), (Part("windows", terms),))

    def _weighted(self, numbers: Numbers, rows: list[float], cols: list[float]) -> Terms:
        """Times the weight of the row and that of the column; pixels that are taken as they are have none."""
        if self.settings["mode"] == "nearest":
            return Terms(numbers)
        of_rows, of_cols = np.repeat(rows, len(cols)), np.tile(cols, len(rows))
        weights = (("weight of the row", of_rows), ("weight of the column", of_cols))
        return Terms(numbers, *(Numbers(name, (), (), (), values) for name, values in weights))

    def formula(self, what: str) -> Symbol:
        """Without weights for pixels that are taken as they are."""
        if self.settings["mode"] == "bilinear":
            return super().formula(what)
        if what == "y":
            return Symbol("y[n,c,i,j] = x[n, c, h_i, w_j], with h_i = ⌊i·in/out⌋", r"y_{n,c,i,j} = x_{n,c,h_i,w_j}")
        text, latex = super().formula(what)
        text = text.replace(" · weight(h) · weight(w)", "").replace(
            "in which x[n,c,h,w] has a part", "that are x[n,c,h,w]"
        )
        return Symbol(text, latex.split(r"\, (1")[0])


@Interpolate.called
def interpolate(
    x: Any,
    size: Pair | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Explanation:
    """Explain `F.interpolate`: x (N, C, H, W), (C, H, W) or (H, W), mode "nearest" or "bilinear".

    >>> print(interpolate([[1, 3]], size=(1, 4), mode="bilinear").at(0, 1))
    y[n,c,i,j] = Σ x[n,c,h,w] · weight(h) · weight(w), over the rows and columns that (i, j) lies between
      h_0 = 0 = 0
      w_1 = (1 + 0.5)·0.5 − 0.5 = 0.25
      y[0, 1] = 1×1×0.75 + 3×1×0.25 = 1.5
    """
    x, lacking = images(array("x", x))
    if scale_factor is not None:
        factors = [int(f) if float(f).is_integer() else float(f) for f in array("scale_factor", scale_factor).flat]
        scale_factor = (factors[0], factors[1]) if len(factors) == 2 else factors[0]
    settings = {"size": size, "scale_factor": scale_factor, "mode": mode, "align_corners": align_corners}
    return explained(Interpolate({"x": x}, settings, dict.fromkeys(("x", "y", "dx", "dy"), lacking)))
