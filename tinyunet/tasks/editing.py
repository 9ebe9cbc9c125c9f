"""Somebody's picture, changed as an instruction says, or painted anew in one place."""

from __future__ import annotations

import os

import numpy as np

from tinyunet.data import DataError, read_image
from tinyunet.data.instructions import Change, tokens
from tinyunet.data.sentences import PLACES, Scene
from tinyunet.data.sentences import tokens as tokens_of_scenes
from tinyunet.data.things import CENTRES, MOST, SIDE, Reading, paint, read
from tinyunet.diffusion import keeping
from tinyunet.nn import Module
from tinyunet.tasks import sampling
from tinyunet.tasks.edit import Edit, followed
from tinyunet.tasks.painter import GUIDANCE, STEPS, as_picture
from tinyunet.tasks.text import Text
from tinyunet.tensor import Array


def opened(path: str | os.PathLike[str]) -> tuple[Array, Reading]:
    """What a picture shows, and that drawn, (3, 32, 32) from 0 to 1; its pixels may be enlarged.

    What a network has drawn is a little blurred, and the network that edits has learnt from exact pictures.

    Raises:
        DataError: a picture of another size, or one that shows something else than things on a ground.
    """
    picture = read_image(path)
    C, H, W = picture.shape
    if C not in (1, 3) or H != W or H % SIDE:
        raise DataError(
            f"{path}: has {C} channels of {H}×{W} pixels; what can be edited are pictures as  tinyunet sample  draws "
            f"them, in grey or colour, of {SIDE}×{SIDE} pixels, which may be enlarged 2, 3, … times"
        )
    factor = H // SIDE
    picture = np.broadcast_to(picture, (3, H, W)).reshape(3, SIDE, factor, SIDE, factor).mean(axis=(2, 4))
    reading = read(picture, MOST, least=0)
    if not reading.readable:
        raise DataError(
            f"{path}: is no picture as  tinyunet sample  draws them, circles, squares, triangles or crosses on a "
            "ground; of others it is not known what would be right"
        )
    return paint(*reading.drawn), reading


def edited(task: Edit, model: Module, picture: Array, asked: Change) -> tuple[Array, bool]:
    """What becomes of a picture, (3, 32, 32) from 0 to 1, and whether that is what was asked for."""
    after = as_picture(task.predict(model, 2 * picture - 1, tokens([asked.instruction])[0]))
    return after, followed(asked, after)


def within(
    task: Text,
    model: Module,
    picture: Array,
    reading: Reading,
    mask: Array,
    scene: Scene,
    seed: int = 0,
    steps: int = STEPS,
) -> list[Array]:
    """What becomes, step by step, of a picture that is painted anew, as a scene, where a mask (32, 32) is 1.

    Elsewhere it is kept, and put back after every step, as noisy as belongs to the time (RePaint, Lugmayr et al.
    2022). The network has learnt from pictures of one thing, and draws nothing where it sees another one outside of the
    mask: so it is shown the ground there, and the picture is put back at the end.

    Raises:
        DataError: a scene on another ground.
    """
    if scene.ground != reading.drawn.ground:
        raise DataError(f"the ground of the picture is {reading.drawn.ground}, not {scene.ground}")
    ground = 2 * paint((), reading.drawn.ground)[None] - 1
    keep = keeping(task.diffusion, ground, mask, np.random.default_rng([seed, 1]))
    condition = tokens_of_scenes([scene]), GUIDANCE
    states = sampling.way(task, model, *condition, seed=seed, steps=steps, keep=keep)
    return [np.where(mask, state, picture) for state in states]


def around(place: str) -> Array:
    """The quarter of the picture, (32, 32), in which a thing at this place may lie.

    Raises:
        DataError: a place that there is not.

    >>> around("centre").nonzero()[0].min().item(), around("bottom right").sum().item()
    (8, 256)
    """
    if place not in PLACES:
        raise DataError(f'there is no place "{place}"; there are {", ".join(PLACES)}')
    mask = np.zeros((SIDE, SIDE), bool)
    top, left = (min(max(0, at - SIDE // 4), SIDE // 2) for at in CENTRES[place])
    mask[top : top + SIDE // 2, left : left + SIDE // 2] = True
    return mask
