"""Batch normalisation: the axes and moments, γ and β, the running statistics, the gradients."""

import functools
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import Quantities, other_orders, usual_and_rare
from tinyunet.tensor import Array


class Normalisation(Quantities):
    """The moments of a channel's m numbers, x̂ and γ, as they enter y and the gradients; they broadcast over x."""

    training: bool
    eps: float
    momentum: float

    def prepare(self) -> None:
        self.all = tuple(range(self.x.ndim))
        self.axes = self.all[:1] + self.all[2:]
        self.m = self.x.size / self.x.shape[1]
        self.gamma, self.beta = self._over_x("weight", 1.0), self._over_x("bias", 0.0)
        if self.training:
            self.mu, self.var = self.mean(self.x), self.x.var(self.axes, keepdims=True)
        else:
            self.mu, self.var = self._over_x("running_mean"), self._over_x("running_var")
        self.low, self.range = self.x.min(self.axes, keepdims=True), np.ptp(self.x, self.axes, keepdims=True)
        self.off, self.root = self.x - self.mu, np.sqrt(self.var + self.eps)
        self.normal, self.scale = self.off / self.root, self.gamma / self.root  # x̂, and γ/√(σ² + ε)

    def _over_x(self, name: str, default: float = 0.0) -> Any:
        vector = self.op.arrays[name]
        return default if vector is None else vector.reshape(1, -1, *[1] * (self.x.ndim - 2))

    def mean(self, a: Array) -> Array:
        return a.mean(self.axes, keepdims=True)

    def affine(self, normal: Array) -> Array:
        """y from another x̂."""
        return normal * self.gamma + self.beta

    def over(self, axes: tuple[int, ...], ddof: int = 0) -> Array | None:
        """y in training, with the moments over other axes."""
        if not self.training or not axes or (axes == self.axes and not ddof):
            return None
        mean, var = self.x.mean(axes, keepdims=True), self.x.var(axes, keepdims=True, ddof=ddof)
        return self.affine((self.x - mean) / np.sqrt(var + self.eps))

    def reordered(self, *names: str) -> list[Array]:
        """y with γ or β of other channels."""
        vectors = {name: self.op.arrays[name] for name in names}
        if any(vector is None for vector in vectors.values()):
            return []
        orders = other_orders(self.x.shape[1])
        return [self.y(**{name: vector[order] for name, vector in vectors.items()}) for order in orders]

    def moved(self, old: Array, batch: Array) -> Array:
        """A running statistic after the update."""
        return (1 - self.momentum) * old + self.momentum * batch

    @property
    def old(self) -> Array:
        """A running statistic before the update."""
        return self.op.arrays[self.what]

    @property
    def batch(self) -> Array:
        """What it moves towards."""
        return self.x.mean(self.axes) if self.what == "running_mean" else self.x.var(self.axes, ddof=1)

    @functools.cached_property
    def off_median(self) -> Array:
        """x less the channel's median."""
        return self.x - np.median(self.x, self.axes, keepdims=True)

    @functools.cached_property
    def variance_term(self) -> Array:
        """x̂·mean(dy·x̂), what dx gets through σ²."""
        return self.normal * self.mean(self.dy * self.normal)

    def unbiased_dx(self, divisor: float) -> Array:
        """dx with the unbiased variance in σ, and some divisor in the variance term."""
        root = np.sqrt(self.var * self.m / (self.m - 1) + self.eps)
        normal = self.off / root
        term = normal * (self.dy * normal).sum(self.axes, keepdims=True) / divisor
        return self.gamma / root * (self.dy - self.mean(self.dy) - term)


def has_both(q: Any) -> bool:
    return q.weight is not None and q.bias is not None


