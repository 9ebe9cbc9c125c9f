"""Tensors from nothing: shapes, values and dtypes are PyTorch's; what is random is its seed."""

import numpy as np
import pytest

import tinyunet
from tinyunet import Tensor, nn, tensor

CALLS = [
    lambda t: t.zeros(2, 3),
    lambda t: t.zeros((2, 3), dtype=t.int64),
    lambda t: t.zeros([0]),
    lambda t: t.zeros(()),
    lambda t: t.ones(2, 3, dtype=t.float64, device="cpu", requires_grad=True),
    lambda t: t.ones(2, dtype=t.bool),
    lambda t: t.full((2, 3), 7),
    lambda t: t.full((2,), 0.5),
    lambda t: t.full((), True),
    lambda t: t.full((2,), 7, dtype=t.long, device=t.device("cpu")),
    lambda t: t.zeros_like(t.ones(2, dtype=t.float64)),
    lambda t: t.ones_like(t.zeros(2, 2, dtype=t.uint8)),
    lambda t: t.full_like(t.zeros(2), 3),
    lambda t: t.zeros_like(t.zeros(2), dtype=t.double),
    lambda t: t.arange(5),
    lambda t: t.arange(2, 5),
    lambda t: t.arange(5, 2, -2),
    lambda t: t.arange(0, 1, 0.1),
    lambda t: t.arange(3.0),
    lambda t: t.arange(3, dtype=t.float32),
    lambda t: t.arange(0),
    lambda t: t.linspace(0, 1, 11),
    lambda t: t.linspace(1e-4, 0.02, 300),
    lambda t: t.linspace(3, -2, 6, dtype=t.float64),
    lambda t: t.linspace(2, 5, 1),
    lambda t: t.from_numpy(np.arange(3)),
    lambda t: t.tensor([0.5], device=t.device("cpu")),
    lambda t: t.tensor([1, 2], dtype=t.long, device="cpu"),
    lambda t: t.as_tensor(np.ones(2)),
    lambda t: t.as_tensor(t.ones(2), dtype=t.int32),
]


@pytest.mark.torch
@pytest.mark.parametrize("call", CALLS)
def test_factories_are_pytorchs(call):
    import torch

    own, theirs = call(tinyunet), call(torch)
    assert isinstance(own, Tensor)
    assert f"torch.{own.dtype}" == str(theirs.dtype)
    assert own.requires_grad == theirs.requires_grad
    assert own.shape == tuple(theirs.shape)
    np.testing.assert_allclose(own, theirs.detach(), rtol=3e-7)


RANDOM = {
    "rand": lambda t, **kw: t.rand(200, 300, **kw),
    "randn": lambda t, **kw: t.randn((200, 300), **kw),
    "rand_like": lambda t, **kw: t.rand_like(t.zeros(200, 300), **kw),
    "randn_like": lambda t, **kw: t.randn_like(t.zeros(200, 300, dtype=t.float64), **kw),
    "randint": lambda t, **kw: t.randint(-3, 5, (200, 300), **kw),
    "randint of two": lambda t, **kw: t.randint(5, (200, 300), **kw),
    "randint of a size": lambda t, **kw: t.randint(5, size=(200, 300), **kw),
    "randint by names": lambda t, **kw: t.randint(low=1, high=9, size=(200, 300), **kw),
    "randperm": lambda t, **kw: t.randperm(60000, **kw).reshape(200, 300),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", RANDOM)
def test_random_numbers_have_pytorchs_distribution(name):
    import torch

    own, theirs = (RANDOM[name](library) for library in (tinyunet, torch))
    assert f"torch.{own.dtype}" == str(theirs.dtype)
    a, b = np.sort(own.numpy().ravel()), np.sort(theirs.numpy().ravel())
    np.testing.assert_allclose(a.mean(), b.mean(), atol=0.02 * (b.std() + 1))
    np.testing.assert_allclose(a.std(), b.std(), rtol=0.02)
    if name.startswith("randint"):
        np.testing.assert_array_equal(np.unique(a), np.unique(b))
    else:
        np.testing.assert_allclose(*(np.quantile(x, [0.1, 0.5, 0.9]) for x in (a, b)), atol=0.05 * b.std())


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_drawn_is_its_seed(name):
    def drawn(**settings):
        return RANDOM[name](tinyunet, **settings).numpy()

    np.testing.assert_array_equal(drawn(generator=3), drawn(generator=np.random.default_rng(3)))
    assert (drawn(generator=3) != drawn(generator=4)).any()
    assert (drawn() != drawn()).any()
    tinyunet.manual_seed(3)
    first, second = drawn(), drawn()
    tinyunet.manual_seed(3)
    np.testing.assert_array_equal(drawn(), first)
    np.testing.assert_array_equal(drawn(), second)


def test_one_seed_decides_all_that_has_none_of_its_own():
    def everything():
        tinyunet.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Conv2d(1, 1, 1))
        y = model[1](tinyunet.ones(100))
        loader = tinyunet.utils.data.DataLoader(range(10), shuffle=True)
        return [*model.state_dict().values(), y.numpy(), [int(x) for x in loader], tinyunet.randn(3).numpy()]

    for first, again in zip(everything(), everything(), strict=True):
        np.testing.assert_array_equal(first, again)


