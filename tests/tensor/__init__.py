"""The tests of `tensor.py`, and what they share."""

import numpy as np

from tinyunet import tensor


def leaf(values, dtype=np.float64):
    """A Tensor whose gradient is asked for."""
    return tensor(np.array(values, dtype), requires_grad=True)
