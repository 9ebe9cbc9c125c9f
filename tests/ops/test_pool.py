"""Pooling and interpolation against PyTorch, and what their docstrings promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree
from tests.strategies import both, images, layouts, normal, pairs, seeds, ties


@st.composite
def poolings(draw, dilated=False):
    """An image and the settings of a pooling window that fits it."""
    k = draw(pairs(1, 4))
    settings = {
        "kernel_size": k,
        "stride": draw(st.none() | pairs(1, 4)),
        "padding": tuple(draw(st.integers(0, n // 2)) for n in both(k)),
        "ceil_mode": draw(st.booleans()),
    }
    if dilated:
        settings["dilation"] = draw(pairs(1, 3))
    d = both(settings.get("dilation", 1))
    least = [d[i] * (both(k)[i] - 1) + 1 - 2 * settings["padding"][i] for i in range(2)]
    return draw(images(least=[max(least[i], d[i]) for i in range(2)])), settings


@pytest.mark.torch
@given(poolings(dilated=True), st.booleans(), st.booleans(), layouts)
def test_max_pool2d_is_pytorchs(case, tied, indices, layout):
    x, settings = case
    agree("max_pool2d", ties(x) if tied else x, layout=layout, return_indices=indices, **settings)


@pytest.mark.torch
@given(poolings(), st.booleans(), st.sampled_from([None, None, 1, 7, -2]), layouts)
def test_avg_pool2d_is_pytorchs(case, count_include_pad, divisor, layout):
    x, settings = case
    settings |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    agree("avg_pool2d", x, layout=layout, **settings)


@pytest.mark.torch
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": (2,)},
        {"kernel_size": [3], "stride": (2,), "padding": [1]},
        {"kernel_size": (2, 3), "stride": []},
        {"kernel_size": 2, "stride": ()},
        {"kernel_size": 2, "stride": None},
    ],
    ids=str,
)
def test_settings_in_sequences_are_pytorchs(settings):
    for name in ("max_pool2d", "avg_pool2d"):
        agree(name, normal(0, 1, 2, 5, 6), **settings)


@pytest.mark.torch
def test_settings_of_convolutions_in_sequences_are_pytorchs():
    settings = {"stride": (2,), "padding": [1], "dilation": (1,)}
    agree("conv2d", normal(0, 1, 2, 5, 6), normal(1, 3, 2, 3, 3), **settings)
    agree("conv_transpose2d", normal(0, 1, 2, 5, 6), normal(1, 2, 3, 3, 3), output_padding=[1], **settings)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("special", "where"), [(np.nan, np.s_[0, 0, 2:3, 3:4]), (-np.inf, np.s_[0, 1]), (np.inf, np.s_[0, 0, 1:3, 2:4])]
)
def test_max_pool2d_passes_on_what_is_not_finite(special, where):
    x = normal(0, 1, 2, 5, 6)
    x[where] = special
    agree("max_pool2d", x, kernel_size=3, stride=2, padding=1, return_indices=True)


@pytest.mark.torch
@given(images(unbatched=False), pairs(1, 12), layouts)
def test_interpolate_to_a_size_is_pytorchs(x, size, layout):
    agree("interpolate", x, layout=layout, size=size, mode="nearest")
    for align_corners in (None, False, True):
        agree("interpolate", x, layout=layout, size=size, mode="bilinear", align_corners=align_corners)


@pytest.mark.torch
@given(images(unbatched=False), st.floats(1, 3.5) | st.tuples(st.floats(1, 2), st.sampled_from([1.5, 2.0, 3.0])))
def test_interpolate_by_a_factor_is_pytorchs(x, factor):
    for recompute in (None, True):
        agree("interpolate", x, scale_factor=factor, recompute_scale_factor=recompute)
        for align_corners in (False, True):
            settings = {"mode": "bilinear", "align_corners": align_corners, "recompute_scale_factor": recompute}
            agree("interpolate", x, scale_factor=factor, **settings)


@pytest.mark.torch
@pytest.mark.parametrize("factor", [0.5, 0.3, 0.75, (1 / 3, 2 / 3)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_interpolate_to_smaller_images_is_pytorchs(factor, mode):
    agree("interpolate", normal(0, 2, 3, 7, 10), scale_factor=factor, mode=mode)


@pytest.mark.torch
def test_interpolate_nearest_takes_pytorchs_pixel_where_rounding_decides():
    for n, m in [(6, 74), (26, 22), (2, 164), (21, 69), (1, 5), (9, 27)]:
        agree("interpolate", normal(0, 1, 1, n, 1), dtypes=[np.float32], size=(m, 1))


def test_the_first_of_equal_maxima_receives_the_whole_gradient():
    x = tinyunet.tensor(np.full((1, 4, 4), 7.0), requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy()[0], np.tile([[1, 0], [0, 0]], (2, 2)))


def test_a_pixel_that_wins_in_overlapping_windows_receives_the_sum():
    x = np.zeros((1, 3, 3))
    x[0, 1, 1] = 5
    x = tinyunet.tensor(x, requires_grad=True)
    F.max_pool2d(x, 2, stride=1).backward(np.array([[[1.0, 2], [3, 4]]]))
    np.testing.assert_array_equal(x.grad.numpy()[0], [[0, 0, 0], [0, 10, 0], [0, 0, 0]])


def test_the_padding_of_max_pool2d_never_wins():
    assert (F.max_pool2d(np.full((1, 3, 3), -5.0), 3, stride=1, padding=1).numpy() == -5).all()


def test_a_window_that_sees_padding_alone_has_no_winner():
    y, index = F.max_pool2d(np.zeros((1, 1, 1)), 2, padding=1, dilation=2, return_indices=True)
    assert (y.item(), index.item()) == (-np.inf, 0)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_integers_are_pooled_to_integers(dtype):
    x = np.arange(16, dtype=dtype).reshape(1, 4, 4)
    y = F.max_pool2d(x, 2, padding=1)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.numpy()[0], [[0, 2, 3], [8, 10, 11], [12, 14, 15]])


def test_what_count_include_pad_and_ceil_mode_divide_by():
    """Ones pooled are the part of the window that counts and is 1."""
    ones = np.ones((1, 3, 3))
    padded = F.avg_pool2d(ones, 2, stride=2, padding=1).numpy()[0]
    np.testing.assert_array_equal(padded, [[0.25, 0.5], [0.5, 1]])
    assert (F.avg_pool2d(ones, 2, stride=2, padding=1, count_include_pad=False).numpy() == 1).all()
    assert (F.avg_pool2d(ones, 2, stride=2, ceil_mode=True).numpy() == 1).all()  # what hangs over never counts


@given(images(), st.integers(1, 3))
def test_interpolate_nearest_by_a_whole_factor_repeats_pixels(x, factor):
    if x.ndim == 4:
        y = F.interpolate(x, scale_factor=factor).numpy()
        np.testing.assert_array_equal(y, x.repeat(factor, 2).repeat(factor, 3))


@given(seeds, pairs(2, 9))
def test_bilinear_interpolation_is_exact_on_a_plane_with_aligned_corners(seed, size):
    a, b, c = normal(seed, 3)

    def plane(H, W):
        return (a + b * np.linspace(0, 1, H)[:, None] + c * np.linspace(0, 1, W))[None, None]

    y = F.interpolate(plane(4, 5), size, mode="bilinear", align_corners=True).numpy()
    np.testing.assert_allclose(y, plane(*both(size)), atol=1e-12)


MUTANTS = {
    "ops.window:Axis.overhang": [
        (
            "the border forgets the window's last cells",
            "return max(0, self.stride *",
            "return 0 * max(0, self.stride *",
        ),
    ],
    "ops.pool:max_pool2d": [
        ("max: equals share the gradient", "wins &= undecided", "wins &= True"),
        ("max: padding wins where there is nothing else", "== last and inside is None", "== last"),
        ("max: padded with zeros", "lowest = -np.inf if", "lowest = 0 if"),
        ("max: indices count the height as the width", "h * cols.input + w", "h * rows.input + w"),
    ],
    "ops.pool:_spread": [
        ("overlapping windows overwrite", "dx[seen] += share", "dx[seen] = share"),
        ("what no window sees is not zero", "if windows_fill(axes)", "if windows_lie_apart(axes)"),
    ],
    "ops.pool:_counted": [
        ("avg: the border divides by the whole window", "np.minimum(first + axis.kernel, high)", "first + axis.kernel"),
        ("avg: count_include_pad reversed", "if count_include_pad else", "if not count_include_pad else"),
    ],
    "ops.pool:avg_pool2d": [
        ("avg: the share of a pixel is the whole", "share = dy / divisor", "share = dy / 1"),
    ],
    "ops.pool:pool_axes": [
        ("ceil_mode keeps windows outside the image", "output -= 1", "output -= 0"),
        ("an empty stride is not the kernel's", "stride in (None, (), [])", "stride is None"),
    ],
    "ops.pool:_bilinear": [
        ("bilinear: corners not aligned", "(n - 1) / max(m - 1, 1)", "n / m"),
    ],
    "ops.pool:_nearest": [
        ("nearest: rounded", "source = np.floor(", "source = np.round("),
    ],
    "ops.window:pair": [
        (
            "a sequence of one is none",
            "both *= 2 if len(both) == 1 else 1",
            "both *= 1 if isinstance(value, (tuple, list)) else 2",
        ),
    ],
    "ops.pool:interpolate": [
        (
            "interpolate: gradient divided by the scale",
            "_resized(R.T, dy, C)",
            "_resized(R.T, dy / R.sum(0).mean(), C)",
        ),
        ("interpolate: recompute_scale_factor ignored", " and not recompute_scale_factor", ""),
    ],
}
