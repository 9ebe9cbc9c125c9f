"""Imports point one way: along the README's list of files, in which a reader goes from top to bottom."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "tinyunet"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ORDER = re.findall(r"\]\(tinyunet/([^)]+)\)", README[README.index("## Read it") :])
FILES = sorted(file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py"))


def place(file):
    """Where a file stands in the list, by itself or with its folder; what ties a folder together stands after it."""
    for k, room in enumerate(ORDER):
        if file == room or file.startswith(f"{room}/"):
            return k
    folder = Path(file).parent.as_posix()  # of byhand/__init__.py, say, of which parts are listed
    parts = [k for k, room in enumerate(ORDER) if folder == "." or room.startswith(f"{folder}/")]
    return max(parts) + 0.5 if parts else None


def found(module):
    """The file of a module, None if the name is something inside one."""
    path = module.replace(".", "/").removeprefix("tinyunet").lstrip("/")
    return next((file for file in (f"{path}.py", f"{path}/__init__.py".lstrip("/")) if file in FILES), None)


def imported(file):
    """The files that a file imports, also inside functions, and for type checkers alone."""
    for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are written in full"
            of = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if found(name) else node.module for name in of]
            if node.module == "tinyunet":  # what is no file is `__version__`, which every file may name
                names = [name for name in of if found(name)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "tinyunet" and found(name):
                yield found(name)


def test_every_file_has_its_place_in_the_list():
    assert [file for file in FILES if place(file) is None and file not in ("__init__.py", "__main__.py")] == []


def test_no_import_runs_against_the_reading_order():
    against = [f"{file} imports {other}" for file in FILES for other in imported(file) if place(other) > place(file)]
    assert against == []


def test_there_is_no_circle():
    """Also within a folder, where the list says nothing of the order."""
    rest = {file: {other for other in imported(file) if other != file} for file in FILES}
    while free := [file for file, needs in rest.items() if not needs & rest.keys()]:
        for file in free:
            del rest[file]
    assert rest == {}


def test_the_core_needs_numpy_alone():
    allowed = {"numpy", "tinyunet", *sys.stdlib_module_names}
    for file in ["tensor.py", *(file for file in FILES if file.startswith("ops/"))]:
        for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, file


@pytest.mark.parametrize("statement", ["import tinyunet", "import tinyunet.cli", "from tinyunet import functional, nn"])
def test_an_import_is_light(statement):
    """Who trains needs no worked numbers, and who computes no pictures."""
    code = f"{statement}; import sys; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    heavy = ("tinyunet.byhand", "matplotlib", "PIL", "tqdm", "safetensors", "tinyunet.data", "tinyunet.tasks")
    assert [name for name in loaded if name.startswith(heavy)] == []


def test_byhand_is_there_when_it_is_named():
    code = "import tinyunet; print('byhand' in dir(tinyunet), tinyunet.byhand.relu([-3, 2]).result)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "True [0. 2.]\n"


def test_no_file_of_the_core_is_longer_than_400_lines():
    longest = {file: (PACKAGE / file).read_text(encoding="utf-8").count("\n") for file in FILES}
    assert {file: lines for file, lines in longest.items() if lines > 400} == {}
