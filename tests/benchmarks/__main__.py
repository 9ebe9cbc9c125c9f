"""The comparison with PyTorch: alternating processes, medians of many rounds."""

import argparse
from functools import partial

import numpy as np

from tests.benchmarks.report import Table, ratio
from tests.benchmarks.turns import Worker, alternate
from tests.benchmarks.worker import CONFIGURATIONS

SIDES = ("tinyunet", "PyTorch")


def compare(name, workers, rounds, seconds):
    """The row of one configuration."""
    c = CONFIGURATIONS[name]
    texts = [f"{name}: {' '.join(map(str, c.channels))}, {c.batch}×{c.planes}×{c.size}²"]
    for what in ("train", "infer"):
        times = alternate([partial(w.milliseconds, what, seconds) for w in workers], rounds)
        ours, theirs = np.median(times, axis=0)
        texts += [f"{ours:.1f} : {theirs:.1f}", ratio(*times.T)]
    for what in ("step", "process"):
        ours, theirs = (w.facts[what] for w in workers)
        texts += [f"{ours:.0f} : {theirs:.0f}", f"**{ours / theirs:.2f}**"]
    return texts


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
    table = None
    for name in args.names or CONFIGURATIONS:
        workers = [Worker("worker", side, name) for side in SIDES]
        if table is None:
            print("; ".join(w.facts["version"] for w in workers))
            print(f"medians of {args.rounds} rounds, {' : '.join(SIDES)}, ratio (quartiles)\n")
            table = Table(
                "channels, batch".ljust(31),
                *("training step, ms", "ratio".rjust(16), "   inference, ms", "ratio".rjust(16)),
                *("  step, MiB", "ratio", "process, MiB", "ratio"),
                markdown=args.markdown,
            )
        table.row(*compare(name, workers, args.rounds, args.seconds))
        for w in workers:
            w.stop()


if __name__ == "__main__":
    main()
