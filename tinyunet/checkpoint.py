"""Checkpoints: what a training remembers is found, written to a file, and put back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from tinyunet.everyday.machine import asked_dtype
from tinyunet.files import atomic
from tinyunet.nn import Module
from tinyunet.tensor import Array, Tensor

# What NumPy can hold, by the names of safetensors
DTYPES = {"BOOL", "F16", "F32", "F64", "C64", *(f"{sign}{bits}" for sign in "IU" for bits in (8, 16, 32, 64))}
ARRAY = "array in this file"  # in JSON, {ARRAY: name} stands for the array of this name


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array], about: Any = None) -> None:
    """Write named arrays, and a JSON value about them, as one safetensors file, atomically."""
    contiguous = {name: np.ascontiguousarray(a).reshape(np.shape(a)) for name, a in arrays.items()}
    with atomic(path) as part:
        part.write_bytes(safetensors.numpy.save(contiguous, {"about": json.dumps(about)}))


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Array], Any]:
    """The arrays and the JSON value of a file written by `save_arrays`.

    Raises:
        ValueError: a file that is not whole, of another kind, or of numbers that NumPy has not, such as bfloat16.
        OSError: no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            unknown = sorted({kind for kind in kinds.values() if kind not in DTYPES})
            if unknown:
                raise ValueError(f"{path}: holds {', '.join(unknown)} numbers, which NumPy lacks; save it as float32")
            return {name: file.get_tensor(name) for name in kinds}, _about(file)
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise _not_whole(path, error) from None


def about(path: str | os.PathLike[str]) -> Any:
    """The JSON value of a file written by `save_arrays`, without its arrays. Raises as `load_arrays` does."""
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return _about(file)
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise _not_whole(path, error) from None


def _about(file: Any) -> Any:
    return json.loads((file.metadata() or {})["about"])


def _not_whole(path: str | os.PathLike[str], error: Exception) -> ValueError:
    return ValueError(f"{path}: this is not a whole file of tinyunet weights ({error}); copy it again")


def save_values(obj: Any, f: str | os.PathLike[str]) -> None:
    """Write what `state_dict()` returned, or dicts and lists of arrays, Tensors, numbers and texts, to one file.

    `tinyunet.save(model.state_dict(), path)`. Unlike PyTorch's it is a safetensors file, and can hold no program.

    Raises:
        TypeError: anything else, such as a model itself, and a key of a dict that is no text.
    """
    arrays: dict[str, Array] = {}

    def without_arrays(value: Any, name: str) -> Any:
        if isinstance(value, np.ndarray | np.generic | Tensor):
            arrays[name] = np.asarray(value)
            return {ARRAY: name}
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {key: without_arrays(part, f"{name}/{key}".lstrip("/")) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [without_arrays(part, f"{name}/{k}") for k, part in enumerate(value)]
        if not isinstance(value, str | int | float | None):
            raise TypeError(
                f"save: {name or 'this'} is {type(value).__name__}; a file holds arrays, numbers and texts, in lists "
                "and in dicts whose keys are texts: save model.state_dict(), not the model"
            )
        return value

    save_arrays(f, arrays, without_arrays(obj, ""))


def load_values(f: str | os.PathLike[str], map_location: Any = None, weights_only: bool = True) -> Any:
    """What `save_values` wrote: with arrays for Tensors, as `load_state_dict` takes them, and lists for tuples.

    `model.load_state_dict(tinyunet.load(path))`. map_location can name nothing but the CPU; that only weights are
    loaded is always so.

    Raises:
        ValueError: a file that is not whole, or of another kind.
        OSError: no such file.
    """
    asked_dtype(map_location)
    arrays, about = load_arrays(f)

    def with_arrays(value: Any) -> Any:
        if isinstance(value, dict):
            return arrays[value[ARRAY]] if ARRAY in value else {key: with_arrays(part) for key, part in value.items()}
        return [with_arrays(part) for part in value] if isinstance(value, list) else value

    return with_arrays(about)


def remembered(things: Mapping[str, Any]) -> dict[str, Any]:
    """Everything random or remembered in these things, by the path that leads to it.

    That is every `numpy.random.Generator`, and everything with `state_dict` and `load_state_dict`. Looked at are the
    things, their attributes, the attributes of these, and so on, the elements of lists, tuples and dicts, and the
    object that a method belongs to. What has a `state_dict` answers for all that belongs to it; a Module for its
    Parameters and Modules, and its other attributes are looked at.

    Local variables, of a function or of a generator function, cannot be looked at: what draws or remembers must be an
    attribute of an object. Of a Generator the state of its bit generator counts, not how many others it has spawned.

    >>> from tinyunet import nn
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5, rng=0))
    >>> list(remembered({"model": model, "batches": {"rng": np.random.default_rng(0), "size": 3}}))
    ['model', 'model.1.rng', 'batches.rng']
    """
    found: dict[str, Any] = {}
    seen: set[int] = set()

    def look(name: str, thing: Any, owner: Any = None) -> None:
        thing = thing.__self__ if isinstance(thing, MethodType) else thing
        if id(thing) in seen or isinstance(thing, type | ModuleType):
            return
        seen.add(id(thing))
        answers = hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")
        covered = isinstance(thing, Module) and isinstance(owner, Module)
        if isinstance(thing, np.random.Generator) or (answers and not covered):
            found[name] = thing
        if not answers or isinstance(thing, Module):
            for key, part in _parts(thing):
                look(f"{name}.{key}", part, thing)

    for name, thing in things.items():
        look(name, thing)
    return found


def _parts(thing: Any) -> list[tuple[Any, Any]]:
    """The elements and the attributes of anything."""
    elements: Any = ()
    if isinstance(thing, dict):
        elements = thing.items()
    elif isinstance(thing, list | tuple):
        elements = enumerate(thing)
    return [*elements, *getattr(thing, "__dict__", {}).items()]


def save(path: str | os.PathLike[str], things: Mapping[str, Any], progress: Mapping[str, Any]) -> None:
    """Write the state of everything `remembered` in these things, and what else is to be kept, to one file.

    States and progress may be dicts and lists, as deep as they are, of arrays, numbers, texts and None.
    """
    save_values({**progress, "states": {name: _state(thing) for name, thing in remembered(things).items()}}, path)


def load(path: str | os.PathLike[str], things: Mapping[str, Any]) -> Any:
    """Put the states in a file of `save` back into these things, and return the progress (with lists for tuples).

    Nothing is changed unless everything fits.

    Raises:
        ValueError, KeyError: a file for other things, or of an earlier version.
        OSError: no such file.
    """
    progress, own = load_values(path), remembered(things)
    if not isinstance(progress, dict) or "states" not in progress:
        raise ValueError(f"{path}: this is no checkpoint, or one of an earlier version, which alone can go on with it")
    states = progress.pop("states")
    missing, unexpected = sorted(own.keys() - states.keys()), sorted(states.keys() - own.keys())
    if missing or unexpected:
        raise ValueError(
            f"{path}: the checkpoint is of another kind of training; "
            f"missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(unexpected) or 'none'}"
        )
    before = {name: _state(thing) for name, thing in own.items()}
    try:
        for name, thing in own.items():
            _set_state(thing, states[name])
    except BaseException:
        for name, thing in own.items():
            _set_state(thing, before[name])
        raise
    return progress


def _state(thing: Any) -> Any:
    return thing.bit_generator.state if isinstance(thing, np.random.Generator) else thing.state_dict()


def _set_state(thing: Any, state: Any) -> None:
    if isinstance(thing, np.random.Generator):
        thing.bit_generator.state = state
    else:
        thing.load_state_dict(state)
