"""Worksheets: the same for the same code, with numbers for a pencil, and with wrong answers that tell the mistake."""

import hashlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

import tinyunet
from tinyunet import cli
from tinyunet.byhand import mistakes
from tinyunet.byhand.worksheets import levels, paper
from tinyunet.byhand.worksheets import sheets as worksheet

ALL = [(topic, level) for topic, found in levels.LEVELS.items() for level in range(1, len(found) + 1)]
every = pytest.mark.parametrize(("topic", "level"), ALL)


def questions(sheet):
    return [question for problem in sheet.problems for question in problem.questions]


def sheets(topic, level, seeds=range(3)):
    """Sheets with every kind of problem on them."""
    count = len(levels.LEVELS[topic][level - 1].kinds)
    return [worksheet.sheet(topic, seed, level, count) for seed in seeds]


def wrong(question):
    """Mistakes with their answers, without those that happen to be right."""
    right = question.answer
    return [(m, a) for m, a in question.wrong() if a.shape != right.shape or not np.allclose(a, right)]


# ---- what is asked


@every
def test_the_numbers_suit_a_pencil(topic, level):
    for sheet in sheets(topic, level, range(6)):
        for question in questions(sheet):
            for array in question.explanation.arrays.values():
                assert np.all(array == np.round(array))
                assert np.all(np.abs(array) <= 25)
            assert np.all(np.abs(question.answer) < 100)
            assert all(len(paper.write(value)) <= 6 for value in question.answer.flat)
            assert question.answer.size <= 20
            text = "\n".join(element.text() for element in question.worked())
            assert text.count("×") + text.count(" + ") <= 120


@every
def test_right_answers_are_right_and_every_mistake_is_named(topic, level):
    central = set(levels.LEVELS[topic][level - 1].central)
    for sheet in sheets(topic, level):
        for question in questions(sheet):
            assert question.check(question.answer if question.index is None else float(question.answer))
            names = set()
            for mistake, answer in wrong(question):
                verdict = question.check(answer if answer.ndim else float(answer))
                assert not verdict
                named = {m.name for m in verdict.mistakes}
                assert mistake.name in named
                assert mistake.name not in levels.LISTED or named & levels.LISTED == {mistake.name}
                names.add(mistake.name)
            assert names & central, "the level is about something that makes no difference"


@every
def test_answers_are_graded_as_they_are_written_in_the_key(topic, level):
    (sheet,) = sheets(topic, level, [5])
    right = {q.label: f"{q.label}={paper.written(q.answer)}" for q in questions(sheet)}
    assert all(worksheet.grade(sheet.code, list(right.values())).values())
    for question in questions(sheet):
        for mistake, answer in wrong(question):
            others = [text for label, text in right.items() if label != question.label]
            verdicts = worksheet.grade(sheet.code, [*others, f"{question.label}={paper.written(answer)}"])
            assert [label for label, verdict in verdicts.items() if not verdict] == [question.label]
            named = {m.name for m in verdicts[question.label].mistakes}
            assert mistake.name in named
            assert mistake.name not in levels.LISTED or named & levels.LISTED == {mistake.name}


def test_the_mistakes_that_levels_are_about_are_known():
    for topic, found in levels.LEVELS.items():
        names = {known.name for (name, _), ways in mistakes.WAYS.items() if name == topic for known, _ in ways}
        for level in found:
            assert set(level.central) <= names & levels.LISTED
    assert {known.name for ways in mistakes.WAYS.values() for known, _ in ways} >= levels.LISTED


def test_every_mistake_of_a_forward_pass_is_on_some_sheet():
    """What these sheets cannot ask for is known; nothing else is left out by accident."""
    for topic in levels.LEVELS:
        met = {
            m.name
            for level in range(1, len(levels.LEVELS[topic]) + 1)
            for sheet in sheets(topic, level, range(2))
            for question in questions(sheet)
            if question.explanation.what == "y"
            for m, _ in wrong(question)
        }
        # ε is 0, so that roots are whole numbers.
        never = {"epsilon forgotten"} if topic == "batch_norm" else set()
        assert {m.name for m, _ in mistakes.WAYS[topic, "y"]} - met == never


