"""The conditional U-Net against the same one in PyTorch, and what it does before it has learnt anything."""

import numpy as np
import pytest

from tests.models import torch_conditional
from tests.strategies import normal
from tinyunet import nn, tensor
from tinyunet.models.conditional import (
    Attention,
    Classes,
    ConditionalUNet,
    Level,
    ResidualBlock,
    Words,
    group_norm,
    sinusoidal,
)

KINDS = {
    "time alone": {"channels": (4, 8), "width": 6},
    "one level": {"channels": (8,), "width": 8, "classes": 3},
    "classes": {"channels": (4, 8, 12), "width": 10, "attends": (1,), "classes": 5},
    "words": {"channels": (8, 4), "width": 8, "attends": (0, 1), "words": (6, 5, 7)},
}


def own(channels, width, attends=(), classes=None, words=None, rng=0):
    condition = Classes(classes, width, rng) if classes else Words(*words, width, rng) if words else None
    return ConditionalUNet(3, 2, channels, width, attends, condition, rng)


def asked(settings, n):
    """Conditions for n pictures, one of which asks for nothing."""
    if "classes" in settings:
        return np.arange(n) % (settings["classes"] + 1)
    return np.arange(n * 4).reshape(n, 4) % (settings["words"][0] + 1) if "words" in settings else None


@pytest.mark.torch
@pytest.mark.parametrize("settings", KINDS.values(), ids=list(KINDS))
def test_answers_and_all_gradients_are_those_of_pytorch(settings):
    import torch

    torch.manual_seed(0)
    theirs = torch_conditional.make(3, 2, **settings).double()
    model = own(**settings).to(np.float64)
    model.load_state_dict(theirs.state_dict())  # none of whose layers is 0
    assert sorted(model.state_dict()) == sorted(theirs.state_dict())
    x, t, c = normal(0, 3, 3, 8, 12), np.array([1, 500, 1000]), asked(settings, 3)
    image, their_image = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = model(image, t, c)
    reference = theirs(their_image, torch.tensor(t), None if c is None else torch.tensor(c))
    np.testing.assert_allclose(y, reference.detach(), atol=1e-10)
    cotangent = normal(1, *y.shape)
    y.backward(cotangent)
    reference.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(image.grad, their_image.grad, atol=1e-9)
    gradients = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    for name, p in model.named_parameters():
        expected = gradients.pop(name)
        np.testing.assert_allclose(p.grad, expected, atol=1e-9 * max(np.abs(expected).max(), 1), err_msg=name)
    assert not gradients


def test_times_are_told_apart():
    """Products of two times' vectors depend on how far they are apart alone: Σ cos((t − s)·f)."""
    e = sinusoidal(np.arange(0, 1001, 50), 64)
    assert e.shape == (21, 64)
    products = e @ e.T
    for apart in range(21):
        np.testing.assert_allclose(np.diag(products, apart), products[0, apart], rtol=1e-9)
    assert products[0, 0] == pytest.approx(32)
    assert products[0, 1:].max() < 31
    assert sinusoidal(np.array([3]), 4)[0] == pytest.approx([np.cos(3), np.cos(0.03), np.sin(3), np.sin(0.03)])


def test_before_it_has_learnt_the_network_answers_0_and_a_block_is_its_skip():
    x, t = normal(0, 2, 3, 8, 8).astype(np.float32), np.array([3, 700])
    for name, settings in KINDS.items():
        assert not own(**settings)(x, t, asked(settings, 2)).numpy().any(), name
    e = normal(1, 2, 6).astype(np.float32)
    np.testing.assert_array_equal(ResidualBlock(3, 3, 6, rng=0)(x, e), x)
    block = ResidualBlock(3, 5, 6, rng=0)
    np.testing.assert_array_equal(block(x, e), block.skip(x))
    x = normal(0, 2, 8, 4, 4).astype(np.float32)
    np.testing.assert_array_equal(Attention(8, rng=0)(x), x)


