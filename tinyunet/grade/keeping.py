"""The source of an answer together with all that it uses, so that it runs in another notebook, tomorrow."""

from __future__ import annotations

import ast
import dis
import linecache
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinyunet.grade.calling import file_of


class NotKept(Exception):
    """What cannot be written down, in words."""


def program(name: str, answer: Any) -> str:
    """A program that defines `name` as the answer is now.

    A function comes with the functions, classes, numbers and imports that it uses; numbers are written down.

    Raises:
        NotKept: it uses something that cannot be.
    """
    imports: dict[str, None] = {}
    definitions: dict[str, str] = {}
    if not callable(answer):
        imports["import numpy as np"] = None
        definitions[name] = f"{name} = {_written(name, answer)}"
    else:
        own = getattr(answer, "__name__", "")
        _define(own, answer, imports, definitions)
        if own != name:
            definitions[name] = f"{name} = {own}"
    return "\n\n\n".join(["\n".join(imports)] * bool(imports) + list(definitions.values())) + "\n"


def _define(name: str, value: Any, imports: dict[str, None], definitions: dict[str, str]) -> None:
    """Add what is called `name`, after all that it needs."""
    if name in definitions:
        return
    if line := _import(name, value):
        imports[line] = None
        return
    if not isinstance(value, (types.FunctionType, type)):
        definitions[name] = f"{name} = {_written(name, value)}"
        if "np." in definitions[name]:
            imports["import numpy as np"] = None
        return
    if getattr(value, "__closure__", None) and not hasattr(value, "__wrapped__"):
        raise NotKept(f"{name} is made inside another function")
    source = _source(name, value)
    definitions[name] = ""  # for functions that call one another
    known = _globals(value)
    for used in sorted(_used(compile(source, name, "exec")) & known.keys() - {name}):
        _define(used, known[used], imports, definitions)
    definitions[name] = definitions.pop(name) + source


def _import(name: str, value: Any) -> str:
    """The line that imports a module, or what an installed one defines; "" for what the learner has written."""
    if isinstance(value, types.ModuleType):
        return f"import {value.__name__}" + ("" if value.__name__ == name else f" as {name}")
    module, of = (
        "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None),
        getattr(value, "__name__", ""),
    )
    if not isinstance(module, str) or not _installed(module) or getattr(sys.modules[module], of, None) is not value:
        return ""
    return f"from {module} import {of}" + ("" if of == name else f" as {name}")


def _installed(module: str) -> bool:
    """Whether a module is a library's, not a learner's own file or notebook."""
    if module.partition(".")[0] == "tinyunet" or module in sys.builtin_module_names:
        return True
    file = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    return bool({"site-packages", "dist-packages"} & {*file.parts}) or file.is_relative_to(sysconfig.get_path("stdlib"))


def _globals(value: Any) -> dict[str, Any]:
    """The names that a function or class may use."""
    if isinstance(value, type):
        return vars(sys.modules[value.__module__])
    found: dict[str, Any] = getattr(value, "__wrapped__", value).__globals__
    return found


def _source(name: str, value: Any) -> str:
    """What defines a function or class, from its first decorator on."""
    file = file_of(value)
    lines = linecache.getlines(file) if file else []
    try:
        nodes = ast.parse("".join(lines)).body
    except SyntaxError:
        nodes = []
    for node in reversed(nodes):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == value.__name__:
            first = min(part.lineno for part in (node, *node.decorator_list))
            return "".join(lines[first - 1 : node.end_lineno]).rstrip("\n")
    raise NotKept(f"the source of {name} is not to be found")


def _used(code: types.CodeType) -> set[str]:
    """The names that some code takes from outside."""
    return set(_loaded(code))


def _loaded(code: types.CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _loaded(part)


def _written(name: str, value: Any) -> str:
    """Plain values as Python would write them."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.size <= 1000:
        return f"np.array({value.tolist()!r}, dtype=np.{value.dtype.name})"
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return repr(value.item())
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_written(name, k)}: {_written(name, v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(_written(name, part) for part in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    raise NotKept(f"it uses {name}, of the type {type(value).__name__}, which cannot be written down")


def compared(name: str, ours: Any, theirs: Any) -> str:
    """How long two functions are and how many loops they have, in words; "" if one of them is not to be seen."""
    if not callable(ours) or not callable(theirs):
        return ""
    try:
        (our_lines, our_loops), (lines, loops) = (_counted(_source(name, each)) for each in (ours, theirs))
    except NotKept:
        return ""
    return f"Yours has {lines} lines and {loops} loops; ours has {our_lines} lines and {our_loops} loops."


def _counted(source: str) -> tuple[int, int]:
    """Lines without comments, and loops."""
    tree = ast.parse(source)
    loops = sum(isinstance(node, (ast.For, ast.While, ast.comprehension)) for node in ast.walk(tree))
    return len(ast.unparse(tree).splitlines()), loops
