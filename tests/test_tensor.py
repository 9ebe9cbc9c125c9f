"""The tape: what a Tensor is, what is recorded, in which order it is walked, and what cannot go wrong unnoticed."""

import copy
import gc
import threading
import weakref

import numpy as np
import pytest

import tinyunet
import tinyunet.functional as F
from tinyunet import Tensor, differentiable, nn, no_grad, optim, tensor, using
from tinyunet.ops import naive
from tinyunet.unet import UNet


def leaf(values, dtype=np.float64):
    return tensor(np.array(values, dtype), requires_grad=True)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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


# Walking the graph


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


def test_gradients_of_two_leaves_share_no_memory():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    r = np.array([1.0, 10.0])
    (a + b).backward(r)
    r[:] = 99
    first, arrays = b.grad, (a.grad.numpy(), b.grad.numpy())
    assert not np.shares_memory(*arrays)
    a.backward([5.0, 5.0])
    np.testing.assert_array_equal(a.grad, [6, 15])
    np.testing.assert_array_equal(b.grad, [1, 10])
    (a + b).backward([1.0, 1.0])
    np.testing.assert_array_equal(first, [1, 10])  # what was handed out before does not change
    np.testing.assert_array_equal(b.grad, [2, 11])


def test_one_array_returned_for_two_arguments_becomes_two_gradients():
    @differentiable
    def add(a, b):
        return a + b, lambda dy: (dy, dy)

    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    add(a, b).backward([5.0, 6.0])
    assert not np.shares_memory(a.grad.numpy(), b.grad.numpy())


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
def test_the_gradient_of_a_repeated_operand_is_the_sum_over_its_uses(function, slopes, shapes, rng):
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


def test_a_loss_that_was_walked_holds_nothing_of_its_graph():
    x = leaf([1.0])
    loss = ((x * x) * x).sum()
    ref = weakref.ref(x)
    del x
    assert ref() is not None
    loss.backward()
    assert ref() is None


# What is recorded


def test_nothing_is_recorded_in_no_grad_until_it_ends():
    w = leaf([1.0])

    @no_grad()
    def decorated():
        return w * 2.0

    with no_grad():
        with no_grad():
            assert (w * 2.0).is_leaf
        inside = w * 2.0
    assert not inside.requires_grad
    assert not decorated().requires_grad
    assert not decorated().requires_grad  # the decorator works more than once
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (w * 2.0).requires_grad
    assert w.requires_grad


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_no_grad_and_using_hold_in_their_own_thread_only():
    w = leaf([-1.0])
    with no_grad(), using(relu=lambda input: (input, lambda dy: dy)):
        assert F.relu(w).item() == -1
        other = in_thread(lambda: F.relu(w))
    assert other.requires_grad
    assert other.item() == 0


def test_detach_shares_the_array_and_forgets_the_graph():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    d = y.detach()
    assert np.shares_memory(d.numpy(), y.numpy())
    assert d.is_leaf
    assert not d.requires_grad
    (d * x).sum().backward()
    np.testing.assert_array_equal(x.grad, d)


def test_only_results_of_recorded_tensors_are_recorded():
    constant = tensor([1.0]) * 2.0
    assert constant.is_leaf
    assert not constant.requires_grad
    x = leaf([1.0])
    assert x.is_leaf
    assert not (x * 1.0).is_leaf


def test_requires_grad_can_be_switched_for_a_leaf_alone():
    x = tensor([1.0]).requires_grad_()
    y = x * 2.0
    assert y.requires_grad
    assert not (x.requires_grad_(False) * 2.0).requires_grad
    with pytest.raises(RuntimeError, match=r"use \.detach\(\)"):
        y.requires_grad_(False)
    for integers in (np.arange(3), np.array([True])):
        with pytest.raises(TypeError, match="only floating point has a gradient"):
            tensor(integers).requires_grad_()
        with pytest.raises(TypeError, match="only floating point has a gradient"):
            tensor(integers, requires_grad=True)


# Values that must not change


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


def step(parameter):
    parameter.grad = tensor(np.ones(parameter.shape))
    optim.SGD([parameter], lr=1.0).step()


def assign(parameter):
    parameter.data = parameter.numpy() - 1


@pytest.mark.parametrize("change", [step, assign])
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


@pytest.mark.parametrize("change", [step, assign])
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


def test_after_an_update_that_failed_the_array_is_read_only_and_the_graph_knows_of_it():
    w = nn.Parameter([1.0, 2.0])

    def update():
        with w.writable() as array:
            array[0] = 5
            raise ZeroDivisionError

    loss = (w * w).sum()
    with pytest.raises(ZeroDivisionError):
        update()
    with pytest.raises(RuntimeError, match="changed after"):
        loss.backward()
    with pytest.raises(ValueError, match="read-only"):
        w.numpy()[0] = 1


