"""Normalisation: the numbers of a group get mean 0 and variance 1; then γ scales, and β shifts them.

What is a group makes the difference: of batch normalisation a channel over all images and places, of group
normalisation some channels of one image, of layer normalisation all numbers of one example.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.worked import Formula, Numbers, Part, Step, Sum, Symbol, Terms
from tinyunet.tensor import Array

Steps = tuple[Step, ...]
Places = tuple[int | Sequence[int], ...]  # along each axis one index, or several


def formulas_of(group: str, shared: str, gradient: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """Of y and the gradients, in words for what is a group, and for what has one γ."""
    return {
        "y": (
            f"y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of {group}",
            r"y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta",
        ),
        "dx": gradient,
        "dweight": (f"dγ = Σ dy·x̂, over {shared}", r"∂\gamma = \sum ∂y\, \hat{x}"),
        "dbias": (f"dβ = Σ dy, over {shared}", r"∂\beta = \sum ∂y"),
    }


GRADIENT = (
    "dx = (γ·dy − mean(γ·dy) − x̂·mean(γ·dy·x̂)) / √(σ² + ε), with x̂ = (x − μ)/√(σ² + ε)",
    r"∂x = \frac{\gamma ∂y - \overline{\gamma ∂y} - \hat{x}\, \overline{\gamma ∂y \hat{x}}}"
    r"{\sqrt{\sigma^2+\varepsilon}}",
)


class Normalisation(Operation):
    """What all have in common; each says which numbers are a group, and which share a γ and a β."""

    leaves = "x", "weight", "bias"
    captions: ClassVar = {("weight", 1): "γ = weight", ("bias", 1): "β = bias", ("x", 2): "x (columns: channels)"}
    letters: ClassVar = {"weight": r"\gamma", "bias": r"\beta"}
    symbols: ClassVar = {"weight": "γ", "bias": "β", "eps": "ε"}
    apart: int  # leading axes along which numbers with the same γ are in groups of their own

    def places(self, at: Index) -> Places:
        """Of all numbers that share the γ at an index."""
        raise NotImplementedError

    def group(self, index: Index) -> Places:
        """Of all numbers in the group of one."""
        raise NotImplementedError

    def of_vector(self, index: Index) -> Index:
        """Where the γ and the β of a number stand."""
        raise NotImplementedError

    def labels(self) -> Array:
        """The number of its group, for every number of x."""
        raise NotImplementedError

    def one_gamma(self) -> bool:
        """Whether all numbers of a group have the same γ."""
        return self.arrays["weight"] is None

    def on_paper(self, what: str, dy: Array | None) -> Array:
        """Without ε, where it changes less than 1/10000: −1 for (1 − 2)/√(1 + 0.00001)."""
        y = self.result(what, dy)
        with np.errstate(divide="ignore", invalid="ignore"):
            without = self.changed(eps=0.0).result(what, dy)
        return np.where(np.abs(without - y) <= 1e-4 * np.abs(y), without, y)

    def sizes(self, what: str, dy: Array | None) -> Array:
        """x − μ is off by a part of x and of μ, however little is left of them."""
        x, every = self.arrays["x"], tuple(np.indices(self.arrays["x"].shape))
        mean, var = self.moments()
        root = np.sqrt(var + self.settings["eps"])
        normal = (np.abs(x) + np.abs(mean)) / root
        gamma, beta = (
            default if self.arrays[name] is None else np.abs(self.arrays[name][self.of_vector(every)])
            for name, default in (("weight", 1.0), ("bias", 0.0))
        )
        if what == "y":
            return gamma * normal + beta
        dy = np.abs(dy) if dy is not None else np.ones_like(x)
        if what == "dx":
            means = self.mean(gamma * dy) + normal * self.mean(gamma * dy * normal)
            return (gamma * dy + means * self.settings.get("training", True)) / root
        sums = np.zeros(self.shape(what))
        np.add.at(sums, self.of_vector(every), dy * normal if what == "dweight" else dy)
        return sums

    # ---- a group

    def mean(self, numbers: Array) -> Array:
        """At every place of x the mean of the numbers in its group."""
        labels = np.broadcast_to(self.labels(), numbers.shape)
        return (np.bincount(labels.ravel(), numbers.ravel()) / np.bincount(labels.ravel()))[labels]

    def moments(self) -> tuple[Array, Array]:
        """Mean and variance of its group, at every place of x."""
        mean = self.mean(self.arrays["x"])
        return mean, self.mean((self.arrays["x"] - mean) ** 2)

    def _normal(self, places: Places, mean: float, var: float) -> Numbers:
        """x̂ at some places."""
        x = self.numbers("x", *places)
        return replace(x, name="x̂", values=(x.values - mean) / math.sqrt(var + self.settings["eps"]))

    def _statistics(self, index: Index, unbiased: bool = False, label: Index = ()) -> tuple[Sum, Sum]:
        """The mean and the variance of the group of a number."""
        x = self.numbers("x", *self.group(index))
        count = len(x.values)
        at, low = (str(list(label)), f"_{{{','.join(map(str, label))}}}") if label else ("", "")
        mean = _mean(Symbol(f"μ{at}", rf"\mu{low}"), count, x)
        off = replace(x, name="x − μ", values=x.values - mean.value)
        return mean, _mean(Symbol(f"σ²{at}", rf"\sigma^2{low}"), count - unbiased, off, off)

    def _scale(self, index: Index, label: Index = ()) -> tuple[Steps, float, float]:
        """The steps to mean and variance, and both."""
        mean, var = self._statistics(index, label=label)
        return (mean, var), mean.value, var.value

    # ---- an element

    def y(self, *index: int) -> Steps:
        steps, mean, var = self._scale(index)
        at = self.of_vector(index)
        vectors = {name: self.factor(name, at) for name in ("weight", "bias") if self.arrays[name] is not None}
        text, latex = "($x − ($mean)) / √($var + $eps)", r"\frac{$x - ($mean)}{\sqrt{$var + $eps}}"
        if "weight" in vectors:
            text, latex = f"$weight·{text}", rf"$weight \cdot {latex}"
        if "bias" in vectors:
            text, latex = f"{text} + ($bias)", f"{latex} + ($bias)"
        x, eps = self.factor("x", index), self.settings["eps"]
        affine = {"weight": 1.0, "bias": 0.0} | {name: factor.value for name, factor in vectors.items()}
        value = affine["weight"] * (x.value - mean) / math.sqrt(var + eps) + affine["bias"]
        numbers = {"x": x.value, "mean": mean, "var": var, "eps": eps} | affine
        return *steps, Formula(self.symbol("y", *index), text, latex, value, (x, *vectors.values()), numbers)

    def dx(self, dy: Array, *index: int) -> Steps:
        steps, mean, var = self._scale(index)
        places, eps = self.group(index), self.settings["eps"]
        d, x, normals = self.factor("dy", index, dy), self.factor("x", index), self._normal(places, mean, var)
        weight = () if self.arrays["weight"] is None else (self.factor("weight", self.of_vector(index)),)
        gamma, s = weight[0].value if weight else 1.0, math.sqrt(var + eps)
        upstream, name, inner = r"\tfrac{\partial L}{\partial y}", "dy", [self.numbers("dy", *places, array=dy)]
        text = "$gamma/√($var + $eps) · ($d − ($a) − ($normal)·($b))"
        latex = r"\frac{$gamma}{\sqrt{$var + $eps}} \Big($d - ($a) - ($normal) \cdot ($b)\Big)"
        outer, factor = gamma, 1.0
        if not self.one_gamma():  # it stays in the means
            upstream, name, outer, factor = rf"\gamma {upstream}", "γ·dy", 1.0, gamma
            inner.insert(0, self._gammas(places))
            text = "($gamma·($d) − ($a) − ($normal)·($b)) / √($var + $eps)"
            latex = r"\frac{$gamma \cdot ($d) - ($a) - ($normal) \cdot ($b)}{\sqrt{$var + $eps}}"
        count = len(normals.values)
        a = _mean(Symbol(f"mean({name})", rf"\overline{{{upstream}}}"), count, *inner)
        b = _mean(Symbol(f"mean({name}·x̂)", rf"\overline{{{upstream} \hat{{x}}}}"), count, *inner, normals)
        normal = (x.value - mean) / s
        numbers = {"gamma": gamma, "var": var, "eps": eps, "d": d.value, "a": a.value, "normal": normal, "b": b.value}
        value = outer / s * (factor * d.value - a.value - normal * b.value)
        return *steps, a, b, Formula(self.symbol("dx", *index), text, latex, value, (d, x, *weight), numbers)

    def _gammas(self, places: Places) -> Numbers:
        """The γ of every place of a group."""
        grid = ([k] if isinstance(k, int) else k for k in places)
        gammas = np.array([self.arrays["weight"][self.of_vector(index)] for index in itertools.product(*grid)])
        return Numbers("γ", (), (), (), gammas)

    def dweight(self, dy: Array, *at: int) -> Steps:
        every = self.places(at)
        steps, parts = list[Step](), list[Part]()
        leads = list(itertools.product(*every[: self.apart]))  # type: ignore[arg-type]  # several along each of them
        for lead in leads:
            places = (*lead, *every[self.apart :])
            first = tuple(k if isinstance(k, int) else k[0] for k in places)
            moments, mean, var = self._scale(first, lead if len(leads) > 1 else ())
            steps += moments
            terms = Terms(self.numbers("dy", *places, array=dy), self._normal(places, mean, var))
            parts.append(Part(f"x[{', '.join(map(str, lead))}]" if lead else "values", terms))
        if all(len(part.terms) == 1 for part in parts):
            parts = [Part("values", tuple(part.terms[0] for part in parts))]
        return *steps, Sum(self.symbol("dweight", *at), tuple(parts))

    def dbias(self, dy: Array, *at: int) -> Step:
        return _mean(self.symbol("dbias", *at), 1, self.numbers("dy", *self.places(at), array=dy))


def _mean(symbol: Symbol, count: int, *factors: Numbers) -> Sum:
    """The sum of products of a group's numbers, divided."""
    return Sum(symbol, (Part("values", Terms(*factors)),), count)


