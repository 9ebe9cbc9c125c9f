"""Pictures to learn from: drawn (`synthetic`), read (`reading`, `masks`, `folder`), varied, served (`batches`)."""

from tinyunet.data._checks import DataError
from tinyunet.data.augment import elastic_deform, random_crop, random_flip, random_quarter_turn
from tinyunet.data.batches import Batches
from tinyunet.data.folder import Pair, Pairs, find_pairs, find_pictures, pictures_in
from tinyunet.data.keeping import Masks, Pictures, load_pairs, standardize
from tinyunet.data.masks import IGNORE, Meaning, read_mask
from tinyunet.data.meaning import meaning_of
from tinyunet.data.reading import EXTENSIONS, Page, read_image
from tinyunet.data.scene import SCENE_CLASSES, scenes
from tinyunet.data.synthetic import cells, filaments
from tinyunet.data.writing import write_classes, write_mask, write_picture, write_probability

__all__ = [
    "EXTENSIONS",
    "IGNORE",
    "SCENE_CLASSES",
    "Batches",
    "DataError",
    "Masks",
    "Meaning",
    "Page",
    "Pair",
    "Pairs",
    "Pictures",
    "cells",
    "elastic_deform",
    "filaments",
    "find_pairs",
    "find_pictures",
    "load_pairs",
    "meaning_of",
    "pictures_in",
    "random_crop",
    "random_flip",
    "random_quarter_turn",
    "read_image",
    "read_mask",
    "scenes",
    "standardize",
    "write_classes",
    "write_mask",
    "write_picture",
    "write_probability",
]