def test_elements_are_asked_for_once_and_maps_only_where_the_mistakes_differ():
    for topic, level in ALL:
        for sheet in sheets(topic, level, range(3)):
            for problem in sheet.problems:
                assert len({q.index for q in problem.questions}) == len(problem.questions)
                labels = [q.label for q in problem.questions]
                assert labels in ([f"{problem.number}"], [f"{problem.number}a", f"{problem.number}b"])


# ---- the same code, the same sheet


def test_the_code_is_all_there_is_to_a_sheet():
    for topic, level in ALL:
        few, more = (worksheet.sheet(topic, 11, level, n) for n in (2, 4))
        assert few.code == f"{topic}:11:{level}:2"
        assert worksheet.read_code(few.code) == (topic, 11, level, 2)
        for a, b in zip(few.problems, more.problems, strict=False):
            assert a.call == b.call
            assert [q.name for q in a.questions] == [q.name for q in b.questions]
            arrays = a.explanation.arrays, b.explanation.arrays
            assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    assert worksheet.sheet("conv2d", 1).markdown() != worksheet.sheet("conv2d", 2).markdown()
    assert worksheet.sheet("conv2d", 1).code == "conv2d:1:1"
    assert worksheet.read_code("conv2d:1:1") == worksheet.read_code("conv2d:1:1:6") == ("conv2d", 1, 1, 6)


def test_a_sheet_stays_what_it_is():
    """If this has to change, sheets that were handed out cannot be graded any more: the changelog must say so."""
    first = worksheet.sheet("conv2d", 7, 2, 1).problems[0]
    assert first.call == "y = conv2d(x, w, stride=2)"
    assert first.explanation.arrays["x"][0].tolist() == [0, 3, 5, 5, 6, 2]
    assert first.explanation.arrays["w"].tolist() == [[-2, 1], [2, 2]]
    drawn = [
        (problem.call, list(sheet.questions), {name: a.tolist() for name, a in problem.explanation.arrays.items()})
        for topic, level in ALL
        for sheet in sheets(topic, level)
        for problem in sheet.problems
    ]
    assert hashlib.sha256(repr(drawn).encode()).hexdigest().startswith("1b8b2465aeecc151")


def test_mistakes_that_are_learned_later_draw_no_other_problems(monkeypatch):
    before = [q.name for q in questions(worksheet.sheet("conv2d", 7, 2))]

    late = {}
    wrong = mistakes.mistakes("conv2d y", mistakes.Quantities, late)
    # The second of them is in the first question the same as a stride forgotten.
    wrong("late", "a hint", lambda q: q.y() + 1, lambda q: np.full_like(q.y(), -3))
    place = "conv2d", "y"
    monkeypatch.setitem(mistakes.WAYS, place, mistakes.WAYS[place] + late[place])
    sheet = worksheet.sheet("conv2d", 7, 2)
    assert [q.name for q in questions(sheet)] == before
    question = questions(sheet)[0]
    assert [m.name for m in question.check(float(question.answer) + 1).mistakes] == ["late"]
    assert [m.name for m in question.check(-3).mistakes] == ["stride forgotten", "late"]
    shown = [line for row in paper._warnings(question) for line in row]
    assert len(re.findall(r"\d  late\b|or late\b", "\n".join(shown))) == 2


def test_files_are_the_same_byte_for_byte(tmp_path):
    sheet = worksheet.sheet("max_pool2d", 3, 4, 3)
    script = (
        "import sys; from tinyunet.byhand.worksheets import sheets as worksheet\n"
        "for key in (False, True):\n"
        "    for suffix in ('md', 'html', 'pdf'):\n"
        "        worksheet.sheet('max_pool2d', 3, 4, 3).save(f'{sys.argv[1]}/b{int(key)}.{suffix}', key=key)\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": "123"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env=env, timeout=60)
    for key in (False, True):
        for suffix in ("md", "html", "pdf"):
            sheet.save(tmp_path / f"a.{suffix}", key=key)
            assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b{int(key)}.{suffix}").read_bytes()
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".part")]


# ---- on paper


