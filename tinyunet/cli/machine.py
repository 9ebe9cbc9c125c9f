"""`tinyunet doctor`: the machine."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import PLAIN, Commands


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "doctor",
        formatter_class=PLAIN,
        help="measure what this machine gives NumPy, and say what holds it back",
        description="Prints what NumPy computes with here and how many threads tinyunet uses, and measures for three\n"
        "seconds how fast that is now, beside all else that runs: matrix products and convolutions (GFLOP/s), copies\n"
        "of arrays (GB/s, read plus written), a training step of a small U-Net (ms).\n\n"
        "Then it names what holds NumPy back: limits and choices in environment variables, kernels that do not\n"
        "suit the processor, an old or unknown library. It changes nothing.",
    )
    p.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from tinyunet.machine import doctor

    print(doctor.report(doctor.examine()))
    return 0
