"""What can be done without a network: thresholds, global and local, and the best linear filter.

A network has to beat these.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinyunet.data._checks import Foreground, check_foreground, check_pair
from tinyunet.metrics import dice


def otsu_threshold(image: np.ndarray, bins: int = 256) -> float:
    """The threshold that best splits the values of an image, of any shape, into a dark and a light class.

    Otsu takes the t with the smallest variance within the classes. The total variance splits, for any t,
    into the part within the classes and the part between their means, and the total does not depend on t;
    so the variance between may be maximised instead. With ω the share of dark pixels, μ₀ and μ₁ the class
    means and μ the mean of all,

        σ²(t) = ω·(μ₀ − μ)² + (1 − ω)·(μ₁ − μ)²
              = (m − ω·μ)² / (ω·(1 − ω)),

    by putting in μ₀ = m / ω and μ₁ = (μ − m) / (1 − ω), where m = Σ_{x < t} x / n, the dark share of the
    mean. ω and m are cumulative sums over a histogram of `bins` bins, so that all t are tried at once. The
    threshold is laid midway between the lightest dark and the darkest light pixel. A constant image has no
    two classes: its own value is returned. Raises ValueError for an image that is empty or not finite.
    (Otsu 1979, equations 14 to 18.)

    >>> otsu_threshold(np.array([1.0, 2.0, 2.0, 10.0, 12.0]))
    6.0
    """
    values = np.asarray(image, np.float64).ravel()
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"otsu_threshold: an image {np.shape(image)} must hold values, and all finite")
    low, high = values.min(), values.max()
    if low == high:
        return float(low)
    unit = (values - low) / (high - low)
    counts, edges = np.histogram(unit, bins)
    centres = (edges[:-1] + edges[1:]) / 2
    # Cut k lies between bins k − 1 and k. The outermost bins are never empty, so 0 < ω < 1 at every cut.
    omega = np.cumsum(counts)[:-1] / values.size
    m = np.cumsum(counts * centres)[:-1] / values.size
    mu = counts @ centres / values.size
    between = (m - omega * mu) ** 2 / (omega * (1 - omega))
    light = unit >= edges[1 + np.argmax(between)]
    return float((values[~light].max() + values[light].min()) / 2)


def otsu(image: np.ndarray, foreground: Foreground = "light") -> np.ndarray:
    """Segment an image (C, H, W) by its own Otsu threshold: a mask, float32 (1, H, W) of 0 and 1.

    Colour channels are averaged first. `foreground="dark"` makes the darker side the positive class.
    Raises ValueError as `otsu_threshold` does, and for another shape.

    >>> otsu(np.array([[[0.1, 0.2, 0.8]]]), foreground="dark")
    array([[[1., 1., 0.]]], dtype=float32)
    """
    check_foreground(foreground)
    grey = _grey(image, "otsu")
    threshold = otsu_threshold(grey)
    return (grey < threshold if foreground == "dark" else grey > threshold).astype(np.float32)


def local_threshold(
    image: np.ndarray, window: int, offset: float, foreground: Foreground = "light", smooth: int = 1
) -> np.ndarray:
    """Segment an image (C, H, W) by comparison with its surroundings: a mask, float32 (1, H, W) of 0 and 1.

    A pixel is positive if it, or against noise the mean of the `smooth` × `smooth` pixels around it, is brighter
    than the mean of the `window` × `window` pixels around it by more than `offset`; with `foreground="dark"`,
    darker by more than `offset`. Uneven light changes a pixel and
    its surroundings alike, which is why this works where one threshold for all does not. Beyond the border
    the image goes on mirrored. Raises ValueError for windows that are not positive odd numbers, or another
    shape. (Known as adaptive thresholding by the mean; with summed-area tables, Crow 1984, its cost does
    not grow with the window.)

    >>> local_threshold(np.array([[[1.0, 2.0, 9.0, 8.0, 7.0, 7.0]]]), window=3, offset=0.5)
    array([[[0., 0., 1., 0., 0., 0.]]], dtype=float32)
    """
    return (_contrast(image, window, foreground, smooth) > offset).astype(np.float32)


SMOOTHINGS = (1, 3, 5, 7)
WINDOWS = (5, 9, 15, 25, 45, 75, 125)
OFFSETS = (-0.05, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25)


class LocalThreshold(NamedTuple):
    """The best setting of `local_threshold`, and the Dice it reaches on the data it was chosen on."""

    window: int
    offset: float
    smooth: int
    dice: float


def tuned_local_threshold(
    images: Sequence[np.ndarray], masks: Sequence[np.ndarray], foreground: Foreground = "light"
) -> LocalThreshold:
    """The setting among WINDOWS, OFFSETS and SMOOTHINGS with which `local_threshold` has the best Dice.

    The Dice is that of all pixels of all images together. `images` are (C, H, W) with values in [0, 1],
    `masks` (1, H, W) of 0 and 1; of equally good settings the first is taken. Raises ValueError for no
    images, another number of masks, or a mask of another size than its image.
    """
    if not len(images) or len(images) != len(masks):
        raise ValueError(f"tuned_local_threshold: {len(images)} images and {len(masks)} masks; needs as many, and some")
    for k, (image, mask) in enumerate(zip(images, masks, strict=True)):
        check_pair(image.shape, mask.shape, f"tuned_local_threshold: image {k}")
    truth = np.concatenate([np.ravel(mask) for mask in masks])
    best = LocalThreshold(0, 0.0, 0, -1.0)
    for smooth, window in itertools.product(SMOOTHINGS, WINDOWS):
        contrast = np.concatenate([_contrast(image, window, foreground, smooth).ravel() for image in images])
        for offset in OFFSETS:
            score = dice(contrast > offset, truth)
            if score > best.dice:
                best = LocalThreshold(window, offset, smooth, score)
    return best


class LinearFilter(NamedTuple):
    """Sums of the pixels around each pixel: `weight` is (K, k, k), `constant` (K,).

    y[o, i, j] = constant[o] + Σ weight[o, u, v] · x[0, i+u−b, j+v−b], over u, v, with b = (k − 1) / 2
    """

    weight: np.ndarray
    constant: np.ndarray

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """An image (1, H, W) → (K, H, W), mirrored beyond the border."""
        border = self.weight.shape[-1] // 2
        windows = sliding_window_view(np.pad(image[0], border, mode="reflect"), self.weight.shape[1:])  # (H, W, k, k)
        return np.einsum("ijuv,ouv->oij", windows, self.weight) + self.constant[:, None, None]


def best_linear_filter(pairs: Iterable[tuple[np.ndarray, np.ndarray]], window: int = 7) -> LinearFilter:
    """The LinearFilter with the smallest squared error on pairs of pictures (1, H, W) and answers (K, H, W).

    With the windows, and a one behind each, in the rows of X, (pixels, k² + 1), and the answers in the rows of Y,
    (pixels, K), weights and constants solve the normal equations of least squares,

        XᵀX·w = XᵀY;

    both products are sums over the pictures. Windows that reach over a border are left out. Raises ValueError for a
    window that is no odd number from 3 on.

    >>> x = np.random.default_rng(0).random((1, 20, 20))
    >>> np.round(best_linear_filter([(x, 2 * x + 1)], window=3).weight, 3) + 0.0
    array([[[0., 0., 0.],
            [0., 2., 0.],
            [0., 0., 0.]]], dtype=float32)
    """
    if window < 3 or window % 2 == 0:
        raise ValueError(f"best_linear_filter: a window is an odd number of pixels, 3 or more, not {window}")
    n, b = window**2, window // 2
    XX: np.ndarray = np.zeros((n + 1, n + 1))
    XY: np.ndarray | float = 0.0
    for x, y in pairs:
        windows = sliding_window_view(x[0], (window, window)).reshape(-1, n)  # (pixels, k²)
        X = np.column_stack([windows, np.ones(len(windows))]).astype(np.float64)
        XX += X.T @ X
        XY = XY + X.T @ y[:, b:-b, b:-b].reshape(len(y), -1).T.astype(np.float64)  # (k² + 1, K)
    w = np.linalg.solve(XX + 1e-6 * np.eye(n + 1), XY).T.astype(np.float32)  # (K, k² + 1)
    return LinearFilter(w[:, :-1].reshape(-1, window, window), w[:, -1])


def _contrast(image: np.ndarray, window: int, foreground: Foreground, smooth: int) -> np.ndarray:
    """How much brighter (with a dark foreground: darker) each pixel is than the mean around it, (1, H, W)."""
    check_foreground(foreground)
    for size in (window, smooth):
        if size < 1 or size % 2 == 0:
            raise ValueError(f"local_threshold: a window needs a centre, so an odd number of pixels, not {size}")
    grey = _grey(image, "local_threshold")
    difference = _box_mean(grey[0], smooth)[None] - _box_mean(grey[0], window)
    return -difference if foreground == "dark" else difference


def _box_mean(image: np.ndarray, window: int) -> np.ndarray:
    """The mean of the `window` × `window` pixels around each pixel of (H, W), mirrored beyond the border.

    S[i, j], the sum of all pixels above row i and left of column j, gives the sum over any box from its
    four corners.
    """
    if window == 1:
        return image
    padded = np.pad(image, window // 2, mode="reflect")
    table = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    w = window
    return (table[w:, w:] - table[:-w, w:] - table[w:, :-w] + table[:-w, :-w]) / w**2


def _grey(image: np.ndarray, caller: str) -> np.ndarray:
    """(C, H, W) → (1, H, W), the mean of the channels, in float64: sums of many pixels need the digits."""
    image = np.asarray(image, np.float64)
    if image.ndim != 3:
        raise ValueError(f"{caller}: an image is (C, H, W), but this is {image.shape}")
    if not np.isfinite(image).all():
        raise ValueError(f"{caller}: the image {image.shape} holds nan or infinite values; replace them")
    return image.mean(axis=0, keepdims=True)
