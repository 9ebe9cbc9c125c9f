"""Losses against PyTorch: weights, reductions, ignored pixels, smoothing, and logits of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree, constant
from tests.strategies import arrays, layouts, normal, seeds, shapes

reductions = st.sampled_from(["mean", "sum", "none"])


@pytest.mark.torch
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
@given(arrays(least=0), reductions, st.booleans(), seeds, layouts)
def test_mse_and_l1_are_pytorchs(name, x, reduction, weighted, seed, layout):
    target = normal(seed, *x.shape)
    weight = np.abs(normal(seed + 1, *x.shape)) + 0.1 if weighted else None

    def loss(F, x, target):
        w = None if weight is None else constant(F, weight, x)
        return getattr(F, name)(x, target, reduction=reduction, weight=w)

    agree(loss, x, target, layout=layout)


@st.composite
def classifications(draw):
    """Logits of C classes, (C,), (N, C) or (N, C, …), with targets, weights and ignore_index."""
    C, seed = draw(st.integers(1, 4)), draw(seeds)
    batch = draw(shapes(least=0, most=3, largest=3))
    x = 3 * normal(seed, *batch[:1], C, *batch[1:])
    classes = np.random.default_rng(seed).integers(0, C, batch)
    probabilities = F.softmax(normal(seed + 1, *x.shape), dim=min(x.ndim - 1, 1)).numpy()
    weight = draw(st.sampled_from([None, np.abs(normal(seed + 2, C)) + 0.1]))
    return x, classes, probabilities, weight


@pytest.mark.torch
@given(classifications(), reductions, st.sampled_from([0.0, 0.1, 1.0]), layouts, st.sampled_from([-100, 0, 2]))
def test_cross_entropy_of_classes_is_pytorchs(case, reduction, smoothing, layout, ignored):
    x, classes, _, weight = case
    settings = {"reduction": reduction, "label_smoothing": smoothing, "ignore_index": ignored}

    def loss(F, x, target):
        return F.cross_entropy(x, target, None if weight is None else constant(F, weight, x), **settings)

    agree(loss, x, classes, layout=layout)


@pytest.mark.torch
@given(classifications(), reductions, st.sampled_from([0.0, 0.1]), layouts)
def test_cross_entropy_of_probabilities_is_pytorchs(case, reduction, smoothing, layout):
    x, _, probabilities, weight = case

    def loss(F, x, target):
        w = None if weight is None else constant(F, weight, x)
        return F.cross_entropy(x, target, w, reduction=reduction, label_smoothing=smoothing)

    agree(loss, x, probabilities, layout=layout)


@pytest.mark.torch
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ignored_pixels_count_neither_in_the_loss_nor_in_the_mean(reduction):
    x, target = normal(0, 2, 3, 4, 4), np.random.default_rng(0).integers(0, 3, (2, 4, 4))
    target[:, 1:3, ::2] = -100
    agree("cross_entropy", x, target, reduction=reduction)
    target[:] = -100  # nothing is left: a mean of nan
    agree("cross_entropy", x, target, reduction=reduction)


@pytest.mark.torch
@given(shapes(least=1, most=4), reductions, st.booleans(), st.booleans(), seeds, st.sampled_from([1, 100]), layouts)
def test_bce_with_logits_is_pytorchs(shape, reduction, weighted, positive, seed, scale, layout):
    x, target = scale * normal(seed, *shape), np.random.default_rng(seed).random(shape)
    factors = [np.abs(normal(seed + k, *size)) + 0.1 for k, size in enumerate([shape, shape[-1:]], 1)]

    def loss(F, x, target):
        w, q = (constant(F, f, x) if wanted else None for f, wanted in zip(factors, (weighted, positive), strict=True))
        return F.binary_cross_entropy_with_logits(x, target, w, reduction=reduction, pos_weight=q)

    agree(loss, x, target, layout=layout)


@pytest.mark.torch
@given(shapes(least=3, most=4), st.sampled_from([1.0, 0.1]), reductions, st.booleans(), seeds, layouts)
def test_dice_loss_is_its_formula_in_pytorch(shape, smooth, reduction, weighted, seed, layout):
    """PyTorch has no Dice loss, but can differentiate the formula by itself."""
    rng = np.random.default_rng(seed)
    p, t, weight = rng.random(shape), rng.random(shape), rng.random(shape[1]) + 0.1

    def dice_loss(F, p, t):
        w = constant(F, weight if weighted else np.ones(shape[1]), p)
        if F is tinyunet.functional:
            return F.dice_loss(p, t, w if weighted else None, smooth, reduction)
        pixels = tuple(range(2, p.ndim))
        loss = 1 - (2 * (p * t).sum(pixels) + smooth) / (p.sum(pixels) + t.sum(pixels) + smooth)  # (N, C)
        if reduction == "mean":
            return (w * loss).sum() / w.expand(loss.shape).sum()
        return (w * loss).sum() if reduction == "sum" else w * loss

    agree(dice_loss, p, t, layout=layout)


@given(seeds)
def test_dice_of_a_hand_count(seed):
    """|P| = 3, |T| = 4, |P ∩ T| = 2 pixels of 6, in any order: Dice 2·2/(3 + 4)."""
    p, t = np.array([[1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 1, 0]], float)
    order = np.random.default_rng(seed).permutation(6)
    p, t = p[order].reshape(1, 1, 2, 3), t[order].reshape(1, 1, 2, 3)
    assert F.dice_loss(p, t, smooth=0).item() == pytest.approx(1 - 4 / 7)
    assert F.dice_loss(0 * p, 0 * t).item() == 0


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (lambda x, t, w: F.mse_loss(x, t, weight=w), (3 * 1 + 1 * 4) / (3 + 1)),
        (lambda x, t, w: F.l1_loss(x, t, weight=w), (3 * 1 + 1 * 2) / (3 + 1)),
        (lambda x, t, w: F.mse_loss(x, t, "sum", w), 3 * 1 + 1 * 4),
        (lambda x, t, w: F.cross_entropy(np.zeros((2, 2)), np.array([0, 1]), w), np.log(2)),
        (lambda x, t, w: F.binary_cross_entropy_with_logits(0 * x, 1 + 0 * t, w), np.log(2) * (3 + 1) / 2),
    ],
)
def test_what_a_weighted_mean_divides_by(loss, value):
    """By the sum of the weights 3 and 1; binary cross-entropy by the number of elements."""
    x, t, w = np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([3.0, 1.0])
    assert loss(x, t, w).item() == pytest.approx(value)


def test_no_logit_is_too_large():
    x = tinyunet.tensor(np.array([[1e4, -1e4]], np.float32), requires_grad=True)
    F.binary_cross_entropy_with_logits(x, np.array([[0, 1]], np.float32), reduction="sum").backward()
    np.testing.assert_array_equal(x.grad, [[1, -1]])
    loss = F.cross_entropy(x, np.array([1]))
    assert loss.item() == 2e4
    assert loss.dtype == np.float32


@given(seeds, st.integers(2, 5))
def test_two_classes_are_a_logit(seed, n):
    """Softmax over (0, x) is the logistic function of x."""
    x, t = normal(seed, n), np.random.default_rng(seed).integers(0, 2, n)
    two = F.cross_entropy(np.stack([np.zeros(n), x], 1), t).item()
    assert two == pytest.approx(F.binary_cross_entropy_with_logits(x, t.astype(float)).item())


MUTANTS = {
    "ops.loss:cross_entropy": [
        (
            "cross-entropy: mean over all pixels",
            "n = total(np.take_along_axis(np.broadcast_to(w, x.shape), t, axis)[counts])",
            "n = counts.size",
        ),
        ("cross-entropy: -100 always ignored", "counts = target != ignore_index", "counts = target != -100"),
        ("cross-entropy: smoothing over the others only", "+ label_smoothing / C", "+ label_smoothing / max(C - 1, 1)"),
    ],
    "ops.loss:binary_cross_entropy_with_logits": [
        ("bce: pos_weight forgotten in dx", "((1 - t) - positive * logistic(-x))", "(logistic(x) - t)"),
    ],
    "ops.loss:dice_loss": [
        ("dice: denominator held constant", "(2 * t - D_)", "(2 * t)"),
    ],
    "ops.loss:mse_loss": [
        ("mse: factor 2 forgotten", "dx = 2 * spread(dy) * w * difference", "dx = spread(dy) * w * difference"),
    ],
    "ops.loss:_reduce": [
        ("sum is mean", 'if reduction == "sum":', 'if reduction == "add":'),
    ],
}
