"""Sums, means, variances, maxima and softmax against PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree
from tests.strategies import arrays, layouts, normal, seeds, ties

dims_of_four = st.none() | st.lists(st.integers(-4, 3), min_size=1, max_size=4, unique_by=lambda d: d % 4).map(tuple)
fours = arrays(least=4, most=4)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["sum", "mean"])
@given(fours, dims_of_four | st.integers(-4, 3), st.booleans(), layouts)
def test_sum_and_mean_are_pytorchs(name, x, dim, keepdim, layout):
    agree(lambda F, x: getattr(x, name)(dim=dim, keepdim=keepdim), x, layout=layout)


@pytest.mark.torch
@given(arrays(least=4, smallest=2), dims_of_four, st.sampled_from([0, 1, 1.5]), st.booleans(), layouts)
def test_var_is_pytorchs(x, dim, correction, keepdim, layout):
    agree(lambda F, x: x.var(dim=dim, correction=correction, keepdim=keepdim), x, layout=layout)


@pytest.mark.torch
@given(fours, st.integers(-4, 3), st.booleans(), st.booleans(), layouts)
def test_max_along_a_dimension_is_pytorchs(x, dim, keepdim, tied, layout):
    agree("max", ties(x) if tied else x, layout=layout, dim=dim, keepdim=keepdim)


@pytest.mark.torch
@given(arrays(least=0), st.booleans(), layouts)
def test_max_of_all_is_pytorchs(x, tied, layout):
    agree(lambda F, x: x.max(), ties(x) if tied else x, layout=layout)


@pytest.mark.torch
@given(fours, st.integers(-4, 3), st.booleans(), st.booleans(), layouts)
def test_min_is_pytorchs(x, dim, keepdim, tied, layout):
    x = ties(x) if tied else x
    agree("min", x, layout=layout, dim=dim, keepdim=keepdim)
    agree(lambda F, x: x.min(), x, layout=layout)


@pytest.mark.torch
def test_min_of_what_is_no_number_and_of_integers_is_pytorchs():
    import torch

    agree("min", np.array([[1.0, np.nan, 3.0], [4.0, 4.0, -np.inf]]), dim=1)
    for dtype in (bool, np.uint8, np.int8, np.int64):
        least = (
            np.array([[1, 0, 1], [1, 1, 1]], dtype) if dtype is bool else np.array([[3, 1], [np.iinfo(dtype).min, 2]])
        )
        x = least.astype(dtype)
        for ours, theirs in ((F.min(x), torch.tensor(x).min()), (F.min(x, 1).values, torch.tensor(x).min(1).values)):
            assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.torch
@given(arrays(smallest=0), st.data(), layouts)
def test_cumprod_is_pytorchs_also_with_zeros(x, data, layout):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    zeros = np.random.default_rng(0).random(x.shape) < data.draw(st.sampled_from([0, 0.4]))
    agree("cumprod", np.where(zeros, 0, x), layout=layout, dim=dim)


@pytest.mark.torch
@pytest.mark.parametrize("settings", [{"unbiased": True}, {"unbiased": False}, {"dim": 1, "unbiased": False}])
def test_the_older_name_of_a_correction_is_pytorchs(settings):
    agree(lambda F, x: x.var(**settings), normal(0, 3, 4))


@pytest.mark.torch
def test_max_passes_on_nan_as_pytorch():
    x = np.array([[1.0, np.nan, 3.0], [4.0, 4.0, 0.0]])
    agree("max", x, dim=1)
    agree(lambda F, x: x.max(), x)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(fours, st.integers(-4, 3), st.sampled_from([1, 10]), layouts)
def test_softmax_is_pytorchs(name, x, dim, scale, layout):
    agree(name, scale * x, layout=layout, dim=dim)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_large_numbers_and_of_minus_infinity_is_pytorchs(name):
    agree(name, np.array([[1e4, 1e4 - 1, -1e4], [3.0, 1000.0, 1000.0]]), dim=1)
    agree(name, np.array([0.0, 1.0, -np.inf]), dim=0)
    agree(name, normal(0, 2, 0), dim=1)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["sum", "mean", "var"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1)])
def test_reductions_of_too_little_are_pytorchs(name, shape):
    agree(lambda F, x: getattr(x, name)(dim=0), normal(0, *shape))


@given(seeds)
def test_softmax_is_a_distribution_that_a_constant_does_not_change(seed):
    x = normal(seed, 3, 5)
    p = F.softmax(x, 1).numpy()
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_allclose(F.softmax(x + 100, 1).numpy(), p)
    np.testing.assert_allclose(F.log_softmax(x, 1).numpy(), np.log(p))


def test_var_divides_by_n_minus_the_correction():
    x = np.array([1.0, 2.0, 3.0, 6.0])  # mean 3, squared deviations 4 + 1 + 0 + 9 = 14
    assert F.var(x, correction=0).item() == 14 / 4
    assert F.var(x).item() == 14 / 3


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64])
def test_sums_and_maxima_of_integers_are_pytorchs(dtype):
    import torch

    x = np.array([[1, 0, 1], [1, 1, 0]], dtype)
    for ours, theirs in ((F.sum(x), torch.tensor(x).sum()), (F.max(x), torch.tensor(x).max())):
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        assert ours.item() == theirs.item()


def test_a_mean_in_float32_stays_in_float32():
    for y in (F.mean(np.ones((2, 3), np.float32), 0), F.var(np.ones((2, 3), np.float32)), tinyunet.tensor([1.0]).sum()):
        assert y.dtype == np.float32


def test_cumprod_of_many_float32_rounds_once():
    rng = np.random.default_rng(0)
    x = (1 + 1e-3 * rng.standard_normal((2, 1000))).astype(np.float32)
    a = tinyunet.tensor(x, requires_grad=True)
    y = F.cumprod(a, dim=1)
    y.sum().backward()
    exact = tinyunet.tensor(x.astype(np.float64), requires_grad=True)
    F.cumprod(exact, dim=1).sum().backward()
    assert y.dtype == a.grad.dtype == np.float32
    np.testing.assert_allclose(y, np.cumprod(x.astype(np.float64), axis=1), rtol=1e-7)
    np.testing.assert_allclose(a.grad, exact.grad, rtol=2e-7)


MUTANTS = {
    "ops.reduce:softmax": [
        ("softmax without the sum over outputs", "(dy - total(dy * y, dim, keepdims=True))", "dy"),
    ],
    "ops.reduce:log_softmax_array": [
        ("log softmax overflows", "shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)", "shifted = x"),
    ],
    "ops.reduce:min": [
        (
            "min of integers by negation, which has no −(−128)",
            'if np.asarray(x).dtype.kind in "iub" else',
            "if np.asarray(x).dtype == bool else",
        ),
        ("min: values of the other sign", "return Min(turned(values), indices)", "return Min(values, indices)"),
    ],
    "ops.reduce:cumprod": [
        (
            "cumprod: a quotient fails at 0",
            "others[..., 0] = y[..., i - 1] if i else 1",
            "others[..., 0] = y[..., i] / x[..., i]",
        ),
        ("cumprod: every product is rounded", 'np.float64 if x.dtype.kind == "f"', 'x.dtype if x.dtype.kind == "f"'),
        ("cumprod: what came before is forgotten", "y[..., i - 1] if i else 1", "1"),
    ],
    "ops.reduce:var": [
        ("var: unbiased is the other way round", "int(unbiased)", "1 - int(unbiased)"),
        ("var: correction forgotten", "n - correction, 0", "n - 0 * correction, 0"),
    ],
    "ops.reduce:mean": [
        ("mean divides the gradient by the wrong n", "dy / n, dims", "dy / input.size, dims"),
    ],
}
