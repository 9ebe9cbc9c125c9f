"""Two mistakes at once, of convolutions and linear layers."""

from collections.abc import Iterator

import numpy as np

from tinyunet.byhand.mistakes.registry import RARE, TOGETHER, WAYS, Mistake, Quantities, Way, mistakes, wrong_answers
from tinyunet.byhand.mistakes.window import CONVOLUTIONS, tried, turned
from tinyunet.tensor import Array

CHANGES: dict[str, Way] = {  # of the first one
    "kernel flipped": lambda q: {"w": turned(q.w)},
    "kernel not turned": lambda q: {"flip_kernel": False},
    "kernel transposed": lambda q: {"w": q.w.swapaxes(2, 3)},
    "bias forgotten": lambda q: {"b": None},
    "stride forgotten": lambda q: {"stride": 1},
    "padding forgotten": lambda q: {"padding": 0},
}


def two(q: Quantities) -> Iterator[tuple[Array, Mistake]]:
    """What every other mistake makes of the problem that the first one has changed."""
    place = q.name, "y"
    wider = [entry for entry in RARE[place] if entry[0].name == "padding of another width"]
    firsts = [known for known, _ in WAYS[place] if known.name in CHANGES]
    for k, first in enumerate(firsts):
        changes = CHANGES[first.name](q)
        if any(not np.array_equal(y, q.y()) for y in tried(q, **changes)):
            for other, y in wrong_answers(q.op.changed(**changes), "y", None, {place: [*WAYS[place], *wider]}):
                if other.name not in [known.name for known in firsts[: k + 1]]:
                    yield y, Mistake(f"{first.name}, and {other.name}", f"{first.hint}; {other.hint}", other.detail)


mistakes(f"{CONVOLUTIONS}, linear y", Quantities, TOGETHER)("two mistakes", "one after the other", two)
