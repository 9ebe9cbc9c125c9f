"""A run: a training that has a folder, where it can be stopped, resumed and used.

    settings.json      all that defines the training, as a dataclass of the task
    last.safetensors   everything needed to continue
    best.safetensors   the best weights

A task brings the class of its settings, a function that makes a Trainer of settings, and one that makes a model for
settings and weights.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tinyunet.checkpoint import load_arrays
from tinyunet.data import DataError
from tinyunet.files import atomic
from tinyunet.nn import Module
from tinyunet.tensor import Array
from tinyunet.training import Trainer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")
M = TypeVar("M", bound=Module)


def start(settings: S, out: str | os.PathLike[str], trainer: Callable[[S, Path], Trainer[M]]) -> Trainer[M]:
    """A new run in the folder `out`, not yet trained: `trainer` makes it of the settings and the folder.

    Raises:
        DataError: a folder that holds a run already.
    """
    out = Path(out)
    if (out / "settings.json").exists():
        raise DataError(f"{out}: there is a run already; continue it with --resume {out}, or choose another folder")
    new = trainer(settings, out)
    with atomic(out / "settings.json") as part:
        part.write_text(json.dumps(asdict(settings), indent=2) + "\n")
    new.save()
    return new


def resume(
    out: str | os.PathLike[str], kind: type[S], trainer: Callable[[S, Path], Trainer[M]]
) -> tuple[Trainer[M], S]:
    """The run in the folder `out` where it stopped, and its settings, which are of this kind.

    Raises:
        DataError: a folder that holds no run.
    """
    settings = read_settings(out, kind)
    stopped = trainer(settings, Path(out))
    stopped.load()
    return stopped, settings


def load(out: str | os.PathLike[str], kind: type[S], model: Callable[[S, Mapping[str, Array]], M]) -> tuple[M, S]:
    """The best model of a run, in evaluation, and its settings: `model` makes one for the settings and the weights.

    Raises:
        DataError: a folder that holds no run, or one that has no weights yet.
    """
    settings = read_settings(out, kind)
    file = Path(out) / "best.safetensors"
    if not file.exists():
        raise DataError(f"{out}: the run has no weights yet, its training stopped before the first validation")
    weights, _ = load_arrays(file)
    best = model(settings, weights)
    best.load_state_dict(weights)
    best.eval()
    return best, settings


def read_settings(out: str | os.PathLike[str], kind: type[S]) -> S:
    """The settings of a run. Raises DataError for a folder that holds none of this kind."""
    file = Path(out) / "settings.json"
    try:
        values = json.loads(file.read_text())
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except OSError:
        raise DataError(f"{out}: this is not the folder of a run, it has no settings.json") from None
    except (TypeError, AttributeError, json.JSONDecodeError) as error:
        raise DataError(f"{file}: not the settings of a run ({error})") from None
