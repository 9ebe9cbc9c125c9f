"""What bounds tinyunet: the processor's matrix products, the memory, or tinyunet itself.

    python -m tests.benchmarks.bounds
    python -m tests.benchmarks.bounds --figure roofline.png

Every convolution of the U-Nets' forward passes against the bare matrix product in it; what a node of the tape costs;
what a training step costs as images and batches grow. All of it is NumPy, and takes turns in this process.
"""

import argparse
import math
import mmap
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import tinyunet
import tinyunet.functional as F
from tests.benchmarks.report import Table, numpy_version, ratio
from tests.benchmarks.roofline import Bar, Point, roofline
from tests.benchmarks.turns import alternate, milliseconds, restart_unlimited
from tests.benchmarks.worker import CONFIGURATIONS, Configuration, ours
from tinyunet import plot
from tinyunet.unet import UNet

NAMES = "R2", "R3", "R4"
CHAIN = 1000  # nodes
SQUARE = 2048  # rows and columns of the matrices that find the processor's speed
COPIED = {"memory": 256 << 20, "cache": 256 << 10}  # bytes, that find the speed of each (NumPy copies in one thread)


def in_large_pages(*shape):
    """Random float32 in fresh memory, of large pages where the system has them.

    A bound must not depend on which memory happened to be free: in small pages a product can take half as long again.
    """
    memory = mmap.mmap(-1, math.prod(shape) * 4)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    array = np.frombuffer(memory, np.float32).reshape(shape)
    return np.random.default_rng(0).random(dtype=np.float32, out=array)


class Layer(NamedTuple):
    """A convolution in the forward pass of a U-Net."""

    stage: str
    shape: str  # channels in → out, batch × image
    run: Callable
    product: tuple[int, int, int]  # M, K, P: the matrix product in it is (M × K) @ (K × P)
    bytes: int  # of its input, weight and output, each of which must be moved at least once

    @property
    def flops(self):
        """A multiplication and an addition for each term of the product's sums."""
        M, K, P = self.product
        return 2 * M * K * P

    @property
    def bare(self):
        """The matrix product alone, on matrices that are there already."""
        M, K, P = self.product
        return partial(np.matmul, in_large_pages(M, K), in_large_pages(K, P), out=in_large_pages(M, P))


