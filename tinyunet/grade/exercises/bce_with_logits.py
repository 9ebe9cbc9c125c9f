"""Binary cross-entropy of logits, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, gradient, value
from tinyunet.ops.elementwise import logistic
from tinyunet.ops.loss import binary_cross_entropy_with_logits
from tinyunet.tensor import Array

STARTER = '''\
def bce_with_logits(x, t):
    """Binary cross-entropy of logits x and truth t, alike in shape. Returns the mean and backward(dy) → dx."""
    y = np.abs(x - t).mean()  # yours

    def backward(dy):
        return np.zeros_like(x)  # yours

    return y, backward
'''


def bce_with_logits(x: Array, t: Array) -> Any:
    """Binary cross-entropy of logits x and truth t, alike in shape. Returns the mean and backward(dy) → dx."""
    y = (np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))).mean()

    def backward(dy: Array) -> Array:
        e = np.exp(-np.abs(x))
        p = np.where(x >= 0, 1, e) / (1 + e)  # σ(x), without an exponential that overflows
        return dy * (p - t) / x.size

    return y, backward


def by_logaddexp(x: Array, t: Array) -> Any:
    """The same with log(1 + eᶻ) = logaddexp(0, z), which NumPy computes safely, and σ(x) = (1 + tanh(x/2))/2."""
    y = np.mean(t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x))
    return y, lambda dy: ((1 + np.tanh(x / 2)) / 2 - t) * (dy / x.size)


def _pixels(rng: np.random.Generator, size: int) -> Inputs:
    shape = ((1,), (2,), (2, 3), (2, 1, 3, 4))[size]
    return {"x": rng.integers(-3, 4, shape).astype(np.float64), "t": rng.integers(0, 2, shape).astype(np.float64)}


def _sure(rng: np.random.Generator, size: int) -> Inputs:
    """Logits whose exponential overflows, right and wrong."""
    inputs = _pixels(rng, size)
    return {"x": np.where(inputs["x"] > 0, 1000.0, -1000.0), "t": inputs["t"]}


def _soft(rng: np.random.Generator, size: int) -> Inputs:
    """Targets between 0 and 1."""
    inputs = _pixels(rng, size)
    return {"x": inputs["x"], "t": rng.integers(1, 4, inputs["t"].shape) / 4}


def _with(draw: Callable[..., Inputs], dy: Callable[[np.random.Generator], float]) -> Callable[..., Inputs]:
    return lambda rng, size: {**draw(rng, size), "dy": np.asarray(dy(rng))}


def _mean(x: Array, t: Array) -> Array:
    return binary_cross_entropy_with_logits.__wrapped__(x, t)[0]  # type: ignore[attr-defined]


def _slope(x: Array, t: Array, dy: Array) -> Array:
    return dy * (logistic(x) - t) / x.size


def _wrong(loss: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
    """A loss and the gradient that is taken for its own; dx is `slope(x, t)` times dy."""
    return lambda x, t: (loss(x, t), lambda dy: slope(x, t) * dy)


def _right(x: Array, t: Array) -> Array:
    return (logistic(x) - t) / x.size


def _naive(x: Array, t: Array) -> Array:
    p = 1 / (1 + np.exp(-x))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()


def _clipped(x: Array, t: Array, eps: float) -> Array:
    p = np.clip(logistic(x), eps, 1 - eps)
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()


def _of_probabilities(x: Array, t: Array) -> Array:
    return -(t * np.log(x) + (1 - t) * np.log(1 - x)).mean()


def _stand_in(answer: Callable[..., Any], operation: Callable[..., Any]) -> Callable[..., Any]:
    def bce(input: Array, target: Array) -> Any:
        return answer(input, np.asarray(target, input.dtype))

    return bce


EXERCISE = Exercise(
    name="bce_with_logits",
    number="10.1",
    asks="bce_with_logits(x, t) is the binary cross-entropy of the logits x against the truth t, the mean of all "
    "pixels. It returns y and backward(dy) → dx.",
    starter=STARTER,
    properties=(
        Property(
            "loss",
            "A pixel costs −t · log σ(x) − (1 − t) · log(1 − σ(x)), and y is the mean.",
            _pixels,
            _mean,
            value,
            returns=("y",),
        ),
        Property(
            "sure",
            "A logit of 1000 or −1000 costs 0 if it is right and 1000 if it is wrong; nothing overflows.",
            _sure,
            _mean,
            value,
            returns=("y",),
        ),
        Property("soft", "t may lie between 0 and 1.", _soft, _mean, value, returns=("y",)),
        Property(
            "gradient",
            "With dy = 1, dx is σ(x) − t, over the number of pixels.",
            _with(_pixels, lambda rng: 1.0),
            _slope,
            gradient,
            returns=("dx",),
        ),
        Property(
            "chain rule",
            "dx counts times dy.",
            _with(_pixels, lambda rng: float(rng.integers(2, 5))),
            _slope,
            gradient,
            returns=("dx",),
        ),
        Property(
            "sure gradient",
            "With logits of 1000 and −1000 the gradient is a number, too.",
            _with(_sure, lambda rng: 1.0),
            _slope,
            gradient,
            returns=("dx",),
        ),
    ),
    mistakes=(
        Mistake(
            "sum",
            "It adds the pixels up: the loss is their mean, or it would grow with the size of the picture.",
            _wrong(lambda x, t: _mean(x, t) * x.size, lambda x, t: _right(x, t) * x.size),
        ),
        Mistake(
            "sign",
            "It has the other sign: −log p is positive, because p is less than 1.",
            _wrong(lambda x, t: -_mean(x, t), lambda x, t: -_right(x, t)),
        ),
        Mistake(
            "background forgotten",
            "It forgets (1 − t) · log(1 − σ(x)): then it costs nothing to mark everything.",
            _wrong(lambda x, t: (t * np.logaddexp(0, -x)).mean(), lambda x, t: t * (logistic(x) - 1) / x.size),
        ),
        Mistake(
            "truth exchanged",
            "It takes foreground for background: t belongs to log σ(x).",
            _wrong(lambda x, t: _mean(x, 1 - t), lambda x, t: (logistic(x) - 1 + t) / x.size),
        ),
        Mistake(
            "probabilities",
            "It takes x for probabilities: they are logits, and σ(x) is the probability.",
            _wrong(_of_probabilities, _right),
        ),
        Mistake(
            "log to base 2",
            "It takes the logarithm to base 2: here it is the natural one, np.log.",
            _wrong(lambda x, t: _mean(x, t) / np.log(2), lambda x, t: _right(x, t) / np.log(2)),
        ),
        Mistake(
            "overflow",
            "It takes the logarithm of σ(x), which is rounded to 0 or 1 for large logits. Write log σ(x) so that "
            "nothing is rounded away: log σ(x) = −log(1 + e^−x).",
            _wrong(_naive, _right),
        ),
        *(
            Mistake(
                f"clipped at {short}",
                f"It keeps the probabilities {short} away from 0 and 1. Then a logit of −1000 costs no more than "
                f"{-np.log(eps):.0f} where it is wrong, and there is no slope to learn by.",
                _wrong(lambda x, t, eps=eps: _clipped(x, t, eps), _right),
            )
            for short, eps in (("10⁻⁷", 1e-7), ("10⁻¹²", 1e-12))
        ),
        Mistake(
            "0 or 1", "It takes every t for 0 or 1.", _wrong(lambda x, t: _mean(x, np.where(t < 0.5, 0.0, 1.0)), _right)
        ),
        Mistake(
            "gradient of a sum",
            "It does not divide the gradient by the number of pixels: y is a mean.",
            _wrong(_mean, lambda x, t: _right(x, t) * x.size),
        ),
        Mistake(
            "gradient with σ′",
            "It multiplies by σ(x) · (1 − σ(x)) once too often: it cancels against the slope of the "
            "logarithm, and σ(x) − t is what is left.",
            _wrong(_mean, lambda x, t: _right(x, t) * logistic(x) * logistic(-x)),
        ),
        Mistake(
            "gradient's sign",
            "It has the gradient the wrong way round, t − σ(x): each step would make the loss larger.",
            _wrong(_mean, lambda x, t: -_right(x, t)),
        ),
        Mistake(
            "gradient of logits", "It is x − t: the gradient is σ(x) − t.", _wrong(_mean, lambda x, t: (x - t) / x.size)
        ),
        Mistake(
            "dy forgotten",
            "It forgets dy: the loss may itself be multiplied or added to others.",
            lambda x, t: (_mean(x, t), lambda dy: _right(x, t)),
        ),
    ),
    solutions=(bce_with_logits, by_logaddexp),
    differs="The loss is written so that no exponential can overflow: −log σ(x) = max(x, 0) − x + log(1 + e^−|x|).",
    read_on=("ops/loss.py", "ops/elementwise.py"),
    hints=(
        "Start with one pixel with t = 1: it costs −log σ(x), and σ(x) = 1/(1 + e^−x). So it costs log(1 + e^−x).",
        "For large negative x, e^−x overflows. Take it out: log(1 + e^−x) = max(−x, 0) + log(1 + e^−|x|).",
        "For the gradient: the slope of log(1 + e^−x) is −e^−x/(1 + e^−x), which is σ(x) − 1.",
    ),
    operation="binary_cross_entropy_with_logits",
    stand_in=_stand_in,
)
