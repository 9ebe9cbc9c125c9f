"""Sums in float32 are right to the last digit along any axes, and nothing that adds is less exact than PyTorch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import LAYOUTS, Torch
from tests.strategies import layouts, normal, seeds
from tinyunet.ops import sums
from tinyunet.optim import clip_grad_norm_

ULP = 2**-23  # the distance from 1 to the next float32

# What is added: numbers of both signs, numbers far from 0, and one number again and again, whose errors do not cancel.
NUMBERS = {
    "normal": lambda seed, *shape: normal(seed, *shape),
    "far from 0": lambda seed, *shape: 30 + normal(seed, *shape),
    "constant": lambda seed, *shape: np.full(shape, 0.1 + seed % 7),
}
numbers = st.sampled_from(list(NUMBERS))


@st.composite
def long_arrays(draw):
    """float32, long in one of its dimensions, which may be the first, and the axes to add along."""
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    shape[draw(st.integers(0, len(shape) - 1))] = draw(st.sampled_from([5, 300, 4096, 30011]))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True).map(tuple))
    x = NUMBERS[draw(numbers)](draw(seeds), *shape).astype(np.float32)
    return LAYOUTS[draw(layouts)](x), axes


@given(long_arrays(), st.booleans())
def test_sums_and_means_are_rounded_once(case, keepdims):
    x, axes = case
    exact = x.astype(np.longdouble).sum(axes, keepdims=keepdims)
    noise = 1e-13 * np.abs(x).sum(axes, keepdims=keepdims, dtype=np.float64)
    for ours, wanted, allowed in (
        (sums.total(x, axes, keepdims), exact, noise),
        (sums.average(x, axes, keepdims), exact / _count(x, axes), noise / _count(x, axes)),
        (F.sum(x, axes, keepdims).numpy(), exact, noise),
        (F.mean(x, axes, keepdims).numpy(), exact / _count(x, axes), noise / _count(x, axes)),
    ):
        assert ours.dtype == np.float32
        assert ours.shape == wanted.shape
        assert (np.abs(ours - wanted) <= ULP / 2 * np.abs(wanted) + allowed).all()


def _count(x, axes):
    return math.prod(x.shape[axis] for axis in axes)


@given(st.integers(1, 4), st.sampled_from([0, 1, 255, 256, 257, 1000, 1 << 15, 100003]), numbers, seeds, st.booleans())
def test_sums_of_rows_are_as_exact(rows, length, kind, seed, apart):
    a, b = (NUMBERS[kind](seed + k, rows, length).astype(np.float32) for k in range(2))
    if apart:
        a, b = np.asfortranarray(a), np.asfortranarray(b)
    for ours, terms in ((sums.row_sums(a), a.astype(float)), (sums.row_dots(a, b), a.astype(float) * b)):
        assert ours.dtype == np.float64
        assert (np.abs(ours - terms.sum(1)) <= 4 * ULP * np.abs(terms).sum(1)).all()


@pytest.mark.parametrize(
    ("a", "b"), [("k", "k"), ("mk", "k"), ("k", "kn"), ("bmk", "kn"), ("mk", "bkn"), ("bmk", "1kn")]
)
@pytest.mark.parametrize("k", [1, 1024, 1025, 5000])
def test_long_products_are_products(a, b, k):
    sizes = {"b": 3, "m": 2, "n": 4, "k": k, "1": 1}
    x, y = (1 + normal(i, *[sizes[d] for d in dims]).astype(np.float32) for i, dims in enumerate((a, b)))
    ours, exact = sums.product(x, y), x.astype(float) @ y.astype(float)
    assert ours.shape == exact.shape
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, exact, rtol=1e-5)
    integers = np.full(k, (1 << 50) + 1)  # a float64 holds no sum of these
    assert sums.product(integers, integers >> 50) == k * ((1 << 50) + 1)


@pytest.mark.parametrize("shape", [(5, 1100), (1, 7), (2, 3, 7), (0, 7)])
def test_products_are_products_in_however_many_pieces(shape, monkeypatch):
    monkeypatch.setattr(sums, "worth", lambda flops: 3)
    x, y = normal(0, *shape), normal(1, shape[-1], 4)
    np.testing.assert_allclose(sums.product(x, y), x @ y, rtol=1e-9, atol=1e-9)


def test_products_of_a_million_are_exact():
    x = np.full((1, 1 << 20), 0.1, np.float32)
    assert sums.product(x, np.ones((1 << 20, 1), np.float32)).item() == pytest.approx(float(x[0, 0]) * 2**20, rel=3e-7)


def test_products_that_do_not_fit_are_no_products_of_their_parts():
    for a, b in ((np.ones((2, 2048)), np.ones((4000, 2))), (np.ones((2, 3000)), np.ones(2048))):
        with pytest.raises(ValueError, match="do not fit"):
            F.matmul(a, b)


def test_the_mean_is_subtracted_to_the_last_digit():
    x = np.array([1e8, 1e8, 1e8 + 8], np.float32)  # the mean, 1e8 + 8/3, is no float32
    np.testing.assert_allclose(sums.centred(x, 0), [-8 / 3, -8 / 3, 16 / 3], rtol=ULP)


def test_float16_is_added_beyond_its_largest_number():
    x = np.full((1, 70000), 300.0, np.float16)
    assert sums.average(x).item() == 300
    assert sums.row_sums(x).item() == 300 * 70000
    assert sums.row_dots(x, x).item() == 300**2 * 70000


# Every operation that adds, with arrays over which it adds: operation, shapes of its arguments, settings.
ADDING = {
    "sum": (lambda F, x: F.sum(x, (0, 2)), [(300, 2, 200)], {}),
    "mean": (lambda F, x: F.mean(x, 0), [(50000, 2)], {}),
    "var": (lambda F, x: F.var(x, 0), [(50000, 2)], {}),
    "broadcasting": (lambda F, a, b: a + b, [(50000, 2), (2,)], {}),
    "scaling": (lambda F, a, b: a * b, [(2, 50000), (2, 1)], {}),
    "expand": (lambda F, x: x.expand(50000, 2), [(2,)], {}),
    "softmax": (lambda F, x: F.softmax(x, 0), [(50000, 2)], {}),
    "log_softmax": (lambda F, x: F.log_softmax(x, 0), [(50000, 2)], {}),
    "matmul": (lambda F, a, b: a @ b, [(2, 30000), (30000, 2)], {}),
    "linear": ("linear", [(30000, 3), (2, 3), (2,)], {}),
    "conv2d": ("conv2d", [(4, 2, 96, 96), (2, 2, 3, 3), (2,)], {"padding": 1}),
    "conv_transpose2d": ("conv_transpose2d", [(4, 2, 48, 48), (2, 2, 2, 2), (2,)], {"stride": 2}),
    "group_norm": (lambda F, x, w, b: F.group_norm(x, 2, w, b), [(2, 4, 96, 96), (4,), (4,)], {}),
    "mse_loss": ("mse_loss", [(200, 3, 100), (200, 3, 100)], {}),
    "l1_loss": ("l1_loss", [(200, 3, 100), (200, 3, 100)], {"reduction": "sum"}),
    "avg_pool2d": ("avg_pool2d", [(1, 2, 64, 64), 32], {}),
}


def _results(F, tensor, operation, arrays, settings):
    """Value and gradients, for the gradient that comes from far away from 0."""
    call = getattr(F, operation) if isinstance(operation, str) else lambda *x, **kw: operation(F, *x, **kw)
    leaves = [tensor(x) if isinstance(x, np.ndarray) else x for x in arrays]
    y = call(*leaves, **settings)
    dy = tensor((3 + normal(9, *y.shape)).astype(np.float32), False)
    y.backward(dy)
    return [np.asarray(a.detach(), np.float64) for a in (y, *(x.grad for x in leaves if hasattr(x, "grad")))]


def _three(operation, arrays, settings):
    """Results of ours and of PyTorch in float32, and of PyTorch in float64, given the same float32 numbers."""
    import torch

    arrays = [x.astype(np.float32) if isinstance(x, np.ndarray) else x for x in arrays]
    return (
        _results(F, lambda x, leaf=True: tinyunet.tensor(x, requires_grad=leaf), operation, arrays, settings),
        *(
            _results(
                Torch(),
                lambda x, leaf=True, d=d: torch.tensor(x, dtype=d, requires_grad=leaf),
                operation,
                arrays,
                settings,
            )
            for d in (torch.float32, torch.float64)
        ),
    )


def _error(a, exact):
    return np.abs(a - exact).max() / max(np.abs(exact).max(), 1e-30)


@pytest.mark.torch
@pytest.mark.parametrize("mean", [0, 30])
@pytest.mark.parametrize("name", ADDING)
def test_what_adds_is_as_exact_as_pytorch(name, mean):
    operation, shapes, settings = ADDING[name]
    if "softmax" in name and mean:
        mean = 3
    arrays = [mean + normal(k, *s) if isinstance(s, tuple) else s for k, s in enumerate(shapes)]
    for k, (ours, theirs, exact) in enumerate(zip(*_three(operation, arrays, settings), strict=True)):
        assert _error(ours, exact) <= 1.5 * _error(theirs, exact) + 4 * ULP, f"{name}, result {k}"


@pytest.mark.torch
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropies_and_tables_are_as_exact_as_pytorch(weighted):
    import torch

    rng = np.random.default_rng(0)
    target, x = rng.integers(0, 3, (4, 128, 128)), normal(1, 4, 3, 128, 128)
    w = np.array([0.1, 0.7, 1.3], np.float32) if weighted else None

    def cross_entropy(F, x):
        if F is tinyunet.functional:
            return F.cross_entropy(x, target, w)
        weight = torch.tensor(w, dtype=x.dtype) if weighted else None
        return torch.nn.functional.cross_entropy(x, torch.tensor(target), weight)

    def embedding(F, table):
        index = target % 2
        return F.embedding(index if F is tinyunet.functional else torch.tensor(index), table)

    for ours, theirs, exact in zip(*_three(cross_entropy, [x], {}), strict=True):
        assert _error(ours, exact) <= _error(theirs, exact) + 2 * ULP
    for ours, _, exact in zip(*_three(embedding, [normal(2, 2, 2)], {}), strict=True):  # far from PyTorch's 1e-5
        assert _error(ours, exact) <= 2 * ULP


def test_the_norm_of_the_gradients_is_exact():
    w = tinyunet.tensor(np.zeros((3, 1 << 17), np.float32), requires_grad=True)
    (w * np.float32(0.1)).sum().backward()
    w = [w, tinyunet.tensor(np.float32(0), requires_grad=True)]
    assert clip_grad_norm_(w, 1.0) == pytest.approx(float(np.float32(0.1)) * math.sqrt(3 << 17), rel=1e-7)


@pytest.mark.slow
def test_many_million_rows():
    """One by one, 2²⁵ ones add up to 2²⁴ in float32."""
    x = np.abs(np.random.default_rng(0).standard_normal((1 << 23, 2), np.float32))
    exact = x.astype(np.float64)
    t = tinyunet.tensor(x)
    np.testing.assert_allclose(t.mean(0), exact.mean(0), rtol=ULP)
    np.testing.assert_allclose(t.var(0), exact.var(0, ddof=1), rtol=ULP)
    n = 1 << 25
    zeros, b = np.zeros((n, 2), np.float32), tinyunet.tensor([0.0, 0.0], requires_grad=True)
    (zeros + b).sum().backward()
    np.testing.assert_array_equal(b.grad, [n, n])
    b.grad = None
    F.linear(zeros, np.zeros((2, 2), np.float32), b).sum().backward()
    np.testing.assert_array_equal(b.grad, [n, n])
    b.grad = None
    F.conv2d(np.zeros((2, 1, 1 << 12, 1 << 12), np.float32), np.zeros((2, 1, 1, 1), np.float32), b).sum().backward()
    np.testing.assert_array_equal(b.grad, [n, n])


MUTANTS = {
    "ops.sums:total": [("total: added in the dtype of the numbers", ", dtype=np.float64), x.dtype", "), x.dtype")],
    "ops.sums:average": [
        ("average: added in the dtype of the numbers", ", dtype=np.float64))", "))"),
        ("average: rounded before it is divided", "asarray(sums / (", "asarray(sums.astype(x.dtype) / ("),
        ("average: over all", "x.size / sums.size if sums.size else 1", "x.size"),
    ],
    "ops.sums:centred": [
        ("centred: what is left of the mean", "return x - average(x, axis, keepdims=True)", "return x")
    ],
    "ops.sums:_added": [("blocks added in float32", ", np.float64", "")],
    "ops.sums:_in_blocks": [
        ("the rest of a row is lost", "rows[:, whole:] if whole < m else None", "None"),
        ("float16 overflows within a block", "rows.itemsize < 4", "False"),
    ],
    "ops.elementwise:unbroadcast": [
        ("broadcasting: added one by one", "total(dy, (*range(new), *repeated))", "dy.sum((*range(new), *repeated))"),
    ],
    "ops.sums:LONG": [("products as long as they come", "1024", "1 << 30")],
    "ops.sums:_product": [
        ("long products: parts added in float32", "part.astype(np.float64)", "part"),
        ("long products: one that does not fit", "a.shape[-1:] != b.shape[-2:][:1] or ", ""),
        ("long products of integers in float64", ' or a.dtype.kind != "f"', ""),
    ],
    "ops.sums:product": [
        ("shared products: the first rows for all", "_product(rows[parts[k]], b)", "_product(rows[parts[0]], b)"),
    ],
    "ops.linear:linear": [("linear: bias gradient added one by one", "total(rows, 0)", "rows.sum(0)")],
    "ops.linear:embedding": [("embedding: added in float32", "np.zeros(weight.shape)", "np.zeros_like(weight)")],
    "ops.reduce:sum": [("sum: added one by one", "total(input, dims, keepdim)", "input.sum(dims, keepdims=keepdim)")],
    "ops.reduce:var": [
        (
            "var: added one by one",
            "total(deviation * deviation, dims, keepdim)",
            "(deviation**2).sum(dims, keepdims=keepdim)",
        ),
    ],
    "nn.utils:clip_grad_norm_": [
        ("norm in float32", "float(row_dots(dw, dw).sum())", "float(np.add.accumulate(dw[0] * dw[0])[-1])"),
    ],
}
