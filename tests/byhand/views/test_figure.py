"""Pictures of worked elements: their numbers are the terms, and the window stands where it is."""

import math
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from tests.byhand.article import ARTICLE
from tinyunet import byhand, plot
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.worked import Sum
from tinyunet.byhand.views import figure
from tinyunet.byhand.views.figure import slide
from tinyunet.byhand.views.figure.grids import Frame
from tinyunet.byhand.views.figure.plan import plan

X, W = ARTICLE


def integers(*shape):
    return np.random.default_rng(sum(shape)).integers(-9, 10, shape)


def texts(picture):
    return [text.get_text() for text in picture.texts if text.get_text()]


def planned(element):
    return slide.plan_all([element], filling=False)[0][0]


def test_the_example_of_the_article():
    picture = byhand.conv2d(X, W, [2]).at(0, 0, 0).figure()
    shown = texts(picture)
    assert shown[:2] == ["y[0, 0, 0]", "conv2d"]
    assert shown[-2:] == ["30 + 5 + 2 = 37", "channel 0 + channel 1 + bias = y[0, 0, 0]"]
    assert {"x[0]", "x[1]", "w[0, 0]", "w[0, 1]", "products", "30", "5", "y[0]", "×", "=", "→"} <= set(shown)
    width, height = picture.get_size_inches()
    assert math.isclose(width / height, 16 / 9)


def test_the_grids_of_the_example():
    plan = planned(byhand.conv2d(X, W, [2], padding=1).at(0, 0, 3))
    image, kernel, products = plan.rows[0].grids
    assert image.texts == [["0"] * 6, *([["0", "10", "10", "0", "0", "0"]] * 4), ["0"] * 6]
    assert image.frames == (Frame(0, 3, 3, 3, plot.BLUE),)  # one cell out of the image, above and on the right
    used = {cell for cell, look in image.looks.items() if look == "used"}
    assert used == {(1, 3), (1, 4), (2, 3), (2, 4)}
    assert sum(look == "padding" for look in image.looks.values()) == 36 - 16
    assert kernel.texts == [["1", "0", "−1"]] * 3
    assert products.texts == [["0"] * 3] * 3
    assert set(products.looks.values()) == {"zero"}
    assert plan.rows[0].value == "0"
    assert plan.output.frames == (Frame(0, 3, 1, 1, plot.ORANGE),)
    assert plan.subtitle == "conv2d(padding=1)"


def test_the_window_is_drawn_around_its_cells():
    picture = byhand.conv2d(np.arange(100, 125).reshape(5, 5), np.full((2, 3), 2), stride=2).at(1, 1).figure()
    cells = {text.get_text(): text.get_position() for text in picture.texts}
    (box,) = (box.get_bbox() for box in picture.findobj(Rectangle) if box.get_gid() == "frame in x")
    inside = {name for name, (x, y) in cells.items() if box.contains(x, y)}
    assert inside == {"112", "113", "114", "117", "118", "119"}


