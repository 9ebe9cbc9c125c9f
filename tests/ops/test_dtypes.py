"""Which dtype a result has, which mixtures are refused, and float16: as in PyTorch."""

import itertools
import operator

import numpy as np
import pytest

import tinyunet
import tinyunet.functional as F
from tests.parity import Torch, agree, constant
from tests.strategies import normal
from tinyunet.ops.dtypes import result_dtype
from tinyunet.unet import UNet

DTYPES = [bool, "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
OPERATORS = ["add", "sub", "mul", "truediv", "pow", "eq", "lt"]
NUMBERS = [True, 2, 2.5]
OPERANDS = [*itertools.product([(2,), ()], map(np.dtype, DTYPES)), *NUMBERS]
PAIRS = [pair for pair in itertools.product(OPERANDS, repeat=2) if not all(x in NUMBERS for x in pair)]


def _dtype(compute):
    """The name of the dtype that comes out, or that it is refused."""
    try:
        return str(compute().dtype).removeprefix("torch.")
    except (TypeError, RuntimeError, NotImplementedError, ValueError):
        return "refused"


def _operand(make, spec):
    return spec if spec in NUMBERS else make(np.ones(*spec))


@pytest.mark.torch
@pytest.mark.parametrize("name", OPERATORS)
def test_operands_of_any_two_dtypes_meet_where_they_do_in_pytorch(name):
    """Arrays, 0-d ones among them, as Tensors and as arrays of NumPy; and Python's numbers."""
    import torch

    operation = getattr(operator, name)
    for k, (a, b) in enumerate(PAIRS):
        if name == "pow" and b is True:
            continue  # PyTorch takes it for 1, and refuses a Tensor of it
        theirs = _dtype(lambda a=a, b=b: operation(*(_operand(torch.tensor, x) for x in (a, b))))
        makes = [[tinyunet.tensor, np.array], [np.array, tinyunet.tensor], [tinyunet.tensor] * 2][k % 3]
        if a in NUMBERS or b in NUMBERS:
            makes = [tinyunet.tensor] * 2
        ours = [_operand(make, x) for make, x in zip(makes, (a, b), strict=True)]
        assert _dtype(lambda ours=ours: operation(*ours)) == theirs, f"{a} {name} {b}"


@pytest.mark.torch
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow"])
def test_arrays_meet_like_tensors(name):
    import torch

    for a, b in itertools.product(DTYPES, repeat=2):
        arrays = [np.ones(2, dtype) for dtype in (a, b)]
        theirs = _dtype(lambda arrays=arrays: getattr(torch, name)(*map(torch.tensor, arrays)))
        assert _dtype(lambda arrays=arrays: getattr(F, name)(*arrays)) == theirs, f"{name} of {a} and {b}"


@pytest.mark.torch
@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "sigmoid", "tanh"])
def test_functions_of_integers_are_float32(name):
    import torch

    for dtype in DTYPES:
        x = np.ones(2, dtype)
        ours, theirs = getattr(F, name)(x), getattr(torch, name)(torch.tensor(x))
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


