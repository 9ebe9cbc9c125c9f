"""Optimizers, schedules and clipping: PyTorch's numbers over many steps, and states that continue bit for bit."""

import math

import numpy as np
import pytest

import tinyunet.functional as F
from tests.strategies import normal
from tinyunet import nn, optim, tensor

STEPS = 25
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"betas": (0.5, 0.9), "eps": 1e-3}),
    ("Adam", {"weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3, "betas": (0.8, 0.99)}),
]
settings = pytest.mark.parametrize(("name", "kwargs"), SETTINGS, ids=[f"{n}-{'-'.join(k)}" for n, k in SETTINGS])


def loss(F, w, b, x):
    return F.tanh(x @ w + b).sum() + (w * w).sum()


def problem(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal((STEPS, 5, 4))


def trained(name, kwargs, steps=range(STEPS), params=None, optimizer=None):
    """The parameters after these steps, and their optimizer. `b` gets no gradient at every third step."""
    w, b, xs = problem()
    w, b = params or (nn.Parameter(w), nn.Parameter(b))
    optimizer = optimizer or getattr(optim, name)([w, b], lr=0.05, **kwargs)
    for i in steps:
        optimizer.zero_grad()
        loss(F, w, b, xs[i]).backward()
        if i % 3 == 1:
            b.grad = None
        optimizer.step()
    return (w, b), optimizer


@pytest.mark.torch
@settings
def test_25_steps_are_those_of_pytorch(name, kwargs):
    import torch

    w, b, xs = (torch.tensor(a) for a in problem())
    params = [w.requires_grad_(), b.requires_grad_()]
    optimizer = getattr(torch.optim, name)(params, lr=0.05, **kwargs)
    for i in range(STEPS):
        optimizer.zero_grad()
        loss(torch, w, b, xs[i]).backward()
        if i % 3 == 1:
            b.grad = None
        optimizer.step()
    for own, theirs in zip(trained(name, kwargs)[0], params, strict=True):
        np.testing.assert_allclose(own, theirs.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_defaults_are_those_of_pytorch(name):
    import inspect

    import torch

    theirs = inspect.signature(getattr(torch.optim, name)).parameters
    for key, own in inspect.signature(getattr(optim, name)).parameters.items():
        assert own.default == theirs[key].default, key


@settings
def test_a_state_that_is_loaded_continues_bit_for_bit(name, kwargs):
    expected, _ = trained(name, kwargs)
    (w, b), optimizer = trained(name, kwargs, range(10))
    state = optimizer.state_dict()
    assert all(isinstance(value, np.ndarray) for value in state.values())
    twins = [nn.Parameter(p.numpy()) for p in (w, b)]
    trained(name, kwargs, range(10, 15), (w, b), optimizer)  # the state is a copy: this does not disturb it
    resumed = getattr(optim, name)(twins, lr=123.0, **kwargs)
    resumed.load_state_dict(state)
    for own, reference in zip(trained(name, kwargs, range(10, STEPS), twins, resumed)[0], expected, strict=True):
        np.testing.assert_array_equal(own, reference)


def test_a_foreign_state_is_refused_whole():
    _, adam = trained("Adam", {}, range(2))
    before = adam.state_dict()
    for other in (optim.SGD(adam.params, momentum=0.9), optim.Adam(adam.params[:1])):
        with pytest.raises(ValueError, match=r"the state does not match in .*0|1\.m"):
            adam.load_state_dict(other.state_dict())
    wrong = {**before, "1.v": np.zeros(7)}
    with pytest.raises(ValueError, match=r"does not match in 1\.v$"):
        adam.load_state_dict(wrong)
    for key, value in adam.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


@settings
def test_a_step_in_float32_stays_float32(name, kwargs):
    w = nn.Parameter([1.0, 2.0])
    optimizer = getattr(optim, name)([w], **kwargs)
    for _ in range(2):
        w.grad = tensor([1.0, -1.0])
        optimizer.step()
    assert w.dtype == np.float32
    assert w.numpy()[0] < 1
    assert all(a.dtype == np.float32 for key, a in optimizer.state_dict().items() if key[-2:] in (".m", ".v"))


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.Adam(p, lr=0.1)])
@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[::-1],
        lambda x: x[::-1, ::-1, ::-1],
        lambda x: x[:, ::2, ::-1],
        lambda x: x.permute(2, 0, 1),
        lambda x: x[:, :1].expand(2, 3, 4),
    ],
)
def test_a_leaf_moves_however_it_lies_in_memory(view, make):
    results = []
    x = view(tensor(normal(0, 2, 3, 4)))
    for leaf in (x.detach(), tensor(np.array(x.numpy(), order="C"))):
        leaf.requires_grad_()
        optimizer = make([leaf])
        for step in range(3):
            optimizer.zero_grad()
            (leaf * leaf * normal(step, *leaf.shape)).sum().backward()
            optimizer.step()
        results.append(leaf.numpy())
    np.testing.assert_array_equal(*results)


