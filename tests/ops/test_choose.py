"""where and clamp against PyTorch, also with inf and nan in what is not chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree
from tests.strategies import arrays, layouts, normal, seeds

SHAPES = [
    ((3, 4), (3, 4), (3, 4)),
    ((4,), (3, 4), (3, 1)),
    ((3, 1), (1, 4), ()),
    ((), (2,), (3, 1)),
    ((0, 2), (2,), (1, 2)),
]


@pytest.mark.torch
@given(st.sampled_from(SHAPES), seeds, layouts)
def test_where_is_pytorchs(shapes, seed, layout):
    condition, a, b = (normal(seed + k, *shape) for k, shape in enumerate(shapes))
    agree("where", condition > 0, a, b, layout=layout)
    agree(lambda F, c, a: F.where(c, a, 0.5) + F.where(c, -1, a), condition > 0, a)


@pytest.mark.torch
def test_what_is_not_chosen_counts_nothing():
    x = np.array([1.0, np.inf, np.nan, -np.inf, 2.0])
    agree(lambda F, c, x: F.where(c, x * x, 0.0), np.isfinite(x), x)
    agree(lambda F, c, x, w: F.where(c, x, 1.0) * w, np.isfinite(x), x, x)


@pytest.mark.torch
@pytest.mark.parametrize(("a", "b"), [(1, 2), (1.5, 2), (True, 0), (1, 0.5)])
@pytest.mark.parametrize("dtype", [None, "int64", "float32", "float64"])
def test_dtypes_are_pytorchs(a, b, dtype):
    import torch

    own, theirs = tinyunet.tensor(np.array([True, False])), torch.tensor([True, False])
    if dtype:
        own, theirs = (
            F.where(own, tinyunet.zeros(2, dtype=dtype), b),
            torch.where(theirs, torch.zeros(2, dtype=getattr(torch, dtype)), b),
        )
    else:
        own, theirs = F.where(own, a, b), torch.where(theirs, a, b)
    assert f"torch.{own.dtype}" == str(theirs.dtype)


@pytest.mark.torch
@given(arrays(least=0), st.sampled_from([(-0.5, 0.5), (None, 0.3), (0, None), (1, -1), (-10.0, 10)]), layouts)
def test_clamp_is_pytorchs(x, bounds, layout):
    agree("clamp", x, min=bounds[0], max=bounds[1], layout=layout)


@pytest.mark.torch
def test_the_ends_and_what_is_no_number_are_pytorchs():
    agree("clamp", np.array([-1.0, 0.0, 1.0, 2.0, np.inf, -np.inf, np.nan]), min=0, max=1)


@pytest.mark.torch
@pytest.mark.parametrize("bounds", [(1, 3), (0.5, 3)])
def test_clamp_of_integers_is_pytorchs(bounds):
    import torch

    own, theirs = F.clamp(np.arange(5), *bounds), torch.arange(5).clamp(*bounds)
    assert f"torch.{own.dtype}" == str(theirs.dtype)
    np.testing.assert_array_equal(own, theirs)


MUTANTS = {
    "ops.choose:where": [
        (
            "where by product",
            "lambda: unbroadcast(np.where(condition, dy, 0), np.shape(a))",
            "lambda: unbroadcast(dy * condition * np.where(condition, a, a) / a, np.shape(a))",
        ),
        ("where: the second gradient is the first", "np.where(condition, 0, dy)", "np.where(condition, dy, 0)"),
    ],
    "ops.choose:clamp": [
        ("clamp: the ends count not", "np.greater_equal(input, min)", "np.greater(input, min)"),
        ("clamp: everything passes", "np.where(above & below, dy, 0)", "dy"),
    ],
}