def layers(name):
    """The convolutions of a configuration, in order, with the very arrays that they are called with."""
    configuration = CONFIGURATIONS[name]
    levels = range(1, len(configuration.channels) + 1)
    stages = [*np.repeat([f"enc{i}" for i in levels], 2), "bottleneck", "bottleneck"]
    stages += [*np.repeat([f"dec{i}" for i in levels[::-1]], 3), "output"]
    found = []

    def noted(operation):
        def stand_in(input, weight, bias, **settings):
            run = partial(operation.__wrapped__, input, weight, bias, **settings)
            y, backward = run()
            N, C, H, W = input.shape
            kh, kw = weight.shape[2:]
            if operation is F.conv2d:
                what, product = f"{kh}×{kw}", (len(weight), C * kh * kw, y.size // len(weight))
            else:
                what, product = f"{kh}×{kw} up", (weight.size // C, C, N * H * W)
            shape = f"{what}, {C}→{y.shape[1]}, {N}×{H}²"
            found.append(Layer(stages[len(found)], shape, run, product, input.nbytes + weight.nbytes + y.nbytes))
            return y, backward

        return stand_in

    model = UNet(configuration.planes, configuration.planes, configuration.channels, rng=0)
    with tinyunet.no_grad(), tinyunet.using(conv2d=noted(F.conv2d), conv_transpose2d=noted(F.conv_transpose2d)):
        model(np.random.default_rng(0).random(configuration.shape, np.float32))
    return found


def training_step(configuration):
    """A training step, as a function without arguments."""
    x, target = np.random.default_rng(0).random((2, *configuration.shape), np.float32)
    return ours(configuration, x, target)[0]


def of_a_step(found):
    """FLOPs and bytes of a training step: dx and dw take as much as the forward pass, and nobody wants the first dx."""
    return (3 * sum(getattr(x, what) for x in found) - getattr(found[0], what) for what in ("flops", "bytes"))


def roofs():
    """What the processor and the memory can do: a large matrix product, and copies in main memory and in the cache."""
    a, b, out = (in_large_pages(SQUARE, SQUARE) for _ in range(3))
    copies = {where: [in_large_pages(size // 4) for _ in range(2)] for where, size in COPIED.items()}
    return {"product": partial(np.matmul, a, b, out=out)} | {
        where: partial(np.copyto, *arrays) for where, arrays in copies.items()
    }


def in_turns(steps, rounds, seconds):
    """Milliseconds of every step in every round, under its key."""
    times = alternate([partial(milliseconds, step, seconds) for step in steps.values()], rounds)
    return dict(zip(steps, times.T, strict=True))


def speeds(times):
    """The roofs at their best: GFLOP/s of the product, and GB/s of copies, read and written."""
    best = {where: 2 * size / min(times[where]) / 1e6 for where, size in COPIED.items()}
    return 2 * SQUARE**3 / min(times["product"]) / 1e6, best


def print_convolutions(name, found, times, markdown):
    """A line for every shape, for the 3×3 convolutions of a forward pass together, and for the training step."""
    head = f"{name}: {' '.join(map(str, CONFIGURATIONS[name].channels))}, forward"
    table = Table(head.ljust(34), "ms : bare product", "ratio".rjust(16), "GFLOP/s", markdown=markdown)

    def line(text, flops, whole, bare):
        middle = np.median(whole)
        texts = f"{middle:.2f} : {np.median(bare):.2f}", ratio(whole, bare), f"{flops / middle / 1e6:.0f}"
        table.row(text, *texts)

    for layer in {layer.shape: layer for layer in found}.values():
        line(layer.shape, layer.flops, times["layer", layer.shape], times["bare", layer.shape])
    together = [layer for layer in found if layer.shape.startswith("3×3")]
    whole, bare = (sum(times[what, layer.shape] for layer in together) for what in ("layer", "bare"))
    line(f"{len(together)} convolutions 3×3 together", sum(layer.flops for layer in together), whole, bare)
    step, (flops, _) = np.median(times["step", name]), of_a_step(found)
    table.row("training step", f"{step:.1f}", "", f"{flops / step / 1e6:.0f}")
    print()


def chain():
    """Forward and backward through a chain of operations that do nothing: what is left is the tape."""

    @tinyunet.differentiable
    def identity(x):
        return x, lambda dy: dy

    x = tinyunet.tensor([1.0], requires_grad=True)

    def step():
        y = x
        for _ in range(CHAIN):
            y = identity(y)
        y.backward()

    return step


def print_growth(rounds, seconds, markdown):
    """Training steps of one U-Net on larger images and larger batches: the time of a pixel should stay."""
    cases = [(1, size) for size in (32, 64, 128, 256, 512)] + [(batch, 64) for batch in (1, 2, 4, 8, 16)]
    steps = {case: training_step(Configuration((16, 32, 64), case[0], 1, case[1])) for case in cases}
    times = in_turns(steps, rounds, seconds)
    table = Table("training step, 16 32 64".ljust(34), "     ms", "ns per pixel", markdown=markdown)
    for batch, size in cases:
        median = np.median(times[batch, size])
        table.row(f"{batch}×1×{size}²", f"{median:.1f}", f"{median * 1e6 / (batch * size**2):.0f}")


def figure(nets, times):
    """The roofline: everything at its median, but the roofs at their best."""

    def point(flops, size, ms, label=""):
        return Point(flops / size, flops / np.median(ms) / 1e6, label)

    def points(found):
        labels = ["first", *[""] * (len(found) - 2), "output"]
        return [point(x.flops, x.bytes, times["layer", x.shape], t) for x, t in zip(found, labels, strict=True)]

    def bar(layer):
        whole, bare = (np.median(times[what, layer.shape]) for what in ("layer", "bare"))
        return Bar(f"{layer.stage}  {layer.shape}", whole, bare)

    return roofline(
        numpy_version(),
        *speeds(times),
        {name: points(nets[name]) for name in ("R2", "R4")},
        {name: point(*of_a_step(found), times["step", name]) for name, found in nets.items()},
        [bar(layer) for layer in nets["R4"]],
    )


def main():
    """Parse, measure, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bounds", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.03, help="of work in each turn, and at least one call")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--figure", metavar="FILE", help="draw the roofline to this file")
    args = parser.parse_args()
    restart_unlimited()
    print(f"{numpy_version()}\nmedians of {args.rounds} rounds (quartiles)\n")

    nets = {name: layers(name) for name in NAMES}
    unique = {layer.shape: layer for found in nets.values() for layer in found}
    steps = {}
    for shape, layer in unique.items():
        steps |= {("layer", shape): layer.run, ("bare", shape): layer.bare}
    steps |= {("step", name): training_step(CONFIGURATIONS[name]) for name in nets}
    times = in_turns(steps | roofs(), args.rounds, args.seconds)
    peak, copies = speeds(times)
    texts = [f"matrix product of {SQUARE}×{SQUARE}: {peak:.0f} GFLOP/s"]
    texts += [f"copies in {where}: {speed:.0f} GB/s" for where, speed in copies.items()]
    print(", ".join(texts), end="\n\n")
    for name, found in nets.items():
        print_convolutions(name, found, times, args.markdown)

    nodes = np.median([milliseconds(chain(), 0) for _ in range(100)])
    print(f"the tape: {nodes * 1e3 / CHAIN:.2f} µs for a node, forward and backward\n")
    print_growth(args.rounds, args.seconds, args.markdown)
    if args.figure:
        plot.save(figure(nets, times), args.figure)


if __name__ == "__main__":
    main()
