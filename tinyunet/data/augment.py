"""More data from the same data: what may be done to an image that changes the pixels but not the meaning.

Every function takes an image (C, H, W), its mask (1, H, W) and a Generator, and treats both arrays alike: a
mask that does not follow its image teaches the network nonsense. Crops, flips and turns return views, which
cost nothing.
"""

import numpy as np

from tinyunet.data._checks import Size, check_crop, check_pair, size_pair
from tinyunet.machine.blas import with_one_thread


def random_crop(
    image: np.ndarray, mask: np.ndarray, size: Size, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same random window of image and mask, of `size` int or (H, W); all positions are equally likely.

    Raises ValueError if the image is smaller than the window.

    >>> image = np.arange(12.0).reshape(1, 3, 4)
    >>> x, y = random_crop(image, image > 5, 2, np.random.default_rng(0))
    >>> x.shape, bool(((x > 5) == y).all())
    ((1, 2, 2), True)
    """
    check_pair(image.shape, mask.shape, "random_crop")
    height, width = size_pair(size, "random_crop")
    check_crop(image.shape, (height, width), "random_crop: the image")
    top = rng.integers(image.shape[1] - height + 1)
    left = rng.integers(image.shape[2] - width + 1)
    window = np.s_[:, top : top + height, left : left + width]
    return image[window], mask[window]


def random_flip(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask mirrored, upside down and left to right, each with probability ½."""
    check_pair(image.shape, mask.shape, "random_flip")
    rows, columns = (slice(None, None, step) for step in rng.choice((1, -1), size=2))
    return image[:, rows, columns], mask[:, rows, columns]


def random_quarter_turn(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask turned by 0°, 90°, 180° or 270°, each equally likely.

    A quarter turn would exchange the height and width of an image that is not square; there it is 0° or
    180° only.
    """
    check_pair(image.shape, mask.shape, "random_quarter_turn")
    square = image.shape[1] == image.shape[2]
    quarters = int(rng.integers(4) if square else 2 * rng.integers(2))
    return np.rot90(image, quarters, axes=(1, 2)), np.rot90(mask, quarters, axes=(1, 2))


@with_one_thread
def elastic_deform(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator, sigma: float = 10.0, grid: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Bend image and mask smoothly, as tissue bends: same shapes, one random displacement field for both.

    The displacements are drawn on a coarse `grid` × `grid`, from the outermost pixels inwards, each
    component from a Gaussian with standard deviation `sigma` in pixels, and interpolated bicubically in
    between:

        field = R · d · Cᵀ,  R = cubic_matrix(H, grid),  C = cubic_matrix(W, grid),  d ~ N(0, sigma²)

    Pixel i of the result is what stood at i + field[i]: the image by bilinear interpolation, the mask by
    the nearest neighbour, so that it stays 0 or 1; beyond the border both go on mirrored. Raises ValueError
    for a grid below 2 or a negative sigma. (Ronneberger et al. 2015, section 3.1, with their 3 × 3 grid and
    10 pixels.)

    >>> image, mask = np.ones((3, 20, 30), np.float32), np.ones((1, 20, 30), np.float32)
    >>> x, y = elastic_deform(image, mask, np.random.default_rng(0))
    >>> x.shape, bool(np.allclose(x, 1)), bool((y == 1).all())      # a constant image stays constant
    ((3, 20, 30), True, True)
    """
    check_pair(image.shape, mask.shape, "elastic_deform")
    if sigma < 0:
        raise ValueError(f"elastic_deform: sigma is a standard deviation and cannot be {sigma}")
    height, width = image.shape[1:]
    coarse = rng.normal(0, sigma, (2, grid, grid))
    field = cubic_matrix(height, grid) @ coarse @ cubic_matrix(width, grid).T  # (2, H, W)
    y, x = np.mgrid[:height, :width] + field
    y, x = _reflect(y, height), _reflect(x, width)
    return _bilinear(image, y, x), _nearest(mask, y, x)


def cubic_matrix(size: int, grid: int) -> np.ndarray:
    """The matrix (size, grid) that interpolates `grid` equidistant values to `size` points by cubics.

    The first and last point lie on the first and last value. Interpolation at position t is a weighted sum
    of the values pⱼ around it, p(t) = Σⱼ k(t − j)·pⱼ. The kernel k is a cubic polynomial on |s| < 1 and
    another on 1 < |s| < 2. Four demands fix both: k(0) = 1 and k(±1) = k(±2) = 0, so that the curve passes
    through the values; a continuous slope; symmetry; and exactness for parabolas. They leave (Keys 1981,
    equation 15)

        k(s) = 3/2·|s|³ − 5/2·|s|² + 1               for |s| < 1
        k(s) = −1/2·|s|³ + 5/2·|s|² − 4·|s| + 2      for 1 ≤ |s| < 2,   and 0 beyond,

    the Catmull-Rom spline. It reaches one value past either end; those are continued in a straight line,
    p₋₁ = 2p₀ − p₁, which is one more matrix. As interpolation is linear and separable, an image needs one
    such matrix per axis. Raises ValueError for a grid below 2.

    >>> cubic_matrix(5, 3) @ [0.0, 1.0, 4.0]        # t = 0, ½, 1, 1½, 2
    array([0.   , 0.375, 1.   , 2.375, 4.   ])
    """
    if grid < 2:
        raise ValueError(f"cubic_matrix: interpolation needs a grid of at least 2 values, not {grid}")
    t = np.linspace(0, grid - 1, size)
    s = np.abs(t[:, None] - np.arange(-1, grid + 1))  # (size, grid + 2)
    near = 1.5 * s**3 - 2.5 * s**2 + 1
    far = -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2
    kernel = np.where(s < 1, near, np.where(s < 2, far, 0))
    extend = np.pad(np.eye(grid), ((1, 1), (0, 0)))  # (grid + 2, grid): the values, and one more at either end
    extend[0, :2] = 2, -1
    extend[-1, -2:] = -1, 2
    return kernel @ extend


def _reflect(position: np.ndarray, length: int) -> np.ndarray:
    """Positions folded back into [0, length − 1] by mirrors on the first and the last pixel."""
    last = length - 1
    if last == 0:
        return np.zeros_like(position)
    return last - np.abs(position % (2 * last) - last)  # a triangle wave: 0 → last → 0 → …


def _bilinear(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The image (C, H, W) at positions between pixels: the four around, each weighted by its nearness."""
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    bottom = np.minimum(top + 1, image.shape[1] - 1)
    right = np.minimum(left + 1, image.shape[2] - 1)
    down, across = y - top, x - left
    upper = (1 - across) * image[:, top, left] + across * image[:, top, right]
    lower = (1 - across) * image[:, bottom, left] + across * image[:, bottom, right]
    return ((1 - down) * upper + down * lower).astype(np.result_type(image, np.float32))


def _nearest(mask: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The mask (1, H, W) at the pixel nearest to each position."""
    return mask[:, np.rint(y).astype(int), np.rint(x).astype(int)]
