"""Modules: what they find, save, load and show."""

import copy
import threading
import time
from collections import OrderedDict

import numpy as np
import pytest

import tinyunet
import tinyunet.functional as F
from tinyunet import Tensor, nn, no_grad, optim, tensor


class Net(nn.Module):
    def __init__(self):
        self.head = nn.Linear(2, 2, rng=0)
        self.scale = nn.Parameter(3.0)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(1, 1, 1, rng=1), nn.BatchNorm2d(1)), nn.Dropout()])
        self.tied = self.head
        self.words = "not a module"


NAMES = ["scale", "head.weight", "head.bias", "blocks.0.0.weight", "blocks.0.0.bias", "blocks.0.1.weight"]
NAMES += ["blocks.0.1.bias"]
STATISTICS = ["blocks.0.1.running_mean", "blocks.0.1.running_var", "blocks.0.1.num_batches_tracked"]


def test_parameters_are_found_by_name_and_listed_once():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert all(isinstance(p, nn.Parameter) for p in net.parameters())
    assert list(net.state_dict()) == [*NAMES, *STATISTICS, "tied.weight", "tied.bias"]
    assert [name for name, _ in net.named_children()] == ["head", "blocks"]  # tied is head again
    assert [n for n, _ in net.named_modules()][:5] == ["", "head", "blocks", "blocks.0", "blocks.0.0"]


@pytest.mark.torch
def test_names_and_their_order_are_those_of_pytorch():
    import torch

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            t = torch.nn
            self.head = t.Linear(2, 2)
            self.scale = t.Parameter(torch.tensor(3.0))
            self.blocks = t.ModuleList([t.Sequential(t.Conv2d(1, 1, 1), t.BatchNorm2d(1)), t.Dropout()])
            self.tied = self.head

    own, theirs = Net(), Theirs()
    assert list(own.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in own.named_parameters()] == [n for n, _ in theirs.named_parameters()]


class Remembering(nn.Module):
    """It remembers an activation, has a buffer that is saved, one that is not, and one that is None."""

    def __init__(self, nn, tensor):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("mean", tensor(np.zeros(2)))
        self.register_buffer("table", tensor(np.arange(3.0)), persistent=False)
        self.register_buffer("absent", None)
        self.constant = tensor(np.ones(1))

    def forward(self, x):
        self.features = self.layer(x)
        self.mean = self.mean + 1  # takes the place of the buffer
        return self.features


@pytest.mark.torch
def test_what_is_merely_remembered_is_no_buffer():
    import torch

    class Theirs(torch.nn.Module):
        __init__, forward = Remembering.__init__, Remembering.forward

    Theirs.__init__.__closure__[0].cell_contents = Theirs  # what super() in it means
    theirs = Theirs(torch.nn, torch.tensor)
    Theirs.__init__.__closure__[0].cell_contents = Remembering
    own = Remembering(nn, tensor)
    own(np.ones((1, 2), np.float32))
    theirs(torch.ones(1, 2))
    assert list(own.state_dict()) == list(theirs.state_dict()) == ["mean", "layer.weight", "layer.bias"]
    for names in ("named_parameters", "named_buffers", "named_children", "named_modules"):
        assert [name for name, _ in getattr(own, names)()] == [name for name, _ in getattr(theirs, names)()], names
    fresh = Remembering(nn, tensor)
    fresh.load_state_dict(own.state_dict())
    np.testing.assert_array_equal(fresh.mean, [1, 1])
    own.to(np.float32)
    assert [b.dtype for b in own.buffers()] == [np.float32] * 2
    assert own.constant.dtype == np.float64


def test_a_buffer_needs_a_name_of_its_own():
    module = nn.Linear(2, 2)
    module.register_buffer("steps", None)
    module.register_buffer("steps", tensor([1.0]))  # again
    for error, name, value, message in (
        (KeyError, "", tensor([1.0]), "must not be empty or have a dot"),
        (KeyError, "a.b", tensor([1.0]), "'a.b' must not be empty or have a dot"),
        (KeyError, "weight", tensor([1.0]), "there is an attribute 'weight' already"),
        (KeyError, "forward", tensor([1.0]), "there is an attribute 'forward' already"),
        (TypeError, 3, tensor([1.0]), "the name must be a text, not 3"),
        (TypeError, "mean", np.ones(1), "'mean' must be a Tensor or None, not ndarray"),
    ):
        with pytest.raises(error, match=message):
            module.register_buffer(name, value)
    assert list(module.state_dict()) == ["weight", "bias", "steps"]


