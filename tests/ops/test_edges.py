"""Every operation at the edges, against PyTorch: inf and nan in its arguments and in the gradient that arrives; no
elements at all along some dimension.

The law for inf and nan: what is not selected contributes exactly 0, forward and backward, whatever it is. A mask
chooses; multiplied by it, an infinity that is masked out would be nan.
"""

import itertools
import operator
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings

import tinyunet.functional as F
from tests.parity import constant, ours, theirs
from tests.strategies import seeds


class Draw:
    """What cases are made of, all from one seed: sizes, which may be 0 where `empty`, and arrays."""

    def __init__(self, seed, empty=False):
        self.rng, self.empty = np.random.default_rng(seed), empty

    def __call__(self, *shape):
        """Random numbers; up to two of them are special."""
        return self.spoiled(self.finite(*shape))

    def spoiled(self, array):
        for _ in range(self.number(0, 2) if array.size else 0):
            array.flat[self.rng.integers(array.size)] = self.one_of(np.inf, -np.inf, np.nan, 0.0)
        return array

    def finite(self, *shape):
        return np.asarray(self.rng.standard_normal(shape))

    def positive(self, *shape):
        """Between 0 and 1, or exactly 0."""
        return np.where(self.rng.random(shape) < 0.3, 0, self.rng.random(shape))

    def number(self, least, most):
        return int(self.rng.integers(least, most + 1))

    def size(self, least=1, most=4):
        return 0 if self.empty and self.rng.random() < 0.3 else self.number(least, most)

    def shape(self):
        return [self.size() for _ in range(self.number(0, 3))]

    def image(self, least=1):
        return self(self.size(), self.number(1, 2), self.number(least, least + 4), self.number(least, least + 4))

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]


class Case(NamedTuple):
    """One use of an operation."""

    arrays: list[Any]
    keywords: dict[str, Any] = MappingProxyType({})
    call: Callable[..., Any] | None = None  # where it is not `F.name(*arrays, **keywords)`
    law: Callable[..., Any] | None = None  # what PyTorch must compute, where the operation of this name breaks the law


def unary(draw):
    return Case([draw(*draw.shape())])


def binary(draw):
    shape = draw.shape()
    return Case([draw(*shape), draw(*[draw.one_of(1, n) for n in shape])])


def along(draw):
    shape = draw.shape()
    return Case([draw(*shape)], {"dim": draw.number(-max(len(shape), 1), max(len(shape), 1) - 1)})


def of_all_or_along(draw):
    return draw.one_of(unary, along)(draw)


def cumprod(draw):
    """PyTorch divides by the factors, one of which may be infinite."""

    def law(T, x, dim):
        return T.stack([*itertools.accumulate(x.unbind(dim), operator.mul)], dim) if x.ndim else 1 * x

    return along(draw)._replace(law=law)


def var(draw):
    """Of more than one number: for the variance of one PyTorch has a gradient of its own making."""
    return Case([draw(draw.size(2), draw.size(2))], {"dim": draw.one_of(0, 1, (0, 1))})


def convolution(draw, transposed=False):
    """No infinite weight meets padding: whether that is nan depends on the algorithm, in PyTorch as well."""
    N, C, O, padding = draw.size(), draw.number(1, 2), draw.number(1, 3), draw.one_of(0, 0, 1)
    weights = draw.finite if padding else draw
    w = weights(*((C, O) if transposed else (O, C)), draw.number(1, 3), draw.number(1, 3))
    x = (weights if transposed else draw)(N, C, draw.number(3, 6), draw.number(3, 6))
    return Case([x, w, draw(O)], {"stride": draw.number(1, 2), "padding": padding})


def transposed(draw):
    return convolution(draw, transposed=True)


