"""In an operation BLAS has one thread, and outside of it as many as before."""

import os
import threading

import numpy as np
import pytest

from tinyunet import data
from tinyunet import functional as F
from tinyunet.machine import blas
from tinyunet.machine.blas import setting, with_one_thread
from tinyunet.machine.crew import share
from tinyunet.machine.threads import threads
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


class OfEachThread:
    """The setting of a BLAS that has one for each thread."""

    def __init__(self):
        self.local = threading.local()

    def get(self):
        return getattr(self.local, "threads", 3)

    def put(self, threads):
        self.local.threads = threads


def test_helpers_have_one_thread_too_where_each_has_a_setting_of_its_own(monkeypatch):
    fake = OfEachThread()
    monkeypatch.setattr(blas, "setting", lambda: blas.Setting(fake.get, fake.put, shared=False))
    before, together, found = threads(2), threading.Barrier(2), []

    def work(k):
        together.wait(20)
        found.append(fake.get())

    try:
        with_one_thread(lambda: share(work, 2))()
    finally:
        threads(before)
    assert found == [1, 1]
    assert fake.get() == 3


images = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)
CALLS = {
    "conv2d": lambda: F.conv2d(images, images[:, :, :3, :3]),
    "matmul": lambda: F.matmul(images, images),
    "linear": lambda: F.linear(images, images[0, 0]),
    "attention": lambda: F.scaled_dot_product_attention(images, images, images),
    "interpolate": lambda: F.interpolate(images, scale_factor=2, mode="bilinear"),
    "interpolate, backward": lambda: F.interpolate.__wrapped__(images, scale_factor=2, mode="bilinear")[1],
    "elastic_deform": lambda: data.elastic_deform(images[0], images[0, :1] > 0.5, np.random.default_rng(0)),
    "cells": lambda: data.cells(1, size=32, rng=0),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_multiplies_matrices_tells_blas_to_have_one_thread(name, monkeypatch):
    call = CALLS[name]
    if "backward" in name:
        backward = call()
        call = lambda: backward(np.ones((2, 3, 16, 16), np.float32))  # noqa: E731
    told = []
    monkeypatch.setattr(blas, "setting", lambda: blas.Setting(lambda: 3, told.append, shared=False))
    call()
    assert 1 in told
    assert told[-1] == 3


MUTANTS = {
    "machine.crew:_Job.help": [
        ("helpers have as many threads of BLAS as there are", "@with_one_thread", ""),
    ],
    "ops.pool:interpolate": [
        ("resizing: threads of BLAS meet", "_resized(R, input, C.T) if", "R @ input @ C.T if"),
        ("resizing, backward: threads of BLAS meet", "dx = _resized(R.T, dy, C)", "dx = R.T @ dy @ C"),
    ],
    "data.augment:elastic_deform": [
        ("bending: threads of BLAS meet", "@with_one_thread", ""),
    ],
    "machine.blas:with_one_thread": [
        ("the first that ends gives back", "if not _inside and _before is not None:", "if _before is not None:"),
        ("what was broken off stays", "weakref.ref(me, _inside.discard)", "weakref.ref(me)"),
        ("an operation within another gives back one thread", "if _before is None:", "if True:"),
    ],
    "machine.blas:_in_child": [
        ("a forked process stays with one thread", "_before is not None and", "False and"),
    ],
}
