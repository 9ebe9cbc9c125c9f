"""Every differentiable operation: a NumPy function with its gradient derived right beside it.

Read `elementwise` first, then `conv`; `tinyunet.functional` lists them all under PyTorch's names.
"""

from tinyunet.ops import conv, elementwise, layout, linear, loss, methods, naive, norm, pool, reduce, shape, window

__all__ = [
    "conv",
    "elementwise",
    "layout",
    "linear",
    "loss",
    "methods",
    "naive",
    "norm",
    "pool",
    "reduce",
    "shape",
    "window",
]
