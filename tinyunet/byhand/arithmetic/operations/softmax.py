"""Softmax, its logarithm and cross-entropies: all divide by Z, the sum of the exponentials of a row of logits."""

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
    """What all have in common: x is rows of logits."""

    leaves = ("x",)

    def run(self) -> tuple[Any, Any]:
        return self.plain(self.arrays["x"], -1)

    def exponentials(self, lead: Sequence[int]) -> Sum:
        """Z = Σ e^{x_k} of one row of logits; the terms are the exponentials."""
        x = self.numbers("x", *lead, range(self.arrays["x"].shape[-1]))
        at, low = (str(list(lead)), f"_{{{','.join(map(str, lead))}}}") if lead else ("", "")
        terms = Terms(replace(x, name="e^x", values=np.array([math.exp(value) for value in x.values.tolist()])))
        return Sum(Symbol(f"Z{at} = Σ e^x", f"Z{low} = \\sum_k e^{{x_k}}"), (Part("classes", terms),))

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        return self.row(index[:-1]) if what == "y" else []

    def largest(self) -> Array:
        """How large x, log Z and the 1 that Z may be near to are, at most, in every row."""
        return 1 + np.abs(self.arrays["x"]).max(-1, keepdims=True)

    def row(self, lead: Index) -> list[tuple[str, Index]]:
        """The cells of a row of x: Z is a sum over all classes."""
        return [("x", (*lead, k)) for k in range(self.arrays["x"].shape[-1])]


def _logits(x: Any, most: int, least: int = 1) -> Array:
    x = array("x", x)
    if not least <= x.ndim <= most:
        raise ValueError(f"x: must have {least} to {most} axes, the last one the classes, not the shape {x.shape}")
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

    def sizes(self, what: str, dy: Array | None) -> Array:
        y = self.result()  # e^x is off by a part of it that grows with x
        return self.largest() * y * (1 if dy is None else np.abs(dy) + (np.abs(dy) * y).sum(-1, keepdims=True))

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


class LogSoftmax(Classes):
    """Its logarithm, which is a difference: nothing is divided."""

    title = "Log-softmax"
    formulas: ClassVar = {
        "y": (
            "y_k = log softmax(x)_k = x_k − log Z, with Z = Σ e^x_j over all classes j",
            r"y_k = \log \frac{e^{x_k}}{\sum_j e^{x_j}} = x_k - \log \sum_j e^{x_j}",
        ),
        "dx": (
            "dx_k = dy_k − p_k · Σ dy_j, over all classes j, with p = softmax(x)",
            r"∂x_k = ∂y_k - \frac{e^{x_k}}{\sum_j e^{x_j}} \sum_j ∂y_j",
        ),
    }

    def sizes(self, what: str, dy: Array | None) -> Array:
        if dy is None:
            return np.abs(self.result()) + self.largest()
        return np.abs(dy) + self.largest() * np.exp(self.result()) * np.abs(dy).sum(-1, keepdims=True)

    def y(self, *index: int) -> tuple[Step, ...]:
        total, x = self.exponentials(index[:-1]), self.factor("x", index)
        value, forms = x.value - math.log(total.value), ("$x − log $Z", r"$x - \log $Z")
        return total, Formula(self.symbol("y", *index), *forms, value, (x,), {"x": x.value, "Z": total.value})

    def dx(self, dy: Array, *index: int) -> tuple[Step, ...]:
        *lead, _ = index
        total, x, d = self.exponentials(lead), self.factor("x", index), self.factor("dy", index, dy)
        terms = Terms(self.numbers("dy", *lead, range(dy.shape[-1]), array=dy))
        every = Sum(Symbol("Σ dy", r"\sum_j \frac{\partial L}{\partial y_j}"), (Part("classes", terms),))
        forms = "$d − e^$x / $Z · ($every)", r"$d - \frac{e^{$x}}{$Z} \cdot ($every)"
        value = d.value - math.exp(x.value) / total.value * every.value
        numbers = {"d": d.value, "x": x.value, "Z": total.value, "every": every.value}
        return total, every, Formula(self.symbol("dx", *index), *forms, value, (d, x), numbers)


