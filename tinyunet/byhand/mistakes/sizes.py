"""Wrong sizes: the mistakes that are made with the rule for the size of a result, and which of them explains an answer.

    gathered("padding counted once", "the image has a border on both sides: 2·padding", lambda a: replace(a, after=0))

A mistake makes another length of the one that is right: a `Length` with other numbers, or a number. It is tried in
every layer by itself and in all of them, and explains an answer if it gives the numbers that are wrong in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic.lengths import Gathered, Length, Spread
from tinyunet.byhand.arithmetic.operation import Index
from tinyunet.byhand.arithmetic.size import Layer, Size
from tinyunet.byhand.mistakes.chain import Follows, Verdicts
from tinyunet.byhand.mistakes.diagnosis import MISSING, RIGHT, UNEXPLAINED, Verdict
from tinyunet.byhand.mistakes.registry import Mistake

Wrong = Callable[[Any], "Length | int"]

WRONG: list[tuple[type[Length], Mistake, Wrong]] = []
NAMED = 3  # layers that a mistake may have been made in, beyond which they are not named


def gathered(name: str, hint: str, wrong: Wrong) -> None:
    """State a mistake with the size of a convolution or of pooling."""
    WRONG.append((Gathered, Mistake(name, hint), wrong))


def spread(name: str, hint: str, wrong: Wrong) -> None:
    """State one with that of a transposed convolution."""
    WRONG.append((Spread, Mistake(name, hint), wrong))


def unpadded(times: int) -> Wrong:
    """A mistake with the padding: so many times what it is."""
    return lambda a: replace(a, before=times * a.before, after=times * a.after)


ONE_MORE = "the first window counts, too: after it the window moves on so many times"
gathered("+1 forgotten", ONE_MORE, lambda a: a.value - 1)
gathered(
    "rounded up",
    "a window that does not fit is left out, and the quotient rounded down",
    lambda a: a.value if a.ceil else -(-a.room // a.stride) + 1,
)
gathered(
    "rounded down", "ceil_mode counts a last window that hangs over the end, too", lambda a: replace(a, ceil=False)
)
gathered(
    "a window outside counted",
    "with ceil_mode the last window must start inside the input or its padding before it",
    lambda a: a.steps + 1,
)
gathered("padding forgotten", "the input has a border: 2·padding is added", unpadded(0))
gathered("padding counted once", "the border is on both sides: 2·padding is added", lambda a: replace(a, after=0))
gathered("padding subtracted", "the border makes the input larger", unpadded(-1))
gathered(
    "dilation forgotten",
    "a kernel with dilation spans dilation·(kernel − 1) + 1 pixels",
    lambda a: replace(a, dilation=1),
)
gathered(
    "dilation·kernel for what the kernel spans",
    "there are kernel − 1 steps of the dilation between its first and its last cell",
    lambda a: (a.input + a.before + a.after - a.dilation * a.kernel) // a.stride + 1 if a.dilation > 1 else a.value,
)
gathered("stride forgotten", "the window moves on by the stride: divide by it", lambda a: replace(a, stride=1))
gathered(
    "kernel forgotten",
    "what the kernel spans is subtracted: it must fit into the padded input",
    lambda a: replace(a, kernel=1),
)
gathered(
    "input divided by the stride",
    "that is so only where kernel and padding fit it; use the whole rule",
    lambda a: a.input // a.stride if a.stride > 1 else a.value,
)
gathered("size of the input", "only padding that suits the kernel keeps the size", lambda a: a.input)
gathered(
    "rule of the transposed convolution",
    "a convolution makes an image smaller",
    lambda a: Spread(a.input, a.kernel, a.stride, a.before, a.after, a.dilation),
)

spread("output_padding forgotten", "it is added at the end", lambda a: replace(a, more=0))
spread("output_padding counted twice", "it is added at one end alone", lambda a: replace(a, more=2 * a.more))
spread("padding forgotten", "padding crops the result: 2·padding is subtracted", unpadded(0))
spread("padding counted once", "padding crops both sides: 2·padding is subtracted", lambda a: replace(a, after=0))
spread(
    "padding added",
    "in a transposed convolution padding crops the result",
    unpadded(-1),
)
spread(
    "dilation forgotten",
    "a kernel with dilation spans dilation·(kernel − 1) + 1 pixels",
    lambda a: replace(a, dilation=1),
)
spread("stride forgotten", "the windows are laid down `stride` apart", lambda a: replace(a, stride=1))
spread(
    "input·stride for (input − 1)·stride",
    "between the first window and the last one there are input − 1 steps",
    lambda a: a.value + a.stride,
)
spread("+1 forgotten", "a kernel spans dilation·(kernel − 1) + 1 pixels", lambda a: a.value - 1)
spread("kernel for kernel − 1", "the rule has kernel − 1, and 1 added at the end", lambda a: a.value + a.dilation)
spread("kernel forgotten", "the last window reaches beyond its first pixel", lambda a: (a.input - 1) * a.stride)
spread("size of the input", "a transposed convolution makes an image larger", lambda a: a.input)
spread(
    "input·stride",
    "that is so only where kernel and padding fit the stride; use the whole rule",
    lambda a: a.input * a.stride,
)
spread(
    "rule of the convolution",
    "a transposed convolution makes an image larger",
    lambda a: Gathered(a.input, a.kernel, a.stride, a.before, a.after, a.dilation),
)


def length(lengths: Sequence[Length], wrong: Wrong | None = None, at: Sequence[int] = ()) -> int:
    """The length after a chain, if a mistake is made in these layers of it; 0 where it cannot be made."""
    n = lengths[0].input
    for k, each in enumerate(lengths):
        made = replace(each, input=n)
        found = wrong(made) if wrong is not None and k in at else made
        n = found.value if isinstance(found, Length) else found
        if n < 1:
            return 0
    return n


def _wrong_sizes(size: Size) -> Iterator[tuple[Mistake, Index]]:
    """Every mistake, with the rows and columns that it leads to."""
    sliding = [(k, layer) for k, layer in enumerate(size.layers, 1) if layer.operation.lengths()]
    axes = list(zip(*(layer.operation.lengths() for _, layer in sliding), strict=True))
    for kind, mistake, wrong in WRONG:
        places = [k for k, (_, layer) in enumerate(sliding) if isinstance(layer.operation.lengths()[0], kind)]
        for at in [[k] for k in places] + ([places] if len(places) > 1 else []):
            where = f"in layer {sliding[at[0]][0]}" if len(at) == 1 else "in every layer"
            detail = where if len(sliding) > 1 else ""
            yield mistake._replace(detail=detail), tuple(length(axis, wrong, at) for axis in axes)


def read_size(answer: Any) -> Index:
    """A size as it is written: (3, 32, 32), [32, 32], 32, "3×32×32", "3 x 32 x 32".

    Raises:
        ValueError, TypeError: something else.

    >>> read_size("3×32×32"), read_size((3, 32)), read_size("(1, 2)")
    ((3, 32, 32), (3, 32), (1, 2))
    """
    if isinstance(answer, str):
        text = re.sub(r"torch\.Size|[()\[\]]", " ", answer)
        parts = re.split(r"[\s,;x×*·]+", text.strip().lower())
        if not all(re.fullmatch(r"\d+", part) for part in parts):
            raise ValueError(f"a size such as 3×32×32 is needed, not {answer!r}")
        return tuple(map(int, parts))
    several = tuple(answer) if hasattr(answer, "__iter__") else (answer,)
    if not several or any(isinstance(n, bool) or int(n) != n for n in several):
        raise TypeError(f"a size such as (3, 32, 32) is needed, not {answer!r}")
    return tuple(int(n) for n in several)


def check(size: Size, answer: Any) -> Verdict | Verdicts:
    """Whether a size is right; if not, the mistake that leads to it. Rows and columns are enough.

    Args:
        answer: (16, 15, 15), "16×15×15", (15, 15) or 15; or a list of these, one for every layer, with None for an
            answer that is lacking. What follows rightly from a wrong size before it is told so.

    >>> from tinyunet import byhand
    >>> y = byhand.size("conv2d", (3, 32, 32), out_channels=16, kernel_size=5, stride=2, padding=2)
    >>> print(y.check((16, 16)), y.check("14x14"), sep="\\n")
    right
    not right: 14×14. It is what this mistake gives: padding forgotten: the input has a border: 2·padding is added.
    """
    if isinstance(answer, (list, tuple)) and not all(isinstance(n, (int, float, np.number)) for n in answer):
        return _check_layers(size, answer)
    return _check(size, answer)


def _check_layers(size: Size, answers: Sequence[Any]) -> Verdicts:
    """Every layer by itself, and on the size that was answered before it."""
    if len(answers) > len(size.layers):
        raise ValueError(f"there are {len(answers)} sizes for {len(size.layers)} layers")
    said: list[Verdict] = []
    given: Index | None = None  # what was answered before, if it is wrong
    source = root = 0
    for k, layer in enumerate(size.layers, 1):
        answer = answers[k - 1] if k <= len(answers) else None
        follows = None if given is None else _on(layer, given)
        verdict = _check(Size([layer]), answer)
        if answer is None:
            given = follows
        elif verdict:
            given = None
        else:
            if follows is not None and _check(Size([layer._replace(gives=follows)]), answer):
                where = "there" if root == source else f"in layer {root}"
                verdict = Follows(False, f"follows rightly from your layer {source}; the mistake is {where}")
            else:
                root = k
            given, source = _complete(layer, read_size(answer)), k
        said.append(verdict)
    verdicts = Verdicts(said)
    verdicts.titles = [f"layer {k}, {layer.name}" for k, layer in enumerate(size.layers, 1)]
    return verdicts


def _complete(layer: Layer, given: Index) -> Index:
    """An answer with its channels, if they were left out."""
    axes = len(layer.operation.lengths()) or 1
    given = given * axes if len(given) == 1 else given
    return (*layer.gives[: len(layer.gives) - len(given)], *given)


def _on(layer: Layer, given: Index) -> Index | None:
    """The size of a layer's result for another size of its input; None if no window fits, or nothing changes."""
    lengths = layer.operation.lengths()
    if lengths:
        places = tuple(replace(each, input=n).value for each, n in zip(lengths, given[-len(lengths) :], strict=True))
        return (*layer.gives[: -len(places)], *places) if min(places) > 0 else None
    if layer.name == "flatten":
        return (*given[: len(layer.gives) - 1], math.prod(given[len(layer.gives) - 1 :]))
    return given if layer.gives == layer.given else None


