"""Changes of pictures in words: a grammar so small that of every picture can be said what is right.

    make the {…} {red, …}                 make the {…} {small, large}          make the ground {black, …}
    turn the {…} into a {circle, …}       move the {…} to the {top left, …}    remove the {…}

where {…} is a thing by its shape, "circle", or by colour and shape, "red circle". The things of a picture differ in
shape, so that either name means one of them.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tinyunet.data._checks import DataError
from tinyunet.data.sentences import (
    COLOURS,
    GROUNDS,
    NOTHING,
    PLACES,
    SHAPES,
    SIZES,
    Slot,
    Thing,
    listed,
    matched,
    numbered,
    words_of,
)
from tinyunet.data.things import Drawn, Placed, apart, arranged, outlines, outlines_of

T = TypeVar("T")

FORMS = {  # for each attribute that changes
    "colour": "make the {thing} {to}",
    "size": "make the {thing} {to}",
    "shape": "turn the {thing} into a {to}",
    "place": "move the {thing} to the {to}",
    "nothing": "remove the {thing}",
    "ground": "make the ground {to}",
}
BECOMES = {"colour": COLOURS, "size": SIZES, "shape": SHAPES, "place": PLACES, "nothing": (NOTHING,)}
FORM = "make the red circle green"

NEVER = "triangle", "purple"  # a triangle is never learnt to be made purple, by whichever name
HELD_OUT = 45  # of the other instructions, a tenth


class Instruction(NamedTuple):
    """What is to change, of which thing, and what it becomes.

    Attributes:
        what: the attribute, a key of FORMS.
        shape: of the thing; "" for the ground.
        to: what the attribute becomes; "" where the thing is removed.
        colour: of the thing, if its name says it; else "".
    """

    what: str
    shape: str
    to: str
    colour: str = ""

    @property
    def name(self) -> str:
        """What the thing is called."""
        return f"{self.colour} {self.shape}".strip()

    def __str__(self) -> str:
        return FORMS[self.what].format(thing=self.name, to=self.to)


def _all() -> Iterator[Instruction]:
    for what, words in BECOMES.items():
        for shape, to, colour in itertools.product(SHAPES, words, ("", *COLOURS)):
            if to not in (shape, colour) or to == NOTHING:
                yield Instruction(what, shape, to, colour)
    for ground in GROUNDS:
        yield Instruction("ground", "", ground)


INSTRUCTIONS = tuple(_all())
_BY_TEXT = {str(instruction): instruction for instruction in INSTRUCTIONS}


class Split(NamedTuple):
    """The instructions: those to learn from, those held out, and those with the change that is never learnt."""

    seen: tuple[Instruction, ...]
    unseen: tuple[Instruction, ...]
    pair: tuple[Instruction, ...]


def split_instructions() -> Split:
    """The same split always: of what is not seen, every word is seen in other company.

    >>> [len(part) for part in split_instructions()]
    [405, 45, 6]
    """
    pair = tuple(each for each in INSTRUCTIONS if (each.shape, each.to) == NEVER)
    others = [each for each in INSTRUCTIONS if each not in pair]
    order = np.random.default_rng(0).permutation(len(others))
    unseen, seen = (tuple(others[k] for k in sorted(part)) for part in np.split(order, [HELD_OUT]))
    return Split(seen, unseen, pair)


def understand(text: str) -> Instruction:
    """The instruction that a text gives; `str` the other way round. Capitals and a stop at the end do not count.

    Raises:
        DataError: a word that is not known where it stands, with those that are; what changes nothing.

    >>> understand("Move the red circle to the bottom left.")
    Instruction(what='place', shape='circle', to='bottom left', colour='red')
    """
    words = words_of(text)
    verb = words[0] if words else ""
    named = any(words[2:3] == [colour] for colour in COLOURS)
    thing: list[Slot] = [("a colour", COLOURS)] * named + [("a shape" if named else "a colour or a shape", SHAPES)]
    becomes: dict[str, list[Slot]] = {
        "make": [("a colour or a size", (*COLOURS, *SIZES))],
        "turn": [('"into a"', ("into a",)), ("a shape", SHAPES)],
        "move": [('"to the"', ("to the",)), ("a place", PLACES)],
        "remove": [],
    }
    if verb not in becomes:
        raise DataError(f'"{text}": an instruction begins with {listed(list(becomes))}, as in: {FORM}')
    if verb == "make" and words[2:3] == ["ground"]:
        thing, becomes[verb] = [("the ground", ("ground",))], [("a ground", GROUNDS)]
    slots: list[Slot] = [("a verb", (verb,)), ('"the"', ("the",)), *thing, *becomes[verb]]
    found = matched(text, slots, FORM)
    instruction = _BY_TEXT.get(" ".join(found))
    if instruction is None:
        raise DataError(f'"{text}" changes nothing')
    return instruction


def answers(before: Drawn, instruction: Instruction) -> list[Drawn]:
    """All that is right: the picture as it is to become.

    That is one, but where a thing is moved: at its new place it may lie in any of four positions where it touches no
    other thing. A thing that changes its size or shape stays where it is.

    Raises:
        DataError: an instruction that means nothing in this picture, and why.

    >>> from tinyunet.data.things import Placed
    >>> before = Drawn((Placed(0, "red"),), "white")
    >>> answers(before, understand("make the circle green"))
    [Drawn(placed=(Placed(outline=0, colour='green'),), ground='white')]
    """
    what, shape, to, _ = instruction
    placed, ground = before
    if what == "ground":
        if to == ground:
            raise DataError(f"the ground is {to} already")
        if hidden := [p.thing.shape for p in placed if p.colour == to]:
            raise DataError(f"on {to} nobody would see the {hidden[0]}, which is {to}")
        return [Drawn(placed, to)]
    it = meant(placed, instruction)
    others = tuple(p for p in placed if p is not it)
    if what == "nothing":
        return [Drawn(others, ground)]
    new = it.thing._replace(**{what: to})
    if new == it.thing:
        raise DataError(f"the {shape} is {'there' if what == 'place' else to} already")
    if new.colour == ground:
        raise DataError(f"what is {to} cannot be seen on {ground}; another colour, or another ground first")
    if what == "shape" and any(p.thing.shape == to for p in others):
        raise DataError(f"there is a {to} already, and things are told apart by their shapes")
    here = outlines()[it.outline][-2:]  # y, x
    possible = outlines_of(new.size, new.shape, new.place)
    becomes = [Placed(k, new.colour) for k in possible if what == "place" or outlines()[k][-2:] == here]
    found = [Drawn((*others, p), ground) for p in becomes if apart((*others, p))]
    if not found:
        raise DataError(f"there is no room for a {new.size} {new.shape} at the {new.place}: it would touch another")
    return found


def meant(placed: Sequence[Placed], instruction: Instruction) -> Placed:
    """The thing that an instruction names.

    Raises:
        DataError: there is none, with those that there are; or more than one.
    """
    found = [p for p in placed if p.thing.shape == instruction.shape and instruction.colour in ("", p.colour)]
    if len(found) == 1:
        return found[0]
    there = listed([f"a {p.colour} {p.thing.shape}" for p in placed], "and") if placed else "nothing"
    raise DataError(f"there is {'more than one' if found else 'no'} {instruction.name} in the picture, but {there}")


class Change(NamedTuple):
    """A picture, an instruction for it, and all that it may become."""

    before: Drawn
    instruction: Instruction
    after: list[Drawn]


def change(rng: np.random.Generator, instruction: Instruction, counts: Sequence[int] = (1, 2, 2, 3)) -> Change:
    """A picture in which an instruction can be followed; its things, as many as one of `counts`, differ in shape."""
    while True:
        before = _picture_with(instruction.shape, instruction.colour, rng, counts)
        with contextlib.suppress(DataError):
            return Change(before, instruction, answers(before, instruction))


def _picture_with(shape: str, colour: str, rng: np.random.Generator, counts: Sequence[int]) -> Drawn:
    """A picture with a thing of this shape and colour among others; "" stands for any."""
    ground = _one(rng, [ground for ground in GROUNDS if ground != colour])
    colours = [each for each in COLOURS if each != ground]
    shapes = sorted(rng.permutation(SHAPES).tolist(), key=lambda each: each != shape)  # this one first
    places = rng.permutation(PLACES).tolist()
    while True:
        others = [_one(rng, colours) for _ in shapes[1:]]
        things = map(Thing, rng.choice(SIZES, 4).tolist(), [colour or _one(rng, colours), *others], shapes, places)
        with contextlib.suppress(ValueError):  # there was no room
            return Drawn(arranged(list(things)[: _one(rng, counts)], rng, tries=3), ground)


Groups = list[list[list[Instruction]]]  # by attribute, and by whether the name of the thing is short or long


def grouped(instructions: Sequence[Instruction]) -> Groups:
    """For `some_instruction`."""
    by_what = [[each for each in instructions if each.what == what] for what in FORMS]
    both = [[[each for each in part if bool(each.colour) == long] for long in (False, True)] for part in by_what]
    return [[part for part in pair if part] for pair in both if any(pair)]


def some_instruction(rng: np.random.Generator, groups: Groups) -> Instruction:
    """One of them: every attribute is as likely to change, and a name as likely to be short as to be long."""
    return _one(rng, _one(rng, _one(rng, groups)))


def _one(rng: np.random.Generator, among: Sequence[T]) -> T:
    return among[int(rng.integers(len(among)))]


WORDS = (NOTHING, *dict.fromkeys(word for text in _BY_TEXT for word in text.split()))
LENGTH = max(len(text.split()) for text in _BY_TEXT)  # words in the longest instruction


def tokens(instructions: Sequence[Instruction]) -> np.ndarray:
    """Instructions as numbers of words in WORDS, int64 (N, LENGTH), padded with 0.

    A 0 also stands for a colour that the name of the thing does not say, so that a word has one place with either name.

    >>> [WORDS[k] for k in tokens([understand("make the circle green")])[0]]
    ['make', 'the', '', 'circle', 'green', '', '', '']
    """
    texts = [FORMS[each.what].format(thing=f"{each.colour} {each.shape}", to=each.to) for each in instructions]
    return numbered(texts, WORDS, LENGTH)
