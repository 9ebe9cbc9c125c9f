"""The windowed operations as they are commonly written in NumPy, each with its backward: nothing here is tinyunet's."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv2d(x, w, b, padding=0):
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


def indexed_conv2d(x, w, b, padding=0):
    """The same with arrays of indices, as it is taught in courses: `np.add.at`, because a pixel is in many windows."""
    N, C, H, W = x.shape
    O, _, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    Ho, Wo = H + 2 * padding - kh + 1, W + 2 * padding - kw + 1
    c, u, v = (index.reshape(-1, 1) for index in np.indices((C, kh, kw)))
    i, j = (index.reshape(1, -1) for index in np.indices((Ho, Wo)))
    seen = slice(None), c, u + i, v + j  # (N, C·kh·kw, Ho·Wo)
    columns = padded[seen].transpose(1, 2, 0).reshape(C * kh * kw, -1)
    y = (w.reshape(O, -1) @ columns + b[:, None]).reshape(O, Ho, Wo, N).transpose(3, 0, 1, 2)

    def backward(dy):
        dy = dy.transpose(1, 2, 3, 0).reshape(O, -1)
        dw = (dy @ columns.T).reshape(w.shape)
        dx = np.zeros_like(padded)
        np.add.at(dx, seen, (w.reshape(O, -1).T @ dy).reshape(C * kh * kw, -1, N).transpose(2, 0, 1))
        return dx[:, :, padding : padding + H, padding : padding + W], dw, dy.sum(1)

    return y, backward


def up(x, w, b):
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


def max_pool2d(x):
    """2×2: the windows side by side, and argmax."""
    N, C, H, W = x.shape
    windows = x.reshape(N, C, H // 2, 2, W // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, C, H // 2, W // 2, 4)
    index = windows.argmax(-1)[..., None]

    def backward(dy):
        dx = np.zeros_like(windows)
        np.put_along_axis(dx, index, dy[..., None], -1)
        return dx.reshape(N, C, H // 2, W // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)

    return np.take_along_axis(windows, index, -1)[..., 0], backward


def avg_pool2d(x):
    """2×2 means."""
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean((3, 5)), lambda dy: dy.repeat(2, 2).repeat(2, 3) / 4


def batch_norm(x, weight, bias):
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
