"""The settings of tasks, apart from what they need to run, so that a command can say quickly what it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyunet.data.masks import Meaning


@dataclass(frozen=True)
class Settings:
    """All that defines a training on a folder of pictures; saved beside the weights as `settings.json`.

    Attributes:
        images, masks: folders whose files are paired by name.
        validation_images, validation_masks: the same for pictures to measure on; None to keep some of the others.
        foreground: whether the light or the dark pixels of the masks are the positive class.
        validation: how many pictures, the last by name, are kept for validation; None for a fifth, 20 at most.
        channels: of the U-Net's levels.
        norm: "batch", "group" or "none".
        steps, batch, crop: so many steps with so many random squares of that many pixels.
        lr: the learning rate of Adam, which falls to 0 along a cosine.
        elastic: also bend the pictures, as in the U-Net paper (slower).
        jitter: also vary brightness and contrast by up to this part of the range of values.
        patience: stop after so many validations without a better score; None to make all steps.
        seed: of the initial weights and the batches.
        mask_suffix: what the names of masks have more than those of pictures, such as `_mask`.
        classes: the classes in the masks, in their order, greys or colours such as "#ff0000"; () for all found.
        ignore: the grey or colour of pixels that count for nothing; None for 255 where it looks like that.
        mask_threshold: a grey above it is the thing; None for masks of two values, or of classes.

    Found in the pictures when the run begins:

        meaning: what the values of the masks mean, as `Meaning.to_dict` writes it.
        rare: classes of few pixels; every second square is laid around one of them, and the loss weighs them.
        trained_on, held_out: the pictures, by name, each with what its pixels are known by.
    """

    images: str
    masks: str
    validation_images: str | None = None
    validation_masks: str | None = None
    foreground: str = "light"
    validation: int | None = None
    channels: tuple[int, ...] = (16, 32, 64, 128)
    norm: str = "batch"
    steps: int = 1000
    batch: int = 8
    crop: int = 128
    lr: float = 2e-3
    elastic: bool = False
    jitter: float = 0.0
    patience: int | None = None
    seed: int = 0
    mask_suffix: str = ""
    mask_threshold: float | None = None
    classes: tuple[str, ...] = ()
    ignore: str | None = None
    meaning: dict[str, Any] = field(default_factory=dict)
    rare: tuple[int, ...] | None = None
    trained_on: dict[str, str] = field(default_factory=dict)
    held_out: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1), ("patience", 1), ("seed", 0), ("validation", 0), ("jitter", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        for name in ("lr", "jitter", "mask_threshold"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} must be a number, not {value}")
        if not self.lr >= 0:
            raise ValueError(f"learning rate must be at least 0, not {self.lr}")
        if self.foreground not in ("light", "dark"):
            raise ValueError(f"foreground must be 'light' or 'dark', not {self.foreground!r}")
        if (self.validation_images is None) != (self.validation_masks is None):
            raise ValueError("validation pictures need their masks: give validation_images and validation_masks")
        if self.validation_images is not None and self.validation is not None:
            raise ValueError("validation pictures of their own and a number of pictures to keep exclude each other")
        for text in (*self.classes, *([] if self.ignore is None else [self.ignore])):
            value_of(text)
        if len(self.classes) == 1 or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes must be two values or more, each given once, not {' '.join(self.classes)}")
        if self.mask_threshold is not None and (self.classes or self.ignore is not None):
            raise ValueError("a threshold makes two values of a mask; classes and what is ignored exclude it")
        if self.meaning:
            self._check_meaning()
        self._check_crop()

    def what_masks_mean(self) -> Meaning:
        """The meaning of the values of the masks that the run began with."""
        from tinyunet.data.masks import Meaning  # a command says what it takes without reading pictures

        return Meaning.from_dict(self.meaning)

    @property
    def multiple(self) -> int:
        """The network takes squares whose side is a multiple of this: 2 for every level."""
        return int(2 ** len(self.channels))

    def _check_meaning(self) -> None:
        try:
            self.what_masks_mean()
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise ValueError(f"meaning is not one of masks ({error})") from None

    def _check_crop(self) -> None:
        levels, multiple = len(self.channels), self.multiple
        if self.crop < 1 or self.crop % multiple:
            near = sorted({max(self.crop // multiple, 1) * multiple, (self.crop // multiple + 1) * multiple})
            raise ValueError(
                f"crop {self.crop} is not a multiple of {multiple}, which {levels} levels of channels need; "
                f"{' or '.join(map(str, near))} would do"
            )
        if self.crop == multiple and self.batch == 1 and self.norm == "batch":
            raise ValueError(
                f"a crop of {self.crop} leaves one pixel below {levels} levels of channels, and in a batch of 1 batch "
                f"norm has nothing to average; take a crop of {2 * multiple}, a batch of 2, or fewer levels"
            )


def value_of(text: str) -> int | tuple[int, int, int]:
    """A value of masks as a text: a grey, or a colour in hexadecimal.

    >>> value_of("128"), value_of("#ff8000")
    (128, (255, 128, 0))
    """
    try:
        if text.startswith("#") and len(text) == 7:
            red, green, blue = bytes.fromhex(text[1:])
            return red, green, blue
        return int(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no value of a mask; give a grey, such as 128, or a colour, such as #ff8000"
        ) from None
