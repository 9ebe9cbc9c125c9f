"""Normalisation against PyTorch: values, gradients, and what happens to the running statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree, close, constant
from tests.strategies import layouts, normal, seeds

SIZES = [(4,), (7,), (4, 1), (2, 3), (1, 2, 3), (2, 3, 2), (3, 1, 2)]  # of the batch and the pixels
CHANNELS = st.integers(1, 4)


@st.composite
def normalizations(draw, channels=CHANNELS, sizes=SIZES):
    """x of 2 to 4 dimensions, at least 4 values per channel (of 2, x̂ is ±1 and its gradient nothing but rounding)."""
    C, seed = draw(channels), draw(seeds)
    N, *pixels = draw(st.sampled_from(sizes))
    x = 3 * normal(seed, N, C, *pixels) + normal(seed + 1, C).reshape(C, *[1] * len(pixels))
    w, b = (draw(st.sampled_from([normal(seed + k, C), None])) for k in (2, 3))
    return x, w, b


@pytest.mark.torch
@given(normalizations(), st.booleans(), st.sampled_from([0.1, 0.7]), st.sampled_from([1e-5, 0.3]), layouts)
def test_batch_norm_is_pytorchs(case, training, momentum, eps, layout):
    x, w, b = case
    mean, var = normal(5, x.shape[1]), np.abs(normal(6, x.shape[1])) + 0.1

    def batch_norm(F, x, w, b):
        return F.batch_norm(x, constant(F, mean, x), constant(F, var, x), w, b, training, momentum, eps)

    agree(batch_norm, x, w, b, layout=layout)


@pytest.mark.torch
@given(normalizations(), st.sampled_from([0.1, 1.0, 0.25]), st.booleans())
def test_running_statistics_are_pytorchs(case, momentum, training):
    def statistics(F, x):
        mean, var = (constant(F, np.linspace(1, 2, x.shape[1]) + k, x) for k in range(2))
        for k in range(3):  # the second step shows which part of the first is kept
            y = F.batch_norm(x + k, mean, var, training=training, momentum=momentum)
        return y, mean, var

    agree(statistics, case[0])


@pytest.mark.torch
@given(st.data(), st.integers(1, 3), st.sampled_from([1e-5, 0.3]), layouts)
def test_group_norm_is_pytorchs(data, groups, eps, layout):
    channels = st.integers(1, 3).map(lambda n: n * groups)
    x, w, b = data.draw(normalizations(channels, sizes=((2, 5), (1, 2, 3), (3, 4, 1))))
    if w is None:
        b = None  # PyTorch's backward fails for a bias without a weight
    agree(lambda F, x, w, b: F.group_norm(x, groups, w, b, eps), x, w, b, layout=layout)


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(4,), (1,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("affine", ["", "weight", "weight and bias"])
def test_layer_norm_is_pytorchs(shape, affine):
    x, w, b = normal(0, 2, 3, 4) + 1, normal(1, *shape), normal(2, *shape)
    x = x[..., :1] if shape == (1,) else x
    w, b = (w if "weight" in affine else None), (b if "bias" in affine else None)
    agree(lambda F, x, w, b: F.layer_norm(x, shape, w, b, 1e-3), x, w, b)


def test_the_running_variance_is_unbiased_and_the_batch_normalised_with_the_biased_one():
    x = np.array([1.0, 2.0, 3.0, 6.0]).reshape(4, 1)  # mean 3, Σ(x − 3)² = 14
    mean, var = tinyunet.tensor(np.array([10.0])), tinyunet.tensor(np.array([10.0]))
    y = F.batch_norm(x, mean, var, training=True, momentum=0.1, eps=0).numpy()
    np.testing.assert_allclose(y, (x - 3) / np.sqrt(14 / 4))
    np.testing.assert_allclose(mean, 0.9 * 10 + 0.1 * 3)
    np.testing.assert_allclose(var, 0.9 * 10 + 0.1 * 14 / 3)


@given(normalizations())
def test_a_normalised_batch_has_mean_0_and_variance_1(case):
    x, _, _ = case
    y = F.batch_norm(x, None, None, training=True, eps=0).numpy()
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-9)
    np.testing.assert_allclose(y.var(axes), 1)
    groups = F.group_norm(np.concatenate([x, x + 1]), 1, eps=0).numpy().reshape(2 * len(x), -1)
    if groups.shape[1] > 1:
        np.testing.assert_allclose(groups.mean(1), 0, atol=1e-9)
        np.testing.assert_allclose(groups.var(1), 1)


@given(normalizations(), seeds)
def test_evaluation_is_an_affine_function_of_each_image_and_changes_no_statistics(case, seed):
    x, w, b = case
    mean, var = (tinyunet.tensor(np.abs(normal(seed + k, x.shape[1])) + 0.1) for k in range(2))
    before = mean.numpy().copy(), var.numpy().copy()

    def f(x):
        return F.batch_norm(x, mean, var, w, b).numpy()

    x2 = normal(seed + 2, *x.shape)
    close(f(0.3 * x + 0.7 * x2), 0.3 * f(x) + 0.7 * f(x2))
    close(f(x)[:1], f(x[:1]))
    np.testing.assert_array_equal([mean.numpy(), var.numpy()], before)


@given(normalizations())
def test_the_gradient_in_training_cannot_change_mean_or_scale(case):
    """Adding a constant to x, or multiplying its deviation from the mean, leaves y as it is: no gradient that way."""
    x, w, b = case
    leaf = tinyunet.tensor(x, requires_grad=True)
    y = F.batch_norm(leaf, None, None, w, b, training=True, eps=0)
    y.backward(normal(9, *y.shape))
    dx, axes = leaf.grad.numpy(), (0, *range(2, x.ndim))
    np.testing.assert_allclose(dx.sum(axes), 0, atol=1e-9)
    np.testing.assert_allclose((dx * x).sum(axes), 0, atol=1e-9)


def test_a_deep_stack_in_float32_keeps_float32():
    x = tinyunet.tensor(normal(0, 2, 4, 3, 3).astype(np.float32), requires_grad=True)
    mean, var = tinyunet.tensor(np.zeros(4, np.float32)), tinyunet.tensor(np.ones(4, np.float32))
    for y in (F.batch_norm(x, mean, var, training=True), F.batch_norm(x, mean, var), F.group_norm(x, 2)):
        assert y.dtype == mean.dtype == var.dtype == np.float32


@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_has_an_empty_result_and_leaves_the_statistics(training):
    mean, var = tinyunet.tensor([1.0, 2.0]), tinyunet.tensor([3.0, 4.0])
    x = tinyunet.tensor(np.zeros((0, 2, 3, 3), np.float32), requires_grad=True)
    y, z = F.batch_norm(x, mean, var, training=training), F.group_norm(x, 2)
    (y + z).sum().backward()
    assert y.shape == z.shape == x.grad.shape == x.shape
    np.testing.assert_array_equal([mean, var], [[1, 2], [3, 4]])


FAR = np.array([1e6, 1e6, 1e6 + 1])  # their mean, 1e6 + 1/3, is no float32: those are 1/16 apart there


def test_a_mean_that_is_no_float32_is_subtracted_all_the_same():
    leaves = [tinyunet.tensor(x, np.float32, requires_grad=True) for x in (FAR.reshape(3, 1), [2.0], [1.0])]
    mean, var = tinyunet.tensor([0.0]), tinyunet.tensor([0.0])
    y = F.batch_norm(leaves[0], mean, var, *leaves[1:], training=True, momentum=1.0, eps=0)
    normal = np.array([-1, -1, 2]) / np.sqrt(2)
    np.testing.assert_allclose(y.numpy().ravel(), 2 * normal + 1, rtol=1e-6)
    np.testing.assert_allclose(var, [1 / 3], rtol=1e-6)
    dy = np.array([3.0, 1.0, 1.0])
    y.backward(dy.reshape(3, 1))
    dgamma = (dy * normal).sum()
    np.testing.assert_allclose(leaves[1].grad, [dgamma], rtol=1e-6)
    dx = 2 / np.sqrt(2 / 9) * (dy - dy.mean() - normal * dgamma / 3)
    np.testing.assert_allclose(leaves[0].grad.numpy().ravel(), dx, atol=1e-6)


@pytest.mark.torch
@pytest.mark.parametrize("mean", [0, 10, 1000])
@pytest.mark.parametrize("shape", [(8, 3, 64, 64), (64, 2, 9, 7), (20, 8)])
def test_batch_norm_in_float32_is_as_exact_as_pytorchs(shape, mean):
    """Value, gradients and statistics, each about as near to those in float64 as PyTorch's."""
    import torch

    C = shape[1]
    arrays = [(mean * (k == 0) + normal(k, *s)).astype(np.float32) for k, s in enumerate([shape, (C,), (C,)])]
    dy = normal(3, *shape).astype(np.float32)

    def run(F, tensor):
        leaves = [tensor(x) for x in arrays]
        statistics = [tensor(np.full(C, v, np.float32)).detach() for v in (0, 1)]
        y = F.batch_norm(leaves[0], *statistics, *leaves[1:], training=True, momentum=1.0)
        y.backward(tensor(dy).detach())
        return [np.asarray(x.detach(), np.float64) for x in (y, *(x.grad for x in leaves), *statistics)]

    ours = run(F, lambda x: tinyunet.tensor(x, requires_grad=True))
    theirs, exact = (
        run(torch.nn.functional, lambda x, dtype=dtype: torch.tensor(x, dtype=dtype, requires_grad=True))
        for dtype in (torch.float32, torch.float64)
    )
    for what, a, b, r in zip(["y", "dx", "dw", "db", "mean", "var"], ours, theirs, exact, strict=True):
        size = np.abs(arrays[0] if what == "mean" else r).max()
        error, allowed = (np.abs(x - r).max() / size for x in (a, b))
        assert error <= 3 * allowed + 2**-22, what


