"""By hand: every product behind a number, answers checked, mistakes named.

    from tinyunet import byhand

    y = byhand.conv2d(x, w, b, padding=1)       # or another operation below, on numbers of your own
    print(y.at(0, 1, 1))                        # every product behind one element
    print(y.grad("w").at(0, 1, 0, 2))           # and behind one element of a gradient
    print(y.check(answer))                      # right, or the mistake that leads to this answer

Arrays are nested lists, NumPy arrays or Tensors; images may be (N, C, H, W), (C, H, W) or (H, W).
"""

from tinyunet.byhand.arithmetic.calls import (
    avg_pool2d,
    batch_norm,
    conv2d,
    conv_transpose2d,
    cross_entropy,
    linear,
    max_pool2d,
    relu,
    softmax,
)
from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.mistakes.diagnosis import Verdict

__all__ = [
    "Element",
    "Explanation",
    "Verdict",
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "conv_transpose2d",
    "cross_entropy",
    "linear",
    "max_pool2d",
    "relu",
    "softmax",
]
