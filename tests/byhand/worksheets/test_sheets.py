"""A sheet is the same for the same code, and checks answers."""

import hashlib

import numpy as np
import pytest

from tests.byhand.worksheets.drawn import ALL, every, questions, sheets, wrong
from tinyunet.byhand import worksheets
from tinyunet.byhand.worksheets.paper.content import written


def test_the_code_is_all_there_is_to_a_sheet():
    for topic, level in ALL:
        few, more = (worksheets.sheet(topic, 11, level, n) for n in (2, 4))
        assert few.code == f"{topic}:11:{level}:2"
        assert worksheets.read_code(few.code) == (topic, 11, level, 2)
        for a, b in zip(few.problems, more.problems, strict=False):
            assert a.call == b.call
            assert [q.name for q in a.questions] == [q.name for q in b.questions]
            arrays = a.explanation.arrays, b.explanation.arrays
            assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0])
    assert worksheets.sheet("conv2d", 1).markdown() != worksheets.sheet("conv2d", 2).markdown()
    assert worksheets.sheet("conv2d", 1).code == "conv2d:1:1"
    assert worksheets.read_code("conv2d:1:1") == worksheets.read_code("conv2d:1:1:6") == ("conv2d", 1, 1, 6)


# If one of these has to change, sheets that were handed out cannot be graded any more: the changelog must say so.
PINNED = {
    "conv2d": ["93b7e85634", "d9ff8b3f2f", "38a7afb44e", "45054e312c", "7a0183c459", "a62d35e5b3"],
    "conv_transpose2d": [
        "9436241f1b",
        "c3e732cb2e",
        "a2b2f5cf14",
        "cf87ad9215",
        "64e28b965f",
        "4109c19788",
    ],
    "max_pool2d": ["6e532ee79f", "283edb799f", "f8b8edeb86", "0bd225ce08", "859cbc0176"],
    "avg_pool2d": ["fdb82aa9d3", "2706ae12c2", "50c00bd4b6", "cfdb7c0f61"],
    "batch_norm": ["a429ac7782", "c3b0008e7c", "9a96d2679c", "54e48412e2", "72273e65ed", "c7f4a9ffb1"],
    "relu": ["aff93b4777", "0de4b1aca9"],
    "linear": ["8022cc218f", "a309855d3f", "5af416397d", "68e6462212"],
    "softmax": ["33b7f38f0a", "2673540475", "a74b646497"],
    "cross_entropy": ["4b9199df0c", "141fad0552", "bd7a0d04ac", "e62a75e95a"],
    "alpha_bar": ["13ecd99113"],
    "add_noise": ["b25ef76511", "0f65d78798"],
    "predict_x0": ["bf182a7c83"],
    "ddim_step": ["8509c5bd08", "64c10a5270"],
    "guided": ["e3b7bf649f", "97f7bf900e"],
}


@every
def test_a_sheet_stays_what_it_is(topic, level):
    drawn = [
        (
            problem.call,
            [(q.label, q.name) for q in problem.questions],
            problem.explanation.what,
            [(name, array.tolist()) for name, array in problem.explanation.arrays.items()],
        )
        for sheet in sheets(topic, level)
        for problem in sheet.problems
    ]
    digest = hashlib.sha256(repr(drawn).encode()).hexdigest()[:10]
    assert PINNED.get(topic, [])[level - 1 : level] == [digest]


def test_the_first_problem_of_a_sheet_that_was_printed():
    first = worksheets.sheet("conv2d", 7, 2, 1).problems[0]
    assert first.call == "y = conv2d(x, w, stride=2)"
    assert first.explanation.arrays["x"][0].tolist() == [0, 3, 5, 5, 6, 2]
    assert first.explanation.arrays["w"].tolist() == [[-2, 1], [2, 2]]


def test_check():
    sheet = worksheets.sheet("conv2d", 7, 2, 2)
    a, b, whole = questions(sheet)
    verdicts = sheet.check({"1a": int(a.answer), "1b": f"{float(b.answer)}", 2: whole.answer.tolist()})
    assert list(verdicts) == ["1a", "1b", "2"]
    assert all(verdicts.values())
    flipped = next(answer for mistake, answer in wrong(a) if mistake.name == "kernel flipped")
    verdicts = sheet.check({"1a": int(flipped)})
    assert {label: str(v) for label, v in verdicts.items() if label != "1a"} == dict.fromkeys(
        ["1b", "2"], "not answered yet"
    )
    verdict = verdicts["1a"]
    assert not verdict
    assert "kernel flipped" in verdict.text
    assert written(a.answer) not in verdict.text.partition(" = ")[2]
    for answers, message in (
        ({"3": 1}, "3: there is no such answer on conv2d:7:2:2; there is 1a, 1b, 2"),
        ({"1a": "x"}, "1a: 'x' is not a number"),
        ({"1a": [1]}, "1a: a single number is asked for, y"),
        ({"2": [[1], [1, [2]]]}, "2: rows must have the same length"),
        ({"1a": True}, "1a: a number is needed"),
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
        worksheets.sheet(*arguments)


@pytest.mark.parametrize(
    "code", ["", "conv2d", "conv2d:7", "conv2d:7:2:", "conv2d:7:2:1:1", "conv2d:-7:2", "conv2d:7:²", " conv2d:7:2"]
)
def test_codes_of_another_form(code):
    with pytest.raises(ValueError, match=r"the code of a sheet is topic:seed:level, such as conv2d:7:2, or .*, not"):
        worksheets.read_code(code)


@pytest.mark.parametrize("count", [0, 101])
def test_codes_of_sheets_that_there_are_not(count):
    with pytest.raises(ValueError, match=f"a sheet has 1 to 100 problems, not {count}"):
        worksheets.grade(f"conv2d:7:2:{count}", ["1a=3"])


MUTANTS = {
    "byhand.worksheets.sheets:Sheet.code": [
        ("a code without the number of problems", "'' if count == USUAL else f':{count}'", "''"),
    ],
    "byhand.worksheets.kinds:numbers": [
        ("other numbers for old codes", "count = high - low + 1", "count = high - low"),
    ],
}
