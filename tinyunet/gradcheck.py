"""Check a backward against the definition of the derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyunet.tensor import Tensor


def gradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-6,
    rng: Any = 0,
) -> bool:
    """Compare every element of every gradient with a central difference.

    For a random vector r, L(x) = Σ r·f(x) is one number whose gradient uses the whole derivative of f (with r = 1
    errors that cancel in a sum would go unseen), and

        ∂L/∂xᵢ ≈ (L(x + ε·eᵢ) − L(x − ε·eᵢ)) / 2ε        with an error of the order ε² + rounding/ε.

    Args:
        function: takes the inputs, returns a Tensor; deterministic, and smooth within ε of the inputs.
        inputs: Tensors of float64; those with requires_grad are checked.

    Returns:
        True.

    Raises:
        TypeError: an input to be checked that is not float64, or none to check.
        AssertionError: a gradient that differs: which input, which element, both values.

    >>> import tinyunet
    >>> x = tinyunet.tensor(np.array([0.5, -1.0, 2.0]), requires_grad=True)
    >>> gradcheck(lambda x: x.sigmoid() * x, [x])
    True
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [(k, x) for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise TypeError("gradcheck: no input has requires_grad=True, so there is nothing to check")
    for k, x in checked:
        if x.dtype != np.float64:
            raise TypeError(f"gradcheck: input {k} is {x.dtype}; differences need the precision of float64")

    leaves = list(inputs)
    for k, x in checked:
        leaves[k] = Tensor(x, requires_grad=True)
    y = function(*leaves)
    r = np.asarray(np.random.default_rng(rng).standard_normal(y.shape))
    y.backward(r)

    def loss(k: int, values: Any) -> float:
        return float(np.sum(r * function(*[*leaves[:k], Tensor(values), *leaves[k + 1 :]]).numpy()))

    for k, x in checked:
        gradient = leaves[k].grad
        backward = np.zeros(x.shape) if gradient is None else gradient.numpy()
        for index in np.ndindex(x.shape):
            step = np.zeros(x.shape)
            step[index] = eps
            central = (loss(k, x.numpy() + step) - loss(k, x.numpy() - step)) / (2 * eps)
            if not abs(backward[index] - central) <= atol + rtol * abs(central) + 1e-9 * np.abs(backward).max():
                raise AssertionError(
                    f"gradcheck: input {k}, element {index}: backward gives {backward[index]:.9g}, "
                    f"the central difference {central:.9g}"
                )
    return True
