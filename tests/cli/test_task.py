"""`tinyunet run` as a person types it."""

import os

from tinyunet import cli
from tinyunet.tasks.registry import TASKS


def test_the_list_names_every_task(capsys):
    assert cli.main(["run", "--list"]) == 0
    listed = capsys.readouterr().out
    assert cli.main(["run"]) == 0
    assert capsys.readouterr().out == listed
    for task in TASKS.values():
        assert f"{task.name}\n    {task.shows}\n    needs {task.needs}" in listed


def test_a_job_is_done_and_used(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "cells", "--fast", "--steps=3", "--seed=2"]) == 0
    out = capsys.readouterr().out
    assert "3 steps of 8, seed 2" in out
    assert "U-Net  " in out
    assert "Otsu's threshold  " in out
    assert "Picture, curve and weights are in " + os.path.join("runs", "cells") in out
    assert cli.main(["run", "cells", "--apply", os.path.join("runs", "cells", "picture.png")]) == 0
    assert (tmp_path / "runs" / "cells" / "picture_cells.png").exists()
