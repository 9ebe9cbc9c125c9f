"""A run on folders: begun, resumed with the same pictures whatever happened to the folders, refused where it must."""

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from tests.tasks.segmentation import SMALL, folder, three_classes, written
from tinyunet.checkpoint import load_arrays, save_arrays
from tinyunet.data import DataError
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import Dataset, Settings
from tinyunet.tasks.segmentation.dataset import survey
from tinyunet.tasks.segmentation.running import fitted_crop

NONE = float("nan"), float("inf")


def test_a_run_can_be_resumed_and_loaded_and_is_the_unbroken_one(tmp_path):
    settings = Settings(**folder(tmp_path), **SMALL)
    unbroken = segmentation.start(settings, tmp_path / "a")
    unbroken.trainer.run(4, validate_every=2)
    broken = segmentation.start(settings, tmp_path / "b")
    broken.trainer.run(2, validate_every=2)
    again = segmentation.resume(tmp_path / "b")
    assert json.dumps(asdict(again.settings)) == json.dumps(asdict(broken.settings))
    resumed = again.trainer
    resumed.run(4, validate_every=2)
    for name in ("best", "last"):
        a, b = ((tmp_path / run / f"{name}.safetensors").read_bytes() for run in "ab")
        assert a == b
    model, same = segmentation.load(tmp_path / "b")
    assert same == again.settings
    assert not model.training
    dataset = segmentation.read(settings.images, settings.masks)
    held_out = segmentation.split(dataset, None)[1]
    assert segmentation.score(model, held_out).dice == max(numbers["dice"] for _, numbers in resumed.scores)


def test_a_run_is_never_overwritten(tmp_path):
    settings = Settings(**folder(tmp_path), **SMALL)
    segmentation.start(settings, tmp_path / "run")
    before = (tmp_path / "run" / "last.safetensors").read_bytes()
    with pytest.raises(DataError, match="there is a run already"):
        segmentation.start(settings, tmp_path / "run")
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == before


