"""Predictions as files, which bear a mark: nothing else is written over, and none of them is taken for a picture."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tinyunet.data._checks import DataError, some
from tinyunet.data.folder import look, pictures_in
from tinyunet.data.masks import Meaning
from tinyunet.data.reading import Page, fitting, read_image
from tinyunet.files import atomic, remove_parts
from tinyunet.tasks.segmentation.network import PictureUNet, marked, predict
from tinyunet.tasks.segmentation.shown import legend, overlay, palette
from tinyunet.tensor import Array

MARK = "tinyunet predict"  # the name of the text in a PNG that says what was written: a hash of its pixels


class Predicted(NamedTuple):
    """What was done with a picture: where its mask is, and the share of its pixels in each class."""

    picture: str
    mask: str
    shares: Array


def pictures_of(arguments: Iterable[str | os.PathLike[str]]) -> tuple[dict[str, Path | Page], list[str]]:
    """The pictures that files, folders and patterns name, by what their results are called; and what is left out.

    Left out are results of `predict_files`. A TIFF stack is all its pages.

    Raises:
        DataError: what names no picture, and two pictures whose results would have one name.
    """
    every = [_named_by(argument) for argument in arguments]
    left_out = [sentence for found in every for sentence in found.left_out]
    named = list(dict.fromkeys(pair for found in every for pair in found.pictures))
    results = {source for _, source in named if isinstance(source, Path) and written_mark(source) is not None}
    named = [(name, source) for name, source in named if source not in results]
    if results:
        sentence = f"{some(sorted(results))}: results of predict"
        if not named:
            raise DataError(f"{sentence}, no pictures to predict")
        left_out.append(sentence)
    twice = sorted(name for name, count in Counter(name for name, _ in named).items() if count > 1)
    if twice:
        raise DataError(f"several pictures are named {some(twice)} and would overwrite each other's results")
    return dict(named), left_out


class Named(NamedTuple):
    """The pictures that an argument names, by name, and a sentence for what else is there."""

    pictures: list[tuple[str, Path | Page]]
    left_out: tuple[str, ...] = ()


def _named_by(argument: str | os.PathLike[str]) -> Named:
    """The pictures that an argument names; a file that exists is meant, also where its name looks like a pattern."""
    path = Path(argument)
    if path.is_dir():
        found = look(path)
        return Named(list(found.pictures.items()), found.left_out)
    if not path.exists() and not glob.has_magic(str(argument)):
        raise DataError(f"{path}: there is no such file")
    files = [path] if path.exists() else [Path(name) for name in sorted(glob.glob(str(argument), recursive=True))]
    files = [file for file in files if file.is_file()]
    if not files:
        raise DataError(f"{path}: no file fits this pattern")
    return Named([pair for file in files for pair in pictures_in(file).items()])


def predict_files(
    model: PictureUNet,
    pictures: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    meaning: Meaning | None = None,
    threshold: float = 0.5,
    overlays: bool = False,
) -> Iterator[Predicted]:
    """Predict every picture, and write NAME_mask.png and NAME_probability.png into the folder `out`.

    The mask is 0 and 255, or has the classes in their colours; the probability is that of the thing, or that of
    the likeliest class. NAME_overlay.png, if asked for, shows the picture with what is marked in it.

    Raises:
        DataError: a picture that cannot be used, two of one name, or a file in `out` that was not written here.
    """
    meaning = Meaning() if meaning is None else meaning
    if Path(out).is_file():
        raise DataError(f"{out}: is a file, not a folder; choose another name")
    files, _ = pictures_of(pictures)
    kinds = ["mask", "probability", *(["overlay"] if overlays else [])]
    paths = [Path(out) / f"{name}_{kind}.png" for name in files for kind in kinds]
    check_free(paths + ([Path(out) / "legend.png"] if meaning.classes > 1 else []))  # before the first of many
    remove_parts(out, idle=60)  # another process may be writing there
    for name, file in files.items():
        try:
            with fitting(file):
                image = read_image(file)
                p = predict(model, image)
        except ValueError as error:
            raise error if isinstance(error, DataError) else DataError(f"{file}: {error}") from None
        classes = marked(p, threshold)
        result = f"{Path(out) / name}"
        write_result(f"{result}_probability.png", np.rint(65535 * p.max(axis=0).astype(np.float64)).astype(np.uint16))
        write_result(f"{result}_mask.png", *mask_to_write(classes, meaning))
        if overlays:
            write_result(f"{result}_overlay.png", _bytes(overlay(image, classes, meaning)))
        counts = np.bincount(classes.ravel(), minlength=max(meaning.classes, 2))
        yield Predicted(str(file), f"{result}_mask.png", counts / classes.size)


def mask_to_write(classes: Array, meaning: Meaning) -> tuple[Array, Array | None]:
    """Classes (1, H, W) as the numbers (H, W) of a mask file, as in the masks learnt from, and as a palette (256, 3).

    Of two values they are 0 and 255, without palette.
    """
    if meaning.classes == 1:
        return np.where(classes[0] > 0, 255, 0).astype(np.uint8), None
    numbers = np.arange(meaning.classes)
    for value, of in reversed(meaning.table):  # the first value of a class is the one that it is written with
        if isinstance(value, int) and value < 256:
            numbers[of] = value
    numbers = numbers if len(set(numbers.tolist())) == len(numbers) else np.arange(meaning.classes)
    colours = np.zeros((256, 3), np.uint8)
    colours[numbers] = np.rint(255 * palette(meaning))
    return numbers[classes[0]].astype(np.uint8), colours


def write_legend(out: str | os.PathLike[str], meaning: Meaning) -> Path:
    """Write legend.png, which shows the colour of each class, into a folder; the path that it has."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = Path(out) / "legend.png"
    check_free([path])
    canvas: Any = FigureCanvasAgg(legend(meaning))
    canvas.draw()
    write_result(path, np.asarray(canvas.buffer_rgba())[:, :, :3])
    return path


