"""A worked example as a document of its own: its title, all that is given, the result, and elements worked out."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element
from tinyunet.byhand.arithmetic.operation import Operation
from tinyunet.byhand.examples.example import Example, grid
from tinyunet.byhand.views import page
from tinyunet.byhand.views.text import latex_number
from tinyunet.files import ending, write_text
from tinyunet.tensor import Array

Elements = Sequence[Element] | None  # worked out; None for those that the example asks for


def markdown(example: Example, elements: Elements = None) -> str:
    """The example in Markdown.

    >>> from tinyunet.byhand.examples import built_in
    >>> print("\\n".join(markdown(built_in("relu")).splitlines()[:5]))
    # Negative numbers become 0, and their gradient, too
    <BLANKLINE>
    ```text
    relu()
    x = [−3  2  0  5]
    """
    elements = _chosen(example, elements)
    given = "\n".join([example.call, *(grid(name, array) for name, array in _shown(example, elements))])
    worked = "\n".join(element.markdown() for element in elements)
    return f"# {_title(example)}\n\n```text\n{given}\n```\n\n{worked}"


def latex(example: Example, elements: Elements = None) -> str:
    r"""The example as a LaTeX document, which needs no more than amsmath, geometry and graphicx.

    >>> from tinyunet.byhand.examples import built_in
    >>> print(latex(built_in("transposed2x2")).splitlines()[-5])
    \[\fitted{\begin{aligned}
    """
    elements = _chosen(example, elements)
    operation, arrays = example.explanation.operation, _shown(example, elements)
    formulas = dict.fromkeys(element.formula.latex for element in elements)
    columns = max(array.shape[-1] if array.ndim else 1 for _, array in arrays)
    return "\n\n".join(
        [
            PREAMBLE.replace("COLUMNS", str(max(columns, 10))),
            f"\\section*{{{escaped(_title(example))}}}",
            f"\\texttt{{{escaped(example.call)}}}",
            *(matrices(letter_of(operation, name), array) for name, array in arrays),
            *(f"\\[{formula}\\]" for formula in formulas),
            *(f"\\[\\fitted{{{element.latex()}}}\\]" for element in elements),
            "\\end{document}\n",
        ]
    )


def html(example: Example, elements: Elements = None) -> str:
    """The example as a page to click through; the first element is shown first."""
    first = _chosen(example, elements)[0]
    return page.html(first.explanation, first.index, _title(example))


# The endings of files, and the methods that write what is in them.
FORMATS = {".html": "html", ".tex": "latex", ".md": "markdown", ".txt": "text"}


def document(example: Any, path: str | os.PathLike[str], elements: Elements = None) -> str:
    """An example, or whatever has its methods, in the format that the ending of a file's name says.

    Raises:
        ValueError: an ending other than .html, .tex, .md or .txt.
    """
    form = FORMATS[ending(path, FORMATS, "an example")]
    return f"{getattr(example, form)(_chosen(example, elements)).rstrip()}\n"


def save(example: Example, path: str | os.PathLike[str], elements: Elements = None) -> None:
    """Write the example; the ending of the name says in which format.

    Raises:
        ValueError: an ending other than .html, .tex, .md or .txt.
    """
    write_text(path, document(example, path, elements))


def _chosen(example: Example, elements: Elements) -> Sequence[Element]:
    return example.elements() if elements is None else elements


def _shown(example: Example, elements: Sequence[Element]) -> list[tuple[str, Array]]:
    """What is given, y, and what else there is something worked out of."""
    shown = example.arrays()
    for whole in {element.explanation.what: element.explanation for element in elements}.values():
        if whole.what != "y":
            dy = whole.arrays.items() if "dy" not in dict(shown) else ()  # where none is given it is 1 everywhere
            shown += [*((name, array) for name, array in dy if name == "dy"), (whole.what, whole.result)]
    return shown


def _title(example: Example) -> str:
    return example.title or example.explanation.title


# ---- LaTeX

# What is too wide for the page is scaled down to it: a line of many products cannot be broken.
PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage{amsmath}
\usepackage{graphicx}
\usepackage[margin=2cm]{geometry}
\setcounter{MaxMatrixCols}{COLUMNS}
\setlength{\parindent}{0pt}
\raggedright
\setlength{\parskip}{1ex}
\newcommand{\fitted}[1]{\sbox0{$\displaystyle #1$}%
  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi}
\begin{document}"""

SIGNS = {
    "×": r"\times", "·": r"\cdot", "−": "-", "→": r"\to", "∂": r"\partial", "√": r"\surd", "Σ": r"\Sigma",
    "≤": r"\le", "≥": r"\ge", "≈": r"\approx", "≠": r"\ne", "…": r"\dots", "∞": r"\infty",
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "ε": r"\varepsilon", "μ": r"\mu", "σ": r"\sigma",
}  # fmt: skip
SPECIAL = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    **{character: f"${command}$" for character, command in SIGNS.items()},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
KNOWN_LETTERS = "\u017f"  # up to here LaTeX's fonts have what is written with an accent


def escaped(text: str) -> str:
    r"""A line of text for LaTeX; characters that its fonts do not have become question marks.

    >>> print(escaped("50% of 4×4 & ∂x_0"))
    50\% of 4$\times$4 \& $\partial$x\_0
    """
    return "".join(SPECIAL.get(c, c if c <= KNOWN_LETTERS and c.isprintable() else "?") for c in text)


def letter_of(operation: Operation, name: str) -> str:
    """What an array is called: a letter, or its name upright."""
    bare = name.removeprefix("d") if name not in operation.arrays else name
    letter = operation.letters.get(bare, bare)
    if len(letter) > 1 and letter == bare:
        letter = f"\\text{{{escaped(bare)}}}"
    return letter if name == bare else f"\\frac{{\\partial L}}{{\\partial {letter}}}"


def matrices(letter: str, array: Array) -> str:
    """A matrix for every image, channel or filter."""
    if array.ndim == 0:
        return f"${letter} = {latex_number(float(array))}$"
    maps = np.atleast_2d(array)
    found = []
    for lead in np.ndindex(*maps.shape[:-2]):
        rows = r" \\ ".join(" & ".join(latex_number(value) for value in row) for row in maps[lead])
        place = f"_{{{','.join(map(str, lead))}}}" if lead else ""
        name = re.sub(r"(\}?)$", f"{place}\\1", letter) if letter.startswith(r"\frac") else letter + place
        found.append(f"$\\fitted{{{name} = \\begin{{bmatrix}} {rows} \\end{{bmatrix}}}}$")
    return "\\quad\n".join(found)
