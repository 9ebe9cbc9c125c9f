"""The README does what it says."""

import contextlib
import io
import re
import shlex
from pathlib import Path

from tests.tasks.segmentation import folder
from tinyunet import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_blocks_run_one_after_the_other_and_print_what_they_say():
    namespace = {}
    code = "\n".join(blocks("python"))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), namespace)
    claimed = [line.removeprefix("# ") for line in code.splitlines() if line.startswith("#")]
    assert printed.getvalue().splitlines() == claimed


def test_the_commands_work_on_a_folder_of_pictures(tmp_path, monkeypatch):
    folder(tmp_path)
    (tmp_path / "images").rename(tmp_path / "pictures")
    (tmp_path / "new").symlink_to(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    lines = [shlex.split(line) for block in blocks("sh") for line in block.splitlines() if line.startswith("tinyunet")]
    assert [line[1] for line in lines] == [
        "course",
        "run",
        "run",
        "sample",
        "edit",
        "byhand",
        "size",
        "train",
        "evaluate",
        "predict",
    ]
    for line in lines:
        args = [str(file) for a in line[1:] for file in (sorted(Path().glob(a)) if "*" in a else [a])]
        small = {"train": ["--steps=2", "--crop=32", "--channels", "4", "8"], "run": ["--steps=2", "--fast"]}
        assert cli.main([*args, *small.get(line[1], [])]) == 0
    assert len(list((tmp_path / "predictions").iterdir())) == 15


def test_the_files_it_links_to_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_runs_the_test_commands_of_the_readme():
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").replace(" --quiet", "")
    (command,) = [line for block in blocks("sh") for line in block.splitlines() if line.endswith("&& pytest")]
    assert "`pytest -m slow`" in README
    assert "\n".join(["", *command.split(" && "), "pytest -m slow", ""]) in steps
