"""What tasks have in common that answer nothing but make something new, and have no truth to each of their inputs.

Something that is held out is a real thing. Its inputs are noise x_T, new for each, and what is asked for, such as its
class. So every method turns noise into things, all at once, and what is judged is the set of them beside the set of the
real ones. Same noise, same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet.diffusion import Denoise, Diffusion, State, denoising, times
from tinyunet.tasks.task import Method, Task
from tinyunet.tensor import Array, Tensor

TOLD = "told from real"


class Generation(Task):
    """A task that makes something new by diffusion. A subclass says which `diffusion`, and how `denoise` calls it.

    Attributes:
        diffusion: schedule and kind of prediction.
        sampling: so many steps from noise.
        clip: values are from −clip to clip; None where they may be any.
    """

    errors: ClassVar[tuple[str, ...]] = (TOLD,)
    average = 0.998
    diffusion: Diffusion
    sampling: int = 50
    clip: float | None = None

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        return F.mse_loss(output, target)

    def denoise(self, model: Any, *condition: Any) -> Denoise:
        """The model as a function of x_t and t alone, for what is asked for."""
        return model

    def way(self, model: Any, noise: Array, *condition: Any) -> list[State]:
        """From noise (N, …) at time T to what becomes of it at 0, step by step."""
        steps = times(self.sampling, self.diffusion.schedule.T)
        with model.evaluating():
            return list(denoising(self.diffusion, self.denoise(model, *condition), noise, steps, clip=self.clip))

    def predict(self, model: Any, *inputs: Any) -> Array:
        """What becomes of noise (N, …), and of what is asked for."""
        return self.way(model, *inputs)[-1].x

    def answers(self, method: Method) -> Sequence[Array]:
        """All at once: the inputs of a method are those of all that is held out, each stacked."""
        return list(method(*(np.stack(each) for each in zip(*(e.inputs for e in self.held_out), strict=True))))

    def title(self, name: str, outputs: Sequence[Array]) -> str:
        """A method's name, and how often what it makes is told from what is real."""
        return f"{name}\n{self.metric(outputs)[TOLD]:.2f} told from real"

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        return {TOLD: told_apart(np.stack(outputs), np.stack([e.truth for e in self.held_out]))}


def told_apart(a: Array, b: Array) -> float:
    """How often the nearest neighbour tells of which of two sets a thing is: ½ if they are alike, 1 if never.

    Each thing (of both sets in turn) is taken out, and said to be of the set of the nearest of all others, by the sum
    of squared differences. That is the leave-one-out accuracy of the 1-NN classifier, a two-sample test (Lopez-Paz and
    Oquab 2017). Below ½, things lie nearer to the other set than to their own: one is copied from the other.

    >>> rng = np.random.default_rng(0)
    >>> told_apart(rng.normal(size=(500, 2)), rng.normal(size=(500, 2))), told_apart(np.zeros((9, 2)), np.ones((9, 2)))
    (0.483, 1.0)
    """
    both, first = np.concatenate([a, b]), np.arange(len(a) + len(b)) < len(a)
    distance = squared_distances(both, both)
    np.fill_diagonal(distance, np.inf)
    return float((first[distance.argmin(axis=1)] == first).mean())


def squared_distances(a: Array, b: Array) -> Array:
    """Σ (a − b)² of every a (N, …) and every b (M, …), as (N, M): Σa² + Σb² − 2Σab, in float64."""
    a, b = (x.reshape(len(x), -1).astype(float) for x in (a, b))
    return np.maximum((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, 0)


class Gaussian:
    """The normal distribution with mean and covariance of things (N, …): what noise becomes by linear means alone.

    >>> things = np.random.default_rng(0).normal(3, 2, (10_000, 1))
    >>> Gaussian(things)(np.array([[0.0], [1.0]])).round(1)
    array([[3.],
           [5.]])
    """

    def __init__(self, things: Array) -> None:
        rows = things.reshape(len(things), -1).astype(float)
        self.mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(rows.T).reshape(rows.shape[1], -1))
        self.root = vectors * np.sqrt(np.maximum(values, 0))  # of the covariance: root·rootᵀ

    def __call__(self, noise: Array) -> Array:
        """One for each noise (N, …)."""
        rows = self.mean + noise.reshape(len(noise), -1) @ self.root.T
        return rows.reshape(noise.shape).astype(noise.dtype)
