"""Worked examples as files: read and written without loss, every mistake in them named with line and key."""

import itertools
import math
import random
import re
import time
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyunet import byhand, cli
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.numbers import read_array, write
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples import Ask, Digits, Example, dump, example, load, read
from tinyunet.byhand.lab import server as lab
from tinyunet.byhand.mistakes import wrong_answers

SOURCES = [(examples.FOLDER / f"{name}.toml").read_text(encoding="utf-8") for name in examples.names()]
ODD = [
    "nan", "-inf", "1e999", "1e400", "9" * 5000, "9" * 400, "-0.0", "0x" + "f" * 5000, "1e-400", "0", "-1", "-7", "1.5",
    "true", '"same"', '"1/0"', '"1/3"', '"x"', '""', "[]", "[[]]", "[[1], [2, 3]]", "[1, [2]]", "{}", "{a = 1}",
    "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "[1979-05-27]", "[" * 40 + "]" * 40, "[" * 3000 + "]" * 3000,
    "[" * 3000, "{a=" * 3000, "[2, 1]", "[1, 2, 3]", "[0, 1, 1]", "99999999999", "1000000", "300", "[true]",
    '["\\u0000\\u001b[31m"]', "'''\nx = 3\n'''", '"' + "z" * 5000 + '"', "[[1e300, -1e300]]", "[[[[[1]]]]]", "[0]",
    "[9]", str([[0] * 50] * 50), str([1] * 1000), '"none"', '"valid"', "[1000, 1000]", "3", "[[1, 2], [3, 4]]", "inf",
    "1_0.5",
]  # fmt: skip


def malformed(rng):
    """The bytes of a file: a built-in example with a few things changed for the worse, mostly."""
    text = rng.choice(SOURCES)
    for _ in range(rng.randint(1, 3)):
        lines = text.split("\n")
        k = rng.randrange(len(lines))
        match rng.randrange(9):
            case 0:  # another value
                found = [i for i, line in enumerate(lines) if re.match(r"\w+ = ", line)] or [0]
                i = rng.choice(found)
                lines[i] = f"{lines[i].split('=')[0]}= {rng.choice(ODD)}"
                text = "\n".join(lines)
            case 1:  # a key that is another one's, or none's
                keys = [
                    *"xwb",
                    "dy",
                    "grad",
                    "at",
                    "answer",
                    "updated",
                    "operation",
                    "stide",
                    "padding",
                    "eps",
                    "stride",
                ]
                keys += [
                    "dilation",
                    "groups",
                    "kernel_size",
                    "ceil_mode",
                    "divisor_override",
                    "momentum",
                    "weight",
                    "a.b",
                ]
                lines.insert(k, f"{rng.choice(keys)} = {rng.choice(ODD)}")
                text = "\n".join(lines)
            case 2:
                del lines[k]
                text = "\n".join(lines)
            case 3:
                text = re.sub(r'operation = "\w+"', f'operation = "{rng.choice([*OPERATIONS, "conv", ""])}"', text)
            case 4:  # a number
                places = list(re.finditer(r"-?\d+", text)) or [re.match("", text)]
                place = rng.choice(places)
                text = text[: place.start()] + rng.choice(ODD) + text[place.end() :]
            case 5:
                i = rng.randrange(len(text) + 1)
                text = text[:i] + rng.choice("[]{}=\"'#\n\r\0\ufeff\x1b,.é−\U0001f600") + text[i:]
            case 6:
                i, n = rng.randrange(len(text) + 1), rng.randint(1, 30)
                text = text[:i] + text[i + n :]
            case 7:
                text += f"\n{rng.choice(['[[ask]]', '[ask]', 'ask = 3', 'ask = [1]', '[[x]]', '[[ask.at]]'])}\n"
                text += f"{rng.choice(['at', 'grad', 'updated', 'answer'])} = {rng.choice(ODD)}\n"
            case 8:
                text = text.replace("\n", "\r\n")
    raw = text.encode("utf-8")
    if rng.random() < 0.1:
        i = rng.randrange(len(raw) + 1)
        raw = raw[:i] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 5))) + raw[i:]
    return raw


def outcome(path):
    """The message about a file, or "" if nothing is wrong with it; anything but a ValueError comes through."""
    try:
        example = read(path)
    except ValueError as error:
        return str(error)
    example.text(example.elements())
    for ask in example.asks:
        ask.check()
    assert dump(load(dump(example))) == dump(example)
    return ""


