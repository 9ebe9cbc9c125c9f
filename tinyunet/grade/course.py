"""The tutorials as notebooks to work in: exercises open, results cleared, for who has the package alone.

A tutorial is a program whose cells begin with `# %%` (the "percent format" of jupytext, of which this reads what the
tutorials use). Cells tagged `solution` are left out.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinyunet.files import write_text
from tinyunet.grade.folder import COURSE

PACKAGE = Path(__file__).resolve().parents[1]
READ = "read"  # the folder of the files that a tutorial names to read on
MARKER = re.compile(r"# %%(?P<markdown> \[markdown\])?(?: tags=(?P<tags>\[.*\]))?\s*")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def sources() -> list[Path]:
    """The tutorials, in order: they come with the package, or stand beside it in a clone.

    Raises:
        FileNotFoundError: they are in neither place.
    """
    for place in (PACKAGE / "tutorials", PACKAGE.parent / "tutorials"):
        if found := sorted(place.glob("[0-9][0-9]_*.py")):
            return found
    raise FileNotFoundError(f"the tutorials do not stand beside the package in {PACKAGE}: install it again")


def title(source: Path) -> str:
    """The heading of a tutorial, without its number."""
    heading = next((line for line in _lines(source) if line.startswith("# # ")), f"# # {source.stem}")
    return re.sub(r"^# # (\d+\. *)?", "", heading)


def _lines(source: Path) -> list[str]:
    return source.read_text(encoding="utf-8").splitlines()


def cells(source: Path) -> Iterator[dict[str, Any]]:
    """The cells of a tutorial, as a notebook holds them, without results."""
    found: list[tuple[re.Match[str], list[str]]] = []
    for line in _lines(source):
        if start := MARKER.fullmatch(line):
            found.append((start, []))
        elif found:
            found[-1][1].append(line)
    for k, (start, lines) in enumerate(found):
        markdown = start["markdown"] is not None
        text = [re.sub(r"^# ?", "", line) if markdown else re.sub(r"^# (?=%)", "", line) for line in lines]
        metadata = {"tags": json.loads(start["tags"])} if start["tags"] else {}
        cell = {"cell_type": "markdown", "id": f"cell-{k}", "metadata": metadata, "source": "\n".join(text).strip("\n")}
        yield cell if markdown else cell | {"cell_type": "code", "execution_count": None, "outputs": []}


def notebook(source: Path, solutions: bool = False) -> tuple[str, set[str]]:
    """A tutorial as the text of a notebook to work in, and the files of the package that it names to read on."""
    wanted: set[str] = set()

    def linked(link: re.Match[str]) -> str:
        """To a copy of the file, beside the notebooks; what does not come with the package is named alone."""
        text, target = link[1], link[2]
        if target.startswith(("http", "#")) or (source.parent / Path(target).with_suffix(".py").name).exists():
            return link[0]
        file = target.partition("tinyunet/")[2].rstrip("/")
        if not file or not (PACKAGE / file).exists():
            return text
        wanted.add(file)
        return f"[{text}]({READ}/{file})"

    kept = []
    for cell in cells(source):
        if solutions or "solution" not in cell["metadata"].get("tags", ()):
            if cell["cell_type"] == "markdown":
                cell["source"] = LINK.sub(linked, cell["source"])
            kept.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": kept,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n", wanted


def write(folder: Path, solutions: bool = False) -> tuple[list[str], list[str]]:
    """Write the notebooks into a folder, which is made. What somebody has worked in is left as it is.

    Returns the names of the notebooks that were written, and of those that were kept.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = _record(folder)
    written, kept = [], []
    for source in sources():
        file = folder / f"{source.stem}.ipynb"
        text, wanted = notebook(source, solutions)
        if file.exists() and _digest(file.read_bytes()) not in (record.get(file.name), _digest(text.encode())):
            kept.append(file.name)
            continue
        write_text(file, text)
        record[file.name] = _digest(text.encode())
        written.append(file.name)
        for name in wanted:
            _copy(PACKAGE / name, folder / READ / name)
    write_text(folder / COURSE, json.dumps(record, indent=1) + "\n")
    return written, kept


def _record(folder: Path) -> dict[str, str]:
    """How each notebook was when it was written; nothing if that is not known."""
    try:
        record = json.loads((folder / COURSE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _copy(file: Path, to: Path) -> None:
    """A file, or the programs of a folder."""
    for each in sorted(file.glob("*.py")) if file.is_dir() else [file]:
        place = to / each.name if file.is_dir() else to
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, place)
