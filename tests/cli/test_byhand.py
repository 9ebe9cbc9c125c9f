"""The commands `byhand`, `check`, `worksheet` and `lab`."""

import re

import pytest

from tests.byhand.worksheets.drawn import ALL, questions
from tests.byhand.worksheets.test_grading import right_answers
from tinyunet import cli
from tinyunet.byhand import examples, worksheets
from tinyunet.byhand.examples import load
from tinyunet.byhand.lab import forms, server
from tinyunet.byhand.worksheets.levels import LEVELS


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


def test_byhand_writes_documents(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = examples.built_in("stride")
    elements = example.elements("w")
    for name, text in (("a.html", example.html), ("a.tex", example.latex), ("a.md", example.markdown)):
        assert run(capsys, "byhand", "stride", "--grad=w", f"--out={name}") == (0, "")
        assert (tmp_path / name).read_text(encoding="utf-8") == text(elements)
    assert run(capsys, "byhand", "stride", "--out=b.TXT", "--figure=b.svg") == (0, "")
    assert run(capsys, "byhand", "stride")[1] == (tmp_path / "b.TXT").read_text(encoding="utf-8")
    assert {file.name for file in tmp_path.iterdir()} == {"a.html", "a.tex", "a.md", "b.TXT", "b.svg"}


def test_the_list_names_every_example_and_its_title(capsys):
    _, out = run(capsys, "byhand", "--list")
    assert [line.split()[0] for line in out.splitlines()] == [*examples.names(), *examples.chains()]
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
    assert run(capsys, "check", "part.toml") == (1, "part.toml:\ny[2, 2]: right\ny[0, 0]: not answered yet\n")
    message = "none.toml, line 5: ask: there is no answer to check; write answer = … under an [[ask]]"
    said = f"right.toml:\ny[2, 2]: right\ntinyunet: error: {message}\n"  # the other file is checked all the same
    assert run(capsys, "check", "none.toml", "right.toml") == (2, said)
    message = "bad.toml, line 6: at: y has the shape (5, 5); there is no element (2, 5) in it"
    assert run(capsys, "check", "bad.toml") == (2, f"tinyunet: error: {message}\n")


def test_the_examples_in_docstring_and_help_work(capsys):
    with pytest.raises(SystemExit):
        cli.main(["byhand", "--help"])
    for text in (examples.__doc__, capsys.readouterr().out):
        lines = text[text.index("  title =") :].split("\nExamples of several")[0].splitlines()
        loaded = load("\n".join(line.strip() for line in lines if not line or line.startswith("  ")))
        assert loaded.title
        assert loaded.dy is not None
        assert 'or updated = "running_mean"' in text
        assert [ask.heading for ask in loaded.asks] == ["y[0, 1]", "dw[0, 0]"]
        assert loaded.asks[0].check().right


# ---- worksheets


def test_a_sheet_is_written_and_graded(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["worksheet", "--list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("conv2d: Convolution\n  1  one channel")
    assert len(out.splitlines()) == len(LEVELS) + len(ALL)

    made = ["worksheet", "conv2d", "--seed=7", "--problems=2", "--level=2"]
    assert cli.main([*made, "--out=sheet.md", "--key=key.html"]) == 0
    assert capsys.readouterr().out == ""
    sheet = (tmp_path / "sheet.md").read_text(encoding="utf-8")
    assert "check --sheet conv2d:7:2:2 answers.txt" in sheet
    assert {file.name for file in tmp_path.iterdir()} == {"sheet.md", "key.html"}
    for printed in (made, [*made, "--key=key.html"]):  # the sheet
        assert cli.main(printed) == 0
        assert capsys.readouterr().out == sheet

    a, b, whole = right_answers()
    assert cli.main(["check", "--sheet", "conv2d:7:2:2", f"1a={a}", f"1b={b}", f"2={whole}"]) == 0
    assert capsys.readouterr().out == "1a: right\n1b: right\n2: right\n3 right of 3\n"
    answers = questions(worksheets.sheet("conv2d", 7, 2, 2))[2].wrong()
    flipped = next(answer.tolist() for mistake, answer in answers if mistake.name == "kernel flipped")
    (tmp_path / "answers.txt").write_text(f"1a = {a}\n2 = {flipped}\n".replace("−", "-"))
    assert cli.main(["check", "--sheet", "conv2d:7:2:2", "answers.txt"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1a: right\n1b: not answered yet\n2: not right: ")
    assert "kernel flipped" in out
    assert out.endswith("1 right of 3\n")
    assert cli.main(["check", "--sheet", "conv2d:7:2", f"1a={a}", f"1b={b}", f"2={whole}"]) == 1  # of six problems
    assert capsys.readouterr().out.endswith("\n6: not answered yet\n3 right of 8\n")
    assert cli.main(["worksheet", "conv2d", "--out=both.md", "--key=./both.md"]) == 2
    assert "--out and --key are the same file" in capsys.readouterr().err


def test_every_student_is_graded(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a, b, whole = right_answers()
    (tmp_path / "ada.txt").write_text(f"Name: Ada\n1a = {a}\n1b: {b}\n2 = {whole}\n", encoding="utf-8")
    (tmp_path / "bob.txt").write_text(f"Name: Bob\n1a = {a}\n1b = 2x\n7 = 3\n2 = ?\n", encoding="utf-8")
    sheet = ["check", "--sheet", "conv2d:7:2:2"]
    assert run(capsys, *sheet, "ada.txt") == (0, "1a: right\n1b: right\n2: right\n3 right of 3\n")
    code, out = run(capsys, *sheet, "ada.txt", "bob.txt")
    assert code == 1
    assert out == (
        "ada.txt:\n1a: right\n1b: right\n2: right\n3 right of 3\n"
        "bob.txt:\nline 4: 7: there is no such answer on conv2d:7:2:2; there is 1a, 1b, 2\n1a: right\n"
        "1b: cannot be read (line 3): '2x' is not a number such as 35, -0.248 or 1/3\n2: not answered yet\n"
        "1 right of 3\n"
    )
    code, out = run(capsys, *sheet, "eve.txt", "ada.txt")
    assert code == 2
    assert out.startswith("ada.txt:\n1a: right\n")
    assert "error: 'eve.txt': there is no such file" in out
    code, out = run(capsys, *sheet, "ada.txt", "bob.txt", "1a=3")
    assert code == 2
    assert "whose answer is 1a=3?" in out


def test_a_decimal_comma_is_one_in_every_place():
    sheet = worksheets.sheet("avg_pool2d", 7, 2, 2)
    right = f"{sheet.questions['2'].answer.item():.2f}".replace(".", ",")
    assert worksheets.grade(sheet.code, [f"2={right}"])["2"]
    fields = {"operation": "relu", "arrays": {"x": "0,5 1,5"}, "settings": {}}
    assert forms.check(fields | {"at": [0], "answer": "0,5"})["right"]
    assert forms.check(fields | {"at": None, "answer": "0,5 1,5"})["right"]
    assert forms.check(fields | {"arrays": {"x": "0.5"}, "at": None, "answer": "0,5"})["right"]
    assert load('operation = "relu"\nx = [0.5]\n[[ask]]\nat = [0]\nanswer = "0,5"').asks[0].check()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["worksheet"], "worksheet needs a topic"),
        (["worksheet", "conv3d"], "there is no topic 'conv3d'"),
        (["worksheet", "relu", "--out=sheet.doc"], "a worksheet is written as"),
        (["check", "--sheet", "conv2d:7", "1=3"], "the code of a sheet is"),
        (["check", "--sheet", "", "1=3"], "the code of a sheet is"),
        (["check", "--sheet", "conv2d:7:2", "1a=x"], "1a: 'x' is not a number"),
    ],
)
def test_what_is_wrong_with_a_sheet_is_said_in_a_line(arguments, message, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tinyunet: error: ")
    assert message in err
    assert err.count("\n") == 1


# ---- the lab


def test_the_command_ends_well_with_ctrl_c(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(
        server.ThreadingHTTPServer, "serve_forever", lambda server: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert cli.main(["lab", "--no-browser"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"http://127\.0\.0\.1:\d+/", printed)
    assert "Stopped." in printed
    assert opened == []
    server.serve()
    assert opened == re.findall(r"http://127\.0\.0\.1:\d+/", capsys.readouterr().out)


def test_a_port_that_is_taken(capsys):
    with server.server(0) as taken:
        assert cli.main(["lab", "--no-browser", "--port", str(taken.server_port)]) == 2
    assert "--port 0 finds a free one" in capsys.readouterr().err
    assert cli.main(["lab", "--no-browser", "--port", "70000"]) == 2
