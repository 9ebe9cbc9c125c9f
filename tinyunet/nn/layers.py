"""Layers with weights: an operation together with what it learns; and dropout, which draws as they do.

Initial weights are drawn from U(−1/√n, 1/√n), n the number of products in one output (fan-in), PyTorch's default.
(A sum of n products with inputs of unit variance then has variance 1/3: it cannot explode, and batchnorm rescales it.)
Where a layer draws random numbers it takes `rng`, a `numpy.random.Generator` or a seed: same seed, same weights.
Without, see `manual_seed`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet.nn.module import Module, Parameter
from tinyunet.ops.randomness import generator
from tinyunet.ops.window import Pair, pair
from tinyunet.tensor import Tensor


def _uniform(shape: tuple[int, ...], fan_in: int, rng: np.random.Generator) -> Parameter:
    bound = 1 / math.sqrt(fan_in)
    return Parameter(rng.uniform(-bound, bound, shape).astype(np.float32))


def _kernels(shape: tuple[int, ...], fan_in: int, rng: np.random.Generator) -> Parameter:
    """A convolution's weight (O, C, kh, kw), in memory (C, kw, kh, O).

    So the products of a convolution (`ops/fast/products.py`) find their matrix in place, y with (C·kw·kh, O), or row by
    row with (C·kw, kh·O), dx with (C, kw·kh·O), and dw comes out as each of them. Rearranging 14.8 million weights for
    each of them would make a training step 1.46 times as long.
    """
    weight = _uniform(shape, fan_in, rng).numpy()
    return Parameter(np.ascontiguousarray(weight.transpose(1, 3, 2, 0)).transpose(3, 0, 2, 1))


def _channel_groups(layer: str, in_channels: int, out_channels: int, groups: int) -> None:
    if min(in_channels, out_channels, groups) < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{layer}: {in_channels} input and {out_channels} output channels must be positive "
            f"and both divisible by groups={groups}"
        )


def _settings(layer: Module, **defaults: Any) -> str:
    """Those settings of a layer that are not the default, as `repr` shows them."""
    return "".join(f", {k}={getattr(layer, k)!r}" for k, default in defaults.items() if getattr(layer, k) != default)


class Conv2d(Module):
    """2-D convolution, see `F.conv2d`; weight (out_channels, in_channels/groups, kh, kw).

    >>> Conv2d(2, 3, kernel_size=3)(Tensor(np.zeros((1, 2, 4, 4)), np.float32)).shape
    (1, 3, 2, 2)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        rng: Any = None,
    ) -> None:
        _channel_groups("Conv2d", in_channels, out_channels, groups)
        rng = generator(rng)
        kh, kw = pair("Conv2d", "kernel_size", kernel_size, 1)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, (kh, kw)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        fan_in = in_channels // groups * kh * kw
        self.weight = _kernels((out_channels, in_channels // groups, kh, kw), fan_in, rng)
        self.bias = _uniform((out_channels,), fan_in, rng) if bias else None

    def forward(self, x: Any) -> Tensor:
        return F.conv2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}" + _settings(
            self, stride=1, padding=0, dilation=1, groups=1
        )


class ConvTranspose2d(Module):
    """Transposed convolution, see `F.conv_transpose2d`; weight (in_channels, out_channels/groups, kh, kw).

    >>> ConvTranspose2d(8, 4, kernel_size=2, stride=2)(Tensor(np.zeros((1, 8, 5, 5)), np.float32)).shape
    (1, 4, 10, 10)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        rng: Any = None,
    ) -> None:
        _channel_groups("ConvTranspose2d", in_channels, out_channels, groups)
        rng = generator(rng)
        kh, kw = pair("ConvTranspose2d", "kernel_size", kernel_size, 1)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, (kh, kw)
        self.stride, self.padding, self.output_padding = stride, padding, output_padding
        self.groups, self.dilation = groups, dilation
        fan_in = out_channels // groups * kh * kw  # PyTorch counts the weight's dimension 1 here too
        self.weight = _kernels((in_channels, out_channels // groups, kh, kw), fan_in, rng)
        self.bias = _uniform((out_channels,), fan_in, rng) if bias else None

    def forward(self, x: Any) -> Tensor:
        return F.conv_transpose2d(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            groups=self.groups,
            dilation=self.dilation,
        )

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}" + _settings(
            self, stride=1, padding=0, output_padding=0, groups=1, dilation=1
        )


class Linear(Module):
    """Fully connected layer, see `F.linear`; weight (out_features, in_features).

    >>> Linear(3, 2)(Tensor(np.zeros((5, 3)), np.float32)).shape
    (5, 2)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, rng: Any = None) -> None:
        if min(in_features, out_features) < 1:
            raise ValueError(f"Linear: features must be positive, not {in_features} and {out_features}")
        rng = generator(rng)
        self.in_features, self.out_features = in_features, out_features
        self.weight = _uniform((out_features, in_features), in_features, rng)
        self.bias = _uniform((out_features,), in_features, rng) if bias else None

    def forward(self, x: Any) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"


