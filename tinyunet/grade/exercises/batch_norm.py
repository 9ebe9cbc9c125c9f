"""Batch normalisation: from a batch to normalised maps, and to running statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property, whole
from tinyunet.tensor import Array, Updated

STARTER = '''\
def batch_norm(x, running_mean, running_var, weight, bias, training=False, momentum=0.1, eps=1e-5):
    """Normalise each channel of x (N, C, H, W); weight is γ, bias is β, all vectors (C,)."""
    return x  # yours
'''


def by_axes(
    x: Array,
    running_mean: Array,
    running_var: Array,
    weight: Array,
    bias: Array,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """All channels at once, with vectors that stand along the second axis."""

    def channels(vector: Array) -> Array:
        return vector.reshape(1, -1, 1, 1)  # (1, C, 1, 1)

    if training:
        mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
        m = x.size // len(mean)  # so many numbers share a mean
        running_mean[:] = (1 - momentum) * running_mean + momentum * mean
        running_var[:] = (1 - momentum) * running_var + momentum * var * m / (m - 1)
    else:
        mean, var = running_mean, running_var
    normal = (x - channels(mean)) / np.sqrt(channels(var) + eps)
    return channels(weight) * normal + channels(bias)


def by_channel(
    x: Array,
    running_mean: Array,
    running_var: Array,
    weight: Array,
    bias: Array,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """One channel after the other."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        mean, var = running_mean[c], running_var[c]
        if training:
            mean, var = x[:, c].mean(), x[:, c].var()
            running_mean[c] += momentum * (mean - running_mean[c])
            running_var[c] += momentum * (x[:, c].var(ddof=1) - running_var[c])
        y[:, c] = weight[c] * (x[:, c] - mean) / (var + eps) ** 0.5 + bias[c]
    return y


# ---- what must hold


def right(x: Array, *vectors_and_settings: Any) -> Array:
    """Ours."""
    y: Array = F.batch_norm(x, *vectors_and_settings).numpy()
    return y


def right_running(*inputs: Any) -> tuple[Array, Array]:
    """What ours leaves in the running statistics."""
    right(*inputs)
    return inputs[1], inputs[2]


def running(answer: Any, *inputs: Any) -> tuple[Array, Array]:
    """What an answer leaves in them."""
    answer(*inputs)
    return inputs[1], inputs[2]


SIZES = ((1, 1, 2, 2), (2, 1, 1, 3), (2, 2, 2, 2), (3, 2, 2, 3))


def drawn(rng: np.random.Generator, shape: tuple[int, ...], training: bool, affine: bool = False) -> Inputs:
    """A batch in which no channel is constant."""
    C = shape[1]
    x = whole(rng, *shape, low=0, high=9)
    x[0, :, 0, 0] = x[-1, :, -1, -1] + 1 + np.arange(C)
    return {
        "x": x,
        "running_mean": whole(rng, C, low=1),
        "running_var": rng.choice([4.0, 9.0, 16.0], C),
        "weight": whole(rng, C, low=2) if affine else np.ones(C),
        "bias": whole(rng, C, low=4, high=7) if affine else np.zeros(C),
        "training": training,
    }


def one_channel(training: bool, affine: bool = False) -> Callable[[np.random.Generator, int], Inputs]:
    """One picture with one channel."""
    return lambda rng, size: drawn(
        rng, ((1, 1, 1, 3), (1, 1, 2, 2), (1, 1, 2, 3), (1, 1, 3, 3))[size], training, affine
    )


def several(training: bool) -> Callable[[np.random.Generator, int], Inputs]:
    """Several pictures and channels."""
    return lambda rng, size: drawn(rng, ((2, 1, 1, 2), (2, 2, 1, 2), (2, 2, 2, 2), (3, 2, 2, 3))[size], training, True)


def with_momentum(rng: np.random.Generator, size: int) -> Inputs:
    """Another fraction."""
    return {**one_channel(True)(rng, size), "momentum": 0.25}


def with_eps(rng: np.random.Generator, size: int) -> Inputs:
    """A large ε, so that it is seen where it stands."""
    return {**one_channel(True)(rng, size), "momentum": 0.1, "eps": 1.0}


