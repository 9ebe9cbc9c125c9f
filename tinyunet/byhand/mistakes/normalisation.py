"""Normalisation: the numbers of a group and their moments, γ and β, the running statistics, the gradients."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import Quantities, other_orders, usual_and_rare
from tinyunet.tensor import Array


class Normalisation(Quantities):
    """The moments of a group's m numbers, x̂ and γ, as they enter y and the gradients: a number for each of x."""

    op: Any  # a normalisation
    training: bool
    eps: float
    momentum: float

    def prepare(self) -> None:
        self.training = self.op.settings.get("training", True)
        self.labels = np.broadcast_to(self.op.labels(), self.x.shape).ravel()
        self.m = self.x.size / (self.labels.max() + 1)
        self.gamma, self.beta = self._over_x("weight", 1.0), self._over_x("bias", 0.0)
        if self.training:
            self.mu = self.mean(self.x)
            self.var = self.mean((self.x - self.mu) ** 2)
        else:
            self.mu, self.var = self._over_x("running_mean"), self._over_x("running_var")
        self.off, self.root = self.x - self.mu, np.sqrt(self.var + self.eps)
        self.normal = self.off / self.root  # x̂

    def _over_x(self, name: str, default: float = 0.0) -> Any:
        vector = self.op.arrays[name]
        if vector is None:
            return default
        return vector if self.name == "layer_norm" else vector.reshape(1, -1, *[1] * (self.x.ndim - 2))

    def mean(self, a: Array) -> Array:
        """Of the group of every number."""
        sums = np.bincount(self.labels, np.broadcast_to(a, self.x.shape).ravel())
        return (sums / self.m)[self.labels].reshape(self.x.shape)

    def gathered(self, a: Array) -> Array:
        """What all numbers with the same γ add up to."""
        if self.name == "layer_norm":
            return a.sum(tuple(range(self.op.apart)))
        return a.sum((0, *range(2, a.ndim)))

    def affine(self, normal: Array) -> Array:
        """y from another x̂."""
        return normal * self.gamma + self.beta

    def centred(self, dn: Array, *less: Array) -> Array:
        """dx from γ·dy, less some of its two means."""
        return (dn - sum(less)) / self.root

    @property
    def dn(self) -> Array:
        """γ·dy, the gradient of x̂."""
        return self.gamma * self.dy

    @functools.cached_property
    def variance_term(self) -> Array:
        """x̂·mean(γ·dy·x̂), what dx gets through σ²."""
        return self.normal * self.mean(self.dn * self.normal)

    def over(self, axes: tuple[int, ...], ddof: int = 0) -> Array | None:
        """y in training, with the moments over other axes."""
        if not self.training or not axes:
            return None
        mean, var = self.x.mean(axes, keepdims=True), self.x.var(axes, keepdims=True, ddof=ddof)
        return self.affine((self.x - mean) / np.sqrt(var + self.eps))

    def unbiased_dx(self, divisor: float) -> Array:
        """dx with the unbiased variance in σ, and some divisor in the variance term."""
        root = np.sqrt(self.var * self.m / (self.m - 1) + self.eps)
        normal = self.off / root
        return (self.dn - self.mean(self.dn) - normal * self.mean(self.dn * normal) * self.m / divisor) / root


class BatchNorm(Normalisation):
    """Every channel by itself, and the running statistics."""

    def prepare(self) -> None:
        super().prepare()
        self.all = tuple(range(self.x.ndim))
        self.axes = self.all[:1] + self.all[2:]
        self.low, self.range = self.x.min(self.axes, keepdims=True), np.ptp(self.x, self.axes, keepdims=True)

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


class Groups(Normalisation):
    """Some channels of one image."""

    num_groups: int

    def regrouped(self) -> Iterator[tuple[Array, str]]:
        """y with other groups."""
        C = self.x.shape[1]
        others = {
            C // self.num_groups: "num_groups taken for the size of a group",
            C: "every channel by itself",
            1: "all channels of an image together",
        }
        for groups, detail in others.items():
            if groups != self.num_groups and C % groups == 0 and self.x.size > groups * len(self.x):
                yield self.y(num_groups=groups), detail

    def in_turn(self) -> Array | None:
        """y with channels dealt out to the groups in turn."""
        x = self.x
        turns = np.arange(x.shape[1]).reshape(-1, self.num_groups).T.ravel()
        normal = self.y(x=x[:, turns], weight=None, bias=None)[:, np.argsort(turns)]
        return self.affine(normal) if 1 < self.num_groups < x.shape[1] else None


def has_both(q: Any) -> bool:
    return q.weight is not None and q.bias is not None


