"""A run on folders of pictures: begun, taken up again with the same pictures, and loaded to predict."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tinyunet import runs
from tinyunet.data import DataError
from tinyunet.data._checks import some
from tinyunet.optim import Adam, CosineAnnealingLR
from tinyunet.tasks.segmentation.batches import Squares, rare_classes
from tinyunet.tasks.segmentation.dataset import Dataset, Facts, read, scale, survey
from tinyunet.tasks.segmentation.network import PictureUNet, loss, loss_of_the_rare
from tinyunet.tasks.segmentation.scores import Validation
from tinyunet.tasks.segmentation.splitting import found_again, last_of
from tinyunet.tasks.settings import Settings, value_of
from tinyunet.tensor import Array
from tinyunet.training import Trainer

EARLIER = (
    "the run was made by an earlier version of tinyunet, which brought each picture to a scale of its own; "
    "train it again, or use it with that version"
)
CAN_CHANGE = "steps", "patience", "images", "masks", "validation_images", "validation_masks"  # in a run that began


class Run(NamedTuple):
    """A training, what defines it, and the pictures that it learns from and is measured on."""

    trainer: Trainer[PictureUNet]
    settings: Settings
    train: Dataset
    facts: Sequence[Facts]
    held_out: Dataset
    left_out: Sequence[str]


def start(settings: Settings, out: str | os.PathLike[str]) -> Run:
    """A new run in the folder `out`, not yet trained.

    Raises:
        DataError: pictures that cannot be used, or a folder that holds a run already.
    """
    runs.refuse_another(out)
    run = begun(settings, out, *_read(settings))
    runs.start(run.settings, out, lambda *_: run.trainer)
    return run


def begun(settings: Settings, out: str | os.PathLike[str] | None, dataset: Dataset, own: Dataset | None = None) -> Run:
    """A run on pictures that are read: which to hold out is chosen, unless there are `own` ones to validate on."""
    facts = survey(dataset)
    contents = [f.content for f in facts]
    left_out = [*dataset.left_out, *(own.left_out if own else ())]
    if own is None:
        kept = set(last_of(contents, settings.validation))
        held_out, held_contents = dataset.only(sorted(kept)), [contents[k] for k in sorted(kept)]
    else:
        held_facts = survey(own)
        _check_channels(facts, held_facts)
        held_out, held_contents = own, [f.content for f in held_facts]
        kept = {k for k, each in enumerate(contents) if each in held_contents}
        both = [dataset.names[k] for k in sorted(kept)]
        left_out += [f"{some(both)}: also among the validation pictures"] if both else []
    chosen = [k for k in range(len(contents)) if k not in kept]
    if not chosen:
        raise DataError("all pictures are among the validation pictures, so that none is left to train on")
    train, facts = dataset.only(chosen), [facts[k] for k in chosen]
    settings = replace(
        settings,
        crop=fitted_crop(settings, facts),
        rare=tuple(rare_classes(facts)),
        trained_on={name: f.content for name, f in zip(train.names, facts, strict=True)},
        held_out=dict(zip(held_out.names, held_contents, strict=True)),
        meaning=dataset.meaning.to_dict(),
    )
    return Run(_trainer(settings, out, train, facts, held_out), settings, train, facts, held_out, left_out)


def _check_channels(facts: Sequence[Facts], held_facts: Sequence[Facts]) -> None:
    channels, others = (each[0].shape[0] for each in (facts, held_facts))
    if channels != others:
        raise DataError(
            f"the pictures have {channels} channel{'s' if channels > 1 else ''}, but those to validate on have "
            f"{others}; save all as grey or all as RGB"
        )


def resume(out: str | os.PathLike[str], changes: Mapping[str, Any] | None = None) -> Run:
    """The run in the folder `out` where it stopped: `run(settings.steps)` continues it bit for bit.

    Args:
        changes: settings that were given anew. More steps, another patience and other places of the same pictures can
            be; then the learning rate follows the cosine to the new end from where the run is.

    Raises:
        DataError: a folder that holds no run, pictures that are gone or changed, and changes that cannot be.
    """
    before = runs.read_settings(out, Settings)
    settings = replace(before, **_possible(out, before, changes or {}))
    if not settings.trained_on:
        raise DataError(f"{out}: {EARLIER}")
    dataset, own = _read(settings)
    facts = survey(dataset)
    contents = [f.content for f in facts]
    trained_on = found_again(dataset, contents, settings.trained_on)
    if own is None:
        held_out = dataset.only(found_again(dataset, contents, settings.held_out))
    else:
        held_out = own.only(found_again(own, [f.content for f in survey(own)], settings.held_out))
    train, facts = dataset.only(trained_on), [facts[k] for k in trained_on]
    known = {*settings.trained_on.values(), *settings.held_out.values()}
    new = [name for name, each in zip(dataset.names, contents, strict=True) if each not in known]
    left_out = [*dataset.left_out, *([f"{some(new)}: not there when the run began"] if new else [])]
    trainer = _trainer(settings, out, train, facts, held_out)
    runs.take_up(trainer, out)
    if settings.steps < trainer.step:
        raise DataError(f"{out}: the run has made {trainer.step} steps already; --steps {settings.steps} is less")
    if settings != before:
        runs.write_settings(settings, out)
    return Run(trainer, settings, train, facts, held_out, left_out)


def _possible(out: str | os.PathLike[str], settings: Settings, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes, if they can be made in a run that began; others may only repeat what is so."""
    wrong = [
        f"--{name.replace('_', '-')} (is {_shown(getattr(settings, name))})"
        for name, value in changes.items()
        if name not in CAN_CHANGE and value != getattr(settings, name)
    ]
    if wrong:
        raise DataError(
            f"{out}: cannot be changed in a run that began: {', '.join(wrong)}; leave it out, or start another run "
            "with --out; --steps and --patience can be changed"
        )
    return {name: value for name, value in changes.items() if name in CAN_CHANGE}


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load(out: str | os.PathLike[str]) -> tuple[PictureUNet, Settings]:
    """The best model of a run, ready to predict, and its settings."""

    def untrained(settings: Settings, weights: Mapping[str, Array]) -> PictureUNet:
        if "mean" not in weights and "encoder.levels.0.conv.0.weight" in weights:
            raise DataError(f"{out}: {EARLIER}")
        if "mean" not in weights:
            raise KeyError("these are the weights of another network, without the mean of the pictures")
        return network(settings, len(weights["mean"]))

    return runs.load(out, Settings, untrained)


