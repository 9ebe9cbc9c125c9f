"""Denoising diffusion of small pictures, as PyTorch tutorials write it."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader


def pictures(n=32, size=8, seed=0):
    """A bright square somewhere, between −1 and 1."""
    rng = np.random.default_rng(seed)
    x = -np.ones((n, 1, size, size), np.float32)
    for image in x:
        r, c = rng.integers(0, size - 3, 2)
        image[0, r : r + 4, c : c + 4] = 1
    return x


def linear_beta_schedule(timesteps):
    beta_start = 0.001
    beta_end = 0.2
    return torch.linspace(beta_start, beta_end, timesteps)


def extract(a, t, x_shape):
    batch_size = t.shape[0]
    out = a.gather(-1, t.cpu())
    return out.reshape(batch_size, *((1,) * (len(x_shape) - 1))).to(t.device)


class Diffusion:
    def __init__(self, timesteps=20, img_size=8, device="cpu"):
        self.timesteps, self.img_size, self.device = timesteps, img_size, device
        self.betas = linear_beta_schedule(timesteps).to(device)
        self.alphas = 1.0 - self.betas
        self.alphas_cumprod = torch.cumprod(self.alphas, dim=0)
        self.alphas_cumprod_prev = F.pad(self.alphas_cumprod[:-1], (1, 0), value=1.0)
        self.sqrt_recip_alphas = torch.sqrt(1.0 / self.alphas)
        self.posterior_variance = self.betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    def sample_timesteps(self, n):
        return torch.randint(low=0, high=self.timesteps, size=(n,), device=self.device).long()

    def q_sample(self, x_start, t, noise=None):
        if noise is None:
            noise = torch.randn_like(x_start)
        sqrt_alpha_hat = torch.sqrt(self.alphas_cumprod[t])[:, None, None, None]
        sqrt_one_minus_alpha_hat = extract(torch.sqrt(1.0 - self.alphas_cumprod), t, x_start.shape)
        return sqrt_alpha_hat * x_start + sqrt_one_minus_alpha_hat * noise

    def p_losses(self, denoise_model, x_start, t, noise=None):
        if noise is None:
            noise = torch.randn_like(x_start)
        x_noisy = self.q_sample(x_start=x_start, t=t, noise=noise)
        predicted_noise = denoise_model(x_noisy, t)
        return F.mse_loss(noise, predicted_noise)

    @torch.no_grad()
    def p_sample(self, model, x, t, t_index):
        betas_t = extract(self.betas, t, x.shape)
        one_minus = extract(1.0 - self.alphas_cumprod, t, x.shape)
        model_mean = extract(self.sqrt_recip_alphas, t, x.shape) * (x - betas_t * model(x, t) / one_minus.sqrt())
        if t_index == 0:
            return model_mean
        noise = torch.randn_like(x)
        return model_mean + torch.sqrt(extract(self.posterior_variance, t, x.shape)) * noise

    @torch.no_grad()
    def sample(self, model, n):
        model.eval()
        img = torch.randn((n, 1, self.img_size, self.img_size), device=self.device)
        for i in reversed(range(0, self.timesteps)):
            t = torch.full((n,), i, device=self.device, dtype=torch.long)
            img = self.p_sample(model, img, t, i)
        model.train()
        img = (img.clamp(-1, 1) + 1) / 2
        return (img * 255).type(torch.uint8)


class SinusoidalPositionEmbeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        device = time.device
        half_dim = self.dim // 2
        embeddings = math.log(10000) / (half_dim - 1)
        embeddings = torch.exp(torch.arange(half_dim, device=device) * -embeddings)
        embeddings = time[:, None] * embeddings[None, :]
        return torch.cat((embeddings.sin(), embeddings.cos()), dim=-1)


class Block(nn.Module):
    def __init__(self, in_ch, out_ch, time_emb_dim, up=False):
        super().__init__()
        self.time_mlp = nn.Linear(time_emb_dim, 2 * out_ch)
        self.conv1 = nn.Conv2d(2 * in_ch if up else in_ch, out_ch, 3, padding=1)
        self.norm = nn.GroupNorm(4, out_ch)
        self.conv2 = nn.Conv2d(out_ch, out_ch, 3, padding=1)
        self.act = nn.SiLU()
        self.res = nn.Conv2d(2 * in_ch if up else in_ch, out_ch, 1) if up or in_ch != out_ch else nn.Identity()

    def forward(self, x, t):
        h = self.norm(self.conv1(x))
        scale, shift = self.act(self.time_mlp(t))[(...,) + (None,) * 2].chunk(2, dim=1)
        h = h * (scale + 1) + shift
        return self.conv2(self.act(h)) + self.res(x)


class SelfAttention(nn.Module):
    def __init__(self, channels, heads=2):
        super().__init__()
        self.heads = heads
        self.ln = nn.LayerNorm([channels])
        self.qkv = nn.Linear(channels, 3 * channels)
        self.ff = nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, channels))

    def forward(self, x):
        b, c, h, w = x.shape
        y = x.view(b, c, h * w).permute(0, 2, 1)
        q, k, v = self.qkv(self.ln(y)).chunk(3, dim=-1)
        q, k, v = (z.view(b, h * w, self.heads, c // self.heads).transpose(1, 2) for z in (q, k, v))
        weights = ((q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5).softmax(dim=-1)
        y = y + (weights @ v).transpose(1, 2).reshape(b, h * w, c)
        y = self.ff(y) + y
        return y.permute(0, 2, 1).contiguous().view(b, c, h, w)


class SimpleUnet(nn.Module):
    def __init__(self, ch=8, time_emb_dim=16):
        super().__init__()
        self.time_mlp = nn.Sequential(
            SinusoidalPositionEmbeddings(time_emb_dim), nn.Linear(time_emb_dim, time_emb_dim), nn.ReLU()
        )
        self.conv0 = nn.Conv2d(1, ch, 3, padding=1)
        self.down1 = Block(ch, ch, time_emb_dim)
        self.pool1 = nn.Conv2d(ch, 2 * ch, 4, 2, 1)
        self.mid = Block(2 * ch, 2 * ch, time_emb_dim)
        self.attention = SelfAttention(2 * ch)
        self.upsample = nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(2 * ch, ch, 3, padding=1))
        self.up1 = Block(ch, ch, time_emb_dim, up=True)
        self.out = nn.Conv2d(ch, 1, 1)

    def forward(self, x, timestep):
        t = self.time_mlp(timestep)
        x = self.conv0(x)
        skip = self.down1(x, t)
        x = self.attention(self.mid(self.pool1(skip), t))
        x = self.up1(torch.cat((self.upsample(x), skip), dim=1), t)
        return self.out(x)


class EMA:
    """Written out, as tutorials have it."""

    def __init__(self, beta):
        self.beta = beta

    def update_model_average(self, ma_model, current_model):
        for current_params, ma_params in zip(current_model.parameters(), ma_model.parameters()):
            old_weight, up_weight = ma_params.data, current_params.data
            ma_params.data = self.update_average(old_weight, up_weight)

    def update_average(self, old, new):
        return old * self.beta + (1 - self.beta) * new

    @torch.no_grad()
    def step_in_place(self, ma_model, current_model):
        for p_ema, p in zip(ma_model.parameters(), current_model.parameters()):
            p_ema.mul_(self.beta).add_(p, alpha=1 - self.beta)


def averages(model, beta=0.9):
    """The three ways in which tutorials keep an average of the weights."""
    by_data, in_place = (copy.deepcopy(model).eval().requires_grad_(False) for _ in range(2))
    by_torch = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(beta))
    by_torch.update_parameters(model)  # the first time it copies
    return by_data, in_place, by_torch


def main(epochs=10):
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    loader = DataLoader(torch.from_numpy(pictures()), batch_size=8, shuffle=True, drop_last=True)
    diffusion = Diffusion(device=device)
    model = SimpleUnet().to(device)
    optimizer = AdamW(model.parameters(), lr=3e-3)
    ema = EMA(0.9)
    by_data, in_place, by_torch = averages(model)
    history = []
    for epoch in range(epochs):
        for step, batch in enumerate(loader):
            optimizer.zero_grad()
            images = batch.to(device)
            t = diffusion.sample_timesteps(images.shape[0])
            loss = diffusion.p_losses(model, images, t)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            ema.update_model_average(by_data, model)
            ema.step_in_place(in_place, model)
            by_torch.update_parameters(model)
            history.append(loss.item())
            if step % 2 == 0:
                print(f"epoch {epoch} step {step:03d} MSE {loss.item():.4f}")
    images = diffusion.sample(by_torch, n=4)
    arrays = [
        np.concatenate([p.detach().cpu().numpy().ravel() for p in m.parameters()])
        for m in (by_data, in_place, by_torch.module)
    ]
    return history, images.cpu().numpy(), arrays
