"""The autoencoder against the same one in PyTorch, the bounds of its latent, and what noise on it does."""

import numpy as np
import pytest

from tests.strategies import normal
from tinyunet import functional as F
from tinyunet import optim, tensor
from tinyunet.models.autoencoder import Autoencoder


def in_pytorch(colours, latent, channels, blocks, patch):
    """A `torch.nn.Module` with the keys and shapes of `Autoencoder` (nothing of which is used here)."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

        def forward(self, x):
            y = x * torch.sigmoid(x)
            y = self.conv1(y)
            return x + self.conv2(y * torch.sigmoid(y))

    def side(i, o):
        first, last = nn.Conv2d(i, channels, 3, padding=1), nn.Conv2d(channels, o, 3, padding=1)
        return nn.Sequential(first, *(Block() for _ in range(blocks)), nn.SiLU(), last)

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = side(colours * patch**2, latent)
            self.decoder = side(latent, colours * patch**2)

        def forward(self, x):
            n, c, h, w = x.shape
            x = x.reshape(n, c, h // patch, patch, w // patch, patch).permute(0, 1, 3, 5, 2, 4)
            z = torch.tanh(self.encoder(x.reshape(n, c * patch**2, h // patch, w // patch)))
            y = self.decoder(z).reshape(n, c, patch, patch, h // patch, w // patch)
            return z, y.permute(0, 1, 4, 2, 5, 3).reshape(n, c, h, w)

    return Both()


@pytest.mark.torch
@pytest.mark.parametrize("settings", [(3, 4, 6, 2, 4), (2, 3, 5, 1, 2)])
def test_latents_pictures_and_all_gradients_are_those_of_pytorch(settings):
    import torch

    torch.manual_seed(0)
    theirs = in_pytorch(*settings).double()
    model = Autoencoder(*settings, rng=0).to(np.float64)
    assert sorted(model.state_dict()) == sorted(theirs.state_dict())
    model.load_state_dict(theirs.state_dict())
    x = normal(0, 2, settings[0], 8, 12)
    image, their_image = tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    latent, y = theirs(their_image)
    np.testing.assert_allclose(model.encode(x), latent.detach(), atol=1e-12)
    np.testing.assert_allclose(model.decode(latent.detach().numpy()), y.detach(), atol=1e-12)
    cotangent = normal(1, *y.shape)
    model(image).backward(cotangent)
    y.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(image.grad, their_image.grad, atol=1e-11)
    for (name, p), (_, q) in zip(sorted(model.named_parameters()), sorted(theirs.named_parameters()), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, atol=1e-10, err_msg=name)


def test_a_latent_has_its_shape_and_its_bounds():
    model = Autoencoder(3, 5, 8, 1, 4, rng=0)
    latent = model.encode(100 * normal(0, 2, 3, 16, 24).astype(np.float32))
    assert latent.shape == (2, 5, 4, 6)
    assert latent.dtype == np.float32
    assert 0.9 < np.abs(latent.numpy()).max() <= 1
    assert model.decode(latent).shape == (2, 3, 16, 24)


def test_with_noise_on_the_latent_it_becomes_as_large_as_it_may():
    """Grey pictures from black to white: to tell them through noise, their latents use the whole range."""
    sizes = {}
    for noise in (0.0, 1.0):
        rng = np.random.default_rng(0)
        model = Autoencoder(1, 1, 4, 1, 4, rng=0)
        optimizer = optim.Adam(model.parameters(), 1e-2)
        for _ in range(80):
            x = np.broadcast_to(rng.uniform(-1, 1, (16, 1, 1, 1)), (16, 1, 8, 8)).astype(np.float32)
            latent = model.encode(x)
            decoded = model.decode(latent + noise * rng.standard_normal(latent.shape, np.float32))
            optimizer.zero_grad()
            F.mse_loss(decoded, x).backward()
            optimizer.step()
        sizes[noise] = np.abs(latent.numpy()).mean()
    assert 0.7 < sizes[1.0] > sizes[0.0] + 0.2


def test_the_seed_decides_and_what_does_not_fit_is_refused():
    a, b, other = (Autoencoder(rng=seed).state_dict() for seed in (0, 0, 1))
    assert all((a[name] == b[name]).all() for name in a)
    assert any((a[name] != other[name]).any() for name in a)
    with pytest.raises(ValueError, match="must be positive, not 3, 0, 48, 1 and 4"):
        Autoencoder(latent=0)


MUTANTS = {
    "models.autoencoder:Block": [
        ("nothing passes", "return x + self", "return self"),
        ("no SiLU in between", "F.silu(self.conv1(F.silu(x)))", "self.conv1(F.silu(x))"),
    ],
    "models.autoencoder:Autoencoder": [
        ("without bounds", "return F.tanh(", "return ("),
        ("one block on each side", "for _ in range(blocks)", "for _ in range(1)"),
        ("no SiLU before the last layer", "*between, nn.SiLU(), nn", "*between, nn.Identity(), nn"),
    ],
}  # fmt: skip
