"""Columns against PyTorch's unfold and fold, and the laws that join them to the convolution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet.functional as F
from tests.parity import agree, close
from tests.strategies import both, convolutions, layouts, normal, pairs, seeds


def value(name, *args, **settings):
    return getattr(F, name)(*args, **settings).numpy()


@st.composite
def windows(draw):
    """An image size and the settings of `unfold` on it."""
    settings = {
        "kernel_size": draw(pairs(1, 3)),
        "dilation": draw(pairs(1, 2)),
        "padding": draw(pairs(0, 2)),
        "stride": draw(pairs(1, 3)),
    }
    k, d, p = (both(settings[name]) for name in ("kernel_size", "dilation", "padding"))
    least = [max(1, d[i] * (k[i] - 1) + 1 - 2 * p[i]) for i in range(2)]
    return tuple(n + draw(st.integers(0, 4)) for n in least), settings


batches = st.sampled_from([(), (1,), (2,)])


@pytest.mark.torch
@given(windows(), seeds, batches, layouts)
def test_unfold_and_fold_are_pytorchs(case, seed, batch, layout):
    size, settings = case
    x = normal(seed, *batch, 2, *size)
    agree("unfold", x, layout=layout, **settings)
    columns = normal(seed, *value("unfold", x, **settings).shape)
    agree("fold", columns, layout=layout, output_size=size, **settings)


@given(windows(), seeds)
def test_fold_after_unfold_counts_the_windows_over_each_pixel(case, seed):
    size, settings = case
    x = normal(seed, 2, 3, *size)
    there_and_back = value("fold", F.unfold(x, **settings), size, **settings)
    times = value("fold", F.unfold(np.ones((1, 1, *size)), **settings), size, **settings)
    close(there_and_back, x * times)
    assert times.max() <= np.prod(both(settings["kernel_size"]))


@given(convolutions())
def test_unfolded_windows_times_the_weight_are_the_convolution(case):
    x, w, b, settings = case
    y = value("conv2d", x, w, b, **settings)
    if settings["padding"] == "same" or settings["groups"] > 1:
        return  # settings that unfold does not have
    del settings["groups"]
    columns = value("unfold", x, w.shape[2:], **settings)  # (N, C·kh·kw, positions)
    bias = 0 if b is None else b[:, None]
    close((w.reshape(len(w), -1) @ columns + bias).reshape(y.shape), y)


MUTANTS = {
    "ops.im2col:im2col": [
        ("left padding is the top one", "(cols.padding, cols.overhang)", "(rows.padding, cols.overhang)"),
        ("columns of the window see its rows", "cols.inputs(v)", "cols.inputs(0)"),
    ],
    "ops.im2col:col2im": [
        ("col2im assigns", "+= columns[", "= columns["),
    ],
    "ops.unfold:fold": [
        (
            "the columns of a gradient are those of its mirror image",
            "im2col(dy.reshape(image)",
            "im2col(dy.reshape(image)[..., ::-1]",
        ),
    ],
}
