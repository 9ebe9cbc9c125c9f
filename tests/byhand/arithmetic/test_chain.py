"""Operations one after the other: PyTorch's values and gradients, through all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import normal, seeds
from tinyunet import byhand

torch = pytest.importorskip("torch")
F = torch.nn.functional


@st.composite
def chains(draw):
    """Explanations one after the other, what PyTorch does in each step, and the arrays that have gradients."""
    rng = np.random.default_rng(draw(seeds))
    channels = int(rng.integers(1, 3))
    x = rng.standard_normal((2, channels, 5, 6)) if draw(st.booleans()) else rng.standard_normal((channels, 6, 5))
    steps, calls, arrays = [], [], [x]
    y = x

    def step(explanation, call, *weights):
        nonlocal y
        y = explanation(y, *weights)
        steps.append(y)
        calls.append((call, len(weights)))
        arrays.extend(weights)

    for kind in draw(st.lists(st.sampled_from(["conv2d", "relu", "max_pool2d", "avg_pool2d", "up"]), max_size=3)):
        shape = np.shape(y)
        if kind == "conv2d":
            w = rng.standard_normal((2, shape[-3], 2, 2))
            step(
                lambda a, w, b: byhand.conv2d(a, w, b, padding=1),
                lambda a, w, b: F.conv2d(a, w, b, padding=1),
                w,
                rng.standard_normal(2),
            )
        elif kind == "relu":
            step(byhand.relu, F.relu)
        elif kind == "up":
            w = rng.standard_normal((shape[-3], 2, 2, 2))
            step(
                lambda a, w: byhand.conv_transpose2d(a, w, stride=2), lambda a, w: F.conv_transpose2d(a, w, stride=2), w
            )
        elif min(shape[-2:]) > 1:
            step(lambda a, kind=kind: getattr(byhand, kind)(a, 2), lambda a, kind=kind: getattr(F, kind)(a, 2))
    if draw(st.booleans()) or not steps:
        step(byhand.flatten, lambda a: a.flatten(1 if a.ndim == 4 else 0))
        w = rng.standard_normal((3, np.shape(y)[-1]))
        step(byhand.linear, F.linear, w, rng.standard_normal(3))
        if draw(st.booleans()):
            step(byhand.softmax, lambda a: F.softmax(a, -1))
    return steps, calls, arrays


@given(chains(), seeds)
def test_values_and_gradients_are_those_of_pytorch(drawn, seed):
    steps, calls, arrays = drawn
    chain = byhand.chain(steps[-1])
    assert list(chain) == steps
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, weights, inputs = leaves[0], iter(leaves[1:]), []
    for (call, count), step in zip(calls, steps, strict=True):
        inputs.append([y, *(next(weights) for _ in range(count))])
        y = call(*inputs[-1])
        y.retain_grad()
        np.testing.assert_allclose(step.result, y.detach().numpy(), atol=1e-12)
    dy = normal(seed, *y.shape)
    y.backward(torch.tensor(dy))
    back = chain.back(dy)
    assert list(back)[: len(steps)] == steps
    gradients = {(step.operation, step.what): step for step in list(back)[len(steps) :]}
    for step, given_ in zip(steps, inputs, strict=True):
        for name, leaf in zip(step.operation.leaves, given_, strict=False):
            of = gradients.pop((step.operation, f"d{name}"))
            np.testing.assert_allclose(of.result, leaf.grad.numpy(), atol=1e-10)
            index = tuple(np.random.default_rng(seed).integers(0, n) for n in of.result.shape)
            np.testing.assert_allclose(of.at(*index).value, leaf.grad.numpy()[index], atol=1e-10)
    assert gradients == {}
    assert list(back)[-1].what == "dx"


def test_a_chain_knows_where_everything_comes_from():
    y = byhand.conv2d([[1, 2, 0], [3, 4, 1]], [[1, -1]])
    z = byhand.relu(y)
    chain = byhand.chain(z)
    assert [chain.title(step) for step in chain] == ["step 1, conv2d", "step 2, relu"]
    assert (len(chain), chain[1], z.made_from, y.made_from) == (2, z, {"x": y}, {})
    dz = z.grad("x", [[1, 2], [3, 4]])
    dw = y.grad("w", dz)
    assert [step.title for step in byhand.chain(dw)] == ["y of conv2d", "dx of relu", "dw of conv2d"]
    assert dw.made_from == {"dy": dz}
    assert [*map(byhand.chain(dw).name, byhand.chain(dw))] == ["step 1", "dx of relu", "dw of step 1"]
    both = byhand.chain(z, dw)
    assert [*map(both.name, both)] == ["step 1", "step 2", "dx of step 2", "dw of step 1"]
    assert np.array_equal(dw.result, y.grad("w", dz.result).result)
    assert byhand.chain(y, z).steps == chain.steps


def test_a_result_may_be_any_array_of_another_operation():
    w = byhand.relu([[1, -1], [2, 3]])
    y = byhand.linear([1, 2], w)
    assert y.result.tolist() == [1, 8]
    assert y.made_from == {"w": w}
    with pytest.raises(ValueError, match=r"step 2, linear: .* made from the one before"):
        byhand.chain(y).back()


def test_a_long_chain():
    y = byhand.relu([1, -2])
    for _ in range(2000):
        y = byhand.relu(y)
    assert len(byhand.chain(y)) == 2001


def test_only_results_make_a_chain():
    with pytest.raises(TypeError, match="the last result is needed"):
        byhand.chain()
    with pytest.raises(TypeError, match="not list"):
        byhand.chain([[1, 2]])


def test_signatures_are_those_of_the_operations():
    assert byhand.conv2d.__doc__.startswith("Explain `F.conv2d`")
    with pytest.raises(TypeError, match="missing"):
        byhand.conv2d([[1]])


MUTANTS = {
    "byhand.arithmetic.chain:Chain.back": [
        ("every step has the dy of the last one", "step.grad(name, upstream)", "step.grad(name, dy)"),
        ("weights reach the step before", 'upstream = gradients["x"]', "upstream = made[0]"),
    ],
    "byhand.arithmetic.chain:Chain._add": [
        ("steps before what they need", "rest += missing", "self.steps.append(rest.pop())"),
    ],
    "byhand.arithmetic.explanation:Explanation.grad": [
        ("a gradient forgets its dy", '{"dy": dy} if isinstance(dy, Explanation) else {}', "{}"),
    ],
}
