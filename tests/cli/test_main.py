"""The command line as a whole: help, exit codes, one line for every error, and nothing loaded that is not needed."""

import os
import subprocess
import sys

import pytest
from PIL import Image

from tests.cli.test_segment import SMALL
from tinyunet import cli


@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_who_has_seen_enough_is_no_error(buffered):
    process = subprocess.Popen(
        [sys.executable, *([] if buffered else ["-u"]), "-m", "tinyunet", "byhand", "--list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 1


@pytest.mark.parametrize(
    "name", ["", "demo", "train", "predict", "evaluate", "trace", "doctor", "byhand", "check", "worksheet", "lab"]
)
def test_help_explains(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*([name] if name else []), "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 8


HEAVY = ("matplotlib", "PIL", "safetensors", "tqdm", "http.server")


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["trace", "--channels=2", "--size=2"], ["byhand", "relu"]])
def test_nothing_is_loaded_that_is_not_needed(args):
    code = f"""
import sys
from tinyunet import cli
try:
    cli.main({args})
finally:
    print(*sorted({{name for name in {HEAVY} if name in sys.modules}}), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    assert done.stdout
    assert done.stderr.strip() == ""


def a_run(where):
    assert cli.main(["train", *where, "--out=run", "--steps=1", *SMALL]) == 0


def write(path, size=(40, 48), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1]).save(path)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dmeo"], "invalid choice: 'dmeo'"),
        (["train"], "train needs --images, --masks, --out"),
        (["train", "WHERE", "--out=new", "--steps=many"], "invalid int value: 'many'"),
        (["train", "WHERE", "--out=new", "--steps=0"], "steps must be at least 1, not 0"),
        (["train", "WHERE", "--out=new", "--crop=30"], "crop 30 is not a multiple of 16"),
        (["train", "WHERE", "--out=new"], "00 is 40×48, smaller than the crop of 128"),
        (["train", "WHERE", "--out=new", *SMALL, "--batch=0"], "batch_size must be at least 1"),
        (["train", "WHERE", "--out=new", *SMALL, "--lr=-1"], "learning rate must be at least 0, not -1.0"),
        (["train", "WHERE", "--out=new", *SMALL, "--validation=5"], "5 of 5 pictures cannot be kept"),
        (["train", "WHERE", "--out=new", *SMALL, "--channels", "0", "8"], "channels must be positive"),
        (["train", "WHERE", "--out=run", *SMALL], "run: there is a run already; continue it with --resume run"),
        (["train", "WHERE", "--out=new", "--foreground=blue"], "invalid choice: 'blue'"),
        (["train", "--images=no", "--masks=no", "--out=new"], "no: there is no such folder"),
        (["train", "--images=odd/images", "--masks=odd/masks", "--out=new"], "b"),
        (["train", "--images=sizes/images", "--masks=sizes/masks", "--out=new"], "40"),
        (["train", "--resume=nowhere"], "nowhere: this is not the folder of a run"),
        (["train", "--resume=run", "--out=new"], "--resume RUN takes pictures and settings from the run"),
        (["evaluate", "nowhere", "WHERE"], "nowhere: this is not the folder of a run"),
        (["evaluate", "run", "--images=nowhere", "--masks=nowhere"], "nowhere"),
        (["predict", "run", "missing.png", "--out=p"], "missing.png: there is no such file"),
        (["predict", "run", "text.png", "--out=p"], "text.png: this is no picture"),
        (["predict", "run", "colour.png", "--out=p"], "colour.png: predict: the image has 3 channels"),
        (["predict", "run", "a.png", "other/a.png", "--out=p"], "several pictures are named a"),
        (["predict", "nowhere", "a.png", "--out=p"], "nowhere: this is not the folder of a run"),
        (["predict", "run", "a.png"], "required: --out"),
        (["trace", "--size", "100"], "multiples of 16, not 100×100"),
        (["trace", "--size", "1", "2", "3"], "--size takes one or two numbers, not 3"),
        (["trace", "--channels", "-4"], "channels must be positive"),
        (["demo", "--steps=0"], "steps must be at least 1, not 0"),
        (["demo", "--steps=1", "--picture=demo.xyz"], "xyz"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(where, tmp_path, capsys, args, message):
    if any("run" in arg for arg in args):
        a_run(where)
    write(tmp_path / "odd" / "images" / "a.png")
    write(tmp_path / "odd" / "masks" / "b.png")
    write(tmp_path / "sizes" / "images" / "a.png", (40, 40))
    write(tmp_path / "sizes" / "masks" / "a.png", (40, 41))
    write(tmp_path / "colour.png", mode="RGB")
    (tmp_path / "text.png").write_text("no picture")
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    args = [a for arg in args for a in (where if arg == "WHERE" else [arg])]
    try:
        code = cli.main(args)
    except SystemExit as stop:
        code = stop.code
    err = capsys.readouterr().err
    assert code == 2
    assert err.startswith("tinyunet: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before  # and nothing was left behind
