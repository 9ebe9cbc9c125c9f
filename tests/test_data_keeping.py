"""Pictures and masks of a folder: paired by name, looked at once, kept as bytes or read again, and served."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import Batches, DataError, Meaning, Page, find_pairs, keeping, load_pairs, read_image, read_mask
from tinyunet.data.keeping import Pictures

RNG = np.random.default_rng(0)
SIZE = (20, 28)


@pytest.fixture
def folders(tmp_path):
    """A function that writes pictures and masks by name, and returns their two folders."""

    def write(images, masks):
        for part, files in (("images", images), ("masks", masks)):
            (tmp_path / part).mkdir(exist_ok=True)
            for name, (array, *options) in files.items():
                Image.fromarray(array).save(tmp_path / part / name, **dict(*options))
        return tmp_path / "images", tmp_path / "masks"

    return write


def grey(shape=SIZE, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype)


def mask(shape=SIZE):
    return (RNG.random(shape) > 0.7).astype(np.uint8) * 255


def turned(exif):
    info = Image.Exif()
    info[0x0112] = exif
    return {"exif": info}


MIXED = {"a.png": (grey(),), "b.bmp": (grey((33, 24)),), "c.tif": (grey(dtype=np.uint16),), "d.gif": (grey(),)}
ITS_MASKS = {"a.bmp": (mask(),), "b.gif": (mask((33, 24)),), "c.png": (mask(),), "d.webp": (mask(), {"lossless": True})}


@pytest.mark.parametrize("keep", [0, 1500, None])
def test_what_is_kept_and_what_is_read_again_is_what_is_read(folders, keep):
    pairs = find_pairs(*folders(MIXED, ITS_MASKS))
    images, masks = load_pairs(pairs, keep=keep)
    assert [pair.name for pair in pairs] == ["a", "b", "c", "d"]
    assert len(images) == len(masks) == 4
    for _ in range(2):
        for pair, image, truth in zip(pairs, images, masks, strict=True):
            np.testing.assert_array_equal(image, read_image(pair.image))
            np.testing.assert_array_equal(truth, read_mask(pair.mask))
            assert image.dtype == truth.dtype == np.float32
    assert images.shapes == [image.shape for image in images]
    assert masks.shapes == [truth.shape for truth in masks]
    assert images.stored(0).dtype == np.uint8
    assert images.stored(2).dtype == np.uint16
    assert isinstance(images[1:3], Pictures)
    np.testing.assert_array_equal(images[1:3][1], images[2])
    np.testing.assert_array_equal(masks.only([3, 0])[1], masks[0])


def test_no_more_is_kept_than_there_is_room_for(folders):
    pairs = find_pairs(*folders(MIXED, ITS_MASKS))
    images, masks = load_pairs(pairs, keep=20 * 28 * 2)
    for pair in pairs:
        pair.image.unlink()
        pair.mask.unlink()
    assert images[0].shape == masks[0].shape == (1, *SIZE)  # there was room for the first pair
    with pytest.raises(DataError, match=r"b\.bmp: there is no such file"):
        images[1]


def test_what_is_kept_cannot_be_written_to(folders):
    images, _ = load_pairs(find_pairs(*folders(MIXED, ITS_MASKS)))
    images[0][:] = 7  # this is a copy
    assert images[0].max() <= 1
    with pytest.raises(ValueError, match="read-only"):
        images.stored(0)[:] = 7


def test_mean_and_variance_of_each_picture_are_those_of_its_pixels(folders):
    files = {f"{k}.png": (grey((*size, 3)) // (k + 1),) for k, size in enumerate([(20, 28), (9, 31), (40, 12)])}
    images, _ = load_pairs(find_pairs(*folders(files, {n: (mask(a.shape[:2]),) for n, (a,) in files.items()})))
    for image, known in zip(images, images.facts, strict=True):
        np.testing.assert_allclose(known.mean, image.mean(axis=(1, 2), dtype=np.float64), rtol=1e-6)
        np.testing.assert_allclose(known.variance, image.var(axis=(1, 2), dtype=np.float64), rtol=1e-5)
    assert images.only([1]).facts == [images.facts[1]]


def test_a_picture_is_known_by_its_content_alone(folders):
    one, other = grey(), grey()
    images = {"a.png": (one,), "b.tif": (one,), "c.png": (other,), "d.png": (one.reshape(28, 20),)}
    masks = {"a.png": (mask(),), "b.png": (mask(),), "c.png": (mask(),), "d.png": (mask((28, 20)),)}
    loaded, _ = load_pairs(find_pairs(*folders(images, masks)))
    a, b, c, d = (each.digest for each in loaded.facts)
    assert a == b
    assert len({a, c, d}) == 3


def test_pixels_are_counted_by_their_classes(folders):
    images = {"a.png": (grey((4, 5)),), "b.png": (grey((4, 10)),)}
    one, two = np.zeros((4, 5), np.uint8), np.zeros((4, 10), np.uint8)
    one[0], two[:, 0] = 1, 1
    _, masks = load_pairs(find_pairs(*folders(images, {"a.png": (one,), "b.png": (two,)})))
    assert masks.counts[:, :3].tolist() == [[15, 5, 0], [36, 4, 0]]
    assert masks.only([1]).counts.tolist() == masks.counts[1:].tolist()
    two[:, 1], two[:, 2] = 2, 255
    pairs = find_pairs(*folders(images, {"a.png": (one,), "b.png": (two,)}))
    _, masks = load_pairs(pairs)
    assert masks.meaning.classes == 3
    assert masks[1].dtype == np.int64
    assert masks.counts[:, [0, 1, 2, 255]].sum(axis=0).tolist() == [43, 9, 4, 4]  # 4 pixels count for nothing
    _, again = load_pairs(pairs, meaning=Meaning("classes", table=((0, 0), (1, 1), (2, 1)), ignore=255))
    assert again[1].max() == 255
    assert again.meaning.classes == 2


def test_batches_of_what_is_kept_are_those_of_lists(folders):
    images, masks = load_pairs(find_pairs(*folders(MIXED, ITS_MASKS)), keep=1000)
    for elastic in (False, True):
        kept = Batches(images, masks, 5, 8, rng=3, elastic=elastic)
        lists = Batches(list(images), list(masks), 5, 8, rng=3, elastic=elastic)
        for _ in range(3):
            for one, other in zip(next(kept), next(lists), strict=True):
                np.testing.assert_array_equal(one, other)
                assert one.dtype == other.dtype == np.float32


def test_batches_of_classes_are_integers(folders):
    classes = RNG.integers(0, 3, SIZE, np.uint8)
    images, masks = load_pairs(find_pairs(*folders({"a.png": (grey(),)}, {"a.png": (classes,)})))
    for elastic in (False, True):
        _, y = next(Batches(images, masks, 4, 8, rng=0, elastic=elastic))
        assert y.dtype == np.int64
        assert y.shape == (4, 1, 8, 8)
        assert set(np.unique(y)) == {0, 1, 2}


def test_a_batch_that_does_not_fit_into_memory_says_so(folders, monkeypatch):
    def full(*args):
        raise MemoryError

    batches = Batches(*load_pairs(find_pairs(*folders(MIXED, ITS_MASKS))), 5, 8, rng=3)
    monkeypatch.setattr(np, "stack", full)
    with pytest.raises(MemoryError, match="a batch of 5 does not fit into memory; make the batch or the crop smaller"):
        next(batches)


def test_a_picture_that_does_not_fit_into_memory_is_named(folders, monkeypatch):
    images, masks = folders({"a.png": (grey(),)}, {"a.png": (mask(),)})

    def full(stored):
        raise MemoryError("Unable to allocate 3 TiB")

    monkeypatch.setattr(keeping, "as_floats", full)
    with pytest.raises(DataError, match=r"a\.png: the picture does not fit into memory \(Unable .*cut it into smaller"):
        load_pairs(find_pairs(images, masks))


def test_no_more_than_a_gibibyte_is_kept():
    assert 0 < keeping.share_of_memory() <= keeping.KEPT == 1 << 30


WIDE, SQUARE = grey((20, 28)), grey((24, 24))


@pytest.mark.parametrize("tagged", ["image", "mask"])
@pytest.mark.parametrize("exif", [3, 6, 8])
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("drawn_on", ["stored", "shown"])
def test_where_one_of_a_pair_is_turned_its_size_tells_or_nothing_is_read(folders, tagged, exif, square, drawn_on):
    """A quarter turn of what is not square tells whether the other was drawn before or after it."""
    stored = SQUARE if square else WIDE
    upright = np.rot90(stored, {3: 2, 6: -1, 8: 1}[exif])
    other = stored if drawn_on == "stored" else upright
    files = {"a.png": (stored, turned(exif))}, {"a.png": ((other > 99).astype(np.uint8),)}
    if tagged == "mask":
        files = {"a.png": (other,)}, {"a.png": ((stored > 99).astype(np.uint8), turned(exif))}
    pairs = find_pairs(*folders(*files))
    if square or exif == 3:
        with pytest.raises(DataError, match=rf"a: .*EXIF orientation {exif}.*fits both ways; .*exiftool"):
            load_pairs(pairs)
        return
    for keep in (0, None):
        images, masks = load_pairs(pairs, keep=keep)
        np.testing.assert_array_equal(images[0][0], upright / np.float32(255))
        np.testing.assert_array_equal(masks[0][0], upright > 99)


def test_both_of_a_pair_are_turned_as_they_say(folders):
    for exif in (3, 6):
        image, truth = (SQUARE, turned(exif)), ((SQUARE > 99).astype(np.uint8), turned(exif))
        images, masks = load_pairs(find_pairs(*folders({"a.png": image}, {"a.png": truth})))
        np.testing.assert_array_equal(masks[0][0], np.rint(images[0][0] * 255) > 99)


def test_turning_a_mask_that_it_does_not_change_is_no_question(folders):
    pairs = find_pairs(*folders({"a.png": (grey() * 0 + 9, turned(3))}, {"a.png": (mask() * 0,)}))
    assert load_pairs(pairs)[1][0].max() == 0


def test_masks_may_end_in_a_suffix_and_be_in_the_same_folder(folders, tmp_path):
    images, masks = folders(
        {"a.png": (grey(),), "b_mask_2.png": (grey(),)},
        {"a_mask.png": (mask(),), "b_mask_2_mask.bmp": (mask(),), "a.png": (mask(),)},
    )
    pairs = find_pairs(images, masks, "_mask")
    assert [(p.name, p.mask.name) for p in pairs] == [("a", "a_mask.png"), ("b_mask_2", "b_mask_2_mask.bmp")]
    assert pairs.left_out == (f"{masks}: a.png: their names do not end in _mask",)
    (masks / "a.png").unlink()
    for file in images.iterdir():
        file.rename(masks / file.name)
    assert [p.name for p in find_pairs(masks, masks, "_mask")] == ["a", "b_mask_2"]
    assert find_pairs(masks, masks, "_mask").left_out == ()
    with pytest.raises(DataError, match="there are no pictures that end in _m in it"):
        find_pairs(masks, masks, "_m")


def test_names_meet_however_their_accents_are_written(folders):
    name = "Zellkern-ä-é"
    images, masks = folders(
        {unicodedata.normalize("NFC", name) + ".png": (grey(),)},
        {unicodedata.normalize("NFD", name) + ".png": (mask(),)},
    )
    assert [pair.name for pair in find_pairs(images, masks)] == [unicodedata.normalize("NFC", name)]


def test_what_is_left_out_is_said(folders):
    images, masks = folders({"a.png": (grey(),)}, {"a.png": (mask(),)})
    (images / "b.dcm").touch()
    (images / "notes.txt").touch()
    (images / ".hidden").touch()
    (masks / "old").mkdir()
    assert find_pairs(images, masks).left_out == (
        f"{images}: b.dcm: not a format that is read here; save PNG or TIFF",
        f"{images}: notes.txt: no pictures",
        f"{masks}: old: folders in it are not looked into",
    )
    Image.fromarray(mask()).save(masks / "b.png")
    with pytest.raises(DataError, match=r"masks in .*: b\.png; not read: .*b\.dcm: not a format that is read here"):
        find_pairs(images, masks)


def stack(pages):
    first, *others = (Image.fromarray(page) for page in pages)
    return np.asarray(first), {"save_all": True, "append_images": others}


def test_stacks_pair_page_by_page(folders):
    pages, truths = [grey() for _ in range(3)], [mask() for _ in range(3)]
    images, masks = folders({"train-volume.tif": stack(pages)}, {"train-labels.tif": stack(truths)})
    pairs = find_pairs(images, masks)
    assert [pair.name for pair in pairs] == [f"train-volume#{k}" for k in (1, 2, 3)]
    assert pairs[1].mask == Page(masks / "train-labels.tif", 2)
    for keep in (0, None):
        for k, (image, truth) in enumerate(zip(*load_pairs(pairs, keep=keep), strict=True)):
            np.testing.assert_array_equal(image[0], pages[k] / np.float32(255))
            np.testing.assert_array_equal(truth[0], truths[k] > 0)
    folders({"b.png": (grey(),)}, {"b.png": (mask(),)})  # no longer alone
    with pytest.raises(DataError, match=r"images in .*: train-volume\.tif#1"):
        find_pairs(images, masks)
    (masks / "train-labels.tif").rename(masks / "train-volume.tif")
    assert len(find_pairs(images, masks)) == 4


def test_pages_are_in_their_order_by_name(folders):
    images, masks = folders({"v.tif": stack([grey()] * 10)}, {"v.tif": stack([mask()] * 10)})
    assert [pair.name for pair in find_pairs(images, masks)] == [f"v#{k:02}" for k in range(1, 11)]


def test_stacks_of_several_lengths_do_not_pair(folders):
    images, masks = folders({"v.tif": stack([grey()] * 3)}, {"l.tif": stack([mask()] * 2)})
    with pytest.raises(DataError, match=r"images in .*: v\.tif#1, v\.tif#2, v\.tif#3; masks in"):
        find_pairs(images, masks)


def test_pages_that_may_be_channels_are_spoken_of(folders):
    images, masks = folders({f"{k}.tif": stack([grey()] * 3) for k in "ab"}, {f"{k}.png": (mask(),) for k in "ab"})
    with pytest.raises(DataError, match=r'each page of a\.tif, b\.tif is a picture; if they are the channels .*"CYX"'):
        find_pairs(images, masks)
    for file in (images / "b.tif", masks / "a.png"):
        file.unlink()
    with pytest.raises(DataError, match=r"a\.tif#1, a\.tif#2, a\.tif#3") as caught:
        find_pairs(images, masks)
    assert "each page" not in str(caught.value)


@pytest.mark.parametrize(("other", "named"), [("b_m", True), ("b_n", False)])
def test_a_suffix_that_would_pair_all_is_named(folders, other, named):
    masks = {f"{name}.png": (mask(),) for name in ("a_m", other)}
    with pytest.raises(DataError, match="without a mask") as caught:
        find_pairs(*folders({f"{k}.png": (grey(),) for k in "ab"}, masks))
    assert ("--mask-suffix _m would pair them" in str(caught.value)) is named


MUTANTS = {
    "data.keeping:load_pairs": [("not enough memory for nobody knows what", "with fitting(pair.image):", "if True:")],
    "data.keeping:share_of_memory": [("all of the memory", "// 8", "// 1")],
    "data.keeping:Store.put": [("there is always room", "if array.nbytes <= self.left", "if True")],
    "data.keeping:Stored.stored": [("what is kept can be written to", "array.setflags(write=False)", "pass")],
    "data.keeping:Masks.converted": [("classes are floats", "np.int64 if", "np.float32 if")],
    "data.keeping:_facts": [("shapes do not tell", "{stored.shape}", "")],
    "data.keeping:_look": [
        ("as stored is never tried", "turns = [(1, 1), ", "turns = ["),
        ("the first that fits is taken", "for _, other in others", "for _, other in ()"),
    ],
    "data.folder:find_pairs": [("a folder of both is no folder of both", "suffix if same else", "")],
    "data.folder:_look": [
        ("accents tell names apart", 'stem = unicodedata.normalize("NFC", file.stem)', "stem = file.stem"),
        ("masks of other names are passed over", "if others_named and not both", "if False"),
    ],
    "data.folder:_pages_without_partner": [("every stack is spoken of", "file.stem) in single", "file.stem)")],
    "data.folder:_suffix_of_all": [("one is enough", "if all(name + s in masks for name in others)", "")],
    "data.folder:_one_stack_each": [("stacks pair whatever their lengths", "len(images) == len(masks) and", "")],
    "data.folder:pictures_in": [("pages are not padded", ":0{len(str(count))}", "")],
    "data.batches:variation": [
        ("a crop is not converted", "(_converted(images, image), _converted(masks, mask))", "(image, mask)")
    ],
}
