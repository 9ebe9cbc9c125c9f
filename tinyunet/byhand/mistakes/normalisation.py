"""Batch normalisation: the axes and moments, γ and β, the running statistics, the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import Answers, mistake, other_orders, rare
from tinyunet.tensor import Array


def _normalised(
    op: Operation, axes: tuple[int, ...], ddof: int = 0, power: float = 0.5, eps: float | None = None
) -> Array:
    """x normalised over some axes, by (variance + ε) to some power; with γ and β."""
    x = op.arrays["x"]
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=ddof)
    return _affine(op, (x - mean) / (var + (op.settings["eps"] if eps is None else eps)) ** power)


def _vector(v: Array | None, x: Array, default: float) -> Any:
    return default if v is None else v.reshape(1, -1, *[1] * (x.ndim - 2))


def _affine(op: Operation, normal: Array) -> Array:
    gamma, beta = (op.arrays[name] for name in ("weight", "bias"))
    return normal * _vector(gamma, normal, 1.0) + _vector(beta, normal, 0.0)


def _batch_axes(op: Operation) -> tuple[int, ...]:
    return tuple(axis for axis in range(op.arrays["x"].ndim) if axis != 1)


@mistake(
    "batch_norm y",
    "unbiased variance",
    "the batch is normalised with the biased variance, divided by m and not by m − 1",
)
def _unbiased(op: Operation, dy: Any) -> Answers:
    if op.settings["training"]:
        yield _normalised(op, _batch_axes(op), ddof=1)


def _moments(op: Operation) -> tuple[Array, Array]:
    """μ and σ² that the operation uses, shaped for broadcasting."""
    x = op.arrays["x"]
    if op.settings["training"]:
        axes = _batch_axes(op)
        return x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return tuple(_vector(op.arrays[name], x, 0.0) for name in ("running_mean", "running_var"))


@mistake("batch_norm y", "variance for standard deviation", "divide by the square root √(σ² + ε)")
def _no_root(op: Operation, dy: Any) -> Answers:
    mean, var = _moments(op)
    yield _affine(op, (op.arrays["x"] - mean) / (var + op.settings["eps"]))


@mistake("batch_norm y", "epsilon forgotten", "ε is added to the variance, under the root")
def _no_epsilon(op: Operation, dy: Any) -> Answers:
    mean, var = _moments(op)
    if np.all(var > 0):
        yield _affine(op, (op.arrays["x"] - mean) / np.sqrt(var))
        yield _affine(op, (op.arrays["x"] - mean) / (np.sqrt(var) + op.settings["eps"])), "added after the root"


@mistake("batch_norm y", "mean not subtracted", "x − μ is divided, not x")
def _no_mean(op: Operation, dy: Any) -> Answers:
    _, var = _moments(op)
    yield _affine(op, op.arrays["x"] / np.sqrt(var + op.settings["eps"]))


@mistake("batch_norm y", "wrong axes", "mean and variance are taken channel by channel, over batch, height and width")
def _wrong_axes(op: Operation, dy: Any) -> Answers:
    if not op.settings["training"]:
        return
    x = op.arrays["x"]
    everything = tuple(range(x.ndim))
    choices = [
        (everything, "over everything"),
        (everything[1:], "image by image"),
        (everything[2:], "image by image and channel by channel"),
        ((0,), "place by place"),
        ((1,), "over the channels"),
    ]
    for axes, detail in choices:
        if axes and axes != _batch_axes(op):
            yield _normalised(op, axes), detail


@mistake("batch_norm y", "gamma or beta forgotten", "y = γ·x̂ + β")
def _no_affine(op: Operation, dy: Any) -> Answers:
    for left_out, detail in ((("weight",), "gamma"), (("bias",), "beta"), (("weight", "bias"), "both")):
        if all(op.arrays[name] is not None for name in left_out):
            yield op.changed(**dict.fromkeys(left_out)).result(), detail


@mistake("batch_norm y", "gamma and beta swapped", "γ multiplies, β is added")
def _swapped(op: Operation, dy: Any) -> Answers:
    gamma, beta = op.arrays["weight"], op.arrays["bias"]
    if gamma is not None and beta is not None:
        yield op.changed(weight=beta, bias=gamma).result()


@mistake(
    "batch_norm y",
    "statistics of the wrong mode",
    "training uses the batch's mean and variance, evaluation the running ones",
)
def _other_mode(op: Operation, dy: Any) -> Answers:
    there = op.arrays["running_mean"] is not None and op.arrays["running_var"] is not None
    x = op.arrays["x"]
    if op.settings["training"] and there:
        yield op.changed(training=False).result(), "the running ones in training"
    elif not op.settings["training"] and x.size > x.shape[1]:
        yield op.changed(training=True).result(), "the batch's in evaluation"


@mistake(
    "batch_norm running_mean, batch_norm running_var",
    "momentum reversed",
    "running ← (1 − momentum)·running + momentum·batch",
)
def _momentum(op: Operation, dy: Any) -> Answers:
    other = op.changed(momentum=1 - op.settings["momentum"])
    for what in ("running_mean", "running_var"):
        yield other.result(what)


RUNNING = "momentum forgotten", "running ← (1 − momentum)·running + momentum·batch"


def _not_mixed(op: Operation, what: str) -> Answers:
    """The batch's value alone, and added to the old one."""
    old, momentum = op.arrays[what], op.settings["momentum"]
    batch = (op.result(what) - (1 - momentum) * old) / momentum if momentum else old
    yield batch, "the batch alone"
    yield old + momentum * batch, "the old value in full"