def test_modules_and_parameters_by_names_that_are_made_up():
    net = nn.Module()
    net.add_module("block1", nn.ReLU())
    net.register_parameter("scale", nn.Parameter(1.0))
    net.register_parameter("bias", None)
    assert [name for name, _ in net.named_children()] == ["block1"]
    assert [name for name, _ in net.named_parameters()] == ["scale"]
    for call in (
        lambda: net.add_module("scale", nn.ReLU()),
        lambda: net.register_parameter("block1", nn.Parameter(1.0)),
    ):
        with pytest.raises(KeyError, match="there is an attribute"):
            call()
    with pytest.raises(TypeError, match="'shift' must be a Parameter or None, not Tensor"):
        net.register_parameter("shift", tensor(1.0))


def test_apply_reaches_every_module_once_and_the_whole_last():
    net, seen = Net(), []
    assert net.apply(seen.append) is net
    assert seen == [net.head, *net.blocks[0], net.blocks[0], net.blocks[1], net.blocks, net]
    assert list(net.modules()) == [net, net.head, net.blocks, net.blocks[0], *net.blocks[0], net.blocks[1]]
    assert list(net.children()) == [net.head, net.blocks]


def test_freezing_and_forgetting():
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    net.requires_grad_()
    (net.scale * 2.0).backward()
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.item() == 0
    assert net.head.weight.grad is None
    net.zero_grad()
    assert net.scale.grad is None


def test_to_takes_devices_and_dtypes_in_any_order():
    net = Net()
    for same in (net.cpu(), net.to("cpu"), net.to(tinyunet.device("cpu")), net.float()):
        assert same is net
        assert net.scale.dtype == np.float32
    assert net.to("cpu", tinyunet.float64).scale.dtype == np.float64
    assert net.to(device="cpu", dtype=tinyunet.float32, non_blocking=True).scale.dtype == np.float32
    assert net.double().scale.dtype == np.float64
    assert net.to(tensor([1.0])).scale.dtype == np.float32
    with pytest.raises(ValueError, match="CPU alone, so there is no 'cuda:0'"):
        net.to("cuda:0")


def test_a_state_dict_is_a_copy():
    net = Net()
    state = net.state_dict()
    state["scale"][...] = 0
    assert net.scale.item() == 3
    (net.scale * 1.0).backward()
    optim.SGD([net.scale], lr=1.0).step()
    assert net.scale.item() == 2
    assert state["scale"] == 0


def test_names_that_do_not_match_are_all_listed_and_nothing_changes():
    net, state = Net(), {k: v + 1 for k, v in Net().state_dict().items()}
    before = net.state_dict()
    del state["scale"], state["head.bias"]
    state |= {"more": np.ones(1), "module.scale": np.ones(())}
    with pytest.raises(KeyError, match=r"Net .*missing: scale, head\.bias; unexpected: more, module\.scale"):
        net.load_state_dict(state)
    with pytest.raises(KeyError, match="missing: scale; unexpected: none"):
        net.load_state_dict({k: v for k, v in before.items() if k != "scale"})
    with pytest.raises(KeyError, match="missing: none; unexpected: more"):
        net.load_state_dict(before | {"more": np.ones(1)})
    wrong = {**before, "head.weight": np.ones((3, 2)), "scale": np.ones(1), "head.bias": before["head.bias"] + 1}
    with pytest.raises(
        ValueError, match=r"scale is \(1,\) and should be \(\); head\.weight is \(3, 2\) and should be \("
    ):
        net.load_state_dict(wrong)
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    net.load_state_dict(state, strict=False)
    np.testing.assert_array_equal(net.blocks[0][0].weight, before["blocks.0.0.weight"] + 1)
    assert net.scale.item() == 3


