"""Pictures of worked elements: their numbers are the terms, and the window stands where it is."""

import base64
import itertools
import math
from io import BytesIO

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Rectangle
from PIL import Image

from tests.byhand.article import ARTICLE
from tinyunet import byhand, plot
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.worked import Sum
from tinyunet.byhand.views import figure
from tinyunet.byhand.views.figure import chart, slide
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
    assert {"x[0]", "x[1]", "w[0, 0]", "w[0, 1]", "products", "Σ = 30", "Σ = 5", "y[0]", "×", "=", "→"} <= set(shown)
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
    assert plan.rows[0].value == "Σ = 0"
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
            if products.letters:
                met = [by_letter(grid) for grid in row.grids]
                assert met[0].keys() == met[1].keys() == met[2].keys()
                assert [met[0][k] * met[1][k] for k in met[2]] == list(met[2].values())
                assert len(met[2]) == len(part.terms)
                assert kernel.more or kernel.texts == [
                    [write(v) for v in line] for line in plane_of(whole, part.terms[0])
                ]
                continue
            window = window_of(image)
            for r, line in enumerate(products.texts):
                for c, text in enumerate(line):
                    assert number(text) == number(kernel.texts[r][c]) * number(window[r][c])
        assert plan.output.texts[plan.output.frames[0].row][plan.output.frames[0].col] == write(element.value)


def number(text):
    return int(text.replace("−", "-"))


def by_letter(grid):
    """The numbers of a grid that have a letter."""
    return {letter: number(grid.texts[r][c]) for (r, c), letter in grid.letters.items()}


def plane_of(whole, term):
    """All of the plane that the kernel of a term is in: the second factor, or the first where the window is on it."""
    slid = whole.operation.slid_over(whole.what)
    (kernel,) = (factor for factor in term.factors if factor.name not in (slid, "padding"))
    return whole.arrays[kernel.name][kernel.at[:-2]]


def window_of(image):
    """The numbers in the frames of an image, without the gaps."""
    if len(image.frames) == 1:
        row, col, height, width, _ = image.frames[0]
        return [line[col : col + width] for line in image.texts[row : row + height]]
    rows, cols = ({frame[k] for frame in image.frames} for k in range(2))
    return [[image.texts[r][c] for c in sorted(cols)] for r in sorted(rows)]


