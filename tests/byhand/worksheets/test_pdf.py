"""The pages of a PDF hold everything, none of it beyond their edges, and are filled."""

import re

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from tests.byhand.worksheets.drawn import ALL, questions
from tinyunet.byhand import worksheets
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.worksheets.levels import LEVELS
from tinyunet.byhand.worksheets.paper import content, pdf


def texts(page):
    return [text.get_text() for text in page.axes[0].texts]


@pytest.mark.parametrize("key", [False, True])
def test_pages(key):
    for topic in LEVELS:
        sheet = worksheets.sheet(topic, 999999999, len(LEVELS[topic]), 4)
        pages = pdf.pages(sheet, key)
        for k, page in enumerate(pages, 1):
            canvas = FigureCanvasAgg(page)
            assert f"{k} / {len(pages)}" in texts(page)
            assert any(f"Sheet {sheet.code} (" in text for text in texts(page))
            for text in filter(Text.get_text, page.axes[0].texts):
                box = text.get_window_extent(canvas.get_renderer())
                (left, low), (right, high) = page.axes[0].transData.inverted().transform(box)
                assert left >= pdf.LEFT - 2
                assert right <= pdf.WIDTH - pdf.LEFT + 2
                assert 10 < high < low < pdf.HEIGHT - 5
        everything = " ".join(" ".join(text for page in pages for text in texts(page)).split())  # lines are wrapped
        for problem in sheet.problems:
            assert f"{problem.number}. {problem.call}" in everything
        first = texts(pages[0])
        assert any(re.match(r"\d[ab]?: \w", text) for text in first) == key
        for grid in content.answers(sheet) if key else ():
            drawn = [grid.caption, *grid.columns, *grid.rows, *(text for row in grid.texts for text in row)]
            at = first.index(grid.caption)
            assert first[at : at + len(drawn)] == drawn
        answers = [text for grid in content.answers(sheet) for row in grid.texts for text in row]
        assert answers == [write(value) for question in questions(sheet) for value in question.answer.flat]


MUCH = ("conv2d", 4), ("batch_norm", 2)  # numbers to be given


def test_sheets_save_paper_and_fill_it():
    for topic, level in ALL:
        pages = pdf.pages(worksheets.sheet(topic, 7, level), False)
        assert len(pages) <= (1 if topic == "relu" else 3 if (topic, level) in MUCH else 2)
        asked = [sum(bool(re.match(r"\d\.  y = ", text)) for text in texts(page)) for page in pages]
        assert sum(asked) == 6
        assert max(asked) - min(asked) <= 1
        for page in pages:
            ends = [line[-1, 1] for lines in page.axes[0].collections for line in lines.get_segments()]
            assert pdf.BOTTOM - 70 < max(ends) <= pdf.BOTTOM


def test_pdf(tmp_path):
    sheet = worksheets.sheet("conv2d", 7, 2)
    sheet.pdf(tmp_path / "sheet.pdf")
    raw = (tmp_path / "sheet.pdf").read_bytes()
    assert raw.startswith(b"%PDF")
    assert raw.count(b"/Type /Page ") == len(pdf.pages(sheet, False)) == 2
    assert b"sheet conv2d:7:2" in raw
    assert b"CreationDate" not in raw


@pytest.mark.parametrize("topic", LEVELS)
def test_any_number_of_problems_is_laid_out(topic):
    """One problem alone, or one on each page, leaves nothing to spread evenly."""
    for level in (1, len(LEVELS[topic])):
        whole = worksheets.sheet(topic, 7, level, 9)
        for count in range(1, 10):
            groups = [pdf._problem(problem) for problem in whole.problems[:count]]
            laid = pdf._evenly(groups)
            assert [block for page in laid for block in page] == [block for group in groups for block in group]
            assert len(laid) == len(pdf._laid(groups, pdf.ROOM)) <= count
            assert all(pdf._height(page) <= pdf.ROOM for page in laid)


@pytest.mark.parametrize("topic", LEVELS)
@pytest.mark.parametrize("key", [False, True])
def test_a_sheet_of_one_problem(topic, key, tmp_path):
    worksheets.sheet(topic, 7, len(LEVELS[topic]), 1).pdf(tmp_path / "sheet.pdf", key)
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


MUTANTS = {
    "byhand.worksheets.paper.pdf:_full": [
        ("pages that are not filled", "ROOM - _height(page)", "0"),
    ],
}
