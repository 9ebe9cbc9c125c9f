"""Answers to a sheet of which only the code is known, from a command line and from files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from tinyunet.byhand.arithmetic.grids import read_grid
from tinyunet.byhand.examples.example import MISSING
from tinyunet.byhand.examples.fields import FieldError, numbers
from tinyunet.byhand.examples.source import Source
from tinyunet.byhand.mistakes.diagnosis import Verdict
from tinyunet.byhand.worksheets.sheets import read_code, sheet

LINE = re.compile(r"""^[ \t]*["']?([^\s"'=]+)["']?[ \t]*=""", re.MULTILINE)  # the beginning of an answer


def grade(code: str, given: Sequence[str]) -> dict[str, Verdict]:
    """Grade the answers to a sheet of which the code is known.

    Args:
        given: answers such as "1=35", "2a=1/3" and "3=1 2; 3 4" or "3=[[1, 2], [3, 4]]", and names of files with such a
            line for each. Rows may also be lines. What stands behind a # does not count.

    Returns:
        A verdict for every question; `MISSING` where no answer is given.

    Raises:
        ValueError: a code or an answer that cannot be read; in a file it says the line and the label.

    >>> verdicts = grade("conv2d:7:1:2", ["1=0 0; 0 0"])
    >>> verdicts["1"].right, verdicts["2a"]
    (False, no answer yet)
    """
    whole = sheet(*read_code(code))
    verdicts = dict.fromkeys(whole.questions, MISSING)
    for label, text, file in _answers(given):
        try:
            if verdicts.get(label) not in (MISSING, None):
                raise ValueError("answered twice")
            answer = read_grid(re.sub("[\"']", "", text))
            numbers(answer)  # bounds what anybody can write
            verdicts[label] = whole.check({label: answer})[label]
        except (TypeError, ValueError) as error:
            raise _wrong(error, label, file) from None
    return verdicts


def _answers(given: Sequence[str]) -> Iterator[tuple[str, str, Source | None]]:
    """Label and text of every answer, without those left empty, and the file that it stands in."""
    for text in given:
        file = None
        if "=" not in text:
            if not os.path.exists(text):
                raise ValueError(f"{text[:60]!r}: there is no such file; and an answer is given as 1=35")
            file = Source.read(text)
            text = re.sub("#.*", "", file.text)
        first, *parts = LINE.split(text)
        if first.strip():
            raise _wrong("an answer is given as 1 = 35", first.split()[0], file)
        for label, value in zip(parts[::2], parts[1::2], strict=True):
            if value.strip():
                yield label, value, file


def _wrong(error: object, label: str, file: Source | None) -> ValueError:
    """What is wrong with an answer; in a file with its line."""
    if file is not None:
        return file.wrong(FieldError(error, label))
    message = str(error).removeprefix(f"{label}: ")
    return ValueError(f"{label[:60]}: {message if len(message) < 400 else f'{message[:300]}…'}")