def _bytes(image: Array) -> Array:
    """A picture (3, H, W) in [0, 1] as (H, W, 3) of 8 bits."""
    return np.rint(255 * image.transpose(1, 2, 0)).astype(np.uint8)


def write_result(path: str | os.PathLike[str], pixels: Array, colours: Array | None = None) -> None:
    """Write pixels (H, W) or (H, W, 3) as a PNG that bears the mark. The file appears whole or not at all."""
    file = Image.fromarray(pixels)
    if colours is not None:
        file.putpalette(colours.tobytes())
    mark = PngInfo()
    mark.add_text(MARK, _hash(pixels))
    with atomic(path) as part:
        file.save(part, format="PNG", pnginfo=mark)


def check_free(paths: Iterable[Path]) -> None:
    """Raise DataError if one of these files exists and was not written here, or was changed since."""
    foreign = [path for path in paths if path.exists() and not _still_as_written(path)]
    if foreign:
        raise DataError(
            f"{some(foreign)}: would be overwritten, but was not written by predict, or was changed since; "
            "choose another folder with --out"
        )


def written_mark(path: Path) -> str | None:
    """The mark of a file that was written here; None for any other."""
    try:
        with Image.open(path) as file:
            mark: Any = file.info.get(MARK)
            return mark if file.format == "PNG" else None
    except Exception:  # whatever is wrong with it is said when it is read
        return None


def _still_as_written(path: Path) -> bool:
    mark = written_mark(path)
    if mark is None:
        return False
    with Image.open(path) as file:
        return _hash(np.asarray(file)) == mark


def _hash(pixels: Array) -> str:
    """Of the numbers, whatever type holds them: a picture of 16 bits may come back as one of 32."""
    return hashlib.blake2b(str(pixels.shape).encode() + pixels.astype(np.uint16).tobytes(), digest_size=12).hexdigest()
