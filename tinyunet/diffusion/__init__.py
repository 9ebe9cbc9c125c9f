"""Diffusion: add noise to pictures, learn to take it away, and pictures come out of noise.

    schedule.py      how noise comes in, and what is known of x_s when x_t and x₀ are
    prediction.py    what a network predicts, how each prediction becomes every other, the loss
    sampling.py      DDIM, DDPM and flow matching; editing and painting with the same network
    guidance.py      more of what is asked for

>>> import numpy as np
>>> from tinyunet.diffusion import Diffusion, cosine, sample
>>> diffusion = Diffusion(cosine(), predicts="v")
>>> def model(x, t):
...     return 0 * x
>>> sample(diffusion, model, (2, 1, 8, 8), np.random.default_rng(0), steps=10).shape
(2, 1, 8, 8)
"""

from tinyunet.diffusion.guidance import dropped, guided
from tinyunet.diffusion.prediction import KINDS, Diffusion
from tinyunet.diffusion.sampling import (
    Denoise,
    Keep,
    State,
    back_and_forth,
    ddim_step,
    ddpm_step,
    denoising,
    edited,
    keeping,
    sample,
    times,
)
from tinyunet.diffusion.schedule import Schedule, cosine, from_betas, linear, straight

__all__ = [
    "KINDS",
    "Denoise",
    "Diffusion",
    "Keep",
    "Schedule",
    "State",
    "back_and_forth",
    "cosine",
    "ddim_step",
    "ddpm_step",
    "denoising",
    "dropped",
    "edited",
    "from_betas",
    "guided",
    "keeping",
    "linear",
    "sample",
    "straight",
    "times",
]
