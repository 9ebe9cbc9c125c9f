"""Answers as people give them: printed by programs, unfinished, with slips that have nothing to do with one another."""

import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.byhand.mistakes.test_diagnosis import KINDS, ONE_AXIS, explanations
from tests.strategies import normal, seeds
from tinyunet import byhand
from tinyunet.byhand.mistakes import RARE, WAYS, wrong_answers
from tinyunet.byhand.mistakes.registry import TOGETHER

X34, K22 = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], [[1, 2], [3, 4]]
Y = byhand.conv2d(X34, K22)  # 44 54 64, and 84 94 104


def names(verdict):
    return [mistake.name for mistake in verdict.mistakes]


# ---- what programs print


def single(of):
    """The same, computed in float32."""
    op = of.operation
    floats = {name: a for name, a in op.arrays.items() if a is not None and a.dtype.kind == "f"}
    arrays = {name: a.astype(np.float32) for name, a in floats.items()}
    result = op.changed(**arrays).result(of.what, None if of.dy is None else of.dy.astype(np.float32))
    return result.reshape(of.result.shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4)
@given(seeds)
def test_what_a_float32_program_printed_is_right_in_every_form(kind, seed):
    for of in explanations(kind, seed):
        found = single(of)
        for form in (found, found.tolist(), repr(found), str(found.tolist()), torch.tensor(found), found.astype(float)):
            assert of.check(form), (form, of.check(form))
        if found.size < 100:  # beyond, prints are shortened
            assert of.check(str(torch.tensor(found))), of.check(str(torch.tensor(found)))
            assert of.check(str(found)), of.check(str(found))
        index = tuple(np.random.default_rng(seed).integers(0, n) for n in found.shape)
        assert of.at(*index).check(float(found[index]))
        assert of.at(*index).check(str(found[index]))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4)
@given(seeds)
def test_a_number_that_is_off_by_more_is_wrong_however_small_it_is(kind, seed):
    rng = np.random.default_rng(seed)
    for of in explanations(kind, seed):
        index = tuple(int(rng.integers(0, n)) for n in of.result.shape)
        value, answer = of.result[index], of.result.copy()
        assume(abs(value) > 1e-3 * of.sizes.reshape(of.result.shape)[index])
        answer[index] = value * (1 + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-3, 0))
        assert not of.check(answer)
        assert not of.check(answer.tolist())
        assert not of.at(*index).check(f"{answer[index]:.5e}")


def test_what_is_tiny_is_not_swallowed():
    tiny = byhand.softmax([-20, 0]).at(0)  # 2.0612e-9
    for right in (
        "2.06e-9",
        "2.1e-9",
        2.0611537e-09,
        np.float32(2.0611537e-09),
        "2.0612e-09",
        "2.06×10^-9",
        "2*10**-9",
    ):
        assert tiny.check(right), right
    for wrong in ("1.2e-9", "2.07e-9", 2.1611537e-09, "0.0", 0, 1e-9):
        assert tiny.check(wrong).right is (wrong == "0.0"), wrong
    loss = byhand.cross_entropy([20, 0], 0).at()
    assert not loss.check("1.2e-9")
    assert loss.check(0.0)  # what float32 leaves of log Z − 20
    assert byhand.conv2d([[0.1, 0.2, 0.3, 5]], [[1, 1, -1]]).at(0, 0).check(7.4505806e-09)
    assert not byhand.conv2d([[1e-4, 2e-4]], [[1, 1]]).at(0, 0).check("3.1e-4")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_known_by_its_type_or_its_digits(dtype):
    y = byhand.softmax([1, 2, 3])
    half = torch.tensor(y.result).to(dtype)
    for form in (str(half), half.tolist(), str(half.tolist())):
        assert y.check(form), form
    assert y.check(y.result.astype(np.float16))
    assert not y.check((y.result + 0.01).astype(np.float16))
    assert not y.check([0.09, 0.2457, 0.6652])
    assert names(byhand.avg_pool2d([[1, 1, 0]], (1, 3)).check(["0.6666"])) == ["digits cut off"]


