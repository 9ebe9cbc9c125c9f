"""Grids of numbers in a text field: read as people type and paste them, and written so that they can be read."""

import json
import re
from typing import Any

from tinyunet.byhand.arithmetic.pasted import plain

DEEPEST = 8  # brackets
LONGEST = 100  # characters of a number
GAP = ""  # stands for a number that is missing
DECIMAL = re.compile(r"[-+−–]?\d+,\d+([eE][-+]?\d+)?%?")  # 1,5
THOUSANDS = re.compile(r"[-+−–]?[1-9]\d?\d?,\d\d\d")  # or a decimal
UNCLEAR = (
    "what a comma stands for is unclear here; write a decimal with a point, as in 1.5, and a blank after a comma "
    "between numbers"
)

BRACKETS = {"[": "]", "(": ")", "{": "}"}
TOKEN = re.compile(r"<[^<>\n]*>|[][(){},;\n]|[^\s,;()<>{}\[\]]+")
# What is called with numbers: it makes an array or a number of them, or a row of all its arguments.
ARRAYS = re.compile(
    r"(as_?)?(array|tensor)|(float|double|half|long|int)tensor|(b?float|u?int)\d+|float|double|half|single|long|int|"
    "constant|variable|parameter|devicearray|ndarray|matrix|list|tuple|decimal"
)
ROWS = "c", "rbind", "vstack"
FRACTIONS = "fraction", "rational"
UNCHANGED = ".astype", ".float", ".double", ".half", ".numpy", ".tolist", ".cpu", ".cuda", ".detach", ".to", ".clone"
HELD = "numpy", "value", "data", "object"  # keywords for the numbers themselves
LAID_OUT = "nrow", "ncol", "byrow", "dim", "order"  # and for their order


def read_grid(text: str, least: int = 0) -> Any:
    """The numbers of a text as nested lists of texts, with at least so many axes; `GAP` where one is missing.

    A line is a row, and a ; ends one; a blank line begins the next channel, and a line --- the next image or filter. Or
    brackets, as Python, NumPy and MATLAB write them. Between numbers there are blanks, tabs or commas; where there are
    blanks and tabs alone, a comma inside a number is that of a decimal. What else stands around numbers where they were
    copied from, `pasted.py` takes away.

    Raises:
        ValueError: brackets that do not fit together, and what could be read in more than one way.

    >>> read_grid("1 2\\n3, 1/2"), read_grid("1 2\\n\\n3 4"), read_grid("array([[1. 2.]])"), read_grid("7", least=2)
    ([['1', '2'], ['3', '1/2']], [[['1', '2']], [['3', '4']]], [['1.', '2.']], [['7']])
    >>> read_grid("1 2; 3 4"), read_grid("1,5 2,5"), read_grid("1,2,3"), read_grid("1, , 3")
    ([['1', '2'], ['3', '4']], ['1.5', '2.5'], ['1', '2', '3'], ['1', '', '3'])
    """
    text = plain(text)
    if any(len(word) > LONGEST for word in re.split(r"[\s,;\[\](){}=]+", text)):
        raise ValueError(f"a number has more than {LONGEST} characters")
    if re.search(r";\s*;", text):
        raise ValueError("a row of numbers is missing between two semicolons")
    numbers: Any
    if re.search(r"[][(){}]", text):
        numbers = _Brackets(text).numbers()
    else:
        numbers = [_channels(image) for image in re.split(r"(?m)^[ \t]*---[ \t\r]*$", _lines(text))]
        for _ in range(4):  # one image, one channel, one row, one number: without brackets
            numbers = numbers[0] if len(numbers) == 1 and isinstance(numbers, list) else numbers
    for _ in range(least - depth(numbers)):
        numbers = [numbers]
    return numbers


def with_a_point(word: str) -> str:
    """A decimal with a point, of one with a comma.

    Raises:
        ValueError: a comma that may stand between thousands, or between numbers.

    >>> with_a_point("36,5")
    '36.5'
    """
    if not DECIMAL.fullmatch(word) or THOUSANDS.fullmatch(word):
        raise ValueError(UNCLEAR)
    return word.replace(",", ".")


def _lines(text: str) -> str:
    """The same with a line for every row, and points in decimals."""
    text = re.sub(r"(?m);[ \t\r]*$", "", text)
    rows = [row.strip() for row in re.split(r"[;\n]", text)]
    blanks = any(re.search(r"\s", row) for row in rows)
    if ";" in text and not blanks and all(row.count(",") <= 1 for row in rows):
        raise ValueError("a ; ends a row; write a line for each row, and blanks between the numbers in it")
    if blanks and re.search(r"\d,\d", text):
        words = [word for word in re.split(r"[\s;]+", text) if "," in word]
        if not all(map(DECIMAL.fullmatch, words)) or all(map(THOUSANDS.fullmatch, words)):
            raise ValueError(UNCLEAR)
        text = text.replace(",", ".")
    return text.replace(";", "\n")


def _channels(text: str) -> list[list[list[str]]]:
    """Rows of cells, in channels; a tab that all rows begin or end with separates nothing."""
    rows = [row.strip(" \r") for row in text.split("\n")]
    written = [row for row in rows if row.strip()] or ["\t"]
    first, last = all(row[0] == "\t" for row in written), all(row[-1] == "\t" for row in written)
    channels: list[list[list[str]]] = [[]]
    for row in rows:
        if row.strip():
            channels[-1].append(_cells(row[first : len(row) - last]))
        elif channels[-1]:
            channels.append([])
    return [channel for channel in channels if channel] or [[[GAP]]]


