"""tinyunet: a U-Net from scratch in NumPy, with its own autograd, to read, to change and to train.

>>> import tinyunet
>>> import tinyunet.functional as F
>>> x = tinyunet.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
>>> F.relu(x - 2).sum().backward()
>>> x.grad
tensor([[0., 0.],
        [1., 1.]])
"""

import importlib
from types import ModuleType

from tinyunet import functional, nn, ops, optim, unet
from tinyunet.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tinyunet.gradcheck import gradcheck
from tinyunet.machine import memory
from tinyunet.tensor import Tensor, differentiable, tensor
from tinyunet.using import using

__version__ = "0.1.0"

memory.keep()


def __getattr__(name: str) -> ModuleType:
    """`tinyunet.byhand` is loaded when it is first named: who trains does not need it."""
    if name == "byhand":
        return importlib.import_module("tinyunet.byhand")
    raise AttributeError(f"module 'tinyunet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "Tensor",
    "byhand",
    "differentiable",
    "enable_grad",
    "functional",
    "gradcheck",
    "is_grad_enabled",
    "memory",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "set_grad_enabled",
    "tensor",
    "unet",
    "using",
]
