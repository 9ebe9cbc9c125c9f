"""Whoever asks for what is left out of PyTorch is told so, and what to write instead."""

import copy
import doctest
import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tinyunet
from tinyunet import left_out, nn, optim, tensor

PLACES = {
    "tinyunet": tinyunet,
    "tinyunet.functional": tinyunet.functional,
    "tinyunet.nn": nn,
    "tinyunet.nn.functional": nn.functional,
    "tinyunet.optim": optim,
    "tinyunet.optim.lr_scheduler": optim.lr_scheduler,
    "tinyunet.utils.data": tinyunet.utils.data,
    "Tensor": tensor([1.0]),
    "Module": nn.Linear(1, 1),
}
ROOMS = {room for rooms in left_out.ROOMS.values() for room in rooms}


@pytest.mark.parametrize("name", left_out.INSTEAD)
def test_every_entry_is_told_where_it_is_asked_for(name):
    """Wherever PyTorch has it; a submodule of PyTorch's at its root."""
    places = [here for here, rooms in left_out.ROOMS.items() if any(name in left_out.names_of(r) for r in rooms)]
    lacking = [here for here in places or ["tinyunet"] if name not in dir(PLACES[here])]
    assert lacking, f"{name} is here"
    for here in lacking:
        with pytest.raises(AttributeError) as raised:
            getattr(PLACES[here], name)
        assert "left out of tinyunet on purpose" in str(raised.value)
        assert left_out.INSTEAD[name] in str(raised.value)


@pytest.mark.torch
def test_every_name_of_pytorchs_is_here_or_is_answered():
    import torch  # noqa: F401

    unknown, total = [], 0
    for here, rooms in left_out.ROOMS.items():
        for room in rooms:
            where, _, kind = room.rpartition(".")
            theirs = getattr(importlib.import_module(where), kind) if where else importlib.import_module(room)
            for name in (n for n in dir(theirs) if not n.startswith("_")):
                total += 1
                try:
                    getattr(PLACES[here], name)
                except AttributeError as error:
                    unknown += [f"{room}.{name}"] * ("left out of tinyunet on purpose" not in str(error))
    # submodules have come and gone between the versions
    assert len(unknown) < 0.02 * total, unknown


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_nobody_knows_is_the_usual_error(place):
    assert not hasattr(place, "nonsense")
    assert not hasattr(place, "_private")
    assert getattr(place, "cuda", None) is getattr(tinyunet, "cuda", 0) or not hasattr(place, "cuda")
    with pytest.raises(AttributeError, match=r"(module '.*'|'\w+' object) has no attribute 'nonsense'$") as raised:
        _ = place.nonsense
    assert raised.value.name == "nonsense"  # from which Python makes its suggestions


def test_the_error_of_a_subclass_names_it():
    class Net(nn.Module):
        pass

    with pytest.raises(AttributeError, match=r"Net has no 'register_forward_hook': .* instead: call the layers one by"):
        Net().register_forward_hook(print)
    with pytest.raises(AttributeError, match=r"Net has no 'share_memory': .*dir\(Net\) shows what"):
        Net().share_memory()
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'conv'"):
        _ = Net().conv


