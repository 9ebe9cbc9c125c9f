"""Muon: PyTorch's steps on matrices, the same in every direction, and AdamW's on everything else."""

import inspect

import numpy as np
import pytest

from tinyunet import nn, optim, tensor
from tinyunet.optim.muon import orthogonal

SHAPES = (6, 4), (4, 6), (5, 5)
SETTINGS = [
    {},
    {"weight_decay": 0.3, "momentum": 0.5},
    {"nesterov": False},
    {"adjust_lr_fn": "match_rms_adamw"},
    {"adjust_lr_fn": "original", "ns_steps": 3, "ns_coefficients": (3.0, -3.2, 1.2)},
]
settings = pytest.mark.parametrize("kwargs", SETTINGS, ids=["-".join(k) for k in SETTINGS])


def problem(steps=8, shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes], [[rng.normal(size=s) for s in shapes] for _ in range(steps)]


def moved(weights, gradients, **kwargs):
    """The parameters after these steps."""
    params = [nn.Parameter(w) for w in weights]
    optimizer = optim.Muon(params, lr=0.05, **kwargs)
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = None if g is None else tensor(g)
        optimizer.step()
    return [p.numpy() for p in params]


@pytest.mark.torch
@settings
def test_steps_are_those_of_pytorch(kwargs, monkeypatch):
    """Which computes with 16 bits between; here it is made to compute with 64."""
    import torch

    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    weights, gradients = problem()
    params = [torch.tensor(w, requires_grad=True) for w in weights]
    optimizer = torch.optim.Muon(params, lr=0.05, **kwargs)
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = torch.tensor(g)
        optimizer.step()
    for own, theirs in zip(moved(weights, gradients, **kwargs), params, strict=True):
        np.testing.assert_allclose(own, theirs.detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.torch
def test_defaults_are_those_of_pytorch():
    import torch

    theirs = inspect.signature(torch.optim.Muon).parameters
    own = {key: p.default for key, p in inspect.signature(optim.Muon).parameters.items() if key != "betas"}
    assert own == {key: p.default for key, p in theirs.items()}


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5), (1, 3), (3, 1)])
def test_the_directions_stay_and_their_lengths_become_alike(shape):
    matrix = np.random.default_rng(1).normal(size=shape)
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    fast = orthogonal(matrix, 5, (3.4445, -4.775, 2.0315), 1e-7)
    lengths = u.T @ fast @ vt.T
    assert lengths == pytest.approx(np.diag(np.diag(lengths)), abs=1e-9)
    assert np.all((np.diag(lengths) > 0.6) & (np.diag(lengths) < 1.3))
    # (15·σ − 10·σ³ + 3·σ⁵)/8 has the slope 0 at 1: slower, and it comes to 1
    assert orthogonal(matrix, 30, (1.875, -1.25, 0.375), 1e-7) == pytest.approx(u @ vt, abs=1e-9)
    assert orthogonal(1e-3 * matrix, 5, (3.4445, -4.775, 2.0315), 1e-7) == pytest.approx(fast)  # of any length


def test_no_gradient_is_no_step():
    assert not orthogonal(np.zeros((3, 2)), 5, (3.4445, -4.775, 2.0315), 1e-7).any()
    (w,) = moved([np.ones((2, 2))], [[np.zeros((2, 2))]], weight_decay=0)
    assert np.array_equal(w, np.ones((2, 2)))
    weights, gradients = problem(2)
    (w, *_) = moved(weights, [[None, *gradients[0][1:]]])
    assert np.array_equal(w, weights[0])


def test_a_kernel_moves_as_the_matrix_of_its_filters():
    kernels, gradients = problem(4, [(5, 3, 2, 2)])
    (as_kernel,) = moved(kernels, gradients)
    (as_matrix,) = moved([w.reshape(5, 12) for w in kernels], [[g.reshape(5, 12) for g in step] for step in gradients])
    np.testing.assert_allclose(as_kernel.reshape(5, 12), as_matrix, rtol=1e-12)


