"""Loops as PyTorch tutorials write them run here with their import lines changed, and learn the same.

The programs beside this file are written for PyTorch. Here `tinyunet` takes its place in their import lines, and
nowhere else.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinyunet


def program(name, library="tinyunet"):
    """The names that a program defines, with either library."""
    source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    if library == "tinyunet":
        source = re.sub(r"^import torch$", "import tinyunet as torch", source, flags=re.M)
        source = re.sub(r"^(import|from) torch\b", r"\1 tinyunet", source, flags=re.M)
    names = {"__name__": name}
    exec(compile(source, f"{name} with {library}", "exec"), names)
    return SimpleNamespace(**names)


def test_segmentation_learns(capsys):
    history, dice = program("segmentation").main()
    assert history[-1] < 0.8 * history[0]
    assert dice > 0.9
    assert re.search(r"Got \d+/3456 with acc \d\d\.\d\d\n", capsys.readouterr().out)


def test_classification_learns(capsys):
    history, accuracy = program("classification").main()
    assert np.mean(history[-5:]) < 0.3 * np.mean(history[:5])
    assert accuracy > 85
    assert "lr: [0.0" in capsys.readouterr().out


def test_diffusion_learns_and_samples():
    history, images, (by_data, in_place, by_torch) = program("ddpm").main()
    assert np.mean(history[-8:]) < 0.6 * np.mean(history[:8])
    assert (images.dtype, images.shape) == (np.uint8, (4, 1, 8, 8))
    assert len(np.unique(images)) > 10
    np.testing.assert_allclose(in_place, by_data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_torch, by_data, rtol=1e-5, atol=1e-6)


def both(name):
    return program(name), program(name, "torch")


def same_weights(own, theirs):
    own.load_state_dict(theirs.state_dict())
    return own.double(), theirs.double()


@pytest.mark.torch
@pytest.mark.parametrize("bilinear", [True, False])
def test_segmentation_takes_the_steps_of_pytorch(bilinear):
    import torch

    programs = both("segmentation")
    models = same_weights(*(p.UNet(1, 1, bilinear=bilinear) for p in programs))
    losses = []
    for p, model, library in zip(programs, models, (tinyunet, torch), strict=True):
        loader = p.DataLoader(p.Discs(n=12, size=22), batch_size=6)  # 22 = 2·11: the borders of the way up are padded
        optimizer = p.optim.Adam(model.parameters(), lr=0.01)
        criterion = library.nn.BCEWithLogitsLoss(pos_weight=library.tensor(np.array([2.0])))
        losses.append(p.train_one_epoch(model, loader, optimizer, criterion, "cpu", library.float64, clip=0.1))
    np.testing.assert_allclose(*losses, rtol=1e-7)
    for own, reference in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True):
        np.testing.assert_allclose(own, reference, rtol=1e-4, atol=1e-7)


@pytest.mark.torch
def test_classification_takes_the_steps_of_pytorch():
    programs = both("classification")
    models = same_weights(*(p.Net() for p in programs))
    losses, accuracies = [], []
    for p, model in zip(programs, models, strict=True):
        model.dropout.p = 0.0
        model.float()
        train_loader, test_loader = p.loaders(shuffle=False)
        optimizer = p.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        losses.append(p.train(model, "cpu", train_loader, optimizer, 1))
        accuracies.append(p.test(model, "cpu", test_loader))
    np.testing.assert_allclose(*losses, rtol=2e-3)
    assert accuracies[0] == pytest.approx(accuracies[1], abs=2)


@pytest.mark.torch
def test_diffusion_takes_the_steps_of_pytorch():
    import torch

    programs = both("ddpm")
    models = same_weights(*(p.SimpleUnet() for p in programs))
    rng = np.random.default_rng(0)
    batches = [
        (x, rng.integers(0, 20, 8), rng.standard_normal(x.shape, np.float32))
        for x in np.split(programs[0].pictures(), 4)
    ]
    losses = []
    for p, model, library in zip(programs, models, (tinyunet, torch), strict=True):
        model.float()  # as the schedule and the embedding of t are
        diffusion, optimizer = p.Diffusion(), p.AdamW(model.parameters(), lr=3e-3)
        losses.append([])
        for x, t, noise in batches:
            optimizer.zero_grad()
            loss = diffusion.p_losses(model, *map(library.tensor, (x, t, noise)))
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
        with library.no_grad():
            x = library.tensor(batches[0][2])
            losses[-1] += diffusion.p_sample(model, x, library.zeros(8, dtype=library.long), 0).reshape(-1).tolist()
    np.testing.assert_allclose(*losses, rtol=1e-3, atol=1e-3)
