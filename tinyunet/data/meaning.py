"""What a folder of masks means, found by looking at all of them."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from tinyunet.data._checks import DataError, Foreground, some
from tinyunet.data.masks import BLACK, IGNORE, MOST_CLASSES, Meaning, Value, is_standard, marks, text_of, values_of
from tinyunet.data.reading import Source

Ignored = Value | None | Literal["auto"]


class Seen(NamedTuple):
    """What was seen of one mask."""

    source: Source
    coloured: bool
    palette: tuple[Any, ...]
    lossy: bool
    values: frozenset[Any]


def _see(source: Source) -> Seen:
    drawn = marks(source)
    return Seen(source, drawn.coloured, drawn.palette, drawn.lossy, frozenset(values_of(drawn)))


def meaning_of(
    masks: Iterable[Source],
    foreground: Foreground = "light",
    threshold: float | None = None,
    table: Mapping[Value, int] | None = None,
    ignore: Ignored = "auto",
) -> Meaning:
    """What the pixels of these masks mean, found by looking at all of them.

    - With `threshold`: the thing is where the grey exceeds it, in the numbers of the file (127 for 8-bit JPEG).
    - With `table`: the class of every grey, or of every colour (R, G, B).
    - Each mask holds 0 and one of 1, 255 and 65535; or all hold the same two greys, or black and a colour: two values.
    - Up to 32 greys or colours in all: classes, in the order of the greys, of the indices of the palette if all masks
      have the same one, or of the colours.

    `ignore` is the value of pixels that count for nothing; "auto" is 255 where the other values are numbers of classes
    (0, 1, 2, 255, but not 0, 128, 255), as in PASCAL VOC, and index 255 of a palette.

    Raises:
        DataError: masks that mean none of this, or a mixture; it names one of each.
    """
    if threshold is not None:
        return Meaning("threshold", threshold=threshold, foreground=foreground)
    if table is not None:
        return Meaning("classes", tuple(table.items()), None if ignore == "auto" else ignore, foreground=foreground)
    every = [_see(source) for source in masks]
    _check_ignored(every, ignore)
    if ignore in ("auto", None) and all(is_standard(mask.values) and not mask.coloured for mask in every):
        return Meaning(foreground=foreground)
    for mask in every:
        if mask.lossy and (mask.coloured or not is_standard(mask.values)):
            raise DataError(
                f"{mask.source}: JPEG and WebP smear values, here are {some(sorted(mask.values))}; save masks as PNG, "
                "or give a threshold for grey ones (--mask-threshold 127)"
            )
    coloured = [mask for mask in every if mask.coloured]
    return _colours(every, coloured, foreground, ignore) if coloured else _greys(every, foreground, ignore)


def _check_ignored(every: list[Seen], ignore: Ignored) -> None:
    """Refuse a value to ignore that is of another kind than what is drawn."""
    if ignore in ("auto", None):
        return
    coloured = [mask for mask in every if mask.coloured]
    if coloured and not isinstance(ignore, tuple):
        raise DataError(f"{coloured[0].source}: is coloured; what is ignored is a colour, too, not {ignore}")
    if isinstance(ignore, tuple) and not coloured:
        raise DataError(f"{every[0].source}: is grey; what is ignored is a grey, too, not {text_of(ignore)}")


def _colours(every: list[Seen], coloured: list[Seen], foreground: Foreground, ignore: Ignored) -> Meaning:
    for mask in every:
        if not mask.coloured and not mask.values <= {0, 255}:
            raise DataError(
                f"masks are mixed: {coloured[0].source} is coloured, {mask.source} is grey with "
                f"{some(sorted(mask.values))}; save all in one way"
            )
    colours = {value for mask in coloured for value in mask.values}
    colours |= {(int(v),) * 3 for mask in every if not mask.coloured for v in mask.values}
    _check_few(colours, coloured, "colours")
    palette: list[Any] = max((list(mask.palette) for mask in every), key=len)
    if any(not mask.palette or list(mask.palette) != palette[: len(mask.palette)] for mask in every):
        palette = []  # not all have the same one, so an index says nothing
    if ignore == "auto":
        ignore = palette[IGNORE] if len(palette) > IGNORE and palette[IGNORE] in colours else None
    colours.discard(ignore)
    if len(colours) == 2 and BLACK in colours and ignore is None:
        (other,) = colours - {BLACK}
        return Meaning(table=((BLACK, 0), (other, 1)), foreground=foreground)
    order = sorted(colours, key=palette.index) if palette else sorted(colours)
    return Meaning("classes", tuple((colour, k) for k, colour in enumerate(order)), ignore, foreground=foreground)


def _greys(every: list[Seen], foreground: Foreground, ignore: Ignored) -> Meaning:
    for mask in every:
        if any(value != int(value) for value in mask.values if value == value) or any(v != v for v in mask.values):
            raise DataError(
                f"{mask.source}: a mask holds whole numbers, but here are {some(sorted(mask.values))}; "
                "give a threshold (--mask-threshold 0.5)"
            )
        if min(mask.values) < 0:
            raise DataError(
                f"{mask.source}: a mask holds no negative numbers, but here are {some(sorted(mask.values))}"
            )
    values = {int(value) for mask in every for value in mask.values}
    _check_few(values, every, "values")
    if ignore == "auto":
        ignore = _ignored(values, every)
    if isinstance(ignore, int):
        values.discard(ignore)
    low, *others = sorted(values)
    if len(others) == 1 and ignore is None:
        return Meaning(table=((low, 0), (others[0], 1)), foreground=foreground)
    if not others:
        raise DataError(
            f"all masks hold {low} alone ({some(mask.source for mask in every)}); "
            "save 0 for background and 255 for foreground"
        )
    return Meaning("classes", tuple((v, k) for k, v in enumerate(sorted(values))), ignore, foreground=foreground)


def _ignored(values: set[int], every: list[Seen]) -> int | None:
    """255 if the others are numbers of classes. Raises DataError if it is rather the white of two-valued masks."""
    others = values - {IGNORE}
    if IGNORE not in values or not others or max(others) >= MOST_CLASSES:
        return None
    white = [mask for mask in every if IGNORE in mask.values]
    if all(mask.values <= {0, IGNORE} for mask in white):
        other = next(mask for mask in every if not mask.values <= {0, IGNORE})
        raise DataError(
            f"masks are mixed: {white[0].source} holds 0 and 255, {other.source} holds {some(sorted(other.values))}; "
            "save all with the same values"
        )
    return IGNORE


def _check_few(values: set[Any], every: list[Seen], what: str) -> None:
    if len(values) > MOST_CLASSES:
        most = max(every, key=lambda mask: len(mask.values))
        raise DataError(
            f"the masks hold more than {MOST_CLASSES} {what} ({most.source}: {some(sorted(most.values))}); "
            "if their edges are smooth, give a threshold (--mask-threshold 127); if every object has its own number, "
            "--mask-threshold 0; if these are classes, give a table (--classes)"
        )
