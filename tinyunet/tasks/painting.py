"""What the two tasks have in common that draw pictures of things by diffusion, from words."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet.data.things import SIDE
from tinyunet.tasks.generation import Generation
from tinyunet.tasks.painter import STEPS, as_picture
from tinyunet.tensor import Array, Tensor

AT_ONCE = 40  # pictures that are made together


class Painting(Generation):
    """Pictures out of noise and words. Values are from −1 to 1."""

    no_images = "it learns from pictures of which it is known what they show"
    reads = "{:.2f} right"
    betas, warmup, muon = (0.9, 0.99), 100, True
    errors: ClassVar[tuple[str, ...]] = ()
    sampling, clip = STEPS, 1.0
    shown = 0, 1
    shape: ClassVar[tuple[int, ...]] = (3, SIDE, SIDE)  # of the noise

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        """The mean squared error of x₀, by weights (N,)."""
        return F.mse_loss(
            output, target, weight=np.broadcast_to(np.reshape(np.asarray(weight), (-1, 1, 1, 1)), target.shape)
        )

    def decoded(self, model: Any, x: Array) -> Array:
        """The picture of what the noise has become, values from −1 to 1."""
        return x

    def predict(self, model: Any, *inputs: Array) -> Array:
        """Pictures of noise (N, …) and of what is asked for, (N, …) each."""
        parts = zip(*(np.split(x, range(AT_ONCE, len(x), AT_ONCE)) for x in inputs), strict=True)
        return np.concatenate([self.decoded(model, super(Painting, self).predict(model, *part)) for part in parts])

    def view(self, array: Array) -> Array:
        return as_picture(array)
