"""Sizes as a text, Markdown, LaTeX and a table: every number stands at the end of its arithmetic."""

import re

import pytest

from tinyunet import byhand

CHAIN = "conv:6,5 relu pool:2 conv:16,5 relu pool:2 flatten linear:120 relu linear:10"  # of LeNet

ONE = """\
conv2d 3×3, stride=2, padding=1, of 3×32×32

size: ⌊(input + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1
  rows and columns = ⌊(32 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = ⌊31 / 2⌋ + 1 = 15 + 1 = 16

parameters: how many numbers are in w and in b
  16·3·3·3 + 16 = 448

multiplications: how many numbers, times the weights that each meets
  (16·16·16) · (3·3·3) = 110,592

receptive field r: r + (kernel − 1)·dilation·jump, where jump is the product of the strides before
  1 + (3 − 1)·1·1 = 3

y is 16×16×16"""


def test_one_layer():
    size = byhand.size("conv2d", (3, 32, 32), out_channels=16, kernel_size=3, stride=2, padding=1)
    assert str(size) == repr(size) == size.text() == ONE


@pytest.mark.parametrize(
    ("layers", "shape", "line"),
    [
        ("pool:2,ceil_mode=true", 5, "= ⌈(5 + 2·0 − 1·(2 − 1) − 1) / 2⌉ + 1 = ⌈3 / 2⌉ + 1 = 2 + 1 = 3"),
        (
            "avgpool:2,3,1,true",
            5,
            "+ 1 − 1 = ⌈5 / 3⌉ + 1 − 1 = 2 + 1 − 1 (the last window would start at 2·3 = 6, not before 5 + 1) = 2",
        ),
        ("conv:k=4,p=same", 5, "⌊(5 + 1 + 2 − 1·(4 − 1) − 1) / 1⌋ + 1"),
        ("conv:k=3x5,d=2", (32, 40), "columns = ⌊(40 + 2·0 − 2·(5 − 1) − 1) / 1⌋ + 1 = ⌊31 / 1⌋ + 1 = 31 + 1 = 32"),
        ("up:8,3,2,1,1", (4, 7, 7), "rows and columns = (7 − 1)·2 − 2·1 + 1·(3 − 1) + 1 + 1 = 14"),
        ("up:8,3,2,1,1", (4, 7, 7), "receptive field: 1 to 2, depending on the place"),
        ("conv:k=5", 9, "y is 5×5; padding=2, which is dilation·(kernel − 1)/2, keeps the size"),
        ("conv:k=4", 9, "no padding that is the same on both sides keeps the size, as 3 is odd"),
        ("conv:8,3,g=2", (4, 9, 9), "8·2·3·3 + 8 = 152"),
        ("conv:8,3,bias=false", (4, 9, 9), "8·4·3·3 = 288"),
        ("bn", (4, 5, 5), "4 + 4 = 8"),
        ("gn:2", (4, 5, 5), "4 + 4 = 8"),
        ("ln:5x6", (4, 5, 6), "5·6 + 5·6 = 60"),
    ],
)
def test_lines(layers, shape, line):
    assert line in byhand.size(layers, shape).text()


def test_without_channels_nothing_is_counted():
    assert "parameters" not in byhand.size("conv:k=3", 9).text()


def test_a_chain():
    size = byhand.size(CHAIN, (1, 28, 28))
    text = size.text()
    assert " 4  conv2d 5×5      16×8×8        2,416          153,600  14\n" in text
    assert re.search(r"\n    all  +34,622  +271,920\n", text)
    assert "   4 conv2d      6 + (5 − 1)·1·2 = 14\n" in text
    assert size.parameters == 34622
    left = [line.rstrip() for line in text.split("\n")]
    assert left == text.split("\n")
    assert max(map(len, left)) <= 120
    for view in (text, size.markdown()):
        for sum in ("⌊6 / 2⌋", "16·6·5·5 + 16 = 2,416", "(16·8·8) · (6·5·5) = 153,600"):
            assert sum in view
    rows = size.markdown().strip().split("\n")
    assert {row.count("|") for row in rows} == {6}
    assert len(rows) == 2 + 1 + 10 + 1


def test_every_sum_is_right():
    """As Python calculates them."""
    size = byhand.size(f"{CHAIN} softmax", (3, 30, 40))
    text = size.text().replace("⌊", "int(").replace("⌋", ")").replace("·", "*").replace("−", "-").replace(",", "")
    equations = [line.split("  ")[-1] for line in text.split("\n") if " = " in line and "×" not in line]
    assert len(equations) > 15
    for equation in equations:
        sides = [side for side in equation.split(" = ") if not re.search("[a-z]", side.replace("int", ""))]
        assert len({eval(side) for side in sides}) == 1, equation


def test_the_table_of_a_notebook():
    html = byhand.size("conv:6,5 pool:2", (1, 28, 28))._repr_html_()
    assert html.count("<tr>") == 5
    assert "<td style='text-align:left;vertical-align:top'>156<br><small>6·1·5·5 + 6</small></td>" in html


def test_latex():
    latex = byhand.size("conv:6,5", (1, 28, 28)).latex()
    floor = r"\left\lfloor \frac{28 + 2 \cdot 0 - 1 \cdot (5 - 1) - 1}{1} \right\rfloor + 1 = 23 + 1 = 24"
    assert rf"\text{{rows and columns, conv2d}} &= {floor} \\" in latex
    assert latex.count("{") == latex.count("}")


MUTANTS = {
    "byhand.views.sizes:_grown": [
        ("the jump forgotten", "·{field.jump}", "·1"),
    ],
    "byhand.views.sizes:_keeps": [
        ("half of the kernel", "n.span - 1", "n.span"),
    ],
    "byhand.arithmetic.lengths:Gathered.worked": [
        ("padding once", "self._padding('+', '·')", "' + $p'"),
    ],
}
