"""`tinyunet size`: the size of a result alone."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import PLAIN, Commands


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "size",
        formatter_class=PLAIN,
        help="work out the size of a layer's result, or of a chain: parameters, multiplications, receptive field",
        description="Works out the size of a result from the size of the input alone, with the arithmetic, and\n"
        "with the parameters, multiplications and receptive field of every layer.\n\n"
        "A layer is its name and what PyTorch's layer takes after in_channels, in the same order or by name:\n"
        "conv:64,3  conv:64,3,padding=1  conv:k=3,s=2,p=1  pool:2  avgpool:3,2,ceil_mode=true  up:64,2,2  relu  bn\n"
        "flatten  linear:10  softmax  cat:64 (64 channels put beside, by a skip). A pair for rows and columns is 3x5.",
        epilog="for example:\n"
        "  tinyunet size conv:k=3,s=2,p=1 --input 224\n"
        "  tinyunet size conv:64,3 relu conv:64,3 relu pool:2 --input 1x572x572\n"
        "  tinyunet size conv:k=3,s=2,p=1 --input 224 --answer 111     (right, or which mistake it is)\n",
    )
    p.add_argument("layers", nargs="+", metavar="LAYER", help="one layer, or several, the first one first")
    p.add_argument("--input", required=True, metavar="SIZE", help="such as 32, 32x48 or 3x32x32 (channels first)")
    p.add_argument("--answer", metavar="SIZE", help="check this size; exit code 1 if it is wrong")
    p.add_argument("--format", choices=("text", "markdown", "latex"), default="text", help="(default: %(default)s)")
    p.set_defaults(run=_size)


def _size(args: argparse.Namespace) -> int:
    from tinyunet import byhand

    try:
        size = byhand.size(args.layers, args.input)
        verdict = None if args.answer is None else size.check(args.answer)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if verdict is not None:
        print(verdict)
        return 0 if verdict else 1
    print(getattr(size, args.format)())
    return 0
