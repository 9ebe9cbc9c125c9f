"""Numbers as they are written by hand: read with the digits that were given, and written short.

An answer is right if the result rounds to it as far as it was written out. A whole number or a fraction must be exact;
the decimal 0.248 stands for everything from 0.2475 to 0.2485, so half a unit of its last digit is allowed. What a
program printed may be off by more: by what rounding the terms of a sum, in its precision, leaves of them.
"""

import math
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.grids import GAP, read_grid, with_a_point
from tinyunet.tensor import Array

EXACT = 1e-9  # of a number's size: what is written as whole, or as a short fraction
DOUBLE, SINGLE, HALF = 2.0**-40, 2.0**-21, 2.0**-10  # of the terms of a number: what rounding leaves, by precision
NOISE = 1e-12  # what rounding leaves where a sum is 0
DENOMINATOR = 99  # the largest in a fraction that is shown as one
PRINTED, LONG = 5, 7  # digits that a program prints, and that nobody writes by hand
FLOATS = float, np.floating
MISSING = re.compile(
    r"[?_.…–—-]*|none|null|nil|n/?a|nan\??|<na>|missing|todo|tbd", re.IGNORECASE
)  # in place of a number


class Given(NamedTuple):
    """A number that somebody wrote, and how far from it the number that they meant may be.

    Attributes:
        tolerance: half a unit of its last digit.
        unit: the part of the terms in it by which rounding them may move it.
    """

    value: float
    tolerance: float
    unit: float = DOUBLE

    def fits(self, value: float, size: float = 0.0) -> bool:
        """Whether it is this value, to the digits given; `size` is that of the terms that make the value."""
        return abs(self.value - value) <= self.tolerance + self.unit * max(size, abs(value))


class Answer(NamedTuple):
    """Numbers that somebody wrote, in arrays: their values, nan where one is missing, tolerances and units."""

    values: Array
    tolerances: Array
    units: Array

    def reshaped(self, shape: tuple[int, ...]) -> "Answer":
        return Answer(*(part.reshape(shape) for part in self))


def missing(number: Any) -> bool:
    """Whether something stands in place of a number that somebody has not written yet."""
    if isinstance(number, str):
        return bool(MISSING.fullmatch(number.strip(" \t\n\"'`")))
    return (
        number is None or number is ... or number is np.ma.masked or (isinstance(number, FLOATS) and number != number)
    )


def read(number: Any) -> Given:
    """A number as it was written: an integer, a float, or a text such as "35", "-0.248", "1/3", "≈ 2.1×10^-9", "50%".

    Raises:
        ValueError: a text that is no number, or a number that is not finite.
        TypeError: something else.

    >>> read("0.248").fits(0.2483), read("1/3").fits(1 / 3), read(35).fits(34.99)
    (True, True, False)
    """
    if isinstance(number, (bool, np.bool_)):
        raise TypeError(f"a number is needed, not {number!r}")
    if isinstance(number, (int, np.integer, Fraction)):
        return _finite(number, number, 0)
    if isinstance(number, np.floating) and number.dtype.itemsize < 8:
        return _finite(number, number, 0, SINGLE if number.dtype.itemsize == 4 else HALF)
    if isinstance(number, FLOATS):
        value = float(number)
        return _finite(number, value, 0, SINGLE) if value.is_integer() else _decimal(number, Decimal(repr(value)))
    if isinstance(number, Decimal):
        number = str(number)
    if not isinstance(number, str):
        raise TypeError(f"a number is needed, or a text such as '1/3', not {number!r}")
    text = number.strip().lstrip("=≈~ ").replace("−", "-").replace("–", "-")  # a typographic minus, or a dash
    if re.fullmatch(r"[^\s,]+(,[^\s,]+)+", text) and not re.search(r"[][(){}]", text):
        text = with_a_point(text)
    try:
        if "/" in text:
            return _finite(number, Fraction(text), 0)
        mantissa = re.sub(r"\s*[×·*x]\s*10\^", "e", text)
        decimal = Decimal(mantissa.rstrip("% ")).scaleb(-2 if mantissa.endswith("%") else 0)
    except (ValueError, ZeroDivisionError, InvalidOperation):
        return _alone(number)
    whole = decimal.is_finite() and decimal == decimal.to_integral_value()
    if whole and not re.search("[.%]", text):
        return _finite(number, decimal, 0)
    return _finite(number, decimal, 0, SINGLE) if whole and text.endswith(".") else _decimal(number, decimal)


def _alone(number: str) -> Given:
    """A number with something around it."""
    inner = read_grid(number)
    while isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    if isinstance(inner, str) and inner not in (number, GAP):
        return read(inner)
    if missing(number):
        raise ValueError(f"a number is missing; {number!r} is not a number")
    raise ValueError(f"{number!r} is not a number such as 35, -0.248 or 1/3")


def _decimal(number: Any, decimal: Decimal) -> Given:
    """Half a unit of the last digit is left open; and, in what a program printed, a rounding of its terms."""
    _, digits, exponent = decimal.as_tuple()
    half = 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0
    return _finite(number, decimal, half, SINGLE if len(digits) >= PRINTED else DOUBLE)


def _finite(number: Any, value: Any, tolerance: float, unit: float = DOUBLE) -> Given:
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"a finite number is needed, not {number!r}")
    return Given(value, tolerance, unit)


def read_array(numbers: Any) -> Answer:
    """The values and the tolerances of numbers as `read` takes them: in nested lists, in an array, or in a text.

    An array is whatever NumPy can make one of, PyTorch's Tensors too; a text is one that `grids.read_grid` reads.

    Raises:
        ValueError, TypeError: rows of different lengths, and what `read` and `read_grid` raise.

    >>> read_array([[1, "1/2"], [0.25, 3]]).values
    array([[1.  , 0.5 ],
           [0.25, 3.  ]])
    """
    return _answer(numbers, unfinished=False)