def test_weights_of_a_layer_move_though_they_lie_otherwise_in_memory():
    layer = nn.Conv2d(3, 5, 2, rng=0)
    twin = nn.Parameter(np.ascontiguousarray(layer.weight.numpy()))
    assert not layer.weight.numpy().flags.c_contiguous
    rng = np.random.default_rng(2)
    optimizers = optim.Muon([layer.weight], lr=0.1), optim.Muon([twin], lr=0.1)
    for _ in range(3):
        layer.weight.grad = twin.grad = tensor(rng.normal(size=(5, 3, 2, 2)).astype(np.float32))
        for optimizer in optimizers:
            optimizer.step()
    np.testing.assert_allclose(layer.weight, twin, rtol=1e-4, atol=1e-6)


def test_what_is_no_matrix_moves_as_by_adamw():
    weights, gradients = problem(6, [(3,), (7,)])
    params = [nn.Parameter(w) for w in weights]
    adam = optim.AdamW(params, lr=0.05, weight_decay=0.2, eps=1e-7, betas=(0.8, 0.95))
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = tensor(g)
        adam.step()
    for own, theirs in zip(moved(weights, gradients, weight_decay=0.2, betas=(0.8, 0.95)), params, strict=True):
        np.testing.assert_array_equal(own, theirs)


def test_a_state_that_is_loaded_continues_bit_for_bit():
    weights, gradients = problem(8, [*SHAPES, (4,)])
    whole = moved(weights, gradients)
    params = [nn.Parameter(w) for w in weights]
    first = optim.Muon(params, lr=0.05)
    for step in gradients[:4]:
        for p, g in zip(params, step, strict=True):
            p.grad = tensor(g)
        first.step()
    twins = [nn.Parameter(p.numpy()) for p in params]
    second = optim.Muon(twins, lr=1.0)
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["adjust_lr_fn"] == "original"
    for step in gradients[4:]:
        for p, g in zip(twins, step, strict=True):
            p.grad = tensor(g)
        second.step()
    for own, reference in zip(twins, whole, strict=True):
        np.testing.assert_array_equal(own, reference)


def test_float32_stays_float32():
    w = nn.Parameter(np.ones((2, 3), np.float32))
    optimizer = optim.Muon([w])
    w.grad = tensor(np.ones((2, 3), np.float32))
    optimizer.step()
    assert w.dtype == np.float32
    assert optimizer.state_dict()["0.m"].dtype == np.float32


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({"lr": -1}, "learning rate must be at least 0"),
        ({"momentum": 1.0}, "momentum=1.0 must be in"),
        ({"ns_steps": 0}, "ns_steps=0 from 1 to 99"),
        ({"ns_coefficients": (1.0, 2.0)}, "three"),
        ({"adjust_lr_fn": "rms"}, "adjust_lr_fn is one of original, match_rms_adamw, not 'rms'"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1 not negative"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kwargs, told):
    with pytest.raises(ValueError, match=told):
        optim.Muon([nn.Parameter(np.ones((2, 2)))], **kwargs)


MUTANTS = {
    "optim.muon:Muon.update": [
        ("no momentum", "m *= mu", "m *= 0"),
        ("Nesterov always", 'if group["nesterov"] else m', "if True else m"),
        ("decay as large as the step", 'lr * group["weight_decay"]', 'size * group["weight_decay"]'),
        ("all shapes alike", 'lr * _SIZES[group["adjust_lr_fn"]](*matrix.shape)', "lr"),
        ("a filter is a column", "g.reshape(len(g), -1)", "g.reshape(-1, g.shape[-1])"),
    ],
    "optim.muon:orthogonal": [
        ("the length of the gradient counts", "matrix / max(", "matrix / min("),
        ("the fifth power forgotten", "c * (gram @ gram)", "c * gram"),
    ],
    "optim.optimizer:Optimizer.step": [
        ("a matrix in pieces", "if self.whole and w.ndim > 1:", "if False:"),
    ],
}