def test_letters_show_which_cell_of_the_kernel_meets_which_pixel():
    y = byhand.conv_transpose2d([[1, 2], [3, 4]], np.arange(9).reshape(3, 3), stride=2)
    image, kernel, products = planned(y.at(2, 2)).rows[0].grids
    assert image.texts == [["1", "2"], ["3", "4"]]
    assert image.letters == {(0, 0): "a", (0, 1): "b", (1, 0): "c", (1, 1): "d"}
    assert kernel.name == "w"
    assert kernel.texts == [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"]]  # all of it, as it stands
    assert kernel.letters == {(2, 2): "a", (2, 0): "b", (0, 2): "c", (0, 0): "d"}  # turned by 180°
    assert set(kernel.looks) == set(kernel.letters)
    assert products.texts == [["8", "12"], ["6", "0"]]
    assert products.letters == image.letters
    assert planned(y.at(2, 2)).lines[0] == "8 + 12 + 6 + 0 = 26"
    assert {"a", "b", "c", "d"} <= set(texts(y.at(2, 2).figure()))
    whole = byhand.conv2d(integers(5, 5), integers(2, 2)).grad("x")
    (row,) = planned(whole.at(2, 2)).rows  # also where all of it is met
    assert row.grids[1].letters == {(1, 1): "a", (1, 0): "b", (0, 1): "c", (0, 0): "d"}
    (row,) = planned(byhand.conv2d([[1, 2], [3, 4]], [[1, 2], [3, 4]]).at(0, 0)).rows
    assert not any(grid.letters for grid in row.grids)  # there the kernel lies on the image as it stands


def test_a_linear_layer_is_products_too():
    y = byhand.linear([[1, 2], [3, 4]], [[5, 6], [7, 8], [9, 0]], [1, 2, 3])
    for whole, at, products, value in [
        (y, (1, 2), ["27", "0"], "27"),
        (y.grad("x", [[1, 2, 3], [4, 5, 6]]), (1, 0), ["20", "35", "54"], "109"),
        (y.grad("w", [[1, 2, 3], [4, 5, 6]]), (2, 1), ["6", "24"], "30"),
    ]:
        (row,) = planned(whole.at(*at)).rows
        assert [text for line in row.grids[2].texts for text in line] == products
        assert row.value == f"Σ = {value}"
        met = [by_letter(grid) for grid in row.grids]
        assert {k: met[0][k] * met[1][k] for k in met[0]} == met[2]


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


def test_an_element_that_is_made_of_no_number_has_the_array_beside_it():
    (row,) = planned(byhand.alpha_bar([0.5, 0.25]).at(0)).rows
    assert [(grid.name, grid.texts, grid.looks) for grid in row.grids] == [("beta", [["0.5", "0.25"]], {})]


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
    yield byhand.group_norm(x[:, [0, 1, 0, 1]], 2, [1, 2, 3, 4], [0, 1, 0, 1])
    yield byhand.layer_norm(integers(2, 3), 3, [1, 2, 3], [0, 1, 0])
    yield byhand.log_softmax(integers(2, 3))
    yield byhand.binary_cross_entropy_with_logits(integers(2, 3), [[0, 1, 1], [1, 0.5, 0]])
    yield byhand.relu(integers(7))
    yield byhand.relu(-2)
    yield byhand.linear(integers(3), integers(2, 3), [1, 2])
    yield byhand.linear(integers(2, 2, 3), integers(2, 3))
    yield byhand.softmax(integers(2, 3))
    yield byhand.softmax([1, 2, 3])
    yield byhand.softmax([5])
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


@pytest.mark.parametrize("name", examples.names())
def test_every_example_is_drawn(name):
    example = examples.built_in(name)
    for what in example.explanation.operation.quantities():
        *_, last = example.of(what)
        for element in (*example.elements(), last):
            assert texts(element.figure())[0] == element.symbol.text


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


def cells(picture):
    """The boxes of all cells with the boxes of what is written in each, in pixels."""
    renderer = FigureCanvasAgg(picture).get_renderer()
    written = [text.get_window_extent(renderer) for text in picture.texts if text.get_text().strip("⋮⋯")]
    for box in picture.findobj(lambda artist: artist.get_gid() == "cell"):
        cell = box.get_window_extent(renderer)
        yield cell, [t for t in written if cell.contains((t.x0 + t.x1) / 2, (t.y0 + t.y1) / 2)]


@pytest.mark.parametrize("seed", range(8))
def test_no_number_touches_its_border(seed):
    """Also long decimals with a sign, in small cells, in a frame, below a letter."""
    rng = np.random.default_rng(seed)

    def drawn(*shape):
        values = rng.normal(size=shape) * 10.0 ** rng.integers(-5, 5)
        return values if seed % 2 else values.round(int(rng.integers(0, 4)))

    y = [
        lambda: byhand.conv2d(drawn(2, 5, 5), drawn(1, 2, 3, 3), drawn(1), padding=1),
        lambda: byhand.conv2d(drawn(4, 4), drawn(2, 3), stride=2).grad("x", drawn(2, 1)),
        lambda: byhand.conv_transpose2d(drawn(3, 3), drawn(3, 3), stride=2),
        lambda: byhand.linear(drawn(2, 3), drawn(2, 3), drawn(2)),
        lambda: byhand.max_pool2d(drawn(4, 4), 2),
        lambda: byhand.relu(drawn(3, 4)),
        lambda: byhand.batch_norm(drawn(3, 2), weight=drawn(2), bias=drawn(2), training=True).grad("x", drawn(3, 2)),
        lambda: byhand.cross_entropy(drawn(2, 4).clip(-9, 9), [0, 3]),
    ][seed]()
    picture = y.at(*(n // 2 for n in y.result.shape)).figure()
    count = 0
    for cell, inside in cells(picture):
        line = 1.5 * picture.dpi / 72  # half of that around a frame
        for text in inside:
            count += 1
            assert cell.x0 + line < text.x0 < text.x1 < cell.x1 - line
            assert cell.y0 < text.y0 < text.y1 < cell.y1
        assert not any(a.overlaps(b) for a, b in itertools.combinations(inside, 2))
    assert count > 5
    whole, renderer = picture.bbox, FigureCanvasAgg(picture).get_renderer()
    for text in picture.texts:
        box = text.get_window_extent(renderer)
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1


# ---- charts


def charted(element):
    """The shapes of a chart, by their kind."""
    shapes = chart.chart(element)
    return [[shape for shape in shapes if isinstance(shape, kind)] for kind in (chart.Line, chart.Dot, chart.Bar)], [
        shape.text for shape in shapes if isinstance(shape, chart.Label)
    ]


@pytest.mark.parametrize(("at", "y", "slope"), [((0, 0), "0", "0"), ((0, 1), "2", "1"), ((1, 1), "0", "0")])
def test_the_numbers_of_relu_lie_on_its_curve(at, y, slope):
    x = np.array([[-3.0, 2.0], [1.0, 0.0]])
    (lines, dots, _), labels = charted(byhand.relu(x).at(*at))
    curve = max(lines, key=lambda line: len(line.x))
    floor, unit = max(curve.y), chart.WIDTH / 2 / 3 / 1.15 * (1 - chart.ROW / chart.WIDTH)
    middle = (curve.x[0] + curve.x[-1]) / 2
    found = sorted(((dot.x - middle) / unit, (floor - dot.y) / unit, dot.hollow) for dot in dots)
    expected = sorted((value, max(value, 0), value <= 0) for value in x.ravel())
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert {write(x[at]), f"y = {y}"} <= set(labels)
    (lines, dots, _), labels = charted(byhand.relu(x).grad("x").at(*at))
    assert f"slope {slope}" in labels
    (tangent,) = (line for line in lines if line.colour == plot.ORANGE)
    rise, run = tangent.y[0] - tangent.y[-1], tangent.x[-1] - tangent.x[0]
    assert math.isclose(rise / run, int(slope), abs_tol=1e-9)


def test_probabilities_are_bars():
    x = [[2.0, 1.0, 0.1], [0.5, 2.5, -1.0]]
    p = byhand.softmax(x).result
    for n, k in np.ndindex(2, 3):
        (_, _, bars), labels = charted(byhand.softmax(x).at(n, k))
        heights = np.array([bar.height for bar in bars])
        np.testing.assert_allclose(heights / heights.sum(), p[n])
        assert [bar.colour == plot.ORANGE for bar in bars] == [j == k for j in range(3)]
        assert write(p[n, k]) in labels
    (_, _, bars), labels = charted(byhand.cross_entropy(x, [0, 2]).at())
    assert [bar.colour == plot.ORANGE for bar in bars] == [True, False, False, False, False, True]
    for n, true in enumerate([0, 2]):
        assert f"true class {true}: −log {write(p[n, true])} = {write(-math.log(p[n, true]))}" in labels


@pytest.mark.parametrize("k", range(3))
def test_the_gradient_of_a_loss_is_what_is_missing_to_the_true_class(k):
    x = [[2.0, 1.0, 0.1], [0.5, 2.5, -1.0]]
    p = byhand.softmax(x).result[1]
    (lines, _, bars), labels = charted(byhand.cross_entropy(x, [0, 2], reduction="sum").grad("x").at(1, k))
    full = max(bar.height for bar in bars)  # that around the true class, to 1
    np.testing.assert_allclose([bar.height / full for bar in bars[:3]], p)
    (gap,) = (line for line in lines if line.colour == plot.ORANGE)
    off = (gap.y[1] - gap.y[0]) / full
    assert math.isclose(off, p[k] - (k == 2))
    assert f"true class 2; class {k}: p − {int(k == 2)} = {write(off)}" in labels


def test_the_gradient_of_softmax_is_an_area():
    whole = byhand.softmax([2, 1, 0.1]).grad("x", [1, -2, 0.5])
    for k in range(3):
        (lines, _, bars), _ = charted(whole.at(k))
        areas = np.array([bar.width * bar.height for bar in bars])
        np.testing.assert_allclose(areas / areas.max(), np.abs(whole.result) / np.abs(whole.result).max())
        middle = lines[-1].y[0]
        ends = [np.isclose(bar.y, middle) for bar in bars]  # from the mean down, or up
        assert ends == (whole.result < 0).tolist()
        assert [bar.colour == plot.ORANGE for bar in bars] == [j == k for j in range(3)]


@pytest.mark.parametrize("t", [0.0, 1.0, 0.25])
def test_a_logit_is_that_of_class_1(t):
    x = np.array([[1.5, -2.0], [0.0, 3.0]])
    p = 1 / (1 + math.exp(2))
    whole = byhand.binary_cross_entropy_with_logits(x, np.full((2, 2), t), reduction="sum").grad("x")
    (lines, _, bars), labels = charted(whole.at(0, 1))
    (gap,) = (line for line in lines if line.colour == plot.ORANGE)
    unit = (bars[0].height + max(bars[1:], key=lambda bar: bar.x).height) if t == 0 else bars[-1].height / t
    assert math.isclose((gap.y[1] - gap.y[0]) / unit, whole.result[0, 1], abs_tol=1e-9)
    assert any(label.endswith(f"p − {write(t)} = {write(p - t)}") for label in labels)
    _, labels = charted(byhand.binary_cross_entropy_with_logits(x, np.full((2, 2), t), "none").at(0, 1))
    of_true = {0.0: f"−log {write(1 - p)}", 1.0: f"−log {write(p)}"}.get(t, "target 0.25")
    assert any(of_true in label for label in labels)


def test_batch_norm_moves_numbers_to_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(5, 2, (4, 2))
    numbers, y = x[:, 1], byhand.batch_norm(x, weight=[1, 30], bias=[0, 7], training=True)
    mean, off = numbers.mean(), numbers.std()
    (_, dots, bands), labels = charted(y.at(2, 1))
    rows = [(numbers, mean, off), ((numbers - mean) / off, 0, 1), (y.result[:, 1], 7, 30)]
    for k, (row, middle, spread) in enumerate(rows):
        band, shown = bands[k], dots[4 * k : 4 * k + 4]
        found = [(dot.x - band.x - band.width / 2) / (band.width / 2 / spread) for dot in shown]
        np.testing.assert_allclose(found, row[[0, 1, 3, 2]] - middle, atol=1e-3)
        assert [dot.colour == plot.ORANGE for dot in shown] == [False, False, False, True]  # the chosen one on top
    assert {f"μ = {write(mean)}", "β = 7", "−|γ|", "+|γ|"} <= set(labels)
    (_, dots, _), labels = charted(byhand.batch_norm(x, [5, 5], [4, 4]).at(2, 1))  # with statistics that are given
    assert len(dots) == 2
    assert "μ = 5" in labels


def test_the_gradient_of_batch_norm_is_a_residual():
    rng = np.random.default_rng(1)
    x, dy = rng.normal(5, 2, (6, 1)), rng.normal(size=(6, 1))
    whole = byhand.batch_norm(x, weight=[3], training=True, eps=0.01).grad("x", dy)
    lengths = []
    for n in range(6):
        (lines, _, _), _ = charted(whole.at(n, 0))
        (residual,) = (line for line in lines if line.colour == plot.ORANGE)
        lengths.append(residual.y[1] - residual.y[0])
    np.testing.assert_allclose(lengths / np.abs(lengths).max(), (whole.result / np.abs(whole.result).max()).ravel())


def test_the_chosen_point_covers_no_text_and_no_line_runs_through_its_number():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, dy = rng.integers(-5, 6, (2, 5, 1))
        residual = byhand.batch_norm(x, training=True).grad("x", dy).at(seed % 5, 0)
        loss = byhand.cross_entropy(rng.integers(-2, 3, (2, 3)), [0, 2]).grad("x").at(seed % 2, seed % 3)
        for element in (residual, loss):
            shapes = chart.chart(element)
            points = [s for s in shapes if isinstance(s, chart.Dot) and s.colour == plot.ORANGE]
            labels = [s for s in shapes if isinstance(s, chart.Label)]
            for point, label in itertools.product(points, labels):
                away = abs(point.x - label.x) - 0.3 * chart.LETTERS * len(label.text), abs(point.y - label.y) - 0.12
                assert max(away) > point.radius, (seed, label)
        (line,) = (s for s in chart.chart(residual) if isinstance(s, chart.Line) and s.width == 2)
        (number,) = (s for s in chart.chart(residual) if isinstance(s, chart.Label) and s.weight == "bold")
        passes = line.y[0] + (number.x - line.x[0]) * (line.y[1] - line.y[0]) / (line.x[1] - line.x[0])
        assert abs(passes - number.y) > chart.LETTERS / 2


def test_of_many_numbers_some_are_drawn():
    element = byhand.relu(np.arange(-5000, 5000).reshape(100, 100)).at(50, 3)
    (_, dots, _), _ = charted(element)
    assert len(dots) <= chart.MOST + 1
    assert dots[-1].colour == plot.ORANGE
    assert not chart.chart(byhand.softmax(np.arange(99) / 9).at(3))


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


def test_a_notebook_shows_an_animation_that_is_in_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = byhand.relu([-1, 2, 3]).animation(milliseconds=300)
    shown = made._repr_mimebundle_(include=None, exclude=None)
    with Image.open(BytesIO(base64.b64decode(shown["image/gif"]))) as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (3, (960, 540), 300)
    assert shown["text/plain"] == repr(made) == "<an animation of 3 frames, which a notebook shows>"
    assert not list(tmp_path.iterdir())


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
    "byhand.views.figure:animation": [
        ("the time is not asked for", "[milliseconds] * (len(frames) - 1)", "[700] * (len(frames) - 1)"),
        ("the last frame is missing", "append_images=frames[1:]", "append_images=frames[1:-1]"),
    ],
    "byhand.views.figure.plan:_windows": [
        ("the window lies on the kernel", "].index(name)", "].index(name) - 1"),
        (
            "all windows lie on the first plane",
            "zip(parts, _planes(parts[0][1], k, axes),",
            "zip(parts, [next(_planes(parts[0][1], k, axes))] * len(parts),",
        ),
    ],
    "byhand.arithmetic.operations.softmax:Loss.behind": [
        ("the target of the first row", "rows = [lead] if lead else self._rows()", "rows = self._rows()[:1]"),
    ],
    "byhand.views.figure.plan:_channel": [
        ("letters of the window in the kernel", "cell_of(factor.at, axes): letters[cell]", "cell: letters[cell]"),
    ],
    "byhand.views.figure.plan:_letters": [
        ("a turned kernel has no letters", " and places == sorted(places)", ""),
    ],
    "byhand.views.figure.slide:_layout": [
        ("numbers as wide as their cells", "long + 0.25) + FRAME", "long)"),
    ],
    "byhand.views.figure.chart:_bars": [
        ("the true class is the first", "k == targets[tuple(lead)]", "k == 0"),
        ("probabilities that are not divided", "term.value / total.value", "term.value"),
    ],
    "byhand.views.figure.chart:_areas": [
        ("from 0 in place of the mean", "abs(d - mean.value)", "abs(d)"),
    ],
    "byhand.views.figure.chart:_curve": [
        ("the slope is forgotten", "value + way * slope * run", "value"),
    ],
    "byhand.views.figure.chart:_normalised": [
        ("a variance for a standard deviation", "math.sqrt(var.value), (", "var.value, ("),
        ("the scale of the first line", "centre) * unit for", "centre) * units[0] for"),
    ],
    "byhand.views.figure.chart:_residual": [
        ("the distance from the mean alone", "(xs[own], a + b * xs[own])", "(xs[own], a)"),
        ("a number on the line", "0.8 * ROW * (-1 if", "0.8 * ROW * (1 if"),
    ],
    "byhand.views.figure.chart:_row": [
        ("a number behind the point", "0.7 if wanted", "0.5 if wanted"),
    ],
    "byhand.views.figure.grids:image": [
        ("all that is used is framed", "{look: framed or cells", "{look: cells"),
    ],
}
