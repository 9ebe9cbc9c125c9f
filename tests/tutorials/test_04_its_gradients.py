"""What the tutorial claims holds: the kernel is found, and a wrong gradient, too."""

import runpy

import numpy as np
import pytest

import tinyunet
from tutorials import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tutorial():
    return runpy.run_path(str(make.FOLDER / "04_its_gradients.py"))


def learned(tutorial, rate=2.0, turned=False):
    """The losses of 300 steps from the same random weights, and the weights after them."""
    w, losses = tutorial["history"][0], []
    for _ in range(300):
        leaf = tinyunet.tensor(w, requires_grad=True)
        y = tinyunet.functional.conv2d(tutorial["picture"], leaf)
        off = y.numpy() - tutorial["wanted"]
        y.backward(2 * (off[..., ::-1, ::-1] if turned else off) / off.size)
        w = w - rate * leaf.grad.numpy()
        losses.append((off**2).mean())
    return losses, w


def test_the_edge_kernel_is_found(tutorial):
    losses, history, edge = tutorial["losses"], tutorial["history"], tutorial["edge"]
    assert len(losses) == 300
    assert losses[1] < losses[0] / 2
    assert losses[-1] < losses[0] / 1000
    np.testing.assert_allclose(history[-1][0, 0], edge, atol=0.1)


def test_the_first_step_brings_the_sum_to_0_and_not_every_weight_closer(tutorial):
    before, after = (np.abs(w[0, 0] - tutorial["edge"]) for w in tutorial["history"][:2])
    assert (after > before).any()
    assert abs(tutorial["history"][1].sum()) < 0.1 * abs(tutorial["history"][0].sum())


def test_other_rates_and_a_turned_dy_do_not_find_it(tutorial):
    losses, _ = learned(tutorial)
    np.testing.assert_allclose(losses, tutorial["losses"])
    for settings in ({"rate": 5.0}, {"turned": True}):
        losses, _ = learned(tutorial, **settings)
        assert losses[1] > losses[0]
        assert losses[-1] > 1e6
    losses, w = learned(tutorial, rate=0.1)
    assert losses[-1] < losses[0]
    assert np.abs(w[0, 0] - tutorial["edge"]).max() > 0.5


def test_the_mistake_is_seen_with_random_slopes_alone(tutorial):
    np.testing.assert_allclose(tutorial["some_w"].grad, tutorial["by_nudges"], rtol=1e-6)
    said = tutorial["verdict"](tutorial["mistaken"], tutorial["some_x"], tutorial["some_w"])
    assert said.startswith("gradcheck: input 1")


def test_a_kernel_that_is_not_turned_is_seen_unless_it_blurs(tutorial):
    """The fourth of "Change it and see": dx with the kernel the wrong way around."""
    one_sum, rng = tutorial["one_sum"], np.random.default_rng(0)

    def dx(w, dy):
        return one_sum(np.zeros((5, 5)), w, dy)[2]

    w, blur, ones = rng.normal(size=(3, 3)), np.full((3, 3), 1 / 9), np.ones((3, 3))
    for dy in (ones, rng.normal(size=(3, 3))):
        assert not np.allclose(dx(w, dy), dx(w[::-1, ::-1], dy))
        np.testing.assert_allclose(dx(blur, dy), dx(blur[::-1, ::-1], dy))


def test_with_a_stride_zeros_go_between(tutorial):
    """The fifth of "Change it and see"."""
    w, dy = tutorial["w"], tutorial["dy"]
    spread = np.zeros((3, 3))
    spread[::2, ::2] = dy
    collected = tinyunet.byhand.conv2d(spread, w[::-1, ::-1], padding=2).result
    np.testing.assert_array_equal(collected, tutorial["one_sum"](np.zeros((5, 5)), w, dy, stride=2)[2])


def test_the_pencil_agrees(tutorial):
    dx = tinyunet.byhand.conv2d(np.zeros((3, 3)), tutorial["w_1"]).grad("x", tutorial["dy_1"])
    assert dx.check(tutorial["dx_by_hand"]).right


def test_the_function_of_the_solution_is_the_gradient(tutorial):
    rng = np.random.default_rng(1)
    x, w, b = (
        tinyunet.tensor(rng.normal(size=shape), requires_grad=True) for shape in [(2, 3, 8, 9), (4, 3, 2, 3), (4,)]
    )
    y = tinyunet.functional.conv2d(x, w, b, stride=2, padding=1)
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    gradients = tutorial["conv2d_backward"](dy, x.numpy(), w.numpy(), stride=2, padding=1)
    for ours, leaf in zip(gradients, (x, w, b), strict=True):
        np.testing.assert_allclose(ours, leaf.grad, atol=1e-12)
