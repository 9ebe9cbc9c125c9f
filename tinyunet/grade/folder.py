"""The folder of a course: what is passed is kept there, each answer as a program in `mine/` that can be read and run.

    course.json         which notebooks were written, and how they were: what is changed is somebody's work
    mine/conv2d.py      the learner's own conv2d, under a line that says that it passed

Everything that is done is in this folder, so it can be moved and copied. A program that was changed after it passed
counts as open, until it is graded again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tinyunet.files import write_text
from tinyunet.grade.keeping import NotKept, program

COURSE, MINE = "course.json", "mine"
PASSED = "# passed "  # and the digest of the lines below


def find(start: Path | None = None) -> Path | None:
    """The folder of the course that we are in, or None."""
    try:
        here = (start or Path.cwd()).resolve()
    except FileNotFoundError:  # the folder was deleted
        return None
    return next((folder for folder in (here, *here.parents) if (folder / COURSE).is_file()), None)


def keep(name: str, answer: Any) -> str:
    """Keep an answer that has passed; says where, or why not, and nothing outside of a course."""
    folder = find()
    if folder is None:
        return ""
    try:
        text, said = program(name, answer), f"Kept in {MINE}/{name}.py."
        _run(name, text)
    except NotKept as reason:
        text = f"# its source was not kept: {reason}\n"
        said = f"It counts as passed, but other notebooks cannot use it: {reason}."
    try:
        write_text(folder / MINE / f"{name}.py", f"{PASSED}{_digest(text)}\n{text}")
    except OSError as error:
        return f"It could not be kept in {folder}: {error.strerror}. It counts until this notebook is closed."
    return said


def passed(folder: Path | None = None) -> set[str]:
    """The names of the exercises that are passed."""
    folder = folder or find()
    return {file.stem for file in _files(folder) if _unchanged(file) is not None}


def changed(folder: Path) -> set[str]:
    """Those that were changed after they passed."""
    return {file.stem for file in _files(folder)} - passed(folder)


def load(name: str) -> Any:
    """The answer that was kept; None if there is none that can be used."""
    folder = find()
    text = None if folder is None else _unchanged(folder / MINE / f"{name}.py")
    if text is None:
        return None
    try:
        return _run(name, text)
    except NotKept:
        return None


def _files(folder: Path | None) -> list[Path]:
    return [] if folder is None else sorted((folder / MINE).glob("*.py"))


def _unchanged(file: Path) -> str | None:
    """The program in a file, if it is as it was when it passed."""
    try:
        first, _, text = file.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return text if first == PASSED + _digest(text) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _run(name: str, text: str) -> Any:
    """What a program defines as `name`.

    Raises:
        NotKept: it does not run by itself.
    """
    namespace: dict[str, Any] = {"__name__": f"{MINE}.{name}"}
    try:
        exec(compile(text, f"{MINE}/{name}.py", "exec"), namespace)
    except Exception as error:
        raise NotKept(f"by itself it raises {type(error).__name__}: {error}") from None
    if name not in namespace:
        raise NotKept("it is not defined by itself")
    return namespace[name]
