"""Run the tutorials and keep them with their results, as notebooks.

    python tutorials/make.py            all of them
    python tutorials/make.py 03 04      those whose names begin so

Each NN_title.py beside this file is a tutorial, and what is edited: a Python program whose cells begin with `# %%`. It
becomes notebooks/NN_title.ipynb, without what changes from one run or machine to the next: the same source makes the
same notebook.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import nbformat

from tinyunet.files import atomic

FOLDER = Path(__file__).resolve().parent


def sources() -> list[Path]:
    """The tutorials, in order."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def stored(source: Path) -> Path:
    """Where the notebook of a tutorial is."""
    return source.parent / "notebooks" / f"{source.stem}.ipynb"


def run(source: Path) -> Any:
    """The notebook of a tutorial with its results.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell that fails, with its traceback.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = {"kernelspec": kernel}
    for k, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.id, cell.metadata = f"cell-{k}", {"tags": tags} if tags else {}  # instead of random names
    where = {"metadata": {"path": str(FOLDER.parent)}}  # of the kernel: finds the package even if it is not installed
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,  # seconds for a cell
        record_timing=False,
        coalesce_streams=True,  # however the kernel cuts what is printed
        resources=where,
    )
    client.execute()
    notebook.metadata.language_info = {"name": "python"}  # without the version that the kernel added
    return notebook


def main(names: Sequence[str] = ()) -> None:
    """Write the notebooks whose names begin so, or all.

    Raises:
        ValueError: there is no tutorial of a name.
    """
    for name in names:
        if not any(source.name.startswith(name) for source in sources()):
            raise ValueError(f"no tutorial begins with {name!r}; there are {', '.join(s.stem for s in sources())}")
    for source in sources():
        if not names or source.name.startswith(tuple(names)):
            with atomic(stored(source)) as part:
                nbformat.write(run(source), part)
            print(stored(source).relative_to(FOLDER.parent), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