@every
def test_the_key_has_the_answers_and_the_sheet_has_not(topic, level):
    (sheet,) = sheets(topic, level, [2])
    for text in (sheet.markdown(), sheet.html()):
        assert sheet.code in text
        assert f"(tinyunet {tinyunet.__version__})" in text
        assert f"tinyunet check --sheet {sheet.code} answers.txt" in text
        assert "If you see" not in text
    table = sheet.markdown(True).partition("## 1.")[0]
    for question in questions(sheet):
        assert f"| **{question.label}** | {question.name} | {paper.written(question.answer)} |" in table
        shown = " ".join(" ".join(line for row in paper._warnings(question) for line in row).split())
        assert "".join(line + "\n" for row in paper._warnings(question) for line in row).rstrip() in sheet.markdown(
            True
        )
        for mistake, value in wrong(question):
            assert mistake.name.split()[0] in shown
            first = paper._rows(value)[0].strip() if value.size <= paper.MANY else f"shape {value.shape}"
            assert " ".join(first.split()) in shown


def test_wrong_answers_stand_in_columns():
    (question,) = worksheet.problem("conv2d", 7, 1, 1).questions
    assert paper._warnings(question)[3] == [
        "     −3  −8  kernel flipped                             −3    0  average instead of sum (over all",
        "    −10  −6                                           −1.5 0.25  products or over the kernel's cells)",
        "",
    ]
    for topic, level in ALL:
        for question in questions(worksheet.sheet(topic, 3, level)):
            lines = [line for row in paper._warnings(question) for line in row]
            assert max(map(len, lines)) <= paper.WIDE


class Tags(HTMLParser):
    """Every tag that is opened is closed, and nothing is loaded."""

    VOID = "meta", "br"

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        assert not {name for name, _ in attrs} & {"src", "href"}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("key", [False, True])
def test_html_is_well_formed_and_needs_nothing_else(key):
    for topic in levels.LEVELS:
        page = worksheet.sheet(topic, 1, 2, 3).html(key)
        assert "url(" not in page
        assert "http" not in page
        tags = Tags()
        tags.feed(page)
        assert not tags.open


def texts(page):
    return [text.get_text() for text in page.axes[0].texts]


@pytest.mark.parametrize("key", [False, True])
def test_pages(key):
    for topic in levels.LEVELS:
        sheet = worksheet.sheet(topic, 999999999, len(levels.LEVELS[topic]), 4)
        pages = paper.pages(sheet, key)
        for k, page in enumerate(pages, 1):
            canvas = FigureCanvasAgg(page)
            assert f"{k} / {len(pages)}" in texts(page)
            assert any(f"Sheet {sheet.code} (" in text for text in texts(page))
            for text in filter(Text.get_text, page.axes[0].texts):
                box = text.get_window_extent(canvas.get_renderer())
                (left, low), (right, high) = page.axes[0].transData.inverted().transform(box)
                assert left >= paper.LEFT - 2
                assert right <= paper.WIDTH - paper.LEFT + 2
                assert 10 < high < low < paper.HEIGHT - 5
        everything = " ".join(" ".join(text for page in pages for text in texts(page)).split())  # lines are wrapped
        for problem in sheet.problems:
            assert f"{problem.number}. {problem.call}" in everything
        first = texts(pages[0])
        assert any(re.match(r"\d[ab]?: \w", text) for text in first) == key
        for grid in paper._answers(sheet) if key else ():
            drawn = [grid.caption, *grid.columns, *grid.rows, *(text for row in grid.texts for text in row)]
            at = first.index(grid.caption)
            assert first[at : at + len(drawn)] == drawn
        answers = [text for grid in paper._answers(sheet) for row in grid.texts for text in row]
        assert answers == [paper.write(value) for question in questions(sheet) for value in question.answer.flat]


MUCH = ("conv2d", 4), ("batch_norm", 2)  # numbers to be given


