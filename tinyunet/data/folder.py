"""Pictures on disk: pair the images of one folder with the masks of another, read both, write results.

A data set is two folders, `images/` and `masks/`, whose files carry the same names. Reading is strict:
whatever would train a network on something else than was meant (a JPEG-smeared mask, a missing partner, a
stack of which only page one is seen) is refused, with a message that names the file and says what to do.
"""

import io
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tinyunet.data._checks import Foreground, check_foreground
from tinyunet.files import atomic

EXTENSIONS = (".png", ".tif", ".tiff", ".jpg", ".jpeg")

# By Pillow's names of the pixel formats: what is white in each (floats are taken as they are), …
_WHITE = {"1": 1, "L": 255, "RGB": 255, "I;16": 65535, "I;16L": 65535, "I;16B": 65535, "F": 1}
# … and the one to convert to first, to lose transparency and the colours of printing and of video.
_PLAIN = {"LA": "L", "RGBA": "RGB", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB"}


class DataError(ValueError):
    """A file or folder that cannot be used. The message, one line, names it, the fault and the remedy."""


class Pair(NamedTuple):
    """An image file and the mask file of the same name; `name` is what they share, without the extension."""

    name: str
    image: Path
    mask: Path


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture as float32 (C, H, W), C = 1 (grey) or 3 (colour), scaled to [0, 1] by its bit depth.

    8-bit values are divided by 255, 16-bit values by 65535; a float TIFF is taken as it is. Transparency is
    dropped, a palette is looked up, and the orientation that a camera notes in EXIF is applied.
    Raises DataError for a file that is missing, broken, no picture, of several pages, not finite, of 16-bit
    colour (Pillow would cut it to 8 bits) or of 32-bit integers (which have no agreed white).
    """
    path = Path(path)
    picture = _open(path)
    if picture.mode == "P":
        picture = picture.convert("L" if _has_grey_palette(picture) else "RGB")
    if picture.mode not in _WHITE:
        raise DataError(
            f"{path}: its pixel format ({picture.mode} in Pillow) has no agreed white; "
            "save it as 8-bit or 16-bit grey, or as 8-bit RGB"
        )
    image = np.asarray(picture, np.float32) / np.float32(_WHITE[picture.mode])  # (H, W) or (H, W, 3)
    if not np.isfinite(image).all():
        raise DataError(f"{path}: holds nan or infinite values; replace them, for example by 0")
    return np.ascontiguousarray(np.atleast_3d(image).transpose(2, 0, 1))  # (C, H, W)


def read_mask(path: str | os.PathLike[str], foreground: Foreground = "light") -> np.ndarray:
    """Read a two-valued mask as float32 (1, H, W) of 0 and 1; 1 is the positive class.

    On disk the two values are 0 and one of 1, 255 and 65535 (or true and false); a mask may lack either, as
    all 0 does where there is nothing to find. Three equal colour channels count as one, and a palette mask
    is read by its indices. `foreground="dark"` makes the zeros the positive class. Raises DataError for a
    mask of other values, which names them, and as `read_image` does.
    """
    check_foreground(foreground)
    path = Path(path)
    array = np.asarray(_open(path))  # (H, W), or (H, W, 3) in colour
    if array.ndim == 3:
        if (array != array[:, :, :1]).any():
            raise DataError(f"{path}: a mask must not be coloured; save it as grey, 0 for background and 255 inside")
        array = array[:, :, 0]
    values = np.unique(array)
    if not any(np.isin(values, (0, white)).all() for white in (1, 255, 65535)):
        lossy = path.suffix.lower() in (".jpg", ".jpeg")
        hint = "JPEG is lossy, save masks as PNG" if lossy else "save 0 for background and 255 for foreground"
        raise DataError(f"{path}: a mask holds 0 and 1, or 0 and 255, but here are values {_some(values)}; {hint}")
    positive = array == 0 if foreground == "dark" else array != 0
    return positive[None].astype(np.float32)  # (1, H, W)


def find_pairs(images: str | os.PathLike[str], masks: str | os.PathLike[str]) -> list[Pair]:
    """Pair the pictures of two folders by name (`images/x.jpg` with `masks/x.png`), sorted by name.

    Looks at .png, .tif, .tiff, .jpg and .jpeg in any case; other files, hidden files and sub-folders are
    passed over. Raises DataError, by name, for an image without a mask, a mask without an image, two files
    of one name in a folder, a folder without pictures, a folder that is none, and one folder for both.
    """
    image_files, mask_files = _pictures(Path(images)), _pictures(Path(masks))
    if Path(images).resolve() == Path(masks).resolve():
        raise DataError(f"{images}: images and masks must be two folders, or every image is its own mask")
    lonely_images = [file.name for name, file in image_files.items() if name not in mask_files]
    lonely_masks = [file.name for name, file in mask_files.items() if name not in image_files]
    problems = []
    if lonely_images:
        problems.append(f"images in {images} without a mask of the same name in {masks}: {_some(lonely_images)}")
    if lonely_masks:
        problems.append(f"masks in {masks} without an image of the same name in {images}: {_some(lonely_masks)}")
    if problems:
        raise DataError("; ".join(problems) + "; rename, add or remove files until every image has its mask")
    return [Pair(name, file, mask_files[name]) for name, file in sorted(image_files.items())]


def load_pairs(pairs: Sequence[Pair], foreground: Foreground = "light") -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Read all pairs: a list of images (C, H, W) and a list of masks (1, H, W), in the order of `pairs`.

    Sizes may differ from pair to pair. Raises DataError for an image of another size than its mask, for a
    mixture of grey and colour images, and as `read_image` and `read_mask` do.
    """
    images, masks = [], []
    names_of: dict[str, list[str]] = {"grey": [], "colour": []}
    for pair in pairs:
        image, mask = read_image(pair.image), read_mask(pair.mask, foreground)
        if image.shape[1:] != mask.shape[1:]:
            raise DataError(
                f"{pair.name}: the image {pair.image} is (H, W) = {image.shape[1:]} but the mask {pair.mask} "
                f"is {mask.shape[1:]}; they must have the same size"
            )
        names_of["grey" if len(image) == 1 else "colour"].append(pair.name)
        images.append(image)
        masks.append(mask)
    if all(names_of.values()):
        listing = ", ".join(f"{kind}: {_some(names)}" for kind, names in names_of.items())
        raise DataError(f"grey and colour images are mixed ({listing}); save them all as grey or all as RGB")
    return images, masks


def standardize(image: np.ndarray) -> np.ndarray:
    """One image (C, H, W) at zero mean and unit variance over all its values: (x − mean) / std, float32.

    The statistics are the image's own, so that training and prediction need share nothing. A constant image,
    whose deviation is 0, becomes zeros.

    >>> standardize(np.array([[[1.0, 3.0]]]))
    array([[[-1.,  1.]]], dtype=float32)
    """
    x = np.asarray(image, np.float64)
    if x.size == 0 or x.min() == x.max():  # not x.std() == 0: rounding may leave a constant with 1e-17
        return np.zeros(x.shape, np.float32)
    return ((x - x.mean()) / x.std()).astype(np.float32)


def write_mask(path: str | os.PathLike[str], mask: np.ndarray) -> None:
    """Write a mask (1, H, W) of 0 and 1 as an 8-bit PNG of 0 and 255. The file appears whole or not at all.

    Raises ValueError for another shape, other values, or a name that does not end in .png.
    """
    mask = np.asarray(mask)
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(f"write_mask: a mask holds 0 and 1, but here are values {_some(np.unique(mask))}")
    _save_png(path, np.where(mask, 255, 0).astype(np.uint8), "write_mask")


def write_probability(path: str | os.PathLike[str], p: np.ndarray) -> None:
    """Write probabilities (1, H, W) as a 16-bit PNG, round(65535·p). The file appears whole or not at all.

    `read_image` gives them back to within 1 / 131070, half a step.
    Raises ValueError for another shape, values outside [0, 1], or a name that does not end in .png.
    """
    p = np.asarray(p, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"write_probability: p must lie in [0, 1], but ranges from {p.min()} to {p.max()}")
    _save_png(path, np.rint(65535 * p).astype(np.uint16), "write_probability")


def write_picture(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write a picture (1, H, W) or (3, H, W) with values from 0 to 1 as an 8-bit PNG. It appears whole or not at all.

    Values are rounded to the nearest of 256. Raises ValueError for another shape, values outside [0, 1], or a name that
    does not end in .png.
    """
    image = np.asarray(image)
    if not ((image >= 0) & (image <= 1)).all():
        raise ValueError(f"write_picture: values must lie in [0, 1], but range from {image.min()} to {image.max()}")
    _save_png(path, np.rint(255 * image).astype(np.uint8), "write_picture")


def find_pictures(folder: str | os.PathLike[str]) -> dict[str, Path]:
    """The picture files of a folder by name without extension, sorted by name.

    Raises DataError for a folder without pictures, one that is none, and two files of one name.
    """
    return dict(sorted(_pictures(Path(folder)).items()))


def _open(path: Path) -> Image.Image:
    """The picture of a file, upright and without transparency. Raises DataError unless it holds just one."""
    if not path.is_file():
        raise DataError(f"{path}: {'is a folder, not a file' if path.is_dir() else 'there is no such file'}")
    data = path.read_bytes()
    if not data:
        raise DataError(f"{path}: the file is empty; copy or save it again")
    try:
        # From memory: in a file that it maps itself, Pillow (13.0) scrambles the rows of a turned TIFF.
        with Image.open(io.BytesIO(data)) as file:
            pages = getattr(file, "n_frames", 1)
            deep_colour = file.mode.startswith(("RGB", "LA")) and ";16" in str(file.tile)
            picture = ImageOps.exif_transpose(file)
            picture = picture.convert(_PLAIN.get(picture.mode, picture.mode))
    except UnidentifiedImageError:
        raise DataError(f"{path}: this is no picture that Pillow can read; save it as PNG or TIFF") from None
    except Exception as error:  # broken files raise OSError, SyntaxError, ValueError, EOFError, struct.error, …
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read ({reason}); copy or save it again") from None
    if pages > 1:
        raise DataError(f"{path}: holds {pages} pages; split it into one file per page")
    if deep_colour:
        raise DataError(f"{path}: 16-bit colour is not read without loss; save it as 8-bit RGB or as 16-bit grey")
    return picture


def _has_grey_palette(picture: Image.Image) -> bool:
    """Whether every colour of the palette has R = G = B."""
    palette = picture.getpalette() or []
    return palette[0::3] == palette[1::3] == palette[2::3]


def _pictures(folder: Path) -> dict[str, Path]:
    """The picture files of a folder by name without extension."""
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is a file, not a folder' if folder.exists() else 'there is no such folder'}")
    files_of: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in EXTENSIONS and not file.name.startswith(".") and file.is_file():
            files_of[file.stem].append(file)
    if not files_of:
        raise DataError(f"{folder}: there are no pictures in it ({', '.join(EXTENSIONS)})")
    for name, files in files_of.items():
        if len(files) > 1:
            raise DataError(f"{folder}: several files are named {name} ({_some(f.name for f in files)}); keep one")
    return {name: files[0] for name, files in files_of.items()}


def _some(things: Iterable[object]) -> str:
    """The first five things, and how many there are if more."""
    texts = [str(thing) for thing in things]
    return ", ".join(texts) if len(texts) <= 5 else ", ".join(texts[:5]) + f", … ({len(texts)} in all)"


def _save_png(path: str | os.PathLike[str], array: np.ndarray, caller: str) -> None:
    """Write (1, H, W) as a grey PNG, or (3, H, W) of 8 bits as one in colour."""
    path = Path(path)
    channels = (1, 3) if caller == "write_picture" else (1,)
    if array.ndim != 3 or len(array) not in channels:
        wanted = " or ".join(f"({c}, H, W)" for c in channels)
        raise ValueError(f"{caller}: an array {wanted} is needed, but this is {array.shape}")
    if path.suffix.lower() != ".png":
        raise ValueError(f"{caller}: writes PNG, so the name must end in .png, not {path.name}")
    with atomic(path) as part:
        Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0)).save(part, format="PNG")
