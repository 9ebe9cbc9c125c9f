"""`tinyunet course` and `tinyunet progress`."""

from __future__ import annotations

import argparse
import importlib.util
import shlex
from pathlib import Path

from tinyunet.cli.parser import Commands


def add(commands: Commands) -> None:
    p = commands.add_parser(
        "course",
        help="write the notebooks of the course into a folder, to work in",
        description="Writes the notebooks of the course into a folder: exercises open, results cleared. Run it again "
        "to get a notebook back that you have deleted, or new versions of those that you have not worked in: what you "
        "have changed is left as it is. What you pass is kept in the same folder, which you can move and copy.",
    )
    p.add_argument("folder", metavar="DIR", help="which is made, if it is not there")
    p.add_argument("--solutions", action="store_true", help="with a solution to every exercise: a teacher's copy")
    p.set_defaults(run=_course)
    p = commands.add_parser(
        "progress",
        help="show what is done and what is open in the course",
        description="Shows every exercise of the course, done or open, how many operations of the U-Net are your own, "
        "and what comes next.",
        epilog="What you pass is kept as programs in the folder mine/ of the course, for you to read and use.",
    )
    p.add_argument("folder", metavar="DIR", nargs="?", default=".", help="the folder of the course (default: this one)")
    p.set_defaults(run=_progress)


def _course(args: argparse.Namespace) -> int:
    from tinyunet.grade import course

    folder = Path(args.folder)
    written, kept = course.write(folder, args.solutions)
    if written:
        print(f"Written into {folder}: {len(written)} notebooks, {written[0]} to {written[-1]}.")
    if kept:
        print(f"Left as they are, because you have worked in them: {', '.join(kept)}.")
    print("To start:")
    if importlib.util.find_spec("jupyterlab") is None:
        print("  pip install jupyterlab")
    print(f"  cd {shlex.quote(str(folder))}\n  jupyter lab {min(written + kept)}")
    return 0


def _progress(args: argparse.Namespace) -> int:
    from tinyunet.grade import folder, progress

    found = folder.find(Path(args.folder))
    if found is None:
        raise ValueError(f"there is no course in {args.folder}: name its folder, or make one with  tinyunet course DIR")
    print(progress.report(found))
    return 0
