"""Folders of drawn pictures and masks, to try segmentation on."""

import numpy as np
from PIL import Image

from tinyunet import data

SMALL = {"channels": (4, 8), "steps": 4, "batch": 2, "crop": 16}


def folder(path, count=5, size=(40, 48)):
    """Drawn cells as PNG files: 8-bit pictures in images/, masks of 0 and 255 in masks/."""
    images, masks = data.cells(count, size=size, rng=1)
    return written(path, [x[0] * 255 for x in images], [y[0] * 255 for y in masks])


def written(path, images, masks):
    """Pictures (H, W) or (H, W, 3) and masks (H, W), of 8 bits, as PNG files 00, 01, … in images/ and masks/."""
    for name, arrays in (("images", images), ("masks", masks)):
        (path / name).mkdir(parents=True)
        for k, a in enumerate(arrays):
            Image.fromarray(np.rint(a).astype(np.uint8)).save(path / name / f"{k:02}.png")
    return {"images": str(path / "images"), "masks": str(path / "masks")}


def three_classes(path, count=6, size=(32, 40), colours=None, rng=0):
    """Stripes of three greys as pictures; as masks their classes, or the colours of these."""
    rng = np.random.default_rng(rng)
    images, masks = [], []
    for _ in range(count):
        classes = np.sort(rng.integers(3, size=size), axis=1)
        images.append(np.clip(40 + 80 * classes + rng.normal(0, 8, size), 0, 255))
        masks.append(classes if colours is None else np.array(colours)[classes])
    return written(path, images, masks)