EVERY = "batch_norm y, group_norm y, layer_norm y"

wrong, rare = usual_and_rare(EVERY, Normalisation)
wrong(
    "unbiased variance",
    "x is normalised with the biased variance, divided by m and not by m − 1, as np.var does (torch.var and MATLAB's "
    "var divide by m − 1)",
    lambda q: q.affine(q.off / np.sqrt(q.var * q.m / (q.m - 1) + q.eps)) if q.m > 1 else None,
    where=lambda q: q.training,
)
wrong("variance for standard deviation", "divide by the square root √(σ² + ε)")
wrong.way("", lambda q: q.affine(q.off / (q.var + q.eps)))
wrong("epsilon forgotten", "ε is added to the variance, under the root", where=lambda q: np.all(q.var > 0))
wrong.way("", lambda q: q.affine(q.off / np.sqrt(q.var)))
wrong.way("added after the root", lambda q: q.affine(q.off / (np.sqrt(q.var) + q.eps)))
wrong("mean not subtracted", "x − μ is divided, not x", lambda q: q.affine(q.x / q.root))
wrong("gamma or beta forgotten", "y = γ·x̂ + β")
wrong.way("gamma", lambda q: q.y(weight=None))
wrong.way("beta", lambda q: q.y(bias=None))
wrong.way("both", lambda q: q.normal if has_both(q) else None)
wrong("gamma and beta swapped", "γ multiplies, β is added", lambda q: q.y(weight=q.bias, bias=q.weight), where=has_both)
rare("beta scaled", "γ multiplies x̂ alone: y = γ·x̂ + β, not γ·(x̂ + β)", lambda q: q.gamma * (q.normal + q.beta))
rare("variance not divided", "σ² is the mean of the squares (x − μ)², not their sum", where=lambda q: q.training)
rare.way("", lambda q: q.affine(q.off / np.sqrt(q.m * q.var + q.eps)))
rare("sign reversed", "x − μ is divided, not μ − x", lambda q: q.affine((q.mu - q.x) / q.root))
rare("brackets forgotten", "x − μ is divided, not μ alone", lambda q: q.affine(q.x - q.mu / q.root))
rare("not divided", "x − μ is divided by √(σ² + ε)", lambda q: q.affine(q.off))

wrong, rare = usual_and_rare("batch_norm y", BatchNorm)
AXES = "wrong axes", "mean and variance are taken channel by channel, over batch, height and width"
wrong(*AXES)
wrong.way("over everything", lambda q: q.over(q.all))
wrong.way("image by image", lambda q: q.over(q.all[1:]))
wrong.way("image by image and channel by channel", lambda q: q.over(q.all[2:]))
wrong.way("place by place", lambda q: q.over((0,)))
wrong.way("over the channels", lambda q: q.over((1,)))
wrong("statistics of the wrong mode", "training uses the batch's mean and variance, evaluation the running ones")
wrong.way("the running ones in training", lambda q: q.y(training=False) if q.training else None)
wrong.way("the batch's in evaluation", lambda q: None if q.training else q.y(training=True))
rare("gamma or beta of another channel", "channel c has γ[c] and β[c]")
rare.way("", lambda q: q.reordered("weight"))
rare.way("", lambda q: q.reordered("bias"))
rare.way("", lambda q: q.reordered("weight", "bias"))
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

wrong, rare = usual_and_rare("group_norm y", Groups)
wrong("other groups", "a group is C/num_groups channels in a row, of one image", lambda q: q.regrouped())
wrong.way("over the batch, too", lambda q: q.over((0, *range(2, q.x.ndim))) if len(q.x) > 1 else None)
rare("other groups", "a group is C/num_groups channels in a row, of one image")
rare.way("channels dealt out in turn", lambda q: q.in_turn())

wrong, rare = usual_and_rare("layer_norm y", Normalisation)
wrong("wrong axes", "mean and variance are taken over normalized_shape, example by example")
wrong.way("over the examples", lambda q: q.over(tuple(range(q.op.apart))))
wrong.way("over everything", lambda q: q.over(tuple(range(q.x.ndim))) if q.op.apart else None)
wrong.way("over the last axis alone", lambda q: q.over((q.x.ndim - 1,)) if q.x.ndim - q.op.apart > 1 else None)

