"""How what came differs from what it must be, in words: the first wrong element, and what all wrong ones share."""

from __future__ import annotations

import itertools
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyunet.tensor import Array, Tensor

Index = tuple[int, ...]
CLOSE = {np.dtype(np.float32): 2e-4, np.dtype(np.float16): 2e-2}  # of the largest number; else:
CLOSE_ELSE = 1e-7


@dataclass(frozen=True)
class Difference:
    """What is wrong with one of the arrays that came.

    Attributes:
        name: which one: "dx".
        words: a sentence, without full stop: "y[0, 0] must be 4, and yours is 2".
        hidden: the same without what is right.
        index: of the first wrong element, if the shape is right.
        pattern: what all wrong elements share, a sentence; "" if nothing was found.
    """

    name: str
    words: str
    hidden: str
    index: Index | None = None
    pattern: str = ""


def array_of(came: Any) -> Array | str:
    """The array that a result is, or why it is none."""
    if isinstance(came, Tensor):
        came = came.numpy()
    if came is None:
        return "is None"
    if callable(came):
        return "is a function, not an array"
    if isinstance(came, (str, bytes, dict, set)):
        return f"is a {type(came).__name__}, not an array of numbers"
    try:
        array = np.asarray(came)
    except (ValueError, TypeError, OverflowError):
        return "is made of rows of different lengths, not an array"
    if array.dtype.kind not in "fiub":
        return f"is an array of {array.dtype}, not of numbers" if array.dtype.kind != "c" else "has complex numbers"
    return array


def parts(came: Any, expected: Any, names: tuple[str, ...]) -> list[tuple[str, Any, Any]] | str:
    """(name, what came, what it must be) for each thing that is asked for, or what is wrong with the whole."""
    if isinstance(expected, dict):
        if not isinstance(came, dict):
            return f"must be a dictionary with the keys {', '.join(map(repr, expected))}"
        missing = [key for key in expected if key not in came]
        return f"has no {missing[0]!r}" if missing else [(str(key), came[key], expected[key]) for key in expected]
    if isinstance(expected, tuple) and len(names) > 1:
        if not isinstance(came, (tuple, list)) or len(came) != len(expected):
            got = f"{len(came)} things" if isinstance(came, (tuple, list)) else f"one {type(came).__name__}"
            return f"must return {len(expected)} things, {', '.join(names)}, and returns {got}"
        return list(zip(names, came, expected, strict=True))
    name = names[0] if names else "the result"
    if isinstance(came, tuple) and any(isinstance(part, np.ndarray) or callable(part) for part in came):
        return f"must return {name} alone, and returns {len(came)} things"
    return [(name, came, expected)]


def differences(came: Any, expected: Any, names: tuple[str, ...]) -> list[Difference]:
    """All that is wrong, one for each array; empty if it is right."""
    found = parts(came, expected, names)
    if isinstance(found, str):
        return [Difference("", found, found)]
    return [each for each in itertools.starmap(_difference, found) if each is not None]


def _difference(name: str, came: Any, expected: Any) -> Difference | None:
    if isinstance(expected, (str, bool, type(None))):
        if type(came) is type(expected) and came == expected:
            return None
        return Difference(
            name, f"{name} must be {expected!r}, and yours is {came!r}", f"{name} = {came!r} is not right"
        )
    right, array = np.asarray(expected.numpy() if isinstance(expected, Tensor) else expected), array_of(came)
    if isinstance(array, str):
        return Difference(name, f"{name} {array}", f"{name} {array}")
    if array.shape != right.shape:
        pattern = _rearranged(array, right)
        shape = f"{name} has the shape {array.shape}"
        return Difference(
            name, f"{name} must have the shape {right.shape}, and yours has {array.shape}", shape, pattern=pattern
        )
    close = close_to(array, right)
    if close.all():
        return None
    index = tuple(int(k) for k in np.argwhere(~close)[0])
    at = f"{name}[{', '.join(map(str, index))}]" if index else name
    many = f" (the first of {(~close).sum()} wrong elements, of {close.size})" if (~close).sum() > 1 else ""
    yours, must = written(array[index]), written(right[index])
    return Difference(
        name,
        f"{at} must be {must}, and yours is {yours}{many}",
        f"{at} = {yours} is not right{many}",
        index,
        _pattern(name, array, right, ~close),
    )


