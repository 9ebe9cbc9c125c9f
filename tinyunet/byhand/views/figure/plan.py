"""What is drawn of an element: its numbers in grids, and what they come to."""

import itertools
import math
import string
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.operation import Index
from tinyunet.byhand.arithmetic.worked import Factor, Formula, Largest, Part, Sum, Term, Terms, place
from tinyunet.byhand.views.figure.chart import Shape, chart
from tinyunet.byhand.views.figure.grids import Cell, Grid, block, cell_of, image
from tinyunet.byhand.views.text import bracketed, text

GRIDS = 4  # one below the other, or side by side, at most
TERMS, LONG = 12, 90  # that a sum has, and letters in it, before some terms are left out
LETTERS = string.ascii_lowercase + string.ascii_uppercase


class Row(NamedTuple):
    """Grids side by side, a sign after each, and what they come to."""

    grids: tuple[Grid, ...]
    signs: str = ""
    value: str = ""


class Picture(NamedTuple):
    """All that is drawn of one element.

    `rests` says what is left out if not all rows are shown, by how many are. The lines are two, a large and a small
    one, or any number of steps.
    """

    title: str
    subtitle: str
    rows: tuple[Row, ...]
    rests: tuple[str, ...]
    output: Grid
    lines: tuple[str, ...]
    steps: bool
    chart: tuple[Shape, ...]  # between the rows and the output


def plan(element: Element, most: int, filling: bool) -> Picture:
    """A picture with so many rows and columns; one that is filling has no elements that come after this one."""
    whole = element.explanation
    operation, shape = whole.operation, (1, *whole.result.shape)
    here = cell_of(element.index, operation.plane)
    known = here[0] * shape[-1] + here[1] + 1 if filling else None
    output = image(whole.what, element.index[: -operation.plane], whole.result, {"chosen": {here}}, most, known=known)
    settings = ", ".join(f"{name}={value!r}" for name, value in operation.chosen().items())
    subtitle = f"{operation.name}({settings})" if settings else operation.name
    rows, rests = (_channels if _meets(element) else _arrays)(element, most)
    lines = _sum(element) if operation.slides else _steps(element)
    return Picture(element.symbol.text, subtitle, rows, rests, output, lines, not operation.slides, chart(element))


# ---- a window: its channels


class Window(NamedTuple):
    """Where the window lies for a part of a sum."""

    part: Part
    name: str  # of an array
    plane: Index  # of this array
    met: dict[Cell, Term]  # the products by the cells there, row by row; the first factor is what the window lies on


def _parts(element: Element) -> list[tuple[Part, Terms]]:
    """The parts of the last step that are products of a window; a bias is a single number."""
    last = element.steps[-1]
    parts = last.parts if isinstance(last, Sum) else (Part("window", last.terms),)
    return [(part, part.terms) for part in parts if isinstance(part.terms, Terms)]


def _meets(element: Element) -> bool:
    """Whether numbers of one array meet those of another, in a plane for each part."""
    operation, parts = element.explanation.operation, _parts(element)
    one_each = all(len(list(_planes(terms, 0, operation.plane))) == 1 for _, terms in parts)
    return operation.slides or (operation.linear and bool(parts) and one_each)


def _planes(terms: Terms, k: int, axes: int) -> Iterator[Index]:
    """The planes of the k-th factors."""
    return itertools.product(*terms.factors[k].grid[:-axes])


def _windows(element: Element) -> Iterator[Window]:
    """The window of each part."""
    whole = element.explanation
    name, axes = whole.operation.slid_over(whole.what), whole.operation.plane
    for _, group in itertools.groupby(_parts(element), key=lambda part: id(part[1].factors[0])):  # of the same numbers
        parts = list(group)
        k = [numbers.name for numbers in parts[0][1].factors].index(name)
        for (part, terms), plane in zip(parts, _planes(parts[0][1], k, axes), strict=True):
            turned = (Term((*term.factors[k:], *term.factors[:k])) for term in terms)
            met = sorted((cell_of(term.factors[0].at, axes), term) for term in turned)
            yield Window(part, name, plane, dict(met))


def _channels(element: Element, most: int) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """A row for each of the first channels, and what the others come to."""
    parts = [part for part, _ in _parts(element)]
    rests = []
    for shown in range(GRIDS + 1):
        others = parts[shown:]  # of one kind, such as "channel 3", unless some are in a border
        kind = others[0].name.rsplit(" ", 1)[0] + "s" * (len(others) > 1) if others else ""
        kind = "parts" if any("," in part.name for part in others) else kind
        rests.append(f"… and {len(others)} more {kind}: {write(sum(p.value for p in others))}" if others else "")
    return tuple(_channel(element, *window, most) for window in itertools.islice(_windows(element), GRIDS)), tuple(
        rests
    )


