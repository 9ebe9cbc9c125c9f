"""The fast operations against the plain loops of `tinyunet.ops.naive`: values, gradients, and as stand-ins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.ops.test_pool import poolings
from tests.parity import close
from tests.strategies import convolutions, normal, ties
from tinyunet.ops import naive


def results_and_gradients(operation, arrays, options):
    leaves = [None if a is None else tinyunet.tensor(a, requires_grad=True) for a in arrays]
    result = operation(*leaves, **options)
    y, *others = result if isinstance(result, tuple) else (result,)
    y.backward(normal(7, *y.shape))
    return [x.numpy() for x in (y, *others, *(leaf.grad for leaf in leaves if leaf is not None))]


def assert_like_the_loops(name, arrays, options):
    fast, slow = (results_and_gradients(getattr(room, name), arrays, options) for room in (F, naive))
    for a, b in zip(fast, slow, strict=True):
        close(a, b)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
@settings(max_examples=20)
@given(st.data())
def test_convolutions_are_their_loops(name, data):
    *arrays, options = data.draw(convolutions(transposed=name == "conv_transpose2d"))
    assert_like_the_loops(name, arrays, options)


@settings(max_examples=20)
@given(poolings(dilated=True), st.booleans())
def test_max_pool2d_is_its_loop(case, tied):
    x, options = case
    assert_like_the_loops("max_pool2d", [ties(x) if tied else x], options | {"return_indices": True})


@settings(max_examples=20)
@given(poolings(), st.booleans(), st.sampled_from([None, 3]))
def test_avg_pool2d_is_its_loop(case, count_include_pad, divisor):
    x, options = case
    options |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
    assert_like_the_loops("avg_pool2d", [x], options)


@pytest.mark.parametrize("special", [np.nan, -np.inf])
def test_max_pool2d_agrees_with_its_loop_on_what_is_not_finite(special):
    x = normal(0, 1, 2, 5, 6)
    x[0, 0, 1:3, 2:4] = x[0, 1] = special
    assert_like_the_loops("max_pool2d", [x], {"kernel_size": 3, "padding": 1, "return_indices": True})


def test_a_model_trains_on_the_loops_as_on_the_fast_operations():
    def gradients():
        model = tinyunet.unet.UNet(1, 1, channels=(2, 3), rng=0).to(np.float64)
        F.mse_loss(model(normal(0, 1, 1, 8, 8)), normal(1, 1, 1, 8, 8)).backward()
        return [p.grad.numpy() for p in model.parameters()]

    loops = {name: getattr(naive, name) for name in ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d")}
    fast = gradients()
    with tinyunet.using(**loops):
        slow = gradients()
    for a, b in zip(fast, slow, strict=True):
        close(a, b)
