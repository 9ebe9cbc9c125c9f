"""Wrong answers worked out by hand: normalisation within an image or an example, and losses."""

import pytest

from tinyunet import byhand

GROUPS = byhand.group_norm([[0, 2, 10, 14]], 2, weight=[5, 1, 1, 1], bias=[0, 0, 7, 0], eps=0)  # −5 1 | 6 1
LAYERS = byhand.layer_norm([[0, 2], [10, 14]], 2, weight=[5, 1], eps=0)  # −5 1 | −5 1
THREE = byhand.layer_norm([[-3, 0, 3]], 3, weight=[2, 1, 1], eps=0)  # x̂ = −1.2247 0 1.2247, and √σ² = 2.4495
LOGS = byhand.log_softmax([0, 0])  # −log 2 = −0.693
BINARY = byhand.binary_cross_entropy_with_logits([0, 0], [1, 0], "none")  # log 2 = 0.693

ANSWERS = [
    ("unbiased variance", GROUPS, [["-3.536", "0.707", "6.293", "0.707"]]),
    ("other groups", byhand.group_norm([[0, 2, 4, 6, 10, 14]], 2, eps=0), [[-1, 1, -1, 1, -1, 1]]),
    ("gamma or beta forgotten", GROUPS, [[-1, 1, 6, 1]]),
    ("mean not subtracted", GROUPS, [[0, 2, 12, 7]]),
    ("gamma outside the means", THREE.grad("x", [[1, 0, 0]]), [["0.1361", "-0.1361", "0.068"]]),
    ("variance for standard deviation", LAYERS, [[-5, 1], ["-2.5", "0.5"]]),
    ("wrong axes", LAYERS, [[-5, -1], [5, 1]]),
    ("x in place of x̂", LAYERS.grad("weight", [[1, 2], [3, 4]]), [30, 60]),
    (
        "bias gradient not summed",
        byhand.layer_norm([[0, 2], [1, 5]], 2, bias=[0, 0]).grad("bias", [[1, 2], [3, 4]]),
        [2, 3],
    ),
    ("logarithm forgotten", LOGS, [0.5, 0.5]),
    ("sign forgotten", LOGS, ["0.693", "0.693"]),
    ("logarithm of Z forgotten", LOGS, [-2, -2]),
    ("other classes forgotten", LOGS.grad("x", [1, 3]), [1, 3]),
    ("p forgotten", LOGS.grad("x", [1, 3]), [-3, -1]),
    ("gradient of softmax", LOGS.grad("x", [1, 3]), ["-0.5", "0.5"]),
    ("only the positive part", BINARY, ["0.693", 0]),
    ("sigmoid forgotten", byhand.binary_cross_entropy_with_logits([0.5], [1], "none"), ["0.693"]),
    ("sum for mean", byhand.binary_cross_entropy_with_logits([0, 0], [1, 0]), "1.386"),
    ("targets exchanged", byhand.binary_cross_entropy_with_logits([2], [1], "none"), ["2.127"]),
    ("target not subtracted", BINARY.grad("x"), [0.5, 0.5]),
    ("slope of the sigmoid multiplied in", BINARY.grad("x"), ["-0.125", "0.125"]),
    ("not divided by the logits", byhand.binary_cross_entropy_with_logits([0, 0], [1, 0]).grad("x"), [-0.5, 0.5]),
]


@pytest.mark.parametrize(("name", "explanation", "answer"), ANSWERS, ids=[name for name, *_ in ANSWERS])
def test_a_mistake_is_what_its_name_says(name, explanation, answer):
    verdict = explanation.check(answer)
    assert name in [m.name for m in verdict.mistakes], verdict


MUTANTS = {
    "byhand.mistakes.normalisation:Normalisation.mean": [
        ("the mean of everything", "(sums / self.m)[self.labels]", "np.full(self.x.size, self.x.mean())"),
    ],
    "byhand.mistakes.normalisation:Groups.regrouped": [
        ("groups of one image alone", "for groups, detail in others.items():", "for groups, detail in ():"),
    ],
}
