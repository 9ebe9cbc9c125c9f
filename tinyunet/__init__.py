"""tinyunet: a U-Net from scratch in NumPy, with its own autograd, to read, to change and to train.

>>> import tinyunet
>>> import tinyunet.functional as F
>>> x = tinyunet.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
>>> F.relu(x - 2).sum().backward()
>>> x.grad
tensor([[0., 0.],
        [1., 1.]])
"""

from tinyunet import byhand, functional, memory, nn, ops, optim, unet
from tinyunet.gradcheck import gradcheck
from tinyunet.tensor import Tensor, differentiable, no_grad, tensor, using

__version__ = "0.1.0"

memory.keep()

__all__ = [
    "Tensor",
    "byhand",
    "differentiable",
    "functional",
    "gradcheck",
    "memory",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "tensor",
    "unet",
    "using",
]
