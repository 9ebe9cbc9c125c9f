"""What formulas say of a sliding window: how it slides, the border around the image, the cells under the window."""

import functools
import math
from typing import Any

import numpy as np

from tinyunet.byhand.arithmetic import borders
from tinyunet.byhand.arithmetic.windows import Sliding
from tinyunet.byhand.mistakes.registry import Quantities
from tinyunet.tensor import Array

CONVOLUTIONS = "conv2d y, conv_transpose2d y"
PAIRS = "stride", "padding", "dilation", "kernel_size", "output_padding"


def framed(image: Array, borders: Any, **how: Any) -> Array:
    """An image with so many more rows and columns (before, after), of zeros by default; a negative number cuts off.

    >>> framed(np.ones((1, 1, 2, 2)), ((1, 0), (0, -1)))[0, 0]
    array([[0.],
           [1.],
           [1.]])
    """
    image = np.pad(image, ((0, 0), (0, 0), *np.maximum(borders, 0)), **how)
    (top, bottom), (left, right) = np.maximum(np.negative(borders), 0)
    return image[:, :, top : image.shape[2] - bottom, left : image.shape[3] - right]


def resized(image: Array, height: int, width: int) -> Array:
    """Rows and columns cut off at the end, or zeros added there."""
    return framed(image, ((0, height - image.shape[2]), (0, width - image.shape[3])))


def turned(a: Array) -> Array:
    """Every kernel, or every map, turned by 180°."""
    return a[:, :, ::-1, ::-1]


def tried(q: Quantities, **changes: Any) -> list[Array]:
    """y with other arrays or settings; none where they do not fit."""
    try:
        return [q.y(**changes)]
    except ValueError:
        return []


class Window(Quantities):
    """How a window slides (`ops/window.py`), in vectors [of rows, of columns].

    The window of a transposed convolution slides over y: `input` is the size of y, `output` that of x.
    """

    op: Sliding
    w: Array
    groups: int
    ceil_mode: bool
    padding_mode = "zeros"
    flip_kernel = False

    def prepare(self) -> None:
        axes = self.op.axes()
        self.input, self.output, self.kernel, self.span, self.stride, self.dilation = (
            np.array([getattr(axis, name) for axis in axes])
            for name in ("input", "output", "kernel", "span", "stride", "dilation")
        )
        self.size = math.prod(self.kernel)  # cells of the window
        given = {name: self.op.planar.get(name) for name in PAIRS}
        single = {name: v for name, v in given.items() if not isinstance(v, str | None) and np.ndim(v) < 2}
        self.pairs = {name: np.broadcast_to(v, 2) for name, v in single.items()}
        self.borders = np.array(self.op.padded())
        self.count_include_pad = self.op.settings.get("count_include_pad", True)
        self.ceil_mode = self.op.settings.get("ceil_mode", False)
        self.fill = self.op.outside
        self.reach = np.array([(axis.padding, axis.overhang) for axis in axes])  # of windows beyond the image

    def result(self, what: str, dy: Array | None = None, **changes: Any) -> Array:
        """A quantity with other arrays or settings, which may be vectors."""
        pairs: dict[str, Any] = {name: tuple(np.broadcast_to(changes[name], 2)) for name in PAIRS if name in changes}
        if self.op.plane == 1:
            pairs = {name: columns for name, (_, columns) in pairs.items()}
        return super().result(what, dy, **changes | pairs)

    def framed(self, borders: Any, x: Array | None = None, **how: Any) -> Array:
        """y of an image with these borders, and without padding."""
        return self.y(x=self.continued(self.x if x is None else x, borders, **how), padding=0)

    def continued(self, x: Array, sides: Any, **how: Any) -> Array:
        """An image with these borders, and in them what the operation sees there, or something else."""
        if how or not self.op.beyond:
            return framed(x, sides, **how or {"constant_values": self.fill})
        if np.min(sides) < 0:
            raise ValueError("what is seen beyond an image is not cut off")
        return borders.framed(x, sides, self.op.beyond)[0]

    def padded(self, borders: Any = None, x: Array | None = None, **how: Any) -> Array | None:
        """y with other borders in place of the padding, or with something else in them; None where there is none."""
        return self.framed(self.borders if borders is None else borders, x, **how) if bordered(self) else None

    @functools.cached_property
    def under(self) -> Array:
        """Where the cells of every window lie in the padded image, (Ho, Wo, kh·kw), counted row by row."""
        settings = zip(self.output, self.stride, self.kernel, self.dilation, strict=True)
        down, right = (s * np.arange(n)[:, None] + d * np.arange(k) for n, s, k, d in settings)
        width = self.input[1] + sum(self.reach[1])
        return (down[:, None, :, None] * width + right[:, None]).reshape(*self.output, self.size)

    def cells(self, fill: float = 0.0) -> Array:
        """The pixels under every window, (N, C, Ho, Wo, kh·kw), where the padding holds `fill`."""
        how = {} if self.op.beyond else {"constant_values": fill}
        return self.continued(self.x, self.reach, **how).reshape(*self.x.shape[:2], -1)[..., self.under]

    @property
    def laid_w(self) -> Array:
        """w as it lies on the image."""
        return turned(self.w) if self.flip_kernel else self.w

    def laid(self, image: Array) -> Array:
        """Every pixel of dy, or of a transposed convolution's x, times the kernel: (N, C, Ho, Wo, kh·kw)."""
        (N, _, *size), G = image.shape, self.groups
        kernels = self.laid_w.reshape(G, -1, *self.w.shape[1:])  # (groups, filters, channels, kh, kw)
        shares = np.einsum("gocuv,ngoij->ngcijuv", kernels, image.reshape(N, G, -1, *size))
        return shares.reshape(N, -1, *size, self.size)

    def spread(self, shares: Array, assign: bool = False) -> Array:
        """What every cell of every window gives its pixel, (N, C, Ho, Wo, kh·kw), added up or assigned."""
        return self._at_pixels(shares, [np.s_[:, :, k] for k in range(self.size)], assign)

    def overwritten(self, shares: Array, backwards: bool = False) -> Array:
        """The same, assigned window by window."""
        return self._at_pixels(shares, list(np.ndindex(*self.output))[:: -1 if backwards else 1], assign=True)

    def _at_pixels(self, shares: Array, order: list[Any], assign: bool) -> Array:
        size = self.input + self.reach.sum(1)
        image = np.zeros((*shares.shape[:2], math.prod(size)))
        for place in order:
            seen, given = (..., self.under[place]), shares[(slice(None), slice(None), *place)]
            image[seen] = given if assign else image[seen] + given
        return framed(image.reshape(*shares.shape[:2], *size), -self.reach)


def bordered(q: Window) -> bool:
    return bool(q.borders.any())


def of_zeros(q: Window) -> bool:
    return q.padding_mode == "zeros"


def strided(q: Window) -> bool:
    return max(q.stride) > 1


def counted(q: Window) -> bool:
    return bool(q.count_include_pad)
