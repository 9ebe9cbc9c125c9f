"""Real pictures: which are learnt from, which are held out, and that no part of these is ever learnt from."""

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import DataError, write_picture
from tinyunet.tasks.denoising import Denoising
from tinyunet.tasks.photographs import HELD_OUT, LEARNT_FROM, bundled, details, digits, patches, photographs
from tinyunet.tasks.registry import TASKS
from tinyunet.tasks.style import Pen
from tinyunet.tasks.superresolution import SuperResolution

pytestmark = pytest.mark.pictures

OF_PICTURES = [task for task in TASKS.values() if not task.no_images]


@pytest.fixture
def folder(tmp_path):
    """Four pictures of 70×80, in which every pixel of picture k is k / 10, but for one."""
    for k in range(4):
        picture = np.full((1, 70, 80), k / 10)
        picture[0, 0, 0] = 1
        write_picture(tmp_path / f"{k}.png", picture)
    return tmp_path


def test_what_comes_along_is_grey_and_no_picture_is_in_both_lists():
    assert len({*LEARNT_FROM, *HELD_OUT}) == len(LEARNT_FROM) + len(HELD_OUT)
    train, test = photographs("denoising", None)
    assert (tuple(train), tuple(test)) == (LEARNT_FROM, HELD_OUT)
    pictures = {**train, **test}
    for picture in pictures.values():
        assert picture.dtype == np.float32
        assert picture.ndim == 3
        assert len(picture) == 1
        assert min(picture.shape[1:]) >= 172
        assert 0 <= picture.min() < 0.4 < 0.5 < picture.max() <= 1
    names = list(pictures)
    thumbnails = {n: np.asarray(Image.fromarray(pictures[n][0]).resize((16, 16), Image.Resampling.BOX)) for n in names}
    likeness = np.corrcoef([thumbnails[n].ravel() for n in names])
    assert (likeness - np.eye(len(names))).max() < 0.9  # no name hides a picture of another


