"""The comparison with PyTorch: alternating processes, medians of many rounds."""

import argparse
import time
from functools import partial

import numpy as np

from tests.benchmarks.report import Table, ratio
from tests.benchmarks.turns import REST, Worker, alternate, restart_unlimited
from tests.benchmarks.worker import CONFIGURATIONS
from tinyunet.machine import doctor

SIDES = ("tinyunet", "PyTorch")


def place():
    """How much slower the machine is, just now, at reading what other threads have written."""
    time.sleep(REST)
    return doctor.distance()


def places(measures, rounds):
    """Measure in turns; the times (rounds, measures) with the processors near each other, far, and moved meanwhile."""
    results = alternate([place, *measures, place], rounds)
    far, times = results[:, [0, -1]] > doctor.FAR, results[:, 1:-1]
    return times[~far.any(axis=1)], times[far.all(axis=1)], times[far[:, 0] != far[:, 1]]


def compare(name, workers, rounds, seconds):
    """The rows of one configuration, one for each place that the machine was in."""
    c = CONFIGURATIONS[name]
    memory = []
    for what in ("step", "process"):
        ours, theirs = (w.facts[what] for w in workers)
        memory += [f"{ours:.0f} : {theirs:.0f}", f"**{ours / theirs:.2f}**"]
    measured = [
        places([partial(w.milliseconds, what, seconds) for w in workers], rounds) for what in ("train", "infer")
    ]
    for where, *both in zip(("near", "far", "moved"), *measured, strict=True):
        if not any(map(len, both)):
            continue
        texts = [f"{name}: {' '.join(map(str, c.channels))}, {c.batch}×{c.planes}×{c.size}²", where]
        for times in both:
            if len(times):
                ours, theirs = np.median(times, axis=0)
                texts += [f"{ours:.1f} : {theirs:.1f}", f"{ratio(*times.T)} of {len(times)}"]
            else:
                texts += ["", ""]
        yield texts + memory


def main():
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="R", help=f"of {', '.join(CONFIGURATIONS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1, help="of work in each turn")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    args = parser.parse_args()
    unknown = set(args.names) - set(CONFIGURATIONS)
    if unknown:
        parser.error(f"there is no configuration {', '.join(sorted(unknown))}")
    restart_unlimited()
    table = None
    for name in args.names or CONFIGURATIONS:
        workers = [Worker("worker", side, name) for side in SIDES]
        if table is None:
            print("; ".join(w.facts["version"] for w in workers))
            print(f"medians of {args.rounds} rounds, {' : '.join(SIDES)}, ratio (quartiles)\n")
            table = Table(
                "channels, batch".ljust(31),
                "processors",
                *("training step, ms", "ratio of rounds".rjust(22), "   inference, ms", "ratio of rounds".rjust(22)),
                *("  step, MiB", "ratio", "process, MiB", "ratio"),
                markdown=args.markdown,
            )
        for texts in compare(name, workers, args.rounds, args.seconds):
            table.row(*texts)
        for w in workers:
            w.stop()


if __name__ == "__main__":
    main()
