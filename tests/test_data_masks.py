"""What masks mean: two values, or classes by grey, palette or colour; alone and as a folder."""

import json

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import IGNORE, DataError, Meaning, meaning_of, read_mask, write_classes
from tinyunet.data.masks import marks, values_of, voc_colour

CLASSES = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
TWO = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
RED, GREEN, VOID = (128, 0, 0), (0, 128, 0), (224, 224, 192)
VOC = [voc_colour(k) for k in range(255)] + [VOID]


@pytest.fixture
def save(tmp_path):
    """A function that writes masks, and returns their files: arrays, or (indices, palette)."""

    def write(*masks, name="{}.png"):
        files = []
        for k, mask in enumerate(masks):
            indices, palette = mask if isinstance(mask, tuple) else (mask, None)
            picture = Image.fromarray(indices)
            if palette is not None:
                picture.putpalette(np.ravel(palette).tolist())
            files.append(tmp_path / name.format(k))
            picture.save(files[-1])
        return files

    return write


def colours(indices, table):
    return np.array(table, np.uint8)[indices]


FOLDERS = {  # masks → table
    "numbers of classes": ([CLASSES, CLASSES[:1]], {0: 0, 1: 1, 2: 2}),
    "with gaps": ([CLASSES * 2], {0: 0, 2: 1, 4: 2}),
    "spread greys": ([colours(CLASSES, [0, 128, 255])], {0: 0, 128: 1, 255: 2}),
    "16 bits": ([CLASSES.astype(np.uint16) * 1000], {0: 0, 1000: 1, 2000: 2}),
    "colours": ([colours(CLASSES, [(0, 0, 0), RED, GREEN])], {(0, 0, 0): 0, GREEN: 1, RED: 2}),
    "one palette": ([(CLASSES, VOC), (CLASSES[:1], VOC)], {(0, 0, 0): 0, RED: 1, GREEN: 2}),
    "one palette, cut": ([(CLASSES, VOC[:3]), (TWO, VOC[:2])], {(0, 0, 0): 0, RED: 1, GREEN: 2}),
    "several palettes": (
        [(CLASSES, [(0, 0, 0), RED, GREEN]), (CLASSES, [GREEN, (0, 0, 0), RED])],
        {(0, 0, 0): 0, GREEN: 1, RED: 2},
    ),
    "palette and colours": (
        [(CLASSES, [GREEN, RED, (0, 0, 0)]), colours(CLASSES, [RED, GREEN, (0, 0, 0)])],
        {(0, 0, 0): 0, GREEN: 1, RED: 2},
    ),
    "colours, and white in grey": ([colours(CLASSES, [(0, 0, 0), RED, GREEN]), TWO * 255], None),
    "red and blue": ([colours(TWO, [(255, 0, 0), (0, 0, 255)])], {(0, 0, 255): 0, (255, 0, 0): 1}),
}


@pytest.mark.parametrize(("masks", "table"), FOLDERS.values(), ids=FOLDERS)
def test_classes_are_found_and_read_as_they_are_shown(save, masks, table):
    files = save(*masks)
    meaning = meaning_of(files)
    assert meaning.kind == "classes"
    if table is not None:
        assert dict(meaning.table) == table
        assert meaning.ignore is None
    assert meaning.classes == len(meaning.table)
    again = Meaning.from_dict(json.loads(json.dumps(meaning.to_dict())))
    assert again == meaning
    for file in files:
        with Image.open(file) as picture:
            shown = picture.convert("RGB") if picture.mode in ("P", "RGB") else picture
            shown = np.atleast_3d(np.asarray(shown))
        read = read_mask(file, meaning=again)
        assert read.dtype == np.uint8
        for value, number in meaning.table:
            np.testing.assert_array_equal(read[0] == number, (shown == value).all(axis=-1))


