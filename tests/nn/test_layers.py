"""Layers have PyTorch's names, shapes, first weights and results."""

import math

import numpy as np
import pytest

from tinyunet import nn, tensor

# name, positional arguments, keywords, shape of an input (None: indices)
LAYERS = [
    ("Conv2d", (4, 6, 3), {}, (2, 4, 6, 5)),
    ("Conv2d", (4, 6, (3, 2), 2, 1), {"dilation": (1, 2), "groups": 2, "bias": False}, (2, 4, 6, 5)),
    ("Conv2d", (2, 3, 3), {"padding": "same"}, (2, 6, 5)),
    ("ConvTranspose2d", (4, 6, 2), {"stride": 2}, (2, 4, 3, 5)),
    ("ConvTranspose2d", (4, 6, (3, 2), (2, 3), 1, (1, 2), 2, False, 2), {}, (2, 4, 3, 5)),
    ("Linear", (4, 3), {}, (2, 5, 4)),
    ("Linear", (4, 3, False), {}, (4,)),
    ("BatchNorm2d", (4,), {}, (2, 4, 3, 3)),
    ("BatchNorm2d", (4, 1e-2, 0.3), {}, (2, 4, 3, 3)),
    ("BatchNorm2d", (4,), {"affine": False, "momentum": None}, (2, 4, 3, 3)),
    ("GroupNorm", (2, 4), {}, (2, 4, 3, 3)),
    ("GroupNorm", (1, 4, 1e-2, False), {}, (2, 4)),
    ("Embedding", (5, 3), {}, None),
    ("Embedding", (5, 3, 2), {}, None),
    ("BatchNorm1d", (4,), {}, (5, 4)),
    ("BatchNorm1d", (4,), {"momentum": None}, (2, 4, 3)),
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ([3, 4], 1e-2), {"bias": False}, (2, 3, 4)),
    ("LayerNorm", ((4,),), {"elementwise_affine": False}, (2, 4)),
    ("ReLU", (), {}, (2, 3)),
    ("ReLU", (True,), {}, (2, 3)),
    ("LeakyReLU", (0.2, True), {}, (2, 3)),
    ("GELU", (), {}, (2, 3)),
    ("GELU", ("tanh",), {}, (2, 3)),
    ("Softmax", (1,), {}, (2, 3)),
    ("LogSoftmax", (0,), {}, (2, 3)),
    ("Identity", (54,), {"unused": 0.1}, (2, 3)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Flatten", (0, -2), {}, (2, 3, 4)),
    ("Upsample", (), {"scale_factor": 2}, (1, 2, 3, 4)),
    ("Upsample", (None, 1.7, "bilinear", False, True), {}, (1, 2, 3, 4)),
    ("Upsample", ((5, 3), None, "bilinear", True), {}, (1, 2, 3, 4)),
    ("Sigmoid", (), {}, (2, 3)),
    ("Tanh", (), {}, (2, 3)),
    ("SiLU", (), {"inplace": True}, (2, 3)),
    ("MaxPool2d", (2,), {}, (2, 3, 5, 4)),
    ("MaxPool2d", (3, 2, 1), {"ceil_mode": True, "dilation": 2}, (2, 3, 7, 8)),
    ("AvgPool2d", ((2, 3), 2), {}, (2, 3, 5, 4)),
    ("AvgPool2d", (3, 2, 1, True, False), {}, (2, 3, 6, 4)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 5)),
    ("PixelUnshuffle", (3,), {}, (2, 2, 6, 9)),
    ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 5, 4)),
    ("AdaptiveAvgPool2d", ((3, 2),), {}, (2, 3, 6, 4)),
]
layers = pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=[a[0] for a in LAYERS])


def pair_of(name, args, kwargs):
    """Our layer and PyTorch's, both float64."""
    import torch

    return getattr(nn, name)(*args, **kwargs).to(np.float64), getattr(torch.nn, name)(*args, **kwargs).double()


