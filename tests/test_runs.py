"""A run of any task: started once, stopped, resumed, loaded; and what is no run is named."""

import errno
import itertools
import json
import math
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import checkpoint, files, nn, optim, runs
from tinyunet.checkpoint import load_arrays, save_arrays
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
    (tmp_path / "run" / "last.safetensors").unlink()  # as if there had been no room for it
    resumed, _ = runs.resume(tmp_path / "run", Settings, trainer)
    assert resumed.step == 0
    with pytest.raises(DataError, match=r"run: there is no best\.safetensors.*go on with --resume .*run"):
        runs.load(tmp_path / "run", Settings, model)


def test_a_run_is_never_overwritten(tmp_path):
    runs.start(Settings(), tmp_path / "run", trainer).run(2)
    before = {file: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    with pytest.raises(DataError, match="run: there is a run already; continue it with --resume"):
        runs.start(Settings(lr=1.0), tmp_path / "run", trainer)
    assert {file: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before


def test_a_run_has_a_folder(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(DataError, match="run: is a file, not a folder"):
        runs.start(Settings(), tmp_path / "run", trainer)


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
        ("{", DataError, r"settings\.json: not the settings of a run .*; copy it again"),
        (b"\xff\xfe", DataError, r"settings\.json: not the settings of a run"),
        ("[" * 100_000, DataError, r"settings\.json: not the settings of a run"),
        ("[1]", DataError, r"settings\.json: not the settings of a run"),
        ("null", DataError, r"settings\.json: not the settings of a run"),
        (json.dumps({"widths": [1], "depth": 2}), DataError, r"settings\.json: not .*there is no setting 'depth'"),
        (json.dumps({"lr": -1}), DataError, r"settings\.json: lr must not be negative"),
        (json.dumps({"lr": "0.1"}), DataError, r"settings\.json: .*'lr' is \"0\.1\", which should be a number"),
        (json.dumps({"lr": True}), DataError, "'lr' is true, which should be a number"),
        (json.dumps({"lr": math.nan}), DataError, "'lr' is NaN, which should be a number"),
        (json.dumps({"widths": [1.5]}), DataError, r"'widths' is \[1\.5\], .*a list of which each is a whole number"),
        (json.dumps({"widths": 3}), DataError, "'widths' is 3, which should be a list"),
        (json.dumps({"name": 1}), DataError, "'name' is 1, which should be a text or null"),
    ],
)
def test_what_is_no_run_is_named(tmp_path, content, error, message):
    if content is not None:
        (tmp_path / "settings.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    for use in (lambda: runs.load(tmp_path, Settings, model), lambda: runs.resume(tmp_path, Settings, trainer)):
        with pytest.raises(error, match=message):
            use()


# A disk that fills, power that goes, files that are damaged


class Full:
    """A disk on which the k-th file does not find room."""

    def __init__(self, k):
        self.left = k

    def __call__(self, path):
        self.left -= 1
        if self.left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path)


real = files.atomic
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("k", range(1, 9))
def test_at_whatever_file_the_disk_is_full_the_run_goes_on_later(tmp_path, monkeypatch, k):
    unbroken = runs.start(Settings(), tmp_path / "a", trainer)
    unbroken.run(6, validate_every=2)
    full = Full(k)
    for module in (files, checkpoint):
        monkeypatch.setattr(module, "atomic", full)
    out = tmp_path / "b"
    with pytest.raises(OSError, match="No space left"):
        runs.start(Settings(), out, trainer).run(6, validate_every=2)
    monkeypatch.undo()
    if (out / "settings.json").exists():
        again, _ = runs.resume(out, Settings, trainer)
    else:  # it did not begin
        again = runs.start(Settings(), out, trainer)
    again.run(6, validate_every=2)
    assert again.losses == unbroken.losses
    for name in ("last.safetensors", "best.safetensors", "history.csv"):
        assert (out / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


def test_a_run_whose_last_state_was_lost_is_not_begun_anew(tmp_path):
    runs.start(Settings(), tmp_path / "run", trainer).run(2)
    (tmp_path / "run" / "last.safetensors").unlink()
    with pytest.raises(DataError, match=r"last\.safetensors is missing, .*its best weights can still be used"):
        runs.resume(tmp_path / "run", Settings, trainer)
    runs.load(tmp_path / "run", Settings, model)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 200, -1])
