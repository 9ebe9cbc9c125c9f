"""Training, evaluation and prediction as a person does them: output, files, Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.tasks.segmentation import three_classes
from tinyunet import cli
from tinyunet.cli.segment import _stopped
from tinyunet.data import read_image

SMALL = ["--channels", "4", "8", "--batch", "2", "--crop", "16"]


def command(*args, env=None, **settings):
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tinyunet", *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", **(env or {})},
        **settings,
    )


def test_train_evaluate_predict(where, tmp_path, capsys):
    assert cli.main(["train", *where, "--out=run", "--steps=30", *SMALL]) == 0
    out = capsys.readouterr().out
    assert re.match(
        r"5 pairs, 4 to train on: 40×48 pixels, 1 channel; foreground \(light\) \d\d % of the pixels\n", out
    )
    assert "U-Net 4 8 (" in out
    assert "30 steps of 2 squares 16×16; validation: 04" in out
    assert "step     30  loss 0." in out
    assert re.search(r"Best is step 30: dice \d\.\d{4} on the validation .* used by  tinyunet predict run\n", out)
    assert {f.name for f in (tmp_path / "run").iterdir()} == {
        "best.safetensors",
        "curve.png",
        "history.csv",
        "last.safetensors",
        "picture.png",
        "settings.json",
    }

    assert cli.main(["evaluate", "run", *where]) == 0
    out = capsys.readouterr().out
    assert "Beware: the run trained on 4 of these 5" in out
    lines = out.splitlines()[1:]
    assert lines[0].split() == ["Dice", "IoU", "precision", "recall", "accuracy", "AUC"]
    assert [line.split()[0] for line in lines[1:6]] == ["00", "01", "02", "03", "04"]
    assert lines[6].startswith("U-Net, all 5")
    assert "Otsu's threshold" in out
    assert "local threshold, tuned here" in out

    assert cli.main(["evaluate", "run", *where, "--held-out"]) == 0
    out = capsys.readouterr().out
    assert "Beware" not in out
    assert "U-Net, all 1" in out

    (tmp_path / "set").rename(tmp_path / "moved")
    moved = ["--images=moved/images", "--masks=moved/masks"]
    assert cli.main(["evaluate", "run", *moved, "--held-out"]) == 0
    assert "U-Net, all 1" in capsys.readouterr().out  # wherever they lie

    assert cli.main(["predict", "run", "moved/images/0[01].png", "--out=p", "--overlay"]) == 0
    assert sorted(f.name for f in (tmp_path / "p").iterdir()) == [
        f"0{k}_{what}.png" for k in (0, 1) for what in ("mask", "overlay", "probability")
    ]
    probability = read_image(tmp_path / "p" / "00_probability.png")
    mask = np.asarray(Image.open(tmp_path / "p" / "00_mask.png"))
    assert set(np.unique(mask)) <= {0, 255}
    unsure = np.abs(probability[0] - 0.5) < 1e-4
    np.testing.assert_array_equal((mask == 255)[~unsure], (probability[0] > 0.5)[~unsure])
    capsys.readouterr()
    assert cli.main(["predict", "run", "moved/images", "p", "--out=p", "--threshold=0.99"]) == 0
    out = capsys.readouterr().out
    assert re.match(r"left out: p/00_mask\.png, .*, … \(6 in all\): results of predict\n", out)
    assert out.count(" marked -> ") == 5
    assert np.asarray(Image.open(tmp_path / "p" / "00_mask.png")).mean() <= mask.mean()


def test_classes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    where = [f"--{k}={v}" for k, v in three_classes(tmp_path, colours=[(0, 0, 0), (0, 200, 0), (0, 0, 200)]).items()]
    settings = ["--channels", "8", "16", "--crop=16", "--lr=0.01", "--steps=60", "--validation=2"]
    assert cli.main(["train", *where, "--out=run", *settings]) == 0
    out = capsys.readouterr().out
    assert re.search(r"; 3 classes: 0 \(#000000\) \d\d %, 1 \(#0000c8\) \d\d %, 2 \(#00c800\) \d\d %\n", out)
    assert re.search(r"Best is step 60: mean IoU \d\.\d{4}", out)
    assert cli.main(["evaluate", "run", *where, "--held-out"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "Left out: 4 that the run trained on."
    assert out[1].split() == ["mean", "Dice", "mean", "IoU", "accuracy"]
    assert out[4].startswith("U-Net, all 2")
    assert out[6].split() == ["Dice", "IoU", "precision", "recall"]
    assert [line.split(")")[0] for line in out[7:]] == ["class 0 (#000000", "class 1 (#0000c8", "class 2 (#00c800"]
    assert all(float(line.split()[-3]) > 0.8 for line in out[7:])
    assert cli.main(["predict", "run", "images/05.png", "--out=p", "--overlay"]) == 0
    assert "The colours of the classes are in p/legend.png" in capsys.readouterr().out
    shown = np.asarray(Image.open("p/05_mask.png").convert("RGB"))
    truth = np.asarray(Image.open("masks/05.png"))
    assert (shown == truth).all(axis=2).mean() > 0.8
    assert cli.main(["predict", "run", "images/05.png", "--out=p", "--threshold=0.3"]) == 2


def test_masks_beside_their_pictures_and_grey_ones(where, tmp_path, capsys):
    both = tmp_path / "both"
    both.mkdir()
    for file in (tmp_path / "set" / "images").iterdir():
        shutil.copy(file, both)
        smooth = np.asarray(Image.open(tmp_path / "set" / "masks" / file.name)) * 0.9 + 10
        Image.fromarray(smooth.astype(np.uint8)).save(both / f"{file.stem}_seg.jpg", quality=90)
    (both / "notes.txt").write_text("no picture")
    args = ["train", "--images=both", "--masks=both", "--mask-suffix=_seg", "--mask-threshold=127", "--steps=2", *SMALL]
    assert cli.main([*args, "--out=run"]) == 0
    out = capsys.readouterr().out
    assert "5 pairs" in out
    assert re.search(r"left out: .*both: notes\.txt: no pictures\n", out)
    assert cli.main(["evaluate", "run", "--images=both", "--masks=both"]) == 0


def test_resume_says_what_it_does(where, capsys):
    assert cli.main(["train", *where, "--out=run", "--steps=4", *SMALL]) == 0
    assert cli.main(["train", "--resume=run"]) == 0
    assert "All 4 steps were made before; more are made with --steps." in capsys.readouterr().out
    assert cli.main(["train", "--resume=run", "--steps=8", "--channels", "4", "8"]) == 0
    out = capsys.readouterr().out
    assert "Goes on after step 4, at a learning rate of 0.001, which falls to 0 at step 8." in out
    assert cli.main(["train", "--resume=run", "--steps=12", "--lr=0.1"]) == 2
    assert "--lr (is 0.002)" in capsys.readouterr().err


def test_it_stops_early_and_says_so(where, capsys):
    assert cli.main(["train", *where, "--out=run", "--steps=900", "--patience=1", "--lr=0", *SMALL]) == 0
    out = capsys.readouterr().out
    assert "Stopped early after step 200; validations without a better score: 1." in out
    assert cli.main(["train", "--resume=run"]) == 0
    assert "Stopped early after step 200" in capsys.readouterr().out


def test_a_validation_set_that_shows_nothing_keeps_the_latest(where, tmp_path, capsys):
    Image.new("L", (48, 40)).save(tmp_path / "set" / "masks" / "04.png")
    assert cli.main(["train", *where, "--out=run", "--steps=250", *SMALL]) == 0
    out = capsys.readouterr().out
    assert (
        "Best is step 250: the latest, since the validation pictures show one class alone, and dice says nothing" in out
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_how_to_go_on_and_the_end_is_the_same(where, tmp_path, number):
    settings = ["train", *where, "--steps=220", *SMALL]
    with command(*settings, "--out=stopped", cwd=tmp_path) as process:
        while "step    100" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "everything is saved" in out
    assert "  tinyunet train --resume stopped" in out
    assert "Traceback" not in out + err
    for args in (["train", "--resume=stopped"], [*settings, "--out=unbroken"]):
        with command(*args, cwd=tmp_path) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    for name in ("last.safetensors", "best.safetensors", "history.csv"):
        a, b = ((tmp_path / run / name).read_bytes() for run in ("stopped", "unbroken"))
        assert a == b


@pytest.mark.parametrize(
    ("saved", "said"),
    [(5, "everything is saved"), (3, "saved is step 3, the 2 after it are lost"), (None, "saved is step 0, the 5 ")],
)
def test_what_is_said_to_be_saved_is_what_the_file_holds(capsys, saved, said):
    trainer = SimpleNamespace(saved=lambda: saved, step=5)
    run = SimpleNamespace(trainer=trainer, settings=SimpleNamespace(steps=9))
    assert _stopped(KeyboardInterrupt(15), run, "out") == 143
    assert f"Stopped after step 5 of 9; {said}" in capsys.readouterr().out


def test_a_second_ctrl_c_says_what_is_true(where, tmp_path):
    with command("train", *where, "--steps=3000", *SMALL, "--out=run", cwd=tmp_path) as process:
        while "step    100" not in process.stdout.readline():
            assert process.poll() is None, process.stderr.read()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    from tinyunet.checkpoint import about

    saved = about(tmp_path / "run" / "last.safetensors")["step"]
    step, said = re.search(r"Stopped after step (\d+) of 3000; (.*?)\. To go on", out).groups()
    if saved == int(step):
        assert said == "everything is saved"
    else:
        assert said == f"saved is step {saved}, the {int(step) - saved} after it are lost"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "ascii:surrogateescape"])
def test_names_that_a_console_cannot_show_are_no_error(where, tmp_path, encoding):
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind / "04.png").rename(tmp_path / "set" / kind / "図像\u0308é.png")
    settings = {"cwd": tmp_path, "env": {"PYTHONIOENCODING": encoding}}
    for args in (
        ["train", *where, "--steps=1", *SMALL, "--out=run"],
        ["evaluate", "run", *where],
        ["predict", "run", "set/images", "--out=p"],
    ):
        with command(*args, **settings) as process:
            process.stdout.reconfigure(errors="replace")
            _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def test_a_step_that_needs_too_much_memory_is_a_sentence(where, capsys, monkeypatch):
    from tinyunet.training import Trainer

    def step(self):
        raise MemoryError("Unable to allocate 3 TiB")

    monkeypatch.setattr(Trainer, "_step", step)
    assert cli.main(["train", *where, "--out=run", *SMALL]) == 2
    err = capsys.readouterr().err
    assert "not enough memory for a step of 2 squares 16×16 (Unable to allocate 3 TiB)" in err
    assert "smaller --batch, --crop or --channels" in err
    assert err.count("\n") == 1


MUTANTS = {
    "cli.segment:_stopped": [
        ("everything is always saved", '"everything is saved" if saved == step else kept', '"everything is saved"'),
    ],
    "cli.segment:_train": [
        (
            "not enough memory is a traceback",
            "(KeyboardInterrupt, MemoryError, OSError)",
            "(KeyboardInterrupt, OSError)",
        ),
    ],
}
