"""The conditional U-Net once more, in PyTorch, with the same names: the two exchange weights through `state_dict`."""


def make(in_channels, out_channels, channels, width, attends=(), classes=None, words=None, heads=4):
    """A `torch.nn.Module` with the keys and shapes of `ConditionalUNet` (nothing of which is used here).

    classes is their number; words is (n, length, context).
    """
    import torch
    from torch import nn
    from torch.nn import functional as F

    context = words[2] if words else 0

    def norm(c):
        return nn.GroupNorm(max(g for g in (1, 2, 4, 8) if c % g == 0), c)

    class Block(nn.Module):
        def __init__(self, i, o):
            super().__init__()
            self.norm1, self.norm2 = norm(i), norm(o)
            self.conv1, self.conv2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)
            self.told = nn.Linear(width, 2 * o)
            self.skip = nn.Conv2d(i, o, 1) if i != o else nn.Identity()

        def forward(self, x, e):
            told = self.told(e)
            half = told.shape[1] // 2
            y = self.norm2(self.conv1(F.silu(self.norm1(x))))
            y = torch.einsum("nchw,nc->nchw", y, 1 + told[:, :half]) + told[:, half:, None, None]
            return self.skip(x) + self.conv2(F.silu(y))

    class Attention(nn.Module):
        def __init__(self, c, context):
            super().__init__()
            self.cross, self.norm = context > 0, norm(c)
            self.query = nn.Linear(c, c, bias=False)
            self.key, self.value = (nn.Linear(context or c, c, bias=False) for _ in range(2))
            self.out = nn.Linear(c, c)

        def forward(self, x, words):
            n, c, h, w = x.shape
            seen = self.norm(x).permute(0, 2, 3, 1).reshape(n, h * w, c)
            known = words if self.cross else seen
            seen, known = seen.transpose(0, 1), known.transpose(0, 1)  # (L, N, C), as it is written
            y, _ = F.multi_head_attention_forward(
                seen, known, known, c, heads, None, None, None, None, False, 0.0, self.out.weight, self.out.bias,
                need_weights=False, use_separate_proj_weight=True, q_proj_weight=self.query.weight,
                k_proj_weight=self.key.weight, v_proj_weight=self.value.weight,
            )  # fmt: skip
            return x + y.permute(1, 2, 0).reshape(n, c, h, w)

    class Level(nn.Module):
        def __init__(self, i, o, look):
            super().__init__()
            self.block = Block(i, o)
            self.attention = nn.ModuleList(
                [Attention(o, c) for c in ([0, context] if context else [0])] if look else []
            )

        def forward(self, x, e, words):
            x = self.block(x, e)
            for attention in self.attention:
                x = attention(x, words)
            return x

    class Classes(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(classes + 1, width)

        def forward(self, c):
            return self.table(c), None

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            n, length, context = words
            self.words, self.places = nn.Embedding(n + 1, context), nn.Embedding(length, context)
            self.work = nn.Sequential(nn.Linear(context, 2 * context), nn.SiLU(), nn.Linear(2 * context, context))
            self.sense = nn.Linear(context, width)

        def forward(self, c):
            y = self.words(c) + self.places.weight[: c.shape[1]]
            y = y + self.work(y)
            return self.sense(y.sum(1)), y

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.condition = Classes() if classes else Words() if words else None
            self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            self.input = nn.Conv2d(in_channels, channels[0], 3, padding=1)
            depth = len(channels)
            self.down = nn.ModuleList([Level(channels[max(k - 1, 0)], channels[k], k in attends) for k in range(depth)])
            self.middle = Level(channels[-1], channels[-1], True)
            ups = [(channels[min(k + 1, depth - 1)] + channels[k], channels[k], k in attends) for k in range(depth)]
            self.up = nn.ModuleList([Level(*up) for up in ups[::-1]])
            self.norm = norm(channels[0])
            self.output = nn.Conv2d(channels[0], out_channels, 3, padding=1)

        def forward(self, x, t, c=None):
            fast = 10000.0 ** -(torch.arange(width // 2, dtype=x.dtype) / (width // 2))
            angle = torch.outer(t.to(x.dtype), fast)
            e, words = self.time(torch.cat([angle.cos(), angle.sin()], 1)), None
            if c is not None:
                vector, words = self.condition(c)
                e = e + vector
            e, x, kept = F.silu(e), self.input(x), []
            for k, level in enumerate(self.down):
                x = level(F.avg_pool2d(x, 2) if k else x, e, words)
                kept.append(x)
            x = self.middle(x, e, words)
            for k, level in enumerate(self.up):
                x = F.interpolate(x, scale_factor=2, mode="nearest") if k else x
                x = level(torch.cat([x, kept.pop()], 1), e, words)
            return self.output(F.silu(self.norm(x)))

    return UNet()