TWO_VALUED = {
    "0 and 255": [TWO * 255, TWO * 0],
    "0 and 1, or 0 and 255": [TWO, TWO * 255],
    "truth values": [TWO > 0],
    "two greys": [TWO * 100, TWO * 0],
    "two greys but 0": [TWO + 1, TWO * 0 + 2],
    "black and a colour": [colours(TWO, [(0, 0, 0), RED]), TWO * 0],
    "palette, white first": [(1 - TWO, [(255, 255, 255), (0, 0, 0)])],
    "palette, red first": [(1 - TWO, [RED, (0, 0, 0)])],
}


@pytest.mark.parametrize("masks", TWO_VALUED.values(), ids=TWO_VALUED)
def test_two_values_are_the_thing_or_not(save, masks):
    files = save(*masks)
    light, dark = meaning_of(files), meaning_of(files, "dark")
    assert light.kind == "two values"
    assert light.classes == 1
    np.testing.assert_array_equal(read_mask(files[0], meaning=light)[0], TWO)
    for file in files:
        assert read_mask(file, meaning=light).dtype == np.float32
        np.testing.assert_array_equal(read_mask(file, meaning=dark), 1 - read_mask(file, meaning=light))


@pytest.mark.parametrize(
    ("masks", "ignored"),
    [
        ([CLASSES, np.where(CLASSES == 2, IGNORE, CLASSES)], 255),
        ([TWO, np.array([[0, 1, 255]], np.uint8)], 255),
        ([(np.where(CLASSES == 2, IGNORE, CLASSES).astype(np.uint8), VOC)], VOID),
    ],
)
def test_255_is_ignored_among_numbers_of_classes(save, masks, ignored):
    files = save(*(mask if isinstance(mask, tuple) else mask.astype(np.uint8) for mask in masks))
    meaning = meaning_of(files)
    assert meaning.ignore == ignored
    indices = masks[-1][0] if isinstance(masks[-1], tuple) else masks[-1]
    np.testing.assert_array_equal(read_mask(files[-1], meaning=meaning)[0], indices)
    assert meaning_of(files, ignore=None).classes == meaning.classes + 1
    assert Meaning.from_dict(json.loads(json.dumps(meaning.to_dict()))) == meaning


def test_what_cannot_be_ignored_is_refused(save):
    (grey,), (colour,) = save(TWO * 255), save(colours(CLASSES, [(0, 0, 0), RED, GREEN]), name="c{}.png")
    for file, ignore, message in (
        (grey, 0, "all masks hold 255 alone"),
        (grey, 255, "all masks hold 0 alone"),
        (grey, RED, r"0\.png: is grey; what is ignored is a grey, too, not #"),
        (colour, 255, r"c0\.png: is coloured; what is ignored is a colour, too, not 255"),
    ):
        with pytest.raises(DataError, match=message):
            meaning_of([file], ignore=ignore)
    assert meaning_of([colour], ignore=GREEN).classes == 2


def test_a_value_to_ignore_can_be_named(save):
    (file,) = save(CLASSES)
    meaning = meaning_of([file], ignore=1)
    assert dict(meaning.table) == {0: 0, 2: 1}
    np.testing.assert_array_equal(read_mask(file, meaning=meaning)[0], [[0, IGNORE, 1], [1, IGNORE, 0]])


def test_a_table_may_give_several_colours_one_class(save):
    (file,) = save(colours(CLASSES, [(0, 0, 0), RED, GREEN]))
    meaning = meaning_of([file], table={(0, 0, 0): 0, RED: 1, GREEN: 1})
    np.testing.assert_array_equal(read_mask(file, meaning=meaning)[0], CLASSES > 0)
    assert meaning.colours == [(0, 0, 0), RED]
    assert meaning_of([file], table={0: 0, 1: 1, 2: 2}).colours == [(0, 0, 0), RED, GREEN]


@pytest.mark.parametrize("name", ["{}.png", "{}.jpg", "{}.tif"])
def test_a_threshold_is_in_the_numbers_of_the_file(save, name):
    blocks = np.kron(np.array([[30, 200], [90, 127]], np.uint8), np.ones((16, 16), np.uint8))
    (file,) = save(blocks, name=name)
    for threshold, foreground in ((60, "light"), (110, "dark")):
        meaning = meaning_of([file], foreground, threshold)
        expected = (blocks > threshold) == (foreground == "light")
        np.testing.assert_array_equal(read_mask(file, meaning=meaning)[0], expected)
    (exact,) = save(np.array([[127, 128]], np.uint8))
    np.testing.assert_array_equal(read_mask(exact, meaning=meaning_of([exact], threshold=127))[0], [[0, 1]])


