"""What a Tensor is: of which kind, beside NumPy and Python numbers, compared, printed and copied."""

import copy
import pickle

import numpy as np
import pytest

import tinyunet
from tests.tensor import leaf
from tinyunet import Tensor, nn, tensor


@pytest.mark.parametrize(
    ("function", "gradient"),
    [
        (lambda t: np.float32(2) * t, 2),
        (lambda t: np.float64(2) * t, 2),
        (lambda t: t / np.float64(2), 0.5),
        (lambda t: np.int64(2) - t, -1),
        (lambda t: 2 * t, 2),
        (lambda t: np.ones((3, 1), np.float32) + t, 3),
        (lambda t: t * np.full(2, 2, np.float32), 2),
        (lambda t: np.eye(2, dtype=np.float32) @ t, 1),
        (lambda t: np.float32(2) ** (t * 0), 0),
    ],
)
def test_numpy_on_either_side_gives_a_float32_tensor_with_gradient(function, gradient):
    t = tensor([1.0, 2.0], requires_grad=True)
    y = function(t)
    assert isinstance(y, Tensor)
    assert y.dtype == np.float32
    y.sum().backward()
    np.testing.assert_array_equal(t.grad, [gradient] * 2)


def test_numpy_functions_do_not_lose_the_gradient_silently():
    t = tensor([1.0, 2.0], requires_grad=True)
    for function in (np.exp, np.sqrt, np.maximum.reduce, np.sum):
        with pytest.raises(TypeError):
            function(t)


def test_a_tensor_is_an_array_to_numpy():
    t = tensor([[1.0, 2.0]])
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert np.asarray(t, np.float64).dtype == np.float64
    assert np.shape(t) == (1, 2)
    with pytest.raises(ValueError, match="copy"):
        np.asarray(t, np.float64, copy=False)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, np.float32),
        ([1, 2], np.float32),
        ([[0.5]], np.float32),
        ([], np.float32),
        (True, np.float32),
        (np.float64(1), np.float64),
        (np.ones(2), np.float64),
        (np.ones(2, np.float16), np.float16),
        (np.arange(2), np.int64),
        (np.array([True]), np.bool_),
        (Tensor(np.ones(2)), np.float64),
    ],
)
def test_numbers_and_lists_become_float32_and_arrays_keep_their_kind(data, dtype):
    assert tensor(data).dtype == dtype
    assert tensor(data, dtype=np.float64).dtype == np.float64


@pytest.mark.parametrize("data", [None, "1", ["a"], [1, None], 1j, np.array([1j]), [[1], [1, 2]], {}, object()])
def test_what_is_not_real_numbers_is_no_tensor(data):
    with pytest.raises(TypeError, match="tensor: "):
        tensor(data)
    with pytest.raises(TypeError, match="real numbers are needed, not complex"):
        tensor(1.0, dtype=complex)


def test_repr_shows_values_kind_and_origin():
    x = tensor([1.0, 2.5], requires_grad=True)
    assert repr(tensor([[1, 2], [3, 4]])) == "tensor([[1., 2.],\n        [3., 4.]])"
    assert repr(tensor(1.5)) == "tensor(1.5)"
    assert repr(x) == "tensor([1. , 2.5], requires_grad=True)"
    assert repr(x * 2.0) == "tensor([2., 5.], made_by=mul)"
    assert repr(tensor(np.arange(2))) == "tensor([0, 1], dtype=int64)"
    assert repr(tensor(np.ones(1)).requires_grad_()) == "tensor([1.], dtype=float64, requires_grad=True)"
    assert repr(tensor([])) == "tensor([])"
    assert len(repr(tensor(np.zeros((100, 100))))) < 1000


def test_length_iteration_and_membership():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    first, second = x
    (first * 2.0 + second).sum().backward()
    np.testing.assert_array_equal(x.grad, [[2, 2], [1, 1]])
    for nothing in (len, iter):
        with pytest.raises(TypeError):
            nothing(tensor(1.0))


def test_comparisons_are_elementwise_and_constant():
    x = leaf([1.0, 2.0, 3.0])
    for compare, expected in (
        (lambda a, b: a < b, [True, False, False]),
        (lambda a, b: a <= b, [True, True, False]),
        (lambda a, b: a > b, [False, False, True]),
        (lambda a, b: a >= b, [False, True, True]),
        (lambda a, b: a == b, [False, True, False]),
        (lambda a, b: a != b, [True, False, True]),
    ):
        for two in (2, 2.0, np.float32(2), np.full(3, 2), tensor(2)):
            result = compare(x, two)
            assert isinstance(result, Tensor)
            assert not result.requires_grad
            np.testing.assert_array_equal(result, expected)
    assert isinstance(np.full(3, 2.0) < x, Tensor)
    assert (x == None) is False  # noqa: E711
    assert len({x, x, leaf([1.0])}) == 2  # hashed by identity


@pytest.mark.parametrize("one", [2.0, [2.0], [[2.0]]])
def test_one_element_becomes_a_python_number(one):
    t = tensor(one)
    assert t.item() == 2.0
    assert type(t.item()) is float
    assert type(float(t)) is float
    assert int(t) == 2
    assert bool(t)
    assert not bool(t * 0)


@pytest.mark.parametrize("convert", [float, int, bool, lambda t: t.item()])
def test_several_elements_are_no_number(convert):
    with pytest.raises(ValueError, match=r"size 1|more than one element"):
        convert(tensor([1.0, 2.0]))


def test_a_deep_copy_is_independent_and_keeps_what_is_shared():
    w = nn.Parameter([1.0, 2.0])
    (w * w).sum().backward()
    twins = copy.deepcopy([w, w])
    assert twins[0] is twins[1]
    twin = twins[0]
    assert type(twin) is nn.Parameter
    assert twin.requires_grad
    np.testing.assert_array_equal(twin.grad, w.grad)
    twin.data = [5.0, 6.0]
    twin.grad = None
    np.testing.assert_array_equal(w, [1, 2])
    assert w.grad is not None
    with pytest.raises(RuntimeError, match=r"only leaves.*detach"):
        copy.deepcopy(w * 2.0)


@pytest.mark.parametrize("copied", [copy.copy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_is_independent_and_cannot_be_written_to_behind_the_back_of_a_graph(copied):
    for w in (nn.Parameter([1.0, 2.0]), leaf([1.0, 2.0]), tensor(np.array([1, 2])), nn.Parameter([1.0], None, False)):
        if w.requires_grad:
            (w * w).sum().backward()
        twin = copied(w)
        assert (type(twin), twin.requires_grad, twin.dtype) == (type(w), w.requires_grad, w.dtype)
        np.testing.assert_array_equal(twin, w)
        if w.requires_grad:
            np.testing.assert_array_equal(twin.grad, w.grad)
        with pytest.raises(ValueError, match="read-only"):
            twin.numpy()[0] = 100
        twin.data = twin.numpy() + 1
        assert twin.numpy()[0] == w.numpy()[0] + 1
    with pytest.raises(RuntimeError, match=r"only leaves.*detach"):
        copied(leaf([1.0]) * 2.0)


def test_the_package_offers_what_a_user_types():
    for name in ("tensor", "Tensor", "no_grad", "using", "differentiable", "gradcheck", "functional", "nn", "optim"):
        assert hasattr(tinyunet, name)