MOMENTUM = (
    "running ← (1 − momentum)·running + momentum·batch, with the momentum of PyTorch (that of TensorFlow and Keras is "
    "1 − it)"
)
wrong, rare = usual_and_rare("batch_norm running_mean, batch_norm running_var", BatchNorm)
wrong("momentum reversed", MOMENTUM, lambda q: [q.result(name, momentum=1 - q.momentum) for name in q.op.updates])
wrong("momentum forgotten", MOMENTUM)
wrong.way("the batch alone", lambda q: q.batch)
wrong.way("the old value in full", lambda q: q.old + q.momentum * q.batch)
rare("not updated", "training moves the running statistics", lambda q: q.old)

wrong, rare = usual_and_rare("batch_norm running_var", BatchNorm)
wrong("biased variance", "what is kept is divided by m − 1, though y is made with the one divided by m")
wrong.way("", lambda q: q.moved(q.old, q.x.var(q.axes)))
rare("standard deviation for variance", "the variance is kept, without a root")
rare.way("divided by m − 1", lambda q: q.moved(q.old, q.x.std(q.axes, ddof=1)))
rare.way("divided by m", lambda q: q.moved(q.old, q.x.std(q.axes)))
rare("momentum reversed", MOMENTUM)
rare.way("and the variance biased", lambda q: q.moved(q.x.var(q.axes), q.old))

wrong, rare = usual_and_rare(EVERY.replace(" y", " dx"), Normalisation)
wrong("dx as dy·γ/σ", "mean and variance depend on x, too: two more terms", lambda q: q.centred(q.dn))
wrong("without its variance term", "subtract x̂·mean(γ·dy·x̂) as well", lambda q: q.centred(q.dn, q.mean(q.dn)))
wrong("without its mean term", "subtract mean(γ·dy) as well", lambda q: q.centred(q.dn, q.variance_term))
wrong("gamma forgotten", "dx̂ = γ·dy", lambda q: q.dx(weight=None))
rare("not divided by σ", "the whole bracket is divided by √(σ² + ε)")
rare.way("multiplied by γ alone", lambda q: q.dx() * q.root)
rare.way("divided by σ² + ε", lambda q: q.dx() / q.root)
rare("sums for means", "both means are divided by m", where=lambda q: q.training)
rare.way("", lambda q: q.centred(q.dn, q.m * q.mean(q.dn), q.m * q.variance_term))
rare("variance term", "what is subtracted is x̂·mean(γ·dy·x̂), once", where=lambda q: q.training)
rare.way("added, not subtracted", lambda q: q.centred(q.dn, q.mean(q.dn), -q.variance_term))
rare.way("half of it", lambda q: q.centred(q.dn, q.mean(q.dn), q.variance_term / 2))
rare.way("twice", lambda q: q.centred(q.dn, q.mean(q.dn), 2 * q.variance_term))
rare("unbiased variance", "σ² is divided by m, as in the forward pass", where=lambda q: q.training and q.m > 1)
rare.way("in σ", lambda q: q.unbiased_dx(q.m))
rare.way("in σ and in the variance term", lambda q: q.unbiased_dx(q.m - 1))

wrong, rare = usual_and_rare("batch_norm dx", BatchNorm)
rare(
    "statistics of the wrong mode",
    "in evaluation mean and variance are constants: dx = dy·γ/σ",
    where=lambda q: q.m > 1,
)
rare.way("as in training", lambda q: q.dx(training=True))
rare.way("dy·γ/σ, with the batch's σ", lambda q: q.dx(running_var=q.x.var(q.axes)))

wrong, rare = usual_and_rare("group_norm dx, layer_norm dx", Normalisation)
wrong("gamma outside the means", "γ differs within a group: the means are those of γ·dy")
wrong.way("", lambda q: q.gamma * q.dx(weight=None))

PLACES = "γ is used in all places; their gradients add up"
wrong, rare = usual_and_rare(EVERY.replace(" y", " dweight"), Normalisation)
wrong("x in place of x̂", "γ was multiplied by the normalised x̂", lambda q: q.gathered(q.dy * q.x))
rare("σ forgotten", "γ was multiplied by x̂ = (x − μ)/√(σ² + ε)")
rare.way("x − μ in place of x̂", lambda q: q.gathered(q.dy * q.off))
rare.way("divided by the variance", lambda q: q.gathered(q.dy * q.normal / q.root))
rare("not summed", PLACES, lambda q: q.dy * q.normal)
rare("y in place of x̂", "γ was multiplied by x̂, before β was added", lambda q: q.gathered(q.dy * q.y()))
rare("mean for sum", PLACES, lambda q: q.gathered(q.dy * q.normal) * q.weight.size / q.x.size)
rare("gamma multiplied in", "dγ = Σ dy·x̂; γ itself is not in it", lambda q: q.weight * q.gathered(q.dy * q.normal))
