"""One 3×3 convolution layer in one of the libraries that have one, in a process of its own.

A peer takes x (N, C, H, W), w (O, C, 3, 3), b (O,) and dy (N, O, H, W), and returns its version and a function without
arguments: one forward and backward pass, padding 1, that returns y, dx, dw, db.
"""

import os
import shutil
import sys
from functools import partial

import numpy as np

from tests.benchmarks import obvious
from tests.benchmarks.report import numpy_version, torch_version
from tests.benchmarks.turns import serve


def tinyunet(x, w, b, dy):
    import tinyunet
    import tinyunet.functional as F

    leaves = [tinyunet.tensor(a, requires_grad=True) for a in (x, w, b)]

    def step():
        for leaf in leaves:
            leaf.grad = None
        y = F.conv2d(*leaves, padding=1)
        y.backward(dy)
        return y, *(leaf.grad for leaf in leaves)

    return f"tinyunet {tinyunet.__version__}", step


def pytorch(x, w, b, dy):
    import torch

    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    dy = torch.tensor(dy)

    def step():
        y = torch.nn.functional.conv2d(*leaves, padding=1)
        return y.detach(), *torch.autograd.grad(y, leaves, dy)

    return torch_version(), step


def jax(x, w, b, dy):
    import jax

    jax.config.update("jax_platforms", "cpu")

    def conv2d(x, w, b):
        return jax.lax.conv_general_dilated(x, w, (1, 1), [(1, 1), (1, 1)]) + b[:, None, None]

    @jax.jit
    def layer(x, w, b, dy):
        y, backward = jax.vjp(conv2d, x, w, b)
        return y, *backward(dy)

    arrays = [jax.device_put(a) for a in (x, w, b, dy)]
    return f"JAX {jax.__version__}, jitted", lambda: jax.block_until_ready(layer(*arrays))


def mygrad(x, w, b, dy):
    import mygrad
    from mygrad.nnet.layers import conv_nd

    x, w, b = leaves = [mygrad.tensor(a) for a in (x, w, b)]

    def step():
        y = conv_nd(x, w, stride=1, padding=1) + b.reshape(-1, 1, 1)
        y.backward(dy)
        return y, *(leaf.grad for leaf in leaves)

    return f"MyGrad {mygrad.__version__}", step


def autograd(x, w, b, dy):
    from importlib.metadata import version

    import autograd.numpy as anp
    from autograd import make_vjp
    from autograd.scipy.signal import convolve

    def conv2d(leaves):
        x, w, b = leaves
        x = anp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), "constant")
        turned = w[:, :, ::-1, ::-1]  # what mathematics calls a convolution turns it back
        return convolve(x, turned, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid") + b[:, None, None]

    def step():
        backward, y = make_vjp(conv2d)((x, w, b))
        return y, *backward(dy)

    return f"autograd {version('autograd')}", step


def tinygrad(x, w, b, dy):
    from importlib.metadata import version

    from tinygrad import Device, Tensor, TinyJit

    if not shutil.which(os.environ.get("CC", "clang")):
        raise ModuleNotFoundError(name="clang")  # it compiles its kernels with it
    x, w, b, dy = (Tensor(a, device="CPU").realize() for a in (x, w, b, dy))

    @TinyJit
    def layer():
        y = x.conv2d(w, b, padding=1)
        return tuple(a.realize() for a in (y, *y.gradient(x, w, b, gradient=dy)))

    def step():
        results = layer()
        Device["CPU"].synchronize()
        return results

    for _ in range(2):  # the first call compiles the kernels, the second records them
        step()
    return f"tinygrad {version('tinygrad')}, CPU, jitted", step


def numpy_ml(x, w, b, dy):
    import collections
    from collections.abc import Hashable
    from importlib.metadata import version

    collections.Hashable = Hashable  # it was written for Python 3.9, where both names were right
    from numpy_ml.neural_nets.layers import Conv2D

    layer = Conv2D(len(w), w.shape[2:], pad=1)
    layer.in_ch = x.shape[1]
    layer._init_params()
    layer.parameters.update(W=w.transpose(2, 3, 1, 0), b=b.reshape(1, 1, 1, -1))
    x, dy = (a.transpose(0, 2, 3, 1) for a in (x, dy))  # it has channels last

    def step():
        layer.flush_gradients()
        y, dx = layer.forward(x), layer.backward(dy)
        dw, db = layer.gradients["W"], layer.gradients["b"]
        return y.transpose(0, 3, 1, 2), dx.transpose(0, 3, 1, 2), dw.transpose(3, 2, 0, 1), db.ravel()

    return f"numpy-ml {version('numpy-ml')}", step


def numba(x, w, b, dy):
    import numba

    @numba.njit(parallel=True)
    def layer(x, w, b, dy):
        (N, C, H, W), (O, _, kh, kw) = x.shape, w.shape
        y, dx, dw, db = np.empty_like(dy), np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
        for o in numba.prange(O):  # threads write to channels of their own
            for n in range(N):
                for i in range(H):
                    for j in range(W):
                        total = b[o]
                        db[o] += dy[n, o, i, j]
                        for c in range(C):
                            for u in range(max(0, 1 - i), min(kh, H + 1 - i)):
                                for v in range(max(0, 1 - j), min(kw, W + 1 - j)):
                                    total += w[o, c, u, v] * x[n, c, i + u - 1, j + v - 1]
                                    dw[o, c, u, v] += dy[n, o, i, j] * x[n, c, i + u - 1, j + v - 1]
                        y[n, o, i, j] = total
        for c in numba.prange(C):
            for n in range(N):
                for o in range(O):
                    for i in range(H):
                        for j in range(W):
                            for u in range(max(0, 1 - i), min(kh, H + 1 - i)):
                                for v in range(max(0, 1 - j), min(kw, W + 1 - j)):
                                    dx[n, c, i + u - 1, j + v - 1] += w[o, c, u, v] * dy[n, o, i, j]
        return y, dx, dw, db

    return f"the loops, compiled by Numba {numba.__version__}", partial(layer, x, w, b, dy)


def plain_numpy(conv2d, title, x, w, b, dy):
    def step():
        y, backward = conv2d(x, w, b, padding=1)
        return y, *backward(dy)

    return f"NumPy: {title}", step


PEERS = {
    "PyTorch": pytorch,
    "tinyunet": tinyunet,
    "JAX": jax,
    "MyGrad": mygrad,
    "tinygrad": tinygrad,
    "sliding windows": partial(plain_numpy, obvious.conv2d, "sliding_window_view"),
    "Numba": numba,
    "numpy-ml": numpy_ml,
    "index arrays": partial(plain_numpy, obvious.indexed_conv2d, "index arrays (as in CS231n)"),
    "autograd": autograd,  # the slowest last, so that the others are next to each other
}


def main(name, path):
    """Write what the peer computes to `path`, and measure it on request."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((4, 128, 32, 32), np.float32) for _ in range(2))
    w, b = rng.standard_normal((128, 128, 3, 3), np.float32), rng.standard_normal(128, np.float32)
    try:
        version, step = PEERS[name](x, w, b, dy)
    except ModuleNotFoundError as error:
        serve({}, missing=error.name)
        return
    results = [a.numpy() if hasattr(a, "numpy") else np.asarray(a) for a in step()]
    np.savez(path, **dict(zip(("y", "dx", "dw", "db"), results, strict=True)))
    serve({"layer": step}, version=version, numpy=numpy_version())


if __name__ == "__main__":
    main(*sys.argv[1:])
