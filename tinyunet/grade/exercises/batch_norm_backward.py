"""The three gradients of a batch normalisation in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, one_of, whole
from tinyunet.tensor import Array, Tensor, Updated

Gradients = tuple[Array, Array, Array]
NAMES = ("dx", "dweight", "dbias")
AXES = (0, 2, 3)

STARTER = '''\
def batch_norm_backward(dy, x, weight, eps=1e-5):
    """dx (N, C, H, W), and dweight and dbias (C,), for dy and x (N, C, H, W) and γ = weight (C,)."""
    dx = dy  # yours
    dweight = np.zeros_like(weight)  # yours
    dbias = np.zeros_like(weight)  # yours
    return dx, dweight, dbias
'''


def three_ways(dy: Array, x: Array, weight: Array, eps: float = 1e-5) -> Gradients:
    """One term for each way from x to the loss."""
    mean, var = x.mean(AXES, keepdims=True), x.var(AXES, keepdims=True)  # (1, C, 1, 1)
    s = np.sqrt(var + eps)
    normal = (x - mean) / s
    scaled = weight.reshape(1, -1, 1, 1) * dy
    through_mean = scaled.mean(AXES, keepdims=True)
    through_var = normal * (scaled * normal).mean(AXES, keepdims=True)
    dx = (scaled - through_mean - through_var) / s
    return dx, (dy * normal).sum(AXES), dy.sum(AXES)


def by_chain(dy: Array, x: Array, weight: Array, eps: float = 1e-5) -> Gradients:
    """Channel by channel, from x̂ back through s, σ² and μ, one rule after the other."""
    dx, dweight, dbias = np.empty_like(x), np.empty_like(weight), np.empty_like(weight)
    for c in range(x.shape[1]):
        off = x[:, c] - x[:, c].mean()
        s = np.sqrt((off * off).mean() + eps)
        dweight[c], dbias[c] = (dy[:, c] * off / s).sum(), dy[:, c].sum()
        dn = weight[c] * dy[:, c]
        dvar = (dn * off).sum() * -0.5 / s**3
        doff = dn / s + dvar * 2 * off / off.size
        dx[:, c] = doff - doff.mean()
    return dx, dweight, dbias


# ---- what must hold


def right(dy: Array, x: Array, weight: Array, eps: float = 1e-5) -> Gradients:
    """Ours."""
    leaves = [Tensor(a, requires_grad=True) for a in (x, weight, np.zeros_like(weight))]
    F.batch_norm(leaves[0], None, None, leaves[1], leaves[2], training=True, eps=eps).backward(dy)
    dx, dweight, dbias = (np.asarray(leaf.grad) for leaf in leaves)
    return dx, dweight, dbias


def only(name: str) -> dict[str, Any]:
    """A property of one of the three gradients."""
    return one_of(NAMES, name, right)


def drawn(rng: np.random.Generator, *shape: int, gamma: bool = False) -> Inputs:
    """Slopes, and a batch in which no channel is constant."""
    C = shape[1]
    x = whole(rng, *shape, low=0, high=9)
    x[0, :, 0, 0] = x[-1, :, -1, -1] + 2 + np.arange(C)
    dy = whole(rng, *shape)
    dy[0, :, 0, 0] = 3
    return {"dy": dy, "x": x, "weight": whole(rng, C, low=2) if gamma else np.ones(C)}


def one_channel(gamma: bool = False) -> Callable[[np.random.Generator, int], Inputs]:
    """One picture with one channel."""
    return lambda rng, size: drawn(rng, 1, 1, *((1, 3), (2, 2), (2, 3), (3, 3))[size], gamma=gamma)


def several(rng: np.random.Generator, size: int) -> Inputs:
    """Several pictures and channels."""
    return drawn(rng, *((2, 1, 1, 2), (2, 2, 1, 2), (2, 2, 2, 2), (3, 2, 2, 3))[size], gamma=True)


def with_eps(rng: np.random.Generator, size: int) -> Inputs:
    """A large ε, so that it is seen."""
    return {**one_channel()(rng, size), "eps": 1.0}


def explain(dy: Array, x: Array, weight: Array, eps: float = 1e-5) -> Mapping[str, Any]:
    from tinyunet import byhand  # only a hint waits for it

    y = byhand.batch_norm(x, weight=weight, bias=np.zeros_like(weight), training=True, eps=eps)
    return {f"d{name}": y.grad(name, dy) for name in ("x", "weight", "bias")}


# ---- what goes wrong


def dx_as(made: Callable[..., Array], axes: tuple[int, ...] = AXES, ddof: int = 0) -> Callable[..., Gradients]:
    """Another dx, made of γ·dy, x̂, s, the mean over a channel, and dy."""

    def wrong(dy: Array, x: Array, weight: Array, eps: float = 1e-5) -> Gradients:
        s = np.sqrt(x.var(axes, keepdims=True, ddof=ddof) + eps)
        normal = (x - x.mean(axes, keepdims=True)) / s
        scaled = weight.reshape(1, -1, 1, 1) * dy
        dx = made(scaled, normal, s, lambda numbers: numbers.mean(axes, keepdims=True), dy)
        return dx, *three_ways(dy, x, weight, eps)[1:]

    return wrong


def vectors_as(made: Callable[..., tuple[Array, Array]]) -> Callable[..., Gradients]:
    """Others than dweight and dbias, made of both, dy and x."""

    def wrong(dy: Array, x: Array, weight: Array, eps: float = 1e-5) -> Gradients:
        dx, dweight, dbias = three_ways(dy, x, weight, eps)
        return dx, *made(dweight, dbias, dy, x)

    return wrong


def count(x: Array) -> int:
    """How many numbers share a mean."""
    return x.size // x.shape[1]


EXERCISE = Exercise(
    name="batch_norm_backward",
    number="05.3",
    asks="Given the slopes dy at the outputs of a batch normalisation in training, give those at x, at γ and at β.",
    starter=STARTER,
    properties=(
        Property("dbias", "β is added to every number of its channel: dβ = Σ dy.", one_channel(), **only("dbias")),
        Property("dweight", "γ multiplies every x̂ of its channel: dγ = Σ dy·x̂.", one_channel(), **only("dweight")),
        Property(
            "dx", "Three ways lead from a number to the loss, and dx has a term for each.", one_channel(), **only("dx")
        ),
        Property("γ", "Whatever reaches x̂ comes through γ.", one_channel(gamma=True), **only("dx")),
        Property(
            "several pictures and channels",
            "A channel is a group of its own, over all pictures and places.",
            several,
            right,
        ),
        Property("ε", "s is √(σ² + ε).", with_eps, right),
        Property(
            "nothing along the mean",
            "The dx of a channel add up to 0, because adding the same to all its numbers changes nothing.",
            several,
            law=lambda answer, dy, x, weight: (answer(dy, x, weight)[0].sum(AXES), np.zeros_like(weight)),
            returns=("the sums of dx",),
        ),
    ),
    mistakes=(
        Mistake(
            "mean and variance as constants",
            "Only the direct way is there. Each number also moves mean and variance, and with them all outputs.",
            dx_as(lambda d, n, s, mean, dy: d / s),
        ),
        Mistake(
            "way through the variance forgotten",
            "Each number also moves the variance: the term x̂·mean(dy·x̂).",
            dx_as(lambda d, n, s, mean, dy: (d - mean(d)) / s),
        ),
        Mistake(
            "way through the mean forgotten",
            "Each number also moves the mean: the term mean(dy).",
            dx_as(lambda d, n, s, mean, dy: (d - n * mean(d * n)) / s),
        ),
        Mistake(
            "not divided by s",
            "All three ways go through x̂ = (x − μ)/s: divide by s.",
            dx_as(lambda d, n, s, mean, dy: d - mean(d) - n * mean(d * n)),
        ),
        Mistake(
            "divided by the variance",
            "Divide by s = √(σ² + ε), not by its square.",
            dx_as(lambda d, n, s, mean, dy: (d - mean(d) - n * mean(d * n)) / s**2),
        ),
        Mistake(
            "only the direct way divided",
            "The division by s belongs to all three terms: brackets are missing.",
            dx_as(lambda d, n, s, mean, dy: d / s - mean(d) - n * mean(d * n)),
        ),
        Mistake(
            "sums instead of means",
            "A number moves the mean by a part 1/m only: the terms hold means, not sums.",
            dx_as(lambda d, n, s, mean, dy: (d - (mean(d) + n * mean(d * n)) * (d.size // d.shape[1])) / s),
        ),
        Mistake(
            "sign of the variance term",
            "When s grows, all x̂ shrink towards 0: the term is subtracted.",
            dx_as(lambda d, n, s, mean, dy: (d - mean(d) + n * mean(d * n)) / s),
        ),
        Mistake(
            "x̂ missing in front of the mean",
            "A number moves the variance the more, the further it is from the mean: times its own x̂.",
            dx_as(lambda d, n, s, mean, dy: (d - mean(d) - mean(d * n)) / s),
        ),
        Mistake(
            "γ forgotten",
            "y = γ·x̂ + β: what reaches x̂ is γ·dy.",
            dx_as(lambda d, n, s, mean, dy: (dy - mean(dy) - n * mean(dy * n)) / s),
        ),
        Mistake(
            "unbiased variance",
            "The batch was normalised with the sum of squares divided by m, not by m − 1.",
            dx_as(lambda d, n, s, mean, dy: (d - mean(d) - n * mean(d * n)) / s, ddof=1),
        ),
        Mistake(
            "one mean for each picture",
            "A channel has one mean over all pictures: average axis 0, too.",
            dx_as(lambda d, n, s, mean, dy: (d - mean(d) - n * mean(d * n)) / s, axes=(2, 3)),
        ),
        Mistake(
            "dγ with x instead of x̂",
            "γ multiplies x̂, the normalised numbers.",
            vectors_as(lambda dweight, dbias, dy, x: ((dy * x).sum(AXES), dbias)),
        ),
        Mistake(
            "dγ and dβ averaged",
            "γ and β work on all numbers of a channel: their slopes are added, not averaged.",
            vectors_as(lambda dweight, dbias, dy, x: (dweight / count(x), dbias / count(x))),
        ),
        Mistake(
            "dγ and dβ swapped",
            "The order is dx, dweight, dbias; weight is γ.",
            vectors_as(lambda dweight, dbias, dy, x: (dbias, dweight)),
        ),
    ),
    solutions=(three_ways, by_chain),
    differs="Ours does the same in place, because it takes as long as it reads and writes memory.",
    read_on=("ops/norm.py",),
    returns=NAMES,
    hints=(
        "Begin with dβ: it is added to every number of its channel. By how much does the loss grow?",
        "You need x̂ again: the mean and variance of x, with keepdims=True, so that they meet x as they are.",
        "Each dy first becomes γ·dy. Then subtract two terms, and divide all by s.",
        "The terms are the mean of γ·dy over the channel, and x̂ times the mean of γ·dy·x̂.",
    ),
    explain=explain,
    operation="batch_norm",
    stand_in=lambda mine, ours: backward(mine, ours),
)


def backward(mine: Callable[..., Gradients], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with this backward in training, and the forward that it has."""

    def with_mine(
        input: Array,
        running_mean: Updated | None,
        running_var: Updated | None,
        weight: Array | None = None,
        bias: Array | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Any:
        y, ours = operation(input, running_mean, running_var, weight, bias, training, momentum, eps)
        if not training or input.ndim != 4:
            return y, ours
        gamma = np.ones(input.shape[1], input.dtype) if weight is None else weight

        def gradients(dy: Array) -> Any:
            dx, dweight, dbias = mine(dy, input, gamma, eps)
            return dx, None, None, dweight, dbias

        return y, gradients

    return with_mine
