"""What a user gives and asks for: numbers in any form, with or without brackets; what is wrong is named."""

import numpy as np
import pytest

import tinyunet
from tests.strategies import normal
from tinyunet import byhand


def test_images_and_kernels_without_brackets():
    x, w = normal(0, 5, 6), normal(1, 3, 3)
    plain = byhand.conv2d(x, w)
    assert plain.result.shape == (3, 4)
    assert plain.at(1, 2).value == byhand.conv2d(x[None], w[None, None]).at(0, 1, 2).value
    assert plain.at(-1, -1).value == plain.at(2, 3).value
    assert plain.at(1, 2).terms[0].factors[0].at == (1, 2)
    assert plain.grad("w").result.shape == (3, 3)
    assert byhand.conv2d(x, w[None, None]).result.shape == (1, 3, 4)
    assert byhand.conv_transpose2d(x, w, 2).result.shape == (7, 8)
    assert byhand.max_pool2d(x, 2).at(0, 0).value == x[:2, :2].max()


def test_numbers_may_be_texts_tensors_and_fractions():
    y = byhand.conv2d([["1/3", "0.25"]], tinyunet.tensor([[3.0, 4.0]]), b=["−1"])
    assert y.at(0, 0).value == pytest.approx(1)
    assert "1/3×3 + 0.25×4 = 2" in str(y.at(0, 0))


def test_a_gradient_without_dy_is_that_of_the_sum():
    y = byhand.conv2d(normal(0, 1, 4, 4), normal(1, 2, 1, 2, 2))
    np.testing.assert_allclose(y.grad("w").result, y.grad("w", np.ones((2, 3, 3))).result)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: byhand.conv2d([[1, 2], [3]], [[1]]), r"x: rows must have the same length"),
        (lambda: byhand.conv2d([["a"]], [[1]]), r"x: 'a' is not a number"),
        (lambda: byhand.conv2d([[1.0]], [[np.nan]]), r"w: a finite number is needed"),
        (lambda: byhand.conv2d(np.full((2, 2), np.inf), [[1]]), r"x: finite numbers"),
        (lambda: byhand.conv2d([], [[1]]), r"x: there are no numbers"),
        (lambda: byhand.conv2d([1, 2], [[1]]), r"x: must be \(N, C, H, W\)"),
        (lambda: byhand.conv2d([[1]], [1]), r"w: must have four axes"),
        (lambda: byhand.conv2d([[1]], [[1, 2]]), r"conv2d: a kernel of \(1, 2\)"),
        (lambda: byhand.conv2d([[[1]]] * 2, [[1]]), r"conv2d: input has 2 channels"),
        (lambda: byhand.batch_norm([1, 2]), r"x: must be \(N, C, …\)"),
        (lambda: byhand.batch_norm([[1], [2]]), r"running"),
        (lambda: byhand.batch_norm([[1], [1]], training=True, eps=0), r"batch_norm: the result is not finite"),
        (lambda: byhand.softmax([1000]), r"x: e\^x can be written out"),
        (lambda: byhand.cross_entropy([0, 1], [0, 1]), r"target: must be the number of the right class of each row"),
        (lambda: byhand.cross_entropy([0, 1], 5), r"target classes \[5\] do not exist"),
        (lambda: byhand.conv2d([[1]], [[1]]).grad("b"), r"there is no gradient of conv2d's y with respect to 'b'"),
        (lambda: byhand.conv2d([[1]], [[1]]).grad("w").grad("w"), r"no gradient of conv2d's dw"),
        (lambda: byhand.conv2d([[1, 2]], [[1]]).grad("w", [[1]]), r"dy has the shape \(1, 1\)"),
        (lambda: byhand.relu([1]).updated("running_mean"), r"relu does not update 'running_mean'"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_kinds_are_named():
    with pytest.raises(TypeError, match="target: must be the numbers of classes"):
        byhand.cross_entropy([0, 1], 1.5)
    with pytest.raises(TypeError, match="x: a number is needed"):
        byhand.relu([None])


@pytest.mark.parametrize(
    "numbers",
    [
        "1 2; 3 4",
        "[[1. 2.]\n [3. 4.]]",
        "tensor([[1., 2.],\n        [3., 4.]])",
        [np.array([1, 2]), np.array([3, 4])],
        [range(1, 3), (3, "4")],
        map(list, [[1, 2], [3, 4]]),
        tinyunet.tensor([[1, 2], [3, 4]]),
        [[np.float32(1), 2], [np.array(3), "= 4"]],
    ],
)
def test_numbers_are_read_from_whatever_holds_them(numbers):
    y = byhand.relu(numbers)
    np.testing.assert_array_equal(y.result, [[1, 2], [3, 4]])


@pytest.mark.torch
def test_pytorch_s_tensors_are_read():
    import torch

    y = byhand.conv2d(torch.ones(2, 2), torch.ones(1, 1, 1, 1), b=torch.tensor([2]))
    assert y.check(torch.full((1, 2, 2), 3.0))
    assert not y.check(torch.full((1, 2, 2), 2.0))


def test_truth_values_are_zeros_and_ones():
    np.testing.assert_array_equal(byhand.relu(np.array([True, False])).result, [1, 0])


@pytest.mark.parametrize("index", [(0,), (0, 0, 0), (2, 0), (0, -3), (0.0, 0), ("0", 0), (True, 0)])
def test_an_element_that_is_not_there(index):
    with pytest.raises(IndexError, match=r"y has the shape \(2, 2\); there is no element"):
        byhand.conv2d(normal(0, 3, 3), normal(1, 2, 2)).at(*index)


MUTANTS = {
    "byhand.arithmetic.numbers:array": [
        ("truth values are refused", 'dtype.kind in "iufb"', 'dtype.kind in "iuf"'),
    ],
    "byhand.arithmetic.operations.softmax:cross_entropy": [
        ("one-hot rows are taken for classes", "classes.shape == x.shape and x.size > 1", "False"),
    ],
}
