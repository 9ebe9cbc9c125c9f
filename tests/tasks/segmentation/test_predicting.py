"""Predictions are files that bear a mark: nothing else is written over, none of them is taken for a picture."""

import os

import numpy as np
import pytest
from PIL import Image

from tinyunet.data import DataError, read_image
from tinyunet.data.masks import Meaning, read_mask
from tinyunet.tasks.segmentation import PictureUNet, predict, predict_files, predicting
from tinyunet.tasks.segmentation.predicting import check_free, mask_to_write, pictures_of, write_legend, write_result

CLASSES = Meaning("classes", ((0, 0), (100, 1), (200, 2)))


@pytest.fixture
def model():
    return PictureUNet(1, 1, (4,), rng=0)


def picture(path, size=(20, 30), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(256, size=size, dtype=np.uint8)).save(path)
    return path


def test_what_is_written_is_what_was_predicted(tmp_path, model):
    file = picture(tmp_path / "a.png")
    (done,) = predict_files(model, [file], tmp_path / "out", threshold=0.4, overlays=True)
    p = predict(model, read_image(file))
    mask = np.asarray(Image.open(tmp_path / "out" / "a_mask.png"))
    np.testing.assert_array_equal(mask, np.where(p[0] > 0.4, 255, 0))
    np.testing.assert_allclose(read_image(tmp_path / "out" / "a_probability.png"), p, atol=1 / 131070 + 1e-7)
    assert done.mask == str(tmp_path / "out" / "a_mask.png")
    assert done.shares[1] == (mask > 0).mean()
    over = np.asarray(Image.open(tmp_path / "out" / "a_overlay.png")).astype(int)
    plain = np.asarray(Image.open(file)).astype(int)[:, :, None].repeat(3, axis=2)
    np.testing.assert_array_equal(over[mask == 0], plain[mask == 0])
    assert (over != plain).any(axis=2)[mask > 0].all()


def test_results_are_written_again_and_nothing_else_is_touched(tmp_path, model):
    file = picture(tmp_path / "in" / "a.png")
    for _ in range(2):
        list(predict_files(model, [file], tmp_path / "in"))
    own = tmp_path / "in" / "a_mask.png"
    saved = own.read_bytes()
    for spoil in (lambda: picture(own), lambda: own.write_text("notes"), lambda: corrected(own, saved)):
        spoil()
        before = {f: f.read_bytes() for f in (tmp_path / "in").iterdir()}
        with pytest.raises(DataError, match=r"a_mask\.png: would be overwritten.*--out"):
            list(predict_files(model, [file], tmp_path / "in"))
        assert {f: f.read_bytes() for f in (tmp_path / "in").iterdir()} == before


def corrected(path, saved):
    """As a person corrects a mask in a program that keeps the text in the file."""
    path.write_bytes(saved)
    with Image.open(path) as file:
        text, pixels = file.text, np.array(file)
    pixels[:3] = 255 - pixels[:3]
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    Image.fromarray(pixels).save(path, pnginfo=info)


def test_what_a_kill_left_half_written_is_removed_unless_another_process_may_be_writing(tmp_path, model):
    file, (old, new) = picture(tmp_path / "a.png"), (tmp_path / "out" / f".a_mask.png.9-{k}.part" for k in (0, 1))
    for part in (old, new):
        picture(part.with_suffix(".png")).rename(part)
    os.utime(old, (0, 0))
    list(predict_files(model, [file], tmp_path / "out"))
    assert [part.exists() for part in (old, new)] == [False, True]


def test_nothing_is_written_if_one_of_many_cannot_be(tmp_path, model):
    files = [picture(tmp_path / f"{k}.png") for k in range(3)]
    picture(tmp_path / "out" / "2_probability.png")
    with pytest.raises(DataError, match="2_probability"):
        list(predict_files(model, files, tmp_path / "out"))
    assert [f.name for f in (tmp_path / "out").iterdir()] == ["2_probability.png"]
    with pytest.raises(DataError, match=r"0\.png: is a file, not a folder"):
        list(predict_files(model, files, files[0]))


def test_results_are_no_pictures(tmp_path, model):
    folder = picture(tmp_path / "in" / "a.png").parent
    list(predict_files(model, [folder], folder, overlays=True))
    for given in ([folder], sorted(folder.glob("*.png")), [f"{folder}/*.png"], [folder, f"{folder}/a*"]):
        found, left_out = pictures_of(given)
        assert found == {"a": folder / "a.png"}
        (sentence,) = left_out
        assert sentence.endswith("a_probability.png: results of predict")
    with pytest.raises(DataError, match="results of predict"):
        pictures_of([folder / "a_mask.png"])
    renamed = folder.rename(tmp_path / "moved")
    (renamed / "a_mask.png").rename(renamed / "b.png")  # known by its mark, not by its name
    assert list(pictures_of([renamed])[0]) == ["a"]