def _cells(row: str) -> list[str]:
    """Separated by tabs and commas, between which one may be empty, or by blanks."""
    cells = re.split(",[ ]{0,9}\t?|\t", row.rstrip(" ").removesuffix(","))
    return [word for cell in cells for word in cell.split() or [GAP]]


class _Brackets:
    """Nested lists, from brackets of any kind, and from the calls that make arrays of numbers."""

    def __init__(self, text: str) -> None:
        if re.search(r"\d,\d", text) and re.search(r"[\d.]\s+[-+−–.\d]", text):
            raise ValueError(UNCLEAR)
        lines = [len(line.split()) for line in re.split(r"[\[\]\n]", text) if line.strip()]
        if text.count("[") == 1 < len(lines) and len({*lines}) == 1 and not re.search("[,;(]", text):
            raise ValueError("whether a line is a row is unclear in a single pair of brackets; end rows with a ;")
        self.tokens = [*TOKEN.finditer(text)]
        self.k = 0  # of the one that comes next
        self.inside = 0  # values in values

    @property
    def token(self) -> str:
        return self.tokens[self.k][0] if self.k < len(self.tokens) else ""

    @property
    def called(self) -> bool:
        """Whether a bracket comes next, without a blank before it."""
        return self.token in BRACKETS and self.tokens[self.k].start() == self.tokens[self.k - 1].end()

    def take(self) -> str:
        self.k += 1
        return self.tokens[self.k - 1][0]

    def numbers(self) -> Any:
        """All of the text: one list, or the rows that stand under one another."""
        values, apart = self.values("", 0)
        if len(values) != 1 and not (values and apart and all(isinstance(value, list) for value in values)):
            raise ValueError("one pair of brackets must hold all the numbers")
        return values if len(values) != 1 else values[0]

    def values(self, opened: str, deep: int) -> tuple[list[Any], bool]:
        """What stands up to the closing bracket, in rows if some end with a ;, and whether lines or commas part it."""
        rows: list[list[Any]] = [[]]
        comma, line, apart = True, False, True  # before the next value
        while (token := self.token) and token not in BRACKETS.values():
            if token in ",;\n":
                self.take()
                if token == "," and comma:
                    rows[-1].append(GAP)
                if token == ";":
                    rows.append([])
                comma, line = token in ",;" or comma, token == "\n" or line
                continue
            apart &= comma or line
            value = self.value(deep)
            rows[-1] += [] if value is None else [value]
            comma = line = False
        if token != BRACKETS.get(opened, ""):
            raise ValueError(
                f"there is a {token} without its [" if not opened else f"there is a {opened} without its ]"
            )
        if token:
            self.take()
        rows = [row for row in rows if row] or [[]]
        if len(rows) > 1 and (deep > 1 or any(isinstance(value, list) for row in rows for value in row)):
            raise ValueError("a ; ends a row in a single pair of brackets, as in [1 2; 3 4]")
        return (rows if len(rows) > 1 else rows[0]), apart

    def value(self, deep: int) -> Any:
        """The next value; None for what is none, such as a keyword and what it is set to."""
        self.inside += 1
        if (deep == DEEPEST and self.token in BRACKETS) or self.inside > 4 * DEEPEST:
            raise ValueError(f"brackets are nested more than {DEEPEST} deep")
        found = self.values(self.take(), deep + 1)[0] if self.token in BRACKETS else self.word(deep)
        self.inside -= 1
        return found

    def word(self, deep: int) -> Any:
        """A number, or what a word makes of what comes next."""
        word = self.take()
        name, equals, setting = word.partition("=")
        if equals:
            follows = self.token and self.token not in BRACKETS.values() and (not setting or self.called)
            found = self.value(deep) if follows else None
            if name in LAID_OUT:
                raise ValueError(f"{name} says how numbers are laid out; write the rows themselves")
            return found if name in HELD else None
        if not self.called:
            return None if word.startswith("<") else word
        return self.call(word, deep)

    def call(self, word: str, deep: int) -> Any:
        """What a function makes of the numbers in its brackets; of a type before a list, the list."""
        name, bracket = word.rpartition(".")[2].lower(), self.take()
        arguments, _ = self.values(bracket, deep + (bracket != "("))
        if bracket == "[" or name in ROWS:
            return arguments
        if word in UNCHANGED:
            return None
        numbers = [value for value in arguments if isinstance(value, list) or not value[:1].isalpha()]
        if name in FRACTIONS and len(numbers) == 2:
            return "/".join(numbers)
        if not ARRAYS.fullmatch(name) or len(numbers) != 1:
            raise ValueError(f"what {word[:40]} makes of its numbers is not known here; write the numbers themselves")
        return numbers[0]


def depth(numbers: Any) -> int:
    """How many brackets are nested, going by the first of each."""
    return 1 + depth(numbers[0]) if isinstance(numbers, list) and numbers else int(isinstance(numbers, list))


def write_grid(numbers: Any, least: int = 0) -> str:
    """A text that `read_grid` reads as these numbers: rows as lines if that is possible, else brackets.

    >>> print(write_grid([[1, -10], [100, "1/2"]]))
      1  -10
    100  1/2
    """
    numbers = _as_texts(numbers)
    images = numbers
    for _ in range(4 - depth(numbers)):
        images = [images]
    if depth(images) == 4:
        width = max((len(n) for image in images for channel in image for row in channel for n in row), default=0)
        text = "\n---\n".join(
            "\n\n".join("\n".join("  ".join(n.rjust(width) for n in row) for row in channel) for channel in image)
            for image in images
        )
        if read_grid(text, least) == numbers:
            return text
    return json.dumps(numbers).replace('"', "")


def _as_texts(numbers: Any) -> Any:
    return [_as_texts(n) for n in numbers] if isinstance(numbers, list) else str(numbers)
