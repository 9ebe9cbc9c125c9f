"""Numbers as they are written by hand: read with the digits that were given, and written short.

An answer is right if it equals the result as far as it was written out. A whole number or a fraction must be exact; the
decimal 0.248 stands for everything from 0.2475 to 0.2485, so half a unit of its last digit is allowed.
"""

import math
import re
import sys
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.grids import read_grid
from tinyunet.tensor import Array

EXACT = 1e-9  # of a number's size: what rounding in float64 leaves undecided
ROUNDED = {2: 1e-3, 4: 1e-5}  # the same for numbers that were computed in float16 and float32, by their bytes
NOISE = 1e-12  # what rounding leaves where a sum is 0
DENOMINATOR = 99  # the largest in a fraction that is shown as one


class Given(NamedTuple):
    """A number that somebody wrote, and how far from it the number that they meant may be."""

    value: float
    tolerance: float

    def fits(self, value: float) -> bool:
        """Whether it is this value, to the digits given."""
        return abs(self.value - value) <= self.tolerance + EXACT * max(1.0, abs(value))


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
        return _finite(number, number, ROUNDED[number.dtype.itemsize] * abs(float(number)))
    if isinstance(number, (float, np.floating)):
        value = float(number)
        computed = sys.float_info.epsilon * abs(value)  # as far as a whole one may be from 35, which is exact
        return _finite(number, value, computed if value.is_integer() else _half_a_unit(Decimal(repr(value))))
    if isinstance(number, Decimal):
        number = str(number)
    if not isinstance(number, str):
        raise TypeError(f"a number is needed, or a text such as '1/3', not {number!r}")
    text = number.strip().lstrip("=≈~ ").replace("−", "-").replace("–", "-")  # a typographic minus, or a dash
    if "," in text:
        raise ValueError(f"{number!r} is not a number; decimals have a point, as in 0.5")
    try:
        if "/" in text:
            return _finite(number, Fraction(text), 0)
        mantissa = re.sub(r"\s*[×·*x]\s*10\^", "e", text)
        decimal = Decimal(mantissa.rstrip("% ")).scaleb(-2 if mantissa.endswith("%") else 0)
    except (ValueError, ZeroDivisionError, InvalidOperation):
        raise ValueError(f"{number!r} is not a number such as 35, -0.248 or 1/3") from None
    return _finite(number, decimal, _half_a_unit(decimal))


def _half_a_unit(decimal: Decimal) -> float:
    """Of the last digit after the point; whole numbers are exact."""
    exponent = decimal.as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) and exponent < 0 else 0.0


def _finite(number: Any, value: Any, tolerance: float) -> Given:
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"a finite number is needed, not {number!r}")
    return Given(value, tolerance)


def read_array(numbers: Any) -> tuple[Array, Array]:
    """The values and the tolerances of numbers as `read` takes them: in nested lists, in an array, or in a text.

    An array is whatever NumPy can make one of, PyTorch's Tensors too; a text is one that `grids.read_grid` reads.

    Raises:
        ValueError, TypeError: rows of different lengths, and what `read` and `read_grid` raise.

    >>> read_array([[1, "1/2"], [0.25, 3]])[0]
    array([[1.  , 0.5 ],
           [0.25, 3.  ]])
    """
    if isinstance(numbers, str) and re.search(r"[\s;\[]", numbers.strip(" =≈~")):
        numbers = read_grid(numbers)
    shape, flat = _flat(numbers)
    given = [read(number) for number in flat]
    values, tolerances = (np.array([g[k] for g in given], np.float64).reshape(shape) for k in range(2))
    # The float 2.0 beside 0.67 was rounded like it; and what is 0 was computed from numbers that are not.
    computed = np.array([isinstance(number, (float, np.floating)) for number in flat], bool).reshape(shape)
    finest = min(tolerances[computed & (values % 1 != 0)], default=0.0)
    bytes_each = np.asarray(numbers).itemsize if hasattr(numbers, "__array__") else 8
    scale = ROUNDED.get(bytes_each, 0.0) * np.abs(values).max(initial=0)
    tolerances[computed] = np.maximum(tolerances[computed], max(finest, scale))
    return values, tolerances


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
            found = read_array(numbers)[0]
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    if not found.size:
        raise ValueError(f"{name}: there are no numbers in an array of shape {found.shape}")
    return found


def _flat(numbers: Any) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of numbers, whatever holds them, and all of them in a row."""
    if hasattr(numbers, "__array__"):
        held = np.asarray(numbers)
        return held.shape, list(held.flat)
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        return (), [numbers]
    rows = [_flat(row) for row in numbers]
    shapes = {shape for shape, _ in rows} or {()}
    if len({len(shape) for shape in shapes}) > 1:
        raise ValueError("rows must have the same length; here some brackets are nested deeper than others")
    for lengths in map(set, zip(*shapes, strict=True)):
        if len(lengths) > 1:
            raise ValueError(f"rows must have the same length; here the lengths are {min(lengths)} and {max(lengths)}")
    return (len(rows), *shapes.pop()), [number for _, row in rows for number in row]


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
