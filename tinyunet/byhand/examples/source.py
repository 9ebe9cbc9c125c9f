"""TOML that people write: read within bounds, every mistake said with its line and key.

tomllib does not keep the lines of keys, so they are searched for once something is wrong.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from tinyunet.byhand.examples.fields import FieldError

MOST_BYTES = 1_000_000  # of a file

# A string or a comment. One that does not end goes on to the end of the text, so that the search stays linear.
STRING = re.compile(
    r'''"""(?:\\.?|[^\\])*?(?:"{3,5}|\Z)|\'{3}.*?(?:\'{3,5}|\Z)|"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?|#[^\n]*''',
    re.DOTALL,
)
TABLE = re.compile(r"""^[ \t]*\[\[[ \t]*["']?(\w+)["']?[ \t]*\]\]""", re.MULTILINE)
KEY = re.compile(r"""[ \t]*["']?([\w-]+)["']?[ \t]*=""")
# tomllib takes long for many brackets, and all memory for many dots.
DEEP = re.compile(r"(?:[\[{][^][{}]*+){50}")
DOTTED = re.compile(r"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){20}")


class Digits(str):
    """A decimal of a file with its digits as they were written: 0.250 says more than 0.25."""


class Source:
    """The text of a TOML file, and its name in errors."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text.removeprefix("\ufeff"), name  # the mark that some editors put before a text

    @classmethod
    def read(cls, path: str | Path) -> Source:
        """The text of a file; a ValueError if it is not there, too large, or not in UTF-8."""
        try:
            with Path(path).open("rb") as file:
                raw = file.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        if len(raw) > MOST_BYTES:
            raise ValueError(f"{path}: the file is larger than {MOST_BYTES:,} bytes; an example has a few numbers")
        try:
            return cls(raw.decode(), str(path))
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            raise ValueError(f"{path}, line {line}: not UTF-8; save it as a text in UTF-8") from None

    @functools.cached_property
    def keys(self) -> dict[str, Any]:
        """The keys and their values; decimals are texts with their `Digits`. What is not TOML is a ValueError.

        >>> Source("x = [1, 2\\ny = 3", "my.toml").keys
        Traceback (most recent call last):
        ValueError: my.toml, line 1: x: a bracket is not closed
        """
        masked = STRING.sub(_masked, self.text)
        for pattern, message in ((DEEP, "brackets are nested too deeply"), (DOTTED, "a key has too many dots")):
            if found := pattern.search(masked):
                self._no_toml(message, self._line_at(found.start()))
        try:
            return tomllib.loads(self.text, parse_float=Digits)
        except RecursionError:
            self._no_toml("brackets are nested too deeply", 1)
        except ValueError as error:
            message, line = str(error).removesuffix(" (at end of document)"), self._line_at(len(self.text))
            if place := re.search(r" \(at line (\d+), column (\d+)\)$", message):
                message, line = f"{message[: place.start()]} (column {place[2]})", int(place[1])
            elif found := re.search(r"[0-9_]{4300}", self.text):  # Python reads so many digits
                message, line = "a number has too many digits", self._line_at(found.start())
            lines = masked.split("\n")
            before = "\n".join(lines[: line - 1])
            if KEY.match(lines[line - 1]) and before.count("[") > before.count("]"):
                message, line = "a bracket is not closed", line - 1
            self._no_toml(message, line)

    def wrong(self, error: FieldError) -> ValueError:
        """The same error with the line of its key."""
        return ValueError(f"{self.name}, line {self._line_of(error.key, error.ask, error.table)}: {error}")

    def _no_toml(self, message: str, line: int) -> NoReturn:
        """Raise the error about a line; it names the last key before its end."""
        keys = (KEY.match(each) for each in reversed(self.text.split("\n")[:line]))
        key = next((f"{found[1][:60]}: " for found in keys if found), "")
        raise ValueError(f"{self.name}, line {line}: {key}{message}") from None

    def _line_at(self, place: int) -> int:
        return self.text.count("\n", 0, place) + 1

    def _line_of(self, key: str, ask: int | None, table: str = "ask") -> int:
        """Where a key stands; if it does not, where something stands that it belongs to."""
        # Nothing in a string of several lines is a key; a key may be in quotes.
        text = STRING.sub(lambda token: _masked(token) if "\n" in token[0] else token[0], self.text)
        tables = [*TABLE.finditer(text)]
        ends = [*(match.start() for match in tables), len(text)]
        spans = [(0, ends[0]), (0, len(text))]  # of the file; it may stand too far down
        heads = [match.start() for match in tables if match[1] == table]
        if ask is not None:
            spans = [span for span in itertools.pairwise(ends) if span[0] in heads[ask : ask + 1]]
        pattern = re.compile(rf"""^[ \t]*\[*[ \t]*["']?{re.escape(key)}["']?[ \t]*[=.\]]""", re.MULTILINE)
        for start, end in spans:
            if found := pattern.search(text[start:end]):
                return self._line_at(start + found.start())
        if ask is None:
            return 1 if key == "operation" else self._line_of("operation", None)
        return self._line_at(heads[ask]) if heads else self._line_of(table, None)  # ask = [{…}] in one line


def _masked(token: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "_", token[0])
