"""One step of Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet import optim
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.tensor import Array, Tensor

STARTER = '''\
def adam_step(w, dw, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """The t-th step of Adam (t is 1 at first): weights w, gradient dw, running means m and v → w, m, v anew."""
    return w - lr * dw, m, v  # yours
'''


def adam_step(
    w: Array,
    dw: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """The t-th step of Adam (t is 1 at first): weights w, gradient dw, running means m and v → w, m, v anew."""
    m = beta1 * m + (1 - beta1) * dw
    v = beta2 * v + (1 - beta2) * dw**2
    mean, square = m / (1 - beta1**t), v / (1 - beta2**t)  # both began at 0, and are too small by as much
    return w - lr * mean / (np.sqrt(square) + eps), m, v


def with_one_rate(
    w: Array,
    dw: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """The same with both corrections in one rate, and means that move towards what is new."""
    m, v = m + (1 - beta1) * (dw - m), v + (1 - beta2) * (dw * dw - v)
    root = (1 - beta2**t) ** 0.5
    return w - lr * root / (1 - beta1**t) * m / (v**0.5 + root * eps), m, v


def _first(rng: np.random.Generator, size: int) -> Inputs:
    w, dw = whole(rng, size + 1), whole(rng, size + 1)
    return {"w": w, "dw": np.where(dw == 0, 2.0, dw), "m": np.zeros_like(w), "v": np.zeros_like(w), "t": 1, "lr": 0.5}


def _later(rng: np.random.Generator, size: int) -> Inputs:
    inputs = _first(rng, size)
    w = inputs["w"]
    return {**inputs, "m": whole(rng, *w.shape) / 4, "v": rng.integers(1, 5, w.shape) / 2, "t": int(rng.integers(2, 9))}


def _settings(rng: np.random.Generator, size: int) -> Inputs:
    return {**_later(rng, size), "beta1": 0.5, "beta2": 0.75, "eps": 1e-8}


def _large_eps(rng: np.random.Generator, size: int) -> Inputs:
    return {**_later(rng, size), "beta1": 0.5, "beta2": 0.75, "eps": 0.5}


def _no_gradient(rng: np.random.Generator, size: int) -> Inputs:
    inputs = _first(rng, size)
    return {**inputs, "dw": np.zeros_like(inputs["dw"])}


def _step(answer: Any, *inputs: Any) -> Any:
    """The call with settings by their names."""
    names = ("lr", "beta1", "beta2", "eps")
    return answer(*inputs[:5], **dict(zip(names, inputs[5:], strict=False)))


def _ours(w: Array, dw: Array, m: Array, v: Array, t: int, lr: float, *others: float) -> Any:
    beta1, beta2, eps = others or (0.9, 0.999, 1e-8)
    adam = optim.Adam([Tensor(w)], lr, (beta1, beta2), eps)
    m, v = m.copy(), v.copy()  # updated in place
    return adam.update(adam.param_groups[0], t, w, dw, m, v), m, v


def _wrong(
    means: Callable[..., Any] = lambda dw, m, v, b, c: (b * m + (1 - b) * dw, c * v + (1 - c) * dw**2),
    step: Callable[..., Any] = lambda dw, m, v, t, b, c, eps: m / (1 - b**t) / (np.sqrt(v / (1 - c**t)) + eps),
    sign: int = -1,
) -> Callable[..., Any]:
    """Adam with other means or another step; b and c are β₁ and β₂."""

    def wrong(
        w: Array,
        dw: Array,
        m: Array,
        v: Array,
        t: int,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> Any:
        m, v = means(dw, m, v, beta1, beta2)
        return w + sign * lr * step(dw, m, v, t, beta1, beta2, eps), m, v

    return wrong


def _old_means(
    w: Array,
    dw: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    _, new_m, new_v = adam_step(w, dw, m, v, t, lr, beta1, beta2, eps)
    return w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps), new_m, new_v


EXERCISE = Exercise(
    name="adam_step",
    number="10.3",
    asks="adam_step(w, dw, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8) is the t-th step of Adam, counted "
    "from 1. It returns the new w, m and v.",
    starter=STARTER,
    properties=(
        Property(
            "first step",
            "At the first step every weight moves by lr against its gradient, however large that is.",
            _first,
            _ours,
            _step,
        ),
        Property(
            "later steps",
            "m and v are running means, too small by 1 − βᵗ, which the step corrects.",
            _later,
            _ours,
            _step,
        ),
        Property("settings", "beta1, beta2 and eps can be given.", _settings, _ours, _step),
        Property("eps", "eps is added to the root, not under it.", _large_eps, _ours, _step),
        Property(
            "no gradient",
            "Where the gradient was always 0, nothing moves: eps keeps 0/0 away.",
            _no_gradient,
            _ours,
            _step,
        ),
    ),
    mistakes=(
        Mistake(
            "not corrected",
            "It does not divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ: both begin at 0 and are too small at first.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (np.sqrt(v) + eps)),
        ),
        Mistake(
            "v not corrected",
            "It does not divide v by 1 − β₂ᵗ.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (1 - b**t) / (np.sqrt(v) + eps)),
        ),
        Mistake(
            "m not corrected",
            "It does not divide m by 1 − β₁ᵗ.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (np.sqrt(v / (1 - c**t)) + eps)),
        ),
        Mistake(
            "t counts from 0",
            "It corrects as if t counted from 0: the first step has t = 1.",
            _wrong(
                step=lambda dw, m, v, t, b, c, eps: m / (1 - b ** (t + 1)) / (np.sqrt(v / (1 - c ** (t + 1))) + eps)
            ),
        ),
        Mistake(
            "always the first step",
            "It corrects by 1 − β instead of 1 − βᵗ.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (1 - b) / (np.sqrt(v / (1 - c)) + eps)),
        ),
        Mistake(
            "no root",
            "It divides by v, not by its root: v is a mean of squares.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (1 - b**t) / (v / (1 - c**t) + eps)),
        ),
        Mistake(
            "no square",
            "It takes the mean of the gradient for v: it is the mean of its square.",
            _wrong(means=lambda dw, m, v, b, c: (b * m + (1 - b) * dw, c * v + (1 - c) * np.abs(dw))),
        ),
        Mistake("uphill", "It moves along the gradient: the loss falls against it.", _wrong(sign=1)),
        Mistake(
            "gradient instead of m",
            "It divides the gradient itself by the root, as RMSProp does: Adam divides its mean m.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: dw / (np.sqrt(v / (1 - c**t)) + eps)),
        ),
        Mistake(
            "betas exchanged",
            "It has beta1 and beta2 exchanged: beta1 belongs to m.",
            _wrong(
                means=lambda dw, m, v, b, c: (c * m + (1 - c) * dw, b * v + (1 - b) * dw**2),
                step=lambda dw, m, v, t, b, c, eps: m / (1 - c**t) / (np.sqrt(v / (1 - b**t)) + eps),
            ),
        ),
        Mistake(
            "new and old exchanged",
            "It gives the old mean the weight 1 − β: it keeps β of what it was.",
            _wrong(means=lambda dw, m, v, b, c: ((1 - b) * m + b * dw, (1 - c) * v + c * dw**2)),
        ),
        Mistake(
            "sum",
            "It adds the gradients up: a running mean takes 1 − β of what is new.",
            _wrong(means=lambda dw, m, v, b, c: (b * m + dw, c * v + dw**2)),
        ),
        Mistake("old means", "It moves by m and v as they were before this step.", _old_means),
        Mistake(
            "eps under the root",
            "It adds eps under the root.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (1 - b**t) / np.sqrt(v / (1 - c**t) + eps)),
        ),
        Mistake(
            "no eps",
            "It leaves eps out, and divides 0 by 0.",
            _wrong(step=lambda dw, m, v, t, b, c, eps: m / (1 - b**t) / np.sqrt(v / (1 - c**t))),
        ),
    ),
    solutions=(adam_step, with_one_rate),
    differs="Both corrections can be put into the learning rate: then m and v are divided by nothing.",
    read_on=("optim/optimizer.py",),
    returns=("w", "m", "v"),
    hints=(
        "Three lines: the new m, the new v, the new w. m keeps 0.9 of what it was and takes 0.1 of the gradient.",
        "At the first step m is 0.1 · dw. Divided by 1 − 0.9¹ it is dw. And v, divided by 1 − 0.999¹, is dw².",
        "So the first step is lr · dw / √(dw²): lr, with the sign of the gradient.",
    ),
)
