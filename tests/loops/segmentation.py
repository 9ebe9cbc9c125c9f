"""A U-Net for masks of discs, as PyTorch tutorials write it."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset, random_split


class Discs(Dataset):
    def __init__(self, n=24, size=24, seed=0):
        rng = np.random.default_rng(seed)
        rows, columns = np.mgrid[:size, :size]
        self.images, self.masks = [], []
        for _ in range(n):
            (y, x), r = rng.uniform(6, size - 6, 2), rng.uniform(3, 6)
            mask = ((rows - y) ** 2 + (columns - x) ** 2 < r**2).astype(np.float32)
            self.masks.append(mask[None])
            self.images.append((0.6 * mask + 0.3 * rng.random((size, size)))[None].astype(np.float32))

    def __len__(self):
        return len(self.images)

    def __getitem__(self, idx):
        image = torch.from_numpy(self.images[idx])
        mask = torch.from_numpy(self.masks[idx])
        return {"image": image, "mask": mask}


class DoubleConv(nn.Module):
    """(convolution => [BN] => ReLU) * 2"""

    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(in_channels, out_channels))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        x = torch.cat([x2, x1], dim=1)
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes, bilinear=False, width=8):
        super().__init__()
        self.n_channels = n_channels
        self.n_classes = n_classes
        factor = 2 if bilinear else 1
        self.inc = DoubleConv(n_channels, width)
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.downs.append(Down(width, 2 * width))
        self.downs.append(Down(2 * width, 4 * width // factor))
        self.ups.append(Up(4 * width, 2 * width // factor, bilinear))
        self.ups.append(Up(2 * width, width, bilinear))
        self.outc = nn.Conv2d(width, n_classes, kernel_size=1)

    def forward(self, x):
        skips = [self.inc(x)]
        for down in self.downs:
            skips.append(down(skips[-1]))
        skips = skips[::-1]
        x = skips[0]
        for idx in range(len(self.ups)):
            x = self.ups[idx](x, skips[idx + 1])
        return self.outc(x)


def init_weights(m):
    if isinstance(m, nn.BatchNorm2d):
        with torch.no_grad():
            m.weight.fill_(1.0)
            m.bias.zero_()


def dice_loss(logits, target, eps=1e-6):
    probs = torch.sigmoid(logits)
    inter = 2 * (probs * target).sum(dim=(1, 2, 3))
    sets_sum = probs.sum(dim=(1, 2, 3)) + target.sum(dim=(1, 2, 3))
    return 1 - ((inter + eps) / (sets_sum + eps)).mean()


def train_one_epoch(model, loader, optimizer, criterion, device, dtype=torch.float32, clip=1.0):
    model.train()
    losses = []
    for batch in loader:
        images, true_masks = batch["image"], batch["mask"]
        assert images.shape[1] == model.n_channels, f"wrong number of channels: {images.shape[1]}"
        images = images.to(device=device, dtype=dtype)
        true_masks = true_masks.to(device=device, dtype=dtype)
        optimizer.zero_grad(set_to_none=True)
        masks_pred = model(images)
        loss = criterion(masks_pred, true_masks)
        loss += dice_loss(masks_pred, true_masks)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def evaluate(model, loader, device):
    model.eval()
    num_correct = 0
    num_pixels = 0
    dice_score = 0
    for batch in loader:
        x, y = batch["image"].to(device), batch["mask"].to(device)
        preds = torch.sigmoid(model(x))
        preds = (preds > 0.5).float()
        num_correct += (preds == y).sum()
        num_pixels += torch.numel(preds)
        dice_score += (2 * (preds * y).sum()) / ((preds + y).sum() + 1e-8)
    print(f"Got {num_correct}/{num_pixels} with acc {num_correct / num_pixels * 100:.2f}")
    print(f"Dice score: {dice_score / len(loader):.3f}")
    model.train()
    return (num_correct / num_pixels).item(), (dice_score / len(loader)).item()


def main(epochs=4):
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dataset = Discs()
    n_val = int(len(dataset) * 0.25)
    train_set, val_set = random_split(dataset, [len(dataset) - n_val, n_val])
    train_loader = DataLoader(train_set, shuffle=True, batch_size=6, num_workers=0, pin_memory=False)
    val_loader = DataLoader(val_set, shuffle=False, drop_last=False, batch_size=3)
    model = UNet(n_channels=1, n_classes=1, bilinear=True).to(device)
    model.apply(init_weights)
    optimizer = optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-8)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=1e-4)
    criterion = nn.BCEWithLogitsLoss()
    history, best, best_weights = [], 0.0, None
    for epoch in range(1, epochs + 1):
        losses = train_one_epoch(model, train_loader, optimizer, criterion, device)
        scheduler.step()
        accuracy, dice = evaluate(model, val_loader, device)
        print(f"epoch {epoch:>3d}  loss {np.mean(losses):.4f}  lr {scheduler.get_last_lr()[0]:.2e}")
        history.append(np.mean(losses))
        if dice > best:
            best, best_weights = dice, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    return history, best
