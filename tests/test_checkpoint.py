"""What a training remembers is found, written and put back."""

import json
import struct
import types
from dataclasses import dataclass, field

import numpy as np
import pytest

import tinyunet
from tinyunet import nn, tensor
from tinyunet.checkpoint import about, load, load_arrays, remembered, save, save_arrays


def test_arrays_come_back_as_they_went(tmp_path):
    arrays = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "scalar": np.asarray(3),
        "flag": np.asarray(True),
        "empty": np.zeros((0, 2), np.float32),
    }
    save_arrays(tmp_path / "a.safetensors", arrays, {"n": 2**100, "x": [1, None]})
    back, about = load_arrays(tmp_path / "a.safetensors")
    assert about == {"n": 2**100, "x": [1, None]}
    for name, a in arrays.items():
        assert back[name].dtype == a.dtype
        np.testing.assert_array_equal(back[name], a)
        assert back[name].shape == a.shape


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors: this is not a whole file of tinyunet weights"):
        load_arrays(tmp_path / "a.safetensors")


def test_about_is_read_without_the_arrays(tmp_path):
    save_arrays(tmp_path / "a.safetensors", {"x": np.zeros(3)}, {"step": 7})
    assert about(tmp_path / "a.safetensors") == {"step": 7}
    (tmp_path / "a.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"a\.safetensors: this is not a whole file"):
        about(tmp_path / "a.safetensors")


def test_numbers_that_numpy_lacks_are_named(tmp_path):
    header = json.dumps(
        {"__metadata__": {"about": "null"}, "x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    )
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    with pytest.raises(ValueError, match=r"a\.safetensors: holds BF16 numbers, .*save it as float32"):
        load_arrays(tmp_path / "a.safetensors")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.safetensors: there is no such file"):
        load_arrays(tmp_path / "a.safetensors")


def test_values_come_back_as_they_went(tmp_path):
    model = nn.BatchNorm2d(2)
    optimizer = tinyunet.optim.Adam(model.parameters())
    values = {"epoch": 3, "loss": tensor(0.5), "model": model.state_dict(), "note": None, "scores": [1.5, "good"]}
    tinyunet.save({**values, "optimizer": optimizer.state_dict()}, tmp_path / "a.pt")
    back = tinyunet.load(tmp_path / "a.pt", map_location=tinyunet.device("cpu"))
    assert [back[key] for key in ("epoch", "loss", "note", "scores")] == [3, 0.5, None, [1.5, "good"]]
    nn.BatchNorm2d(2).load_state_dict(back["model"])
    optimizer.load_state_dict(back["optimizer"])
    tinyunet.save(np.ones(2), tmp_path / "b.pt")
    assert tinyunet.load(tmp_path / "b.pt").tolist() == [1, 1]
    for wrong, what in (
        (model, "this is BatchNorm2d"),
        ({"a": [model]}, "a/0 is BatchNorm2d"),
        ({1: 2}, "this is dict"),
    ):
        with pytest.raises(TypeError, match=rf"save: {what}; .*save model\.state_dict\(\), not the model"):
            tinyunet.save(wrong, tmp_path / "c.pt")
    with pytest.raises(ValueError, match="there is no 'cuda'"):
        tinyunet.load(tmp_path / "b.pt", map_location="cuda")


# What is found


class Memory:
    """Anything that saves and restores itself; `inside` it is for nobody else to save."""

    def __init__(self, inside=None, **state):
        self.inside, self.state = inside, state

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        if "refuse" in self.state:
            raise ValueError("not mine")
        self.state = state


@dataclass
class Holder:
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    others: list = field(default_factory=list)

    def draw(self):
        return self.rng.random()


def paths(**things):
    return list(remembered(things))


def test_attributes_and_elements_are_looked_at_as_deep_as_they_are():
    deep = Holder(others=[{"a": (1, "b", Holder())}, np.ones(3), Memory()])
    assert paths(loss=deep, nothing=None) == ["loss.rng", "loss.others.0.a.2.rng", "loss.others.2"]
    assert paths(loss=deep.draw, f=lambda: deep) == ["loss.rng", "loss.others.0.a.2.rng", "loss.others.2"]


def test_a_memory_answers_for_what_is_inside():
    assert paths(average=Memory(inside=[Holder(), nn.Linear(1, 1)])) == ["average"]


def test_a_module_answers_for_its_modules_and_parameters_alone():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Sequential(nn.BatchNorm2d(1)))
    model.notes, model.rows = Memory(), [nn.Linear(1, 1)]  # neither is in its state_dict
    assert paths(model=model) == ["model", "model.1.rng", "model.notes", "model.rows.0"]


def test_what_is_found_twice_counts_once_and_circles_end():
    rng = np.random.default_rng(0)
    first, second = Holder(rng), Holder(rng)
    first.others, second.others = [second], [first]
    model = nn.Sequential(nn.Dropout(0.5, rng=rng))
    assert paths(model=model, loss=first, part=model[0]) == ["model", "model.0.rng"]


def test_classes_and_python_modules_are_not_looked_at():
    class Kind:
        rng = np.random.default_rng(0)

    module = types.ModuleType("somewhere")
    module.rng = np.random.default_rng(0)
    holder = types.SimpleNamespace(kind=Kind, module=module)
    assert paths(holder=holder) == []


# What is written and put back


def test_states_and_progress_come_back_as_they_went(tmp_path):
    state = {
        "a.b": np.arange(3, dtype=np.uint16),
        "a": {"b": np.float32(0.1), "text": "ü", "none": None},
        "list": [1, [np.zeros((0, 2))], 2**127, float("inf")],
        "empty": {},
    }
    save(tmp_path / "c.safetensors", {"m": Memory(**state)}, {"step": 7, "pairs": [(1, {"dice": 0.1})]})
    memory = Memory()
    assert load(tmp_path / "c.safetensors", {"m": memory}) == {"step": 7, "pairs": [[1, {"dice": 0.1}]]}
    back = memory.state
    assert list(back) == list(state)
    for a, b in (
        (back["a.b"], state["a.b"]),
        (back["a"]["b"], state["a"]["b"]),
        (back["list"][1][0], np.zeros((0, 2))),
    ):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
    assert back["a"]["text"] == "ü"
    assert back["a"]["none"] is None
    assert back["list"][2:] == [2**127, float("inf")]
    assert back["empty"] == {}


def test_when_one_state_does_not_fit_the_others_are_put_back(tmp_path):
    file = tmp_path / "c.safetensors"
    save(file, {"first": Memory(x=1), "rng": np.random.default_rng(0), "last": Memory()}, {})
    first, rng = Memory(x=2), np.random.default_rng(1)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match="not mine"):
        load(file, {"first": first, "rng": rng, "last": Memory(refuse=True)})
    assert first.state == {"x": 2}
    assert rng.bit_generator.state == before


def test_other_things_are_named(tmp_path):
    save(tmp_path / "c.safetensors", {"a": Memory(), "b": Memory()}, {})
    with pytest.raises(ValueError, match=r"c\.safetensors: .*another kind of training; missing: c, d; unexpected: a"):
        load(tmp_path / "c.safetensors", {"d": Memory(), "b": Memory(), "c": Memory()})


@pytest.mark.parametrize("about", [None, {"step": 2}, {"step": 2, "scores": [], "schedule": None, "generators": []}])
def test_a_file_of_weights_or_of_an_earlier_version_is_no_checkpoint(tmp_path, about):
    save_arrays(tmp_path / "c.safetensors", {"model.weight": np.ones(2)}, about)
    with pytest.raises(ValueError, match=r"c\.safetensors: .*no checkpoint, or one of an earlier version"):
        load(tmp_path / "c.safetensors", {"a": Memory()})
