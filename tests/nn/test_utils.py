"""Clipping: all gradients together, by PyTorch's factor."""

import math

import numpy as np
import pytest

from tinyunet import Tensor, nn, tensor
from tinyunet.nn.utils import clip_grad_norm_


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
    norm = clip_grad_norm_(iter(params), max_norm)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm).item(), rel=1e-12)
    for own, p in zip(params[:-1], theirs, strict=True):
        np.testing.assert_allclose(own.grad, p.grad, rtol=1e-12)
    assert params[-1].grad is None


def test_clipping_scales_all_gradients_together():
    a, b, _ = params = with_gradients(np.array([3.0], np.float32), np.array([[4.0]], np.float32))
    assert clip_grad_norm_(params, 10.0) == 5
    assert (a.grad.item(), b.grad.item()) == (3, 4)
    assert clip_grad_norm_(params, 1.0) == 5
    np.testing.assert_allclose([a.grad.item(), b.grad.item()], [0.6, 0.8], rtol=1e-5)
    assert a.grad.dtype == np.float32
    assert clip_grad_norm_(b, 0.08) == pytest.approx(0.8, rel=1e-5)  # a single Tensor
    assert b.grad.item() == pytest.approx(0.08, rel=1e-4)
    assert clip_grad_norm_(with_gradients(np.zeros(3)), 1.0) == 0


def test_clipping_does_not_hide_a_nan():
    good, bad = (tensor([1.0], requires_grad=True) for _ in range(2))
    (good * 2 + bad * float("nan")).sum().backward()
    assert math.isnan(clip_grad_norm_([good, bad], 1.0))
    assert np.isnan(good.grad.item())  # every gradient is scaled by the norm, as in PyTorch


def test_the_norm_is_a_tensor_and_a_number():
    norm = clip_grad_norm_(with_gradients(np.array([3.0, 4.0], np.float32)), 1.0)
    assert isinstance(norm, Tensor)
    assert (norm.item(), float(norm), f"{norm:.2f}", norm.dtype, norm.shape) == (5, 5, "5.00", np.float32, ())
    assert clip_grad_norm_([nn.Parameter([1.0])], 1.0) == 0  # no gradient at all


@pytest.mark.parametrize("most", [-1, math.nan])
def test_a_wrong_norm_is_named(most):
    with pytest.raises(ValueError, match=f"max_norm must be at least 0, not {most}"):
        clip_grad_norm_([nn.Parameter([1.0])], most)


def test_a_norm_that_overflows_is_a_value_and_no_warning():
    a = tensor([0.0, 0.0], requires_grad=True)
    a.grad = tensor([1e30, np.inf])
    with np.errstate(all="raise"):
        norm = clip_grad_norm_(a, 1.0)
    assert norm.item() == np.inf
    np.testing.assert_array_equal(a.grad, [0, np.nan])


MUTANTS = {
    "nn.utils:clip_grad_norm_": [
        ("a norm of inf is a warning", '@np.errstate(all="ignore")', "@np.errstate()"),
        (
            "every gradient by its own norm",
            "scale = max_norm / (norm + 1e-6)",
            "scale = max_norm / (norm + 1e-6) / len(params)",
        ),
        ("a nan is left out of the others", "if not scale >= 1:", "if scale < 1:"),
    ],
}
