"""The operations under the names of `torch.nn.functional` and `torch`, usually imported as `F`.

>>> import tinyunet.functional as F
>>> F.conv2d([[[1.0]]], [[[[2.0]]]])
Traceback (most recent call last):
TypeError: conv2d: input must be a Tensor or an array, not list
"""

from tinyunet.ops.choose import clamp, where
from tinyunet.ops.elementwise import (
    abs,
    add,
    cos,
    div,
    dropout,
    exp,
    gelu,
    leaky_relu,
    log,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    silu,
    sin,
    sqrt,
    sub,
    tanh,
)
from tinyunet.ops.fast import conv2d, conv_transpose2d
from tinyunet.ops.linear import embedding, linear, matmul, scaled_dot_product_attention
from tinyunet.ops.loss import binary_cross_entropy_with_logits, cross_entropy, dice_loss, l1_loss, mse_loss
from tinyunet.ops.norm import batch_norm, group_norm, layer_norm
from tinyunet.ops.pool import avg_pool2d, interpolate, max_pool2d
from tinyunet.ops.reduce import cumprod, log_softmax, max, mean, min, softmax, sum, var
from tinyunet.ops.shape import (
    cat,
    expand,
    getitem,
    pad,
    permute,
    pixel_shuffle,
    pixel_unshuffle,
    reshape,
    stack,
    transpose,
)
from tinyunet.ops.unfold import fold, unfold

__all__ = [
    "abs",
    "add",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "cat",
    "clamp",
    "conv2d",
    "conv_transpose2d",
    "cos",
    "cross_entropy",
    "cumprod",
    "dice_loss",
    "div",
    "dropout",
    "embedding",
    "exp",
    "expand",
    "fold",
    "gelu",
    "getitem",
    "group_norm",
    "interpolate",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool2d",
    "mean",
    "min",
    "mse_loss",
    "mul",
    "neg",
    "pad",
    "permute",
    "pixel_shuffle",
    "pixel_unshuffle",
    "pow",
    "relu",
    "reshape",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "sqrt",
    "stack",
    "sub",
    "sum",
    "tanh",
    "transpose",
    "unfold",
    "var",
    "where",
]
