"""Drawn scenes: five kinds of things on a ground, with the class of every pixel, and nothing to download.

Kinds differ by shape and by texture: a disc has dots, a square checks, a triangle stripes, a cross zigzags, a ring
specks. Each kind has a colour that it likes, but so vaguely that another one often has it, too. Things lie in any
direction, hide each other, throw shadows, and are lit from one side; the camera blurs a little and adds noise. A
person tells all of them at a glance. A colour tells little, because every kind has nearly all of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np

from tinyunet.data._checks import Size, size_pair
from tinyunet.data.synthetic import _blur, _Disc, _smooth_noise

SCENE_CLASSES = ("ground", "disc", "square", "triangle", "cross", "ring")
HUES = (0.3, 0.0, 0.15, 0.45, 0.6, 0.8)  # the colour that each class likes, as a part of the colour circle
SPREAD = 0.13  # and the standard deviation with which it is drawn


def scenes(count: int, size: Size = 128, rng: int | np.random.Generator = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of scenes and the class of every pixel: float32 (N, 3, H, W) in [0, 1] and int64 (N, H, W).

    N is `count`, and classes are numbered as in `SCENE_CLASSES`. `size` is an int or (H, W), `rng` a seed or a
    Generator. The pictures are drawn one after the other from one generator, so that the first k of a long set are the
    set of k. Raises ValueError for a negative count or an empty size.

    >>> images, labels = scenes(2, size=(48, 64), rng=7)
    >>> images.shape, labels.shape, images.dtype, labels.dtype
    ((2, 3, 48, 64), (2, 48, 64), dtype('float32'), dtype('int64'))
    """
    height, width = size_pair(size, "scenes")
    if operator.index(count) < 0:
        raise ValueError(f"scenes: count must not be negative, but is {count}")
    rng = np.random.default_rng(rng)
    images = np.empty((count, 3, height, width), np.float32)
    labels = np.zeros((count, height, width), np.int64)
    for image, label in zip(images, labels, strict=True):
        image[:] = _scene(label, rng)
    return images, labels


def _scene(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One picture (3, H, W); the classes of its pixels are written into `label`, zeros (H, W)."""
    height, width = label.shape
    clouds = 0.5 + 0.25 * _smooth_noise(height, width, 6.0, rng)
    light = _mixed(_colour(0, rng), _colour(0, rng), clouds)  # (3, H, W)
    towards = rng.uniform(0, 2 * np.pi)  # where the lamp stands
    for disc in _scatter(height, width, rng):
        _paint_thing(light, label, disc, towards, rng)
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    lamp = 0.85 + 0.2 * (y * np.sin(towards) + x * np.cos(towards))
    seen = np.stack([_blur(channel, 0.5) for channel in light * lamp])
    return np.clip(seen + rng.normal(0, 0.03, seen.shape), 0, 1)


def _scatter(height: int, width: int, rng: np.random.Generator) -> list[_Disc]:
    """Where things lie: they may overlap, but one that would hide too much of another is not placed."""
    placed: list[_Disc] = []
    for _ in range(3 + height * width // 1000):
        new = _Disc(rng.uniform(0, height), rng.uniform(0, width), rng.uniform(16, 26))
        if all(np.hypot(new.y - old.y, new.x - old.x) > 0.7 * (new.radius + old.radius) for old in placed):
            placed.append(new)
    return placed


def _paint_thing(light: np.ndarray, label: np.ndarray, disc: _Disc, towards: float, rng: np.random.Generator) -> None:
    """Paint one thing of a random kind, direction and colour, and its shadow, over what is there."""
    height, width = label.shape
    kind, radius, angle = int(rng.integers(1, len(SCENE_CLASSES))), disc.radius, rng.uniform(0, 2 * np.pi)
    down, right = np.mgrid[:height, :width] - np.reshape(disc[:2], (2, 1, 1))  # pixels from its centre
    shape, texture = KINDS[kind]

    def turned(down: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return down * np.cos(angle) - right * np.sin(angle), down * np.sin(angle) + right * np.cos(angle)

    away = 2.5 * np.sin(towards), 2.5 * np.cos(towards)
    v, u = turned(down + away[0], right + away[1])
    light *= np.where(shape(v / radius, u / radius), 0.55, 1)  # its shadow, away from the lamp
    v, u = turned(down, right)
    inside = shape(v / radius, u / radius)
    colour = _colour(kind, rng)
    within = shape(v / (radius - 2), u / (radius - 2))  # a rim stays plain, so that no dark stripe passes for shadow
    paint = _mixed(colour, rng.uniform(0.3, 0.5) * colour, np.where(within, texture(v, u, rng), 0))
    shade = 1 + 0.3 * (down * np.sin(towards) + right * np.cos(towards)) / radius
    light[:, inside] = (paint * shade)[:, inside]
    label[inside] = kind


def _colour(kind: int, rng: np.random.Generator) -> np.ndarray:
    """A colour (3,) that this kind may have: of any hue, but more often of one near its own.

    Red, green and blue are cosines over the colour circle, a third of it apart.
    """
    hue = rng.normal(HUES[kind], SPREAD)
    saturation, brightness = rng.uniform(0.2, 0.5), rng.uniform(0.6, 1)
    return brightness * (1 - saturation + saturation * np.cos(2 * np.pi * (hue - np.arange(3) / 3)))


def _mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Two colours (3,) mixed: `share` (H, W) of the second, the rest of the first; (3, H, W)."""
    return first[:, None, None] + (second - first)[:, None, None] * np.clip(share, 0, 1)


# Shapes: which points lie inside, in units of the radius. Textures: the share of the second colour; points in pixels.


def _disc(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.hypot(v, u) < 1


def _square(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.maximum(abs(v), abs(u)) < 0.9


def _triangle(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.maximum(v, abs(u) * np.sqrt(0.75) - v / 2) < 0.7


def _cross(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    return (np.minimum(abs(v), abs(u)) < 0.42) & (np.maximum(abs(v), abs(u)) < 1.1)


def _ring(v: np.ndarray, u: np.ndarray) -> np.ndarray:
    return abs(np.hypot(v, u) - 0.8) < 0.35


PERIOD = 7.0  # of the textures, in pixels


def _dots(v: np.ndarray, u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 3 * np.sin(np.pi * v / PERIOD) ** 2 * np.sin(np.pi * u / PERIOD) ** 2


def _checks(v: np.ndarray, u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 + 2 * np.sin(np.pi * v / PERIOD) * np.sin(np.pi * u / PERIOD)


def _stripes(v: np.ndarray, u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 + np.sin(2 * np.pi * v / PERIOD)


def _zigzags(v: np.ndarray, u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _stripes(v + abs(u % (2 * PERIOD) - PERIOD), u, rng)


def _specks(v: np.ndarray, u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 0.5 + _smooth_noise(v.shape[0], v.shape[1], 1.0, rng)


_Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]
_Texture = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]
KINDS: dict[int, tuple[_Shape, _Texture]] = {
    1: (_disc, _dots),
    2: (_square, _checks),
    3: (_triangle, _stripes),
    4: (_cross, _zigzags),
    5: (_ring, _specks),
}
