"""`tinyunet train`, `predict` and `evaluate`: segmentation of pictures in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinyunet.cli.parser import PLAIN, Commands, Parser, add_channels

if TYPE_CHECKING:
    from tinyunet.tasks.segmentation import Settings
    from tinyunet.training import Trainer
    from tinyunet.unet import UNet


def add(commands: Commands) -> None:
    commands.add_parser(
        "train",
        arguments=_arguments_of_train,
        formatter_class=PLAIN,
        help="train a U-Net on a folder of pictures and masks",
        description="Trains a U-Net to find, in pictures, what their masks mark.\n\n"
        "Pictures and masks are PNG, TIFF or JPEG files of the same names in two folders. A mask has two values,\n"
        "0 and 1 or 0 and 255. The last pictures by name are kept to measure on while training.\n\n"
        "Ctrl-C saves and stops;  tinyunet train --resume RUN  goes on as if nothing had happened.",
        epilog="RUN then holds best.safetensors (the weights with the best Dice on the pictures kept),\n"
        "last.safetensors (everything needed to go on), settings.json and curve.png.",
    )

    p = commands.add_parser(
        "predict",
        help="mark the pixels of new pictures",
        description="Writes, for every picture, NAME_mask.png (0 and 255) and NAME_probability.png (16 bits, 65535 is "
        "certain). Pictures may have any size; large ones are cut into overlapping tiles.",
    )
    p.add_argument("folder", metavar="RUN", help="the folder of a training")
    p.add_argument("pictures", nargs="+", metavar="IMAGE", help="PNG, TIFF or JPEG files")
    p.add_argument("--out", required=True, metavar="DIR", help="where to write the results")
    p.set_defaults(run=_predict)

    p = commands.add_parser(
        "evaluate",
        help="measure a trained U-Net against masks, and against thresholds",
        description="Prints Dice, IoU, pixel accuracy and ROC AUC over all pixels, for every picture and together, and "
        "for comparison those of thresholds, which need no learning.",
    )
    p.add_argument("folder", metavar="RUN", help="the folder of a training")
    p.add_argument("--images", required=True, metavar="DIR", help="the pictures")
    p.add_argument("--masks", required=True, metavar="DIR", help="their masks")
    p.add_argument("--held-out", action="store_true", help="only pictures that the run did not train on")
    p.set_defaults(run=_evaluate)


def _arguments_of_train(p: Parser) -> None:
    from tinyunet.tasks.settings import Settings

    p.add_argument("--images", metavar="DIR", help="the pictures")
    p.add_argument("--masks", metavar="DIR", help="their masks")
    p.add_argument("--out", metavar="RUN", help="a new folder for the results")
    p.add_argument("--resume", metavar="RUN", help="continue this run, with its own settings")
    for name, type_, help_ in (
        ("validation", int, "how many pictures to keep for validation (default: a fifth of them)"),
        ("steps", int, "training steps (default: %(default)s)"),
        ("batch", int, "pictures in a step (default: %(default)s)"),
        ("crop", int, "side of the random squares that are cut out (default: %(default)s)"),
        ("lr", float, "learning rate of Adam, falling to 0 along a cosine (default: %(default)s)"),
        ("seed", int, "of weights and crops: the same seed, the same result (default: %(default)s)"),
    ):
        p.add_argument(f"--{name}", type=type_, default=getattr(Settings, name), metavar="N", help=help_)
    p.add_argument(
        "--foreground",
        choices=("light", "dark"),
        default=Settings.foreground,
        help="which pixels of the masks to find (default: %(default)s)",
    )
    add_channels(p, Settings.channels)
    p.add_argument("--elastic", action="store_true", help="bend the pictures too, as in the U-Net paper (slower)")
    p.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> int:
    from tinyunet import plot
    from tinyunet.data import DataError
    from tinyunet.tasks import segmentation
    from tinyunet.tasks.segmentation import Settings

    given = {name: getattr(args, name) for name in Settings.__dataclass_fields__ if hasattr(args, name)}
    given["channels"] = tuple(given["channels"])
    if args.resume:
        if args.images or args.masks or args.out:
            raise DataError("--resume RUN takes pictures and settings from the run; leave out --images, --masks, --out")
        out, (trainer, settings) = args.resume, segmentation.resume(args.resume)
    else:
        missing = [f"--{name}" for name in ("images", "masks", "out") if not getattr(args, name)]
        if missing:
            raise DataError(f"train needs {', '.join(missing)} (or --resume RUN to go on)")
        given |= {name: str(Path(given[name]).resolve()) for name in ("images", "masks")}
        out, settings = args.out, Settings(**given)
        trainer = segmentation.start(settings, out)
    _describe(trainer, settings)
    try:
        trainer.run(settings.steps)
    except KeyboardInterrupt:
        print(f"\nStopped after step {trainer.step} of {settings.steps}; everything is saved. To go on:")
        print(f"  tinyunet train --resume {out}")
        return 130
    plot.save(plot.training_curve(trainer.losses, trainer.scores), Path(out) / "curve.png")
    print(f"Done. Weights and training curve are in {out}.")
    return 0


def _describe(trainer: Trainer[UNet], settings: Settings) -> None:
    from tinyunet.tasks import segmentation

    weights = sum(p.numel() for p in trainer.model.parameters())
    _, held_out = segmentation.split_names(settings)
    print(
        f"U-Net {' '.join(map(str, settings.channels))} ({weights:,} weights), {settings.steps} steps of "
        f"{settings.batch} squares {settings.crop}×{settings.crop}; validation: {', '.join(held_out) or 'none'}"
    )


def _predict(args: argparse.Namespace) -> int:
    from tinyunet.tasks import segmentation

    model, _ = segmentation.load(args.folder)
    for picture, mask, share in segmentation.predict_files(model, args.pictures, args.out):
        print(f"{picture}: {share:.1%} marked -> {mask}")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from tinyunet.data import DataError
    from tinyunet.tasks import segmentation

    model, settings = segmentation.load(args.folder)
    dataset = segmentation.read(args.images, args.masks, settings.foreground)
    new = segmentation.not_trained_on(settings, args.images, dataset)
    seen = len(dataset.names) - len(new.names)
    if args.held_out:
        dataset = new
        if not dataset.names:
            raise DataError("the run trained on all of these pictures; there are none held out")
    elif seen:
        print(f"Beware: the run trained on {seen} of these {len(dataset.names)}; --held-out leaves them out.")
    rows = segmentation.evaluate(model, dataset)
    width = max(len(name) for name, _ in rows)
    print(f"{'':{width}}   Dice    IoU  accuracy    AUC")
    for name, s in rows:
        print(f"{name:{width}}  {s.dice:.3f}  {s.iou:.3f}     {s.accuracy:.3f}  {s.auc:.3f}")
    return 0
