"""Matrix products, the linear layer, embedding and attention against PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree
from tests.strategies import layouts, normal, seeds, shapes

MATMUL = ["k,k", "mk,k", "k,kn", "mk,kn", "bmk,kn", "mk,bkn", "bmk,bkn", "bmk,k", "k,bkn", "abmk,bkn", "1bmk,a1kn"]


@pytest.mark.torch
@pytest.mark.parametrize("dims", MATMUL)
@given(st.fixed_dictionaries({d: st.integers(1, 4) for d in "abmkn"}), seeds, layouts)
def test_matmul_is_pytorchs(dims, sizes, seed, layout):
    a, b = (normal(seed + i, *[sizes.get(d, 1) for d in part]) for i, part in enumerate(dims.split(",")))
    agree(lambda F, a, b: a @ b, a, b, layout=layout)


@pytest.mark.torch
@given(shapes(least=0, most=3, smallest=0), st.integers(1, 4), st.integers(1, 4), st.booleans(), seeds, layouts)
def test_linear_is_pytorchs(batch, inside, out, with_bias, seed, layout):
    x, w, b = normal(seed, *batch, inside), normal(seed + 1, out, inside), normal(seed + 2, out)
    agree("linear", x, w, b if with_bias else None, layout=layout)


@pytest.mark.torch
@given(shapes(least=0, most=3, smallest=0), seeds, st.sampled_from([None, 0, 2, -1]))
def test_embedding_is_pytorchs(shape, seed, padding_idx):
    """Of three rows, most are looked up several times."""
    rows = np.random.default_rng(seed).integers(0, 3, shape)
    agree("embedding", rows, normal(seed, 3, 4), padding_idx=padding_idx)


def test_a_row_looked_up_twice_receives_both_gradients_and_the_padding_none():
    table = tinyunet.tensor(np.zeros((3, 1)), requires_grad=True)
    F.embedding(np.array([1, 2, 1]), table, padding_idx=2).backward([[1], [10], [100]])
    np.testing.assert_array_equal(table.grad, [[0], [101], [0]])


@st.composite
def attentions(draw):
    """query, key, value of one or several heads, and sizes that all differ."""
    batch = draw(shapes(least=0, most=2, largest=3))
    L, S, E, V = (draw(st.integers(1, 5)) for _ in range(4))
    seed = draw(seeds)
    return [normal(seed + k, *batch, *size) for k, size in enumerate([(L, E), (S, E), (S, V)])]


@pytest.mark.torch
@given(attentions(), st.sampled_from([None, 0.3]), st.booleans(), layouts)
def test_attention_is_pytorchs(qkv, scale, is_causal, layout):
    agree("scaled_dot_product_attention", *qkv, layout=layout, scale=scale, is_causal=is_causal)


@pytest.mark.torch
@given(attentions(), seeds, st.booleans())
def test_masked_attention_is_pytorchs(qkv, seed, boolean):
    mask = normal(seed, qkv[0].shape[-2], qkv[1].shape[-2])
    if boolean:
        mask = mask > 0
        mask[:, 0] = True  # a row of nothing has no softmax
    agree("scaled_dot_product_attention", *qkv, mask)


def test_without_a_difference_between_the_keys_attention_is_the_mean():
    v = normal(0, 5, 3)
    y = F.scaled_dot_product_attention(normal(1, 2, 4), np.ones((5, 4)), v).numpy()
    np.testing.assert_allclose(y, np.tile(v.mean(0), (2, 1)))


def test_causal_attention_does_not_see_the_future():
    q, k, v = normal(0, 3, 4, 2)
    first = F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()
    k[3], v[3] = 100, 100
    later = F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()
    np.testing.assert_array_equal(first[:3], later[:3])
    assert (first[3] != later[3]).all()


def test_dropout_in_attention_removes_and_scales_weights():
    q, k, v = np.zeros((4, 1)), np.zeros((2, 1)), np.eye(2)  # all weights ½, and the values show them
    weights = F.scaled_dot_product_attention(q, k, v, dropout_p=0.5, rng=0).numpy()
    assert set(weights.ravel()) == {0.0, 1.0}


MUTANTS = {
    "ops.linear:embedding": [
        (
            "embedding: a row looked up twice keeps one gradient",
            "np.add.at(dw, input, dy.astype(np.float64))",
            "dw[input] = dy",
        ),
    ],
    "ops.linear:scaled_dot_product_attention": [
        ("attention not scaled", "1 / math.sqrt(q.shape[-1] or 1)", "1.0"),
    ],
    "ops.linear:linear": [
        ("linear: bias gradient a mean", "total(rows, 0)", "rows.mean(0)"),
    ],
}
