"""In an operation BLAS has one thread, and outside of it as many as before."""

import os
import threading

import numpy as np
import pytest

from tinyunet import functional as F
from tinyunet.machine import blas
from tinyunet.machine.blas import setting, with_one_thread
from tinyunet.ops import conv, fast

if setting() is None:
    pytest.skip("the BLAS of this NumPy cannot be told how many threads to use", allow_module_level=True)


@pytest.fixture(autouse=True)
def several():
    before = setting().get()
    setting().put(3)
    yield
    assert setting().get() == 3, "BLAS has not got back what it had"
    setting().put(before)


inside = with_one_thread(lambda: setting().get())


def test_one_inside_and_as_many_as_before_outside():
    assert (inside(), setting().get()) == (1, 3)


def test_one_within_another_changes_nothing():
    both = with_one_thread(lambda: (inside(), setting().get()))
    assert (both(), setting().get()) == ((1, 1), 3)


def test_threads_that_overlap_leave_it_to_the_last():
    if not setting().shared:
        pytest.skip("each thread has a setting of its own")
    first, second = threading.Event(), threading.Event()
    found = []

    @with_one_thread
    def long():
        first.set()
        second.wait(20)
        found.append(setting().get())

    other = threading.Thread(target=long)
    other.start()
    first.wait(20)
    assert inside() == 1
    assert setting().get() == 1  # the other goes on
    second.set()
    other.join()
    assert found == [1]


def test_an_error_gives_back_what_there_was():
    @with_one_thread
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert setting().get() == 3


def test_what_was_broken_off_before_it_could_give_back_is_given_back_by_the_next(monkeypatch):
    if not setting().shared:
        pytest.skip("each thread has a setting of its own")

    class Broken:
        """A lock at whose second use Ctrl-C arrives."""

        uses = 0

        def __enter__(self):
            self.uses += 1
            if self.uses == 2:
                raise KeyboardInterrupt

        def __exit__(self, *error):
            pass

    with monkeypatch.context() as patch:
        patch.setattr(blas, "_lock", Broken())
        with pytest.raises(KeyboardInterrupt):
            inside()
    assert setting().get() == 1
    assert (inside(), setting().get()) == (1, 3)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_in_the_middle_is_not_in_the_middle():
    @with_one_thread
    def fork():
        child = os.fork()
        if child == 0:
            os._exit(setting().get())
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert fork() == 3


def test_products_of_operations_have_one_thread(monkeypatch):
    found = []

    def noting(function):
        def apply(*args):
            found.append(setting().get())
            return function(*args)

        return apply

    sums = conv.Sums(*(f and noting(f) for f in fast.SUMS))
    for operation, w in ((conv.conv2d, np.ones((3, 2, 3, 3))), (conv.conv_transpose2d, np.ones((2, 3, 3, 3)))):
        y, backward = conv.computed_by(sums, operation).__wrapped__(np.ones((1, 2, 6, 6)), w)
        for wanted in ({0}, {1}, {0, 1}):
            for gradient in backward(y, wanted=wanted)[:2]:
                gradient() if callable(gradient) else None
    assert found == [1] * 12
    with monkeypatch.context() as patch:
        patch.setattr(np, "matmul", noting(lambda a, b: a @ b))
        F.linear.__wrapped__(np.ones((4, 3)), np.ones((2, 3)))
    assert found == [1] * 13


MUTANTS = {
    "machine.blas:with_one_thread": [
        ("the first that ends gives back", "if not _inside and _before is not None:", "if _before is not None:"),
        ("what was broken off stays", "weakref.ref(me, _inside.discard)", "weakref.ref(me)"),
        ("an operation within another gives back one thread", "if _before is None:", "if True:"),
    ],
    "machine.blas:_in_child": [
        ("a forked process stays with one thread", "_before is not None and", "False and"),
    ],
}
