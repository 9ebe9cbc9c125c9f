"""What the parsers of all commands have in common."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeAlias

PLAIN = argparse.RawDescriptionHelpFormatter  # leaves the lines of a description as they are


class Parser(argparse.ArgumentParser):
    """Tells an error in one line, with what may be meant, and lets `arguments` add its arguments when it is used.

    What a command's arguments are may depend on what takes long to import: `tinyunet --help` need not wait for it.
    """

    def __init__(self, *args: Any, arguments: Callable[[Parser], None] | None = None, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.arguments = arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Options that there are not are an error before those that are missing."""
        if self.arguments is not None:
            self.arguments(self)
        given = sys.argv[1:] if args is None else list(args)
        if self._subparsers is None:  # else what follows the command is the command's
            for name in (arg.partition("=")[0] for arg in itertools.takewhile(lambda arg: arg != "--", given)):
                if name.startswith("--") and not any(option.startswith(name) for option in self._option_string_actions):
                    self.error(self._no_option(name))
        found, others = super().parse_known_args(given, namespace)
        if others:
            what = (
                self._no_option(others[0]) if others[0].startswith("-") else f"{others[0]!r} is one argument too many"
            )
            self.error(what)
        return found, others

    def _no_option(self, name: str) -> str:
        known = (option for option in self._option_string_actions if option.startswith("--"))
        return f"there is no option {name}; {_hint(name, known)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """A choice that there is not is answered with the nearest one."""
        if action.choices is not None and value not in action.choices:
            what = "command " if isinstance(action, argparse._SubParsersAction) else ""
            message = f"there is no {what}{value!r}; {_hint(str(value), map(str, action.choices))}"
            raise argparse.ArgumentError(None if what else action, message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """After what was printed has been written, so that a reader who has seen enough is known here."""
        sys.stdout.flush()
        super().exit(status, message)

    def error(self, message: str) -> NoReturn:
        """One line, and where to read on."""
        joint = " See" if message.endswith("?") else "; see"
        self.exit(2, f"tinyunet: error: {message}{joint} {self.prog} --help\n")


def _hint(name: str, known: Iterable[str]) -> str:
    from tinyunet.byhand.examples.reading import hint  # only an error waits for it

    return hint(name, known)


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
