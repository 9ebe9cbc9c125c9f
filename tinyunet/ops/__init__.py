"""Every differentiable operation: a NumPy function with its gradient derived right beside it.

The README says in which order to read them; `tinyunet.functional` lists them all under PyTorch's names.
"""

from tinyunet.ops import (
    choose,
    conv,
    dtypes,
    elementwise,
    fast,
    im2col,
    layout,
    linear,
    loops,
    loss,
    methods,
    norm,
    pool,
    randomness,
    reduce,
    shape,
    sums,
    unfold,
    window,
)

__all__ = [
    "choose",
    "conv",
    "dtypes",
    "elementwise",
    "fast",
    "im2col",
    "layout",
    "linear",
    "loops",
    "loss",
    "methods",
    "norm",
    "pool",
    "randomness",
    "reduce",
    "shape",
    "sums",
    "unfold",
    "window",
]
