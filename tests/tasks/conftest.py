"""Every task, made small, once for all tests of a file."""

import pytest

from tinyunet.tasks.registry import TASKS


@pytest.fixture(scope="module", params=TASKS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def task(name):
    return TASKS[name](fast=True)
