"""Random squares: image and mask alike, mirrored where pictures are small, laid around what is rare."""

import numpy as np
import pytest

from tinyunet.data.masks import Meaning
from tinyunet.tasks.segmentation.batches import Squares, rare_classes
from tinyunet.tasks.segmentation.dataset import Dataset, survey

CLASSES = Meaning("classes", ((0, 0), (1, 1), (2, 2)))


def batches(images, masks, crop=16, batch=8, meaning=CLASSES, **settings):
    dataset = Dataset([str(k) for k in range(len(images))], images, masks, meaning)
    return Squares(dataset, survey(dataset), batch, crop, np.random.default_rng(0), **settings)


def pictures(count=3, size=(40, 24), share=0.3):
    """Pictures whose masks can be told from them."""
    rng = np.random.default_rng(1)
    images = [rng.random((1, *size)).astype(np.float32) for _ in range(count)]
    return images, [(x > 1 - share).astype(np.float32) for x in images]


@pytest.mark.parametrize("size", [(40, 24), (16, 16), (5, 40), (3, 2), (1, 1)])
def test_masks_follow_their_pictures_of_any_size(size):
    x, y = next(batches(*pictures(size=size)))
    assert x.shape == y.shape == (8, 1, 16, 16)
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(y, x > 0.7)


def test_a_small_picture_goes_on_as_in_a_mirror():
    image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    (x, *_), _ = next(batches([image], [image > 5], crop=4))
    turned = [np.rot90(a, k) for a in (x[0], x[0].T) for k in range(4)]
    mirrored = np.vstack([image[0], image[0, 1]])  # 0 1 2 1
    assert any((a == mirrored).all() for a in turned)


def test_half_of_the_squares_show_what_is_rare():
    images = [np.zeros((1, 200, 200), np.float32) for _ in range(3)]
    masks = [np.zeros((1, 200, 200), np.float32) for _ in range(3)]
    masks[1][0, 0, 199] = masks[1][0, 90, 70] = 1  # in a corner, and inside
    squares = batches(images, masks, aim=[1])
    shown = np.array([next(squares)[1].any(axis=(1, 2, 3)) for _ in range(20)])  # (20, 8)
    assert shown[:, 1::2].all()
    assert shown[:, ::2].mean() < 0.2
    places = np.argwhere(np.concatenate([next(squares)[1][1::2] for _ in range(40)])[:, 0])
    assert len(np.unique(places[:, 1])) > 10  # anywhere in the square


def test_of_several_rare_classes_each_is_aimed_at():
    mask = np.zeros((1, 100, 100), np.int64)
    mask[0, 20, 20], mask[0, 80, 80] = 1, 2
    squares = batches([np.zeros((1, 100, 100), np.float32)], [mask], aim=[1, 2])
    seen = np.concatenate([next(squares)[1][1::2] for _ in range(20)])
    for k in (1, 2):
        assert 0.2 < (seen == k).any(axis=(1, 2, 3)).mean() < 0.8


def test_brightness_and_contrast_vary_and_the_mask_does_not():
    images, masks = pictures()
    x, y = next(batches(images, masks, jitter=0.3))
    plain, same = next(batches(images, masks))
    assert not np.allclose(x, plain)
    assert x.dtype == np.float32
    assert y.shape == same.shape
    for a in x:  # still pictures of the same noise, brighter or darker, of more contrast or less
        assert abs(a.mean() - 0.5) < 0.3 + 0.1
        assert 0.6 < a.std() / np.std(images) < 1.4
    contrasts = x.std(axis=(1, 2, 3)) / np.std(images)
    assert contrasts.max() / contrasts.min() > 1.2
    contrasts = plain.std(axis=(1, 2, 3)) / np.std(images)
    assert contrasts.max() / contrasts.min() < 1.2


def test_bent_pictures_keep_their_masks():
    x, y = next(batches(*pictures(size=(40, 40)), elastic=True))
    assert set(np.unique(y)) == {0, 1}
    assert x[y == 1].mean() > x[y == 0].mean() + 0.2


def test_a_class_is_rare_if_it_is_there_and_small():
    dataset = Dataset(["a"], [np.zeros((1, 10, 10))], [(np.arange(100) < 4).reshape(1, 10, 10)])
    assert rare_classes(survey(dataset)) == [1]
    for count in (0, 5, 50, 100):
        mask = (np.arange(100) < count).reshape(1, 10, 10)
        assert rare_classes(survey(dataset._replace(masks=[mask]))) == []


MUTANTS = {
    "tasks.segmentation.batches:Squares._grown": [
        ("black beyond the edge", ', mode="reflect"', ""),
    ],
    "tasks.segmentation.batches:Squares._around": [
        ("always in the middle", "self.rng.integers(self.crop)", "self.crop // 2"),
        ("only the image moves", "image[window], mask[window]", "image[window], mask[:, : self.crop, : self.crop]"),
    ],
    "tasks.segmentation.batches:Squares.__next__": [
        ("all are aimed", "and i % 2", ""),
    ],
    "tasks.segmentation.batches:Squares._varied": [
        ("brightness alone", "* (1 + contrast)", ""),
    ],
    "tasks.segmentation.batches:rare_classes": [
        ("what is not there is rare", "0 < share", "0 <= share"),
    ],
}