def _check(size: Size, answer: Any) -> Verdict:
    """What there is to say about the size of the last result."""
    if answer is None:
        return MISSING
    given, truth = read_size(answer), tuple(size)
    axes = min(len(size.layers[-1].operation.lengths()) or len(truth) - 1, len(truth))
    if len(given) == 1 and axes > 1 and len(set(truth[-axes:])) == 1:
        given *= axes
    start = f"not right: {'×'.join(map(str, given))}"
    if given in (truth, truth[-axes:] if axes else truth) or (len(truth) == 4 and given == truth[1:]):
        return RIGHT
    if len(given) not in (len(truth), axes, len(truth) - 1):
        return Verdict(False, f"{start} has {len(given)} {'axis' if len(given) == 1 else 'axes'}, not {len(truth)}.")
    wanted = truth[-len(given) :]
    found = [Mistake("another order", hint) for hint, other in _orders(wanted, axes) if given == other != wanted]
    if not found and given[-axes:] == wanted[-axes:]:
        channels = size.layers[-1].given[-axes - 1 : -axes] == given[:-axes][-1:]
        found = [INPUT_CHANNELS] if channels else []
    if not found:
        for mistake, lengths in _wrong_sizes(size):
            wrong = (*truth[: -len(lengths)], *lengths)[-len(given) :] if axes == len(lengths) else None
            if size.layers[-1].name == "flatten":
                wrong = (*truth[:-1], size.layers[-1].given[-len(lengths) - 1] * math.prod(lengths))
            if wrong is not None and given != wanted and _mixed(given, wanted, wrong):
                found.append(mistake)
    return _verdict(start, found)


