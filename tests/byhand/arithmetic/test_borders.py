"""What lies around an image: where a number in the border comes from, and where its gradient goes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import normal, seeds
from tinyunet import byhand
from tinyunet.byhand.arithmetic.borders import BEYOND, framed, same
from tinyunet.byhand.views import page

NUMPYS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
SIDES = st.tuples(st.integers(0, 3), st.integers(0, 3))


@pytest.mark.parametrize("mode", [None, *NUMPYS])
@given(seeds, SIDES, SIDES)
def test_a_border_is_numpys_and_its_gradient_the_transpose(mode, seed, rows, cols):
    x = normal(seed, 2, 1, 4, 5)
    image, back = framed(x, (rows, cols), BEYOND.get(mode))
    how = {"mode": NUMPYS[mode]} if mode else {}
    np.testing.assert_array_equal(image, np.pad(x, ((0, 0), (0, 0), rows, cols), **how))
    dy = normal(seed + 1, *image.shape)
    assert np.vdot(image, dy) == pytest.approx(np.vdot(x, back(dy)))


@pytest.mark.parametrize(("mode", "word"), [("reflect", "mirrored"), ("replicate", "repeated"), ("circular", "other")])
@given(seeds)
def test_a_number_in_the_border_is_shown_as_where_it_came_from(mode, word, seed):
    x = normal(seed, 4)
    y = byhand.conv1d(x, [1, 1, 1], padding=2, padding_mode=mode)
    numbers = np.pad(np.arange(4), 2, NUMPYS[mode])
    for i in range(6):
        for k, term in enumerate(y.at(i).terms):
            source = numbers[i + k]
            here = 0 <= i + k - 2 < 4
            assert term.factors[0].value == x[source]
            assert term.factors[0].at == (i + k - 2,)
            assert term.factors[0].place.startswith(f"x[{source}]")
            assert (word in term.factors[0].place) is not here
    view = page.view(y)
    (array,) = [array for array in view["arrays"] if array["name"] == "x"]
    assert [view["texts"][k] for k in array["seen"]][1].startswith(f"x[{numbers[1]}] ")
    assert view["settings"][-1] == f"padding_mode {mode}"
    assert view["texts"][array["cells"][0]] == page.write(x[numbers[0]])


def test_the_gradient_of_a_pixel_has_a_part_for_each_place_where_it_is_seen():
    dx = byhand.conv1d([1, 2, 4], [1, 10, 100], padding=1, padding_mode="reflect").grad("x")
    assert [part.name for part in dx.at(1).parts] == [
        "filter 0",
        "filter 0, mirrored at [−1]",
        "filter 0, mirrored at [3]",
    ]
    assert [part.value for part in dx.at(1).parts] == [111, 1, 100]
    assert [row.value for row in _rows(dx.at(1))] == ["Σ = 111", "Σ = 1", "Σ = 100"]


def _rows(element):
    from tinyunet.byhand.views.figure import plan

    return plan.plan(element, 10, filling=False).rows


@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 5))
def test_same_is_as_much_as_the_windows_need(n, span, stride):
    outputs = -(-n // stride)
    total = same(n, span, stride)
    assert (n + total - span) // stride + 1 >= outputs
    assert total == 0 or (n + total - span) / stride + 1 == outputs


def test_sames_arithmetic_is_shown():
    y = byhand.conv2d(np.ones((4, 5)), np.ones((3, 3)), stride=2, padding="SAME")
    assert "; zeros added: rows max((⌈4/2⌉ − 1)·2 + 3 − 4, 0) = 1 (0 before, 1 after), " in y.at(0, 0).text()
    assert "columns max((⌈5/2⌉ − 1)·2 + 3 − 5, 0) = 2 (1 before, 1 after)" in y.at(0, 0).text()
    assert "SAME" in " ".join(page.view(y)["settings"])
    assert "The rule: y has the size ⌈input / stride⌉" in y.check(np.ones((7, 7))).text


@given(seeds, st.integers(1, 6), st.integers(1, 4))
def test_a_true_convolution_is_numpys(seed, n, k):
    x, w = normal(seed, n), normal(seed + 1, k)
    y = byhand.conv1d(x, w, padding=k - 1, flip_kernel=True)
    np.testing.assert_allclose(y.result, np.convolve(x, w), atol=1e-12)
    assert "k−1−u" in y.at(0).text()
    assert "reversed" in y.at(0).text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"padding": 3, "padding_mode": "reflect"}, "of 3 in a row, padding_mode 'reflect' shows 2 beyond, not 3"),
        ({"padding": 4, "padding_mode": "circular"}, "of 3 in a row, padding_mode 'circular' shows 3 beyond, not 4"),
        ({"padding_mode": "mirror"}, "padding_mode must be 'zeros', 'reflect', 'replicate', 'circular', not 'mirror'"),
        ({"padding": "Same"}, "padding must be 'same', 'valid', an integer or a pair"),
        ({"padding": ((1, -1), (0, 0))}, "must be at least 0"),
    ],
)
def test_a_border_that_is_none_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        byhand.conv2d(np.ones((3, 3)), np.ones((1, 1)), **settings)


BY_HAND = [
    ("kernel not turned", byhand.conv2d([[1, 2], [3, 4]], [[1, 2], [3, 5]], flip_kernel=True), [[34]]),
    ("kernel flipped", byhand.conv1d([1, 2, 4], [1, 3]), [5, 10]),
    ("another border", byhand.conv1d([1, 2, 4], [1, 0, 0], padding=1, padding_mode="reflect"), [0, 1, 2]),
    (
        "border left out",
        byhand.conv1d([1, 2, 4], [1, 10, 100], padding=1, padding_mode="reflect").grad("x"),
        [11, 111, 110],
    ),
    ("padding alike on both sides", byhand.conv1d([1, 2, 4], [1, 1], padding=(1, 0)), [1, 3, 6, 4]),
    ("stride forgotten", byhand.conv1d([1, 2, 4], [1], stride=2), [1, 2, 4]),
    ("one channel skipped", byhand.conv1d([[1, 2], [10, 20]], [[[1], [1]]]), [[1, 2]]),
    ("no rot180", byhand.conv1d([1, 2, 3], [1, 2]).grad("x", [10, 100]), [20, 210, 100]),
    ("average instead of maximum", byhand.max_pool1d([1, 3, 5, 2], 2), [2, "3.5"]),
    ("maximum instead of average", byhand.avg_pool1d([1, 3, 5, 2], 2), [3, 5]),
    ("overlaps overwritten", byhand.conv_transpose1d([1, 2], [1, 1, 1], stride=2), [1, 1, 2, 2, 2]),
    ("corners aligned", byhand.interpolate([[0, 9]], (1, 4), mode="bilinear"), [[0, 3, 6, 9]]),
    ("half a pixel forgotten", byhand.interpolate([[0, 8]], (1, 4), mode="bilinear"), [[0, 4, 8, 8]]),
    ("another mode", byhand.interpolate([[0, 8]], (1, 4), mode="bilinear"), [[0, 0, 8, 8]]),
    ("zeros between pixels", byhand.interpolate([[3, 5]], (1, 4)), [[3, 0, 5, 0]]),
    ("mean for sum", byhand.interpolate([[3, 5]], (1, 4)).grad("x"), [[1, 1]]),
]


@pytest.mark.parametrize(("name", "explanation", "answer"), BY_HAND, ids=[name for name, *_ in BY_HAND])
def test_a_mistake_is_what_its_name_says(name, explanation, answer):
    verdict = explanation.check(answer)
    assert name in [m.name for m in verdict.mistakes], verdict


def test_a_mistake_with_a_signal_speaks_of_no_rows():
    verdict = byhand.conv1d([1, 2, 4, 8], [1, 1], padding=(1, 1)).check([1, 3, 6, 12])
    assert "row" not in verdict.text
    assert "column" not in verdict.text
    assert "does not have the shape (4,)" in verdict.text


def test_sizes_of_signals_and_resized_images():
    chain = byhand.size("conv1d:8,3 relu max_pool1d:2 conv1d:4,3", (1, 32))
    assert (tuple(chain), chain.parameters, chain.receptive_field) == ((4, 13), 132, (8,))
    assert tuple(byhand.size("conv_transpose1d", (2, 3, 32), out_channels=5, kernel_size=2, stride=2)) == (2, 5, 64)
    assert tuple(byhand.size("max_pool1d", 9, kernel_size=2)) == (4,)
    up = byhand.size(["conv:4,3,padding=1", "interpolate:scale_factor=2,mode=bilinear"], (3, 8, 8))
    assert (tuple(up), up.receptive_field) == ((4, 16, 16), (4, 4))
    with pytest.raises(ValueError, match="do not go together"):
        byhand.size("conv:4,3 conv1d:4,3", (3, 8, 8))


MUTANTS = {
    "byhand.arithmetic.borders": [
        (
            "the edge is mirrored, too",
            "n - 1 - np.abs(n - 1 - np.abs(k))",
            "np.where(k < 0, -1 - k, n - 1 - np.abs(n - 1 - k))",
        ),
    ],
    "byhand.arithmetic.borders:framed": [
        (
            "a pixel gets what one of its places gets",
            "np.add.at(dx, seen, gradient[:, :, i, j])",
            "dx[seen] = gradient[:, :, i, j]",
        ),
    ],
    "byhand.arithmetic.borders:same": [
        ("windows are counted with one too many", "(-(-n // stride) - 1) * stride", "-(-n // stride) * stride"),
    ],
    "byhand.arithmetic.worked:Numbers.factor": [
        ("the place of a mirrored number is its own", "place(self.name, source)", "place(self.name, at)"),
    ],
    "byhand.mistakes.registry:_in_a_row": [
        ("a signal has rows", "text.replace(of_images, of_signals)", "text"),
    ],
}
