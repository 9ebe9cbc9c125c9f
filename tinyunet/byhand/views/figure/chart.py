"""What an operation does to numbers, drawn: a curve, probabilities as bars, or numbers on a line before and after.

It is read off the steps: e^x over their sum Z are probabilities; a mean μ and a variance σ² normalise. Lengths are in
units of the slide, from the upper left corner.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.worked import Formula, Step, Sum, Term
from tinyunet.plot import BLUE, ORANGE
from tinyunet.tensor import Array

WIDTH, HEIGHT = 4.8, 3.4
LETTERS, ROW = 0.27, 0.38  # the size of letters, and the height of a line of them
BARS, LABELLED = 2, 5  # rows of bars that are drawn; bars in a row that all have their numbers
MOST = 60  # dots, or bars: of more some are drawn, or none
ALIKE = 5.0  # standard deviations that differ by no more are drawn to one scale
DARK, GREY, LIGHT, PALE = "#333333", "#666666", "#BBBBBB", "#D6E8F5"


class Line(NamedTuple):
    """From point to point."""

    x: Sequence[float]
    y: Sequence[float]
    colour: str = LIGHT
    width: float = 1.0  # in points
    dashed: bool = False


class Dot(NamedTuple):
    """A point; a hollow one is where a curve is flat."""

    x: float
    y: float
    colour: str = GREY
    radius: float = 0.07
    hollow: bool = False


class Bar(NamedTuple):
    """A rectangle, up or down from its y."""

    x: float
    y: float
    width: float
    height: float
    colour: str = PALE
    edge: str = GREY


class Label(NamedTuple):
    """A text around a point."""

    x: float
    y: float
    text: str
    colour: str = GREY
    weight: str = "normal"


Shape = Line | Dot | Bar | Label


def chart(element: Element) -> tuple[Shape, ...]:
    """What is drawn of an element beside its numbers; nothing, where these say all."""
    whole = element.explanation
    steps = {step.symbol.text.split(" ")[0].split("[")[0]: step for step in element.steps}
    if whole.operation.elementwise:
        return tuple(_curve(element))
    if "Z" in steps:
        return tuple(_bars(element))
    if "Σ" in steps and len(steps["Σ"].terms) <= MOST and len(steps["Σ"].terms[0].factors) == 2:
        return tuple(_areas(element, steps["Σ"]))
    means = [step for name, step in steps.items() if name.startswith("mean(")]
    if len(means) == 2:
        return tuple(_residual(element, *means))
    if {"μ", "σ²"} <= set(steps):
        return tuple(_normalised(element, steps["μ"], steps["σ²"]))
    return ()


class _Frame:
    """Numbers across and up, in the middle of the chart; square if 1 is to be as long on both axes."""

    def __init__(self, across: tuple[float, float], up: tuple[float, float], square: bool = False) -> None:
        (self.left, right), (low, self.high) = across, up
        self.across = (WIDTH - ROW) / (right - self.left)
        self.up = (HEIGHT - 2 * ROW) / (self.high - low)
        if square:
            self.up = min(self.across, self.up)
        self.top = (HEIGHT - (self.high - low) * self.up) / 2
        self.right, self.low = right, low

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is painted."""
        return (x - self.left) * self.across, self.top + (self.high - y) * self.up

    def line(self, points: Iterable[tuple[float, float]], *style: Any) -> Line:
        """From point to point."""
        x, y = zip(*(self.place(*point) for point in points), strict=True)
        return Line(x, y, *style)

    def axes(self, across: str, up: str) -> Iterator[Shape]:
        """The two axes through 0, with their names at their ends."""
        yield self.line([(self.left, 0), (self.right, 0)])
        yield self.line([(0, self.low), (0, self.high)])
        x, y = self.place(self.right, 0)
        yield Label(x + ROW / 2, y, across)
        x, y = self.place(0, self.high)
        yield Label(x, y - ROW / 2, up)


