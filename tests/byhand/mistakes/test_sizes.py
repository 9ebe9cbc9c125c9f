"""Wrong sizes: what was done wrong is named, and only what fits."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinyunet import byhand
from tinyunet.byhand.mistakes.sizes import WRONG, read_size

BY_HAND = [  # layers, input, wrong answer, the mistakes
    ("conv:k=3,s=2,p=1", 32, 15, {"+1 forgotten", "padding forgotten"}),
    ("conv:k=3,s=2", 32, 16, {"rounded up", "input divided by the stride", "kernel forgotten"}),
    ("conv:k=3,s=2", 33, 15, {"+1 forgotten"}),
    ("pool:2,ceil_mode=true", 5, 2, {"rounded down", "+1 forgotten", "input divided by the stride"}),
    ("pool:2,3,1,ceil_mode=true", 5, 3, {"a window outside counted"}),
    ("conv:k=5,p=2", 10, 6, {"padding forgotten"}),
    ("conv:k=5,p=2", 10, 8, {"padding counted once"}),
    ("conv:k=5,p=2", 10, 2, {"padding subtracted"}),
    ("conv:k=3,d=3", 20, 18, {"dilation forgotten"}),
    ("conv:k=3,d=3", 20, 12, {"dilation·kernel for what the kernel spans"}),
    ("conv:k=7,s=3,p=1", 30, 26, {"stride forgotten"}),
    ("conv:k=4", 10, 10, {"kernel forgotten", "size of the input"}),
    ("conv:k=3,s=2,p=1", 11, 21, {"rule of the transposed convolution"}),
    ("up:k=3,s=2,p=1,op=1", 7, 13, {"output_padding forgotten", "+1 forgotten"}),
    ("up:k=4,s=2,p=1", 7, 16, {"padding forgotten", "input·stride for (input − 1)·stride"}),
    ("up:k=4,s=3,p=1", 7, 21, {"padding counted once", "input·stride", "kernel for kernel − 1"}),
    ("up:k=4,s=3,p=2", 7, 26, {"padding added"}),
    ("up:k=4,s=3,d=2", 7, 22, {"dilation forgotten"}),
    ("up:k=4,s=3", 7, 10, {"stride forgotten"}),
    ("up:k=5,s=3,p=1", 7, 18, {"kernel forgotten"}),
    ("up:k=3,s=2,p=1", 9, 5, {"rule of the convolution"}),
    ("conv:8,3", (3, 10, 12), (10, 8), {"another order"}),
    ("conv:8,3", (3, 10, 12), (8, 10, 8), {"another order"}),
    ("conv:6,3", (3, 10, 12), (8, 10, 6), {"another order"}),
    ("conv:8,3", (3, 9, 12), (3, 7, 10), {"channels of the input"}),
    ("conv:8,3", (3, 10, 12), (7, 10), {"+1 forgotten"}),  # in one direction
    ("conv:8,3 pool:2 flatten", (1, 13, 13), 288, {"rounded up"}),
    ("conv:8,3 conv:8,5,p=1", 13, 7, {"padding forgotten"}),
]


@pytest.mark.parametrize(("layers", "shape", "answer", "mistakes"), BY_HAND)
def test_mistakes_made_by_hand(layers, shape, answer, mistakes):
    found = byhand.size(layers, shape)
    verdict = found.check(answer)
    assert not verdict
    named = {mistake.name for mistake in verdict.mistakes}
    assert mistakes <= named
    assert named <= mistakes or layers.startswith("conv:8,3 "), named


def test_every_mistake_is_found_somewhere():
    assert {mistake.name for _, mistake, _ in WRONG} <= {name for *_, names in BY_HAND for name in names} | {
        "output_padding counted twice",
        "size of the input",
    }


@given(st.integers(5, 30), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2), st.booleans())
def test_what_is_right_is_right_and_nothing_else(n, kernel, stride, padding, transposed):
    kind = "up" if transposed else "conv"
    found = byhand.size(f"{kind}:4,{kernel},{stride},{padding}", (3, n, n + 3))
    channels, rows, cols = found
    for answer in (found, (rows, cols), [channels, rows, cols], f"{channels} × {rows} x {cols}", f"({rows}, {cols})"):
        assert found.check(answer)
    for other in (rows + 1, rows - 1, 2 * rows, n):
        assume(other != rows)
        verdict = found.check((4, other, cols))
        assert not verdict
        assert f"×{rows}×" not in verdict.text, "the right size is not told"


def test_in_a_chain_the_layer_is_named():
    found = byhand.size("conv:4,3 relu pool:2 conv:8,5,p=1", (1, 30, 40))
    text = found.check((8, 10, 15)).text
    assert "padding forgotten (in layer 4 or in every layer): the input has a border" in text
    found = byhand.size("conv:4,3 pool:3 conv:8,3 pool:2", (1, 31, 31))
    assert "rounded up (in layer 2 or in layer 4 or in every layer)" in found.check((8, 4, 4)).text


def test_sizes_of_all_layers_are_checked_one_by_one():
    found = byhand.size("conv:6,5 relu pool:2 conv:16,5,p=1 pool:2 flatten linear:10", (1, 29, 29))
    right = [layer.gives for layer in found.layers]
    assert found.check(right)
    wrong = [(6, 24, 24), "24", 12, (16, 10, 10), None, (400,), 10]
    said = found.check(wrong)
    assert str(said) == "\n".join(
        [
            f"layer 1, conv2d: {said[0]}",
            "layer 2, relu: follows rightly from your layer 1; the mistake is there",
            "layer 3, max_pool2d: right",
            "layer 4, conv2d: right",
            "layer 5, max_pool2d: not answered yet",
            "layer 6, flatten: right",
            "layer 7, linear: right",
        ]
    )
    assert [mistake.name for mistake in said[0].mistakes] == ["+1 forgotten"]
    said = found.check([(6, 25, 25), (6, 25, 25), (6, 13, 13), (16, 11, 11), None, 16 * 5 * 5])
    assert "rounded up" in str(said[2])
    assert str(said[3]) == "follows rightly from your layer 3; the mistake is there"
    assert said[5]  # 11 and 10 are both halved to 5
    said = found.check([None, None, (6, 14, 14), None, None, 16 * 6 * 6])
    assert str(said[5]) == "follows rightly from your layer 3; the mistake is there"
    assert str(said[6]) == "not answered yet"
    said = found.check([(6, 20, 20), 20, 10, 7, 3, 16 * 9])
    assert str(said[5]) == "follows rightly from your layer 5; the mistake is in layer 4"
    with pytest.raises(ValueError, match="8 sizes for 7 layers"):
        found.check([*right, (1,)])


def test_other_answers():
    found = byhand.size("conv:8,3", (1, 9, 9))
    assert str(found.check(None)) == "not answered yet"
    assert found.check(7)
    assert str(found.check((1, 1, 8, 7, 7))) == "not right: 1×1×8×7×7 has 5 axes, not 3."
    assert "none of the mistakes known here explains it" in found.check((8, 3, 5)).text
    for wrong in ("7 by 7", "", "3.5"):
        with pytest.raises(ValueError, match="a size such as 3×32×32 is needed"):
            found.check(wrong)
    for wrong in ((), (7.5, 7), (True, 7)):
        with pytest.raises(TypeError, match="a size such as"):
            found.check(wrong)
    assert read_size("torch.Size([8, 7, 7])") == (8, 7, 7)


MUTANTS = {
    "byhand.mistakes.sizes:length": [
        ("made in every layer", "wrong is not None and k in at", "wrong is not None"),
        ("a later layer keeps its input", "replace(each, input=n)", "each"),
    ],
    "byhand.mistakes.sizes:_check_layers": [
        ("every wrong size is a mistake", "if follows is not None and", "if False and"),
        ("what is not answered ends it", "given = follows", "given = None"),
    ],
    "byhand.mistakes.sizes:_mixed": [
        ("only the wrong numbers", "n in pair", "n == pair[1]"),
    ],
    "byhand.mistakes.sizes:_orders": [
        ("channels first is another order", "(*lead[:-1], *last, *lead[-1:])", "(*lead, *last)"),
    ],
}
