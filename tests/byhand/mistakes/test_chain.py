"""Answers to several steps: the mistake is found where it was made, and what follows from it is told so."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.strategies import seeds
from tinyunet import byhand
from tinyunet.byhand.mistakes.chain import Asked, Follows, judged

X = [[1, 2, 0, 1], [3, 4, 1, 0], [0, 1, 2, 2], [1, 0, 1, 3]]
WEIGHTS = [[1, -1], [0, 2]], [[1, 0, -1, 2], [1, 1, 1, 1]]


def steps(x=X, w=WEIGHTS[0], b=(-2,), v=WEIGHTS[1], skip=0, start=None):
    """conv2d, relu, max_pool2d, flatten, linear; or those after some, from an answer."""
    calls = [
        lambda a: byhand.conv2d(a, w, list(b)),
        byhand.relu,
        lambda a: byhand.max_pool2d(a, 2, stride=1),
        byhand.flatten,
        lambda a: byhand.linear(a, v, [1, 0]),
    ]
    found = [x if start is None else start]
    for call in calls[skip:]:
        found.append(call(found[-1]))
    return found[1:]


def answers(made):
    return [np.array(step.result) for step in made]


def test_a_mistake_in_the_first_step_is_carried_through():
    chain = byhand.chain(steps()[-1])
    assert chain.check(answers(steps()))
    said = chain.check(answers(steps(b=(0,))))
    assert not said
    assert [mistake.name for mistake in said[0].mistakes] == ["bias forgotten"]
    assert [str(verdict) for verdict in said[1:]] == [
        "follows rightly from your step 1; the mistake is there",
        "follows rightly from your step 2; the mistake is in step 1",
        "follows rightly from your step 3; the mistake is in step 1",
        "follows rightly from your step 4; the mistake is in step 1",
    ]
    assert str(said).split("\n")[1] == f"step 2, relu: {said[1]}"


def test_a_second_mistake_is_named_from_the_first_one():
    made = answers(steps(b=(0,)))
    made[2] = np.array(byhand.avg_pool2d(made[1], 2, stride=1))
    made[3:] = answers(steps(skip=3, start=made[2]))
    said = byhand.chain(steps()[-1]).check(made)
    assert isinstance(said[1], Follows)
    assert not isinstance(said[2], Follows)
    assert "average" in str(said[2])
    assert str(said[2]).endswith("(worked out from your step 2)")
    assert str(said[4]) == "follows rightly from your step 4; the mistake is in step 3"


def test_what_is_not_answered_is_worked_out_from_what_is():
    made = answers(steps(b=(0,)))
    chain = byhand.chain(steps()[-1])
    said = chain.check([made[0], None, None, None, made[4]])
    assert [str(verdict) for verdict in said[1:]] == ["not answered yet"] * 3 + [
        "follows rightly from your step 1; the mistake is there"
    ]
    assert [str(verdict) for verdict in chain.check([])] == ["not answered yet"] * 5
    assert str(chain.check(made[:1])[4]) == "not answered yet"
    right = answers(steps())
    said = chain.check([None, None, right[2]])
    assert [verdict.right for verdict in said] == [False, False, True, False, False]


def test_what_is_answered_of_a_step_is_carried_on():
    y = byhand.conv2d([[1, 2, 0], [3, 4, 1]], [[1, -1]], b=[-2])  # [[-3, 0], [-3, 1]]
    z = byhand.relu(y)
    chain = byhand.chain(byhand.flatten(z))
    said = chain.check([[[-3, "?"], [-3, 3]], [[0, 0], [0, None]], [0, 0, 0, 3]])
    assert str(said[0]).startswith("not right: y[1, 1] = 3")
    assert str(said[1]) == "not answered yet: y[1, 1]. The others are right."
    assert str(said[2]) == "follows rightly from your step 2; the mistake is in step 1"
    said = chain.check([[[-3, 0], [-3, 3]], [[0, None], [None, 3]], [0, 0, 0, 3]])
    assert str(said[1]).startswith("not answered yet: y[0, 1], the first of 2")
    assert str(said[1]).endswith("What is answered follows rightly from your step 1; the mistake is there")
    said = chain.check([[[-3, "?"], [None, None]], z, byhand.flatten(z)])
    assert [verdict.right for verdict in said] == [False, True, True]


def test_a_right_answer_is_right_whatever_was_before():
    right, wrong = answers(steps()), answers(steps(b=(0,)))
    said = byhand.chain(steps()[-1]).check([wrong[0], *right[1:]])
    assert [verdict.right for verdict in said] == [False, True, True, True, True]


def test_an_answer_that_cannot_be_read_costs_itself_alone():
    made = answers(steps(b=(0,)))
    said = byhand.chain(steps()[-1]).check([made[0], "a b", *made[2:]])
    assert "'a' is not a number" in str(said[1])
    assert str(said[2]) == "follows rightly from your step 1; the mistake is there"


def test_rounded_answers_are_right_and_so_is_what_is_made_of_them():
    y = byhand.softmax([1, 2, 3])
    z = byhand.linear(y, [[100, 200, 300]])
    assert byhand.chain(z).check([["0.09", "0.24", "0.67"], ["258.00"]])
    assert not byhand.chain(z).check([["0.09", "0.24", "0.67"], ["257.00"]])[1]
    assert not byhand.chain(z).check([None, ["258.00"]])[1]


def test_a_wrong_size_is_carried_on_where_it_fits():
    y = byhand.conv2d(X, [[1, 0], [0, 1]], padding=1)
    z = byhand.relu(y)
    small = byhand.conv2d(X, [[1, 0], [0, 1]])
    said = byhand.chain(z).check([small, byhand.relu(small)])
    assert "padding forgotten" in str(said[0])
    assert str(said[1]) == "follows rightly from your step 1; the mistake is there"


def test_gradients_are_carried_backwards():
    chain = byhand.chain(steps()[-1]).back([1, -1])
    right = answers(chain)
    names = [step.title for step in chain]
    at = names.index("dx of max_pool2d")
    wrong = list(right)
    wrong[at] = right[at] + 1
    first = byhand.relu(steps()[0]).grad("x", wrong[at])
    wrong[at + 1] = np.array(first)
    conv = steps()[0]
    wrong[at + 2 :] = [np.array(conv.grad(name, first.result)) for name in ("w", "b", "x")]
    said = chain.check(wrong)
    assert all(verdict.right for verdict in said[:at])
    assert not isinstance(said[at], Follows)
    for k in range(at + 1, len(chain)):
        assert said[k].right or isinstance(said[k], Follows), said[k]
    follows = [str(verdict) for verdict in said if isinstance(verdict, Follows)]
    assert follows[0] == "follows rightly from your dx of step 3; the mistake is there"
    assert follows[1] == "follows rightly from your dx of step 2; the mistake is in dx of step 3"


def test_a_gradient_may_follow_from_a_wrong_result_before_it():
    y = byhand.conv2d([[1, 2, 0], [3, 4, 1]], [[1, -1]], b=[-2])
    z = byhand.relu(y)
    chain = byhand.chain(z, z.grad("x", [[5, 6], [7, 8]]))
    wrong = y.result + 2
    dz = byhand.relu(wrong).grad("x", [[5, 6], [7, 8]])
    said = chain.check([wrong, byhand.relu(wrong), dz])
    assert [type(verdict) for verdict in said[1:]] == [Follows, Follows]
    assert str(said[2]) == "follows rightly from your step 1; the mistake is there"


@given(seeds, st.integers(0, 4), st.sets(st.integers(0, 4)))
def test_errors_drawn_at_random_are_told_from_what_follows(seed, where, silent):
    """One step has a wrong number; all others are worked out from what is before them; some are not answered."""
    rng = np.random.default_rng(seed)
    w, v = rng.integers(-3, 4, (2, 2)), rng.integers(-3, 4, (2, 4))
    right = steps(rng.integers(-5, 6, (4, 4)), w, (int(rng.integers(-3, 4)),), v)
    given_ = answers(right)
    at = tuple(rng.integers(0, n) for n in given_[where].shape)
    given_[where][at] += int(rng.integers(1, 50)) / 2
    given_[where + 1 :] = answers(steps(w=w, v=v, skip=where + 1, start=given_[where]))
    silent = silent - {where}
    said = byhand.chain(right[-1]).check([None if k in silent else a for k, a in enumerate(given_)])
    for k, verdict in enumerate(said):
        if k in silent:
            assert str(verdict) == "not answered yet"
        elif k < where or np.array_equal(given_[k], right[k].result):
            assert verdict.right
        else:
            assert not verdict.right
            assert isinstance(verdict, Follows) == (k > where)
            if k > where:
                assert str(verdict).endswith((f"the mistake is in step {where + 1}", "the mistake is there"))


@given(seeds)
def test_elements_are_carried_on_too(seed):
    rng = np.random.default_rng(seed)
    y = byhand.conv2d(rng.integers(-5, 6, (3, 3)), [[1, 2], [3, 4]])
    z = byhand.linear(byhand.flatten(byhand.relu(y)), rng.integers(1, 4, (1, 4)))
    chain = byhand.chain(z)
    wrong = int(y.result[1, 0]) + int(rng.integers(1, 9))
    other = y.result.copy()
    other[1, 0] = wrong
    follows = int((np.maximum(other, 0).ravel() @ z.operation.arrays["w"].T)[0])
    assume(follows != z.result[0])
    first, second = judged(chain, [Asked(0, wrong, (1, 0)), Asked(3, follows, (0,))])
    assert not first
    assert str(second) == "follows rightly from your step 1; the mistake is there"


def test_too_many_answers():
    with pytest.raises(ValueError, match="3 answers to 1 steps"):
        byhand.chain(byhand.relu([1])).check([1, 2, 3])


MUTANTS = {
    "byhand.mistakes.chain:_judge": [
        ("a mistake is made anew in every step", "straight.where), mistaken", "straight.where), {k}"),
        ("rounded answers are mistakes", "if after.right and not mistaken", "if False"),
        ("right only if it follows", "if straight.right or", "if (straight.right and not ways) or"),
    ],
    "byhand.mistakes.chain:judged": [
        ("what is not answered is taken to be right", "if ways:", "if False:"),
        ("one answer spoils the rest", "except (ValueError, TypeError) as error:", "except KeyError as error:"),
    ],
    "byhand.mistakes.chain:_answered": [
        ("elements are not carried on", "else values.item()", "else array[at]"),
        ("gaps are carried on", "np.where(np.isnan(given), array, given)", "given"),
    ],
    "byhand.mistakes.chain:_fitted": [
        ("only arrays with all axes", "return array.reshape(shape)", "return array"),
    ],
}
