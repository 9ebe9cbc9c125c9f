"""What can be written on a Tensor: every operator and method is its operation, whichever side the Tensor stands on."""

import operator

import numpy as np
import pytest
from hypothesis import given

import tinyunet.functional as F
from tests.strategies import arrays, normal
from tinyunet import Tensor, gradcheck, no_grad, tensor

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
OTHERS = [3, 0.5, True, np.float64(1.5), np.float32(0.5), np.int64(2), np.array(2.0), np.array([[1.0], [2.0]])]


@pytest.mark.parametrize("operation", OPERATORS)
@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_operators_take_numbers_and_arrays_on_both_sides(operation, other):
    x = np.array([1.5, 2.0, 3.0])
    if operation is operator.sub and other is True:
        other = 1.0  # a truth value is not subtracted
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


@pytest.mark.parametrize(
    "function",
    [
        np.exp,
        np.mean,
        lambda x: np.stack([x, x]),
        lambda x: np.concatenate([np.ones(2), x]),
        lambda x: np.split(x, 2),
        lambda x: np.where(x > 0, x, 0),
        lambda x: np.sum(a=x),
    ],
)
def test_numpy_functions_do_not_lose_the_gradient_silently(function):
    x = tensor([1.0, -2.0], requires_grad=True)
    with pytest.raises(TypeError):
        function(x)
    with pytest.raises(TypeError):
        function(x * 2)


def test_numpy_says_what_to_write_instead():
    x = tensor([1.0, -2.0], requires_grad=True)
    (x * x).sum().backward()
    with pytest.raises(TypeError, match=r"np\.exp takes no Tensor.*method of tinyunet"):
        np.exp(x)
    with pytest.raises(TypeError, match=r"np\.maximum takes no Tensor"):
        np.maximum(x, 0)
    with pytest.raises(TypeError, match=r"write `p -= lr \* p\.grad` inside `with no_grad\(\):`"):
        x.data -= 0.1 * x.grad
    with pytest.raises(TypeError, match=r"np\.add takes no Tensor"):
        np.add.reduce(x)
    np.testing.assert_array_equal(x, [1, -2])


def test_numpy_functions_take_a_tensor_as_its_array_where_no_gradient_is_lost():
    x = tensor([1.0, -2.0], requires_grad=True)
    assert (np.shape(x), np.ndim(x), np.size(x), np.argmax(x), np.array_equal(x, x)) == ((2,), 1, 2, 0, True)
    np.testing.assert_array_equal(np.asarray(x), [1, -2])
    for constant in (x.detach(), tensor([1.0, -2.0])):
        np.testing.assert_array_equal(np.stack([constant, constant]), [[1, -2], [1, -2]])
        assert np.mean(constant) == -0.5
    with no_grad():
        np.testing.assert_array_equal(np.stack([x, x]), [[1, -2], [1, -2]])


IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow]


@pytest.mark.torch
@pytest.mark.parametrize("operation", IN_PLACE)
@pytest.mark.parametrize("other", [2, 0.5, np.float64(3), np.array([2.0, 3.0]), tensor([2.0, 3.0])], ids=repr)
def test_a_leaf_changes_in_place_where_nothing_is_recorded(operation, other):
    import torch

    ours, theirs = tensor([1.5, 2.0], requires_grad=True), torch.tensor([1.5, 2.0], requires_grad=True)
    also = ours
    for x in (ours, theirs):
        (x * 3.0).sum().backward()
    with no_grad(), torch.no_grad():
        ours = operation(ours, other)
        theirs = operation(theirs, torch.tensor(np.asarray(other)) if np.ndim(other) else float(other))
    assert ours is also
    assert (ours.requires_grad, ours.dtype) == (True, np.float32)
    np.testing.assert_allclose(ours, theirs.detach(), rtol=1e-6)
    np.testing.assert_array_equal(ours.grad, [3, 3])
    constant = tensor([1.5, 2.0])
    assert operation(constant, other) is constant  # no graph either


