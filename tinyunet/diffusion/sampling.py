"""How pictures come out of noise: step by step to where a network believes that x_t was before.

At time t the network's answer is taken apart into x̂₀ and ε̂ (see `prediction.py`). If both were right, x_s of any
earlier time were α_s·x̂₀ + σ_s·ε̂. That is a DDIM step (Song, Meng and Ermon 2020). It may skip times; the fewer steps,
the rougher. On the straight schedule it is a step of Euler's method: with y = ε̂ − x̂₀ and times from 0 to 1, it is
x_s = (1 − s)·(x_t − t·y) + s·(x_t + (1 − t)·y) = x_t + (s − t)·y, so flow matching needs no sampler of its own.

A part of ε̂ may be replaced by new noise of the same variance: x_s has the same distribution then. With η = 1 this is
exactly a draw from the posterior q(x_s | x_t, x̂₀), a step of DDPM (Ho et al. 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tinyunet.diffusion.prediction import Diffusion
from tinyunet.diffusion.schedule import noise_like
from tinyunet.grad_mode import no_grad
from tinyunet.tensor import Array

Denoise = Callable[[Array, Array], Any]  # a network's answer to x_t and times (N,), an array or a Tensor
Keep = Callable[[Array, int], Array]  # x_t and t to x_t, in which something is put right


class State(NamedTuple):
    """Where a sample is: its time, x_t, and the picture x̂₀ that the network saw behind it (x_t itself at first)."""

    t: int
    x: Array
    x0: Array


def times(steps: int, start: int) -> list[int]:
    """`steps` steps from the time `start` to 0, as even as whole numbers can be.

    Raises:
        ValueError: fewer than one step, or more than there are times.

    >>> times(4, 1000)
    [1000, 750, 500, 250, 0]
    """
    if not 1 <= steps <= start:
        raise ValueError(f"times: from {start} to 0 there are 1 to {start} steps, not {steps}")
    return [round(start * k / steps) for k in range(steps, -1, -1)]


def back_and_forth(times: Sequence[int], again: int) -> list[int]:
    """The same times with every step made `again` times: back to where it began, and down once more.

    So what is painted gets the chance to fit to what was kept (RePaint, Lugmayr et al. 2022, with jumps of one step).

    >>> back_and_forth([1000, 500, 0], 2)
    [1000, 500, 1000, 500, 0, 500, 0]
    """
    walk = [times[0]]
    for t, s in pairwise(times):
        walk += [s, *[t, s] * (again - 1)]
    return walk


def ddim_step(
    diffusion: Diffusion, x: Array, t: int, s: int, x0: Array, rng: np.random.Generator | None = None, eta: float = 0.0
) -> Array:
    """From x_t to x_s, s < t, by x̂₀: α_s·x̂₀ + √(σ_s² − u²)·ε̂ + u·z, u² = η²·(variance of the posterior).

    That is equation 12 of Song et al. (2020), with their σ = u. At s = 0 there is no noise, and x_s = x̂₀.

    Args:
        eta: η, from 0 (no new noise) to 1 (DDPM).
    """
    schedule = diffusion.schedule
    (alpha, sigma), (alpha_s, sigma_s) = schedule.at(t, x), schedule.at(s, x)
    eps = (x - alpha * x0) / sigma
    if not eta or not s:
        return alpha_s * x0 + sigma_s * eps
    if rng is None:
        raise TypeError(f"ddim_step: with eta={eta} new noise is drawn, from a Generator `rng`")
    u = eta * np.sqrt(schedule.posterior(x0, x, t, s)[1])
    return alpha_s * x0 + np.sqrt(np.maximum(sigma_s**2 - u**2, 0)) * eps + u * noise_like(x, rng)


def ddpm_step(diffusion: Diffusion, x: Array, t: int, s: int, x0: Array, rng: np.random.Generator) -> Array:
    """From x_t to x_s, s < t: a draw from the posterior q(x_s | x_t, x̂₀). `ddim_step` with η = 1 is the same."""
    mean, variance = diffusion.schedule.posterior(x0, x, t, s)
    return mean + np.sqrt(variance) * noise_like(x, rng)  # no noise in the last step, whose variance is 0


def denoising(
    diffusion: Diffusion,
    denoise: Denoise,
    x: Array,
    walk: Sequence[int],
    rng: np.random.Generator | None = None,
    eta: float = 0.0,
    clip: float | None = None,
    keep: Keep | None = None,
) -> Iterator[State]:
    """The states along the times of `walk`, such as `times(50, diffusion.schedule.T)`, from x_t at the first.

    Where `walk` goes up, noise is added; where it goes down, a `ddim_step` is made.

    Args:
        x: where it begins: noise (N, …) at time T; or a picture with noise added, `add_noise(picture, t, noise)`, to
            change it and keep its rough shape (SDEdit, Meng et al. 2021).
        rng: what new noise is drawn from.
        clip: values of pictures are from −clip to clip, so x̂₀ is kept within.
        keep: what to put right after every step, such as `keeping(…)`.
    """
    yield State(walk[0], x, x)
    for t, s in pairwise(walk):
        if s > t:
            if rng is None:
                raise TypeError(f"denoising: from {t} to {s} noise is added, from a Generator `rng`")
            x = diffusion.schedule.add_more_noise(x, t, s, noise_like(x, rng))
        else:
            with no_grad():
                y = np.asarray(denoise(x, np.full(len(x), t)))
            x0, _ = diffusion.parts(y, x, t)
            x0 = x0 if clip is None else np.clip(x0, -clip, clip)
            x = ddim_step(diffusion, x, t, s, x0, rng, eta)
        x = x if keep is None else keep(x, s)
        yield State(s, x, x0 if s < t else x)


def sample(
    diffusion: Diffusion,
    denoise: Denoise,
    shape: Sequence[int],
    rng: np.random.Generator,
    steps: int = 50,
    eta: float = 0.0,
    clip: float | None = None,
    keep: Keep | None = None,
) -> Array:
    """New pictures of the shape (N, …), float32, from noise: the last of the states of `denoising`.

    >>> from tinyunet.diffusion import cosine
    >>> to_one = lambda x, t: np.ones_like(x)                             # a network that has seen one picture only
    >>> sample(Diffusion(cosine(), "x0"), to_one, (1, 2, 2), np.random.default_rng(0))
    array([[[1., 1.],
            [1., 1.]]], dtype=float32)
    """
    x, T = rng.standard_normal(tuple(shape), np.float32), diffusion.schedule.T
    *_, last = denoising(diffusion, denoise, x, times(steps, T), rng, eta, clip, keep)
    return last.x


def edited(
    diffusion: Diffusion,
    denoise: Denoise,
    picture: Array,
    start: int,
    rng: np.random.Generator,
    steps: int = 50,
    **settings: Any,
) -> Array:
    """Pictures (N, …) with noise up to the time `start`, denoised again: SDEdit (Meng et al. 2021).

    The later `start`, the less is left of the picture, and the better the result fits what the network has learnt.
    """
    x = diffusion.schedule.add_noise(picture, start, noise_like(picture, rng))
    *_, last = denoising(diffusion, denoise, x, times(steps, start), rng, **settings)
    return last.x


def keeping(diffusion: Diffusion, picture: Array, mask: Array, rng: np.random.Generator) -> Keep:
    """For `keep`: paint where `mask` is 1, and keep the picture where it is 0 (Lugmayr et al. 2022, equation 8).

    At time t what is kept is the picture with noise of time t, so that both sides are as noisy; at t = 0 the picture.
    """

    def keep(x: Array, t: int) -> Array:
        known = diffusion.schedule.add_noise(picture, t, noise_like(picture, rng))
        return np.where(mask, x, known)

    return keep
