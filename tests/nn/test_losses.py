"""Losses as layers are PyTorch's, and keep their weights as it does."""

import numpy as np
import pytest

import tinyunet.functional as F
from tests.strategies import normal
from tinyunet import nn, tensor

X, T = normal(0, 4, 3), np.random.default_rng(1).random((4, 3))
CLASSES = np.array([0, 2, 1, 1])
WEIGHTS = np.array([1.0, 2.0, 0.5])
LOSSES = [
    ("MSELoss", T, {}),
    ("MSELoss", T, {"reduction": "sum"}),
    ("L1Loss", T, {"reduction": "none"}),
    ("CrossEntropyLoss", CLASSES, {}),
    ("CrossEntropyLoss", CLASSES, {"weight": WEIGHTS, "ignore_index": 1, "reduction": "sum", "label_smoothing": 0.1}),
    ("CrossEntropyLoss", T, {"reduction": "none"}),
    ("BCEWithLogitsLoss", T, {}),
    ("BCEWithLogitsLoss", T, {"weight": WEIGHTS, "pos_weight": 1 + WEIGHTS, "reduction": "sum"}),
]


@pytest.mark.torch
@pytest.mark.parametrize(("name", "target", "settings"), LOSSES)
def test_a_loss_is_pytorchs(name, target, settings):
    import torch

    results = []
    for library, array in ((nn, tensor), (torch.nn, torch.tensor)):
        own = {k: array(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
        criterion, x = getattr(library, name)(**own), array(X, requires_grad=True)
        y = criterion(x, array(target))
        y.sum().backward()
        results.append((np.asarray(y.detach()), np.asarray(x.grad), sorted(criterion.state_dict())))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-10, atol=1e-14)
    assert results[0][2] == results[1][2]


def test_the_weights_of_a_loss_are_converted_with_it():
    criterion = nn.CrossEntropyLoss(weight=tensor([1.0, 2.0, 0.5])).double()
    assert criterion.weight.dtype == np.float64
    assert list(criterion.parameters()) == []
    assert criterion(tensor(X), CLASSES) == F.cross_entropy(X, CLASSES, WEIGHTS)


MUTANTS = {
    "nn.losses:CrossEntropyLoss": [
        ("weights are not registered", 'self.register_buffer("weight", weight)', "self.weight = weight"),
    ],
    "nn.losses:BCEWithLogitsLoss": [
        (
            "weights and those of the positive part are the same",
            'self.register_buffer("pos_weight", pos_weight)',
            'self.register_buffer("pos_weight", weight)',
        ),
    ],
}
