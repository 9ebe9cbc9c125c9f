"""The procedural cells: their contract, and that they are as hard and as easy as they claim."""

import time

import numpy as np
import pytest

from tinyunet.classical import otsu, tuned_local_threshold
from tinyunet.data import cells
from tinyunet.metrics import dice


@pytest.mark.parametrize(("size", "shape"), [(64, (64, 64)), ((17, 23), (17, 23)), ((40, 9), (40, 9)), (1, (1, 1))])
def test_shapes_dtypes_and_ranges(size, shape):
    images, masks = cells(3, size, rng=1)
    assert images.shape == masks.shape == (3, 1, *shape)
    assert images.dtype == masks.dtype == np.float32
    assert np.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.isin(masks, (0, 1)).all()


def test_a_seed_is_a_set_and_another_seed_another():
    np.testing.assert_array_equal(cells(2, 32, 5), cells(2, 32, 5))
    assert (cells(2, 32, 5)[0] != cells(2, 32, 6)[0]).any()


def test_an_image_does_not_depend_on_how_many_are_asked_for():
    np.testing.assert_array_equal(np.array(cells(3, 24, 2)), np.array(cells(5, 24, 2))[:, :3])


def test_a_generator_goes_on_where_it_stands():
    rng = np.random.default_rng(4)
    halves = [np.array(cells(2, 24, rng)), np.array(cells(2, 24, rng))]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), np.array(cells(4, 24, 4)))


def test_the_pictures_of_a_set_differ():
    images, masks = cells(4, 32)
    assert len({image.tobytes() for image in images}) == len({mask.tobytes() for mask in masks}) == 4


def test_every_picture_has_cells_and_background():
    _, masks = cells(64)
    share = masks.mean(axis=(1, 2, 3))
    assert share.min() > 0.1
    assert share.max() < 0.6
    assert cells(20, 5)[1].any(axis=(1, 2, 3)).all()  # however small the picture


def test_the_mask_is_where_the_cells_are():
    """Cells outshine what lies just around them; a mask shifted or transposed against its image would not."""
    images, masks = cells(32)
    surroundings = sum(np.roll(masks, shift, axes) for shift in (-3, 3) for axes in (2, 3)) > 0
    ring = surroundings & (masks == 0)
    for image, mask, around in zip(images, masks, ring, strict=True):
        assert image[mask == 1].mean() > 1.2 * image[around].mean()
    turned = masks.transpose(0, 1, 3, 2)
    assert tuned_local_threshold(images, turned).dice < 0.6 < tuned_local_threshold(images, masks).dice


def test_one_threshold_is_not_enough():
    images, masks = cells(64)
    score = dice(np.stack([otsu(image) for image in images]), masks)
    assert 0.55 < score < 0.8


def test_sixty_four_pictures_take_a_moment():
    start = time.process_time()
    cells(64)
    assert time.process_time() - start < 2  # some 0.2 s; the rest is for slow machines


def test_no_pictures_at_all():
    images, masks = cells(0, 16)
    assert images.shape == masks.shape == (0, 1, 16, 16)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1,), ValueError, "must not be negative, but is -1"),
        ((2.5,), TypeError, "float"),
        ((1, 0), ValueError, "at least 1 by 1 pixels, not 0"),
        ((1, (8, -3)), ValueError, r"not \(8, -3\)"),
        ((1, 8.0), TypeError, "int or a pair"),
        ((1, (8, 8, 8)), TypeError, "int or a pair"),
        ((1, "64"), TypeError, "int or a pair"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=message):
        cells(*arguments)