@LogSoftmax.called
def log_softmax(x: Any) -> Explanation:
    """Explain `F.log_softmax` along the last dimension.

    >>> print(log_softmax([0, 0]).at(1))
    y_k = log softmax(x)_k = x_k − log Z, with Z = Σ e^x_j over all classes j
      Z = Σ e^x = 1 + 1 = 2
      y[1] = 0 − log 2 = −0.6931
    """
    return explained(LogSoftmax({"x": _logits(x, 4)}, {}, {}))


class Loss(Classes):
    """Losses of rows, or of single logits, and what they are reduced to: (x, target), with a target for each."""

    data = "x", "target"
    axes_needed: ClassVar = {"target": 0}
    size = "y is one number, or with the reduction 'none' one for every target"

    def loss(self, lead: Index, symbol: Symbol) -> tuple[Sum, Formula]:
        """Of a single target."""
        raise NotImplementedError

    def targets(self) -> Array:
        """What every probability should be."""
        raise NotImplementedError

    def run(self) -> tuple[Any, Any]:
        return self.plain(*self.arrays.values(), **self.settings)

    def sizes(self, what: str, dy: Array | None) -> Array:
        if dy is None:
            return np.abs(self.result()) + self.largest().max()
        share, targets = self._share(), self.targets()
        p = share * self.result("dx", np.ones_like(dy)) + targets
        dy = np.abs(dy if self.arrays["x"].ndim == dy.ndim else dy[..., None])
        return (self.largest() * p + targets) * dy / share

    def behind(self, what: str, index: Index) -> list[tuple[str, Index]]:
        lead = index[: self.arrays["target"].ndim]
        rows = [lead] if lead else self._rows()
        return [cell for row in rows for cell in (*self.row(row), ("target", row))]

    def _rows(self) -> list[Index]:
        return list(np.ndindex(self.arrays["target"].shape))

    def y(self, *index: int) -> tuple[Step, ...]:
        rows, symbol = self._rows(), self.symbol("y", *index)
        if self.settings["reduction"] == "none" or len(rows) == 1:
            return self.loss(index or rows[0], symbol)
        steps = [self.loss(at, Symbol(f"ℓ{list(at)}", f"\\ell_{{{','.join(map(str, at))}}}")) for at in rows]
        terms = tuple(Term((Factor(loss.symbol.text, (), loss.value),)) for _, loss in steps)
        return (*(step for pair in steps for step in pair), Sum(symbol, (Part("rows", terms),), self._share()))

    def _share(self) -> int:
        """What the sum over the rows is divided by."""
        return self.arrays["target"].size if self.settings["reduction"] == "mean" else 1

    def less(self, total: Sum, target: float, dy: Array, index: Index, lead: Index) -> tuple[Step, ...]:
        """The gradient of a logit: the probability less the target, times dy, divided for a mean."""
        x, share = self.factor("x", index), self._share()
        d = float(dy[lead] if dy.ndim else dy)
        text, latex = "(e^$x / $Z − ($t))", r"\Big(\frac{e^{$x}}{$Z} - ($t)\Big)"
        if d != 1:
            text, latex = text + " · ($d)", latex + r" \cdot ($d)"
        if share != 1:
            text, latex = text + " / $share", latex + " / $share"
        value = (math.exp(x.value) / total.value - target) * d / share
        numbers = {"x": x.value, "Z": total.value, "t": target, "d": d, "share": share}
        return total, Formula(self.symbol("dx", *index), text, latex, value, (x,), numbers)


