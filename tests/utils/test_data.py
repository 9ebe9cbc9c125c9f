"""Datasets and loaders give the batches that PyTorch's give."""

import numpy as np
import pytest

import tinyunet
from tests.strategies import normal
from tinyunet import Tensor, tensor
from tinyunet.utils import data


class Squares(data.Dataset):
    """Samples of every kind, in dicts and tuples."""

    def __init__(self, array, scalar):
        self.array, self.scalar = array, scalar

    def __len__(self):
        return 5

    def __getitem__(self, i):
        if i >= len(self):
            raise IndexError
        sample = {"array": np.full((2, 3), i, np.float32), "tensor": self.array([i, i * 0.5]), "name": f"n{i}"}
        return sample, i, i * 0.5, i > 2, [self.scalar(i), np.float32(i)]


def flat(batch):
    """All arrays of a batch, and their dtypes, in the order in which they are found."""
    if isinstance(batch, dict):
        return [x for key in batch for x in flat(batch[key])]
    if isinstance(batch, (list, tuple)) and not isinstance(batch[0], str):
        return [x for part in batch for x in flat(part)]
    if isinstance(batch, (list, tuple)):
        return [list(batch)]
    array = np.asarray(batch)
    return [(array.tolist(), str(array.dtype))]


@pytest.mark.torch
@pytest.mark.parametrize("settings", [{}, {"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": 7}])
def test_batches_are_pytorchs(settings):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    own = data.DataLoader(Squares(tensor, lambda i: tensor(np.array(i))), **settings)
    theirs = DataLoader(Squares(torch.tensor, torch.tensor), **settings)
    assert len(own) == len(theirs)
    for a, b in zip(own, theirs, strict=True):
        assert flat(a) == flat(b)
    x, t = normal(0, 5, 2), np.arange(5)
    own = data.DataLoader(data.TensorDataset(tensor(x), t), **settings)
    theirs = DataLoader(TensorDataset(torch.tensor(x), torch.tensor(t)), **settings)
    for a, b in zip(own, theirs, strict=True):
        assert type(a) is type(b)
        assert flat(a) == flat(b)


def test_every_epoch_has_its_own_order_which_the_seed_decides():
    def epochs(**settings):
        loader = data.DataLoader(range(20), batch_size=3, shuffle=True, **settings)
        return [[i for batch in loader for i in batch.tolist()] for _ in range(2)]

    first, second = epochs(generator=0)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert epochs(generator=0) == epochs(generator=np.random.default_rng(0)) == [first, second]
    assert epochs() != epochs()
    tinyunet.manual_seed(5)
    once = epochs()
    tinyunet.manual_seed(5)
    assert epochs() == once


def test_a_loader_collates_as_it_is_told():
    loader = data.DataLoader(range(4), batch_size=2, collate_fn=sum, num_workers=2, pin_memory=True)
    assert list(loader) == [1, 5]
    assert len(loader.dataset) == 4


@pytest.mark.torch
@pytest.mark.parametrize("lengths", [[7, 3], [10], [0.7, 0.3], [0.5, 0.25, 0.25], [0.33, 0.33, 0.34], [1.0]])
def test_random_splits_have_pytorchs_sizes_and_share_nothing(lengths):
    from torch.utils.data import random_split

    parts = data.random_split(range(11 if lengths == [0.5, 0.25, 0.25] else 10), lengths, generator=0)
    theirs = random_split(range(11 if lengths == [0.5, 0.25, 0.25] else 10), lengths)
    assert [len(part) for part in parts] == [len(part) for part in theirs]
    everything = [part[i] for part in parts for i in range(len(part))]
    assert sorted(everything) == list(range(len(everything)))
    assert everything != sorted(everything)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: data.DataLoader([1], batch_size=0), ValueError, "batch_size must be at least 1, not 0"),
        (lambda: data.TensorDataset(), ValueError, "needs Tensors of one length, not []"),
        (lambda: data.TensorDataset(np.ones(2), np.ones((3, 1))), ValueError, "of one length, not [(2,), (3, 1)]"),
        (lambda: data.random_split(range(10), [5, 4]), ValueError, "lengths [5, 4] do not add up to the 10 samples"),
        (lambda: data.random_split(range(10), [0.5, 0.4]), ValueError, "lengths [0.5, 0.4] do not add up to the 10"),
        (lambda: len(data.Dataset()), NotImplementedError, "Dataset does not define __len__(self)"),
        (lambda: data.Dataset()[0], NotImplementedError, "Dataset does not define __getitem__(self, index)"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert message in str(raised.value)


def test_a_dataset_of_tensors_can_be_walked():
    pairs = list(data.TensorDataset(tensor([1.0, 2.0]), tensor([3.0, 4.0])))
    assert [(type(a), a.item(), b.item()) for a, b in pairs] == [(Tensor, 1, 3), (Tensor, 2, 4)]


MUTANTS = {
    "utils.data:DataLoader.__iter__": [
        ("one order for all epochs", "self.rng.permutation(n)", "np.random.default_rng(0).permutation(n)"),
        ("the last batch is never dropped", "range(0, len(self) * self.batch_size,", "range(0, n,"),
    ],
    "utils.data:random_split": [
        ("parts share samples", "order[end - size : end]", "order[:size]"),
        ("what rounding leaves is lost", "(i < n - sum(sizes))", "0"),
    ],
}
