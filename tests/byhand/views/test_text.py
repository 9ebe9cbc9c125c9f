"""Texts say every number of an element; of long sums the beginning and the end."""

import numpy as np

from tests.byhand.article import ARTICLE
from tinyunet import byhand


def test_the_articles_example_reads_as_in_the_article():
    lines = byhand.conv2d(*ARTICLE, b=[2]).at(0, 0, 0).text().splitlines()
    assert lines[1].startswith("  channel 0: 10×1 + 10×0 + 0×(−1) + 10×1")
    assert lines[1].endswith("= 30")
    assert lines[2].endswith("5×1 + 5×0 + 5×0 + 5×0 + 5×0 = 5")
    assert lines[3] == "  y[0, 0, 0] = 30 + 5 + 2 (bias) = 37"


def test_a_negative_number_that_is_added_stands_in_brackets():
    found = byhand.conv2d([[1, 2, -3]], [[-1, -1, 2]], ["-1/2"]).at(0, 0).text()
    assert found.endswith("1×(−1) + 2×(−1) + (−3)×2 = −9\n  y[0, 0] = −9 + (−0.5) (bias) = −9.5")


def test_the_middle_of_a_large_window_is_left_out():
    element = byhand.max_pool2d(np.arange(25).reshape(5, 5), 5).at(0, 0)
    numbers = f"{', '.join(map(str, range(12)))}, …, 19, 20, 21, 22, 23, 24"
    assert str(element).endswith(f"y[0, 0] = max({numbers}) = 24, from x[4, 4]")
    assert r"11, \dots, 19" in element.latex()


def test_latex_and_markdown_hold_the_same_numbers():
    element = byhand.conv2d(*ARTICLE, b=["−1/2"]).at(0, 0, 0)
    latex = element.latex()
    assert latex.count("&") == 3
    assert r"10 \cdot 1 + 10 \cdot 0 + 0 \cdot (-1)" in latex
    assert r"y_{0,0,0} &= 30 + 5 + (-0.5) = 34.5" in latex
    markdown = element.markdown()
    assert "| channel 0 | x[0, 0, 0] × w[0, 0, 0, 0] | 10×1 | 10 |" in markdown
    assert markdown.count("\n|") == 20


MUTANTS = {
    "byhand.views.text:Text.added": [
        ("the bias is named inside the brackets", r"[^×\s]+", "[^×]+"),
    ],
}
