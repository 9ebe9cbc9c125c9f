"""The levels of diffusion; see `levels.py`."""

from __future__ import annotations

import numpy as np

from tinyunet.byhand.worksheets.kinds import Kind, Level, gradient, multiples, shares, signed

BARS = "Times are counted from 0, and alpha_bar[0] = 1 belongs to the picture without noise"
ROOTS = "√0.64 = 0.8, √0.36 = 0.6".replace(" = ", "\u00a0=\u00a0")
BEHIND = "x̂_0 = (x − √(1 − ᾱ_t)·ε) / √ᾱ_t"
GUIDED = "y = ε_u + w·(ε_c − ε_u), with the unconditional prediction ε_u and the conditional one ε_c"
FALLING = np.array([1, 0.9, 0.64, 0.5, 0.36])  # those that are asked for have short roots

DIFFUSION: dict[str, tuple[Level, ...]] = {
    "alpha_bar": (
        Level("a product: what all steps leave of the picture", "α in place of ᾱ", "β in place of 1 − β").asks(
            "A step with the variance β leaves 1 − β of what was there; ᾱ_t is the product over the steps 1 … t, and "
            "ᾱ_0 = 1.",
            Kind(beta=shares(2)),
            Kind("y", 1, beta=shares(4)),
            Kind(beta=shares(3)),
            Kind("y", 2, beta=shares(4)),
        ),
    ),
    "add_noise": (
        Level("roots: picture and noise have shares of the variance", "square root forgotten", "noise not scaled").asks(
            f"x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε. {BARS}. {ROOTS}.",
            Kind(x=signed(4), t=2, noise=gradient(4), alpha_bar=FALLING),
            Kind("y", 2, x=signed(2, 2), t=4, noise=gradient(2, 2), alpha_bar=FALLING),
        ),
        Level("times: ᾱ is the product over all of them", "α in place of ᾱ", "ᾱ of a neighbouring time").asks(
            f"x_t = √ᾱ_t·x_0 + √(1 − ᾱ_t)·ε. ᾱ_t is that of all steps up to t. {BARS}. {ROOTS}.",
            Kind(x=signed(3), t=4, noise=gradient(3), alpha_bar=FALLING),
            Kind("y", 2, x=signed(2, 2), t=2, noise=gradient(2, 2), alpha_bar=FALLING),
        ),
    ),
    "predict_x0": (
        Level("the noise is taken out, and the rest enlarged", "not divided", "noise added", "noise not scaled").asks(
            f"x is x_t, eps the noise ε in it. {BEHIND}. {BARS}. {ROOTS}.",
            Kind(x=signed(3), t=2, eps=gradient(3), alpha_bar=FALLING),
            Kind("y", 2, x=signed(2, 2), t=4, eps=gradient(2, 2), alpha_bar=FALLING),
        ),
    ),
    "ddim_step": (
        Level("from x_t to x̂_0, and from there to x_s", "steps exchanged", "noise not put back").asks(
            f"{BEHIND}, and then x_s = √ᾱ_s·x̂_0 + √(1 − ᾱ_s)·ε, with the same ε. {BARS}. {ROOTS}.",
            Kind("y", 2, x=multiples(3, -3, 3, 4), t=4, s=2, eps=multiples(3, -2, 2, 4), alpha_bar=FALLING),
            Kind("y", 1, x=multiples(3, -3, 3, 2, 2), t=4, s=2, eps=multiples(3, -2, 2, 2, 2), alpha_bar=FALLING),
        ),
        Level("η: new noise takes the place of old", "σ in place of σ²", "σ² not subtracted").asks(
            f"{BEHIND}, σ = η·√((1 − ᾱ_s)/(1 − ᾱ_t)·(1 − ᾱ_t/ᾱ_s)), and x_s = √ᾱ_s·x̂_0 + √(1 − ᾱ_s − σ²)·ε + σ·z. "
            f"{BARS}. {ROOTS}. Take a calculator, and round answers to two digits after the point.",
            Kind("y", 1, x=signed(3), t=4, s=2, eps=gradient(3), alpha_bar=FALLING, eta=0.5, z=gradient(3)),
            Kind("y", 1, x=signed(3), t=4, s=2, eps=gradient(3), alpha_bar=FALLING, eta=0.6, z=gradient(3)),
            rounded=True,
        ),
    ),
    "guided": (
        Level("w times the way from ε_u to ε_c", "sign reversed", "conditional and unconditional exchanged").asks(
            f"{GUIDED}.",
            Kind(unconditional=signed(4), conditional=signed(4), w=3),
            Kind("y", 2, unconditional=signed(2, 2), conditional=signed(2, 2), w=4),
        ),
        Level("w: which prediction it is that w = 0 and w = 1 give", "another convention of w").asks(
            f"{GUIDED}. So w = 0 gives ε_u, w = 1 gives ε_c, and more goes beyond it.",
            Kind(unconditional=signed(3), conditional=signed(3), w=2.5),
            Kind(unconditional=signed(3), conditional=signed(3), w=0.25),
            Kind("y", 2, unconditional=signed(2, 2), conditional=signed(2, 2), w=7.5),
        ),
    ),
}
