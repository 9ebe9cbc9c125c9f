"""Activations as layers."""

from __future__ import annotations

from typing import Any

import tinyunet.functional as F
from tinyunet.nn.module import Module
from tinyunet.tensor import Tensor


class ReLU(Module):
    """max(x, 0).

    Args:
        inplace: taken for PyTorch's sake, and changes nothing: a result is always a new array.

    >>> ReLU(inplace=True)(Tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        pass

    def forward(self, x: Any) -> Tensor:
        return F.relu(x)


class LeakyReLU(Module):
    """x where positive, else negative_slope · x; for `inplace` see `ReLU`.

    >>> LeakyReLU(0.1)(Tensor([-1.0, 2.0]))
    tensor([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        return F.leaky_relu(x, negative_slope=self.negative_slope)


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ).

    >>> Sigmoid()(Tensor([0.0]))
    tensor([0.5])
    """

    def forward(self, x: Any) -> Tensor:
        return F.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent.

    >>> Tanh()(Tensor([0.0]))
    tensor([0.])
    """

    def forward(self, x: Any) -> Tensor:
        return F.tanh(x)


class SiLU(Module):
    """x·σ(x); for `inplace` see `ReLU`.

    >>> SiLU()(Tensor([0.0]))
    tensor([0.])
    """

    def __init__(self, inplace: bool = False) -> None:
        pass

    def forward(self, x: Any) -> Tensor:
        return F.silu(x)


class GELU(Module):
    """x·Φ(x), see `F.gelu`.

    >>> GELU()(Tensor([-1.0, 0.0, 1.0])).numpy().round(3)
    array([-0.159,  0.   ,  0.841], dtype=float32)
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return F.gelu(x, self.approximate)


class Softmax(Module):
    """e^{xᵢ} / Σⱼ e^{xⱼ} along `dim`, which must be given: PyTorch's guess without it is deprecated.

    >>> Softmax(dim=1)(Tensor([[0.0, 0.0]]))
    tensor([[0.5, 0.5]])
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return F.softmax(x, self.dim)


class LogSoftmax(Module):
    """The logarithm of `Softmax`.

    >>> LogSoftmax(dim=0)(Tensor([1000.0]))
    tensor([0.])
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return F.log_softmax(x, self.dim)
