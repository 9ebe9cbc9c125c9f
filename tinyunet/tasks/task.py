"""What a task is: the eight parts that every file of this folder has, so that one program can train and measure all.

A task draws batches to learn from, and holds examples back. Every method, the U-Net or another, is a function of the
inputs of an example, and what it answers is scored in the same way.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from matplotlib.figure import Figure

import tinyunet.functional as F
from tinyunet import plot
from tinyunet.data import DataError
from tinyunet.nn import Module
from tinyunet.optim import Adam, Muon, Optimizer
from tinyunet.tasks.tiles import tiled
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet

Batch = tuple[tuple[Array, ...], Array, Array | None]  # inputs, target, weight
Method = Callable[..., Array]  # of the inputs of an example
UNET = "U-Net"


class Example(NamedTuple):
    """Something held back: the inputs of one picture, (C, H, W) each, the truth, and the name it is counted under."""

    name: str
    inputs: tuple[Array, ...]
    truth: Array


class Task:
    """One job. A subclass says what it shows and needs, holds examples back, and defines the methods below.

    Attributes:
        name, shows, needs, takes: what `tinyunet run --list` says.
        reads: how a score is written, such as "Dice {:.3f}"; more is better.
        steps, fast_steps, n, lr: so many steps with n examples each; the learning rate falls to 0 along a cosine.
        betas, warmup: of Adam; and in how many steps the learning rate rises to lr at first.
        muon: whether Muon moves what is a matrix or a kernel, in place of Adam. What words mean is a rare direction at
            first, which Muon follows as far as any other. By Adam, `edit` takes more than twice as many steps.
        held_out: the examples that the task is judged by; `__init__` makes them.
        shown: which of these are drawn, as far as there are as many.
        errors: those of the numbers of which less is better.
        average: the decay of an exponential moving average of the weights, which is what is used then; 0 for none.
        no_images, no_apply: why `--images` or `--apply` means nothing here; empty where it does.
        fast: whether everything is to be small, so that it takes seconds.
    """

    name: ClassVar[str]
    shows: ClassVar[str]
    needs: ClassVar[str] = "nothing: its pictures are drawn"
    takes: ClassVar[str]
    reads: ClassVar[str]
    steps: ClassVar[int] = 1000
    fast_steps: ClassVar[int] = 60
    n: int = 8
    lr: ClassVar[float] = 4e-3
    betas: ClassVar[tuple[float, float]] = (0.9, 0.999)
    warmup: ClassVar[int] = 0
    muon: ClassVar[bool] = False
    errors: ClassVar[tuple[str, ...]] = ()
    average: ClassVar[float] = 0.0
    no_images: ClassVar[str] = "it learns from pictures that it draws"
    no_apply: ClassVar[str] = ""
    shown: tuple[int, ...] = (0, 1, 2)
    held_out: Sequence[Example]

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        """Args: `images` is a folder of pictures to learn from instead of those that come with the task."""
        self.fast = fast

    def model(self, rng: np.random.Generator) -> Module:
        """The network, not yet trained; it is called with the inputs of a batch."""
        raise NotImplementedError

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        """Inputs, target and weight to learn from, n examples each; no weight where everything counts alike."""
        raise NotImplementedError

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        """How wrong the model's output is, one number."""
        raise NotImplementedError

    def optimizer(self, parameters: Iterable[Tensor]) -> Optimizer:
        """What moves the model's parameters."""
        if self.muon:
            return Muon(parameters, self.lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw", betas=self.betas)
        return Adam(parameters, self.lr, betas=self.betas)

    def predict(self, model: Any, *inputs: Array) -> Array:
        """The model's answer for one picture of any size, inputs (C, H, W)."""
        with model.evaluating():
            return tiled(lambda *x: model(*x).numpy(), inputs, model.multiple)

    def baselines(self) -> dict[str, Method]:
        """What the U-Net must beat, by name, tuned on what may be learnt from and on nothing else."""
        raise NotImplementedError

    def methods(self, model: Any) -> dict[str, Method]:
        """All that are compared: the trained model first."""
        return {UNET: lambda *inputs: self.predict(model, *inputs), **self.baselines()}

    def answers(self, method: Method) -> Sequence[Array]:
        """What a method answers to all that is held out, one by one."""
        return [method(*example.inputs) for example in self.held_out]

    def score(self, output: Array, truth: Array) -> float:
        """How good an answer is; more is better."""
        raise NotImplementedError

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        """The numbers for the answers to all that is held out: for each name the mean score."""
        scores: dict[str, list[float]] = {}
        for example, output in zip(self.held_out, outputs, strict=True):
            scores.setdefault(example.name, []).append(self.score(output, example.truth))
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """What is drawn: columns by title, with a picture for each example shown: input, baseline, output, truth."""
        examples = [self.held_out[k] for k in self.drawn()]
        columns = {name: [of[k] for k in self.drawn()] for name, of in self.drawn_methods(outputs).items()}
        columns = {"input": [e.inputs[0] for e in examples], **columns, "truth": [e.truth for e in examples]}
        return {title: [self.view(y) for y in of] for title, of in columns.items()}

    def figures(self, model: Any, outputs: Mapping[str, Sequence[Array]]) -> dict[str, Figure]:
        """What is drawn of a run, by the names of the files: what the model and the other methods answered."""
        return {"picture": plot.rows(self.picture(outputs))}

    def drawn(self) -> list[int]:
        """Which of what is held out are drawn: those `shown` that there are, or else the first."""
        return [k for k in self.shown if k < len(self.held_out)] or [0]

    def drawn_methods(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, Sequence[Array]]:
        """The best of the baselines, and the U-Net, each with the mean of its numbers in the title."""
        numbers = {name: self.metric(of) for name, of in outputs.items()}
        means = {name: np.mean([row[key] for key in row if key not in self.errors]) for name, row in numbers.items()}
        best = max((name for name in outputs if not name.startswith(UNET)), key=lambda name: means[name])
        return {f"{name}\n{self.reads.format(means[name])}": outputs[name] for name in (best, UNET)}

    def view(self, array: Array) -> Array:
        """An input, an output or a truth as a picture, (1, H, W) or (3, H, W) with values from 0 to 1."""
        return np.clip(array, 0, 1)

    def apply(self, model: Any, image: Array) -> Array | str:
        """What the trained model makes of somebody's picture (C, H, W): a picture, or what it says about it."""
        return self.view(self.predict(model, image.mean(axis=0, keepdims=True)))


class SideBySide(UNet):
    """A U-Net of several inputs, such as a picture and a map, which it sees as channels of one.

    >>> x = np.zeros((1, 1, 8, 8), np.float32)
    >>> SideBySide(2, 1, (4,), rng=0)(x, x).shape
    (1, 1, 8, 8)
    """

    def forward(self, *inputs: Any) -> Tensor:
        return super().forward(F.cat(inputs, dim=1))


def scaled(x: Array) -> Array:
    """Values from 0 to 1 as values from −2 to 2, the same for all pictures, where it matters how bright they are."""
    return ((x - 0.5) * 4).astype(np.float32)


def library(module: str, task: str) -> Any:
    """A module of scikit-image, scikit-learn, or SciPy, which both need.

    Raises DataError, with what to install, where it is missing.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = {"skimage": "scikit-image", "sklearn": "scikit-learn", "scipy": "SciPy"}[module.partition(".")[0]]
        raise DataError(f'{task} needs {package}; install it with  pip install "tinyunet[tutorials]"') from None
