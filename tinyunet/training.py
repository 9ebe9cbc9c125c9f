"""The training loop: batches in, gradients down, checkpoints out; stops and resumes without losing a bit."""

from __future__ import annotations

import csv
import inspect
import io
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from tqdm import tqdm

from tinyunet import checkpoint
from tinyunet.files import write_text
from tinyunet.nn import Module
from tinyunet.optim import Optimizer, Schedule
from tinyunet.optim.swa_utils import AveragedModel
from tinyunet.tensor import Tensor

M = TypeVar("M", bound=Module)


class Trainer(Generic[M]):
    """A model, its batches, a loss and an optimizer, and how far the training has come.

    One step: draw a batch, compute loss(model, batch), walk it backward, let the optimizer step.

    Everything random or remembered is saved, and `load` puts it back: in model, batches, loss, after_step and validate,
    every `numpy.random.Generator` and everything with `state_dict` and `load_state_dict`. To be found it must be an
    attribute of an object, at any depth (see `checkpoint.remembered`).

    Args:
        batches: an iterator of whatever `loss` takes.
        loss: a function of the model and a batch that returns a single number as a Tensor.
        schedule: of the learning rate, stepped after every step.
        validate: a function of the model that returns numbers by name; the first one, the higher the better, decides
            which weights are the best; of equally good ones the later. As long as it is nan, the latest are.
        out: a folder for `last.safetensors`, everything that is needed to continue, `best.safetensors`, the best
            weights, and `history.csv`, losses and scores. All are replaced atomically.
        after_step: a function of the model, called after every step.
        averaged: an average of the weights, which every step counts in. It is validated and kept as the best then.

    Attributes:
        step: how many steps have been made.
        losses: the loss of every step.
        scores: (step, numbers by name) of every validation.

    >>> from tinyunet import data, functional as F, optim, unet
    >>> model = unet.UNet(1, 1, channels=(4, 8), rng=0)
    >>> batches = data.Batches(*data.cells(4, size=32), batch_size=2, crop=16, rng=0)
    >>> def loss(model, batch):
    ...     images, masks = batch
    ...     return F.binary_cross_entropy_with_logits(model(images), masks)
    >>> trainer = Trainer(model, batches, loss, optim.Adam(model.parameters(), lr=0.01))
    >>> trainer.run(steps=3)                                         # doctest: +ELLIPSIS
    step      3  loss 0...
    >>> len(trainer.losses)
    3
    """

    def __init__(
        self,
        model: M,
        batches: Iterator[Any],
        loss: Callable[[M, Any], Tensor],
        optimizer: Optimizer,
        schedule: Schedule | None = None,
        validate: Callable[[M], Mapping[str, float]] | None = None,
        out: str | os.PathLike[str] | None = None,
        after_step: Callable[[M], object] | None = None,
        averaged: AveragedModel | None = None,
    ) -> None:
        self.model, self.batches, self.loss, self.optimizer = model, batches, loss, optimizer
        self.schedule, self.after_step, self.validate = schedule, after_step, validate
        self.averaged = averaged
        self.out = None if out is None else Path(out)
        if out is not None and inspect.isgenerator(batches):
            raise TypeError(
                "Trainer: batches from a generator function cannot be resumed, because what it draws from cannot be "
                "saved; write a class with __iter__ and __next__ that keeps its numpy.random.Generator as an attribute"
            )
        self.step = 0
        self.losses: list[float] = []
        self.scores: list[tuple[int, dict[str, float]]] = []

    @property
    def result(self) -> Any:
        """What comes of the training: the average of the weights where there is one, else the model."""
        return self.averaged.module if self.averaged else self.model

    @property
    def best(self) -> float:
        """The best score so far, −∞ before there is one that is a number."""
        return max((score for score in self._first_scores() if not math.isnan(score)), default=-math.inf)

    @property
    def best_step(self) -> int | None:
        """The step whose weights are the best; None before the first validation."""
        if self.best == -math.inf:  # no score is a number, or there are none: the latest
            return self.scores[-1][0] if self.scores else None
        return max(
            step for (step, _), score in zip(self.scores, self._first_scores(), strict=True) if score == self.best
        )

    def waited(self) -> int:
        """How many validations have passed since the best score was first reached."""
        scores = self._first_scores()
        return len(scores) - 1 - scores.index(self.best) if self.best in scores else 0

    def _first_scores(self) -> list[float]:
        """Of every validation the number that decides."""
        return [next(iter(numbers.values())) for _, numbers in self.scores]

    def saved(self) -> int | None:
        """The step that `last.safetensors` holds; None where there is no such file."""
        file = None if self.out is None else self.out / "last.safetensors"
        return checkpoint.about(file)["step"] if file is not None and file.is_file() else None

    def run(self, steps: int, validate_every: int = 100, patience: int | None = None) -> None:
        """Train until `steps` steps have been made in all; validate and save every `validate_every` and at the end.

        Ctrl-C, and SIGTERM as well, finishes the step, saves, and then raises KeyboardInterrupt, with the number of the
        signal. A second one stops at once: `saved` says what is in the file then.

        Args:
            patience: stop early after so many validations in a row without a better score.

        Raises:
            FloatingPointError: a loss that is infinite or not a number. The files keep the last good state.
        """
        self.model.train()
        with (
            _interrupt_after_step() as interrupts,
            tqdm(total=steps, initial=self.step, unit="step", dynamic_ncols=True, disable=None) as bar,
        ):
            while self.step < steps and not (patience and self.waited() >= patience):
                self._step()
                bar.update()
                bar.set_postfix_str(self._progress(), refresh=False)
                if self.step % validate_every == 0 or self.step == steps:
                    self._validate()
                    self.save()
                    bar.set_postfix_str(self._progress())
                    bar.write(f"step {self.step:>6}  {self._progress()}")
                if interrupts:
                    self.save()
                    raise KeyboardInterrupt(interrupts[0])

    def _step(self) -> None:
        batch = next(self.batches)
        self.optimizer.zero_grad()
        loss = self.loss(self.model, batch)
        value = float(loss)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.step + 1}: the training diverged; try a smaller learning rate"
            )
        loss.backward()
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        if self.after_step:
            self.after_step(self.model)
        if self.averaged:
            self.averaged.update_parameters(self.model)
        self.losses.append(value)
        self.step += 1

    def _progress(self) -> str:
        """The mean of the latest losses, and the latest scores."""
        texts = [f"loss {np.mean(self.losses[-20:]):.4f}"]
        if self.scores:
            texts += [f"{name} {value:.4f}" for name, value in self.scores[-1][1].items()]
        return "  ".join(texts)

    def _validate(self) -> None:
        if self.validate is None:
            self._save_best()  # the latest is the best that is known
            return
        with self.result.evaluating():
            numbers = {name: float(value) for name, value in self.validate(self.result).items()}
        if self.best == -math.inf or next(iter(numbers.values())) >= self.best:
            self._save_best()
        self.scores.append((self.step, numbers))

    def _save_best(self) -> None:
        if self.out is not None:
            checkpoint.save_arrays(self.out / "best.safetensors", self.result.state_dict(), {"step": self.step})

    def save(self) -> None:
        """Write all that the future depends on to `last.safetensors`, and `history.csv`; without `out`, nothing."""
        if self.out is None:
            return
        if self.losses:  # before the rest: if this is the last that is done, the training goes on and writes it again
            write_text(self.out / "history.csv", self.history())
        progress = {"step": self.step, "losses": np.array(self.losses, np.float64), "scores": self.scores}
        checkpoint.save(self.out / "last.safetensors", self._things(), progress)

    def history(self) -> str:
        """Every step with its loss, and its scores where it was validated, as a table (CSV)."""
        scores = dict(self.scores)
        names = list(dict.fromkeys(name for numbers in scores.values() for name in numbers))
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["step", "loss", *names])
        for step, loss in enumerate(self.losses, start=1):
            table.writerow([step, loss, *(scores.get(step, {}).get(name, "") for name in names)])
        return text.getvalue()

    def load(self) -> None:
        """Take up the state of `last.safetensors`: the next steps are, bit for bit, those of an unbroken training.

        Nothing is changed unless everything fits.

        Raises:
            ValueError, KeyError: the file of another model, optimizer or schedule, or of an earlier version.
        """
        if self.out is None:
            raise ValueError("Trainer: there is nothing to load without a folder `out`")
        progress = checkpoint.load(self.out / "last.safetensors", self._things())
        self.step, self.losses = progress["step"], progress["losses"].tolist()
        self.scores = [(step, numbers) for step, numbers in progress["scores"]]

    def _things(self) -> dict[str, Any]:
        """Everything that the future of the training depends on, by name."""
        names = ("model", "optimizer", "schedule", "batches", "loss", "after_step", "validate", "averaged")
        return {name: getattr(self, name) for name in names}


@contextmanager
def _interrupt_after_step() -> Iterator[list[int]]:
    """Note the first Ctrl-C or SIGTERM, as its number in a list, so that it cannot hit in the middle of a step."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted  # only the main thread may handle signals
        return

    def note(number: int, frame: Any) -> None:
        noted.append(number)
        put_back()

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        put_back()