# Two arrays of two numbers each, of any two dtypes: what comes out in PyTorch, and where it refuses.
TWO = {
    "cat": lambda F, a, b: F.cat([a, b]),
    "stack": lambda F, a, b: F.stack([a, b]),
    "mse_loss": lambda F, a, b: F.mse_loss(a, b),
    "where": lambda F, a, b: F.where(a > 0, a, b),
    "matmul": lambda F, a, b: F.matmul(a, b),
    "linear": lambda F, a, b: F.linear(a.reshape(1, 2), b.reshape(1, 2)),
    "bias of linear": lambda F, a, b: F.linear(a.reshape(2, 1), a.reshape(2, 1), b),
    "conv2d": lambda F, a, b: F.conv2d(a.reshape(1, 2, 1, 1), b.reshape(1, 2, 1, 1)),
    "bias of conv2d": lambda F, a, b: F.conv2d(a.reshape(1, 2, 1, 1), a.reshape(2, 1, 1, 1), b, groups=2),
    "batch_norm": lambda F, a, b: F.batch_norm(a.reshape(1, 2, 1), b, b, training=False),
    "weight of batch_norm": lambda F, a, b: F.batch_norm(a.reshape(2, 1), None, None, b[:1], None, training=True),
    "group_norm": lambda F, a, b: F.group_norm(a.reshape(1, 2, 1), 1, b, None),
    "layer_norm": lambda F, a, b: F.layer_norm(a, (2,), b),
    "attention": lambda F, a, b: F.scaled_dot_product_attention(*(x.reshape(1, 2) for x in (a, b, b))),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", TWO)
def test_what_meets_and_what_is_refused_is_pytorchs(name):
    import torch

    for a, b in itertools.product(DTYPES, repeat=2):
        x, y = np.ones(2, a), np.ones(2, b)
        theirs = _dtype(lambda x=x, y=y: TWO[name](Torch(), torch.tensor(x), torch.tensor(y)))
        ours = _dtype(lambda x=x, y=y: TWO[name](F, tinyunet.tensor(x), y))
        assert ours == theirs, f"{name} of {a} and {b}"


@pytest.mark.torch
@pytest.mark.parametrize("name", ["l1_loss", "binary_cross_entropy_with_logits", "cross_entropy"])
def test_losses_meet_a_target_of_any_floating_dtype_as_in_pytorch(name):
    """(But a mean of float32 and float16 is float16 in one of PyTorch's.)"""
    import torch

    for a, b in itertools.product(["float16", "float32", "float64"], repeat=2):
        if name.startswith("binary") and b < a:
            continue
        x, y = np.ones((1, 2), a), np.ones((1, 2), b)
        theirs = getattr(torch.nn.functional, name)(torch.tensor(x), torch.tensor(y))
        assert str(theirs.dtype) == f"torch.{getattr(F, name)(x, y).dtype}", f"{name} of {a} and {b}"


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "binary_cross_entropy_with_logits", "dice_loss"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_masks_of_any_dtype_are_numbers_to_a_loss(name, dtype):
    x, mask, w = normal(0, 1, 2, 3).astype(np.float32), np.array([[[0, 1, 1], [1, 0, 0]]], dtype), np.array([2, 3])
    settings = {"weight": w if name == "dice_loss" else np.full(x.shape, 2)}
    ours = getattr(F, name)(x, mask, **settings)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, getattr(F, name)(x, mask.astype(np.float32), **settings))


def test_what_a_dtype_is_compared_in():
    large = np.array([(1 << 24) + 1])  # the next number in float32 is 1 away
    assert (tinyunet.tensor(large) == np.float32([1 << 24])).numpy().all()
    assert (tinyunet.tensor([0.1]) == np.float64(0.1)).numpy().all()
    assert (np.array([0.1], np.float32) == tinyunet.tensor(np.array(0.1))).numpy().all()
    assert not (tinyunet.tensor(np.uint8([44])) == 300).numpy().any()


@pytest.mark.torch
@pytest.mark.parametrize("bounds", [(0, 1), (0.5, None), (None, 2)])
def test_bounds_are_operands_of_clamp(bounds):
    import torch

    for dtype in DTYPES[1:]:
        ours, theirs = F.clamp(np.ones(2, dtype), *bounds), torch.clamp(torch.tensor(np.ones(2, dtype)), *bounds)
        assert str(theirs.dtype) == f"torch.{ours.dtype}"
        np.testing.assert_array_equal(ours, theirs)


def test_integers_wrap_around():
    assert (tinyunet.tensor(np.uint8([200])) + 300).item() == (200 + 300) % 256


def test_the_dtype_of_numbers_alone():
    assert [result_dtype(*x) for x in ([True], [1, True], [1, 0.5])] == [bool, np.int64, np.float32]


@pytest.mark.parametrize("layer", ["conv2d", "linear"])
def test_a_refusal_names_both_dtypes_and_what_to_write(layer):
    x, w = (np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1), np.float32)) if layer == "conv2d" else (np.ones((1, 1)),) * 2
    w = w.astype(np.float32)
    message = (
        f"{layer}: input is float64 but weight is float32; both must be of one dtype: "
        r"convert the data with x.astype\(np.float32\), or the model with model.to\(np.float64\)"
    )
    with pytest.raises(TypeError, match=message):
        getattr(F, layer)(x, w)
    getattr(F, layer)(x.astype(np.float32), w)
    getattr(F, layer)(x, w.astype(np.float64))


