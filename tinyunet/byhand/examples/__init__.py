"""Worked examples: as text in TOML, and those that are built in."""

from tinyunet.byhand.examples.example import (
    FOLDER,
    Ask,
    Example,
    answered,
    built_in,
    dump,
    find,
    is_array,
    load,
    names,
    pairs,
    parameters,
    read,
)
from tinyunet.byhand.examples.source import Digits

__all__ = [
    "FOLDER",
    "Ask",
    "Digits",
    "Example",
    "answered",
    "built_in",
    "dump",
    "find",
    "is_array",
    "load",
    "names",
    "pairs",
    "parameters",
    "read",
]
