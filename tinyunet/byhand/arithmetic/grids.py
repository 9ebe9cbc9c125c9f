"""Grids of numbers in a text field: read as people type and paste them, and written so that they can be read."""

import json
import re
from typing import Any

DEEPEST = 8  # brackets
LONGEST = 100  # characters of a number
DECIMAL = re.compile(r"[-+−–]?\d+,\d+([eE][-+]?\d+)?")  # 1,5
THOUSANDS = re.compile(r"[-+−–]?[1-9]\d?\d?,\d\d\d")  # or a decimal
UNCLEAR = (
    "what a comma stands for is unclear here; write a decimal with a point, as in 1.5, and a blank after a comma "
    "between numbers"
)


def read_grid(text: str, least: int = 0) -> Any:
    """The numbers of a text as nested lists of texts, with at least so many axes.

    A line is a row, and a ; ends one; a blank line begins the next channel, and a line --- the next image or filter. Or
    brackets, as Python, NumPy and MATLAB write them. Between numbers there are blanks, tabs or commas; where there are
    blanks and tabs alone, a comma inside a number is that of a decimal.

    Raises:
        ValueError: brackets that do not fit together, and what could be read in more than one way.

    >>> read_grid("1 2\\n3, 1/2"), read_grid("1 2\\n\\n3 4"), read_grid("array([[1. 2.]])"), read_grid("7", least=2)
    ([['1', '2'], ['3', '1/2']], [[['1', '2']], [['3', '4']]], [['1.', '2.']], [['7']])
    >>> read_grid("1 2; 3 4"), read_grid("1,5 2,5"), read_grid("1,2,3")
    ([['1', '2'], ['3', '4']], ['1.5', '2.5'], ['1', '2', '3'])
    """
    text = text.strip()
    if any(len(word) > LONGEST for word in re.split(r"[\s,;\[\]]+", text)):
        raise ValueError(f"a number has more than {LONGEST} characters")
    if re.search(r"[,;]\s*[,;]|\d\t\t+\S", text):
        raise ValueError("a number is missing between two commas, semicolons or tabs")
    numbers: Any
    if re.search(r"[][()]", text):
        numbers = _bracketed(text)
    else:
        numbers = [_channels(image.strip()) for image in re.split(r"(?m)^[ \t]*---[ \t\r]*$", _lines(text))]
        for _ in range(4):  # one image, one channel, one row, one number: without brackets
            numbers = numbers[0] if len(numbers) == 1 and isinstance(numbers, list) else numbers
    for _ in range(least - depth(numbers)):
        numbers = [numbers]
    return numbers


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
    return [
        [re.split(r"[\s,]+", row.strip(" \t\r,")) for row in channel.split("\n")]
        for channel in re.split(r"\n(?:[ \t\r]*\n)+", text)
    ]


def _bracketed(text: str) -> Any:
    """Nested lists, from brackets."""
    text = re.sub(r"(?<![\w.])\(([^()]*)\)", r"[\1]", text)  # tuples
    text = re.sub(r"\b[A-Za-z.]+\(|,\s*[a-z_]+=[^,()\]]*|\)", " ", text)  # array( … , dtype=float32)
    if re.search(r"\d,\d", text) and re.search(r"[\d.]\s+[-+−–.\d]", text):
        raise ValueError(UNCLEAR)
    text = re.sub(r";\s*(\]|$)", r"\1", text)
    if text.count("[") > 1 and ";" in text:
        raise ValueError("a ; ends a row in a single pair of brackets, as in [1 2; 3 4]")
    if text.count("[") == 1 and re.search(r"[\d.][ \t\r]*\n\s*[-+−–.\d]", text):
        raise ValueError("whether a line is a row is unclear in a single pair of brackets; end rows with a ;")
    if ";" in text:
        text = f"[{text.replace(';', '], [')}]"
    outside: list[Any] = []
    open_lists = [outside]
    for token in re.findall(r"[\[\]]|[^\s,\[\]]+", text):
        if token == "[":
            if len(open_lists) > DEEPEST:
                raise ValueError(f"brackets are nested more than {DEEPEST} deep")
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token != "]":
            open_lists[-1].append(token)
        elif len(open_lists) > 1:
            open_lists.pop()
        else:
            raise ValueError("there is a ] without its [")
    if len(open_lists) > 1:
        raise ValueError("there is a [ without its ]")
    if len(outside) != 1:
        raise ValueError("one pair of brackets must hold all the numbers")
    return outside[0]


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
