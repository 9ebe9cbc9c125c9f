"""Thresholds against their definitions, by exhaustive search and by plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyunet.classical import (
    LinearFilter,
    best_linear_filter,
    local_threshold,
    otsu,
    otsu_threshold,
    tuned_local_threshold,
)
from tinyunet.metrics import dice


def variance_within(values, threshold):
    """What Otsu minimises, as it is defined: each class's variance, weighted by its share."""
    classes = values[values < threshold], values[values >= threshold]
    return sum(len(c) * c.var() for c in classes if len(c)) / len(values)


@given(st.lists(st.integers(0, 255), min_size=2, max_size=40))
def test_otsu_has_the_least_variance_within_the_classes(grey_values):
    """With 0 and 255 present each grey value has a bin of its own, so that the histogram loses nothing."""
    values = np.array([0, 255, *grey_values], float)
    threshold = otsu_threshold(values / 255) * 255
    assert threshold not in values
    best = min(variance_within(values, t) for t in np.arange(1, 256))
    assert variance_within(values, threshold) == pytest.approx(best, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (65535, 0), (1e-6, 3), (-1, 0)])
def test_otsu_follows_a_change_of_units(scale, shift):
    rng = np.random.default_rng(0)
    image = np.concatenate([rng.normal(0.2, 0.05, 300), rng.normal(0.8, 0.05, 200)])
    expected = scale * otsu_threshold(image) + shift
    assert otsu_threshold(scale * image + shift) == pytest.approx(expected, rel=1e-9)


def test_otsu_threshold_lies_midway_between_two_values():
    assert otsu_threshold(np.array([[0.0, 0.0, 0.0, 1.0]])) == 0.5
    assert otsu_threshold(np.array([3, 3, 7], np.uint8)) == 5.0


def test_otsu_on_values_closer_than_bins_could_be():
    assert otsu_threshold(np.array([1.0, 1.0 + 4 * np.finfo(float).eps])) == pytest.approx(1)


def test_otsu_masks_are_light_or_dark():
    image = np.array([[[0.1, 0.9, 0.2]]], np.float32)
    light, dark = otsu(image), otsu(image, "dark")
    assert light.dtype == dark.dtype == np.float32
    assert light.shape == (1, 1, 3)
    np.testing.assert_array_equal(light, [[[0, 1, 0]]])
    np.testing.assert_array_equal(dark, 1 - light)


def test_otsu_averages_colour():
    image = np.zeros((3, 1, 3))
    image[:, 0, 1], image[0, 0, 2] = 0.9, 0.9  # white beats pure red
    np.testing.assert_array_equal(otsu(image), [[[0, 1, 0]]])


@pytest.mark.parametrize("foreground", ["light", "dark"])
def test_a_constant_image_has_no_foreground(foreground):
    image = np.full((1, 8, 9), 0.1, np.float32)
    assert not otsu(image, foreground).any()
    assert otsu_threshold(image) == pytest.approx(0.1)