RAMP = np.arange(200, dtype=np.uint8).reshape(10, 20)


@pytest.mark.parametrize(
    ("masks", "name", "message"),
    [
        ([CLASSES, TWO * 255], "{}.png", r"mixed: .*1\.png holds 0 and 255, .*0\.png holds 0, 1, 2; save all"),
        (
            [colours(CLASSES, [RED, GREEN, VOID]), CLASSES],
            "{}.png",
            r"mixed: .*0\.png is coloured, .*1\.png is grey with",
        ),
        ([RAMP], "{}.png", r"more than 32 values .*0\.png.*--mask-threshold 127.*own number.*give a table"),
        ([RAMP], "{}.jpg", r"0\.jpg: JPEG and WebP smear values.*--mask-threshold 127"),
        ([np.dstack([RAMP, RAMP // 2, RAMP])], "{}.png", "more than 32 colours"),
        ([TWO.astype(np.int8) * -1], "{}.tif", r"0\.tif: a mask holds no negative numbers, but here are -1, 0"),
        (
            [TWO.astype(np.float32) / 2],
            "{}.tif",
            r"0\.tif: a mask holds whole numbers.*0\.0, 0\.5; .*--mask-threshold 0\.5",
        ),
        ([TWO * 0 + 7, TWO * 0 + 7], "{}.png", "all masks hold 7 alone"),
    ],
)
def test_what_means_nothing_is_refused(save, masks, name, message):
    if masks[0].dtype == np.int8:
        pytest.importorskip("tifffile").imwrite(file := save(TWO, name=name)[0], masks[0])
        files = [file]
    else:
        files = save(*masks, name=name)
    with pytest.raises(DataError, match=message) as caught:
        meaning_of(files)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("new", [CLASSES + 1, colours(CLASSES, [(0, 0, 0), RED, (9, 9, 8)])], ids=["grey", "colour"])
def test_a_value_that_is_new_is_refused_by_name(save, new):
    known = CLASSES if new.ndim == 2 else colours(CLASSES, [(0, 0, 0), RED, GREEN])
    first, second = save(known, new)
    shown = "3" if new.ndim == 2 else "#090908"
    with pytest.raises(DataError, match=rf"1\.png: holds {shown}, which is no class"):
        read_mask(second, meaning=meaning_of([first]))


def transparent(colour, alpha):
    return np.concatenate([colour, alpha[:, :, None]], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("ending", ["png", "tif", "webp"])
def test_a_mask_in_the_alpha_channel_is_refused_with_the_way_out(save, ending):
    for grey in (0, 255):
        (file,) = save(transparent(np.full((2, 3, 3), grey), TWO * 255), name=f"{{}}.{ending}")
        with pytest.raises(DataError, match=r'the mask is in its alpha channel; .*getchannel\("A"\)'):
            read_mask(file)
    with Image.open(file) as picture:  # the way out leads there
        picture.getchannel("A").save(file.with_suffix(".png"))
    np.testing.assert_array_equal(read_mask(file.with_suffix(".png"))[0], TWO)


def test_transparency_is_refused_but_where_black_is_behind_it(save):
    red = TWO[:, :, None] * np.array([255, 0, 0])
    for alpha, good in ((TWO * 255, True), (TWO * 0 + 255, True), (TWO * 200, False), ((1 - TWO) * 255, False)):
        (file,) = save(transparent(red, alpha))
        if good:
            np.testing.assert_array_equal(read_mask(file)[0], TWO)
        else:
            with pytest.raises(DataError, match="a mask must not be transparent"):
                read_mask(file)


def test_indices_that_look_alike_are_refused(save):
    (file,) = save((CLASSES, [(0, 0, 0), (0, 0, 0), RED]))
    with pytest.raises(DataError, match=r"several of the indices 0, 1, 2 alike"):
        read_mask(file)
    (file,) = save((TWO * 2, [(0, 0, 0), (0, 0, 0), RED]))  # 1 is not in it
    np.testing.assert_array_equal(read_mask(file)[0], TWO)


@pytest.mark.tifffile
@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "i2", "f4", "f8"])
def test_a_mask_that_tifffile_wrote_is_read_as_it_was_meant(tmp_path, dtype):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "m.tif", TWO.astype(dtype))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif")[0], TWO)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), TWO)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_bits_of_which_0_is_white_are_read_as_they_are_shown(tmp_path, compression):
    Image.fromarray(TWO > 0).save(tmp_path / "m.tif", tiffinfo={262: 0}, compression=compression)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.tif")[0], TWO)


def test_classes_are_written_in_their_colours(save, tmp_path):
    files = save(colours(CLASSES, [(0, 0, 0), RED, GREEN]))
    meaning = meaning_of(files)
    classes = read_mask(files[0], meaning=meaning)
    write_classes(tmp_path / "c.png", classes, meaning)
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), classes[0])
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), colours(CLASSES, [(0, 0, 0), RED, GREEN]))
    with pytest.raises(ValueError, match="write_classes: classes are 0 to 2, but here are 0, 3"):
        write_classes(tmp_path / "c.png", np.array([[[0, 3]]]), meaning)


