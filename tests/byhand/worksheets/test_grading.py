"""Answers are graded as people write them, on a command line and in files; what cannot be read is said clearly."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.byhand.worksheets.drawn import every, questions, sheets, wrong
from tinyunet.byhand import worksheets
from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.paper.content import written
from tinyunet.byhand.worksheets.problems import LISTED


@every
def test_answers_are_graded_as_they_are_written_in_the_key(topic, level):
    (sheet,) = sheets(topic, level, [5])
    right = {q.label: f"{q.label}={written(q.answer)}" for q in questions(sheet)}
    assert all(worksheets.grade(sheet.code, list(right.values())).values())
    for question in questions(sheet):
        for mistake, answer in wrong(question):
            others = [text for label, text in right.items() if label != question.label]
            verdicts = worksheets.grade(sheet.code, [*others, f"{question.label}={written(answer)}"])
            assert [label for label, verdict in verdicts.items() if not verdict] == [question.label]
            named = {m.name for m in verdicts[question.label].mistakes}
            assert mistake.name in named
            assert mistake.name not in LISTED or named & LISTED == {mistake.name}


def right_answers():
    """Of the first two problems of conv2d:7:2, as texts."""
    return [written(question.answer) for question in questions(worksheets.sheet("conv2d", 7, 2, 2))]


def test_what_is_not_answered_is_missing(tmp_path):
    a, _, whole = right_answers()
    (tmp_path / "answers.txt").write_text("1a =\n1b =   # later\n", encoding="utf-8")
    verdicts = worksheets.grade("conv2d:7:2", [str(tmp_path / "answers.txt"), f"1a={a}", f"2={whole}", "3="])
    assert list(verdicts) == ["1a", "1b", "2", "3", "4", "5a", "5b", "6"]
    assert [label for label, verdict in verdicts.items() if verdict] == ["1a", "2"]
    assert {str(verdict) for label, verdict in verdicts.items() if label not in ("1a", "2")} == {"not answered yet"}
    (tmp_path / "answers.txt").write_text("")
    assert not any(worksheets.grade("conv2d:7:2:2", [str(tmp_path / "answers.txt")]).values())


def complaint(call, *arguments):
    """The message of the only error that may be raised."""
    try:
        call(*arguments)
    except ValueError as error:
        return str(error)
    return ""


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"[a-z0-9_]+(:[0-9]+){2,3}", fullmatch=True)))
def test_any_text_is_a_code_or_a_clear_error(text):
    assert len(complaint(worksheets.read_code, text)) < 800


parts = st.sampled_from([*"1234567890abz[]{},.\"'=-+/ \n#_", "1a", "2", " = ", "1e9", "nan", "1/3", "true", "0x", "99"])
fragments = st.one_of(st.text(), st.lists(parts, max_size=30).map("".join))


@settings(max_examples=80, deadline=None)
@given(fragments, fragments)
def test_any_answer_is_graded_or_a_clear_error(label, value):
    for answer in (f"{label}={value}", f"1a={value}", f"2={value}", f"{label}=3"):
        assert len(complaint(worksheets.grade, "conv2d:7:2:2", [answer])) < 600


@settings(max_examples=80, deadline=None)
@given(text=fragments)
def test_any_file_is_graded_or_a_clear_error(text, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "answers.txt"
    for start in (b"", b"1a = ", b"2 = "):
        file.write_bytes(start + text.encode("utf-8", "surrogatepass"))
        assert len(complaint(worksheets.grade, "conv2d:7:2:2", [str(file)])) < 600


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("1a = {a}\n\n1b = 'x'\n", "1b", "cannot be read (line 3): 'x' is not a number such as 35"),
        ("# mine\n1b = 1.2.3\n1a = {a}", "1b", "cannot be read (line 2): '1.2.3' is not a number"),
        ("1a = {a}\n1b = {{b = 2}}\n", "1b", "cannot be read (line 2): "),
        ("1a = {a}\n1b = 2001-01-01\n", "1b", "cannot be read (line 2): '2001-01-01' is not a number"),
        ("1a = {a}\n1b = [1, 2]\n", "1b", "cannot be read (line 2): "),
        ("1a = {a}\n1b = inf\n", "1b", "cannot be read (line 2): a finite number is needed, not 'inf'"),
        ("1a = {a}\n2 = 1 2\n3 four", "2", "cannot be read (line 2): 'four' is not a number"),
        (f"1a = {{a}}\n1b = {'[' * 3000}\n", "1b", "cannot be read (line 2): "),
        (f"1a = {{a}}\n1b = {'9' * 5000}\n", "1b", "cannot be read (line 2): "),
        ("1a = {a}\n1c = 2\n", "", "line 2: 1c: there is no such answer on conv2d:7:2; there is 1a, 1b"),
        ("1a = {a}\nanswer = 2\n", "", "line 2: answer: there is no such answer on conv2d:7:2; there is 1a, 1b"),
        ("1a = {a}\n7 = 3\n", "", "line 2: 7: there is no such answer on conv2d:7:2"),
        ("1a = {a}\n1b = 3\n1a = 2\n", "", "line 3: 1a: answered twice"),
        ("17 18\n1a = {a}\n", "", "line 1: 17 18: an answer is given as 1 = 35"),
        ("Name: Ada\n\nmy answers, 2nd try\n1a = {a}\nWorksheet 3", "", ""),  # a name, and headings
    ],
)
def test_a_line_that_cannot_be_read_costs_that_line(text, label, message, tmp_path):
    file = tmp_path / "answers.txt"
    file.write_text(text.format(a=right_answers()[0]), encoding="utf-8")
    grades = worksheets.grade("conv2d:7:2", [str(file)])
    assert grades["1a"]
    said = [grades[label].text] if label else grades.remarks
    assert all(each.startswith(message) and len(each) < 600 for each in said)
    assert len(said) == bool(message)
    others = [verdict.text for other, verdict in grades.items() if other not in ("1a", "1b", label)]
    assert set(others) == {"not answered yet"}


@pytest.mark.parametrize(
    "form",
    [
        "{} = {}",
        "{}: {}",
        "{}) {}",
        '"{}" = {}',
        "Problem {}: {}",
        "- {} = {}",
        "> **{}** = {}",
        "No. {}: {}",
        "{} → {}",
        "{}. = {}",
    ],
)
@pytest.mark.parametrize("labels", [("1a", "1b", "2"), ("1A", "1 b", "2")])
def test_labels_as_they_are_written(form, labels, tmp_path):
    file = tmp_path / "answers.txt"
    answers = zip(labels, right_answers(), strict=True)
    file.write_text("\n".join(form.format(*pair) for pair in answers), encoding="utf-8")
    grades = worksheets.grade("conv2d:7:2:2", [str(file)])
    assert all(grades.values())
    assert not grades.remarks


@pytest.mark.parametrize("text", ["?", "None", "_", "nan", '""'])
def test_what_stands_for_no_answer_is_none(text, tmp_path):
    file = tmp_path / "answers.txt"
    a, _, whole = right_answers()
    file.write_text(f"1a = {a}\n1b = {text}\n2 = {whole.strip('[]').rsplit(' ', 1)[0]} {text}", encoding="utf-8")
    grades = worksheets.grade("conv2d:7:2:2", [str(file)])
    assert grades["1a"]
    assert str(grades["1b"]) == "not answered yet"
    assert str(grades["2"]).startswith("not answered yet: y[")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("1a=1, 2", "1a: '1, 2' is not a number"),
        ("1a=1,234", "1a: what a comma stands for is unclear here"),
        ("1a=[1", r"1a: there is a \[ without its \]"),
        (f"1a={'[' * 5000}", "1a: "),
        (f"1a={'9' * 5000}", "1a: "),
        ("=3", "3: an answer is given as 1 = 35"),
        ("x=3", "x: there is no such answer on conv2d:7:2; there is 1a, 1b, 2, 3"),
        ("01=3", "01: there is no such answer"),
        ("7=3", "7: there is no such answer"),
        ("2=1/0", "2: '1/0' is not a number"),
        ("nothing.toml", "'nothing.toml': there is no such file; and an answer is given as 1=35"),
        ("x" * 5000, "there is no such file"),
        (".", "Is a directory"),
        ("a\0b", "there is no such file"),
    ],
)
def test_answers_that_cannot_be_read(answer, message):
    with pytest.raises(ValueError, match=message) as caught:
        worksheets.grade("conv2d:7:2", [answer])
    assert len(str(caught.value)) < 600


def test_answers_are_not_given_twice_and_files_are_utf8(tmp_path):
    with pytest.raises(ValueError, match="1a: answered twice"):
        worksheets.grade("conv2d:7:2", ["1a=16", "1a=16"])
    file = tmp_path / "answers.txt"
    file.write_bytes(b"\xff\xfe1")
    with pytest.raises(ValueError, match="not UTF-8"):
        worksheets.grade("conv2d:7:2", [str(file)])
    a, b, whole = right_answers()
    file.write_bytes(f"\ufeff1a = {a}\r\n2 = {whole}\r\n".replace("−", "-").encode())
    assert all(worksheets.grade("conv2d:7:2:2", [str(file), f"1b={b}"]).values())


FRACTION = "avg_pool2d:7:2:2", "2"  # which is a single number, 13/9


@pytest.mark.parametrize("form", ["{}", "-{}", "−{}", '"{}"', "'{}'", " {} ", "{}\n", "{} # a remark"])
def test_numbers_as_they_are_written_by_hand(form, tmp_path):
    """In a file; on a command line there are no remarks."""
    code, label = FRACTION
    answer = written(worksheets.sheet("avg_pool2d", 7, 2, 2).questions[label].answer)
    assert "/" in answer
    (tmp_path / "answers.txt").write_text(f"{label} = {form.format(answer)}", encoding="utf-8")
    verdict = worksheets.grade(code, [str(tmp_path / "answers.txt")])[label]
    assert bool(verdict) == (form[0] not in "-−")
    if form[0] in "-−":
        assert "= −1.444" in verdict.text or f"= −{answer}" in verdict.text


@pytest.mark.parametrize("lines", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "form",
    [
        lambda rows: "; ".join(rows),
        lambda rows: f"[{'; '.join(rows)}]",
        lambda rows: "\n" + "\n".join(rows),
        lambda rows: "\n  " + "\n  ".join(rows) + "\n\n",
        lambda rows: f"[{', '.join(f'[{row}]' for row in rows)}]",
        lambda rows: "[[" + "],  # a row\n   [".join(row.replace(" ", ", ") for row in rows) + "],\n]",
    ],
)
def test_rows_as_they_are_written_by_hand(form, lines, tmp_path):
    sheet = worksheets.sheet("conv2d", 7, 1, 2)
    answer = content.answers(sheet)[0]
    rows = [" ".join(row) for row in answer.texts]
    assert len(rows) > 1
    file = tmp_path / "answers.txt"
    file.write_bytes(f"1 = {form(rows)}\n2a = 99\n".replace("\n", lines).encode())
    verdicts = worksheets.grade(sheet.code, [str(file)])
    assert verdicts["1"]
    assert "= 99" in verdicts["2a"].text


MUTANTS = {
    "byhand.worksheets.sheets:grade": [
        ("missing answers are not counted", "Grades(dict.fromkeys(whole.questions, MISSING))", "Grades({})"),
        (
            "a later answer counts",
            "and grades[label] is not MISSING:\n                    raise",
            "and False:\n                    raise",
        ),
    ],
    "byhand.worksheets.sheets:_answers": [
        ("a label must be small", 'match[1].replace(" ", "").lower()', "match[1]"),
        ("a heading belongs to an answer", "elif rows is not None and not TEXT.match(line):", "elif rows is not None:"),
        ("lines are counted from 0", '.split("\\n"), 1)', '.split("\\n"), 0)'),
    ],
}
