"""Layers: an operation together with the weights it needs, and Modules, which are made of layers.

The layers have PyTorch's names, arguments and weight shapes, start from the same random distributions, and their
`state_dict()` has the same keys: weights move in both directions.
"""

from tinyunet.nn.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    GroupNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from tinyunet.nn.module import Module, ModuleList, Parameter, Sequential

__all__ = [
    "Parameter",
    "Module",
    "Sequential",
    "ModuleList",
    "Conv2d",
    "ConvTranspose2d",
    "Linear",
    "Embedding",
    "BatchNorm2d",
    "GroupNorm",
    "ReLU",
    "LeakyReLU",
    "Sigmoid",
    "Tanh",
    "SiLU",
    "MaxPool2d",
    "AvgPool2d",
    "Dropout",
]
