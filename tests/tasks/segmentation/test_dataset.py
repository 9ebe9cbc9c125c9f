"""Facts of pictures: those of files are those of their arrays."""

import numpy as np

from tests.tasks.segmentation import folder
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation.dataset import Dataset, scale, shares, survey


def test_facts_of_files_are_those_of_the_arrays(tmp_path):
    dataset = segmentation.read(**folder(tmp_path))
    arrays = Dataset(dataset.names, list(dataset.images), list(dataset.masks))
    for of_file, of_array in zip(survey(dataset), survey(arrays), strict=True):
        assert of_file.shape == of_array.shape
        np.testing.assert_array_equal(of_file.counts, of_array.counts)
        np.testing.assert_allclose(of_file.mean, of_array.mean, rtol=1e-6)
        np.testing.assert_allclose(of_file.variance, of_array.variance, rtol=1e-5)


def test_mean_and_deviation_are_those_of_all_pixels_together():
    rng = np.random.default_rng(0)
    images = [rng.normal(k, 1 + k, (2, 5 + k, 7)) for k in range(3)]
    masks = [rng.random((1, 5 + k, 7)) > 0.8 for k in range(3)]
    facts = survey(Dataset(list("abc"), images, masks))
    mean, std = scale(facts)
    pixels = np.concatenate([x.reshape(2, -1) for x in images], axis=1)
    np.testing.assert_allclose(mean, pixels.mean(axis=1))
    np.testing.assert_allclose(std, pixels.std(axis=1))
    np.testing.assert_allclose(shares(facts)[1], np.concatenate([m.ravel() for m in masks]).mean())
    assert len({f.content for f in facts}) == 3


def test_foreground_dark_is_the_other_class(tmp_path):
    where = folder(tmp_path)
    light, dark = (segmentation.read(**where, foreground=side).masks for side in ("light", "dark"))
    for a, b in zip(light, dark, strict=True):
        np.testing.assert_array_equal(a + b, 1)


def test_only_some(tmp_path):
    dataset = segmentation.read(**folder(tmp_path))
    for of in (dataset, Dataset(dataset.names, list(dataset.images), list(dataset.masks))):
        part = of.only([3, 1])
        assert part.names == ["03", "01"]
        np.testing.assert_array_equal(part.images[1], dataset.images[1])
        np.testing.assert_array_equal(part.masks[0], dataset.masks[3])


MUTANTS = {
    "tasks.segmentation.dataset:scale": [
        ("a mean of means", "weights=pixels)\n    return", "weights=None)\n    return"),
        ("the deviation within pictures alone", "variances + (means - mean) ** 2", "variances"),
    ],
}
