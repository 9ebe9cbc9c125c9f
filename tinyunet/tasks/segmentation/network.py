"""The network and its loss: a U-Net that knows the mean and deviation of the pictures that it learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.data.masks import IGNORE
from tinyunet.tasks.tiles import tiled
from tinyunet.tensor import Array, Tensor
from tinyunet.unet import UNet


class PictureUNet(UNet):
    """A U-Net that takes pictures as they are read, and brings all of them to one scale: (x − mean) / std.

    Mean and deviation, one of each channel, are those of all pixels that it learns from. They are kept with the
    weights. If each picture had its own, the noise of one that shows nothing would look like things to find.
    """

    mean: Tensor  # (C, 1, 1)
    std: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, channels: Sequence[int], norm: str | None = "batch", rng: Any = None
    ) -> None:
        super().__init__(in_channels, out_channels, channels, norm=norm, rng=rng)
        self.register_buffer("mean", Tensor(np.zeros((in_channels, 1, 1), np.float32)))
        self.register_buffer("std", Tensor(np.ones((in_channels, 1, 1), np.float32)))

    def learn_scale(self, mean: Array, std: Array) -> None:
        """Take these as the mean and deviation, (C,), of all pictures. A channel that never varies stays as it is."""
        self.mean.data = np.reshape(mean, (-1, 1, 1))
        self.std.data = np.where(std > 1e-6, std, 1).reshape(-1, 1, 1)

    def forward(self, x: Any) -> Tensor:
        if np.ndim(x) == 4 and np.shape(x)[1] == self.in_channels:  # else UNet says what is wrong
            mean, std = (self.mean, self.std) if isinstance(x, Tensor) else (self.mean.data, self.std.data)
            x = (x - mean) / std
        return super().forward(x)


def predict(model: Any, image: Array, tile: int = 512, overlap: int = 64) -> Array:
    """The probability of every pixel: image (C, H, W) in [0, 1], of any size → (1, H, W), or (K, H, W) of K classes.

    The picture is cut into tiles if it is large: see `tiled`.

    Raises:
        ValueError: an image of another shape or number of channels.
    """
    if image.ndim != 3 or image.size == 0:
        raise ValueError(f"predict: the image must be (C, H, W), not {image.shape}")
    if len(image) != model.in_channels:
        raise ValueError(
            f"predict: the image has {len(image)} channels, but the model was made for {model.in_channels}"
        )

    def probabilities(x: Array) -> Array:
        logits = model(x)
        return (F.sigmoid(logits) if logits.shape[1] == 1 else F.softmax(logits, dim=1)).numpy()

    with model.evaluating():
        p = tiled(probabilities, [image], model.multiple, tile, overlap)
    return np.clip(p, 0, 1)


def marked(p: Array, threshold: float = 0.5) -> Array:
    """The class of every pixel (1, H, W): whether it is above the threshold; of several classes the likeliest."""
    return (p > threshold).astype(np.int64) if len(p) == 1 else p.argmax(axis=0, keepdims=True)


def loss(model: PictureUNet, batch: tuple[Array, Array]) -> Tensor:
    """The cross-entropy of the model's logits, mean over all pixels of a batch of images and masks.

    With one logit for a pixel it is the binary cross-entropy. Pixels of the class `IGNORE` count for nothing.
    """
    images, masks = batch
    return _cross_entropy(model(images), masks)


def loss_of_the_rare(model: PictureUNet, batch: tuple[Array, Array]) -> Tensor:
    """Cross-entropy plus the Dice loss of all pixels of a batch together, which weighs a rare class as much as others.

    Mean over the classes (Isensee et al. 2021, nnU-Net, where the sum of both is the default, too).
    """
    images, masks = batch
    logits = model(images)
    return _cross_entropy(logits, masks) + _dice_loss(logits, masks)


def _cross_entropy(logits: Tensor, masks: Array) -> Tensor:
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits, masks)
    target = masks[:, 0].astype(np.int64)
    counted = max(np.count_nonzero(target != IGNORE), 1)
    return F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum") / counted


def _dice_loss(logits: Tensor, masks: Array) -> Tensor:
    classes = logits.shape[1]
    if classes == 1:
        return F.dice_loss(F.sigmoid(logits).reshape(1, 1, -1), masks.reshape(1, 1, -1))
    counts = (masks != IGNORE).astype(np.float32)  # (N, 1, H, W)
    truth = (masks == np.arange(classes).reshape(-1, 1, 1)).astype(np.float32)  # (N, K, H, W)
    p = F.softmax(logits, dim=1) * counts
    return F.dice_loss(
        p.permute(1, 0, 2, 3).reshape(1, classes, -1), truth.transpose(1, 0, 2, 3).reshape(1, classes, -1)
    )
