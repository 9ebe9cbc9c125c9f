"""Files that appear whole or not at all."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_written = itertools.count()


def ending(path: str | os.PathLike[str], known: Iterable[str], what: str) -> str:
    """The ending of a name, which says in which format a file is written.

    Raises:
        ValueError: it is none of those known.

    >>> ending("a/b.PDF", [".pdf", ".md"], "a worksheet")
    '.pdf'
    """
    *others, last = known
    suffix = Path(path).suffix.lower()
    if suffix not in (*others, last):
        raise ValueError(f"{os.fspath(path)}: {what} is written as {', '.join(others)} or {last}")
    return suffix


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`: what is written there replaces `path` in one move when the `with` ends well.

    A crash, a full disk or a cut of power in between leaves the old file as it was. Errors of writing name `path`.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic(folder / "a.txt") as part:
    ...     _ = part.write_text("all of it")
    >>> [file.name for file in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{next(_written)}.part")  # hidden, and nobody else's
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before the name points to it
        os.replace(part, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(part)):  # a full disk names no file
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: str | os.PathLike[str], idle: float = 0) -> None:
    """Remove what processes that were killed while they wrote left in a folder, unless written to `idle` seconds ago.

    Only `atomic` gives names of this kind. No process may be writing there, or `idle` tells those that still do.
    """
    for part in Path(folder).glob(".*.part"):
        if re.search(r"\.\d+-\d+\.part$", part.name) and time.time() - part.stat().st_mtime >= idle:
            part.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
