"""What everyday PyTorch writes on a Tensor gives here what it gives there."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
from tests.parity import agree
from tests.strategies import arrays, layouts, normal, ties
from tinyunet import no_grad, tensor


def same(call, *arrays):
    """A constant result is PyTorch's, in value and dtype."""
    import torch

    own, theirs = call(tinyunet, *map(tensor, arrays)), call(torch, *map(torch.tensor, arrays))
    assert not own.requires_grad
    assert f"torch.{own.dtype}" == str(theirs.dtype)
    np.testing.assert_array_equal(own, theirs)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["argmax", "argmin", "any", "all"])
@given(arrays(largest=3), st.booleans(), st.data())
def test_positions_and_verdicts_are_pytorchs(name, x, keepdim, data):
    dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
    x = ties(x)
    same(lambda t, x: getattr(x, name)(), x[(0,) * x.ndim])
    same(lambda t, x: getattr(x, name)(), x)
    same(lambda t, x: getattr(t, name)(x, dim=dim, keepdim=keepdim), x)


@pytest.mark.torch
@pytest.mark.parametrize("symbol", [operator.and_, operator.or_, operator.xor])
@pytest.mark.parametrize("kinds", [(bool, bool), (np.int64, np.int64), (np.uint8, np.uint8), (bool, np.int64)])
def test_bitwise_operators_are_pytorchs(symbol, kinds):
    a, b = (np.array(x).astype(kind) for x, kind in zip(([[0, 1], [0, 1]], [1, 1]), kinds, strict=True))
    same(lambda t, a, b: symbol(a, b), a, b)
    same(lambda t, a: symbol(a, 1 if kinds[0] is not bool else True), a)
    same(lambda t, a: symbol(1 if kinds[0] is not bool else True, a), a)
    same(lambda t, a: ~a, a)
    np.testing.assert_array_equal(symbol(a, tensor(b)), symbol(a, b))


def test_bitwise_operators_refuse_what_has_no_bits():
    x, mask = tensor([1.0, 2.0]), tensor(np.array([True, False]))
    for call in (lambda: x & mask, lambda: mask | x, lambda: x ^ True, lambda: ~x):
        with pytest.raises(TypeError, match="truth values or integers are needed, not float32"):
            call()
    for other in (0.5, "a", None):
        with pytest.raises(TypeError):
            mask & other


@pytest.mark.torch
@pytest.mark.parametrize("value", [1.25, -3, True])
@pytest.mark.parametrize("spec", ["", ".3f", ">8", "+.1e", "d"])
def test_one_number_is_formatted_as_in_pytorch(value, spec):
    import torch

    texts = []
    for x in (tensor(np.array(value)), torch.tensor(value, dtype=torch.float64 if value == 1.25 else None)):
        try:
            texts.append(format(x, spec))
        except (ValueError, TypeError) as error:
            texts.append(type(error))
    assert texts[0] == texts[1]


def test_more_numbers_are_formatted_as_they_are_printed():
    x = tensor([1.0, 2.0])
    assert f"{x}" == str(x) == "tensor([1., 2.])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{x:.3f}"


@pytest.mark.torch
@pytest.mark.parametrize("value", [2, [2], [[3]], True, 2.0, [1, 2]])
def test_one_integer_is_an_index_as_in_pytorch(value):
    import torch

    array, results = np.array(value), []
    for x in (tensor(array), torch.tensor(value)):
        try:
            results.append(range(10)[x])
        except TypeError:
            results.append("refused")
    assert results[0] == results[1]


@pytest.mark.torch
def test_sizes_and_numbers_are_pytorchs():
    import torch

    x, reference = tensor(normal(0, 2, 3)), torch.zeros(2, 3)
    assert x.size() == tuple(reference.size())
    assert (x.size(0), x.size(-1), x.dim(), tinyunet.numel(x)) == (2, 3, 2, 6)
    assert tensor([[1.5, 2.0]]).tolist() == [[1.5, 2.0]]
    assert tensor(1.5).tolist() == 1.5
    with pytest.raises(ValueError, match="size: dim 2 is out of range"):
        x.size(2)


@pytest.mark.torch
@given(arrays(least=1), layouts)
def test_methods_with_a_gradient_are_pytorchs(x, layout):
    agree(lambda F, x: x.clone() * x.contiguous().cpu().to("cpu"), x, layout=layout)
    agree(lambda F, x: x.sin() + x.cos().mul(x).sub(1).div(2).add(x).neg() + x.clamp(0, 1), x, layout=layout)
    agree(lambda F, x: x.pow(2).cumprod(0).min() + x.view(-1).matmul(x.view(-1)), x, layout=layout)
    agree(lambda F, x: x.double() * 2, x, layout=layout)


@pytest.mark.torch
@pytest.mark.parametrize("settings", [{}, {"dim": 0}, {"dim": 1, "keepdim": True}, {"correction": 0}])
def test_std_is_pytorchs_also_where_all_are_equal(settings):
    agree(lambda F, x: x.std(**settings), np.where(np.arange(4) == 1, 3.0, normal(0, 3, 4)))
    agree(lambda F, x: x.std(**settings), np.ones((3, 4)))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["half", "float", "double", "int", "long", "bool"])