def input_of(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, (2, 3)) if shape is None else rng.standard_normal(shape)


@pytest.mark.torch
@layers
def test_layers_compute_and_learn_what_those_of_pytorch_do(name, args, kwargs, shape):
    import torch

    own, theirs = pair_of(name, args, kwargs)
    assert [(k, v.shape) for k, v in own.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
    own.load_state_dict(theirs.state_dict())
    for step in range(3):
        for mode in (True, False):
            own.train(mode)
            theirs.train(mode)
            x = input_of(shape, step)
            x = x if shape is None else x * (step + 1) + step  # every batch has its own mean and variance
            y, reference = own(x), theirs(torch.tensor(x))
            np.testing.assert_allclose(y, reference.detach(), rtol=1e-9, atol=1e-12)
            r = np.random.default_rng(step).standard_normal(y.shape)
            if list(own.parameters()):
                y.backward(r)
                reference.backward(torch.tensor(r))
    for p, q in zip(own.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-9, atol=1e-12)
    for key, value in theirs.state_dict().items():  # the running statistics
        np.testing.assert_allclose(own.state_dict()[key], value, rtol=1e-12, err_msg=key)


@pytest.mark.torch
@layers
def test_weights_move_to_pytorch_and_back(name, args, kwargs, shape):
    import torch

    own, theirs = pair_of(name, args, kwargs)
    first = own.state_dict()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in first.items()})
    other = getattr(nn, name)(*args, **kwargs).to(np.float64)
    other.load_state_dict(theirs.state_dict())
    for key, value in other.state_dict().items():
        np.testing.assert_array_equal(value, first[key])
        assert value.dtype == first[key].dtype


# First weights

UNIFORM = [
    (nn.Conv2d, (32, 64, 5), {"groups": 2}, 16 * 25),
    (nn.Conv2d, (48, 512, (3, 1)), {}, 48 * 3),
    (nn.ConvTranspose2d, (64, 32, 5), {"groups": 2}, 16 * 25),
    (nn.ConvTranspose2d, (128, 64, 2), {}, 64 * 4),
    (nn.Linear, (300, 200), {}, 300),
]


@pytest.mark.parametrize(("layer", "args", "kwargs", "fan_in"), UNIFORM)
def test_first_weights_are_uniform_up_to_one_over_root_fan_in(layer, args, kwargs, fan_in):
    made = layer(*args, **kwargs, rng=0)
    bound = 1 / math.sqrt(fan_in)
    w = made.weight.numpy().ravel()
    assert w.dtype == np.float32
    assert np.abs(w).max() <= np.float32(bound)
    assert np.abs(w).max() > 0.999 * bound
    assert np.abs(made.bias.numpy()).max() <= np.float32(bound)
    assert np.std(made.bias.numpy()) == pytest.approx(bound / math.sqrt(3), rel=0.3)
    deciles = np.quantile(w, np.linspace(0, 1, 11)) / bound
    np.testing.assert_allclose(deciles, np.linspace(-1, 1, 11), atol=0.03)
    assert abs(np.corrcoef(w[:-1], w[1:])[0, 1]) < 0.03


@pytest.mark.torch
@pytest.mark.parametrize(("layer", "args", "kwargs", "fan_in"), UNIFORM)
def test_first_weights_have_the_distribution_of_pytorch(layer, args, kwargs, fan_in):
    import torch

    torch.manual_seed(0)
    theirs = getattr(torch.nn, layer.__name__)(*args, **kwargs)
    for own, reference in zip(layer(*args, **kwargs, rng=0).parameters(), theirs.parameters(), strict=True):
        a, b = np.sort(own.numpy().ravel()), np.sort(reference.detach().numpy().ravel())
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.15)
        largest = np.abs(np.searchsorted(a, b) - np.arange(len(b))).max() / len(b)  # Kolmogorov and Smirnov's distance
        assert largest < 1.95 * math.sqrt(2 / len(b))  # one in a thousand is larger