def pooling(draw):
    k = draw.number(1, 3)
    keywords = {"kernel_size": k, "stride": draw.one_of(None, 1, 2, 3), "padding": draw.number(0, k // 2)}
    return Case([draw.image(3)], keywords | {"ceil_mode": draw.one_of(False, True)})


def max_pooling(draw):
    """With one nan at most: of several in a window PyTorch takes the last, as our docstring says."""
    case = pooling(draw)
    x = case.arrays[0].ravel()
    x[np.flatnonzero(np.isnan(x))[1:]] = 0
    return case


def interpolation(draw):
    mode = draw.one_of({"mode": "nearest"}, {"mode": "bilinear", "align_corners": draw.one_of(None, True, False)})
    by = draw.one_of(
        {"size": (draw.number(1, 8), draw.number(1, 8))}, {"scale_factor": draw.one_of(2, 1.5, 0.75, (2, 1))}
    )
    return Case([draw.image(2)], mode | by)


def cross_entropy(draw):
    """Classes of weight 0, ignored pixels, and targets that are probabilities, some of them 0."""
    N, C, L, eps = draw.size(), draw.number(1, 4), draw.size(), draw.one_of(0.0, 0.1)
    classes, reduction = draw.rng.integers(0, C, (N, L)), draw.one_of("none", "sum", "mean")
    weight, onehot = draw.one_of(np.ones(C), draw.positive(C)), np.moveaxis(np.eye(C)[classes], -1, 1)
    counts = np.ones((N, 1, L)) if draw.one_of(True, False) else draw.rng.random((N, 1, L)) > 0.3
    target = np.where(counts[:, 0], classes, -100) if counts.dtype == bool else onehot
    total = (onehot * counts * weight[:, None]).sum() if counts.dtype == bool else N * L

    def call(F, x):
        return F.cross_entropy(x, target, constant(F, weight, x), -100, reduction, eps)

    def law(T, x):
        """Neither a class with the factor 0 nor a pixel in which all are 0 is looked at."""
        a = constant(T, weight[:, None] * counts * ((1 - eps) * onehot + eps / C), x)
        zero, pixels = T.zeros_like(x), (a != 0).any(1, keepdim=True)
        log_p = T.log_softmax(T.where(pixels, x, zero), 1)
        loss = -T.where(a != 0, a * T.where(a != 0, log_p, zero), zero).sum(1)
        return loss if reduction == "none" else loss.sum() / constant(T, total if reduction == "mean" else 1, x)

    return Case([draw(N, C, L)], call=call, law=law)


def loss(name):
    def case(draw):
        shape = draw.shape()
        weight, keywords = draw.positive(*shape), {"reduction": draw.one_of("none", "sum", "mean")}
        arrays = [draw(*shape), draw.spoiled(draw.positive(*shape))]
        if draw.one_of(True, False):
            return Case(arrays, keywords)

        def call(F, x, t, **keywords):
            return getattr(F, name)(x, t, weight=constant(F, weight, x), **keywords)

        return Case(arrays, keywords, call)

    return case


def dice_loss(draw):
    """PyTorch has none, but can differentiate the formula."""

    def law(T, p, t, reduction):
        return 1 - (2 * (p * t).sum(2) + 1) / (p.sum(2) + t.sum(2) + 1)

    shape = draw.size(), draw.size(), draw.size()
    return Case([draw(*shape), draw(*shape)], {"reduction": "none"}, law=law)


def batch_norm(draw):
    C, training = draw.size(), draw.one_of(False, True)
    mean, variance = draw.finite(C), draw.rng.random(C) + 0.1

    def call(F, x, w, b):
        return F.batch_norm(x, constant(F, mean, x), constant(F, variance, x), w, b, training=training)

    return Case([draw(draw.size(2), C, draw.size()), draw(C), draw(C)], call=call)


def group_norm(draw):
    groups = draw.one_of(1, 2, 4)
    return Case(
        [draw(draw.size(), 4, draw.number(2, 4)), draw(4), draw(4)],
        call=lambda F, x, w, b: F.group_norm(x, groups, w, b),
    )


def attention(draw):
    """Rows that may look nowhere; in the gradient of one PyTorch's kernels differ, so the law is written out."""
    N, L, S, E, V = (draw.size() for _ in range(5))
    allowed = draw.rng.random((L, S)) < draw.one_of(0.5, 1)
    mask = draw.one_of(allowed, np.where(allowed, 0, -np.inf))

    def call(F, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, mask if mask.dtype == bool else constant(F, mask, q))

    def law(T, q, k, v):
        scores = q @ k.transpose(-1, -2) / max(E, 1) ** 0.5 + constant(T, np.where(allowed, 0, -np.inf), q)
        somewhere, zero = (scores != -np.inf).any(-1, keepdim=True), T.zeros_like(scores)
        return T.where(somewhere, T.softmax(T.where(somewhere, scores, zero), -1), zero) @ v

    return Case([draw(N, L, E), draw(N, S, E), draw(N, S, V)], call=call, law=law)


def clamp(draw):
    low = draw.one_of({}, {"min": -0.5}, {"min": 0})
    return Case([draw(*draw.shape())], low | draw.one_of({"max": 0.5}, {"max": np.inf}) if low else {"max": 0})


def where(draw):
    shape = draw.shape()
    condition = draw.rng.random(shape) < 0.5
    return Case([condition, draw(*shape), draw(*[draw.one_of(1, n) for n in shape])])


def layer_norm(draw):
    C = draw.number(2, 4)
    return Case([draw(draw.size(), C), draw(C), draw(C)], call=lambda F, x, w, b: F.layer_norm(x, (C,), w, b))


def matmul(draw):
    M, K, N = (draw.size() for _ in range(3))
    return Case([draw(draw.size(), M, K), draw(K, N)])


def linear(draw):
    inside, out = draw.size(), draw.size()
    return Case([draw(*draw.shape(), inside), draw(out, inside), draw(out)])


def embedding(draw):
    rows = draw.rng.integers(0, 3, draw.shape())
    return Case([rows, draw(3, draw.size())], {"padding_idx": draw.one_of(None, 0, 2)})


def pad(draw):
    mode = draw.one_of("constant", "reflect", "replicate", "circular")
    value = {"value": draw.one_of(None, 1.0, np.inf)} if mode == "constant" else {}
    return Case([draw(draw.size(), 2, 4, 4)], {"pad": [draw.number(-1, 2) for _ in range(4)], "mode": mode} | value)


def getitem(draw):
    index = draw.one_of(0, (0, 1), np.s_[1:], [0, 2, 2], np.s_[:, [1, 1]], np.s_[..., None], np.s_[:, ::2])
    return Case([draw(3, draw.size(2))], call=lambda F, x: x[index])


def dropout(draw):
    """Of everything (where PyTorch multiplies by 0); of something: below."""
    return Case([draw(*draw.shape())], {"p": 1.0}, law=lambda T, x, p: T.where(T.zeros_like(x) > 0, x, T.zeros_like(x)))


def joined(name):
    return lambda draw: Case(
        [draw(2, 3), draw(2, 3 if name == "stack" else draw.size())], call=lambda F, *x: getattr(F, name)(x, 1)
    )


def shaped(*arguments):
    return lambda draw: Case([draw(draw.size(2, 2), 1, 3)], call=lambda F, x: getattr(x, arguments[0])(*arguments[1:]))


UNARY = ["abs", "cos", "exp", "gelu", "leaky_relu", "log", "neg", "relu", "sigmoid", "silu", "sin", "sqrt", "tanh"]
CASES = dict.fromkeys(UNARY, unary)
CASES |= dict.fromkeys(["add", "div", "mul", "pow", "sub"], binary)
CASES |= {name: shaped(name, *arguments) for name, *arguments in (("reshape", 3, 2), ("permute", 2, 0, 1))}
CASES |= {name: shaped(name, *arguments) for name, *arguments in (("transpose", 0, 2), ("expand", 4, 2, 5, 3))}
CASES |= {name: loss(name) for name in ("mse_loss", "l1_loss", "binary_cross_entropy_with_logits")}
CASES |= {"sum": of_all_or_along, "mean": of_all_or_along, "max": of_all_or_along, "min": of_all_or_along, "var": var}
CASES |= {"softmax": along, "log_softmax": along, "conv2d": convolution, "conv_transpose2d": transposed}
CASES |= {"max_pool2d": max_pooling, "avg_pool2d": pooling, "interpolate": interpolation}
CASES |= {"cross_entropy": cross_entropy, "dice_loss": dice_loss, "batch_norm": batch_norm, "group_norm": group_norm}
CASES |= {"scaled_dot_product_attention": attention, "pad": pad, "getitem": getitem, "dropout": dropout}
CASES |= {
    "cat": joined("cat"),
    "stack": joined("stack"),
    "clamp": clamp,
    "where": where,
    "cumprod": cumprod,
    "layer_norm": layer_norm,
    "matmul": matmul,
    "linear": linear,
    "embedding": embedding,
    "pixel_shuffle": lambda draw: Case([draw(draw.size(), 8, draw.size(), 3)], call=lambda F, x: F.pixel_shuffle(x, 2)),
    "pixel_unshuffle": lambda draw: Case(
        [draw(draw.size(), 2, 4, 2 * draw.size())], call=lambda F, x: F.pixel_unshuffle(x, 2)
    ),
    "unfold": lambda draw: Case([draw.image(3)], {"kernel_size": 2, "padding": 1}),
    "fold": lambda draw: Case([draw(draw.number(1, 2), 8, 9)], {"output_size": 4, "kernel_size": 2}),
}
# Sums and products in another order than PyTorch's: whether ∞ − ∞ occurs in them, or ∞, is a matter of the order.
OTHER_ORDER = ["batch_norm", "group_norm", "cross_entropy", "cumprod", "dice_loss", "layer_norm", "var"]


def test_every_operation_is_tried():
    assert {*F.__all__} == {*CASES}


def called(name, case):
    return case.call or (lambda F, *x, **keywords: getattr(F, name)(*x, **keywords))


def alike(name, got, expected):
    for a, b in zip(got, expected, strict=True):
        if name in OTHER_ORDER:
            a, b = (np.where(np.isfinite(x), x, np.nan) for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.torch
@pytest.mark.parametrize("name", F.__all__)
@settings(max_examples=30)
@given(seed=seeds)
def test_what_is_not_finite_goes_where_pytorch_lets_it(name, seed):
    case = CASES[name](Draw(seed))
    call, cotangent = called(name, case), lambda shape, dtype: Draw(seed + 1)(*shape)
    got = ours(call, case.arrays, case.keywords, np.float64, cotangent=cotangent)
    expected = theirs(case.law or call, case.arrays, case.keywords, np.float64, cotangent=cotangent)
    alike(name, got, expected)


@pytest.mark.torch
@pytest.mark.parametrize("name", F.__all__)
@settings(max_examples=15)
@given(seed=seeds)
def test_dimensions_of_size_0_are_pytorchs(name, seed):
    """Where PyTorch takes them."""
    draw = Draw(seed, empty=True)
    draw.spoiled = lambda array: array
    case = CASES[name](draw)
    call = called(name, case)
    try:
        expected = theirs(case.law or call, case.arrays, case.keywords, np.float64)
    except (RuntimeError, IndexError):
        return
    alike(name, ours(call, case.arrays, case.keywords, np.float64), expected)


MUTANTS = {
    "ops.elementwise:only": [
        ("a mask multiplies", '(x.view(f"i{x.itemsize}") * mask).view(x.dtype)', "x * mask"),
    ],
    "ops.elementwise:relu": [
        ("relu: a mask multiplies", "only(dy, y != 0)", "dy * (y != 0)"),
    ],
    "ops.elementwise:dropout": [
        ("dropout: a mask multiplies the gradient", "only(dy * scale, keep)", "dy * scale * keep"),
        ("dropout: a mask multiplies the value", "only(input * scale, keep), lambda", "input * scale * keep, lambda"),
    ],
    "ops.elementwise:pow": [
        (
            "pow: slope 0 times inf",
            "np.where(np.equal(b, 0), 0, dy * slope",
            "(dy * np.where(np.equal(b, 0), 0, slope)",
        ),
    ],
    "ops.elementwise:sign": [
        ("abs: the slope at nan is nan", "np.where(np.isnan(x), 0, np.sign(x))", "np.sign(x)"),
    ],
    "ops.reduce:_max_all": [
        ("max: a mask multiplies", "np.where(largest, dy / largest.sum(), 0)", "dy * largest / largest.sum()"),
    ],
    "ops.reduce:normalize_dims": [
        ("a single number has no dimension 0", "if not -(ndim or 1) <= d < (ndim or 1):", "if not -ndim <= d < ndim:"),
    ],
    "ops.pool:max_pool2d": [
        ("max-pool: a mask multiplies", "only(dy, wins)", "dy * wins"),
    ],
    "ops.pool:interpolate": [
        ("interpolate: inf spreads", "finite = np.isfinite(input).all()", "finite = True"),
        ("interpolate: an infinite gradient spreads", "if not np.isfinite(dx).all():", "if False:"),
        (
            "interpolate: one by one, an output overwrites",
            "np.add.at(dx, seen, a.astype(dy.dtype) * dy)",
            "dx[seen] = a * dy",
        ),
    ],
    "ops.loss:cross_entropy": [
        ("cross-entropy: a class of factor 0 counts", "only(a * log_p, a != 0)", "(a * log_p)"),
        ("cross-entropy: the ignored have a gradient", "(a != 0).any(axis=axis, keepdims=True)", "np.array(True)"),
    ],
    "ops.linear:scaled_dot_product_attention": [
        ("attention: who may look nowhere is nan", "if somewhere.all():", "if True:"),
        ("attention of no features divides by 0", "math.sqrt(q.shape[-1] or 1)", "math.sqrt(q.shape[-1])"),
    ],
    "ops.choose:where": [
        ("where: a mask multiplies", "np.where(condition, dy, 0)", "dy * condition"),
        ("where: a mask multiplies what is other", "np.where(condition, 0, dy)", "dy * ~condition"),
    ],
    "ops.choose:clamp": [
        ("clamp: a mask multiplies", "np.where(above & below, dy, 0)", "dy * (above & below)"),
    ],
    "ops.linear:linear": [
        ("linear: nothing times 0 features", "samples = math.prod(input.shape[:-1])", "samples = -1"),
    ],
    "ops.fast:scatter": [
        ("an infinite weight meets the zeros around", "if _finite(w, x):", "if True:"),
    ],
    "ops.fast:scatter_and_gradient": [
        ("an infinite pixel meets the zeros around dy", "and _finite(x, dw)", ""),
    ],
}
