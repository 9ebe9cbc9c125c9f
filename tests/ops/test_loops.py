"""The loops, im2col and the fast operations, each against the one before: values, gradients, and as stand-ins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.ops.test_pool import poolings
from tests.parity import close
from tests.strategies import convolutions, normal, ties
from tinyunet.ops import fast, im2col, loops


def results_and_gradients(operation, arrays, options):
    leaves = [None if a is None else tinyunet.tensor(a, requires_grad=True) for a in arrays]
    result = operation(*leaves, **options)
    y, *others = result if isinstance(result, tuple) else (result,)
    y.backward(normal(7, *y.shape))
    return [x.numpy() for x in (y, *others, *(leaf.grad for leaf in leaves if leaf is not None))]


def assert_alike(name, arrays, options, rooms=(loops, F)):
    before, after = (results_and_gradients(getattr(room, name), arrays, options) for room in rooms)
    for a, b in zip(before, after, strict=True):
        close(a, b)


@pytest.mark.parametrize("rooms", [(loops, im2col), (im2col, fast)], ids=["loops-im2col", "im2col-fast"])
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
@settings(max_examples=20)
@given(st.data())
def test_each_convolution_is_the_one_before_it(name, rooms, data):
    *arrays, options = data.draw(convolutions(transposed=name == "conv_transpose2d"))
    assert_alike(name, arrays, options, rooms)


def test_the_fast_operations_are_the_ones_of_the_library():
    assert (F.conv2d, F.conv_transpose2d) == (fast.conv2d, fast.conv_transpose2d)


@settings(max_examples=20)
@given(poolings(dilated=True), st.booleans())
def test_max_pool2d_is_its_loop(case, tied):
    x, options = case
    assert_alike("max_pool2d", [ties(x) if tied else x], options | {"return_indices": True})


@settings(max_examples=20)
@given(poolings(), st.booleans(), st.sampled_from([None, 3]))
def test_avg_pool2d_is_its_loop(case, count_include_pad, divisor):
    x, options = case
    options |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    assert_alike("avg_pool2d", [x], options)


@pytest.mark.parametrize("special", [np.nan, -np.inf])
def test_max_pool2d_agrees_with_its_loop_on_what_is_not_finite(special):
    x = normal(0, 1, 2, 5, 6)
    x[0, 0, 1:3, 2:4] = x[0, 1] = special
    assert_alike("max_pool2d", [x], {"kernel_size": 3, "padding": 1, "return_indices": True})


def trained(steps=3):
    """The weights of a small U-Net after some steps of Adam, in float64."""
    model = tinyunet.unet.UNet(1, 1, channels=(2, 3), rng=0).to(np.float64)
    optimizer = tinyunet.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        optimizer.zero_grad()
        F.mse_loss(model(normal(step, 1, 1, 8, 8)), normal(9, 1, 1, 8, 8)).backward()
        optimizer.step()
    return model.state_dict()


@pytest.mark.parametrize(
    "stand_ins",
    [
        {name: getattr(im2col, name) for name in ("conv2d", "conv_transpose2d")},
        {name: getattr(loops, name) for name in ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d")},
    ],
    ids=["im2col", "loops"],
)
def test_a_unet_trains_to_the_same_weights_whatever_it_runs_on(stand_ins):
    expected = trained()
    with tinyunet.using(**stand_ins):
        weights = trained()
    assert weights.keys() == expected.keys()
    for name, weight in weights.items():
        np.testing.assert_allclose(weight, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


MUTANTS = {
    "ops.loops:cells": [
        ("padding adds", "dilation * u - rows.padding", "dilation * u + rows.padding"),
    ],
    "ops.loops:meetings": [
        ("every group sees the first channels", "group * channels + c", "c"),
    ],
    "ops.im2col:correlate": [
        (
            "groups exchanged",
            "w.reshape(groups, O // groups, w[0].size)",
            "w.reshape(groups, O // groups, w[0].size)[::-1]",
        ),
    ],
    "ops.im2col:weight_gradient": [
        ("dw of the first image only", "dw.sum(axis=0)", "dw[:1].sum(axis=0)"),
    ],
}
