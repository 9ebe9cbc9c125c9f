"""The worked numbers that the tutorials walk through: by hand, by the plain loops, by the fast path, and by PyTorch."""

from itertools import pairwise

import numpy as np
import pytest

import tinyunet
import tinyunet.functional as F
from tests.parity import Torch
from tinyunet.ops import loops
from tinyunet.unet import ConvBlock, DecoderBlock, EncoderBlock, UNet


def by_torch(name, *arrays, **settings):
    import torch

    return getattr(Torch(), name)(*map(torch.tensor, arrays), **settings).numpy()


def by_tinyunet(room):
    return lambda name, *arrays, **settings: getattr(room, name)(*arrays, **settings).numpy()


ways = pytest.mark.parametrize(
    "compute",
    [
        pytest.param(by_tinyunet(F), id="fast"),
        pytest.param(by_tinyunet(loops), id="loops"),
        pytest.param(by_torch, id="torch", marks=pytest.mark.torch),
    ],
)

# 1. A 3×3 convolution of two channels

IMAGE = np.stack([np.tile([10.0, 10.0, 0.0, 0.0], (4, 1)), np.full((4, 4), 5.0)])
EDGE, CENTRE = np.tile([1.0, 0.0, -1.0], (3, 1)), np.pad([[1.0]], 1)
FILTERS = np.stack([np.stack([EDGE, CENTRE]), np.ones((2, 3, 3)), np.arange(18.0).reshape(2, 3, 3)])
BIAS = np.array([0.25, 0.0, 0.0])


def by_hand(row, col, channel):
    """The nine products under the window centred at (row, col), outside of the image 0."""
    padded = np.pad(IMAGE[channel], 1)
    products = [padded[row + u][col + v] * FILTERS[0, channel, u, v] for u in range(3) for v in range(3)]
    return sum(products)


def test_by_hand_the_edge_gives_30_and_the_centre_5():
    assert 3 * (10 * 1 + 10 * 0 + 0 * -1) == by_hand(1, 1, channel=0) == 30
    assert 5 * 1 == by_hand(1, 1, channel=1) == 5


@ways
@pytest.mark.parametrize(
    ("padding", "at", "shape"), [(1, (1, 1), (3, 4, 4)), (0, (0, 0), (3, 2, 2)), (0, (1, 1), (3, 2, 2))]
)
def test_both_readings_of_row_1_column_1_are_35(compute, padding, at, shape):
    y = compute("conv2d", IMAGE, FILTERS, padding=padding)
    assert y.shape == shape
    assert y[0, *at] == 35
    assert compute("conv2d", IMAGE, FILTERS, BIAS, padding=padding)[0, *at] == 35 + 0.25


@ways
@pytest.mark.parametrize(("channel", "part"), [(0, 30), (1, 5)])
def test_each_channel_gives_its_part(compute, channel, part):
    y = compute("conv2d", IMAGE[[channel]], FILTERS[:, [channel]], padding=1)
    assert y[0, 1, 1] == part


@ways
def test_the_whole_map_of_filter_0_is_constant_only_without_padding(compute):
    np.testing.assert_array_equal(compute("conv2d", IMAGE, FILTERS)[0], np.full((2, 2), 35))
    padded = compute("conv2d", IMAGE, FILTERS, padding=1)[0]
    expected = [[by_hand(i, j, 0) + by_hand(i, j, 1) for j in range(4)] for i in range(4)]
    np.testing.assert_array_equal(padded, expected)
    np.testing.assert_array_equal(padded, [[-15, 25, 25, 5], [-25, 35, 35, 5], [-25, 35, 35, 5], [-15, 25, 25, 5]])


# 2. A transposed convolution, and the way back


@ways
def test_each_pixel_becomes_a_2_by_2_region(compute):
    y = compute("conv_transpose2d", np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.ones((1, 1, 2, 2)), stride=2)
    np.testing.assert_array_equal(y[0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])


@ways
def test_a_convolution_of_stride_2_goes_the_other_way(compute):
    y = compute("conv2d", np.arange(16.0).reshape(1, 4, 4), np.ones((1, 1, 2, 2)), stride=2)
    np.testing.assert_array_equal(y[0], [[0 + 1 + 4 + 5, 2 + 3 + 6 + 7], [8 + 9 + 12 + 13, 10 + 11 + 14 + 15]])


# 3. The blocks


def zeros(*shape):
    return tinyunet.tensor(np.zeros(shape, np.float32))


def test_a_conv_block_keeps_the_size():
    assert ConvBlock(3, 8, rng=0)(zeros(2, 3, 5, 7)).shape == (2, 8, 5, 7)
    layers = [type(layer).__name__ for _, layer in ConvBlock(3, 8, rng=0).named_children()]
    assert layers == ["Conv2d", "BatchNorm2d", "ReLU"] * 2


def test_an_encoder_block_returns_the_pooled_map_and_the_features_before_pooling():
    pooled, features = EncoderBlock(64, 128, rng=0)(zeros(1, 64, 64, 64))
    assert (features.shape, pooled.shape) == ((1, 128, 64, 64), (1, 128, 32, 32))
    pooled, features = EncoderBlock(1, 2, rng=0)(np.random.default_rng(0).standard_normal((1, 1, 4, 4), np.float32))
    np.testing.assert_array_equal(pooled, features.numpy().reshape(1, 2, 2, 2, 2, 2).max((3, 5)))


