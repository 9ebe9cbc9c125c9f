"""Styles: what their formulas draw, and which pairs they learn from."""

import numpy as np
import pytest

from tinyunet.tasks.photographs import middle
from tinyunet.tasks.style import INKS, Pen, Poster

pytestmark = pytest.mark.pictures


def styled(kind, x):
    return kind.styled(object.__new__(kind), x)


def test_a_pen_draws_edges_and_fills_what_is_dark():
    x = np.full((1, 40, 40), 0.9, np.float32)
    x[:, :, 20:] = 0.45
    drawn = styled(Pen, x)
    assert (drawn[:, :, :12] == 1).all()
    assert (drawn[:, :, 28:] == 1).all()
    assert drawn[:, :, 20:22].min() < 0.5  # the line lies on the dark side
    assert styled(Pen, np.zeros((1, 9, 9), np.float32)).max() < 0.01


@pytest.mark.parametrize(("brightness", "ink"), [(0.1, 0), (0.32, 1), (0.54, 2), (0.9, 3)])
def test_a_poster_has_an_ink_for_each_brightness(brightness, ink):
    drawn = styled(Poster, np.full((1, 9, 9), brightness, np.float32))
    np.testing.assert_allclose(drawn, np.broadcast_to(INKS[ink][:, None, None], drawn.shape), atol=0.01)


def test_the_poster_learns_from_one_pair_and_never_from_what_it_is_judged_by():
    poster, pen = Poster(fast=True), Pen(fast=True)
    assert len(poster.pairs) == 1 < len(pen.pairs)
    for task in (poster, pen):
        learnt_from = [middle(pair[:1], 64) for pair in task.pairs]
        assert not any(np.array_equal(e.inputs[0], x) for e in task.held_out for x in learnt_from)


@pytest.mark.parametrize("kind", [Pen, Poster])
def test_a_batch_holds_squares_of_photographs_and_the_same_in_the_style(kind):
    task = kind(fast=True)
    (x,), target, weight = task.batch(np.random.default_rng(0), 4)
    assert weight is None
    assert (x.shape[1], target.shape[1]) == (1, task.colours)
    for photograph, expected in zip(x / 4 + 0.5, target, strict=True):
        drawn = task.styled(photograph)[:, 8:-8, 8:-8]  # blurring reaches over the edges of a square
        np.testing.assert_allclose(drawn, expected[:, 8:-8, 8:-8], atol=0.02)


MUTANTS = {
    "tasks.style:Pen.styled": [
        ("white for black", "difference > 0.4, 1, 1 +", "difference < 0.4, 1, 1 +"),
        ("no lines, only what is dark", "13 * blurred(x, 1.0) - 12 * blurred(x, 1.6)", "blurred(x, 1.0)"),
    ],
    "tasks.style:Poster.styled": [
        ("bright ink for dark places", "(brightness - cut)", "(cut - brightness)"),
    ],
    "tasks.style:Style.batch": [
        ("on another scale than in use", "scaled(both[:, :1])", "both[:, :1]"),
    ],
}