def read(x: Any, least: int, shape: str, example: str, vectors: dict[str, Any]) -> dict[str, Any]:
    """x, which must have so many axes, and the vectors, as far as they are there."""
    x = array("x", x)
    if x.ndim < least:
        raise ValueError(f"x: must be {shape}, not {x.shape}; {example}")
    return {"x": x} | {name: None if vector is None else array(name, vector) for name, vector in vectors.items()}


class Channels(Normalisation):
    """x is (N, C, …), and every channel has a γ and a β."""

    @staticmethod
    def weights(x: Index, *, affine: bool = True) -> dict[str, Index | None]:
        vector = (x[1],)
        return {name: vector if affine else None for name in ("weight", "bias")}

    def places(self, at: Index) -> Places:
        N, _, *positions = self.arrays["x"].shape
        return (range(N), *at, *map(range, positions))

    def of_vector(self, index: Index) -> Index:
        return index[1:2]


class BatchNorm(Channels):
    """With the statistics of the batch in training, with the running ones in evaluation."""

    title = "Batch normalisation"
    updates = "running_mean", "running_var"
    apart = 0
    letters: ClassVar = Normalisation.letters | {
        "running_mean": r"\mu_{\text{running}}",
        "running_var": r"\sigma^2_{\text{running}}",
    }
    formulas: ClassVar = formulas_of(
        "the channel",
        "the channel",
        (
            "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂·mean(dy·x̂)), with x̂ = (x − μ)/√(σ² + ε); "
            "in evaluation γ/√(σ² + ε) · dy",
            r"∂x = \frac{\gamma}{\sqrt{\sigma^2+\varepsilon}} "
            r"\Big(∂y - \overline{∂y} - \hat{x}\, \overline{∂y \hat{x}}\Big)",
        ),
    ) | {
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

    def sizes(self, what: str, dy: Array | None) -> Array:
        if what not in self.updates:
            return super().sizes(what, dy)
        x = np.abs(self.arrays["x"])
        moved = self.mean(x if what == "running_mean" else x**2).max((0, *range(2, x.ndim)))
        return np.abs(self.arrays[what]) + self.settings["momentum"] * moved

    def moments(self) -> tuple[Array, Array]:
        if self.settings["training"]:
            return super().moments()
        mean, var = (self.arrays[name][self.labels()] for name in self.updates)
        return mean, var

    # ---- a channel

    def group(self, index: Index) -> Places:
        return self.places(index[1:2])

    def labels(self) -> Array:
        return np.indices(self.arrays["x"].shape, sparse=True)[1]

    def one_gamma(self) -> bool:
        return True

    def _scale(self, index: Index, label: Index = ()) -> tuple[Steps, float, float]:
        """In evaluation they are given."""
        if self.settings["training"]:
            return super()._scale(index, label)
        mean, var = (self.factor(name, self.of_vector(index)) for name in self.updates)
        steps = (
            Formula(Symbol("μ", r"\mu"), "running mean", self.letters["running_mean"], mean.value, (mean,)),
            Formula(Symbol("σ²", r"\sigma^2"), "running variance", self.letters["running_var"], var.value, (var,)),
        )
        return steps, mean.value, var.value

    # ---- an element

    def dx(self, dy: Array, *index: int) -> Steps:
        if self.settings["training"]:
            return super().dx(dy, *index)
        steps, _, var = self._scale(index)
        d, eps = self.factor("dy", index, dy), self.settings["eps"]
        weight = () if self.arrays["weight"] is None else (self.factor("weight", self.of_vector(index)),)
        gamma = weight[0].value if weight else 1.0
        forms = "$gamma/√($var + $eps) · ($d)", r"\frac{$gamma}{\sqrt{$var + $eps}} \cdot ($d)"
        numbers = {"gamma": gamma, "var": var, "eps": eps, "d": d.value}
        value = gamma / math.sqrt(var + eps) * d.value
        return *steps, Formula(self.symbol("dx", *index), *forms, value, (d, *weight), numbers)

    def running_mean(self, dy: None, c: int) -> Steps:
        mean, _ = self._statistics((0, c))
        return mean, self._moved("running_mean", c, mean.value)

    def running_var(self, dy: None, c: int) -> Steps:
        mean, var = self._statistics((0, c), unbiased=True)
        return mean, var, self._moved("running_var", c, var.value)

    def _moved(self, what: str, c: int, batch: float) -> Step:
        """A running statistic after one step towards that of the batch."""
        old, m = self.factor(what, (c,)), self.settings["momentum"]
        forms = "(1 − $m)·($old) + $m·($batch)", r"(1 - $m) \cdot ($old) + $m \cdot ($batch)"
        value = (1 - m) * old.value + m * batch
        return Formula(self.symbol(what, c), *forms, value, (old,), {"m": m, "old": old.value, "batch": batch})


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
    vectors = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    arrays = read(x, 2, "(N, C, …)", "four numbers of one channel are [[1], [2], [3], [6]]", vectors)
    return explained(BatchNorm(arrays, {"training": training, "momentum": momentum, "eps": eps}, {}))
