"""What tinyunet leaves out of PyTorch on purpose, and what to write instead.

Whoever asks a Tensor, a Module or a room for a name of PyTorch's that is not here is told so. The answer is an
AttributeError, so that `hasattr` says no, and a name that PyTorch does not know either gets the usual one.
"""

from __future__ import annotations

import functools
import sys
from importlib import resources
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

# name → what to write here; wherever it is asked for
INSTEAD = {
    # the tape
    "autograd": "loss.backward(), then read w.grad; an operation with a backward of its own is a NumPy function under "
    "@tinyunet.differentiable; derivatives of derivatives are left out",
    "register_hook": "print or change w.grad after backward(); for the gradient in the middle of a network make that "
    "value a leaf: h = h.detach().requires_grad_()",
    "retain_grad": "make the value a leaf, h = h.detach().requires_grad_(), and pass h.grad on: y.backward(h.grad)",
    "register_forward_hook": "call the layers one by one and keep what they return, or return it from forward()",
    "register_forward_pre_hook": "change the input before you call the module",
    "register_full_backward_hook": "read the gradients of the parameters after backward()",
    "register_backward_hook": "read the gradients of the parameters after backward()",
    "grad_fn": "x.node, the operation that made x",
    "vmap": "a dimension more: every operation takes batches",
    "func": "loss.backward(), and NumPy for the rest",
    "detach_": "x = x.detach()",
    # other machines, compilers, precision, many processes
    "cuda": "nothing: tinyunet computes on the CPU alone; without .cuda(), or with .to('cpu'), the line runs",
    "xpu": "nothing: tinyunet computes on the CPU alone",
    "pin_memory": "nothing: there is no other memory to copy to",
    "compile": "nothing: the operations are NumPy's, compiled already; call the model itself",
    "jit": "nothing: call the model itself; its weights are saved with tinyunet.save(model.state_dict(), path)",
    "onnx": "tinyunet.save(model.state_dict(), path), which PyTorch can load, and export it there",
    "fx": "model.named_modules(), or for a U-Net model.trace(shape)",
    "export": "tinyunet.save(model.state_dict(), path)",
    "amp": "nothing: leave autocast and GradScaler out, float32 is the quickest on a CPU",
    "autocast": "nothing: leave it out, float32 is the quickest on a CPU",
    "GradScaler": "nothing: leave it out; float32 needs no scaling",
    "bfloat16": "float32, or float64 to check gradients",
    "quantization": "float32",
    "channels_last": "nothing: the convolutions choose their own layout",
    "sparse": "a NumPy array with its zeros",
    "complex64": "two real channels",
    "complex128": "two real channels",
    "distributed": "one process",
    "multiprocessing": "Python's own, one model in each process",
    "DataParallel": "the model itself: there is one CPU",
    "set_num_threads": "tinyunet.threads(n)",
    "get_num_threads": "tinyunet.threads()",
    # randomness
    "Generator": "numpy.random.default_rng(seed), and pass it as generator= or rng=",
    "seed": "tinyunet.manual_seed(seed)",
    "get_rng_state": "a Generator of your own: rng.bit_generator.state",
    "set_rng_state": "a Generator of your own: rng.bit_generator.state = …",
    "bernoulli": "(tinyunet.rand(shape) < p).float()",
    "normal": "mean + std * tinyunet.randn(shape)",
    "multinomial": "rng.choice(n, size, p=p) of a numpy.random.Generator",
    "normal_": "x.data = rng.normal(mean, std, x.shape), rng a numpy.random.Generator",
    "uniform_": "x.data = rng.uniform(low, high, x.shape), rng a numpy.random.Generator",
    "init": "w.data = rng.normal(0, std, w.shape), rng a numpy.random.Generator; layers begin as PyTorch's do",
    # shapes and numbers
    "einsum": "a @ b with permute and reshape around it, or (a[…] * b[…]).sum(dim)",
    "bmm": "a @ b, which takes batches",
    "mm": "a @ b",
    "tensordot": "a.reshape(…) @ b.reshape(…)",
    "swapaxes": "x.transpose(dim0, dim1)",
    "t": "x.T",
    "mT": "x.transpose(-1, -2)",
    "movedim": "x.permute(…)",
    "unbind": "[x[i] for i in range(len(x))]",
    "roll": "cat([x[-k:], x[:-k]])",
    "flip": "x[::-1], or x[..., ::-1] for the last dimension",
    "meshgrid": "numpy.meshgrid",
    "eye": "tinyunet.tensor(numpy.eye(n), tinyunet.float32)",
    "empty": "zeros",
    "empty_like": "zeros_like",
    "tril": "where(numpy.tri(n) == 0, 0, x)",
    "triu": "where(numpy.tri(n, k=-1) == 1, 0, x)",
    "index_select": "x[:, index]",
    "scatter_": "x[index] = values inside `with no_grad():`, or where(mask, values, x)",
    "scatter": "where(mask, values, x)",
    "masked_fill": "where(mask, value, x)",
    "masked_fill_": "x = where(mask, value, x)",
    "masked_select": "x[mask]",
    "nonzero": "numpy.argwhere(x.numpy())",
    "topk": "i = numpy.argsort(-x.numpy(), dim), of which take the first k; then x.gather(dim, i)",
    "sort": "x.gather(dim, numpy.argsort(x.numpy(), dim))",
    "argsort": "numpy.argsort(x.numpy(), dim)",
    "unique": "numpy.unique(x.numpy())",
    "bincount": "numpy.bincount(x.numpy())",
    "isnan": "numpy.isnan(x.numpy())",
    "isinf": "numpy.isinf(x.numpy())",
    "isfinite": "numpy.isfinite(x.numpy())",
    "allclose": "numpy.allclose(a.numpy(), b.numpy())",
    "equal": "numpy.array_equal(a.numpy(), b.numpy())",
    "round": "numpy.round(x.numpy())",
    "floor": "numpy.floor(x.numpy())",
    "ceil": "numpy.ceil(x.numpy())",
    "sign": "numpy.sign(x.numpy())",
    "cumsum": "numpy.cumsum(x.numpy(), dim), or with a gradient tinyunet.tensor(numpy.tri(n), x.dtype) @ x",
    "prod": "x.cumprod(0)[-1], or x.cumprod(-1)[..., -1] for the last dimension",
    "norm": "(x * x).sum().sqrt()",
    "square": "x * x",
    "rsqrt": "1 / x.sqrt()",
    "reciprocal": "1 / x",
    "amax": "x.max(dim).values",
    "amin": "x.min(dim).values",
    "maximum": "where(a > b, a, b)",
    "minimum": "where(a < b, a, b)",
    "logsumexp": "m + (x - m).exp().sum(dim, keepdim=True).log(), m = x.max(dim, keepdim=True).values",
    "median": "numpy.median(x.numpy()), which of two in the middle takes the mean",
    "lerp": "a + weight * (b - a)",
    "FloatTensor": "tinyunet.tensor(data)",
    "LongTensor": "tinyunet.tensor(data, dtype=tinyunet.long)",
    "is_cuda": "nothing: it would be False",
    # layers and functions
    "LSTM": "a loop over the time steps, of Linear, sigmoid and tanh",
    "GRU": "a loop over the time steps, of Linear, sigmoid and tanh",
    "RNN": "a loop over the time steps, of Linear and tanh",
    "Transformer": "Linear, LayerNorm and F.scaled_dot_product_attention",
    "TransformerEncoder": "Linear, LayerNorm and F.scaled_dot_product_attention",
    "TransformerEncoderLayer": "Linear, LayerNorm and F.scaled_dot_product_attention",
    "TransformerDecoder": "Linear, LayerNorm and F.scaled_dot_product_attention",
    "TransformerDecoderLayer": "Linear, LayerNorm and F.scaled_dot_product_attention",
    "MultiheadAttention": "three Linear layers, reshape to heads, F.scaled_dot_product_attention",
    "Conv1d": "Conv2d with kernel (1, k), on x[:, :, None]",
    "conv1d": "conv2d with a kernel of height 1, on x[:, :, None]",
    "Conv3d": "Conv2d: tinyunet is about pictures",
    "conv3d": "conv2d: tinyunet is about pictures",
    "BatchNorm3d": "BatchNorm1d on x.flatten(2)",
    "InstanceNorm2d": "GroupNorm with as many groups as channels",
    "instance_norm": "group_norm with as many groups as channels",
    "adaptive_avg_pool2d": "x.mean((2, 3), keepdim=True) for size 1, avg_pool2d else",
    "AdaptiveMaxPool2d": "MaxPool2d",
    "MaxUnpool2d": "Upsample or ConvTranspose2d",
    "Dropout2d": "Dropout",
    "dropout2d": "dropout",
    "ZeroPad2d": "F.pad(x, (left, right, top, bottom))",
    "ReflectionPad2d": "F.pad(x, (left, right, top, bottom), mode='reflect')",
    "Unflatten": "x.reshape(…)",
    "Unfold": "F.unfold",
    "Fold": "F.fold",
    "ELU": "LeakyReLU or GELU",
    "elu": "leaky_relu or gelu",
    "PReLU": "LeakyReLU",
    "Hardtanh": "x.clamp(-1, 1)",
    "Softplus": "x.relu() + (1 + (-x.abs()).exp()).log()",
    "softplus": "x.relu() + (1 + (-x.abs()).exp()).log()",
    "ModuleDict": "setattr(self, name, module), or add_module(name, module)",
    "ParameterList": "setattr(self, f'w{i}', nn.Parameter(…))",
    "one_hot": "index[..., None] == numpy.arange(classes), then .float()",
    "normalize": "x / (x * x).sum(dim, keepdim=True).sqrt()",
    "grid_sample": "tinyunet.data's augmentations, which work on arrays",
    # losses
    "BCELoss": "BCEWithLogitsLoss on the logits, without the sigmoid: no number can overflow it",
    "binary_cross_entropy": "binary_cross_entropy_with_logits on the logits, without the sigmoid",
    "NLLLoss": "CrossEntropyLoss, also of what log_softmax returned, which a second one does not change",
    "nll_loss": "cross_entropy, also of what log_softmax returned, which a second one does not change",
    "SmoothL1Loss": "MSELoss or L1Loss",
    "smooth_l1_loss": "mse_loss or l1_loss",
    "HuberLoss": "MSELoss or L1Loss",
    "huber_loss": "mse_loss or l1_loss",
    "KLDivLoss": "CrossEntropyLoss with probabilities as the target",
    "kl_div": "cross_entropy with probabilities as the target",
    # learning
    "RMSprop": "Adam or SGD; or a subclass of Optimizer, whose update() is the formula",
    "Adagrad": "Adam or SGD; or a subclass of Optimizer, whose update() is the formula",
    "Adadelta": "Adam or SGD; or a subclass of Optimizer, whose update() is the formula",
    "LBFGS": "Adam or SGD",
    "ReduceLROnPlateau": "optimizer.lr = optimizer.lr * factor, when the validation says so",
    "LambdaLR": "a subclass of Schedule, whose rate(base, t) is the formula",
    "ExponentialLR": "StepLR with step_size=1",
    "MultiStepLR": "a subclass of Schedule, whose rate(base, t) is the formula",
    "OneCycleLR": "CosineAnnealingLR with warmup=",
    "LinearLR": "the argument warmup= of StepLR and CosineAnnealingLR",
    "SequentialLR": "the argument warmup= of StepLR and CosineAnnealingLR",
    "CosineAnnealingWarmRestarts": "CosineAnnealingLR",
    "clip_grad_value_": "p.grad = p.grad.clamp(-c, c), for every parameter p",
    "ConcatDataset": "a Dataset whose __getitem__ looks into one or the other",
    "IterableDataset": "a loop over it: a DataLoader asks for samples by number",
    "WeightedRandomSampler": "Subset(dataset, rng.choice(n, size, p=p)), rng a numpy.random.Generator",
    "hub": "a model of your own",
    "profiler": "Python's cProfile",
    "tensorboard": "tinyunet.plot, or print",
}