class CrossEntropy(Loss):
    """The loss of one row of logits, or a batch of them, with whole classes as targets."""

    title = "Cross-entropy"
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

    def loss(self, lead: Index, symbol: Symbol) -> tuple[Sum, Formula]:
        total, t = self.exponentials(lead), self.factor("x", (*lead, int(self.arrays["target"][lead])))
        value, forms = math.log(total.value) - t.value, ("log $Z − ($t)", r"\log $Z - ($t)")
        return total, Formula(symbol, *forms, value, (t,), {"Z": total.value, "t": t.value})

    def targets(self) -> Array:
        return np.equal(np.arange(self.arrays["x"].shape[-1]), self.arrays["target"][..., None]).astype(float)

    def dx(self, dy: Array, *index: int) -> tuple[Step, ...]:
        *lead, k = index
        hit = int(self.arrays["target"][tuple(lead)]) == k
        return self.less(self.exponentials(lead), hit, dy, index, tuple(lead))


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


class BinaryCrossEntropy(Loss):
    """The loss of every logit by itself: that of two classes, whose logits are 0 and x."""

    title = "Binary cross-entropy with logits"
    formulas: ClassVar = {
        "y": (
            "ℓ = −t·log p − (1 − t)·log(1 − p) = log Z − t·x, with p = σ(x) = e^x / Z and Z = 1 + e^x",
            r"\ell = -t \log \sigma(x) - (1 - t) \log(1 - \sigma(x)) = \log(1 + e^x) - t\, x",
        ),
        "dx": (
            "dx = (p − t) · dy, divided by the number of logits for a mean, with p = σ(x) = e^x / Z and Z = 1 + e^x",
            r"∂x = (\sigma(x) - t)\, ∂\ell",
        ),
    }

    def exponentials(self, lead: Sequence[int]) -> Sum:
        x = self.factor("x", tuple(lead))
        terms = Term((Factor("e^0", (), 1.0),)), Term((x._replace(name="e^x", value=math.exp(x.value)),))
        at, low = (str(list(x.at)), f"_{{{','.join(map(str, x.at))}}}") if x.at else ("", "")
        return Sum(Symbol(f"Z{at} = 1 + e^x", f"Z{low} = 1 + e^x"), (Part("classes", terms),))

    def row(self, lead: Index) -> list[tuple[str, Index]]:
        return [("x", lead)]

    def largest(self) -> Array:
        return 1 + np.abs(self.arrays["x"])

    def targets(self) -> Array:
        return self.arrays["target"]

    def loss(self, lead: Index, symbol: Symbol) -> tuple[Sum, Formula]:
        total, x, t = self.exponentials(lead), self.factor("x", lead), self.factor("target", lead)
        value, forms = math.log(total.value) - t.value * x.value, ("log $Z − $t×($x)", r"\log $Z - $t \cdot ($x)")
        return total, Formula(symbol, *forms, value, (x, t), {"Z": total.value, "t": t.value, "x": x.value})

    def dx(self, dy: Array, *index: int) -> tuple[Step, ...]:
        return self.less(self.exponentials(index), float(self.arrays["target"][index]), dy, index, index)


@BinaryCrossEntropy.called
def binary_cross_entropy_with_logits(x: Any, target: Any, reduction: str = "mean") -> Explanation:
    """Explain `F.binary_cross_entropy_with_logits`: logits x, and for each a target from 0 to 1.

    >>> print(binary_cross_entropy_with_logits(0, 1).at())
    ℓ = −t·log p − (1 − t)·log(1 − p) = log Z − t·x, with p = σ(x) = e^x / Z and Z = 1 + e^x
      Z = 1 + e^x = 1 + 1 = 2
      y = log 2 − 1×0 = 0.6931
    """
    x, target = _logits(x, 4, least=0), array("target", target)
    if x.shape != target.shape:
        raise ValueError(f"target: must have a number for every logit: the shape {x.shape}, not {target.shape}")
    if target.min() < 0 or target.max() > 1:
        raise ValueError("target: must be from 0 to 1")
    return explained(BinaryCrossEntropy({"x": x, "target": target}, {"reduction": reduction}, {}))
