"""Training on a busy machine: steps per second beside busy loops, and of several learners at once.

    python -m tests.benchmarks.load                     R1, R2, R3 and M: half an hour
    python -m tests.benchmarks.load R2 --rounds 7       only this configuration, more rounds
    python -m tests.benchmarks.load --before DIR        and the tinyunet of an older checkout
    python -m tests.benchmarks.load R2 --figure load.png
    python -m tests.benchmarks.load --demo              `tinyunet demo` beside two busy loops, against quiet

tinyunet as it is by default, with one thread, and PyTorch take turns, under one load after the other. What is started
here ends with this program, however that ends.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import NamedTuple

import numpy as np

from tests.benchmarks.barrier import draw
from tests.benchmarks.report import Table, ratio
from tests.benchmarks.turns import PATIENCE, REST, ROOT, Worker, alternate, unlimited
from tests.benchmarks.worker import CONFIGURATIONS
from tinyunet import plot

NAMES = "R1", "R2", "R3", "M"
START = 2  # seconds until a worker is ready, about
# It ends by itself when the process that started it is no longer there, even if that was killed.
BUSY_LOOP = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(10**6): pass"


class Load(NamedTuple):
    """What the machine has to do at once: trainings of which we count the steps, and processes in a busy loop."""

    learners: int
    loops: int

    def __str__(self):
        if self.loops:
            return f"beside {self.loops} busy loop{'s' if self.loops > 1 else ''}"
        return "quiet" if self.learners == 1 else f"{self.learners} learners at once"


LOADS = [Load(1, 0), Load(1, 1), Load(1, 2), Load(1, 4), Load(3, 0), Load(6, 0)]


@contextlib.contextmanager
def busy(loops):
    """As many processes that compute all the time, until the `with` ends."""
    processes = []
    try:
        for _ in range(loops):
            command = [sys.executable, "-c", BUSY_LOOP, str(os.getpid())]
            processes.append(subprocess.Popen(command, start_new_session=True))
        time.sleep(REST)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def steps_per_second(workers, load, seconds, answers):
    """Of all learners together. What each answers is added to `answers`: its own, and processor time in ms."""
    learners = workers[: load.learners]
    with busy(load.loops):
        for worker in learners:
            worker.ask(how="per_second", what="train", seconds=seconds)
        answers.append(np.array([worker.answer() for worker in learners]))
    return answers[-1][:, 0].sum()


def sides(before):
    """The arguments of the workers of every side."""
    ours = {"by default": ["tinyunet"], "one thread": ["tinyunet", "--threads", "1"]}
    if before:
        ours["before"] = ["tinyunet", "--checkout", os.path.abspath(before)]
    return ours | {"PyTorch": ["PyTorch"]}


def spread(values):
    """The median and the quartiles."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.3g} ({low:.3g}–{high:.3g})"


def compare(name, compared, rounds, seconds, markdown):
    """Print the table of one configuration → steps per second (loads, rounds, sides) of all learners together."""
    c = CONFIGURATIONS[name]
    results = []
    with contextlib.ExitStack() as stack:
        workers = {side: [] for side in compared}
        for side, (library, *options) in compared.items():
            for _ in range(max(load.learners for load in LOADS)):
                workers[side].append(Worker("worker", library, name, *options))
                stack.callback(workers[side][-1].stop)
        facts = {side: those[0].facts["version"] for side, those in workers.items()}
        print("; ".join(f"{side}: {version}" for side, version in facts.items()))
        against = [side for side in compared if side != "by default"]
        table = Table(
            f"{name}: {' '.join(map(str, c.channels))}, {c.batch}×{c.planes}×{c.size}²".ljust(32),
            *(f"{side}, steps/s".rjust(21) for side in compared),
            *(f"by default : {side}".rjust(24) for side in against),
            markdown=markdown,
        )
        for load in LOADS:
            answers = [[] for _ in compared]
            measures = [
                partial(steps_per_second, those, load, seconds, noted)
                for those, noted in zip(workers.values(), answers, strict=True)
            ]
            results.append(alternate(measures, rounds))
            totals = dict(zip(compared, results[-1].T, strict=True))
            ratios = [ratio(totals["by default"], totals[side]) for side in against]
            table.row(str(load), *map(spread, totals.values()), *ratios)
            rates, used = np.moveaxis(answers, -1, 0)  # (sides, rounds, learners)
            if load.learners > 1:
                slow, *_, fast = np.median(np.sort(rates), axis=1).T
                table.row(
                    "– the slowest to the fastest", *map("{:.3g} to {:.3g}".format, slow, fast), *("" for _ in against)
                )
            milliseconds = np.median(used, axis=(1, 2))
            table.row("– processor time of a step, ms", *map("{:.0f}".format, milliseconds), *("" for _ in against))
    print()
    return np.array(results)


def demo(loops):
    """Seconds that `tinyunet demo` takes."""
    with busy(loops), tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tinyunet", "demo", "--picture", os.path.join(folder, "demo.png")]
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=unlimited(), stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began


def compare_demo(rounds):
    """Print how long it takes beside two busy loops, against quiet."""
    quiet, loaded = alternate([partial(demo, 0), partial(demo, 2)], rounds).T
    print(f"tinyunet demo: quiet {spread(quiet)} s, beside 2 busy loops {spread(loaded)} s: {ratio(loaded, quiet)}")


def main():
    """Parse, say how long it takes, compare, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="R", help=f"of {', '.join(CONFIGURATIONS)} (default: {NAMES})")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of work in each turn")
    parser.add_argument("--before", metavar="DIR", help="an older checkout, whose tinyunet is measured as well")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--figure", metavar="FILE", help="draw steps per second against load to this file")
    parser.add_argument("--demo", action="store_true", help="measure `tinyunet demo` instead")
    args = parser.parse_args()
    if args.demo:
        compare_demo(args.rounds)
        return
    names, compared = args.names or NAMES, sides(args.before)
    if unknown := set(names) - set(CONFIGURATIONS):
        parser.error(f"there is no configuration {', '.join(sorted(unknown))}")
    turns, learners = len(LOADS) * args.rounds, max(load.learners for load in LOADS)
    seconds = len(names) * len(compared) * (turns * (args.seconds + REST) + learners * START)
    print(
        f"medians of {args.rounds} rounds (quartiles), {args.seconds:g} s each. All takes about {seconds / 60:.0f} "
        f"minutes; where a step is longer than a round, up to {PATIENCE} times as long\n"
    )
    results = {
        name: dict(zip(compared, compare(name, compared, args.rounds, args.seconds, args.markdown).T, strict=True))
        for name in names
    }
    if args.figure:
        plot.save(draw(results, LOADS), args.figure)


if __name__ == "__main__":
    main()
