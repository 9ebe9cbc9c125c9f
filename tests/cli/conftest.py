"""What the commands are tried on."""

import pytest

from tests.tasks.segmentation import folder


@pytest.fixture
def where(tmp_path, monkeypatch):
    """An empty folder to stand in, with pictures/ and their masks beside."""
    paths = folder(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    return [f"--{name}={path}" for name, path in paths.items()]
