"""Every task, made small: the loss falls, and the trained model passes a floor that an untrained one does not."""

import copy

import numpy as np
import pytest

from tinyunet.tasks import program
from tinyunet.tasks.registry import TASKS
from tinyunet.tasks.task import UNET

pytestmark = pytest.mark.pictures

FLOORS = {  # all of its numbers are above; in brackets, what another method reaches in the worst of them
    "cells": 0.8,  # (Otsu 0.67)
    "scenes": 0.22,  # (ground everywhere 0.1)
    "denoising": 20.0,  # (the noise left as it is 14)
    "superresolution": 26.05,  # (bicubic 25.8, the best linear one 26.02)
    "inpainting": 9.6,  # (biharmonic 9.5)
    "retouching": 17.2,  # (biharmonic 17.0)
    "pen": 12.5,  # (the best linear filter 11.3)
    "poster": 13.0,  # (the best linear filter 12.3)
    "classifier": 0.8,
    "skips": 0.55,  # (without skips 0.29)
    "points": -0.7,  # told from real ones, less is better (a Gaussian 0.78)
    "diffusion": 0.3,  # of the class asked for (a Gaussian of all 0.1)
    "text": 0.3,
    "latent": 0.3,
    "edit": 0.1,
}
FALLS = {"points": 0.96}  # to which part of it the loss falls at least; here most of v cannot be known


LONG = "text", "latent", "edit"  # which take more than ten seconds until they pass it


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in TASKS], scope="module"
)
def test_a_task_learns(name, task):
    trainer = program.trainer(task, program.Settings(name, task.fast_steps, fast=True))
    before = lowest(task, trainer.result)
    trainer.run(task.fast_steps)
    assert np.mean(trainer.losses[-10:]) < FALLS.get(name, 0.8) * np.mean(trainer.losses[:5])
    assert before < FLOORS[name] < lowest(task, trainer.result)


def lowest(task, model):
    """The lowest of the numbers of which more is better; where there are none, of the negatives of the errors."""
    numbers = task.metric(task.answers(lambda *inputs: task.predict(model, *inputs)))
    return min([n for name, n in numbers.items() if name not in task.errors] or [-n for n in numbers.values()])


def test_the_shapes_of_a_task_fit_together(task):
    inputs, target, weight = task.batch(np.random.default_rng(0), 3)
    assert {len(x) for x in inputs} == {len(target)} == {3}
    assert weight is None or len(weight) == 3
    model = task.model(np.random.default_rng(0))
    task.loss(model(*inputs), target, weight).backward()
    assert all(p.grad is not None for p in model.parameters())
    methods, two = task.methods(model), copy.copy(task)
    two.held_out = task.held_out[:2]
    for name, method in methods.items():
        for answer, example in zip(two.answers(method), two.held_out, strict=True):
            assert np.shape(answer) == np.shape(example.truth), name


def test_a_perfect_answer_is_the_best(task):
    perfect = task.metric([example.truth for example in task.held_out])
    others = task.metric([e.truth[..., ::-1] if np.ndim(e.truth) else (e.truth + 1) % 10 for e in task.held_out])
    assert perfect.keys() == others.keys()
    assert all((perfect[key] > others[key]) != (key in task.errors) for key in perfect)


def test_what_is_drawn_are_pictures_in_columns_of_one_length(task):
    if task.name == "points":  # which are drawn as points
        return
    columns = task.picture({key: [e.truth for e in task.held_out] for key in (UNET, "another")})
    assert {len(column) for column in columns.values()} == {len(task.shown)}
    for column in columns.values():
        for picture in column:
            assert picture.ndim == 3
            assert len(picture) in (1, 3)
            assert 0 <= picture.min() <= picture.max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_what_a_task_makes_of_a_picture_of_yours_is_a_picture_or_a_sentence(task, channels):
    if task.no_apply:  # a reason, which `tinyunet run` gives
        return
    image = np.random.default_rng(0).random((channels, 37, 50)).astype(np.float32)
    image[:, 9:12, 5:20] = 1  # painted over
    answer = task.apply(task.model(np.random.default_rng(0)), image)
    if isinstance(answer, str):
        assert answer.startswith("It is a ")
        return
    colours = dict.fromkeys(("denoising", "superresolution", "retouching"), channels) | {"scenes": 3, "poster": 3}
    enlarged = 2 if task.name == "superresolution" else 1
    assert answer.shape == (colours.get(task.name, 1), 37 * enlarged, 50 * enlarged)
    assert 0 <= answer.min() <= answer.max() <= 1


MUTANTS = {
    "tasks.cells:Cells.predict": [
        ("another scale than in training", "data.standardize(x)", "x"),
    ],
    "tasks.scenes:Scenes.predict": [
        ("the class that is least likely", ".argmax(", ".argmin("),
    ],
    "tasks.scenes:Scenes.varied": [
        (
            "the classes are of another square",
            "x, y = data.random_crop(x, y, self.size, rng)",
            "x, y = (data.random_crop(a, y, self.size, rng)[0] for a in (x, y))",
        ),
        (
            "the classes are not turned with the picture",
            "data.random_quarter_turn(*data.random_flip(x, y, rng), rng)",
            "(data.random_quarter_turn(*data.random_flip(x, y, rng), rng)[0], y)",
        ),
    ],
    "tasks.inpainting:DigitInpainting.batch": [
        ("the hole is not cut out", "(x * (1 - hole), hole)", "(x, hole)"),
    ],
    "tasks.inpainting:answer": [
        ("what was there, which is nothing, stays", "hole == 1", "hole == 0"),
    ],
    "tasks.style:Style.predict": [
        ("another scale than in training", "scaled(x) for x", "x for x"),
    ],
    "tasks.style:Style.batch": [
        ("learns the photograph for the drawing", "both[:, 1:]", "both[:, :1].repeat(self.colours, axis=1)"),
    ],
    "tasks.denoising:Denoising.predict": [
        ("the noise is added once more", "x - level *", "x + level *"),
        ("the noise over σ is taken for the noise", "level * super()", "super()"),
    ],
    "tasks.superresolution:SuperResolution.predict": [
        ("what is lacking is taken away", "bicubic(small) + LACKING", "bicubic(small) - LACKING"),
        ("what is lacking ten times over", "LACKING * super()", "super()"),
    ],
    "tasks.classifier:varied": [
        ("turned about the corner", "places = np.array", "places = 0 * np.array"),
    ],
    "tasks.skips:Skips.predict": [
        ("the twin without skips", "[:1]", "[1:]"),
    ],
    "tasks.skips:Twins.__init__": [
        ("both without skips", "UNet(1, 1, channels, rng=rng)", "UNet(1, 1, channels, skips=False, rng=rng)"),
    ],
    "tasks.denoising:Denoising.batch": [
        ("learns the picture for the noise", "(x - truth) / level", "truth"),
    ],
}
