"""`agree`: the same function in tinyunet and in PyTorch, its value and every gradient compared."""

import importlib
import warnings

import numpy as np

import tinyunet
import tinyunet.functional

TOLERANCE = {np.float64: 1e-8, np.float32: 1e-4, np.float16: 2e-3}  # relative to the largest element

# The same values in other memory layouts: what slicing, flipping and transposing leave behind.
LAYOUTS = {
    "contiguous": lambda a: np.array(a, order="C"),
    "fortran": lambda a: np.array(a, order="F"),
    "channels first": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1) if a.ndim > 1 else a,
    "flipped": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1] if a.ndim else a,
    "sliced": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
}


class Torch:
    """`torch.nn.functional` and `torch` under one name, as `tinyunet.functional` is."""

    def __getattr__(self, name):
        rooms = (importlib.import_module(room) for room in ("torch.nn.functional", "torch"))
        return next(getattr(room, name) for room in rooms if hasattr(room, name))


def constant(F, array, like):
    """A Tensor without gradient, of the library that F belongs to and of the dtype of `like`."""
    return (tinyunet.tensor if F is tinyunet.functional else F.tensor)(array, dtype=like.dtype)


def _parts(result):
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _cast(array, dtype):
    """An own copy; floating point in `dtype`, indices and masks as they are."""
    return np.array(array, dtype=dtype if np.asarray(array).dtype.kind == "f" else None)


def ours(function, arrays, settings, dtype, layout="contiguous", cotangent=None):
    """(value, further results…, gradients…) of `function` in tinyunet; `cotangent` makes dy of a shape and a dtype."""
    laid_out = tinyunet.differentiable(lambda x: (LAYOUTS[layout](x), lambda dy: LAYOUTS[layout](dy)))
    arrays = [a if a is None else _cast(a, dtype) for a in arrays]
    leaves = [a if a is None else tinyunet.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y, *others = _parts(function(tinyunet.functional, *[x if x is None else laid_out(x) for x in leaves], **settings))
    laid_out(y).backward((cotangent or _cotangent)(y.shape, dtype))
    return [x.numpy() for x in (y, *others, *_gradients(leaves))]


def theirs(function, arrays, settings, dtype, cotangent=None):
    """The same in PyTorch."""
    import torch

    leaves = [a if a is None else torch.tensor(_cast(a, dtype)) for a in arrays]
    for x in leaves:
        if x is not None and x.is_floating_point():
            x.requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its advice on speed
        y, *others = _parts(function(Torch(), *leaves, **settings))
    y.backward(torch.tensor((cotangent or _cotangent)(tuple(y.shape), dtype)))
    return [x.detach().numpy() for x in (y, *others, *_gradients(leaves))]


def _cotangent(shape, dtype):
    return np.asarray(np.random.default_rng(1).standard_normal(shape), dtype)


def _gradients(leaves):
    return [x.grad for x in leaves if x is not None and x.requires_grad and x.grad is not None]


def close(a, b, dtype=np.float64, what="value"):
    """`a` is `b` up to rounding: shape, dtype, infinities, and every element relative to the largest (or to 0.1)."""
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    largest = np.max(np.abs(b), where=np.isfinite(b), initial=0.1)
    np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * largest, err_msg=what)


def agree(function, *arrays, dtypes=(np.float64, np.float32), layout="contiguous", **settings):
    """Assert that `function(F, *tensors, **settings)` gives the same in both, for a random upstream gradient.

    `function` may be the name of an operation. Arrays of floating point are differentiated; None is passed on.
    """
    name = function
    call = (lambda F, *x, **kw: getattr(F, name)(*x, **kw)) if isinstance(function, str) else function
    for dtype in dtypes:
        got, expected = ours(call, arrays, settings, dtype, layout), theirs(call, arrays, settings, dtype)
        assert len(got) == len(expected), "which arguments have a gradient"
        gradients = sum(a is not None and np.asarray(a).dtype.kind == "f" for a in arrays)
        for i, (a, b) in enumerate(zip(got, expected, strict=True), gradients - len(got)):
            close(a, b, dtype, f"gradient {i}" if i >= 0 else "result")