def test_a_position_that_looks_around_sees_all_others_and_the_words():
    """A change in a corner, or in a word, is felt in every corner."""
    x, words = normal(0, 1, 8, 6, 6).astype(np.float32), normal(1, 1, 3, 5).astype(np.float32)
    for context in (0, 5):
        attention = Attention(8, context, rng=0)
        attention.out.weight.data = np.eye(8, dtype=np.float32)
        before = attention(x, words).numpy()
        other, others = x.copy(), words.copy()
        if context:
            others[0, 2] += 1
        else:
            other[:, :, 0, 0] *= -2
        changed = np.abs(attention(other, others).numpy() - before).max(axis=1)[0]
        assert changed[1:].min() > 1e-5
    level = Level(8, 8, 6, attends=True, context=5, rng=0)
    assert [a.context for a in level.attention] == [0, 5]
    assert len(Level(8, 8, 6, context=5, rng=0).attention) == 0


def test_conditions_are_heard_apart():
    words = Words(6, 4, 8, 10, rng=0)
    sense, context = words(np.array([[1, 2, 3], [2, 1, 3], [1, 2, 0]]))
    assert (sense.shape, context.shape) == ((3, 10), (3, 3, 8))
    assert np.abs(np.diff(context.numpy(), axis=0)).max(axis=(1, 2)).min() > 0.1  # their order counts
    vector, none = Classes(3, 10, rng=0)(np.array([0, 3]))
    assert vector.shape == (2, 10)
    assert none is None


def test_the_seed_decides():
    a, b, other = (own(**KINDS["words"], rng=seed).state_dict() for seed in (0, 0, 1))
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != other[name]).any() for name in a)


def test_what_does_not_fit_is_refused():
    model = own(**KINDS["classes"])
    x, t = np.zeros((1, 3, 8, 8), np.float32), np.array([1])
    assert model.multiple == 4
    for wrong, condition, message in (
        (x[:, :, :6], np.array([1]), r"height and width multiples of 4, not \(1, 3, 6, 8\)"),
        (x[0], np.array([1]), r"input must be \(N, C, H, W\)"),
        (x, None, "it needs a condition, of 0 where nothing is asked for"),
    ):
        with pytest.raises(ValueError, match=message):
            model(wrong, t, condition)
    with pytest.raises(ValueError, match="made without a condition, and is called with one"):
        own(**KINDS["time alone"])(x, t, np.array([1]))
    for channels in ((), (0, 4)):
        with pytest.raises(ValueError, match="channels must be positive, at least one level"):
            ConditionalUNet(1, 1, channels)
    with pytest.raises(ValueError, match="4 heads do not divide 6 channels"):
        Attention(6)
    assert isinstance(group_norm(12), nn.GroupNorm)
    assert group_norm(12).num_groups == 4


MUTANTS = {
    "models.conditional:sinusoidal": [
        ("all frequencies alike", "10000.0 ** (", "1.0 ** ("),
        ("sine first", "[np.cos(angle), np.sin(angle)]", "[np.sin(angle), np.cos(angle)]"),
    ],
    "models.conditional:zero": [
        ("left as it was drawn", "np.zeros_like(p.numpy())", "p.numpy()"),
    ],
    "models.conditional:ResidualBlock": [
        ("scaled about 0", "self.norm2(y) * (1 + scale)", "self.norm2(y) * scale"),
        ("scale and shift exchanged", "scale, shift = self", "shift, scale = self"),
        ("nothing passes", "self.skip(x) + self.conv2", "self.conv2"),
        ("the last layer is not 0", "self.conv2 = zero(", "self.conv2 = ("),
    ],
    "models.conditional:Attention": [
        ("one head over all channels", "y.reshape(N, L, self.heads, C // self.heads)", "y.reshape(N, L, 1, C)"),
        ("keys for values", "self._heads(self.value(words))", "self._heads(self.key(words))"),
        ("heads of neighbours", "self.heads, C // self.heads).transpose(1, 2)", "C // 4, 4).permute(0, 3, 1, 2)"),
        ("nothing passes", "return x + self.out(found)", "return self.out(found)"),
    ],
    "models.conditional:Level": [
        ("words alone", "[0, context] if context", "[context] if context"),
    ],
    "models.conditional:Words": [
        ("no order", " + self.places(np.arange(np.shape(words)[1]))", ""),
        ("each word as it is", "context = context + self.work(context)", "pass"),
    ],
    "models.conditional:ConditionalUNet": [
        ("the shallow skip first", "skips.pop()", "skips.pop(0)"),
        ("without what is asked for", "e = e + vector", "pass"),
        ("the middle looks nowhere", "Level(deepest, deepest, width, True", "Level(deepest, deepest, width, False"),
    ],
}  # fmt: skip
