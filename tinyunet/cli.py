"""The command `tinyunet`: parses, calls, prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tinyunet import __version__, demo, plot
from tinyunet.byhand import examples
from tinyunet.byhand.examples import example
from tinyunet.byhand.lab import server as lab
from tinyunet.byhand.worksheets import sheets as worksheet
from tinyunet.data import DataError, read_image, write_mask, write_probability
from tinyunet.machine import doctor
from tinyunet.tasks import segmentation
from tinyunet.tasks.segmentation import Settings
from tinyunet.training import Trainer
from tinyunet.unet import UNet


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and where to read on."""
        self.exit(2, f"tinyunet: error: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="tinyunet",
        formatter_class=plain,
        description="A U-Net from scratch in NumPy. Start with  tinyunet demo  (it takes a minute).",
        epilog=(
            "with pictures of your own, in one folder, and their masks, of the same names, in another:\n"
            "  tinyunet train --images pictures --masks masks --out run\n"
            "  tinyunet evaluate run --images pictures --masks masks --held-out\n"
            "  tinyunet predict run new/*.png --out predictions\n"
        ),
    )
    parser.add_argument("--version", action="version", version=f"tinyunet {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    p = commands.add_parser(
        "demo",
        help="a convolution by hand, the shape of the U, a U-Net trained in under a minute",
        description="Works out one convolution by hand, prints the U-Net's shapes, trains one on drawn cells, compares "
        "it with a threshold, and saves a picture of image, truth, prediction and training curve.",
    )
    p.add_argument("--picture", default="demo.png", metavar="FILE", help="where to save it (default: %(default)s)")
    p.add_argument("--steps", type=int, default=300, help="training steps (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0, help="of cells, weights and batches (default: %(default)s)")

    p = commands.add_parser(
        "train",
        formatter_class=plain,
        help="train a U-Net on a folder of pictures and masks",
        description="Trains a U-Net to find, in pictures, what their masks mark.\n\n"
        "Pictures and masks are PNG, TIFF or JPEG files of the same names in two folders. A mask has two values,\n"
        "0 and 1 or 0 and 255. The last pictures by name are kept to measure on while training.\n\n"
        "Ctrl-C saves and stops;  tinyunet train --resume RUN  goes on as if nothing had happened.",
        epilog="RUN then holds best.safetensors (the weights with the best Dice on the pictures kept),\n"
        "last.safetensors (everything needed to go on), settings.json and curve.png.",
    )
    p.add_argument("--images", metavar="DIR", help="the pictures")
    p.add_argument("--masks", metavar="DIR", help="their masks")
    p.add_argument("--out", metavar="RUN", help="a new folder for the results")
    p.add_argument("--resume", metavar="RUN", help="continue this run, with its own settings")
    defaults: dict[str, Any] = {name: field.default for name, field in Settings.__dataclass_fields__.items()}
    for name, type_, help_ in (
        ("validation", int, "how many pictures to keep for validation (default: a fifth of them)"),
        ("steps", int, "training steps (default: %(default)s)"),
        ("batch", int, "pictures in a step (default: %(default)s)"),
        ("crop", int, "side of the random squares that are cut out (default: %(default)s)"),
        ("lr", float, "learning rate of Adam, falling to 0 along a cosine (default: %(default)s)"),
        ("seed", int, "of weights and crops: the same seed, the same result (default: %(default)s)"),
    ):
        p.add_argument(f"--{name}", type=type_, default=defaults[name], metavar="N", help=help_)
    p.add_argument(
        "--foreground",
        choices=("light", "dark"),
        default=defaults["foreground"],
        help="which pixels of the masks to find (default: %(default)s)",
    )
    _add_channels(p, defaults["channels"])
    p.add_argument("--elastic", action="store_true", help="bend the pictures too, as in the U-Net paper (slower)")

    p = commands.add_parser(
        "predict",
        help="mark the pixels of new pictures",
        description="Writes, for every picture, NAME_mask.png (0 and 255) and NAME_probability.png (16 bits, 65535 is "
        "certain). Pictures may have any size; large ones are cut into overlapping tiles.",
    )
    p.add_argument("run", metavar="RUN", help="the folder of a training")
    p.add_argument("pictures", nargs="+", metavar="IMAGE", help="PNG, TIFF or JPEG files")
    p.add_argument("--out", required=True, metavar="DIR", help="where to write the results")

    p = commands.add_parser(
        "evaluate",
        help="measure a trained U-Net against masks, and against thresholds",
        description="Prints Dice, IoU, pixel accuracy and ROC AUC over all pixels, for every picture and together, and "
        "for comparison those of thresholds, which need no learning.",
    )
    p.add_argument("run", metavar="RUN", help="the folder of a training")
    p.add_argument("--images", required=True, metavar="DIR", help="the pictures")
    p.add_argument("--masks", required=True, metavar="DIR", help="their masks")
    p.add_argument("--held-out", action="store_true", help="only pictures that the run did not train on")

    p = commands.add_parser(
        "trace",
        help="print the shape after every stage of a U-Net",
        description="Runs zeros through a U-Net and prints the shape after every stage, as a table and as a drawing.",
    )
    _add_channels(p, (64, 128, 256, 512))
    p.add_argument(
        "--in", type=int, default=3, dest="inside", metavar="N", help="image channels (default: %(default)s)"
    )
    p.add_argument("--out", type=int, default=3, metavar="N", help="output channels (default: %(default)s)")
    p.add_argument(
        "--size", type=int, nargs="+", default=[128], metavar="N", help="H W, or one for both (default: 128)"
    )
    p.add_argument("--no-skips", action="store_true", help="without skip connections")

    p = commands.add_parser(
        "byhand",
        formatter_class=plain,
        help="work out an operation on a few numbers, every product of it",
        description="Shows an example, built in or from a file, and works out the elements that it asks for.",
        epilog=example.__doc__,
    )
    p.add_argument("example", nargs="?", metavar="NAME|FILE", help="a built-in example, or a TOML file")
    p.add_argument("--list", action="store_true", help="the built-in examples")
    p.add_argument("--at", type=_index, metavar="I,J,…", help="the element to work out, such as 0,1,1")
    p.add_argument("--grad", metavar="ARRAY", help="work out the gradient of this array, such as w")
    p.add_argument(
        "--format",
        choices=("text", "markdown", "latex", "html"),
        default="text",
        help="html is a page to click through (default: %(default)s)",
    )
    p.add_argument("--figure", metavar="FILE", help="also draw the first of the elements")
    p.add_argument("--animate", metavar="FILE", help="also draw a GIF of the window as it slides")

    p = commands.add_parser(
        "check",
        help="say whether answers worked out by hand are right, or which mistake leads to them",
        description="Checks the answers in TOML files (see  tinyunet byhand --help) without saying what is right. The "
        "exit code is 0 if all answers are right, 1 if one is wrong or missing (in an example, only beside others), 2 "
        "for a file that cannot be used.",
    )
    p.add_argument("files", nargs="+", metavar="FILE", help="TOML files with answers")
    p.add_argument(
        "--sheet",
        metavar="CODE",
        help="grade a worksheet by the code that is printed on it, such as conv2d:7:2. FILE then has a line "
        "such as 2a = 1/2 or 3 = 1 2; 3 4 or 3 = [[1, 2], [3, 4]] for every answer; or they are given here: "
        '1=35 "3=1 2; 3 4"',
    )

    p = commands.add_parser(
        "worksheet",
        formatter_class=plain,
        help="write a worksheet for a pencil, and its key",
        description="Writes problems on one operation, and a key with every product and the mistake behind each wrong\n"
        "answer. The same topic, seed and level make the same problems, and are the code on the sheet, together with\n"
        "the number of problems if it is not six.",
        epilog="the class gets the sheet, the teacher the key; to check answers, which does not show the right ones:\n"
        "  tinyunet worksheet conv2d --seed 7 --level 2 --out sheet.pdf --key key.pdf\n"
        '  tinyunet check --sheet conv2d:7:2 1a=3 1b=1/2 "2=1 2; 3 4"\n'
        "  tinyunet check --sheet conv2d:7:2 answers.txt\n",
    )
    p.add_argument("topic", nargs="?", metavar="TOPIC", help="what to practise, such as conv2d")
    p.add_argument("--list", action="store_true", help="the topics and their levels")
    for name, default, help_ in (
        ("seed", 0, "another seed, another sheet (default: %(default)s)"),
        ("level", 1, "each adds one thing (default: %(default)s)"),
        ("problems", worksheet.USUAL, "how many (default: %(default)s)"),
    ):
        p.add_argument(f"--{name}", type=int, default=default, metavar="N", help=help_)
    p.add_argument("--out", metavar="FILE", help="the sheet, as .pdf, .html or .md (without it, it is printed here)")
    p.add_argument("--key", metavar="FILE", help="its key, as .pdf, .html or .md")

    p = commands.add_parser(
        "lab",
        help="open a page to work operations out on numbers of your own, and have answers checked",
        description="Opens a page in the browser; all of it stays on this machine. Choose an operation, type numbers, "
        "and see every product behind every result; type answers, and see what went wrong. Ctrl-C ends it.",
    )
    p.add_argument("--port", type=int, default=0, metavar="N", help="of the page's address (default: any that is free)")
    p.add_argument("--no-browser", action="store_true", help="only print the address")

    commands.add_parser(
        "doctor",
        formatter_class=plain,
        help="measure what this machine gives NumPy, and say what holds it back",
        description="Prints what NumPy computes with here, and measures for two seconds how fast that is: matrix\n"
        "products (GFLOP/s), copies of arrays (GB/s, read plus written), a training step of a small U-Net (ms).\n\n"
        "Then it names what holds NumPy back: limits and choices in environment variables, kernels that do not\n"
        "suit the processor, an old or unknown library, other programs. It changes nothing.",
    )
    return parser


def _index(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(k) for k in text.split(",") if k)
    except ValueError:
        raise argparse.ArgumentTypeError(f"integers such as 0,1,1 are needed, not {text!r}") from None


def _add_channels(parser: argparse.ArgumentParser, default: tuple[int, ...]) -> None:
    shown = " ".join(map(str, default))
    parser.add_argument(
        "--channels",
        type=int,
        nargs="+",
        default=default,
        metavar="N",
        help=f"of every level, each half the size of the one before (default: {shown})",
    )


def _train(args: argparse.Namespace) -> int:
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
    weights = sum(p.numel() for p in trainer.model.parameters())
    _, held_out = segmentation.split_names(settings)
    print(
        f"U-Net {' '.join(map(str, settings.channels))} ({weights:,} weights), {settings.steps} steps of "
        f"{settings.batch} squares {settings.crop}×{settings.crop}; validation: {', '.join(held_out) or 'none'}"
    )


def _predict(args: argparse.Namespace) -> int:
    model, _ = segmentation.load(args.run)
    pictures = [Path(file) for file in args.pictures]
    stems = [file.stem for file in pictures]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise DataError(f"several pictures are named {', '.join(twice)} and would overwrite each other's results")
    for file in pictures:
        try:
            p = segmentation.predict(model, read_image(file))
        except ValueError as error:
            raise error if isinstance(error, DataError) else DataError(f"{file}: {error}") from None
        out = Path(args.out) / file.stem
        write_probability(f"{out}_probability.png", p)
        write_mask(f"{out}_mask.png", p > 0.5)
        print(f"{file}: {(p > 0.5).mean():.1%} marked -> {out}_mask.png")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    model, settings = segmentation.load(args.run)
    dataset = segmentation.read(args.images, args.masks, settings.foreground)
    same = Path(args.images).resolve() == Path(settings.images)
    trained = segmentation.split_names(settings)[0] if same else []
    seen = [name for name in dataset.names if name in trained]
    if args.held_out:
        keep = [k for k, name in enumerate(dataset.names) if name not in seen]
        if not keep:
            raise DataError("the run trained on all of these pictures; there are none held out")
        dataset = dataset.only(keep)
    elif seen:
        print(f"Beware: the run trained on {len(seen)} of these {len(dataset.names)}; --held-out leaves them out.")
    predictions = [segmentation.predict(model, image) for image in dataset.images]
    rows = [
        (name, segmentation.score_of([p], [mask]))
        for name, p, mask in zip(dataset.names, predictions, dataset.masks, strict=True)
    ]
    rows.append((f"U-Net, all {len(dataset.names)}", segmentation.score_of(predictions, dataset.masks)))
    rows += segmentation.baselines(dataset).items()
    width = max(len(name) for name, _ in rows)
    print(f"{'':{width}}   Dice    IoU  accuracy    AUC")
    for name, s in rows:
        print(f"{name:{width}}  {s.dice:.3f}  {s.iou:.3f}     {s.accuracy:.3f}  {s.auc:.3f}")
    return 0


def _trace(args: argparse.Namespace) -> int:
    if len(args.size) > 2:
        raise DataError(f"--size takes one or two numbers, not {len(args.size)}")
    model = UNet(args.inside, args.out, args.channels, skips=not args.no_skips)
    print(model.trace((1, args.inside, args.size[0], args.size[-1])))
    print(f"\n{sum(p.numel() for p in model.parameters()):,} parameters")
    return 0


def _byhand(args: argparse.Namespace) -> int:
    if args.list:
        for name in examples.names():
            print(f"{name:22} {examples.built_in(name).title}")
        return 0
    if args.example is None:
        raise ValueError("byhand needs the name of an example or a file; tinyunet byhand --list shows the examples")
    example = examples.find(args.example)
    elements = example.elements(args.grad, args.at)
    if args.figure:
        plot.save(elements[0].figure(), args.figure)
    if args.animate:
        elements[0].explanation.animate(args.animate)
    if args.format == "text":
        print(example.text(elements))
    elif args.format == "html":
        print(elements[0].html())
    else:
        print("\n".join(getattr(element, args.format)() for element in elements))
    return 0


def _worksheet(args: argparse.Namespace) -> int:
    if args.list:
        print(worksheet.topics())
        return 0
    if args.topic is None:
        raise ValueError("worksheet needs a topic; tinyunet worksheet --list shows them")
    if args.out and args.key and Path(args.out).resolve() == Path(args.key).resolve():
        raise ValueError(f"--out and --key are the same file, {args.out}: the key would replace the sheet")
    sheet = worksheet.sheet(args.topic, args.seed, args.level, args.problems)
    if args.key:
        sheet.save(args.key, key=True)
    if args.out:
        sheet.save(args.out)
    else:
        print(sheet.markdown(), end="")
    return 0


def _check_sheet(args: argparse.Namespace) -> int:
    verdicts = worksheet.grade(args.sheet, args.files)
    for label, verdict in verdicts.items():
        print(f"{label}: {verdict}")
    print(f"{sum(map(bool, verdicts.values()))} right of {len(verdicts)}")
    return 0 if all(verdicts.values()) else 1


def _check(args: argparse.Namespace) -> int:
    if args.sheet is not None:
        return _check_sheet(args)
    answered = {file: examples.answered(file) for file in args.files}  # all are read before anything is printed
    right = True
    for file, asks in answered.items():
        print(f"{file}:")
        for ask in asks:
            verdict = ask.check()
            right &= verdict.right
            print(f"{ask.heading}: {verdict}")
    return 0 if right else 1


def _lab(args: argparse.Namespace) -> int:
    lab.serve(args.port, open_browser=not args.no_browser)
    return 0


def _doctor(args: argparse.Namespace) -> int:
    print(doctor.report(doctor.examine()))
    return 0


def _demo(args: argparse.Namespace) -> int:
    demo.run(args.picture, args.steps, args.seed)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 for wrong answers, 2 after an error, printed as one line."""
    args = _parser().parse_args(argv)
    command = {
        "demo": _demo,
        "train": _train,
        "predict": _predict,
        "evaluate": _evaluate,
        "trace": _trace,
        "byhand": _byhand,
        "check": _check,
        "worksheet": _worksheet,
        "lab": _lab,
        "doctor": _doctor,
    }
    try:
        code = command[args.command](args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python may write the rest at its end
        return 1
    except (ValueError, LookupError, OSError, FloatingPointError) as error:
        message = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        print(f"tinyunet: error: {' '.join(message.split())}", file=sys.stderr)
        return 2
