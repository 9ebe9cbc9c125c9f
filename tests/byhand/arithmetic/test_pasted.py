"""Grids are read as programs, notebooks, LaTeX and tables write them."""

import contextlib
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyunet.byhand.arithmetic.grids import read_grid
from tinyunet.byhand.arithmetic.numbers import read_array
from tinyunet.byhand.arithmetic.pasted import plain


def lines(rows, between=" ", end="\n"):
    return end.join(between.join(row) for row in rows)


def nested(rows, left="[", right="]"):
    inner = f"{right}, {left}".join(", ".join(row) for row in rows)
    return f"{left}{left}{inner}{right}{right}"


def printed(rows):
    """As NumPy prints it."""
    return "[[" + lines(rows, " ", "]\n [") + "]]"


def table(rows):
    return lines([[f"| {cell} " for cell in row] for row in rows], "", "|\n") + "|"


def framed(rows):
    width = max(len(cell) for row in rows for cell in row)
    inner = ["  ".join(cell.rjust(width) for cell in row) for row in rows]
    if len(inner) == 1:
        return f"[{inner[0]}]"
    edges = ["⎡⎤", *["⎢⎥"] * (len(inner) - 2), "⎣⎦"]
    return f"\n⎢{' ' * len(inner[0])}⎥\n".join(f"{e[0]}{line}{e[1]}" for e, line in zip(edges, inner, strict=True))


