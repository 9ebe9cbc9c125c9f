"""The stream of batches: shapes, what it draws, and that its generator is all its state."""

from collections import Counter

import numpy as np
import pytest

from tinyunet.data import Batches, cells


def mixed(channels=1):
    """Three images of three sizes, whose values say which image and pixel they are, with masks that agree."""
    shapes = [(20, 24), (16, 16), (31, 17)]
    masks = [((np.indices(s).sum(0) + k) % 2)[None].astype(np.float32) for k, s in enumerate(shapes)]
    images = [np.concatenate([mask * 2 + 10 * k] * channels) for k, mask in enumerate(masks)]
    return images, masks


@pytest.mark.parametrize(("crop", "shape"), [(16, (16, 16)), ((12, 7), (12, 7))])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("elastic", [False, True])
def test_shapes_and_dtypes(crop, shape, channels, elastic):
    images, masks = mixed(channels)
    images = [image.astype(np.float64) for image in images]
    masks = [mask.astype(bool) for mask in masks]
    x, y = next(Batches(images, masks, 5, crop, rng=0, elastic=elastic))
    assert x.shape == (5, channels, *shape)
    assert y.shape == (5, 1, *shape)
    assert x.dtype == y.dtype == np.float32
    assert np.isin(y, (0, 1)).all()


@pytest.mark.parametrize("flips", [False, True])
def test_the_mask_of_each_sample_is_its_image_s_own(flips):
    x, y = next(Batches(*mixed(), batch_size=50, crop=(9, 8), rng=0, flips=flips))
    np.testing.assert_array_equal(x % 10, 2 * y)


def test_every_image_is_drawn_equally_often():
    x, _ = next(Batches(*mixed(), batch_size=900, crop=2, rng=0))
    counts = Counter((x[:, 0].min(axis=(1, 2)) // 10).astype(int).tolist())
    assert set(counts) == {0, 1, 2}
    assert min(counts.values()) > 250


def test_the_draw_differs_from_batch_to_batch():
    stream = Batches(*mixed(), batch_size=1, crop=2, rng=0)
    assert {int(next(stream)[0].min()) // 10 for _ in range(40)} == {0, 1, 2}


def test_without_crop_and_flips_the_samples_are_the_images():
    images, masks = cells(4, (12, 20))
    x, y = next(Batches(images, masks, 8, None, rng=0, flips=False))
    known = {(i.tobytes(), m.tobytes()) for i, m in zip(images, masks, strict=True)}
    assert {(i.tobytes(), m.tobytes()) for i, m in zip(x, y, strict=True)} <= known


def test_flips_turn_and_mirror_and_their_absence_does_not():
    image = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    for flips, count in ((True, 8), (False, 1)):  # a square has eight symmetries
        x, _ = next(Batches(image, image > 4, 300, 3, rng=0, flips=flips))
        assert len({sample.tobytes() for sample in x}) == count


def test_elastic_bends_and_its_absence_does_not():
    images, masks = cells(1, 32)
    x, _ = next(Batches(images, masks, 4, None, rng=0, flips=False, elastic=True))
    assert len({sample.tobytes() for sample in x}) == 4
    x, _ = next(Batches(images, masks, 4, None, rng=0, flips=False))
    assert len({sample.tobytes() for sample in x}) == 1


@pytest.mark.parametrize("elastic", [False, True])
def test_the_generator_is_the_only_state(elastic):
    stream = Batches(*mixed(), batch_size=4, crop=8, rng=7, elastic=elastic)
    for _ in range(3):
        next(stream)
    state = stream.rng.bit_generator.state
    rest = [next(stream) for _ in range(3)]
    resumed = Batches(*mixed(), batch_size=4, crop=8, rng=99, elastic=elastic)
    resumed.rng.bit_generator.state = state
    for (x, y), (x2, y2) in zip(rest, resumed, strict=False):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)


def test_same_seed_same_stream_and_it_does_not_repeat():
    one, two = (Batches(*mixed(), batch_size=4, crop=8, rng=3) for _ in range(2))
    first = next(one)[0]
    np.testing.assert_array_equal(first, next(two)[0])
    assert (first != next(one)[0]).any()


def test_a_batch_is_a_copy():
    images, masks = cells(1, 8)
    before = images.copy()
    x, _ = next(Batches(images, masks, 1, None, rng=0, flips=False))
    x[:] = -1
    np.testing.assert_array_equal(images, before)


IMAGE, MASK = np.zeros((1, 8, 9)), np.zeros((1, 8, 9))
LOW, LOW_MASK, COLOUR = IMAGE[:, :3], MASK[:, :3], np.zeros((3, 8, 9))


@pytest.mark.parametrize(
    ("images", "masks", "batch_size", "crop", "error", "message"),
    [
        ([], [], 1, 4, ValueError, "got 0 images and 0 masks"),
        ([IMAGE], [MASK, MASK], 1, 4, ValueError, "got 1 images and 2 masks"),
        ([IMAGE, IMAGE], [MASK, MASK[:, :7]], 1, 4, ValueError, r"image 1.*\(1, 8, 9\).*\(1, 7, 9\)"),
        ([IMAGE[0]], [MASK], 1, 4, ValueError, r"image 0.*\(8, 9\)"),
        ([IMAGE, LOW], [MASK, LOW_MASK], 1, 4, ValueError, "image 1 is 3 by 9.*crop of 4 by 4"),
        ([IMAGE, LOW], [MASK, LOW_MASK], 1, None, ValueError, r"image 1 is \(1, 3, 9\).*\(1, 8, 9\)"),
        ([IMAGE, COLOUR], [MASK, MASK], 1, 4, ValueError, "image 1 has 3 channels but image 0 has 1"),
        ([IMAGE], [MASK], 0, 4, ValueError, "batch_size must be at least 1, but is 0"),
        ([IMAGE], [MASK], 1, 0, ValueError, "crop: a size is at least 1 by 1"),
        ([IMAGE], [MASK], 1, "all", TypeError, "crop: a size is an int or a pair"),
    ],
)
def test_refusals(images, masks, batch_size, crop, error, message):
    with pytest.raises(error, match=message):
        Batches(images, masks, batch_size, crop, rng=0)