# which of PyTorch's names are asked for in a room or of a class here
ROOMS = {
    "tinyunet": ("torch",),
    "tinyunet.functional": ("torch.nn.functional", "torch"),
    "tinyunet.nn": ("torch.nn",),
    "tinyunet.nn.functional": ("torch.nn.functional",),
    "tinyunet.optim": ("torch.optim", "torch.optim.lr_scheduler"),
    "tinyunet.optim.lr_scheduler": ("torch.optim.lr_scheduler",),
    "tinyunet.utils.data": ("torch.utils.data",),
    "Tensor": ("torch.Tensor",),
    "Module": ("torch.nn.Module",),
}


@functools.cache
def names_of(room: str) -> frozenset[str]:
    """PyTorch's public names in one of its rooms, such as `torch` or `torch.Tensor`."""
    text = resources.files("tinyunet").joinpath("left_out.txt").read_text(encoding="utf-8")
    return frozenset(text.partition(f"[{room}]\n")[2].partition("[")[0].split())


def answer(here: str, name: str, owner: str = "") -> str | None:
    """What to tell who asks for a name of PyTorch's in a room, None if PyTorch does not have it either."""
    if name.startswith("_") or not (name in INSTEAD or any(name in names_of(room) for room in ROOMS[here])):
        return None
    why = f"{owner or here} has no {name!r}: it is PyTorch's, and left out of tinyunet on purpose; "
    return why + (f"instead: {INSTEAD[name]}" if name in INSTEAD else f"dir({owner or here}) shows what there is")


