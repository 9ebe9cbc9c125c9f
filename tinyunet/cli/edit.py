"""`tinyunet edit`: a picture changed by an instruction, or painted anew in one place."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import PLAIN, Commands, Parser


def add(commands: Commands) -> None:
    commands.add_parser(
        "edit",
        arguments=_arguments,
        formatter_class=PLAIN,
        help="change a drawn picture by an instruction",
        description="Changes a picture as an instruction says. The network comes with tinyunet.\n\n"
        '  tinyunet sample "a small red circle at the top left, on blue" -o circle.png\n'
        '  tinyunet edit circle.png "make the circle green" -o green.png\n\n'
        "With --within, what a sentence says is painted in one place by diffusion, and the rest is kept:\n\n"
        '  tinyunet edit circle.png "a large yellow cross at the bottom right, on blue" --within "bottom right"',
        epilog="instructions, where THING is a shape, or a colour and a shape:\n"
        "  make the THING green          make the THING large         make the ground white\n"
        "  turn the THING into a cross   move the THING to the centre\n"
        "  remove the THING",
    )


def _arguments(p: Parser) -> None:
    from tinyunet.tasks.painter import STEPS

    p.add_argument("picture", metavar="PICTURE", help="as  tinyunet sample  draws them")
    p.add_argument("words", metavar="INSTRUCTION", help="what to change; with --within, what to paint there")
    p.add_argument(
        "--run", metavar="DIR", dest="folder", help="use the network of this run of  edit, or with --within of  text"
    )
    p.add_argument("-o", "--out", default="edited.png", metavar="FILE", help="PNG, or GIF of every step (%(default)s)")
    p.add_argument("--within", metavar="PLACE", help="paint this part anew: centre, top left …")
    within = p.add_argument_group("with --within")
    within.add_argument("--steps", type=int, metavar="N", help=f"from noise to picture ({STEPS})")
    within.add_argument("--seed", type=int, metavar="N", help="of the noise (0)")
    within.add_argument("--animate", metavar="FILE", help="write every step as GIF, too")
    p.set_defaults(run=_edit)


def _edit(args: argparse.Namespace) -> int:
    from tinyunet.data import DataError, instructions, sentences
    from tinyunet.data.things import MOST, read
    from tinyunet.tasks import editing, sampling
    from tinyunet.tasks.edit import Edit
    from tinyunet.tasks.text import Text

    noise = {name: n for name, n in (("seed", args.seed), ("steps", args.steps)) if n is not None}
    if args.within is None and (noise or args.animate):
        raise DataError("--steps, --seed and --animate are for --within; an instruction is followed without noise")
    picture, reading = editing.opened(args.picture)
    right = True
    if args.within is None:
        instruction = instructions.understand(args.words)
        asked = instructions.Change(reading.drawn, instruction, instructions.answers(reading.drawn, instruction))
        after, right = editing.edited(*sampling.trained(args.folder, Edit), picture, asked)
        states = [after[None]]
    else:
        scene, mask = sentences.understand(args.words), editing.around(args.within)
        task, model = sampling.trained(args.folder, Text)
        states = editing.within(task, model, picture, reading, mask, scene, **noise)
    for file in filter(None, (args.out, args.animate)):
        sampling.write(file, states)
        print(f"wrote {file}")
    print(sampling.told(read(states[-1][0], MOST, least=0)))
    if not right:
        print("which is not what was asked for")
    return 0
