"""What stands in the fields of the lab's page, read as an example; and what is worked out, ready for JSON.

The page sends what stands in its fields as texts, and shows what comes back: everything is computed here. Whatever is
wrong with the fields is a ValueError, a TypeError or, for an element that there is not, an IndexError.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.grids import depth, read_grid, write_grid
from tinyunet.byhand.arithmetic.operations import OPERATIONS, Operation
from tinyunet.byhand.examples import Ask, Example, dump, library
from tinyunet.byhand.examples.fields import FieldError, blaming
from tinyunet.byhand.examples.reading import from_keys, from_source, upstream
from tinyunet.byhand.examples.source import Source
from tinyunet.byhand.mistakes.diagnosis import MISSING
from tinyunet.byhand.views import page

MOST_NUMBERS = 10_000  # in all arrays together, and in the result
INTEGER = "-?(0|[1-9][0-9]{0,30})"
UNITS = "number", "row", "channel", "image"  # of how many axes
SAID = (  # patterns of what only a programmer reads, and what is said in their place
    (r"\(\((\d+), \1\), \((\d+), \2\)\)", r"\1×\2"),  # as much before as after
    (r"(of |has )(?:the )?shape \((\d+),\)", r"\1\2 numbers"),
    (r"not \((\d+),\)", r"not a row of \1"),
    (r"\((\d+),\)", r"\1"),
    (r"\b1 ((?:output )?(?:channel|feature|number))s\b", r"1 \1"),
    (r"(\w)=(?=[\w'])", r"\1 "),
)
SHAPE = r"\((\d+(?:, \d+)+)\)"  # (2, 3)


def operations() -> dict[str, Any]:
    """For every operation its arrays and settings, and numbers to start with."""
    return {"operations": {name: _fields(name) for name in OPERATIONS}, "first": "conv2d"}


@functools.cache
def _fields(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    arrays: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for key, parameter in operation.parameters.items():
        required = parameter.default is parameter.empty
        if key in operation.array_names:
            arrays[key] = "needed" if required else "optional"
        elif isinstance(parameter.default, bool):
            settings[key] = sorted(["false", "true"], reverse=parameter.default)  # the default first
        else:
            settings[key] = "needed" if required else str(parameter.default).lower()
    start = next((source for source in map(library.source, library.names()) if source.keys["operation"] == name), None)
    form = _form(start) if start else {"arrays": {"x": "1 2 3"}, "settings": {}, "dy": "", "what": "y"}
    return {"arrays": arrays, "settings": settings, "symbols": operation.symbols, "form": form}


def work(form: Mapping[str, Any]) -> dict[str, Any]:
    """The view of a result, what else there is to see, and the example as TOML.

    >>> work({"operation": "relu", "arrays": {"x": "-3 2"}})["quantities"]
    ['y', 'dx']
    """
    example, of = _example(form)
    shared = replace(example, asks=() if of.what == "y" else (Ask(of),))
    return {"view": page.view(of), "quantities": of.operation.quantities(), "toml": dump(shared)}


def check(form: Mapping[str, Any]) -> dict[str, Any]:
    """Whether an answer is right, for one element, or for all of them if `at` is None; and the example with it.

    >>> check({"operation": "relu", "arrays": {"x": "-3 2"}, "at": [1], "answer": "2.0"})["text"]
    'right'
    >>> check({"operation": "relu", "arrays": {"x": "-3 2"}, "at": [1], "answer": ""})["open"]
    True
    """
    example, of = _example(form)
    at, text = form.get("at"), _text(form, "answer").strip()
    if at is not None and not isinstance(at, list):
        raise ValueError(f"at: must be a list of integers, or null, not {at!r}")
    answer = read_grid(text) if text and at is None and of.result.size > 1 else text or None
    ask = Ask(of, None if at is None else of.at(*at).index, answer)
    verdict = ask.check()
    unfinished = verdict.text.startswith(MISSING.text)
    found = {"right": verdict.right, "open": unfinished, "text": verdict.text}
    return found | {"toml": dump(replace(example, asks=(ask,)))}


def load(form: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the fields for an example in TOML; of several questions the first.

    >>> load({"toml": 'operation = "relu"\\nx = [[-3, 2], [1, 0]]'})["arrays"]
    {'x': '-3   2\\n 1   0'}
    """
    return _form(Source(_text(form, "toml"), "the text"))


def _form(source: Source) -> dict[str, Any]:
    """What to put into all fields."""
    example, given = from_source(source), source.keys
    operation = example.explanation.operation
    ask = example.asks[0] if example.asks else Ask(example.explanation)
    answer = given["ask"][0].get("answer") if example.asks else None
    return {
        "operation": operation.name,
        "arrays": {name: _written(operation, name, given[name]) for name in operation.array_names if name in given},
        "settings": {name: _shown(given[name]) for name in operation.settings if name in given},
        "dy": write_grid(given["dy"]) if "dy" in given else "",
        "what": ask.of.what,
        "at": ask.at,
        "answer": "" if answer is None else write_grid(answer),
    }


def _read(name: str, text: str, least: int) -> Any:
    """What stands in the field of an array; a w of several channels without --- is a single filter."""
    with blaming(name):
        numbers = read_grid(text, least)
        _even(numbers)
    return [numbers] if name == "w" and depth(numbers) == least + 1 else numbers


