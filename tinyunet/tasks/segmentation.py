"""Segmentation: for every pixel, does it belong to the thing or not?

Data      pictures and masks of 0 and 1, as random crops, flipped and turned
Model     a U-Net with one output channel: the logit of "belongs to it"
Loss      binary cross-entropy with logits
Metric    Dice = 2·|P ∩ T| / (|P| + |T|) of the pixels with probability above ½
Baseline  Otsu's threshold, and a local threshold with its settings tuned on the very pictures it is judged by
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import tinyunet.functional as F
from tinyunet import classical, metrics, runs
from tinyunet.data import (
    Batches,
    DataError,
    find_pairs,
    load_pairs,
    read_image,
    standardize,
    write_mask,
    write_probability,
)
from tinyunet.optim import Adam, CosineAnnealingLR
from tinyunet.tasks.settings import Settings as Settings
from tinyunet.tasks.tiles import tiled
from tinyunet.tensor import Array, Tensor
from tinyunet.training import Trainer
from tinyunet.unet import UNet

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Dataset(NamedTuple):
    """Pictures (C, H, W) in [0, 1] with their masks (1, H, W), and the names of both."""

    names: list[str]
    images: list[Array]
    masks: list[Array]

    def only(self, chosen: Iterable[int]) -> Dataset:
        """The pictures at these positions."""
        chosen = list(chosen)
        return Dataset(*([column[k] for k in chosen] for column in self))  # type: ignore[arg-type]


def read(images: str | os.PathLike[str], masks: str | os.PathLike[str], foreground: str = "light") -> Dataset:
    """All pairs of two folders, sorted by name. Raises DataError naming the file that cannot be used."""
    pairs = find_pairs(images, masks)
    return Dataset([pair.name for pair in pairs], *load_pairs(pairs, foreground))  # type: ignore[arg-type]


def split(dataset: Dataset, validation: int | None) -> tuple[Dataset, Dataset]:
    """The pictures to train on and those to validate on, the last by name: neighbours in a series are alike."""
    n = len(dataset.names)
    first = _first_held_out(n, validation)
    return dataset.only(range(first)), dataset.only(range(first, n))


def _first_held_out(n: int, validation: int | None) -> int:
    kept = n // 5 if validation is None else validation
    if not 0 <= kept < n:
        raise DataError(f"{kept} of {n} pictures cannot be kept for validation: at least one must be left to train on")
    return n - kept


def split_names(settings: Settings) -> tuple[list[str], list[str]]:
    """The names of the pictures that a run trains on, and of those that it validates on."""
    names = [pair.name for pair in find_pairs(settings.images, settings.masks)]
    first = _first_held_out(len(names), settings.validation)
    return names[:first], names[first:]


def not_trained_on(settings: Settings, images: str | os.PathLike[str], dataset: Dataset) -> Dataset:
    """Those pictures of a dataset, read from the folder `images`, that the run with these settings did not train on."""
    if Path(images).resolve() != Path(settings.images):
        return dataset
    trained, _ = split_names(settings)
    return dataset.only(k for k, name in enumerate(dataset.names) if name not in trained)


def network(settings: Settings, in_channels: int, rng: Any = None) -> UNet:
    """The U-Net that `settings` describe, for pictures with so many channels, not yet trained."""
    return UNet(in_channels, 1, settings.channels, norm=settings.norm, rng=rng)


def loss(model: UNet, batch: tuple[Array, Array]) -> Tensor:
    """The binary cross-entropy of the model's logits, mean over all pixels of a batch of images and masks."""
    images, masks = batch
    return F.binary_cross_entropy_with_logits(model(images), masks)


def trainer(settings: Settings, out: str | os.PathLike[str] | None, dataset: Dataset | None = None) -> Trainer[UNet]:
    """Everything that `settings` describe, ready to `run(settings.steps)`. Reads the folders unless given a dataset.

    Raises:
        DataError: pictures that cannot be used, or smaller than the crop.
    """
    dataset = read(settings.images, settings.masks, settings.foreground) if dataset is None else dataset
    train, held_out = split(dataset, settings.validation)
    for name, image in zip(train.names, train.images, strict=True):
        if min(image.shape[1:]) < settings.crop:
            raise DataError(
                f"{name} is {image.shape[1]}×{image.shape[2]}, smaller than the crop of {settings.crop}; crop less"
            )
    weights_rng, batches_rng = np.random.default_rng(settings.seed).spawn(2)
    model = network(settings, len(train.images[0]), weights_rng)
    optimizer = Adam(model.parameters(), settings.lr)
    return Trainer(
        model,
        Batches(
            [standardize(image) for image in train.images],
            train.masks,
            settings.batch,
            settings.crop,
            batches_rng,
            elastic=settings.elastic,
        ),
        loss,
        optimizer,
        CosineAnnealingLR(optimizer, settings.steps),
        validate=(lambda model: {"dice": score(model, held_out).dice}) if held_out.names else None,
        out=out,
    )