class Embedding(Module):
    """A table of vectors, see `F.embedding`; weight (num_embeddings, embedding_dim), drawn from N(0, 1).

    >>> Embedding(10, 4)(np.array([1, 9])).shape
    (2, 4)
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, rng: Any = None
    ) -> None:
        if min(num_embeddings, embedding_dim) < 1:
            raise ValueError(f"Embedding: sizes must be positive, not {num_embeddings} and {embedding_dim}")
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx={padding_idx} is none of the {num_embeddings} rows")
        values = generator(rng).standard_normal((num_embeddings, embedding_dim)).astype(np.float32)
        if padding_idx is not None:
            values[padding_idx] = 0
        self.padding_idx = padding_idx
        self.weight = Parameter(values)

    def forward(self, index: Any) -> Tensor:
        return F.embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        return "{}, {}".format(*self.weight.shape)


class _BatchNorm(Module):
    """What `BatchNorm1d` and `BatchNorm2d` have in common: all but the shapes that they take."""

    shapes: ClassVar[dict[int, str]]  # by number of dimensions
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        if num_features < 1:
            raise ValueError(f"{type(self).__name__}: num_features must be positive, not {num_features}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, np.float32)))
        self.register_buffer("running_var", Tensor(np.ones(num_features, np.float32)))
        self.register_buffer("num_batches_tracked", Tensor(np.int64(0)))

    def forward(self, x: Any) -> Tensor:
        if getattr(x, "ndim", 0) not in self.shapes:
            wanted = " or ".join(self.shapes.values())
            raise ValueError(f"{type(self).__name__}: input must be {wanted}, not {np.shape(x)}")
        if self.training:
            self.num_batches_tracked._take(np.asarray(self.num_batches_tracked.numpy() + 1))
        momentum = 1 / self.num_batches_tracked.item() if self.momentum is None and self.training else self.momentum
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training,
            momentum=momentum or 0.0,
            eps=self.eps,
        )

    def extra_repr(self) -> str:
        return str(self.num_features)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W), see `F.batch_norm`, with running statistics for evaluation.

    Args:
        momentum: how far the running statistics move towards each batch's; None averages all batches equally.

    >>> norm = BatchNorm2d(1)
    >>> norm(Tensor([[[[1.0, 3.0]]]])).numpy().round(3)
    array([[[[-1.,  1.]]]], dtype=float32)
    >>> norm.running_mean, norm.running_var
    (tensor([0.2]), tensor([1.1]))
    """

    shapes: ClassVar[dict[int, str]] = {4: "(N, C, H, W)"}


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L): see `BatchNorm2d`.

    >>> BatchNorm1d(2)(Tensor([[1.0, 5.0], [3.0, 5.0]])).numpy().round(3)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """

    shapes: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)"}


class GroupNorm(Module):
    """Group normalisation, see `F.group_norm`.

    >>> GroupNorm(2, 8)(Tensor(np.zeros((1, 8, 4, 4)), np.float32)).shape
    (1, 8, 4, 4)
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        if min(num_groups, num_channels) < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_groups} groups do not divide {num_channels} channels")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(np.ones(num_channels, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, np.float32)) if affine else None

    def forward(self, x: Any) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}"


class LayerNorm(Module):
    """Layer normalisation over the last dimensions, see `F.layer_norm`.

    >>> LayerNorm(2)(Tensor([[1.0, 3.0]])).numpy().round(3)
    array([[-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape, self.eps = shape, eps
        self.weight = Parameter(np.ones(shape, np.float32)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return str(self.normalized_shape)


class Dropout(Module):
    """Set elements to 0 with probability p in training, see `F.dropout`; `rng` is kept and drawn from.

    >>> Dropout(0.5, rng=0).eval()(Tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, p: float = 0.5, rng: Any = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: the probability p must be between 0 and 1, not {p}")
        self.p = p
        self.rng = generator(rng)

    def forward(self, x: Any) -> Tensor:
        return F.dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"
