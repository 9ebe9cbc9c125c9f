"""How feature maps lie in memory: channel-major.

To the user a batch of maps is (N, C, H, W). In memory the fast convolution and batch normalisation keep it as
(C, N, H, W): all values of one channel, over the whole batch, form one contiguous row of a matrix (C, N·H·W). That is
what a convolution as a matrix product reads and writes, and what batch normalisation takes its means over, so neither
needs to copy. The (N, C, H, W) array is a transposed view of it. Elementwise operations, pooling and concatenation keep
the order in memory that they are given.
"""

from __future__ import annotations

import math

import numpy as np

from tinyunet.tensor import Array


def channel_major(x: Array) -> Array:
    """(N, C, …) → (C, N, …), contiguous; a view if it lies so in memory, else a copy. The way back is `swapaxes(0, 1)`.

    >>> channel_major(np.zeros((2, 3, 4, 5))).shape
    (3, 2, 4, 5)
    """
    return np.ascontiguousarray(x.swapaxes(0, 1))


def channel_rows(x: Array) -> Array:
    """(N, C, …) → (C, m): all values of a channel in one row; a view if they lie so in memory, else a copy.

    >>> channel_rows(np.zeros((2, 3, 4, 5))).shape
    (3, 40)
    """
    return x.swapaxes(0, 1).reshape(x.shape[1], len(x) * math.prod(x.shape[2:]))


def from_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """The way back: (C, m) → (N, C, …), a view."""
    return rows.reshape(shape[1], shape[0], *shape[2:]).swapaxes(0, 1)