def test_a_parameter_is_changed_in_place_unless_somebody_shares_it():
    w = nn.Parameter([1.0, 2.0])

    def update():
        where = w.numpy().ctypes.data
        with w.writable() as array:
            array += 1
        return w.numpy().ctypes.data == where

    assert update()
    for share in (Tensor.detach, Tensor.numpy, lambda w: w.numpy()[:1], lambda w: memoryview(w.numpy())):
        shared = share(w)
        before = np.array(shared)
        assert not update()
        np.testing.assert_array_equal(shared, before)
        del shared
        assert update()
    constant = w.detach() * leaf([1.0, 1.0])  # its graph holds the array
    assert not update()
    constant.sum().backward()
    assert update()
    np.testing.assert_array_equal(w, [1 + 11, 2 + 11])


def test_a_gradient_is_taken_over_unless_somebody_shares_it():
    kept, made, where = np.ones(3), [], 0

    @differentiable
    def op(x):
        def backward(dy):
            nonlocal where
            made.append(2 * dy)
            where = made[0].ctypes.data
            return made.pop() if alone else made[0][:] if saved is None else saved[...]

        return x + 0, backward

    for how in ((True, None), (False, None), (False, kept), (False, kept[::-1])):
        alone, saved = how
        x = leaf([1.0, 2.0, 3.0])
        op(x).sum().backward()
        made.clear()
        if alone:
            assert x.grad.numpy().ctypes.data == where
        before = x.grad.numpy().copy()
        kept += 1
        np.testing.assert_array_equal(x.grad, before)

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

    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x + y).sum().backward()  # both receive the same dy
    x.grad.numpy().base.flags.writeable = True
    x.grad.numpy().base[...] = 7
    np.testing.assert_array_equal(y.grad, [1, 1])


# NumPy, numbers, kinds


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
    for function in (np.exp, np.sqrt, lambda t: np.add(np.ones(2), t), np.sum):
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


def test_a_gradient_has_the_dtype_of_its_leaf():
    single, double = leaf([1.0, 2.0], np.float32), leaf([3.0, 4.0], np.float64)
    y = single * double + single
    assert y.dtype == np.float64
    (y * single).sum().backward()
    assert (single.grad.dtype, double.grad.dtype) == (np.float32, np.float64)
    assert isinstance(single.grad, Tensor)


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


@pytest.mark.parametrize("gradient", [[1.0, -2.0], np.array([1, -2]), tensor([1.0, -2.0]), (1, -2)])
def test_backward_takes_an_array_or_a_tensor(gradient):
    x = leaf([1.0, 2.0], np.float32)
    (x * 3.0).backward(gradient)
    np.testing.assert_array_equal(x.grad, [3, -6])
    assert x.grad.dtype == np.float32
    (x * 3.0)[:1].backward()  # a single element of any shape needs no gradient
    np.testing.assert_array_equal(x.grad, [6, -6])


# `differentiable`


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


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("x", "w", "computed"),
    [
        (tensor, leaf, ["dw"]),  # the gradient of an image, that nobody wants, is as dear as the other
        (leaf, tensor, ["dx"]),
        (leaf, leaf, ["dx dw"]),  # from the same columns, where dx is a correlation
    ],
)
def test_a_convolution_computes_the_gradients_that_are_wanted(x, w, computed, stride, monkeypatch):
    from tinyunet.ops import conv

    made = []
    products, scattered = conv.products, conv.scattered

    def noted(x, w=None, y=None, **settings):
        made.append(" ".join(["dx"] * (w is not None) + ["dw"] * (y is not None)))
        return products(x, w, y, **settings)

    y = F.conv2d(x(np.ones((1, 1, 5, 5))), w(np.ones((1, 1, 3, 3))), stride=stride, padding=1)
    monkeypatch.setattr(conv, "products", noted)
    monkeypatch.setattr(conv, "scattered", lambda *args: made.append("dx") or scattered(*args))
    y.sum().backward()
    assert made == (computed if stride == 1 else [each for both in computed for each in both.split()])


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
    @differentiable(updates=("count",))
    def counting(x, count):
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


# `using`