wrong, rare = usual_and_rare("batch_norm y", Normalisation)
wrong(
    "unbiased variance",
    "the batch is normalised with the biased variance, divided by m and not by m − 1",
    lambda q: q.over(q.axes, ddof=1),
)
wrong("variance for standard deviation", "divide by the square root √(σ² + ε)")
wrong.way("", lambda q: q.affine(q.off / (q.var + q.eps)))
wrong("epsilon forgotten", "ε is added to the variance, under the root", where=lambda q: np.all(q.var > 0))
wrong.way("", lambda q: q.affine(q.off / np.sqrt(q.var)))
wrong.way("added after the root", lambda q: q.affine(q.off / (np.sqrt(q.var) + q.eps)))
wrong("mean not subtracted", "x − μ is divided, not x", lambda q: q.affine(q.x / q.root))
AXES = "wrong axes", "mean and variance are taken channel by channel, over batch, height and width"
wrong(*AXES)
wrong.way("over everything", lambda q: q.over(q.all))
wrong.way("image by image", lambda q: q.over(q.all[1:]))
wrong.way("image by image and channel by channel", lambda q: q.over(q.all[2:]))
wrong.way("place by place", lambda q: q.over((0,)))
wrong.way("over the channels", lambda q: q.over((1,)))
wrong("gamma or beta forgotten", "y = γ·x̂ + β")
wrong.way("gamma", lambda q: q.y(weight=None))
wrong.way("beta", lambda q: q.y(bias=None))
wrong.way("both", lambda q: q.normal if has_both(q) else None)
wrong("gamma and beta swapped", "γ multiplies, β is added", lambda q: q.y(weight=q.bias, bias=q.weight), where=has_both)
wrong("statistics of the wrong mode", "training uses the batch's mean and variance, evaluation the running ones")
wrong.way("the running ones in training", lambda q: q.y(training=False) if q.training else None)
wrong.way("the batch's in evaluation", lambda q: None if q.training else q.y(training=True))
rare("beta scaled", "γ multiplies x̂ alone: y = γ·x̂ + β, not γ·(x̂ + β)", lambda q: q.gamma * (q.normal + q.beta))
rare("gamma or beta of another channel", "channel c has γ[c] and β[c]")
rare.way("", lambda q: q.reordered("weight"))
rare.way("", lambda q: q.reordered("bias"))
rare.way("", lambda q: q.reordered("weight", "bias"))
rare("variance not divided", "σ² is the mean of the squares (x − μ)², not their sum", where=lambda q: q.training)
rare.way("", lambda q: q.affine(q.off / np.sqrt(q.m * q.var + q.eps)))
rare("another measure of spread", "σ is the root of the mean of the squares (x − μ)²", where=lambda q: q.training)
rare.way("the mean of |x − μ|", lambda q: q.affine(q.off / q.mean(np.abs(q.off))))
rare.way("the mean of x², without μ", lambda q: q.affine(q.off / np.sqrt(q.mean(q.x**2) + q.eps)))
rare.way("the mean of x², and μ left in", lambda q: q.affine(q.x / np.sqrt(q.mean(q.x**2) + q.eps)))
rare.way("the square of σ²", lambda q: q.affine(q.off / (q.var + q.eps) ** 2))
rare.way("the range", lambda q: q.affine(q.off / q.range))
rare.way("the range, and the minimum for μ", lambda q: q.affine((q.x - q.low) / q.range))
rare(*AXES, where=lambda q: q.x[0].size > 1)
rare.way("over everything, and unbiased", lambda q: q.over(q.all, ddof=1))
rare.way("image by image, and unbiased", lambda q: q.over(q.all[1:], ddof=1))
rare("median for mean", "μ is the mean of the channel", where=lambda q: q.training)
rare.way("in x − μ", lambda q: q.affine(q.off_median / q.root))
rare.way("in σ, too", lambda q: q.affine(q.off_median / np.sqrt(q.mean(q.off_median**2) + q.eps)))
rare("sign reversed", "x − μ is divided, not μ − x", lambda q: q.affine((q.mu - q.x) / q.root))
rare("brackets forgotten", "x − μ is divided, not μ alone", lambda q: q.affine(q.x - q.mu / q.root))
rare("not divided", "x − μ is divided by √(σ² + ε)", lambda q: q.affine(q.off))

