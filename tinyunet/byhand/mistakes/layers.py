"""Linear layers and ReLU."""

from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.convolution import Weighted, biased
from tinyunet.byhand.mistakes.registry import TRANSPOSED, Quantities, one_by_one, only, other_orders, usual_and_rare

_, rare = usual_and_rare("conv2d y, conv_transpose2d y, linear y, batch_norm y, group_norm y, layer_norm y", Quantities)
rare("ReLU applied", "negative results are kept; ReLU is a step of its own")
rare.way("negative results as 0", lambda q: np.maximum(q.y(), 0))
rare.way("negative results without their sign", lambda q: np.abs(q.y()))

# ---- ReLU

wrong, rare = usual_and_rare("relu y", Quantities)
wrong("negative numbers kept", "max(0, x) is 0 for negative x")
wrong.way("as they are", lambda q: q.x)
wrong.way("without their sign", lambda q: np.abs(q.x))
rare("minimum instead of maximum", "the larger of 0 and x is kept", lambda q: np.minimum(q.x, 0))
rare("another activation", "ReLU is max(0, x): 0 for negative x, x itself for positive x")
rare.way("", lambda q: ((np.maximum(q.x, s * q.x), f"leaky ReLU, with the slope {s}") for s in (0.01, 0.1, 0.2)))
rare.way("1 for positive x", lambda q: (q.x > 0).astype(float))
rare.way("", lambda q: ((np.clip(q.x, 0, most), f"limited to {most}") for most in (1, 6)))
rare.way("sigmoid", lambda q: 1 / (1 + np.exp(-q.x)))
rare.way("tanh", lambda q: np.tanh(q.x))
rare.way("SiLU", lambda q: q.x / (1 + np.exp(-q.x)))

wrong, rare = usual_and_rare("relu dx", Quantities)
wrong("mask from the gradient's sign", "the gradient passes where x > 0, whatever its own sign")
wrong.way("", lambda q: np.maximum(q.dy, 0))
wrong("mask forgotten", "where x ≤ 0 the output does not move, and the gradient is 0", lambda q: q.dy)
wrong("zero counted as positive", "at x = 0 the gradient is 0 by convention, as in PyTorch")
wrong.way("", lambda q: q.dy * (q.x >= 0))
rare("upstream gradient forgotten", "dx = dy·[x > 0]")
rare.way("the mask alone", lambda q: q.dx(dy=np.ones_like(q.dy)))
rare.way("ReLU of x", lambda q: q.y())
rare("input multiplied in", "the slope where x > 0 is 1, not x", lambda q: q.dy * q.y())
rare("mask reversed", "the gradient passes where x > 0, and stops elsewhere", lambda q: q.dy * (q.x <= 0))
rare("negative gradients stopped", "the gradient passes where x > 0, whatever its own sign")
rare.way("", lambda q: q.dx(dy=np.maximum(q.dy, 0)))

# ---- linear layers


def square(q: Any) -> bool:
    return q.w.shape[0] == q.w.shape[1] > 1


wrong, rare = usual_and_rare("linear y", Weighted)
wrong("weight transposed", "y = x·Wᵀ: every row of W makes one output", lambda q: q.y(w=q.w.T), where=square)
wrong("one input skipped", "every input counts")
wrong.way("", lambda q: ((q.y(x=q.x - only(q.x, np.s_[..., k])), f"input {k}") for k in one_by_one(q.x.shape[-1])))
rare("weight read in the other layout", "w is (out, in): every row of it makes one output")
rare.way("", lambda q: q.y(w=q.w.reshape(q.w.shape[::-1]).T))
rare("inputs in another order", "x[k] meets w[o, k]")
rare.way("", lambda q: (q.y(x=q.x[..., order]) for order in other_orders(q.x.shape[-1])))
rare("bias of another output", "output o gets b[o]", where=biased)
rare.way("", lambda q: (q.y(b=q.b[order]) for order in other_orders(len(q.b))))
rare("only products of the same number", "every output reads all inputs", where=square)
rare.way("", lambda q: q.y(w=q.w * np.eye(len(q.w))))
rare("average instead of sum", "the products are added up and not divided")
rare.way("", lambda q: q.y(w=q.w / q.w.shape[1]))
rare.way("of the bias, too", lambda q: q.y() / q.w.shape[1])
rare("bias added per input", "the bias is added once to an output, not to every product")
rare.way("", lambda q: q.sums + q.w.shape[1] * q.bias)
rare("zero or negative weight skipped", "every weight takes part, with its sign")
rare.way("negative ones left out", lambda q: q.y(w=np.maximum(q.w, 0)))
rare.way("the sign left out", lambda q: q.y(w=np.abs(q.w)))
rare(*TRANSPOSED, where=lambda q: q.y().ndim > 1)
rare.way("rows and columns exchanged", lambda q: q.y().swapaxes(-1, -2))
rare("products not added", "the products of a row of w are added up to one number", lambda q: q.x[..., None, :] * q.w)

wrong, _ = usual_and_rare("linear dx", Quantities)
wrong("weight transposed", "dx = dy·W", lambda q: q.dx(w=q.w.T), where=square)

wrong, _ = usual_and_rare("linear dw", Quantities)
wrong("gradient transposed", "dw has the shape of the weight, (out, in)", lambda q: q.dw().T)

# ---- flattening

wrong, _ = usual_and_rare("flatten y", Quantities)
wrong("columns first", "row by row: the last index of x runs fastest")
wrong.way("", lambda q: q.y(x=q.x.swapaxes(-1, -2)) if q.x.ndim > 2 else None)
wrong("channels last", "channel by channel: all of the first one comes before the second one")
wrong.way("", lambda q: q.y(x=np.moveaxis(q.x, 1, -1)) if q.x.ndim > 3 else None)
