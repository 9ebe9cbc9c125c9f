"""What is recorded: `no_grad`, `detach`, `requires_grad_`."""

import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tests.tensor import leaf
from tinyunet import enable_grad, is_grad_enabled, no_grad, set_grad_enabled, tensor, using


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


def test_one_object_serves_many_times_and_inside_itself():
    w, off, on = leaf([1.0]), no_grad(), enable_grad()
    for _ in range(2):
        with off:
            assert not is_grad_enabled()
            with off, on:
                assert (w * 2.0).requires_grad
                with off:
                    assert not (w * 2.0).requires_grad
            assert not (w * 2.0).requires_grad
        assert (w * 2.0).requires_grad


def test_a_generator_is_decorated_between_its_yields_and_its_caller_is_not():
    w, seen = leaf([1.0]), []

    @no_grad()
    def samples(count):
        try:
            for i in range(count):
                try:
                    seen.append((yield w * i))
                except KeyError:
                    seen.append((w * 1.0).requires_grad)
        finally:
            seen.append((w * 1.0).requires_grad)
        return "done"

    steps = samples(3)
    assert not next(steps).requires_grad
    assert (w * 2.0).requires_grad
    assert not steps.send("sent").requires_grad
    assert not steps.throw(KeyError()).requires_grad
    assert (w * 2.0).requires_grad
    with pytest.raises(StopIteration, match="done"):
        next(steps)
    abandoned = samples(2)
    next(abandoned)
    abandoned.close()
    assert seen == ["sent", False, None, False, False]
    assert [s.requires_grad for s in samples(2)] == [False, False]
    assert is_grad_enabled()


def test_the_decorator_needs_no_brackets_and_refuses_what_it_could_not_hold():
    w = leaf([1.0])

    @no_grad
    def plain():
        """What it says."""
        return w * 2.0

    assert not plain().requires_grad
    assert (plain.__name__, plain.__doc__) == ("plain", "What it says.")

    async def coroutine():
        pass

    with pytest.raises(TypeError, match="@no_grad: not for a coroutine"):
        no_grad()(coroutine)
    with pytest.raises(TypeError, match="@enable_grad: decorate a function"):
        enable_grad()(3)
    with pytest.raises(TypeError, match="@no_grad: decorate a function"):

        @no_grad()
        class Network:
            pass


def test_set_grad_enabled_holds_until_its_with_ends_or_for_good():
    w = leaf([1.0])
    for training in (True, False):
        with set_grad_enabled(training):
            assert (w * 2.0).requires_grad == training
        assert is_grad_enabled()
    with no_grad(), set_grad_enabled(True):
        assert is_grad_enabled()

    def for_good():
        set_grad_enabled(False)
        inside = [is_grad_enabled()]
        with enable_grad():
            inside.append(is_grad_enabled())
        return [*inside, is_grad_enabled()]

    assert in_thread(for_good) == [False, True, False]
    assert is_grad_enabled()


@pytest.mark.parametrize("block", [no_grad, enable_grad, lambda: set_grad_enabled(False)])
@pytest.mark.parametrize("mode", [True, False])
def test_what_is_set_inside_a_block_ends_with_it(block, mode):
    with block():
        set_grad_enabled(mode)
        assert is_grad_enabled() == mode
        set_grad_enabled(not mode)
        set_grad_enabled(mode)
    assert is_grad_enabled()


@pytest.mark.parametrize("mode", [True, False])
def test_set_grad_enabled_decorates(mode):
    @set_grad_enabled(mode)
    def function():
        return is_grad_enabled()

    assert is_grad_enabled()
    assert function() == mode
    with no_grad():
        assert [function(), is_grad_enabled()] == [mode, False]


MUTANTS = {
    "grad_mode:no_grad": [
        ("one level ends all", "recording.set(recording.get()[:-1])", "recording.set((True,))"),
        ("it never ends", "recording.set(recording.get()[:-1])", "pass"),
        ("a generator runs as its caller does", "return steps if inspect.isgeneratorfunction(function) else", "return"),
    ],
    "grad_mode:_Steps": [
        (
            "what is thrown in is recorded",
            "with self.mode:\n            return self.generator.throw",
            "if True:\n            return self.generator.throw",
        ),
        ("what is sent is lost", "self.generator.send(value)", "self.generator.send(None)"),
    ],
    "grad_mode:set_grad_enabled": [
        ("it outlives the block that it stands in", "(*self.before[:-1], self.mode)", "(*self.before, self.mode)"),
    ],
    "grad_mode:set_grad_enabled.__exit__": [
        ("it ends with everything on", "recording.set(self.before)", "recording.set((True,))"),
    ],
    "grad_mode:set_grad_enabled.__call__": [
        ("what follows a decorated function is not recorded", "recording.set(self.before)", "pass"),
        ("it always decorates with no_grad", "enable_grad() if self.mode else no_grad()", "no_grad()"),
    ],
}
