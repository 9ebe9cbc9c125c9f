"""`tinyunet sample`: a picture of a sentence."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import PLAIN, Commands, Parser


def add(commands: Commands) -> None:
    commands.add_parser(
        "sample",
        arguments=_arguments,
        formatter_class=PLAIN,
        help="draw a picture of a sentence, by diffusion",
        description="Draws what a sentence says, out of noise. The network comes with tinyunet.\n\n"
        '  tinyunet sample "a small red circle at the top left, on blue" -o circle.png',
    )


def _arguments(p: Parser) -> None:
    from tinyunet.data.sentences import FORM
    from tinyunet.tasks.painter import GUIDANCE, STEPS

    p.add_argument("sentence", metavar="SENTENCE", help=f'what to draw, such as "{FORM}"')
    p.add_argument(
        "--run", metavar="DIR", dest="folder", help="use the network of this run of  tinyunet run text  or  latent"
    )
    p.add_argument("-o", "--out", default="sample.png", metavar="FILE", help="PNG, or GIF of every step (%(default)s)")
    p.add_argument("--count", type=int, default=1, metavar="N", help="pictures, each of other noise (%(default)s)")
    p.add_argument("--steps", type=int, default=STEPS, metavar="N", help="from noise to picture (%(default)s)")
    p.add_argument(
        "--guidance", type=float, default=GUIDANCE, metavar="W", help="how much the words count (%(default)s)"
    )
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (%(default)s)")
    p.add_argument("--animate", metavar="FILE", help="write every step as GIF, too")
    p.set_defaults(run=_sample)


def _sample(args: argparse.Namespace) -> int:
    from tinyunet.data.sentences import tokens, understand
    from tinyunet.data.things import read
    from tinyunet.tasks import sampling
    from tinyunet.tasks.latent import Latent
    from tinyunet.tasks.text import Text

    condition = tokens([understand(args.sentence)] * args.count), args.guidance
    task, model = sampling.trained(args.folder, Text, Latent)
    states = sampling.way(task, model, *condition, count=args.count, seed=args.seed, steps=args.steps)
    for file in filter(None, (args.out, args.animate)):
        sampling.write(file, states)
        print(f"wrote {file}")
    for picture in states[-1]:
        print(sampling.told(read(picture)))
    return 0
