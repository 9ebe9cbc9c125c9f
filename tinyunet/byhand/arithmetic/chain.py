"""Operations one after the other: a result that is an array of the next operation, and the gradients back through all.

y = byhand.conv2d(x, w)
z = byhand.max_pool2d(byhand.relu(y), 2)
chain = byhand.chain(z)                     # conv2d, relu and max_pool2d
chain.back(dy=[[1]])                        # and all gradients: the dy of each step is the dx of the one after it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tinyunet.byhand.arithmetic.explanation import Explanation


class Chain:
    """Everything that was worked out on the way to some results, in order.

    Attributes:
        steps: results and gradients, each after those that it is made from.
    """

    def __init__(self, *ends: Explanation) -> None:
        self.steps: list[Explanation] = []
        for end in ends:
            self._add(end)

    def _add(self, step: Explanation) -> None:
        rest = [step]  # a stack, as a chain may be long
        while rest:
            missing = [needed for needed in rest[-1].made_from.values() if needed not in self.steps]
            if missing:
                rest += missing
            else:
                done = rest.pop()
                if done not in self.steps:
                    self.steps.append(done)

    def name(self, step: Explanation) -> str:
        """What a step is called: "step 2" for the second result, "dx of step 2" for a gradient of it."""
        results = [other for other in self.steps if other.what == "y"]
        for number, result in enumerate(results, 1):
            if result.operation is step.operation:
                return f"step {number}" if result is step else f"{step.what} of step {number}"
        return f"{step.what} of {step.operation.name}"

    def title(self, step: Explanation) -> str:
        """Such as "step 2, relu"."""
        return f"{self.name(step)}, {step.operation.name}"

    def back(self, dy: Any = None) -> Chain:
        """The same steps, and after them all gradients of a loss L, from the last step to the first.

        The gradient that reaches a step, its dy, is the dx of the one after it: that is the chain rule.

        Args:
            dy: ∂L/∂y of the last step; without it 1 everywhere, as for L = Σ y.

        Raises:
            ValueError: steps that are not one after the other, and what `grad` raises.

        >>> from tinyunet import byhand
        >>> y = byhand.relu(byhand.linear([1, 2], [[3, -4], [1, 1]]))
        >>> for step in byhand.chain(y).back([10, 20]):
        ...     print(step.title, step.result.tolist())
        y of linear [-5.0, 3.0]
        y of relu [0.0, 3.0]
        dx of relu [0.0, 20.0]
        dw of linear [[0.0, 0.0], [20.0, 40.0]]
        dx of linear [20.0, 20.0]
        """
        made, upstream = list[Explanation](), dy
        for k, step in reversed(list(enumerate(self.steps))):
            before = {"x": self.steps[k - 1]} if k else {}
            if step.what != "y" or step.made_from != before:
                raise ValueError(f"{self.title(step)}: for gradients, every step must be made from the one before it")
            names = [what[1:] for what in step.operation.quantities() if what.startswith("d")]
            gradients = {name: step.grad(name, upstream) for name in (*(n for n in names if n != "x"), "x")}
            made += gradients.values()
            upstream = gradients["x"]
        return Chain(*self.steps, *made)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.steps)

    def __getitem__(self, k: int) -> Explanation:
        return self.steps[k]

    if TYPE_CHECKING:  # what `byhand/methods.py` ties to it

        def check(self, answers: Any) -> Any: ...


def chain(*ends: Explanation) -> Chain:
    """All that was worked out on the way to these results: `check` tells mistakes from what follows of them.

    Raises:
        TypeError: what is no result.

    >>> from tinyunet import byhand
    >>> y = byhand.conv2d([[1, 2, 0], [3, 4, 1]], [[1, -1]], b=[-2])
    >>> steps = byhand.chain(byhand.relu(y))
    >>> print(steps.check([[[-1, 2], [-1, 3]], [[0, 2], [0, 3]]]))
    step 1, conv2d: not right: y[0, 0] = −1, the first of 4 wrong elements (of 4). It is what this mistake gives: \
bias forgotten: add the bias to every output.
    step 2, relu: follows rightly from your step 1; the mistake is there
    """
    for end in ends:
        if not isinstance(end, Explanation):
            raise TypeError(f"chain: results such as byhand.relu(…) are needed, not {type(end).__name__}")
    if not ends:
        raise TypeError("chain: the last result is needed")
    return Chain(*ends)