def test_numbers_rounded_beside_others_are_right():
    y = byhand.softmax([0, 12, 0])
    assert y.check("0.0000 1.0000 0.0000")
    assert y.check("[6.1441e-06 9.9999e-01 6.1441e-06]")
    assert y.check([6.1441e-06, 0.99999, 6.1441e-06])
    assert not y.check("[1 0 0]")
    assert byhand.linear([12345.678], [[1]]).check("[1.2346e+04]")
    assert not byhand.linear([12345.678], [[1]]).check("[1.2347e+04]")


def test_a_whole_number_must_be_exact():
    big = byhand.linear([12345678], [[1]]).at(0)
    assert big.check("12345678")
    assert not big.check("12345679")
    assert big.check("12345679.")  # which a float32 program cannot tell from it


def test_rounding_is_no_number_that_was_misread():
    y = byhand.conv2d([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], [[0.7, 0.1], [0.2, 0.3]])
    assert y.check("[[0.32000002 0.45000002]]")
    assert y.check([["0.3", "0.5"]])
    wrong = y.check([["0.3201", "0.4501"]])
    assert not wrong
    assert names(wrong) == []


# ---- what is not answered yet


GAPS = st.sampled_from([None, "?", "_", "", "none", "…", "n/a", ..., float("nan"), np.nan])


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4)
@given(seeds, st.data())
def test_the_rest_of_an_unfinished_answer_is_judged(kind, seed, data):
    rng = np.random.default_rng(seed)
    for of in explanations(kind, seed):
        if of.result.size < 2:
            continue
        answer = of.result.astype(object)
        gaps = rng.random(answer.shape) < 0.5
        for index in np.argwhere(gaps):
            answer[tuple(index)] = data.draw(GAPS) if len(np.argwhere(gaps)) < 5 else None
        verdict = of.check(answer.tolist())
        assert verdict.right is not gaps.any(), verdict
        assert gaps.any() == verdict.text.startswith("not answered yet")
        assert verdict.mistakes == ()
        if not gaps.all():
            index = tuple(np.argwhere(~gaps)[-1])
            answer[index] = of.result[index] + 1000.5
            wrong = of.check(answer.tolist())
            assert wrong.text.startswith("not right")
            assert wrong.where == tuple(map(int, index))
            assert gaps.any() == ("not answered yet" in wrong.text)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "not answered yet"),
        ([], "not answered yet"),
        ([[], []], "not answered yet"),
        ("[[]]", "not answered yet"),
        ("", "not answered yet"),
        (np.full((2, 3), np.nan), "not answered yet"),
        ([[None] * 3] * 2, "not answered yet"),
        ([[44, 54, 64], [84, 94]], "not answered yet: y[1, 2]. The others are right."),
        ([[44, 54], [84]], "not answered yet: y[0, 2], the first of 3 (of 6). The others are right."),
        ([[44, 54, 64], []], "not answered yet: y[1, 0], the first of 3 (of 6). The others are right."),
        ([[44, 54, 64], None], "not answered yet: y[1, 0], the first of 3 (of 6). The others are right."),
        ("44 54 64\n84 ? 104", "not answered yet: y[1, 1]. The others are right."),
        ("44\t54\t\n84\t94\t104", "not answered yet: y[0, 2]. The others are right."),
        ("| 44 | | 64 |\n| 84 | 94 | 104 |", "not answered yet: y[0, 1]. The others are right."),
        (r"44 & 54 & 64 \\ & 94 & 104", "not answered yet: y[1, 0]. The others are right."),
    ],
)
def test_unfinished_answers(answer, said):
    verdict = Y.check(answer)
    assert verdict.text == said
    assert not verdict
    assert not verdict.mistakes


