"""What a person looks at: classes as colours, pictures with what is marked in them, errors, a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyunet.data.masks import IGNORE, Meaning, text_of
from tinyunet.tasks.segmentation.dataset import Dataset
from tinyunet.tasks.segmentation.network import marked, predict
from tinyunet.tensor import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Told apart with any colour vision (Okabe & Ito 2008)
ORANGE, BLUE = np.array([230, 159, 0]) / 255, np.array([0, 114, 178]) / 255
GREY = np.array([128, 128, 128]) / 255


def visible(image: Array) -> Array:
    """A picture (C, H, W) as one that can be shown, (3, H, W) in [0, 1]: grey unless it has three channels.

    Values beyond [0, 1], and pictures that would be nearly black, are stretched from the least to the largest value.
    """
    x = np.asarray(image if len(image) == 3 else image[:1], np.float64)
    low, high = x.min(), x.max()
    if low < 0 or high > 1 or high < 0.25:
        x = (x - low) / max(high - low, 1e-9)
    return np.broadcast_to(x, (3, *x.shape[1:]))


def palette(meaning: Meaning) -> Array:
    """The colour of each class, (K, 3) in [0, 1]; what two values mean is black and white."""
    return np.array(meaning.colours) / 255 if meaning.classes > 1 else np.array([[0.0] * 3, [1.0] * 3])


def coloured(classes: Array, meaning: Meaning) -> Array:
    """Classes (1, H, W) as colours (3, H, W); grey is what counts for nothing."""
    table = np.broadcast_to(GREY, (IGNORE + 1, 3)).copy()
    table[: max(meaning.classes, 2)] = palette(meaning)
    return table[np.asarray(classes[0], int)].transpose(2, 0, 1)


def overlay(image: Array, classes: Array, meaning: Meaning) -> Array:
    """A picture with what is marked in it half covered by its colour, (3, H, W); class 0 is left as it is."""
    colour = coloured(classes, meaning) if meaning.classes > 1 else np.ones(classes.shape) * ORANGE[:, None, None]
    return np.where(classes > 0, 0.5 * visible(image) + 0.5 * colour, visible(image))


def errors(classes: Array, mask: Array, meaning: Meaning) -> Array:
    """Where a prediction errs, (3, H, W): orange what is missed or mistaken, blue what is marked and should not be."""
    wrong = (classes != mask) & ((mask != IGNORE) if meaning.classes > 1 else True)
    right = 0.85 - 0.25 * (np.asarray(mask) > 0)
    colour = np.where(np.asarray(mask) == 0, BLUE[:, None, None], ORANGE[:, None, None])
    return np.where(wrong, colour, right)


def examples(model: Any, dataset: Dataset, most: int = 4) -> dict[str, Sequence[Array]]:
    """Titled columns of some pictures, spread over a dataset: picture, truth, prediction, error."""
    chosen = np.unique(np.linspace(0, len(dataset.names) - 1, min(most, len(dataset.names))).round().astype(int))
    columns: dict[str, list[Array]] = {"picture": [], "truth": [], "prediction": [], "error": []}
    for k in chosen.tolist():
        image, mask = dataset.images[k], dataset.masks[k]
        classes = marked(predict(model, image))
        for column, drawn in zip(
            columns.values(),
            (
                visible(image),
                coloured(mask, dataset.meaning),
                coloured(classes, dataset.meaning),
                errors(classes, mask, dataset.meaning),
            ),
            strict=True,
        ):
            column.append(drawn)
    return dict(columns)


def picture_of(model: Any, dataset: Dataset, title: str) -> Figure:
    """The examples of a dataset as a figure, with a legend."""
    from tinyunet import plot

    figure = plot.rows(examples(model, dataset))
    figure.suptitle(title, fontsize=16)
    entries = {"missed, or taken for another": ORANGE, "marked, but should not be": BLUE}
    if dataset.meaning.classes > 1:
        entries = {**class_colours(dataset.meaning), **entries}
    _add_legend(figure, entries, "outside lower center", columns=3)
    return figure


def _add_legend(figure: Figure, entries: Mapping[str, Array], place: Any, columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=tuple(c), edgecolor="gray", label=name) for name, c in entries.items()]
    figure.legend(handles=handles, loc=place, ncols=columns, fontsize=12, frameon=False)


def class_colours(meaning: Meaning) -> dict[str, Array]:
    """The colour of each class, by what it is called: its number, and the value that it has in the masks."""
    return dict(zip(class_names(meaning), palette(meaning), strict=True))


def class_names(meaning: Meaning) -> list[str]:
    """What each class is called: its number, and the value that it has in the masks if that is another."""
    value_of: dict[int, Any] = {}
    for value, number in meaning.table:
        value_of.setdefault(number, value)
    names = []
    for k in range(max(meaning.classes, 2)):
        value = value_of.get(k, k)
        text = text_of(value)
        names.append(str(k) if text == str(k) else f"{k} ({text})")
    return names


def legend(meaning: Meaning) -> Figure:
    """The classes and their colours."""
    from matplotlib.figure import Figure

    entries = class_colours(meaning)
    figure = Figure(figsize=(2.4, 0.3 * len(entries) + 0.3))
    _add_legend(figure, entries, "center", columns=1)
    return figure


def picture(
    columns: Mapping[str, Sequence[Array]],
    losses: Sequence[float],
    scores: Sequence[tuple[int, Mapping[str, float]]],
    title: str = "",
) -> Figure:
    """Examples in rows, what they show in titled columns, and the training curve below.

    Args:
        columns: by title, one array (1, H, W) or (3, H, W) with values from 0 to 1 for each example.
    """
    from matplotlib.figure import Figure  # loads slowly, and not everybody draws

    from tinyunet.plot import draw_rows, draw_training

    rows = len(next(iter(columns.values())))
    figure = Figure(figsize=(2.3 * len(columns), 2.3 * rows + 3.2), layout="constrained")
    figure.suptitle(title)
    pictures, curve = figure.subfigures(2, 1, height_ratios=[2.3 * rows, 2.9])  # type: ignore[misc]
    draw_rows(pictures, columns, fontsize=10)
    draw_training(curve.subplots(), losses, deciding(scores))
    return figure


def deciding(scores: Sequence[tuple[int, Mapping[str, float]]]) -> list[tuple[int, dict[str, float]]]:
    """Of every validation the number that decides which weights are the best, where it is one."""
    first = [(step, next(iter(numbers.items()))) for step, numbers in scores]
    return [(step, {name: value}) for step, (name, value) in first if not np.isnan(value)]