def close_to(a: Array, b: Array) -> Any:
    """Where numbers are the same, to the rounding of their dtype."""
    with np.errstate(all="ignore"):
        scale = np.abs(b[np.isfinite(b)]).max(initial=1) if b.size else 1
        tolerance = max(CLOSE.get(a.dtype, CLOSE_ELSE), CLOSE.get(b.dtype, CLOSE_ELSE))
        return (np.abs(a.astype(np.float64) - b) <= tolerance * scale) | (a == b) | (np.isnan(a) & np.isnan(b))


def same(a: Any, b: Any) -> bool:
    """Whether two results are the same, whatever they are: what one came to, and what a known mistake does."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple) and isinstance(b, (tuple, list)) and any(np.ndim(part) for part in a if part is not None):
        return len(a) == len(b) and all(map(same, a, b))
    x, y = array_of(a), array_of(b)
    if isinstance(x, str) or isinstance(y, str):
        return type(a) is type(b) and (a is None or (isinstance(a, str) and a == b))
    return x.shape == y.shape and bool(close_to(x, y).all())


def written(number: Any) -> str:
    """A number as short as can be: 3, 0.5, −2.

    >>> written(np.float64(-2.0)), written(1 / 3)
    ('−2', '0.333333')
    """
    if isinstance(number, (bool, np.bool_)) or not isinstance(number, (numbers.Real, np.floating, np.integer)):
        return str(number)
    return f"{float(number):.6g}".replace("-", "−")


# ---- what all wrong elements share

AXES = {  # what the axes of an array are called, by how many there are
    4: ("n", "channel", "row", "column"),
    3: ("channel", "row", "column"),
    2: ("row", "column"),
}


def _rearranged(a: Array, b: Array) -> str:
    if a.size != b.size or a.size < 2:
        return ""
    if a.ndim == b.ndim:
        for order in itertools.permutations(range(a.ndim)):
            turned = a.transpose(order)
            if order != tuple(range(a.ndim)) and turned.shape == b.shape and close_to(turned, b).all():
                return f"The numbers are right, but the axes stand in another order: .transpose{order} puts them right"
    if close_to(a.ravel(), b.ravel()).all():
        return "The numbers are right and in order, in another shape"
    return ""


def _pattern(name: str, a: Array, b: Array, wrong: Any) -> str:
    """What all wrong elements share."""
    if not np.isfinite(a[wrong]).any():
        return f"All that is wrong in {name} is nan or infinite: something was divided by 0, or is the log of 0"
    if not a.any():
        return f"All of {name} is 0"
    if pattern := _rearranged(a, b):
        return pattern
    if b.ndim >= 2:
        for axes, turned in (((-2, -1), "turned by 180°"), ((-2,), "upside down"), ((-1,), "mirrored, left to right")):
            if close_to(np.flip(a, axes), b).all():
                return f"Every map of {name} is {turned}"
    if np.count_nonzero(b) > 1:
        k = np.argmax(np.abs(b))
        factor = float(a.flat[k] / b.flat[k])
        if close_to(a, b * factor).all():
            return f"All of {name} is {written(factor)} times what it must be"
    if b.size > 1 and close_to(a - b, np.full(b.shape, (a - b).flat[0])).all():
        beyond = float((a - b).flat[0])
        return f"All of {name} is {written(abs(beyond))} too {'large' if beyond > 0 else 'small'}"
    return _only(b.shape, wrong)


def _only(shape: Index, wrong: Any) -> str:
    """Where the wrong elements stand, if that is only a part."""
    said = []
    for axis, (n, what) in enumerate(zip(shape, AXES.get(len(shape), ()), strict=False)):
        places = np.unique(np.nonzero(wrong)[axis])
        if n > 1 and len(places) < n and len(places) == 1:
            said.append(f"{what} {places[0]}")
    if said:
        return f"All wrong elements stand in {', '.join(said)}"
    if len(shape) >= 2 and min(shape[-2:]) > 2 and not wrong[..., 1:-1, 1:-1].any():
        return "All wrong elements stand at the border"
    return ""
