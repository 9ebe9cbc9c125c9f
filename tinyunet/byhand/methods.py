"""What can be asked of a result itself: `y.check(answer)` is `check(y, answer)`, `print(y)` writes `text.whole(y)`."""

from typing import Any

from tinyunet.byhand.arithmetic.chain import Chain
from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.size import Size
from tinyunet.byhand.mistakes import chain as of_steps
from tinyunet.byhand.mistakes import diagnosis
from tinyunet.byhand.mistakes import sizes as wrong_sizes
from tinyunet.byhand.views import chains, figure, page, sizes, text


def _html(element: Element) -> str:
    """The page of the whole result, which shows this element first: see `Explanation.html`."""
    return page.html(element.explanation, element.index)


METHODS: dict[type, dict[str, Any]] = {
    Element: {
        "text": text.text,
        "markdown": text.markdown,
        "latex": text.latex,
        "__str__": text.text,
        "__repr__": text.text,
        "_repr_latex_": text.displayed,
        "check": diagnosis.check_element,
        "html": _html,
        "figure": figure.draw,
    },
    Explanation: {
        "__str__": text.whole,
        "__repr__": text.whole,
        "check": diagnosis.check,
        "animation": figure.animation,
        "animate": figure.animate,
        "html": page.html,
        "_repr_html_": page.frame,
    },
    Chain: {
        "__str__": chains.text,
        "__repr__": chains.text,
        "_repr_html_": chains.html,
        "check": of_steps.check,
    },
    Size: {
        "text": sizes.text,
        "markdown": sizes.markdown,
        "latex": sizes.latex,
        "__str__": sizes.text,
        "__repr__": sizes.text,
        "_repr_html_": sizes.html,
        "check": wrong_sizes.check,
    },
}


def tie() -> None:
    """Make them methods."""
    for kind, methods in METHODS.items():
        for name, method in methods.items():
            setattr(kind, name, method)
