"""Pictures of a worked element, for a slide: the window on its image, the kernel, the products, the sum and the result.

A picture is first planned as `Grid`s of numbers, then laid out, and only then painted. So all frames of an animation
share one layout, and nothing moves in it but the window. Matplotlib is loaded when a picture is asked for.
"""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyunet.byhand.arithmetic.explanation import Element, Explanation
from tinyunet.files import atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

FRAMES = 400  # of an animation, at most


def draw(element: Element) -> Figure:
    """The window, the kernel, the products and the sum of one element, as a picture of 16:9 for a slide.

    Of large arrays it shows the neighbourhood of the window, and of many channels the first few.

    >>> from tinyunet import byhand
    >>> figure = byhand.conv2d([[1, 2], [3, 4]], [[0, 1], [2, 3]], b=[10]).at(0, 0).figure()
    >>> [text.get_text() for text in figure.texts][-2:]
    ['20 + 10 = 30', 'channel 0 + bias = y[0, 0]']
    """
    from tinyunet.byhand.views.figure import slide

    (picture,), layout = slide.plan_all([element], filling=False)
    return slide.paint(picture, layout)


@dataclass(frozen=True, repr=False)
class Animation:
    """A GIF, which a notebook shows."""

    gif: bytes
    frames: int

    def __repr__(self) -> str:
        return f"<an animation of {self.frames} frames, which a notebook shows>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"image/gif": base64.b64encode(self.gif).decode(), "text/plain": repr(self)}


def animation(explanation: Explanation, milliseconds: int = 700) -> Animation:
    """A GIF in which the window slides over the first image and channel, and the result fills up.

    Args:
        milliseconds: for each element.

    Raises:
        ValueError: frames shorter than 20 ms, or more than 400 of them.

    >>> from tinyunet import byhand
    >>> byhand.relu([[-1, 2], [3, -4]]).animation()
    <an animation of 4 frames, which a notebook shows>
    """
    from PIL import Image

    from tinyunet.byhand.views.figure import slide

    if milliseconds < 20:  # browsers show them slower
        raise ValueError(f"milliseconds: a frame takes at least 20, not {milliseconds}")
    shape = explanation.result.shape
    plane, lead = shape[-2:], (0,) * len(shape[:-2])
    if np.prod(plane) > FRAMES:
        raise ValueError(
            f"one frame for each element of {plane} would be {np.prod(plane)}; at most {FRAMES} are written: "
            "animate a smaller input"
        )
    pictures, layout = slide.plan_all([explanation.at(*lead, *index) for index in np.ndindex(*plane)], filling=True)
    images = [pixels(slide.paint(picture, layout)) for picture in pictures]
    palette = images[-1].quantize(64, method=Image.Quantize.MAXCOVERAGE)  # one for all frames keeps the file small
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    pauses = [milliseconds] * (len(frames) - 1) + [3 * milliseconds]  # time to look at the whole
    gif = io.BytesIO()
    frames[0].save(gif, format="GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0)
    return Animation(gif.getvalue(), len(frames))


def animate(explanation: Explanation, path: str | os.PathLike[str], milliseconds: int = 700) -> None:
    """Write the `animation` to a file.

    Raises:
        ValueError: a path that does not end in .gif, and what `animation` raises.
    """
    if Path(path).suffix.lower() != ".gif":
        raise ValueError(f"an animation is a GIF; {str(path)!r} must end in .gif")
    made = animation(explanation, milliseconds)
    with atomic(path) as part:
        part.write_bytes(made.gif)


def pixels(figure: Figure) -> Image:
    """A figure as an image of 960×540 pixels."""
    from PIL.Image import frombytes

    raw = io.BytesIO()
    figure.savefig(raw, format="rgba", dpi=75, bbox_inches=figure.bbox_inches)
    return frombytes("RGBA", (960, 540), raw.getvalue()).convert("RGB")
