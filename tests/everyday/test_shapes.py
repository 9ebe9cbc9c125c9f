"""Other shapes for the same elements: values and gradients are PyTorch's, as functions and as methods."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
from tests.parity import agree
from tests.strategies import arrays, layouts, normal
from tinyunet import tensor

PIECES = ("chunk", "split")


def call(name, *args, method):
    """The method of a Tensor, or the function in `tinyunet` and `torch`; pieces are put together in another order."""

    def function(F, x):
        import torch

        library = tinyunet if F is tinyunet.functional else torch
        y = getattr(x, name)(*args) if method else getattr(library, name)(x, *args)
        if name not in PIECES:
            return y
        assert isinstance(y, tuple)
        return library.cat([part.sum().reshape(1) * (i + 1) for i, part in enumerate(y)])

    return function


CASES = [
    ("flatten", ()),
    ("flatten", (1,)),
    ("flatten", (0, -2)),
    ("flatten", (-1, 2)),
    ("squeeze", ()),
    ("squeeze", (0,)),
    ("squeeze", (1,)),
    ("squeeze", ((0, -1),)),
    ("unsqueeze", (0,)),
    ("unsqueeze", (-1,)),
    ("unsqueeze", (2,)),
    ("unsqueeze", (-4,)),
    ("chunk", (2, 1)),
    ("chunk", (3, -2)),
    ("chunk", (7,)),
    ("split", (2, 1)),
    ("split", (3, -2)),
    ("split", ([1, 0, 3], 1)),
]


@pytest.mark.torch
@pytest.mark.parametrize(("name", "args"), CASES, ids=str)
@pytest.mark.parametrize("method", [True, False])
def test_functions_and_methods_are_pytorchs(name, args, method):
    agree(call(name, *args, method=method), normal(0, 1, 4, 3))
    if name == "squeeze" and args == ():
        agree(call(name, method=method), normal(0))
        agree(call(name, method=method), normal(0, 1, 1))
    if name == "flatten" and args == ():
        agree(call(name, method=method), normal(0))
    if name in PIECES and args[0] != [1, 0, 3]:
        agree(call(name, args[0], 0, method=method), normal(0, 5, 2))


@pytest.mark.torch
@given(arrays(least=0, most=3, smallest=0, largest=3), st.data(), layouts)
def test_repeat_is_pytorchs(x, data, layout):
    times = tuple(data.draw(st.lists(st.integers(0, 3), min_size=x.ndim, max_size=x.ndim + 2)))
    if times:
        agree(lambda F, x: x.repeat(*times), x, layout=layout)
        agree(lambda F, x: x.repeat(times), x, layout=layout)


@pytest.mark.torch
@given(arrays(least=1, most=3), st.data(), layouts)
def test_gather_is_pytorchs(x, data, layout):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    shape = [data.draw(st.integers(0, 5 if axis == dim % x.ndim else n)) for axis, n in enumerate(x.shape)]
    index = np.random.default_rng(len(shape)).integers(0, x.shape[dim], shape)
    agree(lambda F, x, i: x.gather(dim, i), x, index, layout=layout)


@pytest.mark.torch
def test_views_are_pytorchs():
    agree(lambda F, x: x.view(-1, 2).view((2, 3)).view_as(x[0].T) * 2, normal(0, 1, 3, 2))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x.flatten(1, 0), ValueError, "flatten: start_dim=1 stands after end_dim=0 in shape (2, 3)"),
        (lambda x: x.flatten(2), ValueError, "flatten: dim 2 is out of range"),
        (lambda x: x.squeeze(2), ValueError, "squeeze: dim 2 is out of range"),
        (lambda x: x.unsqueeze(3), ValueError, "unsqueeze: dim 3 is out of range"),
        (lambda x: x.repeat(2), ValueError, "repeat: (2,) must have a number for each dimension of shape (2, 3)"),
        (lambda x: x.split(0), ValueError, "split: pieces must have a size of at least 1, not 0"),
        (lambda x: x.split([1, 3]), ValueError, "split: sizes [1, 3] do not add up to 2, the size of dim 0"),
        (lambda x: x.split([3, -1]), ValueError, "split: sizes [3, -1] do not add up to 2"),
        (lambda x: x.chunk(0), ValueError, "chunk: at least 1 piece is needed, not 0"),
        (lambda x: x.gather(0, tensor([1.0])), TypeError, "gather: the index must be integers, not float32"),
        (
            lambda x: x.gather(0, np.array([1])),
            ValueError,
            "gather: an index of shape (1,) for an input of shape (2, 3)",
        ),
        (lambda x: x.gather(0, np.ones((1, 4), int)), ValueError, "gather: an index of shape (1, 4) for an input"),
        (lambda x: x.gather(0, np.full((1, 1), 2)), IndexError, "gather: indices from 2 to 2 along 2 elements"),
        (lambda x: x.view(4), ValueError, "reshape: shape (4,) is invalid for an input of shape (2, 3)"),
    ],
)
def test_what_does_not_fit_is_named(function, error, message):
    with pytest.raises(error) as raised:
        function(tensor(np.ones((2, 3))))
    assert message in str(raised.value)


MUTANTS = {
    "everyday.shapes:squeeze": [
        ("squeeze takes every dimension that is named", "if n != 1 or d not in dims", "if d not in dims"),
    ],
    "everyday.shapes:repeat": [
        ("repeat side by side and not each by itself", "for k in (1, n))", "for k in (n, 1))"),
    ],
    "everyday.shapes:chunk": [
        ("chunk: pieces rounded down", "-(-n // chunks)", "max(n // chunks, 1)"),
    ],
    "everyday.shapes:gather": [
        ("gather along the first dimension", "where[d] = picked", "where[0] = picked"),
    ],
}
