"""A sheet, or its key, in Markdown."""

from __future__ import annotations

from tinyunet.byhand.worksheets.paper import content
from tinyunet.byhand.worksheets.sheets import Sheet


def markdown(sheet: Sheet, key: bool = False) -> str:
    """The sheet, or its key, in Markdown, with the grids as tables."""
    text = [f"# {content.title(sheet, key)}", ""]
    text += [] if key else ["Name: ____________________  Date: ____________", ""]
    text += [sheet.reminder, "", content.counting(sheet), ""]
    text += _key(sheet) if key else _sheet(sheet)
    check = f"To check the answers: `{content.command(sheet)}`, where {content.FILE}."
    return "\n".join([*text, "---", "", f"{content.name(sheet)} {check}", ""])


def _sheet(sheet: Sheet) -> list[str]:
    text = []
    for problem in sheet.problems:
        text += [f"## {problem.number}. `{problem.call}`", "", content.task(problem), ""]
        for grid in content.given(problem):
            text += [f"| {grid.caption} | {' | '.join(grid.columns)} |", "|" + "---|" * (len(grid.columns) + 1)]
            text += [f"| {k} | {' | '.join(row)} |" for k, row in zip(grid.rows, grid.texts, strict=True)]
            text.append("")
        for question in problem.questions:
            text += [f"{question.label}: {question.name} =", ""]
    return text


def _key(sheet: Sheet) -> list[str]:
    text = ["| | | |", "|---|---|---|"]
    for label, question in sheet.questions.items():
        text.append(f"| **{label}** | {question.name} | {content.written(question.answer)} |")
    for problem, steps in content.solutions(sheet):
        text += ["", f"## {problem.number}. `{problem.call}`", "", "```text", *steps, "```"]
        for question in problem.questions:
            shown = (line for row in content.warnings(question) for line in row)
            text += ["", f"If you see, for {question.name}:", "", "```text", *shown, "```"]
    return [*text, ""]
