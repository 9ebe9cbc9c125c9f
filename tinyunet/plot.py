"""Figures. Each function returns a matplotlib Figure, which a notebook shows and `save` writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tinyunet.files import atomic, ending
from tinyunet.tensor import Array

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart with any colour vision (Okabe & Ito 2008)
MARKS = BLUE, ORANGE, "#009E73", "#CC79A7"  # from the same eight, for what is marked first, second, …
CELL, WIDEST = 0.6, 12.8  # inches: a cell of a grid, unless the figure becomes wider than a slide


def check_name(path: str | os.PathLike[str]) -> None:
    """A ValueError if a name ends in no format that figures are written in."""
    if Path(path).suffix:
        ending(path, (f".{name}" for name in sorted(FigureCanvasBase.get_supported_filetypes())), "a figure")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure; the ending of the name says in which format. The file appears whole or not at all."""
    check_name(path)
    with atomic(path) as part:
        figure.savefig(part, format=Path(path).suffix.lstrip(".") or "png", dpi=150)


def maps(arrays: Mapping[str, Any], limits: tuple[float, float] | None = None) -> Figure:
    """Pictures or feature maps (H, W) side by side, each under its name; bright is large.

    Args:
        limits: what is black and what is white in all of them. Without, each goes from its least to its largest value.

    Raises:
        ValueError: no arrays, or one that is not (H, W).

    >>> figure = maps({"picture": np.zeros((4, 6)), "map": np.ones((2, 3))}, limits=(0, 1))
    >>> [axes.get_title() for axes in figure.axes]
    ['picture', 'map']
    """
    for name, array in arrays.items():
        if np.ndim(array) != 2:
            raise ValueError(f"maps: {name!r} must be (H, W), not of shape {np.shape(array)}")
    if not arrays:
        raise ValueError("maps: there is nothing to draw")
    low, high = limits or (None, None)
    shapes = [np.shape(array) for array in arrays.values()]
    ratios = [width / height for height, width in shapes]
    tall = min(4.0, 12.0 / sum(ratios))  # inches; as wide as a slide at most
    figure = Figure(figsize=(tall * sum(ratios) + 0.2 * len(ratios), tall + 0.6))
    figure.set_layout_engine("constrained", w_pad=0.08)
    panels = figure.subplots(1, len(arrays), squeeze=False, width_ratios=ratios)[0]
    for axes, (name, array) in zip(panels, arrays.items(), strict=True):
        axes.imshow(np.asarray(array), cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(name, fontsize=16)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color("gray")  # the frame and the gap tell the edge of a picture from a line in it
    return figure


def draw_rows(place: Any, columns: Mapping[str, Sequence[Array]], fontsize: float = 16) -> None:
    """Pictures (1, H, W) or (3, H, W) with values from 0 to 1 into a figure: a titled column for each name."""
    first = next(iter(columns.values()))
    ratios = [max(of[k].shape[1] / of[k].shape[2] for of in columns.values()) for k in range(len(first))]
    grid = place.subplots(len(first), len(columns), squeeze=False, height_ratios=ratios)
    for k, (name, images) in enumerate(columns.items()):
        grid[0, k].set_title(name, fontsize=fontsize)
        for axes, image in zip(grid[:, k], images, strict=True):
            shown = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
            axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_axis_off()


def rows(columns: Mapping[str, Sequence[Array]]) -> Figure:
    """Examples in rows, and what they show in titled columns: see `draw_rows`.

    >>> figure = rows({"input": [np.zeros((1, 4, 6))] * 2, "truth": [np.ones((3, 4, 6))] * 2})
    >>> [axes.get_title() for axes in figure.axes]
    ['input', 'truth', '', '']
    """
    panels = list(columns.values())
    width = 12.0 / len(panels)  # inches; all together as wide as a slide
    height = sum(width * picture.shape[1] / picture.shape[2] for picture in panels[0])
    figure = Figure(figsize=(12.0, height + 0.8), layout="constrained")
    draw_rows(figure, columns)
    return figure


def points(clouds: Mapping[str, Array]) -> Figure:
    """Clouds of points (N, 2) side by side, each under its name, all on the same square of the plane.

    >>> figure = points({"noise": np.zeros((5, 2)), "spiral": np.ones((5, 2))})
    >>> [axes.get_title() for axes in figure.axes]
    ['noise', 'spiral']
    """
    half = max(float(np.quantile(np.abs(cloud), 0.999)) for cloud in clouds.values()) * 1.1 or 1.0
    columns = min(len(clouds), 4)
    lines = -(-len(clouds) // columns)
    figure = Figure(figsize=(12.0, lines * (12.0 / columns + 0.5)), layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axes, (name, cloud) in zip(panels, clouds.items(), strict=False):
        axes.scatter(*cloud.T, s=5, color=BLUE, alpha=0.5, linewidths=0)
        axes.set_title(name, fontsize=16)
        axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal", xticks=[], yticks=[])
    for axes in panels[len(clouds) :]:  # places of the grid that are left
        axes.set_axis_off()
    return figure


def distributions(values: Mapping[str, Sequence[float]], label: str) -> Figure:
    """How often each value occurs: a curve of steps for each name, from 0 on, on one scale with this label.

    >>> figure = distributions({"a": [1.0, 2.0, 2.1], "b": [0.5, 0.7]}, "distance")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['a', 'b']
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    bins = [float(edge) for edge in np.linspace(0, max(max(of) for of in values.values()), 40)]
    for (name, of), colour in zip(values.items(), MARKS, strict=False):
        axes.hist(of, bins, density=True, histtype="step", linewidth=2, color=colour, label=name)
    axes.set_xlabel(label, fontsize=13)
    axes.set_yticks([])
    axes.set_ylabel("how often", fontsize=13)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=13, frameon=False)
    return figure


def running_mean(values: Sequence[float], width: int) -> Array:
    """The mean of each value and its neighbours, up to width // 2 on either side.

    At the beginning it takes as many after a value as there are before it: a curve that falls steeply at first begins
    where its values begin.

    >>> running_mean([1.0, 3.0, 8.0], 3)
    array([1. , 4. , 5.5])
    """
    sums = np.cumsum([0.0, *values])
    here = np.arange(len(values))
    reach = np.minimum(here, width // 2)
    first, last = here - reach, np.minimum(here + reach + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def draw_training(axes: Any, losses: Sequence[float], scores: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """The loss of every step with its running mean, and the validation scores on a second scale."""
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color=BLUE, alpha=0.5, linewidth=0.8)
    axes.plot(steps, running_mean(losses, 21), color=BLUE, linewidth=1.8)
    axes.set_xlabel("training step", fontsize=13)
    axes.set_ylabel("loss (each step, and mean of 21)", color=BLUE, fontsize=13)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, max(len(losses), 1))
    axes.spines[["top", "right"]].set_visible(False)
    if not scores:
        return
    right = axes.twinx()
    for name in scores[0][1]:
        x, y = zip(*((step, numbers[name]) for step, numbers in scores), strict=True)
        right.plot(x, y, "o-", color=ORANGE, linewidth=1.5, markersize=4, clip_on=False)
        right.annotate(
            f"{y[-1]:.3f}",
            (x[-1], y[-1]),
            xytext=(-8, -18),
            textcoords="offset points",
            ha="right",
            color=ORANGE,
            fontsize=13,
        )
    right.set_ylabel(f"{', '.join(scores[0][1])} of the validation pictures", color=ORANGE, fontsize=13)
    right.set_ylim(0, 1.02)
    right.spines["top"].set_visible(False)


def training_curve(losses: Sequence[float], scores: Sequence[tuple[int, Mapping[str, float]]]) -> Figure:
    """How a training went: see `draw_training`."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    draw_training(figure.subplots(), losses, scores)
    return figure


def grids(arrays: Mapping[str, Any], marks: Mapping[str, Any] | None = None) -> Figure:
    """Small arrays of numbers side by side, as on squared paper, each under its name; bright is large.

    A 0 is of the same grey in all of them. Of an array with more than two axes every plane is drawn, and named by its
    index. nan is an empty cell.

    Args:
        marks: by the name of an array, which of its cells to mark: what stands in brackets in NumPy, such as
            `np.s_[0:3, 0:3]`, or a list of these. The first of a list is blue, then orange, green, purple.

    Raises:
        ValueError: marks for an array that is not there.

    >>> figure = grids({"x": np.arange(16).reshape(4, 4), "y": np.full((2, 2), np.nan)}, {"x": np.s_[0:3, 0:3]})
    >>> [text.get_text() for text in figure.axes[0].texts][:4]
    ['x', '0', '1', '2']
    """
    marks = marks or {}
    if unknown := marks.keys() - arrays.keys():
        raise ValueError(f"grids: marks for {sorted(unknown)}, but the arrays are {list(arrays)}")
    planes = [plane for name, array in arrays.items() for plane in _planes(name, array, marks.get(name, []))]
    widths = [max(values.shape[1], 0.27 * len(name)) for name, values, _ in planes]
    tall, wide = max(len(values) for _, values, _ in planes), sum(widths) + len(widths)  # in cells, one between two
    unit = min(CELL, WIDEST / wide)
    figure = Figure(figsize=(unit * wide, unit * (tall + 1.3)), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, wide), ylim=(tall + 0.2, -1.1))
    axes.set_axis_off()
    left = 0.5
    for (name, values, masks), width in zip(planes, widths, strict=True):
        corner = left + (width - values.shape[1]) / 2, (tall - len(values)) / 2
        style = {"ha": "center", "color": "black", "fontsize": 0.42 * unit * 72}
        axes.text(left + width / 2, corner[1] - 0.25, name, **style)
        _draw_grid(axes, values, corner, style)
        for colour, mask, inset in zip(MARKS, masks, (0, 0.05, 0.1, 0.15), strict=False):
            _draw_mark(axes, mask, corner, colour, inset)
        left += width + 1
    return figure


def _planes(name: str, array: Any, marks: Any) -> Iterator[tuple[str, Array, list[Array]]]:
    """Name, numbers and masks of what is marked, of every plane of an array."""
    array, marks = np.asarray(array, float), marks if isinstance(marks, list) else [marks]
    masks = np.zeros((len(marks), *array.shape), bool)
    for mask, mark in zip(masks, marks, strict=True):
        mask[mark] = True
    array = np.atleast_2d(array)  # a vector is a row
    masks = masks.reshape(-1, *array.shape)
    for at in np.ndindex(array.shape[:-2]):
        yield f"{name}{[*at]}" if at else name, array[at], [mask[at] for mask in masks]


def _draw_grid(axes: Any, values: Array, corner: tuple[float, float], style: dict[str, Any]) -> None:
    """The cells and their numbers."""
    texts = [_short(value) for value in values.flat]
    size = style["fontsize"] * 3.2 / max(3.2, *map(len, texts))
    most = np.nanmax([0, *np.abs(values.flat)]) or 1
    for (i, j), text in zip(np.ndindex(values.shape), texts, strict=True):
        x, y = corner[0] + j, corner[1] + i
        bright = 0.8 + 0.2 * values[i, j] / most if text else 1  # from 0.6 on a number is legible
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=str(bright), edgecolor="gray", linewidth=0.8))
        axes.text(x + 0.5, y + 0.53, text, **{**style, "fontsize": size, "va": "center"})


def _draw_mark(axes: Any, mask: Array, corner: tuple[float, float], colour: str, inset: float) -> None:
    """A frame around the cells that are marked, or around each of them if there are gaps between them."""
    cells = np.argwhere(mask)
    if not len(cells):
        return
    (top, left), (bottom, right) = cells.min(axis=0), cells.max(axis=0) + 1
    boxes = [(top, left, bottom - top, right - left)]
    if len(cells) < (bottom - top) * (right - left):
        boxes = [(i, j, 1, 1) for i, j in cells]
    for i, j, height, width in boxes:
        place = corner[0] + j + inset, corner[1] + i + inset
        size = width - 2 * inset, height - 2 * inset
        axes.add_patch(Rectangle(place, *size, facecolor=(colour, 0.15), edgecolor=colour, linewidth=3.5))


def _short(value: float) -> str:
    """A number in few characters: whole, or three digits; nothing for nan."""
    if np.isnan(value):
        return ""
    value += 0.0  # −0 becomes 0
    return (f"{value:.0f}" if value == round(value) else f"{value:.3g}").replace("-", "−")