@mistake("batch_norm running_mean", *RUNNING)
def _mean_not_mixed(op: Operation, dy: Any) -> Answers:
    yield from _not_mixed(op, "running_mean")


@mistake("batch_norm running_var", *RUNNING)
def _var_not_mixed(op: Operation, dy: Any) -> Answers:
    yield from _not_mixed(op, "running_var")


@mistake("batch_norm running_var", "biased variance", "what is kept is divided by m − 1")
def _biased_kept(op: Operation, dy: Any) -> Answers:
    momentum = op.settings["momentum"]
    biased = op.arrays["x"].var(_batch_axes(op))
    yield (1 - momentum) * op.arrays["running_var"] + momentum * biased


def _normal(op: Operation) -> tuple[Array, Array, Any]:
    """x̂, the root √(σ² + ε), and γ, shaped for broadcasting."""
    mean, var = _moments(op)
    x = op.arrays["x"]
    root = np.sqrt(var + op.settings["eps"])
    return (x - mean) / root, root, _vector(op.arrays["weight"], x, 1.0)


@mistake("batch_norm dx", "dx as dy·γ/σ", "mean and variance depend on x, too: two more terms")
def _direct(op: Operation, dy: Any) -> Answers:
    _, root, gamma = _normal(op)
    yield dy * gamma / root


@mistake("batch_norm dx", "without its variance term", "subtract x̂·mean(dy·x̂) as well")
def _no_variance_term(op: Operation, dy: Any) -> Answers:
    _, root, gamma = _normal(op)
    yield gamma / root * (dy - dy.mean(_batch_axes(op), keepdims=True))


@mistake("batch_norm dx", "without its mean term", "subtract mean(dy) as well")
def _no_mean_term(op: Operation, dy: Any) -> Answers:
    normal, root, gamma = _normal(op)
    yield gamma / root * (dy - normal * (dy * normal).mean(_batch_axes(op), keepdims=True))


@mistake("batch_norm dx", "gamma forgotten", "dx̂ = γ·dy")
def _gamma_forgotten(op: Operation, dy: Any) -> Answers:
    yield op.changed(weight=None).result("dx", dy)


@mistake("batch_norm dweight", "x in place of x̂", "γ was multiplied by the normalised x̂")
def _not_normalised(op: Operation, dy: Any) -> Answers:
    yield (dy * op.arrays["x"]).sum(_batch_axes(op))


# ---- less usual


@rare("batch_norm y", "beta scaled", "γ multiplies x̂ alone: y = γ·x̂ + β, not γ·(x̂ + β)")
def _beta_scaled(op: Operation, dy: Any) -> Answers:
    gamma, beta = op.arrays["weight"], op.arrays["bias"]
    if gamma is not None and beta is not None:
        yield op.changed(bias=gamma * beta).result()


@rare("batch_norm y", "gamma or beta of another channel", "channel c has γ[c] and β[c]")
def _other_channel(op: Operation, dy: Any) -> Answers:
    for names in (("weight",), ("bias",), ("weight", "bias")):
        vectors = {name: op.arrays[name] for name in names if op.arrays[name] is not None}
        for order in other_orders(op.arrays["x"].shape[1]):
            if len(vectors) == len(names):
                yield op.changed(**{name: v[order] for name, v in vectors.items()}).result()


