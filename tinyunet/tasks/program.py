"""The one program over all tasks: train, measure beside the baselines, draw; stopped and resumed as it likes.

A run has a folder, as in `runs.py`. When its training has ended, it also holds

    measured.json   the numbers of every method, and the time
    picture.png     input, best baseline, output and truth
    curve.png       the loss
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet import plot, runs
from tinyunet.data import DataError, read_image, write_picture
from tinyunet.files import write_text
from tinyunet.nn import Module
from tinyunet.optim import CosineAnnealingLR
from tinyunet.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tinyunet.tasks.registry import find
from tinyunet.tasks.task import Batch, Task
from tinyunet.tensor import Array, Tensor
from tinyunet.training import Trainer


@dataclass(frozen=True)
class Settings:
    """All that defines a run; saved beside the weights."""

    task: str
    steps: int
    seed: int = 0
    fast: bool = False
    images: str | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, not {self.steps}")


class Batches(Iterator[Batch]):
    """Batches of a task without end; the generator is all that they remember."""

    def __init__(self, task: Task, rng: np.random.Generator) -> None:
        self.task, self.rng = task, rng

    def __next__(self) -> Batch:
        return self.task.batch(self.rng, self.task.n)


def trainer(task: Task, settings: Settings, out: str | os.PathLike[str] | None = None) -> Trainer[Module]:
    """A task's model with everything that trains it, ready to `run(settings.steps)`.

    Nothing is measured on the way: the weights are the last, not those that were the best on what is held out.
    """
    weights_rng, batches_rng = np.random.default_rng(settings.seed).spawn(2)
    model = task.model(weights_rng)
    optimizer = task.optimizer(model.parameters())

    def loss(model: Module, batch: Batch) -> Tensor:
        inputs, target, weight = batch
        return task.loss(model(*inputs), target, weight)

    schedule = CosineAnnealingLR(optimizer, settings.steps, warmup=min(task.warmup, settings.steps // 2))
    ema = get_ema_multi_avg_fn(task.average, warmup=True)
    averaged = AveragedModel(model, multi_avg_fn=ema) if task.average else None
    return Trainer(model, Batches(task, batches_rng), loss, optimizer, schedule, out=out, averaged=averaged)


def settings_for(name: str, out: Path, given: Mapping[str, Any]) -> Settings:
    """The settings of the run in the folder `out`; of a new one, where there is none yet.

    Raises:
        DataError: no such task, or a folder that holds a run with other settings.
    """
    task = find(name)
    given = {key: value for key, value in given.items() if value is not None}
    if (out / "settings.json").exists():
        there = runs.read_settings(out, Settings)
        if replace(there, task=name, **given) != there:
            told = ", ".join(f"{key} {value}" for key, value in asdict(there).items())
            raise DataError(f"{out}: there is a run already, with {told}; choose another folder with --out")
        return there
    steps = task.fast_steps if given.get("fast") else task.steps
    return Settings(**{"task": name, "steps": steps, **given})


def run(
    name: str,
    out: str | os.PathLike[str] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    fast: bool | None = None,
    images: str | os.PathLike[str] | None = None,
    picture: str | os.PathLike[str] | None = None,
) -> dict[str, dict[str, float]]:
    """Train a task where it stopped, or from the beginning, measure and draw it; the numbers of every method.

    Args:
        out: the folder of the run, `runs/NAME` by default. If it holds a run, that one goes on.
        steps, seed, fast, images: what is not given is as in the run, or as usual for the task.
        picture: what to use the trained model on.

    Raises:
        DataError: no such task, pictures that cannot be used, a folder that holds a run with other settings.
    """
    kind = find(name)
    for option, value, why_not in (("images", images, kind.no_images), ("apply", picture, kind.no_apply)):
        if value is not None and why_not:
            raise DataError(f"{name} takes no --{option}: {why_not}")
    out = Path("runs", name) if out is None else Path(out)
    yours = None if picture is None else read_image(picture)
    where = None if images is None else str(Path(images).resolve())
    settings = settings_for(name, out, {"steps": steps, "seed": seed, "fast": fast or None, "images": where})
    task = kind(settings.fast, settings.images)

    def make(settings: Settings, out: Path) -> Trainer[Module]:
        return trainer(task, settings, out)

    if (out / "settings.json").exists():
        training, _ = runs.resume(out, Settings, make)
    else:
        training = runs.start(settings, out, make)
    if training.step < settings.steps:
        print(f"{name}: {task.shows}\n{_describe(training, settings, task)}")
        _note(out, seconds=_train(training, settings.steps))
    if "numbers" not in _noted(out):
        _note(out, numbers=measure(task, training, out))
    noted = _noted(out)
    took = f"Trained in {noted['seconds']:.0f} s. " if "seconds" in noted else ""
    print(f"{table(noted['numbers'])}\n{took}Picture, curve and weights are in {out}.")
    if picture is not None and yours is not None:
        print(apply(task, training.result, yours, Path(picture).stem, out))
    return noted["numbers"]


def _describe(training: Trainer[Module], settings: Settings, task: Task) -> str:
    weights = sum(p.numel() for p in training.model.parameters())
    began = f", going on after step {training.step}" if training.step else ""
    return f"{weights:,} weights, {settings.steps} steps of {task.n}, seed {settings.seed}{began}"


def _train(training: Trainer[Module], steps: int) -> float:
    """Train to the end; the seconds that all the steps take, by those that were made now."""
    left, began = steps - training.step, time.perf_counter()
    training.run(steps)
    return (time.perf_counter() - began) / left * steps


def _noted(out: Path) -> dict[str, Any]:
    """What is known of a run: the seconds, once it is trained, and then the numbers."""
    file = out / "measured.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _note(out: Path, **known: Any) -> None:
    write_text(out / "measured.json", json.dumps({**_noted(out), **known}, indent=2) + "\n")


def measure(task: Task, training: Trainer[Module], out: Path) -> dict[str, dict[str, float]]:
    """The numbers of every method for what is held out; figures, such as picture.png, are drawn beside curve.png."""
    outputs = {name: task.answers(method) for name, method in task.methods(training.result).items()}
    for name, figure in task.figures(training.result, outputs).items():
        plot.save(figure, out / f"{name}.png")
    plot.save(plot.training_curve(training.losses, training.scores), out / "curve.png")
    return {name: task.metric(of) for name, of in outputs.items()}


def table(numbers: Mapping[str, Mapping[str, float]]) -> str:
    """The numbers of the methods, a row each.

    >>> print(table({"U-Net": {"Dice": 0.98125, "edges": 1.5}, "threshold": {"Dice": 0.71, "edges": 12.0}}))
                  Dice    edges
    U-Net       0.9812   1.5000
    threshold   0.7100  12.0000
    """
    columns = list(next(iter(numbers.values())))
    first = max(map(len, numbers))
    widths = [max(len(column), 7) for column in columns]
    lines = [[" " * first, *(f"{column:>{w}}" for column, w in zip(columns, widths, strict=True))]]
    for name, row in numbers.items():
        lines.append([f"{name:{first}}", *(f"{row[c]:>{w}.4f}" for c, w in zip(columns, widths, strict=True))])
    return "\n".join("  ".join(line).rstrip() for line in lines)


def apply(task: Task, model: Module, image: Array, name: str, out: Path) -> str:
    """What the trained model makes of a picture (C, H, W): in words, or as a file in the folder `out`."""
    answer = task.apply(model, image)
    if isinstance(answer, str):
        return answer
    write_picture(out / f"{name}_{task.name}.png", answer)
    return f"What it makes of your picture is in {out / f'{name}_{task.name}.png'}."
