"""The command line as a person uses it: output, files, exit codes, Ctrl-C; one line for every error."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.tasks.test_segmentation import folder
from tinyunet import cli
from tinyunet.data import read_image

SMALL = ["--channels", "4", "8", "--batch", "2", "--crop", "16"]


@pytest.fixture
def where(tmp_path, monkeypatch):
    """An empty folder to stand in, with pictures/ and their masks beside."""
    paths = folder(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    return [f"--{name}={path}" for name, path in paths.items()]


def command(*args, **settings):
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tinyunet", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        **settings,
    )


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


def test_train_evaluate_predict(where, tmp_path, capsys):
    assert cli.main(["train", *where, "--out=run", "--steps=30", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "U-Net 4 8 (" in out
    assert "30 steps of 2 squares 16×16; validation: 04" in out
    assert "step     30  loss 0." in out
    assert {f.name for f in (tmp_path / "run").iterdir()} == {
        "best.safetensors",
        "curve.png",
        "last.safetensors",
        "settings.json",
    }

    assert cli.main(["evaluate", "run", *where]) == 0
    out = capsys.readouterr().out
    assert "Beware: the run trained on 4 of these 5" in out
    lines = out.splitlines()[1:]
    assert lines[0].split() == ["Dice", "IoU", "accuracy", "AUC"]
    assert [line.split()[0] for line in lines[1:6]] == ["00", "01", "02", "03", "04"]
    assert lines[6].startswith("U-Net, all 5")
    assert "Otsu's threshold" in out
    assert "local threshold, tuned here" in out

    assert cli.main(["evaluate", "run", *where, "--held-out"]) == 0
    out = capsys.readouterr().out
    assert "Beware" not in out
    assert "U-Net, all 1" in out

    (tmp_path / "set").rename(tmp_path / "moved")
    assert cli.main(["evaluate", "run", "--images=moved/images", "--masks=moved/masks"]) == 0
    assert "U-Net, all 5" in capsys.readouterr().out  # what it trained on is not needed any more

    pictures = sorted((tmp_path / "moved" / "images").iterdir())
    assert cli.main(["predict", "run", *map(str, pictures[:2]), "--out=p"]) == 0
    assert sorted(f.name for f in (tmp_path / "p").iterdir()) == [
        f"0{k}_{what}.png" for k in (0, 1) for what in ("mask", "probability")
    ]
    probability = read_image(tmp_path / "p" / "00_probability.png")
    mask = np.asarray(Image.open(tmp_path / "p" / "00_mask.png"))
    assert set(np.unique(mask)) <= {0, 255}
    unsure = np.abs(probability[0] - 0.5) < 1e-4
    np.testing.assert_array_equal((mask == 255)[~unsure], (probability[0] > 0.5)[~unsure])


def test_ctrl_c_says_how_to_go_on_and_the_end_is_the_same(where, tmp_path):
    settings = ["train", *where, "--steps=220", *SMALL]
    with command(*settings, "--out=stopped", cwd=tmp_path) as process:
        while "step    100" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "everything is saved" in out
    assert "  tinyunet train --resume stopped" in out
    assert "Traceback" not in out + err
    for args in (["train", "--resume=stopped"], [*settings, "--out=unbroken"]):
        with command(*args, cwd=tmp_path) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    for name in ("last", "best"):
        a, b = ((tmp_path / run / f"{name}.safetensors").read_bytes() for run in ("stopped", "unbroken"))
        assert a == b


def test_demo_teaches_trains_and_saves_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--steps=60"]) == 0
    out = capsys.readouterr().out
    for text in ("10×1 + 10×0 + 0×(−1) + 10×1", "= 30 + 5 = 35", "30 + 5 + bias = 35 + bias", "(1, 512, 8, 8)"):
        assert text in out
    ours = float(out.split("Dice of the U-Net")[1].split()[0])
    otsu = float(out.split("Dice of Otsu's threshold")[1].split()[0])
    assert ours > 0.85 > otsu
    with Image.open("demo.png") as picture:
        assert min(picture.size) > 1000


def test_trace_prints_the_table_and_the_u(capsys):
    assert cli.main(["trace"]) == 0
    out = capsys.readouterr().out
    assert "bottleneck  (1, 512, 8, 8)     64 positions, 512 features each" in out
    assert "14,789,059 parameters" in out
    assert cli.main(["trace", "--channels", "4", "--in=1", "--out=2", "--size", "6", "8", "--no-skips"]) == 0
    out = capsys.readouterr().out
    assert "(1, 2, 6, 8)" in out
    assert "skip1 (" not in out


def test_doctor_measures_and_advises(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for text in ("NumPy", "processor", "memory", "BLAS", "GFLOP/s", "GB/s", " ms\n"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize(
    "name", ["", "demo", "train", "predict", "evaluate", "trace", "doctor", "byhand", "check", "worksheet", "lab"]
)
def test_help_explains(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*([name] if name else []), "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 8


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
