"""A sheet has what is asked, its key what is right, in every format; and the same sheet is the same file."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import tinyunet
from tests.byhand.worksheets.drawn import ALL, every, questions, sheets, wrong
from tinyunet.byhand import worksheets
from tinyunet.byhand.views.page import asset
from tinyunet.byhand.worksheets.levels import LEVELS
from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.paper.content import written


@every
def test_the_key_has_the_answers_and_the_sheet_has_not(topic, level):
    (sheet,) = sheets(topic, level, [2])
    for text in (sheet.markdown(), sheet.html()):
        assert sheet.code in text
        assert f"(tinyunet {tinyunet.__version__})" in text
        assert f"tinyunet check --sheet {sheet.code} answers.txt" in text
        assert "If you see" not in text
    table = sheet.markdown(True).partition("## 1.")[0]
    for question in questions(sheet):
        assert f"| **{question.label}** | {question.name} | {written(question.answer)} |" in table
        shown = " ".join(" ".join(line for row in content.warnings(question) for line in row).split())
        assert "".join(line + "\n" for row in content.warnings(question) for line in row).rstrip() in sheet.markdown(
            True
        )
        for mistake, value in wrong(question):
            assert mistake.name.split()[0] in shown
            first = content.lines(value)[0].strip() if value.size <= content.MANY else f"shape {value.shape}"
            assert " ".join(first.split()) in shown


def test_wrong_answers_stand_in_columns():
    (question,) = worksheets.problem("conv2d", 7, 1, 1).questions
    assert content.warnings(question)[3] == [
        "     −3  −8  kernel flipped                 −3    0  average instead of sum",
        "    −10  −6                               −1.5 0.25  (over all products or",
        "                                                     over the kernel's cells)",
        "",
    ]
    for topic, level in ALL:
        for question in questions(worksheets.sheet(topic, 3, level)):
            lines = [line for row in content.warnings(question) for line in row]
            assert max(map(len, lines)) <= content.WIDE


class Tags(HTMLParser):
    """Every tag that is opened is closed, and nothing is loaded."""

    VOID = "meta", "br"

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        assert not {name for name, _ in attrs} & {"src", "href"}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("key", [False, True])
def test_html_is_well_formed_and_needs_nothing_else(key):
    for topic in LEVELS:
        page = worksheets.sheet(topic, 1, min(2, len(LEVELS[topic])), 3).html(key)
        assert "url(" not in page
        assert "http" not in page
        tags = Tags()
        tags.feed(page)
        assert not tags.open


@pytest.mark.browser
def test_a_page_is_printed_with_letters_of_ten_points_and_not_scaled(browser):
    """Chromium shrinks a page that is wider than the paper."""
    page = browser.new_page(viewport={"width": int(178 / 25.4 * 96), "height": 1000})  # A4 within its margins
    page.emulate_media(media="print")
    for topic in LEVELS:
        for key in (False, True):
            sheet = worksheets.sheet(topic, 1, len(LEVELS[topic]), 3)
            page.set_content(sheet.html(key))
            sizes = page.evaluate(
                """() => [...document.body.querySelectorAll("*")].filter(e => e.innerText && e.innerText.trim())
                .map(e => parseFloat(getComputedStyle(e).fontSize) * 72 / 96)"""
            )
            assert min(sizes) > 9.99
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert set(re.findall(r"font: (\w+)", asset("sheet.css", "worksheets").partition("}\n*")[0])) == {"10pt"}
    page.close()


def test_files_are_the_same_byte_for_byte(tmp_path):
    sheet = worksheets.sheet("max_pool2d", 3, 4, 3)
    script = (
        "import sys; from tinyunet.byhand import worksheets\n"
        "for key in (False, True):\n"
        "    for suffix in ('md', 'html', 'pdf'):\n"
        "        worksheets.sheet('max_pool2d', 3, 4, 3).save(f'{sys.argv[1]}/b{int(key)}.{suffix}', key=key)\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": "123"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env=env, timeout=60)
    for key in (False, True):
        for suffix in ("md", "html", "pdf"):
            sheet.save(tmp_path / f"a.{suffix}", key=key)
            assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b{int(key)}.{suffix}").read_bytes()
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".part")]


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"sheet\.doc: a worksheet is written as \.pdf, \.html, \.md or \.txt"):
        worksheets.sheet("relu").save(tmp_path / "sheet.doc")
    assert not list(tmp_path.iterdir())


def test_only_a_pdf_loads_matplotlib(tmp_path):
    script = (
        "import sys; from tinyunet.byhand import worksheets\n"
        "sheet = worksheets.sheet('relu', 1)\n"
        "for suffix in ('md', 'html'):\n"
        "    sheet.save(f'{sys.argv[1]}/a.{suffix}', key=True)\n"
        "assert not [name for name in sys.modules if name.startswith('matplotlib')]\n"
        "sheet.save(f'{sys.argv[1]}/a.pdf')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)


MUTANTS = {
    "byhand.worksheets.paper.content:lines": [
        ("answers of several images run together", "np.moveaxis(maps.reshape(-1, *maps.shape[-2:]), 0, 1)", "maps"),
    ],
}
