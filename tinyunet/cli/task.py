"""`tinyunet run`: a job of a U-Net, trained, measured against other methods, and drawn."""

from __future__ import annotations

import argparse

from tinyunet.cli.parser import PLAIN, Commands


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "run",
        formatter_class=PLAIN,
        help="do one of a U-Net's jobs: denoising, enlarging pictures, telling digits apart …",
        description="Trains a U-Net for one job, measures it on what it has not seen beside the methods that it must "
        "beat,\nand draws what it does.  tinyunet run --list  names the jobs.\n\n"
        "Ctrl-C saves and stops; the same command goes on as if nothing had happened.",
        epilog="DIR then holds picture.png, curve.png, measured.json, best.safetensors (the weights),\n"
        "last.safetensors (everything needed to go on) and settings.json.",
    )
    p.add_argument("task", nargs="?", metavar="TASK", help="which job; without, they are listed")
    p.add_argument("--list", action="store_true", help="say what each job shows, needs, and how long it takes")
    p.add_argument("--steps", type=int, metavar="N", help="training steps (default: as many as the job needs)")
    p.add_argument("--seed", type=int, metavar="N", help="of weights and batches (default: 0)")
    p.add_argument("--fast", action="store_true", help="everything small: seconds, to see that it runs")
    p.add_argument("--out", metavar="DIR", help="the folder of the run (default: runs/TASK)")
    p.add_argument(
        "--images", metavar="DIR", help="a folder of pictures to learn from (default: those that come along)"
    )
    p.add_argument("--apply", metavar="PICTURE", help="use it on a picture of yours; trains first if that is not done")
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from tinyunet.tasks import program, registry

    if args.list or args.task is None:
        print(registry.listing())
        return 0
    try:
        program.run(args.task, args.out, args.steps, args.seed, args.fast, args.images, args.apply)
    except KeyboardInterrupt as stop:
        if not stop.args:  # at once, or outside of the training
            print("\nStopped at once; the same command goes on from what was saved before.")
            return 130
        print("\nStopped; everything is saved, and the same command goes on.")
        return int(128 + stop.args[0])
    return 0
