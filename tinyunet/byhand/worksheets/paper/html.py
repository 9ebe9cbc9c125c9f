"""A sheet, or its key, as a page without anything outside itself."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from string import Template

from tinyunet.byhand.views.page import asset
from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.paper.content import Grid
from tinyunet.byhand.worksheets.problems import Problem
from tinyunet.byhand.worksheets.sheets import Sheet


def html(sheet: Sheet, key: bool = False) -> str:
    """The sheet, or its key, as a page that prints on A4."""
    style = asset("sheet.css", "worksheets").replace("CODE", sheet.code)
    parts = {"style": style, "kind": "key" if key else "sheet", "body": "\n".join(_body(sheet, key))}
    return Template(asset("sheet.html", "worksheets")).substitute(parts, title=escape(content.title(sheet, key)))


def _body(sheet: Sheet, key: bool) -> Iterator[str]:
    if not key:
        yield '<div class="line"><span>Name</span><span>Date</span></div>'
    yield f"<p>{escape(sheet.reminder)}<br>{escape(content.counting(sheet))}</p>"
    if key:
        yield _tables(content.answers(sheet))
    for problem, steps in content.solutions(sheet):
        task = "" if key else f"<span>{escape(content.task(problem))}</span>"
        yield f"<section>\n<h2>{problem.number}. <code>{escape(problem.call)}</code>{task}</h2>"
        yield from _solution(problem, steps) if key else _problem(problem)
        yield "</section>"
    check = f"To check the answers: <code>{content.command(sheet)}</code>, where {escape(content.FILE)}."
    yield f"<footer>{content.name(sheet)} {check}</footer>"


def _problem(problem: Problem) -> Iterator[str]:
    """What is given, and beside it, where there is room, the answers and the work."""
    yield f'<div class="row">{_tables(content.given(problem))}<div class="work"><div>'
    for question in problem.questions:
        yield f'<span class="answer">{question.label}: {question.name} ={"" if problem.whole else " <i></i>"}</span>'
    yield f'</div><div class="paper" style="min-height: {5 * content.squares(problem, 20)}mm"></div></div></div>'


def _solution(problem: Problem, steps: list[str]) -> Iterator[str]:
    yield f"<pre>{escape(chr(10).join(steps))}</pre>"
    for question in problem.questions:
        shown = "\n".join(line for row in content.warnings(question) for line in row)
        yield f"<p>If you see, for {question.name}:</p><pre>{escape(shown.rstrip())}</pre>"


def _tables(grids: list[Grid]) -> str:
    tables = []
    for grid in grids:
        head = "".join(f"<th>{k}</th>" for k in ["", *grid.columns])
        rows = (
            f"<tr><th>{k}</th>{''.join(f'<td>{text}</td>' for text in row)}</tr>"
            for k, row in zip(grid.rows, grid.texts, strict=True)
        )
        table = f"<table><tr>{head}</tr>{''.join(rows)}</table>"
        tables.append(f"<figure><figcaption>{escape(grid.caption)}</figcaption>{table}</figure>")
    return f'<div class="grids">{"".join(tables)}</div>'