def fuzz(rounds, path, seed=0):
    """Messages and times of that many files."""
    rng = random.Random(seed)
    for _ in range(rounds):
        raw = malformed(rng)
        path.write_bytes(raw)
        start = time.perf_counter()
        try:
            message = outcome(path)
        except Exception as error:
            error.add_note(repr(raw))
            raise
        yield message, time.perf_counter() - start, raw


def test_every_malformed_file_gets_one_clear_message(tmp_path):
    path = tmp_path / "my.toml"
    messages = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for message, _, raw in fuzz(1500, path):
            if message:
                messages.append(message)
                assert re.match(rf"{re.escape(str(path))}, line \d+: ", message), (message, raw)
                line = int(re.match(r"\d+", message[len(str(path)) + 7 :])[0])
                assert 1 <= line <= raw.count(b"\n") + 1, (message, raw)
                assert len(message) < 600 + len(str(path)), message
                assert "\n" not in message, message
    assert len(messages) > 1000
    assert len(set(messages)) > 500


# ---- what exactly is said, and where

CONV = '''\
title = """a text of several lines
x = 3
b = 4 # """
operation = "conv2d"   # "operation" = 7
stride = 2

x = [
  [1, 2, 3],
  [4, 5, 6],
]
"w" = [[1]]

[[ask]]
at = [0, 1]
answer = 3

[[ ask ]]   # a comment
grad = "w"
'''


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("[4, 5, 6]", "[4, 5]", 7, "x: rows must have the same length; here the lengths are 2 and 3"),
        ("[4, 5, 6]", "[4, 5, [6]]", 7, "x: rows must have the same length; here some brackets are nested deeper than"),
        ("[4, 5, 6]", '[4, 5, "six"]', 7, "x: 'six' is not a number such as 35, -0.248 or 1/3"),
        ("[4, 5, 6]", "[4, 5, nan]", 7, "x: a finite number is needed, not 'nan'"),
        ("[4, 5, 6]", "[4, 5, -inf]", 7, "x: a finite number is needed, not '-inf'"),
        ("[4, 5, 6]", "[4, 5, 1979-05-27]", 7, "x: a number is needed, or a text such as '1/3', not a date or a time"),
        ("[4, 5, 6]", "[4, 5, {a = 1}]", 7, "x: a number is needed, or a text such as '1/3', not a table"),
        ("[4, 5, 6]", "[4, 5, true]", 7, "x: a number is needed, not True"),
        ("[4, 5, 6]", f"[4, 5, {'9' * 5000}]", 9, "x: a number has too many digits"),
        ("[4, 5, 6]", f"[4, 5, 0x{'f' * 5000}]", 7, "x: a number is larger than 1e+12"),
        ("[4, 5, 6]", "[4, 5, -1e13]", 7, "x: a number is larger than 1e+12"),
        ("[4, 5, 6]", f"[4, 5, {'[' * 9}{']' * 9}]", 7, "x: brackets are nested more than 8 deep"),
        ("[4, 5, 6]", "[4, 5, " + "[" * 4000, 9, "x: brackets are nested too deeply"),
        ("[4, 5, 6],\n]", "[4, 5, 6],", 9, "x: a bracket is not closed"),
        ("stride = 2", "stride = 0", 5, "stride: conv2d: stride must be at least 1, not 0"),
        ("stride = 2", "stride = 2.0", 5, "stride: conv2d: stride must be an integer or a pair of integers, not '2.0'"),
        ("stride = 2", "stide = 2", 5, "stide: no such key; did you mean 'stride'?"),
        ("stride = 2", "colour = 2", 5, "colour: no such key; there is title, operation, dy, ask, x, w, b, stride,"),
        ("stride = 2", "stride = 1\nstride = 2", 6, "stride: Cannot overwrite a value (column 11)"),
        ("stride = 2", "groups = 1.5", 5, "groups: must be an integer, not '1.5'"),
        ("stride = 2", "groups = 2", 7, "x: conv2d: input has 1 channels but weight (1, 1, 1, 1) expects 2"),
        ("stride = 2", "dy = [1, 2]", 5, "dy: dy has the shape (2,); it must have that of y, (2, 3)"),
        ("stride = 2", "dy = 3", 5, "dy: dy has the shape (); it must have that of y"),
        ("stride = 2", "padding = 100000", 4, "operation: too much to work out by hand"),
        ("stride = 2", "stride =", 5, "stride: Invalid value (column 9)"),
        ("stride = 2", "stride 2", 5, "operation: Expected '=' after a key in a key/value pair (column 8)"),
        ("stride = 2", "a" + ".a" * 30 + " = 1", 5, "operation: a key has too many dots"),
        ('"w" = [[1]]', "", 4, "w: missing; conv2d needs it"),
        ("at = [0, 1]", "b = [1]", 14, "b: no such key; there is at, grad, updated, answer"),
        ('"w" = [[1]]\n\n[[ask]]', "[[ask]]\nw = [[1]]", 12, "w: missing; conv2d needs it"),
        ('"w" = [[1]]', "w = [[[1]]]", 11, "w: must have four axes, or be a single kernel (kh, kw), not (1, 1, 1)"),
        ('"w" = [[1]]', "w = [[[[1], [2]]]]\nb = [1, 2]", 12, "b: conv2d: bias of shape (2,) for 1 output channels"),
        ('"w" = [[1]]', "w = []", 11, "w: there are no numbers in an array of shape (0,)"),
        ("conv2d", "conv3d", 4, "operation: there is no 'conv3d'; did you mean 'conv2d'?"),
        ("conv2d", "fourier", 4, "operation: there is no 'fourier'; there is conv2d, conv_transpose2d,"),
        ('operation = "conv2d"', "", 1, "operation: missing; there is conv2d,"),
        ('operation = "conv2d"', "operation = 2", 4, "operation: must be a name in quotes; there is conv2d,"),
        ("at = [0, 1]", "at = [0, 2]", 14, "at: y has the shape (1, 2); there is no element (0, 2) in it"),
        ("at = [0, 1]", "at = [0]", 14, "at: y has the shape (1, 2); there is no element (0,) in it"),
        ("at = [0, 1]", "at = 0", 14, "at: must be a list of integers, such as [0, 1, 1]"),
        ("at = [0, 1]", "at = [0.5]", 14, "at: must be a list of integers, such as [0, 1, 1]"),
        ("at = [0, 1]", "art = [0, 1]", 14, "art: no such key; did you mean 'at'?"),
        ("at = [0, 1]", "grad = []", 14, "grad: must be the name of an array, in quotes"),
        ("at = [0, 1]", "updated = false", 14, "updated: must be the name of an array, in quotes"),
        ("at = [0, 1]", "grad = 1", 14, "grad: must be the name of an array, in quotes"),
        ("at = [0, 1]", 'updated = "b"', 14, "updated: conv2d does not update 'b' here; it updates none"),
        ("answer = 3", "answer = [3]", 15, "answer: must be one number; an answer for the whole array has no at"),
        ("answer = 3", 'answer = "a/b"', 15, "answer: 'a/b' is not a number such as 35, -0.248 or 1/3"),
        ("answer = 3", "answer = [[3], []]", 15, "answer: rows must have the same length"),
        ("answer = 3", "answer = 07:32:00", 15, "answer: a number is needed, or a text such as '1/3', not a date or"),
        ('grad = "w"', 'grad = "b"', 18, "grad: there is no gradient of conv2d's y with respect to 'b'; there is x, w"),
        ('grad = "w"', 'grad = "w"\nupdated = "x"', 19, "updated: either grad or updated, not both"),
        ('[[ ask ]]   # a comment\ngrad = "w"', "[ask2]", 17, "ask2: no such key; did you mean 'ask'?"),
        (CONV[CONV.index("[[ask") :], "[ask]\nat = [0, 0]", 13, "ask: must be tables, each under [[ask]]"),
        (
            CONV[CONV.index("[[ask") :],
            "ask = [{at = [0, 0]}, {at = [7, 7]}]",
            13,
            "at: y has the shape (1, 2); there is",
        ),
        ('title = """a text', 'title = 3\nb = """a text', 1, "title: must be a text in quotes"),
        (CONV, "", 1, "operation: missing"),
        (CONV, "\0", 1, "Invalid statement (column 1)"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_wrong_is_said_with_line_and_key(old, new, line, message, end):
    assert load(CONV).title
    assert old in CONV
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        load(CONV.replace(old, new, 1).replace("\n", end), "my.toml")
    assert str(error.value).startswith(f"my.toml, line {line}: {message}")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (CONV.encode("utf-16"), "my.toml, line 1: not UTF-8; save it as a text in UTF-8"),
        (CONV.replace("comment", "Ü").encode("latin-1"), "my.toml, line 17: not UTF-8; save it as a text in UTF-8"),
        (b"#" * 2_000_000, "my.toml: the file is larger than 1,000,000 bytes; an example has a few numbers"),
    ],
)
def test_what_is_no_text_is_said(tmp_path, monkeypatch, raw, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.toml").write_bytes(raw)
    with pytest.raises(ValueError, match=re.escape(message)):
        read("my.toml")


def test_files_that_cannot_be_read_are_said(tmp_path):
    with pytest.raises(ValueError, match=r"none.toml: No such file or directory"):
        read(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="Is a directory"):
        read(tmp_path)
    with pytest.raises(ValueError, match="null"):
        read("a\0b.toml")


def test_the_mark_that_editors_put_before_a_text_does_no_harm(tmp_path):
    (tmp_path / "my.toml").write_bytes(CONV.encode("utf-8-sig"))
    assert read(tmp_path / "my.toml").title == load(CONV).title


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 400_000) + " = 1",
        "\n".join(f"{'a.' * 500}b{k} = 1" for k in range(900)),
        "x = " + "[1," * 300_000,
        "x = " + "{a = " * 150_000,
        '"""\\' * 200_000,
        "'" * 999_999,
        'operation = "relu"\nx = [' + "1," * 400_000 + "]",
        'operation = "linear"\nx = [' + "[1]," * 40_000 + "]\nw = [" + "[1]," * 40_000 + "]",
        'operation = "conv2d"\nx = [[1]]\nw = [[1]]\npadding = 1000000000',
        'operation = "conv_transpose2d"\nx = [[1, 1]]\nw = [[1]]\nstride = 1000000000',
        'operation = "conv_transpose2d"\nx = [[1, 1]]\nw = [[1]]\nstride = 10000\noutput_padding = 9999',
        'operation = "max_pool2d"\nx = [[1]]\nkernel_size = 1000000\npadding = 500000',
        'operation = "relu"\nx = [' + "1," * 9000 + "]\n" + '[[ask]]\ngrad="x"\n' * 20_000,
        'operation = "batch_norm"\ntraining = true\neps = 0\nx = [[1], [1]]',
        'operation = "batch_norm"\ntraining = true\neps = -9\nx = [[1], [2]]',
    ],
    ids=lambda text: text[:30],
)
def test_bombs_are_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"^the example, line \d+: "):
        load(text)
    assert time.perf_counter() - start < 5  # at most a second where nothing else runs


