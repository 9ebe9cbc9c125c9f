"""The lab computes what the page asks for, and says clearly what is wrong."""

import itertools
import json
import re

import numpy as np
import pytest

from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.grids import write_grid
from tinyunet.byhand.arithmetic.numbers import read_array
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.lab import forms, server

X = "10 10 0 0\n" * 4 + "\n" + "5 5 5 5\n" * 4
W = "1 0 -1\n" * 3 + "\n0 0 0\n0 1 0\n0 0 0"
ARTICLE = {"operation": "conv2d", "arrays": {"x": X, "w": W, "b": "2"}, "settings": {"padding": "1"}}


def posted(path, form):
    """Status and answer."""
    status, kind, body = server.answer("POST", path, json.dumps(form).encode())
    assert kind == "application/json"
    return int(status), json.loads(body)


def test_the_article():
    status, found = posted("/work", ARTICLE)
    assert status == 200
    view = found["view"]
    lines = [view["texts"][view["steps"][element[0]]["line"]] for element in view["elements"]]
    assert "y[0, 1, 1] = 30 + 5 + 2 (bias) = 37" in lines
    assert found["quantities"] == ["y", "dx", "dw", "db"]
    assert examples.load(found["toml"]).explanation.result[0, 1, 1] == 37
    for text, right, part in [("37", True, "right"), ("35", False, "bias forgotten"), ("36", False, "not right")]:
        status, found = posted("/check", ARTICLE | {"at": [0, 1, 1], "answer": text})
        assert (status, found["right"]) == (200, right)
        assert part in found["text"]
        assert "37" not in found["text"]
        assert examples.load(found["toml"]).asks[0].answer == text


def test_a_whole_map_and_a_gradient():
    of = ARTICLE | {"what": "dw", "dy": "1 0 0 0\n0 0 0 0\n0 0 0 0\n0 0 0 0"}
    true = examples.load(posted("/work", of)[1]["toml"]).asks[0].of
    assert true.what == "dw"
    answer = write_grid(true.result.astype(int).tolist())
    assert posted("/check", of | {"at": None, "answer": answer})[1]["right"]
    turned = write_grid(true.result[:, :, ::-1, ::-1].astype(int).tolist())
    found = posted("/check", of | {"at": None, "answer": turned})[1]
    assert not found["right"]
    assert "kernel flipped" in found["text"]
    ask = examples.load(found["toml"]).asks[0]
    assert (ask.of.what, ask.at) == ("dw", None)
    np.testing.assert_array_equal(read_array(ask.answer)[0], true.result[:, :, ::-1, ::-1])


@pytest.mark.parametrize("name", examples.names())
def test_examples_come_through_the_fields_unchanged(name):
    text = (examples.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    status, form = posted("/load", {"toml": text})
    assert status == 200
    again = examples.load(posted("/work", form)[1]["toml"])
    example = examples.load(text)
    assert again.explanation.operation.name == example.explanation.operation.name
    assert again.explanation.operation.settings == example.explanation.operation.settings
    for key, array in example.explanation.arrays.items():
        np.testing.assert_array_equal(again.explanation.arrays[key], array)
    if example.asks:
        np.testing.assert_array_equal(
            (again.asks[0].of if again.asks else again.explanation).result, example.asks[0].of.result
        )


def test_every_operation_starts_with_numbers_that_work():
    found = forms.operations()
    assert list(found["operations"]) == list(OPERATIONS)
    for name, fields in found["operations"].items():
        status, result = posted("/work", {"operation": name} | fields["form"])
        assert status == 200
        for what in result["quantities"]:
            assert posted("/work", {"operation": name} | fields["form"] | {"what": what})[0] == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operation": "conv3d"}, "operation: there is no 'conv3d'; did you mean 'conv2d'"),
        ({"arrays": {"x": X}}, "w: missing; conv2d needs it"),
        ({"arrays": {"x": "1 2 3\n4 5 6", "w": "1 2 3\n1 2"}}, "^w: row 2 has 2 numbers, row 1 has 3$"),
        (
            {"arrays": {"x": "1 2\n\n3 4\n5", "w": "1"}},
            "^x: row 2 of channel 2 has 1 number, row 1 has 2$",
        ),
        ({"arrays": {"x": "1 2\n\n3 4\n5 6", "w": "1"}}, "^x: channel 2 has 2 rows, channel 1 has 1$"),
        ({"arrays": {"x": "1 2\n\n3 4 5", "w": "1"}}, "^x: channel 2 has rows of 3 numbers, channel 1 has rows of 2$"),
        ({"arrays": {"x": X, "w": "1"}}, "^x has 2 channels but w of 1×1×1×1 expects 1"),
        ({"arrays": {"x": "1 2\n3 4", "w": X}}, r"^x has 1 channel but w of 1×2×4×4 expects 2"),
        ({"arrays": {"x": X, "w": W, "b": "1 2"}}, "^b of 2 numbers for 1 output channel"),
        ({"arrays": {"x": "1, 2,5", "w": "1"}}, "x: what a comma stands for is unclear"),
        ({"what": "dw", "dy": "1;2"}, "dy: a ; ends a row"),
        ({"arrays": {"x": "1 2\n3 four", "w": "1"}}, "x: 'four' is not a number"),
        ({"arrays": {"x": "[[1, 2]", "w": "1"}}, r"x: there is a \[ without its \]"),
        ({"arrays": {"x": "1 " * 20_000, "w": "1"}}, "too many for the lab"),
        ({"arrays": {"x": "1", "w": "1"}, "settings": {"padding": "9999"}}, "^too much to work out"),
        ({"settings": {"stride": "0"}}, "^s: stride must be at least 1, not 0$"),
        ({"settings": {"padding": "some"}}, "^p: padding must be 'same', 'valid', an integer or a pair, not 'some'$"),
        ({"settings": {"padding": "1, 2, 3"}}, "^p: padding must be .* not 1×2×3$"),
        (
            {"settings": {"dilation": "2"}},
            "^w: a kernel of 3×3 .dilation 2×2. spans more than x of 4×4 with its padding 0×0$",
        ),
        ({"settings": {"training": "true"}}, "no such key"),
        ({"what": "dv"}, "^dv: there is none here; there is y, dx, dw, db$"),
        ({"what": "dw", "dy": "1 2"}, "^dy has the shape 1×1×2; it must have that of y, 1×4×4$"),
        ({"arrays": [1]}, "arrays: must be texts by name, not list"),
        ({"dy": 1}, "dy: must be a text, not int"),
    ],
)
def test_wrong_fields_are_named(change, message):
    status, found = posted("/work", ARTICLE | change)
    assert status == 400
    assert re.search(message, found["error"])
    assert not re.search(r"line \d", found["error"])  # nobody wrote a file
    assert not re.search(r"input|weight|conv2d: |\(\d+,", found["error"])  # nor Python
    named = re.match(r"\w+", found["error"])[0]
    if named in {"x", "w", "b", "dy"}:
        assert found.get("field", named) == named


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"at": [0, 1, 1], "answer": "1 2"}, "'1 2' is not a number"),
        ({"at": [0, 1, 1], "answer": "36,500"}, "write a decimal with a point"),
        ({"at": None, "answer": "36,5; 2,5"}, "a ; ends a row"),
        ({"at": [0, 1, 1], "answer": "x"}, "'x' is not a number"),
        ({"at": [0, 9, 1], "answer": "1"}, "there is no element"),
        ({"at": "x", "answer": "1"}, "at: must be a list"),
        ({"at": None, "answer": "1 2 ... 3"}, "some numbers are left out"),
    ],
)
def test_wrong_answers_to_read(more, message):
    status, found = posted("/check", ARTICLE | more)
    assert status == 400
    assert message in found["error"]


