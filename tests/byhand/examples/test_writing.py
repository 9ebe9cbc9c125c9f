"""Examples are written without loss."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyunet import byhand
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples import Ask, Digits, Example, dump, load

NUMBERS = st.one_of(
    st.integers(-99, 99).map(float),
    st.floats(-1e6, 1e6, allow_subnormal=False),
    st.fractions(-9, 9, max_denominator=99).map(float),
)


def arrays(*shape):
    return st.lists(NUMBERS, min_size=math.prod(shape), max_size=math.prod(shape)).map(
        lambda flat: np.array(flat).reshape(shape)
    )


@st.composite
def explanations(draw):
    H, W, k, C, O = (draw(st.integers(1, 3)) for _ in range(5))
    H, W = H + k, W + k
    x = draw(arrays(*draw(st.sampled_from([(H, W), (1, H, W), (2, 1, H, W)]))))
    pooled = {"stride": draw(st.sampled_from([None, 1, (2, 1)])), "ceil_mode": draw(st.booleans())}
    b = draw(st.none() | arrays(O))
    vectors = [draw(arrays(C)), np.abs(draw(arrays(C))) + 1, draw(st.none() | arrays(C)), draw(st.none() | arrays(C))]
    with np.errstate(all="ignore"):
        match draw(st.sampled_from(sorted(OPERATIONS))):
            case "conv2d":
                padding = draw(st.sampled_from([0, 1, (0, 2), "same", "valid", "SAME", ((1, 0), (0, 1))]))
                stride = 1 if padding == "same" else draw(st.sampled_from([1, 2, (1, 2)]))
                return byhand.conv2d(x, draw(arrays(O, 1, k, k)), b, stride=stride, padding=padding)
            case "conv_transpose2d":
                return byhand.conv_transpose2d(x, draw(arrays(1, O, k, k)), b, stride=2, output_padding=(1, 0))
            case "max_pool2d":
                return byhand.max_pool2d(x, k, **pooled)
            case "avg_pool2d":
                divisor = draw(st.none() | st.integers(1, 5))
                return byhand.avg_pool2d(x, k, **pooled, divisor_override=divisor, count_include_pad=False)
            case "batch_norm":
                eps = draw(st.sampled_from([1e-5, 0.5, 1.0]))
                return byhand.batch_norm(draw(arrays(3, C)), *vectors, training=draw(st.booleans()), eps=eps)
            case "interpolate":
                size = draw(st.sampled_from([{"size": 4}, {"size": (2, 5)}, {"scale_factor": 1.5}]))
                return byhand.interpolate(x, **size, mode="bilinear", align_corners=draw(st.booleans()))
            case "conv1d":
                unusual = draw(st.sampled_from([{}, {"padding": "SAME"}, {"padding": (1, 0), "flip_kernel": True}]))
                return byhand.conv1d(x[..., 0, :], draw(arrays(1, x.shape[-3] if x.ndim > 2 else 1, k)), **unusual)
            case "conv_transpose1d":
                return byhand.conv_transpose1d(draw(arrays(C, W)), draw(arrays(C, O, k)), b, stride=2)
            case "max_pool1d" | "avg_pool1d" as name:
                return getattr(byhand, name)(draw(arrays(C, W)), k, padding=k // 2)
            case "group_norm":
                return byhand.group_norm(draw(arrays(3, C)), 1, *vectors[2:], eps=0.5)
            case "layer_norm":
                return byhand.layer_norm(draw(arrays(3, C, 2)), draw(st.sampled_from([2, (2,), (C, 2)])), eps=0.5)
            case "binary_cross_entropy_with_logits":
                return byhand.binary_cross_entropy_with_logits(draw(arrays(2, C)) / 1e4, [[0.25] * C] * 2)
            case "linear":
                return byhand.linear(draw(arrays(2, C)), draw(arrays(O, C)), b)
            case "cross_entropy":
                reduction = draw(st.sampled_from(["mean", "sum", "none"]))
                return byhand.cross_entropy(draw(arrays(2, C)) / 1e4, [0, C - 1], reduction)
            case "alpha_bar":
                return byhand.alpha_bar(draw(st.lists(st.sampled_from([0.1, 0.25, 1 / 3]), min_size=1, max_size=4)))
            case "add_noise" | "predict_x0" as name:
                return getattr(byhand, name)(draw(arrays(2, C)), 1, draw(arrays(2, C)), [1, 0.64])
            case "ddim_step":
                given = {"alpha_bar": [1, 0.64, 0.36], "eta": draw(st.sampled_from([0.0, 0.5])), "z": draw(arrays(C))}
                return byhand.ddim_step(draw(arrays(C)), 2, 1, draw(arrays(C)), **given)
            case "guided":
                return byhand.guided(draw(arrays(2, C)), draw(arrays(2, C)), draw(st.sampled_from([1.0, 3.0, 7.5])))
            case name:
                return getattr(byhand, name)(draw(arrays(2, C)) / 1e4)


@st.composite
def whole_examples(draw):
    explanation = draw(explanations())
    dy = draw(st.none() | arrays(*explanation.result.shape)) if explanation.operation.leaves else None
    asks = []
    for what in draw(st.lists(st.sampled_from(explanation.operation.quantities()), max_size=4)):
        of = explanation
        if what != "y":
            of = explanation.grad(what[1:], dy) if what.startswith("d") else explanation.updated(what)
        if draw(st.booleans()):
            at = tuple(draw(st.integers(0, n - 1)) for n in of.result.shape)
            answer = draw(st.sampled_from([None, 3, -0.25, "1/3", Digits("0.250"), Fraction(2, 7), np.float64(1.5)]))
            asks.append(Ask(of, at, answer))
        else:
            asks.append(Ask(of, None, draw(st.sampled_from([None, of.result, of.result.tolist(), [[1, "2/3"]]]))))
    title = draw(st.text(st.characters(blacklist_categories=["Cs"]), max_size=20))
    return Example(explanation, tuple(asks), title, dy)


@settings(max_examples=100, deadline=None)
@given(whole_examples())
def test_what_is_written_is_read_again(example):
    again = load(dump(example))
    assert again.title == example.title
    assert again.explanation.operation.settings == example.explanation.operation.settings
    for name, array in example.explanation.arrays.items():
        np.testing.assert_array_equal(again.explanation.arrays[name], array)
    assert again.explanation.arrays.keys() == example.explanation.arrays.keys()
    assert len(again.asks) == len(example.asks)
    for old, new in zip(example.asks, again.asks, strict=True):
        assert (new.heading, new.at) == (old.heading, old.at)
        np.testing.assert_array_equal(new.of.result, old.of.result)
        assert new.check().text == old.check().text
    assert dump(again) == dump(load(dump(again)))


def test_a_right_answer_can_be_larger_than_what_is_given():
    y = byhand.linear([10**12, 1], [[10**12, 1]])
    text = dump(Example(y, (Ask(y, (0,), y.result[0]),)))
    assert load(text).asks[0].check().right


def test_a_file_has_one_dy():
    y = byhand.relu([1, 2])
    with pytest.raises(ValueError, match=r"dx\[0\] is asked for another dy than that of the example"):
        dump(Example(y, (Ask(y.grad("x", [3, 4]), (0,)),)))


def test_decimals_keep_the_digits_that_were_written():
    answers = {"-1.069": True, "-1.07": True, "-1.1": True, "-1.070": False, "-1.06904": True, "-1.06905": False}
    for answer, right in answers.items():
        example = examples.built_in("batchnorm")
        text = dump(Example(example.explanation, (Ask(example.explanation, (0, 0), Digits(answer)),)))
        assert f"answer = {answer}\n" in text
        assert load(text).asks[0].check().right is right
