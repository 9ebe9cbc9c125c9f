"""Group and layer normalisation: within one image, or one example; they do not look at the rest of the batch."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinyunet import functional
from tinyunet.byhand.arithmetic.explanation import Explanation, explained
from tinyunet.byhand.arithmetic.operation import Index
from tinyunet.byhand.arithmetic.operations.normalisation import (
    GRADIENT,
    Channels,
    Normalisation,
    Places,
    formulas_of,
    read,
)
from tinyunet.tensor import Array

Sizes = int | tuple[int, ...]


class GroupNorm(Channels):
    """Some channels of one image together."""

    title = "Group normalisation"
    apart = 1
    formulas: ClassVar = formulas_of("a group of C/num_groups channels of one image", "all images and places", GRADIENT)

    def run(self) -> tuple[Any, Any]:
        x, weight, bias = self.arrays.values()
        y, backward = self.plain(x, self.settings["num_groups"], weight, bias, self.settings["eps"])

        def without_groups(dy: Array) -> tuple[Any, ...]:
            dx, _, *others = backward(dy)
            return dx, *others

        return y, without_groups

    def width(self) -> int:
        """How many channels are a group."""
        return int(self.arrays["x"].shape[1] // self.settings["num_groups"])

    def group(self, index: Index) -> Places:
        n, c = index[:2]
        first = c - c % self.width()
        _, _, *positions = self.places((c,))
        return n, range(first, first + self.width()), *positions

    def labels(self) -> Array:
        ns, cs = np.indices(self.arrays["x"].shape, sparse=True)[:2]
        return ns * self.settings["num_groups"] + cs // self.width()


@GroupNorm.called
def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Explanation:
    """Explain `F.group_norm`: x (N, C, …), the vectors (C,).

    >>> print(group_norm([[1, 3, 10, 30]], num_groups=2).at(0, 0))
    y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of a group of C/num_groups channels of one image
      μ = (1 + 3) / 2 = 2
      σ² = (−1×(−1) + 1×1) / 2 = 1
      y[0, 0] = (1 − 2) / √(1 + 1e−05) = −1
    """
    example = "four channels of one number are [[1, 3, 10, 30]]"
    arrays = read(x, 2, "(N, C, …)", example, {"weight": weight, "bias": bias})
    return explained(GroupNorm(arrays, {"num_groups": num_groups, "eps": eps}, {}))


class LayerNorm(Normalisation):
    """All numbers of an example: its last axes. Every place in it has a γ and a β."""

    title = "Layer normalisation"
    captions: ClassVar = Normalisation.captions | {("x", 2): "x (rows: examples)"}
    formulas: ClassVar = formulas_of("the last axes, the normalized_shape", "all examples", GRADIENT)

    def __init__(self, arrays: dict[str, Any], settings: dict[str, Any], left_out: dict[str, int]) -> None:
        super().__init__(arrays, settings, left_out)
        shape, x = settings["normalized_shape"], arrays["x"].shape
        self.normalized = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
        self.apart = len(x) - len(self.normalized)
        if not self.normalized or x[max(self.apart, 0) :] != self.normalized:
            raise ValueError(f"layer_norm: normalized_shape {shape} must be the last sizes of x, which is {x}")
        for name in ("weight", "bias"):
            if arrays[name] is not None and arrays[name].shape != self.normalized:
                raise ValueError(f"layer_norm: {name} is {arrays[name].shape}; must be normalized_shape, {shape}")

    @staticmethod
    def weights(x: Index, normalized_shape: Sizes, *, affine: bool = True) -> dict[str, Index | None]:
        shape = tuple(normalized_shape) if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        return {name: shape if affine else None for name in ("weight", "bias")}

    def run(self) -> tuple[Any, Any]:
        """As the group normalisation of (examples, all their numbers) in one group."""
        x, *vectors = self.arrays.values()
        flat = (None if vector is None else vector.ravel() for vector in vectors)
        rows = x.reshape(-1, math.prod(self.normalized))
        y, backward = functional.group_norm.__wrapped__(rows, 1, *flat, self.settings["eps"])  # type: ignore[attr-defined]

        def shaped(dy: Array) -> tuple[Any, ...]:
            dx, _, *others = backward(dy.reshape(rows.shape))
            return dx().reshape(x.shape), *(vector().reshape(self.normalized) for vector in others)

        return y.reshape(x.shape), shaped

    def places(self, at: Index) -> Places:
        return (*map(range, self.arrays["x"].shape[: self.apart]), *at)

    def group(self, index: Index) -> Places:
        return (*index[: self.apart], *map(range, self.normalized))

    def of_vector(self, index: Index) -> Index:
        return index[self.apart :]

    def labels(self) -> Array:
        x = self.arrays["x"]
        return np.arange(x.size).reshape(x.shape) // math.prod(self.normalized)


@LayerNorm.called
def layer_norm(x: Any, normalized_shape: Sizes, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Explanation:
    """Explain `F.layer_norm`: x (…, *normalized_shape), weight and bias of that shape.

    >>> print(layer_norm([[1, 3], [10, 30]], 2).at(0, 0))
    y = γ·(x − μ) / √(σ² + ε) + β, with mean μ and biased variance σ² of the last axes, the normalized_shape
      μ = (1 + 3) / 2 = 2
      σ² = (−1×(−1) + 1×1) / 2 = 1
      y[0, 0] = (1 − 2) / √(1 + 1e−05) = −1
    """
    arrays = read(x, 1, "(…, numbers)", "one example of two numbers is [1, 3]", {"weight": weight, "bias": bias})
    return explained(LayerNorm(arrays, {"normalized_shape": normalized_shape, "eps": eps}, {}))