def explain(
    x: Array,
    running_mean: Array,
    running_var: Array,
    weight: Array,
    bias: Array,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Mapping[str, Any]:
    from tinyunet import byhand  # only a hint waits for it

    y = byhand.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
    kept = {name: y.updated(name) for name in ("running_mean", "running_var")} if training else {}
    return {"y": y, **kept}


# ---- what goes wrong


def wrong(
    axes: tuple[int, ...] = (0, 2, 3),
    ddof: int = 0,
    kept_ddof: int = 1,
    normal: Callable[..., Array] = lambda x, mean, var, eps: (x - mean) / np.sqrt(var + eps),
    move: Callable[..., Array] = lambda old, new, momentum: (1 - momentum) * old + momentum * new,
    root: bool = False,
    swapped: bool = False,
    uses_batch: Callable[[bool], bool] = lambda training: training,
    updates: Callable[[bool], bool] = lambda training: training,
) -> Callable[..., Array]:
    """The operation with one thing changed."""

    def batch_norm(
        x: Array,
        running_mean: Array,
        running_var: Array,
        weight: Array,
        bias: Array,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Array:
        def channels(vector: Array) -> Array:
            return vector.reshape(1, -1, 1, 1)

        y_mean, y_var = channels(running_mean).copy(), channels(running_var).copy()
        if uses_batch(training):
            y_mean, y_var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=ddof)
        if updates(training):
            var = x.var((0, 2, 3), ddof=kept_ddof)
            running_mean[:] = move(running_mean, x.mean((0, 2, 3)), momentum)
            running_var[:] = move(running_var, np.sqrt(var) if root else var, momentum)
        gamma, beta = (bias, weight) if swapped else (weight, bias)
        return channels(gamma) * normal(x, y_mean, y_var, eps) + channels(beta)

    return batch_norm


EXERCISE = Exercise(
    name="batch_norm",
    number="05.2",
    asks="Normalise each channel of a batch, in training with its own mean and variance, in evaluation with the "
    "running ones; in training also move the running statistics, in place.",
    starter=STARTER,
    properties=(
        Property(
            "evaluation",
            "In evaluation each number becomes (x − running mean) / √(running variance + ε).",
            one_channel(False),
            right,
        ),
        Property(
            "γ and β", "Then it is multiplied by γ = weight, and β = bias is added.", one_channel(False, True), right
        ),
        Property(
            "evaluation changes nothing",
            "In evaluation the running statistics stay as they are.",
            one_channel(False, True),
            right_running,
            call=running,
            returns=("running_mean", "running_var"),
        ),
        Property(
            "training",
            "In training the mean, and the mean of the squared deviations, are those of the batch.",
            one_channel(True),
            right,
        ),
        Property(
            "channels",
            "Each channel has its own mean and variance, over all pictures, rows and columns.",
            several(True),
            right,
        ),
        Property("channels in evaluation", "Each channel has its own running statistics.", several(False), right),
        Property(
            "running mean",
            "In training the running mean moves by the fraction momentum towards the mean of the batch.",
            one_channel(True),
            lambda *inputs: right_running(*inputs)[0],
            call=lambda answer, *inputs: running(answer, *inputs)[0],
            returns=("running_mean",),
        ),
        Property(
            "running variance",
            "The running variance moves towards Σ(x − μ)²/(m − 1), where m numbers share a mean.",
            one_channel(True),
            lambda *inputs: right_running(*inputs)[1],
            call=lambda answer, *inputs: running(answer, *inputs)[1],
            returns=("running_var",),
        ),
        Property(
            "momentum",
            "With momentum 0.25 a quarter of the old statistics is replaced.",
            with_momentum,
            right_running,
            call=running,
            returns=("running_mean", "running_var"),
        ),
        Property(
            "several channels move",
            "Each channel moves its own running statistics.",
            several(True),
            right_running,
            call=running,
            returns=("running_mean", "running_var"),
        ),
        Property("ε", "ε is added to the variance, under the root.", with_eps, right),
    ),
    mistakes=(
        Mistake(
            "variance for standard deviation",
            "The variance is a square. Divide by its root, √(σ² + ε).",
            wrong(normal=lambda x, mean, var, eps: (x - mean) / (var + eps)),
        ),
        Mistake(
            "mean not subtracted",
            "First subtract the mean.",
            wrong(normal=lambda x, mean, var, eps: x / np.sqrt(var + eps)),
        ),
        Mistake(
            "divided by nothing",
            "It subtracts the mean and stops there.",
            wrong(normal=lambda x, mean, var, eps: x - mean),
        ),
        Mistake("gamma and beta swapped", "weight multiplies, and bias is added.", wrong(swapped=True)),
        Mistake(
            "unbiased variance",
            "To normalise, divide the sum of squares by m. By m − 1 it is only divided for the running variance.",
            wrong(ddof=1),
        ),
        Mistake(
            "one mean for each picture",
            "A channel has one mean over all pictures of the batch: average axis 0, too.",
            wrong(axes=(2, 3)),
        ),
        Mistake(
            "one mean for all channels",
            "Each channel has a mean of its own: do not average axis 1.",
            wrong(axes=(0, 1, 2, 3)),
        ),
        Mistake(
            "one mean for each place",
            "A channel has one mean over all of its places: average axes 2 and 3, too.",
            wrong(axes=(0,)),
        ),
        Mistake(
            "running statistics in training",
            "In training it normalises with the running statistics. Those of the batch belong there.",
            wrong(uses_batch=lambda training: False),
        ),
        Mistake(
            "batch statistics in evaluation",
            "In evaluation it normalises with the statistics of the batch. The running ones belong there.",
            wrong(uses_batch=lambda training: True),
        ),
        Mistake(
            "moved in evaluation",
            "Evaluation must change nothing: who only asks the network would change it.",
            wrong(updates=lambda training: True),
        ),
        Mistake(
            "running statistics stay",
            "They never change. After running_mean = … a name means another array, and the caller's is what it was: "
            "write running_mean[:] = ….",
            wrong(updates=lambda training: False),
        ),
        Mistake(
            "momentum reversed",
            "The old value should keep nine tenths, and the batch should give one.",
            wrong(move=lambda old, new, momentum: momentum * old + (1 - momentum) * new),
        ),
        Mistake(
            "replaced at once",
            "They become those of the last batch, without a trace of the ones before.",
            wrong(move=lambda old, new, momentum: new),
        ),
        Mistake(
            "added without taking away",
            "They grow without end: what was there must first be multiplied by 1 − momentum.",
            wrong(move=lambda old, new, momentum: old + momentum * new),
        ),
        Mistake(
            "biased variance kept",
            "For the running variance the sum of squares is divided by m − 1, not by m.",
            wrong(kept_ddof=0),
        ),
        Mistake("standard deviation kept", "The running variance is a variance: no root.", wrong(root=True)),
        Mistake(
            "momentum fixed",
            "The fraction is always 0.1, whatever momentum is.",
            wrong(move=lambda old, new, momentum: 0.9 * old + 0.1 * new),
        ),
        Mistake(
            "ε outside the root",
            "ε is added to the variance, before the root is taken.",
            wrong(normal=lambda x, mean, var, eps: (x - mean) / (np.sqrt(var) + eps)),
        ),
        Mistake(
            "ε forgotten",
            "Add ε to the variance: a channel of equal numbers would be 0/0.",
            wrong(normal=lambda x, mean, var, eps: (x - mean) / np.sqrt(var)),
        ),
    ),
    solutions=(by_axes, by_channel),
    differs="Ours keeps x − μ for the backward, and adds up in float64, so that large batches lose no digits.",
    read_on=("ops/norm.py",),
    hints=(
        "Begin with evaluation: mean and variance are given, and one line does the rest.",
        "A vector (C,) meets the channels of (N, C, H, W) as vector.reshape(1, -1, 1, 1).",
        "In training: x.mean(axis=(0, 2, 3)) and x.var(axis=(0, 2, 3)) have one number for each channel.",
        "running_mean[:] = 0.9 · running_mean + 0.1 · mean, with momentum for 0.1. The variance is first multiplied by "
        "m/(m − 1), where m is how many numbers share a mean.",
    ),
    explain=explain,
    updates=("running_mean", "running_var"),
    operation="batch_norm",
    stand_in=lambda mine, ours: forward(mine, ours),
)


def forward(mine: Callable[..., Array], operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with this forward, and the backward that it has."""

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
        settings = training, momentum, eps
        if input.ndim != 4:
            return operation(input, running_mean, running_var, weight, bias, *settings)
        ones = np.ones(input.shape[1], input.dtype)
        given, defaults = (running_mean, running_var, weight, bias), (0 * ones, ones.copy(), ones, 0 * ones)
        vectors = [default if v is None else v for v, default in zip(given, defaults, strict=True)]
        copies = [None if v is None else v.copy() for v in (running_mean, running_var)]
        _, backward = operation(input, *copies, weight, bias, *settings)  # moves the copies
        return mine(input, *vectors, *settings), backward

    return with_mine