def error(here: str, name: str, asked: Any) -> AttributeError:
    """The answer as an exception, or for a name that is not PyTorch's either the usual one."""
    owner = asked.__name__ if isinstance(asked, ModuleType) else type(asked).__name__
    text = answer(here, name, owner)
    if text is not None:
        return AttributeError(text)
    usual = f"module {owner!r}" if isinstance(asked, ModuleType) else f"{owner!r} object"
    return AttributeError(f"{usual} has no attribute {name!r}", name=name, obj=asked)


def answer_in(place: ModuleType | type) -> None:
    """From now on this module, or every object of this class, answers for what it does not have."""
    here = place.__name__

    def of_module(name: str) -> Any:
        raise error(here, name, place)

    def of_object(self: Any, name: str) -> Any:
        raise error(here, name, self)

    # not in the source of the place itself: a type checker would believe that it has any name
    setattr(place, "__getattr__", of_module if isinstance(place, ModuleType) else of_object)  # noqa: B010


class _LeftOut(MetaPathFinder):
    """`from tinyunet.nn import LSTM` drops the AttributeError and looks for a file of that name: it finds this."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        here, _, name = fullname.rpartition(".")
        if here in ROOMS and (text := answer(here, name)):
            raise ImportError(text, name=fullname)


sys.meta_path.append(_LeftOut())  # the last one: asked only for what no other finds
