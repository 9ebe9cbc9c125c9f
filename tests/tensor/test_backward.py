"""`backward()`: in which order the graph is walked, what arrives, and when what is freed."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

import tinyunet.functional as F
from tests.tensor import leaf
from tinyunet import Tensor, differentiable, tensor


@pytest.fixture
def counted():
    """An operation `y = 2x` and the list of the gradients that its backward has been given."""
    visits = []

    @differentiable
    def double(x):
        def backward(dy):
            visits.append(dy)
            return 2 * dy

        return 2 * x, backward

    return double, visits


def test_a_chain_of_100_000_operations_runs_backward():
    x = leaf([1.0, 2.0])
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_a_chain_of_100_000_operations_is_dropped_without_backward():
    x = leaf([1.0])
    y = x * 2.0
    first = weakref.ref(y)
    for _ in range(100_000):
        y = y * 1.0
    del y
    assert first() is None


def test_each_node_is_visited_once(counted):
    double, visits = counted
    x = leaf(1.0)
    y = x
    for _ in range(24):
        y = double(y)
        y = y + y  # 2²⁴ paths
    y.backward()
    assert x.grad.item() == 4.0**24
    assert len(visits) == 24


def test_every_use_has_reported_before_a_node_is_visited(counted):
    """A short and a long way lead to `h`: in breadth-first order it would be visited before the long way is summed."""
    double, visits = counted
    x = leaf(3.0)
    h = double(x)
    long = ((h * 1.0) * 1.0) * h
    (h + long * h).backward()  # h + h³
    assert [dy.item() for dy in visits] == [1 + 3 * 36]
    assert x.grad.item() == 2 * (1 + 3 * 36)


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda x: x * x, lambda x: 2 * x),
        (lambda x: x + x, lambda x: 2 + 0 * x),
        (lambda x: x - x, lambda x: 0 * x),
        (lambda x: (x * x) * (x * x), lambda x: 4 * x**3),
        (lambda x: x * (x + 1.0) - x / (x + 1.0), lambda x: 2 * x + 1 - 1 / (x + 1) ** 2),
        (lambda x: 1.0 / x + 2.0 - x, lambda x: -1 / x**2 - 1),
        (lambda x: 2.0**x, lambda x: np.log(2) * 2**x),
    ],
)
def test_one_tensor_used_several_times_receives_the_sum(function, slope):
    x = leaf([0.5, 2.0, 3.0])
    r = np.array([1.0, -2.0, 0.25])
    function(x).backward(r)
    np.testing.assert_allclose(x.grad, r * slope(x.numpy()), rtol=1e-14)


def test_two_backwards_give_exactly_twice_the_gradient():
    x, w = leaf([[1.0, 2.0]]), leaf([[3.0, 5.0], [7.0, 0.3]])

    def backward(times):
        loss = F.tanh(x @ w + x).sum()
        for _ in range(times):
            loss.backward(retain_graph=True)
        grads = x.grad.numpy(), w.grad.numpy()
        x.grad = w.grad = None
        return grads

    for once, twice in zip(backward(1), backward(2), strict=True):
        np.testing.assert_array_equal(twice, 2 * once)


def test_a_leaf_can_be_walked_from_itself():
    x = leaf([1.0, 2.0])
    x.backward(np.array([3.0, 4.0]))
    x.backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [4, 5])


def test_a_gradient_that_two_leaves_received_changes_for_one_alone():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    r = np.array([1.0, 10.0])
    (a + b).backward(r)
    r[:] = 99
    first = b.grad
    a.backward([5.0, 5.0])
    np.testing.assert_array_equal(a.grad, [6, 15])
    np.testing.assert_array_equal(b.grad, [1, 10])
    (a + b).backward([1.0, 1.0])
    np.testing.assert_array_equal(first, [1, 10])  # what was handed out before does not change
    np.testing.assert_array_equal(b.grad, [2, 11])


def test_a_gradient_that_is_shared_by_two_nodes_is_not_added_to_in_place():
    a = leaf([1.0])
    h, k = a * 2.0, a * 3.0
    s = h + k  # hands the same array to h and k
    (s + h * 1.0 + h * 1.0).backward([1.0])
    assert a.grad.item() == 3 * 2 + 3


def test_a_backward_that_writes_to_dy_is_stopped():
    @differentiable
    def careless(x):
        def backward(dy):
            dy *= 2
            return dy

        return 2 * x, backward

    with pytest.raises(ValueError, match="read-only"):
        careless(leaf([1.0])).backward([1.0])


@pytest.mark.parametrize(
    "shapes", [((), (3,)), ((), ()), ((3, 1), (1, 4)), ((4,), (2, 3, 4)), ((1,), ()), ((0,), (1,)), ((1, 1), (1, 2))]
)
@pytest.mark.parametrize(
    ("function", "slopes"),
    [
        (lambda a, b: a + b, lambda a, b: (1 + 0 * (a + b), 1 + 0 * (a + b))),
        (lambda a, b: a - b, lambda a, b: (1 + 0 * (a + b), -1 + 0 * (a + b))),
        (lambda a, b: a * b, lambda a, b: (b + 0 * a, a + 0 * b)),
        (lambda a, b: a / b, lambda a, b: (1 / b + 0 * a, -a / b**2)),
    ],
    ids="+-*/",
)
def test_the_gradient_of_a_repeated_operand_is_the_sum_over_its_uses(function, slopes, shapes):
    rng = np.random.default_rng(0)
    for first, second in (shapes, shapes[::-1]):
        a, b = leaf(rng.uniform(1, 2, first)), leaf(rng.uniform(1, 2, second))
        y = function(a, b)
        r = rng.standard_normal(y.shape)
        y.backward(r)
        for x, slope in zip((a, b), slopes(a.numpy(), b.numpy()), strict=True):
            lead = tuple(range(y.ndim - x.ndim))
            repeated = tuple(i - y.ndim for i in range(len(lead), y.ndim) if x.shape[i - y.ndim] != y.shape[i])
            expected = (r * slope).sum(axis=lead).sum(axis=repeated, keepdims=True)
            assert x.grad.shape == x.shape
            np.testing.assert_allclose(x.grad, expected, rtol=1e-13)


# What it starts from, and what is left


@pytest.mark.parametrize("gradient", [[1.0, -2.0], np.array([1, -2]), tensor([1.0, -2.0]), (1, -2)])
def test_backward_takes_an_array_or_a_tensor(gradient):
    x = leaf([1.0, 2.0], np.float32)
    (x * 3.0).backward(gradient)
    np.testing.assert_array_equal(x.grad, [3, -6])
    assert x.grad.dtype == np.float32
    (x * 3.0)[:1].backward()  # a single element of any shape needs no gradient
    np.testing.assert_array_equal(x.grad, [6, -6])


def test_what_cannot_start_a_backward():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"shape \(2,\) is not a single number"):
        (x * 2.0).backward()
    with pytest.raises(ValueError, match=r"gradient of shape \(3,\) for a Tensor of shape \(2,\)"):
        (x * 2.0).backward(np.ones(3))
    for constant in (tensor([1.0]), x.detach().sum(), (x > 0)[0]):
        with pytest.raises(RuntimeError, match="not computed from one with requires_grad=True"):
            constant.backward()
    assert x.grad is None


def test_a_gradient_has_the_dtype_of_its_leaf():
    single, double = leaf([1.0, 2.0], np.float32), leaf([3.0, 4.0], np.float64)
    y = single * double + single
    assert y.dtype == np.float64
    (y * single).sum().backward()
    assert (single.grad.dtype, double.grad.dtype) == (np.float32, np.float64)
    assert isinstance(single.grad, Tensor)


# Graphs walked twice, and freed


def test_a_second_walk_says_why_it_cannot_be():
    loss = (leaf([1.0]) * 2.0).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"sum saved is freed.*retain_graph=True"):
        loss.backward()


def test_a_walk_into_a_subgraph_that_was_freed_is_a_second_walk():
    h = leaf([1.0, 2.0]).exp()
    h.sum().backward()
    with pytest.raises(RuntimeError, match="exp saved is freed"):
        (h * h).sum().backward()


def test_retain_graph_keeps_it_until_a_walk_without():
    x = leaf([1.0, 2.0])
    h = x * x
    a, b = h.sum(), (h * h).sum()
    a.backward(retain_graph=True)
    b.backward()
    np.testing.assert_array_equal(x.grad, 2 * x.numpy() + 4 * x.numpy() ** 3)
    with pytest.raises(RuntimeError, match="freed"):
        a.backward()


def memory(t):
    """A weak reference to the array whose memory a Tensor shows."""
    array = t.numpy()
    while array.base is not None:
        array = array.base
    return weakref.ref(array)


X, W = np.ones((1, 1, 4, 4)), np.ones((1, 1, 3, 3))


@pytest.mark.parametrize(
    ("function", "needed"),
    [
        (lambda h: h * h, True),
        (lambda h: h.log(), True),
        (lambda h: F.conv2d(h, leaf(W)), True),
        (lambda h: F.conv2d(F.relu(h), leaf(W)), False),
        (lambda h: F.cat([h, h]), False),
        (lambda h: h + X, False),
        (lambda h: X - h, False),
        (lambda h: h.sum(), False),
        (lambda h: h.mean((2, 3)), False),
        (lambda h: -h, False),
        (lambda h: h.exp(), False),
        (lambda h: h.sigmoid(), False),
    ],
)
def test_an_array_lives_as_long_as_some_backward_needs_it(function, needed):
    x = leaf(-X)
    gc.disable()  # nothing may wait for the collector
    try:
        h = -x
        array = memory(h)
        loss = function(h)
        del h
        assert (array() is not None) == needed
        loss = loss.sum()
        loss.backward(retain_graph=True)
        assert (array() is not None) == needed
        loss.backward()
        assert array() is None
    finally:
        gc.enable()
    assert np.any(x.grad.numpy())


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (tensor(np.ones((3, 2))), ValueError, r"float64 \(3, 2\) must be those of its Tensor, float64 \(2, 3\)"),
        (tensor(np.ones((2, 3), np.float32)), ValueError, r"float32 \(2, 3\) must be"),
        (np.ones((2, 3)), TypeError, "a Tensor or None, not ndarray"),
    ],
)
def test_a_gradient_that_does_not_fit_is_not_taken(gradient, error, message):
    w = leaf(np.ones((2, 3)))
    (w * 2.0).sum().backward()
    with pytest.raises(error, match=message):
        w.grad = gradient
    np.testing.assert_array_equal(w.grad, np.full((2, 3), 2))
    w.grad = tensor(np.zeros((2, 3)))
    np.testing.assert_array_equal(w.grad, np.zeros((2, 3)))
    w.grad = None
    assert w.grad is None


def test_threads_that_walk_graphs_with_a_leaf_in_common_add_up(monkeypatch):
    w, losses = leaf(np.zeros(3)), []
    w.grad = tensor(np.zeros(3))
    for _ in range(4):
        losses.append((w * 1.0).sum())
    made = Tensor._made

    def slowly(array):
        time.sleep(0.01)  # between reading the gradient and writing the sum, the other threads run
        return made(array)

    monkeypatch.setattr(Tensor, "_made", slowly)
    threads = [threading.Thread(target=loss.backward) for loss in losses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(w.grad, [4, 4, 4])


def test_a_loss_that_was_walked_holds_nothing_of_its_graph():
    x = leaf([1.0])
    loss = ((x * x) * x).sum()
    ref = weakref.ref(x)
    del x
    assert ref() is not None
    loss.backward()
    assert ref() is None


MUTANTS = {
    "tensor:_walk": [
        ("the last use alone counts", "arrived[source] + dx", "dx"),
        ("oldest node first", "heapq.heappush(queue, (-source.serial", "heapq.heappush(queue, (source.serial"),
        ("a second walk goes unnoticed", "node.backward, node.sources = None, []", "pass"),
    ],
    "tensor:Tensor.grad": [
        ("a gradient of another shape is taken", "(gradient.dtype, gradient.shape)", "(gradient.dtype, self.shape)"),
        ("a gradient of another dtype is taken", "(gradient.dtype, gradient.shape)", "(self.dtype, gradient.shape)"),
    ],
    "tensor:Tensor._accumulate": [
        ("threads lose what others add", "with _adding:", "if True:"),
        ("a second backward replaces the gradient", "self._grad._data + gradient", "gradient"),
    ],
    "tensor:Node.gradients": [
        (
            "gradients keep the dtype of the loss",
            "else np.asarray(dx, dtype)",
            "else np.asarray(dx)",
        ),
    ],
}
