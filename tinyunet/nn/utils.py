"""What is done to the gradients of a network before the optimizer sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinyunet.ops.sums import row_dots
from tinyunet.tensor import Tensor


@np.errstate(all="ignore")  # a norm may be inf: a value, no warning, as everywhere
def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients together so that the norm of all their elements is at most `max_norm` (Pascanu et al. 2013).

    Returns:
        The norm before, a Tensor of one number.

    Raises:
        ValueError: max_norm below 0.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> (w * Tensor([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad.numpy().round(3)
    array([0.6, 0.8], dtype=float32)
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be at least 0, not {max_norm}")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    params = [p for p in parameters if p.grad is not None]
    gradients = [p.grad.numpy().reshape(1, -1) for p in params if p.grad is not None]
    norm = math.sqrt(sum(float(row_dots(dw, dw).sum()) for dw in gradients))
    scale = max_norm / (norm + 1e-6)  # PyTorch's 1e-6 keeps a norm of 0 from dividing
    if not scale >= 1:  # also where it is nan: the gradients then show it, as in PyTorch
        for p in params:
            if p.grad is not None:
                p.grad = Tensor(p.grad.numpy() * scale)
    return Tensor(norm, dtype=np.result_type(np.float32, *(p.dtype for p in params)))
