"""Wrong answers worked out by hand: schedules, noise, steps back, guidance."""

import pytest

from tinyunet import byhand

BARS = [1, 0.9, 0.64, 0.5, 0.36]  # α_2 = 0.64/0.9 = 0.7111, α_4 = 0.72
SCHEDULE = byhand.alpha_bar([0.1, 0.2, 0.5])  # 1 0.9 0.72 0.36
NOISY = byhand.add_noise([10, -5], 2, [5, 10], BARS)  # 0.8·10 + 0.6·5 = 11, 2
BACK = byhand.predict_x0([10, -2], 2, [5, 10], BARS)  # (10 − 3)/0.8 = 8.75, −10
STEP = byhand.ddim_step([6, 0], 4, 2, [3, -3], BARS)  # x̂_0 = 6, 4; y = 4.8 + 1.8, 3.2 − 1.8
NEW = byhand.ddim_step([6, 0], 4, 2, [3, -3], BARS, 0.5, [1, 2])  # σ = 0.2480, σ² = 0.0615, √(0.36 − σ²) = 0.5463
GUIDED = byhand.guided([2, -1], [5, 1], 3)  # 11, 5

ANSWERS = [
    ("α in place of ᾱ", SCHEDULE, [1, 0.9, 0.8, 0.5]),
    ("β in place of 1 − β", SCHEDULE, [1, 0.1, 0.02, 0.01]),
    ("sum in place of product", SCHEDULE, [1, 0.9, 0.7, 0.2]),
    ("ᾱ of a neighbouring time", SCHEDULE, [1, 1, 0.9, 0.72]),
    ("time 0 forgotten", SCHEDULE, [0.9, 0.72, 0.36]),
    ("1 − ᾱ in place of ᾱ", SCHEDULE, [0, 0.1, 0.28, 0.64]),
    ("root taken", SCHEDULE, [1, "0.949", "0.849", 0.6]),
    ("square root forgotten", NOISY, ["8.2", "0.4"]),  # 6.4 + 1.8, −3.2 + 3.6
    ("variance for standard deviation", NOISY, ["9.8", "-0.4"]),
    ("noise not scaled", NOISY, [13, 6]),
    ("picture not scaled", NOISY, [13, 1]),
    ("picture and noise exchanged", NOISY, [10, 5]),
    ("α in place of ᾱ", NOISY, ["11.120", "1.158"]),  # √0.7111 = 0.8433, √0.2889 = 0.5375
    ("ᾱ of a neighbouring time", NOISY, ["10.607", "3.536"]),  # ᾱ_3 = 0.5
    ("noise subtracted", NOISY, [5, -10]),
    ("1 − √ᾱ in place of √(1 − ᾱ)", NOISY, [9, -2]),
    ("noise forgotten", NOISY, [8, -4]),
    ("picture forgotten", NOISY, [3, 6]),
    ("nothing scaled", NOISY, [15, 5]),
    ("square root forgotten", BACK, ["12.8125", "-8.75"]),  # (10 − 1.8)/0.64
    ("variance for standard deviation", BACK, [10.25, -7]),
    ("noise not scaled", BACK, [6.25, -15]),
    ("not divided", BACK, [7, -8]),
    ("noise not divided", BACK, [9.5, -8.5]),
    ("ε and x exchanged", BACK, [-1.25, 14]),
    ("noise added", BACK, [16.25, 5]),
    ("roots exchanged", BACK, [10, "-16.667"]),
    ("multiplied in place of divided", BACK, [5.6, -6.4]),
    ("noise added once more", BACK, [11, 4.4]),
    ("ε taken for x̂_0", BACK, [5, 10]),
    ("steps exchanged", STEP, [5.55, -1.05]),  # (6 − 1.8)/0.8 · 0.6 + 0.8·3
    ("x̂_0 not scaled", STEP, [7.8, 2.2]),
    ("ε and x̂_0 exchanged", STEP, [6, 0]),
    ("noise not scaled", STEP, [7.8, 0.2]),
    ("square root forgotten", STEP, ["4.92", "1.48"]),
    ("variance for standard deviation", STEP, ["5.88", "2.12"]),
    ("noise not put back", STEP, [4.8, 3.2]),
    ("stopped at x̂_0", STEP, [6, 4]),
    ("x_t in place of x̂_0", byhand.ddim_step([3, 0], 4, 2, [3, -3], BARS), [4.2, -1.8]),
    ("noise subtracted", STEP, [3, 5]),
    ("noise of x_t put back", STEP, [7.2, 0.8]),
    ("σ² in place of σ", NEW, ["6.500", "1.684"]),  # 4.8 + 1.6389 + 0.0615
    ("σ in place of σ²", NEW, ["6.052", "2.692"]),  # √(0.36 − 0.2480) = 0.3347
    ("σ² not subtracted", NEW, ["6.848", "1.896"]),
    ("new noise forgotten", NEW, ["6.439", "1.561"]),
    ("all of the noise new", NEW, [5.4, 4.4]),
    ("sign reversed", GUIDED, [-7, -7]),
    ("conditional and unconditional exchanged", GUIDED, [-4, -5]),
    ("another convention of w", GUIDED, [14, 7]),
    ("another convention of w", GUIDED, [8, 3]),
    ("ε_u not subtracted", GUIDED, [17, 2]),
    ("ε_u not added", GUIDED, [9, 6]),
    ("ε_u forgotten", GUIDED, [15, 3]),
    ("w forgotten", GUIDED, [5, 1]),
    ("difference alone", GUIDED, [3, 2]),
    ("bracket forgotten", GUIDED, [13, 4]),
    ("mean of both", GUIDED, [3.5, 0]),
]


@pytest.mark.parametrize(("name", "explanation", "answer"), ANSWERS)
def test_a_mistake_is_what_its_name_says(name, explanation, answer):
    verdict = explanation.check(answer)
    assert name in [m.name for m in verdict.mistakes], verdict


def test_a_neighbour_is_told_and_of_a_step_it_is_that_of_s():
    assert [m.detail for m in NOISY.check(["10.607", "3.536"]).mistakes] == ["the one after"]
    after = byhand.ddim_step([6, 0], 4, 3, [3, -3], BARS).result.tolist()
    assert [(m.name, m.detail) for m in STEP.check(after).mistakes] == [("ᾱ of a neighbouring time", "the one after")]


MUTANTS = {
    "byhand.mistakes.diffusion": [
        ("the root is not forgotten", "q.bar * q.x + (1 - q.bar) * q.noise)", "q.left * q.x + q.noisy * q.noise)"),
        ("σ² is subtracted", "np.sqrt(1 - q.earlier - q.sigma) * q.eps", "q.kept * q.eps"),
        ("the way back is the same", "lambda q: q.u - q.w * (q.c - q.u))", "lambda q: q.u + q.w * (q.c - q.u))"),
    ],
    "byhand.mistakes.diffusion:Mixed.prepare": [
        ("ᾱ divided by itself", "from_one(self.alpha_bar[:-1])", "self.alpha_bar"),
    ],
    "byhand.mistakes.diffusion:Mixed.beside": [
        ("the time two later", '(1, "the one after")', '(2, "the one after")'),
    ],
}
