"""How noise comes in: x_t = α_t·x₀ + σ_t·ε, from the picture (t = 0) to noise alone (t = T).

Ho, Jain and Abbeel (2020) add a little noise in each of T steps:

    x_t = √(1 − β_t)·x_{t−1} + √β_t·z,    z ~ N(0, I)

Two steps are one: the noises of both are independent Gaussians, so their variances add up,

    x_t = √((1 − β_t)(1 − β_{t−1}))·x_{t−2} + √((1 − β_t)·β_{t−1} + β_t)·z

and (1 − β_t)·β_{t−1} + β_t = 1 − (1 − β_t)(1 − β_{t−1}). With ᾱ_t = Π (1 − β_i) over i = 1 … t, all steps are one:

    q(x_t | x₀) = N(√ᾱ_t·x₀, (1 − ᾱ_t)·I)        so  α_t = √ᾱ_t,  σ_t = √(1 − ᾱ_t)

That is all that learning and sampling know of the steps. So a schedule is kept as α and σ, and what is no product of
such steps fits as well: rectified flow goes straight from picture to noise, α = 1 − t/T and σ = t/T.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.tensor import Array


@dataclass(frozen=True)
class Schedule:
    """α and σ of every time t = 0 … T, (T + 1,) each; α₀ = 1, σ₀ = 0.

    Attributes:
        power: α^power + σ^power = 1 at every time: 2 where variance is kept, 1 on the straight line.

    >>> cosine(4).sigma.round(2)
    array([0.  , 0.39, 0.71, 0.93, 1.  ])
    """

    alpha: Array
    sigma: Array
    power: int = 2

    @property
    def T(self) -> int:
        """The time at which nothing but noise is left."""
        return len(self.alpha) - 1

    def at(self, t: Any, x: Array) -> tuple[Array, Array]:
        """α_t and σ_t in the dtype of x; for times (N,) shaped (N, 1, …), so that they multiply an x (N, …).

        Raises:
            TypeError: times that are no integers.
            ValueError: times outside 0 … T, or not one for all or one for each of x.
        """
        t = np.asarray(t)
        if t.dtype.kind not in "iu":
            raise TypeError(f"times are whole numbers from 0 to {self.T}, not {t.dtype}")
        if t.ndim and t.shape != x.shape[:1]:
            raise ValueError(f"times of shape {t.shape} for an x of shape {x.shape}: one for all, or {x.shape[:1]}")
        if t.size and not 0 <= t.min() <= t.max() <= self.T:
            raise ValueError(f"times are whole numbers from 0 to {self.T}, not from {t.min()} to {t.max()}")
        shape = (-1, *[1] * (x.ndim - 1)) if t.ndim else ()
        alpha, sigma = (of[t].astype(x.dtype).reshape(shape) for of in (self.alpha, self.sigma))
        return alpha, sigma

    def add_noise(self, x0: Array, t: Any, noise: Array) -> Array:
        """A draw from q(x_t | x₀): α_t·x₀ + σ_t·noise."""
        alpha, sigma = self.at(t, x0)
        return alpha * x0 + sigma * noise

    def add_more_noise(self, x: Array, s: Any, t: Any, noise: Array) -> Array:
        """A draw from q(x_t | x_s) of a later time t ≥ s.

        The mean is x_s·α_t/α_s, so that the mean of x_t becomes α_t·x₀. Of its variance σ_t², σ_s²·(α_t/α_s)² is in
        x_s already; the rest comes in now.
        """
        ratio, variance = self._between(s, t, x)
        return ratio * x + np.sqrt(variance) * noise

    def posterior(self, x0: Array, x: Array, t: Any, s: Any) -> tuple[Array, Array]:
        """Mean and variance of q(x_s | x_t, x₀), s < t: where x_t was before, if we knew what it comes from.

        Two Gaussians say something of x_s. From x₀ comes x_s ~ N(α_s·x₀, σ_s²); and with r = α_t/α_s and the variance
        v = σ_t² − r²·σ_s² that came in since, x_t ~ N(r·x_s, v), so x_s is at x_t/r up to the variance v/r². Their
        product is a Gaussian again. Precisions (1/variance) add up, and means count by their precision:

            1/variance = 1/σ_s² + r²/v = (v + r²·σ_s²)/(σ_s²·v) = σ_t²/(σ_s²·v)
            mean = variance·(α_s·x₀/σ_s² + r·x_t/v) = (v·α_s·x₀ + σ_s²·r·x_t)/σ_t²

        For s = t − 1 that is equations 6 and 7 of Ho et al. (2020), with v = β_t; for any s, Kingma et al. (2021),
        appendix A.2.
        """
        ratio, variance = self._between(s, t, x)
        alpha_s, sigma_s = self.at(s, x)
        _, sigma_t = self.at(t, x)
        mean = (variance * alpha_s * x0 + sigma_s**2 * ratio * x) / sigma_t**2
        return mean, sigma_s**2 * variance / sigma_t**2

    def _between(self, s: Any, t: Any, x: Array) -> tuple[Array, Array]:
        """r = α_t/α_s, and the variance σ_t² − r²·σ_s² that comes in from s to t."""
        wide = np.empty(x.shape[:1] + (1,) * (x.ndim - 1))  # float64: the difference would lose half of its digits
        (alpha_s, sigma_s), (alpha_t, sigma_t) = self.at(s, wide), self.at(t, wide)
        ratio = alpha_t / alpha_s
        variance = np.maximum(sigma_t**2 - (ratio * sigma_s) ** 2, 0)
        return ratio.astype(x.dtype), variance.astype(x.dtype)

    def shifted(self, factor: float) -> Schedule:
        """The same with σ_t/α_t times `factor`: more noise at every time, for larger pictures.

        In a picture twice as high and wide, four pixels show what one did. Their mean has half the noise, so at the
        same time more is to be seen. Twice the σ/α, factor = 2, makes up for it. For size d in place of 64 it is d/64,
        which shifts log SNR = log(α²/σ²) by 2·log(64/d) (Hoogeboom, Heek and Salimans 2023, section 3.1).

        >>> cosine(2).shifted(2).sigma.round(3)                           # in the middle σ/α = 2, so σ = 2/√5 but for s
        array([0.   , 0.897, 1.   ])
        """
        if not factor > 0:
            raise ValueError(f"shifted: the factor must be positive, not {factor}")
        sigma = factor * self.sigma
        size = (self.alpha**self.power + sigma**self.power) ** (1 / self.power)
        return Schedule(self.alpha / size, sigma / size, self.power)


def noise_like(x: Array, rng: np.random.Generator) -> Array:
    """ε ~ N(0, I) in the shape and dtype of x, float32 or float64."""
    return np.asarray(rng.standard_normal(x.shape, x.dtype))


def from_betas(beta: Any) -> Schedule:
    """The schedule of steps with these β₁ … β_T: α_t = √ᾱ_t, ᾱ_t = Π (1 − β_i).

    1 − ᾱ_t is worked out from the logarithm of ᾱ_t, where it is small: then 1 − ᾱ_t loses no digits.

    Raises:
        ValueError: a β outside of (0, 1).

    >>> from_betas([0.1, 0.2]).alpha ** 2
    array([1.  , 0.9 , 0.72])
    """
    beta = np.asarray(beta, float)
    if beta.ndim != 1 or not beta.size or not 0 < beta.min() <= beta.max() < 1:
        raise ValueError("from_betas: the variances β of the steps must be a row of numbers between 0 and 1")
    log = np.concatenate([[0.0], np.cumsum(np.log1p(-beta))])  # of ᾱ
    return Schedule(np.exp(log / 2), np.sqrt(np.abs(np.expm1(log))))


def linear(T: int = 1000) -> Schedule:
    """β from 10⁻⁴ to 0.02 in even steps, for T = 1000 (Ho et al. 2020, section 4); for another T so that ᾱ_T is alike.

    >>> round(float(linear().alpha[-1] ** 2), 7)                          # of the picture's variance, what is left
    4.04e-05
    """
    return from_betas(np.minimum(np.linspace(1e-4, 0.02, T) * 1000 / T, 0.999))


def cosine(T: int = 1000) -> Schedule:
    """ᾱ_t = f(t)/f(0), f(t) = cos²(π/2·(t/T + s)/(1 + s)), s = 0.008 (Nichol and Dhariwal 2021, equation 17).

    Linear β destroy small pictures early: for most of the time there is next to nothing left to learn from. Here the
    picture goes evenly. No β is above 0.999, so that α_T is not 0.
    """
    f = np.cos(np.pi / 2 * (np.arange(T + 1) / T + 0.008) / 1.008) ** 2
    return from_betas(np.minimum(1 - f[1:] / f[:-1], 0.999))


def straight(T: int = 1000) -> Schedule:
    """α = 1 − t/T, σ = t/T: rectified flow (Liu, Gong and Liu 2022; flow matching, Lipman et al. 2022).

    >>> straight(2).shifted(3).sigma                                      # as Esser et al. 2024, equation 23, shift it
    array([0.  , 0.75, 1.  ])
    """
    sigma = np.arange(T + 1) / T
    return Schedule(1 - sigma, sigma, power=1)
