"""Drawn things: the reader is right on every picture that can be drawn, of one thing and of several."""

import itertools

import numpy as np
import pytest

from tinyunet.data.sentences import GROUNDS, PLACES, SCENES, SHAPES, Scene, Thing
from tinyunet.data.things import READABLE, RGB, SIDE, Drawn, Placed, arranged, draw, masks, outlines, paint, read


def several(count, rng):
    """A scene with things of different shapes in different places, as they come."""
    ground = str(rng.choice(GROUNDS))
    colours = [colour for colour in list(RGB)[:6] if colour != ground]
    things = zip(rng.permutation(SHAPES)[:count], rng.permutation(PLACES)[:count], strict=True)
    sizes = ["small", *rng.choice(["small", "large"], count)]
    return Scene(
        tuple(Thing(str(sizes[k]), str(rng.choice(colours)), str(s), str(p)) for k, (s, p) in enumerate(things)), ground
    )


def test_one_picture_of_every_scene_is_read():
    rng = np.random.default_rng(0)
    for scene in SCENES:
        reading = read(draw(scene, rng))
        assert reading.scene == scene
        assert reading.distance < 1e-6
        assert reading.readable


@pytest.mark.slow
def test_every_picture_of_one_thing_is_read():
    for (k, outline), scene in itertools.product(enumerate(outlines()), SCENES):
        thing = scene.things[0]
        if outline[:3] == (thing.size, thing.shape, thing.place):
            reading = read(paint([Placed(k, thing.colour)], scene.ground))
            assert reading.drawn == ((Placed(k, thing.colour),), scene.ground)


def test_no_two_pictures_are_alike():
    flat = masks().reshape(len(masks()), -1)
    assert len(np.unique(flat, axis=0)) == len(flat) == 160


def test_several_things_are_read_and_nothing_that_is_not_there():
    rng = np.random.default_rng(1)
    for count in (2, 3) * 60:
        try:
            scene = several(count, rng)
            placed = arranged(scene.things, rng)
        except ValueError:  # no room
            continue
        reading = read(paint(placed, scene.ground), things=4)
        assert reading.drawn.same(Drawn(placed, scene.ground))


def test_a_picture_with_some_noise_is_read_as_if_there_were_none():
    rng = np.random.default_rng(2)
    for k in rng.permutation(len(SCENES))[:100]:
        reading = read(draw(SCENES[k], rng) + rng.normal(0, 0.07, (3, SIDE, SIDE)).astype(np.float32))
        assert reading.scene == SCENES[k]
        assert reading.readable


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_picture_of_nothing_is_not_readable(value):
    noise = np.random.default_rng(3).random((3, SIDE, SIDE)).astype(np.float32)
    assert not read(noise).readable
    assert not read(np.full((3, SIDE, SIDE), value, np.float32)).readable


def test_a_picture_with_much_noise_is_not_readable_though_all_of_it_is_read_rightly():
    rng = np.random.default_rng(4)
    for k in rng.permutation(len(SCENES))[:20]:
        reading = read(draw(SCENES[k], rng) + rng.normal(0, 0.1, (3, SIDE, SIDE)).astype(np.float32))
        assert reading.scene == SCENES[k]
        assert reading.plain > 0.5
        assert not reading.readable


def test_a_thing_of_half_its_contrast_is_not_readable_though_it_is_near():
    reading = read((paint([Placed(0, "red")], "black") + paint([], "black")) / 2)
    assert reading.plain < 0.5
    assert reading.distance < READABLE
    assert not reading.readable


def test_a_blurred_picture_is_not_readable_and_its_distance_is_the_root_of_the_mean_square():
    a, b = (paint([Placed(k, "red")], "white") for k in (88, 124))
    reading = read((a + b) / 2)
    assert reading.distance > READABLE
    assert reading.distance == pytest.approx(np.sqrt(((a - b) ** 2).mean()) / 2, rel=0.2)


def test_things_lie_within_the_picture_and_are_as_large_as_they_are_called():
    areas = masks().sum(axis=(1, 2))
    for outline, area in zip(outlines(), areas, strict=True):
        # of a square, a circle, a triangle, a cross of radius r: from 1.8·r² to 3.61·r²
        assert 1.75 < area / outline.radius**2 < 3.62
    rows, columns = (np.indices((SIDE, SIDE))[k] + 0.5 for k in (0, 1))
    for outline, mask in zip(outlines(), masks(), strict=True):
        assert (mask * columns).sum() / mask.sum() == pytest.approx(outline.x, abs=0.01)
        assert (mask * rows).sum() / mask.sum() == pytest.approx(outline.y, abs=0.3 * outline.radius)


def test_a_triangle_points_up():
    (k,) = [k for k, o in enumerate(outlines()) if o == ("large", "triangle", "centre", 7.0, 16, 16)]
    widths = masks()[k].sum(axis=1)
    assert widths[10] < widths[15] < widths[20]


def test_same_seed_same_picture_and_another_place_with_another():
    pictures = [draw(SCENES[0], np.random.default_rng(seed)) for seed in (0, 0, 1, 2, 3)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not all(np.array_equal(pictures[0], other) for other in pictures[2:])
    assert pictures[0].dtype == np.float32


def test_things_without_room_are_refused():
    crowd = [Thing("large", "red", "square", "top left"), Thing("large", "green", "circle", "centre")]
    with pytest.raises(ValueError, match="no room"):
        arranged(crowd, np.random.default_rng(0))


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(3, 32, 32\), not \(3, 16, 16\)"):
        read(np.zeros((3, 16, 16)))


MUTANTS = {
    "data.things:Reading.readable": [
        ("a thing may be as pale as it likes", "and self.plain >= PLAIN", ""),
        ("a picture may have any noise", "self.distance <= READABLE and", ""),
    ],
    "data.things:outlines": [
        ("left for right", "CENTRES[place][1] + right", "SIDE - CENTRES[place][1] + right"),
    ],
    "data.things:_inside": [
        ("half a pixel beside", "+ 0.5", "+ 4.5"),
    ],
    "data.things:arranged": [
        ("things touch", "if apart(placed)", "if True"),
    ],
    "data.things:apart": [
        ("they never touch", "not any(", "not all("),
    ],
    "data.things:_read_on": [
        ("what touches is taken, too", "explained[_touching()[outline]] = -np.inf", "explained[outline] = -np.inf"),
        ("what explains nothing is a thing", "if len(placed) >= least and explained[outline, colour] <= 0", "if False"),
        ("twice the square", "2 * (flat @ differences)", "(flat @ differences)"),
        ("the first thing is not taken for granted", "len(placed) >= least and explained", "explained"),
        (
            "the mean of the differences",
            "np.square(picture - paint(placed, ground))",
            "np.abs(picture - paint(placed, ground))",
        ),
    ],
}
