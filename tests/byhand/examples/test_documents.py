"""A document has the title, all that is given, the result and the elements; one in LaTeX compiles."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyunet import byhand
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.numbers import write, write_array
from tinyunet.byhand.examples import Ask, Example
from tinyunet.byhand.examples.documents import escaped
from tinyunet.byhand.views.text import latex_number

every_example = pytest.mark.parametrize("name", examples.names())


def shown(example):
    """What must be shown, by name: what is given, y, and the gradients and updated arrays that are asked for."""
    dy = [] if example.dy is None else [("dy", example.dy)]
    found = [*example.explanation.arrays.items(), *dy, ("y", example.explanation.result)]
    for of in {element.explanation.what: element.explanation for element in example.elements()}.values():
        if of.what != "y":
            found += [(name, a) for name, a in of.arrays.items() if name == "dy" and "dy" not in dict(found)]
            found.append((of.what, of.result))
    return found


@every_example
def test_markdown_and_text_show_all_of_it(name, tmp_path):
    example = examples.built_in(name)
    for suffix in (".md", ".txt"):
        example.save(tmp_path / f"y{suffix}")
        text = (tmp_path / f"y{suffix}").read_text(encoding="utf-8")
        assert text.startswith(f"# {example.title}\n" if suffix == ".md" else f"{example.title}\n")
        assert f"\n{example.explanation.operation.name}(" in text
        for what, array in shown(example):
            if what != "dy" or suffix == ".md" or example.dy is not None:
                assert f"\n{what} = {write_array(array, prefix=f'{what} = ')}\n" in text
        for element in example.elements():
            assert (element.markdown() if suffix == ".md" else element.text()) in text


@every_example
def test_a_page_has_the_title_and_shows_an_element_that_is_asked_for(name, tmp_path):
    example = examples.built_in(name)
    example.save(tmp_path / "y.html")
    page = (tmp_path / "y.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["title"] == example.title
    assert "<title>" in page
    first = example.elements()[0]
    assert data["result"]["name"] == first.explanation.what
    assert data["texts"][data["result"]["cells"][data["first"]]] == write(first.value)


def matrices(document):
    """The numbers of every matrix in a LaTeX document, and those that are given without one, in order."""
    given = document[document.index(r"\texttt") : document.index(r"\[")]
    for single, body in re.findall(r"= (?:([^\\]\S*|\\tfrac\S+)\$|\\begin\{bmatrix\} (.*?) \\end\{bmatrix\})", given):
        yield [[single]] if single else [row.split(" & ") for row in body.split(r" \\ ")]


def check_latex(example):
    """Nothing is left open, nothing is cut off, and every number is there."""
    document = example.latex()
    assert document.isascii()
    assert "?" not in document
    bare = re.sub(r"\\[{}]", "", document)
    depth = np.cumsum([(c == "{") - (c == "}") for c in bare])
    assert depth[-1] == 0
    assert depth.min() == 0
    opened = []
    for what, name in re.findall(r"\\(begin|end)\{(\w+)\}", document):
        assert what == "begin" or opened.pop() == name
        opened += [name] * (what == "begin")
    assert opened == []
    found = list(matrices(document))
    assert max(len(row) for rows in found for row in rows) <= int(re.search(r"MaxMatrixCols\}\{(\d+)", document)[1])
    expected = [
        [[latex_number(value) for value in row] for row in rows]
        for _, array in shown(example)
        for rows in np.atleast_2d(array).reshape(-1, *np.atleast_2d(array).shape[-2:])
    ]
    assert found == expected
    assert all(element.latex() in document for element in example.elements())
    return document


@every_example
def test_latex_is_a_document_with_every_number(name, tmp_path):
    example = examples.built_in(name)
    document = check_latex(example)
    assert document.startswith("\\documentclass")
    assert f"\\section*{{{escaped(example.title)}}}" in document
    example.save(tmp_path / "y.tex")
    assert (tmp_path / "y.tex").read_text(encoding="utf-8") == document


def wide():
    """More columns than a matrix has by default, a number with an exponent, and a title with everything in it."""
    y = byhand.conv2d([[[1e-7, *range(14)]] * 3] * 2, [[[[0.5, 1 / 3]]] * 2] * 3, b=[1, 2, 3])
    title = r"50% of 4×4 & ∂x_0 → {y} ~ \x^2 #1 $5: −σ²·½ … é"
    return Example(y, (Ask(y, (0, 0, 0)), Ask(y.grad("w"), (2, 1, 0, 1))), title)


def test_what_is_wide_and_strange_is_written_too():
    example = wide()
    document = check_latex(Example(example.explanation, example.asks, "plain"))
    assert r"1 \cdot 10^{-7}" in document
    assert escaped(example.title) == (
        r"50\% of 4$\times$4 \& $\partial$x\_0 $\to$ \{y\} \textasciitilde{} \textbackslash{}x\textasciicircum{}2 "
        r"\#1 \$5: $-$$\sigma$²$\cdot$½ $\dots$ é"
    )


@given(st.text(max_size=40))
def test_any_title_is_written(title):
    """Whatever has a meaning in LaTeX is escaped; a character that its fonts lack is a question mark."""
    text = escaped(title)
    assert all(c <= "\u017f" and c.isprintable() for c in text)
    plain = re.sub(r"\\[{}$&#_%]|\\text[a-z]+\{\}|\$(-|\\[a-z]+)\$", "", text)
    assert not set(plain) & set("{}$&#_%\\~^")


def test_elements_are_chosen(tmp_path):
    example = examples.built_in("weight-gradient")
    (element,) = example.elements(at=(1, 0))
    for suffix, text in ((".tex", element.latex()), (".md", element.markdown()), (".txt", element.text())):
        example.save(tmp_path / f"y{suffix}", [element])
        assert text in (tmp_path / f"y{suffix}").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["y.doc", "y", "y.png", ".tex"])
def test_other_endings_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r": an example is written as \.html, \.tex, \.md or \.txt"):
        examples.built_in("relu").save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="LaTeX is not installed: apt install texlive-latex-recommended"
)
@pytest.mark.parametrize(
    "name", ["wide", "batchnorm", *(pytest.param(n, marks=pytest.mark.slow) for n in examples.names())]
)
def test_latex_compiles(name, tmp_path):
    example = wide() if name == "wide" else examples.built_in(name)
    example.save(tmp_path / "y.tex")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "y.tex"], cwd=tmp_path, capture_output=True
    )
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-2000:]
    assert not [line for line in log.splitlines() if line.startswith(("Overfull", "LaTeX Warning", "Missing"))]


MUTANTS = {
    "byhand.examples.documents:latex": [
        ("matrices of ten columns at most", "str(max(columns, 10))", '"10"'),
        ("without its end", '"\\\\end{document}\\n"', '""'),
    ],
    "byhand.examples.documents:_shown": [
        ("without the gradient", "(whole.what, whole.result)]", "]"),
        ("without dy", 'for name, array in dy if name == "dy"', 'for name, array in dy if name == ""'),
    ],
    "byhand.examples.documents:html": [
        ("without the title", ", _title(example))", ")"),
    ],
    "byhand.examples.documents:matrices": [
        ("the first image only", "in np.ndindex(*maps.shape[:-2]):", "in [(0,) * (maps.ndim - 2)]:"),
    ],
}
