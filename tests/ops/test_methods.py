"""What can be written on a Tensor: every operator and method is its operation, whichever side the Tensor stands on."""

import operator

import numpy as np
import pytest
from hypothesis import given

import tinyunet
import tinyunet.functional as F
from tests.strategies import arrays, normal
from tinyunet import Tensor, gradcheck, tensor

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
OTHERS = [3, 0.5, True, np.float64(1.5), np.float32(0.5), np.int64(2), np.array(2.0), np.array([[1.0], [2.0]])]


@pytest.mark.parametrize("operation", OPERATORS)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_operators_take_numbers_and_arrays_on_both_sides(operation, other):
    x = np.array([1.5, 2.0, 3.0])
    for result, expected in (
        (operation(tensor(x), other), operation(x, other)),
        (operation(other, tensor(x)), operation(other, x)),
    ):
        assert type(result) is Tensor
        np.testing.assert_allclose(result, expected)


@pytest.mark.parametrize("operation", OPERATORS)
def test_reflected_operators_have_the_right_gradient(operation):
    x = tensor(np.array([1.5, 2.0, 3.0]), requires_grad=True)
    for other in (3.0, np.array([[0.5], [2.0]])):
        assert gradcheck(lambda x, other=other: operation(x, other), [x])
        assert gradcheck(lambda x, other=other: operation(other, x), [x])


def test_matrix_products_take_arrays_on_both_sides():
    a, b = normal(0, 2, 3), normal(1, 3, 4)
    for y in (tensor(a) @ tensor(b), tensor(a) @ b, a @ tensor(b)):
        assert type(y) is Tensor
        np.testing.assert_allclose(y, a @ b)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_are_elementwise_and_constant(compare):
    x, y = tensor([1.0, 2.0, 3.0], requires_grad=True), tensor([3.0, 2.0, 1.0])
    for other in (y, y.numpy(), 2.0, np.float32(2)):
        result = compare(x, other)
        assert (result.dtype, result.requires_grad) == (bool, False)
        np.testing.assert_array_equal(result, compare(x.numpy(), np.asarray(other)))
    np.testing.assert_array_equal(compare(2.0, x), compare(2.0, x.numpy()))


def test_a_tensor_is_not_equal_to_what_is_no_number():
    x = tensor([1.0])
    assert (x == None) is False  # noqa: E711
    assert x != "one"


@pytest.mark.parametrize("operation", [*OPERATORS, operator.matmul, operator.lt])
@pytest.mark.parametrize("other", ["2", None, [1.0], object()], ids=repr)
def test_operators_refuse_what_is_no_number(operation, other):
    for a, b in ((tensor([1.0]), other), (other, tensor([1.0]))):
        with pytest.raises(TypeError):
            operation(a, b)


METHODS = dict.fromkeys(["sum", "mean", "var", "max", "exp", "log", "sqrt", "abs", "relu", "sigmoid", "tanh"], ())
METHODS |= {"softmax": (0,), "log_softmax": (0,), "reshape": (-1,), "permute": ((0,),), "transpose": (0, 0)}
METHODS |= {"expand": (2, -1)}


@pytest.mark.parametrize(("name", "arguments"), METHODS.items())
@given(arrays(most=1, smallest=2))
def test_a_method_is_its_operation(name, arguments, x):
    x = tensor(np.abs(x) + 0.1)
    np.testing.assert_array_equal(getattr(x, name)(*arguments), getattr(F, name)(x, *arguments))


def test_signs_transposition_iteration_and_length():
    array = normal(0, 2, 3)
    x = tensor(array, requires_grad=True)
    np.testing.assert_array_equal(-x, -array)
    np.testing.assert_array_equal(abs(x), np.abs(array))
    np.testing.assert_array_equal(x.T, array.T)
    np.testing.assert_array_equal([row.numpy() for row in x], array)
    assert (len(x), x.numel(), x.ndim) == (2, 6, 2)
    sum(row.sum() * (k + 1) for k, row in enumerate(x)).backward()
    np.testing.assert_array_equal(x.grad, [[1, 1, 1], [2, 2, 2]])


def test_an_expression_of_many_operators_passes_gradcheck():
    x, w = (tensor(np.abs(normal(k, 3, 3)) + 0.5, requires_grad=True) for k in range(2))

    def f(x, w):
        y = (2 - x @ w.T) / (1 + x**2) + abs(-w)[::2, [0, 0, 1]].sum(0) * x.sqrt()
        return (y.tanh() * y.sigmoid()).softmax(1).log() + x.max(1, keepdim=True).values + w.var(0) + x.mean()

    assert gradcheck(f, [x, w])


def test_numpy_functions_do_not_lose_the_gradient_silently():
    with pytest.raises(TypeError):
        np.exp(tinyunet.tensor([1.0], requires_grad=True))
