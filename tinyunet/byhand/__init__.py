"""By hand: every product behind a number, answers checked, mistakes named.

    from tinyunet import byhand

    y = byhand.conv2d(x, w, b, padding=1)       # or another operation below, on numbers of your own
    print(y.at(0, 1, 1))                        # every product behind one element
    print(y.grad("w").at(0, 1, 0, 2))           # and behind one element of a gradient
    print(y.check(answer))                      # right, or the mistake that leads to this answer
    byhand.chain(byhand.relu(y)).check([answer, …])     # steps: a mistake, or what follows rightly from one
    print(byhand.size("conv:16,3 relu pool:2", (3, 32, 32)))    # sizes alone, parameters and receptive fields

Arrays are nested lists, NumPy arrays or Tensors; images may be (N, C, H, W), (C, H, W) or (H, W).
"""

from collections.abc import Callable

from tinyunet.byhand import methods
from tinyunet.byhand.arithmetic.chain import Chain, chain
from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.arithmetic.size import Size, size
from tinyunet.byhand.mistakes.diagnosis import Verdict

__all__ = ["Chain", "Element", "Explanation", "Size", "Verdict", "chain", "size", *sorted(OPERATIONS)]

methods.tie()


def __getattr__(name: str) -> Callable[..., Explanation]:
    """The function that a user calls, of every operation."""
    if name in OPERATIONS:
        return OPERATIONS[name].call
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *OPERATIONS]