# ---- written and read again

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
                padding = draw(st.sampled_from([0, 1, (0, 2), "same", "valid"]))
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
            case "linear":
                return byhand.linear(draw(arrays(2, C)), draw(arrays(O, C)), b)
            case "cross_entropy":
                reduction = draw(st.sampled_from(["mean", "sum", "none"]))
                return byhand.cross_entropy(draw(arrays(2, C)) / 1e4, [0, C - 1], reduction)
            case name:
                return getattr(byhand, name)(draw(arrays(2, C)) / 1e4)


@st.composite
def whole_examples(draw):
    explanation = draw(explanations())
    dy = draw(st.none() | arrays(*explanation.result.shape))
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


# ---- the built-in examples


def test_the_built_in_examples_say_what_is_true():
    found = {
        f"{name}: {ask.heading}": ask.of.result.tolist() if ask.at is None else round(ask.subject.value, 4)
        for name in examples.names()
        for ask in examples.built_in(name).asks
    }
    assert found == {
        "avgpool: y[0, 0]": 3.25,
        "avgpool: dx[0, 3]": 2,
        "batchnorm: y[0, 0]": -1.069,
        "batchnorm: running_mean[0]": 0.3,
        "batchnorm: running_var[0]": 1.3667,
        "conv3x3: y[0, 0, 0]": 37,
        "conv3x3: y[0, 1, 1]": 37,
        "conv3x3-padded: y[0, 1, 1]": 37,
        "conv3x3-padded: y[0, 0, 0]": -13,
        "input-gradient: dx[1, 1]": 5,
        "input-gradient: dx[2, 1]": 14,
        "input-gradient: dx[2, 2]": 36,
        "linear: y[0]": 0,
        "linear: dw[1, 0]": 10,
        "linear: dx[1]": 12.5,
        "maxpool: y[0, 1]": 7,
        "maxpool: y[1, 0]": 0,
        "maxpool: dx[1, 3]": 2,
        "maxpool: dx[2, 3]": 0,
        "relu: y[0]": 0,
        "relu: dx[0]": 0,
        "relu: dx[1]": -1,
        "softmax-cross-entropy: y": 0.4076,
        "softmax-cross-entropy: dx[0]": -0.3348,
        "softmax-cross-entropy: dx[1]": 0.2447,
        "stride: y[0, 0]": 3,
        "stride: y[1, 1]": 9,
        "stride: y": [[3, 11], [12, 9]],
        "transposed-overlap: y[2, 2]": 10,
        "transposed-overlap: y[2, 0]": 4,
        "transposed2x2: y[0, 0]": 1,
        "transposed2x2: y[3, 2]": 4,
        "weight-gradient: dw[0, 0]": 14,
        "weight-gradient: dw[1, 1]": 16,
        "weight-gradient: dw": [[14, 2], [7, 16]],
    }


