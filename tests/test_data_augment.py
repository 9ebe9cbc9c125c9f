"""Augmentations: image and mask move together, every outcome occurs, and the bending is what it says."""

import functools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyunet.data import elastic_deform, random_crop, random_flip, random_quarter_turn
from tinyunet.data.augment import cubic_matrix


def numbered(height, width, channels=2):
    """An image whose pixels all differ, and a "mask" of the same numbers: they tell where each pixel went."""
    mask = np.arange(height * width, dtype=np.float32).reshape(1, height, width)
    return np.concatenate([mask + 1000 * c for c in range(channels)]), mask


def outcomes(augment, height, width, draws=400):
    """How often each arrangement of the pixels came out; image and mask must have gone together."""
    rng = np.random.default_rng(0)
    image, mask = numbered(height, width)
    counts = Counter()
    for _ in range(draws):
        x, y = augment(image, mask, rng)
        np.testing.assert_array_equal(x, np.concatenate([y, y + 1000]))
        counts[y.shape, y.tobytes()] += 1
    return counts


def expected(*arrangements):
    return {(a.shape, a.tobytes()) for a in arrangements}


def test_every_crop_is_equally_likely():
    _, mask = numbered(4, 5)
    counts = outcomes(lambda image, mask, rng: random_crop(image, mask, (3, 2), rng), 4, 5, draws=1600)
    assert set(counts) == expected(*[mask[:, i : i + 3, j : j + 2] for i in range(2) for j in range(4)])
    assert min(counts.values()) > 140  # 200 each


def test_a_crop_of_the_whole_and_of_a_square():
    image, mask = numbered(4, 5)
    x, y = random_crop(image, mask, (4, 5), np.random.default_rng(0))
    np.testing.assert_array_equal(x, image)
    np.testing.assert_array_equal(y, mask)
    assert random_crop(image, mask, 3, np.random.default_rng(0))[0].shape == (2, 3, 3)


def test_every_flip_is_equally_likely():
    _, mask = numbered(3, 4)
    counts = outcomes(random_flip, 3, 4)
    assert set(counts) == expected(mask, mask[:, ::-1], mask[:, :, ::-1], mask[:, ::-1, ::-1])
    assert min(counts.values()) > 65  # 100 each


def test_every_quarter_turn_is_equally_likely():
    _, mask = numbered(3, 3)
    counts = outcomes(random_quarter_turn, 3, 3)
    assert set(counts) == expected(*[np.rot90(mask[0], k)[None] for k in range(4)])
    assert min(counts.values()) > 65


def test_an_oblong_image_is_only_turned_upside_down():
    _, mask = numbered(3, 4)
    counts = outcomes(random_quarter_turn, 3, 4)
    assert set(counts) == expected(mask, mask[:, ::-1, ::-1])
    assert min(counts.values()) > 150


@given(st.integers(2, 6), st.integers(2, 40))
def test_cubic_interpolation_is_exact_for_straight_lines(grid, size):
    t = np.linspace(0, 1, size)
    line = cubic_matrix(size, grid) @ (3 * np.linspace(0, 1, grid) - 1)
    np.testing.assert_allclose(line, 3 * t - 1, atol=1e-12)


@given(st.integers(2, 6), st.integers(1, 5))
def test_cubic_interpolation_passes_through_the_values(grid, steps):
    matrix = cubic_matrix((grid - 1) * steps + 1, grid)
    np.testing.assert_allclose(matrix[::steps], np.eye(grid), atol=1e-12)


def test_cubic_interpolation_is_exact_for_parabolas_and_smooth_inside():
    t = np.linspace(0, 5, 501)
    curve = cubic_matrix(501, 6) @ np.arange(6.0) ** 2
    inside = (t >= 1) & (t <= 4)
    np.testing.assert_allclose(curve[inside], t[inside] ** 2, atol=1e-12)
    slope = np.diff(cubic_matrix(5001, 6) @ np.random.default_rng(0).normal(size=6)) * 1000
    assert np.abs(np.diff(slope)).max() < 0.05  # it has no corners: linear interpolation jumps by about 1


def test_a_field_of_zero_changes_nothing():
    image, mask = numbered(11, 14)
    x, y = elastic_deform(image, mask, np.random.default_rng(0), sigma=0)
    np.testing.assert_array_equal(x, image)
    np.testing.assert_array_equal(y, mask)


class Shift:
    """Stands in for the Generator: the same displacement at every grid point."""

    def __init__(self, down, right):
        self.displacement = np.array([down, right], float)[:, None, None]

    def normal(self, mean, sigma, shape):
        return np.broadcast_to(self.displacement, shape)


