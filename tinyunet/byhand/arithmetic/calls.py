"""The operations as a user calls them: any arrays; names, arguments and defaults as in `tinyunet.functional`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic import operations
from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import read_array
from tinyunet.ops.window import Pair
from tinyunet.tensor import Array


def _array(name: str, numbers: Any) -> Array:
    """Any array as float64, with an error that names it."""
    if hasattr(numbers, "__array__") and np.asarray(numbers).dtype.kind in "iufb":
        array = np.asarray(numbers).astype(np.float64)
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: finite numbers are needed")
    else:
        try:
            array = read_array(numbers)[0]
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    if not array.size:
        raise ValueError(f"{name}: there are no numbers in an array of shape {array.shape}")
    return array


def _optional(name: str, numbers: Any) -> Array | None:
    return None if numbers is None else _array(name, numbers)


def _images(x: Array) -> tuple[Array, int]:
    """x as a batch (N, C, H, W), and how many axes were added."""
    if not 2 <= x.ndim <= 4:
        raise ValueError(f"x: must be (N, C, H, W), (C, H, W) or (H, W), not {x.shape}")
    return x.reshape((1,) * (4 - x.ndim) + x.shape), 4 - x.ndim


def _kernels(w: Array) -> tuple[Array, int]:
    """w with four axes, and how many were added."""
    if w.ndim not in (2, 4):
        raise ValueError(f"w: must have four axes, or be a single kernel (kh, kw), not {w.shape}")
    return w.reshape((1,) * (4 - w.ndim) + w.shape), 4 - w.ndim


def _convolution(kind: type[operations.Operation], x: Any, w: Any, b: Any, settings: dict[str, Any]) -> Explanation:
    x, lacking = _images(_array("x", x))
    w, single = _kernels(_array("w", w))
    b = _optional("b", b)
    if b is not None and b.ndim == 0:
        b = b.reshape(1)
    # One image and one kernel without brackets have a result without brackets, too.
    shown = lacking if single or lacking < 2 else 1
    left_out = {"x": lacking, "dx": lacking, "w": single, "dw": single, "y": shown, "dy": shown}
    return _explained(kind({"x": x, "w": w, "b": b}, settings, left_out))


def _explained(operation: operations.Operation) -> Explanation:
    with np.errstate(all="ignore"):
        y, _ = operation.ran  # it raises the errors of the operation itself
    if not np.all(np.isfinite(y)):
        raise ValueError(f"{operation.name}: the result is not finite; a variance of 0 needs an eps above 0")
    return Explanation(operation)


@operations.Conv2d.called
def conv2d(
    x: Any, w: Any, b: Any = None, stride: Pair = 1, padding: Pair | str = 0, dilation: Pair = 1, groups: int = 1
) -> Explanation:
    """Explain `F.conv2d`.

    Shapes: x (N, C, H, W), (C, H, W) or (H, W); w (O, C/groups, kh, kw) or (kh, kw); b (O,).

    Raises:
        ValueError, TypeError: what `F.conv2d` raises, numbers that cannot be read, axes that are too many.

    >>> x = [[[10, 10, 0, 0]] * 4, [[5] * 4] * 4]
    >>> w = [[[[1, 0, -1]] * 3, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]]]
    >>> print(conv2d(x, w, b=[2]).at(0, 0, 0))
    y[n,o,i,j] = b[o] + Σ x[n, c, s·i+d·u−p, s·j+d·v−p] · w[o,c,u,v], over c, u, v
      channel 0: 10×1 + 10×0 + 0×(−1) + 10×1 + 10×0 + 0×(−1) + 10×1 + 10×0 + 0×(−1) = 30
      channel 1: 5×0 + 5×0 + 5×0 + 5×0 + 5×1 + 5×0 + 5×0 + 5×0 + 5×0 = 5
      y[0, 0, 0] = 30 + 5 + 2 (bias) = 37
    """
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _convolution(operations.Conv2d, x, w, b, settings)


@operations.ConvTranspose2d.called
def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> Explanation:
    """Explain `F.conv_transpose2d`.

    Shapes: x (N, C, H, W), (C, H, W) or (H, W); w (C, O/groups, kh, kw) or (kh, kw); b (O,).

    >>> y = conv_transpose2d([[1, 2], [3, 4]], [[1, 1, 1]] * 3, stride=2)
    >>> print(y.at(2, 2))
    y[n,o,h,w] = b[o] + Σ x[n,c,i,j] · w[c,o,u,v], over all c and all i, j with s·i+d·u−p = h, s·j+d·v−p = w
      y[2, 2] = 4×1 + 3×1 + 2×1 + 1×1 = 10
    """
    settings = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "groups": groups,
        "dilation": dilation,
    }
    return _convolution(operations.ConvTranspose2d, x, w, b, settings)


def _pooling(kind: type[operations.Operation], x: Any, settings: dict[str, Any]) -> Explanation:
    x, lacking = _images(_array("x", x))
    return _explained(kind({"x": x}, settings, dict.fromkeys(("x", "y", "dx", "dy"), lacking)))


@operations.MaxPool2d.called
def max_pool2d(
    x: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Explanation:
    """Explain `F.max_pool2d`.

    >>> print(max_pool2d([[1, 2], [4, 3]], 2).at(0, 0))
    y[n,c,i,j] = max x[n, c, s·i+d·u−p, s·j+d·v−p], over u, v; padding never wins
      y[0, 0] = max(1, 2, 4, 3) = 4, from x[1, 0]
    """
    settings = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": ceil_mode,
    }
    return _pooling(operations.MaxPool2d, x, settings)


@operations.AvgPool2d.called
def avg_pool2d(
    x: Any,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Explanation:
    """Explain `F.avg_pool2d`.

    >>> print(avg_pool2d([[1, 2], [4, 3]], 2).at(0, 0))
    y[n,c,i,j] = Σ x[n, c, s·i+u−p, s·j+v−p] / divisor, over u, v
      y[0, 0] = (1 + 2 + 4 + 3) / 4 = 2.5
    """
    settings = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
        "divisor_override": divisor_override,
    }
    return _pooling(operations.AvgPool2d, x, settings)


@operations.BatchNorm.called
def batch_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Explanation:
    """Explain `F.batch_norm`: x (N, C, …), the vectors (C,).

    >>> print(batch_norm([[1], [2], [3], [6]], training=True).at(0, 0))
    y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of the channel
      μ = (1 + 2 + 3 + 6) / 4 = 3
      σ² = (−2×(−2) + (−1)×(−1) + 0×0 + 3×3) / 4 = 3.5
      y[0, 0] = (1 − 3) / √(3.5 + 1e−05) = −1.069
    """
    x = _array("x", x)
    if x.ndim < 2:
        raise ValueError(f"x: must be (N, C, …), not {x.shape}; four numbers of one channel are [[1], [2], [3], [6]]")
    vectors = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    arrays = {"x": x} | {name: _optional(name, vector) for name, vector in vectors.items()}
    return _explained(operations.BatchNorm(arrays, {"training": training, "momentum": momentum, "eps": eps}, {}))


@operations.ReLU.called
def relu(x: Any) -> Explanation:
    """Explain `F.relu`.

    >>> print(relu([-3, 2]).at(0))
    y = max(0, x)
      y[0] = max(0, −3) = 0
    """
    return _explained(operations.ReLU({"x": _array("x", x)}, {}, {}))


@operations.Linear.called
def linear(x: Any, w: Any, b: Any = None) -> Explanation:
    """Explain `F.linear`: x (…, in), w (out, in), b (out,).

    >>> print(linear([1, 2], [[3, 4]], [5]).at(0))
    y[n,o] = b[o] + Σ x[n,k] · w[o,k], over k
      inputs: 1×3 + 2×4 = 11
      y[0] = 11 + 5 (bias) = 16
    """
    arrays = {"x": _array("x", x), "w": _array("w", w), "b": _optional("b", b)}
    return _explained(operations.Linear(arrays, {}, {}))


LARGEST_LOGIT = 700.0  # e^710 is more than float64 holds


def _logits(x: Any, most: int) -> Array:
    x = _array("x", x)
    if not 1 <= x.ndim <= most:
        raise ValueError(f"x: must have 1 to {most} axes, the last one the classes, not the shape {x.shape}")
    if np.abs(x).max() > LARGEST_LOGIT:
        raise ValueError(f"x: e^x can be written out for |x| up to {LARGEST_LOGIT:.0f}, not for {np.abs(x).max():g}")
    return x


@operations.Softmax.called
def softmax(x: Any) -> Explanation:
    """Explain `F.softmax` along the last dimension.

    >>> print(softmax([0, 0]).at(1))
    y_k = e^x_k / Z, with Z = Σ e^x_j over all classes j
      Z = Σ e^x = 1 + 1 = 2
      y[1] = e^0 / 2 = 0.5
    """
    return _explained(operations.Softmax({"x": _logits(x, 4)}, {}, {}))


@operations.CrossEntropy.called
def cross_entropy(x: Any, target: Any, reduction: str = "mean") -> Explanation:
    """Explain `F.cross_entropy`: logits x (N, C) or (C,), and the number of the right class in each row.

    >>> print(cross_entropy([0, 0], 1).at())
    ℓ = −log softmax(x)[target] = log Z − x[target], with Z = Σ e^x over the classes
      Z = Σ e^x = 1 + 1 = 2
      y = log 2 − 0 = 0.6931
    """
    x = _logits(x, 2)
    classes = _array("target", target)
    if classes.shape == x.shape and x.size > 1:
        raise ValueError("target: must be the number of the right class of each row: where the 1 is in one-hot rows")
    if (classes % 1).any():
        raise TypeError(f"target: must be the numbers of classes, such as [0, 2], not {classes.tolist()!r}")
    target = classes.astype(int)
    if x.ndim == target.ndim == target.size == 1:
        target = target[0]
    return _explained(operations.CrossEntropy({"x": x, "target": target}, {"reduction": reduction}, {}))
