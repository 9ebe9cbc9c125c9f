"""The comparison with PyTorch: alternating processes, medians of many rounds."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.worker import CONFIGURATIONS

ROOT = Path(__file__).parent.parent.parent
SIDES = ("tinyunet", "PyTorch")


class Worker:
    """A process that measures when it is asked, and sleeps otherwise."""

    def __init__(self, side, name):
        # A shell may limit threads or choose slow kernels for one library and not for the other.
        limits = ("OPENBLAS_", "OMP_", "MKL_", "GOTO_", "BLIS_")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.worker", side, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith(limits)},
        )
        self.memory = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker died; its message is above")
        return json.loads(line)

    def milliseconds(self, what, seconds):
        time.sleep(0.3)  # the threads of the one before go on spinning for a while
        self.process.stdin.write(json.dumps({"what": what, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def compare(name, rounds, seconds):
    """Print the line of one configuration."""
    workers = [Worker(side, name) for side in SIDES]
    texts = []
    for what in ("train", "infer"):
        times = np.array(
            [
                [w.milliseconds(what, seconds) for w in workers[:: 1 if k % 2 else -1]][:: 1 if k % 2 else -1]
                for k in range(rounds)
            ]
        )
        ours, theirs = np.median(times, axis=0)
        low, ratio, high = np.percentile(times[:, 0] / times[:, 1], [25, 50, 75])
        texts.append(f"{ours:8.1f} {theirs:8.1f}  {ratio:5.2f} ({low:.2f}–{high:.2f})")
    for key in ("step", "process"):
        ours, theirs = (w.memory[key] for w in workers)
        texts.append(f"{ours:6.0f} {theirs:6.0f}  {ours / theirs:5.2f}")
    for w in workers:
        w.stop()
    print(f"{name}  " + "   ".join(texts), flush=True)


def main():
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="R", help=f"of {', '.join(CONFIGURATIONS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of work in each turn")
    args = parser.parse_args()
    unknown = set(args.names) - set(CONFIGURATIONS)
    if unknown:
        parser.error(f"there is no configuration {', '.join(sorted(unknown))}")
    for name, c in CONFIGURATIONS.items():
        print(f"{name}: channels {c.channels}, batch {c.batch}×{c.planes}×{c.size}×{c.size}")
    print("\nmedians of", args.rounds, "rounds: tinyunet, PyTorch, ratio (quartiles)")
    print(
        "    training step, ms                      inference, ms                          "
        "step, MiB               process, MiB"
    )
    for name in args.names or CONFIGURATIONS:
        compare(name, args.rounds, args.seconds)


if __name__ == "__main__":
    main()