@pytest.mark.parametrize("operation", IN_PLACE)
def test_a_leaf_that_wants_a_gradient_does_not_change_while_it_is_recorded(operation):
    w = tensor([1.5, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"a leaf with requires_grad=True \(shape \(2,\)\).*no_grad\(\)"):
        operation(w, 2.0)
    np.testing.assert_array_equal(w, [1.5, 2])


@pytest.mark.parametrize("operation", IN_PLACE)
def test_within_a_graph_the_name_is_given_to_a_new_tensor_and_gradients_are_right(operation):
    def f(x, w):
        y = x * w
        before = y
        y = operation(y, w)
        total = tensor(np.ones(2))
        total += y * 2.0
        return before * 3.0 + total

    assert gradcheck(f, [tensor(np.array(values), requires_grad=True) for values in ([1.5, 2.0], [0.5, 0.7])])


def test_what_does_not_fit_in_place_is_refused_and_changes_nothing():
    x, counts = tensor([1.0, 2.0]), tensor(np.array([1, 2]))
    with pytest.raises(ValueError, match=r"\+=: a Tensor of shape \(2,\) cannot take a result of shape \(3, 2\)"):
        x += np.ones((3, 1))
    with pytest.raises(TypeError, match="/=: a Tensor of int64 cannot take a result of float"):
        counts /= 2
    with pytest.raises(TypeError):
        x += "1"
    np.testing.assert_array_equal(x, [1, 2])
    np.testing.assert_array_equal(counts, [1, 2])


@pytest.mark.parametrize(
    "index", [0, (1, 2), slice(1, None), ..., ([0, 0], [1, 2]), np.array([[True, False, True]] * 2)]
)
def test_elements_are_set_where_nothing_is_recorded(index):
    x, array = tensor(normal(0, 2, 3), requires_grad=True), normal(0, 2, 3)
    alias = x
    with no_grad():
        x[index] = 7
    array[index] = 7
    assert alias is x
    np.testing.assert_array_equal(x, array)
    for target, value in ((x, 1.0), (x * 2, 1.0), (x.detach(), x.sum())):
        with pytest.raises(RuntimeError, match=r"not where a gradient is wanted.*tinyunet\.where"):
            target[0, 0] = value


def _detached(w):
    d = w.detach()
    d -= 1
    d *= 2


def _row(w):
    row = w[0]
    row -= 1
    row += 5
    row.mul_(3)


VIEWS = [
    _detached,
    _row,
    lambda w: w[0, 1, 2].fill_(7),
    lambda w: w[:, ::2, 1:].mul_(2),
    lambda w: w.view(-1).__setitem__(3, 9),
    lambda w: w.permute(2, 0, 1)[1].zero_(),
    lambda w: w.transpose(0, 2).div_(2),
    lambda w: w.reshape(6, 4)[1:3][1].add_(4),
    lambda w: w.unsqueeze(0).flatten().mul_(2),
    lambda w: w[[0]].zero_(),  # no view, but a copy
    lambda w: (w * 1)[0].zero_(),
]


@pytest.mark.torch
@pytest.mark.parametrize("change", VIEWS)
def test_what_is_written_to_a_view_is_written_to_what_it_sees(change):
    import torch

    values = normal(0, 2, 3, 4)
    ours, theirs = tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    with no_grad(), torch.no_grad():
        change(ours)
        change(theirs)
    np.testing.assert_array_equal(ours, theirs.detach())
    constant = tensor(values)
    change(constant)
    np.testing.assert_array_equal(constant, ours)


def test_a_view_of_what_has_changed_is_no_view_any_more():
    w = tensor([1.0, 2.0])
    row, other = w[:1], w[:1]
    w += 1
    for _ in range(2):  # it does not become a Tensor of its own by that
        with pytest.raises(RuntimeError, match="has changed since; make the view anew"):
            row -= 1
    np.testing.assert_array_equal(w, [2, 3])
    np.testing.assert_array_equal(row, [1])
    row, other = w[:1], w[:1]
    row -= 1
    with pytest.raises(RuntimeError, match="has changed since"):
        other -= 1
    row -= 1
    np.testing.assert_array_equal(w, [0, 3])


def test_a_view_holds_no_graph():
    y = tensor([1.0, 2.0], requires_grad=True) * 2.0
    with no_grad():
        views = y.detach(), y.reshape(2, 1)
    assert [view.origin for view in views] == [None, None]


MUTANTS = {
    "ops.methods:assign": [
        ("a view has values of its own", "if origin is not None:", "if False:"),
        ("a view of old values is written", "if parent.version != version:", "if False:"),
    ],
    "ops.methods:_places": [
        (
            "a view is taken to begin where it does not",
            "order[where.searchsorted(_addresses(view), sorter=order)]",
            "np.arange(view.size).reshape(view.shape)",
        ),
    ],
    "ops.methods:_in_place": [
        (
            "a weight is replaced, and the model keeps the old one",
            "assign(self, values)\n        return self",
            "return Tensor(values)",
        ),
        ("a leaf is lost while it is recorded", "if self.requires_grad and self.is_leaf:", "if False:"),
        ("a graph is cut", "return operation(self, other)", "pass"),
    ],
    "ops.methods:_setitem": [
        ("a write into a graph goes unnoticed", "if recording.get()[-1] and", "if False and"),
    ],
    "ops.methods:_array_ufunc": [
        ("an array is changed in place by a Tensor", 'method == "__call__" and not settings', 'method == "__call__"'),
    ],
    "ops.methods:_array_function": [
        ("NumPy loses the gradient", "if any(lost) and", "if False and"),
    ],
}