def test_a_wrong_file_is_named_with_its_line():
    status, found = posted("/load", {"toml": 'operation = "relu"\nx = [1,\n'})
    assert status == 400
    assert "the text, line" in found["error"]


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        *itertools.product([[0, 0, 0], None], ["", "  \n ", "?", "…", "none"]),
        (None, "? ?\n? ?"),
        (None, "37 ?\n37 37"),
        (None, "37 37\n37"),
        (None, "37,,\n37,37"),
        (None, "[[37, None], [37, 37]]"),
    ],
)
def test_what_is_unfinished_is_no_error(at, answer):
    status, found = posted("/check", ARTICLE | {"settings": {}, "at": at, "answer": answer})
    assert (status, found["right"], found["open"]) == (200, False, True)
    assert found["text"].startswith("not answered yet")
    assert not examples.load(found["toml"]).asks[0].check().right


def test_an_unfinished_answer_may_be_wrong():
    status, found = posted("/check", ARTICLE | {"settings": {}, "at": None, "answer": "37 ?\n37 36"})
    assert (status, found["right"], found["open"]) == (200, False, False)


@pytest.mark.parametrize("answer", ["36,5", "36.5", "73/2"])
def test_a_decimal_comma_is_a_point(answer):
    found = posted("/check", {"operation": "relu", "arrays": {"x": "36,5 1,25\n2 3"}, "at": [0, 0], "answer": answer})[
        1
    ]
    assert found["right"]


def test_a_decimal_in_a_setting_has_a_point_or_a_comma():
    form = {"operation": "batch_norm", "arrays": {"x": "1\n2\n3\n6"}, "settings": {"training": "true"}}
    points, commas = (posted("/work", form | {"settings": {"training": "true", "eps": eps}}) for eps in ("0.5", "0,5"))
    assert points == commas
    assert points[0] == 200
    assert "eps = 0.5" in points[1]["toml"]


def test_fields_are_called_as_in_the_formula():
    fields = forms.operations()["operations"]
    assert fields["conv2d"]["symbols"] == {"stride": "s", "padding": "p", "dilation": "d"}
    for name, operation in OPERATIONS.items():
        formula = " ".join(text for text, _ in operation.formulas.values())
        for argument, letter in fields[name]["symbols"].items():
            assert argument not in operation.parameters or re.search(rf"(?<![a-z]){letter}", formula)


MUTANTS = {
    "byhand.lab.forms:_even": [
        ("rows are compared with the last", "zip(shape, shapes[0]", "zip(shape, shapes[-1]"),
        ("rows are counted from 0", "{k + 1}{place}", "{k}{place}"),
    ],
    "byhand.lab.forms:wrong": [
        ("settings keep Python's names", "if field in operation.symbols", "if not field"),
        ("x is called input", 'for word in ("input", "weight", "bias")', 'for word in ("weight", "bias")'),
    ],
    "byhand.lab.forms:_setting": [
        ("a decimal comma parts numbers", 'if kind == "float"', "if not kind"),
    ],
    "byhand.lab.forms:check": [
        ("no answer is wrong", "startswith(MISSING.text)", "startswith('?')"),
    ],
}