def test_an_embedding_starts_normal_with_zeros_for_padding():
    w = nn.Embedding(200, 100, padding_idx=3, rng=0).weight.numpy()
    assert not w[3].any()
    assert np.mean(w) == pytest.approx(0, abs=0.03)
    assert np.std(w) == pytest.approx(1, abs=0.03)
    assert np.abs(w).max() > 3
    assert not nn.Embedding(5, 2, padding_idx=-1).weight.numpy()[-1].any()


@pytest.mark.parametrize("make", [lambda rng: nn.Conv2d(3, 4, 3, rng=rng), lambda rng: nn.Embedding(4, 3, rng=rng)])
def test_the_same_seed_gives_the_same_bits(make):
    def weights(rng):
        return make(rng).weight.numpy()

    np.testing.assert_array_equal(weights(7), weights(7))
    np.testing.assert_array_equal(weights(7), weights(np.random.default_rng(7)))
    assert (weights(7) != weights(8)).any()
    assert (weights(None) != weights(None)).any()
    generator = np.random.default_rng(7)
    assert (weights(generator) != weights(generator)).any()  # a Generator is drawn from, not copied


# Batchnorm and dropout, which know training from evaluation


def test_running_statistics_by_hand():
    bn = nn.BatchNorm2d(1, momentum=0.1)
    bn(np.array([0.0, 2.0, 4.0, 6.0], np.float32).reshape(1, 1, 2, 2))
    assert bn.running_mean.item() == pytest.approx(0.1 * 3)
    assert bn.running_var.item() == pytest.approx(0.9 + 0.1 * 20 / 3)  # unbiased: Σ(x − 3)² = 20 over 4 − 1
    assert bn.num_batches_tracked.item() == 1
    before = bn.state_dict()
    bn.eval()
    y = bn(np.full((1, 1, 1, 1), 5.0, np.float32))
    assert y.item() == pytest.approx((5 - 0.3) / math.sqrt(0.9 + 2 / 3 + 1e-5))
    for key, value in bn.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_momentum_none_averages_all_batches():
    bn, rng = nn.BatchNorm2d(2, momentum=None), np.random.default_rng(0)
    batches = rng.standard_normal((5, 3, 2, 4, 4), np.float32)
    for x in batches:
        bn(x)
    np.testing.assert_allclose(bn.running_mean, batches.mean(axis=(0, 1, 3, 4)), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(bn.running_var, batches.var(axis=(1, 3, 4), ddof=1).mean(axis=0), rtol=1e-5)


def test_statistics_are_constants_of_the_graph():
    bn = nn.BatchNorm2d(2)
    assert [name for name, _ in bn.named_parameters()] == ["weight", "bias"]
    x = tensor(np.random.default_rng(0).standard_normal((2, 2, 3, 3), np.float32), requires_grad=True)
    first, second = bn(x).sum(), (bn(x) * 2.0).sum()  # the second batch does not disturb the first one's graph
    (first + second).backward()
    assert not bn.running_mean.requires_grad
    assert bn.running_mean.grad is None


def test_dropout_in_training_and_evaluation():
    x = tensor(np.ones((100, 100)), requires_grad=True)
    layer = nn.Dropout(0.25, rng=0)
    y = layer(x)
    kept = y.numpy() != 0
    assert kept.mean() == pytest.approx(0.75, abs=0.02)
    np.testing.assert_allclose(y.numpy()[kept], 1 / 0.75)
    y.backward(np.full(x.shape, 3.0))
    np.testing.assert_allclose(x.grad, 3 * y.numpy())
    assert (layer(x).numpy() != y.numpy()).any()
    np.testing.assert_array_equal(nn.Dropout(0.25, rng=0)(x), y)
    np.testing.assert_array_equal(layer.eval()(x), x)
    np.testing.assert_array_equal(nn.Dropout(0.0)(x), x)
    assert not nn.Dropout(1.0)(x).numpy().any()


# What they show and refuse


def test_repr_shows_the_settings():
    for layer, text in (
        (
            nn.Conv2d(2, 4, (3, 1), padding="same", groups=2),
            "Conv2d(2, 4, kernel_size=(3, 1), padding='same', groups=2)",
        ),
        (nn.ConvTranspose2d(2, 4, 2, stride=2), "ConvTranspose2d(2, 4, kernel_size=(2, 2), stride=2)"),
        (nn.Linear(2, 3), "Linear(2, 3)"),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4)"),
        (nn.Embedding(5, 3), "Embedding(5, 3)"),
        (nn.MaxPool2d(2), "MaxPool2d(kernel_size=2)"),
        (nn.Dropout(0.1), "Dropout(p=0.1)"),
        (nn.ReLU(), "ReLU()"),
    ):
        assert repr(layer) == text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Conv2d(0, 4, 3), ValueError, "Conv2d: 0 input and 4 output channels must be positive"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "both divisible by groups=2"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "both divisible by groups=2"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), ValueError, "must be positive"),
        (lambda: nn.Conv2d(3, 4, 0), ValueError, "Conv2d: kernel_size must be at least 1, not 0"),
        (lambda: nn.Conv2d(3, 4, 2.5), TypeError, "Conv2d: kernel_size must be an integer or a pair"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), TypeError, "kernel_size must be an integer or a pair"),
        (lambda: nn.ConvTranspose2d(4, -1, 2), ValueError, "ConvTranspose2d: 4 input and -1 output"),
        (lambda: nn.ConvTranspose2d(4, 4, (2, 0)), ValueError, r"kernel_size must be at least 1, not \(2, 0\)"),
        (lambda: nn.Linear(0, 3), ValueError, "Linear: features must be positive, not 0 and 3"),
        (lambda: nn.Embedding(0, 3), ValueError, "Embedding: sizes must be positive, not 0 and 3"),
        (lambda: nn.Embedding(4, 3, padding_idx=4), ValueError, "padding_idx=4 is none of the 4 rows"),
        (lambda: nn.Embedding(4, 3, padding_idx=-5), ValueError, "padding_idx=-5 is none of the 4 rows"),
        (lambda: nn.BatchNorm2d(0), ValueError, "BatchNorm2d: num_features must be positive, not 0"),
        (lambda: nn.BatchNorm2d(2)(np.ones((2, 2))), ValueError, r"input must be \(N, C, H, W\), not \(2, 2\)"),
        (lambda: nn.BatchNorm2d(2)(np.ones((2, 3, 1, 1))), ValueError, "for 3 channels"),
        (lambda: nn.BatchNorm2d(2)(np.ones((1, 2, 1, 1), np.float32)), ValueError, "more than one value per channel"),
        (lambda: nn.GroupNorm(3, 4), ValueError, "GroupNorm: 3 groups do not divide 4 channels"),
        (lambda: nn.GroupNorm(0, 4), ValueError, "0 groups do not divide"),
        (lambda: nn.Dropout(1.5), ValueError, "Dropout: the probability p must be between 0 and 1, not 1.5"),
        (lambda: nn.Dropout(math.nan), ValueError, "must be between 0 and 1, not nan"),
        (
            lambda: nn.Conv2d(3, 4, 3)(np.ones((1, 2, 5, 5))),
            ValueError,
            r"2 channels but weight \(4, 3, 3, 3\) expects 3",
        ),
        (
            lambda: nn.AdaptiveAvgPool2d((2, 3))(np.ones((1, 1, 4, 4))),
            ValueError,
            r"AdaptiveAvgPool2d: 4×4 cannot be divided into 2×3 equal parts",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


MUTANTS = {
    "nn.layers:ConvTranspose2d.__init__": [
        (
            "transposed convolution: fan-in of the input channels",
            "fan_in = out_channels // groups * kh * kw",
            "fan_in = in_channels * kh * kw",
        ),
    ],
}
