"""Freed memory is kept, and given back on request."""

import subprocess
import sys

import pytest

from tinyunet import memory

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