@pytest.mark.parametrize(
    "answer", [None, "", "?", " _ ", "nan", float("nan"), ..., np.float64("nan"), np.array([np.nan])]
)
def test_an_element_that_is_not_answered(answer):
    assert Y.at(0, 0).check(answer).text == "not answered yet"


def test_mistakes_are_named_in_what_is_answered():
    verdict = byhand.conv2d(X34, K22, [3]).check([[44, None, 64], [None, 94]])
    assert "bias forgotten" in names(verdict)
    assert "(of 6, 3 of them not answered yet)" in verdict.text


def test_an_unfinished_answer_that_does_not_fit_has_a_wrong_shape():
    assert "y does not have the shape (2, 4)" in Y.check([[44, 54, 64, 74], [84]]).text


# ---- mistakes


@pytest.mark.parametrize(
    ("y", "answer", "places"),
    [
        (byhand.max_pool2d([[4, 1], [9, 6]], 2), [[6]], "x[1, 1]"),
        (byhand.max_pool2d([[4, 1, 2, 8], [9, 6, 3, 5]], 2), [[6, 8]], "x[1, 1]"),
        (byhand.max_pool2d([[4, 1, 2, 8], [9, 6, 3, 5]], 2), [[6, 3]], "x[1, 1] or x[1, 2]"),
        (
            byhand.max_pool2d(np.arange(36).reshape(6, 6), 2),
            [[6, 2, 11], [18, 14, 22], [25, 26, 35]],
            "x[1, 0] or x[0, 2]",
        ),
    ],
)
def test_another_number_of_the_window_is_not_the_largest(y, answer, places):
    verdict = y.check(answer)
    assert names(verdict)[0] == "not the largest number of the window"
    assert verdict.mistakes[0].detail.startswith(places)


@settings(max_examples=20)
@given(seeds)
def test_another_number_in_some_windows(seed):
    rng = np.random.default_rng(seed)
    x = rng.permutation(64).reshape(8, 8)
    y = byhand.max_pool2d(x, 2)
    answer, windows = y.result.copy(), x.reshape(4, 2, 4, 2).swapaxes(1, 2).reshape(4, 4, 4)
    for i, j in rng.permutation(16)[: rng.integers(2, 9), None] // (4, 1) % 4:
        answer[i, j] = rng.choice(np.sort(windows[i, j])[:-1])
    assert names(y.check(answer)) == ["not the largest number of the window"]


def test_two_slips_are_each_named():
    verdict = Y.check([[36, 54, 64], [84, 94, 88]])
    assert names(verdict) == ["slip in one term"]
    assert "  - y[0, 0] = 36: a slip in one term would give it: 2×2 taken with the wrong sign" in verdict.text
    assert "  - y[1, 2] = 88: a slip in one term would give it: 8×2 left out" in verdict.text
    norm = byhand.conv2d([[7, 5], [6, 4], [9, 2]], [[8, 9]], [100])
    verdict = norm.check([[101 + 0], [184 - 36], [190]])  # the bias forgotten in one, a product in another
    assert set(names(verdict)) == {"bias forgotten", "slip in one term"} or "One by one" in verdict.text


@settings(max_examples=10)
@given(seeds)
def test_slips_in_two_elements_are_named_with_their_terms(seed):
    rng = np.random.default_rng(seed)
    x, w = rng.permutation(np.arange(2, 38)).reshape(6, 6), [[53, 61], [67, 71]]
    y = byhand.conv2d(x, w)
    answer = y.result.copy()
    first, second = ((0, 0), (3, 3))  # which have no pixel in common
    for i, j in (first, second):
        answer[i, j] -= x[i, j] * 53
    verdict = y.check(answer)
    for i, j in (first, second):
        assert f"{x[i, j]}×53 left out (x[{i}, {j}]·w[0, 0])" in verdict.text


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ([[3, 4], [1, 2]], "rows in another order"),
        ([[2, 1], [4, 3]], "columns in another order"),
        ([[1, 3], [2, 4]], "rows and columns exchanged"),
        ([[4, 3], [2, 1]], "turned by 180°"),
        ([[4, 2], [3, 1]], None),
        ([[4, 2], [1, 3]], None),
        ([[1, 2], [4, 3]], None),
    ],
)
def test_only_rows_columns_and_channels_are_exchanged(answer, detail):
    verdict = byhand.relu([[1, 2], [3, 4]]).check(answer)
    assert not verdict
    assert [m.detail for m in verdict.mistakes] == ([] if detail is None else [detail])
    assert not byhand.relu([1, 2, 3, 4]).check([3, 1, 2, 4]).mistakes


