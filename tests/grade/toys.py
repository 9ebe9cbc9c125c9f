"""A small exercise to try the grader on: a·x + b, element by element."""

import numpy as np

from tinyunet.grade.exercise import Exercise, Mistake, Property, whole


def right(x, a, b=0):
    return a * x + b


def written_out(x, a, b=0):
    y = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        y[index] = x[index] * a + b
    return y


LINE = Exercise(
    name="line",
    number="99.1",
    asks="Write a·x + b.",
    starter="def line(x, a, b=0):\n    return None\n",
    properties=(
        Property("slope", "It is a·x.", lambda rng, size: {"x": whole(rng, 1 + size, 3), "a": 3.0}, right),
        Property("start", "It begins at b.", lambda rng, size: {"x": whole(rng, 2), "a": 2.0, "b": 1.0 + size}, right),
        Property(
            "even steps",
            "Equal steps of x are equal steps of y.",
            lambda rng, size: {"x": whole(rng, 2), "a": 2.0},
            law=lambda f, x, a: (f(x + 1, a) - f(x, a), f(x + 2, a) - f(x + 1, a)),
        ),
    ),
    mistakes=(
        Mistake("b forgotten", "Add b.", lambda x, a, b=0: a * x),
        Mistake("a forgotten", "Multiply by a.", lambda x, a, b=0: x + b),
        Mistake("b multiplied, too", "Multiply first.", lambda x, a, b=0: a * (x + b)),
        Mistake("sum in place of product", "a and x are multiplied.", lambda x, a, b=0: a + x + b),
    ),
    solutions=(right, written_out),
    differs="Ours has no loop.",
    read_on=("ops/elementwise.py",),
    hints=("Multiply first.", "Then add."),
)
NUMBERS = Exercise(
    name="numbers",
    number="99.2",
    asks="The first three squares.",
    starter="numbers = None\n",
    properties=(
        Property("first", "It begins with 1.", call=lambda v: v[0], expected=lambda: 1),
        Property("all", "Each is a number times itself.", expected=lambda: [1, 4, 9]),
    ),
    mistakes=(Mistake("doubled", "Times itself, not times 2.", [2, 4, 6]), Mistake("cubes", "Once.", [1, 8, 27])),
    solutions=([1, 4, 9], np.array([1, 4, 9])),
    differs="They are the same.",
    read_on=("tensor.py",),
    values=True,
)
