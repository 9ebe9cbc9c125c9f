"""Pictures of somebody's sentence, or as somebody's instruction makes them, by a network that comes with tinyunet or by
that of a run of `text`, `latent` or `edit`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from tinyunet import runs
from tinyunet.checkpoint import load_arrays
from tinyunet.data import DataError
from tinyunet.data.sentences import listed, sentence
from tinyunet.data.things import SIDE, Reading
from tinyunet.data.writing import write_picture
from tinyunet.diffusion import Keep, denoising, times
from tinyunet.files import atomic, ending
from tinyunet.nn import Module
from tinyunet.tasks.painter import STEPS, as_picture
from tinyunet.tasks.program import Settings
from tinyunet.tasks.task import Task
from tinyunet.tasks.text import Text
from tinyunet.tensor import Array

P = TypeVar("P", bound=Task)
WEIGHTS = Path(__file__).parent.parent / "weights"  # `checkpoint.about` says what they reach
ENLARGED = 8  # each pixel, on both sides
GAP = 1  # pixels between pictures
SHOWN = 120, 1500  # milliseconds: each state of an animation, and the last


def trained(run: str | os.PathLike[str] | None, *kinds: type[P]) -> tuple[P, Module]:
    """The task of a run and its network, ready to use; without a run that of the first kind which is `shipped`.

    Raises:
        DataError: a folder that holds no run of these kinds, or one that has no weights yet.
    """
    if run is None:
        return shipped(kinds[0])
    settings, known = runs.read_settings(run, Settings), {kind.name: kind for kind in kinds}
    if settings.task not in known:
        raise DataError(f"{run}: this is a run of {settings.task}; what is needed is one of {listed(list(known))}")
    task = known[settings.task](settings.fast)
    model, _ = runs.load(run, Settings, lambda *_: task.model(np.random.default_rng(0)))
    return task, model


def shipped(kind: type[P]) -> tuple[P, Module]:
    """A task and the network for it that comes with tinyunet, its weights rounded to half precision."""
    task, (weights, _) = kind(), load_arrays(weights_of(kind.name))
    model = task.model(np.random.default_rng(0))
    model.load_state_dict({name: array.astype(np.float32) for name, array in weights.items()})
    model.eval()
    return task, model


def weights_of(name: str) -> Path:
    """The file with the weights for a task."""
    return WEIGHTS / f"{name}.safetensors"


def way(
    task: Text,
    model: Module,
    *condition: Any,
    count: int = 1,
    seed: int = 0,
    steps: int = STEPS,
    keep: Keep | None = None,
) -> list[Array]:
    """What the network sees after each step of what is asked for, `count` pictures (count, 3, 32, 32) from 0 to 1.

    Each picture has a seed of its own, so that more of them begin with the same ones.

    Args:
        condition: what is asked for, as the task's `denoise` takes it; arrays of `count`.
        keep: what is put right after every step.

    Raises:
        ValueError: no pictures, or a number of steps that there cannot be.
    """
    if count < 1:
        raise ValueError(f"the count of pictures must be at least 1, not {count}")
    generators = [np.random.default_rng([seed, k]) for k in range(count)]
    noise = np.stack([rng.standard_normal(task.shape, np.float32) for rng in generators])
    walk = times(steps, task.diffusion.schedule.T)
    with model.evaluating():
        states = denoising(task.diffusion, task.denoise(model, *condition), noise, walk, clip=task.clip, keep=keep)
        return [as_picture(task.decoded(model, state.x0)) for state in states]


def told(reading: Reading) -> str:
    """What a picture shows, in words."""
    return f"read as: {sentence(reading.scene) if reading.readable else 'nothing that can be drawn'}"


def in_rows(pictures: Array) -> Array:
    """Pictures (N, 3, H, W) as one, as nearly square as can be, grey between them, enlarged.

    >>> in_rows(np.zeros((3, 3, 32, 32))).shape                           # 2 by 2 places of 33 pixels, without the edge
    (3, 520, 520)
    """
    across = int(np.ceil(np.sqrt(len(pictures))))
    down = -(-len(pictures) // across)
    sheet = np.full((3, down * (SIDE + GAP), across * (SIDE + GAP)), 0.5, np.float32)
    for k, picture in enumerate(pictures):
        top, left = k // across * (SIDE + GAP), k % across * (SIDE + GAP)
        sheet[:, top : top + SIDE, left : left + SIDE] = picture
    return sheet[:, :-GAP, :-GAP].repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)


def write(path: str | os.PathLike[str], states: Sequence[Array]) -> None:
    """The last of the states as PNG, or all of them as animated GIF, by the ending of the name.

    Raises:
        ValueError: another ending.
    """
    if ending(path, (".png", ".gif"), "a picture") == ".png":
        write_picture(path, in_rows(states[-1]))
        return
    frames = [Image.fromarray(np.rint(255 * in_rows(of)).astype(np.uint8).transpose(1, 2, 0)) for of in states]
    lasting = [SHOWN[0]] * (len(frames) - 1) + [SHOWN[1]]
    with atomic(path) as part:
        frames[0].save(part, "GIF", save_all=True, append_images=frames[1:], duration=lasting, loop=0)
