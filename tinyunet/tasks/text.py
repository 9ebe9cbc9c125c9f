"""Text to picture: "a small red circle at the top left, on blue".

Data      pictures of one thing, 32×32 pixels, and their sentences (`data/sentences.py`, `data/things.py`)
Model     a U-Net that knows the time and the words (`tasks/painter.py`)
Loss      mean squared error of the picture x₀, by its time; one picture in ten comes without its words
Metric    how often everything is right that is read from the picture: for sentences that were learnt from, for others,
          and for a shape in a colour that it never had; and how often the worst attribute of these is right, because a
          mean over five attributes hides one that is guessed
Baseline  the picture of the most similar sentence that was learnt from; and any picture that was

Who remembers pictures has every sentence right that was learnt from, and none of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet.data.sentences import Scene, Thing, sentence, split_scenes, tokens
from tinyunet.data.things import SIDE, Reading, draw, read
from tinyunet.diffusion import Denoise, dropped, guided
from tinyunet.nn import Module
from tinyunet.tasks.generation import Generation
from tinyunet.tasks.painter import DIFFUSION, GUIDANCE, STEPS, Painter, as_picture, importance
from tinyunet.tasks.task import UNET, Batch, Example, Method
from tinyunet.tensor import Array, Tensor

WORST = "worst attribute"
AT_ONCE = 40  # pictures that are made together


class Text(Generation):
    """Pictures out of noise, values from −1 to 1. Inputs are the noise and the words of a sentence."""

    name = "text"
    shows = "text to picture: diffusion draws what a sentence says"
    no_apply = "it makes pictures of its own, and  tinyunet sample  makes one of your sentence"
    no_images = "it learns from pictures of which it is known what they show"
    reads, takes = "{:.2f} right", "9 minutes"
    steps, fast_steps, n, lr = 2500, 300, 16, 3e-3
    betas, warmup, muon = (0.9, 0.99), 100, True
    average = 0.997
    errors: ClassVar[tuple[str, ...]] = ()
    diffusion = DIFFUSION
    sampling, clip = STEPS, 1.0
    shown = 0, 1
    shape: ClassVar[tuple[int, ...]] = (3, SIDE, SIDE)  # of the noise

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        parts = split_scenes()._asdict()
        if fast:
            parts = {"seen": parts["seen"][::200]}
        self.seen, rng = parts["seen"], np.random.default_rng(1000)
        self.asked = [
            (name, scenes[k])
            for name, scenes in parts.items()
            for k in rng.permutation(len(scenes))[: 4 if fast else 80]
        ]
        self.held_out = [
            Example(name, (rng.standard_normal(self.shape, np.float32), tokens([scene])[0]), drawn(scene, rng))
            for name, scene in self.asked
        ]

    def model(self, rng: np.random.Generator) -> Module:
        return Painter((16, 32), 32, 16, rng=rng) if self.fast else Painter(rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        x0, words = self.pictures(rng, n)
        x, t, target = self.diffusion.examples(x0, rng)
        return (x, t, dropped(words, rng)), target, importance(t)

    def pictures(self, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
        """Some to learn from, and their words."""
        scenes = [self.seen[k] for k in rng.integers(len(self.seen), size=n)]
        return np.stack([drawn(scene, rng) for scene in scenes]), tokens(scenes)

    def loss(self, output: Tensor, target: Array, weight: Array | None) -> Tensor:
        """The mean squared error of x₀, by weights (N,)."""
        return F.mse_loss(
            output, target, weight=np.broadcast_to(np.reshape(np.asarray(weight), (-1, 1, 1, 1)), target.shape)
        )

    def denoise(self, model: Any, *condition: Any) -> Denoise:
        """The model, asked for words, and with the weight w of `guided` if there is a second."""
        words, w = (*condition, GUIDANCE)[:2]
        return guided(model, words, w)

    def decoded(self, model: Any, x: Array) -> Array:
        """The picture of what the noise has become, values from −1 to 1."""
        return x

    def predict(self, model: Any, *inputs: Array) -> Array:
        """Pictures of noise (N, …) and of what is asked for, (N, …) each."""
        parts = zip(*(np.split(x, range(AT_ONCE, len(x), AT_ONCE)) for x in inputs), strict=True)
        return np.concatenate([self.decoded(model, super(Text, self).predict(model, *part)) for part in parts])

    def view(self, array: Array) -> Array:
        return as_picture(array)

    def baselines(self) -> dict[str, Method]:
        learnt, rng = tokens(self.seen), np.random.default_rng(2000)

        def most_similar(noise: Array, words: Array) -> Array:
            alike = (learnt == words[:, None]).sum(axis=2)  # (N, seen): words in common
            return np.stack([drawn(self.seen[k], rng) for k in alike.argmax(axis=1)])

        def of_any(noise: Array, words: Array) -> Array:
            return np.stack([drawn(self.seen[k], rng) for k in rng.integers(len(self.seen), size=len(words))])

        return {"most similar": most_similar, "any": of_any}

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        found = [read(as_picture(output)) for output in outputs]
        groups: dict[str, list[bool]] = {}
        for (name, scene), reading in zip(self.asked, found, strict=True):
            groups.setdefault(name, []).append(reading.readable and reading.scene == scene)
        right = {name: float(np.mean(of)) for name, of in groups.items()}
        attributes = attributes_right([scene for _, scene in self.asked], found)
        return {**right, WORST: min(attributes.values())}

    def picture(self, outputs: Mapping[str, Sequence[Array]]) -> dict[str, list[Array]]:
        """A column for each of two sentences of a kind: what the network drew, not chosen, and a true picture."""
        columns = {}
        for group in dict.fromkeys(name for name, _ in self.asked):
            first = [k for k, (name, _) in enumerate(self.asked) if name == group][:2]
            for k in first:
                title = f"{group}:\n{fill(sentence(self.asked[k][1]), 14)}"
                columns[title] = [self.view(outputs[UNET][k]), self.view(self.held_out[k].truth)]
        return columns


def attributes_right(asked: Sequence[Scene], found: Sequence[Reading]) -> dict[str, float]:
    """How often each attribute of scenes with one thing was read as it was asked for, readable or not.

    >>> from tinyunet.data.sentences import SCENES
    >>> attributes_right(SCENES[:1], [read(draw(SCENES[1], np.random.default_rng(0)))])
    {'size': 1.0, 'colour': 1.0, 'shape': 1.0, 'place': 1.0, 'ground': 0.0}
    """
    a, b = ([(*s.things[0], s.ground) for s in scenes] for scenes in (asked, [reading.scene for reading in found]))
    shares = np.mean(np.array(a) == np.array(b), axis=0).tolist()
    return dict(zip((*Thing._fields, "ground"), shares, strict=True))


def drawn(scene: Scene, rng: np.random.Generator) -> Array:
    """A picture of a scene, values from −1 to 1."""
    return 2 * draw(scene, rng) - 1