def test_a_tensor_that_is_one_already_is_not_copied():
    x = tinyunet.ones(2)
    assert tinyunet.as_tensor(x) is x
    array = np.ones(2)
    shared = tinyunet.from_numpy(array)
    array[0] = 5
    assert shared.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tinyunet.zeros(2.0), TypeError, "zeros: sizes must be integers, not (2.0,)"),
        (lambda: tinyunet.ones(2, -1), ValueError, "ones: sizes must not be negative, as in (2, -1)"),
        (lambda: tinyunet.randn(2, device="cuda"), ValueError, "there is no 'cuda'"),
        (lambda: tinyunet.zeros(2, requires_grad=True, dtype=tinyunet.int64), TypeError, "only floating point has a"),
        (lambda: tinyunet.tensor([1.0], device="cuda:0"), ValueError, "so there is no 'cuda:0'"),
        (lambda: tinyunet.arange(0, 3, 0), ValueError, "arange: steps of 0 do not lead from 0 to 3"),
        (lambda: tinyunet.arange(3, 0), ValueError, "arange: steps of 1 do not lead from 3 to 0"),
        (lambda: tinyunet.randint(3), TypeError, "randint: write randint(high, size) or randint(low, high, size)"),
        (lambda: tinyunet.randint(3, 3, (1,)), ValueError, "there is no integer from 3 on and below 3"),
        (lambda: tinyunet.from_numpy([1]), TypeError, "from_numpy: an array is needed, not list"),
        (
            lambda: tinyunet.device("cuda"),
            ValueError,
            "computes on the CPU alone, so there is no 'cuda'; write device(",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert message in str(raised.value)


def test_there_is_a_cpu_and_nothing_else():
    device = tinyunet.device("cuda" if tinyunet.cuda.is_available() else "cpu")
    assert (device.type, str(device), repr(device)) == ("cpu", "cpu", "device(type='cpu')")
    assert device == tinyunet.device(device) == tensor([1.0]).device
    assert len({device, tinyunet.device("cpu:0")}) == 1
    assert device != "cpu"
    assert not tinyunet.backends.mps.is_available()
    assert not tinyunet.accelerator.is_available()
    assert tinyunet.cuda.device_count() == 0
    tinyunet.cuda.manual_seed_all(0)
    tinyunet.backends.cudnn.deterministic = True


MUTANTS = {
    "everyday.factories:randint": [
        ("randint begins at 1", "low, high = (0, low)", "low, high = (1, low)"),
    ],
    "everyday.factories:arange": [
        ("integers become float32", "(np.int64 if of_integers else np.float32)", "np.float32"),
    ],
    "ops.randomness:generator": [
        ("manual_seed decides nothing", "_seeds.spawn(1)[0] if rng is None else rng", "rng"),
        ("every generator is the same", "_seeds.spawn(1)[0] if rng is None else rng", "0 if rng is None else rng"),
    ],
}