@pytest.mark.parametrize("name", examples.names())
def test_the_built_in_examples_teach(name):
    text = (examples.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    example = examples.built_in(name)
    assert text.startswith("# ")
    assert 10 < len(example.title) < 100
    assert len(example.elements()) >= 2
    assert max(map(len, text.splitlines())) <= 120
    assert dump(load(dump(example))) == dump(example)


def test_a_name_that_is_none_gets_the_nearest():
    with pytest.raises(ValueError, match="no built-in example 'conv4x4'; did you mean 'conv3x3"):
        examples.find("conv4x4")
    with pytest.raises(ValueError, match="no built-in example 'zzz'; there is avgpool, batchnorm"):
        examples.find("zzz")


# ---- the commands


def run(capsys, *args):
    code = cli.main(list(args))
    out, err = capsys.readouterr()
    assert (err == "") == (code != 2)
    assert "Traceback" not in err
    return code, out + err


def test_byhand_shows_the_numbers_and_every_product(capsys):
    code, out = run(capsys, "byhand", "conv3x3")
    assert code == 0
    assert out.startswith("Two channels, one filter: 30 + 5 + bias = 35 + bias\n\nconv2d(stride=1, padding=0")
    assert "w = [[[[ 1  0 −1]\n       [ 1  0 −1]" in out
    assert "y = [[[37 37]\n      [37 37]]]" in out
    assert "  channel 1: 5×0 + 5×0 + 5×0 + 5×0 + 5×1 + 5×0 + 5×0 + 5×0 + 5×0 = 5\n" in out
    assert "y[0, 0, 0] = 30 + 5 + 2 (bias) = 37" in out
    assert "y[0, 1, 1] = 30 + 5 + 2 (bias) = 37" in out
    code, out = run(capsys, "byhand", "weight-gradient")
    assert "dw = [[14  2]\n      [ 7 16]]" in out
    assert out.count("dw[o,c,u,v] = Σ") == 2


def test_byhand_shows_one_element_on_request(capsys):
    _, out = run(capsys, "byhand", "conv3x3", "--at", "0,1,0")
    assert "y[0, 1, 0] = 30 + 5 + 2 (bias) = 37" in out
    assert "y[0, 0, 0] =" not in out
    _, out = run(capsys, "byhand", "conv3x3", "--grad=w", "--at=0,0,0,0")
    assert "dw[0, 0, 0, 0] = 1×10 + 1×10 + 1×10 + 1×10 = 40" in out
    _, out = run(capsys, "byhand", "input-gradient", "--grad=w")  # not asked for: the first one, with the file's dy
    assert "dw[0, 0] = 1×1 + 2×2 + 3×2 + 4×1 = 15" in out
    _, out = run(capsys, "byhand", "maxpool", "--grad=x")  # asked for
    assert "dx[1, 3] =" in out
    assert "dx[2, 3] =" in out
    assert "dx[0, 0] =" not in out


def test_byhand_writes_what_slides_and_notebooks_take(capsys, tmp_path):
    _, out = run(capsys, "byhand", "transposed-overlap", "--format=markdown", "--at=2,2")
    assert out.startswith("**y[2, 2]**, by ")
    assert "| channel 0 | x[1, 1] × w[0, 0] | 4×1 | 4 |" in out
    _, out = run(capsys, "byhand", "stride", "--format=latex", "--at=0,0")
    assert out.startswith("\\begin{aligned}\n")
    _, out = run(capsys, "byhand", "stride", "--format=html", "--grad=w")
    assert out.lower().startswith("<!doctype html>")
    files = tmp_path / "f.png", tmp_path / "f.gif"
    code, _ = run(capsys, "byhand", "stride", f"--figure={files[0]}", f"--animate={files[1]}")
    assert code == 0
    assert [file.read_bytes()[:4] for file in files] == [b"\x89PNG", b"GIF8"]


def test_the_list_names_every_example_and_its_title(capsys):
    _, out = run(capsys, "byhand", "--list")
    assert [line.split()[0] for line in out.splitlines()] == examples.names()
    assert "Stride 2: a 4×4 image becomes 2×2" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "byhand needs the name of an example or a file; tinyunet byhand --list shows the examples"),
        (["conv3x"], "there is no built-in example 'conv3x'; did you mean 'conv3x3'?"),
        (["none.toml"], "none.toml: No such file or directory"),
        (["conv3x3", "--at=5,5,5"], "y has the shape (1, 2, 2); there is no element (5, 5, 5) in it"),
        (["conv3x3", "--at="], "y has the shape (1, 2, 2); there is no element () in it"),
        (["conv3x3", "--grad=q"], "there is no gradient of conv2d's y with respect to 'q'; there is x, w, b"),
    ],
)
def test_byhand_says_what_is_wrong_in_a_line(capsys, args, message):
    assert run(capsys, "byhand", *args) == (2, f"tinyunet: error: {message}\n")


