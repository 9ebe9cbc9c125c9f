"""The lab computes what the page asks for, and says clearly what is wrong."""

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
        ({"arrays": {"x": "1 2\n3", "w": "1"}}, "x: rows must have the same length; here the lengths are 1 and 2"),
        ({"arrays": {"x": "1, 2,5", "w": "1"}}, "x: what a comma stands for is unclear"),
        ({"what": "dw", "dy": "1;2"}, "dy: a ; ends a row"),
        ({"arrays": {"x": "1 2\n3 four", "w": "1"}}, "x: 'four' is not a number"),
        ({"arrays": {"x": "[[1, 2]", "w": "1"}}, r"x: there is a \[ without its \]"),
        ({"arrays": {"x": "1 " * 20_000, "w": "1"}}, "too many for the lab"),
        ({"arrays": {"x": "1", "w": "1"}, "settings": {"padding": "9999"}}, "operation: too "),
        ({"settings": {"stride": "0"}}, "stride must be at least 1"),
        ({"settings": {"padding": "some"}}, "padding"),
        ({"settings": {"training": "true"}}, "no such key"),
        ({"what": "dv"}, "no gradient of conv2d's y with respect to 'v'; there is x, w, b"),
        ({"what": "dw", "dy": "1 2"}, r"dy has the shape \(1, 1, 2\); it must have that of y, \(1, 4, 4\)"),
        ({"arrays": [1]}, "arrays: must be texts by name, not list"),
        ({"dy": 1}, "dy: must be a text, not int"),
    ],
)
def test_wrong_fields_are_named(change, message):
    status, found = posted("/work", ARTICLE | change)
    assert status == 400
    assert re.search(message, found["error"])
    assert not re.search(r"line \d", found["error"])  # nobody wrote a file


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"at": [0, 1, 1], "answer": ""}, "there is no answer yet"),
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
