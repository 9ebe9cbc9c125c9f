"""Operations one after the other, as a text for a terminal and as pages for a notebook."""

from __future__ import annotations

import html as escaping
from string import Template

from tinyunet.byhand.arithmetic.chain import Chain
from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.numbers import write_array
from tinyunet.byhand.views import page
from tinyunet.tensor import Array


def heading(chain: Chain, step: Explanation) -> str:
    """What a step is made from: "step 2: y = relu(x), where x is the y of step 1"."""
    operation, made = step.operation, step.made_from
    settings = [f"{name}={value!r}" for name, value in operation.chosen().items()]
    arrays = [name for name in operation.array_names if operation.arrays.get(name) is not None]
    what = f"y = {operation.name}({', '.join([*arrays, *settings])})" if step.what == "y" else operation.name
    needs = [
        f"{name} is {'the y of ' if of.what == 'y' else 'the '}{chain.name(of)}"
        for name, of in made.items()
        if step.what == "y" or name == "dy"  # the arrays of a gradient are those of its operation
    ]
    return f"{chain.name(step)}: {what}{', where ' if needs else ''}{' and '.join(needs)}"


def arrays(step: Explanation) -> dict[str, Array]:
    """The arrays that a step is made from and that no other step has made, and the result."""
    known = {name: array for name, array in step.arrays.items() if name not in step.made_from}
    if step.what != "y":
        known = {name: array for name, array in known.items() if name == "dy"}
    return known | {step.what: step.result}


def grids(step: Explanation) -> list[str]:
    """The same as texts."""
    return [f"{name} = {write_array(array, prefix=f'{name} = ')}" for name, array in arrays(step).items()]


def text(chain: Chain) -> str:
    """Every step with its numbers."""
    return "\n\n".join("\n".join([heading(chain, step), *grids(step)]) for step in chain)


def html(chain: Chain) -> str:
    """A page for every step, one below the other."""
    return "".join(page.frame(step, heading(chain, step)) for step in chain)


def page_of(title: str, chain: Chain) -> str:
    """The same as a page of its own."""
    parts = {"style": page.asset("view.css"), "frames": html(chain)}
    return Template(page.asset("chain.html")).substitute(parts, title=escaping.escape(title))
