"""A run: a training that has a folder, where it can be stopped, resumed and used.

    settings.json      all that defines the training, as a dataclass of the task
    last.safetensors   everything needed to continue
    best.safetensors   the best weights
    history.csv        the loss of every step, and the scores

A task brings the class of its settings, a function that makes a Trainer of settings, and one that makes a model for
settings and weights.
"""

from __future__ import annotations

import json
import math
import os
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from tinyunet.checkpoint import load_arrays
from tinyunet.data import DataError
from tinyunet.files import remove_parts, write_text
from tinyunet.nn import Module
from tinyunet.tensor import Array
from tinyunet.training import Trainer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")
M = TypeVar("M", bound=Module)

IN_JSON = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", types.NoneType: "null"}


def start(settings: S, out: str | os.PathLike[str], trainer: Callable[[S, Path], Trainer[M]]) -> Trainer[M]:
    """A new run in the folder `out`, not yet trained: `trainer` makes it of the settings and the folder.

    The settings are written last: a folder has them, and is a run, only once there is something to continue.

    Raises:
        DataError: a folder that holds a run already.
    """
    out = Path(out)
    refuse_another(out)
    new = trainer(settings, out)
    remove_parts(out)
    try:
        new.save()
        write_settings(settings, out)
    except OSError as error:
        raise OSError(f"{out}: the run could not be begun ({error}); when that is mended, start it again") from None
    return new


def refuse_another(out: str | os.PathLike[str]) -> None:
    """Raise DataError if the folder holds a run already, or is a file."""
    if Path(out).is_file():
        raise DataError(f"{out}: is a file, not a folder; choose another name")
    if (Path(out) / "settings.json").exists():
        raise DataError(f"{out}: there is a run already; continue it with --resume {out}, or choose another folder")


def write_settings(settings: DataclassInstance, out: str | os.PathLike[str]) -> None:
    """Write `settings.json`, whole or not at all."""
    write_text(Path(out) / "settings.json", json.dumps(asdict(settings), indent=2) + "\n")


def resume(
    out: str | os.PathLike[str], kind: type[S], trainer: Callable[[S, Path], Trainer[M]]
) -> tuple[Trainer[M], S]:
    """The run in the folder `out` where it stopped, and its settings, which are of this kind.

    Raises:
        DataError: a folder that holds no run, or files that are damaged or of another network.
    """
    settings = read_settings(out, kind)
    stopped = trainer(settings, Path(out))
    take_up(stopped, out)
    return stopped, settings


def take_up(trainer: Trainer[Any], out: str | os.PathLike[str]) -> None:
    """Put a trainer where the run in the folder `out` stopped: at its beginning if nothing was saved.

    What a kill left half written is removed.

    Raises:
        DataError: a file that is missing, damaged or of another network.
    """
    remove_parts(out)
    last, best = Path(out) / "last.safetensors", Path(out) / "best.safetensors"
    if last.exists():
        _named(last, trainer.load)
    elif best.exists():
        raise DataError(f"{last} is missing, without which the run cannot go on; its best weights can still be used")


def load(out: str | os.PathLike[str], kind: type[S], model: Callable[[S, Mapping[str, Array]], M]) -> tuple[M, S]:
    """The best model of a run, in evaluation, and its settings: `model` makes one for the settings and the weights.

    Raises:
        DataError: a folder that holds no run, one that has no weights yet, or weights that are damaged or of another
            network.
    """
    settings = read_settings(out, kind)
    file = Path(out) / "best.safetensors"
    if not file.exists():
        raise DataError(
            f"{out}: there is no best.safetensors, which is written at the first validation; go on with "
            f"--resume {out}, or copy it again"
        )

    def loaded() -> M:
        weights, _ = load_arrays(file)
        best = model(settings, weights)
        best.load_state_dict(weights)
        broken = [name for name, array in weights.items() if not np.isfinite(array).all()]
        if broken:
            raise ValueError(f"holds numbers that are nan or infinite: {', '.join(broken[:3])}")
        best.eval()
        return best

    return _named(file, loaded), settings


def _named(file: Path, use: Callable[[], Any]) -> Any:
    """What `use` returns; an error of it names the file, and says that it does not fit the settings."""
    try:
        return use()
    except DataError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        if message.startswith(str(file)):
            raise DataError(message) from None
        raise DataError(f"{file}: does not fit the network of {file.with_name('settings.json')}: {message}") from None


def read_settings(out: str | os.PathLike[str], kind: type[S]) -> S:
    """The settings of a run. Raises DataError, which names the file, for a folder that holds none of this kind."""
    file = Path(out) / "settings.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise DataError(f"{out}: this is not the folder of a run, it has no settings.json") from None
    except (ValueError, RecursionError) as error:  # no JSON, or no UTF-8
        raise DataError(f"{file}: not the settings of a run ({error}); copy it again") from None
    if not isinstance(values, dict):
        raise DataError(f"{file}: not the settings of a run ({type(values).__name__})")
    hints = get_type_hints(kind)
    required = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    problems = [f"there is no setting {name!r}" for name in values.keys() - hints.keys()]
    problems += [f"{name!r} is missing" for name in required - values.keys()]
    for name in values.keys() & hints.keys():
        if not _fits(values[name], hints[name]):
            problems.append(f"{name!r} is {json.dumps(values[name])[:40]}, which should be {_in_words(hints[name])}")
    if problems:
        raise DataError(f"{file}: not the settings of a run: {'; '.join(sorted(problems))}")
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except ValueError as error:
        raise DataError(f"{file}: {error}") from None


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of JSON is of an annotated type; a whole number is a number, and true is none."""
    of = get_args(hint)
    if hint is Any:
        return True
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, each) for each in of)
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_fits(each, of[0]) for each in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(_fits(each, of[1]) for each in value.values())
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value < math.inf
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _in_words(hint: Any) -> str:
    """An annotated type as a reader of JSON knows it.

    >>> _in_words(tuple[int, ...]), _in_words(int | None)
    ('a list of which each is a whole number', 'a whole number or null')
    """
    of = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(map(_in_words, of))
    if get_origin(hint) is tuple:
        return f"a list of which each is {_in_words(of[0])}"
    if get_origin(hint) is dict and of[1] is Any:
        return "an object"
    if get_origin(hint) is dict:
        return f"an object of which each value is {_in_words(of[1])}"
    return IN_JSON[hint]