def test_sheets_save_paper_and_fill_it():
    for topic, level in ALL:
        pages = paper.pages(worksheet.sheet(topic, 7, level), False)
        assert len(pages) <= (1 if topic == "relu" else 3 if (topic, level) in MUCH else 2)
        asked = [sum(bool(re.match(r"\d\.  y = ", text)) for text in texts(page)) for page in pages]
        assert sum(asked) == 6
        assert max(asked) - min(asked) <= 1
        for page in pages:
            ends = [line[-1, 1] for lines in page.axes[0].collections for line in lines.get_segments()]
            assert paper.BOTTOM - 70 < max(ends) <= paper.BOTTOM


def test_pdf(tmp_path):
    sheet = worksheet.sheet("conv2d", 7, 2)
    sheet.pdf(tmp_path / "sheet.pdf")
    raw = (tmp_path / "sheet.pdf").read_bytes()
    assert raw.startswith(b"%PDF")
    assert raw.count(b"/Type /Page ") == len(paper.pages(sheet, False)) == 2
    assert b"sheet conv2d:7:2" in raw
    assert b"CreationDate" not in raw


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"sheet\.doc: a worksheet is written as \.pdf, \.html or \.md"):
        worksheet.sheet("relu").save(tmp_path / "sheet.doc")
    assert not list(tmp_path.iterdir())


# ---- grading


def right_answers():
    """Of the first two problems of conv2d:7:2, as texts."""
    return [paper.written(question.answer) for question in questions(worksheet.sheet("conv2d", 7, 2, 2))]


def test_check():
    sheet = worksheet.sheet("conv2d", 7, 2, 2)
    a, b, whole = questions(sheet)
    verdicts = sheet.check({"1a": int(a.answer), "1b": f"{float(b.answer)}", 2: whole.answer.tolist()})
    assert list(verdicts) == ["1a", "1b", "2"]
    assert all(verdicts.values())
    flipped = next(answer for mistake, answer in wrong(a) if mistake.name == "kernel flipped")
    verdicts = sheet.check({"1a": int(flipped)})
    assert {label: str(v) for label, v in verdicts.items() if label != "1a"} == dict.fromkeys(
        ["1b", "2"], "no answer yet"
    )
    verdict = verdicts["1a"]
    assert not verdict
    assert "kernel flipped" in verdict.text
    assert paper.written(a.answer) not in verdict.text.partition(" = ")[2]
    for answers, message in (
        ({"3": 1}, "3: there is no such answer on conv2d:7:2:2; there is 1a, 1b, 2"),
        ({"1a": "x"}, "1a: 'x' is not a number"),
        ({"1a": [1]}, "1a: a single number is asked for, y"),
        ({"2": [[1], [1, 2]]}, "2: rows must have the same length"),
        ({"1a": None}, "1a: a number is needed"),
    ):
        with pytest.raises(ValueError, match="^" + message.replace("[", r"\[")):
            sheet.check(answers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope", 0, 1, 1), "there is no topic 'nope'; there is conv2d, conv_transpose2d"),
        (("conv2d", 0, 0, 1), "conv2d has the levels 1 to 6, not 0"),
        (("conv2d", 0, 7, 1), "conv2d has the levels 1 to 6, not 7"),
        (("conv2d", -1, 1, 1), "the seed must be from 0 to 999999999, not -1"),
        (("conv2d", 0, 1, 0), "a sheet has 1 to 100 problems, not 0"),
        (("conv2d", 0, 1, 101), "a sheet has 1 to 100 problems, not 101"),
    ],
)
def test_sheets_that_there_are_not(arguments, message):
    with pytest.raises(ValueError, match=message):
        worksheet.sheet(*arguments)


@pytest.mark.parametrize(
    "code", ["", "conv2d", "conv2d:7", "conv2d:7:2:", "conv2d:7:2:1:1", "conv2d:-7:2", "conv2d:7:²", " conv2d:7:2"]
)
def test_codes_of_another_form(code):
    with pytest.raises(ValueError, match=r"the code of a sheet is topic:seed:level, such as conv2d:7:2, or .*, not"):
        worksheet.read_code(code)


@pytest.mark.parametrize("count", [0, 101])
def test_codes_of_sheets_that_there_are_not(count):
    with pytest.raises(ValueError, match=f"a sheet has 1 to 100 problems, not {count}"):
        worksheet.grade(f"conv2d:7:2:{count}", ["1a=3"])


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
    assert len(complaint(worksheet.read_code, text)) < 800


