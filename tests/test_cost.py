"""What a training step costs, counted instead of timed: products, copies and memory cannot grow unnoticed."""

import tracemalloc

import numpy as np
import pytest

from tests.benchmarks.worker import CONFIGURATIONS, ours
from tinyunet.ops.fast import products
from tinyunet.ops.fast import tiles as columns
from tinyunet.tensor import Node
from tinyunet.unet import UNet


class Counted:
    """NumPy, keeping account of the multiply-adds of its products; and `fill`, of the bytes that it fills."""

    def __init__(self):
        self.products = self.copied = 0
        self.fill_columns = columns.fill

    def __getattr__(self, name):
        return getattr(np, name)

    def matmul(self, a, b, **out):
        y = np.matmul(a, b, **out)
        self.products += a.shape[-1] * y.size
        return y

    def fill(self, cells, *args):
        self.fill_columns(cells, *args)
        self.copied += cells.nbytes


def counted_step(name, monkeypatch):
    """Of one training step: multiply-adds, bytes copied into columns, nodes on the tape, peak bytes above the start."""
    configuration = CONFIGURATIONS[name]
    x = np.random.default_rng(0).random(configuration.shape, np.float32)
    train, _ = ours(configuration, x, x)
    train()  # the scratch, and what is reckoned once
    counted, nodes = Counted(), []
    monkeypatch.setattr(products, "np", counted)
    for room in (columns, products):
        monkeypatch.setattr(room, "fill", counted.fill)
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


# products as a ratio to those needed (fewer: rows of the kernel that meet only padding are left out; more: rows at the
# edge of a piece are multiplied for both), MiB of columns, nodes, peak of a step in MiB
LIMITS = {
    "R1": (0.997, 17.9, 53, 4.9),
    "R2": (0.996, 91.3, 53, 38.2),
    "R3": (0.998, 110.7, 68, 40.1),
    "R4": (1.009, 227.1, 68, 123.2),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_step_costs_no_more_than_it_did(name, monkeypatch):
    multiplied, copied, nodes, peak = counted_step(name, monkeypatch)
    needed = multiply_adds(CONFIGURATIONS[name])
    costs = multiplied / needed, copied / 2**20, nodes, peak / 2**20
    assert costs[0] >= 0.98, "not all products were counted"
    assert all(cost < limit * 1.01 for cost, limit in zip(costs, LIMITS[name], strict=True)), (costs, LIMITS[name])
