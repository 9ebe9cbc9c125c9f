"""Linear layers and ReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.byhand.mistakes.registry import (
    RARE,
    TRANSPOSED,
    Quantities,
    mistakes,
    one_by_one,
    only,
    other_orders,
    way,
)

# ---- ReLU

wrong = mistakes("relu y", Quantities)
wrong(
    "negative numbers kept",
    "max(0, x) is 0 for negative x",
    way("as they are", lambda q: q.x),
    way("without their sign", lambda q: np.abs(q.x)),
)

wrong = mistakes("relu dx", Quantities)
wrong(
    "mask from the gradient's sign",
    "the gradient passes where x > 0, whatever its own sign",
    lambda q: np.maximum(q.dy, 0),
)
wrong("mask forgotten", "where x ≤ 0 the output does not move, and the gradient is 0", lambda q: q.dy)
wrong(
    "zero counted as positive",
    "at x = 0 the gradient is 0 by convention, as in PyTorch",
    lambda q: q.dy * (q.x >= 0),
)

# ---- linear layers


def square(q: Any) -> bool:
    return q.w.shape[0] == q.w.shape[1] > 1


wrong = mistakes("linear y", Quantities)
wrong("weight transposed", "y = x·Wᵀ: every row of W makes one output", lambda q: q.y(w=q.w.T), where=square)
wrong(
    "one input skipped",
    "every input counts",
    lambda q: ((q.y(x=q.x - only(q.x, np.s_[..., k])), f"input {k}") for k in one_by_one(q.x.shape[-1])),
)

wrong = mistakes("linear dx", Quantities)
wrong("weight transposed", "dx = dy·W", lambda q: q.dx(w=q.w.T), where=square)

wrong = mistakes("linear dw", Quantities)
wrong("gradient transposed", "dw has the shape of the weight, (out, in)", lambda q: q.dw().T)


# ---- less usual

wrong = mistakes("conv2d y, conv_transpose2d y, linear y, batch_norm y", Quantities, RARE)
wrong(
    "ReLU applied",
    "negative results are kept; ReLU is a step of its own",
    way("negative results as 0", lambda q: np.maximum(q.y(), 0)),
    way("negative results without their sign", lambda q: np.abs(q.y())),
)

wrong = mistakes("relu y", Quantities, RARE)
wrong("minimum instead of maximum", "the larger of 0 and x is kept", lambda q: np.minimum(q.x, 0))
wrong(
    "another activation",
    "ReLU is max(0, x): 0 for negative x, x itself for positive x",
    way("leaky ReLU, with the slope 0.01", lambda q: np.maximum(q.x, 0.01 * q.x)),
    way("leaky ReLU, with the slope 0.1", lambda q: np.maximum(q.x, 0.1 * q.x)),
    way("leaky ReLU, with the slope 0.2", lambda q: np.maximum(q.x, 0.2 * q.x)),
    way("1 for positive x", lambda q: (q.x > 0).astype(float)),
    way("limited to 1", lambda q: np.clip(q.x, 0, 1)),
    way("limited to 6", lambda q: np.clip(q.x, 0, 6)),
    way("sigmoid", lambda q: 1 / (1 + np.exp(-q.x))),
    way("tanh", lambda q: np.tanh(q.x)),
    way("SiLU", lambda q: q.x / (1 + np.exp(-q.x))),
)

wrong = mistakes("relu dx", Quantities, RARE)
wrong(
    "upstream gradient forgotten",
    "dx = dy·[x > 0]",
    way("the mask alone", lambda q: q.dx(dy=np.ones_like(q.dy))),
    way("ReLU of x", lambda q: q.y()),
)
wrong("input multiplied in", "the slope where x > 0 is 1, not x", lambda q: q.dy * q.y())
wrong("mask reversed", "the gradient passes where x > 0, and stops elsewhere", lambda q: q.dy * (q.x <= 0))
wrong(
    "negative gradients stopped",
    "the gradient passes where x > 0, whatever its own sign",
    lambda q: q.dx(dy=np.maximum(q.dy, 0)),
)

wrong = mistakes("linear y", Quantities, RARE)
wrong(
    "weight read in the other layout",
    "w is (out, in): every row of it makes one output",
    lambda q: q.y(w=q.w.reshape(q.w.shape[::-1]).T),
    where=lambda q: q.w.shape[0] != q.w.shape[1],
)
wrong(
    "inputs in another order",
    "x[k] meets w[o, k]",
    lambda q: (q.y(x=q.x[..., order]) for order in other_orders(q.x.shape[-1])),
)
wrong(
    "bias of another output",
    "output o gets b[o]",
    lambda q: (q.y(b=q.b[order]) for order in other_orders(len(q.b))),
    where=lambda q: q.b is not None,
)
wrong(
    "only products of the same number",
    "every output reads all inputs",
    lambda q: q.y(w=q.w * np.eye(len(q.w))),
    where=square,
)
wrong(
    "average instead of sum",
    "the products are added up and not divided",
    lambda q: q.y(w=q.w / q.w.shape[1]),
    way("of the bias, too", lambda q: q.y() / q.w.shape[1]),
)
wrong(
    "bias added per input",
    "the bias is added once to an output, not to every product",
    lambda q: q.y(b=q.w.shape[1] * q.b),
    where=lambda q: q.b is not None,
)
wrong(
    "zero or negative weight skipped",
    "every weight takes part, with its sign",
    way("negative ones left out", lambda q: q.y(w=np.maximum(q.w, 0))),
    way("the sign left out", lambda q: q.y(w=np.abs(q.w))),
)
wrong(*TRANSPOSED, way("rows and columns exchanged", lambda q: q.y().swapaxes(-1, -2)), where=lambda q: q.y().ndim > 1)
wrong("products not added", "the products of a row of w are added up to one number", lambda q: q.x[..., None, :] * q.w)
