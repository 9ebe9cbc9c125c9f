"""One side of the comparison of whole U-Nets, in a process of its own: tinyunet or PyTorch."""

import argparse
import os
import resource
import sys
from typing import NamedTuple

import numpy as np

from tests.benchmarks.report import numpy_version, torch_version
from tests.benchmarks.turns import serve


class Configuration(NamedTuple):
    """A U-Net and its batch: mean squared error, Adam, float32."""

    channels: tuple[int, ...]
    batch: int
    planes: int
    size: int

    @property
    def shape(self):
        """Of the images: (N, C, H, W)."""
        return self.batch, self.planes, self.size, self.size


CONFIGURATIONS = {
    "R1": Configuration((8, 16, 32), 8, 1, 32),
    "R2": Configuration((16, 32, 64), 8, 1, 64),
    "R3": Configuration((32, 64, 128, 256), 4, 3, 64),
    "R4": Configuration((64, 128, 256, 512), 1, 3, 128),
    "M": Configuration((16, 32, 64, 128), 8, 1, 128),  # the default of `tinyunet train`
}


def in_mode(model, training):
    """The model in training or evaluation. To switch it walks all its layers: once in a turn, not in every step."""
    return model if model.training == training else model.train(training)


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
        F.mse_loss(in_mode(model, True)(x), target).backward()
        optimizer.step()

    def infer():
        with tinyunet.no_grad():
            in_mode(model, False)(x)

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
        torch.nn.functional.mse_loss(in_mode(model, True)(x), target).backward()
        optimizer.step()

    def infer():
        with torch.no_grad():
            in_mode(model, False)(x)

    return train, infer


def resident():
    """Memory of this process now, in MiB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    """Make the model, take two training steps, say how much memory they took, and measure on request."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.worker", description=__doc__)
    parser.add_argument("side", choices=["tinyunet", "PyTorch"])
    parser.add_argument("name", choices=CONFIGURATIONS)
    parser.add_argument("--threads", type=int, help="how many tinyunet uses")
    parser.add_argument("--checkout", metavar="DIR", help="whose tinyunet it is")
    args = parser.parse_args()
    configuration = CONFIGURATIONS[args.name]
    rng = np.random.default_rng(0)
    x, target = rng.random(configuration.shape, np.float32), rng.random(configuration.shape, np.float32)
    if args.side == "PyTorch":
        make, version = theirs, torch_version()
    else:
        if args.checkout:
            sys.path.insert(0, args.checkout)
        import tinyunet  # the library itself is not counted as memory of a step

        if args.threads:
            tinyunet.threads(args.threads)
        make, version = ours, numpy_version()
    before = resident()
    train, infer = make(configuration, x, target)
    for _ in range(2):
        train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    infer()
    serve({"train": train, "infer": infer}, version=version, step=peak - before, process=peak)


if __name__ == "__main__":
    main()
