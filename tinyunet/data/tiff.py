"""TIFF, a format of which no library reads everything: who reads which page, and which pages are one picture.

A TIFF is a list of pages, each with its tags (TIFF 6.0, Adobe 1992). Pillow reads most pages right, and every kind of
compression; but it cuts 16-bit colours to 8 bits, drops channels that it has no mode for, takes signed bytes for
unsigned ones, and does not open doubles. So a page goes to Pillow only if its tags are among those that it reads right;
the others are read by tifffile, if it is installed (`pip install tifffile imagecodecs`).
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from tinyunet.data._checks import DataError

TIFFFILE = "pip install tifffile imagecodecs"

# Tags (TIFF 6.0, section 8)
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _DESCRIPTION = 254, 258, 259, 262, 270
_ORIENTATION, _SAMPLES, _PLANAR, _SOFTWARE, _EXTRA, _FORMAT = 274, 277, 284, 305, 338, 339
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3


class TiffPage(NamedTuple):
    """A page of a TIFF: its place in the file, and what its tags say of its numbers.

    `swapped` numbers are compressed with the highest byte first.
    """

    frame: int
    photometric: int
    bits: int
    format: int
    samples: int
    extra: tuple[int, ...]
    planar: bool
    orientation: int
    swapped: bool
    software: str
    description: str

    @property
    def inverted(self) -> bool:
        """Whether 0 is white (MinIsWhite), as on paper.

        tifffile and imageio mark arrays of truth values so and look past it when they read them: there, True is 1.
        """
        return self.photometric == _MIN_IS_WHITE and not (self.bits == 1 and self.software.startswith("tifffile"))

    @property
    def alpha(self) -> bool:
        """Whether the last sample is how opaque a pixel is."""
        colours = {_RGB: 3, _CMYK: 4}.get(self.photometric, 1)
        return self.samples == colours + 1 and self.extra in ((1,), (2,))

    @property
    def read_by_pillow(self) -> bool:
        """Whether Pillow reads the page as its tags say."""
        kind = self.format, self.bits
        if self.swapped and self.format != _UNSIGNED:  # Pillow (13.0) swaps the bytes once more
            return False
        if self.samples == 1 and not self.extra:
            if self.photometric == _MIN_IS_WHITE:
                return kind in ((_UNSIGNED, 1), (_UNSIGNED, 2), (_UNSIGNED, 4), (_UNSIGNED, 8), (_UNSIGNED, 16))
            if self.photometric == _MIN_IS_BLACK:
                return kind in (
                    *((_UNSIGNED, bits) for bits in (1, 2, 4, 8, 12, 16, 32)),
                    *((_SIGNED, bits) for bits in (8, 16, 32)),
                    (_FLOAT, 32),
                )
        if kind != (_UNSIGNED, 8):
            return self.photometric == _PALETTE and self.samples == 1 and self.format == _UNSIGNED
        shape = self.photometric, self.samples
        plain = shape in ((_RGB, 3), (_RGB, 4), (_PALETTE, 1), (_CMYK, 4), (_YCBCR, 3)) and not self.extra
        return plain or (shape in ((_RGB, 4), (_MIN_IS_BLACK, 2)) and self.alpha)


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def pages(path: Path) -> list[TiffPage]:
    """The pages of a TIFF, without those that are smaller copies of others or masks of transparency."""
    found, seen = [], set()
    with path.open("rb") as file:
        header = file.read(8)
        header += file.read(8) if header[2] == 43 else b""  # BigTIFF
        directory = TiffImagePlugin.ImageFileDirectory_v2(header)
        while directory.next and directory.next not in seen:
            seen.add(directory.next)
            file.seek(directory.next)
            directory.load(file)
            if not directory.get(_SUBFILE, 0) & 0b101:
                found.append(_page(len(seen) - 1, directory))
    return found


def _page(frame: int, tags: Any) -> TiffPage:
    bits = tags.get(_BITS, (1,))
    formats = tags.get(_FORMAT, (_UNSIGNED,))
    extra = tags.get(_EXTRA, ())
    return TiffPage(
        frame,
        tags.get(_PHOTOMETRIC, _MIN_IS_BLACK),
        bits[0] if len(set(bits)) == 1 else 0,
        {4: _UNSIGNED}.get(formats[0], formats[0]) if len(set(formats)) == 1 else 0,
        tags.get(_SAMPLES, 1),
        extra if isinstance(extra, tuple) else (extra,),
        tags.get(_PLANAR, 1) == 2,
        tags.get(_ORIENTATION, 1),
        tags.prefix == b"MM" and tags.get(_COMPRESSION, 1) != 1,
        str(tags.get(_SOFTWARE, "")),
        str(tags.get(_DESCRIPTION, "")),
    )


def pictures(path: Path) -> list[list[TiffPage]]:
    """The pages of each picture in a TIFF: one, or one for each channel where the file says that pages are channels.

    ImageJ, OME and tifffile (with axes such as "CYX") say so in the description of the first page.

    Raises:
        DataError: a file whose pages are not listed.
    """
    every = pages(path)
    if not every:
        raise DataError(f"{path}: there is no page in it; copy or save it again")
    sizes = _sizes(every[0].description, len(every))
    count = int(np.prod(list(sizes.values())))
    if "Z" in sizes and count > len(every) == 1 and every[0].description.startswith("ImageJ="):
        raise DataError(f"{path}: ImageJ put {count} pages behind the first, unlisted; save it as an image sequence")
    if count != len(every) or sizes.get("C", 1) == 1:
        return [[page] for page in every]
    places = np.arange(count).reshape(list(sizes.values()))
    each = np.moveaxis(places, list(sizes).index("C"), -1).reshape(-1, sizes["C"])  # (pictures, C)
    return [[every[k] for k in channels] for channels in each]


def _sizes(description: str, count: int) -> dict[str, int]:
    """How many pages there are along each axis, the slowest first; the rest is along Z."""
    if description.startswith("ImageJ="):
        numbers = dict(re.findall(r"^(images|channels)=(\d+)", description, re.MULTILINE))
        channels = int(numbers.get("channels", 1))
        return {"Z": max(1, int(numbers.get("images", count)) // channels), "C": channels}
    if "<OME" in description:
        order = re.search(r'DimensionOrder="XY([CZT]{3})"', description)
        sizes = dict(re.findall(r'Size([CZT])="(\d+)"', description))
        return {axis: int(sizes.get(axis, 1)) for axis in (order[1][::-1] if order else "")}
    if description.startswith("{"):
        try:
            said = json.loads(description)
            sizes = dict(zip(said["axes"], said["shape"], strict=True))
        except (ValueError, KeyError, TypeError):
            return {}
        return {axis: size for axis, size in sizes.items() if axis not in "YXS"}
    return {}


def read_page(path: Path, page: TiffPage) -> np.ndarray:
    """The numbers of a page as they are stored, (H, W) or (H, W, samples), by tifffile.

    Raises:
        DataError: tifffile is not installed, cannot read it either, or what it reads has colours of no known kind.
    """
    what = f"{path}: {_words(page)}"
    if page.photometric not in (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB):
        raise DataError(f"{what} in colours that are not read (PhotometricInterpretation {page.photometric}); save RGB")
    try:
        import tifffile
    except ImportError:
        raise DataError(f"{what}, which Pillow does not read; {TIFFFILE}") from None
    try:
        with tifffile.TiffFile(path) as file:
            array = file.pages[page.frame].asarray()
    except Exception as error:  # of broken files nearly everything is raised
        reason = " ".join(str(error).split())
        way = TIFFFILE if "imagecodecs" in reason else "copy or save it again"
        raise DataError(f"{what}: cannot be read ({reason}); {way}") from None
    return array.transpose(1, 2, 0) if page.planar and page.samples > 1 else array  # (H, W, samples)


def read_with_pillow(path: Path, page: TiffPage) -> Image.Image:
    """The page as Pillow reads it, upright."""
    from PIL import ImageOps

    # Not by its name: in a file that it maps itself, Pillow (13.0) scrambles the rows of a turned TIFF.
    with path.open("rb") as file, Image.open(file) as picture:
        picture.seek(page.frame)
        return ImageOps.exif_transpose(picture)


def _words(page: TiffPage) -> str:
    """What kind of numbers a page holds: "4 channels of 16-bit floats"."""
    numbers = {_UNSIGNED: "numbers", _SIGNED: "signed numbers", _FLOAT: "floats"}.get(page.format, "numbers")
    size = f"{page.bits}-bit {numbers}" if page.bits else "numbers of several sizes"
    return size if page.samples == 1 else f"{page.samples} channels of {size}"
