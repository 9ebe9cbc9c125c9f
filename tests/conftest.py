"""Settings of the whole suite. `pytest -m "not torch"` runs what needs no PyTorch, and does not import it."""

import os

from hypothesis import settings

# The same examples in every run, so that a failure can be repeated: HYPOTHESIS_PROFILE=thorough looks for new ones.
settings.register_profile("reproducible", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "reproducible"))


def pytest_runtest_setup(item):
    """A test marked `torch` needs PyTorch: without it, it is an error, not skipped."""
    if item.get_closest_marker("torch"):
        import torch

        torch.set_num_threads(1)