def _some(count: int, own: int | None) -> list[int]:
    """Which of so many numbers are drawn, the chosen one last, on top of the others."""
    others = [k for k in range(0, count, -(-count // MOST)) if k != own]
    return others if own is None else [*others, own]


# ---- a curve, and all numbers of the image on it


def _curve(element: Element) -> Iterator[Shape]:
    """y over x; of a gradient the slope where the number lies."""
    whole = element.explanation
    at, plane = element.index, whole.arrays["x"][element.index[:-2]].ravel()
    here = float(whole.arrays["x"][at])
    reach = 1.15 * float(np.abs(plane).max() or 1.0)
    xs = np.linspace(-reach, reach, 201)
    ys, points = (whole.operation.changed(x=values).result() for values in (xs, plane))
    slopes = whole.operation.changed(x=plane).result("dx")
    low, high = min(0.0, float(ys.min())), max(0.0, float(ys.max()))
    frame = _Frame((-reach, reach), (low, high), square=True)
    yield from frame.axes("x", "y")
    yield frame.line(zip(xs.tolist(), ys.tolist(), strict=True), DARK, 2.0)
    k = int(np.ravel_multi_index(at, whole.arrays["x"].shape) % len(plane)) if at else 0
    for other in _some(len(plane), k)[:-1]:
        yield Dot(*frame.place(plane[other], points[other]), hollow=slopes[other] == 0)
    value, slope = float(points[k]), float(slopes[k])
    x, y = frame.place(here, value)
    yield frame.line([(here, 0), (here, value)], BLUE, 1.5, True)
    yield Label(x, frame.place(0, low)[1] + 0.7 * ROW, write(here), BLUE, "bold")
    said = f"y = {write(value)}"
    if whole.what != "y":
        said, run = f"slope {write(slope)}", 0.5 / math.hypot(frame.across, slope * frame.up)
        yield frame.line(((here + way * run, value + way * slope * run) for way in (-1, 1)), ORANGE, 6.0)
    half = 0.3 * LETTERS * len(said)
    yield Label(max(x - half - 0.2, half), y - ROW, said, ORANGE, "bold")
    yield Dot(x, y, ORANGE, 0.12, hollow=slope == 0)


# ---- probabilities


def _bars(element: Element) -> Iterator[Shape]:
    """Bars for each sum Z; of a loss with the true class, of its gradient with what is missing there."""
    whole, targets = element.explanation, element.explanation.operation.arrays.get("target")
    rows = list[tuple[str, list[float], int, list[float]]]()
    total: Step = element.steps[0]
    for last in element.steps:
        if last.symbol.text.startswith("Z"):
            total = last
        x = [factor.at for factor in last.factors if factor.name == "x"] if isinstance(last, Formula) else []
        if not x or len(total.terms) > MOST:
            continue
        p, (*lead, own) = [term.value / total.value for term in total.terms], x[0] or (0,)
        if targets is None:
            rows.append(("p = e^x / Z", p, own, []))
            continue
        if targets.shape == whole.arrays["x"].shape:  # a logit is that of class 1 against class 0
            own, wanted = 1, [1 - float(targets[x[0]]), float(targets[x[0]])]
        else:
            wanted = [float(k == targets[tuple(lead)]) for k in range(len(p))]
        true = wanted.index(max(wanted))
        said = f"true class {true}" if wanted[true] == 1 else f"target {write(wanted[1])}"
        if whole.what == "y":
            value = f"−log {write(p[true])} = {write(last.value)}" if wanted[true] == 1 else write(last.value)
            rows.append((f"{said}: {value}", p, true, []))
        else:
            off = f"p − {write(wanted[own])} = {write(p[own] - wanted[own])}"
            rows.append((f"{said}; class {own}: {off}", p, own, wanted))
    pitch = HEIGHT / max(min(len(rows), BARS), 1)
    for k, row in enumerate(rows[:BARS]):
        yield from _row(*row, k * pitch, pitch - 0.1)


def _row(
    heading: str, p: Sequence[float], own: int, wanted: Sequence[float], top: float, height: float
) -> Iterator[Shape]:
    """Bars with their numbers, and below them those of the classes; of a gradient with outlines of what is wanted."""
    beyond = (0.7 if wanted else 0.5) * ROW  # from a bar to its number, which is not to lie behind the point
    up = (height - ROW - 4 * beyond) / max([*p, *wanted])
    floor, across = top + height - 2 * beyond, WIDTH / len(p)
    yield Label(WIDTH / 2, top + ROW / 2, heading, DARK)
    for k, value in enumerate(p):
        x, half, y = (k + 0.5) * across, 0.35 * across, floor - value * up
        goal = floor - up * wanted[k] if wanted else floor
        style = (ORANGE, "bold") if k == own else (DARK,)
        filled = (ORANGE, DARK) if k == own and not wanted else (PALE, GREY)
        yield Bar(x - half, y, 2 * half, value * up, *filled)
        if goal < floor:
            yield Bar(x - half, goal, 2 * half, floor - goal, "none", DARK)
        if k == own and wanted:  # from what it is to what it should be
            yield Line((x, x), (y, goal), ORANGE, 4.0)
            yield Dot(x, goal, ORANGE, 0.1)
        if k == own or len(p) <= LABELLED:
            yield Label(x, min(y, goal) - beyond, write(value), *style)
            yield Label(x, floor + beyond, str(k), *style)
    yield Line((0, WIDTH), (floor, floor), DARK, 1.5)


def _areas(element: Element, mean: Step) -> Iterator[Shape]:
    """From the mean of dy, weighted with the probabilities, to each dy; as wide as it is probable."""
    pairs = [[factor.value for factor in term.factors] for term in mean.terms]
    heights = [0.0, *(d for d, _ in pairs)]
    frame, edge = _Frame((0, 1), (min(heights), max(heights) + (max(heights) == min(heights)))), 0.0
    yield Label(WIDTH / 2, 0, "width p, height dy − Σ dy·y: the area is dx", DARK)
    for k, (d, p) in enumerate(pairs):
        (x, y), own = frame.place(edge, max(d, mean.value)), k == element.index[-1]
        width, height = p * frame.across, abs(d - mean.value) * frame.up
        yield Bar(x, y, width, height, *((ORANGE, DARK) if own else (PALE, GREY)))
        if own or width > ROW:
            yield Label(x + width / 2, HEIGHT - ROW / 2, str(k), *((ORANGE, "bold") if own else (DARK,)))
        edge += p
    yield frame.line([(0, 0), (1, 0)])
    yield frame.line([(0, mean.value), (1, mean.value)], DARK, 1.5)
    yield Label(WIDTH - ROW / 2, frame.place(1, 0)[1], "0")
    if abs(mean.value) * frame.up > ROW:
        yield Label(WIDTH, frame.place(1, mean.value)[1], write(mean.value), DARK)


# ---- numbers on a line


def _normalised(element: Element, mean: Step, var: Step) -> Iterator[Shape]:
    """The numbers of a group before, with mean and standard deviation, and after; with γ and β, where it has one.

    If mean and variance are given, the number itself is the only one.
    """
    whole, last = element.explanation, element.steps[-1]
    group = [term.factors[0] for term in (mean if isinstance(mean, Sum) else last).terms]
    group = [factor for factor in group if factor.name == "x"]
    if not group:
        return
    operation, x, places = whole.operation, np.array([f.value for f in group]), [f.at for f in group]
    own = places.index(element.index) if element.index in places else None
    rows = [("x", x, mean.value, math.sqrt(var.value), ("−σ", f"μ = {write(mean.value)}", "+σ"))]
    if whole.what not in operation.updates:
        normal = (x - mean.value) / math.sqrt(var.value + operation.settings["eps"])
        rows.append(("x̂", normal, 0.0, 1.0, ("−1", "0", "1")))
    given = {factor.name: factor.value for factor in last.factors} if isinstance(last, Formula) else {}
    if whole.what == "y" and given.keys() & {"weight", "bias"} and len({at[1:2] for at in places}) == 1:
        gamma, beta = given.get("weight", 1.0), given.get("bias", 0.0)
        y = np.array([whole.result[at] for at in places])
        rows.append(("y", y, beta, abs(gamma), ("−|γ|", f"β = {write(beta)}", "+|γ|")))
    units, left = _units(rows), ROW
    middle, pitch = left + (WIDTH - left) / 2, HEIGHT / len(rows)
    found = [middle + (values - centre) * unit for (_, values, centre, *_), unit in zip(rows, units, strict=True)]
    lines = [(k + 0.5) * pitch for k in range(len(rows))]
    drawn = _some(len(x), own)
    for (upper, above), (lower, below) in itertools.pairwise(zip(found, lines, strict=True)):
        for k in drawn:
            yield Line((upper[k], lower[k]), (above, below), *((ORANGE, 2.0) if k == own else (LIGHT, 0.8)))
    for (name, values, _, off, ticks), xs, line, unit in zip(rows, found, lines, units, strict=True):
        yield Label(left / 2, line, name, DARK)
        yield Line((left, WIDTH), (line, line), DARK)
        band = off * unit
        yield Bar(middle - band, line - 0.07, 2 * band, 0.14, PALE, BLUE)
        for tick, at in zip(ticks, (middle - band, middle, middle + band), strict=True):
            yield Line((at, at), (line - 0.14, line + 0.14), BLUE, 1.5)
            if at == middle or band > 3 * LETTERS:
                yield Label(at, line + 0.9 * ROW, tick, BLUE)
        for k in drawn:
            yield Dot(float(xs[k]), line, *((ORANGE, 0.12) if k == own else ()))
        if own is not None:
            said, at = write(values[own]), float(xs[own])
            side = 0.3 * LETTERS * len(said) + 0.2  # beside what comes from above
            yield Label(at + (side if at < middle else -side), line - 0.9 * ROW, said, ORANGE, "bold")


def _units(rows: Sequence[tuple[str, Array, float, float, Any]]) -> list[float]:
    """How long 1 is on each line: the same on all, if they are of similar widths."""
    room = 0.5 * WIDTH - 1.5 * ROW
    own = [room / max(float(np.abs(values - centre).max()), off, 1e-12) for _, values, centre, off, _ in rows]
    return [min(own)] * len(own) if max(own) <= ALIKE * min(own) else own


def _residual(element: Element, mean: Step, slope: Step) -> Iterator[Shape]:
    """dy over x̂, and the line through them: the gradient is what this line does not explain, scaled."""
    xs, ys = zip(*((term.factors[-1].value, Term(term.factors[:-1]).value) for term in slope.terms), strict=True)
    own = [term.factors[-2].at for term in slope.terms].index(element.index)
    a, b = mean.value, slope.value
    reach = max(1.1 * max(map(abs, xs)), 0.1)
    ends = [(x, a + b * x) for x in (-reach, reach)]
    heights = [0.0, *ys, *(y for _, y in ends)]
    slack = 0.06 * (max(heights) - min(heights)) or 1.0
    frame = _Frame((-reach, reach), (min(heights) - slack, max(heights) + slack))
    yield from frame.axes("x̂", mean.symbol.text[5:-1])
    yield frame.line(ends, DARK, 2.0)
    for k in _some(len(xs), own)[:-1]:
        yield Dot(*frame.place(xs[k], ys[k]))
    here, foot = (xs[own], ys[own]), (xs[own], a + b * xs[own])
    yield frame.line([here, foot], ORANGE, 4.0)
    yield Dot(*frame.place(*here), ORANGE, 0.12)
    off = write(ys[own] - foot[1])
    x, y = frame.place(*here)
    side = (0.3 * LETTERS * len(off) + 0.2) * (1 if xs[own] < 0 else -1)
    _, line = frame.place(0, a + b * (xs[own] + side / frame.across))  # where it passes: the label keeps away from it
    yield Label(x + side, y + 0.8 * ROW * (-1 if y < line - 0.01 else 1), off, ORANGE, "bold")
