"""Train a U-Net on cells for some seconds, and draw it with the maps that it makes of cells it has not seen:

    python docs/u.py

writes u.png beside this file, the first picture of the README.
"""

from pathlib import Path

from tinyunet import data, drawing, plot
from tinyunet.tasks import segmentation

images, masks = data.cells(64, size=64, rng=0)
dataset = segmentation.Dataset([f"cells {k}" for k in range(64)], list(images), list(masks))
settings = segmentation.Settings("", "", channels=(8, 16, 32), steps=300, crop=64, validation=0)
trainer = segmentation.trainer(settings, None, dataset)
trainer.run(settings.steps)

(image,), _ = data.cells(1, size=128, rng=3)
plot.save(drawing.u(trainer.model, image), Path(__file__).with_suffix(".png"))
