"""The tests of the tests: every wrong implementation in `mutants.py` is put in, and must be found."""

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HYPOTHESIS_PROFILE": "mutants"}
RIGHT = Mutant("nothing is wrong", "tensor.py", "", "", "tests/test_tensor.py")


def run(mutant, folder):
    """Exit code and output of the mutant's tests on a copy of the package with the mutant in it."""
    for part in ("tinyunet", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    file = folder / "tinyunet" / mutant.file
    file.write_text(file.read_text(encoding="utf-8").replace(mutant.right, mutant.wrong), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
    done = subprocess.run(
        [*command, "--override-ini=addopts=", *shlex.split(mutant.tests)],
        cwd=folder,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    shutil.rmtree(folder)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """All mutants, and the package as it is, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = {m: pool.submit(run, m, tmp_path_factory.mktemp("mutant")) for m in [RIGHT, *MUTANTS]}
        return {mutant: future.result() for mutant, future in started.items()}


@pytest.mark.torch
def test_the_right_implementation_passes(outcomes):
    code, output = outcomes[RIGHT]
    assert code == 0, output


@pytest.mark.torch
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.what}")
def test_the_wrong_implementation_is_found(mutant, outcomes):
    code, output = outcomes[mutant]
    assert code == pytest.ExitCode.TESTS_FAILED, f"survived, or did not run:\n{output[-3000:]}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.what}")
def test_the_right_source_stands_there_once(mutant):
    source = (ROOT / "tinyunet" / mutant.file).read_text(encoding="utf-8")
    assert source.count(mutant.right) == 1
    assert mutant.right != mutant.wrong
