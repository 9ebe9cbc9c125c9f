"""Operations on every element by itself: arithmetic with broadcasting, exp, log, and the activations.

An elementwise y = f(x) has the simplest of all gradients: dx = dy · f'(x). The one complication is broadcasting: where
NumPy repeats an operand to fit the other, that operand has been used several times, and its gradient is the sum over
all uses (`unbroadcast`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyunet.ops.dtypes import check_numbers, floating, in_float32, promoted
from tinyunet.ops.randomness import generator
from tinyunet.ops.sums import total
from tinyunet.tensor import Array, Operand, differentiable


def unbroadcast(dy: Array, shape: tuple[int, ...]) -> Array:
    """Sum `dy` over the axes along which an operand of this shape was repeated: the gradient of broadcasting.

    >>> unbroadcast(np.ones((3, 4)), (3, 1)).ravel()
    array([4., 4., 4.])
    """
    if dy.shape == shape:
        return dy
    new = dy.ndim - len(shape)  # axes that the operand did not have
    repeated = tuple(i + new for i, n in enumerate(shape) if n == 1 and dy.shape[i + new] != 1)
    return total(dy, (*range(new), *repeated)).reshape(shape)


def check_floating(name: str, x: Any) -> None:
    """Raises a TypeError for integers and booleans, which cannot hold the result."""
    if x.dtype.kind != "f":
        raise TypeError(f"{name}: floating point is needed, not {x.dtype}")


def only(x: Array, mask: Array) -> Array:
    """x where `mask` is true, and exactly 0 elsewhere, whatever stands there: in x · mask, 0·inf would be nan.

    It is the bits of x that are multiplied, by 1 or by 0. That takes as long as x · mask, and `np.where` five times as
    long, because a processor cannot guess what a mask will say next.

    >>> only(np.array([1.0, np.inf, np.nan]), np.array([True, False, True]))
    array([ 1.,  0., nan])
    """
    if x.itemsize > 8:  # longer than any integer
        return np.where(mask, x, 0)
    return np.asarray((x.view(f"i{x.itemsize}") * mask).view(x.dtype))


def sign(x: Any) -> Array:
    """−1, 0 or 1; 0 for nan, as in PyTorch."""
    return np.where(np.isnan(x), 0, np.sign(x))


def _operands(name: str, a: Any, b: Any) -> list[Array]:
    """Both operands as arrays of the dtype in which they meet.

    Raises:
        TypeError: neither arrays nor numbers.
        ValueError: shapes that do not broadcast.
    """
    for x in (a, b):
        if not isinstance(x, (np.ndarray, int, float)):
            raise TypeError(f"{name}: Tensors, arrays or numbers are needed, not {type(x).__name__}")
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape != b.shape:
        try:
            np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            raise ValueError(
                f"{name}: shapes {a.shape} and {b.shape} do not broadcast: "
                "aligned at the right, sizes must be equal or 1"
            ) from None
    return promoted(a, b)


@differentiable
def add(a: Any, b: Any) -> Any:
    """a + b, with broadcasting.

    >>> add(np.array([1.0, 2.0]), 10)
    tensor([11., 12.], dtype=float64)
    """
    a, b = _operands("add", a, b)
    y, a_shape, b_shape = a + b, np.shape(a), np.shape(b)  # backward needs the shapes alone: the arrays can go

    def backward(dy: Array) -> Any:
        return lambda: unbroadcast(dy, a_shape), lambda: unbroadcast(dy, b_shape)

    return y, backward


@differentiable
def sub(a: Any, b: Any) -> Any:
    """a - b, with broadcasting. Truth values are refused, as in PyTorch.

    >>> sub(np.array([1.0, 2.0]), 10)
    tensor([-9., -8.], dtype=float64)
    """
    for x in (a, b):
        check_numbers("sub", np.asarray(x))
    a, b = _operands("sub", a, b)
    y, a_shape, b_shape = a - b, np.shape(a), np.shape(b)

    def backward(dy: Array) -> Any:
        return lambda: unbroadcast(dy, a_shape), lambda: unbroadcast(-dy, b_shape)

    return y, backward


@differentiable
def mul(a: Any, b: Any) -> Any:
    """a · b elementwise, with broadcasting: da = dy·b, db = dy·a.

    >>> mul(np.array([[1.0], [2.0]]), np.array([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]], dtype=float64)
    """
    a, b = _operands("mul", a, b)
    y = a * b

    def backward(dy: Array) -> Any:
        return lambda: unbroadcast(dy * b, np.shape(a)), lambda: unbroadcast(dy * a, np.shape(b))

    return y, backward


@differentiable
def div(a: Any, b: Any) -> Any:
    """a / b elementwise, with broadcasting: da = dy/b, db = −dy·a/b². x/0 is inf or nan, as in PyTorch.

    >>> div(np.array([1.0, 0.0]), np.array([4.0, 0.0]))
    tensor([0.25,  nan], dtype=float64)
    """
    a, b = map(floating, _operands("div", a, b))
    y = a / b

    def backward(dy: Array) -> Any:
        return lambda: unbroadcast(dy / b, np.shape(a)), lambda: unbroadcast(-dy * y / b, np.shape(b))

    return y, backward


@differentiable
def neg(x: Operand) -> Any:
    """−x.

    >>> neg(np.array([1.0, -2.0]))
    tensor([-1.,  2.], dtype=float64)
    """
    check_numbers("neg", x)
    return -x, lambda dy: -dy


@differentiable
@in_float32
def pow(a: Any, b: Any) -> Any:
    """aᵇ elementwise, with broadcasting: da = dy·b·aᵇ⁻¹, db = dy·aᵇ·log a.

    Where b = 0, y = 1 whatever a is, so da = 0 there, also at a = 0; where a = 0 and b > 0, y = 0 and db = 0.

    >>> pow(np.array([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.], dtype=float64)
    """
    a, b = _operands("pow", a, b)
    check_numbers("pow", a)
    y = np.power(a, b)  # 0⁻¹ is inf, (−1)^½ is nan

    def da(dy: Array) -> Array:
        slope = b * np.power(a, np.where(np.equal(b, 0), 1, np.subtract(b, 1)))
        return unbroadcast(np.where(np.equal(b, 0), 0, dy * slope.astype(dy.dtype)), np.shape(a))

    def db(dy: Array) -> Array:
        log_a = np.log(np.where(np.equal(a, 0) & np.greater_equal(b, 0), 1, a))
        return unbroadcast(dy * y * log_a, np.shape(b))

    return y, lambda dy: (lambda: da(dy), lambda: db(dy))


@differentiable
def exp(x: Operand) -> Any:
    """eˣ, which is its own derivative.

    >>> exp(np.array([0.0, 1.0]))
    tensor([1.        , 2.71828183], dtype=float64)
    """
    y = np.exp(floating(x))
    return y, lambda dy: dy * y


@differentiable
def log(x: Operand) -> Any:
    """Natural logarithm: dx = dy / x. log 0 = −inf; a negative number gives nan.

    >>> log(np.array([1.0, 0.0]))
    tensor([  0., -inf], dtype=float64)
    """
    x = floating(x)
    y = np.log(x)
    return y, lambda dy: dy / x


@differentiable
def sqrt(x: Operand) -> Any:
    """√x: dx = dy / (2√x).

    >>> sqrt(np.array([4.0, 9.0]))
    tensor([2., 3.], dtype=float64)
    """
    y = np.sqrt(floating(x))
    return y, lambda dy: dy / (2 * y)


@differentiable
def sin(x: Operand) -> Any:
    """Sine: dx = dy · cos x.

    >>> sin(np.array([0.0, np.pi / 2]))
    tensor([0., 1.], dtype=float64)
    """
    x = floating(x)
    return np.sin(x), lambda dy: dy * np.cos(x)


@differentiable
def cos(x: Operand) -> Any:
    """Cosine: dx = −dy · sin x.

    >>> cos(np.array([0.0, np.pi]))
    tensor([ 1., -1.], dtype=float64)
    """
    x = floating(x)
    return np.cos(x), lambda dy: -dy * np.sin(x)


@differentiable
def cast(x: Operand, dtype: Any) -> Any:
    """A copy in another floating-point dtype: the same numbers, rounded, so dx = dy.

    >>> cast(np.array([0.1]), np.float32)
    tensor([0.1])
    """
    return x.astype(dtype), lambda dy: dy


@differentiable
def abs(x: Operand) -> Any:
    """|x|: dx = dy · sign(x), 0 at the kink (and at nan).

    >>> abs(np.array([-3.0, 2.0]))
    tensor([3., 2.], dtype=float64)
    """
    check_numbers("abs", x)
    return np.abs(x), lambda dy: dy * sign(x)


@differentiable
def relu(input: Operand, inplace: bool = False) -> Any:
    """Rectified linear unit: y = max(x, 0). `inplace` changes nothing: a result is always a new array.

    Raises:
        TypeError: for bool, as in PyTorch.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.], dtype=float64)
    """
    check_numbers("relu", input)
    most = np.inf if input.dtype.kind == "f" else None
    y = np.clip(input, 0, most)  # maximum(x, 0) takes NumPy 3.6 times as long

    def backward(dy: Array) -> Array:
        return only(dy, y != 0)  # the slope is 1 where x > 0, else 0 (also at 0, as in PyTorch; 1 where x is nan)

    return y, backward


@differentiable
def leaky_relu(input: Operand, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """y = x where x > 0, else negative_slope · x (Maas et al. 2013); for `inplace` see `relu`.

    >>> leaky_relu(np.array([-1.0, 2.0]))
    tensor([-0.01,  2.  ], dtype=float64)
    """
    check_floating("leaky_relu", input)
    slope = np.where(np.greater(input, 0), 1, negative_slope).astype(input.dtype)
    return input * slope, lambda dy: dy * slope


def logistic(x: Any) -> Array:
    """1 / (1 + e⁻ˣ) without overflow: with e = e^−|x| ≤ 1 it is 1/(1 + e) for x ≥ 0, and e/(1 + e) for x < 0."""
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(np.greater_equal(x, 0), 1, e) / (1 + e))


@differentiable
@in_float32
def sigmoid(input: Operand) -> Any:
    """Logistic function σ(x) = 1 / (1 + e⁻ˣ): dσ/dx = σ(1 − σ).

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    tensor([0. , 0.5, 1. ], dtype=float64)
    """
    y = logistic(floating(input))
    return y, lambda dy: dy * y * (1 - y)


@differentiable
def tanh(input: Operand) -> Any:
    """Hyperbolic tangent: dx = dy · (1 − tanh²x).

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    tensor([-1.,  0.,  1.], dtype=float64)
    """
    y = np.tanh(floating(input))
    return y, lambda dy: dy * (1 - y * y)


@differentiable
@in_float32
def silu(input: Operand, inplace: bool = False) -> Any:
    """SiLU, also called swish: y = x·σ(x) (Elfwing et al. 2018); for `inplace` see `relu`.

    By the product rule dy/dx = σ + x·σ(1 − σ) = σ·(1 + x·(1 − σ)).

    >>> silu(np.array([-1.0, 0.0, 1.0]))
    tensor([-0.26894142,  0.        ,  0.73105858], dtype=float64)
    """
    check_floating("silu", input)
    s = 1 / (1 + np.exp(-input))  # no float16, where e⁻ˣ is ∞ too soon; and at ∞ it is 0, as it should be
    return input * s, lambda dy: dy * s * (1 + input * (1 - s))


@differentiable
@in_float32
def gelu(input: Operand, approximate: str = "none") -> Any:
    """GELU: y = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2 the normal distribution function (Hendrycks & Gimpel 2016).

    By the product rule dy/dx = Φ + x·φ with the density φ = e^(−x²/2)/√(2π). With approximate="tanh", Φ is taken as
    (1 + tanh z)/2, z = √(2/π)·(x + 0.044715·x³), whose derivative takes the place of φ: (1 − tanh²z)/2 · dz/dx.
    NumPy has no erf, and Python's takes one number at a time: on large maps the approximation is much quicker.

    Raises:
        ValueError: another approximation.

    >>> gelu(np.array([-1.0, 0.0, 1.0]))
    tensor([-0.15865525,  0.        ,  0.84134475], dtype=float64)
    """
    check_floating("gelu", input)
    x = input
    if approximate == "none":
        erf = np.asarray(np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2)), x.dtype)
        below = (1 + erf) / 2  # Φ
        return x * below, lambda dy: dy * (below + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * x * x * x))
    below = (1 + t) / 2
    return x * below, lambda dy: dy * (below + x * (1 - t * t) / 2 * c * (1 + 3 * 0.044715 * x * x))


@differentiable
def dropout(input: Operand, p: float = 0.5, training: bool = True, rng: Any = None) -> Any:
    """Set each element to 0 with probability p and scale the others by 1/(1 − p); the identity unless `training`.

    The scaling keeps the expectation: E[y] = (1 − p)·x/(1 − p) = x (Srivastava et al. 2014). An element that is set to
    0 is 0 also where it was infinite or nan (PyTorch multiplies by 0, which then gives nan).

    Args:
        rng: where the mask comes from, a `numpy.random.Generator` or a seed; by default see `manual_seed`.

    Raises:
        ValueError: p outside [0, 1].

    >>> dropout(np.ones(6), p=0.5, rng=0)
    tensor([2., 0., 0., 0., 2., 2.], dtype=float64)
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: the probability p must be between 0 and 1, not {p}")
    check_floating("dropout", input)
    if not training or p == 0:
        return input, lambda dy: dy
    keep = generator(rng).random(input.shape) >= p
    scale = input.dtype.type(1 / (1 - p) if p < 1 else 1)
    return only(input * scale, keep), lambda dy: only(dy * scale, keep)
