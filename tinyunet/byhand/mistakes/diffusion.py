"""Noise schedules, adding noise, steps back, and guidance."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import Quantities, usual_and_rare
from tinyunet.tensor import Array

# ---- the schedule


class Schedule(Quantities):
    """What is left after every single step."""

    beta: Array

    def prepare(self) -> None:
        self.alpha = 1 - self.beta


def from_one(rest: Array) -> Array:
    """The 1 of time 0, then the rest."""
    return np.concatenate([[1.0], rest])


wrong, rare = usual_and_rare("alpha_bar y", Schedule)
wrong("α in place of ᾱ", "ᾱ is the product over all steps so far, α = 1 − β that of one step alone")
wrong.way("", lambda q: from_one(q.alpha))
wrong("β in place of 1 − β", "a step leaves 1 − β of what was there", lambda q: from_one(np.cumprod(q.beta)))
wrong("sum in place of product", "every step leaves 1 − β of what the one before it left: multiply")
wrong.way("", lambda q: from_one(1 - np.cumsum(q.beta)))
wrong("ᾱ of a neighbouring time", "ᾱ_t has t factors; beta[0] belongs to step 1")
wrong.way("one factor too few", lambda q: from_one(q.y()[:-1]))
wrong("time 0 forgotten", "y begins with ᾱ_0 = 1, before any step", lambda q: q.y()[1:])
rare("1 − ᾱ in place of ᾱ", "ᾱ is what is left of the picture; 1 − ᾱ is the variance of the noise", lambda q: 1 - q.y())
rare("root taken", "ᾱ is the product itself; its root comes in where noise is added", lambda q: np.sqrt(q.y()))
rare("squares multiplied", "the factors are 1 − β, without a square", lambda q: q.y() ** 2)


# ---- mixtures of picture and noise


class Mixed(Quantities):
    """The roots of ᾱ_t and of 1 − ᾱ_t, which x and noise are multiplied by."""

    alpha_bar: Array
    noise: Array
    eps: Array
    t: int

    def prepare(self) -> None:
        self.bar = self.alpha_bar[self.t]
        self.left, self.noisy = np.sqrt(self.bar), np.sqrt(1 - self.bar)
        self.alphas = self.alpha_bar / from_one(self.alpha_bar[:-1])

    def beside(self, time: str, first: int = 0) -> Iterator[tuple[Array, str]]:
        """y by the times before and after another one, if they are not before the first."""
        for other, detail in ((-1, "the one before"), (1, "the one after")):
            if first <= vars(self)[time] + other < len(self.alpha_bar):
                yield self.y(**{time: vars(self)[time] + other}), detail


ROOTS = "x is multiplied by √ᾱ, noise by √(1 − ᾱ): by roots, as ᾱ and 1 − ᾱ are variances"
DEVIATION = "noise is multiplied by its standard deviation √(1 − ᾱ); 1 − ᾱ is its variance"
ONE_ROOT = "1 − √ᾱ in place of √(1 − ᾱ)", "subtract first, then take the root"
SCALED = "noise not scaled", "the noise in x_t is √(1 − ᾱ)·ε, not ε"
ONE_STEP = "α in place of ᾱ", "ᾱ is the product over all steps up to t, α = 1 − β that of step t alone"
NEIGHBOUR = "ᾱ of a neighbouring time", "times are counted from 0: alpha_bar[t] belongs to x_t"

wrong, rare = usual_and_rare("add_noise y", Mixed)
wrong("square root forgotten", ROOTS, lambda q: q.bar * q.x + (1 - q.bar) * q.noise)
wrong.way("of ᾱ alone", lambda q: q.bar * q.x + q.noisy * q.noise)
wrong("variance for standard deviation", DEVIATION, lambda q: q.left * q.x + (1 - q.bar) * q.noise)
wrong(*SCALED, lambda q: q.left * q.x + q.noise)
wrong("picture not scaled", "x is multiplied by √ᾱ, or the sum would grow", lambda q: q.x + q.noisy * q.noise)
wrong("picture and noise exchanged", "√ᾱ belongs to x, √(1 − ᾱ) to the noise")
wrong.way("", lambda q: q.noisy * q.x + q.left * q.noise)
wrong(*ONE_STEP, lambda q: q.y(alpha_bar=q.alphas))
wrong(*NEIGHBOUR, lambda q: q.beside("t"))
wrong("noise subtracted", "noise is added, with its own sign", lambda q: q.left * q.x - q.noisy * q.noise)
rare(*ONE_ROOT, lambda q: q.left * q.x + (1 - q.left) * q.noise)
rare("noise forgotten", "√ᾱ·x is only the mean of x_t", lambda q: q.left * q.x)
rare("picture forgotten", "something of x is left until ᾱ = 0", lambda q: q.noisy * q.noise)
rare("nothing scaled", ROOTS, lambda q: q.x + q.noise)

wrong, rare = usual_and_rare("predict_x0 y", Mixed)
wrong("square root forgotten", ROOTS, lambda q: (q.x - (1 - q.bar) * q.eps) / q.bar)
wrong.way("of ᾱ alone", lambda q: (q.x - q.noisy * q.eps) / q.bar)
wrong("variance for standard deviation", DEVIATION, lambda q: (q.x - (1 - q.bar) * q.eps) / q.left)
wrong(*SCALED, lambda q: (q.x - q.eps) / q.left)
wrong("not divided", "what is left without the noise is √ᾱ·x̂_0: divide by √ᾱ", lambda q: q.x - q.noisy * q.eps)
wrong("noise not divided", "divide the whole difference by √ᾱ", lambda q: q.x / q.left - q.noisy * q.eps)
wrong("ε and x exchanged", "the noise ε is taken out of x", lambda q: (q.eps - q.noisy * q.x) / q.left)
wrong("noise added", "the noise in x_t is subtracted", lambda q: (q.x + q.noisy * q.eps) / q.left)
wrong("roots exchanged", "√(1 − ᾱ) belongs to ε, and √ᾱ divides")
wrong.way("", lambda q: (q.x - q.left * q.eps) / q.noisy)
wrong(*ONE_STEP, lambda q: q.y(alpha_bar=q.alphas))
wrong(*NEIGHBOUR, lambda q: q.beside("t"))
rare(*ONE_ROOT, lambda q: (q.x - (1 - q.left) * q.eps) / q.left)
rare("multiplied in place of divided", "divide by √ᾱ", lambda q: (q.x - q.noisy * q.eps) * q.left)
rare("noise added once more", "solve x_t = √ᾱ·x_0 + √(1 − ᾱ)·ε for x_0", lambda q: q.left * q.x + q.noisy * q.eps)
rare("ε taken for x̂_0", "ε is the noise; what is asked for is the picture behind it", lambda q: q.eps)


# ---- a step back


class Step(Mixed):
    """x̂_0, the roots of ᾱ_s and of 1 − ᾱ_s, and σ."""

    op: Any  # a DDIM step
    s: int
    eta: float
    z: Array | None

    def prepare(self) -> None:
        super().prepare()
        self.x0 = (self.x - self.noisy * self.eps) / self.left
        self.earlier = self.alpha_bar[self.s]
        self.left_s, self.noisy_s = np.sqrt(self.earlier), np.sqrt(1 - self.earlier)
        self.sigma = self.op.deviation()
        self.kept = np.sqrt(np.maximum(1 - self.earlier - self.sigma**2, 0))

    @property
    def new(self) -> Any:
        """σ·z."""
        return 0.0 if self.z is None else self.sigma * self.z

    def to(self, x0: Array) -> Array:
        """y by another x̂_0."""
        return self.left_s * x0 + self.kept * self.eps + self.new


def stochastic(q: Any) -> bool:
    return q.eta > 0


wrong, rare = usual_and_rare("ddim_step y", Step)
wrong("steps exchanged", "the step goes from t to s: x̂_0 comes from x_t by ᾱ_t, and noise is put back by ᾱ_s")
wrong.way("", lambda q: q.y(t=q.s, s=q.t))
wrong("x_t in place of x̂_0", "the noise is taken out first: x̂_0 = (x − √(1 − ᾱ_t)·ε) / √ᾱ_t", lambda q: q.to(q.x))
wrong("ε and x̂_0 exchanged", "√ᾱ_s belongs to x̂_0, the other root to ε")
wrong.way("", lambda q: q.left_s * q.eps + q.kept * q.x0 + q.new)
wrong("noise not scaled", "what comes back of the noise is √(1 − ᾱ_s − σ²)·ε")
wrong.way("", lambda q: q.left_s * q.x0 + q.eps + q.new)
wrong("square root forgotten", "x̂_0 and ε are multiplied by roots of ᾱ_s and of 1 − ᾱ_s − σ²")
wrong.way("", lambda q: q.earlier * q.x0 + q.kept**2 * q.eps + q.new)
wrong("variance for standard deviation", "ε is multiplied by √(1 − ᾱ_s − σ²); without the root it is a variance")
wrong.way("", lambda q: q.left_s * q.x0 + q.kept**2 * q.eps + q.new)
wrong("noise not put back", "x_s still has noise in it: √(1 − ᾱ_s − σ²)·ε", lambda q: q.left_s * q.x0)
wrong("stopped at x̂_0", "from x̂_0 the step goes on to the time s", lambda q: q.x0)
wrong(*ONE_STEP, lambda q: q.y(alpha_bar=q.alphas))
wrong(*NEIGHBOUR, lambda q: q.beside("s", first=1))  # at the time 0, y is x̂_0
wrong("σ² in place of σ", "z is multiplied by σ, the standard deviation", where=stochastic)
wrong.way("", lambda q: q.left_s * q.x0 + q.kept * q.eps + q.sigma**2 * q.z)
wrong("σ in place of σ²", "variances are subtracted: √(1 − ᾱ_s − σ²)", where=stochastic)
wrong.way("", lambda q: q.left_s * q.x0 + np.sqrt(1 - q.earlier - q.sigma) * q.eps + q.new)
wrong("σ² not subtracted", "new noise takes the place of old: √(1 − ᾱ_s − σ²)·ε", where=stochastic)
wrong.way("", lambda q: q.left_s * q.x0 + q.noisy_s * q.eps + q.new)
wrong("new noise forgotten", "with η above 0, σ·z is added", lambda q: q.to(q.x0) - q.new, where=stochastic)
wrong("η forgotten", "σ is η times the deviation of a step of DDPM", where=stochastic)
wrong.way("as for η = 1", lambda q: q.y(eta=1.0))
rare("noise subtracted", "what comes back of the noise is added", lambda q: q.left_s * q.x0 - q.kept * q.eps + q.new)
rare("noise added in x̂_0", "x̂_0 is what is left when the noise is subtracted")
rare.way("", lambda q: q.to((q.x + q.noisy * q.eps) / q.left))
rare("x̂_0 not divided", "x̂_0 = (x − √(1 − ᾱ_t)·ε) / √ᾱ_t", lambda q: q.to(q.x - q.noisy * q.eps))
rare("noise of x_t put back", "x_s has the noise of the time s", lambda q: q.left_s * q.x0 + q.noisy * q.eps + q.new)
rare("x̂_0 not scaled", "x̂_0 is multiplied by √ᾱ_s", lambda q: q.x0 + q.kept * q.eps + q.new)
rare("all of the noise new", "σ·z takes the place of a part of ε alone", where=stochastic)
rare.way("", lambda q: q.left_s * q.x0 + q.noisy_s * q.z)
rare("η = 0", "with η above 0, σ·z takes the place of a part of ε", lambda q: q.y(eta=0.0), where=stochastic)
rare("new noise with η = 0", "with η = 0 no noise is drawn", where=lambda q: q.z is not None and not q.eta)
rare.way("as for η = 1", lambda q: q.y(eta=1.0))


# ---- guidance


class Guidance(Quantities):
    """u and c, the predictions without and with the condition."""

    unconditional: Array
    conditional: Array
    w: float

    def prepare(self) -> None:
        self.u, self.c = self.unconditional, self.conditional


wrong, rare = usual_and_rare("guided y", Guidance)
wrong("conditional and unconditional exchanged", "start at ε_u, and go w times the way to ε_c")
wrong.way("", lambda q: q.c + q.w * (q.u - q.c))
wrong("sign reversed", "the way is ε_c − ε_u, away from the unconditional one", lambda q: q.u - q.w * (q.c - q.u))
wrong("another convention of w", "here w = 1 is the conditional prediction alone")
wrong.way("(1 + w)·ε_c − w·ε_u, where w = 0 is the conditional one", lambda q: q.c + q.w * (q.c - q.u))
wrong.way("w − 1 for w", lambda q: q.u + (q.w - 1) * (q.c - q.u))
wrong("ε_u not subtracted", "w multiplies the difference ε_c − ε_u", lambda q: q.u + q.w * q.c)
wrong("ε_u not added", "the way starts at ε_u", lambda q: q.w * (q.c - q.u))
wrong("ε_u forgotten", "y = ε_u + w·(ε_c − ε_u): ε_u counts 1 − w times", lambda q: q.w * q.c)
rare("w forgotten", "the difference is multiplied by w", lambda q: q.c)
rare("difference alone", "it is multiplied by w and added to ε_u", lambda q: q.c - q.u)
rare("bracket forgotten", "w multiplies the difference, and ε_u is added", lambda q: q.w * q.c - q.u)
rare("mean of both", "with w above 1, guidance goes beyond ε_c", lambda q: (q.u + q.c) / 2)