@rare("batch_norm y", "variance not divided", "σ² is the mean of the squares (x − μ)², not their sum")
def _not_averaged(op: Operation, dy: Any) -> Answers:
    if op.settings["training"]:
        (mean, var), x = _moments(op), op.arrays["x"]
        yield _affine(op, (x - mean) / np.sqrt(var * x.size / x.shape[1] + op.settings["eps"]))


@rare("batch_norm y", "another measure of spread", "σ is the root of the mean of the squares (x − μ)²")
def _other_spread(op: Operation, dy: Any) -> Answers:
    if not op.settings["training"]:
        return
    (mean, _), x, axes, eps = _moments(op), op.arrays["x"], _batch_axes(op), op.settings["eps"]
    off, low, high = x - mean, x.min(axes, keepdims=True), x.max(axes, keepdims=True)
    yield _affine(op, off / (np.abs(off).mean(axes, keepdims=True))), "the mean of |x − μ|"
    yield _affine(op, off / np.sqrt((x**2).mean(axes, keepdims=True) + eps)), "the mean of x², without μ"
    yield _affine(op, x / np.sqrt((x**2).mean(axes, keepdims=True) + eps)), "the mean of x², and μ left in"
    yield _affine(op, off / (off.var(axes, keepdims=True) + eps) ** 2), "the square of σ²"
    yield _affine(op, off / (high - low)), "the range"
    yield _affine(op, (x - low) / (high - low)), "the range, and the minimum for μ"


