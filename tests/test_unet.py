"""The whole network against the same one in PyTorch, and what a reader is told about it."""

import threading

import numpy as np
import pytest

import tinyunet.functional as F
from tests import torch_unet
from tests.strategies import normal
from tinyunet import nn, no_grad, optim, tensor
from tinyunet.unet import ConvBlock, DecoderBlock, Encoder, EncoderBlock, UNet

ARCHITECTURES = [
    {"channels": (4, 6)},
    {"channels": (5,), "in_channels": 1, "out_channels": 1},
    {"channels": (4, 8, 12), "norm": "group"},
    {"channels": (3, 5), "norm": "group", "skips": False},
    {"channels": (6, 4), "norm": None},
    {"channels": (4, 4, 4), "skips": False},
]
architectures = pytest.mark.parametrize(
    "architecture", ARCHITECTURES, ids=["-".join(map(str, a.values())) for a in ARCHITECTURES]
)
TRAINED = 1e-8  # relative: rounding, 20 steps later
losses = pytest.mark.parametrize("loss", ["binary_cross_entropy_with_logits", "cross_entropy"])


def twins(architecture, dtype=np.float64):
    """Our U-Net and PyTorch's, with PyTorch's first weights."""
    import torch

    settings = {"in_channels": 2, "out_channels": 3, **architecture}
    torch.manual_seed(0)
    theirs = torch_unet.make(**settings).to(torch.float64 if dtype == np.float64 else torch.float32)
    own = UNet(**settings).to(dtype)
    own.load_state_dict(theirs.state_dict())
    return own, theirs


def batches(model, loss, steps, dtype=np.float64, size=(16, 24)):
    rng = np.random.default_rng(1)
    for _ in range(steps):
        x = rng.standard_normal((2, model.in_channels, *size)).astype(dtype)
        if loss == "cross_entropy":
            yield x, rng.integers(0, model.out_channels, (2, *size))
        else:
            yield x, rng.random((2, model.out_channels, *size)).round().astype(dtype)


def assert_close(actual, expected, rtol, what=""):
    """Relative to the largest element."""
    expected = np.asarray(expected)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * np.abs(expected).max(initial=1e-6), err_msg=what)


@pytest.mark.torch
@losses
@architectures
@pytest.mark.parametrize(("dtype", "rtol", "floor"), [(np.float64, 1e-8, 1e-6), (np.float32, 1e-4, 0.1)])
def test_logits_loss_gradients_and_statistics_are_those_of_pytorch(architecture, loss, dtype, rtol, floor):
    import torch

    own, theirs = twins(architecture, dtype)
    [(x, t)] = batches(own, loss, 1, dtype)
    image, their_image = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, reference = own(image), theirs(their_image)
    assert y.dtype == dtype
    assert_close(y, reference.detach(), rtol)

    value = getattr(F, loss)(y, t)
    their_value = getattr(torch.nn.functional, loss)(reference, torch.tensor(t))
    value.backward()
    their_value.backward()
    assert value.item() == pytest.approx(their_value.item(), rel=rtol)
    assert_close(image.grad, their_image.grad, rtol)
    gradients = dict(theirs.named_parameters())
    largest = max(p.grad.abs().max().item() for p in gradients.values())
    for name, p in own.named_parameters():
        expected = gradients.pop(name).grad.numpy()
        # where batchnorm takes a bias out again, its gradient is nothing but rounding
        scale = max(np.abs(expected).max(), floor * largest)
        np.testing.assert_allclose(p.grad, expected, rtol=0, atol=rtol * scale, err_msg=name)
        assert p.grad.dtype == dtype
    assert not gradients
    for name, expected in theirs.state_dict().items():
        assert_close(own.state_dict()[name], expected, rtol, name)

    own.eval()
    theirs.eval()
    with no_grad(), torch.no_grad():
        assert_close(own(x), theirs(torch.tensor(x)), rtol)


