"""Batch normalisation: every channel by itself, over all images and places."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Operation
from tinyunet.byhand.arithmetic.worked import Formula, Numbers, Part, Step, Sum, Symbol, Terms
from tinyunet.tensor import Array

Steps = tuple[Step, ...]


class BatchNorm(Operation):
    """With the statistics of the batch in training, with the running ones in evaluation."""

    title = "Batch normalisation"
    leaves = "x", "weight", "bias"
    updates = "running_mean", "running_var"
    captions: ClassVar = {("weight", 1): "γ = weight", ("bias", 1): "β = bias", ("x", 2): "x (columns: channels)"}
    letters: ClassVar = {
        "weight": r"\gamma",
        "bias": r"\beta",
        "running_mean": r"\mu_{\text{running}}",
        "running_var": r"\sigma^2_{\text{running}}",
    }
    formulas: ClassVar = {
        "y": (
            "y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of the channel",
            r"y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
        ),
        "dx": (
            "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)), with x̂ = (x − μ)/√(σ² + ε); "
            "in evaluation γ/√(σ² + ε) · dy",
            r"∂x = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}} "
            r"\Big(∂y - \overline{∂y} - \hat{x}\, \overline{∂y \hat{x}}\Big)",
        ),
        "dweight": ("dγ = Σ dy·x̂, over the channel", r"∂\gamma = \sum ∂y\, \hat{x}"),
        "dbias": ("dβ = Σ dy, over the channel", r"∂\beta = \sum ∂y"),
        "running_mean": (
            "running ← (1 − momentum)·running + momentum·μ",
            r"\mu_{\text{running}} \leftarrow (1 - m)\, \mu_{\text{running}} + m\, \mu",
        ),
        "running_var": (
            "running ← (1 − momentum)·running + momentum·Σ(x − μ)²/(m − 1): the unbiased variance is kept",
            r"\sigma^2_{\text{running}} \leftarrow (1 - m)\, \sigma^2_{\text{running}} + "
            r"m\, \frac{\sum (x-\mu)^2}{M - 1}",
        ),
    }

    # ---- the whole of it

    def run(self) -> tuple[Any, Any]:
        return self._run()[0]

    def _run(self) -> tuple[tuple[Any, Any], list[Any]]:
        """Result and backward, and the running statistics, which training overwrites."""
        x, *running, weight, bias = (None if array is None else array.copy() for array in self.arrays.values())
        return self.plain(x, *running, weight, bias, **self.settings), running

    def quantities(self) -> list[str]:
        updated = self.updates if self.settings["training"] else ()
        return [*super().quantities(), *(name for name in updated if self.arrays[name] is not None)]

    def result(self, what: str = "y", dy: Array | None = None) -> Array:
        if what not in self.updates:
            return super().result(what, dy)
        return self._run()[1][self.updates.index(what)]

    def on_paper(self, what: str, dy: Array | None) -> Array:
        """Without ε, where it changes less than 1/10000: −1 for (1 − 2)/√(1 + 0.00001)."""
        y = self.result(what, dy)
        with np.errstate(divide="ignore", invalid="ignore"):
            without = self.changed(eps=0.0).result(what, dy)
        return np.where(np.abs(without - y) <= 1e-4 * np.abs(y), without, y)

    # ---- a channel

    def _channel(self, name: str, array: Array, c: int) -> Numbers:
        """The numbers of a channel, in order."""
        N, _, *positions = array.shape
        return self.numbers(name, range(N), c, *map(range, positions), array=array)

    def _normal(self, c: int, mean: float, var: float) -> Numbers:
        """x̂ at every place of a channel."""
        x = self._channel("x", self.arrays["x"], c)
        return replace(x, name="x̂", values=(x.values - mean) / math.sqrt(var + self.settings["eps"]))

    def _statistics(self, c: int, unbiased: bool = False) -> tuple[Sum, Sum]:
        """The mean and the variance of a channel in the batch."""
        x = self._channel("x", self.arrays["x"], c)
        count = len(x.values)
        mean = _mean(Symbol("μ", r"\mu"), count, x)
        off = replace(x, name="x − μ", values=x.values - mean.value)
        return mean, _mean(Symbol("σ²", r"\sigma^2"), count - unbiased, off, off)

    def _scale(self, c: int) -> tuple[Steps, float, float]:
        """The steps to mean and variance, and both; in evaluation they are given."""
        if self.settings["training"]:
            steps: Steps = self._statistics(c)
        else:
            mean, var = self.factor("running_mean", (c,)), self.factor("running_var", (c,))
            steps = (
                Formula(Symbol("μ", r"\mu"), "running mean", self.letters["running_mean"], mean.value, (mean,)),
                Formula(Symbol("σ²", r"\sigma^2"), "running variance", self.letters["running_var"], var.value, (var,)),
            )
        return steps, steps[0].value, steps[1].value

    # ---- an element

    def y(self, n: int, c: int, *at: int) -> Steps:
        steps, mean, var = self._scale(c)
        vectors = {name: self.factor(name, (c,)) for name in ("weight", "bias") if self.arrays[name] is not None}
        text, latex = "($x − ($mean)) / √($var + $eps)", r"\frac{$x - ($mean)}{\sqrt{$var + $eps}}"
        if "weight" in vectors:
            text, latex = f"$weight·{text}", rf"$weight \cdot {latex}"
        if "bias" in vectors:
            text, latex = f"{text} + ($bias)", f"{latex} + ($bias)"
        x, eps = self.factor("x", (n, c, *at)), self.settings["eps"]
        affine = {"weight": 1.0, "bias": 0.0} | {name: factor.value for name, factor in vectors.items()}
        value = affine["weight"] * (x.value - mean) / math.sqrt(var + eps) + affine["bias"]
        numbers = {"x": x.value, "mean": mean, "var": var, "eps": eps} | affine
        return *steps, Formula(self.symbol("y", n, c, *at), text, latex, value, (x, *vectors.values()), numbers)

    def dx(self, dy: Array, n: int, c: int, *at: int) -> Steps:
        steps, mean, var = self._scale(c)
        here, eps = (n, c, *at), self.settings["eps"]
        symbol, d, x = self.symbol("dx", *here), self.factor("dy", here, dy), self.factor("x", here)
        weight = () if self.arrays["weight"] is None else (self.factor("weight", (c,)),)
        gamma = weight[0].value if weight else 1.0
        scale = gamma / math.sqrt(var + eps)
        numbers = {"gamma": gamma, "var": var, "eps": eps, "d": d.value}
        text, latex = "$gamma/√($var + $eps)", r"\frac{$gamma}{\sqrt{$var + $eps}}"
        if not self.settings["training"]:
            text, latex = f"{text} · ($d)", rf"{latex} \cdot ($d)"
            return *steps, Formula(symbol, text, latex, scale * d.value, (d, *weight), numbers)
        ds, normals = self._channel("dy", dy, c), self._normal(c, mean, var)
        upstream = r"\tfrac{\partial L}{\partial y}"
        a = _mean(Symbol("mean(dy)", rf"\overline{{{upstream}}}"), len(ds.values), ds)
        b = _mean(Symbol("mean(dy·x̂)", rf"\overline{{{upstream} \hat{{x}}}}"), len(ds.values), ds, normals)
        normal = (x.value - mean) / math.sqrt(var + eps)
        numbers |= {"a": a.value, "normal": normal, "b": b.value}
        text, latex = f"{text} · ($d − ($a) − ($normal)·($b))", rf"{latex} \Big($d - ($a) - ($normal) \cdot ($b)\Big)"
        value = scale * (d.value - a.value - normal * b.value)
        return *steps, a, b, Formula(symbol, text, latex, value, (d, x, *weight), numbers)

    def dweight(self, dy: Array, c: int) -> Steps:
        steps, mean, var = self._scale(c)
        return *steps, _mean(self.symbol("dweight", c), 1, self._channel("dy", dy, c), self._normal(c, mean, var))

    def dbias(self, dy: Array, c: int) -> Step:
        return _mean(self.symbol("dbias", c), 1, self._channel("dy", dy, c))

    def running_mean(self, dy: None, c: int) -> Steps:
        mean, _ = self._statistics(c)
        return mean, self._moved("running_mean", c, mean.value)

    def running_var(self, dy: None, c: int) -> Steps:
        mean, var = self._statistics(c, unbiased=True)
        return mean, var, self._moved("running_var", c, var.value)

    def _moved(self, what: str, c: int, batch: float) -> Step:
        """A running statistic after one step towards that of the batch."""
        old, m = self.factor(what, (c,)), self.settings["momentum"]
        forms = "(1 − $m)·($old) + $m·($batch)", r"(1 - $m) \cdot ($old) + $m \cdot ($batch)"
        value = (1 - m) * old.value + m * batch
        return Formula(self.symbol(what, c), *forms, value, (old,), {"m": m, "old": old.value, "batch": batch})


def _mean(symbol: Symbol, count: int, *factors: Numbers) -> Sum:
    """The sum of products of a channel's numbers, divided."""
    return Sum(symbol, (Part("values", Terms(*factors)),), count)


@BatchNorm.called
def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Explanation:
    """Explain `F.batch_norm`: x (N, C, …), the vectors (C,).

    >>> print(batch_norm([[1], [2], [3], [6]], training=True).at(0, 0))
    y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of the channel
      μ = (1 + 2 + 3 + 6) / 4 = 3
      σ² = (−2×(−2) + (−1)×(−1) + 0×0 + 3×3) / 4 = 3.5
      y[0, 0] = (1 − 3) / √(3.5 + 1e−05) = −1.069
    """
    x = array("x", x)
    if x.ndim < 2:
        raise ValueError(f"x: must be (N, C, …), not {x.shape}; four numbers of one channel are [[1], [2], [3], [6]]")
    vectors = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    arrays = {"x": x} | {name: None if vector is None else array(name, vector) for name, vector in vectors.items()}
    return explained(BatchNorm(arrays, {"training": training, "momentum": momentum, "eps": eps}, {}))
