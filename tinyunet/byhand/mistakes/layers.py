"""Linear layers and ReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.operations import Operation
from tinyunet.byhand.mistakes.registry import TRANSPOSED, Answers, mistake, one_by_one, other_orders, rare
from tinyunet.byhand.mistakes.window import CONVOLUTIONS


@mistake("relu y", "negative numbers kept", "max(0, x) is 0 for negative x")
def _kept(op: Operation, dy: Any) -> Answers:
    yield op.arrays["x"], "as they are"
    yield np.abs(op.arrays["x"]), "without their sign"


@mistake("relu dx", "mask from the gradient's sign", "the gradient passes where x > 0, whatever its own sign")
def _mask_of_dy(op: Operation, dy: Any) -> Answers:
    yield np.maximum(dy, 0)


@mistake("relu dx", "mask forgotten", "where x ≤ 0 the output does not move, and the gradient is 0")
def _no_mask(op: Operation, dy: Any) -> Answers:
    yield dy


@mistake("relu dx", "zero counted as positive", "at x = 0 the gradient is 0 by convention, as in PyTorch")
def _at_zero(op: Operation, dy: Any) -> Answers:
    yield dy * (op.arrays["x"] >= 0)


@mistake("linear y", "weight transposed", "y = x·Wᵀ: every row of W makes one output")
def _linear_transposed(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1:
        yield op.changed(w=w.T).result()


@mistake("linear dx", "weight transposed", "dx = dy·W")
def _linear_dx_transposed(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1:
        yield op.changed(w=w.T).result("dx", dy)


@mistake("linear dw", "gradient transposed", "dw has the shape of the weight, (out, in)")
def _linear_dw_transposed(op: Operation, dy: Any) -> Answers:
    yield op.result("dw", dy).T


@mistake("linear y", "one input skipped", "every input counts")
def _input_skipped(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    for k in one_by_one(x.shape[-1]):
        rest = x.copy()
        rest[..., k] = 0
        yield op.changed(x=rest).result(), f"input {k}"


# ---- less usual


@rare(f"{CONVOLUTIONS}, linear y, batch_norm y", "ReLU applied", "negative results are kept; ReLU is a step of its own")
def _activated(op: Operation, dy: Any) -> Answers:
    y = op.result()
    yield np.maximum(y, 0), "negative results as 0"
    yield np.abs(y), "negative results without their sign"


@rare("relu y", "minimum instead of maximum", "the larger of 0 and x is kept")
def _smaller(op: Operation, dy: Any) -> Answers:
    yield np.minimum(op.arrays["x"], 0)


@rare("relu y", "another activation", "ReLU is max(0, x): 0 for negative x, x itself for positive x")
def _other_activation(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    for slope in (0.01, 0.1, 0.2):
        yield np.where(x > 0, x, slope * x), f"leaky ReLU, with the slope {slope}"
    yield (x > 0).astype(float), "1 for positive x"
    yield np.clip(x, 0, 1), "limited to 1"
    yield np.clip(x, 0, 6), "limited to 6"
    yield 1 / (1 + np.exp(-x)), "sigmoid"
    yield np.tanh(x), "tanh"
    yield x / (1 + np.exp(-x)), "SiLU"


@rare("relu dx", "upstream gradient forgotten", "dx = dy·[x > 0]")
def _relu_without_dy(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", np.ones_like(dy)), "the mask alone"
    yield op.result(), "ReLU of x"


@rare("relu dx", "input multiplied in", "the slope where x > 0 is 1, not x")
def _times_input(op: Operation, dy: Any) -> Answers:
    yield dy * op.result()


@rare("relu dx", "mask reversed", "the gradient passes where x > 0, and stops elsewhere")
def _mask_reversed(op: Operation, dy: Any) -> Answers:
    yield dy * (op.arrays["x"] <= 0)


@rare("relu dx", "negative gradients stopped", "the gradient passes where x > 0, whatever its own sign")
def _both_masks(op: Operation, dy: Any) -> Answers:
    yield op.result("dx", np.maximum(dy, 0))


@rare("linear y", "weight read in the other layout", "w is (out, in): every row of it makes one output")
def _other_layout(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] != w.shape[1]:
        yield op.changed(w=w.reshape(w.shape[::-1]).T).result()


@rare("linear y", "inputs in another order", "x[k] meets w[o, k]")
def _inputs_order(op: Operation, dy: Any) -> Answers:
    x = op.arrays["x"]
    for order in other_orders(x.shape[-1]):
        yield op.changed(x=x[..., order]).result()


@rare("linear y", "bias of another output", "output o gets b[o]")
def _outputs_order(op: Operation, dy: Any) -> Answers:
    b = op.arrays["b"]
    for order in [] if b is None else other_orders(len(b)):
        yield op.changed(b=b[order]).result()


@rare("linear y", "only products of the same number", "every output reads all inputs")
def _own_number(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    if w.shape[0] == w.shape[1] > 1:
        yield op.changed(w=w * np.eye(len(w))).result()


@rare("linear y", "average instead of sum", "the products are added up and not divided")
def _averaged(op: Operation, dy: Any) -> Answers:
    inputs = op.arrays["w"].shape[1]
    yield op.changed(w=op.arrays["w"] / inputs).result()
    yield op.result() / inputs, "of the bias, too"


@rare("linear y", "bias added per input", "the bias is added once to an output, not to every product")
def _bias_per_input(op: Operation, dy: Any) -> Answers:
    w, b = op.arrays["w"], op.arrays["b"]
    if b is not None:
        yield op.changed(b=w.shape[1] * b).result()


@rare("linear y", "zero or negative weight skipped", "every weight takes part, with its sign")
def _weights_skipped(op: Operation, dy: Any) -> Answers:
    w = op.arrays["w"]
    yield op.changed(w=np.maximum(w, 0)).result(), "negative ones left out"
    yield op.changed(w=np.abs(w)).result(), "the sign left out"


@rare("linear y", *TRANSPOSED)
def _transposed(op: Operation, dy: Any) -> Answers:
    y = op.result()
    if y.ndim > 1:
        yield y.swapaxes(-1, -2), "rows and columns exchanged"


@rare("linear y", "products not added", "the products of a row of w are added up to one number")
def _not_added(op: Operation, dy: Any) -> Answers:
    x, w = op.arrays["x"], op.arrays["w"]
    yield x[..., None, :] * w
