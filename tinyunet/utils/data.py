"""Datasets and the loader that makes batches of them, as in `torch.utils.data`.

`tinyunet.data` has what segmentation needs: pictures in folders, crops, and batches without end, with which a training
that was stopped goes on. This here is for loops over epochs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinyunet.ops.randomness import generator as drawing_from
from tinyunet.ops.shape import stack
from tinyunet.tensor import Tensor


class Dataset:
    """Samples by number: a subclass defines `__getitem__(self, index)` and `__len__(self)`."""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(self, index)")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__(self)")


class TensorDataset(Dataset):
    """Sample i is row i of each Tensor.

    >>> TensorDataset(Tensor([[1.0], [2.0]]), Tensor([0, 1], dtype=int))[1]
    (tensor([2.]), tensor(1, dtype=int64))
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(x if isinstance(x, Tensor) else Tensor(x) for x in tensors)
        if not tensors or len({len(x) for x in self.tensors}) > 1:
            raise ValueError(f"TensorDataset: needs Tensors of one length, not {[x.shape for x in self.tensors]}")

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The samples of a dataset that have these numbers."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """The samples in random order, cut into pieces of these lengths, or of these fractions of the whole.

    Raises:
        ValueError: lengths that do not add up to the number of samples, or fractions to 1.

    >>> [len(part) for part in random_split(range(10), [0.8, 0.2])]
    [8, 2]
    """
    n = len(dataset)
    sizes = [int(k) for k in lengths]
    if math.isclose(sum(lengths), 1):
        sizes = [int(n * fraction) for fraction in lengths]
        sizes = [size + (i < n - sum(sizes)) for i, size in enumerate(sizes)]  # what rounding has left
    if sum(sizes) != n:
        raise ValueError(f"random_split: lengths {list(lengths)} do not add up to the {n} samples of the dataset")
    order = drawing_from(generator).permutation(n).tolist()
    ends = np.cumsum(sizes).tolist()
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def default_collate(batch: Sequence[Any]) -> Any:
    """Samples to a batch: Tensors and arrays stacked, numbers in one Tensor, tuples, lists and dicts part by part.

    >>> default_collate([(Tensor([1.0]), 3), (Tensor([2.0]), 4)])
    [tensor([[1.],
            [2.]]), tensor([3, 4], dtype=int64)]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch))
    if isinstance(first, np.ndarray | np.generic):
        return Tensor(np.stack(batch))
    if isinstance(first, bool | int | float):
        return Tensor(np.array(batch))
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, tuple | list):
        return [default_collate(part) for part in zip(*batch, strict=True)]
    return list(batch)


class DataLoader:
    """The samples of a dataset in batches, once for each `for`.

    Args:
        shuffle: in a new random order each time.
        drop_last: leave out a last batch that is smaller than the others.
        collate_fn: what makes a batch of a list of samples.
        generator: for the order, a `numpy.random.Generator` or a seed; by default see `manual_seed`.
        num_workers, pin_memory: taken for PyTorch's sake: this process loads.

    >>> [batch.tolist() for batch in DataLoader(range(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        num_workers: int = 0,
        collate_fn: Callable[[Sequence[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        generator: Any = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, not {batch_size}")
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.collate_fn = collate_fn or default_collate
        self.rng = drawing_from(generator)

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = self.rng.permutation(n).tolist() if self.shuffle else list(range(n))
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield self.collate_fn([self.dataset[i] for i in order[start : start + self.batch_size]])

    def __len__(self) -> int:
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
