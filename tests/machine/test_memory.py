"""Freed memory is kept, scratch is bounded, and both are given back on request."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet.machine import memory
from tinyunet.ops.fast.scratch import scratch, scratch_bytes
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


def test_each_thread_has_its_own_scratch_and_takes_it_along():
    mine = scratch("columns", (8,), np.float32)
    theirs = []

    def use():
        theirs.append(np.shares_memory(mine, scratch("columns", (8,), np.float32)))
        theirs.append(scratch_bytes())

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    shared, both = theirs
    assert not shared
    assert scratch_bytes() == both - 32


def test_importing_changes_no_environment_variable():
    code = "import os; before = dict(os.environ); import tinyunet, tinyunet.cli; assert dict(os.environ) == before"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OPENBLAS_CORETYPE": "Haswell"})
