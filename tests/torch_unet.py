"""The U-Net once more, in PyTorch, with the same names: the two exchange weights through `state_dict`."""


def make(in_channels, out_channels, channels=(64, 128, 256, 512), skips=True, norm="batch"):
    """A `torch.nn.Module` with the keys and shapes of `tinyunet.unet.UNet` (nothing of which is used here)."""
    import torch
    from torch import nn

    def norm_of(c):
        if norm == "batch":
            return [nn.BatchNorm2d(c)]
        if norm == "group":
            return [nn.GroupNorm(max(g for g in (1, 2, 4, 8) if c % g == 0), c)]
        return []

    def block(i, o):
        first = [nn.Conv2d(i, o, 3, padding=1), *norm_of(o), nn.ReLU()]
        return nn.Sequential(*first, nn.Conv2d(o, o, 3, padding=1), *norm_of(o), nn.ReLU())

    class Down(nn.Module):
        def __init__(self, i, o):
            super().__init__()
            self.conv = block(i, o)

        def forward(self, x):
            features = self.conv(x)
            return torch.max_pool2d(features, 2), features

    class Up(nn.Module):
        def __init__(self, i, skip, o):
            super().__init__()
            self.up = nn.ConvTranspose2d(i, i, 2, stride=2)
            self.conv = block(i + skip, o)

        def forward(self, x, skip):
            x = self.up(x)
            return self.conv(torch.cat([x, skip], dim=1) if skips else x)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            levels = list(zip((in_channels, *channels), channels, strict=False))
            self.encoder = nn.Module()
            self.encoder.levels = nn.ModuleList([Down(i, o) for i, o in levels])
            self.bottleneck = block(channels[-1], channels[-1])
            outs = [*channels[-2::-1], channels[0]]
            ups = zip(reversed(channels), outs, strict=True)
            self.decoder = nn.ModuleList([Up(c, c if skips else 0, o) for c, o in ups])
            self.output = nn.Conv2d(channels[0], out_channels, 1)

        def forward(self, x):
            kept = []
            for level in self.encoder.levels:
                x, features = level(x)
                kept.append(features)
            x = self.bottleneck(x)
            for level in self.decoder:
                x = level(x, kept.pop())
            return self.output(x)

    return UNet()