def test_channels_are_exchanged_as_a_whole():
    y = byhand.relu(np.arange(1, 13).reshape(3, 2, 2))
    (mistake,) = y.check(y.result[[2, 0, 1]]).mistakes
    assert (mistake.name, mistake.detail) == ("right numbers in other places", "channels in another order")
    (mistake,) = byhand.relu([[1, 2, 3], [4, 5, 6]]).check([[1, 4], [2, 5], [3, 6]]).mistakes
    assert mistake.detail == "rows and columns exchanged"


@pytest.mark.parametrize(
    ("y", "answer"),
    [
        (
            byhand.conv2d(np.arange(1, 10).reshape(3, 3), K22, padding=(1, 2)),
            byhand.conv2d(np.pad(np.arange(1, 10).reshape(3, 3), ((1, 2), (1, 2))), K22).result,
        ),
        (byhand.conv2d([[3]], [[2]], padding=(0, 1)), [[6, 0], [0, 0]]),
        (
            byhand.conv_transpose2d([[1, 2], [3, 4]], [[1, 1, 1]] * 3, padding=(0, 1)),
            [[1, 3, 3], [4, 10, 10], [4, 10, 10]],
        ),
        (byhand.avg_pool2d([[4, 8]], (1, 2), 1, (0, 1)), [[6, 4], [0, 0]]),
    ],
)
def test_a_pair_read_as_before_and_after(y, answer):
    verdict = y.check(answer)
    assert "pair read as (before, after)" in names(verdict), verdict


def test_the_rule_for_the_size_is_that_of_the_settings():
    x = [[1, 2, 3, 4, 5]] * 5
    ceiled = byhand.max_pool2d(x, 2, ceil_mode=True).check([[0] * 4] * 4)
    assert (
        "⌈(input + 2·padding − dilation·(kernel − 1) − 1) / stride⌉ + 1, but no window starts after the input;"
        in ceiled.text
    )
    assert "// stride + 1" not in ceiled.text
    floored = byhand.max_pool2d(x, 2).check([[0] * 4] * 4)
    assert "// stride + 1" in floored.text
    off = byhand.max_pool2d(x, 2, ceil_mode=True).check([[2, 4, 5]] * 3 + [[0] * 3])
    assert not off


def test_averages_at_the_border_divided_by_the_whole_kernel():
    y = byhand.avg_pool2d([[2, 4, 6]], (1, 2), ceil_mode=True)  # 3, and 6: its window holds a single pixel
    assert y.check([[3, 6]])
    (mistake,) = y.check([[3, 3]]).mistakes
    assert (mistake.name, mistake.detail) == ("divisor at the border", "the whole kernel, also where it hangs over")
    dx = y.grad("x")
    assert dx.check(["1/2", "1/2", 1])
    assert names(dx.check(["1/2", "1/2", "1/2"])) == ["divisor at the border"]
    overridden = byhand.avg_pool2d([[2, 4, 9], [1, 5, 3]], 2, 1, divisor_override=3)
    assert names(overridden.check([[3, 5.25]])) == ["divisor_override left out"]


