"""What the exercises of tutorials 00 and 01 hold to be right is right."""

import itertools
import re

import numpy as np
import pytest

import tinyunet
from tinyunet import unet
from tinyunet.grade import checking, exercises
from tinyunet.grade.exercises import relu_scalar, shapes_down, shapes_up, tape_buffer, tape_diamond, tape_square
from tinyunet.grade.exercises.tape_square import over_all_paths, record

RNG = np.random.default_rng(0)


def test_the_shapes_are_those_of_the_network_in_the_question():
    (channels,) = {re.search(r"UNet\((.*?\))\)", e.asks)[1] for e in (shapes_down.EXERCISE, shapes_up.EXERCISE)}
    assert channels == "3, 4, channels=(16, 32, 64)"
    trace = unet.UNet(3, 4, channels=(16, 32, 64)).trace((2, 3, 96, 160))
    shapes = {stage.name: stage.shape for stage in trace}
    assert [shapes[name] for name in shapes_down.STAGES] == shapes_down.RIGHT
    assert [shapes[name] for name in shapes_up.STAGES] == shapes_up.RIGHT
    skips = {stage.name: stage.skip for stage in trace if stage.name.startswith("enc")}
    (handed,) = [m.wrong for m in shapes_down.EXERCISE.mistakes if m.name.startswith("skips")]
    assert handed[:3] == [*skips.values()]


@pytest.mark.parametrize("junk", [[], [1, 2, 3], [(2, 16)] * 4, np.zeros((4, 4)), [None] * 4, 7, "abcd", {1: 2}])
@pytest.mark.parametrize("name", ["shapes_down", "shapes_up"])
def test_what_is_no_list_of_shapes_is_refused(name, junk):
    exercise = exercises.load(name)
    assert len(checking.check(exercise, junk).held) == 0


TAPES = [(e, of) for e in (tape_square, tape_buffer, tape_diamond) for of in e.EXERCISE.properties if of.law is None]


@pytest.mark.parametrize(("exercise", "of"), TAPES, ids=lambda part: getattr(part, "name", ""))
def test_slopes_of_tapes_are_those_of_tensors(exercise, of):
    """Every tape that is drawn, once more with Tensors, from the text that the learner reads."""
    for inputs in checking.drawn(exercise.EXERCISE, of):
        if len(inputs["tape"]) > 100:
            continue
        lines = [re.match(r"(\w+) = (\w+) ([*+]) (\w+)", repr(step)).groups() for step in inputs["tape"]]
        numbers = {}
        for step in inputs["tape"]:
            for name, number in re.findall(r"(\w+) = (\[[^\]]*\]|[\d.]+)[,)]", repr(step).partition("  (")[2]):
                numbers[name] = np.array(eval(number), float)
        leaves = {}
        for name in {name for _, a, _, b in lines for name in (a, b)} - {result for result, *_ in lines}:
            number = numbers.get(name, RNG.random(inputs.get("shape", ())))  # what only goes into sums may be any
            leaves[name] = tinyunet.tensor(number, requires_grad=True)
        values = dict(leaves)
        for result, a, sign, b in lines:
            values[result] = values[a] * values[b] if sign == "*" else values[a] + values[b]
        values[inputs["last"]].sum().backward()
        expected = of.expected(*inputs.values())
        for name, leaf in leaves.items():
            assert (name in expected) == (leaf.grad is not None)
            if leaf.grad is not None:
                np.testing.assert_allclose(expected[name], leaf.grad, rtol=1e-12)


def test_the_long_chain_is_what_its_paths_add_up_to():
    inputs = tape_diamond.long(RNG, 1)
    assert tape_diamond.of_a_chain(**inputs) == over_all_paths(**inputs)


@pytest.mark.parametrize("sign", ["*", "+"])
def test_a_step_does_what_its_text_says(sign):
    tape = record(f"y = a {sign} b", a=3.0, b=2.0)
    assert [*tape] == [("y", ("a", "b"), tape[0].backward)]
    assert tape[0].backward(10.0) == ((20.0, 30.0) if sign == "*" else (10.0, 10.0))
    assert repr(tape) == ("[y = a * b  (a = 3, b = 2)]" if sign == "*" else "[y = a + b]")


def test_the_backward_of_a_sum_hands_on_the_same_array_twice():
    dy = np.ones(2)
    assert all(d is dy for d in record("y = a + b", a=dy, b=dy)[0].backward(dy))


@pytest.mark.parametrize(("x", "dy"), [*itertools.product([-2.0, 0.0, 3.0], [-5.0, 4.0])])
def test_relu_of_a_number_is_that_of_a_tensor(x, dy):
    t = tinyunet.tensor(x, dtype=float, requires_grad=True)
    y = t.relu()
    y.backward(dy)
    assert relu_scalar.right(x) == y.item()
    assert relu_scalar.right_slope(x, dy) == t.grad.item()


MUTANTS = {
    "grade.exercises.tape_square:_product": [("slopes exchanged", "dy * b, dy * a", "dy * a, dy * b")],
    "grade.exercises.tape_square:_sum": [("copies, so that no buffer is shared", "(dy, dy)", "(dy + 0, dy + 0)")],
    "grade.exercises.tape_square:over_all_paths": [
        ("the sum so far goes along", "backward(dy)", "backward(gradients[name])"),
        ("the last path alone", "gradients.get(name, 0.0) + dy", "dy"),
    ],
    "grade.exercises.tape_diamond:of_a_chain": [("one sum forgotten", "len(tape)", "len(tape) - 1")],
    "grade.exercises.relu_scalar:right_slope": [("dy forgotten", "np.array(dy)", "np.array(1.0)")],
    "grade.exercises.shapes_down:RIGHT": [("the skip of level 2", "(2, 32, 24, 40)", "(2, 32, 48, 80)")],
    "grade.exercises.shapes_up:RIGHT": [("half the channels at the top", "(2, 16, 96, 160)", "(2, 8, 96, 160)")],
}
