"""What is recorded: `no_grad`, `detach`, `requires_grad_`."""

import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tests.tensor import leaf
from tinyunet import no_grad, tensor, using


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


MUTANTS = {
    "tensor:no_grad": [
        (
            "no_grad stays off after an exception",
            "finally:\n        _recording.reset(token)",
            "except ZeroDivisionError:\n        pass\n    _recording.reset(token)",
        ),
    ],
}
