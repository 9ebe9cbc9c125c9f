"""A U-Net of one's own, trained, on cells that it has not seen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet import classical, data, metrics, optim
from tinyunet.grade.exercise import Exercise, Inputs, Mistake, Property
from tinyunet.grade.exercises import load, names
from tinyunet.tensor import Array
from tinyunet.unet import UNet

ENOUGH = 0.93  # Dice
COUNTS = 1, 2, 3, 4  # pictures, by the size of the input

STARTER = '''\
def my_unet(images):
    """Pictures of cells (N, 1, H, W), from 0 to 1 → for each pixel the probability that it belongs to a cell."""
    return np.zeros_like(images)  # yours
'''


def learn(channels: tuple[int, ...], steps: int, seed: int) -> UNet:
    """A U-Net that has learned cells."""
    images, masks = data.cells(64, rng=seed)
    batches = data.Batches([*map(data.standardize, images)], masks, batch_size=8, crop=32, rng=seed)
    model = UNet(in_channels=1, out_channels=1, channels=channels, rng=seed)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedule = optim.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        x, t = next(batches)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x), t).backward()
        optimizer.step()
        schedule.step()
    return model


@functools.cache
def trained(channels: tuple[int, ...] = (8, 16), steps: int = 150, seed: int = 0) -> UNet:
    """Learned once, at the first call."""
    return learn(channels, steps, seed)


def my_unet(images: Array) -> Array:
    """Pictures of cells (N, 1, H, W), from 0 to 1 → for each pixel the probability that it belongs to a cell."""
    model = trained()  # as it was trained in the tutorial
    x = np.stack([data.standardize(image) for image in images])
    with model.evaluating():  # BatchNorm takes the means of training, not those of these pictures
        return F.sigmoid(model(x)).numpy()


def one_by_one(images: Array) -> Array:
    """Another network, one picture at a time, and masks instead of probabilities."""
    model = trained((8, 12, 16), seed=3).eval()
    return np.concatenate([model(data.standardize(image)[None]).numpy() > 0 for image in images]).astype(images.dtype)


def _operations() -> tuple[str, ...]:
    """The exercises whose answers stand in for operations of a network."""
    others = sorted((load(name) for name in names() if name != "my_unet"), key=lambda exercise: exercise.number)
    return tuple(exercise.name for exercise in others if exercise.operation)


def _noise(rng: np.random.Generator, size: int) -> Inputs:
    return {"images": rng.random((COUNTS[size], 1, 32, 32), np.float32)}


def _shapes(answer: Callable[..., Any], images: Array) -> Any:
    return str(np.shape(answer(images))), str(images.shape)


def _from_0_to_1(answer: Callable[..., Any], images: Array) -> Any:
    came = np.asarray(answer(images))
    return came, np.clip(np.nan_to_num(came, nan=0.5), 0, 1)


def _alone(answer: Callable[..., Any], images: Array) -> Any:
    return answer(images), np.concatenate([answer(images[k : k + 1]) for k in range(len(images))])


@functools.cache
def _unseen() -> tuple[Array, Array]:
    """Pictures of cells and their masks: enough of them that one hard one does not decide."""
    return data.cells(24, rng=2024)


def _good(answer: Callable[..., Any]) -> Any:
    images, masks = _unseen()
    images = images.copy()
    return min(metrics.dice(np.asarray(answer(images)) > 0.5, masks), ENOUGH), ENOUGH


def _not_a_picture(images: Array) -> Array:
    return np.asarray(images > images.mean(), images.dtype)


EXERCISE = Exercise(
    name="my_unet",
    number="10.4",
    asks="my_unet(images) takes pictures of cells (N, 1, H, W) and gives for each pixel the probability that it "
    f"belongs to a cell, by your trained network. Dice {ENOUGH} on pictures that it has not seen.",
    starter=STARTER,
    properties=(
        Property("shape", "The result has the shape of the pictures.", _noise, law=_shapes, returns=("the shape",)),
        Property(
            "probabilities",
            "All of it lies from 0 to 1: the sigmoid of the logits, or a mask.",
            _noise,
            law=_from_0_to_1,
            returns=("the probability",),
        ),
        Property(
            "each by itself",
            "What a picture gives does not depend on the others beside it: model.eval() before you "
            "predict, or BatchNorm takes the means of just these pictures.",
            _noise,
            law=_alone,
            returns=("the probability",),
        ),
        Property(
            "Dice",
            f"Dice is at least {ENOUGH}, on 24 pictures of cells that it has not seen.",
            law=_good,
            returns=("Dice",),
        ),
    ),
    mistakes=(
        Mistake("nothing marked", "It marks nothing: is it trained?", lambda images: np.zeros_like(images)),
        Mistake("everything marked", "It marks everything.", lambda images: np.ones_like(images)),
        Mistake(
            "undecided", "It gives ½ everywhere, as the sigmoid of 0 does.", lambda images: np.full_like(images, 0.5)
        ),
        Mistake(
            "the picture", "It gives the picture back: brightness is no probability.", lambda images: images.copy()
        ),
        Mistake(
            "the picture, standardised",
            "It gives the standardised picture back, which went into the network.",
            lambda images: np.stack([data.standardize(image) for image in images]),
        ),
        Mistake(
            "Otsu's threshold",
            "It marks what is brighter than Otsu's threshold: no network has seen it.",
            lambda images: np.stack([classical.otsu(image) for image in images]),
        ),
        Mistake(
            "brighter than half",
            "It marks what is brighter than ½.",
            lambda images: np.asarray(images > 0.5, images.dtype),
        ),
        Mistake(
            "brighter than the mean",
            "It marks what is brighter than the mean of all pictures together.",
            _not_a_picture,
        ),
        Mistake("the first picture", "It gives one picture back where there are several.", lambda images: images[:1]),
        Mistake(
            "a channel lost",
            "It has lost the axis of the channel: (N, 1, H, W) in, and the same out.",
            lambda images: images[:, 0],
        ),
    ),
    solutions=(my_unet, one_by_one),
    differs="The pictures are standardised as they were in training, and the model is put into evaluation for the time "
    "of the call.",
    read_on=("tasks/segmentation/running.py", "training.py"),
    returns=("the probability",),
    hints=(
        "Follow one picture: standardize, the network in evaluation, the sigmoid.",
        "If the shape is right and Dice is not: look at the loss. Does it fall? To less than 0.15?",
        "If the loss has fallen and Dice has not risen: are the pictures standardised as they were in training?",
    ),
    float32=False,
    needs=_operations(),
    seconds=60.0,
)
