"""Diffusion: how much of a picture is left, noise that is added, a step back, and guidance.

Times are t = 0 … T: at 0 there is the picture, and ᾱ_0 = 1. Every y but the first is a mixture of arrays of one shape,
each multiplied by one number, which follows from ᾱ.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Operation
from tinyunet.byhand.arithmetic.worked import Factor, Formula, Part, Step, Sum, Symbol, Term
from tinyunet.tensor import Array

BAR = r"\bar{\alpha}"


class AlphaBar(Operation):
    """The product of 1 − β over all steps so far, which grows by one factor in every step."""

    title = "Noise schedule"
    leaves = ()
    data = ("beta",)
    size = "y has a number for every time from 0, one more than there are steps"
    letters: ClassVar = {"beta": r"\beta"}
    captions: ClassVar = {("beta", 1): "beta (from step 1)"}
    formulas: ClassVar = {
        "y": (
            "y_t = ᾱ_t = (1 − β_1)·…·(1 − β_t) = ᾱ_(t−1)·(1 − β_t), with ᾱ_0 = 1; beta[0] is β_1",
            rf"y_t = {BAR}_t = \prod_{{i=1}}^{{t}} (1 - \beta_i) = {BAR}_{{t-1}} (1 - \beta_t)",
        )
    }

    def run(self) -> tuple[Any, Any]:
        return np.concatenate([[1.0], np.cumprod(1 - self.arrays["beta"])]), None

    def y_shape(self) -> tuple[int, ...]:
        return (len(self.arrays["beta"]) + 1,)

    def y(self, t: int) -> tuple[Step, ...]:
        if t == 0:
            return (Formula(self.symbol("y", 0), "no step yet", r"\text{no step yet}", 1.0),)
        beta, before = self.factor("beta", (t - 1,)), Factor(f"ᾱ_{t - 1}", (), float(self.result()[t - 1]))
        symbol = Symbol(f"1 − β_{t}", rf"1 - \beta_{{{t}}}")
        kept = Formula(symbol, "1 − $beta", "1 - $beta", 1 - beta.value, (beta,), {"beta": beta.value})
        product = Term((before, Factor(f"({symbol.text})", (), kept.value)))
        return kept, Sum(self.symbol("y", t), (Part("product", (product,)),))

    def behind(self, what: str, index: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
        return [("beta", (i,)) for i in range(index[0])]


@AlphaBar.called
def alpha_bar(beta: Any) -> Explanation:
    """Explain `diffusion.from_betas`: what is left of a picture's variance after every step of Ho et al. (2020).

    >>> print(alpha_bar([0.1, 0.2]).at(2))
    y_t = ᾱ_t = (1 − β_1)·…·(1 − β_t) = ᾱ_(t−1)·(1 − β_t), with ᾱ_0 = 1; beta[0] is β_1
      1 − β_2 = 1 − 0.2 = 0.8
      y[2] = 0.9×0.8 = 0.72
    """
    beta = array("beta", beta)
    if beta.ndim != 1 or beta.min() <= 0 or beta.max() >= 1:
        raise ValueError("beta: must be a row of numbers between 0 and 1, the variances of the steps")
    return explained(AlphaBar({"beta": beta}, {}, {}))


class Mixture(Operation):
    """y is a sum of arrays, each times a number of its own."""

    leaves = ()
    letters: ClassVar = {"alpha_bar": BAR, "noise": r"\varepsilon", "eps": r"\varepsilon"}
    captions: ClassVar = {("alpha_bar", 1): "alpha_bar (ᾱ, from time 0)"}

    def run(self) -> tuple[Any, Any]:
        return self.mixed({name: a for name, a in self.arrays.items() if a is not None}), None

    def mixed(self, arrays: dict[str, Array]) -> Array:
        """The sum."""
        return np.sum([w * arrays[name] for name, weights in self.mixture().items() for w in weights], axis=0)

    def mixture(self) -> dict[str, tuple[float, ...]]:
        """What each array is multiplied by, one after the other."""
        raise NotImplementedError

    def sizes(self, what: str, dy: Array | None) -> Array:
        terms = [abs(w) * np.abs(self.arrays[name]) for name, weights in self.mixture().items() for w in weights]
        return np.sum(terms, axis=0)

    # ---- steps

    def at_time(self, time: str) -> Any:
        """ᾱ of the time t or s."""
        return self.arrays["alpha_bar"][self.settings[time]]

    def left(self, t: int) -> Formula:
        """√ᾱ_t, by which the picture is multiplied."""
        symbol, bar = Symbol(f"√ᾱ_{t}", rf"\sqrt{{{BAR}_{{{t}}}}}"), self.factor("alpha_bar", (t,))
        return Formula(symbol, "√$bar", r"\sqrt{$bar}", math.sqrt(bar.value), (bar,), {"bar": bar.value})

    def noisy(self, t: int) -> Formula:
        """√(1 − ᾱ_t), by which the noise is multiplied."""
        symbol, bar = Symbol(f"√(1 − ᾱ_{t})", rf"\sqrt{{1 - {BAR}_{{{t}}}}}"), self.factor("alpha_bar", (t,))
        value = math.sqrt(1 - bar.value)
        return Formula(symbol, "√(1 − $bar)", r"\sqrt{1 - $bar}", value, (bar,), {"bar": bar.value})

    def picture(self, t: int, symbol: Symbol, index: tuple[int, ...]) -> tuple[Formula, ...]:
        """The steps to x₀, as it follows from x_t and ε."""
        left, noisy, x, eps = self.left(t), self.noisy(t), self.factor("x", index), self.factor("eps", index)
        forms = "($x − $noisy×($eps)) / $left", r"\frac{$x - $noisy \cdot ($eps)}{$left}"
        numbers = {"x": x.value, "noisy": noisy.value, "eps": eps.value, "left": left.value}
        value = (x.value - noisy.value * eps.value) / left.value
        return left, noisy, Formula(symbol, *forms, value, (x, eps), numbers)


def times(weight: Formula, factor: Factor) -> Term:
    """A number times a weight that a step before it gave."""
    return Term((Factor(weight.symbol.text, (), weight.value), factor))


class AddNoise(Mixture):
    """From a picture to its noisy version, in one step."""

    title = "Adding noise"
    data = "x", "noise", "alpha_bar"
    formulas: ClassVar = {
        "y": (
            "y = √ᾱ_t·x + √(1 − ᾱ_t)·ε, with the picture x = x_0 and the noise ε; y is x_t",
            rf"y = x_t = \sqrt{{{BAR}_t}}\, x_0 + \sqrt{{1 - {BAR}_t}}\, \varepsilon",
        )
    }

    def mixture(self) -> dict[str, tuple[float, ...]]:
        bar = self.at_time("t")
        return {"x": (np.sqrt(bar),), "noise": (np.sqrt(1 - bar),)}

    def y(self, *index: int) -> tuple[Step, ...]:
        left, noisy = self.left(self.settings["t"]), self.noisy(self.settings["t"])
        terms = times(left, self.factor("x", index)), times(noisy, self.factor("noise", index))
        return left, noisy, Sum(self.symbol("y", *index), (Part("picture and noise", terms),))


@AddNoise.called
def add_noise(x: Any, t: int, noise: Any, alpha_bar: Any) -> Explanation:
    """Explain `diffusion.Schedule.add_noise`: a draw from q(x_t | x_0), with ᾱ of all times from 0, such as [1, 0.64].

    Source: Ho, Jain and Abbeel (2020), equation 4.

    >>> print(add_noise([3, 1], 1, [-2, 4], [1, 0.64]).at(0))
    y = √ᾱ_t·x + √(1 − ᾱ_t)·ε, with the picture x = x_0 and the noise ε; y is x_t
      √ᾱ_1 = √0.64 = 0.8
      √(1 − ᾱ_1) = √(1 − 0.64) = 0.6
      y[0] = 0.8×3 + 0.6×(−2) = 1.2
    """
    arrays = _alike({"x": x, "noise": noise}) | _bars(alpha_bar, t=t)
    return explained(AddNoise(arrays, {"t": t}, {}))


class PredictX0(Mixture):
    """The same, solved for the picture."""

    title = "The picture behind the noise"
    data = "x", "eps", "alpha_bar"
    formulas: ClassVar = {
        "y": (
            "y = x̂_0 = (x − √(1 − ᾱ_t)·ε) / √ᾱ_t, with x = x_t and the noise ε that a network sees in it",
            rf"y = \hat{{x}}_0 = \frac{{x_t - \sqrt{{1 - {BAR}_t}}\, \varepsilon}}{{\sqrt{{{BAR}_t}}}}",
        )
    }

    def mixture(self) -> dict[str, tuple[float, ...]]:
        bar = self.at_time("t")
        return {"x": (1 / np.sqrt(bar),), "eps": (-np.sqrt(1 - bar) / np.sqrt(bar),)}

    def y(self, *index: int) -> tuple[Step, ...]:
        return self.picture(self.settings["t"], self.symbol("y", *index), index)


@PredictX0.called
def predict_x0(x: Any, t: int, eps: Any, alpha_bar: Any) -> Explanation:
    """Explain `diffusion.Diffusion.parts`: the picture x̂_0 behind x_t, if ε is the noise in it.

    >>> print(predict_x0([1.2], 1, [-2], [1, 0.64]).at(0))
    y = x̂_0 = (x − √(1 − ᾱ_t)·ε) / √ᾱ_t, with x = x_t and the noise ε that a network sees in it
      √ᾱ_1 = √0.64 = 0.8
      √(1 − ᾱ_1) = √(1 − 0.64) = 0.6
      y[0] = (1.2 − 0.6×(−2)) / 0.8 = 3
    """
    arrays = _alike({"x": x, "eps": eps}) | _bars(alpha_bar, t=t)
    return explained(PredictX0(arrays, {"t": t}, {}))


class DDIMStep(Mixture):
    """From x_t to x_s of an earlier time s."""

    title = "DDIM step"
    data = "x", "eps", "alpha_bar"
    symbols: ClassVar = {"eta": "η"}
    formulas: ClassVar = {
        "y": (
            "y = x_s = √ᾱ_s·x̂_0 + √(1 − ᾱ_s − σ²)·ε + σ·z, with x̂_0 = (x − √(1 − ᾱ_t)·ε) / √ᾱ_t and "
            "σ = η·√((1 − ᾱ_s)/(1 − ᾱ_t)·(1 − ᾱ_t/ᾱ_s)); with η = 0 there is no z",
            rf"y = x_s = \sqrt{{{BAR}_s}}\, \hat{{x}}_0 + \sqrt{{1 - {BAR}_s - \sigma^2}}\, \varepsilon + \sigma z, "
            rf"\quad \hat{{x}}_0 = \frac{{x_t - \sqrt{{1 - {BAR}_t}}\, \varepsilon}}{{\sqrt{{{BAR}_t}}}}, "
            rf"\quad \sigma^2 = \eta^2\, \frac{{1 - {BAR}_s}}{{1 - {BAR}_t}} \Big(1 - \frac{{{BAR}_t}}{{{BAR}_s}}\Big)",
        )
    }

    def deviation(self) -> Any:
        """σ, that of the new noise."""
        bar_t, bar_s, eta = self.at_time("t"), self.at_time("s"), self.settings["eta"]
        return eta * np.sqrt((1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)) if eta else 0.0

    def mixture(self) -> dict[str, tuple[float, ...]]:
        bar_t, bar_s = self.at_time("t"), self.at_time("s")
        sigma, kept = self.deviation(), np.sqrt(bar_s / bar_t)
        found = {"x": (kept,), "eps": (-kept * np.sqrt(1 - bar_t), np.sqrt(np.maximum(1 - bar_s - sigma**2, 0)))}
        return found | ({"z": (sigma,)} if sigma else {})

    def y(self, *index: int) -> tuple[Step, ...]:
        t, s, eta = self.settings["t"], self.settings["s"], self.settings["eta"]
        x0 = self.symbol("x̂_0", *index)
        x0 = Symbol(x0.text, x0.latex.replace("x̂_0", r"\hat{x}_0"))
        steps, left = self.picture(t, x0, index), self.left(s)
        eps, sigma, new = self.factor("eps", index), float(self.deviation()), list[Formula]()
        if sigma:
            bars = self.factor("alpha_bar", (t,)), self.factor("alpha_bar", (s,))
            numbers = {"eta": eta, "t": bars[0].value, "s": bars[1].value}
            forms = "$eta·√((1 − $s)/(1 − $t)·(1 − $t/$s))", r"$eta \sqrt{\frac{1 - $s}{1 - $t} (1 - $t / $s)}"
            new.append(Formula(Symbol("σ", r"\sigma"), *forms, sigma, bars, numbers))
            symbol = Symbol(f"√(1 − ᾱ_{s} − σ²)", rf"\sqrt{{1 - {BAR}_{{{s}}} - \sigma^2}}")
            forms, rest = ("√(1 − $s − $var)", r"\sqrt{1 - $s - $var}"), 1 - bars[1].value - sigma**2
            noisy = Formula(symbol, *forms, math.sqrt(max(rest, 0)), bars[1:], numbers | {"var": sigma**2})
        else:
            noisy = self.noisy(s)
        terms = [times(left, Factor("x̂_0", (), steps[-1].value)), times(noisy, eps)]
        terms += [times(of, self.factor("z", index)) for of in new]
        parts = (Part("picture and noise", tuple(terms)),)
        return *steps, *new, left, noisy, Sum(self.symbol("y", *index), parts)


@DDIMStep.called
def ddim_step(x: Any, t: int, s: int, eps: Any, alpha_bar: Any, eta: float = 0.0, z: Any = None) -> Explanation:
    """Explain `diffusion.ddim_step`: from x_t to x_s, s < t, by the noise ε that a network sees; with η > 0, z is new.

    Source: Song, Meng and Ermon (2020), equations 12 and 16.

    >>> print(ddim_step([6], 2, 1, [3], [1, 0.64, 0.36]).at(0).text().partition("\\n")[2])
      √ᾱ_2 = √0.36 = 0.6
      √(1 − ᾱ_2) = √(1 − 0.36) = 0.8
      x̂_0[0] = (6 − 0.8×3) / 0.6 = 6
      √ᾱ_1 = √0.64 = 0.8
      √(1 − ᾱ_1) = √(1 − 0.64) = 0.6
      y[0] = 0.8×6 + 0.6×3 = 6.6
    """
    arrays = _alike({"x": x, "eps": eps} | ({} if z is None else {"z": z}))
    bars = _bars(alpha_bar, t=t, s=s)
    if not s < t:
        raise ValueError(f"s: a step goes to an earlier time than t = {t}, not to {s}")
    if bars["alpha_bar"][t] == bars["alpha_bar"][s]:
        raise ValueError(f"alpha_bar: is the same at the times {t} and {s}; it falls from step to step")
    if not 0 <= eta <= 1:
        raise ValueError(f"eta: must be from 0 to 1, not {eta}")
    if eta and z is None:
        raise ValueError(f"z: missing; with eta = {eta} there is new noise")
    given = {"x": arrays["x"], "eps": arrays["eps"]} | bars | {"z": arrays.get("z")}
    return explained(DDIMStep(given, {"t": t, "s": s, "eta": eta}, {}))


class Guided(Mixture):
    """More of what is asked for."""

    title = "Classifier-free guidance"
    data = "unconditional", "conditional"
    letters: ClassVar = {"unconditional": r"\varepsilon_u", "conditional": r"\varepsilon_c"}
    formulas: ClassVar = {
        "y": (
            "y = ε_u + w·(ε_c − ε_u), unconditional and conditional; w = 0 is the first alone, w = 1 the second",
            r"y = \varepsilon_u + w\, (\varepsilon_c - \varepsilon_u)",
        )
    }

    def mixture(self) -> dict[str, tuple[float, ...]]:
        w = self.settings["w"]
        return {"unconditional": (1.0, -w), "conditional": (w,)}

    def y(self, *index: int) -> tuple[Step, ...]:
        u, c = self.factor("unconditional", index), self.factor("conditional", index)
        symbol = Symbol("ε_c − ε_u", r"\varepsilon_c - \varepsilon_u")
        numbers = {"u": u.value, "c": c.value}
        towards = Formula(symbol, "$c − ($u)", "$c - ($u)", c.value - u.value, (u, c), numbers)
        more = Term((Factor("w", (), self.settings["w"]), Factor(f"({symbol.text})", (), towards.value)))
        return towards, Sum(self.symbol("y", *index), (Part("prediction", (Term((u,)), more)),))


@Guided.called
def guided(unconditional: Any, conditional: Any, w: float = 1.0) -> Explanation:
    """Explain `diffusion.guided`: a network's answers without and with the condition, and further in that direction.

    Source: Ho and Salimans (2022), equation 6, whose w is this one less 1.

    >>> print(guided([2], [5], 3).at(0))
    y = ε_u + w·(ε_c − ε_u), unconditional and conditional; w = 0 is the first alone, w = 1 the second
      ε_c − ε_u = 5 − 2 = 3
      y[0] = 2 + 3×3 = 11
    """
    return explained(Guided(_alike({"unconditional": unconditional, "conditional": conditional}), {"w": w}, {}))


def _alike(given: dict[str, Any]) -> dict[str, Array]:
    """Arrays of one shape."""
    arrays = {name: array(name, numbers) for name, numbers in given.items()}
    (first, shape), *others = ((name, a.shape) for name, a in arrays.items())
    if not 1 <= len(shape) <= 4:
        raise ValueError(f"{first}: must have 1 to 4 axes, not the shape {shape}")
    for name, other in others:
        if other != shape:
            raise ValueError(f"{name}: must have the shape of {first}, {shape}, not {other}")
    return arrays


def _bars(alpha_bar: Any, **times: int) -> dict[str, Array]:
    """ᾱ of all times, among which are these."""
    bars = array("alpha_bar", alpha_bar)
    if bars.ndim != 1 or bars.min() <= 0 or bars.max() > 1 or (np.diff(bars) > 0).any():
        raise ValueError("alpha_bar: must be a row of falling numbers for the times from 0, at most 1 and above 0")
    for name, time in times.items():
        if isinstance(time, bool) or not isinstance(time, (int, np.integer)):
            raise TypeError(f"{name}: a time is a whole number, not {time!r}")
        if not 0 <= time < len(bars):
            raise ValueError(f"{name}: alpha_bar has the times 0 to {len(bars) - 1}, not {time}")
    return {"alpha_bar": bars}