# ---- float16

IMAGE = normal(0, 2, 4, 6, 6)
HALF = {
    "add": ("add", [normal(0, 300, 300), normal(1, 300)], {}),
    "mul": ("mul", [normal(0, 300, 300), normal(1, 300)], {}),
    "pow": (lambda F, x: x**2.5, [np.abs(normal(0, 50)) + 0.1], {}),
    "sum": (lambda F, x: x.sum(0), [normal(0, 70000, 2)], {}),
    "mean": (lambda F, x: x.mean(), [1 + normal(0, 300, 300)], {}),
    "mean of a dimension": (lambda F, x: x.mean(1), [10 + normal(0, 2, 70000)], {}),
    "var": (lambda F, x: x.var(), [200 + normal(0, 300, 300)], {}),
    "softmax": ("softmax", [normal(0, 2, 70000)], {"dim": 1}),
    "log_softmax": ("log_softmax", [normal(0, 2, 70000)], {"dim": 1}),
    "sigmoid": ("sigmoid", [5 * normal(0, 100)], {}),
    "silu": ("silu", [5 * normal(0, 100)], {}),
    "tanh": ("tanh", [5 * normal(0, 100)], {}),
    "matmul": ("matmul", [normal(0, 3, 5000), normal(1, 5000, 2)], {}),
    "linear": ("linear", [normal(0, 70000, 3), normal(1, 2, 3), normal(2, 2)], {}),
    "conv2d": ("conv2d", [IMAGE, normal(1, 4, 2, 3, 3), normal(2, 4)], {"padding": 1, "groups": 2}),
    "conv_transpose2d": ("conv_transpose2d", [IMAGE, normal(1, 4, 2, 2, 2), normal(2, 2)], {"stride": 2}),
    "max_pool2d": ("max_pool2d", [IMAGE], {"kernel_size": 3, "stride": 1}),
    "avg_pool2d": ("avg_pool2d", [2000 + IMAGE], {"kernel_size": 6}),
    "interpolate": ("interpolate", [IMAGE], {"scale_factor": 2, "mode": "bilinear"}),
    "unfold": ("unfold", [IMAGE], {"kernel_size": 3}),
    "group_norm": (lambda F, x, w, b: F.group_norm(x, 2, w, b), [1 + IMAGE, normal(1, 4), normal(2, 4)], {}),
    "batch_norm": (
        lambda F, x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        [100 + normal(0, 9, 2, 100, 100), normal(1, 2), normal(2, 2)],
        {},
    ),
    "layer_norm": (lambda F, x, w: F.layer_norm(x, (6, 6), w), [300 * IMAGE, normal(1, 6, 6)], {}),
    "gelu": ("gelu", [normal(0, 100)], {}),
    "mse_loss": ("mse_loss", [1 + normal(0, 300, 300), normal(1, 300, 300)], {}),
    "l1_loss": ("l1_loss", [1 + normal(0, 300, 300), normal(1, 300, 300)], {}),
    "binary_cross_entropy_with_logits": (
        "binary_cross_entropy_with_logits",
        [normal(0, 300, 300), np.abs(np.sin(normal(1, 300, 300)))],
        {},
    ),
    "attention": ("scaled_dot_product_attention", [normal(k, 2, 30, 8) for k in range(3)], {}),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", HALF)
def test_float16_is_pytorchs(name):
    """A float16 of up to 65504 holds neither these sums nor these numbers of elements."""
    operation, arrays, settings = HALF[name]
    agree(operation, *arrays, dtypes=[np.float16], **settings)


@pytest.mark.parametrize("weight", [None, np.array([0.5, 1, 2])])
def test_cross_entropy_of_float16_is_that_of_float32_rounded(weight):
    """PyTorch's is nan: it counts the pixels in float16."""
    target, x = np.random.default_rng(0).integers(0, 3, (2, 200, 200)), normal(0, 2, 3, 200, 200).astype(np.float16)
    ours, exact = (tinyunet.tensor(x, dtype, requires_grad=True) for dtype in (np.float16, np.float32))
    for leaf in (ours, exact):
        loss = F.cross_entropy(leaf, target, weight)
        assert loss.dtype == leaf.dtype
        loss.backward(np.array(2048))
    np.testing.assert_array_equal(ours.grad, exact.grad.numpy().astype(np.float16))


@pytest.mark.torch
def test_statistics_of_float16_are_pytorchs():
    def statistics(F, x):
        mean, var = (constant(F, np.linspace(1, 2, 2), x) for _ in range(2))
        return F.batch_norm(x, mean, var, training=True), mean, var

    agree(statistics, 100 + normal(0, 9, 2, 100, 100), dtypes=[np.float16])


def test_a_float16_image_may_have_float32_statistics():
    x, vector = normal(0, 3, 2, 4, 4).astype(np.float16), np.ones(2, np.float32)
    for y in (F.batch_norm(x, vector, vector, vector, vector), F.group_norm(x, 2, vector, vector)):
        assert y.dtype == np.float16


def test_a_network_in_float16_is_that_in_float32_rounded():
    x = normal(0, 2, 1, 192, 192)
    wide, half = (UNet(1, 1, channels=(4, 8), rng=0).to(dtype) for dtype in (np.float32, np.float16))
    expected, y = wide(x.astype(np.float32)), half(x.astype(np.float16))
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, expected, atol=0.02)
    y.mean().backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in half.parameters())


