"""`tinyunet demo`: a convolution by hand, the shape of the U, and a U-Net trained on drawn cells."""

from __future__ import annotations

import os
import time

from tinyunet import byhand, classical, plot
from tinyunet.data import cells
from tinyunet.tasks import segmentation
from tinyunet.unet import UNet


def worked_example() -> str:
    """The convolution that gives 35, with every product of it.

    >>> print(worked_example().splitlines()[-1])
    With a bias it is 30 + 5 + bias = 35 + bias. More:  tinyunet byhand --list
    """
    x = [[[10, 10, 0, 0]] * 4, [[5] * 4] * 4]  # (2, 4, 4)
    w = [[[[1, 0, -1]] * 3, [[0, 0, 0], [0, 1, 0], [0, 0, 0]]]]  # (1, 2, 3, 3)
    y = byhand.conv2d(x, w)
    lines = [
        "One output of a 3×3 convolution with 2 input channels: the window over rows and columns 0–2 of the input.",
        "Channel 0 of the image has the rows 10 10 0 0, channel 1 is 5 everywhere. The filter looks for a vertical",
        "edge in channel 0 (rows 1 0 −1) and takes the centre of channel 1.",
        "",
        *y.at(0, 0, 0).text().splitlines()[1:],
        "",
        "With padding=1 this is output (1, 1), whose window is centred on input (1, 1); without padding the same",
        "window makes output (0, 0), and output (1, 1), one step down and right, happens to be 35 too.",
        "With a bias it is 30 + 5 + bias = 35 + bias. More:  tinyunet byhand --list",
    ]
    return "\n".join(lines)


def run(picture: str | os.PathLike[str] = "demo.png", steps: int = 300, seed: int = 0) -> segmentation.Score:
    """Print and train, save a picture, and return the scores of the U-Net on cells that it has not seen."""
    plot.check_name(picture)
    settings = segmentation.Settings("", "", channels=(8, 16, 32), steps=steps, crop=64, validation=16, seed=seed)
    print("1. A convolution by hand\n")
    print(worked_example())

    print("\n2. A U-Net: every level halves the image on the way down, doubles it on the way up\n")
    print(UNet(3, 3, rng=seed).trace((1, 3, 128, 128)))

    images, masks = cells(80, size=64, rng=seed)
    dataset = segmentation.Dataset([f"cells {k}" for k in range(80)], list(images), list(masks))
    trainer = segmentation.trainer(settings, None, dataset)
    _, test = segmentation.split(dataset, settings.validation)
    weights = sum(p.numel() for p in trainer.model.parameters())
    print(f"\n3. Training: {weights:,} weights, {steps} steps of {settings.batch} drawn microscopy images 64×64\n")
    began = time.perf_counter()
    trainer.run(steps, validate_every=50)
    print(f"\n   {time.perf_counter() - began:.0f} seconds")

    probabilities = [segmentation.predict(trainer.model, image) for image in test.images]
    thresholded = [classical.otsu(image) for image in test.images]
    ours = segmentation.score_of(probabilities, test.masks)
    otsu = segmentation.score_of(thresholded, test.masks)
    print(f"   Dice of Otsu's threshold   {otsu.dice:.3f}   (what can be had without learning)")
    print(f"   Dice of the U-Net          {ours.dice:.3f}   (on {len(test.names)} images that it had not seen)")

    shown = slice(0, 3)
    columns = {
        "image": test.images[shown],
        "truth": test.masks[shown],
        f"Otsu's threshold\nDice {otsu.dice:.2f}": thresholded[shown],
        f"U-Net, probability\nDice {ours.dice:.2f}": probabilities[shown],
    }
    figure = segmentation.picture(columns, trainer.losses, trainer.scores, "Cells that the U-Net had not seen")
    plot.save(figure, picture)
    print(f"\nThe picture is in {os.fspath(picture)}.")
    return ours
