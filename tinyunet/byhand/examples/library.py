"""The built-in examples, by name, and files that somebody wrote."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from tinyunet.byhand.examples import steps
from tinyunet.byhand.examples.example import Ask, Example
from tinyunet.byhand.examples.fields import FieldError
from tinyunet.byhand.examples.reading import from_source, hint
from tinyunet.byhand.examples.source import Source
from tinyunet.byhand.examples.steps import StepAsk, Steps

FOLDER = resources.files("tinyunet.byhand.examples")


def names() -> list[str]:
    """The names of the built-in examples.

    >>> names()[:1]
    ['add-noise']
    """
    return sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml"))


def source(name: str) -> Source:
    """The text of a built-in example; a ValueError if there is none of that name."""
    if name not in names():
        raise ValueError(f"there is no built-in example {name!r}; {hint(name, names())}")
    return Source((FOLDER / f"{name}.toml").read_text(encoding="utf-8"), name)


def built_in(name: str) -> Example:
    """A built-in example.

    >>> built_in("transposed-overlap").explanation.result[0].tolist()
    [1.0, 1.0, 3.0, 2.0, 2.0]
    """
    return from_source(source(name))


def chains() -> list[str]:
    """The names of the built-in examples of several steps.

    >>> chains()
    ['cnn', 'noise-and-back', 'two-layers']
    """
    folder = FOLDER / "chains"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def find(name: str) -> Example | Steps:
    """The built-in example of this name, or else the file."""
    if name in names():
        return built_in(name)
    if name in chains():
        return steps.from_source(Source((FOLDER / "chains" / f"{name}.toml").read_text(encoding="utf-8"), name))
    if not Path(name).suffix and not Path(name).exists():
        shown = [each for each in names() if built_in(each).explanation.operation.name == name]
        meant = f"{name} is shown by {', '.join(shown)}" if shown else hint(name, [*names(), *chains()])
        raise ValueError(f"there is no built-in example {name!r}; {meant}")
    return _of(Source.read(name))


def _of(file: Source) -> Example | Steps:
    return steps.from_source(file) if "step" in file.keys else from_source(file)


def answered(path: str | Path) -> tuple[Ask | StepAsk, ...]:
    """What a file asks, if it answers any of it.

    Raises:
        ValueError: there is no answer, and whatever `read` raises.
    """
    file = Source.read(path)
    asks: tuple[Ask | StepAsk, ...] = _of(file).asks
    if all(ask.answer is None for ask in asks):
        raise file.wrong(FieldError("there is no answer to check; write  answer = …  under an [[ask]]", "ask"))
    return asks
