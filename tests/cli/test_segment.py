"""Training, evaluation and prediction as a person does them: output, files, Ctrl-C."""

import os
import signal
import subprocess
import sys

import numpy as np
from PIL import Image

from tinyunet import cli
from tinyunet.data import read_image

SMALL = ["--channels", "4", "8", "--batch", "2", "--crop", "16"]


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
