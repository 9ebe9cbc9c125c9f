"""Worksheets to print: problems for a pencil, their answers worked out, and answers graded.

from tinyunet.byhand import worksheets

sheet = worksheets.sheet("conv2d", seed=7, level=2)
sheet.save("sheet.pdf"), sheet.save("key.pdf", key=True)
sheet.check({1: 35, "2a": 7})
"""

from __future__ import annotations

import os

from tinyunet.byhand.worksheets.levels import topics
from tinyunet.byhand.worksheets.paper.html import html
from tinyunet.byhand.worksheets.paper.markdown import markdown
from tinyunet.byhand.worksheets.problems import problem
from tinyunet.byhand.worksheets.sheets import USUAL, Sheet, grade, read_code, sheet
from tinyunet.files import ending, write_text

__all__ = ["USUAL", "Sheet", "grade", "problem", "read_code", "sheet", "topics"]

ENDINGS = ".pdf", ".html", ".md", ".txt"  # in which a sheet is written; a text is Markdown, too


def pdf(sheet: Sheet, path: str | os.PathLike[str], key: bool = False) -> None:
    """Write the sheet, or its key, as a PDF in A4."""
    from tinyunet.byhand.worksheets.paper.pdf import pdf  # which loads Matplotlib: the others do not need it

    pdf(sheet, path, key)


def save(sheet: Sheet, path: str | os.PathLike[str], key: bool = False) -> None:
    """Write the sheet, or its key; the ending of the name says in which format.

    Raises:
        ValueError: an ending other than .pdf, .html, .md or .txt.
    """
    suffix = ending(path, ENDINGS, "a worksheet")
    if suffix == ".pdf":
        return pdf(sheet, path, key)
    write_text(path, html(sheet, key) if suffix == ".html" else markdown(sheet, key))


for _method in (markdown, html, pdf, save):  # a sheet does not know how it is printed, but it can be asked to
    setattr(Sheet, _method.__name__, _method)
