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


def test_classes_with_their_shares_and_the_rare_ones_by_name(tmp_path):
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]])
    classes = np.repeat([[0] * 18 + [1] + [2] * 21], 30, axis=0)  # (30, 40), of which 2.5 % are of class 1
    images = [np.full((30, 40, 3), 9 * k) for k in range(5)]
    settings = Settings(**written(tmp_path, images, [colours[classes]] * 5), **{**SMALL, "validation": 0})
    lines = list(segmentation.describe(segmentation.start(settings, tmp_path / "run")))
    assert lines == [
        "5 pairs, 5 to train on: 30×40 pixels, 3 channels; "
        "3 classes: 0 (#000000) 45 %, 1 (#0000ff) 52 %, 2 (#ff0000) 2.5 %",
        "rare: class 2 (#ff0000); every second square is laid around it, and the Dice loss is added",
        "U-Net 4 8 (3,935 weights), 4 steps of 2 squares 16×16; validation: none",
    ]


def test_what_is_ignored_is_told_with_its_share(tmp_path):
    classes = np.repeat([[0] * 10 + [1] * 10 + [2] * 10 + [255] * 10], 30, axis=0)
    settings = Settings(**written(tmp_path, [np.zeros((30, 40)), np.ones((30, 40))], [classes] * 2), **SMALL)
    (first, *_) = segmentation.describe(segmentation.start(settings, tmp_path / "run"))
    assert first.endswith("; 3 classes: 0 33 %, 1 33 %, 2 33 %; ignored: 255, 25 % of the pixels")


def test_one_pair_is_one(tmp_path):
    settings = Settings(**folder(tmp_path, count=1), **SMALL)
    (first, *_) = segmentation.describe(segmentation.start(settings, tmp_path / "run"))
    assert first.startswith("1 pair, 1 to train on: ")


def test_the_background_may_be_what_is_rare(tmp_path):
    mask = np.full((32, 32), 255)
    mask[5, 5] = 0
    where = written(tmp_path, [np.full((32, 32), k) for k in range(5)], [mask] * 5)
    for foreground, rare in (("light", "background"), ("dark", "foreground")):
        settings = Settings(**where, **SMALL, foreground=foreground)
        first, second, _ = segmentation.describe(segmentation.start(settings, tmp_path / foreground))
        assert f"; foreground ({foreground}) " in first
        assert second.startswith(f"rare: {rare}; ")


def test_a_run_that_goes_on_says_from_where(tmp_path):
    run = segmentation.start(Settings(**folder(tmp_path), **SMALL), tmp_path / "run")
    assert list(segmentation.describe(run))[-1].endswith("validation: 04")  # nothing of going on
    run.trainer.run(2)
    again = segmentation.resume(tmp_path / "run")
    assert list(segmentation.describe(again))[-1] == (
        "Goes on after step 2, at a learning rate of 0.001, which falls to 0 at step 4."
    )
    again.trainer.run(4)
    assert list(segmentation.describe(segmentation.resume(tmp_path / "run")))[-1] == (
        "All 4 steps were made before; more are made with --steps."
    )


def test_the_end_says_which_step_is_the_best_and_how_it_ended(tmp_path):
    run = segmentation.start(Settings(**folder(tmp_path), **{**SMALL, "lr": 0.0, "patience": 1}), tmp_path / "run")
    run.trainer.run(4, validate_every=1, patience=1)
    early, best, done = segmentation.outcome(run, "run")
    assert early == "Stopped early after step 2; validations without a better score: 1."
    score = run.trainer.scores[1][1]["dice"]
    assert best == (
        f"Best is step 2: dice {score:.4f} on the validation pictures; its weights are used by  tinyunet predict run"
    )
    assert done.startswith("Done. ")
    run.trainer.scores[:] = [(1, {"dice": np.nan}), (2, {"dice": np.nan})]
    assert (
        "Best is step 2: the latest, since the validation pictures show one class alone, and dice says nothing"
        in (list(segmentation.outcome(run, "run"))[1])
    )


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
    "tasks.segmentation.telling:_classes": [
        ("shares in the order of another thing", "of[1]", "of[0]"),
        ("ignored without a word", "if meaning.ignore is None:", "if True:"),
        ("several classes are one", "meaning.classes == 1", "True"),
    ],
    "tasks.segmentation.telling:outcome": [
        ("stopped early without a word", "if trainer.step < settings.steps:", "if False:"),
        ("nan is a score", "if np.isnan(value):", "if False:"),
    ],
    "tasks.segmentation.telling:describe": [
        ("rare without a word", "if settings.rare:", "if False:"),
        ("the other of two is rare", '["background", "foreground"]', '["foreground", "background"]'),
        ("every run goes on", "elif step:", "else:"),
        ("left out without a word", "for sentence in run.left_out:", "for sentence in ():"),
    ],
}
