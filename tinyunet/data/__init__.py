"""Pictures to learn from: drawn (`synthetic`), read (`folder`), varied (`augment`) and served (`batches`)."""

from tinyunet.data.augment import elastic_deform, random_crop, random_flip, random_quarter_turn
from tinyunet.data.batches import Batches
from tinyunet.data.folder import (
    DataError,
    Pair,
    find_pairs,
    find_pictures,
    load_pairs,
    read_image,
    read_mask,
    standardize,
    write_mask,
    write_picture,
    write_probability,
)
from tinyunet.data.scene import SCENE_CLASSES, scenes
from tinyunet.data.synthetic import cells, filaments

__all__ = [
    "SCENE_CLASSES",
    "Batches",
    "DataError",
    "Pair",
    "cells",
    "elastic_deform",
    "filaments",
    "find_pairs",
    "find_pictures",
    "load_pairs",
    "random_crop",
    "random_flip",
    "random_quarter_turn",
    "read_image",
    "read_mask",
    "scenes",
    "standardize",
    "write_mask",
    "write_picture",
    "write_probability",
]
