"""Figures show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from tinyunet import plot


def test_running_mean_against_a_loop():
    values = np.random.default_rng(0).random(30)
    by_loop = [values[i - k : i + k + 1].mean() for i in range(30) for k in [min(3, i)]]
    np.testing.assert_allclose(plot.running_mean(values, 7), by_loop)
    line = 5 - np.arange(9.0)
    np.testing.assert_allclose(plot.running_mean(line, 5)[:-2], line[:-2])  # no kink at the beginning
    assert plot.running_mean([], 5).shape == (0,)


def test_the_training_curve_shows_every_loss_and_score():
    figure = plot.training_curve([3.0, 2.0, 1.0], [(2, {"dice": 0.4}), (3, {"dice": 0.6})])
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [3.0, 2.0, 1.0])
    np.testing.assert_array_equal(right.lines[0].get_xydata(), [[2, 0.4], [3, 0.6]])
    assert "dice" in right.get_ylabel()
    assert right.texts[0].get_text() == "0.600"


def test_without_scores_there_is_one_scale():
    assert len(plot.training_curve([1.0], []).axes) == 1


def test_maps_stand_side_by_side_in_shades_of_the_same_scale():
    one, other = np.arange(6.0).reshape(2, 3), np.ones((4, 6))
    for limits in ((0, 9), None):
        figure = plot.maps({"one": one, "other": other}, limits)
        drawn = [axes.images[0] for axes in figure.axes]
        assert [axes.get_title() for axes in figure.axes] == ["one", "other"]
        for image, array in zip(drawn, (one, other), strict=True):
            np.testing.assert_array_equal(image.get_array(), array)
            assert image.get_clim() == (limits or (array.min(), array.max()))


@pytest.mark.parametrize(
    ("arrays", "said"), [({"x": np.ones(3)}, r"'x' must be \(H, W\), not of shape \(3,\)"), ({}, "nothing")]
)
def test_maps_says_what_it_cannot_draw(arrays, said):
    with pytest.raises(ValueError, match=said):
        plot.maps(arrays)


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("b.jpg", "JPEG")])
def test_save(tmp_path, name, kind):
    plot.save(plot.training_curve([1.0, 2.0], []), tmp_path / name)
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind
        assert picture.size == (1050, 600)
    assert [file.name for file in tmp_path.iterdir()] == [name]


# Grids of numbers


PICTURE = np.array([[10, 10, 0], [10, 10, -0.125]])


def drawn(figure):
    """Texts with their places, cells (left, top) with their brightness, and frames (left, top, width, height)."""
    (axes,) = figure.axes
    texts = [(text.get_text(), *text.get_position()) for text in axes.texts]
    cells, frames = {}, []
    for box in axes.patches:
        if box.get_linewidth() > 1:
            place = (box.get_x(), box.get_y(), box.get_width(), box.get_height())
            frames.append((to_hex(box.get_edgecolor()).upper(), np.round(place, 6).tolist()))
        else:
            cells[box.get_xy()] = box.get_facecolor()[0]
    return texts, cells, frames


def test_a_grid_holds_every_number_in_its_cell_and_its_name_above():
    texts, cells, frames = drawn(plot.grids({"picture": PICTURE}))
    (name, *_), *numbers = texts
    assert name == "picture"
    assert [text for text, *_ in numbers] == ["10", "10", "0", "10", "10", "−0.125"]
    assert [(x, y) for _, x, y in numbers] == [(left + 0.5, top + 0.53) for left, top in cells]
    assert list(cells) == [(left, top) for top in (0, 1) for left in (0.5, 1.5, 2.5)]
    assert frames == []


def test_bright_is_large():
    _, cells, _ = drawn(plot.grids({"picture": PICTURE}))
    assert cells[0.5, 0] == 1
    assert cells[0.5, 0] > cells[2.5, 0] > cells[2.5, 1] >= 0.5
    assert set(drawn(plot.grids({"x": [[3, 3]]}))[1].values()) == {1}


def test_a_zero_has_the_same_grey_whatever_is_around_it():
    _, cells, _ = drawn(plot.grids({"a": [[0, 1, 2]], "b": [[0, -1, -2]], "c": [[0, 0, 0]]}))
    assert {cells[left, 0] for left in (0.5, 4.5, 8.5)} == {0.8}
    assert cells[1.5, 0] > 0.8 > cells[5.5, 0] > cells[6.5, 0] >= 0.5


def test_grids_stand_beside_each_other_in_the_middle():
    _, cells, _ = drawn(plot.grids({"a": np.zeros((4, 2)), "b": [[1, 2, 3]], "a longer name": [[5]]}))
    assert [cell for cell in cells if cell[0] > 3] == [(3.5, 1.5), (4.5, 1.5), (5.5, 1.5), (8.755, 1.5)]


def test_an_empty_cell_has_no_number_and_is_white():
    texts, cells, _ = drawn(plot.grids({"y": [[np.nan, -2, -0.0]]}))
    assert [text for text, *_ in texts] == ["y", "", "−2", "0"]
    assert cells[0.5, 0] == 1
    assert [text for text, *_ in drawn(plot.grids({"y": np.full((1, 2), np.nan)}))[0]] == ["y", "", ""]


def test_of_channels_every_plane_is_drawn():
    x = np.arange(8).reshape(2, 2, 2)
    texts, _, frames = drawn(plot.grids({"x": x, "w": x[:, None]}, {"x": np.s_[1, 0, :]}))
    assert [text for text, *_ in texts if text[0] in "xw"] == ["x[0]", "x[1]", "w[0, 0]", "w[1, 0]"]
    assert frames == [(plot.BLUE, [3.5, 0, 2, 1])]


def test_marks_are_frames_in_their_colours():
    marks = {"x": [np.s_[0:2, 0:2], np.s_[1:3, 1:3]], "y": [np.s_[0, 0], np.s_[1]]}
    _, _, frames = drawn(plot.grids({"x": np.zeros((3, 3)), "y": np.zeros((2, 2))}, marks))
    assert frames == [
        (plot.BLUE, [0.5, 0, 2, 2]),
        (plot.ORANGE, [1.55, 1.05, 1.9, 1.9]),  # inside, or frames on the same line would hide each other
        (plot.BLUE, [4.5, 0.5, 1, 1]),
        (plot.ORANGE, [4.55, 1.55, 1.9, 0.9]),
    ]


def test_cells_apart_have_a_frame_each():
    _, _, frames = drawn(plot.grids({"x": [0, 1, 2, 3]}, {"x": np.s_[::2]}))
    assert frames == [(plot.BLUE, [0.5, 0, 1, 1]), (plot.BLUE, [2.5, 0, 1, 1])]
    assert drawn(plot.grids({"x": [0, 1]}, {"x": np.s_[:0]}))[2] == []


def test_a_long_number_is_made_to_fit():
    sizes = [text.get_fontsize() for text in plot.grids({"x": [[123456789]], "y": [[1]]}).axes[0].texts]
    assert sizes[1] < 0.5 * sizes[0]
    assert sizes[3] == sizes[0]


def test_a_figure_is_no_wider_than_a_slide():
    assert plot.grids({"x": np.zeros((2, 50))}).get_figwidth() == pytest.approx(12.8)
    assert plot.grids({"x": np.zeros((2, 2))}).get_figwidth() == pytest.approx(3 * plot.CELL)


def test_marks_of_no_array():
    with pytest.raises(ValueError, match=r"marks for \['z'\], but the arrays are \['x'\]"):
        plot.grids({"x": [[1]]}, {"z": 0})


def test_clouds_are_on_the_same_square():
    clouds = {name: k * np.random.default_rng(0).normal(size=(50, 2)) for k, name in enumerate("abcdef", 1)}
    figure = plot.points(clouds)
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == list("abcdef")
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes[:6]}) == 1
    for axes, cloud in zip(figure.axes, clouds.values(), strict=False):
        np.testing.assert_allclose(axes.collections[0].get_offsets(), cloud)
        assert np.abs(cloud).max() < axes.get_xlim()[1]
    assert all(axes.axison for axes in figure.axes[:6])
    assert not any(axes.axison for axes in figure.axes[6:])


def test_distributions_are_on_one_scale():
    figure = plot.distributions({"few": [1.0, 2.0], "many": [3.0] * 30}, "how far")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "how far"
    areas = []
    for patch in axes.patches:
        x, y = patch.get_xy().T
        areas.append(abs(np.trapezoid(y, x)))
    np.testing.assert_allclose(areas, 1, rtol=0.01)


MUTANTS = {
    "plot:points": [
        (
            "on a square of the first",
            "for cloud in clouds.values()) * 1.1",
            "for cloud in [*clouds.values()][:1]) * 1.1",
        ),
        ("the first clouds lose their frames", "panels[len(clouds) :]", "panels"),
    ],
    "plot:distributions": [
        ("the many are higher", "density=True", "density=False"),
    ],
    "plot:running_mean": [
        ("one side longer than the other at the beginning", "here + reach + 1", "here + width // 2 + 1"),
        ("too wide", "width // 2)", "width)"),
    ],
    "plot:grids": [
        ("all grids at the same place", "left += width + 1", "left += 0"),
        ("grids at the top", "(tall - len(values)) / 2", "0"),
        ("as wide as it gets", "min(CELL, WIDEST / wide)", "CELL"),
        ("frames on one line", "(0, 0.05, 0.1, 0.15)", "(0, 0, 0, 0)"),
    ],
    "plot:_planes": [
        ("marks of the first plane on all", "mask[at] for mask", "mask[0 * np.array(at, int)] for mask"),
        ("nothing marked", "mask[mark] = True", "mask[mark] = False"),
    ],
    "plot:_draw_grid": [
        ("dark is large", "+ 0.2 * values[i, j]", "- 0.2 * values[i, j]"),
        ("from the least to the largest", "np.nanmax([0, *np.abs(values.flat)])", "np.nanmax([0, *values.flat])"),
        ("transposed", "corner[0] + j, corner[1] + i", "corner[0] + i, corner[1] + j"),
        ("a long number is cut off", "3.2 / max(3.2, *map(len, texts))", "1"),
    ],
    "plot:_draw_mark": [
        ("gaps are filled", "if len(cells) < (", "if len(cells) > ("),
        ("one cell short", "cells.max(axis=0) + 1", "cells.max(axis=0)"),
    ],
    "plot:_short": [
        ("minus zero", "value += 0.0", "value += -0.0"),
        ("nan is written", "if np.isnan(value)", "if False"),
        ("a hyphen for a minus", '.replace("-", "−")', ""),
    ],
    "plot:maps": [
        ("each map on a scale of its own", "vmin=low, vmax=high, ", ""),
        (
            "titles in another order",
            "zip(panels, arrays.items(), strict=True)",
            "zip(panels[::-1], arrays.items(), strict=True)",
        ),
    ],
}
