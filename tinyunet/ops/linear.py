"""Matrix products: matmul, the linear layer, the embedding table, and attention.

For Y = A·B, entry Yᵢⱼ = Σₖ Aᵢₖ·Bₖⱼ. Aᵢₖ meets Bₖⱼ in every column j, so dAᵢₖ = Σⱼ dYᵢⱼ·Bₖⱼ, which is dA = dY·Bᵀ, and
in the same way dB = Aᵀ·dY. There is no other arrangement in which the shapes fit: that is a good way to remember it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.ops.choose import where
from tinyunet.ops.dtypes import check_same_dtype, in_float32
from tinyunet.ops.elementwise import dropout, unbroadcast
from tinyunet.ops.reduce import softmax
from tinyunet.ops.sums import product, total
from tinyunet.tensor import Array, Operand, Tensor, differentiable


@differentiable
@in_float32
def matmul(a: Operand, b: Operand) -> Any:
    """Matrix product a @ b over the last two dimensions, the others broadcast; vectors as in NumPy.

    Shapes: (…, M, K) @ (…, K, N) → (…, M, N).

    Raises:
        ValueError: inner sizes that differ, leading ones that do not broadcast, or a scalar.
        TypeError: two dtypes, as in PyTorch.

    >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    tensor([[11.]], dtype=float64)
    """
    check_same_dtype("matmul", a=a, b=b)
    try:
        y = product(a, b)
    except ValueError:
        raise ValueError(
            f"matmul: shapes {np.shape(a)} and {np.shape(b)} do not fit: the last size of the first must equal "
            "the last but one of the second, and leading ones must broadcast"
        ) from None
    # a vector is a matrix of one row (on the left) or one column (on the right), whose size-1 axis the result drops
    a2 = a[None] if a.ndim == 1 else a
    b2 = b[:, None] if b.ndim == 1 else b
    y_shape = (*y.shape[: y.ndim - (a.ndim > 1) - (b.ndim > 1)], a2.shape[-2], b2.shape[-1])

    def da(dy: Array) -> Array:
        return unbroadcast(product(dy.reshape(y_shape), b2.swapaxes(-1, -2)), a2.shape).reshape(a.shape)

    def db(dy: Array) -> Array:
        return unbroadcast(product(a2.swapaxes(-1, -2), dy.reshape(y_shape)), b2.shape).reshape(b.shape)

    return y, lambda dy: (lambda: da(dy), lambda: db(dy))


@differentiable
@in_float32
def linear(input: Operand, weight: Operand, bias: Operand | None = None) -> Any:
    """The fully connected layer: y = x·Wᵀ + b.

    Shapes: input (…, in), weight (out, in), bias (out,) → (…, out).

    >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([5.0]))
    tensor([[16.]], dtype=float64)
    """
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: input of shape {input.shape} and weight of shape {weight.shape}: "
            "the weight must be (out_features, in_features), and the input end in in_features"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: bias of shape {bias.shape} for {weight.shape[0]} output features")
    check_same_dtype("linear", input=input, weight=weight, bias=bias)
    y = product(input, weight.T)
    samples = math.prod(input.shape[:-1])
    if bias is not None:
        y = y + bias

    def backward(dy: Array) -> Any:
        rows = dy.reshape(samples, weight.shape[0])  # (all samples, out)
        return (
            lambda: product(dy, weight),
            lambda: product(rows.T, input.reshape(samples, weight.shape[1])),
            lambda: total(rows, 0),
        )

    return y, backward


@differentiable
def embedding(input: Any, weight: Operand, padding_idx: int | None = None) -> Any:
    """Look up rows of a table: y[…] = weight[input[…]]. A row's gradient is the sum over all its look-ups.

    Shapes: input (…) of integers, weight (rows, features) → (…, features).

    Args:
        padding_idx: a row that stands for "nothing here" and receives no gradient.

    Raises:
        TypeError: indices that are not integers.
        ValueError: indices outside the table, a weight that is no matrix.

    >>> embedding(np.array([2, 0]), np.array([[0.0, 0.1], [1.0, 1.1], [2.0, 2.1]]))
    tensor([[2. , 2.1],
            [0. , 0.1]], dtype=float64)
    """
    input = np.asarray(input)
    if input.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, not {input.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"embedding: the weight must be (rows, features), not of shape {weight.shape}")
    if padding_idx is not None and not -len(weight) <= padding_idx < len(weight):
        raise ValueError(f"embedding: padding_idx={padding_idx} is none of the {len(weight)} rows")
    if input.size and not (input.min() >= 0 and input.max() < len(weight)):
        raise ValueError(f"embedding: indices from {input.min()} to {input.max()} for a table of {len(weight)} rows")

    def backward(dy: Array) -> Any:
        dw = np.zeros(weight.shape)  # float64, because one row may be looked up a million times
        np.add.at(dw, input, dy.astype(np.float64))
        if padding_idx is not None:
            dw[padding_idx] = 0
        return None, dw

    return weight[input], backward


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    rng: Any = None,
) -> Tensor:
    """softmax(Q·Kᵀ·scale + mask)·V (Vaswani et al. 2017, equation 1).

    Written in terms of other operations, so that its gradient needs no derivation of its own. Where all scores of a row
    are −∞, it looks nowhere: its weights are 0, and their gradients.

    Shapes: query (…, L, E), key (…, S, E), value (…, S, Ev) → (…, L, Ev).

    Args:
        attn_mask: broadcastable to (…, L, S): a boolean one is True where attention is allowed, a number is added.
        is_causal: position i sees the positions up to i only.
        scale: 1/√E by default.
        rng: Generator or seed for the dropout on the attention weights.

    Raises:
        ValueError: shapes that do not fit, or both `attn_mask` and `is_causal`.

    >>> x = np.eye(2)
    >>> scaled_dot_product_attention(x, x, x, is_causal=True).numpy().round(2)
    array([[1.  , 0.  ],
           [0.33, 0.67]])
    """
    q, k, v = (x if isinstance(x, Tensor) else Tensor(x) for x in (query, key, value))
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            "scaled_dot_product_attention: query (…, L, E), key (…, S, E) and value (…, S, Ev) are needed, "
            f"got {q.shape}, {k.shape} and {v.shape}"
        )
    check_same_dtype("scaled_dot_product_attention", query=q, key=k, value=v)
    L, S = q.shape[-2], k.shape[-2]
    try:
        shape = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2]), L, S)
        np.broadcast_to(np.empty(np.shape(attn_mask)), shape)
    except ValueError:
        raise ValueError(
            f"scaled_dot_product_attention: query {q.shape}, key {k.shape} and value {v.shape} must agree in the "
            f"leading dimensions, and attn_mask {np.shape(attn_mask)} broadcast to (…, {L}, {S})"
        ) from None
    if is_causal and attn_mask is not None:
        raise ValueError("scaled_dot_product_attention: give attn_mask or is_causal, not both")
    scores = matmul(q, k.transpose(-1, -2)) * (1 / math.sqrt(q.shape[-1] or 1) if scale is None else scale)
    if is_causal:
        attn_mask = np.tri(L, S, dtype=bool)
    if attn_mask is not None:
        mask = attn_mask if isinstance(attn_mask, Tensor) else Tensor(np.asarray(attn_mask))
        if mask.dtype == bool:
            mask = Tensor(np.where(mask.numpy(), 0, -np.inf).astype(scores.dtype))
        if mask.dtype.kind != "f":
            raise TypeError(f"scaled_dot_product_attention: attn_mask must be boolean or floating, not {mask.dtype}")
        scores = scores + mask
    somewhere = (scores.numpy() != -np.inf).any(axis=-1, keepdims=True)
    if somewhere.all():
        weights = softmax(scores, -1)
    else:
        weights = where(somewhere, softmax(where(somewhere, scores, 0.0), -1), 0.0)
    return matmul(dropout(weights, dropout_p, rng=rng), v)
