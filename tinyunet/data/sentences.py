"""Pictures in words: a grammar so small that every sentence can be drawn, and every picture be put into words.

    a {small, large} {red, …} {circle, …} at the {top left, …, centre}, on {black, white, grey, blue}

A thing never has the colour of its ground, because nobody would see it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tinyunet.data._checks import DataError

SIZES = ("small", "large")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SHAPES = ("circle", "square", "triangle", "cross")
PLACES = ("top left", "top right", "bottom left", "bottom right", "centre")
GROUNDS = ("black", "white", "grey", "blue")
FORM = "a small red circle at the top left, on blue"

NEVER = ("purple", "triangle")  # a colour and a shape that are learnt, but not together
HELD_OUT = 88  # of the other scenes, a tenth


class Thing(NamedTuple):
    """What is in a picture, each attribute as its word."""

    size: str
    colour: str
    shape: str
    place: str


class Scene(NamedTuple):
    """What a picture shows: things in any order, and the ground that they are on."""

    things: tuple[Thing, ...]
    ground: str


# All scenes with one thing.
SCENES = tuple(
    Scene((Thing(size, colour, shape, place),), ground)
    for size, colour, shape, place, ground in itertools.product(SIZES, COLOURS, SHAPES, PLACES, GROUNDS)
    if colour != ground
)


class Split(NamedTuple):
    """The scenes with one thing: those to learn from, those held out, and those with the pair that is never learnt."""

    seen: tuple[Scene, ...]
    unseen: tuple[Scene, ...]
    pair: tuple[Scene, ...]


def split_scenes() -> Split:
    """The same split always: of what is not seen, every word is seen in other company.

    >>> [len(part) for part in split_scenes()]
    [792, 88, 40]
    """
    pair = tuple(scene for scene in SCENES if scene.things[0][1:3] == NEVER)
    others = [scene for scene in SCENES if scene not in pair]
    order = np.random.default_rng(0).permutation(len(others))
    unseen, seen = (tuple(others[k] for k in sorted(part)) for part in np.split(order, [HELD_OUT]))
    return Split(seen, unseen, pair)


def sentence(scene: Scene) -> str:
    """The sentence for a scene.

    >>> sentence(SCENES[0])
    'a small red circle at the top left, on black'
    >>> sentence(Scene((SCENES[0].things[0], Thing("large", "green", "cross", "centre")), "white"))
    'a small red circle at the top left and a large green cross at the centre, on white'
    """
    things = [f"a {thing.size} {thing.colour} {thing.shape} at the {thing.place}" for thing in scene.things]
    return f"{listed(things, 'and') if things else 'nothing'}, on {scene.ground}"


def understand(text: str) -> Scene:
    """The scene that a sentence tells of; `sentence` the other way round. Capitals and the comma may be left out.

    Raises:
        DataError: a word that is not known where it stands, with those that are; a thing with the colour of its ground.

    >>> understand("a large blue cross at the centre, on grey")
    Scene(things=(Thing(size='large', colour='blue', shape='cross', place='centre'),), ground='grey')
    """
    _, size, colour, shape, _, place, _, ground = matched(text, _SLOTS, FORM)
    if colour == ground:
        raise DataError(f'"{text}": what is {colour} cannot be seen on {ground}; another colour, or another ground')
    return Scene((Thing(size, colour, shape, place),), ground)


Slot = tuple[str, Sequence[str]]  # what stands at a place of a sentence, and the words that may


def matched(text: str, slots: Sequence[Slot], form: str) -> list[str]:
    """What of a text stands in each slot. Capitals, commas and a stop at the end do not count.

    Args:
        form: an example of what the text should be.

    Raises:
        DataError: a word that is not known where it stands, with those that are.

    >>> matched("The red one", [('"the"', ["the"]), ("a colour", COLOURS), ('"one"', ["one"])], "the red one")
    ['the', 'red', 'one']
    """
    words = words_of(text)
    found: list[str] = []
    for what, known in slots:
        match = next((word for word in known if words[: len(word.split())] == word.split()), None)
        if match is None:
            there = f'"{words[0]}" stands' if words else "nothing stands"
            raise DataError(f'"{text}": {there} where {what} must: {listed(known)}; as in: {form}')
        words = words[len(match.split()) :]
        found.append(match)
    if words:
        raise DataError(f'"{text}" goes on with "{" ".join(words)}" where it should end, as in: {form}')
    return found


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without commas and a stop at the end."""
    return text.lower().replace(",", " ").rstrip(". ").split()


_SLOTS: tuple[Slot, ...] = (
    ('"a"', ("a",)),
    ("a size", SIZES),
    ("a colour", COLOURS),
    ("a shape", SHAPES),
    ('"at the"', ("at the",)),
    ("a place", PLACES),
    ('"on"', ("on",)),
    ("a ground", GROUNDS),
)

NOTHING = ""  # in the place of words that there are not
WORDS = (NOTHING, *dict.fromkeys(word for _, known in _SLOTS for words in known for word in words.split()))
LENGTH = 10  # words in the longest sentence


def tokens(scenes: Sequence[Scene]) -> np.ndarray:
    """The sentences for scenes with one thing as numbers of words in WORDS, int64 (N, LENGTH), padded with 0.

    >>> [WORDS[k] for k in tokens([understand(FORM)])[0]]
    ['a', 'small', 'red', 'circle', 'at', 'the', 'top', 'left', 'on', 'blue']
    """
    return numbered([sentence(scene).replace(",", "") for scene in scenes], WORDS, LENGTH)


def numbered(texts: Sequence[str], known: Sequence[str], length: int) -> np.ndarray:
    """Texts as numbers of words in `known`, int64 (N, length), padded with 0, as which two spaces count, too.

    >>> numbered(["b a", "b  a"], ["", "a", "b"], 4)
    array([[2, 1, 0, 0],
           [2, 0, 1, 0]])
    """
    numbers = np.zeros((len(texts), length), np.int64)
    for row, text in zip(numbers, texts, strict=True):
        words = text.split(" ")
        row[: len(words)] = [known.index(word) for word in words]
    return numbers


def listed(words: Sequence[str], last: str = "or") -> str:
    """Words in a row.

    >>> listed(SHAPES)
    'circle, square, triangle or cross'
    """
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
