"""Arithmetic and activations against PyTorch: values and gradients, broadcasting, the edges of the number range."""

import itertools
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree
from tests.strategies import arrays, layouts, normal, seeds, shapes

UNARY = ["neg", "exp", "abs", "relu", "leaky_relu", "sigmoid", "tanh", "silu", "sin", "cos", "gelu"]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv]


@st.composite
def broadcastable(draw):
    """Two arrays whose shapes broadcast: sizes of 1, missing leading dimensions, 0-d."""
    full = draw(shapes(least=0))

    def one():
        kept = full[draw(st.integers(0, len(full))) :]
        return normal(draw(seeds), *[draw(st.sampled_from([1, n])) for n in kept])

    return one(), one()


@pytest.mark.torch
@pytest.mark.parametrize("name", UNARY)
@given(arrays(least=0, smallest=0), layouts)
def test_functions_of_one_argument_are_pytorchs(name, x, layout):
    agree(name, x, layout=layout)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["log", "sqrt"])
@given(arrays(), layouts)
def test_functions_of_positive_numbers_are_pytorchs(name, x, layout):
    agree(name, np.abs(x) + 0.1, layout=layout)


@pytest.mark.torch
@given(arrays(), st.sampled_from([0.0, 0.2, 1.0, -0.5]))
def test_the_slope_of_leaky_relu_is_pytorchs(x, slope):
    agree("leaky_relu", x, negative_slope=slope)


@pytest.mark.torch
@pytest.mark.parametrize("operation", BINARY)
@given(broadcastable(), layouts)
def test_arithmetic_with_broadcasting_is_pytorchs(operation, ab, layout):
    agree(lambda F, a, b: operation(a, b), *ab, layout=layout)


@pytest.mark.torch
@given(broadcastable(), layouts)
def test_powers_of_positive_numbers_are_pytorchs(ab, layout):
    a, b = ab
    agree(lambda F, a, b: a**b, np.abs(a) + 0.1, b, layout=layout)


@pytest.mark.torch
@pytest.mark.parametrize("exponent", [-2, -1.0, 0, 0.5, 1, 2.0, 3])
def test_powers_with_a_number_are_pytorchs_also_at_zero(exponent):
    agree(lambda F, x: x**exponent, np.array([0.0, 0.5, 1.0, 2.0]))
    if exponent == int(exponent):
        agree(lambda F, x: x**exponent, np.array([-1.5, -1.0]))


@pytest.mark.torch
def test_powers_of_zero_are_pytorchs():
    agree(lambda F, a, b: a**b, np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 1.0, 2.0, 0.0]))


@pytest.mark.torch
@pytest.mark.parametrize("name", [*UNARY, "log", "sqrt"])
def test_kinks_poles_overflow_and_nan_are_pytorchs(name):
    x = [0.0, -1000.0, 1000.0]
    x += [np.inf] * (name != "gelu")  # inf, too, where PyTorch's float32 has nan
    agree(name, np.array([*x, np.nan]))


@pytest.mark.torch
@given(arrays(least=0, smallest=0), layouts)
def test_the_approximation_of_gelu_is_pytorchs(x, layout):
    agree("gelu", 3 * x, layout=layout, approximate="tanh")


@pytest.mark.torch
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "silu"])
def test_what_pytorch_does_in_place_is_a_new_array(name):
    agree(lambda F, x: getattr(F, name)(x * 1, inplace=True) * 3, normal(0, 2, 3))
    x = tinyunet.tensor([-1.0, 2.0])
    getattr(F, name)(x, inplace=True)
    assert x.tolist() == [-1, 2]


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_cast_rounds_and_passes_the_gradient(dtype):
    agree(lambda F, x: x.to(getattr(tinyunet if F is tinyunet.functional else F, dtype)) * 3, normal(0, 2, 3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, ">f4"])
def test_a_mask_chooses_in_every_dtype(dtype):
    """√relu(x) has the slope ∞ where x < 0, and none of it arrives."""
    x = tinyunet.tensor(np.array([-1.0, 4.0], dtype), requires_grad=True)
    F.relu(x).sqrt().sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([0, 0.25], dtype))


def test_what_dropout_removes_is_0_whatever_it_was():
    x = np.resize([1.0, np.inf, np.nan, -np.inf], 40)
    leaf = tinyunet.tensor(x, requires_grad=True)
    y = F.dropout(leaf, 0.5, rng=0)
    y.backward(x)
    kept = F.dropout(np.ones(40), 0.5, rng=0).numpy() != 0
    for values in (y, leaf.grad):
        np.testing.assert_array_equal(values, np.where(kept, 2 * x, 0))