@pytest.mark.parametrize(
    ("y", "answer", "said"),
    [
        (byhand.conv2d([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, -1]]), [[4, 4], [4, 4]], "MATLAB's conv2"),
        (
            byhand.batch_norm([[1], [3]], [10], [1], training=True).updated("running_mean"),
            [2.8],
            "TensorFlow and Keras",
        ),
        (byhand.batch_norm([[1], [2], [3], [6]], training=True).at(0, 0), "-0.926", "np.var"),
        (byhand.max_pool2d([[2, 2]], (1, 2)).grad("x", [[6]]), [[3, 3]], "as in PyTorch"),
        (byhand.relu([-1, 0, 3]).grad("x", [4, 5, 6]), [0, 5, 6], "as in PyTorch"),
    ],
)
def test_hints_say_whose_convention_it_is(y, answer, said):
    assert said in y.check(answer).text


# ---- sentences

BROKEN = re.compile(
    r"\(\s*\)|\(\s*(?:or|and)\b.{0,20}\bor\b|\((?:or|and) \)|\b(?:or|and|of|is)\s*[).;,]|\.\.|[;:,]\s*[.;:,]|[^\n ]  "
    r"|\b(\w+) \1\b|\bNone\b|\bnan\b|\s[.,;:]|gives it\. It is|\(\s*or\b"
)


def look(verdict):
    text = verdict.text
    assert not (found := BROKEN.search(text)), f"{found[0]!r} in {text}"
    assert text.count("(") == text.count(")") or "[" in text, text
    listed = text.splitlines()[-1].startswith("  - ")
    assert listed or text in ("right", "not answered yet") or text.endswith("."), text


