"""What makes it fast: a training step without one of the tricks at a time, as a ratio to the step with all of them.

    python -m tests.benchmarks.without          R2, R3 and R4
    python -m tests.benchmarks.without R2

In one process, in turns; the medians of the rounds are compared. The first line is a check: it changes nothing. What
malloc is told (`machine/memory.py`) holds for a whole process, and is not among them.
"""

import argparse
import contextlib
import time
from unittest.mock import patch

import numpy as np

from tests.benchmarks.turns import restart_unlimited
from tests.benchmarks.worker import CONFIGURATIONS, ours
from tinyunet import optim, using
from tinyunet.machine import memory
from tinyunet.nn import layers
from tinyunet.ops import conv, fast, im2col, norm
from tinyunet.ops.fast import products, scratch, tiles


@contextlib.contextmanager
def batch_major():
    """Maps as users see them, (N, C, H, W), also in memory: copied before and after every product and normalisation."""

    def copied(compute):
        def apply(*args):
            made = compute(*args)
            return (np.ascontiguousarray(made[0]), made[1]) if isinstance(made, tuple) else np.ascontiguousarray(made)

        return apply

    sums = conv.Sums(*(f if f is fast.weight_gradient else copied(f) for f in fast.SUMS))
    operations = {name: conv.computed_by(sums, getattr(conv, name)) for name in ("conv2d", "conv_transpose2d")}
    with using(**operations), patch.object(norm, "from_rows", copied(norm.from_rows)):
        yield


def apart():
    """dx and dw one after the other, each from columns of its own."""
    sums = fast.SUMS._replace(scatter_and_gradient=None, correlate_and_gradient=None)
    return using(**{name: conv.computed_by(sums, getattr(conv, name)) for name in ("conv2d", "conv_transpose2d")})


TRICKS = {
    "nothing left out": lambda: contextlib.nullcontext(),
    "channel-major maps": batch_major,
    "weights (C, kw, kh, O) in memory": lambda: patch.object(layers, "_kernels", layers._uniform),
    "kernel rows share columns": lambda: patch.object(products, "_rows_pay", lambda *args: False),
    "dx as a correlation of dy": lambda: patch.object(fast, "turned_axes", lambda axes: None),
    "dx and dw from the same columns": apart,
    "rows of a matrix 64 bytes apart": lambda: patch.object(scratch, "GAP", 0),
    "scratch used again": lambda: patch.object(scratch, "KEPT", 0),
    "tiles: a quarter of 4 MiB": lambda: patch.object(tiles, "TILE_BYTES", 1 << 20),
    "tiles: 16 MiB": lambda: patch.object(tiles, "TILE_BYTES", 1 << 24),
    "tiles: the whole batch": lambda: patch.object(tiles, "TILE_BYTES", 1 << 40),
    "Adam in pieces": lambda: patch.object(optim.Optimizer, "PIECE", 1 << 40),
    "all of it: im2col.py": lambda: using(conv2d=im2col.conv2d, conv_transpose2d=im2col.conv_transpose2d),
}


def measure(name, rounds):
    """Print one line for each trick."""
    configuration = CONFIGURATIONS[name]
    x = np.random.default_rng(0).random(configuration.shape, np.float32)
    full, _ = ours(configuration, x, x)
    for trick, without in TRICKS.items():
        times = [[], []]
        with without():
            step, _ = ours(configuration, x, x)
        for _ in range(rounds + 1):
            for side, (run, left_out) in enumerate(((full, contextlib.nullcontext), (step, without))):
                with left_out():
                    began = time.perf_counter()
                    run()
                    times[side].append(time.perf_counter() - began)
        all_of_them, one_less = (np.median(t[1:]) for t in times)
        print(f"{name}  {trick:34} {all_of_them * 1e3:8.1f} {one_less * 1e3:8.1f}  {one_less / all_of_them:5.2f}")
        memory.release()


def main():
    """Parse and measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.without", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="R", default=["R2", "R3", "R4"])
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    restart_unlimited()
    print(f"{'a training step, ms':38} {'with':>8} {'without':>8}  ratio")
    for name in args.names:
        measure(name, args.rounds)


if __name__ == "__main__":
    main()
