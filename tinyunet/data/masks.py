"""What the pixels of a mask mean: the thing or not, or one of several classes, in grey, by palette or by colour.

A mask alone is read as two-valued. What a folder of masks means is found by looking at all of them (`meaning_of`), and
kept with what is trained on them: then the same value is the same class in every mask that comes later.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from tinyunet.data._checks import DataError, Foreground, check_foreground, some
from tinyunet.data.reading import Source, show

IGNORE = 255  # the class of pixels that count for nothing, as in PASCAL VOC
MOST_CLASSES = 32  # that are found without being told; more values are a smoothed mask, or numbers of objects
BLACK = (0, 0, 0)

Colour = tuple[int, int, int]
Value = int | Colour  # a grey, or a colour


@dataclass(frozen=True)
class Meaning:
    """What the pixels of masks mean.

    Attributes:
        kind: "two values", the thing or not; "threshold", the thing where the grey exceeds `threshold`; or "classes".
        table: the class of every value, a grey or a colour (R, G, B). Empty for 0 and one of 1, 255 and 65535.
        ignore: the value of pixels that count for nothing.
        threshold: in the numbers of the files, such as 127 of 255.
        foreground: which side of two is the thing.

    >>> Meaning("classes", table=((0, 0), ((255, 0, 0), 1)), ignore=255).classes
    2
    """

    kind: Literal["two values", "threshold", "classes"] = "two values"
    table: tuple[tuple[Value, int], ...] = ()
    ignore: Value | None = None
    threshold: float | None = None
    foreground: Foreground = "light"

    def __post_init__(self) -> None:
        check_foreground(self.foreground)

    @property
    def classes(self) -> int:
        """How many classes there are; 1 for the thing or not, which one logit tells."""
        return 1 + max(number for _, number in self.table) if self.kind == "classes" else 1

    @property
    def colours(self) -> list[Colour]:
        """A colour to draw each class with: its own, if masks are coloured, else that of PASCAL VOC's palette."""
        own: dict[int, Colour] = {}
        for value, number in self.table:
            if isinstance(value, tuple):
                own.setdefault(number, value)
        return [own.get(k, voc_colour(k)) for k in range(self.classes)]

    def to_dict(self) -> dict[str, Any]:
        """All of it in what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Meaning":
        """What `to_dict` made, also after JSON has made lists of its tuples."""
        table = tuple((_value(value), int(number)) for value, number in values.get("table", ()))
        return cls(**{**values, "table": table, "ignore": _value(values.get("ignore"))})


class Marks(NamedTuple):
    """What is drawn in a mask file, upright: greys as they are stored, or colours as r·2¹⁶ + g·2⁸ + b."""

    values: np.ndarray  # (H, W)
    coloured: bool
    palette: tuple[Colour, ...]  # () if it has none
    lossy: bool
    orientation: int


def read_mask(source: Source, foreground: Foreground = "light", meaning: Meaning | None = None) -> np.ndarray:
    """Read a mask as (1, H, W): float32 of 0 and 1 where 1 is the thing, or uint8 of classes if `meaning` has several.

    Without a `meaning` the mask must be two-valued. Its values are 0 and one of 1, 255 and 65535 (or true and false),
    or black and one colour; it may lack either, as all 0 does where there is nothing to find. Palettes are looked up.
    `foreground="dark"` makes the zeros the thing. In classes, 255 (`IGNORE`) is what counts for nothing.

    Raises DataError for a mask of other values, which names them; for one that is drawn in transparency; and as
    `read_image` does.
    """
    meaning = Meaning(foreground=foreground) if meaning is None else meaning
    classes = classes_of(marks(source), meaning, source)[None]  # (1, H, W)
    return classes if meaning.kind == "classes" else classes.astype(np.float32)


def marks(source: Source) -> Marks:
    """What is drawn in a mask file. Raises DataError for one in which no value is drawn at every pixel."""
    shown = show(source)
    values, palette = shown.values, shown.palette
    if shown.alpha is not None:
        _check_transparent(source, values if palette is None else palette[values], shown.alpha)
    if palette is not None:
        colours = palette.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        used = np.flatnonzero(np.bincount(values.ravel(), minlength=len(palette)))
        if len(set(colours[used].tolist())) < len(used):
            raise DataError(f"{source}: its palette shows several of the indices {some(used)} alike; save it as grey")
        table = tuple(map(tuple, palette.tolist()))
        if (palette[used] == palette[used, :1]).all():
            return Marks(palette[:, 0][values], False, table, shown.lossy, shown.orientation)
        return Marks(colours[values], True, table, shown.lossy, shown.orientation)
    if values.ndim == 2:
        return Marks(values, False, (), shown.lossy, shown.orientation)
    if values.shape[2] != 3:
        raise DataError(f"{source}: a mask is grey or coloured, but this has {values.shape[2]} channels; save one")
    if (values == values[:, :, :1]).all():
        return Marks(values[:, :, 0], False, (), shown.lossy, shown.orientation)
    if values.dtype != np.uint8:
        raise DataError(f"{source}: a coloured mask has 8 bits for each colour, not {values.dtype}; save it as RGB")
    red, green, blue = values.astype(np.uint32).transpose(2, 0, 1)
    return Marks(red << 16 | green << 8 | blue, True, (), shown.lossy, shown.orientation)


def _check_transparent(source: Source, colours: np.ndarray, alpha: np.ndarray) -> None:
    """Refuse a mask whose pixels are not drawn; black behind what is fully transparent is as good as black."""
    flat = colours.reshape(*alpha.shape, -1)
    if alpha.min() < alpha.max() and (flat == flat[:1, :1]).all():
        raise DataError(
            f"{source}: has one colour everywhere, and the mask is in its alpha channel; save that as the mask "
            '(in Python: PIL.Image.open(FILE).getchannel("A").save(FILE))'
        )
    if not ((alpha == 255) | (alpha == 0)).all() or flat[alpha == 0].any():
        raise DataError(f"{source}: a mask must not be transparent; save it without its alpha channel")


def classes_of(drawn: Marks, meaning: Meaning, source: Source) -> np.ndarray:
    """What is drawn in a mask as classes (H, W), uint8.

    Raises:
        DataError: a value that has no class.
    """
    values = drawn.values
    if meaning.threshold is not None:
        if drawn.coloured:
            raise DataError(f"{source}: a threshold is for grey masks, but this one is coloured; save it as grey")
        positive = values > meaning.threshold
    elif not meaning.table:
        positive = _standard(drawn, source)
    else:
        return _looked_up(drawn, meaning, source)
    return (positive if meaning.foreground == "light" else ~positive).astype(np.uint8)


def _standard(drawn: Marks, source: Source) -> np.ndarray:
    """Where a mask is not 0, if it has two values that everybody reads alike."""
    found = values_of(drawn)
    if drawn.coloured:
        others = [value for value in found if value != BLACK]
        if len(others) > 1:
            several = (
                "JPEG smears colours, save it as PNG" if drawn.lossy else "several colours are classes of a folder"
            )
            raise DataError(f"{source}: a mask alone has black and one colour, but here are {some(others)}; {several}")
    elif not is_standard(found):
        hint = "JPEG is lossy, save masks as PNG" if drawn.lossy else "save 0 for background and 255 for foreground"
        raise DataError(f"{source}: a mask holds 0 and 1, or 0 and 255, but here are values {some(found)}; {hint}")
    return drawn.values != 0


def is_standard(values: Iterable[Value | float]) -> bool:
    """Whether the values of a mask are 0 and one of 1, 255 and 65535, or lack either."""
    return any(set(values) <= {0, white} for white in (1, 255, 65535))


def _looked_up(drawn: Marks, meaning: Meaning, source: Source) -> np.ndarray:
    """The class of every pixel by the table."""
    table = dict(meaning.table) | ({} if meaning.ignore is None else {meaning.ignore: IGNORE})
    if meaning.kind == "two values" and meaning.foreground == "dark":
        table = {value: 1 - number for value, number in table.items()}
    if any(isinstance(value, tuple) for value in table) and not drawn.coloured:  # grey (v, v, v) among colours
        table = {value[0]: c for value, c in table.items() if isinstance(value, tuple) and len(set(value)) == 1}
    found = np.full(drawn.values.shape, IGNORE, np.uint8)
    known = np.zeros(drawn.values.shape, bool)
    for value, number in table.items():
        if isinstance(value, tuple) != drawn.coloured:
            continue
        here = drawn.values == (packed(value) if isinstance(value, tuple) else value)
        found[here] = number
        known |= here
    if not known.all():
        new = [value for value in values_of(drawn) if value not in table]
        classes = some(text_of(value) for value, _ in meaning.table)
        raise DataError(f"{source}: holds {some(map(text_of, new))}, which is no class; the classes are {classes}")
    return found


def values_of(drawn: Marks, most: int = 1000) -> list[Any]:
    """The values in a mask, sorted, colours as (R, G, B); some of them, where there are more than `most`."""
    values = drawn.values
    if values.dtype.kind in "ub" and values.dtype.itemsize <= 2:
        return np.flatnonzero(np.bincount(values.ravel()))[:most].tolist()
    if not drawn.coloured:
        return np.unique(values)[:most].tolist()
    rest, found = values.ravel(), list[Colour]()
    while rest.size and len(found) < most:  # without sorting a million pixels for a few colours
        found.append(unpacked(int(rest[0])))
        rest = rest[rest != rest[0]]
    return sorted(found)


def packed(colour: Sequence[int]) -> int:
    """A colour as one number, r·2¹⁶ + g·2⁸ + b."""
    red, green, blue = colour
    return red << 16 | green << 8 | blue


def unpacked(number: int) -> Colour:
    """The colour of a number.

    >>> unpacked(packed((1, 2, 3)))
    (1, 2, 3)
    """
    return number >> 16, number >> 8 & 255, number & 255


def text_of(value: Value | float) -> str:
    """A value of masks as it is given to the command.

    >>> text_of(128), text_of((255, 128, 0))
    ('128', '#ff8000')
    """
    return "#{:02x}{:02x}{:02x}".format(*value) if isinstance(value, tuple) else str(value)


def voc_colour(number: int) -> Colour:
    """The colour of a class in PASCAL VOC's palette: its bits, by threes, fill R, G and B from above.

    >>> [voc_colour(k) for k in range(4)]
    [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    """
    channels = [sum((number >> (3 * k + channel) & 1) << (7 - k) for k in range(3)) for channel in range(3)]
    return channels[0], channels[1], channels[2]


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else value
