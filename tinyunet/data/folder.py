"""Two folders: pair the pictures of one with the masks of the other by their names."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from tinyunet.data import tiff
from tinyunet.data._checks import DataError, some
from tinyunet.data.reading import EXTENSIONS, Page

# Formats of pictures that are not read here: a file of one may be meant, where others lack a partner.
_NOT_READ = (
    *(".dcm", ".nii", ".gz", ".nrrd", ".mha", ".mhd", ".npy", ".npz", ".mat", ".czi", ".lif", ".nd2", ".svs", ".ndpi"),
    *(".vsi", ".oib", ".oif", ".ims", ".lsm", ".zarr", ".h5", ".hdf5", ".fits", ".heic", ".heif", ".jxl", ".svg"),
    *(".pdf", ".psd", ".xcf", ".eps", ".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw", ".raw", ".ico", ".json", ".xml"),
)


class Pair(NamedTuple):
    """A picture and its mask; `name` is what they share. Each is a file, or a `Page` of one."""

    name: str
    image: Path | Page
    mask: Path | Page


class Pairs(list[Pair]):
    """The pairs of two folders, sorted by name.

    Attributes:
        left_out: what else is in the folders, and why it is not used: a sentence for each.
    """

    def __init__(self, pairs: list[Pair], left_out: tuple[str, ...] = ()) -> None:
        super().__init__(pairs)
        self.left_out = left_out


class Found(NamedTuple):
    """The pictures of a folder by name, sorted, and a sentence for what else is in it."""

    pictures: dict[str, Path | Page]
    left_out: tuple[str, ...]


def find_pairs(images: str | os.PathLike[str], masks: str | os.PathLike[str], suffix: str = "") -> Pairs:
    """Pair the pictures of two folders by name (`images/x.jpg` with `masks/x.png`), sorted by name.

    With `suffix="_mask"` the mask of `x.jpg` is `x_mask.png`, and both may be in one folder. Names meet however their
    accents are written (NFC or NFD). Each page of a TIFF stack is a picture, `stack#01`; where each folder holds
    nothing but one stack, and both as many pages, they pair whatever the stacks are called. Hidden files, sub-folders
    and files that are no pictures are left out, and `left_out` of the result says so.

    Raises DataError, by name, for an image without a mask, a mask without an image, two files of one name in a folder,
    a folder without pictures, a folder that is none, and one folder for both without a suffix.
    """
    images, masks = Path(images), Path(masks)
    same = images.resolve() == masks.resolve()
    if same and not suffix:
        raise DataError(f"{images}: images and masks must be two folders, or every image is its own mask")
    image_files, left_out = _look(images, without=suffix if same else "")
    mask_files, left_out_of_masks = _look(masks, suffix, both=same)
    left_out += () if same else left_out_of_masks
    image_files, mask_files = _one_stack_each(image_files, mask_files)
    lonely_images = [_file_name(file) for name, file in image_files.items() if name not in mask_files]
    lonely_masks = [_file_name(file) for name, file in mask_files.items() if name not in image_files]
    problems = []
    if lonely_images:
        wanted = f"a mask of the same name and {suffix}" if suffix else "a mask of the same name"
        problems.append(f"images in {images} without {wanted} in {masks}: {some(lonely_images)}")
    if lonely_masks:
        problems.append(f"masks in {masks} without an image of the same name in {images}: {some(lonely_masks)}")
    if problems:
        problems += _pages_without_partner(image_files, mask_files) or _suffix_of_all(image_files, mask_files)
        problems += [f"not read: {sentence}" for sentence in left_out if "not a format" in sentence]
        raise DataError("; ".join(problems) + "; rename, add or remove files until every image has its mask")
    return Pairs([Pair(name, file, mask_files[name]) for name, file in sorted(image_files.items())], left_out)


def find_pictures(folder: str | os.PathLike[str]) -> dict[str, Path | Page]:
    """The pictures of a folder by name without extension, sorted by name; pages of a stack as `stack#01`.

    Raises DataError for a folder without pictures, one that is none, and two files of one name.
    """
    return look(folder).pictures


def look(folder: str | os.PathLike[str]) -> Found:
    """The pictures of a folder as `find_pictures` gives them, and what else is in it. Raises DataError as it does."""
    return _look(Path(folder))


def pictures_in(file: str | os.PathLike[str]) -> dict[str, Path | Page]:
    """The pictures in a file by name: `{"x": x.png}`, and for a TIFF stack `{"x#01": Page(x.tif, 1), …}`."""
    file = Path(file)
    count = 1
    if file.suffix.lower() in (".tif", ".tiff"):
        try:
            count = len(tiff.pictures(file)) if tiff.is_tiff(file) else 1
        except Exception:  # a broken file is one picture, whose reading says what is wrong
            count = 1
    name = unicodedata.normalize("NFC", file.stem)
    if count == 1:
        return {name: file}
    return {f"{name}#{k:0{len(str(count))}}": Page(file, k) for k in range(1, count + 1)}


def _look(folder: Path, suffix: str = "", without: str = "", both: bool = False) -> Found:
    """The pictures of a folder: those that end in `suffix`, named without it, or those that do not end in `without`.

    In a folder of `both` pictures and masks, one is not left out for being the other.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: {'is a file, not a folder' if folder.exists() else 'there is no such folder'}")
    suffix, without = (unicodedata.normalize("NFC", text) for text in (suffix, without))
    files_of: dict[str, list[Path]] = defaultdict(list)
    others: list[Path] = []
    others_named, folders = [], []
    for file in sorted(folder.iterdir()):
        stem = unicodedata.normalize("NFC", file.stem)
        if file.name.startswith(".") or file.name in ("Thumbs.db", "desktop.ini"):
            continue
        if file.is_dir():
            folders.append(file.name)
        elif file.suffix.lower() not in EXTENSIONS:
            others.append(file)
        elif not stem.endswith(suffix):
            others_named.append(file.name)
        elif not (without and stem.endswith(without)):
            files_of[stem.removesuffix(suffix)].append(file)
    left_out = _sentences(folder, others, folders)
    if others_named and not both:
        left_out += (f"{folder}: {some(others_named)}: their names do not end in {suffix}",)
    if not files_of:
        named = f" that end in {suffix}" if suffix else ""
        raise DataError(
            f"{folder}: there are no pictures{named} in it (.png, .tif, .jpg and other formats that Pillow reads)"
            + "".join(f"; {sentence.removeprefix(f'{folder}: ')}" for sentence in left_out)
        )
    for name, files in files_of.items():
        if len(files) > 1:
            raise DataError(f"{folder}: several files are named {name} ({some(f.name for f in files)}); keep one")
    pictures = {
        name + key.removeprefix(unicodedata.normalize("NFC", file.stem)): page
        for name, (file,) in sorted(files_of.items())
        for key, page in pictures_in(file).items()
    }
    return Found(dict(sorted(pictures.items())), left_out)


