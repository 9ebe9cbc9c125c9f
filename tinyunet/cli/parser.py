"""What the parsers of all commands have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

PLAIN = argparse.RawDescriptionHelpFormatter  # leaves the lines of a description as they are


class Parser(argparse.ArgumentParser):
    """Tells an error in one line, and lets `arguments` add its arguments when it is used.

    What a command's arguments are may depend on what takes long to import: `tinyunet --help` need not wait for it.
    """

    def __init__(self, *args: Any, arguments: Callable[[Parser], None] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.arguments = arguments

    def parse_known_args(self, *args: Any, **settings: Any) -> Any:
        if self.arguments is not None:
            self.arguments(self)
        return super().parse_known_args(*args, **settings)

    def error(self, message: str) -> NoReturn:
        """One line, and where to read on."""
        self.exit(2, f"tinyunet: error: {message}; see {self.prog} --help\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_channels(parser: Parser, default: tuple[int, ...]) -> None:
    """The option for the channels of a U-Net."""
    shown = " ".join(map(str, default))
    parser.add_argument(
        "--channels",
        type=int,
        nargs="+",
        default=default,
        metavar="N",
        help=f"of every level, each half the size of the one before (default: {shown})",
    )
