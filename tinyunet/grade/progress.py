"""How far somebody is on the way through the course."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from tinyunet.grade import exercises, folder
from tinyunet.grade.course import sources, title


def operations_of(passed: Collection[str]) -> str:
    """Such as "7 of 9 operations of your U-Net are yours."."""
    names = [e.name for e in exercises.everything().values() if e.operation]
    yours = sum(name in passed for name in names)
    return f"{yours} of {len(names)} operations of your U-Net {'is' if yours == 1 else 'are'} yours."


def report(of: Path) -> str:
    """The path through the course in a folder: what is done, what is open, and what comes next."""
    passed, changed = folder.passed(of), folder.changed(of)
    states = dict.fromkeys(changed, "changed since it passed") | dict.fromkeys(passed, "done")
    lines = [f"Course in {of}", ""]
    titles = {source.name[:2]: title(source) for source in sources()}
    every = exercises.everything().values()
    for number in sorted({*titles, *(e.tutorial for e in every)}):
        lines.append(f"{number}  {titles.get(number, '')}".rstrip())
        lines += [f"      {e.name:<28}{states.get(e.name, 'open')}" for e in every if e.tutorial == number]
    lines += ["", operations_of(passed), *_next(passed)]
    return "\n".join(lines)


def _next(passed: Collection[str]) -> Iterator[str]:
    open_ones = [e for e in exercises.everything().values() if e.name not in passed]
    if not open_ones:
        yield "All exercises are done."
        return
    first = open_ones[0]
    notebooks = [f", in {source.stem}.ipynb" for source in sources() if source.name[:2] == first.tutorial]
    yield f"Next: {first.name}{''.join(notebooks)}"