def start(settings: Settings, out: str | os.PathLike[str]) -> Trainer[UNet]:
    """A new run in the folder `out`, not yet trained.

    Raises:
        DataError: pictures that cannot be used, or a folder that holds a run already.
    """
    return runs.start(settings, out, trainer)


def resume(out: str | os.PathLike[str]) -> tuple[Trainer[UNet], Settings]:
    """The run in the folder `out` where it stopped: `run(settings.steps)` continues it bit for bit."""
    return runs.resume(out, Settings, trainer)


def load(out: str | os.PathLike[str]) -> tuple[UNet, Settings]:
    """The best model of a run, ready to predict, and its settings."""

    def untrained(settings: Settings, weights: Mapping[str, Array]) -> UNet:
        return network(settings, weights["encoder.levels.0.conv.0.weight"].shape[1])

    return runs.load(out, Settings, untrained)


def predict(model: UNet, image: Array, tile: int = 512, overlap: int = 64) -> Array:
    """The probability of every pixel: image (C, H, W) in [0, 1], of any size → (1, H, W).

    The picture is standardised as in training, and cut into tiles if it is large: see `tiled`.

    Raises:
        ValueError: an image of another shape or number of channels.
    """
    if image.ndim != 3 or image.size == 0:
        raise ValueError(f"predict: the image must be (C, H, W), not {image.shape}")
    if len(image) != model.in_channels:
        raise ValueError(
            f"predict: the image has {len(image)} channels, but the model was made for {model.in_channels}"
        )
    with model.evaluating():
        p = tiled(lambda x: F.sigmoid(model(x)).numpy(), [standardize(image)], model.multiple, tile, overlap)
    return np.clip(p, 0, 1)


class Score(NamedTuple):
    """How good a prediction is, over the pixels of all pictures together."""

    dice: float
    iou: float
    accuracy: float
    auc: float


def predict_files(
    model: UNet, pictures: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str]
) -> Iterator[tuple[str, str, float]]:
    """Predict every picture, write NAME_mask.png and NAME_probability.png into the folder `out`, and say what was done.

    Yields:
        The picture, its mask, and the share of its pixels that are marked in it.

    Raises:
        DataError: a picture that cannot be used, or two of one name.
    """
    files = [Path(picture) for picture in pictures]
    stems = [file.stem for file in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise DataError(f"several pictures are named {', '.join(twice)} and would overwrite each other's results")
    for file in files:  # before the first of many is worked on
        if not file.exists():
            raise DataError(f"{file}: there is no such file")
    for file in files:
        try:
            p = predict(model, read_image(file))
        except ValueError as error:
            raise error if isinstance(error, DataError) else DataError(f"{file}: {error}") from None
        result = Path(out) / file.stem
        write_probability(f"{result}_probability.png", p)
        write_mask(f"{result}_mask.png", p > 0.5)
        yield str(file), f"{result}_mask.png", float((p > 0.5).mean())


def score(model: UNet, dataset: Dataset) -> Score:
    """The scores of a model on pictures with masks."""
    return score_of([predict(model, image) for image in dataset.images], dataset.masks)


def score_of(predictions: Sequence[Array], masks: Sequence[Array]) -> Score:
    """The scores of probabilities, or of masks, which are certain probabilities."""
    p = np.concatenate([np.ravel(a) for a in predictions])
    truth = np.concatenate([np.ravel(a) for a in masks])
    positive = p > 0.5
    return Score(
        metrics.dice(positive, truth),
        metrics.iou(positive, truth),
        metrics.pixel_accuracy(positive, truth),
        metrics.roc_auc(p, truth),
    )


def baselines(dataset: Dataset) -> dict[str, Score]:
    """What can be had without learning, at its best: the light or the dark side of the pictures, whichever fits."""
    sides: Any = ("light", "dark")
    otsu = [score_of([classical.otsu(image, side) for image in dataset.images], dataset.masks) for side in sides]
    tuned = [(classical.tuned_local_threshold(dataset.images, dataset.masks, side), side) for side in sides]
    best, side = max(tuned, key=lambda found: found[0].dice)
    local = [classical.local_threshold(image, best.window, best.offset, side, best.smooth) for image in dataset.images]
    return {
        "Otsu's threshold": max(otsu, key=lambda s: s.dice),
        "local threshold, tuned here": score_of(local, dataset.masks),
    }


def evaluate(model: UNet, dataset: Dataset) -> list[tuple[str, Score]]:
    """The scores for every picture by name, for all together, and of the baselines."""
    predictions = [predict(model, image) for image in dataset.images]
    each = zip(dataset.names, predictions, dataset.masks, strict=True)
    return [
        *((name, score_of([p], [mask])) for name, p, mask in each),
        (f"U-Net, all {len(dataset.names)}", score_of(predictions, dataset.masks)),
        *baselines(dataset).items(),
    ]


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
    draw_training(curve.subplots(), losses, scores)
    return figure
