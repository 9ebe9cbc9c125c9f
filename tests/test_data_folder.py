"""Pictures on disk: every kind of file that people have, read without loss or refused with a reason."""

import os
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import (
    DataError,
    Pair,
    find_pairs,
    load_pairs,
    read_image,
    read_mask,
    standardize,
    write_mask,
    write_picture,
    write_probability,
)

GREY8 = np.array([[0, 1, 128], [254, 255, 7]], np.uint8)
GREY16 = np.array([[0, 1, 256], [65534, 65535, 1234]], np.uint16)
COLOUR = np.stack([GREY8, GREY8[::-1], GREY8[:, ::-1]], axis=-1)  # (2, 3, 3), H ≠ W
OUTLINE = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)


def save(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def palette_picture(indices, palette):
    picture = Image.frombytes("P", indices.shape[::-1], indices.astype(np.uint8).tobytes())
    picture.putpalette(np.ravel(palette).tolist())
    return picture


def colour_png(width, height, depth, rows):
    """The bytes of an RGB PNG such as Pillow reads but does not write; `rows` are the pixels, row by row."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "array", "white"),
    [
        ("a.png", GREY8, 255),
        ("a.tif", GREY8, 255),
        ("a.png", GREY16, 65535),
        ("a.tiff", GREY16, 65535),
        ("a.tif", GREY16.astype(">u2"), 65535),
        ("a.png", OUTLINE.astype(bool), 1),
        ("a.tif", OUTLINE.astype(bool), 1),
        ("a.tif", GREY16.astype(np.float32) - 0.5, 1),
    ],
)
def test_grey_is_scaled_by_its_bit_depth(tmp_path, name, array, white):
    image = read_image(save(tmp_path / name, array))
    assert image.shape == (1, 2, 3)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image[0], array.astype(np.float32) / np.float32(white))


def test_16_bits_are_read_without_loss(tmp_path):
    every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for name in ("a.png", "a.tif"):
        image = read_image(save(tmp_path / name, every))
        np.testing.assert_array_equal(np.rint(image[0] * 65535), every)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_colour_is_channels_first_and_alpha_dropped(tmp_path, mode):
    image = read_image(save(tmp_path / "a.tif", COLOUR, mode))
    assert image.shape == (3, 2, 3)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, COLOUR.transpose(2, 0, 1) / np.float32(255))


def test_alpha_is_dropped_only_where_it_hides_nothing(tmp_path):
    for name, values in (("grey.png", GREY8[:, :, None]), ("colour.png", COLOUR)):
        opaque = np.full((2, 3, 1), 255, np.uint8)
        image = read_image(save(tmp_path / name, np.concatenate([values, opaque], axis=-1)))
        np.testing.assert_array_equal(image, values.transpose(2, 0, 1) / np.float32(255))
        with pytest.raises(DataError, match=f"{name}: is partly transparent"):
            read_image(save(tmp_path / name, np.concatenate([values, GREY8[:, :, None]], axis=-1)))


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_a_palette_is_looked_up(tmp_path, extension):
    colours = np.array([[255, 0, 0], [0, 200, 30], [5, 5, 5]])
    path = tmp_path / f"a.{extension}"
    palette_picture(OUTLINE, colours).save(path)
    np.testing.assert_array_equal(read_image(path), (colours[OUTLINE].transpose(2, 0, 1) / 255).astype("f4"))


def test_a_grey_palette_is_grey(tmp_path):
    palette_picture(OUTLINE, [[9, 9, 9], [77, 77, 77]]).save(tmp_path / "a.png")
    expected = np.where(OUTLINE, 77, 9)[None] / np.float32(255)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), expected.astype(np.float32))


@pytest.mark.parametrize("array", [GREY8, GREY16, COLOUR], ids=["8 bits", "16 bits", "colour"])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (6, lambda a: np.rot90(a, -1)),  # the camera was turned left: turn the picture right
        (8, np.rot90),
    ],
)
def test_the_orientation_in_exif_is_applied(tmp_path, name, array, orientation, upright):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(save(tmp_path / name, array, exif=exif))
    expected = np.atleast_3d(upright(array)).transpose(2, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(image, expected / np.float32(65535 if array is GREY16 else 255))


def test_a_mask_is_turned_like_its_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = read_mask(save(tmp_path / "m.png", OUTLINE * 255, exif=exif))
    np.testing.assert_array_equal(mask[0], np.rot90(OUTLINE, -1))


def test_a_jpeg_is_read(tmp_path):
    image = read_image(save(tmp_path / "a.JPG", np.full((16, 24, 3), (200, 100, 50), np.uint8), quality=95))
    np.testing.assert_allclose(image.mean(axis=(1, 2)) * 255, (200, 100, 50), atol=3)


def truncated(path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    save(path, noise)
    path.write_bytes(path.read_bytes()[:-2000])


def several_pages(path):
    page = Image.fromarray(GREY8)
    page.save(path, save_all=True, append_images=[Image.fromarray(GREY8[::-1]), Image.fromarray(GREY8 // 2)])


def not_finite(path):
    save(path, np.array([[0.5, np.nan]], np.float32))


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("gone.png", lambda path: None, "there is no such file"),
        ("folder.png", lambda path: path.mkdir(), "is a folder, not a file"),
        ("empty.png", lambda path: path.touch(), "the file is empty"),
        ("text.png", lambda path: path.write_text("not a picture"), "no picture that Pillow can read"),
        ("cut.png", truncated, "cannot be read"),
        ("cut.tif", truncated, "cannot be read"),
        ("cut.jpg", truncated, "cannot be read"),
        ("head.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "no picture|cannot be read"),
        ("stack.tif", several_pages, "holds 3 pages; split it into one file per page"),
        ("film.png", several_pages, "holds 3 pages"),
        ("deep.png", lambda path: path.write_bytes(colour_png(3, 2, 16, [bytes(18)] * 2)), "16-bit colour"),
        ("huge.png", lambda path: path.write_bytes(colour_png(40000, 40000, 8, [])), "cannot be read .*exceeds limit"),
    ],
)
def test_what_is_no_single_picture_is_refused(tmp_path, read, name, make, message):
    make(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / name)
    one_line = str(caught.value)
    assert one_line.startswith(f"{tmp_path / name}: ")
    assert "\n" not in one_line
    assert caught.value.__cause__ is None  # no Pillow traceback
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_images_that_are_not_finite_are_refused(tmp_path):
    not_finite(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: holds nan or infinite values"):
        read_image(tmp_path / "a.tif")


MASKS = {
    "0 and 1": OUTLINE,
    "0 and 255": OUTLINE * 255,
    "0 and 65535": OUTLINE.astype(np.uint16) * 65535,
    "0 and 1 in 16 bits": OUTLINE.astype(np.uint16),
    "0 and 255 in 32 bits": OUTLINE.astype(np.int32) * 255,
    "floats": OUTLINE.astype(np.float32),
    "booleans": OUTLINE.astype(bool),
    "three equal channels": np.stack([OUTLINE * 255] * 3, axis=-1),
    "grey and alpha": np.stack([OUTLINE * 255, GREY8 * 0 + 255], axis=-1),
    "equal channels and alpha": np.stack([OUTLINE * 255] * 3 + [GREY8 * 0 + 255], axis=-1),
    "black and red": np.stack([OUTLINE * 200, OUTLINE * 0, OUTLINE * 0], axis=-1),
}


@pytest.mark.parametrize("array", MASKS.values(), ids=MASKS)
def test_a_mask_of_two_values(tmp_path, array):
    path = save(tmp_path / "m.tif", array)
    light, dark = read_mask(path), read_mask(path, foreground="dark")
    assert light.shape == (1, 2, 3)
    assert light.dtype == dark.dtype == np.float32
    np.testing.assert_array_equal(light[0], OUTLINE)
    np.testing.assert_array_equal(dark, 1 - light)


@pytest.mark.parametrize(
    "palette", [[(0, 0, 0), (255, 255, 255)], [(255, 255, 255), (0, 0, 0)], [(0, 0, 0), (128, 0, 0)]]
)
def test_a_palette_mask_is_read_as_it_is_shown(tmp_path, palette):
    palette_picture(OUTLINE, palette).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png")[0], np.array(palette).any(axis=1)[OUTLINE])


@pytest.mark.parametrize("value", [0, 1, 255])
def test_a_mask_of_one_value(tmp_path, value):
    path = save(tmp_path / "m.png", np.full((4, 5), value, np.uint8))
    assert (read_mask(path) == (value > 0)).all()
    assert (read_mask(path, "dark") == (value == 0)).all()


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("m.png", np.array([[0, 128]], np.uint8), "values 0, 128; save 0 for background and 255"),
        ("m.png", np.array([[1, 255]], np.uint8), "values 1, 255;"),
        ("m.png", np.array([[0, 1, 255]], np.uint8), "values 0, 1, 255;"),
        ("m.png", np.full((2, 2), 7, np.uint8), "values 7;"),
        ("m.tif", np.array([[0, 0.5]], np.float32), r"values 0\.0, 0\.5;"),
        ("m.tif", np.array([[0, np.nan]], np.float32), r"values 0\.0, nan;"),
        ("m.png", np.arange(20, dtype=np.uint8)[None], r"values 0, 1, 2, 3, 4, … \(20 in all\);"),
        ("m.jpg", np.kron(OUTLINE * 255, np.ones((5, 5), np.uint8)), "JPEG is lossy, save masks as PNG"),
        ("m.JPEG", np.kron(OUTLINE * 255, np.ones((5, 5), np.uint8)), "JPEG is lossy, save masks as PNG"),
        ("m.png", COLOUR, "a mask alone has black and one colour"),
    ],
)
def test_other_masks_are_refused_by_their_values(tmp_path, name, array, message):
    save(tmp_path / name, array)
    with pytest.raises(DataError, match=message) as caught:
        read_mask(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_a_foreground_is_light_or_dark(tmp_path):
    with pytest.raises(ValueError, match="'light' or 'dark', not 'black'"):
        read_mask(save(tmp_path / "m.png", OUTLINE), foreground="black")


@pytest.fixture
def folders(tmp_path):
    """A function that fills `images/` and `masks/` with files of the given names and returns both folders."""

    def fill(images, masks):
        for folder, names in (("images", images), ("masks", masks)):
            (tmp_path / folder).mkdir()
            for name in names:
                (tmp_path / folder / name).touch()
        return tmp_path / "images", tmp_path / "masks"

    return fill


def test_files_are_paired_by_name_and_sorted(folders):
    images, masks = folders(
        ["b.PNG", "a-1.jpg", "a.tif", "c.v2.jpeg", "d.tiff", ".hidden.png", "notes.txt", "Thumbs.db"],
        ["d.png", "a.png", "b.png", "c.v2.png", "a-1.tif", "._a.png", "README.md"],
    )
    (images / "sub.png").mkdir()
    assert find_pairs(str(images), masks) == [
        Pair("a", images / "a.tif", masks / "a.png"),
        Pair("a-1", images / "a-1.jpg", masks / "a-1.tif"),
        Pair("b", images / "b.PNG", masks / "b.png"),
        Pair("c.v2", images / "c.v2.jpeg", masks / "c.v2.png"),
        Pair("d", images / "d.tiff", masks / "d.png"),
    ]


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        (["a.png", "b.png"], ["a.png"], r"images in .*images without a mask .*: b\.png;"),
        (["a.png"], ["a.png", "c.png"], r"masks in .*masks without an image .*: c\.png;"),
        (["a.png"], ["a_mask.png"], r"images .*: a\.png; masks .*: a_mask\.png; --mask-suffix _mask would pair them;"),
        (["a1.png", "a10.png"], ["a1-m.png", "a10-m.png"], "a10-m.png; --mask-suffix -m would pair them;"),
        (["a.png", "b.png"], ["a_m.png", "b_n.png"], "masks in .*: a_m.png, b_n.png; rename"),
        (["A.png"], ["a.png"], r"A\.png"),
        (
            [f"{k}.png" for k in range(9)],
            ["8.png"],
            r"0\.png, 1\.png, 2\.png, 3\.png, 4\.png, … \(8 in all\)",
        ),
        (["a.png", "a.TIF"], ["a.png"], r"images: several files are named a \(a\.TIF, a\.png\)"),
        (["a.png"], ["a.png", "a.jpg"], r"masks: several files are named a \(a\.jpg, a\.png\)"),
        ([], ["a.png"], r"images: there are no pictures in it \(\.png, "),
        (["a.png"], ["a.dcm", ".a.png"], r"masks: there are no pictures.*; a\.dcm: not a format that is read here"),
    ],
)
def test_what_cannot_be_paired_is_refused_by_name(folders, images, masks, message):
    with pytest.raises(DataError, match=message) as caught:
        find_pairs(*folders(images, masks))
    assert "\n" not in str(caught.value)


def test_folders_must_be_two_folders(folders, tmp_path):
    images, masks = folders(["a.png"], ["a.png"])
    for first, second, message in (
        (tmp_path / "gone", masks, "gone: there is no such folder"),
        (images, masks / "a.png", r"a\.png: is a file, not a folder"),
        (images, tmp_path / "masks" / ".." / "images", "must be two folders"),
    ):
        with pytest.raises(DataError, match=message):
            find_pairs(first, second)


def pair(folder, name, image, mask):
    return Pair(name, save(folder / f"{name}.tif", image), save(folder / f"{name}.mask.png", mask))


def test_pairs_are_loaded_in_order(tmp_path):
    pairs = [pair(tmp_path, "z", GREY8, OUTLINE), pair(tmp_path, "a", GREY8.T, OUTLINE.T * 255)]
    images, masks = load_pairs(pairs)
    assert [i.shape for i in images] == [m.shape for m in masks] == [(1, 2, 3), (1, 3, 2)]
    np.testing.assert_array_equal(images[1][0], GREY8.T / np.float32(255))
    np.testing.assert_array_equal(masks[1][0], OUTLINE.T)
    np.testing.assert_array_equal(load_pairs(pairs, "dark")[1][0], 1 - masks[0])


def test_an_image_and_a_mask_of_two_sizes_are_refused(tmp_path):
    wrong = pair(tmp_path, "wrong", GREY8, OUTLINE.T)
    message = re.escape(f"wrong: the image {wrong.image} is (H, W) = (2, 3) but the mask {wrong.mask} is (3, 2)")
    with pytest.raises(DataError, match=message):
        load_pairs([pair(tmp_path, "right", GREY8, OUTLINE), wrong])


def test_grey_and_colour_are_not_mixed(tmp_path):
    pairs = [pair(tmp_path, name, array, OUTLINE) for name, array in (("a", GREY8), ("b", COLOUR), ("c", GREY8))]
    with pytest.raises(DataError, match=r"mixed \(grey: a, c, colour: b\)"):
        load_pairs(pairs)
    assert [image.shape[0] for image in load_pairs(pairs[1:2])[0]] == [3]


def test_standardize():
    image = np.random.default_rng(0).normal(1e4, 3, (3, 40, 50)).astype(np.float32)
    result = standardize(image)
    assert result.dtype == np.float32
    assert result.shape == image.shape
    assert abs(result.mean(dtype=np.float64)) < 1e-6
    assert abs(result.std(dtype=np.float64) - 1) < 1e-6
    assert np.abs(result.mean(axis=(1, 2))).max() > 1e-4  # all channels together, not each by itself
    assert (np.diff(result.ravel()[np.argsort(image.ravel())]) >= 0).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 1e30])
def test_a_constant_image_is_standardized_to_zeros(value):
    assert not standardize(np.full((1, 7, 11), value)).any()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_a_mask_is_written_and_read_back(tmp_path, dtype):
    write_mask(tmp_path / "m.png", OUTLINE[None].astype(dtype))
    with Image.open(tmp_path / "m.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        np.testing.assert_array_equal(np.asarray(picture), OUTLINE * 255)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), OUTLINE[None])


def test_probabilities_are_written_and_read_back(tmp_path):
    p = np.array([[[0, 0.25, 1 / 3], [0.999999, 1, 0.5]]], np.float32)
    write_probability(str(tmp_path / "p.png"), p)
    with Image.open(tmp_path / "p.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), [[0, 16384, 21845], [65535, 65535, 32768]])
    np.testing.assert_allclose(read_image(tmp_path / "p.png"), p, atol=0.5 / 65535 + 1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_written_and_read_back(tmp_path, channels):
    image = np.random.default_rng(0).random((channels, 4, 5))
    image.flat[:2] = 0, 1
    write_picture(tmp_path / "p.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), np.rint(image * 255).astype(np.float32) / 255)


@pytest.mark.parametrize("write", [write_mask, write_picture, write_probability])
def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch, write):
    path = tmp_path / "a.png"
    write(path, np.zeros((1, 2, 3)))
    write(path, np.ones((1, 2, 3)))
    assert os.listdir(tmp_path) == ["a.png"]
    assert (read_image(path) == 1).all()

    def disk_full(self, file, **options):
        with open(file, "wb") as stream:
            stream.write(b"half of a pict")
        raise OSError("no space left on device")

    monkeypatch.setattr(Image.Image, "save", disk_full)
    with pytest.raises(OSError, match="no space left"):
        write(path, np.zeros((1, 2, 3)))
    assert os.listdir(tmp_path) == ["a.png"]
    assert (read_image(path) == 1).all()


@pytest.mark.parametrize(
    ("write", "name", "array", "message"),
    [
        (write_mask, "a.png", np.array([[[0, 255]]]), "here are values 0, 255"),
        (write_mask, "a.png", np.array([[[0, np.nan]]]), "nan"),
        (write_mask, "a.png", np.zeros((3, 4)), r"\(1, H, W\) is needed, but this is \(3, 4\)"),
        (write_mask, "a.png", np.zeros((1, 4)), r"this is \(1, 4\)"),
        (write_mask, "a.png", np.zeros((2, 3, 4)), r"this is \(2, 3, 4\)"),
        (write_mask, "a.jpg", np.zeros((1, 3, 4)), r"must end in \.png, not a\.jpg"),
        (write_picture, "a.png", np.array([[[0.5, 1.01]]]), r"from 0\.5 to 1\.01"),
        (write_picture, "a.png", np.zeros((2, 3, 4)), r"\(1, H, W\) or \(3, H, W\) is needed, but this is \(2, 3, 4\)"),
        (write_probability, "a.png", np.zeros((3, 3, 4)), r"this is \(3, 3, 4\)"),
        (write_probability, "a.png", np.array([[[0.5, 1.01]]]), r"from 0\.5 to 1\.01"),
        (write_probability, "a.png", np.array([[[-0.1, 1]]]), r"from -0\.1 to 1"),
        (write_probability, "a.png", np.array([[[0.5, np.nan]]]), "nan"),
        (write_probability, "a.png", np.zeros((3, 4)), r"this is \(3, 4\)"),
        (write_probability, "a.tif", np.zeros((1, 3, 4)), r"must end in \.png, not a\.tif"),
    ],
)
def test_refusals_of_writing(tmp_path, write, name, array, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / name, array)
    assert not os.listdir(tmp_path)
