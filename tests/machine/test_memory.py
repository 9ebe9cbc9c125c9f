"""Freed memory is kept, scratch is bounded, and both are given back on request."""

import contextlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet.machine import memory
from tinyunet.ops.fast import products, tiles
from tinyunet.ops.fast.scratch import GAP, KEPT, scratch, scratch_bytes
from tinyunet.ops.fast.tiles import TILE_BYTES

CODE = """
import resource, numpy as np
{importing}

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    for _ in range(4):
        np.ones(2_000_000)
        np.ones(3_000_000)

step()
before = faults()
step()
print(faults() - before)
{after}
before = faults()
step()
print(faults() - before)
"""


@pytest.mark.skipif(not memory.keep(), reason="only glibc's malloc can be told")
def test_freed_arrays_are_reused_and_release_gives_them_back():
    code = CODE.format(importing="import tinyunet", after="tinyunet.memory.release()")
    kept, after_release = map(int, subprocess.check_output([sys.executable, "-c", code]).split())
    assert kept < 100
    assert after_release > 500  # fewer where pages are huge


def test_scratch_is_bounded_and_freed_on_request():
    memory.release()
    assert scratch_bytes() == 0
    for N, C, O, H in ((1, 4, 4, 256), (16, 8, 8, 64), (1, 3, 16, 300), (2, 64, 8, 64), (1, 16, 64, 64)):
        for stride in (1, 2):
            x, w = np.ones((N, C, H, H), np.float32), np.ones((O, C, 3, 3), np.float32)
            y, backward = F.conv2d.__wrapped__(x, w, padding=1, stride=stride)
            for gradient in backward(y):
                gradient()
    assert TILE_BYTES < scratch_bytes() < 4 * TILE_BYTES  # columns, and a product of up to twice their size
    memory.release()
    assert scratch_bytes() == 0
    np.testing.assert_array_equal(F.conv2d.__wrapped__(x, w, padding=1, stride=2)[0], y)


def test_what_is_in_use_is_nobody_elses():
    memory.release()
    with scratch("columns", 1, 8, np.float32) as outer:
        assert outer.ctypes.data % 64 == 0
        with scratch("columns", 1, 8, np.float32) as inner:  # as in a signal handler, or in another thread
            assert not np.shares_memory(outer, inner)
            memory.release()  # takes nothing away from who is using it
            outer[:], inner[:] = 1, 2
        with scratch("columns", 1, 4, np.float32) as later:
            assert np.shares_memory(inner, later)
        np.testing.assert_array_equal(outer, np.ones((1, 8)))
    assert scratch_bytes() == 2 * (32 + GAP)
    with contextlib.ExitStack() as many:
        for _ in range(10):
            many.enter_context(scratch("columns", 1, 8, np.float32))
    assert scratch_bytes() == KEPT * (32 + GAP)


def test_a_convolution_inside_another_leaves_it_alone(monkeypatch):
    """As a signal handler would do it, at the worst moment: when columns are filled."""
    x, w = np.ones((2, 4, 16, 16), np.float32), np.ones((4, 4, 3, 3), np.float32)
    expected = F.conv2d(x, w, padding=1).numpy()
    for room in (tiles, products):
        fill = room.fill

        def interrupted(*args, fill=fill, room=room):
            fill(*args)
            with pytest.MonkeyPatch.context() as inside:
                inside.setattr(room, "fill", fill)
                F.conv2d(9 * x, w, padding=1)

        monkeypatch.setattr(room, "fill", interrupted)
    for rows_pay in (False, True):
        monkeypatch.setattr(products, "_rows_pay", lambda *args, pay=rows_pay: pay)
        np.testing.assert_array_equal(F.conv2d(x, w, padding=1), expected)


def test_threads_may_begin_and_end_while_scratch_is_given_up():
    errors, end = [], threading.Event()

    def use():
        while not end.is_set():
            with scratch(f"columns of {threading.get_ident()}", 1, 8, np.float32):
                pass

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            memory.release()
            scratch_bytes()
    except RuntimeError as error:
        errors.append(error)
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_importing_changes_no_environment_variable():
    code = "import os; before = dict(os.environ); import tinyunet, tinyunet.cli; assert dict(os.environ) == before"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OPENBLAS_CORETYPE": "Haswell"})


MUTANTS = {
    "ops.fast.scratch:_aligned": [
        ("scratch begins anywhere", "begin = -memory.ctypes.data % LINE", "begin = (8 - memory.ctypes.data) % LINE"),
    ],
    "ops.fast.scratch:scratch": [
        ("what is in use is given to the next", "memory = self.free.pop()", "memory = self.free[-1]"),
        ("all that was ever in use is kept", "if len(self.free) < KEPT:", "if True:"),
        ("nothing is kept", "self.free.append(self.memory)", "pass"),
    ],
}