def _sentences(folder: Path, others: list[Path], folders: list[str]) -> tuple[str, ...]:
    """Why files and folders in a folder are left out."""
    unread = [file.name for file in others if file.suffix.lower() in _NOT_READ]
    rest = [file.name for file in others if file.suffix.lower() not in _NOT_READ]
    texts = (
        (unread, "not a format that is read here; save PNG or TIFF"),
        (rest, "no pictures"),
        (folders, "folders in it are not looked into"),
    )
    return tuple(f"{folder}: {some(names)}: {why}" for names, why in texts if names)


def _one_stack_each(
    images: dict[str, Path | Page], masks: dict[str, Path | Page]
) -> tuple[dict[str, Path | Page], dict[str, Path | Page]]:
    """Masks under the names of the images, if each is all pages of a single stack, and as many."""
    stacks = [{page.file for page in found.values() if isinstance(page, Page)} for found in (images, masks)]
    alone = all(len(stack) == 1 for stack in stacks)
    if alone and len(images) == len(masks) and all(isinstance(p, Page) for p in (*images.values(), *masks.values())):
        masks = dict(zip(images, masks.values(), strict=True))
    return images, masks


def _pages_without_partner(*folders: dict[str, Path | Page]) -> list[str]:
    """A hint, if a file has several pages and what may be its partner has one."""
    single = {name for found in folders for name, source in found.items() if isinstance(source, Path)}
    stacks = {page.file for found in folders for page in found.values() if isinstance(page, Page)}
    axes = """if they are the channels of one, save it with tifffile and metadata={"axes": "CYX"}, or as ImageJ does"""
    names = [file.name for file in sorted(stacks) if unicodedata.normalize("NFC", file.stem) in single]
    return [f"each page of {some(names)} is a picture; {axes}"] if names else []


def _suffix_of_all(images: Iterable[str], masks: Collection[str]) -> list[str]:
    """A hint, if all masks are named as their images, and something more."""
    first, *others = images
    suffixes = [mask.removeprefix(first) for mask in masks if mask.startswith(first) and mask != first]
    return [f"--mask-suffix {s} would pair them" for s in suffixes if all(name + s in masks for name in others)]


def _file_name(source: Path | Page) -> str:
    return source.name if isinstance(source, Path) else f"{source.file.name}#{source.number}"
