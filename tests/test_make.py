"""`python tutorials/make.py`: which tutorials it runs, and what it keeps of them."""

import nbformat
import pytest

from tutorials import make


@pytest.fixture
def three(tmp_path, monkeypatch):
    for name in ("01_one", "02_two", "03_three"):
        (tmp_path / f"{name}.py").write_text('# %% tags=["solution"]\nx = 1\n\n# %%\nx\n', encoding="utf-8")
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("names", "made"), [(["02"], ["02_two"]), (["03_three", "01"], ["01_one", "03_three"]), (["0"], "all"), ([], "all")]
)
def test_names_say_which(three, names, made):
    ran = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "run", lambda source: ran.append(source.stem) or nbformat.v4.new_notebook())
        make.main(names)
    made = ["01_one", "02_two", "03_three"] if made == "all" else made
    assert ran == made
    assert sorted(file.stem for file in (three / "notebooks").iterdir()) == made


def test_a_name_that_there_is_not_is_an_error_before_anything_runs(three):
    with pytest.raises(ValueError, match="no tutorial begins with '09'; there are 01_one, 02_two, 03_three"):
        make.main(["01", "09"])
    assert not (three / "notebooks").exists()


def test_tags_are_kept(three):
    notebook = make.run(three / "01_one.py")
    assert [cell.metadata for cell in notebook.cells] == [{"tags": ["solution"]}, {}]
