"""Figures. Each function returns a matplotlib Figure, which a notebook shows and `save` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from tinyunet.files import atomic, ending
from tinyunet.tensor import Array

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart with any colour vision (Okabe & Ito 2008)


def check_name(path: str | os.PathLike[str]) -> None:
    """A ValueError if a name ends in no format that figures are written in."""
    if Path(path).suffix:
        ending(path, (f".{name}" for name in sorted(FigureCanvasBase.get_supported_filetypes())), "a figure")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure; the ending of the name says in which format. The file appears whole or not at all."""
    check_name(path)
    with atomic(path) as part:
        figure.savefig(part, format=Path(path).suffix.lstrip(".") or "png", dpi=150)


def running_mean(values: Sequence[float], width: int) -> Array:
    """The mean of each value and its neighbours, up to width // 2 on either side.

    >>> running_mean([1.0, 3.0, 8.0], 3)
    array([2. , 4. , 5.5])
    """
    sums = np.cumsum([0.0, *values])
    here = np.arange(len(values))
    first, last = np.maximum(here - width // 2, 0), np.minimum(here + width // 2 + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def draw_training(axes: Any, losses: Sequence[float], scores: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """The loss of every step with its running mean, and the validation scores on a second scale."""
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, color=BLUE, alpha=0.25, linewidth=0.8)
    axes.plot(steps, running_mean(losses, 21), color=BLUE, linewidth=1.8)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss (each step, and mean of 21)", color=BLUE)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, max(len(losses), 1))
    axes.spines["top"].set_visible(False)
    if not scores:
        return
    right = axes.twinx()
    for name in scores[0][1]:
        x, y = zip(*((step, numbers[name]) for step, numbers in scores), strict=True)
        right.plot(x, y, "o-", color=ORANGE, linewidth=1.5, markersize=4, clip_on=False)
        right.annotate(
            f"{y[-1]:.3f}", (x[-1], y[-1]), xytext=(-4, -14), textcoords="offset points", ha="right", color=ORANGE
        )
    right.set_ylabel(f"{', '.join(scores[0][1])} of the validation pictures", color=ORANGE)
    right.set_ylim(0, 1.02)
    right.spines["top"].set_visible(False)


def training_curve(losses: Sequence[float], scores: Sequence[tuple[int, Mapping[str, float]]]) -> Figure:
    """How a training went: see `draw_training`."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    draw_training(figure.subplots(), losses, scores)
    return figure