@pytest.mark.parametrize("array", [np.array([0.0, -1.5, 2.7]), np.array([0, 3, -2]), np.array([True, False])], ids=str)
def test_conversions_are_pytorchs(name, array):
    same(lambda t, x: getattr(x, name)(), array)
    same(lambda t, x: x.to(getattr(t, name)), array)
    same(lambda t, x: x.type(getattr(t, name)), array)
    same(lambda t, x: x.to(device="cpu", dtype=getattr(t, name), non_blocking=True), array)
    same(lambda t, x: x.to(t.zeros(1, dtype=getattr(t, name))), array)


def test_a_conversion_to_the_same_is_the_same():
    x = tensor([1.0], requires_grad=True)
    assert x.float() is x.to(np.float32) is x.to("cpu") is x.cpu() is x.contiguous() is x
    assert x.clone() is not x
    assert not x.long().requires_grad
    with pytest.raises(ValueError, match="there is no 'cuda'"):
        x.to("cuda")


@pytest.mark.torch
@pytest.mark.parametrize("name", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_comparisons_have_names_too(name):
    same(lambda t, x, y: getattr(x, name)(y), np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    same(lambda t, x: getattr(x, name)(2), np.array([1.0, 2.0, 3.0]))


IN_PLACE = [
    lambda t, x, y: x.add_(y),
    lambda t, x, y: x.add_(y, alpha=0.5).mul_(2),
    lambda t, x, y: x.sub_(y, alpha=3),
    lambda t, x, y: x.mul_(y).div_(3),
    lambda t, x, y: x.copy_(y[0]),
    lambda t, x, y: x.copy_(y.double()),
    lambda t, x, y: x.fill_(0.25),
    lambda t, x, y: x.zero_(),
    lambda t, x, y: x.clamp_(-0.5, 0.5),
    lambda t, x, y: x.clamp_(min=0),
    lambda t, x, y: x.lerp_(y, 0.1),
]


@pytest.mark.torch
@pytest.mark.parametrize("call", IN_PLACE)
def test_changes_in_place_are_pytorchs_where_nothing_is_recorded(call):
    import torch

    a, b = np.float32(normal(0, 2, 3)), np.float32(normal(1, 2, 3))
    results = []
    for library, array in ((tinyunet, tensor), (torch, torch.tensor)):
        x = array(a, requires_grad=True)
        with library.no_grad():
            assert call(library, x, array(b)) is x
        results.append(x)
    np.testing.assert_allclose(results[0], results[1].detach(), rtol=1e-6)
    assert results[0].dtype == np.float32
    assert results[0].requires_grad


def test_changes_in_place_never_hide_from_a_gradient():
    w, x = tensor([1.0, 2.0], requires_grad=True), tensor([1.0, 2.0])
    for call in (
        lambda: w.mul_(2),
        lambda: (w * 2).add_(1),
        lambda: x.add_(w),
        lambda: x.lerp_(x, w),
        lambda: w.zero_(),
    ):
        with pytest.raises(RuntimeError, match=r"_: not where a gradient is wanted; .* `with no_grad\(\):`"):
            call()
    assert (w.tolist(), x.tolist()) == ([1, 2], [1, 2])
    (w * w).sum().backward()
    w.grad.zero_()  # what every loop without an optimizer does
    assert w.grad.tolist() == [0, 0]
    y = (w * x).sum()
    with no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="was changed after mul had used it"):
        y.backward()
    with pytest.raises(ValueError, match=r"shape \(2, 2\) cannot replace those of shape \(2,\)"):
        x.add_(tensor(np.ones((2, 2))))


MUTANTS = {
    "everyday.methods:_in_place": [
        ("x.add_ loses a gradient", "if is_grad_enabled() and builtins.any(", "if False and builtins.any("),
        (
            "x.add_ makes a new Tensor",
            "        return self\n\n    return method",
            "        return self.clone()\n\n    return method",
        ),
    ],
    "everyday.methods:std": [
        ("std: nan where all are equal", "F.where(none, v, F.sqrt(F.where(none, 1.0, v)))", "F.sqrt(v)"),
    ],
    "everyday.methods:_format": [
        ("one number as it is printed", "if self.ndim == 0 else", "if self.ndim == 7 else"),
    ],
    "everyday.methods:_index": [
        (
            "a number is rounded to an index",
            'if self.dtype.kind not in "iub" or self.numel() != 1:',
            "if self.numel() != 1:",
        ),
    ],
    "everyday.methods:_IN_PLACE": [
        ("add_: alpha forgotten", "self + (other if alpha == 1 else other * alpha)", "self + other"),
        ("lerp_ from the other end", "self + (end - self) * weight", "end + (self - end) * weight"),
    ],
    "ops.elementwise:cast": [
        ("a cast stops the gradient", "x.astype(dtype), lambda dy: dy", "x.astype(dtype), lambda dy: dy * 0"),
    ],
}
