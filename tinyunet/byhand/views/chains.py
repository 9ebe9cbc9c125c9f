"""Operations one after the other, as a text for a terminal and as pages for a notebook."""

from __future__ import annotations

import html as escaping

from tinyunet.byhand.arithmetic.chain import Chain
from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import write_array
from tinyunet.byhand.views import page


def heading(chain: Chain, step: Explanation) -> str:
    """What a step is made from: "step 2: y = relu(x), where x is the y of step 1"."""
    operation = step.operation
    settings = [f"{name}={value!r}" for name, value in operation.chosen().items()]
    arrays = [name for name in operation.array_names if operation.arrays.get(name) is not None]
    call = f"{operation.name}({', '.join([*arrays, *settings])})"
    what = f"y = {call}" if step.what == "y" else f"{step.what} of {operation.name}"
    needs = [f"{name} is the {chain[n - 1].what} of step {n}" for name, n in chain.needs(step).items()]
    if step.what != "y":  # of the operation's own step only dy is new
        needs = needs[-1:] if "dy" in step.made_from else []
    return f"step {chain.number(step)}: {what}{', where ' if needs else ''}{' and '.join(needs)}"


def arrays(step: Explanation) -> dict[str, str]:
    """The arrays that a step is made from and that no other step has made, and the result, as texts."""
    known = {name: array for name, array in step.arrays.items() if name not in step.made_from}
    if step.what != "y":
        known = {name: array for name, array in known.items() if name == "dy"}
    return {name: _grid(name, array) for name, array in known.items()} | {step.what: _grid(step.what, step.result)}


def _grid(name: str, array: object) -> str:
    return f"{name} = {write_array(array, prefix=f'{name} = ')}"  # type: ignore[arg-type]


def text(chain: Chain) -> str:
    """Every step with its numbers."""
    return "\n\n".join("\n".join([heading(chain, step), *arrays(step).values()]) for step in chain)


def html(chain: Chain) -> str:
    """A page for every step, one below the other."""
    return "".join(f"<h3>{escaping.escape(heading(chain, step))}</h3>{page.frame(step)}" for step in chain)
