"""The pages of a PDF hold everything, none of it beyond their edges, and are filled."""

import contextlib
import itertools
import re
import zlib

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from tests.byhand.worksheets.drawn import ALL, every, questions
from tinyunet.byhand import worksheets
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.worksheets.levels import LEVELS
from tinyunet.byhand.worksheets.paper import content, pdf
from tinyunet.byhand.worksheets.problems import MOST


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


def measured(path):
    """The sizes of all letters in a PDF, in points on paper, whatever they were scaled by; the paper is A4."""
    raw = path.read_bytes()
    assert set(re.findall(rb"/MediaBox \[ (.*?) \]", raw)) == {b"0 0 595.2755905512 841.8897637795"}
    sizes = set()
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL):
        with contextlib.suppress(zlib.error):
            drawn = zlib.decompress(stream)
            sizes |= {float(size) for size in re.findall(rb"/F\d+ ([\d.]+) Tf", drawn)}
            scales = {float(x) for pair in re.findall(rb"([\d.e-]+) 0 -?0 ([\d.e-]+) \S+ \S+ cm", drawn) for x in pair}
            sizes |= {1000 * x for x in scales - {1}}  # a letter drawn as a shape of 1000 units
    return sizes


@pytest.mark.parametrize("topic", LEVELS)
def test_nothing_on_paper_is_smaller_than_ten_points(topic, tmp_path, recwarn):
    sheet = worksheets.sheet(topic, 999999999, len(LEVELS[topic]), len(LEVELS[topic][-1].kinds))
    for key in (False, True):
        sheet.pdf(tmp_path / "sheet.pdf", key)
        sizes = measured(tmp_path / "sheet.pdf")
        assert 10 <= min(sizes) <= max(sizes) <= 15
    assert not [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)]


MUCH = ("conv2d", 4), ("conv_transpose2d", 4), *(("batch_norm", level) for level in range(1, 7))  # numbers to be given


def test_sheets_save_paper_and_fill_it():
    for topic, level in ALL:
        pages = pdf.pages(worksheets.sheet(topic, 7, level), False)
        assert len(pages) <= (1 if topic == "relu" else 3 if (topic, level) in MUCH else 2)
        asked = [sum(bool(re.match(r"\d\.  y = ", text)) for text in texts(page)) for page in pages]
        assert sum(asked) == 6
        assert max(asked) - min(asked) <= 2  # a long reminder takes the place of one
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


def lay_out(sheet, counts):
    """So many problems of it, each number of them on pages of their own."""
    all_groups = [pdf._problem(problem) for problem in sheet.problems]
    for count in counts:
        groups = all_groups[:count]
        groups[0] = pdf._header(sheet, False) + groups[0]
        laid = pdf._evenly(groups)
        assert [block for page in laid for block in page] == [block for group in groups for block in group]
        assert len(laid) == len(pdf._laid(groups, pdf.ROOM)) <= count
        assert all(pdf._height(page) <= pdf.ROOM for page in laid)


@pytest.mark.parametrize("topic", LEVELS)
def test_any_number_of_problems_is_laid_out(topic):
    """One problem alone, or one on each page, leaves nothing to spread evenly."""
    for level in range(1, len(LEVELS[topic]) + 1):
        lay_out(worksheets.sheet(topic, 7, level, 9), range(1, 10))


@pytest.mark.slow
@every
def test_every_number_of_problems_on_every_level_in_every_format(topic, level, tmp_path):
    lay_out(worksheets.sheet(topic, 0, level, MOST), range(1, MOST + 1))
    for seed, count in ((0, 1), (1, 2), (2, 3), (3, 7), (4, 20)):
        sheet = worksheets.sheet(topic, seed, level, count)
        assert not any(a.same(b) for a, b in itertools.combinations(sheet.problems, 2))
        for suffix, key in itertools.product(("pdf", "html", "md", "txt"), (False, True)):
            sheet.save(tmp_path / f"sheet.{suffix}", key)
            found = (tmp_path / f"sheet.{suffix}").read_bytes()
            assert suffix == "pdf" or all(f"{problem.number}. ".encode() in found for problem in sheet.problems)
            assert suffix != "pdf" or min(measured(tmp_path / "sheet.pdf")) >= 10


@pytest.mark.parametrize("topic", LEVELS)
@pytest.mark.parametrize("key", [False, True])
def test_a_sheet_of_one_problem(topic, key, tmp_path):
    worksheets.sheet(topic, 7, len(LEVELS[topic]), 1).pdf(tmp_path / "sheet.pdf", key)
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")


MUTANTS = {
    "byhand.worksheets.paper.pdf:_draw_grids": [
        ("small numbers of columns", '_write(centre, text, va="bottom"', '_write(centre, text, 6, va="bottom"'),
    ],
    "byhand.worksheets.paper.pdf:_solution": [
        ("small letters in the key", '"after": 0.3', '"after": 0.3, "size": 7.5'),
    ],
    "byhand.worksheets.paper.pdf:_full": [
        ("pages that are not filled", "ROOM - _height(page)", "0"),
    ],
}
