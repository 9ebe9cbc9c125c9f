"""A run of any task: started once, stopped, resumed, loaded; and what is no run is named."""

import itertools
import json
from dataclasses import dataclass

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import nn, optim, runs
from tinyunet.data import DataError
from tinyunet.training import Trainer


@dataclass(frozen=True)
class Settings:
    """Of a task that learns to halve numbers."""

    widths: tuple[int, ...] = (3, 2)
    lr: float = 0.1
    name: str | None = None

    def __post_init__(self):
        if self.lr < 0:
            raise ValueError("lr must not be negative")


class Numbers:
    def __init__(self, rng):
        self.rng = rng

    def __next__(self):
        return self.rng.standard_normal((4, 1)).astype(np.float32)


def network(settings, rng=None):
    rng = np.random.default_rng(rng)
    sizes = (1, *settings.widths, 1)
    return nn.Sequential(*[nn.Linear(i, o, rng=rng) for i, o in itertools.pairwise(sizes)])


def loss(model, x):
    return F.mse_loss(model(x), x / 2)


def trainer(settings, out):
    model = network(settings, 0)
    optimizer = optim.SGD(model.parameters(), settings.lr)
    return Trainer(model, Numbers(np.random.default_rng(1)), loss, optimizer, out=out)


def model(settings, weights):
    return network(settings)


def test_a_run_is_started_resumed_and_loaded(tmp_path):
    settings = Settings(widths=(5,), lr=0.05)
    unbroken = runs.start(settings, tmp_path / "a", trainer)
    unbroken.run(6)
    runs.start(settings, tmp_path / "b", trainer).run(4)
    resumed, same = runs.resume(tmp_path / "b", Settings, trainer)
    assert same == settings
    assert resumed.step == 4
    resumed.run(6)
    assert resumed.losses == unbroken.losses
    best, same = runs.load(tmp_path / "b", Settings, model)
    assert same == settings
    assert not any(module.training for _, module in best.named_modules())
    for name, value in unbroken.model.state_dict().items():
        np.testing.assert_array_equal(best.state_dict()[name], value)


def test_a_run_can_be_resumed_before_its_first_step(tmp_path):
    runs.start(Settings(), tmp_path / "run", trainer)
    assert {file.name for file in (tmp_path / "run").iterdir()} == {"settings.json", "last.safetensors"}
    resumed, _ = runs.resume(tmp_path / "run", Settings, trainer)
    assert resumed.step == 0
    with pytest.raises(DataError, match="run: the run has no weights yet"):
        runs.load(tmp_path / "run", Settings, model)


def test_a_run_is_never_overwritten(tmp_path):
    runs.start(Settings(), tmp_path / "run", trainer).run(2)
    before = {file: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    with pytest.raises(DataError, match="run: there is a run already; continue it with --resume"):
        runs.start(Settings(lr=1.0), tmp_path / "run", trainer)
    assert {file: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before


def test_a_run_that_cannot_be_started_leaves_nothing(tmp_path):
    def refuse(settings, out):
        raise DataError("no pictures")

    with pytest.raises(DataError, match="no pictures"):
        runs.start(Settings(), tmp_path / "run", refuse)
    assert not (tmp_path / "run").exists()


def test_settings_come_back_as_they_were(tmp_path):
    settings = Settings(widths=(), lr=1e-7, name="Zürich")
    runs.start(settings, tmp_path / "run", trainer)
    assert runs.read_settings(tmp_path / "run", Settings) == settings


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, DataError, "this is not the folder of a run, it has no settings.json"),
        ("{", DataError, r"settings\.json: not the settings of a run"),
        ("[1]", DataError, r"settings\.json: not the settings of a run"),
        ("null", DataError, r"settings\.json: not the settings of a run"),
        (json.dumps({"widths": [1], "depth": 2}), DataError, r"settings\.json: not the settings of a run.*depth"),
        (json.dumps({"lr": -1}), ValueError, "lr must not be negative"),
    ],
)
def test_what_is_no_run_is_named(tmp_path, content, error, message):
    if content is not None:
        (tmp_path / "settings.json").write_text(content)
    for use in (lambda: runs.load(tmp_path, Settings, model), lambda: runs.resume(tmp_path, Settings, trainer)):
        with pytest.raises(error, match=message):
            use()
