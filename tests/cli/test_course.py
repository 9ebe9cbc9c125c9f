"""`tinyunet course` and `tinyunet progress`, as somebody uses them who has the package alone."""

import importlib.util

import pytest

from tinyunet import cli
from tinyunet.grade import course, desk, exercises, folder


@pytest.fixture(autouse=True)
def session(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(desk, "_passed", {})


def test_a_course_is_written_and_how_to_start_is_said(capsys, tmp_path):
    names = [f"{source.stem}.ipynb" for source in course.sources()]
    assert cli.main(["course", "a course"]) == 0
    out = capsys.readouterr().out
    assert f"Written into a course: {len(names)} notebooks" in out
    assert f"cd 'a course'\n  jupyter lab {names[0]}\n" in out
    assert sorted(file.name for file in (tmp_path / "a course").glob("*.ipynb")) == names


@pytest.mark.parametrize("there", [True, False])
def test_how_to_install_jupyter_is_said_where_it_is_missing(capsys, monkeypatch, there):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: there or None)
    cli.main(["course", "c"])
    assert ("pip install jupyterlab" in capsys.readouterr().out) != there


def test_what_is_worked_in_is_left_and_named(capsys, tmp_path):
    cli.main(["course", "c"])
    for file in (tmp_path / "c").glob("*.ipynb"):
        file.write_text("work", encoding="utf-8")
    capsys.readouterr()
    assert cli.main(["course", "c"]) == 0
    out = capsys.readouterr().out
    assert "Left as they are, because you have worked in them" in out
    assert "Written" not in out
    assert {file.read_text(encoding="utf-8") for file in (tmp_path / "c").glob("*.ipynb")} == {"work"}


def test_a_teachers_copy(tmp_path):
    cli.main(["course", "learner"])
    cli.main(["course", "teacher", "--solutions"])
    for source in course.sources():
        learner, teacher = ((tmp_path / f / f"{source.stem}.ipynb").read_text() for f in ("learner", "teacher"))
        tagged = 'tags=["solution"]' in source.read_text(encoding="utf-8")
        assert (len(teacher) > len(learner)) == tagged


def test_errors_are_one_line(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for args in (["course", "file"], ["course", "file/inside"], ["progress"], ["progress", "nowhere"]):
        assert cli.main(args) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("tinyunet: error: ")
        assert err.count("\n") == 1


def test_progress(capsys, tmp_path, monkeypatch):
    cli.main(["course", "c"])
    monkeypatch.chdir(tmp_path / "c")
    folder.keep("conv2d", exercises.load("conv2d").solutions[0])
    for args, where in [
        (["progress"], tmp_path / "c"),
        (["progress", "c"], tmp_path),
        (["progress", "."], tmp_path / "c/read"),
    ]:
        monkeypatch.chdir(where)
        capsys.readouterr()
        assert cli.main(args) == 0
        out = capsys.readouterr().out
        assert ["conv2d", "done"] in [line.split() for line in out.splitlines()]
        assert "operations of your U-Net is yours." in out