def test_an_index_that_is_none_is_a_wrong_use(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["byhand", "conv3x3", "--at=a,b"])
    assert stop.value.code == 2
    assert "argument --at: integers such as 0,1,1 are needed, not 'a,b'" in capsys.readouterr().err


BOUND = """\
operation = "conv2d"
stride = 2
x = [[1, 0.5, 2, 0], [0, 1.8, 0.1, -0.5], [2.5, 1, 1, 0], [0, 2, 3, 0.95]]
w = [[1, 1], [0, 2]]
[[ask]]
answer = [[5.1]]
"""
OVERLAP = """\
operation = "conv_transpose2d"
stride = 2
x = [[1, 2], [3, 4]]
w = [[1, 1, 1], [1, 1, 1], [1, 1, 1]]
[[ask]]
at = [2, 2]
answer = 4
"""
VARIANCE = """\
operation = "batch_norm"
training = true
x = [[1], [2], [3], [6]]
[[ask]]
at = [0, 0]
answer = -0.926
"""


@pytest.mark.parametrize(
    ("text", "heading", "mistake", "right"),
    [
        (BOUND, "y", "stride applied twice", "7.5"),
        (OVERLAP, "y[2, 2]", "overlaps overwritten", "10"),
        (VARIANCE, "y[0, 0]", "unbiased variance", "1.069"),
    ],
)
def test_check_names_mistakes_that_were_published(capsys, tmp_path, text, heading, mistake, right):
    path = tmp_path / "my.toml"
    path.write_text(text)
    code, out = run(capsys, "check", str(path))
    assert code == 1
    first, verdict = out.split("\n", 1)
    assert first == f"{path}:"
    assert verdict.startswith(f"{heading}: not right: ")
    assert mistake in verdict
    assert right not in verdict
    result = load(text).asks[0].subject
    answer = result.result.tolist() if heading == "y" else round(result.value, 4)
    path.write_text(re.sub(r"answer = .*", f"answer = {answer}", text))
    assert run(capsys, "check", str(path)) == (0, f"{path}:\n{heading}: right\n")


