"""What a person sees: colours, errors, overlays, examples."""

import numpy as np

from tinyunet.data.masks import Meaning
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import Dataset, PictureUNet
from tinyunet.tasks.segmentation.shown import (
    class_names,
    coloured,
    deciding,
    errors,
    legend,
    overlay,
    picture_of,
    visible,
)

TWO = Meaning()
CLASSES = Meaning("classes", (((0, 0, 0), 0), ((255, 0, 0), 1), ((0, 0, 255), 2)), (255, 255, 255))


def test_classes_have_the_colours_of_their_masks():
    shown = coloured(np.array([[[0, 1, 2, 255]]]), CLASSES)
    np.testing.assert_allclose(shown[:, 0].T, [[0, 0, 0], [1, 0, 0], [0, 0, 1], [128 / 255] * 3])
    assert coloured(np.array([[[0, 1]]]), TWO)[:, 0].T.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert class_names(CLASSES) == ["0 (#000000)", "1 (#ff0000)", "2 (#0000ff)"]
    assert class_names(Meaning("classes", ((0, 0), (100, 1)))) == ["0", "1 (100)"]
    assert [text.get_text() for text in legend(CLASSES).legends[0].get_texts()] == class_names(CLASSES)


def test_errors_tell_what_is_missed_from_what_should_not_be():
    truth, classes = np.array([[[0, 0, 1, 1]]]), np.array([[[0, 1, 0, 1]]])
    right, false, missed, found = errors(classes, truth, TWO)[:, 0].T
    assert len(set(right)) == len(set(found)) == 1  # grey
    assert false[2] > false[0]  # blue
    assert missed[0] > missed[2]  # orange
    ignored = errors(np.array([[[1]]]), np.array([[[255]]]), CLASSES)[:, 0, 0]
    assert len(set(ignored)) == 1


def test_overlay_leaves_the_background_as_it_is():
    image = np.linspace(0, 1, 4).reshape(1, 1, 4)
    classes = np.array([[[0, 1, 2, 0]]])
    shown = overlay(image, classes, CLASSES)
    np.testing.assert_array_equal(shown[:, 0, [0, 3]], np.array([[0.0, 1.0]] * 3))
    np.testing.assert_allclose(shown[:, 0, 1], [2 / 3, 1 / 6, 1 / 6])
    np.testing.assert_allclose(shown[:, 0, 2], [1 / 3, 1 / 3, 5 / 6])


def test_everything_can_be_looked_at():
    rng = np.random.default_rng(0)
    for image in (
        rng.random((3, 4, 5)),
        rng.random((5, 4, 5)),
        1000 * rng.normal(size=(1, 4, 5)),
        0.01 * rng.random((1, 4, 5)),
    ):
        shown = visible(image)
        assert shown.shape == (3, 4, 5)
        assert (shown.min() >= 0) & (shown.max() <= 1)
        assert shown.max() > 0.5
    assert visible(np.zeros((1, 2, 2))).max() == 0


def test_the_picture_of_a_run():
    images = [np.random.default_rng(k).random((1, 16, 24)).astype(np.float32) for k in range(9)]
    dataset = Dataset(list("abcdefghi"), images, [(x > 0.5).astype(np.float32) for x in images])
    figure = picture_of(PictureUNet(1, 1, (4,), rng=0), dataset, "held out")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:4] == ["picture", "truth", "prediction", "error"] or set(titles) == {
        "picture",
        "truth",
        "prediction",
        "error",
        "",
    }
    assert sum(bool(axes.images) for axes in figure.axes) == 16  # four of nine pictures


def test_the_pictures_stand_under_their_titles():
    rng = np.random.default_rng(0)
    columns = {"image": [rng.random((1, 4, 6)), rng.random((3, 4, 6))], "truth": [np.zeros((1, 4, 6))] * 2}
    figure = segmentation.picture(columns, [1.0, 0.5], [(2, {"dice": 0.9, "recall": 0.5})], "all of it")
    grid = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in grid] == ["image", "truth", "", ""]
    np.testing.assert_array_equal(grid[0].images[0].get_array(), columns["image"][0][0])
    np.testing.assert_array_equal(grid[2].images[0].get_array(), columns["image"][1].transpose(1, 2, 0))
    assert all(axes.images[0].get_clim() == (0, 1) for axes in grid)
    assert deciding([(1, {"dice": np.nan}), (2, {"dice": 0.9, "recall": 0.5})]) == [(2, {"dice": 0.9})]


MUTANTS = {
    "tasks.segmentation.shown:errors": [
        ("blue and orange exchanged", "np.asarray(mask) == 0, BLUE", "np.asarray(mask) > 0, BLUE"),
        ("what is ignored is an error", "(mask != IGNORE) if meaning.classes > 1 else True", "True"),
    ],
    "tasks.segmentation.shown:overlay": [
        ("covers what it marks", "0.5 * visible(image) + 0.5 * colour", "colour"),
    ],
    "tasks.segmentation.shown:visible": [
        ("dark stays black", " or high < 0.25", ""),
    ],
}
