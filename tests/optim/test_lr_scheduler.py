"""Schedules: PyTorch's rates, for every group of parameters, and the same after a pause."""

import numpy as np
import pytest

from tinyunet import nn, optim


def rates(schedule, steps):
    result = []
    for _ in range(steps):
        result.append(schedule.optimizer.lr)
        assert schedule.get_last_lr() == [schedule.optimizer.lr]
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


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "kwargs"), [("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.1}), ("StepLR", {"step_size": 2})]
)
def test_every_group_has_its_own_rate_also_one_of_0(name, kwargs):
    import torch

    every = []
    for library, zeros in (
        (optim, lambda: nn.Parameter([0.0])),
        (torch.optim, lambda: torch.zeros(1, requires_grad=True)),
    ):
        groups = [{"params": [zeros()], "lr": lr} for lr in (0.0, 0.4, 0.05)]
        optimizer = library.SGD(groups, lr=1.0)
        schedule = getattr(library.lr_scheduler, name)(optimizer, **kwargs)
        every.append([])
        for _ in range(5):
            optimizer.step()
            schedule.step()
            every[-1].append(schedule.get_last_lr())
            assert [group["lr"] for group in optimizer.param_groups] == schedule.get_last_lr()
    np.testing.assert_allclose(*every, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.CosineAnnealingLR(sgd(), T_max=0), "T_max must be at least 1 step, not 0"),
        (lambda: optim.StepLR(sgd(), step_size=0), "step_size must be at least 1 step, not 0"),
        (lambda: optim.StepLR(sgd(), 1, warmup=-1), "StepLR: warmup must be at least 0 steps, not -1"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_schedule_of_ones_own_needs_a_rate():
    with pytest.raises(NotImplementedError, match=r"Schedule does not define rate\(self, base, t\)"):
        optim.Schedule(sgd())


MUTANTS = {
    "optim.lr_scheduler:CosineAnnealingLR.rate": [
        ("cosine to the wrong floor", "self.eta_min + (base - self.eta_min)", "(base - self.eta_min)"),
        ("cosine as a factor of the base", "self.eta_min + (base", "(base and self.eta_min) + (base"),
    ],
    "optim.lr_scheduler:Schedule": [
        (
            "every group has the first one's rate",
            "self.rate(base, t - warmup)",
            "self.rate(self.base_lrs[0], t - warmup)",
        ),
    ],
}
