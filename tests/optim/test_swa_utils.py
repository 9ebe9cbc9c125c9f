"""Averages of the weights are PyTorch's, step by step."""

import numpy as np
import pytest

from tests.strategies import normal
from tinyunet import nn, optim, tensor
from tinyunet.optim.swa_utils import AveragedModel, get_ema_avg_fn, get_ema_multi_avg_fn

KINDS = {
    "mean": lambda swa: {},
    "ema": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
    "ema one by one": lambda swa: {"avg_fn": swa.get_ema_avg_fn(0.2)},
    "own": lambda swa: {"avg_fn": lambda averaged, current, times: 0.3 * averaged + 0.7 * current},
    "buffers": lambda swa: {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9), "use_buffers": True},
}


@pytest.mark.torch
@pytest.mark.parametrize("kind", KINDS)
def test_averages_are_pytorchs(kind):
    import torch

    pairs = []
    for library in (nn, torch.nn):
        model = library.Sequential(library.Linear(3, 4), library.BatchNorm1d(4)).double()
        swa = optim.swa_utils if library is nn else torch.optim.swa_utils
        pairs.append((model, AveragedModel if library is nn else torch.optim.swa_utils.AveragedModel, KINDS[kind](swa)))
    pairs[0][0].load_state_dict(pairs[1][0].state_dict())
    (own, theirs) = averaged = [average(model, **settings) for model, average, settings in pairs]
    for step in range(4):
        x = normal(step, 5, 3)
        for (model, *_), average, array in zip(pairs, averaged, (tensor, torch.tensor), strict=True):
            model(array(x))  # its statistics move
            for k, p in enumerate(model.parameters()):
                with torch.no_grad():
                    p.data = p.data + (
                        normal(step + k, *p.shape) if array is tensor else array(normal(step + k, *p.shape))
                    )
            average.update_parameters(model)
    assert list(own.state_dict()) == sorted(theirs.state_dict(), key=list(own.state_dict()).index)
    for name, value in theirs.state_dict().items():
        if "batches" not in name:
            np.testing.assert_allclose(own.state_dict()[name], value, rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(own.eval()(x), theirs.eval()(torch.tensor(x)).detach(), rtol=1e-10)


def test_an_average_is_saved_and_goes_on_bit_for_bit():
    model = nn.Linear(2, 2, rng=0)
    first, second = (AveragedModel(model) for _ in range(2))
    first.update_parameters(model)
    model.weight.data = model.weight.numpy() * 2
    second.load_state_dict(first.state_dict())
    for averaged in (first, second):
        averaged.update_parameters(model)
    np.testing.assert_array_equal(first.module.weight, second.module.weight)
    np.testing.assert_allclose(first.module.weight, model.weight.numpy() * 0.75)  # (1 + 2)/2 of the half
    assert first.n_averaged.item() == 2
    assert first.module.weight is not model.weight


def test_a_short_training_forgets_its_first_weights():
    model = nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5, warmup=True))
    expected = None
    for n, value in enumerate([8.0, 2.0, 4.0, 1.0, 6.0, 3.0, 7.0, 5.0, 2.0, 9.0, 1.0, 4.0]):
        model.weight.data = np.full((1, 1), value)
        averaged.update_parameters(model)
        d = min(0.5, (1 + n) / (10 + n))  # from the ninth on it is ½
        expected = value if n == 0 else d * expected + (1 - d) * value
        assert averaged.module.weight.item() == pytest.approx(expected, rel=1e-6)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"decay must be between 0 and 1, not 1\.5"):
        get_ema_multi_avg_fn(1.5)
    with pytest.raises(ValueError, match="give avg_fn or multi_avg_fn, not both"):
        AveragedModel(nn.Linear(1, 1), get_ema_avg_fn(), get_ema_multi_avg_fn())


MUTANTS = {
    "optim.swa_utils:AveragedModel": [
        ("the first weights count", "if times == 0:", "if times == -1:"),
        ("buffers stay what they were", "for a, c in copied:", "for a, c in copied[: 0 if times else None]:"),
    ],
    "optim.swa_utils:_mean": [
        ("the mean of one too few", "/ (times + 1)", "/ times"),
    ],
    "optim.swa_utils:get_ema_avg_fn": [
        (
            "the average moves too fast",
            "d * averaged.numpy() + (1 - d)",
            "(1 - d) * averaged.numpy() + d",
        ),
        ("the first weights are kept", "min(decay, (1 + times) / (10 + times))", "decay"),
        ("the decay grows to 1", "min(decay, (1 + times) / (10 + times))", "(1 + times) / (10 + times)"),
    ],
}
