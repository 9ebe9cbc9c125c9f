"""Wrong arguments: what each operation says. The message names the operation, what was given, and what would do."""

import re

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import tensor


def a(*shape):
    return np.ones(shape)


def i(*shape):
    return np.zeros(shape, np.int64)


x, w, wt = a(1, 4, 6, 6), a(8, 4, 3, 3), a(4, 8, 3, 3)
A_PAIR = "must be an integer or a pair of integers, not"
REDUCTION = "reduction must be 'none', 'sum' or 'mean', not 'avg'"
S = "scaled_dot_product_attention"
BCE = "binary_cross_entropy_with_logits"
INTEGERS = "floating point is needed, not int64"

# operation, its arguments, exception, the message after "operation: " (a part of it)
TABLE = [
    # shape.py
    ("pixel_shuffle", (x, 3), {}, ValueError, "upscale_factor=3 needs a multiple of 9 channels, not (1, 4, 6, 6)"),
    ("pixel_shuffle", (x, 0), {}, ValueError, "upscale_factor must be at least 1, not 0"),
    ("pixel_shuffle", (x, 2.0), {}, TypeError, "upscale_factor must be an integer, not 2.0"),
    ("pixel_shuffle", (a(6, 6), 1), {}, ValueError, "input must be (…, C, H, W), not (6, 6)"),
    ("pixel_shuffle", ([[[1.0]]], 1), {}, TypeError, "input must be a Tensor or an array, not list"),
    ("pixel_unshuffle", (x, 4), {}, ValueError, "downscale_factor=4 does not divide height and width of (1, 4, 6, 6)"),
    ("pixel_unshuffle", (x, -2), {}, ValueError, "downscale_factor must be at least 1, not -2"),
    # conv.py
    ("conv2d", (x, a(8, 3, 3, 3)), {}, ValueError, "input has 4 channels but weight (8, 3, 3, 3) expects 3 (groups=1)"),
    ("conv2d", (x, w), {"groups": 2}, ValueError, "input has 4 channels but weight (8, 4, 3, 3) expects 8 (groups=2)"),
    ("conv2d", (a(6, 6), w), {}, ValueError, "input must be (N, C, H, W), or one image (C, H, W), not (6, 6)"),
    ("conv2d", (a(1, 1, 4, 6, 6), w), {}, ValueError, "input must be (N, C, H, W), or one image (C, H, W), not (1, 1"),
    ("conv2d", (x, w, a(4)), {}, ValueError, "bias of shape (4,) for 8 output channels; it must be (8,)"),
    ("conv2d", (x, w, 3.0), {}, TypeError, "bias must be a Tensor or an array, not float"),
    ("conv2d", (x, a(8, 4, 3)), {}, ValueError, "weight must be (out, in/groups, kh, kw), not of shape (8, 4, 3)"),
    ("conv2d", (x, None), {}, TypeError, "weight must be a Tensor or an array, not NoneType"),
    ("conv2d", ([[[1.0]]], w), {}, TypeError, "input must be a Tensor or an array, not list"),
    ("conv2d", (x, w), {"stride": 0}, ValueError, "stride must be at least 1, not 0"),
    ("conv2d", (x, w), {"stride": 1.5}, TypeError, f"stride {A_PAIR} 1.5"),
    ("conv2d", (x, w), {"stride": (1, 2, 3)}, TypeError, f"stride {A_PAIR} (1, 2, 3)"),
    ("conv2d", (x, w), {"stride": True}, TypeError, f"stride {A_PAIR} True"),
    ("conv2d", (x, w), {"padding": (0, -1)}, ValueError, "padding must be at least 0, not (0, -1)"),
    ("conv2d", (x, w), {"padding": "full"}, ValueError, "padding must be 'same', 'valid', an integer or a pair"),
    ("conv2d", (x, w), {"padding": "same", "stride": 2}, ValueError, "padding='same' needs stride 1, not (2, 2)"),
    ("conv2d", (x, w), {"dilation": 0}, ValueError, "dilation must be at least 1, not 0"),
    ("conv2d", (x, w), {"dilation": 3}, ValueError, "a kernel of (3, 3) (dilation (3, 3)) spans more than the input"),
    ("conv2d", (x, a(8, 4, 7, 3)), {}, ValueError, "a kernel of (7, 3) (dilation (1, 1)) spans more than the input of"),
    ("conv2d", (x, a(7, 2, 3, 3)), {"groups": 2}, ValueError, "groups=2 does not divide the 7 channels of weight (7,"),
    ("conv2d", (x, w), {"groups": 0}, ValueError, "groups must be a positive integer, not 0"),
    ("conv_transpose2d", (x, w), {}, ValueError, "input has 4 channels but weight (8, 4, 3, 3) expects 8 (groups=1)"),
    ("conv_transpose2d", (x, wt, a(4)), {}, ValueError, "bias of shape (4,) for 8 output channels; it must be (8,)"),
    ("conv_transpose2d", (x, wt), {"output_padding": 1}, ValueError, "output_padding must be smaller than stride or"),
    ("conv_transpose2d", (x, wt), {"output_padding": -1}, ValueError, "output_padding must be at least 0, not -1"),
    (
        "conv_transpose2d",
        (x, wt),
        {"padding": 5},
        ValueError,
        "input (1, 4, 6, 6) with weight (4, 8, 3, 3) and padding=5",
    ),
    ("conv_transpose2d", (x, wt), {"padding": "same"}, TypeError, f"padding {A_PAIR} 'same'"),
    ("conv_transpose2d", (x, wt), {"groups": 3}, ValueError, "groups=3 does not divide the 4 channels of weight (4,"),
    ("unfold", (a(3, 3), 2), {}, ValueError, "input must be (N, C, H, W), or one image (C, H, W), not (3, 3)"),
    ("unfold", (x, 7), {}, ValueError, "a kernel of (7, 7) (dilation (1, 1)) spans more than the input of (6, 6)"),
    ("unfold", (x, (1, 2, 3)), {}, TypeError, f"kernel_size {A_PAIR} (1, 2, 3)"),
    ("fold", (a(1, 5, 9), (4, 4), 2), {}, ValueError, "input of shape (1, 5, 9) must be (N, C·4, 9) or (C·4, 9) for"),
    ("fold", (a(1, 4, 8), (4, 4), 2), {}, ValueError, "input of shape (1, 4, 8) must be (N, C·4, 9) or (C·4, 9) for"),
    ("fold", (a(1, 4, 9), 0, 2), {}, ValueError, "output_size must be at least 1, not 0"),
    # pool.py
    ("max_pool2d", (x, 0), {}, ValueError, "kernel_size must be at least 1, not 0"),
    ("max_pool2d", (x, 2.0), {}, TypeError, f"kernel_size {A_PAIR} 2.0"),
    ("max_pool2d", (x, 2), {"stride": 0}, ValueError, "stride must be at least 1, not 0"),
    ("max_pool2d", (x, 2), {"padding": 2}, ValueError, "padding (2, 2) must be at most half of the kernel (2, 2)"),
    ("max_pool2d", (x, []), {}, TypeError, f"kernel_size {A_PAIR} []"),
    ("max_pool2d", (x, 7), {}, ValueError, "a window of (7, 7) (dilation (1, 1)) does not fit an input of (6, 6)"),
    ("max_pool2d", (a(6, 6), 2), {}, ValueError, "input must be (N, C, H, W), or one image (C, H, W), not (6, 6)"),
    ("max_pool2d", (x > 0, 2), {}, TypeError, "numbers are needed, not bool"),
    ("avg_pool2d", (x, 2), {"divisor_override": 0}, ValueError, "divisor_override must not be 0"),
    ("avg_pool2d", (i(1, 4, 4), 2), {}, TypeError, INTEGERS),
    ("avg_pool2d", (x, 2), {"divisor_override": [1, 2]}, TypeError, "divisor_override must be an integer"),
    ("avg_pool2d", (x, 2), {"padding": 2}, ValueError, "padding (2, 2) must be at most half of the kernel (2, 2)"),
    ("avg_pool2d", (x, (2, 7)), {}, ValueError, "a window of (2, 7) (dilation (1, 1)) does not fit an input of (6, 6)"),
    ("interpolate", (x,), {}, ValueError, "give size or scale_factor, and not both"),
    ("interpolate", (x, 2, 2), {}, ValueError, "give size or scale_factor, and not both"),
    ("interpolate", (x, 0), {}, ValueError, "size must be at least 1, not 0"),
    ("interpolate", (x,), {"scale_factor": 0}, ValueError, "scale_factor=0 leaves nothing of (6, 6)"),
    ("interpolate", (x,), {"scale_factor": (1, 2, 3)}, TypeError, "scale_factor must be a number or a pair of numbers"),
    (
        "interpolate",
        (x,),
        {"scale_factor": "2"},
        TypeError,
        "scale_factor must be a number or a pair of numbers, not '2'",
    ),
    ("interpolate", (x, 3), {"mode": "bicubic"}, ValueError, "mode must be 'nearest' or 'bilinear', not 'bicubic'"),
    ("interpolate", (x, 3), {"align_corners": True}, ValueError, "align_corners has no meaning with mode='nearest'"),
    (
        "interpolate",
        (x, 3),
        {"recompute_scale_factor": True},
        ValueError,
        "recompute_scale_factor has no meaning with a size",
    ),
    ("interpolate", (a(4, 6, 6), 3), {}, ValueError, "input must be (N, C, H, W), not (4, 6, 6)"),
    ("interpolate", (a(1, 2, 0, 4), 3), {}, ValueError, "an image of (0, 4) has no pixels"),
    ("interpolate", (i(1, 1, 2, 2), 3), {"mode": "bilinear"}, TypeError, INTEGERS),
    # norm.py
    ("batch_norm", (x, None, None), {}, ValueError, "evaluation needs running_mean and running_var"),
    ("batch_norm", (x, a(3), a(4)), {}, ValueError, "running_mean of shape (3,) for 4 channels; must be (4,)"),
    ("batch_norm", (x, a(4), a(4), a(3)), {}, ValueError, "weight of shape (3,) for 4 channels; must be (4,)"),
    ("batch_norm", (x, a(4), a(4), None, a(4, 1)), {}, ValueError, "bias of shape (4, 1) for 4 channels; must be (4,)"),
    (
        "batch_norm",
        (a(1, 4), None, None),
        {"training": True},
        ValueError,
        "training needs more than one value per channel",
    ),
    ("batch_norm", (a(4), None, None), {"training": True}, ValueError, "input must be (N, C, …), not (4,)"),
    ("batch_norm", (i(2, 4), None, None), {"training": True}, TypeError, INTEGERS),
    ("batch_norm", (x, [0] * 4, a(4)), {}, TypeError, "running_mean must be a Tensor or an array, not list"),
    ("group_norm", (x, 3), {}, ValueError, "3 groups do not divide the channels of an input of shape (1, 4, 6, 6)"),
    ("group_norm", (x, 0), {}, ValueError, "0 groups do not divide the channels of an input of shape (1, 4, 6, 6)"),
    ("group_norm", (a(1, 4), 4), {}, ValueError, "needs more than one value, 4 groups of (1, 4) have one each"),
    ("group_norm", (x, 2.0), {}, TypeError, "num_groups must be an integer, not 2.0"),
    ("group_norm", (x, 2, a(3)), {}, ValueError, "weight of shape (3,) for 4 channels; must be (4,)"),
    ("group_norm", (i(1, 4, 2), 2), {}, TypeError, INTEGERS),
    ("layer_norm", (a(2, 3), (2,)), {}, ValueError, "an input of shape (2, 3) must end in normalized_shape=(2,)"),
    ("layer_norm", (a(2, 3), ()), {}, ValueError, "an input of shape (2, 3) must end in normalized_shape=()"),
    ("layer_norm", (a(2, 3), (3,), a(2)), {}, ValueError, "weight of shape (2,) must have normalized_shape=(3,)"),
    ("layer_norm", (a(2, 3), (3,), a(3), a(1)), {}, ValueError, "bias of shape (1,) must have normalized_shape=(3,)"),
    # linear.py
    (
        "linear",
        (a(2, 3), a(4, 2)),
        {},
        ValueError,
        "input of shape (2, 3) and weight of shape (4, 2): the weight must be",
    ),
    ("linear", (a(2, 3), a(4, 3), a(3)), {}, ValueError, "bias of shape (3,) for 4 output features"),
    *[
        (name, (x.astype(dtype), *others), settings, TypeError, f"input is {dtype} but {what} is float64")
        for name, others, settings, what in [
            ("conv2d", (w,), {}, "weight"),
            ("conv_transpose2d", (wt,), {}, "weight"),
            ("linear", (a(2, 6),), {}, "weight"),
            ("batch_norm", (a(4), a(4)), {}, "running_mean"),
            ("batch_norm", (None, None, a(4)), {"training": True}, "weight"),
            ("group_norm", (2, a(4)), {}, "weight"),
        ]
        for dtype in ("float16", "float32")
    ],
    ("conv2d", (i(1, 4, 6, 6), w), {}, TypeError, "input is int64 but weight is float64; both must be of one dtype: "),
    (
        "conv2d",
        (x, w, a(8).astype(np.float32)),
        {},
        TypeError,
        "with x.astype(np.float32), or the model with model.to(",
    ),
    ("conv2d", (x > 0, w > 0), {}, TypeError, "numbers are needed, not bool"),
    ("matmul", (a(3), i(3)), {}, TypeError, "a is float64 but b is int64"),
    (S, (a(2, 3), a(2, 3), a(2, 3).astype(np.float32)), {}, TypeError, "query is float64 but value is float32"),
    ("linear", (a(2, 3), [[1.0]]), {}, TypeError, "weight must be a Tensor or an array, not list"),
    (
        "matmul",
        (a(2, 3), a(2, 3)),
        {},
        ValueError,
        "shapes (2, 3) and (2, 3) do not fit: the last size of the first must",
    ),
    ("matmul", (a(2, 2, 3), a(3, 3, 4)), {}, ValueError, "shapes (2, 2, 3) and (3, 3, 4) do not fit"),
    ("matmul", (2.0, a(3)), {}, TypeError, "a must be a Tensor or an array, not float"),
    ("embedding", (a(3), a(4, 2)), {}, TypeError, "indices must be integers, not float64"),
    ("embedding", (np.array([4, -1]), a(4, 2)), {}, ValueError, "indices from -1 to 4 for a table of 4 rows"),
    ("embedding", (i(1), a(4)), {}, ValueError, "the weight must be (rows, features), not of shape (4,)"),
    ("embedding", (i(1), a(4, 2), 4), {}, ValueError, "padding_idx=4 is none of the 4 rows"),
    (S, (a(2, 3), a(4, 2), a(4, 2)), {}, ValueError, "are needed, got (2, 3), (4, 2) and (4, 2)"),
    (S, (a(2, 3), a(4, 3), a(5, 2)), {}, ValueError, "are needed, got (2, 3), (4, 3) and (5, 2)"),
    (S, (a(5, 2, 3), a(4, 4, 3), a(4, 4, 2)), {}, ValueError, "must agree in the leading dimensions"),
    (S, (a(2, 3), a(4, 3), a(4, 2), a(3, 4)), {}, ValueError, "attn_mask (3, 4) broadcast to (…, 2, 4)"),
    (S, (a(2, 3), a(4, 3), a(4, 2), i(2, 4)), {}, TypeError, "attn_mask must be boolean or floating, not int64"),
    (S, (a(2, 3), a(4, 3), a(4, 2), a(2, 4)), {"is_causal": True}, ValueError, "give attn_mask or is_causal, not both"),
    # elementwise.py
    *[
        (name, (a(2, 3), a(2)), {}, ValueError, "shapes (2, 3) and (2,) do not broadcast: aligned at the right")
        for name in ("add", "sub", "mul", "div", "pow")
    ],
    ("add", ("1", a(2)), {}, TypeError, "Tensors, arrays or numbers are needed, not str"),
    *[
        (name, (None,), {}, TypeError, "must be a Tensor or an array, not NoneType")
        for name in ("neg", "exp", "log", "sqrt", "abs", "relu", "leaky_relu", "sigmoid", "tanh", "silu", "dropout")
    ],
    *[(name, (a(2) > 0,), {}, TypeError, "numbers are needed, not bool") for name in ("relu", "neg", "abs")],
    ("sub", (1.0, a(2) > 0), {}, TypeError, "numbers are needed, not bool"),
    ("sub", (a(2), True), {}, TypeError, "numbers are needed, not bool"),
    ("pow", (a(2) > 0, a(2) > 0), {}, TypeError, "numbers are needed, not bool"),
    ("silu", (i(2),), {}, TypeError, INTEGERS),
    *[(name, (None,), {}, TypeError, "must be a Tensor or an array, not NoneType") for name in ("sin", "cos", "gelu")],
    ("gelu", (i(2),), {}, TypeError, INTEGERS),
    ("gelu", (a(2), "erf"), {}, ValueError, "approximate must be 'none' or 'tanh', not 'erf'"),
    ("relu", ([1.0, -1.0],), {}, TypeError, "input must be a Tensor or an array, not list"),
    ("leaky_relu", (i(2),), {}, TypeError, INTEGERS),
    ("dropout", (i(2),), {}, TypeError, INTEGERS),
    ("dropout", (a(2), -0.1), {}, ValueError, "the probability p must be between 0 and 1, not -0.1"),
    ("dropout", (a(2), 1.1), {}, ValueError, "the probability p must be between 0 and 1, not 1.1"),
    ("dropout", (a(2), np.nan), {}, ValueError, "the probability p must be between 0 and 1, not nan"),
    # reduce.py
    ("sum", (a(2, 3), 2), {}, ValueError, "dim 2 is out of range for an input of 2 dimensions"),
    ("sum", (a(2, 3), (0, -2)), {}, ValueError, "a dimension is named twice in dim=(0, -2)"),
    ("sum", (a(2, 3), 0.5), {}, TypeError, "dim must be an integer or several, not 0.5"),
    ("sum", (a(2, 3), "rows"), {}, TypeError, "dim must be an integer or several, not 'rows'"),
    ("mean", (i(2),), {}, TypeError, INTEGERS),
    ("mean", (a(2), -2), {}, ValueError, "dim -2 is out of range for an input of 1 dimensions"),
    ("var", (i(2),), {}, TypeError, INTEGERS),
    ("var", (a(2), 1), {}, ValueError, "dim 1 is out of range for an input of 1 dimensions"),
    ("max", (a(0),), {}, ValueError, "an input of shape (0,) has no largest element"),
    ("max", (a(2, 0), 1), {}, ValueError, "dim 1 of an input of shape (2, 0) is empty"),
    ("max", (a(2, 3), 2), {}, ValueError, "dim 2 is out of range for an input of 2 dimensions"),
    ("max", (a(2, 3), (0, 1)), {}, TypeError, "dim must be one integer, not (0, 1)"),
    *[
        row
        for name in ("softmax", "log_softmax")
        for row in (
            (name, (i(2), 0), {}, TypeError, INTEGERS),
            (name, (a(2), 1), {}, ValueError, "dim 1 is out of range for an input of 1 dimensions"),
            (name, (a(2, 2), None), {}, TypeError, "dim must be one integer, not None"),
        )
    ],
    ("min", (a(0, 2),), {}, ValueError, "an input of shape (0, 2) has no smallest element"),
    ("min", (a(0, 2), 0), {}, ValueError, "an input of shape (0, 2) has no smallest element along dim"),
    ("min", (a(2), 1), {}, ValueError, "dim 1 is out of range for an input of 1 dimensions"),
    ("cumprod", (a(2), 1), {}, ValueError, "dim 1 is out of range for an input of 1 dimensions"),
    # shape.py
    ("reshape", (a(2, 3), 4), {}, ValueError, "shape (4,) is invalid for an input of shape (2, 3)"),
    ("reshape", (a(2, 3), -1, -1), {}, ValueError, "shape (-1, -1) is invalid for an input of shape (2, 3)"),
    ("reshape", (a(2, 3), 2.0, 3), {}, TypeError, "integers are needed, not (2.0, 3)"),
    ("permute", (a(2, 3), 0), {}, ValueError, "dims (0,) must name each dimension of an input of shape (2, 3) once"),
    ("permute", (a(2, 3), 0, 0), {}, ValueError, "a dimension is named twice in dim=(0, 0)"),
    ("permute", (a(2, 3), 0, 2), {}, ValueError, "dim 2 is out of range for an input of 2 dimensions"),
    ("transpose", (a(2, 3), 0, 2), {}, ValueError, "dim 2 is out of range for an input of 2 dimensions"),
    ("transpose", (a(2, 3), 0, None), {}, TypeError, "dim must be one integer, not None"),
    ("expand", (a(2, 3), 3, 3), {}, ValueError, "an input of shape (2, 3) cannot be repeated to (3, 3)"),
    ("expand", (a(2, 3), 3), {}, ValueError, "an input of shape (2, 3) cannot be repeated to (3,)"),
    ("expand", (a(2, 3), -1, 2, 3), {}, ValueError, "an input of shape (2, 3) cannot be repeated to (-1, 2, 3)"),
    ("expand", (a(2, 3), 2.0, 3), {}, TypeError, "integers are needed, not (2.0, 3)"),
    ("cat", ([],), {}, ValueError, "needs at least one input, of at least one dimension"),
    ("cat", ([a(2, 3), a(2, 4)],), {}, ValueError, "shapes (2, 3), (2, 4) must be equal but for dim 0"),
    ("cat", ([a(2, 3), a(2)],), {}, ValueError, "shapes (2, 3), (2,) must be equal but for dim 0"),
    ("cat", ([a(2, 3)], 2), {}, ValueError, "dim 2 is out of range for an input of 2 dimensions"),
    ("cat", (a(2, 3),), {}, TypeError, "needs a list or tuple of Tensors or arrays, not ndarray"),
    ("cat", ([a(1), [1.0]],), {}, TypeError, "needs a list or tuple of Tensors or arrays, not list(ndarray, list)"),
    ("stack", ([],), {}, ValueError, "needs inputs of one shape, got none"),
    ("stack", ([a(2), a(3)],), {}, ValueError, "needs inputs of one shape, got [(2,), (3,)]"),
    ("stack", ([a(2)], 2), {}, ValueError, "dim 2 is out of range for an input of 2 dimensions"),
    ("stack", (tensor([1.0]),), {}, TypeError, "needs a list or tuple of Tensors or arrays, not Tensor"),
    ("pad", (a(2, 3), (1,)), {}, ValueError, "(1,) must be pairs, at most one for each dimension of shape (2, 3)"),
    ("pad", (a(2, 3), (1,) * 6), {}, ValueError, "must be pairs, at most one for each dimension of shape (2, 3)"),
    ("pad", (a(2, 3), (-2, -2)), {}, ValueError, "(-2, -2) crops more than there is of an input of shape (2, 3)"),
    ("pad", (a(2, 3), 1), {}, TypeError, "widths must be integers, (left, right, top, bottom, …), not 1"),
    ("pad", (a(2, 3), (1, 1), "wrap"), {}, ValueError, "mode must be 'constant', 'reflect', 'replicate' or 'circular'"),
    ("pad", (a(2, 3), (1, 1), "reflect", 1.0), {}, ValueError, "mode 'reflect' takes no value"),
    ("pad", (a(2, 3), (3, 1), "reflect"), {}, ValueError, "cannot make a border of (3, 1) from a dimension of 3"),
    # choose.py
    ("where", (a(2), a(2), a(2)), {}, TypeError, "the condition must be boolean, not float64; write x != 0"),
    ("where", ([True], a(1), a(1)), {}, TypeError, "condition must be a Tensor or an array, not list"),
    ("where", (a(3) > 0, a(2), 1.0), {}, ValueError, "condition (3,), input (2,) and other () do not broadcast"),
    ("where", (a(2) > 0, a(2), a(3)), {}, ValueError, "shapes (2,) and (3,) do not broadcast"),
    ("where", (a(2) > 0, "a", 1.0), {}, TypeError, "Tensors, arrays or numbers are needed, not str"),
    ("clamp", (a(2),), {}, ValueError, "give min, max or both"),
    ("clamp", (a(2), "a"), {}, TypeError, "min and max must be numbers, not 'a' and None"),
    ("clamp", (a(2) > 0, 0), {}, TypeError, "numbers are needed, not bool"),
    # loss.py
    *[
        row
        for name in ("mse_loss", "l1_loss", BCE)
        for row in (
            (name, (a(2, 1), a(2)), {}, ValueError, "input (2, 1) and target (2,) must have the same shape"),
            (name, (a(2), a(2)), {"reduction": "avg"}, ValueError, REDUCTION),
            (name, (i(2), i(2)), {}, TypeError, INTEGERS),
            (name, ([1.0], a(1)), {}, TypeError, "input must be a Tensor or an array, not list"),
        )
    ],
    ("mse_loss", (a(2), a(2)), {"weight": a(3)}, ValueError, "weight (3,) must have the shape of the input, (2,)"),
    ("l1_loss", (a(2), a(2)), {"weight": a(1)}, ValueError, "weight (1,) must have the shape of the input, (2,)"),
    (BCE, (a(2), a(2), a(3)), {}, ValueError, "weight (3,) does not broadcast to (2,)"),
    (BCE, (a(2), a(2)), {"pos_weight": a(3)}, ValueError, "pos_weight (3,) does not broadcast to (2,)"),
    (
        "cross_entropy",
        (a(2, 3), i(3)),
        {},
        ValueError,
        "it must be (2,) of integer classes, or (2, 3) of probabilities",
    ),
    (
        "cross_entropy",
        (a(2, 3), a(2)),
        {},
        ValueError,
        "it must be (2,) of integer classes, or (2, 3) of probabilities",
    ),
    (
        "cross_entropy",
        (a(2, 3), np.array([0, 3])),
        {},
        ValueError,
        "target classes [3] do not exist, there are 3: 0 to 2",
    ),
    ("cross_entropy", (a(2, 3), np.array([-1, 0])), {}, ValueError, "target classes [-1] do not exist, there are 3"),
    ("cross_entropy", (a(2, 3), i(2), a(2)), {}, ValueError, "weight of shape (2,) for 3 classes; it must be (3,)"),
    ("cross_entropy", (a(2, 3), i(2), [1.0] * 3), {}, TypeError, "weight must be a Tensor or an array, not list"),
    ("cross_entropy", (a(2, 3), i(2)), {"reduction": "avg"}, ValueError, REDUCTION),
    ("cross_entropy", (a(2, 3), i(2)), {"label_smoothing": 1.5}, ValueError, "label_smoothing must be between 0 and 1"),
    ("cross_entropy", (np.array(1.0), i()), {}, ValueError, "input must be (C,), (N, C) or (N, C, …), not a scalar"),
    ("cross_entropy", (i(2, 3), i(2)), {}, TypeError, INTEGERS),
    ("dice_loss", (a(2, 3), a(2, 3)), {}, ValueError, "input must be (N, C, pixels…), not (2, 3)"),
    ("dice_loss", (a(2, 3, 4), a(2, 3, 5)), {}, ValueError, "input (2, 3, 4) and target (2, 3, 5) must have the same"),
    ("dice_loss", (a(2, 3, 4), a(2, 3, 4), a(2)), {}, ValueError, "weight of shape (2,) for 3 classes"),
    ("dice_loss", (a(2, 3, 4), a(2, 3, 4)), {"reduction": "avg"}, ValueError, REDUCTION),
]


@pytest.mark.parametrize(
    ("name", "args", "settings", "error", "message"),
    TABLE,
    ids=[f"{name}: {message}" for name, _, _, _, message in TABLE],
)
def test_what_an_operation_says(name, args, settings, error, message):
    with pytest.raises(error, match=f"{name}.*: .*{re.escape(message)}") as raised:
        getattr(F, name)(*args, **settings)
    assert raised.type is error


@pytest.mark.parametrize(
    "index", [2, (0, 0, 0), "a", 1.0, np.array([True]), [5], ([0, 1], [0, 1, 2]), (..., ...)], ids=str
)
def test_a_wrong_index_is_an_index_error_that_names_the_shape(index):
    with pytest.raises(IndexError, match=re.escape("indexing an input of shape (2, 3)")):
        F.getitem(a(2, 3), index)


def test_every_operation_is_in_the_table():
    assert {*F.__all__} - {name for name, *_ in TABLE} == {"getitem"}
