"""`tinyunet train`, `predict` and `evaluate`: segmentation of pictures in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyunet.cli.parser import PLAIN, Commands, Parser, add_channels

if TYPE_CHECKING:
    from tinyunet.tasks.segmentation import Run


def add(commands: Commands) -> None:
    commands.add_parser(
        "train",
        arguments=_arguments_of_train,
        formatter_class=PLAIN,
        help="train a U-Net on a folder of pictures and masks",
        description="Trains a U-Net to find, in pictures, what their masks mark.\n\n"
        "Pictures and masks are files of the same names in two folders: PNG, TIFF, JPEG and what else Pillow reads.\n"
        "A mask has two values, such as 0 and 255, or a grey or colour for each of several classes.\n"
        "The last pictures by name are kept to measure on while training.\n\n"
        "Ctrl-C saves and stops;  tinyunet train --resume RUN  goes on as if nothing had happened.",
        epilog="RUN then holds best.safetensors (the weights with the best score on the pictures kept),\n"
        "last.safetensors (everything needed to go on), settings.json, history.csv (losses and scores), curve.png\n"
        "and picture.png (pictures kept, their masks, what the network marks, and where it errs).",
    )

    p = commands.add_parser(
        "predict",
        formatter_class=PLAIN,
        help="mark the pixels of new pictures",
        description="Writes, for every picture, NAME_mask.png (0 and 255, or each class in its colour) and\n"
        "NAME_probability.png (16 bits, 65535 is certain). Pictures may have any size; large ones are cut into\n"
        "overlapping tiles. Nothing is written over but results of predict, and none of them is taken for a picture.",
    )
    p.add_argument("folder", metavar="RUN", help="the folder of a training")
    p.add_argument("pictures", nargs="+", metavar="IMAGE", help="pictures, folders of pictures, or patterns")
    p.add_argument("--out", required=True, metavar="DIR", help="where to write the results")
    p.add_argument("--overlay", action="store_true", help="also write NAME_overlay.png: what is marked, in the picture")
    p.add_argument(
        "--threshold",
        type=float,
        metavar="P",
        help="mark what is more probable than this (default: 0.5); not for classes",
    )
    p.set_defaults(run=_predict)

    p = commands.add_parser(
        "evaluate",
        help="measure a trained U-Net against masks, and against thresholds",
        description="Prints Dice, IoU, precision, recall, pixel accuracy and ROC AUC over all pixels, for every "
        "picture and together, and for comparison those of thresholds, which need no learning. Of several classes it "
        "prints the scores of each.",
    )
    p.add_argument("folder", metavar="RUN", help="the folder of a training")
    p.add_argument("--images", required=True, metavar="DIR", help="the pictures")
    p.add_argument("--masks", required=True, metavar="DIR", help="their masks")
    p.add_argument(
        "--held-out", action="store_true", help="only pictures that the run did not train on, whatever they are called"
    )
    p.set_defaults(run=_evaluate)


def _arguments_of_train(p: Parser) -> None:
    from tinyunet.tasks.settings import Settings

    p.add_argument("--images", metavar="DIR", help="the pictures")
    p.add_argument("--masks", metavar="DIR", help="their masks")
    p.add_argument("--out", metavar="RUN", help="a new folder for the results")
    p.add_argument("--resume", metavar="RUN", help="continue this run; with --steps, for so many steps in all")
    p.add_argument("--mask-suffix", metavar="TEXT", help="what the names of masks have in addition, such as _mask")
    p.add_argument(
        "--mask-threshold", type=float, metavar="N", help="in grey masks, what is brighter than this is the thing"
    )
    p.add_argument(
        "--classes",
        nargs="+",
        metavar="VALUE",
        help="the classes in the masks, in their order: greys, or colours such as #ff0000 (default: all found)",
    )
    p.add_argument("--ignore", metavar="VALUE", help="the grey or colour of pixels that count for nothing")
    p.add_argument("--validation-images", metavar="DIR", help="other pictures to measure on while training")
    p.add_argument("--validation-masks", metavar="DIR", help="their masks")
    for name, type_, help_ in (
        ("validation", int, "how many pictures to keep for validation (default: a fifth of them, at most 20)"),
        ("steps", int, "training steps (default: {})"),
        ("patience", int, "stop after so many validations, one in 100 steps, without a better score"),
        ("batch", int, "pictures in a step (default: {})"),
        ("crop", int, "side of the random squares that are cut out (default: {}, or less if pictures are smaller)"),
        ("lr", float, "learning rate of Adam, falling to 0 along a cosine (default: {})"),
        ("jitter", float, "vary brightness and contrast by up to so much, such as 0.2 (default: not)"),
        ("seed", int, "of weights and crops: the same seed, the same result (default: {})"),
    ):
        p.add_argument(f"--{name}", type=type_, metavar="N", help=help_.format(getattr(Settings, name)))
    p.add_argument(
        "--foreground",
        choices=("light", "dark"),
        help=f"which pixels of masks with two values to find (default: {Settings.foreground})",
    )
    add_channels(p, Settings.channels)
    p.add_argument(
        "--elastic", action="store_const", const=True, help="bend the pictures too, as in the U-Net paper (slower)"
    )
    p.set_defaults(run=_train, channels=None)


def _train(args: argparse.Namespace) -> int:
    from tinyunet import plot
    from tinyunet.data import DataError
    from tinyunet.tasks import segmentation
    from tinyunet.tasks.segmentation import Settings
    from tinyunet.tasks.segmentation.shown import deciding

    asked = {name: getattr(args, name, None) for name in Settings.__dataclass_fields__}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    given |= {name: tuple(given[name]) for name in ("channels", "classes") if name in given}
    for name in ("images", "masks", "validation_images", "validation_masks"):
        if name in given:
            given[name] = str(Path(given[name]).resolve())
    if args.resume:
        if args.out:
            raise DataError("--resume RUN goes on in the folder of the run; leave out --out")
        out, run = args.resume, segmentation.resume(args.resume, given)
    else:
        missing = [f"--{name}" for name in ("images", "masks", "out") if not getattr(args, name)]
        if missing:
            raise DataError(f"train needs {', '.join(missing)} (or --resume RUN to go on)")
        out, run = args.out, segmentation.start(Settings(**given), args.out)
    trainer, settings = run.trainer, run.settings
    for line in segmentation.describe(run):
        print(line)
    try:
        trainer.run(settings.steps, patience=settings.patience)
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, MemoryError, OSError) as error:
        return _stopped(error, run, out)
    plot.save(plot.training_curve(trainer.losses, deciding(trainer.scores)), Path(out) / "curve.png")
    plot.save(segmentation.run_picture(run), Path(out) / "picture.png")
    for line in segmentation.outcome(run, out):
        print(line)
    return 0


def _stopped(error: BaseException, run: Run, out: str) -> int:
    """Say why a training stopped, what is saved of it, and how it goes on."""
    from tinyunet.data import DataError

    trainer, settings = run.trainer, run.settings
    saved, step = trainer.saved() or 0, trainer.step
    kept = f"saved is step {saved}" + (f", the {step - saved} after it are lost" if step > saved else "")
    if isinstance(error, MemoryError):
        raise DataError(
            f"there is not enough memory for a step of {settings.batch} squares {settings.crop}×{settings.crop} "
            f"({error}); {kept}. Close other programs and go on with --resume {out}, or start another run with a "
            "smaller --batch, --crop or --channels"
        ) from None
    if isinstance(error, OSError):
        raise DataError(f"{error}; {kept}. When that is mended:  tinyunet train --resume {out}") from None
    kept = "everything is saved" if saved == step else kept
    print(f"\nStopped after step {step} of {settings.steps}; {kept}. To go on:")
    print(f"  tinyunet train --resume {out}")
    return 128 + (error.args[0] if error.args else 2)


def _predict(args: argparse.Namespace) -> int:
    from tinyunet.data import DataError
    from tinyunet.tasks import segmentation
    from tinyunet.tasks.segmentation.predicting import pictures_of, write_legend
    from tinyunet.tasks.segmentation.shown import class_names

    model, settings = segmentation.load(args.folder)
    meaning = settings.what_masks_mean()
    if args.threshold is not None and (meaning.classes > 1 or not 0 < args.threshold < 1):
        raise DataError("--threshold is a probability between 0 and 1, for masks of two values")
    for line in pictures_of(args.pictures)[1]:
        print(f"left out: {line}")
    threshold = 0.5 if args.threshold is None else args.threshold
    for done in segmentation.predict_files(model, args.pictures, args.out, meaning, threshold, args.overlay):
        print(f"{done.picture}: {_marked(done.shares, class_names(meaning))} -> {done.mask}")
    if meaning.classes > 1:
        print(f"The colours of the classes are in {write_legend(args.out, meaning)}.")
    return 0


def _marked(shares: Any, names: list[str]) -> str:
    if len(shares) == 2 and names == ["0", "1"]:
        return f"{shares[1]:.1%} marked"
    return ", ".join(f"{name}: {share:.1%}" for name, share in zip(names, shares, strict=True) if share)


def _evaluate(args: argparse.Namespace) -> int:
    from tinyunet.data import DataError
    from tinyunet.tasks import segmentation

    model, settings = segmentation.load(args.folder)
    dataset = segmentation.read_like(settings, args.images, args.masks)
    new = segmentation.not_trained_on(settings, dataset)
    seen = len(dataset.names) - len(new.names)
    if args.held_out:
        dataset = new
        if not dataset.names:
            raise DataError("the run trained on all of these pictures; there are none held out")
        if seen:
            print(f"Left out: {seen} that the run trained on.")
    elif seen:
        print(f"Beware: the run trained on {seen} of these {len(dataset.names)}; --held-out leaves them out.")
    tables = segmentation.tables_of_classes if dataset.meaning.classes > 1 else segmentation.table
    for line in tables(model, dataset):
        print(line)
    return 0
