"""The one program over all tasks: it goes on where it stopped, measures, draws, and refuses what makes no sense."""

import json

import numpy as np
import pytest
from PIL import Image

from tinyunet import optim
from tinyunet.data import DataError, read_image
from tinyunet.tasks import program
from tinyunet.tasks.edit import Edit
from tinyunet.tasks.latent import Latent
from tinyunet.tasks.program import Settings
from tinyunet.tasks.registry import TASKS, find, listing
from tinyunet.tasks.text import Text

pytestmark = pytest.mark.pictures

FILES = {
    "best.safetensors",
    "curve.png",
    "history.csv",
    "last.safetensors",
    "measured.json",
    "picture.png",
    "settings.json",
}


def test_a_run_goes_on_where_it_stopped_and_is_the_unbroken_one(tmp_path, capsys):
    program.run("cells", tmp_path / "a", steps=6, fast=True)
    settings = Settings("cells", 6, fast=True)
    task = find("cells")(fast=True)
    stopped = program.runs.start(settings, tmp_path / "b", lambda s, out: program.trainer(task, s, out))
    stopped.run(4)
    capsys.readouterr()
    numbers = program.run("cells", tmp_path / "b")  # the settings are those of the run
    assert "6 steps of 8, seed 0, going on after step 4" in capsys.readouterr().out
    assert {file.name for file in (tmp_path / "b").iterdir()} == FILES
    for name in ("best", "last"):
        a, b = ((tmp_path / run / f"{name}.safetensors").read_bytes() for run in "ab")
        assert a == b
    measured = json.loads((tmp_path / "b" / "measured.json").read_text())
    assert measured["numbers"] == numbers == json.loads((tmp_path / "a" / "measured.json").read_text())["numbers"]
    assert measured["seconds"] > 0


def test_what_stops_while_it_measures_is_measured_without_training_again(tmp_path, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(program, "measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            program.run("cells", tmp_path, steps=2, fast=True)
    before = json.loads((tmp_path / "measured.json").read_text())
    capsys.readouterr()
    program.run("cells", tmp_path)
    assert "step" not in capsys.readouterr().out
    assert json.loads((tmp_path / "measured.json").read_text())["seconds"] == before["seconds"] > 0


def test_a_run_that_has_ended_is_neither_trained_nor_measured_again_and_can_be_used(tmp_path, capsys, monkeypatch):
    numbers = program.run("cells", tmp_path, steps=2, fast=True)
    before = (tmp_path / "last.safetensors").read_bytes()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 50), np.uint8)).save(tmp_path / "mine.png")
    capsys.readouterr()
    monkeypatch.setattr(program, "measure", None)
    assert program.run("cells", tmp_path, picture=tmp_path / "mine.png") == numbers
    out = capsys.readouterr().out
    assert "step" not in out
    assert "mine_cells.png" in out
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert read_image(tmp_path / "mine_cells.png").shape == (1, 37, 50)


def test_the_time_of_all_steps_is_told_by_those_that_were_made_now(monkeypatch):
    class Stopped:
        step = 4

        def run(self, steps):
            assert steps == 6

    monkeypatch.setattr(program.time, "perf_counter", iter([1.0, 4.0]).__next__)
    assert program._train(Stopped(), 6) == 9.0


def test_the_seed_is_that_of_weights_and_batches():
    tasks = [find("cells")(fast=True) for _ in range(3)]
    a, b, other = (
        program.trainer(t, Settings("cells", 2, seed, True)) for t, seed in zip(tasks, (0, 0, 1), strict=True)
    )
    for trainer in (a, b, other):
        trainer.run(2)
    assert a.losses == b.losses != other.losses
    for x, y in zip(tasks[0].held_out, tasks[2].held_out, strict=True):  # judged by the same pictures
        np.testing.assert_array_equal(x.inputs, y.inputs)


def test_a_folder_holds_one_run(tmp_path):
    program.run("cells", tmp_path, steps=2, fast=True)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for other in ({"steps": 3}, {"seed": 1}, {"name": "denoising"}):
        with pytest.raises(DataError, match="there is a run already, with task cells, steps 2, seed 0, fast True"):
            program.run(**{"name": "cells", "out": tmp_path, **other})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_folder_of_tinyunet_train_is_no_run_of_a_task(tmp_path):
    (tmp_path / "settings.json").write_text('{"images": "a", "masks": "b"}')
    with pytest.raises(DataError, match=r"settings\.json: not the settings of a run"):
        program.run("cells", tmp_path, fast=True)


