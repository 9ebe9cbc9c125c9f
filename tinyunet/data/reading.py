"""How a file becomes an array: what a viewer shows is what is read, or an error names the file and the way out.

A palette is looked up, a picture whose 0 is white is turned over, one that a camera took sideways is turned upright.
What would be lost without a word (colours of 16 bits, transparency, a second page) is refused.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tinyunet.data import tiff
from tinyunet.data._checks import DataError
from tinyunet.data.tiff import TiffPage

# Of the formats that Pillow reads, those of pictures that are made of pixels.
EXTENSIONS = (
    *(".png", ".apng", ".tif", ".tiff", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".gif", ".webp"),
    *(".avif", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c", ".pgm", ".ppm", ".pbm", ".pnm", ".pfm", ".tga", ".pcx"),
    *(".sgi", ".rgb", ".bw", ".ras", ".im", ".msp", ".xbm", ".xpm", ".qoi"),
)
_ORIENTATION = 0x0112  # the EXIF tag
_WHITE = {"1": 1, "L": 255, "RGB": 255, "I;16": 65535, "I;16L": 65535, "I;16B": 65535}  # by Pillow's names of formats


class Page(NamedTuple):
    """One picture of a file that holds several, such as a TIFF stack; they count from 1, as viewers count."""

    file: Path
    number: int

    def __str__(self) -> str:
        return f"{self.file}#{self.number}"


Source = str | os.PathLike[str] | Page


class Shown(NamedTuple):
    """What a viewer shows of a file, upright.

    Attributes:
        values: (H, W) or (H, W, C), as they are stored. Indices, where there is a palette.
        white: which value is white; None for numbers that have no agreed white, such as floats.
        palette: the colours (n, 3) that are shown for the indices.
        alpha: how opaque each pixel is, (H, W), None if all are.
        orientation: what the file said of how it must be turned, by EXIF's numbers; 1 for not at all. It has been done.
        lossy: whether the format smears values.
    """

    values: np.ndarray
    white: int | None
    palette: np.ndarray | None = None
    alpha: np.ndarray | None = None
    orientation: int = 1
    lossy: bool = False


@contextmanager
def fitting(source: Source) -> Iterator[None]:
    """Where there is not enough memory to work with a picture, an error names it."""
    try:
        yield
    except MemoryError as error:
        raise DataError(
            f"{source}: the picture does not fit into memory ({error}); close programs, or cut it into smaller ones"
        ) from None


def show(source: Source) -> Shown:
    """What a viewer shows of a file.

    Raises:
        DataError: a file that is missing, broken, no picture, of several pages, or not read without loss.
    """
    path, number = (source.file, source.number) if isinstance(source, Page) else (Path(source), None)
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder, not a file' if path.is_dir() else 'there is no such file'}")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty; copy or save it again")
    try:
        with fitting(source):
            shown = _show_tiff(path, number) if tiff.is_tiff(path) else _show(path)
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{path}: this is no picture that Pillow can read; save it as PNG or TIFF") from None
    except Exception as error:  # broken files raise OSError, SyntaxError, ValueError, EOFError, struct.error, …
        reason = " ".join(str(error).split())
        way = "cut it into smaller ones" if isinstance(error, Image.DecompressionBombError) else "copy or save it again"
        raise DataError(f"{path}: cannot be read ({reason}); {way}") from None
    if shown.alpha is not None and (shown.alpha == 255).all():
        shown = shown._replace(alpha=None)
    return shown


def read_image(source: Source) -> np.ndarray:
    """Read a picture as float32 (C, H, W): C = 1 (grey), 3 (colour), or as many channels as a TIFF has.

    Values of 8 and 16 bits are scaled to [0, 1] by what is white, 255 or 65535. Signed numbers, floats and integers of
    32 bits have no agreed white, and are taken as they are. `source` is a file, or a `Page` of one. Raises DataError
    for a file that is missing, broken, no picture, of several pages, transparent, not finite, or of 16-bit colours
    outside of TIFF (Pillow cuts them to 8 bits).
    """
    return as_floats(stored_image(source)[0])


def as_floats(stored: np.ndarray) -> np.ndarray:
    """Stored values as float32: of 8 bits divided by 255, of 16 bits by 65535, floats as they are.

    >>> as_floats(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """
    white = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(stored.dtype)
    return stored.astype(np.float32) if white is None else np.asarray(stored, np.float32) / np.float32(white)


def stored_image(source: Source) -> tuple[np.ndarray, int]:
    """A picture (C, H, W) in as few bytes as it needs, uint8, uint16 or float32, and how it was turned upright.

    `as_floats` makes of it what `read_image` returns. Raises DataError as `read_image` does.
    """
    shown = show(source)
    if shown.alpha is not None:
        raise DataError(
            f"{source}: is partly transparent; if its fourth channel is transparency, save it without, on the "
            "background that it should have; if it is a channel of its own, save a TIFF whose channels are no colours"
        )
    values, white = shown.values, shown.white
    if shown.palette is not None:
        grey = (shown.palette == shown.palette[:, :1]).all()
        values, white = (shown.palette[:, 0] if grey else shown.palette)[values], 255
    if values.dtype == bool:
        values, white = np.where(values, np.uint8(255), np.uint8(0)), 255
    if (values.dtype.name, white) not in (("uint8", 255), ("uint16", 65535)):
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            values = values.astype(np.float32) / np.float32(white or 1)
        if not np.isfinite(values).all():
            raise DataError(f"{source}: holds nan or infinite values; replace them, for example by 0")
    return np.ascontiguousarray(np.atleast_3d(values).transpose(2, 0, 1)), shown.orientation  # (C, H, W)


def _show(path: Path) -> Shown:
    """What is shown of a file that is no TIFF."""
    with path.open("rb") as file, Image.open(file) as picture:
        pages = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)  # of MPO viewers show the first
        if pages > 1:
            raise DataError(f"{path}: holds {pages} pages; split it into one file per page")
        if _is_cut_to_8_bits(picture, path):
            raise DataError(
                f"{path}: 16-bit colour is not read without loss; save it as 8-bit RGB, as 16-bit grey, or as TIFF"
            )
        if picture.format == "BMP":
            _check_bits(picture, path)
        orientation, kind = picture.getexif().get(_ORIENTATION, 1), picture.format
        picture.load()
        upright = ImageOps.exif_transpose(picture)
    shown = _values(upright, path)
    if upright.mode == "I" and kind in ("PNG", "PPM"):  # Pillow's way to hold 16 bits
        shown = shown._replace(values=shown.values.astype(np.uint16), white=65535)
    return shown._replace(orientation=_orientation(orientation), lossy=kind in ("JPEG", "MPO", "WEBP", "AVIF"))


def _check_bits(picture: Image.Image, path: Path) -> None:
    """Refuse a BMP of which Pillow (13.0) takes the palette for the sign of another number of bits, and shows noise."""
    with path.open("rb") as file:
        header = file.read(30)
    bits = header[28] if header[14] >= 40 else header[24]
    if {"1": 1, "L": 8}.get(picture.mode, bits) != bits:
        raise DataError(f"{path}: has {bits} bits for each pixel and a grey palette, which Pillow misreads; save PNG")


def _values(picture: Image.Image, path: Path) -> Shown:
    """The values of a picture in memory."""
    mode = picture.mode
    if mode == "P":
        alpha = _alpha(picture.convert("RGBA")) if "transparency" in picture.info else None
        palette = np.reshape(picture.getpalette() or [], (-1, 3)).astype(np.uint8)
        indices = np.asarray(picture)
        if len(palette) <= indices.max(initial=0):  # what has no colour is shown black
            palette = np.pad(palette, ((0, int(indices.max()) + 1 - len(palette)), (0, 0)))
        return Shown(indices, None, palette, alpha)
    if mode in ("LA", "La"):
        return Shown(np.asarray(picture.convert("LA"))[:, :, 0], 255, alpha=_alpha(picture))
    if mode in ("RGBA", "RGBa", "PA"):
        picture = picture.convert("RGBA")
        return Shown(np.asarray(picture)[:, :, :3], 255, alpha=_alpha(picture))
    if mode in ("L", "RGB") and "transparency" in picture.info:  # one value that is not shown
        return Shown(np.asarray(picture), 255, alpha=_alpha(picture.convert("RGBA")))
    if mode in ("CMYK", "YCbCr", "RGBX"):
        picture = picture.convert("RGB")
    elif mode not in (*_WHITE, "I", "F"):
        raise DataError(f"{path}: its colours ({mode} in Pillow) are not read; save it as grey or RGB")
    values = np.asarray(picture)
    return Shown(values.astype(values.dtype.newbyteorder("=")), _WHITE.get(picture.mode))


def _alpha(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.getchannel("A"))


def _is_cut_to_8_bits(picture: Image.Image, path: Path) -> bool:
    """Whether the file has more than 8 bits for each of its colours, which Pillow (13.0) has no mode for."""
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        return False
    if picture.format == "JPEG2000":
        with path.open("rb") as file:
            head = file.read(4096)
        start = head.find(b"\xff\x4f\xff\x51")  # SOC and SIZ; Ssiz stands 42 bytes on (ISO 15444-1, A.5.1)
        return start >= 0 and head[start + 42] & 0x7F >= 8
    (*_, arguments), *_ = getattr(picture, "tile", None) or [[None]]
    if picture.format == "PPM":
        return isinstance(arguments, tuple) and arguments[-1] > 255 and picture.mode == "RGB"
    return ";16" in str(arguments)


def _show_tiff(path: Path, number: int | None) -> Shown:
    """What is shown of a TIFF: of one of its pages, or of several that are the channels of one picture."""
    found = tiff.pictures(path)
    if number is None and len(found) > 1:
        raise DataError(f"{path}: holds {len(found)} pages; split it into one file per page, or read a `Page` of it")
    if not 1 <= (number or 1) <= len(found):
        raise DataError(f"{path}: holds {len(found)} pages, and none of number {number}")
    channels = [_show_page(path, page) for page in found[(number or 1) - 1]]
    first = channels[0]
    if len(channels) == 1:
        return first
    if any(c.values.shape != first.values.shape or c.values.ndim > 2 or c.palette is not None for c in channels):
        raise DataError(f"{path}: its pages are channels, but not all grey and of one size; save one file per picture")
    return first._replace(values=np.stack([channel.values for channel in channels], axis=-1))  # (H, W, C)


def _show_page(path: Path, page: TiffPage) -> Shown:
    if page.inverted and page.format != 1:
        raise DataError(f"{path}: says that 0 is white, which tells nothing of signed numbers; save it as MinIsBlack")
    orientation = _orientation(page.orientation)
    if page.read_by_pillow:
        try:
            shown = _values(tiff.read_with_pillow(path, page), path)
        except UnidentifiedImageError:  # the byte order that Pillow does not expect
            pass
        else:
            return _as_tagged(shown, page)._replace(orientation=orientation)
    values = _upright(tiff.read_page(path, page), orientation)
    white = {1: 1, 8: 255, 12: 4095, 16: 65535}.get(page.bits) if page.format == 1 else None
    shown = Shown(values.astype(values.dtype.newbyteorder("=")), white, orientation=orientation)
    if page.inverted:
        shown = shown._replace(values=(white or np.iinfo(values.dtype).max) - shown.values)
    if page.alpha:
        opaque = 1 if values.dtype.kind == "f" else np.iinfo(values.dtype).max
        alpha = np.where(values[..., -1] == opaque, np.uint8(255), np.uint8(0))
        rest = shown.values[..., :-1]
        shown = shown._replace(values=rest[..., 0] if rest.shape[-1] == 1 else rest, alpha=alpha)
    return shown


def _as_tagged(shown: Shown, page: TiffPage) -> Shown:
    """What Pillow read of a page, with the numbers that its tags say."""
    values = shown.values
    if shown.alpha is not None and not page.alpha and (shown.alpha != 255).any():  # a channel of its own
        return shown._replace(values=np.dstack([values, shown.alpha]), alpha=None)
    if page.bits == 1 and page.photometric == 0 and not page.inverted:
        return shown._replace(values=~values)
    if page.format == 2 and page.bits == 8:
        return shown._replace(values=values.view(np.int8), white=None)
    if page.bits == 32 and page.format == 1:
        values, shown = values.view(np.uint32), shown._replace(values=values.view(np.uint32))
    if page.bits == 12:
        shown = shown._replace(white=4095)
    if page.photometric == 0 and page.bits >= 16:
        return shown._replace(values=np.iinfo(values.dtype).max - values)
    return shown


def _orientation(number: object) -> int:
    return number if isinstance(number, int) and 1 <= number <= 8 else 1


def _upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, …) turned and mirrored as EXIF's number says (JEITA CP-3451, tag 274).

    5 to 8 exchange rows and columns; then some run backwards.

    >>> _upright(np.array([[1, 2], [3, 4]]), 6)         # the camera was turned left: turn the picture right
    array([[3, 1],
           [4, 2]])
    """
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return values[::rows, ::columns]


def turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """An array (C, H, W) turned upright from an EXIF orientation."""
    return np.ascontiguousarray(_upright(values.transpose(1, 2, 0), orientation).transpose(2, 0, 1))