def test_a_file_that_was_cut_off_is_named(tmp_path, length):
    runs.start(Settings(), tmp_path / "run", trainer).run(2)
    for name, use in (
        ("last", lambda: runs.resume(tmp_path / "run", Settings, trainer)),
        ("best", lambda: runs.load(tmp_path / "run", Settings, model)),
    ):
        file = tmp_path / "run" / f"{name}.safetensors"
        file.write_bytes(file.read_bytes()[:length])
        with pytest.raises(DataError, match=rf"{name}\.safetensors: this is not a whole file.*; copy it again"):
            use()


def test_files_of_another_network_are_named(tmp_path):
    runs.start(Settings(), tmp_path / "run", trainer).run(2)
    runs.start(Settings(widths=(7,)), tmp_path / "other", trainer).run(2)
    for name, use in (
        ("last", lambda: runs.resume(tmp_path / "run", Settings, trainer)),
        ("best", lambda: runs.load(tmp_path / "run", Settings, model)),
    ):
        (tmp_path / "other" / f"{name}.safetensors").replace(tmp_path / "run" / f"{name}.safetensors")
        with pytest.raises(DataError, match=rf"{name}\.safetensors: does not fit the network of .*settings\.json"):
            use()


def test_weights_that_are_no_numbers_are_named(tmp_path):
    runs.start(Settings(), tmp_path / "run", trainer).run(2)
    file = tmp_path / "run" / "best.safetensors"
    weights, about = load_arrays(file)
    weights["0.bias"] = np.full_like(weights["0.bias"], np.inf)
    save_arrays(file, weights, about)
    with pytest.raises(DataError, match=r"best\.safetensors: .*nan or infinite: 0\.bias"):
        runs.load(tmp_path / "run", Settings, model)


KILLED = """
import contextlib, os, signal, sys
from tests import test_runs
from tinyunet import checkpoint, files, runs
out, k = sys.argv[1], int(sys.argv[2])

class Killer:
    left = k
    def __call__(self, path):
        return self.killed(path) if self.counted() else test_runs.real(path)
    def counted(self):
        Killer.left -= 1
        return Killer.left == 0
    @contextlib.contextmanager
    def killed(self, path):
        with test_runs.real(path) as part:
            yield part
            part.write_bytes(part.read_bytes()[: len(part.read_bytes()) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

files.atomic = checkpoint.atomic = Killer()
if os.path.exists(out + "/settings.json"):
    trainer, _ = runs.resume(out, test_runs.Settings, test_runs.trainer)
else:
    trainer = runs.start(test_runs.Settings(), out, test_runs.trainer)
trainer.run(6, validate_every=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_killed_at_every_write_a_run_ends_as_the_unbroken_one(tmp_path):
    runs.start(Settings(), tmp_path / "a", trainer).run(6, validate_every=2)
    kills = 0
    for k in range(1, 13):
        out = tmp_path / f"killed at {k}"
        for at in (k, 2, 0):  # again at the second write, and then it goes on to the end
            code = subprocess.run([sys.executable, "-c", KILLED, str(out), str(at)], cwd=ROOT).returncode
            kills += code == -signal.SIGKILL
        for name in ("last.safetensors", "best.safetensors", "history.csv"):
            assert (out / name).read_bytes() == (tmp_path / "a" / name).read_bytes(), k
        assert not list(out.glob(".*")), k
    assert kills > 15


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    left = tmp_path / "run" / ".last.safetensors.99-0.part"
    left.parent.mkdir()
    left.touch()  # before there were settings
    runs.start(Settings(), tmp_path / "run", trainer)
    assert not left.exists()
    left.touch()
    runs.resume(tmp_path / "run", Settings, trainer)
    assert not left.exists()


MUTANTS = {
    "runs:start": [
        ("what a kill left stays", "remove_parts(out)", ""),
        (
            "a run before there is anything to continue",
            "new.save()\n        write_settings(settings, out)",
            "write_settings(settings, out)\n        new.save()\n        (out / 'best.safetensors').touch()",
        ),
    ],
    "runs:refuse_another": [("a file is a folder", "Path(out).is_file()", "False")],
    "runs:take_up": [
        ("what a kill left stays", "remove_parts(out)", ""),
        ("begun anew over the best weights", "elif best.exists():", "elif False:"),
    ],
    "runs:_fits": [
        ("true is a number", "and not isinstance(value, bool) and -math.inf", "and -math.inf"),
        ("nan is a number", "-math.inf < value < math.inf", "True"),
    ],
}
