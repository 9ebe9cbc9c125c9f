"""Operations that move elements: against PyTorch, and gradients that add up where an element went to several places."""

import itertools

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinyunet
import tinyunet.functional as F
from tests.parity import agree
from tests.strategies import arrays, layouts, normal, seeds, shapes


@pytest.mark.torch
@given(st.permutations([2, 3, 4]), st.sampled_from([(4, 6), (24,), (2, -1), (-1,), (3, 1, 8), (1, 2, 3, 4)]), layouts)
def test_reshape_is_pytorchs(before, after, layout):
    x = normal(0, *before)
    agree(lambda F, x: x.reshape(after), x, layout=layout)
    agree(lambda F, x: x.reshape(*after), x, layout=layout)


@pytest.mark.torch
@given(arrays(), st.randoms(use_true_random=False), layouts)
def test_permute_and_transpose_are_pytorchs(x, random, layout):
    dims = random.sample(range(x.ndim), x.ndim)
    dims[0] -= x.ndim  # counted from the end
    agree(lambda F, x: x.permute(dims), x, layout=layout)
    agree(lambda F, x: x.permute(*dims), x, layout=layout)
    agree(lambda F, x: x.transpose(dims[0], dims[-1]), x, layout=layout)


@pytest.mark.torch
@given(shapes(least=0), shapes(least=0, most=2), seeds, st.data())
def test_expand_is_pytorchs(full, new, seed, data):
    shape = [data.draw(st.sampled_from([1, n])) for n in full]
    kept = [data.draw(st.sampled_from([n, -1])) if n == m else n for n, m in zip(full, shape, strict=True)]
    agree(lambda F, x: x.expand([*new, *kept]), normal(seed, *shape))
    agree(lambda F, x: x.expand(7, *new, *full), normal(seed, *shape))


@pytest.mark.torch
@given(shapes(), seeds, st.integers(1, 4), st.data(), layouts)
def test_cat_is_pytorchs(shape, seed, count, data, layout):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = [data.draw(st.integers(0, 3)) for _ in range(count)]
    parts = []
    for k, size in enumerate(sizes):
        own = list(shape)
        own[dim] = size
        parts.append(normal(seed + k, *own))
    agree(lambda F, *x: F.cat(x, dim=dim), *parts, layout=layout)


@pytest.mark.torch
@given(shapes(least=0, most=3), seeds, st.integers(1, 3), st.data(), layouts)
def test_stack_is_pytorchs(shape, seed, count, data, layout):
    dim = data.draw(st.integers(-len(shape) - 1, len(shape)))
    agree(lambda F, *x: F.stack(x, dim=dim), *[normal(seed + k, *shape) for k in range(count)], layout=layout)


@given(hnp.basic_indices((3, 4, 5), allow_newaxis=True), seeds)
def test_basic_indexing_sends_the_gradient_where_the_value_was(index, seed):
    """Also steps that are negative, which PyTorch does not have."""
    x = normal(seed, 3, 4, 5)
    picked = tinyunet.tensor(x, requires_grad=True)
    y = picked[index]
    np.testing.assert_array_equal(y, x[index])
    dy, dx = normal(seed + 1, *y.shape), np.zeros_like(x)
    dx[index] = dy
    y.backward(dy)
    np.testing.assert_array_equal(picked.grad, dx)


def nested(i):
    return tuple(map(nested, i)) if isinstance(i, list) else i


def as_tensor(i):
    return tinyunet.tensor(np.array(i))


NUMBERS = [int, np.int64, np.int8, np.array, as_tensor]  # the forms in which a number may stand in an index,
SEQUENCES = [  # and those of lists of integers or of truth values
    list,
    nested,
    np.array,
    as_tensor,
    lambda i: [np.array(k) for k in i],
    lambda i: tuple(as_tensor(k) for k in i),
    lambda i: list(np.array(i)),
]
integers = st.integers(-4, 3)
lists = st.lists(integers, min_size=2, max_size=2) | st.lists(integers, min_size=1, max_size=1)
truths = st.permutations([True, True, False, False])  # picks two
matrices = st.lists(lists, min_size=3, max_size=3).filter(lambda rows: len({*map(len, rows)}) == 1)
masks = st.lists(truths, min_size=4, max_size=4)  # of two dimensions
ends = st.none() | st.integers(-5, 5)
slices = st.builds(slice, ends, ends, st.sampled_from([None, 1, 2, -1, -2]))


