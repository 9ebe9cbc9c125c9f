"""The command line as a whole: help, exit codes, one line for every error, and nothing loaded that is not needed."""

import os
import re
import subprocess
import sys

import pytest
from PIL import Image

from tests.cli.test_segment import SMALL
from tinyunet import cli
from tinyunet.byhand import examples


@pytest.mark.parametrize("args", [["byhand", "--list"], ["--help"]])
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_who_has_seen_enough_is_no_error(buffered, args):
    process = subprocess.Popen(
        [sys.executable, *([] if buffered else ["-u"]), "-m", "tinyunet", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


COMMANDS = "demo", "train", "predict", "evaluate", "trace", "doctor", "byhand", "check", "worksheet", "lab", "size"
COMMANDS += "course", "progress", "run"


def test_alone_it_prints_its_help(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr()
    assert cli.main([]) == 0
    assert capsys.readouterr() == shown
    assert shown.err == ""
    assert all(f"    {name}" in shown.out for name in COMMANDS)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_explains(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*([name] if name else []), "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 8


HEAVY = ("matplotlib", "PIL", "safetensors", "tqdm", "http.server")


MORE = ["byhand", "worksheet"]  # whose help tells what there is
HELP = [[], ["--version"], ["--help"], *([name, "--help"] for name in COMMANDS if name not in MORE)]
QUICK = [[name, "--help"] for name in MORE]
QUICK += [["trace", "--channels=2", "--size=2"], ["byhand", "relu"], ["byhand", "relu", "--out=relu.html"]]


@pytest.mark.parametrize("commands", [HELP, QUICK])
def test_nothing_is_loaded_that_is_not_needed(commands, tmp_path):
    code = f"""
import contextlib, sys
from tinyunet import cli
for args in {commands}:
    with contextlib.suppress(SystemExit):
        cli.main(args)
print(*sorted({{name for name in {HEAVY} if name in sys.modules}}), file=sys.stderr)
print(*sorted({{name.split(".")[1] for name in sys.modules if name.startswith("tinyunet.")}}), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        check=True,
    )
    heavy, rooms = done.stderr.split("\n")[:2]
    assert heavy == ""
    assert set(rooms.split()) & {"data", "training", "checkpoint", "demo"} == set()
    assert ("byhand" in rooms.split()) == (commands is QUICK)
    assert done.stdout.count("usage: ") == sum("--help" in args or not args for args in commands)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_every_console_can_print_everything(encoding, tmp_path):
    """What it cannot show is shown as something plain; nothing is an error."""
    everything = [["byhand", name] for name in examples.names()]
    everything += [
        ["byhand", "--list"],
        ["trace", "--size=16"],
        ["worksheet", "conv2d", "--level=6"],
        ["size", "pool:3,2,ceil_mode=true", "--input=8"],
        ["byhand", "−×é"],
    ]
    code = f"""
from tinyunet import cli
for args in {everything}:
    print(cli.main(args))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding=encoding,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert re.findall(r"^\d$", done.stdout, re.MULTILINE) == ["0"] * (len(everything) - 1) + ["2"]
    assert done.stderr.startswith("tinyunet: error: there is no built-in example ")
    assert done.stderr.count("\n") == 1
    assert "?" not in done.stdout
    if encoding == "ascii":
        assert "  channel 0: 10x1 + 10x0 + 0x(-1) + 10x1" in done.stdout
        assert "  sqrt alpha_bar_1 = sqrt 0.64 = 0.8" in done.stdout


def a_run(where):
    assert cli.main(["train", *where, "--out=run", "--steps=1", *SMALL]) == 0


def write(path, size=(40, 48), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1]).save(path)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["dmeo"], "there is no command 'dmeo'; did you mean 'demo'? See tinyunet --help"),
        (["WORKSHEETS"], "there is no command 'WORKSHEETS'; did you mean 'worksheet'?"),
        (["xyz"], "there is no command 'xyz'; there is demo, train, predict"),
        (["--versoin"], "there is no option --versoin; did you mean '--version'?"),
        (
            ["train", "--imgaes=x", "--masks=y"],
            "there is no option --imgaes; did you mean '--images'? See tinyunet train",
        ),
        (["predict", "run", "a.png", "--ouut", "p"], "there is no option --ouut; did you mean '--out'?"),
        (["trace", "5"], "'5' is one argument too many; see tinyunet trace --help"),
        (["trace", "-q"], "there is no option -q; there is --help, --channels"),
        (["byhand", "conv3x3", "--format=htlm"], "argument --format: there is no 'htlm'; did you mean 'html'?"),
        (["byhand", "conv3x3", "--out=y.doc"], "y.doc: an example is written as .html, .tex, .md or .txt"),
        (["byhand", "conv3x3", "--out=y.md", "--format=html"], "--format: not allowed with argument --out"),
        (["byhand", "conv3x3", "--out=y.md", "--figure=y.xyz"], "y.xyz: a figure is written as "),
        (["byhand", "conv3x3", "--out=y.md", "--figure=y.png", "--animate=y.mp4"], "an animation is a GIF"),
        (["byhand", "large.toml", "--out=y.html", "--figure=y.png", "--animate=y.gif"], "too many for a page"),
        (["worksheet", "conv2", "--out=y.pdf"], "there is no topic 'conv2'; did you mean 'conv2d'?"),
        (
            ["worksheet", "relu", "--out=y.doc", "--key=y.pdf"],
            "y.doc: a worksheet is written as .pdf",
        ),
        (
            ["worksheet", "relu", "--out=y.pdf", "--key=y.doc"],
            "y.doc: a worksheet is written as .pdf",
        ),
        (["check", "--sheet=conv:7:2", "1=3"], "there is no topic 'conv'; did you mean 'conv2d'?"),
        (["train"], "train needs --images, --masks, --out"),
        (["train", "WHERE", "--out=new", "--steps=many"], "invalid int value: 'many'"),
        (["train", "WHERE", "--out=new", "--steps=0"], "steps must be at least 1, not 0"),
        (["train", "WHERE", "--out=new", "--crop=30"], "crop 30 is not a multiple of 16"),
        (["train", "WHERE", "--out=new", "--crop=16", "--batch=1"], "one pixel below 4 levels of channels"),
        (["train", "WHERE", "--out=new", "--validation-images=x"], "validation pictures need their masks"),
        (["train", "WHERE", "--out=new", "--classes", "0", "red"], "'red' is no value of a mask"),
        (["train", "WHERE", "--out=new", *SMALL, "--batch=0"], "batch must be at least 1"),
        (["train", "WHERE", "--out=new", *SMALL, "--lr=-1"], "learning rate must be at least 0, not -1.0"),
        (["train", "WHERE", "--out=new", *SMALL, "--validation=5"], "5 of 5 pictures cannot be kept"),
        (["train", "WHERE", "--out=new", *SMALL, "--channels", "0", "8"], "channels must be positive"),
        (["train", "WHERE", "--out=run", *SMALL], "run: there is a run already; continue it with --resume run"),
        (
            ["train", "WHERE", "--out=new", "--foreground=blue"],
            "argument --foreground: there is no 'blue'; there is light, dark",
        ),
        (["train", "--images=no", "--masks=none", "--out=new"], "no: there is no such folder"),
        (["train", "--images=odd/images", "--masks=odd/masks", "--out=new"], "b"),
        (["train", "--images=sizes/images", "--masks=sizes/masks", "--out=new"], "40"),
        (["train", "--resume=nowhere"], "nowhere: this is not the folder of a run"),
        (["train", "--resume=run", "--out=new"], "--resume RUN goes on in the folder of the run"),
        (["train", "--resume=run", "--steps=5", "--seed=1"], "cannot be changed in a run that began: --seed (is 0)"),
        (["evaluate", "nowhere", "WHERE"], "nowhere: this is not the folder of a run"),
        (["evaluate", "run", "--images=nowhere", "--masks=nowhere"], "nowhere"),
        (["predict", "run", "missing.png", "--out=p"], "missing.png: there is no such file"),
        (["predict", "run", "sizes/images/a.png", "missing.png", "--out=p"], "missing.png: there is no such file"),
        (["predict", "run", "no*.png", "--out=p"], "no*.png: no file fits this pattern"),
        (["predict", "run", "sizes/images/a.png", "--out=p", "--threshold=1.5"], "a probability between 0 and 1"),
        (["predict", "run", "text.png", "--out=p"], "text.png: this is no picture"),
        (["predict", "run", "colour.png", "--out=p"], "colour.png: predict: the image has 3 channels"),
        (["predict", "run", "sizes/images/a.png", "odd/images/a.png", "--out=p"], "several pictures are named a"),
        (["predict", "nowhere", "a.png", "--out=p"], "nowhere: this is not the folder of a run"),
        (["predict", "run", "a.png"], "required: --out"),
        (["run", "cels"], "there is no task 'cels'; did you mean 'cells'?"),
        (["run", "cells", "--steps=0"], "steps must be at least 1, not 0"),
        (["run", "cells", "--images=sizes/images"], "cells takes no --images: its cells are drawn"),
        (["run", "cells", "--apply=missing.png"], "missing.png: there is no such file"),
        (["run", "cells", "--apply=text.png"], "text.png: this is no picture"),
        (["run", "denoising", "--images=nowhere"], "nowhere: there is no such folder"),
        (["run", "denoising", "--images=sizes/images"], "there is one picture in it"),
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
    (tmp_path / "large.toml").write_text(f"operation = 'linear'\nx = {[[1] * 400] * 15}\nw = {[[1] * 400] * 20}")
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    args = [a for arg in args for a in (where if arg == "WHERE" else [arg])]
    try:
        code = cli.main(args)
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""  # refused before anything was printed
    assert err.startswith("tinyunet: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before  # and nothing was left behind


MUTANTS = {
    "cli.parser:Parser.parse_known_args": [
        ("what is missing is said before what is mistyped", 'name.startswith("--") and not', "False and not"),
    ],
    "cli.console:_plain": [
        ("question marks", 'PLAIN.get(c, "?")', '"?"'),
    ],
    "cli.byhand:_byhand": [
        (
            "a page is written before an animation is refused",
            "if args.animate:",
            "write_text(args.out, text)\n    if args.animate:",
        ),
    ],
    "demo:run": [
        ("a minute of training, and then no picture", "plot.check_name(picture)", ""),
    ],
}
