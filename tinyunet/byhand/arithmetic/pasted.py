r"""What stands around numbers where they were copied from: taken away, so that a grid of rows or brackets is left.

Programs, notebooks, LaTeX and tables write the same grid in many ways. Each thing that they put around it is one line
here: what it looks like, and what stands for it in a grid. `grids.py` reads what is left.
"""

import re
import unicodedata
from collections.abc import Callable

Replacement = str | Callable[[re.Match[str]], str]

FRAMES = "|│┃║⎡⎢⎣⎤⎥⎦⎛⎜⎝⎞⎟⎠⎧⎨⎩⎫⎬⎭┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╭╮╰╯"
RULES = "─━═+=:-"
EXPONENT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
NAME = r"(?:\\?[^\W\d][\w.]*|\\\w+\{\w+\})(?:[_^]\{[^}]*\})?"
ELIDED = r"\.\.\.|[…⋯⋮⋱]|\\(?:[cvld]?dots|ddots)\b"


def _superscript(found: re.Match[str]) -> str:
    return f"10^{found[1].translate(EXPONENT)}"


def _page(found: re.Match[str]) -> str:
    """A page of an array of three or four axes: a channel; the first channel of a later image begins that image."""
    third, fourth = (*re.findall(r"\d+", found[0]), "1")[:2]
    return "\n---\n" if int(third) == 1 < int(fourth) else "\n\n"


def _row(found: re.Match[str]) -> str:
    """A line of a table: its cells with tabs between them; nothing of a line that is only drawn."""
    line = found[0].strip(" \t\r")
    if not line.strip(FRAMES + RULES + " \t"):
        return "\x00"
    inner = line.strip(FRAMES) if line[0] in FRAMES or line[-1] in FRAMES else line
    return re.sub(rf"[{FRAMES}]", "\t", inner)


def _vector(found: re.Match[str]) -> str:
    """What is printed in several lines, each with a label or none, is a single row."""
    return " ".join(re.sub(r"(?m)^\s*\[\d+\]", "", found[1]).split())