@pytest.mark.parametrize("what", ["y", "x", "w", "b"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": (0, 3)}, {"groups": 2, "padding": 1}],
    ids=str,
)
@pytest.mark.parametrize("operation", ["conv2d", "conv_transpose2d"])
def test_products_stand_where_the_window_meets_the_image(operation, settings, what):
    groups = settings.get("groups", 1)
    if operation == "conv_transpose2d" and "padding" in settings:
        settings = settings | {"padding": 1}
    x, b = integers(2, 4, 5, 6), integers(4)
    w = integers(4, 4 // groups, 3, 2)
    y = getattr(byhand, operation)(x, w, b, **settings)
    whole = y if what == "y" else y.grad(what, dy=integers(*y.result.shape))
    rng = np.random.default_rng(0)
    for _ in range(6):
        element = whole.at(*(int(rng.integers(n)) for n in whole.result.shape))
        plan = planned(element)
        for part, row in zip(element.parts, plan.rows, strict=False):
            image = row.grids[0]
            used = sorted(image.texts[r][c] for (r, c), look in image.looks.items() if look == "used")
            slot = 1 if (operation, what) == ("conv2d", "w") else 0
            factors = [term.factors[slot] for term in part.terms]
            assert used == sorted(write(f.value) for f in factors if f.name != "padding")
            assert row.value.removeprefix("Σ = ") == write(part.value)
            if len(row.grids) == 1:
                continue
            _, kernel, products = row.grids
            window = window_of(image)
            for r, line in enumerate(products.texts):
                for c, text in enumerate(line):
                    assert number(text) == number(kernel.texts[r][c]) * number(window[r][c])
        assert plan.output.texts[plan.output.frames[0].row][plan.output.frames[0].col] == write(element.value)


def number(text):
    return int(text.replace("−", "-"))


def window_of(image):
    """The numbers in the frames of an image, without the gaps."""
    if len(image.frames) == 1:
        row, col, height, width, _ = image.frames[0]
        return [line[col : col + width] for line in image.texts[row : row + height]]
    rows, cols = ({frame[k] for frame in image.frames} for k in range(2))
    return [[image.texts[r][c] for c in sorted(cols)] for r in sorted(rows)]


def test_a_transposed_kernel_is_turned():
    y = byhand.conv_transpose2d([[1, 2], [3, 4]], np.arange(9).reshape(3, 3), stride=2)
    image, kernel, products = planned(y.at(2, 2)).rows[0].grids
    assert image.texts == [["1", "2"], ["3", "4"]]
    assert kernel.name == "part of w,\nturned by 180°"
    assert kernel.texts == [["8", "6"], ["2", "0"]]
    assert products.texts == [["8", "12"], ["6", "0"]]
    assert planned(y.at(2, 2)).lines[0] == "8 + 12 + 6 + 0 = 26"


def test_the_winner_of_a_maximum_is_marked():
    plan = planned(byhand.max_pool2d([[1, 2], [4, 3]], 2, padding=1).at(1, 0))
    (image,) = plan.rows[0].grids
    assert image.texts[0] == ["−∞"] * 4
    assert image.frames == (Frame(2, 0, 2, 2, plot.BLUE), Frame(2, 1, 1, 1, plot.ORANGE))
    assert image.looks[2, 1] == "chosen"
    assert plan.lines[0] == "max(−∞, 4, −∞, −∞) = 4"
    assert plan.rows[0].value == "max = 4"


def test_a_mean_is_divided():
    plan = planned(byhand.avg_pool2d([[1, 2], [4, 3]], 2).at(0, 0))
    assert plan.lines == ("(1 + 2 + 4 + 3) / 4 = 2.5", "the sum of the window / 4 = y[0, 0]")


def test_an_element_that_nothing_reaches():
    element = byhand.conv2d(integers(5, 5), integers(2, 2), stride=3).grad("x").at(2, 2)
    assert element.value == 0
    assert texts(element.figure())[-2:] == ["dx[2, 2] = 0", "there is nothing to add"]


def every_operation():
    mean, var, gamma, beta = [0, 1], [1, 2], [1, 3], [0, 2]
    x = integers(2, 2, 4, 5) / 4
    yield byhand.conv2d(x, integers(3, 2, 3, 3), [1, 2, 3], stride=(1, 2), padding="valid")
    yield byhand.conv2d(x, integers(2, 1, 2, 2), groups=2, padding="same")
    yield byhand.conv2d([["1/3", 2], [3, 4]], [[0.125]], padding=2)
    yield byhand.conv_transpose2d(x, integers(2, 2, 2, 2), [1, 2], stride=2, output_padding=1)
    yield byhand.max_pool2d(x, 2, ceil_mode=True)
    yield byhand.max_pool2d(x, 2, padding=1, dilation=2)
    yield byhand.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
    for training in (True, False):
        yield byhand.batch_norm(x, mean, var, gamma, beta, training=training)
    yield byhand.batch_norm([[1], [2], [3], [6]], training=True)
    yield byhand.relu(integers(7))
    yield byhand.linear(integers(3), integers(2, 3), [1, 2])
    yield byhand.linear(integers(2, 2, 3), integers(2, 3))
    yield byhand.softmax(integers(2, 3))
    yield byhand.softmax([1, 2, 3])
    yield byhand.cross_entropy(integers(2, 3), [0, 2])
    yield byhand.cross_entropy(integers(2, 3), [0, 2], reduction="none")
    yield byhand.cross_entropy([1, 2, 3], 1)


@pytest.mark.parametrize("y", list(every_operation()), ids=lambda y: y.operation.name)
def test_every_quantity_of_every_operation_is_drawn(y):
    known = y.operation.quantities()
    wholes = [y, *(y.grad(what[1:]) for what in known if what[0] == "d")]
    wholes += [y.updated(what) for what in known if what.startswith("running")]
    for whole in wholes:
        for index in {(0,) * whole.result.ndim, tuple(n - 1 for n in whole.result.shape)}:
            element = whole.at(*index)
            picture = element.figure()
            picture.savefig(BytesIO(), format="rgba", dpi=40)
            assert texts(picture)[0] == element.symbol.text
            last = element.steps[-1]
            if y.operation.slides and isinstance(last, Sum):
                assert texts(picture)[-2].endswith(f" = {write(element.value)}")
            plan = planned(element)
            row, col, *_ = plan.output.frames[0]
            assert plan.output.looks[row, col] == "chosen"
            chosen = plan.output.texts[row][col]
            assert chosen == write(element.value if abs(element.value) > 1e-12 else 0)


def test_steps_are_written_below_the_arrays():
    shown = texts(byhand.batch_norm([[1], [2], [3], [6]], training=True).at(0, 0).figure())
    assert {"μ = (1 + 2 + 3 + 6) / 4 = 3", "y[0, 0] = (1 − 3) / √(3.5 + 1e−05) = −1.069", "−0.5345"} <= set(shown)


@pytest.mark.parametrize("n", range(2))
def test_the_classes_that_z_sums_over_are_marked(n):
    (row,) = planned(byhand.cross_entropy([[1, 2, 3], [0, 0, 1]], [2, 0]).grad("x").at(n, 1)).rows
    x, target = row.grids
    assert set(x.looks) == {(n, 0), (n, 1), (n, 2)}
    assert x.frames == (Frame(n, 1, 1, 1, plot.BLUE),)
    assert target.frames == (Frame(0, n, 1, 1, plot.BLUE),)


@pytest.mark.parametrize("k", range(3))
def test_the_target_of_a_single_row_is_marked_whichever_class_is_worked_out(k):
    (row,) = planned(byhand.cross_entropy([1, 2, 3], 1).grad("x").at(k)).rows
    x, target = row.grids
    assert set(x.looks) == {(0, 0), (0, 1), (0, 2)}
    assert target.frames == (Frame(0, 0, 1, 1, plot.BLUE),)


def test_of_a_large_layer_a_little_is_drawn():
    rng = np.random.default_rng(0)
    y = byhand.conv2d(rng.integers(0, 9, (1024, 16, 16)), rng.integers(-2, 3, (256, 1024, 3, 3)), padding=1)
    element = y.at(200, 9, 15)
    picture = element.figure()
    picture.savefig(BytesIO(), format="png")
    shown = texts(picture)
    assert len(shown) < 500
    (rest,) = [text for text in shown if "more channels" in text]
    left_out = int(rest.split()[2])
    values = [part.value for part in element.parts]
    assert rest == f"… and {left_out} more channels: {write(sum(values[-left_out:]))}"
    assert shown[-2].endswith(f" = {write(element.value)}")
    assert any(text.startswith("x[0]\n[") for text in shown)


def test_a_part_of_an_image_says_which():
    image = planned(byhand.conv2d(np.arange(900).reshape(30, 30), np.ones((3, 3))).at(20, 0)).rows[0].grids[0]
    assert set(image.more) == {"north", "south", "east"}
    name, place = image.name.split("\n")
    rows, cols = (slice(*map(int, part.split(":"))) for part in place.strip("[]").split(", "))
    assert name == "x"
    assert rows.start <= 20 < 23 <= rows.stop
    assert image.texts == [[write(v) for v in line] for line in np.arange(900).reshape(30, 30)[rows, cols]]
    frame = image.frames[0]
    assert (frame.row + rows.start, frame.col + cols.start, frame.height, frame.width) == (20, 0, 3, 3)


def test_rather_two_channels_than_more_around_the_window():
    (plan,), layout = slide.plan_all([byhand.conv2d(integers(2, 64, 64), integers(1, 2, 3, 3)).at(0, 30, 30)], False)
    assert layout.shown == 2
    assert [row.grids[0].name.split("\n")[0] for row in plan.rows] == ["x[0]", "x[1]"]
    assert layout.cell >= slide.LEGIBLE


def test_numbers_stay_in_their_cells():
    """Also decimals with a sign: no text is wider than its cell."""
    rng = np.random.default_rng(0)
    element = byhand.conv2d(rng.normal(size=(2, 5, 5)).round(3), rng.normal(size=(1, 2, 3, 3)).round(3)).at(0, 1, 1)
    (plan,), layout = slide.plan_all([element], filling=False)
    for row in plan.rows:
        for grid, wide in zip(row.grids, layout.wides, strict=False):
            for text in (text for line in grid.texts for text in line):
                assert slide.NUMBER * layout.cell * slide.long(text) < wide
    assert layout.width <= slide.WIDTH


@pytest.mark.parametrize(
    ("explanation", "count"),
    [
        (byhand.conv2d(X, W, [2], padding=1), 16),
        (byhand.max_pool2d(integers(1, 4, 4), 2), 4),
        (byhand.conv2d(X, W, [2]).grad("w"), 9),
        (byhand.relu([-1, 2, 3]), 3),
        (byhand.cross_entropy([1, 2, 3], 1), 1),
    ],
    ids=str,
)
def test_an_animation_has_a_frame_for_each_element(tmp_path, explanation, count):
    explanation.animate(tmp_path / "a.gif", milliseconds=500)
    assert [file.name for file in tmp_path.iterdir()] == ["a.gif"]
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.format, getattr(gif, "n_frames", 1), gif.size) == ("GIF", count, (960, 540))
        if count > 1:
            assert gif.info["loop"] == 0  # for ever
            assert gif.info["duration"] == 500
        assert gif.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    assert (tmp_path / "a.gif").stat().st_size < 20_000 * (count + 1)


def test_nothing_moves_between_frames_but_the_window(tmp_path, monkeypatch):
    painted = []
    paint = slide.paint
    monkeypatch.setattr(slide, "paint", lambda *args: painted.append(paint(*args)) or painted[-1])
    byhand.conv_transpose2d([[1, 2], [3, 4]], [[1, 1, 1]] * 3, stride=2).animate(tmp_path / "a.gif")
    assert len(painted) == 25
    places = [{t.get_text(): (t.get_position(), t.get_size()) for t in f.texts} for f in painted]
    for name in ("x", "y", "×", "→"):
        assert len({place[name] for place in places}) == 1
    # The result fills up: so many of its cells have a number.
    outputs = [plan(e, 10, filling=True).output for e in byhand.relu(integers(2, 3))]
    assert [sum(text != "" for line in grid.texts for text in line) for grid in outputs] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((21, 20), {"path": "a.gif"}, r"\(21, 20\) would be 420; at most 400"),
        ((2, 2), {"path": "a.png"}, r"must end in \.gif"),
        ((2, 2), {"path": "a.gif", "milliseconds": 5}, "at least 20, not 5"),
    ],
)
def test_what_cannot_be_animated(tmp_path, monkeypatch, shape, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        byhand.relu(np.ones(shape)).animate(**arguments)
    assert not list(tmp_path.iterdir())


def test_the_style_of_the_user_changes_nothing():
    element = byhand.conv2d(X, W, [2]).at(0, 0, 0)
    plain = figure.pixels(element.figure())
    with matplotlib.rc_context({"text.color": "white", "savefig.facecolor": "black", "savefig.bbox": "tight"}):
        assert figure.pixels(element.figure()) == plain


def test_a_figure_is_saved(tmp_path):
    plot.save(byhand.relu([-1, 2]).at(0).figure(), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1920, 1080)


MUTANTS = {
    "byhand.views.figure.plan:_windows": [
        ("the window lies on the kernel", "].index(name)", "].index(name) - 1"),
        ("all windows lie on the first plane", "zip(parts, planes,", "zip(parts, [next(planes)] * len(parts),"),
    ],
    "byhand.arithmetic.operations.softmax:CrossEntropy.behind": [
        ("the target of the first row", "rows = [lead] if lead else self._rows()", "rows = self._rows()[:1]"),
    ],
    "byhand.views.figure.grids:image": [
        ("all that is used is framed", "{look: framed or cells", "{look: cells"),
    ],
}