@pytest.mark.torch
def test_what_to_write_instead_is_what_pytorch_computes():
    import torch

    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    given = {"x": tensor(x), "tinyunet": tinyunet, "numpy": np, "where": tinyunet.where, "n": 4, "dim": 1}
    given |= {"m": tensor(x).max(1, keepdim=True).values, "index": tensor([[2, 0]], dtype=np.int64), "classes": 3}
    for name, part, theirs in (
        ("softplus", 0, torch.nn.functional.softplus(torch.tensor(x))),
        ("logsumexp", 0, torch.logsumexp(torch.tensor(x), 1, keepdim=True)),
        ("sort", 0, torch.sort(torch.tensor(x), 1).values),
        ("argsort", 0, torch.argsort(torch.tensor(x), 1)),
        ("prod", 0, torch.prod(torch.tensor(x), 0)),
        ("prod", 1, torch.prod(torch.tensor(x), -1)),
        ("flip", 1, torch.flip(torch.tensor(x), [-1])),
        ("eye", 0, torch.eye(4)),
        ("one_hot", 0, torch.nn.functional.one_hot(torch.tensor([[2, 0]]), 3) == 1),
    ):
        code = left_out.INSTEAD[name].split(", or ")[part].split(", m = ")[0].split(", then")[0].split(" for the ")[0]
        ours = np.asarray(eval(f"({code})", given))
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6, atol=1e-7, err_msg=name)
        assert ours.dtype == theirs.numpy().dtype, name
    huge = eval(left_out.INSTEAD["softplus"], given | {"x": tensor([-1e4, 1e4])})
    np.testing.assert_array_equal(huge, [0, 1e4])
    square = np.where(np.eye(4) == 1, np.inf, 1).astype(np.float32)
    for name in ("tril", "triu"):
        ours = eval(left_out.INSTEAD[name], given | {"x": tensor(square)}).numpy()
        np.testing.assert_array_equal(ours, getattr(np, name)(square), err_msg=name)
        assert ours.dtype == np.float32


def test_an_import_tells_it_too():
    for line, message in (
        ("from tinyunet.nn import LSTM", "tinyunet.nn has no 'LSTM': .* instead: a loop over the time steps"),
        ("from tinyunet.autograd import Variable", "tinyunet has no 'autograd': .* instead: loss.backward"),
        ("import tinyunet.jit", "tinyunet has no 'jit': .* instead: nothing: call the model itself"),
        ("from tinyunet import einsum", "tinyunet has no 'einsum': .* instead: a @ b"),
        ("from tinyunet.optim import RMSprop", "tinyunet.optim has no 'RMSprop': .* instead: Adam or SGD"),
        ("from tinyunet.optim.lr_scheduler import LambdaLR", "cannot import name 'LambdaLR'"),
        ("from tinyunet.nn import nonsense", "cannot import name 'nonsense'"),
        ("import tinyunet.nonsense", "No module named 'tinyunet.nonsense'"),
    ):
        with pytest.raises(ImportError, match=message):
            exec(line)


def test_second_derivatives_are_answered():
    x = tensor([1.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match=r"create_graph=True is left out on purpose: .* difference"):
        (x * x).backward(create_graph=True)


def test_who_looks_for_attributes_of_any_object_is_not_disturbed():
    x, model = tensor([1.0, 2.0]), nn.Sequential(nn.Linear(2, 1), nn.BatchNorm2d(1))
    for thing in (x, model):
        copy.copy(thing)
        for twin in (copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
            assert type(twin) is type(thing)
    assert doctest.DocTestFinder().find(tinyunet)
    np.testing.assert_array_equal(np.asarray([x.numpy(), np.asarray(x)]), [[1, 2], [1, 2]])
    assert not hasattr(x, "_repr_html_")
    assert not hasattr(x, "__array_interface__")
    assert "zeros" in dir(tinyunet)
    assert "einsum" not in dir(tinyunet)


def test_the_names_are_read_when_they_are_needed():
    code = """
import tinyunet
from tinyunet import left_out, nn
nn.Linear(2, 2)(tinyunet.zeros(1, 2)).sum().backward()
read = left_out.names_of.cache_info
print(read().currsize, hasattr(tinyunet.zeros(1), "_repr_html_"), read().currsize)
print(hasattr(tinyunet.zeros(1), "addcmul"), read().currsize)
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "0 False 0\nFalse 1\n"


def test_each_section_of_the_list_is_read():
    for room in ROOMS:
        assert len(left_out.names_of(room)) > 15, room
    assert "Linear" in left_out.names_of("torch.nn")
    assert "Linear" not in left_out.names_of("torch")


MUTANTS = {
    "left_out:answer": [
        ("private names are looked up", 'if name.startswith("_") or not', "if not"),
        ("only what has an advice is answered", "or any(name in names_of(room) for room in ROOMS[here])", ""),
    ],
    "left_out:error": [
        ("a name that nobody knows is PyTorch's", "if text is not None:", "if True:"),
    ],
    "left_out:_LeftOut.find_spec": [
        ("an import is not answered", "if here in ROOMS and", "if False and"),
    ],
}