def test_loading_writes_into_the_same_parameters():
    net = Net()
    params = list(net.parameters())
    net.load_state_dict({k: (v * 0 + 2).astype(np.float64) for k, v in net.state_dict().items()})
    assert all(a is b for a, b in zip(params, net.parameters(), strict=True))
    assert all(p.dtype == np.float32 and (p.numpy() == 2).all() for p in params)
    net.load_state_dict({k: Tensor(v) for k, v in net.state_dict().items()})


def test_train_eval_and_zero_grad_reach_every_module():
    net = Net()
    assert all(m.training for _, m in net.named_modules())
    assert net.eval() is net
    assert not any(m.training for _, m in net.named_modules())
    assert net.train() is net
    assert all(m.training for _, m in net.named_modules())
    (net.scale * 2.0).backward()
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to_converts_in_place():
    net = Net()
    optimizer = optim.SGD(net.parameters(), lr=0.5)
    (net.scale * 2.0).backward()
    assert net.to(np.float64) is net
    kinds = {k: v.dtype for k, v in net.state_dict().items()}
    assert kinds.pop("blocks.0.1.num_batches_tracked") == np.int64
    assert set(kinds.values()) == {np.dtype(np.float64)}
    assert net.tied.weight is net.head.weight
    assert net.scale.requires_grad
    assert net.scale.grad.dtype == np.float64
    optimizer.step()  # the optimizer has the same Parameters
    assert net.scale.item() == 2
    with pytest.raises(ValueError, match="read-only"):
        net.scale.numpy()[...] = 1
    with pytest.raises(TypeError, match="weights are floating point, they cannot be int64"):
        net.to(np.int64)


def test_a_deep_copy_learns_by_itself():
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.tied.weight is twin.head.weight
    (twin.scale * 2.0).backward()
    optim.SGD(twin.parameters(), lr=1.0).step()
    assert (net.scale.item(), twin.scale.item()) == (3, 1)
    assert net.scale.grad is None


def test_containers():
    linear, relu = nn.Linear(2, 2, rng=0), nn.ReLU()
    model = nn.Sequential(linear, relu)
    x = tensor([[1.0, -1.0]])
    np.testing.assert_array_equal(model(x), F.relu(F.linear(x, linear.weight, linear.bias)))
    assert nn.Sequential()(x) is x
    modules = nn.ModuleList(m for m in (linear,))
    modules.append(relu)
    for container in (model, modules):
        assert len(container) == 2
        assert list(container) == [linear, relu]
        assert container[0] is linear
        assert container[-1] is relu
        with pytest.raises(IndexError):
            container[2]
    assert isinstance(model[:1], nn.Sequential)
    assert isinstance(modules[1:], nn.ModuleList)
    assert [*model[:1], *modules[1:]] == [linear, relu]
    assert model.append(linear) is model
    assert modules.extend([linear]) is modules
    model[1] = nn.Tanh()
    assert [type(m).__name__ for m in model] == ["Linear", "Tanh", "Linear"]  # one that is used twice is there twice
    np.testing.assert_array_equal(model(x), linear(linear(x).tanh()))
    named = nn.Sequential(OrderedDict(first=linear, then=relu))
    assert [name for name, _ in named.named_children()] == ["first", "then"]
    np.testing.assert_array_equal(named(x), linear(x).relu())
    model, modules = nn.Sequential(linear, relu), nn.ModuleList([linear, relu])
    with pytest.raises(TypeError, match="Sequential: element 1 is not a Module but <function relu"):
        nn.Sequential(linear, F.relu)
    with pytest.raises(TypeError, match="ModuleList: element 2 is not a Module but 3"):
        modules.append(3)
    with pytest.raises(NotImplementedError, match="ModuleList does not define forward"):
        modules(x)


def test_a_module_without_recording():
    model = nn.Linear(2, 1, rng=0)
    with no_grad():
        assert not model(np.ones((1, 2), np.float32)).requires_grad
    assert model(np.ones((1, 2), np.float32)).requires_grad


