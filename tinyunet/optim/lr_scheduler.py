"""Schedules: learning rates that depend on how far the training has come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinyunet.optim.optimizer import Optimizer


class Schedule:
    """A learning rate that depends on the number of steps: call `step()` after each `optimizer.step()`.

    Over the first `warmup` steps it rises linearly to its full value; then `rate` takes over, counting from there.
    (In PyTorch a warm-up is a second scheduler joined by SequentialLR.)
    """

    def __init__(self, optimizer: Optimizer, warmup: int = 0) -> None:
        if warmup < 0:
            raise ValueError(f"{type(self).__name__}: warmup must be at least 0 steps, not {warmup}")
        self.optimizer, self.warmup, self.steps = optimizer, warmup, 0
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self._apply()

    def rate(self, base: float, t: int) -> float:
        """The learning rate t steps after the warm-up, where `base` is the one that the optimizer began with."""
        raise NotImplementedError(f"{type(self).__name__} does not define rate(self, base, t)")

    def _apply(self) -> None:
        t, warmup = self.steps, self.warmup
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = base * (t + 1) / (warmup + 1) if t < warmup else self.rate(base, t - warmup)

    def step(self) -> None:
        """Set the learning rates of the next step."""
        self.steps += 1
        self._apply()

    def get_last_lr(self) -> list[float]:
        """The learning rates in force, one for each group of parameters."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "base_lrs": self.base_lrs}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.steps, self.base_lrs = int(state_dict["steps"]), [float(lr) for lr in state_dict["base_lrs"]]
        self._apply()


class CosineAnnealingLR(Schedule):
    """lr(t) = eta_min + (lr − eta_min)·(1 + cos(π·t/T_max))/2 (Loshchilov & Hutter 2017), then stays at eta_min.

    PyTorch's goes up again after T_max.

    >>> from tinyunet import optim, tensor
    >>> optimizer = optim.SGD([tensor([0.0], requires_grad=True)], lr=0.8)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=4)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(round(optimizer.lr, 3))
    ...     schedule.step()
    >>> rates
    [0.8, 0.683, 0.4, 0.117, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, warmup: int = 0) -> None:
        if T_max <= 0:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1 step, not {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, warmup)

    def rate(self, base: float, t: int) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * min(t, self.T_max) / self.T_max)) / 2


class StepLR(Schedule):
    """lr(t) = lr · gamma^⌊t/step_size⌋: a factor `gamma` every `step_size` steps.

    >>> from tinyunet import optim, tensor
    >>> optimizer = optim.SGD([tensor([0.0], requires_grad=True)], lr=0.8)
    >>> schedule = StepLR(optimizer, step_size=1, gamma=0.5, warmup=1)
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(optimizer.lr)
    ...     schedule.step()
    >>> rates
    [0.4, 0.8, 0.4, 0.2]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, warmup: int = 0) -> None:
        if step_size <= 0:
            raise ValueError(f"StepLR: step_size must be at least 1 step, not {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, warmup)

    def rate(self, base: float, t: int) -> float:
        return base * float(self.gamma ** (t // self.step_size))
