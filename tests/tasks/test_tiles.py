"""A picture is cut into tiles and put together again, and nobody sees where."""

import itertools

import numpy as np
import pytest

from tinyunet.tasks.tiles import flipped, starts, tiled


@pytest.mark.parametrize("size", [(5, 7), (8, 8), (65, 64), (200, 70), (1, 1)])
def test_all_inputs_are_cut_alike_and_the_answer_has_the_size_of_the_picture(size):
    a, b = np.random.default_rng(0).random((2, 3, *size)).astype(np.float32)
    seen = []

    def network(x, y):
        seen.append(x.shape)
        return x[:, :2] - 2 * y[:, 1:]

    np.testing.assert_allclose(tiled(network, [a, b], 8, tile=64, overlap=16), a[:2] - 2 * b[1:], atol=1e-6)
    assert all(n == 1 and h % 8 == w % 8 == 0 and max(h, w) <= 64 for n, _, h, w in seen)


@pytest.mark.parametrize("size", [(5, 7), (100, 40)])
def test_an_answer_may_be_larger_than_the_picture(size):
    x = np.random.default_rng(0).random((1, *size)).astype(np.float32)
    y = tiled(lambda x: x.repeat(3, axis=2).repeat(3, axis=3), [x], 4, tile=32, overlap=8)
    np.testing.assert_allclose(y, x.repeat(3, axis=1).repeat(3, axis=2), atol=1e-6)


def test_beyond_the_edge_the_picture_is_mirrored():
    seen = []
    tiled(lambda x: seen.append(x[0, 0]) or x, [np.array([[[1.0, 2.0, 3.0]]])], 2)
    np.testing.assert_array_equal(seen, [[[1, 2, 3, 2], [1, 2, 3, 2]]])


def test_neighbouring_tiles_overlap_enough_and_reach_the_end():
    for length in range(64, 400, 7):
        found = starts(length, 64, 16)
        assert found[0] == 0
        assert found[-1] == length - 64
        assert all(b - a <= 48 for a, b in itertools.pairwise(found))


def test_the_mean_of_eight_ways_is_that_of_a_method_that_turns_with_the_picture():
    x, y = np.random.default_rng(0).random((2, 2, 5, 7))

    def moved(x, y):  # a method that does not: a knight's move, to the right and down
        return np.roll(x, (1, 2), axis=(1, 2)) + y

    moves = [(a * p, b * q) for p, q in ((1, 2), (2, 1)) for a in (1, -1) for b in (1, -1)]
    expected = np.mean([np.roll(x, move, axis=(1, 2)) for move in moves], axis=0) + y
    np.testing.assert_allclose(flipped(moved, x, y), expected)


MUTANTS = {
    "tasks.tiles:flipped": [
        ("only mirrored", "range(4)", "[0] * 4"),
        ("only turned", "(1, -1)", "(1, 1)"),
        ("not mirrored back", "axes=(1, 2))[:, :, ::mirrored])", "axes=(1, 2)))"),
    ],
    "tasks.tiles:tiled": [
        ("every tile counts alike", "total[where] += weight * y", "total[where] += y"),
        ("tiles of the small grid", "s * left : s * left + y.shape[2]", "left : left + y.shape[2]"),
        ("cropped to the size of the input", ": s * H, : s * W", ":H, :W"),
        ("zeros beyond the edge", 'mode="reflect"', 'mode="constant"'),
    ],
    "tasks.tiles:starts": [
        ("tiles that barely meet", "(length - overlap) / (tile - overlap)", "length / tile"),
    ],
}
