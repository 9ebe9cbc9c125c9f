"""The drawing of the U shows the maps and shapes of this U-Net and this image."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch
from PIL import Image

from tinyunet import drawing
from tinyunet.trace import feature_maps
from tinyunet.unet import UNet

RNG = np.random.default_rng(0)


def test_scaled_leaves_out_what_is_brighter_or_darker_than_99_in_100():
    maps = RNG.standard_normal((3, 40, 50))
    maps[1, 0, 0], maps[2] = 1000, 7
    shown = drawing.scaled(maps)
    assert (shown.min(), shown.max()) == (0, 1)
    assert shown[1].std() > 0.1
    np.testing.assert_array_equal(shown[2], 0)
    inside = (shown[0] > 0) & (shown[0] < 1)
    assert inside.mean() == pytest.approx(0.98, abs=0.002)
    assert np.corrcoef(shown[0][inside], maps[0][inside])[0, 1] > 0.999


def test_liveliest_keeps_order_and_gives_no_more_than_there_are():
    maps = RNG.standard_normal((4, 5, 6)) * np.array([3, 1, 4, 2])[:, None, None]
    np.testing.assert_array_equal(drawing.liveliest(maps, 3), maps[[0, 2, 3]])
    np.testing.assert_array_equal(drawing.liveliest(maps, 9), maps)


def arrows(axes):
    return [text.arrow_patch for text in axes.texts if isinstance(getattr(text, "arrow_patch", None), FancyArrowPatch)]


@pytest.mark.parametrize("channels", [(8,), (4, 8), (8, 16, 32), (4, 4, 4, 4, 4)])
@pytest.mark.parametrize("skips", [True, False])
def test_every_shape_stands_in_the_drawing_and_every_stack_is_of_its_level(channels, skips):
    model = UNet(1, 1, channels, skips=skips, rng=0)
    image = RNG.random((1, 64, 96), np.float32)
    axes = drawing.u(model, image).axes[0]
    maps = feature_maps(model, image[None])
    texts = [text.get_text() for text in axes.texts]
    shapes = sorted(text for text in texts if "×" in text)
    drawn = [of[0] for name, of in maps.items() if not name.startswith("enc")]
    assert shapes == sorted("{} × {}×{}".format(*of.shape) for of in drawn)
    assert ("skip" in texts) == skips
    assert len(arrows(axes)) == 2 + (2 + skips) * len(channels)
    for picture in axes.images:  # each is one of the maps of its size
        shape = picture.get_array().shape
        shown = [one for of in drawn[:-1] if of[0].shape == shape for one in drawing.scaled(of)]
        shown += [1 / (1 + np.exp(-drawn[-1][0]))]
        assert any(one.shape == shape and np.allclose(picture.get_array(), one, atol=1e-6) for one in shown)
    np.testing.assert_allclose(axes.images[1].get_array(), 1 / (1 + np.exp(-maps["output"][0, 0])), atol=1e-6)
    assert axes.images[1].get_clim() == (0, 1)
    counts = [min(c, k) for c, k in zip((*channels, channels[-1]), range(3, 9), strict=False)]
    inner = [channels[max(k - 1, 0)] for k in range(len(channels))]  # of the decoder, from the top
    decoder = [min(c, k) for c, k in zip(inner, range(3, 9), strict=False)]
    assert len(axes.images) == 2 + sum(counts) + sum(decoder)


@pytest.mark.parametrize("channels", [(8,), (8, 16, 32), (4, 8, 16, 32, 64)])
def test_nothing_lies_outside_or_on_something_else(channels):
    figure = drawing.u(UNet(1, 1, channels, rng=0), RNG.random((1, 64, 64), np.float32))
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    figure.draw_without_rendering()
    axes = figure.axes[0]
    texts = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    pictures = [image.get_window_extent(renderer) for image in axes.images]
    for box in texts + pictures:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
    for k, box in enumerate(texts):
        assert not any(box.overlaps(other) for other in texts[k + 1 :] + pictures)


DIAMOND = {"u": "xa", "v": "ub", "w": "uc", "y": "vw"}
SKIP = {"u": "xx", "v": "uu", "y": "vu"}
LATE = {"u": "ab", "v": "uc", "w": "vd", "y": "we"}


@pytest.mark.parametrize("made_of", [DIAMOND, SKIP, LATE, {"y": "a"}])
def test_a_graph_has_an_arrow_for_every_use_from_left_to_right(made_of):
    nodes = {*made_of, *"".join(made_of.values())}
    axes = drawing.graph(made_of, {node: f"box {node}" for node in nodes}, {"y": "slope"}).axes[0]
    place = {text.get_text()[-1]: text.get_position() for text in axes.texts if text.get_text().startswith("box")}
    assert place.keys() == nodes
    assert len({*place.values()}) == len(nodes)
    drawn = [(text.xyann, text.xy) for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert sorted(drawn) == sorted((place[s], place[result]) for result, sources in made_of.items() for s in sources)
    assert all(start[0] < end[0] for start, end in drawn)
    for leaf in nodes - made_of.keys():  # just before its first use
        assert min(end[0] for start, end in drawn if start == place[leaf]) == place[leaf][0] + 1


@pytest.mark.parametrize("made_of", [DIAMOND, LATE])
def test_nothing_in_a_graph_lies_on_something_else(made_of):
    nodes = {*made_of, *"".join(made_of.values())}
    labels, notes = dict.fromkeys(nodes, "multiply: 30"), dict.fromkeys(nodes, "slope 27")
    figure = drawing.graph(made_of, labels, notes, dict.fromkeys(made_of, "78"))
    figure.draw_without_rendering()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [(t.get_bbox_patch() or t).get_window_extent() for t in texts]
    assert len(boxes) == 2 * len(nodes) + 2 * len(made_of)
    for k, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])


def test_two_arrows_between_the_same_boxes_are_both_seen():
    axes = drawing.graph(SKIP, {node: node for node in "xuvy"}).axes[0]
    ways = [
        (t.xyann, t.xy, t.arrow_patch.get_connectionstyle().rad) for t in axes.texts if getattr(t, "arrow_patch", None)
    ]
    assert len({*ways}) == len(ways) == 6


@pytest.mark.parametrize("made_of", [DIAMOND, SKIP, LATE, {"u": "ab", "v": "uc", "y": "va"}])
def test_what_stands_along_an_arrow_stands_on_it(made_of):
    names = {node: node for node in {*made_of, *"".join(made_of.values())}}
    along = {result: [f"{source} in {result}, {k}" for k, source in enumerate(made_of[result])] for result in made_of}
    axes = drawing.graph(made_of, names, along=along).axes[0]
    place = {text.get_text(): axes.transData.transform(text.get_position()) for text in axes.texts}
    ways = [text.arrow_patch.get_connectionstyle() for text in axes.texts if getattr(text, "arrow_patch", None)]
    uses = [(result, k, source) for result in made_of for k, source in enumerate(made_of[result])]
    for (result, k, source), way in zip(uses, ways, strict=True):
        start, control, end = way(place[source], place[result], shrinkA=0, shrinkB=0).vertices
        t = drawing.NEARER
        np.testing.assert_allclose(
            place[along[result][k]], (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
        )


@pytest.mark.slow
def test_the_first_picture_of_the_readme_is_drawn_by_its_command(tmp_path):
    docs = Path(__file__).parent.parent / "docs"
    shutil.copy(docs / "u.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "u.py"], check=True, timeout=100)
    with Image.open(tmp_path / "u.png") as drawn, Image.open(docs / "u.png") as stored:
        assert drawn.size == stored.size


MUTANTS = {
    "drawing:scaled": [
        ("all maps on one scale", "axis=(1, 2), keepdims=True", "keepdims=True"),
        ("from the least to the largest value", "(1, 99)", "(0, 100)"),
    ],
    "drawing:liveliest": [
        ("the dullest", "-maps.std", "maps.std"),
        ("in the order of their liveliness", "np.sort(np.argsort", "(np.argsort"),
    ],
    "drawing:u": [
        ("logits are shown", "logistic(of) if", "of if"),
        ("what is pooled instead of the skip", 'maps[f"skip{k}"]', 'maps[f"enc{k}"]'),
        ("skips that are not there", "if model.skips:\n            arrow", "if True:\n            arrow"),
    ],
    "drawing:_stacks": [
        ("levels on each other", "stacks[-1].bottom + GAP", "TOP + GAP"),
        ("no room for the skip", "WIDTH / 2 - 0.4", "WIDTH / 2 + 4"),
    ],
    "drawing:graph": [
        ("arrows on each other", "0.25 if sources[0] == sources[-1] else 0", "0"),
        ("beside its arrow, if that is bent", "2 * NEARER * (1", "NEARER * (1"),
        ("beside its arrow, if that is steep", "below / ratio", "below * ratio"),
        ("on the arrow of another source", "along[result][k]", "along[result][-1 - k]"),
        (
            "arrows turned round",
            "places[result],\n                places[source],",
            "places[source],\n                places[result],",
        ),
    ],
    "drawing:_places": [
        ("leaves at the beginning, however late they are used", "column[result] for result", "1 for result"),
        (
            "rows on each other",
            "max(row + 1, middle if np.isfinite(middle) else 0)",
            "middle if np.isfinite(middle) else row + 1",
        ),
    ],
}