def test_files_folders_and_patterns(tmp_path):
    for name in ("one/a.png", "one/b.png", "two/c.png", "two/d[1].png"):
        picture(tmp_path / name)
    (tmp_path / "one" / "notes.txt").write_text("no picture")
    one, two = tmp_path / "one", tmp_path / "two"
    found, left_out = pictures_of([one])
    assert list(found) == ["a", "b"]
    assert left_out == [f"{one}: notes.txt: no pictures"]
    assert list(pictures_of([one, two / "c.png"])[0]) == ["a", "b", "c"]
    assert list(pictures_of([f"{tmp_path}/*/[ac].png"])[0]) == ["a", "c"]
    assert list(pictures_of([two / "d[1].png"])[0]) == ["d[1]"]  # there is such a file
    with pytest.raises(DataError, match="no file fits this pattern"):
        pictures_of([two / "x*.png"])
    with pytest.raises(DataError, match=r"x\.png: there is no such file"):
        pictures_of([two / "x.png"])
    picture(tmp_path / "three" / "a.png")
    with pytest.raises(DataError, match="several pictures are named a"):
        pictures_of([one, tmp_path / "three"])


def test_pages_of_a_stack_are_pictures(tmp_path, model):
    pages = [Image.fromarray(np.full((8, 8), 50 * k, np.uint8)) for k in range(3)]
    pages[0].save(tmp_path / "s.tif", save_all=True, append_images=pages[1:])
    assert len(list(predict_files(model, [tmp_path / "s.tif"], tmp_path / "out"))) == 3
    assert len(list((tmp_path / "out").glob("*_mask.png"))) == 3


def test_classes_are_written_with_their_values_in_their_colours(tmp_path):
    classes = np.array([[[0, 1, 2, 1]]])
    write_result(tmp_path / "a.png", *mask_to_write(classes, CLASSES))
    with Image.open(tmp_path / "a.png") as file:
        assert np.asarray(file).tolist() == [[0, 100, 200, 100]]  # as in the masks it learnt from
        shown = np.asarray(file.convert("RGB"))
    assert shown[0].tolist() == [list(CLASSES.colours[k]) for k in (0, 1, 2, 1)]
    coloured = Meaning("classes", (((9, 9, 9), 0), ((255, 0, 0), 1), ((0, 0, 255), 2)))
    write_result(tmp_path / "b.png", *mask_to_write(classes, coloured))
    np.testing.assert_array_equal(read_mask(tmp_path / "b.png", meaning=coloured), classes)
    write_legend(tmp_path, coloured)
    write_legend(tmp_path, CLASSES)  # again, since it was written here
    picture(tmp_path / "legend.png")
    with pytest.raises(DataError, match="legend"):
        write_legend(tmp_path, CLASSES)


def test_16_bits_are_known_again(tmp_path):
    pixels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    write_result(tmp_path / "a.png", pixels)
    check_free([tmp_path / "a.png", tmp_path / "b.png"])


def test_a_picture_that_does_not_fit_into_memory_is_named(tmp_path, model, monkeypatch):
    def full(*_):
        raise MemoryError("Unable to allocate 3 TiB")

    monkeypatch.setattr(predicting, "predict", full)
    with pytest.raises(DataError, match=r"a\.png: the picture does not fit into memory \(Unable"):
        list(predict_files(model, [picture(tmp_path / "a.png")], tmp_path / "out"))


def test_a_picture_that_does_not_fit_the_model_is_named(tmp_path, model):
    Image.new("RGB", (8, 8)).save(tmp_path / "colour.png")
    with pytest.raises(DataError, match=r"colour\.png: predict: the image has 3 channels"):
        list(predict_files(model, [tmp_path / "colour.png"], tmp_path / "out"))


MUTANTS = {
    "tasks.segmentation.predicting:predict_files": [
        ("not enough memory for nobody knows what", "with fitting(file):", "if True:"),
        ("a file is a folder", "Path(out).is_file()", "False"),
        ("the parts of another process are removed", "idle=60", "idle=0"),
    ],
    "tasks.segmentation.predicting:check_free": [
        ("writes over everything", "path.exists() and not", "False and not"),
    ],
    "tasks.segmentation.predicting:_still_as_written": [
        ("corrections are lost", "return _hash(np.asarray(file)) == mark", "return True"),
    ],
    "tasks.segmentation.predicting:pictures_of": [
        ("results are pictures", "if source not in results", ""),
    ],
    "tasks.segmentation.predicting:_named_by": [
        ("left out without a word", "found.left_out)", "())"),
        ("[1] is a pattern", "[path] if path.exists() else [", "["),
    ],
    "tasks.segmentation.predicting:mask_to_write": [
        ("numbers in place of values", "numbers[of] = value", "pass"),
    ],
}
