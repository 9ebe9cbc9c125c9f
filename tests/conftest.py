"""Settings of the whole suite, and what becomes of tests that need more than this machine has."""

import importlib.util
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

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
LACKING = {}  # marker → what the tests marked with it need and this machine lacks, and how to get it
if importlib.util.find_spec("torch") is None:
    LACKING["torch"] = 'PyTorch is not installed: pip install --editable ".[test]"'
if None in (importlib.util.find_spec("skimage"), importlib.util.find_spec("sklearn")):
    LACKING["pictures"] = 'scikit-image and scikit-learn are not installed: pip install --editable ".[test]"'
for module in ("tifffile", "cv2"):
    if importlib.util.find_spec(module) is None:
        name = {"cv2": "opencv"}.get(module, module)
        LACKING[name] = f'{module} is not installed: pip install --editable ".[test]"'
if CHROMIUM is None:
    LACKING["browser"] = "Chromium is not installed: apt install chromium"


def lacking(item):
    return next((LACKING[mark.name] for mark in item.iter_markers() if mark.name in LACKING), None)


def pytest_collection_finish(session):
    """Where `CI` is set, nothing may be skipped because it is lacking."""
    for how in filter(None, map(lacking, session.items if os.environ.get("CI") else ())):
        raise pytest.UsageError(how)


def pytest_runtest_setup(item):
    """Elsewhere it is skipped; from here, because the summary tells all that is skipped from one place in one line."""
    if how := lacking(item):
        pytest.skip(how)
    if item.get_closest_marker("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="module")
def browser():
    """Chromium, for tests marked `browser`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
