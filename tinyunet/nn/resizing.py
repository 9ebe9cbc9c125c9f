"""Layers without weights that change shapes and sizes: pooling, upsampling, borders, flattening."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinyunet.functional as F
from tinyunet.everyday.shapes import flatten
from tinyunet.nn.module import Module
from tinyunet.ops.window import Pair, pair
from tinyunet.tensor import Tensor


class MaxPool2d(Module):
    """The largest value in each window, see `F.max_pool2d`.

    >>> MaxPool2d(2)(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[4.]]]])
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        dilation: Pair = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: Any) -> Tensor:
        settings = {k: getattr(self, k) for k in ("stride", "padding", "dilation", "ceil_mode")}
        return F.max_pool2d(x, self.kernel_size, **settings)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}"


class AvgPool2d(Module):
    """The mean of each window, see `F.avg_pool2d`.

    >>> AvgPool2d(2)(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[2.5]]]])
    """

    def __init__(
        self,
        kernel_size: Pair,
        stride: Pair | None = None,
        padding: Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Any) -> Tensor:
        settings = {k: getattr(self, k) for k in ("stride", "padding", "ceil_mode", "count_include_pad")}
        return F.avg_pool2d(x, self.kernel_size, **settings)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}"


class AdaptiveAvgPool2d(Module):
    """The mean of each of h × w parts of equal size, (h, w) = output_size; 1 is the mean of the whole map.

    Raises:
        ValueError (when called): a height and width that cannot be divided so, where PyTorch lets parts overlap.

    >>> AdaptiveAvgPool2d(1)(Tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    tensor([[[[2.5]]]])
    """

    def __init__(self, output_size: Pair) -> None:
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        h, w = pair("AdaptiveAvgPool2d", "output_size", self.output_size, 1)
        H, W = np.shape(x)[-2:]
        if H % h or W % w:
            raise ValueError(f"AdaptiveAvgPool2d: {H}×{W} cannot be divided into {h}×{w} equal parts")
        return F.avg_pool2d(x, (H // h, W // w))

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class Upsample(Module):
    """Resize images, see `F.interpolate`.

    >>> Upsample(scale_factor=2)(Tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(
        self,
        size: Pair | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Any) -> Tensor:
        settings = {k: getattr(self, k) for k in ("mode", "align_corners", "recompute_scale_factor")}
        return F.interpolate(x, self.size, self.scale_factor, **settings)

    def extra_repr(self) -> str:
        size = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{size}, mode={self.mode!r}"


class PixelShuffle(Module):
    """Channels become pixels, see `F.pixel_shuffle`.

    >>> PixelShuffle(2)(Tensor(np.zeros((1, 8, 3, 5)), np.float32)).shape
    (1, 2, 6, 10)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, x: Any) -> Tensor:
        return F.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Pixels become channels, see `F.pixel_unshuffle`.

    >>> PixelUnshuffle(2)(Tensor(np.zeros((1, 2, 6, 10)), np.float32)).shape
    (1, 8, 3, 5)
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, x: Any) -> Tensor:
        return F.pixel_unshuffle(x, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class Flatten(Module):
    """One dimension in place of those from start_dim to end_dim; by default all but the batch.

    >>> Flatten()(Tensor([[[1.0, 2.0], [3.0, 4.0]]]))
    tensor([[1., 2., 3., 4.]])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        return flatten(x, self.start_dim, self.end_dim)


class Identity(Module):
    """What is put in, whatever the arguments: for a place where a network has no layer.

    >>> x = Tensor([1.0])
    >>> Identity()(x) is x
    True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return x
