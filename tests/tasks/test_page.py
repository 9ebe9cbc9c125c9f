"""docs/tasks.md does what it says: its example runs, its tables are those of the results, its pictures are there."""

import json
import re
import shlex

import numpy as np
import pytest

from tests.benchmarks import tasks as benchmark
from tests.mutants import ROOT
from tinyunet import cli
from tinyunet.data import read_image, write_picture
from tinyunet.tasks import program
from tinyunet.tasks.registry import TASKS
from tinyunet.tasks.task import UNET

pytestmark = pytest.mark.pictures

DOCS = ROOT / "docs"
PAGE = (DOCS / "tasks.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_task_of_the_page_learns_and_beats_what_it_is_compared_with(tmp_path, monkeypatch, capsys):
    source, registry = blocks("python")
    namespace = {}
    exec(compile(source, "docs/tasks.md", "exec"), namespace)
    assert "tinyunet.tasks.deblurring import Deblurring\n" in registry
    monkeypatch.setitem(TASKS, "deblurring", namespace["Deblurring"])
    monkeypatch.chdir(tmp_path)
    write_picture("my-picture.png", np.random.default_rng(0).random((3, 30, 40)))
    commands = [shlex.split(line) for line in blocks("sh")[-1].splitlines()]
    assert [cli.main(command[1:]) for command in commands] == [0, 0]
    assert read_image("fast/my-picture_deblurring.png").shape == (1, 30, 40)
    numbers = json.loads((tmp_path / "fast" / "measured.json").read_text())["numbers"]
    for on, ours in numbers.pop(UNET).items():
        assert ours > max(of[on] for of in numbers.values())
    assert cli.main(["run", "--list"]) == 0
    assert "deblurring: photographs that were out of focus" in capsys.readouterr().out


def test_every_task_has_its_place_on_the_page():
    assert re.findall(r"^### ([a-z]+)$", PAGE, re.MULTILINE) == list(TASKS)
    commands = [shlex.split(line) for line in blocks("sh")[0].splitlines() if line.startswith("tinyunet run ")]
    assert all(command[2] in TASKS or command[2] == "--list" for command in commands)


def test_tables_and_pictures_are_those_of_the_results():
    file = DOCS / "tasks.json"
    assert benchmark.put_into(PAGE, json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}) == PAGE


def test_what_it_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)#\s]+)", PAGE)
    assert [link for link in links if not (DOCS / link).exists()] == []


RESULTS = {
    "denoising": {
        "0": {"numbers": {UNET: {"a": 29.0}, "other": {"a": 28.0}, f"{UNET}, flips": {"a": 30.0}}, "seconds": 90.4},
        "1": {"numbers": {UNET: {"a": 28.5}, "other": {"a": 28.0}, f"{UNET}, flips": {"a": 31.0}}, "seconds": 99.6},
    },
    "skips": {"0": {"numbers": {UNET: {"Dice": 0.9, "edges beside, in pixels": 1.0},
                                "without": {"Dice": 0.5, "edges beside, in pixels": 3.0}}, "seconds": 5}},
}  # fmt: skip


def test_a_table_says_by_how_much_the_worst_seed_is_ahead():
    assert benchmark.table(RESULTS).splitlines()[2:] == [
        "| [denoising](#denoising) | a | dB | 29.00 / 28.50, flips 30.00 / 31.00 | other 28.00 | +0.50 | 90 / 100 s |",
        "| [skips](#skips) | Dice | Dice | 0.90 | without 0.50 | +0.40 | 5 s |",
        "|  | edges beside, in pixels | pixels | 1.00 | without 3.00 | +2.00 |  |",
    ]
    worse = {"cells": {"0": {"numbers": {UNET: {"a": 0.8}, "other": {"a": 0.9}}, "seconds": 1}}}
    assert "| -0.100 | 1 s |" in benchmark.table(worse)


def test_both_sides_stand_beside_each_other():
    theirs = {"denoising": {"1": {"numbers": {UNET: {"a": 28.25}}, "seconds": 80}}}
    assert benchmark.comparison(RESULTS, theirs).splitlines()[2:] == [
        "| denoising | a | dB | 28.50 | 28.25 | 100 s | 80 s |",
    ]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("name", benchmark.BOTH)
def test_pytorch_takes_the_same_steps(name, monkeypatch):
    task = TASKS[name](fast=True)
    monkeypatch.setattr(task, "steps", 10, raising=False)
    monkeypatch.setattr(benchmark, "find", lambda _: lambda: task)
    theirs = benchmark.measured_in_pytorch(name, seed=2)
    ours = program.trainer(task, program.Settings(name, 10, 2))
    ours.run(10)
    answers = [task.predict(ours.model, *example.inputs) for example in task.held_out]
    assert theirs["numbers"][UNET] == pytest.approx(task.metric(answers), abs=0.01)
    untrained = program.trainer(task, program.Settings(name, 10, 2))
    before = task.metric([task.predict(untrained.model, *example.inputs) for example in task.held_out])
    assert theirs["numbers"][UNET] != pytest.approx(before, abs=0.03)
