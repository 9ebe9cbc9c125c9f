"""Diffusion of points: how do points that lie anywhere come to lie on a spiral?

Data      points (x, y) on a spiral, a little beside it
Model     three hidden layers that see a point and its time, both as sines and cosines: v of this point
Loss      mean squared error of v, over noise and times
Metric    how often the nearest neighbour tells a point from a real one: ½ is perfect (see `generation.py`)
Baseline  the normal distribution with the mean and the covariance of the spiral

The smallest thing that shows all of diffusion, and nothing is hidden by pictures: `picture.png` shows the points on
their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyunet import nn, plot
from tinyunet.diffusion import Diffusion, cosine
from tinyunet.models.conditional import sinusoidal
from tinyunet.ops.randomness import generator
from tinyunet.tasks.generation import TOLD, Gaussian, Generation
from tinyunet.tasks.task import UNET, Batch, Example, Method
from tinyunet.tensor import Array, Tensor

TIMES = 1000, 800, 600, 400, 200, 0


class Mover(nn.Module):
    """(N, 2) and times (N,) → (N, 2): hidden layers that see the point and its time.

    Each coordinate comes as waves, cos(f·x) and sin(f·x) for f = 1, 2, 4, 8, 16: with x alone, what changes over short
    distances is learnt late (Tancik et al. 2020).
    """

    def __init__(self, hidden: int, rng: Any = None) -> None:
        rng = generator(rng)
        self.width, self.frequencies = 32, 2.0 ** np.arange(5)
        seen = 4 * len(self.frequencies) + self.width
        self.layers = nn.Sequential(
            nn.Linear(seen, hidden, rng=rng), nn.SiLU(),
            nn.Linear(hidden, hidden, rng=rng), nn.SiLU(),
            nn.Linear(hidden, hidden, rng=rng), nn.SiLU(),
            nn.Linear(hidden, 2, rng=rng),
        )  # fmt: skip

    def forward(self, x: Any, t: Any) -> Tensor:
        angle = (np.asarray(x)[:, :, None] * self.frequencies).reshape(len(x), -1)  # (N, 2·5)
        seen = np.concatenate([np.cos(angle), np.sin(angle), sinusoidal(t, self.width)], axis=1)
        return self.layers(seen.astype(x.dtype))


class Points(Generation):
    """Points on a spiral, out of noise."""

    name = "points"
    shows = "diffusion of points: a cloud becomes a spiral, step by step"
    no_apply = "it moves points and no pictures"
    reads, takes = "{:.2f} told apart", "20 seconds"
    steps, fast_steps, n, lr = 3000, 1000, 256, 4e-3
    diffusion = Diffusion(cosine())

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        rng = np.random.default_rng(1000)
        n = 200 if fast else 1000
        noise, truth = rng.standard_normal((n, 2), np.float32), spiral(n, rng)
        self.held_out = [Example(TOLD, (x,), y) for x, y in zip(noise, truth, strict=True)]

    def model(self, rng: np.random.Generator) -> Mover:
        return Mover(64 if self.fast else 128, rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        x, t, target = self.diffusion.examples(spiral(n, rng), rng)
        return (x, t), target, None

    def baselines(self) -> dict[str, Method]:
        return {"Gaussian": Gaussian(spiral(10_000, np.random.default_rng(2000)))}

    def figures(self, model: Any, outputs: Mapping[str, Sequence[Array]]) -> dict[str, Any]:
        """The points on their way, beside those of the baseline and the real ones."""
        noise, truth = (np.stack(of) for of in zip(*((e.inputs[0], e.truth) for e in self.held_out), strict=True))
        way = {f"t = {state.t}": state.x for state in self.way(model, noise) if state.t in TIMES}
        others = {self.title(name, of): np.stack(of) for name, of in outputs.items() if name != UNET}
        *before, last = way.items()
        ours = {f"t = 0: {self.title('network', list(last[1]))}": last[1]}
        return {"picture": plot.points({**dict(before), **ours, **others, "real": truth})}


def spiral(n: int, rng: np.random.Generator) -> Array:
    """Points (n, 2), float32, about as large as noise, on a spiral of one turn and three quarters."""
    turn = np.sqrt(rng.uniform(0.05, 1, n))  # so that they lie as close to each other further out
    angle = 3.5 * np.pi * turn
    points = 1.7 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (points + 0.05 * rng.standard_normal((n, 2))).astype(np.float32)
