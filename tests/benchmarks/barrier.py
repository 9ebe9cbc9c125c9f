"""Why a barrier hurts on a busy machine, as a figure: what two threads do, and steps per second against load.

Threads that share out a product in equal parts meet at its end, at a barrier, and who comes first spins: to be woken
would take longer than most products. If another program has the second processor, both threads are left with the first,
in turns, and each spins away the turn in which the other could work. If they take small tiles from a shared counter
instead, and sleep when there are none, whoever has the processor does all of the work.
"""

import itertools

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tests.benchmarks.roofline import GREEN, GREY
from tinyunet.plot import BLUE, ORANGE

STYLES = {
    "by default": (BLUE, "o-", "tinyunet"),
    "one thread": (GREEN, "D-", "tinyunet, one thread"),
    "before": (GREY, "^--", "tinyunet, before"),
    "PyTorch": (ORANGE, "s-", "PyTorch"),
}
TURN = 3.25  # ms: about what Linux gives a thread before it is the next one's turn
PRODUCTS, LENGTH, TILES = 8, 0.5, 4  # drawn; ms of work in one; tiles that it is cut into
WORK = {"facecolor": BLUE, "edgecolor": "white"}
SPIN = {"facecolor": "white", "edgecolor": ORANGE, "hatch": "////"}


def halves():
    """Each thread computes half of every product, when both are done with the one before → intervals and the end."""
    intervals, done, half, t = [], [0, 0], LENGTH / 2, 0
    for thread in itertools.cycle((0, 1)):
        count = min(done[1 - thread] + 1, PRODUCTS) - done[thread]
        intervals += [(thread, t + k * half, half, WORK) for k in range(count)]
        done[thread] += count
        if min(done) == PRODUCTS:
            return intervals, t + count * half
        intervals.append((thread, t + count * half, TURN - count * half, SPIN))
        t += TURN


def tiles():
    """Whoever has its turn computes the next tile; the helper sleeps when a product is done → intervals and the end."""
    intervals, thread, turn_ends = [], 0, TURN
    for k in range(PRODUCTS * TILES):
        t = k * LENGTH / TILES
        if t >= turn_ends or (thread == 1 and k % TILES == 0):
            thread, turn_ends = 1 - thread, t + TURN
        intervals.append((thread, t, LENGTH / TILES, WORK))
    return intervals, PRODUCTS * LENGTH


def draw_timeline(axes, timeline, title):
    """Two threads on one processor, from top to bottom: what each does in its turns."""
    intervals, end = timeline()
    for thread, begin, length, style in intervals:
        axes.barh(thread, length, left=begin, linewidth=0.6, **style)
    axes.set(ylim=(1.5, -0.5), yticks=(0, 1), yticklabels=("one thread", "the other"), xlabel="time, ms")
    axes.set_title(f"{title}: {PRODUCTS} products in {end:.0f} ms", loc="left", fontsize=11)
    return end


def draw_rates(axes, rates, loads, ticks, label):
    """Steps per second of every side: medians, and bars from quartile to quartile."""
    x = np.arange(len(loads))
    for side, results in rates.items():
        colour, style, name = STYLES[side]
        low, middle, high = np.percentile(results[:, loads], [25, 50, 75], axis=0)
        error = [middle - low, high - middle]
        axes.errorbar(x, middle, error, fmt=style, color=colour, capsize=3, linewidth=2, label=name)
    axes.set_xticks(x, ticks)
    axes.set(xlabel=label, xlim=(-0.2, len(loads) - 0.8), ylim=(0, None), ylabel="steps per second")


def draw(results, loads):
    """The drawing of two threads, and below it the measurements of each U-Net.

    Args:
        results: by the name of a U-Net and by side, steps per second (rounds, loads).
        loads: `Load`s, the first of which is quiet.
    """
    figure = Figure(figsize=(12, 2.4 + 4.2 * len(results)), layout="constrained")
    rows = figure.subplots(1 + len(results), 2, height_ratios=[1, *[3] * len(results)])
    ends = [
        draw_timeline(rows[0, 0], halves, "Halves that meet at a barrier"),
        draw_timeline(rows[0, 1], tiles, "Tiles from a shared counter"),
    ]
    for axes in rows[0]:
        axes.set_xlim(0, max(ends))
    figure.legend(
        handles=[Patch(label="computes", **WORK), Patch(label="spins, until its turn is over", **SPIN)],
        title="A drawing: two threads have one processor in turns, another program has the second. Below: measured",
        loc="outside upper center",
        ncols=2,
        frameon=False,
    )
    beside = [k for k, load in enumerate(loads) if load.learners == 1]
    together = [k for k, load in enumerate(loads) if load.loops == 0]
    for (left, right), (name, rates) in zip(rows[1:], results.items(), strict=True):
        draw_rates(left, rates, beside, [loads[k].loops for k in beside], "programs in a busy loop beside it")
        draw_rates(right, rates, together, [loads[k].learners for k in together], "learners at once, their sum")
        top = 1.08 * max(axes.get_ylim()[1] for axes in (left, right))
        for axes in (left, right):
            axes.set_ylim(0, top)
        left.set_title(f"{name}, beside other programs", loc="left", fontsize=11)
        right.set_title(f"{name}, several learners", loc="left", fontsize=11)
        left.legend(frameon=False)
    for axes in rows.flat:
        axes.spines[["top", "right"]].set_visible(False)
    return figure
