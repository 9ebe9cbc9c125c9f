"""The mistakes that are made, each with the wrong answer that it leads to.

A mistake is stated for a quantity of an operation: its name, what is right instead, the formula of the wrong answer.

    wrong("mean not subtracted", "x − μ is divided, not x", lambda q: q.affine(q.x / q.root))

`diagnosis.py` compares what all of them give with an answer. Rare mistakes are asked for only where no usual one
explains it: they are many, and a single number often equals what one of them gives by accident.

    registry.py       how a mistake is stated, and what its formulas are made of
    window.py         what formulas say of a sliding window
    sliding.py        stride, padding, dilation and size, of convolutions and pooling
    convolution.py    kernel, channels and bias, of both convolutions
    transposed.py     what only a transposed convolution has: overlaps, cropping, zeros inserted
    pooling.py        pooling and its gradients
    gradients.py      gradients of convolutions and linear layers
    normalisation.py  batch normalisation
    layers.py         linear layers and ReLU
    softmax.py        softmax and cross-entropy
    diffusion.py      noise schedules, steps and guidance
    together.py       two mistakes at once
    sizes.py          the size of a result alone
    chain.py          answers to steps that are made from one another
"""

import importlib
import pkgutil

from tinyunet.byhand.mistakes.registry import RARE, TOGETHER, WAYS, Mistake, Quantities, mistakes, wrong_answers

__all__ = ["RARE", "TOGETHER", "WAYS", "Mistake", "Quantities", "mistakes", "wrong_answers"]

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")