@pytest.mark.torch
@losses
@architectures
def test_20_steps_of_adam_are_those_of_pytorch(architecture, loss):
    import torch

    own, theirs = twins(architecture)
    optimizer, their_optimizer = optim.Adam(own.parameters()), torch.optim.Adam(theirs.parameters())
    for x, t in batches(own, loss, 20, size=(8, 16)):
        value = getattr(F, loss)(own(x), t)
        their_value = getattr(torch.nn.functional, loss)(theirs(torch.tensor(x)), torch.tensor(t))
        for o, v in ((optimizer, value), (their_optimizer, their_value)):
            o.zero_grad()
            v.backward()
            o.step()
        assert value.item() == pytest.approx(their_value.item(), rel=TRAINED)
    own.eval()
    theirs.eval()
    assert_close(own(x), theirs(torch.tensor(x)).detach(), 10 * TRAINED)


@pytest.mark.torch
def test_the_published_architecture_has_the_parameters_of_pytorch():
    theirs, own = torch_unet.make(3, 3), UNet(3, 3, rng=0)
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in own.parameters()) == 14_789_059
    assert {k: v.shape for k, v in own.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }


# Blocks


def test_blocks():
    x = np.zeros((1, 64, 64, 64), np.float32)
    pooled, features = EncoderBlock(64, 128)(x)
    assert (pooled.shape, features.shape) == ((1, 128, 32, 32), (1, 128, 64, 64))
    np.testing.assert_array_equal(pooled, F.max_pool2d(features, 2))
    assert ConvBlock(64, 3)(x).shape == (1, 3, 64, 64)
    kinds = [type(m) for m in ConvBlock(2, 3)]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 2

    up = DecoderBlock(512, 512, 256)
    seen = []
    with no_grad():
        x, skip = np.zeros((1, 512, 8, 8), np.float32), np.ones((1, 512, 16, 16), np.float32)
        up.conv.forward = lambda x: seen.append(x) or ConvBlock.forward(up.conv, x)
        assert up(x, skip).shape == (1, 256, 16, 16)
    (joined,) = seen
    assert joined.shape == (1, 1024, 16, 16)
    np.testing.assert_array_equal(joined.numpy()[:, :512], up.up(x))  # upsampled first
    np.testing.assert_array_equal(joined.numpy()[:, 512:], skip)  # skip second


def test_a_block_without_skip_channels_takes_no_notice_of_a_skip():
    alone, joined = (DecoderBlock(4, skip_channels, 2, rng=0) for skip_channels in (0, 3))
    x, skip = np.ones((1, 4, 2, 2), np.float32), np.ones((1, 3, 4, 4), np.float32)
    np.testing.assert_array_equal(alone(x, skip), alone(x))
    assert joined(x, skip).shape == (1, 2, 4, 4)
    with pytest.raises(TypeError, match=r"cat: needs .*NoneType"):
        joined(x)


def test_the_way_down_is_the_encoder_alone():
    """What is left when the decoder is dropped is what the U-Net itself goes down."""
    model = UNet(1, 1, channels=(2, 3), rng=0)
    x = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32)
    seen = []
    model.bottleneck.forward = lambda x: seen.append(x) or ConvBlock.forward(model.bottleneck, x)
    model(x)
    deepest, skips = model.encoder(x)
    np.testing.assert_array_equal(deepest, seen[0])
    assert [skip.shape for skip in skips] == [(2, 2, 8, 8), (2, 3, 4, 4)]


def test_the_output_sees_the_skip_only_with_skips():
    """With the deepest level silenced, what is left of the image comes through the skips alone."""
    x = np.random.default_rng(0).standard_normal((1, 1, 8, 8)).astype(np.float32)
    for skips in (True, False):
        model = UNet(1, 1, channels=(4, 4), skips=skips, norm=None, rng=0)
        model.bottleneck[2].weight.data = np.zeros((4, 4, 3, 3))
        assert (np.ptp(model(x).numpy() - model(0 * x).numpy()) > 1e-3) == skips


# Sizes


