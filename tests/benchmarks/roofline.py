"""The roofline model (Williams, Waterman & Patterson 2009) of tinyunet's convolutions, as a figure.

A piece of work of I FLOP per byte cannot be faster than the processor computes, nor faster than I times what the memory
delivers: two roofs, level and sloping. What lies under the slope waits for memory, what lies right of it for the
processor, and the distance to the roof is what could be gained.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from tinyunet.plot import BLUE, ORANGE

GREEN, GREY = "#009E73", "0.35"
TITLE = 24  # points above the axes: a line of small print is below it
STYLES = {"R2": (BLUE, "o"), "R3": (GREEN, "D"), "R4": (ORANGE, "s")}


class Point(NamedTuple):
    """Work that was measured: in FLOP per byte and GFLOP/s."""

    intensity: float
    speed: float
    label: str = ""


class Bar(NamedTuple):
    """A layer and its bare matrix product, in ms."""

    label: str
    whole: float
    bare: float


def draw_roofs(axes, peak, bandwidths):
    """The roofs, from GFLOP/s of the processor and GB/s of every memory, with their names along them."""
    low, high = axes.get_xlim()
    axes.plot([peak / max(bandwidths.values()), high], [peak, peak], color=GREY, linewidth=1.5)
    axes.text(high, peak * 1.04, f"matrix products: {peak:.0f} GFLOP/s", ha="right", color=GREY)
    for where, bandwidth in bandwidths.items():
        axes.plot([low, peak / bandwidth], [low * bandwidth, peak], color=GREY, linewidth=1.5)
        x, y = peak / bandwidth * 0.88, peak * 0.88
        along = {"rotation": np.degrees(np.arctan2(y, x)), "transform_rotates_text": True, "rotation_mode": "anchor"}
        axes.text(x, y * 1.06, f"copies in {where}: {bandwidth:.0f} GB/s", ha="right", color=GREY, **along)


def draw_points(axes, layers, steps):
    """The layers as small marks, whole training steps as large ones with their names in them."""
    for name, points in layers.items():
        colour, marker = STYLES[name]
        x, y, labels = zip(*points, strict=True)
        axes.plot(x, y, marker, color=colour, alpha=0.6, markeredgewidth=0, label=f"{name}: a convolution, forward")
        for label, *at in zip(labels, x, y, strict=True):
            axes.annotate(label, at, (0, 5), textcoords="offset points", ha="center", color=colour, fontsize=8)
    for name, (*at, _) in steps.items():
        colour, marker = STYLES[name]
        axes.plot(*at, marker, color=colour, markersize=17, markeredgecolor="white", markeredgewidth=1.5)
        axes.text(*at, name, color="white", ha="center", va="center", fontsize=8, fontweight="bold")
    axes.legend(
        loc="lower right", frameon=False, title="large: a training step, by its convolutions' FLOP", alignment="left"
    )


def draw_bars(axes, bars):
    """Each layer's time, from top to bottom: its matrix product, and what it takes beyond that."""
    rows = np.arange(len(bars))
    whole, bare = (np.array([getattr(bar, part) for bar in bars]) for part in ("whole", "bare"))
    handles = [
        axes.barh(rows, bare, color=ORANGE, label="bare matrix product"),
        axes.barh(rows, np.maximum(whole - bare, 0), left=bare, color=ORANGE, alpha=0.4, label="the rest"),
        *axes.plot(whole, rows, "|", color="black", markersize=9, label="the layer, its ratio to the product"),
    ]
    for row, a, b in zip(rows, whole, bare, strict=True):
        axes.annotate(f"{a / b:.2f}", (max(a, b), row), (6, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(rows, [bar.label for bar in bars], fontsize=8)
    axes.set(xlim=(0, 1.1 * max(*whole, *bare)), ylim=(len(bars) - 0.4, -0.6), xlabel="time, ms")
    above = {"loc": "lower left", "bbox_to_anchor": (-0.02, 0.985), "borderpad": 0.2}
    axes.legend(handles=handles, ncols=3, frameon=False, columnspacing=1.2, handletextpad=0.5, fontsize=8, **above)
    axes.set_title(f"The {len(bars)} convolutions of R4, forward: {sum(whole):.0f} ms", loc="left", pad=TITLE)


def roofline(machine, peak, bandwidths, layers, steps, bars):
    """Both panels.

    Args:
        machine: what was measured on, a line of text.
        peak: GFLOP/s of a large matrix product.
        bandwidths: GB/s of copies (bytes read plus bytes written) by what is copied in.
        layers: the Points of a U-Net's convolutions, by its name.
        steps: the Point of a whole training step, by the U-Net's name.
        bars: a Bar for each convolution of R4.
    """
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    figure.suptitle(f"What bounds tinyunet  ({machine})", fontsize=11)
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    x, y, _ = zip(*(p for points in layers.values() for p in points), *steps.values(), strict=True)
    left.set(xscale="log", yscale="log", xlim=(min(x) / 1.6, max(x) * 1.6), ylim=(min(y) / 2, peak * 1.3))
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    left.set_xlabel("arithmetic intensity, FLOP per byte of input, weight and output")
    left.set_ylabel("speed, GFLOP/s")
    left.set_title("Roofline: no work is faster than the roof above it", loc="left", pad=TITLE)
    waits = "below a slope it waits for memory, below the level roof for the processor"
    left.annotate(waits, (0, 1), (0, 7), "axes fraction", textcoords="offset points", fontsize=8)
    draw_roofs(left, peak, bandwidths)
    draw_points(left, layers, steps)
    draw_bars(right, bars)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