# How a grid of two axes is written, from the texts of its numbers.
FORMS = {
    "assignment": lambda rows: f"x = {nested(rows)}",
    "assignment of several words": lambda rows: f"const y_pred = {nested(rows)};",
    "typed assignment": lambda rows: f"x: list[list[float]] = {nested(rows)}",
    "arrow": lambda rows: f"x <- rbind({lines(rows, ', ', '), c(').join(['c(', ')'])})",
    "braces": lambda rows: nested(rows, "{", "}"),
    "C": lambda rows: f"float x[2][3] = {nested(rows, '{', '}')};",
    "tuples": lambda rows: nested(rows, "(", ")") if len(rows) > 1 and len(rows[0]) > 1 else nested(rows),
    "quotes": lambda rows: f'"{nested(rows)}"',
    "quoted numbers": lambda rows: nested([[f"'{cell}'" for cell in row] for row in rows]),
    "JSON": lambda rows: f'{{"x": {nested(rows)}}}',
    "fence": lambda rows: f"```python\nx = np.array({nested(rows)})\n```",
    "letter": lambda rows: "> " + lines(rows, end="\n> "),
    "letter in a letter": lambda rows: "> > " + lines(rows, end="\n> > "),
    "notebook": lambda rows: f"In [3]: x = {nested(rows)}",
    "notebook's answer": lambda rows: f"Out[3]:\narray({nested(rows)})",
    "comments": lambda rows: lines(rows, end="  # a row, of 2\n"),
    "comments of C": lambda rows: lines(rows, ", ", "  // row 1\n"),
    "comments of MATLAB": lambda rows: lines(rows, end="  % row 1\n"),
    "tabs": lambda rows: lines(rows, "\t"),
    "table": table,
    "table with a rule": lambda rows: table(rows).replace("\n", "\n|---|:-:|\n", 1),
    "table with a head": lambda rows: f"| a | b |\n|---|---|\n{table(rows)}",
    "drawn table": lambda rows: f"+---+\n{table(rows)}\n+---+",
    "SymPy": framed,
    "LaTeX": lambda rows: lines(rows, " & ", " \\\\\n"),
    "LaTeX in a line": lambda rows: lines(rows, "&", r"\\"),
    "pmatrix": lambda rows: r"$X = \begin{pmatrix}" + lines(rows, " & ", r" \\ ") + r"\end{pmatrix}$",
    "bmatrix": lambda rows: "\\[\n\\begin{bmatrix}\n" + lines(rows, " & ", " \\\\[2pt]\n") + "\n\\end{bmatrix}\n\\]",
    "LaTeX's array": lambda rows: r"\left( \begin{array}{rr} " + lines(rows, " & ", r" \\ ") + r" \end{array} \right)",
    "np.array": lambda rows: f"np.array({nested(rows)}, dtype=np.float32)",
    "NumPy's type": lambda rows: f"numpy.array({nested(rows)}, np.float32)",
    "np.float64": lambda rows: nested([[f"np.float64({cell})" for cell in row] for row in rows]),
    "np.matrix": lambda rows: f"matrix({nested(rows)})",
    "torch.tensor": lambda rows: f"x = torch.tensor({nested(rows)}, requires_grad=True)",
    "Parameter": lambda rows: f"Parameter containing:\ntensor({nested(rows)}, device='cuda:0', grad_fn=<MulBackward0>)",
    "NumPy": printed,
    "tf.Tensor": lambda rows: f"tf.Tensor({printed(rows)}, shape=(2, 3), dtype=float32)",
    "tf.Tensor's repr": lambda rows: f"<tf.Tensor: shape=(2, 3), dtype=float64, numpy=\narray({nested(rows)})>",
    "tf.Variable": lambda rows: (
        f"<tf.Variable 'v:0' shape=(1,) dtype=float32, numpy=array({nested(rows)}, dtype=float32)>"
    ),
    "JAX": lambda rows: f"Array({nested(rows)}, dtype=float32, weak_type=True)",
    "MXNet": lambda rows: f"\n{printed(rows)}\n<NDArray 2x3 @cpu(0)>",
    "Paddle": lambda rows: (
        f"Tensor(shape=[2, 3], dtype=float32, place=Place(cpu), stop_gradient=True,\n {nested(rows)})"
    ),
    "MATLAB": lambda rows: "x =\n\n   " + lines(rows, "    ", "\n   ") + "\n\n",
    "MATLAB's input": lambda rows: f"x = [{lines(rows, ' ', '; ')}];",
    "Octave": lambda rows: "ans =\n\n  " + lines(rows, "   ", "\n  ") + "\n",
    "R": lambda rows: "     [,1] [,2]\n" + lines([[f"[{k},]", *row] for k, row in enumerate(rows, 1)]),
    "Julia": lambda rows: "2×3 Matrix{Float64}:\n " + lines(rows, "  ", "\n "),
    "Julia's input": lambda rows: f"Float32[{lines(rows, ' ', '; ')}]",
    "method": lambda rows: f"np.array({nested(rows)}).astype(np.float32)",
    "one under another": lambda rows: "\n".join(f"[{', '.join(row)}]" for row in rows),
}
EXACT = st.integers(-99, 99).map(str) | st.decimals(-9, 9, places=2).map(str)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=12)
@given(data=st.data(), height=st.integers(2, 3), width=st.integers(2, 3))
def test_grids_are_read_as_others_write_them(form, data, height, width):
    rows = data.draw(st.lists(st.lists(EXACT, min_size=width, max_size=width), min_size=height, max_size=height))
    text = FORMS[form](rows)
    np.testing.assert_array_equal(read_array(text).values, np.array(rows, float), text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]  0.5 0.25\n[3] 0.125", [0.5, 0.25, 0.125]),  # a vector in R
        ("3-element Vector{Float64}:\n 1.0\n 2.0\n 3.0", [1, 2, 3]),
        ("c(1, 2, 3)", [1, 2, 3]),
        ("[ 1.5  2.5\n  3.5]", [1.5, 2.5, 3.5]),  # NumPy's lines are no rows where they are of different lengths
        ("ans(:,:,1) =\n\n  1  2\n\n\nans(:,:,2) =\n\n  3  4\n", [[[1, 2]], [[3, 4]]]),
        ("ans(:,:,1,1) =\n\n 1 2\n\nans(:,:,1,2) =\n\n 3 4\n", [[[[1, 2]]], [[[3, 4]]]]),
        (", , 1\n\n     [,1] [,2]\n[1,]    1    3\n\n, , 2\n\n     [,1] [,2]\n[1,]    5    7\n", [[[1, 3]], [[5, 7]]]),
        ("[:, :, 1] =\n 1  2\n\n[:, :, 2] =\n 5  6", [[[1, 2]], [[5, 6]]]),
        ("   1.0e+03 *\n\n    0.0010    2.0000\n    0.0030   -0.0040\n", [[1, 2000], [3, -4]]),
        ("2.06 × 10^-9  3·10⁻³ 1.5*^-9 2e3", [2.06e-9, 3e-3, 1.5e-9, 2000]),
        (r"2.06 \times 10^{-9} & \frac{1}{2}", [2.06e-9, 0.5]),
        ("1,5 & 2,5 \\\\ 3,5 & 4,5", [[1.5, 2.5], [3.5, 4.5]]),
        ("1{,}5 & 2{,}5", [1.5, 2.5]),
        ("\t1\t2\n\t3\t4", [[1, 2], [3, 4]]),
        ("½ ¼ 1//4", [0.5, 0.25, 0.25]),
        ("[[Fraction(1, 2), Fraction(-3, 4)]]", [[0.5, -0.75]]),
        ("50% 12.5%", [0.5, 0.125]),
        ("1.0f0 2.5f-3 1.5D-03", [1, 0.0025, 0.0015]),
        ("y[0, 0] = 36", 36),
        (r"y_{0,0} = 36", 36),
        (r"$\boxed{36}$", 36),
        (r"\mathbf{x} = \begin{pmatrix} 1 & 2 \end{pmatrix}", [1, 2]),
        ("[[1, 2], [3, 4]].", [[1, 2], [3, 4]]),
        ("y[0, 1]: 36", 36),
        ("tensor(36.)", 36),
        ("np.float64(36.0)", 36),
    ],
)
def test_what_only_one_program_writes(text, expected):
    np.testing.assert_allclose(read_array(text).values, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[1. 2. ... 3.]]", "some numbers are left out"),
        ("[[1 2]\n ...\n [3 4]]", "some numbers are left out"),
        ("1 2 … 3", "some numbers are left out"),
        (r"1 & \dots & 3", "some numbers are left out"),
        ("np.zeros((2, 2))", "what np.zeros makes of its numbers is not known here"),
        ("np.array([[1, 2]]).reshape(2, 1)", "what .reshape makes of its numbers is not known here"),
        ("matrix(c(1, 2, 3, 4), nrow=2)", "nrow says how numbers are laid out"),
        ("[1 2; 3 4]'", "a ' exchanges rows and columns"),
        (" Columns 1 through 8:\n\n 1 2", "the columns are printed in several blocks"),
        ("2.5e+03 *\n\n 1 2", "stands above the numbers"),
        ("[[1, 2], [3, 4]", "there is a [ without its ]"),
        ("[1, 2)", "there is a [ without its ]"),
    ],
)
def test_what_would_be_misread_is_refused(text, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared below
        read_grid(text)
    assert message in str(error.value)


@given(st.text(alphabet="0123456789.,;:-+eE[](){}|&\\ \t\n=_?'\"#%/<>*^xnarytf", max_size=40))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    with contextlib.suppress(ValueError, TypeError):
        read_array(text)


PIECES = (
    *" \n\t[({-\\|1x=%#>.,:&+'\"<⎡─", "1 ", "1,", "x: ", "a =", "-- ", "\\begin{a}", "[1]", "np.array(", "a= ",
    "(a= ", "1 x ", "| ", "1e3 *\n", "} ", "1 \t", ";1", "x" + " " * 30_000, "x: y" + " " * 30_000,
    "1" + " \t" * 20_000 + "x",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: repr(piece[:9]))
def test_what_is_long_is_read_or_refused_at_once(piece):
    start = time.process_time()
    with contextlib.suppress(ValueError, TypeError):
        read_grid(piece * (60_000 // len(piece) + 1))
    assert time.process_time() - start < 5  # at most half a second where nothing else runs


@pytest.mark.parametrize("text", ["1 2\n3 4", "[[1, 2], [3, 4]]", "1,5 2,5", "1 2; 3 4", "-1/2", "1\n\n2\n---\n3\n\n4"])
def test_what_has_no_decoration_stays_as_it_is(text):
    assert plain(text) == text


@pytest.mark.parametrize("text", ["1, , 3", "1\t\t3", "[1, , 3]", "1 & & 3", "| 1 | | 3 |", "{1,,3}", "c(1, , 3)"])
def test_an_empty_place_is_kept(text):
    assert read_grid(text) == ["1", "", "3"]
    with pytest.raises(ValueError, match="a number is missing"):
        read_array(text)


def test_a_fraction_is_exact():
    assert read_array("1/3 2//3").values.tolist() == [float(Fraction(1, 3)), float(Fraction(2, 3))]


MUTANTS = {
    "byhand.arithmetic.pasted:plain": [
        ("a common factor is left out", 'rf"\\g<0>e{factor[2]}"', 'r"\\g<0>"'),
        ("blocks of columns stand under one another", "if SPLIT.search(text):", "if False:"),
    ],
    "byhand.arithmetic.pasted:_page": [
        ("an image is a channel", '"\\n---\\n" if int(third) == 1 < int(fourth) else "\\n\\n"', '"\\n\\n"'),
    ],
    "byhand.arithmetic.grids:_Brackets.word": [
        ("what is said beside numbers is one", "return found if name in HELD else None", "return found"),
        ("numbers are laid out in rows", "if name in LAID_OUT:", "if False:"),
    ],
    "byhand.arithmetic.grids:_Brackets.call": [
        ("any function makes an array", "if not ARRAYS.fullmatch(name) or len(numbers) != 1:", "if len(numbers) != 1:"),
    ],
    "byhand.arithmetic.grids:_Brackets.values": [
        ("an empty place is none", 'if token == "," and comma:', "if False:"),
    ],
    "byhand.arithmetic.grids:_channels": [
        ("the first cell of a row is never empty", 'all(row[0] == "\\t" for row in written)', "True"),
    ],
}