@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([1, 3]),
    st.floats(-0.5, 0.5),
    st.integers(0, 99),
)
def test_local_threshold_compares_with_the_mean_of_the_window(height, width, window, smooth, offset, seed):
    image = np.random.default_rng(seed).random((1, height, width))
    padded = np.pad(image[0], window // 2, mode="reflect")
    near = np.pad(image[0], smooth // 2, mode="reflect")
    light, dark = np.zeros((1, height, width)), np.zeros((1, height, width))
    for i in range(height):
        for j in range(width):
            here = near[i : i + smooth, j : j + smooth].mean()
            difference = here - padded[i : i + window, j : j + window].mean()
            if abs(abs(difference) - abs(offset)) < 1e-9:
                return  # too close to call
            light[0, i, j] = difference > offset
            dark[0, i, j] = -difference > offset
    np.testing.assert_array_equal(local_threshold(image, window, offset, smooth=smooth), light)
    np.testing.assert_array_equal(local_threshold(image, window, offset, "dark", smooth), dark)


def spots_on_a_slope(dark=False):
    """Small squares on a background whose brightness varies by more than they stand out."""
    y, x = np.mgrid[:60, :80]
    mask = ((y % 20 < 6) & (x % 20 < 6)).astype(np.float32)[None]
    image = 0.1 + 0.008 * x + 0.1 * mask
    return (1 - image if dark else image), mask


@pytest.mark.parametrize("foreground", ["light", "dark"])
def test_the_tuned_threshold_finds_what_otsu_cannot(foreground):
    image, mask = spots_on_a_slope(dark=foreground == "dark")
    best = tuned_local_threshold([image, image[:, :40]], [mask, mask[:, :40]], foreground)
    assert best.dice > 0.95 > 0.5 > dice(otsu(image, foreground), mask)
    again = [local_threshold(i, best.window, best.offset, foreground, best.smooth) for i in (image, image[:, :40])]
    pooled = dice(np.concatenate(again, axis=1), np.concatenate([mask, mask[:, :40]], axis=1))
    assert best.dice == pooled


def test_the_best_linear_filter_is_the_one_that_made_the_pairs():
    rng = np.random.default_rng(0)
    made_by = LinearFilter(rng.normal(size=(2, 7, 7)), np.array([0.5, -1.0]))
    pairs = [(x, made_by(x)) for x in rng.random((3, 1, 30, 40))]
    found = best_linear_filter(pairs)
    np.testing.assert_allclose(found.weight, made_by.weight, atol=1e-3)
    np.testing.assert_allclose(found.constant, made_by.constant, atol=1e-2)


def test_of_what_no_filter_can_the_error_is_smallest():
    rng = np.random.default_rng(0)
    pairs = [(x, np.sin(5 * x)) for x in rng.random((2, 1, 30, 30))]
    found = best_linear_filter(pairs, window=3)

    def error(weight):
        return sum(np.square(LinearFilter(weight, found.constant)(x) - y)[:, 1:-1, 1:-1].sum() for x, y in pairs)

    for u, v in np.ndindex(3, 3):
        for change in (-0.05, 0.05):
            other = found.weight.copy()
            other[0, u, v] += change
            assert error(other) > error(found.weight)


def test_a_linear_filter_sums_the_pixels_around_and_mirrors_beyond_the_border():
    x = np.arange(12.0).reshape(1, 3, 4)
    weight = np.zeros((1, 3, 3))
    weight[0, 0, 1], weight[0, 1, 2] = 1, 10  # above, and on the right
    y = LinearFilter(weight, np.array([0.5]))(x)
    assert y.shape == (1, 3, 4)
    assert y[0, 1, 1] == x[0, 0, 1] + 10 * x[0, 1, 2] + 0.5
    assert y[0, 0, 3] == x[0, 1, 3] + 10 * x[0, 0, 2] + 0.5


IMAGE, MASK = np.zeros((1, 4, 6)), np.zeros((1, 4, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: otsu_threshold(np.zeros((0, 3))), r"\(0, 3\) must hold values"),
        (lambda: otsu_threshold(np.array([1, np.nan])), r"\(2,\) must hold values, and all finite"),
        (lambda: otsu(np.zeros((4, 6))), r"\(C, H, W\), but this is \(4, 6\)"),
        (lambda: otsu(IMAGE, "bright"), "'light' or 'dark', not 'bright'"),
        (lambda: local_threshold(np.zeros((4, 6)), 3, 0.1), r"\(C, H, W\), but this is \(4, 6\)"),
        (lambda: local_threshold(IMAGE, 4, 0.1), "odd number of pixels, not 4"),
        (lambda: local_threshold(IMAGE, -3, 0.1), "odd number of pixels, not -3"),
        (lambda: local_threshold(IMAGE, 3, 0.1, "Dark"), "not 'Dark'"),
        (lambda: local_threshold(IMAGE * np.nan, 3, 0.1), "nan or infinite"),
        (lambda: best_linear_filter([(IMAGE, IMAGE)], 4), "odd number of pixels, 3 or more, not 4"),
        (lambda: best_linear_filter([(IMAGE, IMAGE)], 1), "odd number of pixels, 3 or more, not 1"),
        (lambda: tuned_local_threshold([], []), "0 images and 0 masks"),
        (lambda: tuned_local_threshold([IMAGE], [MASK, MASK]), "1 images and 2 masks"),
        (
            lambda: tuned_local_threshold([IMAGE, IMAGE], [MASK, MASK[:, :, :5]]),
            r"image 1.*\(1, 4, 6\).*\(1, 4, 5\)",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


MUTANTS = {
    "classical:LinearFilter": [
        ("turned around", "self.weight) +", "self.weight[:, ::-1, ::-1]) +"),
        ("zeros beyond the border", 'mode="reflect"', 'mode="constant"'),
    ],
    "classical:best_linear_filter": [
        ("no constant", "np.ones(len(windows))", "np.zeros(len(windows))"),
        ("the answers of another place", "y[:, b:-b, b:-b]", "y[:, : -2 * b, : -2 * b]"),
        ("the last picture alone", "XX += X.T @ X", "XX = X.T @ X"),
    ],
}
