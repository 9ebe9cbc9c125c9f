"""Where random numbers come from: a generator or a seed that is given, or what `manual_seed` has set."""

from __future__ import annotations

from typing import Any

import numpy as np

_seeds = np.random.SeedSequence()


def manual_seed(seed: int) -> None:
    """From now on, whatever draws without a generator of its own draws the same in every run.

    That is the one global state here, for programs that begin with `torch.manual_seed`. Where the bits matter, as in a
    training that is resumed, give every layer and every loader its `rng`: this seed does not know how far they have
    come. Each layer or call that has none gets a new generator, of a series that begins here, so that they share
    nothing; a Dropout made before keeps its own.

    >>> manual_seed(0)
    >>> first = generator().random()
    >>> generator().random() == first
    False
    >>> manual_seed(0)
    >>> generator().random() == first
    True
    """
    global _seeds
    _seeds = np.random.SeedSequence(seed)


def generator(rng: Any = None) -> np.random.Generator:
    """The Generator itself, one with this seed, or for None the next of those that `manual_seed` has begun."""
    return np.random.default_rng(_seeds.spawn(1)[0] if rng is None else rng)
