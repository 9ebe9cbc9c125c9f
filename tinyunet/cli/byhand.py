"""`tinyunet byhand`, `check`, `worksheet` and `lab`: numbers worked out by hand."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinyunet.cli.parser import PLAIN, Commands, Parser
from tinyunet.files import ending, write_text

if TYPE_CHECKING:
    from tinyunet.byhand import Element
    from tinyunet.byhand.examples import Example, Steps


def add(commands: Commands) -> None:
    commands.add_parser(
        "byhand",
        arguments=_arguments_of_byhand,
        formatter_class=PLAIN,
        help="work out an operation on a few numbers, every product of it",
        description="Shows an example, built in or from a file, and works out the elements that it asks for.",
    )

    p = commands.add_parser(
        "check",
        help="say whether answers worked out by hand are right, or which mistake leads to them",
        description="Checks the answers in TOML files (see  tinyunet byhand --help) without saying what is right. The "
        "exit code is 0 if all answers are right, 1 if one is wrong or missing (in an example, only beside others), 2 "
        "for a file that cannot be used; the others are checked all the same.",
    )
    p.add_argument("files", nargs="+", metavar="FILE", help="TOML files with answers")
    p.add_argument(
        "--sheet",
        metavar="CODE",
        help="grade a worksheet by the code that is printed on it, such as conv2d:7:2. Each FILE then has somebody's "
        "answers, in lines such as 2a = 1/2 or 3 = 1 2; 3 4 or 3 = [[1, 2], [3, 4]]; or they are given here: "
        '1=35 "3=1 2; 3 4"',
    )
    p.set_defaults(run=_check)

    commands.add_parser(
        "worksheet",
        arguments=_arguments_of_worksheet,
        formatter_class=PLAIN,
        help="write a worksheet for a pencil, and its key",
        description="Writes problems on one operation, and a key with every product and the mistake behind each wrong\n"
        "answer. The same topic, seed and level make the same problems, and are the code on the sheet, together with\n"
        "the number of problems if it is not six.",
        epilog="the class gets the sheet, the teacher the key; to check answers, which does not show the right ones:\n"
        "  tinyunet worksheet conv2d --seed 7 --level 2 --out sheet.pdf --key key.pdf\n"
        '  tinyunet check --sheet conv2d:7:2 1a=3 1b=1/2 "2=1 2; 3 4"\n'
        "  tinyunet check --sheet conv2d:7:2 answers.txt\n",
    )

    p = commands.add_parser(
        "lab",
        help="open a page to work operations out on numbers of your own, and have answers checked",
        description="Opens a page in the browser; all of it stays on this machine. Choose an operation, type numbers, "
        "and see every product behind every result; type answers, and see what went wrong. Ctrl-C ends it.",
    )
    p.add_argument("--port", type=int, metavar="N", help="of the page's address (default: 20150, or any that is free)")
    p.add_argument("--no-browser", action="store_true", help="only print the address")
    p.set_defaults(run=_lab)


def _arguments_of_byhand(p: Parser) -> None:
    from tinyunet.byhand import examples
    from tinyunet.byhand.examples import steps

    p.epilog = f"{examples.__doc__}\n{steps.__doc__}"
    p.add_argument("example", nargs="?", metavar="NAME|FILE", help="a built-in example, or a TOML file")
    p.add_argument("--list", action="store_true", help="the built-in examples")
    p.add_argument("--at", type=_index, metavar="I,J,…", help="the element to work out, such as 0,1,1")
    p.add_argument("--grad", metavar="ARRAY", help="work out the gradient of this array, such as w")
    written = p.add_mutually_exclusive_group()
    written.add_argument(
        "--out",
        metavar="FILE",
        help="write it, with all numbers, as .html (a page to click through), .tex (a document), .md or .txt",
    )
    written.add_argument(
        "--format",
        choices=("text", "markdown", "latex", "html"),
        default="text",
        help="print it; markdown and latex are of the elements alone, to be pasted (default: %(default)s)",
    )
    p.add_argument("--figure", metavar="FILE", help="also draw the first of the elements")
    p.add_argument("--animate", metavar="FILE", help="also draw a GIF of the window as it slides")
    p.set_defaults(run=_byhand)


def _arguments_of_worksheet(p: Parser) -> None:
    from tinyunet.byhand import worksheets

    p.add_argument("topic", nargs="?", metavar="TOPIC", help="what to practise, such as conv2d")
    p.add_argument("--list", action="store_true", help="the topics and their levels")
    for name, default, help_ in (
        ("seed", 0, "another seed, another sheet (default: %(default)s)"),
        ("level", 1, "each adds one thing (default: %(default)s)"),
        ("problems", worksheets.USUAL, "how many (default: %(default)s)"),
    ):
        p.add_argument(f"--{name}", type=int, default=default, metavar="N", help=help_)
    p.add_argument("--out", metavar="FILE", help="the sheet, as .pdf, .html, .md or .txt (without it, it is printed)")
    p.add_argument("--key", metavar="FILE", help="its key, likewise")
    p.set_defaults(run=_worksheet)


def _index(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(k) for k in text.split(",") if k)
    except ValueError:
        raise argparse.ArgumentTypeError(f"integers such as 0,1,1 are needed, not {text!r}") from None


def _byhand(args: argparse.Namespace) -> int:
    from tinyunet.byhand import examples

    if args.list:
        for name in examples.names():
            print(f"{name:22} {examples.built_in(name).title}")
        for name in examples.chains():
            print(f"{name:22} {examples.find(name).title}")
        return 0
    if args.example is None:
        raise ValueError("byhand needs the name of an example or a file; tinyunet byhand --list shows the examples")
    example = examples.find(args.example)
    elements = example.elements(args.grad, args.at)
    # Whatever cannot be done is said before anything is written.
    text = examples.document(example, args.out, elements) if args.out else _text(args.format, example, elements)
    if args.figure:
        from tinyunet import plot  # loads slowly, and few ask for it

        plot.check_name(args.figure)
    if args.animate:  # the only one left that may refuse
        elements[0].explanation.animate(args.animate)
    if args.figure:
        plot.save(elements[0].figure(), args.figure)
    if args.out:
        write_text(args.out, text)
    else:
        print(text)
    return 0


def _text(form: str, example: Example | Steps, elements: list[Element]) -> str:
    """What is printed: markdown and latex of the elements alone, to be pasted."""
    if form in ("text", "html"):
        return str(getattr(example, form)(elements))
    return "\n".join(getattr(element, form)() for element in elements)


def _worksheet(args: argparse.Namespace) -> int:
    from tinyunet.byhand import worksheets

    if args.list:
        print(worksheets.topics())
        return 0
    if args.topic is None:
        raise ValueError("worksheet needs a topic; tinyunet worksheet --list shows them")
    if args.out and args.key and Path(args.out).resolve() == Path(args.key).resolve():
        raise ValueError(f"--out and --key are the same file, {args.out}: the key would replace the sheet")
    for path in filter(None, (args.out, args.key)):
        ending(path, worksheets.ENDINGS, "a worksheet")
    sheet = worksheets.sheet(args.topic, args.seed, args.level, args.problems)
    if args.key:
        sheet.save(args.key, key=True)
    if args.out:
        sheet.save(args.out)
    else:
        print(sheet.markdown(), end="")
    return 0


def _check(args: argparse.Namespace) -> int:
    """Each file by itself; what is wrong with one of them is said at the end."""
    answers = [text for text in args.files if args.sheet is not None and "=" in text]
    files = [text for text in args.files if text not in answers]
    if answers and len(files) > 1:
        raise ValueError(f"whose answer is {answers[0]}? Give it with one file, or put it into a file of its own")
    right, wrong = True, []
    for file in files or [None]:
        try:
            lines, fine = _checked(file, args.sheet, answers)
        except ValueError as error:
            wrong.append(str(error))
            continue
        print("\n".join([f"{file}:", *lines] if file and (args.sheet is None or len(files) > 1) else lines))
        right &= fine
    if wrong:
        raise ValueError("; ".join(wrong))
    return 0 if right else 1


def _checked(file: str | None, sheet: str | None, answers: list[str]) -> tuple[list[str], bool]:
    """What is said of the answers in a file, and whether all of them are right."""
    from tinyunet.byhand import examples, worksheets

    if sheet is None:
        try:
            verdicts = [(ask.heading, ask.check()) for ask in examples.answered(str(file))]
        except ValueError as error:
            if str(file).endswith(".toml"):
                raise
            raise ValueError(
                f"{file}: answers to a worksheet need the code that is printed on it, as in  tinyunet check --sheet "
                f"conv2d:7:2 {file}; and as an example in TOML it cannot be read: {error}"
            ) from None
        return [f"{heading}: {verdict}" for heading, verdict in verdicts], all(verdict for _, verdict in verdicts)
    grades = worksheets.grade(sheet, [*([file] if file else []), *answers])
    lines = [f"{label}: {verdict}" for label, verdict in grades.items()]
    count = f"{sum(map(bool, grades.values()))} right of {len(grades)}"
    return [*grades.remarks, *lines, count], all(grades.values())


def _lab(args: argparse.Namespace) -> int:
    from tinyunet.byhand import lab

    lab.serve(args.port, open_browser=not args.no_browser)
    return 0
