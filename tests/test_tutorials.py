"""The tutorials run, and say what their notebooks say."""

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from tutorials import make

ROOT = Path(__file__).parent.parent
SOURCES = make.sources()
every_tutorial = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def read(source):
    return nbformat.read(make.stored(source), as_version=4)


def printed(notebook):
    """What all cells print, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def differences(stored, fresh):
    """What is wrong with a stored notebook, given one that was run just now; pictures need only be there."""

    def told(output):
        data = output.get("data", {})
        kept = {kind: data[kind] if kind == "text/plain" and "image/png" not in data else "there" for kind in data}
        return {**output, "data": kept}

    found = [key for key in ("nbformat", "nbformat_minor", "metadata") if stored[key] != fresh[key]]
    if len(stored.cells) != len(fresh.cells):
        found.append(f"{len(stored.cells)} cells for {len(fresh.cells)}")
    for k, (a, b) in enumerate(zip(stored.cells, fresh.cells, strict=False)):
        for key in sorted({*a, *b} - {"outputs"}):
            if a.get(key) != b.get(key):
                found.append(f"{key} of cell {k}")
        if [*map(told, a.get("outputs", []))] != [*map(told, b.get("outputs", []))]:
            found.append(f"output of cell {k}")
    return found


def test_there_are_tutorials():
    assert len(SOURCES) >= 1
    assert {make.stored(source) for source in SOURCES} == {*(ROOT / "tutorials" / "notebooks").glob("*.ipynb")}


@pytest.mark.slow
@every_tutorial
def test_the_notebook_is_what_the_source_gives_when_it_is_run(source):
    assert differences(read(source), make.run(source)) == [], "python tutorials/make.py writes it anew"


@every_tutorial
def test_the_cells_of_the_notebook_are_those_of_the_source(source):
    cells = jupytext.read(source, fmt="py:percent").cells
    assert [(c.cell_type, c.source) for c in read(source).cells] == [(c.cell_type, c.source) for c in cells]


@pytest.mark.slow
@every_tutorial
def test_as_a_plain_program_it_prints_the_same_and_leaves_nothing_behind(source, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    for name in ("DISPLAY", "MPLBACKEND"):
        environment.pop(name, None)
    command = [sys.executable, "-W", "error", source]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=100)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout.decode().splitlines() == printed(read(source)).splitlines()
    assert list(tmp_path.iterdir()) == []


@every_tutorial
def test_the_notebook_can_be_handed_out(source):
    notebook = read(source)
    nbformat.validate(notebook)
    assert make.stored(source).stat().st_size < 1_000_000
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert {(o.output_type, o.get("name")) for o in outputs} == {("stream", "stdout"), ("execute_result", None)}
    texts = [output.data["text/plain"] for output in outputs if "data" in output]
    assert re.findall(r"/(?:home|root|tmp|work|Users)\b|0x[0-9a-f]{6,}", printed(notebook) + "".join(texts)) == []
    drawn = ["image/png" in output.data for output in outputs if str(output.get("data")).count("<Figure")]
    assert len(drawn) >= 3
    assert all(drawn), "a notebook shows a figure only if it has axes"


@every_tutorial
def test_it_has_the_form_of_a_tutorial(source):
    """It asks before it answers, and ends with where to go from there."""
    cells = read(source).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    parts = ["Afterwards you can", "You need", "It takes", "Predict", "Exercise 1", "Summary", "Change it and see"]
    places = [text.index(part) for part in [*parts, "Where to read on"]]
    assert places == sorted(places)
    questions = [k for k, cell in enumerate(cells) if "> **Predict.**" in cell.source]
    assert len(questions) >= 5
    assert all(cells[k + 1].get("outputs") for k in questions)  # the answer follows
    links = re.findall(r"\]\((.*?)\)", text[places[-1] :])
    assert len(links) >= 3
    assert [link for link in links if not (make.stored(source).parent / link).exists()] == []


# A notebook that is not up to date


VARIED = make.FOLDER / "02_convolution_by_hand.py"  # it prints, draws, and shows a map to explore


def changed(notebook, change):
    other = copy.deepcopy(notebook)
    change(other)
    return other


def first_with(notebook, kind):
    """A cell with such an output."""
    return next(c for c in notebook.cells for o in c.get("outputs", []) if o.output_type == kind)


def print_something_else(notebook):
    first_with(notebook, "stream").outputs[0].text += "1"


def show_something_else(notebook):
    shown = [o for cell in notebook.cells for o in cell.get("outputs", []) if "text/html" in o.get("data", {})]
    shown[0].data["text/plain"] += "1"


def lose_a_picture(notebook):
    output = first_with(notebook, "execute_result").outputs[-1]
    del output.data["image/png"]


def lose_an_output(notebook):
    first_with(notebook, "stream").outputs.clear()


def lose_a_cell(notebook):
    del notebook.cells[-1]


def change_a_text(notebook):
    notebook.cells[0].source += "!"


def swap_cells(notebook):
    notebook.cells[1:3] = notebook.cells[2:0:-1]


def run_in_another_order(notebook):
    first_with(notebook, "stream").execution_count += 1


@pytest.mark.parametrize(
    "change",
    [
        print_something_else,
        show_something_else,
        lose_a_picture,
        lose_an_output,
        lose_a_cell,
        change_a_text,
        swap_cells,
        run_in_another_order,
    ],
)
def test_a_notebook_that_differs_is_found(change):
    notebook = read(VARIED)
    assert differences(notebook, notebook) == []
    assert differences(changed(notebook, change), notebook)


def test_another_picture_with_the_same_meaning_is_no_difference():
    def draw_differently(notebook):
        first_with(notebook, "execute_result").outputs[-1].data["image/png"] = "another"

    notebook = read(VARIED)
    assert differences(changed(notebook, draw_differently), notebook) == []


def test_make_writes_every_notebook(tmp_path, monkeypatch, capsys):
    source = tmp_path / "01_small.py"
    source.write_text("# %% [markdown]\n# # Small\n\n# %%\nprint(1 + 1)\n", encoding="utf-8")
    (tmp_path / "notes.py").write_text("raise SystemExit", encoding="utf-8")  # is no tutorial
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    make.main()
    first = make.stored(source).read_bytes()
    make.main()
    assert make.stored(source).read_bytes() == first
    assert [file.name for file in (tmp_path / "notebooks").iterdir()] == ["01_small.ipynb"]
    assert printed(read(source)) == "2\n"
    assert "01_small.ipynb" in capsys.readouterr().err


def test_make_says_which_cell_fails_and_keeps_the_notebook_that_was_there(tmp_path, monkeypatch):
    source = tmp_path / "01_wrong.py"
    source.write_text("# %%\nprint(1 / 0)\n", encoding="utf-8")
    make.stored(source).parent.mkdir()
    make.stored(source).write_text("as it was", encoding="utf-8")
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    with pytest.raises(Exception, match="ZeroDivisionError"):
        make.main()
    assert make.stored(source).read_text(encoding="utf-8") == "as it was"
