"""Muon: steps of matrices, for layers whose rare directions are to be learnt as fast as the common ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.optim.optimizer import AdamW, Optimizer
from tinyunet.tensor import Array, Tensor


class Muon(AdamW):
    """Muon: a step that changes a matrix by as much in every direction (Jordan et al. 2024).

    A layer of weights W (O, I) answers W·x. A gradient of it is often nearly of low rank: a few directions of x, which
    all examples have in common, make up most of it, and what is rare waits. So Muon keeps the directions of the running
    mean of the gradient and makes all of them as long. With the singular value decomposition U·S·Vᵀ,

        m ← μ·m + (1 − μ)·g                Nesterov: g ← (1 − μ)·g + μ·m, else g ← m
        w ← w − lr·weight_decay·w − lr·s·U·Vᵀ      U·S·Vᵀ = g

    with a factor s for the shape of the matrix (`adjust_lr_fn`): √max(1, O/I); or "match_rms_adamw", 0.2·√max(O, I),
    which makes the root mean square of a step 0.2·lr, about that of Adam, so that learning rates for Adam fit.

    U·Vᵀ is found without the decomposition. X ← a·X + b·(X·Xᵀ)·X + c·(X·Xᵀ)²·X changes the singular values alone, each
    by the polynomial a·σ + b·σ³ + c·σ⁵. After X = g/‖g‖, which has none above 1, `ns_steps` of it bring them to about 1
    (0.68 to 1.2 by these coefficients, which are chosen to be fast), except those that were next to 0.

    Kernels of convolutions (O, C, kh, kw) are matrices (O, C·kh·kw). What is no matrix, such as a bias, moves as by
    AdamW, with `betas` (PyTorch's Muon refuses both; that needs a second optimizer there).

    >>> w = Tensor([[0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    >>> (w * Tensor([[100.0, 0.0], [0.0, 1.0]])).sum().backward()
    >>> Muon([w], lr=0.1, ns_steps=20).step()
    >>> w.numpy().round(1)                                                  # as far in the rare direction
    array([[-0.1,  0. ],
           [ 0. , -0.1]], dtype=float32)
    """

    whole = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        Optimizer.__init__(
            self,
            params,
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_coefficients=ns_coefficients,
            eps=eps,
            ns_steps=ns_steps,
            adjust_lr_fn=adjust_lr_fn or "original",
            betas=betas,
        )

    def check(self, lr: float, **settings: Any) -> None:
        super().check(lr, **settings)
        momentum, steps, name = settings["momentum"], settings["ns_steps"], settings["adjust_lr_fn"]
        if not 0 <= momentum < 1 or not 0 < steps < 100 or len(settings["ns_coefficients"]) != 3:
            raise ValueError(
                f"Muon: momentum={momentum} must be in [0, 1), ns_steps={steps} from 1 to 99, and there are three "
                "coefficients"
            )
        if name not in _SIZES:
            raise ValueError(f"Muon: adjust_lr_fn is one of {', '.join(_SIZES)}, not {name!r}")

    def update(self, group: Mapping[str, Any], t: int, w: Array, dw: Array, *state: Array) -> Array:
        if w.ndim == 1:
            return super().update(group, t, w, dw, *state)
        m, mu, lr = state[0], group["momentum"], group["lr"]
        m *= mu
        m += (1 - mu) * dw
        g = (1 - mu) * dw + mu * m if group["nesterov"] else m
        matrix = g.reshape(len(g), -1)  # (O, C·kh·kw)
        size = lr * _SIZES[group["adjust_lr_fn"]](*matrix.shape)
        step = orthogonal(matrix, group["ns_steps"], group["ns_coefficients"], group["eps"]).reshape(w.shape)
        return w * (1 - lr * group["weight_decay"]) - size * step


_SIZES = {
    "original": lambda O, I: math.sqrt(max(1, O / I)),
    "match_rms_adamw": lambda O, I: 0.2 * math.sqrt(max(O, I)),
}


def orthogonal(matrix: Array, steps: int, coefficients: Iterable[float], eps: float) -> Array:
    """About U·Vᵀ of a matrix U·S·Vᵀ, (O, I) → (O, I), by `steps` of Newton and Schulz with a polynomial: see `Muon`.

    >>> orthogonal(np.diag([3.0, 0.5]), 30, (1.875, -1.25, 0.375), 1e-7).round(3)
    array([[1., 0.],
           [0., 1.]])
    """
    a, b, c = coefficients
    if len(matrix) > matrix.shape[1]:
        return orthogonal(matrix.T, steps, coefficients, eps).T  # X·Xᵀ is the smaller one then
    x = matrix / max(float(np.linalg.norm(matrix)), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x