MOMENTUM = "running ← (1 − momentum)·running + momentum·batch"
wrong, rare = usual_and_rare("batch_norm running_mean, batch_norm running_var", Normalisation)
wrong("momentum reversed", MOMENTUM, lambda q: [q.result(name, momentum=1 - q.momentum) for name in q.op.updates])
wrong("momentum forgotten", MOMENTUM)
wrong.way("the batch alone", lambda q: q.batch)
wrong.way("the old value in full", lambda q: q.old + q.momentum * q.batch)
rare("not updated", "training moves the running statistics", lambda q: q.old)

wrong, rare = usual_and_rare("batch_norm running_var", Normalisation)
wrong("biased variance", "what is kept is divided by m − 1", lambda q: q.moved(q.old, q.x.var(q.axes)))
rare("standard deviation for variance", "the variance is kept, without a root")
rare.way("divided by m − 1", lambda q: q.moved(q.old, q.x.std(q.axes, ddof=1)))
rare.way("divided by m", lambda q: q.moved(q.old, q.x.std(q.axes)))
rare("momentum reversed", MOMENTUM)
rare.way("and the variance biased", lambda q: q.moved(q.x.var(q.axes), q.old))

wrong, rare = usual_and_rare("batch_norm dx", Normalisation)
wrong("dx as dy·γ/σ", "mean and variance depend on x, too: two more terms", lambda q: q.scale * q.dy)
wrong("without its variance term", "subtract x̂·mean(dy·x̂) as well", lambda q: q.scale * (q.dy - q.mean(q.dy)))
wrong("without its mean term", "subtract mean(dy) as well", lambda q: q.scale * (q.dy - q.variance_term))
wrong("gamma forgotten", "dx̂ = γ·dy", lambda q: q.dx(weight=None))
rare(
    "statistics of the wrong mode",
    "in evaluation mean and variance are constants: dx = dy·γ/σ",
    where=lambda q: q.m > 1,
)
rare.way("as in training", lambda q: q.dx(training=True))
rare.way("dy·γ/σ, with the batch's σ", lambda q: q.dx(running_var=q.x.var(q.axes)))
rare("not divided by σ", "the whole bracket is multiplied by γ/√(σ² + ε)")
rare.way("multiplied by γ alone", lambda q: q.dx() * q.root)
rare.way("divided by σ² + ε", lambda q: q.dx() / q.root)
rare("sums for means", "mean(dy) and mean(dy·x̂) are divided by m", where=lambda q: q.training)
rare.way("", lambda q: q.scale * (q.dy - q.m * q.mean(q.dy) - q.m * q.variance_term))
rare("variance term", "what is subtracted is x̂·mean(dy·x̂), once", where=lambda q: q.training)
rare.way("added, not subtracted", lambda q: q.scale * (q.dy - q.mean(q.dy) + q.variance_term))
rare.way("half of it", lambda q: q.scale * (q.dy - q.mean(q.dy) - q.variance_term / 2))
rare.way("twice", lambda q: q.scale * (q.dy - q.mean(q.dy) - 2 * q.variance_term))
rare("unbiased variance", "σ² is divided by m, as in the forward pass", where=lambda q: q.training)
rare.way("in σ", lambda q: q.unbiased_dx(q.m))
rare.way("in σ and in the variance term", lambda q: q.unbiased_dx(q.m - 1))

PLACES = "γ is used in all places; their gradients add up"
wrong, rare = usual_and_rare("batch_norm dweight", Normalisation)
wrong("x in place of x̂", "γ was multiplied by the normalised x̂", lambda q: (q.dy * q.x).sum(q.axes))
rare("σ forgotten", "γ was multiplied by x̂ = (x − μ)/√(σ² + ε)")
rare.way("x − μ in place of x̂", lambda q: (q.dy * q.off).sum(q.axes))
rare.way("divided by the variance", lambda q: (q.dy * q.normal / q.root).sum(q.axes))
rare("not summed", PLACES, lambda q: q.dy * q.normal)
rare("y in place of x̂", "γ was multiplied by x̂, before β was added", lambda q: (q.dy * q.y()).sum(q.axes))
rare("mean for sum", PLACES, lambda q: (q.dy * q.normal).mean(q.axes))
rare("gamma multiplied in", "dγ = Σ dy·x̂; γ itself is not in it", lambda q: q.weight * (q.dy * q.normal).sum(q.axes))
