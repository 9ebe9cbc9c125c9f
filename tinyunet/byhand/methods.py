"""What can be asked of a result itself: `y.check(answer)` is `check(y, answer)`, `print(y)` writes `text.whole(y)`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.byhand.arithmetic.worked import Worked
from tinyunet.byhand.mistakes import diagnosis
from tinyunet.byhand.views import page, text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _figure(element: Element) -> Figure:
    """The window, the kernel, the products and the sum as a picture of 16:9: see `tinyunet.byhand.views.figure.draw`.

    >>> from tinyunet import byhand
    >>> byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]]).at(0, 0).figure()
    <Figure size 1280x720 with 1 Axes>
    """
    from tinyunet.byhand.views import figure  # which loads Matplotlib, and not everybody draws

    return figure.draw(element)


def _animate(explanation: Explanation, path: str | os.PathLike[str], milliseconds: int = 700) -> None:
    """Write a GIF of the window sliding over the image: see `tinyunet.byhand.views.figure.animate`.

    Raises:
        ValueError: a path that does not end in .gif, frames shorter than 20 ms, or more than 400 of them.
    """
    from tinyunet.byhand.views import figure

    figure.animate(explanation, path, milliseconds)


def _page(element: Element) -> str:
    """The page of the whole result, which shows this element first: see `Explanation.html`."""
    return page.html(element.explanation, element.index)


METHODS: dict[type, dict[str, Any]] = {
    Worked: {
        "text": text.text,
        "markdown": text.markdown,
        "latex": text.latex,
        "__str__": text.text,
        "_repr_latex_": text.displayed,
    },
    Element: {"__repr__": text.text, "check": diagnosis.check_element, "html": _page, "figure": _figure},
    Explanation: {
        "__str__": text.whole,
        "__repr__": text.whole,
        "check": diagnosis.check,
        "animate": _animate,
        "html": page.html,
        "_repr_html_": page.frame,
    },
}


def tie() -> None:
    """Make them methods."""
    for kind, methods in METHODS.items():
        for name, method in methods.items():
            setattr(kind, name, method)