@pytest.mark.torch
def test_division_by_zero_is_pytorchs():
    agree(lambda F, a, b: a / b, np.array([1.0, -1.0, 0.0]), np.zeros(3))


@pytest.mark.torch
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_of_nothing_and_of_everything_is_pytorchs(p, training):
    agree("dropout", normal(0, 3, 4), p=p, training=training)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout_keeps_the_expectation(p):
    y = F.dropout(np.ones((100, 1000)), p, rng=0).numpy()
    assert np.mean(y == 0) == pytest.approx(p, abs=0.01)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p))


def test_dropout_passes_the_gradient_where_it_passed_the_value():
    x = tinyunet.tensor(np.ones((10, 10)), requires_grad=True)
    y = F.dropout(x, 0.3, rng=0)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y)


def test_dropout_is_its_seed():
    x = np.ones(100)
    once, again, other = (F.dropout(x, rng=np.random.default_rng(seed)).numpy() for seed in (3, 3, 4))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    generator = np.random.default_rng(3)
    first, second = (F.dropout(x, rng=generator).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, once)
    assert (second != first).any(), "a generator goes on"


@pytest.mark.parametrize("name", ["sigmoid", "silu"])
def test_activations_of_large_numbers_do_not_overflow(name):
    """pyproject.toml makes the warning of an overflow an error."""
    y = getattr(F, name)(np.array([-1e4, 1e4], np.float32)).numpy()
    np.testing.assert_array_equal(y, [0, 1 if name == "sigmoid" else 1e4])


@given(arrays(), st.sampled_from([np.float32, np.float64]))
def test_numbers_do_not_change_the_dtype(x, dtype):
    x = tinyunet.tensor(x.astype(dtype))
    for y in (x + 1, 2.0 * x, np.float64(3) - x, x / 2, x**2, F.leaky_relu(x, 0.1), F.dropout(x, rng=0)):
        assert y.dtype == dtype


@pytest.mark.torch
@pytest.mark.parametrize("operation", ["add", "sub", "mul", "div", "pow"])
@pytest.mark.parametrize("dtypes", list(itertools.product(["int64", "int32", "float32", "float64"], repeat=2)))
@pytest.mark.parametrize("shapes", [((3,), (3,)), ((), (3,)), ((3,), ()), ((), ())])
def test_dtypes_are_promoted_as_in_pytorch(operation, dtypes, shapes):
    import torch

    a, b = (np.full(shape, 2, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
    ours = getattr(F, operation)(tinyunet.tensor(a), tinyunet.tensor(b))
    theirs = getattr(torch, operation)(torch.tensor(a), torch.tensor(b))
    assert str(theirs.dtype) == f"torch.{ours.dtype}"


MUTANTS = {
    "ops.elementwise:relu": [
        ("relu: mask from the sign of the gradient", "only(dy, y != 0)", "only(dy, dy > 0)"),
        ("relu: slope 0 where x is nan", "only(dy, y != 0)", "only(dy, y > 0)"),
        ("relu: slope 1 at 0", "only(dy, y != 0)", "only(dy, input >= 0)"),
    ],
    "ops.elementwise:sub": [
        ("sub: sign of the second gradient", "unbroadcast(-dy, b_shape)", "unbroadcast(dy, b_shape)"),
    ],
    "ops.elementwise:cos": [
        ("cos: the sign of its slope", "-dy * np.sin(x)", "dy * np.sin(x)"),
    ],
    "ops.elementwise:gelu": [
        ("gelu: product rule forgotten", "(below + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))", "below"),
        ("gelu: inner derivative forgotten", "* (1 + 3 * 0.044715 * x * x)", ""),
        ("gelu: the usual one is approximated", 'if approximate == "none":', 'if approximate == "erf":'),
    ],
    "ops.elementwise:silu": [
        ("silu: product rule forgotten", "dy * s * (1 + input * (1 - s))", "dy * s"),
    ],
    "ops.elementwise:dropout": [
        ("dropout: not scaled", "1 / (1 - p) if p < 1 else 1", "1"),
    ],
    "ops.elementwise:logistic": [
        ("sigmoid overflows", "e = np.exp(-np.abs(x))", "return np.asarray(np.exp(x) / (1 + np.exp(x)))\n    e = 0"),
    ],
}
