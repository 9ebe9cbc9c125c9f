"""tinyunet: a U-Net from scratch in NumPy, with its own autograd, to read, to change and to train.

>>> import tinyunet
>>> import tinyunet.functional as F
>>> x = tinyunet.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
>>> F.relu(x - 2).sum().backward()
>>> x.grad
tensor([[0., 0.],
        [1., 1.]])

All operations, and what `tinyunet.everyday` has, are here as well, as in PyTorch: `tinyunet.cat`, `tinyunet.zeros`. So
a program that is written for PyTorch runs with `import tinyunet as torch`, if it asks for nothing that is left out.
"""

import importlib
import sys
from typing import Any

from tinyunet import everyday, functional, left_out, nn, ops, optim, unet
from tinyunet.grad_mode import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tinyunet.gradcheck import gradcheck
from tinyunet.machine import memory
from tinyunet.machine.threads import threads
from tinyunet.ops.randomness import manual_seed
from tinyunet.tensor import Tensor, differentiable, tensor
from tinyunet.using import using

__version__ = "0.1.0"

memory.keep()

inference_mode = no_grad

for _place in (Tensor, functional, nn, nn.Module, nn.functional, optim, optim.lr_scheduler):
    left_out.answer_in(_place)


def __getattr__(name: str) -> Any:
    """What else is called so in PyTorch; and what is loaded when it is first named: who trains does not need it."""
    if name in ("byhand", "grade", "utils"):
        return importlib.import_module(f"tinyunet.{name}")
    if name == "solution":
        return importlib.import_module("tinyunet.grade").solution
    if name in ("save", "load"):
        return getattr(importlib.import_module("tinyunet.checkpoint"), f"{name}_values")
    for room in (functional, everyday):
        if name in room.__all__:
            return getattr(room, name)
    if name in everyday.DTYPES:
        return everyday.DTYPES[name]
    raise left_out.error(__name__, name, sys.modules[__name__])


def __dir__() -> list[str]:
    return sorted({*__all__, *functional.__all__, *everyday.__all__, *everyday.DTYPES, "load", "save", "utils"})


__all__ = [
    "Tensor",
    "byhand",
    "differentiable",
    "enable_grad",
    "functional",
    "gradcheck",
    "inference_mode",
    "is_grad_enabled",
    "manual_seed",
    "memory",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "set_grad_enabled",
    "tensor",
    "threads",
    "unet",
    "using",
]