WRITTEN = re.compile(r"[−-]?\d+[./]\d+(?:e[−+]\d+)?")  # whole numbers are also indices and counts


def slips(element):
    """Answers with a slip in a term, with digits cut off, and with no known mistake."""
    for term in getattr(element.steps[-1], "terms", ()):
        yield from (element.value + times * term.value for times in (-2, -1, 1))
        yield element.value - term.value + sum(factor.value for factor in term.factors)
    yield Digits(f"{element.value:.9f}"[:-6])
    yield element.value + 1000.5


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_verdict_says_what_is_right(name):
    example, _ = lab._example({"operation": name} | lab._fields(name)["form"])
    rng = np.random.default_rng(0)
    given = {  # such that what is right is said for no other reason
        key: array if key == "target" else rng.uniform(1, 6, array.shape).round(3)
        for key, array in example.explanation.arrays.items()
    }
    y = getattr(byhand, name)(**given, **example.explanation.operation.settings)
    example = Example(y, dy=rng.uniform(1, 6, y.result.shape).round(3))
    known = {write(value) for array in [*given.values(), example.dy] for value in array.flat}
    explained = 0
    for what in y.operation.quantities():
        of = example.of(what[1:]) if what.startswith("d") else example.of(updated=what if what != "y" else None)
        dy = example.dy.reshape(y.operation.result().shape)
        wrong = [array for _, array in wrong_answers(y.operation, what, dy)]
        checked = [(of, answer) for answer in [*wrong, of.result + 1000.5, of.result[..., None, None], 7]]
        for element in itertools.islice(of, 4):
            same = [array.reshape(of.result.shape)[element.index] for array in wrong if array.size == of.result.size]
            checked += [(element, float(answer)) for answer in same]
            checked += [(element, answer) for answer in slips(element)]
        for subject, answer in checked:
            verdict = subject.check(answer)
            right = {write(value) for value in (of.result.flat if subject is of else [subject.value])}
            mine = {write(value) for value in read_array(answer)[0].flat}
            assert verdict.right or not (right - known - mine) & set(WRITTEN.findall(verdict.text)), verdict.text
            explained += bool(verdict.mistakes)
    assert explained


