"""Whatever is answered, no verdict gives the right answer away."""

import itertools
import re

import numpy as np
import pytest

from tinyunet import byhand
from tinyunet.byhand.arithmetic.numbers import read_array, write
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples import Digits, Example
from tinyunet.byhand.lab import forms
from tinyunet.byhand.mistakes import wrong_answers

WRITTEN = re.compile(r"[−-]?\d+[./]\d+(?:e[−+]\d+)?")  # whole numbers are also indices and counts


def slips(element):
    """Answers with a slip in a term, with digits cut off, and with no known mistake."""
    for term in getattr(element.steps[-1], "terms", ()):
        yield from (element.value + times * term.value for times in (-2, -1, 1))
        yield element.value - term.value + sum(factor.value for factor in term.factors)
    yield Digits(f"{element.value:.9f}"[:-6])
    yield element.value + 1000.5


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_verdict_says_what_is_right(name):
    example, _ = forms._example({"operation": name} | forms._fields(name)["form"])
    rng = np.random.default_rng(0)
    given = {  # such that what is right is said for no other reason
        key: array if key in ("target", "alpha_bar", "beta") else rng.uniform(1, 6, array.shape).round(3)
        for key, array in example.explanation.arrays.items()
    }
    y = getattr(byhand, name)(**given, **example.explanation.operation.settings)
    example = Example(y, dy=rng.uniform(1, 6, y.result.shape).round(3))
    known = {write(value) for array in [*given.values(), example.dy] for value in array.flat}
    explained = 0
    for what in y.operation.quantities():
        of = example.of(what)
        dy = example.dy.reshape(y.operation.result().shape)
        wrong = [array for _, array in wrong_answers(y.operation, what, dy)]
        checked = [(of, answer) for answer in [*wrong, of.result + 1000.5, of.result[..., None, None], 7]]
        for element in itertools.islice(of, 4):
            same = [array.reshape(of.result.shape)[element.index] for array in wrong if array.size == of.result.size]
            checked += [(element, float(answer)) for answer in same]
            checked += [(element, answer) for answer in slips(element)]
        for subject, answer in checked:
            verdict = subject.check(answer)
            right = {write(value) for value in (of.result.flat if subject is of else [subject.value])}
            mine = {write(value) for value in read_array(answer)[0].flat}
            assert verdict.right or not (right - known - mine) & set(WRITTEN.findall(verdict.text)), verdict.text
            explained += bool(verdict.mistakes)
    assert explained


MUTANTS = {
    "byhand.mistakes.diagnosis:check_element": [
        ("a verdict says it", " = {write(given.value)}", " = {write(given.value)}, not {write(element.value)}"),
    ],
}
