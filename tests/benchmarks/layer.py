"""One convolution layer, forward and backward, against PyTorch: tinyunet and its peers, as far as they are installed.

    pip install jax mygrad autograd tinygrad numba numpy-ml      any of them; tinygrad also needs clang
    python -m tests.benchmarks.layer

The input is 4×128×32×32, the weight 128×128×3×3, with padding 1 and bias, all float32; the gradients of input, weight
and bias are all wanted. Every library runs in a process of its own, in turns, after its results were found to be those
of PyTorch.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.peers import PEERS
from tests.benchmarks.report import Table, ratio
from tests.benchmarks.turns import Worker, alternate

TOLERANCE = 1e-4  # of the largest value, in float32


def check(name, found, expected):
    """Raise AssertionError unless y, dx, dw and db are those of PyTorch."""
    for key, values in np.load(expected).items():
        tolerance = TOLERANCE * np.abs(values).max()
        np.testing.assert_allclose(np.load(found)[key], values, 0, tolerance, err_msg=f"{key} of {name}")


def main():
    """Parse, check, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.layer", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of work in each turn, and at least one call")
    parser.add_argument("--patience", type=float, default=30, help="seconds; a slower one takes part in fewer rounds")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    args = parser.parse_args()

    workers, missing = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        results = {name: Path(folder, f"{name}.npz") for name in PEERS}
        for name, path in results.items():
            worker = Worker("peers", name, str(path))
            if "missing" in worker.facts:
                if name == "PyTorch":
                    raise SystemExit("PyTorch, with which all are compared, is not installed")
                missing[name] = worker.facts["missing"]
            else:
                check(name, path, results["PyTorch"])
                workers[name] = worker
    estimates = [w.milliseconds("layer", 0) for w in workers.values()]
    rounds = [min(args.rounds, max(3, int(args.patience * 1e3 / ms))) for ms in estimates]
    times = alternate([partial(w.milliseconds, "layer", args.seconds) for w in workers.values()], rounds)
    for w in workers.values():
        w.stop()

    print(workers["tinyunet"].facts["numpy"])
    print("medians of forward and backward of one layer, ratio to PyTorch (quartiles)\n")
    table = Table("library".ljust(34), "      ms", "ratio".rjust(20), "rounds", markdown=args.markdown)
    reference = times[:, list(workers).index("PyTorch")]
    rows = zip(workers.values(), times.T, rounds, strict=True)
    for worker, column, n in sorted(rows, key=lambda row: np.nanmedian(row[1] / reference)):
        table.row(worker.facts["version"], f"{np.nanmedian(column):.1f}", ratio(column, reference), str(n))
    for name, module in missing.items():
        table.row(f"{name} ({module} is not installed)", "–", "–", "–")


if __name__ == "__main__":
    main()