def _even(numbers: Any, place: str = "") -> tuple[int, ...]:
    """The shape of numbers in nested lists; a ValueError says which row or channel is of another size than the first.

    >>> _even([["1", "2", "3"], ["4", "5"]])
    Traceback (most recent call last):
    ValueError: row 2 has 2 numbers, row 1 has 3
    """
    if not isinstance(numbers, list):
        return ()
    unit = UNITS[min(depth(numbers) - 1, 3)]
    shapes = [_even(each, f"{place} of {unit} {k}") for k, each in enumerate(numbers, 1)]
    for k, shape in enumerate(shapes):
        for axis, (n, first) in enumerate(zip(shape, shapes[0], strict=False)):
            if n != first:
                parts = UNITS[min(len(shape) - axis - 1, 3)]
                has = "has" if axis == 0 else f"has {UNITS[len(shape) - axis]}s of"
                many = f"{n} {parts}{'' if n == 1 else 's'}"
                raise ValueError(f"{unit} {k + 1}{place} {has} {many}, {unit} 1 {has} {first}")
    return (len(numbers), *(shapes[0] if shapes else ()))


def _written(operation: Operation, name: str, numbers: Any) -> str:
    """What to put into the field of an array, the other way round."""
    if name == "w" and depth(numbers) == operation.least_axes("w") + 2 and len(numbers) == 1:
        numbers = numbers[0]
    return write_grid(numbers, operation.least_axes(name))


def _setting(text: str, kind: str) -> Any:
    """What stands in the field of a setting: a decimal, true or false, an integer or a text, or several, or pairs."""
    if kind == "float":
        return text.strip().replace(",", ".")
    if len(pairs := re.split(r";|[\])]\s*,\s*[\[(]", text)) > 1:
        return [_setting(pair, kind) for pair in pairs]
    words = [word for word in re.split(r"[\s,;()\[\]]+", text) if word] or [""]
    values: list[Any] = [
        word == "true" if word in ("true", "false") else int(word) if re.fullmatch(INTEGER, word) else word
        for word in words
    ]
    return values if len(values) > 1 else values[0]


def _shown(setting: Any) -> str:
    """What to put into the field of a setting, the other way round."""
    if isinstance(setting, list):
        nested = any(isinstance(value, list) for value in setting)
        return ("; " if nested else ", ").join(map(_shown, setting))
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


def _text(form: Mapping[str, Any], key: str) -> str:
    value = form.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key}: must be a text, not {type(value).__name__}")
    return value


def _texts(form: Mapping[str, Any], key: str) -> dict[str, str]:
    """The fields that are filled in."""
    fields = form.get(key, {})
    if not isinstance(fields, dict):
        raise ValueError(f"{key}: must be texts by name, not {type(fields).__name__}")
    return {name: text for name in fields if (text := _text(fields, name)).strip()}


def _example(form: Mapping[str, Any]) -> tuple[Example, Explanation]:
    """The example in the fields, and the result or gradient of it that is asked for."""
    name = _text(form, "operation")
    operation = OPERATIONS.get(name, Operation)
    keys: dict[str, Any] = {"operation": name}
    keys |= {key: _read(key, text, operation.least_axes(key)) for key, text in _texts(form, "arrays").items()}
    kinds = {key: parameter.annotation for key, parameter in getattr(operation, "parameters", {}).items()}
    keys |= {key: _setting(text, kinds.get(key, "")) for key, text in _texts(form, "settings").items()}
    example = from_keys(keys)
    y = example.explanation
    if dy := _text(form, "dy").strip():
        example = replace(example, dy=upstream(y, _read("dy", dy, y.result.ndim)))
    count = y.result.size + sum(array.size for array in y.arrays.values())
    if count > MOST_NUMBERS:
        raise ValueError(
            f"{count:,} numbers are too many for the lab, which shows {MOST_NUMBERS:,}; take smaller arrays"
        )
    what = _text(form, "what") or "y"
    if what not in y.operation.quantities():
        raise FieldError(f"there is none here; there is {', '.join(y.operation.quantities())}", what)
    return example, example.of(what)


def wrong(error: Exception, form: Mapping[str, Any]) -> tuple[str, str | None]:
    """What is wrong with the fields, in the words of the formula, and the field that it is about, if it is one.

    >>> form = {"operation": "conv2d"}
    >>> wrong(FieldError("conv2d: input has 2 channels but weight (1, 1, 3, 3) expects 1", "x"), form)
    ('x has 2 channels but w of 1×1×3×3 expects 1', 'x')
    >>> wrong(FieldError("stride must be at least 1, not 0", "stride"), form)
    ('s: stride must be at least 1, not 0', 'stride')
    """
    text, field, name = str(error), getattr(error, "key", ""), form.get("operation")
    if not isinstance(name, str) or name not in OPERATIONS or not re.fullmatch(r"\w*", field):
        return text, None
    operation = OPERATIONS[name]
    text = text.replace(f"{name}: ", "").replace("the weight layout is", "weight is")
    for word in ("input", "weight", "bias"):
        if operation.aliases[word] in operation.array_names and word not in operation.array_names:
            text = re.sub(rf"\b((the|an) )?{word}(?= \()", f"{operation.aliases[word]} of", text)
            text = re.sub(rf"\b((the|an) )?{word}\b", operation.aliases[word], text)
    for pattern, words in SAID:
        text = re.sub(pattern, words, text)
    text = re.sub(SHAPE, lambda shape: shape[1].replace(", ", "×"), text)
    if field in operation.symbols:
        text = text.replace(f"{field}: ", f"{operation.symbols[field]}: ", 1)
    return re.sub(rf"^operation: |^{field}: (?={field} )", "", text), field or None