@st.composite
def indices(draw):
    """An index into (4, 4, 4) in any of NumPy's forms, and the same with an array for whatever is one."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        i = draw(integers | slices | lists | truths | matrices | masks | st.sampled_from([None, True, [], range(2)]))
        if isinstance(i, list):
            parts.append((draw(st.sampled_from(SEQUENCES))(i), np.array(i, None if i else int)))
        elif type(i) is int:
            form = draw(st.sampled_from(NUMBERS))
            parts.append((form(i), np.array(i) if form in (np.array, as_tensor) else i))
        else:
            parts.append((i, np.array(i) if isinstance(i, range) else i))
    if draw(st.booleans()):
        parts.insert(draw(st.integers(0, len(parts))), (..., ...))
    index, plain = zip(*parts, strict=True)
    alone = len(index) == 1 and not isinstance(index[0], tuple) and draw(st.booleans())
    return index[0] if alone else index, plain


def picked(x, plain):
    """What NumPy picks; an index that it refuses is none of ours."""
    try:
        return x[plain]
    except IndexError:
        reject()


@settings(max_examples=200)
@given(indices(), seeds)
def test_every_form_of_index_picks_as_numpy_does_and_adds_up_the_gradient(index, seed):
    index, plain = index
    x = normal(seed, 4, 4, 4)
    leaf, expected = tinyunet.tensor(x, requires_grad=True), picked(x, plain)
    y = leaf[index]
    np.testing.assert_array_equal(y, expected)
    dy, dx = normal(seed + 1, *y.shape), np.zeros(x.size)
    for place, value in zip(np.ravel(np.arange(64).reshape(4, 4, 4)[plain]), dy.ravel(), strict=True):
        dx[place] += value
    y.backward(dy)
    np.testing.assert_allclose(leaf.grad, dx.reshape(4, 4, 4), atol=1e-12)


@pytest.mark.torch
@settings(max_examples=100)
@given(indices(), seeds)
def test_every_form_of_index_is_pytorchs_where_pytorch_has_it(index, seed):
    """It has no negative steps, and a number beside arrays is an array in NumPy, whose axes go elsewhere then."""
    import torch

    index, plain = index
    x = normal(seed, 4, 4, 4)
    expected = picked(x, plain)
    theirs = torch.tensor(x, requires_grad=True)
    try:
        y = theirs[tuple(torch.tensor(i) if isinstance(i, np.ndarray) else i for i in plain)]
    except (ValueError, IndexError):
        reject()
    if y.shape != np.shape(expected) or (y.detach().numpy() != expected).any():
        reject()
    dy, ours = normal(seed + 1, *y.shape), tinyunet.tensor(x, requires_grad=True)
    ours[index].backward(dy)
    y.backward(torch.tensor(dy))
    np.testing.assert_allclose(ours.grad, theirs.grad, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize(
    "index",
    [
        2,
        -1,
        (0, 1, 2),
        np.s_[1:],
        np.s_[::2, 1::3],
        np.s_[..., 1],
        np.s_[0, ..., None],
        np.s_[None, :, -2:],
        np.s_[:, None, 2, ...],
        [0, 2, 2],
        [-1, 2, 0, 2],
        ([0, 0, 1], [1, 1, 3]),
        np.s_[:, [3, 3, 0]],
        np.s_[:, [1, 1], 2:],
        np.array([[0, 1], [1, 1]]),
        np.s_[..., [4, 4]],
        True,
        (slice(None), np.array([True, False, True, True])),
        np.arange(60).reshape(3, 4, 5) % 7 < 3,
        np.zeros((3, 4), bool),
        np.s_[3:],
    ],
    ids=str,
)
def test_indexing_is_pytorchs(index):
    agree(lambda F, x: x[index], normal(0, 3, 4, 5))


def test_an_element_picked_twice_receives_both_gradients():
    x = tinyunet.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 2, 2]].backward([1, 10, 100])
    np.testing.assert_array_equal(x.grad, [1, 0, 110])


def test_an_index_changed_after_use_does_not_move_the_gradient():
    for wrapped in (lambda index: index, lambda index: (index,)):
        x, index = tinyunet.tensor([1.0, 2.0, 3.0], requires_grad=True), np.array([0, 1])
        y = x[wrapped(index)]
        index[:] = 2
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, [1, 1, 0])


@pytest.mark.torch
@given(arrays(), st.data(), st.sampled_from([None, 0.0, -1.5]), layouts)
def test_constant_padding_and_cropping_are_pytorchs(x, data, value, layout):
    widths = []
    for n in x.shape[::-1][: data.draw(st.integers(1, x.ndim))]:
        low = data.draw(st.integers(-n, 3))
        widths += [low, data.draw(st.integers(max(-n - low, -n), 3))]
    agree("pad", x, layout=layout, pad=widths, value=value)


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@given(arrays(least=2, most=5, smallest=2), st.data(), layouts)
def test_borders_made_of_the_input_are_pytorchs(mode, x, data, layout):
    dims = data.draw(st.sampled_from({2: [1], 3: [1, 2], 4: [2, 3], 5: [3]}[x.ndim]))  # as PyTorch has them
    widths = []
    for n in x.shape[::-1][:dims]:
        most = n - 1 if mode == "reflect" else n
        low = data.draw(st.integers(1 - n, most))
        left = n + min(low, 0)  # of what is circular, what is cropped goes round no more
        low, most = (min(low, left), left) if mode == "circular" else (low, most)
        high = data.draw(st.integers(1 - n - low if mode != "circular" else 0, most))
        widths += [low, high]
    agree("pad", x, layout=layout, pad=widths, mode=mode, value=0)


def test_a_circle_that_is_cropped_at_its_end_goes_round_without_it():
    np.testing.assert_array_equal(F.pad(np.arange(5.0), (1, -1), mode="circular"), [3, 0, 1, 2, 3])


@pytest.mark.parametrize(("mode", "widths"), [("reflect", (5, 0)), ("circular", (-2, 4)), ("replicate", (-3, -2))])
def test_a_border_of_more_than_there_is_is_refused(mode, widths):
    with pytest.raises(ValueError, match=rf"mode '{mode}' cannot make a border of .* from a dimension of 5"):
        F.pad(np.arange(5.0), widths, mode=mode)


@pytest.mark.torch
@given(
    shapes(least=0, most=2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), seeds, layouts
)
def test_pixels_and_channels_are_exchanged_as_pytorch_does(batch, r, C, H, W, seed, layout):
    agree("pixel_shuffle", normal(seed, *batch, C * r**2, H, W), layout=layout, upscale_factor=r)
    agree("pixel_unshuffle", normal(seed, *batch, C, r * H, r * W), layout=layout, downscale_factor=r)


def test_unshuffling_undoes_shuffling():
    x = normal(0, 2, 18, 4, 5)
    np.testing.assert_array_equal(F.pixel_unshuffle(F.pixel_shuffle(x, 3), 3), x)


def test_what_the_mirror_shows():
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(F.pad(x, (2, 2), mode="reflect"), [3, 2, 1, 2, 3, 2, 1])
    leaf = tinyunet.tensor(x, requires_grad=True)
    F.pad(leaf, (2, 2), mode="reflect").backward([1, 2, 4, 8, 16, 32, 64])
    np.testing.assert_array_equal(leaf.grad, [4 + 64, 2 + 8 + 32, 1 + 16])


@given(seeds)
def test_cat_puts_the_first_first_and_cuts_the_gradient_there(seed):
    up, skip = (tinyunet.tensor(normal(seed + k, 1, 2 + k, 3, 3), requires_grad=True) for k in range(2))
    y = F.cat([up, skip], dim=1)
    dy = normal(seed, *y.shape)
    y.backward(dy)
    for x, part in ((up, slice(0, 2)), (skip, slice(2, 5))):
        np.testing.assert_array_equal(y.numpy()[:, part], x)
        np.testing.assert_array_equal(x.grad, dy[:, part])


def test_a_tensor_of_integers_can_be_an_index():
    x = normal(0, 3, 4)
    rows = tinyunet.tensor(np.array([2, 0]))
    np.testing.assert_array_equal(F.getitem(x, rows), x[[2, 0]])
    np.testing.assert_array_equal(tinyunet.tensor(x)[rows, 1], x[[2, 0], 1])


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_permute_is_undone_by_its_inverse(order):
    x = normal(0, 2, 3, 4)
    np.testing.assert_array_equal(F.permute(F.permute(x, order), np.argsort(order).tolist()), x)


MUTANTS = {
    "ops.shape:getitem": [
        ("a repeated index keeps one gradient", "np.add.at(dx, parts, dy.astype(np.float64))", "dx[parts] = dy"),
    ],
    "ops.shape:_part_of_index": [
        (
            "only lists are arrays",
            "return np.array(i)",
            "return np.array(i) if isinstance(i, (list, np.ndarray)) else i",
        ),
        ("nothing is an array of floats", "and np.size(i) == 0", "and False"),
        ("an index may be changed after use", "return np.array(i)", "return np.asarray(i)"),
    ],
    "ops.shape:permute": [
        ("permute goes back by the same order", "np.argsort(order)", "order"),
    ],
    "ops.shape:pixel_shuffle": [
        ("rows and columns of the squares exchanged", "n + 3, n + 1, n + 4, n + 2", "n + 3, n + 2, n + 4, n + 1"),
        ("the squares lead the channels", "C // r**2, r, r, H, W)", "r, r, C // r**2, H, W)"),
    ],
    "ops.shape:pixel_unshuffle": [
        ("rows and columns of the squares exchanged", "n + 2, n + 4, n + 1, n + 3", "n + 4, n + 2, n + 1, n + 3"),
    ],
    "ops.shape:_pad_with_itself": [
        ("the mirror keeps one gradient", "np.add.at(dx, where, dy.astype(np.float64))", "dx[where] = dy"),
    ],
    "ops.shape:_source": [
        (
            "the mirror repeats the edge",
            "return n - 1 - np.abs(n - 1 - np.abs(i))",
            "return np.minimum(n - 1, np.abs(i))",
        ),
        ("what is cropped goes round", "kept[(i - kept[0]) % len(kept)]", "i % n"),
    ],
}