# Of text as a whole, in this order: what is taken for what.
DECORATIONS: tuple[tuple[str, str, Replacement], ...] = (
    # ---- programs
    ("fences, and quotes of several lines", r"(?m)^[ \t>]*```.*$|\"\"\"|'''", ""),
    ("comments of several lines", r"(?s)/\*.*?\*/", ""),
    (
        "comments, but no percentage and no rational 1//2",
        r"#.*|(?<!\d)//.*|//(?!\d).*|(?m:^|(?<=\s))%\s*[^\W\d_%].*",
        "",
    ),
    (
        "prompts, quotes in letters, and items of lists",
        r"(?m)^[ \t]*(?:(?:In|Out) ?\[\d*\]:|julia>|octave:\d+>|(?:>[ \t]*)+|[*•][ \t])",
        "",
    ),
    ("texts without anything in them", "\"\"|''", "?"),
    ("quotes", "[\"'`“”‘’«»]", ""),
    ("what an array of TensorFlow says first", r"(?s)<tf\.\w+\b[^<>]*?\bnumpy=(.*?)>", r"\1"),
    ("what an array of MXNet says last", r"<NDArray[^<>]*>", ""),
    ("what a parameter of PyTorch says first", r"Parameter containing:", ""),
    (
        "pages of MATLAB, R and Julia",
        r"(?m)^[ \t]*(?:\w*\(:,:(?:,\d+)+\)|\[:, :(?:, \d+)+\]) *=|^[ \t]*(?:, ?){2}\d+(?:, ?\d+)?",
        _page,
    ),
    ("a column of Julia", r"(?s)\A\s*\d+-element .*?:\s*\n(.*)", _vector),
    ("a matrix of Julia", r"(?m)^[ \t]*[\d×x]+ [\w.{}, ]*\{.*\}.*:[ \t]*$", ""),
    ("a vector of R", r"(?s)\A\s*(\[1\]\s+[-+.\d].*)", _vector),
    ("heads of columns, and labels of rows, in R", r"(?m)^[ \t]*(?:\[,\d+\][ \t]*)+$|^[ \t]*\[\d+,\]", ""),
    # ---- LaTeX
    ("environments", r"\\begin\{\w+\*?\}(?:\{[^}]*\})?", "\n\n"),
    ("their ends", r"\\end\{\w+\*?\}|\\hline\b", ""),
    ("delimiters that grow", r"\\(?:left|right|[bB]igg?[lr]?)\s*(?:\\[{}|]|[][()|.])", ""),
    ("mathematics", r"\$|\\\(|\\\)|(?<!\\)\\[][]", ""),
    ("fractions", r"\\[td]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"\1/\2"),
    ("emphasis", r"\\(?:boxed|bm|math\w+)\s*\{([^{}]*)\}", r"\1"),
    ("times", r"\\(?:times|cdot)\b", "×"),
    ("a comma with no blank after it", r"\{,\}", ","),
    ("ends of rows", r"\\\\(?:\[[^]\n]*\])?[ \t]*\n?", "\n"),
    ("cells", "&", "\t"),
    ("blanks", r"\\(?:[,;:! ]|q?quad\b|h?phantom\{[^}]*\})|(?<=\s)~", " "),
    # ---- tables
    ("the head of a table", r"(?m)^[^\d\n]*\n(?=[ \t]*\|?[ \t]*:?--+:?[ \t]*\|)", ""),
    ("lines of a table", rf"(?m)^.*[{FRAMES}].*$", _row),
    ("drawn lines", r"(?m)^[ \t]*(?:\+-[-+=]*[ \t]*|--+ +--[- \t]*|[─━═]+[ \t]*)(?:\n|\Z)|\x00(?:\n|\Z)", ""),
    # ---- a name, and what follows it
    (
        "what it is called",
        rf"\A\s*(?:(?:const|let|var|auto|double|float|int)\s+)?{NAME}(?:\[[\d, ]*\])*(?:\([\d, ]*\))?"
        r"(?:\s*:\s*[^\W\d][\w.\[\], ]{0,60}?)?\s*(?:=|<-|:=|←)(?!=)\s*",
        "",
    ),
    ("the same in JSON", r"(?s)\A\s*\{\s*[^\W\d]\w*\s*:(.*)\}\s*\Z|\A\s*[^\W\d]\w*(?:\[[\d, ]*\])?\s*:", r"\1"),
    ("the end of a sentence", r"(?<=[\])}])[.,]\s*\Z|\A\ufeff", ""),
    # ---- numbers
    ("powers of ten", r"10([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", _superscript),
    ("powers of ten", r"(?<=[\d.])[ \t]*[×·*x][ \t]*10[ \t]*(?:\^|\*\*)[ \t]*\{?[ \t]*([-+−]?\d+)\}?", r"e\1"),
    ("exponents of other languages", r"(?<=[\d.])(?:\*\^|[fdD](?=[-+]?\d))", "e"),
    ("what C writes after a number", r"(?<=[\d.])[fF]\b", ""),
    ("fractions", r"(?<=\d)[ \t]*(?://?|⁄)[ \t]*(?=\d)", "/"),
    (
        "fractions in one character",
        "(?<!\\d)[¼½¾⅐-⅞]",
        lambda found: unicodedata.normalize("NFKC", found[0]).replace("⁄", "/"),
    ),
)
PATTERNS = [(re.compile(pattern), replacement) for _, pattern, replacement in DECORATIONS]
COMMON = re.compile(r"(?m)^[ \t]*(\d+(?:\.\d*)?)e([-+]?\d+)[ \t]*\*[ \t]*$")
SPLIT = re.compile(r"(?mi)^[ \t]*columns? \d+ (?:through|to|and) \d+")


def plain(text: str) -> str:
    r"""The grid in a text that was pasted.

    Raises:
        ValueError: numbers that were left out when they were printed, or that stand in another order.

    >>> plain("x = [[1, 2], [3, 4]]"), plain(r"1 & 2 \\ 3 & 4"), plain("| 1 | 2 |\n|---|---|\n| 3 | 4 |")
    ('[[1, 2], [3, 4]]', '1 \t 2\n3 \t 4', ' 1 \t 2 \n 3 \t 4 ')
    """
    if re.search(r"[\])]'", text) and text.count("'") % 2:
        raise ValueError("a ' exchanges rows and columns; write the numbers as they stand after that")
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    if re.search(ELIDED, text) and re.search(r"\d", text):
        raise ValueError("some numbers are left out (…); print or write all of them")
    if SPLIT.search(text):
        raise ValueError("the columns are printed in several blocks; widen the window, and print them side by side")
    if factor := COMMON.search(text):
        if float(factor[1]) != 1:
            raise ValueError(
                f"a common factor, {factor[0].strip()}, stands above the numbers; write it into each of them"
            )
        text = re.sub(r"(?<![\w.])\d+(?:\.\d*)?(?![\w.])", rf"\g<0>e{factor[2]}", COMMON.sub("", text))
    return text
