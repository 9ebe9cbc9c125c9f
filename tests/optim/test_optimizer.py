"""Optimizers: PyTorch's numbers over many steps, and states that continue bit for bit."""

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


@settings
def test_parameters_that_are_moved_together_move_as_each_alone(name, kwargs):
    shapes = [(2, 3), (), (70,), (3, 2, 4), (0, 2), (3, 4)]  # some small, two not, one joined in its own order
    together, alone = ([nn.Parameter(normal(k, *shape)) for k, shape in enumerate(shapes)] for _ in range(2))
    together[-1], alone[-1] = (tensor(normal(9, 4, 3)).permute(1, 0).detach().requires_grad_() for _ in range(2))
    together[0], alone[0] = (nn.Parameter(normal(8, 2, 3).astype(np.float32)) for _ in range(2))
    own = getattr(optim, name)
    one, others = own(together, **kwargs), [own([p], **kwargs) for p in alone]
    one.SMALL = 20
    for other in others:
        other.SMALL = 0
    for step in range(4):
        for k, (p, q) in enumerate(zip(together, alone, strict=True)):
            late = k == 1 and step < 2  # its first step comes later than those of the others
            p.grad = q.grad = None if late else tensor(normal(10 * step + k, *p.shape), dtype=p.dtype)
        one.step()
        for other in others:
            other.step()
    for p, q in zip(together, alone, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    for state, other in zip(one.state, others, strict=True):
        assert state.keys() == other.state[0].keys()
        for slot, array in state.items():
            np.testing.assert_array_equal(array, other.state[0][slot])


# Groups


def grouped(optim, w, b, name, **kwargs):
    """A group that says its own settings, and one that has those of the optimizer."""
    groups = [{"params": [w], "lr": 0.02, "weight_decay": 0.3}, {"params": b}]
    return getattr(optim, name)(groups, lr=0.05, **kwargs)


@pytest.mark.torch
@pytest.mark.parametrize(("name", "kwargs"), [("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {})])
def test_groups_move_by_their_own_settings_also_by_those_that_change(name, kwargs):
    import torch

    results = []
    for library, as_leaf in ((optim, nn.Parameter), (torch.optim, lambda a: torch.tensor(a, requires_grad=True))):
        w, b, xs = problem()
        w, b = as_leaf(w), as_leaf(b)
        optimizer = grouped(library, w, b, name, **kwargs)
        for i in range(STEPS):
            optimizer.zero_grad(set_to_none=i % 2 == 0)
            loss(F if library is optim else torch, w, b, xs[i] if library is optim else torch.tensor(xs[i])).backward()
            optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] *= 0.9
                group["weight_decay"] += 0.01
        results.append([np.asarray(p.detach()) for p in (w, b)])
    for own, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-10, atol=1e-12)


def test_settings_of_groups_are_saved_and_continue_bit_for_bit():
    w, b, _ = problem()
    params = nn.Parameter(w), nn.Parameter(b)
    optimizer = grouped(optim, *params, "Adam")
    optimizer.param_groups[1]["betas"] = (0.5, 0.9)
    trained(None, None, range(5), params, optimizer)
    twins = [nn.Parameter(p.numpy()) for p in params]
    resumed = optim.Adam([{"params": [twins[0]]}, {"params": twins[1]}], lr=123)
    resumed.load_state_dict(optimizer.state_dict())
    assert [{k: v for k, v in g.items() if k != "params"} for g in resumed.param_groups] == [
        {k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups
    ]
    trained(None, None, range(5, 9), params, optimizer)
    trained(None, None, range(5, 9), twins, resumed)
    for own, reference in zip(twins, params, strict=True):
        np.testing.assert_array_equal(own, reference)
    with pytest.raises(ValueError, match=r"does not match in .*groups\.0\.betas"):
        optimizer.load_state_dict(optim.SGD(params).state_dict())


def test_gradients_of_zero_are_not_gradients_of_none():
    w = nn.Parameter([1.0])
    optimizer = optim.SGD([w], lr=1.0, momentum=0.5)
    w.grad = tensor([1.0])
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0]
    optimizer.step()
    assert w.tolist() == [-0.5]  # it goes on by its momentum
    optimizer.zero_grad()
    optimizer.step()
    assert w.tolist() == [-0.5]


def test_the_rate_of_an_optimizer_is_that_of_its_groups():
    optimizer = optim.SGD([{"params": [nn.Parameter([1.0])], "lr": 0.5}, {"params": [nn.Parameter([1.0])]}], lr=0.1)
    assert (optimizer.lr, [group["lr"] for group in optimizer.param_groups]) == (0.5, [0.5, 0.1])
    optimizer.lr = 0.2
    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2]
    optimizer.add_param_group({"params": nn.Parameter([1.0])})
    assert optimizer.param_groups[2]["lr"] == 0.1
    assert len(optimizer.params) == 3


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
        (lambda: optim.SGD([{"lr": 1}]), TypeError, "a group must be .* not {'lr': 1}"),
        (lambda: optim.SGD([{"params": W}, *W]), TypeError, "a group must be .* not tensor"),
        (lambda: optim.SGD([{"params": ["w"]}]), TypeError, "SGD: params must be a list of Tensors"),
        (lambda: optim.SGD([{"params": W}, {"params": W[0]}]), ValueError, "each once"),
        (lambda: optim.SGD([{"params": W, "betas": 1}]), ValueError, "a group has betas, but the settings are lr, mom"),
        (lambda: optim.SGD([{"params": W, "lr": -1}]), ValueError, "learning rate must be at least 0, not -1"),
        (lambda: optim.SGD([{"params": W, "momentum": 0.9}]), ValueError, "a group can have momentum if"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(("setting", "value"), [("lr", -1.0), ("momentum", 0.9), ("weight_decay", -0.1)])
def test_a_setting_that_is_changed_later_is_checked_before_anything_moves(setting, value):
    w = tensor([1.0], requires_grad=True)
    w.grad = tensor([1.0])
    optimizer = optim.SGD([{"params": [w]}, {"params": [tensor([1.0], requires_grad=True)]}], lr=0.1)
    optimizer.param_groups[1][setting] = value
    with pytest.raises(ValueError, match="SGD: "):
        optimizer.step()
    assert (w.item(), optimizer.steps) == (1, 0)


MUTANTS = {
    "optim.optimizer:_flat": [
        ("the order of what may run backwards in memory", "-first.strides[axis]", "-arrays[1].strides[axis]"),
    ],
    "optim.optimizer:Optimizer._move_joined": [
        ("all are cut from the beginning", "begin, end = end, end + len(mine)", "begin, end = 0, len(mine)"),
        ("the state is not given back", "(mine, *mine_of_state)", "(mine,)"),
    ],
    "optim.optimizer:Adam.update": [
        ("Adam without bias correction", "1 - b1**t", "1"),
        ("Adam: epsilon under the root's correction", 'move += c * group["eps"]', 'move += group["eps"]'),
        ("Adam: variance without bias correction", "move *= lr * c /", "move *= lr /"),
    ],
    "optim.optimizer:SGD.update": [
        ("Nesterov is plain momentum", 'g + momentum * v if group["nesterov"] else v', "v"),
        ("dampening at the first step", "g if t > 1 else g", "g"),
    ],
    "optim.optimizer:AdamW": [
        ("AdamW decays through the gradient", "decoupled = True", "decoupled = False"),
    ],
    "optim.optimizer:Optimizer.add_param_group": [
        ("a group has the optimizer's settings alone", "param_group.get(key, default)", "default"),
    ],
    "optim.optimizer:Optimizer.step": [
        ("all are joined as if in the same step", "(t, w.dtype)", "(self.steps, w.dtype)"),
        ("dtypes are joined", "(t, w.dtype)", "(t, 0)"),
        ("settings are checked only once", "self.check(**{key: group[key] for key in self.defaults})", "pass"),
        ("every group begins with the first states", 'group["params"], states', 'group["params"], self.state'),
    ],
    "optim.optimizer:Optimizer.load_state_dict": [
        ("settings are not loaded", "in self._numbers", "in ()"),
    ],
    "nn.module:forget_gradients": [
        ("zero means none", "if set_to_none or p.grad is None", "if True"),
    ],
}
