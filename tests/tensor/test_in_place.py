"""Arrays are read-only, parameters change in place where nobody shares them, and no change goes unnoticed."""

import numpy as np
import pytest

import tinyunet.functional as F
from tests.tensor import leaf
from tinyunet import differentiable, nn, no_grad, optim, tensor


def test_no_array_of_a_tensor_can_be_written_to():
    x = leaf([[1.0, 2.0]])
    y = x * x
    y.sum().backward()
    results = [x, y, x.T, x[0], x.detach(), x.grad, F.dropout(x, training=False), *x.max(dim=1), tensor(x)]
    for made in [*results, F.relu(np.ones(2))]:
        for array in (made.data, made.numpy(), np.asarray(made)):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    copied = np.array(x)
    copied[...] = 0
    assert x.numpy()[0, 0] == 1


def read_only_view(array):
    view = array[...]
    view.flags.writeable = False
    return view


@pytest.mark.parametrize("view", [np.asarray, read_only_view, lambda a: np.broadcast_to(a, (3, 2))])
def test_an_array_that_changes_after_use_does_not_falsify_the_gradient(view):
    x, a = leaf([1.0, 1.0]), np.array([2.0, 3.0])
    by_product, by_position = x * view(a), F.reshape(view(a), -1) * 1.0
    loss = (by_product * 1.0).sum()
    before = by_position.numpy().copy()
    a[:] = 99
    loss.backward()
    np.testing.assert_array_equal(x.grad, np.array([2, 3]) * (by_product.numel() / 2))
    np.testing.assert_array_equal(by_position, before)


def test_a_tensor_does_not_follow_the_array_that_it_was_made_from():
    a = np.array([1.0, 2.0])
    t = tensor(a)
    x = leaf([0.0, 0.0])
    loss = (t * x).sum()
    index = np.array([0, 0])
    picked = x[index].sum()
    a[:], index[:] = 99, 1
    (loss + picked).backward()
    np.testing.assert_array_equal(x.grad, [3, 2])


def in_place(parameter):
    with no_grad():
        parameter -= 1


def step(parameter):
    parameter.grad = tensor(np.ones(parameter.shape))
    optim.SGD([parameter], lr=1.0).step()


def assign(parameter):
    parameter.data = parameter.numpy() - 1


@pytest.mark.parametrize("change", [step, assign, in_place])
def test_a_weight_that_was_changed_since_its_use_stops_backward(change):
    w, x = nn.Parameter(np.array([1.0, 2.0])), leaf([3.0, 4.0])
    loss = (w * x).sum()
    change(w)
    np.testing.assert_array_equal(w, [0, 1])
    with pytest.raises(RuntimeError, match=r"shape \(2,\) was changed after mul had used it"):
        loss.backward()
    w.grad = None
    (w * x).sum().backward()
    np.testing.assert_array_equal(w.grad, [3, 4])


@pytest.mark.parametrize("change", [step, assign, in_place])
@pytest.mark.parametrize("constant", [lambda w: w.detach(), lambda w: w.requires_grad_(False), lambda w: w.numpy()])
def test_a_weight_that_served_as_a_constant_may_change(change, constant):
    w, x = nn.Parameter(np.array([1.0, 2.0])), leaf([3.0, 4.0])
    loss = (x * constant(w)).sum()
    change(w)
    loss.backward()
    np.testing.assert_array_equal(x.grad, [1, 2])


def test_assigned_data_is_copied_and_keeps_shape_and_dtype():
    t, values = tensor([1.0, 2.0]), np.array([3.0, 4.0])
    t.data = values
    values[:] = 0
    np.testing.assert_array_equal(t, [3, 4])
    assert t.dtype == np.float32
    with pytest.raises(ValueError, match=r"shape \(1,\) cannot replace those of shape \(2,\)"):
        t.data = [1.0]


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[:], lambda a: a[::-1]])
def test_what_an_operation_has_returned_can_no_longer_be_written_to(view):
    kept = np.ones(3)

    @differentiable
    def op(x):
        return view(kept), lambda dy: dy

    y = op(leaf([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="read-only"):
        kept += 1
    np.testing.assert_array_equal(y, [1, 1, 1])


@pytest.mark.parametrize("view", [lambda a: a, lambda a: a[:], lambda a: a[::-1]])
def test_a_backward_may_keep_and_write_to_what_it_returns(view):
    kept = np.zeros(3)

    @differentiable
    def op(x, y):
        def backward(dy):
            kept[:] = dy
            return view(kept), view(kept)

        return x + y, backward

    x, y = leaf([1.0, 2.0, 3.0]), leaf([3.0, 4.0, 5.0])
    h = -y
    op(x, op(2.0 * x, h) * 3.0).sum().backward()  # what the first has handed on is not what the second writes
    kept[:] = 99
    np.testing.assert_array_equal(x.grad, [7, 7, 7])
    np.testing.assert_array_equal(y.grad, [-3, -3, -3])


def test_what_one_receives_is_not_added_to_what_another_received():
    @differentiable
    def op(x, y):
        def backward(dy):
            twice = 2 * dy
            return twice, twice

        return x + y, backward

    x, y = leaf([1.0, 1.0]), leaf([3.0, 4.0])
    h = -x
    older = op(h, y)
    (h * 5 + older).sum().backward()  # what y receives is not what is added to what h has received before
    np.testing.assert_array_equal(x.grad, [-7, -7])
    np.testing.assert_array_equal(y.grad, [2, 2])


MUTANTS = {
    "tensor:_sealed": [
        ("what was handed on can be written to", "base.setflags(write=False)", "pass"),
        ("what was handed on can be written to through its base", "base = base.base", "break"),
    ],
    "tensor:_open": [
        ("what is a view of the caller's array may change", " or _open(array.base)", ""),
    ],
    "tensor:Node.gradients": [
        ("a changed weight goes unnoticed", "source.version != version", "False"),
    ],
    "tensor:differentiable": [
        ("a raw array can change under the tape", 'return x.copy("K")', "return x"),
        ("what a backward keeps is handed on", "copies = not f", "copies = False and not f"),
    ],
}
