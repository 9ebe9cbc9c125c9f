"""The training loop: batches in, gradients down, checkpoints out; stops and resumes without losing a bit."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import safetensors
import safetensors.numpy
from tqdm import tqdm

from tinyunet.files import atomic
from tinyunet.nn import Dropout, Module
from tinyunet.optim import Optimizer, Schedule
from tinyunet.tensor import Array, Tensor, no_grad

M = TypeVar("M", bound=Module)


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array], about: Any = None) -> None:
    """Write named arrays, and a JSON value about them, as one safetensors file, atomically."""
    contiguous = {name: np.ascontiguousarray(a).reshape(np.shape(a)) for name, a in arrays.items()}
    with atomic(path) as part:
        part.write_bytes(safetensors.numpy.save(contiguous, {"about": json.dumps(about)}))


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Array], Any]:
    """The arrays and the JSON value of a file written by `save_arrays`.

    Raises:
        ValueError: a file that is not whole, or of another kind.
        OSError: no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            about = json.loads((file.metadata() or {})["about"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: this is not a whole file of tinyunet weights ({error})") from None


class Trainer(Generic[M]):
    """A model, its batches, a loss and an optimizer, and how far the training has come.

    One step: draw a batch (x, y), compute loss(model(x), y), walk it backward, let the optimizer step.

    Args:
        batches: an iterator of (x, y) with a generator `.rng` that all its randomness comes from.
        loss: a function of prediction and target that returns a single number, as `F.mse_loss`.
        schedule: of the learning rate, stepped after every step.
        validate: a function of the model that returns numbers by name; the first one, the higher the better, decides
            which weights are the best.
        out: a folder for `last.safetensors`, everything that is needed to continue, and `best.safetensors`, the best
            weights. Both are replaced atomically.

    Attributes:
        step: how many steps have been made.
        losses: the loss of every step.
        scores: (step, numbers by name) of every validation.

    >>> from tinyunet import data, functional as F, optim, unet
    >>> model = unet.UNet(1, 1, channels=(4, 8), rng=0)
    >>> batches = data.Batches(*data.cells(4, size=32), batch_size=2, crop=16, rng=0)
    >>> loss = F.binary_cross_entropy_with_logits
    >>> trainer = Trainer(model, batches, loss, optim.Adam(model.parameters(), lr=0.01))
    >>> trainer.run(steps=3)                                         # doctest: +ELLIPSIS
    step      3  loss 0...
    >>> len(trainer.losses)
    3
    """

    def __init__(
        self,
        model: M,
        batches: Iterator[tuple[Array, Array]],
        loss: Callable[[Tensor, Any], Tensor],
        optimizer: Optimizer,
        schedule: Schedule | None = None,
        validate: Callable[[M], Mapping[str, float]] | None = None,
        out: str | os.PathLike[str] | None = None,
    ) -> None:
        self.model, self.batches, self.loss, self.optimizer = model, batches, loss, optimizer
        self.schedule, self.validate = schedule, validate
        self.out = None if out is None else Path(out)
        self.step = 0
        self.losses: list[float] = []
        self.scores: list[tuple[int, dict[str, float]]] = []

    @property
    def best(self) -> float:
        """The best score so far, −∞ before the first validation."""
        return max((next(iter(numbers.values())) for _, numbers in self.scores), default=-math.inf)

    def run(self, steps: int, validate_every: int = 100) -> None:
        """Train until `steps` steps have been made in all; validate and save every `validate_every` and at the end.

        Ctrl-C finishes the step, saves, and then raises KeyboardInterrupt; a second one stops at once.

        Raises:
            FloatingPointError: a loss that is infinite or not a number. The files keep the last good state.
        """
        self.model.train()
        with (
            _interrupt_after_step() as interrupted,
            tqdm(total=steps, initial=self.step, unit="step", dynamic_ncols=True, disable=None, leave=False) as bar,
        ):
            while self.step < steps:
                self._step()
                bar.update()
                bar.set_postfix_str(self._progress(), refresh=False)
                if self.step % validate_every == 0 or self.step == steps:
                    self._validate()
                    self.save()
                    bar.write(f"step {self.step:>6}  {self._progress()}")
                if interrupted.is_set():
                    self.save()
                    raise KeyboardInterrupt

    def _step(self) -> None:
        x, y = next(self.batches)
        self.optimizer.zero_grad()
        loss = self.loss(self.model(x), y)
        value = float(loss)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {self.step + 1}: the training diverged; try a smaller learning rate"
            )
        loss.backward()
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
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
        self.model.eval()
        try:
            with no_grad():
                numbers = {name: float(value) for name, value in self.validate(self.model).items()}
        finally:
            self.model.train()
        if next(iter(numbers.values())) > self.best:
            self._save_best()
        self.scores.append((self.step, numbers))

    def _save_best(self) -> None:
        if self.out is not None:
            save_arrays(self.out / "best.safetensors", self.model.state_dict(), {"step": self.step})

    def save(self) -> None:
        """Write all that the future of the training depends on to `last.safetensors`; without `out`, nothing."""
        if self.out is None:
            return
        arrays = {f"model.{name}": a for name, a in self.model.state_dict().items()}
        arrays |= {f"optimizer.{name}": a for name, a in self.optimizer.state_dict().items()}
        arrays["losses"] = np.array(self.losses, np.float64)
        about = {
            "step": self.step,
            "scores": self.scores,
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "generators": [rng.bit_generator.state for rng in self._generators()],
        }
        save_arrays(self.out / "last.safetensors", arrays, about)

    def load(self) -> None:
        """Take up the state of `last.safetensors`: the next steps are, bit for bit, those of an unbroken training.

        Raises:
            ValueError, KeyError: the file of another model, optimizer or schedule.
        """
        if self.out is None:
            raise ValueError("Trainer: there is nothing to load without a folder `out`")
        arrays, about = load_arrays(self.out / "last.safetensors")

        def part(prefix: str) -> dict[str, Array]:
            return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}

        generators = list(self._generators())
        if len(generators) != len(about["generators"]) or (self.schedule is None) != (about["schedule"] is None):
            raise ValueError(f"{self.out}: the checkpoint is of another kind of training")
        self.model.load_state_dict(part("model."))
        self.optimizer.load_state_dict(part("optimizer."))
        if self.schedule:
            self.schedule.load_state_dict(about["schedule"])
        for rng, state in zip(generators, about["generators"], strict=True):
            rng.bit_generator.state = state
        self.step = about["step"]
        self.losses = arrays["losses"].tolist()
        self.scores = [(step, numbers) for step, numbers in about["scores"]]

    def _generators(self) -> Iterator[np.random.Generator]:
        """Everything that draws random numbers while training: the batches, and the dropout layers."""
        yield self.batches.rng  # type: ignore[attr-defined]
        for _, module in self.model.named_modules():
            if isinstance(module, Dropout):
                yield module.rng


@contextmanager
def _interrupt_after_step() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that it cannot hit in the middle of a step."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # only the main thread may handle signals
        return

    def note(number: int, frame: Any) -> None:
        event.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