@pytest.mark.parametrize("size", [(17, 16), (16, 12), (1, 1), (15, 100)])
def test_a_size_that_cannot_be_halved_is_named_and_pad_takes_it(size):
    model = UNet(1, 2, channels=(2, 3, 4), rng=0).eval()
    x = np.random.default_rng(0).standard_normal((2, 1, *size)).astype(np.float32)
    H, W = size
    bottom, right = -H % 8, -W % 8
    message = rf"must be multiples of 8, not {H}×{W}; UNet\(…, pad=True\) pads to {H + bottom}×{W + right}"
    with pytest.raises(ValueError, match=message):
        model(x)

    padding = UNet(1, 2, channels=(2, 3, 4), pad=True).eval()
    padding.load_state_dict(model.state_dict())
    by_hand = np.zeros((2, 1, H + bottom, W + right), np.float32)
    by_hand[:, :, :H, :W] = x
    np.testing.assert_array_equal(padding(x), model(by_hand).numpy()[:, :, :H, :W])
    image = tensor(x, requires_grad=True)
    padding(image).sum().backward()
    assert image.grad.shape == x.shape


def test_pad_changes_nothing_where_nothing_is_to_be_padded():
    x = np.random.default_rng(0).standard_normal((1, 1, 8, 16)).astype(np.float32)
    outputs = [UNet(1, 1, channels=(2, 3), pad=pad, rng=0)(x).numpy() for pad in (True, False)]
    np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UNet(1, 1, channels=()), "at least one level"),
        (lambda: UNet(0, 1), "channels must be positive.*in_channels=0"),
        (lambda: UNet(1, 1, channels=(4, 0)), r"channels=\(4, 0\)"),
        (lambda: UNet(1, 1, norm="layer"), "norm must be 'batch', 'group' or None, not 'layer'"),
        (lambda: UNet(1, 1, (2,))(np.ones((1, 2, 8, 8))), r"input must be \(N, 1, H, W\), not \(1, 2, 8, 8\)"),
        (lambda: UNet(1, 1, (2,))(np.ones((1, 8, 8))), r"input must be \(N, 1, H, W\), not \(1, 8, 8\)"),
        (lambda: UNet(1, 1, (2,), pad=True)(np.ones((1, 1, 0, 8))), "multiples of 2, not 0×8"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Seeds, threads


def trained(seed):
    """All bits of a small U-Net after three steps."""
    model = UNet(1, 2, channels=(4, 8), rng=seed)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    for x, t in batches(model, "cross_entropy", 3, np.float32):
        optimizer.zero_grad()
        F.cross_entropy(model(x), t).backward()
        optimizer.step()
        with no_grad():
            model(x)
    return b"".join(a.tobytes() for a in model.state_dict().values())


def test_the_same_seed_gives_the_same_bits():
    assert trained(0) == trained(0)
    assert trained(0) != trained(1)


def test_models_in_threads_give_the_bits_that_they_give_alone():
    alone, together = [trained(seed) for seed in range(4)], {}
    threads = [threading.Thread(target=lambda s=seed: together.update({s: trained(s)})) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[seed] for seed in range(4)] == alone


class Classifier(nn.Module):
    """The way down alone: where a label is wanted, and no image."""

    def __init__(self, channels, classes):
        self.encoder = Encoder(1, channels, rng=0)
        self.head = nn.Linear(channels[-1], classes, rng=0)

    def forward(self, x):
        deepest, _ = self.encoder(x)
        return self.head(deepest.mean(dim=(2, 3)))


def test_a_classifier_goes_down_as_the_unet_does():
    """It learns to tell stripes that run across from stripes that run down, and a U-Net can begin with its encoder."""
    labels = np.arange(16) % 2
    across = np.broadcast_to(np.sin(np.arange(16))[:, None], (16, 16))
    x = np.where(labels[:, None, None], across, across.T)[:, None] + normal(0, 16, 1, 16, 16)
    x = x.astype(np.float32)
    model = Classifier((4, 8), 2)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(30):
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
    assert (model(x).numpy().argmax(axis=1) == labels).all()
    unet = UNet(1, 1, channels=(4, 8), rng=1)
    unet.encoder.load_state_dict(model.encoder.state_dict())
    for a, b in zip(unet.encoder(x)[1], model.encoder(x)[1], strict=True):
        np.testing.assert_array_equal(a, b)


MUTANTS = {
    "unet:DecoderBlock.forward": [
        ("skip before the upsampled map", "F.cat([x, skip], dim=1)", "F.cat([skip, x], dim=1)"),
    ],
    "unet:UNet.forward": [
        ("skips in the order of the way down", "skips.pop()", "skips.pop(0)"),
    ],
}
