"""Drawn scenes: their contract, and that they are as hard and as easy as they claim."""

import numpy as np
import pytest

from tinyunet.data import SCENE_CLASSES, scene, scenes


@pytest.mark.parametrize(("size", "shape"), [(48, (48, 48)), ((17, 23), (17, 23)), (1, (1, 1))])
def test_shapes_dtypes_and_ranges(size, shape):
    images, classes = scenes(3, size, rng=1)
    assert images.shape == (3, 3, *shape)
    assert classes.shape == (3, *shape)
    assert (images.dtype, classes.dtype) == (np.float32, np.int64)
    assert 0 <= images.min() <= images.max() <= 1
    assert 0 <= classes.min() <= classes.max() < len(SCENE_CLASSES)


def test_a_seed_is_a_set_whose_beginning_does_not_depend_on_its_length():
    few, many = scenes(2, 24, rng=5), scenes(4, 24, rng=5)
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b[:2])
    assert (few[0] != scenes(2, 24, rng=6)[0]).any()


def test_every_class_is_often_there():
    _, classes = scenes(24)
    share = np.bincount(classes.ravel(), minlength=len(SCENE_CLASSES)) / classes.size
    assert 0.35 < share[0] < 0.65
    assert share[1:].min() > 0.04


def painted(kind, radius=20.0, rng=0):
    """One thing of a kind on a black ground: the light, and where it is."""

    class OneKind(np.random.Generator):
        def integers(self, *limits):
            return kind

    light, classes = np.zeros((3, 61, 61)), np.zeros((61, 61), int)
    disc = scene._Disc(30.0, 30.0, radius)
    scene._paint_thing(light, classes, disc, 0.0, OneKind(np.random.PCG64(rng)))
    return light, classes == kind


@pytest.mark.parametrize(
    ("kind", "area"),
    [
        (1, np.pi),
        (2, 1.8**2),
        (3, 0.7**2 * 3 * np.sqrt(3)),  # of an equilateral triangle, by its inner radius
        (4, 4 * 0.84 * 1.1 - 0.84**2),  # two bars, which share a square
        (5, np.pi * (1.15**2 - 0.45**2)),
    ],
)
def test_a_thing_has_the_shape_of_its_kind(kind, area):
    for rng in range(3):  # in any direction
        light, inside = painted(kind, rng=rng)
        assert inside.sum() == pytest.approx(area * 20**2, rel=0.03)
        assert ((light > 0).any(axis=0) == inside).all()
    assert inside[30, 30] == (kind != 5)  # a ring has a hole


def test_a_thing_has_two_tones_and_a_plain_rim():
    for kind in range(1, len(SCENE_CLASSES)):
        light, inside = painted(kind)
        tone = (light[0] / light[0].max())[inside]
        assert tone.std() > 0.15
    light, inside = painted(1)
    y, x = np.mgrid[:61, :61] - 30.0
    rim = inside & (np.hypot(y, x) > 18.5)
    shade = 1 + 0.3 * x / 20  # the lamp stands to the right
    colour = light[:, rim] / shade[rim]
    assert np.ptp(colour, axis=1).max() < 1e-9


def test_a_shadow_falls_away_from_the_lamp():
    light, classes = np.ones((3, 61, 61)), np.zeros((61, 61), int)
    scene._paint_thing(light, classes, scene._Disc(30.0, 30.0, 20.0), 0.0, np.random.default_rng(0))
    dark = (light[0] == 0.55) & (classes == 0)
    assert dark.any()
    assert np.nonzero(dark)[1].mean() < 30


def test_no_thing_hides_the_middle_of_another():
    for rng in range(20):
        discs = scene._scatter(128, 128, np.random.default_rng(rng))
        assert len(discs) > 2
        for k, one in enumerate(discs):
            for other in discs[:k]:
                assert np.hypot(one.y - other.y, one.x - other.x) > 0.7 * (one.radius + other.radius) > 22


def test_colour_tells_something_but_little():
    """The class whose mean colour is nearest is right for a third of the things' pixels, not for nearly all."""
    images, classes = scenes(24)
    means = np.stack([images.transpose(1, 0, 2, 3)[:, classes == k].mean(axis=1) for k in range(len(SCENE_CLASSES))])
    images, classes = scenes(24, rng=1)
    nearest = np.square(images[:, None] - means[:, :, None, None]).sum(axis=2).argmin(axis=1)
    right = (nearest == classes)[classes > 0].mean()
    assert 0.25 < right < 0.6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1,), ValueError, "scenes: count must not be negative, but is -1"),
        ((1, 0), ValueError, "scenes: a size is at least 1 by 1 pixels, not 0"),
        ((2.5,), TypeError, "float"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=message):
        scenes(*arguments)


MUTANTS = {
    "data.scene:_paint_thing": [
        ("the class of what lies in the shadow", "label[inside] = kind", "label[light[0] < 1] = kind"),
        ("the shadow falls towards the lamp", "down + away[0], right + away[1]", "down - away[0], right - away[1]"),
        ("no plain rim", "np.where(within, texture(v, u, rng), 0)", "texture(v, u, rng)"),
        ("no texture", "rng.uniform(0.3, 0.5) * colour", "colour"),
    ],
    "data.scene:_scatter": [
        ("things hide each other", "0.7 * (new.radius", "0.1 * (new.radius"),
    ],
    "data.scene:_colour": [
        ("every kind has any colour", "HUES[kind], SPREAD", "0, 9"),
    ],
    "data.scene:_ring": [
        ("a disc", "abs(np.hypot(v, u) - 0.8) < 0.35", "np.hypot(v, u) < 1.15"),
    ],
    "data.scene:_cross": [
        ("a square", "(np.minimum(abs(v), abs(u)) < 0.42) &", ""),
    ],
}
