"""The procedural pictures: their contract, and that they are as hard and as easy as they claim."""

import time

import numpy as np
import pytest

from tinyunet.classical import otsu, tuned_local_threshold
from tinyunet.data import cells, filaments, synthetic
from tinyunet.metrics import dice

both = pytest.mark.parametrize("draw", [cells, filaments])


@both
@pytest.mark.parametrize(("size", "shape"), [(64, (64, 64)), ((17, 23), (17, 23)), ((40, 9), (40, 9)), (1, (1, 1))])
def test_shapes_dtypes_and_ranges(draw, size, shape):
    images, masks = draw(3, size, rng=1)
    assert images.shape == masks.shape == (3, 1, *shape)
    assert images.dtype == masks.dtype == np.float32
    assert np.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.isin(masks, (0, 1)).all()


@both
def test_a_seed_is_a_set_and_another_seed_another(draw):
    np.testing.assert_array_equal(draw(2, 32, 5), draw(2, 32, 5))
    assert (draw(2, 32, 5)[0] != draw(2, 32, 6)[0]).any()


@both
def test_an_image_does_not_depend_on_how_many_are_asked_for(draw):
    np.testing.assert_array_equal(np.array(draw(3, 24, 2)), np.array(draw(5, 24, 2))[:, :3])


@both
def test_a_generator_goes_on_where_it_stands(draw):
    rng = np.random.default_rng(4)
    halves = [np.array(draw(2, 24, rng)), np.array(draw(2, 24, rng))]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), np.array(draw(4, 24, 4)))


@both
def test_the_pictures_of_a_set_differ(draw):
    images, masks = draw(4, 32)
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


def nearby(mask):
    """The mask (N, 1, H, W) and a pixel more on each side."""
    around = np.pad(mask, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return around[..., :-2, 1:-1] + around[..., 2:, 1:-1] + around[..., 1:-1, :-2] + around[..., 1:-1, 2:] + mask > 0


def test_a_filament_is_bright_long_and_one_to_three_pixels_wide():
    images, masks = filaments(32)
    assert masks.any(axis=(1, 2, 3)).all()
    for image, mask, near in zip(images, masks, nearby(nearby(masks)), strict=True):
        assert image[mask == 1].mean() > 1.1 * image[near & (mask == 0)].mean()
    inside = ~nearby(1 - masks)
    assert 0 < inside.mean() / masks.mean() < 0.3  # at most the middle one of three
    assert not (inside & ~nearby(1 - inside)).mean() > 0.01  # more only where filaments cross
    beside = np.roll(masks, 2, axis=3)
    assert dice(beside, masks) < 0.5 < 0.8 < dice(np.roll(cells(32)[1], 2, axis=3), cells(32)[1])


def test_a_filament_turns_gently_and_does_not_stop():
    one = np.random.default_rng(3)
    light, mask = np.zeros((200, 200)), np.zeros((200, 200))
    synthetic._paint_filament(light, mask, one)
    assert mask.sum() > 100
    assert ((light > 0) == (mask == 1)).all()
    assert (nearby(mask[None, None]) & ~nearby(nearby(1 - mask[None, None]))).sum() == 0
    piece = np.zeros_like(mask, bool)[None, None]
    piece[(0, 0, *np.argwhere(mask)[0])] = True
    for _ in range(400):
        piece = nearby(piece) & (mask == 1)
    assert piece.sum() == mask.sum()  # in one piece


def test_one_threshold_is_not_enough():
    images, masks = cells(64)
    score = dice(np.stack([otsu(image) for image in images]), masks)
    assert 0.55 < score < 0.8
    images, masks = filaments(64)
    assert dice(np.stack([otsu(image) for image in images]), masks) < 0.5


def test_sixty_four_pictures_take_a_moment():
    start = time.process_time()
    cells(64)
    assert time.process_time() - start < 2  # some 0.2 s; the rest is for slow machines


@both
def test_no_pictures_at_all(draw):
    images, masks = draw(0, 16)
    assert images.shape == masks.shape == (0, 1, 16, 16)


@both
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
def test_refusals(draw, arguments, error, message):
    with pytest.raises(error, match=message):
        draw(*arguments)


MUTANTS = {
    "data.synthetic:_paint_filament": [
        ("the mask is wider than the filament", "mask[where] = 1", "mask[tuple(i.clip(1) - 1 for i in where)] = 1"),
        ("rows for columns", "columns[step, 0, column]", "columns[step, 0, row]"),
        ("five pixels wide", "rng.uniform(0.6, 1.4)", "rng.uniform(2.1, 2.6)"),
        ("with gaps", "0.5 * np.cumsum(np.sin(direction))", "5 * np.cumsum(np.sin(direction))"),
        ("as dark as the glass", "rng.uniform(0.25, 0.6)", "rng.uniform(0.05, 0.1)"),
    ],
}
