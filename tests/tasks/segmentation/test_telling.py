"""A run says what it uses, and what came of it."""

import numpy as np
import pytest

from tests.tasks.segmentation import SMALL, folder, written
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import Settings
from tinyunet.tasks.segmentation.telling import percent


@pytest.mark.parametrize(("share", "text"), [(0.314, "31 %"), (0.0214, "2.1 %"), (0.0002, "0.02 %"), (0, "0 %")])
def test_shares_are_told_in_two_digits(share, text):
    assert percent(share) == text


def test_what_is_used_and_what_is_left_out(tmp_path):
    where = folder(tmp_path)
    written(tmp_path / "more", [np.zeros((20, 60))], [np.zeros((20, 60))])
    for kind in ("images", "masks"):
        (tmp_path / "more" / kind / "00.png").rename(tmp_path / kind / "0.png")
    (tmp_path / "images" / "notes.txt").write_text("no picture")
    lines = list(segmentation.describe(segmentation.start(Settings(**where, **SMALL), tmp_path / "run")))
    assert lines[0].startswith(
        "6 pairs, 5 to train on: 2 sizes from 20×48 to 40×60 pixels, 1 channel; foreground (light) "
    )
    assert lines[1].startswith("left out: ")
    assert lines[1].endswith("images: notes.txt: no pictures")
    assert lines[2].endswith("4 steps of 2 squares 16×16; validation: 04")


def test_what_is_rare(tmp_path):
    mask = np.zeros((32, 32))
    mask[5, 5] = 255
    where = written(tmp_path, [np.full((32, 32), k) for k in range(5)], [mask] * 5)
    run = segmentation.start(Settings(**where, **SMALL), tmp_path / "run")
    assert run.settings.rare == (1,)
    lines = list(segmentation.describe(run))
    assert "foreground (light) 0.098 % of the pixels" in lines[0]
    assert lines[1] == "rare: foreground; every second square is laid around it, and the Dice loss is added"
    run.trainer.run(2)
    assert np.isfinite(run.trainer.losses).all()


def test_the_end_says_which_weights_are_used(tmp_path):
    run = segmentation.start(Settings(**folder(tmp_path), **{**SMALL, "validation": 0}), tmp_path / "run")
    run.trainer.run(4)
    assert list(segmentation.outcome(run, "run")) == [
        "The latest weights, of step 4, are used by  tinyunet predict run",
        "Done. Weights, history.csv, curve.png and picture.png are in run.",
    ]


MUTANTS = {
    "tasks.segmentation.telling:_sizes": [
        ("the first size is all there is", "if len(sizes) > 1:", "if False:"),
    ],
    "tasks.segmentation.telling:describe": [
        ("left out without a word", "for sentence in run.left_out:", "for sentence in ():"),
    ],
}