def _mixed(given: Index, right: Index, wrong: Index) -> bool:
    """Whether every number is the right one, or the one that a mistake leads to."""
    return all(n in pair for n, pair in zip(given, zip(right, wrong, strict=True), strict=True))


INPUT_CHANNELS = Mistake("channels of the input", "y has as many channels as there are filters")


def _orders(wanted: Index, axes: int) -> list[tuple[str, Index]]:
    """Sizes that are right but for their order."""
    lead, last = wanted[:-axes], wanted[-axes:]
    return [
        ("rows come before columns", (*lead, *last[::-1])),
        ("channels come before rows and columns", (*lead[:-1], *last, *lead[-1:])),
    ]


def _verdict(start: str, found: Sequence[Mistake]) -> Verdict:
    """All mistakes that explain an answer, each once with the layers that it may have been made in."""
    by_name: dict[str, list[Mistake]] = {}
    for mistake in found:
        by_name.setdefault(mistake.name, []).append(mistake)
    known = []
    for same in by_name.values():
        details = list(dict.fromkeys(mistake.detail for mistake in same))
        detail = " or ".join(details) if len(details) <= NAMED else "in one of the layers"
        known.append(same[0]._replace(detail=detail))
    if not known:
        return Verdict(False, f"{start}; {UNEXPLAINED}.")
    if len(known) == 1:
        return Verdict(False, f"{start}. It is what this mistake gives: {known[0]}.", None, tuple(known))
    lines = [f"{start}. These mistakes would each give it:", *(f"  - {mistake}" for mistake in known)]
    return Verdict(False, "\n".join(lines), None, tuple(known))
