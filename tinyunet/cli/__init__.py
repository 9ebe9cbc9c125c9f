"""The command `tinyunet`: parses, calls, prints. One file for each group of commands, which import what they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from tinyunet import __version__
from tinyunet.cli import byhand, course, demo, edit, machine, model, sample, segment, size, task
from tinyunet.cli.console import let_everything_be_printed
from tinyunet.cli.parser import PLAIN, Parser


def _parser() -> Parser:
    parser = Parser(
        prog="tinyunet",
        formatter_class=PLAIN,
        description="A U-Net from scratch in NumPy. Start with  tinyunet demo  (it takes a minute).",
        epilog=(
            "with pictures of your own, in one folder, and their masks, of the same names, in another:\n"
            "  tinyunet train --images pictures --masks masks --out run\n"
            "  tinyunet evaluate run --images pictures --masks masks --held-out\n"
            "  tinyunet predict run new/*.png --out predictions\n"
        ),
    )
    parser.add_argument("--version", action="version", version=f"tinyunet {__version__}")
    parser.set_defaults(run=lambda _: parser.print_help())  # without a command
    commands = parser.add_subparsers(metavar="COMMAND")
    for group in (demo, segment, task, sample, edit, model, byhand, size, course, machine):
        group.add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 for wrong answers, 2 after an error, printed as one line."""
    let_everything_be_printed(sys.stdout, sys.stderr)
    code = 0
    try:
        args = _parser().parse_args(argv)
        code = args.run(args) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python may write the rest at its end
        return code
    except MemoryError as error:
        print(f"tinyunet: error: there is not enough memory ({str(error) or 'for this'})", file=sys.stderr)
        return 2
    except (ValueError, LookupError, OSError, FloatingPointError) as error:
        message = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        print(f"tinyunet: error: {' '.join(message.split())}", file=sys.stderr)
        return 2
