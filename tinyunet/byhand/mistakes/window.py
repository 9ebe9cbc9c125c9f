"""The sliding window, slid in other ways: with other settings, another border, its cells laid out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.ops import conv
from tinyunet.tensor import Array

CONVOLUTIONS = "conv2d y, conv_transpose2d y"


def tried(op: Operation, **changes: Any) -> list[Array]:
    """The result with other arrays or settings; none where they do not fit."""
    try:
        return [op.changed(**changes).result()]
    except ValueError:
        return []


def weightless(op: Operation, keep: Callable[[Array], Array]) -> Array:
    """The result with the weight changed by a function."""
    return op.changed(w=keep(op.arrays["w"])).result()


def biased_apart(op: Operation) -> tuple[Array, Array] | None:
    """The result without the bias, and the bias (O, 1, 1), if there is one."""
    b = op.arrays["b"]
    return None if b is None else (op.changed(b=None).result(), b[:, None, None])


def unbiased(op: Operation) -> tuple[Array, Any]:
    """The result without the bias, and the bias (O, 1, 1), or 0."""
    return biased_apart(op) or (op.result(), 0.0)


def both(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, (int, np.integer)) else tuple(value)


def borders(op: Operation) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros before and after, for rows and columns."""
    if op.name != "conv2d":
        return tuple((p, p) for p in both(op.settings["padding"]))  # type: ignore[return-value]
    kernel = op.arrays["w"].shape[2:]
    return conv.paddings(op.settings["padding"], kernel, both(op.settings["stride"]), both(op.settings["dilation"]))


def padded(op: Operation, paddings: Any, **how: Any) -> Array:
    """The result with the image padded in another way."""
    x = np.pad(op.arrays["x"], ((0, 0), (0, 0), *paddings), **how)
    return op.changed(x=x, padding=0).result()


def fits(op: Operation) -> bool:
    """Whether the kernel fits into the image without padding."""
    return all(axis.span <= axis.input for axis in op.axes())


def windows(op: Operation, fill: float) -> Array:
    """The pixels under every window, (N, C, Ho, Wo, kh·kw), where every window lies inside the padding."""
    rows, cols = op.axes()
    border = ((0, 0), (0, 0), (rows.padding, rows.overhang), (cols.padding, cols.overhang))
    x = np.pad(op.arrays["x"], border, constant_values=fill)
    cells = [x[:, :, rows.inputs(u), cols.inputs(v)] for u in range(rows.kernel) for v in range(cols.kernel)]
    return np.stack(cells, -1)


def spread(op: Operation, shares: Array, assign: bool = False) -> Array:
    """What every cell of every window gives back, (N, C, Ho, Wo, kh·kw), added up (or written over) at its pixel."""
    rows, cols = op.axes()
    N, C, H, W = op.arrays["x"].shape
    dx = np.zeros((N, C, H + rows.padding + rows.overhang, W + cols.padding + cols.overhang))
    for k, (u, v) in enumerate(np.ndindex(rows.kernel, cols.kernel)):
        seen = (..., rows.inputs(u), cols.inputs(v))
        dx[seen] = shares[..., k] if assign else dx[seen] + shares[..., k]
    return dx[:, :, rows.padding : rows.padding + H, cols.padding : cols.padding + W]


def both_or_one(both: tuple[int, ...]) -> str:
    return str(both[0]) if len(set(both)) == 1 else str(both)


def fill(op: Operation) -> float:
    """What the padding holds."""
    return -math.inf if op.name == "max_pool2d" else 0.0


def image_of(op: Operation, border: Any) -> Array:
    """The image with a border."""
    return np.pad(op.arrays["x"], ((0, 0), (0, 0), *border), constant_values=fill(op))


def moved(op: Operation, border: Any) -> Array:
    """The image with a border, which may be negative: then rows or columns are cut off."""
    x = image_of(op, [(max(a, 0), max(b, 0)) for a, b in border])
    (top, bottom), (left, right) = ((max(-a, 0), max(-b, 0)) for a, b in border)
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def resized(array: Array, height: int, width: int) -> Array:
    """Rows and columns cut off at the end, or zeros added there."""
    array = array[:, :, :height, :width]
    missing = ((0, height - array.shape[2]), (0, width - array.shape[3]))
    return np.pad(array, ((0, 0), (0, 0), *missing))


def spread_in_order(op: Operation, shares: Array) -> Array:
    """The same, window after window, each of which overwrites all of its pixels."""
    rows, cols = op.axes()
    N, C, H, W = op.arrays["x"].shape
    dx = np.zeros((N, C, H + rows.padding + rows.overhang, W + cols.padding + cols.overhang))
    for i, j in np.ndindex(rows.output, cols.output):
        down = slice(rows.stride * i, rows.stride * i + rows.span, rows.dilation)
        right = slice(cols.stride * j, cols.stride * j + cols.span, cols.dilation)
        dx[:, :, down, right] = shares[:, :, i, j].reshape(N, C, rows.kernel, cols.kernel)
    return dx[:, :, rows.padding : rows.padding + H, cols.padding : cols.padding + W]