def test_a_parameter_without_gradient_stays():
    w, unused = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = optim.AdamW([w, unused], weight_decay=0.5)
    w.grad = tensor([1.0])
    optimizer.step()
    assert unused.item() == 1
    assert w.item() < 1
    optimizer.zero_grad()
    assert w.grad is None


# Schedules


def rates(schedule, steps):
    result = []
    for _ in range(steps):
        result.append(schedule.optimizer.lr)
        assert schedule.get_last_lr() == schedule.optimizer.lr
        schedule.step()
    return result


def sgd(lr=0.4):
    return optim.SGD([nn.Parameter([0.0])], lr=lr)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:The epoch parameter")  # SequentialLR uses what PyTorch has deprecated
@pytest.mark.parametrize("warmup", [0, 1, 4])
@pytest.mark.parametrize(
    ("name", "kwargs", "steps"),
    [
        ("CosineAnnealingLR", {"T_max": 10}, 11),
        ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.05}, 8),
        ("StepLR", {"step_size": 3}, 14),
        ("StepLR", {"step_size": 1, "gamma": 0.9}, 14),
    ],
)
def test_schedules_are_those_of_pytorch(name, kwargs, steps, warmup):
    import torch
    from torch.optim import lr_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    if warmup:
        rising = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
        then = getattr(lr_scheduler, name)(optimizer, **kwargs)
        schedule = lr_scheduler.SequentialLR(optimizer, [rising, then], milestones=[warmup])
    else:
        schedule = getattr(lr_scheduler, name)(optimizer, **kwargs)
    theirs = []
    for _ in range(steps + warmup):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    own = getattr(optim, name)(sgd(), **kwargs, warmup=warmup)
    np.testing.assert_allclose(rates(own, steps + warmup), theirs, rtol=1e-12, atol=1e-15)


def test_the_cosine_stays_at_the_bottom_and_the_warm_up_is_a_line():
    own = rates(optim.CosineAnnealingLR(sgd(0.8), T_max=2, eta_min=0.1, warmup=3), 8)
    np.testing.assert_allclose(own, [0.2, 0.4, 0.6, 0.8, 0.45, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("make", [lambda o: optim.CosineAnnealingLR(o, 9, warmup=2), lambda o: optim.StepLR(o, 2)])
def test_a_schedule_is_resumed(make):
    expected = rates(make(sgd()), 10)
    first = make(sgd())
    rates(first, 4)
    resumed = make(sgd(lr=first.optimizer.lr))  # the optimizer's state has the rate of the moment
    resumed.load_state_dict(first.state_dict())
    assert rates(resumed, 6) == expected[4:]


# Clipping


def with_gradients(*gradients):
    params = [nn.Parameter(np.zeros_like(g)) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = tensor(g)
    return [*params, nn.Parameter(np.zeros(2))]  # one without gradient


@pytest.mark.torch
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 5.0, 1e6])
def test_clipping_is_that_of_pytorch(max_norm):
    import torch

    gradients = [np.random.default_rng(0).standard_normal(shape) for shape in ((2, 3), (4,), ())]
    params = with_gradients(*gradients)
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for p, g in zip(theirs, gradients, strict=True):
        p.grad = torch.tensor(g)
    norm = optim.clip_grad_norm_(iter(params), max_norm)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm).item(), rel=1e-12)
    for own, p in zip(params[:-1], theirs, strict=True):
        np.testing.assert_allclose(own.grad, p.grad, rtol=1e-12)
    assert params[-1].grad is None


