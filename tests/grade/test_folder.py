"""What is passed stays passed: in the session, and in the course's folder, also one that is moved or read-only."""

import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from numpy import exp

import tinyunet
import tinyunet.functional as F
from tinyunet import grade
from tinyunet.grade import desk, exercises, folder, keeping, progress

CONV2D, BACKWARD = exercises.load("conv2d"), exercises.load("conv2d_backward")
FACTOR = np.array([[1.0, 2.0]])
NAMES = ["one", "two"]


def doubled(x):
    return x * len(NAMES)


def with_all_it_needs(x, factor=FACTOR, times=np.sum):
    inner = [doubled(value) for value in x]
    return times(factor) * np.array(inner) + os.path.isabs("a") + exp(0) - 1


@pytest.fixture(autouse=True)
def session(monkeypatch, tmp_path):
    """A new session in a folder that is a course."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "course.json").write_text("{}")
    new_session(monkeypatch)


def new_session(monkeypatch):
    for name in ("_passed", "_tries", "_rungs"):
        monkeypatch.setattr(desk, name, {})


def ran(text, name):
    namespace = {}
    exec(text, namespace)
    return namespace[name]


# The source of an answer


def test_a_function_is_kept_with_what_it_uses():
    text = keeping.program("answer", with_all_it_needs)
    np.testing.assert_array_equal(ran(text, "answer")([1, 2]), [6, 12])
    assert text.startswith("import ")
    assert "NAMES = ['one', 'two']" in text
    assert "def doubled" in text


def test_recursion_and_other_functions_that_call_one_another_are_kept():
    assert ran(keeping.program("even", even), "even")(10)


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


class Block(tinyunet.nn.Module):
    """A class with a base class from elsewhere."""

    def forward(self, x):
        return doubled(x)


def test_a_class_is_kept():
    made = ran(keeping.program("block", Block), "block")
    assert made()(3) == 6


@tinyunet.differentiable
def decorated(x):
    return doubled(x), lambda dy: 2 * dy


def test_a_decorated_function_is_kept():
    kept = ran(keeping.program("decorated", decorated), "decorated")
    assert kept(tinyunet.tensor([1.0])).item() == 2


@pytest.mark.parametrize(
    "value",
    [3, 1.5, "text", None, True, [1, (2,), {"a": [3]}], (1, 8), np.float32(2.5), np.arange(6.0).reshape(2, 3)],
)
def test_numbers_are_kept(value):
    np.testing.assert_equal(ran(keeping.program("value", value), "value"), value)


def made_inside(k):
    return lambda x: x + k


LARGE = np.zeros(5000)
SOMETHING = object()


def using_something(x):
    return x, SOMETHING


def using_much(x):
    return x + LARGE


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (made_inside(3), "made inside another function"),
        (using_something, "it uses SOMETHING, of the type object, which cannot be written down"),
        (using_much, "it uses LARGE, of the type ndarray, which cannot be written down"),
        (eval("lambda x: x", {}), "is not to be found"),
    ],
)
def test_what_cannot_be_kept_is_said(answer, why):
    with pytest.raises(keeping.NotKept, match=why):
        keeping.program("answer", answer)


# In the folder


def test_what_is_passed_is_there_in_the_next_session(monkeypatch, tmp_path):
    verdict = grade("conv2d", CONV2D.solutions[1])
    assert "Kept in mine/conv2d.py." in verdict.message
    text = (tmp_path / "mine" / "conv2d.py").read_text(encoding="utf-8")
    assert text.startswith("# passed ")
    assert "from tinyunet.grade.exercises.conv2d import by_windows" in text
    new_session(monkeypatch)
    with grade.mine() as names:
        assert names == ["conv2d"]
    assert desk.passed() == {"conv2d"}


def test_from_a_folder_inside(monkeypatch, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert folder.find() == tmp_path


def test_outside_of_a_course_nothing_is_written(monkeypatch, tmp_path):
    (tmp_path / "course.json").unlink()
    assert "Kept" not in grade("conv2d", CONV2D.solutions[0]).message
    assert list(tmp_path.iterdir()) == []
    assert desk.passed() == {"conv2d"}


def test_a_program_that_was_changed_is_open_again(monkeypatch, tmp_path):
    grade("conv2d", CONV2D.solutions[0])
    new_session(monkeypatch)
    file = tmp_path / "mine" / "conv2d.py"
    file.write_text(file.read_text(encoding="utf-8") + "\nconv2d = None\n", encoding="utf-8")
    assert desk.passed() == set()
    assert folder.changed(tmp_path) == {"conv2d"}
    with grade.mine() as names:
        assert names == []
    assert "conv2d                      changed since it passed" in progress.report(tmp_path)
    grade("conv2d", CONV2D.solutions[0])
    assert folder.passed() == {"conv2d"}


@pytest.mark.parametrize("text", ["", "nonsense", "# passed 123\nx", b"\xff\xfe\x00"])
def test_files_of_something_else_do_no_harm(tmp_path, text):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "conv2d.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert folder.passed() == set()
    with grade.mine() as names:
        assert names == []
    assert ["conv2d", "changed", "since", "it", "passed"] in [
        line.split() for line in progress.report(tmp_path).splitlines()
    ]


def test_an_answer_that_cannot_be_kept_counts_all_the_same(monkeypatch, tmp_path):
    ours = CONV2D.solutions[0]
    verdict = grade("conv2d", lambda x, w, b, stride=1, padding=0: ours(x, w, b, stride, padding))
    assert verdict.passed
    assert "other notebooks cannot use it: <lambda> is made inside another function" in verdict.message
    with grade.mine() as names:
        assert names == ["conv2d"]
    new_session(monkeypatch)
    assert desk.passed() == {"conv2d"}
    with grade.mine() as names:
        assert names == []


def test_a_program_that_does_not_run_by_itself_is_not_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(folder, "program", lambda name, answer: "1 / 0\n")
    assert "by itself it raises ZeroDivisionError" in grade("conv2d", CONV2D.solutions[0]).message
    assert "1 / 0" not in (tmp_path / "mine" / "conv2d.py").read_text(encoding="utf-8")


def test_where_nothing_can_be_written_it_is_said(monkeypatch):
    def refuse(path, text):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(folder, "write_text", refuse)
    verdict = grade("conv2d", CONV2D.solutions[0])
    assert verdict.passed
    assert "could not be kept" in verdict.message
    assert "Permission denied" in verdict.message
    assert desk.passed() == {"conv2d"}


def test_in_a_folder_that_was_deleted_it_goes_on(monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert grade("conv2d", CONV2D.solutions[0]).passed
    monkeypatch.chdir(tmp_path)


def test_a_notebook_of_another_process_uses_what_is_kept(tmp_path):
    program = """
        import numpy as np
        from tinyunet import grade

        def window(x, i, j, kh, kw):
            return x[:, :, i : i + kh, j : j + kw]

        def conv2d(x, w, b, stride=1, padding=0):
            x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
            kh, kw = w.shape[2:]
            rows = range(0, x.shape[2] - kh + 1, stride)
            cols = range(0, x.shape[3] - kw + 1, stride)
            y = np.zeros((len(x), len(w), len(rows), len(cols)), x.dtype)
            for k, i in enumerate(rows):
                for m, j in enumerate(cols):
                    y[:, :, k, m] = np.einsum("nckl,ockl->no", window(x, i, j, kh, kw), w) + b
            return y

        assert grade("conv2d", conv2d)
    """
    (tmp_path / "first.py").write_text(textwrap.dedent(program), encoding="utf-8")
    second = "from tinyunet import grade\nwith grade.mine() as names: print(names)"
    environment = {**os.environ, "PYTHONPATH": str(exercises.ROOT.parent), "PYTHONIOENCODING": "utf-8"}
    for args, said in [(["first.py"], "Kept in mine/conv2d.py."), (["-c", second], "['conv2d']")]:
        done = subprocess.run([sys.executable, *args], env=environment, capture_output=True, check=True, text=True)
        assert said in done.stdout
    assert "def window" in (tmp_path / "mine" / "conv2d.py").read_text(encoding="utf-8")


# In the network


def test_mine_stands_in_for_ours_forward_and_backward():
    rng = np.random.default_rng(0)
    calls = []

    def counted(name, of):
        def call(*args):
            calls.append(name)
            return of(*args)

        return call

    x, w, b = (tinyunet.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 2, 5, 5), (3, 2, 3, 3), (3,)))
    dy = rng.standard_normal((2, 3, 3, 3))
    with grade.mine():
        F.conv2d(x, w, b, stride=2, padding=1).backward(dy)
    ours = [leaf.grad.numpy().copy() for leaf in (x, w, b)]
    desk._passed["conv2d"] = counted("conv2d", CONV2D.solutions[1])
    for passed, names, called in [
        ("conv2d", ["conv2d"], ["conv2d"]),
        ("conv2d_backward", ["conv2d", "conv2d_backward"], ["conv2d", "conv2d_backward"]),
    ]:
        if passed == "conv2d_backward":
            desk._passed[passed] = counted(passed, BACKWARD.solutions[1])
        for leaf in (x, w, b):
            leaf.grad = None
        calls.clear()
        with grade.mine() as theirs:
            F.conv2d(x, w, b, stride=2, padding=1).backward(dy)
        assert theirs == names
        assert calls == called
        for leaf, right in zip((x, w, b), ours, strict=True):
            np.testing.assert_allclose(leaf.grad.numpy(), right, atol=1e-12)


def test_without_anything_passed_ours_is_used():
    with grade.mine() as names:
        assert names == []


# Progress


def test_the_number_of_operations(tmp_path):
    total = sum(e.operation is not None for e in exercises.everything().values())
    assert progress.operations_of(()) == f"0 of {total} operations of your U-Net are yours."
    assert progress.operations_of({"conv2d"}) == f"1 of {total} operations of your U-Net is yours."
    assert f"1 of {total} operations" in grade("conv2d", CONV2D.solutions[0]).message
    report = progress.report(tmp_path)
    assert f"1 of {total} operations of your U-Net is yours." in report
    lines = [line.split() for line in report.splitlines()]
    assert ["conv2d", "done"] in lines
    assert "Next: " in report


def test_when_all_is_done_there_is_nothing_next(tmp_path):
    for name in exercises.names():
        folder.keep(name, 1)
    assert progress.report(tmp_path).endswith("All exercises are done.")
    assert json.loads((tmp_path / "course.json").read_text()) == {}


MUTANTS = {
    "grade.folder:_unchanged": [
        ("a changed program counts", "if first == PASSED + _digest(text)", "if first.startswith(PASSED)")
    ],
    "grade.folder:find": [("folders above are not looked at", "(here, *here.parents)", "(here,)")],
    "grade.folder:keep": [
        ("a folder that is read-only is an error", "except OSError as error", "except ZeroDivisionError as error"),
        ("it is not tried by itself", "_run(name, text)", "pass"),
    ],
    "grade.keeping:_define": [
        ("what is used is not kept", "_define(used, known[used], imports, definitions)", "pass"),
        ("closures are kept", 'if getattr(value, "__closure__", None) and', "if False and"),
    ],
    "grade.keeping:_loaded": [("inner functions are not looked into", "isinstance(part, types.CodeType)", "False")],
    "grade.keeping:_source": [("decorators are left out", "(node, *node.decorator_list)", "(node,)")],
    "grade.keeping:program": [("another name is not given", "if own != name", "if False")],
    "grade.desk:mine": [("ours is put in between", "operations.get(exercise.operation, ours)", "ours")],
    "grade.progress:operations_of": [("all exercises count", "if e.operation]", "]")],
}