def test_check_takes_several_files_and_needs_answers(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    right = OVERLAP.replace("answer = 4", "answer = 10")
    for name, text in (("right", right), ("wrong", OVERLAP), ("part", f"{right}[[ask]]\nat = [0, 0]\n")):
        (tmp_path / f"{name}.toml").write_text(text)
    (tmp_path / "none.toml").write_text(right.replace("answer = 10", ""))
    (tmp_path / "bad.toml").write_text(right.replace("at = [2, 2]", "at = [2, 5]"))
    assert run(capsys, "check", "right.toml", "right.toml")[0] == 0
    code, out = run(capsys, "check", "right.toml", "wrong.toml")
    assert code == 1
    assert out.startswith("right.toml:\ny[2, 2]: right\nwrong.toml:\ny[2, 2]: not right: y[2, 2] = 4. ")
    assert run(capsys, "check", "part.toml") == (1, "part.toml:\ny[2, 2]: right\ny[0, 0]: no answer yet\n")
    message = "none.toml, line 5: ask: there is no answer to check; write answer = … under an [[ask]]"
    assert run(capsys, "check", "right.toml", "none.toml") == (2, f"tinyunet: error: {message}\n")
    message = "bad.toml, line 6: at: y has the shape (5, 5); there is no element (2, 5) in it"
    assert run(capsys, "check", "bad.toml") == (2, f"tinyunet: error: {message}\n")


def test_the_examples_in_docstring_and_help_work(capsys):
    with pytest.raises(SystemExit):
        cli.main(["byhand", "--help"])
    for text in (example.__doc__, capsys.readouterr().out):
        lines = text[text.index("  title =") :].splitlines()
        loaded = load("\n".join(line.strip() for line in lines if not line or line.startswith("  ")))
        assert loaded.title
        assert loaded.dy is not None
        assert 'or updated = "running_mean"' in text
        assert [ask.heading for ask in loaded.asks] == ["y[0, 1]", "dw[0, 0]"]
        assert loaded.asks[0].check().right


MUTANTS = {
    "byhand.mistakes.diagnosis:check_element": [
        ("a verdict says it", " = {write(given.value)}", " = {write(given.value)}, not {write(element.value)}"),
    ],
    "byhand.examples.source:Source._line_at": [
        ("lines are counted from 0", 'self.text.count("\\n", 0, place) + 1', 'self.text.count("\\n", 0, place)'),
    ],
    "byhand.examples.source:Source._line_of": [
        ("all errors are in the first [[ask]]", "[ask : ask + 1]", "[:1]"),
    ],
}