def test_refusals_come_before_anything_is_written(tmp_path):
    for wrong, message in (
        ({"name": "cels"}, "there is no task 'cels'; did you mean 'cells'"),
        ({"name": "cells", "steps": 0}, "steps must be at least 1, not 0"),
        ({"name": "cells", "images": tmp_path}, "cells takes no --images: its cells are drawn"),
        ({"name": "scenes", "images": tmp_path}, "scenes takes no --images: it learns from pictures that it draws"),
        ({"name": "inpainting", "picture": "a.png"}, "inpainting takes no --apply: it fills holes in digits of 8×8"),
        ({"name": "cells", "picture": "no.png"}, r"no\.png: there is no such file"),
        ({"name": "denoising", "images": tmp_path}, "there are no pictures in it"),
        ({"name": "denoising", "images": tmp_path / "no"}, "there is no such folder"),
    ):
        with pytest.raises(ValueError, match=message):
            program.run(**wrong, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_a_task_says_what_it_is(task):
    assert find(task.name) is task
    assert task.name in listing()
    assert task.shows in listing()


def test_a_task_says_how_long_adam_remembers_and_how_slowly_it_begins(monkeypatch):
    task = TASKS["cells"](fast=True)
    monkeypatch.setattr(type(task), "betas", (0.8, 0.9))
    monkeypatch.setattr(type(task), "warmup", 10)
    optimizer = program.trainer(task, Settings("cells", 60, fast=True)).optimizer
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.9)
    assert optimizer.param_groups[0]["lr"] < task.lr / 5


def test_what_knows_words_is_moved_by_muon_at_one_rate_for_all():
    for kind in (Text, Latent, Edit):
        optimizer = program.trainer(kind(True), Settings(kind.name, 300, fast=True)).optimizer
        assert isinstance(optimizer, optim.Muon)
        (group,) = optimizer.param_groups
        assert group["adjust_lr_fn"] == "match_rms_adamw"
        assert (group["weight_decay"], group["betas"]) == (0, kind.betas)


@pytest.mark.parametrize("kind", [Latent, Edit])
def test_a_training_that_was_stopped_goes_on_bit_for_bit(kind, tmp_path):
    def training(out):
        return program.trainer(kind(True), program.Settings(kind.name, 4, fast=True), out)

    whole, half = training(tmp_path / "whole"), training(tmp_path / "half")
    whole.run(4)
    half.run(2)
    other = training(tmp_path / "half")
    other.load()
    other.run(4)
    for (name, a), (_, b) in zip(whole.result.state_dict().items(), other.result.state_dict().items(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


MUTANTS = {
    "tasks.program:settings_for": [
        ("the run in the folder is overwritten", "!= there:", "is None:"),
    ],
    "tasks.task:Task.optimizer": [
        ("always Adam", "if self.muon:", "if False:"),
        ("rates for Adam are not for Muon", ', adjust_lr_fn="match_rms_adamw"', ""),
        ("Adam remembers as long as always", "self.lr, betas=self.betas)", "self.lr)"),
    ],
    "tasks.program:trainer": [
        ("the seed does not matter", "default_rng(settings.seed)", "default_rng(0)"),
        ("it begins at once", "warmup=min(task.warmup, settings.steps // 2)", "warmup=0"),
        ("weights and batches from one stream that cannot be put back", "Batches(task, batches_rng)", "iter([])"),
    ],
    "tasks.program:run": [
        ("always the usual number of steps", "settings.fast, settings.images", "False, settings.images"),
        ("measured again", 'if "numbers" not in _noted(out):', "if True:"),
        ("what a task does not take is found out at the end", "if value is not None and why_not:", "if False:"),
    ],
    "tasks.program:_note": [
        ("forgets what it knew", "{**_noted(out), **known}", "known"),
    ],
    "tasks.program:_train": [
        ("the seconds of the last steps alone", "/ left * steps", "/ steps"),
    ],
}
