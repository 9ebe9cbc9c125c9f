"""A number that was worked out: the steps that lead to it, each with every product in it.

Most numbers here are sums of products. A `Sum` has parts (one for each channel, say), a part has terms, a term has
factors, and a factor knows its value and the cell of the array that it stands in.

A sum over an image has 100,000 terms, of which a text shows 18. So its numbers stay in arrays (`Numbers`), and a term
is made when it is looked at (`Terms`).
"""

import functools
import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.tensor import Array


def place(name: str, at: Sequence[int]) -> str:
    """An element or a part of an array, such as "x[0, 1]"; without an index all of it."""
    return f"{name}{list(at)}" if at else name


class Factor(NamedTuple):
    """A number and where it stands: the name of an array and the index in it.

    Names of what is computed on the way, such as "x̂", are no names of arrays. What is around an image has the name
    "padding", and an index below 0 or beyond the end; if it is a pixel of the image, it is known which. The index of a
    single number is ().
    """

    name: str
    at: tuple[int, ...]
    value: float
    seen: str = ""  # in the border: which pixel, such as "x[0, 1] mirrored"

    @property
    def place(self) -> str:
        """Such as "x[0, 1, 2]"."""
        return self.seen or self.name if self.name == "padding" else place(self.name, self.at)


class Term(NamedTuple):
    """A product of factors, mostly two."""

    factors: tuple[Factor, ...]

    @property
    def value(self) -> float:
        """The product."""
        return math.prod([f.value for f in self.factors])

    @property
    def text(self) -> str:
        """Such as "0×(−1)"."""
        first, *others = (write(f.value) for f in self.factors)
        return "×".join([first, *(f"({t})" if t.startswith("−") or "/" in t else t for t in others)])


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers at all places of a grid, row by row, each of which is a factor of one term."""

    name: str
    grid: tuple[Sequence[int], ...]  # along each axis, the indices; () for numbers that stand in no array
    shape: tuple[int, ...]  # of the array; what lies beyond it is padding
    sources: tuple[Sequence[int], ...]  # along each axis, the indices of what is seen there
    values: Array  # as many as the grid has places
    seen_as: str = ""  # what a number of the array is called that is seen beyond it

    def factor(self, k: int) -> Factor:
        """The k-th."""
        value, at, source = float(self.values[k]), list[int](), list[int]()
        for indices, sources in zip(reversed(self.grid), reversed(self.sources), strict=True):
            k, here = divmod(k, len(indices))
            at.append(int(indices[here]))
            source.append(int(sources[here]))
        at.reverse()
        source.reverse()
        if self.has(at):
            return Factor(self.name, tuple(at), value)
        seen = f"{place(self.name, source)} {self.seen_as}" if self.has(source) else ""
        return Factor("padding", tuple(at), value, seen)

    def has(self, at: Sequence[int]) -> bool:
        """Whether there is such a place in the array."""
        return all(0 <= index < n for index, n in zip(at, self.shape, strict=True))


class Terms(Sequence[Term]):
    """Products that are made when they are looked at: of the k-th number of every factor, for all k or those chosen."""

    def __init__(self, *factors: Numbers, chosen: range | None = None) -> None:
        self.factors = factors
        self.chosen = range(len(factors[0].values)) if chosen is None else chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return tuple(self[i] for i in range(len(self))[k])
        return Term(tuple(numbers.factor(self.chosen[k]) for numbers in self.factors))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    @property
    def values(self) -> list[float]:
        """The value of each, without making it."""
        chosen = slice(self.chosen.start, self.chosen.stop)
        return functools.reduce(operator.mul, (numbers.values[chosen] for numbers in self.factors)).tolist()


def values(terms: Sequence[Term]) -> list[float]:
    """The value of each."""
    return terms.values if isinstance(terms, Terms) else [term.value for term in terms]


class Part(NamedTuple):
    """The terms that belong together, such as those of one input channel, and their sum."""

    name: str
    terms: Sequence[Term]

    @property
    def value(self) -> float:
        """The partial sum."""
        return math.fsum(values(self.terms))


class Symbol(NamedTuple):
    """What a quantity is called, in a text and in LaTeX."""

    text: str
    latex: str


@dataclass(frozen=True)
class Sum:
    """A sum of products in parts, divided by `divisor` if it is a mean."""

    symbol: Symbol
    parts: tuple[Part, ...]
    divisor: float = 1

    @functools.cached_property
    def terms(self) -> tuple[Term, ...]:
        """Of all parts, in order."""
        return tuple(term for part in self.parts for term in part.terms)

    @functools.cached_property
    def value(self) -> float:
        """The sum of the parts, divided."""
        return math.fsum(itertools.chain.from_iterable(values(part.terms) for part in self.parts)) / self.divisor


@dataclass(frozen=True)
class Largest:
    """The largest of some numbers; among equals the first."""

    symbol: Symbol
    terms: Sequence[Term]

    @functools.cached_property
    def winner(self) -> Term:
        """The term that is the largest; the −∞ of the padding is not."""
        numbers = values(self.terms)
        return self.terms[numbers.index(max(numbers))]

    @functools.cached_property
    def value(self) -> float:
        """Its value."""
        return self.winner.value


@dataclass(frozen=True)
class Formula:
    """A formula with numbers in it: in a text and in LaTeX, the name of a number after a $.

    Where a number stands in brackets by itself, as in $a − ($b), they are there for a negative one alone.
    """

    symbol: Symbol
    text: str
    latex: str
    value: float
    factors: tuple[Factor, ...] = ()  # that stand in arrays
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Each factor by itself: what to point at."""
        return tuple(Term((factor,)) for factor in self.factors)


Step = Sum | Largest | Formula
