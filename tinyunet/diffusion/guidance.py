"""Classifier-free guidance (Ho and Salimans 2022): one network with and without the condition, and further.

A condition c makes x more likely by p(c | x) ∝ p(x | c)/p(x). To draw pictures for which c is even more certain, from
p(x)·p(c | x)^w, the gradient of the logarithm, which is what a network's ε stands for (ε ≈ −σ·∇ log p), becomes
∇ log p(x) + w·(∇ log p(x | c) − ∇ log p(x)). So

    y = y(∅) + w·(y(c) − y(∅))

with w = 0 for no condition, w = 1 for the condition as it was learnt, and w > 1 for more of it. Ho and Salimans write
(1 + w)·y(c) − w·y(∅): their w is ours less 1; ours is that of Imagen and Stable Diffusion. The weights of y(∅) and y(c)
add up to 1, and x₀, ε, v and flow are affine in each other at any x_t, so that it is one and the same for all of them.

For y(∅) the network must have seen examples without their condition: `dropped`. A condition is an array of integers,
(N,) classes or (N, L) words; 0 stands for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.diffusion.sampling import Denoise
from tinyunet.tensor import Array


def dropped(condition: Array, rng: np.random.Generator, p: float = 0.1) -> Array:
    """Conditions (N, …), each with probability p replaced by nothing, to learn from.

    >>> dropped(np.array([[1, 2], [3, 4]]), np.random.default_rng(0), p=0.3)
    array([[1, 2],
           [0, 0]])
    """
    nothing = rng.random(len(condition)) < p
    return np.where(nothing.reshape(-1, *[1] * (condition.ndim - 1)), 0, condition)


def guided(model: Any, condition: Array, w: float = 1.0) -> Denoise:
    """For `sample`: the answers of model(x, t, condition), by the formula above. Both are worked out in one batch.

    >>> def model(x, t, c):
    ...     return x * c
    >>> guided(model, np.array([2.0]), w=3)(np.array([5.0]), np.array([1]))     # 0 + 3·(10 − 0)
    array([30.])
    """
    condition = np.asarray(condition)
    nothing = np.zeros_like(condition)

    def denoise(x: Array, t: Array) -> Any:
        if w in (0, 1):
            return model(x, t, condition if w else nothing)
        both = model(np.concatenate([x, x]), np.concatenate([t, t]), np.concatenate([nothing, condition]))
        without, given = np.split(np.asarray(both), 2)
        return without + w * (given - without)

    return denoise
