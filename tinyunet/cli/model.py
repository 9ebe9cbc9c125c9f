"""`tinyunet trace`: the network itself."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import Commands, add_channels


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "trace",
        help="print the shape after every stage of a U-Net",
        description="Runs zeros through a U-Net and prints the shape after every stage, as a table and as a drawing.",
    )
    add_channels(p, (64, 128, 256, 512))
    p.add_argument(
        "--in", type=int, default=3, dest="inside", metavar="N", help="image channels (default: %(default)s)"
    )
    p.add_argument("--out", type=int, default=3, metavar="N", help="output channels (default: %(default)s)")
    p.add_argument(
        "--size", type=int, nargs="+", default=[128], metavar="N", help="H W, or one for both (default: 128)"
    )
    p.add_argument("--no-skips", action="store_true", help="without skip connections")
    p.set_defaults(run=_trace)


def _trace(args: argparse.Namespace) -> int:
    from tinyunet.unet import UNet

    if len(args.size) > 2:
        raise ValueError(f"--size takes one or two numbers, not {len(args.size)}")
    model = UNet(args.inside, args.out, args.channels, skips=not args.no_skips)
    print(model.trace((1, args.inside, args.size[0], args.size[-1])))
    print(f"\n{sum(p.numel() for p in model.parameters()):,} parameters")
    return 0
