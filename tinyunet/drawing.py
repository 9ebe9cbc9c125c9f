"""Drawings of what is computed: the U with the feature maps of a picture, and a graph of numbers made of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyunet.ops.elementwise import logistic
from tinyunet.plot import BLUE, ORANGE
from tinyunet.tensor import Array
from tinyunet.trace import feature_maps

# Lengths are in inches, and y runs downwards
WIDTH = 12.0  # of the figure
TOP = 0.62  # above the first level
EDGE = 0.15  # beside the first picture and the last
FIRST = 1.6  # the longer side of the maps of the first level
SHRINK = 0.76  # from one level to the next (in truth ½, but then the deepest could not be seen)
GAP = 0.6  # between levels
STEP = 0.3  # from one map of a stack to the next, in sides of a map
ACROSS, DOWN = 2.6, 1.2  # from one box of a graph to the next
NEARER = 0.38  # of the way along an arrow stands what it says, nearer to its source than where arrows cross
GREY = "#555555"


def scaled(maps: Array) -> Array:
    """Every map of (C, H, W) from 0 to 1: from its darkest to its brightest value, but for 1 % of outliers at each end.

    >>> scaled(np.array([[[2.0, 4.0, 3.0]]])).round(2).tolist()
    [[[0.0, 1.0, 0.5]]]
    """
    low, high = np.percentile(maps, (1, 99), axis=(1, 2), keepdims=True)
    return np.clip((maps - low) / np.where(high > low, high - low, 1), 0, 1)


def liveliest(maps: Array, count: int) -> Array:
    """Of maps (C, H, W) those `count` that differ most from pixel to pixel, in their order.

    >>> liveliest(np.array([[[1, 2]], [[5, 5]], [[0, 9]]]), 2).tolist()
    [[[1, 2]], [[0, 9]]]
    """
    return maps[np.sort(np.argsort(-maps.std((1, 2)), kind="stable")[:count])]


class _Stack(NamedTuple):
    """Where the maps of a level lie on the way down. On the way up they lie in the mirror image of that."""

    left: float
    top: float
    width: float  # of a map
    height: float
    shown: int  # so many maps

    @property
    def right(self) -> float:
        return self.left + self.width * (1 + STEP * (self.shown - 1))

    @property
    def middle(self) -> float:
        return self.top + self.height / 2

    @property
    def bottom(self) -> float:
        return self.top + self.height


def _stacks(levels: int, H: int, W: int) -> list[_Stack]:
    """The levels from the top down, and the bottleneck. Each begins further right, and leaves room for its skip."""
    stacks: list[_Stack] = []
    top = TOP
    for row in range(levels + 1):
        side = FIRST * SHRINK**row / max(H, W)
        stacks.append(_Stack(0, top, side * W, side * H, 3 + row))  # more maps the deeper, though not twice as many
        top = stacks[-1].bottom + GAP
    first = EDGE + stacks[0].width + 0.5
    indent = min(0.8, (WIDTH / 2 - 0.4 - stacks[levels - 1].right - first) / max(levels - 1, 1))
    lefts = [*(first + indent * row for row in range(levels)), (WIDTH - stacks[levels].right) / 2]
    return [stack._replace(left=left) for stack, left in zip(stacks, lefts, strict=True)]


def u(model: Any, image: Array) -> Figure:
    """The U, with the maps that a U-Net makes of an image (C, H, W), and their shapes.

    On the left the way down, on the right the way up. A stack shows some maps of its level, the liveliest, each from
    its darkest to its brightest value. Of the output, a logit for each pixel, the probability is shown.

    >>> from tinyunet.unet import UNet
    >>> figure = u(UNet(1, 1, channels=(4, 8), rng=0), np.zeros((1, 16, 16), np.float32))
    >>> [text.get_text() for text in figure.axes[0].texts if "×" in text.get_text()]
    ['1 × 16×16', '1 × 16×16', '4 × 16×16', '4 × 16×16', '8 × 8×8', '4 × 8×8', '8 × 4×4']
    """
    made = {name: of[0] for name, of in feature_maps(model, np.asarray(image)[None]).items()}
    maps = {name: logistic(of) if name == "output" else scaled(of) for name, of in made.items()}
    *levels, bottleneck = _stacks(len(model.channels), *maps["input"].shape[1:])
    figure = Figure(figsize=(WIDTH, bottleneck.bottom + 0.7), dpi=80)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(bottleneck.bottom + 0.7, 0))
    axes.set_axis_off()

    def show(of: Array, at: _Stack, color: str = GREY, cmap: str = "magma") -> None:
        """Draw some maps of (C, H, W) one behind the other, and their shape below."""
        for k, one in enumerate(liveliest(of, at.shown)):
            x, y, order = at.left + STEP * at.width * k, at.top - 0.05 * k, 2 - 0.01 * k
            axes.imshow(one, cmap=cmap, vmin=0, vmax=1, extent=(x, x + at.width, y + at.height, y), zorder=order)
            axes.add_patch(Rectangle((x, y), at.width, at.height, fill=False, edgecolor="white", lw=1.5, zorder=order))
        say("{} × {}×{}".format(*of.shape), (at.left + at.right) / 2, at.bottom + 0.09, color, va="top", fontsize=13)

    def say(text: str, x: float, y: float, color: str = GREY, **style: Any) -> None:
        axes.text(x, y, text, color=color, **{"ha": "center", "va": "bottom", "fontsize": 15, **style})

    def arrow(start: tuple[float, float], end: tuple[float, float], color: str = GREY, way: str = "arc3") -> None:
        head = "-|>,head_width=0.3,head_length=0.55"
        style = {"arrowstyle": head, "connectionstyle": way, "color": color, "lw": 2.2, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", end, start, arrowprops=style)

    top = levels[0]
    before, after = (top._replace(left=x, shown=1) for x in (EDGE, WIDTH - EDGE - top.width))
    for name, at in {"input": before, "output": after}.items():
        show(maps[name], at, cmap="gray")
        say(name, (at.left + at.right) / 2, TOP - 0.1)
    arrow((before.right + 0.08, top.middle), (top.left - 0.06, top.middle))
    arrow((WIDTH - top.left + 0.08, top.middle), (after.left - 0.06, top.middle))
    for k, (level, below) in enumerate(pairwise([*levels, bottleneck]), 1):
        show(maps[f"skip{k}"], level, BLUE)
        show(maps[f"dec{k}"], level._replace(left=WIDTH - level.right), ORANGE)
        if model.skips:
            arrow((level.right + 0.1, level.middle), (WIDTH - level.right - 0.1, level.middle))
        corner, entry = (level.left + 0.18, level.bottom + 0.08), (below.left - 0.06, below.middle)
        arrow(corner, entry, BLUE, "angle,angleA=90,angleB=0")
        arrow((WIDTH - entry[0], entry[1]), (WIDTH - corner[0], corner[1]), ORANGE, "angle,angleA=0,angleB=90")
    show(maps["bottleneck"], bottleneck)
    say("bottleneck", WIDTH / 2, bottleneck.bottom + 0.62)
    down = "down: smaller maps,\nand more of them:\nwhat is there"
    up = "up: larger maps,\n" + ("with the skips beside them:\nwhere it is" if model.skips else "without skips")
    say(down, EDGE, bottleneck.middle, BLUE, ha="left", va="center")
    say(up, WIDTH - EDGE, bottleneck.middle, ORANGE, ha="right", va="center")
    if model.skips:
        say("skip", WIDTH / 2, top.middle - 0.08)
    return figure


def graph(
    made_of: Mapping[Any, Sequence[Any]],
    labels: Mapping[Any, str],
    notes: Mapping[Any, str] | None = None,
    along: Mapping[Any, Sequence[str]] | None = None,
) -> Figure:
    """What was made of what, from left to right, each in a box; below the boxes, in orange, there is room for notes.

    Args:
        made_of: the sources of each result, in the order in which they were made.
        labels: what stands in the boxes.
        notes: what stands below them, for those that have something.
        along: what stands on the arrows to a result, one for each of its sources.

    >>> figure = graph({"u": "ab", "y": "uc"}, {name: name for name in "abcuy"}, {"u": "1"})
    >>> sorted(text.get_text() for text in figure.axes[0].texts if text.get_text())
    ['1', 'a', 'b', 'c', 'u', 'y']
    """
    places = _places(made_of)
    across, down = 1 + max(x for x, _ in places.values()), 1 + max(y for _, y in places.values())
    figure = Figure(figsize=(ACROSS * across, DOWN * (down + 0.3)), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.5, across - 0.5), ylim=(down - 0.4, -0.7))
    axes.set_axis_off()
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": BLUE, "linewidth": 2}
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 17}
    drawn = {node: axes.text(*place, labels[node], bbox=box, zorder=2, **style) for node, place in places.items()}
    for node, text in (notes or {}).items():
        axes.text(places[node][0], places[node][1] + 0.36, text, color=ORANGE, **style)
    for result, sources in made_of.items():
        for k, source in enumerate(sources):
            twice = 0.25 if sources[0] == sources[-1] else 0  # both arrows are seen
            far = -0.25 if places[result][0] - places[source][0] > 1 else 0  # around what stands between
            bend = far or (twice if k else -twice)
            axes.annotate(
                "",
                places[result],
                places[source],
                zorder=3,
                arrowprops={
                    "arrowstyle": "-|>,head_width=0.3,head_length=0.6",
                    "connectionstyle": f"arc3,rad={bend}",
                    "patchA": drawn[source].get_bbox_patch(),
                    "patchB": drawn[result].get_bbox_patch(),
                    "color": GREY,
                    "linewidth": 2,
                },
            )
            if along:
                (x, y), (to_x, to_y), ratio = places[source], places[result], ACROSS / DOWN
                right, below, aside = to_x - x, to_y - y, 2 * NEARER * (1 - NEARER) * bend
                place = x + NEARER * right - aside * below / ratio, y + NEARER * below + aside * right * ratio
                cut = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # the arrow is seen before and after it
                axes.text(*place, along[result][k], color=ORANGE, bbox=cut, zorder=4, **style)
    return figure


def _places(made_of: Mapping[Any, Sequence[Any]]) -> dict[Any, tuple[float, float]]:
    """(column, row) of everything: results right of their sources, and what is no result left of its first use."""
    nodes = list(dict.fromkeys(node for result, sources in made_of.items() for node in (*sources, result)))
    column: dict[Any, int] = {}
    for result, sources in made_of.items():
        column[result] = 1 + max(column.get(source, 0) for source in sources)
    for node in nodes:
        if node not in made_of:
            column[node] = min(column[result] for result, sources in made_of.items() if node in sources) - 1
    rows: dict[Any, float] = {}
    for k in range(1 + max(column.values())):
        here = [node for node in nodes if column[node] == k]
        middles = [float(np.mean([rows[s] for s in made_of[node]])) if node in made_of else np.inf for node in here]
        row = -1.0
        for middle, node in sorted(zip(middles, here, strict=True), key=lambda pair: pair[0]):
            row = max(row + 1, middle if np.isfinite(middle) else 0)
            rows[node] = row
    return {node: (column[node], rows[node]) for node in nodes}