parts = st.sampled_from([*"1234567890abz[]{},.\"'=-+/ \n#_", "1a", "2", " = ", "1e9", "nan", "1/3", "true", "0x", "99"])
fragments = st.one_of(st.text(), st.lists(parts, max_size=30).map("".join))


@settings(max_examples=400, deadline=None)
@given(fragments, fragments)
def test_any_answer_is_graded_or_a_clear_error(label, value):
    for answer in (f"{label}={value}", f"1a={value}", f"2={value}", f"{label}=3"):
        assert len(complaint(worksheet.grade, "conv2d:7:2:2", [answer])) < 600


@settings(max_examples=400, deadline=None)
@given(text=fragments)
def test_any_file_is_graded_or_a_clear_error(text, tmp_path_factory):
    file = tmp_path_factory.getbasetemp() / "answers.txt"
    for start in (b"", b"1a = ", b"2 = "):
        file.write_bytes(start + text.encode("utf-8", "surrogatepass"))
        assert len(complaint(worksheet.grade, "conv2d:7:2:2", [str(file)])) < 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1a = 16\n\n1b = 'x'\n", r"line 3: '?1b'?: 'x' is not a number such as 35"),
        ("1a = 16\n1c = 2\n", r"line 2: '?1c'?: there is no such answer on conv2d:7:2; there is 1a, 1b"),
        ("# mine\n1a = 1.2.3\n", r"line 2: '?1a'?: '1.2.3' is not a number"),
        ("1a = 16\n1b = 3\n1a = 2\n", r"'?1a'?: answered twice"),
        ("1a = 16\nanswer = 2\n", r"line 2: answer: there is no such answer on conv2d:7:2; there is 1a, 1b"),
        ("1a = {b = 2}\n", r"line 1: '?1a'?: "),
        ("1a = 2001-01-01\n", r"line 1: '?1a'?: '2001-01-01' is not a number"),
        ("1a = [1, 2]\n", r"line 1: '?1a'?: a single number is asked for, y"),
        ("1a = nan\n", r"line 1: '?1a'?: "),
        ("7 = 3\n", r"line 1: '?7'?: there is no such answer on conv2d:7:2"),
        (f"1a = {'[' * 3000}\n", r"line 1: "),
        (f"1a = {'9' * 5000}\n", r"line 1: "),
        ("my answers\n1a = 16\n", r"line 1: my: an answer is given as 1 = 35"),
    ],
)
def test_files_say_line_and_key(text, message, tmp_path):
    file = tmp_path / "answers.txt"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        worksheet.grade("conv2d:7:2", [str(file)])
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("1a=1,2", "1a: a single number is asked for, y"),
        ("1a=[1", r"1a: there is a \[ without its \]"),
        (f"1a={'[' * 5000}", "1a: "),
        (f"1a={'9' * 5000}", "1a: "),
        ("=3", "=3: an answer is given as 1 = 35"),
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
        worksheet.grade("conv2d:7:2", [answer])
    assert len(str(caught.value)) < 600


def test_answers_are_not_given_twice_and_files_are_utf8(tmp_path):
    with pytest.raises(ValueError, match="1a: answered twice"):
        worksheet.grade("conv2d:7:2", ["1a=16", "1a=16"])
    file = tmp_path / "answers.txt"
    file.write_bytes(b"\xff\xfe1")
    with pytest.raises(ValueError, match="not UTF-8"):
        worksheet.grade("conv2d:7:2", [str(file)])
    a, b, whole = right_answers()
    file.write_bytes(f"\ufeff1a = {a}\r\n2 = {whole}\r\n".replace("−", "-").encode())
    assert all(worksheet.grade("conv2d:7:2:2", [str(file), f"1b={b}"]).values())


FRACTION = "avg_pool2d:7:2:2", "2"  # which is a single number, 13/9


