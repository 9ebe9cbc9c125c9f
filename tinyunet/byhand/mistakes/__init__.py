"""The mistakes that are made, each as a way to compute the wrong answer.

A mistake is known by an operation, a quantity and a name. Its function takes the operation (and dy, for a gradient) and
yields what somebody who makes the mistake would answer: one array, or one for each way to make it, with a word that
tells them apart. It yields nothing where the mistake cannot be made. `diagnosis.py` compares them with an answer.

Those that are `rare` are asked for only where none of the usual ones explains an answer: they are many, and a single
number is soon what one of them gives.

    registry.py       how mistakes are entered and listed
    window.py         the sliding window, slid in other ways
    sliding.py        stride, padding, dilation and size, of convolutions and pooling
    convolution.py    kernel, channels and bias, of both convolutions
    transposed.py     what only a transposed convolution has: overlaps, cropping, zeros inserted
    pooling.py        pooling and its gradients
    gradients.py      gradients of convolutions and linear layers
    normalisation.py  batch normalisation
    layers.py         linear layers and ReLU
    softmax.py        softmax and cross-entropy
"""

from tinyunet.byhand.mistakes import (
    convolution,
    gradients,
    layers,
    normalisation,
    pooling,
    sliding,
    softmax,
    transposed,
)
from tinyunet.byhand.mistakes.registry import RARE, TOGETHER, WAYS, Mistake, mistake, rare, wrong_answers

__all__ = [
    "Mistake",
    "WAYS",
    "RARE",
    "TOGETHER",
    "mistake",
    "rare",
    "wrong_answers",
    "convolution",
    "gradients",
    "layers",
    "normalisation",
    "pooling",
    "sliding",
    "softmax",
    "transposed",
]