@rare("batch_norm y", "wrong axes", "mean and variance are taken channel by channel, over batch, height and width")
def _wrong_axes_unbiased(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    if op.settings["training"] and x[0].size > 1:
        everything = tuple(range(x.ndim))
        yield _normalised(op, everything, ddof=1), "over everything, and unbiased"
        yield _normalised(op, everything[1:], ddof=1), "image by image, and unbiased"


@rare("batch_norm y", "median for mean", "μ is the mean of the channel")
def _median(op: Operation, dy: Any) -> Answers:
    if op.settings["training"]:
        (_, var), x, axes = _moments(op), op.arrays["x"], _batch_axes(op)
        off = x - np.median(x, axes, keepdims=True)
        yield _affine(op, off / np.sqrt(var + op.settings["eps"])), "in x − μ"
        yield (
            _affine(op, off / np.sqrt((off**2).mean(axes, keepdims=True) + op.settings["eps"])),
            "in σ, too",
        )


@rare("batch_norm y", "sign reversed", "x − μ is divided, not μ − x")
def _sign_reversed(op: Operation, dy: Any) -> Answers:
    mean, var = _moments(op)
    yield _affine(op, (mean - op.arrays["x"]) / np.sqrt(var + op.settings["eps"]))


@rare("batch_norm y", "brackets forgotten", "x − μ is divided, not μ alone")
def _brackets(op: Operation, dy: Any) -> Answers:
    mean, var = _moments(op)
    yield _affine(op, op.arrays["x"] - mean / np.sqrt(var + op.settings["eps"]))


@rare("batch_norm y", "not divided", "x − μ is divided by √(σ² + ε)")
def _only_centred(op: Operation, dy: Any) -> Answers:
    mean, _ = _moments(op)
    yield _affine(op, op.arrays["x"] - mean)


NOT_UPDATED = "not updated", "training moves the running statistics"


@rare("batch_norm running_mean", *NOT_UPDATED)
def _mean_not_updated(op: Operation, dy: Any) -> Answers:
    yield op.arrays["running_mean"]


@rare("batch_norm running_var", *NOT_UPDATED)
def _var_not_updated(op: Operation, dy: Any) -> Answers:
    yield op.arrays["running_var"]


@rare("batch_norm running_var", "standard deviation for variance", "the variance is kept, without a root")
def _deviation_kept(op: Operation, dy: Any) -> Answers:
    momentum, x = op.settings["momentum"], op.arrays["x"]
    for ddof, detail in ((1, "divided by m − 1"), (0, "divided by m")):
        yield (1 - momentum) * op.arrays["running_var"] + momentum * x.std(_batch_axes(op), ddof=ddof), detail


@rare("batch_norm dx", "statistics of the wrong mode", "in evaluation mean and variance are constants: dx = dy·γ/σ")
def _dx_of_training(op: Operation, dy: Any) -> Answers:
    if not op.settings["training"]:
        x, axes = op.arrays["x"], _batch_axes(op)
        yield op.changed(training=True).result("dx", dy), "as in training"
        batch = op.changed(running_mean=x.mean(axes), running_var=x.var(axes))
        yield batch.result("dx", dy), "dy·γ/σ, with the batch's σ"


@rare("batch_norm dx", "not divided by σ", "the whole bracket is multiplied by γ/√(σ² + ε)")
def _dx_not_divided(op: Operation, dy: Any) -> Answers:
    _, root, _ = _normal(op)
    yield op.result("dx", dy) * root, "multiplied by γ alone"
    yield op.result("dx", dy) / root, "divided by σ² + ε"


@rare("batch_norm dx", "sums for means", "mean(dy) and mean(dy·x̂) are divided by m")
def _dx_sums(op: Operation, dy: Any) -> Answers:
    normal, root, gamma = _normal(op)
    sums = [part.sum(_batch_axes(op), keepdims=True) for part in (dy, dy * normal)]
    if op.settings["training"]:
        yield gamma / root * (dy - sums[0] - normal * sums[1])


@rare("batch_norm dweight", "σ forgotten", "γ was multiplied by x̂ = (x − μ)/√(σ² + ε)")
def _only_off(op: Operation, dy: Any) -> Answers:
    normal, root, _ = _normal(op)
    yield (dy * normal * root).sum(_batch_axes(op)), "x − μ in place of x̂"
    yield (dy * normal / root).sum(_batch_axes(op)), "divided by the variance"


@rare("batch_norm dx", "variance term", "what is subtracted is x̂·mean(dy·x̂), once")
def _variance_term(op: Operation, dy: Any) -> Answers:
    normal, root, gamma = _normal(op)
    term = normal * (dy * normal).mean(_batch_axes(op), keepdims=True)
    if op.settings["training"]:
        for factor, detail in ((1, "added, not subtracted"), (-0.5, "half of it"), (-2, "twice")):
            yield gamma / root * (dy - dy.mean(_batch_axes(op), keepdims=True) + factor * term), detail


@rare("batch_norm dx", "unbiased variance", "σ² is divided by m, as in the forward pass")
def _dx_unbiased(op: Operation, dy: Any) -> Answers:
    (mean, var), x, axes = _moments(op), op.arrays["x"], _batch_axes(op)
    m = x.size / x.shape[1]
    if op.settings["training"] and m > 1:
        _, _, gamma = _normal(op)
        root = np.sqrt(var * m / (m - 1) + op.settings["eps"])
        normal = (x - mean) / root
        for divisor, detail in ((m, "in σ"), (m - 1, "in σ and in the variance term")):
            term = normal * (dy * normal).sum(axes, keepdims=True) / divisor
            yield gamma / root * (dy - dy.mean(axes, keepdims=True) - term), detail


@rare("batch_norm dweight", "not summed", "γ is used in all places; their gradients add up")
def _dweight_places(op: Operation, dy: Any) -> Answers:
    normal, _, _ = _normal(op)
    yield dy * normal


@rare("batch_norm dweight", "y in place of x̂", "γ was multiplied by x̂, before β was added")
def _dweight_of_y(op: Operation, dy: Any) -> Answers:
    yield (dy * op.result()).sum(_batch_axes(op))


@rare("batch_norm running_var", "momentum reversed", "running ← (1 − momentum)·running + momentum·batch")
def _momentum_and_bias(op: Operation, dy: Any) -> Answers:
    momentum = op.settings["momentum"]
    yield (
        momentum * op.arrays["running_var"] + (1 - momentum) * op.arrays["x"].var(_batch_axes(op)),
        "and the variance biased",
    )


@rare("batch_norm dweight", "mean for sum", "γ is used in all places; their gradients add up")
def _dweight_mean(op: Operation, dy: Any) -> Answers:
    yield op.result("dweight", dy) / (dy.size / dy.shape[1])


@rare("batch_norm dweight", "gamma multiplied in", "dγ = Σ dy·x̂; γ itself is not in it")
def _gamma_in(op: Operation, dy: Any) -> Answers:
    gamma = op.arrays["weight"]
    if gamma is not None:
        yield op.result("dweight", dy) * gamma