@pytest.mark.parametrize("form", ["{}", "-{}", "−{}", '"{}"', "'{}'", " {} ", "{}\n", "{} # a remark"])
def test_numbers_as_they_are_written_by_hand(form, tmp_path):
    """In a file; on a command line there are no remarks."""
    code, label = FRACTION
    answer = paper.written(worksheet.sheet("avg_pool2d", 7, 2, 2).questions[label].answer)
    assert "/" in answer
    (tmp_path / "answers.txt").write_text(f"{label} = {form.format(answer)}", encoding="utf-8")
    verdict = worksheet.grade(code, [str(tmp_path / "answers.txt")])[label]
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
    sheet = worksheet.sheet("conv2d", 7, 1, 2)
    rows = [" ".join(row) for grid in paper.grids("conv2d", "y", sheet.questions["1"].answer) for row in grid.texts]
    assert len(rows) > 1
    file = tmp_path / "answers.txt"
    file.write_bytes(f"1 = {form(rows)}\n2a = 99\n".replace("\n", lines).encode())
    verdicts = worksheet.grade(sheet.code, [str(file)])
    assert verdicts["1"]
    assert "= 99" in verdicts["2a"].text


def test_what_is_not_answered_is_missing(tmp_path):
    a, _, whole = right_answers()
    (tmp_path / "answers.txt").write_text("1a =\n1b =   # later\n", encoding="utf-8")
    verdicts = worksheet.grade("conv2d:7:2", [str(tmp_path / "answers.txt"), f"1a={a}", f"2={whole}", "3="])
    assert list(verdicts) == ["1a", "1b", "2", "3", "4", "5a", "5b", "6"]
    assert [label for label, verdict in verdicts.items() if verdict] == ["1a", "2"]
    assert {str(verdict) for label, verdict in verdicts.items() if label not in ("1a", "2")} == {"no answer yet"}
    (tmp_path / "answers.txt").write_text("")
    assert not any(worksheet.grade("conv2d:7:2:2", [str(tmp_path / "answers.txt")]).values())


# ---- the command


def test_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["worksheet", "--list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("conv2d: Convolution\n  1  one channel")
    assert len(out.splitlines()) == len(levels.LEVELS) + len(ALL)

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
    answers = questions(worksheet.sheet("conv2d", 7, 2, 2))[2].wrong()
    flipped = next(answer.tolist() for mistake, answer in answers if mistake.name == "kernel flipped")
    (tmp_path / "answers.txt").write_text(f"1a = {a}\n2 = {flipped}\n".replace("−", "-"))
    assert cli.main(["check", "--sheet", "conv2d:7:2:2", "answers.txt"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("1a: right\n1b: no answer yet\n2: not right: ")
    assert "kernel flipped" in out
    assert out.endswith("1 right of 3\n")
    assert cli.main(["check", "--sheet", "conv2d:7:2", f"1a={a}", f"1b={b}", f"2={whole}"]) == 1  # of six problems
    assert capsys.readouterr().out.endswith("\n6: no answer yet\n3 right of 8\n")
    assert cli.main(["worksheet", "conv2d", "--out=both.md", "--key=./both.md"]) == 2
    assert "--out and --key are the same file" in capsys.readouterr().err


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
def test_command_errors(arguments, message, capsys):
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tinyunet: error: ")
    assert message in err
    assert err.count("\n") == 1


MUTANTS = {
    "byhand.worksheets.sheets:Question.tells": [
        ("mistakes that coincide", "if wrong and any(name != mistake.name", "if wrong and any(False"),
        ("a stride that makes no difference", "and bool(tested) and all(tested)", "and bool(tested)"),
        ("a later mistake draws", "if mistake.name not in LISTED:", "if mistake.name not in LISTED | {'late'}:"),
    ],
    "byhand.worksheets.sheets:grade": [
        ("missing answers are not counted", "verdicts = dict.fromkeys(whole.questions, MISSING)", "verdicts = {}"),
    ],
    "byhand.worksheets.sheets:Sheet.code": [
        ("a code without the number of problems", "'' if count == USUAL else f':{count}'", "''"),
    ],
    "byhand.worksheets.paper:_rows": [
        ("answers of several images run together", "np.moveaxis(maps.reshape(-1, *maps.shape[-2:]), 0, 1)", "maps"),
    ],
    "byhand.worksheets.paper:_full": [
        ("pages that are not filled", "BOTTOM - TOP - _height(page)", "0"),
    ],
}