def test_a_stand_in_trains_the_unet_to_the_same_weights(rng):
    """The loops of `naive`, as a library operation, as a bare function, and as one that knows no dilation or groups."""
    calls = []

    def my_conv2d(x, w, b, padding=0):
        calls.append(x.shape)
        return naive.conv2d.__wrapped__(x, w, b, padding=padding)

    stand_ins = [{}, {"conv2d": naive.conv2d, "max_pool2d": naive.max_pool2d}]
    stand_ins += [{"conv2d": naive.conv2d.__wrapped__}, {"conv2d": my_conv2d}]
    x, t = rng.standard_normal((2, 1, 4, 4)), rng.random((2, 1, 4, 4)).round()
    trained = []
    for operations in stand_ins:
        model = UNet(1, 1, channels=(2,), rng=0).to(np.float64)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        with using(**operations):
            for _ in range(2):
                optimizer.zero_grad()
                F.binary_cross_entropy_with_logits(model(x), t).backward()
                optimizer.step()
        trained.append(model.state_dict())
    for other in trained[1:]:
        for name, value in trained[0].items():
            np.testing.assert_allclose(other[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    assert len(calls) == 2 * 7  # three blocks of two convolutions, and the output


def test_using_knows_the_names_of_the_library_only():
    with (
        pytest.raises(ValueError, match=r"no operation 'convolution'; there are .*conv2d.*relu"),
        using(convolution=abs),
    ):
        pass
    with using(relu=lambda input: (input, lambda dy: dy)):
        pass

    @differentiable
    def of_my_own(x):
        return x, lambda dy: dy

    for name in ("of_my_own", "<lambda>"):
        with pytest.raises(ValueError, match="no operation"), using(**{name: of_my_own}):
            pass


def test_a_setting_that_the_stand_in_does_not_take():
    def conv2d(input, weight, bias=None):
        return F.conv2d.__wrapped__(input, weight, bias)

    x, w = np.ones((1, 1, 3, 3)), leaf(np.ones((1, 1, 3, 3)))
    with using(conv2d=conv2d):
        assert F.conv2d(x, w, stride=1, padding=0).shape == (1, 1, 1, 1)
        with pytest.raises(TypeError, match="your conv2d takes no 'padding', but it is called with padding=1"):
            F.conv2d(x, w, padding=1)


def test_stand_ins_nest_and_end():
    def times(k):
        return lambda input: (k * input, lambda dy: k * dy)

    x = leaf(1.0)
    with using(relu=times(2)):
        with using(relu=times(3), tanh=times(5)):
            assert (F.relu(x).item(), F.tanh(x).item()) == (3, 5)
        with using(tanh=times(5)):
            assert (F.relu(x).item(), F.tanh(x).item()) == (2, 5)
        assert F.relu(x).item() == 2
        with pytest.raises(ZeroDivisionError), using(relu=times(7)):
            raise ZeroDivisionError
        y = x.relu()
        assert y.item() == 2
    assert F.relu(x).item() == 1
    y.backward()
    assert x.grad.item() == 2


def test_a_stand_in_may_call_the_operation_that_it_replaces():
    seen = []

    def watched(*args, **kwargs):
        seen.append(len(args))
        return F.relu(*args, **kwargs)

    watched.differentiable = True  # it takes Tensors and returns one
    x = leaf([-1.0, 2.0])
    with using(relu=watched):
        F.relu(x).sum().backward()
    assert seen == [1]
    np.testing.assert_array_equal(x.grad, [0, 1])

    def twice(input):
        y, backward = F.relu.__wrapped__(input)
        return 2 * y, lambda dy: 2 * backward(dy)

    with using(relu=twice):
        np.testing.assert_array_equal(F.relu(x), [0, 4])


def test_an_operation_of_ones_own_is_not_replaced_because_of_its_name():
    @differentiable
    def relu(input):
        return -input, lambda dy: -dy

    with using(relu=lambda input: (5 * input, lambda dy: 5 * dy)):
        assert relu(leaf(1.0)).item() == -1
        assert F.relu(leaf(1.0)).item() == 5


def test_the_package_offers_what_a_user_types():
    for name in ("tensor", "Tensor", "no_grad", "using", "differentiable", "gradcheck", "functional", "nn", "optim"):
        assert hasattr(tinyunet, name)


MUTANTS = {
    "tensor:Tensor._accumulate": [
        ("a second backward replaces the gradient", "self.grad._data + handed[-1]", "handed[-1]"),
        (
            "every gradient is taken over",
            "elif _unshared(handed[-1]):",
            "else:\n            self.grad = Tensor._made(handed[-1])\n        if False:",
        ),
        ("no gradient is taken over", "elif _unshared(handed[-1]):", "elif False:"),
    ],
    "tensor:Tensor.writable": [
        ("a parameter is written to although it is shared", "if not _unshared(self._data):", "if False:"),
    ],
    "tensor:_unshared": [
        ("views are not looked through", "sys.getrefcount(array.base) <= _ONCE[1]", "True"),
    ],
    "tensor:_walk": [
        ("gradients add into a buffer that is shared", "elif _unshared(handed[1]) and", "elif"),
        ("oldest node first", "heapq.heappush(queue, (-source.serial", "heapq.heappush(queue, (source.serial"),
        ("a second walk goes unnoticed", "node.backward = None", "pass"),
    ],
    "tensor:no_grad": [
        (
            "no_grad stays off after an exception",
            "finally:\n        _recording.reset(token)",
            "except ZeroDivisionError:\n        pass\n    _recording.reset(token)",
        ),
    ],
    "tensor:Node.gradients": [
        ("a changed weight goes unnoticed", "source.version != version", "False"),
        (
            "gradients keep the dtype of the loss",
            "np.asarray(dx() if callable(dx) else dx, dtype)",
            "np.asarray(dx() if callable(dx) else dx)",
        ),
    ],
    "tensor:differentiable": [
        ("a raw array can change under the tape", 'return x.copy("K")', "return x"),
    ],
    "ops.conv:_both": [
        ("both gradients whenever one is wanted", "0 in wanted and 1 in wanted", "0 in wanted or 1 in wanted"),
    ],
}
