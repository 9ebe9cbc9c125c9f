"""One side of a comparison, in a process of its own: answers requests on stdin with measurements on stdout.

Two numeric libraries in one process would share out the cores between their threads, and disturb each other.
"""

import json
import os
import resource
import sys
import time
from typing import NamedTuple

import numpy as np


class Configuration(NamedTuple):
    """A U-Net and its batch: mean squared error, Adam, float32."""

    channels: tuple[int, ...]
    batch: int
    planes: int
    size: int


CONFIGURATIONS = {
    "R1": Configuration((8, 16, 32), 8, 1, 32),
    "R2": Configuration((16, 32, 64), 8, 1, 64),
    "R3": Configuration((32, 64, 128, 256), 4, 3, 64),
    "R4": Configuration((64, 128, 256, 512), 1, 3, 128),
    "M": Configuration((16, 32, 64, 128), 8, 1, 128),  # the default of `tinyunet train`
}


def ours(configuration, x, target):
    """A training step and an inference of tinyunet, as functions without arguments."""
    import tinyunet
    import tinyunet.functional as F
    from tinyunet.unet import UNet

    channels, _, planes, _ = configuration
    model = UNet(planes, planes, channels, rng=0)
    optimizer = tinyunet.optim.Adam(model.parameters())

    def train():
        optimizer.zero_grad()
        F.mse_loss(model.train()(x), target).backward()
        optimizer.step()

    def infer():
        with tinyunet.no_grad():
            model.eval()(x)

    return train, infer


def theirs(configuration, x, target):
    """The same in PyTorch."""
    import torch

    from tests.torch_unet import make

    channels, _, planes, _ = configuration
    model = make(planes, planes, channels)
    optimizer = torch.optim.Adam(model.parameters())
    x, target = torch.tensor(x), torch.tensor(target)

    def train():
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model.train()(x), target).backward()
        optimizer.step()

    def infer():
        with torch.no_grad():
            model.eval()(x)

    return train, infer


def resident():
    """Memory of this process now, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main(side, name):
    """Make the model, then measure on request: {"what": "train" or "infer", "seconds": how long} → milliseconds."""
    configuration = CONFIGURATIONS[name]
    shape = (configuration.batch, configuration.planes, configuration.size, configuration.size)
    rng = np.random.default_rng(0)
    x, target = rng.random(shape, np.float32), rng.random(shape, np.float32)
    make = {"tinyunet": ours, "PyTorch": theirs}[side]
    if side == "PyTorch":
        import torch  # noqa: F401
    else:
        import tinyunet  # noqa: F401
    before = resident()
    train, infer = make(configuration, x, target)
    for _ in range(2):
        train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"step": peak - before, "process": peak}), flush=True)
    infer()
    for line in sys.stdin:
        request = json.loads(line)
        step = {"train": train, "infer": infer}[request["what"]]
        step()  # the caches are the other side's
        times, began = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - began < request["seconds"]:
            t = time.perf_counter()
            step()
            times.append(time.perf_counter() - t)
        print(json.dumps(float(np.median(times)) * 1e3), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