def test_evaluating_changes_nothing_and_gives_back_every_mode():
    frozen = nn.BatchNorm2d(2).eval()
    model = nn.Sequential(nn.BatchNorm2d(2), frozen, nn.Dropout(0.5, rng=0))
    before, x = model.state_dict(), np.random.default_rng(0).standard_normal((2, 2, 4, 4)).astype(np.float32)

    def modes():
        return [module.training for _, module in model.named_modules()]

    with model.evaluating():
        assert modes() == [False] * 4
        assert not model(x).requires_grad
    with pytest.raises(ZeroDivisionError), model.evaluating():
        raise ZeroDivisionError
    assert modes() == [True, True, False, True]
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert model(x).requires_grad


def test_weights_that_are_loaded_while_others_evaluate_stay():
    norm, end = nn.BatchNorm2d(4).eval(), threading.Event()
    x, weights = np.zeros((2, 4, 8, 8), np.float32), norm.state_dict()

    def evaluate():
        while not end.is_set():
            norm(x)

    thread = threading.Thread(target=evaluate)
    thread.start()
    try:
        for i in range(200):
            norm.load_state_dict({**weights, "running_mean": np.full(4, i, np.float32)})
            time.sleep(1e-5)
            assert norm.running_mean.numpy()[0] == i
    finally:
        end.set()
        thread.join()


def test_a_module_needs_a_forward():
    with pytest.raises(NotImplementedError, match="Module does not define forward"):
        nn.Module()(1)


def test_repr_shows_the_tree():
    assert repr(nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Sequential(nn.BatchNorm2d(2)))) == (
        "Sequential(\n"
        "  (0): Conv2d(1, 2, kernel_size=(3, 3), stride=2, padding=1)\n"
        "  (1): Sequential(\n"
        "    (0): BatchNorm2d(2)\n"
        "  )\n"
        ")"
    )


def test_what_is_learned_or_saved_is_replaced_by_its_like_alone():
    layer = nn.BatchNorm2d(2)
    for name, value in (("weight", tensor([1.0, 2.0])), ("weight", 5), ("running_mean", np.zeros(2))):
        with pytest.raises(TypeError, match=rf"{name} is a \w+ of the module and cannot become a .*{name}.data = "):
            setattr(layer, name, value)
    layer.running_mean, layer.weight, layer.bias = tensor([1.0, 2.0]), nn.Parameter([3.0, 4.0]), None
    assert list(layer.state_dict()) == ["weight", "running_mean", "running_var", "num_batches_tracked"]
    np.testing.assert_array_equal(layer.state_dict()["running_mean"], [1, 2])
    del layer.running_mean, layer.weight
    layer.running_mean = layer.weight = tensor([1.0, 2.0])  # from now on only remembered
    assert list(layer.state_dict()) == ["running_var", "num_batches_tracked"]


MUTANTS = {
    "nn.module:Module.__setattr__": [
        ("a weight silently stops to learn", "isinstance(value, kind | None)", "isinstance(value, Tensor | None)"),
        ("a buffer becomes anything", 'name in vars(self).get("_persistent", ())', "False"),
    ],
    "nn.module:Module.__delattr__": [
        ("a buffer that is deleted comes back", ".pop(name, None)", ".get(name)"),
    ],
    "nn.module:Module.load_state_dict": [
        (
            "load_state_dict lets unexpected names pass",
            "if strict and (missing or unexpected)",
            "if strict and missing",
        ),
    ],
    "nn.module:Module._kept": [
        (
            "what is remembered is a buffer",
            "names += [name for name in buffers if name in tensors and",
            "names += [name for name in tensors if name not in buffers or",
        ),
        ("buffers that are not saved are", "(buffers[name] or not persistent)", "True"),
    ],
    "nn.module:Module.apply": [
        ("apply begins with the whole", "        fn(self)\n        return self", "        return self"),
    ],
    "nn.module:Module.named_modules": [
        ("a module is listed as often as it is used", "_each_once(self._places())", "self._places()"),
    ],
    "nn.module:Module.train": [
        ("eval does not reach the layers", "module.training = mode", "self.training = mode"),
    ],
    "nn.module:Module.evaluating": [
        ("everything trains afterwards", "module.training = training", "module.training = True"),
        ("evaluation is recorded", "with no_grad():", "if True:"),
        ("evaluation is training", "self.eval()", "pass"),
    ],
}
