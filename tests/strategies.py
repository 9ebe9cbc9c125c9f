"""What hypothesis draws: sizes, settings given as an integer or as a pair, arrays, and whole convolutions."""

import numpy as np
from hypothesis import strategies as st

from tests.parity import LAYOUTS

seeds = st.integers(0, 2**32 - 1)
layouts = st.sampled_from(list(LAYOUTS))


def both(value):
    """A setting as (rows, columns): one integer means both."""
    return value if isinstance(value, tuple) else (value, value)


def pairs(least, most):
    """A setting: an integer, or (rows, columns)."""
    each = st.integers(least, most)
    return each | st.tuples(each, each)


def normal(seed, *shape):
    """Random numbers; nothing is special about them, so that nothing cancels by chance."""
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def shapes(draw, least=1, most=4, smallest=1, largest=4):
    """A shape of `least` to `most` dimensions."""
    return tuple(draw(st.lists(st.integers(smallest, largest), min_size=least, max_size=most)))


@st.composite
def arrays(draw, **limits):
    return normal(draw(seeds), *draw(shapes(**limits)))


def ties(x):
    """The same shape, with few distinct values: maxima that occur twice."""
    return np.round(x)


@st.composite
def images(draw, least=(1, 1), unbatched=True):
    """(N, C, H, W) or (C, H, W), sometimes an empty batch, with H ≥ least[0] and W ≥ least[1]."""
    H, W = (n + draw(st.integers(0, 5)) for n in least)
    batch = draw(st.sampled_from([(0,), (1,), (2,), (3,), ()][: 5 if unbatched else 4]))
    return normal(draw(seeds), *batch, draw(st.integers(1, 3)), H, W)


@st.composite
def convolutions(draw, transposed=False):
    """x, weight, bias (or None) and the settings of a conv2d that fits its input (or of a conv_transpose2d)."""
    groups = draw(st.integers(1, 3))
    C, O = (groups * draw(st.integers(1, 2)) for _ in range(2))
    kernel, stride, dilation = (both(draw(pairs(1, most))) for most in (4, 3, 3))
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    settings = {"stride": stride, "padding": draw(pairs(0, 3)), "dilation": dilation, "groups": groups}
    p = both(settings["padding"])
    if transposed:
        settings["output_padding"] = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        )
        extra = settings["output_padding"]
        # (n − 1)·stride − 2·padding + span + output_padding ≥ 1
        least = [max(1, -(-(1 + 2 * p[i] - span[i] - extra[i]) // stride[i]) + 1) for i in range(2)]
    else:
        least = [max(1, span[i] - 2 * p[i]) for i in range(2)]
        if draw(st.integers(0, 4)) == 0:
            settings.update(stride=1, padding="same")
    batch = draw(st.sampled_from([(2,), (1,), (3,), (0,), ()]))
    seed = draw(seeds)
    x = normal(seed, *batch, C, *(n + draw(st.integers(0, 4)) for n in least))
    w = normal(seed + 1, *((C, O // groups) if transposed else (O, C // groups)), *kernel)
    return x, w, draw(st.sampled_from([normal(seed + 2, O), None])), settings