def read_answer(numbers: Any) -> Answer:
    """The same of an answer that may be unfinished: with None, nan, "?" or "" for a number, or rows that are too short.

    >>> read_answer([[1, None], ["1/2"]]).values
    array([[1. , nan],
           [0.5, nan]])
    """
    return _answer(numbers, unfinished=True)


def _answer(numbers: Any, unfinished: bool) -> Answer:
    half = isinstance(numbers, str) and bool(re.search(r"float16|\bhalf\b", numbers))
    if isinstance(numbers, str) and re.search(r"[\s;\[({&|]", numbers.strip(" =≈~")):
        numbers = read_grid(numbers)
    shape, flat = _flat(numbers, unfinished)
    given = [Given(math.nan, 0) if unfinished and missing(number) else read(number) for number in flat]
    values, tolerances, units = (np.array([g[k] for g in given], np.float64).reshape(shape) for k in range(3))
    # The float 2.0 beside 0.67 was rounded like it; all were printed by one program, which may compute in float16.
    texts = [repr(float(number)) if isinstance(number, FLOATS) else str(number) for number in flat]
    computed = np.array(["." in text or "e-" in text for text in texts], bool).reshape(shape)
    if computed.any():
        finest = min(tolerances[computed & (values % 1 != 0)], default=0.0)
        tolerances[computed] = np.maximum(tolerances[computed], finest)
        long = max(len(text.partition("e")[0].replace(".", "").strip("-0")) for text in texts) >= LONG
        with np.errstate(over="ignore"):
            half |= long and np.array_equal(values[computed].astype(np.float16), values[computed])
        units[computed] = HALF if half else units[computed].max()
    return Answer(values, tolerances, units)


def array(name: str, numbers: Any) -> Array:
    """The same as float64, without the tolerances, with errors that name it.

    Raises:
        ValueError, TypeError: what `read_array` raises, and no numbers at all.
    """
    if hasattr(numbers, "__array__") and np.asarray(numbers).dtype.kind in "iufb":
        found = np.asarray(numbers).astype(np.float64)
        if not np.isfinite(found).all():
            raise ValueError(f"{name}: finite numbers are needed")
    else:
        try:
            found = read_array(numbers).values
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    if not found.size:
        raise ValueError(f"{name}: there are no numbers in an array of shape {found.shape}")
    return found


def _flat(numbers: Any, unfinished: bool = False) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of numbers, whatever holds them, and all of them in a row; of unfinished rows the rest is None."""
    if hasattr(numbers, "__array__"):
        held = np.asarray(numbers)
        return held.shape, list(held.flat)
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        return (), [numbers]
    rows = [_flat(row, unfinished) for row in numbers]
    deepest = max((len(shape) for shape, _ in rows), default=0)
    if unfinished and deepest:  # a number that is missing may stand for a row
        rows = [((0,) * deepest, []) if not shape and missing(row[0]) else (shape, row) for shape, row in rows]
    shapes = {shape for shape, _ in rows} or {()}
    if len({len(shape) for shape in shapes}) > 1:
        raise ValueError("rows must have the same length; here some brackets are nested deeper than others")
    longest = tuple(map(max, zip(*shapes, strict=True)))
    for lengths in map(set, zip(*shapes, strict=True)) if not unfinished else ():
        if len(lengths) > 1:
            raise ValueError(f"rows must have the same length; here the lengths are {min(lengths)} and {max(lengths)}")
    return (len(rows), *longest), [number for shape, row in rows for number in _padded(row, shape, longest)]


def _padded(row: list[Any], shape: tuple[int, ...], longest: tuple[int, ...]) -> list[Any]:
    """Numbers of a shape in a larger one, with None around them."""
    if shape == longest:
        return row
    larger = np.full(longest, None, object)
    part = np.empty(len(row), object)
    part[:] = row
    larger[tuple(slice(n) for n in shape)] = part.reshape(shape)
    return list(larger.flat)


def write_array(array: Array, prefix: str = "") -> str:
    """An array as NumPy prints it, its numbers written by `write`, in columns.

    >>> print(write_array(np.array([[0.5, -20], [1 / 3, 4]])))
    [[0.5 −20]
     [1/3   4]]
    """
    width = max((len(write(value)) for value in array.flat[:1000]), default=0)  # NumPy shortens what is larger
    form: Any = {"all": lambda value: write(value).rjust(width)}
    return np.array2string(array, formatter=form, prefix=prefix)


def write(value: float, digits: int = 4) -> str:
    """A number in as few characters as say it: whole, a short decimal, a fraction, or rounded.

    >>> [write(x) for x in (35.0, -0.25, 1 / 3, 0.1 + 0.2, -1.0690449, 20000**0.5, 0.00001)]
    ['35', '−0.25', '1/3', '0.3', '−1.069', '141.4', '1e−05']
    """
    value = float(value)
    if abs(value) < NOISE:
        return "0"
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "nan")
    if abs(value - round(value)) <= EXACT * max(1.0, abs(value)) and round(value) and abs(value) < 1e9:
        return str(round(value)).replace("-", "−")
    if abs(value) < 1e15 and abs(value - round(value, digits)) <= EXACT * abs(value):
        return f"{value:.{digits}f}".rstrip("0").rstrip(".").replace("-", "−")
    fraction = Fraction(value).limit_denominator(DENOMINATOR)
    if fraction and abs(value - fraction) <= EXACT * abs(value):
        return str(fraction).replace("-", "−")
    if abs(value) >= 10**digits:
        return f"{value:.0f}".replace("-", "−") if abs(value) < 1e9 else f"{value:.{digits}g}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")