def test_clipping_scales_all_gradients_together():
    a, b, _ = params = with_gradients(np.array([3.0], np.float32), np.array([[4.0]], np.float32))
    assert optim.clip_grad_norm_(params, 10.0) == 5
    assert (a.grad.item(), b.grad.item()) == (3, 4)
    assert optim.clip_grad_norm_(params, 1.0) == 5
    np.testing.assert_allclose([a.grad.item(), b.grad.item()], [0.6, 0.8], rtol=1e-5)
    assert a.grad.dtype == np.float32
    assert optim.clip_grad_norm_(b, 0.08) == pytest.approx(0.8, rel=1e-5)  # a single Tensor
    assert b.grad.item() == pytest.approx(0.08, rel=1e-4)
    assert optim.clip_grad_norm_(with_gradients(np.zeros(3)), 1.0) == 0


# Arguments

W = [nn.Parameter([1.0])]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.SGD([], lr=0.1), ValueError, "SGD: no parameters to optimize"),
        (lambda: optim.SGD(W[0], lr=0.1), TypeError, "SGD: params must be a list of Tensors"),
        (lambda: optim.Adam(["w"]), TypeError, "Adam: params must be a list of Tensors"),
        (lambda: optim.Adam([W[0] * 2]), ValueError, "must be leaves"),
        (lambda: optim.Adam(W + W), ValueError, "each once"),
        (lambda: optim.SGD(W, lr=-1), ValueError, "learning rate must be at least 0, not -1"),
        (lambda: optim.Adam(W, lr=math.nan), ValueError, "Adam: the learning rate must be at least 0, not nan"),
        (lambda: optim.SGD(W, momentum=-0.1), ValueError, "momentum=-0.1"),
        (lambda: optim.SGD(W, weight_decay=-0.1), ValueError, "weight_decay=-0.1"),
        (lambda: optim.SGD(W, nesterov=True), ValueError, "Nesterov momentum needs momentum > 0"),
        (lambda: optim.SGD(W, momentum=0.9, dampening=0.1, nesterov=True), ValueError, "dampening = 0"),
        (lambda: optim.Adam(W, betas=(1.0, 0.9)), ValueError, r"Adam: betas=\(1.0, 0.9\) must be in \[0, 1\)"),
        (lambda: optim.Adam(W, betas=(0.9, -0.1)), ValueError, r"must be in \[0, 1\)"),
        (lambda: optim.AdamW(W, eps=-1), ValueError, "AdamW: .*eps=-1"),
        (lambda: optim.AdamW(W, weight_decay=-1), ValueError, "AdamW: .*weight_decay=-1"),
        (lambda: optim.CosineAnnealingLR(sgd(), T_max=0), ValueError, "T_max must be at least 1 step, not 0"),
        (lambda: optim.StepLR(sgd(), step_size=0), ValueError, "step_size must be at least 1 step, not 0"),
        (lambda: optim.StepLR(sgd(), 1, warmup=-1), ValueError, "StepLR: warmup must be at least 0 steps, not -1"),
        (lambda: optim.clip_grad_norm_(W, -1), ValueError, "max_norm must be at least 0, not -1"),
        (lambda: optim.clip_grad_norm_(W, math.nan), ValueError, "max_norm must be at least 0, not nan"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_clipping_does_not_hide_a_nan():
    good, bad = (tensor([1.0], requires_grad=True) for _ in range(2))
    (good * 2 + bad * float("nan")).sum().backward()
    assert np.isnan(optim.clip_grad_norm_([good, bad], 1.0))
    assert np.isnan(good.grad.item())  # every gradient is scaled by the norm, as in PyTorch


MUTANTS = {
    "optim:Optimizer.step": [
        ("the order of what may run backwards in memory", "-moved.strides[axis]", "-w.strides[axis]"),
    ],
    "optim:Adam.update": [
        ("Adam without bias correction", "1 - b1**t", "1"),
        ("Adam: epsilon under the root's correction", "move += c * self.eps", "move += self.eps"),
        ("Adam: variance without bias correction", "move *= self.lr * c /", "move *= self.lr /"),
    ],
    "optim:SGD.update": [
        ("Nesterov is plain momentum", "g + self.momentum * v if self.nesterov else v", "v"),
        ("dampening at the first step", "g if t > 1 else g", "g"),
    ],
    "optim:AdamW": [
        ("AdamW decays through the gradient", "decoupled = True", "decoupled = False"),
    ],
    "optim:CosineAnnealingLR.factor": [
        ("cosine to the wrong floor", "floor + (1 - floor) *", "(1 - floor) *"),
    ],
}