@pytest.mark.parametrize("many", [range(1), pytest.param(range(1, 20), marks=pytest.mark.slow)], ids=["few", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_is_whole(kind, many):
    """What is said of answers with all mistakes in them, with slips, in other shapes, and unfinished."""
    for seed in many:
        rng = np.random.default_rng(seed)
        for of in explanations(kind, seed):
            right, op = of.result, of.operation
            answers = [wrong for among in (WAYS, RARE) for _, wrong in wrong_answers(op, of.what, of.dy, among)]
            for count in (1, 2, 3, 5):
                answer = np.array(right)
                for _ in range(count):
                    answer.flat[rng.integers(answer.size)] += rng.integers(-9, 9)
                answers.append(answer)
            answers += [
                right[..., None, None],
                right + 1,
                right.ravel(),
                right.T,
                np.flip(right),
                np.round(right) + 0.3,
            ]
            for answer in answers:
                look(of.check(answer))
            answer = np.array(answers[-1])
            answer[rng.random(answer.shape) < 0.3] = np.nan
            look(of.check(answer))
            index = tuple(int(rng.integers(0, n)) for n in right.shape)
            element = of.at(*index)
            numbers = [float(np.reshape(a, right.shape)[index]) for a in answers if np.size(a) == right.size]
            numbers += [element.value + k for k in range(-9, 10)]
            for term in getattr(element.steps[-1], "terms", ()):
                numbers += [element.value - term.value, element.value + term.value, term.value]
            for number in sorted({*numbers})[::3]:
                if np.isfinite(number):
                    look(element.check(number))


def test_a_way_that_needs_no_detail_says_none():
    y = byhand.conv2d(normal(0, 4, 4), normal(1, 1, 1), stride=3)  # without the stride, and stopped at the right size
    for _, wrong in wrong_answers(y.operation, "y", None):
        look(y.check(wrong))


SIGNAL = [1, 2, 4, 7, 5, 3, 8]


@pytest.mark.parametrize(
    ("settings", "wrong", "detail"),
    [
        ({"dilation": 2}, {"dilation": 1}, "1 for 2"),
        ({"dilation": 2}, {"dilation": 3}, "3 for 2"),
        ({"stride": 3}, {"stride": 2}, "2 for 3"),
        ({"padding": 3}, {"padding": 2}, "2 for 3 or 'full'"),
        ({"padding": 3}, {"padding": 4}, "4 for 3"),
    ],
)
def test_a_setting_of_a_signal_is_one_number(settings, wrong, detail):
    verdict = byhand.conv1d(SIGNAL, [1, 2, 5], **settings).check(byhand.conv1d(SIGNAL, [1, 2, 5], **wrong).result)
    assert [m.detail for m in verdict.mistakes] == [detail]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ONE_AXIS)
def test_mistakes_with_a_signal_know_neither_rows_nor_images(kind, seed):
    for explanation in explanations(kind, seed):
        for among in (WAYS, RARE, TOGETHER):
            for mistake, _ in wrong_answers(explanation.operation, explanation.what, explanation.dy, among):
                assert not re.search(r"\brows?\b|column|image|pixel|180°|2d\b|2D\b|\(\d, \d\) for", str(mistake)), (
                    mistake
                )


MUTANTS = {
    "byhand.mistakes.sliding:Sliding.seen": [
        ("a signal's setting is that of its row", "pair[-self.op.plane :]", "pair"),
    ],
    "byhand.mistakes.registry:wrong_answers": [
        ("a signal's kernel is transposed", "if op.plane == 2 or not any", "if True or not any"),
    ],
    "byhand.arithmetic.numbers:_decimal": [
        ("a printed number must be exact", "SINGLE if len(digits) >= PRINTED else DOUBLE", "DOUBLE"),
        ("a number of few digits is as good as one", "SINGLE if len(digits) >= PRINTED else DOUBLE", "SINGLE"),
        (
            "positive exponents are exact",
            "isinstance(exponent, int) else",
            "isinstance(exponent, int) and exponent < 0 else",
        ),
    ],
    "byhand.arithmetic.numbers:Given.fits": [
        ("what is tiny is swallowed", "self.unit * max(size, abs(value))", "self.unit * max(1, abs(value))"),
        ("terms that cancel are forgotten", "max(size, abs(value))", "abs(value)"),
    ],
    "byhand.arithmetic.numbers:_answer": [
        ("half precision is not known by its digits", "half |= long and", "half |= False and"),
    ],
    "byhand.arithmetic.numbers:_padded": [
        (
            "short rows are filled at the front",
            "tuple(slice(n) for n in shape)",
            "tuple(slice(m - n, m) for n, m in zip(shape, longest))",
        ),
    ],
    "byhand.arithmetic.operation:Operation.sizes": [
        ("terms cancel", "None if array is None else np.abs(array)", "array"),
    ],
    "byhand.arithmetic.operations.normalisation:Normalisation.sizes": [
        ("x − μ is exact", "(np.abs(x) + np.abs(mean)) / root", "np.abs(x - mean) / root / 1e6"),
    ],
    "byhand.mistakes.diagnosis:_same": [
        ("a gap is wrong", "np.isnan(a) | ", ""),
    ],
    "byhand.mistakes.diagnosis:_completed": [
        ("rows are missing at the top", "beyond = [(0, m - n)", "beyond = [(m - n, 0)"),
    ],
    "byhand.mistakes.diagnosis:_judged": [
        ("an unfinished answer is right", "_unfinished(of, gaps) if gaps.any() else RIGHT", "RIGHT"),
        (
            "only one window is looked at",
            "wrong.sum() == 1 or isinstance(of.at(*shown).steps[-1], Largest)",
            "wrong.sum() == 1",
        ),
    ],
    "byhand.mistakes.diagnosis:_distinct": [
        ("a way without a detail has one", "if all(details) else", "if True else"),
    ],
    "byhand.mistakes.exchanged:_orders": [
        ("numbers one by one", "if 1 < count < truth.size:", "if 1 < count:"),
    ],
    "byhand.mistakes.sliding:Sliding.both_sides": [
        ("the pair is before and after each", "self.framed([pair, pair])", "self.framed([(p, p) for p in pair])"),
    ],
    "byhand.arithmetic.windows:Sliding.rule": [
        ("ceil_mode rounds down", 'what == "y" and self.settings.get("ceil_mode")', "False"),
    ],
}