def _channel(element: Element, part: Part, name: str, plane: Index, met: dict[Cell, Term], most: int) -> Row:
    """The window on its image × the kernel = the products."""
    whole, last = element.explanation, element.steps[-1]
    marked = {"used": set(met)}
    if isinstance(last, Largest):
        marked["chosen"] = {cell for cell, term in met.items() if term == last.winner}
    operation = whole.operation

    def outside(row: int, column: int) -> str:
        at = *plane, *(row, column)[2 - operation.plane :]
        return write(operation.numbers(name, *operation.full(name, at)).values.item())

    kernel = {cell: term.factors[1] for cell, term in met.items() if len(term.factors) > 1}
    letters = _letters(whole, kernel)
    seen = image(name, plane, whole.arrays[name], marked, most, operation.border(name), outside, letters=letters)
    if isinstance(last, Largest):
        return Row((seen,), "", f"max = {write(last.value)}")
    if not kernel:
        return Row((seen,), "", f"Σ = {write(part.value)}")
    first, axes = kernel[min(kernel)], operation.plane
    if letters:  # all of it as it stands, and which of its cells meet what
        cells = {cell_of(factor.at, axes): letters[cell] for cell, factor in kernel.items()}
        array = whole.arrays[first.name]
        factors = image(first.name, first.at[:-axes], array, {"used": set(cells)}, most, letters=cells)
    else:
        values = {cell: Term(term.factors[1:]).value for cell, term in met.items()}
        several = len(next(iter(met.values())).factors) > 2
        factors = block("weights" if several else place(first.name, first.at[:-axes]), values, most)
    products = block("products", {cell: term.value for cell, term in met.items()}, most, True, letters)
    return Row((seen, factors, products), "×=", f"Σ = {write(part.value)}")


def _letters(whole: Explanation, kernel: dict[Cell, Factor]) -> dict[Cell, str]:
    """By the cells under a window, letters for the numbers that meet; none if the kernel lies on it as it stands."""
    places = [factor.at for factor in kernel.values()]
    if not all(places) or len(places) > len(LETTERS):
        return {}
    axes = whole.operation.plane
    plane = whole.arrays[next(iter(kernel.values())).name].shape[-axes:] if places else ()
    as_it_stands = len(places) == math.prod(plane) and places == sorted(places)
    return {} if as_it_stands else dict(zip(kernel, LETTERS, strict=False))


def _short(texts: Sequence[str]) -> Sequence[str]:
    """Of many or long ones, the beginning and the end."""
    few = [*texts[:4], "…", *texts[-2:]]
    long = len(texts) > TERMS or len(" + ".join(texts)) > LONG
    return few if long and len(texts) > len(few) else texts


def _plus(values: Iterable[float]) -> str:
    """A sum written out."""
    first, *others = map(write, values)
    return " + ".join(_short([first, *map(bracketed, others)]))


def _sum(element: Element) -> tuple[str, str]:
    """The last step in numbers, and in words."""
    last, whole = element.steps[-1], element.explanation
    terms = list(next(_windows(element)).met.values())
    if not last.terms:
        return f"{element.symbol.text} = 0", "there is nothing to add"
    values = [term.value for term in terms]
    if not isinstance(last, Sum):
        numbers, words = f"max({', '.join(_short([write(value) for value in values]))})", "the largest of the window"
    elif len(last.parts) > 1:
        names = [part.name for part in last.parts]
        words = " + ".join(names if len(names) <= GRIDS else [*names[:2], "…", names[-1]])
        numbers = _plus(part.value for part in last.parts)
    elif len(terms[0].factors) > 1:
        numbers, words = terms[0].text if len(terms) == 1 else _plus(values), "the sum of the products"
    else:
        numbers, words = _plus(values), "the sum of dy" if whole.what == "db" else "the sum of the window"
    if isinstance(last, Sum) and last.divisor != 1:
        numbers, words = f"({numbers}) / {write(last.divisor)}", f"{words} / {write(last.divisor)}"
    return f"{numbers} = {write(element.value)}", f"{words} = {element.symbol.text}"


# ---- no window: arrays side by side


def _arrays(element: Element, most: int) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The arrays side by side with what is used of them, their images below one another; framed what is used last."""
    whole, last = element.explanation, element.steps[-1]
    axes = whole.operation.plane
    here = {(f.name, f.at) for f in last.factors} if isinstance(last, Formula) else set()
    factors = (f for step in element.steps for term in step.terms for f in term.factors)
    cells = [(f.name, f.at) for f in factors if f.name in whole.arrays and len(f.at) == whole.arrays[f.name].ndim]
    planes: dict[tuple[str, Index], tuple[set[Cell], set[Cell]]] = {}
    for name, at in [*cells, *whole.operation.behind(whole.what, element.index)]:
        used, framed = planes.setdefault((name, at[:-axes]), (set(), set()))
        used.add(cell_of(at, axes))
        if (name, at) in here:
            framed.add(cell_of(at, axes))
    if not planes:  # no number is used: the array is shown as it stands
        first = whole.operation.data[0]
        planes[first, (0,) * (whole.arrays[first].ndim - axes)] = set(), set()
    columns: dict[str, list[Grid]] = {}
    for (name, plane), (used, framed) in planes.items():
        grid = image(name, plane, whole.arrays[name], {"used": used}, most, framed=framed)
        columns.setdefault(name, []).append(grid)
    several = sorted(columns.values(), key=len, reverse=True)
    rows = [tuple(filter(None, grids)) for grids in itertools.zip_longest(*several)]
    left_out = [sum(map(len, rows[shown:])) for shown in range(min(len(rows), GRIDS) + 1)]
    return tuple(map(Row, rows[:GRIDS])), tuple(f"… and {count} more" if count else "" for count in left_out)


def _steps(element: Element) -> tuple[str, ...]:
    """The formula and the steps; of many, and of long sums, the beginning and the end."""
    lines = [" + ".join(_short(line.strip().split(" + "))) for line in text(element).splitlines()]
    return tuple(lines if len(lines) <= TERMS else [*lines[: TERMS - 4], "…", *lines[-3:]])
