"""The settings of tasks, apart from what they need to run, so that a command can say quickly what it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """All that defines a training on a folder of pictures; saved beside the weights as `settings.json`.

    Attributes:
        images, masks: folders whose files are paired by name.
        foreground: whether the light or the dark pixels of the masks are the positive class.
        validation: how many pictures, the last by name, are kept for validation; None for a fifth of them.
        channels: of the U-Net's levels.
        norm: "batch", "group" or "none".
        steps, batch, crop: so many steps with so many random squares of that many pixels.
        lr: the learning rate of Adam, which falls to 0 along a cosine.
        elastic: also bend the pictures, as in the U-Net paper (slower).
        seed: of the initial weights and the batches.
    """

    images: str
    masks: str
    foreground: str = "light"
    validation: int | None = None
    channels: tuple[int, ...] = (16, 32, 64, 128)
    norm: str = "batch"
    steps: int = 1000
    batch: int = 8
    crop: int = 128
    lr: float = 2e-3
    elastic: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        multiple = 2 ** len(self.channels)
        if self.crop < 1 or self.crop % multiple:
            raise ValueError(
                f"crop {self.crop} is not a multiple of {multiple}, which {len(self.channels)} levels of channels need"
            )
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, not {self.steps}")
