"""Examples in files: every mistake in them is named with line and key."""

import random
import re
import time
import warnings

import pytest

from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples import dump, load, read

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
        ("answer = 3", "answer = [[3], []]", 15, "answer: must be one number; an answer for the whole array has no at"),
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


MUTANTS = {
    "byhand.examples.source:Source._line_at": [
        ("lines are counted from 0", 'self.text.count("\\n", 0, place) + 1', 'self.text.count("\\n", 0, place)'),
    ],
    "byhand.examples.source:Source._line_of": [
        ("all errors are in the first [[ask]]", "[ask : ask + 1]", "[:1]"),
    ],
}
