"""Segmentation from a folder: settings, split, tiles, scores, baselines."""

import numpy as np
import pytest
from PIL import Image

import tinyunet.functional as F
from tinyunet import data, metrics
from tinyunet.data import DataError
from tinyunet.nn import Module
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import Dataset, Settings
from tinyunet.unet import UNet

SMALL = {"channels": (4, 8), "steps": 4, "batch": 2, "crop": 16}


def folder(path, count=5, size=(40, 48)):
    """Drawn cells as PNG files: 8-bit pictures in images/, masks of 0 and 255 in masks/."""
    images, masks = data.cells(count, size=size, rng=1)
    for name, arrays in (("images", images), ("masks", masks)):
        (path / name).mkdir(parents=True)
        for k, a in enumerate(arrays):
            Image.fromarray(np.rint(a[0] * 255).astype(np.uint8)).save(path / name / f"{k:02}.png")
    return {"images": str(path / "images"), "masks": str(path / "masks")}


class Pixelwise(Module):
    """A "model" whose logit at a pixel is a function of that pixel alone, so that tiling must not be seen."""

    in_channels, multiple = 1, 8

    def __init__(self):
        self.shapes = []

    def forward(self, x):
        self.shapes.append(x.shape)
        return F.mul(x, 3.0)


@pytest.mark.parametrize("size", [(5, 7), (8, 8), (64, 64), (65, 64), (200, 70), (1, 1), (130, 129)])
def test_tiles_are_put_together_without_a_seam(size):
    image = np.random.default_rng(0).random((1, *size)).astype(np.float32)
    model = Pixelwise()
    p = segmentation.predict(model, image, tile=64, overlap=16)
    expected = F.sigmoid(3 * data.standardize(image)).numpy()
    assert p.shape == (1, *size)
    np.testing.assert_allclose(p, expected, rtol=1e-5, atol=1e-6)
    assert all(h <= 64 and w <= 64 and h % 8 == w % 8 == 0 for _, _, h, w in model.shapes)


def test_where_tiles_meet_the_inner_one_counts_more():
    class EdgeIsWrong(Pixelwise):
        def forward(self, x):
            logits = np.full(x.shape, -9.0)
            logits[:, :, 2:-2, 2:-2] = 9.0
            return F.mul(logits, 1.0)

    p = segmentation.predict(EdgeIsWrong(), np.ones((1, 100, 100)), tile=64, overlap=28)
    assert p[0, 8:-8, 8:-8].min() > 0.75  # with equal weights: one half


def test_predict_evaluates_and_changes_nothing():
    model, image = UNet(1, 1, channels=(4,), rng=0), np.random.default_rng(0).random((1, 16, 16)).astype(np.float32)
    before = model.state_dict()
    p = segmentation.predict(model, image)
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_array_equal(segmentation.predict(model.eval(), image), p)
    assert not model.training


@pytest.mark.parametrize("shape", [(4, 4), (3, 8, 8), (1, 0, 8)])
def test_predict_refuses_what_is_no_image_for_the_model(shape):
    with pytest.raises(ValueError, match="predict: the image"):
        segmentation.predict(Pixelwise(), np.zeros(shape))


def test_split_keeps_the_last():
    dataset = Dataset(list("abcdefghijk"), [np.zeros((1, 2, 2))] * 11, [np.zeros((1, 2, 2))] * 11)
    train, held_out = segmentation.split(dataset, None)
    assert (train.names, held_out.names) == (list("abcdefghi"), ["j", "k"])
    assert segmentation.split(dataset, 0)[1].names == []
    for wrong in (11, -1):
        with pytest.raises(DataError, match=f"{wrong} of 11 pictures"):
            segmentation.split(dataset, wrong)


def test_a_run_can_be_resumed_and_loaded_and_is_the_unbroken_one(tmp_path):
    settings = Settings(**folder(tmp_path), **SMALL)
    unbroken = segmentation.start(settings, tmp_path / "a")
    unbroken.run(4, validate_every=2)
    broken = segmentation.start(settings, tmp_path / "b")
    broken.run(2, validate_every=2)
    resumed, same = segmentation.resume(tmp_path / "b")
    assert same == settings
    resumed.run(4, validate_every=2)
    for name in ("best", "last"):
        a, b = ((tmp_path / run / f"{name}.safetensors").read_bytes() for run in "ab")
        assert a == b
    model, same = segmentation.load(tmp_path / "b")
    assert same == settings
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
    with pytest.raises(DataError, match=r"00 is 40×48, smaller than the crop of 64"):
        segmentation.start(Settings(**folder(tmp_path), crop=64), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_foreground_dark_is_the_other_class(tmp_path):
    where = folder(tmp_path)
    light, dark = (segmentation.read(**where, foreground=side).masks for side in ("light", "dark"))
    for a, b in zip(light, dark, strict=True):
        np.testing.assert_array_equal(a + b, 1)


def test_scores_are_of_all_pixels_together():
    p = [np.array([[[0.9, 0.2]]]), np.array([[[0.6, 0.4, 0.1, 0.3]]])]
    t = [np.array([[[1.0, 1.0]]]), np.array([[[1.0, 0.0, 0.0, 0.0]]])]
    score = segmentation.score_of(p, t)
    assert score.dice == pytest.approx(2 * 2 / (2 + 3))
    assert score.iou == pytest.approx(2 / 3)
    assert score.accuracy == pytest.approx(5 / 6)
    assert score.auc == metrics.roc_auc([0.9, 0.2, 0.6, 0.4, 0.1, 0.3], [1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("inverted", [False, True])
def test_baselines_look_at_both_sides_of_the_picture(inverted):
    images, masks = data.cells(3, size=48, rng=0)
    images = 1 - images if inverted else images
    otsu, local = segmentation.baselines(Dataset(["a", "b", "c"], list(images), list(masks))).values()
    assert 0.4 < otsu.dice < 0.85
    assert otsu.dice < local.dice


def test_the_pictures_stand_under_their_titles():
    rng = np.random.default_rng(0)
    columns = {"image": [rng.random((1, 4, 6)), rng.random((3, 4, 6))], "truth": [np.zeros((1, 4, 6))] * 2}
    figure = segmentation.picture(columns, [1.0, 0.5], [(2, {"dice": 0.9})], "all of it")
    grid = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in grid] == ["image", "truth", "", ""]
    np.testing.assert_array_equal(grid[0].images[0].get_array(), columns["image"][0][0])
    np.testing.assert_array_equal(grid[2].images[0].get_array(), columns["image"][1].transpose(1, 2, 0))
    assert all(axes.images[0].get_clim() == (0, 1) for axes in grid)