@pytest.mark.parametrize(("down", "right"), [(2, 0), (0, 3), (-2, 1), (25, -40)])
def test_a_constant_field_is_a_shift_with_mirrored_borders(down, right):
    image, mask = numbered(9, 12)
    far = np.pad(image, ((0, 0), (50, 50), (50, 50)), mode="reflect")
    moved = far[:, 50 + down : 59 + down, 50 + right : 62 + right]
    x, y = elastic_deform(image, mask, Shift(down, right))
    np.testing.assert_allclose(x, moved, atol=1e-4)
    np.testing.assert_array_equal(y, moved[:1])


def test_half_a_pixel_is_the_mean_of_two_and_the_mask_is_not():
    image, mask = np.zeros((1, 5, 7), np.float32), np.zeros((1, 5, 7), np.float32)
    image[0, :, 3] = mask[0, :, 3] = 1
    x, y = elastic_deform(image, mask, Shift(0, 0.25))
    np.testing.assert_allclose(x[0, 2], [0, 0, 0.25, 0.75, 0, 0, 0], atol=1e-6)
    np.testing.assert_array_equal(y, mask)


def test_the_displacements_have_the_stated_spread():
    """On a ramp the result tells the displacement; at the grid's own points its deviation is sigma."""
    y, x = np.mgrid[:201, :201].astype(np.float64)
    ramps, mask = np.stack([y, x]), np.zeros((1, 201, 201))
    rng = np.random.default_rng(0)
    moves = [elastic_deform(ramps, mask, rng)[0][:, 100, 100] - 100 for _ in range(150)]
    np.testing.assert_allclose(np.std(moves, axis=0), 10, rtol=0.25)
    assert abs(np.corrcoef(np.array(moves).T)[0, 1]) < 0.3  # down and across are independent
    narrow = [elastic_deform(ramps, mask, rng, sigma=2)[0][:, 100, 100] - 100 for _ in range(100)]
    np.testing.assert_allclose(np.std(narrow, axis=0), 2, rtol=0.25)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 1000))
def test_the_mask_stays_binary_and_follows_the_image(height, width, seed):
    rng = np.random.default_rng(seed)
    mask = (rng.random((1, height, width)) < 0.5).astype(np.float32)
    x, y = elastic_deform(np.concatenate([mask, 1 - mask]), mask, rng, sigma=3.0)
    assert x.shape == (2, height, width)
    assert y.shape == mask.shape
    assert x.dtype == y.dtype == np.float32
    assert np.isin(y, (0, 1)).all()
    np.testing.assert_allclose(x.sum(axis=0), 1, atol=1e-5)
    # Nearest and bilinear agree where the four pixels around are one colour.
    np.testing.assert_array_equal(y[0][x[0] > 1 - 1e-6], 1)
    np.testing.assert_array_equal(y[0][x[0] < 1e-6], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(dtype):
    image, mask = np.ones((1, 6, 6), dtype), np.ones((1, 6, 6), dtype)
    for x, y in (
        elastic_deform(image, mask, np.random.default_rng(0)),
        random_crop(image, mask, 4, np.random.default_rng(0)),
    ):
        assert x.dtype == y.dtype == dtype


def test_a_seed_fixes_the_outcome():
    image, mask = numbered(16, 16)
    crop = functools.partial(random_crop, size=5)
    for augment in (random_flip, random_quarter_turn, elastic_deform, crop):
        first, second = (augment(image, mask, rng=np.random.default_rng(3)) for _ in range(2))
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


IMAGE, MASK, RNG = np.zeros((3, 8, 9)), np.zeros((1, 8, 9)), np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random_crop(IMAGE, MASK, 9, RNG), ValueError, "8 by 9, smaller than the crop of 9 by 9"),
        (lambda: random_crop(IMAGE, MASK, (8, 10), RNG), ValueError, "smaller than the crop of 8 by 10"),
        (lambda: random_crop(IMAGE, MASK, 0, RNG), ValueError, "at least 1 by 1"),
        (lambda: random_crop(IMAGE, MASK, 4.0, RNG), TypeError, "int or a pair"),
        (lambda: random_crop(IMAGE, MASK[:, 1:], 4, RNG), ValueError, r"\(3, 8, 9\).*\(1, 7, 9\)"),
        (lambda: random_flip(IMAGE, MASK[0], RNG), ValueError, r"\(3, 8, 9\).*\(8, 9\)"),
        (lambda: random_flip(IMAGE[0], MASK, RNG), ValueError, r"\(8, 9\).*\(1, 8, 9\)"),
        (lambda: random_flip(IMAGE[:, None], MASK[:, None], RNG), ValueError, r"\(3, 1, 8, 9\)"),
        (lambda: random_quarter_turn(IMAGE, IMAGE, RNG), ValueError, r"the mask is \(3, 8, 9\)"),
        (lambda: elastic_deform(IMAGE, MASK[:, :, 1:], RNG), ValueError, r"\(1, 8, 8\)"),
        (lambda: elastic_deform(IMAGE, MASK, RNG, sigma=-1), ValueError, "cannot be -1"),
        (lambda: elastic_deform(IMAGE, MASK, RNG, grid=1), ValueError, "at least 2 values, not 1"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
