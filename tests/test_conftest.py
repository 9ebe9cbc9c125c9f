"""What a machine lacks is skipped, in a line that says how to get it; where `CI` is set, it is an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
SETTINGS = Path(__file__).parent.parent / "pyproject.toml"
TESTS = """
import pytest

def test_of_nothing():
    pass

@pytest.mark.torch
@pytest.mark.parametrize("k", range(3))
def test_against_pytorch(k):
    import torch

@pytest.mark.pictures
def test_of_real_pictures():
    import sklearn

@pytest.mark.browser
@pytest.mark.parametrize("k", range(2))
def test_in_chromium(k, browser):
    pass
"""
PYTORCH = 'PyTorch is not installed: pip install --editable ".[test]"'
PICTURES = 'scikit-image and scikit-learn are not installed: pip install --editable ".[test]"'
CHROMIUM = "Chromium is not installed: apt install chromium"


@pytest.fixture
def run(tmp_path):
    """pytest, with the settings of this suite, on a machine without PyTorch, scikit-learn and Chromium."""
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "bare.py").write_text(
        "import sys; sys.modules |= {'torch': None, 'sklearn': None}  # not to be imported"
    )

    def run(*args, ci):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-c", SETTINGS, "-p", "bare", "-p", "no:cacheprovider", *args, tmp_path],
            env=os.environ | {"PATH": "", "PYTHONPATH": str(tmp_path), "CI": ci},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_what_is_lacking_is_skipped_in_a_line_that_says_how_to_get_it(run):
    done = run(ci="")
    assert done.returncode == 0, done.stdout + done.stderr
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert [(line[:11], line.split(": ", 1)[1]) for line in skipped] == [
        ("SKIPPED [3]", PYTORCH),
        ("SKIPPED [1]", PICTURES),
        ("SKIPPED [2]", CHROMIUM),
    ]
    assert "1 passed, 6 skipped" in done.stdout


@pytest.mark.parametrize(("chosen", "lacking"), [("torch", PYTORCH), ("pictures", PICTURES), ("browser", CHROMIUM)])
def test_where_ci_is_set_it_is_an_error(run, chosen, lacking):
    done = run("-m", chosen, ci="true")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.splitlines() == [f"ERROR: {lacking}", ""]


def test_where_ci_is_set_what_is_not_asked_for_may_be_lacking(run):
    assert run("-m", "not torch and not browser and not pictures", ci="true").returncode == 0
