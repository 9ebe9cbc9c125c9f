"""What only a transposed convolution has: kernels that are laid down and overlap, cropping, zeros inserted."""

import functools

import numpy as np

from tinyunet.byhand.arithmetic.operations.convolution import Conv2d
from tinyunet.byhand.mistakes.convolution import Convolution
from tinyunet.byhand.mistakes.registry import only, usual_and_rare
from tinyunet.byhand.mistakes.window import bordered, framed, resized, strided, turned
from tinyunet.tensor import Array

INVERTED = 400  # cells of the largest map for which the inverse is computed


class Transposed(Convolution):
    """Kernels that are laid down, one for every pixel, and the padding that is cropped from them."""

    def prepare(self) -> None:
        super().prepare()
        self.padding, self.output_padding = self.pairs["padding"], self.pairs["output_padding"]
        self.repeated = self.x.repeat(self.stride[0], 2).repeat(self.stride[1], 3)

    @functools.cached_property
    def overlaps(self) -> Array:
        """How many kernels lie on every output."""
        one = only(np.ones_like(self.x), np.s_[:, :: self.channels])  # in one channel of each group
        return self.y(x=one, w=np.ones_like(self.w), b=None)

    def cropped(self, *sides: int) -> Array:
        """y with the padding taken away so many times (at the beginning, at the end)."""
        return framed(self.y(padding=0), -self.borders * sides)

    def recropped(self, padding: Array) -> Array | None:
        """y with another padding; none at all is a mistake of its own."""
        other = min(padding) >= 0 and any(padding) and any(padding != self.padding)
        return self.y(padding=padding) if other else None

    def convolved(self) -> Array:
        """The plain convolution with the same settings."""
        settings = {name: value for name, value in self.op.planar.items() if name != "output_padding"}
        return Conv2d(self.op.arrays | {"w": self.w.swapaxes(0, 1)}, settings, self.op.left_out).result()

    def inverse(self) -> Array:
        """What a convolution with this kernel takes to x, or near to it: x times the inverse of its matrix."""
        shape, cells = self.y().shape, self.y()[0].size
        ones = np.eye(cells).reshape(cells, *shape[1:])  # a one at every place: dx is the convolution as a matrix
        matrix = self.dx(ones, x=np.zeros((cells, *self.x.shape[1:]))).reshape(cells, -1)
        return (self.x.reshape(len(self.x), -1) @ np.linalg.pinv(matrix)).reshape(shape)


def enlarged(q: Transposed) -> bool:
    return any(q.output_padding)


def exact(q: Transposed) -> bool:
    return not enlarged(q)


wrong, rare = usual_and_rare("conv_transpose2d y", Transposed)
wrong("overlaps overwritten", "where kernels that were laid down overlap, they are added")
wrong.way("the last one stays", lambda q: q.overwritten(q.laid(q.x)) + q.bias)
wrong.way("the first one stays", lambda q: q.overwritten(q.laid(q.x), backwards=True) + q.bias)
wrong("padding added instead of cropped", "padding makes the result smaller here: it is cropped", where=bordered)
wrong.way("zeros around the result", lambda q: framed(q.y(padding=0), q.borders))
wrong.way("zeros around the input", lambda q: q.padded())
wrong("output_padding as zeros", "output_padding enlarges the result; what is there is computed", where=enlarged)
wrong.way("", lambda q: resized(q.y(output_padding=0), *q.input))
wrong("output_padding forgotten", "output_padding adds rows at the bottom, columns on the right", where=enlarged)
wrong.way("", lambda q: q.y(output_padding=0))
wrong(
    "weight layout swapped",
    "its weight is (in, out, kh, kw), not (out, in, kh, kw)",
    where=lambda q: q.groups == 1 and q.w.shape[0] == q.w.shape[1] > 1,
)
wrong.way("", lambda q: q.y(w=q.w.swapaxes(0, 1)))
wrong(
    "treated as the inverse",
    "a transposed convolution gives back the size that a convolution took away, not the values",
    where=lambda q: q.y()[0].size <= INVERTED,
)
wrong.way("", lambda q: q.inverse())
rare("plain convolution", "here every pixel of x lays the whole kernel down", where=lambda q: q.groups == 1)
rare.way("", lambda q: q.convolved())
rare("cropped on one side only", "padding takes p rows and columns away from every side", where=exact)
rare.way("at the top and left", lambda q: q.cropped(1, 0))
rare.way("at the bottom and right", lambda q: q.cropped(0, 1))
rare.way("twice at the top and left", lambda q: q.cropped(2, 0))
rare.way("twice at the bottom and right", lambda q: q.cropped(0, 2))
rare("padding of another width", "padding p takes p rows and columns away from every side")
rare.way("one more", lambda q: q.recropped(q.padding + 1))
rare.way("twice as much", lambda q: q.recropped(2 * q.padding))
rare.way(
    "k − 1 − p, the width of the zeros around x before a plain convolution",
    lambda q: q.recropped(q.span - 1 - q.padding),
)
rare("size as input times stride", "the size is (input − 1)·stride − 2·padding + kernel", where=exact)
rare.way("", lambda q: resized(q.y(), *q.stride * q.output))
rare("zeros after the last pixel", "zeros are inserted between pixels, s − 1 of them", where=strided)
rare.way("", lambda q: q.y(output_padding=q.stride - 1))
rare("output_padding at the beginning", "output_padding adds rows at the bottom, columns on the right")
rare.way(
    "",
    lambda q: framed(q.y(b=None, padding=0, output_padding=0), np.outer(q.output_padding, (1, 0)) - q.borders) + q.bias,
)
rare("overlaps averaged", "where kernels that were laid down overlap, they are added")
rare.way("", lambda q: q.sums / np.maximum(q.overlaps, 1) + q.bias)
rare("bias added per pixel", "the bias is added once to an output", lambda q: q.sums + q.bias * q.overlaps)
rare("pixels repeated", "between pixels are zeros, which the kernels fill", where=strided)
rare.way("before the kernel", lambda q: q.y(x=q.repeated, stride=1, output_padding=0))
rare.way("before a plain convolution", lambda q: q.y(x=q.repeated, w=turned(q.w), stride=1, output_padding=0))
rare.way("and no kernel", lambda q: q.repeated if q.repeated.shape[:2] == q.y().shape[:2] else None)
