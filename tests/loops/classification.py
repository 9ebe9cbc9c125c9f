"""A CNN for drawn digits, as PyTorch tutorials write it."""

import os
import tempfile
from collections import OrderedDict

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

STROKES = ["#### ## ## ## ####", " #  #  #  #  # ", "###  ######  ###", "###  # ##  ####", "# ## ####  #  #"]
STROKES = [s.replace(" ", ".").ljust(15, ".")[:15] for s in STROKES]


def digits(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(STROKES), n)
    images = np.zeros((n, 1, 12, 12), np.float32)
    for i, label in enumerate(labels):
        glyph = np.array([c == "#" for c in STROKES[label]], np.float32).reshape(5, 3).repeat(2, 0).repeat(2, 1)
        y, x = rng.integers(0, 3), rng.integers(0, 7)
        images[i, 0, y : y + 10, x : x + 6] = glyph
    images += 0.2 * rng.standard_normal(images.shape).astype(np.float32)
    return images, labels


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.features = nn.Sequential(
            OrderedDict(
                [
                    ("conv1", nn.Conv2d(1, 8, 3, 1, padding=1)),
                    ("norm1", nn.BatchNorm2d(8)),
                    ("relu1", nn.LeakyReLU(0.1, inplace=True)),
                    ("pool1", nn.MaxPool2d(2, 2)),
                ]
            )
        )
        self.conv2 = nn.Conv2d(8, 16, 3, 1)
        self.dropout = nn.Dropout(0.1)
        self.fc1 = nn.Linear(16 * 2 * 2, 32)
        self.fc2 = nn.Linear(32, len(STROKES))

    def forward(self, x):
        x = self.features(x)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout(x)
        return self.fc2(x)


def train(model, device, train_loader, optimizer, epoch, log_interval=4):
    size = len(train_loader.dataset)
    loss_fn = nn.CrossEntropyLoss()
    model.train()
    losses = []
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = loss_fn(output, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if batch_idx % log_interval == 0:
            print(f"Train Epoch: {epoch} [{batch_idx * len(data):>4d}/{size:>4d}]\tLoss: {loss:>7f}")
    return losses


def test(model, device, test_loader):
    model.eval()
    test_loss = 0
    correct = 0
    confusion = torch.zeros(len(STROKES), len(STROKES), dtype=torch.int64)
    with torch.no_grad():
        for data, target in test_loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.cross_entropy(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
            _, predicted = torch.max(output.data, 1)
            assert (predicted == target).sum().item() == (output.argmax(1) == target).type(torch.float).sum().item()
            for t, p in zip(target.view(-1), predicted.view(-1)):
                confusion[t.long(), p.long()] += 1
    test_loss /= len(test_loader.dataset)
    probabilities = torch.softmax(output, dim=1)
    assert probabilities.size(0) == len(data)
    assert torch.all((probabilities.sum(dim=1) - 1).abs() < 1e-5)
    print(f"Average loss: {test_loss:.4f}, Accuracy: {correct}/{len(test_loader.dataset)}")
    print(confusion.tolist())
    return 100.0 * correct / len(test_loader.dataset)


def loaders(shuffle=True):
    x_train, y_train, x_test, y_test = map(torch.tensor, (*digits(160, 0), *digits(60, 1)))
    train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=16, shuffle=shuffle)
    return train_loader, DataLoader(TensorDataset(x_test, y_test), batch_size=32)


def main(epochs=4):
    use_cuda = torch.cuda.is_available()
    torch.manual_seed(1)
    device = torch.device("cuda") if use_cuda else torch.device("cpu")
    train_loader, test_loader = loaders()
    images, labels = next(iter(train_loader))
    print(images.shape, labels.dtype, f"{images.min():.2f} {images.max():.2f}")
    model = Net().to(device)
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"{total:,} parameters:")
    for name, param in model.named_parameters():
        print(f"  {name}: {tuple(param.size())}")
    optimizer = optim.SGD(
        [{"params": model.features.parameters()}, {"params": list(model.parameters())[4:], "lr": 0.06}],
        lr=0.05,
        momentum=0.9,
    )
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    history = []
    for epoch in range(1, epochs + 1):
        history += train(model, device, train_loader, optimizer, epoch)
        accuracy = test(model, device, test_loader)
        scheduler.step()
        print("lr:", [group["lr"] for group in optimizer.param_groups], scheduler.get_last_lr())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "digits_cnn.pt")
        torch.save(model.state_dict(), path)
        again = Net()
        again.load_state_dict(torch.load(path))
    assert test(again, device, test_loader) == accuracy
    return history, accuracy
