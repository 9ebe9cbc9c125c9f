"""What a network predicts of x_t = α·x₀ + σ·ε, and how each prediction becomes every other.

Every kind of prediction is a mixture y = a·x₀ + b·ε of picture and noise:

    eps     y = ε             (a, b) = (0, 1)      Ho et al. (2020): which noise came in?
    x0      y = x₀            (a, b) = (1, 0)      which picture was it?
    v       y = α·ε − σ·x₀    (a, b) = (−σ, α)     Salimans and Ho (2022): ε where there is little noise, −x₀ where much
    flow    y = ε − x₀        (a, b) = (−1, 1)     Liu et al. (2022): dx_t/dt of the straight schedule, times T

So x_t and y are two linear equations for x₀ and ε. With the determinant D = b·α − a·σ, Cramer's rule solves them:

    x₀ = (b·x_t − σ·y)/D        ε = (α·y − a·x_t)/D

D is α, −σ, α² + σ² and α + σ. Where α is nearly 0, `eps` says next to nothing of x₀, and where σ is, `x0` nothing of ε;
v and flow are never near 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.diffusion.schedule import Schedule, noise_like
from tinyunet.tensor import Array, Tensor

KINDS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {  # (a, b) for α and σ
    "eps": lambda alpha, sigma: (0, 1),
    "x0": lambda alpha, sigma: (1, 0),
    "v": lambda alpha, sigma: (-sigma, alpha),
    "flow": lambda alpha, sigma: (-1, 1),
}


@dataclass(frozen=True)
class Diffusion:
    """A schedule, and the kind of prediction that the network makes: `eps`, `x0`, `v` or `flow`.

    Raises:
        ValueError: another kind; `eps` where α_T = 0.

    >>> from tinyunet.diffusion import cosine
    >>> diffusion = Diffusion(cosine())
    >>> rng = np.random.default_rng(0)
    >>> x0 = np.ones((2, 1, 8, 8), np.float32)
    >>> x, t, target = diffusion.examples(x0, rng)
    >>> np.allclose(diffusion.parts(target, x, t)[0], x0, atol=1e-5)
    True
    """

    schedule: Schedule
    predicts: str = "v"

    def __post_init__(self) -> None:
        if self.predicts not in KINDS:
            raise ValueError(f"Diffusion: a network predicts {', '.join(KINDS)}, not {self.predicts!r}")
        if self.predicts == "eps" and not self.schedule.alpha[-1]:
            raise ValueError(
                "Diffusion: at the end of this schedule α = 0, where ε says nothing of x₀; predict v or flow"
            )

    def target(self, x0: Array, eps: Array, t: Any) -> Array:
        """What the network should answer at times t: y = a·x₀ + b·ε."""
        a, b = KINDS[self.predicts](*self.schedule.at(t, x0))
        return a * x0 + b * eps

    def parts(self, y: Array, x: Array, t: Any) -> tuple[Array, Array]:
        """x₀ and ε, by the network's answer y to x_t; t ≥ 1."""
        alpha, sigma = self.schedule.at(t, x)
        a, b = KINDS[self.predicts](alpha, sigma)
        D = b * alpha - a * sigma
        return (b * x - sigma * y) / D, (alpha * y - a * x) / D

    def examples(self, x0: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """To learn from: x_t, t and target for pictures x₀ (N, …) in random order, with noise and times drawn here."""
        t = self.times(len(x0), rng)
        eps = noise_like(x0, rng)
        return self.schedule.add_noise(x0, t, eps), t, self.target(x0, eps, t)

    def times(self, N: int, rng: np.random.Generator) -> Array:
        """Times (N,) to learn from: one in each N-th of 1 … T.

        Each is as likely as if they were drawn one by one, and the loss of a batch depends less on luck (Kingma et al.
        2021, appendix I.1).
        """
        return 1 + ((np.arange(N) + rng.random()) / N * self.schedule.T).astype(int)

    def loss(self, model: Any, x0: Array, rng: np.random.Generator, *condition: Any) -> Tensor:
        """mean (model(x_t, t, …) − y)², over noise and times: the "simple" loss of Ho et al. (2020), equation 14.

        The best answer is the mean of all y that may be behind x_t. Errors of the kinds differ by a factor that depends
        on t alone: by x₀, the loss of ε is SNR = α²/σ² times that of x₀, and that of v is SNR + 1 times (for α² + σ² =
        1). So the kind decides which times count.
        """
        x, t, target = self.examples(x0, rng)
        return F.mse_loss(model(x, t, *condition), target)
