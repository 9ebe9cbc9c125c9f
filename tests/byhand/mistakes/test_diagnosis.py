"""Answers: right ones pass, wrong ones get the mistake that leads to them, and nothing gives the answer away."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyunet
from tests.byhand.article import ARTICLE
from tests.strategies import normal, seeds
from tinyunet import byhand
from tinyunet.byhand.arithmetic.numbers import read, write
from tinyunet.byhand.arithmetic.worked import Numbers
from tinyunet.byhand.mistakes import RARE, WAYS, wrong_answers

# A problem of every kind, drawn with a random generator: each of the mistakes can be made in some of them.


def convolution(rng, R):
    groups, padding, stride = (
        int(rng.choice([1, 1, 1, 2])),
        rng.choice(["same", "0", "0", "1", "2"]),
        int(rng.integers(1, 4)),
    )
    C, O = (groups * int(rng.integers(1, 4)) for _ in range(2))
    kernel = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    if rng.integers(2):
        kernel = kernel[0], kernel[0]
    same = padding == "same"
    batch, dilation = [2] if rng.integers(2) else [], int(rng.choice([1, 1, 2, 3]))
    sides = same or stride == 3 or rng.integers(5)
    width = tuple(tuple(rng.integers(0, 3, 2).tolist()) for _ in range(2)) if rng.integers(2) else "SAME"
    more = {"flip_kernel": True} if rng.integers(4) == 0 else {}
    if rng.integers(4) == 0:
        more["padding_mode"] = str(rng.choice(["reflect", "replicate", "circular"]))
    return byhand.conv2d(
        R(*batch, C, 7, 7 + int(rng.integers(2))),
        R(O, C // groups, *kernel),
        R(O) if rng.integers(2) else None,
        1 if same else pair(rng, stride),
        "same" if same else pair(rng, int(padding)) if sides else width,
        dilation if same or dilation > 2 else pair(rng, dilation),
        groups,
        **more,
    )


def convolution1d(rng, R):
    groups, padding, stride = int(rng.choice([1, 1, 2])), rng.choice(["same", "0", "1"]), int(rng.integers(1, 4))
    C, O = (groups * int(rng.integers(1, 4)) for _ in range(2))
    return byhand.conv1d(
        R(*([2] if rng.integers(2) else []), C, 9),
        R(O, C // groups, int(rng.integers(2, 4))),
        R(O) if rng.integers(2) else None,
        1 if padding == "same" else stride,
        "same" if padding == "same" else int(padding),
        int(rng.integers(1, 3)),
        groups,
        flip_kernel=bool(rng.integers(4) == 0),
    )


def pair(rng, setting):
    """Sometimes another one for the columns."""
    return (setting, setting + 1) if rng.integers(6) == 0 else setting


def border(rng):
    """Sometimes along the columns alone: a pair that may be read as (before, after)."""
    return (0, 1) if rng.integers(4) == 0 else int(rng.integers(2))


def transposed(rng, R):
    groups, stride, dilation = int(rng.choice([1, 1, 2])), int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 3]))
    C, O, k = groups * int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.integers(2, 4))
    extra = int(rng.integers(2)) if max(stride, dilation) > 1 else 0
    return byhand.conv_transpose2d(
        R(*([2] if rng.integers(2) else []), C, 3, 4),
        R(C, O, k, k + int(rng.integers(4) == 0)),
        R(O * groups) if rng.integers(2) else None,
        pair(rng, stride),
        pair(rng, int(rng.integers(2))),
        extra,
        groups,
        dilation,
    )


def max_pool(rng, R):
    shape = 2, int(rng.integers(4, 6)), 6
    x = R(*shape) - 1 if rng.integers(2) else rng.integers(-4, 1, shape)
    size, stride, padding = pair(rng, int(rng.integers(2, 4))), rng.choice([None, 1, 2]), border(rng)
    dilation = 3 if size == 2 and rng.integers(4) == 0 else 1
    return byhand.max_pool2d(x, size, stride, padding, dilation, bool(rng.integers(2)))


def avg_pool(rng, R):
    choice = bool(rng.integers(2)), bool(rng.integers(2))
    size, stride, padding = pair(rng, int(rng.integers(2, 4))), rng.choice([None, 1, 2]), border(rng)
    divisor = 3 if rng.integers(6) == 0 else None
    return byhand.avg_pool2d(R(2, int(rng.integers(4, 6)), 6), size, stride, padding, *choice, divisor)


def norm(rng, R):
    shape = [(4, 2), (3, 2, 2, 2), (2, 3, 4)][rng.integers(3)]
    C = shape[1]
    affine = {"weight": R(C), "bias": R(C)} if rng.integers(2) else {}
    training, momentum, eps = bool(rng.integers(3)), float(rng.choice([0.1, 0.3])), float(rng.choice([1e-3, 0.1]))
    return byhand.batch_norm(R(*shape), R(C), np.abs(R(C)) + 1, **affine, training=training, momentum=momentum, eps=eps)


def grouped(rng, R):
    shape, groups = [((2, 4), 2), ((2, 4, 3), 2), ((2, 6, 2, 2), int(rng.choice([2, 3])))][rng.integers(3)]
    affine = {"weight": R(shape[1]), "bias": R(shape[1])} if rng.integers(4) else {}
    return byhand.group_norm(R(*shape), groups, **affine, eps=float(rng.choice([0.1, 0.5])))


def layered(rng, R):
    shape = [(3, 5), (2, 3, 5)][rng.integers(2)]
    normalized = shape[-1] if rng.integers(2) else shape[1:]
    affine = {"weight": R(*np.atleast_1d(normalized)), "bias": R(*np.atleast_1d(normalized))} if rng.integers(4) else {}
    return byhand.layer_norm(R(*shape), normalized, **affine, eps=float(rng.choice([0.1, 0.5])))


def binary(rng, R):
    reduction, shape = str(rng.choice(["mean", "sum", "none"])), (2, 3)
    target = rng.integers(0, 2, shape) if rng.integers(2) else rng.uniform(0, 1, shape).round(1)
    x = R(*shape) / 2 if rng.integers(4) else rng.uniform(0.1, 0.9, shape)
    return byhand.binary_cross_entropy_with_logits(x, target, reduction)


KINDS = {
    "group_norm": grouped,
    "layer_norm": layered,
    "log_softmax": lambda rng, R: byhand.log_softmax(R(3, 4) / 2 if rng.integers(4) else rng.uniform(0.1, 2, (3, 4))),
    "binary_cross_entropy_with_logits": binary,
    "conv2d": convolution,
    "conv_transpose2d": transposed,
    "max_pool2d": max_pool,
    "avg_pool2d": avg_pool,
    "batch_norm": norm,
    "relu": lambda rng, R: byhand.relu(R(3, 4)),
    "flatten": lambda rng, R: byhand.flatten(R(2, 2, 2, 3)),
    "softmax": lambda rng, R: byhand.softmax(R(3, 4)),
    "cross_entropy": lambda rng, R: byhand.cross_entropy(
        R(3, 4), rng.integers(0, 4, 3), str(rng.choice(["mean", "sum", "none"]))
    ),
}
ONE_AXIS = {
    "conv1d": convolution1d,
    "conv_transpose1d": lambda rng, R: byhand.conv_transpose1d(
        R(2, 2, 4), R(2, 2, 3), R(2), int(rng.integers(1, 3)), int(rng.integers(2))
    ),
    "max_pool1d": lambda rng, R: byhand.max_pool1d(R(2, 9), int(rng.integers(2, 4)), rng.choice([None, 1, 2]), 1),
    "avg_pool1d": lambda rng, R: byhand.avg_pool1d(R(2, 9), int(rng.integers(2, 4)), rng.choice([None, 1, 2]), 1),
}
KINDS |= ONE_AXIS


def resized(rng, R):
    x, scale = R(2, int(rng.integers(2, 4)), 3), rng.choice([None, 2, 3])
    size = {"size": (int(rng.integers(4, 6)), 5)} if scale is None else {"scale_factor": int(scale)}
    if rng.integers(2):
        return byhand.interpolate(x, **size)
    return byhand.interpolate(x, **size, mode="bilinear", align_corners=bool(rng.integers(2)))


KINDS["interpolate"] = resized


FALLING = [1, 0.9, 0.7, 0.45, 0.2]  # ᾱ


def denoised(rng, R):
    eta = float(rng.choice([0, 0, 0.5, 0.9]))
    return byhand.ddim_step(R(2, 3), 3, int(rng.integers(1, 3)), R(2, 3), FALLING, eta, R(2, 3))


KINDS |= {
    "alpha_bar": lambda rng, R: byhand.alpha_bar(rng.uniform(0.1, 0.9, 4).round(2)),
    "add_noise": lambda rng, R: byhand.add_noise(R(2, 3), int(rng.integers(1, 5)), R(2, 3), FALLING),
    "predict_x0": lambda rng, R: byhand.predict_x0(R(2, 3), int(rng.integers(1, 5)), R(2, 3), FALLING),
    "ddim_step": denoised,
    "guided": lambda rng, R: byhand.guided(R(2, 3), R(2, 3), float(rng.choice([0.25, 1.5, 3, 7.5]))),
}
KINDS["linear"] = lambda rng, R: (lambda O: byhand.linear(R(3, 3), R(O, 3), R(O) if rng.integers(2) else None))(
    int(rng.integers(2, 4))
)


def explanations(kind, seed):
    """A problem, and the gradients and updates of it: everything that can be asked."""
    rng = np.random.default_rng(seed)
    whole = bool(rng.integers(2))
    y = KINDS[kind](rng, lambda *s: rng.integers(-5, 6, s) if whole else rng.standard_normal(s))
    yield y
    for what in y.operation.quantities():
        if what.startswith("d"):
            yield y.grad(what[1:], rng.standard_normal(y.result.shape))
        elif what.startswith("running"):
            yield y.updated(what)


def handed_in(explanation, wrong):
    """A wrong answer as somebody writes it: of a signal without the row that is not shown."""
    return wrong.reshape(explanation.operation.written_shape(explanation.what, wrong.shape))


def same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@given(seeds)
@settings(max_examples=15)
def test_a_right_answer_is_right(kind, seed):
    for explanation in explanations(kind, seed):
        result = explanation.result
        assert explanation.check(result), explanation.check(result)
        assert explanation.check(result[None]).right, "brackets more do no harm"
        assert explanation.check(np.vectorize(lambda v: f"{v:.3f}")(result).tolist()), "to the digits given"
        index = tuple(np.random.default_rng(seed).integers(0, n) for n in result.shape)
        assert explanation.at(*index).check(float(result[index]))


@given(seeds)
def test_a_wrong_answer_is_wrong_and_the_verdict_does_not_say_the_right_one(seed):
    rng = np.random.default_rng(seed)
    y = byhand.conv2d(rng.integers(-9, 10, (2, 5, 5)), rng.integers(-9, 10, (1, 2, 3, 3)))
    answer = y.result.copy()
    where = tuple(rng.integers(0, n) for n in answer.shape)
    answer[where] += 1000.5
    verdict = y.check(answer)
    assert not verdict
    assert verdict.where == where
    assert verdict.mistakes == ()
    assert "none of the mistakes known here explains it" in verdict.text
    right = write(y.result[where])
    assert right not in verdict.text.replace(write(answer[where]), "").replace(str(list(where)), "") or len(right) < 3
    assert y.at(*map(int, where)).check(answer[where]).text.startswith(f"not right: y{[int(k) for k in where]}")


def test_published_wrong_answers():
    # a loop over range(0, (H − k) // s + 1, s): the stride in the bound as well
    x = [[1, 2, 0, 1, 3], [0, 1, 2, 1, 0], [2, 1, 1, 0, 1], [1, 0, 2, 2, 1], [3, 1, 0, 1, 2]]
    strided = byhand.conv2d(x, [[1, 0.5, 0], [0, 1, 0.2], [0.1, 0, 1]], stride=2)
    verdict = strided.check([[write(strided.result[0, 0])]])
    assert "stride applied twice" in [m.name for m in verdict.mistakes]
    assert "y does not have the shape (1, 1)" in verdict.text

    ones = byhand.conv_transpose2d([[1, 2], [3, 4]], [[1, 1, 1]] * 3, stride=2)
    assert ones.at(2, 2).check(10)
    assert [m.name for m in ones.at(2, 2).check(4).mistakes] == ["overlaps overwritten"]

    norm = byhand.batch_norm([[1], [2], [3], [6]], training=True)
    assert norm.at(0, 0).check("-1.069")
    assert [m.name for m in norm.at(0, 0).check("-0.926").mistakes] == ["unbiased variance"]


def test_two_mistakes_that_explain_an_answer_are_both_named():
    y = byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 0]])  # turned or transposed: the same kernel
    verdict = y.at(0, 0).check(7)
    assert {"kernel flipped", "kernel transposed"} <= {m.name for m in verdict.mistakes}
    assert "These mistakes would each give it" in verdict.text


def test_the_first_wrong_element_is_named_and_what_explains_all_wrong_ones():
    y = byhand.conv2d(*ARTICLE)
    answer = y.result.copy()
    answer[0, 1, :] = 30  # without the second channel
    verdict = y.check(answer)
    assert verdict.where == (0, 1, 0)
    assert [(m.name, m.detail) for m in verdict.mistakes] == [("one channel skipped", "channel 1")]
    explained = "The others are right. This mistake, made only in the wrong places, would give it: one channel skipped"
    assert explained in verdict.text


@pytest.mark.parametrize(
    ("answer", "slip"),
    [
        (7 * 8 + 5 * 9 - 2 * 4 + 6 * 3 + 7, "7×8 multiplied to 63"),
        (5 * 9 - 2 * 4 + 6 * 3, "7×8 left out"),
        (7 * 8 + 5 * 9 + 2 * 4 + 6 * 3, "−2×4 taken with the wrong sign"),
        (7 * 8 + (5 + 9) - 2 * 4 + 6 * 3, "5×9 added instead of multiplied"),
    ],
)
def test_a_slip_in_one_term_is_found(answer, slip):
    verdict = byhand.conv2d([[7, 5, -2, 6]], [[8, 9, 4, 3]]).at(0, 0).check(answer)
    assert [m.name for m in verdict.mistakes] == ["slip in one term"]
    assert slip in verdict.text


def test_a_factor_that_is_the_answer_is_not_said():
    """√ᾱ_0 = 1, and so the picture x̂_0 behind the noise is y."""
    verdict = byhand.ddim_step([6], 1, 0, [5], [1, 0.36]).at(0).check(-10 / 3)
    assert [(m.name, m.detail) for m in verdict.mistakes] == [
        ("slip in one term", "√ᾱ_0·x̂_0 taken with the wrong sign")
    ]


def test_a_slip_that_many_terms_would_explain_is_not_pinned_on_one():
    verdict = byhand.conv2d([[2, 3, 6, 6, 6, 6]], [[6, 6, 4, 5, 7, 8]]).at(0, 0).check(174 + 6)
    assert verdict.mistakes == ()
    assert "it could be one of several slips" in verdict.text


def test_digits_cut_off():
    third = byhand.avg_pool2d([[1, 1, 0]], (1, 3)).at(0, 0)
    assert third.check("0.67")
    assert third.check("2/3")
    assert [m.name for m in third.check("0.66").mistakes] == ["digits cut off"]
    assert not third.check(1)


@pytest.mark.parametrize(
    ("answer", "right"),
    [("0.248", True), ("0.25", True), ("0.2483", True), ("0.247", False), ("0.2480", False), (0.248, True), (0, False)],
)
def test_decimals_are_right_to_the_digits_given(answer, right):
    assert byhand.relu([0.24829]).at(0).check(answer).right is right


def test_an_answer_of_another_shape():
    y = byhand.conv2d(normal(0, 1, 5, 5), normal(1, 1, 1, 3, 3), padding=1)
    verdict = y.check(np.zeros((3, 3)))
    assert "y does not have the shape (3, 3)" in verdict.text
    assert "'padding forgotten'" in verdict.text
    assert y.check(np.zeros((4, 9))).mistakes == ()
    assert [m.name for m in y.check(byhand.conv2d(normal(0, 1, 5, 5), normal(1, 1, 1, 3, 3)).result).mistakes] == [
        "padding forgotten"
    ]


@pytest.mark.parametrize("answer", ["x", "1/0", "inf", "1e999", "1/2/3", "--1", "0x10"])
def test_what_is_no_number_is_refused(answer):
    with pytest.raises(ValueError, match="number"):
        byhand.relu([1]).at(0).check(answer)
    with pytest.raises(ValueError, match="number"):
        byhand.relu([1]).check([answer])


@pytest.mark.parametrize("answer", [True, [1], {}, 1j])
def test_what_is_of_the_wrong_kind_is_refused(answer):
    with pytest.raises(TypeError, match="number"):
        byhand.relu([1]).at(0).check(answer)


@given(
    st.floats(-1e6, 1e6, allow_subnormal=False) | st.integers(-(10**6), 10**6) | st.fractions(-9, 9, max_denominator=99)
)
def test_what_is_written_reads_as_the_number(number):
    """To four digits, and exactly if it is whole or a short fraction."""
    value = float(number)
    text = write(value)
    assert len(text) <= 14
    assert read(text).value == pytest.approx(value, rel=5e-4)
    if not isinstance(number, float):
        assert read(text).value == pytest.approx(value, rel=1e-9)


X = [[1, 2, 0], [3, -1, 4], [2, 5, 1]]
W = [[1, 2], [-1, 0]]
PAIR = [[1, 2], [3, 4]]
ONES = [[1, 1, 1]] * 3
COLUMN = [[1], [2], [3], [6]]
CHANNELS = byhand.conv2d([PAIR, [[1, 0], [2, 5]]], [[[[1, 1], [1, 1]], [[2, 0], [0, 1]]]], b=[10])  # 10 + 7 + 10 = 27

# Answers worked out by hand, each with one mistake in it.
BY_HAND = {
    "columns first": (byhand.flatten([[1, 2], [3, 4]]), [1, 3, 2, 4]),
    "channels last": (byhand.flatten([[[1, 2]], [[3, 4]]]), [1, 3, 2, 4]),
    "kernel flipped": (byhand.conv2d(X, W), [[3, 2], [10, 7]]),
    "kernel transposed": (byhand.conv2d(X, W), [[5, 0], [8, 5]]),
    "stride forgotten": (byhand.conv2d(X, [[1]], stride=2), X),
    "stride applied twice": (byhand.conv2d([[1, 2, 3, 4, 5]], [[1]], stride=2), [[1, 5]]),
    "padding forgotten": (byhand.conv2d(X, W, padding=1), [[2, 3], [-1, 2]]),
    "edge padding": (byhand.conv2d([[3]], ONES, padding=1), [[27]]),
    "reflect padding": (byhand.conv2d([[3, 5]], [[1, 1, 1]], padding=(0, 1)), [[13, 11]]),
    "asymmetric 'same'": (byhand.conv2d([[1, 2, 3]], [[1, 1, 1]], padding=(0, 1)), [[6, 5, 3]]),
    "output size off by one": (byhand.conv2d([[1, 2, 3, 4]], [[1]]), [[1, 2, 3]]),
    "dilation off by one": (byhand.conv2d([[1, 2, 4, 8, 16]], [[1, 1]], dilation=2), [[3, 6, 12, 24]]),
    "channels kept apart": (CHANNELS, [[[20]], [[17]]]),
    "one channel skipped": (CHANNELS, [[[20]]]),
    "bias forgotten": (CHANNELS, [[[17]]]),
    "bias added per tap": (CHANNELS, [[[17 + 80]]]),
    "bias added per channel": (CHANNELS, [[[37]]]),
    "zero or negative weight skipped": (byhand.conv2d([[3, 4]], [[2, -1]]), [[6]]),
    "average instead of sum": (byhand.conv2d([[3, 4, 8]], [[2, 1, 1]]), [[6]]),
    "overlaps overwritten": (
        byhand.conv_transpose2d(PAIR, ONES, stride=2),
        [[1, 1, 2, 2, 2], [1, 1, 2, 2, 2], [3, 3, 4, 4, 4], [3, 3, 4, 4, 4], [3, 3, 4, 4, 4]],
    ),
    "padding added instead of cropped": (
        byhand.conv_transpose2d([[5]], [[1, 2, 3]] * 3, stride=2, padding=1),
        [[0] * 5, [0, 5, 10, 15, 0], [0, 5, 10, 15, 0], [0, 5, 10, 15, 0], [0] * 5],
    ),
    "output_padding as zeros": (
        byhand.conv_transpose2d([[1, 2]], [[1, 1, 1]], stride=(1, 2), padding=(0, 1), output_padding=(0, 1)),
        [[1, 3, 2, 0]],
    ),
    "weight layout swapped": (
        byhand.conv_transpose2d([[[1]], [[10]]], [[[[1]], [[2]]], [[[3]], [[4]]]]),
        [[[21]], [[43]]],
    ),
    "treated as the inverse": (byhand.conv_transpose2d([[6]], [[2]]), [[3]]),
    "zero padding in max-pool": (byhand.max_pool2d([[-1, -2]], (1, 2), 1, (0, 1)), [[0, -1, 0]]),
    "divisor at the border": (byhand.avg_pool2d([[4, 2]], (1, 2), 1, (0, 1)), [[4, 3, 2]]),
    "ceil for floor": (byhand.max_pool2d([[1, 2, 3]], (1, 2)), [[2, 3]]),
    "average instead of maximum": (byhand.max_pool2d(PAIR, 2), [[2.5]]),
    "maximum instead of average": (byhand.avg_pool2d(PAIR, 2), [[4]]),
    "not divided": (byhand.avg_pool2d(PAIR, 2), [[10]]),
    "unbiased variance": (byhand.batch_norm(COLUMN, training=True), [["-0.926"], ["-0.463"], [0], ["1.389"]]),
    "variance for standard deviation": (
        byhand.batch_norm(COLUMN, training=True),
        [["-0.571"], ["-0.286"], [0], ["0.857"]],
    ),
    "epsilon forgotten": (byhand.batch_norm([[0], [2]], training=True, eps=3), [[-1], [1]]),
    "wrong axes": (byhand.batch_norm([[0, 2], [4, 10]], training=True, eps=0), [[-1, 1], [-1, 1]]),
    "gamma and beta swapped": (
        byhand.batch_norm([[0], [2]], weight=[5], bias=[7], training=True, eps=0),
        [[-2], [12]],
    ),
    "momentum reversed": (byhand.batch_norm(COLUMN, [10], [1], training=True).updated("running_mean"), ["3.7"]),
    "biased variance": (byhand.batch_norm(COLUMN, [0], [1], training=True).updated("running_var"), ["1.25"]),
    "no rot180": (byhand.conv2d([[1, 2, 3]], [[1, 2]]).grad("x", [[10, 100]]), [[20, 210, 100]]),
    "no zeros inserted for the stride": (
        byhand.conv2d([[1, 2, 3]], [[1]], stride=2).grad("x", [[10, 100]]),
        [[10, 100]],
    ),
    "not summed over filters": (
        byhand.conv2d([[[1]]], [[[[2]]], [[[3]]]]).grad("x", [[[10]], [[100]]]),
        [[[300]]],
    ),
    "not summed over the batch": (byhand.linear([[1], [2]], [[3]]).grad("w", [[10], [100]]), [[200]]),
    "col2im that assigns": (byhand.conv2d([[1, 2, 3]], [[1, 2]]).grad("x", [[10, 100]]), [[10, 20, 200]]),
    "bias gradient not summed": (byhand.linear([[1], [2]], [[3]], [0]).grad("b", [[10], [100]]), [55]),
    "ties shared": (byhand.max_pool2d([[2, 2]], (1, 2)).grad("x", [[6]]), [[3, 3]]),
    "dx as dy·γ/σ": (
        byhand.batch_norm([[0], [2]], weight=[5], training=True, eps=0).grad("x", [[1], [0]]),
        [[5], [0]],
    ),
    "without its variance term": (
        byhand.batch_norm([[0], [2]], weight=[5], training=True, eps=0).grad("x", [[1], [0]]),
        [[2.5], [-2.5]],
    ),
    "mask from the gradient's sign": (byhand.relu([-1, 2, 3]).grad("x", [4, -5, 6]), [4, 0, 6]),
    "bias subtracted": (CHANNELS, [[[7]]]),
    "output_padding forgotten": (
        byhand.conv_transpose2d([[1, 2]], [[3]], stride=(1, 2), output_padding=(0, 1)),
        [[3, 0, 6]],
    ),
    "last of equal numbers": (byhand.max_pool2d([[2, 2, 1]], (1, 3)).grad("x", [[6]]), [[0, 6, 0]]),
    "averaged over the map": (byhand.conv2d([[1, 2, 3]], [[1]]).grad("w", [[3, 3, 6]]), [[9]]),
    "gradient with the wrong sign": (byhand.linear([[1, 2]], [[3, 4]]).grad("x", [[10]]), [[-30, -40]]),
    "upstream gradient forgotten": (byhand.linear([[1, 2]], [[3, 4]]).grad("x", [[10]]), [[3, 4]]),
    "gamma or beta forgotten": (
        byhand.batch_norm([[0], [2]], weight=[5], bias=[7], training=True, eps=0),
        [[6], [8]],
    ),
    "momentum forgotten": (byhand.batch_norm(COLUMN, [10], [1], training=True).updated("running_mean"), [3]),
    "softmax forgotten": (byhand.cross_entropy([[0.4, 0.6], [0.7, 0.3]], [0, 1], "none"), ["0.916", "1.204"]),
    "right numbers in other places": (byhand.conv2d([[1, 2], [3, 4]], [[5]]), [[5, 15], [10, 20]]),
    "digits cut off": (byhand.avg_pool2d([[1, 1, 0]], (1, 3)), [["0.66"]]),
    "zero counted as positive": (byhand.relu([-1, 0, 3]).grad("x", [4, 5, 6]), [0, 5, 6]),
    "mask forgotten": (byhand.relu([-1, 2, 3]).grad("x", [4, -5, 6]), [4, -5, 6]),
    "negative numbers kept": (byhand.relu([-1, 2]), [-1, 2]),
    "not normalised": (byhand.softmax([0, 0]), [1, 1]),
    "logarithm to another base": (byhand.cross_entropy([0, 0], 1), 1),
    "1 not subtracted at the target": (byhand.cross_entropy([0, 0], 1).grad("x"), [0.5, 0.5]),
    "weight transposed": (byhand.linear([1, 2], [[1, 3], [5, 7]]), [11, 17]),
}


IMAGE = [[1, 2, 3], [4, 5, 6], [7, 8, 10]]
PLAIN = byhand.conv2d(IMAGE, [[1, 0], [2, -3]])  # 1 + 8 − 15 = −6, and 2 + 10 − 18, 4 + 14 − 24, 5 + 16 − 30
POOLED = byhand.max_pool2d([[1, -9, 2, 0], [3, 4, 0, 5]], 2)
TWO = byhand.conv2d([[[1]], [[10]]], [[[[2]], [[3]]], [[[5]], [[7]]]], [100, 200])  # 1·2 + 10·3 + 100 = 132
LAID = byhand.conv_transpose2d([[1, 10]], [[2, 3, 5]], stride=(1, 2))  # 2 3 5+20 30 50
CENTRED = byhand.batch_norm([[0], [2]], weight=[5], bias=[7], training=True, eps=0)
CROSS = byhand.cross_entropy([0, 0, 0], 1)

# The same for the rare ones.
RARE_BY_HAND = {
    "kernel mirrored": (PLAIN, [[0 + 2 - 12 + 10, 3 - 15 + 12], [5 - 21 + 16, 6 - 24 + 20]]),
    "kernel turned by 90°": (byhand.conv2d(PAIR, [[1, 2], [3, 5]]), [[2 + 10 + 3 + 12]]),
    "edge of the kernel left out": (PLAIN, [[1, 2], [4, 5]]),
    "kernel divided by its sum": (byhand.conv2d([[1, 2, 4]], [[3, 1]]), [["1.25", "2.5"]]),
    "maximum instead of sum": (PLAIN, [[8, 10], [14, 16]]),
    "matrix product": (byhand.conv2d([[1, 2], [3, 4]], [[1, 0], [2, -3]]), [[(1 + 4 - 6) + (3 + 8 - 12)]]),
    "products overwritten": (PLAIN, [[-15, -18], [-24, -30]]),
    "channels in another order": (TWO, [[[100 + 20 + 3]], [[200 + 50 + 7]]]),
    "filters in another order": (TWO, [[[100 + 5 + 70]], [[200 + 2 + 30]]]),
    "bias of another filter": (TWO, [[[200 + 2 + 30]], [[100 + 5 + 70]]]),
    "bias multiplied": (TWO, [[[100 * 32]], [[200 * 75]]]),
    "channels not added": (TWO, [[[100 + 2 * 30]], [[200 + 5 * 70]]]),
    "kernel of one channel for all": (TWO, [[[100 + 22]], [[200 + 55]]]),
    "filters not kept apart": (TWO, [[[132 + 275]]]),
    "weights ignored": (PLAIN, [[12, 16], [24, 29]]),
    "added instead of multiplied": (PLAIN, [[12, 16], [24, 29]]),
    "ReLU applied": (byhand.conv2d([[1, 2, 4]], [[3, -2]]), [[0, 0]]),
    "sign reversed": (byhand.conv2d([[1, 2, 4]], [[3, -1]]), [[-1, -2]]),
    "wrap-around padding": (byhand.conv2d([[1, 2, 4]], [[1, 0, 10]], padding=(0, 1)), [[24, 41, 12]]),
    "rows and columns exchanged": (byhand.conv2d(IMAGE, [[1]], stride=(1, 2)), [[1, 2, 3], [7, 8, 10]]),
    "one direction forgotten": (byhand.conv2d(IMAGE, [[1]], stride=2), [[1, 2, 3], [7, 8, 10]]),
    "stride off by one": (byhand.conv2d([[1, 2, 3, 4, 5, 6, 7]], [[1]], stride=2), [[1, 4, 7]]),
    "padding of another width": (
        byhand.conv2d([[3]], [[2]], padding=1),
        [[0] * 5, [0] * 5, [0, 0, 6, 0, 0], [0] * 5, [0] * 5],
    ),
    "windows shifted": (byhand.conv2d(IMAGE, [[1]]), [[5, 6, 0], [8, 10, 0], [0, 0, 0]]),
    "places left out": (PLAIN, [[-6, 0], [0, 0]]),
    "stride as in pooling": (byhand.conv2d([[1, 2, 4, 8, 16, 32]], [[1, 1, 1]]), [[7, 56]]),
    "plain convolution": (byhand.conv_transpose2d([[1, 2, 4]], [[1, 10]]), [[21, 42]]),
    "cropped on one side only": (
        byhand.conv_transpose2d([[1, 2, 4]], [[1, 10, 100]], padding=(0, 1)),
        [[1, 12, 124]],
    ),
    "overlaps averaged": (LAID, [[2, 3, 12.5, 30, 50]]),
    "zeros after the last pixel": (LAID, [[2, 3, 25, 30, 50, 0]]),
    "pixels repeated": (byhand.conv_transpose2d([[1, 10]], [[2, 3]], stride=(1, 2)), [[1, 1, 10, 10]]),
    "minimum instead of maximum": (POOLED, [[-9, 0]]),
    "sum instead of maximum": (POOLED, [[-1, 7]]),
    "sign ignored": (POOLED, [[9, 5]]),
    "position instead of value": (POOLED, [[3, 3]]),
    "median": (POOLED, [[2, 1]]),
    "whole image pooled": (POOLED, [[5]]),
    "pixels taken in a row": (POOLED, [[2, 5]]),
    "mean cut to a whole number": (byhand.avg_pool2d([[1, 2, 4, 5]], (1, 2)), [[1, 4]]),
    "wrong divisor": (byhand.avg_pool2d(PAIR, 2), [[5]]),
    "root of the squares": (byhand.avg_pool2d([[3, 4]], (1, 2)), [[5]]),
    "gradient to the wrong cell": (byhand.max_pool2d(PAIR, 2).grad("x", [[7]]), [[7, 0], [0, 0]]),
    "value instead of gradient": (byhand.max_pool2d(PAIR, 2).grad("x", [[7]]), [[0, 0], [0, 4]]),
    "gradient not given back": (byhand.max_pool2d(PAIR, 2).grad("x", [[7]]), [[7]]),
    "gradient transposed": (byhand.conv2d(IMAGE, PAIR).grad("w", [[1, 0], [0, 0]]), [[1, 4], [2, 5]]),
    "not summed over the map": (byhand.conv2d([[1, 2, 4]], [[1, 1]]).grad("w", [[1, 10]]), [[1, 2]]),
    "dy flipped": (byhand.conv2d([[1, 2, 4]], [[1, 1]]).grad("w", [[1, 10]]), [[12, 24]]),
    "padding not cropped": (
        byhand.conv2d([[1, 2]], [[3, 5]], padding=(0, 1)).grad("x", [[1, 10, 100]]),
        [[3, 35, 350, 500]],
    ),
    "'valid' instead of 'full'": (byhand.conv2d([[1, 2, 3]], [[3, 5]]).grad("x", [[1, 10]]), [[5 + 30]]),
    "not summed over the outputs": (byhand.linear([1], [[2], [3]]).grad("x", [10, 100]), [300]),
    "step instead of gradient": (byhand.linear([[1, 2]], [[3, 4]]).grad("w", [[10]]), [[2, 2]]),
    "beta scaled": (CENTRED, [[30], [40]]),
    "variance not divided": (byhand.batch_norm(COLUMN, training=True), [["-0.535"], ["-0.267"], [0], ["0.802"]]),
    "not divided": (byhand.batch_norm([[0], [4]], training=True, eps=0), [[-2], [2]]),
    "not updated": (byhand.batch_norm(COLUMN, [10], [1], training=True).updated("running_mean"), [10]),
    "standard deviation for variance": (
        byhand.batch_norm([[0], [2]], [0], [1], training=True).updated("running_var"),
        ["1.04142"],
    ),
    "another activation": (byhand.relu([-1, 8]), ["-0.01", 8]),
    "input multiplied in": (byhand.relu([-1, 2, 3]).grad("x", [4, -5, 6]), [0, -10, 18]),
    "mask reversed": (byhand.relu([-1, 2, 3]).grad("x", [4, -5, 6]), [4, 0, 0]),
    "inputs in another order": (byhand.linear([1, 10], [[2, 3], [5, 7]]), [23, 57]),
    "products not added": (byhand.linear([1, 2, 3], [[1, 2, 3], [4, 5, 6]]), [[1, 4, 9], [4, 10, 18]]),
    "power of another number": (byhand.softmax([0, 1]), ["0.333", "0.667"]),
    "another function": (byhand.softmax([1, 3]), [0, 1]),
    "wrong sum": (byhand.softmax([1, 3]), ["0.680", "5.021"]),
    "target off by one": (byhand.cross_entropy([0, 1, 3], 1), ["3.17"]),
    "softmax twice": (byhand.cross_entropy([0, 500], 1), ["0.313"]),
    "divided by the classes": (CROSS, ["0.3662"]),
    "other classes counted": (CROSS, ["3.2958"]),
    "another loss": (CROSS, ["0.667"]),
    "number misread": (PLAIN, [[-6 + 4, -6 + 6], [-6 + 10, -9 + 12]]),
    "right numbers in another shape": (PLAIN, PLAIN.result.ravel().tolist()),
}


@pytest.mark.parametrize("name", [*BY_HAND, *RARE_BY_HAND])
def test_a_mistake_is_what_its_name_says(name):
    explanation, answer = (BY_HAND | RARE_BY_HAND)[name]
    verdict = explanation.check(answer)
    assert name in [m.name for m in verdict.mistakes], verdict


@pytest.mark.parametrize("answer", [[[-1], [1]], [["−1"], ["2/2"]], np.array([[-1], [1]])])
def test_a_tiny_epsilon_may_be_left_out_on_paper(answer):
    x = byhand.batch_norm([[1], [3]], training=True)
    assert x.check(answer)
    assert x.at(0, 0).check(-1)
    for computed in ([["-1.000000"], ["1.000000"]], np.array([[-1.0], [1.0]])):
        assert [m.name for m in x.check(computed).mistakes] == ["epsilon forgotten"]
    assert not x.at(0, 0).check(-2)
    assert not byhand.batch_norm([[1], [3]], training=True, eps=0.1).check(answer)


def test_what_explains_one_wrong_element_does_not_explain_the_other():
    text = byhand.max_pool2d([[4, 1, 2, 8], [9, 6, 3, 5]], 2).check([[6, 100]]).text
    assert "y[0, 0] = 6: it is what this mistake gives: not the largest number of the window" in text
    assert "y[0, 1] = 100: none of the mistakes known here explains it" in text


def test_a_zero_among_wrong_elements_is_no_slip():
    """It stands for too many mistakes, and may stand for nothing."""
    text = byhand.conv2d([[1, 0, 0], [0, 0, 5]], [[2, 3]]).check([[0, 0], [0, 12]]).text
    assert "y[0, 0] = 0: none of the mistakes known here explains it" in text


def test_in_a_long_sum_no_slip_is_looked_for():
    y = byhand.linear(np.full(2000, 3.0), np.full((1, 2000), 2.0)).at(0)
    with patch.object(Numbers, "factor", side_effect=AssertionError("a term was made")):
        assert not y.check(12_006).mistakes


def test_a_rare_mistake_is_left_out_where_a_usual_one_explains_the_answer():
    edge = byhand.conv2d(IMAGE, [[1, 0, -1]])  # mirrored it is the same as turned, and as with the other sign
    assert [m.name for m in edge.check(-edge.result).mistakes] == ["kernel flipped"]


def test_a_rare_mistake_and_a_slip_that_give_an_element_are_both_named():
    verdict = byhand.conv2d([[7, 5, -2], [6, 4, 9]], [[8, 9, 4], [3, 2, 6]]).at(0, 0).check(7 * 8 + 5 * 9 - 2 * 4)
    assert [m.name for m in verdict.mistakes] == ["edge of the kernel left out"]
    assert "No usual mistake gives it, but a rarer one does: edge" in verdict.text
    verdict = byhand.conv2d([[7, 5], [6, 4]], [[8, 9], [0, 3]]).at(0, 0).check(7 * 8 + 5 * 9)
    assert [m.name for m in verdict.mistakes] == ["slip in one term", "edge of the kernel left out"]
    assert "4×3 left out" in verdict.text
    assert "So would this mistake" in verdict.text


@pytest.mark.parametrize(
    ("first", "changed", "second"),
    [
        ("kernel flipped", lambda a: {"w": a["w"][:, :, ::-1, ::-1]}, "stride applied twice"),
        ("bias forgotten", lambda a: {"b": None}, "kernel transposed"),
        ("padding forgotten", lambda a: {"padding": 0}, "average instead of sum"),
        ("stride forgotten", lambda a: {"stride": 1}, "padding forgotten"),
    ],
)
def test_two_mistakes_at_once_are_named_together(first, changed, second):
    y = byhand.conv2d(normal(0, 6, 6), normal(1, 2, 2), [0.5], stride=2, padding=1)
    op = y.operation
    answers = {m.name: wrong for m, wrong in wrong_answers(op.changed(**changed(op.arrays)), "y", None)}
    (mistake,) = y.check(answers[second]).mistakes
    assert set(mistake.name.split(", and ")) == {first, second}
    hints = {m.name: m.hint for m, _ in WAYS["conv2d", "y"]}
    assert set(mistake.hint.split("; ")) >= {hints[first], hints[second]}


def test_what_gives_a_shape_is_told_only_where_it_is_little():
    few = byhand.conv2d(np.arange(25.0).reshape(5, 5), [[1, 2], [3, 5]])
    assert "gives this shape" in few.check(np.full((3, 3), 0.1)).text
    many = byhand.conv2d(np.arange(16.0).reshape(4, 4), [[1, 2], [3, 5]], stride=2, padding=1)
    verdict = many.check(np.full((2, 2), 0.1))
    assert "gives this shape" not in verdict.text
    assert "The rule:" in verdict.text


def test_digits_cut_off_need_no_rare_mistake_beside_them():
    y = byhand.avg_pool2d([[0, 0.6, 1.4]], (1, 3)).at(0, 0)  # the mean is 2/3, the median 0.6
    assert [m.name for m in y.check("0.6").mistakes] == ["digits cut off"]
    assert [m.name for m in y.check("0.60").mistakes] == ["median"]


def test_two_elements_that_a_rare_mistake_gives_are_an_accident():
    y, largest = RARE_BY_HAND["maximum instead of sum"]
    answer = y.result.copy()
    answer[0] = largest[0]
    assert not y.check(answer).mistakes


def test_an_element_of_another_number_of_channels_means_something_else():
    y = byhand.conv2d([[[1]], [[10]]], [[[[2]], [[3]]]], [100])
    assert [m.name for m in y.at(0, 0, 0).check(102).mistakes] == ["one channel skipped"]


def test_a_whole_number_is_not_misread_as_a_fraction():
    y = byhand.conv2d(IMAGE, [[1, 2], [-3, 4]])
    halves = y.result + 0.5 * np.array(IMAGE, float)[:2, :2]
    assert not y.check(halves).mistakes
    assert [m.name for m in y.check(y.result + 3 * np.array(IMAGE, float)[:2, :2]).mistakes] == ["number misread"]


def test_in_large_arrays_no_misread_number_is_looked_for():
    y = byhand.conv2d(normal(0, 15, 15), normal(1, 2, 2))
    with patch("tinyunet.byhand.mistakes.misread._with", side_effect=AssertionError("a cell was tried")):
        assert not y.check(y.result + normal(2, 14, 14)).mistakes


def test_all_ways_to_make_a_mistake_are_told():
    (mistake,) = byhand.conv2d(np.ones((2, 3, 3)), np.ones((1, 2, 2, 2))).check([[[4, 4], [4, 4]]]).mistakes
    assert (mistake.name, mistake.detail) == ("one channel skipped", "channel 0 or channel 1")
    (mistake,) = byhand.conv2d([[1, 2], [3, 4]], [[1, -1], [0, 1]]).check([[5]]).mistakes
    assert (mistake.name, mistake.detail) == ("zero or negative weight skipped", "negative ones left out")


def test_a_map_of_one_element_is_checked_as_that_element():
    y = byhand.conv2d([[7, 5], [6, 4]], [[8, 9], [0, 3]])
    for answer in [113, 101, 57, *range(0, 200, 7)]:
        assert y.check([[answer]]) == y.at(0, 0).check(answer)
    loss = byhand.cross_entropy([0, 0], 1)
    assert loss.check("0.693")
    assert not loss.check("0.6930")
    assert loss.check("0.301") == loss.at().check("0.301")


def test_full_convolution_as_scipy_does_it_is_two_mistakes():
    y = byhand.conv2d([[1, 2], [3, 4]], [[1, 0], [2, 5]])
    verdict = y.check([[1, 2, 0], [5, 13, 10], [6, 23, 20]])  # scipy.signal.convolve2d
    assert [m.name for m in verdict.mistakes] == ["kernel flipped, and padding of another width"]
    assert "'full'" in verdict.text


@pytest.mark.parametrize(("name", "index"), [("w", (1, 0)), ("x", (1, 1)), ("b", (0,))])
def test_a_number_that_was_misread_is_found(name, index):
    arrays = {"x": np.array(IMAGE), "w": np.array([[1, 0], [2, -3]]), "b": np.array([4])}
    right = byhand.conv2d(**arrays)
    arrays[name] = arrays[name].copy()
    arrays[name][index] += 3
    verdict = right.check(byhand.conv2d(**arrays).result)
    assert [m.name for m in verdict.mistakes] == ["number misread"]
    assert f"{name}{list(index)} read as {arrays[name][index]}" in verdict.text


def test_of_large_problems_only_usual_mistakes_are_tried():
    y = byhand.conv2d(normal(0, 1, 110, 110), normal(1, 1, 1, 3, 3))
    assert y.check(y.result[:, :, ::-1]).mistakes[0].name == "right numbers in other places"
    assert y.check(-y.result).mistakes == ()


def test_a_mistake_that_cannot_be_made_here_is_left_out():
    assert not byhand.conv_transpose2d([[1, 2], [3, 4]], [[1]], stride=2, padding=1).at(0, 0).check(5)
    assert not byhand.avg_pool2d([[1, 2], [3, 4]], 3, stride=2, ceil_mode=True).at(0, 0).check(9)


def test_digits_are_not_cut_off_where_the_sign_is_wrong():
    verdict = byhand.softmax([1, 2, 3]).grad("x", [1, 0, 0]).at(0).check("-0.0819")
    assert [m.name for m in verdict.mistakes] == ["gradient with the wrong sign"]


def test_a_slip_is_not_the_reason_where_everything_is_wrong():
    y = byhand.conv2d([[7, 5, -2], [6, 4, 9], [3, 8, 2]], [[8, 9], [4, 3]])
    verdict = y.check(np.add(y.result, [[7, 100], [200, 300]]))
    assert verdict.mistakes == ()
    assert "none of the mistakes known here explains it" in verdict.text
    one = y.result.copy()
    one[0, 0] += 7
    assert "7×8 multiplied to 63" in y.check(one).text


def test_right_elements_speak_against_a_mistake_that_would_have_changed_them():
    y = byhand.conv2d([[1, 2, 3], [4, 5, 6], [7, 8, 10]], [[1, 2], [3, 4]], [3])
    answer = y.result.copy()
    answer[0] -= 3
    verdict = y.check(answer)
    assert [m.name for m in verdict.mistakes] == ["bias forgotten"]
    assert "The others are right. This mistake, made only in the wrong places, would give it" in verdict.text


def test_zeros_where_something_should_stand_speak_for_no_mistake():
    dx = byhand.conv2d(np.ones((4, 4)), [[1, 2, 3], [4, 5, 6], [0, 0, 9]]).grad("x")  # not turned, these would be 0
    answer = dx.result.copy()
    answer[0, 2:] = 0
    assert "none of the mistakes known here explains it" in dx.check(answer).text


@pytest.mark.parametrize("seed", range(20))
def test_arrays_that_were_rounded_or_computed_less_exactly_are_right(seed):
    rng = np.random.default_rng(seed)
    y = byhand.softmax(rng.integers(-5, 6, (4, 5)))
    for explanation in (y, y.grad("x", rng.integers(-5, 6, (4, 5)))):
        for digits in (2, 4):
            assert explanation.check(np.round(explanation.result, digits)), "1.0 beside 0.67 was rounded, too"
    big = byhand.conv2d(rng.standard_normal((2, 6, 6)), rng.standard_normal((3, 2, 3, 3)))
    assert big.check(big.result.astype(np.float32))
    assert big.check(big.result.astype(np.float16))
    assert not big.check((big.result + 0.1).astype(np.float16))


def test_one_number_is_no_map_and_one_in_an_array_is_a_number():
    y = byhand.conv2d([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, 1]])
    assert "asked for is all of y" in y.check(6).text
    assert y.at(0, 0).check(np.array(6))
    assert y.at(0, 0).check(tinyunet.tensor([6.0]))
    assert y.at(0, 0).check("6,0")
    assert not y.at(0, 0).check("6,5")
    with pytest.raises(ValueError, match="write a decimal with a point"):
        y.at(0, 0).check("6,000")


def test_what_is_shown_in_a_shell_is_the_text():
    y = byhand.relu([-1, 2])
    assert repr(y.at(1)) == y.at(1).text()
    assert repr(y) == str(y) == "y of relu()\n[0 2]"
    assert repr(y.at(1).check(3)).startswith("not right")


def test_what_single_precision_leaves_of_a_zero_is_right():
    y = byhand.conv2d([[0.1, 0.2, 0.3, 5]], [[1, 1, -1]])
    assert y.check(np.array([[7e-9, -4.5]], np.float32))
    assert y.check("[[ 7.4506e-09 -4.5000e+00]]")
    assert not y.check(np.array([[3e-3, -4.5]], np.float32))


def test_digits_of_the_other_sign_are_not_cut_off():
    third = byhand.avg_pool2d([[1, 1, 0]], (1, 3))
    assert third.at(0, 0).check("-0.66").mistakes == third.check([["-0.66"]]).mistakes == ()


# Every mistake, in drawn problems

FEW = range(3)


def drawn(count):
    """A few problems, and, which takes its time, so many that each of the mistakes can be made in some of them."""
    many = pytest.param(range(count), marks=pytest.mark.slow)
    return pytest.mark.parametrize("problems", [FEW, many], ids=["few", "many"])


@drawn(60)
@pytest.mark.parametrize("kind", KINDS)
def test_every_mistake_is_named_wherever_it_changes_the_answer(kind, problems):
    """In whole answers: always among the explanations, and the first of them in 99 of 100."""
    made, first, seen = 0, 0, set()
    for seed in problems:
        for explanation in explanations(kind, seed):
            op, what = explanation.operation, explanation.what
            truth = op.result(what, explanation.dy)
            for mistake, wrong in wrong_answers(op, what, explanation.dy):
                if same(wrong, truth):
                    continue
                seen.add((what, mistake.name))
                verdict = explanation.check(handed_in(explanation, wrong))
                names = [m.name for m in verdict.mistakes]
                assert mistake.name in names, f"{what}: {mistake} in {verdict}"
                assert not verdict
                made += 1
                first += names[0] == mistake.name
                if wrong.shape == truth.shape and wrong.ndim:  # and so it is in the first element alone
                    index = tuple(np.argwhere(~np.isclose(wrong, truth, rtol=1e-9, atol=1e-9))[0])
                    element = explanation.at(*op.shown(what, index))
                    judged = element.check(float(wrong[index]))  # right, if it has no more digits than both share
                    assert judged.right or mistake.name in [m.name for m in judged.mistakes]
    assert problems is FEW or first >= 0.97 * made, f"{first} of {made} named first"
    known = {(what, m.name) for (name, what), ways in WAYS.items() if name == kind for m, _ in ways}
    assert problems is FEW or seen == known or kind in ONE_AXIS, known - seen


@drawn(40)
@pytest.mark.parametrize("kind", KINDS)
def test_a_rare_mistake_is_named_unless_a_usual_one_gives_the_same(kind, problems):
    seen = set()
    for seed in problems:
        for explanation in explanations(kind, seed):
            op, what, dy = explanation.operation, explanation.what, explanation.dy
            usual = [wrong for _, wrong in wrong_answers(op, what, dy)]
            for mistake, wrong in wrong_answers(op, what, dy, RARE):
                if same(wrong, op.result(what, dy)):
                    continue
                seen.add((what, mistake.name))
                verdict = explanation.check(handed_in(explanation, wrong))
                assert not verdict
                names = [m.name for m in verdict.mistakes]
                assert mistake.name in names or any(same(wrong.ravel(), other.ravel()) for other in usual), verdict
    known = {(what, m.name) for (name, what), ways in RARE.items() if name == kind for m, _ in ways}
    assert problems is FEW or seen == known or kind in ONE_AXIS, known - seen


MUTANTS = {
    "byhand.mistakes.diagnosis:_same": [
        ("the tolerance is forgotten", "answer.tolerances + answer.units", "answer.units"),
    ],
    "byhand.mistakes.diagnosis:check": [
        ("what leaves a tiny epsilon out may be computed", "wrong &= computed | ~", "wrong &= ~"),
    ],
    "byhand.mistakes.diagnosis:_judged": [
        ("the last wrong element is named", "op.shown(what, places[0])", "op.shown(what, places[-1])"),
        ("a slip explains everything that is wrong", "if wrong.sum() == 1 and slips[0] and", "if slips[0] and"),
        ("two elements make a rare mistake", "if rare and wrong.sum() > 2:", "if rare:"),
    ],
    "byhand.mistakes.diagnosis:_one_by_one": [
        ("zeros have their slips", "if number.value else None  # a 0", "if True else None  # a 0"),
    ],
    "byhand.mistakes.diagnosis:_other_shape": [
        ("one mistake of several", "return _verdict(start, None, found.whole)", "return _verdict(start, None, [])"),
        ("all that gives a shape", "0 < len(alike) <= SLIPS", "0 < len(alike)"),
    ],
    "byhand.mistakes.diagnosis:_known": [
        ("rare mistakes are asked for at once", "return [WAYS, RARE, TOGETHER] if", "return [RARE, WAYS, TOGETHER] if"),
        ("rare mistakes of large problems", "op.result().size) <= LARGE", "op.result().size) <= LARGE**2"),
    ],
    "byhand.mistakes.diagnosis:_distinct": [
        ("a detail of several", "dict.fromkeys(details)", "details[-1:]"),
    ],
    "byhand.mistakes.slips:cut_off": [
        ("digits are cut off from the other sign", "answer * value >= 0 and", ""),
    ],
    "byhand.mistakes.slips:slip": [
        ("a slip is pinned on one term of many", "or len(found) > SLIPS", "or False"),
        ("a factor gives the answer away", "if told else", "if False else"),
        ("a slip is looked for in long sums", "for part in last.parts) > LONG", "for part in last.parts) < 0"),
    ],
    "byhand.mistakes.diagnosis:check_element": [
        ("cut digits have rare explanations", "if known is CUT_OFF or not", "if not"),
    ],
    "byhand.mistakes.diagnosis:element_of": [
        ("other channels are these", "wrong.shape[:2] != shape[:2]", "False"),
    ],
    "byhand.mistakes.diagnosis:_search": [
        ("zeros explain anything", "same[wrong].all() and values[wrong].any()", "same[wrong].all()"),
    ],
    "byhand.mistakes.misread:misread": [
        ("the number read is off by its change", "float(array[index] + off)", "float(off)"),
        ("cells of large arrays", "sum(a.size for a in arrays.values()) > MOST", "False"),
        ("whole numbers read as fractions", "off), digits)", "off), WRITTEN)"),
        ("any number", "and same(truth + (read - array[index]) * gain).all()", ""),
    ],
    "byhand.mistakes.registry:Wrong.way": [
        ("a way loses its word", "detail or own", "own"),
        ("an answer loses its detail", "detail or own", "detail"),
    ],
    "byhand.mistakes.sliding": [
        ("a stride applied three times", "stride=q.stride**2", "stride=q.stride**3"),
    ],
    "byhand.mistakes.sliding:Sliding.stride_off": [
        ("a stride off by two", "(self.stride + 1, self.stride - 1)", "(self.stride + 2, self.stride - 1)"),
    ],
    "byhand.mistakes.convolution": [
        ("a matrix product of the transposed", "q.w.sum(3)[:, :, None]", "q.w.sum(2)[:, :, None]"),
    ],
    "byhand.mistakes.convolution:Convolution.other_filters": [
        ("biases go with their filters", "self.sums[:, order] + self.bias", "(self.sums + self.bias)[:, order]"),
    ],
    "byhand.mistakes.window:Window._at_pixels": [
        ("overlaps are added after all", "given if assign else", "image[seen] + given if assign else"),
    ],
    "byhand.mistakes.pooling": [
        ("ties are not shared", "q.largest / q.largest.sum(-1, keepdims=True)", "q.largest * 1"),
    ],
    "byhand.mistakes.together:two": [
        ("one mistake is enough", "wrong_answers(q.op.changed(**changes),", "wrong_answers(q.op,"),
    ],
    "byhand.mistakes.transposed": [
        ("padding is cropped after all", "framed(q.y(padding=0), q.borders)", "q.y(padding=0)"),
    ],
    "byhand.mistakes.normalisation": [
        ("the unbiased variance is biased", "q.m / (q.m - 1) + q.eps)) if", "q.m / (q.m - 2) + q.eps)) if"),
        ("dx without its mean term", "lambda q: q.centred(q.dn, q.mean(q.dn)))", "lambda q: q.centred(q.dn))"),
    ],
    "byhand.arithmetic.numbers:read": [
        ("a computed -1 is as good as a written one", "value, 0, SINGLE) if value", "value, 0) if value"),
    ],
    "byhand.arithmetic.numbers:_answer": [
        ("a rounded 1.0 must be exact", "tolerances[computed] = np.maximum(tolerances[computed], finest)", "pass"),
        (
            "what single precision leaves of 0 is wrong",
            "else units[computed].max()",
            "else units[computed].min() * 1e-6",
        ),
    ],
}