MUTANTS = {
    "ops.norm:layer_norm": [
        ("layer norm over the last dimension alone", "range(-len(shape), 0)", "range(-1, 0)"),
        (
            "layer norm: epsilon outside the root",
            "div(centred, sqrt(add(mean(mul(centred, centred), dims, keepdim=True), eps)))",
            "div(centred, add(sqrt(mean(mul(centred, centred), dims, keepdim=True)), eps))",
        ),
    ],
    "ops.norm:batch_norm": [
        ("running variance biased", "variance * (m / (m - 1)) - running_var", "variance - running_var"),
        (
            "normalised with the unbiased variance",
            "row_dots(kept, kept) / max(m, 1)",
            "row_dots(kept, kept) / (m - 1)",
        ),
        ("momentum reversed", "momentum * (mean - running_mean)", "(1 - momentum) * (mean - running_mean)"),
        ("dx without the term of the variance", "gradient = kept * column(", "gradient = 0 * kept * column("),
        ("dx without the term of the mean", "column(dbias / m + left", "column(left"),
        ("dx without gamma", "gradient *= by_pixel", "gradient *= column(inverse)"),
        ("dx of evaluation as in training", "if not training:", "if False:"),
        ("dgamma without 1/s", "deviations * inverse", "deviations"),
        ("mean added one by one", "row_sums(rows) / max(", "np.add.accumulate(rows, 1)[:, -1] / max("),
        ("what rounding left of the mean is in y", "(left if training", "(0 if training"),
        ("what rounding left of the mean is in the variance", " - left * left", ""),
        (
            "what rounding left of the mean is in dgamma",
            "row_dots(dy, kept) - left * dbias if",
            "row_dots(dy, kept) if",
        ),
        ("what rounding left of the mean is in dx", "dbias / m + left * slope", "dbias / m"),
        ("evaluation: the mean not scaled", "else mean) * scale)", "else mean))"),
    ],
    "ops.norm:group_norm": [
        ("groups: dx without the term of the variance", "- normal * column(row_dots(dn, normal) / M)", ""),
        ("groups: γ of the first channels for all", "scale * weight)", "scale * weight[:1])"),
    ],
}
