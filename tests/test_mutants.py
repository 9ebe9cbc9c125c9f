"""The tests of the tests: every wrong implementation (`mutants.py`) is put in, and must be found.

`pytest -m slow tests/test_mutants.py -k test_conv` tries those that one file of tests must find.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from tests.mutants import ROOT, Mutant, copy, mutants, run

MUTANTS = list(mutants())
FILES = sorted({mutant.tests for mutant in MUTANTS})


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_the_right_source_stands_there_once(mutant):
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.put_into(source) != source


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """(file of tests, mutant or None) → exit code and output of pytest, for all that are asked for, on all cores."""
    folders = SimpleQueue()
    for _ in range(os.cpu_count()):
        folders.put(copy(tmp_path_factory.mktemp("copy")))

    def outcome(*case):
        folder = folders.get()
        try:
            return run(folder, *case)
        finally:
            folders.put(folder)

    cases = [item.callspec.params["case"] for item in request.session.items if "outcomes" in item.fixturenames]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {case: pool.submit(outcome, *case) for case in cases}
        pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("case", [(tests, None) for tests in FILES], ids=FILES)
def test_the_right_implementation_passes(case, outcomes):
    code, output = outcomes[case].result()
    assert code == pytest.ExitCode.OK, output[-3000:]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("case", [(mutant.tests, mutant) for mutant in MUTANTS], ids=map(str, MUTANTS))
def test_the_wrong_implementation_is_found(case, outcomes):
    code, output = outcomes[case].result()
    assert code == pytest.ExitCode.TESTS_FAILED, f"survived, or did not run:\n{output[-3000:]}"


# What a mutant changes

SOURCE = """
LIMIT = 3

@decorated(limit=3)
def outer(x):
    if x:
        def inner(y):
            return y + 3
    return inner(3) + 1

class Layer:
    SIZE: int = 3

    @property
    def size(self):
        return self.SIZE

    @size.setter
    def size(self, value):
        self.SIZE = value
"""


def changed(name, right):
    return Mutant("something is wrong", f"ops.conv:{name}", right, "wrong", "tests/ops/test_conv.py").put_into(SOURCE)


@pytest.mark.parametrize(
    ("name", "right", "line"),
    [
        ("LIMIT", "3", "LIMIT = wrong"),
        ("outer", "limit=3", "@decorated(wrong)"),
        ("outer.inner", "3", "            return y + wrong"),
        ("Layer.SIZE", "3", "    SIZE: int = wrong"),
        ("Layer.size", "= value", "        self.SIZE wrong"),
        ("", "y + 3", "            return wrong"),
    ],
)
def test_what_is_named_is_changed_and_nothing_else(name, right, line):
    lines, right_lines = changed(name, right).splitlines(), SOURCE.splitlines()
    assert [new for new, old in zip(lines, right_lines, strict=True) if new != old] == [line]


@pytest.mark.parametrize(
    ("name", "right", "times"),
    [
        ("outer", "3", 3),
        ("outer", "4", 0),
        ("inner", "3", 0),
        ("Layer.inner", "3", 0),
        ("Layer.size", "size", 3),
        ("", "3", 5),
    ],
)
def test_the_right_source_must_stand_there_once(name, right, times):
    with pytest.raises(ValueError, match=f"'{right}' stands {times} times in ops.conv:{name}"):
        changed(name, right)
