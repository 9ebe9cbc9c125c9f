"""Examples of several operations in files: read, worked out, checked step by step, and refused with line and key."""

import pytest

from tinyunet import byhand, cli
from tinyunet.byhand import examples
from tinyunet.byhand.examples import steps
from tinyunet.byhand.examples.source import Source
from tinyunet.byhand.mistakes.chain import Follows

TWO = """\
title = "Two steps"
x = [[1, 2, 0], [3, 4, 1]]

[[step]]
operation = "conv2d"
w = [[1, -1]]
b = [-2]

[[step]]
operation = "relu"
"""

ANSWERS = """
[[ask]]
step = 1
answer = [[-1, 2], [-1, 3]]

[[ask]]
step = 2
at = [0, 1]
answer = 2

[[ask]]
step = 1
grad = "w"
"""


def read(text):
    return steps.from_source(Source(text, "steps.toml"))


def test_what_the_docstring_shows():
    text = "\n".join(line[4:] for line in steps.__doc__.splitlines() if line.startswith("    ") or not line)
    found = read(text)
    assert [ask.heading for ask in found.asks] == ["step 1, y", "step 2, y[0, 1]", "step 1, dw"]
    first, second, third = (ask.check() for ask in found.asks)
    assert [mistake.name for mistake in first.mistakes] == ["bias forgotten"]
    assert isinstance(second, Follows)
    assert str(second) == "follows rightly from your step 1; the mistake is there"
    assert str(third) == "not answered yet"


def test_the_operations_are_those_that_a_user_calls():
    found = read(TWO + ANSWERS)
    y = byhand.conv2d([[1, 2, 0], [3, 4, 1]], [[1, -1]], [-2])
    z = byhand.relu(y)
    assert [step.result.tolist() for step in found.chain][:2] == [y.result.tolist(), z.result.tolist()]
    dw = y.grad("w", z.grad("x"))
    assert found.asks[2].of.result.tolist() == dw.result.tolist()
    with_dy = read(f"dy = [[5, 6], [7, 8]]\n{TWO + ANSWERS}")
    assert with_dy.asks[2].of.result.tolist() == y.grad("w", z.grad("x", [[5, 6], [7, 8]])).result.tolist()


def test_without_questions_all_results_are_asked_for():
    found = read(TWO)
    assert [ask.heading for ask in found.asks] == ["step 1, y", "step 2, y"]
    assert len(found.chain) == 2
    text = found.text(found.elements())
    assert text.startswith("Two steps\n\nstep 1: y = conv2d(x, w, b)\nx = [[1 2 0]")
    assert "step 2: y = relu(x), where x is the y of step 1\ny = [[0 0]" in text
    assert "  y[0, 0] = max(0, −3) = 0" in text
    assert [element.symbol.text for element in found.elements()] == ["y[0, 0]"] * 2


def test_a_page_of_all_steps():
    html = read(TWO).html()
    assert html.startswith("<!doctype html>")
    assert html.count("<iframe") == 2
    assert '<iframe title="step 2: y = relu(x), where x is the y of step 1"' in html


def test_the_built_in_examples_say_what_is_true():
    found = {
        f"{name}: {ask.heading}": round(ask.of.at(*ask.at).value, 4) if ask.at is not None else ask.of.result.tolist()
        for name in examples.chains()
        for ask in examples.find(name).asks
    }
    assert found == {
        "cnn: step 1, y[0, 0]": 5,
        "cnn: step 3, y[1, 0]": 1,
        "cnn: step 5, y[0]": 13,
        "cnn: step 3, dx[0, 0]": 0,
        "cnn: step 1, dw[0, 0]": -1,
        "noise-and-back: step 1, y[0]": 0.6,
        "noise-and-back: step 2, y[0]": 2.2,
        "noise-and-back: step 3, y[0]": 5,
        "two-layers: step 1, y": [3, -1, 1],
        "two-layers: step 4, y": 0.1269,
        "two-layers: step 3, dw[0, 0]": -0.3576,
        "two-layers: step 2, dx[1]": 0,
        "two-layers: step 1, dw[2, 1]": 0.2384,
    }