@pytest.mark.parametrize("name", LEARNT_FROM)
def test_only_the_moon_is_doubled(name):
    _, H, W = (picture := bundled(name, "superresolution")).shape
    pixels = picture[:, : H // 2 * 2, : W // 2 * 2]
    assert np.array_equal(pixels[:, ::2, ::2], pixels[:, 1::2, 1::2]) == (name == "moon")


@pytest.mark.parametrize("kind", OF_PICTURES)
def test_a_folder_is_learnt_from_but_for_its_last_picture(folder, kind):
    task = kind(fast=True, images=str(folder))
    (held_out,) = {example.name.split(",")[0] for example in task.held_out}
    assert held_out == "3"
    inputs, _, _ = task.batch(np.random.default_rng(0), 32)
    assert task.picture({"U-Net": [e.truth for e in task.held_out], "another": [e.truth for e in task.held_out]})
    learnt_from = task.pairs if hasattr(task, "pairs") else task.train
    assert [round(float(x[0, 5, 5]), 1) for x in learnt_from] == [0.0, 0.1, 0.2][: len(learnt_from)]
    assert len(learnt_from) == (1 if getattr(task, "one_pair", False) else 3)
    assert inputs[0].shape[-2:] in {(32, 32), (16, 16)}


def test_of_many_pictures_the_last_fifth_is_held_out(folder):
    for k in range(4, 10):
        write_picture(folder / f"{k}.png", np.zeros((3, 64, 64)))
    train, test = photographs("pen", str(folder))
    assert ("".join(train), "".join(test)) == ("01234567", "89")
    assert test["9"].shape == (1, 64, 64)


@pytest.mark.parametrize("kind", OF_PICTURES)
def test_what_is_judged_by_was_held_out_as_a_whole(kind):
    """What is learnt from is the pictures that a task keeps, and none of them is one that is held out."""
    task = kind()
    judged_by = {example.name.split(",")[0] for example in task.held_out}
    assert {"camera", "coins"} <= judged_by
    for x in task.pairs if hasattr(task, "pairs") else task.train:
        for name in judged_by:
            other = bundled(name, task.name)
            assert x[:1].shape != other.shape or not np.array_equal(x[:1], other)


def test_some_pictures_are_left_out_where_they_are_not_fit():
    assert len(SuperResolution(fast=True).train) == len(LEARNT_FROM) - 1  # the moon
    assert len(Pen(fast=True).pairs) == len(LEARNT_FROM) - 1  # the cat is held out
    assert len(Denoising(fast=True).train) == len(LEARNT_FROM)


@pytest.mark.parametrize("kind", OF_PICTURES)
def test_a_folder_that_does_not_do_is_refused_in_a_sentence(folder, kind):
    def refused(message):
        with pytest.raises(DataError, match=message):
            kind(fast=True, images=str(folder))

    write_picture(folder / "2.png", np.zeros((1, 63, 80)))
    refused(r"2 is 63×80; \w+ needs pictures of at least 64×64")
    (folder / "2.png").write_text("no")
    refused(r"2\.png: this is no picture")
    for k in range(1, 4):
        (folder / f"{k}.png").unlink()
    refused("there is one picture in it")
    (folder / "0.png").unlink()
    refused("there are no pictures in it")


def test_patches_are_squares_of_the_pictures_mirrored_and_turned():
    picture = np.arange(30.0 * 40).reshape(1, 30, 40)
    found = patches([picture, picture + 10_000], np.random.default_rng(0), 200, 8)
    assert found.shape == (200, 1, 8, 8)
    steps = {(x[0, 0, 1] - x[0, 0, 0], x[0, 1, 0] - x[0, 0, 0]) for x in found}
    assert steps == {(a * 1.0, b * 1.0) for p, q in ((1, 40), (40, 1)) for a in (p, -p) for b in (q, -q)}
    assert 60 < (found[:, 0, 0, 0] >= 10_000).sum() < 140
    corners = found.min(axis=(1, 2, 3)) % 10_000
    assert corners.min() < 150
    assert corners.max() > 750


def test_a_detail_lies_where_it_should_and_inside():
    x = np.arange(40.0 * 60).reshape(1, 40, 60)
    found = details({"truth": [x, x, x]}, ["camera", "coins", "mine"], 4)["truth"]
    assert [y.shape for y in found] == [(1, 10, 10)] * 3
    assert [(y[0, 0, 0] // 60, y[0, 0, 0] % 60) for y in found] == [(7, 23), (2, 5), (15, 25)]
    (whole,) = details({"truth": [x]}, ["coins"], 1)["truth"]
    assert whole.shape == (1, 40, 40)


def test_the_digits_are_light_on_dark_between_0_and_1():
    x, labels = digits("classifier")
    assert x.shape == (1797, 1, 8, 8)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    assert x[:, 0, 0, 0].mean() < 0.01
    assert np.bincount(labels).min() > 170


MUTANTS = {
    "tasks.photographs:HELD_OUT": [
        ("the cat is in both lists", '"camera", "coins"', '"camera", "cat"'),
    ],
    "tasks.photographs:_of_a_folder": [
        ("all are learnt from", "for name in names[:first]}", "for name in names}"),
        ("the first ones are held out", "for name in names[first:]}", "for name in names[:1]}"),
        ("of few, none is held out", "max(len(names) // 5, 1)", "len(names) // 5"),
    ],
    "tasks.photographs:patches": [
        ("always the first picture", "rng.integers(len(pictures), size=n)", "[0] * n"),
    ],
    "tasks.photographs:_varied": [
        ("never turned", "random_quarter_turn(*random_flip(x, twin, rng), rng)[0]", "random_flip(x, twin, rng)[0]"),
    ],
    "tasks.photographs:_detail": [
        ("from the centre on", "- side // 2, 0)", ", 0)"),
    ],
    "tasks.superresolution:SuperResolution.__init__": [
        ("with the doubled moon", 'del train["moon"]', "pass"),
    ],
    "tasks.style:Style.__init__": [
        ("learns from the cat, too", 'train.pop("cat")', 'train["cat"]'),
    ],
}
