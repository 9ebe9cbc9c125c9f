"""Layers: an operation together with the weights it needs, and Modules, which are made of layers.

The layers have PyTorch's names, arguments and weight shapes, start from the same random distributions, and their
`state_dict()` has the same keys: weights move in both directions.
"""

from tinyunet.nn import functional, utils
from tinyunet.nn.activations import GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from tinyunet.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    GroupNorm,
    LayerNorm,
    Linear,
)
from tinyunet.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss
from tinyunet.nn.module import Module, ModuleList, Parameter, Sequential
from tinyunet.nn.resizing import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Flatten,
    Identity,
    MaxPool2d,
    PixelShuffle,
    PixelUnshuffle,
    Upsample,
)

__all__ = [
    "functional",
    "utils",
    "Parameter",
    "Module",
    "Sequential",
    "ModuleList",
    "Conv2d",
    "ConvTranspose2d",
    "Linear",
    "Embedding",
    "BatchNorm1d",
    "BatchNorm2d",
    "GroupNorm",
    "LayerNorm",
    "Dropout",
    "ReLU",
    "LeakyReLU",
    "Sigmoid",
    "Tanh",
    "SiLU",
    "GELU",
    "Softmax",
    "LogSoftmax",
    "MaxPool2d",
    "PixelShuffle",
    "PixelUnshuffle",
    "AvgPool2d",
    "AdaptiveAvgPool2d",
    "Upsample",
    "Flatten",
    "Identity",
    "MSELoss",
    "L1Loss",
    "CrossEntropyLoss",
    "BCEWithLogitsLoss",
]
