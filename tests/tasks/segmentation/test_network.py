"""The network normalises by what it learnt from; tiles meet without a seam; the losses are what their formulas say."""

import numpy as np
import pytest

import tinyunet.functional as F
from tinyunet import tensor
from tinyunet.nn import Module
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import PictureUNet
from tinyunet.tasks.segmentation.network import loss, loss_of_the_rare, marked
from tinyunet.unet import UNet


class Pixelwise(Module):
    """A "model" whose logit at a pixel is a function of that pixel alone, so that tiling must not be seen."""

    in_channels, multiple = 1, 8

    def __init__(self):
        self.shapes = []

    def forward(self, x):
        self.shapes.append(x.shape)
        return F.mul(x, 3.0)


@pytest.mark.parametrize("size", [(5, 7), (8, 8), (64, 64), (65, 64), (200, 70), (1, 1), (130, 129)])
def test_tiles_are_put_together_without_a_seam(size):
    image = np.random.default_rng(0).random((1, *size)).astype(np.float32)
    model = Pixelwise()
    p = segmentation.predict(model, image, tile=64, overlap=16)
    assert p.shape == (1, *size)
    np.testing.assert_allclose(p, F.sigmoid(3 * image).numpy(), rtol=1e-5, atol=1e-6)
    assert all(h <= 64 and w <= 64 and h % 8 == w % 8 == 0 for _, _, h, w in model.shapes)


def test_where_tiles_meet_the_inner_one_counts_more():
    class EdgeIsWrong(Pixelwise):
        def forward(self, x):
            logits = np.full(x.shape, -9.0)
            logits[:, :, 2:-2, 2:-2] = 9.0
            return F.mul(logits, 1.0)

    p = segmentation.predict(EdgeIsWrong(), np.ones((1, 100, 100)), tile=64, overlap=28)
    assert p[0, 8:-8, 8:-8].min() > 0.75  # with equal weights: one half


def test_predict_evaluates_and_changes_nothing():
    model, image = UNet(1, 1, channels=(4,), rng=0), np.random.default_rng(0).random((1, 16, 16)).astype(np.float32)
    before = model.state_dict()
    p = segmentation.predict(model, image)
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_array_equal(segmentation.predict(model.eval(), image), p)
    assert not model.training


@pytest.mark.parametrize("shape", [(4, 4), (3, 8, 8), (1, 0, 8)])
def test_predict_refuses_what_is_no_image_for_the_model(shape):
    with pytest.raises(ValueError, match="predict: the image"):
        segmentation.predict(Pixelwise(), np.zeros(shape))


def test_pictures_are_brought_to_the_scale_that_was_learnt():
    rng = np.random.default_rng(0)
    x = rng.random((2, 2, 8, 8)).astype(np.float32)
    plain, model = UNet(2, 1, (4,), rng=0), PictureUNet(2, 1, (4,), rng=0)
    model.learn_scale(np.array([0.5, 3.0]), np.array([0.1, 0.0]))
    expected = x.copy()
    expected[:, 0] = (x[:, 0] - 0.5) / 0.1
    expected[:, 1] = x[:, 1] - 3.0  # what never varies is not blown up
    for given in (x, tensor(x)):
        np.testing.assert_allclose(model(given).numpy(), plain(expected).numpy(), atol=1e-5)
    assert {"mean", "std"} <= model.state_dict().keys()  # kept with the weights
    with pytest.raises(ValueError, match=r"UNet: input must be \(N, 2, H, W\)"):
        model(x[:, :1])


def test_several_classes_have_probabilities_that_sum_to_1():
    model = PictureUNet(1, 3, (4,), rng=0)
    p = segmentation.predict(model, np.random.default_rng(0).random((1, 9, 11)).astype(np.float32))
    assert p.shape == (3, 9, 11)
    np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(marked(p)[0], p.argmax(axis=0))
    assert marked(np.array([[[0.2, 0.5, 0.7]]]), 0.5).tolist() == [[[0, 0, 1]]]


class Logits(Module):
    def __init__(self, logits):
        self.logits = tensor(logits, requires_grad=True)

    def forward(self, x):
        return self.logits


def test_the_losses_are_those_of_their_formulas():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 1, 4, 4))
    t = (rng.random((2, 1, 4, 4)) > 0.7).astype(np.float64)
    p = 1 / (1 + np.exp(-x))
    cross_entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    dice = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)  # of the whole batch
    assert float(loss(Logits(x), (x, t))) == pytest.approx(cross_entropy)
    assert float(loss_of_the_rare(Logits(x), (x, t))) == pytest.approx(cross_entropy + dice)


def test_what_is_ignored_counts_for_nothing():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(2, 3, 4, 4)), rng.integers(3, size=(2, 1, 4, 4))
    t[0, 0, :2] = 255
    counted = t[:, 0] != 255
    e = np.exp(x)
    p = e / e.sum(axis=1, keepdims=True)
    truth = np.eye(3)[np.where(counted, t[:, 0], 0)].transpose(0, 3, 1, 2) * counted[:, None]
    cross_entropy = -(truth * np.log(p)).sum() / counted.sum()
    p = p * counted[:, None]
    axes = (0, 2, 3)
    dice = 1 - (2 * (p * truth).sum(axes) + 1) / (p.sum(axes) + truth.sum(axes) + 1)
    assert float(loss(Logits(x), (x, t))) == pytest.approx(cross_entropy)
    assert float(loss_of_the_rare(Logits(x), (x, t))) == pytest.approx(cross_entropy + dice.mean())
    assert float(loss(Logits(x), (x, np.full_like(t, 255)))) == 0  # and not nan


MUTANTS = {
    "tasks.segmentation.network:PictureUNet.forward": [
        ("not scaled", "(x - mean) / std", "x"),
    ],
    "tasks.segmentation.network:PictureUNet.learn_scale": [
        ("divides by nothing", "np.where(std > 1e-6, std, 1)", "std"),
    ],
    "tasks.segmentation.network:_cross_entropy": [
        ("a mean also over what is ignored", "np.count_nonzero(target != IGNORE)", "target.size"),
        (
            "nothing divided by nothing",
            "max(np.count_nonzero(target != IGNORE), 1)",
            "np.count_nonzero(target != IGNORE)",
        ),
    ],
    "tasks.segmentation.network:_dice_loss": [
        ("what is ignored is marked", "* counts", ""),
        (
            "each picture by itself",
            "F.sigmoid(logits).reshape(1, 1, -1), masks.reshape(1, 1, -1)",
            "F.sigmoid(logits), masks",
        ),
    ],
}
