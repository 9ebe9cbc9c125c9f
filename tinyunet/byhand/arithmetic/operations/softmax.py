"""Softmax and cross-entropy: both divide by Z, the sum of the exponentials of a row of logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Index, Operation
from tinyunet.byhand.arithmetic.worked import Factor, Formula, Part, Step, Sum, Symbol, Term, Terms
from tinyunet.tensor import Array

LARGEST_LOGIT = 700.0  # e^710 is more than float64 holds


class Classes(Operation):
    """What both have in common: x is rows of logits."""

    leaves = ("x",)

    def exponentials(self, lead: Sequence[int]) -> Sum:
        """Z = Σ e^{x_k} of one row of logits; the terms are the exponentials."""
        x = self.numbers("x", *lead, range(self.arrays["x"].shape[-1]))
        at, low = (str(list(lead)), f"_{{{','.join(map(str, lead))}}}") if lead else ("", "")
        terms = Terms(replace(x, name="e^x", values=np.array([math.exp(value) for value in x.values.tolist()])))
        return Sum(Symbol(f"Z{at} = Σ e^x", f"Z{low} = \\sum_k e^{{x_k}}"), (Part("classes", terms),))

    def row(self, lead: Index) -> list[tuple[str, Index]]:
        """The cells of a row of x: Z is a sum over all classes."""
        return [("x", (*lead, k)) for k in range(self.arrays["x"].shape[-1])]


def _logits(x: Any, most: int) -> Array:
    x = array("x", x)
    if not 1 <= x.ndim <= most:
        raise ValueError(f"x: must have 1 to {most} axes, the last one the classes, not the shape {x.shape}")
    if np.abs(x).max() > LARGEST_LOGIT:
        raise ValueError(f"x: e^x can be written out for |x| up to {LARGEST_LOGIT:.0f}, not for {np.abs(x).max():g}")
    return x


class Softmax(Classes):
    """Probabilities along the last dimension."""

    title = "Softmax"
    formulas: ClassVar = {
        "y": ("y_k = e^x_k / Z, with Z = Σ e^x_j over all classes j", r"y_k = \frac{e^{x_k}}{\sum_j e^{x_j}}"),
        "dx": ("dx_k = y_k · (dy_k − Σ dy_j·y_j)", r"∂x_k = y_k \Big(∂y_k - \sum_j ∂y_j y_j\Big)"),
    }

    def run(self) -> tuple[Any, Any]:
        return self.plain(self.arrays["x"], -1)

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        return self.row(index[:-1]) if what == "y" else []

    def y(self, *index: int) -> tuple[Step, ...]:
        total, x = self.exponentials(index[:-1]), self.factor("x", index)
        value, forms = math.exp(x.value) / total.value, ("e^$x / $Z", r"\frac{e^{$x}}{$Z}")
        return total, Formula(self.symbol("y", *index), *forms, value, (x,), {"x": x.value, "Z": total.value})

    def dx(self, dy: Array, *index: int) -> tuple[Step, ...]:
        *lead, _ = index
        y, ks = self.result(), range(dy.shape[-1])
        terms = Terms(self.numbers("dy", *lead, ks, array=dy), self.numbers("y", *lead, ks, array=y))
        dot = Sum(Symbol("Σ dy·y", r"\sum_j \frac{\partial L}{\partial y_j} y_j"), (Part("classes", terms),))
        d, p = self.factor("dy", index, dy), float(y[index])
        forms, numbers = ("$p·($d − ($dot))", r"$p \cdot ($d - ($dot))"), {"p": p, "d": d.value, "dot": dot.value}
        return dot, Formula(self.symbol("dx", *index), *forms, p * (d.value - dot.value), (d,), numbers)


@Softmax.called
def softmax(x: Any) -> Explanation:
    """Explain `F.softmax` along the last dimension.

    >>> print(softmax([0, 0]).at(1))
    y_k = e^x_k / Z, with Z = Σ e^x_j over all classes j
      Z = Σ e^x = 1 + 1 = 2
      y[1] = e^0 / 2 = 0.5
    """
    return explained(Softmax({"x": _logits(x, 4)}, {}, {}))


class CrossEntropy(Classes):
    """The loss of one row of logits, or a batch of them, with whole classes as targets."""

    title = "Cross-entropy"
    data = "x", "target"
    axes_needed: ClassVar = {"target": 0}
    size = "y is one number, or with the reduction 'none' one for every row"
    formulas: ClassVar = {
        "y": (
            "ℓ = −log softmax(x)[target] = log Z − x[target], with Z = Σ e^x over the classes",
            r"\ell = -\log \frac{e^{x_t}}{\sum_k e^{x_k}} = \log Z - x_t",
        ),
        "dx": (
            "dx_k = (p_k − 1 if k is the target, else p_k) · dy, divided by the number of rows for a mean",
            r"∂x_k = (p_k - [k = t])\, ∂\ell",
        ),
    }

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        lead = index[: self.arrays["target"].ndim]
        rows = [lead] if lead else self._rows()
        return [cell for row in rows for cell in (*self.row(row), ("target", row))]

    def _rows(self) -> list[Index]:
        return list(np.ndindex(self.arrays["target"].shape))

    def _share(self) -> int:
        """What the sum over the rows is divided by."""
        return self.arrays["target"].size if self.settings["reduction"] == "mean" else 1

    def _loss(self, lead: Index, symbol: Symbol) -> tuple[Sum, Formula]:
        total, t = self.exponentials(lead), self.factor("x", (*lead, int(self.arrays["target"][lead])))
        value, forms = math.log(total.value) - t.value, ("log $Z − ($t)", r"\log $Z - ($t)")
        return total, Formula(symbol, *forms, value, (t,), {"Z": total.value, "t": t.value})

    def y(self, *index: int) -> tuple[Step, ...]:
        rows, symbol = self._rows(), self.symbol("y", *index)
        if self.settings["reduction"] == "none" or len(rows) == 1:
            return self._loss(index or rows[0], symbol)
        steps = [self._loss(lead, Symbol(f"ℓ{list(lead)}", f"\\ell_{{{lead[0]}}}")) for lead in rows]
        terms = tuple(Term((Factor(loss.symbol.text, (), loss.value),)) for _, loss in steps)
        return (*(step for pair in steps for step in pair), Sum(symbol, (Part("rows", terms),), self._share()))

    def dx(self, dy: Array, *index: int) -> tuple[Step, ...]:
        *lead, k = index
        total, x = self.exponentials(lead), self.factor("x", index)
        hit = int(self.arrays["target"][tuple(lead)]) == k
        d = float(dy[tuple(lead)] if dy.ndim else dy)
        text, latex = "(e^$x / $Z − $hit)", r"\Big(\frac{e^{$x}}{$Z} - $hit\Big)"
        if d != 1:
            text, latex = text + " · ($d)", latex + r" \cdot ($d)"
        if self._share() != 1:
            text, latex = text + " / $share", latex + " / $share"
        value = (math.exp(x.value) / total.value - hit) * d / self._share()
        numbers = {"x": x.value, "Z": total.value, "hit": hit, "d": d, "share": self._share()}
        return total, Formula(self.symbol("dx", *index), text, latex, value, (x,), numbers)


@CrossEntropy.called
def cross_entropy(x: Any, target: Any, reduction: str = "mean") -> Explanation:
    """Explain `F.cross_entropy`: logits x (N, C) or (C,), and the number of the right class in each row.

    >>> print(cross_entropy([0, 0], 1).at())
    ℓ = −log softmax(x)[target] = log Z − x[target], with Z = Σ e^x over the classes
      Z = Σ e^x = 1 + 1 = 2
      y = log 2 − 0 = 0.6931
    """
    x = _logits(x, 2)
    classes = array("target", target)
    if classes.shape == x.shape and x.size > 1:
        raise ValueError("target: must be the number of the right class of each row: where the 1 is in one-hot rows")
    if (classes % 1).any():
        raise TypeError(f"target: must be the numbers of classes, such as [0, 2], not {classes.tolist()!r}")
    target = classes.astype(int)
    if x.ndim == target.ndim == target.size == 1:
        target = target[0]
    return explained(CrossEntropy({"x": x, "target": target}, {"reduction": reduction}, {}))