def network(settings: Settings, in_channels: int, rng: Any = None) -> PictureUNet:
    """The U-Net that `settings` describe, for pictures with so many channels, not yet trained."""
    return PictureUNet(in_channels, settings.what_masks_mean().classes, settings.channels, norm=settings.norm, rng=rng)


def trainer(
    settings: Settings, out: str | os.PathLike[str] | None, dataset: Dataset | None = None
) -> Trainer[PictureUNet]:
    """Everything that `settings` describe, ready to `run(settings.steps)`. Reads the folders unless given a dataset.

    Raises:
        DataError: pictures that cannot be used.
    """
    return begun(settings, out, *(_read(settings) if dataset is None else (dataset,))).trainer


def _trainer(
    settings: Settings,
    out: str | os.PathLike[str] | None,
    train: Dataset,
    facts: Sequence[Facts],
    held_out: Dataset,
) -> Trainer[PictureUNet]:
    weights_rng, batches_rng = np.random.default_rng(settings.seed).spawn(2)
    model = network(settings, facts[0].shape[0], weights_rng)
    model.learn_scale(*scale(facts))
    optimizer = Adam(model.parameters(), settings.lr)
    aim = settings.rare or ()
    return Trainer(
        model,
        Squares(train, facts, settings.batch, settings.crop, batches_rng, settings.elastic, settings.jitter, aim),
        loss_of_the_rare if aim else loss,
        optimizer,
        CosineAnnealingLR(optimizer, settings.steps),
        validate=Validation(held_out) if held_out.names else None,
        out=out,
    )


def _read(settings: Settings) -> tuple[Dataset, Dataset | None]:
    """The pictures in the folders of a run, and those of its own to validate on, whose masks mean the same."""
    how: dict[str, Any] = {"suffix": settings.mask_suffix, "threshold": settings.mask_threshold}
    if settings.classes:
        how["table"] = {value_of(text): k for k, text in enumerate(settings.classes)}
    if settings.ignore is not None:
        how["ignore"] = value_of(settings.ignore)
    if settings.meaning:
        how["meaning"] = settings.what_masks_mean()
    dataset = read(settings.images, settings.masks, settings.foreground, **how)
    if settings.validation_images is None:
        return dataset, None
    how["meaning"] = dataset.meaning
    return dataset, read(settings.validation_images, settings.validation_masks, settings.foreground, **how)


def read_like(settings: Settings, images: str | os.PathLike[str], masks: str | os.PathLike[str]) -> Dataset:
    """Other pictures and masks, read as those of a run."""
    return read(images, masks, settings.foreground, settings.mask_suffix, meaning=settings.what_masks_mean())


def fitted_crop(settings: Settings, facts: Sequence[Facts]) -> int:
    """The side of the squares: no larger than it needs to be to cover the shorter side of most of these pictures.

    It stays a multiple of what the network takes, and two of them at least, so that below the last level there is more
    than one pixel.
    """
    side = float(np.median([min(f.shape[1:]) for f in facts]))
    multiples = max(int(np.ceil(side / settings.multiple)), 2)
    return min(settings.crop, multiples * settings.multiple)


def not_trained_on(settings: Settings, dataset: Dataset) -> Dataset:
    """Those pictures of a dataset that the run with these settings did not train on, known by what they show."""
    if not settings.trained_on:
        raise DataError(EARLIER)
    trained_on = set(settings.trained_on.values())
    contents = [f.content for f in survey(dataset)]
    return dataset.only(k for k, each in enumerate(contents) if each not in trained_on)
