"""Examples of several operations, each on the result of the one before it, in TOML.

    title = "A convolution, then ReLU"
    x = [[1, 2, 0], [3, 4, 1]]

    [[step]]
    operation = "conv2d"                # with its arrays and settings, except x
    w = [[1, -1]]
    b = [-2]

    [[step]]
    operation = "relu"

    [[ask]]
    step = 1                            # the result y of a step
    answer = [[-1, 2], [-1, 3]]

    [[ask]]
    step = 2
    at = [0, 1]
    answer = 2

    [[ask]]
    step = 1
    grad = "w"                          # of L, for the dy of the last step: 1 everywhere, unless dy = … says more

An answer that follows rightly from a wrong one before it is told so, and is not taken for another mistake. Without any
[[ask]], all results are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyunet.byhand.arithmetic.chain import Chain
from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.examples.documents import PREAMBLE, escaped, letter_of, matrices
from tinyunet.byhand.examples.fields import FieldError, blaming, leaves, numbers
from tinyunet.byhand.examples.reading import explanation_of, only, operation_of, within_bounds
from tinyunet.byhand.examples.source import Digits, Source
from tinyunet.byhand.mistakes.chain import Asked, judged
from tinyunet.byhand.mistakes.diagnosis import Verdict
from tinyunet.byhand.views import chains

MOST = 20  # steps


@dataclass(frozen=True)
class StepAsk:
    """What is asked of a step, what somebody answered, and what there is to say about that.

    Attributes:
        step: its number, from 1.
        of: its result or gradient.
    """

    step: int
    of: Explanation
    at: tuple[int, ...] | None
    answer: Any
    verdict: Verdict

    @property
    def heading(self) -> str:
        """Such as "step 2, y[0, 1]"."""
        return f"step {self.step}, {self.of.what if self.at is None else self.of.at(*self.at).symbol.text}"

    def check(self) -> Verdict:
        """Whether the answer is right, follows rightly from a wrong one, or is a mistake."""
        return self.verdict


@dataclass(frozen=True)
class Steps:
    """Operations one after the other, and what is asked of them."""

    title: str
    chain: Chain
    asks: tuple[StepAsk, ...]

    def elements(self, grad: str | None = None, at: Sequence[int] | None = None) -> list[Element]:
        """What to work out: the elements that are asked for, and of whole arrays the first one.

        Raises:
            ValueError, IndexError: `grad` and `at` do not say of which step.
        """
        if grad is not None or at is not None:
            raise ValueError("--grad and --at are for examples of one operation; here [[ask]] says what to work out")
        found: dict[str, Element] = {}
        for ask in self.asks:
            element = ask.of.at(*((0,) * ask.of.result.ndim if ask.at is None else ask.at))
            found.setdefault(f"step {ask.step}, {element.symbol.text}", element)
        return list(found.values())

    def text(self, elements: Sequence[Element]) -> str:
        """Every step with its numbers, and the elements of it worked out."""
        return "\n\n".join([*([self.title] if self.title else []), *self._parts(elements, "\n{}", Element.text)])

    def markdown(self, elements: Sequence[Element]) -> str:
        """The same in Markdown."""
        parts = self._parts(elements, "\n\n```text\n{}\n```", Element.markdown)
        return "\n\n".join([f"# {self.title or 'Steps'}", *(part.strip() for part in parts)]) + "\n"

    def latex(self, elements: Sequence[Element]) -> str:
        """The same as a LaTeX document."""
        found = [PREAMBLE.replace("COLUMNS", "50"), f"\\section*{{{escaped(self.title or 'Steps')}}}"]
        for step in self.chain:
            found.append(f"\\subsection*{{{escaped(chains.heading(self.chain, step))}}}")
            given = chains.arrays(step).items()
            found += [matrices(letter_of(step.operation, name), array) for name, array in given]
            found += [f"\\[\\fitted{{{e.latex()}}}\\]" for e in elements if e.explanation is step]
        return "\n\n".join([*found, "\\end{document}\n"])

    def html(self, elements: Sequence[Element] = ()) -> str:
        """A page of all steps."""
        return chains.page_of(self.title or "Steps", self.chain)

    def _parts(self, elements: Sequence[Element], numbers: str, form: Callable[[Element], str]) -> list[str]:
        """Every step and its numbers, and after it what is worked out of it."""
        found = []
        for step in self.chain:
            found.append(chains.heading(self.chain, step) + numbers.format("\n".join(chains.grids(step))))
            found += [form(element) for element in elements if element.explanation is step]
        return found


def from_source(source: Source) -> Steps:
    """Read an example of steps from the text of a file.

    Raises:
        ValueError: whatever is wrong with it, with the line and the key.

    >>> text = 'x = [-1, 2]\\n[[step]]\\noperation = "relu"\\n[[step]]\\noperation = "linear"\\nw = [[3, 4]]'
    >>> for ask in from_source(Source(text, "steps.toml")).asks:
    ...     print(ask.heading, ask.of.result)
    step 1, y [0. 2.]
    step 2, y [8.]
    """
    try:
        return _steps(source.keys)
    except FieldError as error:
        raise source.wrong(error) from None


def _steps(given: Mapping[str, Any]) -> Steps:
    only(given, ("title", "x", "dy", "step", "ask"))
    title, tables, asks = given.get("title", ""), given.get("step", []), given.get("ask", [])
    if not isinstance(title, str) or isinstance(title, Digits):
        raise FieldError("must be a text in quotes", "title")
    for key, those in (("step", tables), ("ask", asks)):
        if not isinstance(those, list) or not all(isinstance(table, dict) for table in those):
            raise FieldError(f"must be tables, each under [[{key}]]", key)
    if len(tables) > MOST:
        raise FieldError(f"there are more than {MOST} steps", "step")
    within_bounds({key: value for key, value in given.items() if key != "step"}, asks)
    y: Explanation | None = None
    for k, table in enumerate(tables):
        try:
            if k and "x" in table:
                raise FieldError("a step works on the result of the one before it", "x")
            only(table, ("operation", *operation_of(table).parameters))
            within_bounds(table, [])
            first = {"x": given["x"]} if k == 0 and "x" in given else {}
            y = explanation_of(first | table, len(asks) or len(tables), y)
        except FieldError as error:
            raise FieldError(f"{error} (in step {k + 1})", error.key, k, "step") from None
    if y is None:
        raise FieldError("there is none", "step")
    chain = Chain(y)
    if "dy" in given or any("grad" in table for table in asks):
        with blaming("dy"):
            chain = chain.back(numbers(given["dy"]) if "dy" in given else None)
    return Steps(title, chain, tuple(_asks(chain, len(tables), asks)))


def _asks(chain: Chain, steps: int, tables: list[dict[str, Any]]) -> list[StepAsk]:
    """What is asked, in order; answers are judged together."""
    found: list[tuple[int, Explanation, Asked]] = []
    for k, table in enumerate(tables or [{"step": k} for k in range(1, steps + 1)]):
        only(table, ("step", "grad", "at", "answer"), k)
        with blaming("step", k):
            number = table.get("step")
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= steps:
                raise ValueError(f"must be the number of a step, 1 to {steps}")
        with blaming("grad", k):
            of = _of(chain, chain[number - 1], table.get("grad"))
        answer, at = table.get("answer"), table.get("at")
        with blaming("at", k):
            if at is not None:
                if not isinstance(at, list) or not all(isinstance(i, int) for i in at):
                    raise TypeError("must be a list of integers, such as [0, 1, 1]")
                at = of.at(*at).index
        with blaming("answer", k):
            for _ in leaves(answer):  # not nested too deeply
                pass
        found.append((number, of, Asked(chain.steps.index(of), answer, at)))
    verdicts = judged(chain, [asked for *_, asked in found])
    return [
        StepAsk(number, of, asked.at, asked.answer, verdict)
        for (number, of, asked), verdict in zip(found, verdicts, strict=True)
    ]


def _of(chain: Chain, step: Explanation, grad: Any) -> Explanation:
    """A step, or a gradient of it."""
    if grad is None:
        return step
    known = {of.what[1:]: of for of in chain if of.operation is step.operation and of.what != "y"}
    if grad not in known:
        raise ValueError(
            f"there is no gradient of {step.operation.name} with respect to {grad!r}; there is {', '.join(known)}"
        )
    return known[grad]
