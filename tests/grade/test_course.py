"""The notebooks to work in: whole, without solutions and results, and never over somebody's work."""

import json
import shutil

import jupytext
import nbformat
import pytest

from tinyunet.grade import course

SOURCES = course.sources()
every_tutorial = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
SMALL = """\
# %% [markdown]
# # 3. A small one
#
# See [the source](../../tinyunet/ops/conv.py), [all of it](../../tinyunet/ops/fast/), [next](04_next.ipynb),
# [a paper](https://example.org/a), [a guide](../../docs/contributing.md).

# %% tags=["exercise"]
# %matplotlib inline
def f(x):
    return None  # yours

# %% tags=["solution"]
def f(x):
    return x

# %%
# a comment
print(f(1))
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with one small tutorial in place of ours."""
    source = tmp_path / "tutorials" / "03_small.py"
    source.parent.mkdir()
    source.write_text(SMALL, encoding="utf-8")
    (source.parent / "04_next.py").write_text("# %% [markdown]\n# # 4. Next\n", encoding="utf-8")
    monkeypatch.setattr(course, "sources", lambda: sorted(source.parent.glob("*.py")))
    return source


@every_tutorial
def test_the_cells_are_those_that_jupytext_reads(source):
    ours = [(c["cell_type"], c["source"], c["metadata"].get("tags", [])) for c in course.cells(source)]
    theirs = jupytext.read(source, fmt="py:percent").cells
    assert ours == [(c.cell_type, c.source, c.metadata.get("tags", [])) for c in theirs]


@every_tutorial
def test_a_notebook_is_valid_and_gives_nothing_away(source):
    text, wanted = course.notebook(source)
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert all("solution" not in cell.metadata.get("tags", ()) for cell in notebook.cells)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert wanted
    assert "../" not in "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@every_tutorial
def test_it_has_a_title(source):
    assert course.title(source)[0].isalpha()
    assert "#" not in course.title(source)


def test_solutions_are_left_out_and_are_in_a_teachers_copy(small):
    assert course.title(small) == "A small one"
    for solutions, codes in [(False, 2), (True, 3)]:
        cells = json.loads(course.notebook(small, solutions)[0])["cells"]
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        assert len(code) == codes
        assert code[0].startswith("%matplotlib inline\ndef f(x)")
        assert code[-1] == "# a comment\nprint(f(1))"
        assert ("return x" in "".join(code)) == solutions


def test_links_lead_to_copies_beside_the_notebooks(small, tmp_path):
    folder = tmp_path / "course"
    course.write(folder)
    text = json.loads((folder / "03_small.ipynb").read_text(encoding="utf-8"))["cells"][0]["source"]
    assert "[the source](read/ops/conv.py), [all of it](read/ops/fast), [next](04_next.ipynb)," in text
    assert "[a paper](https://example.org/a), a guide." in text
    assert (folder / "read" / "ops" / "conv.py").read_text() == (course.PACKAGE / "ops" / "conv.py").read_text()
    assert (folder / "read" / "ops" / "fast" / "__init__.py").exists()
    assert not list(folder.rglob("__pycache__"))


def test_a_second_time_restores_what_is_missing_and_leaves_what_is_worked_in(small, tmp_path):
    folder = tmp_path / "course"
    assert course.write(folder) == (["03_small.ipynb", "04_next.ipynb"], [])
    assert course.write(folder) == (["03_small.ipynb", "04_next.ipynb"], [])  # as they were
    work = folder / "03_small.ipynb"
    work.write_text("somebody's work", encoding="utf-8")
    (folder / "04_next.ipynb").unlink()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert course.write(folder) == (["04_next.ipynb"], ["03_small.ipynb"])
    assert work.read_text(encoding="utf-8") == "somebody's work"
    assert (folder / "notes.txt").exists()


def test_what_was_not_worked_in_is_brought_up_to_date(small, tmp_path):
    folder = tmp_path / "course"
    course.write(folder)
    small.write_text(SMALL + "\nprint(2)\n", encoding="utf-8")
    assert course.write(folder)[1] == []
    assert "print(2)" in (folder / "03_small.ipynb").read_text(encoding="utf-8")


@pytest.mark.parametrize("record", [None, "", "[1]", "{}"])
def test_without_a_record_everything_that_differs_is_somebodys_work(small, tmp_path, record):
    folder = tmp_path / "course"
    course.write(folder)
    small.write_text(SMALL + "\nprint(2)\n", encoding="utf-8")
    (folder / "course.json").unlink()
    if record is not None:
        (folder / "course.json").write_text(record, encoding="utf-8")
    assert course.write(folder) == (["04_next.ipynb"], ["03_small.ipynb"])


def test_a_moved_folder_is_the_same_course(small, tmp_path):
    course.write(tmp_path / "course")
    (tmp_path / "course" / "03_small.ipynb").write_text("somebody's work", encoding="utf-8")
    shutil.move(tmp_path / "course", tmp_path / "moved")
    assert course.write(tmp_path / "moved")[1] == ["03_small.ipynb"]


def test_without_tutorials_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(course, "PACKAGE", tmp_path / "tinyunet")
    with pytest.raises(FileNotFoundError, match="install it again"):
        course.sources()


def test_the_tutorials_come_with_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(course, "PACKAGE", tmp_path)
    (tmp_path / "tutorials").mkdir()
    (tmp_path / "tutorials" / "01_one.py").write_text("# %%\n")
    assert [source.name for source in course.sources()] == ["01_one.py"]


@every_tutorial
def test_the_starter_of_an_exercise_stands_in_its_tutorial(source):
    from tinyunet.grade import exercises

    cells = list(course.cells(source))
    tagged = "\n".join(cell["source"] for cell in cells if "exercise" in cell["metadata"].get("tags", ()))
    code = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")
    for exercise in exercises.everything().values():
        if exercise.tutorial == source.name[:2]:
            assert exercise.starter.strip() in tagged
            assert f'grade("{exercise.name}", ' in code


MUTANTS = {
    "grade.course:notebook": [
        ("solutions are given away", "if solutions or", "if True or"),
        ("links lead out of the folder", 'LINK.sub(linked, cell["source"])', 'cell["source"]'),
    ],
    "grade.course:cells": [
        ("comments in code lose their mark", 're.sub(r"^# (?=%)", "", line)', 're.sub(r"^# ", "", line)'),
        ("tags are lost", 'if start["tags"] else {}', "if False else {}"),
    ],
    "grade.course:write": [
        ("work is written over", "if file.exists() and", "if False and"),
        ("new versions are kept back", "(record.get(file.name), _digest(text.encode()))", "(_digest(text.encode()),)"),
    ],
    "grade.course:_record": [("a broken record is an error", "(FileNotFoundError, ValueError)", "FileNotFoundError")],
}