MUTANTS = {
    "ops.dtypes:_deciding": [
        ("numbers decide like arrays", "rank == max(ranks)", "rank[0] == max(ranks)[0]"),
        (
            "0-d arrays decide like others",
            "for dtype, rank in operands]",
            "for dtype, rank in [(d, min(r * 2, 2)) for d, r in operands]]",
        ),
        (
            "0-d arrays decide no more than numbers",
            "for dtype, rank in operands]",
            "for dtype, rank in [(d, r // 2) for d, r in operands]]",
        ),
    ],
    "ops.dtypes:_of": [("numbers are float64", "np.float32", "np.float64")],
    "ops.dtypes:KINDS": [("unsigned integers are more than signed ones", '"u": 1', '"u": 1.5')],
    "ops.dtypes:floating": [("functions of integers in float64", "np.float32", "np.float64")],
    "ops.dtypes:check_same_dtype": [
        ("only the second argument", "for other, y in others:", "for other, y in others[:1]:"),
        ("truth values are numbers", "    check_numbers(name, x)\n", ""),
    ],
    "ops.dtypes:in_float32": [
        (
            "float16: computed as it is",
            "if not any(isinstance(x, np.ndarray)",
            "if True or any(isinstance(x, np.ndarray)",
        ),
        ("float16: the result is not rounded", "value = value.astype(np.float16)", "pass"),
    ],
    "ops.elementwise:div": [("the quotient of integers in float64", "map(floating, ", "map(np.asarray, ")],
    "ops.elementwise:sub": [("truth values are subtracted", 'check_numbers("sub", np.asarray(x))', "pass")],
    "ops.choose:clamp": [("clamp: bounds do not count", "*(bound for bound in (min, max) if bound is not None)", "")],
    "ops.norm:layer_norm": [
        ("layer norm of float16 squares in float16", "half = x.dtype == np.float16", "half = False")
    ],
    "ops.shape:_cat": [("cat: NumPy's dtype", "promoted(*tensors)", "list(tensors)")],
    "ops.loss:_meeting": [("losses: NumPy's dtype", "promoted(input, target)", "(input, target)")],
    "ops.methods:_compared": [
        (
            "compared in NumPy's dtype",
            "promoted(*plain) if",
            "plain if",
        ),
    ],
    "ops.norm:_check_dtype": [
        ("float16 with float32 refused", "and (x.dtype, value.dtype) != (np.float16, np.float32):", ":")
    ],
}
