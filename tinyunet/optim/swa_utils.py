"""A second model whose weights are an average over the training of the first: EMA, and stochastic weight averaging."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyunet.nn import Module
from tinyunet.tensor import Tensor

Average = Callable[[list[Tensor], list[Tensor], int], object]


class AveragedModel(Module):
    """A copy of a model, `module`, whose parameters are an average of the model's at every `update_parameters`.

    By default all count equally (Izmailov et al. 2018). With `get_ema_multi_avg_fn(decay)` it is the exponential moving
    average, the weights that diffusion models are sampled with.

    Args:
        multi_avg_fn: a function of the averaged parameters, which it gives new `.data`, the model's parameters, and how
            often they were averaged so far. The first time they are copied.
        avg_fn: the same as a function of one averaged parameter and the model's that returns the new one.
        use_buffers: whether the buffers, too, are averaged; else they are copied.

    >>> from tinyunet import nn, tensor
    >>> model = nn.Linear(1, 1, bias=False)
    >>> averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    >>> for value in (1.0, 2.0):
    ...     model.weight.data = np.full((1, 1), value)
    ...     averaged.update_parameters(model)
    >>> averaged(tensor([[1.0]])).item()                                                   # 0.9·1 + 0.1·2
    1.100000023841858
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        avg_fn: Callable[[Tensor, Tensor, int], Any] | None = None,
        multi_avg_fn: Average | None = None,
        use_buffers: bool = False,
    ) -> None:
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", Tensor(np.int64(0)))
        self.multi_avg_fn = multi_avg_fn or _each(avg_fn or _mean)
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Let the parameters that the model has now count in the average."""
        averaged: list[Tensor] = list(self.module.parameters())
        current: list[Tensor] = list(model.parameters())
        copied = list(zip(self.module.buffers(), model.buffers(), strict=True))
        if self.use_buffers:
            averaged += [a for a, _ in copied]
            current += [c for _, c in copied]
            copied = []
        times = self.n_averaged.item()
        if times == 0:
            copied += zip(averaged, current, strict=True)
        else:
            self.multi_avg_fn(averaged, current, times)
        for a, c in copied:
            a.data = c.numpy()
        self.n_averaged.data = np.int64(times + 1)


def _mean(averaged: Tensor, current: Tensor, times: int) -> Any:
    return averaged.numpy() + (current.numpy() - averaged.numpy()) / (times + 1)


def _each(avg_fn: Callable[[Tensor, Tensor, int], Any]) -> Average:
    """A function of all parameters, from one of a single parameter."""

    def multi_avg_fn(averaged: list[Tensor], current: list[Tensor], times: int) -> None:
        for a, c in zip(averaged, current, strict=True):
            a.data = np.asarray(avg_fn(a.detach(), c.detach(), times))

    return multi_avg_fn


def get_ema_avg_fn(decay: float = 0.999, warmup: bool = False) -> Callable[[Tensor, Tensor, int], Any]:
    """The exponential moving average of one parameter, decay·averaged + (1 − decay)·current, for `avg_fn`.

    Args:
        warmup: begin with a small decay, (1 + n)/(10 + n) after n averages as long as that is less, so that the first
            weights are forgotten in a short training, too. PyTorch does not have it.

    Raises:
        ValueError: a decay outside [0, 1].
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"get_ema_avg_fn: decay must be between 0 and 1, not {decay}")

    def ema(averaged: Tensor, current: Tensor, times: int) -> Any:
        d = min(decay, (1 + times) / (10 + times)) if warmup else decay
        return d * averaged.numpy() + (1 - d) * current.numpy()

    return ema


def get_ema_multi_avg_fn(decay: float = 0.999, warmup: bool = False) -> Average:
    """The same as `get_ema_avg_fn`, for `multi_avg_fn`."""
    return _each(get_ema_avg_fn(decay, warmup))
