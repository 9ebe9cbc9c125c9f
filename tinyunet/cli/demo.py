"""`tinyunet demo`."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import Commands


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "demo",
        help="a convolution by hand, the shape of the U, a U-Net trained in under a minute",
        description="Works out one convolution by hand, prints the U-Net's shapes, trains one on drawn cells, compares "
        "it with a threshold, and saves a picture of image, truth, prediction and training curve.",
    )
    p.add_argument("--picture", default="demo.png", metavar="FILE", help="where to save it (default: %(default)s)")
    p.add_argument("--steps", type=int, default=300, help="training steps (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0, help="of cells, weights and batches (default: %(default)s)")
    p.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> int:
    from tinyunet import demo

    demo.run(args.picture, args.steps, args.seed)
    return 0
