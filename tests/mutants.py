"""Wrong implementations, each a plausible slip, which the tests of its room must find.

They stand at the end of the file of tests that must find them, under the name of what they break:

    MUTANTS = {
        "ops.im2col:col2im": [
            ("col2im assigns", "+= columns[", "= columns["),
        ],
    }

The name is that of a file of the package, and of a function, a class or an assignment in it, or in one of these
(`optim:Adam.update`); a file of statements that have no names is named alone (`byhand.mistakes.sliding`). A mutant is
what is wrong, a piece of source that occurs exactly once there, and what takes its place. Nothing but what is named can
be changed by it, or keep it from being put in.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PYTEST = ["pytest", "-x", "-q", "-p", "no:cacheprovider", "--override-ini=addopts=", "-m", "not slow and not browser"]
ENVIRONMENT = {
    "HYPOTHESIS_PROFILE": "mutants",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",  # or what is compiled of a mutant could be taken for the right source
}


class Mutant(NamedTuple):
    """What is wrong, where (`file:name` or `file`), the right source, the wrong one, the tests that must find it."""

    what: str
    where: str
    right: str
    wrong: str
    tests: str

    def __str__(self):
        return f"{self.tests}: {self.where}: {self.what}"

    @property
    def file(self):
        """From the root: `tinyunet/optim.py`, or for a folder of files `tinyunet/ops/fast/__init__.py`."""
        file = Path("tinyunet", *self.where.split(":")[0].split("."))
        return file / "__init__.py" if (ROOT / file).is_dir() else file.with_suffix(".py")

    def put_into(self, source):
        """`source`, which is that of the file, with the wrong piece in place of the right one."""
        _, _, name = self.where.partition(":")
        places = [lines_of(node) for node in defined(ast.parse(source), name)] if name else [slice(None)]
        lines, times = source.split("\n"), 0
        for place in reversed(places):
            piece = "\n".join(lines[place])
            times += piece.count(self.right)
            lines[place] = piece.replace(self.right, self.wrong).split("\n")
        if times != 1:
            raise ValueError(f"{self.right!r} stands {times} times in {self.where}, not once")
        return "\n".join(lines)


def lines_of(node):
    """Where a node stands among the lines of its file, from its first decorator on."""
    return slice(min(part.lineno for part in (node, *getattr(node, "decorator_list", []))) - 1, node.end_lineno)


def defined(node, name):
    """All nodes that a dotted name means in a node; what stands in a function or class has its name before its own."""
    name, _, inner = name.partition(".")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            names = [child.name]
        elif isinstance(child, (ast.Assign, ast.AnnAssign)):
            names = map(ast.unparse, child.targets if isinstance(child, ast.Assign) else [child.target])
        else:
            yield from defined(child, f"{name}.{inner}" if inner else name)
            continue
        if name in names:
            yield from defined(child, inner) if inner else [child]


def mutants():
    """All of them, without importing the tests that they stand in."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        source, tests = file.read_text(encoding="utf-8"), file.relative_to(ROOT).as_posix()
        if "\nMUTANTS = {" in source:
            (table,) = defined(ast.parse(source), "MUTANTS")
            for where, those in ast.literal_eval(table.value).items():
                yield from (Mutant(what, where, right, wrong, tests) for what, right, wrong in those)


def copy(folder):
    """The folder, with package, tests and tutorials copied into it."""
    for part in ("tinyunet", "tests", "tutorials"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(folder, tests, mutant=None):
    """Exit code and output of a file of tests in such a copy, where a mutant takes its place for as long."""
    if mutant is not None:
        source = (ROOT / mutant.file).read_text(encoding="utf-8")
        (folder / mutant.file).write_text(mutant.put_into(source), encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, "-m", *PYTEST, tests],
            cwd=folder,
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    finally:
        if mutant is not None:
            shutil.copy2(ROOT / mutant.file, folder / mutant.file)
    return done.returncode, done.stdout + done.stderr
