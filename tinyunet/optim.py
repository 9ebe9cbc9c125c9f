"""Optimizers: what to do with the gradients; schedules for the learning rate; gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinyunet.ops.sums import row_dots
from tinyunet.tensor import Array, Tensor


class Optimizer:
    """Parameters, a learning rate, and a `step()` that moves the parameters against their gradients.

    A subclass names the arrays it keeps for every parameter in `slots`, and says in `update` where weights move. It is
    shown them PIECE at a time, so that what a formula of ten NumPy operations computes on the way stays in the cache:
    28 → 23 ms for Adam on 14.8 million weights.
    """

    PIECE = 1 << 16

    slots: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.params = [] if isinstance(params, Tensor) else list(params)
        if isinstance(params, Tensor) or not all(isinstance(p, Tensor) for p in self.params):
            raise TypeError(f"{type(self).__name__}: params must be a list of Tensors, such as model.parameters()")
        if any(not p.is_leaf for p in self.params) or len({id(p) for p in self.params}) < len(self.params):
            raise ValueError(f"{type(self).__name__}: params must be leaves, not results of operations, each once")
        if not self.params:
            raise ValueError(f"{type(self).__name__}: no parameters to optimize")
        if not lr >= 0:
            raise ValueError(f"{type(self).__name__}: the learning rate must be at least 0, not {lr}")
        self.lr = lr
        self.steps = 0
        self.state: list[dict[str, Array]] = [
            {"t": np.zeros((), np.int64), **{slot: np.zeros_like(p.numpy()) for slot in self.slots}}
            for p in self.params
        ]

    def zero_grad(self) -> None:
        """Forget the gradients; the next `backward()` starts anew."""
        for p in self.params:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        self.steps += 1
        for p, state in zip(self.params, self.state, strict=True):
            if p.grad is not None:
                state["t"] += 1
                w = p.numpy()
                moved = np.empty_like(w)
                order = sorted(range(w.ndim), key=lambda axis: -moved.strides[axis])  # in which it lies in memory
                arrays = [w, p.grad.numpy(), *(state[slot] for slot in self.slots)]
                flat, *arrays = [array.transpose(order).reshape(-1) for array in (moved, *arrays)]
                for a in range(0, w.size, self.PIECE):
                    piece = slice(a, a + self.PIECE)
                    flat[piece] = self.update(int(state["t"]), *[array[piece] for array in arrays])
                p.data = moved

    def update(self, t: int, w: Array, dw: Array, *state: Array) -> Array:
        """The weights after their t-th step; their `state`, one array for each of `slots`, is changed in place.

        All arrays are one-dimensional and of the same length.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define update(self, t, w, dw)")

    def state_dict(self) -> dict[str, Array]:
        """Everything that the next step depends on besides parameters and gradients, as arrays by name."""
        arrays = {f"{i}.{slot}": a.copy() for i, state in enumerate(self.state) for slot, a in state.items()}
        return {"steps": np.asarray(self.steps), "lr": np.asarray(self.lr), **arrays}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Set what `state_dict` returned.

        Raises:
            ValueError: for the state of another optimizer, or of other parameters.
        """
        own = self.state_dict()
        shapes = {name: a.shape for name, a in own.items()}
        given = {name: np.shape(a) for name, a in state_dict.items()}
        if shapes != given:
            differing = sorted(k for k in shapes.keys() | given.keys() if shapes.get(k) != given.get(k))
            raise ValueError(f"{type(self).__name__}: the state does not match in {', '.join(differing[:5])}")
        self.steps, self.lr = int(state_dict["steps"]), float(state_dict["lr"])
        for i, state in enumerate(self.state):
            for slot in state:
                state[slot][...] = state_dict[f"{i}.{slot}"]


class SGD(Optimizer):
    """Stochastic gradient descent: w ← w − lr·v with v = dw, or with momentum μ a running sum of gradients.

        v ← μ·v + (1 − dampening)·g        g = dw + weight_decay·w;  at the first step v = g
        w ← w − lr·v                       Nesterov: w ← w − lr·(g + μ·v)

    Source: Sutskever et al. 2013, in PyTorch's form (the learning rate multiplies the sum, not each gradient).

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> SGD([w], lr=0.25).step()
    >>> w.numpy()
    array([0.5], dtype=float32)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("SGD: Nesterov momentum needs momentum > 0 and dampening = 0")
        if momentum < 0 or weight_decay < 0:
            raise ValueError(f"SGD: momentum={momentum} and weight_decay={weight_decay} must not be negative")
        self.slots = ("v",) if momentum else ()
        super().__init__(params, lr)
        self.momentum, self.dampening, self.weight_decay, self.nesterov = momentum, dampening, weight_decay, nesterov

    def update(self, t: int, w: Array, dw: Array, *state: Array) -> Array:
        g = dw + self.weight_decay * w if self.weight_decay else dw
        if self.momentum:
            (v,) = state
            v *= self.momentum
            v += (1 - self.dampening) * g if t > 1 else g
            g = g + self.momentum * v if self.nesterov else v
        return w - self.lr * g


