"""How long an axis of a result is: the rule, with its numbers in it.

Along one axis a window of `kernel` cells, `dilation` apart, spans dilation·(kernel − 1) + 1 pixels. It starts at the
first pixel of the padded input and moves on by `stride` as long as it fits: that is the size of a convolution and of
pooling (`Gathered`). A transposed convolution lays a window down for every pixel: it has the size that they reach
(`Spread`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinyunet.byhand.arithmetic.worked import Formula, Symbol
from tinyunet.tensor import Array

Interval = tuple[Array, Array]  # the first and the last positions that are seen, of many at once


@dataclass(frozen=True)
class Length:
    """What decides how long an axis of y is; `before` and `after` are the paddings at its two ends."""

    input: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    words: ClassVar[str]  # the rule

    @property
    def rule(self) -> str:
        """The rule in words."""
        return self.words

    @property
    def span(self) -> int:
        """How many pixels the window covers."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def value(self) -> int:
        """The length."""
        raise NotImplementedError

    def worked(self, name: str) -> Formula:
        """The rule with the numbers put in."""
        raise NotImplementedError

    def seen(self, first: Array, last: Array) -> Interval:
        """The positions of x that the positions first … last of y depend on."""
        raise NotImplementedError

    def _formula(self, name: str, text: str, latex: str, **more: float) -> Formula:
        numbers: dict[str, float] = {"n": self.input, "k": self.kernel, "s": self.stride, "d": self.dilation}
        numbers |= {"p": self.before, "q": self.after, **more}
        symbol = Symbol(name, rf"\text{{{name}}}")
        return Formula(symbol, text, latex, self.value, (), {key: float(value) for key, value in numbers.items()})

    def _padding(self, sign: str, times: str) -> str:
        """Both paddings, in a formula."""
        return f" {sign} 2{times}$p" if self.before == self.after else f" {sign} $p {sign} $q"


@dataclass(frozen=True)
class Gathered(Length):
    """The places of a window on the padded input; with `ceil` a last one may hang over the end, if it starts inside.

    >>> Gathered(32, 3, stride=2, before=1, after=1).value, Gathered(5, 2, stride=2, ceil=True).value
    (16, 3)
    """

    ceil: bool = False

    words = "⌊(input + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1"

    @property
    def rule(self) -> str:
        rounded_up = self.words.replace("⌊", "⌈").replace("⌋", "⌉")
        return f"{rounded_up}, but no window starts after the input" if self.ceil else self.words

    @property
    def room(self) -> int:
        """How far the window can move."""
        return self.input + self.before + self.after - self.span

    @property
    def steps(self) -> int:
        """How many times it moves on: all of them are counted that fit, or one more."""
        return -(-self.room // self.stride) if self.ceil else self.room // self.stride

    @property
    def starts_outside(self) -> bool:
        """Whether the one more would start in the padding after the input, and is not counted."""
        return self.ceil and self.steps * self.stride >= self.input + self.before

    @property
    def value(self) -> int:
        return self.steps + (not self.starts_outside)

    def worked(self, name: str) -> Formula:
        opens, closes = "⌈⌉" if self.ceil else "⌊⌋"
        text = f"{opens}($n{self._padding('+', '·')} − $d·($k − 1) − 1) / $s{closes} + 1"
        side = "ceil" if self.ceil else "floor"
        around = self._padding("+", r" \cdot ")
        latex = rf"\left\l{side} \frac{{$n{around} - $d \cdot ($k - 1) - 1}}{{$s}} \right\r{side} + 1"
        if self.starts_outside:
            end = "$n + $p" if self.before else "$n"
            why = f"the last window would start at $steps·$s = $start, not before {end}"
            text = f"{text} − 1 = {opens}$room / $s{closes} + 1 − 1 = $steps + 1 − 1 ({why})"
            latex = f"{latex} - 1 = $steps + 1 - 1"
        else:
            text = f"{text} = {opens}$room / $s{closes} + 1 = $steps + 1"
            latex = f"{latex} = $steps + 1"
        return self._formula(name, text, latex, room=self.room, steps=self.steps, start=self.steps * self.stride)

    def seen(self, first: Array, last: Array) -> Interval:
        return self.stride * first - self.before, self.stride * last - self.before + self.span - 1


@dataclass(frozen=True)
class Spread(Length):
    """The reach of the windows that are laid down, without the padding, which crops it.

    >>> Spread(16, 3, stride=2, before=1, after=1, more=1).value
    32
    """

    more: int = 0  # output_padding

    words = "(input − 1)·stride − 2·padding + dilation·(kernel − 1) + 1 + output_padding"

    @property
    def value(self) -> int:
        return (self.input - 1) * self.stride - self.before - self.after + self.span + self.more

    def worked(self, name: str) -> Formula:
        text = f"($n − 1)·$s{self._padding('−', '·')} + $d·($k − 1) + 1 + $more"
        return self._formula(name, text, text.replace("·", r" \cdot ").replace("−", "-"), more=self.more)

    def seen(self, first: Array, last: Array) -> Interval:
        return -((self.span - 1 - self.before - first) // self.stride), (last + self.before) // self.stride
