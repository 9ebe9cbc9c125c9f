"""Every windowed operation, forward and backward, against the obvious way to write it in NumPy.

    python -m tests.benchmarks.operations

Both run in this process in turns, on feature maps as the U-Net has them; the medians of the rounds are compared.
"""

import time

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinyunet.ops.conv import conv2d, conv_transpose2d
from tinyunet.ops.norm import batch_norm
from tinyunet.ops.pool import avg_pool2d, max_pool2d


def obvious_conv2d(x, w, b, padding=0):
    """im2col of the whole batch, one matrix product; col2im for dx."""
    N, C, H, W = x.shape
    O, _, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, (kh, kw), axis=(2, 3))  # (N, C, Ho, Wo, kh, kw)
    Ho, Wo = windows.shape[2:4]
    columns = windows.transpose(1, 4, 5, 0, 2, 3).reshape(C * kh * kw, -1)
    y = (w.reshape(O, -1) @ columns + b[:, None]).reshape(O, N, Ho, Wo).transpose(1, 0, 2, 3)

    def backward(dy):
        dy = dy.transpose(1, 0, 2, 3).reshape(O, -1)
        dw = (dy @ columns.T).reshape(w.shape)
        dcolumns = (w.reshape(O, -1).T @ dy).reshape(C, kh, kw, N, Ho, Wo)
        dx = np.zeros_like(padded)
        for u in range(kh):
            for v in range(kw):
                dx[:, :, u : u + Ho, v : v + Wo] += dcolumns[:, u, v].transpose(1, 0, 2, 3)
        return dx[:, :, padding : padding + H, padding : padding + W], dw, dy.sum(1)

    return y, backward


def obvious_up(x, w, b):
    """2×2 transposed convolution with stride 2: every pixel becomes a block."""
    N, _, H, W = x.shape
    O = w.shape[1]
    y = np.einsum("nchw,couv->nohuwv", x, w, optimize=True).reshape(N, O, 2 * H, 2 * W) + b[:, None, None]

    def backward(dy):
        blocks = dy.reshape(N, O, H, 2, W, 2)
        dx = np.einsum("nohuwv,couv->nchw", blocks, w, optimize=True)
        dw = np.einsum("nchw,nohuwv->couv", x, blocks, optimize=True)
        return dx, dw, dy.sum((0, 2, 3))

    return y, backward


def obvious_max_pool2d(x):
    """2×2: the windows side by side, and argmax."""
    N, C, H, W = x.shape
    windows = x.reshape(N, C, H // 2, 2, W // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H // 2, W // 2, 4)
    index = windows.argmax(-1)[..., None]

    def backward(dy):
        dx = np.zeros_like(windows)
        np.put_along_axis(dx, index, dy[..., None], -1)
        return dx.reshape(N, C, H // 2, W // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)

    return np.take_along_axis(windows, index, -1)[..., 0], backward


def obvious_avg_pool2d(x):
    """2×2 means."""
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean((3, 5)), lambda dy: dy.repeat(2, 2).repeat(2, 3) / 4


def obvious_batch_norm(x, weight, bias):
    """The formulas as they stand in the paper."""
    axes, m = (0, 2, 3), x.size // x.shape[1]
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    s = np.sqrt(var + 1e-5)
    normal = (x - mean) / s

    def backward(dy):
        dn = dy * weight[:, None, None]
        dx = (dn - dn.sum(axes, keepdims=True) / m - normal * (dn * normal).sum(axes, keepdims=True) / m) / s
        return dx, (dy * normal).sum(axes), dy.sum(axes)

    return normal * weight[:, None, None] + bias[:, None, None], backward


def all_gradients(backward, dy):
    """Run a backward, and what it left for later."""
    gradients = backward(dy)
    return [g() if callable(g) else g for g in (gradients if isinstance(gradients, tuple) else (gradients,))]


def compare(what, ours, obvious, x, rounds=15):
    """Print one line: milliseconds of both, forward and backward together, and the ratio."""
    dy = np.random.default_rng(1).standard_normal(obvious(x)[0].shape).astype(np.float32)
    layouts = [np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1) for a in (x, dy)]  # as the U-Net hands them on
    times = [[], []]
    for k in range(rounds + 2):
        for side, (function, (a, g)) in enumerate(((ours, layouts), (obvious, (x, dy)))):
            began = time.perf_counter()
            _, backward = function(a)
            all_gradients(backward, g)
            if k >= 2:
                times[side].append(time.perf_counter() - began)
    a, b = (np.median(t) * 1e3 for t in times)
    print(f"{what:34} {a:8.2f} {b:8.2f} {a / b:6.2f}")


def measure(N, C, H):
    """All operations on feature maps (N, C, H, H)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, H, H), np.float32)
    w3, w1 = (rng.standard_normal((C, C, k, k), np.float32) for k in (3, 1))
    w2, b = rng.standard_normal((C, C // 2, 2, 2), np.float32), rng.standard_normal(C, np.float32)
    half = b[: C // 2]
    conv, up, bn = (op.__wrapped__ for op in (conv2d, conv_transpose2d, batch_norm))
    top, mean = (op.__wrapped__ for op in (max_pool2d, avg_pool2d))
    for what, ours, obvious in (
        ("conv2d 3×3", lambda x: conv(x, w3, b, padding=1), lambda x: obvious_conv2d(x, w3, b, 1)),
        ("conv2d 1×1", lambda x: conv(x, w1, b), lambda x: obvious_conv2d(x, w1, b)),
        ("conv_transpose2d 2×2", lambda x: up(x, w2, half, stride=2), lambda x: obvious_up(x, w2, half)),
        ("max_pool2d 2×2", lambda x: top(x, 2), obvious_max_pool2d),
        ("avg_pool2d 2×2", lambda x: mean(x, 2), obvious_avg_pool2d),
        ("batch_norm", lambda x: bn(x, None, None, b, b, training=True), lambda x: obvious_batch_norm(x, b, b)),
    ):
        compare(f"{what}  {N}×{C}×{H}×{H}", ours, obvious, x)


def main():
    """Three sizes of feature maps."""
    print(f"{'forward and backward, ms':34} {'ours':>8} {'obvious':>8}  ratio")
    for shape in ((8, 16, 64), (8, 64, 16), (1, 64, 128)):
        measure(*shape)


if __name__ == "__main__":
    main()
