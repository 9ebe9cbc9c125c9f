"""How a file becomes an array: what Pillow, tifffile and OpenCV show of what they wrote is read, or refused."""

import importlib
import itertools
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import DataError, Page, find_pictures, pictures_in, read_image
from tinyunet.data.reading import EXTENSIONS, as_floats, show, turned

SIZE = (40, 56)  # H ≠ W
RNG = np.random.default_rng(0)
MASK = np.add.outer(np.arange(40) // 9, np.arange(56) // 7) % 3 == 0


def draw(dtype, shape):
    """Numbers over all of the range of a type."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return RNG.random(shape) > 0.5
    if kind.kind == "f":
        return RNG.normal(0, 3, shape).astype(kind)
    range_ = np.iinfo(kind)
    return RNG.integers(range_.min, range_.max, shape, kind.newbyteorder("="), endpoint=True).astype(kind)


def expected(array):
    """What must be read of (H, W) or (H, W, C): float32 (C, H, W), scaled by what is white."""
    white = {"bool": 1, "uint8": 255, "uint16": 65535}.get(array.dtype.name, 1)
    return (np.atleast_3d(array).astype(np.float32) / np.float32(white)).transpose(2, 0, 1)


def assert_shown(path, array):
    np.testing.assert_array_equal(read_image(path), expected(array))


PILLOW = [
    (mode, ending)
    for mode, endings in {
        "1": "png tif bmp gif pbm",
        "L": "png tif bmp gif webp jp2 pgm tga pcx jpg",
        "P": "png tif bmp gif",
        "LA": "png tif jp2",
        "RGB": "png tif bmp webp jp2 ppm tga jpg avif",
        "RGBA": "png tif webp jp2",
        "CMYK": "tif jpg",
        "YCbCr": "tif jpg",
        "I;16": "png tif jp2 pgm",
        "I;16B": "tif",
        "F": "tif pfm",
    }.items()
    for ending in endings.split()
]


@pytest.mark.parametrize(("mode", "ending"), PILLOW)
def test_what_pillow_shows_is_read(tmp_path, mode, ending):
    if mode == "F":
        picture = Image.fromarray(draw("f4", SIZE))
    elif mode.startswith("I"):
        picture = Image.fromarray(draw("u2" if mode == "I;16" else ">u2", SIZE))
    elif mode == "1":
        picture = Image.fromarray(MASK)
    else:
        colours = Image.fromarray(draw("u1", (*SIZE, 3)))
        picture = colours.quantize(7) if mode == "P" else colours.convert(mode)
    path = tmp_path / f"a.{ending}"
    picture.save(path, format={"pbm": "PPM", "pgm": "PPM"}.get(ending))
    with Image.open(path) as saved:
        mode = saved.mode
        shown = saved.convert("RGB") if mode in ("P", "CMYK", "YCbCr", "RGBA") else saved
        shown = np.asarray(shown.convert("L") if mode == "LA" else shown)
    if mode == "I":  # 16 bits in PGM
        shown = shown.astype(np.uint16)
    if mode == "P" and (shown == shown[:, :, :1]).all():
        shown = shown[:, :, 0]
    assert_shown(path, shown.astype(shown.dtype.newbyteorder("=")))


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "gif"])
@pytest.mark.parametrize("colours", [[255, 0], [0, 255], [9, 77], [200, 100]])
def test_a_grey_palette_is_looked_up_whatever_its_order(tmp_path, ending, colours):
    picture = Image.fromarray(MASK.astype(np.uint8))
    picture.putpalette(np.repeat(colours, 3).tolist())
    picture.save(tmp_path / f"a.{ending}")
    if (ending, colours) == ("bmp", [0, 255]):  # Pillow (13.0) shows noise
        with pytest.raises(DataError, match="8 bits for each pixel and a grey palette"):
            read_image(tmp_path / "a.bmp")
        return
    assert_shown(tmp_path / f"a.{ending}", np.array(colours, np.uint8)[MASK.astype(int)])


@pytest.mark.tifffile
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i1", "u2", ">u2", "i2", ">i2", "u4", ">u4", "i4", ">i4", "u8", "f2", "f4", ">f4", "f8"]
)
def test_grey_tiffs_of_every_type(tmp_path, dtype, photometric, compression):
    tifffile = importlib.import_module("tifffile")
    path, array = tmp_path / "a.tif", draw(dtype, SIZE)
    order = ">" if dtype[0] == ">" else "<"
    tifffile.imwrite(path, array, photometric=photometric, compression=compression, byteorder=order)
    if photometric == "miniswhite" and array.dtype.kind != "b":
        if array.dtype.kind != "u":
            with pytest.raises(DataError, match="0 is white, which tells nothing of signed numbers"):
                read_image(path)
            return
        array = np.iinfo(array.dtype).max - array
    assert_shown(path, array.astype(array.dtype.newbyteorder("=")))


LAYOUTS = {
    "RGB": ((*SIZE, 3), {"photometric": "rgb"}),
    "RGB in planes": ((3, *SIZE), {"photometric": "rgb", "planarconfig": "separate"}),
    "RGB and another": ((*SIZE, 4), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
    "RGB and two": ((*SIZE, 5), {"photometric": "rgb"}),
    "two": ((*SIZE, 2), {"photometric": "minisblack", "planarconfig": "contig"}),
    "five": ((*SIZE, 5), {"photometric": "minisblack", "planarconfig": "contig"}),
    "five in planes": ((5, *SIZE), {"photometric": "minisblack", "planarconfig": "separate"}),
    "five pages by tifffile": ((5, *SIZE), {"metadata": {"axes": "CYX"}}),
    "five pages by ImageJ": ((5, *SIZE), {"imagej": True, "metadata": {"axes": "CYX"}}),
    "five pages by OME": ((5, *SIZE), {"ome": True, "metadata": {"axes": "CYX"}}),
}


@pytest.mark.tifffile
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i2", "f4", "f8"])
def test_no_channel_of_a_tiff_is_lost(tmp_path, layout, dtype):
    tifffile = importlib.import_module("tifffile")
    shape, options = LAYOUTS[layout]
    if "imagej" in options and dtype == "f8":
        dtype = "f4"  # ImageJ has no doubles
    array = draw(dtype, shape)
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    array = array if shape[:2] == SIZE else array.transpose(1, 2, 0)
    assert_shown(tmp_path / "a.tif", array.astype(array.dtype.newbyteorder("=")))


@pytest.mark.tifffile
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize(("colours", "photometric"), [(1, "minisblack"), (3, "rgb")])
def test_the_alpha_of_a_tiff_is_dropped_only_where_it_hides_nothing(tmp_path, dtype, colours, photometric):
    tifffile = importlib.import_module("tifffile")
    array = draw(dtype, (*SIZE, colours + 1))
    options = {"photometric": photometric, "planarconfig": "contig", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    with pytest.raises(DataError, match=r"a\.tif: is partly transparent"):
        read_image(tmp_path / "a.tif")
    array[..., -1] = 1 if dtype == "f4" else np.iinfo(array.dtype).max
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    assert_shown(tmp_path / "a.tif", array[..., :-1])


@pytest.mark.tifffile
@pytest.mark.parametrize("axes", ["ZCYX", "CZYX"])
@pytest.mark.parametrize("how", [{"imagej": True}, {"ome": True}, {}])
def test_pages_that_are_channels_belong_to_one_picture_each(tmp_path, how, axes):
    tifffile = importlib.import_module("tifffile")
    if "imagej" in how and axes == "CZYX":
        return  # ImageJ has one order
    array = draw("u1", (2, 5, *SIZE))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", metadata={"axes": axes}, **how)
    pictures = array if axes == "ZCYX" else array.swapaxes(0, 1)  # (Z, C, H, W)
    found = pictures_in(tmp_path / "a.tif")
    assert list(found) == [f"a#{k}" for k in range(1, len(pictures) + 1)]
    for source, picture in zip(found.values(), pictures, strict=True):
        np.testing.assert_array_equal(read_image(source), picture / np.float32(255))


@pytest.mark.tifffile
@pytest.mark.parametrize("dtype", ["u1", "f8"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_are_turned_alike_whoever_reads_them(tmp_path, dtype, orientation):
    tifffile = importlib.import_module("tifffile")
    array = draw(dtype, SIZE)
    tifffile.imwrite(tmp_path / "a.tif", array, extratags=[(274, "H", 1, orientation, True)])
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray((array > 0.5).astype(np.uint8) * 255).save(tmp_path / "a.png", exif=exif)
    assert show(tmp_path / "a.tif").orientation == show(tmp_path / "a.png").orientation == orientation
    np.testing.assert_array_equal(show(tmp_path / "a.tif").values > 0.5, show(tmp_path / "a.png").values > 0)
    np.testing.assert_array_equal(turned(expected(array), orientation), read_image(tmp_path / "a.tif"))


@pytest.mark.opencv
@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "webp", "jp2", "pgm", "ppm"])
@pytest.mark.parametrize(
    ("dtype", "channels"), list(itertools.product(["u1", "u2", "i1", "i2", "f4", "f8"], [1, 3, 4]))
)
def test_what_opencv_shows_is_read_or_refused(tmp_path, ending, dtype, channels):
    cv2 = importlib.import_module("cv2")
    path = tmp_path / f"a.{ending}"
    array = draw(dtype, SIZE if channels == 1 else (*SIZE, channels))
    try:
        written = cv2.imwrite(str(path), array, [cv2.IMWRITE_WEBP_QUALITY, 101, cv2.IMWRITE_TIFF_COMPRESSION, 1])
    except cv2.error:
        written = False
    if not written or not path.stat().st_size:
        return  # OpenCV does not write it
    shown = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if shown.ndim == 3:
        shown = shown[:, :, [2, 1, 0, 3][: shown.shape[2]]]  # OpenCV has BGR
    deep = shown.ndim == 3 and shown.dtype == np.uint16 and ending != "tif"
    if deep or (shown.shape[-1] == 4 and (shown[..., 3] != 255).any() and ending != "tif"):
        with pytest.raises(DataError, match="16-bit colour" if deep else "partly transparent"):
            read_image(path)
        return
    read = read_image(path)
    shown = expected(shown)
    np.testing.assert_array_equal(read, shown if len(read) == len(shown) else np.repeat(shown, 3, axis=0))


def test_a_picture_of_several_frames_is_refused_but_for_the_phone_s(tmp_path):
    frames = [Image.fromarray(draw("u1", SIZE)).quantize(9) for _ in range(3)]
    for name in ("a.gif", "a.png", "a.webp"):
        frames[0].convert("RGB").save(
            tmp_path / name, save_all=True, append_images=[f.convert("RGB") for f in frames[1:]]
        )
        with pytest.raises(DataError, match=rf"{name}: holds 3 pages"):
            read_image(tmp_path / name)
    first, second = (Image.fromarray(np.full((*SIZE, 3), value, np.uint8)) for value in (40, 200))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert_shown(tmp_path / "a.jpg", np.full((*SIZE, 3), 40, np.uint8))


def test_a_stack_is_read_page_by_page(tmp_path):
    arrays = [draw("u1", SIZE) for _ in range(12)]
    first, *others = map(Image.fromarray, arrays)
    first.save(tmp_path / "s.tif", save_all=True, append_images=others)
    Image.fromarray(arrays[0]).save(tmp_path / "s.png.tiff")
    found = find_pictures(tmp_path)
    assert list(found) == [*(f"s#{k:02}" for k in range(1, 13)), "s.png"]
    for source, array in zip(found.values(), arrays, strict=False):
        assert_shown(source, array)
    assert str(found["s#07"]) == f"{tmp_path / 's.tif'}#7"
    with pytest.raises(DataError, match="holds 12 pages, and none of number 13"):
        read_image(Page(tmp_path / "s.tif", 13))


def test_a_smaller_copy_in_a_tiff_is_no_page(tmp_path):
    big, small = draw("u1", SIZE), draw("u1", (4, 5))
    Image.fromarray(big).save(
        tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(small)], tiffinfo={254: 0}
    )
    assert len(pictures_in(tmp_path / "a.tif")) == 2
    thumbnail = Image.fromarray(small)
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(big).save(tmp_path / "a.tif", save_all=True, append_images=[thumbnail])
    assert pictures_in(tmp_path / "a.tif") == {"a": tmp_path / "a.tif"}
    assert_shown(tmp_path / "a.tif", big)


def test_without_tifffile_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    Image.fromarray(draw("f4", SIZE)).save(tmp_path / "a.tif", tiffinfo={262: 1})
    data = bytearray((tmp_path / "a.tif").read_bytes())
    place = data.index(b"\x53\x01\x03\x00")  # SampleFormat 3, a float: make it one that nobody has
    data[place + 8] = 5
    (tmp_path / "a.tif").write_bytes(data)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(DataError, match=r"a\.tif: 32-bit numbers, which Pillow does not read; pip install tifffile"):
        read_image(tmp_path / "a.tif")


def test_twelve_bits_are_scaled_by_their_own_white(tmp_path):
    values = np.array([[0, 1, 2048, 4095]], np.uint16)
    packed = bytes([0x00, 0x00, 0x01, 0x80, 0x0F, 0xFF])
    Image.fromarray(np.zeros((1, 4), np.uint16)).save(tmp_path / "a.tif", tiffinfo={262: 1})
    data = bytearray((tmp_path / "a.tif").read_bytes())
    start = int.from_bytes(data[(place := data.index(b"\x11\x01")) + 8 : place + 12], "little")  # StripOffsets
    data[data.index(b"\x02\x01\x03\x00") + 8] = 12  # BitsPerSample
    data[start : start + 6] = packed
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], values / np.float32(4095))


@pytest.mark.tifffile
def test_numbers_too_large_are_refused_in_a_sentence_alone(tmp_path):
    pytest.importorskip("tifffile").imwrite(tmp_path / "a.tif", np.full(SIZE, 1e60))
    with warnings.catch_warnings(action="error"), pytest.raises(DataError, match="holds nan or infinite values"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("key", [0, 77])
def test_a_value_that_is_not_shown_is_transparency(tmp_path, key):
    array = np.where(MASK, np.uint8(77), np.uint8(200))
    Image.fromarray(array).save(tmp_path / "a.png", transparency=key)
    if key == 0:
        assert_shown(tmp_path / "a.png", array)
    else:
        with pytest.raises(DataError, match="partly transparent"):
            read_image(tmp_path / "a.png")


@pytest.mark.parametrize("ending", EXTENSIONS)
def test_every_ending_is_one_that_pillow_knows(ending):
    assert Image.registered_extensions()[ending] in (*Image.OPEN, "MPO")  # which it opens as a JPEG


def test_floats_of_stored_values():
    np.testing.assert_array_equal(as_floats(np.array([0, 65535], np.uint16)), np.array([0, 1], np.float32))
    floats = np.array([-3.5, 1e9], np.float32)
    np.testing.assert_array_equal(as_floats(floats), floats)
    assert as_floats(floats) is not floats


MUTANTS = {
    "data.reading:_upright": [
        ("orientation 4 is forgotten", "(3, 4, 7, 8)", "(3, 7, 8)"),
        ("a quarter turn the other way", "(2, 3, 6, 7)", "(2, 3, 8, 7)"),
    ],
    "data.reading:stored_image": [
        ("transparency is dropped", "if shown.alpha is not None", "if False"),
        ("a palette of greys is taken by its indices", "values, white = (shown", "white = (shown"),
    ],
    "data.reading:_as_tagged": [
        ("signed bytes wrap", "values.view(np.int8)", "values"),
        ("12 bits are dark", "white=4095", "white=65535"),
        ("16 bits of MinIsWhite are inverted", "page.bits >= 16", "page.bits > 16"),
        ("the fourth channel is dropped", "np.dstack([values, shown.alpha])", "values"),
    ],
    "data.reading:_show": [
        ("an animation is its first frame", "if pages > 1", "if False"),
        ("a phone's picture is several", 'picture.format == "MPO"', "False"),
    ],
    "data.reading:_is_cut_to_8_bits": [("16-bit JPEG 2000 is cut", "& 0x7F >= 8", "& 0x7F >= 80")],
    "data.tiff:TiffPage.inverted": [("True is black", 'self.software.startswith("tifffile")', "False")],
    "data.tiff:TiffPage.read_by_pillow": [
        ("swapped bytes are swapped again", "if self.swapped and", "if False and"),
        ("samples of no colour are left to Pillow", "and self.alpha)", ")"),
    ],
    "data.tiff:pages": [("a thumbnail is a page", "& 0b101", "& 0b100")],
    "data.tiff:pictures": [("channels are slices", ', list(sizes).index("C"), -1', ", -1, -1")],
    "data.tiff:_sizes": [("OME's axes run backwards", "order[1][::-1]", "order[1]")],
    "data.tiff:read_page": [("planes are rows", "array.transpose(1, 2, 0)", "array")],
}