def test_a_decoder_block_keeps_the_channels_going_up_and_doubles_them_by_the_skip():
    block = DecoderBlock(512, 512, 256, rng=0)
    x, skip = zeros(1, 512, 8, 8), zeros(1, 512, 16, 16)
    up = block.up(x)
    assert up.shape == (1, 512, 16, 16)
    assert F.cat([up, skip], dim=1).shape == (1, 1024, 16, 16)
    assert block(x, skip).shape == (1, 256, 16, 16)


def test_the_upsampled_map_comes_first_and_the_skip_second():
    block = DecoderBlock(2, 3, 4, rng=0)
    rng = np.random.default_rng(0)
    x, skip = (rng.standard_normal(shape, np.float32) for shape in ((1, 2, 2, 2), (1, 3, 4, 4)))
    joined = F.cat([block.up(x), skip], dim=1)
    np.testing.assert_array_equal(block(x, skip), block.conv(joined))


# 4. The whole pass

TABLE = [
    ("input", (1, 3, 128, 128), None),
    ("enc1", (1, 64, 64, 64), (1, 64, 128, 128)),
    ("enc2", (1, 128, 32, 32), (1, 128, 64, 64)),
    ("enc3", (1, 256, 16, 16), (1, 256, 32, 32)),
    ("enc4", (1, 512, 8, 8), (1, 512, 16, 16)),
    ("bottleneck", (1, 512, 8, 8), None),
    ("dec4", (1, 256, 16, 16), (1, 512, 16, 16)),
    ("dec3", (1, 128, 32, 32), (1, 256, 32, 32)),
    ("dec2", (1, 64, 64, 64), (1, 128, 64, 64)),
    ("dec1", (1, 64, 128, 128), (1, 64, 128, 128)),
    ("output", (1, 3, 128, 128), None),
]


@pytest.fixture(scope="module")
def unet():
    return UNet(3, 3, rng=0)


def test_the_trace_of_a_128_by_128_image_is_the_table(unet):
    trace = unet.trace((1, 3, 128, 128))
    assert [(stage.name, stage.shape, stage.skip) for stage in trace] == TABLE
    notes = {stage.name: stage.note for stage in trace}
    assert notes["bottleneck"] == "64 positions, 512 features each"
    assert notes["output"] == "1×1 convolution"
    for k in range(1, 5):
        assert notes[f"dec{k}"] == f"uses skip{k}"
        assert f"skip{k} = {TABLE[k][2]}" in trace.table()


def test_the_parameters_are_14_789_059(unet):
    def conv_block(i, o):  # two 3×3 convolutions with bias, two batchnorms with scale and shift
        return (9 * i * o + o) + (9 * o * o + o) + 2 * (2 * o)

    down = sum(conv_block(i, o) for i, o in [(3, 64), (64, 128), (128, 256), (256, 512), (512, 512)])
    up = sum((4 * i * i + i) + conv_block(2 * i, o) for i, o in [(512, 256), (256, 128), (128, 64), (64, 64)])
    assert down + up + (64 * 3 + 3) == sum(p.numel() for p in unet.parameters()) == 14_789_059


@pytest.mark.torch
def test_a_pytorch_model_built_to_the_table_has_the_same_parameters_and_output(unet):
    import torch
    from torch import nn

    def conv_block(i, o):
        convolutions = [nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)]
        return nn.Sequential(*[layer for conv in convolutions for layer in (conv, nn.BatchNorm2d(o), nn.ReLU())])

    class TorchUNet(nn.Module):
        def __init__(self):
            super().__init__()
            channels = [3, 64, 128, 256, 512]
            self.down = nn.ModuleList(conv_block(i, o) for i, o in pairwise(channels))
            self.bottleneck = conv_block(512, 512)
            self.up, self.joined = nn.ModuleList(), nn.ModuleList()
            for i, o in [(512, 256), (256, 128), (128, 64), (64, 64)]:
                self.up.append(nn.ConvTranspose2d(i, i, 2, stride=2))
                self.joined.append(conv_block(2 * i, o))
            self.output = nn.Conv2d(64, 3, 1)

        def forward(self, x):
            skips = []
            for block in self.down:
                skips.append(block(x))
                x = nn.functional.max_pool2d(skips[-1], 2)
            x = self.bottleneck(x)
            for up, block in zip(self.up, self.joined, strict=True):
                x = block(torch.cat([up(x), skips.pop()], dim=1))
            return self.output(x)

    model = TorchUNet().eval()
    assert sum(p.numel() for p in model.parameters()) == 14_789_059

    # both list the layers of a block in the same order, and here are our blocks in theirs
    blocks = [f"encoder.levels.{k}.conv." for k in range(4)] + ["bottleneck."]
    blocks += [f"decoder.{k}.up." for k in range(4)] + [f"decoder.{k}.conv." for k in range(4)] + ["output."]
    state = unet.state_dict()
    values = [torch.tensor(state[key]) for block in blocks for key in state if key.startswith(block)]
    model.load_state_dict(dict(zip(model.state_dict(), values, strict=True)))
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.tensor(x)).numpy()
    unet.eval()
    np.testing.assert_allclose(unet(x), expected, rtol=0, atol=1e-4 * np.abs(expected).max())