def test_settings_that_cannot_work_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match="crop 20 is not a multiple of 8"):
        Settings("nowhere", "nowhere", channels=(1, 2, 3), crop=20)
    with pytest.raises(ValueError, match="steps must be at least 1"):
        Settings("nowhere", "nowhere", steps=0)
    for wrong, message in (
        ({"batch": 0}, "batch must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"lr": -1.0}, "learning rate must be at least 0"),
        *(
            ({name: x}, f"{name} must be a number, not {x}")
            for name in ("lr", "jitter", "mask_threshold")
            for x in NONE
        ),
        ({"mask_threshold": 127.0, "ignore": "255"}, "classes and what is ignored exclude it"),
        ({"crop": 16, "batch": 1}, "leaves one pixel below 4 levels.*a crop of 32, a batch of 2"),
        ({"crop": 40}, "not a multiple of 16.*32 or 48 would do"),
        ({"crop": 3}, "not a multiple of 16.*; 16 would do"),
        ({"classes": ("0", "red")}, "'red' is no value of a mask"),
        ({"classes": ("0",)}, "two values or more"),
        ({"validation_images": "x"}, "validation pictures need their masks"),
        ({"validation_images": "x", "validation_masks": "y", "validation": 3}, "exclude each other"),
    ):
        with pytest.raises(ValueError, match=message):
            Settings("nowhere", "nowhere", **wrong)


@pytest.mark.parametrize(
    ("sizes", "crop"),
    [
        ([(512, 512)], 128),
        ([(40, 48)], 48),  # the next multiple of 16, mirrored
        ([(32, 100)], 32),
        ([(10, 10)], 32),  # twice what the network takes at least: more than one pixel at the bottom
        ([(300, 300)] * 5 + [(20, 20)], 128),  # one that is small does not make all squares small
        ([(300, 300)] + [(20, 20)] * 5, 32),
    ],
)
def test_the_crop_fits_the_pictures(sizes, crop):
    images = [np.zeros((1, *size), np.float32) for size in sizes]
    dataset = Dataset([str(k) for k in range(len(images))], images, images)
    assert fitted_crop(Settings("", ""), survey(dataset)) == crop


def test_pictures_smaller_than_the_crop_are_learnt_from(tmp_path):
    run = segmentation.start(Settings(**folder(tmp_path, size=(9, 50)), channels=(2, 2, 2), steps=1), tmp_path / "run")
    run.trainer.run(1)
    assert run.settings.crop == json.loads((tmp_path / "run" / "settings.json").read_text())["crop"] == 16


@pytest.mark.parametrize(
    "meaning", [{"table": 3}, {"table": [[1]]}, {"no": 1}, {"foreground": "blue"}, {"table": [["a", "b"]]}]
)
def test_a_meaning_that_is_none_is_named(tmp_path, meaning):
    begun(tmp_path)
    file = tmp_path / "run" / "settings.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "meaning": meaning}))
    for use in (segmentation.load, segmentation.resume):
        with pytest.raises(DataError, match=r"settings\.json: meaning is not one of masks"):
            use(tmp_path / "run")


def begun(tmp_path, **settings):
    where = folder(tmp_path)
    run = segmentation.start(Settings(**where, **{**SMALL, **settings}), tmp_path / "run")
    run.trainer.run(4, validate_every=2)
    return where, run


def test_more_steps_follow_the_longer_cosine(tmp_path):
    begun(tmp_path)
    longer = segmentation.resume(tmp_path / "run", {"steps": 10, "patience": 7})
    assert longer.trainer.optimizer.lr == pytest.approx(0.002 * (1 + np.cos(np.pi * 4 / 10)) / 2)
    longer.trainer.run(6)  # stopped again: the new end is not forgotten
    again = segmentation.resume(tmp_path / "run")
    assert (again.settings.steps, again.settings.patience, again.trainer.step) == (10, 7, 6)
    again.trainer.run(10)
    assert again.trainer.optimizer.lr == 0


def test_what_cannot_be_changed_is_refused(tmp_path):
    begun(tmp_path)
    before = {file: file.read_bytes() for file in (tmp_path / "run").iterdir()}
    for changes, message in (
        ({"lr": 0.1}, r"cannot be changed in a run that began: --lr \(is 0.002\)"),
        ({"channels": (4,), "crop": 16}, r"--channels \(is 4 8\); leave it out"),
        ({"steps": 3}, "has made 4 steps already; --steps 3 is less"),
    ):
        with pytest.raises(DataError, match=message):
            segmentation.resume(tmp_path / "run", changes)
    assert {file: file.read_bytes() for file in (tmp_path / "run").iterdir()} == before
    segmentation.resume(tmp_path / "run", {"lr": 0.002, "batch": 2})  # as it is


def test_a_run_goes_on_with_the_pictures_that_it_began_with(tmp_path):
    where, _ = begun(tmp_path)
    unbroken = segmentation.start(Settings(**where, **{**SMALL, "steps": 8}), tmp_path / "unbroken")
    unbroken.trainer.run(8)
    stopped = segmentation.start(Settings(**where, **{**SMALL, "steps": 8}), tmp_path / "stopped")
    stopped.trainer.run(4)
    for kind in ("images", "masks"):  # others come, before them by name; one gets another name
        shutil.copy(tmp_path / kind / "04.png", tmp_path / kind / "000.png")
        picture = np.random.default_rng(5).integers(2, size=(40, 48)).astype(np.uint8) * 255
        Image.fromarray(picture).save(tmp_path / kind / "001.png")
        (tmp_path / kind / "02.png").rename(tmp_path / kind / "renamed.png")
    again = segmentation.resume(tmp_path / "stopped")
    assert again.train.names == ["00", "01", "renamed", "03"]
    assert again.left_out == ["001: not there when the run began"]
    again.trainer.run(8)
    assert again.trainer.losses == unbroken.trainer.losses
    Image.fromarray(picture).save(tmp_path / "images" / "00.png")
    (tmp_path / "images" / "01.png").unlink()
    (tmp_path / "masks" / "01.png").unlink()
    with pytest.raises(DataError, match=r"00 \(has other pixels now\), 01 \(is gone\); put them back"):
        segmentation.resume(tmp_path / "stopped")


def test_a_folder_that_moved_is_named(tmp_path):
    begun(tmp_path)
    (tmp_path / "images").rename(tmp_path / "moved")
    with pytest.raises(DataError, match="images: there is no such folder"):
        segmentation.resume(tmp_path / "run")
    again = segmentation.resume(tmp_path / "run", {"images": str(tmp_path / "moved")})
    assert again.trainer.step == 4


def test_held_out_is_known_by_content(tmp_path):
    _, run = begun(tmp_path)
    shutil.copytree(tmp_path / "images", tmp_path / "copy")
    for kind in ("copy", "masks"):
        for file in list((tmp_path / kind).iterdir()):  # under other names, and in another format
            Image.open(file).save(file.with_name(f"a{file.stem}.tif"))
            file.unlink()
    dataset = segmentation.read_like(run.settings, tmp_path / "copy", tmp_path / "masks")
    assert segmentation.not_trained_on(run.settings, dataset).names == ["a04"]


def test_pictures_of_their_own_to_validate_on(tmp_path):
    where = folder(tmp_path / "all")
    other = {f"validation_{name}": path for name, path in folder(tmp_path / "own", count=2).items()}
    run = segmentation.start(Settings(**where, **other, **SMALL), tmp_path / "run")
    assert run.held_out.names == ["00", "01"]
    assert run.train.names == ["02", "03", "04"]  # the first two are the same
    assert run.left_out == ["00, 01: also among the validation pictures"]
    run.trainer.run(2)
    assert segmentation.resume(tmp_path / "run").train.names == run.train.names
    with pytest.raises(DataError, match="none is left to train on"):
        segmentation.start(
            Settings(**where, **{f"validation_{k}": v for k, v in where.items()}, **SMALL), tmp_path / "b"
        )


def test_pictures_to_validate_on_have_the_channels_of_the_others(tmp_path):
    where = folder(tmp_path / "all")
    own = written(tmp_path / "own", [np.zeros((20, 20, 3))], [np.zeros((20, 20))])
    other = {f"validation_{name}": path for name, path in own.items()}
    with pytest.raises(DataError, match="pictures have 1 channel, but those to validate on have 3; save all as"):
        segmentation.start(Settings(**where, **other, **SMALL), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("colours", [None, [(0, 0, 0), (255, 0, 0), (0, 0, 255)]])
def test_classes_are_learnt(tmp_path, colours):
    where = three_classes(tmp_path, colours=colours)
    settings = Settings(**where, channels=(8, 16), steps=60, batch=4, crop=16, lr=0.01)
    run = segmentation.start(settings, tmp_path / "run")
    assert run.settings.what_masks_mean().classes == 3
    run.trainer.run(60, validate_every=30)
    assert run.trainer.best > 0.8
    model, settings = segmentation.load(tmp_path / "run")
    assert settings.what_masks_mean() == run.train.meaning
    assert segmentation.predict(model, run.held_out.images[0]).shape == (3, 32, 40)


def noisy(seed, things=True):
    """A dark noisy picture (40, 48), with brighter discs on a third of it, and its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:40, :48]
    mask = np.zeros((40, 48), bool)
    while things and mask.mean() < 0.3:
        mask |= (y - rng.uniform(0, 40)) ** 2 + (x - rng.uniform(0, 48)) ** 2 < rng.uniform(2, 7) ** 2
    return np.clip(60 + 90 * mask + rng.normal(0, 20, mask.shape), 0, 255), 255 * mask


def test_in_background_alone_nothing_is_marked(tmp_path):
    where = written(tmp_path, *zip(*(noisy(k) for k in range(8)), strict=True))
    settings = Settings(**where, channels=(4, 8), steps=400, batch=4, crop=16)
    run = segmentation.start(settings, tmp_path / "run")
    learnt_from = np.stack([run.train.images[k] for k in range(len(run.train.names))])
    np.testing.assert_allclose(run.trainer.model.mean.numpy().ravel(), learnt_from.mean(), rtol=1e-4)
    run.trainer.run(400)
    assert run.trainer.best > 0.9
    empty = [noisy(100 + k, things=False)[0][None] / 255 for k in range(4)]
    assert np.mean([segmentation.predict(run.trainer.model, x.astype(np.float32)) > 0.5 for x in empty]) < 0.01


def test_classes_in_the_order_that_is_asked_for(tmp_path):
    where = three_classes(tmp_path)
    settings = Settings(**where, **SMALL, classes=("2", "0"), ignore="1")
    run = segmentation.start(settings, tmp_path / "run")
    assert run.train.classes == 2
    assert set(np.unique(run.train.masks[0])) == {0, 1, 255}
    with pytest.raises(DataError, match="which is no class"):
        segmentation.start(Settings(**where, **SMALL, classes=("0", "1")), tmp_path / "b")


def test_weights_of_an_earlier_version_or_another_network_are_named(tmp_path):
    begun(tmp_path)
    file = tmp_path / "run" / "best.safetensors"
    weights, about = load_arrays(file)
    for change, message in (
        (lambda w: [w.pop("mean"), w.pop("std")], "run: the run was made by an earlier version.*train it again"),
        (lambda w: w.clear(), r"best\.safetensors: does not fit .*weights of another network"),
        (lambda w: w.pop("output.bias"), r"best\.safetensors: does not fit .*missing: output\.bias"),
        (lambda w: w.update({"output.bias": np.zeros(2)}), r"best\.safetensors: does not fit .*output\.bias is \(2,\)"),
        (lambda w: w["output.bias"].fill(np.nan), r"best\.safetensors: .*nan or infinite: output\.bias"),
    ):
        changed = {name: a.copy() for name, a in weights.items()}
        change(changed)
        save_arrays(file, changed, about)
        with pytest.raises(DataError, match=message):
            segmentation.load(tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    del settings["trained_on"]
    (tmp_path / "run" / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(DataError, match="run: the run was made by an earlier version"):
        segmentation.resume(tmp_path / "run")


MUTANTS = {
    "tasks.segmentation.running:resume": [
        ("more steps are forgotten", "if settings != before:", "if False:"),
    ],
    "tasks.segmentation.running:_check_channels": [
        ("found at the first validation", "channels != others", "False"),
    ],
    "tasks.settings:Settings.__post_init__": [
        ("nan is a number", "and not math.isfinite(value)", "and value == math.inf"),
        ("with a threshold, nothing is ignored", "or self.ignore is not None", ""),
    ],
    "tasks.segmentation.running:_possible": [
        ("changes without a word", "if wrong:", "if False:"),
    ],
    "tasks.segmentation.running:_trainer": [
        ("no scale is learnt", "model.learn_scale(*scale(facts))", ""),
    ],
    "tasks.segmentation.running:not_trained_on": [
        ("everything is new", "each not in trained_on", "True"),
    ],
    "tasks.segmentation.running:fitted_crop": [
        (
            "one pixel at the bottom",
            "int(np.ceil(side / settings.multiple)), 2)",
            "int(np.ceil(side / settings.multiple)), 1)",
        ),
        ("the smallest decides", "np.median(", "np.min("),
    ],
    "tasks.segmentation.running:begun": [
        ("learnt and validated on", "if k not in kept]", "]"),
    ],
}
