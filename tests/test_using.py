"""`using`: a learner's operation in place of ours."""

import numpy as np
import pytest

import tinyunet.functional as F
from tests.tensor import leaf
from tinyunet import differentiable, optim, using
from tinyunet.ops import loops
from tinyunet.unet import UNet


def test_a_stand_in_trains_the_unet_to_the_same_weights():
    """The loops of `loops`, as a library operation, as a bare function, and as one that knows no dilation or groups."""
    calls, rng = [], np.random.default_rng(0)

    def my_conv2d(x, w, b, padding=0):
        calls.append(x.shape)
        return loops.conv2d.__wrapped__(x, w, b, padding=padding)

    stand_ins = [{}, {"conv2d": loops.conv2d, "max_pool2d": loops.max_pool2d}]
    stand_ins += [{"conv2d": loops.conv2d.__wrapped__}, {"conv2d": my_conv2d}]
    x, t = rng.standard_normal((2, 1, 4, 4)), rng.random((2, 1, 4, 4)).round()
    trained = []
    for operations in stand_ins:
        model = UNet(1, 1, channels=(2,), rng=0).to(np.float64)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        with using(**operations):
            for _ in range(2):
                optimizer.zero_grad()
                F.binary_cross_entropy_with_logits(model(x), t).backward()
                optimizer.step()
        trained.append(model.state_dict())
    for other in trained[1:]:
        for name, value in trained[0].items():
            np.testing.assert_allclose(other[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    assert len(calls) == 2 * 7  # three blocks of two convolutions, and the output


def test_using_knows_the_names_of_the_library_only():
    with (
        pytest.raises(ValueError, match=r"no operation 'convolution'; there are .*conv2d.*relu"),
        using(convolution=abs),
    ):
        pass
    with using(relu=lambda input: (input, lambda dy: dy)):
        pass

    @differentiable
    def of_my_own(x):
        return x, lambda dy: dy

    for name in ("of_my_own", "<lambda>"):
        with pytest.raises(ValueError, match="no operation"), using(**{name: of_my_own}):
            pass


def test_a_setting_that_the_stand_in_does_not_take():
    def conv2d(input, weight, bias=None):
        return F.conv2d.__wrapped__(input, weight, bias)

    x, w = np.ones((1, 1, 3, 3)), leaf(np.ones((1, 1, 3, 3)))
    with using(conv2d=conv2d):
        assert F.conv2d(x, w, stride=1, padding=0).shape == (1, 1, 1, 1)
        with pytest.raises(TypeError, match="your conv2d takes no 'padding', but it is called with padding=1"):
            F.conv2d(x, w, padding=1)


def test_stand_ins_nest_and_end():
    def times(k):
        return lambda input: (k * input, lambda dy: k * dy)

    x = leaf(1.0)
    with using(relu=times(2)):
        with using(relu=times(3), tanh=times(5)):
            assert (F.relu(x).item(), F.tanh(x).item()) == (3, 5)
        with using(tanh=times(5)):
            assert (F.relu(x).item(), F.tanh(x).item()) == (2, 5)
        assert F.relu(x).item() == 2
        with pytest.raises(ZeroDivisionError), using(relu=times(7)):
            raise ZeroDivisionError
        y = x.relu()
        assert y.item() == 2
    assert F.relu(x).item() == 1
    y.backward()
    assert x.grad.item() == 2


def test_a_stand_in_may_call_the_operation_that_it_replaces():
    seen = []

    def watched(*args, **kwargs):
        seen.append(len(args))
        return F.relu(*args, **kwargs)

    watched.differentiable = True  # it takes Tensors and returns one
    x = leaf([-1.0, 2.0])
    with using(relu=watched):
        F.relu(x).sum().backward()
    assert seen == [1]
    np.testing.assert_array_equal(x.grad, [0, 1])

    def twice(input):
        y, backward = F.relu.__wrapped__(input)
        return 2 * y, lambda dy: 2 * backward(dy)

    with using(relu=twice):
        np.testing.assert_array_equal(F.relu(x), [0, 4])


def test_an_operation_of_ones_own_is_not_replaced_because_of_its_name():
    @differentiable
    def relu(input):
        return -input, lambda dy: -dy

    with using(relu=lambda input: (5 * input, lambda dy: 5 * dy)):
        assert relu(leaf(1.0)).item() == -1
        assert F.relu(leaf(1.0)).item() == 5
