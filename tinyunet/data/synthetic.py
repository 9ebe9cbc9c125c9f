"""A procedural microscope: fluorescent cells or filaments with exact masks, and nothing to download.

Each picture is made the way a real one comes about: a *scene* (cells or filaments, debris on glass), seen through
*optics* (blur, uneven light), caught by a *camera* (photons, electronics). Every stage has a name and a
function here. The difficulties are those of real slides, and each defeats a simple method: uneven light
defeats one global threshold, bright debris defeats any threshold, and dim interiors inside bright membranes
need context. Filaments are one to three pixels wide: who loses a pixel of where they are loses them.
"""

import operator
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinyunet.data._checks import Size, size_pair
from tinyunet.machine.blas import with_one_thread


def cells(count: int, size: Size = 64, rng: int | np.random.Generator = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of cells and their masks: images (N, 1, H, W) in [0, 1], masks (N, 1, H, W) of 0 and 1.

    N is `count`, and both are float32. `size` is an int or (H, W), `rng` a seed or a Generator. The pictures
    are drawn one after the other from one generator, so that the first k of a long set are the set of k:
    asking for more changes none. Raises ValueError for a negative count or an empty size.

    >>> images, masks = cells(2, size=(48, 64), rng=7)
    >>> images.shape, masks.shape, images.dtype
    ((2, 1, 48, 64), (2, 1, 48, 64), dtype('float32'))
    >>> bool((cells(5, size=(48, 64), rng=7)[0][:2] == images).all())
    True
    """
    return _pictures("cells", _cells, count, size, rng)


def filaments(count: int, size: Size = 64, rng: int | np.random.Generator = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of thin, bent filaments and their masks, with the arguments, results and errors of `cells`.

    A filament is one to three pixels wide, so a prediction that lies one pixel beside it is wrong: here a network shows
    whether it knows *where*. Debris is as bright, but round.

    >>> images, masks = filaments(2, size=(48, 64), rng=7)
    >>> images.shape, masks.shape
    ((2, 1, 48, 64), (2, 1, 48, 64))
    """
    return _pictures("filaments", _filaments, count, size, rng)


_Scene = Callable[[np.ndarray, np.ndarray, np.random.Generator], None]  # paints into light and mask


def _pictures(
    caller: str, paint: _Scene, count: int, size: Size, rng: int | np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of scenes, and the masks of what was painted."""
    height, width = size_pair(size, caller)
    if operator.index(count) < 0:
        raise ValueError(f"{caller}: count must not be negative, but is {count}")
    rng = np.random.default_rng(rng)
    images = np.empty((count, 1, height, width), np.float32)
    masks = np.zeros_like(images)
    for image, mask in zip(images, masks, strict=True):
        light = 0.09 + 0.015 * _smooth_noise(height, width, 6.0, rng)
        paint(light, mask[0], rng)
        for _ in range(rng.poisson(height * width / 400)):
            _paint_debris(light, rng)
        image[0] = _camera(_optics(light, rng), rng)
    return images, masks


class _Disc(NamedTuple):
    """Where something round lies and how large it is, in pixels."""

    y: float
    x: float
    radius: float


def _cells(light: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> None:
    """Paint cells at random places into the light that leaves the glass, (H, W), and their mask, (H, W)."""
    height, width = light.shape
    for cell in _scatter(height, width, rng):
        _paint_cell(light, mask, cell, rng)


def _filaments(light: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> None:
    """Paint filaments that cross the picture into light and mask, both (H, W)."""
    height, width = light.shape
    for _ in range(2 + height * width // 1000):
        _paint_filament(light, mask, rng)


def _paint_filament(light: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> None:
    """Paint one filament: half a pixel at a time, in a direction that turns a little at random.

    A pixel belongs to it if its centre is less than half a width away from one of these points.
    """
    height, width = light.shape
    steps = height + width  # of half a pixel
    turns = np.cumsum(rng.normal(0, 0.004, steps)) + rng.normal(0, 0.02)  # per step: the curvature wanders, too
    direction = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
    y = rng.uniform(0, height) + 0.5 * np.cumsum(np.sin(direction))
    x = rng.uniform(0, width) + 0.5 * np.cumsum(np.cos(direction))
    half_width, brightness = rng.uniform(0.6, 1.4), rng.uniform(0.25, 0.6)
    reach = np.arange(-2, 3)  # pixels around each point
    rows = np.rint(y).astype(int)[:, None, None] + reach[:, None]  # (steps, 5, 1)
    columns = np.rint(x).astype(int)[:, None, None] + reach  # (steps, 1, 5)
    near = np.hypot(rows - y[:, None, None], columns - x[:, None, None]) < half_width  # (steps, 5, 5)
    near &= (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    step, row, column = np.nonzero(near)
    where = rows[step, row, 0], columns[step, 0, column]
    light[where] = brightness
    mask[where] = 1


def _scatter(height: int, width: int, rng: np.random.Generator) -> list[_Disc]:
    """Cells at random places that may touch but hardly overlap: a newcomer that collides is not placed."""
    placed: list[_Disc] = []
    for _ in range(1 + height * width // 200):
        new = _Disc(rng.uniform(0, height), rng.uniform(0, width), rng.uniform(5, 10))
        if all(np.hypot(new.y - old.y, new.x - old.x) > new.radius + old.radius for old in placed):
            placed.append(new)
    return placed


def _paint_cell(light: np.ndarray, mask: np.ndarray, cell: _Disc, rng: np.random.Generator) -> None:
    """Paint one cell into `light` and `mask`: a dim body, a brighter membrane, a nucleus and some grain."""
    window = _window(light.shape, cell, reach=2 * cell.radius)
    depth = _depth(window, cell, rng)
    y, x = rng.normal((cell.y, cell.x), 0.15 * cell.radius)
    nucleus = _Disc(y, x, rng.uniform(0.3, 0.45) * cell.radius)
    in_nucleus = np.clip(_depth(window, nucleus, rng), 0, 1)
    membrane = np.exp(-(((depth - 1.0) / 1.2) ** 2))
    grain = 1 + 0.15 * _smooth_noise(depth.shape[0], depth.shape[1], 1.0, rng)
    shade = rng.uniform(0.7, 1.3) * grain * (0.26 + 0.22 * membrane + 0.28 * in_nucleus)

    inside = depth > 0
    light[window] = np.where(inside, shade, light[window])
    mask[window] = np.where(inside, 1, mask[window])


def _depth(window: tuple[slice, slice], disc: _Disc, rng: np.random.Generator) -> np.ndarray:
    """How many pixels each pixel of `window` lies inside an irregular outline, measured radially.

    The outline is a circle whose radius swings with the angle, by a few random Fourier harmonics:

        r(θ) = radius · (1 + Σₖ aₖ cos(kθ + φₖ)),  k = 2 … 5,  aₖ ~ N(0, (0.45 / k²)²)

    The harmonic k = 2 makes it an ellipse, the higher ones dents and bumps; k = 1 would only move it.
    """
    y, x = np.mgrid[window]
    angle = np.arctan2(y - disc.y, x - disc.x)
    swing = np.zeros_like(angle)
    for k in range(2, 6):
        swing += rng.normal(0, 0.45 / k**2) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return disc.radius * (1 + swing) - np.hypot(y - disc.y, x - disc.x)


def _paint_debris(light: np.ndarray, rng: np.random.Generator) -> None:
    """Add one speck of dirt: a Gaussian spot, as bright as a cell and too small to be one."""
    speck = _Disc(rng.uniform(0, light.shape[0]), rng.uniform(0, light.shape[1]), rng.uniform(0.5, 1.2))
    window = _window(light.shape, speck, reach=4 * speck.radius)
    y, x = np.mgrid[window]
    distance = np.hypot(y - speck.y, x - speck.x)
    light[window] += rng.uniform(0.4, 1.0) * np.exp(-((distance / speck.radius) ** 2) / 2)


def _window(shape: tuple[int, ...], disc: _Disc, reach: float) -> tuple[slice, slice]:
    """The rows and columns within `reach` of a centre, cut off at the picture's edge."""
    first = [max(int(centre - reach), 0) for centre in disc[:2]]
    last = [min(int(centre + reach) + 1, length) for centre, length in zip(disc[:2], shape, strict=True)]
    return slice(first[0], last[0]), slice(first[1], last[1])


def _optics(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scene through a lens: blurred, lit from one side, dark in the corners, veiled by stray light."""
    height, width = scene.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    slope = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)  # −1 … 1 across the picture
    vignette = 1 - 0.2 * (x**2 + y**2)
    lamp = (1 + 0.5 * slope) * vignette
    veil = 0.22 * (1 + slope)
    return lamp * _blur(scene, rng.uniform(0.5, 0.9)) + veil


def _camera(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The light as counted: Poisson shot noise, Gaussian read noise, clipped to [0, 1], (H, W)."""
    photons = 300
    counted = rng.poisson(photons * np.maximum(light, 0)) / photons
    return np.clip(counted + rng.normal(0, 0.015, light.shape), 0, 1)


@with_one_thread
def _smooth_noise(height: int, width: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise blurred to grains of about `sigma` pixels and brought back to unit variance, (H, W)."""
    rows, columns = _blur_matrix(height, sigma), _blur_matrix(width, sigma)
    # A blurred pixel is a weighted sum of independent normals: its variance is the sum of squared weights.
    deviation = np.sqrt(np.outer((rows**2).sum(1), (columns**2).sum(1)))
    return rows @ rng.standard_normal((height, width)) @ columns.T / deviation


@with_one_thread
def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur. It is separable: one matrix mixes the rows, another the columns."""
    height, width = image.shape
    return _blur_matrix(height, sigma) @ image @ _blur_matrix(width, sigma).T


def _blur_matrix(length: int, sigma: float) -> np.ndarray:
    """(length, length): row i holds the Gaussian weights around pixel i; they sum to 1, at the edges too."""
    i = np.arange(length)
    weights = np.exp(-(((i[:, None] - i) / sigma) ** 2) / 2)
    return weights / weights.sum(axis=1, keepdims=True)