@pytest.mark.parametrize("name", examples.chains())
def test_the_built_in_examples_teach(name):
    text = (examples.FOLDER / "chains" / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert 10 < len(examples.find(name).title) < 100
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"relu"', '"rellu"', 10, "operation: there is no 'rellu'; did you mean 'relu'? (in step 2)"),
        ("w = [[1, -1]]", "v = [[1, -1]]", 6, "v: no such key; there is operation, x, w, b"),
        ("w = [[1, -1]]\n", "", 4, "w: missing; conv2d needs it (in step 1)"),
        ("b = [-2]", "b = [-2, 1]", 7, "(in step 1)"),
        ('"relu"', '"relu"\nx = [1]', 11, "x: a step works on the result of the one before it (in step 2)"),
        ("x = [[1, 2, 0], [3, 4, 1]]\n", "", 3, "x: missing"),
        ("step = 2", "step = 3", 17, "step: must be the number of a step, 1 to 2"),
        ("step = 2\n", "", 16, "step: must be the number of a step, 1 to 2"),
        ("at = [0, 1]", "at = [0, 2]", 18, "at: y has the shape (2, 2); there is no element (0, 2) in it"),
        ('grad = "w"', 'grad = "v"', 23, "grad: there is no gradient of conv2d with respect to 'v'; there is w, b, x"),
        ('grad = "w"', 'updated = "w"', 23, "updated: no such key"),
        ("title =", "titel =", 1, "titel: no such key; did you mean 'title'?"),
        ("x = [[1", "dy = [1, 2]\nx = [[1", 2, "dy: dy has the shape (2,); it must have that of y, (2, 2)"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_key(old, new, line, message):
    text = TWO + ANSWERS
    assert old in text
    with pytest.raises(ValueError, match=rf"^steps.toml, line {line}: ") as error:
        read(text.replace(old, new, 1))
    assert message in str(error.value)


def test_too_many_steps():
    with pytest.raises(ValueError, match="more than 20 steps"):
        read(TWO + '[[step]]\noperation = "relu"\n' * 20)
    with pytest.raises(ValueError, match="step: must be tables"):
        read("x = 1\nstep = 3")


def test_the_command_shows_and_checks_them(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["byhand", "cnn"]) == 0
    out = capsys.readouterr().out
    assert "\n\ndx of step 2: relu, where dy is the dx of step 3\ndx = [[ 0  0  0  0]" in out
    assert cli.main(["byhand", "cnn", "--format=html"]) == 0
    assert capsys.readouterr().out.count("<iframe") == 14
    assert cli.main(["byhand", "cnn", "--format=latex"]) == 0
    assert capsys.readouterr().out.count(r"\begin{aligned}") == 5
    for name, start, part in (
        ("a.md", "# Convolution, ReLU", "\n\nstep 2: y = relu(x), where x is the y of step 1\n\n```text\ny = [[5 2"),
        ("a.tex", "\\documentclass", "\\subsection*{step 2: y = relu(x)"),
        ("a.txt", "Convolution, ReLU", "\n\nstep 2: y = relu(x)"),
        ("a.html", "<!doctype html>", "step 2: y = relu(x)"),
    ):
        assert cli.main(["byhand", "cnn", f"--out={name}"]) == 0
        written = (tmp_path / name).read_text(encoding="utf-8")
        assert written.startswith(start)
        assert part in written
    assert capsys.readouterr().out == ""
    assert cli.main(["byhand", "cnn", "--at=0,0"]) == 2
    assert "here [[ask]] says what to work out" in capsys.readouterr().err
    (tmp_path / "answers.toml").write_text(TWO + ANSWERS)
    assert cli.main(["check", "answers.toml"]) == 1
    out = capsys.readouterr().out
    assert "\nstep 2, y[0, 1]: follows rightly from your step 1; the mistake is there\n" in out
    assert out.endswith("step 1, dw: not answered yet\n")
    (tmp_path / "none.toml").write_text(TWO)
    assert cli.main(["check", "none.toml"]) == 2
    assert "there is no answer to check" in capsys.readouterr().err
    assert cli.main(["byhand", "cnnn"]) == 2
    assert "did you mean 'cnn'?" in capsys.readouterr().err


MUTANTS = {
    "byhand.examples.steps:_steps": [
        ("every step works on x", "if k == 0 and", "if"),
        ("dy is not read", 'numbers(given["dy"]) if "dy" in given else None', "None"),
    ],
    "byhand.examples.steps:_asks": [
        ("step numbers from 0", "chain[number - 1]", "chain[number % len(chain)]"),
    ],
    "byhand.examples.source:Source._line_of": [
        ("steps and questions are counted together", "if match[1] == table", ""),
    ],
}
