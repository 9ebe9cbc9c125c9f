"""ReLU and the linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.worked import Formula, Part, Sum, Terms
from tinyunet.tensor import Array


class ReLU(Operation):
    """Elementwise: negative numbers become 0."""

    title = "ReLU"
    leaves = ("x",)
    elementwise = True
    read_off = True
    formulas: ClassVar = {
        "y": ("y = max(0, x)", r"y = \max(0, x)"),
        "dx": ("dx = dy·[x > 0], where [x > 0] is 1 for a positive x, else 0", r"∂x = ∂y\,[x > 0]"),
    }

    def y(self, *index: int) -> Formula:
        x = self.factor("x", index)
        forms = "max(0, $x)", r"\max(0, $x)"
        return Formula(self.symbol("y", *index), *forms, max(0.0, x.value), (x,), {"x": x.value})

    def dx(self, dy: Array, *index: int) -> Formula:
        x, d = self.factor("x", index), self.factor("dy", index, dy)
        value = d.value * (1 if x.value > 0 else 0)
        forms = "$d×[$x > 0]", r"$d \cdot [$x > 0]"
        return Formula(self.symbol("dx", *index), *forms, value, (d, x), {"d": d.value, "x": x.value})


@ReLU.called
def relu(x: Any) -> Explanation:
    """Explain `F.relu`.

    >>> print(relu([-3, 2]).at(0))
    y = max(0, x)
      y[0] = max(0, −3) = 0
    """
    return explained(ReLU({"x": array("x", x)}, {}, {}))


class Linear(Operation):
    """Every row of w makes one output of all inputs."""

    title = "Linear layer"
    leaves = "x", "w", "b"
    size = "a row of y has a number for every row of w"
    linear = True
    axes_needed: ClassVar = {"w": 2}
    captions: ClassVar = {("w", 2): "w (rows: outputs)", ("x", 2): "x (rows: examples)"}
    formulas: ClassVar = {
        "y": ("y[n,o] = b[o] + Σ x[n,k] · w[o,k], over k", r"y_{n,o} = b_o + \sum_k x_{n,k}\, w_{o,k}"),
        "dx": ("dx[n,k] = Σ dy[n,o] · w[o,k], over o", r"∂x_{n,k} = \sum_o ∂y_{n,o}\, w_{o,k}"),
        "dw": ("dw[o,k] = Σ dy[n,o] · x[n,k], over n", r"∂w_{o,k} = \sum_n ∂y_{n,o}\, x_{n,k}"),
        "db": ("db[o] = Σ dy[n,o], over n", r"∂b_o = \sum_n ∂y_{n,o}"),
    }

    @classmethod
    def products(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> int:
        return arrays["x"].size * len(np.atleast_1d(arrays["w"]))

    @staticmethod
    def weights(x: Index, out_features: int, *, bias: bool = True) -> dict[str, Index | None]:
        return {"w": (out_features, x[-1]), "b": (out_features,) if bias else None}

    def y_shape(self) -> Index:
        return *self.arrays["x"].shape[:-1], len(self.arrays["w"])

    def multiplied(self) -> tuple[Index, Index]:
        return self.y_shape(), self.arrays["w"].shape[1:]

    def y(self, *index: int) -> Sum:
        *lead, o = index
        ks = range(self.arrays["w"].shape[1])
        inputs = Part("inputs", Terms(self.numbers("x", *lead, ks), self.numbers("w", o, ks)))
        return Sum(self.symbol("y", *index), (inputs, *self.bias(o)))

    def dx(self, dy: Array, *index: int) -> Sum:
        *lead, k = index
        os = range(len(self.arrays["w"]))
        terms = Terms(self.numbers("dy", *lead, os, array=dy), self.numbers("w", os, k))
        return Sum(self.symbol("dx", *index), (Part("outputs", terms),))

    def dw(self, dy: Array, o: int, k: int) -> Sum:
        lead = [range(n) for n in dy.shape[:-1]]
        terms = Terms(self.numbers("dy", *lead, o, array=dy), self.numbers("x", *lead, k))
        return Sum(self.symbol("dw", o, k), (Part("rows", terms),))

    def db(self, dy: Array, o: int) -> Sum:
        terms = Terms(self.numbers("dy", *(range(n) for n in dy.shape[:-1]), o, array=dy))
        return Sum(self.symbol("db", o), (Part("rows", terms),))


@Linear.called
def linear(x: Any, w: Any, b: Any = None) -> Explanation:
    """Explain `F.linear`: x (…, in), w (out, in), b (out,).

    >>> print(linear([1, 2], [[3, 4]], [5]).at(0))
    y[n,o] = b[o] + Σ x[n,k] · w[o,k], over k
      inputs: 1×3 + 2×4 = 11
      y[0] = 11 + 5 (bias) = 16
    """
    b = None if b is None else array("b", b)
    return explained(Linear({"x": array("x", x), "w": array("w", w), "b": b}, {}, {}))