def test_values_are_sorted(save):
    files = save(colours(CLASSES, [GREEN, RED, VOID]), CLASSES[:, ::-1])
    assert values_of(marks(files[0])) == [GREEN, RED, VOID]
    assert values_of(marks(files[1])) == [0, 1, 2]


def test_the_palette_of_pascal_voc():
    assert [voc_colour(k) for k in (3, 8, 20, 255)] == [(128, 128, 0), (64, 0, 0), (0, 64, 128), (224, 224, 192)]


MUTANTS = {
    "data.masks:marks": [
        ("a palette is read by its indices", "palette[:, 0][values]", "values"),
        ("colours are read by their indices", "colours[values], True", "values, True"),
        ("transparency is not looked at", "if shown.alpha is not None", "if False"),
    ],
    "data.masks:_check_transparent": [
        ("half transparent is opaque", "not ((alpha == 255) | (alpha == 0)).all() or", ""),
        ("hidden colours are read", "or flat[alpha == 0].any()", ""),
    ],
    "data.masks:classes_of": [
        ("the threshold itself is inside", "values > meaning", "values >= meaning"),
        ("dark is light", 'if meaning.foreground == "light"', "if True"),
    ],
    "data.masks:_looked_up": [
        ("dark is light in a table", "1 - number for", "number for"),
        ("what is ignored is no class", "{meaning.ignore: IGNORE}", "{}"),
        ("what is new is ignored", "if not known.all()", "if False"),
    ],
    "data.masks:voc_colour": [("bits from below", "<< (7 - k)", "<< k")],
    "data.meaning:_check_ignored": [
        ("colours are ignored by their greys", "coloured and not isinstance", "False and not isinstance"),
        ("greys are ignored by colours", "and not coloured:", "and False:"),
    ],
    "data.meaning:meaning_of": [
        ("ignored without a word", 'if ignore in ("auto", None) and all', "if all"),
        ("JPEG is two-valued", "if mask.lossy and", "if False and"),
    ],
    "data.meaning:_colours": [
        ("several palettes count as one", "palette = []", "pass"),
        ("the void is a class", "palette[IGNORE] if", "None if"),
        ("grey numbers among colours", "not mask.values <= {0, 255}", "False"),
    ],
    "data.meaning:_greys": [("signs are not looked at", "if min(mask.values) < 0", "if False")],
    "data.meaning:_ignored": [
        ("white is always ignored", "or max(others) >= MOST_CLASSES", ""),
        ("white masks among classes are ignored", "if all(mask.values <= {0, IGNORE} for mask in white)", "if False"),
    ],
    "data.writing:write_classes": [("numbers alone", "np.ravel(meaning.colours).tolist()", "None")],
}
