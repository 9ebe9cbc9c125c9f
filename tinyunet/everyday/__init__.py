"""Everyday PyTorch: the names that loops written for PyTorch use, beside the tape and the operations.

No gradient is derived here. A factory (`zeros`, `randn`) makes a Tensor, a method (`view`, `chunk`, `long`) is written
in terms of operations of `tinyunet.functional`, and what belongs to other machines (`device`, `cuda`) answers that
there is a CPU and nothing else. They are found as in PyTorch: `tinyunet.zeros(2)`, `x.view(-1)`.

What is not here is left out on purpose. `left_out` knows PyTorch's names, and answers each with what to write instead.
"""

from tinyunet.everyday.factories import (
    arange,
    as_tensor,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from tinyunet.everyday.machine import DTYPES as DTYPES
from tinyunet.everyday.machine import accelerator, backends, cuda, device
from tinyunet.everyday.methods import all, any, argmax, argmin, clone, numel, std
from tinyunet.everyday.shapes import chunk, flatten, gather, repeat, split, squeeze, unsqueeze

__all__ = [
    "accelerator",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "backends",
    "chunk",
    "clone",
    "cuda",
    "device",
    "flatten",
    "from_numpy",
    "full",
    "full_like",
    "gather",
    "linspace",
    "numel",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "repeat",
    "split",
    "squeeze",
    "std",
    "unsqueeze",
    "zeros",
    "zeros_like",
]
