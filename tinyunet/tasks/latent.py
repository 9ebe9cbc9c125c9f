"""Text to picture in a latent: Stable Diffusion, made tiny.

Data, metric and baselines are those of `text.py`. What is made of noise is not a picture but a latent, 8×8 positions of
4 numbers, which an autoencoder decodes.

Model     an autoencoder (`models/autoencoder.py`), and a painter (`painter.py`) whose pictures are latents
Loss      of the autoencoder, how far the picture is from what is decoded of its latent with a little noise on it;
          of the painter, how far it is from the latent, as in `text.py`. No gradient goes from the second to the first
Metric    as of `text.py`, and how far a picture is from the nearest that can be drawn (root mean square, in %)
Ceiling   true pictures, encoded and decoded again: what the autoencoder alone costs

Rombach et al. (2022) train the autoencoder first, and then the other. Here both learn at the same time, so that it is
one training with one loss, as every other task is. The latent of a picture moves while the autoencoder learns, but less
and less, and the painter follows. The two losses need no weight between them: they share no parameters, and the steps
of Muon and Adam do not depend on how large a loss is.

`latent.png` shows pictures, their latents, a map for each channel, and what is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

import tinyunet.functional as F
from tinyunet import nn, plot
from tinyunet.data.sentences import WORDS, understand
from tinyunet.data.things import read
from tinyunet.diffusion import Denoise, Diffusion, cosine, dropped
from tinyunet.models.autoencoder import Autoencoder
from tinyunet.tasks.painter import Painter, as_picture, importance
from tinyunet.tasks.task import UNET, Batch, Method
from tinyunet.tasks.text import Text, drawn
from tinyunet.tensor import Array, Tensor

DIFFUSION = Diffusion(cosine(), predicts="x0")
LATENT = 4, 8, 8
NOISE = 0.1  # on a latent that the decoder learns from
BLUR = "blur, in %"
ALONE = f"{UNET}, autoencoder alone"


class LatentPainter(nn.Module):
    """An autoencoder, and a painter of its latents.

    >>> from tinyunet.data.sentences import LENGTH
    >>> x, noise = np.zeros((1, 3, 32, 32), np.float32), np.zeros((1, *LATENT), np.float32)
    >>> model = LatentPainter((8, 16), 16, 8, 8, rng=0)
    >>> picture, latent, painted = model(x, np.array([500]), noise, np.zeros((1, LENGTH), int))
    >>> picture.shape, latent.shape, painted.shape
    ((1, 3, 32, 32), (1, 4, 8, 8), (1, 4, 8, 8))
    """

    def __init__(
        self,
        channels: Sequence[int] = (48, 48),
        width: int = 64,
        context: int = 48,
        between: int = 48,
        rng: Any = None,
    ) -> None:
        self.autoencoder = Autoencoder(3, LATENT[0], between, rng=rng)
        self.painter = Painter(channels, width, context, colours=LATENT[0], patch=1, rng=rng)

    def forward(self, x: Any, t: Any, noise: Any, words: Any) -> tuple[Tensor, Array, Tensor]:
        """What is decoded of pictures' latents with a little noise on them, the latents, and what is painted of them
        with noise of the times t: (N, 3, H, W), (N, 4, H/4, W/4) twice."""
        latent = self.autoencoder.encode(x)
        picture = self.autoencoder.decode(latent + NOISE * noise)
        fixed = latent.numpy()  # through which no gradient goes
        return picture, fixed, self.painter(DIFFUSION.schedule.add_noise(fixed, t, noise), t, words)


class Latent(Text):
    """Latents out of noise, and pictures out of latents. Inputs are the noise and the words of a sentence."""

    name = "latent"
    shows = "text to picture in a latent: the same, in a small picture that an autoencoder decodes"
    steps, fast_steps, n = 3000, 400, 32
    takes = "6 minutes"
    errors: ClassVar[tuple[str, ...]] = (BLUR,)
    diffusion = DIFFUSION
    shape = LATENT

    def __init__(self, fast: bool = False, images: str | None = None) -> None:
        super().__init__(fast, images)
        self.n = 8 if fast else self.n

    def model(self, rng: np.random.Generator) -> nn.Module:
        return LatentPainter((16, 32), 32, 16, rng=rng) if self.fast else LatentPainter(rng=rng)

    def batch(self, rng: np.random.Generator, n: int) -> Batch:
        x, words = self.pictures(rng, n)
        t, noise = self.diffusion.times(n, rng), rng.standard_normal((n, *LATENT), np.float32)
        return (x, t, noise, dropped(words, rng)), x, importance(t, self.diffusion)

    def loss(self, output: Any, target: Array, weight: Array | None) -> Tensor:
        picture, latent, painted = output
        return F.mse_loss(picture, target) + super().loss(painted, latent, weight)

    def denoise(self, model: Any, *condition: Any) -> Denoise:
        """The painter alone: sampling stays in the latent, and what comes out is decoded once."""
        return super().denoise(model.painter, *condition)

    def decoded(self, model: Any, x: Array) -> Array:
        """The picture of a latent."""
        with model.evaluating():
            return np.clip(np.asarray(model.autoencoder.decode(x)), -1, 1)

    def methods(self, model: Any) -> dict[str, Method]:
        """Those of `text`, and what the autoencoder leaves of a true picture of the words."""

        def alone(noise: Array, words: Array) -> Array:
            rng = np.random.default_rng(3000)
            x = np.stack([drawn(understand(" ".join(WORDS[k] for k in row)), rng) for row in words])
            with model.evaluating():
                return self.decoded(model, np.asarray(model.autoencoder.encode(x)))

        return {**super().methods(model), ALONE: alone}

    def metric(self, outputs: Sequence[Array]) -> dict[str, float]:
        distances = [read(as_picture(output)).distance for output in outputs]
        return {**super().metric(outputs), BLUR: 100 * float(np.mean(distances))}

    def figures(self, model: Any, outputs: Mapping[str, Sequence[Array]]) -> dict[str, Any]:
        """Besides what the others draw, pictures, the channels of their latents, and what is decoded."""
        x = np.stack([self.held_out[k].truth for k in self.drawn()])
        with model.evaluating():
            latents = model.autoencoder.encode(x).numpy()
        columns = {
            "picture": x,
            **{f"channel {k + 1}": latents[:, k : k + 1] for k in range(LATENT[0])},
            "decoded": self.decoded(model, latents),
        }
        rows = plot.rows({title: [self.view(y) for y in of] for title, of in columns.items()})
        return {**super().figures(model, outputs), "latent": rows}
