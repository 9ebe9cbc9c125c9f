"""`differentiable`: a NumPy function that returns its result and its backward becomes an operation."""

import numpy as np
import pytest

from tests.tensor import leaf
from tinyunet import Tensor, differentiable, tensor
from tinyunet.tensor import Updated


@differentiable
def scaled_sum(a, b, factor=1.0):
    """factor·(a + 2b), and the position of its largest element."""
    y = factor * (a + 2 * b)
    return (y, y.argmax()), lambda dy: (factor * dy, 2 * factor * dy)


def test_gradients_belong_to_arguments_however_they_are_passed():
    for call in (
        lambda a, b: scaled_sum(a, b, 3.0),
        lambda a, b: scaled_sum(b=b, a=a, factor=3.0),
        lambda a, b: scaled_sum(a, factor=3.0, b=b),
    ):
        a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        call(a, b)[0].sum().backward()
        np.testing.assert_array_equal(a.grad, [3, 3])
        np.testing.assert_array_equal(b.grad, [6, 6])


def test_auxiliary_results_are_constants():
    y, where = scaled_sum(leaf([1.0, 2.0]), np.zeros(2))
    assert y.requires_grad
    assert isinstance(where, Tensor)
    assert not where.requires_grad
    assert where.item() == 1


def test_the_undecorated_function_works_on_plain_arrays():
    (y, where), backward = scaled_sum.__wrapped__(np.array([1.0]), np.array([2.0]), factor=2.0)
    assert type(y) is np.ndarray
    assert (y.item(), where) == (10, 0)
    assert [dx.item() for dx in backward(np.array([1.0]))] == [2, 4]
    assert scaled_sum.__name__ == "scaled_sum"
    assert scaled_sum.__doc__.startswith("factor")


def test_a_gradient_is_computed_only_if_somebody_wants_it():
    asked = []

    @differentiable
    def add(a, b):
        def backward(dy):
            return lambda: asked.append("a") or dy, lambda: asked.append("b") or dy

        return a + b, backward

    for a, b, expected in (
        (leaf(1.0), tensor(1.0), ["a"]),
        (np.ones(()), leaf(1.0), ["b"]),
        (leaf(1.0), leaf(1.0), ["a", "b"]),
    ):
        add(a, b).backward()
        assert asked == expected
        asked.clear()


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        (lambda dy: dy, "broken has no derivative with respect to argument 1"),
        (lambda dy: (dy, None), "broken has no derivative with respect to argument 1"),
        (lambda dy: (dy,), "broken has no derivative with respect to argument 1"),
        (lambda dy: (dy, dy.sum()), r"backward of broken: gradient of shape \(\) for argument 1 of shape \(2,\)"),
        (lambda dy: (dy[:1], dy), r"backward of broken: gradient of shape \(1,\) for argument 0 of shape \(2,\)"),
    ],
)
def test_a_backward_that_returns_the_wrong_thing_is_named(gradients, message):
    @differentiable
    def broken(a, b):
        return a + b, gradients

    with pytest.raises(RuntimeError, match=message):
        broken(leaf([1.0, 2.0]), leaf([1.0, 2.0])).sum().backward()


@pytest.mark.parametrize("made", [np.ones(2), (np.ones(2), np.ones(2)), (np.ones(2),), None])
def test_an_operation_must_return_a_result_and_a_backward(made):
    @differentiable
    def unfinished(x):
        return made

    with pytest.raises(TypeError, match=r"unfinished: an operation returns \(result, backward\)"):
        unfinished(leaf([1.0]))


def test_a_tensor_that_is_no_parameter_of_the_operation_is_refused():
    @differentiable
    def double(x, **rest):
        return 2 * x, lambda dy: 2 * dy

    with pytest.raises(TypeError, match="double: a Tensor is passed as 'scale'"):
        double(leaf([1.0]), scale=leaf([1.0]))


def test_statistics_that_an_operation_updates_receive_new_values():
    @differentiable
    def counting(x, count: "Updated | None"):
        count += 1
        return x, lambda dy: dy

    count, array, before = tensor(np.zeros(2)), np.zeros(2), tensor(0.0)
    before = count.numpy()
    counting(leaf([1.0]), count)
    counting(leaf([1.0]), count=count)
    counting(leaf([1.0]), array)
    np.testing.assert_array_equal(count, [2, 2])
    np.testing.assert_array_equal(array, [1, 1])
    np.testing.assert_array_equal(before, [0, 0])


def test_what_an_operation_leaves_alone_is_not_written_back():
    @differentiable
    def reading(x, count: "Updated"):
        meanwhile.data = [7.0, 7.0]  # another thread, say, loads weights
        return x * count, lambda dy: dy

    meanwhile = tensor([1.0, np.nan])
    version = meanwhile.version
    reading(leaf([1.0, 1.0]), meanwhile)
    np.testing.assert_array_equal(meanwhile, [7, 7])
    assert meanwhile.version == version + 1


def test_a_matrix_of_numpy_is_an_array():
    with pytest.warns(PendingDeprecationWarning):
        m = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = x * m
    np.testing.assert_array_equal(y, [[1, 4], [9, 16]])
    assert type(y.numpy()) is np.ndarray
    np.testing.assert_array_equal(m * x, [[1, 4], [9, 16]])
    square = differentiable(lambda a: (a * a, lambda dy: 2 * dy * a))
    np.testing.assert_array_equal(square(m), [[1, 4], [9, 16]])


MUTANTS = {
    "tensor:differentiable": [
        ("what is only read is written back", "if array.tobytes() != before.tobytes():", "if True:"),
        ("a matrix of NumPy stays one", "x = np.asarray(x)", "pass"),
    ],
}
