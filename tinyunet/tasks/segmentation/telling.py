"""What a run says of itself: at its beginning what it uses, at its end what came of it; and scores as tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinyunet.data._checks import some
from tinyunet.data.masks import text_of
from tinyunet.tasks.segmentation.dataset import Dataset, Facts, shares
from tinyunet.tasks.segmentation.network import PictureUNet
from tinyunet.tasks.segmentation.running import Run
from tinyunet.tasks.segmentation.scores import class_scores, evaluate, evaluate_classes
from tinyunet.tasks.segmentation.shown import class_names, picture_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def describe(run: Run) -> Iterator[str]:
    """What a run uses, and what it does."""
    settings, step = run.settings, run.trainer.step
    weights = sum(p.numel() for p in run.trainer.model.parameters())
    n, kept = len(run.train.names), len(run.held_out.names)
    yield f"{n + kept} pair{'s' if n + kept > 1 else ''}, {n} to train on: {_sizes(run.facts)}; {_classes(run)}"
    for sentence in run.left_out:
        yield f"left out: {sentence}"
    if settings.rare:
        two = run.train.meaning.classes == 1
        names = ["background", "foreground"] if two else [f"class {name}" for name in class_names(run.train.meaning)]
        rare = some(names[k] for k in settings.rare)
        yield f"rare: {rare}; every second square is laid around it, and the Dice loss is added"
    yield (
        f"U-Net {' '.join(map(str, settings.channels))} ({weights:,} weights), {settings.steps} steps of "
        f"{settings.batch} squares {settings.crop}×{settings.crop}; validation: {some(run.held_out.names) or 'none'}"
    )
    if step >= settings.steps:
        yield f"All {settings.steps} steps were made before; more are made with --steps."
    elif step:
        lr = run.trainer.optimizer.lr
        yield f"Goes on after step {step}, at a learning rate of {lr:.3g}, which falls to 0 at step {settings.steps}."


def _sizes(facts: Sequence[Facts]) -> str:
    """Sizes and channels of pictures."""
    sizes = sorted({f.shape[1:] for f in facts})
    text = f"{sizes[0][0]}×{sizes[0][1]}"
    if len(sizes) > 1:
        (h, w), (H, W) = np.min(sizes, axis=0), np.max(sizes, axis=0)
        text = f"{len(sizes)} sizes from {h}×{w} to {H}×{W}"
    channels = facts[0].shape[0]
    return f"{text} pixels, {channels} channel{'s' if channels > 1 else ''}"


def _classes(run: Run) -> str:
    """The classes and their shares of the pixels."""
    meaning, of = run.train.meaning, shares(run.facts)
    if meaning.classes == 1:
        return f"foreground ({meaning.foreground}) {percent(of[1])} of the pixels"
    each = ", ".join(f"{name} {percent(share)}" for name, share in zip(class_names(meaning), of, strict=True))
    if meaning.ignore is None:
        return f"{meaning.classes} classes: {each}"
    ignored = 1 - sum(f.counts.sum() for f in run.facts) / sum(f.shape[1] * f.shape[2] for f in run.facts)
    return f"{meaning.classes} classes: {each}; ignored: {text_of(meaning.ignore)}, {percent(ignored)} of the pixels"


def percent(share: float) -> str:
    """A share in percent, with two digits that tell something.

    >>> percent(0.314), percent(0.0021), percent(0.0)
    ('31 %', '0.21 %', '0 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"


def outcome(run: Run, out: str | os.PathLike[str]) -> Iterator[str]:
    """What came of a run, and which weights are used to predict."""
    trainer, settings, out = run.trainer, run.settings, os.fspath(out)
    if trainer.step < settings.steps:
        yield f"Stopped early after step {trainer.step}; validations without a better score: {trainer.waited()}."
    if trainer.scores and trainer.best_step is not None:
        name, value = next(iter(dict(trainer.scores)[trainer.best_step].items()))
        of = f"{name} {value:.4f} on the validation pictures"
        if np.isnan(value):
            of = f"the latest, since the validation pictures show one class alone, and {name} says nothing"
        yield f"Best is step {trainer.best_step}: {of}; its weights are used by  tinyunet predict {out}"
    else:
        yield f"The latest weights, of step {trainer.step}, are used by  tinyunet predict {out}"
    yield f"Done. Weights, history.csv, curve.png and picture.png are in {out}."


def run_picture(run: Run) -> Figure:
    """The examples of a run: pictures held out, truth, what the best weights mark, and where they err."""
    from tinyunet.tasks.segmentation.running import load

    held_out = bool(run.held_out.names)
    dataset = run.held_out if held_out else run.train
    assert run.trainer.out is not None
    model, _ = load(run.trainer.out)
    return picture_of(model, dataset, "Pictures held out" if held_out else "Pictures that were trained on")


def table(model: PictureUNet, dataset: Dataset) -> Iterator[str]:
    """The scores of every picture, of all together, and of thresholds, for masks of two values."""
    rows = evaluate(model, dataset)
    width = max(len(name) for name, _ in rows)
    yield f"{'':{width}}   Dice    IoU  precision  recall  accuracy    AUC"
    for name, s in rows:
        yield (
            f"{name:{width}}  {s.dice:.3f}  {s.iou:.3f}      {s.precision:.3f}   {s.recall:.3f}     {s.accuracy:.3f}  "
            f"{s.auc:.3f}"
        )


def tables_of_classes(model: PictureUNet, dataset: Dataset) -> Iterator[str]:
    """The mean scores of every picture, and the scores of each class over all of them."""
    rows, total = [], np.zeros((dataset.classes, dataset.classes), np.int64)
    for name, counted in evaluate_classes(model, dataset):
        rows.append((name, counted))
        total += counted
    rows.append((f"U-Net, all {len(dataset.names)}", total))
    width = max(len(name) for name, _ in rows)
    yield f"{'':{width}}  mean Dice  mean IoU  accuracy"
    for name, counted in rows:
        scores = class_scores(counted)
        dice, iou = (np.nanmean([getattr(s, of) for s in scores]) for of in ("dice", "iou"))
        yield f"{name:{width}}      {dice:.3f}     {iou:.3f}     {np.trace(counted) / max(counted.sum(), 1):.3f}"
    names = [f"class {name}" for name in class_names(dataset.meaning)]
    width = max(map(len, names))
    yield ""
    yield f"{'':{width}}   Dice    IoU  precision  recall"
    for name, s in zip(names, class_scores(total), strict=True):
        yield f"{name:{width}}  {s.dice:.3f}  {s.iou:.3f}      {s.precision:.3f}   {s.recall:.3f}"
