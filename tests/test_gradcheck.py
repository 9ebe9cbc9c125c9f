"""gradcheck passes what is right and catches what is wrong, however little."""

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import differentiable, gradcheck, tensor


@pytest.fixture
def x():
    return tensor(np.random.default_rng(0).uniform(0.5, 1.5, (2, 3)), requires_grad=True)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x,
        lambda x: x.exp().log() ** 3,
        lambda x: x.sum(),
        lambda x: x.T @ x,
        lambda x: F.softmax(x, 1) / x,
        lambda x: x[:, 1:] * 1e6,
        lambda x: x * 1e-6,
        lambda x: x * 0,
    ],
)
def test_a_right_gradient_passes(function, x):
    assert gradcheck(function, x) is True
    assert x.grad is None  # the inputs are left alone


def test_every_input_that_wants_a_gradient_is_checked(x):
    w, constant = tensor(np.ones((3, 2)), requires_grad=True), np.float32(2)
    assert gradcheck(lambda a, b, c: c * (a @ b), [x, w, constant])
    assert gradcheck(lambda a, b: a * b, [x, x])


def with_backward(backward):
    """y = x³ with a backward of one's own: it gets x and dy."""

    @differentiable
    def cube(x):
        return x**3, lambda dy: backward(x, dy)

    return cube


def one_element_wrong(x, dy):
    dx = 3 * x**2 * dy
    dx[1, 2] *= 1 + 1e-4
    return dx


@pytest.mark.parametrize(
    ("wrong", "element"),
    [
        (lambda x, dy: 3 * x**2 * dy * 2, (0, 0)),
        (lambda x, dy: 3 * x**2 * dy * (1 + 1e-5), (0, 0)),
        (lambda x, dy: -3 * x**2 * dy, (0, 0)),
        (lambda x, dy: 3 * x * dy, (0, 0)),
        (lambda x, dy: 0 * dy, (0, 0)),
        (lambda x, dy: 3 * x**2 + 0 * dy, (0, 0)),
        (lambda x, dy: 3 * x**2 * dy.mean(), (0, 0)),
        (lambda x, dy: 3 * x**2 * dy[:, ::-1], (0, 0)),
        (lambda x, dy: dy * np.nan, (0, 0)),
        (one_element_wrong, (1, 2)),
    ],
)
def test_a_wrong_gradient_is_caught(wrong, element, x):
    assert gradcheck(with_backward(lambda x, dy: 3 * x**2 * dy), x)
    with pytest.raises(AssertionError, match=r"input 0, element \({}, {}\)".format(*element)):
        gradcheck(with_backward(wrong), x)


def test_a_missing_path_through_a_mean_is_caught(x):
    """Its gradient is wrong although it sums to the right number: an upstream gradient of ones would not see it."""

    @differentiable
    def centre(x):
        return x - x.mean(), lambda dy: dy

    with pytest.raises(AssertionError):
        gradcheck(centre, x)


def test_a_forgotten_graph_is_a_gradient_of_zero(x):
    with pytest.raises(AssertionError, match="backward gives 0"):
        gradcheck(lambda a, b: a * 2 + b.detach(), [x, x])


def test_the_message_names_input_element_and_both_values():
    a, b = tensor(np.ones(2), requires_grad=True), tensor(np.array([2.0, 3.0]), requires_grad=True)

    @differentiable
    def multiply(a, b):
        return a * b, lambda dy: (dy * b, dy * [1, 5])

    r = np.random.default_rng(0).standard_normal(2)[1]
    with pytest.raises(AssertionError) as error:
        gradcheck(multiply, [a, b])
    where, values = str(error.value).split(": backward gives ")
    assert where == "gradcheck: input 1, element (1,)"
    backward, central = values.split(", the central difference ")
    assert float(backward) == pytest.approx(5 * r, rel=1e-6)
    assert float(central) == pytest.approx(r, rel=1e-6)


def test_single_precision_is_refused():
    single, double = (tensor(np.ones(2, dtype), requires_grad=True) for dtype in (np.float32, np.float64))
    with pytest.raises(TypeError, match="input 1 is float32; differences need the precision of float64"):
        gradcheck(lambda a, b: a * b, [double, single])


@pytest.mark.parametrize("inputs", [[], [np.ones(2)], tensor(np.ones(2))])
def test_there_must_be_something_to_check(inputs):
    with pytest.raises(TypeError, match="nothing to check"):
        gradcheck(lambda *inputs: tensor(1.0), inputs)
