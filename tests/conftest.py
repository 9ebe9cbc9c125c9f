"""Settings of the whole suite. `pytest -m "not torch and not browser"` runs what needs neither PyTorch nor Chromium."""

import os
import shutil

import pytest
from hypothesis import Phase, settings

# The same examples in every run, so that a failure can be repeated: HYPOTHESIS_PROFILE=thorough looks for new ones.
settings.register_profile("reproducible", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.register_profile(  # the first failure will do, it need not be a small one: for tests/test_mutants.py
    "mutants", settings.get_profile("reproducible"), phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "reproducible"))


def pytest_runtest_setup(item):
    """A test marked `torch` needs PyTorch: without it, it is an error, not skipped."""
    if item.get_closest_marker("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="module")
def browser():
    """Chromium, for tests marked `browser`: without it, they are errors, not skipped."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError('Chromium must be installed, as the command chromium; or leave these out: -m "not browser"')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