class Adam(Optimizer):
    """Adam: steps of about lr in every coordinate, whatever the size of its gradient (Kingma & Ba 2015, algorithm 1).

        m ← β₁·m + (1 − β₁)·g              running mean of the gradient
        v ← β₂·v + (1 − β₂)·g²             and of its square; both start at 0, hence too small by 1 − βᵗ:
        w ← w − lr · (m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε)

    weight_decay adds weight_decay·w to the gradient, before the means.

    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> (w * Tensor([5.0, 0.01])).sum().backward()
    >>> Adam([w], lr=0.1).step()
    >>> w.numpy().round(3)                                                  # the same step for both
    array([0.9, 0.9], dtype=float32)
    """

    slots = ("m", "v")
    decoupled = False

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not (0 <= betas[0] < 1 and 0 <= betas[1] < 1 and eps >= 0 and weight_decay >= 0):
            raise ValueError(
                f"{type(self).__name__}: betas={betas} must be in [0, 1), eps={eps} and "
                f"weight_decay={weight_decay} not negative"
            )
        super().__init__(params, lr)
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def update(self, t: int, w: Array, dw: Array, *state: Array) -> Array:
        m, v = state
        b1, b2 = self.betas
        g = dw
        if self.weight_decay:
            if self.decoupled:
                w = w * (1 - self.lr * self.weight_decay)
            else:
                g = dw + self.weight_decay * w
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * (g * g)
        # lr·(m/(1 − β₁ᵗ)) / (√v/c + ε) = (lr·c/(1 − β₁ᵗ)) · m / (√v + c·ε), in one array: 0.9 of the time
        c = math.sqrt(1 - b2**t)
        move = np.sqrt(v)
        move += c * self.eps
        np.divide(m, move, out=move)
        move *= self.lr * c / (1 - b1**t)
        return np.subtract(w, move, out=move)


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← (1 − lr·weight_decay)·w beside the step (Loshchilov & Hutter 2019).

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (w * 0).sum().backward()
    >>> AdamW([w], lr=0.1, weight_decay=0.5).step()
    >>> w
    tensor([0.95], requires_grad=True)
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


class Schedule:
    """A learning rate that depends on the number of steps: call `step()` after each `optimizer.step()`.

    Over the first `warmup` steps it rises linearly to its full value; then `factor` takes over, counting from there.
    (In PyTorch a warm-up is a second scheduler joined by SequentialLR.)
    """

    def __init__(self, optimizer: Optimizer, warmup: int = 0) -> None:
        if warmup < 0:
            raise ValueError(f"{type(self).__name__}: warmup must be at least 0 steps, not {warmup}")
        self.optimizer, self.base_lr, self.warmup, self.steps = optimizer, optimizer.lr, warmup, 0
        self._apply()

    def factor(self, t: int) -> float:
        """What the full learning rate is multiplied by, t steps after the warm-up."""
        raise NotImplementedError(f"{type(self).__name__} does not define factor(self, t)")

    def _apply(self) -> None:
        t = self.steps
        factor = (t + 1) / (self.warmup + 1) if t < self.warmup else self.factor(t - self.warmup)
        self.optimizer.lr = self.base_lr * factor

    def step(self) -> None:
        """Set the learning rate of the next step."""
        self.steps += 1
        self._apply()

    def get_last_lr(self) -> float:
        """The learning rate in force."""
        return self.optimizer.lr

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "base_lr": self.base_lr}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.steps, self.base_lr = int(state_dict["steps"]), float(state_dict["base_lr"])
        self._apply()


class CosineAnnealingLR(Schedule):
    """lr(t) = eta_min + (lr − eta_min)·(1 + cos(π·t/T_max))/2 (Loshchilov & Hutter 2017), then stays at eta_min.

    PyTorch's goes up again after T_max.

    >>> optimizer = SGD([Tensor([0.0], requires_grad=True)], lr=0.8)
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

    def factor(self, t: int) -> float:
        floor = self.eta_min / self.base_lr if self.base_lr else 0.0
        return floor + (1 - floor) * (1 + math.cos(math.pi * min(t, self.T_max) / self.T_max)) / 2


class StepLR(Schedule):
    """lr(t) = lr · gamma^⌊t/step_size⌋: a factor `gamma` every `step_size` steps.

    >>> optimizer = SGD([Tensor([0.0], requires_grad=True)], lr=0.8)
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

    def factor(self, t: int) -> float:
        return float(self.gamma ** (t // self.step_size))


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients together so that the norm of all their elements is at most `max_norm` (Pascanu et al. 2013).

    Returns:
        The norm before.

    Raises:
        ValueError: max_norm below 0.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> (w * Tensor([3.0, 4.0])).sum().backward()
    >>> round(clip_grad_norm_([w], max_norm=1.0), 6)
    5.0
    >>> w.grad.numpy().round(3)
    array([0.6, 0.8], dtype=float32)
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be at least 0, not {max_norm}")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    params = [p for p in parameters if p.grad is not None]
    gradients = [p.grad.numpy().reshape(1, -1) for p in params if p.grad is not None]
    norm = math.sqrt(sum(float(row_dots(dw, dw).sum()) for dw in gradients))
    scale = max_norm / (norm + 1e-6)  # PyTorch's 1e-6 keeps a norm of 0 from dividing
    if not scale >= 1:  # also where it is nan: the gradients then show it, as in PyTorch
        for p in params:
            if p.grad is not None:
                p.grad = Tensor(p.grad.numpy() * scale)
    return norm
