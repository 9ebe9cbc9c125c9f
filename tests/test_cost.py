"""What a training step costs, counted instead of timed: products, copies and memory cannot grow unnoticed."""

import tracemalloc

import numpy as np
import pytest

from tests.benchmarks.worker import CONFIGURATIONS, ours
from tinyunet.ops import columns, conv
from tinyunet.tensor import Node
from tinyunet.unet import UNet


class Counted:
    """NumPy, keeping account of the multiply-adds of its products and of the bytes that `copyto` copies."""

    def __init__(self):
        self.products = self.copied = 0

    def __getattr__(self, name):
        return getattr(np, name)

    def matmul(self, a, b, **out):
        y = np.matmul(a, b, **out)
        self.products += a.shape[-1] * y.size
        return y

    def copyto(self, target, source):
        np.copyto(target, source)
        self.copied += target.nbytes


def counted_step(name, monkeypatch):
    """Of one training step: multiply-adds, bytes copied into columns, nodes on the tape, peak bytes above the start."""
    configuration = CONFIGURATIONS[name]
    x = np.random.default_rng(0).random(configuration.shape, np.float32)
    train, _ = ours(configuration, x, x)
    train()  # the scratch, and what is reckoned once
    counted, nodes = Counted(), []
    for room in (columns, conv):
        monkeypatch.setattr(room, "np", counted)
    made = Node.__init__
    monkeypatch.setattr(Node, "__init__", lambda self, *args: (nodes.append(args[0]), made(self, *args))[1])
    tracemalloc.start()
    try:
        train()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return counted.products, counted.copied, len(nodes), peak


def multiply_adds(configuration):
    """What the convolutions of a training step need: forward, dw and dx as many each; the first dx is not needed."""
    model = UNet(configuration.planes, configuration.planes, configuration.channels)
    N, size, levels = configuration.batch, configuration.size, len(configuration.channels)
    total = 0
    for key, weight in model.named_parameters():
        if weight.ndim == 4:
            part, _, rest = key.partition(".")
            level = int(rest.split(".")[1]) if rest.startswith("levels") else 0
            level = int(rest.split(".")[0]) if part == "decoder" else level
            depth = {"encoder": level, "bottleneck": levels, "decoder": levels - 1 - level, "output": 0}[part]
            side = size >> (depth + 1 if ".up." in key else depth)  # a transposed kernel is laid at its *inputs*
            total += (2 if key == "encoder.levels.0.conv.0.weight" else 3) * weight.numel() * N * side**2
    return total


# products as a ratio to those needed (the excess is computed on borders), MiB of columns, nodes, peak of a step in MiB
LIMITS = {
    "R1": (1.16, 33, 53, 7.9),
    "R2": (1.08, 240, 53, 61),
    "R3": (1.13, 273, 68, 64),
    "R4": (1.07, 537, 68, 128),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_step_costs_no_more_than_it_did(name, monkeypatch):
    products, copied, nodes, peak = counted_step(name, monkeypatch)
    needed = multiply_adds(CONFIGURATIONS[name])
    costs = products / needed, copied / 2**20, nodes, peak / 2**20
    assert costs[0] >= 1, "not all products were counted"
    assert all(cost < limit * 1.01 for cost, limit in zip(costs, LIMITS[name], strict=True)), (costs, LIMITS[name])
