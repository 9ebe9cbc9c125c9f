"""Every windowed operation, forward and backward, against the obvious way to write it in NumPy.

    python -m tests.benchmarks.operations

Both run in this process in turns, on feature maps as the U-Net has them; the medians of the rounds are compared.
"""

from functools import partial

import numpy as np

from tests.benchmarks import obvious
from tests.benchmarks.report import Table, numpy_version, ratio
from tests.benchmarks.turns import alternate, milliseconds, restart_unlimited
from tinyunet.ops.conv import conv2d, conv_transpose2d
from tinyunet.ops.norm import batch_norm
from tinyunet.ops.pool import avg_pool2d, max_pool2d


def all_gradients(backward, dy):
    """Run a backward, and what it left for later."""
    gradients = backward(dy)
    return [g() if callable(g) else g for g in (gradients if isinstance(gradients, tuple) else (gradients,))]


def wanting_all(operation):
    """The operation on arrays, with a backward that is told that all gradients are wanted, as the tape tells it."""

    def run(*args, **settings):
        y, backward = operation.__wrapped__(*args, **settings)
        return y, partial(backward, wanted={0, 1, 2})

    return run


def compare(ours, obvious, x, rounds=15):
    """Milliseconds of both, forward and backward together, in each round: (rounds, 2)."""
    dy = np.random.default_rng(1).standard_normal(obvious(x)[0].shape).astype(np.float32)
    layouts = [np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1) for a in (x, dy)]  # as the U-Net hands them on

    def both(function, x, dy):
        all_gradients(function(x)[1], dy)

    steps = partial(both, ours, *layouts), partial(both, obvious, x, dy)
    for step in steps:
        step()
    return alternate([partial(milliseconds, step, 0) for step in steps], rounds)


def measure(table, N, C, H):
    """All operations on feature maps (N, C, H, H)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, H, H), np.float32)
    w3, w1 = (rng.standard_normal((C, C, k, k), np.float32) for k in (3, 1))
    w2, b = rng.standard_normal((C, C // 2, 2, 2), np.float32), rng.standard_normal(C, np.float32)
    half = b[: C // 2]
    conv, up = map(wanting_all, (conv2d, conv_transpose2d))
    top, mean, bn = (op.__wrapped__ for op in (max_pool2d, avg_pool2d, batch_norm))
    for what, ours, theirs in (
        ("conv2d 3×3", lambda x: conv(x, w3, b, padding=1), lambda x: obvious.conv2d(x, w3, b, 1)),
        ("conv2d 1×1", lambda x: conv(x, w1, b), lambda x: obvious.conv2d(x, w1, b)),
        ("conv_transpose2d 2×2", lambda x: up(x, w2, half, stride=2), lambda x: obvious.up(x, w2, half)),
        ("max_pool2d 2×2", lambda x: top(x, 2), obvious.max_pool2d),
        ("avg_pool2d 2×2", lambda x: mean(x, 2), obvious.avg_pool2d),
        ("batch_norm", lambda x: bn(x, None, None, b, b, training=True), lambda x: obvious.batch_norm(x, b, b)),
    ):
        times = compare(ours, theirs, x)
        a, c = np.median(times, axis=0)
        table.row(f"{what}, {N}×{C}×{H}×{H}", f"{a:.2f} : {c:.2f}", ratio(*times.T))


def main():
    """Three sizes of feature maps."""
    restart_unlimited()
    print(numpy_version())
    table = Table("forward and backward, ms".ljust(36), "tinyunet : obvious", "ratio".rjust(16))
    for shape in ((8, 16, 64), (8, 64, 16), (1, 64, 128)):
        measure(table, *shape)


if __name__ == "__main__":
    main()
